//! A chunk: a few dozen records packed into one buffer, with a table of where each ends.
//!
//! It is the leaf of the trees, and holds the separators of their inner nodes. A record is one or more
//! fields; strings too long to be moved about with their neighbours lie outside, as shared buffers. A chunk
//! never looks into its fields and knows no order beyond the 48-bit prefix that may lead each record.

use super::field;
use super::text::Text;
use bytes::Bytes;
use smallvec::SmallVec;
use std::ops::Range;

/// Longer strings lie outside the chunk.
const INLINE_BYTES_MAX: usize = 512;

/// Past this a chunk could not be split (only ever by a run of equal hashes), and keeps all strings outside.
const CROWDED_DATA_BYTES: usize = 32 * 1024;

/// The end of a record in the chunk's data, and with it, where there is one, the record's sorting prefix.
pub trait Slot: Copy + Send + Sync + 'static {
    fn new(prefix: u64, end: usize) -> Self;
    fn prefix(self) -> u64;
    fn end(self) -> usize;
    /// Moves the end; the result is known to fit.
    fn shift(&mut self, distance: isize);
}

/// For records in no order but their position.
impl Slot for u16 {
    #[inline]
    fn new(_prefix: u64, end: usize) -> u16 {
        u16::try_from(end).expect("a chunk is far smaller than 64 KiB")
    }

    #[inline]
    fn prefix(self) -> u64 {
        0
    }

    #[inline]
    fn end(self) -> usize {
        usize::from(self)
    }

    #[inline]
    fn shift(&mut self, distance: isize) {
        *self = self.wrapping_add(distance as u16);
    }
}

/// For ordered records: 48 bits of prefix above 16 bits of end, so that one word is searched and moved.
impl Slot for u64 {
    #[inline]
    fn new(prefix: u64, end: usize) -> u64 {
        prefix << 16 | u64::from(<u16 as Slot>::new(0, end))
    }

    #[inline]
    fn prefix(self) -> u64 {
        self >> 16
    }

    #[inline]
    fn end(self) -> usize {
        usize::from(self as u16)
    }

    #[inline]
    fn shift(&mut self, distance: isize) {
        *self = self.wrapping_add(distance as u64);
    }
}

#[derive(Clone)]
pub struct Chunk<S> {
    slots: Vec<S>,
    data: Vec<u8>,
    /// Long strings, by the slot that a field names; an empty buffer is a free slot.
    shared: Vec<Bytes>,
}

impl<S> Default for Chunk<S> {
    fn default() -> Self {
        Chunk { slots: Vec::new(), data: Vec::new(), shared: Vec::new() }
    }
}

impl<S: Slot> Chunk<S> {
    #[inline]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn data_bytes(&self) -> usize {
        self.data.len()
    }

    /// Heap bytes held, the long strings' included.
    pub fn memory_bytes(&self) -> usize {
        let shared: usize = self.shared.iter().map(|bytes| bytes.len() + size_of::<Bytes>()).sum();
        self.slots.capacity() * size_of::<S>() + self.data.capacity() + shared
    }

    #[inline]
    pub fn prefix(&self, index: usize) -> u64 {
        self.slots[index].prefix()
    }

    /// The field of a record, counted from 0.
    #[inline]
    pub fn field(&self, index: usize, field: usize) -> Text<'_> {
        let mut at = self.start(index);
        for _ in 0..field {
            at = field::span(&self.data, at).end;
        }
        self.text_at(at)
    }

    /// The first index of the range whose record does not satisfy `is_before`, which must hold for the first
    /// ones and no others.
    #[inline]
    pub fn partition_point(&self, range: Range<usize>, is_before: impl Fn(&Self, usize) -> bool) -> usize {
        let Range { start: mut low, end: mut high } = range;
        while low < high {
            let middle = low.midpoint(high);
            if is_before(self, middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// As `partition_point` of all records, looking from `guess` outwards in growing strides.
    #[inline]
    pub fn partition_point_near(&self, guess: usize, is_before: impl Fn(&Self, usize) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        let mut probe = guess.min(high.saturating_sub(1));
        let mut stride = 2;
        while low < high {
            if is_before(self, probe) {
                low = probe + 1;
                if probe + stride >= high {
                    break;
                }
                probe += stride;
            } else {
                high = probe;
                if probe < low + stride {
                    break;
                }
                probe -= stride;
            }
            stride *= 2;
        }
        self.partition_point(low..high, is_before)
    }

    pub fn insert(&mut self, index: usize, prefix: u64, fields: &[Text<'_>]) {
        let start = self.start(index);
        let inline_max = self.inline_bytes_max();
        let size = record_size(fields, inline_max);
        field::resize_gap(&mut self.data, start, 0, size);
        self.shift_from(index, size as isize);
        field::reserve(&mut self.slots, 1);
        self.slots.insert(index, S::new(prefix, start + size));
        self.write(start, fields, inline_max);
    }

    pub fn push(&mut self, prefix: u64, fields: &[Text<'_>]) {
        self.insert(self.len(), prefix, fields);
    }

    /// Puts other fields in the place of a record's, the prefix unchanged.
    pub fn replace(&mut self, index: usize, fields: &[Text<'_>]) {
        let range = self.record(index);
        self.release_shared(range.clone());
        let inline_max = self.inline_bytes_max();
        let size = record_size(fields, inline_max);
        field::resize_gap(&mut self.data, range.start, range.len(), size);
        self.shift_from(index, size as isize - range.len() as isize);
        self.write(range.start, fields, inline_max);
    }

    pub fn remove(&mut self, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        let bytes = self.start(range.start)..self.slots[range.end - 1].end();
        self.release_shared(bytes.clone());
        field::resize_gap(&mut self.data, bytes.start, bytes.len(), 0);
        self.shift_from(range.end, -(bytes.len() as isize));
        self.slots.drain(range);
    }

    /// Cuts off the records from `index` on and returns them.
    pub fn split_off(&mut self, index: usize) -> Chunk<S> {
        let mut tail = Chunk::default();
        tail.slots.reserve_exact(self.len() - index);
        tail.data.reserve_exact(self.data.len() - self.start(index));
        tail.extend_from(self, index..self.len());
        self.remove(index..self.len());
        tail
    }

    /// Appends copies of another chunk's records.
    pub fn extend_from(&mut self, other: &Chunk<S>, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        if other.shared.is_empty() {
            let bytes = other.start(range.start)..other.slots[range.end - 1].end();
            let distance = self.data.len() as isize - bytes.start as isize;
            field::reserve(&mut self.data, bytes.len());
            field::reserve(&mut self.slots, range.len());
            self.data.extend_from_slice(&other.data[bytes]);
            self.slots.extend(
                other.slots[range]
                    .iter()
                    .map(|slot| S::new(slot.prefix(), slot.end().wrapping_add_signed(distance))),
            );
            return;
        }
        for index in range {
            let fields: SmallVec<[Text<'_>; 2]> = other.fields(index).collect();
            self.push(other.prefix(index), &fields);
        }
    }

    /// Byte offset at which the record begins (for `len()`: where the data ends).
    #[inline]
    pub fn start(&self, index: usize) -> usize {
        if index == 0 { 0 } else { self.slots[index - 1].end() }
    }

    fn record(&self, index: usize) -> Range<usize> {
        self.start(index)..self.slots[index].end()
    }

    fn fields(&self, index: usize) -> impl Iterator<Item = Text<'_>> {
        let Range { start: mut at, end } = self.record(index);
        std::iter::from_fn(move || {
            let text = (at < end).then(|| self.text_at(at))?;
            at = field::span(&self.data, at).end;
            Some(text)
        })
    }

    #[inline]
    fn text_at(&self, at: usize) -> Text<'_> {
        match field::shared_slot(&self.data, at) {
            Some(slot) => Text::Shared(&self.shared[slot]),
            None => {
                let span = field::span(&self.data, at);
                Text::Slice(&self.data[span.start..span.end])
            }
        }
    }

    fn shift_from(&mut self, index: usize, distance: isize) {
        for slot in &mut self.slots[index..] {
            slot.shift(distance);
        }
    }

    fn inline_bytes_max(&self) -> usize {
        if self.data.len() < CROWDED_DATA_BYTES { INLINE_BYTES_MAX } else { 0 }
    }

    fn write(&mut self, mut at: usize, fields: &[Text<'_>], inline_max: usize) {
        for text in fields {
            at = if lies_outside(text, inline_max) {
                let slot = self.keep_shared(text.to_bytes());
                field::write_shared(&mut self.data, at, slot)
            } else {
                field::write(&mut self.data, at, text)
            };
        }
    }

    fn keep_shared(&mut self, bytes: Bytes) -> usize {
        match self.shared.iter().position(Bytes::is_empty) {
            Some(slot) => {
                self.shared[slot] = bytes;
                slot
            }
            None => {
                self.shared.push(bytes);
                self.shared.len() - 1
            }
        }
    }

    /// Frees the shared buffers that the records in these bytes refer to.
    fn release_shared(&mut self, bytes: Range<usize>) {
        if self.shared.is_empty() {
            return;
        }
        let mut at = bytes.start;
        while at < bytes.end {
            if let Some(slot) = field::shared_slot(&self.data, at) {
                self.shared[slot] = Bytes::new();
            }
            at = field::span(&self.data, at).end;
        }
        while self.shared.last().is_some_and(Bytes::is_empty) {
            self.shared.pop();
        }
    }
}

/// Empty strings always lie inside: an empty buffer marks a free slot.
#[inline]
fn lies_outside(text: &Text<'_>, inline_max: usize) -> bool {
    text.len() > inline_max
}

fn record_size(fields: &[Text<'_>], inline_max: usize) -> usize {
    fields
        .iter()
        .map(|text| match lies_outside(text, inline_max) {
            true => field::SHARED_FIELD_BYTES,
            false => field::encoded_size(text.len()),
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(chunk: &Chunk<u64>) -> Vec<(u64, Vec<u8>, Vec<u8>)> {
        (0..chunk.len())
            .map(|index| {
                (chunk.prefix(index), chunk.field(index, 0).to_vec(), chunk.field(index, 1).to_vec())
            })
            .collect()
    }

    #[test]
    fn records_keep_their_fields_through_every_change() {
        let long = vec![7; 5000];
        let medium = vec![8; 300];
        let mut chunk: Chunk<u64> = Chunk::default();
        chunk.push(10, &[Text::from(b"a"), Text::from(&long)]);
        chunk.push(30, &[Text::from(&medium), Text::from(b"")]);
        chunk.insert(1, 20, &[Text::from(&long), Text::from(&long)]);
        let expected = vec![
            (10, b"a".to_vec(), long.clone()),
            (20, long.clone(), long.clone()),
            (30, medium.clone(), Vec::new()),
        ];
        assert_eq!(strings(&chunk), expected);

        let tail = chunk.split_off(1);
        assert_eq!(strings(&chunk), expected[..1]);
        assert_eq!(strings(&tail), expected[1..]);
        assert_eq!(chunk.shared.len(), 1);

        chunk.extend_from(&tail, 0..2);
        assert_eq!(strings(&chunk), expected);
        chunk.replace(1, &[Text::from(b"b"), Text::from(b"c")]);
        chunk.remove(0..1);
        assert_eq!(strings(&chunk), vec![(20, b"b".to_vec(), b"c".to_vec()), expected[2].clone()]);
        assert!(chunk.shared.is_empty(), "no buffer outlives its record");
    }
}
