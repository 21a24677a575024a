//! All there is in one run.

use crate::checker::acknowledged::{Acknowledged, End};
use crate::checker::failure::{Checked, Failure};
use crate::checker::gates::Gates;
use crate::checker::records::Records;
use crate::checker::replay::Hashes;
use crate::checker::{Level, Released};
use crate::checkpointing::KeptBodies;
use crate::client::Session;
use crate::disk::SimDisk;
use crate::link::Link;
use crate::model::Model;
use crate::random::Random;
use crate::server::Server;
use crate::trace::Trace;
use crate::workload::{FAMILIES, Family, Ids, Kind};
use std::collections::BTreeMap;
use warren_engine::PeerKind;
use warren_engine::broker::ConfirmLevel;
use warren_engine::cache::eviction::EvictionSettings;
use warren_engine::cache::eviction::policy::POLICIES;
use warren_engine::cache::keyspace::Keyspace;
use warren_engine::cache::settings::AppendFsync;
use warren_log::LogOptions;
use warren_units::Lsn;

/// On a full disk a quarter of a segment is kept for what is not refused: several requests have to fit there.
const SMALL_DISK_SEGMENT_SIZE_BYTES_MIN: u64 = 16 * 1024;

/// Checkpoints and bodies files are made in steps of 64 KiB.
const RESERVE_SIZE_BYTES_MIN: u64 = 256 * 1024;

pub struct World {
    pub random: Random,
    pub trace: Trace,
    pub disk: SimDisk,
    /// Milliseconds; between two lives of the server it may step back.
    pub clock: u64,
    /// `None` between its lives.
    pub server: Option<Server>,
    /// What ends the process, once something has.
    pub ended_by: Option<(End, String)>,
    /// Client programs; their connections come and go. Behind them in number are the two auditors.
    pub clients: Vec<&'static Family>,
    /// Connections by client.
    pub links: BTreeMap<usize, Link>,
    pub model: Model,
    pub ids: Ids,
    pub settings: Settings,
    pub gates: Gates,
    pub acknowledged: Acknowledged,
    pub records: Records,
    pub hashes: Hashes,
    /// Bodies that checkpoints keep, by the record of the checkpoint: all that may count after a crash.
    pub kept_bodies: BTreeMap<Lsn, KeptBodies>,
    /// The newest checkpoint that was finished.
    pub newest_checkpoint: Lsn,
    /// A fault of the disk was injected in this life of the server.
    pub disk_is_faulty: bool,
    pub counters: Counters,
    /// Counts when clients began to wait for a body.
    pub postponed_count: u64,
}

/// What the operator decided, for the whole run.
#[derive(Clone, Debug)]
pub struct Settings {
    pub append_fsync: AppendFsync,
    pub confirms: ConfirmLevel,
    pub loop_count: usize,
    pub segment_size_bytes: u64,
    /// What bodies may take in memory; little, so that most are read back.
    pub body_memory_bytes: u64,
    /// Others fill the disk again and again.
    pub is_disk_small: bool,
    /// `maxmemory` and its policy.
    pub eviction: EvictionSettings,
}

/// What a run has done, for its summary.
#[derive(Clone, Default, Debug)]
pub struct Counters {
    pub requests: u64,
    /// Of them, by family.
    pub by_family: BTreeMap<&'static str, u64>,
    /// RESP requests that were answered with an error.
    pub errors: u64,
    pub records: u64,
    pub starts: u64,
    pub turned_bits: u64,
    pub cuts: u64,
    /// Bodies read back while the server ran.
    pub fetched_bodies: u64,
    pub checkpoints: u64,
    pub failed_checkpoints: u64,
    pub backups: u64,
    /// AMQP requests that a full disk refused.
    pub refusals: u64,
    /// Of `errors`, those of a full disk.
    pub disk_errors: u64,
    /// Checkpoints on a full disk that were finished, with the room of the reserve.
    pub rescues: u64,
    /// Of `refusals`, those when even the room for acknowledgements was used up.
    pub settling_refusals: u64,
    /// Starts from a checkpoint.
    pub restores: u64,
    pub evicted_keys: u64,
    /// Of `errors`, those of a full memory.
    pub memory_errors: u64,
}

impl Counters {
    pub fn add(&mut self, other: &Counters) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.records += other.records;
        self.starts += other.starts;
        self.turned_bits += other.turned_bits;
        self.cuts += other.cuts;
        self.fetched_bodies += other.fetched_bodies;
        self.checkpoints += other.checkpoints;
        self.failed_checkpoints += other.failed_checkpoints;
        self.backups += other.backups;
        self.refusals += other.refusals;
        self.disk_errors += other.disk_errors;
        self.rescues += other.rescues;
        self.settling_refusals += other.settling_refusals;
        self.restores += other.restores;
        self.evicted_keys += other.evicted_keys;
        self.memory_errors += other.memory_errors;
        for (family, count) in &other.by_family {
            *self.by_family.entry(family).or_default() += count;
        }
    }
}

impl World {
    pub fn new(seed: u64) -> World {
        let mut random = Random::new(seed);
        let is_disk_small = random.chance(30);
        let segment_size_bytes = match is_disk_small {
            true => SMALL_DISK_SEGMENT_SIZE_BYTES_MIN << random.below(3),
            false => 4096 << random.below(5),
        };
        let settings = Settings {
            append_fsync: *random.pick(&[AppendFsync::Always, AppendFsync::EverySecond, AppendFsync::No]),
            confirms: if random.chance(80) { ConfirmLevel::Synced } else { ConfirmLevel::Written },
            loop_count: 1 + random.below(3) as usize,
            segment_size_bytes,
            body_memory_bytes: *random.pick(&[0, 2000, 50_000, 256 << 20]),
            is_disk_small,
            eviction: eviction(&mut random),
        };
        // Some runs are about few families, so that their clients meet more often.
        let families: Vec<&'static Family> = match random.below(3) {
            0 => FAMILIES.to_vec(),
            _ => (0..3).map(|_| *random.pick(FAMILIES)).collect(),
        };
        let client_count = 4 + random.below(10) as usize;
        let clients = families.iter().copied().cycle().take(client_count).collect();
        let mut model = Model::default();
        model.queues.queue("taken").is_unacknowledged = true;
        model.queues.queue("dead").is_pair = true;
        World {
            clock: 1_700_000_000_000 + random.below(1_000_000),
            random,
            trace: Trace::default(),
            disk: SimDisk::new(),
            server: None,
            ended_by: None,
            clients,
            links: BTreeMap::new(),
            model,
            ids: Ids::default(),
            settings,
            gates: Gates::default(),
            acknowledged: Acknowledged::default(),
            records: Records::default(),
            hashes: Hashes::default(),
            kept_bodies: BTreeMap::new(),
            newest_checkpoint: Lsn::NONE,
            disk_is_faulty: false,
            counters: Counters::default(),
            postponed_count: 0,
        }
    }

    /// Counts a request of a client.
    pub fn count_request(&mut self, client: usize) {
        self.counters.requests += 1;
        let family = self.clients.get(client).map_or("auditors", |family| family.name);
        *self.counters.by_family.entry(family).or_default() += 1;
    }

    /// # Panics
    /// Between two lives of the server.
    pub fn server(&mut self) -> &mut Server {
        self.server.as_mut().expect("the server runs")
    }

    pub fn log_options(&mut self) -> LogOptions {
        LogOptions {
            segment_size_bytes: self.settings.segment_size_bytes,
            salt: self.random.next_u64(),
            reserve_size_bytes: self.settings.segment_size_bytes / 4 + RESERVE_SIZE_BYTES_MIN,
        }
    }

    pub fn engine_settings(&mut self) -> warren_engine::Settings {
        let cache = warren_engine::cache::settings::Settings {
            append_fsync: self.settings.append_fsync,
            eviction: self.settings.eviction,
            ..Default::default()
        };
        let broker = warren_engine::broker::Settings {
            publisher_confirms: self.settings.confirms,
            body_memory_bytes: self.settings.body_memory_bytes,
            ..Default::default()
        };
        warren_engine::Settings {
            cache,
            broker,
            seed: self.random.next_u64(),
            loop_count: self.settings.loop_count,
        }
    }

    /// The index of the client that asks after a start, over RESP or AMQP.
    pub fn auditor(&self, kind: PeerKind) -> usize {
        self.clients.len() + usize::from(kind == PeerKind::Amqp)
    }

    pub fn connect(&mut self, client: usize, kind: PeerKind) {
        let loop_index = self.random.below(self.settings.loop_count as u64) as usize;
        let mut link = Link::open(client, loop_index, kind);
        if let (Some(Family { kind: Kind::Amqp(family), .. }), Session::Amqp(session)) =
            (self.clients.get(client), &mut link.session)
        {
            (family.open)(session);
        }
        self.links.insert(client, link);
    }

    /// Something that no process survives.
    pub fn end(&mut self, end: End, reason: impl Into<String>) {
        let reason = reason.into();
        self.trace.note(format!("the process ends: {reason}"));
        self.ended_by.get_or_insert((end, reason));
    }

    /// The loop writes its batch, if it has one.
    pub fn write(&mut self, loop_index: usize) {
        let Some(server) = &self.server else { return };
        if server.is_writing(loop_index)
            && let Err(error) = server.write(loop_index)
        {
            self.end(End::Kill, error);
        }
        self.land();
    }

    /// Counts what was written.
    fn land(&mut self) {
        let Some(server) = &self.server else { return };
        for (first, last) in server.take_landed() {
            self.trace.note(format!("written: records {first} to {last}"));
            self.gates.land(first, last);
        }
    }

    /// The log is synced, while the loops named write.
    pub fn sync(&mut self, writing_meanwhile: Vec<usize>) {
        let before = self.gates.written();
        let (clock, disk) = (self.clock, self.disk.clone());
        let server = self.server();
        server.synced_at = clock;
        let synced = server.sync(&disk, writing_meanwhile);
        self.land();
        match synced {
            // What a failed sync covered may be lost, whatever ends the process.
            Err(error) => self.end(End::PowerCut, error),
            Ok(()) => {
                self.trace.note(format!("synced: up to {before}"));
                self.gates.sync(before);
            }
        }
    }

    /// A loop lets go what may leave.
    pub fn send(&mut self, loop_index: usize) -> Checked {
        let Some(server) = &mut self.server else { return Ok(()) };
        for link in self.links.values_mut().filter(|link| link.loop_index == loop_index && !link.is_gone) {
            let progress = server.log.progress();
            self.gates.check_claim(progress)?;
            let bytes = link.outbox.release(progress).to_vec();
            server.sync_wanted = server.sync_wanted.max(link.outbox.newest_gate().synced);
            if bytes.is_empty() {
                continue;
            }
            link.unsent += bytes.len();
            let mut context = Released {
                gates: &self.gates,
                acknowledged: &mut self.acknowledged,
                model: &mut self.model,
                resp_level: Level::of(self.settings.append_fsync),
                confirm_level: match self.settings.confirms {
                    ConfirmLevel::Synced => Level::Synced,
                    ConfirmLevel::Written => Level::Written,
                },
            };
            self.trace.note(format!("client {} is sent {} bytes", link.client, bytes.len()));
            let told = link.session.released(&bytes, &mut context);
            told.map_err(|failure| {
                Failure::new(failure.checker, format!("client {}: {}", link.client, failure.text))
            })?;
        }
        Ok(())
    }

    /// Everything goes on, and nothing new is asked, until the auditors have all answers.
    pub fn settle(&mut self) -> Checked {
        const ROUND_COUNT_MAX: usize = 2000;
        let auditors = [self.auditor(PeerKind::Resp), self.auditor(PeerKind::Amqp)];
        for _ in 0..ROUND_COUNT_MAX {
            self.links.values_mut().for_each(|link| {
                link.carry(usize::MAX);
                link.unsent = 0;
            });
            for loop_index in 0..self.settings.loop_count {
                self.turn(loop_index)?;
                self.write(loop_index);
            }
            self.fetch_all()?;
            self.sync(Vec::new());
            for loop_index in 0..self.settings.loop_count {
                self.send(loop_index)?;
            }
            if self.ended_by.is_some() {
                return Ok(());
            }
            let is_waiting =
                |client: &usize| self.links.get(client).is_some_and(|link| link.session.unanswered() > 0);
            if !auditors.iter().any(is_waiting) {
                return Ok(());
            }
        }
        Err(Failure::new("start", "the auditor waits for an answer that does not come"))
    }
}

/// In some runs there is memory for a few of the keys only.
fn eviction(random: &mut Random) -> EvictionSettings {
    let own_bytes = Keyspace::new(0).used_bytes() as u64;
    let memory_bytes_max = if random.chance(30) { own_bytes + 500 + random.below(12_000) } else { 0 };
    let tenacity = *random.pick(&[0, 10, 100]);
    let policy = *random.pick(&POLICIES);
    EvictionSettings { memory_bytes_max, policy, tenacity, ..EvictionSettings::default() }
}
