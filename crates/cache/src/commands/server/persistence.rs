//! SAVE, BGSAVE, BGREWRITEAOF and LASTSAVE. The log keeps every change as it is made, so that there is nothing
//! left to save: they answer as Redis does for callers that wait for these answers.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::parse::is_option;
use warren_resp::Args;

pub static SAVE: CommandSpec = CommandSpec {
    name: "save",
    arity: 1,
    flags: Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::NO_MULTI),
    keys: Keys::None,
    categories: "",
    group: Group::Server,
    since: "1.0.0",
    summary: "Does nothing: the log keeps all changes as they are made.",
    complexity: "O(1)",
    syntax: "",
    carrier: Carrier::Cache(|context, _| {
        context.reply.ok();
        Ok(())
    }),
};

pub static BGSAVE: CommandSpec = CommandSpec {
    name: "bgsave",
    arity: -1,
    flags: Flags::ADMIN.or(Flags::NOSCRIPT),
    syntax: "[SCHEDULE]",
    carrier: Carrier::Cache(save_in_background),
    ..SAVE
};

pub static BGREWRITEAOF: CommandSpec = CommandSpec {
    name: "bgrewriteaof",
    flags: BGSAVE.flags,
    carrier: Carrier::Cache(|context, _| {
        context.reply.simple("Background append only file rewriting started");
        Ok(())
    }),
    ..SAVE
};

pub static LASTSAVE: CommandSpec = CommandSpec {
    name: "lastsave",
    flags: Flags::LOADING.or(Flags::STALE).or(Flags::FAST),
    categories: "admin dangerous",
    summary: "Returns the time of the last save, which is always now.",
    carrier: Carrier::Cache(|context, _| {
        context.reply.integer((context.step.now.0 / 1000) as i64);
        Ok(())
    }),
    ..SAVE
};

fn save_in_background(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    if args.len() > 2 || (args.len() == 2 && !is_option(args.get(1), "SCHEDULE")) {
        return Err(CommandError::Syntax);
    }
    context.reply.simple("Background saving started");
    Ok(())
}
