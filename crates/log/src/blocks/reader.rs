//! Reading a file of blocks. The file was finished, so bytes that do not match are damage.

use crate::blocks::format::{
    BLOCK_HEADER_SIZE_BYTES, BLOCKS_VERSION, BadFileHeader, BlockHeader, BlockKind, BlockSeed,
    FILE_HEADER_SIZE_BYTES, FileHeader, FileKind, block_span_bytes,
};
use crate::disk::{Disk, DiskFile};
use crate::error::LogError;
use std::sync::Arc;

/// A finished file.
pub(crate) struct BlockFile {
    pub name: String,
    pub header: FileHeader,
    file: Arc<dyn DiskFile>,
    seed: BlockSeed,
}

/// A block's content, checked.
pub(crate) struct Block {
    pub number: u64,
    pub content: Vec<u8>,
    /// Where the next block begins.
    pub end: u64,
}

impl BlockFile {
    /// Opens a file; `None` where its making was never finished.
    pub fn open(disk: &dyn Disk, kind: FileKind, name: &str) -> Result<Option<BlockFile>, LogError> {
        let file = disk.open(name).map_err(LogError::io("open", name))?;
        let size = file.size().map_err(LogError::io("read", name))?;
        if size < FILE_HEADER_SIZE_BYTES as u64 {
            return Ok(None);
        }
        let mut bytes = [0; FILE_HEADER_SIZE_BYTES];
        file.read_at(0, &mut bytes).map_err(LogError::io("read", name))?;
        let header = match FileHeader::decode(kind, &bytes) {
            Ok(header) => header,
            Err(BadFileHeader::Zeros) => return Ok(None),
            Err(BadFileHeader::Version(found)) => {
                return Err(LogError::Version { file: name.to_owned(), found, known: BLOCKS_VERSION });
            }
            Err(BadFileHeader::Damaged) => {
                return Err(LogError::corrupt(name, 0, "the file's header does not match its checksum"));
            }
        };
        if kind.name(header.sequence) != name {
            return Err(LogError::corrupt(name, 0, "the header is that of another file"));
        }
        if header.file_size != size {
            let reason = format!("the file has {size} bytes, but its header says {}", header.file_size);
            return Err(LogError::corrupt(name, size, reason));
        }
        Ok(Some(BlockFile { name: name.to_owned(), seed: header.block_seed(), header, file }))
    }

    /// A file just finished.
    pub fn of(name: String, header: FileHeader, file: Arc<dyn DiskFile>) -> BlockFile {
        BlockFile { name, seed: header.block_seed(), header, file }
    }

    pub fn size(&self) -> u64 {
        self.header.file_size
    }

    pub fn sync(&self) -> Result<(), LogError> {
        self.file.sync().map_err(LogError::io("sync", &self.name))
    }

    /// The block at `offset`, which is to be a `kind`.
    pub fn read(&self, offset: u64, kind: BlockKind) -> Result<Block, LogError> {
        let damaged = |reason| LogError::corrupt(&self.name, offset, reason);
        let behind = self.size().checked_sub(offset);
        let room = behind.and_then(|behind| behind.checked_sub(BLOCK_HEADER_SIZE_BYTES as u64));
        let room = room.ok_or_else(|| damaged("there is no block"))?;
        let mut bytes = [0; BLOCK_HEADER_SIZE_BYTES];
        self.file.read_at(offset, &mut bytes).map_err(LogError::io("read", &self.name))?;
        let header = BlockHeader::decode(&bytes, self.seed);
        let header = header.ok_or_else(|| damaged("the block header does not match its checksum"))?;
        if header.kind != kind {
            return Err(damaged("the block is of another kind"));
        }
        if header.size > room {
            return Err(damaged("the block is longer than the file"));
        }
        // No more than what the file holds.
        let mut content = vec![0; header.size as usize];
        let place = offset + BLOCK_HEADER_SIZE_BYTES as u64;
        self.file.read_at(place, &mut content).map_err(LogError::io("read", &self.name))?;
        if crc32c::crc32c(&content) != header.checksum {
            return Err(damaged("the block does not match its checksum"));
        }
        Ok(Block { number: header.number, content, end: offset + block_span_bytes(header.size) })
    }

    /// The last block, which ends with the file.
    pub fn last_block(&self, kind: BlockKind) -> Result<Block, LogError> {
        let block = self.read(self.header.last_block, kind)?;
        if block.end != self.size() {
            return Err(LogError::corrupt(
                &self.name,
                block.end,
                "the file does not end with its last block",
            ));
        }
        Ok(block)
    }

    /// All blocks but the last, in order; each has to be a `kind`.
    pub fn blocks(self: &Arc<Self>, kind: BlockKind) -> Blocks {
        Blocks { file: self.clone(), kind, offset: FILE_HEADER_SIZE_BYTES as u64, number: 0 }
    }
}

/// The blocks before the last one.
pub(crate) struct Blocks {
    file: Arc<BlockFile>,
    kind: BlockKind,
    /// Where the next block begins.
    pub offset: u64,
    number: u64,
}

impl Blocks {
    /// The next block; `None` behind the last.
    pub fn next(&mut self) -> Result<Option<Block>, LogError> {
        if self.offset == self.file.header.last_block {
            return Ok(None);
        }
        let block = self.file.read(self.offset, self.kind)?;
        if block.number != self.number || block.end > self.file.header.last_block {
            let reason = format!("block {} is here instead of block {}", block.number, self.number);
            return Err(LogError::corrupt(&self.file.name, self.offset, reason));
        }
        self.offset = block.end;
        self.number += 1;
        Ok(Some(block))
    }
}
