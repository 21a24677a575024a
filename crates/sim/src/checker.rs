//! What must hold, one file each. A checker knows the simulated world and what clients were told, never how
//! the engine or the log came to it.

pub mod acknowledged;
pub mod failure;
pub mod gates;
pub mod messages;
pub mod records;
pub mod replay;
pub mod start;

use crate::model::Model;
use acknowledged::Acknowledged;
use gates::Gates;
use warren_engine::cache::settings::AppendFsync;

/// What an answer promises of the records on which it depends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// They survive the end of the process.
    Written,
    /// They survive that of the machine.
    Synced,
}

impl Level {
    pub fn of(append_fsync: AppendFsync) -> Level {
        match append_fsync {
            AppendFsync::Always => Level::Synced,
            AppendFsync::EverySecond | AppendFsync::No => Level::Written,
        }
    }
}

/// What is looked at when the server lets an answer go.
pub struct Released<'a> {
    pub gates: &'a Gates,
    pub acknowledged: &'a mut Acknowledged,
    pub model: &'a mut Model,
    /// Of replies under the present `appendfsync`.
    pub resp_level: Level,
    /// Of confirms and tx.commit-ok.
    pub confirm_level: Level,
}

impl Released<'_> {
    /// A client is told something that depends on records up to `lsn`.
    pub fn told(&mut self, what: String, lsn: warren_units::Lsn, level: Level) -> failure::Checked {
        self.gates.check(&what, lsn, level)?;
        self.acknowledged.note(what, lsn, level);
        Ok(())
    }
}
