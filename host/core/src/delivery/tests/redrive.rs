//! Each test plays a redrive against a store of letters: one word for each delivery's outcome, and what must come of it.
//!
//! `3a` is letter 3, of item a; `3a/s2`: of shard s2. An outcome is one of `report`'s words; after a slash, what comes of its commits: `conflict`,
//! `gone3` (letter 3 is dropped meanwhile), `fail` (the store fails), else it is durable. `pause` and `resume` come before the next step.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};

use super::*;
use crate::delivery::{Redrive, RedriveStep};
use crate::letter::{Letter, RedriveCommit, RedriveError};
use crate::port::StoreError;

/// What is marked, and what has become of it.
struct Letters {
    marked: BTreeMap<i64, Letter>,
    lines: Vec<String>,
}

fn letter(word: &str) -> Letter {
    let (number, shard) = word.split_once('/').unwrap_or((word, "s1"));
    let change = changes(number).remove(0);
    Letter {
        id: change.sequence_number.as_str().parse().unwrap(),
        stream: "arn".into(),
        shard: shard.into(),
        letter: crate::effect::DeadLetter {
            event_id: change.event_id.clone(),
            sequence_number: change.sequence_number.as_str().into(),
            record_json: change.record_json().into(),
            reason: "before".into(),
            backtrace: None,
            attempts: 5,
            plugin_version: "v0".into(),
            first_attempt_ms: 7,
            last_attempt_ms: 8,
        },
    }
}

impl Letters {
    fn of(words: &str) -> Self {
        let marked = words.split_whitespace().map(letter).map(|letter| (letter.id, letter)).collect();
        Self { marked, lines: Vec::new() }
    }

    fn commit(&mut self, commit: &RedriveCommit, word: &str) -> Result<(), RedriveError> {
        match word {
            "conflict" => return Err(RedriveError::Conflict(vec!["k".into()])),
            "fail" => return Err(RedriveError::Failed(StoreError("disk full".into()))),
            _ => {}
        }
        if let Some(gone) = word.strip_prefix("gone") {
            let gone: i64 = gone.parse().unwrap();
            self.marked.remove(&gone);
            return Err(RedriveError::Gone(vec![gone]));
        }
        let all = commit.done.iter().chain(commit.failed.iter().map(|(id, _)| id));
        for id in all {
            assert!(self.marked.remove(id).is_some(), "{id} was not there");
        }
        Ok(())
    }

    fn say(&mut self, line: String) {
        self.lines.push(line);
    }
}

fn shown(commit: &RedriveCommit) -> String {
    let done: Vec<_> = commit.done.iter().map(ToString::to_string).collect();
    let failed = commit
        .failed
        .iter()
        .map(|(id, letter)| format!("{id}/{}/{}/{}", letter.attempts, letter.reason, letter.plugin_version));
    let kept = commit.mutations.iter().map(key).collect::<Vec<_>>().join(",");
    format!("done [{}] failed [{}] keeps [{kept}]", done.join(" "), failed.collect::<Vec<_>>().join(" "))
}

#[track_caller]
fn check(policy: Policy, letters: Letters, script: &str, expected: Expect) {
    let mut letters = letters;
    let mut redrive = Redrive::new(origin(), &policy, 1);
    let mut now = Timestamp::from_ms(2_000_000);
    let mut script = script.split_whitespace().peekable();
    let mut commits = String::new();
    let mut holds = 0;
    loop {
        match script.peek() {
            Some(&"pause") => redrive.set_paused(true),
            Some(&"resume") => redrive.set_paused(false),
            _ => {}
        }
        script.next_if(|word| ["pause", "resume"].contains(word));
        match redrive.next(now) {
            RedriveStep::Load => redrive.loaded(now, Some(letters.marked.values().cloned().collect())),
            RedriveStep::Hold(items) => {
                assert!(matches!(redrive.next(now), RedriveStep::Busy));
                holds += 1;
                letters.say(format!("hold {}", items.len()));
                redrive.held();
            }
            RedriveStep::Deliver(batch) => {
                assert_eq!(holds, 1, "delivered what is not held");
                let word = script.next().unwrap_or_else(|| panic!("after {:?}", letters.lines));
                let (word, rest) = word.split_once('/').unwrap_or((word, ""));
                commits = rest.to_owned();
                let delivered = numbers(batch.changes.iter().map(|change| change.sequence_number.as_str()));
                redrive.reported(now, report(word, batch.changes.len()), &"v1".into());
                letters.say(format!("#{} {} [{delivered}] {word}", batch.attempt, batch.shard));
            }
            RedriveStep::Commit(commit) => {
                let (word, rest) = commits.split_once('/').unwrap_or((&commits, ""));
                let result = letters.commit(&commit, word);
                let end = if result.is_ok() { String::new() } else { format!(": {word}") };
                commits = rest.to_owned();
                letters.say(format!("  {}{end}", shown(&commit)));
                let told = redrive.committed(now, result);
                let durable = if end.is_empty() { (commit.done.len(), commit.failed.len()) } else { (0, 0) };
                assert_eq!(told, durable);
            }
            RedriveStep::Release => {
                holds -= 1;
                letters.say("release".to_owned());
            }
            RedriveStep::WaitUntil(time) => now = time,
            RedriveStep::Idle if script.peek().is_some() => redrive.wake(),
            RedriveStep::Idle => break,
            RedriveStep::Busy => panic!("busy after {:?}", letters.lines),
        }
    }
    assert_eq!(holds, 0, "{:?}", letters.lines);
    assert!(letters.marked.is_empty(), "left: {:?}", letters.marked.keys());
    expected.assert_eq(&letters.lines.join("\n"));
}

#[test]
fn done_letters_leave_with_what_they_left_behind() {
    check(policy(), Letters::of(""), "", expect![[""]]);
    check(
        policy(),
        Letters::of("1a 2b 3a"),
        "ok",
        expect![[r#"
            hold 2
            #6 s1 [1 2 3] ok
              done [1 2 3] failed [] keeps [0,1,2]
            release"#]],
    );
}

#[test]
fn batches_keep_to_the_policy_and_to_one_shard_and_no_letter_overtakes_its_item() {
    check(
        Policy { records_max: 2, ..policy() },
        Letters::of("1a 2b 3c/s2 4d 5c 6e"),
        "ok ok ok ok",
        expect![[r#"
            hold 2
            #6 s1 [1 2] ok
              done [1 2] failed [] keeps [0,1]
            release
            hold 1
            #6 s2 [3] ok
              done [3] failed [] keeps [0]
            release
            hold 2
            #6 s1 [4 5] ok
              done [4 5] failed [] keeps [0,1]
            release
            hold 1
            #6 s1 [6] ok
              done [6] failed [] keeps [0]
            release"#]],
    );
    check(
        policy(),
        Letters::of("1a 2c/s2 3c 4d"),
        "ok ok ok",
        expect![[r#"
            hold 2
            #6 s1 [1 4] ok
              done [1 4] failed [] keeps [0,1]
            release
            hold 1
            #6 s2 [2] ok
              done [2] failed [] keeps [0]
            release
            hold 1
            #6 s1 [3] ok
              done [3] failed [] keeps [0]
            release"#]],
    );
}

#[test]
fn what_fails_stays_after_one_delivery_and_frees_its_item() {
    check(
        policy(),
        Letters::of("1a 2b 3a"),
        "0",
        expect![[r#"
            hold 2
            #6 s1 [1 2 3] 0
              done [2 3] failed [1/6/told to/v1] keeps [1,2]
            release"#]],
    );
    check(
        policy(),
        Letters::of("1a 2b"),
        "0!,1",
        expect![[r#"
            hold 2
            #6 s1 [1 2] 0!,1
              done [] failed [1/6/told to/v1 2/6/told to/v1] keeps []
            release"#]],
    );
}

#[test]
fn what_read_a_failed_one_is_delivered_again_without_it() {
    check(
        policy(),
        Letters::of("1a 2b 3c"),
        "0,1<0 ok",
        expect![[r#"
            hold 3
            #6 s1 [1 2 3] 0,1<0
              done [3] failed [1/6/told to/v1] keeps [2]
            #6 s1 [2] ok
              done [2] failed [] keeps [0]
            release"#]],
    );
}

#[test]
fn a_batch_that_fails_is_halved_whatever_the_policy_and_pays_once() {
    check(
        Policy { bisect: false, ..policy() },
        Letters::of("1a 2b 3c 4d"),
        "err ok err err ok",
        expect![[r#"
            hold 4
            #6 s1 [1 2 3 4] err
            #6 s1 [1 2] ok
              done [1 2] failed [] keeps [0,1]
            #6 s1 [3 4] err
            #6 s1 [3] err
              done [] failed [3/6/told to/v1] keeps []
            #6 s1 [4] ok
              done [4] failed [] keeps [0]
            release"#]],
    );
    check(
        policy(),
        Letters::of("1a 2b"),
        "refuse",
        expect![[r#"
            hold 2
            #6 s1 [1 2] refuse
              done [] failed [1/6/told to/v1 2/6/told to/v1] keeps []
            release"#]],
    );
}

#[test]
fn what_never_ran_waits_and_costs_nothing() {
    check(
        policy(),
        Letters::of("1a"),
        "not-run not-run ok",
        expect![[r#"
            hold 1
            #6 s1 [1] not-run
            #6 s1 [1] not-run
            #6 s1 [1] ok
              done [1] failed [] keeps [0]
            release"#]],
    );
}

#[test]
fn a_conflict_runs_the_batch_again_and_a_failed_commit_is_made_again() {
    check(
        policy(),
        Letters::of("1a 2b"),
        "0/conflict 0/conflict 0/conflict 0/conflict 0/fail/fail",
        expect![[r#"
            hold 2
            #6 s1 [1 2] 0
              done [2] failed [1/6/told to/v1] keeps [1]: conflict
            #6 s1 [1 2] 0
              done [2] failed [1/6/told to/v1] keeps [1]: conflict
            #6 s1 [1 2] 0
              done [2] failed [1/6/told to/v1] keeps [1]: conflict
            #6 s1 [1 2] 0
              done [2] failed [1/6/told to/v1] keeps [1]: conflict
            #6 s1 [1 2] 0
              done [2] failed [1/6/told to/v1] keeps [1]: fail
              done [2] failed [1/6/told to/v1] keeps [1]: fail
              done [2] failed [1/6/told to/v1] keeps [1]
            release"#]],
    );
}

#[test]
fn what_was_dropped_meanwhile_leaves_nothing_behind() {
    check(
        policy(),
        Letters::of("1a 2b"),
        "ok/gone1 ok",
        expect![[r#"
            hold 2
            #6 s1 [1 2] ok
              done [1 2] failed [] keeps [0,1]: gone1
            #6 s1 [2] ok
              done [2] failed [] keeps [0]
            release"#]],
    );
    check(
        policy(),
        Letters::of("1a"),
        "ok/gone1",
        expect![[r#"
            hold 1
            #6 s1 [1] ok
              done [1] failed [] keeps [0]: gone1
            release"#]],
    );
}

#[test]
fn a_pause_lets_go_of_the_items_and_begins_anew() {
    check(
        policy(),
        Letters::of("1a 2b"),
        "pause resume err pause resume ok",
        expect![[r#"
            hold 2
            #6 s1 [1 2] err
            release
            hold 2
            #6 s1 [1 2] ok
              done [1 2] failed [] keeps [0,1]
            release"#]],
    );
}

#[test]
fn a_letter_that_cannot_be_read_fails_alone() {
    let mut letters = Letters::of("1a 2b 3c");
    letters.marked.get_mut(&1).unwrap().letter.record_json = "{".into();
    letters.marked.get_mut(&3).unwrap().letter.record_json = "{}".into();
    check(
        policy(),
        letters,
        "ok",
        expect![[r#"
          done [] failed [1/5/the record that is kept cannot be read: record 0 of the page: no string at byte 13/v0 3/5/the record that is kept cannot be read: record 0 of the page: it has no eventName/v0] keeps []
        hold 1
        #6 s1 [2] ok
          done [2] failed [] keeps [0]
        release"#]],
    );
}

#[test]
fn letters_of_another_stream_go_out_as_its_own() {
    let mut redrive = Redrive::new(origin(), &policy(), 1);
    let old = Letter { stream: "older".into(), ..letter("1a") };
    assert!(matches!(redrive.next(Timestamp::default()), RedriveStep::Load));
    redrive.loaded(Timestamp::default(), Some(vec![old]));
    assert!(matches!(redrive.next(Timestamp::default()), RedriveStep::Hold(_)));
    redrive.held();
    let RedriveStep::Deliver(batch) = redrive.next(Timestamp::default()) else { panic!("delivers") };
    assert_eq!((batch.origin.stream.as_str(), &*batch.origin.table), ("older", "orders"));
    assert_eq!(batch.changes[0].record_json(), changes("1a")[0].record_json());
}
