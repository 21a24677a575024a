//! Which keys of a database expire, in the order of their deadlines: 16 bytes each in a B-tree.
//!
//! A key is named by its hash; the table's entry confirms the deadline. Two keys that share both hash and
//! deadline share one row: the worst that can come of it is a key that lies expired, and unseen, until it is
//! next written. The index never knows the clock and deletes nothing.

use std::collections::BTreeSet;
use warren_units::UnixMillis;

#[derive(Default)]
pub struct Expires {
    rows: BTreeSet<(UnixMillis, u64)>,
}

impl Expires {
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Follows a change of the deadline of the key with this hash; `None` is a key that has none, or is not
    /// there.
    pub fn change(&mut self, hash: u64, old: Option<UnixMillis>, new: Option<UnixMillis>) {
        if old == new {
            return;
        }
        if let Some(deadline) = old {
            self.rows.remove(&(deadline, hash));
        }
        if let Some(deadline) = new {
            self.rows.insert((deadline, hash));
        }
    }

    /// The earliest deadline.
    pub fn next_due(&self) -> Option<UnixMillis> {
        self.rows.first().map(|(deadline, _)| *deadline)
    }

    /// Deadline and hash of the key that expires next.
    pub fn first(&self) -> Option<(UnixMillis, u64)> {
        self.rows.first().copied()
    }

    /// Rows from some deadline on, in their order. A deadline near the earliest is as likely as one that is far,
    /// and one that is far as one that is very far: so a few keys that stay for years do not stand for all.
    pub fn from_random(&self, random: u64) -> impl Iterator<Item = (UnixMillis, u64)> {
        let first = self.rows.first().map_or(0, |(deadline, _)| deadline.0);
        let span = self.rows.last().map_or(0, |(deadline, _)| deadline.0) - first;
        let bit_count = (random >> 58).min(u64::from(u64::BITS - span.leading_zeros()));
        let offset = (random & ((1 << bit_count) - 1)).min(span);
        self.rows.range((UnixMillis(first + offset), 0)..).copied()
    }

    /// Deadline and hash of the keys that are due at `now`, the longest overdue first. They stay in the
    /// index until their change is told; so a batch is collected, then expired.
    pub fn due(&self, now: UnixMillis, limit: usize) -> impl Iterator<Item = (UnixMillis, u64)> {
        self.rows.range(..=(now, u64::MAX)).take(limit).copied()
    }

    /// Takes all rows out in constant time; the return value is to be dropped where it holds up nobody.
    pub fn clear(&mut self) -> Expires {
        std::mem::take(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_keys_come_in_the_order_of_their_deadlines() {
        let mut expires = Expires::default();
        for hash in 0..100u64 {
            expires.change(hash, None, Some(UnixMillis(1000 - hash * 10)));
        }
        expires.change(99, Some(UnixMillis(10)), Some(UnixMillis(2000)));
        expires.change(98, Some(UnixMillis(20)), None);
        assert_eq!(expires.len(), 99);
        assert_eq!(expires.next_due(), Some(UnixMillis(30)));
        let hashes =
            |now, limit| expires.due(UnixMillis(now), limit).map(|(_, hash)| hash).collect::<Vec<_>>();
        assert_eq!(hashes(29, 10), []);
        assert_eq!(hashes(50, 10), [97, 96, 95]);
        assert_eq!(hashes(50, 2), [97, 96]);
        assert_eq!(hashes(2000, 1000).len(), 99);
        assert_eq!(expires.clear().len(), 99);
        assert!(expires.is_empty());
    }
}
