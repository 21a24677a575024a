//! `exchange.declare`: makes an exchange, or checks that the one there is the one that was meant.

use super::check_not_default;
use crate::arguments::{Arguments, inequivalent, type_name};
use crate::call::{Call, check_name, stripped};
use crate::exchange::{Exchange, ExchangeDeclaration};
use crate::exchanges::exchange_type;
use crate::names::text;
use crate::refusal::{Refusal, Resource};
use warren_access::Operation;
use warren_amqp::Value;
use warren_amqp::methods::{ExchangeDeclare, ExchangeDeclareOk};

pub(in crate::methods) fn handle(
    call: &mut Call<'_, '_>,
    declare: ExchangeDeclare<'_>,
) -> Result<(), Refusal> {
    let name = stripped(&declare.exchange);
    if declare.passive {
        check_not_default(&name)?;
        let resource = call.exchange_resource(&name);
        call.check_any(&resource)?;
        let found = call.broker.state.exchange_named(call.vhost(), &name);
        found.ok_or_else(|| Refusal::not_found(&resource))?;
    } else {
        declare_actively(call, &declare, &name)?;
    }
    call.reply_unless(declare.nowait, ExchangeDeclareOk {});
    Ok(())
}

fn declare_actively(
    call: &mut Call<'_, '_>,
    declare: &ExchangeDeclare<'_>,
    name: &[u8],
) -> Result<(), Refusal> {
    let kind = exchange_type(&declare.kind).ok_or_else(|| {
        // RabbitMQ 3 closed the connection with 503 here; 4 closes the channel.
        Refusal::precondition_failed(format!("unknown exchange type '{}'", text(&declare.kind)))
    })?;
    check_not_default(name)?;
    let resource = call.exchange_resource(name);
    call.check(Operation::Configure, &resource)?;
    let vhost = call.vhost();
    let declaration = ExchangeDeclaration {
        name,
        durable: declare.durable,
        auto_delete: declare.auto_delete,
        internal: declare.internal,
        arguments: Arguments::from(declare.arguments),
    };
    if let Some(slot) = call.broker.state.exchange_named(vhost, name) {
        return assert_equivalent(call.broker.state.exchange(slot), &declaration, kind.name, &resource);
    }
    check_name("exchange", name)?;
    check_alternate(call, &declaration.arguments, &resource)?;
    if declaration.durable {
        call.need_growth_room(name.len() + declaration.arguments.as_bytes().len())?;
    }
    call.broker.declare_exchange(call.step, vhost, &declaration, kind);
    Ok(())
}

/// Whoever sends what cannot be routed elsewhere must be allowed to publish there.
fn check_alternate(
    call: &Call<'_, '_>,
    arguments: &Arguments,
    resource: &Resource<'_>,
) -> Result<(), Refusal> {
    match arguments.get("alternate-exchange") {
        None => Ok(()),
        Some(Value::LongStr(alternate)) => {
            call.check(Operation::Read, resource)?;
            call.check(Operation::Write, &call.exchange_resource(alternate))
        }
        Some(value) => {
            let kind = type_name(&value);
            let text = format!("invalid type '{kind}' for arg 'alternate-exchange' in {resource}");
            Err(Refusal::precondition_failed(text))
        }
    }
}

fn assert_equivalent(
    exchange: &Exchange,
    declaration: &ExchangeDeclaration<'_>,
    type_name: &str,
    resource: &Resource<'_>,
) -> Result<(), Refusal> {
    if exchange.exchange_type.name != type_name {
        let (received, current) = (format!("'{type_name}'"), format!("'{}'", exchange.exchange_type.name));
        return Err(inequivalent("type", resource, &received, &current));
    }
    let rows = [
        ("durable", declaration.durable, exchange.durable),
        ("auto_delete", declaration.auto_delete, exchange.auto_delete),
        ("internal", declaration.internal, exchange.internal),
    ];
    for (key, received, current) in rows {
        if received != current {
            return Err(inequivalent(key, resource, &format!("'{received}'"), &format!("'{current}'")));
        }
    }
    exchange.arguments.assert_equivalent(&declaration.arguments, ["alternate-exchange"], resource)
}
