//! What patterns mean, by example.

mod explained;
mod generate;
mod random;
mod refused;
mod rows;
mod table;

use std::sync::Arc;

use super::*;
use crate::change::Change;
use crate::slice::slice_page;

pub(super) fn change(record: &str) -> Change {
    slice_page(Arc::new(format!("{{\"Records\":[{record}]}}"))).unwrap().changes.remove(0)
}

pub(super) fn matches(pattern: &str, change: &Change) -> bool {
    let pattern = Pattern::parse(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    let set = FilterSet::new([std::slice::from_ref(&pattern)]);
    set.passes(change, &"arn:stream".into(), &mut Scratch::default()).has(0)
}

#[track_caller]
fn check(pattern: &str, record: &str, expected: bool) {
    assert_eq!(matches(pattern, &change(record)), expected, "{pattern}");
}

#[test]
fn smoke() {
    let record = r#"{"eventID":"e1","eventName":"MODIFY","awsRegion":"eu-west-1","dynamodb":{"Keys":{"k":{"S":"a"}},"SizeBytes":12,"SequenceNumber":"7",
        "NewImage":{"k":{"S":"a"},"n":{"N":"1E2"},"l":{"L":[{"M":{"a":{"S":"x"},"b":{"S":"y"}}},{"M":{"a":{"S":"z"}}}]},"t":{"SS":["u","v"]}}}}"#;
    for (pattern, expected) in [
        (r#"{"eventName":["MODIFY"]}"#, true),
        (r#"{"eventName":["INSERT"]}"#, false),
        (r#"{"eventName":[{"anything-but":["INSERT","REMOVE"]}]}"#, true),
        (r#"{"dynamodb":{"NewImage":{"n":{"N":[{"numeric":[">",99,"<=",100]}]}}}}"#, true),
        (r#"{"dynamodb":{"NewImage":{"n":{"N":["100.0"]}}}}"#, true),
        (r#"{"dynamodb":{"NewImage":{"n":{"N":[100]}},"SizeBytes":[{"numeric":["=",12]}]}}"#, true),
        (r#"{"dynamodb":{"NewImage":{"l":{"L":{"M":{"a":{"S":["x"]},"b":{"S":["y"]}}}}}}}"#, true),
        (r#"{"dynamodb":{"NewImage":{"l":{"L":{"M":{"a":{"S":["z"]},"b":{"S":["y"]}}}}}}}"#, false),
        (r#"{"dynamodb":{"NewImage":{"l":{"L":{"M":{"a":{"S":["z"]},"b":{"S":[{"exists":false}]}}}}}}}"#, true),
        (r#"{"dynamodb":{"NewImage":{"t":{"SS":["v"]}}}}"#, true),
        (r#"{"dynamodb":{"OldImage":{"t":{"SS":[{"exists":false}]}}}}"#, true),
        (r#"{"dynamodb":{"OldImage":{"t":{"SS":[{"exists":true}]}}}}"#, false),
        (r#"{"$or":[{"eventName":["INSERT"]},{"awsRegion":[{"prefix":"eu-"}]}]}"#, true),
        (r#"{"userIdentity":{"type":["Service"]}}"#, false),
        (r#"{"userIdentity":{"type":[{"exists":false}]}}"#, true),
        (r#"{"eventSourceARN":["arn:stream"]}"#, true),
    ] {
        check(pattern, record, expected);
    }
}
