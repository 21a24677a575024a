//! The table against a model map, with scans in flight while it grows and shrinks.

use super::*;
use hashbrown::{HashMap, HashSet};
use proptest::prelude::*;

type TestTable = Table<Vec<u8>>;

fn key_of(number: u32) -> Vec<u8> {
    format!("key:{number}").into_bytes()
}

fn insert(table: &mut TestTable, number: u32) -> Slot {
    let key = key_of(number);
    let hash = table.hash(&key);
    table.insert(hash, Entry::new_string(&key, &key))
}

fn find(table: &TestTable, number: u32) -> Option<Slot> {
    let key = key_of(number);
    table.find(table.hash(&key), &key)
}

fn remove(table: &mut TestTable, number: u32) -> bool {
    find(table, number).is_some_and(|slot| table.remove(slot).key() == key_of(number))
}

/// All entries, by the scan that a SCAN would do.
fn all_keys(table: &TestTable) -> Vec<Vec<u8>> {
    let mut keys = Vec::new();
    let mut cursor = 0;
    loop {
        cursor = table.scan(cursor, |entry| keys.push(entry.key().to_vec()));
        if cursor == 0 {
            return keys;
        }
    }
}

#[derive(Clone, Debug)]
enum Operation {
    Insert { first: u32, count: u32 },
    Remove { first: u32, count: u32 },
    Overwrite(u32),
    Advance(usize),
    Scan(usize),
    Clear,
}

fn operation() -> impl Strategy<Value = Operation> {
    let first = || 0u32..3000;
    let count = || prop_oneof![3 => 1u32..20, 1 => 1u32..2000];
    prop_oneof![
        6 => (first(), count()).prop_map(|(first, count)| Operation::Insert { first, count }),
        6 => (first(), count()).prop_map(|(first, count)| Operation::Remove { first, count }),
        2 => first().prop_map(Operation::Overwrite),
        2 => (0usize..20).prop_map(Operation::Advance),
        8 => (1usize..200).prop_map(Operation::Scan),
        1 => Just(Operation::Clear),
    ]
}

/// A scan in flight: what it has seen, and which keys were there ever since it began.
#[derive(Default)]
struct ScanInFlight {
    cursor: u64,
    seen: HashSet<Vec<u8>>,
    there_throughout: HashSet<Vec<u8>>,
    began: bool,
    finished_count: usize,
}

impl ScanInFlight {
    fn step(&mut self, table: &TestTable, model: &HashMap<u32, u32>) {
        if !self.began {
            self.began = true;
            self.seen.clear();
            self.there_throughout = model.keys().map(|&number| key_of(number)).collect();
        }
        let passed = |cursor, key: &[u8]| TestTable::scan_has_passed(cursor, table.hash(key));
        let before = self.cursor;
        let mut again = Vec::new();
        self.cursor = table.scan(before, |entry| {
            if !self.seen.insert(entry.key().to_vec()) {
                again.push(entry.key().to_vec());
            }
        });
        assert!(again.iter().all(|key| passed(before, key) || !self.there_throughout.contains(key)));
        if self.cursor == 0 {
            self.began = false;
            self.finished_count += 1;
            assert!(
                self.there_throughout.is_subset(&self.seen),
                "a scan missed a key that was there throughout"
            );
        }
    }

    /// What the cursor says of the keys it has passed is true.
    fn check(&self, table: &TestTable) {
        let has_passed = |key: &Vec<u8>| TestTable::scan_has_passed(self.cursor, table.hash(key));
        let unseen = |key: &Vec<u8>| !self.seen.contains(key);
        assert!(!self.began || !self.there_throughout.iter().any(|key| has_passed(key) && unseen(key)));
    }
}

fn apply(
    table: &mut TestTable,
    model: &mut HashMap<u32, u32>,
    scan: &mut ScanInFlight,
    operation: Operation,
) {
    match operation {
        Operation::Insert { first, count } => {
            for number in first..first + count {
                if model.insert(number, 0).is_none() {
                    assert!(find(table, number).is_none());
                    let slot = insert(table, number);
                    assert_eq!(table.get(slot).key(), key_of(number));
                }
            }
        }
        Operation::Remove { first, count } => {
            for number in first..first + count {
                assert_eq!(remove(table, number), model.remove(&number).is_some());
                scan.there_throughout.remove(&key_of(number));
            }
        }
        Operation::Overwrite(number) => {
            let slot = find(table, number);
            assert_eq!(slot.is_some(), model.contains_key(&number));
            if let Some(slot) = slot {
                table.get_mut(slot).set_access_clock(number);
                let old = table.replace(slot, Entry::new_string(&key_of(number), &[b'v'; 300]));
                assert_eq!(old.access_clock(), number);
                assert_eq!(table.get(slot).string().map(|string| string.len()), Some(300));
            }
        }
        Operation::Advance(steps) => {
            table.advance(steps);
        }
        Operation::Scan(steps) => {
            (0..steps).for_each(|_| scan.step(table, model));
            scan.check(table);
        }
        Operation::Clear => {
            drop(table.clear());
            model.clear();
            scan.there_throughout.clear();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_table_holds_what_a_model_holds(seed in any::<u64>(), operations in prop::collection::vec(operation(), 1..80)) {
        let mut table = TestTable::new(seed);
        let mut model = HashMap::new();
        let mut scan = ScanInFlight::default();
        for operation in operations {
            apply(&mut table, &mut model, &mut scan, operation);
            assert_eq!(table.len(), model.len());
        }
        // The scan in flight comes to its end.
        let finished_before = scan.finished_count;
        while scan.finished_count == finished_before {
            scan.step(&table, &model);
        }
        let mut found = all_keys(&table);
        found.sort();
        let mut expected: Vec<_> = model.keys().map(|&number| key_of(number)).collect();
        expected.sort();
        assert_eq!(found, expected, "a scan of a table at rest visits each entry once");
        for &number in model.keys() {
            assert!(find(&table, number).is_some());
        }
    }
}

#[test]
fn no_operation_moves_more_than_a_few_buckets() {
    const COUNT: u32 = 200_000;
    let mut table = TestTable::new(1);
    let mut array_sizes = HashSet::new();
    let mut check = |table: &mut TestTable, change: &mut dyn FnMut(&mut TestTable)| {
        let (before, old_count) = (table.old_emptied, table.old.count());
        let is_occupied = |index| table.old.get(index).is_some_and(|bucket| !bucket.is_empty());
        let occupied: Vec<bool> = (before..before + 20).map(is_occupied).collect();
        change(table);
        array_sizes.insert(table.current.count());
        if old_count > 0 {
            let after = if table.old.count() == old_count { table.old_emptied } else { old_count };
            assert!(after - before <= 16, "{} buckets passed", after - before);
            // The change itself may have emptied a third.
            let moved = occupied[..after - before].iter().filter(|&&occupied| occupied).count();
            assert!(moved <= 3, "{moved} buckets moved");
        }
        let per_bucket = table.length as f64 / table.current.count() as f64;
        assert!(per_bucket <= 1.0 + ENTRIES_PER_BUCKET_MAX as f64, "the new array filled up: {per_bucket}");
    };
    for number in 0..COUNT {
        check(&mut table, &mut |table| {
            insert(table, number);
        });
    }
    for number in 0..COUNT {
        check(&mut table, &mut |table| assert!(remove(table, number)));
    }
    assert!(array_sizes.len() >= 16, "growth and shrinking happened: {array_sizes:?}");
    while table.advance(100) {}
    assert!(table.memory_size_bytes() < 1000, "{}", table.memory_size_bytes());
}

/// The look-ups all find one bucket: what an attacker who knew the seed could do.
#[test]
fn a_chain_of_children_is_kept_in_order() {
    let mut bucket: Bucket<Vec<u8>> = Bucket::EMPTY;
    let mut there: Vec<Vec<u8>> = Vec::new();
    for round in 0u32..400 {
        let grow = (round / 40).is_multiple_of(2);
        if grow {
            let key = key_of(round);
            let tag = (round % 3 + 1) as u8;
            let place = bucket.push(tag, Entry::new_string(&key, b"value"));
            assert_eq!(bucket.find(tag, |entry| entry.key() == key), Some(place));
            there.push(key);
        } else {
            let key = there.swap_remove(round as usize * 7 % there.len());
            let place =
                (1..=3).find_map(|tag| bucket.find(tag, |entry| entry.key() == key)).expect("it is there");
            assert_eq!(bucket.remove(place).map(|entry| entry.key().to_vec()), Some(key));
        }
        let mut found = Vec::new();
        bucket.for_each(&mut |entry: &Entry<Vec<u8>>| found.push(entry.key().to_vec()));
        found.sort();
        there.sort();
        assert_eq!(found, there);
        let full_chain = there.len().saturating_sub(2) / 6 + 1;
        assert!(bucket.descendant(full_chain as u32 + 1).is_none(), "an empty child is freed");
    }
    assert!(bucket.child().is_none() || !there.is_empty());
}

#[test]
fn stale_slots_are_detected() {
    let mut table = TestTable::new(7);
    let first = insert(&mut table, 1);
    assert!(table.is_current(first));
    insert(&mut table, 2);
    assert!(!table.is_current(first));
    for use_slot in [
        (|table: &mut TestTable, slot: Slot| drop(table.remove(slot))) as fn(&mut TestTable, Slot),
        |table, slot| table.get_mut(slot).set_access_clock(1),
        |table, slot| assert_eq!(table.get(slot).access_clock(), 0),
    ] {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| use_slot(&mut table, first)));
        assert!(outcome.is_err());
    }
    // A slot of another table whose version happens to be equal finds nothing, or another entry: no more.
    let mut other = TestTable::new(7);
    other.version = first.version;
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| other.get(first).key().to_vec()));
    assert!(outcome.is_err());
    assert_eq!(table.len(), 2);
}

#[test]
fn random_entries_are_spread_and_found_in_sparse_tables() {
    let mut table = TestTable::new(3);
    let mut state = 9u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state ^ (state >> 29)
    };
    assert!(table.random_entry(&mut random).is_none());
    (0..1000).for_each(|number| {
        insert(&mut table, number);
    });
    let chosen: HashSet<Vec<u8>> = (0..20_000)
        .filter_map(|_| table.random_entry(&mut random))
        .map(|entry| entry.key().to_vec())
        .collect();
    assert!(chosen.len() > 990, "{} of 1000 keys were ever chosen", chosen.len());
    (0..999).for_each(|number| assert!(remove(&mut table, number)));
    assert_eq!(table.random_entry(&mut random).map(|entry| entry.key().to_vec()), Some(key_of(999)));
}
