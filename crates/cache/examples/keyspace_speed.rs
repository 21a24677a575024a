//! Nanoseconds per operation of the keyspace's table, its memory, and the longest that one operation takes:
//! `cargo run --profile quick -p warren-cache --example keyspace_speed [KEYS]`, 100,000 and 10 million keys
//! unless told.
#![allow(clippy::disallowed_methods, reason = "a measurement needs a clock")]

use std::hint::black_box;
use std::time::{Duration, Instant};
use warren_cache::keyspace::entry::Entry;
use warren_cache::keyspace::table::Table;

const OPERATIONS: usize = 2_000;
const ROUNDS: usize = 501;
const ROUNDS_OF_SEQUENCE: usize = 3;
const BATCH: usize = 16;

type Keys = Table<Vec<u8>>;

fn main() {
    let counts: Vec<usize> = std::env::args().skip(1).map(|count| count.parse().expect("a number")).collect();
    for count in if counts.is_empty() { vec![100_000, 10_000_000] } else { counts } {
        measure(count);
    }
}

/// A key of 16 bytes.
fn key(number: usize) -> [u8; 16] {
    let number = number as u64;
    let mut key = [0; 16];
    key[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    key[8..].copy_from_slice(&number.to_le_bytes());
    key
}

/// A number below `count`, far from the one before.
fn scattered(index: usize, count: usize) -> usize {
    (index as u64).wrapping_mul(0xd134_2543_de82_ef95).rotate_right(20) as usize % count
}

fn print(what: &str, operations: usize, took: Duration) {
    println!("  {what:<36} {:>8.1} ns", took.as_nanos() as f64 / operations as f64);
}

/// The median of many rounds, each shorter than a time slice: on a busy machine most run undisturbed.
fn timed(what: &str, mut operation: impl FnMut(usize)) {
    let mut round = |round: usize| {
        let start = Instant::now();
        (round * OPERATIONS..(round + 1) * OPERATIONS).for_each(&mut operation);
        start.elapsed()
    };
    let mut rounds: Vec<Duration> = (0..ROUNDS).map(&mut round).collect();
    rounds.sort_unstable();
    print(what, OPERATIONS, rounds[ROUNDS / 2]);
}

/// The longest that single operations of a sequence take. The whole sequence runs several times, and the
/// shortest time of each operation counts: an interruption hardly hits the same one every time.
fn worst(count: usize) {
    let mut shortest = [vec![u32::MAX; count], vec![u32::MAX; count]];
    for _ in 0..ROUNDS_OF_SEQUENCE {
        let mut table = Keys::new(1);
        for (number, shortest) in shortest[0].iter_mut().enumerate() {
            let start = Instant::now();
            insert(&mut table, number, &[b'v'; 64]);
            *shortest = (*shortest).min(start.elapsed().as_nanos() as u32);
        }
        for (number, shortest) in shortest[1].iter_mut().enumerate() {
            let key = key(number);
            let start = Instant::now();
            let slot = table.find(table.hash(&key), &key).expect("it is there");
            drop(table.remove(slot));
            *shortest = (*shortest).min(start.elapsed().as_nanos() as u32);
        }
    }
    for (what, mut times) in
        ["longest inserts, growing", "longest removes, shrinking"].into_iter().zip(shortest)
    {
        times.sort_unstable_by_key(|&time| std::cmp::Reverse(time));
        let longest = times[..3].iter().map(|&time| Duration::from_nanos(time.into())).collect::<Vec<_>>();
        println!("  {what:<36} {longest:>8.1?}");
    }
}

fn insert(table: &mut Keys, number: usize, value: &[u8]) {
    let key = key(number);
    let hash = table.hash(&key);
    table.insert(hash, Entry::new_string(&key, value));
}

fn measure(count: usize) {
    println!("{count} keys of 16 bytes, values of 64");
    let value = [b'v'; 64];
    let mut table = Keys::new(1);
    let start = Instant::now();
    (0..count).for_each(|number| insert(&mut table, number, &value));
    print("insert, growing", count, start.elapsed());
    while table.advance(1000) {}
    println!("  {:<36} {:>8.1} bytes", "buckets, per key", table.memory_size_bytes() as f64 / count as f64);

    let look_up = |table: &Keys, number: usize| {
        let key = key(number);
        table
            .find(table.hash(&key), &key)
            .map(|slot| table.get(slot).string().map_or(0, |string| string.len()))
    };
    timed("loop and key alone", |index| {
        black_box(key(scattered(index, count)));
    });
    timed("hash", |index| {
        black_box(table.hash(&key(scattered(index, count))));
    });
    timed("hit", |index| assert!(look_up(&table, scattered(index, count)).is_some()));
    let mut previous = 0;
    timed("hit, each waiting for the one before", |index| {
        previous = look_up(&table, scattered(index + previous, count)).unwrap_or(0);
    });
    timed("miss", |index| assert!(look_up(&table, count + scattered(index, count)).is_none()));
    timed("overwrite 64 bytes", |index| {
        let key = key(scattered(index, count));
        let slot = table.find(table.hash(&key), &key).expect("it is there");
        table.get_mut(slot).set_string(&value);
    });
    timed("hit, batches of 16 prefetched", |index| {
        if index % BATCH == 0 {
            let hashes: [u64; BATCH] =
                std::array::from_fn(|next| table.hash(&key(scattered(index + next, count))));
            hashes.iter().for_each(|&hash| table.prefetch_bucket(hash));
            hashes.iter().for_each(|&hash| table.prefetch_entry(hash));
        }
        assert!(look_up(&table, scattered(index, count)).is_some());
    });
    timed("remove and insert", |index| {
        let number = scattered(index, count);
        let key = key(number);
        let slot = table.find(table.hash(&key), &key).expect("it is there");
        drop(table.remove(slot));
        insert(&mut table, number, &value);
    });
    let start = Instant::now();
    let garbage = table.clear();
    println!("  {:<36} {:>8.1?}", "clear", start.elapsed());
    drop(garbage);
    println!("  {:<36} {:>8.1?}", "drop of the garbage", start.elapsed());
    worst(count);
}
