//! The durable state at one LSN, handed out in small steps while the engine serves (a checkpoint without
//! fork), and put back together from what those steps gave.
//!
//! [`Engine::begin_checkpoint`] freezes keyspace and broker at the newest record, in constant time. Each
//! [`Engine::checkpoint_step`] takes a bounded part out; [`Piece::encode`] turns it into effects outside the
//! engine. The effects of all pieces, in their order, make that state in an empty engine
//! ([`Engine::restore`]). Where they are kept is for others to know.

use crate::engine::Engine;
use crate::recovery::ReplayError;
use warren_broker::checkpoint::{self, Part};
use warren_cache::keyspace::freeze::KeyspacePart;
use warren_units::{BodyName, Lsn, Record, Rope};

/// A part of the frozen state. It may be encoded on any thread.
pub struct Piece {
    keyspace: KeyspacePart,
    broker: Vec<Part>,
    /// Nothing follows it.
    pub is_last: bool,
}

impl Engine {
    /// Freezes the durable state and answers the LSN it is the state at.
    ///
    /// # Panics
    /// If the pieces of an earlier call are not handed out to the last.
    pub fn begin_checkpoint(&mut self) -> Lsn {
        self.cache.shared.keyspace.freeze();
        self.broker.begin_checkpoint();
        self.batch.last()
    }

    /// True from [`Engine::begin_checkpoint`] to the last piece.
    pub fn is_checkpointing(&self) -> bool {
        self.cache.shared.keyspace.is_frozen() || self.broker.is_checkpointing()
    }

    /// Takes the next piece out: about `entry_count` keys or queues, and all that changes have put aside
    /// since the last piece.
    pub fn checkpoint_step(&mut self, entry_count: usize) -> Piece {
        let keyspace = self.cache.shared.keyspace.take_frozen(entry_count);
        let mut broker = Vec::new();
        self.broker.checkpoint_step(entry_count, &mut broker);
        Piece { keyspace, broker, is_last: !self.is_checkpointing() }
    }

    /// Applies one block of a checkpoint at `at` to an engine that has seen nothing but the blocks before it.
    ///
    /// # Errors
    /// Where an effect cannot be decoded or does not fit.
    pub fn restore(&mut self, at: Lsn, block: &[u8]) -> Result<(), ReplayError> {
        self.replay(&Record::without_bodies(at, block))
    }
}

impl Piece {
    /// Gives the piece's effects to `block`, each call a whole number of them, and the name and size of every
    /// body that its messages need to `body`, of a shared one more than once.
    ///
    /// # Errors
    /// Of `block`.
    pub fn encode<E>(
        self,
        block: &mut impl FnMut(&Rope) -> Result<(), E>,
        body: &mut impl FnMut(BodyName, u32),
    ) -> Result<(), E> {
        self.keyspace.encode(block)?;
        checkpoint::encode(self.broker, block, body)
    }
}
