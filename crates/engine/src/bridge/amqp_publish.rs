//! AMQP.PUBLISH: a message from a RESP client, in one record with the writes beside it.
//!
//! ```text
//! MULTI
//! SET order:1 paid
//! AMQP.PUBLISH "" invoices order:1
//! EXEC
//! ```

use warren_amqp::{Payload, reply_text};
use warren_broker::{Broker, Refusal};
use warren_cache::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use warren_resp::{Args, Reply};
use warren_units::{Gate, Step};

pub static AMQP_PUBLISH: CommandSpec = CommandSpec {
    name: "amqp.publish",
    arity: 4,
    flags: Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST),
    keys: Keys::None,
    categories: "",
    group: Group::Broker,
    since: "0.1.0",
    summary: "Publishes a persistent message to an AMQP exchange. Replies how many queues took it.",
    complexity: "O(N) where N is the number of queues that take the message.",
    syntax: "exchange routing-key body",
    carrier: Carrier::Host(0),
};

pub fn check(broker: &Broker, args: Args<'_>) -> Result<(), CommandError> {
    broker.check_publish(args.get(1), args.get(2), args.get(3).len() as u64).map_err(refused)
}

pub fn size_bytes_max(broker: &Broker, args: Args<'_>) -> usize {
    broker.bridged_size(args.get(1), args.get(2), args.get(3).len())
}

pub fn run(
    broker: &mut Broker,
    args: Args<'_>,
    is_always: bool,
    step: &mut Step<'_>,
    reply: &mut Reply<'_>,
) -> Result<Gate, CommandError> {
    let body = args.shared(3).map_or(Payload::Plain(args.get(3)), Payload::Shared);
    let published =
        broker.publish_from_bridge(step, args.get(1), args.get(2), body, is_always).map_err(refused)?;
    reply.integer(published.queue_count as i64);
    // The reply is the publisher's confirm, too.
    Ok(published.gate)
}

/// AMQP's reply code and text as a RESP error, e.g. `NOT_FOUND no exchange 'x' in vhost '/'`.
fn refused(refusal: Refusal) -> CommandError {
    CommandError::from(reply_text(refusal.code, &refusal.explanation))
}
