//! The class `tx`: publishes and settlements of a channel collected and applied in one record.

pub(super) mod commit;
pub(super) mod rollback;
pub(super) mod select;

use crate::refusal::Refusal;

fn not_transactional() -> Refusal {
    Refusal::precondition_failed("channel is not transactional")
}
