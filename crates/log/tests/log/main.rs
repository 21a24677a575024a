//! The log on the disk that forgets, tears and fails.

mod checkpoint_trouble;
mod checkpoints;
mod crashes;
mod damaged_checkpoints;
mod disk_bound;
mod faults;
mod moved_bodies;
mod reading;
mod records;
mod tails;
mod trouble;
