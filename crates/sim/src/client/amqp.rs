//! An AMQP client with one channel. Requests are carried out on the model at the moment when the engine runs
//! them; what comes back is checked where the server lets it go.

use crate::checker::failure::{Checked, Failure};
use crate::checker::{Level, Released};
use crate::model::Moment;
use std::collections::{BTreeMap, VecDeque};
use warren_amqp::method::MethodRow;
use warren_amqp::methods::*;
use warren_amqp::{
    Assembler, FieldTable, Incoming, MethodId, PROTOCOL_HEADER, Payload, Properties, RawProperties, ShortStr,
    encode,
};
use warren_units::bounds::{CHANNEL_COUNT_MAX, FRAME_SIZE_BYTES_MIN};
use warren_units::{Lsn, Rope};

/// The one channel.
const CHANNEL: u16 = 1;

/// What a request does to the model.
type Effect = Box<dyn FnOnce(&mut Moment<'_>)>;

/// What is told about a request.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Answer {
    Nothing,
    Method(MethodId),
    /// tx.commit-ok.
    Commit,
    /// The confirm of this number.
    Confirm(u64),
    /// get-ok or get-empty, of this queue.
    Get(String),
    /// How many messages a queue has.
    Count(String),
}

struct Sent {
    what: String,
    effect: Option<Effect>,
    answer: Answer,
}

struct Awaited {
    what: String,
    answer: Answer,
    depends_on: Lsn,
    /// Least and most messages, for [`Answer::Count`].
    counts: (usize, usize),
}

/// A message that the client holds, or got.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    pub tag: u64,
    pub queue: String,
    pub id: u64,
}

pub struct AmqpSession {
    pub client: usize,
    pub output: Vec<u8>,
    assembler: Assembler,
    received: Vec<u8>,
    sent: VecDeque<Sent>,
    awaited: VecDeque<Awaited>,
    /// Publishes without a confirm: number, and their record once it is made.
    confirms: BTreeMap<u64, (String, Option<Lsn>)>,
    next_confirm: u64,
    is_confirming: bool,
    transaction: Option<(Vec<Effect>, Vec<Held>)>,
    /// Let go by the server, and still on the network.
    arriving: VecDeque<Held>,
    /// Unsettled, oldest first.
    pub held: Vec<Held>,
    consumed: BTreeMap<Vec<u8>, Consumed>,
}

struct Consumed {
    queue: String,
    acknowledges: bool,
    /// Place of the newest message that was delivered for the first time.
    newest_order: u64,
}

/// The body of a message tells which it is, and whether it is whole.
pub fn body_of(id: u64) -> Vec<u8> {
    let size = match id % 50 {
        0 => 20_000,
        1..=4 => 5000,
        rest => rest as usize,
    };
    let mut body = format!("m{id}-").into_bytes();
    body.resize(body.len() + size, b'A' + (id % 26) as u8);
    body
}

fn id_of(body: &[u8]) -> Option<u64> {
    let end = body.iter().position(|byte| *byte == b'-')?;
    let id = std::str::from_utf8(body.get(1..end)?).ok()?.parse().ok()?;
    (body_of(id) == body).then_some(id)
}

fn short(name: &str) -> ShortStr<'_> {
    ShortStr::truncated(name)
}

impl AmqpSession {
    /// A connection that asks for all that is needed to use its channel.
    pub fn new(client: usize) -> AmqpSession {
        let mut assembler = Assembler::client();
        assembler.agree(FRAME_SIZE_BYTES_MIN, CHANNEL_COUNT_MAX);
        let mut session = AmqpSession {
            client,
            output: PROTOCOL_HEADER.to_vec(),
            assembler,
            received: Vec::new(),
            sent: VecDeque::new(),
            awaited: VecDeque::new(),
            confirms: BTreeMap::new(),
            next_confirm: 1,
            is_confirming: false,
            transaction: None,
            arriving: VecDeque::new(),
            held: Vec::new(),
            consumed: BTreeMap::new(),
        };
        session.note("protocol header", None, Answer::Method(ConnectionStart::ID));
        let start_ok = ConnectionStartOk {
            mechanism: ShortStr::literal("PLAIN"),
            response: b"\0guest\0guest",
            locale: ShortStr::literal("en_US"),
            ..Default::default()
        };
        session.write(0, start_ok);
        session.note("start-ok", None, Answer::Method(ConnectionTune::ID));
        let tune_ok = ConnectionTuneOk {
            channel_max: CHANNEL_COUNT_MAX,
            frame_max: FRAME_SIZE_BYTES_MIN,
            heartbeat: 0,
        };
        session.write(0, tune_ok);
        session.note("tune-ok", None, Answer::Nothing);
        session.write(0, ConnectionOpen { virtual_host: short("/"), ..Default::default() });
        session.note("connection.open", None, Answer::Method(ConnectionOpenOk::ID));
        session.write(CHANNEL, ChannelOpen::default());
        session.note("channel.open", None, Answer::Method(ChannelOpenOk::ID));
        session
    }

    fn write<'a>(&mut self, channel: u16, method: impl Into<Method<'a>>) {
        let mut rope = Rope::new();
        encode::method_frame(&mut rope, channel, method);
        self.output.extend_from_slice(&rope.to_vec());
    }

    fn note(&mut self, what: &str, effect: Option<Effect>, answer: Answer) {
        self.sent.push_back(Sent { what: what.to_owned(), effect, answer });
    }

    fn call<'a>(&mut self, what: &str, method: impl Into<Method<'a>>, answer: MethodId) {
        self.write(CHANNEL, method);
        self.note(what, None, Answer::Method(answer));
    }

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

    /// Declares a durable queue; says how many messages it holds.
    pub fn declare(&mut self, queue: &str, time_to_live_milliseconds: Option<i64>, dead_to: Option<&str>) {
        let mut table = FieldTable::new();
        if let Some(milliseconds) = time_to_live_milliseconds {
            table.insert(ShortStr::literal("x-message-ttl"), milliseconds);
        }
        if let Some(target) = dead_to {
            table.insert(ShortStr::literal("x-dead-letter-exchange"), "");
            table.insert(ShortStr::literal("x-dead-letter-routing-key"), target);
        }
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
        (exchange, key): (&str, &str),
        id: u64,
        is_persistent: bool,
        route: impl Fn(&Moment<'_>) -> Vec<String> + 'static,
    ) {
        let properties = Properties { delivery_mode: is_persistent.then_some(2), ..Default::default() };
        let mut raw = Vec::new();
        properties.encode(&mut raw);
        let publish = BasicPublish { exchange: short(exchange), routing_key: short(key), ..Default::default() };
        let (mut rope, body) = (Rope::new(), body_of(id));
        let (properties, payload) = (RawProperties::trusted(&raw), Payload::Plain(&body));
        encode::content(&mut rope, CHANNEL, publish, properties, payload, FRAME_SIZE_BYTES_MIN);
        self.output.extend_from_slice(&rope.to_vec());
        let effect: Effect = Box::new(move |moment| {
            for queue in route(moment) {
                let lsn = if is_persistent { moment.record_of(&queue) } else { Lsn::NONE };
                moment.model.queues.publish(&queue, id, lsn, false);
            }
        });
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
        let taken: Vec<_> = if multiple {
            self.held.drain(..=place).collect()
        } else {
            vec![self.held.remove(place)]
        };
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

    pub fn may_send(&self) -> bool {
        self.sent.len() + self.awaited.len() + self.confirms.len() < 16
    }

    pub fn unanswered(&self) -> usize {
        self.sent.len() + self.awaited.len() + self.confirms.len()
    }

    /// What was on the network arrives: the client may settle it.
    pub fn arrive(&mut self, count: usize) {
        let count = count.min(self.arriving.len());
        self.held.extend(self.arriving.drain(..count));
    }

    /// The engine has run the next request.
    pub fn executed(&mut self, moment: &mut Moment<'_>) -> Checked<String> {
        let Some(sent) = self.sent.pop_front() else {
            return Err(Failure::new("queues", "the server ran a request that nobody sent"));
        };
        if let Some(effect) = sent.effect {
            effect(moment);
        }
        if let Some(changed) = &moment.unrecorded {
            return Err(Failure::new("queues", format!("{}: changed {changed} without a record", sent.what)));
        }
        let what = sent.what.clone();
        match sent.answer {
            Answer::Nothing => {}
            Answer::Confirm(number) => {
                self.confirms.insert(number, (sent.what, Some(moment.depends_on)));
            }
            answer => {
                let counts = match &answer {
                    Answer::Count(queue) => moment.model.queues.queue(queue).counts(),
                    _ => (0, 0),
                };
                let depends_on = moment.depends_on;
                self.awaited.push_back(Awaited { what: sent.what, answer, depends_on, counts });
            }
        }
        Ok(what)
    }

    pub fn released(&mut self, bytes: &[u8], context: &mut Released<'_>) -> Checked {
        self.received.extend_from_slice(bytes);
        let mut incoming = Vec::new();
        let received = std::mem::take(&mut self.received);
        let fed = self.assembler.feed(&received, 0, &mut incoming);
        if let Some(fault) = fed.fault {
            return Err(Failure::new("queues", format!("the server sent no AMQP: {fault:?}")));
        }
        for incoming in &incoming {
            match incoming {
                Incoming::Method { method, .. } => self.told(decoded(method.of(&received))?, &[], context)?,
                Incoming::Content(content) => {
                    let body = content.body(&received);
                    self.told(decoded(content.method(&received))?, body.as_slice(), context)?;
                }
                Incoming::Heartbeat => {}
                other => return Err(Failure::new("queues", format!("the server sent {other:?}"))),
            }
        }
        self.received = received[fed.consumed_to..].to_vec();
        Ok(())
    }

    fn told(&mut self, method: Method<'_>, body: &[u8], context: &mut Released<'_>) -> Checked {
        match method {
            Method::BasicAck(ack) => self.confirmed(ack.delivery_tag, ack.multiple, context),
            Method::BasicDeliver(deliver) => {
                let unknown = || Failure::new("queues", "a delivery to a consumer that there is not");
                let consumed = self.consumed.get_mut(&deliver.consumer_tag[..]).ok_or_else(unknown)?;
                let id = whole(body)?;
                let held = Held { tag: deliver.delivery_tag, queue: consumed.queue.clone(), id };
                let newest = Some(&mut consumed.newest_order);
                context.delivered(&held, self.client, deliver.redelivered, newest)?;
                if consumed.acknowledges {
                    self.arriving.push_back(held);
                }
                Ok(())
            }
            method => self.answered(method, body, context),
        }
    }

    fn answered(&mut self, method: Method<'_>, body: &[u8], context: &mut Released<'_>) -> Checked {
        let unexpected = |awaited: Option<&Awaited>| {
            let due = awaited.map(|awaited| &awaited.what);
            Failure::new("queues", format!("the server sent {method:?}, but due is the answer to {due:?}"))
        };
        let Some(awaited) = self.awaited.pop_front() else { return Err(unexpected(None)) };
        let mut level = Level::Written;
        match (&awaited.answer, &method) {
            (Answer::Method(id), _) if *id == method.id() => {}
            (Answer::Commit, Method::TxCommitOk(_)) => level = context.confirm_level,
            (Answer::Get(_), Method::BasicGetEmpty(_)) => {}
            (Answer::Get(queue), Method::BasicGetOk(ok)) => {
                let held = Held { tag: ok.delivery_tag, queue: queue.clone(), id: whole(body)? };
                context.delivered(&held, self.client, ok.redelivered, None)?;
                self.arriving.push_back(held);
            }
            (Answer::Count(queue), Method::QueueDeclareOk(ok)) => {
                context.counted(queue, ok.message_count as usize, awaited.counts)?;
            }
            _ => return Err(unexpected(Some(&awaited))),
        }
        context.told(awaited.what, awaited.depends_on, level)
    }

    fn confirmed(&mut self, tag: u64, multiple: bool, context: &mut Released<'_>) -> Checked {
        let numbers = if multiple { 0..=tag } else { tag..=tag };
        let confirmed: Vec<u64> = self.confirms.range(numbers).map(|(number, _)| *number).collect();
        if confirmed.is_empty() {
            return Err(Failure::new("queues", format!("a confirm of number {tag}, which waits for none")));
        }
        for number in confirmed {
            match self.confirms.remove(&number) {
                Some((what, Some(lsn))) => {
                    context.told(format!("confirm of {what}"), lsn, context.confirm_level)?;
                }
                _ => return Err(Failure::new("queues", format!("number {number} is confirmed unpublished"))),
            }
        }
        Ok(())
    }
}

fn decoded(payload: &[u8]) -> Checked<Method<'_>> {
    Method::decode(payload).map_err(|error| Failure::new("queues", format!("no method: {error:?}")))
}

fn whole(body: &[u8]) -> Checked<u64> {
    let damaged = || Failure::new("queues", format!("a damaged body: {}", crate::trace::shown(body)));
    id_of(body).ok_or_else(damaged)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_tells_which_message_it_is_and_whether_it_is_whole() {
        for id in [0, 1, 7, 49, 50, 1234] {
            let mut body = body_of(id);
            assert_eq!(id_of(&body), Some(id));
            body.pop();
            assert_eq!(id_of(&body), None);
        }
    }
}
