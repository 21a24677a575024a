//! The class `confirm`.

pub(super) mod select;
