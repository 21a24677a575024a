//! COMMAND, COMMAND COUNT, INFO and LIST.

use super::key_uses;
use crate::command::{CommandError, CommandSpec, Flags, Keys};
use crate::context::{Context, Shared};
use crate::glob;
use crate::lookup::Row;
use crate::parse::is_option;
use warren_resp::{Args, Reply};

/// ACL categories in the order COMMAND and ACL CAT list them.
pub const CATEGORIES: [&str; 21] = [
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
];

pub fn all(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    let rows: Vec<Row> = context.shared.lookup.rows().collect();
    context.reply.array(rows.len());
    rows.into_iter().for_each(|row| describe(&mut context.reply, row));
    Ok(())
}

pub fn count(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    let count = context.shared.lookup.rows().len();
    context.reply.integer(count as i64);
    Ok(())
}

pub fn info(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    if args.len() == 2 {
        return all(context, args);
    }
    context.reply.array(args.len() - 2);
    for name in args.from(2).iter() {
        match find(context.shared, name) {
            Some(row) => describe(&mut context.reply, row),
            None => context.reply.null(),
        }
    }
    Ok(())
}

/// A row by its name, a subcommand's by `container|name`.
pub fn find(shared: &Shared, name: &[u8]) -> Option<Row> {
    let mut words = name.splitn(2, |byte| *byte == b'|');
    let row = shared.lookup.find(words.next()?)?;
    match words.next() {
        None => Some(row),
        Some(name) => row.subcommands().find(|row| row.spec.name.as_bytes().eq_ignore_ascii_case(name)),
    }
}

pub fn list(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let filter = match args.len() {
        2 => None,
        5 if is_option(args.get(2), "FILTERBY") => Some((args.get(3), args.get(4))),
        _ => return Err(CommandError::Syntax),
    };
    let rows = context.shared.lookup.rows().flat_map(|row| std::iter::once(row).chain(row.subcommands()));
    let rows: Vec<Row> = match filter {
        None => rows.collect(),
        Some((by, _)) if is_option(by, "MODULE") => Vec::new(),
        Some((by, wanted)) if is_option(by, "ACLCAT") => rows
            .filter(|row| categories(row.spec).any(|name| wanted.eq_ignore_ascii_case(name.as_bytes())))
            .collect(),
        Some((by, pattern)) if is_option(by, "PATTERN") => {
            let pattern = pattern.to_ascii_lowercase();
            rows.filter(|row| glob::matches(&pattern, row.full_name().as_bytes())).collect()
        }
        Some(_) => return Err(CommandError::Syntax),
    };
    context.reply.array(rows.len());
    rows.iter().for_each(|row| context.reply.bulk(row.full_name().as_bytes()));
    Ok(())
}

/// All ACL categories of a row, those that follow from its flags and group included.
pub fn categories(spec: &CommandSpec) -> impl Iterator<Item = &'static str> + '_ {
    CATEGORIES.into_iter().filter(move |category| {
        let follows = match *category {
            "read" => spec.flags.has(Flags::READONLY),
            "write" => spec.flags.has(Flags::WRITE),
            "admin" | "dangerous" => spec.flags.has(Flags::ADMIN),
            "pubsub" => spec.flags.has(Flags::PUBSUB),
            "fast" => spec.flags.has(Flags::FAST),
            "slow" => !spec.flags.has(Flags::FAST),
            "blocking" => spec.flags.has(Flags::BLOCKING),
            _ => false,
        };
        follows
            || spec.group.category() == Some(*category)
            || spec.categories.split(' ').any(|named| named == *category)
    })
}

/// The entry of COMMAND.
fn describe(reply: &mut Reply<'_>, row: Row) {
    let spec = row.spec;
    let (first, last, step) = range(spec.keys);
    reply.array(10);
    reply.bulk(row.full_name().as_bytes());
    reply.integer(i64::from(spec.arity));
    let flags = flags(spec);
    let names: Vec<_> = Flags::NAMES.iter().filter(|(flag, _)| flags.has(*flag)).collect();
    reply.set(names.len());
    names.iter().for_each(|(_, name)| reply.simple(name));
    for number in [first, last, step] {
        reply.integer(i64::from(number));
    }
    let categories: Vec<_> = categories(spec).collect();
    reply.set(categories.len());
    categories.iter().for_each(|category| reply.simple(&format!("@{category}")));
    reply.set(0);
    describe_keys(reply, spec);
    let subcommands: Vec<Row> = row.subcommands().collect();
    match subcommands.len() {
        0 => reply.set(0),
        count => reply.array(count),
    }
    subcommands.into_iter().for_each(|row| describe(reply, row));
}

fn flags(spec: &CommandSpec) -> Flags {
    match spec.keys {
        Keys::None | Keys::Range { .. } => spec.flags,
        Keys::Counted { .. } | Keys::RangeAndCounted { .. } | Keys::Found(_) => {
            spec.flags.or(Flags::MOVABLE_KEYS)
        }
    }
}

/// First, last and step as COMMAND gives them; zeros where the keys have no fixed place.
fn range(keys: Keys) -> (i32, i32, i32) {
    match keys {
        Keys::Range { first, last, step } => (first, last, step),
        Keys::RangeAndCounted { first, .. } => (first, first, 1),
        // SORT and GEORADIUS, whose first key has its place.
        Keys::Found(_) => (1, 1, 1),
        Keys::None | Keys::Counted { .. } => (0, 0, 0),
    }
}

/// Where the keys are and what is done to them, as key specifications.
fn describe_keys(reply: &mut Reply<'_>, spec: &CommandSpec) {
    let specifications = key_uses::specifications(spec);
    reply.set(specifications.len());
    for specification in specifications {
        reply.map(3);
        reply.bulk(b"flags");
        reply_words(reply, specification.flags);
        let (search, find) = match specification.keys {
            Some(Keys::Range { first, last, step }) => {
                let last = if last < 0 { last } else { last - first };
                (Some(first), ("range", vec![("lastkey", last), ("keystep", step), ("limit", 0)]))
            }
            Some(Keys::Counted { count_at }) => {
                let fields = vec![("keynumidx", 0), ("firstkey", 1), ("keystep", 1)];
                (Some(count_at as i32), ("keynum", fields))
            }
            _ => (None, ("unknown", Vec::new())),
        };
        reply.bulk(b"begin_search");
        match search {
            Some(begin) => describe_search(reply, "index", &[("index", begin)]),
            None => describe_search(reply, "unknown", &[]),
        }
        reply.bulk(b"find_keys");
        describe_search(reply, find.0, &find.1);
    }
}

/// Blank-separated words as a set.
pub fn reply_words(reply: &mut Reply<'_>, words: &str) {
    reply.set(words.split(' ').count());
    words.split(' ').for_each(|word| reply.simple(word));
}

fn describe_search(reply: &mut Reply<'_>, kind: &str, fields: &[(&str, i32)]) {
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(kind.as_bytes());
    reply.bulk(b"spec");
    reply.map(fields.len());
    for (name, number) in fields {
        reply.bulk(name.as_bytes());
        reply.integer(i64::from(*number));
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn a_row_as_command_shows_it() {
        let mut world = World::default();
        let client = world.connect();
        let get = "*1|*10|$3|get|:2|*2|+readonly|+fast|:1|:1|:1|*3|+@read|+@string|+@fast|*0|*1|*6|$5|flags|\
                   *2|+RO|+access|$12|begin_search|*4|$4|type|$5|index|$4|spec|*2|$5|index|:1|$9|find_keys|*4|\
                   $4|type|$5|range|$4|spec|*6|$7|lastkey|:0|$7|keystep|:1|$5|limit|:0|*0|";
        world.transcript(
            client,
            &[
                ("COMMAND INFO get", get),
                ("COMMAND INFO nosuch", "*1|$-1|"),
                ("COMMAND LIST FILTERBY PATTERN CLIENT|KI*", "*1|$11|client|kill|"),
                ("COMMAND LIST FILTERBY BOGUS x", "-ERR syntax error|"),
                (
                    "COMMAND LIST FILTERBY ACLCAT transaction",
                    "*5|$5|multi|$4|exec|$7|discard|$5|watch|$7|unwatch|",
                ),
                ("COMMAND NOSUCH", "-ERR unknown subcommand 'NOSUCH'. Try COMMAND HELP.|"),
            ],
        );
        let count = world.run(client, "COMMAND COUNT").replace([':', '|'], "");
        assert!(world.run(client, "COMMAND").starts_with(&format!("*{count}|")));
        assert!(world.run(client, "COMMAND INFO").starts_with(&format!("*{count}|")));
    }
}
