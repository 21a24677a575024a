//! What clients may expect: a plain copy of the durable state in which every change carries its LSN, so that
//! it can go back to any of them, as a crash does.

pub mod keys;
pub mod queues;

use keys::Keys;
use queues::Queues;
use warren_log::Log;
use warren_units::{Lsn, RoomSource};

#[derive(Default)]
pub struct Model {
    pub keys: Keys,
    pub queues: Queues,
}

impl Model {
    /// A restart found the records up to `lsn`.
    pub fn restart_at(&mut self, lsn: Lsn) {
        self.keys.restart_at(lsn);
        self.queues.restart_at(lsn);
    }
}

/// What a full disk may refuse.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Refusable {
    Nothing,
    /// What adds to the state.
    Growth,
    /// All that is recorded: the room kept for what shrinks the state is used up.
    Everything,
}

impl Refusable {
    /// Less room than this may be too little for a request that shrinks the state.
    const SETTLING_SIZE_BYTES_MIN: u64 = 3 * 1024;

    /// `is_disk_faulty`: a segment may not come for another reason than a full disk, either.
    pub fn by(log: &Log, batch_size: usize, is_disk_faulty: bool) -> Refusable {
        let left = log.room(0).size_bytes_max.saturating_sub(batch_size as u64);
        match is_disk_faulty || log.is_space_short() {
            true if left < Refusable::SETTLING_SIZE_BYTES_MIN => Refusable::Everything,
            true => Refusable::Growth,
            false => Refusable::Nothing,
        }
    }
}

/// The model as one request sees it at the moment when the engine runs it.
pub struct Moment<'a> {
    pub model: &'a mut Model,
    /// Engine time.
    pub now: u64,
    /// Of the record that the request made, if it made one.
    pub lsn: Option<Lsn>,
    /// The newest record on which the answer depends.
    pub depends_on: Lsn,
    /// What the request changed though it made no record.
    pub unrecorded: Option<String>,
    /// What a full disk may refuse now.
    pub refusable: Refusable,
    /// More is held than `maxmemory`, and the policy lets no further key go.
    pub is_out_of_memory: bool,
}

impl<'a> Moment<'a> {
    pub fn new(model: &'a mut Model, now: u64, lsn: Option<Lsn>) -> Moment<'a> {
        Moment {
            model,
            now,
            lsn,
            depends_on: Lsn::NONE,
            unrecorded: None,
            refusable: Refusable::Nothing,
            is_out_of_memory: false,
        }
    }

    /// The LSN of a change that is about to be made to `what`.
    pub fn record_of(&mut self, what: &str) -> Lsn {
        if self.lsn.is_none() {
            self.unrecorded = Some(what.to_owned());
        }
        let lsn = self.lsn.unwrap_or(Lsn::NONE);
        self.depends_on = self.depends_on.max(lsn);
        lsn
    }
}
