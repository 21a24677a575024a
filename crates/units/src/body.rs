//! The name of a message body in the log.

use crate::numbers::Lsn;

/// A body by the record that brought it and its number within that record. It never says where the body is:
/// only the log knows, and may move it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BodyName {
    pub lsn: Lsn,
    pub ordinal: u32,
}
