//! `queue.bind` and `queue.unbind`: what an exchange gets also goes into a queue.

use crate::arguments::Arguments;
use crate::call::{Call, stripped};
use crate::exchange::{Binding, Destination};
use crate::methods::exchange::bind::need_room_to_bind;
use crate::refusal::Refusal;
use crate::topology::check_owner;
use warren_access::Operation;
use warren_amqp::methods::{QueueBind, QueueBindOk, QueueUnbind, QueueUnbindOk};
use warren_amqp::{ReplyCode, ShortStr, Table};

pub(in crate::methods) fn handle(call: &mut Call<'_, '_>, bind: QueueBind<'_>) -> Result<(), Refusal> {
    let (source, binding) = resolve(call, bind.queue, bind.exchange, bind.routing_key, bind.arguments)?;
    check_usable(call, &binding)?;
    (call.broker.state.exchange(source).exchange_type.validate_binding)(&binding.arguments)?;
    need_room_to_bind(call, source, &binding)?;
    let vhost = call.vhost();
    call.broker.bind(call.step, vhost, source, binding);
    call.reply_unless(bind.nowait, QueueBindOk {});
    Ok(())
}

pub(in crate::methods) fn handle_unbind(
    call: &mut Call<'_, '_>,
    unbind: QueueUnbind<'_>,
) -> Result<(), Refusal> {
    call.named_queue(&unbind.queue)?;
    match resolve(call, unbind.queue, unbind.exchange, unbind.routing_key, unbind.arguments) {
        Ok((source, binding)) if call.broker.state.exchange(source).is_bound(&binding) => {
            check_usable(call, &binding)?;
            call.need_room(binding.key.len() + binding.arguments.as_bytes().len())?;
            let vhost = call.vhost();
            call.broker.unbind(call.step, vhost, source, &binding);
        }
        Ok(_) => {}
        // What has no end has no binding: nothing is left to do.
        Err(refusal) if refusal.code == ReplyCode::NotFound => {}
        Err(refusal) => return Err(refusal),
    }
    call.reply(QueueUnbindOk {});
    Ok(())
}

/// Refuses bindings to a queue that is exclusive to another connection.
fn check_usable(call: &Call<'_, '_>, binding: &Binding) -> Result<(), Refusal> {
    let Destination::Queue(slot) = binding.destination else { return Ok(()) };
    let queue = call.broker.state.queue(slot);
    check_owner(queue, call.peer, &call.queue_resource(&queue.name))
}

fn resolve(
    call: &Call<'_, '_>,
    queue: ShortStr<'_>,
    exchange: ShortStr<'_>,
    routing_key: ShortStr<'_>,
    arguments: Table<'_>,
) -> Result<(u32, Binding), Refusal> {
    let name = call.named_queue(&queue)?;
    // With both empty, the key is the queue's name.
    let key = if queue.is_empty() && routing_key.is_empty() { name.clone() } else { (*routing_key).into() };
    call.check(Operation::Write, &call.queue_resource(&name))?;
    let exchange = stripped(&exchange);
    if exchange.is_empty() {
        let text = "operation not permitted on the default exchange";
        return Err(Refusal::new(ReplyCode::AccessRefused, text));
    }
    let resource = call.exchange_resource(&exchange);
    call.check(Operation::Read, &resource)?;
    let source = call.broker.state.exchange_named(call.vhost(), &exchange);
    let source = source.ok_or_else(|| Refusal::not_found(&resource))?;
    let queue = call.broker.state.queue_named(call.vhost(), &name);
    let queue = queue.ok_or_else(|| Refusal::not_found(&call.queue_resource(&name)))?;
    let destination = Destination::Queue(queue);
    Ok((source, Binding { destination, key, arguments: Arguments::from(arguments) }))
}
