//! What a command handler sees: keyspace, its client's session, the step and the reply.

use crate::blocking::{self, Deadlines};
use crate::command::CommandError;
use crate::commands::connection::client::pause::Pause;
use crate::eviction::Eviction;
use crate::host::Host;
use crate::keyspace::effects::Effect;
use crate::keyspace::effects::key::Delete;
use crate::keyspace::{Keyspace, Place};
use crate::lookup::Lookup;
use crate::process::{ProcessFacts, Refresh};
use crate::pubsub::PubSub;
use crate::random::Random;
use crate::session::{Blocked, OnTimeout, Session};
use crate::sessions::Sessions;
use crate::settings::{AppendFsync, Settings};
use crate::statistics::Statistics;
use std::collections::VecDeque;
use warren_resp::{Args, Reply};
use warren_units::{Gate, Lsn, PeerId, Step, UnixMillis};

/// Everything but the reply and the running client.
pub struct Shared {
    pub keyspace: Keyspace,
    pub sessions: Sessions,
    pub pubsub: PubSub,
    pub settings: Settings,
    pub statistics: Statistics,
    pub random: Random,
    pub eviction: Eviction,
    pub lookup: Lookup,
    pub started_at: UnixMillis,
    /// The newest record that changed the keyspace: what a reply may have seen.
    pub(crate) last_change: Lsn,
    /// What the replies of the present run wait for because of what its commands did beyond the cache.
    pub(crate) host_gate: Gate,
    /// Whether a command of the present run may have seen the keyspace.
    pub(crate) has_looked: bool,
    /// Clients whose waiting another client's command has ended: what they sent meanwhile runs next.
    pub(crate) released: VecDeque<PeerId>,
    /// Clients that this step has cut off; forgotten at its end.
    pub(crate) cut_off: Vec<PeerId>,
    /// When the waiting of blocked clients ends.
    pub(crate) deadlines: Deadlines,
    /// What only the process knows.
    pub process: ProcessFacts,
    pub(crate) refresh_process: Option<Refresh>,
    /// SHUTDOWN was asked for; the server ends in order when it sees this.
    pub wants_shutdown: bool,
    /// BGSAVE asked for a checkpoint; the server takes the mark away.
    pub wants_checkpoint: bool,
    /// Whether keys are removed as their deadlines pass, also if nobody touches them.
    pub(crate) expires_actively: bool,
    /// The log had no room for the removal of expired keys: not before this moment is it tried again.
    pub(crate) expiry_held_until: UnixMillis,
    /// CLIENT PAUSE.
    pub(crate) pause: Option<Pause>,
}

impl Shared {
    /// Says where [`Shared::process`] comes from.
    pub fn set_process(&mut self, facts: ProcessFacts, refresh: Refresh) {
        self.process = facts;
        self.refresh_process = Some(refresh);
    }

    /// Brings [`Shared::process`] up to date, and the peak of what the keyspace holds.
    pub fn refresh_process(&mut self) {
        if let Some(refresh) = &mut self.refresh_process {
            refresh(&mut self.process);
        }
        let peak = &mut self.statistics.peak_memory_bytes;
        *peak = (*peak).max(self.keyspace.used_bytes() as u64);
    }

    /// A client has gone, or has been cut off: what it waited for, watched and was subscribed to is forgotten.
    /// The client whose command runs is not: that is done when its connection has ended.
    pub fn forget(&mut self, peer: PeerId) {
        let Some(session) = self.sessions.remove(peer) else { return };
        self.keyspace.notices.unwatch(peer);
        if let Some(blocked) = session.blocked {
            blocking::forget(self, peer, &blocked);
        }
        self.pubsub.forget(peer);
    }

    /// The gate behind which an output may leave that may have seen all changes up to now.
    #[inline]
    pub fn gate(&self) -> Gate {
        self.gate_at(self.last_change)
    }

    /// As [`Shared::gate`], the record in the making included.
    pub fn gate_with_open_record(&self, step: &Step<'_>) -> Gate {
        if step.batch.has_open_record() { self.gate_at(step.batch.next_lsn()) } else { self.gate() }
    }

    #[inline]
    fn gate_at(&self, lsn: Lsn) -> Gate {
        match self.settings.append_fsync {
            AppendFsync::Always => Gate::synced(lsn),
            AppendFsync::EverySecond | AppendFsync::No => Gate::written(lsn),
        }
    }
}

/// One command in execution.
pub struct Context<'a, 's> {
    pub shared: &'a mut Shared,
    pub session: &'a mut Session,
    pub step: &'a mut Step<'s>,
    pub reply: Reply<'a>,
    pub host: &'a mut dyn Host,
    /// The command runs again for a blocked client: it must not be queued behind others anew.
    pub is_retry: bool,
    /// The command is part of an EXEC: it must not block.
    pub is_in_exec: bool,
    /// Set by [`Context::block`].
    pub(crate) has_blocked: bool,
    /// What was written confirms a subscription, which CLIENT REPLY does not hold back.
    pub(crate) has_pushed: bool,
}

impl Context<'_, '_> {
    pub fn now(&self) -> UnixMillis {
        self.step.now
    }

    pub fn keyspace(&self) -> &Keyspace {
        &self.shared.keyspace
    }

    /// Looks a key of the selected database up to read it; an expired one is absent. Counts hits and misses,
    /// and marks the key as used.
    #[inline]
    pub fn read<'k>(&mut self, key: &'k [u8]) -> Place<'k> {
        if self.session.no_touch {
            return self.read_unnoticed(key);
        }
        let (found, is_expired) =
            self.shared.keyspace.find_and_touch(self.session.database, key, self.step.now);
        let place = if is_expired { Place { slot: None, ..found } } else { found };
        self.count_look_up(place);
        place
    }

    /// As [`Context::read`], but the key does not count as used (TTL, TYPE, EXISTS).
    #[inline]
    pub fn read_unnoticed<'k>(&mut self, key: &'k [u8]) -> Place<'k> {
        let place = self.peek(self.session.database, key);
        self.count_look_up(place);
        place
    }

    #[inline]
    fn count_look_up(&mut self, place: Place<'_>) {
        match place.slot {
            Some(_) => self.shared.statistics.keyspace_hits += 1,
            None => self.shared.statistics.keyspace_misses += 1,
        }
    }

    /// As [`Context::read`], of any database and without counting.
    #[inline]
    pub fn peek<'k>(&self, database: u8, key: &'k [u8]) -> Place<'k> {
        let place = self.shared.keyspace.find(database, key);
        if self.shared.keyspace.is_expired(place, self.step.now) {
            return Place { slot: None, ..place };
        }
        place
    }

    /// Looks a key of the selected database up to change it; an expired one is removed by an effect first.
    #[inline]
    pub fn write<'k>(&mut self, key: &'k [u8]) -> Place<'k> {
        self.write_in(self.session.database, key)
    }

    /// As [`Context::write`], of any database.
    #[inline]
    pub fn write_in<'k>(&mut self, database: u8, key: &'k [u8]) -> Place<'k> {
        let (place, is_expired) = self.shared.keyspace.find_and_touch(database, key, self.step.now);
        if !is_expired {
            return place;
        }
        self.apply(Delete { place });
        self.shared.statistics.expired_keys += 1;
        Place { slot: None, ..place }
    }

    /// Applies an effect and enters it into the step's record. Places found before it in the same database
    /// are out of date afterwards.
    #[inline]
    pub fn apply<'e, E: Effect<'e>>(&mut self, effect: E) -> E::Outcome {
        let out = self.step.batch.effect();
        out.push(E::TAG);
        effect.encode(out);
        effect.apply(&mut self.shared.keyspace)
    }

    /// Blocks the client on these keys: the command runs again when one of them has changed. The handler
    /// writes no reply. Inside EXEC, or for a client that cannot wait, writes the timeout's reply at once.
    ///
    /// `timeout_seconds` as [`crate::blocking::timeout`] read it; 0 waits for ever.
    pub fn block(
        &mut self,
        args: Args<'_>,
        keys: &[&[u8]],
        deadline: Option<UnixMillis>,
        on_timeout: OnTimeout,
    ) {
        if self.is_in_exec {
            match on_timeout {
                OnTimeout::NullArray => self.reply.null_array(),
                OnTimeout::Zero => self.reply.integer(0),
                OnTimeout::Ok => self.reply.ok(),
                OnTimeout::Run => {}
            }
            return;
        }
        self.has_blocked = true;
        if self.is_retry {
            return;
        }
        let database = self.session.database;
        let keys: Vec<Vec<u8>> = keys.iter().map(|key| key.to_vec()).collect();
        for key in &keys {
            self.shared.keyspace.notices.wait(self.session.peer, database, key);
        }
        self.shared.deadlines.add(deadline, self.session.peer);
        self.session.blocked =
            Some(Blocked { command: args.to_owned(), database, keys, deadline, on_timeout });
    }

    /// Refuses where the value at `place` has another type than a string, list…: shorthand for reads whose
    /// result is not needed.
    ///
    /// # Errors
    /// WRONGTYPE.
    pub fn need_string_or_none(&self, place: Place<'_>) -> Result<(), CommandError> {
        self.shared.keyspace.string(place).map(|_| ())
    }
}
