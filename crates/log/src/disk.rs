//! What the log asks of a disk: one flat directory of files. The real one is in `server`, the one that
//! forgets, tears and fails in `sim`. Neither ever interprets what is written.

use std::io::{IoSlice, Result};
use std::sync::Arc;

/// The directory that holds the log. Whoever makes one sees to it that no other process has it.
pub trait Disk: Send + Sync {
    /// Names of all files, in any order.
    fn list(&self) -> Result<Vec<String>>;

    /// Makes an empty file with room for `size` bytes that read as zeros; replaces one of that name.
    /// Where there is no room (`ErrorKind::StorageFull`) nothing is left behind. The name lasts only
    /// after [`Disk::sync_directory`].
    fn create(&self, name: &str, size: u64) -> Result<Arc<dyn DiskFile>>;

    fn open(&self, name: &str) -> Result<Arc<dyn DiskFile>>;

    /// Lasts only after [`Disk::sync_directory`].
    fn remove(&self, name: &str) -> Result<()>;

    fn sync_directory(&self) -> Result<()>;

    /// Goes through the files of these names: calls `visit` with each index once, in any order and from any
    /// thread. What a visit does is to wait for small reads, so a disk that can do several at once should.
    fn visit_each(&self, names: &[&str], visit: &(dyn Fn(usize) + Sync)) {
        (0..names.len()).for_each(visit);
    }
}

/// One open file. All calls may come from several threads at once.
pub trait DiskFile: Send + Sync {
    fn size(&self) -> Result<u64>;

    /// Grows the file to `size` bytes with room for all of them; new bytes read as zeros.
    fn allocate(&self, size: u64) -> Result<()>;

    /// Cuts the file off behind `size` bytes and gives the room back.
    fn truncate(&self, size: u64) -> Result<()>;

    /// Fills all of `buffer`.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()>;

    /// Writes all of `slices`, one behind the other.
    fn write_at(&self, offset: u64, slices: &mut [IoSlice<'_>]) -> Result<()>;

    /// Returns when everything written before the call is on stable storage.
    fn sync(&self) -> Result<()>;
}
