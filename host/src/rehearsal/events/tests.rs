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
           {"eventName":"MODIFY","dynamodb":{ "NewImage":{"x":{"L":[]},"s":{"N":"1"},"k":{"S":"b"}}, "OldImage":{"k":{"S":"b"},"s":{"N":"1.0"}}}}
           {"eventName":"REMOVE","dynamodb":{"OldImage":{"s":{"N":"2"},"k":{"S":"b"}},"ApproximateCreationDateTime":1}}"#,
        expect![[r#"
            arn:aws:dynamodb:us-east-1:000000000000:table/test/stream/2026-01-01T00:00:00.000 None
            1 INSERT 1767225600000 {"k":{"S":"a"},"s":{"N":"1"}} - {"k":{"S":"a"},"s":{"N":"1"}}
            2 MODIFY 1767225600000 {"k":{"S":"b"},"s":{"N":"1"}} {"k":{"S":"b"},"s":{"N":"1.0"}} {"x":{"L":[]},"s":{"N":"1"},"k":{"S":"b"}}
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
            f:2: OldImage.k: it has a value without a type: write DynamoDB JSON, each value with its type: {"id":{"S":"a"},"total":{"N":"9.50"}}
            f:2: OldImage.k: it has more than one type: write DynamoDB JSON, each value with its type: {"id":{"S":"a"},"total":{"N":"9.50"}}
            f:2: Keys.k: it has a value without a type: write DynamoDB JSON, each value with its type: {"id":{"S":"a"},"total":{"N":"9.50"}}
            f:2: Keys is no item: write DynamoDB JSON, each value with its type: {"id":{"S":"a"},"total":{"N":"9.50"}}
        "#]],
    );
}

#[test]
fn a_name_that_was_meant_to_be_another_is_refused_with_the_right_one() {
    let misspelt = |right: &str, wrong: &str| {
        let whole = WHOLE.replace("\"7\"", "\"8\"").replace("}},\"SequenceNumber", "}},\n\"SequenceNumber");
        assert!(whole.contains(right), "{right}");
        whole.replacen(right, wrong, 1)
    };
    let lines = [
        misspelt("NewImage", "NewImag"),
        misspelt("NewImage", "newImage"),
        misspelt("\"Keys\"", "\"Key\""),
        misspelt("ApproximateCreationDateTime", "ApproximateCreationDatetime"),
        misspelt("SequenceNumber", "SequenceNumbers"),
        misspelt("eventName", "eventname"),
        misspelt("eventSourceARN", "eventSourceArn"),
        misspelt("dynamodb", "Dynamodb"),
        misspelt("\"eventID\":\"e1\"", "\"useridentity\":{\"type\":\"Service\"}"),
        misspelt("\"eventID\":\"e1\"", "\"userIdentity\":{\"tpye\":\"Service\"}"),
        misspelt("\"eventID\"", "\"eventName\":\"INSERT\",\"eventID\""),
        "{\"records\":[]}".to_owned(),
    ];
    check_second(
        &lines.each_ref().map(String::as_str),
        expect![[r#"
            f:2: dynamodb has a member `NewImag`, and no `NewImage`: write the name as DynamoDB Streams does
            f:2: dynamodb has a member `newImage`, and no `NewImage`: write the name as DynamoDB Streams does
            f:2: dynamodb has a member `Key`, and no `Keys`: write the name as DynamoDB Streams does
            f:2: dynamodb has a member `ApproximateCreationDatetime`, and no `ApproximateCreationDateTime`: write the name as DynamoDB Streams does
            f:3: dynamodb has a member `SequenceNumbers`, and no `SequenceNumber`: write the name as DynamoDB Streams does
            f:2: the record has a member `eventname`, and no `eventName`: write the name as DynamoDB Streams does
            f:3: the record has a member `eventSourceArn`, and no `eventSourceARN`: write the name as DynamoDB Streams does
            f:2: the event has a member `Dynamodb`, and no `dynamodb`: write the name as DynamoDB Streams does
            f:2: the record has a member `useridentity`, and no `userIdentity`: write the name as DynamoDB Streams does
            f:2: userIdentity has a member `tpye`, and no `type`: write the name as DynamoDB Streams does
            f:2: the record has `eventName` twice: write it once
            f:2: the event has a member `records`, and no `Records`: write the name as DynamoDB Streams does
        "#]],
    );
}

#[test]
fn members_that_recorders_add_are_taken() {
    for (from, to) in [
        ("\"eventID\"", "\"eventTime\":1,\"tableName\":\"t\",\"recordFormat\":\"application/json\",\"source\":null,\"eventID\""),
        ("\"Keys\"", "\"keys\":[],\"TTL\":1,\"Keys\""),
        ("\"eventID\"", "\"userIdentity\":{\"Type\":\"Service\",\"PrincipalId\":\"dynamodb.amazonaws.com\",\"arn\":1},\"eventID\""),
        ("\"eventID\"", "\"userIdentity\":null,\"eventID\""),
        ("1.7E9", "\"2026-01-01T00:00:00+00:00\""),
    ] {
        assert!(WHOLE.contains(from), "{from}");
        Events::read(&WHOLE.replacen(from, to, 1), "f").unwrap();
    }
}

/// Each as the attribute `n` of a new image.
#[track_caller]
fn check_values(values: &[&str], expected: Expect) {
    let line = |value: &&str| WHOLE.replace("\"7\"", "\"8\"").replace(r#"{"N":"1.50"}"#, value);
    let lines: Vec<String> = values.iter().map(line).collect();
    check_second(&lines.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

#[test]
fn what_no_table_holds_is_refused_with_its_path() {
    let digits_39 = r#"{"N":"123456789012345678901234567890123456789"}"#;
    let deep = format!("{}{{\"S\":\"a\"}}{}", "{\"L\":[".repeat(33), "]}".repeat(33));
    check_values(
        &[
            r#"{"N":5}"#,
            r#"{"N":"abc"}"#,
            r#"{"N":""}"#,
            r#"{"N":" 1"}"#,
            digits_39,
            r#"{"N":"1E126"}"#,
            r#"{"S":null}"#,
            r#"{"B":"!!"}"#,
            r#"{"BOOL":"true"}"#,
            r#"{"NULL":false}"#,
            r#"{"SS":[]}"#,
            r#"{"SS":["a","b","a"]}"#,
            r#"{"SS":"a"}"#,
            r#"{"NS":["1","1.0"]}"#,
            r#"{"NS":[1]}"#,
            r#"{"BS":["AA==","?"]}"#,
            r#"{"M":[]}"#,
            r#"{"L":{"S":"a"}}"#,
            r#"{"M":{"city":{"L":[{"S":"a"},{"M":{"x":{"N":"x"}}}]}}}"#,
            r#"{"M":{"a":{"S":"a"},"a":{"S":"b"}}}"#,
            r#"{"s":"a"}"#,
            &deep,
        ],
        expect![[r#"
            f:2: NewImage.n: N is no string: 5: write a string of at most 38 digits, from 1E-130 to 9.9E+125: {"N":"9.50"}
            f:2: NewImage.n: `abc` is no number of DynamoDB's: The parameter cannot be converted to a numeric value: write a string of at most 38 digits, from 1E-130 to 9.9E+125: {"N":"9.50"}
            f:2: NewImage.n: `` is no number of DynamoDB's: The parameter cannot be converted to a numeric value: write a string of at most 38 digits, from 1E-130 to 9.9E+125: {"N":"9.50"}
            f:2: NewImage.n: ` 1` is no number of DynamoDB's: The parameter cannot be converted to a numeric value: write a string of at most 38 digits, from 1E-130 to 9.9E+125: {"N":"9.50"}
            f:2: NewImage.n: `123456789012345678901234567890123456789` is no number of DynamoDB's: Attempting to store more than 38 significant digits in a Number: write a string of at most 38 digits, from 1E-130 to 9.9E+125: {"N":"9.50"}
            f:2: NewImage.n: `1E126` is no number of DynamoDB's: Number overflow. Attempting to store a number with magnitude larger than supported range: write a string of at most 38 digits, from 1E-130 to 9.9E+125: {"N":"9.50"}
            f:2: NewImage.n: S is no string: null: write a string: {"S":"a"}
            f:2: NewImage.n: `!!` is no base64: write bytes in base64, with its padding: {"B":"AAE="}
            f:2: NewImage.n: BOOL is neither true nor false: write {"BOOL":true}
            f:2: NewImage.n: NULL is not true: write {"NULL":true}
            f:2: NewImage.n: SS is empty, and DynamoDB holds no empty set: write one or more different strings: {"SS":["a","b"]}, {"NS":["1","2"]}, {"BS":["AAE="]}
            f:2: NewImage.n: SS has "a" twice: write one or more different strings: {"SS":["a","b"]}, {"NS":["1","2"]}, {"BS":["AAE="]}
            f:2: NewImage.n: SS is no list: write one or more different strings: {"SS":["a","b"]}, {"NS":["1","2"]}, {"BS":["AAE="]}
            f:2: NewImage.n: NS has "1.0" twice: write one or more different strings: {"SS":["a","b"]}, {"NS":["1","2"]}, {"BS":["AAE="]}
            f:2: NewImage.n: N is no string: 1: write one or more different strings: {"SS":["a","b"]}, {"NS":["1","2"]}, {"BS":["AAE="]}
            f:2: NewImage.n: `?` is no base64: write one or more different strings: {"SS":["a","b"]}, {"NS":["1","2"]}, {"BS":["AAE="]}
            f:2: NewImage.n: M is no object: write each value with its type: {"M":{"city":{"S":"Bern"}}}
            f:2: NewImage.n: L is no list: write each value with its type: {"L":[{"S":"a"},{"N":"1"}]}
            f:2: NewImage.n.city[1].x: `x` is no number of DynamoDB's: The parameter cannot be converted to a numeric value: write a string of at most 38 digits, from 1E-130 to 9.9E+125: {"N":"9.50"}
            f:2: NewImage.n.a: it stands there twice: write it once
            f:2: NewImage.n: it has a value without a type: write DynamoDB JSON, each value with its type: {"id":{"S":"a"},"total":{"N":"9.50"}}
            f:2: NewImage.n[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]: it is deeper than 32 maps and lists, which DynamoDB does not hold: write it flatter
        "#]],
    );
    check(
        &WHOLE.replace(r#""n":{"N":"1.50"}"#, "\n\"m\":{\"M\":{\n\"n\":{\"N\":1}}}"),
        expect![[r#"
            events.jsonl:3: NewImage.m.n: N is no string: 1: write a string of at most 38 digits, from 1E-130 to 9.9E+125: {"N":"9.50"}
        "#]],
    );
}

#[test]
fn what_a_table_can_hold_is_taken() {
    let deep = format!("{}{{\"S\":\"\"}}{}", "{\"M\":{\"a\":".repeat(32), "}}".repeat(32));
    for value in [
        r#"{"S":""}"#,
        r#"{"B":""}"#,
        r#"{"B":"AAECAwT/"}"#,
        r#"{"N":"12345678901234567890123456789012345678"}"#,
        r#"{"N":"-9.9E+125"}"#,
        r#"{"N":"1e-130"}"#,
        r#"{"N":"00042.500"}"#,
        r#"{"BOOL":false}"#,
        r#"{"NULL":true}"#,
        r#"{"SS":["","a"]}"#,
        r#"{"NS":["1","-1","10"]}"#,
        r#"{"BS":["","AA=="]}"#,
        r#"{"L":[]}"#,
        r#"{"M":{}}"#,
        r#"{"M":{"S":{"S":"\u00e9\ud83d\ude00"},"N":{"L":[{"NULL":true}]}}}"#,
        &deep,
    ] {
        Events::read(&WHOLE.replace(r#"{"N":"1.50"}"#, value), "f")
            .map_err(|faults| faults.to_string())
            .unwrap();
    }
}

#[test]
fn a_table_has_one_key_and_an_item_has_it() {
    let other = |keys: &str, image: &str| {
        let whole = WHOLE.replace("\"7\"", "\"8\"");
        whole
            .replace(r#""Keys":{"k":{"S":"a"}}"#, keys)
            .replace(r#"{"k":{"S":"a"},"n""#, &format!("{image}\"n\""))
    };
    let pair = |keys: &str| other(&format!("\"Keys\":{{{keys}}}"), &format!("{{{keys},"));
    let lines = [
        other("\"Keys\":{}", "{"),
        pair(r#""a":{"S":"a"},"b":{"S":"a"},"c":{"S":"a"}"#),
        pair(r#""k":{"BOOL":true}"#),
        pair(r#""k":{"S":""}"#),
        pair(r#""k":{"N":"1"}"#),
        pair(r#""pk":{"S":"a"}"#),
        pair(r#""k":{"S":"a"},"s":{"N":"1"}"#),
        other(r#""Keys":{"k":{"S":"b"}}"#, r#"{"k":{"S":"a"},"#),
        other(r#""Keys":{"k":{"S":"b"}}"#, "{"),
        other(r#""SizeBytes":7"#, r#"{"k":{"N":"1"},"#),
        pair(r#""k":{"S":"a"}"#).replace("INSERT", "REMOVE"),
        pair(r#""k":{"S":"a"}"#).replace("\"NewImage", "\"OldImage"),
    ];
    check_second(
        &lines.each_ref().map(String::as_str),
        expect![[r#"
        f:2: Keys are empty: write the item's one or two key attributes, "Keys":{"id":{"S":"a"}}, or leave Keys out
        f:2: Keys have 3 attributes, and an item's key has one or two: write the item's one or two key attributes, "Keys":{"id":{"S":"a"}}, or leave Keys out
        f:2: Keys.k has a type that no key has: write an S, N or B
        f:2: Keys.k is empty, as no key is: write the item's key
        f:2: Keys: its key is `k` (N), and that of line 1, in the same table, is `k` (S): write the table's key; a change of another table has another eventSourceARN
        f:2: Keys: its key is `pk` (S), and that of line 1, in the same table, is `k` (S): write the table's key; a change of another table has another eventSourceARN
        f:2: Keys: its key is `k` (S) and `s` (N), and that of line 1, in the same table, is `k` (S): write the table's key; a change of another table has another eventSourceARN
        f:2: NewImage.k is {"S":"a"}, and Keys.k is {"S":"b"}: write one of them: a change is of one item
        f:2: NewImage has no `k`, which is its key: write the key into the image too: an item has it
        f:2: Keys: its key is `k` (N), and that of line 1, in the same table, is `k` (S): write the table's key; a change of another table has another eventSourceARN
        f:2: a REMOVE has a NewImage: write it as OldImage: what is removed is not there afterwards
        f:2: an INSERT has an OldImage: leave OldImage out, or write MODIFY: what is inserted was not there before
    "#]],
    );
    // Another table's may be others, and one number is written in two ways.
    let elsewhere = pair(r#""pk":{"N":"1"}"#)
        .replace("table/t/", "table/other/")
        .replacen(r#""N":"1""#, r#""N":"1.0""#, 1);
    Events::read(&format!("{WHOLE}\n{elsewhere}\n"), "f").unwrap();
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
