//! MEMORY: what values take, and what the process takes.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::commands::help;
use crate::context::Context;
use crate::keyspace::usage::size_of;
use crate::parse::{is_option, need_integer};
use warren_resp::Args;
use warren_units::bounds::DATABASE_COUNT;

pub static MEMORY: CommandSpec = CommandSpec {
    name: "memory",
    arity: -2,
    flags: Flags::NONE,
    summary: "A container for memory diagnostics commands.",
    complexity: "Depends on subcommand.",
    carrier: Carrier::Subcommands(SUBCOMMANDS),
    ..HELP
};

const HELP: CommandSpec = CommandSpec {
    name: "help",
    arity: 2,
    flags: Flags::LOADING.or(Flags::STALE),
    keys: Keys::None,
    categories: "",
    group: Group::Server,
    since: "4.0.0",
    summary: "Lists the subcommands.",
    complexity: "O(1)",
    syntax: "",
    carrier: Carrier::Cache(show_help),
};

const ROW: CommandSpec = CommandSpec { flags: Flags::NONE, ..HELP };

static SUBCOMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "usage",
        arity: -3,
        flags: Flags::READONLY,
        keys: Keys::Range { first: 2, last: 2, step: 1 },
        summary: "Returns how many bytes a key and its value take.",
        syntax: "key [SAMPLES count]",
        carrier: Carrier::Cache(usage),
        ..ROW
    },
    CommandSpec {
        name: "stats",
        summary: "Returns how much memory the process takes.",
        carrier: Carrier::Cache(stats),
        ..ROW
    },
    CommandSpec {
        name: "doctor",
        summary: "Says whether the use of memory looks healthy.",
        carrier: Carrier::Cache(doctor),
        ..ROW
    },
    CommandSpec {
        name: "purge",
        summary: "Does nothing: the allocator gives memory back by itself.",
        carrier: Carrier::Cache(|context, _| {
            context.reply.ok();
            Ok(())
        }),
        ..ROW
    },
    CommandSpec {
        name: "malloc-stats",
        summary: "Names the allocator.",
        carrier: Carrier::Cache(allocator),
        ..ROW
    },
    HELP,
];

fn show_help(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    help::reply(context, &MEMORY);
    Ok(())
}

/// SAMPLES is accepted and not needed: containers know their size.
fn usage(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    match args.len() {
        3 => {}
        5 if is_option(args.get(3), "SAMPLES") => {
            if need_integer(args.get(4))? < 0 {
                return Err(CommandError::Syntax);
            }
        }
        _ => return Err(CommandError::Syntax),
    }
    let place = context.peek(context.session.database, args.get(2));
    match context.shared.keyspace.entry(place) {
        Some(entry) => context.reply.integer(size_of(entry) as i64),
        None => context.reply.null(),
    }
    Ok(())
}

fn stats(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    context.shared.refresh_process();
    let process = &context.shared.process;
    let rows = [
        ("peak.allocated", process.peak_memory_bytes),
        ("total.allocated", process.allocated_memory_bytes),
        ("resident.allocated", process.resident_memory_bytes),
        ("startup.allocated", context.keyspace().own_bytes() as u64),
        ("dataset.bytes", context.keyspace().entries_bytes() as u64),
        (
            "keys.count",
            (0..DATABASE_COUNT as u8)
                .map(|database| context.keyspace().database(database).table.len() as u64)
                .sum(),
        ),
    ];
    context.reply.map(rows.len());
    for (name, value) in rows {
        context.reply.bulk(name.as_bytes());
        context.reply.integer(value as i64);
    }
    Ok(())
}

fn doctor(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    context.shared.refresh_process();
    let process = &context.shared.process;
    let is_fragmented = process.allocated_memory_bytes > 64 * 1024 * 1024
        && process.resident_memory_bytes > 2 * process.allocated_memory_bytes;
    let text = if is_fragmented {
        "Sam, the process holds more than twice the memory that it uses."
    } else {
        "Hi Sam, I can't find any memory issue in your instance."
    };
    context.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

fn allocator(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    let text = context.shared.process.allocator.clone();
    context.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn usage_grows_with_the_value() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[("MEMORY USAGE a", "$-1|"), ("MEMORY USAGE a SAMPLES", "-ERR syntax error|")],
        );
        let mut usage_of = |size: usize| {
            world.run(client, &format!("SET a {}", "x".repeat(size)));
            let reply = world.run(client, "MEMORY USAGE a SAMPLES 5");
            reply.trim_matches([':', '|']).parse::<usize>().expect("an integer")
        };
        let (small, large) = (usage_of(10), usage_of(1000));
        assert!(small >= 11 && large >= small + 990, "{small} {large}");
    }
}
