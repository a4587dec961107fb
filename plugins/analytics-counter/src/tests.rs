//! The plugin as the host calls it, over the SDK's recorder.

use tripline_sdk::testing::{self, Call, Capability, ChangeBuilder, Host};
use tripline_sdk::{Failure, View};

use super::{on_batch, probe};

const KEYS: &str = r#"{"id":{"S":"1"}}"#;
const PAID: &str = r#"{"id":{"S":"1"},"status":{"S":"paid"},"address":{"M":{"city":{"S":"Oslo"}}},"total":{"N":"19.99"}}"#;
const SENT: &str = r#"{"id":{"S":"1"},"status":{"S":"sent"},"address":{"M":{"city":{"S":"Oslo"}}},"total":{"N":"19.99"}}"#;
const COUNTERS: &str = r#"[{"name":"orders","by":["status"]},{"name":"revenue","by":["status","address.city"],"sum":"total"}]"#;

fn host(counters: &str) -> Host {
    let host = Host::new();
    host.set_setting("counters", counters);
    host
}

/// `expected`: what was added, as `change counter{labels} delta`.
#[track_caller]
fn check(changes: impl IntoIterator<Item = ChangeBuilder>, expected: &[&str]) {
    let host = host(COUNTERS);
    assert!(testing::run_batch(on_batch, testing::batch(changes)).unwrap().is_empty());
    let added = host.counters().into_iter().map(|added| {
        let labels: Vec<_> = added.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{} {}{{{}}} {}", added.change, added.name, labels.join(","), added.delta)
    });
    assert_eq!(added.collect::<Vec<_>>(), expected);
    assert_eq!(host.calls(Call::CounterAdd), expected.len());
}

#[test]
fn a_life_of_an_item() {
    check(
        [testing::insert(KEYS, PAID), testing::modify(KEYS, PAID, SENT), testing::remove(KEYS, SENT).ttl()],
        &[
            "0 orders{status=paid} 1",
            "0 revenue{address_city=Oslo,status=paid} 19.99",
            "1 orders{status=paid} -1",
            "1 orders{status=sent} 1",
            "1 revenue{address_city=Oslo,status=paid} -19.99",
            "1 revenue{address_city=Oslo,status=sent} 19.99",
            "2 orders{status=sent} -1",
            "2 revenue{address_city=Oslo,status=sent} -19.99",
        ],
    );
}

#[test]
fn a_change_of_nothing_calls_nothing() {
    check([testing::modify(KEYS, PAID, PAID)], &[]);
}

#[test]
fn a_change_that_cannot_be_read_harms_no_other() {
    let host = host(COUNTERS);
    let broken = r#"{"status":{"S":3}}"#;
    let batch = testing::batch([testing::insert(KEYS, broken), testing::insert(KEYS, PAID), testing::insert(KEYS, "[]")]);
    let failures = testing::run_batch(on_batch, batch).unwrap();
    let failures: Vec<_> = failures
        .iter()
        .map(|(index, failure)| (index, failure.is_retry(), failure.reason().to_owned()))
        .collect();
    assert_eq!(failures.len(), 2, "{failures:?}");
    assert!(matches!(&failures[0], (0, false, why) if why.contains("counter `orders`")), "{failures:?}");
    assert!(matches!(&failures[1], (2, false, why) if why.contains("the new image is no DynamoDB item")), "{failures:?}");
    assert_eq!(host.counter("orders", &[("status", "paid")]), ["1"]);
}

#[test]
fn a_change_without_the_image_that_it_moves_by_is_rejected() {
    for (change, view, image) in [
        (testing::modify(KEYS, PAID, SENT), View::NewImage, "old"),
        (testing::modify(KEYS, PAID, SENT), View::OldImage, "new"),
        (testing::remove(KEYS, PAID), View::NewImage, "old"),
        (testing::insert(KEYS, PAID), View::KeysOnly, "new"),
    ] {
        let host = host(COUNTERS);
        let failures = testing::run_batch(on_batch, testing::batch([change]).view(view)).unwrap();
        let failure = failures.get(0_u32).unwrap();
        assert!(!failure.is_retry() && failure.reason().contains(&format!("without the {image} image")), "{failure}");
        assert!(host.counters().is_empty());
    }
}

#[test]
fn what_the_host_denies_is_rejected() {
    let host = host(COUNTERS);
    host.deny(Capability::Counters);
    let failures = testing::run_batch(on_batch, testing::batch([testing::insert(KEYS, PAID)])).unwrap();
    assert!(matches!(failures.get(0_u32), Some(Failure::Reject(_))));
}

/// `faults`: what the refusal contains; none: no refusal.
#[track_caller]
fn check_probe(counters: Option<&str>, view: View, faults: &[&str]) {
    let host = Host::new();
    if let Some(counters) = counters {
        host.set_setting("counters", counters);
    }
    let reasons = probe(&testing::probe(view)).err().map(|failure| failure.reason().to_owned()).unwrap_or_default();
    assert_eq!(reasons.is_empty(), faults.is_empty(), "{reasons}");
    for fault in faults {
        assert!(reasons.contains(fault), "{reasons}");
    }
}

#[test]
fn the_probe_checks_view_and_settings() {
    check_probe(Some(COUNTERS), View::NewAndOldImages, &[]);
    check_probe(Some(COUNTERS), View::NewImage, &["set view = \"new-and-old-images\""]);
    check_probe(None, View::NewAndOldImages, &["setting `counters` is missing"]);
    check_probe(
        Some(r#"[{"name":"A","by":["x["]}]"#),
        View::KeysOnly,
        &["the view is keys-only", "entry 1 (\"A\"): `name`", "entry 1 (\"A\"): `by`"],
    );
}

#[test]
fn with_faulty_settings_changes_wait() {
    let _host = host("[]");
    let failure = testing::run_batch(on_batch, testing::batch([testing::insert(KEYS, PAID)])).unwrap_err();
    assert!(failure.is_retry(), "{failure}");
}
