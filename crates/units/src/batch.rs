//! The records of one loop turn, on their way from the engine to the log.
//!
//! ```text
//! effects: record, record, ...
//! record:  u32 size of effects | u32 count of bodies | effects | u32 size of each body
//! bodies:  body, body, ...            of all records, in their order
//! ```
//! All numbers little-endian. The log writes both parts with separate checksums, so that recovery reads
//! effects without touching bodies; with the framing it finds a body by (LSN, ordinal) and knows no effect.

use crate::numbers::Lsn;
use crate::room::{BatchRoom, RoomSource};
use crate::rope::{Rope, RopeMark};
use bytes::Bytes;
use std::sync::Arc;

/// Size of the framing before a record's effects.
pub const RECORD_HEADER_SIZE_BYTES: usize = 8;

/// Records with consecutive LSNs from `first` on.
#[derive(Debug)]
pub struct Batch {
    first: Lsn,
    count: u32,
    effects: Rope,
    bodies: Rope,
    body_sizes: Vec<u32>,
    /// Where the open record began.
    open: Option<(RopeMark, usize)>,
    /// Highest record of this batch that some output waits to see *synced*.
    sync_wanted: Lsn,
    room: BatchRoom,
}

impl Default for Batch {
    fn default() -> Batch {
        Batch {
            first: Lsn::NONE,
            count: 0,
            effects: Rope::default(),
            bodies: Rope::default(),
            body_sizes: Vec::new(),
            open: None,
            sync_wanted: Lsn::NONE,
            room: BatchRoom::default(),
        }
    }
}

impl Batch {
    /// An empty batch whose first record will have the LSN `first`.
    pub fn new(first: Lsn) -> Batch {
        Batch { first, ..Batch::default() }
    }

    pub fn first(&self) -> Lsn {
        self.first
    }

    pub fn count(&self) -> u32 {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// LSN of the newest finished record, or of the one before the batch.
    #[inline]
    pub fn last(&self) -> Lsn {
        Lsn(self.first.0 + u64::from(self.count) - 1)
    }

    /// LSN that the record in the making will have.
    #[inline]
    pub fn next_lsn(&self) -> Lsn {
        Lsn(self.first.0 + u64::from(self.count))
    }

    pub fn effects(&self) -> &Rope {
        &self.effects
    }

    pub fn bodies(&self) -> &Rope {
        &self.bodies
    }

    pub fn size(&self) -> usize {
        self.effects.len() + self.bodies.len()
    }

    /// Where one effect of the record in the making is appended. Opens the record at the first effect.
    #[inline]
    pub fn effect(&mut self) -> &mut Rope {
        if self.open.is_none() {
            self.open = Some((self.effects.mark(), self.effects.bytes_mut().len()));
            self.effects.extend(&[0; RECORD_HEADER_SIZE_BYTES]);
        }
        &mut self.effects
    }

    /// Adds a body to the record in the making and answers its ordinal within the record.
    pub fn body(&mut self, body: &Bytes) -> u32 {
        self.effect();
        self.bodies.extend_shared(body);
        self.body_sizes.push(body.len() as u32);
        self.body_sizes.len() as u32 - 1
    }

    /// As [`Batch::body`], from bytes that are not shared.
    pub fn body_slice(&mut self, body: &[u8]) -> u32 {
        self.effect();
        self.bodies.extend(body);
        self.body_sizes.push(body.len() as u32);
        self.body_sizes.len() as u32 - 1
    }

    /// True while effects were added since the last finished record.
    #[inline]
    pub fn has_open_record(&self) -> bool {
        self.open.is_some()
    }

    /// Ends the record in the making; `None` where no durable effect was added.
    #[inline]
    pub fn finish_record(&mut self) -> Option<Lsn> {
        let (mark, position) = self.open.take()?;
        let size = self.effects.len() - mark.len() - RECORD_HEADER_SIZE_BYTES;
        self.effects.patch_u32_le(position, u32::try_from(size).expect("a record stays below 4 GiB"));
        self.effects.patch_u32_le(position + 4, self.body_sizes.len() as u32);
        for body_size in self.body_sizes.drain(..) {
            self.effects.extend(&body_size.to_le_bytes());
        }
        let lsn = self.next_lsn();
        self.count += 1;
        Some(lsn)
    }

    /// Some output waits until `lsn` is synced: the log syncs at once instead of once a second.
    pub fn want_sync(&mut self, lsn: Lsn) {
        self.sync_wanted = self.sync_wanted.max(lsn);
    }

    pub fn sync_wanted(&self) -> Lsn {
        self.sync_wanted
    }

    /// Says where this batch and those after it learn what there is room for. Without, there is room for all.
    pub fn set_room_source(&mut self, source: Arc<dyn RoomSource>) {
        self.room = BatchRoom::of(Some(source));
    }

    /// True where the log has no room for a step that adds about `size_bytes` to the state. Asked before the
    /// step's first effect. What shrinks the state asks [`Batch::has_room`]: some room is kept for it.
    #[inline]
    pub fn refuses_growth(&self, size_bytes: usize) -> bool {
        !self.room.takes(&self.room.growth_size_bytes_max, (self.size() + size_bytes) as u64)
    }

    /// Whether the log has room for `size_bytes` more of what the server does of its own accord: where not, it
    /// waits.
    #[inline]
    pub fn has_upkeep_room(&self, size_bytes: usize) -> bool {
        self.room.takes(&self.room.upkeep_size_bytes_max, (self.size() + size_bytes) as u64)
    }

    /// Whether the log has room for `size_bytes` more of anything. Asked before the first effect, with no less
    /// than what is going to be written: records that find no place end the process.
    #[inline]
    pub fn has_room(&self, size_bytes: usize) -> bool {
        self.room.takes(&self.room.size_bytes_max, (self.size() + size_bytes) as u64)
    }

    /// Takes the batch and leaves an empty one that goes on at the next LSN.
    ///
    /// # Panics
    /// If a record is open: turns end between steps.
    pub fn take(&mut self) -> Batch {
        assert!(self.open.is_none(), "a turn ended within a step");
        let next = Batch { room: BatchRoom::of(self.room.source.take()), ..Batch::new(self.next_lsn()) };
        std::mem::replace(self, next)
    }

    /// Empties a written batch and keeps a bounded part of its memory.
    pub fn clear(&mut self) {
        self.effects.clear_keeping(1 << 20);
        self.bodies.clear_keeping(1 << 20);
        self.count = 0;
    }

    /// Empties a written batch and gives its memory to this one, if this one has none yet.
    pub fn recycle(&mut self, mut written: Batch) {
        if self.count == 0 && self.open.is_none() {
            written.clear();
            self.effects = written.effects;
            self.bodies = written.bodies;
            self.body_sizes = written.body_sizes;
        }
    }
}

/// One record as it is read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    pub lsn: Lsn,
    pub effects: &'a [u8],
    /// Little-endian u32 sizes of the bodies, by ordinal.
    body_sizes: &'a [u8],
}

impl<'a> Record<'a> {
    /// Reads the record at the front of `bytes` and answers it with the bytes behind it; `None` where the
    /// framing does not fit.
    pub fn parse(lsn: Lsn, bytes: &'a [u8]) -> Option<(Record<'a>, &'a [u8])> {
        let (header, rest) = bytes.split_at_checked(RECORD_HEADER_SIZE_BYTES)?;
        let size = u32::from_le_bytes(header[..4].try_into().ok()?) as usize;
        let body_count = u32::from_le_bytes(header[4..].try_into().ok()?) as usize;
        let (effects, rest) = rest.split_at_checked(size)?;
        let (body_sizes, rest) = rest.split_at_checked(body_count.checked_mul(4)?)?;
        Some((Record { lsn, effects, body_sizes }, rest))
    }

    /// Effects that are not read from a record, such as a checkpoint's: no body comes with them.
    pub fn without_bodies(lsn: Lsn, effects: &'a [u8]) -> Record<'a> {
        Record { lsn, effects, body_sizes: &[] }
    }

    /// Size in bytes of one body of the record.
    pub fn body_size(&self, ordinal: u32) -> Option<u32> {
        let start = (ordinal as usize).checked_mul(4)?;
        let size = self.body_sizes.get(start..start.checked_add(4)?)?;
        Some(u32::from_le_bytes(size.try_into().ok()?))
    }

    /// Sizes in bytes of the record's bodies, by ordinal.
    pub fn body_sizes(&self) -> impl ExactSizeIterator<Item = u32> + 'a {
        self.body_sizes.chunks_exact(4).map(|size| u32::from_le_bytes([size[0], size[1], size[2], size[3]]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::Room;

    #[test]
    fn records_are_framed_and_read_back() {
        let mut batch = Batch::new(Lsn(7));
        assert_eq!(batch.finish_record(), None);
        batch.effect().extend(b"first");
        assert_eq!(batch.body_slice(b"body a"), 0);
        assert_eq!(batch.body(&Bytes::from(vec![1; 20_000])), 1);
        assert_eq!(batch.finish_record(), Some(Lsn(7)));
        batch.effect().extend(b"se");
        batch.effect().extend(b"cond");
        assert_eq!(batch.finish_record(), Some(Lsn(8)));
        assert_eq!((batch.last(), batch.next_lsn(), batch.count()), (Lsn(8), Lsn(9), 2));

        let taken = batch.take();
        assert_eq!((batch.first(), batch.count()), (Lsn(9), 0));
        let effects = taken.effects().to_vec();
        let (first, rest) = Record::parse(Lsn(7), &effects).unwrap();
        assert_eq!(first.effects, b"first");
        assert_eq!(first.body_sizes().collect::<Vec<_>>(), [6, 20_000]);
        assert_eq!([0, 1, 2, u32::MAX].map(|at| first.body_size(at)), [Some(6), Some(20_000), None, None]);
        let (second, rest) = Record::parse(Lsn(8), rest).unwrap();
        assert_eq!((second.effects, second.body_sizes().len(), rest.len()), (&b"second"[..], 0, 0));
        assert_eq!(taken.bodies().len(), 20_006);
        assert!(Record::parse(Lsn(7), &effects[..10]).is_none());
    }

    /// Room for 300 bytes a batch, 100 of them kept; asked with more than 1000 it has none at all.
    struct Small;

    impl RoomSource for Small {
        fn room(&self, size_bytes: u64) -> Room {
            match size_bytes {
                0..=1000 => {
                    Room { growth_size_bytes_max: 200, upkeep_size_bytes_max: 250, size_bytes_max: 300 }
                }
                _ => Room { growth_size_bytes_max: 0, upkeep_size_bytes_max: 0, size_bytes_max: 0 },
            }
        }
    }

    #[test]
    fn growth_ends_before_the_rest_and_a_new_batch_asks_anew() {
        let mut batch = Batch::new(Lsn(1));
        assert!(!batch.refuses_growth(usize::MAX / 2) && batch.has_room(usize::MAX / 2));
        batch.set_room_source(Arc::new(Small));
        assert!(!batch.refuses_growth(200) && batch.refuses_growth(201));
        assert!(batch.has_upkeep_room(250) && !batch.has_upkeep_room(251));
        assert!(batch.has_room(300) && !batch.has_room(301));
        batch.effect().extend(&[0; 142]);
        batch.finish_record();
        assert!(!batch.refuses_growth(50) && batch.refuses_growth(51));
        assert!(batch.has_room(150) && !batch.has_room(2000) && !batch.has_room(151));
        batch.take();
        assert!(batch.has_room(300) && batch.refuses_growth(201));
    }
}
