//! Bodies in memory, found by name: a block of a bodies file, or neighbouring batches of a segment.

use crate::bodies::format::BodyPlace;
use bytes::Bytes;
use warren_units::BodyName;
use warren_units::bounds::SHARED_SIZE_BYTES_MIN;

pub(crate) struct LoadedBodies {
    /// By ascending name.
    places: Vec<BodyPlace>,
    bytes: Bytes,
}

impl LoadedBodies {
    /// # Panics
    /// Later, if a place lies outside of `bytes`.
    pub fn new(places: Vec<BodyPlace>, bytes: Vec<u8>) -> LoadedBodies {
        LoadedBodies { places, bytes: Bytes::from(bytes) }
    }

    pub fn size(&self) -> usize {
        self.bytes.len() + self.places.len() * size_of::<BodyPlace>()
    }

    pub fn count(&self) -> u64 {
        self.places.len() as u64
    }

    pub fn find(&self, name: BodyName) -> Option<&BodyPlace> {
        let index = self.places.binary_search_by_key(&name, |place| place.name).ok()?;
        Some(&self.places[index])
    }

    pub fn slice(&self, place: &BodyPlace) -> &[u8] {
        &self.bytes[place.offset..place.offset + place.size as usize]
    }

    /// A large body shares the memory, a small one must not hold on to it.
    pub fn cut(&self, place: &BodyPlace) -> Bytes {
        let end = place.offset + place.size as usize;
        if (place.size as usize) < SHARED_SIZE_BYTES_MIN {
            Bytes::copy_from_slice(&self.bytes[place.offset..end])
        } else {
            self.bytes.slice(place.offset..end)
        }
    }
}
