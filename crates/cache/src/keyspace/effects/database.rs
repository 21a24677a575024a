//! Effects on whole databases.

use super::{Effect, replayable, take_database};
use crate::keyspace::Keyspace;
use std::marker::PhantomData;
use warren_units::Rope;
use warren_units::varint::Cursor;

replayable!(Flush, Swap);

/// All keys of a database go.
pub struct Flush<'a> {
    pub database: u8,
    pub lifetime: PhantomData<&'a ()>,
}

/// Two databases change places.
pub struct Swap<'a> {
    pub first: u8,
    pub second: u8,
    pub lifetime: PhantomData<&'a ()>,
}

impl<'a> Effect<'a> for Flush<'a> {
    const TAG: u8 = 0x18;
    type Outcome = ();

    fn encode(&self, out: &mut Rope) {
        out.push(self.database);
    }

    fn decode(cursor: &mut Cursor<'a>, _: &mut Keyspace) -> Option<Self> {
        Some(Flush { database: take_database(cursor)?, lifetime: PhantomData })
    }

    fn apply(self, keyspace: &mut Keyspace) {
        keyspace.flush(self.database);
    }
}

impl<'a> Effect<'a> for Swap<'a> {
    const TAG: u8 = 0x19;
    type Outcome = ();

    fn encode(&self, out: &mut Rope) {
        out.extend(&[self.first, self.second]);
    }

    fn decode(cursor: &mut Cursor<'a>, _: &mut Keyspace) -> Option<Self> {
        Some(Swap { first: take_database(cursor)?, second: take_database(cursor)?, lifetime: PhantomData })
    }

    fn apply(self, keyspace: &mut Keyspace) {
        keyspace.swap(self.first, self.second);
    }
}
