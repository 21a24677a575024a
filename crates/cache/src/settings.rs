//! The cache's settings. CONFIG GET and SET reach them by name; the server sets them at the start.

use crate::eviction::EvictionSettings;
use std::collections::BTreeMap;

/// When a reply may leave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AppendFsync {
    /// Once everything it could have seen is synced.
    Always,
    /// Once it is written; the log is synced once a second.
    EverySecond,
    /// Once it is written; syncing is left to the kernel.
    No,
}

impl AppendFsync {
    pub fn parse(text: &str) -> Option<AppendFsync> {
        match text {
            "always" => Some(AppendFsync::Always),
            "everysec" => Some(AppendFsync::EverySecond),
            "no" => Some(AppendFsync::No),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            AppendFsync::Always => "always",
            AppendFsync::EverySecond => "everysec",
            AppendFsync::No => "no",
        }
    }
}

/// What the operator decided.
#[derive(Clone, Debug)]
pub struct Settings {
    pub append_fsync: AppendFsync,
    /// `requirepass`; empty: no password.
    pub password: Vec<u8>,
    /// The port clients see in INFO.
    pub port: u16,
    /// `maxmemory` and what belongs to it.
    pub eviction: EvictionSettings,
    /// `client-output-buffer-limit pubsub`: a subscriber that leaves more than this unread is disconnected.
    pub subscriber_pending_bytes_max: u64,
    /// Parameters of Redis without a counterpart here, as CONFIG SET left them.
    pub kept: BTreeMap<&'static str, String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            append_fsync: AppendFsync::EverySecond,
            password: Vec::new(),
            port: 6379,
            eviction: EvictionSettings::default(),
            subscriber_pending_bytes_max: 32 * 1024 * 1024,
            kept: BTreeMap::new(),
        }
    }
}
