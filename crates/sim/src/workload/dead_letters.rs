//! Messages that grow too old or are rejected in one queue, and are found in another.

use super::consuming::settle_one;
use super::publishing::to_queue;
use super::{AmqpFamily, Family, Ids, Kind};
use crate::client::amqp::AmqpSession;
use crate::random::Random;

pub static FAMILY: Family = Family { name: "dead_letters", kind: Kind::Amqp(AmqpFamily { open, act }) };

fn open(session: &mut AmqpSession) {
    session.confirm_select();
    session.qos(2);
    session.consume("dead.target", true);
    if session.client.is_multiple_of(3) {
        session.consume("dead.source", true);
    }
}

fn act(session: &mut AmqpSession, random: &mut Random, ids: &mut Ids) {
    if random.chance(50) {
        session.publish(("", "dead.source"), ids.next(), true, to_queue("dead.source"));
    } else {
        settle_one(session, random, 50);
    }
}
