//! What one writes without Tripline: a loop over GetRecords on the SDK's typed output, the handler a function in the same process.
//!
//! No sandbox, no batches, no retries, no checkpoints: less than any consumer in earnest, which only makes it harder to beat.

use std::hint::black_box;

use anyhow::{Context as _, Result, ensure};
use aws_sdk_dynamodbstreams::Client;
use aws_sdk_dynamodbstreams::types::{Record, ShardIteratorType};
use tripline::aws::Aws;
use tripline::config::Connection;

use crate::case::{Case, REGION};
use crate::measure::{Stopwatch, Used};

const SUSPICIOUS: f64 = 1e9;

pub(crate) async fn run(case: &Case, endpoint: &str) -> Result<Used> {
    let connection = Connection { region: Some(REGION.into()), endpoint: Some(endpoint.into()), ..Connection::default() };
    let client = Client::new(&Aws::new().config(&connection).await);
    let stopwatch = Stopwatch::start();
    let started = client
        .get_shard_iterator()
        .stream_arn("any")
        .shard_id("any")
        .shard_iterator_type(ShardIteratorType::TrimHorizon);
    let mut iterator = started.send().await?.shard_iterator;
    let (mut changes, mut frauds) = (0, 0);
    while let Some(at) = iterator {
        let page = client.get_records().shard_iterator(at).send().await?;
        for record in page.records() {
            frauds += usize::from(is_fraud(record)?);
            changes += 1;
        }
        iterator = page.next_shard_iterator;
    }
    black_box(frauds);
    let used = stopwatch.stop(changes);
    ensure!(changes == case.changes(), "{changes} changes were read, and there are {}", case.changes());
    Ok(used)
}

/// As the plugin does it.
fn is_fraud(record: &Record) -> Result<bool> {
    let Some(image) = record.dynamodb().and_then(|data| data.new_image()) else { return Ok(false) };
    let status = image.get("status").and_then(|value| value.as_s().ok()).context("no status")?;
    let total: f64 = image.get("total").and_then(|value| value.as_n().ok()).context("no total")?.parse()?;
    Ok(status == "fraud" && total > SUSPICIOUS)
}
