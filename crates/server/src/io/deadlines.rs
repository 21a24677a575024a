//! Points in time that all lie the same span ahead when they are set, so that they come due in order.

use super::{LINGER_TIME_MAX, Token};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The connections that are being finished, and when each is looked at: closed then, unless it has made
/// progress meanwhile.
#[derive(Default)]
pub struct LingerDeadlines {
    queue: VecDeque<Lingering>,
}

struct Lingering {
    until: Instant,
    token: Token,
    unsent_bytes: usize,
}

impl LingerDeadlines {
    /// The connection has `unsent_bytes` to send and from now on `LINGER_TIME_MAX` to send some of them.
    pub fn start(&mut self, token: Token, unsent_bytes: usize) {
        self.queue.push_back(Lingering { until: Instant::now() + LINGER_TIME_MAX, token, unsent_bytes });
    }

    pub fn next(&self) -> Option<Instant> {
        self.queue.front().map(|lingering| lingering.until)
    }

    /// Takes out one connection whose time is over, given what each has to send by now (`None` if it is
    /// gone). One that still sends gets its time anew.
    pub fn pop_due(&mut self, unsent_bytes: impl Fn(Token) -> Option<usize>) -> Option<Token> {
        let now = Instant::now();
        while self.queue.front()?.until <= now {
            let Lingering { token, unsent_bytes: before, .. } = self.queue.pop_front()?;
            match unsent_bytes(token) {
                Some(now) if 0 < now && now < before => self.start(token, now),
                Some(_) => return Some(token),
                None => {}
            }
        }
        None
    }
}

/// The shorter of `timeout` and the time left until the earliest of `deadlines`.
pub fn clip(timeout: Option<Duration>, deadlines: impl Iterator<Item = Instant>) -> Option<Duration> {
    let Some(earliest) = deadlines.min() else { return timeout };
    let left = earliest.saturating_duration_since(Instant::now());
    Some(timeout.map_or(left, |timeout| timeout.min(left)))
}
