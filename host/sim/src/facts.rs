//! Every change that the world ever held, in the order of writing: a change is its place in it.

use std::collections::HashMap;
use std::sync::Arc;

use tripline_core::sequence::SequenceNumber;
use tripline_world::{ShardRef, World};

#[derive(Clone, Debug)]
pub(crate) struct Fact {
    pub(crate) at: ShardRef,
    pub(crate) arn: Arc<str>,
    pub(crate) shard: Arc<str>,
    pub(crate) number: SequenceNumber,
    pub(crate) key: Arc<str>,
    pub(crate) event: &'static str,
    /// The item's partition key.
    pub(crate) item: Box<str>,
    /// `n` of the image after the change.
    pub(crate) new_n: Option<u64>,
    pub(crate) created_ms: u64,
    pub(crate) trimmed_at_ms: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) all: Vec<Fact>,
    by_id: HashMap<Box<str>, u32>,
}

impl Facts {
    /// Takes note of what was written since.
    pub(crate) fn learn(&mut self, world: &World) {
        for written in world.written().skip(self.all.len()) {
            // The world's numbers are decimal.
            let Ok(number) = SequenceNumber::parse(&written.number.to_string()) else { continue };
            self.by_id.insert(written.event_id().into(), self.all.len() as u32);
            self.all.push(Fact {
                at: written.at,
                arn: Arc::clone(written.arn),
                shard: Arc::clone(written.shard),
                number,
                key: Arc::clone(written.key),
                event: written.event.as_str(),
                item: between(written.key, "\"S\":\"", "\"").unwrap_or_default().into(),
                new_n: between(written.json, "\"NewImage\":{\"n\":{\"N\":\"", "\"").and_then(|n| n.parse().ok()),
                created_ms: written.created_ms,
                trimmed_at_ms: written.trimmed_at_ms,
            });
        }
    }

    pub(crate) fn find(&self, event_id: &str) -> Option<u32> {
        self.by_id.get(event_id).copied()
    }
}

/// Of JSON as the world writes it: without white space, attributes by their names.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}
