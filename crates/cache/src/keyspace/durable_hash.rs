//! A number over all that the keyspace keeps over a restart, which replay must reproduce.
//!
//! It does not depend on where tables and trees hold things, nor on the seed of their hashes: what has no
//! order of its own is summed. Encodings of strings count, since clients see them. Those of containers do not:
//! one that was large once stays so until a checkpoint is read back. Nor do access clocks.

use super::entry::Value;
use super::{Container, KeyEntry, Keyspace};
use rapidhash::fast::SeedableState;
use std::hash::{BuildHasher, Hash};
use warren_units::bounds::DATABASE_COUNT;

impl Keyspace {
    pub fn durable_hash(&self) -> u64 {
        let mut sum = 0u64;
        for database in 0..DATABASE_COUNT as u8 {
            let table = &self.database(database).table;
            let mut cursor = 0;
            loop {
                cursor = table.scan(cursor, |entry| {
                    sum = sum.wrapping_add(hash((database, entry_hash(entry))));
                });
                if cursor == 0 {
                    break;
                }
            }
        }
        sum
    }
}

fn hash(value: impl Hash) -> u64 {
    SeedableState::new(0).hash_one(value)
}

fn sum(parts: impl Iterator<Item = u64>) -> u64 {
    parts.fold(0, u64::wrapping_add)
}

fn entry_hash(entry: &KeyEntry) -> u64 {
    let (encoding, content) = match entry.value() {
        Value::String(string) => {
            let encoding = entry.string_encoding().map_or("", |encoding| encoding.name());
            (encoding, hash(string.as_bytes(&mut itoa::Buffer::new())))
        }
        Value::Container(container) => (container_kind(container), container_hash(container)),
    };
    hash((entry.key(), entry.expire_at().map(|deadline| deadline.0), encoding, content))
}

fn container_kind(container: &Container) -> &'static str {
    match container {
        Container::List(_) => "list",
        Container::Hash(_) => "hash",
        Container::Set(_) => "set",
        Container::SortedSet(_) => "zset",
    }
}

fn container_hash(container: &Container) -> u64 {
    match container {
        Container::List(list) => list.iter().fold(0, |before, element| hash((before, element.as_slice()))),
        Container::Hash(map) => {
            sum(map.iter().map(|(field, value)| hash((field.as_slice(), value.as_slice()))))
        }
        Container::Set(set) => sum(set.iter().map(|member| hash(member.as_slice()))),
        Container::SortedSet(sorted_set) => {
            sum(sorted_set.iter().map(|(member, score)| hash((member.as_slice(), score.to_bits()))))
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    const COMMANDS: [&str; 9] = [
        "SET s 12",
        "APPEND s x",
        "SET t y PX 100000",
        "RPUSH l a b c",
        "LPOP l",
        "HSET h f v g w",
        "SADD i 1 2 3",
        "SADD m a b",
        "ZADD z 1.5 a 2 b",
    ];

    #[test]
    fn it_changes_with_every_change_and_comes_back_by_replay() {
        let mut world = World::default();
        let client = world.connect();
        let mut seen = vec![world.cache.shared.keyspace.durable_hash()];
        for command in COMMANDS {
            world.run(client, command);
            let hash = world.cache.shared.keyspace.durable_hash();
            assert!(!seen.contains(&hash), "{command}");
            seen.push(hash);
            assert_eq!(world.replayed().cache.shared.keyspace.durable_hash(), hash, "{command}");
        }
    }

    #[test]
    fn neither_the_history_nor_the_seed_plays_a_part() {
        let (mut one, mut other) = (World::default(), World::default());
        other.cache =
            crate::Cache::new(crate::commands::COMMANDS, crate::settings::Settings::default(), 99, other.now);
        let clients = (one.connect(), other.connect());
        for number in 0..300 {
            one.run(clients.0, &format!("SET k{number} {number}"));
            one.run(clients.0, &format!("SADD s m{number}"));
            other.run(clients.1, &format!("SADD s m{}", 299 - number));
        }
        for number in (0..300).rev() {
            other.run(clients.1, &format!("SET k{number} {number}"));
        }
        let hash = one.cache.shared.keyspace.durable_hash();
        assert_eq!(other.cache.shared.keyspace.durable_hash(), hash);
        one.run(clients.0, "SWAPDB 0 1");
        assert_ne!(one.cache.shared.keyspace.durable_hash(), hash);
    }
}
