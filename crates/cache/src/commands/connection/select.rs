//! SELECT.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::parse::need_database;
use warren_resp::Args;

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
    context.session.database = need_database(args.get(1))?;
    context.reply.ok();
    Ok(())
}
