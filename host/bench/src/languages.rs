//! What a language costs: the same plugin in each, called as the host calls it, in this process.
//!
//! Always holds: every component is measured by the same engine settings and on the same changes, and handles all of them; the components and the
//! times of their builds are `cargo xtask languages`' business, which hands them over in `TRIPLINE_BENCH_LANGUAGES`.
//! Left out is what all of them share: reading, slicing and committing.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, ensure};
use bytes::Bytes;
use serde::Serialize;
use tripline_runtime::{CacheConfig, Compiler, CompilerConfig, Engine, EngineConfig};

use crate::instances::{self, Measured};
use crate::measure::median;
use crate::report::Cells;

pub(crate) const NAME: &str = "languages";
pub(crate) const ABOUT: &str = "one plugin in each: two attributes of a new image, batches of 100, on one processor";

const BATCH: usize = 100;
const CACHED_LOADS: usize = 5;

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
    /// Of a call with nothing in it: what a fresh instance takes.
    instantiate_seconds: f64,
    #[serde(flatten)]
    batches: Measured,
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
        "changes/s, fresh",
        "changes/s, warm",
        "warm to fresh",
    ];

    fn cells(&self, _: &[Self]) -> Vec<String> {
        let Measured { fresh_us_per_batch: fresh, warm_us_per_batch: warm } = self.batches;
        vec![
            self.name.clone(),
            size(self.component_bytes),
            format!("{:.1} s", self.first_build_seconds),
            format!("{:.1} s", self.next_build_seconds),
            time(self.compile_seconds),
            time(self.cached_load_seconds),
            time(self.instantiate_seconds),
            format!("{:.0}", BATCH as f64 * 1e6 / fresh),
            format!("{:.0}", BATCH as f64 * 1e6 / warm),
            format!("{:.2}x", fresh / warm),
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

/// False where no components were handed over.
pub(crate) fn are_there() -> bool {
    std::env::var_os("TRIPLINE_BENCH_LANGUAGES").is_some()
}

pub(crate) async fn measure() -> Result<Vec<Row>> {
    let list = std::env::var("TRIPLINE_BENCH_LANGUAGES")?;
    let mut rows = Vec::new();
    for line in list.lines() {
        let built = Built::parse(line).with_context(|| format!("TRIPLINE_BENCH_LANGUAGES: {line}"))?;
        eprintln!("languages: {}", built.name);
        let row = row(&built).await.with_context(|| built.name.clone())?;
        rows.push(row);
    }
    Ok(rows)
}

async fn row(built: &Built) -> Result<Row> {
    let bytes = Bytes::from(std::fs::read(&built.component)?);
    let cache = tempfile::tempdir()?;
    let compiled = engine(cache.path())?.load(bytes.clone()).await?;
    ensure!(!compiled.loading().cached, "the compile cache was not empty");
    let cached_load_seconds = load_cached(cache.path(), &bytes).await?;
    let context = instances::context(&[]);
    let batches = instances::compare(&compiled, &context, &instances::orders(BATCH)?).await?;
    let empty = instances::compare(&compiled, &context, &instances::orders(0)?).await?;
    Ok(Row {
        name: built.name.clone(),
        component_bytes: compiled.size_bytes(),
        first_build_seconds: built.first_build_seconds,
        next_build_seconds: built.next_build_seconds,
        compile_seconds: compiled.loading().took.as_secs_f64(),
        cached_load_seconds,
        instantiate_seconds: empty.fresh_us_per_batch / 1e6,
        batches,
    })
}

/// The median of several: the disk still writes what was compiled when the first one reads it.
async fn load_cached(cache: &Path, bytes: &Bytes) -> Result<f64> {
    let mut seconds = Vec::new();
    for _ in 0..CACHED_LOADS {
        let plugin = engine(cache)?.load(bytes.clone()).await?;
        ensure!(plugin.loading().cached, "the compile cache did not keep it");
        seconds.push(plugin.loading().took.as_secs_f64());
    }
    Ok(median(seconds, |seconds| *seconds))
}

/// Of one processor, as the calls: what compiling gains by more is the machine's.
fn engine(cache: &Path) -> Result<Engine> {
    let cache = CacheConfig { dir: cache.to_owned(), make: true, bytes_max: 1 << 30 };
    let compiler = Compiler::new(CompilerConfig { cache: Some(cache), process: None });
    Ok(Engine::compiling(EngineConfig::default(), compiler)?)
}
