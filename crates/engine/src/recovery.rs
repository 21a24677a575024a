//! Records read back: the same `apply` as live, without outputs.

use crate::engine::Engine;
use std::fmt;
use warren_units::varint::Cursor;
use warren_units::{Batch, Lsn, Progress, Record, UnixMillis};

/// First tag of the broker's effects; those below are the keyspace's.
pub(crate) const BROKER_TAG_MIN: u8 = 0x80;

/// A record that cannot be applied: the log is damaged, or from a newer version.
#[derive(Debug)]
pub struct ReplayError {
    pub lsn: Lsn,
    pub reason: String,
}

impl fmt::Display for ReplayError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "record {}: {}", self.lsn, self.reason)
    }
}

impl std::error::Error for ReplayError {}

/// So many effects ahead, the CPU is asked for what they touch.
const ANNOUNCED_COUNT: usize = 64;

impl Engine {
    /// Applies the records, one behind the other. They find the entries of their keys in the CPU's cache: each
    /// look-up alone waits for memory two or three times.
    ///
    /// # Errors
    /// As of [`Engine::replay`], for the first record that has one.
    pub fn replay_all<'r>(&mut self, records: impl Iterator<Item = Record<'r>>) -> Result<(), ReplayError> {
        let mut records = records.peekable();
        let mut ahead = Vec::with_capacity(ANNOUNCED_COUNT);
        while records.peek().is_some() {
            let keyspace = &mut self.cache.shared.keyspace;
            ahead.extend(records.by_ref().take(ANNOUNCED_COUNT).map(|record| {
                let announced_count = keyspace.announce_effects(record.effects, 1);
                (record, announced_count)
            }));
            keyspace.fetch_announced();
            ahead.drain(..).try_for_each(|(record, announced_count)| self.apply(&record, announced_count))?;
        }
        Ok(())
    }

    /// Applies the effects of one record. Bodies of messages are not read.
    ///
    /// # Errors
    /// Where an effect cannot be decoded or does not fit the state.
    pub fn replay(&mut self, record: &Record<'_>) -> Result<(), ReplayError> {
        self.apply(record, 0)
    }

    /// `announced_count` of its effects are announced already.
    fn apply(&mut self, record: &Record<'_>, mut announced_count: usize) -> Result<(), ReplayError> {
        let lsn = record.lsn;
        let mut cursor = Cursor::new(record.effects);
        while let Some(tag) = cursor.rest().first().copied() {
            if tag >= BROKER_TAG_MIN {
                let result = self.broker.replay(record, &mut cursor);
                result.map_err(|error| ReplayError { lsn, reason: error.0 })?;
                continue;
            }
            let keyspace = &mut self.cache.shared.keyspace;
            if announced_count == 0 {
                announced_count = keyspace.announce_effects(cursor.rest(), ANNOUNCED_COUNT);
                keyspace.fetch_announced();
            }
            announced_count = announced_count.saturating_sub(1);
            cursor.byte();
            let malformed = || ReplayError { lsn, reason: format!("malformed effect with tag {tag:#04x}") };
            keyspace.replay(tag, &mut cursor).ok_or_else(malformed)?;
        }
        drop(self.take_garbage());
        Ok(())
    }

    /// All records up to `last` are replayed and synced; the next one follows it. `clean`: the log was
    /// closed in order; where not, the batch may hold a record of that, to be written before the first turn.
    pub fn recovered(&mut self, last: Lsn, now: UnixMillis, clean: bool) {
        self.now = self.now.max(now);
        self.batch = Batch::new(last.next());
        self.progress = Progress { written: last, synced: last };
        self.cache.set_last_change(last);
        let (_, broker, mut step) = self.parts();
        broker.recovered(&mut step, clean);
        self.end_step();
    }
}
