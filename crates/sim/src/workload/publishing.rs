//! Publishers with confirms, persistent and transient, to the standing queues.

use super::{AmqpFamily, Family, Ids, Kind};
use crate::client::amqp::AmqpSession;
use crate::model::Moment;
use crate::random::Random;

pub static FAMILY: Family = Family { name: "publishing", kind: Kind::Amqp(AmqpFamily { open, act }) };

fn open(session: &mut AmqpSession) {
    session.confirm_select();
}

fn act(session: &mut AmqpSession, random: &mut Random, ids: &mut Ids) {
    let queue = *random.pick(&["work.0", "work.1", "taken"]);
    for _ in 0..1 + random.below(4) {
        session.publish(("", queue), ids.next(), random.chance(80), to_queue(queue));
    }
}

/// Where the default exchange brings a message.
pub fn to_queue(queue: &'static str) -> impl Fn(&Moment<'_>) -> Vec<String> {
    move |moment| {
        let is_there = moment.model.queues.exists(queue);
        is_there.then(|| super::model_queue(queue).to_owned()).into_iter().collect()
    }
}
