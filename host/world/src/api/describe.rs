//! DescribeStream: a stream's shards in pages, those that aged out left out. Lies are chosen when a description begins, and hold over
//! all of its pages.

use std::sync::Arc;

use super::{Described, PAGE_ITEMS_MAX, ShardShown, StreamPage, StreamStatus, legal_limit};
use crate::error::ApiError;
use crate::fault::Dice;
use crate::meter::Operation;
use crate::stream::{DescribeLie, Shard, Stream};
use crate::world::World;

impl World {
    pub fn describe_stream(&mut self, request: &StreamPage<'_>, now_ms: u64) -> Result<Described, ApiError> {
        let now_ms = self.tick(now_ms);
        self.enter(Operation::DescribeStream, None)?;
        let limit = legal_limit(request.limit, PAGE_ITEMS_MAX)?;
        let index = self.readable(request.arn)?;
        let stream = &mut self.streams[index];
        let lookup = |id: &str| stream.by_id.get(id).copied().ok_or_else(|| ApiError::no_shard(id, request.arn));
        let after = request.after.map(lookup).transpose()?;
        let children_of = request.children_of.map(lookup).transpose()?;
        if after.is_none() {
            stream.begin_description(children_of.is_some(), now_ms, &mut self.dice);
        }
        let lie = if children_of.is_some() { &stream.child_lie } else { &stream.lie };
        let (shards, last) = stream.page(lie, Page { after, limit, children_of, now_ms });
        Ok(Described {
            arn: Arc::clone(&stream.arn),
            label: Arc::clone(&stream.label),
            table: Arc::clone(&stream.table),
            view: stream.view,
            status: if stream.disabled_ms.is_some() { StreamStatus::Disabled } else { StreamStatus::Enabled },
            schema: Arc::clone(&stream.schema),
            created_ms: stream.created_ms,
            shards,
            last,
        })
    }
}

#[derive(Clone, Copy)]
struct Page {
    after: Option<u32>,
    limit: usize,
    children_of: Option<u32>,
    now_ms: u64,
}

impl Stream {
    fn page(&self, lie: &DescribeLie, page: Page) -> (Vec<ShardShown>, Option<Arc<str>>) {
        // With pages of one, a repeated shard would go round for ever.
        let repeats = lie.repeats && page.limit > 1;
        let fresh = page.after.map_or(0, |after| after as usize + 1);
        let from = if repeats && fresh > 0 { fresh - 1 } else { fresh };
        let shown = |index: usize, shard: &Shard| {
            !shard.gone(page.now_ms)
                && lie.hidden != Some(index as u32)
                && page.children_of.is_none_or(|parent| shard.parent == Some(parent))
        };
        let mut rest = self.shards.iter().enumerate().skip(from).filter(|(index, shard)| shown(*index, shard));
        let taken: Vec<_> = rest.by_ref().take(page.limit).collect();
        let more = rest.next().is_some();
        let lies_on = lie.false_last && taken.last().is_some_and(|(index, _)| *index >= fresh);
        let last = taken.last().filter(|_| more || lies_on).map(|(_, shard)| Arc::clone(&shard.id));
        (taken.into_iter().map(|(index, shard)| self.show(lie, index as u32, shard)).collect(), last)
    }

    fn show(&self, lie: &DescribeLie, index: u32, shard: &Shard) -> ShardShown {
        let parent = shard.parent.filter(|_| lie.orphaned != Some(index));
        ShardShown {
            id: Arc::clone(&shard.id),
            parent: parent.map(|parent| Arc::clone(&self.shards[parent as usize].id)),
            starting: shard.starting,
            ending: shard.ending().filter(|_| lie.reopened != Some(index)),
        }
    }

    /// The lie goes on, ends in one true description, or a new one is chosen.
    fn begin_description(&mut self, of_children: bool, now_ms: u64, dice: &mut Dice) {
        let lie = if of_children { &self.child_lie } else { &self.lie };
        let next = if lie.left > 0 {
            DescribeLie { left: lie.left - 1, ..lie.clone() }
        } else if lie.is_lie() {
            DescribeLie::default()
        } else {
            self.new_lie(now_ms, dice)
        };
        *(if of_children { &mut self.child_lie } else { &mut self.lie }) = next;
    }

    fn new_lie(&self, now_ms: u64, dice: &mut Dice) -> DescribeLie {
        let faults = dice.faults.clone();
        let parent = |shard: &Shard| shard.parent.is_some_and(|parent| !self.shards[parent as usize].gone(now_ms));
        let leads = |shard: &Shard| !shard.children.is_empty();
        // Looked for only once a die asks for it.
        let those = |fits: &dyn Fn(&Shard) -> bool| -> Vec<u32> {
            let fitting = self.shards.iter().enumerate().filter(|(_, shard)| !shard.gone(now_ms) && fits(shard));
            fitting.map(|(index, _)| index as u32).collect()
        };
        let mut lie = DescribeLie::default();
        if dice.roll(faults.missing_parent) {
            lie.hidden = dice.pick(&those(&leads));
        }
        if dice.roll(faults.missing_child) {
            lie.hidden = lie.hidden.or(dice.pick(&those(&|shard| parent(shard) && !leads(shard))));
        }
        if dice.roll(faults.missing_middle) {
            lie.hidden = lie.hidden.or(dice.pick(&those(&|shard| parent(shard) && leads(shard))));
        }
        if dice.roll(faults.no_parent_id) {
            lie.orphaned = dice.pick(&those(&parent));
        }
        if dice.roll(faults.open_parent) {
            let open_child = |shard: &Shard| shard.children.iter().any(|&child| self.shards[child as usize].closed_ms.is_none());
            lie.reopened = dice.pick(&those(&open_child));
        }
        lie.repeats = dice.roll(faults.repeated_shard);
        lie.false_last = dice.roll(faults.false_last);
        if lie.is_lie() {
            lie.left = (dice.up_to(u32::from(faults.describe_lies_max)) - 1) as u8;
        }
        lie
    }
}
