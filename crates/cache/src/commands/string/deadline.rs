//! The options EX, PX, EXAT and PXAT of SET and GETEX, and the times of SETEX and PSETEX.

use crate::command::CommandError;
use crate::parse::{is_option, need_integer};
use warren_resp::Args;
use warren_units::UnixMillis;

/// How a time is given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DeadlineUnit {
    milliseconds: i64,
    is_absolute: bool,
}

/// A time as the client wrote it. It is read once the whole request is known to be well formed, since a
/// syntax error goes first.
#[derive(Clone, Copy)]
pub struct DeadlineOption<'a> {
    unit: DeadlineUnit,
    text: &'a [u8],
}

impl DeadlineUnit {
    pub const SECONDS: DeadlineUnit = DeadlineUnit { milliseconds: 1000, is_absolute: false };
    pub const MILLISECONDS: DeadlineUnit = DeadlineUnit { milliseconds: 1, is_absolute: false };
    const UNIX_SECONDS: DeadlineUnit = DeadlineUnit { milliseconds: 1000, is_absolute: true };
    const UNIX_MILLISECONDS: DeadlineUnit = DeadlineUnit { milliseconds: 1, is_absolute: true };

    fn of(option: &[u8]) -> Option<DeadlineUnit> {
        let rows = [
            ("EX", Self::SECONDS),
            ("PX", Self::MILLISECONDS),
            ("EXAT", Self::UNIX_SECONDS),
            ("PXAT", Self::UNIX_MILLISECONDS),
        ];
        rows.into_iter().find(|(name, _)| is_option(option, name)).map(|(_, unit)| unit)
    }

    /// # Errors
    /// No integer; not positive or out of range (`ERR invalid expire time in 'set' command`).
    pub fn deadline(self, text: &[u8], now: UnixMillis, command: &str) -> Result<UnixMillis, CommandError> {
        let invalid = || CommandError::from(format!("ERR invalid expire time in '{command}' command"));
        let value = need_integer(text)?;
        if value <= 0 {
            return Err(invalid());
        }
        let value = value.checked_mul(self.milliseconds).ok_or_else(invalid)?;
        let base = if self.is_absolute { 0 } else { now.0 as i64 };
        Ok(UnixMillis(value.checked_add(base).ok_or_else(invalid)? as u64))
    }
}

impl<'a> DeadlineOption<'a> {
    /// The option at `position` with its argument; `None` if it is another option, lacks its argument, or
    /// follows one of another unit.
    pub fn read(
        args: Args<'a>,
        position: usize,
        earlier: Option<DeadlineOption<'_>>,
    ) -> Option<DeadlineOption<'a>> {
        let unit = DeadlineUnit::of(args.get(position))?;
        if position + 1 >= args.len() || earlier.is_some_and(|earlier| earlier.unit != unit) {
            return None;
        }
        Some(DeadlineOption { unit, text: args.get(position + 1) })
    }

    /// # Errors
    /// As [`DeadlineUnit::deadline`].
    pub fn deadline(&self, now: UnixMillis, command: &str) -> Result<UnixMillis, CommandError> {
        self.unit.deadline(self.text, now, command)
    }
}
