//! How long keys live: TTL, PTTL, EXPIRETIME, PEXPIRETIME.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use warren_resp::Args;
use warren_units::UnixMillis;

/// The reply for a missing key.
const NO_KEY: i64 = -2;
/// The reply for a key without a deadline.
const NO_DEADLINE: i64 = -1;

pub static TTL: CommandSpec = CommandSpec {
    name: "ttl",
    arity: 2,
    flags: Flags::READONLY.or(Flags::FAST),
    keys: Keys::FIRST,
    categories: "",
    group: Group::Generic,
    since: "1.0.0",
    summary: "Returns the time a key has left to live, in seconds.",
    complexity: "O(1)",
    syntax: "key",
    carrier: Carrier::Cache(ttl),
};

pub static PTTL: CommandSpec = CommandSpec {
    name: "pttl",
    since: "2.6.0",
    summary: "Returns the time a key has left to live, in milliseconds.",
    carrier: Carrier::Cache(pttl),
    ..TTL
};

pub static EXPIRETIME: CommandSpec = CommandSpec {
    name: "expiretime",
    since: "7.0.0",
    summary: "Returns the Unix time at which a key expires, in seconds.",
    carrier: Carrier::Cache(expiretime),
    ..TTL
};

pub static PEXPIRETIME: CommandSpec = CommandSpec {
    name: "pexpiretime",
    since: "7.0.0",
    summary: "Returns the Unix time at which a key expires, in milliseconds.",
    carrier: Carrier::Cache(pexpiretime),
    ..TTL
};

fn ttl(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    reply_deadline(context, args, context.now(), to_seconds)
}

fn pttl(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    reply_deadline(context, args, context.now(), |milliseconds| milliseconds)
}

fn expiretime(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    reply_deadline(context, args, UnixMillis(0), to_seconds)
}

fn pexpiretime(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    reply_deadline(context, args, UnixMillis(0), |milliseconds| milliseconds)
}

/// Rounded to the nearest.
fn to_seconds(milliseconds: u64) -> u64 {
    milliseconds.saturating_add(500) / 1000
}

fn reply_deadline(
    context: &mut Context<'_, '_>,
    args: Args<'_>,
    base: UnixMillis,
    unit: fn(u64) -> u64,
) -> Result<(), CommandError> {
    let place = context.read_unnoticed(args.get(1));
    let left = match context.shared.keyspace.entry(place) {
        None => NO_KEY,
        Some(entry) => {
            entry.expire_at().map_or(NO_DEADLINE, |deadline| unit(deadline.0.saturating_sub(base.0)) as i64)
        }
    };
    context.reply.integer(left);
    Ok(())
}
