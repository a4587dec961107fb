//! GetShardIterator, and what an iterator's text holds: all that it is, so that none is kept here.

use std::fmt;

use super::GetRecords;
use crate::ITERATOR_MS;
use crate::error::ApiError;
use crate::meter::Operation;
use crate::number::Number;
use crate::stream::ShardRef;
use crate::world::World;

/// Where reading begins. A sequence number is text as a client sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IteratorKind<'a> {
    TrimHorizon,
    Latest,
    At(&'a str),
    After(&'a str),
}

impl<'a> IteratorKind<'a> {
    /// Of a request's ShardIteratorType and SequenceNumber.
    pub fn parse(kind: &str, number: Option<&'a str>) -> Result<Self, ApiError> {
        match (kind, number) {
            ("TRIM_HORIZON", None) => Ok(Self::TrimHorizon),
            ("LATEST", None) => Ok(Self::Latest),
            ("AT_SEQUENCE_NUMBER", Some(number)) => Ok(Self::At(number)),
            ("AFTER_SEQUENCE_NUMBER", Some(number)) => Ok(Self::After(number)),
            ("TRIM_HORIZON" | "LATEST", Some(_)) => {
                Err(ApiError::validation(format!("A sequence number must not be given for a shard iterator of type {kind}")))
            }
            ("AT_SEQUENCE_NUMBER" | "AFTER_SEQUENCE_NUMBER", None) => {
                Err(ApiError::validation(format!("A sequence number must be given for a shard iterator of type {kind}")))
            }
            _ => Err(ApiError::validation(format!(
                "1 validation error detected: Value '{kind}' at 'shardIteratorType' failed to satisfy constraint: Member must satisfy enum \
                 value set: [AT_SEQUENCE_NUMBER, AFTER_SEQUENCE_NUMBER, TRIM_HORIZON, LATEST]"
            ))),
        }
    }
}

/// An iterator without its stream's ARN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) shard: u32,
    /// The first number that it may give.
    pub(super) from: Number,
    pub(super) issued_ms: u64,
    /// Of the GetShardIterator that it comes from: one reader's way.
    pub(super) way: u64,
    /// No two iterators are equal.
    pub(super) serial: u64,
}

impl Place {
    pub(super) fn expired(&self, now_ms: u64) -> bool {
        self.issued_ms.saturating_add(ITERATOR_MS) <= now_ms
    }

    /// The ARN, and the rest.
    pub(super) fn parse(text: &str) -> Option<(&str, Self)> {
        let (arn, token) = text.split_once("|1|")?;
        let mut parts = token.split('.');
        let mut next = |radix| u128::from_str_radix(parts.next()?, radix).ok();
        let place = Self {
            shard: next(16)?.try_into().ok()?,
            from: Number(next(16)?),
            issued_ms: next(16)?.try_into().ok()?,
            way: next(16)?.try_into().ok()?,
            serial: next(16)?.try_into().ok()?,
        };
        parts.next().is_none().then_some((arn, place))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "|1|{:x}.{:x}.{:x}.{:x}.{:x}", self.shard, self.from.0, self.issued_ms, self.way, self.serial)
    }
}

impl World {
    pub fn get_shard_iterator(&mut self, arn: &str, shard: &str, kind: IteratorKind<'_>, now_ms: u64) -> Result<String, ApiError> {
        let now_ms = self.tick(now_ms);
        self.enter(Operation::GetShardIterator, None)?;
        let index = self.readable(arn)?;
        let found = self.streams[index].by_id.get(shard).copied().ok_or_else(|| ApiError::no_shard(shard, arn))?;
        let at = ShardRef { stream: index as u32, shard: found };
        self.present(at)?;
        let from = self.starting_point(at, kind)?;
        self.iterators += 1;
        let place = Place { shard: found, from, issued_ms: now_ms, way: self.iterators, serial: self.iterators };
        Ok(format!("{arn}{place}"))
    }

    /// The first number that an iterator of this kind may give.
    fn starting_point(&self, at: ShardRef, kind: IteratorKind<'_>) -> Result<Number, ApiError> {
        let shard = &self.streams[at.stream as usize].shards[at.shard as usize];
        let trimmed = shard.trimmed(self.now_ms);
        let (text, past) = match kind {
            IteratorKind::TrimHorizon => return Ok(shard.records.get(trimmed).map_or(shard.next, |record| record.number)),
            IteratorKind::Latest => return Ok(shard.next),
            IteratorKind::At(text) => (text, 0),
            IteratorKind::After(text) => (text, 1),
        };
        let number = Number::parse(text).ok_or_else(|| ApiError::validation(format!("Invalid SequenceNumber: {text}")))?;
        // What is older than the shard is past its horizon too (unconfirmed).
        let horizon = trimmed.checked_sub(1).map_or(shard.starting, |last| Number(shard.records[last].number.0 + 1));
        if number < horizon {
            return Err(ApiError::trimmed());
        }
        if number >= shard.next {
            return Err(ApiError::validation(format!("Invalid SequenceNumber: {text} is beyond shard {}", shard.id)));
        }
        Ok(Number(number.0 + past))
    }
}

impl<'a> GetRecords<'a> {
    pub(super) fn place(&self) -> Result<(&'a str, Place), ApiError> {
        Place::parse(self.iterator).ok_or_else(|| ApiError::validation("Invalid ShardIterator"))
    }
}
