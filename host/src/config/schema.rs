//! Every key there is, and which of them are planned and not built yet.
//!
//! Invariant: a section is read only by keys that stand here, and docs/config.md has a row for each; tests hold both.

/// The keys of one kind of table.
#[derive(Debug)]
pub(super) struct Schema {
    /// Where such a table stands in the file.
    pub(super) title: &'static str,
    pub(super) built: &'static [&'static str],
    /// Key, and what to do without it.
    pub(super) planned: &'static [(&'static str, &'static str)],
}

pub(super) const ROOT: Schema = Schema {
    title: "the file",
    built: &["host", "streams", "targets", "mailers", "triggers", "dev"],
    planned: &[
        ("groups", "remove it; a trigger with the plugin \"bundled:cross-region-writer\" copies one table to another"),
        ("store", "remove it; state is kept in SQLite under host.data_dir"),
    ],
};

pub(super) const HOST: Schema = Schema {
    title: "[host]",
    built: &["data_dir", "listen", "drain_max", "instances_max", "counter_series_max", "dead_letters", "compile"],
    planned: &[],
};

pub(super) const DEV: Schema = Schema { title: "[dev]", built: &["build", "watch", "events", "keys"], planned: &[] };

pub(super) const LETTERS: Schema = Schema { title: "[host.dead_letters]", built: &["age_max", "bytes_max"], planned: &[] };

pub(super) const COMPILE: Schema = Schema { title: "[host.compile]", built: &["time_max", "memory_max", "cache_max"], planned: &[] };

pub(super) const STREAM: Schema = Schema {
    title: "[streams.NAME]",
    built: &["table", "arn", "region", "endpoint", "streams_endpoint", "profile", "role_arn", "window", "start", "on_gap"],
    planned: &[],
};

pub(super) const TARGET: Schema =
    Schema { title: "[targets.NAME]", built: &["table", "region", "endpoint", "profile", "role_arn"], planned: &[] };

pub(super) const MAILER: Schema =
    Schema { title: "[mailers.NAME]", built: &["url", "from", "tls", "ca", "username", "password", "rate_max"], planned: &[] };

pub(super) const PASSWORD: Schema = Schema { title: "[mailers.NAME.password]", built: &["env", "file"], planned: &[] };

pub(super) const TRIGGER: Schema = Schema {
    title: "[triggers.NAME]",
    built: &[
        "stream",
        "plugin",
        "sha256",
        "view",
        "attributes",
        "filters",
        "start",
        "parallelism",
        "paused",
        "instances",
        "batch",
        "retry",
        "limits",
        "grants",
        "allow_loop",
        "settings",
    ],
    planned: &[("on_gap", "remove it, and set on_gap in [streams.NAME], for all triggers of the stream")],
};

pub(super) const BATCH: Schema = Schema { title: "[triggers.NAME.batch]", built: &["records_max", "bytes_max", "window"], planned: &[] };

pub(super) const RETRY: Schema =
    Schema { title: "[triggers.NAME.retry]", built: &["attempts_max", "age_max", "backoff", "bisect", "then"], planned: &[] };

pub(super) const LIMITS: Schema = Schema { title: "[triggers.NAME.limits]", built: &["memory", "time"], planned: &[] };

pub(super) const INSTANCES: Schema =
    Schema { title: "[triggers.NAME.instances]", built: &["batches_max", "age_max", "memory_max", "idle_max"], planned: &[] };

pub(super) const GRANTS: Schema = Schema {
    title: "[triggers.NAME.grants]",
    built: &["counters", "state", "tables", "reads", "mailers", "metrics", "http"],
    planned: &[],
};

pub(super) const HTTP: Schema =
    Schema { title: "[[triggers.NAME.grants.http]]", built: &["url", "private", "ca", "headers"], planned: &[] };

pub(super) const HEADER: Schema = Schema { title: "[triggers.NAME.grants.http.headers]", built: &["env", "file", "prefix"], planned: &[] };

#[cfg(test)]
pub(super) const ALL: &[&Schema] = &[
    &ROOT, &DEV, &HOST, &LETTERS, &COMPILE, &STREAM, &TARGET, &MAILER, &PASSWORD, &TRIGGER, &BATCH, &RETRY, &LIMITS, &INSTANCES, &GRANTS,
    &HTTP, &HEADER,
];
