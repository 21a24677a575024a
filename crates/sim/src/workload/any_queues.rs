//! Queues with every argument: lengths, priorities, times, quorum queues; fanout and topic exchanges, some bound to
//! each other. Nobody foretells what is delivered: what counts is that the records give the same state again.

use super::consuming::settle_one;
use super::{AmqpFamily, Family, Ids, Kind};
use crate::client::amqp::AmqpSession;
use crate::random::Random;
use warren_amqp::{FieldTable, FieldValue, ShortStr};

pub static FAMILY: Family = Family { name: "any_queues", kind: Kind::Amqp(AmqpFamily { open, act }) };

/// Name, and arguments.
const QUEUES: &[(&str, &[(&str, i64)])] = &[
    ("any.short", &[("x-max-length", 4)]),
    ("any.small", &[("x-max-length-bytes", 300)]),
    ("any.ranked", &[("x-max-priority", 3)]),
    ("any.brief", &[("x-message-ttl", 60)]),
    ("any.limited", &[("x-delivery-limit", 2)]),
    ("any.plain", &[]),
];

/// Where the dead of all of them go.
const GRAVE: &str = "any.plain";

fn open(session: &mut AmqpSession) {
    for (queue, arguments) in QUEUES {
        let mut table = FieldTable::new();
        for (name, value) in *arguments {
            table.insert(ShortStr::literal(name), *value);
        }
        if *queue == "any.limited" {
            table.insert(ShortStr::literal("x-queue-type"), FieldValue::LongStr(b"quorum".to_vec()));
        }
        if *queue != GRAVE {
            table.insert(ShortStr::literal("x-dead-letter-exchange"), "");
            table.insert(ShortStr::literal("x-dead-letter-routing-key"), GRAVE);
        }
        session.declare_with(queue, &table);
        session.set_bound_untracked(queue, "amq.fanout", "");
        session.set_bound_untracked(queue, "amq.topic", "any.#");
    }
    session.confirm_select();
    session.qos(4);
    let (queue, _) = QUEUES[session.client % QUEUES.len()];
    session.consume(queue, true);
}

fn act(session: &mut AmqpSession, random: &mut Random, ids: &mut Ids) {
    if random.chance(50) {
        return settle_one(session, random, 40);
    }
    let (queue, _) = *random.pick(QUEUES);
    let (exchange, key) = match random.below(6) {
        0 => ("amq.fanout", ""),
        1 => ("amq.topic", "any.thing"),
        _ => ("", queue),
    };
    let priority = random.below(5) as u8;
    let expiration = random.chance(20).then(|| random.below(200).to_string());
    session.publish_untracked(
        (exchange, key),
        ids.next(),
        random.chance(85),
        priority,
        expiration.as_deref(),
    );
}
