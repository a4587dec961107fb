//! Slices a GetRecords response body into changes without building items.
//!
//! Invariant: an item's bytes are found, never read: what DynamoDB may put into an item one day passes unchanged.
//! One function stands before whatever scans the bytes, so that a faster scanner can take its place.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::change::{Body, Change, EventName, Span, UserIdentity};
use crate::sequence::SequenceNumber;
use crate::time::Timestamp;

/// A GetRecords answer.
#[derive(Clone, Debug)]
pub struct Page {
    /// In stream order.
    pub changes: Vec<Change>,
    /// None: the shard is closed, and these were its last changes. Never empty.
    pub next_iterator: Option<Box<str>>,
    /// Bytes of the body.
    pub len_bytes: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum SliceError {
    #[error("not a GetRecords answer: {0}")]
    NotAPage(#[source] serde_json::Error),
    #[error("record {index} of the page: {reason}")]
    NotARecord { index: usize, reason: String },
    #[error("an answer of {0} bytes; GetRecords sends at most 1 MB, and this host takes 64 MiB")]
    TooLarge(usize),
}

const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

#[derive(Deserialize)]
struct WirePage<'a> {
    #[serde(rename = "Records", borrow, default)]
    records: Option<Vec<&'a RawValue>>,
    #[serde(rename = "NextShardIterator", default)]
    next_iterator: Option<Box<str>>,
}

#[derive(Deserialize)]
struct WireRecord<'a> {
    #[serde(rename = "eventID", borrow, default)]
    event_id: Option<Cow<'a, str>>,
    #[serde(rename = "eventName", borrow)]
    event_name: Cow<'a, str>,
    #[serde(borrow)]
    dynamodb: WireData<'a>,
    #[serde(rename = "userIdentity", default)]
    user_identity: Option<WireIdentity>,
}

#[derive(Deserialize)]
struct WireData<'a> {
    #[serde(rename = "ApproximateCreationDateTime", borrow, default)]
    created_seconds: Option<&'a RawValue>,
    #[serde(rename = "SequenceNumber", borrow)]
    sequence_number: Cow<'a, str>,
    #[serde(rename = "SizeBytes", borrow, default)]
    size_bytes: Option<&'a RawValue>,
    #[serde(rename = "Keys", borrow)]
    keys: &'a RawValue,
    #[serde(rename = "NewImage", borrow, default)]
    new_image: Option<&'a RawValue>,
    #[serde(rename = "OldImage", borrow, default)]
    old_image: Option<&'a RawValue>,
}

/// AWS writes `type` and `principalId`; the model says `Type` and `PrincipalId`; emulators follow either, or both.
#[derive(Deserialize)]
struct WireIdentity {
    #[serde(rename = "type", default)]
    kind: Option<Box<str>>,
    #[serde(rename = "Type", default)]
    model_kind: Option<Box<str>>,
    #[serde(rename = "principalId", default)]
    principal_id: Option<Box<str>>,
    #[serde(rename = "PrincipalId", default)]
    model_principal_id: Option<Box<str>>,
}

impl From<WireIdentity> for UserIdentity {
    fn from(wire: WireIdentity) -> Self {
        Self {
            kind: wire.kind.or(wire.model_kind).unwrap_or_default(),
            principal_id: wire.principal_id.or(wire.model_principal_id).unwrap_or_default(),
        }
    }
}

/// Cuts `body` into its changes, which share it.
pub fn slice_page(body: Body) -> Result<Page, SliceError> {
    if body.len() > BODY_BYTES_MAX {
        return Err(SliceError::TooLarge(body.len()));
    }
    let wire: WirePage<'_> = serde_json::from_str(&body).map_err(SliceError::NotAPage)?;
    let records = wire.records.unwrap_or_default();
    let changes = records.iter().enumerate();
    let changes = changes
        .map(|(index, raw)| slice_record(&body, raw).map_err(|reason| SliceError::NotARecord { index, reason }))
        .collect::<Result<_, _>>()?;
    let next_iterator = wire.next_iterator.filter(|iterator| !iterator.is_empty());
    Ok(Page { changes, next_iterator, len_bytes: body.len() })
}

fn slice_record(body: &Body, raw: &RawValue) -> Result<Change, String> {
    let wire: WireRecord<'_> = serde_json::from_str(raw.get()).map_err(|error| error.to_string())?;
    let data = wire.dynamodb;
    if !data.keys.get().starts_with('{') {
        return Err("its Keys are no object".to_owned());
    }
    let sequence_number = SequenceNumber::parse(&data.sequence_number).map_err(|error| error.to_string())?;
    Ok(Change {
        event_name: EventName::parse(&wire.event_name)
            .ok_or_else(|| format!("eventName `{}` is none of INSERT, MODIFY, REMOVE", wire.event_name))?,
        // Unique within the table at least, where an endpoint leaves eventID out.
        event_id: wire.event_id.unwrap_or_else(|| data.sequence_number.clone()).into(),
        sequence_number,
        // A float of seconds: exact to the millisecond until far beyond this stream's life. `as` saturates.
        created: Timestamp::from_ms((number(data.created_seconds) * 1000.0).round() as u64),
        size_bytes: number(data.size_bytes) as u64,
        user_identity: wire.user_identity.map(UserIdentity::from),
        record: span(body, raw),
        keys: span(body, data.keys),
        new_image: image(body, data.new_image),
        old_image: image(body, data.old_image),
        body: body.clone(),
    })
}

/// Some endpoints write a number as a string, or none at all: no reason to stop a shard. Exact up to 2^53.
fn number(raw: Option<&RawValue>) -> f64 {
    raw.and_then(|raw| raw.get().trim_matches('"').parse().ok()).unwrap_or(0.0)
}

/// Some endpoints write an image that is not there as null.
fn image(body: &str, raw: Option<&RawValue>) -> Option<Span> {
    raw.filter(|raw| raw.get() != "null").map(|raw| span(body, raw))
}

/// Where `raw`, which serde_json borrowed from `body`, lies in it.
fn span(body: &str, raw: &RawValue) -> Span {
    let start = raw.get().as_ptr().addr() - body.as_ptr().addr();
    let end = start + raw.get().len();
    // BODY_BYTES_MAX keeps both far below u32::MAX.
    Span { start: start as u32, end: end as u32 }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use expect_test::{Expect, expect};

    use super::*;

    /// Slices a page, and checks of each change that what it holds are slices of the body.
    #[track_caller]
    fn slice(body: &str) -> Page {
        let body: Body = Arc::new(body.to_owned());
        let page = slice_page(body.clone()).unwrap();
        assert_eq!(page.len_bytes, body.len());
        for change in &page.changes {
            let record = change.record_json().as_bytes().as_ptr_range();
            let body = body.as_bytes().as_ptr_range();
            assert!(body.start <= record.start && record.end <= body.end);
            let images = [change.new_image_json(), change.old_image_json()];
            for part in images.into_iter().flatten().chain([change.keys_json()]) {
                let part = part.as_bytes().as_ptr_range();
                assert!(record.start <= part.start && part.end <= record.end);
            }
        }
        page
    }

    #[track_caller]
    fn check(body: &str, expected: Expect) {
        let page = slice(body);
        let mut text = String::new();
        for change in &page.changes {
            let identity = change.user_identity.as_ref();
            let identity = identity.map(|identity| format!(" by {} {}", identity.kind, identity.principal_id));
            text += &format!(
                "{} {} {} at {}, {} bytes{}\n  keys {}\n",
                change.event_id,
                change.event_name.as_str(),
                change.sequence_number,
                change.created,
                change.size_bytes,
                identity.unwrap_or_default(),
                change.keys_json(),
            );
            text += &change.new_image_json().map(|image| format!("  new {image}\n")).unwrap_or_default();
            text += &change.old_image_json().map(|image| format!("  old {image}\n")).unwrap_or_default();
        }
        text += &format!("next {:?}\n", page.next_iterator);
        expected.assert_eq(&text);
    }

    #[test]
    fn slices_what_aws_sends() {
        let body = r#"{"NextShardIterator":"arn:aws:dynamodb:x|1|AAA","Records":[
            {"awsRegion":"eu-west-1","dynamodb":{"ApproximateCreationDateTime":1.700000000123E9,"Keys":{"pk":{"S":"a"}},
             "NewImage":{"pk":{"S":"a"},"n":{"N":"1"}},"SequenceNumber":"111100000000000000000001","SizeBytes":26,
             "StreamViewType":"NEW_AND_OLD_IMAGES"},"eventID":"e1","eventName":"INSERT","eventSource":"aws:dynamodb","eventVersion":"1.1"},
            {"awsRegion":"eu-west-1","dynamodb":{"ApproximateCreationDateTime":1.70000001E9,"Keys":{"pk":{"S":"a"}},
             "OldImage":{"pk":{"S":"a"}},"SequenceNumber":"111200000000000000000001","SizeBytes":6,
             "StreamViewType":"NEW_AND_OLD_IMAGES"},"eventID":"e2","eventName":"REMOVE","eventSource":"aws:dynamodb","eventVersion":"1.1",
             "userIdentity":{"principalId":"dynamodb.amazonaws.com","type":"Service"}}]}"#;
        check(
            body,
            expect![[r#"
                e1 INSERT 111100000000000000000001 at 1700000000123 ms, 26 bytes
                  keys {"pk":{"S":"a"}}
                  new {"pk":{"S":"a"},"n":{"N":"1"}}
                e2 REMOVE 111200000000000000000001 at 1700000010000 ms, 6 bytes by Service dynamodb.amazonaws.com
                  keys {"pk":{"S":"a"}}
                  old {"pk":{"S":"a"}}
                next Some("arn:aws:dynamodb:x|1|AAA")
            "#]],
        );
    }

    #[test]
    fn keeps_the_bytes_of_an_item_as_they_are() {
        let body = "\t{ \"Records\" :\r\n[ { \"eventName\":\"MODIFY\", \"dynamodb\" : { \"SequenceNumber\":\"7\",
            \"NewImage\" : { \"k\\u00e9\" : {\"S\": \"\\ud83d\\ude00 \\\"é\\\" 日本 \\u0000\"} , \"b\":{\"B\":\"AA==\"}} ,
            \"OldImage\":{}, \"Keys\":\t{ \"k\\u00e9\": {\"N\":\"1E-130\"} } }, \"eventID\":\"a\\u0041\" } ] } ";
        check(
            body,
            expect![[r#"
                aA MODIFY 7 at 0 ms, 0 bytes
                  keys { "k\u00e9": {"N":"1E-130"} }
                  new { "k\u00e9" : {"S": "\ud83d\ude00 \"é\" 日本 \u0000"} , "b":{"B":"AA=="}}
                  old {}
                next None
            "#]],
        );
    }

    #[test]
    fn takes_what_other_endpoints_send() {
        check("{}", expect!["next None\n"]);
        check(r#"{"Records":null,"NextShardIterator":null}"#, expect!["next None\n"]);
        check(r#"{"Records":[],"NextShardIterator":"","more":[{"x":1}]}"#, expect!["next None\n"]);
        check(
            r#"{"Records":[{"new":{"field":[1]},"eventID":null,"eventName":"INSERT","userIdentity":null,"dynamodb":{"Keys":{},
                "NewImage":null,"OldImage":null,"SequenceNumber":"000042","SizeBytes":"12","ApproximateCreationDateTime":"17.5"}},
                {"eventName":"REMOVE","userIdentity":{"Type":"Service","PrincipalId":"p"},"dynamodb":{"Keys":{},"SequenceNumber":"43",
                "SizeBytes":null,"ApproximateCreationDateTime":"2024-01-01T00:00:00Z"}},
                {"eventName":"REMOVE","userIdentity":{"Type":"x","type":"Service","principalId":null},"dynamodb":{"Keys":{},
                "SequenceNumber":"44","SizeBytes":12.0,"ApproximateCreationDateTime":-1}}]}"#,
            expect![[r#"
                000042 INSERT 000042 at 17500 ms, 12 bytes
                  keys {}
                43 REMOVE 43 at 0 ms, 0 bytes by Service p
                  keys {}
                44 REMOVE 44 at 0 ms, 12 bytes by Service 
                  keys {}
                next None
            "#]],
        );
    }

    /// The typed SDK fails the whole page on some of these.
    #[test]
    fn does_not_read_items() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        for image in [r#"{"a":{}}"#, r#"{"a":{"FUTURE":[1]},"b":{"N":"not a number"}}"#, r#"{"a":7,"a":8}"#, "17", &deep] {
            let body = format!(
                r#"{{"Records":[{{"eventName":"INSERT","dynamodb":{{"SequenceNumber":"1","Keys":{{"k":{{}}}},"NewImage":{image}}}}}]}}"#
            );
            assert_eq!(slice(&body).changes[0].new_image_json(), Some(image));
        }
    }

    #[track_caller]
    fn check_refused(body: &str, reason: &str) {
        let message = slice_page(Arc::new(body.to_owned())).unwrap_err().to_string();
        assert!(message.contains(reason), "{message}");
    }

    #[test]
    fn refuses_what_is_no_page() {
        check_refused("", "not a GetRecords answer: EOF");
        check_refused("<html>Internal Server Error</html>", "not a GetRecords answer: expected value at line 1");
        check_refused(r#"{"Records":[{"eventName":"INSERT""#, "not a GetRecords answer: EOF");
        check_refused(r#"{"Records":[]} {}"#, "trailing characters");
        check_refused(r#"{"Records":{}}"#, "not a GetRecords answer: invalid type");
        check_refused(r#"{"Records":[{"a":"\ud800 \q"}]}"#, "not a GetRecords answer: invalid escape");
        check_refused(&" ".repeat(BODY_BYTES_MAX + 1), "an answer of 67108865 bytes");
    }

    #[test]
    fn refuses_what_is_no_record() {
        let good = r#"{"eventName":"INSERT","dynamodb":{"SequenceNumber":"1","Keys":{}}}"#;
        for (record, reason) in [
            ("null", "invalid type: null"),
            ("{}", "missing field `eventName`"),
            (r#"{"eventName":"INSERT"}"#, "missing field `dynamodb`"),
            (r#"{"eventName":"INSERT","dynamodb":{"Keys":{}}}"#, "missing field `SequenceNumber`"),
            (r#"{"eventName":"INSERT","dynamodb":{"SequenceNumber":"1"}}"#, "missing field `Keys`"),
            (r#"{"eventName":"INSERT","dynamodb":{"SequenceNumber":"1","Keys":null}}"#, "its Keys are no object"),
            (r#"{"eventName":"UPSERT","dynamodb":{"SequenceNumber":"1","Keys":{}}}"#, "eventName `UPSERT` is none of"),
            (r#"{"eventName":"INSERT","dynamodb":{"SequenceNumber":"-1","Keys":{}}}"#, "`-1` is not a sequence number"),
            (r#"{"eventName":"INSERT","dynamodb":{"SequenceNumber":1,"Keys":{}}}"#, "invalid type: integer"),
        ] {
            check_refused(&format!(r#"{{"Records":[{good},{record}]}}"#), &format!("record 1 of the page: {reason}"));
        }
    }
}
