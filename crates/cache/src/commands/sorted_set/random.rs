//! ZRANDMEMBER.

use super::members::ZCARD;
use super::scored::ScoredWriter;
use crate::command::{Carrier, CommandError, CommandSpec, Flags};
use crate::context::Context;
use crate::random::{need_pick_in_pairs, picked_length};
use crate::reply_text::reply_text_or_null;
use warren_resp::Args;

pub static ZRANDMEMBER: CommandSpec = CommandSpec {
    name: "zrandmember",
    arity: -2,
    flags: Flags::READONLY,
    since: "6.2.0",
    summary: "Returns one or more random members of a sorted set.",
    complexity: "O(N) where N is the number of members returned.",
    syntax: "key [count [WITHSCORES]]",
    carrier: Carrier::Cache(zrandmember),
    ..ZCARD
};

fn zrandmember(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    if args.len() > 2 {
        return several(context, args);
    }
    let place = context.read(args.get(1));
    let sorted_set = context.shared.keyspace.sorted_set(place)?;
    let chosen = sorted_set.and_then(|members| members.nth(context.shared.random.below(members.len())));
    reply_text_or_null(&mut context.reply, chosen.as_ref().map(|(member, _)| member));
    Ok(())
}

/// A positive count asks for different members, a negative one for so many with repetition.
fn several(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let (count, with_scores) = need_pick_in_pairs(args, "WITHSCORES")?;
    let place = context.read(args.get(1));
    let Some(sorted_set) = context.shared.keyspace.sorted_set(place)?.filter(|_| count != 0) else {
        context.reply.array(0);
        return Ok(());
    };
    let mut writer = ScoredWriter::new(&mut context.reply, with_scores);
    writer.head(picked_length(count, sorted_set.len()));
    context.shared.random.pick(count, || sorted_set.iter(), |(member, score)| writer.scored(&member, score));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn counts_and_their_shapes() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("ZADD z 1 a", ":1|"),
                ("ZRANDMEMBER z", "$1|a|"),
                ("ZRANDMEMBER z 5", "*1|$1|a|"),
                ("ZRANDMEMBER z -2 WITHSCORES", "*4|$1|a|$1|1|$1|a|$1|1|"),
                ("ZRANDMEMBER z 0", "*0|"),
                ("ZRANDMEMBER none", "$-1|"),
                ("ZRANDMEMBER none 5", "*0|"),
                ("ZRANDMEMBER z x", "-ERR value is not an integer or out of range|"),
                ("ZRANDMEMBER z 1 x", "-ERR syntax error|"),
                ("ZRANDMEMBER z 1 WITHSCORES x", "-ERR syntax error|"),
                ("ZRANDMEMBER z -9223372036854775807 WITHSCORES", "-ERR value is out of range|"),
            ],
        );
        world.run(client, "HELLO 3");
        world.transcript(client, &[("ZRANDMEMBER z -2 WITHSCORES", "*2|*2|$1|a|,1|*2|$1|a|,1|")]);
    }

    #[test]
    fn a_positive_count_never_repeats_a_member() {
        let mut world = World::default();
        let client = world.connect();
        for index in 0..300 {
            world.run(client, &format!("ZADD z {index} m{index:03}"));
        }
        for count in [1, 10, 150, 299, 300, 600] {
            let reply = world.run(client, &format!("ZRANDMEMBER z {count}"));
            let mut members: Vec<_> = reply.split('|').filter(|word| word.starts_with('m')).collect();
            members.sort_unstable();
            members.dedup();
            assert_eq!(members.len(), count.min(300));
        }
    }
}
