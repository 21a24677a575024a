//! The engine: state, and one method per kind of request. Each request is a step, each step at most one
//! record.

use crate::bridge;
use bytes::Bytes;
use std::sync::Arc;
use warren_amqp::ConnectionError;
use warren_broker::{Broker, Fetch, Request};
use warren_cache::keyspace::KeyspaceGarbage;
use warren_cache::{Cache, commands};
use warren_resp::{Args, Reply};
use warren_units::peers::Collected;
use warren_units::{
    Batch, BodyName, Gate, LoopId, Lsn, Outbox, PeerId, Peers, Progress, RoomSource, Step, UnixMillis,
};

/// What one tick does at most of each kind of work that time asks for.
const TICK_STEP_COUNT_MAX: usize = 200;

/// Requests of a blocked client that are kept before it is no longer read from.
const WAITING_SIZE_BYTES_MAX: usize = 1024 * 1024;

/// What the operator decided, for both halves.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub cache: warren_cache::settings::Settings,
    pub broker: warren_broker::Settings,
    /// Keys all hashes and choices; a simulated run repeats with its seed.
    pub seed: u64,
    pub loop_count: usize,
}

pub struct Engine {
    pub(crate) cache: Cache,
    pub(crate) broker: Broker,
    pub(crate) batch: Batch,
    pub(crate) peers: Peers,
    pub(crate) progress: Progress,
    pub(crate) now: UnixMillis,
}

/// Large things that have left the state; dropping them is all there is to do, on any thread.
#[derive(Default)]
pub struct Garbage {
    pub keyspace: Vec<KeyspaceGarbage>,
    pub messages: Vec<warren_broker::Garbage>,
}

impl Garbage {
    pub fn is_empty(&self) -> bool {
        self.keyspace.is_empty() && self.messages.is_empty()
    }
}

impl Engine {
    /// An empty engine, before any record.
    pub fn new(settings: Settings, now: UnixMillis) -> Engine {
        let tables: Vec<_> = commands::COMMANDS.iter().copied().chain([bridge::ROWS]).collect();
        let broker_settings = warren_broker::Settings { seed: settings.seed, ..settings.broker };
        Engine {
            cache: Cache::new(&tables, settings.cache, settings.seed, now),
            broker: Broker::new(broker_settings),
            batch: Batch::new(Lsn::NONE.next()),
            peers: Peers::new(settings.loop_count.max(1)),
            progress: Progress::default(),
            now,
        }
    }

    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    pub fn cache_mut(&mut self) -> &mut Cache {
        &mut self.cache
    }

    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    pub fn broker_mut(&mut self) -> &mut Broker {
        &mut self.broker
    }

    pub fn now(&self) -> UnixMillis {
        self.now
    }

    /// A loop has entered. Engine time never goes back; `progress` is how far the log has come, and what
    /// waited for it in the engine leaves.
    pub fn begin_turn(&mut self, now: UnixMillis, progress: Progress) {
        self.now = self.now.max(now);
        if progress != self.progress {
            self.progress = progress;
            let (_, broker, mut step) = self.parts();
            broker.advanced(&mut step, progress);
        }
    }

    /// Says who knows what the log has room for. To be called once the engine has recovered; what finds no room
    /// is refused, or waits.
    pub fn set_room_source(&mut self, source: Arc<dyn RoomSource>) {
        self.batch.set_room_source(source);
    }

    /// Asks publishers to stop because the disk is nearly full, or to go on.
    pub fn set_disk_low(&mut self, is_low: bool) {
        if self.broker.is_blocked() != is_low {
            let (_, broker, mut step) = self.parts();
            broker.set_blocked(&mut step, is_low.then_some("low on disk"));
        }
    }

    /// Requests of a RESP client that [`Engine::run_resp`] gets soon: the CPU begins to fetch what they need.
    /// [`Engine::fetch_announced`] follows when those of all clients are announced.
    #[inline]
    pub fn announce_resp<'r>(&mut self, peer: PeerId, requests: impl Iterator<Item = Args<'r>>) {
        self.cache.announce(peer, requests);
    }

    #[inline]
    pub fn fetch_announced(&mut self) {
        self.cache.shared.keyspace.fetch_announced();
    }

    /// Runs the requests of a RESP client in order, each a step of its own.
    pub fn run_resp<'r>(&mut self, peer: PeerId, requests: impl Iterator<Item = Args<'r>>) {
        let Some(outbox) = self.peers.outbox(peer) else { return };
        let mut rope = std::mem::take(outbox.rope_mut());
        let mut host = bridge::BrokerHost { broker: &mut self.broker };
        let mut step =
            Step { now: self.now, batch: &mut self.batch, peers: &mut self.peers, progress: self.progress };
        self.cache.run(&mut step, &mut host, peer, requests, &mut rope);
        self.cache.end_run(&mut step, peer, rope);
    }

    /// Bodies that queues need since the last call: to be read from the log, and given to [`Engine::fetched`].
    pub fn take_fetches(&mut self) -> Vec<Fetch> {
        self.broker.take_fetches()
    }

    /// The bodies of a fetch were read, in the order of its names.
    ///
    /// # Errors
    /// A body that could not be read (`None`), and that is needed.
    pub fn fetched(&mut self, fetch: &Fetch, bodies: &[Option<Bytes>]) -> Result<(), BodyName> {
        let (_, broker, mut step) = self.parts();
        let filled = broker.fetched(&mut step, fetch, bodies);
        self.end_step();
        filled
    }

    /// Whether a blocked client has sent so much meanwhile that it should not be read from.
    pub fn is_waiting_full(&self, peer: PeerId) -> bool {
        self.cache.waiting_size(peer) > WAITING_SIZE_BYTES_MAX || self.broker.is_waiting_full(peer)
    }

    /// A RESP client sent what is no RESP: the error, then the end.
    pub fn refuse_resp(&mut self, peer: PeerId, error: warren_resp::ProtocolError) {
        self.peers.output(peer, Gate::OPEN, |rope| {
            Reply::new(rope, warren_resp::Protocol::Resp2).error(&format!("ERR {error}"));
        });
        self.peers.end(peer);
    }

    /// One request of an AMQP client.
    #[inline]
    pub fn receive_amqp(&mut self, peer: PeerId, request: Request<'_>) {
        let (_, broker, mut step) = self.parts();
        broker.receive(&mut step, peer, request);
        self.end_step();
    }

    /// An AMQP client sent what cannot be decoded: connection.close with the reason, then the end.
    pub fn refuse_amqp(&mut self, peer: PeerId, error: &ConnectionError) {
        let (_, broker, mut step) = self.parts();
        broker.refuse(&mut step, peer, error);
        self.end_step();
    }

    /// An AMQP client spoke another protocol: `header` says ours, then the end.
    pub fn refuse_protocol(&mut self, peer: PeerId, header: &[u8]) {
        self.peers.output(peer, Gate::OPEN, |rope| rope.extend(header));
        self.peers.end(peer);
    }

    /// Does a bounded part of what time asks for: expiry, timeouts, heartbeats.
    pub fn tick(&mut self) {
        let (cache, broker, mut step) = self.parts();
        let mut host = bridge::BrokerHost { broker };
        cache.tick(&mut step, &mut host, TICK_STEP_COUNT_MAX);
        self.end_step();
        let (_, broker, mut step) = self.parts();
        broker.tick(&mut step);
        self.end_step();
    }

    /// When [`Engine::tick`] has something to do next.
    pub fn next_deadline(&self) -> Option<UnixMillis> {
        self.cache.next_deadline().into_iter().chain(self.broker.next_deadline()).min()
    }

    /// Says goodbye to every AMQP client.
    pub fn shutdown(&mut self) {
        let (_, broker, mut step) = self.parts();
        broker.shutdown(&mut step);
        self.end_step();
    }

    /// Ends a turn: hands the outputs of a loop's connections to `take`.
    pub fn collect(&mut self, loop_id: LoopId, take: impl FnMut(Collected<'_>)) {
        let (_, broker, mut step) = self.parts();
        broker.turn_ends(&mut step);
        self.peers.collect(loop_id, take);
    }

    /// Moves the outputs of one connection behind those in `into`.
    pub fn collect_one(&mut self, peer: PeerId, into: &mut Outbox) {
        if let Some(outbox) = self.peers.outbox(peer) {
            into.append(outbox);
        }
    }

    /// Loops other than `own` that have outputs to collect.
    pub fn loops_to_wake(&self, own: LoopId) -> impl Iterator<Item = LoopId> + '_ {
        self.peers.loops_to_wake(own)
    }

    /// Bytes of records that [`Engine::take_batch`] would take.
    pub fn batch_size(&self) -> usize {
        self.batch.size()
    }

    /// The records that [`Engine::take_batch`] would take.
    pub fn batch(&self) -> &Batch {
        &self.batch
    }

    /// The records since the last call, if there are any, to be written to the log.
    pub fn take_batch(&mut self) -> Option<Batch> {
        (!self.batch.is_empty()).then(|| self.batch.take())
    }

    /// Gives the memory of a written batch back.
    pub fn recycle(&mut self, batch: Batch) {
        self.batch.recycle(batch);
    }

    /// Large things to be dropped outside the engine.
    pub fn take_garbage(&mut self) -> Garbage {
        Garbage { keyspace: self.cache.shared.keyspace.take_garbage(), messages: self.broker.take_garbage() }
    }

    /// Cache, broker, and the step in the making.
    #[inline]
    pub(crate) fn parts(&mut self) -> (&mut Cache, &mut Broker, Step<'_>) {
        let step =
            Step { now: self.now, batch: &mut self.batch, peers: &mut self.peers, progress: self.progress };
        (&mut self.cache, &mut self.broker, step)
    }

    /// Ends the record of a step that the broker made.
    #[inline]
    pub(crate) fn end_step(&mut self) {
        self.batch.finish_record();
    }
}
