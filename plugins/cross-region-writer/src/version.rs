//! The version of a replicated item: which of two writes is the newer.
//!
//! Invariant: versions compare as text, in DynamoDB's conditions as here: every part has a fixed width, but for the member,
//! which stands between two `#` and holds none.

use std::fmt;

use tripline_sdk::{Change, Failure};

/// The attribute of a replicated item that holds its version, as an `S`. Reserved: what a source item has there is replaced.
pub(crate) const VERSION_ATTRIBUTE: &str = "tripline_version";

/// Enough until the year 318857.
const TIME_DIGITS: usize = 16;
/// DynamoDB's longest.
const SEQUENCE_DIGITS: usize = 40;

/// `0001700000000000#eu-west-1#0000000000000000000123400000000012345678`: creation time in milliseconds, member, sequence number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(String);

impl Version {
    pub(crate) fn of(change: &Change, member: &str) -> Result<Self, Failure> {
        let time = change.created_ms().to_string();
        let digits = change.sequence_number();
        let sequence = digits.trim_start_matches('0');
        if time.len() > TIME_DIGITS {
            return Err(Failure::reject(format!("creation time {time} has more than {TIME_DIGITS} digits")));
        }
        if digits.is_empty() || sequence.len() > SEQUENCE_DIGITS || !sequence.bytes().all(|byte| byte.is_ascii_digit()) {
            let reason = format!("the sequence number is no decimal of at most {SEQUENCE_DIGITS} digits");
            return Err(Failure::reject(reason));
        }
        Ok(Self(format!("{time:0>TIME_DIGITS$}#{member}#{sequence:0>SEQUENCE_DIGITS$}")))
    }

    /// As a tombstone holds it.
    pub(crate) fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        String::from_utf8(bytes).ok().map(Self)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
