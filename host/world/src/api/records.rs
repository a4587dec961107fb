//! GetRecords: a page of a shard's records as the wire has it.
//!
//! Invariant: an answer without an iterator is the last of a closed shard, and holds its last records where they were not read yet.

use super::iterator::Place;
use super::legal_limit;
use crate::error::ApiError;
use crate::meter::Operation;
use crate::stream::{Shard, ShardRef};
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub struct GetRecords<'a> {
    pub iterator: &'a str,
    /// Up to 1,000.
    pub limit: Option<u64>,
}

#[derive(Clone, Debug)]
pub struct RecordsPage {
    /// The response's body: `{"NextShardIterator":"…","Records":[…]}`.
    pub body: String,
    pub records: usize,
    /// What the body says; none: the shard is closed and read.
    pub next: Option<String>,
}

const RECORDS_MAX: u64 = 1000;
/// 1 MB, of which a single record may be more.
const PAGE_BYTES_MAX: usize = 1024 * 1024;

impl World {
    pub fn get_records(&mut self, request: &GetRecords<'_>, now_ms: u64) -> Result<RecordsPage, ApiError> {
        let now_ms = self.tick(now_ms);
        let (arn, place) = request.place()?;
        let known = self
            .by_arn
            .get(arn)
            .copied()
            .filter(|&index| (place.shard as usize) < self.streams[index].shards.len());
        let index = known.ok_or_else(|| ApiError::validation("Invalid ShardIterator"))?;
        let at = ShardRef { stream: index as u32, shard: place.shard };
        let entered = self.enter(Operation::GetRecords, Some(at));
        let clock_ms = self.call_clock_ms.unwrap_or(now_ms);
        self.streams[index].shards[place.shard as usize].readers.note(place.way, clock_ms);
        entered?;
        let limit = legal_limit(request.limit, RECORDS_MAX)?;
        self.readable(arn)?;
        self.present(at)?;
        self.fresh(at, &place)?;
        let shard = &self.streams[index].shards[place.shard as usize];
        let first = shard.records.partition_point(|record| record.number < place.from);
        if first < shard.trimmed(now_ms) {
            return Err(ApiError::trimmed());
        }
        let end = self.page_end(at, first, limit);
        Ok(self.page(at, request.iterator, (first, end), place))
    }

    /// ExpiredIteratorException, in its time or before.
    fn fresh(&mut self, at: ShardRef, place: &Place) -> Result<(), ApiError> {
        let (now_ms, probability, max) = (self.now_ms, self.dice.faults.early_expiry, self.dice.faults.early_expiries_max);
        let shard = &mut self.streams[at.stream as usize].shards[at.shard as usize];
        if place.expired(now_ms) || self.dice.lie(probability, &mut shard.expired_in_a_row, max) {
            return Err(ApiError::expired());
        }
        Ok(())
    }

    /// One past the last record of the page.
    fn page_end(&mut self, at: ShardRef, first: usize, limit: usize) -> usize {
        let (empty, empties_max, short) = (self.dice.faults.empty_page, self.dice.faults.empty_pages_max, self.dice.faults.short_page);
        let shard = &mut self.streams[at.stream as usize].shards[at.shard as usize];
        let there = shard.records.len() - first;
        if there == 0 {
            return first;
        }
        if self.dice.lie(empty, &mut shard.empty_in_a_row, empties_max) {
            return first;
        }
        let mut most = there.min(limit);
        if most > 1 && self.dice.roll(short) {
            most = self.dice.up_to(most as u32 - 1) as usize;
        }
        let mut bytes = 0;
        let fits = shard.records[first..first + most].iter().take_while(|record| {
            bytes += record.json.len();
            bytes <= PAGE_BYTES_MAX
        });
        first + fits.count().max(1)
    }

    fn page(&mut self, at: ShardRef, iterator: &str, (first, end): (usize, usize), place: Place) -> RecordsPage {
        let (now_ms, late_end, same_iterator) = (self.now_ms, self.dice.faults.late_end, self.dice.faults.same_iterator);
        let stream = &mut self.streams[at.stream as usize];
        let shard = &mut stream.shards[at.shard as usize];
        let mut over = shard.closed_ms.is_some() && end == shard.records.len();
        if over && !shard.ended_late && self.dice.roll(late_end) {
            (over, shard.ended_late) = (false, true);
        }
        let next = if over {
            None
        } else if first == end && self.dice.roll(same_iterator) {
            Some(iterator.to_owned())
        } else {
            self.iterators += 1;
            let from = match end.checked_sub(1).filter(|_| end > first) {
                Some(last) => crate::Number(shard.records[last].number.0 + 1),
                None => place.from,
            };
            let place = Place { from, issued_ms: now_ms, serial: self.iterators, ..place };
            Some(format!("{}{place}", stream.arn))
        };
        RecordsPage { body: body(shard, (first, end), next.as_deref()), records: end - first, next }
    }
}

fn body(shard: &Shard, (first, end): (usize, usize), next: Option<&str>) -> String {
    let records = &shard.records[first..end];
    let length: usize = records.iter().map(|record| record.json.len() + 1).sum();
    let mut body = String::with_capacity(length + 40 + next.map_or(0, str::len));
    body.push('{');
    if let Some(next) = next {
        // An iterator is an ARN and hexadecimal digits: nothing in it is escaped.
        body.push_str("\"NextShardIterator\":\"");
        body.push_str(next);
        body.push_str("\",");
    }
    body.push_str("\"Records\":[");
    for (index, record) in records.iter().enumerate() {
        if index > 0 {
            body.push(',');
        }
        body.push_str(&record.json);
    }
    body.push_str("]}");
    body
}
