//! The turn's records on their way to the log, outside the engine's lock.

use super::EventLoop;
use crate::core::fail;
use warren_engine::Engine;
use warren_log::Reservation;
use warren_units::{Batch, Lsn};

/// Records that one turn collects into one batch.
pub const BATCH_SIZE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Batches from here on are written by a thread of their own: to put them into the kernel's memory takes
/// longer than other connections of this loop should wait.
const LARGE_SIZE_BYTES_MIN: usize = 1024 * 1024;

impl EventLoop {
    /// Gives the records made so far their place in the log: call it under the engine's lock, which keeps
    /// their order.
    pub(super) fn reserve(&mut self, engine: &mut Engine) {
        let Some(batch) = engine.take_batch() else { return };
        self.newest_record = batch.last();
        let reservation = self.core.log.reserve(batch).unwrap_or_else(|error| fail(&error));
        self.work.reservations.push(reservation);
    }

    /// Writes the turn's records, large batches elsewhere.
    pub(super) fn write_log(&mut self) {
        let mut reservations = std::mem::take(&mut self.work.reservations);
        for reservation in reservations.drain(..) {
            if reservation.batch().size() < LARGE_SIZE_BYTES_MIN {
                self.write(reservation);
            } else {
                self.set_waiting(true);
                self.hands.write_large(&self.core, reservation);
            }
        }
        self.work.reservations = reservations;
    }

    fn write(&mut self, reservation: Reservation) {
        let sync_wanted = reservation.batch().sync_wanted();
        self.work.record_count += reservation.batch().count();
        let batch = self.core.log.write(reservation).unwrap_or_else(|error| fail(&error));
        self.recycle(batch);
        if sync_wanted > Lsn::NONE {
            self.want_sync(sync_wanted);
        }
        self.core.after_write(Some(self.id), Lsn::NONE);
    }

    /// Some output waits until `lsn` is synced.
    pub(super) fn want_sync(&mut self, lsn: Lsn) {
        self.work.sync_wanted = self.work.sync_wanted.max(lsn);
        if !self.work.may_sync {
            // In this order: the sync may be over before this thread goes on.
            self.set_waiting(true);
            self.core.sync_requests.want(lsn);
        }
    }

    /// Keeps the memory of a written batch for the next turn's records.
    fn recycle(&mut self, mut batch: Batch) {
        // What it refers to may be large, and this its last reference: that goes before the lock is taken.
        batch.clear();
        if let Some(mut engine) = self.core.try_engine() {
            engine.recycle(batch);
        }
    }

    pub(super) fn set_waiting(&mut self, is_waiting: bool) {
        if self.is_waiting != is_waiting {
            self.is_waiting = is_waiting;
            self.core.set_waiting(self.id, is_waiting);
        }
    }
}
