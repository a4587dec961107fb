//! What a handler is given: changes, the batch they came in, and the probe that comes before the first.
//!
//! Invariant: an image is the JSON that the host handed over, parsed only when asked for.

use std::fmt;
use std::rc::Rc;

use serde::Deserialize;

use crate::bindings::exports::tripline::trigger::handler::Batch as WireBatch;
use crate::bindings::tripline::trigger::types as wire;
use crate::failure::Failure;
use crate::item::{self, Unescaped};

/// What happened to the item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventName {
    Insert,
    Modify,
    Remove,
}

impl EventName {
    /// As the stream spells it: `INSERT`, `MODIFY`, `REMOVE`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "INSERT",
            Self::Modify => "MODIFY",
            Self::Remove => "REMOVE",
        }
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the trigger may see of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum View {
    KeysOnly,
    NewImage,
    OldImage,
    NewAndOldImages,
}

impl View {
    pub fn has_new(self) -> bool {
        matches!(self, Self::NewImage | Self::NewAndOldImages)
    }

    pub fn has_old(self) -> bool {
        matches!(self, Self::OldImage | Self::NewAndOldImages)
    }
}

impl fmt::Display for View {
    /// As `tripline.toml` spells it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeysOnly => "keys-only",
            Self::NewImage => "new-image",
            Self::OldImage => "old-image",
            Self::NewAndOldImages => "new-and-old-images",
        })
    }
}

impl From<wire::View> for View {
    fn from(view: wire::View) -> Self {
        match view {
            wire::View::KeysOnly => Self::KeysOnly,
            wire::View::NewImage => Self::NewImage,
            wire::View::OldImage => Self::OldImage,
            wire::View::NewAndOldImages => Self::NewAndOldImages,
        }
    }
}

/// Where changes come from: the same for all changes of a batch.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) trigger: String,
    pub(crate) table: String,
    pub(crate) region: String,
    pub(crate) stream_arn: String,
    pub(crate) shard_id: String,
    pub(crate) view: View,
    pub(crate) attempt: u32,
}

macro_rules! origin_accessors {
    () => {
        /// The trigger's name in `[triggers]`.
        pub fn trigger(&self) -> &str {
            &self.origin.trigger
        }

        /// The table that the stream belongs to.
        pub fn table(&self) -> &str {
            &self.origin.table
        }

        pub fn region(&self) -> &str {
            &self.origin.region
        }

        pub fn stream_arn(&self) -> &str {
            &self.origin.stream_arn
        }

        /// What the trigger may see; the stream itself may hold more.
        pub fn view(&self) -> View {
            self.origin.view
        }
    };
}

/// One change of an item.
#[derive(Clone)]
pub struct Change {
    index: u32,
    wire: wire::Change,
    origin: Rc<Origin>,
    unescaped: Unescaped,
}

impl Change {
    pub(crate) fn new(index: u32, wire: wire::Change, origin: Rc<Origin>) -> Self {
        Self { index, wire, origin, unescaped: Unescaped::default() }
    }

    /// Unique for each change of a stream: the idempotency key for effects outside the host.
    pub fn event_id(&self) -> &str {
        &self.wire.event_id
    }

    pub fn event_name(&self) -> EventName {
        match self.wire.event_name {
            wire::EventName::Insert => EventName::Insert,
            wire::EventName::Modify => EventName::Modify,
            wire::EventName::Remove => EventName::Remove,
        }
    }

    /// Decimal digits, up to 40 of them: compare as numbers.
    pub fn sequence_number(&self) -> &str {
        &self.wire.sequence_number
    }

    /// When the change was made, in milliseconds since the Unix epoch; AWS cuts it to the second.
    pub fn created_ms(&self) -> u64 {
        self.wire.created_ms
    }

    /// Keys and images together, as DynamoDB counts them.
    pub fn size_bytes(&self) -> u64 {
        self.wire.size_bytes
    }

    /// Type and principal ID, where DynamoDB itself made the change.
    pub fn user_identity(&self) -> Option<(&str, &str)> {
        self.wire.user_identity.as_ref().map(|(kind, principal)| (kind.as_str(), principal.as_str()))
    }

    /// Whether DynamoDB's time to live removed the item.
    pub fn is_ttl_expiry(&self) -> bool {
        self.event_name() == EventName::Remove && self.user_identity() == Some(("Service", "dynamodb.amazonaws.com"))
    }

    /// Position in the batch.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// 1 for the first delivery.
    pub fn attempt(&self) -> u32 {
        self.origin.attempt
    }

    origin_accessors!();

    /// The item's key as the author's own type. A key that does not fit it rejects the change.
    ///
    /// ```
    /// # use tripline_sdk::testing;
    /// #[derive(serde::Deserialize)]
    /// struct Key<'a> {
    ///     customer: &'a str,
    ///     order: u64,
    /// }
    ///
    /// let change = testing::remove(r#"{"customer":{"S":"ann"},"order":{"N":"7"}}"#, "{}").build();
    /// let key: Key = change.keys()?;
    /// assert_eq!((key.customer, key.order), ("ann", 7));
    /// # Ok::<(), tripline_sdk::Failure>(())
    /// ```
    pub fn keys<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Failure> {
        self.parse("keys", self.keys_json())
    }

    /// The item after the change as the author's own type; none where the change left no item, or the view has no new image.
    /// An item that does not fit the type rejects the change.
    pub fn new_image<'a, T: Deserialize<'a>>(&'a self) -> Result<Option<T>, Failure> {
        self.new_image_json().map(|json| self.parse("new image", json)).transpose()
    }

    /// The item before the change as the author's own type; none where there was none, or the view has no old image.
    /// An item that does not fit the type rejects the change.
    pub fn old_image<'a, T: Deserialize<'a>>(&'a self) -> Result<Option<T>, Failure> {
        self.old_image_json().map(|json| self.parse("old image", json)).transpose()
    }

    /// DynamoDB JSON: `{"pk":{"S":"user#1"}}`.
    pub fn keys_json(&self) -> &str {
        &self.wire.keys
    }

    pub fn new_image_json(&self) -> Option<&str> {
        self.wire.new_image.as_deref()
    }

    pub fn old_image_json(&self) -> Option<&str> {
        self.wire.old_image.as_deref()
    }

    fn parse<'a, T: Deserialize<'a>>(&'a self, what: &str, json: &'a str) -> Result<T, Failure> {
        item::from_json_in(json, &self.unescaped).map_err(|error| Failure::from(error).of(what))
    }
}

impl fmt::Debug for Change {
    /// Without the item: images hold what users wrote, and logs are no place for it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change")
            .field("index", &self.index)
            .field("event_id", &self.wire.event_id)
            .field("event_name", &self.event_name())
            .field("sequence_number", &self.wire.sequence_number)
            .finish_non_exhaustive()
    }
}

/// Changes of one shard, in stream order.
#[derive(Clone, Debug)]
pub struct Batch {
    origin: Rc<Origin>,
    changes: Vec<Change>,
}

impl Batch {
    pub(crate) fn from_wire(batch: WireBatch) -> Self {
        let origin = Rc::new(Origin {
            trigger: batch.trigger,
            table: batch.table,
            region: batch.region,
            stream_arn: batch.stream_arn,
            shard_id: batch.shard_id,
            view: batch.view.into(),
            attempt: batch.attempt,
        });
        let changes = (0..).zip(batch.changes);
        let changes = changes.map(|(index, wire)| Change::new(index, wire, origin.clone())).collect();
        Self { origin, changes }
    }

    origin_accessors!();

    pub fn shard_id(&self) -> &str {
        &self.origin.shard_id
    }

    /// 1 for the first delivery of these changes.
    pub fn attempt(&self) -> u32 {
        self.origin.attempt
    }

    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Change> {
        self.changes.iter()
    }

    pub fn len(&self) -> usize {
        self.changes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub(crate) fn into_probe(self) -> Probe {
        Probe { origin: self.origin }
    }
}

impl IntoIterator for Batch {
    type Item = Change;
    type IntoIter = std::vec::IntoIter<Change>;

    fn into_iter(self) -> Self::IntoIter {
        self.changes.into_iter()
    }
}

impl<'a> IntoIterator for &'a Batch {
    type Item = &'a Change;
    type IntoIter = std::slice::Iter<'a, Change>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The host's question to a new version of a plugin before it serves: can you work for this trigger?
///
/// Check the settings and the view; touch nothing.
#[derive(Clone, Debug)]
pub struct Probe {
    origin: Rc<Origin>,
}

impl Probe {
    origin_accessors!();
}
