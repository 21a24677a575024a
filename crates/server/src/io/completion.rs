//! The driver that hands reads and writes to the kernel and learns when they are done: io_uring.
//!
//! Each listener has one multishot accept and each connection one multishot receive, which go on completing
//! until something ends them, and at most one send. A turn is one system call, which submits what the last
//! turn prepared and waits for what comes next.
//!
//! What the kernel works on must stay: a connection that is closed keeps its socket, its slot and its unsent
//! ropes until its last operation has completed.

mod buffers;
mod ring;

use super::deadlines::{LingerDeadlines, clip};
use super::input::InputBuffer;
use super::pool::Pool;
use super::send_queue::SendQueue;
use super::slots::Slots;
use super::waker::{Signal, Waker};
use super::{ACCEPT_PAUSE, CloseReason, Driver, Event, ListenerTag, Token, is_out_of_resources};
use buffers::BufferRing;
use ring::{Completion, Operation, Ring};
use rustix::event::{EventfdFlags, eventfd};
use std::fs::File;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};
use warren_units::Rope;

const SUBMISSIONS_MAX: u32 = 1024;
const COMPLETIONS_MAX: u32 = 4096;
const BUFFERS_COUNT: u16 = 256;
/// How often the end of a driver waits for the kernel to let go, and how long each time.
const LET_GO_TRIES_MAX: usize = 100;
const LET_GO_TIME: Duration = Duration::from_millis(10);

pub struct CompletionDriver {
    /// Before `buffers`, so that it ends before they do.
    ring: Ring,
    buffers: BufferRing,
    waker: Waker,
    /// The other end of the waker's signal.
    event_file: File,
    /// Numbered for ever, so that a late completion finds its own.
    listeners: Vec<Option<Listener>>,
    connections: Slots<Connection>,
    /// Those that got input in the last turn: what they have consumed is given back.
    received: Vec<Token>,
    /// Closed with an event; they go when the loop has seen it.
    dead: Vec<Token>,
    lingering: LingerDeadlines,
    /// What the next `wait` reports.
    pending: Vec<Event>,
    completions: Vec<Completion>,
    /// Those at rest, boxed because the kernel keeps their address.
    #[expect(clippy::vec_box)]
    messages: Vec<Box<Message>>,
    pool: Pool,
}

struct Listener {
    socket: TcpListener,
    tag: ListenerTag,
    stopped: bool,
    /// Out of descriptors: accepts again from here on.
    paused_until: Option<Instant>,
}

struct Connection {
    stream: TcpStream,
    input: InputBuffer,
    queue: SendQueue,
    stage: Stage,
    receiving: Receiving,
    /// A send is under way: `queue` has lent what it reads.
    sending: bool,
    /// Its pieces, if it has several.
    message: Option<Box<Message>>,
    paused: bool,
    receive_ended: bool,
    /// Is in `received`.
    listed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// `shutdown_after_send`: input is thrown away.
    Finishing,
    /// The goodbye is sent as well; only the peer's is missing.
    Ended,
    /// Reported as closed; the loop may still read its input.
    Dead,
    /// Only waits for its operations to complete.
    Closing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Receiving {
    Idle,
    Armed,
    Cancelled,
}

/// A send of several pieces, as the kernel wants it.
struct Message {
    header: libc::msghdr,
    pieces: Vec<libc::iovec>,
}

impl Message {
    fn new() -> Message {
        // SAFETY: all zeroes is a valid msghdr: null pointers with sizes of zero.
        Message { header: unsafe { std::mem::zeroed() }, pieces: Vec::new() }
    }

    /// Takes the next pieces of `queue`; returns how many ropes they come from.
    fn fill(&mut self, queue: &SendQueue) -> usize {
        let pieces = &mut self.pieces;
        pieces.clear();
        let ropes = queue.pieces(|piece| {
            pieces.push(libc::iovec { iov_base: piece.as_ptr().cast_mut().cast(), iov_len: piece.len() });
        });
        self.header.msg_iov = pieces.as_mut_ptr();
        self.header.msg_iovlen = pieces.len() as _;
        ropes
    }
}

impl CompletionDriver {
    /// To be called on the thread that will use it: the kernel takes submissions from no other.
    pub fn new() -> io::Result<CompletionDriver> {
        CompletionDriver::with_sizes(SUBMISSIONS_MAX, COMPLETIONS_MAX, BUFFERS_COUNT)
    }

    fn with_sizes(submissions: u32, completions: u32, buffers: u16) -> io::Result<CompletionDriver> {
        let mut ring = Ring::new(submissions, completions)?;
        let buffers = BufferRing::new(buffers);
        // SAFETY: the driver owns both and drops the ring first.
        unsafe { ring.register(&buffers)? };
        let event_file = File::from(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let waker = Waker::new(Signal::EventFile(event_file.try_clone()?));
        ring.watch(event_file.as_fd(), Operation::Wake);
        Ok(CompletionDriver {
            ring,
            buffers,
            waker,
            event_file,
            listeners: Vec::new(),
            connections: Slots::new(),
            received: Vec::new(),
            dead: Vec::new(),
            lingering: LingerDeadlines::default(),
            pending: Vec::new(),
            completions: Vec::new(),
            messages: Vec::new(),
            pool: Pool::default(),
        })
    }

    fn open_connection(&mut self, token: Token) -> Option<&mut Connection> {
        self.connections.get_mut(token).filter(|connection| connection.stage == Stage::Open)
    }

    fn retire(&mut self) {
        for token in self.received.drain(..) {
            if let Some(connection) = self.connections.get_mut(token) {
                connection.listed = false;
                connection.input.release_if_empty(&mut self.pool);
            }
        }
        for token in std::mem::take(&mut self.dead) {
            self.begin_close(token);
        }
    }

    fn resume_accepting(&mut self) {
        for (number, listener) in (0..).zip(&mut self.listeners) {
            let Some(listener) = listener else { continue };
            if listener.paused_until.is_some_and(|until| until <= Instant::now()) {
                listener.paused_until = None;
                self.ring.accept(listener.socket.as_fd(), Operation::Accept(number));
            }
        }
    }

    fn enter(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let pauses = self.listeners.iter().flatten().filter_map(|listener| listener.paused_until);
        let mut timeout = match self.pending.is_empty() {
            true => clip(timeout, pauses.chain(self.lingering.next())),
            false => Some(Duration::ZERO),
        };
        if timeout != Some(Duration::ZERO) && !self.waker.fall_asleep() {
            timeout = Some(Duration::ZERO);
        }
        let entered = self.ring.enter(timeout);
        if self.waker.rise() {
            self.pending.push(Event::Woken);
        }
        entered
    }

    fn complete_all(&mut self) {
        let mut completions = std::mem::take(&mut self.completions);
        self.ring.take_completions(&mut completions);
        for completion in completions.drain(..) {
            match completion.operation {
                Operation::Receive(token) => self.received(token, completion),
                Operation::Send(token) => self.sent(token, completion),
                Operation::Accept(number) => self.accepted(number, completion),
                Operation::Wake if completion.more => {}
                Operation::Wake => self.ring.watch(self.event_file.as_fd(), Operation::Wake),
                Operation::Cancel => {}
            }
        }
        self.completions = completions;
        self.buffers.publish();
    }

    fn accepted(&mut self, number: u32, completion: Completion) {
        let stream = accepted_stream(&completion);
        let Some(listener) = &mut self.listeners[number as usize] else { return };
        if !completion.more {
            if listener.stopped {
                self.listeners[number as usize] = None;
                return;
            }
            if stream.is_none() && is_out_of_resources(&completion.error()) {
                listener.paused_until = Some(Instant::now() + ACCEPT_PAUSE);
            } else {
                self.ring.accept(listener.socket.as_fd(), Operation::Accept(number));
            }
        }
        let tag = listener.tag;
        let Some(stream) = stream.filter(|_| !listener.stopped) else { return };
        // Without an address it has gone away again already.
        let (Ok(peer), Ok(local)) = (stream.peer_addr(), stream.local_addr()) else { return };
        let token = self.connections.insert(Connection {
            stream,
            input: InputBuffer::default(),
            queue: SendQueue::default(),
            stage: Stage::Open,
            receiving: Receiving::Idle,
            sending: false,
            message: None,
            paused: false,
            receive_ended: false,
            listed: false,
        });
        self.pending.push(Event::Accepted { token, listener: tag, peer, local });
        self.arm_receive(token);
    }

    /// Receives, unless there is a reason not to.
    fn arm_receive(&mut self, token: Token) {
        let Some(connection) = self.connections.get_mut(token) else { return };
        let wanted = matches!(connection.stage, Stage::Open | Stage::Finishing | Stage::Ended);
        if wanted
            && connection.receiving == Receiving::Idle
            && !connection.paused
            && !connection.receive_ended
        {
            connection.receiving = Receiving::Armed;
            self.ring.receive(connection.stream.as_fd(), Operation::Receive(token));
        }
    }

    fn cancel_receive(&mut self, token: Token) {
        let Some(connection) = self.connections.get_mut(token) else { return };
        if connection.receiving == Receiving::Armed {
            connection.receiving = Receiving::Cancelled;
            self.ring.cancel(Operation::Receive(token));
        }
    }

    fn received(&mut self, token: Token, completion: Completion) {
        let Some(connection) = self.connections.get_mut(token) else {
            return give_back(&mut self.buffers, completion.buffer);
        };
        if !completion.more {
            connection.receiving = Receiving::Idle;
        }
        let mut failure = None;
        match (completion.result, completion.buffer) {
            (1.., Some(buffer)) if connection.stage == Stage::Open => {
                let bytes = self.buffers.bytes(buffer, completion.result as usize);
                connection.input.append(bytes, &mut self.pool);
                if !connection.listed {
                    connection.listed = true;
                    self.received.push(token);
                    self.pending.push(Event::Received { token });
                }
            }
            (1.., _) => {} // thrown away
            (0, _) => {
                connection.receive_ended = true;
                match connection.stage {
                    Stage::Open => self.pending.push(Event::ReceiveEnded { token }),
                    Stage::Ended => self.end(token, CloseReason::Finished),
                    _ => {}
                }
            }
            _ => match -completion.result {
                // To be armed again: buffers are there again when this turn is over.
                libc::ENOBUFS | libc::ECANCELED | libc::EINTR | libc::EAGAIN => {}
                _ => failure = Some(completion.error().kind()),
            },
        }
        give_back(&mut self.buffers, completion.buffer);
        if let Some(kind) = failure {
            self.end(token, CloseReason::Failed(kind));
        }
        if !completion.more {
            self.arm_receive(token);
            self.remove_if_idle(token);
        }
    }

    fn start_send(&mut self, token: Token) {
        let Some(connection) = self.connections.get_mut(token) else { return };
        let socket = connection.stream.as_fd();
        let operation = Operation::Send(token);
        connection.sending = true;
        if let Some(piece) = connection.queue.single_piece() {
            // SAFETY: the piece lies in a rope of the queue, whose memory is left alone while it is lent;
            // the connection keeps its queue until the send has completed.
            unsafe { self.ring.send(socket, piece, operation) };
            connection.queue.lend(1);
            return;
        }
        let message = self.messages.pop().unwrap_or_else(|| Box::new(Message::new()));
        let message = connection.message.insert(message);
        let ropes = message.fill(&connection.queue);
        // SAFETY: as above for the pieces; the message is boxed and stays with the connection until the send
        // has completed.
        unsafe { self.ring.send_message(socket, &message.header, operation) };
        connection.queue.lend(ropes);
    }

    fn sent(&mut self, token: Token, completion: Completion) {
        let connection = self.connections.get_mut(token).expect("a connection stays while it sends");
        connection.sending = false;
        self.messages.extend(connection.message.take());
        let size = usize::try_from(completion.result).unwrap_or(0);
        connection.queue.advance(size, &mut self.pool);
        let unsent_bytes = connection.queue.unsent_bytes();
        if connection.stage == Stage::Open && size > 0 {
            self.pending.push(Event::Sent { token, unsent_bytes });
        }
        let retried = [libc::EINTR, libc::EAGAIN].contains(&-completion.result);
        match connection.stage {
            Stage::Dead | Stage::Closing => self.remove_if_idle(token),
            _ if completion.result < 0 && !retried => {
                self.end(token, CloseReason::Failed(completion.error().kind()));
            }
            _ if unsent_bytes > 0 => self.start_send(token),
            Stage::Finishing => self.say_goodbye(token),
            Stage::Open | Stage::Ended => {}
        }
    }

    fn say_goodbye(&mut self, token: Token) {
        let Some(connection) = self.connections.get_mut(token) else { return };
        connection.stage = Stage::Ended;
        // Fails only if the peer has reset the connection, which receiving will tell.
        let _ = connection.stream.shutdown(Shutdown::Write);
        if connection.receive_ended {
            self.end(token, CloseReason::Finished);
        }
    }

    fn end(&mut self, token: Token, reason: CloseReason) {
        let Some(connection) = self.connections.get_mut(token) else { return };
        if !matches!(connection.stage, Stage::Dead | Stage::Closing) {
            connection.stage = Stage::Dead;
            self.pending.push(Event::Closed { token, reason });
            self.dead.push(token);
        }
    }

    /// Ends the connection's operations; with the last of them it goes.
    fn begin_close(&mut self, token: Token) {
        let Some(connection) = self.connections.get_mut(token) else { return };
        connection.stage = Stage::Closing;
        if connection.sending {
            self.ring.cancel(Operation::Send(token));
        }
        self.cancel_receive(token);
        self.remove_if_idle(token);
    }

    fn remove_if_idle(&mut self, token: Token) {
        let connection = self.connections.get(token);
        if connection
            .is_some_and(|it| it.stage == Stage::Closing && !it.sending && it.receiving == Receiving::Idle)
        {
            self.connections.remove(token);
        }
    }
}

fn give_back(buffers: &mut BufferRing, buffer: Option<u16>) {
    if let Some(buffer) = buffer {
        buffers.give_back(buffer);
    }
}

fn accepted_stream(completion: &Completion) -> Option<TcpStream> {
    // SAFETY: a result that is no error is the descriptor of a new socket, which nobody else knows.
    (completion.result >= 0).then(|| TcpStream::from(unsafe { OwnedFd::from_raw_fd(completion.result) }))
}

/// What a connection has still to send; `None` once it is gone.
fn unsent_bytes(connections: &Slots<Connection>, token: Token) -> Option<usize> {
    let connection = connections
        .get(token)
        .filter(|connection| !matches!(connection.stage, Stage::Dead | Stage::Closing))?;
    Some(connection.queue.unsent_bytes())
}

impl Driver for CompletionDriver {
    fn listen(&mut self, listener: TcpListener, tag: ListenerTag) -> io::Result<()> {
        // What is accepted inherits it: no call per connection.
        rustix::net::sockopt::set_tcp_nodelay(&listener, true)?;
        // The kernel waits for us; it does not for a socket that says it must not be waited for.
        listener.set_nonblocking(false)?;
        let number = self.listeners.len() as u32;
        self.ring.accept(listener.as_fd(), Operation::Accept(number));
        self.listeners.push(Some(Listener { socket: listener, tag, stopped: false, paused_until: None }));
        Ok(())
    }

    fn stop_listening(&mut self) {
        for (number, place) in (0..).zip(&mut self.listeners) {
            match place {
                Some(listener) if listener.paused_until.is_none() => {
                    listener.stopped = true;
                    self.ring.cancel(Operation::Accept(number));
                }
                _ => *place = None,
            }
        }
    }

    fn wait(&mut self, timeout: Option<Duration>, events: &mut Vec<Event>) -> io::Result<()> {
        self.retire();
        self.resume_accepting();
        self.enter(timeout)?;
        self.complete_all();
        while let Some(token) = self.lingering.pop_due(|token| unsent_bytes(&self.connections, token)) {
            self.end(token, CloseReason::LingerExpired);
        }
        events.append(&mut self.pending);
        Ok(())
    }

    fn input(&mut self, token: Token) -> Option<&mut InputBuffer> {
        let connection = self.connections.get_mut(token).filter(|it| it.stage != Stage::Closing);
        connection.map(|connection| &mut connection.input)
    }

    fn send(&mut self, token: Token, rope: Rope) {
        let Some(connection) = self.connections.get_mut(token).filter(|it| it.stage == Stage::Open) else {
            return self.pool.give_rope(rope);
        };
        connection.queue.push(rope, &mut self.pool);
        if !connection.sending && !connection.queue.is_empty() {
            self.start_send(token);
        }
    }

    fn unsent_bytes(&self, token: Token) -> usize {
        unsent_bytes(&self.connections, token).unwrap_or(0)
    }

    fn pause_receive(&mut self, token: Token) {
        if let Some(connection) = self.open_connection(token) {
            connection.paused = true;
            self.cancel_receive(token);
        }
    }

    fn resume_receive(&mut self, token: Token) {
        if let Some(connection) = self.connections.get_mut(token) {
            connection.paused = false;
            self.arm_receive(token);
        }
    }

    fn shutdown_after_send(&mut self, token: Token) {
        let Some(connection) = self.open_connection(token) else { return };
        connection.stage = Stage::Finishing;
        connection.input.discard();
        let sending = connection.sending;
        self.lingering.start(token, self.unsent_bytes(token));
        self.resume_receive(token);
        if !sending {
            self.say_goodbye(token);
        }
    }

    fn close(&mut self, token: Token) {
        self.begin_close(token);
    }

    fn take_spare(&mut self) -> Rope {
        self.pool.take_rope()
    }

    fn waker(&self) -> Waker {
        self.waker.clone()
    }
}

impl Drop for CompletionDriver {
    /// Waits until the kernel has let go of all memory; what it holds on to is never freed.
    fn drop(&mut self) {
        self.ring.cancel_all();
        for _ in 0..LET_GO_TRIES_MAX {
            if self.ring.in_flight() == 0 || self.ring.enter(Some(LET_GO_TIME)).is_err() {
                break;
            }
            self.ring.take_completions(&mut self.completions);
            for completion in self.completions.drain(..) {
                if matches!(completion.operation, Operation::Accept(_)) {
                    drop(accepted_stream(&completion));
                }
            }
        }
        if self.ring.in_flight() > 0 {
            std::mem::forget(std::mem::replace(&mut self.connections, Slots::new()));
            std::mem::forget(std::mem::replace(&mut self.buffers, BufferRing::new(1)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    /// With two buffers and a completion queue of four, everything runs out all the time.
    #[test]
    fn nothing_is_lost_when_buffers_and_queues_run_out() {
        let mut driver = match CompletionDriver::with_sizes(2, 4, 2) {
            Ok(driver) => driver,
            Err(error) => return eprintln!("skipped: {error}"),
        };
        let listener =
            super::super::bind("127.0.0.1:0".parse().expect("address"), 1).expect("bind").remove(0);
        let address = listener.local_addr().expect("address");
        driver.listen(listener, ListenerTag(0)).expect("listen");
        let clients: Vec<_> = (0..30u8)
            .map(|number| {
                std::thread::spawn(move || {
                    let stream = TcpStream::connect(address).expect("connect");
                    let sent = vec![number; 200_000 + usize::from(number)];
                    std::thread::scope(|scope| {
                        scope.spawn(|| (&stream).write_all(&sent).expect("write"));
                        let mut back = vec![0; sent.len()];
                        (&stream).read_exact(&mut back).expect("read");
                        assert!(back == sent, "client {number}");
                    });
                })
            })
            .collect();
        let mut events = Vec::new();
        let begun = Instant::now();
        let mut closed = 0;
        while closed < clients.len() {
            assert!(begun.elapsed() < Duration::from_secs(20), "{closed} clients were served");
            driver.wait(Some(Duration::from_secs(1)), &mut events).expect("wait");
            for event in events.drain(..) {
                match event {
                    Event::Received { token } => {
                        let mut rope = driver.take_spare();
                        let input = driver.input(token).expect("input");
                        rope.extend(input.data());
                        input.consume(input.data().len());
                        driver.send(token, rope);
                    }
                    Event::ReceiveEnded { token } => driver.shutdown_after_send(token),
                    Event::Closed { .. } => closed += 1,
                    _ => {}
                }
            }
        }
        for client in clients {
            client.join().expect("client");
        }
        assert_eq!(driver.ring.in_flight(), 2, "only the accept and the waker are left");
    }
}
