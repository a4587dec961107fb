//! How much is told of what calls do outside, so that one that does it without end fills no memory.
//!
//! Always holds: what is told of a call is its beginning; the rest is counted, by its kind.

use std::fmt;

/// Reads, writes, requests and samples of one call, and the bytes of them.
const CALL_MAX: usize = 10_000;
const CALL_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Of all calls of a rehearsal, logs among them.
const ALL_BYTES_MAX: usize = 256 * 1024 * 1024;
/// What one costs besides its bytes.
pub(super) const ENTRY_BYTES: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Room {
    told: usize,
    bytes: usize,
    all_bytes: usize,
    /// Of this call.
    is_full: bool,
}

impl Room {
    pub(super) fn next_call(&mut self) {
        *self = Self { all_bytes: self.all_bytes, ..Self::default() };
    }

    /// Whether one more is told.
    pub(super) fn takes(&mut self, bytes: usize) -> bool {
        self.is_full |= self.told >= CALL_MAX || self.bytes.saturating_add(bytes) > CALL_BYTES_MAX || !self.takes_line(bytes);
        if !self.is_full {
            self.told += 1;
            self.bytes += bytes;
        }
        !self.is_full
    }

    /// Of a call's lines there is a bound already.
    pub(super) fn takes_line(&mut self, bytes: usize) -> bool {
        let all_bytes = self.all_bytes.saturating_add(bytes).saturating_add(ENTRY_BYTES);
        let fits = all_bytes <= ALL_BYTES_MAX;
        if fits {
            self.all_bytes = all_bytes;
        }
        fits
    }
}

/// What a call did and is not told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(super) struct Untold {
    #[serde(skip_serializing_if = "is_none")]
    pub(super) logs: usize,
    #[serde(skip_serializing_if = "is_none")]
    pub(super) reads: usize,
    #[serde(skip_serializing_if = "is_none")]
    pub(super) writes: usize,
    /// Of transactions: they write nothing.
    #[serde(skip_serializing_if = "is_none")]
    pub(super) checks: usize,
    #[serde(skip_serializing_if = "is_none")]
    pub(super) requests: usize,
    #[serde(skip_serializing_if = "is_none")]
    pub(super) samples: usize,
}

pub(super) fn is_none(number: &usize) -> bool {
    *number == 0
}

impl Untold {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Untold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [
            (self.logs, "log line"),
            (self.reads, "table read"),
            (self.writes, "table write"),
            (self.checks, "check"),
            (self.requests, "request"),
            (self.samples, "sample"),
        ];
        let shown = kinds.iter().filter(|(count, _)| *count > 0);
        let shown: Vec<String> = shown
            .map(|(count, kind)| format!("{count} more {kind}{}", if *count == 1 { "" } else { "s" }))
            .collect();
        f.write_str(&shown.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_each_call_is_told() {
        let mut room = Room::default();
        assert_eq!((0..CALL_MAX + 7).filter(|_| room.takes(1)).count(), CALL_MAX);
        room.next_call();
        assert!(room.takes(CALL_BYTES_MAX - 1) && !room.takes(2) && !room.takes(1), "what follows what found no room is not told");
        room.next_call();
        assert!(room.takes(1));
    }

    #[test]
    fn all_calls_together_have_a_bound() {
        let mut room = Room::default();
        let told = (0..100).filter(|_| {
            room.next_call();
            room.takes(CALL_BYTES_MAX)
        });
        assert_eq!(told.count(), 31);
        assert!(room.takes_line(1000) && !room.takes_line(CALL_BYTES_MAX));
    }

    #[test]
    fn what_is_not_told_is_counted_by_its_kind() {
        let untold = Untold { writes: 12, reads: 1, ..Untold::default() };
        assert_eq!(untold.to_string(), "1 more table read, 12 more table writes");
        assert_eq!(serde_json::to_string(&untold).unwrap(), r#"{"reads":1,"writes":12}"#);
    }
}
