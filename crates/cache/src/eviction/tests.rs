use super::policy::POLICIES;
use crate::keyspace::usage::size_of;
use crate::testing::World;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use warren_units::{PeerId, Room, RoomSource};

const OOM: &str = "-OOM command not allowed when used memory > 'maxmemory'.|";

fn used(world: &World) -> usize {
    world.cache.shared.keyspace.used_bytes()
}

fn evicted(world: &World) -> u64 {
    world.cache.shared.statistics.evicted_keys
}

fn is_there(world: &World, key: &str) -> bool {
    world.cache.shared.keyspace.find(0, key.as_bytes()).slot.is_some()
}

fn count_there(world: &World, keys: impl Iterator<Item = usize>) -> usize {
    keys.filter(|number| is_there(world, &format!("k{number}"))).count()
}

/// Bounds the memory so that about `count` keys of 100 bytes have to go, and lets them.
fn squeeze(world: &mut World, client: PeerId, policy: &str, count: usize) {
    let bytes_max = used(world) - count * 128;
    let command = format!("CONFIG SET maxmemory-policy {policy} maxmemory {bytes_max}");
    assert_eq!(world.run(client, &command), "+OK|");
    while world.cache.shared.can_evict() {
        assert!(world.cache.next_deadline().is_some_and(|deadline| deadline <= world.now));
        world.tick();
    }
    world.run(client, "PING");
}

/// 1000 keys, each second one with a deadline: k0 expires last.
fn filled() -> (World, PeerId) {
    let mut world = World::default();
    let client = world.connect();
    for number in 0..1000 {
        let deadline = if number % 2 == 0 { format!(" PX {}", 10_000_000 - number) } else { String::new() };
        world.run(client, &format!("SET k{number} {}{deadline}", "x".repeat(100)));
    }
    (world, client)
}

#[test]
fn only_what_the_policy_allows_goes_until_enough_has_gone() {
    for policy in POLICIES {
        let (mut world, client) = filled();
        squeeze(&mut world, client, policy.name, 200);
        let left = world.cache.shared.keyspace.database(0).table.len();
        assert_eq!(left as u64 + evicted(&world), 1000, "{}", policy.name);
        if policy.name == "noeviction" {
            assert_eq!(evicted(&world), 0);
            continue;
        }
        assert!(!world.cache.shared.exceeds_memory(), "{}", policy.name);
        assert!((150..=250).contains(&evicted(&world)), "{}: {}", policy.name, evicted(&world));
        let without_deadline = count_there(&world, (1..1000).step_by(2));
        assert_eq!(without_deadline == 500, policy.is_volatile, "{}: {without_deadline}", policy.name);
        let replayed = world.replayed();
        let hashes = [&world, &replayed].map(|world| world.cache.shared.keyspace.durable_hash());
        assert_eq!(hashes[0], hashes[1], "{}", policy.name);
    }
}

#[test]
fn the_same_seed_evicts_the_same_keys() {
    let run = |policy: &str| {
        let (mut world, client) = filled();
        squeeze(&mut world, client, policy, 300);
        world.cache.shared.keyspace.durable_hash()
    };
    for policy in ["allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru"] {
        assert_eq!(run(policy), run(policy), "{policy}");
    }
}

#[test]
fn keys_not_used_for_long_go_first() {
    for policy in ["allkeys-lru", "volatile-lru"] {
        let (mut world, client) = filled();
        world.now = world.now.saturating_add(60_000);
        (500..1000).for_each(|number| {
            world.run(client, &format!("GET k{number}"));
        });
        world.now = world.now.saturating_add(1000);
        squeeze(&mut world, client, policy, 150);
        let used = 500 - count_there(&world, 500..1000);
        let unused = 500 - count_there(&world, 0..500);
        assert!(used <= 2 && unused >= 120, "{policy}: {used} used and {unused} unused keys went");
    }
}

#[test]
fn keys_used_seldom_go_first() {
    for policy in ["allkeys-lfu", "volatile-lfu"] {
        let (mut world, client) = filled();
        world.run(client, &format!("CONFIG SET maxmemory-policy {policy}"));
        (0..1000).for_each(|number| {
            world.run(client, &format!("SET k{number} {} KEEPTTL", "y".repeat(100)));
        });
        for _ in 0..60 {
            (0..200).for_each(|number| {
                world.run(client, &format!("GET k{number}"));
            });
        }
        squeeze(&mut world, client, policy, 250);
        let lost = 200 - count_there(&world, 0..200);
        assert!(lost <= 10 && evicted(&world) >= 200, "{policy}: {lost} of the keys used most went");
    }
}

#[test]
fn the_key_that_expires_next_goes_first() {
    let (mut world, client) = filled();
    squeeze(&mut world, client, "volatile-ttl", 100);
    let gone = evicted(&world) as usize;
    assert_eq!(count_there(&world, (0..1000 - 2 * gone).step_by(2)), 500 - gone);
    assert_eq!(count_there(&world, (1000 - 2 * gone..1000).step_by(2)), 0);
}

#[test]
fn few_keys_with_a_deadline_are_found_among_many_without() {
    for policy in ["volatile-lru", "volatile-random", "volatile-lfu"] {
        let mut world = World::default();
        let client = world.connect();
        for number in 0..3000 {
            let deadline = if number % 100 == 7 { " EX 1000" } else { "" };
            world.run(client, &format!("SET k{number} {}{deadline}", "x".repeat(100)));
        }
        squeeze(&mut world, client, policy, 20);
        assert!((15..=25).contains(&evicted(&world)), "{policy}: {}", evicted(&world));
        squeeze(&mut world, client, policy, 30);
        assert_eq!((evicted(&world), world.cache.shared.keyspace.database(0).table.len()), (30, 2970));
        assert_eq!(world.run(client, "SET one more"), OOM, "{policy}");
    }
}

#[test]
fn all_databases_take_part() {
    for policy in ["allkeys-lru", "allkeys-random"] {
        let mut world = World::default();
        let client = world.connect();
        for database in [0, 3, 9] {
            world.run(client, &format!("SELECT {database}"));
            (0..300).for_each(|number| {
                world.run(client, &format!("SET k{number} {}", "x".repeat(100)));
            });
        }
        squeeze(&mut world, client, policy, 450);
        for database in [0, 3, 9] {
            let left = world.cache.shared.keyspace.database(database).table.len();
            assert!((80..230).contains(&left), "{policy}: {left} in {database}");
        }
    }
}

#[test]
fn without_a_key_that_may_go_what_needs_memory_is_refused() {
    let mut world = World::default();
    let (client, other) = (world.connect(), world.connect());
    world.transcript(
        client,
        &[
            ("SET a 1", "+OK|"),
            ("RPUSH l 1 2", ":2|"),
            ("CONFIG SET maxmemory 1", "+OK|"),
            ("SET b 1", OOM),
            ("GET a", "$1|1|"),
            ("LPOP l", "$1|1|"),
            ("EXPIRE l 100", ":1|"),
            ("DEL l", ":1|"),
            ("CONFIG SET maxmemory 0", "+OK|"),
            ("MULTI", "+OK|"),
            ("SET b 1", "+QUEUED|"),
        ],
    );
    world.run(other, "CONFIG SET maxmemory 1");
    world.transcript(
        client,
        &[
            (
                "EXEC",
                "-EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'.|",
            ),
            ("GET b", "$-1|"),
            ("MULTI", "+OK|"),
            ("GET a", OOM),
            ("EXEC", "-EXECABORT Transaction discarded because of previous errors.|"),
            ("MULTI", "+OK|"),
            ("GET a", OOM),
            ("DISCARD", "+OK|"),
        ],
    );
    world.run(other, "CONFIG SET maxmemory 0");
    world.transcript(client, &[("MULTI", "+OK|"), ("GET a", "+QUEUED|")]);
    world.run(other, "CONFIG SET maxmemory 1");
    world.transcript(client, &[("EXEC", "*1|$1|1|"), ("SET b 1", OOM)]);
    // Nothing has a deadline.
    world.run(client, "CONFIG SET maxmemory-policy volatile-lru");
    world.transcript(client, &[("SET b 1", OOM), ("CONFIG SET maxmemory-policy allkeys-lru", "+OK|")]);
    assert_eq!((world.run(client, "SET b 1"), is_there(&world, "a")), (OOM.to_owned(), false));
    world.transcript(client, &[("CONFIG SET maxmemory 1mb", "+OK|"), ("SET b 1", "+OK|")]);
}

#[test]
fn an_evicted_key_has_changed_for_those_who_watch_it() {
    let (mut world, client) = filled();
    let other = world.connect();
    world.transcript(client, &[("WATCH k998", "+OK|"), ("MULTI", "+OK|"), ("SET new 1", "+QUEUED|")]);
    squeeze(&mut world, other, "volatile-ttl", 10);
    world.transcript(client, &[("EXEC", "*-1|"), ("GET new", "$-1|")]);
}

#[test]
fn evictions_are_a_record_of_their_own_and_one_step_is_bounded() {
    let (mut world, client) = filled();
    world.run(client, "CONFIG SET maxmemory-eviction-tenacity 1 maxmemory-policy allkeys-random maxmemory 1");
    let before = world.batch.next_lsn();
    // As long as there is more to evict nothing is refused.
    assert_eq!(world.run(client, "SET new 1"), "+OK|");
    assert_eq!((evicted(&world), world.batch.next_lsn().0 - before.0), (20, 2));
    assert_eq!(world.run(client, "GET new"), "$1|1|");
    assert_eq!((evicted(&world), world.batch.next_lsn().0 - before.0), (22, 3));
    world.now = world.now.saturating_add(500);
    let stats = world.run(client, "INFO stats");
    assert!(stats.contains("evicted_keys:24|"), "{stats}");
    assert!(stats.contains("current_eviction_exceeded_time:500|"), "{stats}");
    world.run(client, "CONFIG SET maxmemory-eviction-tenacity 100");
    world.run(client, "PING");
    assert_eq!(world.cache.shared.keyspace.database(0).table.len(), 0);
}

/// A log that has no room until it is said to have.
#[derive(Default)]
struct FullLog(AtomicBool);

impl RoomSource for FullLog {
    fn room(&self, _: u64) -> Room {
        match self.0.load(Ordering::Relaxed) {
            true => Room::UNBOUNDED,
            false => Room { growth_size_bytes_max: 0, upkeep_size_bytes_max: 0, size_bytes_max: 0 },
        }
    }
}

#[test]
fn nothing_is_evicted_while_the_log_has_no_room_for_it() {
    let (mut world, client) = filled();
    let log = Arc::new(FullLog::default());
    world.batch.set_room_source(log.clone());
    world.run(client, "CONFIG SET maxmemory-policy allkeys-random maxmemory 1");
    assert!(world.run(client, "SET new 1").starts_with("-MISCONF"));
    assert_eq!(world.run(client, "GET k1").len(), 106);
    assert_eq!((evicted(&world), world.cache.next_deadline()), (0, world.cache.shared.keyspace.next_due()));
    log.0.store(true, Ordering::Relaxed);
    world.run(client, "PING");
    assert!(evicted(&world) > 0 && world.cache.shared.can_evict());
}

#[test]
fn a_pause_of_clients_pauses_eviction() {
    let (mut world, client) = filled();
    let other = world.connect();
    world.run(client, "CLIENT PAUSE 1000 WRITE");
    world.run(other, "CONFIG SET maxmemory-policy allkeys-random maxmemory 1");
    let due = world.cache.next_deadline();
    assert_eq!(due, Some(world.now.saturating_add(1000)));
    world.run(other, "GET k1");
    assert_eq!(evicted(&world), 0);
    world.now = world.now.saturating_add(1000);
    world.tick();
    assert!(evicted(&world) > 0);
}

#[test]
fn large_values_are_dropped_elsewhere() {
    let mut world = World::default();
    let client = world.connect();
    let members: Vec<String> = (0..500).map(|number| number.to_string()).collect();
    world.run(client, &format!("SADD set {}", members.join(" ")));
    world.run(client, &format!("SET string {}", "x".repeat(2 << 20)));
    world.run(client, "CONFIG SET maxmemory-policy allkeys-random maxmemory 1");
    world.run(client, "PING");
    assert_eq!((evicted(&world), world.cache.shared.keyspace.take_garbage().len()), (2, 2));
}

#[test]
fn frequencies_and_idle_times_are_shown_under_the_policy_that_has_them() {
    let mut world = World::default();
    let client = world.connect();
    world.transcript(
        client,
        &[
            ("CONFIG SET maxmemory-policy allkeys-lfu lfu-log-factor 0", "+OK|"),
            ("SET a 1", "+OK|"),
            ("OBJECT FREQ a", ":5|"),
            ("OBJECT FREQ missing", "$-1|"),
            ("GET a", "$1|1|"),
            ("TOUCH a", ":1|"),
            ("OBJECT FREQ a", ":7|"),
            ("CLIENT NO-TOUCH on", "+OK|"),
            ("GET a", "$1|1|"),
            ("OBJECT FREQ a", ":7|"),
            (
                "OBJECT IDLETIME a",
                "-ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching \
                 between policies at runtime LRU and LFU data will take some time to adjust.|",
            ),
            ("OBJECT IDLETIME missing", "$-1|"),
        ],
    );
    world.now = world.now.saturating_add(3 * 60_000);
    world.transcript(client, &[("OBJECT FREQ a", ":4|")]);
}

#[test]
fn every_size_is_that_of_an_entry() {
    let (world, _) = filled();
    let keyspace = &world.cache.shared.keyspace;
    let entry = keyspace.entry(keyspace.find(0, b"k1")).expect("it is there");
    assert_eq!(size_of(entry), 128);
}
