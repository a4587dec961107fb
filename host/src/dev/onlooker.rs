//! Who looks on while the host works, and tells the author: each call of a plugin, its logs, what it leaves behind, what became of it.
//!
//! Invariant: text of a guest or of an endpoint cannot leave its line. What a call says stands below its first change, as in `tripline test`.
//! Never waits for anybody but stdout.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, watch};
use tripline_core::change::Change;
use tripline_core::delivery::{Batch, Failure, FailureKind, Outcome, Report};
use tripline_core::limits::cut;
use tripline_core::name::{PluginVersion, TriggerName};
use tripline_core::signal::{Signal, Signals};

use crate::cli::output::{line, tame};
use crate::rehearsal;

const KEYS_BYTES_MAX: usize = 100;
/// Lines of calls that have not reported yet; more are dropped.
const SAID_MAX: usize = 1000;
/// Reloads that nobody has heard of yet.
const RELOADS_MAX: usize = 64;

/// What became of a plugin's new file.
#[derive(Debug)]
pub(super) enum Reload {
    Serves { plugin: String, version: PluginVersion },
    Refused { plugin: String, reason: String },
}

/// What is done so far, in changes.
#[derive(Clone, Debug, Default)]
pub(super) struct Done {
    pub(super) settled: BTreeMap<TriggerName, u64>,
    /// Dead letters and changes that were skipped.
    pub(super) given_up: u64,
}

#[derive(Debug)]
pub(super) struct Onlooker {
    /// The triggers' names are shown.
    several: bool,
    reloads: mpsc::Sender<Reload>,
    done: watch::Sender<Done>,
    shown: Mutex<Shown>,
}

#[derive(Debug, Default)]
struct Shown {
    changes: u64,
    said: Vec<(Option<TriggerName>, String)>,
}

impl Onlooker {
    pub(super) fn new(several: bool) -> (Self, mpsc::Receiver<Reload>, watch::Receiver<Done>) {
        let (reloads, heard) = mpsc::channel(RELOADS_MAX);
        let (done, seen) = watch::channel(Done::default());
        (Self { several, reloads, done, shown: Mutex::default() }, heard, seen)
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, trigger: Option<&TriggerName>, text: String) {
        let mut shown = self.shown();
        if shown.said.len() < SAID_MAX {
            shown.said.push((trigger.cloned(), text));
        }
    }

    fn tell(&self, trigger: &TriggerName, text: &str) {
        let trigger = if self.several { format!("{trigger}: ") } else { String::new() };
        print(&format!("{trigger}{text}"));
    }

    fn reload(&self, reload: Reload) {
        // Who waits for one has taken all before; a full channel is one to which nobody listens.
        let _ = self.reloads.try_send(reload);
    }

    fn given_up(&self, trigger: &TriggerName, how: &str, (event_id, attempts, reason): (&str, u32, &str)) {
        // Those that are given up are not among those that are acknowledged.
        self.done.send_modify(|done| {
            done.given_up += 1;
            *done.settled.entry(trigger.clone()).or_default() += 1;
        });
        let attempts = if attempts == 1 { "1 attempt".to_owned() } else { format!("{attempts} attempts") };
        self.tell(trigger, &format!("event {}: {how} after {attempts}: {}", tame(event_id), tame(reason)));
    }
}

/// A stdout that is gone has ended this process already; what else can fail there nobody could be told.
fn print(text: &str) {
    let _ = line(text);
}

impl Signals for Onlooker {
    fn emit(&self, signal: Signal<'_>) {
        match signal {
            Signal::GuestLog { trigger, level, context, message, .. } => {
                let context = if context.is_empty() { String::new() } else { format!("{}: ", tame(context)) };
                self.say(Some(trigger), format!("  {}: {context}{}", level.as_str(), tame(message)));
            }
            Signal::GuestLogsDropped { trigger, lines } => self.say(Some(trigger), format!("  {lines} more lines, dropped")),
            Signal::TableWritten { target, result, .. } => self.say(None, format!("  write {}: {}", tame(target), result.as_str())),
            Signal::TableTransacted { target, result, .. } => {
                self.say(None, format!("  transaction {}: {}", tame(target), result.as_str()))
            }
            Signal::TableRead { target, result, keys, .. } => {
                self.say(None, format!("  read {}: {} keys: {}", tame(target), keys, result.as_str()));
            }
            Signal::HttpAsked { trigger, place, result, .. } => {
                self.say(Some(trigger), format!("  http {}: {}", tame(place), result.as_str()));
            }
            Signal::PluginServes { plugin, version, reload: true, .. } => {
                self.reload(Reload::Serves { plugin: plugin.to_owned(), version: version.clone() });
            }
            Signal::PluginRefused { plugin, reason } => {
                self.reload(Reload::Refused { plugin: plugin.to_owned(), reason: reason.to_owned() });
            }
            Signal::Acknowledged { trigger, changes, .. } => {
                self.done.send_modify(|done| *done.settled.entry(trigger.clone()).or_default() += changes as u64);
            }
            Signal::Filtered { trigger, changes, .. } => {
                let changes = if changes == 1 { "1 change".to_owned() } else { format!("{changes} changes") };
                self.tell(trigger, &format!("{changes} filtered: no pattern of the trigger's matches"));
            }
            Signal::DeadLettered { trigger, event_id, attempts, reason } => {
                self.given_up(trigger, "dead letter", (event_id, attempts, reason));
            }
            Signal::Skipped { trigger, event_id, attempts, reason } => self.given_up(trigger, "skipped", (event_id, attempts, reason)),
            Signal::Stuck { trigger, event_id, attempts, reason, .. } => {
                let text = format!("event {}: blocks its item after {attempts} attempts: {}", tame(event_id), tame(reason));
                self.tell(trigger, &text);
            }
            _ => {}
        }
    }

    fn reported(&self, batch: &Batch, report: &Report) {
        let mut shown = self.shown();
        // At once: nobody else's line comes between a call and what it says. And with the lock, so that calls stand in the order of their numbers.
        print(self.call(&mut shown, batch, report).trim_end());
    }
}

impl Onlooker {
    /// A call's lines: each change and its end, what was said meanwhile, what it leaves behind.
    fn call(&self, shown: &mut Shown, batch: &Batch, report: &Report) -> String {
        let trigger = &batch.origin.trigger;
        let said = std::mem::take(&mut shown.said);
        let (mine, others) = said.into_iter().partition::<Vec<_>, _>(|(of, _)| of.as_ref().is_none_or(|of| of == trigger));
        shown.said = others;
        // Nobody says of which change of the call it was.
        let mut mine: String = mine.into_iter().map(|(_, text)| text + "\n").collect();
        let mut text = String::new();
        for (index, change) in batch.changes.iter().enumerate() {
            shown.changes += 1;
            let end = end(&report.outcome, index, batch.attempt);
            text += &format!("{} {}: {end}\n", shown.changes, self.subject(trigger, change));
            text += &std::mem::take(&mut mine);
            if end == OK {
                let effects = report.effects.iter().filter(|effect| effect.change as usize == index);
                text.extend(effects.map(|effect| rehearsal::shown(effect.mutation.clone())));
            }
        }
        let backtrace = backtrace(&report.outcome).into_iter().flat_map(str::lines);
        text.extend(backtrace.map(|line| format!("    {}\n", tame(line))));
        text
    }

    fn subject(&self, trigger: &TriggerName, change: &Change) -> String {
        let keys = change.keys_json();
        let short = cut(keys, KEYS_BYTES_MAX);
        let mark = if short.len() < keys.len() { "…" } else { "" };
        let of = if self.several { format!("{trigger} ") } else { String::new() };
        let by = change.user_identity.as_ref();
        let by = by.map(|by| format!(" by {}", tame(&by.principal_id))).unwrap_or_default();
        format!("{of}{} {}{mark}{by}", change.event_name.as_str(), tame(short))
    }
}

const OK: &str = "ok";

fn end(outcome: &Outcome, index: usize, attempt: u32) -> String {
    match outcome {
        Outcome::Failed(failure) => failed(failure, attempt),
        Outcome::Handled(failures) => match failures.iter().find(|failed| failed.index as usize == index) {
            Some(one) => failed(&one.failure, attempt),
            None => OK.to_owned(),
        },
        Outcome::NotRun(reason) => format!("not called: {}", tame(reason)),
    }
}

fn failed(failure: &Failure, attempt: u32) -> String {
    let kind = match failure.kind {
        FailureKind::Retry => "failed",
        FailureKind::Reject => "rejected",
    };
    format!("{kind} (attempt {attempt}): {}", tame(&failure.reason))
}

fn backtrace(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::Failed(failure) => failure.backtrace.as_deref(),
        Outcome::Handled(failures) => failures.iter().find_map(|failed| failed.failure.backtrace.as_deref()),
        Outcome::NotRun(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use tripline_core::delivery::{FailedChange, Origin};
    use tripline_core::effect::{Effect, Mutation};
    use tripline_core::signal::LogLevel;
    use tripline_core::view::{View, ViewType};

    use super::*;
    use crate::rehearsal::Events;

    const EVENTS: &str = r#"
{"eventName":"INSERT","dynamodb":{"Keys":{"id":{"S":"o-1"}}}}
{"eventName":"REMOVE","dynamodb":{"Keys":{"id":{"S":"o-2"}}}}"#;

    fn batch(trigger: &TriggerName) -> Batch {
        let events = Events::read(EVENTS, "events.jsonl").unwrap();
        let origin = Origin {
            trigger: trigger.clone(),
            table: "orders".into(),
            region: "eu-west-1".into(),
            stream: events.stream().clone(),
            view: View::of(ViewType::KeysOnly),
        };
        Batch { origin: origin.into(), shard: "shard-1".into(), attempt: 2, changes: events.changes().to_vec() }
    }

    /// Its lines, of which another thread's were once found in the midst.
    #[test]
    fn a_call_is_told_in_one_piece() {
        let trigger = TriggerName::from("stats");
        let (onlooker, _reloads, _done) = Onlooker::new(true);
        for (of, message) in [(&trigger, "mine\n"), (&"other".into(), "not mine")] {
            let version = PluginVersion::from("1");
            onlooker.emit(Signal::GuestLog { trigger: of, version: &version, level: LogLevel::Info, context: "", message });
        }
        let failure = Failure { kind: FailureKind::Retry, reason: "a trap".into(), backtrace: Some("0: one\n1: two".into()) };
        let mutation = || Mutation::SetState { key: "k".into(), value: b"v".to_vec(), expires_ms: None };
        let report = Report {
            effects: [0, 1].map(|change| Effect { change, mutation: mutation() }).into(),
            ..Report::of(Outcome::Handled(vec![FailedChange { index: 1, failure }]))
        };
        let text = onlooker.call(&mut onlooker.shown(), &batch(&trigger), &report);
        let expected = r#"1 stats INSERT {"id":{"S":"o-1"}}: ok
  info: mine\n
  state k = "v"
2 stats REMOVE {"id":{"S":"o-2"}}: failed (attempt 2): a trap
    0: one
    1: two
"#;
        assert_eq!(text, expected);
        assert_eq!(onlooker.shown().said.len(), 1, "the other trigger's waits for its own call");
    }
}
