//! The log on the disk that forgets, tears and fails.

mod checkpoint_trouble;
mod checkpoints;
mod damaged_checkpoints;
mod disk_bound;
mod moved_bodies;
mod crashes;
mod faults;
mod reading;
mod records;
mod tails;
mod trouble;
