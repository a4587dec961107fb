//! Batches that go out while a commit is under way.

use super::*;

/// Plays `deliver`, an outcome of `report`, and `durable`; shows what is delivered and committed.
#[track_caller]
fn check_ahead(policy: Policy, changes: &str, script: &str, expected: Expect) {
    let (mut lane, window) = (lane(policy, Checkpoint::default()), window(changes));
    let mut now = Timestamp::from_ms(2_000_000);
    let mut batch_len = 0;
    let lines = script.split_whitespace().map(|word| {
        let settlement = match word {
            "deliver" => {
                return match lane.next(now, &window, true) {
                    Step::Deliver(batch) => {
                        batch_len = batch.changes.len();
                        format!("deliver: {}", numbers(batch.changes.iter().map(|change| change.sequence_number.as_str())))
                    }
                    Step::Finish(settlement) => format!("deliver: {}", show_checkpoint(&settlement.checkpoint)),
                    Step::WaitUntil(time) => {
                        now = time;
                        "deliver: later".to_owned()
                    }
                    other => format!("deliver: {other:?}"),
                };
            }
            "durable" => lane.committed(),
            outcome => lane.reported(now, report(outcome, batch_len), &"v1".into()).settlement,
        };
        let shown = settlement.map(|settlement| {
            format!(
                "commit {}, {} done, {} mutations, {} dead",
                show_checkpoint(&settlement.checkpoint),
                settlement.acknowledged,
                settlement.mutations.len(),
                settlement.dead_letters.len()
            )
        });
        format!("{word}: {}", shown.as_deref().unwrap_or("-"))
    });
    expected.assert_eq(&lines.collect::<Vec<_>>().join("\n"));
}

#[test]
fn what_is_settled_during_a_commit_is_committed_together_and_in_order() {
    check_ahead(
        Policy { records_max: 2, ..policy() },
        "1a 2b 3c 4d 5e 6f",
        "deliver ok deliver ok deliver 0! deliver durable deliver durable deliver durable deliver",
        expect![[r#"
            deliver: 1 2
            ok: commit 2{}, 2 done, 2 mutations, 0 dead
            deliver: 3 4
            ok: -
            deliver: 5 6
            0!: -
            deliver: Busy
            durable: commit 6{}, 3 done, 3 mutations, 1 dead
            deliver: Busy
            durable: -
            deliver: 6{} finished
            durable: -
            deliver: Finished"#]],
    );
}

#[test]
fn a_failure_ahead_keeps_the_order() {
    check_ahead(
        Policy { records_max: 2, ..policy() },
        "1a 2a 3a",
        "deliver ok deliver 0 durable deliver deliver ok durable",
        expect![[r#"
            deliver: 1 2
            ok: commit 2{}, 2 done, 2 mutations, 0 dead
            deliver: 3
            0: -
            durable: -
            deliver: later
            deliver: 3
            ok: commit 3{}, 1 done, 1 mutations, 0 dead
            durable: -"#]],
    );
}

#[test]
fn a_plugin_that_reads_state_waits_for_the_commit_before() {
    check_ahead(
        Policy { records_max: 1, delivers_ahead: false, ..policy() },
        "1a 2a",
        "deliver ok deliver durable deliver",
        expect![[r#"
            deliver: 1
            ok: commit 1{}, 1 done, 1 mutations, 0 dead
            deliver: Busy
            durable: -
            deliver: 2"#]],
    );
}

#[test]
fn what_waits_for_a_commit_is_bounded() {
    let words: Vec<_> = (1..=5_000).map(|number| format!("{number}a")).collect();
    let (mut lane, window) = (lane(Policy { records_max: 100, ..policy() }, Checkpoint::default()), window(&words.join(" ")));
    let mut delivered = 0;
    while let Step::Deliver(batch) = lane.next(Timestamp::from_ms(2_000_000), &window, true) {
        delivered += batch.changes.len();
        lane.reported(Timestamp::from_ms(2_000_000), report("ok", batch.changes.len()), &"v1".into());
    }
    // The first batch is under way; a thousand changes wait.
    assert_eq!(delivered, 1_100);
    assert_eq!(lane.committed().unwrap().acknowledged, 1_000);
    assert!(matches!(lane.next(Timestamp::from_ms(2_000_000), &window, true), Step::Deliver(_)));
}
