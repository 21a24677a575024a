//! Members chosen at random: SPOP, SRANDMEMBER.

use super::members::{SCARD, reply_members};
use crate::command::{Carrier, CommandError, CommandSpec, Flags};
use crate::context::Context;
use crate::keyspace::Place;
use crate::keyspace::effects::Value;
use crate::keyspace::effects::key::Delete;
use crate::keyspace::effects::set::RemoveMembers;
use crate::parse::need_positive;
use crate::random::{check_picked_count, need_picked_count, picked_length};
use crate::reply_text::{reply_text, reply_text_or_null};
use crate::room;
use bytes::Bytes;
use warren_resp::Args;

pub static SPOP: CommandSpec = CommandSpec {
    name: "spop",
    arity: -2,
    flags: Flags::WRITE.or(Flags::FAST),
    summary: "Removes one or more random members from a set and returns them.",
    complexity: "O(1) without a count, else O(N log(M)) where N is the count and M the number of members.",
    syntax: "key [count]",
    carrier: Carrier::Cache(spop),
    ..SCARD
};

pub static SRANDMEMBER: CommandSpec = CommandSpec {
    name: "srandmember",
    arity: -2,
    flags: Flags::READONLY,
    summary: "Returns one or more random members of a set.",
    complexity: "O(1) without a count, else O(N) where N is the count's magnitude.",
    syntax: "key [count]",
    carrier: Carrier::Cache(srandmember),
    ..SCARD
};

fn spop(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    match args.len() {
        2 => {}
        3 => return pop_several(context, args),
        _ => return Err(CommandError::Syntax),
    }
    let place = context.write(args.get(1));
    let Some(set) = context.shared.keyspace.set(place)? else {
        context.reply.null();
        return Ok(());
    };
    let chosen = set.nth(context.shared.random.below(set.len())).map(|member| member.to_bytes());
    remove(context, place, chosen.as_slice())?;
    chosen.iter().for_each(|member| context.reply.bulk_shared(member));
    Ok(())
}

fn pop_several(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let count = need_positive(args.get(2))?;
    let place = context.write(args.get(1));
    let Some(set) = context.shared.keyspace.set(place)?.filter(|_| count > 0) else {
        context.reply.set(0);
        return Ok(());
    };
    if count >= set.len() {
        reply_members(&mut context.reply, set.iter());
        context.apply(Delete { place });
        return Ok(());
    }
    let mut chosen = Vec::with_capacity(count);
    context.shared.random.pick(count as i64, || set.iter(), |member| chosen.push(member.to_bytes()));
    remove(context, place, &chosen)?;
    context.reply.set(chosen.len());
    chosen.iter().for_each(|member| context.reply.bulk_shared(member));
    Ok(())
}

/// The effect names the members that chance has chosen.
fn remove(context: &mut Context<'_, '_>, place: Place<'_>, chosen: &[Bytes]) -> Result<(), CommandError> {
    context.need_room(chosen.iter().map(|member| member.len() + room::ARGUMENT_SIZE_BYTES).sum())?;
    let members: Vec<Value<'_>> = chosen.iter().map(Value::Shared).collect();
    context.apply(RemoveMembers { place, members: members.into() });
    Ok(())
}

fn srandmember(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    match args.len() {
        2 => {}
        3 => return choose_several(context, args),
        _ => return Err(CommandError::Syntax),
    }
    let place = context.read(args.get(1));
    let set = context.shared.keyspace.set(place)?;
    let chosen = set.and_then(|set| set.nth(context.shared.random.below(set.len())));
    reply_text_or_null(&mut context.reply, chosen.as_ref());
    Ok(())
}

/// A positive count asks for different members, a negative one for so many with repetition.
fn choose_several(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let count = need_picked_count(args.get(2))?;
    check_picked_count(count, false)?;
    let place = context.read(args.get(1));
    let Some(set) = context.shared.keyspace.set(place)?.filter(|_| count != 0) else {
        context.reply.array(0);
        return Ok(());
    };
    let reply = &mut context.reply;
    reply.array(picked_length(count, set.len()));
    context.shared.random.pick(count, || set.iter(), |member| reply_text(reply, &member));
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
                ("SADD s a", ":1|"),
                ("SRANDMEMBER s", "$1|a|"),
                ("SRANDMEMBER s 5", "*1|$1|a|"),
                ("SRANDMEMBER s -2", "*2|$1|a|$1|a|"),
                ("SRANDMEMBER s 0", "*0|"),
                ("SRANDMEMBER none", "$-1|"),
                ("SRANDMEMBER none 5", "*0|"),
                ("SRANDMEMBER s 1 2", "-ERR syntax error|"),
                ("SRANDMEMBER s -9223372036854775807", "-ERR value is out of range|"),
                ("SPOP s 0", "*0|"),
                ("SPOP s -1", "-ERR value is out of range, must be positive|"),
                ("SPOP s x", "-ERR value is out of range, must be positive|"),
                ("SPOP s 1 2", "-ERR syntax error|"),
                ("SPOP none", "$-1|"),
                ("SPOP none 1", "*0|"),
                ("SPOP s", "$1|a|"),
                ("EXISTS s", ":0|"),
                ("SADD s a", ":1|"),
                ("SPOP s 2", "*1|$1|a|"),
                ("EXISTS s", ":0|"),
            ],
        );
    }

    #[test]
    fn what_was_popped_is_gone_after_replay_too() {
        let mut world = World::default();
        let client = world.connect();
        for index in 0..300 {
            world.run(client, &format!("SADD s m{index}"));
        }
        let popped = world.run(client, "SPOP s 100");
        let mut popped: Vec<_> = popped.split('|').filter(|word| word.starts_with('m')).collect();
        popped.sort_unstable();
        popped.dedup();
        assert_eq!(popped.len(), 100);
        for mut world in [world.replayed(), world] {
            let client = world.connect();
            assert_eq!(world.run(client, "SCARD s"), ":200|");
            for member in &popped {
                assert_eq!(world.run(client, &format!("SISMEMBER s {member}")), ":0|");
            }
        }
    }
}
