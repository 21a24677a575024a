//! Checkpoints and backups in the making, step by step among everything else.

use crate::checker::acknowledged::End;
use crate::checker::failure::{Checked, Failure};
use crate::checkpoint_writer::{Event, Writing};
use crate::disk::SimDisk;
use crate::world::World;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use warren_log::{CheckpointSummary, LogError};
use warren_units::{BodyName, Lsn};

/// More keys and queues than a simulated server has.
const ENTRY_COUNT_MAX: usize = 100_000;

/// Names and sizes of the bodies that a checkpoint keeps.
pub type KeptBodies = BTreeMap<BodyName, u32>;

/// A checkpoint or a backup on its way.
pub struct Checkpointing {
    pub at: Lsn,
    writing: Writing,
    state: State,
    names: KeptBodies,
    /// Of a backup.
    target: Option<SimDisk>,
    /// A fault was put in its way, so that it may fail.
    has_fault: bool,
    has_lent_reserve: bool,
    written_before: Lsn,
}

enum State {
    Stopped,
    Ready,
    AllHandedOut,
    Finishing,
    Failed(LogError),
}

fn wrong(text: String) -> Failure {
    Failure::new("checkpoints", text)
}

impl World {
    /// Freezes the engine and begins a checkpoint, or a backup.
    pub fn begin_checkpoint(&mut self, is_backup: bool) -> Checked {
        let target = is_backup.then(SimDisk::new);
        let server = self.server();
        // No loop gives way within its turn here, so the batch is empty.
        if server.checkpointing.is_some() || server.engine.batch_size() > 0 {
            return Ok(());
        }
        let has_lent_reserve = !is_backup && server.log.is_space_short();
        if has_lent_reserve && let Err(error) = server.log.lend_reserve() {
            self.trace.note(format!("no checkpoint: {error}"));
            return Ok(());
        }
        let at = server.engine.begin_checkpoint();
        let (writing, event) = Writing::begin(server.log.clone(), at, target.clone());
        let what = if is_backup { "backup" } else { "checkpoint" };
        self.trace.note(format!("a {what} of record {at} begins"));
        let names = KeptBodies::new();
        let (state, has_fault, written_before) = (State::Ready, false, Lsn::NONE);
        let making =
            Checkpointing { at, writing, state, names, target, has_fault, has_lent_reserve, written_before };
        self.came_to(making, event)
    }

    /// Lets the checkpoint in the making do the next thing.
    pub fn step_checkpoint(&mut self, fault: Option<ErrorKind>, entry_count: usize) -> Checked {
        let Some(server) = &mut self.server else { return Ok(()) };
        let Some(mut making) = server.checkpointing.take() else { return Ok(()) };
        let event = match &making.state {
            State::Stopped | State::Finishing => match fault {
                Some(kind) => {
                    making.has_fault = true;
                    self.trace.note(format!("the disk fails the checkpoint: {kind}"));
                    making.writing.fail(kind)
                }
                None => making.writing.go_on(),
            },
            State::Ready if server.engine.is_checkpointing() => {
                let piece = server.engine.checkpoint_step(entry_count);
                self.trace.note(format!("the next piece of the checkpoint, the last: {}", piece.is_last));
                making.writing.append(piece)
            }
            State::Ready | State::AllHandedOut => {
                if server.log.progress().written < making.at {
                    server.checkpointing = Some(making);
                    return Ok(());
                }
                if making.target.is_none() {
                    self.kept_bodies.insert(making.at, making.names.clone());
                }
                making.state = State::Finishing;
                making.written_before = self.gates.written();
                making.writing.finish()
            }
            // Nobody else may freeze before this view is out of the engine.
            State::Failed(_) if server.engine.is_checkpointing() => {
                drop(server.engine.checkpoint_step(entry_count));
                server.checkpointing = Some(making);
                return Ok(());
            }
            State::Failed(_) => return self.failed(making),
        };
        self.came_to(making, event)
    }

    fn came_to(&mut self, mut making: Checkpointing, event: Event) -> Checked {
        let Some(server) = &mut self.server else { return Ok(()) };
        // The log was synced up to the checkpoint on the way.
        let synced = server.log.progress().synced;
        if matches!(making.state, State::Finishing) && synced > self.gates.synced() {
            self.gates.sync(making.written_before);
        }
        if server.log.is_poisoned() {
            // What a failed sync covered may be lost.
            self.end(End::PowerCut, "the log's sync for a checkpoint failed");
            return Ok(());
        }
        match event {
            Event::Stopped if matches!(making.state, State::Finishing) => {}
            Event::Stopped => making.state = State::Stopped,
            Event::Ready(names) => {
                making.names.extend(names);
                making.state =
                    if server.engine.is_checkpointing() { State::Ready } else { State::AllHandedOut };
            }
            Event::Failed(error) => making.state = State::Failed(error),
            Event::Finished(summary) => return self.finished(making, &summary),
        }
        server.checkpointing = Some(making);
        Ok(())
    }

    fn finished(&mut self, making: Checkpointing, summary: &CheckpointSummary) -> Checked {
        self.trace.note(format!("{summary:?}"));
        let (at, body_count) = (making.at, making.names.len() as u64);
        if summary.at != at || summary.live_body_count != body_count {
            let text = format!("{body_count} bodies were to be kept at record {at}, but: {summary:?}");
            return Err(wrong(text));
        }
        if summary.not_deleted.is_some() && !making.has_fault && !self.disk_is_faulty {
            return Err(wrong(format!("files are left: {summary:?}")));
        }
        self.end_lending(&making);
        match making.target {
            Some(target) => {
                self.counters.backups += 1;
                self.check_backup(at, &making.names, &target)
            }
            None => {
                self.counters.checkpoints += 1;
                self.counters.rescues += u64::from(making.has_lent_reserve);
                self.newest_checkpoint = at;
                Ok(())
            }
        }
    }

    fn failed(&mut self, making: Checkpointing) -> Checked {
        self.end_lending(&making);
        let State::Failed(error) = &making.state else { return Ok(()) };
        self.trace.note(format!("no checkpoint: {error}"));
        self.counters.failed_checkpoints += 1;
        if self.server().log.is_poisoned() {
            self.end(End::PowerCut, error.to_string());
        } else if !making.has_fault && !self.disk_is_faulty {
            return Err(wrong(format!("the checkpoint of record {} failed: {error}", making.at)));
        }
        Ok(())
    }

    fn end_lending(&mut self, making: &Checkpointing) {
        if making.has_lent_reserve {
            let log = self.server().log.clone();
            log.return_reserve();
            if let Err(error) = log.prepare() {
                self.end(End::PowerCut, error.to_string());
            }
        }
    }

    /// The server is to end in order: what is not finished is given up.
    pub fn abandon_checkpoint(&mut self) -> Checked {
        while self.ended_by.is_none() {
            let Some(server) = &mut self.server else { return Ok(()) };
            let Some(mut making) = server.checkpointing.take() else { return Ok(()) };
            if matches!(making.state, State::Ready | State::AllHandedOut) {
                making.has_fault = true;
                let event = making.writing.abandon();
                self.came_to(making, event)?;
            } else {
                server.checkpointing = Some(making);
                self.step_checkpoint(None, ENTRY_COUNT_MAX)?;
            }
        }
        Ok(())
    }
}
