//! Replay is deterministic: a state rebuilt from the records up to an LSN has the hash that the live engine
//! had there.

use super::failure::{Checked, Failure};
use std::collections::BTreeMap;
use warren_units::Lsn;

/// Hashes of the live engine by LSN, at the ends of turns.
#[derive(Default)]
pub struct Hashes {
    by_lsn: BTreeMap<Lsn, u64>,
}

impl Hashes {
    pub fn note(&mut self, lsn: Lsn, hash: u64) {
        self.by_lsn.insert(lsn, hash);
    }

    pub fn restart_at(&mut self, lsn: Lsn) {
        self.by_lsn.split_off(&lsn.next());
    }

    /// LSNs at which a hash is known.
    pub fn known(&self) -> Vec<Lsn> {
        self.by_lsn.keys().copied().collect()
    }

    /// `hash` is that of an engine that has replayed the records up to `lsn`.
    pub fn check(&self, lsn: Lsn, hash: u64, how: &str) -> Checked {
        match self.by_lsn.get(&lsn) {
            Some(live) if *live != hash => {
                let text = format!("{how}: the records up to {lsn} give another state than was live there");
                Err(Failure::new("replay", text))
            }
            _ => Ok(()),
        }
    }
}
