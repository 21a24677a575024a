//! Threads that do what would keep a loop from its connections: they write large batches to the log, and drop
//! large things that have left the state. Both end when the last loop has ended, their work done.

use crate::core::{Core, fail};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use warren_engine::Garbage;
use warren_log::Reservation;

/// Large batches on their way; a loop with one more waits.
const LARGE_BATCH_COUNT_MAX: usize = 4;
/// Lots of garbage on their way; a loop drops what exceeds them itself, so that no more memory is held.
const GARBAGE_COUNT_MAX: usize = 256;

/// One loop's way to the threads.
#[derive(Clone)]
pub struct Hands {
    large: SyncSender<Reservation>,
    garbage: SyncSender<Garbage>,
}

/// The running threads.
pub struct HandThreads(Vec<JoinHandle<()>>);

/// Starts both threads.
///
/// # Errors
/// One line for the operator.
pub fn start(core: &Arc<Core>) -> Result<(Hands, HandThreads), String> {
    let (large, reservations) = sync_channel(LARGE_BATCH_COUNT_MAX);
    let (garbage, lots) = sync_channel(GARBAGE_COUNT_MAX);
    let core = core.clone();
    let writer = crate::serve::spawn("large-writer", move || write_all(&core, &reservations))?;
    let sweeper = crate::serve::spawn("sweeper", move || lots.iter().for_each(drop::<Garbage>))?;
    Ok((Hands { large, garbage }, HandThreads(vec![writer, sweeper])))
}

impl Hands {
    /// Has a batch written; those who wait for it are woken.
    pub fn write_large(&self, core: &Core, reservation: Reservation) {
        core.note_large(reservation.batch().size() as i64);
        assert!(self.large.send(reservation).is_ok(), "the thread runs as long as a loop");
    }

    pub fn drop_elsewhere(&self, garbage: Garbage) {
        if !garbage.is_empty() {
            // It comes back where there is no room, and is dropped here.
            let _ = self.garbage.try_send(garbage);
        }
    }
}

impl HandThreads {
    /// Waits until both have done what was given to them. The loops have ended, and with them all [`Hands`].
    pub fn join(self) {
        for thread in self.0 {
            // A panic has ended the process already.
            let _ = thread.join();
        }
    }
}

fn write_all(core: &Core, reservations: &Receiver<Reservation>) {
    for reservation in reservations {
        let (size, sync_wanted) = (reservation.batch().size() as i64, reservation.batch().sync_wanted());
        let batch = core.log.write(reservation).unwrap_or_else(|error| fail(&error));
        core.note_large(-size);
        core.after_write(None, sync_wanted);
        drop(batch);
    }
}
