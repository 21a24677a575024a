//! `channel.open`: a number becomes a channel.

use crate::broker::Broker;
use crate::call::Call;
use crate::channel::Channel;
use crate::connection::ChannelSlot;
use crate::refusal::Refusal;
use warren_amqp::methods::{ChannelOpen, ChannelOpenOk};
use warren_amqp::{ReplyCode, encode};
use warren_units::{Gate, PeerId, Step};

pub(in crate::methods) fn handle(
    broker: &mut Broker,
    step: &mut Step<'_>,
    peer: PeerId,
    number: u16,
) -> Result<(), Refusal> {
    let Some(connection) = broker.connection(peer) else { return Ok(()) };
    let (count, max) = (connection.channel_count(), connection.channel_max);
    // As in RabbitMQ the limit is one of their count: any number may be used.
    if count >= usize::from(max) {
        let text =
            format!("number of channels opened ({count}) has reached the negotiated channel_max ({max})");
        return Err(Refusal::new(ReplyCode::NotAllowed, text));
    }
    let (vhost, user, frame_max) = (connection.vhost, connection.user.clone(), connection.frame_max);
    let key = broker.channels.insert(Channel::new(peer, number, vhost, user, frame_max)) as u32;
    if let Some(connection) = broker.connection_mut(peer) {
        connection.set_channel(number, ChannelSlot::Open(key));
    }
    let opened = ChannelOpenOk { channel_id: b"" };
    step.peers.output(peer, Gate::OPEN, |rope| encode::method_frame(rope, number, opened));
    Ok(())
}

pub(in crate::methods) fn handle_second(_: &mut Call<'_, '_>, _: ChannelOpen<'_>) -> Result<(), Refusal> {
    Err(second_seen())
}

/// The number is a channel already, if only one that the server has closed and the client has not yet.
pub(in crate::methods) fn second_seen() -> Refusal {
    Refusal::new(ReplyCode::ChannelError, "second 'channel.open' seen")
}
