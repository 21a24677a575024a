//! Effects on keys of any type.

use super::{Effect, Value, put_deadline, put_place, replayable, take_deadline, take_place};
use crate::keyspace::codec;
use crate::keyspace::{KeyEntry, Keyspace, Place};
use warren_units::varint::Cursor;
use warren_units::{Rope, UnixMillis};

replayable!(Delete, SetDeadline, Rename, Copy, SetValue);

/// The key goes: deleted, expired or emptied.
pub struct Delete<'a> {
    pub place: Place<'a>,
}

/// The key gets a deadline, or loses it.
pub struct SetDeadline<'a> {
    pub place: Place<'a>,
    pub deadline: Option<UnixMillis>,
}

/// The value moves to another key, of any database, over what is there, deadline included.
pub struct Rename<'a> {
    pub from: Place<'a>,
    pub to: Place<'a>,
}

/// The value is copied to another key, of any database, over what is there, deadline included.
pub struct Copy<'a> {
    pub from: Place<'a>,
    pub to: Place<'a>,
}

/// The key becomes this value, encoded whole by [`codec`]: results of SUNIONSTORE and its like.
pub struct SetValue<'a> {
    pub place: Place<'a>,
    pub deadline: Option<UnixMillis>,
    pub encoded: Value<'a>,
    /// The same as an entry without its deadline, where it is at hand.
    pub decoded: Option<KeyEntry>,
}

impl<'a> Effect<'a> for Delete<'a> {
    const TAG: u8 = 0x10;
    type Outcome = ();

    fn encode(&self, out: &mut Rope) {
        put_place(out, self.place);
    }

    fn decode(cursor: &mut Cursor<'a>, keyspace: &mut Keyspace) -> Option<Self> {
        Some(Delete { place: take_place(cursor, keyspace)? })
    }

    fn apply(self, keyspace: &mut Keyspace) {
        if let Some(entry) = keyspace.take(self.place) {
            keyspace.discard(entry);
        }
    }
}

impl<'a> Effect<'a> for SetDeadline<'a> {
    const TAG: u8 = 0x11;
    type Outcome = ();

    fn encode(&self, out: &mut Rope) {
        put_place(out, self.place);
        put_deadline(out, self.deadline);
    }

    fn decode(cursor: &mut Cursor<'a>, keyspace: &mut Keyspace) -> Option<Self> {
        Some(SetDeadline { place: take_place(cursor, keyspace)?, deadline: take_deadline(cursor)? })
    }

    fn apply(self, keyspace: &mut Keyspace) {
        keyspace.set_deadline(self.place, self.deadline);
        keyspace.changed(self.place);
    }
}

impl<'a> Effect<'a> for Rename<'a> {
    const TAG: u8 = 0x12;
    type Outcome = ();

    fn encode(&self, out: &mut Rope) {
        put_place(out, self.from);
        put_place(out, self.to);
    }

    fn decode(cursor: &mut Cursor<'a>, keyspace: &mut Keyspace) -> Option<Self> {
        Some(Rename { from: take_place(cursor, keyspace)?, to: take_place(cursor, keyspace)? })
    }

    fn apply(self, keyspace: &mut Keyspace) {
        if let Some(entry) = keyspace.take(self.from) {
            // Taking one key out may have moved the other: look it up anew.
            let to = keyspace.find(self.to.database, self.to.key);
            keyspace.put(to, entry.with_key(to.key));
        }
    }
}

impl<'a> Effect<'a> for Copy<'a> {
    const TAG: u8 = 0x13;
    type Outcome = ();

    fn encode(&self, out: &mut Rope) {
        put_place(out, self.from);
        put_place(out, self.to);
    }

    fn decode(cursor: &mut Cursor<'a>, keyspace: &mut Keyspace) -> Option<Self> {
        Some(Copy { from: take_place(cursor, keyspace)?, to: take_place(cursor, keyspace)? })
    }

    fn apply(self, keyspace: &mut Keyspace) {
        if let Some(copy) = keyspace.entry(self.from).map(|entry| entry.copy_with_key(self.to.key)) {
            keyspace.put(self.to, copy);
        }
    }
}

impl<'a> Effect<'a> for SetValue<'a> {
    const TAG: u8 = 0x14;
    type Outcome = ();

    fn encode(&self, out: &mut Rope) {
        put_place(out, self.place);
        put_deadline(out, self.deadline);
        self.encoded.encode(out);
    }

    fn decode(cursor: &mut Cursor<'a>, keyspace: &mut Keyspace) -> Option<Self> {
        let place = take_place(cursor, keyspace)?;
        let deadline = take_deadline(cursor)?;
        let encoded = cursor.bytes()?;
        let decoded = Some(codec::decode(place.key, encoded, keyspace.seed())?);
        Some(SetValue { place, deadline, encoded: Value::Slice(encoded), decoded })
    }

    fn pass(cursor: &mut Cursor<'_>) -> Option<()> {
        take_deadline(cursor)?;
        cursor.bytes().map(drop)
    }

    fn apply(self, keyspace: &mut Keyspace) {
        let decode = || codec::decode(self.place.key, self.encoded.as_slice(), keyspace.seed());
        let mut entry = self.decoded.or_else(decode).expect("a value is checked before it becomes an effect");
        entry.set_expire_at(self.deadline);
        keyspace.put(self.place, entry);
    }
}
