//! The thread that reads bodies back which queues gave to the log: it reads one after the other, whatever
//! happens meanwhile, and enters the engine with what it has read.

use crate::checker::failure::{Checked, Failure};
use crate::world::World;
use bytes::Bytes;
use std::collections::VecDeque;
use warren_engine::Fetch;
use warren_log::LogError;
use warren_units::{BodyName, UnixMillis};

/// What queues have asked for, in their order, and the bodies of the first that are read.
#[derive(Default)]
pub struct Fetching {
    wanted: VecDeque<Fetch>,
    read: Vec<Option<Bytes>>,
}

impl World {
    /// The thread reads some bodies, and enters the engine once it has all of a fetch. False if it waits.
    pub fn fetch(&mut self, body_count: usize) -> Checked<bool> {
        // As a writer it stands behind the loops.
        let writer = self.settings.loop_count;
        let Some(server) = &mut self.server else { return Ok(false) };
        let Some(fetch) = server.fetching.wanted.front() else { return Ok(false) };
        let read_count = server.fetching.read.len();
        for name in fetch.names().skip(read_count).take(body_count) {
            if server.log.progress().written < name.lsn {
                return Ok(server.fetching.read.len() > read_count);
            }
            let body = match server.log.read_body(name) {
                Ok(body) => Some(body),
                // Nobody keeps the body of a message that has left its queue meanwhile.
                Err(LogError::NoBody { .. }) => None,
                Err(error) => return Err(unreadable(name, &error.to_string())),
            };
            if let Some(body) = &body {
                self.records.check_body(name, body)?;
            }
            self.counters.fetched_bodies += 1;
            server.fetching.read.push(body);
        }
        if server.fetching.read.len() == fetch.names().len() && !server.is_writing(writer) {
            self.enter_with_bodies()?;
            self.take_batch(writer)?;
        }
        Ok(true)
    }

    fn enter_with_bodies(&mut self) -> Checked {
        let clock = UnixMillis(self.clock);
        let server = self.server();
        let Some(fetch) = server.fetching.wanted.pop_front() else { return Ok(()) };
        let bodies = std::mem::take(&mut server.fetching.read);
        server.engine.begin_turn(clock, server.log.progress());
        let before = server.engine.newest_lsn();
        server.engine.fetched(&fetch, &bodies).map_err(|name| unreadable(name, "it is not there"))?;
        self.trace.note(format!("{} bodies are read back", bodies.len()));
        self.ran_postponed(before)
    }

    /// The engine may have asked for bodies.
    pub fn take_fetches(&mut self) {
        let Some(server) = &mut self.server else { return };
        server.fetching.wanted.extend(server.engine.take_fetches());
    }

    /// Serves all fetches whose records are written.
    pub fn fetch_all(&mut self) -> Checked {
        let writer = self.settings.loop_count;
        self.write(writer);
        while self.ended_by.is_none() && self.fetch(usize::MAX)? {
            self.write(writer);
        }
        Ok(())
    }
}

fn unreadable(name: BodyName, why: &str) -> Failure {
    Failure::new("bodies", format!("body {} of record {} cannot be read: {why}", name.ordinal, name.lsn))
}
