//! The compact form of small hashes, sets and sorted sets: records of `FIELDS` strings one after another in
//! one allocation, searched from the front.
//!
//! It keeps the order in which records were put and never grows past what [`PACKED_BYTES_MAX`] bounds: its
//! users convert to the large form before that.

use super::field;
use super::limits::PACKED_BYTES_MAX;

#[derive(Clone, Default)]
pub struct Packed<const FIELDS: usize> {
    data: Vec<u8>,
    len: u32,
}

/// A record's number and byte offset.
#[derive(Clone, Copy)]
pub struct Spot {
    pub index: usize,
    pub at: usize,
}

impl<const FIELDS: usize> Packed<FIELDS> {
    #[inline]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    pub fn memory_bytes(&self) -> usize {
        self.data.capacity()
    }

    /// Whether a record of these strings may still be added, within the bound of all compact containers.
    pub fn has_room(&self, content_bytes: usize) -> bool {
        self.data.len() + content_bytes + 5 * FIELDS <= PACKED_BYTES_MAX
    }

    /// The record whose field `field` is `content`.
    #[inline]
    pub fn find(&self, field: usize, content: &[u8]) -> Option<Spot> {
        let mut at = 0;
        for index in 0..self.len() {
            let record = at;
            let mut matches = false;
            for number in 0..FIELDS {
                let span = field::span(&self.data, at);
                if number == field {
                    matches = self.data[span.start..span.end] == *content;
                }
                at = span.end;
            }
            if matches {
                return Some(Spot { index, at: record });
            }
        }
        None
    }

    pub fn record(&self, spot: Spot) -> [&[u8]; FIELDS] {
        self.read(spot.at).0
    }

    /// Puts a record before the one at `spot`, or last for the spot behind the last.
    pub fn insert(&mut self, spot: Spot, record: [&[u8]; FIELDS]) {
        field::resize_gap(&mut self.data, spot.at, 0, record_size(&record));
        self.write(spot.at, record);
        self.len += 1;
    }

    pub fn push(&mut self, record: [&[u8]; FIELDS]) {
        self.insert(self.end(), record);
    }

    pub fn replace(&mut self, spot: Spot, record: [&[u8]; FIELDS]) {
        let old_size = self.read(spot.at).1 - spot.at;
        field::resize_gap(&mut self.data, spot.at, old_size, record_size(&record));
        self.write(spot.at, record);
    }

    pub fn remove(&mut self, spot: Spot, records: usize) {
        let end = self.skip(spot.at, records);
        field::resize_gap(&mut self.data, spot.at, end - spot.at, 0);
        self.len -= records as u32;
    }

    /// The spot of the record at `index`; behind the last for `len()`.
    pub fn spot(&self, index: usize) -> Spot {
        Spot { index, at: self.skip(0, index) }
    }

    pub fn end(&self) -> Spot {
        Spot { index: self.len(), at: self.data.len() }
    }

    /// The records from the spot on.
    pub fn iter_from(&self, spot: Spot) -> PackedRecords<'_, FIELDS> {
        PackedRecords { packed: self, at: spot.at, rest: self.len() - spot.index, offsets: Vec::new() }
    }

    pub fn iter(&self) -> PackedRecords<'_, FIELDS> {
        self.iter_from(Spot { index: 0, at: 0 })
    }

    fn skip(&self, mut at: usize, records: usize) -> usize {
        for _ in 0..records * FIELDS {
            at = field::span(&self.data, at).end;
        }
        at
    }

    #[inline]
    fn read(&self, mut at: usize) -> ([&[u8]; FIELDS], usize) {
        let record = std::array::from_fn(|_| {
            let span = field::span(&self.data, at);
            at = span.end;
            &self.data[span.start..span.end]
        });
        (record, at)
    }

    fn write(&mut self, mut at: usize, record: [&[u8]; FIELDS]) {
        for content in record {
            at = field::write(&mut self.data, at, content);
        }
    }
}

fn record_size(record: &[&[u8]]) -> usize {
    record.iter().map(|content| field::encoded_size(content.len())).sum()
}

/// Records in order, from either end.
#[derive(Clone)]
pub struct PackedRecords<'a, const FIELDS: usize> {
    packed: &'a Packed<FIELDS>,
    at: usize,
    rest: usize,
    /// Where the remaining records begin, known once someone reads from the back.
    offsets: Vec<usize>,
}

impl<const FIELDS: usize> PackedRecords<'_, FIELDS> {
    /// Only the first `count` of the records left.
    pub fn limit(mut self, count: usize) -> Self {
        self.rest = self.rest.min(count);
        self
    }
}

impl<'a, const FIELDS: usize> Iterator for PackedRecords<'a, FIELDS> {
    type Item = [&'a [u8]; FIELDS];

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.rest = self.rest.checked_sub(1)?;
        let (record, end) = self.packed.read(self.at);
        self.at = end;
        Some(record)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.rest, Some(self.rest))
    }
}

impl<const FIELDS: usize> DoubleEndedIterator for PackedRecords<'_, FIELDS> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.offsets.is_empty() {
            let mut at = self.at;
            for _ in 0..self.rest {
                self.offsets.push(at);
                at = self.packed.skip(at, 1);
            }
        }
        self.rest = self.rest.checked_sub(1)?;
        let at = self.offsets.pop()?;
        Some(self.packed.read(at).0)
    }
}

impl<const FIELDS: usize> ExactSizeIterator for PackedRecords<'_, FIELDS> {}
