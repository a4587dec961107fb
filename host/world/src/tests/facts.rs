//! Every fact of a stream that AWS documents, as this world shows it.

use expect_test::{Expect, expect};
use serde_json::Value;

use super::{START_MS, Stage};
use crate::item::hash;
use crate::*;

#[track_caller]
fn check(script: &str, said: Expect) {
    said.assert_eq(&Stage::new(7).run(script));
}

#[test]
fn every_change_appears_once_in_order() {
    check("make; put x 1; put x 2; put y 3; delete x; iterator a trim; get; get", expect!["x1 x2 y3 x- >, >"]);
    // What changes nothing appears not at all.
    check("make; put x 1; put x 1; delete y; iterator a trim; get", expect!["x1 >"]);
}

#[test]
fn pages() {
    check("make; put x 1; put x 2; put x 3; iterator a trim; get 2; get 2; get 2", expect!["x1 x2 >, x3 >, >"]);
    check("make; iterator a trim; get 0; get 1001; get 1000", expect!["ValidationException, ValidationException, >"]);
}

#[test]
fn iterators_begin_where_they_say() {
    let three = "make; put x 1; put x 2; put x 3; ";
    for (kind, said) in [
        ("trim", expect!["x1 x2 x3 >"]),
        ("latest", expect![">"]),
        ("at:1", expect!["x2 x3 >"]),
        ("after:1", expect!["x3 >"]),
        ("after:2", expect![">"]),
        ("raw:17", expect!["ValidationException, nothing to read"]),
        ("raw:9999999999999999999999999999999999999", expect!["ValidationException, nothing to read"]),
    ] {
        check(&format!("{three}iterator a {kind}; get"), said);
    }
    check(&format!("{three}iterator a latest; put x 4; get"), expect!["x4 >"]);
}

#[test]
fn the_last_page_holds_records_and_no_iterator() {
    check("make; put x 1; put x 2; roll a; iterator a trim; get", expect!["x1 x2 end"]);
    check("make; put x 1; put x 2; roll a; iterator a trim; get 1; get 1", expect!["x1 >, x2 end"]);
    // Closed while it was read.
    check("make; put x 1; iterator a trim; get; roll a; get", expect!["x1 >, end"]);
    check("make; roll a; iterator a trim; get", expect!["end"]);
}

#[test]
fn lineage() {
    check("make; describe; roll a; describe; split b; describe", expect!["[a], [a. b<a], [a. b<a. c<b d<b]"]);
    check("make KEYS_ONLY 3; split b; describe 2; children b", expect!["[a b.|c d<b|e<b], [d<b e<b]"]);
    check("make; split a; split a; roll a", expect!["ValidationException, ValidationException"]);
    check("make; describe 0; describe 101", expect!["ValidationException, ValidationException"]);
}

#[test]
fn changes_go_to_the_open_shard_of_their_hash() {
    check("make; put x 1; roll a; put x 2; iterator a trim; get; iterator b trim; get", expect!["x1 end, x2 >"]);
    let mut stage = Stage::new(3);
    stage.run("make KEYS_ONLY 4; split a; split b; roll c; split e");
    for item in 0..200 {
        stage.run(&format!("put item-{item} 1"));
    }
    let open: Vec<_> = stage.world.shards_open("t").collect();
    assert_eq!(open.len(), 7);
    for written in stage.world.written() {
        let item = written.key.split('"').nth(5).unwrap();
        let place = open.iter().position(|&shard| shard == written.at).unwrap();
        assert_eq!(Some(open[place].shard), stage.world.streams[0].shard_of(hash(item)));
    }
    let used = open.iter().filter(|&&shard| stage.world.written_to(shard).count() > 0).count();
    assert_eq!(used, open.len(), "every open shard gets its share");
}

#[test]
fn iterators_expire_after_15_minutes() {
    check("make; put x 1; iterator a trim; wait 899s; get", expect!["x1 >"]);
    check("make; put x 1; iterator a trim; wait 900s; get", expect!["ExpiredIteratorException"]);
    // Each answer brings a new one.
    check("make; iterator a trim; wait 899s; get; wait 899s; get", expect![">, >"]);
}

#[test]
fn records_are_trimmed_after_24_hours() {
    let two = "make; put x 1; wait 1h; put x 2; ";
    check(&format!("{two}wait 23h; iterator a trim; get"), expect!["x2 >"]);
    check(&format!("{two}wait 22h; wait 3599s; iterator a trim; get"), expect!["x1 x2 >"]);
    // A position at or before what is trimmed, though nothing be lost.
    check(
        &format!("{two}wait 23h; iterator a at:0; iterator a after:0; iterator a after:1; get"),
        expect!["TrimmedDataAccessException, TrimmedDataAccessException, >"],
    );
    check("make; put x 1; wait 24h; iterator a after:0", expect!["TrimmedDataAccessException"]);
    // Trimmed under an iterator that has not expired; and one that has read it is unharmed.
    check("make; put x 1; wait 23h; wait 50m; iterator a trim; wait 10m; get", expect!["TrimmedDataAccessException"]);
    check("make; put x 1; wait 23h; wait 50m; iterator a trim; get; wait 10m; get", expect!["x1 >, >"]);
}

#[test]
fn closed_shards_age_out() {
    check(
        "make; put x 1; roll a; wait 23h; wait 3599s; describe; wait 1s; describe; iterator a trim",
        expect!["[a. b<a], [b<a], ResourceNotFoundException"],
    );
    check("make; roll a; wait 23h; wait 55m; iterator a trim; wait 5m; get", expect!["ResourceNotFoundException"]);
}

#[test]
fn a_stream_enabled_again_is_another() {
    check("make; disable; enable; disable; enable; list; list 1", expect!["[0 1 2], [0|1|2]"]);
    check(
        "make; put x 1; disable; put x 2; enable; put x 3; iterator a trim; get; stream 1; iterator a trim; get",
        expect!["x1 end, x3 >"],
    );
    check(
        "make; disable; describe; wait 24h; list; describe; iterator a trim",
        expect!["[a.] off, [], ResourceNotFoundException, ResourceNotFoundException"],
    );
    check("make; enable; disable; disable", expect!["ValidationException, ValidationException"]);
}

#[test]
fn a_table_made_again_has_another_stream() {
    check("make; put x 1; drop; make; put x 2; list; iterator a trim; get; stream 1; iterator a trim; get", expect!["[0 1], x1 end, x2 >"]);
    check(
        "make; drop; list; drop; put x 1; enable",
        expect!["[0], ResourceNotFoundException, ResourceNotFoundException, ResourceNotFoundException"],
    );
    check("make; make", expect!["ResourceInUseException"]);
}

#[test]
fn a_record_is_as_the_wire_has_it() {
    let mut stage = Stage::new(7);
    stage.run("make; put x 1; put x 2; expire x; iterator a trim; get");
    let body: Value = serde_json::from_str(&stage.body).unwrap();
    let mut records = body["Records"].as_array().unwrap().clone();
    let written: Vec<_> = stage.world.written().collect();
    for (record, written) in records.iter_mut().zip(&written) {
        assert_eq!(record["eventID"], written.event_id());
        assert_eq!(record["dynamodb"]["SequenceNumber"], written.number.to_string());
        record["eventID"] = Value::Null;
        record["dynamodb"]["SequenceNumber"] = Value::Null;
    }
    let texts: Vec<_> = records.iter().map(Value::to_string).collect();
    expect![[r#"
        {"awsRegion":"eu-west-1","dynamodb":{"ApproximateCreationDateTime":1750000000,"Keys":{"pk":{"S":"x"}},"NewImage":{"n":{"N":"1"},"pk":{"S":"x"}},"SequenceNumber":null,"SizeBytes":9,"StreamViewType":"NEW_AND_OLD_IMAGES"},"eventID":null,"eventName":"INSERT","eventSource":"aws:dynamodb","eventVersion":"1.1"}
        {"awsRegion":"eu-west-1","dynamodb":{"ApproximateCreationDateTime":1750000000,"Keys":{"pk":{"S":"x"}},"NewImage":{"n":{"N":"2"},"pk":{"S":"x"}},"OldImage":{"n":{"N":"1"},"pk":{"S":"x"}},"SequenceNumber":null,"SizeBytes":15,"StreamViewType":"NEW_AND_OLD_IMAGES"},"eventID":null,"eventName":"MODIFY","eventSource":"aws:dynamodb","eventVersion":"1.1"}
        {"awsRegion":"eu-west-1","dynamodb":{"ApproximateCreationDateTime":1750000000,"Keys":{"pk":{"S":"x"}},"OldImage":{"n":{"N":"2"},"pk":{"S":"x"}},"SequenceNumber":null,"SizeBytes":9,"StreamViewType":"NEW_AND_OLD_IMAGES"},"eventID":null,"eventName":"REMOVE","eventSource":"aws:dynamodb","eventVersion":"1.1","userIdentity":{"PrincipalId":"dynamodb.amazonaws.com","Type":"Service"}}"#]]
    .assert_eq(&texts.join("\n"));
}

#[test]
fn views() {
    for (view, new, old) in
        [("KEYS_ONLY", false, false), ("NEW_IMAGE", true, false), ("OLD_IMAGE", false, true), ("NEW_AND_OLD_IMAGES", true, true)]
    {
        let mut stage = Stage::new(7);
        stage.run(&format!("make {view} 1; put x 1; put x 2; iterator a after:0; get"));
        assert_eq!((stage.body.contains("NewImage\":{"), stage.body.contains("OldImage\":{")), (new, old), "{view}");
    }
}

#[test]
fn numbers_grow_along_a_lineage() {
    let (mut widest, mut narrowest) = (0, usize::MAX);
    for seed in 0..200 {
        let mut stage = Stage::new(seed);
        stage.run("make; put x 1; put x 2; roll a; put x 3; split b; put x 4; disable; enable; put x 5");
        let numbers: Vec<_> = stage.world.written().map(|written| written.number).collect();
        assert_eq!(numbers.len(), 5);
        assert!(numbers.is_sorted_by(|a, b| a < b), "seed {seed}: {numbers:?}");
        for text in numbers.iter().map(Number::to_string) {
            assert_eq!(Number::parse(&text).map(|number| number.to_string()), Some(text.clone()));
            (widest, narrowest) = (widest.max(text.len()), narrowest.min(text.len()));
        }
    }
    assert!(narrowest == 21 && widest > 25, "{narrowest} to {widest} digits");
}

#[test]
fn a_page_is_at_most_a_megabyte() {
    let mut stage = Stage::new(1);
    stage.run("make NEW_IMAGE 1");
    for index in 0..5 {
        let item = serde_json::json!({ "pk": { "S": format!("x{index}") }, "pad": { "S": "p".repeat(300_000) } });
        let item = Item::parse(&Schema::default(), item.as_object().unwrap().clone()).unwrap();
        stage.world.put("t", item, START_MS).unwrap();
    }
    assert_eq!(stage.run("iterator a trim; get; get"), "x0- x1- x2- >, x3- x4- >");
}

#[test]
fn calls_are_counted_and_limited() {
    let mut stage = Stage::new(1);
    stage.run("make; iterator a trim");
    stage.world.limit_calls(true);
    // Five within a second; the sixth is one too many, and counts.
    assert_eq!(
        stage.run("get; get; get; get; get; get; wait 999ms; get; wait 1s; get"),
        ">, >, >, >, >, LimitExceededException, LimitExceededException, >"
    );
    let reads = stage.world.reads(stage.shard("a")).unwrap();
    assert_eq!((reads.calls, reads.peak), (8, 7));
    let listed = stage.run("list; list; list; list; list; list");
    assert_eq!(listed, "[0], [0], [0], [0], [0], ThrottlingException");
    assert_eq!(stage.run("describe; ".repeat(11).trim_end_matches("; ")).matches("ThrottlingException").count(), 1);
    assert_eq!(stage.world.calls(Operation::DescribeStream).calls, 11);
}

#[test]
fn readers_are_chains_of_iterators() {
    let mut stage = Stage::new(1);
    // One that reopens is one reader.
    stage.run("make; iterator a trim; get; wait 1s; get; iterator a trim; get; wait 1s; get");
    assert_eq!(stage.world.readers_peak(stage.shard("a")), 1);
    let mine = stage.iterator.clone();
    stage.run("wait 1s; iterator a trim; get; wait 1s; get");
    stage.iterator = mine;
    stage.run("get");
    assert_eq!(stage.world.readers_peak(stage.shard("a")), 2);
}

#[test]
fn what_is_no_iterator_is_refused() {
    let mut world = World::new(1);
    for iterator in ["", "x", "arn|1|", "arn|1|0.0.0.0.0", "arn|1|0.0.0.0.0.0", "arn|1|zz.0.0.0.0"] {
        let error = world.get_records(&GetRecords { iterator, limit: None }, START_MS).unwrap_err();
        assert_eq!(error.code, "ValidationException", "{iterator}");
    }
    for (kind, number) in
        [("TRIM_HORIZON", Some("1")), ("LATEST", Some("1")), ("AT_SEQUENCE_NUMBER", None), ("AFTER_SEQUENCE_NUMBER", None), ("X", None)]
    {
        assert_eq!(IteratorKind::parse(kind, number).unwrap_err().code, "ValidationException", "{kind}");
    }
}

#[test]
fn items_have_one_form() {
    let parse = |text: &str| {
        let value: Value = serde_json::from_str(text).unwrap();
        Item::parse(&Schema::default(), value.as_object().unwrap().clone())
            .map_or_else(|error| error.code.to_owned(), |item| format!("{} {}", item.json, item.size_bytes))
    };
    for (text, form) in [
        (r#"{"pk":{"S":"a"},"n":{"N":"007.50"}}"#, r#"{"n":{"N":"7.5"},"pk":{"S":"a"}} 7"#),
        (r#"{"pk":{"S":"a"},"s":{"SS":["b","a"]}}"#, r#"{"pk":{"S":"a"},"s":{"SS":["a","b"]}} 6"#),
        (
            r#"{"pk":{"S":"a"},"m":{"M":{"b":{"L":[{"N":"-0"}]},"a":{"BOOL":true}}}}"#,
            r#"{"m":{"M":{"a":{"BOOL":true},"b":{"L":[{"N":"0"}]}}},"pk":{"S":"a"}} 18"#,
        ),
        (r#"{"pk":{"N":"1"}}"#, "ValidationException"),
        (r#"{"pk":{"S":""}}"#, "ValidationException"),
        (r#"{"n":{"N":"1"}}"#, "ValidationException"),
        (r#"{"pk":{"S":"a"},"x":{"S":"a","N":"1"}}"#, "ValidationException"),
        (r#"{"pk":{"S":"a"},"x":{"SS":["a","a"]}}"#, "ValidationException"),
    ] {
        assert_eq!(parse(text), form, "{text}");
    }
    // The quick way writes what the long way writes.
    for pk in ["a", "quote\"d", "new\nline", "ünïcode"] {
        let quick = Item::numbered(pk, 12345);
        let parsed: Value = serde_json::from_str(&quick.json).unwrap();
        assert_eq!(Item::parse(&Schema::default(), parsed.as_object().unwrap().clone()).unwrap(), quick);
    }
}

#[test]
fn time_never_runs_backward() {
    let mut stage = Stage::new(1);
    stage.run("make; put x 1");
    stage.now_ms -= 5000;
    stage.run("put x 2");
    let times: Vec<_> = stage.world.written().map(|written| written.created_ms - START_MS).collect();
    assert_eq!(times, [0, 0]);
}

#[test]
fn thousands_of_open_shards_are_described_page_by_page() {
    let mut world = World::new(1);
    world.create_table(TableSpec { shards: 5000, ..TableSpec::new("t") }, 0).unwrap();
    let arn = world.streams().next().unwrap().arn.clone();
    let (mut after, mut shards, mut pages) = (None, 0, 0);
    loop {
        let page = world
            .describe_stream(&StreamPage { arn: &arn, after: after.as_deref(), ..StreamPage::default() }, 0)
            .unwrap();
        (shards, pages) = (shards + page.shards.len(), pages + 1);
        match page.last {
            Some(last) => after = Some(last),
            None => break,
        }
    }
    assert_eq!((shards, pages), (5000, 50));
}
