//! SSCAN.

use super::members::SCARD;
use crate::command::{Carrier, CommandError, CommandSpec, Flags};
use crate::context::Context;
use crate::reply_text::reply_text;
use crate::scan::{ScanOptions, need_cursor};
use warren_resp::Args;

pub static SSCAN: CommandSpec = CommandSpec {
    name: "sscan",
    arity: -3,
    flags: Flags::READONLY,
    since: "2.8.0",
    summary: "Goes through the members of a set, some at each call.",
    complexity: "O(1) for a call, O(N) for a whole iteration over N members.",
    syntax: "key cursor [MATCH pattern] [COUNT count]",
    carrier: Carrier::Cache(sscan),
    ..SCARD
};

fn sscan(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let cursor = need_cursor(args.get(2))?;
    let place = context.read(args.get(1));
    let mut found = Vec::new();
    let mut next = 0;
    // As in Redis, nobody looks at the options where there is nothing to scan.
    if let Some(set) = context.shared.keyspace.set(place)? {
        let options = ScanOptions::read(args, 3, false)?;
        next = set.scan(cursor, options.count, |member| {
            if options.matches(&member) {
                found.push(member);
            }
        });
    }
    let reply = &mut context.reply;
    reply.array(2);
    reply.bulk(itoa::Buffer::new().format(next).as_bytes());
    reply.array(found.len());
    found.iter().for_each(|member| reply_text(reply, member));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::World;
    use std::collections::BTreeSet;

    #[test]
    fn a_scan_in_pieces_finds_every_member() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("SADD small 1 2 12", ":3|"),
                ("SSCAN small 0 MATCH 1*", "*2|$1|0|*2|$1|1|$2|12|"),
                ("SSCAN none 0 BOGUS", "*2|$1|0|*0|"),
                ("SSCAN small 0 BOGUS 1", "-ERR syntax error|"),
                ("SSCAN small x", "-ERR invalid cursor|"),
            ],
        );
        for index in 0..1000 {
            world.run(client, &format!("SADD s m{index}"));
        }
        let (mut cursor, mut seen) = ("0".to_owned(), BTreeSet::new());
        loop {
            let reply = world.run(client, &format!("SSCAN s {cursor} COUNT 20"));
            let words: Vec<_> = reply.split('|').collect();
            seen.extend(words.iter().filter(|word| word.starts_with('m')).map(|word| (*word).to_owned()));
            cursor = words[2].to_owned();
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(seen.len(), 1000);
    }
}
