//! Outputs on their way to the sockets, as their gates open.

use super::EventLoop;
use crate::io::Token;
use warren_units::{Gate, Lsn};

impl EventLoop {
    /// Sends what may leave: of connections with new outputs, and of those that waited for the log.
    pub(super) fn send_outputs(&mut self) {
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
        for token in self.work.cut.drain(..) {
            self.driver.close(token);
        }
        if newest_gate.synced > Lsn::NONE {
            self.want_sync(newest_gate.synced);
        }
        let progress = self.core.log.progress();
        // Told before the last look at the log: what comes later wakes this loop. Confirms wait in the engine
        // for records of this loop to be written or synced.
        let is_behind =
            progress.written < self.newest_record || progress.synced.0 < self.core.sync_requests.wanted();
        self.set_waiting(is_behind || !self.gated.is_empty());
        let has_come_further = self.core.log.progress() != progress && is_behind;
        if has_come_further || self.gated.iter().any(|token| self.is_releasable(*token)) {
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
            self.work.sent_bytes += rope.len() as u64;
            self.work.has_sent = true;
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

    pub(super) fn forget_closed(&mut self) {
        for token in self.work.closed.drain(..) {
            let slot = &mut self.connections[token.slot()];
            if slot.as_ref().is_some_and(|connection| connection.token == token) {
                *slot = None;
                self.connection_count -= 1;
            }
        }
    }
}
