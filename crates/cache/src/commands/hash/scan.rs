//! HSCAN.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::reply_text::reply_text;
use crate::scan::{ScanOptions, need_cursor};
use warren_resp::Args;

pub static HSCAN: CommandSpec = CommandSpec {
    name: "hscan",
    arity: -3,
    flags: Flags::READONLY,
    keys: Keys::FIRST,
    categories: "",
    group: Group::Hash,
    since: "2.8.0",
    summary: "Goes through the fields of a hash and their values, some at each call.",
    complexity: "O(1) for a call, O(N) for a whole iteration over N fields.",
    syntax: "key cursor [MATCH pattern] [COUNT count]",
    carrier: Carrier::Cache(hscan),
};

fn hscan(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let cursor = need_cursor(args.get(2))?;
    let place = context.read(args.get(1));
    let mut found = Vec::new();
    let mut next = 0;
    // As in Redis, nobody looks at the options where there is nothing to scan.
    if let Some(hash) = context.shared.keyspace.hash(place)? {
        let options = ScanOptions::read(args, 3, false)?;
        next = hash.scan(cursor, options.count, |field, value| {
            if options.matches(&field) {
                found.push((field, value));
            }
        });
    }
    let reply = &mut context.reply;
    reply.array(2);
    reply.bulk(itoa::Buffer::new().format(next).as_bytes());
    reply.array(found.len() * 2);
    for (field, value) in &found {
        reply_text(reply, field);
        reply_text(reply, value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::World;
    use std::collections::BTreeSet;

    #[test]
    fn options_and_errors() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("HSET h a 1 b 2 ab 3", ":3|"),
                ("HSCAN h 0", "*2|$1|0|*6|$1|a|$1|1|$1|b|$1|2|$2|ab|$1|3|"),
                ("HSCAN h 0 MATCH a* COUNT 1", "*2|$1|0|*4|$1|a|$1|1|$2|ab|$1|3|"),
                ("HSCAN none 0 BOGUS", "*2|$1|0|*0|"),
                ("HSCAN h x", "-ERR invalid cursor|"),
                ("HSCAN h 0 BOGUS 1", "-ERR syntax error|"),
                ("SET s x", "+OK|"),
                ("HSCAN s 0", "-WRONGTYPE Operation against a key holding the wrong kind of value|"),
            ],
        );
    }

    #[test]
    fn every_field_of_a_growing_hash_is_found() {
        let mut world = World::default();
        let client = world.connect();
        for index in 0..1000 {
            world.run(client, &format!("HSET h f{index} 1"));
        }
        let (mut cursor, mut seen, mut call_count) = ("0".to_owned(), BTreeSet::new(), 0);
        loop {
            let reply = world.run(client, &format!("HSCAN h {cursor} COUNT 20"));
            let words: Vec<_> = reply.split('|').collect();
            seen.extend(words.iter().filter(|word| word.starts_with('f')).map(|word| (*word).to_owned()));
            world.run(client, &format!("HSET h g{call_count} 1"));
            (cursor, call_count) = (words[2].to_owned(), call_count + 1);
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(seen.len(), 1000);
        assert!(call_count > 10, "a scan is cut into pieces: {call_count}");
    }
}
