//! What the config says of triggers and streams, and what the store and a running host add to it.
//!
//! Always holds: reads only; whether a host runs or not, the same questions have answers of the same shape.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tripline_admin::{Failure, InShard, Page, Question};
use tripline_core::name::{ShardId, StreamName, TriggerName};
use tripline_core::port::{StoreError, StoredWay};
use tripline_store::SqliteReader;

use super::view::{PageView, PausedBy, PluginView, StreamView, TriggerDetail, TriggerShardView, TriggerView};
use crate::config::{Config, PluginRef};

/// Of the config: nothing that is secret.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) triggers: BTreeMap<TriggerName, KnownTrigger>,
    streams: BTreeMap<StreamName, KnownStream>,
}

#[derive(Clone, Debug)]
pub(crate) struct KnownTrigger {
    pub(crate) stream: StreamName,
    plugin: String,
    pub(crate) paused: bool,
    parallelism: usize,
    filters: usize,
}

#[derive(Clone, Debug)]
struct KnownStream {
    table: String,
    region: Option<String>,
}

/// What only a running host knows of a trigger.
#[derive(Clone, Debug, Default)]
pub(crate) struct Live {
    pub(crate) version: Option<String>,
    pub(crate) parallelism: Option<usize>,
    pub(crate) age: Option<Duration>,
    pub(crate) filtered: Option<u64>,
    pub(crate) shards: BTreeMap<ShardId, InShard>,
}

pub(crate) type Lives = BTreeMap<TriggerName, Live>;

impl Known {
    pub(crate) fn of(config: &Config) -> Self {
        let plugin = |plugin: &PluginRef| match plugin {
            PluginRef::Bundled(name) => format!("bundled:{name}"),
            PluginRef::File(path) => path.display().to_string(),
        };
        let triggers = config.triggers.values().map(|trigger| {
            let known = KnownTrigger {
                stream: trigger.stream.clone(),
                plugin: plugin(&trigger.plugin),
                paused: trigger.paused,
                parallelism: trigger.policy.parallelism,
                filters: trigger.filters.len(),
            };
            (trigger.name.clone(), known)
        });
        let streams = config.streams.values().map(|stream| {
            let known = KnownStream { table: stream.table.clone(), region: stream.connection.region.clone() };
            (stream.name.clone(), known)
        });
        Self { triggers: triggers.collect(), streams: streams.collect() }
    }

    pub(crate) fn trigger(&self, name: &TriggerName) -> Result<&KnownTrigger, Failure> {
        self.triggers.get(name).ok_or_else(|| {
            let known: Vec<_> = self.triggers.keys().map(TriggerName::as_str).collect();
            let name: String = name.as_str().chars().take(100).collect();
            Failure::Missing(format!("there is no trigger {name:?}: the config has {}", known.join(", ")))
        })
    }

    /// None: it is a question that only a running host answers, or no question at all.
    pub(crate) fn answer(&self, question: &Question, reader: &SqliteReader, lives: &Lives) -> Option<Result<Value, Failure>> {
        let answer = match question {
            Question::Streams => self.streams(reader).and_then(json),
            Question::Triggers => self.list(reader, lives).and_then(json),
            Question::Trigger(name) => self.detail(name, reader, lives).and_then(json),
            Question::Plugins => json(self.plugins(lives)),
            Question::DeadLetters { trigger, pattern, page } => dead_letters(reader, (trigger.as_ref(), pattern.as_deref()), page),
            Question::DeadLetter(id) => dead_letter(reader, *id),
            Question::State { trigger, prefix, page } => state(reader, (trigger, prefix), page),
            Question::Counters { trigger, page } => counters(reader, trigger.as_ref(), page),
            _ => return None,
        };
        Some(answer)
    }

    /// `{"items": …}`, as all lists have it.
    fn list(&self, reader: &SqliteReader, lives: &Lives) -> Result<PageView<TriggerView, u64>, Failure> {
        let rows = Rows::read(self, reader)?;
        Ok(whole(self.triggers.keys().map(|name| self.view(name, &rows, lives).trigger).collect()))
    }

    fn detail(&self, name: &TriggerName, reader: &SqliteReader, lives: &Lives) -> Result<TriggerDetail, Failure> {
        self.trigger(name)?;
        Ok(self.view(name, &Rows::read(self, reader)?, lives))
    }

    fn view(&self, name: &TriggerName, rows: &Rows, lives: &Lives) -> TriggerDetail {
        let known = &self.triggers[name];
        let nothing = Live::default();
        let live = lives.get(name).unwrap_or(&nothing);
        let way = rows.ways.iter().find(|way| way.trigger == *name);
        let shards = shards(way, rows, live);
        let paused_since_ms = rows.paused.get(name).copied();
        let by_operator = paused_since_ms.map(|_| PausedBy::Operator);
        let count = |counts: &BTreeMap<String, u64>| counts.get(name.as_str()).copied().unwrap_or(0);
        let trigger = TriggerView {
            name: name.to_string(),
            stream: known.stream.to_string(),
            plugin: known.plugin.clone(),
            version: live.version.clone(),
            parallelism: live.parallelism.unwrap_or(known.parallelism),
            paused_by: known.paused.then_some(PausedBy::Config).or(by_operator),
            paused_since_ms,
            iterator_age_ms: live.age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            filters: known.filters,
            changes_filtered: live.filtered,
            rewound_to_ms: way.and_then(|way| way.start).map(|start| start.as_ms()),
            shards_open: shards.len(),
            shards_lagging: live.shards.values().filter(|shard| shard.lags).count(),
            shards_stopped: live.shards.values().filter(|shard| shard.stopped).count(),
            dead_letters: count(&rows.dead_letters),
            gaps: count(&rows.gaps),
            last_failure: live.shards.values().find_map(|shard| shard.failure.clone()),
        };
        TriggerDetail { trigger, shards }
    }

    pub(crate) fn stream(&self, name: &StreamName, reader: &SqliteReader) -> Result<StreamView, Failure> {
        let found = self.streams(reader)?.items.into_iter().find(|stream| stream.name == name.as_str());
        found.ok_or_else(|| {
            let known: Vec<_> = self.streams.keys().map(StreamName::as_str).collect();
            let name: String = name.as_str().chars().take(100).collect();
            Failure::Missing(format!("there is no stream {name:?}: the config has {}", known.join(", ")))
        })
    }

    fn streams(&self, reader: &SqliteReader) -> Result<PageView<StreamView, u64>, Failure> {
        let rows = Rows::read(self, reader)?;
        let stream = |(name, known): (&StreamName, &KnownStream)| {
            let triggers: Vec<&TriggerName> =
                self.triggers.iter().filter(|(_, trigger)| trigger.stream == *name).map(|(name, _)| name).collect();
            let pins = rows.ways.iter().filter(|way| triggers.contains(&&way.trigger)).filter_map(|way| way.pin.as_ref());
            let arns: BTreeSet<String> = pins.map(|pin| pin.stream.to_string()).collect();
            StreamView {
                name: name.to_string(),
                table: known.table.clone(),
                region: known.region.clone(),
                triggers: triggers.into_iter().map(ToString::to_string).collect(),
                arns: arns.into_iter().collect(),
            }
        };
        Ok(whole(self.streams.iter().map(stream).collect()))
    }

    fn plugins(&self, lives: &Lives) -> PageView<PluginView, u64> {
        let mut plugins: BTreeMap<&str, PluginView> = BTreeMap::new();
        for (name, known) in &self.triggers {
            let version = lives.get(name).and_then(|live| live.version.clone());
            let new = PluginView { plugin: known.plugin.clone(), version, triggers: Vec::new() };
            plugins.entry(&known.plugin).or_insert(new).triggers.push(name.to_string());
        }
        whole(plugins.into_values().collect())
    }
}

/// What the store has of all triggers of the config.
struct Rows {
    ways: Vec<StoredWay>,
    /// By stream and shard and trigger.
    updated: BTreeMap<(String, String, String), u64>,
    paused: BTreeMap<TriggerName, u64>,
    dead_letters: BTreeMap<String, u64>,
    gaps: BTreeMap<String, u64>,
}

impl Rows {
    fn read(known: &Known, reader: &SqliteReader) -> Result<Self, Failure> {
        let names: Vec<TriggerName> = known.triggers.keys().cloned().collect();
        let read = || {
            let counts = reader.trigger_counts()?;
            Ok(Self {
                ways: reader.ways(&names)?,
                updated: reader
                    .checkpoints()?
                    .into_iter()
                    .map(|row| ((row.stream, row.shard, row.trigger), row.updated_ms))
                    .collect(),
                paused: reader.paused()?.into_iter().map(|(trigger, since)| (trigger, since.as_ms())).collect(),
                dead_letters: counts.dead_letters,
                gaps: counts.gaps,
            })
        };
        read().map_err(unavailable)
    }
}

/// Of the stream in which the trigger is: those that it has begun and not finished.
fn shards(way: Option<&StoredWay>, rows: &Rows, live: &Live) -> Vec<TriggerShardView> {
    let Some(way) = way else { return Vec::new() };
    let open = way.checkpoints.iter().filter(|row| !row.checkpoint.finished);
    let open = open.filter(|row| way.pin.as_ref().is_none_or(|pin| pin.stream == row.stream));
    let view = |row: &tripline_core::port::StoredCheckpoint| {
        let live = live.shards.get(&row.shard).cloned().unwrap_or_default();
        let key = (row.stream.to_string(), row.shard.to_string(), way.trigger.to_string());
        TriggerShardView {
            watermark: row.checkpoint.watermark.as_ref().map(ToString::to_string),
            acknowledged_above: row.checkpoint.acknowledged.len(),
            complete_until_ms: row.checkpoint.complete_until.map(|until| until.as_ms()),
            updated_ms: rows.updated.get(&key).copied().unwrap_or_default(),
            oldest_ms: live.oldest.map(|oldest| oldest.as_ms()),
            lags: live.lags,
            stopped: live.stopped,
            failure: live.failure,
            stream: key.0,
            shard: key.1,
        }
    };
    open.map(view).collect()
}

fn dead_letters(
    reader: &SqliteReader,
    (trigger, pattern): (Option<&TriggerName>, Option<&str>),
    page: &Page<i64>,
) -> Result<Value, Failure> {
    let rows = reader.dead_letters_page((trigger, pattern), page.after, page.limit + 1).map_err(unavailable)?;
    json(paged(rows, page.limit, |row| row.id))
}

fn dead_letter(reader: &SqliteReader, id: i64) -> Result<Value, Failure> {
    let letter = reader.dead_letter(id).map_err(unavailable)?;
    let missing = || Failure::Missing(format!("there is no dead letter {id}: `tripline dlq list` shows those there are"));
    json(letter.ok_or_else(missing)?)
}

fn state(reader: &SqliteReader, (trigger, prefix): (&TriggerName, &str), page: &Page<String>) -> Result<Value, Failure> {
    let rows = reader.state_page((trigger, prefix), page.after.as_deref(), page.limit + 1).map_err(unavailable)?;
    json(paged(rows, page.limit, |row| row.key.clone()))
}

fn counters(reader: &SqliteReader, trigger: Option<&TriggerName>, page: &Page<usize>) -> Result<Value, Failure> {
    let mut rows = reader.counters().map_err(unavailable)?;
    rows.retain(|row| trigger.is_none_or(|trigger| trigger.as_str() == row.trigger));
    let begun = page.after.unwrap_or(0);
    let more = rows.len() > begun.saturating_add(page.limit);
    let items: Vec<_> = rows.into_iter().skip(begun).take(page.limit).collect();
    let next = more.then_some(begun + page.limit);
    json(PageView { items, next })
}

fn paged<T, N>(mut rows: Vec<T>, limit: usize, key: impl Fn(&T) -> N) -> PageView<T, N> {
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(key);
    PageView { items: rows, next }
}

fn whole<T>(items: Vec<T>) -> PageView<T, u64> {
    PageView { items, next: None }
}

pub(crate) fn json(value: impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|error| Failure::Unavailable(error.to_string()))
}

pub(crate) fn unavailable(error: StoreError) -> Failure {
    Failure::Unavailable(error.to_string())
}
