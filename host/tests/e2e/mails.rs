//! Whether each mail arrived, and why one that arrived twice did.
//!
//! The law: a mail may arrive again only when the run of the host that sent it was cut off, and the outbox, read after that run and before the
//! next, still had it as unsent: the cut fell between the server's acceptance and the commit of the outbox. Anything else is a fault.
//! Which run sent a mail is told by its sender's address, so that no clock is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tripline_store::MailStatus;

use crate::harness::{PATIENCE, Place, tool};

const RECORDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/recorder.py");
const MAIL_ROWS_MAX: usize = 1_000_000;

/// A mail that the server took.
#[derive(Clone, Debug)]
pub(crate) struct Acceptance {
    /// Which run of the host sent it.
    pub(crate) run: u32,
    pub(crate) message_id: String,
    pub(crate) to: String,
    pub(crate) at: Instant,
}

/// What the outbox said after a run of the host, before the next.
#[derive(Clone, Debug)]
pub(crate) struct RunEnd {
    pub(crate) run: u32,
    /// Killed, or abandoned what was under way; else it had time to finish.
    pub(crate) cut_off: bool,
    pub(crate) at: Instant,
    pub(crate) pending: BTreeSet<String>,
    pub(crate) sent: BTreeSet<String>,
}

/// A mail that arrived again, and whose it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Double {
    pub(crate) message_id: String,
    /// The run whose cut fell between acceptance and commit.
    pub(crate) run: u32,
    /// From the acceptance to the cut; zero where the server was slower than the cut.
    pub(crate) before_cut: Duration,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    /// Each by its Message-ID, to its one recipient.
    pub(crate) arrived: BTreeMap<String, String>,
    /// All of them are explained by a cut; what is not is a fault.
    pub(crate) doubles: Vec<Double>,
    pub(crate) faults: Vec<String>,
}

/// Holds the law against everything that was accepted and all that the outbox said.
pub(crate) fn judge(accepted: &[Acceptance], ends: &[RunEnd]) -> Verdict {
    let mut verdict = Verdict::default();
    let mut by_id: BTreeMap<&str, Vec<&Acceptance>> = BTreeMap::new();
    for acceptance in accepted {
        by_id.entry(&acceptance.message_id).or_default().push(acceptance);
    }
    for (id, copies) in &mut by_id {
        copies.sort_by_key(|copy| copy.run);
        let to: BTreeSet<&str> = copies.iter().map(|copy| copy.to.as_str()).collect();
        if to.len() > 1 {
            verdict.faults.push(format!("mail {id} went to {to:?}"));
        }
        verdict.arrived.insert((*id).to_owned(), copies[0].to.clone());
        for pair in copies.windows(2) {
            match explain(pair[0], pair[1], ends) {
                Ok(double) => verdict.doubles.push(double),
                Err(fault) => verdict.faults.push(fault),
            }
        }
    }
    let mut unseen = BTreeSet::new();
    for end in ends {
        for id in &end.sent {
            let arrived = by_id.get(id.as_str()).is_some_and(|copies| copies[0].run <= end.run);
            if !arrived && unseen.insert(id) {
                verdict
                    .faults
                    .push(format!("mail {id} was sent by the outbox's word after run {}, and the server has not seen it", end.run));
            }
        }
    }
    verdict
}

/// Why a mail of `first` came again as `second`.
fn explain(first: &Acceptance, second: &Acceptance, ends: &[RunEnd]) -> Result<Double, String> {
    let (id, run) = (&first.message_id, first.run);
    let twice = |why: &str| Err(format!("mail {id} was accepted of run {run} and again of run {}: {why}", second.run));
    if second.run == run {
        return twice("one run may send it once");
    }
    let Some(end) = ends.iter().find(|end| end.run == run) else {
        return twice("the first of them has not ended");
    };
    if !end.cut_off {
        return twice("the first of them was not cut off");
    }
    let until_second = ends.iter().filter(|end| end.run >= run && end.run < second.run);
    for end in until_second {
        if !end.pending.contains(id) {
            return twice(&format!("after run {} the outbox did not have it as unsent", end.run));
        }
    }
    Ok(Double { message_id: id.clone(), run, before_cut: end.at.saturating_duration_since(first.at) })
}

/// The mail server, in a process of its own that outlives every host, and what the outbox said between the runs.
pub(crate) struct MailTrial {
    server: Child,
    accepted: Arc<Mutex<Vec<Acceptance>>>,
    count: watch::Receiver<usize>,
    /// The sender's address in the config.
    from: String,
    run: u32,
    ends: Vec<RunEnd>,
}

impl MailTrial {
    /// `answer_ms`: how long the server takes from accepting a mail to its 250, at least and at most.
    pub(crate) fn start(place: &Place, answer_ms: (u32, u32), seed: u64) -> Self {
        let mut server = Command::new(tool("python"))
            .arg(RECORDER)
            .args([answer_ms.0.to_string(), answer_ms.1.to_string(), seed.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let port = lines.next().expect("the mail server says its port").unwrap();
        place.edit("url = \"file:mail\"", &format!("url = \"smtp://127.0.0.1:{port}\"\ntls = \"none\""));
        let accepted: Arc<Mutex<Vec<Acceptance>>> = Arc::default();
        let (counted, count) = watch::channel(0);
        let seen = accepted.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let acceptance = acceptance(&line);
                seen.lock().unwrap().push(acceptance);
                counted.send_modify(|count| *count += 1);
            }
        });
        Self { server, accepted, count, from: "shop@example.com".to_owned(), run: 0, ends: Vec::new() }
    }

    /// Before a host is started: mail from now on is of the next run.
    pub(crate) fn begin_run(&mut self, place: &Place) -> u32 {
        self.run += 1;
        let from = format!("run-{}@example.com", self.run);
        place.edit(&self.from, &from);
        self.from = from;
        self.run
    }

    /// After that host has ended, and before the next is started. None: it never came to make its database.
    pub(crate) fn end_run(&mut self, place: &Place, cut_off: bool) -> Option<&RunEnd> {
        let at = Instant::now();
        let reader = place.committed()?;
        let mut end = RunEnd { run: self.run, cut_off, at, pending: BTreeSet::new(), sent: BTreeSet::new() };
        for mail in reader.mails(MAIL_ROWS_MAX).unwrap() {
            match mail.status {
                MailStatus::Pending => drop(end.pending.insert(mail.message_id)),
                MailStatus::Sent => drop(end.sent.insert(mail.message_id)),
                MailStatus::Failed => panic!("the outbox gave up {mail:?}"),
            }
        }
        self.ends.push(end);
        self.ends.last()
    }

    /// Whether some run has left a database behind.
    pub(crate) fn has_ended_before(&self) -> bool {
        !self.ends.is_empty()
    }

    pub(crate) fn accepted(&self) -> Vec<Acceptance> {
        self.accepted.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// Until the server has taken so many mails in all, or `limit` is over.
    pub(crate) async fn wait_for(&self, mails: usize, limit: Duration) -> bool {
        let mut count = self.count.clone();
        tokio::time::timeout(limit, count.wait_for(|count| *count >= mails)).await.is_ok()
    }

    /// Until the server has taken so many.
    pub(crate) async fn must_have(&self, mails: usize) {
        assert!(self.wait_for(mails, PATIENCE).await, "{} mails arrived of {mails}", self.count());
    }

    pub(crate) fn verdict(&self) -> Verdict {
        judge(&self.accepted(), &self.ends)
    }
}

impl Drop for MailTrial {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn acceptance(line: &str) -> Acceptance {
    let at = Instant::now();
    let mail: serde_json::Value = serde_json::from_str(line).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let run = text(&mail["from"]);
    let run = run.strip_prefix("run-").and_then(|run| run.split('@').next()).unwrap().parse().unwrap();
    assert_eq!(mail["to"].as_array().unwrap().len(), 1, "{mail}");
    Acceptance { run, message_id: text(&mail["message_id"]), to: text(&mail["to"][0]), at }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `accepted`: `id@run` in the order of arrival. `ends`: `run` with `!` where it was cut off, then what was pending, `/`, what was sent.
    /// `expected`: the doubles as `id@run`, then the faults' number.
    #[track_caller]
    fn check(accepted: &str, ends: &[&str], expected: &str) {
        let at = Instant::now();
        let accepted: Vec<Acceptance> = accepted.split_whitespace().map(|text| parse(text, at)).collect();
        let ends: Vec<RunEnd> = ends.iter().map(|text| parse_end(text, at)).collect();
        let verdict = judge(&accepted, &ends);
        let doubles: Vec<String> = verdict.doubles.iter().map(|double| format!("{}@{}", double.message_id, double.run)).collect();
        assert_eq!(format!("{} {}", doubles.join(" "), verdict.faults.len()).trim(), expected, "{:?}", verdict.faults);
    }

    fn parse(text: &str, at: Instant) -> Acceptance {
        let (message_id, run) = text.split_once('@').unwrap();
        Acceptance { run: run.parse().unwrap(), message_id: message_id.to_owned(), to: format!("to-{message_id}"), at }
    }

    fn parse_end(text: &str, at: Instant) -> RunEnd {
        let (run, mails) = text.split_once(' ').unwrap();
        let (pending, sent) = mails.split_once('/').unwrap();
        let set = |ids: &str| ids.split_whitespace().map(str::to_owned).collect();
        let (cut_off, run) = (run.ends_with('!'), run.trim_end_matches('!').parse().unwrap());
        RunEnd { run, cut_off, at, pending: set(pending), sent: set(sent) }
    }

    #[test]
    fn a_mail_that_arrives_once_is_no_double() {
        check("a@1 b@2", &["1! b / a", "2 / a b"], "0");
    }

    #[test]
    fn a_double_is_a_cut_between_acceptance_and_commit() {
        check("a@1 a@2", &["1! a /", "2 / a"], "a@1 0");
        check("a@1 a@3", &["1! a /", "2! a /", "3 / a"], "a@1 0");
        check("a@1 a@2 a@3", &["1! a /", "2! a /", "3 / a"], "a@1 a@2 0");
    }

    #[test]
    fn any_other_double_is_a_fault() {
        // Settled, and sent again.
        check("a@1 a@2", &["1! / a", "2 / a"], "1");
        check("a@1 a@3", &["1! a /", "2! / a", "3 / a"], "1");
        // By one run.
        check("a@1 a@1", &["1! a /", "2 / a"], "1");
        // By a run that ended in good order.
        check("a@1 a@2", &["1 a /", "2 / a"], "1");
    }

    #[test]
    fn a_mail_that_the_server_has_not_seen_is_not_sent() {
        check("", &["1 / a"], "1");
        check("a@2", &["1! / a", "2 / a"], "1");
    }
}
