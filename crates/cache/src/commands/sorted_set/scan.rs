//! ZSCAN.

use super::members::ZCARD;
use crate::command::{Carrier, CommandError, CommandSpec, Flags};
use crate::context::Context;
use crate::parse::format_double;
use crate::reply_text::reply_text;
use crate::scan::{ScanOptions, need_cursor};
use warren_resp::Args;

pub static ZSCAN: CommandSpec = CommandSpec {
    name: "zscan",
    arity: -3,
    flags: Flags::READONLY,
    since: "2.8.0",
    summary: "Goes through the members of a sorted set and their scores, some at each call.",
    complexity: "O(1) for a call, O(N) for a whole iteration over N members.",
    syntax: "key cursor [MATCH pattern] [COUNT count]",
    carrier: Carrier::Cache(zscan),
    ..ZCARD
};

fn zscan(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let cursor = need_cursor(args.get(2))?;
    let place = context.read(args.get(1));
    let mut found = Vec::new();
    let mut next = 0;
    // As in Redis, nobody looks at the options where there is nothing to scan.
    if let Some(sorted_set) = context.shared.keyspace.sorted_set(place)? {
        let options = ScanOptions::read(args, 3, false)?;
        next = sorted_set.scan(cursor, options.count, |member, score| {
            if options.matches(&member) {
                found.push((member, score));
            }
        });
    }
    let reply = &mut context.reply;
    reply.array(2);
    reply.bulk(itoa::Buffer::new().format(next).as_bytes());
    reply.array(found.len() * 2);
    for (member, score) in &found {
        reply_text(reply, member);
        // A string in RESP3 too.
        reply.bulk(format_double(*score).as_bytes());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn members_and_scores_by_pattern() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("ZADD z 1 a 2.5 b inf ab", ":3|"),
                ("ZSCAN z 0", "*2|$1|0|*6|$1|a|$1|1|$1|b|$3|2.5|$2|ab|$3|inf|"),
                ("ZSCAN z 0 MATCH a* COUNT 1", "*2|$1|0|*4|$1|a|$1|1|$2|ab|$3|inf|"),
                ("ZSCAN none 0 BOGUS", "*2|$1|0|*0|"),
                ("ZSCAN z 0 BOGUS 1", "-ERR syntax error|"),
                ("ZSCAN z x", "-ERR invalid cursor|"),
            ],
        );
    }
}
