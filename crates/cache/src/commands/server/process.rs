//! TIME, SHUTDOWN, ROLE and REPLICAOF: the process and its place among others.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::parse::is_option;
use warren_resp::Args;

pub static TIME: CommandSpec = CommandSpec {
    name: "time",
    arity: 1,
    flags: Flags::LOADING.or(Flags::STALE).or(Flags::FAST),
    keys: Keys::None,
    categories: "",
    group: Group::Server,
    since: "2.6.0",
    summary: "Returns the time of the server, in whole milliseconds.",
    complexity: "O(1)",
    syntax: "",
    carrier: Carrier::Cache(time),
};

pub static SHUTDOWN: CommandSpec = CommandSpec {
    name: "shutdown",
    arity: -1,
    flags: super::ADMIN.or(Flags::NO_MULTI),
    since: "1.0.0",
    summary: "Syncs the log and ends the server.",
    syntax: "[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]",
    carrier: Carrier::Cache(shut_down),
    ..TIME
};

pub static ROLE: CommandSpec = CommandSpec {
    name: "role",
    flags: Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE).or(Flags::FAST),
    categories: "admin dangerous",
    since: "2.8.12",
    summary: "Returns the replication role: master.",
    carrier: Carrier::Cache(role),
    ..TIME
};

pub static REPLICAOF: CommandSpec = CommandSpec {
    name: "replicaof",
    arity: 3,
    flags: Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::STALE),
    since: "5.0.0",
    summary: "Accepts NO ONE; following a Redis master is not supported.",
    syntax: "host port",
    carrier: Carrier::Cache(replica_of),
    ..TIME
};

pub static SLAVEOF: CommandSpec = CommandSpec { name: "slaveof", since: "1.0.0", ..REPLICAOF };

fn time(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    let milliseconds = context.now().0;
    context.reply.array(2);
    context.reply.bulk_integer((milliseconds / 1000) as i64);
    context.reply.bulk_integer((milliseconds % 1000 * 1000) as i64);
    Ok(())
}

/// The server ends in order when it sees the mark; like Redis it sends no reply.
fn shut_down(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let options = args.from(1);
    let has = |name: &str| options.iter().any(|option| is_option(option, name));
    let known = ["SAVE", "NOSAVE", "NOW", "FORCE", "ABORT"];
    let all_known = options.iter().all(|option| known.iter().any(|name| is_option(option, name)));
    if !all_known || (has("SAVE") && has("NOSAVE")) || (has("ABORT") && options.len() > 1) {
        return Err(CommandError::Syntax);
    }
    if has("ABORT") {
        return Err(CommandError::fixed("ERR No shutdown in progress."));
    }
    context.shared.wants_shutdown = true;
    context.step.peers.end(context.session.peer);
    Ok(())
}

fn role(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    context.reply.array(3);
    context.reply.bulk(b"master");
    context.reply.integer(0);
    context.reply.array(0);
    Ok(())
}

fn replica_of(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    if !(is_option(args.get(1), "NO") && is_option(args.get(2), "ONE")) {
        return Err(CommandError::fixed("ERR REPLICAOF is not supported by this server"));
    }
    context.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn the_process_as_clients_see_it() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("TIME", "*2|$10|1700000000|$1|0|"),
                ("ROLE", "*3|$6|master|:0|*0|"),
                ("REPLICAOF no one", "+OK|"),
                ("REPLICAOF localhost 6379", "-ERR REPLICAOF is not supported by this server|"),
                ("LASTSAVE", ":1700000000|"),
                ("BGSAVE SCHEDULE", "+Background saving started|"),
                ("BGSAVE LATER", "-ERR syntax error|"),
                ("SHUTDOWN SAVE NOSAVE", "-ERR syntax error|"),
                ("SHUTDOWN ABORT", "-ERR No shutdown in progress.|"),
            ],
        );
        assert!(!world.cache.shared.wants_shutdown);
        world.transcript(client, &[("SHUTDOWN NOSAVE", "")]);
        assert!(world.cache.shared.wants_shutdown && world.peers.is_ending(client));
    }
}
