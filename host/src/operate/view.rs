//! What is told of triggers, streams and the rest: the same over the API, in `--json`, and to the commands that print it.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PausedBy {
    Config,
    Operator,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TriggerView {
    pub(crate) name: String,
    pub(crate) stream: String,
    pub(crate) plugin: String,
    /// Which serves; none: no host runs.
    pub(crate) version: Option<String>,
    /// Batches of a shard that may run at once: as an operator wants it, where a host runs, else as the config has it.
    pub(crate) parallelism: usize,
    /// None: it is not paused.
    pub(crate) paused_by: Option<PausedBy>,
    /// Since when an operator pauses it.
    pub(crate) paused_since_ms: Option<u64>,
    /// None: no host runs, or it has not looked yet.
    pub(crate) iterator_age_ms: Option<u64>,
    /// Patterns that the config has for it; 0: it gets every change.
    pub(crate) filters: usize,
    /// Which they did not want, since the host began; none: no host runs.
    pub(crate) changes_filtered: Option<u64>,
    /// It was rewound and has not set out again yet: with what was created from then on.
    pub(crate) rewound_to_ms: Option<u64>,
    /// Begun, and not finished.
    pub(crate) shards_open: usize,
    pub(crate) shards_lagging: usize,
    /// In which it stopped at a gap.
    pub(crate) shards_stopped: usize,
    pub(crate) dead_letters: u64,
    pub(crate) gaps: u64,
    /// Why the last delivery failed, of one of the shards in which nothing has moved since.
    pub(crate) last_failure: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TriggerShardView {
    pub(crate) stream: String,
    pub(crate) shard: String,
    /// All up to there is acknowledged.
    pub(crate) watermark: Option<String>,
    /// How many pieces above it are acknowledged too.
    pub(crate) acknowledged_above: usize,
    /// Every change that was created before is acknowledged, or told as a gap.
    pub(crate) complete_until_ms: Option<u64>,
    pub(crate) updated_ms: u64,
    /// When the oldest change that waits was created; none: at the tip, or no host runs.
    pub(crate) oldest_ms: Option<u64>,
    pub(crate) lags: bool,
    pub(crate) stopped: bool,
    pub(crate) failure: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TriggerDetail {
    #[serde(flatten)]
    pub(crate) trigger: TriggerView,
    pub(crate) shards: Vec<TriggerShardView>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StreamView {
    pub(crate) name: String,
    pub(crate) table: String,
    pub(crate) region: Option<String>,
    pub(crate) triggers: Vec<String>,
    /// Those in which triggers are.
    pub(crate) arns: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct StreamDetail {
    #[serde(flatten)]
    pub(crate) stream: StreamView,
    pub(crate) shards: Vec<ShardView>,
    pub(crate) gaps: Vec<tripline_store::GapRow>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct ShardView {
    pub(crate) stream: String,
    pub(crate) shard: String,
    pub(crate) parent: Option<String>,
    pub(crate) first: Option<String>,
    /// None: it is open.
    pub(crate) last: Option<String>,
    /// Those that have begun it and not finished it.
    pub(crate) reading: Vec<String>,
    pub(crate) finished: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct PluginView {
    pub(crate) plugin: String,
    pub(crate) version: Option<String>,
    pub(crate) triggers: Vec<String>,
}

/// What a rewind does, or would do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RewindView {
    pub(crate) trigger: String,
    pub(crate) dry_run: bool,
    /// For people.
    pub(crate) to: String,
    pub(crate) reset_state: bool,
    pub(crate) shards: Vec<AgainView>,
    /// How many changes come again; none: nobody knows before they are read.
    pub(crate) changes: Option<u64>,
    pub(crate) notes: Vec<String>,
}

/// A shard of which changes come again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AgainView {
    pub(crate) stream: String,
    pub(crate) shard: String,
}

/// How many dead letters were marked, or dropped.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LettersView {
    pub(crate) letters: u64,
}

/// One page; `next` is the `after` of the next one, none: this was the last.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PageView<T, N> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<N>,
}
