//! Effects on sorted sets. A sorted set that loses its last member goes.

use super::{Effect, Value, put_place, put_values, replayable, take_place, take_values};
use crate::keyspace::{Container, Keyspace, Place};
use crate::values::Added;
use std::borrow::Cow;
use warren_units::Rope;
use warren_units::varint::{Cursor, put_u64};

replayable!(SetScores, RemoveScored, RemoveRanks);

/// Members get scores. Outcome: how many are new.
pub struct SetScores<'a> {
    pub place: Place<'a>,
    pub scored: Cow<'a, [(f64, Value<'a>)]>,
}

/// Members go. Outcome: how many were there.
pub struct RemoveScored<'a> {
    pub place: Place<'a>,
    pub members: Cow<'a, [Value<'a>]>,
}

/// The members of these ranks go; ranks past the end are ignored.
pub struct RemoveRanks<'a> {
    pub place: Place<'a>,
    pub first: usize,
    pub count: usize,
}

impl<'a> Effect<'a> for SetScores<'a> {
    const TAG: u8 = 0x40;
    type Outcome = usize;

    fn encode(&self, out: &mut Rope) {
        put_place(out, self.place);
        put_u64(out.bytes_mut(), self.scored.len() as u64);
        for (score, member) in self.scored.iter() {
            out.extend(&score.to_le_bytes());
            member.encode(out);
        }
    }

    fn decode(cursor: &mut Cursor<'a>, keyspace: &mut Keyspace) -> Option<Self> {
        let place = take_place(cursor, keyspace)?;
        keyspace.sorted_set(place).ok()?;
        let count = cursor.usize()?;
        let mut scored = Vec::with_capacity(count.min(cursor.rest().len() / 9));
        for _ in 0..count {
            let score = cursor.f64().filter(|score| !score.is_nan())?;
            scored.push((score, Value::Slice(cursor.bytes()?)));
        }
        Some(SetScores { place, scored: scored.into() })
    }

    fn apply(self, keyspace: &mut Keyspace) -> usize {
        let limits = keyspace.limits.clone();
        let container = keyspace.container_or_insert(self.place, || Container::SortedSet(Box::default()));
        let Container::SortedSet(sorted_set) = container else { unreachable!("an effect meets its type") };
        let mut added = 0;
        for (score, member) in self.scored.iter() {
            added += usize::from(matches!(sorted_set.insert(*member, *score, &limits), Added::New));
        }
        added
    }
}

impl<'a> Effect<'a> for RemoveScored<'a> {
    const TAG: u8 = 0x41;
    type Outcome = usize;

    fn encode(&self, out: &mut Rope) {
        put_place(out, self.place);
        put_values(out, &self.members);
    }

    fn decode(cursor: &mut Cursor<'a>, keyspace: &mut Keyspace) -> Option<Self> {
        let place = take_place(cursor, keyspace)?;
        keyspace.sorted_set(place).ok()?;
        Some(RemoveScored { place, members: take_values(cursor)?.into() })
    }

    fn apply(self, keyspace: &mut Keyspace) -> usize {
        let Some(Container::SortedSet(sorted_set)) = keyspace.container_mut(self.place) else { return 0 };
        let removed = self.members.iter().filter(|member| sorted_set.remove(member.as_slice())).count();
        let is_empty = sorted_set.is_empty();
        keyspace.removed_from(self.place, is_empty);
        removed
    }
}

impl<'a> Effect<'a> for RemoveRanks<'a> {
    const TAG: u8 = 0x42;
    type Outcome = ();

    fn encode(&self, out: &mut Rope) {
        put_place(out, self.place);
        put_u64(out.bytes_mut(), self.first as u64);
        put_u64(out.bytes_mut(), self.count as u64);
    }

    fn decode(cursor: &mut Cursor<'a>, keyspace: &mut Keyspace) -> Option<Self> {
        let place = take_place(cursor, keyspace)?;
        keyspace.sorted_set(place).ok()?;
        Some(RemoveRanks { place, first: cursor.usize()?, count: cursor.usize()? })
    }

    fn apply(self, keyspace: &mut Keyspace) {
        let Some(Container::SortedSet(sorted_set)) = keyspace.container_mut(self.place) else { return };
        sorted_set.remove_range(self.first..self.first.saturating_add(self.count));
        let is_empty = sorted_set.is_empty();
        keyspace.removed_from(self.place, is_empty);
    }
}
