//! The table of exchange types: one file each in `exchanges/`, one row here.

mod direct;
mod fanout;
mod headers;
mod topic;

use crate::exchange::ExchangeType;

/// Every exchange type a client may declare.
pub const EXCHANGE_TYPES: [&ExchangeType; 4] = [&direct::TYPE, &fanout::TYPE, &topic::TYPE, &headers::TYPE];

/// The type called `name`, if we have it.
pub fn exchange_type(name: &[u8]) -> Option<&'static ExchangeType> {
    EXCHANGE_TYPES.into_iter().find(|exchange_type| exchange_type.name.as_bytes() == name)
}
