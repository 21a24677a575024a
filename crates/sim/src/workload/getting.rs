//! basic.get beside the consumers.

use super::consuming::settle_one;
use super::{AmqpFamily, Family, Ids, Kind};
use crate::client::amqp::AmqpSession;
use crate::random::Random;

pub static FAMILY: Family = Family { name: "getting", kind: Kind::Amqp(AmqpFamily { open, act }) };

fn open(_: &mut AmqpSession) {}

fn act(session: &mut AmqpSession, random: &mut Random, _: &mut Ids) {
    if random.chance(50) {
        let queue = *random.pick(&["work.0", "work.1", "bridge"]);
        session.get(queue);
    } else {
        settle_one(session, random, 60);
    }
}
