//! How one string lies in a packed buffer: a length, then the bytes.
//!
//! ```text
//! 0..=253  bytes                 a short string
//! 254      length: u32 le  bytes a longer one
//! 255      slot: u32 le          kept outside, in the chunk's table of shared buffers
//! ```
//!
//! These layouts live in memory only; nothing here is written to the log.

pub const HEADER_LONG: u8 = 254;
pub const HEADER_SHARED: u8 = 255;
pub const SHARED_FIELD_BYTES: usize = 5;

/// Where a field's content begins and ends; the next field begins at `end`.
pub struct Span {
    pub start: usize,
    pub end: usize,
}

/// Bytes that a string of this length takes.
#[inline]
pub fn encoded_size(length: usize) -> usize {
    if length < usize::from(HEADER_LONG) { 1 + length } else { 5 + length }
}

/// Writes a string at `at`, where room has been made, and returns the place behind it.
#[inline]
pub fn write(data: &mut [u8], at: usize, content: &[u8]) -> usize {
    let start = if content.len() < usize::from(HEADER_LONG) {
        data[at] = content.len() as u8;
        at + 1
    } else {
        write_wide(data, at, HEADER_LONG, content.len());
        at + 5
    };
    data[start..start + content.len()].copy_from_slice(content);
    start + content.len()
}

/// Writes the reference to a shared buffer.
pub fn write_shared(data: &mut [u8], at: usize, slot: usize) -> usize {
    write_wide(data, at, HEADER_SHARED, slot);
    at + SHARED_FIELD_BYTES
}

/// The slot of the shared buffer that the field at `at` refers to, if it does.
#[inline]
pub fn shared_slot(data: &[u8], at: usize) -> Option<usize> {
    (data[at] == HEADER_SHARED).then(|| read_wide(data, at))
}

/// The span of the field at `at`; for a shared one, an empty span behind its reference.
#[inline]
pub fn span(data: &[u8], at: usize) -> Span {
    match data[at] {
        HEADER_SHARED => Span { start: at + SHARED_FIELD_BYTES, end: at + SHARED_FIELD_BYTES },
        HEADER_LONG => Span { start: at + 5, end: at + 5 + read_wide(data, at) },
        length => Span { start: at + 1, end: at + 1 + usize::from(length) },
    }
}

/// Makes the `removed` bytes at `at` into `inserted` bytes of room, moving what lies behind.
pub fn resize_gap(data: &mut Vec<u8>, at: usize, removed: usize, inserted: usize) {
    let old_length = data.len();
    if inserted > removed {
        let growth = inserted - removed;
        reserve(data, growth);
        data.resize(old_length + growth, 0);
    }
    data.copy_within(at + removed..old_length, at + inserted);
    data.truncate(old_length - removed + inserted);
}

/// Room for `extra` more elements, growing by a quarter: doubling would leave a third of the memory idle.
pub fn reserve<T>(vector: &mut Vec<T>, extra: usize) {
    if vector.capacity() - vector.len() < extra {
        vector.reserve_exact(extra.max(vector.len() / 4));
    }
}

fn write_wide(data: &mut [u8], at: usize, header: u8, number: usize) {
    let number = u32::try_from(number).expect("packed strings are bounded");
    data[at] = header;
    data[at + 1..at + 5].copy_from_slice(&number.to_le_bytes());
}

fn read_wide(data: &[u8], at: usize) -> usize {
    let bytes = data[at + 1..at + 5].try_into().expect("four bytes");
    u32::from_le_bytes(bytes) as usize
}
