//! Simulated clients: they speak real bytes, and remember what they asked for and what they were told.

pub mod amqp;
pub mod resp;

use crate::checker::Released;
use crate::checker::failure::Checked;
use amqp::AmqpSession;
use resp::RespSession;

pub enum Session {
    Resp(Box<RespSession>),
    Amqp(Box<AmqpSession>),
}

impl Session {
    /// Bytes that the client has not given to the network yet.
    pub fn output(&mut self) -> &mut Vec<u8> {
        match self {
            Session::Resp(session) => &mut session.output,
            Session::Amqp(session) => &mut session.output,
        }
    }

    /// The server lets these bytes go: every answer in them is checked.
    pub fn released(&mut self, bytes: &[u8], context: &mut Released<'_>) -> Checked {
        match self {
            Session::Resp(session) => session.released(bytes, context),
            Session::Amqp(session) => session.released(bytes, context),
        }
    }

    /// Requests without an answer yet.
    pub fn unanswered(&self) -> usize {
        match self {
            Session::Resp(session) => session.unanswered(),
            Session::Amqp(session) => session.unanswered(),
        }
    }
}
