//! How many writes a second the disk syncs one after the other: the ceiling of window-1 confirms.

use crate::bench::histogram::Histogram;
use crate::bench::meter::Meter;
use clap::Args;
use rustix::fs::{FallocateFlags, fallocate};
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::Instant;

const FILE_SIZE_BYTES: u64 = 64 * 1024 * 1024;
const FILL_SIZE_BYTES: usize = 1024 * 1024;

#[derive(Args)]
pub struct Flags {
    /// Directory on the disk to be measured.
    #[arg(long, default_value = ".")]
    directory: PathBuf,
    /// Write over blocks that hold zeros, as the log does once it runs, instead of freshly allocated ones: then
    /// the file system's journal has no part in the syncs.
    #[arg(long)]
    filled: bool,
    /// Size of one write.
    #[arg(long, default_value_t = 1024)]
    size: usize,
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
}

pub fn run(flags: &Flags) -> Result<(), String> {
    let path = flags.directory.join(format!("warren-bench-disk-{}", std::process::id()));
    let measured = measure(flags, &path).map_err(|error| format!("cannot measure the disk: {error}"));
    let _ = std::fs::remove_file(&path);
    println!("{}", measured?);
    Ok(())
}

/// Appends to a file whose room is allocated, as a log does.
fn measure(flags: &Flags, path: &PathBuf) -> std::io::Result<String> {
    let file = OpenOptions::new().write(true).create_new(true).open(path)?;
    fallocate(&file, FallocateFlags::empty(), 0, FILE_SIZE_BYTES)?;
    if flags.filled {
        let zeros = vec![0; FILL_SIZE_BYTES];
        for offset in (0..FILE_SIZE_BYTES).step_by(FILL_SIZE_BYTES) {
            file.write_all_at(&zeros, offset)?;
        }
    }
    file.sync_all()?;
    let bytes = vec![b'x'; flags.size];
    let (mut count, mut offset, mut latency) = (0, 0, Histogram::new());
    let mut meter = Meter::start(flags.seconds, &[]);
    while !meter.is_over() {
        let begin = Instant::now();
        file.write_all_at(&bytes, offset)?;
        file.sync_data()?;
        latency.record(begin.elapsed().as_nanos() as u64);
        count += 1;
        offset = (offset + flags.size as u64) % (FILE_SIZE_BYTES - flags.size as u64).max(1);
        meter.tick(count);
    }
    Ok(format!(
        "{} p50_us={:.0} p99_us={:.0}",
        meter.totals(count),
        latency.micros(0.5),
        latency.micros(0.99)
    ))
}
