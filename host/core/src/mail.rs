//! When a mailer may try, and what becomes of a mail after a try.
//!
//! Invariant: tries begin no faster than the rate allows; a server that is away, or that turns the host itself away, costs
//! no mail an attempt, and is asked by one mail at a time until it takes one.
//! Knows nothing of SMTP: whoever speaks it says which kind of failure it met.

use std::time::Duration;

use crate::backoff::Backoff;
use crate::port::MailOutcome;
use crate::time::Timestamp;

/// Between two tries of one mail, and between two looks at a server that is away.
const RETRY: Backoff = Backoff { first: Duration::from_secs(1), max: Duration::from_secs(15 * 60) };
/// Where somebody has to act first. Slower, since servers lock out who comes with a wrong password again and again.
const BARRED_RETRY: Backoff = Backoff { first: Duration::from_secs(30), max: Duration::from_secs(15 * 60) };
/// About five days of trying, which RFC 5321 (4.5.4.1) asks for.
pub const ATTEMPTS_MAX: u32 = 500;

/// Why a try did not send its mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TryError {
    /// Nothing can be sent now, whichever mail it is: the server cannot be reached, or is not ready.
    Away(String),
    /// Nothing can be sent before somebody has acted: the server turns the host away, or is not to be trusted.
    Barred(String),
    /// This mail may pass later.
    Later(String),
    /// This mail never will.
    Refused(String),
}

/// What a try leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// For the outbox.
    pub outcome: MailOutcome,
    pub news: Option<News>,
}

/// What a try has told of the mailer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Nothing is tried until then. `barred`: somebody has to act.
    Away { until: Timestamp, barred: bool },
    /// It was away, and takes mail again.
    Back,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// So many tries may begin now; at least one.
    Begin(usize),
    /// None before then.
    Wait(Timestamp),
}

/// One mailer's tries.
#[derive(Clone, Debug)]
pub struct Dispatch {
    bucket: Option<Bucket>,
    away: Option<Away>,
}

#[derive(Clone, Copy, Debug)]
struct Away {
    failures: u32,
    until: Timestamp,
}

impl Dispatch {
    pub fn new(rate_max: Option<Rate>) -> Self {
        Self { bucket: rate_max.map(|rate| Bucket { rate, full_us: 0 }), away: None }
    }

    /// Takes nothing: `begin` does.
    pub fn permit(&self, now: Timestamp) -> Permit {
        let by_server = match &self.away {
            Some(away) if now < away.until => return Permit::Wait(away.until),
            Some(_) => 1,
            None => usize::MAX,
        };
        match &self.bucket {
            None => Permit::Begin(by_server),
            Some(bucket) => match bucket.tokens(now) {
                0 => Permit::Wait(bucket.next(now)),
                tokens => Permit::Begin(by_server.min(tokens)),
            },
        }
    }

    /// `tries` begin now: no more than `permit` has just allowed.
    pub fn begin(&mut self, now: Timestamp, tries: usize) {
        if let Some(bucket) = &mut self.bucket {
            bucket.take(now, tries);
        }
    }

    pub fn is_away(&self) -> bool {
        self.away.is_some()
    }

    /// `attempts`: those before this try that counted.
    pub fn tried(&mut self, at: Timestamp, attempts: u32, result: Result<(), TryError>, random: &mut fastrand::Rng) -> Tried {
        let attempts = attempts.saturating_add(1);
        let outcome = match result {
            Ok(()) => MailOutcome::Sent { at },
            Err(TryError::Refused(reason)) => MailOutcome::Failed { at, reason: reason.into() },
            Err(TryError::Later(reason)) if attempts >= ATTEMPTS_MAX => {
                MailOutcome::Failed { at, reason: format!("given up after {attempts} tries: {reason}").into() }
            }
            Err(TryError::Later(reason)) => MailOutcome::Later { not_before: at + RETRY.delay(attempts, random), reason: reason.into() },
            Err(TryError::Away(reason)) => return self.lost((at, reason), RETRY, random),
            Err(TryError::Barred(reason)) => return self.lost((at, reason), BARRED_RETRY, random),
        };
        // Whatever it said of the mail: the server has looked at it.
        Tried { outcome, news: self.away.take().map(|_| News::Back) }
    }

    fn lost(&mut self, (at, reason): (Timestamp, String), backoff: Backoff, random: &mut fastrand::Rng) -> Tried {
        let outcome = MailOutcome::Waits { reason: reason.into() };
        let failures = match self.away {
            // Tries that were under way together fail together: that is one failure.
            Some(away) if at < away.until => return Tried { outcome, news: None },
            Some(away) => away.failures.saturating_add(1),
            None => 1,
        };
        let until = at + backoff.delay(failures, random);
        self.away = Some(Away { failures, until });
        Tried { outcome, news: Some(News::Away { until, barred: backoff == BARRED_RETRY }) }
    }
}

/// So many mails in a time, spread evenly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    spacing_us: u64,
    /// Mails that may go at once after a rest: a tenth of a second's worth, which a clock of milliseconds needs.
    burst: u64,
}

impl Rate {
    /// None where it would be no mail, no time, or more than one for each microsecond.
    pub fn new(mails: u32, per: Duration) -> Option<Self> {
        let per_us = u64::try_from(per.as_micros()).ok()?;
        let spacing_us = per_us.checked_div(u64::from(mails)).filter(|spacing| *spacing > 0)?;
        Some(Self { spacing_us, burst: (100_000 / spacing_us).max(1) })
    }
}

/// A token bucket, kept as the time at which it would be full again.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    rate: Rate,
    full_us: u64,
}

impl Bucket {
    fn tokens(&self, now: Timestamp) -> usize {
        let missing = self.full_us.saturating_sub(micros(now)).div_ceil(self.rate.spacing_us);
        usize::try_from(self.rate.burst.saturating_sub(missing)).unwrap_or(usize::MAX)
    }

    /// When there is a token again.
    fn next(&self, now: Timestamp) -> Timestamp {
        let next_us = self.full_us.saturating_sub((self.rate.burst - 1) * self.rate.spacing_us);
        Timestamp::from_ms(next_us.div_ceil(1000)).max(now)
    }

    fn take(&mut self, now: Timestamp, tokens: usize) {
        let tokens = u64::try_from(tokens).unwrap_or(u64::MAX);
        let spent_us = tokens.saturating_mul(self.rate.spacing_us);
        self.full_us = self.full_us.max(micros(now)).saturating_add(spent_us);
    }
}

fn micros(time: Timestamp) -> u64 {
    time.as_ms().saturating_mul(1000)
}

#[cfg(test)]
#[path = "mail_tests.rs"]
mod tests;
