//! One bodies file: opened, searched by name, written.

use crate::blocks::format::{BLOCK_ALIGNMENT_BYTES, BlockKind, FILE_HEADER_SIZE_BYTES, FileKind};
use crate::blocks::reader::BlockFile;
use crate::blocks::writer::{BlockWriter, FilePlan};
use crate::bodies::format::{BODIES_BLOCK_SIZE_BYTES, Index, IndexEntry, decode_bodies, encode_bodies_head};
use crate::bodies::loaded::LoadedBodies;
use crate::checkpoint::footer::FileEntry;
use crate::disk::Disk;
use crate::error::LogError;
use warren_units::{BodyName, Lsn};

pub(crate) struct BodiesFile {
    file: BlockFile,
    index: Index,
}

impl BodiesFile {
    /// Opens a file that a checkpoint names.
    pub fn open(disk: &dyn Disk, entry: &FileEntry) -> Result<BodiesFile, LogError> {
        let name = FileKind::Bodies.name(entry.sequence);
        let missing = |reason| LogError::corrupt(&name, 0, reason);
        let file = match BlockFile::open(disk, FileKind::Bodies, &name) {
            Ok(file) => {
                file.ok_or_else(|| missing("the file was never finished, but a checkpoint names it"))?
            }
            Err(LogError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                return Err(missing("the file is missing, but a checkpoint names it"));
            }
            Err(error) => return Err(error),
        };
        let block = file.last_block(BlockKind::Index)?;
        let damaged = |reason| LogError::corrupt(&name, file.header.last_block, reason);
        let index = Index::decode(&block.content).ok_or_else(|| damaged("the index cannot be read"))?;
        let are_offsets_good = index.blocks.is_sorted_by_key(|block| block.offset)
            && index.blocks.iter().all(|block| is_block_offset(block.offset, &file));
        if !are_offsets_good {
            return Err(damaged("the index names blocks that cannot be"));
        }
        let opened = BodiesFile { file, index };
        if opened.entry() != *entry {
            return Err(missing("the file is not the one that the checkpoint names"));
        }
        Ok(opened)
    }

    pub fn name(&self) -> &str {
        &self.file.name
    }

    pub fn size(&self) -> u64 {
        self.file.size()
    }

    pub fn first(&self) -> Lsn {
        self.index.blocks[0].first.lsn
    }

    pub fn last(&self) -> Lsn {
        self.index.last
    }

    /// What a checkpoint's footer says of this file.
    pub fn entry(&self) -> FileEntry {
        FileEntry {
            sequence: self.file.header.sequence,
            file_size: self.size(),
            first: self.first(),
            last: self.last(),
            body_count: self.index.body_count,
            body_bytes: self.index.body_bytes,
        }
    }

    /// The block in which a body of that name would be; `None` if there is none.
    pub fn load(&self, name: BodyName) -> Result<Option<LoadedBodies>, LogError> {
        let behind = self.index.blocks.partition_point(|block| block.first <= name);
        let Some(index) = behind.checked_sub(1) else { return Ok(None) };
        Ok(Some(self.load_block(index)?.0))
    }

    /// A block's bodies, and where the next block begins.
    fn load_block(&self, index: usize) -> Result<(LoadedBodies, u64), LogError> {
        let IndexEntry { first, offset } = self.index.blocks[index];
        let block = self.file.read(offset, BlockKind::Bodies)?;
        let damaged = |reason| LogError::corrupt(&self.file.name, offset, reason);
        let places =
            decode_bodies(&block.content).ok_or_else(|| damaged("the bodies do not fill their block"))?;
        if block.number != index as u64 || places[0].name != first {
            return Err(damaged("the block is not the one in the index"));
        }
        Ok((LoadedBodies::new(places, block.content), block.end))
    }

    /// Reads all of it and checks it; answers the number of bodies.
    pub fn verify(&self) -> Result<u64, LogError> {
        let mut count = 0;
        let mut end = FILE_HEADER_SIZE_BYTES as u64;
        for index in 0..self.index.blocks.len() {
            if self.index.blocks[index].offset != end {
                return Err(LogError::corrupt(&self.file.name, end, "the index leaves out a block"));
            }
            let (loaded, block_end) = self.load_block(index)?;
            end = block_end;
            count += loaded.count();
        }
        if end != self.file.header.last_block || count != self.index.body_count {
            return Err(LogError::corrupt(&self.file.name, end, "the index does not fit the blocks"));
        }
        Ok(count)
    }
}

fn is_block_offset(offset: u64, file: &BlockFile) -> bool {
    offset >= FILE_HEADER_SIZE_BYTES as u64
        && offset < file.header.last_block
        && offset.is_multiple_of(BLOCK_ALIGNMENT_BYTES)
}

/// A bodies file in the making. Bodies come by ascending name.
pub(crate) struct BodiesWriter {
    writer: BlockWriter,
    index: Index,
    /// Of the block in the making.
    sizes: Vec<(BodyName, u32)>,
    bodies: Vec<u8>,
}

impl BodiesWriter {
    pub fn create(disk: &dyn Disk, plan: FilePlan) -> Result<BodiesWriter, LogError> {
        Ok(BodiesWriter {
            writer: BlockWriter::create(disk, plan)?,
            index: Index { body_count: 0, body_bytes: 0, last: Lsn::NONE, blocks: Vec::new() },
            sizes: Vec::new(),
            bodies: Vec::new(),
        })
    }

    pub fn size(&self) -> u64 {
        self.writer.size() + self.bodies.len() as u64
    }

    pub fn last(&self) -> Lsn {
        self.index.last
    }

    pub fn append(&mut self, name: BodyName, body: &[u8]) -> Result<(), LogError> {
        // Whoever wants a small body does not read a large one with it.
        if body.len() >= BODIES_BLOCK_SIZE_BYTES && !self.sizes.is_empty() {
            self.end_block()?;
        }
        self.sizes.push((name, body.len() as u32));
        self.bodies.extend_from_slice(body);
        self.index.body_count += 1;
        self.index.body_bytes += body.len() as u64;
        self.index.last = name.lsn;
        if self.bodies.len() >= BODIES_BLOCK_SIZE_BYTES || self.sizes.len() >= BODIES_BLOCK_SIZE_BYTES / 16 {
            self.end_block()?;
        }
        Ok(())
    }

    fn end_block(&mut self) -> Result<(), LogError> {
        let head = encode_bodies_head(&self.sizes);
        let offset = self.writer.append(BlockKind::Bodies, [&head[..], &self.bodies].into_iter())?;
        self.index.blocks.push(IndexEntry { first: self.sizes[0].0, offset });
        self.sizes.clear();
        self.bodies.clear();
        self.bodies.shrink_to(2 * BODIES_BLOCK_SIZE_BYTES);
        Ok(())
    }

    /// Writes the index and brings all of the file to stable storage.
    pub fn finish(mut self) -> Result<BodiesFile, LogError> {
        if !self.sizes.is_empty() {
            self.end_block()?;
        }
        let complete = self.writer.complete(BlockKind::Index, &self.index.encode())?;
        complete.seal()?;
        let file = BlockFile::of(complete.name, complete.header, complete.file);
        Ok(BodiesFile { file, index: self.index })
    }
}
