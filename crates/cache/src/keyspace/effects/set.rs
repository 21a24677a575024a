//! Effects on sets. A set that loses its last member goes.

use super::{Effect, Value, put_place, put_values, replayable, take_place, take_values};
use crate::keyspace::{Container, Keyspace, Place};
use std::borrow::Cow;
use warren_units::Rope;
use warren_units::varint::Cursor;

replayable!(AddMembers, RemoveMembers);

/// Members come in. Outcome: how many are new.
pub struct AddMembers<'a> {
    pub place: Place<'a>,
    pub members: Cow<'a, [Value<'a>]>,
}

/// Members go. Outcome: how many were there.
pub struct RemoveMembers<'a> {
    pub place: Place<'a>,
    pub members: Cow<'a, [Value<'a>]>,
}

impl<'a> Effect<'a> for AddMembers<'a> {
    const TAG: u8 = 0x38;
    type Outcome = usize;

    fn encode(&self, out: &mut Rope) {
        put_place(out, self.place);
        put_values(out, &self.members);
    }

    fn decode(cursor: &mut Cursor<'a>, keyspace: &mut Keyspace) -> Option<Self> {
        let place = take_place(cursor, keyspace)?;
        keyspace.set(place).ok()?;
        Some(AddMembers { place, members: take_values(cursor)?.into() })
    }

    fn apply(self, keyspace: &mut Keyspace) -> usize {
        let limits = keyspace.limits.clone();
        let container = keyspace.container_or_insert(self.place, || Container::Set(Box::default()));
        let Container::Set(set) = container else { unreachable!("an effect meets its type") };
        self.members.iter().filter(|member| set.insert(**member, &limits)).count()
    }
}

impl<'a> Effect<'a> for RemoveMembers<'a> {
    const TAG: u8 = 0x39;
    type Outcome = usize;

    fn encode(&self, out: &mut Rope) {
        put_place(out, self.place);
        put_values(out, &self.members);
    }

    fn decode(cursor: &mut Cursor<'a>, keyspace: &mut Keyspace) -> Option<Self> {
        let place = take_place(cursor, keyspace)?;
        keyspace.set(place).ok()?;
        Some(RemoveMembers { place, members: take_values(cursor)?.into() })
    }

    fn apply(self, keyspace: &mut Keyspace) -> usize {
        let Some(Container::Set(set)) = keyspace.container_mut(self.place) else { return 0 };
        let removed = self.members.iter().filter(|member| set.remove(member.as_slice())).count();
        let is_empty = set.is_empty();
        keyspace.removed_from(self.place, is_empty);
        removed
    }
}
