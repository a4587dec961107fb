//! Every fault does what it says, ends when it must, and hides nothing for ever.

use std::collections::BTreeSet;

use expect_test::{Expect, expect};

use super::Stage;
use crate::*;

/// Runs `script` with `faults` once the first command, which makes the table, is done.
#[track_caller]
fn check(faults: Faults, script: &str, said: Expect) {
    let mut stage = Stage::new(11);
    stage.world.set_faults(faults);
    said.assert_eq(&stage.run(script));
}

#[test]
fn pages_lie_for_a_while() {
    let off = Faults::default();
    check(
        Faults { empty_page: 1.0, empty_pages_max: 2, ..off.clone() },
        "make; put x 1; put x 2; iterator a trim; get; get; get 1; get",
        expect![">, >, x1 >, >"],
    );
    check(
        Faults { short_page: 1.0, ..off.clone() },
        "make; put x 1; put x 2; put x 3; iterator a trim; get 2; get 2",
        expect!["x1 >, x2 >"],
    );
    check(Faults { late_end: 1.0, ..off.clone() }, "make; put x 1; roll a; iterator a trim; get; get", expect!["x1 >, end"]);
    check(
        Faults { early_expiry: 1.0, early_expiries_max: 1, ..off.clone() },
        "make; put x 1; iterator a trim; get; get; get",
        expect!["ExpiredIteratorException, x1 >, ExpiredIteratorException"],
    );
    check(
        Faults { not_found: 1.0, ..off.clone() },
        "make; put x 1; iterator a trim; iterator a trim; iterator a trim; iterator a trim; get; get; get; get",
        expect![
            "ResourceNotFoundException, ResourceNotFoundException, ResourceNotFoundException, ResourceNotFoundException, ResourceNotFoundException, ResourceNotFoundException, x1 >"
        ],
    );
}

#[test]
fn an_iterator_comes_back_after_an_empty_page() {
    let mut stage = Stage::new(11);
    stage.run("make; iterator a trim");
    stage.world.set_faults(Faults { same_iterator: 1.0, ..Faults::default() });
    let before = stage.iterator.clone();
    assert_eq!(stage.run("get; get"), ">, >");
    assert_eq!(stage.iterator, before);
    assert_eq!(stage.run("put x 1; get"), "x1 >");
    assert_ne!(stage.iterator, before, "records move it on");
}

#[test]
fn descriptions_lie_and_then_tell_the_truth() {
    let off = Faults { describe_lies_max: 1, ..Faults::default() };
    let shards = "make; roll a; split b; ";
    for (faults, script, said) in [
        (Faults { missing_parent: 1.0, ..off.clone() }, "describe; describe", expect!["[a. c<b d<b], [a. b<a. c<b d<b]"]),
        (Faults { missing_child: 1.0, ..off.clone() }, "describe; describe", expect!["[a. b<a. c<b], [a. b<a. c<b d<b]"]),
        (Faults { missing_child: 1.0, ..off.clone() }, "children b; children b", expect!["[c<b], [c<b d<b]"]),
        (Faults { missing_middle: 1.0, ..off.clone() }, "describe; describe", expect!["[a. c<b d<b], [a. b<a. c<b d<b]"]),
        (Faults { no_parent_id: 1.0, ..off.clone() }, "describe; describe", expect!["[a. b<a. c d<b], [a. b<a. c<b d<b]"]),
        (Faults { open_parent: 1.0, ..off.clone() }, "describe; describe", expect!["[a. b<a c<b d<b], [a. b<a. c<b d<b]"]),
        (Faults { repeated_shard: 1.0, ..off.clone() }, "describe 2; describe 2", expect!["[a. b<a.|b<a. c<b|c<b d<b], [a. b<a.|c<b d<b]"]),
        (Faults { repeated_shard: 1.0, ..off.clone() }, "describe 1", expect!["[a.|b<a.|c<b|d<b]"]),
        (Faults { false_last: 1.0, ..off.clone() }, "describe 2; describe 2", expect!["[a. b<a.|c<b d<b|], [a. b<a.|c<b d<b]"]),
        (Faults { false_last: 1.0, repeated_shard: 1.0, ..off.clone() }, "describe 2", expect!["[a. b<a.|b<a. c<b|c<b d<b|d<b]"]),
    ] {
        let mut stage = Stage::new(11);
        stage.run(shards.trim_end_matches("; "));
        stage.world.set_faults(faults.clone());
        let shown = stage.run(script);
        said.assert_eq(&shown);
    }
}

#[test]
fn no_lie_lasts() {
    for seed in 0..100 {
        let mut stage = Stage::new(seed);
        stage.run("make; roll a; split b; put x 1; put y 2");
        stage.world.set_faults(Faults {
            throttle: PerCall::default(),
            server_error: PerCall::default(),
            describe_lies_max: 3,
            ..Faults::all(1.0)
        });
        let told: Vec<_> = (0..16).map(|_| stage.describe(None, None)).collect();
        for run in told.windows(4) {
            assert!(run.iter().any(|said| said == "[a. b<a. c<b d<b]"), "seed {seed}: {told:?}");
        }
    }
}

#[test]
fn a_new_stream_is_listed_late() {
    let mut stage = Stage::new(11);
    stage.world.set_faults(Faults { list_lag: 1.0, ..Faults::default() });
    assert_eq!(stage.run("make; list; describe; wait 10s; list"), "[], [a], [0]");
    // Never before an older one.
    for seed in 0..50 {
        let mut stage = Stage::new(seed);
        stage.world.set_faults(Faults { list_lag: 0.5, ..Faults::default() });
        stage.run("make; disable; enable; disable; enable");
        for _ in 0..40 {
            let listed = stage.run("wait 250ms; list");
            assert!(["[]", "[0]", "[0 1]", "[0 1 2]"].contains(&listed.as_str()), "seed {seed}: {listed}");
        }
    }
}

#[test]
fn calls_fail_as_often_as_asked() {
    let mut codes = BTreeSet::new();
    for (faults, all) in [
        (Faults { throttle: PerCall::all(1.0), ..Faults::default() }, true),
        (Faults { server_error: PerCall::all(1.0), ..Faults::default() }, true),
        (Faults { throttle: PerCall { describe: 1.0, ..PerCall::default() }, ..Faults::default() }, false),
    ] {
        let mut stage = Stage::new(11);
        stage.run("make; iterator a trim");
        stage.world.set_faults(faults);
        for _ in 0..40 {
            codes.extend([stage.run("describe")]);
            for script in ["list", "get", "iterator a trim"] {
                let said = stage.run(script);
                assert_eq!(said.ends_with("Exception") || said.ends_with("Error") || said == "ServiceUnavailable", all, "{script}: {said}");
            }
        }
    }
    let expected = [
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "ServiceUnavailable",
        "ThrottlingException",
    ];
    assert_eq!(codes.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

#[test]
fn the_way_fails_too() {
    let mut world = World::new(3);
    assert_eq!(world.transport_fault(), None);
    world.set_faults(Faults { slow: 0.2, slow_ms_max: 50, cut_off: 0.2, no_answer: 0.2, html: 0.2, ..Faults::default() });
    let met: Vec<_> = (0..200).map(|_| world.transport_fault()).collect();
    assert!(met.iter().flatten().all(|fault| !matches!(fault, TransportFault::Slow(ms) if *ms == 0 || *ms > 50)));
    for wanted in [
        None,
        Some(TransportFault::CutOff),
        Some(TransportFault::NoAnswer),
        Some(TransportFault::Html(500)),
        Some(TransportFault::Html(503)),
    ] {
        assert!(met.contains(&wanted), "{wanted:?}");
    }
}
