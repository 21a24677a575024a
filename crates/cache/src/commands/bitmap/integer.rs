//! Integers of any width at any bit of a string, as BITFIELD reads, writes and limits them.

use crate::command::CommandError;
use crate::parse;

/// Bytes that an integer of 64 bits touches at most.
const WINDOW_SIZE_BYTES_MAX: usize = 9;

/// `i8`, `u63`…
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Format {
    pub is_signed: bool,
    pub bits: usize,
}

/// What becomes of a result that does not fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

impl Format {
    /// # Errors
    /// Redis's text for what is no format; unsigned ones have at most 63 bits.
    pub fn need(text: &[u8]) -> Result<Format, CommandError> {
        let (is_signed, bits) = match text {
            [b'i', bits @ ..] => (true, bits),
            [b'u', bits @ ..] => (false, bits),
            _ => (false, &b""[..]),
        };
        let bits_max = if is_signed { 64 } else { 63 };
        parse::integer(bits)
            .filter(|bits| (1..=bits_max).contains(bits))
            .map(|bits| Format { is_signed, bits: bits as usize })
            .ok_or(CommandError::fixed(
                "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
            ))
    }

    /// The value that `SET` asks for: negative ones are large where the format has no sign.
    pub fn wanted(self, value: i64) -> i128 {
        if !self.is_signed {
            return i128::from(value as u64);
        }
        // Redis counts the room up to the maximum in 64 bits, where it overflows for the very lowest values:
        // they are too high, not too low.
        let max = i64::MAX >> (64 - self.bits);
        if max.checked_sub(value).is_none() && self.bits < 64 {
            return i128::from(value) + (1 << 64);
        }
        i128::from(value)
    }

    /// A result as it will be kept; `None` where it does not fit and must not be wrapped or limited.
    pub fn limited(self, value: i128, overflow: Overflow) -> Option<i64> {
        let (min, max) = if self.is_signed {
            (-(1i128 << (self.bits - 1)), (1i128 << (self.bits - 1)) - 1)
        } else {
            (0, (1i128 << self.bits) - 1)
        };
        if (min..=max).contains(&value) {
            return Some(value as i64);
        }
        match overflow {
            Overflow::Wrap => Some(self.extended(value as u64)),
            Overflow::Saturate => Some(if value > max { max } else { min } as i64),
            Overflow::Fail => None,
        }
    }

    /// The lowest bits as an integer of this format.
    fn extended(self, bits: u64) -> i64 {
        let unused = 64 - self.bits;
        if self.is_signed { (bits << unused) as i64 >> unused } else { (bits << unused >> unused) as i64 }
    }
}

/// The bytes of a string around one integer.
pub struct Window {
    bytes: [u8; WINDOW_SIZE_BYTES_MAX],
    size: usize,
    /// Where the window begins in the string.
    pub offset: usize,
    format: Format,
    /// Bits of the window behind the integer.
    shift: usize,
}

impl Window {
    /// Around the integer at bit `offset`; past the string's end all is zero.
    pub fn of(string: &[u8], format: Format, offset: usize) -> Window {
        let first = offset / 8;
        let size = (offset + format.bits).div_ceil(8) - first;
        let mut bytes = [0; WINDOW_SIZE_BYTES_MAX];
        let present = string.get(first..).unwrap_or_default();
        let present = &present[..present.len().min(size)];
        bytes[..present.len()].copy_from_slice(present);
        let shift = size * 8 - offset % 8 - format.bits;
        Window { bytes, size, offset: first, format, shift }
    }

    /// As they are to be written back.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.size]
    }

    pub fn value(&self) -> i64 {
        self.format.extended((self.whole() >> self.shift) as u64)
    }

    pub fn set(&mut self, value: i64) {
        let mask = ((1u128 << self.format.bits) - 1) << self.shift;
        let whole = self.whole() & !mask | (value as u128) << self.shift & mask;
        let size = self.size;
        self.bytes[..size].copy_from_slice(&whole.to_be_bytes()[16 - size..]);
    }

    fn whole(&self) -> u128 {
        self.bytes().iter().fold(0, |whole, byte| whole << 8 | u128::from(*byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_that_do_not_fit() {
        let signed = Format { is_signed: true, bits: 8 };
        let unsigned = Format { is_signed: false, bits: 4 };
        let widest = Format { is_signed: true, bits: 64 };
        for (format, value, wrapped, saturated) in [
            (signed, 127, 127, 127),
            (signed, 128, -128, 127),
            (signed, -129, 127, -128),
            (signed, 1000, -24, 127),
            (unsigned, 16, 0, 15),
            (unsigned, -1, 15, 0),
            (widest, i128::from(i64::MAX) + 1, i64::MIN, i64::MAX),
            (widest, i128::from(i64::MIN) - 1, i64::MAX, i64::MIN),
        ] {
            assert_eq!(format.limited(value, Overflow::Wrap), Some(wrapped), "{format:?} {value}");
            assert_eq!(format.limited(value, Overflow::Saturate), Some(saturated), "{format:?} {value}");
            let fits = i128::from(wrapped) == value;
            assert_eq!(format.limited(value, Overflow::Fail), fits.then_some(wrapped), "{format:?} {value}");
        }
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else_changes() {
        let string: Vec<u8> = (0..20u8).map(|number| number.wrapping_mul(73)).collect();
        for bits in 1..=64 {
            for offset in 0..80 {
                for value in [0, -1, 1] {
                    let format = Format { is_signed: true, bits };
                    let mut window = Window::of(&string, format, offset);
                    let expected = format.extended(value as u64);
                    window.set(value);
                    let mut changed = string.clone();
                    changed[window.offset..window.offset + window.size].copy_from_slice(window.bytes());
                    assert_eq!(Window::of(&changed, format, offset).value(), expected);
                    for bit in (0..160).filter(|bit| !(offset..offset + bits).contains(bit)) {
                        let at = |string: &[u8]| string[bit / 8] >> (7 - bit % 8) & 1;
                        assert_eq!(at(&changed), at(&string), "i{bits} at {offset}: bit {bit}");
                    }
                }
            }
        }
    }
}
