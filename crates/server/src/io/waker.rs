//! Waking a loop from another thread, at no cost while it is awake.

#[cfg(target_os = "linux")]
use std::fs::File;
use std::io;
#[cfg(target_os = "linux")]
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// The loop is in its turn; it will look before it sleeps.
const AWAKE: u8 = 0;
/// The loop is in the kernel, or about to be.
const ASLEEP: u8 = 1;
/// Somebody called `wake` since the loop last looked.
const NOTIFIED: u8 = 2;

/// Wakes one loop. Whatever its caller stored before `wake` is seen by the loop after the
/// [`Event::Woken`](super::Event::Woken) that follows.
#[derive(Clone)]
pub struct Waker {
    shared: Arc<Shared>,
}

struct Shared {
    state: AtomicU8,
    signal: Signal,
}

/// How a sleeping loop is reached.
pub enum Signal {
    Readiness(mio::Waker),
    #[cfg(target_os = "linux")]
    EventFile(File),
}

impl Waker {
    pub(super) fn new(signal: Signal) -> Waker {
        Waker { shared: Arc::new(Shared { state: AtomicU8::new(AWAKE), signal }) }
    }

    pub fn wake(&self) {
        if self.shared.state.swap(NOTIFIED, Ordering::AcqRel) == ASLEEP {
            self.shared.signal.send().expect("an event descriptor takes a signal");
        }
    }

    /// The loop is about to sleep. False if it was notified and must not.
    pub(super) fn fall_asleep(&self) -> bool {
        let state = &self.shared.state;
        state.compare_exchange(AWAKE, ASLEEP, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// The loop begins its turn. True if it was notified.
    pub(super) fn rise(&self) -> bool {
        self.shared.state.swap(AWAKE, Ordering::AcqRel) == NOTIFIED
    }
}

impl Signal {
    fn send(&self) -> io::Result<()> {
        match self {
            Signal::Readiness(waker) => waker.wake(),
            #[cfg(target_os = "linux")]
            Signal::EventFile(file) => match (&*file).write(&1u64.to_ne_bytes()) {
                // The counter is full: the loop has more than one signal waiting already.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
                written => written.map(drop),
            },
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::io::Read;

    fn signals(file: &mut File) -> u64 {
        let mut count = [0; 8];
        match file.read_exact(&mut count) {
            Ok(()) => u64::from_ne_bytes(count),
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                0
            }
        }
    }

    #[test]
    fn only_a_sleeping_loop_costs_a_signal_and_none_is_lost() {
        let flags = rustix::event::EventfdFlags::NONBLOCK | rustix::event::EventfdFlags::CLOEXEC;
        let file = File::from(rustix::event::eventfd(0, flags).expect("eventfd"));
        let mut received = file.try_clone().expect("clone");
        let waker = Waker::new(Signal::EventFile(file));
        waker.wake();
        assert!(!waker.fall_asleep(), "notified before it slept");
        assert_eq!(signals(&mut received), 0);
        assert!(waker.rise());
        assert!(waker.fall_asleep());
        waker.wake();
        waker.wake();
        assert_eq!(signals(&mut received), 1);
        assert!(waker.rise());
        assert!(!waker.rise());
    }
}
