//! Requests of a channel whose basic.get waits for a body to be read: they are kept as they came and run when
//! the body is here, so that the channel's replies stay in order. Other channels go on.

use crate::broker::{Broker, Content};
use crate::methods;
use crate::queue::QueueRef;
use bytes::Bytes;
use std::collections::VecDeque;
use warren_amqp::methods::BasicGet;
use warren_amqp::{Method, MethodId, Payload, RawProperties};
use warren_units::{PeerId, Step};

/// A connection whose postponed requests take more is not read from.
const POSTPONED_BYTES_MAX: usize = 1024 * 1024;

/// One request that owns its bytes.
enum Request {
    Method { method: Vec<u8>, content: Option<(Vec<u8>, Bytes)> },
    Oversized { method: MethodId, size_bytes: u64 },
}

/// The requests of one channel since the basic.get that waits, which is the first of them.
pub struct Postponed {
    /// Where it waits.
    pub queue: QueueRef,
    requests: VecDeque<Request>,
    size_bytes: usize,
}

impl Postponed {
    pub fn push(&mut self, method: Method<'_>, content: Option<Content<'_>>) {
        let mut bytes = Vec::new();
        method.encode(&mut bytes);
        let content =
            content.map(|content| (content.properties.as_bytes().to_vec(), content.body.to_bytes()));
        let content_size = content.as_ref().map_or(0, |(properties, body)| properties.len() + body.len());
        self.size_bytes += size_of::<Request>() + bytes.len() + content_size;
        self.requests.push_back(Request::Method { method: bytes, content });
    }

    pub fn push_oversized(&mut self, method: MethodId, size_bytes: u64) {
        self.requests.push_back(Request::Oversized { method, size_bytes });
    }
}

impl Broker {
    /// The channel's basic.get waits for a body, and with it what the client sends next on this channel.
    pub(crate) fn postpone(&mut self, key: u32, queue: QueueRef, get: BasicGet<'_>) {
        let mut postponed = Postponed { queue, requests: VecDeque::new(), size_bytes: 0 };
        postponed.push(get.into(), None);
        self.channels[key as usize].postponed = Some(Box::new(postponed));
        self.postponed_count += 1;
        self.wait_for_body(queue.slot, key);
    }

    /// Whether the connection has sent so much behind a basic.get that waits that it should not be read from
    /// until the answer has left.
    pub fn is_waiting_full(&self, peer: PeerId) -> bool {
        if self.postponed_count == 0 {
            return false;
        }
        let Some(connection) = self.connection(peer) else { return false };
        let postponed =
            connection.open_channels().filter_map(|key| self.channels[key as usize].postponed.as_ref());
        postponed.map(|postponed| postponed.size_bytes).sum::<usize>() > POSTPONED_BYTES_MAX
    }

    /// How many requests of the connection wait for a body, basic.get included.
    pub fn postponed_request_count(&self, peer: PeerId) -> usize {
        let channels = self.connection(peer).into_iter().flat_map(|connection| connection.open_channels());
        let postponed = channels.filter_map(|key| self.channels[key as usize].postponed.as_ref());
        postponed.map(|postponed| postponed.requests.len()).sum()
    }

    /// Bytes of all that is postponed: so much may be published by the step that brings bodies.
    pub fn postponed_bytes(&self) -> usize {
        if self.postponed_count == 0 {
            return 0;
        }
        let postponed = self.channels.iter().filter_map(|(_, channel)| channel.postponed.as_ref());
        postponed.map(|postponed| postponed.size_bytes).sum()
    }

    /// Runs what channels postponed whose body is here. A basic.get that has to wait again postpones what
    /// stands behind it again.
    pub(crate) fn run_woken(&mut self, step: &mut Step<'_>) {
        for key in std::mem::take(&mut self.woken) {
            let Some(channel) = self.channels.get_mut(key as usize) else { continue };
            let (peer, number) = (channel.peer, channel.number);
            let Some(postponed) = channel.postponed.take() else { continue };
            self.postponed_count -= 1;
            for request in postponed.requests {
                match request {
                    Request::Method { method, content } => {
                        let method = Method::decode(&method).expect("the method was decoded before");
                        let content = content.as_ref().map(|(properties, body)| Content {
                            properties: RawProperties::trusted(properties),
                            body: Payload::Shared(body),
                        });
                        methods::receive(self, step, peer, number, method, content);
                    }
                    Request::Oversized { method, size_bytes } => {
                        methods::oversized(self, step, peer, number, method, size_bytes);
                    }
                }
            }
        }
    }

    /// A channel goes with what it postponed.
    pub(crate) fn forget_postponed(&mut self, key: u32) {
        let Some(postponed) = self.channels[key as usize].postponed.take() else { return };
        self.postponed_count -= 1;
        if let Some(queue) = self.state.live_queue(postponed.queue) {
            queue.paging.forget_waiting(key);
        }
        self.woken.retain(|woken| *woken != key);
    }
}
