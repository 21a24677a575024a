//! Declare, bind, publish through an exchange, unbind, purge, delete: each client with a queue of its own.

use super::{AmqpFamily, Family, Ids, Kind};
use crate::client::amqp::AmqpSession;
use crate::model::Moment;
use crate::random::Random;

pub static FAMILY: Family = Family { name: "topology", kind: Kind::Amqp(AmqpFamily { open, act }) };

/// Every start declares it.
pub const EXCHANGE: &str = "scratch";
const KEY: &str = "all";

fn own_queue(session: &AmqpSession) -> String {
    format!("scratch.{}", session.client)
}

fn open(session: &mut AmqpSession) {
    let queue = own_queue(session);
    session.declare(&queue, None, None);
    session.confirm_select();
}

fn act(session: &mut AmqpSession, random: &mut Random, ids: &mut Ids) {
    let queue = own_queue(session);
    match random.below(12) {
        0..=5 => session.publish((EXCHANGE, KEY), ids.next(), random.chance(80), to_bound),
        6..=7 => session.set_bound(&queue, EXCHANGE, KEY, true),
        8 => session.set_bound(&queue, EXCHANGE, KEY, false),
        9..=10 => session.purge(&queue),
        _ => {
            session.delete(&queue);
            session.declare(&queue, None, None);
            session.set_bound(&queue, EXCHANGE, KEY, true);
        }
    }
}

fn to_bound(moment: &Moment<'_>) -> Vec<String> {
    let queues = moment.model.queues.queues.iter();
    queues.filter(|(_, queue)| queue.is_bound()).map(|(name, _)| name.clone()).collect()
}
