//! Each test plays a shard: a script of events, and the actions that they must lead to.

use std::sync::Arc;
use std::time::Duration;

use expect_test::{Expect, expect};

use super::*;
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

/// A consumer with a lane for each watermark (0: none), and a window that is full after one page.
fn consumer(watermarks: &[u32]) -> ShardConsumer {
    let number = |n: u32| SequenceNumber::parse(&n.to_string()).unwrap();
    let lowest = watermarks.iter().min().filter(|lowest| **lowest > 0);
    let start = lowest.map_or(Position::TrimHorizon, |lowest| Position::After(number(*lowest)));
    let pace = Pace { busy: Duration::ZERO, ..Pace::aws() };
    let mut consumer = ShardConsumer::new("s".into(), "shard-1".into(), Reader::new(start, pace, 1), Window::new(1), Arc::new(Silence));
    for (index, watermark) in watermarks.iter().enumerate() {
        let origin = Origin {
            trigger: format!("t{index}").into(),
            table: "orders".into(),
            region: "eu-west-1".into(),
            stream: "arn".into(),
            view: View::of(ViewType::KeysOnly),
        };
        let checkpoint = Checkpoint { watermark: (*watermark > 0).then(|| number(*watermark)), ..Checkpoint::default() };
        consumer.add_lane(Lane::new(Arc::new(origin), "shard-1".into(), Policy::default(), checkpoint, 1));
    }
    consumer
}

/// `open`, `page 1,2` (`.` at its end: the shard closes), `ok 0` (lane 0's delivery), `durable 0` (its settlement), `wake`, `drain`.
fn event(word: &str) -> Event {
    let (name, argument) = word.split_once(' ').unwrap_or((word, ""));
    let lane = || argument.parse().unwrap();
    match name {
        "wake" => Event::Woke,
        "open" => Event::Opened(Ok("it".into())),
        "page" => Event::Polled(Ok(page(argument))),
        "ok" => {
            let report = Report { outcome: Outcome::Handled(Vec::new()), effects: Vec::new(), reads: Vec::new() };
            Event::Reported { lane: lane(), report, version: "v1".into() }
        }
        "durable" => Event::Committed { lane: lane() },
        "drain" => Event::Drain,
        _ => panic!("{word}"),
    }
}

fn show(action: &Action) -> String {
    match action {
        Action::Open(Position::TrimHorizon) => "open horizon".into(),
        Action::Open(Position::After(number)) => format!("open after {number}"),
        Action::Poll(_) => "poll".into(),
        Action::Deliver { lane, batch } => {
            let numbers: Vec<_> = batch.changes.iter().map(|change| change.sequence_number.as_str()).collect();
            format!("deliver {lane} [{}]", numbers.join(" "))
        }
        Action::Commit { lane, settlement } => {
            let end = if settlement.checkpoint.finished { " finished" } else { "" };
            format!("commit {lane}{end}")
        }
        Action::End(end) => format!("{end:?}"),
    }
}

#[track_caller]
fn check(watermarks: &[u32], script: &str, expected: Expect) {
    let mut consumer = consumer(watermarks);
    let lines = script.split("; ").map(|word| {
        let actions: Vec<_> = consumer.step(Timestamp::from_ms(0), event(word)).iter().map(show).collect();
        format!("{word}: {}", actions.join(", "))
    });
    expected.assert_eq(&lines.collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_shard_is_read_delivered_committed_and_finished() {
    check(
        &[0],
        "wake; open; page 1,2.; ok 0; durable 0",
        expect![[r#"
            wake: open horizon
            open: poll
            page 1,2.: deliver 0 [1 2]
            ok 0: commit 0 finished
            durable 0: Finished"#]],
    );
}

#[test]
fn the_next_page_is_read_while_a_batch_is_handled() {
    check(
        &[0],
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
        &[2, 1],
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
        &[0, 0],
        "wake; open; page 1; page 2; ok 0; durable 0; ok 0; durable 0; ok 1; durable 1",
        expect![[r#"
            wake: open horizon
            open: poll
            page 1: deliver 0 [1], deliver 1 [1], poll
            page 2: 
            ok 0: deliver 0 [2], commit 0
            durable 0: 
            ok 0: commit 0
            durable 0: 
            ok 1: deliver 1 [2], commit 1, poll
            durable 1: "#]],
    );
}

#[test]
fn a_drain_begins_nothing_and_ends_when_what_runs_is_committed() {
    check(
        &[0, 0],
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
        &[0],
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
        &[0, 0],
        "wake; open; page .; durable 0; durable 1",
        expect![[r#"
        wake: open horizon
        open: poll
        page .: commit 0 finished, commit 1 finished
        durable 0: 
        durable 1: Finished"#]],
    );
}
