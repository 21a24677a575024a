//! The thread that takes checkpoints: when the log has grown enough, when the disk is short, or when someone
//! asks. It enters the engine for one small step at a time; encoding and writing happen outside.

use crate::core::{Core, fail};
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use warren_log::{CheckpointSummary, CheckpointWriter, Disk, LogError};
use warren_units::{BodyName, Rope};

/// Keys or queues that one step takes out of the engine: some 50 to 100 us on memory that is not in a cache.
const STEP_ENTRY_COUNT: usize = 256;
/// A checkpoint is due once the log has grown by this much since the last one...
const LOG_GROWTH_BYTES_MIN: u64 = 128 * 1024 * 1024;
/// ...and by this part of what the last one holds.
const LOG_GROWTH_DIVISOR: u64 = 2;
/// How often the thread looks at the log.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// After a failure it waits so long before it tries again by itself.
const RETRY_INTERVAL: Duration = Duration::from_secs(10);
/// On a full disk a checkpoint is what gives room back: it is tried sooner.
const RETRY_INTERVAL_SHORT: Duration = Duration::from_secs(1);

/// How a checkpoint ended: what was written, or one line for the operator.
pub type Outcome = Result<CheckpointSummary, String>;

/// What is asked of the thread.
#[derive(Default)]
pub struct CheckpointRequests {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    wanted: bool,
    backups: Vec<Backup>,
    is_stopping: bool,
}

/// A copy of everything into another directory.
struct Backup {
    target: Arc<dyn Disk>,
    done: mpsc::Sender<Outcome>,
}

/// What the thread does next.
enum Next {
    Look,
    Checkpoint,
    Backup(Backup),
    End,
}

impl CheckpointRequests {
    /// Asks for a checkpoint soon.
    pub fn request(&self) {
        self.state.lock().wanted = true;
        self.changed.notify_one();
    }

    /// Asks for a backup into `target`; its outcome comes through what is answered.
    pub fn request_backup(&self, target: Arc<dyn Disk>) -> mpsc::Receiver<Outcome> {
        let (done, outcome) = mpsc::channel();
        self.state.lock().backups.push(Backup { target, done });
        self.changed.notify_one();
        outcome
    }

    /// Ends the thread; a checkpoint in the making is given up.
    pub fn stop(&self) {
        self.state.lock().is_stopping = true;
        self.changed.notify_one();
    }

    fn is_stopping(&self) -> bool {
        self.state.lock().is_stopping
    }

    fn next(&self) -> Next {
        let mut state = self.state.lock();
        let is_idle = |state: &mut State| !state.wanted && state.backups.is_empty() && !state.is_stopping;
        if is_idle(&mut state) {
            self.changed.wait_for(&mut state, LOOK_INTERVAL);
        }
        if state.is_stopping {
            Next::End
        } else if std::mem::take(&mut state.wanted) {
            Next::Checkpoint
        } else {
            state.backups.pop().map_or(Next::Look, Next::Backup)
        }
    }
}

/// Runs until [`CheckpointRequests::stop`].
pub fn run(core: &Core) {
    let mut not_before = Instant::now();
    loop {
        match core.checkpoints.next() {
            Next::End => return,
            Next::Look if Instant::now() >= not_before && is_due(core) => {}
            Next::Look => continue,
            Next::Checkpoint => {}
            Next::Backup(Backup { target, done }) => {
                // Whoever asked may have gone: nobody is left to tell.
                let _ = done.send(take(core, |at| core.log.begin_backup(at, target)));
                continue;
            }
        }
        let outcome = take(core, |at| core.log.begin_checkpoint(at));
        core.note_checkpoint(&outcome);
        if let Err(error) = outcome {
            eprintln!("warren: no checkpoint: {error}");
            let is_short = core.log.is_space_short();
            not_before = Instant::now() + if is_short { RETRY_INTERVAL_SHORT } else { RETRY_INTERVAL };
        }
    }
}

fn is_due(core: &Core) -> bool {
    let grown = core.log.log_bytes_since_checkpoint();
    let due = LOG_GROWTH_BYTES_MIN.max(core.log.checkpoint_bytes() / LOG_GROWTH_DIVISOR);
    grown > due || (grown > 0 && core.log.is_space_short())
}

/// Freezes the engine, writes the frozen state with what `begin` gives, and finishes it.
fn take<'l>(
    core: &'l Core,
    begin: impl FnOnce(warren_units::Lsn) -> Result<CheckpointWriter<'l>, LogError>,
) -> Outcome {
    let at = core.engine().begin_checkpoint();
    let written = begin(at).and_then(|writer| write(core, writer));
    // Nobody else may freeze before this view is out of the engine.
    while core.engine().is_checkpointing() {
        drop(core.engine().checkpoint_step(STEP_ENTRY_COUNT));
    }
    written.map_err(|error| {
        if core.log.is_poisoned() {
            fail(&error);
        }
        error.to_string()
    })
}

fn write(core: &Core, mut writer: CheckpointWriter<'_>) -> Result<CheckpointSummary, LogError> {
    loop {
        let piece = {
            let mut engine = core.engine();
            let piece = engine.checkpoint_step(STEP_ENTRY_COUNT);
            // Loops that wait for the engine go first.
            parking_lot::MutexGuard::unlock_fair(engine);
            piece
        };
        let is_last = piece.is_last;
        let writing = std::cell::RefCell::new(&mut writer);
        piece.encode(
            &mut |block: &Rope| writing.borrow_mut().append(block),
            &mut |name: BodyName, size: u32| writing.borrow_mut().keep_body(name, size),
        )?;
        if is_last {
            return writer.finish();
        }
        if core.checkpoints.is_stopping() {
            return Err(LogError::Abandoned);
        }
    }
}
