//! Each test plays a lane: changes in the window, one word for each delivery's outcome, and what must come of it.

use std::sync::Arc;
use std::time::Duration;

use expect_test::{Expect, expect};

use super::*;
use crate::budget::Budget;
use crate::change::Change;
use crate::checkpoint::Checkpoint;
use crate::decimal::Decimal;
use crate::effect::{CounterKey, Effect, Mutation};
use crate::filter::Passes;
use crate::name::PluginVersion;
use crate::sequence::SequenceNumber;
use crate::slice::slice_page;
use crate::time::Timestamp;
use crate::view::{View, ViewType};
use crate::window::Window;

mod ahead;
mod filtered;
mod lanes;
mod redrive;

/// `3a` is change number 3, of item a.
pub(super) fn changes(words: &str) -> Vec<Change> {
    let record = |word: &str| {
        let (number, item) = word.split_at(word.len() - 1);
        format!(
            r#"{{"eventID":"e{number}","eventName":"MODIFY","dynamodb":{{"ApproximateCreationDateTime":1000,"SequenceNumber":"{number}","Keys":{{"pk":{{"S":"{item}"}}}}}}}}"#
        )
    };
    let records: Vec<_> = words.split_whitespace().map(record).collect();
    slice_page(Arc::new(format!(r#"{{"Records":[{}]}}"#, records.join(",")))).unwrap().changes
}

fn window(words: &str) -> Window {
    let mut window = Window::new(None, usize::MAX, Budget::new(usize::MAX));
    changes(words).into_iter().for_each(|change| window.push(change, Passes::default()));
    window
}

fn origin() -> Arc<Origin> {
    Arc::new(Origin {
        trigger: "t".into(),
        table: "orders".into(),
        region: "eu-west-1".into(),
        stream: "arn".into(),
        view: View::of(ViewType::KeysOnly),
    })
}

fn lane(policy: Policy, checkpoint: Checkpoint) -> Lane {
    Lane::new(origin(), "shard-1".into(), policy, checkpoint, 1)
}

fn numbers<'a>(changes: impl Iterator<Item = &'a str>) -> String {
    changes.collect::<Vec<_>>().join(" ")
}

pub(super) fn show_checkpoint(checkpoint: &Checkpoint) -> String {
    let mark = checkpoint.watermark.as_ref().map_or("-", SequenceNumber::as_str);
    let stretch =
        |(first, last): (&SequenceNumber, &SequenceNumber)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    let above = checkpoint.acknowledged.iter().map(stretch).collect::<Vec<_>>().join(" ");
    format!("{mark}{{{above}}}{}", if checkpoint.finished { " finished" } else { "" })
}

/// Every change leaves one effect behind, named after its position in the batch.
fn effects(len: usize) -> Vec<Effect> {
    let effect =
        |change| Effect { change, mutation: Mutation::SetState { key: change.to_string().into(), value: Vec::new(), expires_ms: None } };
    (0u32..).take(len).map(effect).collect()
}

/// An outcome: `ok`, `err`, `refuse` (a reject of the whole batch), `not-run`, or a list of positions: `0` fails, `0!` is rejected,
/// `2<1` says that 2 read what 1 wrote.
fn report(word: &str, len: usize) -> Report {
    let outcome = match word {
        "ok" => Outcome::Handled(Vec::new()),
        "err" => Outcome::Failed(Failure::retry("told to")),
        "refuse" => Outcome::Failed(Failure::reject("told to")),
        "not-run" => return Report::of(Outcome::NotRun("busy".into())),
        list => Outcome::Handled(list.split(',').filter(|part| !part.contains('<')).map(failed_change).collect()),
    };
    let reads = word.split(',').filter_map(|part| part.split_once('<'));
    let reads = reads.map(|(reader, writer)| ReadFrom { reader: reader.parse().unwrap(), writer: writer.parse().unwrap() });
    Report { effects: effects(len), reads: reads.collect(), ..Report::of(outcome) }
}

fn failed_change(part: &str) -> FailedChange {
    let index = part.trim_end_matches('!').parse().unwrap();
    let failure = if part.ends_with('!') { Failure::reject("told to") } else { Failure::retry("told to") };
    FailedChange { index, failure }
}

/// Plays the outcomes, waiting as the lane asks, and shows each delivery with what was committed.
#[track_caller]
fn check_lane(lane: &mut Lane, window: &Window, outcomes: &str, expected: Expect) {
    let mut now = Timestamp::from_ms(2_000_000);
    let mut lines = Vec::new();
    let mut outcomes = outcomes.split_whitespace();
    loop {
        match lane.next(now, Some(window), true) {
            Step::WaitUntil(time) => now = time,
            Step::Deliver(run, batch) => {
                let Some(outcome) = outcomes.next() else { break };
                lines.push(play(lane, now, (run, &batch), outcome));
            }
            Step::Idle | Step::Finished => break,
            Step::Busy => match lane.commit(now) {
                Some(end) => {
                    lines.push(show_checkpoint(&end.checkpoint));
                    lane.committed(now);
                }
                None => panic!("busy after {lines:?}"),
            },
        }
    }
    assert_eq!(outcomes.next(), None, "outcome not asked for; {lines:?}");
    expected.assert_eq(&lines.join("\n"));
}

fn play(lane: &mut Lane, now: Timestamp, (run, batch): (RunId, &Batch), outcome: &str) -> String {
    let delivered = numbers(batch.changes.iter().map(|change| change.sequence_number.as_str()));
    lane.reported(now, run, report(outcome, batch.changes.len()), &PluginVersion::from("v1"));
    let mut line = format!("#{} [{delivered}] {outcome}:", batch.attempt);
    let Some(settlement) = lane.commit(now) else { return line + " -" };
    line += &format!(" {}", show_checkpoint(&settlement.checkpoint));
    if settlement.mutations.len() != batch.changes.len() {
        line += &format!(" keeps {}", settlement.mutations.iter().map(key).collect::<Vec<_>>().join(","));
    }
    for (name, letters) in [("dead", &settlement.dead_letters), ("skipped", &settlement.skipped)] {
        if !letters.is_empty() {
            let show = |letter: &crate::effect::DeadLetter| format!("{}/{}", letter.sequence_number, letter.attempts);
            line += &format!(" {name} {}", letters.iter().map(show).collect::<Vec<_>>().join(","));
        }
    }
    lane.committed(now);
    line
}

fn key(mutation: &Mutation) -> String {
    match mutation {
        Mutation::SetState { key, .. } => key.to_string(),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn check(policy: Policy, changes: &str, outcomes: &str, expected: Expect) {
    check_lane(&mut lane(policy, Checkpoint::default()), &window(changes), outcomes, expected);
}

fn policy() -> Policy {
    Policy { attempts_max: std::num::NonZeroU32::new(3), age_max: Duration::from_secs(86_400), ..Policy::default() }
}

#[test]
fn batches_are_cut_by_count() {
    check(
        Policy { records_max: 2, ..policy() },
        "1a 2b 3c",
        "ok ok",
        expect![[r#"
        #1 [1 2] ok: 2{}
        #1 [3] ok: 3{}
        3{} finished"#]],
    );
}

#[test]
fn batches_are_cut_by_bytes_and_a_larger_change_goes_alone() {
    let one = changes("1a")[0].keys_json().len();
    check(
        Policy { bytes_max: 2 * one, ..policy() },
        "1a 2b 3c",
        "ok ok",
        expect![[r#"
        #1 [1 2] ok: 2{}
        #1 [3] ok: 3{}
        3{} finished"#]],
    );
    check(
        Policy { bytes_max: 1, ..policy() },
        "1a 2b",
        "ok ok",
        expect![[r#"
        #1 [1] ok: 1{}
        #1 [2] ok: 2{}
        2{} finished"#]],
    );
}

#[test]
fn only_failed_changes_are_delivered_again() {
    check(
        policy(),
        "1a 2b 3c",
        "1 ok",
        expect![[r#"
        #1 [1 2 3] 1: 1{3} keeps 0,2
        #2 [2] ok: 3{}
        3{} finished"#]],
    );
}

#[test]
fn later_changes_of_a_failed_item_wait_for_it_at_no_cost() {
    check(
        policy(),
        "1a 2b 3a 4c 5a",
        "0 1 0,2 ok",
        expect![[r#"
        #1 [1 2 3 4 5] 0: -{2 4} keeps 1,3
        #2 [1 3 5] 1: 2{4} keeps 0
        #2 [3 5] 0,2: -
        #3 [3 5] ok: 5{}
        5{} finished"#]],
    );
}

#[test]
fn what_read_a_failed_change_fails_with_it() {
    check(
        policy(),
        "1a 2b 3c",
        "0,1<0,2<1 ok",
        expect![[r#"
        #1 [1 2 3] 0,1<0,2<1: -
        #2 [1 2 3] ok: 3{}
        3{} finished"#]],
    );
    check(
        policy(),
        "1a 2b 3c",
        "0!,1<0 ok",
        expect![[r#"
        #1 [1 2 3] 0!,1<0: 1{3} keeps 2 dead 1/1
        #1 [2] ok: 3{}
        3{} finished"#]],
    );
}

#[test]
fn a_change_that_fails_too_often_becomes_a_dead_letter() {
    check(
        policy(),
        "1a 2b",
        "0 0 0",
        expect![[r#"
        #1 [1 2] 0: -{2} keeps 1
        #2 [1] 0: -
        #3 [1] 0: 2{} keeps  dead 1/3
        2{} finished"#]],
    );
}

#[test]
fn a_given_up_change_frees_its_item() {
    check(
        policy(),
        "1a 2a",
        "0 0 0",
        expect![[r#"
        #1 [1 2] 0: -
        #2 [1 2] 0: -
        #3 [1 2] 0: 2{} keeps 1 dead 1/3
        2{} finished"#]],
    );
}

#[test]
fn a_reject_is_a_dead_letter_at_once() {
    check(
        policy(),
        "1a 2b",
        "0!",
        expect![[r#"
        #1 [1 2] 0!: 2{} keeps 1 dead 1/1
        2{} finished"#]],
    );
    check(
        policy(),
        "1a 2b",
        "refuse",
        expect![[r#"
        #1 [1 2] refuse: 2{} keeps  dead 1/1,2/1
        2{} finished"#]],
    );
}

#[test]
fn a_batch_that_fails_is_halved_down_to_the_culprit() {
    check(
        policy(),
        "1a 2b 3c 4d",
        "err err ok err err err ok ok",
        expect![[r#"
            #1 [1 2 3 4] err: -
            #1 [1 2] err: -
            #1 [1] ok: 1{}
            #1 [2] err: -
            #1 [3 4] err: -
            #1 [3] err: -
            #1 [4] ok: 1{4}
            #2 [3] ok: 1{3-4}"#]],
    );
}

#[test]
fn without_bisecting_the_whole_batch_pays() {
    check(
        Policy { bisect: false, ..policy() },
        "1a 2b",
        "err err err",
        expect![[r#"
        #1 [1 2] err: -
        #2 [1 2] err: -
        #3 [1 2] err: 2{} keeps  dead 1/3,2/3
        2{} finished"#]],
    );
}

#[test]
fn what_never_ran_costs_no_attempt() {
    check(
        policy(),
        "1a",
        "not-run not-run not-run not-run ok",
        expect![[r#"
        #1 [1] not-run: -
        #1 [1] not-run: -
        #1 [1] not-run: -
        #1 [1] not-run: -
        #1 [1] ok: 1{}
        1{} finished"#]],
    );
}

#[test]
fn skipped_changes_are_acknowledged_without_a_dead_letter() {
    check(
        Policy { then: Then::Skip, ..policy() },
        "1a",
        "0!",
        expect![[r#"
        #1 [1] 0!: 1{} keeps  skipped 1/1
        1{} finished"#]],
    );
}

#[test]
fn unlimited_attempts_never_give_up_but_for_age() {
    let unlimited = Policy { attempts_max: None, ..policy() };
    check(
        unlimited.clone(),
        "1a",
        "0 0 0 0 0 0 ok",
        expect![[r#"
        #1 [1] 0: -
        #2 [1] 0: -
        #3 [1] 0: -
        #4 [1] 0: -
        #5 [1] 0: -
        #6 [1] 0: -
        #7 [1] ok: 1{}
        1{} finished"#]],
    );
    check(
        Policy { age_max: Duration::from_secs(60), ..unlimited },
        "1a",
        "0",
        expect![[r#"
        #1 [1] 0: 1{} keeps  dead 1/1
        1{} finished"#]],
    );
}

#[test]
fn a_restart_passes_over_what_is_acknowledged_and_trusts_no_number_beyond_what_it_read() {
    let number = |number| SequenceNumber::parse(number).unwrap();
    let checkpoint = Checkpoint {
        watermark: Some(number("2")),
        acknowledged: [(number("5"), number("5"))].into_iter().collect(),
        finished: false,
        complete_until: None,
    };
    let mut lane = lane(Policy { records_max: 1, ..policy() }, checkpoint);
    check_lane(
        &mut lane,
        &window("2a 3b 4c 5d 6e"),
        "ok ok ok",
        expect![[r#"
        #1 [3] ok: 3{5}
        #1 [4] ok: 5{}
        #1 [6] ok: 6{}
        6{} finished"#]],
    );
}

#[test]
fn an_index_that_is_not_there_is_nobodys_failure() {
    // The runtime turns it into a failure of the batch; core must not fall over it.
    check(
        policy(),
        "1a",
        "7",
        expect![[r#"
        #1 [1] 7: 1{}
        1{} finished"#]],
    );
}

#[test]
fn mutations_keep_their_order_and_counters_are_added_up() {
    let mut lane = lane(policy(), Checkpoint::default());
    let window = window("1a 2b 3c");
    let Step::Deliver(run, _) = lane.next(Timestamp::default(), Some(&window), false) else { panic!("delivers") };
    let add = |change, name: &str, delta: &str| Effect {
        change,
        mutation: Mutation::AddCounter { counter: CounterKey::new(name, Vec::new()), delta: Decimal::parse(delta).unwrap() },
    };
    let delete = |change, key: &str| Effect { change, mutation: Mutation::DeleteState { key: key.into() } };
    let effects =
        vec![add(1, "x", "1"), delete(1, "b"), add(0, "y", "0.5"), delete(0, "a"), add(1, "x", "-3"), add(2, "x", "9"), delete(2, "c")];
    let failed = FailedChange { index: 2, failure: Failure::retry("told to") };
    let report = Report { effects, ..Report::of(Outcome::Handled(vec![failed])) };
    lane.reported(Timestamp::default(), run, report, &"v1".into());
    let settled = lane.commit(Timestamp::default()).unwrap();
    let shown: Vec<_> = settled
        .mutations
        .iter()
        .map(|mutation| match mutation {
            Mutation::AddCounter { counter, delta } => format!("{counter} {delta}"),
            Mutation::DeleteState { key } => key.to_string(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(shown, ["b", "a", "x -2", "y 0.5"]);
}
