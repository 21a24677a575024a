//! `basic.qos`: how many deliveries may be unsettled, for each consumer to come or for the channel in all.

use crate::call::Call;
use crate::refusal::Refusal;
use warren_amqp::ReplyCode;
use warren_amqp::methods::{BasicQos, BasicQosOk};

pub(in crate::methods) fn handle(call: &mut Call<'_, '_>, qos: BasicQos) -> Result<(), Refusal> {
    if qos.prefetch_size != 0 {
        let text = format!("prefetch_size!=0 ({})", qos.prefetch_size);
        return Err(Refusal::new(ReplyCode::NotImplemented, text));
    }
    let channel = call.channel();
    if qos.global {
        channel.prefetch_in_all = qos.prefetch_count;
    } else {
        // As in RabbitMQ, a limit per consumer lifts the one for all.
        channel.prefetch_per_consumer = qos.prefetch_count;
        channel.prefetch_in_all = 0;
    }
    call.reply(BasicQosOk {});
    call.broker.unpark(call.step, call.channel);
    Ok(())
}
