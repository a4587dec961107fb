//! The writer against a table that holds to its conditions.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use tripline_sdk::item::{self, Item};
use tripline_sdk::tables::{Write, WriteError};
use tripline_sdk::testing::{self, Call, Capability, ChangeBuilder, Host};
use tripline_sdk::{Failure, View};

use super::version::VERSION_ATTRIBUTE;
use super::{IS_OLDER, check, on_batch};

const START_MS: u64 = 1_700_000_000_000;

/// Items by key, each as its value and its version.
type Table = Rc<RefCell<BTreeMap<String, Item>>>;

/// A host whose target `copy` keeps conditions; `fault` may refuse a write before that.
fn host(mut fault: impl FnMut(&Write) -> Option<WriteError> + 'static) -> (Host, Table) {
    let host = Host::new();
    host.set_setting("table", "copy");
    let table = Table::default();
    let target = table.clone();
    host.on_write(move |name, write| {
        assert_eq!(name, "copy");
        match fault(write) {
            Some(error) => Err(error),
            None => apply(&mut target.borrow_mut(), write),
        }
    });
    (host, table)
}

fn apply(table: &mut BTreeMap<String, Item>, write: &Write) -> Result<(), WriteError> {
    let condition = write.get_condition().expect("every write is conditional");
    assert_eq!(condition.expression(), IS_OLDER);
    assert_eq!(condition.names(), [("#v".to_owned(), VERSION_ATTRIBUTE.to_owned())]);
    let item: Item = item::from_json(write.json()).expect("every write is an item");
    let key = item["pk"].to_json();
    let present = table.get(&key).and_then(|item| item.get(VERSION_ATTRIBUTE)?.as_s());
    if present.is_some_and(|present| present >= condition.values()[":v"].as_s().unwrap()) {
        return Err(WriteError::ConditionFailed);
    }
    if write.is_put() {
        table.insert(key, item)
    } else {
        table.remove(&key)
    };
    Ok(())
}

fn keys(key: &str) -> String {
    format!(r#"{{"pk":{{"S":"{key}"}}}}"#)
}

fn image(key: &str, value: u32) -> String {
    format!(r#"{{"pk":{{"S":"{key}"}},"value":{{"N":"{value}"}}}}"#)
}

/// The `time`-th change of the stream: `a=3` puts, `a` deletes.
fn change(time: u64, text: &str) -> ChangeBuilder {
    let change = match text.split_once('=') {
        Some((key, value)) => testing::insert(&keys(key), &image(key, value.parse().unwrap())),
        None => testing::remove(&keys(text), &image(text, 0)),
    };
    // Two changes share a second, as AWS cuts times.
    change
        .created_ms(START_MS + time / 2 * 1000)
        .sequence_number(&time.to_string())
        .event_id(&time.to_string())
}

fn show(table: &Table) -> String {
    let table = table.borrow();
    let items = table
        .values()
        .map(|item| format!("{}={}", item["pk"].as_s().unwrap(), item["value"].as_n().unwrap()));
    items.collect::<Vec<_>>().join(" ")
}

/// Delivers batches of `time:change` and compares what the target holds then.
#[track_caller]
fn check_target(batches: &[&str], expected: &str) {
    let (_host, table) = host(|_| None);
    for batch in batches {
        let changes = batch.split_whitespace().map(|text| {
            let (time, text) = text.split_once(':').unwrap();
            change(time.parse().unwrap(), text)
        });
        assert_eq!(testing::run_batch(on_batch, testing::batch(changes)).map(|failures| failures.len()), Ok(0));
    }
    assert_eq!(show(&table), expected, "{batches:?}");
}

#[test]
fn copies_puts_and_deletes() {
    check_target(&["1:a=1 2:b=2 3:a=3"], "a=3 b=2");
    check_target(&["1:a=1 2:b=2", "3:a"], "b=2");
    check_target(&["1:a=1 2:a 3:a=3"], "a=3");
    check_target(&["1:a=1 2:a 3:a=3 4:a"], "");
}

#[test]
fn replays_and_late_deliveries_do_no_harm() {
    check_target(&["1:a=1 2:a=2", "1:a=1"], "a=2");
    check_target(&["1:a=1 2:a", "1:a=1"], "");
    check_target(&["1:a=1 2:a", "1:a=1 3:a=3", "2:a"], "a=3");
    check_target(&["2:a 1:a=1"], "");
    check_target(&["3:a=3", "2:a", "1:a=1"], "a=3");
    // An older deletion does not take the newer one's tombstone away.
    check_target(&["4:a", "2:a", "3:a=3"], "");
    check_target(&["1:a=1 2:a 3:a=3", "1:a=1 2:a 3:a=3"], "a=3");
}

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// A history of three items is delivered in any order, twice, while a third of the writes fails for the moment.
#[track_caller]
fn check_history(seed: u64) {
    let mut numbers = Numbers(seed);
    let history: Vec<String> = (0..40)
        .map(|time| {
            let key = ["a", "b", "c"][numbers.below(3) as usize];
            if numbers.below(3) == 0 { key.to_owned() } else { format!("{key}={time}") }
        })
        .collect();
    let mut model = BTreeMap::new();
    for text in &history {
        let (key, value) = text.split_once('=').map_or((text.as_str(), None), |(key, value)| (key, Some(value)));
        model.insert(key, value);
    }
    let expected: Vec<_> = model.iter().filter_map(|(key, value)| Some(format!("{key}={}", (*value)?))).collect();

    let mut faults = Numbers(seed + 1);
    let (host, table) = host(move |_| (faults.below(3) == 0).then(|| WriteError::Unavailable("throttled".to_owned())));
    let mut waiting: Vec<usize> = (0..history.len()).chain(0..history.len()).collect();
    while !waiting.is_empty() {
        let batch: Vec<usize> = (0..waiting.len().min(7))
            .map(|_| waiting.swap_remove(numbers.below(waiting.len() as u64) as usize))
            .collect();
        let changes = batch.iter().map(|time| change(*time as u64, &history[*time]));
        let failures = testing::run_batch(on_batch, testing::batch(changes)).unwrap();
        // What is held back is delivered again, too: a tombstone of its is not kept.
        waiting.extend(failures.iter().map(|(index, _)| index).chain(host.held()).map(|index| batch[index as usize]));
    }
    assert_eq!(show(&table), expected.join(" "), "seed {seed}: {history:?}");
}

#[test]
fn every_order_of_deliveries_ends_in_the_same_table() {
    for seed in 0..200 {
        check_history(seed);
    }
}

#[test]
fn one_call_of_each_kind_per_batch_and_none_for_nothing() {
    let (host, _) = host(|_| None);
    let changes = (1..=50).map(|time| change(time, if time % 5 == 0 { "a" } else { "a=1" }));
    testing::run_batch(on_batch, testing::batch(changes)).unwrap();
    assert_eq!((host.calls(Call::StateGet), host.calls(Call::TableWrite)), (1, 1));
    assert_eq!(host.writes().len(), 50);
    let order: Vec<_> = host
        .writes()
        .iter()
        .map(|(_, write)| write.get_condition().unwrap().values()[":v"].to_json())
        .collect();
    assert!(order.is_sorted(), "{order:?}");
}

#[test]
fn failures_are_of_the_change_alone() {
    let (host, table) = host(|write| match write.json() {
        json if json.contains("busy") => Some(WriteError::Unavailable("throttled".to_owned())),
        json if json.contains("large") => Some(WriteError::Invalid("larger than 400 KB".to_owned())),
        _ => None,
    });
    let batch = testing::batch([
        change(1, "busy=1"),
        change(2, "large=1"),
        change(3, "fine=1"),
        change(4, "busy"),
        change(5, "fine=2").sequence_number(&"9".repeat(41)),
        change(6, "fine=3").sequence_number("12a"),
        testing::insert(r#"{"pk":3}"#, &image("x", 1)),
        change(8, "fine=4"),
    ]);
    let failures = testing::run_batch(on_batch, batch).unwrap();
    let shown: Vec<_> = failures.iter().map(|(index, failure)| (index, failure.is_retry())).collect();
    assert_eq!(shown, [(0, true), (1, false), (3, true), (4, false), (5, false), (6, false)]);
    assert_eq!(failures.get(1u32), Some(&Failure::reject("larger than 400 KB")));
    assert_eq!(show(&table), "fine=4");
    assert_eq!(host.state(&format!("deleted:{}", keys("busy"))), None, "a deletion that failed is not remembered");
}

#[test]
fn a_batch_without_its_grants_or_its_state_fails_whole() {
    for (capability, retry) in [(Capability::State, false), (Capability::Tables, false)] {
        let (host, _) = host(|_| None);
        host.deny(capability);
        let failure = testing::run_batch(on_batch, testing::batch([change(1, "a=1")])).unwrap_err();
        assert_eq!(failure.is_retry(), retry, "{failure}");
    }
    let (host, table) = host(|_| None);
    host.fail_state("disk");
    assert_eq!(testing::run_batch(on_batch, testing::batch([change(1, "a=1")])), Err(Failure::retry("disk")));
    assert_eq!(show(&table), "");
}

#[test]
fn tombstones_expire_long_after_the_change() {
    for (days, expected_days) in [(None, 8), (Some("30"), 30)] {
        let (host, _) = host(|_| None);
        if let Some(days) = days {
            host.set_setting("tombstone_days", days);
        }
        testing::run_batch(on_batch, testing::batch([change(2, "a")])).unwrap();
        let key = format!("deleted:{}", keys("a"));
        assert_eq!(host.state(&key).as_deref(), Some(&b"0001700000001000#eu-west-1#0000000000000000000000000000000000000002"[..]));
        assert_eq!(host.state_expires_ms(&key), Some(START_MS + 1000 + expected_days * 86_400_000));
    }
}

/// The item that is written for an image.
#[track_caller]
fn check_put(image: &str, expected: &str) {
    let (host, _) = host(|_| None);
    host.set_setting("member", "m");
    let changes = testing::batch([testing::insert(&keys("a"), image).created_ms(5)]);
    testing::run_batch(on_batch, changes).unwrap();
    let version = format!(r#""tripline_version":{{"S":"0000000000000005#m#{:0>40}"}}"#, 1);
    assert_eq!(host.writes()[0].1.json(), expected.replace("VERSION", &version));
}

#[test]
fn the_item_keeps_its_bytes_and_gets_one_version() {
    check_put(r#"{"pk":{"S":"a"},"n":{"N":"1.00"}}"#, r#"{"pk":{"S":"a"},"n":{"N":"1.00"},VERSION}"#);
    check_put(" {\"pk\" : {\"S\":\"a\\n\"} } ", "{\"pk\" : {\"S\":\"a\\n\"},VERSION}");
    check_put(r#"{"tripline_version":{"S":"old"},"pk":{"S":"a"}}"#, r#"{"pk":{"S":"a"},VERSION}"#);
    check_put(r#"{"pk":{"S":"a"},"\u0074ripline_version":{"N":"1"}}"#, r#"{"pk":{"S":"a"},VERSION}"#);
    // A value that looks like it, or an attribute of a map, is the author's own.
    check_put(
        r#"{"pk":{"S":"a"},"x":{"S":"tripline_version"},"m":{"M":{"tripline_version":{"S":"mine"}}}}"#,
        r#"{"pk":{"S":"a"},"x":{"S":"tripline_version"},"m":{"M":{"tripline_version":{"S":"mine"}}},VERSION}"#,
    );
    check_put(r#"{"pk":{"S":"a"},"x\u00e9\"":{"S":"\u0000"}}"#, r#"{"pk":{"S":"a"},"x\u00e9\"":{"S":"\u0000"},VERSION}"#);
}

#[test]
fn one_item_has_one_tombstone_however_its_key_is_spelled() {
    let (host, _) = host(|_| None);
    let one = r#"{"pk":{"S":"\u0061"}, "sk":{"N":"1"}}"#;
    let other = r#"{"sk":{"N":"1"},"pk":{"S":"a"}}"#;
    let long = format!(r#"{{"pk":{{"S":"{}"}}}}"#, "x".repeat(2048));
    let batch = testing::batch([testing::remove(one, "{}"), testing::insert(other, other), testing::remove(&long, "{}")]);
    assert!(testing::run_batch(on_batch, batch).unwrap().is_empty());
    assert!(host.state(r#"deleted:{"pk":{"S":"a"},"sk":{"N":"1"}}"#).is_some());
    assert_eq!(host.calls(Call::StateSet), 2, "a key longer than the host takes is hashed");
    // The insert is newer than the deletion, whose key is spelled otherwise; the same insert at its time is not.
    let late = testing::insert(other, other).sequence_number("1");
    testing::run_batch(on_batch, testing::batch([late])).unwrap();
    assert_eq!(host.writes().len(), 3, "the late insert is dropped");
}

#[test]
fn the_probe_refuses_what_cannot_work() {
    let check_refused = |settings: &[(&str, &str)], view, expected: &str| {
        let host = Host::new();
        for (key, value) in settings {
            host.set_setting(key, *value);
        }
        let failure = check(&testing::probe(view)).unwrap_err();
        assert!(failure.reason().contains(expected), "{failure}");
    };
    let table = ("table", "copy");
    check_refused(&[], View::NewImage, "setting `table` is missing");
    check_refused(&[("table", "")], View::NewImage, "name one of [targets]");
    check_refused(&[table], View::KeysOnly, "set `view = \"new-image\"` or `view = \"new-and-old-images\"`");
    check_refused(&[table], View::OldImage, "the view is `old-image`");
    check_refused(&[table, ("member", "a#b")], View::NewImage, "setting `member`");
    check_refused(&[table, ("tombstone_days", "0")], View::NewImage, "setting `tombstone_days`");
    check_refused(&[table, ("tombstone_days", "week")], View::NewImage, "setting `tombstone_days`");

    for denied in [Capability::Tables, Capability::State] {
        let (host, _) = host(|_| None);
        assert_eq!(check(&testing::probe(View::NewImage)), Ok(()));
        host.deny(denied);
        assert!(check(&testing::probe(View::NewAndOldImages)).is_err(), "{denied:?}");
        assert!(host.writes().is_empty(), "the probe writes nothing");
    }
}
