//! Setting a trigger back, so that what it has handled comes to it again.
//!
//! Always holds: a rewind never skips. What the trigger has not acknowledged yet still comes to it, wherever it is set back to; what would lie ahead
//! of that is refused.
//! Knows no clock and no store: `plan` says what is to be written.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::checkpoint::Checkpoint;
use crate::gap::RETENTION;
use crate::name::{ShardId, StreamArn, TriggerName};
use crate::port::{StoredCheckpoint, StoredWay};
use crate::sequence::SequenceNumber;
use crate::shard_graph::ShardDescription;
use crate::start::Pin;
use crate::time::Timestamp;

/// A shard that was read to its end has children within seconds; an answer may leave them out for some minutes.
const CHILDREN_LATE_MAX: Duration = Duration::from_secs(15 * 60);

/// Where an operator wants the trigger to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The oldest change that the table's streams still hold.
    TrimHorizon,
    Time(Timestamp),
    /// This change, and all after it in its shard and in the shards that come of it. `shard`: where several may hold the number.
    Number {
        shard: Option<ShardId>,
        number: SequenceNumber,
    },
}

/// What is written, in one transaction.
#[derive(Clone, Debug)]
pub struct Rewind {
    pub trigger: TriggerName,
    /// A stream of the table; which one does not matter.
    pub table: StreamArn,
    pub to: To,
    /// The trigger's counters and state go too.
    pub reset_state: bool,
    pub now: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// Its pin and its checkpoints of the table go; it sets out anew with what was created from then on.
    Start(Timestamp),
    Shard {
        pin: Pin,
        shard: ShardId,
        checkpoint: Checkpoint,
        /// The shards that come of it: what is known of them goes.
        forget: Vec<ShardId>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub to: To,
    /// Of which changes come again, as far as the trigger has read them.
    pub shards: Vec<(StreamArn, ShardId)>,
    /// What an operator should know.
    pub notes: Vec<String>,
}

/// A shard as DescribeStream has it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardRange {
    pub description: ShardDescription,
    pub first: Option<SequenceNumber>,
    /// None: it is open.
    pub last: Option<SequenceNumber>,
}

/// Why it would make no sense; each says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("that time is to come: name one that is over")]
    ToCome,
    #[error("the trigger has never run, so there is nothing to set back: `start` in the config says where it begins")]
    NeverRun,
    #[error(
        "no shard that the stream still has holds sequence number {0}: take one that `tripline streams tail` or `tripline dlq show` printed, or rewind to \
         a time"
    )]
    NoShard(SequenceNumber),
    #[error("shard {0} is gone, and its changes with it: rewind to trim-horizon for the oldest there are")]
    ShardGone(ShardId),
    #[error("the stream has no shard {0}: `tripline streams describe` lists those it has")]
    UnknownShard(ShardId),
    #[error("sequence number {number} is outside of what shard {shard} holds: name the shard that holds it, or rewind to a time")]
    Outside { shard: ShardId, number: SequenceNumber },
    #[error(
        "the trigger has not come to sequence number {0} yet: setting it ahead would skip what lies between. Name one that it has read"
    )]
    Ahead(SequenceNumber),
    #[error("several shards may hold sequence number {number}: name one, as {}", .shards.iter().map(|shard| format!("{shard}:{number}")).collect::<Vec<_>>().join(" or "))]
    Ambiguous { number: SequenceNumber, shards: Vec<ShardId> },
}

/// `shards`: of the pin's stream; only a number needs them.
pub fn plan(way: &StoredWay, target: &Target, shards: &[ShardRange], now: Timestamp) -> Result<Plan, Refusal> {
    match target {
        Target::TrimHorizon => Ok(anew(way, Timestamp::default(), Vec::new())),
        Target::Time(time) => to_time(way, *time, now),
        Target::Number { shard, number } => to_number(way, (shard.as_ref(), number), shards),
    }
}

fn anew(way: &StoredWay, since: Timestamp, notes: Vec<String>) -> Plan {
    let of_table = |row: &&StoredCheckpoint| way.pin.as_ref().is_none_or(|pin| pin.stream.table_part() == row.stream.table_part());
    let shards = way.checkpoints.iter().filter(of_table).map(|row| (row.stream.clone(), row.shard.clone()));
    Plan { to: To::Start(since), shards: shards.collect(), notes }
}

fn to_time(way: &StoredWay, time: Timestamp, now: Timestamp) -> Result<Plan, Refusal> {
    if time > now {
        return Err(Refusal::ToCome);
    }
    let mut notes = Vec::new();
    if now.since(time) > RETENTION {
        notes.push("that is more than 24 hours ago, and no stream remembers it: it begins with the oldest change that there is".to_owned());
    }
    let handled = handled_until(way);
    if handled < time {
        notes.push(
            "it is not known that the trigger has handled everything that is older: it begins earlier, so that nothing is skipped"
                .to_owned(),
        );
    }
    Ok(anew(way, time.min(handled), notes))
}

/// Everything that was created before then is acknowledged: of the shards that it reads, and of those whose children it may not have begun yet.
fn handled_until(way: &StoredWay) -> Timestamp {
    let Some(pin) = &way.pin else {
        // Of one that has never run there is nothing to skip.
        let never = way.checkpoints.is_empty().then_some(Timestamp::from_ms(u64::MAX));
        return way.start.or(never).unwrap_or_default();
    };
    let of_stream = || way.checkpoints.iter().filter(|row| row.stream == pin.stream).map(|row| &row.checkpoint);
    let newest = of_stream().filter_map(|checkpoint| checkpoint.complete_until).max();
    let may_lack_children = |checkpoint: &&Checkpoint| {
        let age = newest.zip(checkpoint.complete_until).map(|(newest, until)| newest.since(until));
        !checkpoint.finished || age.is_none_or(|age| age < CHILDREN_LATE_MAX)
    };
    let until = of_stream()
        .filter(may_lack_children)
        .map(|checkpoint| checkpoint.complete_until.unwrap_or_default())
        .min();
    until.or(pin.complete_until).unwrap_or_default()
}

fn to_number(way: &StoredWay, (named, number): (Option<&ShardId>, &SequenceNumber), shards: &[ShardRange]) -> Result<Plan, Refusal> {
    let pin = way.pin.as_ref().ok_or(Refusal::NeverRun)?;
    let stored = |id: &ShardId| {
        way.checkpoints
            .iter()
            .find(|row| row.stream == pin.stream && row.shard == *id)
            .map(|row| &row.checkpoint)
    };
    if let Some(named) = named
        && !shards.iter().any(|shard| shard.description.id == *named)
    {
        return Err(if stored(named).is_some() { Refusal::ShardGone(named.clone()) } else { Refusal::UnknownShard(named.clone()) });
    }
    let holding = shards
        .iter()
        .filter(|shard| named.is_none_or(|named| *named == shard.description.id) && holds(shard, number, stored));
    let holding: Vec<&ShardRange> = holding.collect();
    if holding.is_empty() {
        // Of a shard that it still reads, though the endpoint names a last number of it.
        let is_read = |shard: &ShardRange| stored(&shard.description.id).is_some_and(|checkpoint| !checkpoint.finished);
        let may_come = |shard: &&ShardRange| is_read(shard) && shard.first.as_ref().is_none_or(|first| first <= number);
        if shards.iter().filter(may_come).any(|shard| named.is_none_or(|named| *named == shard.description.id)) {
            return Err(Refusal::Ahead(number.clone()));
        }
        return Err(match named {
            Some(shard) => Refusal::Outside { shard: shard.clone(), number: number.clone() },
            None => Refusal::NoShard(number.clone()),
        });
    }
    let has_read = |shard: &&&ShardRange| stored(&shard.description.id).is_some_and(|checkpoint| came_to(checkpoint, number));
    let read: Vec<&ShardId> = holding.iter().filter(has_read).map(|shard| &shard.description.id).collect();
    let shard = match read.as_slice() {
        [] => return Err(Refusal::Ahead(number.clone())),
        [shard] => (*shard).clone(),
        several => {
            let shards = several.iter().map(|shard| (*shard).clone()).collect();
            return Err(Refusal::Ambiguous { number: number.clone(), shards });
        }
    };
    let forget = descendants(&shard, shards);
    let again = std::iter::once(&shard).chain(forget.iter().filter(|id| stored(id).is_some()));
    let again = again.map(|id| (pin.stream.clone(), id.clone())).collect();
    let complete_until = stored(&shard).and_then(|checkpoint| checkpoint.complete_until);
    let checkpoint = Checkpoint { complete_until, ..all_below(number) };
    // What was older than the trigger's start was passed over; now it is asked for.
    let pin = Pin { since: None, over: false, ..pin.clone() };
    Ok(Plan { to: To::Shard { pin, shard, checkpoint, forget }, shards: again, notes: Vec::new() })
}

/// Some endpoints name a last number of an open shard too: what is read of it is in it all the same.
fn holds<'c>(shard: &ShardRange, number: &SequenceNumber, stored: impl Fn(&ShardId) -> Option<&'c Checkpoint>) -> bool {
    let begun = shard.first.as_ref().is_none_or(|first| first <= number);
    let ended = shard.last.as_ref().is_some_and(|last| last < number);
    let is_read = || stored(&shard.description.id).is_some_and(|checkpoint| !checkpoint.finished && came_to(checkpoint, number));
    begun && (!ended || is_read())
}

/// Whether the trigger has acknowledged something there, or after it.
fn came_to(checkpoint: &Checkpoint, number: &SequenceNumber) -> bool {
    let beyond = checkpoint.acknowledged.end().is_some_and(|last| last >= number);
    checkpoint.covers(number) || beyond
}

/// Everything that is older is acknowledged. No watermark: a reader would ask the stream for what comes after it, and no change may have that number.
fn all_below(number: &SequenceNumber) -> Checkpoint {
    let below = number.before().map(|before| (SequenceNumber::zero(), before));
    Checkpoint { acknowledged: below.into_iter().collect(), ..Checkpoint::default() }
}

/// All shards that come of this one, it itself not among them.
fn descendants(shard: &ShardId, shards: &[ShardRange]) -> Vec<ShardId> {
    let mut found: BTreeSet<&ShardId> = BTreeSet::from([shard]);
    loop {
        let of_found = |range: &&ShardRange| range.description.parent.as_ref().is_some_and(|parent| found.contains(parent));
        let more: Vec<&ShardId> = shards.iter().filter(of_found).map(|range| &range.description.id).collect();
        let before = found.len();
        found.extend(more);
        if found.len() == before {
            return found.into_iter().filter(|id| *id != shard).cloned().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(100 * 60 * 60 * 1000);

    fn number(n: u64) -> SequenceNumber {
        SequenceNumber::parse(&n.to_string()).unwrap()
    }

    fn arn() -> StreamArn {
        StreamArn::from("arn:aws:dynamodb:eu-west-1:1:table/t/stream/2026")
    }

    /// `a:10 b:20! c`: checkpoints with their watermarks, `!` where finished; each complete until a minute times its place.
    fn way(text: &str) -> StoredWay {
        let checkpoint = |(index, word): (usize, &str)| {
            let (word, finished) = word.strip_suffix('!').map_or((word, false), |word| (word, true));
            let (shard, mark) = word
                .split_once(':')
                .map_or((word, None), |(shard, mark)| (shard, Some(number(mark.parse().unwrap()))));
            let complete_until = Some(NOW - Duration::from_secs(60 * (index as u64 + 1)));
            let checkpoint = Checkpoint { watermark: mark, finished, complete_until, ..Checkpoint::default() };
            StoredCheckpoint { stream: arn(), shard: shard.into(), checkpoint }
        };
        let pin = Pin { stream: arn(), since: Some(NOW), over: true, complete_until: None };
        let checkpoints = text.split_whitespace().enumerate().map(checkpoint).collect();
        StoredWay { trigger: "t".into(), pin: Some(pin), start: None, checkpoints }
    }

    /// `a=1-10 b<a=11-`: shards with their parents and numbers.
    fn shards(text: &str) -> Vec<ShardRange> {
        let bound = |text: &str| text.parse().ok().map(number);
        let shard = |word: &str| {
            let (names, range) = word.split_once('=').unwrap();
            let (id, parent) = names.split_once('<').map_or((names, None), |(id, parent)| (id, Some(parent.into())));
            let (first, last) = range.split_once('-').unwrap();
            ShardRange { description: ShardDescription { id: id.into(), parent }, first: bound(first), last: bound(last) }
        };
        text.split_whitespace().map(shard).collect()
    }

    #[track_caller]
    fn check_number(stored: &str, described: &str, to: &str, expected: &str) {
        let (shard, n) = to.split_once(':').map_or((None, to), |(shard, n)| (Some(shard.into()), n));
        let target = Target::Number { shard, number: number(n.parse().unwrap()) };
        let shown = match plan(&way(stored), &target, &shards(described), NOW) {
            Ok(Plan { to: To::Shard { pin, shard, checkpoint, forget }, shards, .. }) => {
                assert_eq!((pin.since, pin.over), (None, false));
                assert!(!checkpoint.covers(&number(n.parse().unwrap())) && !checkpoint.finished);
                let below = number(n.parse().unwrap()).before().is_none_or(|below| checkpoint.covers(&below));
                assert!(below, "{checkpoint:?}");
                let names = |ids: &[ShardId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
                let again: Vec<ShardId> = shards.into_iter().map(|(_, shard)| shard).collect();
                format!("{shard} forget [{}] again [{}]", names(&forget), names(&again))
            }
            Ok(other) => format!("{other:?}"),
            Err(refusal) => format!("{refusal:?}"),
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_number_sets_back_its_shard_and_forgets_what_comes_of_it() {
        let described = "a=1-10 b<a=11-20 c<a=12-21 d<b=22- e=1-";
        check_number("a:10! b:20! d:25 e:9", described, "15", "b forget [d] again [b d]");
        check_number("a:10! b:20! d:25", described, "5", "a forget [b c d] again [a b d]");
        check_number("d:25", described, "25", "d forget [] again [d]");
        check_number("a:10! b:20! d:25 e:9", described, "e:9", "e forget [] again [e]");
        // The endpoint names a last number of an open shard.
        check_number("a:17", "a=1-10", "15", "a forget [] again [a]");
        check_number("a:17", "a=-", "1", "a forget [] again [a]");
    }

    #[test]
    fn nonsense_is_refused() {
        check_number("a:10", "a=5-", "4", "NoShard(4)");
        check_number("a:10", "a=5-", "11", "Ahead(11)");
        check_number("a", "a=5-", "7", "Ahead(7)");
        check_number("a:10", "a=5-12", "13", "Ahead(13)");
        check_number("a:10!", "a=5-12", "13", "NoShard(13)");
        check_number("z:10! a:20", "a=11-", "z:9", "ShardGone(\"z\")");
        check_number("a:20", "a=11-", "y:12", "UnknownShard(\"y\")");
        check_number("a:20", "a=11-", "a:3", "Outside { shard: \"a\", number: 3 }");
        check_number("a:20 b:20", "a=1- b=2-", "7", "Ambiguous { number: 7, shards: [\"a\", \"b\"] }");
        let never = StoredWay { pin: None, ..way("") };
        let target = Target::Number { shard: None, number: number(1) };
        assert_eq!(plan(&never, &target, &[], NOW), Err(Refusal::NeverRun));
    }

    /// `minutes` ago wanted, and what comes of it.
    #[track_caller]
    fn check_time(stored: &str, minutes: u64, expected: u64, notes: usize) {
        let ago = |minutes: u64| NOW - Duration::from_secs(60 * minutes);
        let plan = plan(&way(stored), &Target::Time(ago(minutes)), &[], NOW).unwrap();
        assert_eq!((plan.to, plan.notes.len()), (To::Start(ago(expected)), notes));
    }

    #[test]
    fn a_time_never_skips_what_is_not_acknowledged() {
        check_time("a:10", 5, 5, 0);
        check_time("a:10", 0, 1, 1);
        check_time("a:10 b:20", 0, 2, 1);
        // Its children may not be begun yet.
        check_time("a:10 b:20!", 0, 2, 1);
        check_time("a:10", 60 * 25, 60 * 25, 1);
        // A shard that was finished long ago has children by now.
        check_time(&format!("{} b:1", "x! ".repeat(20)), 30, 30, 0);
        let late = plan(&way("a:1"), &Target::Time(NOW + Duration::from_secs(1)), &[], NOW);
        assert_eq!(late, Err(Refusal::ToCome));
    }

    #[test]
    fn the_horizon_is_all_there_is() {
        let plan = plan(&way("a:10! b:20"), &Target::TrimHorizon, &[], NOW).unwrap();
        assert_eq!((plan.to, plan.shards.len()), (To::Start(Timestamp::default()), 2));
    }
}
