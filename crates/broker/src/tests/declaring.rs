//! Handshake, declarations and their refusals, word by word as RabbitMQ says them.

use super::world::{World, name};
use warren_amqp::methods::*;
use warren_amqp::{FieldTable, FieldValue, ShortStr};
use warren_units::UnixMillis;

fn table(name: &'static str, value: FieldValue) -> FieldTable {
    let mut table = FieldTable::new();
    table.insert(ShortStr::literal(name), value);
    table
}

#[test]
fn an_unknown_virtual_host_is_refused() {
    let mut world = World::new();
    let peer = world.connect();
    world.send(peer, 0, ConnectionOpen { virtual_host: name("nope"), ..Default::default() });
    assert_eq!(world.read(peer), ["connection.close 530 NOT_ALLOWED - vhost nope not found"]);
    world.send(peer, 0, ConnectionCloseOk {});
    assert!(world.peers.is_ending(peer));
}

#[test]
fn methods_come_in_their_order() {
    let mut world = World::new();
    let peer = world.client();
    world.send(peer, 2, TxSelect {});
    assert_eq!(world.read(peer), ["connection.close 504 CHANNEL_ERROR - expected 'channel.open'"]);
    let peer = world.client();
    let refused = "connection.close 504 CHANNEL_ERROR - second 'channel.open' seen";
    assert_eq!(world.ask(peer, ChannelOpen::default()), [refused]);
    let peer = world.client();
    let passive = QueueDeclare { queue: name("none"), passive: true, ..Default::default() };
    assert_eq!(world.ask(peer, passive), ["channel.close 404 NOT_FOUND - no queue 'none' in vhost '/'"]);
    assert_eq!(world.ask(peer, BasicGet { queue: name("none"), ..Default::default() }), [""; 0]);
    assert_eq!(world.ask(peer, ChannelOpen::default()), [refused]);
}

#[test]
fn queues_are_declared_again_only_as_they_are() {
    let inequivalent =
        |what: &str| format!("channel.close 406 PRECONDITION_FAILED - inequivalent arg {what}");
    let with = |arguments: &[(&'static str, FieldValue)]| {
        let mut table = FieldTable::new();
        arguments.iter().for_each(|(name, value)| table.insert(ShortStr::literal(name), value.clone()));
        table
    };
    let ttl = |value| with(&[("x-message-ttl", value)]);
    let same = "queue.declare-ok q 0 0".to_string();
    let rows = [
        (true, ttl(FieldValue::Int(1000)), same.clone()),
        (true, ttl(FieldValue::Long(1000)), same.clone()),
        (true, with(&[("x-message-ttl", FieldValue::Int(1000)), ("x-mine", FieldValue::Void)]), same),
        (
            false,
            ttl(FieldValue::Int(1000)),
            inequivalent("'durable' for queue 'q' in vhost '/': received 'false' but current is 'true'"),
        ),
        (
            true,
            ttl(FieldValue::Int(5)),
            inequivalent("'x-message-ttl' for queue 'q' in vhost '/': received '5' but current is '1000'"),
        ),
        (
            true,
            with(&[]),
            inequivalent(
                "'x-message-ttl' for queue 'q' in vhost '/': received none but current is the value '1000' of type 'signedint'",
            ),
        ),
    ];
    for (durable, arguments, expected) in rows {
        let mut world = World::new();
        let client = world.client();
        world.declare_with(client, "q", true, ttl(FieldValue::Int(1000)).as_table(&mut Vec::new()));
        let reply = world.declare_with(client, "q", durable, arguments.as_table(&mut Vec::new()));
        assert_eq!(reply, [expected]);
    }
}

#[test]
fn queue_arguments_are_refused_as_rabbitmq_refuses_them() {
    let rows = [
        ("x-message-ttl", FieldValue::from("soon"), "\"expected integer, got longstr\""),
        ("x-message-ttl", FieldValue::Int(-1), "{value_negative,-1}"),
        ("x-expires", FieldValue::Int(0), "{value_zero,0}"),
        ("x-max-length", FieldValue::Int(-5), "{value_negative,-5}"),
        ("x-max-priority", FieldValue::Int(256), "{max_value_exceeded,256}"),
        ("x-overflow", FieldValue::from("explode"), "invalid_overflow"),
        ("x-dead-letter-routing-key", FieldValue::from("k"), "routing_key_but_no_dlx_defined"),
        ("x-single-active-consumer", FieldValue::from("yes"), "{unacceptable_type,longstr}"),
        ("x-queue-type", FieldValue::from("pile"), "\"unsupported queue type 'pile'\""),
    ];
    for (argument, value, reason) in rows {
        let mut world = World::new();
        let client = world.client();
        let arguments = table(argument, value);
        let reply = world.declare_with(client, "q", true, arguments.as_table(&mut Vec::new()));
        let text = format!("invalid arg '{argument}' for queue 'q' in vhost '/': {reason}");
        assert_eq!(reply, [format!("channel.close 406 PRECONDITION_FAILED - {text}")]);
    }
    let mut world = World::new();
    let client = world.client();
    let arguments = table("x-dead-letter-exchange", FieldValue::Int(1));
    let reply = world.declare_with(client, "q", true, arguments.as_table(&mut Vec::new()));
    let text = "invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue 'q' in vhost '/'";
    assert_eq!(reply, [format!("channel.close 406 PRECONDITION_FAILED - {text}")]);
}

#[test]
fn names_and_system_exchanges_are_kept() {
    let rows: [(warren_amqp::Method<'static>, &str); 6] = [
        (
            QueueDeclare { queue: ShortStr::literal("amq.mine"), ..Default::default() }.into(),
            "channel.close 403 ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'",
        ),
        (
            ExchangeDelete { exchange: ShortStr::literal("amq.direct"), ..Default::default() }.into(),
            "channel.close 403 ACCESS_REFUSED - deletion of system exchange 'amq.direct' in vhost '/' not allowed",
        ),
        (
            ExchangeDelete::default().into(),
            "channel.close 403 ACCESS_REFUSED - operation not permitted on the default exchange",
        ),
        (
            QueueBind {
                queue: ShortStr::literal("q"),
                exchange: ShortStr::literal("x"),
                ..Default::default()
            }
            .into(),
            "channel.close 404 NOT_FOUND - no exchange 'x' in vhost '/'",
        ),
        (
            QueuePurge { queue: ShortStr::literal("q"), ..Default::default() }.into(),
            "channel.close 404 NOT_FOUND - no queue 'q' in vhost '/'",
        ),
        (QueuePurge::default().into(), "channel.close 404 NOT_FOUND - no previously declared queue"),
    ];
    for (method, expected) in rows {
        let mut world = World::new();
        let client = world.client();
        assert_eq!(world.ask(client, method), [expected]);
        assert_eq!(world.ask(client, TxSelect {}), [""; 0], "the channel passes over what follows");
        world.send(client, 1, ChannelCloseOk {});
        assert_eq!(world.ask(client, ChannelOpen::default()), ["channel.open-ok"]);
    }
}

#[test]
fn a_server_named_queue_is_what_an_empty_name_stands_for() {
    let mut world = World::new();
    let client = world.client();
    let reply = world.ask(client, QueueDeclare { exclusive: true, ..Default::default() });
    let queue = reply[0].split(' ').nth(1).unwrap().to_string();
    assert!(queue.starts_with("amq.gen-"));
    world.publish(client, "", &queue, "1", false);
    let again = QueueDeclare { queue: name(&queue), passive: true, ..Default::default() };
    assert_eq!(world.ask(client, again), [format!("queue.declare-ok {queue} 1 0")]);
    assert_eq!(world.ask(client, QueuePurge::default()), ["queue.purge-ok 1"]);
}

#[test]
fn shutdown_says_goodbye() {
    let mut world = World::new();
    let client = world.client();
    world.step(|broker, step| broker.shutdown(step));
    let text =
        "connection.close 320 CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'";
    assert_eq!(world.read(client), [text]);
    assert!(world.peers.is_ending(client));
}

#[test]
fn who_never_logs_in_is_ended() {
    let mut world = World::new();
    let peer = world.connect();
    world.now = UnixMillis(world.now.0 + 10_000);
    world.step(|broker, step| broker.tick(step));
    assert!(world.peers.is_ending(peer));
}

#[test]
fn publishers_are_told_to_stop_and_to_go_on() {
    let mut world = World::new();
    let client = world.client();
    world.step(|broker, step| broker.set_blocked(step, Some("low on disk")));
    world.step(|broker, step| broker.set_blocked(step, Some("low on disk")));
    world.step(|broker, step| broker.set_blocked(step, None));
    assert_eq!(world.read(client), ["connection.blocked", "connection.unblocked"]);
}

#[test]
fn pages_list_everything_once() {
    let mut world = World::new();
    let client = world.client();
    (0..10).for_each(|number| world.declare(client, &format!("q{number}"), false));
    world.ask(client, QueueDelete { queue: name("q4"), ..Default::default() });
    let (mut from, mut names) = (Some(0), Vec::new());
    while let Some(slot) = from {
        let page = world.broker.queues(Some("/"), slot, 3);
        names.extend(page.rows.into_iter().map(|row| String::from_utf8(row.name.to_vec()).unwrap()));
        from = page.next;
    }
    names.sort();
    assert_eq!(names, ["q0", "q1", "q2", "q3", "q5", "q6", "q7", "q8", "q9"]);
    assert_eq!(world.broker.overview().queues, 9);
    assert_eq!(world.broker.exchanges(None, 0, 100).rows.len(), 7);
    assert_eq!(world.broker.connections(0, 10).rows[0].channels, 1);
    assert_eq!(world.broker.channels(0, 10).rows.len(), 1);
}
