//! Counters that INFO shows.

use std::collections::BTreeMap;

/// Codes of errors that are told apart; further ones are not counted each.
const ERROR_CODE_COUNT_MAX: usize = 128;

/// Since the start, or CONFIG RESETSTAT.
#[derive(Default, Debug)]
pub struct Statistics {
    pub connections_received: u64,
    pub commands_processed: u64,
    pub keyspace_hits: u64,
    pub keyspace_misses: u64,
    pub expired_keys: u64,
    pub evicted_keys: u64,
    pub error_replies: u64,
    /// The most that the keyspace was seen to hold; no reset forgets it.
    pub peak_memory_bytes: u64,
    /// By the number of the command's row.
    pub commands: Vec<CommandCounts>,
    /// Error replies by their code, e.g. `WRONGTYPE`.
    pub errors: BTreeMap<String, u64>,
}

/// How often one command ran.
#[derive(Clone, Copy, Default, Debug)]
pub struct CommandCounts {
    pub calls: u64,
    /// Refused before its handler ran.
    pub rejected: u64,
    /// Ran and answered an error.
    pub failed: u64,
}

impl Statistics {
    /// `row_count` numbered rows are counted.
    pub fn new(row_count: usize) -> Statistics {
        Statistics { commands: vec![CommandCounts::default(); row_count], ..Statistics::default() }
    }

    /// CONFIG RESETSTAT.
    pub fn reset(&mut self) {
        let peak_memory_bytes = self.peak_memory_bytes;
        *self = Statistics { peak_memory_bytes, ..Statistics::new(self.commands.len()) };
    }

    /// An error reply with this text.
    pub fn count_error(&mut self, text: &str) {
        self.error_replies += 1;
        let code = text.split(' ').next().unwrap_or(text);
        if let Some(count) = self.errors.get_mut(code) {
            *count += 1;
        } else if self.errors.len() < ERROR_CODE_COUNT_MAX {
            self.errors.insert(code.to_owned(), 1);
        }
    }
}
