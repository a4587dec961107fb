//! Pausing and rewinding: what an operator's words mean, and what is said of what they do. The same with a running host and without.

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use tripline_admin::{Failure, RewindWish};
use tripline_core::name::{ShardId, StreamArn, TriggerName};
use tripline_core::port::StoredWay;
use tripline_core::rewind::{Plan, Refusal, Rewind, ShardRange, Target, To, plan};
use tripline_core::sequence::SequenceNumber;
use tripline_core::time::Timestamp;
use tripline_stream::{ShardDetails, Source};

use super::known::{Known, KnownTrigger};
use super::view::{AgainView, RewindView};
use crate::clock;

pub(crate) fn refuse_resume(name: &TriggerName, known: &KnownTrigger) -> Result<(), Failure> {
    if known.paused {
        return Err(Failure::Refused(format!(
            "the config pauses trigger {name}: take `paused = true` out of [triggers.{name}], and start the host again"
        )));
    }
    Ok(())
}

/// What is meant by `to`.
pub(crate) fn target(to: &str) -> Result<Target, Failure> {
    if to == "trim-horizon" {
        return Ok(Target::TrimHorizon);
    }
    if let Ok(number) = SequenceNumber::parse(to) {
        return Ok(Target::Number { shard: None, number });
    }
    if to.starts_with(|c: char| c.is_ascii_digit()) {
        let ms = DateTime::from_str(to, Format::DateTimeWithOffset).ok().and_then(|time| time.to_millis().ok());
        let ms = ms.ok_or_else(|| {
            let shown: String = to.chars().take(100).collect();
            Failure::Invalid(format!(
                "`to`: {shown:?} is no time of RFC 3339: write it with its offset from UTC, as \"2026-11-22T19:00:00Z\""
            ))
        })?;
        return Ok(Target::Time(Timestamp::from_ms(u64::try_from(ms).unwrap_or(0))));
    }
    let named = to.rsplit_once(':').filter(|(shard, _)| !shard.is_empty());
    if let Some((shard, Ok(number))) = named.map(|(shard, number)| (shard, SequenceNumber::parse(number))) {
        return Ok(Target::Number { shard: Some(ShardId::from(shard)), number });
    }
    let shown: String = to.chars().take(100).collect();
    Err(Failure::Invalid(format!(
        "`to`: {shown:?} is neither \"trim-horizon\", nor a sequence number, nor SHARD:NUMBER, nor a time as \"2026-11-22T19:00:00Z\""
    )))
}

/// What will be written, and what is said of it.
pub(crate) struct Rewinding {
    pub(crate) rewind: Rewind,
    pub(crate) view: RewindView,
}

/// `table`: a stream of the trigger's table, for one that has no pin.
pub(crate) async fn rewinding(
    (known, source): (&Known, &Source),
    way: StoredWay,
    table: &StreamArn,
    wish: &RewindWish,
) -> Result<Rewinding, Failure> {
    let trigger = way.trigger.clone();
    known.trigger(&trigger)?;
    let target = target(&wish.to)?;
    let shards = match (&target, &way.pin) {
        (Target::Number { .. }, Some(pin)) => {
            let details = source.details(&pin.stream).await;
            let details = details.map_err(|error| Failure::Unavailable(format!("the stream's shards cannot be listed: {error}")))?;
            details.shards.iter().map(range).collect()
        }
        _ => Vec::new(),
    };
    let now = clock::now();
    let plan = plan(&way, &target, &shards, now).map_err(|refusal: Refusal| Failure::Refused(format!("trigger {trigger}: {refusal}")))?;
    let view = view((&trigger, &target), wish, &plan);
    let table = way.pin.map_or_else(|| table.clone(), |pin| pin.stream);
    Ok(Rewinding { rewind: Rewind { trigger, table, to: plan.to, reset_state: wish.reset_state, now }, view })
}

fn range(shard: &ShardDetails) -> ShardRange {
    let number = |text: &Option<Box<str>>| text.as_deref().and_then(|text| SequenceNumber::parse(text).ok());
    ShardRange { description: shard.description.clone(), first: number(&shard.first), last: number(&shard.last) }
}

fn view((trigger, target): (&TriggerName, &Target), wish: &RewindWish, plan: &Plan) -> RewindView {
    let to = match &plan.to {
        To::Start(since) if since.as_ms() == 0 => "the oldest change that the table's streams still hold".to_owned(),
        To::Start(since) => format!("what was created from {} on", time(*since)),
        To::Shard { shard, .. } => {
            let change =
                if let Target::Number { number, .. } = target { format!("change {number}") } else { "what is set back".to_owned() };
            format!("{change} of shard {shard}, and all after it there and in the shards that come of it")
        }
    };
    let mut notes = plan.notes.clone();
    notes.push(if wish.reset_state {
        "its counters and its state are removed; its dead letters and its mail are not".to_owned()
    } else {
        "its counters and its state stay: what is handled again is counted again (--reset-state removes them)".to_owned()
    });
    RewindView {
        trigger: trigger.to_string(),
        dry_run: wish.dry_run,
        to,
        reset_state: wish.reset_state,
        shards: plan
            .shards
            .iter()
            .map(|(stream, shard)| AgainView { stream: stream.to_string(), shard: shard.to_string() })
            .collect(),
        // Only of one that has begun no shard is it known.
        changes: plan.shards.is_empty().then_some(0),
        notes,
    }
}

fn time(time: Timestamp) -> String {
    let ms = i64::try_from(time.as_ms()).unwrap_or(i64::MAX);
    DateTime::from_millis(ms).fmt(Format::DateTime).unwrap_or_else(|_| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(to: &str, expected: &str) {
        let shown = match target(to) {
            Ok(Target::TrimHorizon) => "horizon".to_owned(),
            Ok(Target::Time(time)) => format!("time {}", time.as_ms()),
            Ok(Target::Number { shard, number }) => format!("number {number} of {shard:?}"),
            Err(failure) => failure.to_string(),
        };
        assert!(shown.contains(expected), "{shown}");
    }

    #[test]
    fn what_to_means() {
        check("trim-horizon", "horizon");
        check("00123", "number 00123 of None");
        check("shardId-0001:99", "number 99 of Some(\"shardId-0001\")");
        check("1970-01-01T00:00:01Z", "time 1000");
        check("1970-01-01T01:00:01+01:00", "time 1000");
        check("1960-01-01T01:00:01Z", "time 0");
    }

    #[test]
    fn what_means_nothing_is_refused_with_the_remedy() {
        for neither in ["", "latest", "TRIM_HORIZON", "shardId-1:", ":5", "shardId-1:x5", "-1", "\0"] {
            check(neither, "is neither \"trim-horizon\"");
        }
        for no_time in ["2026-11-22T20:00:00", "2026-11-22", "1e5", "12:30", "2026-13-01T00:00:00Z"] {
            check(no_time, "is no time of RFC 3339");
        }
    }
}
