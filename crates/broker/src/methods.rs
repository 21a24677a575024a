//! The table of methods: one file each (or per family) in `methods/<class>/`, one row here. Methods of the
//! class connection are `handshake`'s.

mod access;
mod basic;
mod channel;
mod confirm;
mod exchange;
mod queue;
mod tx;

use crate::broker::{Broker, Content};
use crate::call::Call;
use crate::connection::{ChannelSlot, Phase};
use crate::handshake;
use crate::refusal::Refusal;
use warren_amqp::methods::{ChannelClose, ChannelCloseOk};
use warren_amqp::{Incoming, Method, MethodId, ReplyCode, ShortStr, encode, reply_text};
use warren_units::{Gate, PeerId, Step};

/// Rows `Method => handler`: the handler takes the call and the decoded method. Methods with content and
/// those that open a channel stand in `dispatch` themselves.
macro_rules! rows {
    ($($method:ident => $handler:path,)*) => {
        fn dispatch(call: &mut Call<'_, '_>, method: Method<'_>, content: Option<Content<'_>>) -> Result<(), Refusal> {
            match method {
                Method::BasicPublish(publish) => match content {
                    Some(content) => basic::publish::handle(call, publish, content),
                    None => Err(unimplemented()),
                },
                $(Method::$method(method) => $handler(call, method),)*
                _ => Err(unimplemented()),
            }
        }
    };
}

rows! {
    ChannelOpen => channel::open::handle_second,
    ChannelFlow => channel::flow::handle,
    AccessRequest => access::request::handle,
    ExchangeDeclare => exchange::declare::handle,
    ExchangeDelete => exchange::delete::handle,
    ExchangeBind => exchange::bind::handle,
    ExchangeUnbind => exchange::bind::handle_unbind,
    QueueDeclare => queue::declare::handle,
    QueueBind => queue::bind::handle,
    QueueUnbind => queue::bind::handle_unbind,
    QueuePurge => queue::purge::handle,
    QueueDelete => queue::delete::handle,
    BasicQos => basic::qos::handle,
    BasicConsume => basic::consume::handle,
    BasicCancel => basic::cancel::handle,
    BasicCancelOk => basic::cancel::handle_ok,
    BasicGet => basic::get::handle,
    BasicAck => basic::acknowledge::handle,
    BasicReject => basic::acknowledge::handle_reject,
    BasicNack => basic::acknowledge::handle_nack,
    BasicRecover => basic::recover::handle,
    BasicRecoverAsync => basic::recover::handle_async,
    ConfirmSelect => confirm::select::handle,
    TxSelect => tx::select::handle,
    TxCommit => tx::commit::handle,
    TxRollback => tx::rollback::handle,
}

#[cold]
fn unimplemented() -> Refusal {
    Refusal::new(ReplyCode::CommandInvalid, "unimplemented method")
}

/// Executes a method; a refusal closes its channel or its connection.
#[inline]
pub(crate) fn receive(
    broker: &mut Broker,
    step: &mut Step<'_>,
    peer: PeerId,
    number: u16,
    method: Method<'_>,
    content: Option<Content<'_>>,
) {
    let executed = if number == 0 {
        match method.id().class {
            10 => handshake::receive(broker, step, peer, method),
            _ => Err(Refusal::new(ReplyCode::ChannelError, "unexpected method in connection state running")),
        }
    } else {
        on_channel(broker, step, peer, number, method, content)
    };
    if let Err(refusal) = executed {
        refuse(broker, step, peer, number, &refusal, method.id());
    }
}

#[inline]
fn on_channel(
    broker: &mut Broker,
    step: &mut Step<'_>,
    peer: PeerId,
    number: u16,
    method: Method<'_>,
    content: Option<Content<'_>>,
) -> Result<(), Refusal> {
    let Some(connection) = broker.connection(peer) else { return Ok(()) };
    match connection.phase {
        Phase::Running => {}
        Phase::Closing => return Ok(()),
        _ => return Err(Refusal::new(ReplyCode::ChannelError, "the connection is not open")),
    }
    let slot = connection.channel(number);
    if let ChannelSlot::Open(key) = slot
        && let Some(postponed) = &mut broker.channels[key as usize].postponed
    {
        postponed.push(method, content);
        return Ok(());
    }
    match (slot, method) {
        (ChannelSlot::Open(_), Method::ChannelClose(_)) => {
            broker.close_channel(step, peer, number, ChannelSlot::Free);
            send(step, peer, number, ChannelCloseOk {});
            Ok(())
        }
        (ChannelSlot::Open(channel), _) => {
            dispatch(&mut Call { broker, step, peer, number, channel }, method, content)
        }
        (ChannelSlot::Closing, Method::ChannelCloseOk(_)) => {
            broker.close_channel(step, peer, number, ChannelSlot::Free);
            Ok(())
        }
        (ChannelSlot::Closing, Method::ChannelClose(_)) => {
            send(step, peer, number, ChannelCloseOk {});
            Ok(())
        }
        (ChannelSlot::Closing, Method::ChannelOpen(_)) => Err(channel::open::second_seen()),
        (ChannelSlot::Closing, _) => Ok(()),
        (ChannelSlot::Free, Method::ChannelOpen(_)) => channel::open::handle(broker, step, peer, number),
        (ChannelSlot::Free, Method::ChannelCloseOk(_)) => Ok(()),
        (ChannelSlot::Free, Method::ChannelClose(_)) => {
            send(step, peer, number, ChannelCloseOk {});
            Ok(())
        }
        (ChannelSlot::Free, _) => Err(Refusal::new(ReplyCode::ChannelError, "expected 'channel.open'")),
    }
}

/// A message was too large to be read at all.
pub(crate) fn oversized(
    broker: &mut Broker,
    step: &mut Step<'_>,
    peer: PeerId,
    number: u16,
    method: MethodId,
    size_bytes: u64,
) {
    let slot = broker.connection(peer).map(|connection| connection.channel(number));
    if let Some(ChannelSlot::Open(key)) = slot {
        if let Some(postponed) = &mut broker.channels[key as usize].postponed {
            return postponed.push_oversized(method, size_bytes);
        }
        let refusal = Refusal::precondition_failed(Incoming::oversized_text(size_bytes));
        refuse(broker, step, peer, number, &refusal, method);
    }
}

#[cold]
fn refuse(
    broker: &mut Broker,
    step: &mut Step<'_>,
    peer: PeerId,
    number: u16,
    refusal: &Refusal,
    method: MethodId,
) {
    if number == 0 || refusal.code.is_hard() {
        broker.close_connection(step, peer, refusal, method);
        return;
    }
    broker.close_channel(step, peer, number, ChannelSlot::Closing);
    let text = reply_text(refusal.code, &refusal.explanation);
    let close = ChannelClose {
        reply_code: refusal.code.code(),
        reply_text: ShortStr::truncated(&text),
        class_id: method.class,
        method_id: method.method,
    };
    send(step, peer, number, close);
}

fn send<'a>(step: &mut Step<'_>, peer: PeerId, number: u16, method: impl Into<Method<'a>>) {
    step.peers.output(peer, Gate::OPEN, |rope| encode::method_frame(rope, number, method));
}
