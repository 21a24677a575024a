//! From a data directory to an engine: the newest checkpoint, then the records behind it. One thread reads and
//! checks, this one applies.

use crate::core::{Core, now};
use crate::disk::Directory;
use crate::process;
use crate::progress::Progress;
use crate::random::random_u64;
use crate::settings::Settings;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use warren_engine::Engine;
use warren_log::{Log, LogError, LogOptions};
use warren_units::Lsn;

/// Handfuls of pieces read ahead of the one that is applied.
const READ_AHEAD_COUNT: usize = 4;

/// Blocks of a checkpoint are small: handed over one by one, a tenth of the time went into waking threads.
const BLOCKS_PER_HANDFUL: usize = 16;

/// The log keeps room for a checkpoint on a full disk: this part of a segment's size.
const RESERVE_SIZE_DIVISOR: u64 = 4;

/// Opens the log and brings a new engine to its end.
///
/// # Errors
/// One line for the operator.
pub fn recover(settings: &Settings, loop_count: usize) -> Result<Core, String> {
    let disk = Directory::open(&settings.data_dir)
        .map_err(|error| Directory::explain(&settings.data_dir, &error))?;
    let options = LogOptions {
        segment_size_bytes: settings.segment_size_bytes,
        salt: random_u64(),
        reserve_size_bytes: settings.segment_size_bytes / RESERVE_SIZE_DIVISOR,
    };
    let (log, recovery) = Log::open(Arc::new(disk), options).map_err(|error| error.to_string())?;
    if let Some(cut) = &recovery.cut {
        println!("warren: {cut}");
    }
    let mut engine = Engine::new(engine_settings(settings, loop_count), now());
    let checkpoint = recovery.checkpoint.unwrap_or(Lsn::NONE);
    restore(&log, &mut engine, checkpoint)?;
    replay(&log, &mut engine, checkpoint)?;
    // The first write finds its segment made; later ones are made ahead by the syncing thread.
    log.prepare().map_err(|error| error.to_string())?;
    engine.recovered(recovery.last, now(), recovery.was_closed);
    write_first(&log, &mut engine)?;
    let log = Arc::new(log);
    let core = Core::new(engine, log);
    let (facts, refresh) = process::facts(settings, loop_count, &core);
    core.engine().cache_mut().shared.set_process(facts, refresh);
    Ok(core)
}

fn engine_settings(settings: &Settings, loop_count: usize) -> warren_engine::Settings {
    let cache = warren_engine::cache::settings::Settings {
        append_fsync: settings.append_fsync,
        password: settings.password.clone().into_bytes(),
        port: settings.resp_port,
        eviction: settings.eviction,
        ..Default::default()
    };
    let broker = warren_engine::broker::Settings {
        publisher_confirms: settings.publisher_confirms,
        body_memory_bytes: settings.body_memory_bytes,
        ..Default::default()
    };
    warren_engine::Settings { cache, broker, seed: random_u64(), loop_count }
}

/// Makes the state that the newest checkpoint holds.
fn restore(log: &Log, engine: &mut Engine, at: Lsn) -> Result<(), String> {
    let blocks = log.checkpoint_blocks();
    let mut progress = Progress::new("reading the checkpoint", blocks.total_bytes());
    read_ahead(blocks, BLOCKS_PER_HANDFUL, |block| {
        engine.restore(at, &block.effects).map_err(|error| format!("checkpoint: {error}"))?;
        progress.show(block.done_bytes);
        Ok(())
    })
}

/// Applies the records behind the checkpoint.
fn replay(log: &Log, engine: &mut Engine, checkpoint: Lsn) -> Result<(), String> {
    let from = if checkpoint == Lsn::NONE { Lsn::NONE } else { checkpoint.next() };
    let chunks = log.chunks(from).map_err(|error| error.to_string())?;
    let mut progress = Progress::new("replaying the log", chunks.total_bytes());
    read_ahead(chunks, 1, |chunk| {
        engine.replay_all(chunk.records()).map_err(|error| error.to_string())?;
        progress.show(chunk.done_bytes);
        Ok(())
    })
}

/// Writes the record that an unclean end may have left to make, before anybody waits for an empty batch.
fn write_first(log: &Log, engine: &mut Engine) -> Result<(), String> {
    let Some(batch) = engine.take_batch() else { return Ok(()) };
    let written = log.reserve(batch).and_then(|reservation| log.write(reservation));
    written.map(drop).map_err(|error| error.to_string())
}

/// Goes through `pieces` on a thread of their own and applies them here; so many are handed over at once.
fn read_ahead<T: Send>(
    mut pieces: impl Iterator<Item = Result<T, LogError>> + Send,
    pieces_per_handful: usize,
    mut apply: impl FnMut(T) -> Result<(), String>,
) -> Result<(), String> {
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(READ_AHEAD_COUNT);
        scope.spawn(move || {
            loop {
                let handful: Vec<_> = pieces.by_ref().take(pieces_per_handful).collect();
                // Nobody takes it any more where a piece before it could not be applied.
                if handful.is_empty() || sender.send(handful).is_err() {
                    return;
                }
            }
        });
        receiver.iter().flatten().try_for_each(|piece| apply(piece.map_err(|error| error.to_string())?))
    })
}
