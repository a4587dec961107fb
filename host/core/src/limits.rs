//! Bounds on what a guest may hand over. All of them are in the WIT's comments, which plugin authors read.

pub const COUNTER_NAME_BYTES_MAX: usize = 64;
pub const COUNTER_LABELS_MAX: usize = 8;
pub const LABEL_VALUE_BYTES_MAX: usize = 1024;
pub const STATE_KEY_BYTES_MAX: usize = 2 * 1024;
pub const STATE_VALUE_BYTES_MAX: usize = 256 * 1024;
pub const MAIL_RECIPIENTS_MAX: usize = 50;
pub const MAIL_BODY_BYTES_MAX: usize = 1024 * 1024;
pub const MAIL_SUBJECT_BYTES_MAX: usize = 998;
/// Mutations that one batch may leave behind, and the bytes of them: one commit writes them all.
pub const EFFECTS_MAX: usize = 100_000;
pub const EFFECT_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Keys of committed state that one batch may read, and the bytes of them and their values: the commit checks that they still stand.
pub const SEEN_MAX: usize = 100_000;
pub const SEEN_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Writes of one transaction; DynamoDB's own bound.
pub const TRANSACTION_WRITES_MAX: usize = 100;
/// Keys of one read of a table, and the bytes of the items that it may find.
pub const TABLE_KEYS_MAX: usize = 1000;
pub const TABLE_READ_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Series of metrics that one trigger's plugin may make; what is beyond is dropped and counted.
pub const METRIC_SERIES_MAX: usize = 1000;
/// Upper bounds of the buckets of every histogram of a plugin.
pub const METRIC_BUCKETS: [f64; 19] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0];
/// A log line of a guest is cut here; lines beyond the count of a batch are dropped and counted.
pub const LOG_LINE_BYTES_MAX: usize = 4 * 1024;
pub const LOG_LINES_PER_BATCH_MAX: u32 = 1000;
/// A reason for a failure is kept in dead letters and logs: cut here.
pub const REASON_BYTES_MAX: usize = 8 * 1024;

/// `text` cut to at most `bytes_max` bytes, on a character boundary.
pub fn cut(text: &str, bytes_max: usize) -> &str {
    if text.len() <= bytes_max {
        return text;
    }
    let mut end = bytes_max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// `[a-z][a-z0-9_]*`: what counters and their labels are called, so that they are metric names too.
pub fn is_metric_name(name: &str) -> bool {
    name.len() <= COUNTER_NAME_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_keeps_characters_whole() {
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("aé", 3), "aé");
    }

    #[test]
    fn metric_names() {
        assert!(is_metric_name("orders_by_status2"));
        for name in ["", "Orders", "2x", "a-b", "_a", "é", &"a".repeat(65)] {
            assert!(!is_metric_name(name), "{name}");
        }
    }
}
