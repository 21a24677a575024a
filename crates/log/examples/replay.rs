//! How fast a start reads the log and a checkpoint: `cargo run --release -p warren-log --example replay -- DIR`
//! makes logs of 256 MiB in DIR (a directory to be made) and reads it back, without what an engine would do with
//! it. Told twice: by the clock, and by the time that the thread had a processor (on Linux; on a busy machine
//! that is the one that says something).

#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // a program of its own, with files and a clock

use std::fs::{File, OpenOptions};
use std::io::{IoSlice, Result, Write as _};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use warren_log::{Disk, DiskFile, Log, LogOptions};
use warren_units::{Batch, Lsn, Rope};

const LOG_SIZE_BYTES: u64 = 256 << 20;

struct Directory(PathBuf);
struct PlainFile(File);

impl Disk for Directory {
    fn list(&self) -> Result<Vec<String>> {
        let names = std::fs::read_dir(&self.0)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }

    fn create(&self, name: &str, size: u64) -> Result<Arc<dyn DiskFile>> {
        let path = self.0.join(name);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        file.set_len(size)?;
        Ok(Arc::new(PlainFile(file)))
    }

    fn open(&self, name: &str) -> Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(PlainFile(OpenOptions::new().read(true).write(true).open(self.0.join(name))?)))
    }

    fn remove(&self, name: &str) -> Result<()> {
        std::fs::remove_file(self.0.join(name))
    }

    fn sync_directory(&self) -> Result<()> {
        File::open(&self.0)?.sync_all()
    }
}

impl DiskFile for PlainFile {
    fn size(&self) -> Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn allocate(&self, size: u64) -> Result<()> {
        self.0.set_len(self.size()?.max(size))
    }

    fn truncate(&self, size: u64) -> Result<()> {
        self.0.set_len(size)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        self.0.read_exact_at(buffer, offset)
    }

    fn write_at(&self, offset: u64, slices: &mut [IoSlice<'_>]) -> Result<()> {
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        self.0.write_all_at(&bytes, offset)
    }

    fn sync(&self) -> Result<()> {
        self.0.sync_data()
    }
}

/// Appends records of 100 bytes of effects until the log has grown by `size`; `count` in a batch, each with a
/// body of `body_size` unless that is 0.
fn fill(log: &Log, size: u64, count: u32, body_size: usize) {
    let (mut batch, body) = (Batch::new(log.progress().written.next()), vec![b'b'; body_size]);
    let before = log.log_bytes_since_checkpoint();
    while log.log_bytes_since_checkpoint() - before < size {
        for _ in 0..count {
            let lsn = batch.next_lsn();
            batch.effect().extend(&lsn.0.to_le_bytes().repeat(13)[..100]);
            if body_size > 0 {
                batch.body_slice(&body);
            }
            batch.finish_record();
        }
        let filled = batch.take();
        batch.recycle(log.write(log.reserve(filled).unwrap()).unwrap());
        log.prepare().unwrap();
    }
    log.sync().unwrap();
}

/// The clock, and seconds that this thread had a processor.
fn now() -> (Instant, f64) {
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = schedule.split(' ').next().and_then(|number| number.parse::<f64>().ok());
    (Instant::now(), nanoseconds.unwrap_or_default() / 1e9)
}

fn report(what: &str, bytes: u64, count: u64, (started, processor_started): (Instant, f64)) {
    let (seconds, processor_seconds) = (started.elapsed().as_secs_f64(), now().1 - processor_started);
    let megabytes = bytes as f64 / 1e6;
    let (by_clock, by_processor) = (megabytes / seconds, megabytes / processor_seconds);
    println!("{what}: {count}, {by_clock:.0} MB/s, {by_processor:.0} MB/s of processor time");
}

fn read(log: &Log, from: Lsn, what: &str) {
    let started = now();
    let chunks = log.chunks(from).unwrap();
    let (bytes, mut records) = (chunks.total_bytes(), 0);
    for chunk in chunks {
        records += chunk.unwrap().records().count() as u64;
    }
    report(what, bytes, records, started);
}

fn main() {
    let path = PathBuf::from(std::env::args().nth(1).expect("the directory to make"));
    std::fs::create_dir(&path).expect("a directory that is not there yet");
    let open = || {
        let started = now();
        let opened =
            Log::open(Arc::new(Directory(path.clone())), LogOptions { salt: 1, ..Default::default() });
        let (log, recovery) = opened.unwrap();
        report("opened", log.log_bytes_since_checkpoint(), log.segments().unwrap().len() as u64, started);
        (log, recovery)
    };
    for (what, count, body_size) in [
        ("records of 100 bytes, one in a batch", 1, 0),
        ("records of 100 bytes, 50 in a batch", 50, 0),
        ("records of 100 bytes with bodies of 1 KiB, 50 in a batch", 50, 1024),
    ] {
        let (log, recovery) = open();
        fill(&log, LOG_SIZE_BYTES, count, body_size);
        log.close().unwrap();
        drop(log);
        let (log, _) = open();
        read(&log, recovery.last.next(), what);
        let at = log.progress().written;
        let mut writer = log.begin_checkpoint(at).unwrap();
        let mut block = Rope::new();
        block.extend(&[7; 64 * 1024]);
        for _ in 0..LOG_SIZE_BYTES / 65_536 {
            writer.append(&block).unwrap();
        }
        writer.finish().unwrap();
        let started = now();
        let blocks = log.checkpoint_blocks();
        let bytes = blocks.total_bytes();
        report(
            "checkpoint blocks of 64 KiB",
            bytes,
            blocks.filter(|block| block.as_ref().is_ok_and(|block| !block.effects.is_empty())).count() as u64,
            started,
        );
        std::io::stdout().flush().unwrap();
        log.close().unwrap();
    }
    std::fs::remove_dir_all(&path).unwrap();
}
