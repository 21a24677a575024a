//! Effects on hashes. A hash that loses its last field goes.

use super::{Effect, Value, put_place, put_values, replayable, take_place, take_values};
use crate::keyspace::{Container, Keyspace, Place};
use crate::values::Hash;
use warren_units::Rope;
use warren_units::varint::Cursor;

replayable!(SetFields, RemoveFields);

/// Fields get values: field, value, field, value… Outcome: how many fields are new.
pub struct SetFields<'a> {
    pub place: Place<'a>,
    pub pairs: std::borrow::Cow<'a, [Value<'a>]>,
}

/// Fields go. Outcome: how many were there.
pub struct RemoveFields<'a> {
    pub place: Place<'a>,
    pub fields: std::borrow::Cow<'a, [Value<'a>]>,
}

impl<'a> Effect<'a> for SetFields<'a> {
    const TAG: u8 = 0x20;
    type Outcome = usize;

    fn encode(&self, out: &mut Rope) {
        put_place(out, self.place);
        put_values(out, &self.pairs);
    }

    fn decode(cursor: &mut Cursor<'a>, keyspace: &mut Keyspace) -> Option<Self> {
        let place = take_place(cursor, keyspace)?;
        let pairs = take_values(cursor).filter(|pairs| pairs.len().is_multiple_of(2))?;
        keyspace.hash(place).ok()?;
        Some(SetFields { place, pairs: pairs.into() })
    }

    fn apply(self, keyspace: &mut Keyspace) -> usize {
        let limits = keyspace.limits.clone();
        let container = keyspace.container_or_insert(self.place, || Container::Hash(Box::default()));
        let Container::Hash(hash) = container else { unreachable!("an effect meets its type") };
        let mut added = 0;
        for pair in self.pairs.chunks_exact(2) {
            added += usize::from(hash.set(pair[0], pair[1], &limits));
        }
        added
    }
}

impl<'a> Effect<'a> for RemoveFields<'a> {
    const TAG: u8 = 0x21;
    type Outcome = usize;

    fn encode(&self, out: &mut Rope) {
        put_place(out, self.place);
        put_values(out, &self.fields);
    }

    fn decode(cursor: &mut Cursor<'a>, keyspace: &mut Keyspace) -> Option<Self> {
        let place = take_place(cursor, keyspace)?;
        keyspace.hash(place).ok()?;
        Some(RemoveFields { place, fields: take_values(cursor)?.into() })
    }

    fn apply(self, keyspace: &mut Keyspace) -> usize {
        let Some(Container::Hash(hash)) = keyspace.container_mut(self.place) else { return 0 };
        let removed = self.fields.iter().filter(|field| hash.remove(field.as_slice())).count();
        let is_empty = Hash::is_empty(hash);
        keyspace.removed_from(self.place, is_empty);
        removed
    }
}
