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
    records: Vec<&'a RawValue>,
    #[serde(rename = "NextShardIterator", default)]
    next_iterator: Option<Box<str>>,
}

#[derive(Deserialize)]
struct WireRecord<'a> {
    #[serde(rename = "eventID", borrow)]
    event_id: Cow<'a, str>,
    #[serde(rename = "eventName", borrow)]
    event_name: Cow<'a, str>,
    #[serde(borrow)]
    dynamodb: WireData<'a>,
    #[serde(rename = "userIdentity", default)]
    user_identity: Option<WireIdentity>,
}

#[derive(Deserialize)]
struct WireData<'a> {
    #[serde(rename = "ApproximateCreationDateTime", default)]
    created_seconds: f64,
    #[serde(rename = "SequenceNumber", borrow)]
    sequence_number: Cow<'a, str>,
    #[serde(rename = "SizeBytes", default)]
    size_bytes: u64,
    #[serde(rename = "Keys", borrow)]
    keys: &'a RawValue,
    #[serde(rename = "NewImage", borrow, default)]
    new_image: Option<&'a RawValue>,
    #[serde(rename = "OldImage", borrow, default)]
    old_image: Option<&'a RawValue>,
}

/// AWS writes `type` and `principalId`; the model says `Type` and `PrincipalId`; emulators follow either.
#[derive(Deserialize)]
struct WireIdentity {
    #[serde(rename = "type", alias = "Type", default)]
    kind: Box<str>,
    #[serde(rename = "principalId", alias = "PrincipalId", default)]
    principal_id: Box<str>,
}

/// Cuts `body` into its changes, which share it.
pub fn slice_page(body: Body) -> Result<Page, SliceError> {
    if body.len() > BODY_BYTES_MAX {
        return Err(SliceError::TooLarge(body.len()));
    }
    let wire: WirePage<'_> = serde_json::from_str(&body).map_err(SliceError::NotAPage)?;
    let changes = wire.records.iter().enumerate();
    let changes = changes
        .map(|(index, raw)| slice_record(&body, raw).map_err(|reason| SliceError::NotARecord { index, reason }))
        .collect::<Result<_, _>>()?;
    let next_iterator = wire.next_iterator.filter(|iterator| !iterator.is_empty());
    Ok(Page { changes, next_iterator, len_bytes: body.len() })
}

fn slice_record(body: &Body, raw: &RawValue) -> Result<Change, String> {
    let wire: WireRecord<'_> = serde_json::from_str(raw.get()).map_err(|error| error.to_string())?;
    let data = wire.dynamodb;
    Ok(Change {
        event_name: EventName::parse(&wire.event_name)
            .ok_or_else(|| format!("eventName `{}` is none of INSERT, MODIFY, REMOVE", wire.event_name))?,
        event_id: wire.event_id.into(),
        sequence_number: SequenceNumber::parse(&data.sequence_number).map_err(|error| error.to_string())?,
        // A float of seconds: exact to the millisecond until far beyond this stream's life. `as` saturates.
        created: Timestamp::from_ms((data.created_seconds * 1000.0).round() as u64),
        size_bytes: data.size_bytes,
        user_identity: wire
            .user_identity
            .map(|identity| UserIdentity { kind: identity.kind, principal_id: identity.principal_id }),
        record: span(body, raw),
        keys: span(body, data.keys),
        new_image: image(body, data.new_image),
        old_image: image(body, data.old_image),
        body: body.clone(),
    })
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
