//! The log on the disk that forgets, tears and fails.

mod checkpoints;
mod crashes;
mod faults;
mod reading;
mod records;
mod tails;
