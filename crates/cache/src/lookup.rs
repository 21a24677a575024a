//! From a command's name to its row, in any case, in a few nanoseconds.

use crate::command::CommandSpec;

/// Open addressing over the fixed set of names; at most a quarter full.
pub struct Lookup {
    slots: Vec<Option<&'static CommandSpec>>,
    rows: Vec<&'static CommandSpec>,
}

const NAME_SIZE_BYTES_MAX: usize = 32;

impl Lookup {
    /// # Panics
    /// If two rows have one name.
    pub fn new(tables: &[&'static [&'static CommandSpec]]) -> Lookup {
        let rows: Vec<_> = tables.iter().flat_map(|table| table.iter().copied()).collect();
        let mut lookup = Lookup { slots: vec![None; (rows.len() * 4).next_power_of_two()], rows };
        for row in lookup.rows.clone() {
            assert!(lookup.find(row.name.as_bytes()).is_none(), "two rows for {}", row.name);
            let mut slot = lookup.slot_of(row.name.as_bytes());
            while lookup.slots[slot].is_some() {
                slot = (slot + 1) & (lookup.slots.len() - 1);
            }
            lookup.slots[slot] = Some(row);
        }
        lookup
    }

    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<&'static CommandSpec> {
        if name.len() > NAME_SIZE_BYTES_MAX {
            return None;
        }
        let mut slot = self.slot_of(name);
        loop {
            let row = self.slots[slot]?;
            if row.name.as_bytes().eq_ignore_ascii_case(name) {
                return Some(row);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }

    /// All rows in the order of their tables.
    pub fn rows(&self) -> &[&'static CommandSpec] {
        &self.rows
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
