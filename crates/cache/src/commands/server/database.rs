//! DBSIZE, FLUSHDB, FLUSHALL and SWAPDB: whole databases.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::keyspace::effects::database::{Flush, Swap};
use crate::parse::{is_option, need_database_or};
use std::marker::PhantomData;
use warren_resp::Args;
use warren_units::bounds::DATABASE_COUNT;

pub static DBSIZE: CommandSpec = CommandSpec {
    name: "dbsize",
    arity: 1,
    flags: Flags::READONLY.or(Flags::FAST),
    keys: Keys::None,
    categories: "keyspace",
    group: Group::Server,
    since: "1.0.0",
    summary: "Returns the number of keys in the database.",
    complexity: "O(1)",
    syntax: "",
    carrier: Carrier::Cache(size),
};

pub static FLUSHDB: CommandSpec = CommandSpec {
    name: "flushdb",
    arity: -1,
    flags: Flags::WRITE,
    categories: "keyspace dangerous",
    summary: "Removes all keys of the database.",
    complexity: "O(1): the keys are freed aside.",
    syntax: "[ASYNC | SYNC]",
    carrier: Carrier::Cache(flush_database),
    ..DBSIZE
};

pub static FLUSHALL: CommandSpec = CommandSpec {
    name: "flushall",
    summary: "Removes all keys of all databases.",
    carrier: Carrier::Cache(flush_all),
    ..FLUSHDB
};

pub static SWAPDB: CommandSpec = CommandSpec {
    name: "swapdb",
    arity: 3,
    flags: Flags::WRITE.or(Flags::FAST),
    since: "4.0.0",
    summary: "Exchanges two databases.",
    complexity: "O(N) where N is the number of watched keys.",
    syntax: "index1 index2",
    carrier: Carrier::Cache(swap),
    ..FLUSHDB
};

fn size(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    let count = context.keyspace().database(context.session.database).table.len();
    context.reply.integer(count as i64);
    Ok(())
}

fn flush_database(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    check_mode(args)?;
    flush(context, context.session.database);
    context.reply.ok();
    Ok(())
}

fn flush_all(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    check_mode(args)?;
    for database in 0..DATABASE_COUNT as u8 {
        flush(context, database);
    }
    context.reply.ok();
    Ok(())
}

/// ASYNC and SYNC are one: the old table is freed outside the engine in both.
fn check_mode(args: Args<'_>) -> Result<(), CommandError> {
    match args.len() {
        1 => Ok(()),
        2 if is_option(args.get(1), "ASYNC") || is_option(args.get(1), "SYNC") => Ok(()),
        _ => Err(CommandError::Syntax),
    }
}

fn flush(context: &mut Context<'_, '_>, database: u8) {
    if !context.keyspace().database(database).table.is_empty() {
        context.apply(Flush { database, lifetime: PhantomData });
    }
}

fn swap(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let first = need_database_or(args.get(1), "ERR invalid first DB index")?;
    let second = need_database_or(args.get(2), "ERR invalid second DB index")?;
    if first != second {
        context.apply(Swap { first, second, lifetime: PhantomData });
    }
    context.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn databases_are_flushed_and_swapped_and_replay() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("SET a 0", "+OK|"),
                ("SELECT 1", "+OK|"),
                ("SET b 1", "+OK|"),
                ("SET c 1", "+OK|"),
                ("DBSIZE", ":2|"),
                ("SWAPDB 0 1", "+OK|"),
                ("DBSIZE", ":1|"),
                ("SWAPDB 0 99", "-ERR DB index is out of range|"),
                ("SWAPDB x 1", "-ERR invalid first DB index|"),
                ("SWAPDB 0 x", "-ERR invalid second DB index|"),
                ("FLUSHDB NOW", "-ERR syntax error|"),
                ("SELECT 2", "+OK|"),
                ("SET d 2", "+OK|"),
                ("FLUSHDB", "+OK|"),
                ("DBSIZE", ":0|"),
            ],
        );
        let mut replayed = world.replayed();
        let reader = replayed.connect();
        replayed.transcript(reader, &[("DBSIZE", ":2|"), ("SELECT 1", "+OK|"), ("GET a", "$1|0|")]);
        world.transcript(client, &[("FLUSHALL ASYNC", "+OK|"), ("SELECT 0", "+OK|"), ("DBSIZE", ":0|")]);
    }
}
