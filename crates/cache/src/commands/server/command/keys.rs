//! COMMAND GETKEYS and GETKEYSANDFLAGS.

use super::describe::reply_words;
use super::key_uses::uses_of_call;
use crate::command::{CommandError, CommandSpec, Keys};
use crate::context::Context;
use warren_resp::Args;

pub fn get_keys(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let (_, keys) = find(context, args.from(2))?;
    context.reply.array(keys.len());
    keys.iter().for_each(|key| context.reply.bulk(key));
    Ok(())
}

pub fn get_keys_and_flags(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let call = args.from(2);
    let (spec, keys) = find(context, call)?;
    let uses = uses_of_call(spec, call);
    context.reply.array(keys.len());
    for (index, key) in keys.into_iter().enumerate() {
        context.reply.array(2);
        context.reply.bulk(key);
        let flags = if index == 0 { uses.first() } else { uses.last() };
        reply_words(&mut context.reply, flags.expect("a command with keys uses them"));
    }
    Ok(())
}

/// The row of a call and its keys.
fn find<'k>(
    context: &Context<'_, '_>,
    call: Args<'k>,
) -> Result<(&'static CommandSpec, Vec<&'k [u8]>), CommandError> {
    let invalid = || CommandError::fixed("ERR Invalid command specified");
    let row = context.shared.lookup.find(call.get(0)).ok_or_else(invalid)?;
    if row.subcommands().next().is_some() && call.len() > 1 {
        let name = call.get(1);
        row.subcommands()
            .find(|row| row.spec.name.as_bytes().eq_ignore_ascii_case(name))
            .ok_or_else(invalid)?;
    }
    let resolved = context.resolve(call).map(|row| row.spec);
    if matches!(resolved.as_ref().unwrap_or(&row.spec).keys, Keys::None) {
        return Err(CommandError::fixed("ERR The command has no key arguments"));
    }
    let spec =
        resolved.map_err(|_| CommandError::fixed("ERR Invalid number of arguments specified for command"))?;
    let positions = spec
        .key_positions(call)
        .filter(|positions| !positions.is_empty())
        .ok_or(CommandError::fixed("ERR Invalid arguments specified for command"))?;
    Ok((spec, positions.into_iter().map(|position| call.get(position)).collect()))
}
