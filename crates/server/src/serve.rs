//! `warren serve`: from settings to a running server and back.

use crate::core::{Core, LOOP_COUNT_MAX};
use crate::event_loop::{AMQP_LISTENER, EventLoop, RESP_LISTENER};
use crate::hands::{self, Hands};
use crate::io::{self, Driver, DriverKind, ListenerTag};
use crate::recovery::recover;
use crate::settings::Settings;
use crate::{checkpointer, fetcher, syncer};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};
use warren_units::LoopId;

/// How long a port in use is tried again.
const BIND_TIME_MAX: Duration = Duration::from_secs(2);

/// Runs the server until SIGTERM, SIGINT or SHUTDOWN.
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
    core.set_stop_handle(signals.handle());
    let (hands, hand_threads) = hands::start(&core)?;
    let (sender, receiver) = mpsc::channel();
    let mut loops = Vec::new();
    for index in 0..loop_count {
        let id = LoopId(index as u16);
        let own: Vec<_> =
            listeners.iter_mut().filter_map(|(tag, sockets)| Some((*tag, sockets.pop()?))).collect();
        let (core, hands, sender) = (core.clone(), hands.clone(), sender.clone());
        let body = move || run_loop(core, id, kind, own, hands, &sender);
        loops.push(spawn(&format!("loop-{index}"), body)?);
    }
    drop((hands, sender));
    let mut wakers = vec![None; loop_count];
    for (id, waker) in receiver.iter().take(loop_count) {
        let waker = waker.map_err(|error: std::io::Error| format!("cannot start an I/O loop: {error}"))?;
        wakers[usize::from(id)] = Some(waker);
    }
    core.set_wakers(wakers.into_iter().flatten().collect());
    core.sync_requests.set_append_fsync(settings.append_fsync);
    let syncing = core.clone();
    let syncer = spawn("syncer", move || syncer::run(&syncing))?;
    let fetching = core.clone();
    let fetcher = spawn("fetcher", move || fetcher::run(&fetching))?;
    let checkpointing = core.clone();
    let checkpointer = spawn("checkpointer", move || checkpointer::run(&checkpointing))?;
    let filling = core.clone();
    let filler = spawn("filler", move || syncer::fill(&filling))?;
    let http = crate::http::serve(core.clone(), settings)?;
    announce(settings, kind);

    // A signal, or SHUTDOWN.
    signals.forever().next();
    core.stop();
    for running in loops {
        if let Ok(Err(error)) = running.join() {
            return Err(format!("an I/O loop failed: {error}"));
        }
    }
    hand_threads.join();
    http.stop();
    core.checkpoints.stop();
    let _ = checkpointer.join();
    core.fetches.stop();
    let _ = fetcher.join();
    core.sync_requests.stop();
    let _ = syncer.join();
    let _ = filler.join();
    core.log.close().map_err(|error| error.to_string())?;
    // The process ends, and its memory goes with it: to free millions of keys one by one first takes seconds.
    std::mem::forget(core);
    Ok(())
}

pub fn spawn<T: Send + 'static>(
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
    hands: Hands,
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
    EventLoop::new(core, id, driver, hands).run()
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
pub fn bind_patiently(address: SocketAddr, loop_count: usize) -> std::io::Result<Vec<TcpListener>> {
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
