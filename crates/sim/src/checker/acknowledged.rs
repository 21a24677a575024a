//! What a client was told stays true: the records on which an acknowledgement, a reply or a delivery depends
//! are there after a crash of the kind that its level promises.

use super::Level;
use super::failure::{Checked, Failure};
use warren_units::Lsn;

/// What ended a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// The process is gone; the disk keeps what was written.
    Kill,
    /// The disk keeps what was synced.
    PowerCut,
}

/// The answer of each level that depends on the newest record.
#[derive(Default)]
pub struct Acknowledged {
    newest: [(Lsn, String); 2],
}

impl Acknowledged {
    pub fn note(&mut self, what: String, lsn: Lsn, level: Level) {
        let newest = &mut self.newest[level as usize];
        if lsn > newest.0 {
            *newest = (lsn, what);
        }
    }

    /// `last` is the newest record that a start found after `end`.
    pub fn check(&self, last: Lsn, end: End) -> Checked {
        let first_level = match end {
            End::Kill => Level::Written as usize,
            End::PowerCut => Level::Synced as usize,
        };
        for (lsn, what) in &self.newest[first_level..] {
            if *lsn > last {
                let text =
                    format!("{what} was told, which needs record {lsn}; after {end:?} only {last} are left");
                return Err(Failure::new("acknowledged", text));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_cut_may_take_what_was_only_written() {
        let mut acknowledged = Acknowledged::default();
        acknowledged.note("a".to_owned(), Lsn(5), Level::Written);
        acknowledged.note("b".to_owned(), Lsn(3), Level::Synced);
        assert!(acknowledged.check(Lsn(5), End::Kill).is_ok());
        assert!(acknowledged.check(Lsn(4), End::Kill).is_err());
        assert!(acknowledged.check(Lsn(3), End::PowerCut).is_ok());
        assert!(acknowledged.check(Lsn(2), End::PowerCut).is_err());
    }
}
