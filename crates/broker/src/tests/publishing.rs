//! Routing, confirms, returns, transactions, limits.

use super::world::{World, name};
use crate::{ConfirmLevel, Settings};
use warren_amqp::methods::*;
use warren_amqp::{FieldTable, Properties, ShortStr};

#[test]
fn declare_publish_consume_acknowledge() {
    let mut world = World::new();
    let client = world.client();
    world.declare(client, "q", false);
    world.publish(client, "", "q", "one", false);
    world.consume(client, "q", "c", false);
    assert_eq!(world.read(client), ["basic.consume-ok c", "c 1 one"]);
    world.publish(client, "", "q", "two", false);
    assert_eq!(world.read(client), ["c 2 two"]);
    assert_eq!(world.counts("q"), (0, 2));
    world.send(client, 1, BasicAck { delivery_tag: 2, multiple: true });
    assert_eq!(world.counts("q"), (0, 0));
    assert_eq!(world.record_count(), 0, "nothing here is durable");
}

#[test]
fn a_confirm_of_a_persistent_message_waits_for_the_sync() {
    let mut world = World::new();
    let client = world.client();
    world.declare(client, "d", true);
    world.declare(client, "t", false);
    assert_eq!(world.ask(client, ConfirmSelect::default()), ["confirm.select-ok"]);
    world.publish(client, "", "d", "1", true);
    world.publish(client, "", "d", "2", true);
    world.publish(client, "", "t", "3", true);
    world.publish(client, "", "d", "4", false);
    world.publish(client, "", "nowhere", "5", true);
    assert_eq!(world.read(client), ["ack 3", "ack 4", "ack 5"]);
    assert_eq!(world.sync_wanted, world.progress.written, "the log is asked to sync at once");
    world.sync();
    assert_eq!(world.read(client), ["ack 2 multiple"]);
    world.sync();
    assert_eq!(world.read(client), [""; 0]);
}

#[test]
fn confirms_may_be_set_to_written() {
    let settings = Settings { publisher_confirms: ConfirmLevel::Written, ..Settings::default() };
    let mut world = World::with(settings);
    let client = world.client();
    world.declare(client, "d", true);
    world.ask(client, ConfirmSelect::default());
    world.publish(client, "", "d", "1", true);
    assert_eq!(world.read(client), ["ack 1"]);
}

#[test]
fn a_return_comes_before_its_confirm() {
    let mut world = World::new();
    let client = world.client();
    world.ask(client, ConfirmSelect::default());
    let publish = BasicPublish { routing_key: name("nowhere"), mandatory: true, ..Default::default() };
    world.publish_method(client, publish, b"lost", Properties::default());
    assert_eq!(world.read(client), ["return NO_ROUTE lost", "ack 1"]);
}

#[test]
fn every_bound_queue_gets_the_message_once() {
    let mut world = World::new();
    let client = world.client();
    let declare = ExchangeDeclare { exchange: name("logs"), kind: name("topic"), ..Default::default() };
    assert_eq!(world.ask(client, declare), ["exchange.declare-ok"]);
    for (queue, keys) in [("a", vec!["#", "*.error"]), ("b", vec!["app.*"]), ("c", vec!["db.#"])] {
        world.declare(client, queue, false);
        for key in keys {
            let bind = QueueBind {
                queue: name(queue),
                exchange: name("logs"),
                routing_key: name(key),
                ..Default::default()
            };
            assert_eq!(world.ask(client, bind), ["queue.bind-ok"]);
        }
    }
    world.publish(client, "logs", "app.error", "x", false);
    world.publish(client, "logs", "app.error", "y", false);
    assert_eq!(["a", "b", "c"].map(|queue| world.counts(queue).0), [2, 2, 0]);
}

#[test]
fn a_transaction_is_one_record_or_nothing() {
    let mut world = World::new();
    let client = world.client();
    world.declare(client, "d", true);
    world.publish(client, "", "d", "before", true);
    assert_eq!(world.drain(client, "d"), ["before"]);
    assert_eq!(world.ask(client, TxSelect {}), ["tx.select-ok"]);
    let records = world.record_count();
    world.publish(client, "", "d", "1", true);
    world.publish(client, "", "d", "2", true);
    world.send(client, 1, BasicAck { delivery_tag: 1, multiple: false });
    assert_eq!((world.counts("d"), world.record_count()), ((0, 1), records));
    assert_eq!(world.ask(client, TxRollback {}), ["tx.rollback-ok"]);
    world.publish(client, "", "d", "3", true);
    world.send(client, 1, BasicAck { delivery_tag: 1, multiple: false });
    assert_eq!(world.ask(client, TxCommit {}), [""; 0], "the answer waits for the sync");
    assert_eq!((world.counts("d"), world.record_count()), ((1, 0), records + 1));
    world.sync();
    assert_eq!(world.read(client), ["tx.commit-ok"]);
    world.crashed();
}

#[test]
fn full_queues_drop_their_head_or_refuse() {
    let mut world = World::new();
    let client = world.client();
    for (queue, overflow) in [("drop", "drop-head"), ("refuse", "reject-publish")] {
        let mut arguments = FieldTable::new();
        arguments.insert(ShortStr::literal("x-max-length"), 2);
        arguments.insert(ShortStr::literal("x-overflow"), overflow);
        world.declare_with(client, queue, true, arguments.as_table(&mut Vec::new()));
    }
    world.ask(client, ConfirmSelect::default());
    for queue in ["drop", "refuse"] {
        ["1", "2", "3"].iter().for_each(|body| world.publish(client, "", queue, body, true));
    }
    world.sync();
    assert_eq!(world.read(client), ["nack 6", "ack 5 multiple"]);
    assert_eq!(world.drain(client, "drop"), ["2", "3"]);
    assert_eq!(world.drain(client, "refuse"), ["1", "2"]);
    world.crashed();
}

#[test]
fn refusals_name_the_reason() {
    for (publish, expected) in [
        (
            BasicPublish { exchange: name("none"), ..Default::default() },
            "channel.close 404 NOT_FOUND - no exchange 'none' in vhost '/'",
        ),
        (
            BasicPublish { immediate: true, ..Default::default() },
            "connection.close 540 NOT_IMPLEMENTED - immediate=true",
        ),
        (
            BasicPublish { exchange: name("amq.rabbitmq.trace"), ..Default::default() },
            "channel.close 403 ACCESS_REFUSED - cannot publish to internal exchange 'amq.rabbitmq.trace' in vhost '/'",
        ),
    ] {
        let mut world = World::new();
        let client = world.client();
        world.publish_method(client, publish, b"", Properties::default());
        assert_eq!(world.read(client), [expected]);
    }
    let mut world = World::new();
    let client = world.client();
    let properties = Properties { user_id: Some(name("somebody")), ..Default::default() };
    world.publish_with(client, "", "q", b"", properties);
    let expected = "channel.close 406 PRECONDITION_FAILED - user_id property set to 'somebody' but authenticated user was 'guest'";
    assert_eq!(world.read(client), [expected]);
}

#[test]
fn direct_replies_find_their_channel() {
    let mut world = World::new();
    let (asker, answerer) = (world.client(), world.client());
    world.declare(answerer, "rpc", false);
    world.consume(asker, "amq.rabbitmq.reply-to", "r", true);
    assert_eq!(world.read(asker), ["basic.consume-ok r"]);
    let properties = Properties { reply_to: Some(name("amq.rabbitmq.reply-to")), ..Default::default() };
    world.publish_with(asker, "", "rpc", b"question", properties);
    let row = world.broker.state.queue_named(0, b"rpc").unwrap();
    let reply_to = world.broker.state.queue(row).front().unwrap().message.properties().reply_to().unwrap();
    let reply_to = String::from_utf8(reply_to.to_vec()).unwrap();
    assert!(reply_to.starts_with("amq.rabbitmq.reply-to.g1-"));
    world.publish(answerer, "", &reply_to, "answer", false);
    assert_eq!(world.read(asker), ["r 1 answer"]);
    world.disconnect(asker);
    world.publish(answerer, "", &reply_to, "too late", false);
    assert_eq!(world.read(answerer), [""; 0]);
}

#[test]
fn a_queue_that_is_much_too_full_drops_in_steps() {
    let mut world = World::with(Settings { dropped_per_step_max: 100, ..Settings::default() });
    let client = world.client();
    let mut arguments = FieldTable::new();
    arguments.insert(ShortStr::literal("x-max-length-bytes"), 1000);
    world.declare_with(client, "q", true, arguments.as_table(&mut Vec::new()));
    (0..1000).for_each(|_| world.publish(client, "", "q", "1", true));
    world.publish(client, "", "q", &"2".repeat(990), true);
    assert_eq!(world.counts("q"), (901, 0));
    let after = world.crashed();
    assert!(after.broker.next_deadline().is_some_and(|at| at <= after.now), "a restart goes on with it");
    let mut ticks = 0;
    while world.broker.next_deadline().is_some_and(|at| at <= world.now) {
        world.step(|broker, step| broker.tick(step));
        ticks += 1;
    }
    assert_eq!((world.counts("q"), ticks), ((11, 0), 9));
    world.crashed();
}
