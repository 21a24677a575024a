//! The layout on disk, version 1; all numbers little-endian. `docs/log-format.md` explains it in prose.
//!
//! A file `log-SSSSSSSSSSSSSSSS` (its sequence number in hexadecimal) is a segment:
//! ```text
//! offset size
//!      0    8  magic "WARRENLG"
//!      8    4  format version: 1
//!     12    4  crc32c of bytes 16..64
//!     16    8  sequence number: segments are read in its order
//!     24    8  salt of this segment's batch headers
//!     32    4  epoch of all its batches
//!     36    4  flags: bit 0 = this segment opens its epoch; the others 0
//!     40    8  first LSN of the epoch: records of older epochs from it on do not count
//!     48    8  every record up to this LSN was synced when the segment was made
//!     56    8  0
//!     64  448  0: the header has a sector of its own
//!    512       batches, each beginning at a multiple of 8; zeros behind the last
//! ```
//! A batch:
//! ```text
//! offset size
//!      0    4  magic "WBAT"
//!      4    4  crc32c of the segment's salt (8 bytes) and of bytes 8..64
//!      8    4  epoch, as in the segment
//!     12    4  number of records: 0 in a clean end
//!     16    8  LSN of the first record; in a clean end, the one it would have
//!     24    8  every record up to this LSN was synced when the batch was written
//!     32    8  size of effects
//!     40    8  size of bodies
//!     48    4  crc32c of effects
//!     52    4  crc32c of bodies
//!     56    4  kind: 0 = records, 1 = clean end of the log
//!     60    4  0
//!     64       effects, then bodies: see `warren_units::batch`
//! ```

use warren_units::{Epoch, Lsn};

pub const FORMAT_VERSION: u32 = 1;
pub const SEGMENT_MAGIC: [u8; 8] = *b"WARRENLG";
pub const BATCH_MAGIC: [u8; 4] = *b"WBAT";
/// What the segment's header uses of [`SEGMENT_HEADER_SIZE_BYTES`].
pub const SEGMENT_HEADER_USED_BYTES: usize = 64;
pub const SEGMENT_HEADER_SIZE_BYTES: u64 = 512;
pub const BATCH_HEADER_SIZE_BYTES: usize = 64;
pub const BATCH_ALIGNMENT_BYTES: u64 = 8;

/// No log gets as far as this; numbers beyond it are damage, and adding to those below never overflows.
pub const LSN_MAX: Lsn = Lsn(1 << 62);
pub const SEQUENCE_MAX: u64 = 1 << 62;
pub const EPOCH_MAX: Epoch = Epoch(1 << 31);

const FLAG_OPENS_EPOCH: u32 = 1;
const NAME_PREFIX: &str = "log-";

pub fn segment_name(sequence: u64) -> String {
    format!("{NAME_PREFIX}{sequence:016x}")
}

/// The sequence number in a segment's file name; `None` for other files.
pub fn segment_sequence(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(NAME_PREFIX)?;
    let sequence = u64::from_str_radix(digits, 16).ok()?;
    (segment_name(sequence) == name && sequence < SEQUENCE_MAX).then_some(sequence)
}

/// Bytes that a batch takes in its segment, up to where the next one begins; saturates.
#[inline]
pub fn batch_span_bytes(effects_size: u64, bodies_size: u64) -> u64 {
    (BATCH_HEADER_SIZE_BYTES as u64)
        .saturating_add(effects_size)
        .saturating_add(bodies_size)
        .checked_next_multiple_of(BATCH_ALIGNMENT_BYTES)
        .unwrap_or(u64::MAX)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SegmentHeader {
    pub sequence: u64,
    pub salt: u64,
    pub epoch: Epoch,
    pub opens_epoch: bool,
    pub epoch_first: Lsn,
    pub synced: Lsn,
}

/// Why bytes are no segment header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadSegmentHeader {
    Version(u32),
    Damaged,
}

impl SegmentHeader {
    pub fn encode(&self) -> [u8; SEGMENT_HEADER_SIZE_BYTES as usize] {
        let mut bytes = [0; SEGMENT_HEADER_SIZE_BYTES as usize];
        bytes[..8].copy_from_slice(&SEGMENT_MAGIC);
        put_u32(&mut bytes, 8, FORMAT_VERSION);
        put_u64(&mut bytes, 16, self.sequence);
        put_u64(&mut bytes, 24, self.salt);
        put_u32(&mut bytes, 32, self.epoch.0);
        put_u32(&mut bytes, 36, if self.opens_epoch { FLAG_OPENS_EPOCH } else { 0 });
        put_u64(&mut bytes, 40, self.epoch_first.0);
        put_u64(&mut bytes, 48, self.synced.0);
        let checksum = crc32c::crc32c(&bytes[16..SEGMENT_HEADER_USED_BYTES]);
        put_u32(&mut bytes, 12, checksum);
        bytes
    }

    pub fn decode(bytes: &[u8; SEGMENT_HEADER_USED_BYTES]) -> Result<SegmentHeader, BadSegmentHeader> {
        if bytes[..8] != SEGMENT_MAGIC {
            return Err(BadSegmentHeader::Damaged);
        }
        // Before the checksum: another version may have put it elsewhere.
        let version = get_u32(bytes, 8);
        if version != FORMAT_VERSION {
            return Err(BadSegmentHeader::Version(version));
        }
        let flags = get_u32(bytes, 36);
        if crc32c::crc32c(&bytes[16..]) != get_u32(bytes, 12) || flags & !FLAG_OPENS_EPOCH != 0 {
            return Err(BadSegmentHeader::Damaged);
        }
        let header = SegmentHeader {
            sequence: get_u64(bytes, 16),
            salt: get_u64(bytes, 24),
            epoch: Epoch(get_u32(bytes, 32)),
            opens_epoch: flags & FLAG_OPENS_EPOCH != 0,
            epoch_first: Lsn(get_u64(bytes, 40)),
            synced: Lsn(get_u64(bytes, 48)),
        };
        let is_possible = header.epoch < EPOCH_MAX && header.epoch_first < LSN_MAX && header.synced < LSN_MAX;
        if is_possible { Ok(header) } else { Err(BadSegmentHeader::Damaged) }
    }

    /// The seed of this segment's batch header checksums: whoever sends us bodies does not know the salt
    /// and cannot send one that looks like a batch.
    pub fn batch_seed(&self) -> BatchSeed {
        BatchSeed(crc32c::crc32c(&self.salt.to_le_bytes()))
    }
}

#[derive(Clone, Copy, Debug)]
pub struct BatchSeed(u32);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BatchKind {
    Records,
    CleanEnd,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchHeader {
    pub kind: BatchKind,
    pub epoch: Epoch,
    pub count: u32,
    pub first: Lsn,
    pub synced: Lsn,
    pub effects_size: u64,
    pub bodies_size: u64,
    pub effects_checksum: u32,
    pub bodies_checksum: u32,
}

/// Why bytes are no batch header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadBatchHeader {
    Zeros,
    Damaged,
}

impl BatchHeader {
    #[inline]
    pub fn encode(&self, seed: BatchSeed) -> [u8; BATCH_HEADER_SIZE_BYTES] {
        let mut bytes = [0; BATCH_HEADER_SIZE_BYTES];
        bytes[..4].copy_from_slice(&BATCH_MAGIC);
        put_u32(&mut bytes, 8, self.epoch.0);
        put_u32(&mut bytes, 12, self.count);
        put_u64(&mut bytes, 16, self.first.0);
        put_u64(&mut bytes, 24, self.synced.0);
        put_u64(&mut bytes, 32, self.effects_size);
        put_u64(&mut bytes, 40, self.bodies_size);
        put_u32(&mut bytes, 48, self.effects_checksum);
        put_u32(&mut bytes, 52, self.bodies_checksum);
        put_u32(&mut bytes, 56, u32::from(self.kind == BatchKind::CleanEnd));
        let checksum = crc32c::crc32c_append(seed.0, &bytes[8..]);
        put_u32(&mut bytes, 4, checksum);
        bytes
    }

    pub fn decode(
        bytes: &[u8; BATCH_HEADER_SIZE_BYTES],
        seed: BatchSeed,
    ) -> Result<BatchHeader, BadBatchHeader> {
        if bytes[..4] != BATCH_MAGIC || crc32c::crc32c_append(seed.0, &bytes[8..]) != get_u32(bytes, 4) {
            let zeros = bytes.iter().all(|byte| *byte == 0);
            return Err(if zeros { BadBatchHeader::Zeros } else { BadBatchHeader::Damaged });
        }
        let (count, first) = (get_u32(bytes, 12), get_u64(bytes, 16));
        let kind = match (get_u32(bytes, 56), count) {
            (0, 1..) => BatchKind::Records,
            (1, 0) => BatchKind::CleanEnd,
            _ => return Err(BadBatchHeader::Damaged),
        };
        if first == 0 || first >= LSN_MAX.0 {
            return Err(BadBatchHeader::Damaged);
        }
        Ok(BatchHeader {
            kind,
            epoch: Epoch(get_u32(bytes, 8)),
            count,
            first: Lsn(first),
            synced: Lsn(get_u64(bytes, 24)),
            effects_size: get_u64(bytes, 32),
            bodies_size: get_u64(bytes, 40),
            effects_checksum: get_u32(bytes, 48),
            bodies_checksum: get_u32(bytes, 52),
        })
    }

    /// LSN of the last record, or of the one before a clean end.
    pub fn last(&self) -> Lsn {
        Lsn(self.first.0 + u64::from(self.count) - 1)
    }

    pub fn span_bytes(&self) -> u64 {
        batch_span_bytes(self.effects_size, self.bodies_size)
    }
}

impl BadBatchHeader {
    pub fn reason(self) -> &'static str {
        match self {
            BadBatchHeader::Zeros => "there is no batch",
            BadBatchHeader::Damaged => "the batch header is torn or damaged",
        }
    }
}

pub(crate) fn put_u32(bytes: &mut [u8], offset: usize, value: u32) {
    bytes[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
}

pub(crate) fn put_u64(bytes: &mut [u8], offset: usize, value: u64) {
    bytes[offset..offset + 8].copy_from_slice(&value.to_le_bytes());
}

/// # Panics
/// If `bytes` is too short: the caller knows its size.
pub(crate) fn get_u32(bytes: &[u8], offset: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[offset..offset + 4]);
    u32::from_le_bytes(number)
}

/// As [`get_u32`].
pub(crate) fn get_u64(bytes: &[u8], offset: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[offset..offset + 8]);
    u64::from_le_bytes(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment_header() -> SegmentHeader {
        SegmentHeader {
            sequence: 7,
            salt: 0x0123_4567_89ab_cdef,
            epoch: Epoch(3),
            opens_epoch: true,
            epoch_first: Lsn(40),
            synced: Lsn(39),
        }
    }

    fn batch_header() -> BatchHeader {
        BatchHeader {
            kind: BatchKind::Records,
            epoch: Epoch(3),
            count: 2,
            first: Lsn(40),
            synced: Lsn(39),
            effects_size: 100,
            bodies_size: 1000,
            effects_checksum: 1,
            bodies_checksum: 2,
        }
    }

    fn used(bytes: &[u8; 512]) -> [u8; SEGMENT_HEADER_USED_BYTES] {
        *bytes.first_chunk().unwrap()
    }

    #[test]
    fn headers_come_back() {
        let header = segment_header();
        assert_eq!(SegmentHeader::decode(&used(&header.encode())), Ok(header));
        let seed = header.batch_seed();
        let clean_end = BatchHeader { kind: BatchKind::CleanEnd, count: 0, ..batch_header() };
        for batch in [batch_header(), clean_end] {
            assert_eq!(BatchHeader::decode(&batch.encode(seed), seed), Ok(batch));
        }
        assert_eq!((batch_header().last(), clean_end.last()), (Lsn(41), Lsn(39)));
    }

    #[test]
    fn each_flipped_bit_is_seen() {
        let header = segment_header();
        let seed = header.batch_seed();
        for bit in 0..64 * 8 {
            let mut segment = used(&header.encode());
            segment[bit / 8] ^= 1 << (bit % 8);
            assert!(SegmentHeader::decode(&segment).is_err(), "bit {bit}");
            let mut batch = batch_header().encode(seed);
            batch[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(BatchHeader::decode(&batch, seed), Err(BadBatchHeader::Damaged), "bit {bit}");
        }
    }

    #[test]
    fn another_version_is_named_and_another_salt_refused() {
        let mut bytes = used(&segment_header().encode());
        bytes[8] = 2;
        assert_eq!(SegmentHeader::decode(&bytes), Err(BadSegmentHeader::Version(2)));
        let other = SegmentHeader { salt: 1, ..segment_header() }.batch_seed();
        let batch = batch_header().encode(segment_header().batch_seed());
        assert_eq!(BatchHeader::decode(&batch, other), Err(BadBatchHeader::Damaged));
        assert_eq!(BatchHeader::decode(&[0; 64], other), Err(BadBatchHeader::Zeros));
    }

    #[test]
    fn names_carry_the_sequence_number() {
        assert_eq!(segment_name(255), "log-00000000000000ff");
        assert_eq!(segment_sequence("log-00000000000000ff"), Some(255));
        for name in
            ["log-ffffffffffffffff", "log-ff", "log-00000000000000FF", "lock", "log-00000000000000fg", "log-"]
        {
            assert_eq!(segment_sequence(name), None, "{name}");
        }
    }
}
