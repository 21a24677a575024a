//! A cache with clients for tests: commands in as words, replies out as RESP text, records kept for replay.

use crate::cache::Cache;
use crate::command::CommandError;
use crate::commands::COMMANDS;
use crate::host::Host;
use crate::settings::Settings;
use warren_resp::{Args, OwnedArgs, Reply};
use warren_units::varint::Cursor;
use warren_units::{Batch, Gate, LoopId, Lsn, PeerId, Peers, Progress, Record, Rope, Step, UnixMillis};

/// No bridge.
pub struct NoHost;

impl Host for NoHost {
    fn check(&self, _: usize, _: Args<'_>) -> Result<(), CommandError> {
        unreachable!("there are no rows of a bridge")
    }

    fn size_bytes_max(&self, _: usize, _: Args<'_>) -> usize {
        unreachable!("there are no rows of a bridge")
    }

    fn run(
        &mut self,
        _: usize,
        _: Args<'_>,
        _: bool,
        _: &mut Step<'_>,
        _: &mut Reply<'_>,
    ) -> Result<Gate, CommandError> {
        unreachable!("there are no rows of a bridge")
    }
}

/// One cache and its clients.
pub struct World {
    pub cache: Cache,
    pub batch: Batch,
    pub peers: Peers,
    pub now: UnixMillis,
}

impl Default for World {
    fn default() -> World {
        let now = UnixMillis(1_700_000_000_000);
        World {
            cache: Cache::new(COMMANDS, Settings::default(), 7, now),
            batch: Batch::new(Lsn(1)),
            peers: Peers::new(1),
            now,
        }
    }
}

impl World {
    pub fn connect(&mut self) -> PeerId {
        let peer = self.peers.open(LoopId(0));
        let step = Step {
            now: self.now,
            batch: &mut self.batch,
            peers: &mut self.peers,
            progress: Progress::default(),
        };
        self.cache.open(&step, peer, "127.0.0.1:1".to_owned(), "127.0.0.1:6379".to_owned());
        peer
    }

    /// Runs one command, its words separated by blanks, and answers what the client got, CRLF as `|`.
    pub fn run(&mut self, peer: PeerId, command: &str) -> String {
        let words: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
        let request = OwnedArgs::of(&words);
        let mut step = Step {
            now: self.now,
            batch: &mut self.batch,
            peers: &mut self.peers,
            progress: Progress::default(),
        };
        let mut rope = Rope::new();
        self.cache.run(&mut step, &mut NoHost, peer, std::iter::once(request.args()), &mut rope);
        text(&rope)
    }

    /// Runs commands of one client and compares each reply.
    pub fn transcript(&mut self, peer: PeerId, steps: &[(&str, &str)]) {
        for (command, reply) in steps {
            assert_eq!(self.run(peer, command), *reply, "{command}");
        }
    }

    /// What others wrote to a client since it last ran a command.
    pub fn received(&mut self, peer: PeerId) -> String {
        self.peers.outbox(peer).map(|outbox| text(&std::mem::take(outbox.rope_mut()))).unwrap_or_default()
    }

    pub fn tick(&mut self) {
        let mut step = Step {
            now: self.now,
            batch: &mut self.batch,
            peers: &mut self.peers,
            progress: Progress::default(),
        };
        self.cache.tick(&mut step, &mut NoHost, 1000);
    }

    /// A world rebuilt from this one's records alone.
    pub fn replayed(&self) -> World {
        let mut world = World { now: self.now, ..World::default() };
        let effects = self.batch.effects().to_vec();
        let mut rest = effects.as_slice();
        let mut lsn = self.batch.first();
        while !rest.is_empty() {
            let (record, next) = Record::parse(lsn, rest).expect("the batch is well framed");
            let mut cursor = Cursor::new(record.effects);
            while let Some(tag) = cursor.byte() {
                world.cache.shared.keyspace.replay(tag, &mut cursor).expect("the record is well formed");
            }
            (rest, lsn) = (next, lsn.next());
        }
        world
    }
}

fn text(rope: &Rope) -> String {
    String::from_utf8_lossy(&rope.to_vec()).replace("\r\n", "|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcript_and_its_replay() {
        let mut world = World::default();
        let client = world.connect();
        for (command, reply) in [
            ("GET a", "$-1|"),
            ("set a 1", "+OK|"),
            ("GET a", "$1|1|"),
            ("SET a x NX", "$-1|"),
            ("SET a x GET", "$1|1|"),
            ("SET b y PX 1000", "+OK|"),
            ("SET b", "-ERR wrong number of arguments for 'set' command|"),
            ("SET b y EX 0", "-ERR invalid expire time in 'set' command|"),
            ("NOSUCH a b", "-ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' |"),
        ] {
            assert_eq!(world.run(client, command), reply, "{command}");
        }
        let mut replayed = world.replayed();
        let client = replayed.connect();
        assert_eq!(replayed.run(client, "GET a"), "$1|x|");
        assert_eq!(replayed.run(client, "GET b"), "$1|y|");
        replayed.now = replayed.now.saturating_add(1000);
        assert_eq!(replayed.run(client, "GET b"), "$-1|");
        replayed.tick();
        assert_eq!(replayed.cache.shared.keyspace.database(0).table.len(), 1);
    }
}
