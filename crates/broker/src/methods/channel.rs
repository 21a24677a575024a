//! The class `channel`. Closing is the table's, because it works on channels that are closing too.

pub(super) mod flow;
pub(super) mod open;
