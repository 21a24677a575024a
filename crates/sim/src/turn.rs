//! One turn of an I/O loop, as the server's: decode what has arrived, enter the engine once, reserve a place
//! for the records. Writing them and letting outputs go are turns of their own here, so that those of several
//! loops mix. Each request is carried out on the model at once.

use crate::checker::acknowledged::End;
use crate::checker::failure::{Checked, Failure};
use crate::client::Session;
use crate::client::resp::parse;
use crate::evicting;
use crate::link::{Link, Protocol};
use crate::model::{Moment, Refusable};
use crate::reply::Reply;
use crate::world::World;
use std::net::{Ipv4Addr, SocketAddr};
use warren_amqp::{Incoming, Method};
use warren_engine::Address;
use warren_engine::broker::{Content, Request};
use warren_log::LogError;
use warren_resp::{Args, Commands, Limits};
use warren_units::peers::Ending;
use warren_units::{LoopId, Lsn, PeerId, RoomSource, UnixMillis};

/// Commands that a loop runs of one connection in one turn.
const TURN_COMMAND_COUNT_MAX: usize = 64;

impl World {
    pub fn turn(&mut self, loop_index: usize) -> Checked {
        let clock = UnixMillis(self.clock);
        let Some(server) = &mut self.server else { return Ok(()) };
        if server.is_writing(loop_index) {
            return Ok(());
        }
        let own = self.links.values().filter(|link| link.loop_index == loop_index);
        let (own, sizes): (Vec<usize>, Vec<usize>) = own.map(|link| (link.client, link.input.len())).unzip();
        // Room is made for what the turn may write; where there is none, the engine refuses what grows the state.
        server.log.room(sizes.iter().sum::<usize>() as u64);
        server.engine.begin_turn(clock, server.log.progress());
        server.engine.set_disk_low(server.log.is_room_low());
        for client in &own {
            let Some(mut link) = self.links.remove(client) else { continue };
            let run = self.serve(&mut link);
            let (is_gone, peer, kind) = (link.is_gone, link.peer, link.kind());
            self.links.insert(*client, link);
            run.map_err(|failure| {
                Failure::new(failure.checker, format!("client {client}: {}", failure.text))
            })?;
            if is_gone {
                self.links.remove(client);
                self.model.queues.release(*client);
                self.model.keys.stop_waiting(*client);
                if let Some(peer) = peer {
                    let before = self.server().engine.newest_lsn();
                    self.server().engine.disconnect(kind, peer);
                    self.ran_postponed(before)?;
                }
            }
        }
        self.tick()?;
        self.collect(loop_index);
        self.take_batch(loop_index)
    }

    /// Tells the engine of the connection and runs what has arrived.
    fn serve(&mut self, link: &mut Link) -> Checked {
        let server = self.server();
        let peer = match link.peer {
            Some(peer) => {
                server.engine.set_unsent(link.kind(), peer, link.unsent + link.outbox.len());
                peer
            }
            None => {
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, link.client as u16));
                let address = Address { remote: address, local: address };
                let peer = server.engine.connect(link.kind(), LoopId(link.loop_index as u16), address);
                *link.peer.insert(peer)
            }
        };
        if link.is_gone {
            return Ok(());
        }
        let input = std::mem::take(&mut link.input);
        let consumed = match &mut link.protocol {
            Protocol::Resp(decoder) => {
                let mut commands = Commands::default();
                let (consumed, result) =
                    decoder.decode(&input, &mut commands, TURN_COMMAND_COUNT_MAX, Limits::default());
                result.map_err(|error| Failure::new("values", format!("refused: {error}")))?;
                for index in 0..commands.len() {
                    self.run_resp(link, commands.args(index, &input))?;
                }
                consumed
            }
            Protocol::Amqp(assembler) => {
                let mut incoming = Vec::new();
                let fed = assembler.feed(&input, 0, &mut incoming);
                if let Some(fault) = fed.fault {
                    return Err(Failure::new("queues", format!("refused: {fault:?}")));
                }
                for request in &incoming {
                    self.run_amqp(link, peer, decoded(request, &input)?)?;
                    if link.is_gone {
                        return Ok(());
                    }
                }
                fed.consumed_to
            }
        };
        // What came meanwhile stands behind.
        link.input.splice(..0, input[consumed..].iter().copied());
        Ok(())
    }

    fn run_resp(&mut self, link: &mut Link, args: Args<'_>) -> Checked {
        self.count_request(link.client);
        let Some(peer) = link.peer else { return Ok(()) };
        let Some(server) = &mut self.server else { return Ok(()) };
        // What others wrote to it meanwhile stands before its replies.
        server.engine.collect_one(peer, &mut link.outbox);
        let (mut before, size) = (server.engine.newest_lsn(), link.outbox.len());
        let before_eviction = evicting::Before::of(&server.engine);
        server.engine.run_resp(peer, std::iter::once(args));
        server.engine.collect_one(peer, &mut link.outbox);
        let evicted =
            before_eviction.learn(&server.engine, &self.settings.eviction, &mut self.model, false)?;
        if evicted > 0 {
            self.counters.evicted_keys += evicted;
            before = before.next();
            self.trace.note(format!("{evicted} keys are evicted by record {before}"));
        }
        let is_out_of_memory = server.engine.cache().shared.eviction.is_out_of_memory();
        let lsn = record_since(before, server.engine.newest_lsn())?;
        let bytes = link.outbox.rope().chunks(size).flatten().copied().collect::<Vec<u8>>();
        let actual = parse(&bytes)?;
        if actual.as_ref().map_or(0, |(_, size)| *size) != bytes.len() {
            return Err(Failure::new("values", "a request has other than one reply"));
        }
        let actual = actual.map(|(reply, _)| reply);
        if let Some(Reply::Error(error)) = &actual {
            self.counters.errors += 1;
            self.counters.disk_errors += u64::from(error.contains("MISCONF"));
            self.counters.memory_errors += u64::from(error.contains("OOM"));
        }
        let words: Vec<String> = args.iter().map(crate::trace::shown).collect();
        self.trace.note(format!("client {} {} -> {actual:?} {lsn:?}", link.client, words.join(" ")));
        let mut moment = Moment::new(&mut self.model, server.engine.now().0, lsn);
        moment.refusable = Refusable::by(&server.log, server.engine.batch_size(), self.disk_is_faulty);
        moment.is_out_of_memory = is_out_of_memory;
        let Session::Resp(session) = &mut link.session else { return Ok(()) };
        session.executed(&mut moment, actual.as_ref(), link.client)?;
        for (waiter, reply) in moment.serve_waiters() {
            self.wake(waiter, reply, lsn.unwrap_or(Lsn::NONE))?;
        }
        self.ran_postponed(before)
    }

    fn wake(&mut self, client: usize, reply: Reply, depends_on: Lsn) -> Checked {
        self.trace.note(format!("client {client} is served: {reply:?}"));
        match self.links.get_mut(&client).map(|link| &mut link.session) {
            Some(Session::Resp(session)) => session.woken(reply, depends_on),
            _ => Err(Failure::new("values", "a client is served that is gone")),
        }
    }

    fn run_amqp(&mut self, link: &mut Link, peer: PeerId, request: Request<'_>) -> Checked {
        self.count_request(link.client);
        let Some(server) = &mut self.server else { return Ok(()) };
        server.engine.collect_one(peer, &mut link.outbox);
        let (before, size) = (server.engine.newest_lsn(), link.outbox.len());
        server.engine.receive_amqp(peer, request);
        let refusable = Refusable::by(&server.log, server.engine.batch_size(), self.disk_is_faulty);
        if refusable > Refusable::Nothing {
            server.engine.collect_one(peer, &mut link.outbox);
            let told: Vec<u8> = link.outbox.rope().chunks(size).flatten().copied().collect();
            if crate::client::amqp::is_disk_full(&told) {
                return self.refused_amqp(link, before, refusable);
            }
        }
        let lsn = record_since(before, server.engine.newest_lsn())?;
        link.unexecuted += 1;
        self.catch_up(link, lsn)?;
        self.ran_postponed(before)
    }

    /// The disk has no room for a request: the client goes.
    fn refused_amqp(&mut self, link: &mut Link, before: Lsn, refusable: Refusable) -> Checked {
        let Session::Amqp(session) = &mut link.session else { return Ok(()) };
        let what = session.refused(refusable)?;
        self.counters.settling_refusals += u64::from(refusable == Refusable::Everything);
        self.trace.note(format!("client {} is refused {what}", link.client));
        self.counters.refusals += 1;
        link.is_gone = true;
        self.model.queues.release(link.client);
        self.ran_postponed(before)
    }

    /// Requests of an AMQP client that the engine has run by now; those behind a basic.get that waits for a body
    /// are postponed.
    fn catch_up(&mut self, link: &mut Link, lsn: Option<Lsn>) -> Checked {
        let (Some(server), Some(peer)) = (&mut self.server, link.peer) else { return Ok(()) };
        let Session::Amqp(session) = &mut link.session else { return Ok(()) };
        let postponed = server.engine.broker().postponed_request_count(peer);
        let has_run = link.unexecuted > postponed;
        while link.unexecuted > postponed {
            let mut moment = Moment::new(&mut self.model, server.engine.now().0, lsn);
            let what = session.executed(&mut moment)?;
            self.trace.note(format!("client {} {what} {lsn:?}", link.client));
            link.unexecuted -= 1;
        }
        if postponed > 0 && (has_run || link.unexecuted == 1) {
            self.postponed_count += 1;
            link.postponed_at = self.postponed_count;
            self.trace.note(format!("client {} waits for a body with {postponed} requests", link.client));
        }
        Ok(())
    }

    /// A step may also have run what others had postponed, in the order in which they began to wait.
    pub fn ran_postponed(&mut self, before: Lsn) -> Checked {
        let after = self.server().engine.newest_lsn();
        let lsn = (after > before).then_some(after);
        let is_served = |link: &&Link| link.unexecuted > 0 && (!link.is_gone || link.has_left);
        let waiting = self.links.values().filter(is_served);
        let mut waiting: Vec<(u64, usize)> = waiting.map(|link| (link.postponed_at, link.client)).collect();
        waiting.sort_unstable();
        for (_, client) in waiting {
            let Some(mut link) = self.links.remove(&client) else { continue };
            let caught_up = self.catch_up(&mut link, lsn);
            self.links.insert(client, link);
            caught_up?;
        }
        Ok(())
    }

    /// What time asks for.
    fn tick(&mut self) -> Checked {
        let Some(server) = &mut self.server else { return Ok(()) };
        let now = server.engine.now();
        if server.engine.next_deadline().is_none_or(|deadline| deadline > now) {
            return Ok(());
        }
        let before = server.engine.newest_lsn();
        let before_eviction = evicting::Before::of(&server.engine);
        server.engine.tick();
        let after = server.engine.newest_lsn();
        let expired = self.model.keys.expire(now.0, before.next());
        let settings = &self.settings.eviction;
        self.counters.evicted_keys +=
            before_eviction.learn(&server.engine, settings, &mut self.model, true)?;
        self.trace.note(format!("tick at {}: {expired} keys expire, records up to {after}", now.0));
        if expired > 0 && after == before {
            return Err(Failure::new("values", format!("{expired} keys should expire at {}", now.0)));
        }
        for client in self.model.keys.timed_out(now.0) {
            self.wake(client, Reply::Array(None), Lsn::NONE)?;
        }
        self.ran_postponed(before)
    }

    fn collect(&mut self, loop_index: usize) {
        let Some(server) = &mut self.server else { return };
        let links = &mut self.links;
        server.engine.collect(LoopId(loop_index as u16), |collected| {
            let Some(link) = links.values_mut().find(|link| link.peer == Some(collected.peer)) else {
                return;
            };
            link.outbox.append(collected.outbox);
            link.is_gone |= collected.ending != Ending::No;
        });
    }

    /// Takes the turn's records and reserves their place.
    pub fn take_batch(&mut self, loop_index: usize) -> Checked {
        self.take_fetches();
        let Some(server) = &mut self.server else { return Ok(()) };
        drop(server.engine.take_garbage());
        let Some(batch) = server.engine.take_batch() else { return Ok(()) };
        self.records.note(&batch)?;
        self.counters.records += u64::from(batch.count());
        self.hashes.note(batch.last(), server.engine.durable_hash());
        server.sync_wanted = server.sync_wanted.max(batch.sync_wanted());
        let (first, last, size) = (batch.first(), batch.last(), batch.size());
        let room = server.log.room(0).size_bytes_max;
        match server.log.reserve(batch) {
            Ok(reservation) => server.reserved(loop_index, reservation),
            Err(LogError::Full { .. }) => {
                let text = format!("{size} bytes of records {first} to {last} find no room: there is {room}");
                return Err(Failure::new("room", text));
            }
            Err(error) => {
                // Where a sync of the new segment failed, more may be lost than with the process alone.
                let text = error.to_string();
                self.end(End::PowerCut, text);
                return Ok(());
            }
        }
        self.trace.note(format!("loop {loop_index} has records {first} to {last}"));
        Ok(())
    }
}

/// The record that a request made, if it made one.
fn record_since(before: Lsn, after: Lsn) -> Checked<Option<Lsn>> {
    match after.0 - before.0 {
        0 => Ok(None),
        1 => Ok(Some(after)),
        count => Err(Failure::new("records", format!("one request made {count} records"))),
    }
}

/// A request of an AMQP client, its parts in `data`.
fn decoded<'a>(incoming: &'a Incoming, data: &'a [u8]) -> Checked<Request<'a>> {
    let method = |bytes| {
        Method::decode(bytes).map_err(|error| Failure::new("queues", format!("not decoded: {error:?}")))
    };
    Ok(match incoming {
        Incoming::ProtocolHeader => Request::ProtocolHeader,
        Incoming::Heartbeat => Request::Heartbeat,
        Incoming::Method { channel, method: span } => {
            Request::Method { channel: *channel, method: method(span.of(data))?, content: None }
        }
        Incoming::Content(content) => Request::Method {
            channel: content.channel,
            method: method(content.method(data))?,
            content: Some(Content { properties: content.properties(data), body: content.body(data) }),
        },
        Incoming::Oversized { channel, method, size } => {
            Request::Oversized { channel: *channel, method: *method, size_bytes: *size }
        }
    })
}
