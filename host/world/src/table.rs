//! A table: its items, how its streams are to look, and which one it writes to.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::item::{Item, Schema};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum View {
    KeysOnly,
    NewImage,
    OldImage,
    NewAndOldImages,
}

impl View {
    pub const ALL: [Self; 4] = [Self::KeysOnly, Self::NewImage, Self::OldImage, Self::NewAndOldImages];

    /// As the API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::KeysOnly => "KEYS_ONLY",
            Self::NewImage => "NEW_IMAGE",
            Self::OldImage => "OLD_IMAGE",
            Self::NewAndOldImages => "NEW_AND_OLD_IMAGES",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|view| view.as_str() == text)
    }
}

#[derive(Clone, Debug)]
pub struct TableSpec {
    pub name: Box<str>,
    pub schema: Schema,
    /// None: no stream.
    pub view: Option<View>,
    /// With how many shards each of its streams begins; at least one.
    pub shards: u32,
}

impl TableSpec {
    /// Key `pk` (S), both images, one shard.
    pub fn new(name: impl Into<Box<str>>) -> Self {
        Self { name: name.into(), schema: Schema::default(), view: Some(View::NewAndOldImages), shards: 1 }
    }
}

/// What DescribeTable says.
#[derive(Clone, Debug)]
pub struct TableInfo {
    pub arn: String,
    pub schema: Schema,
    pub created_ms: u64,
    pub items: usize,
    /// Where the stream is enabled.
    pub view: Option<View>,
    /// ARN and label: the latest stream, enabled or not, readable or not.
    pub latest_stream: Option<(Arc<str>, Arc<str>)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) name: Arc<str>,
    pub(crate) schema: Arc<Schema>,
    pub(crate) created_ms: u64,
    pub(crate) shards: u32,
    /// By the key's JSON.
    pub(crate) items: BTreeMap<Arc<str>, Item>,
    /// Indexes of `World::streams`.
    pub(crate) enabled: Option<usize>,
    pub(crate) latest: Option<usize>,
}
