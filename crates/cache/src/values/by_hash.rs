//! Records in the order of their member's hash: the large form of hashes and sets, and the look-up by
//! member of sorted sets.
//!
//! The order is what makes scanning sound: a cursor is a place in hash space, which growth, shrinkage and
//! rebuilding do not move. Records of equal hash share a leaf and are scanned together. It never returns
//! members in an order that means anything to a client.

use super::chunk::Chunk;
use super::text::Text;
use super::tree::{Found, Order, Place, Records, Tree};
use rapidhash::v3::{RapidSecrets, rapidhash_v3_seeded};

/// Bits of a hash that order records. 48 of them leave a cursor that every client's number can hold (a
/// JavaScript number has 53), and collisions are rare far beyond a hundred million members.
const HASH_BITS: u32 = 48;

/// Field 0 of every record is the member; what follows is the container's.
pub const MEMBER: usize = 0;

pub enum ByHash {}

impl Order for ByHash {
    type Slot = u64;

    const LEAF_RECORDS_MAX: usize = 64;

    fn insert_separator(leaf: &Chunk<u64>, index: usize, keys: &mut Chunk<u64>, at: usize) {
        keys.insert(at, leaf.prefix(index), &[]);
    }

    /// Never between equal hashes: so a separator needs no more than the hash.
    fn may_split(leaf: &Chunk<u64>, index: usize) -> bool {
        leaf.prefix(index - 1) != leaf.prefix(index)
    }
}

pub struct HashOrdered {
    tree: Tree<ByHash>,
    secrets: RapidSecrets,
}

/// What a look-up came to.
pub enum Lookup<'a> {
    Present(Found<'a, ByHash>),
    /// Where the member would be inserted, and its hash.
    Absent(Place, u64),
}

impl HashOrdered {
    pub fn new(seed: u64) -> HashOrdered {
        HashOrdered { tree: Tree::default(), secrets: RapidSecrets::seed(seed) }
    }

    pub fn freeze(&self) -> HashOrdered {
        HashOrdered { tree: self.tree.freeze(), secrets: self.secrets }
    }

    pub fn memory_bytes(&self) -> usize {
        size_of::<HashOrdered>() + self.tree.memory_bytes()
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.tree.len()
    }

    /// Field `field` of the member's record.
    #[inline]
    pub fn get(&self, member: &[u8], field: usize) -> Option<Text<'_>> {
        match self.lookup(member) {
            Lookup::Present(found) => Some(found.leaf.field(found.place.offset, field)),
            Lookup::Absent(..) => None,
        }
    }

    pub fn contains(&self, member: &[u8]) -> bool {
        matches!(self.lookup(member), Lookup::Present(_))
    }

    pub fn lookup(&self, member: &[u8]) -> Lookup<'_> {
        let hash = self.hash(member);
        let mut found = self.search(hash);
        let first = found.place.offset;
        for index in first..found.leaf.len() {
            if found.leaf.prefix(index) != hash {
                break;
            }
            if *found.leaf.field(index, MEMBER) == *member {
                found.place.offset = index;
                return Lookup::Present(found);
            }
        }
        Lookup::Absent(found.place, hash)
    }

    /// Inserts or replaces the record of the member, which is `fields[0]`. Answers whether it is new.
    pub fn set(&mut self, fields: &[Text<'_>]) -> bool {
        match self.lookup(&fields[MEMBER]) {
            Lookup::Present(found) => {
                let place = found.place;
                self.replace_at(&place, fields);
                false
            }
            Lookup::Absent(place, hash) => {
                self.insert_at(&place, hash, fields);
                true
            }
        }
    }

    /// Puts other fields behind a member just looked up.
    pub fn replace_at(&mut self, place: &Place, fields: &[Text<'_>]) {
        self.tree.edit(place, |leaf, index| leaf.replace(index, fields));
    }

    /// Inserts a member whose look-up just came to `Absent`.
    pub fn insert_at(&mut self, place: &Place, hash: u64, fields: &[Text<'_>]) {
        self.tree.edit(place, |leaf, index| leaf.insert(index, hash, fields));
    }

    pub fn remove(&mut self, member: &[u8]) -> bool {
        let Lookup::Present(found) = self.lookup(member) else {
            return false;
        };
        let place = found.place;
        self.tree.edit(&place, |leaf, index| leaf.remove(index..index + 1));
        true
    }

    pub fn remove_nth(&mut self, position: usize) {
        self.tree.remove_range(position..position + 1);
    }

    pub fn records(&self) -> Records<'_, ByHash> {
        self.tree.records(0..self.len())
    }

    /// Hands out at least `count` records from the cursor on, unless the end comes first, and returns the
    /// cursor of the rest; 0 begins and ends. A record present from the first call to the last is handed
    /// out, whatever changes in between.
    pub fn scan<'a>(
        &'a self,
        cursor: u64,
        count: usize,
        mut visit: impl FnMut(&'a Chunk<u64>, usize),
    ) -> u64 {
        let start = self.tree.position(&self.search(cursor).place);
        let mut last = None;
        for (visited, (leaf, index)) in self.tree.records(start..self.len()).enumerate() {
            let hash = leaf.prefix(index);
            if visited >= count && last != Some(hash) {
                return hash;
            }
            visit(leaf, index);
            last = Some(hash);
        }
        0
    }

    /// The first record of the hash or a later one. Hashes are evenly spread, which is what the guess uses.
    fn search(&self, hash: u64) -> Found<'_, ByHash> {
        self.tree.search_guessing(
            |chunk, index| chunk.prefix(index).cmp(&hash),
            |hashes, records| {
                let width = hashes.end.min(1 << HASH_BITS) - hashes.start;
                ((hash - hashes.start) as f32 / width as f32 * records as f32) as usize
            },
        )
    }

    fn hash(&self, member: &[u8]) -> u64 {
        rapidhash_v3_seeded(member, &self.secrets) >> (u64::BITS - HASH_BITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn name(number: usize) -> Vec<u8> {
        format!("member:{number}").into_bytes()
    }

    proptest! {
        /// Members 0..300 are there throughout, while thousands of others come and go between the calls.
        #[test]
        fn a_scan_returns_all_that_was_there_throughout(
            seed in any::<u64>(),
            count in 1usize..50,
            changes in proptest::collection::vec((any::<bool>(), 0usize..20, 1usize..400), 1..40),
        ) {
            let mut members = HashOrdered::new(seed);
            for number in 0..300 {
                members.set(&[Text::from(&name(number))]);
            }
            let mut seen = BTreeSet::new();
            let mut cursor = 0;
            let mut changes = changes.iter().cycle();
            loop {
                let mut returned = 0;
                cursor = members.scan(cursor, count, |leaf, index| {
                    returned += 1;
                    seen.insert(leaf.field(index, MEMBER).to_vec());
                });
                prop_assert!(cursor < 1 << 53);
                if cursor == 0 {
                    break;
                }
                prop_assert!(returned >= count);
                let (grow, block, size) = changes.next().expect("a cycle");
                for number in 0..*size {
                    let other = name(1000 + block * 400 + number);
                    match grow {
                        true => drop(members.set(&[Text::from(&other)])),
                        false => drop(members.remove(&other)),
                    }
                }
            }
            for number in 0..300 {
                prop_assert!(seen.contains(&name(number)), "member {} was missed", number);
            }
        }
    }

    #[test]
    fn an_undisturbed_scan_returns_each_once() {
        let mut members = HashOrdered::new(7);
        for number in 0..10_000 {
            assert!(members.set(&[Text::from(&name(number))]));
        }
        let mut seen = Vec::new();
        let mut cursor = members.scan(0, 10, |leaf, index| seen.push(leaf.field(index, MEMBER).to_vec()));
        while cursor != 0 {
            cursor = members.scan(cursor, 10, |leaf, index| seen.push(leaf.field(index, MEMBER).to_vec()));
        }
        assert_eq!(seen.len(), 10_000);
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 10_000);
    }
}
