//! The frozen view is the state at the flip, whatever happens while it is walked over and encoded.

use super::durability::{Act, QUEUES, act, declare_all, is_closed, perform};
use super::world::{World, name};
use crate::checkpoint::{Part, encode};
use crate::{Broker, Settings};
use proptest::prelude::*;
use std::collections::BTreeSet;
use warren_amqp::methods::*;
use warren_units::varint::Cursor;
use warren_units::{BodyName, Lsn, PeerId, Record, Rope};

#[derive(Clone, Debug)]
enum Move {
    Act(Act),
    TxSelect,
    TxCommit,
    TxRollback,
    Unbind { queue: usize },
    DeclareOther { durable: bool },
    DeleteExchange,
}

fn one_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        20 => act().prop_map(Move::Act),
        1 => Just(Move::TxSelect),
        2 => Just(Move::TxCommit),
        2 => Just(Move::TxRollback),
        1 => (0..3usize).prop_map(|queue| Move::Unbind { queue }),
        1 => any::<bool>().prop_map(|durable| Move::DeclareOther { durable }),
        1 => Just(Move::DeleteExchange),
    ]
}

fn make(world: &mut World, client: &mut PeerId, number: usize, one_move: Move) {
    let other = format!("other-{number}");
    match one_move {
        Move::Act(act) => return perform(world, client, &number.to_string(), act),
        Move::TxSelect => world.send(*client, 1, TxSelect {}),
        Move::TxCommit => world.send(*client, 1, TxCommit {}),
        Move::TxRollback => world.send(*client, 1, TxRollback {}),
        Move::Unbind { queue } => {
            let (queue, exchange) = (name(QUEUES[queue]), name("all"));
            world.send(*client, 1, QueueUnbind { queue, exchange, ..Default::default() });
        }
        Move::DeclareOther { durable } => {
            world.send(*client, 1, QueueDeclare { queue: name(&other), durable, ..Default::default() });
            let (queue, exchange) = (name(&other), name("all"));
            world.send(*client, 1, QueueBind { queue, exchange, ..Default::default() });
        }
        Move::DeleteExchange => {
            world.send(*client, 1, ExchangeDelete { exchange: name("all"), ..Default::default() });
            declare_all(world, *client);
        }
    }
    if is_closed(&world.read(*client)) {
        perform(world, client, "", Act::Reconnect);
    }
}

/// The names of all bodies that messages of the broker need.
fn needed(broker: &Broker) -> BTreeSet<BodyName> {
    let waiting = broker.state.queues.iter().flat_map(|(_, queue)| queue.ready());
    let held = broker.held_deliveries().map(|delivery| &delivery.entry);
    waiting.chain(held).filter_map(|entry| entry.message.name()).collect()
}

/// Encodes a view into an empty broker; answers the names of bodies with it.
fn restored(parts: Vec<Part>) -> (Broker, BTreeSet<BodyName>) {
    let (mut broker, mut names) = (Broker::new(Settings::default()), BTreeSet::new());
    let mut block = |effects: &Rope| {
        let effects = effects.to_vec();
        let mut framed = (effects.len() as u32).to_le_bytes().to_vec();
        framed.extend([0; 4].iter().chain(&effects));
        let (record, _) = Record::parse(Lsn(1), &framed).unwrap();
        let mut cursor = Cursor::new(record.effects);
        while !cursor.is_empty() {
            broker.replay(&record, &mut cursor).map_err(|error| error.0)?;
        }
        Ok::<(), String>(())
    };
    let mut body = |name, _| {
        names.insert(name);
    };
    encode(parts, &mut block, &mut body).unwrap();
    (broker, names)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn the_view_is_the_state_at_the_flip(
        before in prop::collection::vec(one_move(), 0..80),
        meanwhile in prop::collection::vec((one_move(), 0..3usize), 0..60),
        given_up in any::<bool>(),
        budget_bytes in prop_oneof![Just(0), Just(10), Just(u64::MAX)],
    ) {
        let mut world = World::with(Settings { body_memory_bytes: budget_bytes, ..Settings::default() });
        let mut client = world.client();
        declare_all(&mut world, client);
        let mut parts = Vec::new();
        let half = before.len() / 2;
        for (number, one_move) in before.into_iter().enumerate() {
            make(&mut world, &mut client, number, one_move);
            if given_up && number == half {
                world.broker.begin_checkpoint();
                world.broker.checkpoint_step(3, &mut parts);
                if half % 2 == 0 {
                    world.broker.end_checkpoint();
                }
                parts.clear();
            }
        }
        let (flip, records) = (world.broker.state_hash(), world.record_count());
        let names = needed(&world.broker);
        let next_id = world.broker.state.next_recorded_id();
        world.broker.begin_checkpoint();
        let mut is_done = false;
        for (number, (one_move, steps)) in meanwhile.into_iter().enumerate() {
            make(&mut world, &mut client, 1000 + number, one_move);
            for _ in 0..steps {
                is_done = is_done || world.broker.checkpoint_step(2, &mut parts);
            }
        }
        while !is_done {
            is_done = world.broker.checkpoint_step(2, &mut parts);
        }
        let (mut broker, found) = restored(parts);
        prop_assert_eq!(broker.state_hash(), flip);
        prop_assert_eq!(found, names);
        prop_assert_eq!(broker.state.next_recorded_id(), next_id);
        // What came after the flip fits what the view restored.
        world.replay_into(&mut broker, records);
        prop_assert_eq!(broker.state_hash(), world.broker.state_hash());
    }
}

#[test]
fn a_step_does_not_grow_with_what_a_queue_holds() {
    let mut world = World::new();
    let client = world.client();
    world.declare(client, "q", true);
    (0..5000).for_each(|number| world.publish(client, "", "q", &number.to_string(), true));
    world.send(client, 1, BasicQos { prefetch_count: 3000, ..Default::default() });
    world.consume(client, "q", "c", false);
    let flip = world.broker.state_hash();
    world.broker.begin_checkpoint();
    world.send(client, 1, BasicAck { delivery_tag: 2000, multiple: true });
    world.ask(client, QueuePurge { queue: name("q"), ..Default::default() });
    let (mut parts, mut steps) = (Vec::new(), 1);
    while !world.broker.checkpoint_step(4, &mut parts) {
        steps += 1;
    }
    assert!(steps < 50 && parts.len() < 50, "{steps} steps, {} parts", parts.len());
    let (broker, names) = restored(parts);
    assert_eq!((broker.state_hash(), names.len()), (flip, 5000));
    let row = broker.queue("/", b"q").unwrap();
    assert_eq!((row.messages_ready, row.messages_unacknowledged), (5000, 0));
}

#[test]
fn what_counts_as_redelivered_is_restored() {
    let mut world = World::new();
    let client = world.client();
    world.declare(client, "q", true);
    world.publish(client, "", "q", "1", true);
    let mut after = world.crashed();
    let client = after.client();
    after.publish(client, "", "q", "2", true);
    after.broker.begin_checkpoint();
    let mut parts = Vec::new();
    while !after.broker.checkpoint_step(1, &mut parts) {}
    (after.broker, _) = restored(parts);
    after.step(|broker, step| broker.recovered(step, true));
    let state = &after.broker.state;
    let queue = state.queue(state.queue_named(0, b"q").unwrap());
    let redelivered: Vec<bool> = queue.ready().map(|entry| queue.is_redelivered(entry)).collect();
    assert_eq!(redelivered, [true, false]);
}
