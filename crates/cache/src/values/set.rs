//! A set: integers only, an intset; small, a listpack in the order of insertion; large, a tree in the order
//! of the members' hashes.

use super::by_hash::{ByHash, HashOrdered, MEMBER};
use super::codec::{self, Form};
use super::intset::Intset;
use super::limits::{Limits, PACKED_BYTES_MAX};
use super::packed::{Packed, PackedRecords};
use super::text::{Text, canonical_integer};
use super::tree::Records;
use std::ops::Range;
use warren_units::varint;

pub struct Set(Layout);

enum Layout {
    Intset(Intset),
    Listpack(Packed<1>),
    Table(Box<HashOrdered>),
}

impl Default for Set {
    fn default() -> Set {
        Set(Layout::Intset(Intset::default()))
    }
}

impl Set {
    pub fn len(&self) -> usize {
        match &self.0 {
            Layout::Intset(integers) => integers.len(),
            Layout::Listpack(packed) => packed.len(),
            Layout::Table(table) => table.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn encoding(&self) -> &'static str {
        match &self.0 {
            Layout::Intset(_) => "intset",
            Layout::Listpack(_) => "listpack",
            Layout::Table(_) => "hashtable",
        }
    }

    pub fn contains(&self, member: &[u8]) -> bool {
        match &self.0 {
            Layout::Intset(integers) => {
                canonical_integer(member).is_some_and(|value| integers.contains(value))
            }
            Layout::Listpack(packed) => packed.find(MEMBER, member).is_some(),
            Layout::Table(table) => table.contains(member),
        }
    }

    /// Answers whether the member is new.
    pub fn insert<'t>(&mut self, member: impl Into<Text<'t>>, limits: &Limits) -> bool {
        let member = member.into();
        if self.contains(&member) {
            return false;
        }
        self.make_room_for(&member, limits);
        match &mut self.0 {
            Layout::Intset(integers) => {
                integers.insert(canonical_integer(&member).expect("an intset was kept for integers only"))
            }
            Layout::Listpack(packed) => {
                packed.push([&member]);
                true
            }
            Layout::Table(table) => table.set(&[member]),
        }
    }

    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.0 {
            Layout::Intset(integers) => canonical_integer(member).is_some_and(|value| integers.remove(value)),
            Layout::Listpack(packed) => {
                let spot = packed.find(MEMBER, member);
                if let Some(spot) = spot {
                    packed.remove(spot, 1);
                }
                spot.is_some()
            }
            Layout::Table(table) => table.remove(member),
        }
    }

    /// The member at an index of the iteration order: with a random index, a random member.
    pub fn nth(&self, index: usize) -> Option<Text<'_>> {
        self.iter().nth(index)
    }

    pub fn remove_nth(&mut self, index: usize) {
        match &mut self.0 {
            Layout::Intset(integers) => integers.remove_nth(index),
            Layout::Listpack(packed) => packed.remove(packed.spot(index), 1),
            Layout::Table(table) => table.remove_nth(index),
        }
    }

    pub fn iter(&self) -> Members<'_> {
        Members(match &self.0 {
            Layout::Intset(integers) => MembersLayout::Intset(integers, 0..integers.len()),
            Layout::Listpack(packed) => MembersLayout::Listpack(packed.iter()),
            Layout::Table(table) => MembersLayout::Table(table.records()),
        })
    }

    /// Hands out about `count` members from the cursor on and returns the cursor of the rest; 0 begins and
    /// ends. A small set is handed out whole.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, mut visit: impl FnMut(Text<'a>)) -> u64 {
        match &self.0 {
            Layout::Table(table) => table.scan(cursor, count, |leaf, index| visit(leaf.field(index, MEMBER))),
            _ => {
                self.iter().for_each(visit);
                0
            }
        }
    }

    /// A view that keeps the present content, at a cost that does not grow with the size.
    pub fn freeze(&self) -> Set {
        Set(match &self.0 {
            Layout::Intset(integers) => Layout::Intset(integers.clone()),
            Layout::Listpack(packed) => Layout::Listpack(packed.clone()),
            Layout::Table(table) => Layout::Table(Box::new(table.freeze())),
        })
    }

    pub fn memory_size_bytes(&self) -> usize {
        match &self.0 {
            Layout::Intset(integers) => integers.memory_bytes(),
            Layout::Listpack(packed) => packed.memory_bytes(),
            Layout::Table(table) => table.memory_bytes(),
        }
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        let form = match &self.0 {
            Layout::Intset(_) => Form::Intset,
            Layout::Listpack(_) => Form::Listpack,
            Layout::Table(_) => Form::Large,
        };
        codec::begin(out, form, self.len());
        for member in self.iter() {
            varint::put_bytes(out, &member);
        }
    }

    pub fn decode(bytes: &[u8], hash_seed: u64) -> Option<Set> {
        let codec::Header { form, count, mut elements } = codec::open(bytes)?;
        let mut layout = match form {
            Form::Intset => Layout::Intset(Intset::default()),
            Form::Listpack => Layout::Listpack(Packed::default()),
            Form::Large => Layout::Table(Box::new(HashOrdered::new(hash_seed))),
        };
        for _ in 0..count {
            let member = elements.bytes()?;
            let is_new = match &mut layout {
                Layout::Intset(integers) => integers.insert(canonical_integer(member)?),
                Layout::Table(table) => table.set(&[member.into()]),
                Layout::Listpack(packed) => {
                    let has_room = packed.has_room(member.len());
                    has_room.then(|| packed.push([member])).is_some()
                }
            };
            if !is_new {
                return None;
            }
        }
        elements.is_empty().then_some(Set(layout))
    }

    /// Converts to the layout that can take this absent member.
    fn make_room_for(&mut self, member: &[u8], limits: &Limits) {
        let len = self.len();
        let fits_listpack = |longest: usize, bytes: usize| {
            len < limits.set_listpack_entries_max
                && member.len().max(longest) <= limits.set_listpack_value_bytes_max
                && bytes + len + 6 <= PACKED_BYTES_MAX
        };
        match &self.0 {
            Layout::Table(_) => {}
            Layout::Intset(integers) => {
                let intset_entries_max =
                    limits.set_intset_entries_max.min(PACKED_BYTES_MAX / size_of::<i64>());
                let is_integer = canonical_integer(member).is_some();
                if is_integer && len < intset_entries_max {
                    return;
                }
                let ends = [integers.get(0), integers.get(len.wrapping_sub(1))];
                let longest = ends.into_iter().flatten().map(|end| Text::from(end).len()).max().unwrap_or(0);
                if !is_integer && fits_listpack(longest, len * longest + member.len()) {
                    self.convert_to_listpack();
                } else {
                    self.convert_to_table(limits.hash_seed);
                }
            }
            Layout::Listpack(packed) => {
                if !fits_listpack(0, 0) || !packed.has_room(member.len()) {
                    self.convert_to_table(limits.hash_seed);
                }
            }
        }
    }

    fn convert_to_listpack(&mut self) {
        let mut packed = Packed::default();
        self.iter().for_each(|member| packed.push([&member]));
        self.0 = Layout::Listpack(packed);
    }

    fn convert_to_table(&mut self, hash_seed: u64) {
        let mut table = HashOrdered::new(hash_seed);
        for member in self.iter() {
            table.set(&[member]);
        }
        self.0 = Layout::Table(Box::new(table));
    }
}

/// Members in the order of iteration.
#[derive(Clone)]
pub struct Members<'a>(MembersLayout<'a>);

#[derive(Clone)]
enum MembersLayout<'a> {
    Intset(&'a Intset, Range<usize>),
    Listpack(PackedRecords<'a, 1>),
    Table(Records<'a, ByHash>),
}

impl<'a> Iterator for Members<'a> {
    type Item = Text<'a>;

    fn next(&mut self) -> Option<Text<'a>> {
        self.nth(0)
    }

    fn nth(&mut self, count: usize) -> Option<Text<'a>> {
        match &mut self.0 {
            MembersLayout::Intset(integers, range) => integers.get(range.nth(count)?).map(Text::from),
            MembersLayout::Listpack(records) => records.nth(count).map(|[member]| Text::Slice(member)),
            MembersLayout::Table(records) => {
                records.nth(count).map(|(leaf, index)| leaf.field(index, MEMBER))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            MembersLayout::Intset(_, range) => range.size_hint(),
            MembersLayout::Listpack(records) => records.size_hint(),
            MembersLayout::Table(records) => records.size_hint(),
        }
    }
}

impl ExactSizeIterator for Members<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn contents(set: &Set) -> BTreeSet<Vec<u8>> {
        let contents: BTreeSet<_> = set.iter().map(|member| member.to_vec()).collect();
        assert_eq!(contents.len(), set.len(), "no member twice");
        contents
    }

    /// Mostly integers, so that all three encodings are met.
    fn member() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            300 => (-300i64..300).prop_map(|number| number.to_string().into_bytes()),
            1 => any::<i64>().prop_map(|number| number.to_string().into_bytes()),
            2 => (0u32..200).prop_map(|number| format!("member:{number}").into_bytes()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn behaves_as_a_set(steps in proptest::collection::vec((0u8..12, member(), any::<usize>()), 0..1500)) {
            let limits = Limits { set_intset_entries_max: 200, ..Limits::default() };
            let (mut set, mut model) = (Set::default(), BTreeSet::new());
            let mut frozen = Vec::new();
            for (action, member, index) in steps {
                match action {
                    0..8 => prop_assert_eq!(set.insert(&member, &limits), model.insert(member)),
                    8..10 => prop_assert_eq!(set.remove(&member), model.remove(&member)),
                    10 if !model.is_empty() => {
                        let index = index % model.len();
                        let drawn = set.nth(index).expect("in range").to_vec();
                        set.remove_nth(index);
                        prop_assert!(model.remove(&drawn) && !set.contains(&drawn));
                    }
                    _ => frozen.push((set.freeze(), model.clone())),
                }
                prop_assert_eq!(set.len(), model.len());
            }
            frozen.push((set, model));
            for (set, model) in frozen {
                prop_assert_eq!(&contents(&set), &model);
                prop_assert!(model.iter().all(|member| set.contains(member)));
                let mut bytes = Vec::new();
                set.encode(&mut bytes);
                let decoded = Set::decode(&bytes, 1).expect("own bytes");
                prop_assert_eq!(decoded.encoding(), set.encoding());
                prop_assert_eq!(&contents(&decoded), &model);
            }
        }

        #[test]
        fn any_bytes_decode_without_a_panic(bytes in proptest::collection::vec(0u8..6, 0..40)) {
            let _ = Set::decode(&bytes, 0);
        }
    }

    #[test]
    fn the_encoding_follows_the_members() {
        let limits = Limits { set_intset_entries_max: 3, set_listpack_entries_max: 5, ..Limits::default() };
        let cases: [(&[&str], &str); 6] = [
            (&["1", "2", "3"], "intset"),
            (&["1", "2", "3", "4"], "hashtable"),
            (&["1", "2", "x"], "listpack"),
            (&["x", "1", "2", "3", "4"], "listpack"),
            (&["x", "1", "2", "3", "4", "5"], "hashtable"),
            (&["1", "01"], "listpack"),
        ];
        for (members, encoding) in cases {
            let mut set = Set::default();
            for member in members {
                assert!(set.insert(member.as_bytes(), &limits));
            }
            assert_eq!(set.encoding(), encoding, "{members:?}");
            assert_eq!(set.len(), members.len());
        }
        let mut set = Set::default();
        set.insert(&vec![b'x'; 65], &limits);
        assert_eq!(set.encoding(), "hashtable", "one long member");
    }
}
