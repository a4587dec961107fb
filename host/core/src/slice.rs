//! Slices a GetRecords response body into changes without building items.
//!
//! Invariant: an item's bytes are found, never read: what DynamoDB may put into an item one day passes unchanged. The record around it is
//! checked; an item that is no JSON is its reader's to refuse.
//! One function stands before whatever scans the bytes, so that a faster scanner can take its place.

use std::borrow::Cow;

use crate::change::{Body, Change, EventName, Span, UserIdentity};
use crate::scan::{ScanError, Scanner};
use crate::sequence::{NotASequenceNumber, SequenceNumber};
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
    NotAPage(String),
    #[error("record {index} of the page: {reason}")]
    NotARecord { index: usize, reason: String },
    #[error("an answer of {0} bytes; GetRecords sends at most 1 MB, and this host takes 64 MiB")]
    TooLarge(usize),
}

impl From<ScanError> for SliceError {
    fn from(error: ScanError) -> Self {
        Self::NotAPage(error.to_string())
    }
}

/// Why a record is none.
#[derive(Debug, thiserror::Error)]
enum RecordError {
    #[error(transparent)]
    Scan(#[from] ScanError),
    #[error("it has no {0}")]
    Missing(&'static str),
    #[error("its Keys are no object")]
    Keys,
    #[error("eventName `{0}` is none of INSERT, MODIFY, REMOVE")]
    EventName(String),
    #[error(transparent)]
    SequenceNumber(#[from] NotASequenceNumber),
}

const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Cuts `body` into its changes, which share it.
pub fn slice_page(body: Body) -> Result<Page, SliceError> {
    if body.len() > BODY_BYTES_MAX {
        return Err(SliceError::TooLarge(body.len()));
    }
    let mut scanner = Scanner::new(&body);
    let mut changes = Vec::new();
    let mut next_iterator = None;
    scanner.object(|scanner, name| match &*name {
        "Records" if scanner.null() => Ok(()),
        "Records" => scanner.array(|scanner| {
            let sliced = slice_record(&body, scanner);
            changes.push(sliced.map_err(|error| SliceError::NotARecord { index: changes.len(), reason: error.to_string() })?);
            Ok(())
        }),
        "NextShardIterator" => {
            next_iterator = optional_string(scanner)?;
            Ok(())
        }
        _ => scanner.skip().map(drop).map_err(SliceError::from),
    })?;
    scanner.end()?;
    let next_iterator = next_iterator.filter(|iterator| !iterator.is_empty()).map(Box::from);
    Ok(Page { changes, next_iterator, len_bytes: body.len() })
}

/// What is known of a record so far.
#[derive(Default)]
struct Found<'a> {
    event_id: Option<Cow<'a, str>>,
    event_name: Option<Cow<'a, str>>,
    user_identity: Option<UserIdentity>,
    has_data: bool,
    created_seconds: f64,
    sequence_number: Option<Cow<'a, str>>,
    size_bytes: f64,
    keys: Option<Span>,
    new_image: Option<Span>,
    old_image: Option<Span>,
}

fn slice_record(body: &Body, scanner: &mut Scanner<'_>) -> Result<Change, RecordError> {
    let start = scanner.start();
    let mut found = Found::default();
    scanner.object(|scanner, name| {
        match &*name {
            "eventID" => found.event_id = optional_string(scanner)?,
            "eventName" => found.event_name = Some(scanner.string()?),
            "dynamodb" => found.slice_data(scanner)?,
            "userIdentity" => found.user_identity = user_identity(scanner)?,
            _ => drop(scanner.skip()?),
        }
        Ok::<_, ScanError>(())
    })?;
    let event_name = found.event_name.ok_or(RecordError::Missing("eventName"))?;
    if !found.has_data {
        return Err(RecordError::Missing("dynamodb"));
    }
    let sequence_number = found.sequence_number.ok_or(RecordError::Missing("SequenceNumber"))?;
    let keys = found.keys.ok_or(RecordError::Missing("Keys"))?;
    if !scanner.text(keys).starts_with('{') {
        return Err(RecordError::Keys);
    }
    Ok(Change {
        event_name: EventName::parse(&event_name).ok_or_else(|| RecordError::EventName(event_name.into()))?,
        sequence_number: SequenceNumber::parse(&sequence_number)?,
        // Unique within the table at least, where an endpoint leaves eventID out.
        event_id: found.event_id.unwrap_or(sequence_number).into(),
        // A float of seconds: exact to the millisecond until far beyond this stream's life. `as` saturates.
        created: Timestamp::from_ms((found.created_seconds * 1000.0).round() as u64),
        size_bytes: found.size_bytes as u64,
        user_identity: found.user_identity,
        record: scanner.span_from(start),
        keys,
        new_image: found.new_image,
        old_image: found.old_image,
        body: body.clone(),
    })
}

impl<'a> Found<'a> {
    fn slice_data(&mut self, scanner: &mut Scanner<'a>) -> Result<(), ScanError> {
        self.has_data = true;
        scanner.object(|scanner, name| {
            match &*name {
                "ApproximateCreationDateTime" => self.created_seconds = number(scanner)?,
                "SequenceNumber" => self.sequence_number = Some(scanner.string()?),
                "SizeBytes" => self.size_bytes = number(scanner)?,
                "Keys" => self.keys = Some(scanner.skip()?),
                "NewImage" => self.new_image = image(scanner)?,
                "OldImage" => self.old_image = image(scanner)?,
                _ => drop(scanner.skip()?),
            }
            Ok(())
        })
    }
}

fn optional_string<'a>(scanner: &mut Scanner<'a>) -> Result<Option<Cow<'a, str>>, ScanError> {
    if scanner.null() { Ok(None) } else { scanner.string().map(Some) }
}

/// Some endpoints write a number as a string, or none at all: no reason to stop a shard. Exact up to 2^53.
fn number(scanner: &mut Scanner<'_>) -> Result<f64, ScanError> {
    let span = scanner.skip()?;
    Ok(scanner.text(span).trim_matches('"').parse().unwrap_or(0.0))
}

/// Some endpoints write an image that is not there as null.
fn image(scanner: &mut Scanner<'_>) -> Result<Option<Span>, ScanError> {
    if scanner.null() { Ok(None) } else { scanner.skip().map(Some) }
}

/// AWS writes `type` and `principalId`; the model says `Type` and `PrincipalId`; emulators follow either, or both.
fn user_identity(scanner: &mut Scanner<'_>) -> Result<Option<UserIdentity>, ScanError> {
    if scanner.null() {
        return Ok(None);
    }
    let (mut kind, mut principal_id) = (None, None);
    scanner.object(|scanner, name| {
        match &*name {
            "type" | "Type" => kind = optional_string(scanner)?.or(kind.take()),
            "principalId" | "PrincipalId" => principal_id = optional_string(scanner)?.or(principal_id.take()),
            _ => drop(scanner.skip()?),
        }
        Ok::<_, ScanError>(())
    })?;
    let text = |found: Option<Cow<'_, str>>| found.map(Box::from).unwrap_or_default();
    Ok(Some(UserIdentity { kind: text(kind), principal_id: text(principal_id) }))
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
        check_refused("", "not a GetRecords answer: no `{` at byte 0");
        check_refused("<html>Internal Server Error</html>", "not a GetRecords answer: no `{` at byte 0");
        check_refused(r#"{"Records":[{"eventName":"INSERT""#, "record 0 of the page: no `,` or `}` at byte 33");
        check_refused(r#"{"Records":[]"#, "not a GetRecords answer: no `,` or `}` at byte 13");
        check_refused(r#"{"Records":[]} {}"#, "not a GetRecords answer: no end of the text at byte 15");
        check_refused(r#"{"Records":{}}"#, "not a GetRecords answer: no `[` at byte 11");
        check_refused(r#"{"NextShardIterator":7}"#, "not a GetRecords answer: no string at byte 21");
        check_refused(&" ".repeat(BODY_BYTES_MAX + 1), "an answer of 67108865 bytes");
    }

    #[test]
    fn refuses_what_is_no_record() {
        let good = r#"{"eventName":"INSERT","dynamodb":{"SequenceNumber":"1","Keys":{}}}"#;
        for (record, reason) in [
            ("null", "no `{` at byte"),
            ("{}", "it has no eventName"),
            (r#"{"eventName":"INSERT"}"#, "it has no dynamodb"),
            (r#"{"eventName":"INSERT","dynamodb":null}"#, "no `{` at byte"),
            (r#"{"eventName":"INSERT","dynamodb":{"Keys":{}}}"#, "it has no SequenceNumber"),
            (r#"{"eventName":"INSERT","dynamodb":{"SequenceNumber":"1"}}"#, "it has no Keys"),
            (r#"{"eventName":"\ud800","dynamodb":{"SequenceNumber":"1"}}"#, "no string with valid escapes at byte"),
            (r#"{"eventName":"INSERT","dynamodb":{"SequenceNumber":"1","Keys":null}}"#, "its Keys are no object"),
            (r#"{"eventName":"UPSERT","dynamodb":{"SequenceNumber":"1","Keys":{}}}"#, "eventName `UPSERT` is none of"),
            (r#"{"eventName":"INSERT","dynamodb":{"SequenceNumber":"-1","Keys":{}}}"#, "`-1` is not a sequence number"),
            (r#"{"eventName":"INSERT","dynamodb":{"SequenceNumber":1,"Keys":{}}}"#, "no string at byte"),
        ] {
            check_refused(&format!(r#"{{"Records":[{good},{record}]}}"#), &format!("record 1 of the page: {reason}"));
        }
    }
}
