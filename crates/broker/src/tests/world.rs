//! A broker with its peers and a log that is written and synced when a test says so.
//!
//! What a client would read is decoded and shown as lines: `deliver tag=1 "body" (redelivered)`.

use crate::{Broker, Content, Fetch, PeerInfo, Request, Settings};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use warren_amqp::methods::*;
use warren_amqp::{Assembler, Incoming, Method, Payload, Properties, RawProperties, ShortStr, Table};
use warren_units::varint::Cursor;
use warren_units::{
    Batch, BodyName, LoopId, Lsn, PeerId, Peers, Progress, Record, Room, RoomSource, Rope, Step, UnixMillis,
};

pub fn name(text: &str) -> ShortStr<'_> {
    ShortStr::new(text.as_bytes()).unwrap()
}

/// One record as the log keeps it.
#[derive(Clone)]
struct Logged {
    lsn: Lsn,
    bytes: Vec<u8>,
    bodies: Vec<u8>,
}

/// What the log has room for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug)]
pub enum Level {
    Everything,
    /// All but what adds to the state.
    NoGrowth,
    /// What clients ask for and takes something away.
    NoUpkeep,
    Nothing,
}

struct TestRoom(Mutex<Level>);

impl TestRoom {
    fn level(&self) -> Level {
        *self.0.lock().unwrap()
    }
}

impl RoomSource for TestRoom {
    fn room(&self, _: u64) -> Room {
        let level = self.level();
        let none_from = |least| if level as u8 >= least as u8 { 0 } else { u64::MAX };
        Room {
            growth_size_bytes_max: none_from(Level::NoGrowth),
            upkeep_size_bytes_max: none_from(Level::NoUpkeep),
            size_bytes_max: none_from(Level::Nothing),
        }
    }
}

pub struct World {
    pub broker: Broker,
    pub peers: Peers,
    pub now: UnixMillis,
    pub progress: Progress,
    /// The newest record that an output waits to see synced.
    pub sync_wanted: Lsn,
    batch: Batch,
    room: Arc<TestRoom>,
    log: Vec<Logged>,
    readers: BTreeMap<u32, Reader>,
    /// Bodies are read only when a test says so, see [`World::serve_fetches`].
    pub is_disk_slow: bool,
    fetches: VecDeque<Fetch>,
    settings: Settings,
}

struct Reader {
    assembler: Assembler,
    bytes: Vec<u8>,
    start: usize,
}

impl World {
    pub fn new() -> World {
        World::with(Settings::default())
    }

    pub fn with(settings: Settings) -> World {
        let mut batch = Batch::new(Lsn(1));
        let room = Arc::new(TestRoom(Mutex::new(Level::Everything)));
        batch.set_room_source(room.clone());
        World {
            room,
            broker: Broker::new(settings.clone()),
            peers: Peers::new(1),
            now: UnixMillis(1_000_000),
            progress: Progress::default(),
            sync_wanted: Lsn::NONE,
            batch,
            log: Vec::new(),
            readers: BTreeMap::new(),
            is_disk_slow: false,
            fetches: VecDeque::new(),
            settings,
        }
    }

    /// The log has room for so much from now on.
    pub fn set_room(&mut self, level: Level) {
        *self.room.0.lock().unwrap() = level;
        // What is known of the room ends with the batch.
        self.batch.take();
    }

    /// Time passes.
    pub fn wait(&mut self, milliseconds: u64) {
        self.now = self.now.saturating_add(milliseconds);
        while self.broker.next_deadline().is_some_and(|at| at <= self.now) {
            self.step(|broker, step| broker.tick(step));
        }
    }

    /// One step; its record is in the log then, written but not synced.
    pub fn step(&mut self, act: impl FnOnce(&mut Broker, &mut Step<'_>)) {
        let mut step =
            Step { now: self.now, batch: &mut self.batch, peers: &mut self.peers, progress: self.progress };
        act(&mut self.broker, &mut step);
        self.batch.finish_record();
        let batch = self.batch.take();
        assert!(batch.is_empty() || self.room.level() < Level::Nothing, "a record that finds no room");
        if !batch.is_empty() {
            self.log.push(Logged {
                lsn: batch.first(),
                bytes: batch.effects().to_vec(),
                bodies: batch.bodies().to_vec(),
            });
            self.progress.written = batch.last();
            self.sync_wanted = self.sync_wanted.max(batch.sync_wanted());
            let progress = self.progress;
            self.advance(progress);
        }
        self.broker.take_garbage();
        self.fetches.extend(self.broker.take_fetches());
        while !self.is_disk_slow && self.serve_fetches() > 0 {}
    }

    /// Reads the bodies that are wanted; answers how many.
    pub fn serve_fetches(&mut self) -> usize {
        let mut count = 0;
        for fetch in std::mem::take(&mut self.fetches) {
            let bodies: Vec<Option<Bytes>> = fetch.names().map(|name| Some(self.body(name))).collect();
            count += bodies.len();
            self.step(|broker, step| broker.fetched(step, &fetch, &bodies).unwrap());
        }
        count
    }

    /// No body can be read; answers for each fetch whether that matters.
    pub fn lose_fetches(&mut self) -> Vec<bool> {
        let mut failed = Vec::new();
        for fetch in std::mem::take(&mut self.fetches) {
            let bodies = vec![None; fetch.names().len()];
            self.step(|broker, step| failed.push(broker.fetched(step, &fetch, &bodies).is_err()));
        }
        failed
    }

    /// Bytes of all bodies in the log.
    pub fn log_body_bytes(&self) -> usize {
        self.log.iter().map(|logged| logged.bodies.len()).sum()
    }

    /// One body in the log.
    pub fn body(&self, name: BodyName) -> Bytes {
        let logged = self.log.iter().find(|logged| logged.lsn == name.lsn).unwrap();
        let (record, _) = Record::parse(logged.lsn, &logged.bytes).unwrap();
        let sizes = record.body_sizes().map(|size| size as usize);
        let start = sizes.take(name.ordinal as usize).sum::<usize>();
        let size = record.body_size(name.ordinal).unwrap() as usize;
        Bytes::copy_from_slice(&logged.bodies[start..start + size])
    }

    /// The log was synced.
    pub fn sync(&mut self) {
        self.progress.synced = self.progress.written;
        let progress = self.progress;
        self.advance(progress);
    }

    fn advance(&mut self, progress: Progress) {
        let mut step =
            Step { now: self.now, batch: &mut self.batch, peers: &mut self.peers, progress: self.progress };
        self.broker.advanced(&mut step, progress);
    }

    pub fn record_count(&self) -> usize {
        self.log.len()
    }

    /// A logged-in connection with channel 1 open.
    pub fn client(&mut self) -> PeerId {
        let peer = self.connect();
        self.send(peer, 0, ConnectionOpen { virtual_host: name("/"), ..Default::default() });
        self.send(peer, 1, ChannelOpen::default());
        self.read(peer);
        peer
    }

    /// A connection that has agreed on everything but the virtual host.
    pub fn connect(&mut self) -> PeerId {
        let peer = self.peers.open(LoopId(0));
        self.step(|broker, step| {
            broker.open(step, peer, PeerInfo::default());
            broker.receive(step, peer, Request::ProtocolHeader);
        });
        let mut table = warren_amqp::FieldTable::new();
        let mut capabilities = warren_amqp::FieldTable::new();
        for capability in ["consumer_cancel_notify", "authentication_failure_close", "connection.blocked"] {
            capabilities.insert(ShortStr::literal(capability), true);
        }
        table.insert(ShortStr::literal("capabilities"), capabilities);
        let mut buffer = Vec::new();
        let client_properties = table.as_table(&mut buffer);
        let response = b"\0guest\0guest";
        let mechanism = name("PLAIN");
        self.send(
            peer,
            0,
            ConnectionStartOk { client_properties, mechanism, response, locale: name("en_US") },
        );
        self.send(peer, 0, ConnectionTuneOk { channel_max: 2047, frame_max: 131_072, heartbeat: 60 });
        self.read(peer);
        peer
    }

    /// The connection breaks.
    pub fn disconnect(&mut self, peer: PeerId) {
        self.peers.close(peer);
        self.step(|broker, step| broker.closed(step, peer));
        self.readers.remove(&peer.index);
    }

    pub fn send<'a>(&mut self, peer: PeerId, channel: u16, method: impl Into<Method<'a>>) {
        let request = Request::Method { channel, method: method.into(), content: None };
        self.step(|broker, step| broker.receive(step, peer, request));
    }

    /// Sends and shows what the client reads.
    pub fn ask<'a>(&mut self, peer: PeerId, method: impl Into<Method<'a>>) -> Vec<String> {
        self.send(peer, 1, method);
        self.read(peer)
    }

    pub fn publish(&mut self, peer: PeerId, exchange: &str, key: &str, body: &str, persistent: bool) {
        let properties = Properties { delivery_mode: persistent.then_some(2), ..Default::default() };
        self.publish_with(peer, exchange, key, body.as_bytes(), properties);
    }

    pub fn publish_with(
        &mut self,
        peer: PeerId,
        exchange: &str,
        key: &str,
        body: &[u8],
        properties: Properties<'_>,
    ) {
        let method = BasicPublish { exchange: name(exchange), routing_key: name(key), ..Default::default() };
        self.publish_method(peer, method, body, properties);
    }

    pub fn publish_method(
        &mut self,
        peer: PeerId,
        method: BasicPublish<'_>,
        body: &[u8],
        properties: Properties<'_>,
    ) {
        let mut encoded = Vec::new();
        properties.encode(&mut encoded);
        let properties = RawProperties::parse(&encoded).unwrap();
        let content = Some(Content { properties, body: Payload::Plain(body) });
        let request = Request::Method { channel: 1, method: method.into(), content };
        self.step(|broker, step| broker.receive(step, peer, request));
    }

    pub fn declare(&mut self, peer: PeerId, queue: &str, durable: bool) {
        let declare = QueueDeclare { queue: name(queue), durable, ..Default::default() };
        let reply = self.ask(peer, declare);
        assert_eq!(reply, [format!("queue.declare-ok {queue} 0 0")]);
    }

    pub fn declare_with(
        &mut self,
        peer: PeerId,
        queue: &str,
        durable: bool,
        arguments: Table<'_>,
    ) -> Vec<String> {
        self.ask(peer, QueueDeclare { queue: name(queue), durable, arguments, ..Default::default() })
    }

    pub fn consume(&mut self, peer: PeerId, queue: &str, tag: &str, no_ack: bool) {
        let consume =
            BasicConsume { queue: name(queue), consumer_tag: name(tag), no_ack, ..Default::default() };
        self.send(peer, 1, consume);
    }

    /// Bodies that basic.get finds until the queue is empty; they are not acknowledged.
    pub fn drain(&mut self, peer: PeerId, queue: &str) -> Vec<String> {
        let mut found = Vec::new();
        loop {
            let reply = self.ask(peer, BasicGet { queue: name(queue), ..Default::default() });
            match reply[0].strip_prefix("get-ok ") {
                Some(rest) => found.push(rest.split_once(' ').unwrap().1.to_string()),
                None => return found,
            }
        }
    }

    /// (ready, unacknowledged) of a queue.
    pub fn counts(&self, queue: &str) -> (u64, u64) {
        let row = self.broker.queue("/", queue.as_bytes()).unwrap();
        (row.messages_ready, row.messages_unacknowledged)
    }

    /// What the client can read: everything whose gate is open.
    pub fn read(&mut self, peer: PeerId) -> Vec<String> {
        let progress = self.progress;
        let mut released = Rope::new();
        if let Some(outbox) = self.peers.outbox(peer) {
            released = outbox.release(progress);
        }
        let reader = self.readers.entry(peer.index).or_insert_with(|| {
            let mut assembler = Assembler::client();
            assembler.agree(131_072, 2047);
            Reader { assembler, bytes: Vec::new(), start: 0 }
        });
        reader.bytes.extend_from_slice(&released.to_vec());
        let mut incoming = Vec::new();
        let fed = reader.assembler.feed(&reader.bytes, reader.start, &mut incoming);
        assert_eq!(fed.fault, None);
        reader.start = fed.consumed_to;
        incoming.iter().map(|incoming| shown(incoming, &reader.bytes)).collect()
    }

    /// Applies the log to a broker, all but its first records.
    pub fn replay_into(&self, broker: &mut Broker, skipped: usize) {
        for logged in &self.log[skipped..] {
            let (record, rest) = Record::parse(logged.lsn, &logged.bytes).unwrap();
            assert!(rest.is_empty());
            let mut cursor = Cursor::new(record.effects);
            while !cursor.is_empty() {
                broker.replay(&record, &mut cursor).unwrap();
            }
        }
    }

    /// What a crash leaves: a new broker that has replayed the log.
    pub fn crashed(&self) -> World {
        self.restarted(false)
    }

    /// A new broker that has replayed the log, after an end in order or not.
    pub fn restarted(&self, is_clean: bool) -> World {
        let mut world = World::with(self.settings.clone());
        world.now = self.now;
        self.replay_into(&mut world.broker, 0);
        assert_eq!(world.broker.body_memory_bytes(), 0, "replay needs no body");
        assert_eq!(world.broker.state_hash(), self.broker.state_hash(), "replay gives what was live");
        world.batch = Batch::new(self.batch.next_lsn());
        world.batch.set_room_source(world.room.clone());
        world.progress = self.progress;
        world.log = self.log.clone();
        world.step(|broker, step| broker.recovered(step, is_clean));
        world
    }
}

fn shown(incoming: &Incoming, buffer: &[u8]) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (method, body) = match incoming {
        Incoming::Method { method, .. } => (Method::decode(method.of(buffer)).unwrap(), String::new()),
        Incoming::Content(content) => {
            let method = Method::decode(content.method(buffer)).unwrap();
            (method, text(content.body(buffer).as_slice()))
        }
        Incoming::Heartbeat => return "heartbeat".to_string(),
        other => panic!("a server never sends {other:?}"),
    };
    let again = |redelivered| if redelivered { " again" } else { "" };
    match method {
        Method::QueueDeclareOk(ok) => {
            format!("queue.declare-ok {} {} {}", text(&ok.queue), ok.message_count, ok.consumer_count)
        }
        Method::QueuePurgeOk(ok) => format!("queue.purge-ok {}", ok.message_count),
        Method::QueueDeleteOk(ok) => format!("queue.delete-ok {}", ok.message_count),
        Method::BasicDeliver(deliver) => {
            format!(
                "{} {} {body}{}",
                text(&deliver.consumer_tag),
                deliver.delivery_tag,
                again(deliver.redelivered)
            )
        }
        Method::BasicGetOk(ok) => format!("get-ok {} {body}{}", ok.delivery_tag, again(ok.redelivered)),
        Method::BasicAck(ack) => {
            format!("ack {}{}", ack.delivery_tag, if ack.multiple { " multiple" } else { "" })
        }
        Method::BasicNack(nack) => format!("nack {}", nack.delivery_tag),
        Method::BasicReturn(returned) => format!("return {} {body}", text(&returned.reply_text)),
        Method::BasicConsumeOk(ok) => format!("basic.consume-ok {}", text(&ok.consumer_tag)),
        Method::BasicCancel(cancel) => format!("basic.cancel {}", text(&cancel.consumer_tag)),
        Method::ChannelClose(close) => {
            format!("channel.close {} {}", close.reply_code, text(&close.reply_text))
        }
        Method::ConnectionClose(close) => {
            format!("connection.close {} {}", close.reply_code, text(&close.reply_text))
        }
        other => other.name().to_string(),
    }
}
