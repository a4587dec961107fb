//! The imports as a handler sees them, against the host of `testing`.

use tripline_sdk::mailer::Message;
use tripline_sdk::tables::{Condition, Write, WriteError};
use tripline_sdk::testing::{self, Call, Capability, Host, insert, modify, remove};
use tripline_sdk::{Batch, Change, EventName, Failure, Failures, View, counters, http, log, mailer, metrics, state, tables};

const KEYS: &str = r#"{"pk":{"S":"a"}}"#;

/// Whatever users write, a type that borrows fits it.
#[test]
fn strings_with_escapes_are_borrowed_from_a_change_too() {
    #[derive(serde::Deserialize)]
    struct Order<'a> {
        id: &'a str,
        #[serde(borrow)]
        tags: Vec<&'a str>,
        #[serde(borrow)]
        notes: std::collections::BTreeMap<&'a str, &'a str>,
        owned: String,
    }
    let image =
        r#"{"id":{"S":"a\"b"},"tags":{"SS":["plain","C:\\tmp"]},"notes":{"M":{"caf\u00e9":{"S":"two\nlines"}}},"owned":{"S":"\t"}}"#;
    let change = insert(KEYS, image).build();
    for change in [&change, &change.clone()] {
        let order: Order<'_> = change.new_image().unwrap().unwrap();
        let again: Order<'_> = change.new_image().unwrap().unwrap();
        assert_eq!((order.id, again.id, &*order.owned), ("a\"b", "a\"b", "\t"));
        assert_eq!((order.tags, order.notes), (vec!["plain", r"C:\tmp"], [("café", "two\nlines")].into()));
    }
}

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
    // The third is of the same item, and has read what the second wrote.
    assert_eq!(host.held(), [2]);
    assert_eq!(host.counter("seen", &[("a", "1"), ("b", "2")]), ["0"]);
    assert_eq!((host.state("k"), host.state_expires_ms("k")), (Some(vec![11]), Some(5)));
    assert_eq!(host.mails().iter().map(|mail| mail.change).collect::<Vec<_>>(), [0]);
    assert_eq!((host.mails()[0].mailer.as_deref(), host.mails()[0].message.subject.as_str()), (Some("office"), "s"));
    // Logs are no state: they stay.
    assert_eq!(host.logs().iter().map(|line| line.message.as_str()).collect::<Vec<_>>(), ["change 0", "change 1", "change 2"]);
    assert_eq!(host.logs()[0].context, module_path!());

    let all = |_: &Batch| -> Result<Failures, Failure> { Err(Failure::retry("all")) };
    host.set_state("k", [20]);
    assert!(testing::run_batch(all, testing::batch([insert(KEYS, "{}")])).is_err());
    assert_eq!((host.state("k"), host.held()), (Some(vec![20]), vec![]));
}

/// A change of the item `id` for each word: `name`, `name retry` or `name reject`, which writes its position; `name reads` reads what is there before.
#[track_caller]
fn check_held(steps: &[&str], held: &[u32], stands: Option<u8>) {
    let host = Host::new();
    let changes = steps.iter().map(|step| {
        let (id, then) = step.split_once(' ').unwrap_or((step, ""));
        insert(&format!(r#"{{"id":{{"S":"{id}"}}}}"#), &format!(r#"{{"then":{{"S":"{then}"}}}}"#))
    });
    #[derive(serde::Deserialize)]
    struct Step<'a> {
        then: &'a str,
    }
    let handler = |change: Change| {
        let then = change.new_image::<Step<'_>>()?.map_or("", |step| step.then);
        if then == "reads" {
            state::get(&change, "k")?;
            return counters::add(&change, "seen", &[], change.index());
        }
        state::set(&change, "k", [change.index() as u8], None)?;
        match then {
            "retry" => Err(Failure::retry("later")),
            "reject" => Err(Failure::reject("never")),
            _ => Ok(()),
        }
    };
    testing::run(handler, testing::batch(changes));
    let readers = (0u32..).zip(steps).filter(|(index, step)| step.ends_with("reads") && !held.contains(index));
    assert_eq!(host.held(), held);
    assert_eq!(host.state("k"), stands.map(|stands| vec![stands]));
    assert_eq!(host.counter("seen", &[]), readers.map(|(index, _)| index.to_string()).collect::<Vec<_>>());
}

#[test]
fn what_waits_for_a_failed_change_is_dropped_with_it() {
    check_held(&["a", "a", "a reads"], &[], Some(1));
    // What is written over a failed change's write stands.
    check_held(&["a", "b retry", "c"], &[], Some(2));
    check_held(&["a", "b retry", "b"], &[2], Some(0));
    check_held(&["a", "b reject", "b"], &[], Some(2));
    check_held(&["a reject", "b reads", "b", "c"], &[1, 2], Some(3));
    check_held(&["a retry", "a", "b reads", "b reads"], &[1, 2, 3], None);
}

#[test]
fn of_one_change_and_key_one_mail_is_sent() {
    let host = Host::new();
    let twice = |change: &Change| {
        for (subject, key) in [("first", "k"), ("again", "k"), ("other", "l")] {
            mailer::send(change, None, Message::new(subject).to("a@b.example").text("t"), key)?;
        }
        Ok(())
    };
    assert!(testing::run(twice, testing::batch([insert(KEYS, "{}"), insert(KEYS, "{}")])).is_empty());
    let sent: Vec<_> = host.mails().into_iter().map(|mail| (mail.change, mail.message.subject)).collect();
    assert_eq!(sent, [(0, "first"), (0, "other"), (1, "first"), (1, "other")].map(|(change, subject)| (change, subject.to_owned())));
    assert_eq!(host.logs().len(), 2);
    assert_eq!(host.logs()[0].message, "mail not sent: the outbox has a mail of this change and key (`k`)");
    // Each run is of other changes, and so is each call outside of one.
    assert!(testing::run(twice, testing::batch([insert(KEYS, "{}")])).is_empty());
    (0..2).for_each(|_| twice(&insert(KEYS, "{}").build()).unwrap());
    assert_eq!(host.mails().len(), 4 + 2 + 6);
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
    check_failure(state::set(&change, "k", vec![0; 256 * 1024 + 1], None), false);
    check_failure(state::get(&change, &"k".repeat(2049)).map(|_| ()), false);
    check_failure(state::delete(&change, &"k".repeat(2049)), false);
    check_failure(mailer::send(&change, None, Message::new("s").to("a@b.example"), "k"), false);
    check_failure(mailer::send(&change, None, mail(), &"k".repeat(1025)), false);
    check_failure(mailer::send(&change, None, mail().text("x".repeat(1024 * 1024 + 1)), "k"), false);
    check_failure(mailer::send(&change, None, (0..50).fold(mail(), |mail, _| mail.to("a@b.example")), "k"), false);
    check_failure(tables::get_many::<serde_json::Value>("t", &vec![KEYS; 1001], tables::Consistency::Eventual).map(|_| ()), false);
    let many = (0..101).fold(tables::Transaction::new(), |all, _| all.write("t", Write::delete(KEYS)));
    check_failure(many.commit(&change).map_err(Failure::from), false);
    assert!(host.counters().is_empty() && host.mails().is_empty() && host.transactions().is_empty() && host.state("k").is_none());
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
fn what_the_host_takes_is_taken_and_nothing_more() {
    let _host = Host::new();
    let change = insert(KEYS, "{}").build();
    let long = "x".repeat(1025);
    let nines = "9".repeat(301);
    for (delta, good) in [
        ("1", true),
        ("-19.99", true),
        ("+.5", true),
        ("5.", true),
        ("1E+168", true),
        ("1e-168", true),
        ("1E+169", false),
        ("1e-169", false),
        ("0.5e-168", false),
        ("1E+300", false),
        ("1e99999999999999999999", false),
        (&nines[1..], true),
        (&nines, false),
        ("", false),
        (".", false),
        ("1_000", false),
        ("1 ", false),
        ("0x10", false),
        ("inf", false),
    ] {
        assert_eq!(counters::add(&change, "n", &[], delta).is_ok(), good, "{delta}");
    }
    for (labels, good) in [
        (vec![("a", ""), ("b", &long[1..])], true),
        (vec![("a", &*long)], false),
        (vec![("a", "1"), ("b", ""), ("a", "2")], false),
        (vec![("Bad Label", "")], false),
        (["a", "b", "c", "d", "e", "f", "g", "h", "i"].map(|name| (name, "")).to_vec(), false),
    ] {
        assert_eq!(counters::add(&change, "n", &labels, 1).is_ok(), good, "{labels:?}");
        assert_eq!(metrics::count("n", &labels, 1).is_ok(), good, "{labels:?}");
    }
    for (address, good) in [
        ("a@b.example", true),
        ("Name <a@b.example>", true),
        ("\"Last, First\" <a@b.example>", true),
        ("Zoë <zoe@b.example>", true),
        ("o'neill+tag@b.example", true),
        ("", false),
        ("a", false),
        ("@b.example", false),
        ("a@", false),
        ("a b@c.example", false),
        ("a@b.example, c@d.example", false),
        ("<a@b.example> <c@d.example>", false),
        ("a@b.example>", false),
        ("Name <a@b.example", false),
        ("a@b@c.example", false),
        ("a@b..example", false),
        ("a@b.example RCPT TO:<c@d.example>", false),
        ("a@b.example\r\nBcc: x@y.example", false),
        ("A\tB <a@b.example>", false),
    ] {
        let mail = |to: &str, subject: &str| Message::new(subject).to(to).text("t");
        assert_eq!(mailer::send(&change, None, mail(address, "s"), "k").is_ok(), good, "to {address}");
        assert_eq!(mailer::send(&change, None, mail("a@b.example", "s").reply_to(address), "k").is_ok(), good, "reply to {address}");
    }
    for (subject, good) in [(&long[..998], true), (&long[..999], false), ("a\nb", false), ("a\u{85}b", false)] {
        assert_eq!(mailer::send(&change, None, Message::new(subject).to("a@b.example").text("t"), "k").is_ok(), good, "{subject:?}");
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
    let own = http::post("https://h.example/a").json(&1).header("content-type", "application/vnd.api+json");
    own.send().unwrap();
    assert_eq!(host.requests()[3].headers, [("content-type".to_owned(), b"application/vnd.api+json".to_vec())]);
    assert!(!format!("{:?} {answer:?}", requests[1]).contains("h.example"));
    let forbidden = ["Host", "connection", "HTTP2-Settings", "keep-alive", "proxy-authenticate", "Proxy-Authorization"];
    let forbidden = forbidden.into_iter().chain(["proxy-connection", "Transfer-Encoding", "upgrade"]);
    for request in forbidden.map(|name| http::get("https://h").header(name, "x")).chain([
        http::get("h.example"),
        http::get("ftp://h.example"),
        http::get("https://h/a b"),
        http::Request::new("A B", "https://h"),
        http::post("https://h").body(vec![0; 8 * 1024 * 1024 + 1]),
        http::get("https://h").header("X", "x".repeat(16 * 1024 - 32)),
        http::get("https://h").header("Bad Name", ""),
        http::get("https://h").header("X", "a\nb"),
        http::get("https://h").json(&std::collections::BTreeMap::from([((1, 2), 3)])),
    ]) {
        check_failure(request.send().map(|_| ()).map_err(Failure::from), false);
    }
    let statuses =
        [(400, false), (404, false), (301, false), (408, true), (429, true), (500, true), (503, true), (599, true), (600, false)];
    for (status, retry) in statuses {
        check_failure(http::Response::new(status).ok().map(|_| ()), retry);
    }
    assert!(http::get("https://h").header("X", "x".repeat(16 * 1024 - 33)).send().is_ok());
    host.deny(Capability::Http);
    check_failure(http::get("https://h.example").send().map(|_| ()).map_err(Failure::from), false);
    assert_eq!((host.requests().len(), host.calls(Call::HttpSend)), (5, 23));
}
