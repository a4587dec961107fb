//! `start`: where a trigger begins that has never run.
//!
//! Always holds: a time names its offset, and is not to come: what was meant by one that is nobody could tell.

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use tripline_core::gap::RETENTION;
use tripline_core::start::Start;
use tripline_core::time::Timestamp;

use super::fault::did_you_mean;
use super::read::Value;
use crate::clock;

const WORDS: [(&str, Start); 2] = [("trim-horizon", Start::TrimHorizon), ("latest", Start::Latest)];

pub(super) fn start(value: &Value<'_>) -> Option<Start> {
    // TOML's own times need no quotes.
    if let Some(time) = value.raw.as_datetime() {
        return at(value, &time.to_string());
    }
    let text = value.text()?;
    if let Some((_, start)) = WORDS.iter().find(|(word, _)| *word == text) {
        return Some(*start);
    }
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return at(value, text);
    }
    if text == "snapshot" {
        value.planned("\"snapshot\"", "set \"trim-horizon\" or \"latest\"");
        return None;
    }
    let remedy = match did_you_mean(text, WORDS.map(|(word, _)| word)) {
        Some(word) => format!("did you mean {word:?}?"),
        None => "write \"trim-horizon\", \"latest\", or a time as \"2026-11-22T19:00:00Z\"".to_owned(),
    };
    value.fault(format!("{text:?} is not known here"), remedy);
    None
}

fn at(value: &Value<'_>, text: &str) -> Option<Start> {
    let ms = DateTime::from_str(text, Format::DateTimeWithOffset).ok().and_then(|time| time.to_millis().ok());
    let Some(ms) = ms else {
        let remedy = "write it with its offset from UTC, as \"2026-11-22T19:00:00Z\" or \"2026-11-22T20:00:00+01:00\"";
        value.fault(format!("{text} is no time of RFC 3339"), remedy);
        return None;
    };
    let (time, now) = (Timestamp::from_ms(u64::try_from(ms).unwrap_or(0)), clock::now());
    if time > now {
        value.fault(format!("{text} is to come"), "write a time that is over; to begin with what is written from now on, write \"latest\"");
        return None;
    }
    if now.since(time) > RETENTION {
        value.warn(
            "is more than 24 hours ago, and no stream remembers that: a trigger that has never run begins with the oldest change that there is",
        );
    }
    Some(Start::At(time))
}
