//! What a turn's connections have sent: decoded before the engine is entered, executed inside.

use super::connection::Protocol;
use super::{Connection, EventLoop};
use crate::io::Token;
use warren_amqp::{Assembler, Fault, Incoming, Method};
use warren_engine::Engine;
use warren_engine::broker::{Content, Request};
use warren_resp::{Commands, Decoder, Limits, ProtocolError};
use warren_units::PeerId;
use warren_units::bounds::TURN_COMMAND_COUNT_MAX;

/// A large string counts as coming once this much of it is there: room in the log is then made for it ahead.
const TRUST_SIZE_BYTES: usize = 1024 * 1024;

/// What one connection sent.
pub struct Decoded {
    pub token: Token,
    pub peer: PeerId,
    pub requests: Requests,
    /// Bytes of input that the requests take.
    pub consumed: usize,
    /// What a large string on its way still lacks.
    pub missing: usize,
    pub fault: Option<RequestFault>,
}

/// Requests as places in the connection's input.
pub enum Requests {
    Resp(Commands),
    Amqp(Vec<Incoming>),
}

pub enum RequestFault {
    Resp(ProtocolError),
    Amqp(Fault),
}

impl EventLoop {
    /// Decodes what has arrived, without the engine. Connections with more input than one turn takes are
    /// noted for the next one.
    pub(super) fn decode(&mut self) {
        let mut received = std::mem::take(&mut self.work.received);
        for token in received.drain(..) {
            let Some(connection) = self.connections.get_mut(token.slot()).and_then(Option::as_mut) else {
                continue;
            };
            if connection.token != token || connection.is_ending || connection.is_decoded {
                continue;
            }
            // A connection that the engine does not know yet was accepted in this turn: next turn.
            let Some(peer) = connection.peer else {
                self.work.received.push(token);
                continue;
            };
            let Some(input) = self.driver.input(token) else { continue };
            let data = input.data();
            let spare = self.work.spare.pop();
            connection.is_decoded = true;
            let limits = connection.limits;
            // What a client may send depends on whether it has authenticated by then: one request at a time.
            let count_max = if limits.authenticated { TURN_COMMAND_COUNT_MAX } else { 1 };
            let decoded = match &mut connection.protocol {
                Protocol::Resp(decoder) => {
                    let decoded = decode_resp(token, peer, decoder, data, spare, count_max, limits);
                    let (arrived, missing) = (decoder.arrived_bytes(), decoded.missing);
                    if arrived >= TRUST_SIZE_BYTES {
                        self.core.want_room(arrived + missing);
                    }
                    decoded
                }
                Protocol::Amqp(assembler) => decode_amqp(token, peer, assembler, data, spare),
            };
            if decoded.requests.len() >= count_max {
                self.work.received.push(token);
            }
            self.work.decoded.push(decoded);
        }
        if self.work.received.is_empty() {
            self.work.received = received;
        }
    }
}

impl Connection {
    /// Whether the client has authenticated decides how much it may send.
    pub fn set_authenticated(&mut self, authenticated: bool) {
        self.limits.authenticated = authenticated;
    }
}

impl Requests {
    pub fn len(&self) -> usize {
        match self {
            Requests::Resp(commands) => commands.len(),
            Requests::Amqp(incoming) => incoming.len(),
        }
    }

    /// Bytes of the large strings and bodies among them, which may have come in earlier turns.
    pub fn shared_size(&self) -> usize {
        match self {
            Requests::Resp(commands) => commands.shared_size(),
            Requests::Amqp(incoming) => incoming.iter().map(owned_size).sum(),
        }
    }

    pub fn cleared(&mut self) -> Requests {
        let mut requests = std::mem::replace(self, Requests::Amqp(Vec::new()));
        match &mut requests {
            Requests::Resp(commands) => commands.clear(),
            Requests::Amqp(incoming) => incoming.clear(),
        }
        requests
    }
}

fn owned_size(request: &Incoming) -> usize {
    match request {
        Incoming::Content(content) => content.owned_size(),
        _ => 0,
    }
}

fn decode_resp(
    token: Token,
    peer: PeerId,
    decoder: &mut Decoder,
    data: &[u8],
    spare: Option<Requests>,
    count_max: usize,
    limits: Limits,
) -> Decoded {
    let mut commands = match spare {
        Some(Requests::Resp(commands)) => commands,
        _ => Commands::default(),
    };
    let (consumed, result) = decoder.decode(data, &mut commands, count_max, limits);
    let fault = result.err().map(RequestFault::Resp);
    Decoded {
        token,
        peer,
        requests: Requests::Resp(commands),
        consumed,
        missing: decoder.missing_bytes(),
        fault,
    }
}

fn decode_amqp(
    token: Token,
    peer: PeerId,
    assembler: &mut Assembler,
    data: &[u8],
    spare: Option<Requests>,
) -> Decoded {
    let mut incoming = match spare {
        Some(Requests::Amqp(incoming)) => incoming,
        _ => Vec::new(),
    };
    let fed = assembler.feed(data, 0, &mut incoming);
    let fault = fed.fault.map(RequestFault::Amqp);
    Decoded { token, peer, requests: Requests::Amqp(incoming), consumed: fed.consumed_to, missing: 0, fault }
}

/// Runs one AMQP request whose parts lie in `data`.
pub fn receive_amqp(engine: &mut Engine, peer: PeerId, data: &[u8], incoming: &Incoming) {
    let request = match incoming {
        Incoming::ProtocolHeader => Request::ProtocolHeader,
        Incoming::Heartbeat => Request::Heartbeat,
        Incoming::Method { channel, method } => match Method::decode(method.of(data)) {
            Ok(method) => Request::Method { channel: *channel, method, content: None },
            Err(error) => return engine.refuse_amqp(peer, &error),
        },
        Incoming::Content(content) => match Method::decode(content.method(data)) {
            Ok(method) => Request::Method {
                channel: content.channel,
                method,
                content: Some(Content { properties: content.properties(data), body: content.body(data) }),
            },
            Err(error) => return engine.refuse_amqp(peer, &error),
        },
        Incoming::Oversized { channel, method, size } => {
            Request::Oversized { channel: *channel, method: *method, size_bytes: *size }
        }
    };
    engine.receive_amqp(peer, request);
}
