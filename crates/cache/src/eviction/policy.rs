//! The eviction policies, one row each: which keys may go, and which of them goes first.

use super::search::{Search, Victim};
use crate::keyspace::KeyEntry;
use crate::keyspace::access::Access;

/// A value of `maxmemory-policy`.
#[derive(Debug)]
pub struct Policy {
    pub name: &'static str,
    /// Only keys with a deadline may go.
    pub is_volatile: bool,
    /// What it goes by, of how keys are used.
    pub uses: Uses,
    /// Finds the next key to go; `None`: none may.
    pub(super) pick: Option<Pick>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Uses {
    Ignored,
    Recency,
    Frequency,
}

pub(super) type Pick = fn(&mut Search<'_>) -> Option<Victim>;

const fn row(name: &'static str, uses: Uses, pick: Pick) -> Policy {
    Policy { name, is_volatile: false, uses, pick: Some(pick) }
}

const fn volatile(policy: Policy) -> Policy {
    Policy { is_volatile: true, ..policy }
}

pub static NO_EVICTION: Policy =
    Policy { name: "noeviction", is_volatile: false, uses: Uses::Ignored, pick: None };

/// In the order in which CONFIG SET names them.
pub static POLICIES: [&Policy; 8] = [
    &volatile(row("volatile-lru", Uses::Recency, |search| search.highest(idleness))),
    &volatile(row("volatile-lfu", Uses::Frequency, |search| search.highest(rareness))),
    &volatile(row("volatile-random", Uses::Ignored, |search| search.any())),
    &volatile(row("volatile-ttl", Uses::Ignored, |search| search.soonest())),
    &row("allkeys-lru", Uses::Recency, |search| search.highest(idleness)),
    &row("allkeys-lfu", Uses::Frequency, |search| search.highest(rareness)),
    &row("allkeys-random", Uses::Ignored, |search| search.any()),
    &NO_EVICTION,
];

/// The names, for CONFIG SET.
pub static POLICY_NAMES: [&str; POLICIES.len()] = {
    let mut names = [""; POLICIES.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = POLICIES[index].name;
        index += 1;
    }
    names
};

impl Policy {
    pub fn find(name: &str) -> Option<&'static Policy> {
        POLICIES.into_iter().find(|policy| policy.name == name)
    }

    /// Whether the policy lets this key go.
    pub fn allows(&self, entry: &KeyEntry) -> bool {
        self.pick.is_some() && (!self.is_volatile || entry.expire_at().is_some())
    }
}

fn idleness(access: &Access, entry: &KeyEntry) -> u32 {
    access.idle_units(entry)
}

/// Of keys used equally often, the one whose count is older.
fn rareness(access: &Access, entry: &KeyEntry) -> u32 {
    let frequency = access.frequency(entry).unwrap_or(0);
    (u32::from(u8::MAX - frequency) << u16::BITS) | access.minutes_since_count(entry).min(u32::from(u16::MAX))
}
