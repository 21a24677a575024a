//! One client socket with its buffers: read and write as far as the kernel goes, never blocked by it once
//! it is `watch`ed.

use mio::unix::SourceFd;
use mio::{Interest, Poll, Token};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;

const INPUT_SIZE_BYTES: usize = 256 * 1024;

pub struct Socket {
    stream: TcpStream,
    input: Vec<u8>,
    start: usize,
    end: usize,
    pub output: Vec<u8>,
    sent: usize,
}

impl Socket {
    pub fn connect(uri: &str) -> Result<Socket, String> {
        let failed = |error| format!("cannot connect to {uri}: {error}");
        let stream = TcpStream::connect(uri).map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let input = vec![0; INPUT_SIZE_BYTES];
        Ok(Socket { stream, input, start: 0, end: 0, output: Vec::new(), sent: 0 })
    }

    pub fn watch(&mut self, poll: &Poll, token: usize) -> Result<(), String> {
        let watched = self.stream.set_nonblocking(true).and_then(|()| {
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut SourceFd(&self.stream.as_raw_fd()), Token(token), interest)
        });
        watched.map_err(|error| format!("cannot watch a socket: {error}"))
    }

    /// What was received and not consumed.
    pub fn unread(&self) -> &[u8] {
        &self.input[self.start..self.end]
    }

    pub fn consume(&mut self, size: usize) {
        self.start += size;
    }

    /// Reads once; false where there is nothing more for now.
    pub fn receive(&mut self) -> Result<bool, String> {
        self.input.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.end == self.input.len() {
            self.input.resize(self.end * 2, 0);
        }
        match self.stream.read(&mut self.input[self.end..]) {
            Ok(0) => Err("the server closed the connection".to_owned()),
            Ok(size) => {
                self.end += size;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(format!("cannot read: {error}")),
        }
    }

    /// Writes what is in `output`; false where the kernel takes no more for now.
    pub fn flush(&mut self) -> Result<bool, String> {
        while self.sent < self.output.len() {
            match self.stream.write(&self.output[self.sent..]) {
                Ok(size) => self.sent += size,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(format!("cannot write: {error}")),
            }
        }
        self.output.clear();
        self.sent = 0;
        Ok(true)
    }
}
