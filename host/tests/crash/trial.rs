//! Rounds of a host that is started and ended under traffic, and what must hold after each.
//!
//! Always holds: a round ends with the host gone and its traffic written; the directory is looked at before the next host touches it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};
use tokio::task::{JoinSet, block_in_place};
use tripline::workload::{Tables, Traffic};
use tripline_core::letter::{LetterChoice, Letters};
use tripline_core::signal::Silence;
use tripline_store::SqliteStore;

use crate::harness::{Host, PATIENCE, Place, tripline};
use crate::history::{History, shown};
use crate::mails::MailTrial;
use crate::model::{CHOOSY_FILTER, Committed, Expected, PICKY_ATTEMPTS};
use crate::plugin_file::{rename_over, version};
use crate::report::{Again, Report};
use crate::script::{End, Round, Script, Swap};

/// One person and one order of so many is flawed.
const FLAWED_ONE_IN: u32 = 8;
/// Dead letters that are marked at once.
const REDRIVEN_MAX: usize = 40;
/// How long the mail server takes to its 250: most kills find mail there.
const ANSWER_MS: (u32, u32) = (0, 15);
/// There may be no mail to wait for.
const MAIL_WAIT: Duration = Duration::from_secs(2);
const KILLED: i32 = 9;

pub(crate) struct Trial {
    place: Place,
    mails: MailTrial,
    history: History,
    /// None while it writes.
    traffic: Option<Traffic>,
    /// Versions of the plugin so far.
    versions: u32,
    began: Instant,
    /// Event IDs of `picky`'s dead letters that were ever marked to be delivered again.
    marked: BTreeSet<String>,
    report: Report,
}

/// How the host ended.
struct Ended {
    cut_off: bool,
    /// Where it should not have ended so.
    fault: Option<String>,
}

impl Ended {
    /// After SIGKILL, which may have come too late.
    fn by_kill(status: ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt;
        if status.signal() == Some(KILLED) { Self { cut_off: true, fault: None } } else { Self::by_itself(status) }
    }

    fn by_itself(status: ExitStatus) -> Self {
        let fault = (!status.success()).then(|| format!("the host ended with {status}, expected 0"));
        Self { cut_off: false, fault }
    }
}

impl Trial {
    pub(crate) async fn prepare(seed: u64) -> Self {
        let mut place = Place::embedded().await;
        // Kept where something differs, or this fails.
        place.dir.disable_cleanup(true);
        let history = History::open(&place).await;
        let mails = MailTrial::start(&place, ANSWER_MS, seed);
        let mut config = std::fs::read_to_string(place.config_file()).unwrap();
        // Warm where most is counted, and among plugins that fail.
        let warm = |trigger: &str| if trigger == "stats" { "instances = { batches_max = 20 }\n" } else { "" };
        for trigger in ["replicate", "stats", "welcome"] {
            let title = format!("[triggers.{trigger}]\n");
            assert!(config.contains(&title), "{config}");
            config = config.replace(&title, &format!("{title}parallelism = 8\n{}", warm(trigger)));
        }
        config += &format!(
            "\n[triggers.picky]\nstream = \"orders\"\nplugin = \"picky.wasm\"\nview = \"new-image\"\ngrants = {{ counters = true, state = true }}\n\
             parallelism = 8\ninstances = \"warm\"\nbatch = {{ records_max = 8 }}\nretry = {{ attempts_max = {PICKY_ATTEMPTS}, backoff = \"10ms..50ms\" }}\nsettings = {{ mode = \"picky\", heals_after = {PICKY_ATTEMPTS}, keeps = true }}\n"
        );
        config += &format!(
            "\n[triggers.choosy]\nstream = \"orders\"\nplugin = \"picky.wasm\"\nview = \"keys-only\"\ngrants = {{ counters = true }}\n\
             parallelism = 8\nbatch = {{ records_max = 8 }}\nfilters = ['{CHOOSY_FILTER}']\nsettings = {{ mode = \"counters\" }}\n"
        );
        std::fs::write(place.config_file(), config).unwrap();
        let traffic = Some(Traffic::new(seed).with_flaws(FLAWED_ONE_IN));
        let report = Report { seed, ..Report::default() };
        Self { place, mails, history, traffic, versions: 0, began: Instant::now(), marked: BTreeSet::new(), report }
    }

    pub(crate) async fn run(&mut self, rounds: u32, say: &impl Fn(&str)) {
        for (number, round) in (1..=rounds).zip(Script::new(self.report.seed)) {
            let line = self.round(&round).await;
            say(&format!("round {number:3}: {line}"));
        }
    }

    fn plugin_file(&self) -> PathBuf {
        self.place.dir.path().join("picky.wasm")
    }

    fn next_version(&mut self) -> Vec<u8> {
        self.versions += 1;
        version(tripline_bundled::FIXTURE, &format!("v{}", self.versions))
    }

    /// One round; returns what to say of it.
    async fn round(&mut self, round: &Round) -> String {
        self.report.rounds += 1;
        *self.report.ends.entry(round.end.kind()).or_default() += 1;
        let sound = self.next_version();
        rename_over(&self.plugin_file(), &sound);
        let run = self.mails.begin_run(&self.place);
        let (progress, mut written) = watch::channel(0);
        let mut writing = JoinSet::new();
        let traffic = self.traffic.take().unwrap();
        let (go_on, may_go_on) = oneshot::channel();
        writing.spawn(write(traffic, self.place.tables.clone(), round.clone(), (progress, may_go_on)));

        reach(&mut written, round.start_at).await;
        let host = Host::spawn(tripline(), &self.place.config_file());
        let ended = self.end(host, round, (go_on, &mut written)).await;
        let at_end = *written.borrow();
        let in_flight = self.look(run, &ended).await;
        let marked = if round.redrive { self.redrive().await } else { String::new() };
        self.traffic = Some(writing.join_next().await.unwrap().unwrap());
        let swap = round.swap.map_or(String::new(), |(_, swap)| format!("; plugin: {swap:?}"));
        let lives = if matches!(round.end, End::KillStarting { .. }) { String::new() } else { format!("lived {:?}, ", round.lives) };
        format!(
            "started at change {}, {lives}{}; {at_end} of {} changes written{swap}; {in_flight}{marked}",
            round.start_at,
            round.end,
            round.changes()
        )
    }

    /// Does to the host what the script says; it is gone when this returns. `go_on`: dropped, it lets the last burst be written.
    async fn end(&mut self, mut host: Host, round: &Round, (go_on, written): (oneshot::Sender<()>, &mut watch::Receiver<u64>)) -> Ended {
        if let End::KillStarting { after } = round.end {
            tokio::time::sleep(after).await;
            return Ended::by_kill(host.kill());
        }
        block_in_place(|| host.wait_until_running());
        if let Some((after, swap)) = round.swap {
            tokio::time::sleep(after).await;
            self.swap(swap);
        }
        tokio::time::sleep(round.lives).await;
        let mails_before = self.mails.count();
        drop(go_on);
        match round.end {
            End::KillStarting { after } | End::KillRunning { after } => tokio::time::sleep(after).await,
            End::KillAtMail { mails, after } => {
                self.mails.wait_for(mails_before + mails, MAIL_WAIT).await;
                tokio::time::sleep(after).await;
            }
            End::KillAtChange { changes, after } => {
                reach(written, changes).await;
                tokio::time::sleep(after).await;
            }
            End::KillDraining { changes, after } => {
                reach(written, changes).await;
                host.signal("TERM");
                tokio::time::sleep(after).await;
            }
            End::SecondSignal { changes, after } => {
                reach(written, changes).await;
                host.signal("TERM");
                tokio::time::sleep(after).await;
                host.signal("INT");
                let (status, _) = host.ends_within(PATIENCE).await;
                // It may have been done before the second came.
                return if status.code() == Some(1) { Ended { cut_off: true, fault: None } } else { Ended::by_itself(status) };
            }
            End::Stop { changes } => {
                reach(written, changes).await;
                host.signal("TERM");
                return Ended::by_itself(host.ends_within(PATIENCE).await.0);
            }
        }
        Ended::by_kill(host.kill())
    }

    fn swap(&mut self, swap: Swap) {
        self.report.swaps += 1;
        let path = self.plugin_file();
        let next = self.next_version();
        match swap {
            Swap::Rename => rename_over(&path, &next),
            Swap::Write => std::fs::write(&path, next).unwrap(),
            Swap::Garbage => rename_over(&path, b"this is no component"),
            Swap::Unfit => rename_over(&path, tripline_bundled::plugin("notification-mailer").unwrap().bytes),
        }
    }

    /// What an operator does while no host runs.
    async fn redrive(&mut self) -> String {
        let Some(committed) = self.place.committed().map(|reader| Committed::read(&reader)) else { return String::new() };
        // The newest: those that never pass would make each round longer than the one before.
        let newest: Vec<(i64, String)> = committed.pickys().into_iter().rev().take(REDRIVEN_MAX).collect();
        let choice = LetterChoice::Ids(newest.iter().map(|(id, _)| *id).collect());
        self.marked.extend(newest.into_iter().map(|(_, event_id)| event_id));
        let (store, threads) = SqliteStore::open(&self.place.data_dir(), Arc::new(Silence)).unwrap();
        let marked = store.mark(choice, tripline::clock::now()).await.unwrap();
        drop(store);
        threads.run().await.unwrap();
        self.report.redriven += marked;
        format!("; {marked} of them marked")
    }

    /// Holds the directory that the host left behind against the model; says what was under way.
    async fn look(&mut self, run: u32, ended: &Ended) -> String {
        let mut faults: Vec<String> = ended.fault.iter().cloned().collect();
        let had_any = self.mails.has_ended_before();
        let accepted = self.mails.accepted();
        let outbox = match self.mails.end_run(&self.place, ended.cut_off) {
            Some(end) => {
                let accepted: BTreeSet<&str> = accepted.iter().map(|mail| mail.message_id.as_str()).collect();
                let known = end.pending.iter().filter(|id| accepted.contains(id.as_str())).count();
                format!("{} mails unsent, {known} of them accepted", end.pending.len())
            }
            None if had_any => {
                faults.push("the database is gone".to_owned());
                "no outbox".to_owned()
            }
            None => "no outbox yet".to_owned(),
        };
        let committed = self
            .place
            .committed()
            .map(|reader| Committed::read(&reader))
            .unwrap_or_default()
            .with_marked(&self.marked);
        let log = self.history.catch_up().await;
        faults.extend(Expected::so_far(log, &committed).faults(&committed));
        let behind = shown(&committed.behind(log));
        let letters = committed.dead_letters();
        let line = format!("not committed: {behind}; {outbox}; {letters} dead letters; {} faults", faults.len());
        self.report.faults.extend(faults.into_iter().map(|fault| format!("round {run}: {fault}")));
        line
    }

    /// A last host does what is left, and everything is compared.
    pub(crate) async fn finish(mut self) -> Report {
        let sound = self.next_version();
        rename_over(&self.plugin_file(), &sound);
        self.mails.begin_run(&self.place);
        let mut host = Host::spawn(tripline(), &self.place.config_file());
        block_in_place(|| host.wait_until_running());
        self.history.catch_up().await;
        let written = self.traffic.as_ref().unwrap().written();
        if self.history.changes() != written {
            self.report
                .faults
                .push(format!("the streams hold {} changes, and {written} were written", self.history.changes()));
        }
        let expected = Expected::in_the_end(self.history.log(), &self.marked);
        let findings = self.place.verify_with(None, expected.dead_letters()).await;
        host.signal("TERM");
        let (status, _) = host.ends_within(PATIENCE).await;
        self.report.faults.extend(Ended::by_itself(status).fault);
        self.mails.end_run(&self.place, false);
        let committed = Committed::read(&self.place.committed().unwrap()).with_marked(&self.marked);
        if committed.are_marked() {
            self.report.faults.push("dead letters are still marked in the end".to_owned());
        }
        self.report.faults.extend(expected.faults(&committed));
        let behind = committed.behind(self.history.log());
        if behind.values().any(|behind| *behind > 0) {
            self.report.faults.push(format!("not handled in the end: {}", shown(&behind)));
        }
        if !findings.are_clean() {
            self.report.faults.push(format!("{findings:?}"));
        }
        self.report.changes = written;
        self.report.replica_differences = findings.replica.len();
        self.report.counter_differences = findings.counters.len();
        self.report.dead_letters_expected = expected.dead_letters();
        self.report.dead_letters = committed.dead_letters();
        let recipients: BTreeSet<String> = expected.recipients().iter().map(|to| (*to).to_owned()).collect();
        self.report_mails(&recipients);
        self.close()
    }

    fn report_mails(&mut self, expected: &BTreeSet<String>) {
        let verdict = self.mails.verdict();
        self.report.faults.extend(verdict.faults);
        let arrived: BTreeSet<String> = verdict.arrived.into_values().collect();
        self.report.mails_expected = expected.len();
        self.report.mails_arrived = arrived.len();
        self.report.faults.extend(expected.difference(&arrived).map(|to| format!("no mail to {to}")));
        self.report
            .faults
            .extend(arrived.difference(expected).map(|to| format!("a mail to {to}, who is owed none")));
        let again = verdict.doubles.into_iter().map(|double| {
            let accepted_ms_before_the_cut = (double.before_cut.as_secs_f64() * 1e6).round() / 1e3;
            Again { message_id: double.message_id, round: double.run, accepted_ms_before_the_cut }
        });
        self.report.mails_again = again.collect();
    }

    fn close(mut self) -> Report {
        self.report.seconds = (self.began.elapsed().as_secs_f64() * 10.0).round() / 10.0;
        self.report.exact = self.report.faults.is_empty();
        if self.report.exact {
            self.place.dir.disable_cleanup(false);
        } else {
            self.report
                .faults
                .insert(0, format!("something differs; kept for a look: {}", self.place.dir.path().display()));
        }
        self.report
    }
}

/// Writes the round's changes. `progress` hears how many of them there are; the last burst waits until the sender of `may_go_on` is gone.
async fn write(
    mut traffic: Traffic,
    tables: Tables,
    round: Round,
    (progress, may_go_on): (watch::Sender<u64>, oneshot::Receiver<()>),
) -> Traffic {
    let before = traffic.written();
    let told = |written| progress.send_modify(|so_far| *so_far = written - before);
    for (changes, pause) in round.bursts {
        let until = traffic.written() + changes;
        traffic.write(&tables, until, told).await.unwrap();
        tokio::time::sleep(pause).await;
    }
    // An error: the sender is gone, and that is the message.
    let _ = may_go_on.await;
    let until = traffic.written() + round.last_burst;
    traffic.write(&tables, until, told).await.unwrap();
    traffic
}

/// Until so many changes of the round are written.
async fn reach(written: &mut watch::Receiver<u64>, changes: u64) {
    // An error: all of the round is written, and nobody will say more.
    let _ = written.wait_for(|written| *written >= changes).await;
}
