//! How a message gets into queues: one effect names all durable queues that take it, one allocation holds it,
//! and where a consumer is waiting it never enters the queue's list.

use crate::broker::Broker;
use crate::confirms::ConfirmLevel;
use crate::dead_letter::Reason;
use crate::effects::{BodyAt, Placements, record_published};
use crate::exchange::Routed;
use crate::held_back::NAMED_MESSAGE_SIZE_BYTES;
use crate::message::{Message, MessageParts};
use crate::queue::Queue;
use crate::queue_feature::Overflow;
use crate::ready::{Entry, Position};
use crate::refusal::{Refusal, Resource};
use crate::settle::{Gathered, Settlement};
use crate::state::Targets;
use warren_amqp::{Payload, RawProperties, ReplyCode, ShortStr};
use warren_units::room::STEP_SIZE_BYTES;
use warren_units::{BodyName, Gate, Lsn, Step};

/// A message on its way into queues.
#[derive(Clone, Copy)]
pub(crate) struct Publication<'a> {
    pub exchange: ShortStr<'a>,
    pub routing_key: ShortStr<'a>,
    pub properties: RawProperties<'a>,
    pub body: Payload<'a>,
    /// Deliveries wait until the record is synced: it holds effects of both protocols, of which one asks for it.
    pub strict: bool,
    /// Its body is in the log already: it has been in a queue.
    pub stored: Option<StoredBody>,
}

/// A body in the log.
#[derive(Clone, Copy)]
pub(crate) struct StoredBody {
    pub name: BodyName,
    pub size_bytes: u32,
    /// It is in the log only; what the publication has for a body is empty.
    pub is_absent: bool,
}

impl Publication<'_> {
    #[inline]
    fn body_size(&self) -> u64 {
        self.stored.map_or(self.body.len() as u64, |stored| u64::from(stored.size_bytes))
    }

    #[inline]
    fn message(&self, parts: &MessageParts<'_>, scratch: &mut Vec<u8>) -> Message {
        match self.stored.filter(|stored| stored.is_absent) {
            Some(stored) => Message::absent(parts, stored.size_bytes, scratch),
            None => Message::new(parts, self.body, scratch),
        }
    }
}

/// What became of a publication.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Accepted {
    /// It is durable once this step's record is.
    pub recorded: bool,
    /// A full queue refused it.
    pub rejected: bool,
}

/// What became of a message from the other protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BridgePublished {
    /// Queues that took it.
    pub queue_count: usize,
    /// What the publisher's reply waits for, as a confirm would.
    pub gate: Gate,
}

impl Broker {
    /// Puts the message into the queues at `targets`.
    #[inline]
    pub(crate) fn enqueue(
        &mut self,
        step: &mut Step<'_>,
        publication: &Publication<'_>,
        targets: &[u32],
    ) -> Accepted {
        let mut accepted = Accepted::default();
        let has_limit = |slot: &u32| self.state.queue(*slot).has_length_limit();
        if targets.iter().any(has_limit) {
            let (taking, rejected) = self.taking(step, publication, targets);
            accepted.rejected = rejected;
            accepted.recorded = self.place_all(step, publication, &taking);
        } else {
            accepted.recorded = self.place_all(step, publication, targets);
        }
        accepted
    }

    /// The targets that are not full, and whether one was.
    fn taking(&mut self, step: &Step<'_>, publication: &Publication<'_>, targets: &[u32]) -> (Targets, bool) {
        let size = publication.body_size();
        let is_full =
            |queue: &Queue| queue.features.overflow != Overflow::DropHead && queue.exceeds_length(1, size);
        let (full, taking): (Targets, Targets) =
            targets.iter().copied().partition(|slot| is_full(self.state.queue(*slot)));
        for slot in &full {
            if self.state.queue(*slot).features.overflow == Overflow::RejectPublishDeadLetter {
                let parts = parts(publication, step, Lsn::NONE);
                let message = publication.message(&parts, &mut self.scratch);
                let entry = entry(message, Position::default(), false);
                self.dead_letter(self.state.queue_ref(*slot), entry, Reason::MaxLength);
            }
        }
        (taking, !full.is_empty())
    }

    /// True if the record holds the message.
    #[inline]
    fn place_all(&mut self, step: &mut Step<'_>, publication: &Publication<'_>, targets: &[u32]) -> bool {
        let is_recorded = publication.properties.is_persistent()
            && targets.iter().any(|slot| self.state.queue(*slot).is_recorded());
        if is_recorded {
            self.place_recorded(step, publication, targets);
            return true;
        }
        let Some((last, others)) = targets.split_last() else { return false };
        let mut parts = parts(publication, step, Lsn::NONE);
        if parts.name.is_none() && self.is_to_be_paged(step, publication, targets) {
            parts.name = Some(write_body(step, publication.body));
        }
        let message = publication.message(&parts, &mut self.scratch);
        for slot in others {
            let position = self.state.queue_mut(*slot).next_position(false);
            self.place(step, *slot, entry(message.clone(), position, false));
        }
        let position = self.state.queue_mut(*last).next_position(false);
        self.place(step, *last, entry(message, position, false));
        false
    }

    /// Whether a message that no record holds is going to wait while bodies take the memory they may: its body is
    /// then written to the log all the same, and a restart knows nothing of it. Without room there it stays in memory.
    fn is_to_be_paged(&self, step: &Step<'_>, publication: &Publication<'_>, targets: &[u32]) -> bool {
        self.is_body_memory_short()
            && !publication.body.is_empty()
            && targets.iter().any(|slot| self.state.queue(*slot).has_ready())
            && !step.batch.refuses_growth(STEP_SIZE_BYTES + publication.body.len())
    }

    fn place_recorded(&mut self, step: &mut Step<'_>, publication: &Publication<'_>, targets: &[u32]) {
        let lsn = step.batch.next_lsn();
        let mut parts = parts(publication, step, lsn);
        let body = match publication.stored {
            Some(StoredBody { name, size_bytes, .. }) => BodyAt::Named { name, size_bytes },
            None => BodyAt::Ordinal(parts.name.insert(write_body(step, publication.body)).ordinal),
        };
        let message = publication.message(&parts, &mut self.scratch);
        let mut placements = Placements::new();
        for slot in targets {
            let queue = self.state.queue_mut(*slot);
            if queue.is_recorded() {
                placements.push((queue.id, queue.next_position(true).sequence));
            }
        }
        // The effect stands before all that follows from it, such as the delivery that removes the message.
        record_published(step.batch, &parts, body, &placements);
        let mut sequences = placements.iter();
        for slot in targets {
            let queue = self.state.queue_mut(*slot);
            let entry = if queue.is_recorded() {
                let (_, sequence) = sequences.next().expect("one placement for each recorded queue");
                Entry::durable(message.clone(), *sequence)
            } else {
                entry(message.clone(), queue.next_position(false), false)
            };
            self.place(step, *slot, entry);
        }
    }

    /// One message into one queue, or past it to a consumer that waits.
    #[inline]
    fn place(&mut self, step: &mut Step<'_>, slot: u32, entry: Entry) {
        let queue = self.state.queue_mut(slot);
        queue.counters.published += 1;
        let is_absent = entry.message.is_absent();
        let mut entry = if queue.has_ready() || is_absent {
            entry
        } else {
            match self.hand_over(step, slot, entry) {
                None => return,
                Some(entry) => entry,
            }
        };
        self.page_out(&mut entry);
        let queue = self.state.queue_mut(slot);
        queue.expires_heads |= entry.message.expiration_milliseconds().is_some();
        queue.push(entry);
        if queue.expires_heads {
            self.schedule_head(slot);
        }
        if self.state.queue(slot).has_length_limit() {
            let mut left = self.settings.dropped_per_step_max;
            self.drop_excess(step, slot, &mut left);
        }
        if is_absent {
            // Nobody was asked yet whether they want it.
            self.deliver_ready(step, slot);
        }
    }

    /// A full queue drops what would be delivered next, even of the highest priority, at most `left` messages; a deadline
    /// takes care of the rest.
    pub(crate) fn drop_excess(&mut self, step: &mut Step<'_>, slot: u32, left: &mut usize) {
        let mut dropped = Gathered::default();
        while self.state.queue(slot).exceeds_length(0, 0) {
            let has_room = self.may_give_up(step, slot, &dropped);
            if *left == 0 || !has_room {
                let at = if has_room { step.now } else { Broker::retry_at(step) };
                self.deadlines.excess(self.state.queue_ref(slot), at);
                break;
            }
            *left -= 1;
            let Some(entry) = self.state.queue_mut(slot).pop_for_overflow() else { break };
            self.give_up(step, slot, entry, Reason::MaxLength, &mut dropped);
        }
        dropped.flush(Settlement::Reject, step);
    }

    /// The exchange a message is published to, if that is allowed.
    pub(crate) fn publishable_exchange(
        &self,
        vhost: u32,
        user: &str,
        exchange: &[u8],
    ) -> Result<u32, Refusal> {
        self.check_permission(
            user,
            vhost,
            warren_access::Operation::Write,
            &exchange_resource(exchange, self, vhost),
        )?;
        let resource = Resource::exchange(exchange, self.state.vhost_name(vhost));
        let slot = self.state.exchange_named(vhost, exchange).ok_or_else(|| Refusal::not_found(&resource))?;
        if self.state.exchange(slot).internal {
            let text = format!("cannot publish to internal {resource}");
            return Err(Refusal::new(ReplyCode::AccessRefused, text));
        }
        Ok(slot)
    }

    /// Whether a message may be published with [`Broker::publish_from_bridge`]. Asked before the first effect
    /// of a transaction that cannot be undone.
    pub fn check_publish(
        &self,
        exchange: &[u8],
        routing_key: &[u8],
        body_size_bytes: u64,
    ) -> Result<(), Refusal> {
        for (what, bytes) in [("exchange", exchange), ("routing key", routing_key)] {
            if bytes.len() > ShortStr::SIZE_BYTES_MAX {
                return Err(Refusal::precondition_failed(format!("{what} is longer than 255 bytes")));
            }
        }
        self.check_message_size(body_size_bytes)?;
        let slot = self.state.exchange_named(0, exchange);
        let resource = Resource::exchange(exchange, self.state.vhost_name(0));
        let slot = slot.ok_or_else(|| Refusal::not_found(&resource))?;
        if self.state.exchange(slot).internal {
            let text = format!("cannot publish to internal {resource}");
            return Err(Refusal::new(ReplyCode::AccessRefused, text));
        }
        Ok(())
    }

    /// Publishes a persistent message into the default virtual host, in the step's record beside effects of
    /// the other protocol. Whoever sees the message waits for the stricter of both protocols' settings:
    /// `is_always` is the other's.
    pub fn publish_from_bridge(
        &mut self,
        step: &mut Step<'_>,
        exchange: &[u8],
        routing_key: &[u8],
        body: Payload<'_>,
        is_always: bool,
    ) -> Result<BridgePublished, Refusal> {
        const PERSISTENT: &[u8] = &[0x10, 0, 2];
        self.check_publish(exchange, routing_key, body.len() as u64)?;
        if step.batch.refuses_growth(self.bridged_size(exchange, routing_key, body.len())) {
            return Err(Refusal::log_is_full());
        }
        let (Some(exchange), Some(routing_key)) = (ShortStr::new(exchange), ShortStr::new(routing_key))
        else {
            unreachable!("check_publish measured both");
        };
        let properties = RawProperties::trusted(PERSISTENT);
        let strict = is_always || self.settings.publisher_confirms == ConfirmLevel::Synced;
        let publication = Publication { exchange, routing_key, properties, body, strict, stored: None };
        let slot = self.state.exchange_named(0, &exchange).expect("check_publish found it");
        let targets = self.route(slot, &publication);
        let accepted = self.enqueue(step, &publication, &targets);
        self.counters.published += 1;
        if !self.dead_letters.is_empty() {
            self.publish_dead_letters(step);
        }
        let queue_count = if accepted.rejected { 0 } else { targets.len() };
        let mut gate = Gate::OPEN;
        if accepted.recorded && strict {
            let lsn = step.batch.next_lsn();
            step.batch.want_sync(lsn);
            gate = Gate::synced(lsn);
        }
        Ok(BridgePublished { queue_count, gate })
    }

    /// Bytes that a message of [`Broker::publish_from_bridge`] adds to the log, at most.
    pub fn bridged_size(&self, exchange: &[u8], routing_key: &[u8], body_size_bytes: usize) -> usize {
        let placements_size = self.state.queues.len() * 2 * NAMED_MESSAGE_SIZE_BYTES;
        STEP_SIZE_BYTES + exchange.len() + routing_key.len() + body_size_bytes + placements_size
    }

    pub(crate) fn route(&self, exchange: u32, publication: &Publication<'_>) -> Targets {
        let mut targets = Targets::new();
        let routed =
            Routed { routing_key: &publication.routing_key, properties: publication.properties.as_bytes() };
        self.state.route(exchange, routed, &mut targets);
        targets
    }

    pub(crate) fn check_message_size(&self, size_bytes: u64) -> Result<(), Refusal> {
        let max = self.settings.message_size_bytes_max;
        if size_bytes > max {
            let text = format!("message size {size_bytes} is larger than configured max size {max}");
            return Err(Refusal::precondition_failed(text));
        }
        Ok(())
    }
}

fn exchange_resource<'a>(exchange: &'a [u8], broker: &'a Broker, vhost: u32) -> Resource<'a> {
    Resource::exchange(exchange, broker.state.vhost_name(vhost))
}

fn write_body(step: &mut Step<'_>, body: Payload<'_>) -> BodyName {
    let lsn = step.batch.next_lsn();
    let ordinal = match body {
        Payload::Plain(slice) => step.batch.body_slice(slice),
        Payload::Shared(bytes) => step.batch.body(bytes),
    };
    BodyName { lsn, ordinal }
}

fn parts<'a>(publication: &Publication<'a>, step: &Step<'_>, lsn: Lsn) -> MessageParts<'a> {
    MessageParts {
        exchange: publication.exchange,
        routing_key: publication.routing_key,
        properties: publication.properties.as_bytes(),
        published_at: step.now,
        lsn,
        strict: publication.strict,
        name: publication.stored.map(|stored| stored.name),
    }
}

fn entry(message: Message, position: Position, durable: bool) -> Entry {
    let Position { sequence, minor } = position;
    Entry { message, sequence, minor, delivery_count: 0, durable, redelivered: false }
}
