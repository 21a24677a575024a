//! Messages that a queue gives up: rejected, expired, too many. With `x-dead-letter-exchange` they are
//! published anew, with the story of their deaths in the header `x-death`.

use crate::broker::Broker;
use crate::consumer::ConsumerRef;
use crate::effects::Effect;
use crate::held_back::NAMED_MESSAGE_SIZE_BYTES;
use crate::message::Message;
use crate::names::Name;
use crate::publish::{Publication, StoredBody};
use crate::queue::QueueRef;
use crate::ready::Entry;
use crate::runs::Runs;
use crate::sender_selected;
use crate::settle::{Gathered, Settlement};
use crate::state::Targets;
use crate::unacked::{Delivery, FrozenUnacked, Unacked};
use std::collections::VecDeque;
use warren_amqp::{FieldTable, FieldValue, Payload, Properties, RawProperties, ShortStr};
use warren_units::room::STEP_SIZE_BYTES;
use warren_units::{Step, UnixMillis};

/// Dead letters that one step publishes: each costs some microseconds, for its headers are made anew.
const PUBLISHED_PER_STEP_MAX: usize = 100;

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

/// Messages that queues have given up and that are still to be published elsewhere, in their order. Until then
/// they are messages of their queues that the broker holds, as a client would.
#[derive(Default)]
pub struct DeadLetters {
    waiting: Unacked,
    reasons: VecDeque<Reason>,
    newest: u64,
    /// The first one found no room in the log.
    is_held_back: bool,
    /// Which checkpoint has them, see [`crate::checkpoint`].
    pub generation: u64,
}

impl DeadLetters {
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.reasons.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Delivery> {
        self.waiting.iter()
    }

    pub fn freeze(&mut self) -> FrozenUnacked {
        self.waiting.freeze()
    }

    fn push(&mut self, queue: QueueRef, entry: Entry, reason: Reason) {
        self.newest += 1;
        self.waiting.push(self.newest, Delivery { consumer: ConsumerRef::NONE, queue, entry });
        self.reasons.push_back(reason);
    }

    fn first(&self) -> Option<(Reason, &Delivery)> {
        self.reasons.front().copied().zip(self.waiting.iter().next())
    }

    fn drop_first(&mut self) {
        self.reasons.pop_front();
        self.waiting.take_first(1);
    }
}

/// A dead letter as it is to be published.
struct Letter {
    exchange: Name,
    routing_key: Option<Name>,
    properties: Vec<u8>,
    targets: Targets,
}

impl Broker {
    /// A message leaves the queue for good. It must not be in the queue's list any more. What is not
    /// dead-lettered is added to `dropped`.
    pub(crate) fn give_up(
        &mut self,
        step: &mut Step<'_>,
        slot: u32,
        entry: Entry,
        reason: Reason,
        dropped: &mut Gathered,
    ) {
        let reference = self.state.queue_ref(slot);
        if self.state.queue(slot).features.dead_letter_exchange.is_some() {
            self.dead_letter(reference, entry, reason);
        } else if entry.durable {
            dropped.add(reference, entry.sequence, Settlement::Reject, step);
        }
    }

    /// Whether the log has room for one more message to be given up, beside those that are gathered: to be
    /// dead-lettered takes none before it is done.
    pub(crate) fn may_give_up(&self, step: &Step<'_>, slot: u32, dropped: &Gathered) -> bool {
        self.state.queue(slot).features.dead_letter_exchange.is_some()
            || step.batch.has_upkeep_room(STEP_SIZE_BYTES + NAMED_MESSAGE_SIZE_BYTES * dropped.len())
    }

    /// The message is to be published elsewhere. It is in no queue's list.
    pub(crate) fn dead_letter(&mut self, queue: QueueRef, entry: Entry, reason: Reason) {
        self.keep_dead_letters();
        self.state.queue_mut(queue.slot).note_delivered(&entry);
        self.dead_letters.push(queue, entry, reason);
    }

    /// Publishes what queues gave up in this step, a bounded part of it. Full queues on the way may give up
    /// more; a message that would come back to a queue it expired from or was dropped from is dropped, so this
    /// ends.
    pub(crate) fn publish_dead_letters(&mut self, step: &mut Step<'_>) {
        if !self.dead_letters.is_held_back {
            self.dead_letters_go_on(step);
        }
    }

    pub(crate) fn dead_letters_go_on(&mut self, step: &mut Step<'_>) {
        let had_room = self.publish_some_dead_letters(step, PUBLISHED_PER_STEP_MAX);
        self.dead_letters.is_held_back = !self.dead_letters.is_empty();
        if self.dead_letters.is_held_back {
            self.go_on_at(if had_room { step.now } else { Broker::retry_at(step) });
        }
    }

    /// Publishes all of them that the log has room for: a queue goes that some of them may be of.
    pub(crate) fn flush_dead_letters(&mut self, step: &mut Step<'_>) {
        let _ = self.publish_some_dead_letters(step, usize::MAX);
    }

    /// False if the log had no room for the next one.
    fn publish_some_dead_letters(&mut self, step: &mut Step<'_>, count_max: usize) -> bool {
        for _ in 0..count_max {
            let Some((reason, delivery)) = self.dead_letters.first() else { break };
            let (queue, entry) = (delivery.queue, delivery.entry.clone());
            let letter = self.letter(step, queue, &entry.message, reason);
            if !self.has_room_for_letter(step, &entry, letter.as_ref()) {
                return false;
            }
            self.keep_dead_letters();
            self.dead_letters.drop_first();
            match self.state.live_queue(queue) {
                Some(queue) => queue.note_settled(&entry),
                None => self.state.memory().subtract(entry.message.present_bytes()),
            }
            if let Some(letter) = letter {
                let targets = letter.targets.clone();
                let publication = letter.publication(&entry.message);
                self.enqueue(step, &publication, &targets);
            }
            // A queue that is gone took its messages with it.
            if entry.durable && self.state.live_queue(queue).is_some() {
                Effect::Removed { queue: queue.id, sequences: Runs::one(entry.sequence) }.record(step.batch);
            }
        }
        true
    }

    /// A persistent dead letter adds to the state like any other message.
    fn has_room_for_letter(&self, step: &Step<'_>, entry: &Entry, letter: Option<&Letter>) -> bool {
        let is_persistent = entry.message.properties().is_persistent();
        let Some(letter) = letter.filter(|letter| is_persistent && !letter.targets.is_empty()) else {
            return step.batch.has_upkeep_room(STEP_SIZE_BYTES);
        };
        let body_size = if entry.message.name().is_some() { 0 } else { entry.message.body_size() };
        let size = letter.properties.len() + body_size + letter.targets.len() * 2 * NAMED_MESSAGE_SIZE_BYTES;
        !step.batch.refuses_growth(STEP_SIZE_BYTES + size)
    }

    /// What becomes of a message that died; `None` where it goes nowhere.
    fn letter(
        &mut self,
        step: &Step<'_>,
        queue: QueueRef,
        message: &Message,
        reason: Reason,
    ) -> Option<Letter> {
        let queue = self.state.live_queue(queue)?;
        let exchange = queue.features.dead_letter_exchange.clone()?;
        let (vhost, name, key) =
            (queue.vhost, queue.name.clone(), queue.features.dead_letter_routing_key.clone());
        let slot = self.state.exchange_named(vhost, &exchange)?;
        let mut headers = headers_with_death(message, &name, reason, step.now);
        if key.is_some() {
            // The copies' keys belong to the key that is replaced.
            headers.remove(b"CC");
        }
        let (mut buffer, mut properties) = (Vec::new(), Vec::new());
        let headers = Some(headers.as_table(&mut buffer));
        Properties { headers, expiration: None, ..message.properties().decode() }.encode(&mut properties);
        let mut letter = Letter { exchange, routing_key: key, properties, targets: Targets::new() };
        let publication = letter.publication(message);
        let mut targets = self.route(slot, &publication);
        if letter.routing_key.is_none() {
            for key in sender_selected::open_keys(message.properties()) {
                let routing_key = ShortStr::new(&key).unwrap_or_default();
                targets.extend(self.route(slot, &Publication { routing_key, ..publication }));
            }
            targets.sort_unstable();
            targets.dedup();
        }
        let headers = message.properties().headers().map(FieldTable::from).unwrap_or_default();
        targets.retain(|target| !is_cycle(&headers, &name, &self.state.queue(*target).name, reason));
        letter.targets = targets;
        Some(letter)
    }
}

impl Letter {
    fn publication<'a>(&'a self, message: &'a Message) -> Publication<'a> {
        Publication {
            exchange: ShortStr::new(&self.exchange).unwrap_or_default(),
            routing_key: match &self.routing_key {
                Some(key) => ShortStr::new(key).unwrap_or_default(),
                None => message.routing_key(),
            },
            properties: RawProperties::trusted(&self.properties),
            body: if message.is_absent() { Payload::Plain(&[]) } else { message.body() },
            strict: false,
            stored: message.name().map(|name| StoredBody {
                name,
                size_bytes: message.body_size() as u32,
                is_absent: message.is_absent(),
            }),
        }
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
