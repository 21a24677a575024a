//! The class `exchange`.

pub(super) mod bind;
pub(super) mod declare;
pub(super) mod delete;

use crate::refusal::Refusal;
use warren_amqp::ReplyCode;

fn check_not_default(name: &[u8]) -> Result<(), Refusal> {
    match name {
        b"" => Err(Refusal::new(ReplyCode::AccessRefused, "operation not permitted on the default exchange")),
        _ => Ok(()),
    }
}
