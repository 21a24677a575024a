//! Points in time that all lie the same span ahead when they are set, so that they come due in order.

use super::{LINGER_TIME_MAX, Token};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The connections that are being finished, and when each of them is closed at the latest.
#[derive(Default)]
pub struct LingerDeadlines {
    queue: VecDeque<(Instant, Token)>,
}

impl LingerDeadlines {
    pub fn start(&mut self, token: Token) {
        self.queue.push_back((Instant::now() + LINGER_TIME_MAX, token));
    }

    pub fn next(&self) -> Option<Instant> {
        self.queue.front().map(|(instant, _)| *instant)
    }

    /// Takes out one connection whose time is over. It may be gone already.
    pub fn pop_due(&mut self, now: Instant) -> Option<Token> {
        let (instant, _) = self.queue.front()?;
        if *instant > now {
            return None;
        }
        self.queue.pop_front().map(|(_, token)| token)
    }
}

/// The shorter of `timeout` and the time left until the earliest of `deadlines`.
pub fn clip(timeout: Option<Duration>, deadlines: impl Iterator<Item = Instant>) -> Option<Duration> {
    let Some(earliest) = deadlines.min() else { return timeout };
    let left = earliest.saturating_duration_since(Instant::now());
    Some(timeout.map_or(left, |timeout| timeout.min(left)))
}
