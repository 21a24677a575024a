//! One connection: the client's side of it, the network between, and what an I/O loop knows of it.

use crate::client::Session;
use crate::client::amqp::AmqpSession;
use crate::client::resp::RespSession;
use warren_amqp::Assembler;
use warren_engine::PeerKind;
use warren_resp::Decoder;
use warren_units::{Outbox, PeerId};

pub enum Protocol {
    Resp(Decoder),
    Amqp(Assembler),
}

pub struct Link {
    pub client: usize,
    pub loop_index: usize,
    pub session: Session,
    pub protocol: Protocol,
    /// `None` until the loop has told the engine.
    pub peer: Option<PeerId>,
    /// Arrived at the server and not consumed.
    pub input: Vec<u8>,
    pub outbox: Outbox,
    /// Let go by the server and not taken by the network.
    pub unsent: usize,
    /// AMQP requests that the engine has got and not run, and when it began to postpone them.
    pub unexecuted: usize,
    pub postponed_at: u64,
    /// The client has gone, or the server lets it go.
    pub is_gone: bool,
    /// The client went by itself. The engine learns of it in the loop's next turn; until then it runs what the client
    /// has asked for.
    pub has_left: bool,
}

impl Link {
    pub fn open(client: usize, loop_index: usize, kind: PeerKind) -> Link {
        let (session, protocol) = match kind {
            PeerKind::Resp => {
                (Session::Resp(Box::<RespSession>::default()), Protocol::Resp(Decoder::default()))
            }
            PeerKind::Amqp => {
                let session = Session::Amqp(Box::new(AmqpSession::new(client)));
                (session, Protocol::Amqp(Assembler::server()))
            }
        };
        Link {
            client,
            loop_index,
            session,
            protocol,
            peer: None,
            input: Vec::new(),
            outbox: Outbox::new(),
            unsent: 0,
            unexecuted: 0,
            postponed_at: 0,
            is_gone: false,
            has_left: false,
        }
    }

    pub fn kind(&self) -> PeerKind {
        match self.protocol {
            Protocol::Resp(_) => PeerKind::Resp,
            Protocol::Amqp(_) => PeerKind::Amqp,
        }
    }

    /// The network brings up to `size` bytes of what the client has sent.
    pub fn carry(&mut self, size: usize) {
        let output = self.session.output();
        let size = size.min(output.len());
        self.input.extend(output.drain(..size));
    }
}
