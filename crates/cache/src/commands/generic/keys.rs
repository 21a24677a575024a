//! What there is in a database: TYPE, KEYS, SCAN, RANDOMKEY.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::glob;
use crate::keyspace::entry::Entry;
use crate::keyspace::{KeyEntry, Kind};
use crate::scan::{ScanOptions, need_cursor};
use warren_resp::Args;
use warren_units::UnixMillis;

/// How often RANDOMKEY tries to find a key that has not expired.
const RANDOM_ATTEMPT_COUNT_MAX: usize = 100;
/// Buckets SCAN visits in a row per element asked for, so that an empty stretch ends a call too.
const SCAN_BUCKETS_PER_ELEMENT: usize = 10;

pub static TYPE: CommandSpec = CommandSpec {
    name: "type",
    arity: 2,
    flags: Flags::READONLY.or(Flags::FAST),
    keys: Keys::FIRST,
    categories: "",
    group: Group::Generic,
    since: "1.0.0",
    summary: "Names the type of a key's value.",
    complexity: "O(1)",
    syntax: "key",
    carrier: Carrier::Cache(kind),
};

pub static KEYS: CommandSpec = CommandSpec {
    name: "keys",
    flags: Flags::READONLY,
    keys: Keys::None,
    categories: "dangerous",
    summary: "Returns all keys that match a pattern.",
    complexity: "O(N) where N is the number of keys in the database.",
    syntax: "pattern",
    carrier: Carrier::Cache(keys),
    ..TYPE
};

pub static SCAN: CommandSpec = CommandSpec {
    name: "scan",
    arity: -2,
    flags: Flags::READONLY,
    keys: Keys::None,
    since: "2.8.0",
    summary: "Returns some keys and a cursor to go on with.",
    complexity: "O(1) a call, O(N) for a whole iteration over N keys.",
    syntax: "cursor [MATCH pattern] [COUNT count] [TYPE type]",
    carrier: Carrier::Cache(scan),
    ..TYPE
};

pub static RANDOMKEY: CommandSpec = CommandSpec {
    name: "randomkey",
    arity: 1,
    flags: Flags::READONLY,
    keys: Keys::None,
    summary: "Returns a key chosen at random.",
    syntax: "",
    carrier: Carrier::Cache(randomkey),
    ..TYPE
};

fn kind(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.read_unnoticed(args.get(1));
    let entry = context.shared.keyspace.entry(place).filter(|_| place.slot.is_some());
    context.reply.simple(entry.map_or("none", |entry| Kind::of(entry).name()));
    Ok(())
}

fn keys(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let pattern = args.get(1);
    let now = context.now();
    let table = &context.shared.keyspace.database(context.session.database).table;
    let mut found: Vec<&[u8]> = Vec::new();
    let mut cursor = 0;
    loop {
        cursor = table.scan(cursor, |entry| {
            if (pattern == b"*" || glob::matches(pattern, entry.key())) && is_alive(entry, now) {
                found.push(entry.key());
            }
        });
        if cursor == 0 {
            break;
        }
    }
    context.reply.array(found.len());
    found.into_iter().for_each(|key| context.reply.bulk(key));
    Ok(())
}

fn scan(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let mut cursor = need_cursor(args.get(1))?;
    let options = ScanOptions::read(args, 2, true)?;
    let now = context.now();
    let table = &context.shared.keyspace.database(context.session.database).table;
    let is_wanted = |entry: &KeyEntry| {
        let is_of_kind = |name: &[u8]| Kind::of(entry).name().as_bytes().eq_ignore_ascii_case(name);
        options.matches(entry.key()) && options.kind_name.is_none_or(is_of_kind) && is_alive(entry, now)
    };
    let mut found: Vec<&[u8]> = Vec::new();
    let mut visited = 0;
    for _ in 0..options.count.saturating_mul(SCAN_BUCKETS_PER_ELEMENT) {
        cursor = table.scan(cursor, |entry| {
            visited += 1;
            if is_wanted(entry) {
                found.push(entry.key());
            }
        });
        if cursor == 0 || visited >= options.count {
            break;
        }
    }
    context.reply.array(2);
    context.reply.bulk(itoa::Buffer::new().format(cursor).as_bytes());
    context.reply.array(found.len());
    found.into_iter().for_each(|key| context.reply.bulk(key));
    Ok(())
}

fn randomkey(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    let now = context.now();
    let shared = &mut *context.shared;
    let table = &shared.keyspace.database(context.session.database).table;
    let random = &mut shared.random;
    let alive = (0..RANDOM_ATTEMPT_COUNT_MAX)
        .map_while(|_| table.random_entry(|| random.next_u64()))
        .find(|entry| is_alive(entry, now));
    match alive {
        Some(entry) => context.reply.bulk(entry.key()),
        None => context.reply.null(),
    }
    Ok(())
}

fn is_alive(entry: &KeyEntry, now: UnixMillis) -> bool {
    Entry::expire_at(entry).is_none_or(|deadline| deadline > now)
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn keys_by_pattern_and_by_steps() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("RANDOMKEY", "$-1|"),
                ("SET only 1", "+OK|"),
                ("SET gone 1 PX 1", "+OK|"),
                ("TYPE only", "+string|"),
                ("TYPE missing", "+none|"),
                ("SCAN x", "-ERR invalid cursor|"),
                ("SCAN 0 COUNT 0", "-ERR syntax error|"),
                ("SCAN 0 COUNT", "-ERR syntax error|"),
            ],
        );
        world.now = world.now.saturating_add(1);
        world.transcript(
            client,
            &[
                ("KEYS *", "*1|$4|only|"),
                ("KEYS o?l[a-z]", "*1|$4|only|"),
                ("KEYS g*", "*0|"),
                ("RANDOMKEY", "$4|only|"),
                ("SCAN 0 COUNT 100", "*2|$1|0|*1|$4|only|"),
                ("SCAN 0 TYPE STRING", "*2|$1|0|*1|$4|only|"),
                ("SCAN 0 TYPE list", "*2|$1|0|*0|"),
                ("SCAN 0 MATCH g*", "*2|$1|0|*0|"),
            ],
        );
    }

    #[test]
    fn a_scan_in_small_steps_finds_every_key() {
        let mut world = World::default();
        let client = world.connect();
        for number in 0..1000 {
            world.run(client, &format!("SET key{number} 1"));
        }
        let mut found = std::collections::BTreeSet::new();
        let mut cursor = "0".to_owned();
        loop {
            let reply = world.run(client, &format!("SCAN {cursor} COUNT 7"));
            let words: Vec<&str> = reply.split('|').collect();
            found.extend(words.iter().filter(|word| word.starts_with("key")).map(|word| word.to_string()));
            cursor = words[2].to_owned();
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(found.len(), 1000);
    }
}
