//! What a trigger's filters do not want: it is passed over, acknowledged with the next commit or some seconds later, and never before what is pending.

use super::lanes::play_lane;
use super::*;
use crate::filter::{FilterSet, Pattern, Scratch};

/// A lane that wants all but item x.
#[track_caller]
fn check_filtered(policy: Policy, words: &str, script: &str, expected: Expect) {
    let pattern = Pattern::parse(r#"{"dynamodb":{"Keys":{"pk":{"S":[{"anything-but":"x"}]}}}}"#).unwrap();
    let everything = Pattern::parse(r#"{"eventName":[{"exists":true}]}"#).unwrap();
    let filters = FilterSet::new([[everything].as_slice(), &[pattern]]);
    let (mut window, mut scratch) = (Window::new(None, usize::MAX, Budget::new(usize::MAX)), Scratch::default());
    for change in changes(words) {
        let passes = filters.passes(&change, &"arn".into(), &mut scratch);
        window.push(change, passes);
    }
    play_lane(lane(policy, Checkpoint::default()).filtered_by(Some(1)), &window, script, expected);
}

#[test]
fn the_next_commit_takes_it_along() {
    check_filtered(
        policy(),
        "1x 2a 3x 4b 5x",
        "more ok@1 commit durable more",
        expect![[r#"
        more: 1#1 [2 4], busy
        commit: 5{}, 0 dead, 3 filtered
        more: idle"#]],
    );
}

#[test]
fn where_nothing_else_is_committed_it_is_after_ten_seconds() {
    check_filtered(
        policy(),
        "1x 2x",
        "more commit +4000 more +6000 more commit durable more",
        expect![[r#"
            more: wait 10000
            commit: -
            more: wait 6000
            more: wait 0
            commit: 2{}, 0 dead, 2 filtered
            more: idle"#]],
    );
}

#[test]
fn at_a_drain_it_is_at_once() {
    check_filtered(
        policy(),
        "1x 2x",
        "more drain commit durable",
        expect![[r#"
        more: wait 10000
        commit: 2{}, 0 dead, 2 filtered"#]],
    );
}

#[test]
fn a_shards_end_takes_it_along() {
    check_filtered(
        policy(),
        "1x 2x",
        "go commit durable go",
        expect![[r#"
            go: busy
            commit: -{} finished, 0 dead, 2 filtered
            go: finished"#]],
    );
}

#[test]
fn what_is_pending_is_not_passed() {
    // Change 2 waits for another try.
    let policy = Policy { records_max: 1, parallelism: 2, ..policy() };
    check_filtered(
        policy,
        "1x 2a 3x 4b 5x",
        "more err@1 ok@2 commit durable +10000 more",
        expect![[r#"
        more: 1#1 [2], 2#1 [4], busy
        commit: -{4}, 0 dead, 3 filtered
        more: 3#2 [2], busy"#]],
    );
}

#[test]
fn a_blocked_item_lets_it_be_counted() {
    let policy = Policy { records_max: 1, then: Then::Block, attempts_max: std::num::NonZeroU32::new(1), ..policy() };
    check_filtered(
        policy,
        "1a 2x 3x",
        "more err@1 more drain commit durable more",
        expect![[r#"
        more: 1#1 [1], busy
        err@1: stuck e1 after 1
        more: wait 10000
        commit: -{}, 0 dead, 2 filtered
        more: wait 23019"#]],
    );
}

#[test]
fn it_is_no_reason_to_stop_where_a_lane_is_full() {
    // A batch under way, and no place for another: what comes is looked at all the same once there is one.
    check_filtered(
        Policy { records_max: 1, ..policy() },
        "1a 2x 3x 4b",
        "more more ok@1 more commit durable",
        expect![[r#"
        more: 1#1 [1], busy
        more: busy
        more: 2#1 [4], busy
        commit: 3{}, 0 dead, 2 filtered"#]],
    );
}

#[test]
fn a_commit_that_is_refused_leaves_it_to_the_next() {
    let policy = Policy { delivers_ahead: false, ..policy() };
    check_filtered(
        policy,
        "1x 2a 3x",
        "more ok?k@1 commit lost:k +1000 more drain commit",
        expect![[r#"
        more: 1#1 [2], busy
        commit: 3{}, 0 dead, 2 filtered
        more: 2#1 [2], busy
        commit: -{}, 0 dead, 2 filtered"#]],
    );
}
