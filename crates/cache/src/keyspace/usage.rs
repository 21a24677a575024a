//! What the keyspace holds, in bytes: the figure that `maxmemory` bounds.
//!
//! It is a running sum, exact after each change and the same on every machine: entries and their values as the
//! allocator rounds them, buckets of the tables, rows of the deadlines. Not in it are the clients' buffers, messages
//! and their bodies, records on their way to the log, what a checkpoint still shares, and garbage about to be
//! dropped: none of them goes by evicting keys.
//!
//! A value that is being changed is taken out of the sum first (`open`) and counted anew before the next change
//! (`settle`): so no effect has to tell by how much it made a value larger.

use super::expires::Expires;
use super::table::Slot;
use super::{Container, Database, KeyEntry, Keyspace, Place};
use crate::values::{Hash, List, Set, SortedSet};

/// Child buckets of a table, which it does not count: about one bucket in eight has one.
const CHILD_SHARE: usize = 8;

#[derive(Default)]
pub(super) struct Usage {
    /// Of all databases, but for the value that is open.
    settled_bytes: usize,
    open: Option<(u8, Slot)>,
}

impl Usage {
    #[inline]
    pub fn add(&mut self, database: &mut Database, bytes: usize) {
        database.entries_bytes += bytes;
        self.settled_bytes += bytes;
    }

    #[inline]
    pub fn subtract(&mut self, database: &mut Database, bytes: usize) {
        database.entries_bytes -= bytes;
        self.settled_bytes -= bytes;
    }

    /// The tables of a database have changed their size.
    #[inline]
    pub fn tables_changed(&mut self, before: usize, after: usize) {
        self.settled_bytes = self.settled_bytes + after - before;
    }

    /// An entry that is not in the sum yet may change until the next change of the keyspace.
    #[inline]
    pub fn open_new(&mut self, place: Place<'_>, slot: Slot) {
        self.open = Some((place.database, slot));
    }
}

impl Database {
    /// What it takes beside its entries.
    #[inline]
    pub(super) fn tables_bytes(&self) -> usize {
        let buckets = self.table.memory_size_bytes();
        buckets + buckets / CHILD_SHARE + self.expires.memory_size_bytes()
    }
}

impl Keyspace {
    /// Bytes of all that the keyspace holds.
    pub fn used_bytes(&self) -> usize {
        let open = self.usage.open.map(|(database, slot)| size_of(self.database(database).table.get(slot)));
        self.usage.settled_bytes + open.unwrap_or(0) + self.own_bytes()
    }

    /// Bytes of the values and keys alone.
    pub fn entries_bytes(&self) -> usize {
        let open = self.usage.open.map(|(database, slot)| size_of(self.database(database).table.get(slot)));
        self.databases.iter().map(|database| database.entries_bytes).sum::<usize>() + open.unwrap_or(0)
    }

    /// What an empty keyspace takes.
    pub fn own_bytes(&self) -> usize {
        std::mem::size_of::<Keyspace>() + std::mem::size_of_val(&self.databases[..])
    }

    /// Counts the value again that was open.
    #[inline]
    pub(super) fn settle(&mut self) {
        if let Some((database, slot)) = self.usage.open.take() {
            let database = &mut self.databases[database as usize];
            let bytes = size_of(database.table.get(slot));
            self.usage.add(database, bytes);
        }
    }

    /// The entry at a place is about to change.
    #[inline]
    pub(super) fn open(&mut self, place: Place<'_>, slot: Slot) {
        if self.usage.open == Some((place.database, slot)) {
            return;
        }
        self.settle();
        let database = &mut self.databases[place.database as usize];
        let bytes = size_of(database.table.get(slot));
        self.usage.subtract(database, bytes);
        self.usage.open_new(place, slot);
    }

    /// [`Keyspace::used_bytes`] found by looking at everything.
    #[cfg(test)]
    pub fn counted_bytes(&self) -> usize {
        let mut sum = self.own_bytes();
        for database in &self.databases {
            sum += database.tables_bytes();
            let mut cursor = 0;
            loop {
                cursor = database.table.scan(cursor, |entry| sum += size_of(entry));
                if cursor == 0 {
                    break;
                }
            }
        }
        sum
    }
}

impl Expires {
    /// A row in a B-tree whose nodes are two thirds full.
    const ROW_BYTES: usize = 26;

    #[inline]
    pub fn memory_size_bytes(&self) -> usize {
        self.len() * Expires::ROW_BYTES
    }
}

/// Bytes that a key and its value take.
#[inline]
pub fn size_of(entry: &KeyEntry) -> usize {
    entry.memory_size_bytes() + entry.container().map_or(0, size_of_container)
}

fn size_of_container(container: &Container) -> usize {
    match container {
        Container::List(list) => std::mem::size_of::<List>() + list.memory_size_bytes(),
        Container::Hash(hash) => std::mem::size_of::<Hash>() + hash.memory_size_bytes(),
        Container::Set(set) => std::mem::size_of::<Set>() + set.memory_size_bytes(),
        Container::SortedSet(sorted_set) => std::mem::size_of::<SortedSet>() + sorted_set.memory_size_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use crate::random::Random;
    use crate::testing::World;

    const COMMANDS: &[&str] = &[
        "SET k 1",
        "SET k long PX 5000",
        "APPEND k abcdefghijklmnopqrstuvwxyz",
        "SETRANGE k 20000 x",
        "SETRANGE k 300 x",
        "INCR n:k",
        "RPUSH k a b c",
        "RPUSH l:k a 1 2 3 long-element-of-a-list",
        "LPOP l:k",
        "LREM l:k 0 a",
        "HSET h:k f 1 g 2",
        "HDEL h:k f g",
        "SADD s:k a b 1",
        "SPOP s:k 2",
        "ZADD z:k 1 a 2 b",
        "ZREMRANGEBYRANK z:k 0 1",
        "SUNIONSTORE k s:k s:other",
        "PERSIST k",
        "PEXPIRE k 1",
        "PEXPIRE l:k 9000",
        "RENAME k other",
        "COPY k copy REPLACE",
        "COPY k copy DB 3",
        "DEL k",
        "GETDEL n:k",
        "SWAPDB 0 3",
        "FLUSHDB",
        "SELECT 0",
        "SELECT 3",
    ];

    #[test]
    fn the_running_sum_is_that_of_a_count() {
        for seed in 0..5 {
            let mut random = Random::new(seed);
            let mut world = World::default();
            let client = world.connect();
            let empty = world.cache.shared.keyspace.used_bytes();
            for step in 0..1500 {
                // What empties databases comes seldom.
                let command = match random.below(40) {
                    0 => COMMANDS[random.below(COMMANDS.len())],
                    _ => COMMANDS[random.below(COMMANDS.len() - 4)],
                };
                let key = format!("{}", random.below(50));
                let words: Vec<String> = command
                    .split(' ')
                    .map(|word| match word {
                        "k" => key.clone(),
                        word => word.replace(":k", &format!(":{}", random.below(5))),
                    })
                    .collect();
                world.run(client, &words.join(" "));
                if step % 50 == 0 {
                    world.now = world.now.saturating_add(100);
                    world.tick();
                }
                let keyspace = &world.cache.shared.keyspace;
                assert_eq!(keyspace.used_bytes(), keyspace.counted_bytes(), "{words:?} of seed {seed}");
            }
            let replayed = world.replayed();
            let keyspace = &replayed.cache.shared.keyspace;
            assert_eq!(keyspace.used_bytes(), keyspace.counted_bytes());
            world.run(client, "FLUSHALL");
            let left = world.cache.shared.keyspace.used_bytes() - empty;
            assert!(left < 2000, "{left} bytes of nothing");
        }
    }
}
