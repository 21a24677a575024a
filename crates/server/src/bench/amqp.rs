//! Publishers and consumers over AMQP, each on a connection of its own, all on one thread. Messages carry
//! the time they were published at, so latencies are those from publish to delivery.

mod consumer;
mod publisher;

use crate::bench::histogram::Histogram;
use crate::bench::link::Link;
use crate::bench::meter::Meter;
use clap::Args;
use consumer::Consumer;
use mio::{Events, Poll};
use publisher::Publisher;
use std::time::{Duration, Instant};
use warren_amqp::ShortStr;
use warren_amqp::method::MethodRow;
use warren_amqp::methods::{QueueDeclare, QueueDeclareOk, QueueDelete, QueueDeleteOk};

#[derive(Args)]
pub struct Flags {
    #[arg(long, default_value = "127.0.0.1:5672")]
    uri: String,
    #[arg(long, default_value_t = 1)]
    publishers: usize,
    #[arg(long, default_value_t = 1)]
    consumers: usize,
    /// Size of a message's body; from 8 bytes on it carries the time it was published at.
    #[arg(long, default_value_t = 16)]
    size: usize,
    /// Messages that may wait for their confirm, for each publisher; 0 is no confirms.
    #[arg(long, default_value_t = 0, value_name = "WINDOW")]
    confirms: usize,
    /// Acknowledge every so many deliveries; 0 consumes without acknowledgements.
    #[arg(long, default_value_t = 0)]
    ack_batch: u64,
    #[arg(long, default_value_t = 0)]
    prefetch: u16,
    /// Durable queues, persistent messages.
    #[arg(long)]
    persistent: bool,
    /// Queues, published to in turn.
    #[arg(long, default_value_t = 1)]
    queues: usize,
    /// Publishers wait while consumers are so many messages behind; 0 is no limit.
    #[arg(long, default_value_t = 0)]
    backlog: u64,
    /// Never sleep: no wake-up of the generator is in the latencies. For a generator with a core of its own.
    #[arg(long)]
    spin: bool,
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    #[arg(long, default_value_t = 0.5)]
    warmup: f64,
    /// Process whose CPU time is measured; may be given more than once.
    #[arg(long)]
    server_pid: Vec<u32>,
}

/// What all clients count.
struct Totals {
    begin: Instant,
    /// Since the start, for `backlog`.
    published: u64,
    consumed: u64,
    confirmed: u64,
    confirm_latency: Histogram,
    delivery_latency: Histogram,
}

impl Totals {
    fn nanos(&self) -> u64 {
        self.begin.elapsed().as_nanos() as u64
    }
}

pub fn run(flags: &Flags) -> Result<(), String> {
    if flags.queues == 0 || (flags.publishers == 0 && flags.consumers == 0) {
        return Err("queues must be at least 1, and so must publishers or consumers".to_owned());
    }
    let names: Vec<_> =
        (0..flags.queues).map(|index| format!("warren-bench-{}-{index}", std::process::id())).collect();
    let mut control = Link::open(&flags.uri)?;
    for name in &names {
        let declare = QueueDeclare { queue: short(name)?, durable: flags.persistent, ..Default::default() };
        control.call(declare, QueueDeclareOk::ID)?;
    }
    let line = measure(flags, &names);
    for name in &names {
        control.call(QueueDelete { queue: short(name)?, ..Default::default() }, QueueDeleteOk::ID)?;
    }
    println!("{}", line?);
    Ok(())
}

fn short(name: &str) -> Result<ShortStr<'_>, String> {
    ShortStr::new(name.as_bytes()).ok_or_else(|| format!("the name {name} is too long"))
}

fn measure(flags: &Flags, names: &[String]) -> Result<String, String> {
    let mut poll = Poll::new().map_err(|error| format!("cannot poll: {error}"))?;
    let mut consumers = Vec::new();
    for index in 0..flags.consumers {
        let mut consumer = Consumer::open(flags, names, index)?;
        consumer.link.socket.watch(&poll, index)?;
        consumers.push(consumer);
    }
    let mut publishers = Vec::new();
    for index in 0..flags.publishers {
        let mut publisher = Publisher::open(flags, names)?;
        publisher.link.socket.watch(&poll, flags.consumers + index)?;
        publishers.push(publisher);
    }
    let mut totals = Totals {
        begin: Instant::now(),
        published: 0,
        consumed: 0,
        confirmed: 0,
        confirm_latency: Histogram::new(),
        delivery_latency: Histogram::new(),
    };
    // The rate is that of what comes out at the far end.
    let count = |totals: &Totals| match (flags.consumers, flags.confirms) {
        (1.., _) => totals.consumed,
        (0, 1..) => totals.confirmed,
        (0, 0) => totals.published,
    };
    let (mut meter, mut is_warm, mut base) = (Meter::start(flags.warmup, &[]), false, 0);
    let mut events = Events::with_capacity(1024);
    loop {
        let mut can_go_on = false;
        for publisher in &mut publishers {
            can_go_on |= publisher.publish(flags, &mut totals)?;
        }
        let timeout = if can_go_on || flags.spin { Duration::ZERO } else { Duration::from_millis(100) };
        match poll.poll(&mut events, Some(timeout)) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => return Err(error.to_string()),
            _ => {}
        }
        for event in &events {
            match event.token().0.checked_sub(flags.consumers) {
                None => consumers[event.token().0].take(flags, &mut totals)?,
                Some(index) => publishers[index].take(&mut totals)?,
            }
        }
        if is_warm {
            meter.tick(count(&totals) - base);
        }
        match (meter.is_over(), is_warm) {
            (false, _) => {}
            (true, false) => {
                (is_warm, base) = (true, count(&totals));
                totals.confirm_latency.clear();
                totals.delivery_latency.clear();
                meter = Meter::start(flags.seconds, &flags.server_pid);
            }
            (true, true) => break,
        }
    }
    let line = meter.totals(count(&totals) - base);
    let micros = |histogram: &Histogram| (histogram.micros(0.5), histogram.micros(0.99));
    let (confirm, delivery) = (micros(&totals.confirm_latency), micros(&totals.delivery_latency));
    Ok(format!(
        "{line} p50_us={:.1} p99_us={:.1} confirm_p50_us={:.1} confirm_p99_us={:.1}",
        delivery.0, delivery.1, confirm.0, confirm.1
    ))
}
