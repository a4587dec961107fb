//! Where the config's streams are, and what they are now.
//!
//! Asks all of them at once: one that never answers takes its seconds, and not each of many.

use futures_util::future::join_all;
use tripline_core::port::{FindError, ReadError, StreamInfo, StreamSource};
use tripline_stream::{Source, SourceConfig};

use crate::aws::Aws;
use crate::clock;
use crate::config::StreamConfig;

/// Each stream, or why it is not to be had, with the remedy.
pub(crate) async fn find_all<'c>(
    aws: &Aws,
    streams: impl IntoIterator<Item = &'c StreamConfig>,
) -> Vec<(&'c StreamConfig, Result<(Source, StreamInfo), String>)> {
    join_all(streams.into_iter().map(async |stream| (stream, find(aws, stream).await))).await
}

pub(crate) async fn find(aws: &Aws, stream: &StreamConfig) -> Result<(Source, StreamInfo), String> {
    let place = format!("streams.{}", stream.name);
    let source = source(aws, stream).await.ok_or_else(|| no_region(&place))?;
    match source.latest().await {
        Ok(info) => Ok((source, info)),
        Err(error) => Err(format!("{place}: {error}{}", remedy(&error))),
    }
}

/// What to do before the next start, where the error does not say so: while the host runs, the same errors pass by themselves.
fn remedy(error: &FindError) -> &'static str {
    match error {
        FindError::Read(ReadError::Unavailable(_)) => "; check the network, and its `region` and `endpoint`, then start again",
        FindError::Read(ReadError::Throttled(_)) => "; start again later",
        _ => "",
    }
}

/// Reaches the table's streams; none where neither the config nor the environment names a region.
pub(crate) async fn source(aws: &Aws, stream: &StreamConfig) -> Option<Source> {
    let aws = aws.config(&stream.connection).await;
    let config = SourceConfig {
        table: stream.table.clone(),
        region: aws.region()?.to_string(),
        endpoint: stream.connection.endpoint.clone(),
        streams_endpoint: stream.streams_endpoint.clone(),
    };
    Some(Source::new(&aws, config, clock::shared()))
}

pub(crate) fn no_region(place: &str) -> String {
    format!("{place}: there is no region: set `region`, AWS_REGION, or `region` in the profile that is used")
}
