//! One change as a stream keeps it: its JSON is written once, when it is made.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::RETENTION_MS;
use crate::number::Number;
use crate::table::View;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Event {
    Insert,
    Modify,
    Remove,
}

impl Event {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "INSERT",
            Self::Modify => "MODIFY",
            Self::Remove => "REMOVE",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) number: Number,
    pub(crate) created_ms: u64,
    pub(crate) event: Event,
    pub(crate) key: Arc<str>,
    pub(crate) event_id: u128,
    pub(crate) json: Arc<str>,
}

impl Record {
    /// The first moment at which nobody can read it any more.
    pub(crate) fn trimmed_at_ms(&self) -> u64 {
        self.created_ms.saturating_add(RETENTION_MS)
    }
}

/// What a record is written from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) region: &'a str,
    pub(crate) view: View,
    pub(crate) event: Event,
    pub(crate) key: &'a str,
    pub(crate) new: Option<&'a str>,
    pub(crate) old: Option<&'a str>,
    /// Of the keys and both images.
    pub(crate) sizes: [u64; 3],
    pub(crate) by_ttl: bool,
}

impl Draft<'_> {
    pub(crate) fn json(&self, number: Number, event_id: u128, created_ms: u64) -> Arc<str> {
        let new = self.new.filter(|_| matches!(self.view, View::NewImage | View::NewAndOldImages));
        let old = self.old.filter(|_| matches!(self.view, View::OldImage | View::NewAndOldImages));
        let size_bytes = self.sizes[0] + new.map_or(0, |_| self.sizes[1]) + old.map_or(0, |_| self.sizes[2]);
        let images = new.map_or(0, str::len) + old.map_or(0, str::len);
        let mut json = String::with_capacity(360 + self.key.len() + images);
        // Writing to a String does not fail.
        let _ = write!(
            json,
            "{{\"awsRegion\":\"{}\",\"dynamodb\":{{\"ApproximateCreationDateTime\":{},\"Keys\":{}",
            self.region,
            created_ms / 1000,
            self.key
        );
        for (name, image) in [("NewImage", new), ("OldImage", old)] {
            if let Some(image) = image {
                let _ = write!(json, ",\"{name}\":{image}");
            }
        }
        let _ = write!(
            json,
            ",\"SequenceNumber\":\"{number}\",\"SizeBytes\":{size_bytes},\"StreamViewType\":\"{}\"}},\"eventID\":\"{event_id:032x}\",\
             \"eventName\":\"{}\",\"eventSource\":\"aws:dynamodb\",\"eventVersion\":\"1.1\"",
            self.view.as_str(),
            self.event.as_str()
        );
        if self.by_ttl {
            json.push_str(",\"userIdentity\":{\"PrincipalId\":\"dynamodb.amazonaws.com\",\"Type\":\"Service\"}");
        }
        json.push('}');
        json.into()
    }
}
