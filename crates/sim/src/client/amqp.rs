//! An AMQP client with one channel. Requests are carried out on the model at the moment when the engine runs
//! them; what comes back is checked where the server lets it go.

mod requests;

use crate::checker::failure::{Checked, Failure};
use crate::checker::{Level, Released};
use crate::model::{Moment, Refusable};
use std::collections::{BTreeMap, VecDeque};
use warren_amqp::method::MethodRow;
use warren_amqp::methods::*;
use warren_amqp::{Assembler, Incoming, MethodId, PROTOCOL_HEADER, ShortStr, encode};
use warren_units::bounds::{CHANNEL_COUNT_MAX, FRAME_SIZE_BYTES_MIN};
use warren_units::{Lsn, Rope};

/// The one channel.
const CHANNEL: u16 = 1;

/// Requests that add to the state.
const GROWING: &[&str] =
    &["basic.publish", "tx.commit", "queue.declare", "exchange.declare", "bind", "queue.bind"];

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
        session.write(0, ConnectionOpen { virtual_host: ShortStr::literal("/"), ..Default::default() });
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

    pub fn may_send(&self) -> bool {
        self.sent.len() + self.awaited.len() + self.confirms.len() < 16
    }

    pub fn unanswered(&self) -> usize {
        self.sent.len() + self.awaited.len() + self.confirms.len()
    }

    /// The engine has refused the next request, because the disk is full.
    pub fn refused(&mut self, refusable: Refusable) -> Checked<String> {
        let what = self.sent.pop_front().map(|sent| sent.what).unwrap_or_default();
        let grows = GROWING.iter().any(|growing| what.starts_with(growing));
        if !grows && refusable < Refusable::Everything {
            return Err(Failure::new("queues", format!("a full disk refuses {what}")));
        }
        Ok(what)
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

/// Whether what the server sends says that the disk is full.
pub fn is_disk_full(bytes: &[u8]) -> bool {
    const TEXT: &[u8] = b"RESOURCE_ERROR - no space left on the disk";
    bytes.windows(TEXT.len()).any(|window| window == TEXT)
}

fn decoded(payload: &[u8]) -> Checked<Method<'_>> {
    Method::decode(payload).map_err(|error| Failure::new("queues", format!("no method: {error:?}")))
}

fn whole(body: &[u8]) -> Checked<u64> {
    let damaged = || Failure::new("queues", format!("a damaged body: {}", crate::trace::shown(body)));
    id_of(body).ok_or_else(damaged)
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
