//! Finding the key that goes next: by samples of random buckets, or by the index of deadlines.

use crate::keyspace::access::Access;
use crate::keyspace::table::Slot;
use crate::keyspace::{Database, KeyEntry, Keyspace};
use crate::random::Random;
use smallvec::SmallVec;
use warren_units::bounds::DATABASE_COUNT;

/// The best candidates of earlier samples are remembered: so the choice is nearly as good as among all keys.
const POOL_COUNT_MAX: usize = 16;
/// Random buckets that a sample looks into before it goes through those that follow.
const BUCKETS_SAMPLED_MAX: usize = 64;
/// Where fewer keys than one in so many have a deadline, they are looked for in the index of deadlines.
const KEYS_PER_DEADLINE_MAX: usize = 16;
/// Samples taken until a candidate is found that has not been used since.
const ATTEMPT_COUNT_MAX: usize = 8;

/// A key that may go.
#[derive(Clone, Copy, Debug)]
pub struct Victim {
    pub database: u8,
    pub hash: u64,
    pub slot: Slot,
}

/// What makes a key go before others: the highest goes first.
pub type Rank = fn(&Access, &KeyEntry) -> u32;

#[derive(Clone, Copy)]
struct Candidate {
    rank: u32,
    database: u8,
    hash: u64,
}

/// Candidates of earlier samples, the highest rank last.
#[derive(Default)]
pub struct Pool(Vec<Candidate>);

impl Pool {
    pub fn clear(&mut self) {
        self.0.clear();
    }

    fn offer(&mut self, candidate: Candidate) {
        let at = self.0.partition_point(|known| known.rank < candidate.rank);
        let is_known =
            |known: &Candidate| (known.database, known.hash) == (candidate.database, candidate.hash);
        if (self.0.len() == POOL_COUNT_MAX && at == 0) || self.0.iter().any(is_known) {
            return;
        }
        self.0.insert(at, candidate);
        if self.0.len() > POOL_COUNT_MAX {
            self.0.remove(0);
        }
    }
}

/// Entries that may go, with their hashes.
type Sample<'a> = SmallVec<[(u64, &'a KeyEntry); 16]>;

/// One look for the next key to go.
pub struct Search<'a> {
    pub keyspace: &'a Keyspace,
    pub pool: &'a mut Pool,
    pub random: &'a mut Random,
    /// `maxmemory-samples`.
    pub sample_count: usize,
    /// Only keys with a deadline may go.
    pub is_volatile: bool,
}

impl<'a> Search<'a> {
    /// The key with about the highest rank.
    pub fn highest(&mut self, rank: Rank) -> Option<Victim> {
        let access = &self.keyspace.access;
        for _ in 0..ATTEMPT_COUNT_MAX {
            let (database, sample) = self.sample(self.sample_count)?;
            for (hash, entry) in sample {
                self.pool.offer(Candidate { rank: rank(access, entry), database, hash });
            }
            while let Some(candidate) = self.pool.0.pop() {
                // Its rank has fallen where it has been used since.
                if let Some((victim, entry)) = self.find(candidate.database, candidate.hash)
                    && rank(access, entry) >= candidate.rank
                {
                    return Some(victim);
                }
            }
        }
        self.any()
    }

    /// A key chosen by chance.
    pub fn any(&mut self) -> Option<Victim> {
        let (database, sample) = self.sample(1)?;
        let (hash, _) = sample[self.random.below(sample.len())];
        Some(self.find(database, hash)?.0)
    }

    /// The key that expires next.
    pub fn soonest(&mut self) -> Option<Victim> {
        let first = |database: u8| Some((self.keyspace.database(database).expires.first()?, database));
        let ((deadline, hash), database) = (0..DATABASE_COUNT as u8).filter_map(first).min()?;
        let table = &self.keyspace.database(database).table;
        match table.find_by(hash, |entry| entry.expire_at() == Some(deadline)) {
            Some(slot) => Some(Victim { database, hash, slot }),
            // Two keys of one hash shared the row.
            None => self.any(),
        }
    }

    fn find(&self, database: u8, hash: u64) -> Option<(Victim, &'a KeyEntry)> {
        let table = &self.keyspace.database(database).table;
        let slot = table.find_by(hash, |entry| table.hash(entry.key()) == hash)?;
        let entry = table.get(slot);
        self.may_go(entry).then_some((Victim { database, hash, slot }, entry))
    }

    fn may_go(&self, entry: &KeyEntry) -> bool {
        !self.is_volatile || entry.expire_at().is_some()
    }

    /// Some keys that may go, at least one and about `count`, of one database: the more of them it has, the
    /// likelier it is chosen.
    fn sample(&mut self, count: usize) -> Option<(u8, Sample<'a>)> {
        let keyspace = self.keyspace;
        let counts: [usize; DATABASE_COUNT] = std::array::from_fn(|number| {
            let database = keyspace.database(number as u8);
            if self.is_volatile { database.expires.len() } else { database.table.len() }
        });
        let total: usize = counts.iter().sum();
        let mut chosen = if total == 0 { return None } else { self.random.below(total) };
        let number = counts.iter().position(|count| {
            let is_here = chosen < *count;
            chosen -= chosen.min(*count);
            is_here
        })?;
        let database = keyspace.database(number as u8);
        let is_sparse = database.expires.len() * KEYS_PER_DEADLINE_MAX < database.table.len();
        let sample = if self.is_volatile && is_sparse {
            self.sample_of_deadlines(database, count)
        } else {
            self.sample_of_buckets(database, count)
        };
        (!sample.is_empty()).then_some((number as u8, sample))
    }

    fn sample_of_buckets(&mut self, database: &'a Database, count: usize) -> Sample<'a> {
        let table = &database.table;
        let mut found = Sample::new();
        let mut cursor = self.random.next_u64();
        for bucket in 0.. {
            let next = table.scan(cursor, |entry| {
                if self.may_go(entry) {
                    found.push((table.hash(entry.key()), entry));
                }
            });
            let is_enough = found.len() >= count || (bucket >= BUCKETS_SAMPLED_MAX && !found.is_empty());
            // After many buckets in vain, all that follow: once round the table.
            let is_through = bucket > BUCKETS_SAMPLED_MAX && next == 0;
            if is_enough || (is_through && bucket > BUCKETS_SAMPLED_MAX + table.bucket_count()) {
                break;
            }
            cursor = if bucket < BUCKETS_SAMPLED_MAX { self.random.next_u64() } else { next };
        }
        found
    }

    fn sample_of_deadlines(&mut self, database: &'a Database, count: usize) -> Sample<'a> {
        let mut found = Sample::new();
        // Each row from a place of its own: those with neighbouring deadlines are often used alike.
        for _ in 0..count {
            let random = self.random.next_u64();
            let Some((deadline, hash)) = database.expires.from_random(random).next() else { continue };
            let slot = database.table.find_by(hash, |entry| entry.expire_at() == Some(deadline));
            if let Some(slot) = slot {
                found.push((hash, database.table.get(slot)));
            }
        }
        found
    }
}
