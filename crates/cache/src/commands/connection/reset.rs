//! QUIT and RESET.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::commands::transactions::multi::drop_transaction;
use crate::context::Context;
use crate::session::ReplyMode;
use warren_resp::{Args, Protocol};

pub static RESET: CommandSpec = CommandSpec {
    name: "reset",
    arity: 1,
    flags: super::FLAGS.or(Flags::FAST).or(Flags::NO_AUTH).or(Flags::NOT_QUEUED),
    keys: Keys::None,
    categories: "",
    group: Group::Connection,
    since: "6.2.0",
    summary: "Puts the connection back into the state of a new one.",
    complexity: "O(1)",
    syntax: "",
    carrier: Carrier::Cache(reset),
};

pub static QUIT: CommandSpec = CommandSpec {
    name: "quit",
    arity: -1,
    since: "1.0.0",
    summary: "Closes the connection.",
    carrier: Carrier::Cache(quit),
    ..RESET
};

fn reset(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    drop_transaction(context);
    let peer = context.session.peer;
    context.shared.keyspace.notices.unwatch(peer);
    context.shared.pubsub.forget(peer);
    let needs_password = !context.shared.settings.password.is_empty();
    let session = &mut *context.session;
    session.subscription_count = 0;
    session.database = 0;
    session.protocol = Protocol::Resp2;
    session.name.clear();
    session.authenticated = !needs_password;
    session.reply_mode = ReplyMode::On;
    (session.no_evict, session.no_touch) = (false, false);
    context.reply.set_protocol(Protocol::Resp2);
    context.reply.simple("RESET");
    Ok(())
}

fn quit(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    context.reply.ok();
    context.step.peers.end(context.session.peer);
    Ok(())
}
