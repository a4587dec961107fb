//! One transaction for many commits: each is applied whole or refused alone, and all become durable together.
//!
//! Invariant: between `transaction` calls the caches hold only what the disk has, and no transaction is open. A commit that
//! is refused leaves no trace; when SQLite fails, none of the transaction's commits does.
//! Knows nothing of threads or channels.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, ErrorCode};
use tripline_core::checkpoint::Checkpoint;
use tripline_core::decimal::Decimal;
use tripline_core::effect::{CounterKey, Mutation};
use tripline_core::name::TriggerName;
use tripline_core::port::{Commit, MailOutcome, PinCommit};
use tripline_core::start::Repin;
use tripline_core::time::Timestamp;

use crate::cache::Cache;
use crate::checkpoint::{self, Place};
use crate::counter::{self, CounterId};
use crate::sql::WriteError;
use crate::{dead_letter, gap, outbox, pin, state};

/// How often expired state, old mail and old checkpoints are looked for.
const PURGE_EVERY_MS: u64 = 60_000;
/// So much at a time, so that commits need not wait long.
const PURGE_ROWS_MAX: usize = 1_000;

#[derive(Debug)]
pub(crate) enum Write {
    Commit(Commit),
    /// All of them, or none.
    Pin(Vec<PinCommit>),
    Settle {
        message_id: Box<str>,
        outcome: MailOutcome,
    },
    /// Mails that failed are tried again.
    Requeue {
        message_ids: Vec<Box<str>>,
        now: Timestamp,
    },
}

/// Mails that were new to the outbox, by mailer.
pub(crate) type Mails = BTreeMap<Box<str>, usize>;

#[derive(Debug)]
pub(crate) struct Ledger {
    connection: Connection,
    counters: Cache<CounterId, Decimal>,
    checkpoints: Cache<Place, Checkpoint>,
    /// Mails that the transaction under way has put into the outbox.
    mails: Mails,
    /// The latest time that a write has named; none yet: nothing to purge by.
    now: Option<Timestamp>,
    purged: Option<Timestamp>,
}

impl Ledger {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection, counters: Cache::new(), checkpoints: Cache::new(), mails: Mails::new(), now: None, purged: None }
    }

    /// Runs `body` in a transaction and commits it. Returns the mails accepted. On an error nothing has happened.
    pub(crate) fn transaction(&mut self, body: impl FnOnce(&mut Self) -> Result<(), rusqlite::Error>) -> Result<Mails, rusqlite::Error> {
        self.mails.clear();
        let result = self.execute("BEGIN IMMEDIATE").and_then(|()| body(self)).and_then(|()| self.finish());
        match result {
            Ok(()) => {
                self.counters.settle();
                self.checkpoints.settle();
                Ok(std::mem::take(&mut self.mails))
            }
            Err(error) => {
                self.abandon();
                Err(error)
            }
        }
    }

    /// Only within `transaction`. `Refused`: this write alone was undone; `Sqlite`: the transaction cannot go on.
    pub(crate) fn apply(&mut self, write: Write) -> Result<(), WriteError> {
        self.execute("SAVEPOINT one")?;
        let applied = match write {
            Write::Commit(commit) => self.commit(commit),
            Write::Pin(pins) => self.pin(pins),
            Write::Settle { message_id, outcome } => self.settle(&message_id, &outcome),
            Write::Requeue { message_ids, now } => self.requeue(&message_ids, now),
        };
        match applied.map_err(|error| self.blame(error)) {
            Ok(mails) => {
                self.execute("RELEASE one")?;
                self.counters.keep();
                self.checkpoints.keep();
                for (mailer, count) in mails {
                    *self.mails.entry(mailer).or_default() += count;
                }
                Ok(())
            }
            Err(WriteError::Refused(reason)) => {
                self.execute("ROLLBACK TO one")?;
                self.execute("RELEASE one")?;
                self.counters.discard();
                self.checkpoints.discard();
                Err(WriteError::Refused(reason))
            }
            Err(error) => Err(error),
        }
    }

    /// A value that SQLite will not take, or a row of this trigger's that cannot be read, is the write's own fault, as long as
    /// the transaction stands.
    fn blame(&self, error: WriteError) -> WriteError {
        match error {
            WriteError::Sqlite(error) if !self.connection.is_autocommit() => match error.sqlite_error_code() {
                None | Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch) => {
                    WriteError::Refused(error.to_string())
                }
                _ => WriteError::Sqlite(error),
            },
            other => other,
        }
    }

    fn commit(&mut self, commit: Commit) -> Result<Mails, WriteError> {
        let Commit { trigger, stream, shard, checkpoint, mutations, dead_letters, gaps, now } = commit;
        self.saw(now);
        let (deltas, mails) = self.mutate(&trigger, mutations, now)?;
        for (counter, delta) in deltas {
            let id = (trigger.clone(), counter);
            let sum = match self.counters.get(&id) {
                Some(value) => counter::sum(&id, value, &delta)?,
                None => counter::sum(&id, &counter::load(&self.connection, &id)?, &delta)?,
            };
            self.counters.stage(id, sum);
        }
        let place = Place { trigger, stream, shard };
        for letter in &dead_letters {
            dead_letter::insert(&self.connection, &place, letter, now)?;
        }
        for gap in &gaps {
            gap::insert(&self.connection, (&place.trigger, &place.stream), gap, now)?;
        }
        let loaded;
        let old = match self.checkpoints.get(&place) {
            Some(old) => old,
            None => {
                loaded = checkpoint::load(&self.connection, &place)?.unwrap_or_default();
                &loaded
            }
        };
        let saved = checkpoint::save(&self.connection, &place, (old, checkpoint), now)?;
        self.checkpoints.stage(place, saved);
        Ok(mails)
    }

    fn pin(&mut self, pins: Vec<PinCommit>) -> Result<Mails, WriteError> {
        for PinCommit { trigger, repin, now } in pins {
            self.saw(now);
            let Repin { pin, finished, gap, .. } = repin;
            pin::save(&self.connection, &trigger, &pin)?;
            if let Some((stream, gap)) = &gap {
                gap::insert(&self.connection, (&trigger, stream), gap, now)?;
            }
            for shard in finished {
                let place = Place { trigger: trigger.clone(), stream: pin.stream.clone(), shard };
                let old = match self.checkpoints.get(&place) {
                    Some(old) => old.clone(),
                    None => checkpoint::load(&self.connection, &place)?.unwrap_or_default(),
                };
                let saved = checkpoint::save(&self.connection, &place, (&old, Checkpoint { finished: true, ..old.clone() }), now)?;
                self.checkpoints.stage(place, saved);
            }
            let gone = checkpoint::leave_older(&self.connection, &trigger, &pin.stream)?;
            self.forget(gone);
        }
        Ok(Mails::new())
    }

    /// The disk has no rows of these places any more.
    fn forget(&mut self, gone: Vec<Place>) {
        for place in gone {
            if self.checkpoints.get(&place).is_some() {
                self.checkpoints.stage(place, Checkpoint::default());
            }
        }
    }

    /// Writes state and mail in their order, and sums up the counters: they commute. Returns the sums and the mails that are new.
    fn mutate(
        &self,
        trigger: &TriggerName,
        mutations: Vec<Mutation>,
        now: Timestamp,
    ) -> rusqlite::Result<(HashMap<CounterKey, Decimal>, Mails)> {
        let mut deltas: HashMap<CounterKey, Decimal> = HashMap::new();
        let mut mails = Mails::new();
        for mutation in mutations {
            match mutation {
                Mutation::AddCounter { counter, delta } => *deltas.entry(counter).or_default() += &delta,
                Mutation::SetState { key, value, expires_ms } => {
                    state::set(&self.connection, trigger, &state::Entry { key: &key, value: &value, expires_ms })?;
                }
                Mutation::DeleteState { key } => state::delete(&self.connection, trigger, &key)?,
                Mutation::SendMail(mail) => {
                    if outbox::accept(&self.connection, trigger, &mail, now)? {
                        *mails.entry(mail.mailer).or_default() += 1;
                    }
                }
            }
        }
        Ok((deltas, mails))
    }

    fn settle(&mut self, message_id: &str, outcome: &MailOutcome) -> Result<Mails, WriteError> {
        if let MailOutcome::Sent { at } | MailOutcome::Failed { at, .. } = outcome {
            self.saw(*at);
        }
        outbox::settle(&self.connection, message_id, outcome)?;
        Ok(Mails::new())
    }

    fn requeue(&mut self, message_ids: &[Box<str>], now: Timestamp) -> Result<Mails, WriteError> {
        self.saw(now);
        for message_id in message_ids {
            if !outbox::requeue(&self.connection, message_id, now)? {
                return Err(WriteError::Refused(format!("mail {message_id} has not failed: only what failed is tried again")));
            }
        }
        Ok(Mails::new())
    }

    /// Removes some of what has expired, when it is time for it.
    pub(crate) fn purge(&mut self) -> Result<(), rusqlite::Error> {
        let Some(now) = self.now else { return Ok(()) };
        let due = self.purged.is_none_or(|last| now.as_ms() >= last.as_ms().saturating_add(PURGE_EVERY_MS));
        if !due {
            return Ok(());
        }
        let mut more = false;
        self.transaction(|ledger| {
            more |= state::purge(&ledger.connection, now, PURGE_ROWS_MAX)? == PURGE_ROWS_MAX;
            more |= outbox::purge(&ledger.connection, now, PURGE_ROWS_MAX)? == PURGE_ROWS_MAX;
            let gone = checkpoint::prune(&ledger.connection, now, PURGE_ROWS_MAX)?;
            more |= gone.len() == PURGE_ROWS_MAX;
            ledger.forget(gone);
            ledger.checkpoints.keep();
            Ok(())
        })?;
        if !more {
            self.purged = Some(now);
        }
        Ok(())
    }

    /// Moves the write-ahead log into the file, which is then whole by itself: for a copy, and for whoever opens it next.
    pub(crate) fn close(self) {
        let moved = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
        if !matches!(moved, Ok(0)) {
            // Nothing is lost: the log stays beside the file, and the next opening reads both.
            tracing::warn!(?moved, "tripline.db: the write-ahead log could not be moved into the file; keep tripline.db-wal with it");
        }
    }

    fn saw(&mut self, now: Timestamp) {
        self.now = self.now.max(Some(now));
    }

    fn finish(&mut self) -> rusqlite::Result<()> {
        for (id, value) in self.counters.pending() {
            counter::save(&self.connection, id, value)?;
        }
        self.execute("COMMIT")
    }

    fn abandon(&mut self) {
        self.counters.forget();
        self.checkpoints.forget();
        if !self.connection.is_autocommit()
            && let Err(error) = self.execute("ROLLBACK")
        {
            // The next BEGIN fails on it and says so to whoever waits.
            tracing::warn!(%error, "tripline.db: a failed transaction could not be rolled back");
        }
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(|_| ())
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
