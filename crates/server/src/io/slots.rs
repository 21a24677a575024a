//! A table of connections whose places are reused, and whose tokens notice it.

use super::Token;

pub struct Slots<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
}

struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Slots<T> {
    pub fn new() -> Slots<T> {
        Slots { slots: Vec::new(), free: Vec::new() }
    }

    pub fn insert(&mut self, value: T) -> Token {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, value: None });
            (self.slots.len() - 1) as u32
        });
        let entry = &mut self.slots[slot as usize];
        // Generation 0 is never given out: drivers use it to mark what is no connection.
        entry.generation = entry.generation.wrapping_add(1).max(1);
        entry.value = Some(value);
        Token { slot, generation: entry.generation }
    }

    #[inline]
    pub fn get(&self, token: Token) -> Option<&T> {
        let entry = self.slots.get(token.slot as usize)?;
        if entry.generation == token.generation { entry.value.as_ref() } else { None }
    }

    #[inline]
    pub fn get_mut(&mut self, token: Token) -> Option<&mut T> {
        let entry = self.slots.get_mut(token.slot as usize)?;
        if entry.generation == token.generation { entry.value.as_mut() } else { None }
    }

    pub fn remove(&mut self, token: Token) -> Option<T> {
        self.get(token)?;
        self.free.push(token.slot);
        self.slots[token.slot as usize].value.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reused_slot_does_not_answer_to_the_old_token() {
        let mut slots = Slots::new();
        let old = slots.insert("old");
        assert_eq!(slots.remove(old), Some("old"));
        assert_eq!(slots.remove(old), None);
        let new = slots.insert("new");
        assert_eq!(new.slot, old.slot);
        assert_eq!((slots.get(old), slots.get(new)), (None, Some(&"new")));
        assert_eq!(slots.get_mut(old), None);
    }
}
