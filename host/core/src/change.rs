//! One change as the stream sent it: spans of the response body, never re-encoded.
//!
//! Invariant: every span lies within the body, on character boundaries, and holds one JSON value.
//! Knows nothing of what the attributes mean.

use std::ops::Range;
use std::sync::Arc;

use crate::sequence::SequenceNumber;
use crate::time::Timestamp;

/// A GetRecords response body, shared by every change that was cut from it.
pub type Body = Arc<String>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventName {
    Insert,
    Modify,
    Remove,
}

impl EventName {
    /// As the stream spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "INSERT",
            Self::Modify => "MODIFY",
            Self::Remove => "REMOVE",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Insert, Self::Modify, Self::Remove].into_iter().find(|name| name.as_str() == text)
    }
}

/// Who made the change when it was not a client: TTL is `Service`, `dynamodb.amazonaws.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserIdentity {
    pub kind: Box<str>,
    pub principal_id: Box<str>,
}

/// Where a JSON value lies in the body, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    fn len(self) -> usize {
        (self.end - self.start) as usize
    }
}

#[derive(Clone)]
pub struct Change {
    pub(crate) body: Body,
    pub event_id: Box<str>,
    pub event_name: EventName,
    pub sequence_number: SequenceNumber,
    /// ApproximateCreationDateTime; AWS cuts it to the second, some emulators to the minute.
    pub created: Timestamp,
    /// Keys and images, as DynamoDB counts them.
    pub size_bytes: u64,
    pub user_identity: Option<UserIdentity>,
    pub(crate) record: Span,
    pub(crate) keys: Span,
    pub(crate) new_image: Option<Span>,
    pub(crate) old_image: Option<Span>,
}

impl Change {
    /// The whole record as the stream sent it: what a dead letter keeps.
    pub fn record_json(&self) -> &str {
        self.text(self.record)
    }

    /// DynamoDB JSON: `{"pk":{"S":"user#1"}}`.
    pub fn keys_json(&self) -> &str {
        self.text(self.keys)
    }

    /// DynamoDB JSON of the item after the change; none where it left none, or the stream's view has none.
    pub fn new_image_json(&self) -> Option<&str> {
        self.new_image.map(|span| self.text(span))
    }

    /// DynamoDB JSON of the item before the change.
    pub fn old_image_json(&self) -> Option<&str> {
        self.old_image.map(|span| self.text(span))
    }

    /// Bytes of the body that this change stands for: what windows and batches count.
    pub fn len_bytes(&self) -> usize {
        self.record.len()
    }

    /// Whether its body holds little else.
    pub fn is_alone(&self) -> bool {
        self.body.len() <= 2 * self.record.len()
    }

    /// The same change with a body of its own: what is kept for long must not keep its page.
    pub fn alone(&self) -> Self {
        let start = self.record.start;
        let moved = |span: Span| Span { start: span.start - start, end: span.end - start };
        Self {
            body: Arc::new(self.record_json().to_owned()),
            record: moved(self.record),
            keys: moved(self.keys),
            new_image: self.new_image.map(moved),
            old_image: self.old_image.map(moved),
            ..self.clone()
        }
    }

    fn text(&self, span: Span) -> &str {
        &self.body[span.range()]
    }
}

impl std::fmt::Debug for Change {
    /// Without the item: images hold what users wrote, and logs are no place for it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Change")
            .field("event_id", &self.event_id)
            .field("event_name", &self.event_name)
            .field("sequence_number", &self.sequence_number)
            .field("len_bytes", &self.len_bytes())
            .finish_non_exhaustive()
    }
}
