//! SUBSCRIBE and UNSUBSCRIBE, of channels, patterns and shard channels.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::pubsub::{PubSub, Subscriptions};
use warren_resp::Args;

pub static SUBSCRIBE: CommandSpec = CommandSpec {
    name: "subscribe",
    arity: -2,
    flags: super::FLAGS.or(Flags::NOSCRIPT),
    keys: Keys::None,
    categories: "",
    group: Group::PubSub,
    since: "2.0.0",
    summary: "Listens for messages published to channels.",
    complexity: "O(N) where N is the number of channels to subscribe to.",
    syntax: "channel [channel ...]",
    carrier: Carrier::Cache(|context, args| subscribe(context, args, &CHANNELS)),
};

pub static UNSUBSCRIBE: CommandSpec = CommandSpec {
    name: "unsubscribe",
    arity: -1,
    summary: "Stops listening to some channels, or to all.",
    complexity: "O(N) where N is the number of channels to unsubscribe.",
    syntax: "[channel [channel ...]]",
    carrier: Carrier::Cache(|context, args| unsubscribe(context, args, &CHANNELS)),
    ..SUBSCRIBE
};

pub static PSUBSCRIBE: CommandSpec = CommandSpec {
    name: "psubscribe",
    summary: "Listens for messages published to channels that match patterns.",
    complexity: "O(N) where N is the number of patterns to subscribe to.",
    syntax: "pattern [pattern ...]",
    carrier: Carrier::Cache(|context, args| subscribe(context, args, &PATTERNS)),
    ..SUBSCRIBE
};

pub static PUNSUBSCRIBE: CommandSpec = CommandSpec {
    name: "punsubscribe",
    summary: "Stops listening to some patterns, or to all.",
    complexity: "O(N) where N is the number of patterns to unsubscribe.",
    syntax: "[pattern [pattern ...]]",
    carrier: Carrier::Cache(|context, args| unsubscribe(context, args, &PATTERNS)),
    ..UNSUBSCRIBE
};

pub static SSUBSCRIBE: CommandSpec = CommandSpec {
    name: "ssubscribe",
    since: "7.0.0",
    summary: "Listens for messages published to shard channels.",
    complexity: "O(N) where N is the number of shard channels to subscribe to.",
    syntax: "shardchannel [shardchannel ...]",
    carrier: Carrier::Cache(|context, args| subscribe(context, args, &SHARD_CHANNELS)),
    ..SUBSCRIBE
};

pub static SUNSUBSCRIBE: CommandSpec = CommandSpec {
    name: "sunsubscribe",
    since: "7.0.0",
    summary: "Stops listening to some shard channels, or to all.",
    complexity: "O(N) where N is the number of shard channels to unsubscribe.",
    syntax: "[shardchannel [shardchannel ...]]",
    carrier: Carrier::Cache(|context, args| unsubscribe(context, args, &SHARD_CHANNELS)),
    ..UNSUBSCRIBE
};

/// One of the three name spaces.
struct Space {
    subscribed: &'static str,
    unsubscribed: &'static str,
    table: fn(&mut PubSub) -> &mut Subscriptions,
    /// What the replies count.
    count: fn(&PubSub, warren_units::PeerId) -> usize,
}

static CHANNELS: Space = Space {
    subscribed: "subscribe",
    unsubscribed: "unsubscribe",
    table: |pubsub| &mut pubsub.channels,
    count: PubSub::count,
};

static PATTERNS: Space = Space {
    subscribed: "psubscribe",
    unsubscribed: "punsubscribe",
    table: |pubsub| &mut pubsub.patterns,
    count: PubSub::count,
};

static SHARD_CHANNELS: Space = Space {
    subscribed: "ssubscribe",
    unsubscribed: "sunsubscribe",
    table: |pubsub| &mut pubsub.shard_channels,
    count: |pubsub, peer| pubsub.shard_channels.of(peer).len(),
};

fn subscribe(context: &mut Context<'_, '_>, args: Args<'_>, space: &Space) -> Result<(), CommandError> {
    let peer = context.session.peer;
    for name in args.from(1).iter() {
        (space.table)(&mut context.shared.pubsub).add(peer, name);
        confirm(context, space, space.subscribed, Some(name));
    }
    Ok(())
}

fn unsubscribe(context: &mut Context<'_, '_>, args: Args<'_>, space: &Space) -> Result<(), CommandError> {
    let peer = context.session.peer;
    let names: Vec<Vec<u8>> = if args.len() > 1 {
        args.from(1).iter().map(<[u8]>::to_vec).collect()
    } else {
        (space.table)(&mut context.shared.pubsub).of(peer).to_vec()
    };
    if names.is_empty() {
        confirm(context, space, space.unsubscribed, None);
    }
    for name in names {
        (space.table)(&mut context.shared.pubsub).remove(peer, &name);
        confirm(context, space, space.unsubscribed, Some(&name));
    }
    Ok(())
}

/// The reply to each change, a push in RESP3.
fn confirm(context: &mut Context<'_, '_>, space: &Space, what: &str, name: Option<&[u8]>) {
    let peer = context.session.peer;
    let pubsub = &context.shared.pubsub;
    context.session.subscription_count = pubsub.count(peer) + pubsub.shard_channels.of(peer).len();
    context.has_pushed = true;
    context.reply.push(3);
    context.reply.bulk(what.as_bytes());
    match name {
        Some(name) => context.reply.bulk(name),
        None => context.reply.null(),
    }
    context.reply.integer((space.count)(pubsub, peer) as i64);
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn a_resp2_subscriber_may_only_subscribe_ping_and_leave() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("SUBSCRIBE a b", "*3|$9|subscribe|$1|a|:1|*3|$9|subscribe|$1|b|:2|"),
                ("PSUBSCRIBE p*", "*3|$10|psubscribe|$2|p*|:3|"),
                ("SSUBSCRIBE s", "*3|$10|ssubscribe|$1|s|:1|"),
                (
                    "GET a",
                    "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are \
                     allowed in this context|",
                ),
                ("PING", "*2|$4|pong|$0||"),
                ("PING hi", "*2|$4|pong|$2|hi|"),
                ("UNSUBSCRIBE", "*3|$11|unsubscribe|$1|a|:2|*3|$11|unsubscribe|$1|b|:1|"),
                ("UNSUBSCRIBE", "*3|$11|unsubscribe|$-1|:1|"),
                ("UNSUBSCRIBE x", "*3|$11|unsubscribe|$1|x|:1|"),
                ("PUNSUBSCRIBE p*", "*3|$12|punsubscribe|$2|p*|:0|"),
                ("SUNSUBSCRIBE", "*3|$12|sunsubscribe|$1|s|:0|"),
                ("GET a", "$-1|"),
                ("SUBSCRIBE a", "*3|$9|subscribe|$1|a|:1|"),
                ("RESET", "+RESET|"),
                ("PUBLISH a x", ":0|"),
            ],
        );
    }

    #[test]
    fn a_resp3_subscriber_may_do_all() {
        let mut world = World::default();
        let client = world.connect();
        world.run(client, "HELLO 3");
        world.transcript(
            client,
            &[
                ("SUBSCRIBE a", ">3|$9|subscribe|$1|a|:1|"),
                ("GET a", "_|"),
                ("PING", "+PONG|"),
                ("PUBLISH a x", ":1|>3|$7|message|$1|a|$1|x|"),
                ("UNSUBSCRIBE", ">3|$11|unsubscribe|$1|a|:0|"),
            ],
        );
    }
}
