//! Storing a computed value: SORT … STORE, SUNIONSTORE, ZRANGESTORE and their like.

use crate::command::CommandError;
use crate::context::Context;
use crate::keyspace::effects::Value;
use crate::keyspace::effects::key::{Delete, SetValue};
use crate::keyspace::{Container, codec};
use bytes::Bytes;

/// Puts the result at `destination`, over what is there; `None`, an empty result, removes it.
///
/// # Errors
/// Where the log has no room for the result.
pub fn store(
    context: &mut Context<'_, '_>,
    destination: &[u8],
    result: Option<Container>,
) -> Result<(), CommandError> {
    let place = context.write(destination);
    let Some(container) = result else {
        if place.slot.is_some() {
            context.apply(Delete { place });
        }
        return Ok(());
    };
    let mut encoded = Vec::new();
    codec::encode_container(&container, &mut encoded);
    context.need_growth_room(destination.len() + encoded.len())?;
    let encoded = Bytes::from(encoded);
    context.apply(SetValue { place, deadline: None, encoded: Value::Shared(&encoded), decoded: None });
    Ok(())
}
