//! What a backlog of absent messages costs: memory, replay of its records, a checkpoint of it.
//!
//!     cargo run --release -p warren-broker --example backlog -- 10000000

#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // it measures a process: clock and /proc

use std::time::{Duration, Instant};
use warren_broker::{Broker, Settings, checkpoint};
use warren_units::varint::{Cursor, put_bytes, put_u64};
use warren_units::{Batch, Lsn, Record, Rope};

const ROUND_COUNT: u64 = 100_000;

/// Delivery mode 2, as most clients send it.
const PROPERTIES: &[u8] = &[0x10, 0, 2];

fn main() {
    let count: u64 = std::env::args().nth(1).map_or(1_000_000, |text| text.parse().expect("a number"));
    let mut broker = Broker::new(Settings::default());
    let mut batch = Batch::new(Lsn(1));
    batch.effect().bytes_mut().extend(queue_declared());
    batch.finish_record();
    let empty = resident_bytes();
    let mut applying = replay(&mut broker, &batch);
    let mut sequence = 0;
    while sequence < count {
        batch = Batch::new(batch.next_lsn());
        for _ in 0..ROUND_COUNT.min(count - sequence) {
            sequence += 1;
            batch.body_slice(&[7; 1024]);
            published(batch.effect().bytes_mut(), sequence);
            batch.finish_record();
        }
        applying += replay(&mut broker, &batch);
    }
    drop(batch);
    let row = broker.queue("/", b"q").expect("it was declared");
    assert_eq!((row.messages_ready, row.body_bytes_ready), (count, count * 1024));
    let resident = resident_bytes() - empty;
    println!("replayed {count} messages of 1 KB: applied in {applying:.2?}, {} bytes each", resident / count);
    checkpoint(&mut broker, count);
}

fn checkpoint(broker: &mut Broker, count: u64) {
    let mut slowest = Duration::ZERO;
    let timed = |slowest: &mut Duration, act: &mut dyn FnMut()| {
        let started = Instant::now();
        act();
        *slowest = started.elapsed().max(*slowest);
    };
    timed(&mut slowest, &mut || broker.begin_checkpoint());
    let (mut parts, mut is_done) = (Vec::new(), false);
    while !is_done {
        timed(&mut slowest, &mut || is_done = broker.checkpoint_step(100, &mut parts));
    }
    println!("frozen: slowest step {slowest:.2?}");
    let mut change = Duration::ZERO;
    for sequence in [count / 2, 1, count] {
        let effects = removed(sequence);
        timed(&mut change, &mut || apply(broker, &effects));
    }
    println!("slowest of the first changes after it {change:.2?}");
    let (mut blocks, mut bodies) = (Vec::new(), 0u64);
    let started = Instant::now();
    let mut block = |rope: &Rope| {
        blocks.push(rope.to_vec());
        Ok::<(), ()>(())
    };
    checkpoint::encode(parts, &mut block, &mut |_, _| bodies += 1).expect("nothing fails");
    let size: usize = blocks.iter().map(Vec::len).sum();
    println!("encoded in {:.2?}: {size} bytes, {bodies} bodies", started.elapsed());
    let mut restored = Broker::new(Settings::default());
    let started = Instant::now();
    blocks.iter().for_each(|effects| apply(&mut restored, effects));
    let row = restored.queue("/", b"q").expect("it was in the checkpoint");
    println!("restored {} messages in {:.2?}", row.messages_ready, started.elapsed());
    assert_eq!(row.messages_ready, count);
}

/// Applies the records of a batch and answers how long that took.
fn replay(broker: &mut Broker, batch: &Batch) -> Duration {
    let effects = batch.effects().to_vec();
    let started = Instant::now();
    let (mut rest, mut lsn) = (&effects[..], batch.first());
    while !rest.is_empty() {
        let (record, behind) = Record::parse(lsn, rest).expect("it was framed just now");
        let mut cursor = Cursor::new(record.effects);
        while !cursor.is_empty() {
            broker.replay(&record, &mut cursor).expect("it fits");
        }
        (rest, lsn) = (behind, lsn.next());
    }
    started.elapsed()
}

fn apply(broker: &mut Broker, effects: &[u8]) {
    let mut batch = Batch::new(Lsn(1));
    batch.effect().extend(effects);
    batch.finish_record();
    replay(broker, &batch);
}

fn queue_declared() -> Vec<u8> {
    let mut out = vec![0x82, 1];
    put_bytes(&mut out, b"/");
    put_bytes(&mut out, b"q");
    out.push(0);
    put_bytes(&mut out, b"");
    out
}

fn published(out: &mut Vec<u8>, sequence: u64) {
    out.extend([0x86, 0]);
    put_u64(out, 1_700_000_000_000 + sequence / 100);
    put_bytes(out, b"");
    put_bytes(out, b"orders.new");
    put_bytes(out, PROPERTIES);
    // The first body of the record, one queue: the first.
    out.extend([0, 1, 1]);
    put_u64(out, sequence);
}

fn removed(sequence: u64) -> Vec<u8> {
    let mut out = vec![0x87, 1, 1];
    put_u64(&mut out, sequence);
    out.push(0);
    out
}

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: u64 = statm.split(' ').nth(1).and_then(|field| field.parse().ok()).expect("a number of pages");
    pages * 4096
}
