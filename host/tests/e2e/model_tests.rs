//! The model finds what is wrong with a directory: each case spoils one thing of a sound one.

use std::sync::Arc;

use serde_json::json;
use tripline_core::slice::slice_page;

use super::*;

/// Four orders' changes and two people's: one order is flawed, one person has no address.
fn log() -> Log {
    let order = |status: &str| json!({"id": {"S": "o1"}, "status": {"S": status}, "total": {"N": "2.5"}, "address": {"M": {"city": {"S": "Oslo"}}}});
    let mut flawed = order("placed");
    flawed["flaw"] = json!({"S": "retry"});
    let user = |id: &str, email: Option<&str>| {
        let mut user = json!({"id": {"S": id}, "name": {"S": "Ada"}});
        if let Some(email) = email {
            user["email"] = json!({"S": email});
        }
        user
    };
    let none = Value::Null;
    let orders = [(&none, &order("placed")), (&order("placed"), &order("paid")), (&none, &flawed), (&flawed, &none)];
    let users = [(&none, &user("u1", Some("u1@example.com"))), (&none, &user("u2", None))];
    Log::from([("orders", records(&orders)), ("users", records(&users))])
}

/// Numbered from 1.
fn records(images: &[(&Value, &Value)]) -> Vec<Record> {
    let record = |(number, (old, new)): (usize, &(&Value, &Value))| {
        let event = if old.is_null() {
            "INSERT"
        } else if new.is_null() {
            "REMOVE"
        } else {
            "MODIFY"
        };
        let mut data = json!({"SequenceNumber": number.to_string(), "Keys": {"id": {"S": "k"}}, "SizeBytes": 1, "ApproximateCreationDateTime": 1,
            "StreamViewType": "NEW_AND_OLD_IMAGES"});
        for (name, image) in [("OldImage", old), ("NewImage", new)] {
            if !image.is_null() {
                data[name] = (*image).clone();
            }
        }
        json!({"eventID": format!("e{number}"), "eventName": event, "eventVersion": "1.1", "eventSource": "aws:dynamodb", "awsRegion": "eu-west-1", "dynamodb": data})
    };
    let records: Vec<Value> = (1..).zip(images).map(record).collect();
    let page = slice_page(Arc::new(json!({"Records": records}).to_string())).unwrap();
    page.changes.iter().map(|change| Record::new("s", change)).collect()
}

fn letter(log: &Log, trigger: &str, (table, index): (&'static str, usize), attempts: u32) -> DeadLetterRow {
    let record = &log[table][index];
    DeadLetterRow {
        id: 1,
        trigger: trigger.to_owned(),
        stream: String::new(),
        shard: record.shard.clone(),
        event_id: record.event_id.clone(),
        sequence_number: record.number.to_string(),
        record_json: record.whole.to_string(),
        reason: "because".to_owned(),
        backtrace: None,
        attempts,
        plugin_version: String::new(),
        first_attempt_ms: 0,
        last_attempt_ms: 0,
        created_ms: 0,
        size_bytes: 1,
        redrive_ms: None,
        redrives: 0,
    }
}

/// What is not flawed.
fn kept(log: &Log) -> BTreeMap<String, u64> {
    let mut kept = BTreeMap::new();
    for record in log["orders"].iter().filter(|record| record.flaw().is_none()) {
        *kept
            .entry(format!("{} {}", record.event.as_str().to_lowercase(), record.digits() % 16))
            .or_default() += 1;
    }
    kept
}

/// Everything is handled but the last change of the orders by `stats`.
fn sound(log: &Log) -> Committed {
    let number = |n: u32| SequenceNumber::parse(&n.to_string()).unwrap();
    let mark = |trigger: &str, n: u32| {
        let checkpoint = Checkpoint { watermark: Some(number(n)), ..Checkpoint::default() };
        ((trigger.to_owned(), "s".to_owned()), checkpoint)
    };
    let counter = |trigger: &str, name: &str, labels: &[(&str, &str)], value: &str| {
        let labels = labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        ((trigger.to_owned(), CounterKey::new(name, labels)), Decimal::parse(value).unwrap())
    };
    Committed {
        checkpoints: [mark("choosy", 4), mark("picky", 4), mark("replicate", 4), mark("stats", 3), mark("welcome", 2)].into(),
        counters: [
            counter("stats", "orders", &[("status", "paid")], "1"),
            counter("stats", "orders", &[("status", "placed")], "1"),
            counter("stats", "revenue", &[("status", "paid"), ("address_city", "Oslo")], "2.5"),
            counter("stats", "revenue", &[("status", "placed"), ("address_city", "Oslo")], "2.5"),
            counter("choosy", "seen", &[("name", "remove")], "1"),
            counter("picky", "seen", &[("name", "insert")], "1"),
            counter("picky", "seen", &[("name", "modify")], "1"),
            counter("picky", "seen", &[("name", "remove")], "1"),
        ]
        .into(),
        dead_letters: vec![letter(log, "picky", ("orders", 2), PICKY_ATTEMPTS), letter(log, "welcome", ("users", 1), 1)],
        mails: ["m1".to_owned()].into(),
        kept: kept(log),
        marked: BTreeSet::new(),
    }
}

/// Spoils a sound directory; `expected`: a part of each fault.
#[track_caller]
fn check(spoil: impl FnOnce(&mut Committed), expected: &[&str]) {
    let log = log();
    let mut committed = sound(&log);
    spoil(&mut committed);
    let faults = Expected::so_far(&log, &committed).faults(&committed);
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    for (fault, part) in faults.iter().zip(expected) {
        assert!(fault.contains(part), "no `{part}` in {fault}");
    }
}

#[test]
fn a_sound_directory_has_no_fault_however_far_it_has_come() {
    check(|_| (), &[]);
    check(|committed| *committed = Committed::default(), &[]);
    let log = log();
    assert_eq!(sound(&log).behind(&log), [("choosy", 0), ("picky", 0), ("replicate", 0), ("stats", 1), ("welcome", 0)].into());
    assert_eq!(Expected::so_far(&log, &sound(&log)).recipients(), ["u1@example.com"]);
}

#[test]
fn a_counter_that_counted_twice_or_not_is_found() {
    let one = Decimal::parse("1").unwrap();
    check(
        |committed| *committed.counters.values_mut().next().unwrap() += &one,
        &["counter seen{name=\"remove\"} of choosy: 2, expected 1"],
    );
    check(|committed| drop(committed.counters.pop_first()), &["choosy: 0, expected 1"]);
    // Acknowledged without its effect: the last change takes the flawed order out of two counters.
    let far = SequenceNumber::parse("4").unwrap();
    let stats = ("stats".to_owned(), "s".to_owned());
    check(
        |committed| committed.checkpoints.get_mut(&stats).unwrap().watermark = Some(far),
        &["of stats: 1, expected 0", "of stats: 2.5, expected 0"],
    );
}

#[test]
fn a_dead_letter_that_is_missing_doubled_cut_or_unjust_is_found() {
    check(|committed| drop(committed.dead_letters.remove(0)), &["no dead letter of picky for event e3"]);
    check(|committed| committed.dead_letters.push(committed.dead_letters[0].clone()), &["there twice"]);
    check(|committed| committed.dead_letters[0].record_json = "{}".to_owned(), &["not the whole record"]);
    check(|committed| committed.dead_letters[0].reason.clear(), &["a reason"]);
    check(|committed| committed.dead_letters[0].attempts = 1, &["1 attempts, expected 3"]);
    check(|committed| committed.dead_letters[0].redrives = 1, &["3 attempts, expected 4", "nobody asked"]);
    check(|committed| committed.marked = ["e3".to_owned()].into(), &[]);
    // Marked and gone: it must have left its effect behind.
    let gone = |committed: &mut Committed| {
        committed.marked = ["e3".to_owned()].into();
        committed.dead_letters.remove(0);
    };
    check(gone, &["counter seen{name=\"insert\"} of picky: 1, expected 2", "state `insert"]);
    check(|committed| *committed.kept.values_mut().next().unwrap() += 1, &["of picky: Some(2), expected Some(1)"]);
    let unjust = letter(&log(), "replicate", ("orders", 0), 1);
    check(|committed| committed.dead_letters.push(unjust), &["nothing was wrong"]);
}

#[test]
fn a_mail_that_is_missing_is_found() {
    check(|committed| committed.mails.clear(), &["outbox: 0 mails, expected 1"]);
}
