//! What one connection still has to send.

use super::pool::Pool;
use super::{SEND_PIECES_MAX, SEND_SIZE_BYTES_MAX};
use std::collections::VecDeque;
use warren_units::Rope;

/// Ropes up to this size are copied behind the last one if that is short too: many small pushes to a slow
/// reader must not become many pieces.
const MERGED_SIZE_BYTES_MAX: usize = 4 * 1024;

#[derive(Default)]
pub struct SendQueue {
    ropes: VecDeque<Rope>,
    sent_of_first: usize,
    unsent: usize,
    /// Ropes at the front whose memory the kernel is reading: they stay as they are.
    lent: usize,
}

impl SendQueue {
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.ropes.is_empty()
    }

    #[inline]
    pub fn unsent_bytes(&self) -> usize {
        self.unsent
    }

    pub fn push(&mut self, mut rope: Rope, pool: &mut Pool) {
        if rope.is_empty() {
            pool.give_rope(rope);
            return;
        }
        self.unsent += rope.len();
        if self.ropes.len() > self.lent && rope.len() <= MERGED_SIZE_BYTES_MAX {
            let last = self.ropes.back_mut().expect("more ropes than are lent");
            if last.len() <= 4 * MERGED_SIZE_BYTES_MAX {
                last.append(&mut rope);
                pool.give_rope(rope);
                return;
            }
        }
        self.ropes.push_back(rope);
    }

    /// All that is queued, if it is one piece of moderate size.
    #[inline]
    pub fn single_piece(&self) -> Option<&[u8]> {
        let [rope] = self.ropes.as_slices().0 else { return None };
        if self.ropes.len() != 1 {
            return None;
        }
        let piece = &rope.as_plain()?[self.sent_of_first..];
        (piece.len() <= SEND_SIZE_BYTES_MAX).then_some(piece)
    }

    /// Shows the next pieces to send to `piece`, as many as one send may take; returns how many ropes they
    /// come from.
    pub fn pieces<'a>(&'a self, mut piece: impl FnMut(&'a [u8])) -> usize {
        let (mut count, mut size) = (0, 0);
        let mut skip = self.sent_of_first;
        for (position, rope) in self.ropes.iter().enumerate() {
            for chunk in rope.chunks(std::mem::take(&mut skip)) {
                let chunk = &chunk[..chunk.len().min(SEND_SIZE_BYTES_MAX - size)];
                piece(chunk);
                count += 1;
                size += chunk.len();
                if count == SEND_PIECES_MAX || size == SEND_SIZE_BYTES_MAX {
                    return position + 1;
                }
            }
        }
        self.ropes.len()
    }

    /// Marks the first `ropes` as read by the kernel, until [`SendQueue::advance`].
    pub fn lend(&mut self, ropes: usize) {
        self.lent = ropes;
    }

    /// `size` bytes have been sent and the kernel reads none of the rest.
    pub fn advance(&mut self, size: usize, pool: &mut Pool) {
        assert!(size <= self.unsent, "more was sent than queued");
        self.lent = 0;
        self.unsent -= size;
        self.sent_of_first += size;
        while let Some(first) = self.ropes.front() {
            if self.sent_of_first < first.len() {
                break;
            }
            self.sent_of_first -= first.len();
            let sent = self.ropes.pop_front().expect("there is a first");
            pool.give_rope(sent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn rope(bytes: &[u8]) -> Rope {
        let mut rope = Rope::new();
        rope.extend(bytes);
        rope
    }

    /// Takes everything out of the queue, `step` bytes at a time.
    fn drained(queue: &mut SendQueue, step: usize) -> Vec<u8> {
        let mut sent = Vec::new();
        let mut pool = Pool::default();
        while !queue.is_empty() {
            let mut next = Vec::new();
            queue.pieces(|piece| next.extend_from_slice(piece));
            assert!(!next.is_empty() && next.len() <= SEND_SIZE_BYTES_MAX);
            next.truncate(step);
            queue.advance(next.len(), &mut pool);
            sent.extend_from_slice(&next);
        }
        assert_eq!((queue.unsent_bytes(), queue.sent_of_first), (0, 0));
        sent
    }

    #[test]
    fn partial_sends_keep_every_byte_in_order() {
        for step in [1_000, 65_536, usize::MAX] {
            let mut queue = SendQueue::default();
            let mut pool = Pool::default();
            let mut all = Vec::new();
            let large = Bytes::from(vec![b'x'; SEND_SIZE_BYTES_MAX + 17]);
            for round in 0..40u8 {
                let mut next = rope(&vec![round; 100 * usize::from(round)]);
                if round % 16 == 3 {
                    next.extend_shared(&large);
                    next.extend(b"end");
                }
                all.extend(next.to_vec());
                queue.push(next, &mut pool);
            }
            assert_eq!(queue.unsent_bytes(), all.len());
            assert!(drained(&mut queue, step) == all, "step {step}");
        }
    }

    #[test]
    fn lent_ropes_are_not_appended_to() {
        let mut queue = SendQueue::default();
        let mut pool = Pool::default();
        queue.push(rope(b"one"), &mut pool);
        queue.push(rope(b"two"), &mut pool);
        assert_eq!(queue.single_piece(), Some(&b"onetwo"[..]));
        let place = queue.single_piece().map(<[u8]>::as_ptr);
        queue.lend(1);
        queue.push(rope(&[b'3'; 1000]), &mut pool);
        assert_eq!(queue.ropes.len(), 2);
        assert_eq!(queue.ropes[0].as_plain().map(<[u8]>::as_ptr), place);
        queue.advance(4, &mut pool);
        assert_eq!(&drained(&mut queue, usize::MAX)[..3], b"wo3");
    }
}
