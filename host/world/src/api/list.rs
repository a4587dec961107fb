//! ListStreams: every stream of the account or of a table that is still readable, oldest first (AWS promises no order).

use std::sync::Arc;

use super::{ListStreams, ListedStream, PAGE_ITEMS_MAX, StreamsListed, legal_limit};
use crate::error::ApiError;
use crate::meter::Operation;
use crate::world::World;

impl World {
    /// An unknown table has no streams, and is no error (unconfirmed).
    pub fn list_streams(&mut self, request: &ListStreams<'_>, now_ms: u64) -> Result<StreamsListed, ApiError> {
        let now_ms = self.tick(now_ms);
        self.enter(Operation::ListStreams, None)?;
        let limit = legal_limit(request.limit, PAGE_ITEMS_MAX)?;
        let from = match request.after {
            Some(after) => self.by_arn.get(after).map(|index| index + 1).ok_or_else(|| ApiError::no_stream(after))?,
            None => 0,
        };
        let mut shown = self.streams[from..].iter().filter(|stream| {
            request.table.is_none_or(|table| table == &*stream.table) && !stream.gone(now_ms) && stream.listed_from_ms <= now_ms
        });
        let streams: Vec<_> = shown
            .by_ref()
            .take(limit)
            .map(|stream| ListedStream { arn: Arc::clone(&stream.arn), label: Arc::clone(&stream.label), table: Arc::clone(&stream.table) })
            .collect();
        let more = shown.next().is_some();
        let last = streams.last().filter(|_| more).map(|stream| Arc::clone(&stream.arn));
        Ok(StreamsListed { streams, last })
    }
}
