//! Changes and batches made of JSON.

use crate::bindings::exports::tripline::trigger::handler::Batch as WireBatch;
use crate::bindings::tripline::trigger::types as wire;
use crate::change::{Batch, Change, Probe, View};

/// Makes a change: see [`insert`], [`modify`], [`remove`].
#[derive(Clone, Debug)]
pub struct ChangeBuilder(wire::Change);

/// A new item. JSON is DynamoDB's: `{"pk":{"S":"a"}}`.
pub fn insert(keys: &str, new_image: &str) -> ChangeBuilder {
    ChangeBuilder::new(wire::EventName::Insert, keys, Some(new_image), None)
}

/// A changed item.
pub fn modify(keys: &str, old_image: &str, new_image: &str) -> ChangeBuilder {
    ChangeBuilder::new(wire::EventName::Modify, keys, Some(new_image), Some(old_image))
}

/// A removed item.
pub fn remove(keys: &str, old_image: &str) -> ChangeBuilder {
    ChangeBuilder::new(wire::EventName::Remove, keys, None, Some(old_image))
}

impl ChangeBuilder {
    fn new(event_name: wire::EventName, keys: &str, new_image: Option<&str>, old_image: Option<&str>) -> Self {
        let images = new_image.map_or(0, str::len) + old_image.map_or(0, str::len);
        Self(wire::Change {
            event_id: String::new(),
            event_name,
            sequence_number: String::new(),
            created_ms: 1_700_000_000_000,
            size_bytes: (keys.len() + images) as u64,
            user_identity: None,
            keys: keys.to_owned(),
            new_image: new_image.map(str::to_owned),
            old_image: old_image.map(str::to_owned),
        })
    }

    /// Unless set: `event-` and the index in the batch.
    pub fn event_id(mut self, event_id: &str) -> Self {
        self.0.event_id = event_id.to_owned();
        self
    }

    /// Unless set: 1 for the first change of the batch, and so on.
    pub fn sequence_number(mut self, number: &str) -> Self {
        self.0.sequence_number = number.to_owned();
        self
    }

    /// Unless set: 1700000000000.
    pub fn created_ms(mut self, created_ms: u64) -> Self {
        self.0.created_ms = created_ms;
        self
    }

    /// As DynamoDB's time to live makes it.
    pub fn ttl(self) -> Self {
        self.user_identity("Service", "dynamodb.amazonaws.com")
    }

    pub fn user_identity(mut self, kind: &str, principal_id: &str) -> Self {
        self.0.user_identity = Some((kind.to_owned(), principal_id.to_owned()));
        self
    }

    /// The change alone in a batch.
    #[allow(clippy::expect_used, reason = "the batch is built of one change")]
    pub fn build(self) -> Change {
        let batch = batch([self]).build();
        batch.into_iter().next().expect("a batch has the changes it was built of")
    }

    fn into_wire(mut self, index: usize, view: View) -> wire::Change {
        if self.0.event_id.is_empty() {
            self.0.event_id = format!("event-{index}");
        }
        if self.0.sequence_number.is_empty() {
            self.0.sequence_number = (index + 1).to_string();
        }
        self.0.new_image = self.0.new_image.filter(|_| view.has_new());
        self.0.old_image = self.0.old_image.filter(|_| view.has_old());
        self.0
    }
}

/// Makes a batch: see [`batch`].
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    changes: Vec<ChangeBuilder>,
    view: View,
    region: String,
    attempt: u32,
}

/// These changes, in this order, as the first delivery to a trigger `test` of view `new-and-old-images` on the table `table` in
/// `eu-west-1`.
pub fn batch(changes: impl IntoIterator<Item = ChangeBuilder>) -> BatchBuilder {
    BatchBuilder { changes: changes.into_iter().collect(), view: View::NewAndOldImages, region: "eu-west-1".to_owned(), attempt: 1 }
}

impl BatchBuilder {
    /// What the view does not have is cut from the changes.
    pub fn view(mut self, view: View) -> Self {
        self.view = view;
        self
    }

    pub fn region(mut self, region: &str) -> Self {
        self.region = region.to_owned();
        self
    }

    pub fn attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self
    }

    pub fn build(self) -> Batch {
        Batch::from_wire(self.into_wire())
    }

    pub(crate) fn into_wire(self) -> WireBatch {
        let changes = self.changes.into_iter().enumerate();
        WireBatch {
            trigger: "test".to_owned(),
            table: "table".to_owned(),
            stream_arn: format!("arn:aws:dynamodb:{}:000000000000:table/table/stream/0", self.region),
            region: self.region,
            view: match self.view {
                View::KeysOnly => wire::View::KeysOnly,
                View::NewImage => wire::View::NewImage,
                View::OldImage => wire::View::OldImage,
                View::NewAndOldImages => wire::View::NewAndOldImages,
            },
            shard_id: "shard-0".to_owned(),
            attempt: self.attempt,
            changes: changes.map(|(index, change)| change.into_wire(index, self.view)).collect(),
        }
    }
}

impl From<BatchBuilder> for Batch {
    fn from(builder: BatchBuilder) -> Self {
        builder.build()
    }
}

/// The host's probe of a trigger with this view.
pub fn probe(view: View) -> Probe {
    batch([]).view(view).build().into_probe()
}
