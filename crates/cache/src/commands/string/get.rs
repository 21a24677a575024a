//! GET.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::keyspace::string::StringRef;
use warren_resp::{Args, Reply};

pub static GET: CommandSpec = CommandSpec {
    name: "get",
    arity: 2,
    flags: Flags::READONLY.or(Flags::FAST),
    keys: Keys::FIRST,
    categories: "",
    group: Group::String,
    since: "1.0.0",
    summary: "Returns the string value of a key.",
    complexity: "O(1)",
    syntax: "key",
    carrier: Carrier::Cache(get),
};

fn get(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.read(args.get(1));
    match context.shared.keyspace.string(place)? {
        None => context.reply.null(),
        Some(string) => reply_string(&mut context.reply, string),
    }
    Ok(())
}

/// Replies a string value as a bulk string, by reference where it is shared.
#[inline]
pub fn reply_string(reply: &mut Reply<'_>, string: StringRef<'_>) {
    match string {
        StringRef::Plain(slice) => reply.bulk(slice),
        StringRef::Integer(value) => reply.bulk_integer(value),
        StringRef::Shared(bytes) => reply.bulk_shared(bytes),
    }
}
