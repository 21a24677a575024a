//! All RESP sessions, by peer.

use crate::session::Session;
use warren_units::PeerId;

/// Sessions in the slots of their peers. The one whose command runs is taken out meanwhile.
#[derive(Default)]
pub struct Sessions {
    slots: Vec<Option<Box<Session>>>,
    open_count: usize,
}

impl Sessions {
    pub fn insert(&mut self, session: Session) {
        let index = session.peer.index as usize;
        if self.slots.len() <= index {
            self.slots.resize_with(index + 1, || None);
        }
        self.slots[index] = Some(Box::new(session));
        self.open_count += 1;
    }

    pub fn remove(&mut self, peer: PeerId) -> Option<Box<Session>> {
        let session = self.take(peer)?;
        self.open_count -= 1;
        Some(session)
    }

    /// Takes a session out while its command runs; [`Sessions::put_back`] returns it.
    #[inline]
    pub fn take(&mut self, peer: PeerId) -> Option<Box<Session>> {
        self.slots.get_mut(peer.index as usize)?.take_if(|session| session.peer == peer)
    }

    #[inline]
    pub fn put_back(&mut self, session: Box<Session>) {
        let index = session.peer.index as usize;
        self.slots[index] = Some(session);
    }

    pub fn get(&self, peer: PeerId) -> Option<&Session> {
        self.slots.get(peer.index as usize)?.as_deref().filter(|session| session.peer == peer)
    }

    pub fn get_mut(&mut self, peer: PeerId) -> Option<&mut Session> {
        self.slots.get_mut(peer.index as usize)?.as_deref_mut().filter(|session| session.peer == peer)
    }

    /// All sessions but the one whose command runs.
    pub fn iter(&self) -> impl Iterator<Item = &Session> {
        self.slots.iter().flatten().map(|session| &**session)
    }

    /// Connected clients, the running one included.
    pub fn len(&self) -> usize {
        self.open_count
    }

    pub fn is_empty(&self) -> bool {
        self.open_count == 0
    }
}
