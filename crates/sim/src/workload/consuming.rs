//! Consumers: acknowledge one or several, give back, drop; and one that does not acknowledge at all.

use super::{AmqpFamily, Family, Ids, Kind};
use crate::client::amqp::AmqpSession;
use crate::random::Random;

pub static FAMILY: Family = Family { name: "consuming", kind: Kind::Amqp(AmqpFamily { open, act }) };

fn open(session: &mut AmqpSession) {
    session.qos(3 + session.client as u16 % 5);
    session.consume("work.0", true);
    session.consume(if session.client.is_multiple_of(2) { "work.1" } else { "bridge" }, true);
    session.consume("taken", false);
}

fn act(session: &mut AmqpSession, random: &mut Random, _: &mut Ids) {
    settle_one(session, random, 70);
}

/// Settles a message held, if there is one, and acknowledges it in so many cases of a hundred.
pub fn settle_one(session: &mut AmqpSession, random: &mut Random, acknowledged_percent: u64) {
    if session.held.is_empty() {
        return;
    }
    let place = random.below(session.held.len() as u64) as usize;
    let multiple = random.chance(30);
    if random.chance(acknowledged_percent) {
        session.acknowledge(place, multiple);
    } else {
        session.refuse(place, multiple, random.chance(20));
    }
}
