//! Durations and sizes as people write them: `100ms`, `24h`, `64KiB`, `1MB`.
//!
//! Whole numbers with one unit: there is one reading of each, and it survives being written back.

use std::time::Duration;

const DURATION_UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("m", 60 * 1000), ("h", 60 * 60 * 1000)];

const SIZE_UNITS: [(&str, usize); 7] =
    [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("KB", 1000), ("MB", 1000 * 1000), ("GB", 1000 * 1000 * 1000)];

pub(crate) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = number_and_unit(text)?;
    let (_, unit_ms) = DURATION_UNITS.into_iter().find(|(name, _)| *name == unit)?;
    let number: u64 = number.parse().ok()?;
    Some(Duration::from_millis(number.checked_mul(unit_ms)?))
}

/// `first..max`.
pub(super) fn duration_range(text: &str) -> Option<(Duration, Duration)> {
    let (first, max) = text.split_once("..")?;
    Some((duration(first)?, duration(max)?))
}

/// `10/s`, `600/m`, `1000/h`: so many in a time.
pub(super) fn rate(text: &str) -> Option<(u32, Duration)> {
    let (count, unit) = text.split_once('/')?;
    let (_, unit_ms) = DURATION_UNITS.into_iter().find(|(name, _)| *name == unit && *name != "ms")?;
    let is_number = !count.is_empty() && count.bytes().all(|b| b.is_ascii_digit());
    Some((count.parse().ok().filter(|_| is_number)?, Duration::from_millis(unit_ms)))
}

pub(crate) fn size(text: &str) -> Option<usize> {
    let (number, unit) = number_and_unit(text)?;
    let (_, unit_bytes) = SIZE_UNITS.into_iter().find(|(name, _)| *name == unit)?;
    let number: usize = number.parse().ok()?;
    number.checked_mul(unit_bytes)
}

/// A space between the two is allowed.
fn number_and_unit(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(end);
    (!number.is_empty()).then(|| (number, unit.strip_prefix(' ').unwrap_or(unit)))
}

/// In the largest unit that leaves a whole number.
pub(super) fn show_duration(duration: Duration) -> String {
    let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if ms == 0 {
        return "0s".to_owned();
    }
    let (unit, unit_ms) = DURATION_UNITS.into_iter().rev().find(|(_, unit)| ms.is_multiple_of(*unit)).unwrap_or(("ms", 1));
    format!("{}{unit}", ms / unit_ms)
}

pub(super) fn show_size(bytes: usize) -> String {
    let binary = [("GiB", 1usize << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let (unit, unit_bytes) = binary.into_iter().find(|(_, unit)| bytes > 0 && bytes.is_multiple_of(*unit)).unwrap_or(("B", 1));
    format!("{}{unit}", bytes / unit_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_duration(text: &str, ms: Option<u64>) {
        assert_eq!(duration(text), ms.map(Duration::from_millis), "{text:?}");
        if let Some(read) = duration(text) {
            assert_eq!(duration(&show_duration(read)), Some(read), "{text:?} written back");
        }
    }

    #[track_caller]
    fn check_size(text: &str, bytes: Option<usize>) {
        assert_eq!(size(text), bytes, "{text:?}");
        if let Some(read) = size(text) {
            assert_eq!(size(&show_size(read)), Some(read), "{text:?} written back");
        }
    }

    #[test]
    fn durations() {
        check_duration("100ms", Some(100));
        check_duration("10s", Some(10_000));
        check_duration("5 m", Some(300_000));
        check_duration("24h", Some(86_400_000));
        check_duration("0s", Some(0));
        for text in ["", "s", "10", "1.5s", "-1s", "1d", "10S", "1h30m", "99999999999999999999s", "18446744073709551615h"] {
            check_duration(text, None);
        }
    }

    #[test]
    fn ranges_of_durations() {
        let ms = Duration::from_millis;
        assert_eq!(duration_range("100ms..30s"), Some((ms(100), ms(30_000))));
        for text in ["100ms", "..30s", "100ms..", "1s-2s", "1s..2s..3s"] {
            assert_eq!(duration_range(text), None, "{text:?}");
        }
    }

    #[test]
    fn rates() {
        let seconds = Duration::from_secs;
        assert_eq!(rate("10/s"), Some((10, seconds(1))));
        assert_eq!(rate("600/m"), Some((600, seconds(60))));
        assert_eq!(rate("1000/h"), Some((1000, seconds(3600))));
        for text in ["", "10", "/s", "10/", "10/ms", "10/d", "+1/s", "1.5/s", "-1/s", "10 / s", "10/s/s", "99999999999/s"] {
            assert_eq!(rate(text), None, "{text:?}");
        }
    }

    #[test]
    fn sizes() {
        check_size("12B", Some(12));
        check_size("64KiB", Some(65_536));
        check_size("1MiB", Some(1_048_576));
        check_size("1MB", Some(1_000_000));
        check_size("1 GiB", Some(1 << 30));
        check_size("0B", Some(0));
        for text in ["", "12", "MiB", "1mb", "1.5MiB", "-1B", "1TiB", "18446744073709551615GiB"] {
            check_size(text, None);
        }
    }
}
