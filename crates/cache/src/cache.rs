//! The cache as the engine sees it: requests of a client one after the other, each a step with its record and its
//! reply's gate; the clients that a step wakes; and what time does.

use crate::blocking::{self, Deadlines};
use crate::command::{CommandSpec, Flags};
use crate::context::{Context, Shared};
use crate::eviction::{self, Eviction};
use crate::host::Host;
use crate::keyspace::Keyspace;
use crate::lookup::{Lookup, Row};
use crate::process::ProcessFacts;
use crate::pubsub::PubSub;
use crate::random::Random;
use crate::room;
use crate::session::{ReplyMode, Session};
use crate::sessions::Sessions;
use crate::settings::{AppendFsync, Settings};
use crate::statistics::Statistics;
use std::collections::VecDeque;
use warren_resp::{Args, OwnedArgs, Reply};
use warren_units::{Gate, Lsn, PeerId, Rope, Step, UnixMillis};

/// Keyspace, sessions and commands.
pub struct Cache {
    pub shared: Shared,
    next_client_id: u64,
}

/// Whether the client's next request may be run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ran {
    Done,
    /// The client waits: its further requests are kept.
    Blocked,
}

impl Cache {
    /// `tables` are the rows of cache and bridge; `seed` comes from outside.
    pub fn new(
        tables: &[&'static [&'static CommandSpec]],
        settings: Settings,
        seed: u64,
        started_at: UnixMillis,
    ) -> Cache {
        let mut keyspace = Keyspace::new(seed);
        // What the log brings back counts as used at the start.
        keyspace.set_access_time(started_at);
        let lookup = Lookup::new(tables);
        let mut shared = Shared {
            keyspace,
            sessions: Sessions::default(),
            pubsub: PubSub::default(),
            settings,
            statistics: Statistics::new(lookup.count()),
            random: Random::new(seed),
            eviction: Eviction::new(seed),
            lookup,
            started_at,
            last_change: Lsn::NONE,
            host_gate: Gate::OPEN,
            has_looked: false,
            released: VecDeque::new(),
            cut_off: Vec::new(),
            deadlines: Deadlines::default(),
            process: ProcessFacts::default(),
            refresh_process: None,
            wants_shutdown: false,
            wants_checkpoint: false,
            expires_actively: true,
            expiry_held_until: UnixMillis(0),
            pause: None,
        };
        shared.eviction_settings_changed();
        Cache { shared, next_client_id: 1 }
    }

    /// A RESP client has connected.
    pub fn open(&mut self, step: &Step<'_>, peer: PeerId, address: String, local_address: String) {
        let mut session = Session::new(self.next_client_id, peer, address, local_address, step.now);
        session.authenticated = self.shared.settings.password.is_empty();
        self.next_client_id += 1;
        self.shared.statistics.connections_received += 1;
        self.shared.sessions.insert(session);
    }

    /// A RESP client has gone: what it waited for, watched and was subscribed to is forgotten.
    pub fn closed(&mut self, peer: PeerId) {
        self.shared.forget(peer);
    }

    /// Whether the client has authenticated: until then its requests must be short.
    pub fn is_authenticated(&self, peer: PeerId) -> bool {
        self.shared.sessions.get(peer).is_some_and(|session| session.authenticated)
    }

    /// Runs the requests of one client in order, each as a step of its own with its own record, and writes
    /// their replies into `rope` (the client's outbox, taken out of the step's peers meanwhile). Then runs
    /// what clients had sent whose waiting has ended by that.
    pub fn run<'r>(
        &mut self,
        step: &mut Step<'_>,
        host: &mut dyn Host,
        peer: PeerId,
        requests: impl Iterator<Item = Args<'r>>,
        rope: &mut Rope,
    ) {
        self.shared.host_gate = Gate::OPEN;
        self.run_requests(step, host, peer, requests, rope);
        if !self.shared.released.is_empty() {
            self.run_released(step, host);
            self.shared.has_looked = true;
            // What others wrote to this client meanwhile comes behind its own replies.
            move_own_pushes(step, peer, rope);
        }
    }

    /// Requests of a client that are run soon; [`Keyspace::fetch_announced`] follows when all are announced.
    /// Nearly every command's first key is its first argument: a wrong guess costs a fetch in vain.
    pub fn announce<'r>(&mut self, peer: PeerId, requests: impl Iterator<Item = Args<'r>>) {
        let Some(session) = self.shared.sessions.get(peer) else { return };
        let database = session.database;
        for args in requests.filter(|args| args.len() > 1) {
            self.shared.keyspace.announce(database, args.get(1));
        }
    }

    fn run_requests<'r>(
        &mut self,
        step: &mut Step<'_>,
        host: &mut dyn Host,
        peer: PeerId,
        requests: impl Iterator<Item = Args<'r>>,
        rope: &mut Rope,
    ) {
        let Some(mut session) = self.shared.sessions.take(peer) else { return };
        session.active_at = step.now;
        self.shared.keyspace.set_access_time(step.now);
        let mut has_looked = false;
        for args in requests {
            if step.peers.is_ending(peer) {
                break;
            }
            if session.blocked.is_some() {
                session.waiting_requests.push_back(args.to_owned());
                continue;
            }
            if self.shared.settings.eviction.memory_bytes_max > 0 {
                self.make_room(step, |shared| {
                    let row = shared.lookup.find(args.get(0));
                    row.is_some_and(|row| row.grows_keyspace() || row.spec.name == "exec")
                });
            }
            self.run_one(step, host, &mut session, args, rope);
            has_looked |= session.last_command.is_none_or(Row::looks_at_state);
            if self.shared.keyspace.notices.has_ready() {
                session = self.serve_waiting(step, host, session, rope);
            }
            self.finish_step(step);
            if session.subscription_count > 0 {
                move_own_pushes(step, peer, rope);
            }
        }
        self.shared.has_looked = has_looked;
        self.shared.sessions.put_back(session);
    }

    /// Size in bytes of what a blocked client has sent meanwhile.
    pub fn waiting_size(&self, peer: PeerId) -> usize {
        let session = self.shared.sessions.get(peer).filter(|session| session.blocked.is_some());
        session.map_or(0, |session| session.waiting_requests.iter().map(OwnedArgs::size).sum())
    }

    /// Sets what a reply may have seen, after replay.
    pub fn set_last_change(&mut self, lsn: Lsn) {
        self.shared.last_change = lsn;
    }

    /// Evicts keys where the keyspace holds more than it may, in a record of their own. Nothing is evicted while
    /// clients are paused.
    fn make_room(&mut self, step: &mut Step<'_>, may_grow: impl FnOnce(&Shared) -> bool) {
        if self.shared.pause_end().is_none_or(|end| end <= step.now) {
            eviction::make_room(&mut self.shared, step, may_grow);
            self.finish_step(step);
        }
    }

    #[inline]
    pub(crate) fn finish_step(&mut self, step: &mut Step<'_>) {
        while let Some(peer) = self.shared.cut_off.pop() {
            self.shared.forget(peer);
        }
        if let Some(lsn) = step.batch.finish_record() {
            self.shared.last_change = lsn;
            if self.shared.settings.append_fsync == AppendFsync::Always {
                step.batch.want_sync(lsn);
            }
        }
    }

    /// Runs one request of a client that is not blocked.
    #[inline]
    fn run_one(
        &mut self,
        step: &mut Step<'_>,
        host: &mut dyn Host,
        session: &mut Session,
        args: Args<'_>,
        rope: &mut Rope,
    ) -> Ran {
        let mark = rope.mark();
        let skip_next = session.reply_mode == ReplyMode::SkipNext;
        let mut context = Context {
            reply: Reply::new(rope, session.protocol),
            shared: &mut self.shared,
            session,
            step,
            host,
            is_retry: false,
            is_in_exec: false,
            has_blocked: false,
            has_pushed: false,
        };
        context.request(args);
        let ran = if context.has_blocked { Ran::Blocked } else { Ran::Done };
        let is_push = context.has_pushed;
        if session.reply_mode != ReplyMode::On {
            if !is_push {
                rope.truncate(mark);
            }
            if skip_next {
                session.reply_mode = ReplyMode::On;
            }
        }
        ran
    }

    /// Serves clients that wait for keys this step has changed, within the same record; one that is served
    /// may change keys that others wait for.
    fn serve_waiting(
        &mut self,
        step: &mut Step<'_>,
        host: &mut dyn Host,
        running: Box<Session>,
        rope: &mut Rope,
    ) -> Box<Session> {
        let peer = running.peer;
        self.shared.sessions.put_back(running);
        while let Some(((database, key), waiting)) = self.shared.keyspace.notices.next_ready() {
            for waiter in waiting {
                // Once the key has gone, the others wait on, however many they are.
                if self.shared.keyspace.find(database, &key).slot.is_none() {
                    break;
                }
                if self.retry(step, host, waiter) {
                    self.shared.released.push_back(waiter);
                }
            }
        }
        // What others wrote to the running client meanwhile comes behind its own replies.
        move_own_pushes(step, peer, rope);
        self.shared.sessions.take(peer).expect("the running client stays connected during its step")
    }

    /// Runs the command of a blocked client again; true if it is served now.
    fn retry(&mut self, step: &mut Step<'_>, host: &mut dyn Host, waiter: PeerId) -> bool {
        let Some(mut session) = self.shared.sessions.take(waiter) else { return false };
        let Some(blocked) = session.blocked.take() else {
            self.shared.sessions.put_back(session);
            return false;
        };
        let mut rope =
            std::mem::take(step.peers.outbox(waiter).map_or(&mut Rope::new(), |outbox| outbox.rope_mut()));
        let mut context = Context {
            reply: Reply::new(&mut rope, session.protocol),
            shared: &mut self.shared,
            session: &mut session,
            step,
            host,
            is_retry: true,
            is_in_exec: false,
            has_blocked: false,
            has_pushed: false,
        };
        let args = blocked.command.args();
        let flags = context.resolve(args).map_or(Flags::WRITE, |row| row.spec.flags);
        // Where the log has no room it waits on, for the next change of its key or its time.
        let has_blocked = context.is_log_full(flags, room::effects_size(args)) || {
            context.run_queued(args);
            context.has_blocked
        };
        self.give_back(step, waiter, rope);
        if has_blocked {
            session.blocked = Some(blocked);
        } else {
            blocking::forget(&mut self.shared, waiter, &blocked);
        }
        self.shared.sessions.put_back(session);
        !has_blocked
    }

    /// Runs what clients had sent while they were blocked. That may end the waiting of others: they line up
    /// behind, so that a chain of clients, however long, takes no stack.
    fn run_released(&mut self, step: &mut Step<'_>, host: &mut dyn Host) {
        while let Some(peer) = self.shared.released.pop_front() {
            self.run_waiting_requests(step, host, peer);
        }
    }

    /// Runs what a client had sent while it was blocked.
    fn run_waiting_requests(&mut self, step: &mut Step<'_>, host: &mut dyn Host, peer: PeerId) {
        let Some(session) = self.shared.sessions.get_mut(peer) else { return };
        let requests: Vec<OwnedArgs> = std::mem::take(&mut session.waiting_requests).into();
        if requests.is_empty() {
            return;
        }
        let mut rope =
            std::mem::take(step.peers.outbox(peer).map_or(&mut Rope::new(), |outbox| outbox.rope_mut()));
        self.run_requests(step, host, peer, requests.iter().map(OwnedArgs::args), &mut rope);
        self.give_back(step, peer, rope);
    }

    /// Puts a rope back into a peer's outbox, before what others wrote meanwhile, behind the present gate.
    /// The record in the making is part of what it may have seen.
    pub fn give_back(&self, step: &mut Step<'_>, peer: PeerId, rope: Rope) {
        let gate = self.shared.gate_with_open_record(step).and(self.shared.host_gate);
        put_before(step, peer, rope, gate);
    }

    /// As [`Cache::give_back`], at the end of [`Cache::run`]: replies of a client that asked for nothing of
    /// the state wait for nothing, so that a PING does not stand behind the writing of another's large value.
    pub fn end_run(&self, step: &mut Step<'_>, peer: PeerId, rope: Rope) {
        if self.shared.has_looked {
            self.give_back(step, peer, rope);
        } else {
            put_before(step, peer, rope, Gate::OPEN);
        }
    }

    /// Ends the waiting of clients whose deadline has passed, and expires keys, `limit` of each at most.
    /// Answers whether there is more to do at once.
    pub fn tick(&mut self, step: &mut Step<'_>, host: &mut dyn Host, limit: usize) -> bool {
        self.shared.host_gate = Gate::OPEN;
        let gate = self.shared.gate();
        for peer in self.shared.deadlines.due(step.now, limit) {
            blocking::time_out(&mut self.shared, peer, |protocol, encode| {
                step.peers.output(peer, gate, |rope| encode(&mut Reply::new(rope, protocol)));
            });
            self.shared.released.push_back(peer);
        }
        self.run_released(step, host);
        let more = self.shared.expires_actively
            && self.shared.pause_end().is_none_or(|end| end <= step.now)
            && self.shared.expiry_held_until <= step.now
            && crate::keyspace::expiry::expire_due(&mut self.shared, step, limit);
        self.finish_step(step);
        if self.shared.can_evict() {
            self.make_room(step, |_| true);
        }
        more
    }

    /// When `tick` has something to do next.
    pub fn next_deadline(&self) -> Option<UnixMillis> {
        let expiry = self.shared.keyspace.next_due().filter(|_| self.shared.expires_actively);
        let expiry = expiry.map(|due| due.max(self.shared.expiry_held_until));
        let eviction = self.shared.can_evict().then_some(UnixMillis(0));
        // Nothing expires or is evicted while clients are paused.
        let after_pause = |due: UnixMillis| self.shared.pause_end().map_or(due, |end| end.max(due));
        expiry.into_iter().chain(eviction).map(after_pause).chain(self.shared.deadlines.next()).min()
    }
}

/// Puts a rope back into a peer's outbox, before what others wrote meanwhile; all of it waits for `gate`.
fn put_before(step: &mut Step<'_>, peer: PeerId, mut rope: Rope, gate: Gate) {
    if let Some(outbox) = step.peers.outbox(peer) {
        rope.append(outbox.rope_mut());
        *outbox.rope_mut() = rope;
        outbox.close_gate(gate);
    }
}

/// Pushes that others, or the client's own PUBLISH, wrote to the running client's outbox while its rope was
/// taken out come behind its replies.
fn move_own_pushes(step: &mut Step<'_>, peer: PeerId, rope: &mut Rope) {
    if let Some(outbox) = step.peers.outbox(peer) {
        rope.append(outbox.rope_mut());
    }
}
