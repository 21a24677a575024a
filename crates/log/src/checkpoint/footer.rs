//! The last block of a checkpoint: what belongs to it. All numbers little-endian.
//!
//! ```text
//! offset size
//!      0    8  LSN of the checkpoint, as in the file's header
//!      8    8  live bodies of records up to this LSN are in bodies files, those behind it in segments
//!     16    8  number of blocks of effects
//!     24    8  number of live bodies, wherever they are
//!     32    8  bytes of these
//!     40    4  number of bodies files
//!     44    4  0
//!     48        for each bodies file, by ascending LSN:
//!            8  sequence number
//!            8  size of the file
//!            8  LSN of its first body
//!            8  LSN of its last body
//!            8  number of its bodies
//!            8  bytes of these
//! ```

use crate::format::{LSN_MAX, SEQUENCE_MAX, get_u32, get_u64};
use warren_units::Lsn;

const FIXED_SIZE_BYTES: usize = 48;
const FILE_SIZE_BYTES: usize = 48;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Footer {
    pub lsn: Lsn,
    pub moved_through: Lsn,
    pub block_count: u64,
    pub live_body_count: u64,
    pub live_body_bytes: u64,
    pub files: Vec<FileEntry>,
}

/// A bodies file that a checkpoint needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileEntry {
    pub sequence: u64,
    pub file_size: u64,
    pub first: Lsn,
    pub last: Lsn,
    pub body_count: u64,
    pub body_bytes: u64,
}

impl Footer {
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FIXED_SIZE_BYTES + self.files.len() * FILE_SIZE_BYTES);
        let Footer { lsn, moved_through, block_count, live_body_count, live_body_bytes, files } = self;
        for number in [lsn.0, moved_through.0, *block_count, *live_body_count, *live_body_bytes] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&(files.len() as u64).to_le_bytes());
        for file in files {
            let FileEntry { sequence, file_size, first, last, body_count, body_bytes } = *file;
            for number in [sequence, file_size, first.0, last.0, body_count, body_bytes] {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
        }
        bytes
    }

    /// `None` where the bytes are no footer.
    pub fn decode(bytes: &[u8]) -> Option<Footer> {
        let (fixed, rest) = bytes.split_at_checked(FIXED_SIZE_BYTES)?;
        let (entries, behind) = rest.as_chunks::<FILE_SIZE_BYTES>();
        if !behind.is_empty()
            || entries.len() as u64 != u64::from(get_u32(fixed, 40))
            || get_u32(fixed, 44) != 0
        {
            return None;
        }
        let files: Vec<FileEntry> = entries.iter().map(FileEntry::decode).collect();
        let footer = Footer {
            lsn: Lsn(get_u64(fixed, 0)),
            moved_through: Lsn(get_u64(fixed, 8)),
            block_count: get_u64(fixed, 16),
            live_body_count: get_u64(fixed, 24),
            live_body_bytes: get_u64(fixed, 32),
            files,
        };
        let are_ascending = footer.files.is_sorted_by(|file, next| file.last < next.first);
        let are_possible = footer.files.iter().all(|file| {
            file.first <= file.last && file.last <= footer.moved_through && file.sequence < SEQUENCE_MAX
        });
        let is_possible = footer.moved_through <= footer.lsn && footer.lsn < LSN_MAX;
        (is_possible && are_ascending && are_possible).then_some(footer)
    }
}

impl FileEntry {
    fn decode(bytes: &[u8; FILE_SIZE_BYTES]) -> FileEntry {
        FileEntry {
            sequence: get_u64(bytes, 0),
            file_size: get_u64(bytes, 8),
            first: Lsn(get_u64(bytes, 16)),
            last: Lsn(get_u64(bytes, 24)),
            body_count: get_u64(bytes, 32),
            body_bytes: get_u64(bytes, 40),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn footer() -> Footer {
        let file = |sequence, first, last| FileEntry {
            sequence,
            file_size: 1000,
            first: Lsn(first),
            last: Lsn(last),
            body_count: 2,
            body_bytes: 900,
        };
        Footer {
            lsn: Lsn(50),
            moved_through: Lsn(40),
            block_count: 3,
            live_body_count: 4,
            live_body_bytes: 1800,
            files: vec![file(3, 1, 9), file(2, 10, 40)],
        }
    }

    #[test]
    fn a_footer_comes_back() {
        let bytes = footer().encode();
        assert_eq!(Footer::decode(&bytes), Some(footer()));
        for size in 0..bytes.len() {
            assert_eq!(Footer::decode(&bytes[..size]), None, "{size} bytes");
        }
    }

    #[test]
    fn files_overlap_nowhere_and_lie_below_the_moved_lsn() {
        for (first, last) in [(9, 40), (20, 10), (10, 41)] {
            let mut bad = footer();
            (bad.files[1].first, bad.files[1].last) = (Lsn(first), Lsn(last));
            assert_eq!(Footer::decode(&bad.encode()), None, "{first} to {last}");
        }
    }
}
