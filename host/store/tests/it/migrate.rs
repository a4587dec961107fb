//! Files of earlier schemas, as their statements were released: they open, and nothing that stood in them is lost.

use std::sync::Arc;

use tripline_core::letter::Letters;
use tripline_core::name::TriggerName;
use tripline_core::port::{StateReader, Store};
use tripline_core::signal::Silence;
use tripline_core::time::Timestamp;
use tripline_store::{SqliteReader, SqliteStore};

/// Migration 1, word for word: the test must not follow the code.
const FIRST: &str = "
CREATE TABLE checkpoints (
    id           INTEGER PRIMARY KEY,
    trigger_name TEXT    NOT NULL,
    stream_arn   TEXT    NOT NULL,
    shard_id     TEXT    NOT NULL,
    watermark    TEXT,
    finished     INTEGER NOT NULL CHECK (finished IN (0, 1)),
    updated_ms   INTEGER NOT NULL,
    UNIQUE (stream_arn, trigger_name, shard_id)
) STRICT;
CREATE TABLE acknowledged (
    checkpoint_id   INTEGER NOT NULL REFERENCES checkpoints (id),
    sequence_number TEXT    NOT NULL,
    PRIMARY KEY (checkpoint_id, sequence_number)
) STRICT, WITHOUT ROWID;
CREATE TABLE counters (
    trigger_name TEXT NOT NULL,
    name         TEXT NOT NULL,
    labels       TEXT NOT NULL CHECK (json_valid(labels)),
    value        TEXT NOT NULL,
    PRIMARY KEY (trigger_name, name, labels)
) STRICT, WITHOUT ROWID;
CREATE TABLE state (
    trigger_name TEXT NOT NULL,
    key          TEXT NOT NULL,
    value        BLOB NOT NULL,
    expires_ms   INTEGER,
    PRIMARY KEY (trigger_name, key)
) STRICT;
CREATE INDEX state_expiring ON state (expires_ms) WHERE expires_ms IS NOT NULL;
CREATE TABLE outbox (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id    TEXT    NOT NULL UNIQUE,
    trigger_name  TEXT    NOT NULL,
    mailer        TEXT    NOT NULL,
    recipients    TEXT    NOT NULL CHECK (json_valid(recipients)),
    reply_to      TEXT,
    subject       TEXT    NOT NULL,
    text_body     TEXT,
    html_body     TEXT,
    status        TEXT    NOT NULL CHECK (status IN ('pending', 'sent', 'failed')),
    attempts      INTEGER NOT NULL,
    not_before_ms INTEGER NOT NULL,
    last_error    TEXT,
    accepted_ms   INTEGER NOT NULL,
    settled_ms    INTEGER
) STRICT;
CREATE INDEX outbox_pending ON outbox (mailer, id) WHERE status = 'pending';
CREATE INDEX outbox_sent ON outbox (settled_ms) WHERE status = 'sent';
CREATE TABLE dead_letters (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    trigger_name     TEXT    NOT NULL,
    stream_arn       TEXT    NOT NULL,
    shard_id         TEXT    NOT NULL,
    event_id         TEXT    NOT NULL,
    sequence_number  TEXT    NOT NULL,
    record_json      TEXT    NOT NULL,
    reason           TEXT    NOT NULL,
    backtrace        TEXT,
    attempts         INTEGER NOT NULL,
    plugin_version   TEXT    NOT NULL,
    first_attempt_ms INTEGER NOT NULL,
    last_attempt_ms  INTEGER NOT NULL,
    created_ms       INTEGER NOT NULL
) STRICT;
PRAGMA user_version = 1;
";

/// Migration 2, word for word.
const SECOND: &str = "
ALTER TABLE checkpoints ADD COLUMN complete_until_ms INTEGER;
CREATE INDEX checkpoints_of_trigger ON checkpoints (trigger_name, stream_arn);
CREATE INDEX checkpoints_finished ON checkpoints (updated_ms) WHERE finished = 1;
CREATE INDEX checkpoints_unfinished ON checkpoints (stream_arn, trigger_name) WHERE finished = 0;
CREATE TABLE pins (
    trigger_name TEXT    PRIMARY KEY,
    stream_arn   TEXT    NOT NULL,
    since_ms     INTEGER,
    over         INTEGER NOT NULL CHECK (over IN (0, 1)),
    complete_until_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE gaps (
    id           INTEGER PRIMARY KEY,
    trigger_name TEXT    NOT NULL,
    stream_arn   TEXT    NOT NULL,
    shard_id     TEXT,
    after        TEXT,
    since_ms     INTEGER,
    until_ms     INTEGER NOT NULL,
    cause        TEXT    NOT NULL,
    told_ms      INTEGER NOT NULL
) STRICT;
CREATE INDEX gaps_of_stream ON gaps (stream_arn);
PRAGMA user_version = 2;
";

const ROWS: &str = r#"
INSERT INTO checkpoints VALUES (1, 't', 'arn/1', 'a', '0007', 0, 5), (2, 't', 'arn/1', 'b', NULL, 1, 6), (3, 'u', 'arn/1', 'a', '9', 0, 7);
INSERT INTO acknowledged VALUES (1, '0009'), (1, '0012');
INSERT INTO counters VALUES ('t', 'n', '{}', '2.50');
INSERT INTO state VALUES ('t', 'k', x'76', NULL);
INSERT INTO outbox VALUES (3, 'm@x', 't', 'office', '["a@b.example"]', NULL, 's', 'text', NULL, 'pending', 1, 5, 'away', 4, NULL);
INSERT INTO dead_letters VALUES (4, 't', 'arn/1', 'a', 'e', '8', '{}', 'no such plan', NULL, 5, 'v', 1, 2, 3);
"#;

#[tokio::test]
async fn files_of_earlier_schemas_keep_everything() {
    check(1, &[FIRST, ROWS]).await;
    check(2, &[FIRST, ROWS, SECOND]).await;
}

async fn check(version: u32, statements: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let raw = rusqlite::Connection::open(dir.path().join("tripline.db")).unwrap();
    for statement in statements {
        raw.execute_batch(statement).unwrap();
    }
    drop(raw);
    let error = SqliteReader::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains(&format!("its schema is {version}")) && error.contains("start the host once"), "{error}");

    let (store, threads) = SqliteStore::open(dir.path(), Arc::new(Silence)).unwrap();
    let ways = store.ways(&["t".into(), "u".into()]).await.unwrap();
    let shown = |way: &tripline_core::port::StoredWay| {
        let line = |stored: &tripline_core::port::StoredCheckpoint| {
            let checkpoint = &stored.checkpoint;
            let mark = checkpoint.watermark.as_ref().map_or("-".to_owned(), ToString::to_string);
            let above: Vec<_> = checkpoint.acknowledged.shown().collect();
            assert_eq!(checkpoint.complete_until, None);
            format!(
                "{} {} {mark}{{{}}}{}",
                stored.stream,
                stored.shard,
                above.join(" "),
                if checkpoint.finished { " finished" } else { "" }
            )
        };
        assert_eq!(way.pin, None);
        format!("{}: {}", way.trigger, way.checkpoints.iter().map(line).collect::<Vec<_>>().join(", "))
    };
    assert_eq!(ways.iter().map(shown).collect::<Vec<_>>(), ["t: arn/1 a 0007{0009 0012}, arn/1 b -{} finished", "u: arn/1 a 9{}"]);
    let reader = SqliteReader::open(dir.path()).unwrap();
    assert_eq!(reader.counters().unwrap()[0].value, "2.50");
    assert_eq!(reader.state(Some(&TriggerName::from("t")), 9).unwrap()[0].value, b"v");
    let entry = store.get(&"t".into(), vec!["k".into()], Timestamp::from_ms(1)).await.unwrap().remove(0).unwrap();
    assert_eq!((entry.value.as_slice(), entry.version), (&b"v"[..], 0));
    let letter = reader.dead_letter(4).unwrap().unwrap();
    assert_eq!((&*letter.reason, letter.size_bytes, letter.redrive_ms, letter.redrives), ("no such plan", 270, None, 0));
    let kept = store.sweep(None, Timestamp::from_ms(1)).await.unwrap().kept;
    assert_eq!((kept.letters, kept.bytes, kept.oldest), (vec![("t".into(), 1)], 270, Some(Timestamp::from_ms(3))));
    assert_eq!(reader.mails(9).unwrap()[0].message_id, "m@x");
    assert!(reader.gaps(None, 9).unwrap().is_empty());
    drop(store);
    threads.join().unwrap();
}
