//! PUBLISH and SPUBLISH: a message to everyone who listens now.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::glob;
use warren_resp::{Args, Protocol, Reply};
use warren_units::{Gate, PeerId, Rope};

pub static PUBLISH: CommandSpec = CommandSpec {
    name: "publish",
    arity: 3,
    flags: super::FLAGS.or(Flags::FAST),
    keys: Keys::None,
    categories: "",
    group: Group::PubSub,
    since: "2.0.0",
    summary: "Sends a message to the subscribers of a channel.",
    complexity: "O(N+M) where N is the number of subscribers and M the number of subscribed patterns.",
    syntax: "channel message",
    carrier: Carrier::Cache(publish),
};

pub static SPUBLISH: CommandSpec = CommandSpec {
    name: "spublish",
    since: "7.0.0",
    summary: "Sends a message to the subscribers of a shard channel.",
    complexity: "O(N) where N is the number of subscribers.",
    syntax: "shardchannel message",
    carrier: Carrier::Cache(publish_to_shard),
    ..PUBLISH
};

fn publish(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let channel = args.get(1);
    let pubsub = &context.shared.pubsub;
    let listeners = pubsub.channels.subscribers(channel).to_vec();
    let matching: Vec<(Vec<u8>, Vec<PeerId>)> = pubsub
        .patterns
        .iter()
        .filter(|(pattern, _)| glob::matches(pattern, channel))
        .map(|(pattern, listeners)| (pattern.to_vec(), listeners.to_vec()))
        .collect();
    let mut count = listeners.len();
    send(context, &listeners, args, |reply| {
        reply.push(3);
        reply.bulk(b"message");
    });
    for (pattern, listeners) in matching {
        count += listeners.len();
        send(context, &listeners, args, |reply| {
            reply.push(4);
            reply.bulk(b"pmessage");
            reply.bulk(&pattern);
        });
    }
    context.reply.integer(count as i64);
    Ok(())
}

fn publish_to_shard(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let listeners = context.shared.pubsub.shard_channels.subscribers(args.get(1)).to_vec();
    send(context, &listeners, args, |reply| {
        reply.push(3);
        reply.bulk(b"smessage");
    });
    context.reply.integer(listeners.len() as i64);
    Ok(())
}

/// Sends `head`, channel and message to each listener, encoded once for each protocol version.
fn send(context: &mut Context<'_, '_>, listeners: &[PeerId], args: Args<'_>, head: impl Fn(&mut Reply<'_>)) {
    if listeners.is_empty() {
        return;
    }
    let gate = context.shared.gate_with_open_record(context.step);
    let encode = |protocol| {
        let mut rope = Rope::new();
        let mut reply = Reply::new(&mut rope, protocol);
        head(&mut reply);
        reply.bulk(args.get(1));
        match args.shared(2) {
            Some(bytes) => reply.bulk_shared(bytes),
            None => reply.bulk(args.get(2)),
        }
        rope
    };
    let (mut resp2, mut resp3) = (None, None);
    for listener in listeners {
        let session = if *listener == context.session.peer {
            Some(&*context.session)
        } else {
            context.shared.sessions.get(*listener)
        };
        let Some(session) = session else { continue };
        let message = match session.protocol {
            Protocol::Resp2 => resp2.get_or_insert_with(|| encode(Protocol::Resp2)),
            Protocol::Resp3 => resp3.get_or_insert_with(|| encode(Protocol::Resp3)),
        };
        deliver(context, *listener, gate, message);
    }
}

/// One message to one listener; a listener that leaves too much unread is cut off, as Redis does, so that it
/// holds no more memory.
fn deliver(context: &mut Context<'_, '_>, listener: PeerId, gate: Gate, message: &Rope) {
    let peers = &mut *context.step.peers;
    if peers.is_ending(listener) {
        return;
    }
    peers.output(listener, gate, |rope| match message.as_plain() {
        Some(bytes) => rope.extend(bytes),
        None => rope.append(&mut message.clone()),
    });
    if peers.pending_bytes(listener) as u64 > context.shared.settings.subscriber_pending_bytes_max {
        peers.cut(listener);
        context.shared.cut_off.push(listener);
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn messages_reach_channels_patterns_and_shards() {
        let mut world = World::default();
        let (publisher, one, two) = (world.connect(), world.connect(), world.connect());
        world.run(one, "SUBSCRIBE news other");
        world.run(two, "HELLO 3");
        world.run(two, "PSUBSCRIBE n*");
        world.run(two, "SSUBSCRIBE news");
        world.transcript(
            publisher,
            &[
                ("PUBLISH news hello", ":2|"),
                ("PUBLISH nobody hello", ":1|"),
                ("PUBLISH x hello", ":0|"),
                ("SPUBLISH news shard", ":1|"),
                ("PUBSUB CHANNELS n*", "*1|$4|news|"),
                ("PUBSUB NUMSUB news none", "*4|$4|news|:1|$4|none|:0|"),
                ("PUBSUB NUMPAT", ":1|"),
                ("PUBSUB SHARDCHANNELS", "*1|$4|news|"),
                ("PUBSUB SHARDNUMSUB news", "*2|$4|news|:1|"),
                ("PUBSUB BOGUS", "-ERR unknown subcommand 'BOGUS'. Try PUBSUB HELP.|"),
            ],
        );
        assert_eq!(world.received(one), "*3|$7|message|$4|news|$5|hello|");
        assert_eq!(
            world.received(two),
            ">4|$8|pmessage|$2|n*|$4|news|$5|hello|>4|$8|pmessage|$2|n*|$6|nobody|$5|hello|\
             >3|$8|smessage|$4|news|$5|shard|"
        );
    }

    #[test]
    fn a_message_waits_for_the_record_it_may_have_seen() {
        let mut world = World::default();
        let (publisher, listener) = (world.connect(), world.connect());
        world.run(listener, "SUBSCRIBE c");
        world.run(publisher, "MULTI");
        world.run(publisher, "SET a 1");
        world.run(publisher, "PUBLISH c hi");
        let lsn = world.batch.next_lsn();
        world.run(publisher, "EXEC");
        let gate = world.peers.outbox(listener).expect("it is connected").newest_gate();
        assert_eq!(gate, warren_units::Gate::written(lsn));
    }

    #[test]
    fn who_reads_too_little_is_cut_off() {
        let mut world = World::default();
        let (publisher, listener) = (world.connect(), world.connect());
        world.cache.shared.settings.subscriber_pending_bytes_max = 100;
        world.run(listener, "SUBSCRIBE c");
        let message = "x".repeat(60);
        world.run(publisher, &format!("PUBLISH c {message}"));
        assert!(!world.peers.is_ending(listener));
        world.run(publisher, &format!("PUBLISH c {message}"));
        assert!(world.peers.is_ending(listener));
        assert_eq!(world.peers.pending_bytes(listener), 0);
        world.transcript(publisher, &[("PUBLISH c more", ":0|")]);
    }
}
