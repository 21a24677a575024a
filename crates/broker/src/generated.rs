//! Names that the broker makes up: `amq.gen-...`, `amq.ctag-...`. Deterministic in seed and order of calls.

use crate::names::Name;
use rapidhash::fast::SeedableState;
use std::hash::BuildHasher;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const CHARACTER_COUNT: usize = 22;

pub struct Generated {
    hasher: SeedableState<'static>,
    count: u64,
}

impl Generated {
    pub fn new(seed: u64) -> Generated {
        Generated { hasher: SeedableState::new(seed), count: 0 }
    }

    /// `prefix-` and 22 characters, as RabbitMQ's look.
    pub fn name(&mut self, prefix: &str) -> Name {
        let mut name = format!("{prefix}-").into_bytes();
        self.count += 1;
        let halves = [self.hasher.hash_one((self.count, 0u8)), self.hasher.hash_one((self.count, 1u8))];
        let mut bits = u128::from(halves[0]) << 64 | u128::from(halves[1]);
        for _ in 0..CHARACTER_COUNT {
            name.push(ALPHABET[(bits & 63) as usize]);
            bits >>= 6;
        }
        name.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_different_and_repeatable() {
        let make = |seed| {
            let mut generated = Generated::new(seed);
            (0..1000).map(|_| generated.name("amq.gen")).collect::<Vec<_>>()
        };
        let names = make(1);
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        assert!(names.iter().all(|name| name.starts_with(b"amq.gen-") && name.len() == 30));
        assert_eq!(make(1), names);
        assert_ne!(make(2)[0], names[0]);
    }
}
