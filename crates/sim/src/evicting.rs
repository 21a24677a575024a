//! The engine chooses by itself which keys go where memory is short. The model learns it from the record, and checks
//! that the policy allows each of them, and that they went only while too much was held.

use crate::checker::failure::{Checked, Failure};
use crate::model::Model;
use crate::trace::shown;
use warren_engine::Engine;
use warren_engine::cache::eviction::EvictionSettings;
use warren_engine::cache::keyspace::effects::Effect;
use warren_engine::cache::keyspace::effects::key::Delete;
use warren_units::varint::Cursor;
use warren_units::{Lsn, Record};

/// How the engine stood before a step that may evict.
pub struct Before {
    newest: Lsn,
    evicted_count: u64,
    expired_count: u64,
    exceeds_memory: bool,
}

impl Before {
    pub fn of(engine: &Engine) -> Before {
        let shared = &engine.cache().shared;
        Before {
            newest: engine.newest_lsn(),
            evicted_count: shared.statistics.evicted_keys,
            expired_count: shared.statistics.expired_keys,
            exceeds_memory: shared.exceeds_memory(),
        }
    }

    /// Tells the model what a request, or a tick, has evicted, in its first record: a tick may have expired keys in one
    /// before it. Answers how many keys that were.
    pub fn learn(
        &self,
        engine: &Engine,
        settings: &EvictionSettings,
        model: &mut Model,
        is_tick: bool,
    ) -> Checked<u64> {
        let statistics = &engine.cache().shared.statistics;
        let count = statistics.evicted_keys - self.evicted_count;
        let has_expired = is_tick && statistics.expired_keys > self.expired_count;
        if count == 0 {
            return Ok(0);
        }
        let failed = |text: String| Failure::new("eviction", text);
        // A key that goes may make a table smaller, and for that a second one is there for a while.
        if !self.exceeds_memory && !has_expired {
            return Err(failed(format!("{count} keys were evicted though there was room")));
        }
        let lsn = Lsn(self.newest.0 + 1 + u64::from(has_expired));
        let keys = deleted(engine, lsn).ok_or_else(|| failed(format!("record {lsn} evicts nothing")))?;
        if keys.len() as u64 != count {
            return Err(failed(format!("record {lsn} evicts {} keys instead of {count}", keys.len())));
        }
        // What is in other databases the model does not follow.
        for (_, key) in keys.into_iter().filter(|(database, _)| *database == 0) {
            let Some(item) = model.keys.item(&key) else {
                return Err(failed(format!("{} was evicted, but was not there", shown(&key))));
            };
            if settings.policy.name == "noeviction"
                || (settings.policy.is_volatile && item.deadline.is_none())
            {
                return Err(failed(format!("{} was evicted under {}", shown(&key), settings.policy.name)));
            }
            model.keys.evicted(&key, lsn);
        }
        Ok(count)
    }
}

/// Databases and keys that a record of the present batch deletes; `None` where it does anything else.
fn deleted(engine: &Engine, lsn: Lsn) -> Option<Vec<(u8, Vec<u8>)>> {
    let effects = engine.batch().effects().to_vec();
    let (mut rest, mut at) = (&effects[..], engine.batch().first());
    loop {
        let (record, behind) = Record::parse(at, rest)?;
        if at == lsn {
            let mut cursor = Cursor::new(record.effects);
            let mut keys = Vec::new();
            while let Some(tag) = cursor.byte() {
                if tag != Delete::TAG {
                    return None;
                }
                keys.push((cursor.byte()?, cursor.bytes()?.to_vec()));
            }
            return Some(keys);
        }
        (rest, at) = (behind, at.next());
    }
}
