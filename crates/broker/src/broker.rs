//! The broker as the engine sees it: requests, news of connections and of the log come in; effects go into
//! the step's record, outputs into its peers.
//!
//! Nothing here reads a clock, a socket or a file. Volatile state (connections, channels, consumers, what
//! they hold) lives here; what a restart must find again lives in [`State`].

use crate::apply::ReplayError;
use crate::channel::Channel;
use crate::confirms::{ConfirmLevel, Released};
use crate::connection::{ChannelSlot, Connection, PeerInfo};
use crate::consumer::Consumer;
use crate::dead_letter::DeadLetters;
use crate::deadlines::Deadlines;
use crate::effects::Effect;
use crate::generated::Generated;
use crate::held_back::HeldBack;
use crate::names::{Name, NameMap, name_map};
use crate::paging::Fetch;
use crate::ready::{Entry, Ready};
use crate::refusal::Refusal;
use crate::settings::Settings;
use crate::state::State;
use crate::{handshake, methods};
use slab::Slab;
use warren_access::Access;
use warren_amqp::{ConnectionError, Method, MethodId, PROTOCOL_HEADER, Payload, RawProperties, encode};
use warren_units::varint::Cursor;
use warren_units::{Gate, Lsn, PeerId, Progress, Record, Step, UnixMillis};

/// One request of a client, decoded.
#[derive(Clone, Copy, Debug)]
pub enum Request<'a> {
    ProtocolHeader,
    Heartbeat,
    Method {
        channel: u16,
        method: Method<'a>,
        content: Option<Content<'a>>,
    },
    /// A message larger than the codec takes; its body was passed over.
    Oversized {
        channel: u16,
        method: MethodId,
        size_bytes: u64,
    },
}

/// The message that came with a method.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    pub properties: RawProperties<'a>,
    pub body: Payload<'a>,
}

/// Messages that left a queue all at once. Freeing them takes long: that is for another thread.
#[expect(dead_code, reason = "held only to be freed elsewhere")]
pub struct Garbage {
    ready: Vec<Ready>,
    settled: Vec<Entry>,
}

/// Numbers for the management API, since start.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Counters {
    pub published: u64,
    pub delivered: u64,
    pub acknowledged: u64,
    pub unroutable: u64,
    pub confirmed: u64,
    pub connections_opened: u64,
    pub connections_closed: u64,
}

pub struct Broker {
    pub(crate) settings: Settings,
    pub(crate) access: Access,
    pub(crate) state: State,
    /// By index of the peer.
    pub(crate) connections: Vec<Option<Box<Connection>>>,
    pub(crate) channels: Slab<Channel>,
    pub(crate) consumers: Slab<Consumer>,
    pub(crate) newest_serial: u32,
    /// Channels whose confirms wait for the log.
    pub(crate) confirming: Vec<u32>,
    pub(crate) deadlines: Deadlines,
    pub(crate) dead_letters: DeadLetters,
    pub(crate) held_back: HeldBack,
    /// Channels that wait for direct replies, by address.
    pub(crate) reply_channels: NameMap<u32>,
    pub(crate) generated: Generated,
    pub(crate) counters: Counters,
    /// Why publishers are asked to stop, while they are.
    pub(crate) blocked: Option<String>,
    pub(crate) scratch: Vec<u8>,
    /// Bodies that queues have asked for since somebody took the questions.
    pub(crate) fetches: Vec<Fetch>,
    /// Channels that may run what they postponed.
    pub(crate) woken: Vec<u32>,
    /// Channels that postpone.
    pub(crate) postponed_count: usize,
    garbage: Vec<Garbage>,
}

impl Broker {
    pub fn new(settings: Settings) -> Broker {
        Broker {
            access: Access::default(),
            state: State::new(settings.seed),
            connections: Vec::new(),
            channels: Slab::new(),
            consumers: Slab::new(),
            newest_serial: 0,
            confirming: Vec::new(),
            deadlines: Deadlines::default(),
            dead_letters: DeadLetters::default(),
            held_back: HeldBack::default(),
            reply_channels: name_map(settings.seed),
            generated: Generated::new(settings.seed),
            counters: Counters::default(),
            blocked: None,
            scratch: Vec::new(),
            fetches: Vec::new(),
            woken: Vec::new(),
            postponed_count: 0,
            garbage: Vec::new(),
            settings,
        }
    }

    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Users and permissions changed: what channels remember of a permission ends.
    pub fn set_access(&mut self, access: Access) {
        self.access = access;
        self.state.touch_topology();
    }

    /// A connection was accepted.
    pub fn open(&mut self, step: &mut Step<'_>, peer: PeerId, info: PeerInfo) {
        let index = peer.index as usize;
        if index >= self.connections.len() {
            self.connections.resize_with(index + 1, || None);
        }
        self.connections[index] = Some(Box::new(Connection::new(peer, info, step.now)));
        self.deadlines.handshake(peer, step.now);
        self.counters.connections_opened += 1;
    }

    /// A client asked for something. Refusals close its channel or connection.
    #[inline]
    pub fn receive(&mut self, step: &mut Step<'_>, peer: PeerId, request: Request<'_>) {
        let Some(connection) = self.connection_mut(peer) else { return };
        connection.received_at = step.now;
        match request {
            Request::Heartbeat => return,
            Request::ProtocolHeader => handshake::protocol_header(self, step, peer),
            Request::Method { channel, method, content } => {
                methods::receive(self, step, peer, channel, method, content);
            }
            Request::Oversized { channel, method, size_bytes } => {
                methods::oversized(self, step, peer, channel, method, size_bytes);
            }
        }
        self.finish(step);
    }

    /// The decoder could not go on: connection.close with its code and text, then the end.
    pub fn refuse(&mut self, step: &mut Step<'_>, peer: PeerId, error: &ConnectionError) {
        if self.connection(peer).is_some() {
            let refusal = Refusal::new(error.code, error.explanation.clone());
            let method = MethodId { class: error.class_id, method: error.method_id };
            self.close_connection(step, peer, &refusal, method);
        }
        step.peers.end(peer);
        self.finish(step);
    }

    /// The client speaks another protocol: it is told ours, and the connection ends.
    pub fn refuse_protocol(&mut self, step: &mut Step<'_>, peer: PeerId) {
        step.peers.output(peer, Gate::OPEN, |rope| rope.extend(&PROTOCOL_HEADER));
        step.peers.end(peer);
    }

    /// The connection is gone.
    pub fn closed(&mut self, step: &mut Step<'_>, peer: PeerId) {
        if self.connection(peer).is_some() {
            self.release_connection(step, peer);
            self.connections[peer.index as usize] = None;
            self.counters.connections_closed += 1;
            self.finish(step);
        }
    }

    /// The connection has credit again: its consumers take their turns.
    pub fn drained(&mut self, step: &mut Step<'_>, peer: PeerId) {
        let Some(connection) = self.connection(peer) else { return };
        let channels: Vec<u32> = connection.open_channels().collect();
        channels.into_iter().for_each(|channel| self.unpark(step, channel));
        self.finish(step);
    }

    /// The log has come further: confirms that waited for it leave.
    pub fn advanced(&mut self, step: &mut Step<'_>, progress: Progress) {
        let reached = self.settings.publisher_confirms.reached(progress);
        self.release_confirms(step, reached, |_| Gate::OPEN);
    }

    /// A turn ends, and its records are written before any of its outputs leaves: confirms that wait for no
    /// more than that go with it, behind their gates.
    pub fn turn_ends(&mut self, step: &mut Step<'_>) {
        if self.settings.publisher_confirms == ConfirmLevel::Written {
            self.release_confirms(step, step.batch.last(), Gate::written);
        }
    }

    fn release_confirms(&mut self, step: &mut Step<'_>, reached: Lsn, gate: fn(Lsn) -> Gate) {
        let mut confirming = std::mem::take(&mut self.confirming);
        confirming.retain(|key| {
            let Some(channel) = self.channels.get_mut(*key as usize) else { return false };
            let Some(confirms) = &mut channel.confirms else { return false };
            if let Some(Released { newest, lsn, count }) = confirms.release(reached) {
                let output = |rope: &mut _| encode::basic_ack(rope, channel.number, newest, count > 1);
                step.peers.output(channel.peer, gate(lsn), output);
                self.counters.confirmed += count as u64;
            }
            confirms.is_waiting()
        });
        self.confirming = confirming;
    }

    /// Does what time asks for, a bounded part of it: [`Broker::next_deadline`] says when to come again.
    pub fn tick(&mut self, step: &mut Step<'_>) {
        self.run_deadlines(step);
        self.finish(step);
    }

    pub fn next_deadline(&self) -> Option<UnixMillis> {
        self.deadlines.next()
    }

    /// Says goodbye to every client.
    pub fn shutdown(&mut self, step: &mut Step<'_>) {
        let refusal = Refusal::new(
            warren_amqp::ReplyCode::ConnectionForced,
            "broker forced connection closure with reason 'shutdown'",
        );
        let peers: Vec<PeerId> =
            self.connections.iter().flatten().map(|connection| connection.peer).collect();
        for peer in peers {
            self.close_connection(step, peer, &refusal, MethodId::default());
            step.peers.end(peer);
        }
        self.finish(step);
    }

    /// True while publishers are asked to stop.
    #[inline]
    pub fn is_blocked(&self) -> bool {
        self.blocked.is_some()
    }

    /// Asks publishers to stop (`Some` reason) or to go on.
    pub fn set_blocked(&mut self, step: &mut Step<'_>, reason: Option<&str>) {
        let was_blocked = self.blocked.is_some();
        self.blocked = reason.map(str::to_string);
        if was_blocked != self.blocked.is_some() {
            let waiting =
                self.connections.iter().flatten().filter(|connection| connection.wants_blocked_notify);
            waiting.for_each(|connection| handshake::notify_blocked(step, connection.peer, reason));
        }
    }

    /// Applies one effect of a record as it is read back.
    pub fn replay(&mut self, record: &Record<'_>, cursor: &mut Cursor<'_>) -> Result<(), ReplayError> {
        self.state.replay(record, cursor)
    }

    /// All records are replayed. After an unclean end nobody knows what clients have seen: every message
    /// counts as redelivered, over later clean ends too, so that this is an effect.
    pub fn recovered(&mut self, step: &mut Step<'_>, clean: bool) {
        let has_messages = self.state.queues.iter().any(|(_, queue)| queue.has_ready());
        if !clean && has_messages {
            Effect::CountedAsRedelivered.record(step.batch);
            self.state.count_all_as_redelivered();
        }
        let slots: Vec<u32> = self.state.queues.iter().map(|(slot, _)| slot as u32).collect();
        for slot in slots {
            self.state.queue_mut(slot).used_at = step.now;
            self.schedule_queue(slot);
        }
    }

    /// What is to be freed on another thread.
    pub fn take_garbage(&mut self) -> Vec<Garbage> {
        std::mem::take(&mut self.garbage)
    }

    pub(crate) fn discard(&mut self, messages: impl IntoIterator<Item = Ready>) {
        let messages: Vec<Ready> = messages.into_iter().filter(|ready| !ready.is_empty()).collect();
        if !messages.is_empty() {
            self.garbage.push(Garbage { ready: messages, settled: Vec::new() });
        }
    }

    /// The same of messages that clients have settled.
    pub(crate) fn discard_settled(&mut self, settled: Vec<Entry>) {
        if !settled.is_empty() {
            self.garbage.push(Garbage { ready: Vec::new(), settled });
        }
    }

    /// Ends a step: what queues gave up in it goes where they say.
    #[inline]
    pub(crate) fn finish(&mut self, step: &mut Step<'_>) {
        if !self.dead_letters.is_empty() {
            self.publish_dead_letters(step);
        }
        while !self.woken.is_empty() {
            self.run_woken(step);
            self.publish_dead_letters(step);
        }
    }

    #[inline]
    pub(crate) fn connection(&self, peer: PeerId) -> Option<&Connection> {
        self.connections.get(peer.index as usize)?.as_deref().filter(|connection| connection.peer == peer)
    }

    #[inline]
    pub(crate) fn connection_mut(&mut self, peer: PeerId) -> Option<&mut Connection> {
        let connection = self.connections.get_mut(peer.index as usize)?.as_deref_mut();
        connection.filter(|connection| connection.peer == peer)
    }

    /// A name that no client can guess or collide with.
    pub(crate) fn generated_name(&mut self, prefix: &str) -> Name {
        self.generated.name(prefix)
    }

    /// Ends everything the connection has: channels, consumers, exclusive queues.
    pub(crate) fn release_connection(&mut self, step: &mut Step<'_>, peer: PeerId) {
        let Some(connection) = self.connection_mut(peer) else { return };
        let channels: Vec<u32> = connection.open_channels().collect();
        for key in &channels {
            let number = self.channels[*key as usize].number;
            if let Some(connection) = self.connection_mut(peer) {
                connection.set_channel(number, ChannelSlot::Free);
            }
        }
        // First no consumer of this connection is left, then its messages go back: none returns to it.
        channels.iter().for_each(|key| self.cancel_consumers(step, *key));
        channels.iter().for_each(|key| self.release_channel(step, *key));
        let exclusive = self.connection_mut(peer).map(|it| std::mem::take(&mut it.exclusive_queues));
        for queue in exclusive.into_iter().flatten() {
            if self.state.live_queue(queue).is_some() {
                self.delete_queue(step, queue.slot);
            }
        }
    }
}
