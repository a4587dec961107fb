//! What happened, a line for each event and action.
//!
//! Invariant: always hashed; kept only where somebody wants to read it.

use std::fmt::{self, Write as _};

#[derive(Debug)]
pub(crate) struct Trace {
    hash: u64,
    lines: Option<String>,
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

impl Trace {
    pub(crate) fn new(keep: bool) -> Self {
        Self { hash: FNV_OFFSET, lines: keep.then(String::new) }
    }

    pub(crate) fn line(&mut self, since_start_ms: u64, what: fmt::Arguments<'_>) {
        // Writing to it does not fail.
        let _ = writeln!(self, "+{since_start_ms} {what}");
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn into_lines(self) -> String {
        self.lines.unwrap_or_default()
    }
}

/// What tells shards and streams apart, and no more: IDs and ARNs are long.
pub(crate) fn short(name: &str) -> &str {
    let tail = name.rsplit(['/', '-']).next().unwrap_or(name);
    tail.split_once(':').map_or(tail, |(_, time)| time)
}

impl fmt::Write for Trace {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.hash = text.bytes().fold(self.hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
        if let Some(lines) = &mut self.lines {
            lines.push_str(text);
        }
        Ok(())
    }
}
