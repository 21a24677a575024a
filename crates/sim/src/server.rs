//! A server between a start and its end: the real engine, the real log, and batches that are on their way
//! from one to the other.

use crate::checker::failure::Failure;
use crate::checker::records::{Records, Unlike};
use crate::checker::replay::Hashes;
use crate::checker::start::NoStart;
use crate::checkpointing::{Checkpointing, KeptBodies};
use crate::disk::SimDisk;
use crate::fetching::Fetching;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use warren_engine::{Engine, Settings};
use warren_log::{Log, LogOptions, Recovery, Reservation};
use warren_units::{Lsn, UnixMillis};

pub struct Server {
    pub engine: Engine,
    pub log: Arc<Log>,
    /// The newest record that something waits to see synced.
    pub sync_wanted: Lsn,
    pub synced_at: u64,
    pub fetching: Fetching,
    pub checkpointing: Option<Checkpointing>,
    in_flight: Arc<Mutex<InFlight>>,
}

/// What loops have reserved; a write may come in the middle of a sync.
#[derive(Default)]
struct InFlight {
    /// By loop.
    reservations: BTreeMap<usize, Reservation>,
    /// First and last LSN of batches written since they were last asked for.
    landed: Vec<(Lsn, Lsn)>,
    failed: Option<String>,
}

/// What a start must find again.
#[derive(Clone, Copy)]
pub struct Expected<'a> {
    pub records: &'a Records,
    pub hashes: &'a Hashes,
    pub kept_bodies: &'a BTreeMap<Lsn, KeptBodies>,
}

/// Opens the log on `disk` and makes an engine of what it holds, comparing each record, each body that may be
/// needed, and the state.
pub fn start(
    disk: &SimDisk,
    options: LogOptions,
    settings: Settings,
    expected: Expected<'_>,
    how: &str,
) -> Result<(Log, Engine, Recovery), NoStart> {
    let (log, recovery) = Log::open(Arc::new(disk.clone()), options).map_err(NoStart::Log)?;
    let checkpoint = recovery.checkpoint.unwrap_or(Lsn::NONE);
    let engine = rebuild(&log, settings, expected, checkpoint, recovery.last, how)?;
    Ok((log, engine, recovery))
}

/// A new engine with the checkpoint and the records that the log holds, up to `last`.
pub fn rebuild(
    log: &Log,
    settings: Settings,
    expected: Expected<'_>,
    checkpoint: Lsn,
    last: Lsn,
    how: &str,
) -> Result<Engine, NoStart> {
    let mut engine = Engine::new(settings, UnixMillis(0));
    let failed = |checker, text: String| NoStart::Failed(Failure::new(checker, format!("{how}: {text}")));
    for block in log.checkpoint_blocks() {
        let block = block.map_err(NoStart::Log)?;
        let restored = engine.restore(checkpoint, &block.effects);
        restored.map_err(|error| NoStart::Record(format!("checkpoint: {error}")))?;
    }
    if checkpoint > Lsn::NONE {
        let how = format!("{how}, checkpoint");
        expected.hashes.check(checkpoint, engine.durable_hash(), &how).map_err(NoStart::Failed)?;
        let Some(names) = expected.kept_bodies.get(&checkpoint) else {
            return Err(failed("checkpoints", format!("nobody finished one of record {checkpoint}")));
        };
        for name in names.keys() {
            let body = log.read_body(*name).map_err(NoStart::Log)?;
            expected.records.check_body(*name, &body).map_err(NoStart::Failed)?;
        }
    }
    let mut next = checkpoint.next();
    for chunk in log.chunks(Lsn::NONE).map_err(NoStart::Log)? {
        let chunk = chunk.map_err(NoStart::Log)?;
        for record in chunk.records() {
            expected.records.check(&record, log).map_err(|unlike| match unlike {
                Unlike::Log(error) => NoStart::Log(error),
                Unlike::Record(failure) => NoStart::Failed(failure),
            })?;
            if record.lsn > checkpoint && record.lsn != next {
                let text = format!("record {} follows where {next} should", record.lsn);
                return Err(NoStart::Failed(Failure::new("records", text)));
            }
            next = next.max(record.lsn.next());
        }
        let behind = chunk.records().filter(|record| record.lsn > checkpoint);
        engine.replay_all(behind).map_err(|error| NoStart::Record(error.to_string()))?;
    }
    if next != last.next() {
        let text = format!("the log should end with record {last}, but the next is {next}");
        return Err(failed("records", text));
    }
    expected.hashes.check(last, engine.durable_hash(), how).map_err(NoStart::Failed)?;
    Ok(engine)
}

/// A new engine from all records there ever were, up to `last`, without log and checkpoint.
pub fn replay_all(settings: Settings, expected: Expected<'_>, last: Lsn) -> Result<Engine, NoStart> {
    let mut engine = Engine::new(settings, UnixMillis(0));
    for record in expected.records.all().take(last.0 as usize) {
        engine.replay(&record).map_err(|error| NoStart::Record(error.to_string()))?;
    }
    let how = "all records from the first on";
    expected.hashes.check(last, engine.durable_hash(), how).map_err(NoStart::Failed)?;
    Ok(engine)
}

impl Server {
    pub fn new(mut engine: Engine, log: Log, now: u64) -> Server {
        let log = Arc::new(log);
        engine.set_room_source(log.clone());
        Server {
            engine,
            log,
            sync_wanted: Lsn::NONE,
            synced_at: now,
            fetching: Fetching::default(),
            checkpointing: None,
            in_flight: Arc::default(),
        }
    }

    fn in_flight(&self) -> MutexGuard<'_, InFlight> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn reserved(&self, loop_index: usize, reservation: Reservation) {
        self.in_flight().reservations.insert(loop_index, reservation);
    }

    pub fn is_writing(&self, loop_index: usize) -> bool {
        self.in_flight().reservations.contains_key(&loop_index)
    }

    /// Loops that have a batch to write.
    pub fn writing_loops(&self) -> Vec<usize> {
        self.in_flight().reservations.keys().copied().collect()
    }

    /// Writes the batch of a loop.
    ///
    /// # Errors
    /// What the log says; the process ends then.
    pub fn write(&self, loop_index: usize) -> Result<(), String> {
        let mut in_flight = self.in_flight();
        let Some(reservation) = in_flight.reservations.remove(&loop_index) else { return Ok(()) };
        in_flight.write(&self.log, reservation);
        in_flight.failed.take().map_or(Ok(()), Err)
    }

    /// Batches that were written since the last call.
    pub fn take_landed(&self) -> Vec<(Lsn, Lsn)> {
        std::mem::take(&mut self.in_flight().landed)
    }

    /// Syncs the log, while the loops named write.
    ///
    /// # Errors
    /// What the log says; the process ends then.
    pub fn sync(&self, disk: &SimDisk, writing_meanwhile: Vec<usize>) -> Result<(), String> {
        let (in_flight, log) = (self.in_flight.clone(), self.log.clone());
        disk.during_next_sync(Box::new(move || {
            let mut in_flight = in_flight.lock().unwrap_or_else(PoisonError::into_inner);
            for loop_index in writing_meanwhile {
                if let Some(reservation) = in_flight.reservations.remove(&loop_index) {
                    in_flight.write(&log, reservation);
                }
            }
        }));
        let synced = self.log.sync();
        disk.forget_during_sync();
        synced.map_err(|error| error.to_string())?;
        self.in_flight().failed.take().map_or(Ok(()), Err)
    }
}

impl InFlight {
    fn write(&mut self, log: &Log, reservation: Reservation) {
        let (first, last) = (reservation.batch().first(), reservation.batch().last());
        match log.write(reservation) {
            Ok(_) => self.landed.push((first, last)),
            Err(error) => self.failed = Some(error.to_string()),
        }
    }
}
