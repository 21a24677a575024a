//! One publisher: sends copies of a ready-made message as far as its window goes.

use super::{Flags, Totals, short};
use crate::bench::link::{CHANNEL, FRAME_SIZE_BYTES_MAX, Link, check};
use std::collections::VecDeque;
use warren_amqp::frame::FRAME_OVERHEAD_SIZE_BYTES;
use warren_amqp::method::MethodRow;
use warren_amqp::methods::{BasicPublish, ConfirmSelect, ConfirmSelectOk, Method};
use warren_amqp::{Incoming, Payload, Properties, RawProperties, encode};
use warren_units::Rope;

/// Written at once where no window bounds it.
const BATCH_SIZE_BYTES: usize = 64 * 1024;
/// In `sent_at`: this confirm has come.
const CONFIRMED: u64 = u64::MAX;

/// A publish with all of its frames, for one queue.
struct Template {
    bytes: Vec<u8>,
    /// Where the body begins, if it has room for a time.
    time_at: Option<usize>,
}

pub struct Publisher {
    pub link: Link,
    templates: Vec<Template>,
    next_queue: usize,
    /// When the messages from tag `first_tag` on were sent.
    sent_at: VecDeque<u64>,
    first_tag: u64,
    unconfirmed: usize,
}

impl Publisher {
    pub fn open(flags: &Flags, names: &[String]) -> Result<Publisher, String> {
        let mut link = Link::open(&flags.uri)?;
        if flags.confirms > 0 {
            link.call(ConfirmSelect { nowait: false }, ConfirmSelectOk::ID)?;
        }
        let templates = names.iter().map(|name| Template::new(flags, name)).collect::<Result<_, _>>()?;
        let sent_at = VecDeque::new();
        Ok(Publisher { link, templates, next_queue: 0, sent_at, first_tag: 1, unconfirmed: 0 })
    }

    /// Publishes a batch at most; true where there is room for more.
    pub fn publish(&mut self, flags: &Flags, totals: &mut Totals) -> Result<bool, String> {
        if !self.link.socket.flush()? {
            return Ok(false);
        }
        let now = totals.nanos();
        let mut has_room = true;
        while self.link.socket.output.len() < BATCH_SIZE_BYTES {
            let is_behind = flags.backlog > 0 && totals.published - totals.consumed >= flags.backlog;
            has_room = !is_behind && (flags.confirms == 0 || self.unconfirmed < flags.confirms);
            if !has_room {
                break;
            }
            self.templates[self.next_queue].append(&mut self.link.socket.output, now);
            self.next_queue = (self.next_queue + 1) % self.templates.len();
            totals.published += 1;
            if flags.confirms > 0 {
                self.sent_at.push_back(now);
                self.unconfirmed += 1;
            }
        }
        Ok(self.link.socket.flush()? && has_room)
    }

    /// Reads the confirms that have come.
    pub fn take(&mut self, totals: &mut Totals) -> Result<(), String> {
        while self.link.socket.receive()? {
            let size = self.link.assemble()?;
            let now = totals.nanos();
            let incoming = std::mem::take(&mut self.link.incoming);
            for incoming in &incoming {
                let Incoming::Method { method, .. } = incoming else { continue };
                let payload = method.of(self.link.socket.unread());
                match Method::decode(payload) {
                    Ok(Method::BasicAck(ack)) => {
                        self.confirm(ack.delivery_tag, ack.multiple, now, totals);
                    }
                    Ok(Method::BasicNack(nack)) => {
                        return Err(format!("message {} was refused", nack.delivery_tag));
                    }
                    _ => drop(check(payload)?),
                }
            }
            self.link.incoming = incoming;
            self.link.incoming.clear();
            self.link.socket.consume(size);
        }
        Ok(())
    }

    fn confirm(&mut self, tag: u64, multiple: bool, now: u64, totals: &mut Totals) {
        let last = (tag + 1).saturating_sub(self.first_tag) as usize;
        let first = if multiple { 0 } else { last.saturating_sub(1) };
        for sent_at in self.sent_at.range_mut(first..last) {
            if *sent_at != CONFIRMED {
                totals.confirm_latency.record(now - *sent_at);
                totals.confirmed += 1;
                self.unconfirmed -= 1;
                *sent_at = CONFIRMED;
            }
        }
        while self.sent_at.front() == Some(&CONFIRMED) {
            self.sent_at.pop_front();
            self.first_tag += 1;
        }
    }
}

impl Template {
    fn new(flags: &Flags, name: &str) -> Result<Template, String> {
        let properties = Properties { delivery_mode: flags.persistent.then_some(2), ..Default::default() };
        let mut raw = Vec::new();
        properties.encode(&mut raw);
        let body = vec![b'x'; flags.size];
        let publish = BasicPublish { routing_key: short(name)?, ..Default::default() };
        let mut rope = Rope::new();
        let properties = RawProperties::trusted(&raw);
        encode::content(&mut rope, CHANNEL, publish, properties, Payload::Plain(&body), FRAME_SIZE_BYTES_MAX);
        let bytes = rope.to_vec();
        // The first 8 bytes lie behind the head of the first body frame.
        let frames = flags.size.div_ceil(FRAME_SIZE_BYTES_MAX as usize - FRAME_OVERHEAD_SIZE_BYTES);
        let body_frames = flags.size + frames * FRAME_OVERHEAD_SIZE_BYTES;
        let time_at = (flags.size >= 8).then(|| bytes.len() - body_frames + FRAME_OVERHEAD_SIZE_BYTES - 1);
        Ok(Template { bytes, time_at })
    }

    fn append(&self, out: &mut Vec<u8>, now: u64) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        if let Some(time_at) = self.time_at {
            out[start + time_at..start + time_at + 8].copy_from_slice(&now.to_le_bytes());
        }
    }
}
