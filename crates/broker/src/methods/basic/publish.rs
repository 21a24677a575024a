//! `basic.publish`: checks, routing, queues, and what the publisher is told: first basic.return, then the
//! confirm.

use crate::broker::Content;
use crate::call::Call;
use crate::held_back::NAMED_MESSAGE_SIZE_BYTES;
use crate::publish::{Accepted, Publication};
use crate::refusal::Refusal;
use crate::sender_selected::{self, Copies};
use crate::state::Targets;
use crate::transaction::BufferedPublish;
use warren_amqp::methods::{BasicNack, BasicPublish, BasicReturn};
use warren_amqp::{Payload, RawProperties, ReplyCode, ShortStr, encode};
use warren_units::Gate;

/// Where direct replies go: the default exchange, and a key that begins like this.
const REPLY_PREFIX: &[u8] = b"amq.rabbitmq.reply-to.";
const REPLY_TO: &[u8] = b"amq.rabbitmq.reply-to";

pub(in crate::methods) fn handle(
    call: &mut Call<'_, '_>,
    publish: BasicPublish<'_>,
    content: Content<'_>,
) -> Result<(), Refusal> {
    if publish.immediate {
        return Err(Refusal::new(ReplyCode::NotImplemented, "immediate=true"));
    }
    call.broker.check_message_size(content.body.len() as u64)?;
    let route = find_route(call, publish.exchange, publish.routing_key)?;
    check_properties(call, content.properties)?;
    let rewritten = rewritten_properties(call, content.properties)?;
    let properties = rewritten.as_deref().map_or(content.properties, RawProperties::trusted);
    if properties.is_persistent() {
        // Not more than all queues take it.
        let placements_size = call.broker.state.queues.len() * 2 * NAMED_MESSAGE_SIZE_BYTES;
        call.need_growth_room(properties.as_bytes().len() + content.body.len() + placements_size)?;
    } else {
        // A full queue may drop others for it.
        call.need_room(0)?;
    }
    call.broker.counters.published += 1;
    call.broker.state.exchanges[route.exchange as usize].published_in += 1;
    let max = call.broker.settings.transaction_size_bytes_max;
    let channel = call.channel();
    channel.counters.published += 1;
    if let Some(transaction) = &mut channel.transaction {
        if transaction.size_bytes() + content.body.len() > max {
            let text = format!("transaction is larger than {max} bytes");
            return Err(Refusal::new(ReplyCode::ResourceError, text));
        }
        let (exchange, key) = (publish.exchange, publish.routing_key);
        transaction.publish(BufferedPublish::new(exchange, key, publish.mandatory, properties, content.body));
        return Ok(());
    }
    let publication = Publication {
        exchange: publish.exchange,
        routing_key: publish.routing_key,
        properties,
        body: content.body,
        strict: false,
        stored: None,
    };
    let accepted = deliver(call, route, &publication, publish.mandatory);
    confirm(call, accepted);
    Ok(())
}

/// Bytes that the channel's transaction would add to the log with its messages, at most.
pub(in crate::methods) fn recorded_size(call: &mut Call<'_, '_>) -> usize {
    let Some(transaction) = &mut call.channel().transaction else { return 0 };
    let publishes = std::mem::take(&mut transaction.publishes);
    let mut size = 0;
    let is_paging = call.broker.is_body_memory_short();
    let is_recorded = |buffered: &&BufferedPublish| is_paging || buffered.properties().is_persistent();
    for buffered in publishes.iter().filter(is_recorded) {
        size += buffered.body().len() + buffered.properties().as_bytes().len();
        size += buffered.exchange.len() + buffered.routing_key.len() + NAMED_MESSAGE_SIZE_BYTES;
        size += target_count(call, buffered) * 2 * NAMED_MESSAGE_SIZE_BYTES;
    }
    if let Some(transaction) = &mut call.channel().transaction {
        transaction.publishes = publishes;
    }
    size
}

/// How many queues take it.
fn target_count(call: &Call<'_, '_>, buffered: &BufferedPublish) -> usize {
    let Some(slot) = call.broker.state.exchange_named(call.vhost(), &buffered.exchange) else { return 0 };
    let publication = buffered.publication();
    match sender_selected::copies(publication.properties) {
        None => call.broker.route(slot, &publication).len(),
        Some(copies) => route_copies(call, slot, &publication, &copies).len(),
    }
}

/// A publish that its transaction held back. True if a full queue refused it.
pub(in crate::methods) fn commit(call: &mut Call<'_, '_>, buffered: &BufferedPublish) -> bool {
    let publication = buffered.publication();
    // The exchange was there when the client published; meanwhile it may be gone, and the message with it.
    let Ok(route) = find_route(call, publication.exchange, publication.routing_key) else { return false };
    deliver(call, route, &publication, buffered.mandatory).rejected
}

/// Where a message goes.
#[derive(Clone, Copy)]
struct Route {
    /// Slot of the exchange.
    exchange: u32,
    /// The channel remembers the queues, because only exchange and key decide them.
    is_remembered: bool,
}

#[inline]
fn find_route(call: &mut Call<'_, '_>, exchange: ShortStr<'_>, key: ShortStr<'_>) -> Result<Route, Refusal> {
    let version = call.broker.state.topology_version();
    let channel = &call.broker.channels[call.channel as usize];
    let slot = match channel.route.exchange_slot(&exchange, version) {
        Some(slot) if channel.route.is_for_key(&key) => {
            return Ok(Route { exchange: slot, is_remembered: true });
        }
        Some(slot) => slot,
        None => {
            let slot = call.broker.publishable_exchange(channel.vhost, &channel.user, &exchange)?;
            call.channel().route.remember_exchange(&exchange, version, slot);
            slot
        }
    };
    let mut targets = Targets::new();
    let routed = crate::exchange::Routed { routing_key: &key, properties: RawProperties::EMPTY.as_bytes() };
    let is_remembered = call.broker.state.route(slot, routed, &mut targets);
    if is_remembered {
        call.channel().route.remember_targets(&key, targets);
    }
    Ok(Route { exchange: slot, is_remembered })
}

/// Routes and enqueues; tells the publisher of a mandatory message that nobody took it.
#[inline]
fn deliver(
    call: &mut Call<'_, '_>,
    route: Route,
    publication: &Publication<'_>,
    mandatory: bool,
) -> Accepted {
    if publication.exchange.is_empty() && publication.routing_key.starts_with(REPLY_PREFIX) {
        return deliver_reply(call, publication, mandatory);
    }
    let copies = sender_selected::copies(publication.properties);
    let targets = match &copies {
        None if route.is_remembered => call.broker.channels[call.channel as usize].route.targets.clone(),
        None => call.broker.route(route.exchange, publication),
        Some(copies) => route_copies(call, route.exchange, publication, copies),
    };
    if targets.is_empty() {
        call.broker.counters.unroutable += 1;
        if mandatory {
            give_return(call, publication);
        }
        return Accepted::default();
    }
    let stripped = copies.and_then(|copies| copies.properties);
    let properties = stripped.as_deref().map_or(publication.properties, RawProperties::trusted);
    call.broker.enqueue(call.step, &Publication { properties, ..*publication }, &targets)
}

fn route_copies(
    call: &Call<'_, '_>,
    exchange: u32,
    publication: &Publication<'_>,
    copies: &Copies,
) -> Targets {
    let mut targets = call.broker.route(exchange, publication);
    for key in &copies.routing_keys {
        let routing_key = ShortStr::new(key).unwrap_or_default();
        targets.extend(call.broker.route(exchange, &Publication { routing_key, ..*publication }));
    }
    targets.sort_unstable();
    targets.dedup();
    targets
}

fn give_return(call: &mut Call<'_, '_>, publication: &Publication<'_>) {
    let method = BasicReturn {
        reply_code: ReplyCode::NoRoute.code(),
        reply_text: ShortStr::literal("NO_ROUTE"),
        exchange: publication.exchange,
        routing_key: publication.routing_key,
    };
    let (number, frame_max) = (call.number, call.channel().frame_max);
    let output = |rope: &mut _| {
        encode::content(rope, number, method, publication.properties, publication.body, frame_max);
    };
    call.step.peers.output(call.peer, Gate::OPEN, output);
}

/// A reply goes straight to the channel that waits for it.
fn deliver_reply(call: &mut Call<'_, '_>, publication: &Publication<'_>, mandatory: bool) -> Accepted {
    let key = call.broker.reply_channels.get(publication.routing_key.as_bytes()).copied();
    let channel = key.and_then(|key| call.broker.channels.get_mut(key as usize));
    let Some(channel) = channel else {
        if mandatory {
            give_return(call, publication);
        }
        return Accepted::default();
    };
    let delivery_tag = channel.next_delivery_tag();
    let Some(reply) = &channel.reply_consumer else { return Accepted::default() };
    let method = warren_amqp::methods::BasicDeliver {
        consumer_tag: ShortStr::new(&reply.tag).unwrap_or_default(),
        delivery_tag,
        redelivered: false,
        exchange: publication.exchange,
        routing_key: publication.routing_key,
    };
    let (number, frame_max) = (channel.number, channel.frame_max);
    let (properties, body): (_, Payload<'_>) = (publication.properties, publication.body);
    let output = |rope: &mut _| encode::deliver(rope, number, &method, properties, body, frame_max);
    call.step.peers.output(channel.peer, Gate::OPEN, output);
    Accepted::default()
}

/// Answers the publish: now, or when the log has come far enough.
#[inline]
fn confirm(call: &mut Call<'_, '_>, accepted: Accepted) {
    let channel = &mut call.broker.channels[call.channel as usize];
    let Some(confirms) = &mut channel.confirms else { return };
    let number = confirms.number();
    if accepted.rejected {
        // RabbitMQ leaves `requeue` at its default in nacks of its own.
        let nack = BasicNack { delivery_tag: number, multiple: false, requeue: true };
        call.step.peers.output(call.peer, Gate::OPEN, |rope| encode::method_frame(rope, call.number, nack));
    } else if accepted.recorded {
        let lsn = call.step.batch.next_lsn();
        if !confirms.is_waiting() {
            call.broker.confirming.push(call.channel);
        }
        confirms.wait(number, lsn);
        if call.broker.settings.publisher_confirms == crate::confirms::ConfirmLevel::Synced {
            call.step.batch.want_sync(lsn);
        }
    } else {
        call.broker.counters.confirmed += 1;
        let output = |rope: &mut _| encode::basic_ack(rope, call.number, number, false);
        call.step.peers.output(call.peer, Gate::OPEN, output);
    }
}

#[inline]
fn check_properties(call: &Call<'_, '_>, properties: RawProperties<'_>) -> Result<(), Refusal> {
    if let Some(expiration) = properties.expiration() {
        check_expiration(&crate::names::text(&expiration))?;
    }
    sender_selected::check(properties)?;
    if let Some(user_id) = properties.user_id() {
        let user = &call.broker.channels[call.channel as usize].user;
        if user_id.as_bytes() != user.as_bytes() {
            let user_id = crate::names::text(&user_id).into_owned();
            let text = format!("user_id property set to '{user_id}' but authenticated user was '{user}'");
            return Err(Refusal::precondition_failed(text));
        }
    }
    Ok(())
}

fn check_expiration(expiration: &str) -> Result<(), Refusal> {
    const MILLISECONDS_MAX: i128 = 315_360_000_000;
    let digits = expiration.strip_prefix(['-', '+']).unwrap_or(expiration);
    let digit_count = digits.bytes().take_while(u8::is_ascii_digit).count();
    let number_size = expiration.len() - digits.len() + digit_count;
    let reason = match expiration[..number_size].parse::<i128>() {
        _ if digit_count == 0 => "no_integer".to_string(),
        _ if number_size < expiration.len() => {
            format!("{{leftover_string,\"{}\"}}", &expiration[number_size..])
        }
        Ok(number) if number < 0 => format!("{{value_negative,{number}}}"),
        Ok(0..=MILLISECONDS_MAX) => return Ok(()),
        _ => format!("{{value_too_large,{}}}", expiration.trim_start_matches(['+', '0'])),
    };
    Err(Refusal::precondition_failed(format!("invalid expiration '{expiration}': {reason}")))
}

/// `reply-to: amq.rabbitmq.reply-to` becomes the address of this channel's reply consumer.
#[inline]
fn rewritten_properties(
    call: &Call<'_, '_>,
    properties: RawProperties<'_>,
) -> Result<Option<Vec<u8>>, Refusal> {
    if properties.reply_to().is_none_or(|reply_to| reply_to.as_bytes() != REPLY_TO) {
        return Ok(None);
    }
    let reply = call.broker.channels[call.channel as usize].reply_consumer.as_ref();
    let reply = reply.ok_or_else(|| Refusal::precondition_failed("fast reply consumer does not exist"))?;
    let mut encoded = Vec::new();
    let reply_to = ShortStr::new(&reply.address);
    warren_amqp::Properties { reply_to, ..properties.decode() }.encode(&mut encoded);
    Ok(Some(encoded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expirations_are_refused_with_the_reason() {
        for (expiration, reason) in [
            ("0", None),
            ("60000", None),
            ("+5", None),
            ("", Some("no_integer")),
            ("soon", Some("no_integer")),
            ("10s", Some("{leftover_string,\"s\"}")),
            ("1.5", Some("{leftover_string,\".5\"}")),
            ("-1", Some("{value_negative,-1}")),
            ("315360000001", Some("{value_too_large,315360000001}")),
        ] {
            let refusal = check_expiration(expiration).err().map(|refusal| refusal.explanation);
            let expected = reason.map(|reason| format!("invalid expiration '{expiration}': {reason}"));
            assert_eq!(refusal, expected);
        }
    }
}
