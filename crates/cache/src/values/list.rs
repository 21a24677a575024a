//! A list: a tree of packed chunks in order of position, whatever its size. Only what it is called changes:
//! `listpack` while it would fit one, `quicklist` beyond.

use super::chunk::Chunk;
use super::codec::{self, Form};
use super::limits::Limits;
use super::text::{Text, canonical_integer};
use super::tree::{Order, Records, Tree};
use bytes::Bytes;
use std::ops::Range;
use warren_units::varint;

const ELEMENT: usize = 0;

enum ByPosition {}

impl Order for ByPosition {
    type Slot = u16;

    const LEAF_RECORDS_MAX: usize = 128;

    fn insert_separator(_leaf: &Chunk<u16>, _index: usize, keys: &mut Chunk<u16>, at: usize) {
        keys.insert(at, 0, &[]);
    }

    fn may_split(_leaf: &Chunk<u16>, _index: usize) -> bool {
        true
    }
}

#[derive(Default)]
pub struct List {
    tree: Tree<ByPosition>,
    size: Size,
}

/// What the encoding's name depends on.
#[derive(Clone, Copy)]
enum Size {
    /// The bytes its elements would take in Redis's listpack.
    Listpack(usize),
    Quicklist,
}

impl Default for Size {
    fn default() -> Size {
        Size::Listpack(LISTPACK_HEADER_BYTES)
    }
}

impl List {
    pub fn len(&self) -> usize {
        self.tree.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn encoding(&self) -> &'static str {
        match self.size {
            Size::Listpack(_) => "listpack",
            Size::Quicklist => "quicklist",
        }
    }

    pub fn get(&self, index: usize) -> Option<Text<'_>> {
        if index >= self.len() {
            return None;
        }
        let found = self.tree.locate(index);
        Some(found.leaf.field(found.place.offset, ELEMENT))
    }

    pub fn push_front<'t>(&mut self, element: impl Into<Text<'t>>, limits: &Limits) {
        self.insert_at(0, element, limits);
    }

    pub fn push_back<'t>(&mut self, element: impl Into<Text<'t>>, limits: &Limits) {
        self.insert_at(self.len(), element, limits);
    }

    /// Inserts before the element at `index`, which is at most `len()`.
    pub fn insert_at<'t>(&mut self, index: usize, element: impl Into<Text<'t>>, limits: &Limits) {
        let element = element.into();
        self.grow(&element, limits);
        let place = self.tree.locate(index).place;
        self.tree.edit(&place, |leaf, offset| leaf.insert(offset, 0, &[element]));
    }

    /// Replaces the element at `index`, which must be there.
    pub fn set<'t>(&mut self, index: usize, element: impl Into<Text<'t>>, limits: &Limits) {
        let element = element.into();
        let old_bytes = self.get(index).map_or(0, |old| listpack_entry_bytes(&old));
        self.grow(&element, limits);
        let place = self.tree.locate(index).place;
        self.tree.edit(&place, |leaf, offset| leaf.replace(offset, &[element]));
        self.shrink(old_bytes, limits);
    }

    pub fn pop_front(&mut self, limits: &Limits) -> Option<Bytes> {
        self.remove(0, limits)
    }

    pub fn pop_back(&mut self, limits: &Limits) -> Option<Bytes> {
        self.remove(self.len().checked_sub(1)?, limits)
    }

    pub fn remove(&mut self, index: usize, limits: &Limits) -> Option<Bytes> {
        let element = self.get(index)?.to_bytes();
        self.remove_range(index..index + 1, limits);
        Some(element)
    }

    /// Removes the elements at these indexes; what lies past the end is ignored.
    pub fn remove_range(&mut self, range: Range<usize>, limits: &Limits) {
        let freed = match self.size {
            Size::Listpack(_) => {
                self.range(range.clone()).map(|element| listpack_entry_bytes(&element)).sum()
            }
            Size::Quicklist => 0,
        };
        self.tree.remove_range(range);
        self.shrink(freed, limits);
    }

    /// Keeps only the elements at these indexes.
    pub fn trim(&mut self, range: Range<usize>, limits: &Limits) {
        let end = range.end.min(self.len());
        self.remove_range(end..self.len(), limits);
        self.remove_range(0..range.start.min(end), limits);
    }

    pub fn iter(&self) -> Elements<'_> {
        self.range(0..self.len())
    }

    /// The elements at these indexes, from either end; what lies past the end is ignored.
    pub fn range(&self, range: Range<usize>) -> Elements<'_> {
        Elements(self.tree.records(range))
    }

    /// A view that keeps the present content, at a cost that does not grow with the size.
    pub fn freeze(&self) -> List {
        List { tree: self.tree.freeze(), size: self.size }
    }

    pub fn memory_size_bytes(&self) -> usize {
        self.tree.memory_bytes()
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        let form = match self.size {
            Size::Listpack(_) => Form::Listpack,
            Size::Quicklist => Form::Large,
        };
        codec::begin(out, form, self.len());
        for element in self.iter() {
            varint::put_bytes(out, &element);
        }
    }

    pub fn decode(bytes: &[u8]) -> Option<List> {
        let codec::Header { form, count, mut elements } = codec::open(bytes)?;
        let mut list = List::default();
        if form == Form::Intset {
            return None;
        }
        for _ in 0..count {
            let element = Text::Slice(elements.bytes()?);
            list.count_in(&element);
            let place = list.tree.locate(list.len()).place;
            list.tree.edit(&place, |leaf, offset| leaf.insert(offset, 0, &[element]));
        }
        if form == Form::Large {
            list.size = Size::Quicklist;
        }
        elements.is_empty().then_some(list)
    }

    fn count_in(&mut self, element: &[u8]) {
        if let Size::Listpack(bytes) = &mut self.size {
            *bytes += listpack_entry_bytes(element);
        }
    }

    /// Counts an element in, and calls the list a quicklist when the element outgrows the listpack.
    fn grow(&mut self, element: &[u8], limits: &Limits) {
        if let Size::Listpack(bytes) = self.size
            && !limits.list_fits_listpack(bytes + element.len(), self.len() + 1)
        {
            self.size = Size::Quicklist;
        }
        self.count_in(element);
    }

    /// Counts elements out. A quicklist becomes a listpack again when it would fill half of one.
    fn shrink(&mut self, freed_bytes: usize, limits: &Limits) {
        match &mut self.size {
            Size::Listpack(bytes) => *bytes -= freed_bytes,
            Size::Quicklist => {
                // The tree's own size first: counting the elements is for the few lists near the border.
                if !limits.list_fits_listpack(self.tree.memory_bytes(), self.len() * 2) {
                    return;
                }
                let entries: usize = self.iter().map(|element| listpack_entry_bytes(&element)).sum();
                let bytes = entries + LISTPACK_HEADER_BYTES;
                if limits.list_fits_listpack(bytes * 2, self.len() * 2) {
                    self.size = Size::Listpack(bytes);
                }
            }
        }
    }
}

const LISTPACK_HEADER_BYTES: usize = 7;

/// What an element takes in Redis's listpack: content (integers in binary), its header, and its length
/// again at the end.
fn listpack_entry_bytes(element: &[u8]) -> usize {
    let encoded = match canonical_integer(element) {
        Some(0..=127) => 1,
        Some(-4096..=4095) => 2,
        Some(-32768..=32767) => 3,
        Some(-8_388_608..=8_388_607) => 4,
        Some(-2_147_483_648..=2_147_483_647) => 5,
        Some(_) => 9,
        None => match element.len() {
            0..64 => 1 + element.len(),
            64..4096 => 2 + element.len(),
            _ => 5 + element.len(),
        },
    };
    let back_length = match encoded {
        0..128 => 1,
        128..16384 => 2,
        16384..2_097_152 => 3,
        2_097_152..268_435_456 => 4,
        _ => 5,
    };
    encoded + back_length
}

/// Elements in order, from either end.
#[derive(Clone)]
pub struct Elements<'a>(Records<'a, ByPosition>);

impl<'a> Iterator for Elements<'a> {
    type Item = Text<'a>;

    fn next(&mut self) -> Option<Text<'a>> {
        self.0.next().map(|(leaf, index)| leaf.field(index, ELEMENT))
    }

    fn nth(&mut self, count: usize) -> Option<Text<'a>> {
        self.0.nth(count).map(|(leaf, index)| leaf.field(index, ELEMENT))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<'a> DoubleEndedIterator for Elements<'a> {
    fn next_back(&mut self) -> Option<Text<'a>> {
        self.0.next_back().map(|(leaf, index)| leaf.field(index, ELEMENT))
    }

    fn nth_back(&mut self, count: usize) -> Option<Text<'a>> {
        self.0.nth_back(count).map(|(leaf, index)| leaf.field(index, ELEMENT))
    }
}

impl ExactSizeIterator for Elements<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Insert(usize, Vec<u8>),
        PushFront(Vec<u8>),
        PushBack(Vec<u8>),
        Set(usize, Vec<u8>),
        Remove(usize, usize),
        Trim(usize, usize),
        PopFront,
        PopBack,
        Freeze,
    }

    fn element() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            8 => proptest::collection::vec(any::<u8>(), 0..30),
            1 => (500usize..700).prop_map(|length| vec![b'm'; length]),
            1 => (17_000usize..17_010).prop_map(|length| vec![b'l'; length]),
        ]
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (any::<usize>(), element()).prop_map(|(index, element)| Step::Insert(index, element)),
            6 => element().prop_map(Step::PushFront),
            6 => element().prop_map(Step::PushBack),
            2 => (any::<usize>(), element()).prop_map(|(index, element)| Step::Set(index, element)),
            1 => (any::<usize>(), 0usize..60).prop_map(|(index, count)| Step::Remove(index, count)),
            1 => (0usize..40, 0usize..40).prop_map(|(front, back)| Step::Trim(front, back)),
            1 => Just(Step::PopFront),
            1 => Just(Step::PopBack),
            1 => Just(Step::Freeze),
        ]
    }

    fn contents(list: &List) -> Vec<Vec<u8>> {
        list.iter().map(|element| element.to_vec()).collect()
    }

    fn apply(list: &mut List, model: &mut Vec<Vec<u8>>, step: Step, limits: &Limits) {
        let within = |index: usize, len: usize| if len == 0 { 0 } else { index % len };
        match step {
            Step::Insert(index, element) => {
                let index = within(index, model.len() + 1);
                list.insert_at(index, &element, limits);
                model.insert(index, element);
            }
            Step::PushFront(element) => {
                list.push_front(&element, limits);
                model.insert(0, element);
            }
            Step::PushBack(element) => {
                list.push_back(&element, limits);
                model.push(element);
            }
            Step::Set(index, element) if !model.is_empty() => {
                let index = within(index, model.len());
                list.set(index, &element, limits);
                model[index] = element;
            }
            Step::Remove(index, count) => {
                let start = within(index, model.len());
                list.remove_range(start..start + count, limits);
                model.drain(start..(start + count).min(model.len()));
            }
            Step::Trim(front, back) => {
                let end = model.len().saturating_sub(back);
                list.trim(front..end, limits);
                model.truncate(end);
                model.drain(..front.min(end));
            }
            Step::PopFront => {
                let expected = (!model.is_empty()).then(|| model.remove(0));
                assert_eq!(list.pop_front(limits).map(Vec::from), expected);
            }
            Step::PopBack => assert_eq!(list.pop_back(limits).map(Vec::from), model.pop()),
            Step::Set(..) | Step::Freeze => {}
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn behaves_as_a_vector(steps in proptest::collection::vec(step(), 0..600)) {
            let limits = Limits::default();
            let (mut list, mut model) = (List::default(), Vec::new());
            let mut frozen = Vec::new();
            for step in steps {
                if let Step::Freeze = step {
                    frozen.push((list.freeze(), model.clone()));
                }
                apply(&mut list, &mut model, step, &limits);
                prop_assert_eq!(list.len(), model.len());
                if let Size::Listpack(bytes) = list.size {
                    let counted: usize = model.iter().map(|element| listpack_entry_bytes(element)).sum();
                    prop_assert_eq!(bytes, counted + LISTPACK_HEADER_BYTES);
                }
            }
            frozen.push((list, model));
            for (list, model) in frozen {
                prop_assert_eq!(&contents(&list), &model);
                let middle = model.len() / 3;
                let backwards: Vec<Vec<u8>> = list.range(middle..usize::MAX).rev().map(|element| element.to_vec()).collect();
                prop_assert!(backwards.iter().rev().eq(&model[middle..]));
                prop_assert_eq!(list.get(middle), model.get(middle).map(Text::from));
                let mut bytes = Vec::new();
                list.encode(&mut bytes);
                let decoded = List::decode(&bytes).expect("own bytes");
                prop_assert_eq!(decoded.encoding(), list.encoding());
                prop_assert_eq!(contents(&decoded), model);
                prop_assert!(List::decode(&bytes[..bytes.len() - 1]).is_none());
            }
        }

        #[test]
        fn any_bytes_decode_without_a_panic(bytes in proptest::collection::vec(0u8..6, 0..40)) {
            let _ = List::decode(&bytes);
        }
    }

    #[test]
    fn the_encoding_follows_the_limits_both_ways() {
        let by_count = Limits { list_listpack_size: 4, ..Limits::default() };
        let mut list = List::default();
        for index in 0..4 {
            list.push_back(index, &by_count);
            assert_eq!(list.encoding(), "listpack");
        }
        list.push_back(b"five", &by_count);
        assert_eq!(list.encoding(), "quicklist");
        list.pop_front(&by_count);
        list.pop_front(&by_count);
        assert_eq!(list.encoding(), "quicklist", "three are more than half of four");
        list.pop_front(&by_count);
        assert_eq!(list.encoding(), "listpack");

        let by_bytes = Limits::default();
        let mut list = List::default();
        list.push_back(&vec![b'x'; 8192], &by_bytes);
        assert_eq!(list.encoding(), "quicklist");
    }
}
