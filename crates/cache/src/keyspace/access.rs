//! How recently, or how often, keys are used: what eviction by LRU and LFU goes by.
//!
//! Each entry has 32 bits for it, beside the length of its key, where a look-up has them at hand.
//!
//! ```text
//! recency     time of the last use in sixteenths of a second, which come round every eight years
//! frequency   bits 8..32: minutes, when the count last fell | bits 0..8: count, on a logarithmic scale
//! ```
//!
//! Uses are volatile: they are in no record, and a start knows of none. Where the policy changes from the one to
//! the other, what was noted for the old one is read as if it were the new one's until keys are used again.

use super::KeyEntry;
use crate::random::Random;
use warren_units::UnixMillis;

/// Units of the recency clock in a second.
const UNITS_PER_SECOND: u64 = 16;
const SECOND_BITS: u32 = UNITS_PER_SECOND.trailing_zeros();

/// A new key is not the next to go: it begins with so many uses.
const FREQUENCY_OF_NEW: u8 = 5;

const MINUTE_BITS: u32 = 24;
const MINUTE_MASK: u32 = (1 << MINUTE_BITS) - 1;
const MILLISECONDS_PER_MINUTE: u64 = 60_000;

/// How uses are counted where the policy wants to know how often.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counting {
    /// `lfu-log-factor`: how many uses it takes to raise the count.
    pub log_factor: u32,
    /// `lfu-decay-time`: after so many minutes without use the count falls by one; 0: never.
    pub decay_minutes: u32,
}

pub struct Access {
    now: UnixMillis,
    /// The recency clock at `now`.
    clock: u32,
    /// `None`: it is noted when keys are used, not how often.
    counting: Option<Counting>,
    random: Random,
}

impl Access {
    pub(super) fn new(seed: u64) -> Access {
        Access { now: UnixMillis(0), clock: 0, counting: None, random: Random::new(!seed) }
    }

    pub(super) fn set_now(&mut self, now: UnixMillis) {
        self.now = now;
        self.clock = (now.0 * UNITS_PER_SECOND / 1000) as u32;
    }

    pub fn count_uses(&mut self, counting: Option<Counting>) {
        self.counting = counting;
    }

    /// The entry has just been used.
    #[inline]
    pub(super) fn mark(&mut self, entry: &mut KeyEntry) {
        if let Some(counting) = self.counting {
            self.count(entry, counting);
        } else {
            entry.set_access_clock(self.clock);
        }
    }

    #[inline]
    pub(super) fn mark_new(&self, entry: &mut KeyEntry) {
        let mark = match self.counting {
            None => self.clock,
            Some(_) => (self.minute() << u8::BITS) | u32::from(FREQUENCY_OF_NEW),
        };
        entry.set_access_clock(mark);
    }

    /// A new entry takes the place of an old one of the same key.
    #[inline]
    pub(super) fn mark_replacing(&self, entry: &mut KeyEntry, old: &KeyEntry) {
        match self.counting {
            None => entry.set_access_clock(self.clock),
            Some(_) => entry.set_access_clock(old.access_clock()),
        }
    }

    #[cold]
    fn count(&mut self, entry: &mut KeyEntry, counting: Counting) {
        let mut frequency = self.decayed(entry, counting);
        // The more uses were counted, the less likely is it that another one is.
        let above_new = u64::from(frequency.saturating_sub(FREQUENCY_OF_NEW));
        let odds = above_new * u64::from(counting.log_factor) + 1;
        if frequency < u8::MAX && self.random.next_u64() <= u64::MAX / odds {
            frequency += 1;
        }
        entry.set_access_clock((self.minute() << u8::BITS) | u32::from(frequency));
    }

    /// Whole seconds of the clock since the entry was last used.
    pub fn idle_seconds(&self, entry: &KeyEntry) -> u32 {
        let seconds = |clock: u32| clock >> SECOND_BITS;
        seconds(self.clock).wrapping_sub(seconds(entry.access_clock())) & (u32::MAX >> SECOND_BITS)
    }

    /// As [`Access::idle_seconds`], as finely as it is known.
    pub fn idle_units(&self, entry: &KeyEntry) -> u32 {
        self.clock.wrapping_sub(entry.access_clock())
    }

    /// How often the entry is used, on the logarithmic scale; `None` where that is not counted.
    pub fn frequency(&self, entry: &KeyEntry) -> Option<u8> {
        Some(self.decayed(entry, self.counting?))
    }

    /// Minutes since the entry's count last changed with time.
    pub fn minutes_since_count(&self, entry: &KeyEntry) -> u32 {
        self.minute().wrapping_sub(entry.access_clock() >> u8::BITS) & MINUTE_MASK
    }

    fn decayed(&self, entry: &KeyEntry, counting: Counting) -> u8 {
        let periods = self.minutes_since_count(entry).checked_div(counting.decay_minutes).unwrap_or(0);
        let frequency = entry.access_clock() as u8;
        frequency.saturating_sub(u8::try_from(periods).unwrap_or(u8::MAX))
    }

    fn minute(&self) -> u32 {
        (self.now.0 / MILLISECONDS_PER_MINUTE) as u32 & MINUTE_MASK
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::entry::Entry;

    #[test]
    fn idle_seconds_are_those_of_the_clock() {
        let mut access = Access::new(1);
        let mut entry = Entry::new_string(b"key", b"value");
        access.set_now(UnixMillis(1_700_000_010_900));
        access.mark_new(&mut entry);
        for (later, seconds) in [(99, 0), (100, 1), (1_099, 1), (1_100, 2), (7_654_321, 7655)] {
            access.set_now(UnixMillis(1_700_000_010_900 + later));
            assert_eq!(access.idle_seconds(&entry), seconds, "{later} ms");
        }
        access.mark(&mut entry);
        assert_eq!((access.idle_seconds(&entry), access.frequency(&entry)), (0, None));
    }

    #[test]
    fn the_recency_clock_comes_round() {
        let mut access = Access::new(1);
        let mut entry = Entry::new_string(b"key", b"value");
        access.set_now(UnixMillis(((1u64 << 32) - 16) * 1000 / 16));
        access.mark(&mut entry);
        access.set_now(UnixMillis((1u64 << 32) * 1000 / 16 + 2000));
        assert_eq!((access.idle_seconds(&entry), access.idle_units(&entry)), (3, 48));
    }

    #[test]
    fn counts_grow_with_the_logarithm_and_fall_with_time() {
        let mut access = Access::new(1);
        access.set_now(UnixMillis(1_700_000_000_000));
        access.count_uses(Some(Counting { log_factor: 10, decay_minutes: 1 }));
        let mut entry = Entry::new_string(b"key", b"value");
        access.mark_new(&mut entry);
        assert_eq!(access.frequency(&entry), Some(FREQUENCY_OF_NEW));
        let mut counts = Vec::new();
        for uses in [100, 900, 99_000] {
            (0..uses).for_each(|_| access.mark(&mut entry));
            counts.extend(access.frequency(&entry));
        }
        // Redis's own table says 10, 18, 142 for 100, 1000 and 100,000 uses.
        assert!((7..=14).contains(&counts[0]) && (14..=24).contains(&counts[1]), "{counts:?}");
        assert!((125..=160).contains(&counts[2]), "{counts:?}");
        access.set_now(UnixMillis(1_700_000_000_000 + 20 * 60_000));
        assert_eq!(access.frequency(&entry), Some(counts[2] - 20));
        access.count_uses(Some(Counting { log_factor: 10, decay_minutes: 0 }));
        assert_eq!(access.frequency(&entry), Some(counts[2]));
        access.count_uses(Some(Counting { log_factor: 0, decay_minutes: 0 }));
        (0..300).for_each(|_| access.mark(&mut entry));
        assert_eq!(access.frequency(&entry), Some(u8::MAX));
    }
}
