//! From a command's name to its row, in any case, in a few nanoseconds.

use crate::command::{Carrier, CommandSpec, Flags, Group};
use std::borrow::Cow;

/// Open addressing over the fixed set of names; at most a quarter full.
pub struct Lookup {
    slots: Vec<Option<Row>>,
    rows: Vec<&'static CommandSpec>,
    /// Rows and their subcommands.
    count: usize,
}

/// A row, or a subcommand's, with a number of its own.
#[derive(Clone, Copy)]
pub struct Row {
    pub spec: &'static CommandSpec,
    /// The command that this is a subcommand of.
    pub container: Option<&'static CommandSpec>,
    /// Below [`Lookup::count`].
    pub number: usize,
}

impl Row {
    /// `get`, or `client|id`.
    pub fn full_name(&self) -> Cow<'static, str> {
        match self.container {
            None => Cow::Borrowed(self.spec.name),
            Some(container) => Cow::Owned(format!("{}|{}", container.name, self.spec.name)),
        }
    }

    /// Whether its reply may tell of the keyspace, directly or by what other clients are in. PING, SELECT, HELLO
    /// and their like tell of nothing but their own connection.
    #[inline]
    pub fn looks_at_state(self) -> bool {
        self.spec.group != Group::Connection || self.container.is_some()
    }

    /// Whether the command may make the keyspace larger. What goes to the broker is not kept in it.
    #[inline]
    pub fn grows_keyspace(self) -> bool {
        self.spec.flags.has(Flags::DENYOOM) && !matches!(self.spec.carrier, Carrier::Host(_))
    }

    /// The subcommands, each with its number; empty where the command is no container.
    pub fn subcommands(self) -> impl Iterator<Item = Row> {
        let rows = match self.spec.carrier {
            Carrier::Subcommands(rows) | Carrier::AloneOrSubcommands(_, rows) => rows,
            _ => &[],
        };
        rows.iter().enumerate().map(move |(index, spec)| Row {
            spec,
            container: Some(self.spec),
            number: self.number + 1 + index,
        })
    }
}

const NAME_SIZE_BYTES_MAX: usize = 32;

impl Lookup {
    /// # Panics
    /// If two rows have one name.
    pub fn new(tables: &[&'static [&'static CommandSpec]]) -> Lookup {
        let rows: Vec<_> = tables.iter().flat_map(|table| table.iter().copied()).collect();
        let slots = vec![None; (rows.len() * 4).next_power_of_two()];
        let mut lookup = Lookup { slots, rows, count: 0 };
        for spec in lookup.rows.clone() {
            assert!(lookup.find(spec.name.as_bytes()).is_none(), "two rows for {}", spec.name);
            let mut slot = lookup.slot_of(spec.name.as_bytes());
            while lookup.slots[slot].is_some() {
                slot = (slot + 1) & (lookup.slots.len() - 1);
            }
            let row = Row { spec, container: None, number: lookup.count };
            lookup.count += 1 + row.subcommands().count();
            lookup.slots[slot] = Some(row);
        }
        lookup
    }

    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<Row> {
        if name.len() > NAME_SIZE_BYTES_MAX {
            return None;
        }
        let mut slot = self.slot_of(name);
        loop {
            let row = self.slots[slot]?;
            if row.spec.name.as_bytes().eq_ignore_ascii_case(name) {
                return Some(row);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }

    /// All rows in the order of their tables, without subcommands.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row> {
        self.rows.iter().map(|spec| self.find(spec.name.as_bytes()).expect("every row is in the table"))
    }

    /// Rows and subcommands: every row's number is below this.
    pub fn count(&self) -> usize {
        self.count
    }

    #[inline]
    fn slot_of(&self, name: &[u8]) -> usize {
        // Bit 5 is the case of a letter; setting it merges upper and lower case.
        let mut hash = name.len() as u64;
        for byte in name {
            hash = (hash.rotate_left(5) ^ u64::from(byte | 0x20)).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
        (hash >> 32) as usize & (self.slots.len() - 1)
    }
}
