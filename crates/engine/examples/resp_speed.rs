//! What one RESP command costs without sockets and log: decoding, the engine, and taking the reply out.
//!
//! ```text
//! cargo build --release -p warren-engine --example resp_speed
//! target/release/examples/resp_speed                          # nanoseconds of each
//! valgrind --tool=callgrind --collect-atstart=no --toggle-collect='resp_speed::run' \
//!     target/release/examples/resp_speed get 16 2000           # instructions, by function
//! ```
#![allow(clippy::disallowed_methods, reason = "a measurement needs a clock")]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};
use warren_engine::{Address, Engine, PeerKind, Settings};
use warren_resp::{Commands, Decoder, Limits};
use warren_units::{LoopId, Lsn, PeerId, Progress, Rope, UnixMillis};

const KEY_COUNT: u64 = 100_000;
const CONNECTION_COUNT: usize = 50;
const VALUE_SIZE_BYTES: usize = 64;
const TURNS: usize = 2_000;
const ROUNDS: usize = 15;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let mut world = World::new();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [command, pipeline, turns] => {
            let turns = turns.parse().expect("a number of turns");
            let requests = world.requests(command, pipeline.parse().expect("a pipeline"), turns);
            run(&mut world, &requests);
        }
        _ => {
            for (command, pipeline) in [("get", 1), ("set", 1), ("get", 16), ("set", 16)] {
                println!("{command} p{pipeline:<3} {:>6.1} ns", world.nanoseconds(command, pipeline));
            }
        }
    }
}

struct World {
    engine: Engine,
    /// With the rope that its next replies are written to.
    clients: Vec<(PeerId, Decoder)>,
    spare: Vec<Rope>,
    written: Lsn,
    random: u64,
}

impl World {
    /// All keys are set, and what the table's growth left to be done is done.
    fn new() -> World {
        let mut engine =
            Engine::new(Settings { loop_count: 1, seed: 1, ..Settings::default() }, UnixMillis(1_000));
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let clients = (0..CONNECTION_COUNT)
            .map(|_| {
                let address = Address { remote: local, local };
                (engine.connect(PeerKind::Resp, LoopId(0), address), Decoder::default())
            })
            .collect();
        let mut world = World { engine, clients, spare: Vec::new(), written: Lsn::NONE, random: 1 };
        for number in 0..KEY_COUNT {
            take_turns(&mut world, &[request("set", number)]);
        }
        world
    }

    /// What each client in turn sends: `pipeline` commands on random keys.
    fn requests(&mut self, command: &str, pipeline: usize, turns: usize) -> Vec<Vec<u8>> {
        let mut key = || {
            self.random ^= self.random << 13;
            self.random ^= self.random >> 7;
            self.random ^= self.random << 17;
            self.random % KEY_COUNT
        };
        (0..turns).map(|_| (0..pipeline).flat_map(|_| request(command, key())).collect()).collect()
    }

    /// The best of several rounds: the least disturbed by others.
    fn nanoseconds(&mut self, command: &str, pipeline: usize) -> f64 {
        let best = (0..ROUNDS).map(|_| {
            let requests = self.requests(command, pipeline, TURNS);
            let start = Instant::now();
            run(self, &requests);
            start.elapsed()
        });
        best.min().unwrap_or(Duration::ZERO).as_nanos() as f64 / (TURNS * pipeline) as f64
    }
}

/// What is measured: named, so that a profiler finds it.
#[inline(never)]
fn run(world: &mut World, requests: &[Vec<u8>]) {
    take_turns(world, requests);
}

/// As a loop's turns would: `CONNECTION_COUNT` clients a turn, one batch of records a turn.
fn take_turns(world: &mut World, requests: &[Vec<u8>]) {
    let mut commands = Commands::default();
    for turn in requests.chunks(CONNECTION_COUNT) {
        world.engine.begin_turn(UnixMillis(1_000), Progress { written: world.written, synced: Lsn::NONE });
        for ((peer, decoder), input) in world.clients.iter_mut().zip(turn) {
            commands.clear();
            let (consumed, result) = decoder.decode(input, &mut commands, usize::MAX, Limits::default());
            assert!(result.is_ok() && consumed == input.len());
            world.engine.announce_resp(*peer, commands.range(0..commands.len(), input));
            world.engine.fetch_announced();
            world.engine.run_resp(*peer, commands.range(0..commands.len(), input));
        }
        let batch = world.engine.take_batch();
        if let Some(batch) = batch {
            world.written = batch.last();
            world.engine.recycle(batch);
        }
        let progress = Progress { written: world.written, synced: Lsn::NONE };
        world.engine.collect(LoopId(0), |collected| {
            let mut sent = collected.outbox.release(progress);
            assert!(!sent.is_empty());
            sent.clear_keeping(usize::MAX);
            world.spare.push(sent);
            collected.outbox.recycle(world.spare.pop().unwrap_or_default());
        });
    }
}

fn request(command: &str, number: u64) -> Vec<u8> {
    let key = format!("key:{number:012}");
    match command {
        "get" => format!("*2\r\n$3\r\nGET\r\n$16\r\n{key}\r\n").into_bytes(),
        "set" => {
            let value = "x".repeat(VALUE_SIZE_BYTES);
            format!("*3\r\n$3\r\nSET\r\n$16\r\n{key}\r\n${VALUE_SIZE_BYTES}\r\n{value}\r\n").into_bytes()
        }
        other => panic!("get or set, not {other}"),
    }
}
