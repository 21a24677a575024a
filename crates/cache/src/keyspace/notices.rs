//! What `apply` tells the live step: keys changed under WATCH, keys that may serve blocked clients.
//!
//! Replay has no watchers and no waiters, so nothing is noted there.

use hashbrown::{HashMap, HashSet};
use smallvec::SmallVec;
use std::collections::VecDeque;
use warren_units::PeerId;

/// A database and a key of it.
pub type Key = (u8, Vec<u8>);

/// Watchers and waiters by key.
#[derive(Default)]
pub struct Notices {
    watchers: HashMap<Key, SmallVec<[PeerId; 2]>>,
    watched_by: HashMap<PeerId, Vec<Key>>,
    /// Clients one of whose watched keys has changed.
    outdated: HashSet<PeerId>,
    waiters: HashMap<Key, VecDeque<PeerId>>,
    /// Keys that have changed while clients wait for them, in the order of change.
    ready: VecDeque<Key>,
}

impl Notices {
    /// False in the usual case that nobody waits for any key.
    #[inline]
    pub fn is_watched(&self) -> bool {
        !self.watchers.is_empty() || !self.waiters.is_empty()
    }

    /// A key has changed.
    pub fn key_changed(&mut self, database: u8, key: &[u8]) {
        let key = (database, key.to_vec());
        if let Some(watchers) = self.watchers.get(&key) {
            self.outdated.extend(watchers.iter().copied());
        }
        if self.waiters.contains_key(&key) && !self.ready.contains(&key) {
            self.ready.push_back(key);
        }
    }

    /// The keys of a database for which `has_changed` may all have changed.
    pub fn database_changed(&mut self, database: u8, has_changed: impl Fn(&[u8]) -> bool) {
        for ((watched, key), watchers) in &self.watchers {
            if *watched == database && has_changed(key) {
                self.outdated.extend(watchers.iter().copied());
            }
        }
        let waited = self.waiters.keys().filter(|(waited, _)| *waited == database);
        self.ready.extend(waited.cloned().collect::<Vec<_>>());
    }

    /// WATCH.
    pub fn watch(&mut self, peer: PeerId, database: u8, key: &[u8]) {
        let key = (database, key.to_vec());
        let watchers = self.watchers.entry(key.clone()).or_default();
        if !watchers.contains(&peer) {
            watchers.push(peer);
            self.watched_by.entry(peer).or_default().push(key);
        }
    }

    /// UNWATCH, EXEC, DISCARD, or the client has gone.
    pub fn unwatch(&mut self, peer: PeerId) {
        self.outdated.remove(&peer);
        for key in self.watched_by.remove(&peer).unwrap_or_default() {
            if let Some(watchers) = self.watchers.get_mut(&key) {
                watchers.retain(|watcher| *watcher != peer);
                if watchers.is_empty() {
                    self.watchers.remove(&key);
                }
            }
        }
    }

    /// Keys the client watches.
    pub fn watched_keys(&self, peer: PeerId) -> &[(u8, Vec<u8>)] {
        self.watched_by.get(&peer).map_or(&[], Vec::as_slice)
    }

    /// Whether a watched key of the client has changed since WATCH.
    pub fn is_outdated(&self, peer: PeerId) -> bool {
        self.outdated.contains(&peer)
    }

    /// Queues the client behind those that already wait for the key.
    pub fn wait(&mut self, peer: PeerId, database: u8, key: &[u8]) {
        let waiters = self.waiters.entry((database, key.to_vec())).or_default();
        if !waiters.contains(&peer) {
            waiters.push_back(peer);
        }
    }

    /// The client waits for none of these keys any more.
    pub fn stop_waiting(&mut self, peer: PeerId, database: u8, keys: &[Vec<u8>]) {
        for key in keys {
            let key = (database, key.clone());
            if let Some(waiters) = self.waiters.get_mut(&key) {
                waiters.retain(|waiter| *waiter != peer);
                if waiters.is_empty() {
                    self.waiters.remove(&key);
                }
            }
        }
    }

    /// The next key that changed while clients wait for it, with those clients, first come first.
    pub fn next_ready(&mut self) -> Option<(Key, Vec<PeerId>)> {
        let key = self.ready.pop_front()?;
        let waiters = self.waiters.get(&key).map(|waiters| waiters.iter().copied().collect());
        Some((key, waiters.unwrap_or_default()))
    }

    #[inline]
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }
}
