//! Who looks on while the host works, and tells the author: each call of a plugin, its logs, what it leaves behind, what became of it.
//!
//! Invariant: text of a guest or of an endpoint cannot leave its line. What a call says stands below its first change, as in `tripline test`.
//! Never waits for anybody but stdout.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, watch};
use tripline_core::change::Change;
use tripline_core::delivery::{Batch, Failure, FailureKind, Outcome, Report};
use tripline_core::limits::cut;
use tripline_core::name::{PluginVersion, TriggerName};
use tripline_core::signal::{Signal, Signals};

use super::progress::Progress;
use super::versions::Reload;
use crate::cli::output::{line, tame};
use crate::rehearsal;

const KEYS_BYTES_MAX: usize = 100;
/// Lines of calls that have not reported yet; more are dropped.
const SAID_MAX: usize = 1000;
/// Reloads that nobody has heard of yet.
const RELOADS_MAX: usize = 1000;

#[derive(Debug)]
pub(super) struct Onlooker {
    /// The triggers' names are shown.
    several: bool,
    reloads: mpsc::Sender<Reload>,
    progress: watch::Sender<Progress>,
    shown: Mutex<Shown>,
}

#[derive(Debug, Default)]
struct Shown {
    changes: u64,
    said: Vec<Said>,
}

/// A line that waits for the end of its call, or of its probe.
#[derive(Debug)]
struct Said {
    /// None: of whatever trigger.
    trigger: Option<TriggerName>,
    /// None: the host's own line.
    version: Option<PluginVersion>,
    text: String,
}

impl Onlooker {
    pub(super) fn new(several: bool) -> (Self, mpsc::Receiver<Reload>) {
        let (reloads, heard) = mpsc::channel(RELOADS_MAX);
        (Self { several, reloads, progress: watch::Sender::default(), shown: Mutex::default() }, heard)
    }

    /// How far the triggers have come; whoever plays something changes it.
    pub(super) fn progress(&self) -> watch::Sender<Progress> {
        self.progress.clone()
    }

    /// What is left of probes and calls that nobody was told of.
    pub(super) fn rest(&self) {
        let said = std::mem::take(&mut self.shown().said);
        said.iter().for_each(|said| print(&said.text));
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, trigger: Option<&TriggerName>, text: String) {
        self.say_of((trigger, None), text);
    }

    fn say_of(&self, (trigger, version): (Option<&TriggerName>, Option<&PluginVersion>), text: String) {
        let mut shown = self.shown();
        if shown.said.len() < SAID_MAX {
            shown.said.push(Said { trigger: trigger.cloned(), version: version.cloned(), text });
        }
    }

    /// What a version has said that no change has called yet: it was probed.
    fn probed(&self, version: &PluginVersion) {
        print(self.probe(&mut self.shown(), version).trim_end());
    }

    fn probe(&self, shown: &mut Shown, version: &PluginVersion) -> String {
        let is_its = |said: &mut Said| said.version.as_ref() == Some(version);
        let lines: Vec<Said> = shown.said.extract_if(.., is_its).collect();
        if lines.is_empty() {
            return String::new();
        }
        let head = format!("version {}, when it was asked whether it can serve:\n", version.short());
        lines.into_iter().fold(head, |text, said| text + &said.text + "\n")
    }

    fn tell(&self, trigger: &TriggerName, text: &str) {
        let trigger = if self.several { format!("{trigger}: ") } else { String::new() };
        print(&format!("{trigger}{text}"));
    }

    fn reload(&self, reload: Reload) {
        // A full channel is one to which nobody listens.
        let _ = self.reloads.try_send(reload);
    }

    fn given_up(&self, trigger: &TriggerName, how: &str, (event_id, attempts, reason): (&str, u32, &str)) {
        let attempts = if attempts == 1 { "1 attempt".to_owned() } else { format!("{attempts} attempts") };
        self.tell(trigger, &format!("event {}: {how} after {attempts}: {}", tame(event_id), tame(reason)));
    }
}

/// A stdout that is gone has ended this process already; what else can fail there nobody could be told.
fn print(text: &str) {
    if !text.is_empty() {
        let _ = line(text);
    }
}

impl Signals for Onlooker {
    fn emit(&self, signal: Signal<'_>) {
        self.progress.send_if_modified(|progress| progress.hear(&signal));
        match signal {
            Signal::GuestLog { trigger, version, level, context, message } => {
                let context = if context.is_empty() { String::new() } else { format!("{}: ", tame(context)) };
                self.say_of((Some(trigger), Some(version)), format!("  {}: {context}{}", level.as_str(), tame(message)));
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
            Signal::PluginServes { plugin, version, .. } => {
                self.probed(version);
                self.reload(Reload::Serves { plugin: plugin.to_owned(), version: version.clone() });
            }
            Signal::PluginRefused { plugin, version, reason } => {
                version.into_iter().for_each(|version| self.probed(version));
                self.reload(Reload::Refused { plugin: plugin.to_owned(), version: version.cloned(), reason: reason.to_owned() });
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
        let is_mine = |said: &Said| said.trigger.as_ref().is_none_or(|of| of == trigger);
        let (mine, others) = said.into_iter().partition::<Vec<_>, _>(is_mine);
        shown.said = others;
        // Nobody says of which change of the call it was.
        let mut mine: String = mine.into_iter().map(|said| said.text + "\n").collect();
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
        let (onlooker, _reloads) = Onlooker::new(true);
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
    /// A panic at its top, which was once told below the next good version's first change.
    #[test]
    fn what_a_version_says_when_it_is_probed_is_told_of_it_alone() {
        let (onlooker, mut reloads) = Onlooker::new(false);
        let trigger = TriggerName::from("stats");
        let (old, bad) = (PluginVersion::from("1"), PluginVersion::from("2"));
        for (version, message) in [(&old, "of a change"), (&bad, "panic: top"), (&bad, "main.go:38")] {
            onlooker.emit(Signal::GuestLog { trigger: &trigger, version, level: LogLevel::Error, context: "stderr", message });
        }
        let said = onlooker.probe(&mut onlooker.shown(), &bad);
        assert_eq!(said, "version 2, when it was asked whether it can serve:\n  error: stderr: panic: top\n  error: stderr: main.go:38\n");
        assert_eq!(onlooker.probe(&mut onlooker.shown(), &bad), "", "it is told once");
        let text = onlooker.call(&mut onlooker.shown(), &batch(&trigger), &Report::of(Outcome::Handled(Vec::new())));
        assert!(text.contains("of a change") && !text.contains("panic"), "{text}");

        onlooker.emit(Signal::GuestLog { trigger: &trigger, version: &bad, level: LogLevel::Error, context: "", message: "again" });
        onlooker.emit(Signal::PluginRefused { plugin: "p.wasm", version: Some(&bad), reason: "a trap" });
        assert!(onlooker.shown().said.is_empty(), "a refusal tells them");
        let refused = Reload::Refused { plugin: "p.wasm".into(), version: Some(bad), reason: "a trap".into() };
        assert_eq!(reloads.try_recv().unwrap(), refused);
    }
}
