//! Strings as bits, the first bit the highest of the first byte.

pub mod bit;
pub mod count;
pub mod field;
pub mod integer;
pub mod operation;

use crate::command::{CommandError, CommandSpec};
use crate::context::Context;
use crate::keyspace::Place;
use crate::keyspace::string::StringEncoding;
use crate::parse;
use warren_units::bounds::BULK_SIZE_BYTES_MAX;

pub static ROWS: &[&CommandSpec] = &[
    &bit::SETBIT,
    &bit::GETBIT,
    &count::BITCOUNT,
    &count::BITPOS,
    &operation::BITOP,
    &field::BITFIELD,
    &field::BITFIELD_RO,
];

/// The offset of a bit, in units of `unit` bits.
///
/// # Errors
/// No integer; negative; in a byte that no string may have.
fn need_bit_offset(text: &[u8], unit: usize) -> Result<usize, CommandError> {
    parse::integer(text)
        .and_then(|offset| usize::try_from(offset).ok()?.checked_mul(unit))
        .filter(|offset| offset / 8 < BULK_SIZE_BYTES_MAX)
        .ok_or(CommandError::fixed("ERR bit offset is not an integer or out of range"))
}

/// Whether the string's encoding is that of a changed one: then bits that stay as they are change nothing.
fn is_raw(context: &Context<'_, '_>, place: Place<'_>) -> bool {
    let entry = context.keyspace().entry(place);
    entry.and_then(|entry| entry.string_encoding()) == Some(StringEncoding::Raw)
}
