//! The bodies that were read last: the next read is often their neighbour. Each queue that is read back has a
//! neighbourhood of its own.

use crate::bodies::loaded::LoadedBodies;
use std::sync::Arc;
use warren_units::BodyName;

const CACHED_COUNT_MAX: usize = 16;
const CACHED_SIZE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Least recently used first.
#[derive(Default)]
pub(crate) struct BodyCache {
    loaded: Vec<Arc<LoadedBodies>>,
    /// Counts how often the log was cut: what was read before that may be of records that are gone.
    generation: u64,
}

impl BodyCache {
    pub fn clear(&mut self) {
        self.loaded.clear();
        self.generation += 1;
    }

    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Those that hold a body of that name.
    pub fn find(&mut self, name: BodyName) -> Option<Arc<LoadedBodies>> {
        let index = self.loaded.iter().rposition(|loaded| loaded.find(name).is_some())?;
        let found = self.loaded.remove(index);
        self.loaded.push(found.clone());
        Some(found)
    }

    /// Adds what was read in `generation`.
    pub fn add(&mut self, loaded: Arc<LoadedBodies>, generation: u64) {
        if generation != self.generation {
            return;
        }
        self.loaded.push(loaded);
        let mut size: usize = self.loaded.iter().map(|loaded| loaded.size()).sum();
        while size > CACHED_SIZE_BYTES_MAX || self.loaded.len() > CACHED_COUNT_MAX {
            size -= self.loaded.remove(0).size();
        }
    }
}
