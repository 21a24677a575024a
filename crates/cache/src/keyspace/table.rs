//! The table of one database's entries: cache-line buckets, grown and shrunk a few buckets at a time.
//!
//! While the table changes size there are two arrays of buckets. The old one is emptied in index order, so
//! that the hash of a key and the number of buckets emptied say in which array the key lies: every look-up
//! examines one bucket and its rare children. Arrays are made of segments that appear when first written
//! and go as soon as they are emptied; no operation allocates, zeroes or frees more than one of them.
//!
//! SCAN's cursor is Redis's: the bits of the bucket number are counted up from the highest, so that a
//! bucket's place in the order survives doubling and halving.
//!
//! The table never knows the clock, a command or whether a key has expired. Randomness and the seed come
//! from outside.

mod bucket;
mod buckets;

use super::entry::Entry;
use bucket::{Bucket, Place, tag_of};
use buckets::Buckets;
use rapidhash::v3::{RapidSecrets, rapidhash_v3_nano_inline};
use smallvec::SmallVec;

/// The table grows past this many entries per bucket: about one bucket in eight has a child then.
const ENTRIES_PER_BUCKET_MAX: usize = 5;
/// It shrinks, to a quarter, below an eighth of that.
const SHRINK_FRACTION: usize = 8;
const SHRINK_FACTOR: usize = 4;
/// What one insert or remove moves while the table changes size: that many buckets with entries. Two keep
/// the new array from filling up before the old one is empty.
const BUCKETS_MOVED_PER_CHANGE: usize = 2;
/// Empty buckets cost little; so many are passed for one that is moved.
const BUCKETS_PASSED_PER_MOVED: usize = 8;
/// Random buckets tried before a random entry is looked for in the buckets that follow.
const RANDOM_TRIES_MAX: usize = 64;

/// All entries of one database.
pub struct Table<C> {
    secrets: RapidSecrets,
    length: usize,
    /// Counts the changes after which a slot may be another entry's.
    version: u32,
    current: Buckets<C>,
    /// The array being emptied; of size 0 while the table keeps its size.
    old: Buckets<C>,
    /// Buckets of `old` below this are empty.
    old_emptied: usize,
}

/// Where an entry lies, until the next insert, remove, advance or clear of the same table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot {
    bucket: u32,
    version: u32,
    place: Place,
    is_old: bool,
}

/// What `clear` took out: to be dropped where it holds up nobody.
pub struct Garbage<C> {
    arrays: [Buckets<C>; 2],
}

impl<C> Garbage<C> {
    pub fn for_each<'a>(&'a self, mut visit: impl FnMut(&'a Entry<C>)) {
        for array in &self.arrays {
            (0..array.count()).for_each(|index| array.visit(index, &mut visit));
        }
    }
}

impl<C> Table<C> {
    pub fn new(seed: u64) -> Table<C> {
        Table {
            secrets: RapidSecrets::seed(seed),
            length: 0,
            version: 0,
            current: Buckets::new(1),
            old: Buckets::new(0),
            old_emptied: 0,
        }
    }

    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        rapidhash_v3_nano_inline::<true, false>(key, &self.secrets)
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.length
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Asks the CPU for the bucket of a key. For a batch: first this for all keys, then `prefetch_entry`
    /// for all, then the look-ups.
    #[inline]
    pub fn prefetch_bucket(&self, hash: u64) {
        if let Some(bucket) = self.bucket(hash) {
            bucket.prefetch();
        }
    }

    #[inline]
    pub fn prefetch_entry(&self, hash: u64) {
        if let Some(bucket) = self.bucket(hash) {
            bucket.prefetch_entries(tag_of(hash));
        }
    }

    #[inline]
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<Slot> {
        self.find_by(hash, |entry| entry.has_key(key))
    }

    /// Looks for an entry by its hash and whatever else is known of it. Entries of other hashes are offered
    /// too.
    #[inline]
    pub fn find_by(&self, hash: u64, is_wanted: impl FnMut(&Entry<C>) -> bool) -> Option<Slot> {
        let (is_old, index) = self.home(hash);
        let place = self.array(is_old).get(index)?.find(tag_of(hash), is_wanted)?;
        Some(self.slot(is_old, index, place))
    }

    /// As [`Table::find`], with the entry at hand: no second walk for what is to be read or marked at once.
    #[inline]
    pub fn find_mut(&mut self, hash: u64, key: &[u8]) -> Option<(Slot, &mut Entry<C>)> {
        let (is_old, index) = self.home(hash);
        let version = self.version;
        let bucket = self.array_mut(is_old).get_mut(index)?;
        let place = bucket.find(tag_of(hash), |entry| entry.has_key(key))?;
        let entry = bucket.descendant_mut(place.depth)?.entry_mut(place.position)?;
        Some((Slot { bucket: index as u32, version, place, is_old }, entry))
    }

    /// Whether the slot still is the one that was found.
    #[inline]
    pub fn is_current(&self, slot: Slot) -> bool {
        slot.version == self.version
    }

    /// # Panics
    /// If the slot is stale; so do `get_mut`, `replace` and `remove`.
    #[inline]
    pub fn get(&self, slot: Slot) -> &Entry<C> {
        self.check(slot);
        self.array(slot.is_old)
            .get(slot.bucket as usize)
            .and_then(|bucket| bucket.descendant(slot.place.depth)?.entry(slot.place.position))
            .expect(STALE)
    }

    #[inline]
    pub fn get_mut(&mut self, slot: Slot) -> &mut Entry<C> {
        self.check(slot);
        self.array_mut(slot.is_old)
            .get_mut(slot.bucket as usize)
            .and_then(|bucket| bucket.descendant_mut(slot.place.depth)?.entry_mut(slot.place.position))
            .expect(STALE)
    }

    /// Puts another entry of the same key in place and returns the old one. Slots stay valid.
    pub fn replace(&mut self, slot: Slot, entry: Entry<C>) -> Entry<C> {
        let place = self.get_mut(slot);
        debug_assert!(place.key() == entry.key());
        std::mem::replace(place, entry)
    }

    /// Adds an entry whose key is not in the table.
    pub fn insert(&mut self, hash: u64, entry: Entry<C>) -> Slot {
        debug_assert!(hash == self.hash(entry.key()) && self.find(hash, entry.key()).is_none());
        self.begin_change();
        if !self.is_moving() && self.length >= self.current.count() * ENTRIES_PER_BUCKET_MAX {
            self.resize(self.current.count() * 2);
        }
        self.length += 1;
        let (is_old, index) = self.home(hash);
        let place = self.array_mut(is_old).get_or_create(index).push(tag_of(hash), entry);
        self.slot(is_old, index, place)
    }

    pub fn remove(&mut self, slot: Slot) -> Entry<C> {
        self.check(slot);
        let removed = self
            .array_mut(slot.is_old)
            .get_mut(slot.bucket as usize)
            .and_then(|bucket| bucket.remove(slot.place))
            .expect(STALE);
        self.length -= 1;
        self.begin_change();
        self.shrink_if_sparse();
        removed
    }

    /// Goes on with growing or shrinking, moving at most `buckets_moved_max` buckets with entries. For the
    /// engine's ticks, so that a table nobody writes to gives its memory back. Returns whether there is
    /// more to do.
    pub fn advance(&mut self, buckets_moved_max: usize) -> bool {
        self.shrink_if_sparse();
        if self.is_moving() {
            self.version = self.version.wrapping_add(1);
            self.move_buckets(buckets_moved_max);
        }
        self.is_moving()
    }

    /// Takes all entries out in constant time.
    pub fn clear(&mut self) -> Garbage<C> {
        self.version = self.version.wrapping_add(1);
        self.length = 0;
        self.old_emptied = 0;
        let current = std::mem::replace(&mut self.current, Buckets::new(1));
        let old = std::mem::replace(&mut self.old, Buckets::new(0));
        Garbage { arrays: [current, old] }
    }

    /// Visits the entries of the bucket that the cursor names, and of those it was or will be split into,
    /// and returns the next cursor: 0 after the last. A key that is there from the first call to the last
    /// is visited, once or more often.
    pub fn scan<'a>(&'a self, cursor: u64, mut visit: impl FnMut(&'a Entry<C>)) -> u64 {
        self.scan_buckets(cursor, |is_old, index| self.array(is_old).visit(index, &mut visit))
    }

    /// As [`Table::scan`], for marks on the entries; slots stay valid.
    pub fn scan_mut(&mut self, cursor: u64, mut visit: impl FnMut(&mut Entry<C>)) -> u64 {
        let mut buckets: SmallVec<[(bool, usize); 8]> = SmallVec::new();
        let next = self.scan_buckets(cursor, |is_old, index| buckets.push((is_old, index)));
        for (is_old, index) in buckets {
            self.array_mut(is_old).visit_mut(index, &mut visit);
        }
        next
    }

    /// The buckets that [`Table::scan`] visits for a cursor: in which array and where.
    #[inline]
    fn scan_buckets(&self, mut cursor: u64, mut visit: impl FnMut(bool, usize)) -> u64 {
        if !self.is_moving() {
            visit(false, (cursor & self.current.mask()) as usize);
            return next_cursor(cursor, self.current.mask());
        }
        let is_old_small = self.old.mask() < self.current.mask();
        let [small, large] = [is_old_small, !is_old_small].map(|is_old| self.array(is_old).mask());
        visit(is_old_small, (cursor & small) as usize);
        loop {
            visit(!is_old_small, (cursor & large) as usize);
            cursor = next_cursor(cursor, large);
            if cursor & (small ^ large) == 0 {
                return cursor;
            }
        }
    }

    /// Whether a scan that is at `cursor` has been past the bucket of this hash; what it visits again is
    /// known by this. A finished scan, at cursor 0 again, is for the caller to know.
    #[inline]
    pub fn scan_has_passed(cursor: u64, hash: u64) -> bool {
        hash.reverse_bits() < cursor.reverse_bits()
    }

    /// Visits one bucket's worth of entries, possibly none: what eviction samples.
    pub fn sample<'a>(&'a self, random: u64, visit: impl FnMut(&'a Entry<C>)) {
        self.scan(random, visit);
    }

    /// An entry chosen with about the same chance as any other.
    pub fn random_entry(&self, mut random: impl FnMut() -> u64) -> Option<&Entry<C>> {
        if self.is_empty() {
            return None;
        }
        let mut candidates = Vec::new();
        for _ in 0..RANDOM_TRIES_MAX {
            self.sample(random(), |entry| candidates.push(entry));
            if !candidates.is_empty() {
                break;
            }
        }
        let mut cursor = random();
        while candidates.is_empty() {
            cursor = self.scan(cursor, |entry| candidates.push(entry));
        }
        Some(candidates[(random() % candidates.len() as u64) as usize])
    }

    /// Calls of [`Table::scan`] that go once round the table.
    pub fn bucket_count(&self) -> usize {
        self.current.count().max(self.old.count())
    }

    /// Memory of the buckets, without that of the entries and of the few child buckets.
    #[inline]
    pub fn memory_size_bytes(&self) -> usize {
        self.current.memory_size_bytes() + self.old.memory_size_bytes()
    }

    #[inline]
    fn is_moving(&self) -> bool {
        self.old.count() != 0
    }

    /// Which array has, or would have, the keys of this hash, and in which bucket.
    #[inline]
    fn home(&self, hash: u64) -> (bool, usize) {
        if self.is_moving() {
            let index = (hash & self.old.mask()) as usize;
            if index >= self.old_emptied {
                return (true, index);
            }
        }
        (false, (hash & self.current.mask()) as usize)
    }

    #[inline]
    fn bucket(&self, hash: u64) -> Option<&Bucket<C>> {
        let (is_old, index) = self.home(hash);
        self.array(is_old).get(index)
    }

    #[inline]
    fn array(&self, is_old: bool) -> &Buckets<C> {
        if is_old { &self.old } else { &self.current }
    }

    #[inline]
    fn array_mut(&mut self, is_old: bool) -> &mut Buckets<C> {
        if is_old { &mut self.old } else { &mut self.current }
    }

    #[inline]
    fn slot(&self, is_old: bool, index: usize, place: Place) -> Slot {
        Slot { bucket: index as u32, version: self.version, place, is_old }
    }

    #[inline]
    fn check(&self, slot: Slot) {
        assert!(self.is_current(slot), "{STALE}");
    }

    /// What every insert and remove does: slots become stale, and a change of size goes on.
    fn begin_change(&mut self) {
        self.version = self.version.wrapping_add(1);
        if self.is_moving() {
            self.move_buckets(BUCKETS_MOVED_PER_CHANGE);
        }
    }

    fn shrink_if_sparse(&mut self) {
        let count = self.current.count();
        if !self.is_moving()
            && count >= SHRINK_FACTOR
            && self.length * SHRINK_FRACTION < count * ENTRIES_PER_BUCKET_MAX
        {
            self.resize(count / SHRINK_FACTOR);
        }
    }

    fn resize(&mut self, count: usize) {
        assert!(count.is_power_of_two() && u32::try_from(count).is_ok(), "a table has at most 2^31 buckets");
        self.old = std::mem::replace(&mut self.current, Buckets::new(count));
        self.old_emptied = 0;
    }

    fn move_buckets(&mut self, moved_max: usize) {
        let mut moved = 0;
        for _ in 0..moved_max * BUCKETS_PASSED_PER_MOVED {
            moved += usize::from(self.move_bucket() > 0);
            if self.old_emptied == self.old.count() {
                self.old = Buckets::new(0);
                self.old_emptied = 0;
                return;
            }
            if moved == moved_max {
                break;
            }
        }
        // The next call will hash these keys: let them come in meanwhile.
        for index in self.old_emptied..(self.old_emptied + BUCKETS_MOVED_PER_CHANGE).min(self.old.count()) {
            if let Some(bucket) = self.old.get(index) {
                bucket.prefetch_all_entries();
            }
        }
    }

    /// Empties the next bucket of the old array into the current one and returns the number of entries.
    fn move_bucket(&mut self) -> usize {
        let index = self.old_emptied;
        self.old_emptied += 1;
        let Table { secrets, current, old, .. } = self;
        let mask = current.mask();
        let count = old.get_mut(index).map_or(0, |bucket| {
            bucket.drain(|tag, entry| {
                let hash = rapidhash_v3_nano_inline::<true, false>(entry.key(), secrets);
                current.get_or_create((hash & mask) as usize).push(tag, entry);
            })
        });
        old.free_before(self.old_emptied);
        count
    }
}

const STALE: &str = "a slot is used after a change of its table";

/// Counts the bits below `mask` up from the highest; bits above it are dropped.
fn next_cursor(cursor: u64, mask: u64) -> u64 {
    ((cursor | !mask).reverse_bits().wrapping_add(1)).reverse_bits()
}

#[cfg(test)]
mod tests;
