//! SLOWLOG and LATENCY. The engine has no clock of its own and measures no command, so both are always empty,
//! and say so.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::commands::help;
use crate::context::Context;
use crate::parse;
use warren_resp::Args;

pub static SLOWLOG: CommandSpec = CommandSpec {
    name: "slowlog",
    arity: -2,
    flags: Flags::NONE,
    summary: "A container for slow log commands.",
    complexity: "Depends on subcommand.",
    carrier: Carrier::Subcommands(&[
        CommandSpec {
            name: "get",
            arity: -2,
            syntax: "[count]",
            summary: "Returns slow commands: none, they are not measured.",
            carrier: Carrier::Cache(slow_commands),
            ..ADMIN_ROW
        },
        CommandSpec {
            name: "len",
            summary: "Returns the number of slow commands: 0.",
            carrier: Carrier::Cache(zero),
            ..ADMIN_ROW
        },
        CommandSpec {
            name: "reset",
            summary: "Forgets slow commands.",
            carrier: Carrier::Cache(|context, _| {
                context.reply.ok();
                Ok(())
            }),
            ..ADMIN_ROW
        },
        CommandSpec { carrier: Carrier::Cache(|context, _| show_help(context, &SLOWLOG)), ..HELP },
    ]),
    ..HELP
};

pub static LATENCY: CommandSpec = CommandSpec {
    name: "latency",
    arity: -2,
    flags: Flags::NONE,
    since: "2.8.13",
    summary: "A container for latency diagnostics commands.",
    complexity: "Depends on subcommand.",
    carrier: Carrier::Subcommands(&[
        CommandSpec {
            name: "latest",
            summary: "Returns the latest spike of each event: none.",
            carrier: Carrier::Cache(nothing),
            ..ADMIN_ROW
        },
        CommandSpec {
            name: "history",
            arity: 3,
            syntax: "event",
            summary: "Returns the spikes of an event: none.",
            carrier: Carrier::Cache(nothing),
            ..ADMIN_ROW
        },
        CommandSpec {
            name: "reset",
            arity: -2,
            syntax: "[event [event ...]]",
            summary: "Forgets the spikes of events.",
            carrier: Carrier::Cache(zero),
            ..ADMIN_ROW
        },
        CommandSpec {
            name: "doctor",
            summary: "Says that latency is not measured.",
            carrier: Carrier::Cache(doctor),
            ..ADMIN_ROW
        },
        CommandSpec { carrier: Carrier::Cache(|context, _| show_help(context, &LATENCY)), ..HELP },
    ]),
    ..HELP
};

/// HELP, and what the other rows share with it.
const HELP: CommandSpec = CommandSpec {
    name: "help",
    arity: 2,
    flags: Flags::LOADING.or(Flags::STALE),
    keys: Keys::None,
    categories: "",
    group: Group::Server,
    since: "2.2.12",
    summary: "Lists the subcommands.",
    complexity: "O(1)",
    syntax: "",
    carrier: Carrier::Cache(nothing),
};

const ADMIN_ROW: CommandSpec = CommandSpec { flags: super::ADMIN, ..HELP };

fn show_help(context: &mut Context<'_, '_>, container: &CommandSpec) -> Result<(), CommandError> {
    help::reply(context, container);
    Ok(())
}

fn slow_commands(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    if args.len() > 3 {
        return Err(CommandError::wrong_arity("slowlog|get"));
    }
    if args.len() == 3 && parse::integer(args.get(2)).is_none_or(|count| count < -1) {
        return Err(CommandError::fixed("ERR count should be greater than or equal to -1"));
    }
    nothing(context, args)
}

fn nothing(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    context.reply.array(0);
    Ok(())
}

fn zero(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    context.reply.integer(0);
    Ok(())
}

fn doctor(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    context.reply.verbatim("txt", b"I'm sorry, Dave: this server does not measure latency.");
    Ok(())
}
