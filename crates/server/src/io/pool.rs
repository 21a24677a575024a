//! Memory that connections borrow while they have something to receive or send, so that idle ones hold none
//! and busy ones allocate none.

use warren_units::Rope;

/// Capacity of a fresh input buffer.
const INPUT_CAPACITY_BYTES: usize = 16 * 1024;
/// Larger buffers go back to the allocator. What a turn reads of one connection and what it delivers stays below.
const KEPT_CAPACITY_BYTES_MAX: usize = 256 * 1024;
/// Of all ropes together, and of all input buffers together.
const KEPT_SIZE_BYTES_MAX: usize = 2 * 1024 * 1024;
const KEPT_ROPES_MAX: usize = 64;
const KEPT_INPUTS_MAX: usize = 64;

#[derive(Default)]
pub struct Pool {
    ropes: Vec<Rope>,
    ropes_size_bytes: usize,
    inputs: Vec<Vec<u8>>,
    inputs_size_bytes: usize,
}

impl Pool {
    pub fn take_rope(&mut self) -> Rope {
        let mut rope = self.ropes.pop().unwrap_or_default();
        self.ropes_size_bytes -= rope.bytes_mut().capacity();
        rope
    }

    pub fn give_rope(&mut self, mut rope: Rope) {
        rope.clear_keeping(KEPT_CAPACITY_BYTES_MAX);
        let size = rope.bytes_mut().capacity();
        if self.ropes.len() < KEPT_ROPES_MAX && self.ropes_size_bytes + size <= KEPT_SIZE_BYTES_MAX {
            self.ropes_size_bytes += size;
            self.ropes.push(rope);
        }
    }

    pub fn take_input(&mut self) -> Vec<u8> {
        let Some(bytes) = self.inputs.pop() else { return Vec::with_capacity(INPUT_CAPACITY_BYTES) };
        self.inputs_size_bytes -= bytes.capacity();
        bytes
    }

    /// Takes back an input buffer that holds nothing any more.
    pub fn give_input(&mut self, bytes: Vec<u8>) {
        debug_assert!(bytes.is_empty());
        let worth_keeping = (INPUT_CAPACITY_BYTES..=KEPT_CAPACITY_BYTES_MAX).contains(&bytes.capacity());
        let size = bytes.capacity();
        if worth_keeping
            && self.inputs.len() < KEPT_INPUTS_MAX
            && self.inputs_size_bytes + size <= KEPT_SIZE_BYTES_MAX
        {
            self.inputs_size_bytes += size;
            self.inputs.push(bytes);
        }
    }
}
