//! What decides how a container is laid out: the configured limits of the compact encodings, and the seed
//! of the hashes. It never changes what a container holds, only how.

/// However high the configured limits are: a compact container is copied whole by `freeze` and searched
/// from end to end, so it never grows past this.
pub const PACKED_BYTES_MAX: usize = 64 * 1024;

/// `list-max-listpack-size` of -1 to -5 stands for a size in bytes.
const LIST_BYTES_BY_LEVEL: [usize; 5] = [4096, 8192, 16384, 32768, 65536];

/// A positive `list-max-listpack-size` counts elements; this bounds their bytes.
const LIST_COUNTED_BYTES_MAX: usize = 8192;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Seed of the hashes by which hashes, sets and sorted sets are ordered inside.
    pub hash_seed: u64,
    /// `hash-max-listpack-entries`, also `hash-max-ziplist-entries`.
    pub hash_listpack_entries_max: usize,
    /// `hash-max-listpack-value`.
    pub hash_listpack_value_bytes_max: usize,
    /// `list-max-listpack-size`: negative a size level, positive a number of elements.
    pub list_listpack_size: i64,
    /// `set-max-intset-entries`.
    pub set_intset_entries_max: usize,
    /// `set-max-listpack-entries`.
    pub set_listpack_entries_max: usize,
    /// `set-max-listpack-value`.
    pub set_listpack_value_bytes_max: usize,
    /// `zset-max-listpack-entries`.
    pub sorted_set_listpack_entries_max: usize,
    /// `zset-max-listpack-value`.
    pub sorted_set_listpack_value_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            hash_seed: 0,
            hash_listpack_entries_max: 512,
            hash_listpack_value_bytes_max: 64,
            list_listpack_size: -2,
            set_intset_entries_max: 512,
            set_listpack_entries_max: 128,
            set_listpack_value_bytes_max: 64,
            sorted_set_listpack_entries_max: 128,
            sorted_set_listpack_value_bytes_max: 64,
        }
    }
}

impl Limits {
    /// Whether a list of this many elements and listpack bytes may still be called a listpack.
    pub(super) fn list_fits_listpack(&self, bytes: usize, entries: usize) -> bool {
        if self.list_listpack_size < 0 {
            let level = usize::try_from(-1 - self.list_listpack_size).unwrap_or(usize::MAX);
            bytes <= LIST_BYTES_BY_LEVEL[level.min(LIST_BYTES_BY_LEVEL.len() - 1)]
        } else {
            let entries_max = usize::try_from(self.list_listpack_size).unwrap_or(usize::MAX);
            entries <= entries_max.max(1) && bytes <= LIST_COUNTED_BYTES_MAX
        }
    }
}
