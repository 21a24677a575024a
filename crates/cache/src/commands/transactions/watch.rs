//! WATCH and UNWATCH.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use warren_resp::Args;

pub static WATCH: CommandSpec = CommandSpec {
    name: "watch",
    arity: -2,
    flags: super::FLAGS.or(Flags::NOT_QUEUED),
    keys: Keys::ALL,
    categories: "",
    group: Group::Transactions,
    since: "2.2.0",
    summary: "Makes the next transaction depend on these keys staying as they are.",
    complexity: "O(1) for every key.",
    syntax: "key [key ...]",
    carrier: Carrier::Cache(watch),
};

pub static UNWATCH: CommandSpec = CommandSpec {
    name: "unwatch",
    arity: 1,
    flags: super::FLAGS,
    keys: Keys::None,
    summary: "Forgets all watched keys.",
    complexity: "O(1)",
    syntax: "",
    carrier: Carrier::Cache(unwatch),
    ..WATCH
};

fn watch(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    if context.session.transaction.is_some() {
        return Err(CommandError::fixed("ERR WATCH inside MULTI is not allowed"));
    }
    for key in args.from(1).iter() {
        // A key that has expired already is removed first: its removal later would look like a change.
        context.write(key);
        let session = &context.session;
        context.shared.keyspace.notices.watch(session.peer, session.database, key);
    }
    context.reply.ok();
    Ok(())
}

fn unwatch(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    context.shared.keyspace.notices.unwatch(context.session.peer);
    context.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    /// What EXEC answers for a client that watched `k` while another ran `change`.
    fn exec_after(before: &[&str], change: &[&str], milliseconds: u64) -> String {
        let mut world = World::default();
        let (client, other) = (world.connect(), world.connect());
        for command in before {
            world.run(client, command);
        }
        world.run(client, "WATCH k");
        for command in change {
            world.run(other, command);
        }
        world.now = world.now.saturating_add(milliseconds);
        world.run(client, "MULTI");
        world.run(client, "PING");
        world.run(client, "EXEC")
    }

    #[test]
    fn a_changed_key_ends_the_transaction() {
        let (done, outdated) = ("*1|+PONG|", "*-1|");
        for (before, change, milliseconds, expected) in [
            (&["SET k 1"][..], &[][..], 0, done),
            (&["SET k 1"], &["SET k 1"], 0, outdated),
            (&["SET k 1"], &["GET k"], 0, done),
            (&[], &["SET k 1"], 0, outdated),
            (&[], &["FLUSHALL"], 0, done),
            (&["SET k 1"], &["FLUSHALL"], 0, outdated),
            (&["SET k 1"], &["FLUSHDB ASYNC"], 0, outdated),
            (&["SET k 1"], &["SWAPDB 0 1"], 0, outdated),
            (&[], &["SWAPDB 0 1"], 0, done),
            (&["SET k 1"], &["SELECT 1", "FLUSHDB"], 0, done),
            (&["SET k 1 PX 100"], &[], 200, outdated),
            (&["SET k 1 PX 100"], &[], 50, done),
        ] {
            assert_eq!(exec_after(before, change, milliseconds), expected, "{before:?} {change:?}");
        }
    }

    #[test]
    fn a_key_that_had_expired_before_watch_is_as_good_as_absent() {
        let mut world = World::default();
        let client = world.connect();
        world.run(client, "SET k 1 PX 100");
        world.now = world.now.saturating_add(200);
        world.run(client, "WATCH k");
        world.tick();
        world
            .transcript(client, &[("MULTI", "+OK|"), ("WATCH k", "-ERR WATCH inside MULTI is not allowed|")]);
        world.transcript(client, &[("PING", "+QUEUED|"), ("EXEC", "*1|+PONG|")]);
    }

    #[test]
    fn unwatch_and_discard_forget() {
        let mut world = World::default();
        let (client, other) = (world.connect(), world.connect());
        for forget in [&["UNWATCH"][..], &["MULTI", "DISCARD"]] {
            world.run(client, "WATCH k");
            world.run(other, "SET k 1");
            for command in forget {
                world.run(client, command);
            }
            world.transcript(client, &[("MULTI", "+OK|"), ("PING", "+QUEUED|"), ("EXEC", "*1|+PONG|")]);
        }
    }
}
