//! Batches that run at once: whose changes may go out together, who waits for whom, and what becomes of a commit that loses to another's write.

use std::collections::BTreeMap;

use super::*;
use crate::item_key::ItemKey;

/// Plays words: `go` (all that goes out now), an outcome of `report` and the run that it is of (`ok@1`, `0@2`; `ok?k@1` has read key k), `commit`, `durable`,
/// `lost:k`, `drain`, `more` (as `go`, of a shard that goes on), `+5` for milliseconds that pass, `hold:a`, `release:a` (an item), `clear:a` (whether nothing of it is under way), `pause`, `resume`, `parallel:3`.
#[track_caller]
fn check_lanes(policy: Policy, changes: &str, script: &str, expected: Expect) {
    play_lane(lane(policy, Checkpoint::default()), &window(changes), script, expected);
}

#[track_caller]
pub(super) fn play_lane(mut lane: Lane, window: &Window, script: &str, expected: Expect) {
    let mut now = Timestamp::from_ms(2_000_000);
    let mut sizes = BTreeMap::new();
    let mut lines = Vec::new();
    let item = |name: &str| [ItemKey::of_keys(&format!(r#"{{"pk":{{"S":"{name}"}}}}"#))];
    for word in script.split_whitespace() {
        let (name, argument) = word.split_once([':', '@']).unwrap_or((word, ""));
        let shown = match name {
            "go" => go(&mut lane, now, (window, true), &mut sizes),
            "more" => go(&mut lane, now, (window, false), &mut sizes),
            "commit" => match lane.commit(now) {
                Some(settlement) => {
                    let filtered = if settlement.filtered > 0 { format!(", {} filtered", settlement.filtered) } else { String::new() };
                    format!("{}, {} dead{filtered}", show_checkpoint(&settlement.checkpoint), settlement.dead_letters.len())
                }
                None => "-".to_owned(),
            },
            "durable" => {
                lane.committed(now);
                continue;
            }
            "lost" => {
                lane.conflicted(now, &[argument.into()]);
                continue;
            }
            "drain" => {
                lane.settle_filtered();
                continue;
            }
            "hold" => {
                lane.hold(&item(argument));
                continue;
            }
            "release" => {
                lane.release(&item(argument));
                continue;
            }
            "clear" => lane.is_clear_of(&item(argument)).to_string(),
            "pause" | "resume" => {
                lane.set_paused(name == "pause");
                continue;
            }
            "parallel" => {
                lane.set_parallelism(argument.parse().unwrap());
                continue;
            }
            name if name.starts_with('+') => {
                now = now + Duration::from_millis(name[1..].parse().unwrap());
                continue;
            }
            outcome => {
                let run = RunId(argument.parse().unwrap());
                let (outcome, key) = outcome.split_once('?').unwrap_or((outcome, ""));
                let seen = (!key.is_empty()).then(|| Seen { key: key.into(), version: None, at: now });
                let report = Report { seen: seen.into_iter().collect(), ..report(outcome, sizes[&run]) };
                let settled = lane.reported(now, run, report, &"v1".into());
                for stuck in settled.stuck {
                    lines.push(format!("{word}: stuck {} after {}", stuck.event_id, stuck.attempts));
                }
                continue;
            }
        };
        lines.push(format!("{word}: {shown}"));
    }
    expected.assert_eq(&lines.join("\n"));
}

/// All that goes out now, and what comes of asking for more. `sizes`: of the batches.
fn go(lane: &mut Lane, now: Timestamp, (window, ended): (&Window, bool), sizes: &mut BTreeMap<RunId, usize>) -> String {
    let mut out = Vec::new();
    let end = loop {
        match lane.next(now, Some(window), ended) {
            Step::Deliver(run, batch) => {
                sizes.insert(run, batch.changes.len());
                let numbers = numbers(batch.changes.iter().map(|change| change.sequence_number.as_str()));
                out.push(format!("{}#{} [{numbers}]", run.0, batch.attempt));
            }
            Step::WaitUntil(time) => break format!("wait {}", time.since(now).as_millis()),
            other => break format!("{other:?}").to_lowercase(),
        }
    };
    out.push(end);
    out.join(", ")
}

fn at_once(parallelism: usize, records_max: usize) -> Policy {
    Policy {
        parallelism,
        records_max,
        backoff: crate::backoff::Backoff { first: Duration::from_millis(100), max: Duration::from_secs(10) },
        ..policy()
    }
}

#[test]
fn batches_of_other_items_run_at_once_and_an_items_one_after_the_other() {
    check_lanes(
        at_once(3, 2),
        "1a 2b 3a 4c 5b 6d 7e",
        "go ok@1 go commit durable ok@3 ok@2 go ok@4 commit durable go",
        expect![[r#"
            go: 1#1 [1 2], 2#1 [4 6], 3#1 [7], busy
            go: 4#1 [3 5], busy
            commit: 2{}, 0 dead
            go: busy
            commit: 7{}, 0 dead
            go: busy"#]],
    );
}

#[test]
fn what_failed_holds_up_its_item_alone() {
    check_lanes(
        at_once(1, 2),
        "1a 2b 3a 4c 5b 6d",
        "go 0@1 go ok@2 go +100 go ok@3 go commit",
        expect![[r#"
            go: 1#1 [1 2], busy
            go: 2#1 [4 5], busy
            go: 3#1 [6], busy
            go: busy
            go: 4#2 [1], busy
            commit: -{2 4-6}, 0 dead"#]],
    );
}

#[test]
fn halves_go_out_at_once_but_for_an_item_in_both() {
    check_lanes(
        at_once(4, 4),
        "1a 2b 3a 4c",
        "go err@1 go ok@3 ok@2 go commit",
        expect![[r#"
            go: 1#1 [1 2 3 4], busy
            go: 2#1 [1 2], 3#1 [4], busy
            go: 4#1 [3], busy
            commit: 2{4}, 0 dead"#]],
    );
}

#[test]
fn what_lost_to_anothers_write_runs_again_at_no_cost_and_others_hold() {
    check_lanes(
        Policy { delivers_ahead: false, ..at_once(3, 1) },
        "1a 2b 3c 4a",
        "go ok?x@1 ok?y@2 commit go lost:x go commit +1 go durable ok@3 ok?x@4 commit durable go ok@5 commit durable go",
        expect![[r#"
            go: 1#1 [1], 2#1 [2], 3#1 [3], busy
            commit: 2{}, 0 dead
            go: busy
            go: 4#1 [1], busy
            commit: -{2}, 0 dead
            go: busy
            commit: 3{}, 0 dead
            go: 5#1 [4], busy
            commit: 4{}, 0 dead
            go: busy"#]],
    );
}

#[test]
fn what_read_a_key_that_another_of_the_commit_writes_waits_for_the_next() {
    // Run 1 writes key 0 (its first effect); run 2 has read it.
    check_lanes(
        Policy { delivers_ahead: false, ..at_once(2, 1) },
        "1a 2b",
        "go ok@1 ok?0@2 commit durable go +1 go ok?0@3 commit durable go",
        expect![[r#"
            go: 1#1 [1], 2#1 [2], busy
            commit: 1{}, 0 dead
            go: 3#1 [2], busy
            go: busy
            commit: 2{}, 0 dead
            go: busy"#]],
    );
}

#[test]
fn a_change_that_blocks_is_tried_at_the_longest_wait_and_its_item_waits() {
    check_lanes(
        Policy { then: Then::Block, attempts_max: std::num::NonZeroU32::new(1), ..at_once(2, 1) },
        "1a 2b 3a",
        "go 0@1 ok@2 go commit durable +10000 go 0!@3 go +10000 go ok@4 go ok@5 go commit",
        expect![[r#"
            go: 1#1 [1], 2#1 [2], busy
            0@1: stuck e1 after 1
            go: wait 7673
            commit: -{2}, 0 dead
            go: 3#2 [1], busy
            go: wait 8905
            go: 4#3 [1], busy
            go: 5#1 [3], busy
            go: busy
            commit: 3{} finished, 0 dead"#]],
    );
}

#[test]
fn a_batch_waits_to_be_full_or_for_its_oldest_changes_time() {
    let waits = Policy { window: Duration::from_millis(500), ..at_once(1, 3) };
    check_lanes(
        waits.clone(),
        "1a 2b 3c 4d",
        "go ok@1 go",
        expect![[r#"
        go: 1#1 [1 2 3], busy
        go: 2#1 [4], busy"#]],
    );
    let (mut lane, window) = (lane(waits, Checkpoint::default()), window("1a 2b"));
    let now = Timestamp::from_ms(2_000_000);
    let due = now + Duration::from_millis(500);
    assert!(matches!(lane.next(now, Some(&window), false), Step::WaitUntil(time) if time == due));
    assert_eq!(lane.due(), Some(due));
    assert!(matches!(lane.next(due, Some(&window), false), Step::Deliver(_, batch) if batch.changes.len() == 2));
}

#[test]
fn held_items_wait_and_others_go_on() {
    check_lanes(
        at_once(2, 2),
        "1a 2b 3a 4c",
        "go clear:a hold:a clear:c ok@1 clear:a go ok@2 go clear:a release:a go",
        expect![[r#"
            go: 1#1 [1 2], 2#1 [4], busy
            clear:a: false
            clear:c: false
            clear:a: true
            go: busy
            go: busy
            clear:a: true
            go: 3#1 [3], busy"#]],
    );
}

#[test]
fn who_is_paused_gets_nothing_and_who_may_run_more_at_once_does() {
    check_lanes(
        at_once(1, 1),
        "1a 2a 3b",
        "go pause ok@1 go commit durable go resume parallel:2 go parallel:1 ok@3 go ok@2 go",
        expect![[r#"
            go: 1#1 [1], busy
            go: busy
            commit: 1{}, 0 dead
            go: idle
            go: 2#1 [2], 3#1 [3], busy
            go: busy
            go: busy"#]],
    );
}

#[test]
fn a_feed_that_reads_what_the_lane_has_taken_gives_it_nothing_twice() {
    let mut lane = lane(at_once(3, 10), Checkpoint::default());
    let now = Timestamp::from_ms(2_000_000);
    assert_eq!(go(&mut lane, now, (&window("1a 2b"), true), &mut BTreeMap::new()), "1#1 [1 2], busy");
    lane.move_to(0);
    assert_eq!(go(&mut lane, now, (&window("1a 2b 3c"), true), &mut BTreeMap::new()), "2#1 [3], busy");
}

#[test]
fn a_batch_that_grows_gives_up_what_is_held_and_begins_anew() {
    check_lanes(
        Policy { window: Duration::from_secs(300), ..at_once(1, 3) },
        "1a 2b 3c 4d 5e 6f",
        "go ok@1 hold:d go release:d go ok@2 go",
        expect![[r#"
            go: 1#1 [1 2 3], busy
            go: 2#1 [5 6], busy
            go: busy
            go: 3#1 [4], busy"#]],
    );
}

#[test]
fn what_waits_for_its_commit_holds_its_item_also_where_more_may_run_at_once_since() {
    check_lanes(
        Policy { delivers_ahead: false, ..at_once(1, 1) },
        "1a 2a 3b",
        "go ok@1 commit parallel:3 go durable go",
        expect![[r#"
        go: 1#1 [1], busy
        commit: 1{}, 0 dead
        go: 2#1 [3], busy
        go: 3#1 [2], busy"#]],
    );
}
