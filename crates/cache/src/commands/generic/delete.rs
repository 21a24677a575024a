//! Any number of keys: DEL, UNLINK, EXISTS, TOUCH.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::keyspace::effects::key::Delete;
use warren_resp::Args;

pub static DEL: CommandSpec = CommandSpec {
    name: "del",
    arity: -2,
    flags: Flags::WRITE,
    keys: Keys::ALL,
    categories: "",
    group: Group::Generic,
    since: "1.0.0",
    summary: "Deletes one or more keys.",
    complexity: "O(N) where N is the number of keys; large values are freed outside the engine.",
    syntax: "key [key ...]",
    carrier: Carrier::Cache(delete),
};

pub static UNLINK: CommandSpec = CommandSpec {
    name: "unlink",
    flags: Flags::WRITE.or(Flags::FAST),
    since: "4.0.0",
    summary: "Deletes one or more keys; the same as DEL, which never frees large values itself either.",
    ..DEL
};

pub static EXISTS: CommandSpec = CommandSpec {
    name: "exists",
    flags: Flags::READONLY.or(Flags::FAST),
    summary: "Counts which of the keys exist; a key named twice counts twice.",
    complexity: "O(N) where N is the number of keys.",
    carrier: Carrier::Cache(exists),
    ..DEL
};

pub static TOUCH: CommandSpec = CommandSpec {
    name: "touch",
    since: "3.2.1",
    summary: "Marks keys as just used, and counts which of them exist.",
    carrier: Carrier::Cache(touch),
    ..EXISTS
};

fn delete(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let mut deleted = 0;
    for key in args.from(1).iter() {
        let place = context.write(key);
        if place.slot.is_some() {
            context.apply(Delete { place });
            deleted += 1;
        }
    }
    context.reply.integer(deleted);
    Ok(())
}

fn exists(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let found = args.from(1).iter().filter(|key| context.read_unnoticed(key).slot.is_some()).count();
    context.reply.integer(found as i64);
    Ok(())
}

fn touch(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let mut found = 0;
    for key in args.from(1).iter() {
        let place = context.read_unnoticed(key);
        // Also for a client whose other commands do not count as uses (CLIENT NO-TOUCH).
        context.shared.keyspace.touch(place);
        found += i64::from(place.slot.is_some());
    }
    context.reply.integer(found);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn keys_go_and_stay_gone_at_replay() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("MSET a 1 b 2 c 3", "+OK|"),
                ("EXISTS a b missing a", ":3|"),
                ("DEL a missing a", ":1|"),
                ("UNLINK b missing", ":1|"),
                ("TOUCH a b c", ":1|"),
                ("SET d 1 PX 1", "+OK|"),
            ],
        );
        world.now = world.now.saturating_add(1);
        world.transcript(client, &[("EXISTS d", ":0|"), ("DEL d", ":0|")]);
        let mut replayed = world.replayed();
        let client = replayed.connect();
        replayed.transcript(client, &[("MGET a b c d", "*4|$-1|$-1|$1|3|$-1|")]);
    }
}
