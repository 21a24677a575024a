//! A hash: fields and their values. Small, a listpack in the order of insertion; large, a tree in the order
//! of the fields' hashes.

use super::by_hash::{ByHash, HashOrdered, MEMBER};
use super::codec::{self, Form};
use super::limits::Limits;
use super::packed::{Packed, PackedRecords};
use super::text::Text;
use super::tree::Records;
use warren_units::varint;

const VALUE: usize = 1;

pub struct Hash(Layout);

enum Layout {
    Listpack(Packed<2>),
    Table(Box<HashOrdered>),
}

impl Default for Hash {
    fn default() -> Hash {
        Hash(Layout::Listpack(Packed::default()))
    }
}

impl Hash {
    pub fn len(&self) -> usize {
        match &self.0 {
            Layout::Listpack(packed) => packed.len(),
            Layout::Table(table) => table.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn encoding(&self) -> &'static str {
        match &self.0 {
            Layout::Listpack(_) => "listpack",
            Layout::Table(_) => "hashtable",
        }
    }

    pub fn get(&self, field: &[u8]) -> Option<Text<'_>> {
        match &self.0 {
            Layout::Listpack(packed) => {
                let spot = packed.find(MEMBER, field)?;
                Some(Text::Slice(packed.record(spot)[VALUE]))
            }
            Layout::Table(table) => table.get(field, VALUE),
        }
    }

    pub fn contains(&self, field: &[u8]) -> bool {
        match &self.0 {
            Layout::Listpack(packed) => packed.find(MEMBER, field).is_some(),
            Layout::Table(table) => table.contains(field),
        }
    }

    /// Sets a field's value. Answers whether the field is new.
    pub fn set<'t>(
        &mut self,
        field: impl Into<Text<'t>>,
        value: impl Into<Text<'t>>,
        limits: &Limits,
    ) -> bool {
        let (field, value) = (field.into(), value.into());
        let packed = match &mut self.0 {
            Layout::Table(table) => return table.set(&[field, value]),
            Layout::Listpack(packed) => packed,
        };
        let value_bytes_max = limits.hash_listpack_value_bytes_max;
        let is_short = field.len() <= value_bytes_max && value.len() <= value_bytes_max;
        let spot = packed.find(MEMBER, &field);
        let fits = packed.len() < limits.hash_listpack_entries_max || spot.is_some();
        if !is_short || !fits || !packed.has_room(field.len() + value.len()) {
            return self.convert(limits.hash_seed).set(&[field, value]);
        }
        match spot {
            Some(spot) => packed.replace(spot, [&field, &value]),
            None => packed.push([&field, &value]),
        }
        spot.is_none()
    }

    pub fn remove(&mut self, field: &[u8]) -> bool {
        match &mut self.0 {
            Layout::Listpack(packed) => {
                let spot = packed.find(MEMBER, field);
                if let Some(spot) = spot {
                    packed.remove(spot, 1);
                }
                spot.is_some()
            }
            Layout::Table(table) => table.remove(field),
        }
    }

    /// The field and value at an index of the iteration order: with a random index, a random field.
    pub fn nth(&self, index: usize) -> Option<(Text<'_>, Text<'_>)> {
        self.iter().nth(index)
    }

    pub fn iter(&self) -> Fields<'_> {
        Fields(match &self.0 {
            Layout::Listpack(packed) => FieldsLayout::Listpack(packed.iter()),
            Layout::Table(table) => FieldsLayout::Table(table.records()),
        })
    }

    /// Hands out about `count` fields from the cursor on and returns the cursor of the rest; 0 begins and
    /// ends. A small hash is handed out whole.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, mut visit: impl FnMut(Text<'a>, Text<'a>)) -> u64 {
        match &self.0 {
            Layout::Listpack(packed) => {
                packed.iter().for_each(|[field, value]| visit(Text::Slice(field), Text::Slice(value)));
                0
            }
            Layout::Table(table) => table.scan(cursor, count, |leaf, index| {
                visit(leaf.field(index, MEMBER), leaf.field(index, VALUE))
            }),
        }
    }

    /// A view that keeps the present content, at a cost that does not grow with the size.
    pub fn freeze(&self) -> Hash {
        Hash(match &self.0 {
            Layout::Listpack(packed) => Layout::Listpack(packed.clone()),
            Layout::Table(table) => Layout::Table(Box::new(table.freeze())),
        })
    }

    pub fn memory_size_bytes(&self) -> usize {
        match &self.0 {
            Layout::Listpack(packed) => packed.memory_bytes(),
            Layout::Table(table) => table.memory_bytes(),
        }
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        let form = match &self.0 {
            Layout::Listpack(_) => Form::Listpack,
            Layout::Table(_) => Form::Large,
        };
        codec::begin(out, form, self.len());
        for (field, value) in self.iter() {
            varint::put_bytes(out, &field);
            varint::put_bytes(out, &value);
        }
    }

    pub fn decode(bytes: &[u8], hash_seed: u64) -> Option<Hash> {
        let codec::Header { form, count, mut elements } = codec::open(bytes)?;
        let mut hash = match form {
            Form::Listpack => Hash::default(),
            Form::Large => Hash(Layout::Table(Box::new(HashOrdered::new(hash_seed)))),
            Form::Intset => return None,
        };
        for _ in 0..count {
            let (field, value) = (elements.bytes()?, elements.bytes()?);
            let is_new = match &mut hash.0 {
                Layout::Table(table) => table.set(&[field.into(), value.into()]),
                Layout::Listpack(packed) => {
                    let has_room = packed.has_room(field.len() + value.len());
                    has_room.then(|| packed.push([field, value])).is_some()
                }
            };
            if !is_new {
                return None;
            }
        }
        elements.is_empty().then_some(hash)
    }

    fn convert(&mut self, hash_seed: u64) -> &mut HashOrdered {
        if let Layout::Listpack(packed) = &self.0 {
            let mut table = HashOrdered::new(hash_seed);
            for [field, value] in packed.iter() {
                table.set(&[field.into(), value.into()]);
            }
            self.0 = Layout::Table(Box::new(table));
        }
        match &mut self.0 {
            Layout::Table(table) => table,
            Layout::Listpack(_) => unreachable!("just converted"),
        }
    }
}

/// Fields and values, in the order of iteration.
#[derive(Clone)]
pub struct Fields<'a>(FieldsLayout<'a>);

#[derive(Clone)]
enum FieldsLayout<'a> {
    Listpack(PackedRecords<'a, 2>),
    Table(Records<'a, ByHash>),
}

impl<'a> Iterator for Fields<'a> {
    type Item = (Text<'a>, Text<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.nth(0)
    }

    fn nth(&mut self, count: usize) -> Option<Self::Item> {
        match &mut self.0 {
            FieldsLayout::Listpack(records) => {
                records.nth(count).map(|[field, value]| (Text::Slice(field), Text::Slice(value)))
            }
            FieldsLayout::Table(records) => {
                records.nth(count).map(|(leaf, index)| (leaf.field(index, MEMBER), leaf.field(index, VALUE)))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            FieldsLayout::Listpack(records) => records.size_hint(),
            FieldsLayout::Table(records) => records.size_hint(),
        }
    }
}

impl ExactSizeIterator for Fields<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[derive(Clone, Debug)]
    enum Step {
        Set(Vec<u8>, Vec<u8>),
        Remove(Vec<u8>),
        Freeze,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let field = (0u32..400).prop_map(|number| format!("field:{number}").into_bytes());
        let value = prop_oneof![
            8 => proptest::collection::vec(any::<u8>(), 0..20),
            1 => (50usize..700).prop_map(|length| vec![b'v'; length]),
        ];
        let step = prop_oneof![
            6 => (field.clone(), value).prop_map(|(field, value)| Step::Set(field, value)),
            4 => field.prop_map(Step::Remove),
            1 => Just(Step::Freeze),
        ];
        proptest::collection::vec(step, 0..1500)
    }

    fn contents(hash: &Hash) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let contents: BTreeMap<_, _> =
            hash.iter().map(|(field, value)| (field.to_vec(), value.to_vec())).collect();
        assert_eq!(contents.len(), hash.len(), "no field twice");
        contents
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn behaves_as_a_map(steps in steps(), hash_seed in any::<u64>()) {
            let limits = Limits { hash_seed, ..Limits::default() };
            let (mut hash, mut model) = (Hash::default(), BTreeMap::new());
            let mut frozen = Vec::new();
            for step in steps {
                match step {
                    Step::Set(field, value) => {
                        let is_new = hash.set(&field, &value, &limits);
                        prop_assert_eq!(hash.get(&field), Some(Text::from(&value)));
                        prop_assert_eq!(is_new, model.insert(field, value).is_none());
                    }
                    Step::Remove(field) => {
                        prop_assert_eq!(hash.contains(&field), model.contains_key(&field));
                        prop_assert_eq!(hash.remove(&field), model.remove(&field).is_some());
                        prop_assert!(hash.get(&field).is_none());
                    }
                    Step::Freeze => frozen.push((hash.freeze(), model.clone())),
                }
                prop_assert_eq!(hash.len(), model.len());
            }
            frozen.push((hash, model));
            for (hash, model) in frozen {
                prop_assert_eq!(&contents(&hash), &model);
                let mut bytes = Vec::new();
                hash.encode(&mut bytes);
                let decoded = Hash::decode(&bytes, hash_seed ^ 1).expect("own bytes");
                prop_assert_eq!(decoded.encoding(), hash.encoding());
                prop_assert_eq!(&contents(&decoded), &model);
                prop_assert!(Hash::decode(&bytes[..bytes.len() - 1], 0).is_none());
            }
        }

        #[test]
        fn any_bytes_decode_without_a_panic(bytes in proptest::collection::vec(0u8..6, 0..40)) {
            let _ = Hash::decode(&bytes, 0);
        }
    }

    #[test]
    fn a_small_hash_keeps_the_order_of_insertion_until_a_limit_is_passed() {
        let limits = Limits { hash_listpack_entries_max: 3, ..Limits::default() };
        let mut hash = Hash::default();
        for field in [b"c", b"a", b"b"] {
            assert!(hash.set(field, b"1", &limits));
        }
        assert!(!hash.set(b"a", &vec![b'x'; 64], &limits), "an overwrite is not one more");
        let fields: Vec<Vec<u8>> = hash.iter().map(|(field, _)| field.to_vec()).collect();
        assert_eq!(
            (hash.encoding(), fields),
            ("listpack", vec![b"c".to_vec(), b"a".to_vec(), b"b".to_vec()])
        );
        let mut long = hash.freeze();
        long.set(b"a", &vec![b'x'; 65], &limits);
        assert_eq!(long.encoding(), "hashtable");
        hash.set(b"d", b"1", &limits);
        assert_eq!(hash.encoding(), "hashtable");
        hash.remove(b"d");
        assert_eq!((hash.encoding(), hash.len()), ("hashtable", 3), "there is no way back");
    }
}
