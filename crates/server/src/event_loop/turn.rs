//! One turn of a loop, after it has waited: what goes on under the engine's lock.

use super::records::BATCH_SIZE_BYTES_MAX;
use super::requests::{Decoded, RequestFault, Requests, receive_amqp};
use super::{EventLoop, SLEEP_TIME_MAX};
use crate::core::now;
use crate::io::Token;
use crate::process::REFRESH_INTERVAL_MILLISECONDS;
use std::time::{Duration, Instant};
use warren_amqp::{Fault, PROTOCOL_HEADER};
use warren_engine::{Address, Engine, PeerKind};
use warren_log::Reservation;
use warren_resp::Commands;
use warren_units::bounds::TURN_MICROSECONDS_MAX;
use warren_units::peers::Ending;
use warren_units::{LoopId, Lsn, PeerId, RoomSource, UnixMillis};

/// Commands whose keys the CPU fetches together before they run: what they touch stays within the nearest
/// cache.
const ANNOUNCED_COUNT_MAX: usize = 64;

/// What the events of a turn ask for; the vectors keep their memory between turns.
#[derive(Default)]
pub struct Work {
    pub accepted: Vec<(Token, PeerKind, Address)>,
    pub received: Vec<Token>,
    pub ended: Vec<Token>,
    pub closed: Vec<Token>,
    pub unsent: Vec<(PeerKind, PeerId, usize)>,
    /// Connections with outputs to send at the end of the turn.
    pub sending: Vec<Token>,
    /// Connections to be closed at the end of the turn, whatever they have still to send.
    pub cut: Vec<Token>,
    pub decoded: Vec<Decoded>,
    pub spare: Vec<Requests>,
    /// The turn's records, their places in the log reserved.
    pub reservations: Vec<Reservation>,
    /// Bytes read and sent that the engine has not been told of.
    pub received_bytes: u64,
    pub sent_bytes: u64,
    /// Engine deadline after the turn.
    deadline: Option<UnixMillis>,
    /// This loop may sync the log itself at the end of the turn: until then what waits for a sync is noted here.
    pub may_sync: bool,
    pub sync_wanted: Lsn,
    /// What the turn wrote and sent so far.
    pub record_count: u32,
    pub has_sent: bool,
}

impl EventLoop {
    /// Does what [`Work`] asks for and answers how long the loop may sleep.
    pub fn turn(&mut self) -> Duration {
        self.decode();
        let has_requests = !self.work.decoded.is_empty();
        self.work.may_sync = self.lockstep.begin_turn(self.work.decoded.iter().map(|decoded| decoded.token));
        (self.work.sync_wanted, self.work.record_count, self.work.has_sent) = (Lsn::NONE, 0, false);
        self.execute_all();
        if has_requests {
            self.end_requests();
        }
        if !self.work.received.is_empty() {
            return Duration::ZERO;
        }
        let deadline = self.work.deadline.map(|deadline| deadline.0.saturating_sub(now().0));
        deadline.map_or(SLEEP_TIME_MAX, |left| Duration::from_millis(left).min(SLEEP_TIME_MAX))
    }

    /// From requests to outputs.
    fn execute_all(&mut self) {
        self.make_room();
        self.engine_turn();
        self.write_log();
        self.send_outputs();
        self.forget_closed();
    }

    /// Syncs the log and sends what waited for that, where this loop should do so itself.
    fn end_requests(&mut self) {
        let is_in_step =
            self.work.sync_wanted > Lsn::NONE && self.work.record_count == 1 && !self.work.has_sent;
        let core = self.core.clone();
        if self.lockstep.end_turn(is_in_step, core.sync_requests.sync_time()) {
            core.sync_log();
            if core.log.wants_filling() {
                core.sync_requests.wake_filler();
            }
            core.wake_waiting(Some(self.id));
            self.execute_all();
            self.lockstep.look_on(core.sync_requests.sync_time());
        }
        // Where a record of another loop was still on its way.
        let wanted = std::mem::take(&mut self.work.sync_wanted);
        if self.work.may_sync && wanted > core.log.progress().synced {
            self.work.may_sync = false;
            self.want_sync(wanted);
        }
    }

    /// Sees to it that the log takes what the turn may write, before the engine is entered: making a file
    /// takes longer than anybody should hold its lock.
    fn make_room(&self) {
        let sizes = self.work.decoded.iter().map(|decoded| decoded.consumed + decoded.requests.shared_size());
        // Where the disk has no room, the engine is told, and refuses what grows the state.
        self.core.log.room(sizes.sum::<usize>() as u64);
    }

    /// Enters the engine once.
    fn engine_turn(&mut self) {
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
        let mut announced = 0;
        for index in 0..decoded.len() {
            if index == announced {
                announced += self.announce(&mut engine, &decoded[index..]);
            }
            let connection = &mut decoded[index];
            self.execute(&mut engine, connection);
            self.work.spare.push(connection.requests.cleared());
            if since.elapsed().as_micros() as u64 > TURN_MICROSECONDS_MAX {
                parking_lot::MutexGuard::bump(&mut engine);
                since = Instant::now();
            }
            if engine.batch_size() > BATCH_SIZE_BYTES_MAX {
                self.reserve(&mut engine);
            }
        }
        decoded.clear();
        self.work.decoded = decoded;
        if engine.next_deadline().is_some_and(|deadline| deadline <= time) {
            engine.tick();
        }
        self.disconnect_gone(&mut engine);
        self.collect(&mut engine);
        self.work.deadline = engine.next_deadline();
        engine.loops_to_wake(self.id).for_each(|loop_id| core.wake(loop_id));
        self.exchange_facts(&mut engine, time);
        let garbage = engine.take_garbage();
        let fetches = engine.take_fetches();
        self.reserve(&mut engine);
        drop(engine);
        self.core.fetches.push(fetches);
        self.hands.drop_elsewhere(garbage);
    }

    /// What the engine's settings mean for the server, and what the server knows for INFO.
    fn exchange_facts(&mut self, engine: &mut Engine, time: UnixMillis) {
        let shared = &mut engine.cache_mut().shared;
        shared.process.network_input_bytes += std::mem::take(&mut self.work.received_bytes);
        shared.process.network_output_bytes += std::mem::take(&mut self.work.sent_bytes);
        if self.id == LoopId(0)
            && time.0.saturating_sub(self.facts_refreshed_at.0) >= REFRESH_INTERVAL_MILLISECONDS
        {
            self.facts_refreshed_at = time;
            shared.refresh_process();
        }
        self.core.sync_requests.set_append_fsync(shared.settings.append_fsync);
        if std::mem::take(&mut shared.wants_checkpoint) {
            self.core.checkpoints.request();
        }
        if shared.wants_shutdown {
            self.core.request_stop();
        }
    }

    fn connect_accepted(&mut self, engine: &mut Engine) {
        for (token, kind, address) in self.work.accepted.drain(..) {
            let peer = engine.connect(kind, self.id, address);
            let index = peer.index as usize;
            if self.tokens.len() <= index {
                self.tokens.resize(index + 1, None);
            }
            self.tokens[index] = Some(token);
            if let Some(connection) = self.connections.get_mut(token.slot()).and_then(Option::as_mut) {
                connection.peer = Some(peer);
                connection.set_authenticated(kind == PeerKind::Amqp || engine.cache().is_authenticated(peer));
            }
        }
    }

    /// Announces the first commands of as many connections as fit in the measure; answers how many.
    fn announce(&mut self, engine: &mut Engine, decoded: &[Decoded]) -> usize {
        let (mut connection_count, mut command_count) = (0, 0);
        for Decoded { token, peer, requests, .. } in decoded {
            if let Requests::Resp(commands) = requests
                && let Some(input) = self.driver.input(*token)
            {
                let count = commands.len().min(ANNOUNCED_COUNT_MAX);
                engine.announce_resp(*peer, commands.range(0..count, input.data()));
                command_count += count;
            }
            connection_count += 1;
            if command_count >= ANNOUNCED_COUNT_MAX {
                break;
            }
        }
        engine.fetch_announced();
        connection_count
    }

    /// Runs what one connection sent, then gives its input back.
    fn execute(&mut self, engine: &mut Engine, decoded: &mut Decoded) {
        if let Some(connection) = self.connection(decoded.token) {
            connection.is_decoded = false;
        }
        let Some(input) = self.driver.input(decoded.token) else { return };
        let (peer, data) = (decoded.peer, input.data());
        let mut pause = false;
        let mut authenticated = None;
        match &decoded.requests {
            Requests::Resp(commands) => {
                run_resp(engine, peer, commands, data);
                if !commands.is_empty() {
                    pause = engine.is_waiting_full(peer);
                    authenticated = Some(engine.cache().is_authenticated(peer));
                }
            }
            Requests::Amqp(incoming) => {
                for request in incoming {
                    receive_amqp(engine, peer, data, request);
                }
                pause = engine.is_waiting_full(peer);
            }
        }
        self.work.received_bytes += decoded.consumed as u64;
        input.consume(decoded.consumed);
        input.expect(decoded.missing);
        if let Some(connection) = self.connection(decoded.token) {
            if let Some(authenticated) = authenticated {
                connection.set_authenticated(authenticated);
            }
            if pause {
                connection.is_paused = true;
                self.driver.pause_receive(decoded.token);
            }
        }
        match decoded.fault.take() {
            None => {}
            Some(RequestFault::Resp(error)) => engine.refuse_resp(peer, error),
            Some(RequestFault::Amqp(Fault::Connection { error, .. })) => engine.refuse_amqp(peer, &error),
            Some(RequestFault::Amqp(Fault::ProtocolHeader)) => engine.refuse_protocol(peer, &PROTOCOL_HEADER),
        }
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
        let (connections, tokens, work) = (&mut self.connections, &self.tokens, &mut self.work);
        engine.collect(self.id, |collected| {
            let Some(token) = tokens[collected.peer.index as usize] else { return };
            let Some(connection) = connections[token.slot()].as_mut() else { return };
            connection.outbox.append(collected.outbox);
            match collected.ending {
                Ending::AtOnce => return work.cut.push(token),
                Ending::AfterOutputs => connection.is_ending = true,
                Ending::No => {}
            }
            work.sending.push(token);
        });
        for token in &self.work.cut {
            let Some(mut connection) = self.connections[token.slot()].take() else { continue };
            self.connection_count -= 1;
            if let Some(peer) = connection.peer.take() {
                engine.disconnect(connection.kind(), peer);
                self.tokens[peer.index as usize] = None;
            }
        }
    }
}

/// Runs the commands of one connection, the first of which are announced: those behind them before they run.
fn run_resp(engine: &mut Engine, peer: PeerId, commands: &Commands, data: &[u8]) {
    for start in (0..commands.len()).step_by(ANNOUNCED_COUNT_MAX) {
        let range = start..commands.len().min(start + ANNOUNCED_COUNT_MAX);
        if start > 0 {
            engine.announce_resp(peer, commands.range(range.clone(), data));
            engine.fetch_announced();
        }
        engine.run_resp(peer, commands.range(range, data));
    }
}
