//! The least that a sandboxed trigger can cost: GET a page over loopback, slice it with `RawValue`, call the same plugin, nothing else.
//!
//! A fresh pooled instance for each batch, as the host does it, and none of the rest: no signature, checksum, window, retry, log, limit or commit.

use std::str;

use anyhow::{Result, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use serde_json::value::RawValue;
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};

use self::bindings::PluginPre;
use self::bindings::tripline::trigger::types as wit;
use crate::case::Case;
use crate::contestant::tripline::component;
use crate::measure::{Stopwatch, Used};

#[allow(missing_debug_implementations, unreachable_pub, clippy::all, clippy::too_many_lines, reason = "generated from wit/ by wasmtime")]
mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "tripline:trigger/plugin",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(rename = "Records", borrow)]
    records: Vec<Record<'a>>,
    #[serde(rename = "NextShardIterator")]
    next: Option<&'a str>,
}

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(rename = "eventID")]
    event_id: &'a str,
    #[serde(borrow)]
    dynamodb: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(rename = "SequenceNumber")]
    sequence_number: &'a str,
    #[serde(rename = "Keys", borrow)]
    keys: &'a RawValue,
    #[serde(rename = "NewImage", borrow)]
    new_image: &'a RawValue,
}

pub(crate) async fn run(case: &Case, endpoint: &str) -> Result<Used> {
    let engine = engine()?;
    let plugin = plugin(&engine, component(case.plugin)?)?;
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let stopwatch = Stopwatch::start();
    let (mut changes, mut page) = (0, Some(0));
    while let Some(number) = page {
        let answer = client.get(format!("{endpoint}/page/{number}").parse()?).await?;
        let body = answer.into_body().collect().await?.to_bytes();
        let sliced: Page<'_> = serde_json::from_str(str::from_utf8(&body)?)?;
        for batch in sliced.records.chunks(case.batch) {
            call(&engine, &plugin, batch)?;
        }
        changes += sliced.records.len();
        page = sliced.next.map(str::parse).transpose()?;
    }
    let used = stopwatch.stop(changes);
    ensure!(changes == case.changes(), "{changes} changes were read, and there are {}", case.changes());
    Ok(used)
}

fn engine() -> Result<Engine> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(4)
        .max_memory_size(64 * 1024 * 1024)
        .linear_memory_keep_resident(256 * 1024);
    let mut config = Config::new();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Ok(Engine::new(&config)?)
}

/// The plugin imports what its SDK offers, and calls none of it.
fn plugin(engine: &Engine, bytes: &[u8]) -> Result<PluginPre<()>> {
    let component = Component::from_binary(engine, bytes)?;
    let mut linker = Linker::new(engine);
    linker.define_unknown_imports_as_traps(&component)?;
    let linked: InstancePre<()> = linker.instantiate_pre(&component)?;
    Ok(PluginPre::new(linked)?)
}

fn call(engine: &Engine, plugin: &PluginPre<()>, batch: &[Record<'_>]) -> Result<()> {
    let changes: Vec<wit::Change<'_>> = batch.iter().map(lower).collect();
    let lowered = wit::Batch {
        trigger: "trigger-0",
        table: "orders",
        region: "eu-west-1",
        stream_arn: "arn:aws:dynamodb:eu-west-1:000000000000:table/orders/stream/2026-01-01T00:00:00.000",
        view: wit::View::NewImage,
        shard_id: "shardId-00000000000000000001-00000001",
        attempt: 1,
        changes: &changes,
    };
    let mut store = Store::new(engine, ());
    let instance = plugin.instantiate(&mut store)?;
    match instance.tripline_trigger_handler().call_handle(&mut store, lowered)? {
        Ok(failed) if failed.is_empty() => Ok(()),
        other => bail!("the plugin failed: {other:?}"),
    }
}

fn lower<'a>(record: &'a Record<'_>) -> wit::Change<'a> {
    wit::Change {
        event_id: record.event_id,
        event_name: wit::EventName::Modify,
        sequence_number: record.dynamodb.sequence_number,
        created_ms: 1_700_000_000_000,
        size_bytes: 1000,
        user_identity: None,
        keys: record.dynamodb.keys.get(),
        new_image: Some(record.dynamodb.new_image.get()),
        old_image: None,
    }
}
