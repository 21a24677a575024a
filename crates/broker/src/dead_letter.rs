//! Messages that a queue gives up: rejected, expired, too many. With `x-dead-letter-exchange` they are
//! published anew, with the story of their deaths in the header `x-death`.

use crate::broker::Broker;
use crate::effects::Effect;
use crate::message::Message;
use crate::publish::{Publication, StoredBody};
use crate::queue::{QueueId, QueueRef};
use crate::ready::Entry;
use crate::runs::Runs;
use crate::sender_selected;
use warren_amqp::{FieldTable, FieldValue, Payload, Properties, RawProperties, ShortStr};
use warren_units::{Step, UnixMillis};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    Rejected,
    Expired,
    MaxLength,
    DeliveryLimit,
}

impl Reason {
    fn name(self) -> &'static str {
        match self {
            Reason::Rejected => "rejected",
            Reason::Expired => "expired",
            Reason::MaxLength => "maxlen",
            Reason::DeliveryLimit => "delivery_limit",
        }
    }
}

/// A message that left `queue` in this step and is still to be published elsewhere.
pub struct DeadLetter {
    pub queue: QueueRef,
    pub message: Message,
    /// Its name in the log, if it is there: it leaves the queue once it is in the next one.
    pub durable: Option<(QueueId, u64)>,
    pub reason: Reason,
}

impl Broker {
    /// A message leaves the queue for good. It must not be in the queue's list any more.
    pub(crate) fn give_up(&mut self, step: &mut Step<'_>, slot: u32, entry: Entry, reason: Reason) {
        let queue = self.state.queue(slot);
        let durable = entry.durable.then_some((queue.id, entry.sequence));
        if queue.features.dead_letter_exchange.is_some() {
            let queue = QueueRef { slot, id: queue.id };
            self.dead_letters.push_back(DeadLetter { queue, message: entry.message, durable, reason });
        } else {
            record_removed(step, durable);
        }
    }

    /// Publishes what queues gave up in this step. Full queues on the way may give up more; a message that
    /// would come back to a queue it expired from or was dropped from is dropped, so this ends.
    pub(crate) fn publish_dead_letters(&mut self, step: &mut Step<'_>) {
        while let Some(letter) = self.dead_letters.pop_front() {
            self.publish_dead_letter(step, &letter);
            record_removed(step, letter.durable);
        }
    }

    fn publish_dead_letter(&mut self, step: &mut Step<'_>, letter: &DeadLetter) {
        let Some(queue) = self.state.live_queue(letter.queue) else { return };
        let Some(exchange) = queue.features.dead_letter_exchange.clone() else { return };
        let (vhost, name, key) =
            (queue.vhost, queue.name.clone(), queue.features.dead_letter_routing_key.clone());
        let Some(slot) = self.state.exchange_named(vhost, &exchange) else { return };
        let message = &letter.message;
        let mut headers = headers_with_death(message, &name, letter.reason, step.now);
        if key.is_some() {
            // The copies' keys belong to the key that is replaced.
            headers.remove(b"CC");
        }
        let (mut buffer, mut properties) = (Vec::new(), Vec::new());
        let headers = Some(headers.as_table(&mut buffer));
        Properties { headers, expiration: None, ..message.properties().decode() }.encode(&mut properties);
        let routing_key = match &key {
            Some(key) => ShortStr::new(key).unwrap_or_default(),
            None => message.routing_key(),
        };
        let publication = Publication {
            exchange: ShortStr::new(&exchange).unwrap_or_default(),
            routing_key,
            properties: RawProperties::trusted(&properties),
            body: if message.is_absent() { Payload::Plain(&[]) } else { message.body() },
            strict: false,
            stored: message.name().map(|name| StoredBody {
                name,
                size_bytes: message.body_size() as u32,
                is_absent: message.is_absent(),
            }),
        };
        let mut targets = self.route(slot, &publication);
        if key.is_none() {
            for key in sender_selected::open_keys(message.properties()) {
                let routing_key = ShortStr::new(&key).unwrap_or_default();
                targets.extend(self.route(slot, &Publication { routing_key, ..publication }));
            }
            targets.sort_unstable();
            targets.dedup();
        }
        let headers = message.properties().headers().map(FieldTable::from).unwrap_or_default();
        targets.retain(|target| !is_cycle(&headers, &name, &self.state.queue(*target).name, letter.reason));
        self.enqueue(step, &publication, &targets);
    }
}

fn record_removed(step: &mut Step<'_>, durable: Option<(QueueId, u64)>) {
    if let Some((queue, sequence)) = durable {
        Effect::Removed { queue, sequences: Runs::one(sequence) }.record(step.batch);
    }
}

fn text(value: Option<&FieldValue>) -> &[u8] {
    match value {
        Some(FieldValue::LongStr(bytes)) => bytes,
        _ => b"",
    }
}

/// The entries of `x-death`, newest first.
fn deaths(headers: &FieldTable) -> Vec<FieldTable> {
    let Some(FieldValue::Array(values)) = headers.get(b"x-death") else { return Vec::new() };
    let tables = values.iter().filter_map(|value| match value {
        FieldValue::Table(table) => Some(table.clone()),
        _ => None,
    });
    tables.collect()
}

/// True if the message died in `target` before and was never rejected since: nobody but the broker moves it
/// in a circle.
fn is_cycle(headers: &FieldTable, from: &[u8], target: &[u8], reason: Reason) -> bool {
    if reason == Reason::Rejected {
        return false;
    }
    if from == target {
        return true;
    }
    let deaths = deaths(headers);
    let place = deaths.iter().position(|death| text(death.get(b"queue")) == target);
    place.is_some_and(|place| deaths[..=place].iter().all(|death| text(death.get(b"reason")) != b"rejected"))
}

/// The message's headers with this death among them.
fn headers_with_death(message: &Message, queue: &[u8], reason: Reason, now: UnixMillis) -> FieldTable {
    let mut headers = message.properties().headers().map(FieldTable::from).unwrap_or_default();
    let mut deaths = deaths(&headers);
    let is_same = |death: &FieldTable| {
        text(death.get(b"queue")) == queue && text(death.get(b"reason")) == reason.name().as_bytes()
    };
    let death = match deaths.iter().position(is_same) {
        Some(place) => {
            let mut death = deaths.remove(place);
            let count = death.get(b"count").and_then(FieldValue::as_integer).unwrap_or(0).saturating_add(1);
            death.insert(ShortStr::literal("count"), count);
            death
        }
        None => first_death(message, queue, reason, now),
    };
    deaths.insert(0, death);
    let is_first = headers.get(b"x-first-death-reason").is_none() && headers.get(b"x-death").is_none();
    let rows = [
        ("x-last-death-exchange", message.exchange().to_vec()),
        ("x-last-death-queue", queue.to_vec()),
        ("x-last-death-reason", reason.name().as_bytes().to_vec()),
    ];
    for (name, value) in rows {
        headers.insert(ShortStr::literal(name), FieldValue::LongStr(value.clone()));
        if is_first {
            let first = name.replacen("last", "first", 1);
            headers.insert(ShortStr::truncated(&first), FieldValue::LongStr(value));
        }
    }
    let deaths = deaths.into_iter().map(FieldValue::Table).collect();
    headers.insert(ShortStr::literal("x-death"), FieldValue::Array(deaths));
    headers
}

fn first_death(message: &Message, queue: &[u8], reason: Reason, now: UnixMillis) -> FieldTable {
    let string = |bytes: &[u8]| FieldValue::LongStr(bytes.to_vec());
    let mut death = FieldTable::new();
    death.insert(ShortStr::literal("count"), 1);
    death.insert(ShortStr::literal("reason"), reason.name());
    death.insert(ShortStr::literal("queue"), string(queue));
    death.insert(ShortStr::literal("time"), FieldValue::Timestamp(now.0 / 1000));
    death.insert(ShortStr::literal("exchange"), string(&message.exchange()));
    let mut keys = vec![string(&message.routing_key())];
    keys.extend(sender_selected::open_keys(message.properties()).into_iter().map(FieldValue::LongStr));
    death.insert(ShortStr::literal("routing-keys"), FieldValue::Array(keys));
    if let Some(expiration) = message.properties().expiration() {
        death.insert(ShortStr::literal("original-expiration"), string(&expiration));
    }
    death
}
