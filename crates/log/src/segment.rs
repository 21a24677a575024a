//! One segment: its file, what is known of the batches in it, and walking through them. Never decides
//! whether a batch that does not fit is a tail or damage: that is `recovery`'s.

use crate::disk::{Disk, DiskFile};
use crate::error::LogError;
use crate::format::{
    BATCH_HEADER_SIZE_BYTES, BadSegmentHeader, BatchHeader, BatchKind, BatchSeed, FORMAT_VERSION,
    SEGMENT_HEADER_SIZE_BYTES, SEGMENT_HEADER_USED_BYTES, SegmentHeader, segment_name,
};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use warren_units::Lsn;

/// Distance of the places a segment remembers: a body is found by walking at most this far from one.
pub(crate) const MARK_DISTANCE_BYTES: u64 = 64 * 1024;
const WINDOW_SIZE_BYTES_MIN: usize = 4 * 1024;
const WINDOW_SIZE_BYTES_MAX: usize = 256 * 1024;
/// Reading goes on in large pieces over gaps of this size.
const SKIPPED_SIZE_BYTES_MAX: u64 = 8 * 1024;

/// A panic elsewhere does not make the data behind a lock wrong: every change under one is complete
/// before anything that could panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) struct Segment {
    pub name: String,
    pub header: SegmentHeader,
    pub file: Arc<dyn DiskFile>,
    seed: BatchSeed,
    places: Mutex<Places>,
}

/// Where the records of a segment are.
#[derive(Clone)]
struct Places {
    /// Both `NONE` while the segment holds no record.
    first: Lsn,
    last: Lsn,
    /// Behind the last batch.
    end: u64,
    /// First record and offset of some batches, ascending.
    marks: Vec<(Lsn, u64)>,
}

impl Segment {
    /// Makes the segment's file with its header, all of it durable.
    pub fn create(disk: &dyn Disk, header: SegmentHeader, size: u64) -> Result<Segment, LogError> {
        let name = segment_name(header.sequence);
        let file = disk.create(&name, size).map_err(LogError::io("create", &name))?;
        let bytes = header.encode();
        file.write_at(0, &mut [io::IoSlice::new(&bytes)]).map_err(LogError::io("write", &name))?;
        file.sync().map_err(LogError::io("sync", &name))?;
        disk.sync_directory().map_err(LogError::io("sync the directory of", &name))?;
        Ok(Segment::new(name, header, file))
    }

    /// Opens a segment's file; `None` where its making was never finished, so that no batch is in it.
    pub fn open(disk: &dyn Disk, name: &str) -> Result<Option<Segment>, LogError> {
        let file = disk.open(name).map_err(LogError::io("open", name))?;
        let mut window = Window::new(file.clone(), name)?;
        let header = match window.array::<SEGMENT_HEADER_USED_BYTES>(0)? {
            Some(bytes) => SegmentHeader::decode(&bytes),
            None => return Ok(None),
        };
        match header {
            Ok(header) if segment_name(header.sequence) == name => {
                Ok(Some(Segment::new(name.to_owned(), header, file)))
            }
            Ok(_) => Err(LogError::corrupt(name, 0, "the header is that of another segment")),
            Err(BadSegmentHeader::Version(found)) => {
                Err(LogError::Version { file: name.to_owned(), found, known: FORMAT_VERSION })
            }
            // Batches are written only once the header is durable.
            Err(BadSegmentHeader::Damaged) if !window.has_nonzero(SEGMENT_HEADER_SIZE_BYTES)? => Ok(None),
            Err(BadSegmentHeader::Damaged) => {
                Err(LogError::corrupt(name, 0, "the segment header does not match its checksum"))
            }
        }
    }

    fn new(name: String, header: SegmentHeader, file: Arc<dyn DiskFile>) -> Segment {
        let places = Mutex::new(Places {
            first: Lsn::NONE,
            last: Lsn::NONE,
            end: SEGMENT_HEADER_SIZE_BYTES,
            marks: Vec::new(),
        });
        Segment { seed: header.batch_seed(), name, header, file, places }
    }

    pub fn seed(&self) -> BatchSeed {
        self.seed
    }

    /// First and last record; `None` while there are none.
    pub fn records(&self) -> Option<(Lsn, Lsn)> {
        let places = lock(&self.places);
        (places.first != Lsn::NONE).then_some((places.first, places.last))
    }

    /// Offset behind the last batch.
    pub fn end(&self) -> u64 {
        lock(&self.places).end
    }

    /// About how many bytes of batches hold records behind `lsn`.
    pub fn bytes_behind(&self, lsn: Lsn) -> u64 {
        match self.records() {
            Some((_, last)) if last > lsn => self.end() - self.offset_before(lsn.next()),
            _ => 0,
        }
    }

    /// Remembers a batch of the records `first` to `last` (none, if `last` is below `first`).
    pub fn note_batch(&self, first: Lsn, last: Lsn, offset: u64, end: u64) {
        let mut places = lock(&self.places);
        if last >= first {
            if places.first == Lsn::NONE {
                places.first = first;
            }
            if places.marks.last().is_none_or(|(_, mark)| offset - mark >= MARK_DISTANCE_BYTES) {
                places.marks.push((first, offset));
            }
            places.last = last;
        }
        places.end = end;
    }

    /// Forgets the batches from `offset` on; what is left ends with `last`.
    pub fn forget_from(&self, offset: u64, last: Lsn) {
        let mut places = lock(&self.places);
        places.marks.retain(|(_, mark)| *mark < offset);
        places.end = offset;
        places.last = last;
        if places.marks.is_empty() {
            (places.first, places.last) = (Lsn::NONE, Lsn::NONE);
        }
    }

    /// Forgets the records behind `lsn`, which is one of this segment's.
    pub fn forget_after(&self, lsn: Lsn) {
        let mut places = lock(&self.places);
        places.marks.retain(|(first, _)| *first <= lsn);
        places.last = places.last.min(lsn);
    }

    /// Offset of a batch at or before the one that holds `lsn`.
    pub fn offset_before(&self, lsn: Lsn) -> u64 {
        let places = lock(&self.places);
        let behind = places.marks.partition_point(|(first, _)| *first <= lsn);
        places.marks[..behind].last().map_or(SEGMENT_HEADER_SIZE_BYTES, |(_, offset)| *offset)
    }

    pub fn window(&self) -> Result<Window, LogError> {
        Window::new(self.file.clone(), &self.name)
    }

    /// Walks all batches, whatever LSN the first one has, and remembers where they are.
    pub fn survey(self: &Arc<Self>) -> Result<Survey, LogError> {
        let mut batches = self.batches(SEGMENT_HEADER_SIZE_BYTES, None)?;
        let mut survey = Survey { batches: None, ended: "" };
        while let Some(batch) = batches.next()? {
            let (header, last) = (batch.header, batch.header.last());
            let (first, claim) =
                survey.batches.map_or((header.first, Lsn::NONE), |all| (all.first, all.claim));
            let is_clean_end = header.kind == BatchKind::CleanEnd;
            survey.batches =
                Some(SurveyedBatches { first, last, claim: claim.max(header.synced), is_clean_end });
            self.note_batch(header.first, last, batch.offset, batch.end());
        }
        survey.ended = batches.ended;
        Ok(survey)
    }

    /// The batches from the one at `offset` on. If `expected` is `None`, the first may have any LSN.
    pub fn batches(self: &Arc<Self>, offset: u64, expected: Option<Lsn>) -> Result<Batches, LogError> {
        Ok(Batches { segment: self.clone(), window: self.window()?, offset, expected, ended: "" })
    }
}

/// What a walk through a segment found. It knows nothing of the others.
pub(crate) struct Survey {
    /// `None` where not even the first is good.
    pub batches: Option<SurveyedBatches>,
    /// Why there is no further batch.
    pub ended: &'static str,
}

#[derive(Clone, Copy)]
pub(crate) struct SurveyedBatches {
    /// LSN of the first batch.
    pub first: Lsn,
    pub last: Lsn,
    /// Highest synced LSN that one of them claims.
    pub claim: Lsn,
    /// The last one is.
    pub is_clean_end: bool,
}

/// A batch whose header is good and which lies within its file.
#[derive(Clone, Copy)]
pub(crate) struct PlacedBatch {
    pub offset: u64,
    pub header: BatchHeader,
}

impl PlacedBatch {
    pub fn effects_offset(&self) -> u64 {
        self.offset + BATCH_HEADER_SIZE_BYTES as u64
    }

    pub fn bodies_offset(&self) -> u64 {
        self.effects_offset() + self.header.effects_size
    }

    pub fn end(&self) -> u64 {
        self.offset + self.header.span_bytes()
    }
}

/// Walks a segment from header to header, without reading what lies between them.
pub(crate) struct Batches {
    pub segment: Arc<Segment>,
    pub window: Window,
    /// Where the next batch would begin.
    pub offset: u64,
    expected: Option<Lsn>,
    /// Why there is no next batch.
    pub ended: &'static str,
}

impl Batches {
    /// The next batch if it has the next LSN and this segment's epoch.
    pub fn next(&mut self) -> Result<Option<PlacedBatch>, LogError> {
        let Some(bytes) = self.window.array::<BATCH_HEADER_SIZE_BYTES>(self.offset)? else {
            self.ended = "the file ends";
            return Ok(None);
        };
        let header = match BatchHeader::decode(&bytes, self.segment.seed) {
            Ok(header) => header,
            Err(bad) => {
                self.ended = bad.reason();
                return Ok(None);
            }
        };
        let batch = PlacedBatch { offset: self.offset, header };
        if header.epoch != self.segment.header.epoch || self.expected.is_some_and(|lsn| lsn != header.first) {
            self.ended = "the batch is not the next one";
            return Ok(None);
        }
        // The padding behind the last batch of a cut file may be missing.
        let content = header.effects_size.saturating_add(header.bodies_size);
        if content > self.window.size().saturating_sub(batch.effects_offset()) {
            self.ended = "the batch is longer than the file";
            return Ok(None);
        }
        // Behind a clean end, too: it names the record that would be the next one.
        self.expected = Some(header.last().next());
        self.offset = batch.end();
        Ok(Some(batch))
    }

    /// The segment, and the batch's effects; `None` if they do not match their checksum.
    pub fn effects(&mut self, batch: &PlacedBatch) -> Result<(&Segment, Option<&[u8]>), LogError> {
        let effects = self.window.slice(batch.effects_offset(), batch.header.effects_size)?;
        let is_good = |effects: &&[u8]| crc32c::crc32c(effects) == batch.header.effects_checksum;
        Ok((&self.segment, effects.filter(is_good)))
    }

    /// LSN that the next batch is to begin with, if that is known.
    pub fn expected(&self) -> Option<Lsn> {
        self.expected
    }

    /// The batch's bodies, not checked; `buffer` has their size.
    pub fn read_bodies(&mut self, batch: &PlacedBatch, buffer: &mut [u8]) -> Result<(), LogError> {
        let offset = batch.bodies_offset();
        if buffer.len() <= WINDOW_SIZE_BYTES_MAX
            && let Some(bytes) = self.window.slice(offset, buffer.len() as u64)?
        {
            buffer.copy_from_slice(bytes);
            return Ok(());
        }
        self.segment.file.read_at(offset, buffer).map_err(LogError::io("read", &self.segment.name))
    }

    /// True if the batch's bodies match their checksum.
    pub fn are_bodies_good(&mut self, batch: &PlacedBatch) -> Result<bool, LogError> {
        let (mut offset, end) = (batch.bodies_offset(), batch.bodies_offset() + batch.header.bodies_size);
        let mut checksum = 0;
        while offset < end {
            let part = (end - offset).min(WINDOW_SIZE_BYTES_MAX as u64);
            let Some(bytes) = self.window.slice(offset, part)? else { return Ok(false) };
            checksum = crc32c::crc32c_append(checksum, bytes);
            offset += part;
        }
        Ok(checksum == batch.header.bodies_checksum)
    }
}

/// Reads a file forwards through a buffer: much at once where bytes are asked for one behind the other,
/// little where bodies are skipped.
pub(crate) struct Window {
    file: Arc<dyn DiskFile>,
    name: String,
    size: u64,
    buffer: Vec<u8>,
    start: u64,
    read_size: usize,
}

impl Window {
    fn new(file: Arc<dyn DiskFile>, name: &str) -> Result<Window, LogError> {
        let size = file.size().map_err(LogError::io("read", name))?;
        let name = name.to_owned();
        Ok(Window { file, name, size, buffer: Vec::new(), start: 0, read_size: WINDOW_SIZE_BYTES_MIN })
    }

    /// About `size` bytes from `offset` on will be asked for, one behind the other.
    pub fn expect(&mut self, offset: u64, size: usize) {
        self.start = offset;
        self.buffer.clear();
        self.read_size = size / 2;
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// `size` bytes at `offset`; `None` where the file is shorter.
    pub fn slice(&mut self, offset: u64, size: u64) -> Result<Option<&[u8]>, LogError> {
        if offset.checked_add(size).is_none_or(|end| end > self.size) {
            return Ok(None);
        }
        let buffer_end = self.start + self.buffer.len() as u64;
        if offset < self.start || offset + size > buffer_end {
            // A disk reads the pages of what is skipped here anyway.
            let in_sequence = (self.start..=buffer_end + SKIPPED_SIZE_BYTES_MAX).contains(&offset);
            self.read_size = if in_sequence { self.read_size * 2 } else { WINDOW_SIZE_BYTES_MIN };
            self.read_size = self.read_size.clamp(WINDOW_SIZE_BYTES_MIN, WINDOW_SIZE_BYTES_MAX);
            let wanted = (self.read_size as u64).max(size).min(self.size - offset);
            self.buffer.resize(wanted as usize, 0);
            self.start = offset;
            self.file.read_at(offset, &mut self.buffer).map_err(LogError::io("read", &self.name))?;
        }
        let from = (offset - self.start) as usize;
        Ok(Some(&self.buffer[from..from + size as usize]))
    }

    pub fn array<const SIZE: usize>(&mut self, offset: u64) -> Result<Option<[u8; SIZE]>, LogError> {
        Ok(self.slice(offset, SIZE as u64)?.and_then(|bytes| bytes.try_into().ok()))
    }

    /// True if anything but zeros is in the file from `offset` on.
    fn has_nonzero(&mut self, mut offset: u64) -> Result<bool, LogError> {
        while offset < self.size {
            let part = (self.size - offset).min(WINDOW_SIZE_BYTES_MAX as u64);
            if self.slice(offset, part)?.is_some_and(|bytes| !is_zero(bytes)) {
                return Ok(true);
            }
            offset += part;
        }
        Ok(false)
    }
}

/// True if all bytes are zero; sixteen at a time.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<16>();
    words.iter().all(|word| u128::from_ne_bytes(*word) == 0) && rest.iter().all(|byte| *byte == 0)
}
