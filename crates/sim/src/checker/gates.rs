//! Nothing leaves before the records it depends on are where it promises them to be. How far the log really
//! is, is counted here: by the writes and syncs that the simulator itself saw end.

use super::Level;
use super::failure::{Checked, Failure};
use std::collections::BTreeMap;
use warren_units::{Lsn, Progress};

#[derive(Default)]
pub struct Gates {
    written: Lsn,
    synced: Lsn,
    /// Batches that were written before one in front of them was: first LSN, last LSN.
    landed: BTreeMap<u64, Lsn>,
}

impl Gates {
    pub fn at(lsn: Lsn) -> Gates {
        Gates { written: lsn, synced: lsn, landed: BTreeMap::new() }
    }

    pub fn written(&self) -> Lsn {
        self.written
    }

    pub fn synced(&self) -> Lsn {
        self.synced
    }

    /// A batch is written.
    pub fn land(&mut self, first: Lsn, last: Lsn) {
        self.landed.insert(first.0, last);
        while let Some(last) = self.landed.remove(&self.written.next().0) {
            self.written = last;
        }
    }

    /// A sync has ended that began when the log was written up to `lsn`.
    pub fn sync(&mut self, lsn: Lsn) {
        self.synced = self.synced.max(lsn);
    }

    /// The log must not claim more than is true.
    pub fn check_claim(&self, progress: Progress) -> Checked {
        if progress.written > self.written || progress.synced > self.synced {
            let text = format!(
                "the log says written {} and synced {}, but {} and {} are",
                progress.written, progress.synced, self.written, self.synced
            );
            return Err(Failure::new("gates", text));
        }
        Ok(())
    }

    pub fn check(&self, what: &str, lsn: Lsn, level: Level) -> Checked {
        let reached = match level {
            Level::Written => self.written,
            Level::Synced => self.synced,
        };
        if lsn > reached {
            let text = format!("{what} leaves, which needs record {lsn} {level:?}; only {reached} is");
            return Err(Failure::new("gates", text));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_is_what_has_no_gap() {
        let mut gates = Gates::at(Lsn(4));
        gates.land(Lsn(7), Lsn(9));
        assert_eq!(gates.written(), Lsn(4));
        gates.land(Lsn(5), Lsn(6));
        assert_eq!(gates.written(), Lsn(9));
        gates.sync(Lsn(6));
        assert!(gates.check("x", Lsn(9), Level::Written).is_ok());
        assert!(gates.check("x", Lsn(7), Level::Synced).is_err());
        assert!(gates.check_claim(Progress { written: Lsn(9), synced: Lsn(7) }).is_err());
    }
}
