//! One connection as its loop sees it: the decoder's state and the outputs that wait for their gates.

use crate::io::Token;
use warren_amqp::Assembler;
use warren_engine::PeerKind;
use warren_resp::{Decoder, Limits};
use warren_units::{Outbox, PeerId};

/// Decoder state by protocol.
pub enum Protocol {
    Resp(Decoder),
    Amqp(Assembler),
}

pub struct Connection {
    pub token: Token,
    /// The engine's name for it; `None` before the engine knows it and after it is gone.
    pub peer: Option<PeerId>,
    pub protocol: Protocol,
    /// What a RESP client may send.
    pub limits: Limits,
    /// Collected from the engine; leaves as its gates open.
    pub outbox: Outbox,
    /// To be closed once everything has left.
    pub is_ending: bool,
    /// In the list of connections whose outputs wait for the log.
    pub is_gated: bool,
    /// Its input has been decoded in this turn, and is not consumed yet: it must not be decoded again.
    pub is_decoded: bool,
    /// Not read from: the client is blocked and has sent enough already.
    pub is_paused: bool,
}

impl Connection {
    pub fn new(token: Token, kind: PeerKind) -> Connection {
        let protocol = match kind {
            PeerKind::Resp => Protocol::Resp(Decoder::default()),
            PeerKind::Amqp => Protocol::Amqp(Assembler::server()),
        };
        Connection {
            token,
            peer: None,
            protocol,
            limits: Limits::default(),
            outbox: Outbox::new(),
            is_ending: false,
            is_gated: false,
            is_decoded: false,
            is_paused: false,
        }
    }

    pub fn kind(&self) -> PeerKind {
        match self.protocol {
            Protocol::Resp(_) => PeerKind::Resp,
            Protocol::Amqp(_) => PeerKind::Amqp,
        }
    }
}
