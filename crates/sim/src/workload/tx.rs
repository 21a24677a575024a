//! tx.select: publishes and settlements that become one record, or nothing.

use super::consuming::settle_one;
use super::publishing::to_queue;
use super::{AmqpFamily, Family, Ids, Kind};
use crate::client::amqp::AmqpSession;
use crate::random::Random;

pub static FAMILY: Family = Family { name: "tx", kind: Kind::Amqp(AmqpFamily { open, act }) };

fn open(session: &mut AmqpSession) {
    session.tx_select();
    session.qos(8);
    session.consume("tx", true);
}

fn act(session: &mut AmqpSession, random: &mut Random, ids: &mut Ids) {
    match random.below(10) {
        0..=3 => {
            let queue = *random.pick(&["tx", "work.0"]);
            session.publish(("", queue), ids.next(), random.chance(90), to_queue(queue));
        }
        4..=6 => settle_one(session, random, 80),
        7 => session.tx_rollback(),
        _ => session.tx_commit(),
    }
}
