//! The outboxes of all connections, and which of them have something new for their loop.
//!
//! Handlers write the outputs of *any* connection here: replies to the one that asked, deliveries and
//! wake-ups to others. At the end of its turn each loop collects what is dirty among its own.

use crate::bounds::{OUTBOX_SIZE_BYTES_HIGH, OUTBOX_SIZE_BYTES_LOW};
use crate::numbers::{LoopId, PeerId};
use crate::outbox::{Gate, Outbox};
use crate::rope::Rope;

/// How a connection ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Ending {
    No,
    /// Once all its outputs have left.
    AfterOutputs,
    /// Now: what has not left never will.
    AtOnce,
}

/// One connection as the engine sees it.
#[derive(Debug)]
struct Slot {
    generation: u32,
    open: bool,
    dirty: bool,
    ending: Ending,
    loop_id: LoopId,
    outbox: Outbox,
    /// Bytes already collected by the loop and not yet taken by the socket.
    unsent: usize,
}

/// All connections of all loops.
#[derive(Default, Debug)]
pub struct Peers {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Indexes of peers with new outputs, by loop.
    dirty: Vec<Vec<u32>>,
}

/// What a loop collects for one of its connections.
pub struct Collected<'a> {
    pub peer: PeerId,
    pub outbox: &'a mut Outbox,
    pub ending: Ending,
}

impl Peers {
    /// `loop_count` loops will collect.
    pub fn new(loop_count: usize) -> Peers {
        Peers { dirty: vec![Vec::new(); loop_count], ..Peers::default() }
    }

    pub fn open(&mut self, loop_id: LoopId) -> PeerId {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                generation: 0,
                open: false,
                dirty: false,
                ending: Ending::No,
                loop_id,
                outbox: Outbox::new(),
                unsent: 0,
            });
            self.slots.len() as u32 - 1
        });
        let slot = &mut self.slots[index as usize];
        (slot.open, slot.ending, slot.loop_id, slot.unsent) = (true, Ending::No, loop_id, 0);
        PeerId { index, generation: slot.generation }
    }

    /// Forgets the connection; later outputs to it go nowhere.
    pub fn close(&mut self, peer: PeerId) {
        let Some(slot) = self.slot_mut(peer) else { return };
        slot.open = false;
        slot.generation = slot.generation.wrapping_add(1);
        slot.outbox = Outbox::new();
        self.free.push(peer.index);
    }

    #[inline]
    pub fn is_open(&self, peer: PeerId) -> bool {
        self.slots
            .get(peer.index as usize)
            .is_some_and(|slot| slot.open && slot.generation == peer.generation)
    }

    #[inline]
    fn slot_mut(&mut self, peer: PeerId) -> Option<&mut Slot> {
        self.slots.get_mut(peer.index as usize).filter(|slot| slot.open && slot.generation == peer.generation)
    }

    /// The peer's outbox, marked for collection; `None` if the peer is gone.
    #[inline]
    pub fn outbox(&mut self, peer: PeerId) -> Option<&mut Outbox> {
        let slot = self.slots.get_mut(peer.index as usize)?;
        if !slot.open || slot.generation != peer.generation {
            return None;
        }
        if !slot.dirty {
            slot.dirty = true;
            self.dirty[slot.loop_id.0 as usize].push(peer.index);
        }
        Some(&mut slot.outbox)
    }

    /// Writes one complete output behind `gate`; nothing happens if the peer is gone.
    #[inline]
    pub fn output(&mut self, peer: PeerId, gate: Gate, encode: impl FnOnce(&mut Rope)) {
        if let Some(outbox) = self.outbox(peer) {
            encode(outbox.rope_mut());
            outbox.close_gate(gate);
        }
    }

    /// Bytes on their way to the peer: in the outbox and unsent at its loop.
    #[inline]
    pub fn pending_bytes(&self, peer: PeerId) -> usize {
        let slot = &self.slots[peer.index as usize];
        slot.outbox.len() + slot.unsent
    }

    /// False once so much is on its way that no further delivery should be made (decision 7).
    #[inline]
    pub fn has_credit(&self, peer: PeerId) -> bool {
        self.pending_bytes(peer) < OUTBOX_SIZE_BYTES_HIGH
    }

    /// The loop says how many collected bytes the socket has not taken yet. Answers whether the peer has
    /// just come down to low water: what was held back for want of credit may go on.
    pub fn set_unsent(&mut self, peer: PeerId, bytes: usize) -> bool {
        let Some(slot) = self.slot_mut(peer) else { return false };
        let before = slot.outbox.len() + slot.unsent;
        slot.unsent = bytes;
        before > OUTBOX_SIZE_BYTES_LOW && slot.outbox.len() + bytes <= OUTBOX_SIZE_BYTES_LOW
    }

    /// Close the connection once its outputs have left. Further requests from it are dropped.
    pub fn end(&mut self, peer: PeerId) {
        self.end_as(peer, Ending::AfterOutputs);
    }

    /// Close the connection at once and throw away what is on its way to it.
    pub fn cut(&mut self, peer: PeerId) {
        if let Some(outbox) = self.outbox(peer) {
            *outbox = Outbox::new();
            self.end_as(peer, Ending::AtOnce);
        }
    }

    fn end_as(&mut self, peer: PeerId, ending: Ending) {
        if self.outbox(peer).is_some() {
            let slot = &mut self.slots[peer.index as usize];
            slot.ending = slot.ending.max(ending);
        }
    }

    pub fn is_ending(&self, peer: PeerId) -> bool {
        self.slots.get(peer.index as usize).is_some_and(|slot| slot.ending != Ending::No)
    }

    /// Hands every peer of `loop_id` with new outputs to `take`, which should empty its outbox.
    pub fn collect(&mut self, loop_id: LoopId, mut take: impl FnMut(Collected<'_>)) {
        let mut dirty = std::mem::take(&mut self.dirty[loop_id.0 as usize]);
        for index in dirty.drain(..) {
            let slot = &mut self.slots[index as usize];
            slot.dirty = false;
            if slot.open {
                let peer = PeerId { index, generation: slot.generation };
                let size = slot.outbox.len();
                take(Collected { peer, outbox: &mut slot.outbox, ending: slot.ending });
                slot.unsent += size - slot.outbox.len();
            }
        }
        self.dirty[loop_id.0 as usize] = dirty;
    }

    /// Loops other than `own` that have outputs to collect.
    pub fn loops_to_wake(&self, own: LoopId) -> impl Iterator<Item = LoopId> + '_ {
        let waiting = self.dirty.iter().enumerate().filter(|(_, dirty)| !dirty.is_empty());
        waiting.map(|(index, _)| LoopId(index as u16)).filter(move |loop_id| *loop_id != own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_reach_the_loop_of_their_peer_once() {
        let mut peers = Peers::new(2);
        let (one, two) = (peers.open(LoopId(0)), peers.open(LoopId(1)));
        peers.output(one, Gate::OPEN, |rope| rope.extend(b"a"));
        peers.output(two, Gate::OPEN, |rope| rope.extend(b"b"));
        peers.output(one, Gate::OPEN, |rope| rope.extend(b"c"));
        assert_eq!(peers.loops_to_wake(LoopId(0)).collect::<Vec<_>>(), [LoopId(1)]);
        let mut seen = Vec::new();
        peers.collect(LoopId(0), |collected| {
            seen.push((collected.peer, std::mem::take(collected.outbox).rope().to_vec()));
        });
        assert_eq!(seen, [(one, b"ac".to_vec())]);
        peers.collect(LoopId(0), |_| panic!("nothing is dirty any more"));
    }

    #[test]
    fn who_is_cut_gets_nothing_more_and_is_collected_as_such() {
        let mut peers = Peers::new(1);
        let peer = peers.open(LoopId(0));
        peers.output(peer, Gate::OPEN, |rope| rope.extend(b"never sent"));
        peers.cut(peer);
        peers.end(peer);
        let mut endings = Vec::new();
        peers.collect(LoopId(0), |collected| endings.push((collected.outbox.len(), collected.ending)));
        assert_eq!(endings, [(0, Ending::AtOnce)]);
    }

    #[test]
    fn a_closed_peer_gets_nothing_and_its_slot_is_used_again() {
        let mut peers = Peers::new(1);
        let old = peers.open(LoopId(0));
        peers.output(old, Gate::OPEN, |rope| rope.extend(b"lost"));
        peers.close(old);
        let new = peers.open(LoopId(0));
        assert_eq!(new.index, old.index);
        assert!(peers.outbox(old).is_none());
        assert_eq!(peers.pending_bytes(new), 0);
        assert!(!peers.is_open(old) && peers.is_open(new));
    }
}
