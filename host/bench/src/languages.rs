//! What a language costs: the same plugin in each, called as the host calls it, in this process.
//!
//! Always holds: every component is measured by the same engine settings and on the same changes, and handles all of them; the components and the
//! times of their builds are `cargo xtask languages`' business, which hands them over in `TRIPLINE_BENCH_LANGUAGES`.
//! Left out is what all of them share: reading, slicing and committing.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use bytes::Bytes;
use serde::Serialize;
use tripline::clock;
use tripline_core::change::Change;
use tripline_core::delivery::{Batch, Origin, Outcome};
use tripline_core::port::Grants;
use tripline_core::reuse::Reuse;
use tripline_core::signal::Silence;
use tripline_core::slice::slice_page;
use tripline_core::view::{View, ViewType};
use tripline_runtime::{CacheConfig, Compiler, CompilerConfig, Engine, EngineConfig, Limits, Slot, TriggerContext};

use crate::body::Template;
use crate::case::{Case, REGION, TABLE};
use crate::measure::{Stopwatch, Used};
use crate::report::Cells;

pub(crate) const NAME: &str = "languages";
pub(crate) const ABOUT: &str = "one plugin in each: two attributes of a new image of 500 bytes, batches of 100, on one processor";

const BATCH: usize = 100;
/// Of each measurement of calls.
const MEASURED: Duration = Duration::from_secs(2);
const EMPTY_CALLS: usize = 50;

/// The config's defaults for `instances = "warm"`, but for the memory: a runtime for JavaScript takes more between two batches.
const KEPT: Reuse = Reuse { batches_max: 1000, age_max: Duration::from_secs(600), memory_bytes_max: 256 * 1024 * 1024, idle_max: 1 };

/// What is handed over of each, in a line with tabs.
struct Built {
    name: String,
    component: PathBuf,
    first_build_seconds: f64,
    next_build_seconds: f64,
}

impl Built {
    fn parse(line: &str) -> Result<Self> {
        let cells: Vec<&str> = line.split('\t').collect();
        let [name, component, first, next] = cells[..] else { return Err(anyhow!("name, component and the builds' seconds")) };
        let (first_build_seconds, next_build_seconds) = (first.parse()?, next.parse()?);
        Ok(Self { name: name.to_owned(), component: component.into(), first_build_seconds, next_build_seconds })
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Row {
    name: String,
    component_bytes: usize,
    first_build_seconds: f64,
    next_build_seconds: f64,
    compile_seconds: f64,
    cached_load_seconds: f64,
    /// The median time of a call with nothing in it: all that a fresh instance takes.
    instantiate_seconds: f64,
    changes_per_cpu_second: f64,
    changes_per_cpu_second_warm: f64,
}

impl Cells for Row {
    const HEAD: &'static [&'static str] = &[
        "plugin",
        "component",
        "first build",
        "next build",
        "compile",
        "load, cached",
        "fresh instance",
        "changes per CPU second, fresh",
        "warm",
        "ratio",
    ];

    fn cells(&self, _: &[Self]) -> Vec<String> {
        vec![
            self.name.clone(),
            size(self.component_bytes),
            format!("{:.1} s", self.first_build_seconds),
            format!("{:.1} s", self.next_build_seconds),
            time(self.compile_seconds),
            time(self.cached_load_seconds),
            time(self.instantiate_seconds),
            format!("{:.0}", self.changes_per_cpu_second),
            format!("{:.0}", self.changes_per_cpu_second_warm),
            format!("{:.2}x of fresh", self.changes_per_cpu_second_warm / self.changes_per_cpu_second),
        ]
    }
}

fn size(bytes: usize) -> String {
    if bytes < 1_000_000 { format!("{:.0} KB", bytes as f64 / 1e3) } else { format!("{:.1} MB", bytes as f64 / 1e6) }
}

fn time(seconds: f64) -> String {
    match seconds {
        long if long >= 1.0 => format!("{long:.1} s"),
        middle if middle >= 1e-3 => format!("{:.1} ms", middle * 1e3),
        short => format!("{:.0} µs", short * 1e6),
    }
}

/// None where no components were handed over.
pub(crate) fn are_there() -> bool {
    std::env::var_os("TRIPLINE_BENCH_LANGUAGES").is_some()
}

pub(crate) async fn measure() -> Result<Vec<Row>> {
    let list = std::env::var("TRIPLINE_BENCH_LANGUAGES")?;
    let changes = changes()?;
    let mut rows = Vec::new();
    for line in list.lines() {
        let built = Built::parse(line).with_context(|| format!("TRIPLINE_BENCH_LANGUAGES: {line}"))?;
        eprintln!("languages: {}", built.name);
        let row = row(&built, &changes).await.with_context(|| built.name.clone())?;
        rows.push(row);
    }
    Ok(rows)
}

async fn row(built: &Built, changes: &[Arc<Change>]) -> Result<Row> {
    let bytes = Bytes::from(std::fs::read(&built.component)?);
    let cache = tempfile::tempdir()?;
    let compiled = engine(cache.path())?.load(bytes.clone()).await?;
    let cached = engine(cache.path())?.load(bytes).await?;
    ensure!(!compiled.loading().cached && cached.loading().cached, "the compile cache did not keep it");
    let fresh = handled(&Slot::new(cached.clone()), changes).await?;
    let warm = handled(&Slot::warm(cached.clone(), KEPT), changes).await?;
    Ok(Row {
        name: built.name.clone(),
        component_bytes: cached.size_bytes(),
        first_build_seconds: built.first_build_seconds,
        next_build_seconds: built.next_build_seconds,
        compile_seconds: compiled.loading().took.as_secs_f64(),
        cached_load_seconds: cached.loading().took.as_secs_f64(),
        instantiate_seconds: empty_call(&Slot::new(cached)).await?.as_secs_f64(),
        changes_per_cpu_second: fresh.changes_per_cpu_second(),
        changes_per_cpu_second_warm: warm.changes_per_cpu_second(),
    })
}

/// Of one processor, as the calls: what compiling gains by more is the machine's.
fn engine(cache: &Path) -> Result<Engine> {
    let cache = CacheConfig { dir: cache.to_owned(), make: true, bytes_max: 1 << 30 };
    let compiler = Compiler::new(CompilerConfig { cache: Some(cache), process: None });
    Ok(Engine::compiling(EngineConfig::default(), compiler)?)
}

fn changes() -> Result<Vec<Arc<Change>>> {
    let body = Template::new(&Case::usual(1)).page(0, None);
    let page = slice_page(Arc::new(String::from_utf8(body)?))?;
    Ok(page.changes.into_iter().map(Arc::new).collect())
}

fn context() -> TriggerContext {
    TriggerContext {
        trigger: "bench".into(),
        grants: Grants::default(),
        settings: Arc::default(),
        limits: Limits { memory_bytes_max: 256 * 1024 * 1024, time_max: Duration::from_secs(30) },
        signals: Arc::new(Silence),
        clock: clock::shared(),
        seed: None,
    }
}

fn batch(changes: &[Arc<Change>]) -> Batch {
    let view = View::of(ViewType::NewImage);
    let origin = Origin { trigger: "bench".into(), table: TABLE.into(), region: REGION.into(), stream: "arn".into(), view };
    Batch { origin: Arc::new(origin), shard: "shard".into(), attempt: 1, changes: changes.to_vec() }
}

/// Batch after batch, each in an instance as the slot has it.
async fn handled(slot: &Slot, changes: &[Arc<Change>]) -> Result<Used> {
    let (context, batches) = (context(), changes.chunks(BATCH).map(batch).collect::<Vec<_>>());
    all_handled(slot, &batches[0], &context).await?;
    let (stopwatch, began) = (Stopwatch::start(), Instant::now());
    let mut handled = 0;
    for batch in batches.iter().cycle() {
        all_handled(slot, batch, &context).await?;
        handled += batch.changes.len();
        if began.elapsed() >= MEASURED {
            break;
        }
    }
    Ok(stopwatch.stop(handled))
}

async fn empty_call(slot: &Slot) -> Result<Duration> {
    let (context, empty) = (context(), batch(&[]));
    let mut calls = Vec::with_capacity(EMPTY_CALLS);
    for _ in 0..EMPTY_CALLS {
        let began = Instant::now();
        all_handled(slot, &empty, &context).await?;
        calls.push(began.elapsed());
    }
    calls.sort();
    Ok(calls[calls.len() / 2])
}

async fn all_handled(slot: &Slot, batch: &Batch, context: &TriggerContext) -> Result<()> {
    let report = slot.handle(batch, context).await.0;
    ensure!(matches!(&report.outcome, Outcome::Handled(failed) if failed.is_empty()), "{:?}", report.outcome);
    Ok(())
}
