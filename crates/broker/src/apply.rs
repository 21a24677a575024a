//! Replay: one effect of a record, applied through the same methods as the live path. Makes no output and no
//! further effect.

use crate::arguments::Arguments;
use crate::checkpoint_messages::MessageReader;
use crate::effects::{BodyAt, BoundTo, Effect, Placements};
use crate::exchange::{Binding, Destination, ExchangeDeclaration};
use crate::exchanges::exchange_type;
use crate::message::{Message, MessageParts};
use crate::queue::{QueueDeclaration, QueueId};
use crate::queue_feature::Features;
use crate::ready::Entry;
use crate::refusal::Resource;
use crate::runs::Runs;
use crate::state::State;
use warren_amqp::RawProperties;
use warren_units::varint::Cursor;
use warren_units::{BodyName, Record};

/// The record does not fit the state: the log is damaged or of another version. The text says what is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReplayError(pub String);

impl ReplayError {
    #[cold]
    fn missing(what: &str, which: impl std::fmt::Debug) -> ReplayError {
        ReplayError(format!("an effect names a {what} that does not exist: {which:?}"))
    }
}

impl State {
    /// Applies the effect at the front of `cursor`, one of those of `record`. Bodies are not read: all messages
    /// that come are absent.
    pub fn replay(&mut self, record: &Record<'_>, cursor: &mut Cursor<'_>) -> Result<(), ReplayError> {
        let effect =
            Effect::decode(cursor).ok_or_else(|| ReplayError("an effect cannot be decoded".to_string()))?;
        match effect {
            Effect::Published {
                exchange,
                routing_key,
                properties,
                published_at,
                strict,
                body,
                placements,
            } => {
                let properties = RawProperties::parse(properties)
                    .map_err(|error| ReplayError(format!("a message has malformed properties: {error}")))?;
                let properties = properties.as_bytes();
                let (name, size_bytes) = State::replayed_body(record, body)?;
                let (lsn, name) = (record.lsn, Some(name));
                let parts =
                    MessageParts { exchange, routing_key, properties, published_at, lsn, strict, name };
                self.replay_published(&parts, size_bytes, &placements)
            }
            Effect::Removed { queue, sequences } => self.replay_removed(queue, &sequences),
            Effect::GivenBack { queue, sequences } => {
                let queue = self.recorded_queue(queue)?;
                match sequences.iter().find(|sequence| !queue.mark_given_back(*sequence)) {
                    Some(sequence) => Err(ReplayError::missing("message", (queue.id, sequence))),
                    None => Ok(()),
                }
            }
            Effect::Purged { queue, through, kept } => {
                let queue = self.recorded_queue(queue)?;
                let all = queue.take_ready();
                let stays = |entry: &&Entry| entry.sequence > through || kept.contains(entry.sequence);
                all.iter().flat_map(|level| level.iter()).filter(stays).for_each(|e| queue.push(e.clone()));
                Ok(())
            }
            Effect::NumbersRestored { newest_queue } => {
                self.restore_newest_id(newest_queue);
                Ok(())
            }
            Effect::QueueRestored { queue, newest, redelivered_through } => {
                self.recorded_queue(queue)?.restore_numbers(newest, redelivered_through);
                Ok(())
            }
            Effect::MessagesRestored { queue, messages } => self.replay_restored(queue, messages),
            // What clients held of a queue that was deleted under them was no state any more.
            Effect::HeldRestored { queue, .. } if self.slot_of(queue).is_none() => Ok(()),
            Effect::HeldRestored { queue, messages } => self.replay_restored(queue, messages),
            Effect::CountedAsRedelivered => {
                self.count_all_as_redelivered();
                Ok(())
            }
            topology => self.replay_topology(topology),
        }
    }

    fn recorded_queue(&mut self, id: QueueId) -> Result<&mut crate::queue::Queue, ReplayError> {
        let slot = self.slot_of(id).ok_or_else(|| ReplayError::missing("queue", id))?;
        Ok(self.queue_mut(slot))
    }

    /// Name and size of the body of a published message.
    fn replayed_body(record: &Record<'_>, body: BodyAt) -> Result<(BodyName, u32), ReplayError> {
        match body {
            BodyAt::Ordinal(ordinal) => {
                let size = record.body_size(ordinal).ok_or_else(|| ReplayError::missing("body", ordinal))?;
                Ok((BodyName { lsn: record.lsn, ordinal }, size))
            }
            BodyAt::Named { name, size_bytes } => Ok((name, size_bytes)),
        }
    }

    fn replay_published(
        &mut self,
        parts: &MessageParts<'_>,
        body_size_bytes: u32,
        placements: &Placements,
    ) -> Result<(), ReplayError> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let message = Message::absent(parts, body_size_bytes, &mut scratch);
        self.scratch = scratch;
        for (id, sequence) in placements {
            let queue = self.recorded_queue(*id)?;
            if *sequence <= queue.newest().sequence {
                return Err(ReplayError(format!("message {sequence} of queue {id:?} comes twice")));
            }
            queue.advance_to(*sequence);
            queue.push(Entry::durable(message.clone(), *sequence));
        }
        Ok(())
    }

    /// Messages of a checkpoint come to their places; those that clients held are among the others then.
    fn replay_restored(&mut self, id: QueueId, messages: &[u8]) -> Result<(), ReplayError> {
        let queue = self.recorded_queue(id)?;
        let mut reader = MessageReader::new(messages);
        while !reader.is_at_end() {
            let entry = reader.next();
            let entry = entry.ok_or_else(|| ReplayError("a message cannot be decoded".to_string()))?;
            if queue.find(entry.sequence).is_some() {
                let sequence = entry.sequence;
                return Err(ReplayError(format!("message {sequence} of queue {id:?} comes twice")));
            }
            queue.advance_to(entry.sequence);
            queue.restore(entry);
        }
        Ok(())
    }

    fn replay_removed(&mut self, id: QueueId, sequences: &Runs) -> Result<(), ReplayError> {
        let queue = self.recorded_queue(id)?;
        match sequences.iter().find(|sequence| queue.remove(*sequence).is_none()) {
            Some(sequence) => Err(ReplayError::missing("message", (id, sequence))),
            None => Ok(()),
        }
    }

    fn replay_topology(&mut self, effect: Effect<'_>) -> Result<(), ReplayError> {
        match effect {
            Effect::ExchangeDeclared {
                vhost,
                name,
                exchange_type: type_name,
                auto_delete,
                internal,
                arguments,
            } => {
                let vhost = self.replayed_vhost(vhost)?;
                let kind = exchange_type(type_name)
                    .ok_or_else(|| ReplayError::missing("exchange type", crate::names::text(type_name)))?;
                let arguments = parsed(arguments)?;
                let declaration =
                    ExchangeDeclaration { name, durable: true, auto_delete, internal, arguments };
                self.create_exchange(vhost, &declaration, kind);
            }
            Effect::ExchangeDeleted { vhost, name } => {
                let slot = self.replayed_exchange(vhost, name)?;
                self.remove_exchange(slot);
            }
            Effect::QueueDeclared { id, vhost, name, auto_delete, arguments } => {
                let arguments = parsed(arguments)?;
                let resource = Resource::queue(name, "");
                let features = Features::validate(&arguments, &resource)
                    .map_err(|refusal| ReplayError(refusal.explanation))?;
                let vhost = self.replayed_vhost(vhost)?;
                let exclusive_owner = None;
                let declaration = QueueDeclaration {
                    id,
                    name,
                    durable: true,
                    auto_delete,
                    exclusive_owner,
                    arguments,
                    features,
                };
                self.create_queue(vhost, declaration);
            }
            Effect::QueueDeleted { id } => {
                let slot = self.slot_of(id).ok_or_else(|| ReplayError::missing("queue", id))?;
                self.remove_queue(slot);
            }
            Effect::Bound { vhost, source, destination, key, arguments } => {
                let (source, binding) = self.replayed_binding(vhost, source, destination, key, arguments)?;
                self.bind(source, binding);
            }
            Effect::Unbound { vhost, source, destination, key, arguments } => {
                let (source, binding) = self.replayed_binding(vhost, source, destination, key, arguments)?;
                self.unbind(source, &binding);
            }
            Effect::Published { .. }
            | Effect::Removed { .. }
            | Effect::GivenBack { .. }
            | Effect::Purged { .. }
            | Effect::NumbersRestored { .. }
            | Effect::QueueRestored { .. }
            | Effect::MessagesRestored { .. }
            | Effect::HeldRestored { .. }
            | Effect::CountedAsRedelivered => {
                unreachable!("effects on messages are applied by `replay`")
            }
        }
        Ok(())
    }

    fn replayed_vhost(&self, name: &[u8]) -> Result<u32, ReplayError> {
        self.vhost_named(name).ok_or_else(|| ReplayError::missing("vhost", crate::names::text(name)))
    }

    fn replayed_exchange(&self, vhost: &[u8], name: &[u8]) -> Result<u32, ReplayError> {
        let vhost = self.replayed_vhost(vhost)?;
        let slot = self.exchange_named(vhost, name);
        slot.ok_or_else(|| ReplayError::missing("exchange", crate::names::text(name)))
    }

    fn replayed_binding(
        &self,
        vhost: &[u8],
        source: &[u8],
        destination: BoundTo<'_>,
        key: &[u8],
        arguments: &[u8],
    ) -> Result<(u32, Binding), ReplayError> {
        let source = self.replayed_exchange(vhost, source)?;
        let destination = match destination {
            BoundTo::Queue(id) => {
                Destination::Queue(self.slot_of(id).ok_or_else(|| ReplayError::missing("queue", id))?)
            }
            BoundTo::Exchange(name) => Destination::Exchange(self.replayed_exchange(vhost, name)?),
        };
        Ok((source, Binding { destination, key: key.into(), arguments: parsed(arguments)? }))
    }
}

fn parsed(arguments: &[u8]) -> Result<Arguments, ReplayError> {
    Arguments::parse(arguments).ok_or_else(|| ReplayError("arguments are no field table".to_string()))
}
