//! The driver that asks which sockets are ready and then reads and writes itself: epoll on Linux, kqueue on
//! macOS, both through mio, edge-triggered.
//!
//! An edge is reported once, so what a turn leaves unread is remembered in `ready` and read in the next.

use super::deadlines::{LingerDeadlines, clip};
use super::input::InputBuffer;
use super::pool::Pool;
use super::send_queue::SendQueue;
use super::slots::Slots;
use super::waker::{Signal, Waker};
use super::{
    ACCEPT_PAUSE, CloseReason, Driver, Event, ListenerTag, RECEIVE_SIZE_BYTES_PER_TURN_MAX,
    RECEIVE_SIZE_BYTES_PER_TURN_MAX_EXPECTED, SEND_SIZE_BYTES_MAX, Token, is_out_of_resources,
};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll};
use rustix::buffer::spare_capacity;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant};
use warren_units::Rope;

const POLLED_EVENTS_MAX: usize = 1024;
/// Connections accepted from one listener in one turn.
const ACCEPTED_PER_TURN_MAX: usize = 64;

/// mio's tokens: a connection's carry its generation in the upper half, which is never 0.
const WAKER_TOKEN: mio::Token = mio::Token(u32::MAX as usize);
const _: () = assert!(usize::BITS == 64, "tokens hold a slot and a generation");

pub struct ReadinessDriver {
    poll: Poll,
    polled: Events,
    waker: Waker,
    listeners: Vec<Listener>,
    connections: Slots<Connection>,
    /// Connections that may have something to read, each once.
    ready: Vec<Token>,
    /// Connections that could take more but had their share of this turn.
    writable: Vec<Token>,
    /// Those that got input in the last turn: what they have consumed is given back.
    received: Vec<Token>,
    /// Closed with an event; they go when the loop has seen it.
    dead: Vec<Token>,
    lingering: LingerDeadlines,
    /// What the next `wait` reports.
    pending: Vec<Event>,
    pool: Pool,
}

struct Listener {
    socket: TcpListener,
    tag: ListenerTag,
    readable: bool,
    /// Out of descriptors: not tried before this.
    paused_until: Option<Instant>,
}

struct Connection {
    stream: TcpStream,
    input: InputBuffer,
    queue: SendQueue,
    stage: Stage,
    /// The kernel may have something to read.
    readable: bool,
    /// It also said that the peer has ended, so a short read does not mean that all was read.
    end_signalled: bool,
    /// Is in `ready`.
    listed: bool,
    paused: bool,
    receive_ended: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// `shutdown_after_send`: input is thrown away.
    Finishing,
    /// The goodbye is sent as well; only the peer's is missing.
    Ended,
    Dead,
}

enum Reading {
    Drained,
    /// The turn's share is used up.
    More,
    Ended,
}

impl ReadinessDriver {
    pub fn new() -> io::Result<ReadinessDriver> {
        let poll = Poll::new()?;
        let waker = Waker::new(Signal::Readiness(mio::Waker::new(poll.registry(), WAKER_TOKEN)?));
        Ok(ReadinessDriver {
            poll,
            polled: Events::with_capacity(POLLED_EVENTS_MAX),
            waker,
            listeners: Vec::new(),
            connections: Slots::new(),
            ready: Vec::new(),
            writable: Vec::new(),
            received: Vec::new(),
            dead: Vec::new(),
            lingering: LingerDeadlines::default(),
            pending: Vec::new(),
            pool: Pool::default(),
        })
    }

    fn open_connection(&mut self, token: Token) -> Option<&mut Connection> {
        self.connections.get_mut(token).filter(|connection| connection.stage == Stage::Open)
    }

    fn retire(&mut self) {
        for token in self.received.drain(..) {
            if let Some(connection) = self.connections.get_mut(token) {
                connection.input.release_if_empty(&mut self.pool);
            }
        }
        for token in self.dead.drain(..) {
            self.connections.remove(token);
        }
    }

    /// How long the kernel may keep us, given what is to be done anyway.
    fn sleep_time(&self, timeout: Option<Duration>) -> Option<Duration> {
        let busy = !self.pending.is_empty() || !self.ready.is_empty() || !self.writable.is_empty();
        if busy || self.listeners.iter().any(|listener| listener.readable && listener.paused_until.is_none())
        {
            return Some(Duration::ZERO);
        }
        let pauses = self.listeners.iter().filter_map(|listener| listener.paused_until);
        clip(timeout, pauses.chain(self.lingering.next()))
    }

    fn poll(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let mut timeout = self.sleep_time(timeout);
        if timeout != Some(Duration::ZERO) && !self.waker.fall_asleep() {
            timeout = Some(Duration::ZERO);
        }
        let polled = self.poll.poll(&mut self.polled, timeout);
        if self.waker.rise() {
            self.pending.push(Event::Woken);
        }
        match polled {
            Err(error) if error.kind() == ErrorKind::Interrupted => self.polled.clear(),
            other => other?,
        }
        Ok(())
    }

    /// Notes what the kernel said about each socket.
    fn note_polled(&mut self) {
        for event in self.polled.iter() {
            let mio::Token(number) = event.token();
            let token = Token { slot: number as u32, generation: (number >> 32) as u32 };
            if token.generation == 0 {
                if let Some(listener) = self.listeners.get_mut(token.slot as usize) {
                    listener.readable = true;
                }
                continue;
            }
            let Some(connection) = self.connections.get_mut(token) else { continue };
            if event.is_writable() && !connection.queue.is_empty() {
                self.writable.push(token);
            }
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                connection.readable = true;
                connection.end_signalled |= event.is_read_closed() || event.is_error();
                if !connection.listed && !connection.paused {
                    connection.listed = true;
                    self.ready.push(token);
                }
            }
        }
    }

    fn accept_all(&mut self) {
        for position in 0..self.listeners.len() {
            let listener = &mut self.listeners[position];
            if listener.paused_until.is_some_and(|until| until <= Instant::now()) {
                listener.paused_until = None;
            }
            for _ in 0..ACCEPTED_PER_TURN_MAX {
                let listener = &mut self.listeners[position];
                if !listener.readable || listener.paused_until.is_some() {
                    break;
                }
                let tag = listener.tag;
                match listener.socket.accept() {
                    Ok((stream, peer)) => self.accepted(stream, peer, tag),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => listener.readable = false,
                    Err(error) if is_out_of_resources(&error) => {
                        listener.paused_until = Some(Instant::now() + ACCEPT_PAUSE);
                    }
                    Err(_) => {} // that one connection went away again
                }
            }
        }
    }

    fn accepted(&mut self, stream: TcpStream, peer: SocketAddr, listener: ListenerTag) {
        let token = self.connections.insert(Connection {
            stream,
            input: InputBuffer::default(),
            queue: SendQueue::default(),
            stage: Stage::Open,
            readable: false,
            end_signalled: false,
            listed: false,
            paused: false,
            receive_ended: false,
        });
        let connection = self.connections.get_mut(token).expect("just inserted");
        // Without an address it has gone away again already.
        let Ok(local) = connection.stream.local_addr() else { return drop(self.connections.remove(token)) };
        let number = mio::Token(token.slot as usize | (token.generation as usize) << 32);
        let interest = Interest::READABLE | Interest::WRITABLE;
        match self.poll.registry().register(&mut connection.stream, number, interest) {
            Ok(()) => self.pending.push(Event::Accepted { token, listener, peer, local }),
            Err(_) => drop(self.connections.remove(token)),
        }
    }

    fn receive_all(&mut self) {
        let mut ready = std::mem::take(&mut self.ready);
        ready.retain(|&token| self.receive(token));
        // Nothing was listed meanwhile: only `resume_receive` and `note_polled` do that.
        self.ready = ready;
    }

    /// Reads one connection's share of the turn. True if it must be read again in the next.
    fn receive(&mut self, token: Token) -> bool {
        let Some(connection) = self.connections.get_mut(token) else { return false };
        if connection.paused || connection.stage == Stage::Dead {
            connection.listed = false;
            return false;
        }
        let size_before = connection.input.data().len();
        let reading = connection.read(&mut self.pool);
        connection.readable = matches!(reading, Ok(Reading::More));
        connection.listed = connection.readable;
        if connection.stage == Stage::Open {
            if connection.input.data().len() > size_before {
                self.pending.push(Event::Received { token });
                self.received.push(token);
            }
        } else {
            connection.input.discard();
        }
        match reading {
            Ok(Reading::More) => return true,
            Ok(Reading::Drained) => {}
            Ok(Reading::Ended) if connection.stage == Stage::Ended => self.end(token, CloseReason::Finished),
            Ok(Reading::Ended) => {
                connection.receive_ended = true;
                if connection.stage == Stage::Open {
                    self.pending.push(Event::ReceiveEnded { token });
                }
            }
            Err(error) => self.end(token, CloseReason::Failed(error.kind())),
        }
        false
    }

    /// Writes what the socket takes, a turn's share at most.
    fn write(&mut self, token: Token, report: bool) {
        let Some(connection) = self.connections.get_mut(token) else { return };
        let written = connection.write(&mut self.pool);
        let unsent_bytes = connection.queue.unsent_bytes();
        match written {
            Ok(0) => {}
            Ok(size) => {
                if report && connection.stage == Stage::Open {
                    self.pending.push(Event::Sent { token, unsent_bytes });
                }
                if unsent_bytes > 0 && size >= SEND_SIZE_BYTES_MAX {
                    self.writable.push(token);
                }
            }
            Err(error) => return self.end(token, CloseReason::Failed(error.kind())),
        }
        if connection.stage == Stage::Finishing && unsent_bytes == 0 {
            self.say_goodbye(token);
        }
    }

    fn say_goodbye(&mut self, token: Token) {
        let Some(connection) = self.connections.get_mut(token) else { return };
        connection.stage = Stage::Ended;
        // Fails only if the peer has reset the connection, which reading will tell.
        let _ = connection.stream.shutdown(Shutdown::Write);
        if connection.receive_ended {
            self.end(token, CloseReason::Finished);
        }
    }

    fn end(&mut self, token: Token, reason: CloseReason) {
        let Some(connection) = self.connections.get_mut(token) else { return };
        if connection.stage != Stage::Dead {
            connection.stage = Stage::Dead;
            self.pending.push(Event::Closed { token, reason });
            self.dead.push(token);
        }
    }
}

impl Connection {
    fn read(&mut self, pool: &mut Pool) -> io::Result<Reading> {
        let mut left = match self.input.missing_bytes() {
            0 => RECEIVE_SIZE_BYTES_PER_TURN_MAX,
            _ => RECEIVE_SIZE_BYTES_PER_TURN_MAX_EXPECTED,
        };
        while left > 0 {
            let bytes = self.input.with_room(pool);
            let room = bytes.capacity() - bytes.len();
            let read = if room <= left {
                rustix::io::read(&self.stream, spare_capacity(bytes)).map_err(io::Error::from)
            } else {
                // Room for a whole large value: read no more of it than the turn's share.
                let size_before = bytes.len();
                match (&self.stream).take(left as u64).read_to_end(bytes) {
                    Err(error) if bytes.len() == size_before => Err(error),
                    _ => Ok(bytes.len() - size_before),
                }
            };
            match read {
                Ok(0) => return Ok(Reading::Ended),
                Ok(size) if size < room.min(left) && !self.end_signalled => return Ok(Reading::Drained),
                Ok(size) => left -= size,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Reading::Drained),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Reading::More)
    }

    /// The number of bytes the kernel took.
    fn write(&mut self, pool: &mut Pool) -> io::Result<usize> {
        let mut total = 0;
        while !self.queue.is_empty() && total < SEND_SIZE_BYTES_MAX {
            let written = match self.queue.single_piece() {
                Some(piece) => (&self.stream).write(piece),
                None => {
                    let mut pieces = Vec::new();
                    self.queue.pieces(|piece| pieces.push(IoSlice::new(piece)));
                    (&self.stream).write_vectored(&pieces)
                }
            };
            match written {
                Ok(size) => {
                    self.queue.advance(size, pool);
                    total += size;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(total)
    }
}

/// What a connection has still to send; `None` once it is gone.
fn unsent_bytes(connections: &Slots<Connection>, token: Token) -> Option<usize> {
    let connection = connections.get(token).filter(|connection| connection.stage != Stage::Dead)?;
    Some(connection.queue.unsent_bytes())
}

impl Driver for ReadinessDriver {
    fn listen(&mut self, listener: std::net::TcpListener, tag: ListenerTag) -> io::Result<()> {
        // What is accepted inherits it: no call per connection.
        rustix::net::sockopt::set_tcp_nodelay(&listener, true)?;
        listener.set_nonblocking(true)?;
        let mut socket = TcpListener::from_std(listener);
        let number = mio::Token(self.listeners.len());
        self.poll.registry().register(&mut socket, number, Interest::READABLE)?;
        self.listeners.push(Listener { socket, tag, readable: false, paused_until: None });
        Ok(())
    }

    fn stop_listening(&mut self) {
        self.listeners.clear();
    }

    fn wait(&mut self, timeout: Option<Duration>, events: &mut Vec<Event>) -> io::Result<()> {
        self.retire();
        self.poll(timeout)?;
        self.note_polled();
        self.accept_all();
        self.receive_all();
        for token in std::mem::take(&mut self.writable) {
            self.write(token, true);
        }
        while let Some(token) = self.lingering.pop_due(|token| unsent_bytes(&self.connections, token)) {
            self.end(token, CloseReason::LingerExpired);
        }
        events.append(&mut self.pending);
        Ok(())
    }

    fn input(&mut self, token: Token) -> Option<&mut InputBuffer> {
        self.connections.get_mut(token).map(|connection| &mut connection.input)
    }

    fn send(&mut self, token: Token, rope: Rope) {
        let Some(connection) = self.connections.get_mut(token).filter(|it| it.stage == Stage::Open) else {
            return self.pool.give_rope(rope);
        };
        let idle = connection.queue.is_empty();
        connection.queue.push(rope, &mut self.pool);
        // If something is queued, the socket is full: it will say when it takes more.
        if idle {
            self.write(token, false);
        }
    }

    fn unsent_bytes(&self, token: Token) -> usize {
        unsent_bytes(&self.connections, token).unwrap_or(0)
    }

    fn pause_receive(&mut self, token: Token) {
        if let Some(connection) = self.open_connection(token) {
            connection.paused = true;
        }
    }

    fn resume_receive(&mut self, token: Token) {
        let Some(connection) = self.connections.get_mut(token) else { return };
        connection.paused = false;
        if connection.readable && !connection.listed {
            connection.listed = true;
            self.ready.push(token);
        }
    }

    fn shutdown_after_send(&mut self, token: Token) {
        let Some(connection) = self.open_connection(token) else { return };
        connection.stage = Stage::Finishing;
        connection.input.discard();
        let idle = connection.queue.is_empty();
        self.lingering.start(token, self.unsent_bytes(token));
        self.resume_receive(token);
        if idle {
            self.say_goodbye(token);
        }
    }

    fn close(&mut self, token: Token) {
        self.connections.remove(token);
    }

    fn take_spare(&mut self) -> Rope {
        self.pool.take_rope()
    }

    fn waker(&self) -> Waker {
        self.waker.clone()
    }
}
