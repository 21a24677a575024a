//! Where the keys of all databases live.

pub mod entry;
pub mod expires;
pub mod string;
pub mod table;
