//! What an AMQP client may ask for, each with what it does to the model when the engine runs it.

use super::{AmqpSession, Answer, CHANNEL, Consumed, Effect, Held, body_of};
use crate::model::Moment;
use warren_amqp::method::MethodRow;
use warren_amqp::methods::*;
use warren_amqp::{FieldTable, Payload, Properties, RawProperties, ShortStr, encode};
use warren_units::bounds::FRAME_SIZE_BYTES_MIN;
use warren_units::{Lsn, Rope};

fn short(name: &str) -> ShortStr<'_> {
    ShortStr::truncated(name)
}

impl AmqpSession {
    pub fn confirm_select(&mut self) {
        self.is_confirming = true;
        self.call("confirm.select", ConfirmSelect { nowait: false }, ConfirmSelectOk::ID);
    }

    pub fn tx_select(&mut self) {
        self.transaction = Some(Default::default());
        self.call("tx.select", TxSelect {}, TxSelectOk::ID);
    }

    pub fn tx_commit(&mut self) {
        self.write(CHANNEL, TxCommit {});
        let (effects, _) = self.transaction.replace(Default::default()).unwrap_or_default();
        let all = move |moment: &mut Moment<'_>| effects.into_iter().for_each(|effect| effect(moment));
        self.note("tx.commit", Some(Box::new(all)), Answer::Commit);
    }

    pub fn tx_rollback(&mut self) {
        let (_, settled) = self.transaction.replace(Default::default()).unwrap_or_default();
        self.held.extend(settled);
        self.held.sort_by_key(|held| held.tag);
        self.call("tx.rollback", TxRollback {}, TxRollbackOk::ID);
    }

    pub fn qos(&mut self, prefetch_count: u16) {
        let qos = BasicQos { prefetch_size: 0, prefetch_count, global: false };
        self.call("basic.qos", qos, BasicQosOk::ID);
    }

    pub fn consume(&mut self, queue: &str, acknowledges: bool) {
        let tag = format!("tag-{queue}");
        let consume = BasicConsume {
            queue: short(queue),
            consumer_tag: short(&tag),
            no_ack: !acknowledges,
            ..Default::default()
        };
        let consumed = Consumed { queue: queue.to_owned(), acknowledges, newest_order: 0 };
        self.call(&format!("basic.consume {queue}"), consume, BasicConsumeOk::ID);
        self.consumed.insert(tag.into_bytes(), consumed);
    }

    pub fn get(&mut self, queue: &str) {
        self.write(CHANNEL, BasicGet { queue: short(queue), ..Default::default() });
        self.note(&format!("basic.get {queue}"), None, Answer::Get(queue.to_owned()));
    }

    /// As [`AmqpSession::declare_with`], for queues whose messages may die.
    pub fn declare(&mut self, queue: &str, time_to_live_milliseconds: Option<i64>, dead_to: Option<&str>) {
        let mut table = FieldTable::new();
        if let Some(milliseconds) = time_to_live_milliseconds {
            table.insert(ShortStr::literal("x-message-ttl"), milliseconds);
        }
        if let Some(target) = dead_to {
            table.insert(ShortStr::literal("x-dead-letter-exchange"), "");
            table.insert(ShortStr::literal("x-dead-letter-routing-key"), target);
        }
        self.declare_with(queue, &table);
    }

    /// Declares a durable queue with these arguments; says how many messages it holds.
    pub fn declare_with(&mut self, queue: &str, table: &FieldTable) {
        let mut buffer = Vec::new();
        let arguments = table.as_table(&mut buffer);
        let declare = QueueDeclare { queue: short(queue), durable: true, arguments, ..Default::default() };
        self.write(CHANNEL, declare);
        let name = queue.to_owned();
        let effect: Effect = Box::new(move |moment| {
            if !moment.model.queues.exists(&name) {
                let lsn = moment.record_of(&name);
                moment.model.queues.declare(&name, lsn);
            }
        });
        self.note(&format!("queue.declare {queue}"), Some(effect), Answer::Count(queue.to_owned()));
    }

    pub fn declare_exchange(&mut self, exchange: &str) {
        let declare = ExchangeDeclare {
            exchange: short(exchange),
            kind: ShortStr::literal("direct"),
            durable: true,
            ..Default::default()
        };
        self.call("exchange.declare", declare, ExchangeDeclareOk::ID);
    }

    /// Binds or unbinds a queue that exists.
    pub fn set_bound(&mut self, queue: &str, exchange: &str, key: &str, is_bound: bool) {
        let (name, exchange, routing_key) = (short(queue), short(exchange), short(key));
        let answer = if is_bound {
            let bind = QueueBind { queue: name, exchange, routing_key, ..Default::default() };
            self.write(CHANNEL, bind);
            QueueBindOk::ID
        } else {
            let unbind = QueueUnbind { queue: name, exchange, routing_key, ..Default::default() };
            self.write(CHANNEL, unbind);
            QueueUnbindOk::ID
        };
        let name = queue.to_owned();
        let effect: Effect = Box::new(move |moment| {
            if moment.model.queues.queue(&name).is_bound() != is_bound {
                let lsn = moment.record_of(&name);
                moment.model.queues.set_bound(&name, lsn, is_bound);
            }
        });
        self.note(&format!("bind {queue} {is_bound}"), Some(effect), Answer::Method(answer));
    }

    /// Binds a queue that the model does not follow.
    pub fn set_bound_untracked(&mut self, queue: &str, exchange: &str, key: &str) {
        let (queue, exchange, routing_key) = (short(queue), short(exchange), short(key));
        let bind = QueueBind { queue, exchange, routing_key, ..Default::default() };
        self.call("queue.bind", bind, QueueBindOk::ID);
    }

    /// Purges a queue of which nobody holds a message.
    pub fn purge(&mut self, queue: &str) {
        self.write(CHANNEL, QueuePurge { queue: short(queue), ..Default::default() });
        let name = queue.to_owned();
        let effect: Effect = Box::new(move |moment| {
            if moment.model.queues.queue(&name).counts().0 > 0 {
                let lsn = moment.record_of(&name);
                moment.model.queues.purge(&name, lsn);
            }
        });
        self.note(&format!("queue.purge {queue}"), Some(effect), Answer::Method(QueuePurgeOk::ID));
    }

    /// Deletes a queue of which nobody holds a message.
    pub fn delete(&mut self, queue: &str) {
        self.write(CHANNEL, QueueDelete { queue: short(queue), ..Default::default() });
        let name = queue.to_owned();
        let effect: Effect = Box::new(move |moment| {
            if moment.model.queues.exists(&name) {
                let lsn = moment.record_of(&name);
                moment.model.queues.delete(&name, lsn);
            }
        });
        self.note(&format!("queue.delete {queue}"), Some(effect), Answer::Method(QueueDeleteOk::ID));
    }

    /// Publishes a message to the queues of the model that `route` names when it is published.
    pub fn publish(
        &mut self,
        place: (&str, &str),
        id: u64,
        is_persistent: bool,
        route: impl Fn(&Moment<'_>) -> Vec<String> + 'static,
    ) {
        let properties = Properties { delivery_mode: is_persistent.then_some(2), ..Default::default() };
        let effect: Effect = Box::new(move |moment| {
            for queue in route(moment) {
                let lsn = if is_persistent { moment.record_of(&queue) } else { Lsn::NONE };
                moment.model.queues.publish(&queue, id, lsn, false);
            }
        });
        self.write_publish(place, id, properties, effect);
    }

    /// Publishes a message to queues that the model does not follow.
    pub fn publish_untracked(
        &mut self,
        place: (&str, &str),
        id: u64,
        is_persistent: bool,
        priority: u8,
        expiration: Option<&str>,
    ) {
        let properties = Properties {
            delivery_mode: is_persistent.then_some(2),
            priority: Some(priority),
            expiration: expiration.map(short),
            ..Default::default()
        };
        self.write_publish(place, id, properties, Box::new(|_| {}));
    }

    fn write_publish(
        &mut self,
        (exchange, key): (&str, &str),
        id: u64,
        properties: Properties<'_>,
        effect: Effect,
    ) {
        let mut raw = Vec::new();
        properties.encode(&mut raw);
        let publish =
            BasicPublish { exchange: short(exchange), routing_key: short(key), ..Default::default() };
        let (mut rope, body) = (Rope::new(), body_of(id));
        let (properties, payload) = (RawProperties::trusted(&raw), Payload::Plain(&body));
        encode::content(&mut rope, CHANNEL, publish, properties, payload, FRAME_SIZE_BYTES_MIN);
        self.output.extend_from_slice(&rope.to_vec());
        let what = format!("basic.publish m{id} to {exchange}/{key}");
        let answer = match self.is_confirming {
            true => {
                let number = self.next_confirm;
                self.next_confirm += 1;
                self.confirms.insert(number, (what.clone(), None));
                Answer::Confirm(number)
            }
            false => Answer::Nothing,
        };
        self.settle_or_note(&what, effect, answer);
    }

    /// In a transaction an effect waits for its commit.
    fn settle_or_note(&mut self, what: &str, effect: Effect, answer: Answer) {
        match &mut self.transaction {
            Some((effects, _)) => {
                effects.push(effect);
                self.note(what, None, answer);
            }
            None => self.note(what, Some(effect), answer),
        }
    }

    /// Takes one of the messages held, or with `multiple` all up to it.
    fn take_held(&mut self, place: usize, multiple: bool) -> Vec<Held> {
        let taken: Vec<_> =
            if multiple { self.held.drain(..=place).collect() } else { vec![self.held.remove(place)] };
        if let Some((_, settled)) = &mut self.transaction {
            settled.extend(taken.iter().cloned());
        }
        taken
    }

    pub fn acknowledge(&mut self, place: usize, multiple: bool) {
        let delivery_tag = self.held[place].tag;
        // Behind this one no other is unsettled that the client has not seen.
        let taken = self.take_held(place, multiple);
        self.write(CHANNEL, BasicAck { delivery_tag, multiple });
        let what = format!("basic.ack {taken:?}");
        self.settle_or_note(&what, removed(taken), Answer::Nothing);
    }

    /// `is_dropped`: the message is not to come back to this queue.
    pub fn refuse(&mut self, place: usize, multiple: bool, is_dropped: bool) {
        let delivery_tag = self.held[place].tag;
        let taken = self.take_held(place, multiple);
        self.write(CHANNEL, BasicNack { delivery_tag, multiple, requeue: !is_dropped });
        let what = format!("basic.nack {taken:?} dropped: {is_dropped}");
        let (moving, staying): (Vec<_>, Vec<_>) =
            taken.into_iter().partition(|held| !is_dropped || held.queue.starts_with("dead.source"));
        let settle = removed(staying);
        let effect: Effect = Box::new(move |moment| {
            settle(moment);
            moving.iter().for_each(|held| moment.model.queues.give_back(&model_name(held), held.id));
        });
        self.settle_or_note(&what, effect, Answer::Nothing);
    }
}

fn model_name(held: &Held) -> String {
    crate::workload::model_queue(&held.queue).to_owned()
}

/// The messages leave their queues for good.
fn removed(taken: Vec<Held>) -> Effect {
    Box::new(move |moment| {
        for held in taken {
            let queue = model_name(&held);
            let Some(message) = moment.model.queues.message(&queue, held.id) else { continue };
            let is_recorded = message.published != Lsn::NONE;
            let lsn = if is_recorded { moment.record_of(&queue) } else { Lsn::NONE };
            moment.model.queues.remove(&queue, held.id, lsn);
        }
    })
}
