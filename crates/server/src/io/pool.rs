//! Memory that connections borrow while they have something to receive or send, so that idle ones hold none
//! and busy ones allocate none.

use warren_units::Rope;

/// Capacity of a fresh input buffer.
const INPUT_CAPACITY_BYTES: usize = 16 * 1024;
/// Larger buffers go back to the allocator.
const KEPT_CAPACITY_BYTES_MAX: usize = 64 * 1024;
const KEPT_ROPES_MAX: usize = 64;
const KEPT_INPUTS_MAX: usize = 64;

#[derive(Default)]
pub struct Pool {
    ropes: Vec<Rope>,
    inputs: Vec<Vec<u8>>,
}

impl Pool {
    pub fn take_rope(&mut self) -> Rope {
        self.ropes.pop().unwrap_or_default()
    }

    pub fn give_rope(&mut self, mut rope: Rope) {
        rope.clear_keeping(KEPT_CAPACITY_BYTES_MAX);
        if self.ropes.len() < KEPT_ROPES_MAX {
            self.ropes.push(rope);
        }
    }

    pub fn take_input(&mut self) -> Vec<u8> {
        self.inputs.pop().unwrap_or_else(|| Vec::with_capacity(INPUT_CAPACITY_BYTES))
    }

    /// Takes back an input buffer that holds nothing any more.
    pub fn give_input(&mut self, bytes: Vec<u8>) {
        debug_assert!(bytes.is_empty());
        let worth_keeping = (INPUT_CAPACITY_BYTES..=KEPT_CAPACITY_BYTES_MAX).contains(&bytes.capacity());
        if worth_keeping && self.inputs.len() < KEPT_INPUTS_MAX {
            self.inputs.push(bytes);
        }
    }
}
