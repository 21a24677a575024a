//! CLIENT ID, SETNAME, GETNAME and SETINFO.

use crate::command::{CommandError, quoted};
use crate::context::Context;
use crate::parse::is_option;
use warren_resp::Args;

pub fn id(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    context.reply.integer(context.session.id as i64);
    Ok(())
}

pub fn set_name(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    check_name(args.get(2))?;
    context.session.name = args.get(2).to_vec();
    context.reply.ok();
    Ok(())
}

pub fn get_name(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    match &context.session.name {
        name if name.is_empty() => context.reply.null(),
        name => context.reply.bulk(name),
    }
    Ok(())
}

pub fn set_info(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let (option, value) = (args.get(2), args.get(3));
    let field = if is_option(option, "LIB-NAME") {
        &mut context.session.library_name
    } else if is_option(option, "LIB-VER") {
        &mut context.session.library_version
    } else {
        let option = quoted(option);
        return Err(format!("ERR Unrecognized option '{option}'").into());
    };
    if !is_printable(value) {
        let option = quoted(option);
        return Err(format!("ERR {option} cannot contain spaces, newlines or special characters.").into());
    }
    *field = value.to_vec();
    context.reply.ok();
    Ok(())
}

/// Names stand in the blank-separated lines of CLIENT LIST.
///
/// # Errors
/// A blank, control or non-ASCII byte.
pub fn check_name(name: &[u8]) -> Result<(), CommandError> {
    if is_printable(name) {
        return Ok(());
    }
    Err(CommandError::fixed("ERR Client names cannot contain spaces, newlines or special characters."))
}

fn is_printable(text: &[u8]) -> bool {
    text.iter().all(|byte| (b'!'..=b'~').contains(byte))
}
