//! COMMAND GETKEYS and GETKEYSANDFLAGS.

use super::describe::key_flags;
use crate::command::{CommandError, CommandSpec};
use crate::context::Context;
use warren_resp::Args;

pub fn get_keys(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let (_, keys) = find(context, args.from(2))?;
    context.reply.array(keys.len());
    keys.iter().for_each(|key| context.reply.bulk(key));
    Ok(())
}

pub fn get_keys_and_flags(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let (spec, keys) = find(context, args.from(2))?;
    context.reply.array(keys.len());
    for key in keys {
        context.reply.array(2);
        context.reply.bulk(key);
        let flags = key_flags(spec);
        context.reply.set(flags.len());
        flags.iter().for_each(|flag| context.reply.simple(flag));
    }
    Ok(())
}

/// The row of a call and its keys.
fn find<'k>(
    context: &Context<'_, '_>,
    call: Args<'k>,
) -> Result<(&'static CommandSpec, Vec<&'k [u8]>), CommandError> {
    if context.shared.lookup.find(call.get(0)).is_none() {
        return Err(CommandError::fixed("ERR Invalid command specified"));
    }
    let row = context
        .resolve(call)
        .map_err(|_| CommandError::fixed("ERR Invalid number of arguments specified for command"))?;
    let keys: Vec<_> = row.spec.key_positions(call).into_iter().map(|position| call.get(position)).collect();
    if keys.is_empty() {
        return Err(CommandError::fixed("ERR The command has no key arguments"));
    }
    Ok((row.spec, keys))
}
