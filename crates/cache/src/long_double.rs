//! The 80-bit floating point numbers in which Redis keeps INCRBYFLOAT and HINCRBYFLOAT: 64 bits of mantissa,
//! rounded half to even, printed with up to 17 decimals.
//!
//! Rust has no such type, and the sums must be Redis's to the last digit, so they are computed on integers.
//! It never stores anything: values are kept as the text they are printed as.

use crate::command::CommandError;
use num_bigint::BigUint;
use std::fmt;

/// Decimals printed, before trailing zeros are cut.
const DECIMALS: u32 = 17;
/// Longer texts are no numbers.
const TEXT_SIZE_BYTES_MAX: usize = 5 * 1024 - 1;
/// No finite number reaches 2 to this power.
const EXPONENT_MAX: i64 = 16384;
/// All numbers but zero are at least 2 to this power.
const EXPONENT_MIN: i64 = -16445;
/// Decimal exponents beyond are out of range whatever the digits, given the longest text.
const DECIMAL_EXPONENT_MAX: i64 = 20_000;

const MANTISSA_BITS: u64 = 64;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LongDouble {
    Finite { is_negative: bool, mantissa: u64, exponent: i64 },
    Infinite,
}

impl LongDouble {
    pub const ZERO: LongDouble = LongDouble::Finite { is_negative: false, mantissa: 0, exponent: 0 };

    /// # Errors
    /// `ERR value is not a valid float`.
    pub fn need(text: &[u8]) -> Result<LongDouble, CommandError> {
        LongDouble::parse(text).ok_or(CommandError::NotFloat)
    }

    /// The nearest double; `None` where it would be infinite.
    pub fn to_f64(&self) -> Option<f64> {
        let LongDouble::Finite { is_negative, mantissa, exponent } = self else { return None };
        // Two steps: the scale alone may be beyond a double where the product is not.
        let half = i32::try_from(exponent / 2).ok()?;
        let rest = i32::try_from(exponent - i64::from(half)).ok()?;
        let magnitude = *mantissa as f64 * 2f64.powi(half) * 2f64.powi(rest);
        Some(if *is_negative { -magnitude } else { magnitude }).filter(|value| value.is_finite())
    }

    /// Reads what C's strtold reads, without blanks around it; no NaN, and nothing that overflows or
    /// vanishes.
    pub fn parse(text: &[u8]) -> Option<LongDouble> {
        if text.len() > TEXT_SIZE_BYTES_MAX {
            return None;
        }
        let (is_negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
        if text.eq_ignore_ascii_case(b"inf") || text.eq_ignore_ascii_case(b"infinity") {
            return Some(LongDouble::Infinite);
        }
        match text {
            [b'0', b'x' | b'X', rest @ ..] => {
                let (digits, exponent) = split_number(rest, 16, b'p', 4)?;
                rounded(is_negative, digits, exponent, false)
            }
            _ => {
                let (digits, exponent) = split_number(text, 10, b'e', 1)?;
                from_decimal(is_negative, digits, exponent)
            }
        }
    }

    /// The sum; `None` if it is not finite.
    pub fn checked_add(&self, other: &LongDouble) -> Option<LongDouble> {
        let (
            LongDouble::Finite { is_negative, mantissa, exponent },
            LongDouble::Finite {
                is_negative: other_is_negative,
                mantissa: other_mantissa,
                exponent: other_exponent,
            },
        ) = (self, other)
        else {
            return None;
        };
        let lowest = *exponent.min(other_exponent);
        let left = BigUint::from(*mantissa) << (exponent - lowest) as u64;
        let right = BigUint::from(*other_mantissa) << (other_exponent - lowest) as u64;
        let (is_negative, sum) = if is_negative == other_is_negative {
            (*is_negative, left + right)
        } else if left >= right {
            (*is_negative, left - right)
        } else {
            (*other_is_negative, right - left)
        };
        rounded(is_negative, sum, lowest, false)
    }
}

/// Digits with an optional point and exponent, as an integer and the exponent that goes with it: of `base`
/// 10, or of 2 where each digit after the point counts for `bits_per_digit`.
fn split_number(
    text: &[u8],
    base: u32,
    exponent_mark: u8,
    exponent_per_digit: i64,
) -> Option<(BigUint, i64)> {
    let mark = text.iter().position(|byte| byte.eq_ignore_ascii_case(&exponent_mark));
    let (number, exponent) = match mark {
        Some(mark) => (&text[..mark], read_exponent(&text[mark + 1..])?),
        None => (text, 0),
    };
    let point = number.iter().position(|byte| *byte == b'.').unwrap_or(number.len());
    let decimals = number.get(point + 1..).unwrap_or_default();
    let digits = [&number[..point], decimals].concat();
    if digits.is_empty() || !digits.iter().all(|byte| char::from(*byte).is_digit(base)) {
        return None;
    }
    let integer = BigUint::parse_bytes(&digits, base)?;
    Some((integer, exponent - decimals.len() as i64 * exponent_per_digit))
}

fn read_exponent(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // More digits than fit are out of range all the same.
    let value = std::str::from_utf8(digits).ok()?.parse().unwrap_or(i64::from(i32::MAX));
    let value = value.min(i64::from(i32::MAX));
    Some(if text[0] == b'-' { -value } else { value })
}

fn from_decimal(is_negative: bool, digits: BigUint, exponent: i64) -> Option<LongDouble> {
    if digits == BigUint::ZERO {
        return Some(LongDouble::Finite { is_negative, mantissa: 0, exponent: 0 });
    }
    if exponent.abs() > DECIMAL_EXPONENT_MAX {
        return None;
    }
    let power = BigUint::from(10u32).pow(exponent.unsigned_abs() as u32);
    if exponent >= 0 {
        return rounded(is_negative, digits * power, 0, false);
    }
    // Two bits more than the mantissa's in the quotient, so that rounding it once is exact.
    let shift = (MANTISSA_BITS + 2 + power.bits()).saturating_sub(digits.bits());
    let dividend = digits << shift;
    let quotient = &dividend / &power;
    let has_rest = &quotient * &power != dividend;
    rounded(is_negative, quotient, -(shift as i64), has_rest)
}

/// The number nearest to `integer` times 2 to the `exponent`, ties to even; `has_rest` says that it is a
/// little more. `None` if it is out of range.
fn rounded(is_negative: bool, integer: BigUint, exponent: i64, has_rest: bool) -> Option<LongDouble> {
    let bits = integer.bits();
    if bits == 0 {
        return Some(LongDouble::Finite { is_negative, mantissa: 0, exponent: 0 });
    }
    let excess = bits.saturating_sub(MANTISSA_BITS);
    let integer = round_shift(&integer, excess, has_rest);
    let exponent = exponent + excess as i64;
    // Rounding up may have made it one bit longer; that bit's followers are zero.
    let (mantissa, exponent) = match u64::try_from(&integer) {
        Ok(mantissa) => (mantissa, exponent),
        Err(_) => (1 << (MANTISSA_BITS - 1), exponent + 1),
    };
    let top = exponent + i64::from(mantissa.ilog2()) + 1;
    (EXPONENT_MIN < top && top <= EXPONENT_MAX).then_some(LongDouble::Finite {
        is_negative,
        mantissa,
        exponent,
    })
}

/// `integer` without its lowest `shift` bits, rounded half to even.
fn round_shift(integer: &BigUint, shift: u64, has_rest: bool) -> BigUint {
    let kept = integer >> shift;
    if shift == 0 || !integer.bit(shift - 1) {
        return kept;
    }
    let is_tie = !has_rest && integer.trailing_zeros() == Some(shift - 1);
    if is_tie && !kept.bit(0) { kept } else { kept + 1u32 }
}

impl fmt::Display for LongDouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LongDouble::Finite { is_negative, mantissa, exponent } = self else {
            return formatter.write_str("inf");
        };
        let scaled = BigUint::from(*mantissa) * BigUint::from(10u32).pow(DECIMALS);
        let scaled = if *exponent >= 0 {
            scaled << *exponent as u64
        } else {
            round_shift(&scaled, exponent.unsigned_abs(), false)
        };
        let digits = format!("{:0>width$}", scaled.to_string(), width = DECIMALS as usize + 1);
        let (whole, decimals) = digits.split_at(digits.len() - DECIMALS as usize);
        let decimals = decimals.trim_end_matches('0');
        let sign = if *is_negative && (whole != "0" || !decimals.is_empty()) { "-" } else { "" };
        let point = if decimals.is_empty() { "" } else { "." };
        write!(formatter, "{sign}{whole}{point}{decimals}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_redis() {
        for (left, right, sum) in [
            ("0", "1.5", "1.5"),
            ("1.5", "1.5", "3"),
            ("3", "-3", "0"),
            ("-3", "3", "0"),
            ("0.1", "0.2", "0.3"),
            ("5.0e3", "2.0e2", "5200"),
            ("3", "1.0000000000000001", "4.0000000000000001"),
            ("4.0000000000000001", "0x10", "20.0000000000000001"),
            ("0", "0x1.8p1", "3"),
            ("1e20", "1", "100000000000000000000"),
            ("17179869184", "0.5", "17179869184.5"),
            ("0.000001", "1e-18", "0.000001"),
            ("-0.5", "-.25", "-0.75"),
            ("10.50", "5.", "15.5"),
            ("0", "-1e-30", "0"),
        ] {
            let parse = |text: &str| LongDouble::parse(text.as_bytes()).expect(text);
            assert_eq!(
                parse(left).checked_add(&parse(right)).expect("finite").to_string(),
                sum,
                "{left} + {right}"
            );
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in
            ["", " 1", "1 ", "abc", "nan", "1e", "1e+", ".", "-", "--1", "1.2.3", "0x", "1e5000", "1e-5000"]
        {
            assert_eq!(LongDouble::parse(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(LongDouble::parse(b"-inf"), Some(LongDouble::Infinite));
        assert_eq!(LongDouble::Infinite.checked_add(&LongDouble::ZERO), None);
    }
}
