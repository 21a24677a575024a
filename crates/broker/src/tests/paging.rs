//! Bodies that are in the log only: the order is held, and nothing that happens meanwhile goes wrong.

use super::world::{Level, World, name};
use crate::Settings;
use warren_amqp::methods::*;
use warren_amqp::{FieldTable, Properties, ShortStr};
use warren_units::PeerId;

/// A world in which every message that has to wait behind another is absent, as is a persistent one that has to wait
/// at all, and bodies are read only when asked.
fn world() -> (World, PeerId) {
    let mut world = World::with(Settings { body_memory_bytes: 0, ..Settings::default() });
    world.is_disk_slow = true;
    // One body fills the memory there is.
    let client = world.client();
    world.declare(client, "filler", false);
    world.publish(client, "", "filler", "in memory", false);
    world.declare(client, "q", true);
    (world, client)
}

fn publish_numbers(world: &mut World, client: PeerId, queue: &str, count: usize) {
    (1..=count).for_each(|number| world.publish(client, "", queue, &number.to_string(), true));
}

fn get(queue: &str) -> BasicGet<'_> {
    BasicGet { queue: name(queue), ..Default::default() }
}

#[test]
fn a_backlog_takes_no_memory_and_is_delivered_in_order() {
    let (mut world, client) = world();
    let filled = world.broker.body_memory_bytes();
    publish_numbers(&mut world, client, "q", 300);
    world.publish(client, "", "q", "transient", false);
    assert_eq!(world.broker.body_memory_bytes(), filled);
    world.consume(client, "q", "c", true);
    assert_eq!(world.read(client), ["basic.consume-ok c"]);
    let mut read = Vec::new();
    while world.serve_fetches() > 0 {
        read.extend(world.read(client));
    }
    let mut expected: Vec<String> = (1..=300).map(|number| format!("c {number} {number}")).collect();
    expected.push("c 301 transient".to_string());
    assert_eq!(read, expected);
    assert_eq!(world.broker.body_memory_bytes(), filled);
}

#[test]
fn transient_messages_leave_memory_and_are_lost_with_the_broker_all_the_same() {
    let (mut world, client) = world();
    world.declare(client, "volatile", false);
    let filled = world.broker.body_memory_bytes();
    for queue in ["q", "volatile"] {
        world.publish(client, "", queue, "first", false);
        (1..=300).for_each(|number| {
            world.publish(client, "", queue, &number.to_string(), number % 2 == 0);
        });
    }
    assert_eq!(world.broker.body_memory_bytes(), filled + 10, "only what nothing waits before");
    let mut after = world.crashed();
    let again = after.client();
    let persistent: Vec<_> = (2..=300).step_by(2).map(|number| format!("{number} again")).collect();
    assert_eq!(after.drain(again, "q"), persistent);
    world.is_disk_slow = false;
    for queue in ["q", "volatile"] {
        let all = ["first".to_string()].into_iter().chain((1..=300).map(|number| number.to_string()));
        assert_eq!(world.drain(client, queue), all.collect::<Vec<_>>());
    }
    world.send(client, 1, BasicAck { delivery_tag: 0, multiple: true });
    assert_eq!(world.broker.body_memory_bytes(), filled);
}

#[test]
fn a_message_without_room_in_the_log_stays_in_memory() {
    let (mut world, client) = world();
    world.publish(client, "", "q", "first", false);
    let filled = world.broker.body_memory_bytes();
    world.set_room(Level::NoGrowth);
    world.publish(client, "", "q", "transient", false);
    assert_eq!(world.broker.body_memory_bytes(), filled + 9);
    assert_eq!(world.drain(client, "q"), ["first", "transient"]);
}

#[test]
fn a_get_waits_and_what_follows_it_on_its_channel_too() {
    let (mut world, client) = world();
    publish_numbers(&mut world, client, "q", 2);
    world.send(client, 2, ChannelOpen::default());
    world.read(client);
    world.send(client, 1, get("q"));
    world.send(client, 1, BasicQos::default());
    world.publish(client, "", "q", "3", true);
    world.send(client, 1, QueuePurge { queue: name("q"), ..Default::default() });
    world.send(client, 1, get("q"));
    assert_eq!(world.read(client), [""; 0]);
    world.send(client, 2, BasicQos::default());
    assert_eq!(world.read(client), ["basic.qos-ok"], "other channels go on");
    assert_eq!(world.broker.postponed_request_count(client), 5);
    assert!(world.broker.postponed_bytes() > 0);
    assert!(world.serve_fetches() > 0);
    assert_eq!(world.read(client), ["get-ok 1 1", "basic.qos-ok", "queue.purge-ok 2", "basic.get-empty"]);
    assert_eq!((world.broker.postponed_request_count(client), world.broker.postponed_bytes()), (0, 0));
    world.send(client, 1, BasicNack { delivery_tag: 1, multiple: false, requeue: true });
    world.send(client, 1, get("q"));
    world.serve_fetches();
    assert_eq!(world.read(client), ["get-ok 2 1 again"]);
    world.crashed();
}

#[test]
fn two_gets_of_two_clients_get_two_messages() {
    let (mut world, one) = world();
    let two = world.client();
    publish_numbers(&mut world, one, "q", 3);
    world.send(one, 1, get("q"));
    world.send(two, 1, get("q"));
    world.send(two, 1, get("q"));
    world.serve_fetches();
    assert_eq!(world.read(one), ["get-ok 1 1"]);
    assert_eq!(world.read(two), ["get-ok 1 2", "get-ok 2 3"]);
}

#[test]
fn a_queue_may_go_while_its_bodies_are_read() {
    let (mut world, client) = world();
    let other = world.client();
    publish_numbers(&mut world, client, "q", 3);
    world.send(client, 1, get("q"));
    world.send(client, 1, BasicQos::default());
    world.send(other, 1, QueueDelete { queue: name("q"), ..Default::default() });
    assert_eq!(world.read(other), ["queue.delete-ok 3"]);
    assert_eq!(world.read(client), ["channel.close 404 NOT_FOUND - no queue 'q' in vhost '/'"]);
    world.declare(other, "q", true);
    world.publish(other, "", "q", "new", true);
    world.serve_fetches();
    assert_eq!(world.counts("q"), (1, 0));
    world.send(other, 1, get("q"));
    world.serve_fetches();
    assert_eq!(world.read(other), ["get-ok 1 new"]);
    world.crashed();
}

#[test]
fn a_queue_may_be_purged_while_its_bodies_are_read() {
    let (mut world, client) = world();
    let other = world.client();
    publish_numbers(&mut world, client, "q", 3);
    world.consume(client, "q", "c", false);
    world.send(other, 1, get("q"));
    world.ask(client, QueuePurge { queue: name("q"), ..Default::default() });
    world.serve_fetches();
    assert_eq!(world.read(other), ["basic.get-empty"]);
    world.publish(client, "", "q", "4", true);
    assert_eq!(world.read(client), ["c 1 4"], "the queue was empty");
    world.crashed();
}

#[test]
fn a_client_may_go_while_bodies_are_read_for_it() {
    for hasty in [false, true] {
        let (mut world, client) = world();
        publish_numbers(&mut world, client, "q", 2);
        let gone = world.client();
        world.send(gone, 1, get("q"));
        world.consume(client, "q", "c", false);
        world.send(client, 1, BasicCancel { consumer_tag: name("c"), nowait: true });
        if hasty {
            world.disconnect(gone);
        } else {
            world.send(gone, 0, ConnectionClose::default());
        }
        world.serve_fetches();
        world.read(client);
        assert_eq!(world.counts("q"), (2, 0));
        assert_eq!(world.drain(client, "q"), ["1", "2"]);
    }
}

#[test]
fn messages_may_expire_or_be_dropped_while_they_are_read() {
    let (mut world, client) = world();
    let mut arguments = FieldTable::new();
    arguments.insert(ShortStr::literal("x-max-length"), 2);
    arguments.insert(ShortStr::literal("x-dead-letter-exchange"), "");
    arguments.insert(ShortStr::literal("x-dead-letter-routing-key"), "dead");
    world.declare(client, "dead", true);
    world.declare_with(client, "limited", true, arguments.as_table(&mut Vec::new()));
    let short = Properties { delivery_mode: Some(2), expiration: Some(name("50")), ..Default::default() };
    world.publish_with(
        client,
        "",
        "limited",
        b"dropped",
        Properties { delivery_mode: Some(2), ..Default::default() },
    );
    world.publish_with(client, "", "limited", b"expired", short);
    world.consume(client, "limited", "c", false);
    world.read(client);
    world.publish(client, "", "limited", "left", true);
    world.now.0 += 100;
    world.step(|broker, step| broker.tick(step));
    assert_eq!(world.read(client), [""; 0], "the body of what is left was not asked for yet");
    assert!(world.serve_fetches() > 0);
    assert!(world.serve_fetches() > 0);
    assert_eq!(world.read(client), ["c 1 left"]);
    world.is_disk_slow = false;
    let mut after = world.crashed();
    assert_eq!(world.drain(client, "dead"), ["dropped", "expired"]);
    let client = after.client();
    assert_eq!(after.drain(client, "dead"), ["dropped again", "expired again"]);
    assert_eq!(after.drain(client, "limited"), ["left again"]);
}

#[test]
fn a_moved_message_shares_the_body_it_had() {
    let (mut world, client) = world();
    world.declare(client, "dead", true);
    world.declare(client, "volatile", false);
    let exchange = name("dlx");
    world
        .ask(client, ExchangeDeclare { exchange, kind: name("fanout"), durable: true, ..Default::default() });
    for queue in ["dead", "volatile"] {
        world.ask(client, QueueBind { queue: name(queue), exchange, ..Default::default() });
    }
    let mut arguments = FieldTable::new();
    arguments.insert(ShortStr::literal("x-dead-letter-exchange"), "dlx");
    world.declare_with(client, "source", true, arguments.as_table(&mut Vec::new()));
    publish_numbers(&mut world, client, "source", 3);
    world.now.0 += 5;
    world.is_disk_slow = false;
    for tag in 1..=2 {
        world.ask(client, get("source"));
        world.send(client, 1, BasicReject { delivery_tag: tag, requeue: false });
    }
    assert_eq!(world.log_body_bytes(), 3, "no body is in the log twice");
    assert_eq!(world.drain(client, "volatile"), ["1", "2"]);
    let mut after = world.crashed();
    let client = after.client();
    assert_eq!(after.drain(client, "dead"), ["1 again", "2 again"]);
    assert_eq!(after.drain(client, "source"), ["3 again"]);
}

#[test]
fn what_clients_hold_leaves_memory_too() {
    let (mut world, client) = world();
    world.consume(client, "q", "c", false);
    let before = world.broker.body_memory_bytes();
    world.publish(client, "", "q", "1", true);
    world.publish(client, "", "q", "2", false);
    assert_eq!(world.read(client), ["basic.consume-ok c", "c 1 1", "c 2 2"]);
    assert_eq!(world.broker.body_memory_bytes(), before + 1, "the transient one has to stay");
    world.send(client, 1, BasicNack { delivery_tag: 2, multiple: true, requeue: true });
    world.serve_fetches();
    assert_eq!(world.read(client), ["c 3 1 again", "c 4 2 again"]);
    world.ask(client, QueueDelete { queue: name("q"), ..Default::default() });
    world.send(client, 1, BasicAck { delivery_tag: 4, multiple: true });
    assert_eq!(
        world.broker.body_memory_bytes(),
        before,
        "a deleted queue's bodies count until they are settled"
    );
}

#[test]
fn a_body_that_is_gone_is_an_error_only_while_it_is_wanted() {
    for wanted in [true, false] {
        let (mut world, client) = world();
        publish_numbers(&mut world, client, "q", 1);
        world.consume(client, "q", "c", true);
        if !wanted {
            world.ask(client, QueuePurge { queue: name("q"), ..Default::default() });
        }
        assert_eq!(world.lose_fetches(), [wanted]);
    }
}

#[test]
fn higher_priorities_overtake_bodies_that_are_read() {
    let (mut world, client) = world();
    let mut arguments = FieldTable::new();
    arguments.insert(ShortStr::literal("x-max-priority"), 3);
    world.declare_with(client, "p", true, arguments.as_table(&mut Vec::new()));
    let publish = |world: &mut World, body: &[u8], priority| {
        let priority = Some(priority);
        let properties = Properties { delivery_mode: Some(2), priority, ..Default::default() };
        world.publish_with(client, "", "p", body, properties);
    };
    publish(&mut world, b"low", 0);
    publish(&mut world, b"middle", 1);
    world.consume(client, "p", "c", true);
    world.read(client);
    publish(&mut world, b"high", 3);
    while world.serve_fetches() > 0 {}
    assert_eq!(world.read(client), ["c 1 high", "c 2 middle", "c 3 low"]);
}
