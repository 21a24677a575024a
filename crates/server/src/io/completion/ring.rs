//! The kernel's two queues, and what this driver puts into them.

use super::super::Token;
use super::buffers::BufferRing;
use io_uring::types::{CancelBuilder, Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, Probe, cqueue, opcode, squeue};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// The one group of provided buffers.
const BUFFER_GROUP: u16 = 0;

/// What a completion belongs to; travels through the kernel as the operation's user data.
///
/// ```text
/// [ kind: 8 bits ][ slot: 24 bits ][ generation: 32 bits ]
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// Of the listener with this number.
    Accept(u32),
    Wake,
    Receive(Token),
    Send(Token),
    Cancel,
}

impl Operation {
    fn encode(self) -> u64 {
        let (kind, slot, generation) = match self {
            Operation::Accept(listener) => (1, 0, listener),
            Operation::Wake => (2, 0, 0),
            Operation::Receive(token) => (3, token.slot, token.generation),
            Operation::Send(token) => (4, token.slot, token.generation),
            Operation::Cancel => (5, 0, 0),
        };
        assert!(slot < 1 << 24, "more connections than a process has descriptors");
        kind << 56 | u64::from(slot) << 32 | u64::from(generation)
    }

    fn decode(user_data: u64) -> Operation {
        let token = Token { slot: (user_data >> 32) as u32 & 0xFF_FFFF, generation: user_data as u32 };
        match user_data >> 56 {
            1 => Operation::Accept(token.generation),
            2 => Operation::Wake,
            3 => Operation::Receive(token),
            4 => Operation::Send(token),
            5 => Operation::Cancel,
            kind => panic!("the kernel completed an operation of kind {kind}, which was never submitted"),
        }
    }
}

/// What the kernel says about one operation.
#[derive(Clone, Copy, Debug)]
pub struct Completion {
    pub operation: Operation,
    /// A size or a descriptor; or an error number, negative.
    pub result: i32,
    /// The buffer that was filled.
    pub buffer: Option<u16>,
    /// The operation goes on and will complete again.
    pub more: bool,
}

impl Completion {
    pub fn error(&self) -> io::Error {
        io::Error::from_raw_os_error(-self.result)
    }
}

pub struct Ring {
    ring: IoUring,
    /// What found the submission queue full.
    backlog: VecDeque<squeue::Entry>,
    /// Operations that will complete at least once more.
    in_flight: usize,
}

impl Ring {
    /// A ring with the cheapest way of running completions that this kernel has.
    pub fn new(submissions: u32, completions: u32) -> io::Result<Ring> {
        let deferred = IoUring::builder()
            .setup_clamp()
            .setup_submit_all()
            .setup_cqsize(completions)
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_taskrun_flag()
            .build(submissions);
        let ring = match deferred {
            Ok(ring) => ring,
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => IoUring::builder()
                .setup_clamp()
                .setup_submit_all()
                .setup_cqsize(completions)
                .setup_coop_taskrun()
                .setup_taskrun_flag()
                .build(submissions)?,
            Err(error) => return Err(error),
        };
        // Multishot receive has no flag of its own; the kernel that brought it (6.0) also brought SendZc.
        let mut probe = Probe::new();
        ring.submitter().register_probe(&mut probe)?;
        let params = ring.params();
        if !probe.is_supported(opcode::SendZc::CODE)
            || !params.is_feature_ext_arg()
            || !params.is_feature_nodrop()
        {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "Linux 6.0 or later is needed"));
        }
        Ok(Ring { ring, backlog: VecDeque::new(), in_flight: 0 })
    }

    /// Receives go into `buffers` from now on.
    ///
    /// # Safety
    /// `buffers` must live until this ring is dropped.
    pub unsafe fn register(&mut self, buffers: &BufferRing) -> io::Result<()> {
        let (address, count) = buffers.registration();
        // SAFETY: the address is that of `count` page-aligned entries, which the caller keeps alive.
        unsafe { self.ring.submitter().register_buf_ring_with_flags(address, count, BUFFER_GROUP, 0) }
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Accepts connections until it is cancelled or fails.
    pub fn accept(&mut self, listener: BorrowedFd, operation: Operation) {
        let entry = opcode::AcceptMulti::new(Fd(listener.as_raw_fd())).flags(libc::SOCK_CLOEXEC).build();
        // SAFETY: the operation refers to no memory of ours.
        unsafe { self.push(entry, operation) }
    }

    /// Completes whenever the descriptor becomes readable.
    pub fn watch(&mut self, file: BorrowedFd, operation: Operation) {
        let entry = opcode::PollAdd::new(Fd(file.as_raw_fd()), libc::POLLIN as u32).multi(true).build();
        // SAFETY: the operation refers to no memory of ours.
        unsafe { self.push(entry, operation) }
    }

    /// Receives into provided buffers until it is cancelled, fails or finds no buffer.
    pub fn receive(&mut self, socket: BorrowedFd, operation: Operation) {
        let entry = opcode::RecvMulti::new(Fd(socket.as_raw_fd()), BUFFER_GROUP).build();
        // SAFETY: the operation refers to no memory of ours but the registered buffers, which outlive the
        // ring.
        unsafe { self.push(entry, operation) }
    }

    /// Sends all of `bytes`, unless the connection fails.
    ///
    /// # Safety
    /// `bytes` must stay where they are until the operation has completed.
    pub unsafe fn send(&mut self, socket: BorrowedFd, bytes: &[u8], operation: Operation) {
        let size = u32::try_from(bytes.len()).expect("sends are bounded");
        let flags = libc::MSG_NOSIGNAL | libc::MSG_WAITALL;
        let entry = opcode::Send::new(Fd(socket.as_raw_fd()), bytes.as_ptr(), size).flags(flags).build();
        // SAFETY: the caller keeps the bytes.
        unsafe { self.push(entry, operation) }
    }

    /// Sends all pieces of `message`, unless the connection fails.
    ///
    /// # Safety
    /// `message` and what it points to must stay where they are until the operation has completed.
    pub unsafe fn send_message(&mut self, socket: BorrowedFd, message: &libc::msghdr, operation: Operation) {
        let flags = (libc::MSG_NOSIGNAL | libc::MSG_WAITALL) as u32;
        let entry = opcode::SendMsg::new(Fd(socket.as_raw_fd()), message).flags(flags).build();
        // SAFETY: the caller keeps the message and its pieces.
        unsafe { self.push(entry, operation) }
    }

    /// Asks for an early end of an operation, which then completes as cancelled if it had not before.
    pub fn cancel(&mut self, operation: Operation) {
        let entry = opcode::AsyncCancel::new(operation.encode()).build();
        // SAFETY: the operation refers to no memory of ours.
        unsafe { self.push(entry, Operation::Cancel) }
    }

    pub fn cancel_all(&mut self) {
        let entry = opcode::AsyncCancel2::new(CancelBuilder::any()).build();
        // SAFETY: the operation refers to no memory of ours.
        unsafe { self.push(entry, Operation::Cancel) }
    }

    /// # Safety
    /// All memory that the entry refers to must stay valid until its last completion.
    unsafe fn push(&mut self, entry: squeue::Entry, operation: Operation) {
        self.in_flight += 1;
        self.backlog.push_back(entry.user_data(operation.encode()));
        self.submit_backlog();
    }

    fn submit_backlog(&mut self) {
        while let Some(entry) = self.backlog.front() {
            // SAFETY: whoever called `push` vouched for the entry's memory.
            if unsafe { self.ring.submission().push(entry) }.is_ok() {
                self.backlog.pop_front();
            } else if !matches!(self.ring.submit(), Ok(submitted) if submitted > 0) {
                return; // the next `enter` tries again
            }
        }
    }

    /// Submits what was prepared and waits until something completes, at most `timeout`.
    pub fn enter(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.submit_backlog();
        let entered = match timeout {
            _ if !self.backlog.is_empty() => self.ring.submit(),
            None => self.ring.submit_and_wait(1),
            Some(Duration::ZERO) => self.ring.submit(),
            Some(timeout) => {
                let timespec = Timespec::from(timeout);
                self.ring.submitter().submit_with_args(1, &SubmitArgs::new().timespec(&timespec))
            }
        };
        match entered {
            Ok(_) => Ok(()),
            // Time over, a signal, or completions to be taken first: in all cases the caller looks now.
            Err(error) => match error.raw_os_error() {
                Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN) => Ok(()),
                _ => Err(error),
            },
        }
    }

    /// Takes all completions there are.
    pub fn take_completions(&mut self, completions: &mut Vec<Completion>) {
        let before = completions.len();
        completions.extend(self.ring.completion().map(|entry| {
            let flags = entry.flags();
            Completion {
                operation: Operation::decode(entry.user_data()),
                result: entry.result(),
                buffer: cqueue::buffer_select(flags),
                more: cqueue::more(flags),
            }
        }));
        self.in_flight -= completions[before..].iter().filter(|completion| !completion.more).count();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_survive_the_way_through_the_kernel() {
        let token = Token { slot: 0xFF_FFFE, generation: u32::MAX };
        let all = [
            Operation::Accept(3),
            Operation::Wake,
            Operation::Receive(token),
            Operation::Send(token),
            Operation::Cancel,
        ];
        for operation in all {
            assert_eq!(Operation::decode(operation.encode()), operation);
        }
    }
}
