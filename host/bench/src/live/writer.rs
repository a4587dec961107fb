//! An application that writes now and then, and how long each write takes to reach the handler.
//!
//! The handler's time is that of its own log line, by the host's clock, which is the writer's: both are on one machine.

use std::collections::HashMap;
use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, StreamSpecification, StreamViewType,
};
use serde::Serialize;
use tokio::time::sleep;
use tripline::aws::Aws;
use tripline::config::Connection;

use super::host::Host;
use crate::case::{REGION, TABLE};

#[derive(Debug)]
pub(super) struct Writer(Client);

#[derive(Clone, Debug)]
pub(super) struct Writes {
    pub(super) count: usize,
    /// Between two of them, at random.
    pub(super) pause_ms: Range<u64>,
}

/// In milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Spread {
    pub(super) p50: f64,
    pub(super) p99: f64,
    pub(super) max: f64,
}

/// To the handler, from the put's begin and from its answer.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Latency {
    pub(super) from_begin_ms: Spread,
    pub(super) from_answer_ms: Spread,
}

#[derive(Clone, Copy, Debug)]
struct Put {
    begun_ns: i128,
    answered_ns: i128,
}

impl Writer {
    /// Makes the table, with its stream.
    pub(super) async fn new(endpoint: &str) -> Result<Self> {
        let connection = Connection { region: Some(REGION.into()), endpoint: Some(endpoint.into()), ..Connection::default() };
        let client = Client::new(&Aws::new().config(&connection).await);
        let mut create = client.create_table().table_name(TABLE).billing_mode(BillingMode::PayPerRequest);
        for (name, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
            let definition = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
            let key = KeySchemaElement::builder().attribute_name(name).key_type(kind);
            create = create.attribute_definitions(definition.build()?).key_schema(key.build()?);
        }
        let stream = StreamSpecification::builder()
            .stream_enabled(true)
            .stream_view_type(StreamViewType::NewAndOldImages);
        create.stream_specification(stream.build()?).send().await.context("the table cannot be made")?;
        Ok(Self(client))
    }

    /// A host that logs each change must be running.
    pub(super) async fn measure(&self, host: &mut Host, writes: &Writes) -> Result<Latency> {
        let mut puts = Vec::with_capacity(writes.count);
        for index in 0..writes.count {
            sleep(Duration::from_millis(fastrand::u64(writes.pause_ms.clone()))).await;
            puts.push(self.put(index).await?);
        }
        let mut handled = HashMap::with_capacity(puts.len());
        while handled.len() < puts.len() {
            let (said, at_ns) = host.guest_line().await?;
            let index = written(&said).with_context(|| format!("the plugin said `{said}`"))?;
            // Of what is delivered twice, the first counts.
            handled.entry(index).or_insert(at_ns);
        }
        let took = |from: fn(&Put) -> i128| spread(puts.iter().zip(0..).map(|(put, index)| handled[&index] - from(put)).collect());
        Ok(Latency { from_begin_ms: took(|put| put.begun_ns), from_answer_ms: took(|put| put.answered_ns) })
    }

    async fn put(&self, index: usize) -> Result<Put> {
        let text = |text: String| AttributeValue::S(text);
        let put = self
            .0
            .put_item()
            .table_name(TABLE)
            .item("pk", text(key(index)))
            .item("sk", text("order".to_owned()));
        let begun_ns = wall_ns();
        put.send().await.context("a write failed")?;
        Ok(Put { begun_ns, answered_ns: wall_ns() })
    }
}

const KEY: &str = "write-";

fn key(index: usize) -> String {
    format!("{KEY}{index}")
}

/// Which write a log line tells of.
fn written(said: &str) -> Option<usize> {
    let (_, rest) = said.split_once(KEY)?;
    rest.split('"').next()?.parse().ok()
}

#[allow(clippy::disallowed_methods, reason = "compared with the times of another process's log")]
fn wall_ns() -> i128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as i128
}

/// By the nearest rank.
fn spread(mut took_ns: Vec<i128>) -> Spread {
    took_ns.sort_unstable();
    let at = |share: f64| {
        let rank = (took_ns.len() as f64 * share).ceil() as usize;
        took_ns.get(rank.saturating_sub(1)).map_or(0.0, |&ns| ns as f64 / 1e6)
    };
    Spread { p50: at(0.5), p99: at(0.99), max: at(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads() {
        let check = |ms: &[i128], expected: [f64; 3]| {
            let found = spread(ms.iter().map(|ms| ms * 1_000_000).collect());
            assert_eq!([found.p50, found.p99, found.max], expected);
        };
        check(&[7], [7.0; 3]);
        check(&[3, 1, 2], [2.0, 3.0, 3.0]);
        check(&(1..=200).collect::<Vec<_>>(), [100.0, 198.0, 200.0]);
    }

    #[test]
    fn log_lines_name_their_write() {
        let check = |said: &str, expected| assert_eq!(written(said), expected);
        check(r#"keys {"pk":{"S":"write-17"},"sk":{"S":"order"}} new {} old none"#, Some(17));
        check("keys {}", None);
    }
}
