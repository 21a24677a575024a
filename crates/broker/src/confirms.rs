//! A channel's publisher confirms: the lane in which they wait for the log, apart from all other output.

use std::collections::VecDeque;
use warren_units::{Lsn, Progress};

/// What a confirm of a persistent message waits for.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum ConfirmLevel {
    #[default]
    Synced,
    Written,
}

impl ConfirmLevel {
    #[inline]
    pub fn reached(self, progress: Progress) -> Lsn {
        match self {
            ConfirmLevel::Synced => progress.synced,
            ConfirmLevel::Written => progress.written,
        }
    }
}

#[derive(Debug)]
pub struct Confirms {
    next: u64,
    /// (publish number, record), both ascending.
    waiting: VecDeque<(u64, Lsn)>,
}

impl Default for Confirms {
    fn default() -> Confirms {
        Confirms { next: 1, waiting: VecDeque::new() }
    }
}

impl Confirms {
    /// The number of the message that is being published.
    #[inline]
    pub fn number(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }

    #[inline]
    pub fn wait(&mut self, number: u64, lsn: Lsn) {
        self.waiting.push_back((number, lsn));
    }

    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Takes what need not wait any longer: the newest number, and whether it stands for several. All
    /// numbers below it were answered before.
    pub fn release(&mut self, reached: Lsn) -> Option<(u64, bool)> {
        let count = self.waiting.partition_point(|(_, lsn)| *lsn <= reached);
        let (newest, _) = *self.waiting.get(count.checked_sub(1)?)?;
        self.waiting.drain(..count);
        Some((newest, count > 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_confirm_answers_all_that_reached_the_log() {
        let mut confirms = Confirms::default();
        for lsn in [3, 3, 5, 9] {
            let number = confirms.number();
            confirms.wait(number, Lsn(lsn));
        }
        assert_eq!(confirms.release(Lsn(2)), None);
        assert_eq!(confirms.release(Lsn(3)), Some((2, true)));
        assert_eq!(confirms.release(Lsn(8)), Some((3, false)));
        assert_eq!(confirms.release(Lsn(9)), Some((4, false)));
        assert!(!confirms.is_waiting());
    }
}
