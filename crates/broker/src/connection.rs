//! One connection: how far its handshake is, what was agreed, and its channels.

use crate::arguments::Arguments;
use crate::queue::QueueRef;
use std::sync::Arc;
use warren_units::{PeerId, UnixMillis};

/// What the loop knows about a connection when it opens.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct PeerInfo {
    pub address: String,
    pub port: u16,
    pub local_address: String,
    pub local_port: u16,
    pub tls: bool,
}

/// Which request may come next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    ProtocolHeader,
    StartOk,
    TuneOk,
    Open,
    Running,
    /// We sent connection.close: only close and close-ok count.
    Closing,
}

/// A channel number in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChannelSlot {
    Free,
    /// Key of the channel.
    Open(u32),
    /// We sent channel.close: until close-ok everything on it is passed over.
    Closing,
}

pub struct Connection {
    pub peer: PeerId,
    pub info: PeerInfo,
    pub phase: Phase,
    pub user: Arc<str>,
    pub vhost: u32,
    pub frame_max: u32,
    pub channel_max: u16,
    /// 0 for none.
    pub heartbeat_seconds: u16,
    pub connected_at: UnixMillis,
    pub received_at: UnixMillis,
    pub client_properties: Arguments,
    pub wants_cancel_notify: bool,
    pub wants_blocked_notify: bool,
    pub wants_authentication_failure_close: bool,
    /// They go with it.
    pub exclusive_queues: Vec<QueueRef>,
    channels: Vec<ChannelSlot>,
    open_count: usize,
}

impl Connection {
    pub fn new(peer: PeerId, info: PeerInfo, now: UnixMillis) -> Connection {
        Connection {
            peer,
            info,
            phase: Phase::ProtocolHeader,
            user: Arc::from(""),
            vhost: 0,
            frame_max: 0,
            channel_max: 0,
            heartbeat_seconds: 0,
            connected_at: now,
            received_at: now,
            client_properties: Arguments::default(),
            wants_cancel_notify: false,
            wants_blocked_notify: false,
            wants_authentication_failure_close: false,
            exclusive_queues: Vec::new(),
            channels: Vec::new(),
            open_count: 0,
        }
    }

    #[inline]
    pub fn channel(&self, number: u16) -> ChannelSlot {
        self.channels.get(usize::from(number)).copied().unwrap_or(ChannelSlot::Free)
    }

    pub fn set_channel(&mut self, number: u16, slot: ChannelSlot) {
        let index = usize::from(number);
        if index >= self.channels.len() {
            self.channels.resize(index + 1, ChannelSlot::Free);
        }
        let is_open = |slot| usize::from(matches!(slot, ChannelSlot::Open(_)));
        self.open_count = self.open_count + is_open(slot) - is_open(self.channels[index]);
        self.channels[index] = slot;
    }

    /// Keys of its open channels, by number.
    pub fn open_channels(&self) -> impl Iterator<Item = u32> {
        self.channels.iter().filter_map(|slot| match slot {
            ChannelSlot::Open(key) => Some(*key),
            _ => None,
        })
    }

    pub fn channel_count(&self) -> usize {
        self.open_count
    }

    /// How management and logs name it.
    pub fn name(&self) -> String {
        let info = &self.info;
        format!("{}:{} -> {}:{}", info.address, info.port, info.local_address, info.local_port)
    }
}
