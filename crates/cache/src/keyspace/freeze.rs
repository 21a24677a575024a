//! The frozen view: all databases as they were at one moment, handed out in steps while they change.
//!
//! Every entry has one of two colours. Freezing flips the current one, so that all entries have the old
//! colour: they belong to the view. Whatever is about to change and still has it is written out first; a walk
//! over the tables writes the rest; both give the entry the current colour. What is made meanwhile has the
//! current colour from the start. When the walk is through, no entry has the old colour any more.
//!
//! Strings and compact containers are written out at once, as the effects that make them. Large containers
//! are shared in constant time and encoded outside the engine; so is a table that FLUSHALL took out.
//!
//! This module never sees the log, a thread or a file.

use super::effects::hash::SetFields;
use super::effects::key::{SetDeadline, SetValue};
use super::effects::list::{Push, Side};
use super::effects::set::AddMembers;
use super::effects::sorted_set::SetScores;
use super::effects::string::{Deadline, SetRange, SetString, SetText};
use super::effects::{Effect, Value};
use super::entry;
use super::string::StringRef;
use super::table::Garbage;
use super::{Container, KeyEntry, Keyspace, Place, codec};
use crate::values::{Text, canonical_integer};
use warren_units::bounds::DATABASE_COUNT;
use warren_units::{Rope, UnixMillis};

/// Bytes of a block of effects: past it the next one begins. What one effect needs always stays whole.
const BLOCK_SIZE_BYTES: usize = 256 * 1024;

/// Buckets without entries that count as much work as one entry.
const EMPTY_BUCKETS_PER_ENTRY: usize = 4;

#[derive(Default)]
pub(super) struct Freeze {
    colour: bool,
    walk: Option<Walk>,
    part: KeyspacePart,
}

/// How far the walk is.
#[derive(Clone, Copy)]
struct Walk {
    /// Number of the database in the view.
    database: u8,
    cursor: u64,
}

/// A part of a frozen view, to be encoded outside the engine.
#[derive(Default)]
pub struct KeyspacePart {
    /// Whole effects.
    small: Rope,
    containers: Vec<FrozenKey>,
    tables: Vec<FrozenTable>,
}

struct FrozenKey {
    database: u8,
    key: Box<[u8]>,
    deadline: Option<UnixMillis>,
    container: Container,
}

/// A table that was taken out whole. Entries of another colour are out already, or not in the view.
struct FrozenTable {
    database: u8,
    colour: bool,
    table: Garbage<Container>,
}

impl Freeze {
    /// Called with every entry that is about to change or has just left its table.
    #[inline]
    pub fn before_change(&mut self, database: u8, entry: &mut KeyEntry) {
        if entry.colour() != self.colour {
            self.keep(database, entry);
        }
    }

    #[inline]
    pub fn mark_new(&self, entry: &mut KeyEntry) {
        entry.set_colour(self.colour);
    }

    #[cold]
    fn keep(&mut self, database: u8, entry: &mut KeyEntry) {
        self.part.add(database, entry);
        entry.set_colour(self.colour);
    }

    /// Takes a table that FLUSHDB took out, or gives it back where the view does not need it.
    pub fn keep_table(&mut self, database: u8, table: Garbage<Container>) -> Option<Garbage<Container>> {
        if self.walk.is_none_or(|walk| walk.database > database) {
            return Some(table);
        }
        self.part.tables.push(FrozenTable { database, colour: !self.colour, table });
        None
    }
}

impl Keyspace {
    /// Freezes all databases as they are now.
    ///
    /// # Panics
    /// If the last view is not handed out to its end.
    pub fn freeze(&mut self) {
        assert!(!self.is_frozen(), "one view at a time");
        self.freeze.colour = !self.freeze.colour;
        self.freeze.walk = Some(Walk { database: 0, cursor: 0 });
        for (number, database) in self.databases.iter_mut().enumerate() {
            database.frozen_number = number as u8;
        }
    }

    /// True until the view is handed out to its end.
    pub fn is_frozen(&self) -> bool {
        self.freeze.walk.is_some()
    }

    /// Hands out about `entry_count` more entries of the view, and what changes have written out since the
    /// last step. After the last step [`Keyspace::is_frozen`] is false.
    pub fn take_frozen(&mut self, entry_count: usize) -> KeyspacePart {
        let mut left = entry_count * EMPTY_BUCKETS_PER_ENTRY;
        while let Some(walk) = self.freeze.walk
            && left > 0
        {
            let database = self.databases.iter_mut().find(|it| it.frozen_number == walk.database);
            let table = &mut database.expect("every number is some database's").table;
            let freeze = &mut self.freeze;
            let cursor = table.scan_mut(walk.cursor, |entry| {
                freeze.before_change(walk.database, entry);
                left = left.saturating_sub(EMPTY_BUCKETS_PER_ENTRY);
            });
            left = left.saturating_sub(1);
            self.freeze.walk = match cursor {
                0 if usize::from(walk.database) + 1 == DATABASE_COUNT => None,
                0 => Some(Walk { database: walk.database + 1, cursor: 0 }),
                _ => Some(Walk { cursor, ..walk }),
            };
        }
        std::mem::take(&mut self.freeze.part)
    }
}

impl KeyspacePart {
    pub fn is_empty(&self) -> bool {
        self.small.is_empty() && self.containers.is_empty() && self.tables.is_empty()
    }

    /// Adds an entry of the view.
    fn add(&mut self, database: u8, entry: &KeyEntry) {
        match entry.container() {
            Some(container) if !container.is_packed() => self.containers.push(FrozenKey {
                database,
                key: entry.key().into(),
                deadline: entry.expire_at(),
                container: container.clone(),
            }),
            _ => put_small(&mut self.small, database, entry),
        }
    }

    /// Gives the effects that make the part's keys to `block`, each call a whole number of them.
    pub fn encode<E>(self, block: &mut impl FnMut(&Rope) -> Result<(), E>) -> Result<(), E> {
        if !self.small.is_empty() {
            block(&self.small)?;
        }
        for key in self.containers {
            key.encode(block)?;
        }
        for FrozenTable { database, colour, table } in self.tables {
            let (mut part, mut result) = (KeyspacePart::default(), Ok(()));
            table.for_each(|entry| {
                if entry.colour() == colour && result.is_ok() {
                    part.add(database, entry);
                    if part.small.len() > BLOCK_SIZE_BYTES || !part.containers.is_empty() {
                        result = std::mem::take(&mut part).encode(block);
                    }
                }
            });
            result.and_then(|()| part.encode(block))?;
        }
        Ok(())
    }
}

impl FrozenKey {
    /// The container in pieces, so that no block is as large as it.
    fn encode<E>(&self, block: &mut impl FnMut(&Rope) -> Result<(), E>) -> Result<(), E> {
        let place = Place { database: self.database, key: &self.key, hash: 0, slot: None };
        match &self.container {
            Container::List(list) => pieces(list.iter(), text_size, block, |texts, out| {
                let elements = values(texts).collect();
                put(out, Push { place, side: Side::Right, elements });
            })?,
            Container::Hash(hash) => pieces(hash.iter(), pair_size, block, |pairs, out| {
                let pairs = pairs.iter().flat_map(|(field, value)| [value_of(field), value_of(value)]);
                put(out, SetFields { place, pairs: pairs.collect() });
            })?,
            Container::Set(set) => pieces(set.iter(), text_size, block, |texts, out| {
                put(out, AddMembers { place, members: values(texts).collect() });
            })?,
            Container::SortedSet(sorted_set) => {
                let size = |(member, _): &(Text<'_>, f64)| member.len() + size_of::<f64>();
                pieces(sorted_set.iter(), size, block, |members, out| {
                    let scored = members.iter().map(|(member, score)| (*score, value_of(member)));
                    put(out, SetScores { place, scored: scored.collect() });
                })?;
            }
        }
        if self.deadline.is_some() {
            let mut out = Rope::new();
            put(&mut out, SetDeadline { place, deadline: self.deadline });
            block(&out)?;
        }
        Ok(())
    }
}

/// Gives elements to `put` in pieces of about [`BLOCK_SIZE_BYTES`], and each piece's effect to `block`.
fn pieces<T, E>(
    elements: impl Iterator<Item = T>,
    size_of_element: impl Fn(&T) -> usize,
    block: &mut impl FnMut(&Rope) -> Result<(), E>,
    mut put: impl FnMut(&[T], &mut Rope),
) -> Result<(), E> {
    let (mut piece, mut size) = (Vec::new(), 0);
    let mut flush = |piece: &mut Vec<T>| {
        let mut out = Rope::new();
        put(piece, &mut out);
        piece.clear();
        block(&out)
    };
    for element in elements {
        size += size_of_element(&element);
        piece.push(element);
        if size > BLOCK_SIZE_BYTES {
            size = 0;
            flush(&mut piece)?;
        }
    }
    if piece.is_empty() { Ok(()) } else { flush(&mut piece) }
}

fn text_size(text: &Text<'_>) -> usize {
    text.len()
}

fn pair_size((field, value): &(Text<'_>, Text<'_>)) -> usize {
    field.len() + value.len()
}

fn value_of<'t>(text: &'t Text<'_>) -> Value<'t> {
    match text {
        Text::Shared(bytes) => Value::Shared(bytes),
        text => Value::Slice(text.as_slice()),
    }
}

fn values<'t>(texts: &'t [Text<'_>]) -> impl Iterator<Item = Value<'t>> {
    texts.iter().map(value_of)
}

fn put<'e, E: Effect<'e>>(out: &mut Rope, effect: E) {
    out.push(E::TAG);
    effect.encode(out);
}

/// A string or a compact container as one effect, two where it takes another one than SET and has a deadline.
fn put_small(out: &mut Rope, database: u8, entry: &KeyEntry) {
    let place = Place { database, key: entry.key(), hash: 0, slot: None };
    let deadline = entry.expire_at();
    let mut buffer = itoa::Buffer::new();
    let value = match entry.value() {
        entry::Value::Container(container) => {
            let mut encoded = Vec::new();
            codec::encode_container(container, &mut encoded);
            return put(out, SetValue { place, deadline, encoded: Value::Slice(&encoded), decoded: None });
        }
        // Text that SET would make a number of, or would not call `raw`.
        entry::Value::String(StringRef::Plain(text))
            if entry.is_changed_text() || canonical_integer(text).is_some() =>
        {
            if entry.is_changed_text() {
                put(out, SetRange { place, offset: 0, part: Value::Slice(text) });
            } else {
                put(out, SetText { place, text });
            }
            if deadline.is_some() {
                put(out, SetDeadline { place, deadline });
            }
            return;
        }
        entry::Value::String(StringRef::Shared(bytes)) => Value::Shared(bytes),
        entry::Value::String(string) => Value::Slice(string.as_bytes(&mut buffer)),
    };
    put(out, SetString { place, value, deadline: Deadline::Set(deadline) });
}

impl Container {
    /// Compact: small enough to be encoded within a step.
    fn is_packed(&self) -> bool {
        let encoding = match self {
            Container::List(list) => list.encoding(),
            Container::Hash(hash) => hash.encoding(),
            Container::Set(set) => set.encoding(),
            Container::SortedSet(sorted_set) => sorted_set.encoding(),
        };
        matches!(encoding, "listpack" | "intset")
    }
}

#[cfg(test)]
mod tests;
