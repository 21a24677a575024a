//! One consumer: counts deliveries and acknowledges them in batches.

use super::{Flags, Totals, short};
use crate::bench::link::{CHANNEL, Link, check};
use warren_amqp::method::MethodRow;
use warren_amqp::methods::{BasicConsume, BasicConsumeOk, BasicQos, BasicQosOk, Method};
use warren_amqp::{Incoming, encode};
use warren_units::Rope;

pub struct Consumer {
    pub link: Link,
    unacknowledged: u64,
}

impl Consumer {
    /// Consumes from every queue whose turn it is: with fewer queues than consumers they share.
    pub fn open(flags: &Flags, names: &[String], index: usize) -> Result<Consumer, String> {
        let mut link = Link::open(&flags.uri)?;
        if flags.prefetch > 0 {
            let qos = BasicQos { prefetch_count: flags.prefetch, ..Default::default() };
            link.call(qos, BasicQosOk::ID)?;
        }
        for name in names.iter().skip(index % names.len()).step_by(flags.consumers) {
            let consume =
                BasicConsume { queue: short(name)?, no_ack: flags.ack_batch == 0, ..Default::default() };
            link.call(consume, BasicConsumeOk::ID)?;
        }
        Ok(Consumer { link, unacknowledged: 0 })
    }

    /// Reads all that has come.
    pub fn take(&mut self, flags: &Flags, totals: &mut Totals) -> Result<(), String> {
        self.link.socket.flush()?;
        while self.link.socket.receive()? {
            let size = self.link.assemble()?;
            let now = totals.nanos();
            let mut acknowledgements = Rope::new();
            let input = self.link.socket.unread();
            for incoming in self.link.incoming.drain(..) {
                let content = match incoming {
                    Incoming::Content(content) => content,
                    Incoming::Method { method, .. } => {
                        check(method.of(input))?;
                        continue;
                    }
                    _ => continue,
                };
                totals.consumed += 1;
                if let Some(sent_at) = content.body(input).as_slice().first_chunk() {
                    totals.delivery_latency.record(now.saturating_sub(u64::from_le_bytes(*sent_at)));
                }
                if flags.ack_batch == 0 {
                    continue;
                }
                self.unacknowledged += 1;
                if self.unacknowledged >= flags.ack_batch
                    && let Ok(Method::BasicDeliver(deliver)) = Method::decode(content.method(input))
                {
                    encode::basic_ack(&mut acknowledgements, CHANNEL, deliver.delivery_tag, true);
                    self.unacknowledged = 0;
                }
            }
            self.link.socket.consume(size);
            if !acknowledgements.is_empty() {
                self.link.socket.output.extend_from_slice(acknowledgements.bytes_mut());
                self.link.socket.flush()?;
            }
        }
        Ok(())
    }
}
