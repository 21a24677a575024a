//! A file whose only use is that it can be deleted: room for a checkpoint on a disk that is full, which is
//! what gives room back there. It is made again once there is room.

use crate::error::LogError;
use crate::segment::lock;
use crate::writer::Log;
use std::io::ErrorKind;

pub(crate) const RESERVE_NAME: &str = "reserve";

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Reserve {
    /// It is not known to be there.
    #[default]
    Missing,
    Kept,
    /// Its room is in use until [`Log::return_reserve`].
    Lent,
}

impl Log {
    /// Gives the reserve's room to what is about to be written.
    ///
    /// # Errors
    /// Of the disk; the log itself goes on.
    pub fn lend_reserve(&self) -> Result<(), LogError> {
        let mut reserve = lock(&self.reserve);
        if *reserve == Reserve::Kept {
            self.disk.remove(RESERVE_NAME).map_err(LogError::io("remove", RESERVE_NAME))?;
            self.disk.sync_directory().map_err(LogError::io("sync the directory of", RESERVE_NAME))?;
        }
        *reserve = Reserve::Lent;
        Ok(())
    }

    /// What the room was lent for is done: [`Log::prepare`] makes the reserve again when it can.
    pub fn return_reserve(&self) {
        let mut reserve = lock(&self.reserve);
        if *reserve == Reserve::Lent {
            *reserve = Reserve::Missing;
        }
    }

    /// Sees to it that the reserve is there. While it is lent the disk counts as full: what is free belongs to
    /// whom it is lent.
    pub(crate) fn fill_reserve(&self) -> Result<(), LogError> {
        let size = self.options.reserve_size_bytes;
        let mut reserve = lock(&self.reserve);
        let made = match *reserve {
            Reserve::Kept => return Ok(()),
            Reserve::Missing if size == 0 => return Ok(()),
            Reserve::Missing => self.disk.create(RESERVE_NAME, size).map(drop),
            Reserve::Lent => Err(ErrorKind::StorageFull.into()),
        };
        made.map_err(LogError::io("create", RESERVE_NAME))?;
        *reserve = Reserve::Kept;
        Ok(())
    }
}
