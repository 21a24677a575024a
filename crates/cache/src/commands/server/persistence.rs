//! SAVE, BGSAVE, BGREWRITEAOF and LASTSAVE. The log keeps every change as it is made, so nothing is left to
//! save; what these ask for is a checkpoint, which makes the next start shorter and gives old log files back.

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
    summary: "Asks for a checkpoint. All changes are in the log already.",
    complexity: "O(1)",
    syntax: "",
    carrier: Carrier::Cache(|context, _| {
        context.shared.wants_checkpoint = true;
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
        context.shared.wants_checkpoint = true;
        context.reply.simple("Background append only file rewriting started");
        Ok(())
    }),
    ..SAVE
};

pub static LASTSAVE: CommandSpec = CommandSpec {
    name: "lastsave",
    flags: Flags::LOADING.or(Flags::STALE).or(Flags::FAST),
    categories: "admin dangerous",
    summary: "Returns when the last checkpoint was finished; before the first, when the server was started.",
    carrier: Carrier::Cache(|context, _| {
        context.shared.refresh_process();
        let last_at = context.shared.process.checkpoints.last_at.unwrap_or(context.shared.started_at);
        context.reply.integer((last_at.0 / 1000) as i64);
        Ok(())
    }),
    ..SAVE
};

fn save_in_background(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    if args.len() > 2 || (args.len() == 2 && !is_option(args.get(1), "SCHEDULE")) {
        return Err(CommandError::Syntax);
    }
    let has_schedule = args.len() == 2;
    context.shared.refresh_process();
    if !has_schedule && (context.shared.process.checkpoints.is_running || context.shared.wants_checkpoint) {
        return Err(CommandError::fixed("ERR Background save already in progress"));
    }
    context.shared.wants_checkpoint = true;
    context.reply.simple("Background saving started");
    Ok(())
}
