//! The ends and the starts of the server.

use crate::checker::acknowledged::{Acknowledged, End};
use crate::checker::failure::{Checked, Failure};
use crate::checker::gates::Gates;
use crate::disk::SimDisk;
use crate::server::{Server, rebuild, start};
use crate::world::World;
use std::sync::Arc;
use warren_log::{Log, LogOptions};
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
        disk.set_capacity(u64::MAX);
        // The power may go again while the server starts.
        while self.random.chance(20) {
            end = End::PowerCut;
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

    fn start_on(&mut self, disk: SimDisk, end: End, was_closed: bool) -> Checked {
        let (options, settings) = (self.log_options(), self.engine_settings());
        let newest = self.records.newest();
        let started = start(&disk, options, settings, &self.records, &self.hashes, "start");
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
        self.counters.starts += 1;
        self.disk = disk;
        self.records.restart_at(last);
        self.hashes.restart_at(last);
        self.model.restart_at(last);
        (self.gates, self.acknowledged) = (Gates::at(last), Acknowledged::default());
        self.turn_a_bit(&log, last)?;
        self.cut_and_rebuild(last, options)?;
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

    /// On a copy of the disk one bit of what is synced turns: a start from it is refused with the place
    /// named, or loses nothing.
    fn turn_a_bit(&mut self, log: &Log, last: Lsn) -> Checked {
        let segments = log.segments().map_err(|error| Failure::new("start", error.to_string()))?;
        if segments.is_empty() || self.random.chance(50) {
            return Ok(());
        }
        self.counters.turned_bits += 1;
        let copy = self.disk.crash(&mut self.random);
        let hit = self.random.pick(&segments).clone();
        let bit = self.random.below(hit.used_bytes * 8);
        copy.flip_bit(&hit.name, bit);
        let (options, settings) = (self.log_options(), self.engine_settings());
        match start(&copy, options, settings, &self.records, &self.hashes, "a turned bit") {
            Ok((_, _, recovery)) if recovery.last == last => Ok(()),
            Ok((_, _, recovery)) => {
                let text = format!("bit {bit} of {} costs the records behind {}", hit.name, recovery.last);
                Err(Failure::new("start", text))
            }
            Err(error) => error.check_names(&hit.name),
        }
    }

    /// On a copy of the disk all behind some record is dropped for good: what is rebuilt is the state there.
    fn cut_and_rebuild(&mut self, last: Lsn, options: LogOptions) -> Checked {
        let known: Vec<Lsn> = self.hashes.known().into_iter().filter(|lsn| *lsn < last).collect();
        if known.is_empty() || self.random.chance(50) {
            return Ok(());
        }
        self.counters.cuts += 1;
        let at = *self.random.pick(&known);
        let copy = self.disk.kill();
        let failed = |error: warren_log::LogError| Failure::new("start", format!("cut at {at}: {error}"));
        let (log, _) = Log::open(Arc::new(copy.clone()), options).map_err(failed)?;
        log.truncate_after(at).map_err(failed)?;
        let settings = self.engine_settings();
        let how = "cut and rebuilt";
        rebuild(&log, settings, &self.records, &self.hashes, at, how).map_err(|error| error.unexpected())?;
        drop(log);
        let copy = copy.crash(&mut self.random);
        let (options, settings) = (self.log_options(), self.engine_settings());
        let started = start(&copy, options, settings, &self.records, &self.hashes, "cut and started");
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
