//! Expiry as effects: only the serving engine does it, in bounded steps.

use super::Keyspace;
use super::effects::Effect;
use super::effects::key::Delete;
use crate::context::Shared;
use warren_units::bounds::DATABASE_COUNT;
use warren_units::room;
use warren_units::{Step, UnixMillis};

impl Keyspace {
    /// The earliest deadline of any key.
    pub fn next_due(&self) -> Option<UnixMillis> {
        (0..DATABASE_COUNT as u8).filter_map(|database| self.database(database).expires.next_due()).min()
    }
}

/// Removes up to `limit` keys whose deadline has passed, by effects of the record in the making, as long as the
/// log has room. Answers whether more are due now.
pub fn expire_due(shared: &mut Shared, step: &mut Step<'_>, limit: usize) -> bool {
    let mut left = limit;
    for database in 0..DATABASE_COUNT as u8 {
        let keyspace = &mut shared.keyspace;
        let due: Vec<_> = keyspace.database(database).expires.due(step.now, left).collect();
        for (deadline, hash) in due {
            left -= 1;
            let table = &keyspace.database(database).table;
            let slot = table.find_by(hash, |entry| entry.expire_at() == Some(deadline));
            let Some(slot) = slot else {
                keyspace.forget_deadline(database, hash, deadline);
                continue;
            };
            let key = table.get(slot).key().to_vec();
            if !step.batch.has_upkeep_room(room::STEP_SIZE_BYTES + key.len()) {
                shared.expiry_held_until = step.now.saturating_add(room::RETRY_MILLISECONDS);
                return false;
            }
            let delete = Delete { place: keyspace.find(database, &key) };
            let out = step.batch.effect();
            out.push(Delete::TAG);
            delete.encode(out);
            delete.apply(keyspace);
            shared.statistics.expired_keys += 1;
        }
        if left == 0 {
            return true;
        }
    }
    false
}
