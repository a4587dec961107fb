//! Batches that go out while a commit is under way, and what is committed then.

use super::*;

/// Plays `deliver`, an outcome of `report`, `commit`, `durable`, and `+5` for milliseconds that pass; shows what is delivered and committed.
#[track_caller]
fn check_ahead(policy: Policy, changes: &str, script: &str, expected: Expect) {
    let (mut lane, window) = (lane(policy, Checkpoint::default()), window(changes));
    let mut now = Timestamp::from_ms(2_000_000);
    let (mut run, mut batch_len) = (RunId(0), 0);
    let mut lines = Vec::new();
    for word in script.split_whitespace() {
        let shown = match word {
            "deliver" => match lane.next(now, Some(&window), true) {
                Step::Deliver(id, batch) => {
                    run = id;
                    batch_len = batch.changes.len();
                    numbers(batch.changes.iter().map(|change| change.sequence_number.as_str()))
                }
                Step::WaitUntil(time) => {
                    now = time;
                    "later".to_owned()
                }
                other => format!("{other:?}"),
            },
            "commit" => lane.commit(now).as_ref().map_or("-".to_owned(), show),
            "durable" => {
                lane.committed(now);
                continue;
            }
            word if word.starts_with('+') => {
                now = now + Duration::from_millis(word[1..].parse().unwrap());
                continue;
            }
            outcome => {
                lane.reported(now, run, report(outcome, batch_len), &"v1".into());
                continue;
            }
        };
        lines.push(format!("{word}: {shown}"));
    }
    expected.assert_eq(&lines.join("\n"));
}

fn show(settlement: &Settlement) -> String {
    let (checkpoint, done) = (show_checkpoint(&settlement.checkpoint), settlement.acknowledged);
    format!("{checkpoint}, {done} done, {} mutations, {} dead", settlement.mutations.len(), settlement.dead_letters.len())
}

#[test]
fn what_is_settled_during_a_commit_is_committed_together_and_in_order() {
    check_ahead(
        Policy { records_max: 2, ..policy() },
        "1a 2b 3c 4d 5e 6f",
        "deliver ok deliver commit ok deliver commit 0! deliver commit durable commit deliver durable deliver commit durable deliver",
        expect![[r#"
            deliver: 1 2
            deliver: 3 4
            commit: 2{}, 2 done, 2 mutations, 0 dead
            deliver: 5 6
            commit: -
            deliver: Busy
            commit: -
            commit: 6{} finished, 3 done, 3 mutations, 1 dead
            deliver: Busy
            deliver: Finished
            commit: -
            deliver: Finished"#]],
    );
}

#[test]
fn a_commit_waits_a_little_for_the_batch_under_way() {
    check_ahead(
        Policy { records_max: 1, ..policy() },
        "1a 2b 3c",
        "deliver ok deliver commit durable ok deliver commit +4 commit +1 commit",
        expect![[r#"
            deliver: 1
            deliver: 2
            commit: 1{}, 1 done, 1 mutations, 0 dead
            deliver: 3
            commit: -
            commit: -
            commit: 2{}, 1 done, 1 mutations, 0 dead"#]],
    );
}

#[test]
fn a_failure_ahead_keeps_the_order() {
    check_ahead(
        Policy { records_max: 2, ..policy() },
        "1a 2a 3a",
        "deliver ok deliver commit 0 durable commit deliver deliver ok commit durable",
        expect![[r#"
            deliver: 1 2
            deliver: 3
            commit: 2{}, 2 done, 2 mutations, 0 dead
            commit: -
            deliver: later
            deliver: 3
            commit: 3{}, 1 done, 1 mutations, 0 dead"#]],
    );
}

#[test]
fn a_plugin_that_reads_state_waits_for_the_commit_before() {
    check_ahead(
        Policy { records_max: 1, delivers_ahead: false, ..policy() },
        "1a 2a",
        "deliver ok deliver commit deliver durable deliver ok deliver commit durable deliver commit durable deliver",
        expect![[r#"
            deliver: 1
            deliver: Busy
            commit: 1{}, 1 done, 1 mutations, 0 dead
            deliver: Busy
            deliver: 2
            deliver: Busy
            commit: 2{}, 1 done, 1 mutations, 0 dead
            deliver: Busy
            commit: 2{} finished, 0 done, 0 mutations, 0 dead
            deliver: Finished"#]],
    );
}

#[test]
fn what_waits_for_a_commit_is_bounded() {
    let words: Vec<_> = (1..=5_000).map(|number| format!("{number}a")).collect();
    let (mut lane, window) = (lane(Policy { records_max: 100, ..policy() }, Checkpoint::default()), window(&words.join(" ")));
    let now = Timestamp::from_ms(2_000_000);
    let mut delivered = 0;
    let mut committed = 0;
    while let Step::Deliver(run, batch) = lane.next(now, Some(&window), true) {
        committed += lane.commit(now).map_or(0, |settlement| settlement.acknowledged);
        delivered += batch.changes.len();
        lane.reported(now, run, report("ok", batch.changes.len()), &"v1".into());
    }
    // The first batch is under way; a thousand changes wait.
    assert_eq!((delivered, committed), (1_100, 100));
    lane.committed(now);
    assert_eq!(lane.commit(now).unwrap().acknowledged, 1_000);
    assert!(matches!(lane.next(now, Some(&window), true), Step::Deliver(..)));
}
