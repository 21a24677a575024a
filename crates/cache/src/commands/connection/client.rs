//! CLIENT and its subcommands.

pub mod kill;
pub mod list;
pub mod modes;
pub mod name;
pub mod pause;

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::commands::help;
use crate::context::Context;
use warren_resp::Args;

pub static CLIENT: CommandSpec = CommandSpec {
    name: "client",
    arity: -2,
    flags: Flags::NONE,
    since: "2.4.0",
    summary: "A container for client connection commands.",
    complexity: "Depends on subcommand.",
    carrier: Carrier::Subcommands(SUBCOMMANDS),
    ..ROW
};

/// HELP, and what the other rows share with it.
const ROW: CommandSpec = CommandSpec {
    name: "help",
    arity: 2,
    flags: Flags::LOADING.or(Flags::STALE),
    keys: Keys::None,
    categories: "",
    group: Group::Connection,
    since: "5.0.0",
    summary: "Lists the subcommands.",
    complexity: "O(1)",
    syntax: "",
    carrier: Carrier::Cache(show_help),
};

/// Rows about the connection itself.
const OWN_ROW: CommandSpec = CommandSpec { flags: super::FLAGS, ..ROW };

/// Rows about other clients.
const ADMIN_ROW: CommandSpec = CommandSpec { flags: super::FLAGS.or(Flags::ADMIN), ..ROW };

static SUBCOMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "id",
        arity: 2,
        since: "5.0.0",
        summary: "Returns the number of the connection.",
        carrier: Carrier::Cache(name::id),
        ..OWN_ROW
    },
    CommandSpec {
        name: "setname",
        arity: 3,
        since: "2.6.9",
        summary: "Names the connection.",
        syntax: "connection-name",
        carrier: Carrier::Cache(name::set_name),
        ..OWN_ROW
    },
    CommandSpec {
        name: "getname",
        arity: 2,
        since: "2.6.9",
        summary: "Returns the name of the connection.",
        carrier: Carrier::Cache(name::get_name),
        ..OWN_ROW
    },
    CommandSpec {
        name: "setinfo",
        arity: 4,
        since: "7.2.0",
        summary: "Says which client library and version is used.",
        syntax: "LIB-NAME libname | LIB-VER libver",
        carrier: Carrier::Cache(name::set_info),
        ..OWN_ROW
    },
    CommandSpec {
        name: "info",
        arity: 2,
        since: "6.2.0",
        summary: "Returns a line about the connection.",
        carrier: Carrier::Cache(list::info),
        ..OWN_ROW
    },
    CommandSpec {
        name: "list",
        arity: -2,
        since: "2.4.0",
        summary: "Returns a line about each connection.",
        complexity: "O(N) where N is the number of client connections.",
        syntax: "[TYPE normal | master | replica | pubsub] [ID client-id [client-id ...]]",
        carrier: Carrier::Cache(list::list),
        ..ADMIN_ROW
    },
    CommandSpec {
        name: "kill",
        arity: -3,
        since: "2.4.0",
        summary: "Closes connections.",
        complexity: "O(N) where N is the number of client connections.",
        syntax: "ip:port | [ID client-id] [TYPE normal | master | slave | replica | pubsub] [USER username] \
                 [ADDR ip:port] [LADDR ip:port] [SKIPME yes | no]",
        carrier: Carrier::Cache(kill::kill),
        ..ADMIN_ROW
    },
    CommandSpec {
        name: "unblock",
        arity: -3,
        since: "5.0.0",
        summary: "Ends the waiting of a blocked client.",
        complexity: "O(N) where N is the number of client connections.",
        syntax: "client-id [TIMEOUT | ERROR]",
        carrier: Carrier::Cache(kill::unblock),
        ..ADMIN_ROW
    },
    CommandSpec {
        name: "pause",
        arity: -3,
        since: "3.0.0",
        summary: "Holds commands of all clients back for a time.",
        syntax: "timeout [WRITE | ALL]",
        carrier: Carrier::Cache(pause::pause),
        ..ADMIN_ROW
    },
    CommandSpec {
        name: "unpause",
        arity: 2,
        since: "6.2.0",
        summary: "Lets held-back commands go on.",
        complexity: "O(N) where N is the number of client connections.",
        carrier: Carrier::Cache(pause::unpause),
        ..ADMIN_ROW
    },
    CommandSpec {
        name: "reply",
        arity: 3,
        since: "3.2.0",
        summary: "Says whether the server is to reply.",
        syntax: "ON | OFF | SKIP",
        carrier: Carrier::Cache(modes::reply),
        ..OWN_ROW
    },
    CommandSpec {
        name: "no-evict",
        arity: 3,
        since: "7.0.0",
        summary: "Spares the connection from client eviction.",
        syntax: "ON | OFF",
        carrier: Carrier::Cache(modes::no_evict),
        ..ADMIN_ROW
    },
    CommandSpec {
        name: "no-touch",
        arity: 3,
        since: "7.2.0",
        summary: "Says whether the connection's reads count as accesses of keys.",
        syntax: "ON | OFF",
        carrier: Carrier::Cache(modes::no_touch),
        ..OWN_ROW
    },
    CommandSpec {
        name: "tracking",
        arity: -3,
        since: "6.0.0",
        summary: "Controls client-side caching; only OFF is supported.",
        syntax: "ON | OFF",
        carrier: Carrier::Cache(modes::tracking),
        ..OWN_ROW
    },
    CommandSpec {
        name: "trackinginfo",
        arity: 2,
        since: "6.2.0",
        summary: "Returns the state of client-side caching.",
        carrier: Carrier::Cache(modes::tracking_info),
        ..OWN_ROW
    },
    CommandSpec {
        name: "getredir",
        arity: 2,
        since: "6.0.0",
        summary: "Returns where invalidations of client-side caching go: nowhere.",
        carrier: Carrier::Cache(modes::get_redirection),
        ..OWN_ROW
    },
    ROW,
];

fn show_help(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    help::reply(context, &CLIENT);
    Ok(())
}
