//! `access.request`: every ticket is 1 and opens nothing that permissions do not.

use crate::call::Call;
use crate::refusal::Refusal;
use warren_amqp::methods::{AccessRequest, AccessRequestOk};

pub(in crate::methods) fn handle(call: &mut Call<'_, '_>, _: AccessRequest<'_>) -> Result<(), Refusal> {
    call.reply(AccessRequestOk { ticket: 1 });
    Ok(())
}
