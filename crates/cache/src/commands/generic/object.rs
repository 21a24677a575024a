//! OBJECT: how a value is kept.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::eviction::policy::Uses;
use crate::keyspace::entry::Value;
use crate::keyspace::string::StringRef;
use crate::keyspace::{Container, KeyEntry};
use warren_resp::Args;

/// Redis keeps the integers below this once for all keys, and answers this reference count for them.
const SHARED_INTEGER_COUNT: i64 = 10_000;
const SHARED_REFERENCE_COUNT: i64 = i32::MAX as i64;

pub static OBJECT: CommandSpec = CommandSpec {
    name: "object",
    arity: -2,
    flags: Flags::NONE,
    keys: Keys::None,
    categories: "",
    group: Group::Generic,
    since: "2.2.3",
    summary: "Looks into how the server keeps a value.",
    complexity: "Depends on the subcommand.",
    syntax: "",
    carrier: Carrier::Subcommands(&[ENCODING, FREQ, HELP, IDLETIME, REFCOUNT]),
};

const ENCODING: CommandSpec = CommandSpec {
    name: "encoding",
    arity: 3,
    flags: Flags::READONLY,
    keys: Keys::Range { first: 2, last: 2, step: 1 },
    categories: "",
    group: Group::Generic,
    since: "2.2.3",
    summary: "Names the encoding of a key's value.",
    complexity: "O(1)",
    syntax: "key",
    carrier: Carrier::Cache(encoding),
};

const FREQ: CommandSpec = CommandSpec {
    name: "freq",
    since: "4.0.0",
    summary: "Returns how often a key is used, on a logarithmic scale.",
    carrier: Carrier::Cache(freq),
    ..ENCODING
};

const IDLETIME: CommandSpec = CommandSpec {
    name: "idletime",
    summary: "Returns for how many seconds a key has not been used.",
    carrier: Carrier::Cache(idletime),
    ..ENCODING
};

const REFCOUNT: CommandSpec = CommandSpec {
    name: "refcount",
    summary: "Returns how many references there are to a key's value.",
    carrier: Carrier::Cache(refcount),
    ..ENCODING
};

const HELP: CommandSpec = CommandSpec {
    name: "help",
    arity: 2,
    flags: Flags::LOADING.or(Flags::STALE),
    keys: Keys::None,
    since: "6.2.0",
    summary: "Lists the subcommands.",
    syntax: "",
    carrier: Carrier::Cache(help),
    ..ENCODING
};

fn encoding(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.peek(context.session.database, args.get(2));
    match context.shared.keyspace.entry(place) {
        Some(entry) => context.reply.bulk(encoding_name(entry).as_bytes()),
        None => context.reply.null(),
    }
    Ok(())
}

/// As Redis 7.0 names it, which has quicklists of any length and no listpack of a set.
pub fn encoding_name(entry: &KeyEntry) -> &'static str {
    match entry.container() {
        None => entry.string_encoding().map_or("raw", |encoding| encoding.name()),
        Some(Container::List(_)) => "quicklist",
        Some(Container::Hash(hash)) => hash.encoding(),
        Some(Container::Set(set)) if set.encoding() == "listpack" => "hashtable",
        Some(Container::Set(set)) => set.encoding(),
        Some(Container::SortedSet(sorted_set)) => sorted_set.encoding(),
    }
}

fn freq(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.peek(context.session.database, args.get(2));
    let keyspace = &context.shared.keyspace;
    let Some(entry) = keyspace.entry(place) else {
        context.reply.null();
        return Ok(());
    };
    let Some(frequency) = keyspace.access.frequency(entry) else {
        return Err(CommandError::fixed(
            "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when \
             switching between policies at runtime LRU and LFU data will take some time to adjust.",
        ));
    };
    context.reply.integer(i64::from(frequency));
    Ok(())
}

fn idletime(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.peek(context.session.database, args.get(2));
    let keyspace = &context.shared.keyspace;
    let Some(entry) = keyspace.entry(place) else {
        context.reply.null();
        return Ok(());
    };
    if keyspace.access.frequency(entry).is_some() {
        return Err(CommandError::fixed(
            "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching \
             between policies at runtime LRU and LFU data will take some time to adjust.",
        ));
    }
    context.reply.integer(i64::from(keyspace.access.idle_seconds(entry)));
    Ok(())
}

fn refcount(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.peek(context.session.database, args.get(2));
    // Where it has to know of each key how it is used, Redis shares no integers.
    let eviction = &context.shared.settings.eviction;
    let are_shared = eviction.memory_bytes_max == 0 || eviction.policy.uses == Uses::Ignored;
    match context.shared.keyspace.entry(place).map(|entry| entry.value()) {
        None => context.reply.null(),
        Some(Value::String(StringRef::Integer(0..SHARED_INTEGER_COUNT))) if are_shared => {
            context.reply.integer(SHARED_REFERENCE_COUNT);
        }
        Some(_) => context.reply.integer(1),
    }
    Ok(())
}

fn help(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    let rows = [ENCODING, FREQ, HELP, IDLETIME, REFCOUNT];
    context.reply.array(1 + 2 * rows.len());
    context.reply.simple("OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    for row in rows {
        context.reply.simple(format!("{} {}", row.name.to_uppercase(), row.syntax).trim_end());
        context.reply.simple(&format!("    {}", row.summary));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn encodings_references_and_idle_time() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("MSET a 1 b short c 10000", "+OK|"),
                ("OBJECT ENCODING a", "$3|int|"),
                ("OBJECT ENCODING b", "$6|embstr|"),
                ("APPEND b er", ":7|"),
                ("OBJECT ENCODING b", "$3|raw|"),
                ("OBJECT ENCODING missing", "$-1|"),
                ("OBJECT REFCOUNT a", ":2147483647|"),
                ("OBJECT REFCOUNT c", ":1|"),
                ("OBJECT BOGUS a", "-ERR unknown subcommand 'BOGUS'. Try OBJECT HELP.|"),
            ],
        );
        world.transcript(
            client,
            &[
                ("CONFIG SET maxmemory 1gb maxmemory-policy allkeys-lru", "+OK|"),
                ("OBJECT REFCOUNT a", ":1|"),
                ("CONFIG SET maxmemory-policy allkeys-random", "+OK|"),
                ("OBJECT REFCOUNT a", ":2147483647|"),
            ],
        );
        world.now = world.now.saturating_add(7000);
        world.transcript(
            client,
            &[
                ("OBJECT IDLETIME a", ":7|"),
                ("TTL a", ":-1|"),
                ("OBJECT IDLETIME a", ":7|"),
                ("GET a", "$1|1|"),
                ("OBJECT IDLETIME a", ":0|"),
                ("SET new 1", "+OK|"),
                ("OBJECT IDLETIME new", ":0|"),
            ],
        );
    }
}
