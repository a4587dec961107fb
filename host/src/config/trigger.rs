//! `[triggers.NAME]`: which plugin gets which changes, how, and what it may reach.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tripline_core::backoff::Backoff;
use tripline_core::delivery::{Policy, Then};
use tripline_core::name::{StreamName, TriggerName};
use tripline_core::projection::{AttributePath, PathError, Projection};
use tripline_core::start::Start;
use tripline_core::view::{View, ViewType};
use tripline_runtime::Limits;

use super::fault::did_you_mean;
use super::read::{Section, Value};
use super::schema::{BATCH, GRANTS, LIMITS, RETRY, TRIGGER};
use super::{GrantsConfig, PluginRef, TriggerConfig, filters, http, instances, settings, start, table, unit};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
/// How a stream's own retention bounds a retry.
const AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// What a trigger can refer to. A stream or a target with faults of its own is known by name only.
pub(super) struct Known<'k> {
    pub(super) streams: BTreeMap<&'k str, Option<table::Identity>>,
    pub(super) starts: BTreeMap<&'k str, Start>,
    pub(super) targets: BTreeMap<&'k str, Option<table::Identity>>,
    pub(super) mailers: BTreeMap<&'k str, ()>,
    pub(super) bundled: Vec<&'static str>,
}

/// None when its plugin is missing or wrong. What else is has been told, and has a default here, for who looks at the plugin.
pub(super) fn trigger(name: &str, value: &Value<'_>, known: &Known<'_>) -> Option<TriggerConfig> {
    let section = value.section(&TRIGGER)?;
    let stream = section
        .require("stream", "write the name of one of [streams]")
        .and_then(|value| reference(&value, &known.streams, "streams"));
    let start = section.get("start").and_then(|value| start::start(&value));
    let start = start.or_else(|| known.starts.get(stream?).copied()).unwrap_or_default();
    let plugin = section
        .require("plugin", "write a path, or \"bundled:NAME\"")
        .and_then(|value| plugin(&value, &known.bundled));
    let view = view(&section);
    let filters = section.get("filters").map(|value| filters::filters(&value)).unwrap_or_default();
    let sha256 = section.get("sha256").and_then(|value| sha256(&value));
    let limits = limits(&section);
    let allow_loop = section.get("allow_loop").and_then(|value| value.bool()).unwrap_or(false);
    let followed = stream.and_then(|stream| known.streams.get(stream)?.as_ref()).filter(|_| !allow_loop);
    let grants = grants(&section, known, followed);
    let policy = Policy { delivers_ahead: !grants.state, ..policy(&section) };
    let instances = section.get("instances").and_then(|value| instances::instances(&value, &limits, policy.parallelism));
    let paused = section.get("paused").and_then(|value| value.bool()).unwrap_or(false);
    let settings = section.get("settings").map(|value| settings::settings(&value)).unwrap_or_default();
    Some(TriggerConfig {
        name: TriggerName::from(name),
        stream: StreamName::from(stream.unwrap_or_default()),
        start,
        paused,
        plugin: plugin?,
        sha256,
        view: view.unwrap_or(View { kind: ViewType::KeysOnly, attributes: None }),
        filters: Arc::new(filters),
        policy,
        limits,
        instances,
        grants,
        settings: Arc::new(settings),
        allow_loop,
    })
}

/// The name that `value` holds, if it is one of `known`; `kind` is the table they stand in.
fn reference<'v, T>(value: &Value<'v>, known: &BTreeMap<&str, T>, kind: &str) -> Option<&'v str> {
    let name = value.text()?;
    if known.contains_key(name) {
        return Some(name);
    }
    let remedy = match did_you_mean(name, known.keys().copied()) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("add [{kind}.{}], or name one that is there", if name.is_empty() { "NAME" } else { name }),
    };
    value.fault_if_whole(format!("there is no {name:?} in [{kind}]"), remedy);
    None
}

fn plugin(value: &Value<'_>, bundled: &[&str]) -> Option<PluginRef> {
    let text = value.line()?;
    let Some(name) = text.strip_prefix("bundled:") else {
        return value.existing_file().map(PluginRef::File);
    };
    if bundled.contains(&name) {
        return Some(PluginRef::Bundled(name.to_owned()));
    }
    let remedy = match did_you_mean(name, bundled.iter().copied()) {
        Some(near) => format!("did you mean \"bundled:{near}\"?"),
        None => format!("these are bundled: {}", bundled.join(", ")),
    };
    value.fault(format!("no plugin {name:?} is bundled"), remedy);
    None
}

fn sha256(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    let is_sha256 = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_sha256 {
        value.fault("is no SHA-256", "write the 64 hexadecimal digits that `sha256sum PLUGIN` or `tripline inspect PLUGIN` prints");
    }
    is_sha256.then(|| text.to_ascii_lowercase())
}

fn view(section: &Section<'_>) -> Option<View> {
    let words = ViewType::ALL.map(|view| (view.as_config(), view));
    let kind = section
        .require("view", "write \"keys-only\", \"new-image\", \"old-image\" or \"new-and-old-images\": what the plugin may see")
        .and_then(|value| value.choice(&words, &[]));
    let attributes = section.get("attributes").map(|value| {
        if kind == Some(ViewType::KeysOnly) {
            value.warn("is of no use with view = \"keys-only\": the keys are always there, and nothing else is");
        }
        attributes(&value)
    });
    Some(View { kind: kind?, attributes })
}

fn attributes(value: &Value<'_>) -> Projection {
    let mut paths: Vec<AttributePath> = Vec::new();
    for element in value.list() {
        let Some(text) = element.text() else { continue };
        match AttributePath::parse(text) {
            Err(PathError { what, remedy }) => element.fault(what, remedy),
            Ok(path) if paths.contains(&path) => element.fault(format!("{text:?} is named twice"), "remove one"),
            Ok(path) => {
                if let Some(above) = paths.iter().find(|other| other.is_above(&path) || path.is_above(other)) {
                    element.warn(&format!("{above} and {path} are named: the one is in the other, which is taken whole"));
                }
                paths.push(path);
            }
        }
    }
    paths.into_iter().collect()
}

fn policy(section: &Section<'_>) -> Policy {
    let mut policy = Policy::default();
    let parallelism = section.get("parallelism").and_then(|value| value.integer(1..=64));
    policy.parallelism = parallelism.unwrap_or(policy.parallelism);
    if let Some(batch) = section.get("batch").and_then(|value| value.section(&BATCH)) {
        let records_max = batch.get("records_max").and_then(|value| value.integer(1..=10_000));
        policy.records_max = records_max.unwrap_or(policy.records_max);
        let bytes_max = batch.get("bytes_max").and_then(|value| value.size(1024..=16 << 20));
        policy.bytes_max = bytes_max.unwrap_or(policy.bytes_max);
        let window = batch.get("window").and_then(|value| value.duration(Duration::ZERO..=5 * MINUTE));
        policy.window = window.unwrap_or(policy.window);
    }
    if let Some(retry) = section.get("retry").and_then(|value| value.section(&RETRY)) {
        if let Some(attempts_max) = retry.get("attempts_max").and_then(|value| attempts_max(&value)) {
            policy.attempts_max = attempts_max;
        }
        let age_max = retry.get("age_max").and_then(|value| value.duration(MINUTE..=AGE_MAX));
        policy.age_max = age_max.unwrap_or(policy.age_max);
        policy.backoff = retry.get("backoff").and_then(|value| backoff(&value)).unwrap_or(policy.backoff);
        policy.bisect = retry.get("bisect").and_then(|value| value.bool()).unwrap_or(policy.bisect);
        let words = [("dead-letter", Then::DeadLetter), ("block", Then::Block), ("skip", Then::Skip)];
        let then = retry.get("then").and_then(|value| value.choice(&words, &[]));
        policy.then = then.unwrap_or(policy.then);
    }
    policy
}

/// The inner none is "unlimited".
fn attempts_max(value: &Value<'_>) -> Option<Option<NonZeroU32>> {
    if value.raw.is_str() {
        return value.choice(&[("unlimited", None)], &[]);
    }
    let attempts = value.integer(1..=10_000)?;
    Some(Some(NonZeroU32::new(u32::try_from(attempts).ok()?)?))
}

fn backoff(value: &Value<'_>) -> Option<Backoff> {
    let text = value.text()?;
    let range = unit::duration_range(text).filter(|(first, max)| *first >= Duration::from_millis(1) && first <= max && *max <= HOUR);
    if range.is_none() {
        value.fault(format!("{text:?} is no back-off"), "write the first and the longest wait, from \"1ms\" to \"1h\", as \"100ms..30s\"");
    }
    range.map(|(first, max)| Backoff { first, max })
}

fn limits(section: &Section<'_>) -> Limits {
    let mut limits = Limits { memory_bytes_max: 64 << 20, time_max: Duration::from_secs(10) };
    if let Some(section) = section.get("limits").and_then(|value| value.section(&LIMITS)) {
        let memory = section.get("memory").and_then(|value| value.size(1 << 20..=4 << 30));
        limits.memory_bytes_max = memory.unwrap_or(limits.memory_bytes_max);
        let time = section.get("time").and_then(|value| value.duration(Duration::from_millis(10)..=15 * MINUTE));
        limits.time_max = time.unwrap_or(limits.time_max);
    }
    limits
}

/// `followed` is the table that must not be granted; none where it may be.
fn grants(section: &Section<'_>, known: &Known<'_>, followed: Option<&table::Identity>) -> GrantsConfig {
    let Some(section) = section.get("grants").and_then(|value| value.section(&GRANTS)) else {
        return GrantsConfig::default();
    };
    let flag = |name| section.get(name).and_then(|value| value.bool()).unwrap_or(false);
    let not_followed = |value: &Value<'_>, target: &Option<table::Identity>| {
        if let (Some(followed), Some(target)) = (followed, target)
            && followed.may_be(target)
        {
            value.fault(
                "is, as far as this file tells, the very table that the trigger follows: each write would be a change again",
                "grant another table, set `region` on both if they are two tables, or set allow_loop = true if the plugin ends the loop itself",
            );
        }
    };
    GrantsConfig {
        counters: flag("counters"),
        state: flag("state"),
        metrics: flag("metrics"),
        tables: section
            .get("tables")
            .map(|value| names(&value, &known.targets, "targets", not_followed))
            .unwrap_or_default(),
        // Reading makes no change: the followed table may be read.
        reads: section
            .get("reads")
            .map(|value| names(&value, &known.targets, "targets", |_, _| ()))
            .unwrap_or_default(),
        mailers: section
            .get("mailers")
            .map(|value| names(&value, &known.mailers, "mailers", |_, _| ()))
            .unwrap_or_default(),
        http: section.get("http").map(|value| http::http(&value)).unwrap_or_default(),
    }
}

fn names<T>(list: &Value<'_>, known: &BTreeMap<&str, T>, kind: &str, check: impl Fn(&Value<'_>, &T)) -> Vec<Box<str>> {
    let mut names: Vec<Box<str>> = Vec::new();
    for element in list.list() {
        let Some(name) = reference(&element, known, kind) else { continue };
        if names.iter().any(|other| **other == *name) {
            element.fault(format!("{name:?} is named twice"), "remove one");
            continue;
        }
        if let Some(found) = known.get(name) {
            check(&element, found);
        }
        names.push(name.into());
    }
    names
}
