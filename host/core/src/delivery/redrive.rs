//! Dead letters delivered again: one trigger's lane for them, over all shards and streams that they are of.
//!
//! Invariants: letters go out in the order of their ids, one batch at a time, each once for each time that it was marked; no change of their items
//! is under way meanwhile. A letter leaves the store only in the commit that holds what it left behind; one that fails stays, with what is known of
//! its last delivery. Nothing that matters is kept here: whatever goes wrong, or ends, what is marked is taken up again.
//! Knows nothing of who marks letters, calls the plugin or holds the shards.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::num::NonZeroU32;
use std::sync::Arc;

use super::settle::{self, Verdict};
use super::work::{Taken, Work};
use super::{Batch, Origin, Outcome, Policy, Report, Settled, Then};
use crate::change::Change;
use crate::effect::{DeadLetter, Effect};
use crate::item_key::ItemKey;
use crate::letter::{Letter, RedriveCommit, RedriveError};
use crate::name::{PluginVersion, ShardId, StreamArn};
use crate::slice::slice_page;
use crate::time::Timestamp;

/// A batch that state refuses so often in a row waits before it goes out again.
const CONFLICTS_AT_ONCE: u32 = 3;

/// What the shell does next.
#[derive(Debug)]
pub enum RedriveStep {
    /// Letters are wanted, the first that are marked: answered by `loaded`.
    Load,
    /// No change of these items may be under way in any shard, until `Release`: answered by `held`.
    Hold(Arc<[ItemKey]>),
    /// Answered by `reported`.
    Deliver(Batch),
    /// Answered by `committed`.
    Commit(Box<RedriveCommit>),
    /// The items go on. Answered by nothing.
    Release,
    WaitUntil(Timestamp),
    /// Nothing to do until `wake`, or until it is no longer paused.
    Idle,
    /// An answer is due.
    Busy,
}

#[derive(Clone, Debug)]
struct Taking {
    id: i64,
    place: (StreamArn, ShardId),
    item: ItemKey,
    change: Arc<Change>,
    attempts: u32,
    first_attempt: Timestamp,
}

/// Letters of one shard that go out together.
type Piece = Vec<Taking>;

#[derive(Debug)]
enum UnderWay {
    Load,
    Hold,
    Delivery(Piece),
    Commit(Settling),
}

/// What a delivery came to.
#[derive(Debug)]
struct Settling {
    /// As it was delivered: to be delivered again, where the commit is refused.
    piece: Piece,
    /// What neither is done nor failed: it waited for what failed.
    again: Piece,
    commit: Box<RedriveCommit>,
}

#[derive(Debug)]
pub struct Redrive {
    origin: Arc<Origin>,
    policy: Policy,
    random: fastrand::Rng,
    paused: bool,
    /// There may be letters that are marked and not loaded.
    woken: bool,
    loaded: VecDeque<Taking>,
    /// Letters of which no change can be made: they fail without being delivered.
    unreadable: Vec<(i64, DeadLetter)>,
    /// Of one batch, in order. Their items are held until it is empty.
    pieces: VecDeque<Piece>,
    holds: bool,
    under_way: Option<UnderWay>,
    /// Failed for no fault of its own: to be tried again.
    uncommitted: Option<Settling>,
    not_before: Timestamp,
    /// In a row: of commits, deliveries that did not run, loads.
    failures: u32,
    conflicts: u32,
}

impl Redrive {
    /// `origin`: the trigger's, of whichever of the table's streams. It begins by looking for letters.
    pub fn new(origin: Arc<Origin>, policy: &Policy, seed: u64) -> Self {
        Self {
            origin,
            // Each letter gets one delivery, and a batch that fails is halved down to the culprits, whatever the trigger's policy for changes.
            policy: Policy { attempts_max: Some(NonZeroU32::MIN), bisect: true, then: Then::DeadLetter, ..policy.clone() },
            random: fastrand::Rng::with_seed(seed),
            paused: false,
            woken: true,
            loaded: VecDeque::new(),
            unreadable: Vec::new(),
            pieces: VecDeque::new(),
            holds: false,
            under_way: None,
            uncommitted: None,
            not_before: Timestamp::default(),
            failures: 0,
            conflicts: 0,
        }
    }

    /// Letters have been marked.
    pub fn wake(&mut self) {
        self.woken = true;
    }

    /// From now on nothing goes out, or goes on. What is under way is brought to its end.
    pub fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
    }

    pub fn next(&mut self, now: Timestamp) -> RedriveStep {
        if self.under_way.is_some() {
            return RedriveStep::Busy;
        }
        if now < self.not_before {
            return RedriveStep::WaitUntil(self.not_before);
        }
        if let Some(settling) = self.uncommitted.take() {
            return self.commit(settling);
        }
        if self.paused {
            self.forget();
        }
        if let Some(piece) = self.pieces.pop_front() {
            let batch = self.batch(&piece);
            self.under_way = Some(UnderWay::Delivery(piece));
            return RedriveStep::Deliver(batch);
        }
        if std::mem::take(&mut self.holds) {
            return RedriveStep::Release;
        }
        if self.paused {
            return RedriveStep::Idle;
        }
        if !self.unreadable.is_empty() {
            let failed = std::mem::take(&mut self.unreadable);
            let commit = RedriveCommit { failed, ..self.empty_commit(now) };
            return self.commit(Settling { piece: Vec::new(), again: Vec::new(), commit: Box::new(commit) });
        }
        if self.loaded.is_empty() {
            if !std::mem::take(&mut self.woken) {
                return RedriveStep::Idle;
            }
            self.under_way = Some(UnderWay::Load);
            return RedriveStep::Load;
        }
        let piece = self.take();
        let items: BTreeSet<ItemKey> = piece.iter().map(|taking| taking.item).collect();
        self.pieces.push_back(piece);
        self.under_way = Some(UnderWay::Hold);
        self.holds = true;
        RedriveStep::Hold(items.into_iter().collect())
    }

    /// The first letters that are marked, in the order of their ids; none: the store did not answer.
    pub fn loaded(&mut self, now: Timestamp, letters: Option<Vec<Letter>>) {
        if !matches!(self.under_way, Some(UnderWay::Load)) {
            return;
        }
        self.under_way = None;
        let Some(letters) = letters else {
            self.woken = true;
            self.back_off(now);
            return;
        };
        self.failures = 0;
        // There may be more than one load brings.
        self.woken |= !letters.is_empty();
        for letter in letters {
            match taking(&letter) {
                Ok(taking) => self.loaded.push_back(taking),
                Err(reason) => self.unreadable.push((letter.id, DeadLetter { reason: reason.into(), ..letter.letter })),
            }
        }
    }

    /// No change of the items is under way.
    pub fn held(&mut self) {
        if matches!(self.under_way, Some(UnderWay::Hold)) {
            self.under_way = None;
        }
    }

    /// What the delivery came to.
    pub fn reported(&mut self, now: Timestamp, report: Report, version: &PluginVersion) -> Settled {
        let piece = match self.under_way.take() {
            Some(UnderWay::Delivery(piece)) => piece,
            other => {
                self.under_way = other;
                return Settled::default();
            }
        };
        let work = Work { not_before: now, ..Work::of(piece.iter().map(Taking::taken).collect()) };
        match report.outcome {
            Outcome::NotRun(reason) => {
                self.pieces.push_front(piece);
                self.back_off(now);
                Settled { reason: Some(reason.into()), ..Settled::default() }
            }
            Outcome::Failed(failure) if settle::may_bisect(&self.policy, &work, &failure) => {
                let failed = piece.len();
                let mut first = piece;
                let second = first.split_off(failed / 2);
                self.pieces.push_front(second);
                self.pieces.push_front(first);
                self.failures = 0;
                Settled { failed, reason: Some(failure.reason), backtrace: failure.backtrace, stuck: Vec::new() }
            }
            outcome => {
                self.failures = 0;
                let verdict = settle::judge(&self.policy, now, work, outcome, &report.reads);
                let commit = RedriveCommit { seen: report.seen, ..self.empty_commit(now) };
                let (reason, backtrace) = (verdict.reason.clone(), verdict.backtrace.clone());
                let told = Settled { failed: verdict.failed, reason, backtrace, stuck: Vec::new() };
                let commit = Settling::of(piece, verdict, report.effects, commit, (now, version));
                self.uncommitted = Some(commit);
                told
            }
        }
    }

    /// What came of the commit. What is gone by now, is told: how many letters are done, and how many failed.
    pub fn committed(&mut self, now: Timestamp, result: Result<(), RedriveError>) -> (usize, usize) {
        let settling = match self.under_way.take() {
            Some(UnderWay::Commit(settling)) => settling,
            other => {
                self.under_way = other;
                return (0, 0);
            }
        };
        match result {
            Ok(()) => {
                (self.failures, self.conflicts) = (0, 0);
                self.put_first(settling.again);
                return (settling.commit.done.len(), settling.commit.failed.len());
            }
            Err(RedriveError::Failed(_)) => {
                self.uncommitted = Some(settling);
                self.back_off(now);
            }
            Err(RedriveError::Conflict(_)) => {
                self.conflicts += 1;
                if self.conflicts > CONFLICTS_AT_ONCE {
                    self.not_before = now + self.policy.backoff.delay(self.conflicts - CONFLICTS_AT_ONCE, &mut self.random);
                }
                self.put_first(settling.piece);
            }
            Err(RedriveError::Gone(gone)) => {
                // Somebody dropped them. What they had a part in is not to be.
                self.put_first(settling.piece.into_iter().filter(|taking| !gone.contains(&taking.id)).collect());
            }
        }
        (0, 0)
    }

    fn commit(&mut self, settling: Settling) -> RedriveStep {
        let commit = settling.commit.clone();
        self.under_way = Some(UnderWay::Commit(settling));
        RedriveStep::Commit(commit)
    }

    fn empty_commit(&self, now: Timestamp) -> RedriveCommit {
        let trigger = self.origin.trigger.clone();
        RedriveCommit { trigger, done: Vec::new(), failed: Vec::new(), mutations: Vec::new(), seen: Vec::new(), now }
    }

    /// What is loaded is loaded again.
    fn forget(&mut self) {
        self.woken = true;
        self.loaded.clear();
        self.pieces.clear();
        self.unreadable.clear();
    }

    fn put_first(&mut self, piece: Piece) {
        if !piece.is_empty() {
            self.pieces.push_front(piece);
        }
    }

    fn back_off(&mut self, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        self.not_before = now + self.policy.backoff.delay(self.failures, &mut self.random);
    }

    /// The next batch: of the first letter's shard, as many as may go together. None overtakes an earlier one of its item.
    fn take(&mut self) -> Piece {
        let mut piece: Piece = Vec::new();
        let mut passed = BTreeSet::new();
        let mut bytes = 0;
        let mut full = false;
        for taking in std::mem::take(&mut self.loaded) {
            let size = self.origin.view.len_bytes(&taking.change);
            let fits = piece.is_empty() || (piece.len() < self.policy.records_max && bytes + size <= self.policy.bytes_max);
            let is_of_shard = piece.first().is_none_or(|first| first.place == taking.place);
            full |= is_of_shard && !fits;
            if full || !is_of_shard || passed.contains(&taking.item) {
                passed.insert(taking.item);
                self.loaded.push_back(taking);
            } else {
                bytes += size;
                piece.push(taking);
            }
        }
        piece
    }

    fn batch(&self, piece: &[Taking]) -> Batch {
        let attempts = piece.iter().map(|taking| taking.attempts).max().unwrap_or(0);
        let (stream, shard) = piece.first().map_or((self.origin.stream.clone(), "".into()), |first| first.place.clone());
        let origin = if stream == self.origin.stream { self.origin.clone() } else { Arc::new(Origin { stream, ..(*self.origin).clone() }) };
        Batch { origin, shard, attempt: attempts.saturating_add(1), changes: piece.iter().map(|taking| taking.change.clone()).collect() }
    }
}

impl Taking {
    fn taken(&self) -> Taken {
        Taken::new(0, self.change.clone()).after(self.attempts, self.first_attempt)
    }
}

impl Settling {
    fn of(
        piece: Piece,
        verdict: Verdict,
        effects: Vec<Effect>,
        mut commit: RedriveCommit,
        (now, version): (Timestamp, &PluginVersion),
    ) -> Self {
        // One change may be in several letters, after a rewind: each has its own copy.
        let ids: HashMap<*const Change, i64> = piece.iter().map(|taking| (Arc::as_ptr(&taking.change), taking.id)).collect();
        let id = |taken: &Taken| ids.get(&Arc::as_ptr(&taken.change)).copied();
        commit.done = verdict.done.iter().filter_map(id).collect();
        let failed = verdict.given_up.iter();
        commit.failed = failed
            .filter_map(|given_up| Some((id(&given_up.taken)?, given_up.dead_letter(now, version))))
            .collect();
        let is_done = |effect: &Effect| verdict.is_done.get(effect.change as usize).copied().unwrap_or(false);
        commit.mutations = effects.into_iter().filter(is_done).map(|effect| effect.mutation).collect();
        let waits: BTreeSet<i64> = verdict.again.iter().filter_map(id).collect();
        let again = piece.iter().filter(|taking| waits.contains(&taking.id)).cloned().collect();
        Self { piece, again, commit: Box::new(commit) }
    }
}

/// Makes a change of the letter, as the page did.
fn taking(letter: &Letter) -> Result<Taking, String> {
    let body = format!(r#"{{"Records":[{}]}}"#, letter.letter.record_json);
    let sliced = slice_page(Arc::new(body)).map_err(|error| format!("the record that is kept cannot be read: {error}"))?;
    let [change] =
        <[Change; 1]>::try_from(sliced.changes).map_err(|changes| format!("{} records are kept where one should be", changes.len()))?;
    Ok(Taking {
        id: letter.id,
        place: (letter.stream.clone(), letter.shard.clone()),
        item: ItemKey::of(&change),
        change: Arc::new(change),
        attempts: letter.letter.attempts,
        first_attempt: Timestamp::from_ms(letter.letter.first_attempt_ms),
    })
}
