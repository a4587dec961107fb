//! DynamoDB's numbers: decimals of up to 38 digits, as text.
//!
//! Invariant: a number is never rounded in silence. A float is given only where the author asks for one, or where it prints as
//! that very decimal.

use std::borrow::Cow;
use std::str::FromStr;

/// A decimal in its only form: no zeros at either end of the digits, value = digits · 10^exponent.
#[derive(Debug, PartialEq)]
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, i64::from(i32::from_str(exponent).ok()?)),
            None => (text, 0),
        };
        let negative = mantissa.starts_with('-');
        let mantissa = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let significant = digits.trim_start_matches('0').trim_end_matches('0').to_owned();
        if significant.is_empty() {
            return Some(Self { negative: false, digits: significant, exponent: 0 });
        }
        let zeros = digits.len() - digits.trim_end_matches('0').len();
        let exponent = exponent - fraction.len() as i64 + zeros as i64;
        Some(Self { negative, digits: significant, exponent })
    }
}

/// More digits than any integer of Rust's has.
const INTEGER_DIGITS_MAX: i64 = 40;

/// The number as plain digits, where it is an integer that can fit one of Rust's: `1E+3` and `1000.0` are `1000`.
fn integer_digits(text: &str) -> Option<Cow<'_, str>> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    if !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Cow::Borrowed(text));
    }
    let Decimal { negative, digits, exponent } = Decimal::parse(text)?;
    if digits.is_empty() {
        return Some(Cow::Borrowed("0"));
    }
    if !(0..=INTEGER_DIGITS_MAX - digits.len() as i64).contains(&exponent) {
        return None;
    }
    let sign = if negative { "-" } else { "" };
    Some(Cow::Owned(format!("{sign}{digits}{}", "0".repeat(exponent as usize))))
}

pub(super) fn integer<T: FromStr>(text: &str) -> Option<T> {
    integer_digits(text)?.parse().ok()
}

/// A float near the number; none where it is no number, or beyond the largest float.
pub(super) fn float(text: &str) -> Option<f64> {
    // `f64::from_str` knows more than decimals: `inf`, `nan`. Both begin with a letter.
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.').then_some(())?;
    text.parse().ok().filter(|float: &f64| float.is_finite())
}

/// The float that prints as this very decimal, if there is one.
pub(super) fn exact_float(text: &str) -> Option<f64> {
    let float = float(text)?;
    (Decimal::parse(&float.to_string()) == Decimal::parse(text)).then_some(float)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_in_every_notation_that_dynamodb_or_an_emulator_writes() {
        for (text, expected) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("0.00", Some(0)),
            ("42", Some(42)),
            ("-42", Some(-42)),
            ("1E+3", Some(1000)),
            ("-1.5e1", Some(-15)),
            ("120.0", Some(120)),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("1.5", None),
            ("1e-1", None),
            ("1E+125", None),
            ("1e2147483648", None),
            ("", None),
            ("-", None),
            (".", None),
            ("abc", None),
            ("1 ", None),
            ("0x10", None),
        ] {
            assert_eq!(integer::<i64>(text), expected, "{text}");
        }
        assert_eq!(integer::<u128>("99999999999999999999999999999999999999"), Some(99_999_999_999_999_999_999_999_999_999_999_999_999));
        assert_eq!(integer::<u8>("-1"), None);
    }

    #[test]
    fn floats_are_exact_or_asked_for() {
        for (text, asked, exact) in [
            ("19.99", Some(19.99), Some(19.99)),
            ("1E+3", Some(1000.0), Some(1000.0)),
            ("0.1", Some(0.1), Some(0.1)),
            ("0.10000000000000000000000000001", Some(0.1), None),
            ("12345678901234567890.5", Some(12_345_678_901_234_567_000.0), None),
            ("9.9E+125", Some(9.9e125), Some(9.9e125)),
            ("1E+400", None, None),
            ("nan", None, None),
            ("inf", None, None),
        ] {
            assert_eq!(float(text), asked, "{text}");
            assert_eq!(exact_float(text), exact, "{text}");
        }
    }
}
