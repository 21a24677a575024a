//! Makes a data directory to measure a start on: a log without a checkpoint.
//!
//!     cargo run --release -p warren --example make_log -- DIR messages 10000000 50
//!     cargo run --release -p warren --example make_log -- DIR sets 10000000 50
//!
//! `messages`: persistent, with bodies of 1 KB, waiting in one durable queue; `sets`: `SET` of as many keys to values
//! of 16 bytes. The last number is how many records one batch has, which is what clients decide that wait for their
//! confirms. The log ends clean.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use warren::disk::Directory;
use warren_engine::{Address, Engine, PeerKind, Settings};
use warren_log::{Log, LogOptions};
use warren_resp::{Commands, Decoder, Limits};
use warren_units::varint::{put_bytes, put_u64};
use warren_units::{Batch, LoopId, Lsn, PeerId, Progress, UnixMillis};

const BODY_SIZE_BYTES: usize = 1024;
const VALUE: &str = "value of 16 byte";

/// Delivery mode 2, as most clients send it.
const PROPERTIES: &[u8] = &[0x10, 0, 2];

/// Synced again after so many bytes.
const UNSYNCED_BYTES_MAX: u64 = 128 << 20;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [directory, what, count, batch_count] = &words[..] else {
        panic!("a directory, messages or sets, how many, and how many in one batch");
    };
    let count: u64 = count.parse().expect("a number");
    let batch_count: u64 = batch_count.parse().expect("a number");
    let disk = Directory::open(Path::new(directory)).expect("a directory");
    let options = LogOptions { salt: 1, ..LogOptions::default() };
    let (log, recovery) = Log::open(Arc::new(disk), options).expect("a log");
    assert_eq!(recovery.last, Lsn::NONE, "the directory is a new one");
    match what.as_str() {
        "messages" => messages(&log, count, batch_count),
        "sets" => sets(&log, count, batch_count),
        other => panic!("messages or sets, not {other}"),
    }
    log.close().expect("it ends");
}

fn write(log: &Log, batch: Batch) -> Batch {
    let batch = log.write(log.reserve(batch).expect("room")).expect("it is written");
    if log.unsynced_bytes() > UNSYNCED_BYTES_MAX {
        log.sync().expect("it is synced");
    }
    log.prepare().expect("room for the next segment");
    batch
}

fn messages(log: &Log, count: u64, batch_count: u64) {
    let mut batch = Batch::new(Lsn(1));
    queue_declared(batch.effect().bytes_mut());
    batch.finish_record();
    let mut body = [7; BODY_SIZE_BYTES];
    for sequence in 1..=count {
        body[..8].copy_from_slice(&sequence.to_le_bytes());
        batch.body_slice(&body);
        published(batch.effect().bytes_mut(), sequence);
        batch.finish_record();
        if u64::from(batch.count()) >= batch_count || sequence == count {
            let filled = batch.take();
            batch.recycle(write(log, filled));
        }
    }
}

fn queue_declared(out: &mut Vec<u8>) {
    out.extend([0x82, 1]);
    put_bytes(out, b"/");
    put_bytes(out, b"q");
    out.push(0);
    put_bytes(out, b"");
}

fn published(out: &mut Vec<u8>, sequence: u64) {
    out.extend([0x86, 0]);
    put_u64(out, 1_700_000_000_000 + sequence / 100);
    put_bytes(out, b"");
    put_bytes(out, b"orders.new");
    put_bytes(out, PROPERTIES);
    // The first body of the record; one queue, the first.
    out.extend([0, 1, 1]);
    put_u64(out, sequence);
}

/// Through an engine, as a client would. It holds all keys in the end.
fn sets(log: &Log, count: u64, batch_count: u64) {
    let settings = Settings { loop_count: 1, seed: 1, ..Settings::default() };
    let mut engine = Engine::new(settings, UnixMillis(1_000));
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let peer = engine.connect(PeerKind::Resp, LoopId(0), Address { remote: local, local });
    let mut requests = Vec::new();
    for number in 0..count {
        let size = VALUE.len();
        let request = format!("*3\r\n$3\r\nSET\r\n$16\r\nkey:{number:012}\r\n${size}\r\n{VALUE}\r\n");
        requests.extend_from_slice(request.as_bytes());
        if (number + 1) % batch_count == 0 || number + 1 == count {
            turn(log, &mut engine, peer, &requests);
            requests.clear();
        }
    }
}

fn turn(log: &Log, engine: &mut Engine, peer: PeerId, requests: &[u8]) {
    let (mut decoder, mut commands) = (Decoder::default(), Commands::default());
    let (consumed, result) = decoder.decode(requests, &mut commands, usize::MAX, Limits::default());
    assert!(result.is_ok() && consumed == requests.len());
    engine.begin_turn(UnixMillis(1_000), log.progress());
    engine.run_resp(peer, commands.range(0..commands.len(), requests));
    let written = write(log, engine.take_batch().expect("every SET is a record"));
    engine.recycle(written);
    let progress = Progress { written: log.progress().written, synced: Lsn::NONE };
    engine.collect(LoopId(0), |collected| drop(collected.outbox.release(progress)));
}
