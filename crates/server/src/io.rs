//! Sockets: one event loop's driver behind one trait, with two implementations. [`readiness`] asks the
//! kernel which sockets are ready and then reads and writes (epoll, kqueue); [`completion`] hands reads and
//! writes to the kernel and learns when they are done (io_uring). [`probe`] chooses.
//!
//! A driver moves bytes and nothing else: it never knows a protocol, the engine or the log. Everything in
//! here belongs to one loop thread; only the [`Waker`] is shared.
//!
//! One turn of a loop: [`Driver::wait`] fills a list of events; for each [`Event::Received`] the loop
//! decodes from [`Driver::input`]; what it answers goes into [`Driver::send`]; the next `wait` begins.

#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // this crate owns sockets and the clock

#[cfg(target_os = "linux")]
mod completion;
mod deadlines;
mod input;
mod listener;
mod pool;
mod probe;
mod readiness;
mod send_queue;
mod slots;
#[cfg(test)]
mod tests;
mod waker;

pub use input::InputBuffer;
pub use listener::bind;
pub use probe::{DriverChoice, DriverKind, choose, open};
pub use waker::Waker;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;
use warren_units::Rope;

/// Names one connection of one driver. A token outlives its connection harmlessly: its slot's next
/// connection has another generation, and everything done with the old token does nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Token {
    slot: u32,
    generation: u32,
}

impl Token {
    /// The slot, for tables beside the driver's own: small, dense, reused after the connection is gone.
    pub fn slot(self) -> usize {
        self.slot as usize
    }
}

/// What the loop calls a listener: which protocol is spoken on what it accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListenerTag(pub u8);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    Accepted {
        token: Token,
        listener: ListenerTag,
        peer: SocketAddr,
        /// This end: which of the machine's addresses the client has called.
        local: SocketAddr,
    },
    /// Bytes were appended to the connection's input.
    Received { token: Token },
    /// The peer will send nothing more, but may still read. To be answered by
    /// [`Driver::shutdown_after_send`] or [`Driver::close`], now or when the last replies are ready.
    ReceiveEnded { token: Token },
    /// Some of what `send` left unsent has gone to the kernel. Comes until nothing is left; what `send`
    /// could write at once makes no event.
    Sent { token: Token, unsent_bytes: usize },
    /// The connection is gone. Its input can be read until the next `wait`. Does not follow `close`.
    Closed { token: Token, reason: CloseReason },
    /// [`Waker::wake`] was called since the last `wait`.
    Woken,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CloseReason {
    /// All was sent after `shutdown_after_send`, and the peer has closed too.
    Finished,
    /// The peer neither read nor closed for the linger time after `shutdown_after_send`.
    LingerExpired,
    /// The peer went away without a goodbye, or the socket failed otherwise.
    Failed(io::ErrorKind),
}

/// One event loop's sockets.
pub trait Driver {
    /// Accepts connections from `listener` until [`Driver::stop_listening`].
    fn listen(&mut self, listener: TcpListener, tag: ListenerTag) -> io::Result<()>;

    /// Closes all listeners.
    fn stop_listening(&mut self);

    /// Waits until something happens, at most `timeout`, and appends it to `events`. May return without an
    /// event.
    fn wait(&mut self, timeout: Option<Duration>, events: &mut Vec<Event>) -> io::Result<()>;

    /// What the connection has received and the loop not yet consumed; `None` once it is gone.
    fn input(&mut self, token: Token) -> Option<&mut InputBuffer>;

    /// Hands over bytes to be sent after all handed over before.
    fn send(&mut self, token: Token, rope: Rope);

    /// What was handed over and has not gone to the kernel; 0 once the connection is gone.
    fn unsent_bytes(&self, token: Token) -> usize;

    /// Reads no more from the connection. What is under way may still arrive.
    fn pause_receive(&mut self, token: Token);

    fn resume_receive(&mut self, token: Token);

    /// Sends what is queued, says goodbye and closes. What the peer still sends is thrown away; the end is
    /// reported by [`Event::Closed`], at the latest when the peer has read nothing for `LINGER_TIME_MAX`.
    fn shutdown_after_send(&mut self, token: Token);

    /// Closes now. No event of the connection follows in later turns.
    fn close(&mut self, token: Token);

    /// An empty rope, with the memory of one that was sent if there is one.
    fn take_spare(&mut self) -> Rope;

    fn waker(&self) -> Waker;
}

/// What one connection may read in one turn before others have theirs.
const RECEIVE_SIZE_BYTES_PER_TURN_MAX: usize = 64 * 1024;

/// The same for a connection in the middle of a large value.
const RECEIVE_SIZE_BYTES_PER_TURN_MAX_EXPECTED: usize = 256 * 1024;

/// What is given to the kernel in one send, so that progress is seen and others have their turn.
const SEND_SIZE_BYTES_MAX: usize = 1024 * 1024;

/// Pieces in one vectored send.
const SEND_PIECES_MAX: usize = 64;

/// After `shutdown_after_send`, a connection whose peer neither reads nor closes in this time is closed.
const LINGER_TIME_MAX: Duration = Duration::from_secs(3);

/// Pause of a listener after the process ran out of file descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Whether accepting failed for lack of something that may come back, rather than because of the one
/// connection that was to be accepted.
fn is_out_of_resources(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let exhausted = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    error.raw_os_error().is_some_and(|code| exhausted.iter().any(|errno| errno.raw_os_error() == code))
}
