//! COMMAND and its subcommands: what the rows say.

pub mod describe;
pub mod docs;
pub mod key_uses;
pub mod keys;
pub mod syntax;

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::commands::help;
use crate::context::Context;
use warren_resp::Args;

pub static COMMAND: CommandSpec = CommandSpec {
    name: "command",
    arity: -1,
    flags: Flags::LOADING.or(Flags::STALE),
    categories: "connection",
    since: "2.8.13",
    summary: "Returns details of all commands.",
    complexity: "O(N) where N is the number of commands.",
    carrier: Carrier::AloneOrSubcommands(describe::all, SUBCOMMANDS),
    ..ROW
};

/// HELP, and what the other rows share with it.
const ROW: CommandSpec = CommandSpec {
    name: "help",
    arity: 2,
    flags: Flags::LOADING.or(Flags::STALE),
    keys: Keys::None,
    categories: "connection",
    group: Group::Server,
    since: "5.0.0",
    summary: "Lists the subcommands.",
    complexity: "O(1)",
    syntax: "",
    carrier: Carrier::Cache(show_help),
};

static SUBCOMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "count",
        arity: 2,
        since: "2.8.13",
        summary: "Returns the number of commands.",
        complexity: "O(1)",
        carrier: Carrier::Cache(describe::count),
        ..ROW
    },
    CommandSpec {
        name: "info",
        arity: -2,
        since: "2.8.13",
        summary: "Returns details of some commands.",
        syntax: "[command-name [command-name ...]]",
        carrier: Carrier::Cache(describe::info),
        ..ROW
    },
    CommandSpec {
        name: "list",
        arity: -2,
        since: "7.0.0",
        summary: "Returns the names of commands.",
        syntax: "[FILTERBY MODULE module-name | ACLCAT category | PATTERN pattern]",
        carrier: Carrier::Cache(describe::list),
        ..ROW
    },
    CommandSpec {
        name: "docs",
        arity: -2,
        since: "7.0.0",
        summary: "Returns documentation of commands.",
        syntax: "[command-name [command-name ...]]",
        carrier: Carrier::Cache(docs::docs),
        ..ROW
    },
    CommandSpec {
        name: "getkeys",
        arity: -4,
        since: "2.8.13",
        summary: "Returns the keys of a call.",
        complexity: "O(N) where N is the number of arguments of the call.",
        syntax: "command [arg [arg ...]]",
        carrier: Carrier::Cache(keys::get_keys),
        ..ROW
    },
    CommandSpec {
        name: "getkeysandflags",
        arity: -4,
        since: "7.0.0",
        summary: "Returns the keys of a call and what is done to them.",
        complexity: "O(N) where N is the number of arguments of the call.",
        syntax: "command [arg [arg ...]]",
        carrier: Carrier::Cache(keys::get_keys_and_flags),
        ..ROW
    },
    ROW,
];

fn show_help(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    help::reply(context, &COMMAND);
    Ok(())
}
