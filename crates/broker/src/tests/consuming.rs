//! Turns, prefetch, credit, giving back, cancelling, expiry, dead letters.

use super::world::{World, name};
use warren_amqp::methods::*;
use warren_amqp::{FieldTable, FieldValue, Properties, ShortStr};
use warren_units::UnixMillis;
use warren_units::bounds::OUTBOX_SIZE_BYTES_HIGH;

fn arguments(rows: &[(&'static str, FieldValue)]) -> FieldTable {
    let mut table = FieldTable::new();
    rows.iter().for_each(|(name, value)| table.insert(ShortStr::literal(name), value.clone()));
    table
}

#[test]
fn consumers_take_turns_and_a_slow_one_holds_no_more_than_its_prefetch() {
    let mut world = World::new();
    let (slow, fast) = (world.client(), world.client());
    world.declare(slow, "q", false);
    for client in [slow, fast] {
        world.ask(client, BasicQos { prefetch_count: 1, ..Default::default() });
        world.consume(client, "q", "c", false);
        world.read(client);
    }
    for body in ["1", "2", "3", "4"] {
        world.publish(slow, "", "q", body, false);
    }
    assert_eq!((world.read(slow), world.read(fast)), (vec!["c 1 1".into()], vec!["c 1 2".into()]));
    world.send(fast, 1, BasicAck { delivery_tag: 1, multiple: false });
    assert_eq!(world.read(fast), ["c 2 3"]);
    world.send(fast, 1, BasicAck { delivery_tag: 2, multiple: false });
    assert_eq!((world.read(slow).len(), world.read(fast)), (0, vec!["c 3 4".to_string()]));
}

#[test]
fn what_a_dead_consumer_held_comes_back_in_its_old_place() {
    let mut world = World::new();
    let (dying, other) = (world.client(), world.client());
    world.declare(other, "q", true);
    for (body, persistent) in [("1", true), ("2", false), ("3", true), ("4", false)] {
        world.publish(other, "", "q", body, persistent);
    }
    world.ask(dying, BasicQos { prefetch_count: 3, ..Default::default() });
    world.consume(dying, "q", "c", false);
    assert_eq!(world.read(dying).len(), 4);
    world.send(dying, 1, BasicAck { delivery_tag: 2, multiple: false });
    assert_eq!(world.counts("q"), (0, 3));
    world.disconnect(dying);
    assert_eq!(world.drain(other, "q"), ["1 again", "3 again", "4 again"]);
    world.crashed();
}

#[test]
fn a_consumer_without_credit_is_skipped_until_its_connection_has_drained() {
    let mut world = World::new();
    let (full, free) = (world.client(), world.client());
    world.declare(free, "q", false);
    world.consume(full, "q", "c", true);
    world.read(full);
    world.peers.set_unsent(full, OUTBOX_SIZE_BYTES_HIGH);
    world.publish(free, "", "q", "1", false);
    assert_eq!(world.counts("q"), (1, 0));
    world.consume(free, "q", "f", true);
    assert_eq!(world.read(free), ["basic.consume-ok f", "f 1 1"]);
    world.send(free, 1, BasicCancel { consumer_tag: name("f"), nowait: true });
    world.publish(free, "", "q", "2", false);
    world.peers.set_unsent(full, 0);
    world.step(|broker, step| broker.drained(step, full));
    assert_eq!(world.read(full), ["c 1 2"]);
}

#[test]
fn a_limit_for_all_consumers_of_a_channel() {
    let mut world = World::new();
    let client = world.client();
    world.declare(client, "q", false);
    world.ask(client, BasicQos { prefetch_count: 2, global: true, ..Default::default() });
    world.consume(client, "q", "a", false);
    world.consume(client, "q", "b", false);
    world.read(client);
    ["1", "2", "3"].iter().for_each(|body| world.publish(client, "", "q", body, false));
    assert_eq!(world.read(client), ["a 1 1", "b 2 2"]);
    world.send(client, 1, BasicNack { delivery_tag: 2, multiple: true, requeue: false });
    assert_eq!(world.read(client).len(), 1);
}

#[test]
fn rejected_messages_come_back_or_go() {
    let mut world = World::new();
    let client = world.client();
    world.declare(client, "q", true);
    ["1", "2", "3"].iter().for_each(|body| world.publish(client, "", "q", body, true));
    assert_eq!(world.drain(client, "q"), ["1", "2", "3"]);
    world.send(client, 1, BasicReject { delivery_tag: 2, requeue: true });
    world.send(client, 1, BasicReject { delivery_tag: 1, requeue: false });
    assert_eq!(world.drain(client, "q"), ["2 again"]);
    assert_eq!(world.ask(client, BasicRecover { requeue: true }), ["basic.recover-ok"]);
    assert_eq!(world.drain(client, "q"), ["2 again", "3 again"]);
    let reply = world.ask(client, BasicAck { delivery_tag: 1, multiple: false });
    assert_eq!(reply, ["channel.close 406 PRECONDITION_FAILED - unknown delivery tag 1"]);
    world.crashed();
}

#[test]
fn consumers_are_told_when_their_queue_goes() {
    let mut world = World::new();
    let (client, other) = (world.client(), world.client());
    world.declare(client, "q", false);
    world.consume(client, "q", "c", false);
    world.read(client);
    let delete = QueueDelete { queue: name("q"), if_unused: true, ..Default::default() };
    let refused = "channel.close 406 PRECONDITION_FAILED - queue 'q' in vhost '/' in use";
    assert_eq!(world.ask(other, delete), [refused]);
    world.send(other, 1, ChannelCloseOk {});
    world.send(other, 1, ChannelOpen::default());
    world.read(other);
    let delete = QueueDelete { queue: name("q"), ..Default::default() };
    assert_eq!(world.ask(other, delete), ["queue.delete-ok 0"]);
    assert_eq!(world.read(client), ["basic.cancel c"]);
}

#[test]
fn an_auto_delete_queue_goes_with_its_last_consumer() {
    let mut world = World::new();
    let (client, other) = (world.client(), world.client());
    let declare = QueueDeclare { queue: name("q"), durable: true, auto_delete: true, ..Default::default() };
    world.ask(client, declare);
    world.consume(client, "q", "a", false);
    world.consume(other, "q", "b", false);
    world.send(client, 1, BasicCancel { consumer_tag: name("a"), nowait: true });
    assert!(world.broker.queue("/", b"q").is_some());
    world.disconnect(other);
    assert!(world.broker.queue("/", b"q").is_none());
    world.crashed();
}

#[test]
fn exclusive_queues_belong_to_one_connection() {
    let mut world = World::new();
    let (owner, other) = (world.client(), world.client());
    let declare = QueueDeclare { queue: name("q"), exclusive: true, durable: true, ..Default::default() };
    assert_eq!(world.ask(owner, declare), ["queue.declare-ok q 0 0"]);
    world.publish(owner, "", "q", "1", true);
    let locked = "channel.close 405 RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration.";
    let consume = BasicConsume { queue: name("q"), ..Default::default() };
    assert_eq!(world.ask(other, consume), [locked]);
    world.disconnect(owner);
    assert!(world.broker.queue("/", b"q").is_none());
    assert_eq!(world.record_count(), 0);
}

#[test]
fn old_messages_expire_into_the_dead_letter_exchange() {
    let mut world = World::new();
    let client = world.client();
    world.declare(client, "dead", true);
    let table = arguments(&[
        ("x-message-ttl", FieldValue::Int(100)),
        ("x-dead-letter-exchange", FieldValue::from("")),
        ("x-dead-letter-routing-key", FieldValue::from("dead")),
    ]);
    world.declare_with(client, "q", true, table.as_table(&mut Vec::new()));
    world.publish(client, "", "q", "1", true);
    let expiration = Some(name("20"));
    let properties = Properties { delivery_mode: Some(2), expiration, ..Default::default() };
    world.publish_with(client, "", "dead", b"short", properties);
    world.now = UnixMillis(world.now.0 + 50);
    world.step(|broker, step| broker.tick(step));
    assert_eq!((world.counts("q").0, world.counts("dead").0), (1, 0));
    world.now = UnixMillis(world.now.0 + 50);
    world.step(|broker, step| broker.tick(step));
    assert_eq!((world.counts("q").0, world.counts("dead").0), (0, 1));
    let slot = world.broker.state.queue_named(0, b"dead").unwrap();
    let headers = world.broker.state.queue(slot).front().unwrap().message.properties().headers().unwrap();
    let headers = FieldTable::from(headers);
    assert_eq!(headers.get(b"x-first-death-queue"), Some(&FieldValue::from("q")));
    let Some(FieldValue::Array(deaths)) = headers.get(b"x-death") else { panic!("{headers:?}") };
    let FieldValue::Table(death) = &deaths[0] else { panic!("{deaths:?}") };
    assert_eq!(death.get(b"reason"), Some(&FieldValue::from("expired")));
    assert_eq!(death.get(b"count"), Some(&FieldValue::Long(1)));
    world.crashed();
}

#[test]
fn dead_letters_do_not_go_in_circles() {
    let mut world = World::new();
    let client = world.client();
    for (queue, next) in [("a", "b"), ("b", "a")] {
        let table = arguments(&[
            ("x-max-length", FieldValue::Int(1)),
            ("x-dead-letter-exchange", FieldValue::from("")),
            ("x-dead-letter-routing-key", FieldValue::from(next)),
        ]);
        world.declare_with(client, queue, true, table.as_table(&mut Vec::new()));
    }
    ["1", "2", "3", "4"].iter().for_each(|body| world.publish(client, "", "a", body, true));
    assert_eq!((world.drain(client, "a"), world.drain(client, "b")), (vec!["4".into()], vec!["3".into()]));
    world.crashed();
}

#[test]
fn a_queue_nobody_uses_is_deleted() {
    let mut world = World::new();
    let client = world.client();
    let table = arguments(&[("x-expires", FieldValue::Int(1000))]);
    world.declare_with(client, "q", true, table.as_table(&mut Vec::new()));
    let wait = |world: &mut World, milliseconds: u64| {
        world.now = UnixMillis(world.now.0 + milliseconds);
        world.step(|broker, step| broker.tick(step));
        world.broker.queue("/", b"q").is_some()
    };
    assert!(wait(&mut world, 900));
    world.drain(client, "q");
    assert!(wait(&mut world, 900));
    world.consume(client, "q", "c", true);
    assert!(wait(&mut world, 5000));
    world.send(client, 1, BasicCancel { consumer_tag: name("c"), nowait: true });
    assert!(wait(&mut world, 900));
    assert!(!wait(&mut world, 100));
    world.crashed();
}

#[test]
fn higher_priorities_are_delivered_first() {
    let mut world = World::new();
    let client = world.client();
    let table = arguments(&[("x-max-priority", FieldValue::Int(5))]);
    world.declare_with(client, "q", false, table.as_table(&mut Vec::new()));
    for (body, priority) in [("low", None), ("high", Some(5)), ("beyond", Some(9)), ("middle", Some(3))] {
        world.publish_with(client, "", "q", body.as_bytes(), Properties { priority, ..Default::default() });
    }
    assert_eq!(world.drain(client, "q"), ["high", "beyond", "middle", "low"]);
}

#[test]
fn one_active_consumer_is_followed_by_the_next() {
    let mut world = World::new();
    let (first, second) = (world.client(), world.client());
    let table = arguments(&[("x-single-active-consumer", FieldValue::Bool(true))]);
    world.declare_with(first, "q", false, table.as_table(&mut Vec::new()));
    world.consume(first, "q", "a", false);
    world.consume(second, "q", "b", false);
    world.publish(first, "", "q", "1", false);
    world.publish(first, "", "q", "2", false);
    assert_eq!((world.read(first).len(), world.read(second).len()), (3, 1));
    world.disconnect(first);
    assert_eq!(world.read(second), ["b 1 1 again", "b 2 2 again"]);
}

#[test]
fn nobody_is_exclusive_where_one_consumer_is_the_active_one() {
    let mut world = World::new();
    let client = world.client();
    let table = arguments(&[("x-single-active-consumer", FieldValue::Bool(true))]);
    world.declare_with(client, "q", false, table.as_table(&mut Vec::new()));
    let consume = BasicConsume { queue: name("q"), exclusive: true, ..Default::default() };
    let refused = "channel.close 403 ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use";
    assert_eq!(world.ask(client, consume), [refused]);
}

#[test]
fn a_message_given_back_too_often_leaves_a_quorum_queue() {
    let mut world = World::new();
    let client = world.client();
    let table =
        arguments(&[("x-queue-type", FieldValue::from("quorum")), ("x-delivery-limit", FieldValue::Int(2))]);
    world.declare_with(client, "q", true, table.as_table(&mut Vec::new()));
    world.publish(client, "", "q", "poison", true);
    for (tag, expected) in [(1, "poison"), (2, "poison again"), (3, "poison again")] {
        assert_eq!(world.drain(client, "q"), [expected]);
        world.send(client, 1, BasicNack { delivery_tag: tag, requeue: true, ..Default::default() });
    }
    assert_eq!(world.counts("q"), (0, 0));
    world.crashed();
}

#[test]
fn a_purge_of_many_messages_leaves_them_to_be_freed_elsewhere() {
    let mut world = World::new();
    let client = world.client();
    world.declare(client, "q", true);
    (0..10_000).for_each(|_| world.publish(client, "", "q", "x", true));
    let held = world.ask(client, BasicGet { queue: name("q"), ..Default::default() });
    assert_eq!(held, ["get-ok 1 x"]);
    let records = world.record_count();
    let mut garbage = Vec::new();
    world.step(|broker, step| {
        let slot = broker.state.queue_named(0, b"q").unwrap();
        assert_eq!(broker.purge(step, slot), 9_999);
        assert!(step.batch.size() < 64, "the effect names the messages that stay, not those that go");
        garbage = broker.take_garbage();
    });
    assert_eq!((garbage.len(), world.counts("q"), world.record_count()), (1, (0, 1), records + 1));
    let mut after = world.crashed();
    let client = after.client();
    assert_eq!(after.drain(client, "q"), ["x again"]);
}

#[test]
fn a_silent_connection_is_ended_and_a_talking_one_is_not() {
    let mut world = World::new();
    let (silent, talking) = (world.client(), world.client());
    world.declare(silent, "q", false);
    world.publish(silent, "", "q", "1", false);
    world.drain(silent, "q");
    for _ in 0..5 {
        world.now = UnixMillis(world.now.0 + 30_000);
        world.step(|broker, step| broker.receive(step, talking, crate::Request::Heartbeat));
        world.step(|broker, step| broker.tick(step));
    }
    assert!(world.peers.is_ending(silent) && !world.peers.is_ending(talking));
    assert_eq!(world.counts("q"), (1, 0));
    assert_eq!(world.read(talking), ["heartbeat"; 5]);
}
