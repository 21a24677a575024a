//! What a crash leaves is what the log says, however persistent and transient things were mixed.

use super::world::{Level, World, name};
use proptest::prelude::*;
use warren_amqp::methods::*;
use warren_units::{Gate, PeerId};

#[test]
fn durable_things_come_back_and_others_do_not() {
    let mut world = World::new();
    let client = world.client();
    world.declare(client, "d", true);
    world.declare(client, "t", false);
    for (exchange, durable) in [("dx", true), ("tx", false)] {
        let exchange = name(exchange);
        world.ask(client, ExchangeDeclare { exchange, kind: name("fanout"), durable, ..Default::default() });
        for queue in ["d", "t"] {
            world.ask(client, QueueBind { queue: name(queue), exchange, ..Default::default() });
        }
    }
    world.publish(client, "dx", "", "kept", true);
    world.publish(client, "dx", "", "lost", false);
    let mut after = world.crashed();
    let client = after.client();
    assert!(after.broker.queue("/", b"t").is_none());
    assert_eq!(after.drain(client, "d"), ["kept again"]);
    assert_eq!(after.broker.bindings(None, 0, 100).rows.len(), 1);
    after.publish(client, "dx", "", "new", true);
    assert_eq!(after.drain(client, "d"), ["new"]);
}

#[test]
fn a_delivery_waits_until_its_record_is_written() {
    let mut world = World::new();
    let client = world.client();
    world.declare(client, "d", true);
    world.consume(client, "d", "c", true);
    world.read(client);
    world.publish(client, "", "d", "1", true);
    let written = std::mem::take(&mut world.progress);
    assert_eq!(world.read(client), [""; 0]);
    world.progress = written;
    assert_eq!(world.read(client), ["c 1 1"]);
}

#[test]
fn a_bridged_message_waits_for_the_stricter_of_both_settings() {
    use crate::ConfirmLevel::{Synced, Written};
    for (is_always, confirms, is_strict) in
        [(false, Written, false), (false, Synced, true), (true, Written, true), (true, Synced, true)]
    {
        let mut world = World::new();
        world.broker.settings.publisher_confirms = confirms;
        let client = world.client();
        world.declare(client, "d", true);
        world.consume(client, "d", "c", true);
        world.read(client);
        world.step(|broker, step| {
            let body = warren_amqp::Payload::Plain(b"1");
            let lsn = step.batch.next_lsn();
            let published = broker.publish_from_bridge(step, b"", b"d", body, is_always).unwrap();
            assert_eq!(published.queue_count, 1);
            assert_eq!(published.gate, if is_strict { Gate::synced(lsn) } else { Gate::OPEN });
            assert!(broker.publish_from_bridge(step, b"none", b"d", body, is_always).is_err());
        });
        assert_eq!(world.read(client).is_empty(), is_strict, "{is_always} {confirms:?}");
        if is_strict {
            world.sync();
            assert_eq!(world.read(client), ["c 1 1"]);
        }
        world.crashed();
    }
}

#[test]
fn a_malformed_record_is_an_error() {
    use warren_units::varint::Cursor;
    let mut world = World::new();
    for bytes in [&[0xff][..], &[0x83, 9], &[0x87, 1, 1, 1, 0], &[0x86, 0, 0, 0, 0, 2, 0, 0, 0, 0]] {
        let mut framed = (bytes.len() as u32).to_le_bytes().to_vec();
        framed.extend([0; 4].iter().chain(bytes));
        let (record, _) = warren_units::Record::parse(warren_units::Lsn(1), &framed).unwrap();
        let replayed = world.broker.replay(&record, &mut Cursor::new(record.effects));
        assert!(replayed.is_err(), "{bytes:?}");
    }
}

#[derive(Clone, Debug)]
pub enum Act {
    Publish { queue: usize, persistent: bool },
    PublishToAll { persistent: bool },
    Get { queue: usize, no_ack: bool },
    Consume { queue: usize },
    Settle { tag: u64, multiple: bool, how: u8 },
    Purge { queue: usize },
    Delete { queue: usize },
    Reconnect,
    Crash,
    Wait,
    Room { level: Level },
}

pub fn act() -> impl Strategy<Value = Act> {
    let queue = 0..3usize;
    prop_oneof![
        6 => (queue.clone(), any::<bool>()).prop_map(|(queue, persistent)| Act::Publish { queue, persistent }),
        3 => any::<bool>().prop_map(|persistent| Act::PublishToAll { persistent }),
        4 => (queue.clone(), any::<bool>()).prop_map(|(queue, no_ack)| Act::Get { queue, no_ack }),
        1 => queue.clone().prop_map(|queue| Act::Consume { queue }),
        6 => (1..30u64, any::<bool>(), 0..3u8).prop_map(|(tag, multiple, how)| Act::Settle { tag, multiple, how }),
        1 => queue.clone().prop_map(|queue| Act::Purge { queue }),
        1 => queue.prop_map(|queue| Act::Delete { queue }),
        1 => Just(Act::Reconnect),
        1 => Just(Act::Crash),
        2 => Just(Act::Wait),
        1 => prop::sample::select(&LEVELS[..]).prop_map(|level| Act::Room { level }),
        1 => Just(Act::Room { level: Level::Everything }),
    ]
}

const LEVELS: [Level; 3] = [Level::NoGrowth, Level::NoUpkeep, Level::Nothing];

/// Two durable queues, one of them with a limit and a dead letter exchange, and a transient one.
pub const QUEUES: [&str; 3] = ["one", "two", "three"];

pub fn declare_all(world: &mut World, client: PeerId) {
    let exchange = name("all");
    let declare = ExchangeDeclare { exchange, kind: name("fanout"), durable: true, ..Default::default() };
    world.send(client, 1, declare);
    for (index, queue) in QUEUES.iter().enumerate() {
        let mut arguments = warren_amqp::FieldTable::new();
        if index == 1 {
            arguments.insert(warren_amqp::ShortStr::literal("x-max-length"), 3);
            arguments.insert(warren_amqp::ShortStr::literal("x-dead-letter-exchange"), "");
            arguments.insert(warren_amqp::ShortStr::literal("x-dead-letter-routing-key"), "one");
        }
        world.declare_with(client, queue, index < 2, arguments.as_table(&mut Vec::new()));
        world.send(client, 1, QueueBind { queue: name(queue), exchange, ..Default::default() });
    }
    world.read(client);
}

/// The next client; a refusal may have closed the channel of the last one.
fn renew(world: &mut World, client: PeerId) -> PeerId {
    world.disconnect(client);
    let client = world.client();
    declare_all(world, client);
    client
}

#[test]
fn what_an_unclean_end_left_unknown_stays_so_over_a_clean_one() {
    let mut world = World::new();
    let client = world.client();
    world.declare(client, "q", true);
    world.publish(client, "", "q", "old", true);
    world.consume(client, "q", "tag", false);
    let mut world = world.restarted(false);
    let client = world.client();
    world.publish(client, "", "q", "new", true);
    let mut world = world.restarted(true);
    let client = world.client();
    assert_eq!(world.drain(client, "q"), ["old again", "new"]);
}

/// Whether a refusal closed the client's channel or connection.
pub fn is_closed(lines: &[String]) -> bool {
    lines.iter().any(|line| line.starts_with("channel.close") || line.starts_with("connection.close"))
}

/// One act of a client that may be renewed by it.
pub fn perform(world: &mut World, client: &mut PeerId, body: &str, act: Act) {
    match act {
        Act::Publish { queue, persistent } => world.publish(*client, "", QUEUES[queue], body, persistent),
        Act::PublishToAll { persistent } => world.publish(*client, "all", "", body, persistent),
        Act::Get { queue, no_ack } => {
            world.send(*client, 1, BasicGet { queue: name(QUEUES[queue]), no_ack, ..Default::default() });
        }
        Act::Consume { queue } => {
            world.send(*client, 1, BasicQos { prefetch_count: 2, ..Default::default() });
            world.consume(*client, QUEUES[queue], "", false);
        }
        Act::Settle { tag, multiple, how } => match how {
            0 => world.send(*client, 1, BasicAck { delivery_tag: tag, multiple }),
            how => {
                let nack = BasicNack { delivery_tag: tag, multiple, requeue: how == 1 };
                world.send(*client, 1, nack);
            }
        },
        Act::Purge { queue } => {
            world.send(*client, 1, QueuePurge { queue: name(QUEUES[queue]), ..Default::default() });
        }
        Act::Delete { queue } => {
            world.send(*client, 1, QueueDelete { queue: name(QUEUES[queue]), ..Default::default() });
            declare_all(world, *client);
        }
        Act::Reconnect => *client = renew(world, *client),
        Act::Crash => {
            // The new world's log begins here, so the old one's hash is compared and life goes on.
            world.crashed();
        }
        Act::Wait => world.wait(300),
        Act::Room { level } => world.set_room(level),
    }
    if is_closed(&world.read(*client)) {
        *client = renew(world, *client);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn replay_gives_what_was_live(acts in prop::collection::vec(act(), 1..80)) {
        let mut world = World::new();
        let mut client = world.client();
        declare_all(&mut world, client);
        for (number, act) in acts.into_iter().enumerate() {
            perform(&mut world, &mut client, &number.to_string(), act);
        }
        world.disconnect(client);
        world.crashed();
        world.set_room(Level::Everything);
        world.wait(1000);
        let live: Vec<_> = QUEUES.map(|queue| world.broker.queue("/", queue.as_bytes())).into_iter().flatten().collect();
        prop_assert!(live.iter().all(|queue| queue.messages_unacknowledged == 0));
        world.crashed();
    }
}
