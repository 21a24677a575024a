//! Effects on lists. Lists are durable as a whole, so a position names the same element at replay. A list
//! that loses its last element goes.

use super::{Effect, Value, put_place, put_values, replayable, take_place, take_values};
use crate::keyspace::{Container, Keyspace, Place};
use bytes::Bytes;
use std::borrow::Cow;
use warren_units::Rope;
use warren_units::varint::{Cursor, put_u64};

replayable!(Push, Pop, Insert, SetElement, RemoveRange);

/// An end of a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    Left,
    Right,
}

/// Elements are pushed one after the other. Outcome: the new length.
pub struct Push<'a> {
    pub place: Place<'a>,
    pub side: Side,
    pub elements: Cow<'a, [Value<'a>]>,
}

/// Elements are popped one after the other. Outcome: the elements.
pub struct Pop<'a> {
    pub place: Place<'a>,
    pub side: Side,
    pub count: usize,
}

/// An element comes in at an index, those from there on move right. Outcome: the new length.
pub struct Insert<'a> {
    pub place: Place<'a>,
    pub index: usize,
    pub element: Value<'a>,
}

/// The element at an index becomes another.
pub struct SetElement<'a> {
    pub place: Place<'a>,
    pub index: usize,
    pub element: Value<'a>,
}

/// `count` elements from `start` on go.
pub struct RemoveRange<'a> {
    pub place: Place<'a>,
    pub start: usize,
    pub count: usize,
}

fn take_side(cursor: &mut Cursor<'_>) -> Option<Side> {
    match cursor.byte()? {
        0 => Some(Side::Left),
        1 => Some(Side::Right),
        _ => None,
    }
}

fn list_length(keyspace: &Keyspace, place: Place<'_>) -> Option<usize> {
    Some(keyspace.list(place).ok()?.map_or(0, |list| list.len()))
}

impl<'a> Effect<'a> for Push<'a> {
    const TAG: u8 = 0x30;
    type Outcome = usize;

    fn encode(&self, out: &mut Rope) {
        put_place(out, self.place);
        out.push(self.side as u8);
        put_values(out, &self.elements);
    }

    fn decode(cursor: &mut Cursor<'a>, keyspace: &mut Keyspace) -> Option<Self> {
        let place = take_place(cursor, keyspace)?;
        list_length(keyspace, place)?;
        Some(Push { place, side: take_side(cursor)?, elements: take_values(cursor)?.into() })
    }

    fn apply(self, keyspace: &mut Keyspace) -> usize {
        let limits = keyspace.limits.clone();
        let container = keyspace.container_or_insert(self.place, || Container::List(Box::default()));
        let Container::List(list) = container else { unreachable!("an effect meets its type") };
        for element in self.elements.iter() {
            match self.side {
                Side::Left => list.push_front(*element, &limits),
                Side::Right => list.push_back(*element, &limits),
            }
        }
        list.len()
    }
}

impl<'a> Effect<'a> for Pop<'a> {
    const TAG: u8 = 0x31;
    type Outcome = Vec<Bytes>;

    fn encode(&self, out: &mut Rope) {
        put_place(out, self.place);
        out.push(self.side as u8);
        put_u64(out.bytes_mut(), self.count as u64);
    }

    fn decode(cursor: &mut Cursor<'a>, keyspace: &mut Keyspace) -> Option<Self> {
        let place = take_place(cursor, keyspace)?;
        let (side, count) = (take_side(cursor)?, cursor.usize()?);
        (count <= list_length(keyspace, place)?).then_some(Pop { place, side, count })
    }

    fn apply(self, keyspace: &mut Keyspace) -> Vec<Bytes> {
        let limits = keyspace.limits.clone();
        let Some(Container::List(list)) = keyspace.container_mut(self.place) else { return Vec::new() };
        let mut popped = Vec::with_capacity(self.count.min(list.len()));
        for _ in 0..self.count {
            popped.extend(match self.side {
                Side::Left => list.pop_front(&limits),
                Side::Right => list.pop_back(&limits),
            });
        }
        let is_empty = list.is_empty();
        keyspace.removed_from(self.place, is_empty);
        popped
    }
}

impl<'a> Effect<'a> for Insert<'a> {
    const TAG: u8 = 0x32;
    type Outcome = usize;

    fn encode(&self, out: &mut Rope) {
        put_place(out, self.place);
        put_u64(out.bytes_mut(), self.index as u64);
        self.element.encode(out);
    }

    fn decode(cursor: &mut Cursor<'a>, keyspace: &mut Keyspace) -> Option<Self> {
        let place = take_place(cursor, keyspace)?;
        let length = list_length(keyspace, place)?;
        let index = cursor.usize().filter(|index| *index <= length)?;
        Some(Insert { place, index, element: Value::Slice(cursor.bytes()?) })
    }

    fn apply(self, keyspace: &mut Keyspace) -> usize {
        let limits = keyspace.limits.clone();
        let container = keyspace.container_or_insert(self.place, || Container::List(Box::default()));
        let Container::List(list) = container else { unreachable!("an effect meets its type") };
        list.insert_at(self.index, self.element, &limits);
        list.len()
    }
}

impl<'a> Effect<'a> for SetElement<'a> {
    const TAG: u8 = 0x33;
    type Outcome = ();

    fn encode(&self, out: &mut Rope) {
        put_place(out, self.place);
        put_u64(out.bytes_mut(), self.index as u64);
        self.element.encode(out);
    }

    fn decode(cursor: &mut Cursor<'a>, keyspace: &mut Keyspace) -> Option<Self> {
        let place = take_place(cursor, keyspace)?;
        let length = list_length(keyspace, place)?;
        let index = cursor.usize().filter(|index| *index < length)?;
        Some(SetElement { place, index, element: Value::Slice(cursor.bytes()?) })
    }

    fn apply(self, keyspace: &mut Keyspace) {
        let limits = keyspace.limits.clone();
        if let Some(Container::List(list)) = keyspace.container_mut(self.place) {
            list.set(self.index, self.element, &limits);
            keyspace.changed(self.place);
        }
    }
}

impl<'a> Effect<'a> for RemoveRange<'a> {
    const TAG: u8 = 0x34;
    type Outcome = ();

    fn encode(&self, out: &mut Rope) {
        put_place(out, self.place);
        put_u64(out.bytes_mut(), self.start as u64);
        put_u64(out.bytes_mut(), self.count as u64);
    }

    fn decode(cursor: &mut Cursor<'a>, keyspace: &mut Keyspace) -> Option<Self> {
        let place = take_place(cursor, keyspace)?;
        let (start, count) = (cursor.usize()?, cursor.usize()?);
        let end = start.checked_add(count)?;
        (end <= list_length(keyspace, place)?).then_some(RemoveRange { place, start, count })
    }

    fn apply(self, keyspace: &mut Keyspace) {
        let limits = keyspace.limits.clone();
        let Some(Container::List(list)) = keyspace.container_mut(self.place) else { return };
        list.remove_range(self.start..self.start + self.count, &limits);
        let is_empty = list.is_empty();
        keyspace.removed_from(self.place, is_empty);
    }
}
