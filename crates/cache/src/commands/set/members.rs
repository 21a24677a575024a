//! The members of one set: SADD, SREM, SMOVE, SCARD, SISMEMBER, SMISMEMBER, SMEMBERS.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::keyspace::effects::Value;
use crate::keyspace::effects::set::{AddMembers, RemoveMembers};
use crate::reply_text::reply_text;
use crate::values::{Set, Text};
use smallvec::SmallVec;
use warren_resp::{Args, Reply};

pub static SADD: CommandSpec = CommandSpec {
    name: "sadd",
    arity: -3,
    flags: Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST),
    keys: Keys::FIRST,
    categories: "",
    group: Group::Set,
    since: "1.0.0",
    summary: "Adds members to a set, which is created where there is none.",
    complexity: "O(N) where N is the number of members given.",
    syntax: "key member [member ...]",
    carrier: Carrier::Cache(sadd),
};

pub static SREM: CommandSpec = CommandSpec {
    name: "srem",
    flags: Flags::WRITE.or(Flags::FAST),
    summary: "Removes members from a set; the set goes with its last one.",
    carrier: Carrier::Cache(srem),
    ..SADD
};

pub static SMOVE: CommandSpec = CommandSpec {
    name: "smove",
    arity: 4,
    flags: Flags::WRITE.or(Flags::FAST),
    keys: Keys::TWO,
    summary: "Moves a member from one set to another.",
    complexity: "O(1)",
    syntax: "source destination member",
    carrier: Carrier::Cache(smove),
    ..SADD
};

pub static SCARD: CommandSpec = CommandSpec {
    name: "scard",
    arity: 2,
    flags: Flags::READONLY.or(Flags::FAST),
    summary: "Counts the members of a set.",
    complexity: "O(1)",
    syntax: "key",
    carrier: Carrier::Cache(scard),
    ..SADD
};

pub static SISMEMBER: CommandSpec = CommandSpec {
    name: "sismember",
    arity: 3,
    summary: "Tells whether a set has a member.",
    syntax: "key member",
    carrier: Carrier::Cache(sismember),
    ..SCARD
};

pub static SMISMEMBER: CommandSpec = CommandSpec {
    name: "smismember",
    arity: -3,
    since: "6.2.0",
    summary: "Tells for each of several members whether a set has it.",
    complexity: "O(N) where N is the number of members asked about.",
    syntax: "key member [member ...]",
    carrier: Carrier::Cache(smismember),
    ..SCARD
};

pub static SMEMBERS: CommandSpec = CommandSpec {
    name: "smembers",
    flags: Flags::READONLY,
    summary: "Returns all members of a set.",
    complexity: "O(N) where N is the number of members.",
    carrier: Carrier::Cache(smembers),
    ..SCARD
};

fn sadd(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.write(args.get(1));
    let set = context.shared.keyspace.set(place)?;
    let members = arguments_where(args, |member| !has(set, member));
    let mut added = 0;
    if !members.is_empty() {
        added = context.apply(AddMembers { place, members: members.as_slice().into() });
    }
    context.reply.integer(added as i64);
    Ok(())
}

fn srem(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.write(args.get(1));
    let set = context.shared.keyspace.set(place)?;
    let members = arguments_where(args, |member| has(set, member));
    let mut removed = 0;
    if !members.is_empty() {
        removed = context.apply(RemoveMembers { place, members: members.as_slice().into() });
    }
    context.reply.integer(removed as i64);
    Ok(())
}

/// The member arguments that change something: what changes nothing does not reach the record.
fn arguments_where<'a>(args: Args<'a>, changes: impl Fn(&[u8]) -> bool) -> SmallVec<[Value<'a>; 4]> {
    (2..args.len()).filter(|index| changes(args.get(*index))).map(|index| Value::of(args, index)).collect()
}

fn has(set: Option<&Set>, member: &[u8]) -> bool {
    set.is_some_and(|set| set.contains(member))
}

fn smove(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let (source, destination, member) = (args.get(1), args.get(2), Value::of(args, 3));
    let members = [member];
    let place = context.write(source);
    if place.slot.is_none() {
        context.reply.integer(0);
        return Ok(());
    }
    let target = context.write(destination);
    // An expired destination has just gone, which may have moved the source.
    let place = context.write(place.key);
    let keyspace = &context.shared.keyspace;
    let is_in_target = has(keyspace.set(target)?, member.as_slice());
    if !has(keyspace.set(place)?, member.as_slice()) {
        context.reply.integer(0);
        return Ok(());
    }
    if source != destination {
        context.apply(RemoveMembers { place, members: (&members[..]).into() });
        if !is_in_target {
            let place = context.write(destination);
            context.apply(AddMembers { place, members: (&members[..]).into() });
        }
    }
    context.reply.integer(1);
    Ok(())
}

fn scard(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.read(args.get(1));
    let count = context.shared.keyspace.set(place)?.map_or(0, Set::len);
    context.reply.integer(count as i64);
    Ok(())
}

fn sismember(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.read(args.get(1));
    let is_member = has(context.shared.keyspace.set(place)?, args.get(2));
    context.reply.integer(i64::from(is_member));
    Ok(())
}

fn smismember(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.read(args.get(1));
    let set = context.shared.keyspace.set(place)?;
    context.reply.array(args.len() - 2);
    for member in args.from(2).iter() {
        context.reply.integer(i64::from(has(set, member)));
    }
    Ok(())
}

fn smembers(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.read(args.get(1));
    match context.shared.keyspace.set(place)? {
        Some(set) => reply_members(&mut context.reply, set.iter()),
        None => context.reply.set(0),
    }
    Ok(())
}

/// Writes members as a set.
pub fn reply_members<'k>(reply: &mut Reply<'_>, members: impl ExactSizeIterator<Item = Text<'k>>) {
    reply.set(members.len());
    for member in members {
        reply_text(reply, &member);
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn members_come_go_and_move() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("SADD s a b a", ":2|"),
                ("SADD s a c", ":1|"),
                ("SCARD s", ":3|"),
                ("SCARD none", ":0|"),
                ("SREM s a a none", ":1|"),
                ("SREM none a", ":0|"),
                ("SISMEMBER s b", ":1|"),
                ("SMISMEMBER s b a c", "*3|:1|:0|:1|"),
                ("SMISMEMBER none b a", "*2|:0|:0|"),
                ("SMEMBERS s", "*2|$1|b|$1|c|"),
                ("SMEMBERS none", "*0|"),
                ("SMOVE s t b", ":1|"),
                ("SMOVE s t b", ":0|"),
                ("SMOVE s s c", ":1|"),
                ("SMOVE none t c", ":0|"),
                ("SADD t c", ":1|"),
                ("SMOVE s t c", ":1|"),
                ("EXISTS s", ":0|"),
                ("SET string x", "+OK|"),
                ("SMOVE none string c", ":0|"),
                ("SMOVE t string c", "-WRONGTYPE Operation against a key holding the wrong kind of value|"),
                ("SADD string a", "-WRONGTYPE Operation against a key holding the wrong kind of value|"),
                ("SADD gone c", ":1|"),
                ("PEXPIRE gone 1", ":1|"),
            ],
        );
        world.now = world.now.saturating_add(1);
        world.transcript(client, &[("SMOVE t gone c", ":1|"), ("SCARD gone", ":1|")]);
        let mut replayed = world.replayed();
        let client = replayed.connect();
        replayed.transcript(
            client,
            &[("SMEMBERS t", "*1|$1|b|"), ("SMEMBERS gone", "*1|$1|c|"), ("EXISTS s", ":0|")],
        );
    }

    #[test]
    fn an_addition_that_changes_nothing_is_not_recorded() {
        let mut world = World::default();
        let client = world.connect();
        world.run(client, "SADD s 1 2");
        let before = world.batch.effects().len();
        world.transcript(client, &[("SADD s 1 2", ":0|"), ("SREM s 3", ":0|")]);
        assert_eq!(world.batch.effects().len(), before);
    }
}
