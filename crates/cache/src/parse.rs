//! Reading numbers out of arguments, as strictly as Redis does.

use crate::command::CommandError;
use crate::long_double::LongDouble;
use warren_resp::Args;
use warren_units::bounds::DATABASE_COUNT;

/// A decimal i64 in canonical form: no blanks, no plus, no leading zeros.
#[inline]
pub fn integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 19 || (digits[0] == b'0' && (digits.len() > 1 || negative)) {
        return None;
    }
    let mut value = 0u64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
    }
    if negative { 0i64.checked_sub_unsigned(value) } else { i64::try_from(value).ok() }
}

/// # Errors
/// `ERR value is not an integer or out of range`.
pub fn need_integer(text: &[u8]) -> Result<i64, CommandError> {
    integer(text).ok_or(CommandError::NotInteger)
}

/// A count that is not negative.
///
/// # Errors
/// `ERR value is out of range, must be positive`, for what is no integer too.
pub fn need_positive(text: &[u8]) -> Result<usize, CommandError> {
    need_positive_or(text, "ERR value is out of range, must be positive")
}

/// As [`need_positive`], with an error of the command's own.
///
/// # Errors
/// The one given.
pub fn need_positive_or(text: &[u8], error: &'static str) -> Result<usize, CommandError> {
    let count = integer(text).and_then(|count| usize::try_from(count).ok());
    count.ok_or(CommandError::fixed(error))
}

/// A count of one or more, with an error of the command's own.
///
/// # Errors
/// The one given.
pub fn need_at_least_one(text: &[u8], error: &'static str) -> Result<usize, CommandError> {
    match need_positive_or(text, error)? {
        0 => Err(CommandError::fixed(error)),
        count => Ok(count),
    }
}

/// `[COUNT count]` from `position` to the end, 1 where it is left out (LMPOP, ZMPOP).
///
/// # Errors
/// A count below one, or anything else.
pub fn need_popped_count(args: Args<'_>, position: usize) -> Result<usize, CommandError> {
    match args.len() - position {
        0 => Ok(1),
        words if words >= 2 && is_option(args.get(position), "COUNT") => {
            let count = need_at_least_one(args.get(position + 1), "ERR count should be greater than 0")?;
            if words == 2 { Ok(count) } else { Err(CommandError::Syntax) }
        }
        _ => Err(CommandError::Syntax),
    }
}

/// A database by its number.
///
/// # Errors
/// No integer, or not the number of a database.
pub fn need_database(text: &[u8]) -> Result<u8, CommandError> {
    need_integer(text)?;
    need_database_or(text, "ERR value is out of range, value must between -2147483648 and 2147483647")
}

/// As [`need_database`], with the command's own error for what is no number of 32 bits.
///
/// # Errors
/// The one given, or not the number of a database.
pub fn need_database_or(text: &[u8], error: &'static str) -> Result<u8, CommandError> {
    let number = integer(text).and_then(|number| i32::try_from(number).ok());
    u8::try_from(number.ok_or(CommandError::fixed(error))?)
        .ok()
        .filter(|number| usize::from(*number) < DATABASE_COUNT)
        .ok_or(CommandError::fixed("ERR DB index is out of range"))
}

/// A float as strtod reads it, whole argument, hexadecimal and `inf` in its spellings too; never NaN, and
/// nothing finite that overflows or vanishes.
pub fn float(text: &[u8]) -> Option<f64> {
    let digits = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
    if !matches!(digits.first()?, b'0'..=b'9' | b'.' | b'i' | b'I') {
        return None;
    }
    if matches!(digits, [b'0', b'x' | b'X', ..]) {
        return LongDouble::parse(text).and_then(|number| number.to_f64());
    }
    let value = std::str::from_utf8(text).ok()?.parse::<f64>().ok()?;
    let is_named = matches!(digits[0], b'i' | b'I');
    let mantissa = digits.iter().take_while(|byte| !matches!(byte, b'e' | b'E'));
    let has_vanished = value == 0.0 && mantissa.into_iter().any(|byte| (b'1'..=b'9').contains(byte));
    (!has_vanished && (is_named || value.is_finite())).then_some(value)
}

/// # Errors
/// `ERR value is not a valid float`.
pub fn need_float(text: &[u8]) -> Result<f64, CommandError> {
    float(text).ok_or(CommandError::NotFloat)
}

/// What C takes a text for: it ends at a zero byte.
pub fn c_string(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Whether an argument is this option, in any case. `option` is upper case.
#[inline]
pub fn is_option(argument: &[u8], option: &str) -> bool {
    argument.eq_ignore_ascii_case(option.as_bytes())
}

/// A double as Redis 7.0 prints it: C's `%.17g`.
pub fn format_double(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "-0" } else { "0" }.to_owned();
    }
    if value.fract() == 0.0 && value.abs() < 1e17 {
        return itoa::Buffer::new().format(value as i64).to_owned();
    }
    let text = format!("{value:.16e}");
    let (mantissa, exponent) = text.split_once('e').expect("LowerExp writes an exponent");
    let exponent: i32 = exponent.parse().expect("LowerExp writes an integer exponent");
    if (-4..17).contains(&exponent) {
        let decimals = (16 - exponent) as usize;
        return without_trailing_zeros(&format!("{value:.decimals$}")).to_owned();
    }
    // At least two digits of exponent, as C prints it.
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", without_trailing_zeros(mantissa), exponent.abs())
}

/// A double with up to 17 decimals and no exponent, as Redis prints coordinates.
pub fn format_decimals(value: f64) -> String {
    let text = format!("{value:.17}");
    match without_trailing_zeros(&text) {
        "-0" => "0".to_owned(),
        trimmed => trimmed.to_owned(),
    }
}

fn without_trailing_zeros(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

/// Bytes, as settings give them: `100`, `2mb` (1024²), `1m` (1000²)…
pub fn memory_size(text: &str) -> Option<u64> {
    let text = text.to_lowercase();
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_canonical() {
        for (text, expected) in [
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("01", None),
            ("-0", None),
            ("+1", None),
            (" 1", None),
            ("", None),
            ("-", None),
        ] {
            assert_eq!(integer(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn doubles_are_printed_as_redis_does() {
        for (value, expected) in [
            (3.0, "3"),
            (0.1, "0.10000000000000001"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (1e-4, "0.0001"),
            (1e-5, "1.0000000000000001e-05"),
            (-2.5, "-2.5"),
            (1e20, "1e+20"),
            (1.5e-7, "1.4999999999999999e-07"),
            (f64::INFINITY, "inf"),
            (12345678901234567.0, "12345678901234568"),
        ] {
            assert_eq!(format_double(value), expected);
        }
        assert_eq!(format_decimals(13.361389338970184), "13.36138933897018433");
        assert_eq!(format_decimals(-0.5), "-0.5");
        assert_eq!(format_decimals(-1e-20), "0");
        assert_eq!(float(b"1e3"), Some(1000.0));
        assert_eq!(float(b"-inf"), Some(f64::NEG_INFINITY));
        assert_eq!(float(b"nan"), None);
        assert_eq!(float(b" 1"), None);
        assert_eq!(float(b"0x10"), Some(16.0));
        assert_eq!(float(b"-0x1.8p1"), Some(-3.0));
        assert_eq!(float(b"1e400"), None);
        assert_eq!(float(b"1e-400"), None);
        assert_eq!(float(b"0e5"), Some(0.0));
    }

    #[test]
    fn memory_values() {
        for (text, expected) in [
            ("0", Some(0)),
            ("1k", Some(1000)),
            ("1KB", Some(1024)),
            ("2gb", Some(2 << 30)),
            ("-1", None),
            ("x", None),
            ("", None),
            ("99999999999gb", None),
        ] {
            assert_eq!(memory_size(text), expected, "{text}");
        }
    }
}
