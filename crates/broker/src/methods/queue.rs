//! The class `queue`.

pub(super) mod bind;
pub(super) mod declare;
pub(super) mod delete;
pub(super) mod purge;
