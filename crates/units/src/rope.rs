//! A byte sequence that is copied where it is small and shared where it is large.
//!
//! ```text
//! bytes:  [ header ][ tail of reply ]          one Vec, grown at the end
//! shared:           ^ 100 MB value             (offset into `bytes`, Bytes): comes before bytes[offset..]
//! ```

use crate::bounds::SHARED_SIZE_BYTES_MIN;
use bytes::Bytes;

/// Bytes to be written to a socket or the log, in order; large pieces are referenced, not copied.
#[derive(Default, Debug, Clone)]
pub struct Rope {
    bytes: Vec<u8>,
    /// (offset in `bytes` before which the piece comes, piece), offsets ascending.
    shared: Vec<(usize, Bytes)>,
    shared_size: usize,
}

/// A place in a rope to which it can be cut back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RopeMark {
    bytes: usize,
    shared: usize,
    shared_size: usize,
}

impl RopeMark {
    /// Size of the rope up to the mark.
    pub fn len(&self) -> usize {
        self.bytes + self.shared_size
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Rope {
    pub fn new() -> Rope {
        Rope::default()
    }

    /// Total size in bytes, shared pieces included.
    #[inline]
    pub fn len(&self) -> usize {
        self.bytes.len() + self.shared_size
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The copied part, for encoders that append to it. Bytes already in it must not be removed.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    #[inline]
    pub fn push(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    #[inline]
    pub fn extend(&mut self, slice: &[u8]) {
        self.bytes.extend_from_slice(slice);
    }

    /// Appends a piece: by reference from `SHARED_SIZE_BYTES_MIN` on, by copy below.
    #[inline]
    pub fn extend_shared(&mut self, piece: &Bytes) {
        if piece.len() < SHARED_SIZE_BYTES_MIN {
            self.bytes.extend_from_slice(piece);
        } else {
            self.shared_size += piece.len();
            self.shared.push((self.bytes.len(), piece.clone()));
        }
    }

    /// Overwrites four bytes of the copied part at `position` (an offset that `bytes_mut().len()` gave).
    pub fn patch_u32_le(&mut self, position: usize, value: u32) {
        self.bytes[position..position + 4].copy_from_slice(&value.to_le_bytes());
    }

    pub fn mark(&self) -> RopeMark {
        RopeMark { bytes: self.bytes.len(), shared: self.shared.len(), shared_size: self.shared_size }
    }

    /// Cuts back to a mark taken earlier on this rope.
    pub fn truncate(&mut self, mark: RopeMark) {
        self.bytes.truncate(mark.bytes);
        self.shared.truncate(mark.shared);
        self.shared_size = mark.shared_size;
    }

    /// Empties the rope and keeps its memory up to `capacity_max` bytes.
    pub fn clear_keeping(&mut self, capacity_max: usize) {
        self.bytes.clear();
        self.shared.clear();
        self.shared_size = 0;
        if self.bytes.capacity() > capacity_max {
            self.bytes = Vec::new();
        }
    }

    /// Moves all of `other` to the end of this rope; `other` is empty afterwards.
    pub fn append(&mut self, other: &mut Rope) {
        if self.is_empty() {
            std::mem::swap(self, other);
            other.clear_keeping(usize::MAX);
            return;
        }
        let base = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        self.shared.extend(other.shared.drain(..).map(|(offset, piece)| (base + offset, piece)));
        self.shared_size += other.shared_size;
        other.clear_keeping(usize::MAX);
    }

    /// Takes the first `size` bytes off the front.
    ///
    /// # Panics
    /// If the rope is shorter than `size`.
    pub fn split_to(&mut self, size: usize) -> Rope {
        assert!(size <= self.len());
        if size == self.len() {
            return std::mem::take(self);
        }
        let mut head = Rope::new();
        let mut copied = 0; // of self.bytes
        let mut pieces = 0; // of self.shared
        let mut left = size;
        while left > 0 {
            let next_piece_at = self.shared.get(pieces).map_or(self.bytes.len(), |(offset, _)| *offset);
            let plain = (next_piece_at - copied).min(left);
            head.bytes.extend_from_slice(&self.bytes[copied..copied + plain]);
            copied += plain;
            left -= plain;
            if left == 0 || copied < next_piece_at {
                continue;
            }
            let piece = &mut self.shared[pieces].1;
            let part = piece.len().min(left);
            head.shared.push((head.bytes.len(), piece.split_to(part)));
            head.shared_size += part;
            left -= part;
            if piece.is_empty() {
                pieces += 1;
            }
        }
        self.bytes.drain(..copied);
        self.shared.drain(..pieces);
        for (offset, _) in &mut self.shared {
            *offset -= copied;
        }
        self.shared_size -= head.shared_size;
        head
    }

    /// The pieces in order, none of them empty, starting `skip` bytes into the rope.
    pub fn chunks(&self, skip: usize) -> Chunks<'_> {
        Chunks { rope: self, copied: 0, piece: 0, skip }
    }

    /// All bytes in one vector, for tests and slow paths.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.len());
        for chunk in self.chunks(0) {
            all.extend_from_slice(chunk);
        }
        all
    }

    /// The whole content if nothing in it is shared.
    #[inline]
    pub fn as_plain(&self) -> Option<&[u8]> {
        self.shared.is_empty().then_some(&self.bytes)
    }
}

#[derive(Clone)]
pub struct Chunks<'a> {
    rope: &'a Rope,
    copied: usize,
    piece: usize,
    skip: usize,
}

impl<'a> Iterator for Chunks<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let rope = self.rope;
            let plain_end = rope.shared.get(self.piece).map_or(rope.bytes.len(), |(offset, _)| *offset);
            let chunk: &'a [u8] = if self.copied < plain_end {
                let chunk = &rope.bytes[self.copied..plain_end];
                self.copied = plain_end;
                chunk
            } else {
                let (_, piece) = rope.shared.get(self.piece)?;
                self.piece += 1;
                piece
            };
            if self.skip >= chunk.len() {
                self.skip -= chunk.len();
                continue;
            }
            return Some(&chunk[std::mem::take(&mut self.skip)..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Rope, Vec<u8>) {
        let large = Bytes::from(vec![b'x'; SHARED_SIZE_BYTES_MIN]);
        let mut rope = Rope::new();
        rope.extend(b"head");
        rope.extend_shared(&large);
        rope.extend_shared(&large);
        rope.extend(b"middle");
        rope.extend_shared(&Bytes::from_static(b"small"));
        rope.extend_shared(&large);
        let mut flat = b"head".to_vec();
        flat.extend_from_slice(&large);
        flat.extend_from_slice(&large);
        flat.extend_from_slice(b"middlesmall");
        flat.extend_from_slice(&large);
        (rope, flat)
    }

    #[test]
    fn chunks_and_splits_keep_the_order_of_bytes() {
        let (rope, flat) = sample();
        assert_eq!(rope.to_vec(), flat);
        assert_eq!(rope.len(), flat.len());
        for cut in [0, 1, 4, 5, SHARED_SIZE_BYTES_MIN + 4, 2 * SHARED_SIZE_BYTES_MIN + 7, flat.len()] {
            let mut tail = rope.clone();
            let mut head = tail.split_to(cut);
            assert_eq!(head.to_vec(), flat[..cut], "cut at {cut}");
            assert_eq!(tail.to_vec(), flat[cut..], "cut at {cut}");
            assert_eq!((head.len(), tail.len()), (cut, flat.len() - cut));
            assert_eq!(rope.chunks(cut).flatten().copied().collect::<Vec<u8>>(), flat[cut..]);
            head.append(&mut tail);
            assert_eq!(head.to_vec(), flat);
        }
    }

    #[test]
    fn truncate_goes_back_to_the_mark() {
        let (mut rope, flat) = sample();
        let mark = rope.mark();
        rope.extend(b"more");
        rope.extend_shared(&Bytes::from(vec![b'y'; SHARED_SIZE_BYTES_MIN]));
        rope.truncate(mark);
        assert_eq!(rope.to_vec(), flat);
        assert_eq!(rope.len(), flat.len());
    }
}
