//! One cache line of the table: seven entries, each with a byte of its hash, or six and a child bucket.
//!
//! ```text
//! tags, one u64:  byte 0..=6  tag of slot 0..=6, 0 where the slot is empty    byte 7  1 if chained
//! slots:          7 entries; in a chained bucket slot 6 is the child, and its tag is 0
//! ```
//!
//! Only the last bucket of a chain has empty slots. Bucket and chain are called by (depth, position): how
//! many children down, and which slot there. This is one of the two files of the crate with unsafe code;
//! the other is `entry.rs`.

use crate::keyspace::entry::Entry;
use std::mem::ManuallyDrop;

pub const SLOT_COUNT: usize = 7;
const CHILD_SLOT: usize = 6;

const CHAINED: u64 = 1 << 56;
const EACH_LOW_BIT: u64 = 0x0001_0101_0101_0101;
const EACH_LOW_SEVEN: u64 = 0x7f7f_7f7f_7f7f_7f7f;
const EACH_HIGH_BIT_OF_SLOTS: u64 = 0x0080_8080_8080_8080;

#[repr(C, align(64))]
pub struct Bucket<C> {
    tags: u64,
    slots: [Content<C>; SLOT_COUNT],
}

#[repr(C)]
union Content<C> {
    empty: (),
    entry: ManuallyDrop<Entry<C>>,
    child: ManuallyDrop<Box<Bucket<C>>>,
}

const _: () = assert!(size_of::<Bucket<u64>>() == 64);

/// Where in a chain an entry lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    pub depth: u32,
    pub position: u8,
}

/// The byte of a hash that a bucket keeps: never 0, and independent of the bits that choose the bucket.
#[inline]
pub fn tag_of(hash: u64) -> u8 {
    ((hash >> 56) as u8).max(1)
}

impl<C> Bucket<C> {
    pub const EMPTY: Bucket<C> = Bucket { tags: 0, slots: [const { Content { empty: () } }; SLOT_COUNT] };

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.tags == 0
    }

    #[inline]
    pub fn entry(&self, position: u8) -> Option<&Entry<C>> {
        let position = usize::from(position);
        // SAFETY: a slot with a tag holds an entry.
        (self.tag(position) != 0).then(|| unsafe { &*self.slots[position].entry })
    }

    #[inline]
    pub fn entry_mut(&mut self, position: u8) -> Option<&mut Entry<C>> {
        let position = usize::from(position);
        // SAFETY: a slot with a tag holds an entry.
        (self.tag(position) != 0).then(|| unsafe { &mut *self.slots[position].entry })
    }

    #[inline]
    pub fn child(&self) -> Option<&Bucket<C>> {
        // SAFETY: the last slot of a chained bucket holds the child.
        (self.tags & CHAINED != 0).then(|| unsafe { &**self.slots[CHILD_SLOT].child })
    }

    #[inline]
    pub fn child_mut(&mut self) -> Option<&mut Bucket<C>> {
        // SAFETY: the last slot of a chained bucket holds the child.
        (self.tags & CHAINED != 0).then(|| unsafe { &mut **self.slots[CHILD_SLOT].child })
    }

    /// The bucket `depth` children down.
    #[inline]
    pub fn descendant(&self, depth: u32) -> Option<&Bucket<C>> {
        (0..depth).try_fold(self, |bucket, _| bucket.child())
    }

    #[inline]
    pub fn descendant_mut(&mut self, depth: u32) -> Option<&mut Bucket<C>> {
        (0..depth).try_fold(self, |bucket, _| bucket.child_mut())
    }

    /// The first entry of the chain with this tag that `is_wanted`.
    #[inline]
    pub fn find(&self, tag: u8, mut is_wanted: impl FnMut(&Entry<C>) -> bool) -> Option<Place> {
        assert!(tag != 0);
        let mut bucket = self;
        let mut depth = 0;
        loop {
            let mut matches = bucket.positions_of(tag);
            while matches != 0 {
                let position = (matches.trailing_zeros() / 8) as u8;
                // SAFETY: a slot with a tag holds an entry, and this one's is not 0 as no entry's tag is.
                if is_wanted(unsafe { &*bucket.slots[usize::from(position)].entry }) {
                    return Some(Place { depth, position });
                }
                matches &= matches - 1;
            }
            bucket = bucket.child()?;
            depth += 1;
        }
    }

    /// Visits all entries of the chain.
    #[inline]
    pub fn for_each<'a>(&'a self, visit: &mut impl FnMut(&'a Entry<C>)) {
        let mut next = Some(self);
        while let Some(bucket) = next {
            (0..SLOT_COUNT as u8).filter_map(|position| bucket.entry(position)).for_each(&mut *visit);
            next = bucket.child();
        }
    }

    /// As [`Bucket::for_each`], for marks on the entries; their keys stay.
    pub fn for_each_mut(&mut self, visit: &mut impl FnMut(&mut Entry<C>)) {
        let mut next = Some(self);
        while let Some(bucket) = next {
            for position in 0..SLOT_COUNT as u8 {
                bucket.entry_mut(position).into_iter().for_each(&mut *visit);
            }
            next = bucket.child_mut();
        }
    }

    /// Puts an entry into the chain's first empty slot and returns its place; a full chain gets a child.
    pub fn push(&mut self, tag: u8, entry: Entry<C>) -> Place {
        let mut bucket = self;
        let mut depth = 0;
        while bucket.tags & CHAINED != 0 {
            bucket = bucket.child_mut().expect("a chained bucket has a child");
            depth += 1;
        }
        let empty = bucket.empty_positions();
        if empty != 0 {
            let position = (empty.trailing_zeros() / 8) as u8;
            bucket.put(usize::from(position), tag, entry);
            return Place { depth, position };
        }
        let (moved_tag, moved) = bucket.take(CHILD_SLOT).expect("a full bucket has a last entry");
        let mut child = Box::new(Bucket::EMPTY);
        child.put(0, moved_tag, moved);
        child.put(1, tag, entry);
        bucket.slots[CHILD_SLOT].child = ManuallyDrop::new(child);
        bucket.tags |= CHAINED;
        Place { depth: depth + 1, position: 1 }
    }

    /// Takes an entry out; the last entry of the chain fills its slot, and a child left empty is freed.
    pub fn remove(&mut self, place: Place) -> Option<Entry<C>> {
        let bucket = self.descendant_mut(place.depth)?;
        let (_, removed) = bucket.take(usize::from(place.position))?;
        if place.depth == 0 && self.tags & CHAINED == 0 {
            return Some(removed);
        }
        if let Some((tag, last)) = self.pop_from_last_child(place) {
            let bucket = self.descendant_mut(place.depth).expect("only buckets further down were freed");
            bucket.put(usize::from(place.position), tag, last);
        }
        Some(removed)
    }

    /// Takes all entries of the chain out, child by child.
    pub fn drain(&mut self, mut receive: impl FnMut(u8, Entry<C>)) -> usize {
        let mut count = 0;
        let mut child: Option<Box<Bucket<C>>> = None;
        loop {
            let bucket = match &mut child {
                None => &mut *self,
                Some(child) => &mut **child,
            };
            for position in 0..SLOT_COUNT {
                if let Some((tag, entry)) = bucket.take(position) {
                    receive(tag, entry);
                    count += 1;
                }
            }
            match bucket.take_child() {
                None => return count,
                Some(next) => child = Some(next),
            }
        }
    }

    /// Asks the CPU to fetch this bucket.
    #[inline]
    pub fn prefetch(&self) {
        prefetch(std::ptr::from_ref(self).cast());
    }

    /// Asks the CPU to fetch the entries with this tag.
    #[inline]
    pub fn prefetch_entries(&self, tag: u8) {
        self.prefetch_slots(self.positions_of(tag));
    }

    /// Asks the CPU to fetch all entries; those of children are rare enough to be left out.
    #[inline]
    pub fn prefetch_all_entries(&self) {
        self.prefetch_slots(EACH_HIGH_BIT_OF_SLOTS & !self.positions_of(0));
    }

    #[inline]
    fn prefetch_slots(&self, mut positions: u64) {
        while positions != 0 {
            if let Some(entry) = self.entry((positions.trailing_zeros() / 8) as u8) {
                // Header and key are in the first line, a short value ends in the second; whose memory
                // that is does not matter to a hint.
                prefetch(entry.address());
                prefetch(entry.address().wrapping_add(size_of::<Bucket<C>>()));
            }
            positions &= positions - 1;
        }
    }

    #[inline]
    fn tag(&self, position: usize) -> u8 {
        debug_assert!(position < SLOT_COUNT);
        (self.tags >> (8 * position)) as u8
    }

    /// The high bit of the byte of each slot with this tag.
    #[inline]
    fn positions_of(&self, tag: u8) -> u64 {
        let difference = self.tags ^ (u64::from(tag) * EACH_LOW_BIT);
        let non_zero = ((difference & EACH_LOW_SEVEN) + EACH_LOW_SEVEN) | difference;
        !non_zero & EACH_HIGH_BIT_OF_SLOTS
    }

    /// The same of each empty slot; the child's has tag 0 and is not empty.
    #[inline]
    fn empty_positions(&self) -> u64 {
        let child = if self.tags & CHAINED != 0 { 0x80 << (8 * CHILD_SLOT) } else { 0 };
        self.positions_of(0) & !child
    }

    fn put(&mut self, position: usize, tag: u8, entry: Entry<C>) {
        assert!(self.tag(position) == 0 && tag != 0 && (position != CHILD_SLOT || self.tags & CHAINED == 0));
        self.slots[position].entry = ManuallyDrop::new(entry);
        self.tags |= u64::from(tag) << (8 * position);
    }

    fn take(&mut self, position: usize) -> Option<(u8, Entry<C>)> {
        let tag = self.tag(position);
        if tag == 0 {
            return None;
        }
        self.tags &= !(0xff << (8 * position));
        // SAFETY: the slot had a tag, so it holds an entry; with its tag gone nobody takes it again.
        Some((tag, unsafe { ManuallyDrop::take(&mut self.slots[position].entry) }))
    }

    fn take_child(&mut self) -> Option<Box<Bucket<C>>> {
        if self.tags & CHAINED == 0 {
            return None;
        }
        self.tags &= !CHAINED;
        // SAFETY: the bucket was chained, so its last slot holds the child; it is not chained any more.
        Some(unsafe { ManuallyDrop::take(&mut self.slots[CHILD_SLOT].child) })
    }

    /// Takes an entry out of the chain's last child to fill the `hole`, unless the hole is in that child;
    /// frees the child if it is empty then.
    fn pop_from_last_child(&mut self, hole: Place) -> Option<(u8, Entry<C>)> {
        let mut parent = self;
        let mut depth = 1;
        while parent.child()?.tags & CHAINED != 0 {
            parent = parent.child_mut()?;
            depth += 1;
        }
        let child = parent.child_mut()?;
        let last = if hole.depth == depth {
            None
        } else {
            (0..SLOT_COUNT).find_map(|position| child.take(position))
        };
        if child.is_empty() {
            drop(parent.take_child());
        }
        last
    }
}

impl<C> Drop for Bucket<C> {
    fn drop(&mut self) {
        if !self.is_empty() {
            self.drain(|_, entry| drop(entry));
        }
    }
}

#[inline]
fn prefetch(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch is a hint and touches no memory of the program; SSE is part of x86_64.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
