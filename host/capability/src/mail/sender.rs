//! Sends what the outbox holds: one loop for each mailer, so that a server that is away delays no other's mail.
//!
//! Invariant: a mail is tried again only after the outcome of the last try is in the outbox. Which mail may be tried when, and
//! what becomes of it, is decided in `core::mail`.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{join, join_all};
use futures_util::stream::{self, StreamExt};
use tokio::sync::watch;
use tokio::time::Instant;
use tripline_core::backoff::Backoff;
use tripline_core::limits::{REASON_BYTES_MAX, cut};
use tripline_core::mail::{Dispatch, News, Permit, TryError};
use tripline_core::port::{Backlog, MailOutcome, Outbox, QueuedMail, StoreError};
use tripline_core::signal::{MailResult, Signal, Signals};
use tripline_core::time::Timestamp;

use super::accept::Mailer;
use super::message;

/// The time now.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A store that fails is asked again.
const STORE_RETRY: Backoff = Backoff { first: Duration::from_millis(200), max: Duration::from_secs(10) };
/// Without news of mail, how often the outbox is looked at: for what a former run has put off. Connections rest after it.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// How often it is said how many mails wait, while there is much to do.
const COUNT_EVERY: Duration = Duration::from_secs(1);
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
    dispatch: Mutex<Dispatch>,
    accepted: watch::Receiver<u64>,
    stopped: watch::Receiver<bool>,
    random: fastrand::Rng,
    /// Nobody tells of new mail any more: the clock has to do.
    deaf: bool,
    /// What was last known of the outbox, and when.
    counted: Option<(Instant, Backlog)>,
}

impl Sender {
    /// Until `stop` resolves: then no mail is begun, and those under way are brought to their end.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        let (halt, stopped) = watch::channel(false);
        let loops = self.mailers.iter().map(|mailer| {
            let one = Loop {
                sender: &self,
                mailer,
                dispatch: Mutex::new(Dispatch::new(mailer.rate_max)),
                accepted: self.accepted.clone(),
                stopped: stopped.clone(),
                random: fastrand::Rng::with_seed((self.clock)().as_ms()),
                deaf: false,
                counted: None,
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
            let permit = self.dispatch().permit(now);
            let begin_max = match permit {
                Permit::Begin(tries) => tries.min(BATCH_MAX),
                Permit::Wait(until) => {
                    self.pause(until.since(now)).await;
                    continue;
                }
            };
            let looked = match self.sender.outbox.due(&self.mailer.name, now, begin_max).await {
                Ok(mails) => self.count(mails.is_empty()).await.map(|backlog| (mails, backlog)),
                Err(error) => Err(error),
            };
            match looked {
                Ok((mails, backlog)) if mails.is_empty() => self.idle(now, backlog.due).await,
                Ok((mails, _)) => {
                    self.dispatch().begin(now, mails.len());
                    self.send_all(mails).await;
                }
                Err(error) => {
                    faults += 1;
                    tracing::warn!(mailer = &*self.mailer.name, %error, "the outbox cannot be read");
                    let pause = STORE_RETRY.delay(faults, &mut self.random);
                    self.wait(pause).await;
                    continue;
                }
            }
            faults = 0;
        }
        self.mailer.sink.rest().await;
    }

    fn dispatch(&self) -> MutexGuard<'_, Dispatch> {
        self.dispatch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says how many mails wait: when there is nothing to do, and now and then.
    async fn count(&mut self, idle: bool) -> Result<Backlog, StoreError> {
        if let Some((_, backlog)) = self.counted.filter(|(counted, _)| !idle && counted.elapsed() < COUNT_EVERY) {
            return Ok(backlog);
        }
        let mailer = &*self.mailer.name;
        let backlog = self.sender.outbox.pending(mailer).await?;
        self.sender.signals.emit(Signal::MailsPending { mailer, mails: backlog.mails });
        self.counted = Some((Instant::now(), backlog));
        Ok(backlog)
    }

    /// Until there may be mail: told so, or by the clock.
    async fn idle(&mut self, now: Timestamp, due: Option<Timestamp>) {
        // What was accepted since the look is told by `accepted`.
        let wait = due.filter(|due| *due > now).map_or(LOOK_EVERY, |due| due.since(now).min(LOOK_EVERY));
        tokio::select! {
            () = stopped(&mut self.stopped) => {}
            changed = self.accepted.changed(), if !self.deaf => self.deaf = changed.is_err(),
            () = tokio::time::sleep(wait) => {
                if wait >= LOOK_EVERY {
                    self.mailer.sink.rest().await;
                }
            }
        }
    }

    /// Nothing may be tried for so long.
    async fn pause(&mut self, pause: Duration) {
        if pause >= LOOK_EVERY {
            self.mailer.sink.rest().await;
        }
        // Looked at again in between, so that what waits is counted.
        tokio::select! {
            () = stopped(&mut self.stopped) => {}
            changed = self.accepted.changed(), if !self.deaf => self.deaf = changed.is_err(),
            () = tokio::time::sleep(pause.min(LOOK_EVERY)) => {}
        }
        if let Err(error) = self.count(false).await {
            tracing::warn!(mailer = &*self.mailer.name, %error, "the outbox cannot be read");
        }
    }

    /// Whatever comes in meanwhile.
    async fn wait(&mut self, pause: Duration) {
        tokio::select! {
            () = stopped(&mut self.stopped) => {}
            () = tokio::time::sleep(pause) => {}
        }
    }

    /// Until all have their outcome; where the server turns out to be away, those not yet begun are left alone.
    async fn send_all(&mut self, mails: Vec<QueuedMail>) {
        let probing = self.dispatch().is_away();
        let seeded: Vec<_> = mails.into_iter().map(|queued| (queued, self.random.fork())).collect();
        let this = &*self;
        let sends = seeded.into_iter().map(|(queued, mut random)| async move {
            if !*this.stopped.borrow() && (probing || !this.dispatch().is_away()) {
                this.send(queued, &mut random).await;
            }
        });
        stream::iter(sends).buffer_unordered(CONNECTIONS_MAX).collect::<()>().await;
    }

    /// One try, and its outcome in the outbox.
    async fn send(&self, queued: QueuedMail, random: &mut fastrand::Rng) {
        let QueuedMail { mail, attempts } = queued;
        let clock = &self.sender.clock;
        let result = match message::build(&mail, &self.mailer.from, clock()) {
            Ok(message) => self.mailer.sink.send(&mail.message_id, message.envelope(), &message.formatted()).await,
            Err(reason) => Err(TryError::Refused(reason)),
        };
        let at = clock();
        let tried = self.dispatch().tried(at, attempts, result.map_err(shorter), random);
        self.settle(&mail.message_id, tried.outcome.clone(), random).await;
        self.tell(at, &mail.message_id, &tried.outcome, tried.news);
    }

    fn tell(&self, at: Timestamp, message_id: &str, outcome: &MailOutcome, news: Option<News>) {
        let (signals, mailer) = (&self.sender.signals, &*self.mailer.name);
        let (result, reason) = match outcome {
            MailOutcome::Sent { .. } => (Some(MailResult::Sent), None),
            MailOutcome::Later { reason, .. } => (Some(MailResult::Later), Some(reason)),
            MailOutcome::Failed { reason, .. } => (Some(MailResult::Failed), Some(reason)),
            MailOutcome::Waits { reason } => (None, Some(reason)),
        };
        let reason = reason.map(|reason| without_addresses(reason));
        if let Some(result) = result {
            signals.emit(Signal::MailSettled { mailer, message_id, result, reason: reason.as_deref() });
        }
        match news {
            Some(News::Away { until, barred }) => {
                signals.emit(Signal::MailerAway {
                    mailer,
                    barred,
                    pause: Some(until.since(at)),
                    reason: reason.as_deref().unwrap_or_default(),
                });
            }
            Some(News::Back) => signals.emit(Signal::MailerBack { mailer }),
            None => {}
        }
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

async fn stopped(stopped: &mut watch::Receiver<bool>) {
    // An error means that the sender's `run` itself is gone.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// A server may talk at length.
fn shorter(error: TryError) -> TryError {
    let short = |reason: String| cut(&reason, REASON_BYTES_MAX).to_owned();
    match error {
        TryError::Away(reason) => TryError::Away(short(reason)),
        TryError::Barred(reason) => TryError::Barred(short(reason)),
        TryError::Later(reason) => TryError::Later(short(reason)),
        TryError::Refused(reason) => TryError::Refused(short(reason)),
    }
}

/// Servers repeat the recipient in their replies; the outbox may know it, a log may not.
fn without_addresses(reply: &str) -> String {
    let words = reply.split(' ').map(|word| if word.contains('@') { "(address)" } else { word });
    words.collect::<Vec<_>>().join(" ")
}
