//! What a full log refuses, what waits until it has room, and that it goes on then.

use super::world::{Level, World, name};
use warren_amqp::methods::*;
use warren_amqp::{FieldTable, ShortStr};
use warren_units::PeerId;

const FULL: &str = "connection.close 506 RESOURCE_ERROR - no space left on the disk";

/// A queue whose dead go to `dead`, with `count` persistent messages.
fn dying(world: &mut World, client: PeerId, count: usize, time_to_live: Option<i64>) {
    let mut arguments = FieldTable::new();
    arguments.insert(ShortStr::literal("x-dead-letter-exchange"), "");
    arguments.insert(ShortStr::literal("x-dead-letter-routing-key"), "dead");
    if let Some(milliseconds) = time_to_live {
        arguments.insert(ShortStr::literal("x-message-ttl"), milliseconds);
    }
    world.declare_with(client, "q", true, arguments.as_table(&mut Vec::new()));
    world.declare(client, "dead", true);
    (0..count).for_each(|number| world.publish(client, "", "q", &number.to_string(), true));
}

fn nack_all(world: &mut World, client: PeerId, requeue: bool) {
    world.send(client, 1, BasicNack { delivery_tag: 0, multiple: true, requeue });
}

#[test]
fn dead_letters_wait_for_room_and_a_crash_leaves_them_where_they_were() {
    let mut world = World::new();
    let client = world.client();
    dying(&mut world, client, 3, None);
    world.drain(client, "q");
    world.set_room(Level::NoGrowth);
    nack_all(&mut world, client, false);
    assert_eq!((world.counts("q"), world.counts("dead")), ((0, 3), (0, 0)));
    let mut crashed = world.crashed();
    let again = crashed.client();
    assert_eq!(crashed.drain(again, "q").len(), 3);
    world.wait(1000);
    assert_eq!(world.counts("dead"), (0, 0));
    world.set_room(Level::Everything);
    world.wait(1000);
    assert_eq!(
        (world.counts("q"), world.drain(client, "dead")),
        ((0, 0), ["0", "1", "2"].map(String::from).into())
    );
}

#[test]
fn expired_messages_wait_in_no_queue_and_are_given_to_nobody() {
    let mut world = World::new();
    let client = world.client();
    dying(&mut world, client, 2, Some(50));
    world.set_room(Level::Nothing);
    world.wait(60);
    assert_eq!(world.drain(client, "q"), Vec::<String>::new());
    assert_eq!(world.counts("q"), (0, 2));
    world.set_room(Level::Everything);
    world.wait(1000);
    assert_eq!(world.drain(client, "dead"), ["0", "1"]);
}

#[test]
fn many_dead_letters_go_in_steps_and_stay_in_order() {
    const COUNT: usize = 1000;
    let mut world = World::new();
    let client = world.client();
    dying(&mut world, client, COUNT, None);
    world.drain(client, "q");
    let before = world.record_count();
    nack_all(&mut world, client, false);
    assert!((1..500).contains(&world.counts("dead").0));
    world.wait(0);
    assert!(world.record_count() > before + 3);
    assert_eq!(world.drain(client, "dead"), (0..COUNT).map(|number| number.to_string()).collect::<Vec<_>>());
    assert_eq!(world.counts("q"), (0, 0));
}

#[test]
fn what_a_client_held_goes_back_once_there_is_room() {
    const COUNT: usize = 5000;
    let mut world = World::new();
    let (client, other) = (world.client(), world.client());
    world.declare(client, "q", true);
    (0..COUNT).for_each(|number| world.publish(client, "", "q", &number.to_string(), true));
    world.drain(client, "q");
    world.set_room(Level::NoUpkeep);
    world.send(client, 1, BasicAck { delivery_tag: 1, multiple: false });
    world.disconnect(client);
    world.wait(1000);
    assert_eq!(world.counts("q"), (0, COUNT as u64 - 1));
    world.set_room(Level::Everything);
    world.wait(1000);
    let expected: Vec<String> = (1..COUNT).map(|number| format!("{number} again")).collect();
    assert_eq!(world.drain(other, "q"), expected);
    // The same of one nack of all of them, in steps.
    nack_all(&mut world, other, true);
    assert!(world.counts("q").0 < COUNT as u64 - 1);
    world.wait(0);
    assert_eq!(world.drain(other, "q"), expected);
}

#[test]
fn topology_is_refused_before_what_takes_away_is() {
    let refused = |level, act: &dyn Fn(&mut World, PeerId)| {
        let mut world = World::new();
        let client = world.client();
        world.declare(client, "q", true);
        world.publish(client, "", "q", "1", true);
        world.ask(client, BasicGet { queue: name("q"), ..Default::default() });
        world.set_room(level);
        act(&mut world, client);
        let lines = world.read(client);
        assert!(lines.iter().all(|line| line == FULL || !line.contains("close")), "{lines:?}");
        lines.iter().any(|line| line == FULL)
    };
    let queue = name("q");
    let declare = |durable| {
        move |world: &mut World, client| {
            world.send(client, 1, QueueDeclare { queue: name("new"), durable, ..Default::default() });
        }
    };
    let exchange = |world: &mut World, client| {
        let (exchange, kind) = (name("new"), name("fanout"));
        world.send(client, 1, ExchangeDeclare { exchange, kind, durable: true, ..Default::default() });
    };
    let bind = |world: &mut World, client| {
        let exchange = name("amq.direct");
        world.send(client, 1, QueueBind { queue, exchange, ..Default::default() });
    };
    let publish =
        |persistent| move |world: &mut World, client| world.publish(client, "", "q", "2", persistent);
    let growing: [&dyn Fn(&mut World, PeerId); 4] = [&declare(true), &exchange, &bind, &publish(true)];
    let taking: [&dyn Fn(&mut World, PeerId); 4] = [
        &|world, client| world.send(client, 1, QueuePurge { queue, ..Default::default() }),
        &|world, client| world.send(client, 1, QueueDelete { queue, ..Default::default() }),
        &|world, client| world.send(client, 1, BasicAck { delivery_tag: 1, multiple: false }),
        &publish(false),
    ];
    for act in growing {
        assert!(!refused(Level::Everything, act) && refused(Level::NoGrowth, act));
    }
    for act in taking {
        assert!(!refused(Level::NoUpkeep, act) && refused(Level::Nothing, act));
    }
    for act in [&declare(false) as &dyn Fn(&mut World, PeerId), &|world, client| {
        world.send(client, 1, BasicNack { delivery_tag: 0, multiple: true, requeue: true });
    }] {
        assert!(!refused(Level::Nothing, act));
    }
}

#[test]
fn auto_delete_queues_and_exchanges_go_when_there_is_room() {
    let mut world = World::new();
    let client = world.client();
    let (queue, exchange) = (name("passing"), name("x"));
    world.send(client, 1, QueueDeclare { queue, durable: true, auto_delete: true, ..Default::default() });
    let (kind, durable, auto_delete) = (name("fanout"), true, true);
    world.send(client, 1, ExchangeDeclare { exchange, kind, durable, auto_delete, ..Default::default() });
    world.send(client, 1, QueueDeclare { queue: name("own"), exclusive: true, ..Default::default() });
    world.send(client, 1, QueueBind { queue: name("own"), exchange, ..Default::default() });
    world.consume(client, "passing", "tag", false);
    world.set_room(Level::Nothing);
    world.disconnect(client);
    world.wait(1000);
    let state = |world: &World| {
        let state = &world.broker.state;
        ["passing", "own"].map(|queue| state.queue_named(0, queue.as_bytes()).is_some()) == [true, false]
            && state.exchange_named(0, b"x").is_some()
    };
    assert!(state(&world));
    world.set_room(Level::Everything);
    world.wait(1000);
    let left = &world.broker.state;
    assert_eq!((left.queue_named(0, b"passing"), left.exchange_named(0, b"x")), (None, None));
    world.crashed();
}
