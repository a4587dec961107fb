//! Sequence numbers: decimal, beyond 64 bits, compared by value.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(pub u128);

/// The least number of digits that AWS gives and takes.
const DIGITS_MIN: usize = 21;
const DIGITS_MAX: usize = 40;

impl Number {
    /// As AWS takes it: 21 to 40 digits. None also for what is beyond 128 bits, which this world never gives.
    pub fn parse(text: &str) -> Option<Self> {
        let legal = (DIGITS_MIN..=DIGITS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| legal).map(Self)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Zeros in front only where a number would be shorter than AWS's are.
        write!(f, "{:0width$}", self.0, width = DIGITS_MIN)
    }
}
