//! What the cache remembers of one RESP connection. Volatile: no effect ever names it.

use crate::lookup::Row;
use std::collections::VecDeque;
use warren_resp::OwnedArgs;
use warren_resp::Protocol;
use warren_units::{PeerId, UnixMillis};

/// The state of one client.
pub struct Session {
    /// What CLIENT ID answers.
    pub id: u64,
    pub peer: PeerId,
    pub address: String,
    pub local_address: String,
    pub name: Vec<u8>,
    pub library_name: Vec<u8>,
    pub library_version: Vec<u8>,
    pub user: String,
    pub authenticated: bool,
    pub protocol: Protocol,
    pub database: u8,
    pub created_at: UnixMillis,
    pub active_at: UnixMillis,
    /// `None` before the first.
    pub last_command: Option<Row>,
    pub no_evict: bool,
    pub no_touch: bool,
    pub transaction: Option<Transaction>,
    pub blocked: Option<Blocked>,
    /// Requests that arrived while the client was blocked.
    pub waiting_requests: VecDeque<OwnedArgs>,
    /// Channels and patterns subscribed to; RESP2 clients with any are in subscriber mode.
    pub subscription_count: usize,
    pub reply_mode: ReplyMode,
}

/// CLIENT REPLY.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReplyMode {
    On,
    Off,
    /// The next command is silent (`CLIENT REPLY SKIP`, set by the command itself).
    SkipNext,
}

/// Between MULTI and EXEC.
#[derive(Default, Debug)]
pub struct Transaction {
    pub queued: Vec<OwnedArgs>,
    /// A command was refused while queueing: EXEC answers EXECABORT.
    pub aborted: bool,
}

/// A blocked client: the command runs again whenever one of its keys may serve it.
#[derive(Debug)]
pub struct Blocked {
    pub command: OwnedArgs,
    pub database: u8,
    pub keys: Vec<Vec<u8>>,
    /// `None`: for ever.
    pub deadline: Option<UnixMillis>,
    /// What the client gets at the deadline.
    pub on_timeout: OnTimeout,
}

/// The reply of a blocking command whose time is up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnTimeout {
    NullArray,
    Zero,
    /// The command did no more than wait (DEBUG SLEEP).
    Ok,
    /// It was held back (CLIENT PAUSE): the command runs then.
    Run,
}

impl Session {
    pub fn new(id: u64, peer: PeerId, address: String, local_address: String, now: UnixMillis) -> Session {
        Session {
            id,
            peer,
            address,
            local_address,
            name: Vec::new(),
            library_name: Vec::new(),
            library_version: Vec::new(),
            user: "default".to_owned(),
            authenticated: true,
            protocol: Protocol::Resp2,
            database: 0,
            created_at: now,
            active_at: now,
            last_command: None,
            no_evict: false,
            no_touch: false,
            transaction: None,
            blocked: None,
            waiting_requests: VecDeque::new(),
            subscription_count: 0,
            reply_mode: ReplyMode::On,
        }
    }
}
