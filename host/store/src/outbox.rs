//! Mail that plugins have asked for.
//!
//! `outbox`: one row for each mail. `message_id`: unique, without angle brackets; a second mail with it is the same mail and
//! changes nothing. `recipients`: a JSON array. `status`: `pending`, then `sent` or `failed`. `attempts`: tries; one at a server
//! that was away is none. `not_before_ms`: no try before it. `last_error`: of the last try that failed. `accepted_ms`: of the commit.
//! `settled_ms`: when it was sent or given up.
//!
//! Invariant: a sent mail keeps its row, so that a replay is not sent again, but no body; rows go after 30 days. What failed
//! keeps everything until an operator has looked at it.

use std::fmt;

use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};
use tripline_core::effect::Mail;
use tripline_core::name::TriggerName;
use tripline_core::port::{Backlog, MailOutcome, QueuedMail};
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

impl MailStatus {
    pub const ALL: [Self; 3] = [Self::Pending, Self::Sent, Self::Failed];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }
}

/// Which mails to list.
#[derive(Clone, Debug, Default)]
pub struct MailFilter {
    pub mailer: Option<String>,
    pub status: Option<MailStatus>,
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

/// One mail, whole. The bodies of one that was sent are gone.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct MailContent {
    #[serde(flatten)]
    pub row: MailRow,
    pub to: Vec<String>,
    pub reply_to: Option<String>,
    pub subject: String,
    pub text: Option<String>,
    pub html: Option<String>,
}

impl fmt::Debug for MailContent {
    /// Without recipients and bodies: logs are no place for them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailContent").field("row", &self.row).finish_non_exhaustive()
    }
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
                "UPDATE outbox SET status = 'sent', attempts = attempts + 1, settled_ms = ?2, text_body = NULL, html_body = NULL, last_error = NULL
                 WHERE message_id = ?1 AND status = 'pending'",
            )?
            .execute(params![message_id, to_sql(at.as_ms())])?,
        MailOutcome::Later { not_before, reason } => connection
            .prepare_cached(
                "UPDATE outbox SET attempts = attempts + 1, not_before_ms = ?2, last_error = ?3
                 WHERE message_id = ?1 AND status = 'pending'",
            )?
            .execute(params![message_id, to_sql(not_before.as_ms()), reason])?,
        MailOutcome::Waits { reason } => connection
            .prepare_cached("UPDATE outbox SET last_error = ?2 WHERE message_id = ?1 AND status = 'pending'")?
            .execute(params![message_id, reason])?,
        MailOutcome::Failed { at, reason } => connection
            .prepare_cached(
                "UPDATE outbox SET status = 'failed', attempts = attempts + 1, settled_ms = ?2, last_error = ?3
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

pub(crate) fn pending(connection: &Connection, mailer: &str) -> rusqlite::Result<Backlog> {
    let mut pending =
        connection.prepare_cached("SELECT count(*), min(not_before_ms) FROM outbox WHERE status = 'pending' AND mailer = ?1")?;
    pending.query_row([mailer], |row| {
        let due: Option<i64> = row.get(1)?;
        Ok(Backlog { mails: from_sql(row.get(0)?), due: due.map(|ms| Timestamp::from_ms(from_sql(ms))) })
    })
}

/// A mail that failed is as new. False: it had not failed.
pub(crate) fn requeue(connection: &Connection, message_id: &str, now: Timestamp) -> rusqlite::Result<bool> {
    let mut requeue = connection.prepare_cached(
        "UPDATE outbox SET status = 'pending', attempts = 0, not_before_ms = ?2, settled_ms = NULL WHERE message_id = ?1 AND status = 'failed'",
    )?;
    Ok(requeue.execute(params![message_id, to_sql(now.as_ms())])? > 0)
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

const COLUMNS: &str = "message_id, trigger_name, mailer, status, attempts, not_before_ms, last_error, accepted_ms, settled_ms";

/// The newest first.
pub(crate) fn list(connection: &Connection, filter: &MailFilter, rows_max: usize) -> rusqlite::Result<Vec<MailRow>> {
    let sql =
        format!("SELECT {COLUMNS} FROM outbox WHERE (?1 IS NULL OR mailer = ?1) AND (?2 IS NULL OR status = ?2) ORDER BY id DESC LIMIT ?3");
    let mut all = connection.prepare_cached(&sql)?;
    let rows = all.query_map(params![filter.mailer, filter.status.map(MailStatus::as_str), limit(rows_max)], row)?;
    rows.collect()
}

/// The mails whose Message-ID begins with `prefix`, at most `rows_max`.
pub(crate) fn find(connection: &Connection, prefix: &str, rows_max: usize) -> rusqlite::Result<Vec<MailContent>> {
    let sql = format!(
        "SELECT {COLUMNS}, recipients, reply_to, subject, text_body, html_body FROM outbox
         WHERE substr(message_id, 1, length(?1)) = ?1 ORDER BY id LIMIT ?2"
    );
    let mut found = connection.prepare_cached(&sql)?;
    let rows = found.query_map(params![prefix, limit(rows_max)], |all| {
        let recipients: String = all.get(9)?;
        Ok(MailContent {
            row: row(all)?,
            to: serde_json::from_str(&recipients).map_err(|error| unreadable("recipients", error))?,
            reply_to: all.get(10)?,
            subject: all.get(11)?,
            text: all.get(12)?,
            html: all.get(13)?,
        })
    })?;
    rows.collect()
}

fn row(row: &Row<'_>) -> rusqlite::Result<MailRow> {
    let (status, settled): (String, Option<i64>) = (row.get(3)?, row.get(8)?);
    let known = MailStatus::ALL.into_iter().find(|known| known.as_str() == status);
    Ok(MailRow {
        message_id: row.get(0)?,
        trigger: row.get(1)?,
        mailer: row.get(2)?,
        status: known.ok_or_else(|| unreadable("status", status))?,
        attempts: row.get(4)?,
        not_before_ms: from_sql(row.get(5)?),
        last_error: row.get(6)?,
        accepted_ms: from_sql(row.get(7)?),
        settled_ms: settled.map(from_sql),
    })
}
