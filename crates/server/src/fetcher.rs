//! The thread that reads bodies back which queues gave to the log: it waits for no lock while it reads, and
//! enters the engine with what it has read.

use crate::core::{Core, fail, now};
use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::time::Duration;
use warren_engine::Fetch;
use warren_log::LogError;
use warren_units::{BodyName, LoopId, Lsn};

/// How often the log is looked at while a body's record is still to be written.
const WRITTEN_LOOK_INTERVAL: Duration = Duration::from_micros(100);

/// What queues have asked for, in their order.
#[derive(Default)]
pub struct Fetches {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    wanted: VecDeque<Fetch>,
    is_stopping: bool,
}

impl Fetches {
    /// Hands fetches to the thread.
    pub fn push(&self, fetches: Vec<Fetch>) {
        if !fetches.is_empty() {
            self.state.lock().wanted.extend(fetches);
            self.changed.notify_one();
        }
    }

    /// Ends the thread.
    pub fn stop(&self) {
        self.state.lock().is_stopping = true;
        self.changed.notify_one();
    }

    /// Waits for the next fetch; `None` when the thread is to end.
    fn next(&self) -> Option<Fetch> {
        let mut state = self.state.lock();
        loop {
            if state.is_stopping {
                return None;
            }
            match state.wanted.pop_front() {
                Some(fetch) => return Some(fetch),
                None => self.changed.wait(&mut state),
            }
        }
    }
}

/// Runs until [`Fetches::stop`].
pub fn run(core: &Core) {
    while let Some(fetch) = core.fetches.next() {
        let mut unreadable = Vec::new();
        let read = |name: BodyName| match read_body(core, name) {
            Ok(body) => Some(body),
            Err(error) => {
                unreadable.push((name, error));
                None
            }
        };
        let bodies: Vec<Option<Bytes>> = fetch.names().map(read).collect();
        if let Err(needed) = enter(core, &fetch, &bodies) {
            match unreadable.iter().find(|(name, _)| *name == needed) {
                Some((_, error)) => fail(error),
                None => fail(&LogError::NoBody { lsn: needed.lsn, ordinal: needed.ordinal }),
            }
        }
    }
}

fn read_body(core: &Core, name: BodyName) -> Result<Bytes, LogError> {
    // The loop that made the record has left the engine and is about to write it.
    while core.log.progress().written < name.lsn && !core.is_stopping() {
        std::thread::sleep(WRITTEN_LOOK_INTERVAL);
    }
    core.log.read_body(name)
}

/// Enters the engine with the bodies and writes what follows from them, as a loop does in its turn.
fn enter(core: &Core, fetch: &Fetch, bodies: &[Option<Bytes>]) -> Result<(), BodyName> {
    let mut engine = core.engine();
    engine.begin_turn(now(), core.log.progress());
    engine.fetched(fetch, bodies)?;
    let fetches = engine.take_fetches();
    let garbage = engine.take_garbage();
    let batch = engine.take_batch();
    let reservation = batch.map(|batch| core.log.reserve(batch).unwrap_or_else(|error| fail(&error)));
    // This thread is no loop: whoever has outputs to collect is another one.
    let loops: Vec<LoopId> = engine.loops_to_wake(LoopId(u16::MAX)).collect();
    drop(engine);
    core.fetches.push(fetches);
    drop(garbage);
    if let Some(reservation) = reservation {
        let sync_wanted = reservation.batch().sync_wanted();
        if let Err(error) = core.log.write(reservation) {
            fail(&error);
        }
        if sync_wanted > Lsn::NONE {
            core.sync_requests.want(sync_wanted);
            // A loop that has taken a turn since then is woken by the sync.
            core.wake(LoopId(0));
        }
        core.wake_waiting(None);
    }
    loops.into_iter().for_each(|loop_id| core.wake(loop_id));
    Ok(())
}
