//! A whole value as bytes: `u8 kind | content`. Part of the log format.

use super::entry::{Entry, Value};
use super::{Container, KeyEntry, Kind};
use crate::values::{Hash, List, Set, SortedSet};

/// Appends the value of an entry; its key and deadline are not part of it.
pub fn encode(entry: &KeyEntry, out: &mut Vec<u8>) {
    match entry.value() {
        Value::String(string) => {
            out.push(Kind::String as u8);
            out.extend_from_slice(string.as_bytes(&mut itoa::Buffer::new()));
        }
        Value::Container(container) => encode_container(container, out),
    }
}

/// Appends a container that has no key yet.
pub fn encode_container(container: &Container, out: &mut Vec<u8>) {
    match container {
        Container::List(list) => {
            out.push(Kind::List as u8);
            list.encode(out);
        }
        Container::Hash(hash) => {
            out.push(Kind::Hash as u8);
            hash.encode(out);
        }
        Container::Set(set) => {
            out.push(Kind::Set as u8);
            set.encode(out);
        }
        Container::SortedSet(sorted_set) => {
            out.push(Kind::SortedSet as u8);
            sorted_set.encode(out);
        }
    }
}

/// An entry with this key and the encoded value; `None` on malformed bytes.
pub fn decode(key: &[u8], bytes: &[u8], seed: u64) -> Option<KeyEntry> {
    let (kind, content) = bytes.split_first()?;
    let kind = Kind::ALL.into_iter().find(|known| *known as u8 == *kind)?;
    let container = match kind {
        Kind::String => return Some(Entry::new_string(key, content)),
        Kind::List => Container::List(Box::new(List::decode(content)?)),
        Kind::Hash => Container::Hash(Box::new(Hash::decode(content, seed)?)),
        Kind::Set => Container::Set(Box::new(Set::decode(content, seed)?)),
        Kind::SortedSet => Container::SortedSet(Box::new(SortedSet::decode(content, seed)?)),
    };
    Some(Entry::new_container(key, container))
}
