//! The trigger's settings, checked.

use tripline_sdk::{Failure, settings};

/// A stream keeps a change for a day, and a dead letter may be redriven days later.
const TOMBSTONE_DAYS: u32 = 8;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;
const MEMBER_BYTES_MAX: usize = 64;

#[derive(Debug)]
pub(crate) struct Settings {
    /// A name in the operator's `[targets]`.
    pub(crate) table: String,
    /// Who writes: part of each version.
    pub(crate) member: String,
    pub(crate) tombstone_ms: u64,
}

impl Settings {
    pub(crate) fn read(region: &str) -> Result<Self, Failure> {
        let table: String = settings::require("table")?;
        if table.is_empty() {
            return Err(Failure::reject("setting `table` is empty: name one of [targets]"));
        }
        let member = settings::get::<String>("member")?.unwrap_or_else(|| region.to_owned());
        if !is_member(&member) {
            let reason = format!("setting `member`: use 1 to {MEMBER_BYTES_MAX} letters, digits, `.`, `_` and `-`");
            return Err(Failure::reject(reason));
        }
        let days = settings::get::<u32>("tombstone_days")?.unwrap_or(TOMBSTONE_DAYS);
        if days == 0 {
            return Err(Failure::reject("setting `tombstone_days`: at least 1, or late puts bring deleted items back"));
        }
        Ok(Self { table, member, tombstone_ms: u64::from(days) * DAY_MS })
    }
}

/// Without `#`, which parts a version, and without what sorts below it.
fn is_member(member: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=MEMBER_BYTES_MAX).contains(&member.len()) && member.bytes().all(allowed)
}
