//! DEBUG: what test suites ask of a server. Nothing here stops the engine.

use crate::command::{
    Carrier, CommandError, CommandSpec, Group, Keys, QUOTED_SIZE_BYTES_MAX, quoted_beginning,
};
use crate::commands::generic::object::encoding_name;
use crate::context::Context;
use crate::glob;
use crate::parse::{self, is_option, need_integer};
use crate::session::OnTimeout;
use warren_resp::Args;

pub static DEBUG: CommandSpec = CommandSpec {
    name: "debug",
    arity: -2,
    flags: super::ADMIN,
    keys: Keys::None,
    categories: "",
    group: Group::Server,
    since: "1.0.0",
    summary: "Does what test suites ask for.",
    complexity: "Depends on subcommand.",
    syntax: "subcommand [argument [argument ...]]",
    carrier: Carrier::Cache(debug),
};

/// The longest text that STRINGMATCH-LEN matches.
const MATCHED_SIZE_BYTES_MAX: i64 = 1024 * 1024;

fn debug(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let name = args.get(1);
    let is = |wanted: &str, count: usize| is_option(name, wanted) && args.len() == count;
    if is("SLEEP", 3) {
        return sleep(context, args);
    }
    if is("OBJECT", 3) {
        return describe_object(context, args);
    }
    if is("ERROR", 3) {
        // For clients that test what they make of an error.
        let text = String::from_utf8_lossy(args.get(2)).replace(['\r', '\n'], " ");
        return Err(text.into());
    }
    if is("SET-ACTIVE-EXPIRE", 3) {
        context.shared.expires_actively = need_integer(args.get(2))? != 0;
    } else if is("STRINGMATCH-LEN", 4) {
        let size = need_integer(args.get(2))?.clamp(0, MATCHED_SIZE_BYTES_MAX);
        glob::matches(args.get(3), &vec![b'a'; size as usize]);
    } else if !(is_option(name, "RELOAD") || is("LOADAOF", 2) || is("QUICKLIST-PACKED-THRESHOLD", 3)) {
        // RELOAD and LOADAOF have nothing to do: what they would bring back is in the log already.
        let name = quoted_beginning(name, QUOTED_SIZE_BYTES_MAX);
        return Err(format!(
            "ERR unknown subcommand or wrong number of arguments for '{name}'. Try DEBUG HELP."
        )
        .into());
    }
    context.reply.ok();
    Ok(())
}

/// Only this client sleeps.
fn sleep(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let seconds = parse::float(args.get(2)).unwrap_or(0.0).clamp(0.0, 1e9);
    if seconds == 0.0 {
        context.reply.ok();
        return Ok(());
    }
    let deadline = context.now().saturating_add((seconds * 1000.0).ceil() as u64);
    context.block(args, &[], Some(deadline), OnTimeout::Ok);
    Ok(())
}

fn describe_object(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.peek(context.session.database, args.get(2));
    let Some(entry) = context.shared.keyspace.entry(place) else {
        return Err(CommandError::fixed("ERR no such key"));
    };
    let line = format!(
        "Value at:0x0 refcount:1 encoding:{} serializedlength:{} lru:0 lru_seconds_idle:0",
        encoding_name(entry),
        crate::keyspace::usage::size_of(entry)
    );
    context.reply.simple(&line);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn only_the_client_sleeps() {
        let mut world = World::default();
        let (client, other) = (world.connect(), world.connect());
        world.transcript(client, &[("DEBUG SLEEP 0", "+OK|"), ("DEBUG SLEEP 0.5", ""), ("PING", "")]);
        world.transcript(other, &[("PING", "+PONG|")]);
        world.now = world.now.saturating_add(500);
        world.tick();
        assert_eq!(world.received(client), "+OK|+PONG|");
        world.transcript(client, &[("MULTI", "+OK|"), ("DEBUG SLEEP 5", "+QUEUED|"), ("EXEC", "*1|+OK|")]);
    }

    #[test]
    fn active_expiry_can_be_stopped() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(client, &[("DEBUG SET-ACTIVE-EXPIRE 0", "+OK|"), ("SET a 1 PX 10", "+OK|")]);
        world.now = world.now.saturating_add(20);
        world.tick();
        world.transcript(client, &[("DBSIZE", ":1|"), ("DEBUG SET-ACTIVE-EXPIRE 1", "+OK|")]);
        assert_eq!(world.cache.next_deadline().map(|due| due <= world.now), Some(true));
        world.tick();
        world.transcript(client, &[("DBSIZE", ":0|")]);
    }

    #[test]
    fn the_rest() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("DEBUG RELOAD", "+OK|"),
                ("DEBUG STRINGMATCH-LEN 1000 a*a*b", "+OK|"),
                ("DEBUG OBJECT a", "-ERR no such key|"),
                ("DEBUG ERROR WRONG", "-WRONG|"),
                (
                    "DEBUG JMAP",
                    "-ERR unknown subcommand or wrong number of arguments for 'JMAP'. Try DEBUG HELP.|",
                ),
            ],
        );
        world.run(client, "SET a 1");
        assert!(world.run(client, "DEBUG OBJECT a").contains(" encoding:int "));
    }
}
