//! Blocked clients: timeouts of BLPOP and its like.

use crate::command::CommandError;
use crate::context::Shared;
use crate::parse;
use crate::session::{Blocked, OnTimeout};
use std::collections::BTreeSet;
use warren_resp::{Protocol, Reply};
use warren_units::{PeerId, UnixMillis};

/// Reads a timeout in seconds as BLPOP takes it, a decimal number; `None` is for ever.
///
/// # Errors
/// Redis's texts for what is no number and what is negative or too large.
pub fn deadline(text: &[u8], now: UnixMillis) -> Result<Option<UnixMillis>, CommandError> {
    let seconds =
        parse::float(text).ok_or(CommandError::fixed("ERR timeout is not a float or out of range"))?;
    let milliseconds = (seconds * 1000.0).ceil();
    // What C cannot hold in a long long becomes its lowest one: Redis calls it negative.
    if milliseconds < 0.0 || milliseconds >= i64::MAX as f64 {
        return Err(CommandError::fixed("ERR timeout is negative"));
    }
    Ok((milliseconds > 0.0).then(|| now.saturating_add(milliseconds as u64)))
}

/// When whose waiting ends, in order of time: asked for at every turn, whatever the number of clients.
#[derive(Default)]
pub struct Deadlines(BTreeSet<(UnixMillis, PeerId)>);

impl Deadlines {
    pub fn add(&mut self, deadline: Option<UnixMillis>, peer: PeerId) {
        self.0.extend(deadline.map(|deadline| (deadline, peer)));
    }

    fn remove(&mut self, deadline: Option<UnixMillis>, peer: PeerId) {
        if let Some(deadline) = deadline {
            self.0.remove(&(deadline, peer));
        }
    }

    pub fn next(&self) -> Option<UnixMillis> {
        self.0.first().map(|(deadline, _)| *deadline)
    }

    /// Clients whose waiting ends at `now`, `limit` at most.
    pub fn due(&self, now: UnixMillis, limit: usize) -> Vec<PeerId> {
        self.0
            .iter()
            .take_while(|(deadline, _)| *deadline <= now)
            .take(limit)
            .map(|(_, peer)| *peer)
            .collect()
    }
}

/// Forgets what a client that is no longer blocked has waited for.
pub fn forget(shared: &mut Shared, peer: PeerId, blocked: &Blocked) {
    shared.deadlines.remove(blocked.deadline, peer);
    shared.keyspace.notices.stop_waiting(peer, blocked.database, &blocked.keys);
}

/// Ends a client's waiting with the reply of its timeout.
pub fn time_out(shared: &mut Shared, peer: PeerId, output: impl FnOnce(Protocol, &dyn Fn(&mut Reply<'_>))) {
    let Some(session) = shared.sessions.get_mut(peer) else { return };
    let Some(blocked) = session.blocked.take() else { return };
    let protocol = session.protocol;
    output(protocol, &|reply| match blocked.on_timeout {
        OnTimeout::NullArray => reply.null_array(),
        OnTimeout::Zero => reply.integer(0),
        OnTimeout::Ok => reply.ok(),
        OnTimeout::Run => {}
    });
    if blocked.on_timeout == OnTimeout::Run {
        session.waiting_requests.push_front(blocked.command.clone());
    }
    forget(shared, peer, &blocked);
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn who_waits_for_several_keys_is_served_once_and_lines_up_behind_anew() {
        let mut world = World::default();
        let (first, second, writer) = (world.connect(), world.connect(), world.connect());
        world.transcript(first, &[("BLPOP a b a 0", ""), ("BLPOP b 0", "")]);
        world.transcript(second, &[("BLPOP b a 0", "")]);
        world.transcript(writer, &[("RPUSH b 1 2 3", ":3|")]);
        assert_eq!(world.received(first), "*2|$1|b|$1|1|*2|$1|b|$1|3|");
        assert_eq!(world.received(second), "*2|$1|b|$1|2|");
        world.transcript(writer, &[("RPUSH a 1", ":1|"), ("LLEN a", ":1|")]);
        assert_eq!(world.received(first) + &world.received(second), "", "nobody waits any more");
    }

    #[test]
    fn a_move_feeds_the_next_client_within_one_record_and_replays() {
        let mut world = World::default();
        let (first, second, writer) = (world.connect(), world.connect(), world.connect());
        world.transcript(second, &[("BLMOVE b c LEFT LEFT 0", "")]);
        world.transcript(first, &[("BLMOVE a b LEFT LEFT 0", "")]);
        let before = world.batch.next_lsn();
        world.transcript(writer, &[("RPUSH a x", ":1|")]);
        assert_eq!(world.batch.next_lsn(), before.next());
        assert_eq!(world.received(first) + &world.received(second), "$1|x|$1|x|");
        let mut replayed = world.replayed();
        let client = replayed.connect();
        replayed.transcript(client, &[("EXISTS a b", ":0|"), ("LRANGE c 0 -1", "*1|$1|x|")]);
    }

    #[test]
    fn a_destination_of_another_type_is_an_error_when_it_wakes() {
        let mut world = World::default();
        let (client, writer) = (world.connect(), world.connect());
        world.transcript(writer, &[("SET to text", "+OK|")]);
        world.transcript(client, &[("BLMOVE k to LEFT LEFT 0", "")]);
        world.transcript(writer, &[("RPUSH k a", ":1|"), ("LLEN k", ":1|")]);
        let wrong_type = "-WRONGTYPE Operation against a key holding the wrong kind of value|";
        assert_eq!(world.received(client), wrong_type);
    }

    #[test]
    fn inside_a_transaction_nobody_waits_and_what_goes_again_wakes_nobody() {
        let mut world = World::default();
        let (client, writer) = (world.connect(), world.connect());
        world.transcript(client, &[("BLPOP k 0", "")]);
        world.transcript(
            writer,
            &[
                ("MULTI", "+OK|"),
                ("RPUSH k a", "+QUEUED|"),
                ("DEL k", "+QUEUED|"),
                ("BLPOP none 0", "+QUEUED|"),
                ("BLMOVE none to LEFT LEFT 0", "+QUEUED|"),
                ("EXEC", "*4|:1|:1|*-1|$-1|"),
            ],
        );
        assert_eq!(world.received(client), "");
        world.transcript(writer, &[("RPUSH k b", ":1|")]);
        assert_eq!(world.received(client), "*2|$1|k|$1|b|");
    }

    #[test]
    fn deadlines_end_the_waiting_in_order_and_are_forgotten_with_it() {
        let mut world = World::default();
        let clients: Vec<_> = (0..4).map(|_| world.connect()).collect();
        let writer = world.connect();
        world.transcript(clients[0], &[("BLPOP a 0.2", "")]);
        world.transcript(clients[1], &[("BLMOVE b c LEFT LEFT 0.1", ""), ("PING", "")]);
        world.transcript(clients[2], &[("BLPOP d 0.05", "")]);
        world.transcript(clients[3], &[("BLPOP e 0.05", "")]);
        let start = world.now;
        assert_eq!(world.cache.next_deadline(), Some(start.saturating_add(50)));
        world.cache.closed(clients[2]);
        world.transcript(writer, &[("RPUSH e 1", ":1|"), ("RPUSH d 1", ":1|"), ("LLEN d", ":1|")]);
        assert_eq!(world.received(clients[3]), "*2|$1|e|$1|1|");
        assert_eq!(world.cache.next_deadline(), Some(start.saturating_add(100)));
        world.now = start.saturating_add(99);
        world.tick();
        assert_eq!(world.received(clients[1]), "");
        world.now = start.saturating_add(100);
        world.tick();
        assert_eq!(world.received(clients[1]), "*-1|+PONG|");
        assert_eq!(world.cache.next_deadline(), Some(start.saturating_add(200)));
        world.now = start.saturating_add(500);
        world.tick();
        assert_eq!(world.received(clients[0]), "*-1|");
        assert_eq!(world.cache.next_deadline(), None);
        world.transcript(writer, &[("RPUSH a 1", ":1|"), ("LLEN a", ":1|")]);
    }

    #[test]
    fn a_chain_of_clients_that_wake_each_other_takes_no_stack() {
        const LENGTH: usize = 5_000;
        let mut world = World::default();
        for number in 0..LENGTH {
            let client = world.connect();
            world.run(client, &format!("BLPOP k{number} 0"));
            world.run(client, &format!("RPUSH k{} x", number + 1));
        }
        let writer = world.connect();
        world.transcript(writer, &[("RPUSH k0 x", ":1|")]);
        world.transcript(writer, &[(&format!("LLEN k{LENGTH}"), ":1|"), ("DBSIZE", ":1|")]);
    }

    #[test]
    fn timeouts_that_are_none() {
        let mut world = World::default();
        let client = world.connect();
        for (timeout, reply) in [
            ("-1", "-ERR timeout is negative|"),
            ("-0.5", "-ERR timeout is negative|"),
            ("inf", "-ERR timeout is negative|"),
            ("1e300", "-ERR timeout is negative|"),
            ("x", "-ERR timeout is not a float or out of range|"),
            ("nan", "-ERR timeout is not a float or out of range|"),
        ] {
            assert_eq!(world.run(client, &format!("BLPOP none {timeout}")), reply, "{timeout}");
        }
    }
}
