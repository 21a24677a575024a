//! PING and ECHO.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use warren_resp::{Args, Protocol};

pub static PING: CommandSpec = CommandSpec {
    name: "ping",
    arity: -1,
    flags: Flags::FAST,
    keys: Keys::None,
    categories: "",
    group: Group::Connection,
    since: "1.0.0",
    summary: "Answers PONG, or the message.",
    complexity: "O(1)",
    syntax: "[message]",
    carrier: Carrier::Cache(ping),
};

pub static ECHO: CommandSpec = CommandSpec {
    name: "echo",
    arity: 2,
    flags: Flags::FAST.or(Flags::LOADING).or(Flags::STALE),
    summary: "Answers the message.",
    syntax: "message",
    carrier: Carrier::Cache(echo),
    ..PING
};

fn ping(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    if args.len() > 2 {
        return Err(CommandError::wrong_arity(PING.name));
    }
    // In RESP2 a subscriber can tell a reply from a message by its shape alone.
    if context.session.subscription_count > 0 && context.session.protocol == Protocol::Resp2 {
        context.reply.array(2);
        context.reply.bulk(b"pong");
        context.reply.bulk(if args.len() == 2 { args.get(1) } else { b"" });
    } else if args.len() == 2 {
        bulk_argument(context, args, 1);
    } else {
        context.reply.simple("PONG");
    }
    Ok(())
}

fn echo(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    bulk_argument(context, args, 1);
    Ok(())
}

fn bulk_argument(context: &mut Context<'_, '_>, args: Args<'_>, index: usize) {
    match args.shared(index) {
        Some(bytes) => context.reply.bulk_shared(bytes),
        None => context.reply.bulk(args.get(index)),
    }
}
