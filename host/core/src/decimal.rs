//! Exact decimals for counters: DynamoDB's numbers and their sums, never a float.
//!
//! Invariant: the exponent is bounded, so that no text of a few bytes becomes a number of gigabytes.

use std::fmt;
use std::ops::{Add, AddAssign};
use std::str::FromStr;

use bigdecimal::{BigDecimal, Zero};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decimal(BigDecimal);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    #[error("`{0}` is not a decimal such as 1, -19.99 or 1E+3")]
    NotADecimal(String),
    #[error("`{0}` is outside what DynamoDB stores: 38 digits between 1E-130 and 9.9E+125")]
    OutOfRange(String),
}

/// DynamoDB's smallest magnitude is 1E-130, written with up to 38 digits; its largest is below 1E+126.
const SCALE_MAX: i64 = 130 + 38;
const DIGITS_MAX: u64 = 300;
const TEXT_MAX: usize = 320;
/// A sum of such numbers, written plainly: it has a few digits more than its longest term in front, and all of its places behind.
const SUM_TEXT_MAX: usize = 1024;

impl Decimal {
    /// One number of a guest's.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        let value = Self::parse_within(text, TEXT_MAX)?;
        let scale = value.0.fractional_digit_count();
        if !(-SCALE_MAX..=SCALE_MAX).contains(&scale) || value.0.digits() > DIGITS_MAX {
            return Err(DecimalError::OutOfRange(text.chars().take(64).collect()));
        }
        Ok(value)
    }

    /// A sum as `Display` wrote it: whatever numbers it was made of, it can be read back.
    pub fn parse_sum(text: &str) -> Result<Self, DecimalError> {
        if text.contains(['e', 'E']) {
            return Err(DecimalError::NotADecimal(text.chars().take(64).collect()));
        }
        Self::parse_within(text, SUM_TEXT_MAX)
    }

    fn parse_within(text: &str, text_max: usize) -> Result<Self, DecimalError> {
        let shown = || text.chars().take(64).collect::<String>();
        let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
        if text.is_empty() || text.len() > text_max || !plain {
            return Err(DecimalError::NotADecimal(shown()));
        }
        let value = BigDecimal::from_str(text).map_err(|_| DecimalError::NotADecimal(shown()))?;
        Ok(Self(value))
    }

    pub fn is_zero(&self) -> bool {
        self.0.is_zero()
    }

    /// The nearest float, for a gauge: Prometheus has nothing more exact.
    pub fn to_f64(&self) -> f64 {
        self.to_string().parse().unwrap_or(f64::NAN)
    }
}

impl AddAssign<&Decimal> for Decimal {
    fn add_assign(&mut self, other: &Decimal) {
        self.0 += &other.0;
    }
}

impl Add<&Decimal> for &Decimal {
    type Output = Decimal;

    fn add(self, other: &Decimal) -> Decimal {
        Decimal(&self.0 + &other.0)
    }
}

impl fmt::Display for Decimal {
    /// One text for each value, without an exponent or trailing zeros: `1E+3` and `1000.00` are both `1000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.normalized().to_plain_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_sum(terms: &[&str], expected: &str) {
        let mut sum = Decimal::default();
        for term in terms {
            sum += &Decimal::parse(term).unwrap();
        }
        assert_eq!(sum.to_string(), expected);
    }

    #[test]
    fn sums_are_exact() {
        check_sum(&["0.1", "0.2"], "0.3");
        check_sum(&["1E+3", "-1000.00"], "0");
        check_sum(&["99999999999999999999999999999999999999", "1"], "100000000000000000000000000000000000000");
        check_sum(&["1e-130", "1"], &format!("1.{}1", "0".repeat(129)));
        check_sum(&["9.9E+125", "-9.9E+125", "0.01"], "0.01");
        check_sum(&["1200"], "1200");
    }

    #[test]
    fn the_widest_sums_can_be_read_back() {
        let large = Decimal::parse(&format!("{}e168", "9".repeat(300))).unwrap();
        let mut sum = Decimal::parse(&format!("{}e-168", "9".repeat(300))).unwrap();
        for _ in 0..1000 {
            sum += &large;
        }
        assert_eq!(Decimal::parse_sum(&sum.to_string()), Ok(sum));
    }

    #[test]
    fn refuses_what_is_no_decimal_and_what_would_not_fit() {
        for text in ["", "abc", "1_000", "NaN", "inf", "0x1", " 1", "--1", "1e"] {
            assert!(matches!(Decimal::parse(text), Err(DecimalError::NotADecimal(_))), "{text}");
        }
        for text in ["1e999999999", "1e-999999999", "1e400"] {
            assert!(matches!(Decimal::parse(text), Err(DecimalError::OutOfRange(_))), "{text}");
        }
    }
}
