//! SELECT.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::parse;
use warren_resp::Args;
use warren_units::bounds::DATABASE_COUNT;

pub static SELECT: CommandSpec = CommandSpec {
    name: "select",
    arity: 2,
    flags: Flags::LOADING.or(Flags::STALE).or(Flags::FAST),
    keys: Keys::None,
    categories: "",
    group: Group::Connection,
    since: "1.0.0",
    summary: "Changes the database of the connection.",
    complexity: "O(1)",
    syntax: "index",
    carrier: Carrier::Cache(select),
};

fn select(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    context.session.database = database(args.get(1), "value is not an integer or out of range")?;
    context.reply.ok();
    Ok(())
}

/// The number of a database; `not_integer` is what Redis says to text that is no number.
///
/// # Errors
/// No integer, or no such database.
pub fn database(text: &[u8], not_integer: &str) -> Result<u8, CommandError> {
    let number = parse::integer(text)
        .filter(|number| i32::try_from(*number).is_ok())
        .ok_or_else(|| CommandError::from(format!("ERR {not_integer}")))?;
    usize::try_from(number)
        .ok()
        .filter(|number| *number < DATABASE_COUNT)
        .map(|number| number as u8)
        .ok_or(CommandError::fixed("ERR DB index is out of range"))
}
