use super::*;
use crate::keyspace::effects::list::{Push, Side};
use crate::keyspace::effects::{Effect, Value};
use crate::testing::World;

#[test]
fn limits() {
    for (limit, expected) in [
        (None, 0..5),
        (Some((1, 2)), 1..3),
        (Some((-3, 2)), 0..2),
        (Some((2, -1)), 2..5),
        (Some((7, 1)), 5..5),
        (Some((0, 0)), 0..0),
        (Some((1, i64::MAX)), 1..5),
    ] {
        assert_eq!(limited(limit, 5), expected, "{limit:?}");
    }
}

/// A world with the list 3 1 2, weights and objects for its elements.
fn world() -> (World, warren_units::PeerId) {
    let mut world = World::default();
    let client = world.connect();
    world.transcript(client, &[("MSET w1 30 w2 20 w3 10 o1 one o2 two x y", "+OK|")]);
    let keyspace = &mut world.cache.shared.keyspace;
    let elements = ["3", "1", "2"].map(|element| Value::Slice(element.as_bytes()));
    let place = keyspace.find(0, b"list");
    Push { place, side: Side::Right, elements: elements.as_slice().into() }.apply(keyspace);
    (world, client)
}

#[test]
fn orders_patterns_and_limits() {
    let (mut world, client) = world();
    world.transcript(
        client,
        &[
            ("SORT list", "*3|$1|1|$1|2|$1|3|"),
            ("SORT list DESC LIMIT 0 2", "*2|$1|3|$1|2|"),
            ("SORT list BY w*", "*3|$1|3|$1|2|$1|1|"),
            ("SORT list BY nosort", "*3|$1|3|$1|1|$1|2|"),
            ("SORT list BY nosort DESC", "*3|$1|2|$1|1|$1|3|"),
            ("SORT_RO list GET o* GET #", "*6|$3|one|$1|1|$3|two|$1|2|$-1|$1|3|"),
            ("SORT list BY o* ALPHA", "*3|$1|3|$1|1|$1|2|"),
            ("SORT list BY o*", "-ERR One or more scores can't be converted into double|"),
            ("SORT_RO list STORE d", "-ERR syntax error|"),
            ("SORT list LIMIT 1", "-ERR syntax error|"),
            ("SORT x", "-WRONGTYPE Operation against a key holding the wrong kind of value|"),
            ("SORT missing", "*0|"),
        ],
    );
}

#[test]
fn what_is_stored_replays() {
    let (mut world, client) = world();
    world.transcript(
        client,
        &[
            ("SORT list GET o* STORE x", ":3|"),
            ("TYPE x", "+list|"),
            ("SORT x ALPHA", "*3|$0||$3|one|$3|two|"),
            ("SORT missing STORE w1", ":0|"),
            ("EXISTS w1", ":0|"),
        ],
    );
    let mut replayed = world.replayed();
    let client = replayed.connect();
    replayed.transcript(client, &[("SORT x BY nosort", "*3|$3|one|$3|two|$0||"), ("EXISTS w1", ":0|")]);
}

#[test]
fn the_keys_of_a_request() {
    for (request, keys) in [
        ("SORT a", vec![1]),
        ("SORT a BY STORE GET x STORE d", vec![1, 7]),
        ("SORT a STORE c LIMIT 0 1 STORE d", vec![1, 8]),
    ] {
        let words: Vec<&[u8]> = request.split(' ').map(str::as_bytes).collect();
        assert_eq!(find_keys(warren_resp::OwnedArgs::of(&words).args()), keys, "{request}");
    }
}
