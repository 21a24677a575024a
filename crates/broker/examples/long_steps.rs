//! How long one step of the broker takes at most where a request or the clock is about very many messages, by
//! itself and while a checkpoint is under way.
//!
//!     cargo run --release -p warren-broker --example long_steps -- 1000000

#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // it measures: clock

use std::time::{Duration, Instant};
use warren_amqp::methods::*;
use warren_amqp::{FieldTable, Method, Payload, Properties, RawProperties, ShortStr};
use warren_broker::{Broker, Content, Garbage, PeerInfo, Request, Settings};
use warren_units::{Batch, LoopId, Lsn, PeerId, Peers, Progress, Step, UnixMillis};

const QUEUE: ShortStr<'static> = ShortStr::literal("q");
const TAG: ShortStr<'static> = ShortStr::literal("tag");
const TIME_TO_LIVE_MILLISECONDS: i64 = 3_600_000;

/// What is done to the messages, and how they are kept before.
struct Row {
    name: &'static str,
    arguments: &'static [(&'static str, i64)],
    dead_letters: bool,
    is_consumed: bool,
    act: fn(&mut World),
}

const ROWS: &[Row] = &[
    Row { name: "queue.purge", arguments: &[], dead_letters: false, is_consumed: false, act: purge },
    Row {
        name: "queue.purge, half of them held",
        arguments: &[],
        dead_letters: false,
        is_consumed: true,
        act: purge_half,
    },
    Row { name: "queue.delete", arguments: &[], dead_letters: false, is_consumed: false, act: delete },
    Row {
        name: "basic.ack multiple",
        arguments: &[],
        dead_letters: false,
        is_consumed: true,
        act: acknowledge,
    },
    Row {
        name: "basic.nack multiple, requeue",
        arguments: &[],
        dead_letters: false,
        is_consumed: true,
        act: requeue,
    },
    Row {
        name: "basic.nack multiple, dropped",
        arguments: &[],
        dead_letters: false,
        is_consumed: true,
        act: reject,
    },
    Row {
        name: "basic.nack multiple, dead letters",
        arguments: &[],
        dead_letters: true,
        is_consumed: true,
        act: reject,
    },
    Row { name: "connection closes", arguments: &[], dead_letters: false, is_consumed: true, act: close },
    Row {
        name: "expiry",
        arguments: &[("x-message-ttl", TIME_TO_LIVE_MILLISECONDS)],
        dead_letters: false,
        is_consumed: false,
        act: expire,
    },
    Row {
        name: "expiry, dead letters",
        arguments: &[("x-message-ttl", TIME_TO_LIVE_MILLISECONDS)],
        dead_letters: true,
        is_consumed: false,
        act: expire,
    },
];

struct World {
    broker: Broker,
    peers: Peers,
    batch: Batch,
    now: UnixMillis,
    peer: PeerId,
    slowest: Duration,
    total: Duration,
    garbage: Vec<Garbage>,
}

impl World {
    fn new() -> World {
        let mut peers = Peers::new(1);
        let peer = peers.open(LoopId(0));
        let settings = Settings { body_memory_bytes: 8 << 30, ..Settings::default() };
        let mut world = World {
            broker: Broker::new(settings),
            peers,
            batch: Batch::new(Lsn(1)),
            now: UnixMillis(1_700_000_000_000),
            peer,
            slowest: Duration::ZERO,
            total: Duration::ZERO,
            garbage: Vec::new(),
        };
        world.step(|broker, step| {
            broker.open(step, peer, PeerInfo::default());
            broker.receive(step, peer, Request::ProtocolHeader);
        });
        let response = b"\0guest\0guest";
        let (mechanism, locale) = (ShortStr::literal("PLAIN"), ShortStr::literal("en_US"));
        world.send(0, ConnectionStartOk { response, mechanism, locale, ..Default::default() });
        world.send(0, ConnectionTuneOk { channel_max: 2047, frame_max: 131_072, heartbeat: 0 });
        world.send(0, ConnectionOpen { virtual_host: ShortStr::literal("/"), ..Default::default() });
        world.send(1, ChannelOpen::default());
        world
    }

    /// One step, as a loop makes it; what it leaves to others is not part of it.
    fn step(&mut self, act: impl FnOnce(&mut Broker, &mut Step<'_>)) {
        let progress = Progress { written: Lsn(u64::MAX), synced: Lsn(u64::MAX) };
        let mut step = Step { now: self.now, batch: &mut self.batch, peers: &mut self.peers, progress };
        let started = Instant::now();
        act(&mut self.broker, &mut step);
        self.batch.finish_record();
        let taken = self.batch.take();
        self.garbage.extend(self.broker.take_garbage());
        let took = started.elapsed();
        self.slowest = self.slowest.max(took);
        self.total += took;
        drop(taken);
        self.garbage.clear();
        self.peers.collect(LoopId(0), |collected| collected.outbox.rope_mut().clear_keeping(1 << 20));
        self.peers.set_unsent(self.peer, 0);
    }

    fn send<'a>(&mut self, channel: u16, method: impl Into<Method<'a>>) {
        let (peer, method) = (self.peer, method.into());
        self.step(|broker, step| {
            broker.receive(step, peer, Request::Method { channel, method, content: None })
        });
    }

    /// What time asks for, until nothing is left.
    fn settle(&mut self) {
        while self.broker.next_deadline().is_some_and(|at| at <= self.now) {
            self.step(|broker, step| broker.tick(step));
        }
    }

    fn fill(&mut self, row: &Row, count: u64) {
        let mut table = FieldTable::new();
        for (name, value) in row.arguments {
            table.insert(ShortStr::literal(name), *value);
        }
        if row.dead_letters {
            table.insert(ShortStr::literal("x-dead-letter-exchange"), "");
            table.insert(ShortStr::literal("x-dead-letter-routing-key"), "dead");
        }
        let mut buffer = Vec::new();
        let arguments = table.as_table(&mut buffer);
        let dead = ShortStr::literal("dead");
        self.send(1, QueueDeclare { queue: QUEUE, durable: true, arguments, ..Default::default() });
        self.send(1, QueueDeclare { queue: dead, durable: true, ..Default::default() });
        let mut properties = Vec::new();
        Properties { delivery_mode: Some(2), ..Default::default() }.encode(&mut properties);
        let peer = self.peer;
        for _ in 0..count {
            let method = BasicPublish { routing_key: QUEUE, ..Default::default() }.into();
            let properties = RawProperties::parse(&properties).expect("they were encoded just now");
            let content = Some(Content { properties, body: Payload::Plain(&[7; 16]) });
            self.step(|broker, step| {
                broker.receive(step, peer, Request::Method { channel: 1, method, content });
            });
        }
        if row.is_consumed {
            self.send(1, BasicConsume { queue: QUEUE, consumer_tag: TAG, ..Default::default() });
            // As the client reads, its connection has credit again.
            while self.unacknowledged() < count {
                self.step(|broker, step| broker.drained(step, peer));
            }
        }
    }

    fn unacknowledged(&self) -> u64 {
        self.broker.queue("/", b"q").map_or(0, |row| row.messages_unacknowledged)
    }
}

fn purge(world: &mut World) {
    world.send(1, QueuePurge { queue: QUEUE, ..Default::default() });
}

fn purge_half(world: &mut World) {
    let half = world.unacknowledged() / 2;
    world.send(1, BasicCancel { consumer_tag: TAG, ..Default::default() });
    world.send(1, BasicNack { delivery_tag: half, multiple: true, requeue: true });
    world.settle();
    (world.slowest, world.total) = (Duration::ZERO, Duration::ZERO);
    purge(world);
}

fn delete(world: &mut World) {
    world.send(1, QueueDelete { queue: QUEUE, ..Default::default() });
}

fn acknowledge(world: &mut World) {
    world.send(1, BasicAck { delivery_tag: 0, multiple: true });
}

fn requeue(world: &mut World) {
    world.send(1, BasicNack { delivery_tag: 0, multiple: true, requeue: true });
}

fn reject(world: &mut World) {
    world.send(1, BasicNack { delivery_tag: 0, multiple: true, requeue: false });
}

fn close(world: &mut World) {
    let peer = world.peer;
    world.peers.close(peer);
    world.step(|broker, step| broker.closed(step, peer));
}

fn expire(world: &mut World) {
    world.now = world.now.saturating_add(TIME_TO_LIVE_MILLISECONDS as u64);
}

fn main() {
    let count: u64 = std::env::args().nth(1).map_or(1_000_000, |text| text.parse().expect("a number"));
    let wanted = std::env::args().nth(2);
    println!("{count} messages: slowest step, all steps; the same during a checkpoint");
    for row in ROWS.iter().filter(|row| wanted.as_ref().is_none_or(|wanted| row.name == wanted)) {
        let mut times = Vec::new();
        for is_frozen in [false, true] {
            let mut world = World::new();
            world.fill(row, count);
            let mut parts = Vec::new();
            if is_frozen {
                world.broker.begin_checkpoint();
                while !world.broker.checkpoint_step(100, &mut parts) {}
            }
            (world.slowest, world.total) = (Duration::ZERO, Duration::ZERO);
            (row.act)(&mut world);
            world.settle();
            times.push(format!("{:.2?}, {:.2?}", world.slowest, world.total));
            drop(parts);
        }
        println!("{:40} {}", row.name, times.join("; "));
    }
}
