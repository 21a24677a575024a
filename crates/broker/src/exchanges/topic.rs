//! `topic`: binding keys are patterns of words between dots; `*` stands for one word, `#` for any number.
//!
//! The patterns form a tree with one word per edge, so that a message walks only what can still match.

use crate::arguments::Arguments;
use crate::exchange::{Destination, Destinations, ExchangeType, Routed, Router};
use crate::names::{NameMap, name_map};
use smallvec::SmallVec;

pub const TYPE: ExchangeType = ExchangeType {
    name: "topic",
    description: "AMQP topic exchange, as per the AMQP specification",
    routes_by_key: true,
    make: || Box::new(Topic { root: Node::default() }),
    validate_binding: |_| Ok(()),
};

struct Topic {
    root: Node,
}

#[derive(Default)]
struct Node {
    destinations: SmallVec<[Destination; 1]>,
    /// Edges with a plain word; absent while there are none.
    words: Option<Box<NameMap<Node>>>,
    /// The edge `*`.
    one: Option<Box<Node>>,
    /// The edge `#`.
    any: Option<Box<Node>>,
    /// This node lies behind a `#`: any word leads back to it.
    takes_any: bool,
}

impl Node {
    fn child(&mut self, word: &[u8]) -> &mut Node {
        match word {
            b"*" => self.one.get_or_insert_default(),
            b"#" => self.any.get_or_insert_with(|| Box::new(Node { takes_any: true, ..Node::default() })),
            _ => self.words.get_or_insert_with(|| Box::new(name_map(0))).entry(word.into()).or_default(),
        }
    }

    fn is_empty(&self) -> bool {
        self.destinations.is_empty() && self.words.is_none() && self.one.is_none() && self.any.is_none()
    }

    /// Removes the destination below `words` and every node that leads nowhere then.
    fn remove(&mut self, words: &[&[u8]], destination: Destination) {
        let Some((first, rest)) = words.split_first() else {
            if let Some(place) = self.destinations.iter().position(|known| *known == destination) {
                self.destinations.remove(place);
            }
            return;
        };
        let remove_below = |child: &mut Option<Box<Node>>| {
            if let Some(node) = child {
                node.remove(rest, destination);
                if node.is_empty() {
                    *child = None;
                }
            }
        };
        match *first {
            b"*" => remove_below(&mut self.one),
            b"#" => remove_below(&mut self.any),
            word => {
                let Some(map) = &mut self.words else { return };
                if let Some(node) = map.get_mut(word) {
                    node.remove(rest, destination);
                    if node.is_empty() {
                        map.remove(word);
                    }
                }
                if map.is_empty() {
                    self.words = None;
                }
            }
        }
    }
}

/// The nodes that the words so far can have led to. Each stands in it once, so that a message never walks
/// more than words times nodes, however many `#` the patterns have.
type Reached<'a> = SmallVec<[&'a Node; 8]>;

/// Reaching a node reaches what lies behind its `#` too: that may take no word at all.
fn reach<'a>(node: &'a Node, reached: &mut Reached<'a>) {
    reached.push(node);
    let mut node = node;
    while let Some(any) = &node.any {
        reached.push(any);
        node = any;
    }
}

fn step<'a>(from: &Reached<'a>, word: &[u8]) -> Reached<'a> {
    let mut reached = Reached::new();
    for node in from {
        if node.takes_any {
            reach(node, &mut reached);
        }
        if let Some(next) = node.words.as_ref().and_then(|map| map.get(word)) {
            reach(next, &mut reached);
        }
        if let Some(next) = &node.one {
            reach(next, &mut reached);
        }
    }
    if reached.len() > 1 {
        reached.sort_unstable_by_key(|node| std::ptr::from_ref(*node));
        reached.dedup_by_key(|node| std::ptr::from_ref(*node));
    }
    reached
}

/// The words of a key; the empty key has none.
fn words(key: &[u8]) -> SmallVec<[&[u8]; 8]> {
    let mut words: SmallVec<[&[u8]; 8]> = SmallVec::new();
    if !key.is_empty() {
        words.extend(key.split(|byte| *byte == b'.'));
    }
    words
}

impl Router for Topic {
    fn bind(&mut self, key: &[u8], _: &Arguments, destination: Destination) {
        let mut node = &mut self.root;
        for word in words(key) {
            node = node.child(word);
        }
        node.destinations.push(destination);
    }

    fn unbind(&mut self, key: &[u8], _: &Arguments, destination: Destination) {
        self.root.remove(&words(key), destination);
    }

    fn route(&self, message: Routed<'_>, out: &mut Destinations) {
        let mut reached = Reached::new();
        reach(&self.root, &mut reached);
        if !message.routing_key.is_empty() {
            for word in message.routing_key.split(|byte| *byte == b'.') {
                reached = step(&reached, word);
            }
        }
        let start = out.len();
        reached.iter().for_each(|node| out.extend_from_slice(&node.destinations));
        // Where nodes lie in memory must not decide the order of deliveries.
        out[start..].sort_unstable();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pattern by pattern, the way the specification says it.
    fn matches(pattern: &[&[u8]], key: &[&[u8]]) -> bool {
        match (pattern.split_first(), key.split_first()) {
            (None, None) => true,
            (Some((&b"#", rest)), None) => matches(rest, key),
            (Some((&b"#", rest)), Some((_, key_rest))) => matches(rest, key) || matches(pattern, key_rest),
            (Some((&b"*", rest)), Some((_, key_rest))) => matches(rest, key_rest),
            (Some((word, rest)), Some((key_word, key_rest))) => word == key_word && matches(rest, key_rest),
            _ => false,
        }
    }

    fn route(router: &dyn Router, key: &[u8]) -> Vec<Destination> {
        let mut out = Destinations::new();
        router.route(Routed { routing_key: key, properties: &[] }, &mut out);
        out.to_vec()
    }

    #[test]
    fn every_pattern_matches_exactly_what_the_specification_says() {
        let patterns =
            ["", "#", "*", "a", "a.*", "a.#", "#.b", "*.b", "a.#.c", "#.#", "#.*", "*.#.b.#", "..", "a..b"];
        let keys = ["", "a", "b", "a.b", "a.b.c", "a.c", "a.x.y.c", "x.b", "x.y.b.z", ".", "..", "a..b"];
        let mut router = (TYPE.make)();
        let none = Arguments::default();
        for (index, pattern) in patterns.iter().enumerate() {
            router.bind(pattern.as_bytes(), &none, Destination::Queue(index as u32));
        }
        for key in keys {
            let expected: Vec<Destination> = (0..patterns.len())
                .filter(|index| matches(&words(patterns[*index].as_bytes()), &words(key.as_bytes())))
                .map(|index| Destination::Queue(index as u32))
                .collect();
            assert_eq!(route(&*router, key.as_bytes()), expected, "key {key:?}");
        }
        for (index, pattern) in patterns.iter().enumerate() {
            router.unbind(pattern.as_bytes(), &none, Destination::Queue(index as u32));
        }
        keys.iter().for_each(|key| assert_eq!(route(&*router, key.as_bytes()), [], "key {key:?}"));
    }

    #[test]
    fn many_hashes_do_not_explode() {
        let mut router = (TYPE.make)();
        let none = Arguments::default();
        router.bind("#.a.".repeat(40).trim_end_matches('.').as_bytes(), &none, Destination::Queue(1));
        assert_eq!(
            route(&*router, "a.".repeat(120).trim_end_matches('.').as_bytes()),
            [Destination::Queue(1)]
        );
        assert_eq!(route(&*router, "a.".repeat(39).trim_end_matches('.').as_bytes()), []);
    }

    #[test]
    fn removing_leaves_no_empty_nodes() {
        let mut topic = Topic { root: Node::default() };
        let none = Arguments::default();
        for key in ["a.b.c", "a.*.#", "#.x"] {
            topic.bind(key.as_bytes(), &none, Destination::Queue(1));
        }
        for key in ["a.b.c", "a.*.#", "#.x"] {
            topic.unbind(key.as_bytes(), &none, Destination::Queue(1));
        }
        assert!(topic.root.is_empty());
    }
}
