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

/// Confirms that leave together: all publishes up to `newest` that were not answered before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Released {
    pub newest: u64,
    /// The newest of their records.
    pub lsn: Lsn,
    pub count: usize,
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

    /// Takes what need not wait any longer.
    pub fn release(&mut self, reached: Lsn) -> Option<Released> {
        let count = match self.waiting.back() {
            Some((_, newest)) if *newest <= reached => self.waiting.len(),
            _ => self.waiting.partition_point(|(_, lsn)| *lsn <= reached),
        };
        let (newest, lsn) = *self.waiting.get(count.checked_sub(1)?)?;
        self.waiting.drain(..count);
        Some(Released { newest, lsn, count })
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
        let mut release = |reached| {
            let released = confirms.release(Lsn(reached));
            released.map(|released| (released.newest, released.lsn.0, released.count))
        };
        assert_eq!(release(2), None);
        assert_eq!(release(3), Some((2, 3, 2)));
        assert_eq!(release(8), Some((3, 5, 1)));
        assert_eq!(release(9), Some((4, 9, 1)));
        assert!(!confirms.is_waiting());
    }
}
