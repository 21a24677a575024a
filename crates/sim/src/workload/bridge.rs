//! A key and a message in one MULTI with AMQP.PUBLISH.

use super::strings::set;
use super::{Family, Ids, Kind};
use crate::client::amqp::body_of;
use crate::operation::{Operation, words};
use crate::random::Random;
use crate::reply::Reply;

pub static FAMILY: Family = Family { name: "bridge", kind: Kind::Resp(next) };

fn next(random: &mut Random, ids: &mut Ids) -> Vec<Operation> {
    let id = ids.next();
    let key = format!("order:{}", random.below(6)).into_bytes();
    if random.chance(20) {
        return vec![publish(id)];
    }
    let mut operations = vec![Operation::multi(), set(key, id.to_string().into_bytes()), publish(id)];
    if random.chance(30) {
        operations.push(publish(ids.next()));
    }
    operations.push(Operation::exec());
    operations
}

fn publish(id: u64) -> Operation {
    Operation::command(words!["AMQP.PUBLISH", "", "bridge", body_of(id)], move |moment, _| {
        if !moment.model.queues.exists("bridge") {
            return Reply::Integer(0);
        }
        let lsn = moment.record_of("bridge");
        moment.model.queues.publish("bridge", id, lsn, true);
        Reply::Integer(1)
    })
}
