//! A disk in memory with the faults of real ones.
//!
//! * A power cut ([`SimDisk::crash`]) forgets what was not synced: of each sector of 512 bytes, any version
//!   since the last sync may be the one that stays, whatever happened to its neighbours. So writes are torn
//!   and reordered. The same holds for a file's length, and for each name in the directory.
//! * What was synced stays, until [`SimDisk::flip_bit`].
//! * [`SimDisk::fail_writes`] and [`SimDisk::fail_syncs`] answer EIO; a failed sync throws away what it should
//!   have kept. A disk at its capacity answers ENOSPC where room is asked for, never where it was given.
//!
//! * [`SimDisk::tear_write`] lets a write stop half-way, as when the process is killed in it, and
//!   [`SimDisk::during_next_sync`] lets others write while a sync is on its way: what comes after its
//!   beginning is not covered by it.
//!
//! A sector itself is never torn: disks promise as much, and the log relies on it.

use crate::random::Random;
use crate::stops::{Stopped, stop};
use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use warren_log::format::segment_sequence;
use warren_log::{Disk, DiskFile};

const SECTOR_SIZE_BYTES: usize = 512;
type Sector = [u8; SECTOR_SIZE_BYTES];

/// What others do while a sync is on its way.
pub type DuringSync = Box<dyn FnOnce() + Send>;

/// A handle on one disk; clones share it.
#[derive(Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

struct State {
    /// Names now, and as of the last sync of the directory.
    names: BTreeMap<String, usize>,
    names_synced: BTreeMap<String, usize>,
    files: Vec<FileState>,
    capacity_bytes: u64,
    writes_until_failure: Option<u64>,
    syncs_until_failure: Option<u64>,
    /// The next write stops behind so many bytes, and fails.
    tear_behind_bytes: Option<usize>,
    during_sync: Option<DuringSync>,
    sync_count: u64,
    directory_sync_count: u64,
}

#[derive(Clone, Default)]
struct FileState {
    content: Vec<u8>,
    synced: Vec<u8>,
    /// Of each sector, what was written since the last sync, oldest first.
    unsynced: BTreeMap<usize, Vec<Sector>>,
    /// The file was shortened since the last sync.
    is_cut: bool,
}

impl Default for SimDisk {
    fn default() -> SimDisk {
        SimDisk::new()
    }
}

impl SimDisk {
    pub fn new() -> SimDisk {
        SimDisk::with_files(BTreeMap::new(), Vec::new(), u64::MAX)
    }

    fn with_files(names: BTreeMap<String, usize>, files: Vec<FileState>, capacity_bytes: u64) -> SimDisk {
        let state = State {
            names_synced: names.clone(),
            names,
            files,
            capacity_bytes,
            writes_until_failure: None,
            syncs_until_failure: None,
            tear_behind_bytes: None,
            during_sync: None,
            sync_count: 0,
            directory_sync_count: 0,
        };
        SimDisk { state: Arc::new(Mutex::new(state)) }
    }

    /// The disk as it may come back after a power cut now. This one is unchanged, so that the same moment
    /// can be cut in many ways.
    pub fn crash(&self, random: &mut Random) -> SimDisk {
        let state = self.lock();
        let mut names = BTreeMap::new();
        let mut all: Vec<&String> = state.names.keys().chain(state.names_synced.keys()).collect();
        all.sort_unstable();
        all.dedup();
        for name in all {
            let (now, synced) = (state.names.get(name), state.names_synced.get(name));
            if let Some(file) = if random.chance(50) { now } else { synced } {
                names.insert(name.clone(), *file);
            }
        }
        let mut files: Vec<FileState> = vec![FileState::default(); state.files.len()];
        for file in names.values() {
            files[*file] = state.files[*file].crash(random);
        }
        SimDisk::with_files(names, files, state.capacity_bytes)
    }

    /// The disk after the process died and the machine went on: everything written is there.
    pub fn kill(&self) -> SimDisk {
        let state = self.lock();
        let mut files = vec![FileState::default(); state.files.len()];
        for file in state.names.values().chain(state.names_synced.values()) {
            files[*file] = state.files[*file].clone();
        }
        let copy = SimDisk::with_files(state.names.clone(), files, state.capacity_bytes);
        copy.lock().names_synced = state.names_synced.clone();
        copy
    }

    /// All files together may take this many bytes.
    pub fn set_capacity(&self, bytes: u64) {
        self.lock().capacity_bytes = bytes;
    }

    /// Whether there is a limit to what files may take.
    pub fn is_limited(&self) -> bool {
        self.lock().capacity_bytes < u64::MAX
    }

    /// Every write after the next `count` fails.
    pub fn fail_writes(&self, count: u64) {
        self.lock().writes_until_failure = Some(count);
    }

    /// Every sync after the next `count` fails.
    pub fn fail_syncs(&self, count: u64) {
        self.lock().syncs_until_failure = Some(count);
    }

    /// The next write stops behind `bytes` of it and fails.
    pub fn tear_write(&self, bytes: usize) {
        self.lock().tear_behind_bytes = Some(bytes);
    }

    /// Runs `act` within the next sync of a file.
    pub fn during_next_sync(&self, act: DuringSync) {
        self.lock().during_sync = Some(act);
    }

    /// Disarms what [`SimDisk::during_next_sync`] was given, if no sync came.
    pub fn forget_during_sync(&self) {
        self.lock().during_sync = None;
    }

    pub fn sync_count(&self) -> u64 {
        self.lock().sync_count
    }

    pub fn directory_sync_count(&self) -> u64 {
        self.lock().directory_sync_count
    }

    pub fn used_bytes(&self) -> u64 {
        self.lock().used_bytes()
    }

    pub fn names(&self) -> Vec<String> {
        self.lock().names.keys().cloned().collect()
    }

    /// The content of a file.
    ///
    /// # Panics
    /// If there is none of that name.
    pub fn content(&self, name: &str) -> Vec<u8> {
        let state = self.lock();
        state.files[state.names[name]].content.clone()
    }

    /// Sets a file's content, synced; makes the file if there is none.
    pub fn set_content(&self, name: &str, content: Vec<u8>) {
        let mut state = self.lock();
        state.files.push(FileState { synced: content.clone(), content, ..FileState::default() });
        let file = state.files.len() - 1;
        state.names.insert(name.to_owned(), file);
        state.names_synced.insert(name.to_owned(), file);
    }

    /// Turns one bit of what is stored.
    pub fn flip_bit(&self, name: &str, bit: u64) {
        let mut content = self.content(name);
        content[(bit / 8) as usize] ^= 1 << (bit % 8);
        self.set_content(name, content);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, name: &str, file: usize) -> Arc<dyn DiskFile> {
        Arc::new(SimFile { disk: self.clone(), file, is_segment: segment_sequence(name).is_some() })
    }
}

impl State {
    fn used_bytes(&self) -> u64 {
        self.names.values().map(|file| self.files[*file].content.len() as u64).sum()
    }

    fn take_room(&self, size: u64) -> Result<()> {
        if self.used_bytes() + size > self.capacity_bytes {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        Ok(())
    }
}

/// Counts a call down; an error once the count is used up.
fn count_down(left: &mut Option<u64>) -> Result<()> {
    match left {
        Some(0) => Err(Error::other("input/output error (injected)")),
        Some(count) => {
            *count -= 1;
            Ok(())
        }
        None => Ok(()),
    }
}

impl FileState {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        self.content[offset..offset + bytes.len()].copy_from_slice(bytes);
        if bytes.is_empty() {
            return;
        }
        for sector in offset / SECTOR_SIZE_BYTES..=(offset + bytes.len() - 1) / SECTOR_SIZE_BYTES {
            let version = self.sector(sector);
            self.unsynced.entry(sector).or_default().push(version);
        }
    }

    fn sector(&self, sector: usize) -> Sector {
        let mut copy = [0; SECTOR_SIZE_BYTES];
        let from = (sector * SECTOR_SIZE_BYTES).min(self.content.len());
        let to = (from + SECTOR_SIZE_BYTES).min(self.content.len());
        copy[..to - from].copy_from_slice(&self.content[from..to]);
        copy
    }

    fn sync(&mut self) {
        let versions = self.unsynced_versions();
        self.finish_sync(&versions);
    }

    /// How many versions of each sector a sync that begins now will cover.
    fn unsynced_versions(&self) -> BTreeMap<usize, usize> {
        self.unsynced.iter().map(|(sector, versions)| (*sector, versions.len())).collect()
    }

    fn finish_sync(&mut self, covered: &BTreeMap<usize, usize>) {
        if std::mem::take(&mut self.is_cut) {
            self.synced.clone_from(&self.content);
        }
        self.synced.resize(self.content.len(), 0);
        for (sector, count) in covered {
            let Some(versions) = self.unsynced.get_mut(sector) else { continue };
            let newest = versions.drain(..*count).next_back();
            let from = (sector * SECTOR_SIZE_BYTES).min(self.content.len());
            let to = (from + SECTOR_SIZE_BYTES).min(self.content.len());
            if let Some(newest) = newest {
                self.synced[from..to].copy_from_slice(&newest[..to - from]);
            }
            if versions.is_empty() {
                self.unsynced.remove(sector);
            }
        }
    }

    fn forget_unsynced(&mut self) {
        self.unsynced.clear();
        self.content.clone_from(&self.synced);
    }

    fn crash(&self, random: &mut Random) -> FileState {
        let mut content = self.synced.clone();
        let size = if random.chance(50) { self.content.len() } else { self.synced.len() };
        content.resize(size, 0);
        for (sector, versions) in &self.unsynced {
            let from = sector * SECTOR_SIZE_BYTES;
            let pick = random.below(versions.len() as u64 + 1) as usize;
            if pick == 0 || from >= size {
                continue;
            }
            let to = (from + SECTOR_SIZE_BYTES).min(size);
            content[from..to].copy_from_slice(&versions[pick - 1][..to - from]);
        }
        FileState { synced: content.clone(), content, ..FileState::default() }
    }
}

impl Disk for SimDisk {
    fn list(&self) -> Result<Vec<String>> {
        Ok(self.names())
    }

    fn create(&self, name: &str, size: u64) -> Result<Arc<dyn DiskFile>> {
        stop().map_err(Stopped::error)?;
        let mut state = self.lock();
        state.take_room(size)?;
        let content = vec![0; size as usize];
        state.files.push(FileState { content, ..FileState::default() });
        let file = state.files.len() - 1;
        state.names.insert(name.to_owned(), file);
        drop(state);
        Ok(self.handle(name, file))
    }

    fn open(&self, name: &str) -> Result<Arc<dyn DiskFile>> {
        let file = self.lock().names.get(name).copied();
        file.map(|file| self.handle(name, file)).ok_or(Error::from(ErrorKind::NotFound))
    }

    fn remove(&self, name: &str) -> Result<()> {
        stop().map_err(Stopped::error)?;
        let removed = self.lock().names.remove(name);
        removed.map(|_| ()).ok_or(Error::from(ErrorKind::NotFound))
    }

    fn sync_directory(&self) -> Result<()> {
        stop().map_err(Stopped::error)?;
        let mut state = self.lock();
        count_down(&mut state.syncs_until_failure)?;
        state.directory_sync_count += 1;
        state.names_synced = state.names.clone();
        Ok(())
    }
}

struct SimFile {
    disk: SimDisk,
    file: usize,
    is_segment: bool,
}

impl SimFile {
    fn with<T>(&self, act: impl FnOnce(&mut FileState) -> T) -> T {
        act(&mut self.disk.lock().files[self.file])
    }

    /// Others wait for the locks under which segments are written and synced: there is no stop there.
    fn stop(&self) -> std::result::Result<(), Stopped> {
        if self.is_segment { Ok(()) } else { stop() }
    }
}

impl DiskFile for SimFile {
    fn size(&self) -> Result<u64> {
        Ok(self.with(|file| file.content.len() as u64))
    }

    fn allocate(&self, size: u64) -> Result<()> {
        self.stop().map_err(Stopped::error)?;
        let mut state = self.disk.lock();
        let now = state.files[self.file].content.len() as u64;
        state.take_room(size.saturating_sub(now))?;
        state.files[self.file].content.resize(now.max(size) as usize, 0);
        Ok(())
    }

    fn truncate(&self, size: u64) -> Result<()> {
        self.stop().map_err(Stopped::error)?;
        self.with(|file| {
            file.content.truncate(size as usize);
            file.is_cut = true;
            Ok(())
        })
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        self.with(|file| {
            let from = offset as usize;
            let bytes = file.content.get(from..from + buffer.len());
            buffer.copy_from_slice(bytes.ok_or(Error::from(ErrorKind::UnexpectedEof))?);
            Ok(())
        })
    }

    fn write_at(&self, offset: u64, slices: &mut [IoSlice<'_>]) -> Result<()> {
        self.stop().map_err(Stopped::error)?;
        let mut state = self.disk.lock();
        count_down(&mut state.writes_until_failure)?;
        let torn = state.tear_behind_bytes.take();
        let file = &mut state.files[self.file];
        let mut bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        assert!(offset as usize + bytes.len() <= file.content.len(), "a write beyond the room made for it");
        if let Some(torn) = torn {
            bytes.truncate(torn);
        }
        file.write(offset as usize, &bytes);
        if torn.is_some() { Err(Error::other("killed in a write (injected)")) } else { Ok(()) }
    }

    fn sync(&self) -> Result<()> {
        if let Err(stopped) = self.stop() {
            if stopped != Stopped::Ended {
                self.with(FileState::forget_unsynced);
            }
            return Err(stopped.error());
        }
        let mut state = self.disk.lock();
        state.sync_count += 1;
        if let Err(error) = count_down(&mut state.syncs_until_failure) {
            state.files[self.file].forget_unsynced();
            return Err(error);
        }
        let Some(act) = state.during_sync.take() else {
            state.files[self.file].sync();
            return Ok(());
        };
        let covered = state.files[self.file].unsynced_versions();
        drop(state);
        act();
        self.disk.lock().files[self.file].finish_sync(&covered);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(file: &dyn DiskFile, offset: u64, bytes: &[u8]) {
        file.write_at(offset, &mut [IoSlice::new(bytes)]).unwrap();
    }

    #[test]
    fn a_power_cut_keeps_what_was_synced_and_any_mixture_of_the_rest() {
        let disk = SimDisk::new();
        let file = disk.create("a", 2048).unwrap();
        write(&*file, 0, &[1; 2048]);
        file.sync().unwrap();
        disk.sync_directory().unwrap();
        write(&*file, 512, &[2; 1024]);
        write(&*file, 512, &[3; 512]);
        disk.create("b", 512).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        let mut random = Random::new(1);
        for _ in 0..200 {
            let crashed = disk.crash(&mut random);
            let content = crashed.content("a");
            assert!(content[..512].iter().chain(&content[1536..]).all(|byte| *byte == 1));
            assert!(content.as_chunks::<512>().0.iter().all(|sector| sector.iter().all(|b| *b == sector[0])));
            seen.insert((content[512], content[1024], crashed.names().len()));
        }
        // The first sector holds any of three versions, the second any of two, and "b" may be gone.
        assert_eq!(seen.len(), 3 * 2 * 2);
        assert_eq!(disk.kill().content("a")[512], 3);
    }

    #[test]
    fn what_is_written_during_a_sync_is_not_covered_by_it() {
        let disk = SimDisk::new();
        let file = disk.create("a", 512).unwrap();
        write(&*file, 0, &[1; 512]);
        let other = file.clone();
        disk.during_next_sync(Box::new(move || write(&*other, 0, &[2; 512])));
        file.sync().unwrap();
        disk.sync_directory().unwrap();
        let mut random = Random::new(1);
        let seen: std::collections::BTreeSet<u8> =
            (0..50).map(|_| disk.crash(&mut random).content("a")[0]).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [1, 2]);
        disk.tear_write(3);
        assert!(file.write_at(0, &mut [IoSlice::new(&[9; 8])]).is_err());
        assert_eq!(disk.kill().content("a")[..5], [9, 9, 9, 2, 2]);
    }

    #[test]
    fn a_full_disk_refuses_room_and_a_failed_sync_forgets() {
        let disk = SimDisk::new();
        disk.set_capacity(1024);
        let file = disk.create("a", 1024).unwrap();
        assert_eq!(disk.create("b", 1).err().unwrap().kind(), ErrorKind::StorageFull);
        assert_eq!(file.allocate(1025).unwrap_err().kind(), ErrorKind::StorageFull);
        file.sync().unwrap();
        write(&*file, 0, b"x");
        disk.fail_syncs(0);
        assert!(file.sync().is_err());
        assert_eq!(disk.content("a")[0], 0);
    }
}
