//! Who is subscribed to which channel and pattern. Volatile.

use hashbrown::HashMap;
use warren_units::PeerId;

/// Subscriptions of one kind (channels, or patterns), both ways round.
#[derive(Default)]
pub struct Subscriptions {
    by_name: HashMap<Vec<u8>, Vec<PeerId>>,
    by_peer: HashMap<PeerId, Vec<Vec<u8>>>,
}

impl Subscriptions {
    /// Answers false where the peer was subscribed already.
    pub fn add(&mut self, peer: PeerId, name: &[u8]) -> bool {
        let peers = self.by_name.entry(name.to_vec()).or_default();
        if peers.contains(&peer) {
            return false;
        }
        peers.push(peer);
        self.by_peer.entry(peer).or_default().push(name.to_vec());
        true
    }

    /// Answers false where the peer was not subscribed.
    pub fn remove(&mut self, peer: PeerId, name: &[u8]) -> bool {
        let Some(names) = self.by_peer.get_mut(&peer) else { return false };
        let Some(position) = names.iter().position(|subscribed| subscribed == name) else { return false };
        names.remove(position);
        if names.is_empty() {
            self.by_peer.remove(&peer);
        }
        if let Some(peers) = self.by_name.get_mut(name) {
            peers.retain(|subscribed| *subscribed != peer);
            if peers.is_empty() {
                self.by_name.remove(name);
            }
        }
        true
    }

    /// What the peer is subscribed to, in the order it subscribed.
    pub fn of(&self, peer: PeerId) -> &[Vec<u8>] {
        self.by_peer.get(&peer).map_or(&[], Vec::as_slice)
    }

    pub fn subscribers(&self, name: &[u8]) -> &[PeerId] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// All names with their subscribers.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[PeerId])> {
        self.by_name.iter().map(|(name, peers)| (name.as_slice(), peers.as_slice()))
    }

    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

/// Channels, patterns, and the channels of sharded pub/sub, which are a name space of their own.
#[derive(Default)]
pub struct PubSub {
    pub channels: Subscriptions,
    pub patterns: Subscriptions,
    pub shard_channels: Subscriptions,
}

impl PubSub {
    /// Subscriptions of both kinds: what SUBSCRIBE replies count.
    pub fn count(&self, peer: PeerId) -> usize {
        self.channels.of(peer).len() + self.patterns.of(peer).len()
    }

    /// The client has gone.
    pub fn forget(&mut self, peer: PeerId) {
        for subscriptions in [&mut self.channels, &mut self.patterns, &mut self.shard_channels] {
            for name in subscriptions.of(peer).to_vec() {
                subscriptions.remove(peer, &name);
            }
        }
    }
}
