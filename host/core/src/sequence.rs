//! Sequence numbers: decimal strings of 21 to 40 digits from AWS, shorter and zero-padded ones from emulators.
//!
//! Invariant: compared by value, kept as the stream wrote them, since a reader must hand them back letter for letter.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

#[derive(Clone)]
pub struct SequenceNumber(Box<str>);

#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a sequence number: one to 128 decimal digits")]
pub struct NotASequenceNumber(String);

/// Longer than any that DynamoDB makes; a bound, so that a broken endpoint cannot fill the checkpoints.
const DIGITS_MAX: usize = 128;

impl SequenceNumber {
    pub fn parse(text: &str) -> Result<Self, NotASequenceNumber> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if digits && text.len() <= DIGITS_MAX {
            Ok(Self(text.into()))
        } else {
            Err(NotASequenceNumber(text.chars().take(DIGITS_MAX).collect()))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number before this one; none: this is zero.
    pub fn before(&self) -> Option<Self> {
        let mut digits = self.0.as_bytes().to_vec();
        for digit in digits.iter_mut().rev() {
            if *digit == b'0' {
                *digit = b'9';
                continue;
            }
            *digit -= 1;
            return String::from_utf8(digits).ok().map(|text| Self(text.into()));
        }
        None
    }

    /// Below every number that a stream gives.
    pub fn zero() -> Self {
        Self("0".into())
    }

    fn significant(&self) -> &str {
        self.0.trim_start_matches('0')
    }
}

impl Ord for SequenceNumber {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (self.significant(), other.significant());
        a.len().cmp(&b.len()).then_with(|| a.cmp(b))
    }
}

impl PartialOrd for SequenceNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for SequenceNumber {
    fn eq(&self, other: &Self) -> bool {
        self.significant() == other.significant()
    }
}

impl Eq for SequenceNumber {}

impl Hash for SequenceNumber {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.significant().hash(state);
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(a: &str, b: &str, expected: Ordering) {
        let (a, b) = (SequenceNumber::parse(a).unwrap(), SequenceNumber::parse(b).unwrap());
        assert_eq!(a.cmp(&b), expected);
        assert_eq!(a == b, expected == Ordering::Equal);
    }

    #[test]
    fn compare_as_numbers() {
        check("9", "10", Ordering::Less);
        check("0009", "9", Ordering::Equal);
        check("000000000000000000010", "9", Ordering::Greater);
        check("100000000000000000000000000000000000002", "100000000000000000000000000000000000001", Ordering::Greater);
        check("0", "000", Ordering::Equal);
    }

    #[test]
    fn keep_what_the_stream_wrote() {
        assert_eq!(SequenceNumber::parse("00042").unwrap().as_str(), "00042");
    }

    #[test]
    fn refuse_what_is_no_number() {
        for text in ["", "-1", "1.0", "1e3", " 1", "٣", &"9".repeat(129)] {
            assert!(SequenceNumber::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_number_before() {
        for (number, before) in [
            ("1", Some("0")),
            ("0", None),
            ("000", None),
            ("100", Some("099")),
            ("12345678901234567890123", Some("12345678901234567890122")),
        ] {
            let found = SequenceNumber::parse(number).unwrap().before();
            assert_eq!(found.as_ref().map(SequenceNumber::as_str), before, "{number}");
        }
    }
}
