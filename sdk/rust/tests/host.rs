//! The imports as a handler sees them, against the host of `testing`.

use tripline_sdk::mailer::Message;
use tripline_sdk::tables::{Condition, Write, WriteError};
use tripline_sdk::testing::{self, Call, Capability, Host, insert, modify, remove};
use tripline_sdk::{Batch, Change, EventName, Failure, Failures, View, counters, http, log, mailer, state, tables};

const KEYS: &str = r#"{"pk":{"S":"a"}}"#;

#[test]
fn a_change_tells_what_happened() {
    let change = modify(KEYS, r#"{"n":{"N":"1"}}"#, r#"{"n":{"N":"2"}}"#)
        .event_id("e")
        .sequence_number("7")
        .created_ms(9)
        .build();
    assert_eq!((change.event_id(), change.event_name(), change.sequence_number()), ("e", EventName::Modify, "7"));
    assert_eq!((change.created_ms(), change.index(), change.attempt(), change.user_identity()), (9, 0, 1, None));
    assert_eq!((change.region(), change.view(), change.keys_json()), ("eu-west-1", View::NewAndOldImages, KEYS));
    assert_eq!(change.old_image_json(), Some(r#"{"n":{"N":"1"}}"#));
    assert!(!format!("{change:?}").contains('N'), "an image is in {change:?}");

    let expired = remove(KEYS, "{}").ttl().build();
    assert!(expired.is_ttl_expiry() && expired.new_image_json().is_none());
    assert!(!remove(KEYS, "{}").build().is_ttl_expiry());
    let cut = testing::batch([modify(KEYS, "{}", "{}")]).view(View::OldImage).build();
    assert_eq!((cut.changes()[0].new_image_json(), cut.changes()[0].old_image_json()), (None, Some("{}")));
}

#[test]
fn an_item_that_does_not_fit_rejects_its_change() {
    #[derive(Debug, serde::Deserialize)]
    struct Item {
        #[serde(rename = "n")]
        _n: u8,
    }
    let change = modify(KEYS, r#"{"n":{"N":"1"}}"#, r#"{"n":{"N":"300"}}"#).build();
    assert!(change.old_image::<Item>().unwrap().is_some());
    assert_eq!(
        change.new_image::<Item>().unwrap_err(),
        Failure::reject("new image: attribute `n`: an N that is no u8: too large, or not whole")
    );
    assert_eq!(change.keys::<Item>().unwrap_err(), Failure::reject("keys: missing field `n`"));
    assert!(insert(KEYS, "{}").build().old_image::<Item>().unwrap().is_none());
}

/// Writes the same to every import, and fails the second change.
fn effects(change: Change) -> Result<(), Failure> {
    counters::add(&change, "seen", &[("b", "2"), ("a", "1")], change.index())?;
    let before = state::get(&change, "k")?.map_or(0, |value| value[0]);
    state::set(&change, "k", [before + 1], Some(5))?;
    mailer::send(&change, Some("office"), Message::new("s").to("a@b.example").text("t"), "key")?;
    log::info!("change {}", change.index());
    if change.index() == 1 { Err(Failure::retry("told to")) } else { Ok(()) }
}

#[test]
fn what_a_failed_change_did_is_dropped() {
    let host = Host::new();
    host.set_state("k", [10]);
    let failures = testing::run(effects, testing::batch([insert(KEYS, "{}"), insert(KEYS, "{}"), insert(KEYS, "{}")]));
    assert_eq!(failures.iter().map(|(index, _)| index).collect::<Vec<_>>(), [1]);
    assert_eq!(host.counter("seen", &[("a", "1"), ("b", "2")]), ["0", "2"]);
    assert_eq!((host.state("k"), host.state_expires_ms("k")), (Some(vec![13]), Some(5)));
    assert_eq!(host.mails().iter().map(|mail| mail.change).collect::<Vec<_>>(), [0, 2]);
    assert_eq!((host.mails()[0].mailer.as_deref(), host.mails()[0].message.subject.as_str()), (Some("office"), "s"));
    // Logs are no state: they stay.
    assert_eq!(host.logs().iter().map(|line| line.message.as_str()).collect::<Vec<_>>(), ["change 0", "change 1", "change 2"]);
    assert_eq!(host.logs()[0].context, module_path!());

    let all = |_: &Batch| -> Result<Failures, Failure> { Err(Failure::retry("all")) };
    host.set_state("k", [20]);
    assert!(testing::run_batch(all, testing::batch([insert(KEYS, "{}")])).is_err());
    assert_eq!(host.state("k"), Some(vec![20]));
}

#[test]
fn a_deleted_key_is_gone_and_many_are_read_in_one_call() {
    let host = Host::new();
    host.set_state("a", "1");
    host.set_state("b", "2");
    let change = insert(KEYS, "{}").build();
    state::delete(&change, "a").unwrap();
    let values = state::get_many(&[(&change, "b"), (&change, "a"), (&change, "c")]).unwrap();
    assert_eq!(values, [Some(b"2".to_vec()), None, None]);
    assert_eq!(host.calls(Call::StateGet), 1);
}

#[track_caller]
fn check_failure(result: Result<(), Failure>, retry: bool) {
    assert_eq!(result.as_ref().map_err(Failure::is_retry), Err(retry), "{result:?}");
}

#[test]
fn denied_and_invalid_reject_and_unavailable_retries() {
    let change = insert(KEYS, "{}").build();
    let mail = || Message::new("s").to("a@b.example").text("t");
    let host = Host::new();
    check_failure(counters::add(&change, "Bad-Name", &[], 1), false);
    check_failure(counters::add(&change, "good", &[("x y", "")], 1), false);
    check_failure(counters::add(&change, "good", &[], "one"), false);
    check_failure(counters::add(&change, "good", &[], f64::NAN), false);
    check_failure(state::set(&change, &"k".repeat(2049), "", None), false);
    check_failure(mailer::send(&change, None, Message::new("s").to("nobody").text("t"), "k"), false);
    check_failure(mailer::send(&change, None, Message::new("s").to("a@b.example"), "k"), false);
    check_failure(mailer::send(&change, None, Message::new("a\nb").to("a@b.example").text("t"), "k"), false);
    assert!(host.counters().is_empty() && host.mails().is_empty());
    host.fail_state("down");
    check_failure(state::get(&change, "k").map(|_| ()), true);
    for capability in [Capability::Counters, Capability::State, Capability::Tables, Capability::Mailers] {
        host.deny(capability);
    }
    check_failure(counters::add(&change, "good", &[], 1), false);
    check_failure(state::get(&change, "k").map(|_| ()), false);
    check_failure(mailer::send(&change, None, mail(), "k"), false);
    check_failure(tables::write("t", vec![]).map(|_| ()), false);
    for (error, retry) in [
        (WriteError::ConditionFailed, false),
        (WriteError::Invalid("x".to_owned()), false),
        (WriteError::Unavailable("x".to_owned()), true),
    ] {
        check_failure(Err(error.into()), retry);
    }
}

#[test]
fn writes_keep_their_order_and_each_has_its_result() {
    let host = Host::new();
    host.on_write(|table, write| {
        // The answer may use the host itself.
        log::debug!("{table}");
        if write.is_put() { Ok(()) } else { Err(WriteError::ConditionFailed) }
    });
    let once = Condition::new("#v < :v").name("#v", "version").value(":v", 3);
    let writes = vec![
        Write::put(KEYS).condition(once.clone()),
        Write::delete(KEYS),
        Write::put("no item"),
        Write::put(KEYS).condition("attribute_not_exists(pk)"),
    ];
    let results = tables::write("t", writes.clone()).unwrap();
    assert_eq!(results[0], Ok(()));
    assert_eq!(results[1], Err(WriteError::ConditionFailed));
    assert!(matches!(results[2], Err(WriteError::Invalid(_))));
    assert_eq!(results[3], Ok(()));
    let seen: Vec<_> = host.writes().into_iter().map(|(_, write)| write).collect();
    assert_eq!(seen, [writes[0].clone(), writes[1].clone(), writes[3].clone()]);
    assert_eq!(seen[0].get_condition(), Some(once));
}

#[test]
fn requests_are_recorded_and_answered_as_the_test_says() {
    let host = Host::new();
    assert_eq!(http::get("https://h.example").send(), Ok(http::Response::new(200)));
    host.on_http(|request| match request.url.as_str() {
        "https://h.example/away" => Err(http::Error::Unavailable("no answer".to_owned())),
        _ => Ok(http::Response { status: 200, headers: vec![("X-A".to_owned(), b"b".to_vec())], body: br#"{"n":1}"#.to_vec() }),
    });
    let answer = http::post("https://h.example/a").header("Idempotency-Key", "e").json(&[1, 2]).send().unwrap();
    assert_eq!((answer.header("x-a"), answer.json::<std::collections::BTreeMap<String, u8>>().unwrap()["n"]), (Some("b"), 1));
    check_failure(http::get("https://h.example/away").send().map(|_| ()).map_err(Failure::from), true);
    let requests = host.requests();
    assert_eq!((requests.len(), requests[1].method.as_str(), &*requests[1].body), (3, "POST", &b"[1,2]"[..]));
    assert_eq!(requests[1].headers[1], ("Content-Type".to_owned(), b"application/json".to_vec()));
    assert!(!format!("{:?} {answer:?}", requests[1]).contains("h.example"));
    for request in [
        http::get("h.example"),
        http::get("ftp://h.example"),
        http::get("https://h").header("Bad Name", ""),
        http::get("https://h").header("Host", "x"),
        http::get("https://h").header("X", "a\nb"),
        http::get("https://h").json(&std::collections::BTreeMap::from([((1, 2), 3)])),
    ] {
        check_failure(request.send().map(|_| ()).map_err(Failure::from), false);
    }
    for (status, retry) in [(400, false), (404, false), (301, false), (408, true), (429, true), (500, true), (503, true)] {
        check_failure(http::Response::new(status).ok().map(|_| ()), retry);
    }
    host.deny(Capability::Http);
    check_failure(http::get("https://h.example").send().map(|_| ()).map_err(Failure::from), false);
    assert_eq!((host.requests().len(), host.calls(Call::HttpSend)), (3, 9));
}
