//! `warren log`: reads the log of a stopped server, or a backup, for a person. Changes nothing.

use crate::disk::Directory;
use clap::Subcommand;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use warren_engine::describe::Describer;
use warren_log::{Archive, LogChunk};
use warren_units::{Lsn, Record};

#[derive(Subcommand)]
pub enum Command {
    /// Check every checksum of segments, checkpoint and bodies; fails with the place of the first damage.
    Verify {
        /// A data directory whose server is stopped, or a backup.
        directory: PathBuf,
    },
    /// Print the records behind the checkpoint: their effects and the sizes of their bodies.
    Dump {
        /// A data directory whose server is stopped, or a backup.
        directory: PathBuf,
        /// First record.
        #[arg(long)]
        from: Option<u64>,
        /// Last record.
        #[arg(long)]
        to: Option<u64>,
        /// Print the effects of the checkpoint too.
        #[arg(long)]
        checkpoint: bool,
    },
}

/// Runs a command and prints what it finds.
///
/// # Errors
/// One line for the operator.
pub fn run(command: &Command) -> Result<(), String> {
    match command {
        Command::Verify { directory } => verify(directory),
        Command::Dump { directory, from, to, checkpoint } => {
            let range = (Lsn(from.unwrap_or(0)), Lsn(to.unwrap_or(u64::MAX)));
            let mut out = BufWriter::new(std::io::stdout().lock());
            match dump(directory, range, *checkpoint, &mut out).and_then(|()| Ok(out.flush()?)) {
                Err(Stopped::Unreadable(message)) => Err(message),
                // Whoever read the output has seen enough.
                Err(Stopped::Output(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
                Err(Stopped::Output(error)) => Err(format!("cannot print: {error}")),
                Ok(()) => Ok(()),
            }
        }
    }
}

/// Opens a directory to look at it, and finds out what a start would find.
pub(crate) fn open(path: &Path) -> Result<(Directory, Archive), String> {
    let directory = Directory::inspect(path).map_err(|error| Directory::explain(path, &error))?;
    let archive = Archive::open(&directory).map_err(|error| error.to_string())?;
    Ok((directory, archive))
}

fn verify(path: &Path) -> Result<(), String> {
    let (_directory, archive) = open(path)?;
    let verified = archive.verify().map_err(|error| error.to_string())?;
    if let Some(at) = archive.checkpoint() {
        println!(
            "checkpoint at record {at}: {} blocks, {} bodies in {} files",
            verified.block_count, verified.moved_body_count, verified.bodies_file_count
        );
    }
    let range = match verified.record_count {
        0 => "none".to_owned(),
        count => format!("{count}, from {} to {}", archive.first(), archive.last()),
    };
    println!("records: {range}, in {} segments", verified.segment_count);
    if let Some(cut) = archive.cut() {
        println!("torn tail, which the next start cuts off: {cut}");
    }
    println!("{} bytes are good", verified.bytes);
    Ok(())
}

/// Why a dump ended early.
enum Stopped {
    Unreadable(String),
    Output(std::io::Error),
}

impl From<std::io::Error> for Stopped {
    fn from(error: std::io::Error) -> Stopped {
        Stopped::Output(error)
    }
}

fn unreadable(error: impl std::fmt::Display) -> Stopped {
    Stopped::Unreadable(error.to_string())
}

fn dump(
    path: &Path,
    (from, to): (Lsn, Lsn),
    with_checkpoint: bool,
    out: &mut impl Write,
) -> Result<(), Stopped> {
    let (_directory, archive) = open(path).map_err(Stopped::Unreadable)?;
    let at = archive.checkpoint().unwrap_or(Lsn::NONE);
    if from != Lsn::NONE && from <= at {
        let message = format!("records up to {at} are in the checkpoint: see --checkpoint");
        return Err(Stopped::Unreadable(message));
    }
    let mut describer = Describer::default();
    for (number, block) in archive.checkpoint_blocks().enumerate() {
        let block = block.map_err(unreadable)?;
        let size = block.effects.len();
        let head = format!("checkpoint at {at}, block {number}: {size} bytes");
        print(&mut describer, at, &block.effects, with_checkpoint.then_some(&head), out)?;
    }
    // From the checkpoint on, whatever is printed: what an effect means depends on those before it.
    for chunk in archive.chunks(at.next()).map_err(unreadable)? {
        let chunk: LogChunk = chunk.map_err(unreadable)?;
        for record in chunk.records().take_while(|record| record.lsn <= to) {
            let head = (record.lsn >= from).then(|| head_of(&record));
            print(&mut describer, record.lsn, record.effects, head.as_ref(), out)?;
        }
    }
    Ok(())
}

fn head_of(record: &Record<'_>) -> String {
    let sizes: Vec<String> = record.body_sizes().map(|size| size.to_string()).collect();
    match sizes.len() {
        0 => format!("record {}", record.lsn),
        _ => format!("record {}, bodies of {} bytes", record.lsn, sizes.join(", ")),
    }
}

/// Goes through effects, and prints them if they have a head line.
fn print(
    describer: &mut Describer,
    lsn: Lsn,
    effects: &[u8],
    head: Option<&String>,
    out: &mut impl Write,
) -> Result<(), Stopped> {
    let mut lines = String::new();
    if let Some(head) = head {
        lines = format!("{head}\n");
    }
    let described = describer.describe(lsn, effects, |line| {
        if head.is_some() {
            lines.push_str("  ");
            lines.push_str(line);
            lines.push('\n');
        }
    });
    out.write_all(lines.as_bytes())?;
    described.map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use warren_log::{Log, LogOptions};
    use warren_units::{Batch, Rope};

    #[test]
    fn a_dump_names_effects_and_a_used_directory_is_refused() {
        let path = std::env::temp_dir().join(format!("warren-log-command-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        let disk = Arc::new(Directory::open(&path).unwrap());
        let (log, _) = Log::open(disk, LogOptions::default()).unwrap();
        let mut batch = Batch::new(Lsn(1));
        for name in ["one", "two"] {
            // An exchange of vhost "/" goes.
            batch.effect().extend(b"\x81\x01/\x03");
            batch.effect().extend(name.as_bytes());
            batch.body_slice(name.as_bytes());
            batch.finish_record();
        }
        log.write(log.reserve(batch).unwrap()).unwrap();
        let used = verify(&path).unwrap_err();
        assert!(used.ends_with("is in use by another process"), "{used}");
        let mut writer = log.begin_checkpoint(Lsn(1)).unwrap();
        let mut effects = Rope::new();
        effects.extend(b"\x81\x01/\x03one");
        writer.append(&effects).unwrap();
        writer.finish().unwrap();
        drop(log);
        verify(&path).unwrap();
        let dumped = |range, with_checkpoint| {
            let mut out = Vec::new();
            match dump(&path, range, with_checkpoint, &mut out) {
                Ok(()) => Ok(String::from_utf8(out).unwrap()),
                Err(Stopped::Unreadable(message)) => Err(message),
                Err(Stopped::Output(error)) => panic!("{error}"),
            }
        };
        let all = (Lsn::NONE, Lsn(u64::MAX));
        let behind = "record 2, bodies of 3 bytes\n  ExchangeDeleted \"two\" in \"/\"\n";
        assert_eq!(dumped(all, false).unwrap(), behind);
        let checkpoint = "checkpoint at 1, block 0: 7 bytes\n  ExchangeDeleted \"one\" in \"/\"\n";
        assert_eq!(dumped(all, true).unwrap(), format!("{checkpoint}{behind}"));
        assert_eq!(dumped((Lsn(3), Lsn(9)), false).unwrap(), "");
        assert!(dumped((Lsn(1), Lsn(1)), false).unwrap_err().contains("are in the checkpoint"));
        std::fs::remove_dir_all(&path).unwrap();
    }
}
