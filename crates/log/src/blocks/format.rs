//! The layout of files of blocks, version 1; all numbers little-endian. `docs/log-format.md` explains it in
//! prose.
//!
//! `checkpoint-SSSSSSSSSSSSSSSS` and `bodies-SSSSSSSSSSSSSSSS` (sequence number in hexadecimal):
//! ```text
//! offset size
//!      0    8  magic "WARRENCP" (checkpoint) or "WARRENBO" (bodies)
//!      8    4  format version: 1
//!     12    4  crc32c of bytes 16..64
//!     16    8  sequence number, as in the name
//!     24    8  salt of this file's block headers
//!     32    4  epoch of the log when the file was made
//!     36    4  flags: bit 0 = made for a backup, so that no segment need follow; the others 0
//!     40    8  LSN of the checkpoint that the file was made for
//!     48    8  offset of the last block: a checkpoint's footer, a bodies file's index
//!     56    8  size of the file
//!     64  448  0: the header has a sector of its own
//!    512       blocks, each beginning at a multiple of 8, up to the end of the file
//! ```
//! The first sector is written last, once all else is synced: zeros there are a file that was never finished.
//!
//! A block:
//! ```text
//! offset size
//!      0    4  magic "WBLK"
//!      4    4  crc32c of the file's salt (8 bytes) and of bytes 8..32
//!      8    4  kind: 0 = effects, 1 = footer, 2 = bodies, 3 = index
//!     12    4  crc32c of the content
//!     16    8  size of the content
//!     24    8  number of the block in its file, from 0 on
//!     32       content, then zeros up to a multiple of 8
//! ```

use crate::format::{EPOCH_MAX, LSN_MAX, SEQUENCE_MAX, get_u32, get_u64, put_u32, put_u64};
use warren_units::{Epoch, Lsn};

pub const BLOCKS_VERSION: u32 = 1;
/// What the file's header uses of [`FILE_HEADER_SIZE_BYTES`].
pub const FILE_HEADER_USED_BYTES: usize = 64;
pub const FILE_HEADER_SIZE_BYTES: usize = 512;
pub const BLOCK_MAGIC: [u8; 4] = *b"WBLK";
pub const BLOCK_HEADER_SIZE_BYTES: usize = 32;
pub const BLOCK_ALIGNMENT_BYTES: u64 = 8;

const FLAG_BACKUP: u32 = 1;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileKind {
    Checkpoint,
    Bodies,
}

impl FileKind {
    fn magic(self) -> [u8; 8] {
        match self {
            FileKind::Checkpoint => *b"WARRENCP",
            FileKind::Bodies => *b"WARRENBO",
        }
    }

    fn prefix(self) -> &'static str {
        match self {
            FileKind::Checkpoint => "checkpoint-",
            FileKind::Bodies => "bodies-",
        }
    }

    pub fn name(self, sequence: u64) -> String {
        format!("{}{sequence:016x}", self.prefix())
    }

    /// The sequence number in a file's name; `None` for other files.
    pub fn sequence(self, name: &str) -> Option<u64> {
        let sequence = u64::from_str_radix(name.strip_prefix(self.prefix())?, 16).ok()?;
        (self.name(sequence) == name && sequence < SEQUENCE_MAX).then_some(sequence)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileHeader {
    pub kind: FileKind,
    pub sequence: u64,
    pub salt: u64,
    pub epoch: Epoch,
    pub is_backup: bool,
    pub lsn: Lsn,
    pub last_block: u64,
    pub file_size: u64,
}

/// Why bytes are no file header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadFileHeader {
    /// The file was never finished.
    Zeros,
    Version(u32),
    Damaged,
}

impl FileHeader {
    pub fn encode(&self) -> [u8; FILE_HEADER_SIZE_BYTES] {
        let mut bytes = [0; FILE_HEADER_SIZE_BYTES];
        bytes[..8].copy_from_slice(&self.kind.magic());
        put_u32(&mut bytes, 8, BLOCKS_VERSION);
        put_u64(&mut bytes, 16, self.sequence);
        put_u64(&mut bytes, 24, self.salt);
        put_u32(&mut bytes, 32, self.epoch.0);
        put_u32(&mut bytes, 36, if self.is_backup { FLAG_BACKUP } else { 0 });
        put_u64(&mut bytes, 40, self.lsn.0);
        put_u64(&mut bytes, 48, self.last_block);
        put_u64(&mut bytes, 56, self.file_size);
        let checksum = crc32c::crc32c(&bytes[16..FILE_HEADER_USED_BYTES]);
        put_u32(&mut bytes, 12, checksum);
        bytes
    }

    /// Reads the first sector of a file that is called a `kind`.
    pub fn decode(kind: FileKind, bytes: &[u8; FILE_HEADER_SIZE_BYTES]) -> Result<FileHeader, BadFileHeader> {
        if bytes.iter().all(|byte| *byte == 0) {
            return Err(BadFileHeader::Zeros);
        }
        if bytes[..8] != kind.magic() {
            return Err(BadFileHeader::Damaged);
        }
        // Before the checksum: another version may have put it elsewhere.
        let version = get_u32(bytes, 8);
        if version != BLOCKS_VERSION {
            return Err(BadFileHeader::Version(version));
        }
        let flags = get_u32(bytes, 36);
        if crc32c::crc32c(&bytes[16..FILE_HEADER_USED_BYTES]) != get_u32(bytes, 12)
            || flags & !FLAG_BACKUP != 0
        {
            return Err(BadFileHeader::Damaged);
        }
        let header = FileHeader {
            kind,
            sequence: get_u64(bytes, 16),
            salt: get_u64(bytes, 24),
            epoch: Epoch(get_u32(bytes, 32)),
            is_backup: flags & FLAG_BACKUP != 0,
            lsn: Lsn(get_u64(bytes, 40)),
            last_block: get_u64(bytes, 48),
            file_size: get_u64(bytes, 56),
        };
        let is_possible = header.epoch < EPOCH_MAX
            && header.lsn < LSN_MAX
            && header.last_block >= FILE_HEADER_SIZE_BYTES as u64
            && header.last_block < header.file_size;
        if is_possible { Ok(header) } else { Err(BadFileHeader::Damaged) }
    }

    pub fn block_seed(&self) -> BlockSeed {
        BlockSeed::new(self.salt)
    }
}

/// The seed of a file's block header checksums: a block of another file does not count in this one.
#[derive(Clone, Copy, Debug)]
pub struct BlockSeed(u32);

impl BlockSeed {
    pub fn new(salt: u64) -> BlockSeed {
        BlockSeed(crc32c::crc32c(&salt.to_le_bytes()))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BlockKind {
    /// Of a checkpoint.
    Effects,
    /// Last block of a checkpoint.
    Footer,
    /// Of a bodies file.
    Bodies,
    /// Last block of a bodies file.
    Index,
}

const BLOCK_KINDS: [BlockKind; 4] =
    [BlockKind::Effects, BlockKind::Footer, BlockKind::Bodies, BlockKind::Index];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlockHeader {
    pub kind: BlockKind,
    pub checksum: u32,
    pub size: u64,
    pub number: u64,
}

impl BlockHeader {
    pub fn encode(&self, seed: BlockSeed) -> [u8; BLOCK_HEADER_SIZE_BYTES] {
        let mut bytes = [0; BLOCK_HEADER_SIZE_BYTES];
        bytes[..4].copy_from_slice(&BLOCK_MAGIC);
        put_u32(&mut bytes, 8, self.kind as u32);
        put_u32(&mut bytes, 12, self.checksum);
        put_u64(&mut bytes, 16, self.size);
        put_u64(&mut bytes, 24, self.number);
        let checksum = crc32c::crc32c_append(seed.0, &bytes[8..]);
        put_u32(&mut bytes, 4, checksum);
        bytes
    }

    /// `None` where the bytes are no block header of this file.
    pub fn decode(bytes: &[u8; BLOCK_HEADER_SIZE_BYTES], seed: BlockSeed) -> Option<BlockHeader> {
        let is_good =
            bytes[..4] == BLOCK_MAGIC && crc32c::crc32c_append(seed.0, &bytes[8..]) == get_u32(bytes, 4);
        let kind = BLOCK_KINDS.get(get_u32(bytes, 8) as usize).copied();
        kind.filter(|_| is_good).map(|kind| BlockHeader {
            kind,
            checksum: get_u32(bytes, 12),
            size: get_u64(bytes, 16),
            number: get_u64(bytes, 24),
        })
    }
}

/// Bytes that a block takes in its file; saturates.
pub fn block_span_bytes(content_size: u64) -> u64 {
    (BLOCK_HEADER_SIZE_BYTES as u64)
        .saturating_add(content_size)
        .checked_next_multiple_of(BLOCK_ALIGNMENT_BYTES)
        .unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_header() -> FileHeader {
        FileHeader {
            kind: FileKind::Checkpoint,
            sequence: 7,
            salt: 0x0123_4567_89ab_cdef,
            epoch: Epoch(3),
            is_backup: true,
            lsn: Lsn(40),
            last_block: 1024,
            file_size: 2048,
        }
    }

    #[test]
    fn headers_come_back() {
        let header = file_header();
        assert_eq!(FileHeader::decode(FileKind::Checkpoint, &header.encode()), Ok(header));
        let block = BlockHeader { kind: BlockKind::Index, checksum: 1, size: 2, number: 3 };
        let seed = header.block_seed();
        assert_eq!(BlockHeader::decode(&block.encode(seed), seed), Some(block));
        assert_eq!(BlockHeader::decode(&block.encode(seed), BlockSeed::new(0)), None);
    }

    #[test]
    fn every_flipped_bit_is_seen() {
        let header = file_header();
        for bit in 0..FILE_HEADER_USED_BYTES * 8 {
            let mut bytes = header.encode();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(FileHeader::decode(FileKind::Checkpoint, &bytes).is_err(), "bit {bit}");
        }
        let seed = header.block_seed();
        let block = BlockHeader { kind: BlockKind::Bodies, checksum: 1, size: 2, number: 3 };
        for bit in 0..BLOCK_HEADER_SIZE_BYTES * 8 {
            let mut bytes = block.encode(seed);
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(BlockHeader::decode(&bytes, seed), None, "bit {bit}");
        }
    }

    #[test]
    fn unfinished_files_other_kinds_and_versions_are_told_apart() {
        let decode = |bytes: &_| FileHeader::decode(FileKind::Checkpoint, bytes);
        assert_eq!(decode(&[0; FILE_HEADER_SIZE_BYTES]), Err(BadFileHeader::Zeros));
        assert_eq!(
            FileHeader::decode(FileKind::Bodies, &file_header().encode()),
            Err(BadFileHeader::Damaged)
        );
        let mut bytes = file_header().encode();
        bytes[8] = 2;
        assert_eq!(decode(&bytes), Err(BadFileHeader::Version(2)));
    }

    #[test]
    fn names_are_exact() {
        assert_eq!(FileKind::Bodies.name(255), "bodies-00000000000000ff");
        assert_eq!(FileKind::Bodies.sequence("bodies-00000000000000ff"), Some(255));
        for name in ["bodies-ff", "bodies-00000000000000FF", "checkpoint-00000000000000ff", "bodies-"] {
            assert_eq!(FileKind::Bodies.sequence(name), None, "{name}");
        }
    }
}
