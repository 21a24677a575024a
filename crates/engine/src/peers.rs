//! Connections: which protocol each speaks.

use crate::engine::Engine;
use std::net::SocketAddr;
use warren_broker::PeerInfo;
use warren_units::{LoopId, PeerId};

/// The protocol of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PeerKind {
    Resp,
    Amqp,
}

/// Both ends of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Address {
    pub remote: SocketAddr,
    pub local: SocketAddr,
}

impl Engine {
    /// A connection was accepted by a loop.
    pub fn connect(&mut self, kind: PeerKind, loop_id: LoopId, address: Address) -> PeerId {
        let peer = self.peers.open(loop_id);
        let (cache, broker, mut step) = self.parts();
        match kind {
            PeerKind::Resp => {
                cache.open(&step, peer, address.remote.to_string(), address.local.to_string());
            }
            PeerKind::Amqp => {
                let info = PeerInfo {
                    address: address.remote.ip().to_string(),
                    port: address.remote.port(),
                    local_address: address.local.ip().to_string(),
                    local_port: address.local.port(),
                    tls: false,
                };
                broker.open(&mut step, peer, info);
            }
        }
        peer
    }

    /// A connection is gone.
    pub fn disconnect(&mut self, kind: PeerKind, peer: PeerId) {
        let (cache, broker, mut step) = self.parts();
        match kind {
            PeerKind::Resp => cache.closed(peer),
            PeerKind::Amqp => broker.closed(&mut step, peer),
        }
        self.end_step();
        self.peers.close(peer);
    }

    /// The loop has `unsent` bytes of the connection's outputs that the socket has not taken.
    pub fn set_unsent(&mut self, kind: PeerKind, peer: PeerId, unsent: usize) {
        let is_drained = self.peers.set_unsent(peer, unsent);
        if is_drained && kind == PeerKind::Amqp {
            let (_, broker, mut step) = self.parts();
            broker.drained(&mut step, peer);
            self.end_step();
        }
    }
}
