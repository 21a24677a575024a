//! Stops of a thread at each of its operations on the disk, so that whatever else there is can happen in
//! between. Only one thread runs at a time: who lets another one go waits until it stops again.

use std::cell::RefCell;
use std::io::{Error, ErrorKind};

/// What a stop ends in, where it is not that the operation goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stopped {
    /// The process is gone: nothing happens any more.
    Ended,
    /// The disk fails this operation.
    Failed(ErrorKind),
}

impl Stopped {
    pub fn error(self) -> Error {
        match self {
            Stopped::Ended => Error::other("the process has ended (injected)"),
            Stopped::Failed(ErrorKind::StorageFull) => Error::from(ErrorKind::StorageFull),
            Stopped::Failed(_) => Error::other("input/output error (injected)"),
        }
    }
}

/// Waits at a stop.
pub type Wait = Box<dyn Fn() -> Result<(), Stopped>>;

thread_local! {
    static WAIT: RefCell<Option<Wait>> = const { RefCell::new(None) };
}

/// From now on this thread stops with `wait`.
pub fn stop_with(wait: Wait) {
    WAIT.set(Some(wait));
}

/// An operation on the disk is about to begin.
pub fn stop() -> Result<(), Stopped> {
    WAIT.with_borrow(|wait| wait.as_ref().map_or(Ok(()), |wait| wait()))
}
