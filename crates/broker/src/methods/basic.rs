//! The class `basic`.

pub(super) mod acknowledge;
pub(super) mod cancel;
pub(super) mod consume;
pub(super) mod get;
pub(super) mod publish;
pub(super) mod qos;
pub(super) mod recover;
