//! What the handler of a method works with: the broker, the step, and the channel the method came on.

use crate::broker::Broker;
use crate::channel::Channel;
use crate::names::Name;
use crate::refusal::{Refusal, Resource};
use warren_access::Operation;
use warren_amqp::{Method, ReplyCode, encode};
use warren_units::room::STEP_SIZE_BYTES;
use warren_units::{Gate, PeerId, Step};

pub(crate) struct Call<'c, 's> {
    pub broker: &'c mut Broker,
    pub step: &'c mut Step<'s>,
    pub peer: PeerId,
    pub number: u16,
    /// Key of the channel.
    pub channel: u32,
}

impl Call<'_, '_> {
    #[inline]
    pub fn channel(&mut self) -> &mut Channel {
        &mut self.broker.channels[self.channel as usize]
    }

    pub fn vhost(&self) -> u32 {
        self.broker.channels[self.channel as usize].vhost
    }

    pub fn vhost_name(&self) -> &str {
        self.broker.state.vhost_name(self.vhost())
    }

    /// Answers the client; the answer waits until the log holds what it has seen.
    pub fn reply<'a>(&mut self, method: impl Into<Method<'a>>) {
        let number = self.number;
        let gate = seen(self.step);
        self.step.peers.output(self.peer, gate, |rope| encode::method_frame(rope, number, method));
    }

    /// As [`Call::reply`], unless the client wants no answer.
    pub fn reply_unless<'a>(&mut self, nowait: bool, method: impl Into<Method<'a>>) {
        if !nowait {
            self.reply(method);
        }
    }

    pub fn queue_resource<'n>(&'n self, name: &'n [u8]) -> Resource<'n> {
        Resource::queue(name, self.vhost_name())
    }

    pub fn exchange_resource<'n>(&'n self, name: &'n [u8]) -> Resource<'n> {
        Resource::exchange(name, self.vhost_name())
    }

    pub fn check(&self, operation: Operation, resource: &Resource<'_>) -> Result<(), Refusal> {
        let channel = &self.broker.channels[self.channel as usize];
        self.broker.check_permission(&channel.user, channel.vhost, operation, resource)
    }

    /// A passive declare asks for any permission at all.
    pub fn check_any(&self, resource: &Resource<'_>) -> Result<(), Refusal> {
        self.check(Operation::Configure, resource)
            .or_else(|_| self.check(Operation::Write, resource))
            .or_else(|_| self.check(Operation::Read, resource))
    }

    /// An empty queue name stands for the queue that this channel declared last.
    pub fn named_queue(&self, name: &[u8]) -> Result<Name, Refusal> {
        let name = match name {
            b"" => self.broker.channels[self.channel as usize].last_queue.clone(),
            name => Name::from(name),
        };
        if name.is_empty() {
            return Err(Refusal::new(ReplyCode::NotFound, "no previously declared queue"));
        }
        Ok(name)
    }

    /// Refuses what adds about `size_bytes` to the log, where it has no room for that.
    pub fn need_growth_room(&self, size_bytes: usize) -> Result<(), Refusal> {
        match self.step.batch.refuses_growth(STEP_SIZE_BYTES + size_bytes) {
            true => Err(Refusal::log_is_full()),
            false => Ok(()),
        }
    }

    /// The same for what takes something away: some room is kept for that, and should it be used up, this is
    /// refused, too.
    pub fn need_room(&self, size_bytes: usize) -> Result<(), Refusal> {
        match self.step.batch.has_room(STEP_SIZE_BYTES + size_bytes) {
            true => Ok(()),
            false => Err(Refusal::log_is_full()),
        }
    }

    /// The queue of that name, if this connection may use it.
    pub fn usable_queue(&self, name: &[u8]) -> Result<u32, Refusal> {
        self.broker.usable_queue(self.vhost(), name, self.peer)
    }
}

/// The newest record that could be seen: the one in the making, or the one before.
pub(crate) fn seen(step: &Step<'_>) -> Gate {
    match step.batch.has_open_record() {
        true => Gate::written(step.batch.next_lsn()),
        false => Gate::written(step.batch.last()),
    }
}

/// Names lose line breaks, as in RabbitMQ.
pub(crate) fn stripped(name: &[u8]) -> Name {
    if name.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
        name.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect::<Vec<u8>>().into()
    } else {
        name.into()
    }
}

/// Clients may not make names that the broker makes.
pub(crate) fn check_name(kind: &str, name: &[u8]) -> Result<(), Refusal> {
    if name.starts_with(b"amq.") {
        let name = crate::names::text(name);
        let text = format!("{kind} name '{name}' contains reserved prefix 'amq.*'");
        return Err(Refusal::new(ReplyCode::AccessRefused, text));
    }
    Ok(())
}
