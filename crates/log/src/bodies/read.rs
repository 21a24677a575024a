//! One body by its name, wherever it is now. Several threads may read while a checkpoint moves bodies: a file
//! once opened stays readable.

use crate::bodies::format::BodyPlace;
use crate::bodies::loaded::LoadedBodies;
use crate::error::LogError;
use crate::reader::{bad_bodies, next_batch, visit_records};
use crate::segment::{Batches, MARK_DISTANCE_BYTES, PlacedBatch, Segment, lock};
use crate::writer::Log;
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use warren_units::{BodyName, Lsn};

impl Log {
    /// One body by its name.
    ///
    /// # Errors
    /// [`LogError::NoBody`] where there is none of that name, or no longer: a checkpoint keeps only those that
    /// it was told of.
    pub fn read_body(&self, name: BodyName) -> Result<Bytes, LogError> {
        let generation = {
            let mut cache = lock(&self.body_cache);
            match cache.find(name) {
                Some(loaded) => {
                    drop(cache);
                    return cut(&loaded, name);
                }
                None => cache.generation(),
            }
        };
        let missing = LogError::NoBody { lsn: name.lsn, ordinal: name.ordinal };
        let loaded = Arc::new(self.load_bodies(name)?.ok_or(missing)?);
        let body = cut(&loaded, name)?;
        lock(&self.body_cache).add(loaded, generation);
        Ok(body)
    }

    /// The bodies among which one of that name would be.
    pub(crate) fn load_bodies(&self, name: BodyName) -> Result<Option<LoadedBodies>, LogError> {
        loop {
            let stored = self.stored();
            if name.lsn <= stored.moved_through {
                return stored.load_bodies(name);
            }
            if let Some(segment) = self.segment_of(name.lsn) {
                let newest = Lsn(self.written.load(Ordering::Acquire));
                return load_stretch(&segment, name.lsn, newest).map(Some);
            }
            // Unless a checkpoint has just moved it.
            if Arc::ptr_eq(&stored, &self.stored()) {
                return Ok(None);
            }
        }
    }

    fn segment_of(&self, lsn: Lsn) -> Option<Arc<Segment>> {
        if lsn.0 > self.written.load(Ordering::Acquire) {
            return None;
        }
        let segments = lock(&self.segments);
        let index = segments.partition_point(|segment| segment.records().is_some_and(|(_, last)| last < lsn));
        let holds = |segment: &&Arc<Segment>| {
            segment.records().is_some_and(|(first, last)| (first..=last).contains(&lsn))
        };
        segments[index..].iter().find(holds).cloned()
    }
}

fn cut(loaded: &LoadedBodies, name: BodyName) -> Result<Bytes, LogError> {
    let place = loaded.find(name).ok_or(LogError::NoBody { lsn: name.lsn, ordinal: name.ordinal })?;
    Ok(loaded.cut(place))
}

/// The bodies of the batch that holds `lsn`, which is there, and of its neighbours. Of these, one that is
/// damaged or large is left out.
fn load_stretch(segment: &Arc<Segment>, lsn: Lsn, newest: Lsn) -> Result<LoadedBodies, LogError> {
    let last_held = segment.records().map_or(Lsn::NONE, |(_, last)| last).min(newest);
    let mut batches = segment.batches(segment.offset_before(lsn), None)?;
    let start = batches.offset;
    batches.window.expect(start, MARK_DISTANCE_BYTES as usize);
    let mut stretch = Stretch { places: Vec::new(), bytes: Vec::new(), last: last_held };
    loop {
        let batch = next_batch(&mut batches)?;
        let is_wanted = batch.header.last() >= lsn;
        let result = if is_wanted || batch.header.span_bytes() <= MARK_DISTANCE_BYTES {
            stretch.add(&mut batches, &batch)
        } else {
            Ok(())
        };
        if is_wanted {
            result?;
            break;
        }
    }
    while batches.offset - start < MARK_DISTANCE_BYTES && batches.expected() <= Some(last_held) {
        match batches.next()? {
            Some(batch) if batch.header.span_bytes() <= MARK_DISTANCE_BYTES => {
                let _ = stretch.add(&mut batches, &batch);
            }
            _ => break,
        }
    }
    Ok(LoadedBodies::new(stretch.places, stretch.bytes))
}

struct Stretch {
    places: Vec<BodyPlace>,
    bytes: Vec<u8>,
    /// Newest record that counts.
    last: Lsn,
}

impl Stretch {
    /// Adds the bodies of a batch, if they are good.
    fn add(&mut self, batches: &mut Batches, batch: &PlacedBatch) -> Result<(), LogError> {
        let (place_count, size) = (self.places.len(), self.bytes.len());
        let added = self.try_add(batches, batch);
        if added.is_err() {
            self.places.truncate(place_count);
            self.bytes.truncate(size);
        }
        added
    }

    fn try_add(&mut self, batches: &mut Batches, batch: &PlacedBatch) -> Result<(), LogError> {
        let (start, mut size) = (self.bytes.len(), 0u64);
        visit_records(batches, batch, |record, _| {
            for (ordinal, body_size) in (0..).zip(record.body_sizes()) {
                if record.lsn <= self.last {
                    let name = BodyName { lsn: record.lsn, ordinal };
                    self.places.push(BodyPlace { name, offset: start + size as usize, size: body_size });
                }
                size += u64::from(body_size);
            }
        })?;
        // The header was checked and fits its file, so the size is no more than what the file holds.
        self.bytes.resize(start + size as usize, 0);
        batches.read_bodies(batch, &mut self.bytes[start..])?;
        if crc32c::crc32c(&self.bytes[start..]) != batch.header.bodies_checksum {
            return Err(bad_bodies(&batches.segment, batch));
        }
        Ok(())
    }
}
