//! GET or SET of random keys over RESP: every connection keeps one pipeline of requests under way.

use crate::bench::histogram::Histogram;
use crate::bench::meter::Meter;
use crate::bench::socket::Socket;
use clap::{Args, ValueEnum};
use mio::{Events, Poll};
use std::time::{Duration, Instant};

const KEY_DIGITS: usize = 12;
const FILL_PIPELINE: usize = 1000;

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Command {
    Get,
    Set,
}

#[derive(Args)]
pub struct Flags {
    #[arg(long, default_value = "127.0.0.1:6379")]
    uri: String,
    #[arg(long, default_value_t = 50)]
    connections: usize,
    #[arg(long, default_value_t = 1)]
    pipeline: usize,
    /// Size of the values.
    #[arg(long, default_value_t = 64)]
    size: usize,
    #[arg(long, default_value_t = 100_000)]
    keys: u64,
    #[arg(long, value_enum, default_value = "get")]
    command: Command,
    /// Set every key before the measured time.
    #[arg(long)]
    fill: bool,
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    #[arg(long, default_value_t = 0.5)]
    warmup: f64,
    /// Process whose CPU time is measured; may be given more than once.
    #[arg(long)]
    server_pid: Vec<u32>,
}

struct Client {
    socket: Socket,
    /// Replies to come of the pipeline under way.
    left: usize,
    sent_at: Instant,
}

/// A request whose key is the text at `key`.
struct Template {
    bytes: Vec<u8>,
    key: usize,
}

impl Template {
    fn new(command: Command, size: usize) -> Template {
        let zeros = "0".repeat(KEY_DIGITS);
        let (mut bytes, key_head) = match command {
            Command::Get => (b"*2\r\n$3\r\nGET\r\n".to_vec(), "$16\r\nkey:"),
            Command::Set => (b"*3\r\n$3\r\nSET\r\n".to_vec(), "$16\r\nkey:"),
        };
        bytes.extend_from_slice(key_head.as_bytes());
        let key = bytes.len();
        bytes.extend_from_slice(format!("{zeros}\r\n").as_bytes());
        if command == Command::Set {
            bytes.extend_from_slice(format!("${size}\r\n{}\r\n", "x".repeat(size)).as_bytes());
        }
        Template { bytes, key }
    }

    fn append(&self, out: &mut Vec<u8>, mut number: u64) {
        let start = out.len() + self.key;
        out.extend_from_slice(&self.bytes);
        for digit in out[start..start + KEY_DIGITS].iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
    }
}

pub fn run(flags: &Flags) -> Result<(), String> {
    if flags.keys == 0 || flags.pipeline == 0 || flags.connections == 0 {
        return Err("keys, pipeline and connections must be at least 1".to_owned());
    }
    if flags.fill {
        fill(flags)?;
    }
    let mut poll = Poll::new().map_err(|error| format!("cannot poll: {error}"))?;
    let mut clients = Vec::new();
    for token in 0..flags.connections {
        let mut socket = Socket::connect(&flags.uri)?;
        socket.watch(&poll, token)?;
        clients.push(Client { socket, left: 0, sent_at: Instant::now() });
    }
    let template = Template::new(flags.command, flags.size);
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    let mut latency = Histogram::new();
    let mut count = 0;
    let mut meter = Meter::start(flags.warmup, &[]);
    let mut is_warm = false;
    let mut events = Events::with_capacity(1024);
    for client in &mut clients {
        client.request(&template, flags, &mut random)?;
    }
    loop {
        let timeout = Some(Duration::from_millis(100));
        match poll.poll(&mut events, timeout) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => return Err(error.to_string()),
            _ => {}
        }
        for event in &events {
            let client = &mut clients[event.token().0];
            client.socket.flush()?;
            count += client.take_replies(&mut latency)?;
            if client.left == 0 {
                client.request(&template, flags, &mut random)?;
            }
        }
        if is_warm {
            meter.tick(count);
        }
        match (meter.is_over(), is_warm) {
            (false, _) => {}
            (true, false) => {
                (is_warm, count) = (true, 0);
                latency.clear();
                meter = Meter::start(flags.seconds, &flags.server_pid);
            }
            (true, true) => break,
        }
    }
    let [p50, p99, p999, max] = [0.5, 0.99, 0.999, 1.0].map(|share| latency.micros(share));
    println!("{} p50_us={p50:.1} p99_us={p99:.1} p999_us={p999:.1} max_us={max:.1}", meter.totals(count));
    Ok(())
}

impl Client {
    fn request(&mut self, template: &Template, flags: &Flags, random: &mut u64) -> Result<(), String> {
        for _ in 0..flags.pipeline {
            *random ^= *random << 13;
            *random ^= *random >> 7;
            *random ^= *random << 17;
            template.append(&mut self.socket.output, *random % flags.keys);
        }
        self.left = flags.pipeline;
        self.sent_at = Instant::now();
        self.socket.flush().map(drop)
    }

    /// Counts the replies that have come whole.
    fn take_replies(&mut self, latency: &mut Histogram) -> Result<u64, String> {
        let mut count = 0;
        while self.left > 0 && self.socket.receive()? {
            let (replies, size) = cut_replies(self.socket.unread())?;
            self.socket.consume(size);
            let nanos = self.sent_at.elapsed().as_nanos() as u64;
            (0..replies).for_each(|_| latency.record(nanos));
            self.left = self.left.checked_sub(replies).ok_or("more replies than requests")?;
            count += replies as u64;
        }
        Ok(count)
    }
}

/// How many whole replies of a simple kind there are in front, and their size.
fn cut_replies(input: &[u8]) -> Result<(usize, usize), String> {
    let (mut count, mut position) = (0, 0);
    while let Some(line) = input[position..].iter().position(|byte| *byte == b'\n') {
        let text = &input[position..position + line];
        let mut end = position + line + 1;
        match text.first() {
            Some(b'-') => return Err(String::from_utf8_lossy(text).into_owned()),
            Some(b'$') if text.get(1) != Some(&b'-') => {
                end += 2 + text[1..]
                    .iter()
                    .filter(|byte| byte.is_ascii_digit())
                    .fold(0, |size, digit| size * 10 + usize::from(digit - b'0'));
            }
            _ => {}
        }
        if end > input.len() {
            break;
        }
        (count, position) = (count + 1, end);
    }
    Ok((count, position))
}

/// Sets every key once.
fn fill(flags: &Flags) -> Result<(), String> {
    let mut socket = Socket::connect(&flags.uri)?;
    let template = Template::new(Command::Set, flags.size);
    let mut next = 0;
    while next < flags.keys {
        let end = flags.keys.min(next + FILL_PIPELINE as u64);
        (next..end).for_each(|number| template.append(&mut socket.output, number));
        socket.flush()?;
        let mut left = (end - next) as usize;
        while left > 0 {
            socket.receive()?;
            let (replies, size) = cut_replies(socket.unread())?;
            socket.consume(size);
            left = left.checked_sub(replies).ok_or("more replies than requests")?;
        }
        next = end;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_replies_are_cut_from_the_front() {
        let rows: [(&[u8], (usize, usize)); 5] = [
            (b"+OK\r\n+OK\r\n", (2, 10)),
            (b"$3\r\nabc\r\n$-1\r\n$3\r\nab", (2, 14)),
            (b"$3\r\nabc\r", (0, 0)),
            (b"$12", (0, 0)),
            (b":1\r\n", (1, 4)),
        ];
        for (input, cut) in rows {
            assert_eq!(cut_replies(input), Ok(cut));
        }
        assert!(cut_replies(b"-ERR no\r\n").is_err());
    }

    #[test]
    fn the_key_is_a_number_of_fixed_width() {
        let mut out = Vec::new();
        Template::new(Command::Get, 0).append(&mut out, 42);
        assert_eq!(out, b"*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000042\r\n");
    }
}
