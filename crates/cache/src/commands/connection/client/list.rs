//! CLIENT INFO and LIST.

use crate::command::{CommandError, quoted};
use crate::context::{Context, Shared};
use crate::parse::{self, is_option};
use crate::session::Session;
use std::fmt::Write;
use warren_resp::{Args, Protocol};
use warren_units::{Peers, UnixMillis};

/// TYPE of CLIENT LIST and KILL.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ClientType {
    Normal,
    PubSub,
    /// Masters and replicas: there are none.
    Replication,
}

impl ClientType {
    /// # Errors
    /// Unknown type.
    pub fn parse(text: &[u8]) -> Result<ClientType, CommandError> {
        let rows = [
            ("normal", ClientType::Normal),
            ("slave", ClientType::Replication),
            ("replica", ClientType::Replication),
            ("master", ClientType::Replication),
            ("pubsub", ClientType::PubSub),
        ];
        let found = rows.into_iter().find(|(name, _)| is_option(text, name));
        found
            .map(|(_, client_type)| client_type)
            .ok_or_else(|| CommandError::from(format!("ERR Unknown client type '{}'", quoted(text))))
    }

    pub fn of(session: &Session) -> ClientType {
        if session.subscription_count > 0 { ClientType::PubSub } else { ClientType::Normal }
    }
}

pub fn info(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    let line = describe(context.session, context.shared, context.step.peers, context.step.now);
    context.reply.verbatim("txt", line.as_bytes());
    Ok(())
}

pub fn list(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let mut wanted_type = None;
    let mut wanted_ids = None;
    match args.len() {
        2 => {}
        4 if is_option(args.get(2), "TYPE") => wanted_type = Some(ClientType::parse(args.get(3))?),
        4.. if is_option(args.get(2), "ID") => {
            let ids = args.from(3).iter().map(|text| {
                parse::integer(text).filter(|id| *id >= 1).ok_or(CommandError::fixed("ERR Invalid client ID"))
            });
            wanted_ids = Some(ids.collect::<Result<Vec<i64>, _>>()?);
        }
        _ => return Err(CommandError::Syntax),
    }
    let is_wanted = |session: &&Session| {
        wanted_type.is_none_or(|wanted| ClientType::of(session) == wanted)
            && wanted_ids.as_ref().is_none_or(|ids| ids.contains(&(session.id as i64)))
    };
    let mut lines = String::new();
    for session in all(context).into_iter().filter(is_wanted) {
        lines.push_str(&describe(session, context.shared, context.step.peers, context.step.now));
    }
    context.reply.verbatim("txt", lines.as_bytes());
    Ok(())
}

/// All clients, the running one included, the oldest first.
pub fn all<'c>(context: &'c Context<'_, '_>) -> Vec<&'c Session> {
    let running = &*context.session;
    let mut sessions: Vec<_> = context.shared.sessions.iter().chain([running]).collect();
    sessions.sort_unstable_by_key(|session| session.id);
    sessions
}

/// One line, as CLIENT LIST shows it.
fn describe(session: &Session, shared: &Shared, peers: &Peers, now: UnixMillis) -> String {
    let mut line = String::with_capacity(320);
    let peer = session.peer;
    let seconds_since = |at: UnixMillis| now.0.saturating_sub(at.0) / 1000;
    let queued = session.transaction.as_ref().map_or(-1, |transaction| transaction.queued.len() as i64);
    let queued_size: usize = session
        .transaction
        .iter()
        .flat_map(|transaction| transaction.queued.iter().map(warren_resp::OwnedArgs::size))
        .sum();
    let pending = peers.pending_bytes(peer);
    let command = session.last_command.map_or("NULL".into(), |row| row.full_name());
    let protocol = if session.protocol == Protocol::Resp2 { 2 } else { 3 };
    let written = writeln!(
        line,
        "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub={} psub={} ssub={} \
         multi={queued} qbuf=0 qbuf-free=0 argv-mem=0 multi-mem={queued_size} rbs=1024 rbp=0 obl={pending} \
         oll=0 omem={pending} tot-mem={} events=r cmd={command} user={} redir=-1 resp={protocol} \
         lib-name={} lib-ver={}",
        session.id,
        session.address,
        session.local_address,
        peer.index,
        String::from_utf8_lossy(&session.name),
        seconds_since(session.created_at),
        seconds_since(session.active_at),
        flags(session, shared),
        session.database,
        shared.pubsub.channels.of(peer).len(),
        shared.pubsub.patterns.of(peer).len(),
        shared.pubsub.shard_channels.of(peer).len(),
        std::mem::size_of::<Session>() + queued_size + pending,
        session.user,
        String::from_utf8_lossy(&session.library_name),
        String::from_utf8_lossy(&session.library_version),
    );
    written.expect("a String takes any text");
    line
}

fn flags(session: &Session, shared: &Shared) -> String {
    let rows = [
        (session.subscription_count > 0, 'P'),
        (session.transaction.is_some(), 'x'),
        (session.blocked.is_some(), 'b'),
        (shared.keyspace.notices.is_outdated(session.peer), 'd'),
        (session.no_evict, 'e'),
        (session.no_touch, 'T'),
    ];
    let flags: String = rows.into_iter().filter(|(is_set, _)| *is_set).map(|(_, letter)| letter).collect();
    if flags.is_empty() { "N".to_owned() } else { flags }
}
