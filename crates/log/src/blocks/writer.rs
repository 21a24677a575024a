//! Writing a file of blocks. Room is asked for ahead of each write, so that a full disk is told as such and
//! nothing is half written; the file counts only once [`BlockWriter::seal`] has returned.

use crate::blocks::format::{
    BlockHeader, BlockKind, BlockSeed, FILE_HEADER_SIZE_BYTES, FileHeader, FileKind, block_span_bytes,
};
use crate::disk::{Disk, DiskFile};
use crate::error::LogError;
use std::io::{IoSlice, Result};
use std::sync::Arc;
use warren_units::{Epoch, Lsn};

/// Room is asked for in steps between these, an eighth of what is there already.
const STEP_SIZE_BYTES_MIN: u64 = 64 * 1024;
const STEP_SIZE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// A file is synced as it grows: one sync of all of it would hold up those of the log.
const SYNC_DISTANCE_BYTES: u64 = 16 * 1024 * 1024;
/// Pieces that go to the disk in one call.
const SLICE_COUNT_MAX: usize = 64;
const PADDING: [u8; 8] = [0; 8];

/// What is known of a file when it is begun.
#[derive(Clone, Copy)]
pub(crate) struct FilePlan {
    pub kind: FileKind,
    pub sequence: u64,
    pub salt: u64,
    pub epoch: Epoch,
    pub is_backup: bool,
    pub lsn: Lsn,
}

pub(crate) struct BlockWriter {
    pub name: String,
    file: Arc<dyn DiskFile>,
    plan: FilePlan,
    seed: BlockSeed,
    /// Where the next block begins.
    position: u64,
    allocated: u64,
    synced: u64,
    block_count: u64,
}

impl BlockWriter {
    pub fn create(disk: &dyn Disk, plan: FilePlan) -> std::result::Result<BlockWriter, LogError> {
        let name = plan.kind.name(plan.sequence);
        let file = disk.create(&name, STEP_SIZE_BYTES_MIN).map_err(LogError::io("create", &name))?;
        Ok(BlockWriter {
            name,
            file,
            seed: BlockSeed::new(plan.salt),
            plan,
            position: FILE_HEADER_SIZE_BYTES as u64,
            allocated: STEP_SIZE_BYTES_MIN,
            synced: 0,
            block_count: 0,
        })
    }

    /// Size so far.
    pub fn size(&self) -> u64 {
        self.position
    }

    pub fn block_count(&self) -> u64 {
        self.block_count
    }

    /// Appends a block whose content is `pieces`, one behind the other, and answers its offset.
    pub fn append<'a>(
        &mut self,
        kind: BlockKind,
        pieces: impl Iterator<Item = &'a [u8]> + Clone,
    ) -> std::result::Result<u64, LogError> {
        let (mut size, mut checksum) = (0, 0);
        for piece in pieces.clone() {
            size += piece.len() as u64;
            checksum = crc32c::crc32c_append(checksum, piece);
        }
        let (offset, span) = (self.position, block_span_bytes(size));
        self.make_room(offset + span).map_err(LogError::io("grow", &self.name))?;
        let header = BlockHeader { kind, checksum, size, number: self.block_count }.encode(self.seed);
        let padding = &PADDING[..(span - size) as usize % PADDING.len()];
        let all = std::iter::once(&header[..]).chain(pieces.map(shorten)).chain([padding]);
        write_pieces(&*self.file, offset, all).map_err(LogError::io("write", &self.name))?;
        self.position += span;
        self.block_count += 1;
        if self.position - self.synced >= SYNC_DISTANCE_BYTES {
            self.sync()?;
        }
        Ok(offset)
    }

    fn make_room(&mut self, needed: u64) -> Result<()> {
        if needed > self.allocated {
            let step = (self.allocated / 8).clamp(STEP_SIZE_BYTES_MIN, STEP_SIZE_BYTES_MAX);
            let wanted = needed.max(self.allocated + step);
            self.file.allocate(wanted)?;
            self.allocated = wanted;
        }
        Ok(())
    }

    fn sync(&mut self) -> std::result::Result<(), LogError> {
        self.file.sync().map_err(LogError::io("sync", &self.name))?;
        self.synced = self.position;
        Ok(())
    }

    /// Writes the last block, cuts the file to its size and brings all of it to stable storage. The file does
    /// not count yet.
    pub fn complete(
        mut self,
        kind: BlockKind,
        content: &[u8],
    ) -> std::result::Result<CompleteFile, LogError> {
        let last_block = self.append(kind, std::iter::once(content))?;
        self.file.truncate(self.position).map_err(LogError::io("shorten", &self.name))?;
        self.sync()?;
        let FilePlan { kind, sequence, salt, epoch, is_backup, lsn } = self.plan;
        let file_size = self.position;
        let header = FileHeader { kind, sequence, salt, epoch, is_backup, lsn, last_block, file_size };
        Ok(CompleteFile { name: self.name, file: self.file, header })
    }
}

/// All of a file but its header, on stable storage.
pub(crate) struct CompleteFile {
    pub name: String,
    pub file: Arc<dyn DiskFile>,
    pub header: FileHeader,
}

impl CompleteFile {
    /// Writes the header: from now on the file counts, if its name is durable too.
    pub fn seal(&self) -> std::result::Result<(), LogError> {
        let header = self.header.encode();
        self.file.write_at(0, &mut [IoSlice::new(&header)]).map_err(LogError::io("write", &self.name))?;
        self.file.sync().map_err(LogError::io("sync", &self.name))
    }
}

/// For the compiler: pieces that live longer than the others they stand beside.
fn shorten<'short, 'long: 'short>(piece: &'long [u8]) -> &'short [u8] {
    piece
}

/// Writes all pieces, one behind the other, in as few calls as there may be.
fn write_pieces<'a>(
    file: &dyn DiskFile,
    mut offset: u64,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> Result<()> {
    let mut slices = [IoSlice::new(&[]); SLICE_COUNT_MAX];
    let (mut count, mut size) = (0, 0);
    for piece in pieces {
        if count == SLICE_COUNT_MAX {
            file.write_at(offset, &mut slices)?;
            offset += size;
            (count, size) = (0, 0);
        }
        slices[count] = IoSlice::new(piece);
        count += 1;
        size += piece.len() as u64;
    }
    file.write_at(offset, &mut slices[..count])
}
