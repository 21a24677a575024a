//! The thread that takes checkpoints: when the log has grown enough, when the disk is short, or when someone
//! asks. It enters the engine for one small step at a time; encoding and writing happen outside.

use crate::core::{Core, fail, now};
use parking_lot::{Condvar, Mutex};
use std::cell::RefCell;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use warren_engine::cache::process::CheckpointFacts;
use warren_log::{CheckpointSummary, CheckpointWriter, Disk, LogError};
use warren_units::{LoopId, Lsn};

/// Keys or queues that one step takes out of the engine: some 50 to 100 us on memory that is not in a cache.
const STEP_ENTRY_COUNT: usize = 256;
/// After a step the thread rests so many times as long as the step and its writing took, so that it is never long
/// on a core that a loop could use. On a full disk it does not: room is what everybody waits for.
const REST_FACTOR: u32 = 3;
const REST_TIME_MAX: Duration = Duration::from_millis(10);
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
pub struct Checkpoints {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    wanted: bool,
    backups: Vec<Backup>,
    is_stopping: bool,
    facts: CheckpointFacts,
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

impl Checkpoints {
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

    /// What INFO shows.
    pub fn facts(&self) -> CheckpointFacts {
        let state = self.state.lock();
        CheckpointFacts { is_running: state.facts.is_running || state.wanted, ..state.facts }
    }

    fn note_begin(&self) {
        self.state.lock().facts.is_running = true;
    }

    fn note_end(&self, outcome: &Outcome) {
        let facts = &mut self.state.lock().facts;
        facts.is_running = false;
        facts.has_last_failed = outcome.is_err();
        if outcome.is_ok() {
            facts.count += 1;
            facts.last_at = Some(now());
        }
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

/// Runs until [`Checkpoints::stop`].
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
        core.checkpoints.note_begin();
        let is_short = core.log.is_space_short();
        let outcome =
            if is_short { take_on_full_disk(core) } else { take(core, |at| core.log.begin_checkpoint(at)) };
        core.checkpoints.note_end(&outcome);
        if let Err(error) = outcome {
            if !core.checkpoints.is_stopping() {
                eprintln!("warren: no checkpoint: {error}");
            }
            not_before = Instant::now() + if is_short { RETRY_INTERVAL_SHORT } else { RETRY_INTERVAL };
        }
    }
}

fn is_due(core: &Core) -> bool {
    let is_short = core.log.is_space_short() && core.log.log_bytes_since_checkpoint() > 0;
    is_short || core.log.is_checkpoint_due()
}

/// On a full disk a checkpoint has the reserve's room; what it gives back goes there first.
fn take_on_full_disk(core: &Core) -> Outcome {
    core.log.lend_reserve().map_err(|error| error.to_string())?;
    let outcome = take(core, |at| core.log.begin_checkpoint(at));
    core.log.return_reserve();
    // A loop finds out in its next turn, and tells who waits for room.
    if let Err(error) = core.log.prepare() {
        fail(&error);
    }
    core.wake(LoopId(0));
    outcome
}

/// Freezes the engine, writes the frozen state with what `begin` gives, and finishes it.
fn take<'l>(core: &'l Core, begin: impl FnOnce(Lsn) -> Result<CheckpointWriter<'l>, LogError>) -> Outcome {
    let at = loop {
        let mut engine = core.engine();
        // A loop that gave way within its turn has records that have no place in the log yet.
        if engine.batch_size() == 0 {
            break engine.begin_checkpoint();
        }
        parking_lot::MutexGuard::unlock_fair(engine);
    };
    let written = begin(at).and_then(|writer| write(core, writer));
    // Nobody else may freeze before this view is out of the engine; at the end of the server nobody will.
    while core.engine().is_checkpointing() && !core.checkpoints.is_stopping() {
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
        let begin = Instant::now();
        let piece = {
            let mut engine = core.engine();
            let piece = engine.checkpoint_step(STEP_ENTRY_COUNT);
            // Loops that wait for the engine go first.
            parking_lot::MutexGuard::unlock_fair(engine);
            piece
        };
        let is_last = piece.is_last;
        let writing = RefCell::new(&mut writer);
        piece.encode(&mut |block| writing.borrow_mut().append(block), &mut |name, size| {
            writing.borrow_mut().keep_body(name, size);
        })?;
        if is_last {
            return writer.finish();
        }
        if core.checkpoints.is_stopping() {
            return Err(LogError::Abandoned);
        }
        if !core.log.is_space_short() {
            std::thread::sleep((begin.elapsed() * REST_FACTOR).min(REST_TIME_MAX));
        }
    }
}
