//! Values under other keys: RENAME, RENAMENX, COPY, MOVE.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::keyspace::Place;
use crate::keyspace::effects::key::{Copy, Rename};
use crate::parse::{is_option, need_database};
use warren_resp::Args;

pub static RENAME: CommandSpec = CommandSpec {
    name: "rename",
    arity: 3,
    flags: Flags::WRITE,
    keys: Keys::TWO,
    categories: "",
    group: Group::Generic,
    since: "1.0.0",
    summary: "Renames a key, over the key that has the new name.",
    complexity: "O(1)",
    syntax: "key newkey",
    carrier: Carrier::Cache(rename),
};

pub static RENAMENX: CommandSpec = CommandSpec {
    name: "renamenx",
    flags: Flags::WRITE.or(Flags::FAST),
    summary: "Renames a key if no key has the new name.",
    carrier: Carrier::Cache(renamenx),
    ..RENAME
};

pub static COPY: CommandSpec = CommandSpec {
    name: "copy",
    arity: -3,
    flags: Flags::WRITE.or(Flags::DENYOOM),
    since: "6.2.0",
    summary: "Copies the value of a key to another key.",
    complexity: "O(1): large values are shared until one of the copies changes.",
    syntax: "source destination [DB destination-db] [REPLACE]",
    carrier: Carrier::Cache(copy),
    ..RENAME
};

pub static MOVE: CommandSpec = CommandSpec {
    name: "move",
    flags: Flags::WRITE.or(Flags::FAST),
    keys: Keys::FIRST,
    summary: "Moves a key to another database.",
    syntax: "key db",
    carrier: Carrier::Cache(move_key),
    ..RENAME
};

const SAME_OBJECT: CommandError = CommandError::fixed("ERR source and destination objects are the same");

/// Looks two keys up. Both places are good, as the second is looked up first and nothing is removed when
/// the first is there.
fn find_both<'k>(
    context: &mut Context<'_, '_>,
    from: &'k [u8],
    to_database: u8,
    to: &'k [u8],
) -> Option<(Place<'k>, Place<'k>)> {
    let to = context.write_in(to_database, to);
    let from = context.write(from);
    from.slot.is_some().then_some((from, to))
}

fn rename(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    rename_unless(context, args, |_| false)?;
    context.reply.ok();
    Ok(())
}

fn renamenx(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let is_renamed = rename_unless(context, args, |to| to.slot.is_some())?;
    context.reply.integer(i64::from(is_renamed));
    Ok(())
}

fn rename_unless(
    context: &mut Context<'_, '_>,
    args: Args<'_>,
    is_refused: impl FnOnce(Place<'_>) -> bool,
) -> Result<bool, CommandError> {
    let database = context.session.database;
    let (from, to) = find_both(context, args.get(1), database, args.get(2))
        .ok_or(CommandError::fixed("ERR no such key"))?;
    if is_refused(to) {
        return Ok(false);
    }
    if from.key != to.key {
        context.apply(Rename { from, to });
    }
    Ok(true)
}

fn copy(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let mut database = context.session.database;
    let mut is_replacing = false;
    let mut position = 3;
    while position < args.len() {
        let option = args.get(position);
        if is_option(option, "REPLACE") {
            is_replacing = true;
        } else if is_option(option, "DB") && position + 1 < args.len() {
            position += 1;
            database = need_database(args.get(position))?;
        } else {
            return Err(CommandError::Syntax);
        }
        position += 1;
    }
    if database == context.session.database && args.get(1) == args.get(2) {
        return Err(SAME_OBJECT);
    }
    let places = find_both(context, args.get(1), database, args.get(2))
        .filter(|(_, to)| is_replacing || to.slot.is_none());
    if let Some((from, to)) = places {
        context.apply(Copy { from, to });
    }
    context.reply.integer(i64::from(places.is_some()));
    Ok(())
}

fn move_key(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let database = need_database(args.get(2))?;
    if database == context.session.database {
        return Err(SAME_OBJECT);
    }
    let key = args.get(1);
    let places = find_both(context, key, database, key).filter(|(_, to)| to.slot.is_none());
    if let Some((from, to)) = places {
        context.apply(Rename { from, to });
    }
    context.reply.integer(i64::from(places.is_some()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn values_change_keys_with_their_deadlines() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("SET a 1 EX 100", "+OK|"),
                ("SET b 2", "+OK|"),
                ("RENAMENX a b", ":0|"),
                ("RENAME a b", "+OK|"),
                ("RENAME a b", "-ERR no such key|"),
                ("RENAME b b", "+OK|"),
                ("TTL b", ":100|"),
                ("COPY b c", ":1|"),
                ("COPY b c", ":0|"),
                ("COPY b b", "-ERR source and destination objects are the same|"),
                ("COPY b c DB 1 REPLACE", ":1|"),
                ("COPY b c DB 16", "-ERR DB index is out of range|"),
                ("MOVE c 1", ":0|"),
                ("MOVE b 2", ":1|"),
                ("MOVE missing 2", ":0|"),
            ],
        );
        let mut replayed = world.replayed();
        let client = replayed.connect();
        replayed.transcript(
            client,
            &[
                ("MGET a b c", "*3|$-1|$-1|$1|1|"),
                ("TTL c", ":100|"),
                ("MOVE c 2", ":1|"),
                ("COPY c d", ":0|"),
            ],
        );
        let keyspace = &replayed.cache.shared.keyspace;
        let sizes = [0, 1, 2].map(|database| keyspace.database(database).table.len());
        assert_eq!(sizes, [0, 1, 2]);
    }
}
