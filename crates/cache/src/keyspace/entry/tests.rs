//! Entries against a plain model: every change, at sizes around each border.

use super::*;
use proptest::prelude::*;
use std::rc::Rc;

type TestEntry = Entry<Rc<Vec<u8>>>;

#[derive(Clone, Debug)]
enum Change {
    SetString(Vec<u8>),
    SetShared(Vec<u8>),
    SetInteger(i64),
    SetContainer,
    SetDeadline(Option<u64>),
    SetAccessClock(u32),
    Append(Vec<u8>),
    SetRange(usize, Vec<u8>),
    ShareAndSetRange(usize, Vec<u8>),
    Rename(Vec<u8>),
    Copy(Vec<u8>),
    TakeValue,
}

#[derive(Clone, PartialEq, Debug)]
enum ModelValue {
    Text(Vec<u8>),
    Container,
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let border = SHARED_SIZE_BYTES_MIN;
    prop_oneof![
        4 => (0usize..200).prop_map(|length| vec![b'x'; length]),
        1 => (border - 30..border + 30).prop_map(|length| vec![b'y'; length]),
        2 => any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        1 => (0i64..200).prop_map(|number| number.to_string().into_bytes()),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let offset = || prop_oneof![3 => 0usize..100, 1 => 0usize..SHARED_SIZE_BYTES_MIN + 100];
    prop_oneof![
        text().prop_map(Change::SetString),
        text().prop_map(Change::SetShared),
        any::<i64>().prop_map(Change::SetInteger),
        Just(Change::SetContainer),
        any::<Option<u64>>().prop_map(Change::SetDeadline),
        any::<u32>().prop_map(Change::SetAccessClock),
        text().prop_map(Change::Append),
        (offset(), text()).prop_map(|(offset, part)| Change::SetRange(offset, part)),
        (offset(), text()).prop_map(|(offset, part)| Change::ShareAndSetRange(offset, part)),
        text().prop_map(Change::Rename),
        text().prop_map(Change::Copy),
        Just(Change::TakeValue),
    ]
}

struct Model {
    key: Vec<u8>,
    value: ModelValue,
    deadline: Option<u64>,
    clock: u32,
}

impl Model {
    fn set_range(&mut self, offset: usize, part: &[u8]) {
        let ModelValue::Text(text) = &mut self.value else { unreachable!("checked by the caller") };
        text.resize(text.len().max(offset + part.len()), 0);
        text[offset..offset + part.len()].copy_from_slice(part);
    }

    fn text_length(&self) -> Option<usize> {
        match &self.value {
            ModelValue::Text(text) => Some(text.len()),
            ModelValue::Container => None,
        }
    }

    fn check(&self, entry: &TestEntry) {
        assert_eq!(entry.key(), self.key);
        assert_eq!(entry.expire_at(), self.deadline.map(UnixMillis));
        assert_eq!(entry.access_clock(), self.clock);
        match (&self.value, entry.value()) {
            (ModelValue::Text(text), Value::String(string)) => {
                assert_eq!(string.to_vec(), *text);
                assert_eq!(string.len(), text.len());
                assert_eq!(matches!(string, StringRef::Shared(_)), text.len() >= SHARED_SIZE_BYTES_MIN);
            }
            (ModelValue::Container, Value::Container(container)) => assert_eq!(***container, *b"container"),
            (expected, found) => panic!("expected {expected:?}, found {found:?}"),
        }
    }
}

fn apply(mut entry: TestEntry, model: &mut Model, container: &Rc<Vec<u8>>, change: Change) -> TestEntry {
    match change {
        Change::SetString(text) => {
            entry.set_string(&text);
            model.value = ModelValue::Text(text);
        }
        Change::SetShared(text) => {
            entry.set_shared(Bytes::from(text.clone()));
            model.value = ModelValue::Text(text);
        }
        Change::SetInteger(number) => {
            entry.set_integer(number);
            model.value = ModelValue::Text(number.to_string().into_bytes());
        }
        Change::SetContainer => {
            entry.set_container(container.clone());
            model.value = ModelValue::Container;
        }
        Change::SetDeadline(deadline) => {
            entry.set_expire_at(deadline.map(UnixMillis));
            model.deadline = deadline;
        }
        Change::SetAccessClock(clock) => {
            entry.set_access_clock(clock);
            model.clock = clock;
        }
        Change::Append(tail) => {
            if let Some(length) = model.text_length() {
                assert_eq!(entry.append(&tail), length + tail.len());
                model.set_range(length, &tail);
            }
        }
        Change::SetRange(offset, part) => {
            if let Some(length) = model.text_length() {
                assert_eq!(entry.set_range(offset, &part), length.max(offset + part.len()));
                model.set_range(offset, &part);
            }
        }
        Change::ShareAndSetRange(offset, part) => {
            if model.text_length().is_some() {
                let shared = match entry.string() {
                    Some(StringRef::Shared(bytes)) => Some((bytes.clone(), bytes.to_vec())),
                    _ => None,
                };
                entry.set_range(offset, &part);
                model.set_range(offset, &part);
                if let Some((bytes, before)) = shared {
                    assert_eq!(bytes, before, "a reader's view changed");
                }
            }
        }
        Change::Rename(key) => {
            entry = entry.with_key(&key);
            model.key = key;
        }
        Change::Copy(key) => {
            let original = entry;
            entry = original.copy_with_key(&key);
            model.check(&original);
            model.key = key;
        }
        Change::TakeValue => {
            let heavy = model.text_length().is_none_or(|length| length >= SHARED_SIZE_BYTES_MIN);
            assert_eq!(entry.take_value().is_some(), heavy);
            if heavy {
                model.value = ModelValue::Text(Vec::new());
            }
        }
    }
    entry
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn an_entry_holds_what_a_model_holds(key in text(), value in text(), changes in prop::collection::vec(change(), 1..60)) {
        let container = Rc::new(b"container".to_vec());
        let mut entry = TestEntry::new_string(&key, &value);
        let mut model = Model { key, value: ModelValue::Text(value), deadline: None, clock: 0 };
        model.check(&entry);
        for change in changes {
            entry = apply(entry, &mut model, &container, change);
            model.check(&entry);
        }
        drop(entry);
        assert_eq!(Rc::strong_count(&container), 1, "a container is dropped once");
    }
}

#[test]
fn encodings_are_those_of_redis() {
    let built = |steps: &[&str]| {
        let mut entry = TestEntry::new_string(b"k", steps[0].as_bytes());
        steps[1..].iter().for_each(|tail| {
            entry.append(tail.as_bytes());
        });
        entry.string_encoding().map(StringEncoding::name)
    };
    let (longest_embstr, longer) = ("a".repeat(44), "a".repeat(45));
    for (steps, expected) in [
        (vec![""], "embstr"),
        (vec!["12"], "int"),
        (vec!["012"], "embstr"),
        (vec!["9223372036854775808"], "embstr"),
        (vec![&longest_embstr], "embstr"),
        (vec![&longer], "raw"),
        (vec!["1", "2"], "raw"),
        (vec!["a", ""], "raw"),
    ] {
        assert_eq!(built(&steps), Some(expected), "{steps:?}");
    }
    let mut entry = TestEntry::new_string(b"k", b"a");
    entry.append(b"b");
    assert_eq!(entry.copy_with_key(b"l").string_encoding(), Some(StringEncoding::Raw));
    entry.set_string(b"ab");
    assert_eq!(entry.string_encoding(), Some(StringEncoding::Embstr), "set whole again");
    entry.set_container(Rc::default());
    assert_eq!(entry.string_encoding(), None);
}

#[test]
fn a_value_of_the_same_size_class_is_overwritten_in_place() {
    let mut entry = TestEntry::new_string(b"0123456789abcdef", &[b'a'; 64]);
    assert_eq!(entry.memory_size_bytes(), 96, "header, key and value, nothing else");
    let address = entry.address();
    for length in [64, 40, 50, 63, 1, 64] {
        entry.set_string(&vec![b'b'; length]);
        assert_eq!((entry.address(), entry.memory_size_bytes()), (address, 96), "{length}");
    }
    let mut long = TestEntry::new_string(b"key", &[b'a'; 1000]);
    long.set_string(b"short");
    assert_eq!(long.memory_size_bytes(), 32, "a much shorter value gives memory back");
}

#[test]
fn a_large_value_grows_in_place_while_nobody_shares_it() {
    let mut entry = TestEntry::new_string(b"key", &vec![b'a'; 1 << 20]);
    let mut moves = 0;
    let mut address = std::ptr::null();
    for _ in 0..(1 << 16) {
        entry.append(b"0123456789abcdef");
        let Some(StringRef::Shared(bytes)) = entry.string() else { panic!("large values are shared") };
        moves += usize::from(bytes.as_ptr() != address);
        address = bytes.as_ptr();
    }
    assert!(moves <= 4, "{moves} moves while a value doubled");
}

#[test]
fn keys_are_told_apart_at_every_length() {
    for length in 0..40 {
        let key: Vec<u8> = (0..length).collect();
        let entry = TestEntry::new_string(&key, b"");
        assert!(entry.has_key(&key));
        assert!(!entry.has_key(&[key.as_slice(), b"x"].concat()));
        for position in 0..key.len() {
            let mut other = key.clone();
            other[position] ^= 1;
            assert!(!entry.has_key(&other), "byte {position} of {length}");
            assert!(!entry.has_key(&key[..position]), "{position} of {length} bytes");
        }
    }
}

#[test]
fn an_entry_is_one_thin_pointer() {
    assert_eq!(size_of::<Option<Entry<[u64; 2]>>>(), 8);
    fn is_send<T: Send>() {}
    is_send::<Entry<Vec<u8>>>();
}
