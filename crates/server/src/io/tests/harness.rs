//! A server thread on a driver whose events go to a closure, and what clients of it need.

use super::super::*;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

pub const TAG: ListenerTag = ListenerTag(3);

pub struct Server {
    pub address: SocketAddr,
    waker: Waker,
    stopped: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// Serves on a port of its own until [`Server::stop`].
pub fn serve(kind: DriverKind, mut handler: impl FnMut(&mut dyn Driver, Event) + Send + 'static) -> Server {
    let any: SocketAddr = "127.0.0.1:0".parse().expect("address");
    let listener = bind(any, 1).expect("bind").remove(0);
    let address = listener.local_addr().expect("address");
    let stopped = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&stopped);
    let (wakers, waker) = std::sync::mpsc::channel();
    let thread = thread::spawn(move || {
        let mut driver = open(kind).expect("driver");
        driver.listen(listener, TAG).expect("listen");
        wakers.send(driver.waker()).expect("harness waits");
        let mut events = Vec::new();
        while !stop.load(Ordering::SeqCst) {
            driver.wait(None, &mut events).expect("wait");
            for event in events.drain(..) {
                handler(&mut *driver, event);
            }
        }
    });
    Server { address, waker: waker.recv().expect("server starts"), stopped, thread }
}

pub fn echo_server(kind: DriverKind) -> Server {
    serve(kind, echo)
}

pub fn echo(driver: &mut dyn Driver, event: Event) {
    match event {
        Event::Received { token } => {
            let mut rope = driver.take_spare();
            let input = driver.input(token).expect("input");
            rope.extend(input.data());
            input.discard();
            driver.send(token, rope);
        }
        Event::ReceiveEnded { token } => driver.shutdown_after_send(token),
        _ => {}
    }
}

impl Server {
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("connect");
        stream.set_nodelay(true).expect("nodelay");
        stream.set_read_timeout(Some(super::PATIENCE)).expect("timeout");
        stream
    }

    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Ends the loop and passes on its panic, if there was one.
    pub fn stop(self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.waker.wake();
        self.thread.join().expect("the server thread ends well");
    }
}

/// Bytes that differ for every seed.
pub fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    (0..size).map(|_| step()).collect()
}

/// Writes `sent` in chunks of varying size while it reads `size` bytes.
pub fn transfer(stream: TcpStream, sent: &[u8], chunk_max: usize, size: usize) -> Vec<u8> {
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut left = sent;
            for length in (1..=chunk_max).rev().step_by(chunk_max / 7 + 1).cycle() {
                if left.is_empty() {
                    break;
                }
                let (chunk, rest) = left.split_at(length.min(left.len()));
                (&stream).write_all(chunk).expect("write");
                left = rest;
            }
        });
        let mut back = vec![0; size];
        (&stream).read_exact(&mut back).expect("read");
        back
    })
}

/// Counts how much one connection receives in one turn.
#[derive(Default)]
pub struct Received {
    largest_turn: Arc<AtomicUsize>,
}

impl Received {
    pub fn largest_turn(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.largest_turn)
    }

    /// Echoes short input and swallows the rest.
    pub fn echo_small_only(&self, driver: &mut dyn Driver, event: Event) {
        if let Event::Received { token } = event {
            let input = driver.input(token).expect("input");
            let size = input.data().len();
            self.largest_turn.fetch_max(size, Ordering::SeqCst);
            if size > 5 || input.data()[0] == b'f' {
                return input.discard();
            }
        }
        echo(driver, event);
    }
}
