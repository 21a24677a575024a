//! Effects on the keyspace: the deterministic changes that requests decide on, their bytes in a record, and
//! how they are applied. One file per family, one row per effect in [`ROWS`].
//!
//! ```text
//! effect: u8 tag | fields, strings length-prefixed, numbers LEB128
//! ```
//! Tags are part of the log format and never change their meaning. `0x01..=0x7f` belong to the keyspace.

pub mod database;
pub mod hash;
pub mod key;
pub mod list;
pub mod set;
pub mod sorted_set;
pub mod string;

use super::{Keyspace, Place};
use bytes::Bytes;
use warren_units::Rope;
use warren_units::varint::{Cursor, put_bytes, put_shared};

/// A change of the keyspace with everything that chance, time or choice could decide already decided.
pub trait Effect<'a>: Sized {
    /// First byte in the record.
    const TAG: u8;

    /// What the live handler may want to know of the change.
    type Outcome;

    /// Appends the fields, the tag excluded.
    fn encode(&self, out: &mut Rope);

    /// Reads the fields back and looks the place up; `None` on malformed bytes.
    fn decode(cursor: &mut Cursor<'a>, keyspace: &mut Keyspace) -> Option<Self>;

    /// Carries the change out. It cannot fail: whoever decided on the effect has checked that it fits.
    fn apply(self, keyspace: &mut Keyspace) -> Self::Outcome;

    /// Passes over the fields behind the key. `None` on malformed bytes, and of effects for which it is not worth its
    /// while: checkpoints are made of few kinds.
    fn pass(_: &mut Cursor<'_>) -> Option<()> {
        None
    }
}

/// What is known of a kind of effect.
pub struct Row {
    pub tag: u8,
    /// For `log dump`.
    pub name: &'static str,
    replay: Replay,
    pass: Pass,
}

/// Reads one effect, its tag already taken, and applies it; `None` on malformed bytes.
type Replay = fn(&mut Keyspace, &mut Cursor<'_>) -> Option<()>;

/// [`Effect::pass`].
type Pass = fn(&mut Cursor<'_>) -> Option<()>;

pub const ROWS: &[Row] = &[
    row::<string::SetString>("SetString"),
    row::<string::SetInteger>("SetInteger"),
    row::<string::SetText>("SetText"),
    row::<string::Append>("Append"),
    row::<string::SetRange>("SetRange"),
    row::<key::Delete>("Delete"),
    row::<key::SetDeadline>("SetDeadline"),
    row::<key::Rename>("Rename"),
    row::<key::Copy>("Copy"),
    row::<key::SetValue>("SetValue"),
    row::<database::Flush>("Flush"),
    row::<database::Swap>("Swap"),
    row::<hash::SetFields>("SetFields"),
    row::<hash::RemoveFields>("RemoveFields"),
    row::<list::Push>("Push"),
    row::<list::Pop>("Pop"),
    row::<list::Insert>("Insert"),
    row::<list::SetElement>("SetElement"),
    row::<list::RemoveRange>("RemoveRange"),
    row::<set::AddMembers>("AddMembers"),
    row::<set::RemoveMembers>("RemoveMembers"),
    row::<sorted_set::SetScores>("SetScores"),
    row::<sorted_set::RemoveScored>("RemoveScored"),
    row::<sorted_set::RemoveRanks>("RemoveRanks"),
];

const fn row<'a, E: Effect<'a> + Replayable>(name: &'static str) -> Row {
    Row { tag: E::TAG, name, replay: E::REPLAY, pass: E::PASS }
}

fn row_of(tag: u8) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.tag == tag)
}

/// The lifetime-free side of an effect type, so that it can stand in a table.
pub trait Replayable {
    const REPLAY: Replay;
    const PASS: Pass;
}

/// Implements [`Replayable`] for an effect type with one lifetime.
macro_rules! replayable {
    ($($effect:ident),* $(,)?) => {
        $(impl $crate::keyspace::effects::Replayable for $effect<'_> {
            const REPLAY: fn(&mut $crate::keyspace::Keyspace, &mut warren_units::varint::Cursor<'_>) -> Option<()> =
                |keyspace, cursor| {
                    let effect = <$effect<'_> as $crate::keyspace::effects::Effect<'_>>::decode(cursor, keyspace)?;
                    $crate::keyspace::effects::Effect::apply(effect, keyspace);
                    Some(())
                };
            const PASS: fn(&mut warren_units::varint::Cursor<'_>) -> Option<()> =
                <$effect<'static> as $crate::keyspace::effects::Effect<'static>>::pass;
        })*
    };
}
pub(crate) use replayable;

impl Keyspace {
    /// Applies the effect with this tag from a record.
    ///
    /// Answers `None` where the tag is unknown or the bytes do not fit: the log is damaged or newer.
    pub fn replay(&mut self, tag: u8, cursor: &mut Cursor<'_>) -> Option<()> {
        (row_of(tag)?.replay)(self, cursor)
    }

    /// Announces the keys of effects that are replayed soon, at most `count_max` of them: those that change a key begin
    /// with it. What other bytes seem to name is asked of the CPU in vain. Answers how many; it ends behind an effect
    /// that is not passed over.
    pub fn announce_effects(&mut self, effects: &[u8], count_max: usize) -> usize {
        let mut cursor = Cursor::new(effects);
        for count in 0..count_max {
            let Some(row) = cursor.byte().and_then(row_of) else { return count };
            let (Some(database), Some(key)) = (take_database(&mut cursor), cursor.bytes()) else {
                return count;
            };
            self.announce(database, key);
            if (row.pass)(&mut cursor).is_none() {
                return count + 1;
            }
        }
        count_max
    }
}

/// A string of an effect: borrowed from the request, or shared where it is large.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    Slice(&'a [u8]),
    Shared(&'a Bytes),
}

impl<'a> Value<'a> {
    /// Argument `index` of a request.
    #[inline]
    pub fn of(args: warren_resp::Args<'a>, index: usize) -> Value<'a> {
        args.shared(index).map_or_else(|| Value::Slice(args.get(index)), Value::Shared)
    }

    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn as_slice(&self) -> &'a [u8] {
        match self {
            Value::Slice(slice) => slice,
            Value::Shared(bytes) => bytes,
        }
    }

    #[inline]
    pub(crate) fn encode(&self, out: &mut Rope) {
        match self {
            Value::Slice(slice) => put_bytes(out.bytes_mut(), slice),
            Value::Shared(bytes) => put_shared(out, bytes),
        }
    }
}

impl<'a> From<Value<'a>> for crate::values::Text<'a> {
    fn from(value: Value<'a>) -> Self {
        match value {
            Value::Slice(slice) => crate::values::Text::Slice(slice),
            Value::Shared(bytes) => crate::values::Text::Shared(bytes),
        }
    }
}

#[inline]
pub(crate) fn put_place(out: &mut Rope, place: Place<'_>) {
    out.push(place.database);
    put_bytes(out.bytes_mut(), place.key);
}

#[inline]
pub(crate) fn take_place<'a>(cursor: &mut Cursor<'a>, keyspace: &mut Keyspace) -> Option<Place<'a>> {
    let database = take_database(cursor)?;
    let key = cursor.bytes()?;
    Some(keyspace.find(database, key))
}

pub(crate) fn take_database(cursor: &mut Cursor<'_>) -> Option<u8> {
    cursor.byte().filter(|database| usize::from(*database) < warren_units::bounds::DATABASE_COUNT)
}

/// A counted list of strings.
pub(crate) fn put_values(out: &mut Rope, values: &[Value<'_>]) {
    warren_units::varint::put_u64(out.bytes_mut(), values.len() as u64);
    values.iter().for_each(|value| value.encode(out));
}

pub(crate) fn take_values<'a>(cursor: &mut Cursor<'a>) -> Option<Vec<Value<'a>>> {
    let count = cursor.usize()?;
    // Every string takes at least its length byte: a damaged count asks for no more memory than that.
    let mut values = Vec::with_capacity(count.min(cursor.rest().len()));
    for _ in 0..count {
        values.push(Value::Slice(cursor.bytes()?));
    }
    Some(values)
}

/// An optional point in time: 0 for none, else milliseconds plus one.
pub(crate) fn put_deadline(out: &mut Rope, deadline: Option<warren_units::UnixMillis>) {
    warren_units::varint::put_u64(out.bytes_mut(), deadline.map_or(0, |at| at.0.saturating_add(1)));
}

pub(crate) fn take_deadline(cursor: &mut Cursor<'_>) -> Option<Option<warren_units::UnixMillis>> {
    Some(cursor.u64()?.checked_sub(1).map(warren_units::UnixMillis))
}

#[cfg(test)]
mod tests {
    use super::key::{Delete, SetValue};
    use super::string::{Deadline, SetString};
    use super::*;
    use warren_units::UnixMillis;

    #[test]
    fn what_a_checkpoint_is_mostly_of_is_passed_over() {
        let mut keyspace = Keyspace::new(1);
        let mut rope = Rope::new();
        let place = keyspace.find(3, b"key");
        for deadline in [Deadline::Keep, Deadline::Set(None), Deadline::Set(Some(UnixMillis(1 << 40)))] {
            rope.push(SetString::TAG);
            SetString { place, value: Value::Slice(&[7; 300]), deadline }.encode(&mut rope);
        }
        rope.push(SetValue::TAG);
        SetValue { place, deadline: None, encoded: Value::Slice(b"any"), decoded: None }.encode(&mut rope);
        for _ in 0..2 {
            rope.push(Delete::TAG);
            Delete { place }.encode(&mut rope);
        }
        let bytes = rope.to_vec();
        assert_eq!(keyspace.announce_effects(&bytes, 64), 5, "up to the first that is not passed over");
        assert_eq!(keyspace.announce_effects(&bytes, 2), 2);
        assert_eq!(keyspace.announce_effects(&[0xff], 64), 0);
        let whole = (0..bytes.len()).map(|end| keyspace.announce_effects(&bytes[..end], 64));
        assert!(whole.is_sorted(), "what is cut off is not announced");
    }
}
