//! The class `access`: gone from the protocol, still asked by old clients.

pub(super) mod request;
