//! What an echo costs the server's core with each driver. Not a test: it prints figures.
//!
//! `cargo test --profile quick -p warren --bin warren measure -- --ignored --nocapture`

use super::harness::{echo, serve};
use super::*;
use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

const CONNECTIONS: usize = 50;
const TIME: Duration = Duration::from_secs(2);

#[test]
#[ignore = "prints figures; needs two free cores"]
fn measure_server_time_per_echo() {
    for size in [64, 16 * 64] {
        for choice in [DriverChoice::Epoll, DriverChoice::Uring] {
            match choose(choice) {
                Ok(kind) => measure(kind, size),
                Err(error) => println!("{choice:?}: {error}"),
            }
        }
    }
}

fn measure(kind: DriverKind, size: usize) {
    let times = Arc::new(AtomicUsize::new(0));
    let shared = Arc::clone(&times);
    let mut pinned = false;
    let server = serve(kind, move |driver, event| {
        if !std::mem::replace(&mut pinned, true) {
            pin(0);
        }
        if event == Event::Woken {
            let time = clock_gettime(ClockId::ThreadCPUTime);
            let nanoseconds = time.tv_sec as usize * 1_000_000_000 + time.tv_nsec as usize;
            shared.store(nanoseconds, Ordering::SeqCst);
        }
        echo(driver, event);
    });
    pin(1);
    let mut streams: Vec<TcpStream> = (0..CONNECTIONS).map(|_| server.connect()).collect();
    let message = vec![b'm'; size];
    let mut back = vec![0; size];
    let mut round = || {
        for stream in &mut streams {
            stream.write_all(&message).expect("write");
        }
        for stream in &mut streams {
            stream.read_exact(&mut back).expect("read");
        }
    };
    let server_time = || {
        server.waker().wake();
        thread::sleep(Duration::from_millis(20));
        times.load(Ordering::SeqCst)
    };
    (0..100).for_each(|_| round());
    let (begun, before) = (Instant::now(), server_time());
    let mut rounds = 0;
    while begun.elapsed() < TIME {
        round();
        rounds += 1;
    }
    let per_echo = (server_time() - before) as f64 / 1000.0 / (rounds * CONNECTIONS) as f64;
    println!(
        "{kind:?}: {size} bytes, {CONNECTIONS} connections: {per_echo:.2} us of CPU per echo, {rounds} rounds"
    );
    drop(streams);
    server.stop();
}

fn pin(core: usize) {
    let mut cores = CpuSet::new();
    cores.set(core);
    sched_setaffinity(None, &cores).expect("the core exists");
}
