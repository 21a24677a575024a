//! `exchange.bind` and `exchange.unbind`: what one exchange gets also goes through another.

use super::check_not_default;
use crate::arguments::Arguments;
use crate::call::{Call, stripped};
use crate::exchange::{Binding, Destination};
use crate::refusal::Refusal;
use warren_access::Operation;
use warren_amqp::methods::{ExchangeBind, ExchangeBindOk, ExchangeUnbind, ExchangeUnbindOk};
use warren_amqp::{ReplyCode, ShortStr, Table};

pub(in crate::methods) fn handle(call: &mut Call<'_, '_>, bind: ExchangeBind<'_>) -> Result<(), Refusal> {
    let (source, binding) = resolve(call, bind.source, bind.destination, bind.routing_key, bind.arguments)?;
    (call.broker.state.exchange(source).exchange_type.validate_binding)(&binding.arguments)?;
    need_room_to_bind(call, source, &binding)?;
    let vhost = call.vhost();
    call.broker.bind(call.step, vhost, source, binding);
    call.reply_unless(bind.nowait, ExchangeBindOk {});
    Ok(())
}

pub(in crate::methods) fn handle_unbind(
    call: &mut Call<'_, '_>,
    unbind: ExchangeUnbind<'_>,
) -> Result<(), Refusal> {
    match resolve(call, unbind.source, unbind.destination, unbind.routing_key, unbind.arguments) {
        Ok((source, binding)) => {
            call.need_room(binding.key.len() + binding.arguments.as_bytes().len())?;
            let vhost = call.vhost();
            call.broker.unbind(call.step, vhost, source, &binding);
        }
        // What has no end has no binding: nothing is left to do.
        Err(refusal) if refusal.code == ReplyCode::NotFound => {}
        Err(refusal) => return Err(refusal),
    }
    call.reply_unless(unbind.nowait, ExchangeUnbindOk {});
    Ok(())
}

/// Refuses a binding that is not there yet and has to be recorded, where the log is full.
pub(in crate::methods) fn need_room_to_bind(
    call: &Call<'_, '_>,
    source: u32,
    binding: &Binding,
) -> Result<(), Refusal> {
    let state = &call.broker.state;
    if state.exchange(source).is_bound(binding) || !state.is_recorded_binding(source, binding.destination) {
        return Ok(());
    }
    call.need_growth_room(binding.key.len() + binding.arguments.as_bytes().len())
}

fn resolve(
    call: &Call<'_, '_>,
    source: ShortStr<'_>,
    destination: ShortStr<'_>,
    routing_key: ShortStr<'_>,
    arguments: Table<'_>,
) -> Result<(u32, Binding), Refusal> {
    let (source, destination) = (stripped(&source), stripped(&destination));
    check_not_default(&destination)?;
    call.check(Operation::Write, &call.exchange_resource(&destination))?;
    check_not_default(&source)?;
    call.check(Operation::Read, &call.exchange_resource(&source))?;
    let find = |name: &[u8]| {
        let found = call.broker.state.exchange_named(call.vhost(), name);
        found.ok_or_else(|| Refusal::not_found(&call.exchange_resource(name)))
    };
    let source = find(&source)?;
    let destination = Destination::Exchange(find(&destination)?);
    let binding =
        Binding { destination, key: routing_key.as_bytes().into(), arguments: Arguments::from(arguments) };
    Ok((source, binding))
}
