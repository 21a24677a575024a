//! What a connection has received and nobody has decoded yet.

use super::pool::Pool;

/// Room that is made for one read when nothing is known about what comes.
const ROOM_BYTES_MIN: usize = 4 * 1024;
/// Once this much of an announced value has arrived, room is made for all of it. Before, room grows with
/// what arrives: an announcement alone costs the peer nothing and must cost us nothing.
const TRUST_SIZE_BYTES: usize = 1024 * 1024;

/// ```text
/// bytes: [ consumed | data ........... | room to read into ]
/// ```
#[derive(Default)]
pub struct InputBuffer {
    bytes: Vec<u8>,
    consumed: usize,
    /// Size that `data` must reach before decoding can go on; 0 if unknown.
    expected: usize,
}

impl InputBuffer {
    #[inline]
    pub fn data(&self) -> &[u8] {
        &self.bytes[self.consumed..]
    }

    /// Takes `size` decoded bytes off the front.
    #[inline]
    pub fn consume(&mut self, size: usize) {
        self.consumed += size;
        self.expected = 0;
        assert!(self.consumed <= self.bytes.len(), "consumed more input than there was");
        if self.consumed == self.bytes.len() {
            self.bytes.clear();
            self.consumed = 0;
        }
    }

    /// Says that decoding can go on only when `data` has `size` bytes: a large value is then read straight
    /// into memory of its size. Forgotten at the next `consume`.
    pub fn expect(&mut self, size: usize) {
        self.expected = size;
    }

    /// How much of an announced large value is still to come, 0 if none is announced.
    pub(super) fn missing_bytes(&self) -> usize {
        self.expected.saturating_sub(self.data().len())
    }

    /// The buffer to append to, with room for at least one read.
    pub(super) fn with_room(&mut self, pool: &mut Pool) -> &mut Vec<u8> {
        self.make_room(pool, 1);
        &mut self.bytes
    }

    pub(super) fn append(&mut self, received: &[u8], pool: &mut Pool) {
        if self.bytes.capacity() - self.bytes.len() < received.len() || self.bytes.capacity() == 0 {
            self.make_room(pool, received.len());
        }
        self.bytes.extend_from_slice(received);
    }

    fn make_room(&mut self, pool: &mut Pool, size_min: usize) {
        if self.bytes.capacity() == 0 {
            self.bytes = pool.take_input();
        }
        let missing = self.missing_bytes();
        let enough = if missing > 0 { size_min } else { size_min.max(ROOM_BYTES_MIN) };
        if self.bytes.capacity() - self.bytes.len() >= enough {
            return;
        }
        // The prefix is dropped only when it is at least as large as what is moved, so that every byte is
        // moved at most once on average.
        if self.consumed >= self.data().len() {
            self.bytes.drain(..self.consumed);
            self.consumed = 0;
        }
        let size = self.data().len();
        let wanted = match missing {
            0 => size.max(ROOM_BYTES_MIN),
            _ if size >= TRUST_SIZE_BYTES => missing,
            _ => missing.min(3 * size.max(ROOM_BYTES_MIN)),
        };
        self.bytes.reserve_exact(wanted.max(enough));
    }

    pub(super) fn discard(&mut self) {
        self.consume(self.data().len());
    }

    /// Gives the memory back if nothing is in it.
    pub(super) fn release_if_empty(&mut self, pool: &mut Pool) {
        if self.bytes.is_empty() && self.bytes.capacity() > 0 {
            pool.give_input(std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(pool: &mut Pool, bytes: &[u8]) -> InputBuffer {
        let mut input = InputBuffer::default();
        input.append(bytes, pool);
        input
    }

    #[test]
    fn consumed_bytes_make_room_and_order_is_kept() {
        let mut pool = Pool::default();
        let mut input = InputBuffer::default();
        let all: Vec<u8> = (0..300_000u32).map(|number| number as u8).collect();
        let mut decoded = Vec::new();
        for chunk in all.chunks(7_001) {
            input.append(chunk, &mut pool);
            let size = input.data().len() * 9 / 10;
            decoded.extend_from_slice(&input.data()[..size]);
            input.consume(size);
        }
        decoded.extend_from_slice(input.data());
        assert!(decoded == all);
        assert!(input.bytes.capacity() <= 64 * 1024, "grew to {}", input.bytes.capacity());
        input.discard();
        input.release_if_empty(&mut pool);
        assert_eq!(input.bytes.capacity(), 0);
    }

    #[test]
    fn an_announced_size_alone_reserves_nothing_large() {
        let mut pool = Pool::default();
        let mut input = filled(&mut pool, b"$536870912\r\n");
        input.expect(536_870_926);
        assert!(input.with_room(&mut pool).capacity() <= 64 * 1024);
        while input.data().len() < TRUST_SIZE_BYTES {
            let room = input.with_room(&mut pool);
            assert!(room.capacity() <= 4 * TRUST_SIZE_BYTES);
            let received = vec![0; room.capacity() - room.len()];
            input.append(&received, &mut pool);
        }
        input.expect(10 * TRUST_SIZE_BYTES);
        assert_eq!(input.with_room(&mut pool).capacity(), 10 * TRUST_SIZE_BYTES);
    }
}
