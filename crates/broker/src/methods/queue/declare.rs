//! `queue.declare`: makes a queue, or checks that the one there is the one that was meant.

use crate::arguments::{Arguments, inequivalent, type_name};
use crate::call::{Call, check_name, stripped};
use crate::names::Name;
use crate::queue::{Queue, QueueDeclaration};
use crate::queue_feature::{Features, QueueType};
use crate::refusal::{Refusal, Resource};
use crate::topology::check_owner;
use warren_access::Operation;
use warren_amqp::methods::{QueueDeclare, QueueDeclareOk};
use warren_amqp::{ReplyCode, ShortStr, Value};

/// What clients consume replies from; with a dot and more behind it, one client's address.
const REPLY_PREFIX: &[u8] = b"amq.rabbitmq.reply-to";

pub(in crate::methods) fn handle(call: &mut Call<'_, '_>, declare: QueueDeclare<'_>) -> Result<(), Refusal> {
    let name = stripped(&declare.queue);
    if name.starts_with(REPLY_PREFIX) {
        return declare_reply_address(call, &declare, &name);
    }
    let slot = if declare.passive {
        let resource = call.queue_resource(&name);
        call.check_any(&resource)?;
        call.usable_queue(&name)?
    } else {
        declare_actively(call, &declare, name)?
    };
    let now = call.step.now;
    let queue = call.broker.state.queue_mut(slot);
    queue.used_at = now;
    let (name, messages, consumers) = (queue.name.clone(), queue.ready_count(), queue.consumers.len());
    call.channel().last_queue = name.clone();
    let reply = QueueDeclareOk {
        queue: ShortStr::new(&name).unwrap_or_default(),
        message_count: messages as u32,
        consumer_count: consumers as u32,
    };
    call.reply_unless(declare.nowait, reply);
    Ok(())
}

/// Somebody asks whether a direct reply would find its consumer.
fn declare_reply_address(
    call: &mut Call<'_, '_>,
    declare: &QueueDeclare<'_>,
    name: &Name,
) -> Result<(), Refusal> {
    if &**name != REPLY_PREFIX && !call.broker.reply_channels.contains_key(name) {
        return Err(Refusal::not_found(&call.queue_resource(name)));
    }
    let queue = ShortStr::new(name).unwrap_or_default();
    call.reply_unless(declare.nowait, QueueDeclareOk { queue, message_count: 0, consumer_count: 1 });
    Ok(())
}

fn declare_actively(call: &mut Call<'_, '_>, declare: &QueueDeclare<'_>, name: Name) -> Result<u32, Refusal> {
    let arguments = Arguments::from(declare.arguments);
    let vhost = call.vhost();
    let name = if name.is_empty() {
        call.broker.generated_name("amq.gen")
    } else {
        check_name("queue", &name)?;
        name
    };
    let resource = call.queue_resource(&name);
    call.check(Operation::Configure, &resource)?;
    // An exclusive queue goes with its connection: it is never durable.
    let durable = declare.durable && !declare.exclusive;
    if let Some(slot) = call.broker.state.queue_named(vhost, &name) {
        let queue = call.broker.state.queue(slot);
        assert_equivalent(call, queue, declare, durable, &arguments, &resource)?;
        return Ok(slot);
    }
    check_dead_letter_exchange(call, &arguments, &resource)?;
    let features = Features::validate(&arguments, &resource)?;
    check_queue_type(&features, declare, &resource)?;
    if durable {
        call.need_growth_room(name.len() + arguments.as_bytes().len())?;
    }
    let state = &call.broker.state;
    let id = if durable { state.next_recorded_id() } else { state.next_volatile_id() };
    let declaration = QueueDeclaration {
        id,
        name: &name,
        durable,
        auto_delete: declare.auto_delete,
        exclusive_owner: declare.exclusive.then_some(call.peer),
        arguments,
        features,
    };
    Ok(call.broker.declare_queue(call.step, vhost, declaration))
}

fn check_queue_type(
    features: &Features,
    declare: &QueueDeclare<'_>,
    resource: &Resource<'_>,
) -> Result<(), Refusal> {
    if features.queue_type == QueueType::Classic {
        return Ok(());
    }
    if declare.queue.is_empty() {
        let text = "Cannot declare a server-named queue for type rabbit_quorum_queue";
        return Err(Refusal::precondition_failed(text));
    }
    let rows = [
        ("durable", declare.durable, true),
        ("exclusive-owner", declare.exclusive, false),
        ("auto-delete", declare.auto_delete, false),
    ];
    match rows.into_iter().find(|(_, asked, needed)| asked != needed) {
        Some((property, asked, _)) => Err(Refusal::precondition_failed(format!(
            "invalid property '{}' for {resource}",
            if asked { property.to_string() } else { format!("non-{property}") }
        ))),
        None => Ok(()),
    }
}

fn assert_equivalent(
    call: &Call<'_, '_>,
    queue: &Queue,
    declare: &QueueDeclare<'_>,
    durable: bool,
    arguments: &Arguments,
    resource: &Resource<'_>,
) -> Result<(), Refusal> {
    check_owner(queue, call.peer, resource)?;
    if queue.exclusive_owner.is_some() != declare.exclusive {
        return Err(Refusal::locked(resource));
    }
    let rows = [("durable", durable, queue.durable), ("auto_delete", declare.auto_delete, queue.auto_delete)];
    for (key, received, current) in rows {
        if received != current {
            return Err(inequivalent(key, resource, &format!("'{received}'"), &format!("'{current}'")));
        }
    }
    queue.arguments.assert_equivalent(arguments, Features::equivalence_keys(), resource)
}

/// Whoever has messages sent elsewhere must be allowed to publish there.
fn check_dead_letter_exchange(
    call: &Call<'_, '_>,
    arguments: &Arguments,
    resource: &Resource<'_>,
) -> Result<(), Refusal> {
    match arguments.get("x-dead-letter-exchange") {
        None => Ok(()),
        Some(Value::LongStr(exchange)) => {
            call.check(Operation::Read, resource)?;
            call.check(Operation::Write, &call.exchange_resource(exchange))
        }
        Some(value) => {
            let kind = type_name(&value);
            let text = format!("invalid type '{kind}' for arg 'x-dead-letter-exchange' in {resource}");
            Err(Refusal::new(ReplyCode::PreconditionFailed, text))
        }
    }
}
