//! `instances` of a trigger: a fresh one for each batch, or warm ones, and within which bounds.
//!
//! Invariant: warm instances fit the trigger's own limits; a bound that would end each instance at once is a fault, not a surprise.

use std::time::Duration;

use tripline_core::reuse::Reuse;
use tripline_runtime::Limits;

use super::read::Value;
use super::schema::INSTANCES;
use super::unit;

const BATCHES_MAX: usize = 1000;
const AGE_MAX: Duration = Duration::from_secs(10 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// None: fresh, or a fault.
pub(super) fn instances(value: &Value<'_>, limits: &Limits, parallelism: usize) -> Option<Reuse> {
    let mut reuse = Reuse {
        batches_max: BATCHES_MAX as u32,
        age_max: AGE_MAX,
        // What is left is for the next batch: one that begins near the limit would fail where a fresh one would not.
        memory_bytes_max: limits.memory_bytes_max / 4 * 3,
        idle_max: parallelism,
    };
    if value.raw.is_str() {
        return value.choice(&[("fresh", false), ("warm", true)], &[])?.then_some(reuse);
    }
    let section = value.section(&INSTANCES)?;
    let batches_max = section.get("batches_max").and_then(|value| value.integer(1..=1_000_000));
    reuse.batches_max = batches_max.and_then(|batches| u32::try_from(batches).ok()).unwrap_or(reuse.batches_max);
    let age_max = section.get("age_max").and_then(|value| value.duration(Duration::from_secs(1)..=24 * HOUR));
    reuse.age_max = age_max.unwrap_or(reuse.age_max);
    if let Some(value) = section.get("memory_max") {
        reuse.memory_bytes_max = memory_max(&value, limits).unwrap_or(reuse.memory_bytes_max);
    }
    let idle_max = section.get("idle_max").and_then(|value| value.integer(1..=64));
    reuse.idle_max = idle_max.unwrap_or(reuse.idle_max);
    Some(reuse)
}

fn memory_max(value: &Value<'_>, limits: &Limits) -> Option<usize> {
    let bytes = value.size(64 << 10..=4 << 30)?;
    if bytes > limits.memory_bytes_max {
        let limit = unit::show_size(limits.memory_bytes_max);
        value.fault(
            format!("is more than limits.memory, {limit}, which no instance goes beyond"),
            format!("write less than {limit}, or raise limits.memory"),
        );
        return None;
    }
    Some(bytes)
}
