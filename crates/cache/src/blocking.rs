//! Blocked clients: timeouts of BLPOP and its like.

use crate::command::CommandError;
use crate::context::Shared;
use crate::parse;
use crate::session::OnTimeout;
use crate::sessions::Sessions;
use warren_resp::{Protocol, Reply};
use warren_units::{PeerId, UnixMillis};

/// Reads a timeout in seconds as BLPOP takes it, a decimal number; `None` is for ever.
///
/// # Errors
/// Redis's texts for what is no number, negative or too large.
pub fn deadline(text: &[u8], now: UnixMillis) -> Result<Option<UnixMillis>, CommandError> {
    let seconds =
        parse::float(text).ok_or(CommandError::fixed("ERR timeout is not a float or out of range"))?;
    let milliseconds = (seconds * 1000.0).ceil();
    if milliseconds > i64::MAX as f64 || milliseconds.is_infinite() {
        return Err(CommandError::fixed("ERR timeout is out of range"));
    }
    if milliseconds < 0.0 {
        return Err(CommandError::fixed("ERR timeout is negative"));
    }
    Ok((milliseconds > 0.0).then(|| now.saturating_add(milliseconds as u64)))
}

/// Clients whose waiting ends at `now`.
pub fn timed_out(sessions: &Sessions, now: UnixMillis) -> Vec<PeerId> {
    let blocked =
        sessions.iter().filter_map(|session| Some((session.peer, session.blocked.as_ref()?.deadline?)));
    blocked.filter(|(_, deadline)| *deadline <= now).map(|(peer, _)| peer).collect()
}

/// The next end of a client's waiting.
pub fn next_deadline(sessions: &Sessions) -> Option<UnixMillis> {
    sessions.iter().filter_map(|session| session.blocked.as_ref()?.deadline).min()
}

/// Ends a client's waiting with the reply of its timeout.
pub fn time_out(shared: &mut Shared, peer: PeerId, output: impl FnOnce(Protocol, &dyn Fn(&mut Reply<'_>))) {
    let Some(session) = shared.sessions.get_mut(peer) else { return };
    let Some(blocked) = session.blocked.take() else { return };
    let protocol = session.protocol;
    shared.keyspace.notices.stop_waiting(peer, blocked.database, &blocked.keys);
    output(protocol, &|reply| match blocked.on_timeout {
        OnTimeout::Null => reply.null(),
        OnTimeout::NullArray => reply.null_array(),
        OnTimeout::Zero => reply.integer(0),
        OnTimeout::Ok => reply.ok(),
        OnTimeout::Run => {}
    });
    if blocked.on_timeout == OnTimeout::Run {
        session.waiting_requests.push_front(blocked.command);
    }
}
