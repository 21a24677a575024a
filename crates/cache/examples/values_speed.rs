//! Nanoseconds per operation of the containers, and bytes per element:
//! `cargo run --profile quick -p warren-cache --example values_speed`.
#![allow(clippy::disallowed_methods, reason = "a measurement needs a clock")]

use std::hint::black_box;
use std::time::Instant;
use warren_cache::values::{Hash, Limits, List, ScoreBound, Set, SortedSet};

const ELEMENTS: usize = 1_000_000;

fn measure(what: &str, operations: usize, mut operation: impl FnMut(usize)) {
    let start = Instant::now();
    (0..operations).for_each(&mut operation);
    println!("{what:<44} {:>8.1} ns", start.elapsed().as_nanos() as f64 / operations as f64);
}

/// A fixed shuffle: visits every number below the count once, far from the one before.
fn scattered(index: usize) -> usize {
    index * 618_033 % ELEMENTS
}

fn name(buffer: &mut Vec<u8>, prefix: &str, number: usize) {
    buffer.clear();
    buffer.extend_from_slice(prefix.as_bytes());
    buffer.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn per_element(bytes: usize) {
    println!("{:<44} {:>8.1} bytes", "  memory per element", bytes as f64 / ELEMENTS as f64);
}

fn sorted_sets(limits: &Limits) {
    let (mut set, mut member) = (SortedSet::default(), Vec::new());
    measure("sorted set 1M: insert", ELEMENTS, |index| {
        name(&mut member, "member:", scattered(index));
        set.insert(&member, (scattered(index) * 7919 % ELEMENTS) as f64, limits);
    });
    per_element(set.memory_size_bytes());
    measure("sorted set 1M: score", ELEMENTS, |index| {
        name(&mut member, "member:", scattered(index));
        black_box(set.score(&member));
    });
    measure("sorted set 1M: rank", ELEMENTS, |index| {
        name(&mut member, "member:", scattered(index));
        black_box(set.rank(&member));
    });
    measure("sorted set 1M: update", ELEMENTS, |index| {
        name(&mut member, "member:", scattered(index));
        set.insert(&member, scattered(index) as f64, limits);
    });
    measure("sorted set 1M: ten by score", ELEMENTS, |index| {
        let low = scattered(index) as f64;
        let range = set.score_range(ScoreBound::Inclusive(low), ScoreBound::Exclusive(low + 10.0));
        black_box(set.range(range).map(|(member, _)| member.len()).sum::<usize>());
    });
    let frozen = set.freeze();
    measure("sorted set 1M: update while frozen", ELEMENTS / 10, |index| {
        name(&mut member, "member:", scattered(index));
        set.insert(&member, -1.0 - scattered(index) as f64, limits);
    });
    drop(frozen);
    measure("sorted set 1M: remove", ELEMENTS, |index| {
        name(&mut member, "member:", scattered(index));
        set.remove(&member);
    });
}

fn lists(limits: &Limits) {
    let (mut list, mut element) = (List::default(), Vec::new());
    measure("list 1M: push back", ELEMENTS, |index| {
        name(&mut element, "element:", index);
        list.push_back(&element, limits);
    });
    per_element(list.memory_size_bytes());
    measure("list 1M: get by index", ELEMENTS, |index| {
        black_box(list.get(scattered(index)).map(|element| element.len()));
    });
    let mut elements = list.iter();
    measure("list 1M: iterate", ELEMENTS, |_| {
        black_box(elements.next().map(|element| element.len()));
    });
    measure("list 1M: push front, remove last", ELEMENTS, |index| {
        name(&mut element, "element:", index);
        list.push_front(&element, limits);
        list.remove_range(list.len() - 1..list.len(), limits);
    });
    measure("list 1M: pop front", ELEMENTS, |_| drop(black_box(list.pop_front(limits))));
    measure("list of 10: push front, remove last", ELEMENTS, |index| {
        name(&mut element, "element:", index);
        list.push_front(&element, limits);
        if list.len() > 10 {
            list.remove_range(10..11, limits);
        }
    });
}

fn hashes(limits: &Limits) {
    let (mut hash, mut field) = (Hash::default(), Vec::new());
    measure("hash 1M: set new", ELEMENTS, |index| {
        name(&mut field, "field:", scattered(index));
        hash.set(&field, &field, limits);
    });
    per_element(hash.memory_size_bytes());
    measure("hash 1M: get", ELEMENTS, |index| {
        name(&mut field, "field:", scattered(index));
        black_box(hash.get(&field).map(|value| value.len()));
    });
    measure("hash 1M: overwrite", ELEMENTS, |index| {
        name(&mut field, "field:", scattered(index));
        hash.set(&field, b"a new value", limits);
    });
    measure("hash 1M: remove", ELEMENTS, |index| {
        name(&mut field, "field:", scattered(index));
        hash.remove(&field);
    });
    let mut small = Hash::default();
    for number in 0..10 {
        name(&mut field, "field:", number);
        small.set(&field, b"value", limits);
    }
    measure("hash of 10: get", ELEMENTS, |index| {
        name(&mut field, "field:", index % 10);
        black_box(small.get(&field).map(|value| value.len()));
    });
    measure("hash of 10: overwrite", ELEMENTS, |index| {
        name(&mut field, "field:", index % 10);
        small.set(&field, b"other", limits);
    });
}

fn sets(limits: &Limits) {
    let (mut set, mut member) = (Set::default(), Vec::new());
    measure("set 1M: insert", ELEMENTS, |index| {
        name(&mut member, "member:", scattered(index));
        set.insert(&member, limits);
    });
    per_element(set.memory_size_bytes());
    measure("set 1M: contains", ELEMENTS, |index| {
        name(&mut member, "member:", scattered(index));
        black_box(set.contains(&member));
    });
}

fn main() {
    let limits = Limits::default();
    sorted_sets(&limits);
    lists(&limits);
    hashes(&limits);
    sets(&limits);
}
