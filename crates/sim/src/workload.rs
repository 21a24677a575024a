//! The families of operations: one file each, one row in [`FAMILIES`].

mod any_queues;
mod anything;
mod bridge;
mod consuming;
mod dead_letters;
mod expiry;
mod getting;
mod hashes;
mod keys;
mod lists;
mod publishing;
mod sets;
mod sorted_sets;
pub mod strings;
mod topology;
mod transactions;
mod tx;

use crate::client::amqp::AmqpSession;
use crate::operation::Operation;
use crate::random::Random;

/// What a client does next.
pub enum Kind {
    /// The next requests of a RESP client, sent together.
    Resp(fn(&mut Random, &mut Ids) -> Vec<Operation>),
    Amqp(AmqpFamily),
}

pub struct AmqpFamily {
    /// Asks for what the channel needs before anything else.
    pub open: fn(&mut AmqpSession),
    pub act: fn(&mut AmqpSession, &mut Random, &mut Ids),
}

pub struct Family {
    pub name: &'static str,
    pub kind: Kind,
}

pub static FAMILIES: &[&Family] = &[
    &strings::FAMILY,
    &keys::FAMILY,
    &hashes::FAMILY,
    &lists::FAMILY,
    &sets::FAMILY,
    &sorted_sets::FAMILY,
    &expiry::FAMILY,
    &transactions::FAMILY,
    &bridge::FAMILY,
    &publishing::FAMILY,
    &consuming::FAMILY,
    &getting::FAMILY,
    &topology::FAMILY,
    &tx::FAMILY,
    &dead_letters::FAMILY,
    &anything::FAMILY,
    &any_queues::FAMILY,
];

/// Queues that every start declares: name, milliseconds that messages live, where the dead go.
pub const STANDING_QUEUES: &[(&str, Option<i64>, Option<&str>)] = &[
    ("work.0", None, None),
    ("work.1", None, None),
    ("taken", None, None),
    ("bridge", None, None),
    ("tx", None, None),
    ("dead.source", Some(40), Some("dead.target")),
    ("dead.target", None, None),
];

/// The queue of the model behind a real one: the dead may be in either of two.
pub fn model_queue(name: &str) -> &str {
    if name.starts_with("dead.") { "dead" } else { name }
}

/// Whether the model does not follow what is in this queue.
pub fn is_untracked(queue: &str) -> bool {
    queue.starts_with("any.")
}

/// Numbers that no two values and messages share.
#[derive(Default)]
pub struct Ids(u64);

impl Ids {
    pub fn next(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }

    /// A value nobody else writes; now and then one large enough to be shared instead of copied.
    pub fn value(&mut self, random: &mut Random) -> Vec<u8> {
        let id = self.next();
        let size = match random.below(100) {
            0..=1 => 16 * 1024 + random.below(3000),
            2..=9 => 200 + random.below(1000),
            _ => random.below(20),
        };
        let mut value = format!("v{id}-").into_bytes();
        value.resize(value.len() + size as usize, b'a' + (id % 26) as u8);
        value
    }
}

/// One of `count` keys of a family.
pub fn key(random: &mut Random, prefix: &str, count: u64) -> Vec<u8> {
    format!("{prefix}:{}", random.below(count)).into_bytes()
}

/// The exchange that every start declares.
pub fn scratch_exchange() -> &'static str {
    topology::EXCHANGE
}

/// Requests that read all of a key, by the family that its name tells.
pub fn audit_of(key: &[u8]) -> Vec<Operation> {
    let whole = key.to_vec();
    let prefix = key.split(|byte| *byte == b':').next().unwrap_or_default();
    match prefix {
        b"hash" => vec![hashes::all(whole)],
        b"list" | b"wait" => vec![lists::range(whole)],
        b"set" => vec![sets::members(whole)],
        b"sorted" => vec![sorted_sets::range(whole)],
        _ => expiry::audit(key),
    }
}
