//! The world behind the calls that a host makes: what `tripline-stream` would answer.
//!
//! Invariant: an answer is what the real source makes of the same answer of AWS; all pages of a call are asked at one time.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

use tripline_core::name::{ShardId, StreamArn};
use tripline_core::port::{FindError, Position, ReadError, StreamInfo};
use tripline_core::shard_graph::ShardDescription;
use tripline_core::slice::{Page, slice_page};
use tripline_core::view::ViewType;
use tripline_world::{
    ApiError, Described, GetRecords, IteratorKind, ListStreams, SECOND_MS, StreamPage, StreamStatus, TransportFault, World,
};

use crate::scenario::TABLE;

#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) world: World,
    pub(crate) shards_a_page: u64,
    pub(crate) records_a_page: u64,
    /// When GetRecords was last begun for each shard.
    polls: BTreeMap<(StreamArn, ShardId), VecDeque<u64>>,
}

/// AWS allows so many GetRecords a second and shard.
const POLLS_MAX: usize = 5;

impl Endpoint {
    pub(crate) fn new(world: World, shards_a_page: u64, records_a_page: u64) -> Self {
        Self { world, shards_a_page, records_a_page, polls: BTreeMap::new() }
    }

    /// Err: more calls than AWS allows.
    pub(crate) fn note_poll(&mut self, place: (StreamArn, ShardId), now_ms: u64) -> Result<(), String> {
        let begun = self.polls.entry(place.clone()).or_default();
        begun.push_back(now_ms);
        if begun.len() > POLLS_MAX {
            let first = begun.pop_front().unwrap_or_default();
            if now_ms - first < SECOND_MS {
                return Err(format!("{} GetRecords of shard {} within {} ms", POLLS_MAX + 1, place.1, now_ms - first));
            }
        }
        Ok(())
    }

    pub(crate) fn list(&mut self, spoiled: Option<TransportFault>, now_ms: u64) -> Result<Vec<StreamArn>, FindError> {
        arrives(spoiled)?;
        let arns = self.list_pages(now_ms).map_err(read_error)?;
        if !arns.is_empty() {
            return Ok(arns);
        }
        match self.world.describe_table(TABLE) {
            Err(error) => Err(FindError::NoSuchTable(error.message)),
            Ok(table) => match table.latest_stream {
                Some((arn, _)) if table.view.is_some() => Ok(vec![StreamArn::new(arn)]),
                _ => Err(FindError::StreamOff("the stream is off".to_owned())),
            },
        }
    }

    fn list_pages(&mut self, now_ms: u64) -> Result<Vec<StreamArn>, ApiError> {
        let mut arns = Vec::new();
        let mut after: Option<Arc<str>> = None;
        loop {
            let request = ListStreams { table: Some(TABLE), limit: Some(self.shards_a_page), after: after.as_deref() };
            let answer = self.world.list_streams(&request, now_ms)?;
            arns.extend(answer.streams.into_iter().map(|stream| StreamArn::new(stream.arn)));
            after = answer.last;
            if after.is_none() {
                return Ok(arns);
            }
        }
    }

    pub(crate) fn inspect(
        &mut self,
        stream: &StreamArn,
        latest: bool,
        spoiled: Option<TransportFault>,
        now_ms: u64,
    ) -> Result<Option<StreamInfo>, ReadError> {
        arrives(spoiled)?;
        let request = StreamPage { arn: stream.as_str(), limit: Some(1), ..StreamPage::default() };
        let described = match self.world.describe_stream(&request, now_ms).map_err(read_error) {
            Ok(described) => described,
            Err(ReadError::Gone(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let closing = described.status == StreamStatus::Disabled;
        Ok((latest || closing).then(|| stream_info(stream, &described)))
    }

    pub(crate) fn shards(
        &mut self,
        stream: &StreamArn,
        spoiled: Option<TransportFault>,
        now_ms: u64,
    ) -> Result<Vec<ShardDescription>, ReadError> {
        arrives(spoiled)?;
        self.shard_pages(stream, now_ms).map_err(read_error)
    }

    fn shard_pages(&mut self, stream: &StreamArn, now_ms: u64) -> Result<Vec<ShardDescription>, ApiError> {
        let mut shards = Vec::new();
        let (mut seen, mut asked) = (HashSet::new(), HashSet::new());
        let mut after: Option<Arc<str>> = None;
        loop {
            let limit = Some(self.shards_a_page);
            let request = StreamPage { arn: stream.as_str(), limit, after: after.as_deref(), children_of: None };
            let answer = self.world.describe_stream(&request, now_ms)?;
            for shard in answer.shards {
                if seen.insert(Arc::clone(&shard.id)) {
                    shards.push(ShardDescription { id: ShardId::new(shard.id), parent: shard.parent.map(ShardId::new) });
                }
            }
            match answer.last {
                Some(last) if asked.insert(Arc::clone(&last)) => after = Some(last),
                _ => return Ok(shards),
            }
        }
    }

    pub(crate) fn open(
        &mut self,
        (stream, shard): (&StreamArn, &ShardId),
        position: &Position,
        spoiled: Option<TransportFault>,
        now_ms: u64,
    ) -> Result<Box<str>, ReadError> {
        let kind = match position {
            Position::TrimHorizon => IteratorKind::TrimHorizon,
            Position::After(number) => IteratorKind::After(number.as_str()),
        };
        arrives(spoiled)?;
        self.world
            .get_shard_iterator(stream.as_str(), shard.as_str(), kind, now_ms)
            .map(Into::into)
            .map_err(read_error)
    }

    pub(crate) fn page(&mut self, iterator: &str, spoiled: Option<TransportFault>, now_ms: u64) -> Result<Page, ReadError> {
        arrives(spoiled)?;
        let request = GetRecords { iterator, limit: Some(self.records_a_page) };
        let page = self.world.get_records(&request, now_ms).map_err(read_error)?;
        slice_page(Arc::new(page.body)).map_err(|error| ReadError::Unavailable(error.to_string()))
    }
}

fn stream_info(arn: &StreamArn, described: &Described) -> StreamInfo {
    let view = ViewType::from_aws(described.view.as_str()).unwrap_or(ViewType::KeysOnly);
    StreamInfo { arn: arn.clone(), view, table: TABLE.into(), region: "eu-west-1".into() }
}

/// As `tripline-stream` reads the codes.
fn read_error(error: ApiError) -> ReadError {
    let text = error.to_string();
    match error.code {
        "ExpiredIteratorException" => ReadError::IteratorExpired,
        "TrimmedDataAccessException" => ReadError::Trimmed(text),
        "ResourceNotFoundException" => ReadError::Gone(text),
        "LimitExceededException" | "ProvisionedThroughputExceededException" => ReadError::Throttled(text),
        code if code.starts_with("Throttl") => ReadError::Throttled(text),
        _ => ReadError::Unavailable(text),
    }
}

/// Whether the answer arrives; one that is slow does. The call of one that does not changes nothing, and is left out: so every true answer that the
/// world gives between its lies arrives.
fn arrives(spoiled: Option<TransportFault>) -> Result<(), ReadError> {
    match spoiled {
        None | Some(TransportFault::Slow(_)) => Ok(()),
        Some(fault) => Err(ReadError::Unavailable(format!("{fault:?}"))),
    }
}
