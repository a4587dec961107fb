use expect_test::{Expect, expect};

use super::*;

#[track_caller]
fn check(text: &str, expected: Expect) {
    let told = match Events::read(text, "events.jsonl") {
        Ok(events) => {
            let mut told = format!("{} {:?}\n", events.stream, events.view.map(ViewType::as_aws));
            for change in &events.changes {
                let (number, created) = (change.sequence_number.as_str(), change.created.as_ms());
                let images = [change.old_image_json(), change.new_image_json()].map(|image| image.unwrap_or("-"));
                let line = format!("{number} {} {created} {} {}", change.event_name.as_str(), change.keys_json(), images.join(" "));
                told.push_str(&line.replace('\n', " "));
                told.push('\n');
            }
            told
        }
        Err(faults) => format!("{faults}\n"),
    };
    expected.assert_eq(&told);
}

const WHOLE: &str = r#"{"eventID":"e1","eventName":"INSERT","dynamodb":{"ApproximateCreationDateTime":1.7E9,"Keys":{"k":{"S":"a"}},"NewImage":{"k":{"S":"a"},"n":{"N":"1.50"}},"SequenceNumber":"7","StreamViewType":"NEW_IMAGE"},"eventSourceARN":"arn:aws:dynamodb:eu-west-1:1:table/t/stream/1"}"#;
const REMOVE: &str = r#"{"eventName":"REMOVE","dynamodb":{"Keys":{"k":{"S":"a"}},"OldImage":{"k":{"S":"a"}},"SequenceNumber":"8"}}"#;

#[test]
fn every_form_is_the_same_changes() {
    for text in [
        format!("{WHOLE}\n{REMOVE}\n"),
        format!("\u{feff}{WHOLE}\r\n\r\n{REMOVE}"),
        format!("{{\"Records\":[{WHOLE}]}}\n{{\"Records\":[{REMOVE}]}}\n"),
        format!("{{\"Records\":[{WHOLE},{REMOVE}]}}"),
        format!("[{WHOLE},\n{REMOVE}]"),
        format!("{{\n  \"Records\": [\n    {WHOLE},\n    {REMOVE}\n  ]\n}}\n"),
    ] {
        check(
            &text,
            expect![[r#"
                arn:aws:dynamodb:eu-west-1:1:table/t/stream/1 Some("NEW_IMAGE")
                7 INSERT 1700000000000 {"k":{"S":"a"}} - {"k":{"S":"a"},"n":{"N":"1.50"}}
                8 REMOVE 1767225600000 {"k":{"S":"a"}} {"k":{"S":"a"}} -
            "#]],
        );
    }
}

#[test]
fn what_is_left_out_by_hand_is_filled_in_where_there_is_one_answer() {
    check(
        r#"{"eventName":"INSERT","dynamodb":{"Keys":{"k":{"S":"a"},"s":{"N":"1"}},"NewImage":{"k":{"S":"a"},"s":{"N":"1"}}}}
           {"eventName":"MODIFY","dynamodb":{ "NewImage":{"x":{"L":[]},"s":{"N":"1"},"k":{"S":"b"}}, "OldImage":{"k":{"S":"c"}}}}
           {"eventName":"REMOVE","dynamodb":{"OldImage":{"s":{"N":"2"},"k":{"S":"b"}},"ApproximateCreationDateTime":1}}"#,
        expect![[r#"
            arn:aws:dynamodb:us-east-1:000000000000:table/test/stream/2026-01-01T00:00:00.000 None
            1 INSERT 1767225600000 {"k":{"S":"a"},"s":{"N":"1"}} - {"k":{"S":"a"},"s":{"N":"1"}}
            2 MODIFY 1767225600000 {"k":{"S":"b"},"s":{"N":"1"}} {"k":{"S":"c"}} {"x":{"L":[]},"s":{"N":"1"},"k":{"S":"b"}}
            3 REMOVE 1000 {"k":{"S":"b"},"s":{"N":"2"}} {"s":{"N":"2"},"k":{"S":"b"}} -
        "#]],
    );
}

/// Each after a record that is right, on a line of its own.
#[track_caller]
fn check_second(lines: &[&str], expected: Expect) {
    let refused = |line: &&str| Events::read(&format!("{WHOLE}\n{line}\n"), "f").unwrap_err().to_string() + "\n";
    expected.assert_eq(&lines.iter().map(refused).collect::<String>());
}

#[test]
fn what_is_no_change_is_refused_with_its_line() {
    for nothing in ["", "\n \n", "{\"Records\":[]}", "[]"] {
        check(
            nothing,
            expect![[r#"
                events.jsonl: it holds no change: write one change a line, as `tripline streams tail --json` prints them, or a Lambda event with Records
            "#]],
        );
    }
    let lines =
        ["{\"eventName\":", "hello", "{\"a\":1,}", "17", "null", "{\"Records\":{}}", "[1]", "[[]]", "{\"lost\":3}", "{\"dynamodb\":[]}"];
    check_second(
        &lines,
        expect![[r#"
        f:2: the JSON that begins here has no end: close its brackets and quotes
        f:2: column 1: not JSON: expected value: correct it; each change is one JSON object, with its quotes and brackets closed
        f:2: column 8: not JSON: key must be a string: correct it; each change is one JSON object, with its quotes and brackets closed
        f:2: neither a change nor a list of them: write a change, an event with a list of Records, or a list of changes
        f:2: neither a change nor a list of them: write a change, an event with a list of Records, or a list of changes
        f:2: its Records are no list: write a change, an event with a list of Records, or a list of changes
        f:2: it is no object: write a record as DynamoDB Streams has it: {"eventName":"INSERT","dynamodb":{"Keys":{"id":{"S":"a"}},"NewImage":{…}}}
        f:2: it is no object: write a record as DynamoDB Streams has it: {"eventName":"INSERT","dynamodb":{"Keys":{"id":{"S":"a"}},"NewImage":{…}}}
        f:2: it has no object `dynamodb`: write a record as DynamoDB Streams has it: {"eventName":"INSERT","dynamodb":{"Keys":{"id":{"S":"a"}},"NewImage":{…}}}
        f:2: it has no object `dynamodb`: write a record as DynamoDB Streams has it: {"eventName":"INSERT","dynamodb":{"Keys":{"id":{"S":"a"}},"NewImage":{…}}}
    "#]],
    );
    check(
        &format!("{{\n\"Records\": [\n{WHOLE},\n\n3]}}"),
        expect![[r#"
        events.jsonl:5: it is no object: write a record as DynamoDB Streams has it: {"eventName":"INSERT","dynamodb":{"Keys":{"id":{"S":"a"}},"NewImage":{…}}}
    "#]],
    );
}

#[test]
fn what_a_record_lacks_is_said_with_a_remedy() {
    let without = |from: &str, to: &str| {
        assert!(REMOVE.contains(from), "{from}");
        REMOVE.replace(from, to)
    };
    let (keys, image) = (r#""Keys":{"k":{"S":"a"}}"#, r#""OldImage":{"k":{"S":"a"}}"#);
    let lines = [
        without("REMOVE", "DELETE"),
        without("\"eventName\":\"REMOVE\",", ""),
        without("\"8\"", "8"),
        without("\"8\"", "\"eight\""),
        without("\"8\"", "\"7\""),
        without(",\"SequenceNumber\":\"8\"", ""),
        without(&format!("{keys},{image},"), ""),
        without(&format!("{keys},{image}"), r#""OldImage":{"other":{"S":"a"}}"#),
        without(image, r#""OldImage":{"k":"a"}"#),
        without(image, r#""OldImage":{"k":{"S":"a","N":"1"}}"#),
        without(keys, r#""Keys":{"k":{"T":"a"}}"#),
        without(keys, r#""Keys":[]"#),
    ];
    check_second(
        &lines.each_ref().map(String::as_str),
        expect![[r#"
        f:2: eventName `DELETE` is none of INSERT, MODIFY, REMOVE: write a record as DynamoDB Streams has it: eventName, and dynamodb with Keys and images
        f:2: it has no eventName: write a record as DynamoDB Streams has it: eventName, and dynamodb with Keys and images
        f:2: its SequenceNumber is no string: write a record as DynamoDB Streams has it: {"eventName":"INSERT","dynamodb":{"Keys":{"id":{"S":"a"}},"NewImage":{…}}}
        f:2: `eight` is not a sequence number: one to 128 decimal digits: write a record as DynamoDB Streams has it: eventName, and dynamodb with Keys and images
        f:2: its SequenceNumber 7 is that of line 1: write another, or leave SequenceNumber out of all records: they are then numbered
        f:2: it has no SequenceNumber, and other records have one: write one that is higher than those before it, or leave it out of all records: they are then numbered
        f:2: it has no Keys: write dynamodb.Keys, such as "Keys":{"id":{"S":"a"}}: by them the changes of one item are known
        f:2: it has no Keys: write dynamodb.Keys, such as "Keys":{"id":{"S":"a"}}: by them the changes of one item are known
        f:2: OldImage: `k` has a value without a type: write DynamoDB JSON, each value with its type: {"id":{"S":"a"},"total":{"N":"9.50"}}
        f:2: OldImage: `k` has a value without a type: write DynamoDB JSON, each value with its type: {"id":{"S":"a"},"total":{"N":"9.50"}}
        f:2: Keys: `k` has a value without a type: write DynamoDB JSON, each value with its type: {"id":{"S":"a"},"total":{"N":"9.50"}}
        f:2: Keys is no item: write DynamoDB JSON, each value with its type: {"id":{"S":"a"},"total":{"N":"9.50"}}
    "#]],
    );
}

#[test]
fn of_many_faults_the_first_are_said() {
    check(
        &(1..13).map(|number| format!("{number}\n")).collect::<String>(),
        expect![[r#"
        events.jsonl:1: neither a change nor a list of them: write a change, an event with a list of Records, or a list of changes
        events.jsonl:2: neither a change nor a list of them: write a change, an event with a list of Records, or a list of changes
        events.jsonl:3: neither a change nor a list of them: write a change, an event with a list of Records, or a list of changes
        events.jsonl:4: neither a change nor a list of them: write a change, an event with a list of Records, or a list of changes
        events.jsonl:5: neither a change nor a list of them: write a change, an event with a list of Records, or a list of changes
        events.jsonl:6: neither a change nor a list of them: write a change, an event with a list of Records, or a list of changes
        events.jsonl:7: neither a change nor a list of them: write a change, an event with a list of Records, or a list of changes
        events.jsonl:8: neither a change nor a list of them: write a change, an event with a list of Records, or a list of changes
        events.jsonl:9: neither a change nor a list of them: write a change, an event with a list of Records, or a list of changes
        events.jsonl:10: neither a change nor a list of them: write a change, an event with a list of Records, or a list of changes
        and 2 more
    "#]],
    );
}
