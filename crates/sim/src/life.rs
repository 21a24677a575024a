//! The ends and the starts of the server.

use crate::checker::acknowledged::{Acknowledged, End};
use crate::checker::failure::{Checked, Failure};
use crate::checker::gates::Gates;
use crate::checkpointing::KeptBodies;
use crate::disk::SimDisk;
use crate::server::{Expected, Server, rebuild, replay_all, start};
use crate::world::World;
use std::collections::BTreeMap;
use std::sync::Arc;
use warren_log::format::segment_sequence;
use warren_log::{Log, LogError, LogOptions, is_log_file};
use warren_units::{Lsn, UnixMillis};

impl World {
    /// Ends the server as `ended_by` says, and starts it anew.
    pub fn restart(&mut self) -> Checked {
        let (mut end, reason) = self.ended_by.take().unwrap_or((End::Kill, String::new()));
        let was_closed = reason == CLOSED;
        self.links.clear();
        self.server = None;
        let mut disk = match end {
            End::Kill => self.disk.kill(),
            End::PowerCut => self.disk.crash(&mut self.random),
        };
        // Once the reserve is used up, no start on a full disk is promised.
        if !disk.names().iter().any(|name| name == "reserve") || self.random.chance(50) {
            disk.set_capacity(u64::MAX);
        }
        // The power may go again while the server starts.
        while self.random.chance(20) {
            end = End::PowerCut;
            disk.set_capacity(u64::MAX);
            let during = disk.kill();
            during.fail_syncs(self.random.below(8));
            drop(Log::open(Arc::new(during.clone()), self.log_options()));
            disk = during.crash(&mut self.random);
        }
        if self.random.chance(20) {
            self.clock -= self.random.below(3_600_000);
        }
        self.clock += self.random.below(500);
        self.start_on(disk, end, was_closed)
    }

    /// Ends the server in order.
    pub fn close(&mut self) -> Checked {
        self.abandon_checkpoint()?;
        // One more than there are loops: the thread that reads bodies writes, too.
        for loop_index in 0..=self.settings.loop_count {
            self.write(loop_index);
        }
        let clock = UnixMillis(self.clock);
        let server = self.server();
        server.engine.begin_turn(clock, server.log.progress());
        server.engine.shutdown();
        // Every client is gone then, and gives back what it held.
        self.links.values_mut().for_each(|link| link.is_gone = true);
        for loop_index in 0..self.settings.loop_count {
            self.turn(loop_index)?;
            self.write(loop_index);
        }
        if self.ended_by.is_some() {
            return Ok(());
        }
        match self.server().log.close() {
            Ok(()) => {
                let written = self.gates.written();
                self.gates.sync(written);
                let end = if self.random.chance(50) { End::Kill } else { End::PowerCut };
                self.end(end, CLOSED);
            }
            Err(error) => self.end(End::PowerCut, error.to_string()),
        }
        Ok(())
    }

    fn expected(&self) -> Expected<'_> {
        Expected { records: &self.records, hashes: &self.hashes, kept_bodies: &self.kept_bodies }
    }

    fn start_on(&mut self, disk: SimDisk, end: End, was_closed: bool) -> Checked {
        let (options, settings) = (self.log_options(), self.engine_settings());
        let newest = self.records.newest();
        let started = start(&disk, options, settings, self.expected(), "start");
        let (log, engine, recovery) = started.map_err(|error| error.unexpected())?;
        let last = recovery.last;
        self.trace.note(format!("start after {end:?}: {last} of {newest} records, {:?}", recovery.cut));
        self.acknowledged.check(last, end)?;
        let promised = match end {
            End::Kill => self.gates.written(),
            End::PowerCut => self.gates.synced(),
        };
        if last < promised {
            let text =
                format!("after {end:?} records up to {promised} should be there, but {last} is the last");
            return Err(Failure::new("acknowledged", text));
        }
        // Where the power went while the server started, the end in order may be over already.
        if was_closed && end == End::Kill && !recovery.was_closed {
            return Err(Failure::new("start", "the log was closed in order, and the start does not know"));
        }
        let checkpoint = recovery.checkpoint.unwrap_or(Lsn::NONE);
        if checkpoint < self.newest_checkpoint {
            let text =
                format!("the start is from {checkpoint}, but the newest is {}", self.newest_checkpoint);
            return Err(Failure::new("checkpoints", text));
        }
        self.counters.starts += 1;
        self.counters.restores += u64::from(recovery.checkpoint.is_some());
        (self.newest_checkpoint, self.disk_is_faulty) = (checkpoint, disk.is_limited());
        self.kept_bodies.retain(|at, _| *at == checkpoint);
        self.disk = disk;
        self.records.restart_at(last);
        self.hashes.restart_at(last);
        self.model.restart_at(last);
        (self.gates, self.acknowledged) = (Gates::at(last), Acknowledged::default());
        if self.random.chance(30) {
            let settings = self.engine_settings();
            replay_all(settings, self.expected(), last).map_err(|error| error.unexpected())?;
        }
        self.turn_a_bit(&log, last)?;
        self.cut_and_rebuild(last, checkpoint, options)?;
        let mut engine = engine;
        engine.recovered(last, UnixMillis(self.clock), recovery.was_closed);
        if let Err(error) = log.prepare() {
            return Err(Failure::new("start", format!("no next segment: {error}")));
        }
        self.server = Some(Server::new(engine, log, self.clock));
        // What an unclean end made count as redelivered may be the first record.
        self.take_batch(0)?;
        self.write(0);
        self.audit()
    }

    /// A backup is whole without the log it was made from, also when the power goes at once.
    pub fn check_backup(&mut self, at: Lsn, names: &KeptBodies, target: &SimDisk) -> Checked {
        let target = target.crash(&mut self.random);
        let (options, settings) = (self.log_options(), self.engine_settings());
        let kept_bodies = BTreeMap::from([(at, names.clone())]);
        let expected = Expected { kept_bodies: &kept_bodies, ..self.expected() };
        let started = start(&target, options, settings, expected, "a backup");
        let (_, _, recovery) = started.map_err(|error| error.unexpected())?;
        if (recovery.checkpoint.unwrap_or(Lsn::NONE), recovery.last) != (at, at) {
            return Err(Failure::new("checkpoints", format!("the backup of record {at} is {recovery:?}")));
        }
        Ok(())
    }

    /// On a copy of the disk one bit of what is synced turns: a start from it is refused with the place
    /// named, or loses nothing.
    fn turn_a_bit(&mut self, log: &Log, last: Lsn) -> Checked {
        let segments = log.segments().map_err(|error| Failure::new("start", error.to_string()))?;
        let segments = segments.into_iter().map(|segment| (segment.name, segment.used_bytes));
        let names = self.disk.names().into_iter();
        let stored = names.filter(|name| is_log_file(name) && segment_sequence(name).is_none());
        let stored = stored.map(|name| (name.clone(), self.disk.content(&name).len() as u64));
        let files: Vec<(String, u64)> = segments.chain(stored).collect();
        if files.is_empty() || self.random.chance(50) {
            return Ok(());
        }
        self.counters.turned_bits += 1;
        let copy = self.disk.crash(&mut self.random);
        copy.set_capacity(u64::MAX);
        let (hit, used_bytes) = self.random.pick(&files).clone();
        let bit = self.random.below(used_bytes * 8);
        copy.flip_bit(&hit, bit);
        let (options, settings) = (self.log_options(), self.engine_settings());
        match start(&copy, options, settings, self.expected(), "a turned bit") {
            Ok((_, _, recovery)) if recovery.last == last => Ok(()),
            Ok((_, _, recovery)) => {
                let text = format!("bit {bit} of {hit} costs the records behind {}", recovery.last);
                Err(Failure::new("start", text))
            }
            Err(error) => error.check_names(&hit),
        }
    }

    /// On a copy of the disk all behind some record is dropped for good: what is rebuilt is the state there.
    /// Before a checkpoint that is refused.
    fn cut_and_rebuild(&mut self, last: Lsn, checkpoint: Lsn, options: LogOptions) -> Checked {
        let known: Vec<Lsn> = self.hashes.known().into_iter().filter(|lsn| *lsn < last).collect();
        if known.is_empty() || self.random.chance(50) {
            return Ok(());
        }
        self.counters.cuts += 1;
        let at = *self.random.pick(&known);
        let copy = self.disk.kill();
        copy.set_capacity(u64::MAX);
        let failed = |error: warren_log::LogError| Failure::new("start", format!("cut at {at}: {error}"));
        let (log, _) = Log::open(Arc::new(copy.clone()), options).map_err(failed)?;
        match log.truncate_after(at) {
            Err(LogError::BeforeCheckpoint { .. }) if at < checkpoint => return Ok(()),
            _ if at < checkpoint => {
                let text = format!("cut at {at}, before the checkpoint at {checkpoint}");
                return Err(Failure::new("checkpoints", text));
            }
            cut => cut.map_err(failed)?,
        }
        let settings = self.engine_settings();
        let how = "cut and rebuilt";
        let rebuilt = rebuild(&log, settings, self.expected(), checkpoint, at, how);
        rebuilt.map_err(|error| error.unexpected())?;
        drop(log);
        let copy = copy.crash(&mut self.random);
        let (options, settings) = (self.log_options(), self.engine_settings());
        let started = start(&copy, options, settings, self.expected(), "cut and started");
        let (_, _, recovery) = started.map_err(|error| error.unexpected())?;
        if recovery.last != at {
            let text = format!("cut behind record {at}, the log ends with {} after a start", recovery.last);
            return Err(Failure::new("records", text));
        }
        Ok(())
    }
}

/// Why the process ended, where it was asked to.
const CLOSED: &str = "closed in order";
