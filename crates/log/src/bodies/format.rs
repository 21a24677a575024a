//! What the blocks of a bodies file hold; all numbers little-endian.
//!
//! A block of bodies, about 64 KiB of them or one larger body:
//! ```text
//! offset size
//!      0    4  number of bodies, 1 or more
//!      4    4  0
//!      8       for each body, by ascending LSN and ordinal:
//!           8  LSN of the record that brought it
//!           4  its number in that record
//!           4  size
//!              the bodies in the same order, with nothing between them
//! ```
//! The index, the last block:
//! ```text
//! offset size
//!      0    8  number of bodies in the file
//!      8    8  bytes of these
//!     16    8  LSN of the last body
//!     24    8  number of blocks of bodies, 1 or more
//!     32       for each block, in order:
//!           8  LSN of its first body
//!           4  number of that body in its record
//!           4  0
//!           8  offset of the block
//! ```

use crate::format::{LSN_MAX, get_u32, get_u64};
use warren_units::{BodyName, Lsn};

/// A block takes bodies until it holds as many bytes.
pub const BODIES_BLOCK_SIZE_BYTES: usize = 64 * 1024;
pub const BODY_ENTRY_SIZE_BYTES: usize = 16;
const BODIES_FIXED_SIZE_BYTES: usize = 8;
const INDEX_FIXED_SIZE_BYTES: usize = 32;
const INDEX_ENTRY_SIZE_BYTES: usize = 24;

/// A body's place in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BodyPlace {
    pub name: BodyName,
    pub offset: usize,
    pub size: u32,
}

/// What comes before the bodies in a block of them.
pub fn encode_bodies_head(bodies: &[(BodyName, u32)]) -> Vec<u8> {
    let mut head = Vec::with_capacity(BODIES_FIXED_SIZE_BYTES + bodies.len() * BODY_ENTRY_SIZE_BYTES);
    head.extend_from_slice(&(bodies.len() as u64).to_le_bytes());
    for (name, size) in bodies {
        head.extend_from_slice(&name.lsn.0.to_le_bytes());
        head.extend_from_slice(&name.ordinal.to_le_bytes());
        head.extend_from_slice(&size.to_le_bytes());
    }
    head
}

/// The places of all bodies within the content of a block; `None` where that does not fit.
pub fn decode_bodies(content: &[u8]) -> Option<Vec<BodyPlace>> {
    let (fixed, rest) = content.split_at_checked(BODIES_FIXED_SIZE_BYTES)?;
    let count = usize::try_from(get_u64(fixed, 0)).ok()?;
    let (entries, bodies) = rest.split_at_checked(count.checked_mul(BODY_ENTRY_SIZE_BYTES)?)?;
    let mut offset = content.len() - bodies.len();
    let mut places = Vec::with_capacity(count);
    for entry in entries.as_chunks::<BODY_ENTRY_SIZE_BYTES>().0 {
        let name = BodyName { lsn: Lsn(get_u64(entry, 0)), ordinal: get_u32(entry, 8) };
        let size = get_u32(entry, 12);
        places.push(BodyPlace { name, offset, size });
        offset = offset.checked_add(size as usize)?;
    }
    let are_ascending = places.is_sorted_by(|place, next| place.name < next.name);
    (count > 0 && are_ascending && offset == content.len()).then_some(places)
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Index {
    pub body_count: u64,
    pub body_bytes: u64,
    pub last: Lsn,
    pub blocks: Vec<IndexEntry>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IndexEntry {
    pub first: BodyName,
    pub offset: u64,
}

impl Index {
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes =
            Vec::with_capacity(INDEX_FIXED_SIZE_BYTES + self.blocks.len() * INDEX_ENTRY_SIZE_BYTES);
        for number in [self.body_count, self.body_bytes, self.last.0, self.blocks.len() as u64] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        for block in &self.blocks {
            bytes.extend_from_slice(&block.first.lsn.0.to_le_bytes());
            bytes.extend_from_slice(&u64::from(block.first.ordinal).to_le_bytes());
            bytes.extend_from_slice(&block.offset.to_le_bytes());
        }
        bytes
    }

    /// `None` where the bytes are no index.
    pub fn decode(bytes: &[u8]) -> Option<Index> {
        let (fixed, rest) = bytes.split_at_checked(INDEX_FIXED_SIZE_BYTES)?;
        let (entries, behind) = rest.as_chunks::<INDEX_ENTRY_SIZE_BYTES>();
        let blocks: Vec<IndexEntry> = entries
            .iter()
            .map(|entry| IndexEntry {
                first: BodyName { lsn: Lsn(get_u64(entry, 0)), ordinal: get_u32(entry, 8) },
                offset: get_u64(entry, 16),
            })
            .collect();
        let (first, last) = (blocks.first()?.first.lsn, Lsn(get_u64(fixed, 16)));
        let are_ascending = blocks.is_sorted_by(|block, next| block.first < next.first);
        let is_good = behind.is_empty()
            && get_u64(fixed, 24) == blocks.len() as u64
            && are_ascending
            && first > Lsn::NONE
            && blocks.last()?.first.lsn <= last
            && last < LSN_MAX;
        is_good.then(|| Index { body_count: get_u64(fixed, 0), body_bytes: get_u64(fixed, 8), last, blocks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(lsn: u64, ordinal: u32) -> BodyName {
        BodyName { lsn: Lsn(lsn), ordinal }
    }

    #[test]
    fn bodies_come_back() {
        let bodies = [(name(1, 0), 3), (name(1, 2), 0), (name(7, 0), 2)];
        let mut content = encode_bodies_head(&bodies);
        let start = content.len();
        content.extend_from_slice(b"abcde");
        let places = decode_bodies(&content).unwrap();
        let offsets: Vec<usize> = places.iter().map(|place| place.offset - start).collect();
        assert_eq!(offsets, [0, 3, 3]);
        assert!(places.iter().map(|place| (place.name, place.size)).eq(bodies));
        for size in 0..content.len() {
            assert_eq!(decode_bodies(&content[..size]), None, "{size} bytes");
        }
        assert_eq!(decode_bodies(&u64::MAX.to_le_bytes()), None);
    }

    #[test]
    fn an_index_comes_back() {
        let entry = |lsn, offset| IndexEntry { first: name(lsn, 3), offset };
        let blocks = vec![entry(4, 512), entry(9, 70_000)];
        let index = Index { body_count: 9, body_bytes: 100, last: Lsn(12), blocks };
        let bytes = index.encode();
        assert_eq!(Index::decode(&bytes), Some(index));
        for size in 0..bytes.len() {
            assert_eq!(Index::decode(&bytes[..size]), None, "{size} bytes");
        }
    }
}
