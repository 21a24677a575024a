//! What happens when a server has no file descriptors left. Descriptors are counted per process, so the
//! server runs in one of its own: this test binary again, with only the test that serves.

use super::harness::echo_server;
use super::*;
use rustix::process::{Resource, Rlimit, setrlimit};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

const DRIVER_VARIABLE: &str = "WARREN_TEST_DRIVER";
const DESCRIPTORS_MAX: u64 = 40;
const CLIENTS: usize = 60;

pub fn waits_for_descriptors_without_spinning(kind: DriverKind) {
    let (mut server, output, address) = start(kind);
    let mut clients: Vec<TcpStream> =
        (0..CLIENTS).map(|_| TcpStream::connect(address).expect("connect")).collect();
    for client in &mut clients {
        client.write_all(b"x").expect("write");
        client.set_read_timeout(Some(Duration::from_millis(100))).expect("timeout");
    }
    let (served, waiting): (Vec<_>, Vec<_>) =
        clients.into_iter().partition(|mut client| client.read(&mut [0]).is_ok_and(|size| size == 1));
    assert!(served.len() >= 10 && waiting.len() >= 10, "{} served, {} waiting", served.len(), waiting.len());
    let before = processor_ticks(&server);
    thread::sleep(Duration::from_millis(500));
    let used = processor_ticks(&server) - before;
    assert!(used <= 10, "{used} of 50 clock ticks were spent on waiting");
    drop(served);
    for mut client in waiting {
        client.set_read_timeout(Some(PATIENCE)).expect("timeout");
        assert_eq!(client.read(&mut [0]).expect("is served now"), 1);
    }
    drop(server.stdin.take());
    output.for_each(drop);
    assert!(server.wait().expect("wait").success());
}

/// The server, what it has still to say, and where it serves.
fn start(kind: DriverKind) -> (Child, impl Iterator, SocketAddr) {
    let mut server = Command::new(std::env::current_exe().expect("own path"))
        .args(["--exact", "io::tests::exhaustion::serve_with_few_descriptors", "--ignored", "--nocapture"])
        .env(DRIVER_VARIABLE, if kind == DriverKind::Uring { "uring" } else { "epoll" })
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("start");
    let mut lines = BufReader::new(server.stdout.take().expect("piped")).lines();
    let address = lines.find_map(|line| line.expect("text").split_once("serves at ")?.1.parse().ok());
    (server, lines, address.expect("the server says where it serves"))
}

#[test]
#[ignore = "the server of waits_for_descriptors_without_spinning"]
fn serve_with_few_descriptors() {
    let name = std::env::var(DRIVER_VARIABLE).expect("started by the test");
    let kind = choose(name.parse().expect("a driver")).expect("can be had");
    let limit = Rlimit { current: Some(DESCRIPTORS_MAX), maximum: Some(DESCRIPTORS_MAX) };
    setrlimit(Resource::Nofile, limit).expect("limit");
    let server = echo_server(kind);
    println!("serves at {}", server.address);
    std::io::stdin().read_to_end(&mut Vec::new()).expect("until the test is over");
    server.stop();
}

/// User and system time of the process so far, in hundredths of a second.
fn processor_ticks(process: &Child) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.id())).expect("stat");
    let (_, fields) = stat.rsplit_once(") ").expect("after the name");
    fields.split(' ').skip(11).take(2).map(|field| field.parse::<u64>().expect("ticks")).sum()
}
