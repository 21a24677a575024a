//! What SCAN, HSCAN, SSCAN and ZSCAN have in common: the cursor and the options.

use crate::command::CommandError;
use crate::glob;
use crate::parse::{c_string, is_option, need_integer};
use warren_resp::Args;

/// Elements handed out by one call if the client does not say.
const COUNT_DEFAULT: usize = 10;

pub struct ScanOptions<'a> {
    /// About how many elements one call hands out.
    pub count: usize,
    /// The type the keys must have, as the client wrote it.
    pub kind_name: Option<&'a [u8]>,
    /// `None`: every element matches.
    pattern: Option<&'a [u8]>,
}

impl<'a> ScanOptions<'a> {
    /// Reads the options from argument `first` on; TYPE only where `takes_type`.
    ///
    /// # Errors
    /// Syntax; COUNT is no integer.
    pub fn read(args: Args<'a>, first: usize, takes_type: bool) -> Result<ScanOptions<'a>, CommandError> {
        let mut options = ScanOptions { count: COUNT_DEFAULT, kind_name: None, pattern: None };
        for position in (first..args.len()).step_by(2) {
            if position + 1 == args.len() {
                return Err(CommandError::Syntax);
            }
            let (option, value) = (args.get(position), args.get(position + 1));
            if is_option(option, "COUNT") {
                let count = need_integer(value)?;
                options.count =
                    usize::try_from(count).ok().filter(|count| *count > 0).ok_or(CommandError::Syntax)?;
            } else if is_option(option, "MATCH") {
                options.pattern = (value != b"*").then_some(value);
            } else if is_option(option, "TYPE") && takes_type {
                options.kind_name = Some(value);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }

    pub fn matches(&self, element: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, element))
    }
}

/// Reads a cursor as C's strtoul does: a sign may stand before it, a zero byte ends it, and nothing at all is 0.
///
/// # Errors
/// `ERR invalid cursor`.
pub fn need_cursor(text: &[u8]) -> Result<u64, CommandError> {
    let text = c_string(text);
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        _ => (false, text),
    };
    if text.is_empty() {
        return Ok(0);
    }
    let number = Some(digits)
        .filter(|digits| digits.iter().all(u8::is_ascii_digit))
        .and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u64>().ok())
        .ok_or(CommandError::fixed("ERR invalid cursor"))?;
    Ok(if is_negative { number.wrapping_neg() } else { number })
}
