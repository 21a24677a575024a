//! CONFIG: the parameters by name.

pub mod parameters;

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys, quoted};
use crate::commands::help;
use crate::context::Context;
use crate::glob;
use parameters::{PARAMETERS, Parameter};
use warren_resp::Args;

pub static CONFIG: CommandSpec = CommandSpec {
    name: "config",
    arity: -2,
    flags: Flags::NONE,
    since: "2.0.0",
    summary: "A container for server configuration commands.",
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
    group: Group::Server,
    since: "5.0.0",
    summary: "Lists the subcommands.",
    complexity: "O(1)",
    syntax: "",
    carrier: Carrier::Cache(show_help),
};

/// Rows for administrators.
const ADMIN_ROW: CommandSpec = CommandSpec { flags: super::ADMIN, ..ROW };

static SUBCOMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "get",
        arity: -3,
        since: "2.0.0",
        summary: "Returns the values of parameters.",
        complexity: "O(N) where N is the number of parameters.",
        syntax: "parameter [parameter ...]",
        carrier: Carrier::Cache(get),
        ..ADMIN_ROW
    },
    CommandSpec {
        name: "set",
        arity: -4,
        since: "2.0.0",
        summary: "Sets parameters until the server ends.",
        complexity: "O(N) where N is the number of parameters.",
        syntax: "parameter value [parameter value ...]",
        carrier: Carrier::Cache(set),
        ..ADMIN_ROW
    },
    CommandSpec {
        name: "resetstat",
        arity: 2,
        since: "2.0.0",
        summary: "Sets the counters of INFO to zero.",
        carrier: Carrier::Cache(reset_statistics),
        ..ADMIN_ROW
    },
    CommandSpec {
        name: "rewrite",
        arity: 2,
        since: "2.8.0",
        summary: "Refused: the configuration file is the operator's.",
        carrier: Carrier::Cache(rewrite),
        ..ADMIN_ROW
    },
    ROW,
];

fn show_help(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    help::reply(context, &CONFIG);
    Ok(())
}

fn get(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let patterns: Vec<Vec<u8>> = args.from(2).iter().map(<[u8]>::to_ascii_lowercase).collect();
    let mut found: Vec<(&str, String)> = Vec::new();
    for parameter in PARAMETERS {
        for name in parameter.names() {
            if patterns.iter().any(|pattern| glob::matches(pattern, name.as_bytes())) {
                found.push((name, parameter.get(context.shared)));
            }
        }
    }
    context.reply.map(found.len());
    for (name, value) in found {
        context.reply.bulk(name.as_bytes());
        context.reply.bulk(value.as_bytes());
    }
    Ok(())
}

/// All values are checked before the first is set.
fn set(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    if !args.len().is_multiple_of(2) {
        return Err(CommandError::wrong_arity("config|set"));
    }
    let mut changes: Vec<(&'static Parameter, String)> = Vec::new();
    for position in (2..args.len()).step_by(2) {
        let name = String::from_utf8_lossy(args.get(position)).to_lowercase();
        let failed = |reason: &str| {
            CommandError::from(format!(
                "ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}"
            ))
        };
        let Some(parameter) = Parameter::find(&name) else {
            let name = quoted(args.get(position));
            return Err(format!("ERR Unknown option or number of arguments for CONFIG SET - '{name}'").into());
        };
        if changes.iter().any(|(earlier, _)| std::ptr::eq(*earlier, parameter)) {
            return Err(failed("duplicate parameter"));
        }
        let value = parameter.check(args.get(position + 1)).map_err(|reason| failed(&reason))?;
        changes.push((parameter, value));
    }
    for (parameter, value) in changes {
        parameter.set(context.shared, value);
    }
    context.reply.ok();
    Ok(())
}

fn reset_statistics(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    context.shared.statistics.reset();
    context.shared.eviction.reset_statistics(context.step.now);
    context.reply.ok();
    Ok(())
}

fn rewrite(_: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    Err(CommandError::fixed("ERR The server is running without a config file"))
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn parameters_are_read_and_set() {
        let failed = |name: &str, reason: &str| {
            format!("-ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}|")
        };
        let mut world = World::default();
        let client = world.connect();
        for (command, reply) in [
            ("CONFIG GET appendfsync", "*2|$11|appendfsync|$8|everysec|".to_owned()),
            ("CONFIG SET appendfsync always", "+OK|".to_owned()),
            ("CONFIG GET appendfsyn?", "*2|$11|appendfsync|$6|always|".to_owned()),
            (
                "CONFIG SET appendfsync x",
                failed("appendfsync", "argument(s) must be one of the following: everysec, always, no"),
            ),
            ("CONFIG GET nosuch", "*0|".to_owned()),
            (
                "CONFIG SET nosuch 1",
                "-ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'|".to_owned(),
            ),
            ("CONFIG SET maxmemory 2mb", "+OK|".to_owned()),
            ("CONFIG GET maxmemory hz", "*4|$9|maxmemory|$7|2097152|$2|hz|$2|10|".to_owned()),
            ("CONFIG SET maxmemory x", failed("maxmemory", "argument must be a memory value")),
            ("CONFIG SET hz x", failed("hz", "argument couldn't be parsed into an integer")),
            ("CONFIG SET hz 50 timeout 1 hz 4", failed("hz", "duplicate parameter")),
            ("CONFIG GET hz", "*2|$2|hz|$2|10|".to_owned()),
            ("CONFIG SET databases 3", failed("databases", "can't set immutable config")),
            ("CONFIG SET port 70000", failed("port", "argument must be between 0 and 65535 inclusive")),
            ("CONFIG SET hz", "-ERR wrong number of arguments for 'config|set' command|".to_owned()),
            (
                "CONFIG SET hz 1 timeout",
                "-ERR wrong number of arguments for 'config|set' command|".to_owned(),
            ),
            ("CONFIG SET hash-max-ziplist-entries 7", "+OK|".to_owned()),
            (
                "CONFIG GET hash-max-*-entries",
                "*4|$25|hash-max-listpack-entries|$1|7|$24|hash-max-ziplist-entries|$1|7|".to_owned(),
            ),
            ("CONFIG RESETSTAT", "+OK|".to_owned()),
        ] {
            assert_eq!(world.run(client, command), reply, "{command}");
        }
        assert_eq!(world.cache.shared.keyspace.limits.hash_listpack_entries_max, 7);
    }
}
