//! The keyspace of the model: each key with all the values it ever had.

use super::Moment;
use crate::reply::Reply;
use crate::trace::shown;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use warren_units::Lsn;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    Text(Vec<u8>),
    List(VecDeque<Vec<u8>>),
    Hash(BTreeMap<Vec<u8>, Vec<u8>>),
    Set(BTreeSet<Vec<u8>>),
    Sorted(BTreeMap<Vec<u8>, i64>),
}

#[derive(Clone, Debug)]
pub struct Item {
    pub value: Value,
    /// Milliseconds of engine time.
    pub deadline: Option<u64>,
}

/// (LSN of the record that made it, what the key then was), ascending.
type Versions = Vec<(Lsn, Option<Item>)>;

/// A client that waits for a list.
#[derive(Clone, Copy, Debug)]
pub struct Waiter {
    pub client: usize,
    pub deadline: Option<u64>,
}

#[derive(Default)]
pub struct Keys {
    versions: BTreeMap<Vec<u8>, Versions>,
    waiters: BTreeMap<Vec<u8>, VecDeque<Waiter>>,
}

impl Keys {
    pub fn restart_at(&mut self, lsn: Lsn) {
        self.waiters.clear();
        for versions in self.versions.values_mut() {
            versions.retain(|(made, _)| *made <= lsn);
        }
        self.versions.retain(|_, versions| !versions.is_empty());
    }

    /// All keys that ever were, deleted ones included.
    pub fn names(&self) -> Vec<Vec<u8>> {
        self.versions.keys().cloned().collect()
    }

    /// Counts the changes of a key, for WATCH.
    pub fn change_count(&self, key: &[u8]) -> usize {
        self.versions.get(key).map_or(0, Vec::len)
    }

    pub fn is_expired(&self, key: &[u8], now: u64) -> bool {
        let item = self.newest(key).and_then(|(_, item)| item.as_ref());
        item.and_then(|item| item.deadline).is_some_and(|deadline| deadline <= now)
    }

    /// What the key is now, expired or not.
    pub fn item(&self, key: &[u8]) -> Option<&Item> {
        self.newest(key)?.1.as_ref()
    }

    /// The key has gone for want of memory, in the record `lsn`.
    pub fn evicted(&mut self, key: &[u8], lsn: Lsn) {
        self.put(key, lsn, None);
    }

    fn newest(&self, key: &[u8]) -> Option<&(Lsn, Option<Item>)> {
        self.versions.get(key)?.last()
    }

    fn put(&mut self, key: &[u8], lsn: Lsn, item: Option<Item>) {
        self.versions.entry(key.to_vec()).or_default().push((lsn, item));
    }

    /// The tick has removed what is due, in the record `lsn`; answers how many keys that were.
    pub fn expire(&mut self, now: u64, lsn: Lsn) -> usize {
        let due: Vec<_> = self.versions.keys().filter(|key| self.is_expired(key, now)).cloned().collect();
        due.iter().for_each(|key| self.put(key, lsn, None));
        due.len()
    }

    pub fn wait(&mut self, key: &[u8], waiter: Waiter) {
        self.waiters.entry(key.to_vec()).or_default().push_back(waiter);
    }

    pub fn stop_waiting(&mut self, client: usize) {
        self.waiters.values_mut().for_each(|line| line.retain(|waiter| waiter.client != client));
    }

    /// Clients whose time is up; they wait no longer.
    pub fn timed_out(&mut self, now: u64) -> Vec<usize> {
        let is_due = |waiter: &Waiter| waiter.deadline.is_some_and(|deadline| deadline <= now);
        let mut due = Vec::new();
        for line in self.waiters.values_mut() {
            due.extend(line.iter().filter(|waiter| is_due(waiter)).map(|waiter| waiter.client));
            line.retain(|waiter| !is_due(waiter));
        }
        due
    }
}

impl Moment<'_> {
    /// The value of a key as a read sees it.
    pub fn read(&mut self, key: &[u8]) -> Option<Value> {
        Some(self.read_item(key)?.value)
    }

    pub fn read_item(&mut self, key: &[u8]) -> Option<Item> {
        let (lsn, item) = self.model.keys.newest(key)?;
        self.depends_on = self.depends_on.max(*lsn);
        let is_over = self.model.keys.is_expired(key, self.now);
        item.clone().filter(|_| !is_over)
    }

    /// As [`Moment::read`], by a command that may change the key: an expired one is removed first.
    pub fn open(&mut self, key: &[u8]) -> Option<Value> {
        if self.model.keys.is_expired(key, self.now) {
            let lsn = self.record_of(&shown(key));
            self.model.keys.put(key, lsn, None);
        }
        self.read(key)
    }

    /// Sets the value and takes the deadline away.
    pub fn set(&mut self, key: &[u8], value: Value) {
        self.set_item(key, Some(Item { value, deadline: None }));
    }

    /// Changes the value and leaves the deadline; an empty container goes.
    pub fn change(&mut self, key: &[u8], value: Value) {
        let deadline = self.read_item(key).and_then(|item| item.deadline);
        let item = (!value.is_empty()).then_some(Item { value, deadline });
        self.set_item(key, item);
    }

    pub fn set_item(&mut self, key: &[u8], item: Option<Item>) {
        let lsn = self.record_of(&shown(key));
        self.model.keys.put(key, lsn, item);
    }

    /// Gives what lists hold to those who wait, in the record of this request: (client, its reply).
    pub fn serve_waiters(&mut self) -> Vec<(usize, Reply)> {
        let waited: Vec<_> = self.model.keys.waiters.keys().cloned().collect();
        let mut served = Vec::new();
        for key in waited {
            while !self.model.keys.waiters[&key].is_empty() {
                let Some(Value::List(mut list)) = self.read(&key) else { break };
                let element = list.pop_front().unwrap_or_default();
                self.change(&key, Value::List(list));
                let line = self.model.keys.waiters.get_mut(&key);
                let waiter = line.and_then(VecDeque::pop_front).expect("the line is not empty");
                served.push((waiter.client, Reply::bulks([&key, &element])));
            }
        }
        served
    }
}

impl Value {
    fn is_empty(&self) -> bool {
        match self {
            Value::Text(_) => false,
            Value::List(list) => list.is_empty(),
            Value::Hash(hash) => hash.is_empty(),
            Value::Set(set) => set.is_empty(),
            Value::Sorted(sorted) => sorted.is_empty(),
        }
    }
}
