//! `maxmemory`: keys go, by effects, while the keyspace holds more than it may.
//!
//! Before each request, and at each tick, [`make_room`] removes keys that the policy lets go, a bounded number of
//! them: what is left to do then is done before the next request, or by the next tick. They are a record of their
//! own, in front of the request's: the request may be refused, may change nothing, or may fail, and they have gone
//! all the same; and a transaction stays what its client wrote.
//!
//! What counts as held is [`crate::keyspace::usage`]. All chance comes from the engine's seed. This module never
//! sees a client, a clock or the broker.

pub mod policy;
pub mod search;

use crate::context::Shared;
use crate::keyspace::Place;
use crate::keyspace::access::Counting;
use crate::keyspace::effects::Effect;
use crate::keyspace::effects::key::Delete;
use crate::random::Random;
use policy::{NO_EVICTION, Policy, Uses};
use search::{Pool, Search};
use warren_units::{Step, UnixMillis, room};

/// A request that makes nothing larger evicts one key where others evict so many.
const WITHOUT_GROWTH_SHARE: usize = 10;

/// What the operator decided.
#[derive(Clone, Copy, Debug)]
pub struct EvictionSettings {
    /// `maxmemory` in bytes, 0: no limit.
    pub memory_bytes_max: u64,
    pub policy: &'static Policy,
    /// `maxmemory-samples`.
    pub sample_count: usize,
    /// `maxmemory-eviction-tenacity`: from 0 to 100, how much of its time the server gives to eviction.
    pub tenacity: u32,
    /// `lfu-log-factor` and `lfu-decay-time`.
    pub counting: Counting,
}

impl Default for EvictionSettings {
    fn default() -> EvictionSettings {
        EvictionSettings {
            memory_bytes_max: 0,
            policy: &NO_EVICTION,
            sample_count: 5,
            tenacity: 10,
            counting: Counting { log_factor: 10, decay_minutes: 1 },
        }
    }
}

impl EvictionSettings {
    /// Keys that one step may evict. Each costs one to three microseconds; at the usual tenacity of 10 a step takes
    /// about as long as Redis allows itself, half a millisecond at most.
    fn key_count_max(&self) -> usize {
        match self.tenacity {
            tenacity @ 0..=10 => (20 * tenacity as usize).max(1),
            // A sixth more each.
            tenacity @ 11..=99 => (10..tenacity).fold(200, |count, _| count * 7 / 6),
            _ => usize::MAX,
        }
    }
}

/// Whose turn it is, and how it stands.
pub struct Eviction {
    pool: Pool,
    random: Random,
    /// More is held than may be, and the policy lets nothing go: what would make it more is refused.
    is_out_of_memory: bool,
    /// The log has no room for records of evictions; what would make the keyspace larger is refused anyway.
    is_held_back: bool,
    /// Since when more is held than may be, and for how long it was before.
    exceeded_since: Option<UnixMillis>,
    exceeded_milliseconds: u64,
}

impl Eviction {
    pub fn new(seed: u64) -> Eviction {
        Eviction {
            pool: Pool::default(),
            random: Random::new(seed.rotate_left(32)),
            is_out_of_memory: false,
            is_held_back: false,
            exceeded_since: None,
            exceeded_milliseconds: 0,
        }
    }

    #[inline]
    pub fn is_out_of_memory(&self) -> bool {
        self.is_out_of_memory
    }

    /// For how many milliseconds more was held than may be: at present, and in all.
    pub fn exceeded_milliseconds(&self, now: UnixMillis) -> (u64, u64) {
        let current = self.exceeded_since.map_or(0, |since| now.0.saturating_sub(since.0));
        (current, self.exceeded_milliseconds + current)
    }

    /// CONFIG RESETSTAT.
    pub fn reset_statistics(&mut self, now: UnixMillis) {
        self.exceeded_milliseconds = 0;
        self.exceeded_since = self.exceeded_since.map(|_| now);
    }

    fn is_exceeded(&mut self, is_exceeded: bool, now: UnixMillis) {
        if is_exceeded != self.exceeded_since.is_some() {
            self.exceeded_milliseconds = self.exceeded_milliseconds(now).1;
            self.exceeded_since = is_exceeded.then_some(now);
        }
    }
}

impl Shared {
    /// Whether the keyspace holds more than it may.
    #[inline]
    pub fn exceeds_memory(&self) -> bool {
        let bytes_max = self.settings.eviction.memory_bytes_max;
        bytes_max > 0 && self.keyspace.used_bytes() as u64 > bytes_max
    }

    /// Whether there are keys that a tick can evict.
    pub(crate) fn can_evict(&self) -> bool {
        self.settings.eviction.policy.pick.is_some()
            && !self.eviction.is_out_of_memory
            && !self.eviction.is_held_back
            && self.exceeds_memory()
    }

    /// The settings of eviction have changed.
    pub fn eviction_settings_changed(&mut self) {
        let settings = self.settings.eviction;
        self.keyspace
            .access
            .count_uses((settings.policy.uses == Uses::Frequency).then_some(settings.counting));
        self.eviction.pool.clear();
        self.eviction.is_out_of_memory = false;
    }
}

/// Evicts keys, as many as one step may, by effects of the record in the making. In front of a request that does not
/// make the keyspace larger fewer may: many such come at once.
pub fn make_room(shared: &mut Shared, step: &mut Step<'_>, may_grow: impl FnOnce(&Shared) -> bool) {
    (shared.eviction.is_out_of_memory, shared.eviction.is_held_back) = (false, false);
    if !shared.exceeds_memory() {
        return shared.eviction.is_exceeded(false, step.now);
    }
    let settings = shared.settings.eviction;
    let mut left = settings.key_count_max();
    if !may_grow(shared) {
        left = left.div_ceil(WITHOUT_GROWTH_SHARE);
    }
    while shared.exceeds_memory() && left > 0 {
        left -= 1;
        match evict_one(shared, step, &settings) {
            Attempt::Evicted => continue,
            Attempt::NothingMayGo => shared.eviction.is_out_of_memory = true,
            Attempt::LogIsFull => shared.eviction.is_held_back = true,
        }
        break;
    }
    let is_exceeded = shared.exceeds_memory();
    shared.eviction.is_exceeded(is_exceeded, step.now);
}

enum Attempt {
    Evicted,
    /// There is no key that the policy lets go.
    NothingMayGo,
    LogIsFull,
}

fn evict_one(shared: &mut Shared, step: &mut Step<'_>, settings: &EvictionSettings) -> Attempt {
    let Eviction { pool, random, .. } = &mut shared.eviction;
    let mut search = Search {
        keyspace: &shared.keyspace,
        pool,
        random,
        sample_count: settings.sample_count,
        is_volatile: settings.policy.is_volatile,
    };
    let Some(victim) = settings.policy.pick.and_then(|pick| pick(&mut search)) else {
        return Attempt::NothingMayGo;
    };
    let key = shared.keyspace.database(victim.database).table.get(victim.slot).key().to_vec();
    if !step.batch.has_upkeep_room(room::STEP_SIZE_BYTES + key.len()) {
        return Attempt::LogIsFull;
    }
    let place = Place { database: victim.database, key: &key, hash: victim.hash, slot: Some(victim.slot) };
    let delete = Delete { place };
    let out = step.batch.effect();
    out.push(Delete::TAG);
    delete.encode(out);
    delete.apply(&mut shared.keyspace);
    shared.statistics.evicted_keys += 1;
    Attempt::Evicted
}

#[cfg(test)]
mod tests;
