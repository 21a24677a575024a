//! PUBSUB: who listens to what.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys, quoted};
use crate::commands::help;
use crate::context::Context;
use crate::glob;
use crate::pubsub::{PubSub, Subscriptions};
use warren_resp::Args;

pub static PUBSUB: CommandSpec = CommandSpec {
    name: "pubsub",
    arity: -2,
    flags: Flags::NONE,
    since: "2.8.0",
    summary: "A container for pub/sub introspection commands.",
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
    group: Group::PubSub,
    since: "6.2.0",
    summary: "Lists the subcommands.",
    complexity: "O(1)",
    syntax: "",
    carrier: Carrier::Cache(show_help),
};

/// What the rows that answer something share.
const ROW: CommandSpec = CommandSpec { flags: super::FLAGS, since: "2.8.0", ..HELP };

static SUBCOMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "channels",
        arity: -2,
        summary: "Returns the channels that have subscribers.",
        complexity: "O(N) where N is the number of such channels.",
        syntax: "[pattern]",
        carrier: Carrier::Cache(|context, args| channels(context, args, |pubsub| &pubsub.channels)),
        ..ROW
    },
    CommandSpec {
        name: "numsub",
        arity: -2,
        summary: "Returns how many subscribers channels have.",
        complexity: "O(N) where N is the number of channels asked for.",
        syntax: "[channel [channel ...]]",
        carrier: Carrier::Cache(|context, args| counts(context, args, |pubsub| &pubsub.channels)),
        ..ROW
    },
    CommandSpec {
        name: "numpat",
        summary: "Returns how many different patterns are subscribed to.",
        carrier: Carrier::Cache(pattern_count),
        ..ROW
    },
    CommandSpec {
        name: "shardchannels",
        arity: -2,
        since: "7.0.0",
        summary: "Returns the shard channels that have subscribers.",
        complexity: "O(N) where N is the number of such channels.",
        syntax: "[pattern]",
        carrier: Carrier::Cache(|context, args| channels(context, args, |pubsub| &pubsub.shard_channels)),
        ..ROW
    },
    CommandSpec {
        name: "shardnumsub",
        arity: -2,
        since: "7.0.0",
        summary: "Returns how many subscribers shard channels have.",
        complexity: "O(N) where N is the number of channels asked for.",
        syntax: "[shardchannel [shardchannel ...]]",
        carrier: Carrier::Cache(|context, args| counts(context, args, |pubsub| &pubsub.shard_channels)),
        ..ROW
    },
    HELP,
];

fn show_help(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    help::reply(context, &PUBSUB);
    Ok(())
}

fn channels(
    context: &mut Context<'_, '_>,
    args: Args<'_>,
    table: fn(&PubSub) -> &Subscriptions,
) -> Result<(), CommandError> {
    if args.len() > 3 {
        let name = quoted(args.get(1));
        return Err(format!(
            "ERR unknown subcommand or wrong number of arguments for '{name}'. Try PUBSUB HELP."
        )
        .into());
    }
    let pattern = (args.len() == 3).then(|| args.get(2));
    let names: Vec<&[u8]> = table(&context.shared.pubsub)
        .iter()
        .map(|(name, _)| name)
        .filter(|name| pattern.is_none_or(|pattern| glob::matches(pattern, name)))
        .collect();
    context.reply.array(names.len());
    names.iter().for_each(|name| context.reply.bulk(name));
    Ok(())
}

fn counts(
    context: &mut Context<'_, '_>,
    args: Args<'_>,
    table: fn(&PubSub) -> &Subscriptions,
) -> Result<(), CommandError> {
    let names = args.from(2);
    context.reply.array(names.len() * 2);
    for name in names.iter() {
        context.reply.bulk(name);
        context.reply.integer(table(&context.shared.pubsub).subscribers(name).len() as i64);
    }
    Ok(())
}

fn pattern_count(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    context.reply.integer(context.shared.pubsub.patterns.len() as i64);
    Ok(())
}
