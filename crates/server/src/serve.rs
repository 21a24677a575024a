//! `warren serve`: from settings to a running server and back.

use crate::core::{Core, LOOP_COUNT_MAX, now};
use crate::disk::Directory;
use crate::event_loop::{AMQP_LISTENER, EventLoop, RESP_LISTENER};
use crate::io::{self, Driver, DriverKind, ListenerTag};
use crate::settings::Settings;
use crate::syncer;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};
use warren_engine::Engine;
use warren_engine::cache::settings::AppendFsync;
use warren_log::{Log, LogError, LogOptions};
use warren_units::{LoopId, Lsn};

/// Replays that take longer show their progress.
const QUIET_REPLAY_TIME_MAX: Duration = Duration::from_secs(1);

/// The log keeps room for a checkpoint on a full disk: this part of a segment's size.
const RESERVE_SIZE_DIVISOR: u64 = 4;

/// How long a port in use is tried again.
const BIND_TIME_MAX: Duration = Duration::from_millis(500);

/// Runs the server until SIGTERM or SIGINT.
///
/// # Errors
/// One line for the operator.
pub fn serve(settings: &Settings) -> Result<(), String> {
    let loop_count = settings.io_threads.min(LOOP_COUNT_MAX);
    let core = Arc::new(recover(settings, loop_count)?);
    // After recovery: a port that takes connections is a server that serves them.
    let mut listeners = bind_all(settings, loop_count)?;
    let kind = io::choose(settings.io_driver).map_err(|error| format!("cannot drive sockets: {error}"))?;
    let mut signals =
        Signals::new([SIGTERM, SIGINT]).map_err(|error| format!("cannot take signals: {error}"))?;
    let (sender, receiver) = mpsc::channel();
    let mut loops = Vec::new();
    for index in 0..loop_count {
        let id = LoopId(index as u16);
        let own: Vec<_> =
            listeners.iter_mut().filter_map(|(tag, sockets)| Some((*tag, sockets.pop()?))).collect();
        let (core, sender) = (core.clone(), sender.clone());
        let body = move || run_loop(core, id, kind, own, &sender);
        loops.push(spawn(&format!("loop-{index}"), body)?);
    }
    drop(sender);
    let mut wakers = vec![None; loop_count];
    for (id, waker) in receiver.iter().take(loop_count) {
        let waker = waker.map_err(|error: std::io::Error| format!("cannot start an I/O loop: {error}"))?;
        wakers[usize::from(id)] = Some(waker);
    }
    core.set_wakers(wakers.into_iter().flatten().collect());
    let each_second = settings.append_fsync != AppendFsync::No;
    let syncing = core.clone();
    let syncer = spawn("syncer", move || syncer::run(&syncing, each_second))?;
    let http = crate::http::serve(core.clone(), settings)?;
    announce(settings, kind);

    signals.forever().next();
    core.stop();
    for running in loops {
        if let Ok(Err(error)) = running.join() {
            return Err(format!("an I/O loop failed: {error}"));
        }
    }
    http.stop();
    core.sync_requests.stop();
    let _ = syncer.join();
    core.log.close().map_err(|error| error.to_string())
}

fn spawn<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<thread::JoinHandle<T>, String> {
    let thread = thread::Builder::new().name(name.to_owned());
    thread.spawn(body).map_err(|error| format!("cannot start a thread: {error}"))
}

/// A loop's number and its waker, or why it has none.
type Started = (u16, std::io::Result<io::Waker>);

/// The body of one loop's thread. A driver belongs to the thread that opened it.
fn run_loop(
    core: Arc<Core>,
    id: LoopId,
    kind: DriverKind,
    listeners: Vec<(ListenerTag, TcpListener)>,
    started: &mpsc::Sender<Started>,
) -> std::io::Result<()> {
    let opened = io::open(kind).and_then(|mut driver| {
        for (tag, listener) in listeners {
            driver.listen(listener, tag)?;
        }
        Ok(driver)
    });
    let driver: Box<dyn Driver> = match opened {
        Ok(driver) => driver,
        Err(error) => {
            let _ = started.send((id.0, Err(error)));
            return Ok(());
        }
    };
    let _ = started.send((id.0, Ok(driver.waker())));
    core.wait_until_started();
    EventLoop::new(core, id, driver).run()
}

type Listeners = Vec<(ListenerTag, Vec<TcpListener>)>;

fn bind_all(settings: &Settings, loop_count: usize) -> Result<Listeners, String> {
    let mut listeners = Vec::new();
    for (tag, port, name) in
        [(RESP_LISTENER, settings.resp_port, "RESP"), (AMQP_LISTENER, settings.amqp_port, "AMQP")]
    {
        if port != 0 {
            let address = SocketAddr::new(settings.bind, port);
            let sockets = bind_patiently(address, loop_count);
            let sockets =
                sockets.map_err(|error| format!("cannot listen for {name} on {address}: {error}"))?;
            listeners.push((tag, sockets));
        }
    }
    Ok(listeners)
}

/// Binds a port. The kernel keeps the sockets of a killed process that used io_uring for a moment longer than
/// the process, so a port in use is tried again for a while.
fn bind_patiently(address: SocketAddr, loop_count: usize) -> std::io::Result<Vec<TcpListener>> {
    let until = Instant::now() + BIND_TIME_MAX;
    loop {
        match io::bind(address, loop_count) {
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && Instant::now() < until => {
                thread::sleep(Duration::from_millis(10));
            }
            result => return result,
        }
    }
}

fn announce(settings: &Settings, kind: DriverKind) {
    let ports = [("RESP", settings.resp_port), ("AMQP", settings.amqp_port), ("HTTP", settings.http_port)];
    for (name, port) in ports {
        if port != 0 {
            println!("warren: {name} listening on {}", SocketAddr::new(settings.bind, port));
        }
    }
    println!(
        "warren: ready, {} I/O loop(s) on {kind:?}, data in {}",
        settings.io_threads,
        settings.data_dir.display()
    );
}

/// Opens the log and replays it into a new engine.
fn recover(settings: &Settings, loop_count: usize) -> Result<Core, String> {
    let disk = Directory::open(&settings.data_dir)
        .map_err(|error| Directory::explain(&settings.data_dir, &error))?;
    let options = LogOptions {
        segment_size_bytes: settings.segment_size_bytes,
        salt: random_u64(),
        reserve_size_bytes: settings.segment_size_bytes / RESERVE_SIZE_DIVISOR,
    };
    let (log, recovery) = Log::open(Arc::new(disk), options).map_err(|error| error.to_string())?;
    if let Some(cut) = &recovery.cut {
        println!("warren: {cut}");
    }
    let mut engine = Engine::new(engine_settings(settings, loop_count), now());
    replay(&log, &mut engine, recovery.last)?;
    // The first write finds its segment made; later ones are made ahead by the syncing thread.
    log.prepare().map_err(|error| error.to_string())?;
    engine.recovered(recovery.last, now(), recovery.was_closed);
    Ok(Core::new(engine, log))
}

fn engine_settings(settings: &Settings, loop_count: usize) -> warren_engine::Settings {
    let cache = warren_engine::cache::settings::Settings {
        append_fsync: settings.append_fsync,
        password: settings.password.clone().into_bytes(),
        port: settings.resp_port,
        ..Default::default()
    };
    let broker = warren_engine::broker::Settings {
        publisher_confirms: settings.publisher_confirms,
        ..Default::default()
    };
    warren_engine::Settings { cache, broker, seed: random_u64(), loop_count }
}

fn replay(log: &Log, engine: &mut Engine, last: Lsn) -> Result<(), String> {
    let started = Instant::now();
    let mut reported = started;
    log.replay(Lsn::NONE, |record, bodies| {
        if record.lsn.0 % 4096 == 0 && reported.elapsed() > QUIET_REPLAY_TIME_MAX {
            reported = Instant::now();
            println!("warren: replaying the log: {}%", record.lsn.0 * 100 / last.0.max(1));
        }
        let mut damage = None;
        let mut body = |ordinal| bodies.read(ordinal).map_err(|error| damage = Some(error)).ok();
        let replayed = engine.replay(record.lsn, record.effects, &mut body);
        match damage {
            Some(error) => Err(Unreadable::Log(error)),
            None => replayed.map_err(|error| Unreadable::Record(error.to_string())),
        }
    })
    .map_err(|error| match error {
        Unreadable::Log(error) => error.to_string(),
        Unreadable::Record(error) => error,
    })
}

/// Why the log cannot be replayed.
enum Unreadable {
    Log(LogError),
    Record(String),
}

impl From<LogError> for Unreadable {
    fn from(error: LogError) -> Unreadable {
        Unreadable::Log(error)
    }
}

/// A number nobody outside can guess.
fn random_u64() -> u64 {
    let mut bytes = [0; 8];
    let filled = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    assert_eq!(filled, Ok(bytes.len()), "the kernel has random numbers");
    u64::from_le_bytes(bytes)
}
