//! The same tests for both drivers: a small server on the driver, std sockets as clients.

#[cfg(target_os = "linux")]
mod exhaustion;
mod harness;
#[cfg(target_os = "linux")]
mod measure;

use super::*;
#[cfg(target_os = "linux")]
use exhaustion::waits_for_descriptors_without_spinning;
use harness::{Received, echo, echo_server, noise, serve, transfer};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Instant;

/// Runs each body once for each driver. Where io_uring may not be used, its tests say so and pass.
macro_rules! for_both_drivers {
    ($($(#[$when:meta])? $name:ident),* $(,)?) => {
        mod readiness_driver {
            $($(#[$when])? #[test] fn $name() { super::$name(super::DriverKind::Epoll); })*
        }
        #[cfg(target_os = "linux")]
        mod completion_driver {
            $($(#[$when])? #[test] fn $name() {
                match super::choose(super::DriverChoice::Uring) {
                    Ok(kind) => super::$name(kind),
                    Err(error) => eprintln!("skipped: {error}"),
                }
            })*
        }
    };
}

for_both_drivers!(
    echoes_small_and_large_payloads,
    echoes_to_many_connections_at_once,
    answers_all_after_a_half_close,
    reports_a_reset_while_sending,
    wakes_from_other_threads_and_loses_no_note,
    pauses_and_resumes,
    ignores_stale_tokens,
    serves_ten_thousand_short_connections,
    closes_a_peer_that_never_reads_after_the_linger_time,
    sends_all_to_a_slow_reader_after_shutdown,
    reads_a_large_value_into_memory_of_its_size,
    sends_shared_pieces_in_order,
    stops_listening,
    survives_a_flood_beside_a_quiet_connection,
    #[cfg(target_os = "linux")]
    waits_for_descriptors_without_spinning,
);

const PATIENCE: Duration = Duration::from_secs(20);

fn echoes_small_and_large_payloads(kind: DriverKind) {
    let server = echo_server(kind);
    for (size, chunk_max) in [(1, 1), (10, 3), (5_000, 700), (100_000, 40_000), (8 << 20, 300_000)] {
        let sent = noise(size as u64, size);
        assert!(transfer(server.connect(), &sent, chunk_max, size) == sent, "{size} bytes came back changed");
    }
    server.stop();
}

fn echoes_to_many_connections_at_once(kind: DriverKind) {
    let server = echo_server(kind);
    let mut streams: Vec<TcpStream> = (0..300).map(|_| server.connect()).collect();
    for round in 0..20u64 {
        for (number, stream) in (0..).zip(&mut streams) {
            stream.write_all(&noise(round * 1000 + number, 50 + 7 * number as usize)).expect("write");
        }
        for (number, stream) in (0..).zip(&mut streams) {
            let expected = noise(round * 1000 + number, 50 + 7 * number as usize);
            let mut back = vec![0; expected.len()];
            stream.read_exact(&mut back).expect("read");
            assert!(back == expected, "connection {number}, round {round}");
        }
    }
    drop(streams);
    server.stop();
}

fn answers_all_after_a_half_close(kind: DriverKind) {
    let (reasons, closed) = mpsc::channel();
    let server = serve(kind, move |driver, event| {
        echo(driver, event);
        if let Event::Closed { reason, .. } = event {
            reasons.send(reason).expect("test waits");
        }
    });
    for size in [0, 1, 3 << 20] {
        let sent = noise(7, size);
        let mut stream = server.connect();
        let mut writer = stream.try_clone().expect("clone");
        let to_send = sent.clone();
        let writing = thread::spawn(move || {
            writer.write_all(&to_send).expect("write");
            writer.shutdown(Shutdown::Write).expect("shutdown");
        });
        let mut back = Vec::new();
        stream.read_to_end(&mut back).expect("read to the server's goodbye");
        writing.join().expect("writer");
        assert!(back == sent, "{size} bytes");
        assert_eq!(closed.recv_timeout(PATIENCE), Ok(CloseReason::Finished));
    }
    server.stop();
}

fn reports_a_reset_while_sending(kind: DriverKind) {
    let (reasons, closed) = mpsc::channel();
    let server = serve(kind, move |driver, event| match event {
        Event::Received { token } => {
            driver.input(token).expect("input").discard();
            let mut rope = driver.take_spare();
            rope.extend(&vec![b'x'; 32 << 20]);
            driver.send(token, rope);
        }
        Event::Closed { token, reason } => {
            reasons.send(reason).expect("test waits");
            driver.send(token, Rope::new());
            assert_eq!(driver.unsent_bytes(token), 0);
        }
        _ => {}
    });
    for _ in 0..5 {
        let mut stream = server.connect();
        stream.write_all(b"go").expect("write");
        stream.read_exact(&mut [0; 1000]).expect("read a little");
        drop(stream); // with unread bytes: a reset
        match closed.recv_timeout(PATIENCE) {
            Ok(CloseReason::Failed(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)) => {}
            other => panic!("{other:?}"),
        }
    }
    server.stop();
}

fn wakes_from_other_threads_and_loses_no_note(kind: DriverKind) {
    let notes = Arc::new(AtomicUsize::new(0));
    let (totals, seen) = mpsc::channel();
    let received = Arc::clone(&notes);
    let server = serve(kind, move |_, event| {
        if event == Event::Woken {
            totals.send(received.load(Ordering::Relaxed)).expect("test waits");
        }
    });
    const NOTES: usize = 20_000;
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let (waker, notes) = (server.waker(), Arc::clone(&notes));
            thread::spawn(move || {
                for number in 0..NOTES {
                    notes.fetch_add(1, Ordering::Relaxed);
                    waker.wake();
                    if number % 1000 == 0 {
                        thread::sleep(Duration::from_millis(1)); // lets the loop fall asleep
                    }
                }
            })
        })
        .collect();
    let mut last = 0;
    while last < 2 * NOTES {
        last = seen.recv_timeout(PATIENCE).expect("the last note must be seen");
    }
    for thread in threads {
        thread.join().expect("thread");
    }
    server.stop();
}

fn pauses_and_resumes(kind: DriverKind) {
    const SIZE: usize = 24 << 20;
    let total = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&total);
    let mut paused = None;
    let mut turns = 0;
    let server = serve(kind, move |driver, event| match event {
        Event::Received { token } => {
            let input = driver.input(token).expect("input");
            counted.fetch_add(input.data().len(), Ordering::SeqCst);
            input.discard();
            turns += 1;
            if turns == 1 || turns == 20 {
                driver.pause_receive(token);
                paused = Some(token);
            }
        }
        Event::Woken => {
            if let Some(token) = paused.take() {
                driver.resume_receive(token);
            }
        }
        Event::ReceiveEnded { token } => driver.shutdown_after_send(token),
        _ => {}
    });
    let stream = server.connect();
    let mut writer = stream.try_clone().expect("clone");
    let writing = thread::spawn(move || {
        writer.write_all(&vec![1; SIZE]).expect("write");
        writer.shutdown(Shutdown::Write).expect("shutdown");
    });
    let settled = || {
        let mut last = usize::MAX;
        while last != total.load(Ordering::SeqCst) {
            last = total.load(Ordering::SeqCst);
            thread::sleep(Duration::from_millis(150));
        }
        last
    };
    let first = settled();
    assert!(first > 0 && first <= 2 << 20, "{first} bytes were read though paused");
    server.waker().wake();
    let second = settled();
    assert!(second > first && second < SIZE, "{second} bytes were read, {first} before");
    server.waker().wake();
    writing.join().expect("writer");
    let mut back = Vec::new();
    (&stream).read_to_end(&mut back).expect("goodbye");
    assert_eq!(total.load(Ordering::SeqCst), SIZE);
    server.stop();
}

fn ignores_stale_tokens(kind: DriverKind) {
    let (tokens, accepted) = mpsc::channel();
    let mut old = None;
    let server = serve(kind, move |driver, event| match event {
        Event::Accepted { token, peer, listener, local } => {
            assert!(peer.ip().is_loopback() && listener == harness::TAG);
            assert!(local.ip().is_loopback() && local.port() != peer.port() && local.port() != 0);
            tokens.send(token).expect("test waits");
        }
        Event::Received { token } => {
            let first = driver.input(token).expect("input").data()[0];
            if first == b'q' {
                driver.close(token);
                old = Some(token);
                return;
            }
            let old = old.expect("closed before");
            let mut rope = driver.take_spare();
            rope.extend(b"to the wrong one");
            driver.send(old, rope);
            driver.pause_receive(old);
            driver.shutdown_after_send(old);
            driver.close(old);
            assert!(driver.input(old).is_none());
            assert_eq!(driver.unsent_bytes(old), 0);
            echo(driver, event);
        }
        _ => {}
    });
    let mut first = server.connect();
    first.write_all(b"q").expect("write");
    assert_eq!(first.read(&mut [0; 10]).expect("closed by the server"), 0);
    let mut second = server.connect();
    for _ in 0..3 {
        second.write_all(b"hello").expect("write");
        let mut back = [0; 5];
        second.read_exact(&mut back).expect("read");
        assert_eq!(&back, b"hello");
    }
    let (old, new): (Token, Token) = (accepted.recv().expect("first"), accepted.recv().expect("second"));
    assert_eq!(old.slot(), new.slot(), "the slot is reused");
    assert_ne!(old, new);
    server.stop();
}

fn serves_ten_thousand_short_connections(kind: DriverKind) {
    let live = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&live);
    let server = serve(kind, move |driver, event| {
        match event {
            Event::Accepted { .. } => counted.fetch_add(1, Ordering::SeqCst),
            Event::Closed { .. } => counted.fetch_sub(1, Ordering::SeqCst),
            _ => 0,
        };
        echo(driver, event);
    });
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for number in 0..2_500u32 {
                    let mut stream = server.connect();
                    stream.write_all(&number.to_be_bytes()).expect("write");
                    let mut back = [0; 4];
                    stream.read_exact(&mut back).expect("read");
                    assert_eq!(back, number.to_be_bytes());
                }
            });
        }
    });
    let begun = Instant::now();
    while live.load(Ordering::SeqCst) > 0 {
        assert!(begun.elapsed() < PATIENCE, "{} connections were never closed", live.load(Ordering::SeqCst));
        thread::sleep(Duration::from_millis(5));
    }
    server.stop();
}

fn closes_a_peer_that_never_reads_after_the_linger_time(kind: DriverKind) {
    let (reasons, closed) = mpsc::channel();
    let server = serve(kind, move |driver, event| match event {
        Event::Received { token } => {
            let mut rope = driver.take_spare();
            rope.extend(&vec![b'x'; 32 << 20]);
            driver.send(token, rope);
            driver.shutdown_after_send(token);
        }
        Event::Closed { reason, .. } => reasons.send(reason).expect("test waits"),
        _ => {}
    });
    let mut stream = server.connect();
    stream.write_all(b"go").expect("write");
    let begun = Instant::now();
    assert_eq!(closed.recv_timeout(PATIENCE), Ok(CloseReason::LingerExpired));
    assert!(begun.elapsed() >= LINGER_TIME_MAX - Duration::from_millis(100));
    server.stop();
}

fn sends_all_to_a_slow_reader_after_shutdown(kind: DriverKind) {
    const SIZE: usize = 24 << 20;
    const PACE: Duration = Duration::from_secs(5);
    let server = serve(kind, move |driver, event| {
        if let Event::Received { token } = event {
            let mut rope = driver.take_spare();
            rope.extend(&vec![b'x'; SIZE]);
            driver.send(token, rope);
            driver.shutdown_after_send(token);
        }
    });
    let mut stream = server.connect();
    stream.write_all(b"go").expect("write");
    let (begun, mut total) = (Instant::now(), 0);
    let mut block = vec![0; 256 << 10];
    loop {
        match stream.read(&mut block).expect("read") {
            0 => break,
            size => total += size,
        }
        let due = PACE.mul_f64(total as f64 / SIZE as f64);
        thread::sleep(due.saturating_sub(begun.elapsed()));
    }
    assert_eq!(total, SIZE);
    assert!(begun.elapsed() > LINGER_TIME_MAX);
    server.stop();
}

fn reads_a_large_value_into_memory_of_its_size(kind: DriverKind) {
    const SIZE: usize = 48 << 20;
    let (values, seen) = mpsc::channel();
    let server = serve(kind, move |driver, event| {
        if let Event::Received { token } = event {
            let input = driver.input(token).expect("input");
            while input.data().len() >= 4 {
                let size = u32::from_be_bytes(input.data()[..4].try_into().expect("four bytes")) as usize;
                if input.data().len() < 4 + size {
                    return input.expect(4 + size);
                }
                input.consume(4);
                let value = bytes::Bytes::copy_from_slice(&input.data()[..size]);
                input.consume(size);
                values.send(value).expect("test waits");
            }
        }
    });
    let mut stream = server.connect();
    let mut sent = Vec::new();
    for size in [10, SIZE, 20, 70_000] {
        let value = noise(size as u64, size);
        stream.write_all(&(size as u32).to_be_bytes()).expect("write");
        stream.write_all(&value).expect("write");
        sent.push(value);
    }
    for value in sent {
        let received = seen.recv_timeout(PATIENCE).expect("value");
        assert!(received == value, "a value of {} bytes came changed", value.len());
    }
    server.stop();
}

fn sends_shared_pieces_in_order(kind: DriverKind) {
    let shared = bytes::Bytes::from(noise(1, 100_000));
    let mut expected = Vec::new();
    let mut ropes = Vec::new();
    for number in 0..200usize {
        let mut rope = Rope::new();
        for piece in 0..number % 5 {
            rope.extend(format!("rope {number} piece {piece} ").as_bytes());
            rope.extend_shared(&shared.slice(number * 7..number * 7 + 20_000 * piece));
        }
        expected.extend(rope.to_vec());
        ropes.push(rope);
    }
    let server = serve(kind, move |driver, event| match event {
        Event::Received { token } => {
            let expected = driver.unsent_bytes(token);
            assert_eq!(expected, 0);
            for rope in ropes.drain(..) {
                driver.send(token, rope);
            }
            driver.shutdown_after_send(token);
        }
        Event::Sent { token, unsent_bytes } => assert_eq!(driver.unsent_bytes(token), unsent_bytes),
        _ => {}
    });
    let mut stream = server.connect();
    stream.write_all(b"go").expect("write");
    let mut back = Vec::new();
    stream.read_to_end(&mut back).expect("read");
    assert!(back == expected);
    server.stop();
}

fn stops_listening(kind: DriverKind) {
    let server = serve(kind, |driver, event| match event {
        Event::Woken => driver.stop_listening(),
        _ => echo(driver, event),
    });
    let stream = server.connect();
    assert_eq!(transfer(stream.try_clone().expect("clone"), b"before", 10, 6), b"before");
    server.waker().wake();
    let begun = Instant::now();
    while TcpStream::connect(server.address).is_ok() {
        assert!(begun.elapsed() < PATIENCE, "still accepting");
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(transfer(stream, b"after", 10, 5), b"after", "connections stay");
    server.stop();
}

fn survives_a_flood_beside_a_quiet_connection(kind: DriverKind) {
    let received = Received::default();
    let largest = received.largest_turn();
    let server = serve(kind, move |driver, event| received.echo_small_only(driver, event));
    let flood = server.connect();
    let flooding = thread::spawn(move || {
        let begun = Instant::now();
        let block = vec![b'f'; 1 << 20];
        while begun.elapsed() < Duration::from_millis(800) {
            (&flood).write_all(&block).expect("write");
        }
    });
    let mut quiet = server.connect();
    let mut answers = 0;
    while !flooding.is_finished() {
        quiet.write_all(b"quiet").expect("write");
        quiet.read_exact(&mut [0; 5]).expect("read");
        answers += 1;
    }
    flooding.join().expect("flood");
    assert!(answers > 50, "the quiet connection got {answers} answers");
    let largest = largest.load(Ordering::SeqCst);
    assert!(largest <= 4 * RECEIVE_SIZE_BYTES_PER_TURN_MAX_EXPECTED, "{largest} bytes in one turn");
    server.stop();
}
