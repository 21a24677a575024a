//! Numbers that nobody outside can guess.

/// From the kernel.
pub fn random_u64() -> u64 {
    let mut bytes = [0; 8];
    let filled = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    assert_eq!(filled, Ok(bytes.len()), "the kernel has random numbers");
    u64::from_le_bytes(bytes)
}
