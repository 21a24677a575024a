//! A disk that fails at the operation one chooses: the power goes, room runs out, or the checkpoint's own files
//! cannot be used. Only while it is armed.

use std::io::{Error, ErrorKind, IoSlice, Result};
use std::sync::{Arc, Mutex};
use warren_log::{Disk, DiskFile, Log, LogError, Recovery};
use warren_sim::SimDisk;

use crate::records::options;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// From the chosen operation on, all fail.
    PowerCut,
    /// From the chosen request for room on, there is none.
    Full,
    /// The chosen operation fails, of those that are not on a segment.
    FailsOnce,
    /// That one and all behind it.
    Fails,
}

#[derive(Clone)]
pub struct TroubledDisk {
    pub disk: SimDisk,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    armed: Option<(Trouble, u64)>,
    has_struck: bool,
    peak_bytes: u64,
}

impl TroubledDisk {
    pub fn new() -> TroubledDisk {
        TroubledDisk { disk: SimDisk::new(), state: Arc::default() }
    }

    /// Lets the operation after the next `count` of those that `trouble` is about fail.
    pub fn arm(&self, trouble: Trouble, count: u64) {
        self.state.lock().unwrap().armed = Some((trouble, count));
    }

    /// How many of the operations it was armed with are left.
    pub fn disarm(&self) -> u64 {
        self.state.lock().unwrap().armed.take().map_or(0, |(_, left)| left)
    }

    /// True once an operation has failed; forgets it.
    pub fn has_struck(&self) -> bool {
        std::mem::take(&mut self.state.lock().unwrap().has_struck)
    }

    /// The most that all files took together since the last call.
    pub fn take_peak_bytes(&self) -> u64 {
        std::mem::take(&mut self.state.lock().unwrap().peak_bytes)
    }

    pub fn open(&self) -> std::result::Result<(Log, Recovery), LogError> {
        Log::open(Arc::new(self.clone()), options())
    }

    fn before(&self, name: &str, asks_for_room: bool) -> Result<()> {
        let mut state = self.state.lock().unwrap();
        let Some((trouble, left)) = &mut state.armed else { return Ok(()) };
        let trouble = *trouble;
        let is_meant = match trouble {
            Trouble::PowerCut => true,
            Trouble::Full => asks_for_room,
            Trouble::FailsOnce | Trouble::Fails => !name.starts_with("log-"),
        };
        if !is_meant {
            return Ok(());
        }
        if *left > 0 {
            *left -= 1;
            return Ok(());
        }
        state.has_struck = true;
        if trouble == Trouble::FailsOnce {
            state.armed = None;
        }
        Err(match trouble {
            Trouble::Full => Error::from(ErrorKind::StorageFull),
            _ => Error::other("input/output error (injected)"),
        })
    }

    fn note_size(&self) {
        let used = self.disk.used_bytes();
        let mut state = self.state.lock().unwrap();
        state.peak_bytes = state.peak_bytes.max(used);
    }

    fn file(&self, name: &str, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(TroubledFile { disk: self.clone(), name: name.to_owned(), file })
    }
}

impl Disk for TroubledDisk {
    fn list(&self) -> Result<Vec<String>> {
        self.disk.list()
    }

    fn create(&self, name: &str, size: u64) -> Result<Arc<dyn DiskFile>> {
        self.before(name, true)?;
        let file = self.disk.create(name, size)?;
        self.note_size();
        Ok(self.file(name, file))
    }

    fn open(&self, name: &str) -> Result<Arc<dyn DiskFile>> {
        self.before(name, false)?;
        Ok(self.file(name, self.disk.open(name)?))
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.before(name, false)?;
        self.disk.remove(name)
    }

    fn sync_directory(&self) -> Result<()> {
        self.before("", false)?;
        self.disk.sync_directory()
    }
}

struct TroubledFile {
    disk: TroubledDisk,
    name: String,
    file: Arc<dyn DiskFile>,
}

impl DiskFile for TroubledFile {
    fn size(&self) -> Result<u64> {
        self.file.size()
    }

    fn allocate(&self, size: u64) -> Result<()> {
        self.disk.before(&self.name, true)?;
        self.file.allocate(size)?;
        self.disk.note_size();
        Ok(())
    }

    fn truncate(&self, size: u64) -> Result<()> {
        self.disk.before(&self.name, false)?;
        self.file.truncate(size)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        self.disk.before(&self.name, false)?;
        self.file.read_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, slices: &mut [IoSlice<'_>]) -> Result<()> {
        self.disk.before(&self.name, false)?;
        self.file.write_at(offset, slices)
    }

    fn sync(&self) -> Result<()> {
        self.disk.before(&self.name, false)?;
        self.file.sync()
    }
}
