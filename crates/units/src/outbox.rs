//! Outputs on their way to one connection, each with the *gate* that must open before it may leave.

use crate::numbers::Lsn;
use crate::rope::Rope;
use std::collections::VecDeque;

/// How far the log is: the end of its contiguous written prefix, and of the synced one.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Progress {
    pub written: Lsn,
    pub synced: Lsn,
}

/// What must be in the log before an output may leave: records up to `written` handed to the kernel, and
/// records up to `synced` on stable storage. `Gate::default()` is open.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Gate {
    pub written: Lsn,
    pub synced: Lsn,
}

impl Gate {
    pub const OPEN: Gate = Gate { written: Lsn::NONE, synced: Lsn::NONE };

    pub fn written(lsn: Lsn) -> Gate {
        Gate { written: lsn, synced: Lsn::NONE }
    }

    pub fn synced(lsn: Lsn) -> Gate {
        Gate { written: Lsn::NONE, synced: lsn }
    }

    #[inline]
    pub fn is_open(self, progress: Progress) -> bool {
        self.written <= progress.written && self.synced <= progress.synced
    }

    /// The stricter of both.
    #[inline]
    pub fn and(self, other: Gate) -> Gate {
        Gate { written: self.written.max(other.written), synced: self.synced.max(other.synced) }
    }
}

/// Encoded outputs of one connection in the order they leave. Gates only ever tighten along it.
#[derive(Default, Debug)]
pub struct Outbox {
    rope: Rope,
    /// (size of the outbox up to and including the gated output, gate), both ascending.
    gates: VecDeque<(usize, Gate)>,
}

impl Outbox {
    pub fn new() -> Outbox {
        Outbox::default()
    }

    /// Where encoders append. Call [`Outbox::close_gate`] once the output is complete.
    #[inline]
    pub fn rope_mut(&mut self) -> &mut Rope {
        &mut self.rope
    }

    #[inline]
    pub fn rope(&self) -> &Rope {
        &self.rope
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.rope.len()
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.rope.is_empty()
    }

    /// Everything appended so far waits for `gate` (and for every gate before it).
    #[inline]
    pub fn close_gate(&mut self, gate: Gate) {
        let end = self.rope.len();
        match self.gates.back_mut() {
            Some((last_end, last)) => {
                let gate = last.and(gate);
                if *last == gate || *last_end == end {
                    (*last_end, *last) = (end, gate);
                } else {
                    self.gates.push_back((end, gate));
                }
            }
            None if gate == Gate::OPEN => {}
            None => self.gates.push_back((end, gate)),
        }
    }

    /// Moves all of `other` behind this outbox; `other` is empty afterwards.
    pub fn append(&mut self, other: &mut Outbox) {
        if self.is_empty() && self.gates.is_empty() {
            std::mem::swap(self, other);
            return;
        }
        let base = self.rope.len();
        self.rope.append(&mut other.rope);
        for (end, gate) in other.gates.drain(..) {
            let gate = self.gates.back().map_or(gate, |(_, last)| last.and(gate));
            self.gates.push_back((base + end, gate));
        }
    }

    /// Size in bytes of the front part whose gates are open.
    #[inline]
    pub fn releasable(&self, progress: Progress) -> usize {
        match self.gates.back() {
            None => self.rope.len(),
            Some((_, last)) if last.is_open(progress) => self.rope.len(),
            Some(_) => {
                // The bytes before the first closed gate's output may go. Where a gated output begins is
                // where the one before it ends.
                let closed = self.gates.iter().position(|(_, gate)| !gate.is_open(progress));
                match closed {
                    Some(0) | None => 0,
                    Some(position) => self.gates[position - 1].0,
                }
            }
        }
    }

    /// Takes what may leave now. Empty when the first gate is closed.
    pub fn release(&mut self, progress: Progress) -> Rope {
        let size = self.releasable(progress);
        if size == self.rope.len() {
            self.gates.clear();
            return std::mem::take(&mut self.rope);
        }
        if size == 0 {
            return Rope::new();
        }
        while self.gates.front().is_some_and(|(end, _)| *end <= size) {
            self.gates.pop_front();
        }
        for (end, _) in &mut self.gates {
            *end -= size;
        }
        self.rope.split_to(size)
    }

    /// The newest gate: what the last output waits for.
    pub fn newest_gate(&self) -> Gate {
        self.gates.back().map_or(Gate::OPEN, |(_, gate)| *gate)
    }

    /// Gives back an empty rope whose memory the next outputs may use.
    pub fn recycle(&mut self, rope: Rope) {
        debug_assert!(rope.is_empty());
        if self.rope.is_empty() {
            self.rope = rope;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_leave_in_order_and_only_through_open_gates() {
        let mut outbox = Outbox::new();
        outbox.rope_mut().extend(b"free");
        outbox.close_gate(Gate::OPEN);
        assert_eq!(outbox.releasable(Progress::default()), 4);
        let mut outbox = Outbox::new();
        outbox.rope_mut().extend(b"one");
        outbox.close_gate(Gate::written(Lsn(1)));
        outbox.rope_mut().extend(b"two!");
        outbox.close_gate(Gate::synced(Lsn(2)));
        outbox.rope_mut().extend(b"three");
        outbox.close_gate(Gate::written(Lsn(1))); // stays behind "two!"
        assert!(outbox.release(Progress::default()).is_empty());
        let written = Progress { written: Lsn(2), synced: Lsn(1) };
        assert_eq!(outbox.release(written).to_vec(), b"one");
        assert!(outbox.release(written).is_empty());
        assert_eq!(outbox.release(Progress { written: Lsn(2), synced: Lsn(2) }).to_vec(), b"two!three");
        assert!(outbox.is_empty());
    }

    #[test]
    fn append_keeps_gates() {
        let mut first = Outbox::new();
        first.rope_mut().extend(b"a");
        first.close_gate(Gate::synced(Lsn(1)));
        let mut second = Outbox::new();
        second.rope_mut().extend(b"bc");
        second.close_gate(Gate::synced(Lsn(3)));
        first.append(&mut second);
        assert!(second.is_empty());
        assert_eq!(first.release(Progress { written: Lsn(3), synced: Lsn(2) }).to_vec(), b"a");
        assert_eq!(first.releasable(Progress { written: Lsn(3), synced: Lsn(2) }), 0);
        assert_eq!(first.release(Progress { written: Lsn(3), synced: Lsn(3) }).to_vec(), b"bc");
    }
}
