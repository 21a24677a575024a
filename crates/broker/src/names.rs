//! Names of queues, exchanges and keys: bytes as clients sent them, and maps over them.

use hashbrown::HashMap;
use rapidhash::fast::SeedableState;
use std::sync::Arc;

/// Shared, because a queue's name stands in listings, bindings and error texts too.
pub type Name = Arc<[u8]>;

/// Maps from names. The seed comes from the settings, so that a run can be repeated.
pub type NameMap<V> = HashMap<Name, V, SeedableState<'static>>;

pub fn name_map<V>(seed: u64) -> NameMap<V> {
    HashMap::with_hasher(SeedableState::new(seed))
}

/// A name inside an error text.
pub fn text(name: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(name)
}
