//! One I/O loop: sockets to requests, the engine's lock once a turn, records to the log, outputs to sockets.
//!
//! ```text
//! wait -> decode (no lock) -> lock: run, collect, reserve -> unlock -> write the log -> send what may leave
//!         requests.rs         turn.rs                                  records.rs       outputs.rs
//! ```

mod connection;
mod lockstep;
mod outputs;
mod records;
mod requests;
mod turn;

use crate::core::Core;
use crate::hands::Hands;
use crate::io::{Driver, Event, ListenerTag, Token};
use connection::Connection;
use std::sync::Arc;
use std::time::{Duration, Instant};
use warren_engine::{Address, PeerKind};
use warren_units::{LoopId, Lsn, UnixMillis};

/// Listener tags: which protocol is spoken behind a listener.
pub const RESP_LISTENER: ListenerTag = ListenerTag(0);
pub const AMQP_LISTENER: ListenerTag = ListenerTag(1);

/// How long connections may take to say goodbye at the end.
const GOODBYE_TIME_MAX: Duration = Duration::from_secs(2);

/// The longest a loop sleeps.
const SLEEP_TIME_MAX: Duration = Duration::from_secs(1);

pub struct EventLoop {
    core: Arc<Core>,
    id: LoopId,
    driver: Box<dyn Driver>,
    /// By slot of the token.
    connections: Vec<Option<Connection>>,
    connection_count: usize,
    /// By index of the peer: the engine names connections by peer.
    tokens: Vec<Option<Token>>,
    work: turn::Work,
    /// Threads that take slow work off this one.
    hands: Hands,
    /// Connections whose outputs wait for the log.
    gated: Vec<Token>,
    is_waiting: bool,
    /// The newest record that this loop has given to the log.
    newest_record: Lsn,
    facts_refreshed_at: UnixMillis,
    lockstep: lockstep::Lockstep,
    stopping_since: Option<Instant>,
}

impl EventLoop {
    pub fn new(core: Arc<Core>, id: LoopId, driver: Box<dyn Driver>, hands: Hands) -> EventLoop {
        EventLoop {
            core,
            id,
            driver,
            connections: Vec::new(),
            connection_count: 0,
            tokens: Vec::new(),
            work: turn::Work::default(),
            hands,
            gated: Vec::new(),
            is_waiting: false,
            newest_record: Lsn::NONE,
            facts_refreshed_at: UnixMillis(0),
            lockstep: lockstep::Lockstep::default(),
            stopping_since: None,
        }
    }

    /// Runs until the server stops and all connections have had their goodbye.
    ///
    /// # Errors
    /// Of the driver; the loop cannot go on then.
    pub fn run(mut self) -> std::io::Result<()> {
        let mut events = Vec::new();
        let mut sleep = SLEEP_TIME_MAX;
        loop {
            self.wait(sleep, &mut events)?;
            for event in events.drain(..) {
                self.note(event);
            }
            if self.core.is_stopping() && self.stopping_since.is_none() {
                self.begin_goodbye();
            }
            sleep = self.turn();
            if let Some(since) = self.stopping_since
                && (self.connection_count == 0 || since.elapsed() > GOODBYE_TIME_MAX)
            {
                let left = self.connections.iter().flatten().map(|connection| connection.token);
                left.collect::<Vec<_>>().into_iter().for_each(|token| self.driver.close(token));
                return Ok(());
            }
        }
    }

    fn wait(&mut self, sleep: Duration, events: &mut Vec<Event>) -> std::io::Result<()> {
        while self.lockstep.looks_on() {
            self.driver.wait(Some(Duration::ZERO), events)?;
            if !events.is_empty() {
                return Ok(());
            }
        }
        self.driver.wait(Some(sleep), events)
    }

    /// Sorts an event into the turn's work.
    fn note(&mut self, event: Event) {
        match event {
            Event::Accepted { token, listener, peer, local } => {
                let kind = if listener == RESP_LISTENER { PeerKind::Resp } else { PeerKind::Amqp };
                let slot = token.slot();
                if self.connections.len() <= slot {
                    self.connections.resize_with(slot + 1, || None);
                }
                self.connections[slot] = Some(Connection::new(token, kind));
                self.connection_count += 1;
                self.work.accepted.push((token, kind, Address { remote: peer, local }));
            }
            Event::Received { token } => self.work.received.push(token),
            Event::ReceiveEnded { token } => self.work.ended.push(token),
            Event::Sent { token, unsent_bytes } => {
                if let Some(connection) = self.connection(token)
                    && let Some(peer) = connection.peer
                {
                    let (kind, unsent) = (connection.kind(), unsent_bytes + connection.outbox.len());
                    self.work.unsent.push((kind, peer, unsent));
                }
            }
            Event::Closed { token, .. } => self.work.closed.push(token),
            Event::Woken => {}
        }
    }

    fn connection(&mut self, token: Token) -> Option<&mut Connection> {
        let connection = self.connections.get_mut(token.slot())?.as_mut()?;
        (connection.token == token).then_some(connection)
    }

    /// The server stops: no new connections; loop 0 has the engine say goodbye.
    fn begin_goodbye(&mut self) {
        self.stopping_since = Some(Instant::now());
        self.driver.stop_listening();
        if self.id == LoopId(0) {
            self.core.engine().shutdown();
        }
        for connection in self.connections.iter_mut().flatten() {
            if connection.kind() == PeerKind::Resp {
                connection.is_ending = true;
                self.work.sending.push(connection.token);
            }
        }
    }
}
