//! A client's AMQP connection with one open channel: the opening and calls wait for their answers, the rest
//! goes by `receive` and `requests`.

use crate::bench::socket::Socket;
use warren_amqp::method::MethodRow;
use warren_amqp::methods::{
    ChannelOpen, ChannelOpenOk, ConnectionOpen, ConnectionOpenOk, ConnectionStart, ConnectionStartOk,
    ConnectionTune, ConnectionTuneOk, Method,
};
use warren_amqp::{Assembler, Incoming, MethodId, PROTOCOL_HEADER, ShortStr, encode};
use warren_units::Rope;

/// The one channel.
pub const CHANNEL: u16 = 1;
/// What every peer offers by default.
pub const FRAME_SIZE_BYTES_MAX: u32 = 131_072;
const CHANNEL_COUNT_MAX: u16 = 16;

pub struct Link {
    pub socket: Socket,
    assembler: Assembler,
    pub incoming: Vec<Incoming>,
}

impl Link {
    pub fn open(uri: &str) -> Result<Link, String> {
        let mut link =
            Link { socket: Socket::connect(uri)?, assembler: Assembler::client(), incoming: Vec::new() };
        link.socket.output.extend_from_slice(&PROTOCOL_HEADER);
        link.wait_for(ConnectionStart::ID)?;
        let start_ok = ConnectionStartOk {
            mechanism: ShortStr::literal("PLAIN"),
            response: b"\0guest\0guest",
            locale: ShortStr::literal("en_US"),
            ..ConnectionStartOk::default()
        };
        link.write(0, start_ok);
        link.wait_for(ConnectionTune::ID)?;
        let tuned = ConnectionTuneOk {
            channel_max: CHANNEL_COUNT_MAX,
            frame_max: FRAME_SIZE_BYTES_MAX,
            heartbeat: 0,
        };
        link.write(0, tuned);
        link.assembler.agree(FRAME_SIZE_BYTES_MAX, CHANNEL_COUNT_MAX);
        let open = ConnectionOpen { virtual_host: ShortStr::literal("/"), ..ConnectionOpen::default() };
        link.write(0, open);
        link.wait_for(ConnectionOpenOk::ID)?;
        link.write(CHANNEL, ChannelOpen::default());
        link.wait_for(ChannelOpenOk::ID)?;
        Ok(link)
    }

    fn write<'a>(&mut self, channel: u16, method: impl Into<Method<'a>>) {
        let mut rope = Rope::new();
        encode::method_frame(&mut rope, channel, method);
        self.socket.output.extend_from_slice(&rope.to_vec());
    }

    /// Sends a method and waits for its answer. Only before the socket is watched.
    pub fn call<'a>(&mut self, method: impl Into<Method<'a>>, answer: MethodId) -> Result<(), String> {
        self.write(CHANNEL, method);
        self.wait_for(answer)
    }

    fn wait_for(&mut self, wanted: MethodId) -> Result<(), String> {
        self.socket.flush()?;
        loop {
            self.socket.receive()?;
            let size = self.assemble()?;
            let input = self.socket.unread();
            let mut is_answered = false;
            for incoming in self.incoming.drain(..) {
                if let Incoming::Method { method, .. } = incoming {
                    is_answered |= check(method.of(input))? == wanted;
                }
            }
            self.socket.consume(size);
            if is_answered {
                return Ok(());
            }
        }
    }

    /// Cuts what was received into `incoming`; its spans hold until the size returned is consumed.
    pub fn assemble(&mut self) -> Result<usize, String> {
        let fed = self.assembler.feed(self.socket.unread(), 0, &mut self.incoming);
        match fed.fault {
            None => Ok(fed.consumed_to),
            Some(fault) => Err(format!("cannot read what the server sent: {fault:?}")),
        }
    }
}

/// The method's id, unless the server closes something by it.
pub fn check(payload: &[u8]) -> Result<MethodId, String> {
    match Method::decode(payload) {
        Ok(Method::ConnectionClose(close)) => Err(format!("the server closed: {:?}", close.reply_text)),
        Ok(Method::ChannelClose(close)) => Err(format!("the server closed: {:?}", close.reply_text)),
        Ok(method) => Ok(method.id()),
        Err(error) => Err(error.reply_text()),
    }
}
