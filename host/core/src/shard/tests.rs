//! Each test plays a shard: a script of events, and the actions that they must lead to.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use expect_test::{Expect, expect};

use super::*;
use crate::budget::Budget;
use crate::checkpoint::Checkpoint;
use crate::delivery::{Origin, Outcome, Policy};
use crate::reader::Pace;
use crate::sequence::SequenceNumber;
use crate::signal::Silence;
use crate::slice::slice_page;
use crate::view::{View, ViewType};

fn page(numbers: &str) -> Page {
    let record = |number: &str| {
        format!(
            r#"{{"eventID":"e{number}","eventName":"INSERT","dynamodb":{{"SequenceNumber":"{number}","Keys":{{"pk":{{"S":"k{number}"}}}}}}}}"#
        )
    };
    let records: Vec<_> = numbers.trim_end_matches('.').split(',').filter(|number| !number.is_empty()).map(record).collect();
    let next = if numbers.ends_with('.') { "null" } else { r#""it""# };
    slice_page(Arc::new(format!(r#"{{"Records":[{}],"NextShardIterator":{next}}}"#, records.join(",")))).unwrap()
}

/// When everything happens, by the stream's clock.
const NOW: Timestamp = Timestamp::from_ms(1_000_000_000_000);

fn number(n: u32) -> SequenceNumber {
    SequenceNumber::parse(&n.to_string()).unwrap()
}

fn lane(index: usize, watermark: u32, complete_until: Timestamp) -> Lane {
    let origin = Origin {
        trigger: format!("t{index}").into(),
        table: "orders".into(),
        region: "eu-west-1".into(),
        stream: "arn".into(),
        view: View::of(ViewType::KeysOnly),
    };
    let watermark = (watermark > 0).then(|| number(watermark));
    let checkpoint = Checkpoint { watermark, complete_until: Some(complete_until), ..Checkpoint::default() };
    Lane::new(Arc::new(origin), "shard-1".into(), Policy::default(), checkpoint, 1)
}

/// A consumer with a lane for each watermark (0: none), and a window that is full after one page. `^` before it: complete until a day before.
fn consumer(watermarks: &[&str]) -> (ShardConsumer, Vec<Lane>) {
    let pace = Pace { busy: Duration::ZERO, ..Pace::aws() };
    let reading = Reading { pace, window_bytes_max: 1, budget: Budget::new(1 << 20), lost: None, filters: Arc::default() };
    let lane = |(index, watermark): (usize, &&str)| {
        let long_ago = watermark.starts_with('^');
        let complete_until = if long_ago { NOW - Duration::from_secs(25 * 60 * 60) } else { NOW };
        lane(index, watermark.trim_start_matches('^').parse().unwrap(), complete_until)
    };
    let lanes = watermarks.iter().enumerate().map(lane).collect();
    (ShardConsumer::new("s".into(), "shard-1".into(), reading, 1, Arc::new(Silence)), lanes)
}

/// `open`, `page 1,2` (`.` at its end: the shard closes), `ok 0` (lane 0's delivery), `durable 0` (its settlement), `wake`, `drain`. Of the
/// second reader: `open@2`. An answer that is a word is an error.
fn event(word: &str, runs: &mut BTreeMap<usize, VecDeque<RunId>>) -> Event {
    let (name, argument) = word.split_once(' ').unwrap_or((word, ""));
    let (name, reader) = name.split_once('@').map_or((name, 1), |(name, reader)| (name, reader.parse().unwrap()));
    let (reader, asked) = (ReaderId(reader), NOW);
    let trigger = || argument.parse().unwrap();
    match name {
        "wake" => Event::Woke,
        "open" => Event::Opened { reader, asked, result: Ok("it".into()) },
        "page" if argument == "trimmed" => Event::Polled { reader, asked, result: Err(ReadError::Trimmed("told so".into())) },
        "page" => Event::Polled { reader, asked, result: Ok(page(argument)) },
        "ok" => {
            let report = Report::of(Outcome::Handled(Vec::new()));
            let run = runs.get_mut(&trigger()).and_then(VecDeque::pop_front).unwrap_or(RunId(0));
            Event::Reported { trigger: trigger(), run, report, version: "v1".into() }
        }
        "durable" => Event::Committed { trigger: trigger() },
        "drain" => Event::Drain,
        _ => panic!("{word}"),
    }
}

fn show(action: &Action) -> String {
    let of = |reader: ReaderId| if reader.0 == 1 { String::new() } else { format!("@{}", reader.0) };
    match action {
        Action::Open { reader, position: Position::TrimHorizon } => format!("open{} horizon", of(*reader)),
        Action::Open { reader, position: Position::After(number) } => format!("open{} after {number}", of(*reader)),
        Action::Poll { reader, .. } => format!("poll{}", of(*reader)),
        Action::Deliver { trigger, batch, .. } => {
            let numbers: Vec<_> = batch.changes.iter().map(|change| change.sequence_number.as_str()).collect();
            format!("deliver {trigger} [{}]", numbers.join(" "))
        }
        Action::Commit { trigger, settlement } => {
            let end = if settlement.checkpoint.finished { " finished" } else { "" };
            let gap = if settlement.gaps.is_empty() { "" } else { " gap" };
            format!("commit {trigger}{end}{gap}")
        }
        Action::Finished { trigger, .. } => format!("finished {trigger}"),
        Action::Held { trigger, .. } => format!("held {trigger}"),
        Action::End(end) => format!("{end:?}"),
    }
}

#[track_caller]
fn check(watermarks: &[&str], script: &str, expected: Expect) {
    let (mut consumer, lanes) = consumer(watermarks);
    for (trigger, lane) in lanes.into_iter().enumerate() {
        consumer.add(trigger, lane);
    }
    let mut now = NOW;
    let mut runs: BTreeMap<usize, VecDeque<RunId>> = BTreeMap::new();
    let lines = script.split("; ").map(|word| {
        if word == "wait" {
            now = consumer.wake_at().unwrap();
        }
        let actions = consumer.step(now, event(word.replace("wait", "wake").as_str(), &mut runs));
        for action in &actions {
            if let Action::Deliver { trigger, run, .. } = action {
                runs.entry(*trigger).or_default().push_back(*run);
            }
        }
        format!("{word}: {}", actions.iter().map(show).collect::<Vec<_>>().join(", "))
    });
    expected.assert_eq(&lines.collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_shard_is_read_delivered_committed_and_finished() {
    check(
        &["0"],
        "wake; open; page 1,2.; ok 0; durable 0",
        expect![[r#"
            wake: open horizon
            open: poll
            page 1,2.: deliver 0 [1 2]
            ok 0: commit 0 finished
            durable 0: finished 0, Finished"#]],
    );
}

#[test]
fn the_next_page_is_read_while_a_batch_is_handled() {
    check(
        &["0"],
        "wake; open; page 1; page 2; ok 0; durable 0",
        expect![[r#"
            wake: open horizon
            open: poll
            page 1: deliver 0 [1], poll
            page 2: 
            ok 0: deliver 0 [2], commit 0, poll
            durable 0: "#]],
    );
}

#[test]
fn one_reader_starts_at_the_lowest_watermark_and_each_lane_passes_over_what_it_has() {
    check(
        &["2", "1"],
        "wake; open; page 2,3.",
        expect![[r#"
        wake: open after 1
        open: poll
        page 2,3.: deliver 0 [3], deliver 1 [2 3]"#]],
    );
}

#[test]
fn the_reader_waits_for_the_slowest_lane_once_the_window_is_full() {
    check(
        &["0", "0"],
        "wake; open; page 1; page 2; ok 0; durable 0; ok 0; durable 0; ok 1; durable 1",
        expect![[r#"
            wake: open horizon
            open: poll
            page 1: deliver 0 [1], deliver 1 [1], poll
            page 2: 
            ok 0: deliver 0 [2], commit 0, poll
            durable 0: 
            ok 0: commit 0
            durable 0: 
            ok 1: commit 1, open@2 after 1
            durable 1: "#]],
    );
}

#[test]
fn a_drain_begins_nothing_and_ends_when_what_runs_is_committed() {
    check(
        &["0", "0"],
        "wake; open; page 1; drain; ok 0; ok 1; durable 1; durable 0",
        expect![[r#"
        wake: open horizon
        open: poll
        page 1: deliver 0 [1], deliver 1 [1], poll
        drain: 
        ok 0: commit 0
        ok 1: commit 1
        durable 1: 
        durable 0: Drained"#]],
    );
    check(
        &["0"],
        "wake; open; drain",
        expect![[r#"
        wake: open horizon
        open: poll
        drain: Drained"#]],
    );
}

#[test]
fn an_empty_shard_that_closes_is_finished() {
    check(
        &["0", "0"],
        "wake; open; page .; durable 0; durable 1",
        expect![[r#"
            wake: open horizon
            open: poll
            page .: commit 0 finished, commit 1 finished
            durable 0: finished 0
            durable 1: finished 1, Finished"#]],
    );
}

#[test]
fn who_falls_behind_is_fed_by_a_second_reader_until_it_has_caught_up() {
    check(
        &["0", "0"],
        "wake; open; page 1; page 2; ok 0; page 3; ok 0; ok 0; page 4; ok 0; ok 1; durable 1; open@2; page@2 2,3; page@2 4; ok 1; ok 1; ok 1; page 5",
        expect![[r#"
            wake: open horizon
            open: poll
            page 1: deliver 0 [1], deliver 1 [1], poll
            page 2: 
            ok 0: deliver 0 [2], commit 0, poll
            page 3: 
            ok 0: deliver 0 [3], poll
            ok 0: 
            page 4: deliver 0 [4], poll
            ok 0: 
            ok 1: commit 1, open@2 after 1
            durable 1: 
            open@2: poll@2
            page@2 2,3: deliver 1 [2 3], poll@2
            page@2 4: 
            ok 1: deliver 1 [4], poll@2
            ok 1: commit 1
            ok 1: 
            page 5: deliver 0 [5], deliver 1 [5], poll"#]],
    );
}

#[test]
fn who_is_far_behind_at_the_start_holds_nobody_back() {
    check(
        &["7", "^2"],
        "wake; open; open@2; page@2 3,4,5,6,7; page ; ok 1; ok 1",
        expect![[r#"
        wake: open after 7, open@2 after 2
        open: poll
        open@2: poll@2
        page@2 3,4,5,6,7: deliver 1 [3 4 5 6 7], poll@2
        page : 
        ok 1: commit 1
        ok 1: "#]],
    );
}

#[test]
fn a_trimmed_position_is_a_gap_only_for_those_whose_checkpoint_is_old() {
    check(
        &["^7"],
        "wake; open; page trimmed; wait; open; page 9; durable 0; ok 0",
        expect![[r#"
        wake: open after 7
        open: poll
        page trimmed: 
        wait: open horizon
        open: commit 0 gap, poll
        page 9: deliver 0 [9], poll
        durable 0: 
        ok 0: commit 0"#]],
    );
    check(
        &["7"],
        "wake; open; page trimmed; wait; open; page 9; ok 0",
        expect![[r#"
        wake: open after 7
        open: poll
        page trimmed: 
        wait: open horizon
        open: poll
        page 9: deliver 0 [9], poll
        ok 0: commit 0"#]],
    );
}
