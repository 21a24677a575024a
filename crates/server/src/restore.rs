//! `warren restore`: makes a data directory out of a backup, or out of a copy of a data directory.

use crate::disk::Directory;
use crate::log_command;
use crate::settings::DATA_DIR;
use clap::Args;
use std::io::IoSlice;
use std::path::{Path, PathBuf};
use warren_log::{Disk, is_log_file};

const PART_SIZE_BYTES: u64 = 1024 * 1024;

#[derive(Args)]
pub struct Flags {
    /// The backup; it is checked whole before anything is copied.
    backup: PathBuf,
    /// The data directory to make, which is empty or not there yet (./warren-data).
    #[arg(long, env = "WARREN_DATA_DIR", value_name = "DIR", default_value = DATA_DIR, hide_default_value = true)]
    data_dir: PathBuf,
}

/// Restores and prints what was restored.
///
/// # Errors
/// One line for the operator.
pub fn run(flags: &Flags) -> Result<(), String> {
    let (source, archive) = log_command::open(&flags.backup)?;
    archive.verify().map_err(|error| error.to_string())?;
    let mut names = source.list().map_err(|error| cannot("read", &flags.backup, &error))?;
    names.retain(|name| is_log_file(name));
    if names.is_empty() {
        return Err(format!("{} holds no backup", flags.backup.display()));
    }
    let target = Directory::open_empty(&flags.data_dir)?;
    // A copy that breaks off is then found not to be whole: the checkpoint first ("checkpoint-" is behind
    // "bodies-"), then what it names, then the segments, newest first.
    names.sort_unstable_by_key(|name| (!name.starts_with("checkpoint-"), name.starts_with("log-")));
    let segments = names.iter().position(|name| name.starts_with("log-")).unwrap_or(names.len());
    names[segments..].sort_unstable_by(|name, other| other.cmp(name));
    let mut total_bytes = 0;
    for name in &names {
        total_bytes += copy(&source, &target, name)
            .map_err(|error| cannot(&format!("copy {name} to"), &flags.data_dir, &error))?;
        target.sync_directory().map_err(|error| cannot("sync", &flags.data_dir, &error))?;
    }
    println!(
        "restored {} files, {total_bytes} bytes, to {}: the state up to record {}",
        names.len(),
        flags.data_dir.display(),
        archive.last()
    );
    Ok(())
}

fn cannot(action: &str, path: &Path, error: &std::io::Error) -> String {
    format!("cannot {action} {}: {error}", path.display())
}

/// Copies a file and answers its size; the copy is on stable storage, its name not yet.
fn copy(source: &dyn Disk, target: &dyn Disk, name: &str) -> std::io::Result<u64> {
    let from = source.open(name)?;
    let size = from.size()?;
    let to = target.create(name, size)?;
    let (mut offset, mut buffer) = (0, vec![0; PART_SIZE_BYTES as usize]);
    while offset < size {
        let part = &mut buffer[..(size - offset).min(PART_SIZE_BYTES) as usize];
        from.read_at(offset, part)?;
        to.write_at(offset, &mut [IoSlice::new(part)])?;
        offset += part.len() as u64;
    }
    to.sync()?;
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use warren_log::{Log, LogOptions};
    use warren_units::{Batch, BodyName, Lsn, Rope};

    /// A fresh directory, deleted at the end.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Scratch {
            let path = std::env::temp_dir().join(format!("warren-restore-{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&path);
            Scratch(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn open(path: &Path) -> Log {
        let options = LogOptions { segment_size_bytes: 64 * 1024, salt: 1, ..LogOptions::default() };
        Log::open(Arc::new(Directory::open(path).unwrap()), options).unwrap().0
    }

    /// A running log's backup, restored elsewhere.
    #[test]
    fn a_backup_is_restored_and_only_into_an_empty_directory() {
        let (data, backup, restored) =
            (Scratch::new("data"), Scratch::new("backup"), Scratch::new("restored"));
        let log = open(&data.0);
        let mut batch = Batch::new(Lsn(1));
        batch.effect().extend(b"effect");
        batch.body_slice(b"body");
        batch.finish_record();
        log.write(log.reserve(batch).unwrap()).unwrap();
        let name = BodyName { lsn: Lsn(1), ordinal: 0 };
        let target = Arc::new(Directory::open(&backup.0).unwrap());
        let mut writer = log.begin_backup(Lsn(1), target).unwrap();
        let mut effects = Rope::new();
        effects.extend(b"state");
        writer.append(&effects).unwrap();
        writer.keep_body(name, 4);
        writer.finish().unwrap();
        let flags = Flags { backup: backup.0.clone(), data_dir: restored.0.clone() };
        run(&flags).unwrap();
        let error = run(&flags).unwrap_err();
        assert!(error.contains("is not empty"), "{error}");
        let in_use = Flags { backup: data.0.clone(), data_dir: backup.0.clone() };
        assert!(run(&in_use).unwrap_err().ends_with("is in use by another process"));
        let log = open(&restored.0);
        assert_eq!(log.read_body(name).unwrap(), b"body"[..]);
        let blocks: Vec<_> = log.checkpoint_blocks().map(|block| block.unwrap().effects).collect();
        assert_eq!(blocks, [b"state"]);
        // A damaged one is refused before anything is made.
        drop(log);
        let file = std::fs::read_dir(&backup.0).unwrap().map(|entry| entry.unwrap().path());
        let file = file.into_iter().find(|path| path.to_string_lossy().contains("bodies-")).unwrap();
        let mut content = std::fs::read(&file).unwrap();
        content[600] ^= 1;
        std::fs::write(&file, content).unwrap();
        let other = Scratch::new("other");
        let error = run(&Flags { backup: backup.0.clone(), data_dir: other.0.clone() }).unwrap_err();
        assert!(error.contains("bodies-") && !other.0.exists(), "{error}");
    }
}
