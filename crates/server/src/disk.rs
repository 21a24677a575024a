//! The log's disk: one directory of real files, locked against other processes. Knows no format.

use crate::progress::Progress;
use parking_lot::Mutex;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use warren_log::{Disk, DiskFile};

pub(crate) const LOCK_FILE_NAME: &str = "lock";

/// So many threads wait for the disk side by side where small parts of many files are read: disks of today are
/// several times as fast then.
const VISITING_THREAD_COUNT: usize = 16;

const ZEROS_SIZE_BYTES: usize = 256 * 1024;

/// The directory stays locked as long as this lives.
pub struct Directory {
    path: PathBuf,
    directory: File,
    is_read_only: bool,
    /// `None` in a directory that no server has used.
    _lock: Option<File>,
}

impl Directory {
    /// Opens the directory, or makes it.
    ///
    /// # Errors
    /// `ErrorKind::WouldBlock` if another process has it.
    pub fn open(path: &Path) -> Result<Directory> {
        std::fs::create_dir_all(path)?;
        let lock =
            OpenOptions::new().write(true).create(true).truncate(false).open(path.join(LOCK_FILE_NAME))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        let directory = File::open(path)?;
        // Where the directory itself is new, its name must last too.
        if let Some(parent) = path.canonicalize()?.parent() {
            File::open(parent)?.sync_all()?;
        }
        Ok(Directory { path: path.to_owned(), directory, is_read_only: false, _lock: Some(lock) })
    }

    /// Opens a directory that is there, to look at it: a stopped server's, or a backup. No file is changed, and
    /// as long as this lives no server can use it.
    ///
    /// # Errors
    /// As above.
    pub fn inspect(path: &Path) -> Result<Directory> {
        let directory = File::open(path)?;
        if !directory.metadata()?.is_dir() {
            return Err(Error::from(ErrorKind::NotADirectory));
        }
        let lock = match File::open(path.join(LOCK_FILE_NAME)) {
            Ok(lock) => Some(lock),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if let Some(lock) = &lock {
            flock(lock, FlockOperation::NonBlockingLockShared)?;
        }
        Ok(Directory { path: path.to_owned(), directory, is_read_only: true, _lock: lock })
    }

    /// Opens the directory, or makes it, if there is nothing in it but a lock file.
    ///
    /// # Errors
    /// One line for the operator.
    pub fn open_empty(path: &Path) -> std::result::Result<Directory, String> {
        let explained = |error: Error| Directory::explain(path, &error);
        if path.exists() {
            let names = Directory::inspect(path).and_then(|there| there.list()).map_err(explained)?;
            if let Some(name) = names.iter().find(|name| *name != LOCK_FILE_NAME) {
                return Err(format!("directory {} is not empty: there is {name}", path.display()));
            }
        }
        Directory::open(path).map_err(explained)
    }

    /// One line for the operator on a directory that cannot be opened.
    pub fn explain(path: &Path, error: &Error) -> String {
        let directory = path.display();
        match error.kind() {
            ErrorKind::WouldBlock => format!("data directory {directory} is in use by another process"),
            _ => format!("cannot use data directory {directory}: {error}"),
        }
    }
}

impl Disk for Directory {
    fn list(&self) -> Result<Vec<String>> {
        let entries = std::fs::read_dir(&self.path)?;
        let names = entries.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }

    fn create(&self, name: &str, size: u64) -> Result<Arc<dyn DiskFile>> {
        let path = self.path.join(name);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path)?;
        if let Err(error) = make_room(&file, 0, size) {
            drop(file);
            std::fs::remove_file(&path)?;
            return Err(error);
        }
        Ok(Arc::new(DirectoryFile { file }))
    }

    fn open(&self, name: &str) -> Result<Arc<dyn DiskFile>> {
        let is_writable = !self.is_read_only;
        let file = OpenOptions::new().read(true).write(is_writable).open(self.path.join(name))?;
        Ok(Arc::new(DirectoryFile { file }))
    }

    fn remove(&self, name: &str) -> Result<()> {
        std::fs::remove_file(self.path.join(name))
    }

    fn sync_directory(&self) -> Result<()> {
        self.directory.sync_all()
    }

    fn visit_each(&self, names: &[&str], visit: &(dyn Fn(usize) + Sync)) {
        let size_of = |name: &&str| std::fs::metadata(self.path.join(name)).map_or(0, |facts| facts.len());
        let sizes: Vec<u64> = names.iter().map(size_of).collect();
        let progress = Mutex::new((Progress::new("looking through the log", sizes.iter().sum()), 0));
        let next = AtomicUsize::new(0);
        let visit_some = || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(size) = sizes.get(index) else { return };
                visit(index);
                let (progress, done) = &mut *progress.lock();
                *done += size;
                if !self.is_read_only {
                    progress.show(*done);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..VISITING_THREAD_COUNT.min(names.len()) {
                scope.spawn(visit_some);
            }
            visit_some();
        });
    }
}

struct DirectoryFile {
    file: File,
}

impl DiskFile for DirectoryFile {
    fn size(&self) -> Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn allocate(&self, size: u64) -> Result<()> {
        make_room(&self.file, self.size()?, size)
    }

    fn truncate(&self, size: u64) -> Result<()> {
        self.file.set_len(size)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        self.file.read_exact_at(buffer, offset)
    }

    fn write_at(&self, mut offset: u64, mut slices: &mut [IoSlice<'_>]) -> Result<()> {
        // A piece without bytes would look like a write that makes no progress.
        IoSlice::advance_slices(&mut slices, 0);
        while !slices.is_empty() {
            match rustix::io::pwritev(&self.file, slices, offset) {
                Ok(0) => return Err(Error::from(ErrorKind::WriteZero)),
                Ok(written) => {
                    offset += written as u64;
                    IoSlice::advance_slices(&mut slices, written);
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        self.file.sync_data()
    }
}

/// Sees to it that the bytes from `from` to `to` exist and have their room on the disk.
fn make_room(file: &File, from: u64, to: u64) -> Result<()> {
    if to <= from {
        return Ok(());
    }
    #[cfg(target_os = "linux")]
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), from, to - from) {
        // Some file systems cannot, and some sandboxes do not let us.
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::PERM) => {}
        done => return Ok(done?),
    }
    let zeros = vec![0; ZEROS_SIZE_BYTES];
    let mut offset = from;
    while offset < to {
        let size = (to - offset).min(ZEROS_SIZE_BYTES as u64);
        file.write_all_at(&zeros[..size as usize], offset)?;
        offset += size;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use warren_log::{Log, LogOptions};
    use warren_units::{Batch, Lsn};

    /// A fresh directory, deleted at the end.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Scratch {
            let path = std::env::temp_dir().join(format!("warren-disk-{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&path);
            Scratch(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_directory_has_one_owner() {
        let scratch = Scratch::new("owner");
        let first = Directory::open(&scratch.0).unwrap();
        assert_eq!(Directory::open(&scratch.0).err().unwrap().kind(), ErrorKind::WouldBlock);
        drop(first);
        Directory::open(&scratch.0).unwrap();
    }

    #[test]
    fn a_directory_that_is_looked_at_is_not_changed_and_not_in_use() {
        let scratch = Scratch::new("inspect");
        assert_eq!(Directory::inspect(&scratch.0).err().unwrap().kind(), ErrorKind::NotFound);
        std::fs::create_dir(&scratch.0).unwrap();
        let looked_at = Directory::inspect(&scratch.0).unwrap();
        assert_eq!(looked_at.list().unwrap(), Vec::<String>::new());
        drop(looked_at);
        let owner = Directory::open(&scratch.0).unwrap();
        drop(owner.create("a", 10).unwrap());
        let error = Directory::inspect(&scratch.0).err().unwrap();
        assert!(Directory::explain(&scratch.0, &error).ends_with("is in use by another process"));
        drop(owner);
        let looked_at = Directory::inspect(&scratch.0).unwrap();
        assert!(looked_at.open("a").unwrap().write_at(0, &mut [IoSlice::new(b"x")]).is_err());
        assert_eq!(Directory::open(&scratch.0).err().unwrap().kind(), ErrorKind::WouldBlock);
    }

    #[test]
    fn files_keep_what_is_written_in_pieces() {
        let scratch = Scratch::new("pieces");
        let disk = Directory::open(&scratch.0).unwrap();
        let file = disk.create("a", 10_000).unwrap();
        let pieces = [&b""[..], b"one", b"", b"two", b""];
        file.write_at(100, &mut pieces.map(IoSlice::new)).unwrap();
        file.write_at(200, &mut [IoSlice::new(b"")]).unwrap();
        file.allocate(20_000).unwrap();
        file.sync().unwrap();
        disk.sync_directory().unwrap();
        let file = disk.open("a").unwrap();
        let mut read = [9; 8];
        file.read_at(99, &mut read).unwrap();
        assert_eq!((&read, file.size().unwrap()), (b"\0onetwo\0", 20_000));
        file.truncate(102).unwrap();
        assert_eq!(file.read_at(99, &mut read).unwrap_err().kind(), ErrorKind::UnexpectedEof);
        disk.remove("a").unwrap();
        assert_eq!(disk.list().unwrap(), [LOCK_FILE_NAME]);
        assert_eq!(disk.open("a").err().unwrap().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn the_log_comes_back_from_real_files() {
        let scratch = Scratch::new("log");
        let options = LogOptions { segment_size_bytes: 64 * 1024, salt: 1, ..LogOptions::default() };
        for round in 0..4u64 {
            let disk = Arc::new(Directory::open(&scratch.0).unwrap());
            let (log, recovery) = Log::open(disk, options).unwrap();
            assert_eq!(recovery.last, Lsn(round * 100));
            let mut records = 0u64;
            for chunk in log.chunks(Lsn(1)).unwrap() {
                for record in chunk.unwrap().records() {
                    records += 1;
                    assert_eq!(record.effects, record.lsn.0.to_le_bytes().repeat(200));
                }
            }
            assert_eq!(records, round * 100);
            let mut batch = Batch::new(recovery.last.next());
            for _ in 0..100 {
                let lsn = batch.next_lsn();
                batch.effect().extend(&lsn.0.to_le_bytes().repeat(200));
                batch.finish_record();
                let filled = batch.take();
                batch.recycle(log.write(log.reserve(filled).unwrap()).unwrap());
            }
            log.sync().unwrap();
            if round % 2 == 0 {
                log.close().unwrap();
            }
        }
    }
}
