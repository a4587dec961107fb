//! What an instance costs: batches in fresh instances and in warm ones, by their size, in this process.
//!
//! Always holds: the same plugin, batches and limits in all rows, in turns of one run, so that ratios mean something; what a batch comes to is checked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde::Serialize;
use tripline_core::change::Change;
use tripline_core::delivery::{Batch, Origin, Outcome};
use tripline_core::port::Grants;
use tripline_core::reuse::Reuse;
use tripline_core::signal::Silence;
use tripline_core::slice::slice_page;
use tripline_core::view::{View, ViewType};
use tripline_runtime::{Engine, EngineConfig, Limits, Plugin, Slot, TriggerContext};

use crate::case::CasePlugin;
use crate::contestant::tripline::component;
use crate::measure::median;
use crate::report::Cells;

pub(crate) const NAME: &str = "instances";
pub(crate) const ABOUT: &str = "a batch in a fresh and in a warm instance, one at a time; the Rust plugin that reads two attributes";

/// Each row takes as long, so that a slow language has fewer batches.
const TURN: Duration = Duration::from_millis(500);
const TURNS: usize = 5;
/// As many as a host would have: `instances = "warm"`, and no end by age within a run.
const WARM: Reuse = Reuse { batches_max: 1000, age_max: Duration::from_secs(3600), memory_bytes_max: 384 << 20, idle_max: 1 };

/// How one plugin fares.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) fresh_us_per_batch: f64,
    pub(crate) warm_us_per_batch: f64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Row {
    changes: usize,
    #[serde(flatten)]
    measured: Measured,
}

impl Cells for Row {
    const HEAD: &'static [&'static str] = &[
        "changes of a batch",
        "fresh, µs",
        "warm, µs",
        "fresh, batches/s",
        "warm, batches/s",
        "warm to fresh",
        "what an instance costs, µs",
    ];

    fn cells(&self, _: &[Self]) -> Vec<String> {
        let Measured { fresh_us_per_batch: fresh, warm_us_per_batch: warm } = self.measured;
        vec![
            self.changes.to_string(),
            format!("{fresh:.1}"),
            format!("{warm:.1}"),
            format!("{:.0}", 1e6 / fresh),
            format!("{:.0}", 1e6 / warm),
            format!("{:.2}x", fresh / warm),
            format!("{:.1}", fresh - warm),
        ]
    }
}

pub(crate) async fn measure() -> Result<Vec<Row>> {
    let engine = Engine::new(EngineConfig { instances_max: 4 })?;
    let plugin = engine.load(component(CasePlugin::TwoAttributes)?).await?;
    let mut rows = Vec::new();
    for changes in [1, 10, 100] {
        let measured = compare(&plugin, &context(&[]), &orders(changes)?).await?;
        rows.push(Row { changes, measured });
    }
    Ok(rows)
}

/// Batches of these changes, of any plugin that handles them well: the medians of turns.
pub(crate) async fn compare(plugin: &Plugin, context: &TriggerContext, batch: &Batch) -> Result<Measured> {
    let slots = [Slot::new(plugin.clone()), Slot::warm(plugin.clone(), WARM)];
    let mut turns = [Vec::new(), Vec::new()];
    for _ in 0..TURNS {
        for (slot, turns) in slots.iter().zip(&mut turns) {
            turns.push(turn(slot, context, batch).await?);
        }
    }
    let [fresh_us_per_batch, warm_us_per_batch] = turns.map(|turns| median(turns, |us| *us));
    Ok(Measured { fresh_us_per_batch, warm_us_per_batch })
}

/// Microseconds for each batch.
async fn turn(slot: &Slot, context: &TriggerContext, batch: &Batch) -> Result<f64> {
    let (begun, mut batches) = (Instant::now(), 0u32);
    while begun.elapsed() < TURN || batches < 3 {
        let (report, _) = slot.handle(batch, context).await;
        ensure!(report.outcome == Outcome::Handled(Vec::new()), "the plugin failed: {:?}", report.outcome);
        batches += 1;
    }
    Ok(begun.elapsed().as_secs_f64() * 1e6 / f64::from(batches))
}

/// A trigger with counters and nothing else.
pub(crate) fn context(settings: &[(&str, &str)]) -> TriggerContext {
    let settings: BTreeMap<_, _> = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    TriggerContext {
        trigger: "bench".into(),
        grants: Grants { counters: true, ..Grants::default() },
        settings: Arc::new(settings),
        limits: Limits { memory_bytes_max: 512 << 20, time_max: Duration::from_secs(60) },
        signals: Arc::new(Silence),
        clock: tripline::clock::shared(),
        seed: None,
    }
}

/// A batch of new orders, each with the attributes that plugins of this benchmark read.
pub(crate) fn orders(count: usize) -> Result<Batch> {
    let record = |n: usize| {
        format!(
            r#"{{"eventID":"event-{n}","eventName":"INSERT","dynamodb":{{"ApproximateCreationDateTime":1700000000,"SequenceNumber":"{}","SizeBytes":500,"Keys":{{"id":{{"S":"order#{n}"}}}},"NewImage":{{"id":{{"S":"order#{n}"}},"status":{{"S":"paid"}},"total":{{"N":"{n}.07"}},"city":{{"S":"Berlin"}},"note":{{"S":"{}"}}}}}}}}"#,
            100_000 + n,
            "x".repeat(300)
        )
    };
    let records: Vec<String> = (0..count).map(record).collect();
    let page = slice_page(Arc::new(format!(r#"{{"Records":[{}]}}"#, records.join(","))))?;
    let changes: Vec<Arc<Change>> = page.changes.into_iter().map(Arc::new).collect();
    let origin = Origin {
        trigger: "bench".into(),
        table: "orders".into(),
        region: "eu-west-1".into(),
        stream: "arn:aws:dynamodb:eu-west-1:000000000000:table/orders/stream/1".into(),
        view: View::of(ViewType::NewImage),
    };
    Ok(Batch { origin: Arc::new(origin), shard: "shard".into(), attempt: 1, changes })
}
