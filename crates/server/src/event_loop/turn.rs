//! One turn of a loop, after it has waited.

use super::connection::Protocol;
use super::{EventLoop, SLEEP_TIME_MAX};
use crate::core::{fail, now};
use crate::io::Token;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};
use warren_amqp::{Assembler, Fault, Incoming, Method, PROTOCOL_HEADER};
use warren_engine::broker::{Content, Request};
use warren_engine::{Address, Engine, PeerKind};
use warren_log::Reservation;
use warren_resp::{Commands, Decoder, ProtocolError};
use warren_units::bounds::{TURN_COMMAND_COUNT_MAX, TURN_MICROSECONDS_MAX};
use warren_units::{Gate, Lsn, PeerId, UnixMillis};

/// Bytes of records that may be in memory or in the kernel and not on stable storage: past it the loop
/// syncs before it goes on.
const UNSYNCED_SIZE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Records that one turn collects before they are written.
const BATCH_SIZE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What the events of a turn ask for; the vectors keep their memory between turns.
#[derive(Default)]
pub struct Work {
    pub accepted: Vec<(Token, PeerKind, SocketAddr)>,
    pub received: Vec<Token>,
    pub ended: Vec<Token>,
    pub closed: Vec<Token>,
    pub unsent: Vec<(PeerKind, PeerId, usize)>,
    /// Connections with outputs to send at the end of the turn.
    pub sending: Vec<Token>,
    decoded: Vec<Decoded>,
    spare: Vec<Requests>,
    /// Engine deadline after the turn.
    deadline: Option<UnixMillis>,
}

/// What one connection sent: decoded before the engine is entered, executed inside.
struct Decoded {
    token: Token,
    peer: PeerId,
    requests: Requests,
    /// Bytes of input that the requests take.
    consumed: usize,
    /// What a large string on its way still lacks.
    missing: usize,
    fault: Option<RequestFault>,
}

/// Requests as places in the connection's input.
enum Requests {
    Resp(Commands),
    Amqp(Vec<Incoming>),
}

enum RequestFault {
    Resp(ProtocolError),
    Amqp(Fault),
}

impl EventLoop {
    /// Does what [`Work`] asks for and answers how long the loop may sleep.
    pub fn turn(&mut self) -> Duration {
        self.decode();
        let batch = self.engine_turn();
        if let Some(reservation) = batch {
            self.write_log(reservation);
        }
        self.send_outputs();
        self.forget_closed();
        if !self.work.received.is_empty() {
            return Duration::ZERO;
        }
        let deadline = self.work.deadline.map(|deadline| deadline.0.saturating_sub(now().0));
        deadline.map_or(SLEEP_TIME_MAX, |left| Duration::from_millis(left).min(SLEEP_TIME_MAX))
    }

    /// Decodes what has arrived, without the engine. Connections with more input than one turn takes are
    /// noted for the next one.
    fn decode(&mut self) {
        let mut received = std::mem::take(&mut self.work.received);
        for token in received.drain(..) {
            let Some(connection) = self.connections.get_mut(token.slot()).and_then(Option::as_mut) else {
                continue;
            };
            if connection.token != token || connection.is_ending || connection.is_decoded {
                continue;
            }
            // A connection that the engine does not know yet was accepted in this turn: next turn.
            let Some(peer) = connection.peer else {
                self.work.received.push(token);
                continue;
            };
            let Some(input) = self.driver.input(token) else { continue };
            let data = input.data();
            let spare = self.work.spare.pop();
            connection.is_decoded = true;
            let decoded = match &mut connection.protocol {
                Protocol::Resp(decoder) => decode_resp(token, peer, decoder, data, spare),
                Protocol::Amqp(assembler) => decode_amqp(token, peer, assembler, data, spare),
            };
            if decoded.requests.len() >= TURN_COMMAND_COUNT_MAX {
                self.work.received.push(token);
            }
            self.work.decoded.push(decoded);
        }
        if self.work.received.is_empty() {
            self.work.received = received;
        }
    }

    /// Enters the engine once; answers the turn's records, their place in the log reserved.
    fn engine_turn(&mut self) -> Option<Reservation> {
        let core = self.core.clone();
        let mut engine = core.engine();
        let time = now();
        engine.begin_turn(time, core.log.progress());
        engine.set_disk_low(core.log.is_room_low());
        for (kind, peer, unsent) in self.work.unsent.drain(..) {
            engine.set_unsent(kind, peer, unsent);
        }
        self.connect_accepted(&mut engine);
        let mut since = Instant::now();
        let mut decoded = std::mem::take(&mut self.work.decoded);
        for mut connection in decoded.drain(..) {
            self.execute(&mut engine, &mut connection);
            self.work.spare.push(connection.requests.cleared());
            if since.elapsed().as_micros() as u64 > TURN_MICROSECONDS_MAX {
                parking_lot::MutexGuard::bump(&mut engine);
                since = Instant::now();
            }
            if engine.batch_size() > BATCH_SIZE_BYTES_MAX {
                self.write_within_turn(&mut engine);
            }
        }
        self.work.decoded = decoded;
        if engine.next_deadline().is_some_and(|deadline| deadline <= time) {
            engine.tick();
        }
        self.disconnect_gone(&mut engine);
        self.collect(&mut engine);
        self.work.deadline = engine.next_deadline();
        engine.loops_to_wake(self.id).for_each(|loop_id| core.wake(loop_id));
        let garbage = engine.take_garbage();
        let batch = engine.take_batch();
        let reservation = batch.map(|batch| core.log.reserve(batch).unwrap_or_else(|error| fail(&error)));
        drop(engine);
        drop(garbage);
        reservation
    }

    fn connect_accepted(&mut self, engine: &mut Engine) {
        for (token, kind, remote) in self.work.accepted.drain(..) {
            let local = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
            let peer = engine.connect(kind, self.id, Address { remote, local });
            let index = peer.index as usize;
            if self.tokens.len() <= index {
                self.tokens.resize(index + 1, None);
            }
            self.tokens[index] = Some(token);
            if let Some(connection) = self.connections.get_mut(token.slot()).and_then(Option::as_mut) {
                connection.peer = Some(peer);
            }
        }
    }

    /// Runs what one connection sent, then gives its input back.
    fn execute(&mut self, engine: &mut Engine, decoded: &mut Decoded) {
        if let Some(connection) = self.connection(decoded.token) {
            connection.is_decoded = false;
        }
        let Some(input) = self.driver.input(decoded.token) else { return };
        let (peer, data) = (decoded.peer, input.data());
        let mut pause = false;
        let size = engine.batch_size() + decoded.consumed;
        engine.set_growth_size_max(self.core.log.growth_room(size as u64));
        match &decoded.requests {
            Requests::Resp(commands) => {
                if !commands.is_empty() {
                    engine.run_resp(peer, (0..commands.len()).map(|index| commands.args(index, data)));
                    pause = engine.is_waiting_full(peer);
                }
            }
            Requests::Amqp(incoming) => {
                for request in incoming {
                    receive_amqp(engine, peer, data, request);
                }
            }
        }
        input.consume(decoded.consumed);
        input.expect(decoded.missing);
        if pause && let Some(connection) = self.connection(decoded.token) {
            connection.is_paused = true;
            self.driver.pause_receive(decoded.token);
        }
        match decoded.fault.take() {
            None => {}
            Some(RequestFault::Resp(error)) => engine.refuse_resp(peer, error),
            Some(RequestFault::Amqp(Fault::Connection { error, .. })) => engine.refuse_amqp(peer, &error),
            Some(RequestFault::Amqp(Fault::ProtocolHeader)) => engine.refuse_protocol(peer, &PROTOCOL_HEADER),
        }
    }

    /// A turn with very many records writes them in parts, under the lock: their order is kept.
    fn write_within_turn(&mut self, engine: &mut Engine) {
        let Some(batch) = engine.take_batch() else { return };
        let reservation = self.core.log.reserve(batch).unwrap_or_else(|error| fail(&error));
        self.write_log_without_recycling(reservation);
    }

    fn disconnect_gone(&mut self, engine: &mut Engine) {
        let gone = self.work.closed.iter().chain(&self.work.ended);
        for token in gone {
            let Some(connection) = self.connections.get_mut(token.slot()).and_then(Option::as_mut) else {
                continue;
            };
            if connection.token == *token
                && let Some(peer) = connection.peer.take()
            {
                // What the engine has written until now still leaves.
                engine.collect_one(peer, &mut connection.outbox);
                engine.disconnect(connection.kind(), peer);
                self.tokens[peer.index as usize] = None;
            }
        }
        for token in self.work.ended.drain(..) {
            if let Some(connection) = self.connections.get_mut(token.slot()).and_then(Option::as_mut) {
                connection.is_ending = true;
                self.work.sending.push(token);
            }
        }
    }

    fn collect(&mut self, engine: &mut Engine) {
        let (connections, tokens, sending) = (&mut self.connections, &self.tokens, &mut self.work.sending);
        engine.collect(self.id, |collected| {
            let Some(token) = tokens[collected.peer.index as usize] else { return };
            let Some(connection) = connections[token.slot()].as_mut() else { return };
            connection.outbox.append(collected.outbox);
            connection.is_ending |= collected.ending;
            sending.push(token);
        });
    }

    /// Writes the turn's records, outside the engine's lock.
    fn write_log(&mut self, reservation: Reservation) {
        let sync_wanted = reservation.batch().sync_wanted();
        match self.core.log.write(reservation) {
            Ok(batch) => self.work_batch(batch),
            Err(error) => fail(&error),
        }
        self.after_write(sync_wanted);
    }

    fn write_log_without_recycling(&mut self, reservation: Reservation) {
        let sync_wanted = reservation.batch().sync_wanted();
        if let Err(error) = self.core.log.write(reservation) {
            fail(&error);
        }
        self.after_write(sync_wanted);
    }

    /// Keeps the memory of a written batch for the next turn's records.
    fn work_batch(&mut self, batch: warren_units::Batch) {
        if let Some(mut engine) = self.core.try_engine() {
            engine.recycle(batch);
        }
    }

    fn after_write(&mut self, sync_wanted: Lsn) {
        if sync_wanted > Lsn::NONE {
            self.core.sync_requests.want(sync_wanted);
            self.set_waiting(true);
        }
        self.core.wake_waiting(Some(self.id));
        if self.core.log.unsynced_bytes() > UNSYNCED_SIZE_BYTES_MAX
            && let Err(error) = self.core.log.sync()
        {
            fail(&error);
        }
    }

    fn set_waiting(&mut self, is_waiting: bool) {
        if self.is_waiting != is_waiting {
            self.is_waiting = is_waiting;
            self.core.set_waiting(self.id, is_waiting);
        }
    }

    /// Sends what may leave: of connections with new outputs, and of those that waited for the log.
    fn send_outputs(&mut self) {
        let mut sending = std::mem::take(&mut self.work.sending);
        for token in self.gated.drain(..) {
            if let Some(connection) = self.connections.get_mut(token.slot()).and_then(Option::as_mut)
                && connection.token == token
            {
                connection.is_gated = false;
                sending.push(token);
            }
        }
        let mut newest_gate = Gate::OPEN;
        for token in sending.drain(..) {
            self.resume(token);
            newest_gate = newest_gate.and(self.send_released(token));
        }
        self.work.sending = sending;
        if newest_gate.synced > Lsn::NONE {
            self.core.sync_requests.want(newest_gate.synced);
        }
        let progress = self.core.log.progress();
        // Told before the last look at the log: what comes later wakes this loop.
        self.set_waiting(!self.gated.is_empty() || progress.synced.0 < self.core.sync_requests.wanted());
        if self.gated.iter().any(|token| self.is_releasable(*token)) {
            self.core.wake(self.id);
        }
    }

    fn is_releasable(&self, token: Token) -> bool {
        let connection = self.connections[token.slot()].as_ref();
        connection.is_some_and(|connection| connection.outbox.releasable(self.core.log.progress()) > 0)
    }

    /// A client that was blocked has got its reply: it is read from again.
    fn resume(&mut self, token: Token) {
        if let Some(connection) = self.connection(token)
            && connection.is_paused
        {
            connection.is_paused = false;
            self.driver.resume_receive(token);
        }
    }

    /// Hands the open part of a connection's outputs to the driver; answers the gate of the rest.
    fn send_released(&mut self, token: Token) -> Gate {
        let progress = self.core.log.progress();
        let Some(connection) = self.connections.get_mut(token.slot()).and_then(Option::as_mut) else {
            return Gate::OPEN;
        };
        if connection.token != token {
            return Gate::OPEN;
        }
        let rope = connection.outbox.release(progress);
        if !rope.is_empty() {
            self.driver.send(token, rope);
            connection.outbox.recycle(self.driver.take_spare());
        }
        let connection = self.connections[token.slot()].as_mut().expect("the connection was just found");
        if let Some(peer) = connection.peer {
            let unsent = self.driver.unsent_bytes(token) + connection.outbox.len();
            // What the engine collected counts as unsent until it is told otherwise.
            self.work.unsent.push((connection.kind(), peer, unsent));
        }
        if connection.outbox.is_empty() {
            if connection.is_ending {
                self.driver.shutdown_after_send(token);
            }
            return Gate::OPEN;
        }
        if !connection.is_gated {
            connection.is_gated = true;
            self.gated.push(token);
        }
        connection.outbox.newest_gate()
    }

    fn forget_closed(&mut self) {
        for token in self.work.closed.drain(..) {
            let slot = &mut self.connections[token.slot()];
            if slot.as_ref().is_some_and(|connection| connection.token == token) {
                *slot = None;
                self.connection_count -= 1;
            }
        }
    }
}

impl Requests {
    fn len(&self) -> usize {
        match self {
            Requests::Resp(commands) => commands.len(),
            Requests::Amqp(incoming) => incoming.len(),
        }
    }

    fn cleared(&mut self) -> Requests {
        let mut requests = std::mem::replace(self, Requests::Amqp(Vec::new()));
        match &mut requests {
            Requests::Resp(commands) => commands.clear(),
            Requests::Amqp(incoming) => incoming.clear(),
        }
        requests
    }
}

fn decode_resp(
    token: Token,
    peer: PeerId,
    decoder: &mut Decoder,
    data: &[u8],
    spare: Option<Requests>,
) -> Decoded {
    let mut commands = match spare {
        Some(Requests::Resp(commands)) => commands,
        _ => Commands::default(),
    };
    let limits = warren_resp::Limits::default();
    let (consumed, result) = decoder.decode(data, &mut commands, TURN_COMMAND_COUNT_MAX, limits);
    let fault = result.err().map(RequestFault::Resp);
    Decoded {
        token,
        peer,
        requests: Requests::Resp(commands),
        consumed,
        missing: decoder.missing_bytes(),
        fault,
    }
}

fn decode_amqp(
    token: Token,
    peer: PeerId,
    assembler: &mut Assembler,
    data: &[u8],
    spare: Option<Requests>,
) -> Decoded {
    let mut incoming = match spare {
        Some(Requests::Amqp(incoming)) => incoming,
        _ => Vec::new(),
    };
    let fed = assembler.feed(data, 0, &mut incoming);
    let fault = fed.fault.map(RequestFault::Amqp);
    Decoded { token, peer, requests: Requests::Amqp(incoming), consumed: fed.consumed_to, missing: 0, fault }
}

/// Runs one AMQP request whose parts lie in `data`.
fn receive_amqp(engine: &mut Engine, peer: PeerId, data: &[u8], incoming: &Incoming) {
    let request = match incoming {
        Incoming::ProtocolHeader => Request::ProtocolHeader,
        Incoming::Heartbeat => Request::Heartbeat,
        Incoming::Method { channel, method } => match Method::decode(method.of(data)) {
            Ok(method) => Request::Method { channel: *channel, method, content: None },
            Err(error) => return engine.refuse_amqp(peer, &error),
        },
        Incoming::Content(content) => match Method::decode(content.method(data)) {
            Ok(method) => Request::Method {
                channel: content.channel,
                method,
                content: Some(Content { properties: content.properties(data), body: content.body(data) }),
            },
            Err(error) => return engine.refuse_amqp(peer, &error),
        },
        Incoming::Oversized { channel, method, size } => {
            Request::Oversized { channel: *channel, method: *method, size_bytes: *size }
        }
    };
    engine.receive_amqp(peer, request);
}
