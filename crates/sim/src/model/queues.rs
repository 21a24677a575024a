//! The queues of the model: each message with the records that put it there and took it away.

use std::collections::BTreeMap;
use warren_units::Lsn;

#[derive(Clone, Debug)]
pub struct Message {
    /// The record that holds it; `Lsn::NONE` for a transient one.
    pub published: Lsn,
    /// Its place among all messages, in the order in which they were published.
    pub order: u64,
    pub removed: Option<Lsn>,
    /// It was given to somebody who does not acknowledge: whether it is still there, nobody can say.
    pub is_uncertain: bool,
    /// Its record holds effects of both protocols: it waits for the stricter of their settings.
    pub is_strict: bool,
    /// The client that holds it unsettled.
    pub holder: Option<usize>,
    pub was_seen: bool,
}

#[derive(Default)]
pub struct Queue {
    exists: Vec<(Lsn, bool)>,
    bound: Vec<(Lsn, bool)>,
    pub messages: BTreeMap<u64, Message>,
    /// Messages move between two real queues of this one: no order, and a move makes a message new.
    pub is_pair: bool,
    /// Its consumers do not acknowledge: a message is gone once it is on its way to one.
    pub is_unacknowledged: bool,
}

#[derive(Default)]
pub struct Queues {
    pub queues: BTreeMap<String, Queue>,
    newest_order: u64,
}

fn newest(versions: &[(Lsn, bool)]) -> bool {
    versions.last().is_some_and(|(_, value)| *value)
}

impl Queue {
    pub fn exists(&self) -> bool {
        newest(&self.exists)
    }

    pub fn is_bound(&self) -> bool {
        self.exists() && newest(&self.bound)
    }

    /// How many messages are surely there, and how many may be.
    pub fn counts(&self) -> (usize, usize) {
        let there = self.messages.values().filter(|message| message.removed.is_none());
        let (uncertain, certain): (Vec<_>, Vec<_>) = there.partition(|message| message.is_uncertain);
        (certain.len(), certain.len() + uncertain.len())
    }

    fn restart_at(&mut self, lsn: Lsn) {
        self.exists.retain(|(made, _)| *made <= lsn);
        self.bound.retain(|(made, _)| *made <= lsn);
        self.messages.retain(|_, message| message.published != Lsn::NONE && message.published <= lsn);
        for message in self.messages.values_mut() {
            message.holder = None;
            message.removed = message.removed.filter(|removed| *removed <= lsn);
        }
    }
}

impl Queues {
    pub fn restart_at(&mut self, lsn: Lsn) {
        self.queues.values_mut().for_each(|queue| queue.restart_at(lsn));
    }

    pub fn queue(&mut self, name: &str) -> &mut Queue {
        self.queues.entry(name.to_owned()).or_default()
    }

    pub fn exists(&self, name: &str) -> bool {
        self.queues.get(name).is_some_and(Queue::exists)
    }

    pub fn declare(&mut self, name: &str, lsn: Lsn) {
        self.queue(name).exists.push((lsn, true));
    }

    pub fn set_bound(&mut self, name: &str, lsn: Lsn, is_bound: bool) {
        self.queue(name).bound.push((lsn, is_bound));
    }

    pub fn delete(&mut self, name: &str, lsn: Lsn) {
        self.purge(name, lsn);
        let queue = self.queue(name);
        queue.exists.push((lsn, false));
        queue.bound.push((lsn, false));
    }

    /// Takes every message away; only for queues of which nobody holds one.
    pub fn purge(&mut self, name: &str, lsn: Lsn) {
        let there = self.queue(name).messages.values_mut().filter(|message| message.removed.is_none());
        there.for_each(|message| message.removed = Some(lsn));
    }

    /// A message enters; `lsn` is `Lsn::NONE` for a transient one.
    pub fn publish(&mut self, name: &str, id: u64, lsn: Lsn, is_strict: bool) {
        self.newest_order += 1;
        let order = self.newest_order;
        let queue = self.queue(name);
        let message = Message {
            published: lsn,
            order,
            removed: None,
            is_uncertain: queue.is_unacknowledged,
            is_strict,
            holder: None,
            was_seen: false,
        };
        queue.messages.insert(id, message);
    }

    pub fn message(&mut self, name: &str, id: u64) -> Option<&mut Message> {
        self.queues.get_mut(name)?.messages.get_mut(&id)
    }

    /// A message is settled for good.
    pub fn remove(&mut self, name: &str, id: u64, lsn: Lsn) {
        if let Some(message) = self.message(name, id) {
            message.holder = None;
            message.removed.get_or_insert(lsn);
        }
    }

    pub fn give_back(&mut self, name: &str, id: u64) {
        if let Some(message) = self.message(name, id) {
            message.holder = None;
        }
    }

    /// The client is gone: what it held is anybody's.
    pub fn release(&mut self, client: usize) {
        for queue in self.queues.values_mut() {
            let held = queue.messages.values_mut().filter(|message| message.holder == Some(client));
            held.for_each(|message| message.holder = None);
        }
    }
}
