//! `channel.flow`: a client may only ask for the flow it already has; consumers are held back by `basic.qos`.

use crate::call::Call;
use crate::refusal::Refusal;
use warren_amqp::ReplyCode;
use warren_amqp::methods::{ChannelFlow, ChannelFlowOk};

pub(in crate::methods) fn handle(call: &mut Call<'_, '_>, flow: ChannelFlow) -> Result<(), Refusal> {
    if !flow.active {
        return Err(Refusal::new(ReplyCode::NotImplemented, "active=false"));
    }
    call.reply(ChannelFlowOk { active: true });
    Ok(())
}
