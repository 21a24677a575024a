//! Commands run while a view is handed out; what the view makes anew must be the state at its moment.

use super::*;
use crate::testing::World;
use proptest::prelude::*;
use std::collections::BTreeMap;
use warren_units::PeerId;
use warren_units::varint::Cursor;

type Contents = BTreeMap<(u8, Vec<u8>), (Option<UnixMillis>, Vec<Vec<u8>>)>;

/// All keys with deadline and value, whatever the layout.
fn contents(keyspace: &Keyspace) -> Contents {
    let mut all = Contents::new();
    for database in 0..DATABASE_COUNT as u8 {
        let mut cursor = 0;
        loop {
            cursor = keyspace.database(database).table.scan(cursor, |entry| {
                let value = (entry.expire_at(), elements(entry));
                all.insert((database, entry.key().to_vec()), value);
            });
            if cursor == 0 {
                break;
            }
        }
    }
    all
}

fn elements(entry: &KeyEntry) -> Vec<Vec<u8>> {
    let joined = |first: &[u8], second: &[u8]| [first, b"=", second].concat();
    let mut elements: Vec<Vec<u8>> = match entry.container() {
        None => vec![entry.string().expect("no container").to_vec()],
        Some(Container::List(list)) => return list.iter().map(|element| element.to_vec()).collect(),
        Some(Container::Hash(hash)) => hash.iter().map(|(field, value)| joined(&field, &value)).collect(),
        Some(Container::Set(set)) => set.iter().map(|member| member.to_vec()).collect(),
        Some(Container::SortedSet(sorted_set)) => {
            sorted_set.iter().map(|(member, score)| joined(&member, &score.to_le_bytes())).collect()
        }
    };
    elements.sort();
    elements
}

/// A keyspace made from the parts of a view alone.
fn restored(parts: Vec<KeyspacePart>) -> Keyspace {
    let mut keyspace = Keyspace::new(99);
    for part in parts {
        part.encode(&mut |block| {
            let bytes = block.to_vec();
            let mut cursor = Cursor::new(&bytes);
            while let Some(tag) = cursor.byte() {
                keyspace.replay(tag, &mut cursor).expect("a block is whole effects");
            }
            Ok::<(), ()>(())
        })
        .unwrap();
    }
    keyspace
}

fn keyspace(world: &mut World) -> &mut Keyspace {
    &mut world.cache.shared.keyspace
}

/// One of the commands that change something, by number.
fn change(world: &mut World, client: PeerId, kind: u8, number: u16) {
    let key = number % 40;
    let value = number / 7;
    let large = (0..200).map(|index| format!(" {}", index * usize::from(value % 5 + 1)));
    let pairs = (0..200).map(|index| format!(" f{index} {value}"));
    let scored = (0..200).map(|index| format!(" {index} m{}", index + usize::from(value)));
    let long = "x".repeat(20_000);
    let command = match kind {
        0 => format!("SET s{key} {value}"),
        1 => format!("SET s{key} text{value} PX {}", u32::from(value) + 1000),
        2 => format!("APPEND s{key} {value}"),
        3 => format!("RPUSH l{key} {value} {value}"),
        4 => format!("RPUSH l{key}{}", large.collect::<String>()),
        5 => format!("LPOP l{key}"),
        6 => format!("HSET h{key} f{value} {value}"),
        7 => format!("HSET h{key}{}", pairs.collect::<String>()),
        8 => format!("HDEL h{key} f{value} f1 f2"),
        9 => format!("SADD t{key} {value} a{value}"),
        10 => format!("SADD t{key}{}", large.collect::<String>()),
        11 => format!("SPOP t{key}"),
        12 => format!("ZADD z{key} {value} m{value}"),
        13 => format!("ZADD z{key}{}", scored.collect::<String>()),
        14 => format!("ZREMRANGEBYRANK z{key} 0 3"),
        15 => format!("DEL s{key} l{key} h{} t{} z{key}", key + 1, key + 2),
        16 => format!("RENAME s{key} s{}", value % 40),
        17 => format!("COPY h{key} h{} REPLACE", value % 40),
        18 => format!("EXPIRE h{key} {}", value + 1),
        19 => format!("PERSIST h{key}"),
        20 => format!("SELECT {}", value % 3),
        21 => format!("SWAPDB {} {}", value % 3, number % 3),
        22 if number.is_multiple_of(5) => "FLUSHDB".to_owned(),
        23 if number.is_multiple_of(9) => "FLUSHALL".to_owned(),
        24 => format!("SET s{key} {long}"),
        25 => format!("SETRANGE s{key} {} abc", value % 100),
        26 => format!("INCRBYFLOAT s{key} 1"),
        28 => {
            let bytes_max = keyspace(world).used_bytes().saturating_sub(number.into()).max(1);
            format!("CONFIG SET maxmemory-policy allkeys-random maxmemory {bytes_max}")
        }
        _ => format!("SETEX s{key} 100 {value}"),
    };
    world.run(client, &command);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_view_is_the_state_at_its_moment(
        before in prop::collection::vec((0u8..29, any::<u16>()), 0..300),
        during in prop::collection::vec((0u8..29, any::<u16>(), 0usize..6), 0..300),
    ) {
        let mut world = World::default();
        let client = world.connect();
        before.iter().for_each(|(kind, number)| change(&mut world, client, *kind, *number));
        for round in 0..2 {
            let at_freeze = contents(keyspace(&mut world));
            keyspace(&mut world).freeze();
            let mut parts = Vec::new();
            for (kind, number, step) in &during {
                change(&mut world, client, *kind, *number);
                if *step > 0 {
                    parts.push(keyspace(&mut world).take_frozen(*step));
                }
            }
            while keyspace(&mut world).is_frozen() {
                parts.push(keyspace(&mut world).take_frozen(3));
            }
            prop_assert!(keyspace(&mut world).take_frozen(1).is_empty());
            prop_assert_eq!(contents(&restored(parts)), at_freeze, "round {}", round);
        }
        let live = contents(keyspace(&mut world));
        prop_assert_eq!(contents(&world.replayed().cache.shared.keyspace), live);
    }
}

#[test]
fn freezing_a_large_container_copies_nothing() {
    let mut world = World::default();
    let client = world.connect();
    for start in (0..200_000).step_by(1000) {
        let members: String =
            (start..start + 1000).map(|number| format!(" {number} member{number}")).collect();
        world.run(client, &format!("ZADD z{members}"));
    }
    let memory = |world: &mut World| {
        let keyspace = keyspace(world);
        let sorted_set = keyspace.sorted_set(keyspace.find(0, b"z"));
        sorted_set.unwrap().expect("the key is there").memory_size_bytes()
    };
    let before = memory(&mut world);
    keyspace(&mut world).freeze();
    world.run(client, "ZADD z 1 changed");
    let part = keyspace(&mut world).take_frozen(1);
    assert_eq!((part.containers.len(), part.small.len()), (1, 0));
    assert!(memory(&mut world) < before + before / 100);
    let mut sizes = Vec::new();
    part.encode(&mut |block| {
        sizes.push(block.len());
        Ok::<(), ()>(())
    })
    .unwrap();
    assert!(sizes.len() > 5 && sizes.iter().all(|size| *size < 2 * BLOCK_SIZE_BYTES), "{sizes:?}");
}
