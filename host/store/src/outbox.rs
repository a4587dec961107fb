//! Mail that plugins have asked for.
//!
//! `outbox`: one row for each mail. `message_id`: unique, without angle brackets; a second mail with it is the same mail and
//! changes nothing. `recipients`: a JSON array. `status`: `pending`, then `sent` or `failed`. `attempts`: tries that ended in
//! "later". `not_before_ms`: no try before it. `last_error`: of the last try that failed. `accepted_ms`: of the commit.
//! `settled_ms`: when it was sent or given up.
//!
//! Invariant: a sent mail keeps its row, so that a replay is not sent again, but no body; rows go after 30 days. What failed
//! keeps everything until an operator has looked at it.

use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};
use tripline_core::effect::Mail;
use tripline_core::name::TriggerName;
use tripline_core::port::{MailOutcome, QueuedMail};
use tripline_core::time::Timestamp;

use crate::sql::{WriteError, from_sql, limit, to_sql, unreadable};

pub(crate) const CREATE: &str = "
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
";

const SENT_KEPT_MS: u64 = 30 * 24 * 60 * 60 * 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailStatus {
    Pending,
    Sent,
    Failed,
}

/// One mail, for people and scripts: without recipients and bodies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MailRow {
    pub message_id: String,
    pub trigger: String,
    pub mailer: String,
    pub status: MailStatus,
    pub attempts: u32,
    pub not_before_ms: u64,
    pub last_error: Option<String>,
    pub accepted_ms: u64,
    pub settled_ms: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OutboxSummary {
    pub mailer: String,
    pub pending: u64,
    pub sent: u64,
    pub failed: u64,
    pub oldest_pending_ms: Option<u64>,
}

/// False: the mail was accepted before.
pub(crate) fn accept(connection: &Connection, trigger: &TriggerName, mail: &Mail, now: Timestamp) -> rusqlite::Result<bool> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO outbox (message_id, trigger_name, mailer, recipients, reply_to, subject, text_body, html_body,
                             status, attempts, not_before_ms, accepted_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'pending', 0, ?9, ?9)
         ON CONFLICT (message_id) DO NOTHING",
    )?;
    let recipients = serde_json::to_string(&mail.to).map_err(|error| unreadable("recipients", error))?;
    let inserted = insert.execute(params![
        mail.message_id,
        trigger.as_str(),
        mail.mailer,
        recipients,
        mail.reply_to,
        mail.subject,
        mail.text,
        mail.html,
        to_sql(now.as_ms()),
    ])?;
    Ok(inserted > 0)
}

/// Settling what is settled changes nothing: the first word stands.
pub(crate) fn settle(connection: &Connection, message_id: &str, outcome: &MailOutcome) -> Result<(), WriteError> {
    let changed = match outcome {
        MailOutcome::Sent { at } => connection
            .prepare_cached(
                "UPDATE outbox SET status = 'sent', settled_ms = ?2, text_body = NULL, html_body = NULL, last_error = NULL
                 WHERE message_id = ?1 AND status = 'pending'",
            )?
            .execute(params![message_id, to_sql(at.as_ms())])?,
        MailOutcome::Later { not_before, reason } => connection
            .prepare_cached(
                "UPDATE outbox SET attempts = attempts + 1, not_before_ms = ?2, last_error = ?3
                 WHERE message_id = ?1 AND status = 'pending'",
            )?
            .execute(params![message_id, to_sql(not_before.as_ms()), reason])?,
        MailOutcome::Failed { at, reason } => connection
            .prepare_cached(
                "UPDATE outbox SET status = 'failed', settled_ms = ?2, last_error = ?3
                 WHERE message_id = ?1 AND status = 'pending'",
            )?
            .execute(params![message_id, to_sql(at.as_ms()), reason])?,
    };
    let known = changed > 0 || connection.prepare_cached("SELECT 1 FROM outbox WHERE message_id = ?1")?.exists([message_id])?;
    if known { Ok(()) } else { Err(WriteError::Refused(format!("no mail {message_id} in the outbox"))) }
}

pub(crate) fn due(connection: &Connection, mailer: &str, now: Timestamp, rows_max: usize) -> rusqlite::Result<Vec<QueuedMail>> {
    let mut due = connection.prepare_cached(
        "SELECT mailer, message_id, recipients, reply_to, subject, text_body, html_body, attempts FROM outbox
         WHERE status = 'pending' AND mailer = ?1 AND not_before_ms <= ?2 ORDER BY id LIMIT ?3",
    )?;
    let rows = due.query_map(params![mailer, to_sql(now.as_ms()), limit(rows_max)], queued)?;
    rows.collect()
}

fn queued(row: &Row<'_>) -> rusqlite::Result<QueuedMail> {
    let recipients: String = row.get(2)?;
    let mail = Mail {
        mailer: row.get(0)?,
        message_id: row.get(1)?,
        to: serde_json::from_str(&recipients).map_err(|error| unreadable("recipients", error))?,
        reply_to: row.get(3)?,
        subject: row.get(4)?,
        text: row.get(5)?,
        html: row.get(6)?,
    };
    Ok(QueuedMail { mail, attempts: row.get(7)? })
}

/// Removes at most `rows_max` rows of mails sent long ago and says how many.
pub(crate) fn purge(connection: &Connection, now: Timestamp, rows_max: usize) -> rusqlite::Result<usize> {
    let mut purge = connection
        .prepare_cached("DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE status = 'sent' AND settled_ms < ?1 LIMIT ?2)")?;
    purge.execute(params![to_sql(now.as_ms().saturating_sub(SENT_KEPT_MS)), limit(rows_max)])
}

pub(crate) fn summary(connection: &Connection) -> rusqlite::Result<Vec<OutboxSummary>> {
    let mut all = connection.prepare_cached(
        "SELECT mailer, sum(status = 'pending'), sum(status = 'sent'), sum(status = 'failed'), min(accepted_ms) FILTER (WHERE status = 'pending')
         FROM outbox GROUP BY mailer ORDER BY mailer",
    )?;
    let rows = all.query_map([], |row| {
        let oldest: Option<i64> = row.get(4)?;
        Ok(OutboxSummary {
            mailer: row.get(0)?,
            pending: from_sql(row.get(1)?),
            sent: from_sql(row.get(2)?),
            failed: from_sql(row.get(3)?),
            oldest_pending_ms: oldest.map(from_sql),
        })
    })?;
    rows.collect()
}

/// The newest first.
pub(crate) fn list(connection: &Connection, rows_max: usize) -> rusqlite::Result<Vec<MailRow>> {
    let mut all = connection.prepare_cached(
        "SELECT message_id, trigger_name, mailer, status, attempts, not_before_ms, last_error, accepted_ms, settled_ms
         FROM outbox ORDER BY id DESC LIMIT ?1",
    )?;
    let rows = all.query_map([limit(rows_max)], |row| {
        let (status, settled): (String, Option<i64>) = (row.get(3)?, row.get(8)?);
        Ok(MailRow {
            message_id: row.get(0)?,
            trigger: row.get(1)?,
            mailer: row.get(2)?,
            status: match status.as_str() {
                "pending" => MailStatus::Pending,
                "sent" => MailStatus::Sent,
                "failed" => MailStatus::Failed,
                other => return Err(unreadable("status", other)),
            },
            attempts: row.get(4)?,
            not_before_ms: from_sql(row.get(5)?),
            last_error: row.get(6)?,
            accepted_ms: from_sql(row.get(7)?),
            settled_ms: settled.map(from_sql),
        })
    })?;
    rows.collect()
}
