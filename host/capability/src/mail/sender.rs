//! Sends what the outbox holds: one loop for each mailer, so that a server that is away delays no other's mail.
//!
//! Invariant: a mail is tried again only after the outcome of the last try is in the outbox.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{join, join_all};
use futures_util::stream::{self, StreamExt};
use tokio::sync::watch;
use tripline_core::backoff::Backoff;
use tripline_core::port::{MailOutcome, Outbox, QueuedMail};
use tripline_core::signal::{MailResult, Signal, Signals};
use tripline_core::time::Timestamp;

use super::accept::Mailer;
use super::message;
use super::transport::SendError;

/// The time now.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

const RETRY: Backoff = Backoff { first: Duration::from_secs(1), max: Duration::from_secs(15 * 60) };
/// About five days of trying, which RFC 5321 (4.5.4.1) asks for.
const ATTEMPTS_MAX: u32 = 500;
/// A store that fails is asked again.
const STORE_RETRY: Backoff = Backoff { first: Duration::from_millis(200), max: Duration::from_secs(10) };
/// Without news of mail, how often the outbox is looked at: for what a former run has put off.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Mails taken from the outbox at a time, and sent at once.
const BATCH_MAX: usize = 64;
const CONNECTIONS_MAX: usize = 4;

pub struct Sender {
    pub mailers: Vec<Arc<Mailer>>,
    pub outbox: Arc<dyn Outbox>,
    pub signals: Arc<dyn Signals>,
    pub clock: Clock,
    /// Changes when the outbox has new mail.
    pub accepted: watch::Receiver<u64>,
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("mailers", &self.mailers).finish_non_exhaustive()
    }
}

/// One mailer's loop.
struct Loop<'a> {
    sender: &'a Sender,
    mailer: &'a Mailer,
    accepted: watch::Receiver<u64>,
    stopped: watch::Receiver<bool>,
    random: fastrand::Rng,
    /// Tries in a row that did not get through to the server.
    unreachable: u32,
    /// Nobody tells of new mail any more: the clock has to do.
    deaf: bool,
    /// The earliest time at which a mail that was put off is due.
    next_due: Option<Timestamp>,
}

impl Sender {
    /// Until `stop` resolves: then no mail is begun, and those under way are brought to their end.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        let (halt, stopped) = watch::channel(false);
        let loops = self.mailers.iter().map(|mailer| {
            let one = Loop {
                sender: &self,
                mailer,
                accepted: self.accepted.clone(),
                stopped: stopped.clone(),
                random: fastrand::Rng::with_seed((self.clock)().as_ms()),
                unreachable: 0,
                deaf: false,
                next_due: None,
            };
            one.run()
        });
        let stop = async {
            stop.await;
            halt.send_replace(true);
        };
        join(join_all(loops), stop).await;
    }
}

impl Loop<'_> {
    async fn run(mut self) {
        let mut faults = 0;
        while !*self.stopped.borrow() {
            // Before looking: what is accepted from here on wakes the wait below.
            self.accepted.mark_unchanged();
            let now = (self.sender.clock)();
            let pause = match self.sender.outbox.due(&self.mailer.name, now, BATCH_MAX).await {
                Ok(mails) if mails.is_empty() => {
                    faults = 0;
                    self.mailer.sink.rest().await;
                    self.idle(now).await;
                    continue;
                }
                Ok(mails) => {
                    faults = 0;
                    self.send_all(mails).await
                }
                Err(error) => {
                    faults += 1;
                    tracing::warn!(mailer = &*self.mailer.name, %error, "the outbox cannot be read");
                    Some(STORE_RETRY.delay(faults, &mut self.random))
                }
            };
            if let Some(pause) = pause {
                self.wait(pause).await;
            }
        }
        self.mailer.sink.rest().await;
    }

    /// Until there may be mail: told so, or by the clock.
    async fn idle(&mut self, now: Timestamp) {
        let wait = self.next_due.take().map_or(LOOK_EVERY, |due| due.since(now).min(LOOK_EVERY));
        tokio::select! {
            () = stopped(&mut self.stopped) => {}
            changed = self.accepted.changed(), if !self.deaf => self.deaf = changed.is_err(),
            () = tokio::time::sleep(wait) => {}
        }
    }

    /// Whatever comes in meanwhile.
    async fn wait(&mut self, pause: Duration) {
        tokio::select! {
            () = stopped(&mut self.stopped) => {}
            () = tokio::time::sleep(pause) => {}
        }
    }

    /// Some: the server is away, and nothing is tried before then.
    async fn send_all(&mut self, mails: Vec<QueuedMail>) -> Option<Duration> {
        let away = AtomicBool::new(false);
        let due = {
            let seeded: Vec<_> = mails.into_iter().map(|queued| (queued, self.random.fork())).collect();
            let (this, away) = (&*self, &away);
            let sends = seeded.into_iter().map(|(queued, mut random)| async move {
                if away.load(Ordering::Relaxed) || *this.stopped.borrow() {
                    return None;
                }
                this.send(queued, &mut random, away).await
            });
            stream::iter(sends)
                .buffer_unordered(CONNECTIONS_MAX)
                .fold(None, async |first, due| earlier(first, due))
                .await
        };
        self.next_due = earlier(self.next_due, due);
        if !away.into_inner() {
            self.unreachable = 0;
            return None;
        }
        self.unreachable += 1;
        Some(RETRY.delay(self.unreachable, &mut self.random))
    }

    /// One try, and its outcome in the outbox. Returns when the mail is due again.
    async fn send(&self, queued: QueuedMail, random: &mut fastrand::Rng, away: &AtomicBool) -> Option<Timestamp> {
        let QueuedMail { mail, attempts } = queued;
        let clock = &self.sender.clock;
        let result = match message::build(&mail, &self.mailer.from, clock()) {
            Ok(message) => self.mailer.sink.send(&mail.message_id, message.envelope(), &message.formatted()).await,
            Err(reason) => Err(SendError::Refused(reason)),
        };
        let attempts = attempts.saturating_add(1);
        let at = clock();
        let (outcome, result, reason) = match result {
            Ok(()) => (MailOutcome::Sent { at }, MailResult::Sent, None),
            Err(SendError::Later(reason) | SendError::Unreachable(reason)) if attempts >= ATTEMPTS_MAX => {
                let reason: Box<str> = format!("given up after {attempts} tries: {reason}").into();
                (MailOutcome::Failed { at, reason: reason.clone() }, MailResult::Failed, Some(reason))
            }
            Err(error @ (SendError::Later(_) | SendError::Unreachable(_))) => {
                let (SendError::Later(reason) | SendError::Unreachable(reason) | SendError::Refused(reason)) = &error;
                let reason: Box<str> = reason.as_str().into();
                if matches!(error, SendError::Unreachable(_)) {
                    away.store(true, Ordering::Relaxed);
                }
                let not_before = at + RETRY.delay(attempts, random);
                (MailOutcome::Later { not_before, reason: reason.clone() }, MailResult::Later, Some(reason))
            }
            Err(SendError::Refused(reason)) => {
                let reason: Box<str> = reason.into();
                (MailOutcome::Failed { at, reason: reason.clone() }, MailResult::Failed, Some(reason))
            }
        };
        let due = match &outcome {
            MailOutcome::Later { not_before, .. } => Some(*not_before),
            MailOutcome::Sent { .. } | MailOutcome::Failed { .. } => None,
        };
        self.settle(&mail.message_id, outcome, random).await;
        let (mailer, message_id) = (&*self.mailer.name, &*mail.message_id);
        self.sender.signals.emit(Signal::MailSettled {
            mailer,
            message_id,
            result,
            reason: reason.as_deref().map(without_addresses).as_deref(),
        });
        due
    }

    /// Until the outbox has it: a mail that was sent and is still pending there would be sent again.
    async fn settle(&self, message_id: &str, outcome: MailOutcome, random: &mut fastrand::Rng) {
        let mut stopped_too = self.stopped.clone();
        let mut faults = 0;
        while let Err(error) = self.sender.outbox.settle(message_id.into(), outcome.clone()).await {
            faults += 1;
            tracing::warn!(mailer = &*self.mailer.name, message_id, %error, "the outcome of a mail cannot be kept yet");
            tokio::select! {
                () = stopped(&mut stopped_too) => return,
                () = tokio::time::sleep(STORE_RETRY.delay(faults, random)) => {}
            }
        }
    }
}

fn earlier(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    a.into_iter().chain(b).min()
}

async fn stopped(stopped: &mut watch::Receiver<bool>) {
    // An error means that the sender's `run` itself is gone.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Servers repeat the recipient in their replies; the outbox may know it, a log may not.
fn without_addresses(reply: &str) -> String {
    let words = reply.split(' ').map(|word| if word.contains('@') { "(address)" } else { word });
    words.collect::<Vec<_>>().join(" ")
}
