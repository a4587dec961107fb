//! Named events: core and the crates around it say what happened, the host renders the log line and the metric.
//!
//! One variant for each thing an operator may want to know; the fields are its labels and values. No variant holds an item,
//! an address or a secret.

use std::fmt;
use std::time::Duration;

use crate::delivery::{Batch, Report};
use crate::gap::Gap;
use crate::letter::{DropCause, Kept};
use crate::name::{PluginVersion, ShardId, StreamArn, StreamName, TriggerName};
use crate::time::Timestamp;

pub trait Signals: Send + Sync + fmt::Debug {
    fn emit(&self, signal: Signal<'_>);

    /// A call of a plugin is over. Items and all: for who looks on at an author's desk, and for no log.
    fn reported(&self, _: &Batch, _: &Report) {}
}

/// Swallows everything: for tests that look elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Silence;

impl Signals for Silence {
    fn emit(&self, _: Signal<'_>) {}
}

#[derive(Clone, Copy, Debug)]
pub enum Signal<'a> {
    // Streams
    StreamFound {
        stream: &'a StreamName,
        arn: &'a StreamArn,
    },
    StreamUnavailable {
        stream: &'a StreamName,
        reason: &'a str,
    },
    ShardOpened {
        stream: &'a StreamName,
        shard: &'a ShardId,
    },
    ShardFinished {
        stream: &'a StreamName,
        shard: &'a ShardId,
    },
    Polled {
        stream: &'a StreamName,
        shard: &'a ShardId,
        result: PollResult,
        changes: usize,
        bytes: usize,
        took: Duration,
    },
    PollFailed {
        stream: &'a StreamName,
        shard: &'a ShardId,
        result: PollResult,
        reason: &'a str,
    },
    /// Changes may be lost to this trigger.
    Gap {
        stream: &'a StreamName,
        trigger: &'a TriggerName,
        gap: &'a Gap,
        /// The trigger goes no further: `on_gap` says so.
        stops: bool,
    },
    /// A trigger fell behind what the shard's window holds, or has caught up with it again: a second reader feeds all that lag.
    Lags {
        stream: &'a StreamName,
        trigger: &'a TriggerName,
        shard: &'a ShardId,
        lags: bool,
    },
    WindowFull {
        stream: &'a StreamName,
        shard: &'a ShardId,
        bytes: usize,
    },
    /// All shards of the stream are set down, to be begun again: a trigger of it is rewound.
    SetDown {
        stream: &'a StreamName,
    },

    // Delivery
    /// A trigger is paused, by an operator or the config, or goes on.
    Paused {
        trigger: &'a TriggerName,
        paused: bool,
    },
    /// A trigger sets out again. `to`: where from, for people.
    Rewound {
        trigger: &'a TriggerName,
        to: &'a str,
    },
    Delivered {
        trigger: &'a TriggerName,
        changes: usize,
        bytes: usize,
    },
    Handled {
        trigger: &'a TriggerName,
        result: HandlerResult,
        took: Duration,
    },
    /// A delivery failed for these changes; `changes` is 0 where the plugin never ran.
    ChangesFailed {
        trigger: &'a TriggerName,
        shard: &'a ShardId,
        changes: usize,
        reason: &'a str,
        backtrace: Option<&'a str>,
    },
    /// It is done with these: handled, or passed over.
    Acknowledged {
        trigger: &'a TriggerName,
        shard: &'a ShardId,
        changes: usize,
    },
    /// Its filters did not want these; they are among those that are acknowledged.
    Filtered {
        trigger: &'a TriggerName,
        shard: &'a ShardId,
        changes: usize,
    },
    DeadLettered {
        trigger: &'a TriggerName,
        event_id: &'a str,
        attempts: u32,
        reason: &'a str,
    },
    Skipped {
        trigger: &'a TriggerName,
        event_id: &'a str,
        attempts: u32,
        reason: &'a str,
    },
    /// A change would have been given up, and holds up its item instead.
    Stuck {
        trigger: &'a TriggerName,
        shard: &'a ShardId,
        event_id: &'a str,
        attempts: u32,
        reason: &'a str,
    },
    /// So many changes of the shard hold up their items. Told when it changes.
    Blocked {
        stream: &'a StreamName,
        trigger: &'a TriggerName,
        shard: &'a ShardId,
        changes: usize,
    },
    /// The oldest change not acknowledged in this shard was created then; none: the trigger is at the tip, or has finished the shard. Told when it
    /// changes, and after each commit.
    Oldest {
        trigger: &'a TriggerName,
        shard: &'a ShardId,
        created: Option<Timestamp>,
    },
    Committed {
        took: Duration,
        batches: usize,
    },
    CommitFailed {
        reason: &'a str,
    },
    /// A commit was refused, since what its batches had read of these keys is not so any more: they run again. No failure.
    Conflict {
        trigger: &'a TriggerName,
        keys: &'a [Box<str>],
    },

    // Dead letters
    /// A delivery of dead letters is durable: `done` of them are gone, `failed` have stayed.
    Redriven {
        trigger: &'a TriggerName,
        done: usize,
        failed: usize,
    },
    /// What is kept, told every few seconds.
    LettersKept(&'a Kept),
    /// The bounds will soon drop letters, or already do; none: no longer.
    LettersNearBounds(Option<&'a str>),
    LettersDropped {
        trigger: &'a TriggerName,
        cause: DropCause,
        letters: u64,
    },

    // Plugins
    PluginServes {
        trigger: &'a TriggerName,
        plugin: &'a str,
        version: &'a PluginVersion,
        reload: bool,
    },
    /// No version: there is none to read.
    PluginRefused {
        plugin: &'a str,
        version: Option<&'a PluginVersion>,
        reason: &'a str,
    },
    /// A trigger with warm instances begins a batch: in one that it has used before, or in one made for it.
    InstanceTaken {
        trigger: &'a TriggerName,
        reused: bool,
    },
    /// An instance of such a trigger is gone.
    InstanceRetired {
        trigger: &'a TriggerName,
        cause: RetireCause,
    },
    GuestLog {
        trigger: &'a TriggerName,
        version: &'a PluginVersion,
        level: LogLevel,
        context: &'a str,
        message: &'a str,
    },
    GuestLogsDropped {
        trigger: &'a TriggerName,
        lines: u32,
    },

    // Capabilities
    TableWritten {
        target: &'a str,
        result: WriteResult,
        took: Duration,
    },
    /// A plugin asked for an http request. `place`: the operator's entry that allows it; empty where none does.
    HttpAsked {
        trigger: &'a TriggerName,
        place: &'a str,
        result: HttpResult,
        /// None without an answer.
        connection: Option<HttpConnection>,
        took: Duration,
    },
    /// `target`: of the first write.
    TableTransacted {
        target: &'a str,
        result: TransactResult,
        took: Duration,
    },
    /// One call of a plugin, however many requests it took. `keys`: asked for.
    TableRead {
        target: &'a str,
        result: TableReadResult,
        keys: usize,
        took: Duration,
    },
    /// A sample that made one series too many; told of each.
    PluginMetricDropped {
        trigger: &'a TriggerName,
        metric: &'a str,
        series_max: usize,
        first: bool,
    },
    /// New in the outbox, and durable.
    MailAccepted {
        mailer: &'a str,
        mails: usize,
    },
    /// Neither sent nor given up.
    MailsPending {
        mailer: &'a str,
        mails: u64,
    },
    /// Nothing is sent for so long; none: until the config is changed. `barred`: somebody has to act.
    MailerAway {
        mailer: &'a str,
        barred: bool,
        pause: Option<Duration>,
        reason: &'a str,
    },
    MailerBack {
        mailer: &'a str,
    },
    MailSettled {
        mailer: &'a str,
        message_id: &'a str,
        result: MailResult,
        reason: Option<&'a str>,
    },
}

macro_rules! label {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($variant),+ }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// As a metric's label.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

label! {
    PollResult { Changes = "changes", Empty = "empty", Throttled = "throttled", Expired = "expired", Trimmed = "trimmed", Gone = "gone", Refused = "refused", Unavailable = "unavailable" }
}
label! {
    /// How a call of a handler ended.
    HandlerResult { Ok = "ok", Partial = "partial", Retry = "retry", Reject = "reject", Trap = "trap", Timeout = "timeout", OutOfMemory = "out_of_memory", BadResult = "bad_result", NotRun = "not_run" }
}
label! {
    /// Why a warm instance ended.
    RetireCause { Failed = "failed", Batches = "batches", Age = "age", Memory = "memory", Handles = "handles", Http = "http", Reload = "reload", Room = "room", Surplus = "surplus", CutOff = "cut_off" }
}
label! {
    LogLevel { Trace = "trace", Debug = "debug", Info = "info", Warn = "warn", Error = "error" }
}
label! {
    WriteResult { Ok = "ok", ConditionFailed = "condition_failed", Invalid = "invalid", Unavailable = "unavailable" }
}
label! {
    /// What became of a plugin's http request: the class of the answer's status, or why there is none.
    HttpResult { Success = "2xx", Redirect = "3xx", ClientError = "4xx", ServerError = "5xx", Denied = "denied", Unreachable = "unreachable", Timeout = "timeout", Failed = "failed", CutOff = "cut_off" }
}
label! {
    /// What an answer came over: a connection that was made for it, or one that had served others.
    HttpConnection { New = "new", Reused = "reused" }
}
label! {
    TransactResult { Ok = "ok", Cancelled = "cancelled", Invalid = "invalid", Unavailable = "unavailable" }
}
label! {
    TableReadResult { Ok = "ok", Invalid = "invalid", Unavailable = "unavailable" }
}
label! {
    MailResult { Sent = "sent", Later = "later", Failed = "failed" }
}
