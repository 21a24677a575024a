//! Effects on strings.

use super::{Effect, Value, put_deadline, put_place, replayable, take_deadline, take_place};
use crate::keyspace::entry::Entry;
use crate::keyspace::{KeyEntry, Keyspace, Place};
use warren_units::bounds::SHARED_SIZE_BYTES_MIN;
use warren_units::varint::{Cursor, put_bytes, put_i64, put_u64};
use warren_units::{Rope, UnixMillis};

replayable!(SetString, SetInteger, SetText, Append, SetRange);

/// What becomes of a key's deadline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deadline {
    Keep,
    Set(Option<UnixMillis>),
}

/// The key becomes this string, whatever it was.
pub struct SetString<'a> {
    pub place: Place<'a>,
    pub value: Value<'a>,
    pub deadline: Deadline,
}

/// The key becomes this integer and keeps its deadline (INCR and its like).
pub struct SetInteger<'a> {
    pub place: Place<'a>,
    pub value: i64,
}

/// The key becomes this short text, which is never kept as a number, and keeps its deadline (INCRBYFLOAT).
pub struct SetText<'a> {
    pub place: Place<'a>,
    pub text: &'a [u8],
}

/// A string grows at its end; a missing key is empty. Outcome: the new size in bytes.
pub struct Append<'a> {
    pub place: Place<'a>,
    pub tail: Value<'a>,
}

/// Part of a string is overwritten; missing bytes before it are zero. Outcome: the new size in bytes.
pub struct SetRange<'a> {
    pub place: Place<'a>,
    pub offset: usize,
    pub part: Value<'a>,
}

impl<'a> Effect<'a> for SetString<'a> {
    const TAG: u8 = 0x01;
    type Outcome = ();

    #[inline]
    fn encode(&self, out: &mut Rope) {
        put_place(out, self.place);
        match self.deadline {
            Deadline::Keep => out.push(1),
            Deadline::Set(deadline) => {
                out.push(0);
                put_deadline(out, deadline);
            }
        }
        self.value.encode(out);
    }

    fn decode(cursor: &mut Cursor<'a>, keyspace: &mut Keyspace) -> Option<Self> {
        let place = take_place(cursor, keyspace)?;
        let (deadline, value) = Self::behind_key(cursor)?;
        Some(SetString { place, deadline, value: Value::Slice(value) })
    }

    fn pass(cursor: &mut Cursor<'_>) -> Option<()> {
        Self::behind_key(cursor).map(drop)
    }

    #[inline]
    fn apply(self, keyspace: &mut Keyspace) {
        let old_deadline = keyspace.change_entry(self.place, |entry| {
            if entry.container().is_some() {
                return None;
            }
            match self.value {
                Value::Slice(slice) => entry.set_string(slice),
                Value::Shared(bytes) => entry.set_shared(bytes.clone()),
            }
            Some(entry.expire_at())
        });
        if let Some(old_deadline) = old_deadline.flatten() {
            if let Deadline::Set(deadline) = self.deadline
                && old_deadline != deadline
            {
                keyspace.set_deadline(self.place, deadline);
            }
            keyspace.changed(self.place);
            return;
        }
        let mut entry = match self.value {
            Value::Slice(slice) => Entry::new_string(self.place.key, slice),
            Value::Shared(bytes) => Entry::new_shared(self.place.key, bytes.clone()),
        };
        let deadline = match self.deadline {
            Deadline::Keep => keyspace.entry(self.place).and_then(Entry::expire_at),
            Deadline::Set(deadline) => deadline,
        };
        if deadline.is_some() {
            entry.set_expire_at(deadline);
        }
        keyspace.put(self.place, entry);
    }
}

impl SetString<'_> {
    fn behind_key<'c>(cursor: &mut Cursor<'c>) -> Option<(Deadline, &'c [u8])> {
        let deadline = match cursor.byte()? {
            0 => Deadline::Set(take_deadline(cursor)?),
            1 => Deadline::Keep,
            _ => return None,
        };
        Some((deadline, cursor.bytes()?))
    }
}

impl<'a> Effect<'a> for SetInteger<'a> {
    const TAG: u8 = 0x02;
    type Outcome = ();

    fn encode(&self, out: &mut Rope) {
        put_place(out, self.place);
        put_i64(out.bytes_mut(), self.value);
    }

    fn decode(cursor: &mut Cursor<'a>, keyspace: &mut Keyspace) -> Option<Self> {
        Some(SetInteger { place: take_place(cursor, keyspace)?, value: cursor.i64()? })
    }

    fn apply(self, keyspace: &mut Keyspace) {
        match keyspace.change_entry(self.place, |entry| entry.set_integer(self.value)) {
            Some(()) => keyspace.changed(self.place),
            None => keyspace.put(self.place, Entry::new_integer(self.place.key, self.value)),
        }
    }
}

impl<'a> Effect<'a> for SetText<'a> {
    const TAG: u8 = 0x05;
    type Outcome = ();

    fn encode(&self, out: &mut Rope) {
        put_place(out, self.place);
        put_bytes(out.bytes_mut(), self.text);
    }

    fn decode(cursor: &mut Cursor<'a>, keyspace: &mut Keyspace) -> Option<Self> {
        let place = take_place(cursor, keyspace)?;
        let text = cursor.bytes().filter(|text| text.len() < SHARED_SIZE_BYTES_MIN)?;
        Some(SetText { place, text })
    }

    fn apply(self, keyspace: &mut Keyspace) {
        match keyspace.change_entry(self.place, |entry| entry.set_short_text(self.text)) {
            Some(()) => keyspace.changed(self.place),
            None => {
                let mut entry = Entry::new_string(self.place.key, b"");
                entry.set_short_text(self.text);
                keyspace.put(self.place, entry);
            }
        }
    }
}

impl<'a> Effect<'a> for Append<'a> {
    const TAG: u8 = 0x03;
    type Outcome = usize;

    fn encode(&self, out: &mut Rope) {
        put_place(out, self.place);
        self.tail.encode(out);
    }

    fn decode(cursor: &mut Cursor<'a>, keyspace: &mut Keyspace) -> Option<Self> {
        Some(Append { place: take_place(cursor, keyspace)?, tail: Value::Slice(cursor.bytes()?) })
    }

    fn apply(self, keyspace: &mut Keyspace) -> usize {
        match keyspace.change_entry(self.place, |entry| entry.append(self.tail.as_slice())) {
            Some(size) => {
                keyspace.changed(self.place);
                size
            }
            None => {
                let value = self.tail;
                SetString { place: self.place, value, deadline: Deadline::Set(None) }.apply(keyspace);
                value.len()
            }
        }
    }
}

impl<'a> Effect<'a> for SetRange<'a> {
    const TAG: u8 = 0x04;
    type Outcome = usize;

    fn encode(&self, out: &mut Rope) {
        put_place(out, self.place);
        put_u64(out.bytes_mut(), self.offset as u64);
        self.part.encode(out);
    }

    fn decode(cursor: &mut Cursor<'a>, keyspace: &mut Keyspace) -> Option<Self> {
        let place = take_place(cursor, keyspace)?;
        let offset = cursor.usize().filter(|offset| *offset <= warren_units::bounds::BULK_SIZE_BYTES_MAX)?;
        Some(SetRange { place, offset, part: Value::Slice(cursor.bytes()?) })
    }

    fn apply(self, keyspace: &mut Keyspace) -> usize {
        let set = |entry: &mut KeyEntry| entry.set_range(self.offset, self.part.as_slice());
        if let Some(size) = keyspace.change_entry(self.place, set) {
            keyspace.changed(self.place);
            return size;
        }
        let mut entry = Entry::new_string(self.place.key, b"");
        let size = entry.set_range(self.offset, self.part.as_slice());
        keyspace.put(self.place, entry);
        size
    }
}
