//! What one seed plays: a story, what goes wrong, who follows, and when the host goes down.
//!
//! Invariant: a seed gives one scenario, whatever machine it runs on. Times are the world's, in milliseconds.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use fastrand::Rng;
use tripline_core::backoff::Backoff;
use tripline_core::delivery::{Policy, Then};
use tripline_core::follower;
use tripline_core::gap::OnGap;
use tripline_core::reader;
use tripline_core::start::Start;
use tripline_core::time::Timestamp;
use tripline_world::{Faults, HOUR_MS, Op, PerCall, SECOND_MS, Script, Shape, Story};

use crate::filter::Filter;

const MINUTE_MS: u64 = 60 * SECOND_MS;
/// Such a window is full of one change or two.
const WINDOW_SMALL: usize = 900;
pub(crate) const TABLE: &str = "orders";

#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
    pub(crate) story: Vec<(u64, Op)>,
    pub(crate) faults: Faults,
    /// The world throttles what is above AWS's limits.
    pub(crate) limited: bool,
    pub(crate) triggers: Vec<TriggerSpec>,
    pub(crate) host: HostSpec,
    pub(crate) downs: Vec<Down>,
    pub(crate) steers: Vec<Steer>,
    pub(crate) start_ms: u64,
    /// The host starts so long after the table was made.
    pub(crate) host_starts_ms: u64,
    pub(crate) end_ms: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct HostSpec {
    pub(crate) reader: reader::Pace,
    pub(crate) follower: follower::Pace,
    pub(crate) window_bytes_max: usize,
    pub(crate) budget_bytes: usize,
    /// The host's clock is so much ahead of the stream's.
    pub(crate) skew_ms: i64,
    /// What the host believes of the stream's clock lags so much behind it.
    pub(crate) clock_lag_ms: u64,
    pub(crate) latency_ms_max: u64,
    pub(crate) commit_ms_max: u64,
    pub(crate) commit_fails: f32,
    /// DescribeStream's page.
    pub(crate) shards_a_page: u64,
    pub(crate) records_a_page: u64,
    /// At a pause the host sleeps, and goes on as if nothing had been; else it is down.
    pub(crate) sleeps: bool,
}

/// The host goes down.
#[derive(Clone, Debug)]
pub(crate) struct Down {
    pub(crate) at_ms: u64,
    pub(crate) for_ms: u64,
    /// It finishes what is under way before; else it is killed.
    pub(crate) drains: bool,
}

/// An operator acts on a trigger. All that is paused or held goes on at the story's end.
#[derive(Clone, Debug)]
pub(crate) struct Steer {
    pub(crate) at_ms: u64,
    pub(crate) trigger: usize,
    pub(crate) act: Act,
}

#[derive(Clone, Debug)]
pub(crate) enum Act {
    Pause(bool),
    Parallel(usize),
    /// As a redrive of dead letters does, for so long: of some of all items.
    Hold {
        for_ms: u64,
        items: u32,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct TriggerSpec {
    pub(crate) start: Start,
    pub(crate) on_gap: OnGap,
    pub(crate) policy: Policy,
    /// Each handled change is appended to a list of its item in the trigger's state.
    pub(crate) keeps_state: bool,
    /// None: it wants every change.
    pub(crate) filter: Option<Filter>,
    pub(crate) manner: Manner,
}

/// How a handler behaves, until all is healed at the end.
#[derive(Clone, Debug)]
pub(crate) struct Manner {
    pub(crate) took_ms_max: u64,
    /// Never answers from then on, and until when; the run's end counts as healing.
    pub(crate) stuck: Option<(u64, u64)>,
    /// A change in so many fails each time; 0: none.
    pub(crate) poison_every: u32,
    pub(crate) partial: f32,
    pub(crate) whole: f32,
    pub(crate) reject: f32,
    pub(crate) not_run: f32,
    /// It names a change that is not there.
    pub(crate) lies: f32,
}

impl Manner {
    /// Must keep up whatever others do.
    pub(crate) fn is_healthy(&self, policy: &Policy) -> bool {
        let gets_past = policy.attempts_max.is_some() && policy.then != Then::Block;
        self.took_ms_max <= 100 && self.stuck.is_none() && (self.poison_every == 0 || gets_past)
    }
}

impl Scenario {
    pub(crate) fn of(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let shape = shape(&mut rng);
        let story = Story::generate(rng.u64(..), &shape);
        let start_ms = shape.start_ms;
        let last_ms = |(at_ms, op): &(u64, Op)| if let Op::JumpClock { ms } = op { at_ms + ms } else { *at_ms };
        let end_ms = story.last().map_or(start_ms, last_ms).max(start_ms + shape.span_ms) + 1;
        let host_starts_ms = start_ms + if rng.u8(..3) == 0 { rng.u64(0..=shape.span_ms / 2) } else { rng.u64(0..2 * SECOND_MS) };
        let host = host(&mut rng, &shape);
        let count = [1, 1, 2, 2, 3, 4][rng.usize(..6)];
        let mut triggers: Vec<_> = (0..count).map(|_| trigger(&mut rng, host_starts_ms, end_ms)).collect();
        if host.sleeps {
            // What is to end at a time would sleep beyond the end of all.
            let stuck = triggers.iter_mut().filter_map(|trigger: &mut TriggerSpec| trigger.manner.stuck.as_mut());
            stuck.for_each(|(_, until_ms)| *until_ms = u64::MAX);
        }
        // Dice of their own: what else a seed plays is not drawn otherwise.
        let mut filter_rng = Rng::with_seed(seed ^ 0x5eed_0006);
        for trigger in &mut triggers {
            trigger.filter = (filter_rng.u8(..3) == 0).then(|| Filter::of(&mut filter_rng));
        }
        let mut downs = downs(&mut rng, host_starts_ms, end_ms);
        if host.window_bytes_max < WINDOW_SMALL && rng.bool() {
            fall_behind(&mut rng, &mut triggers, &mut downs, end_ms);
        }
        let steers = steers(&mut rng, count, host_starts_ms, end_ms);
        let limited = rng.u8(..4) == 0;
        let mut host = host;
        if limited {
            // All pages of a call are asked at one time here: many would be more than is allowed.
            host.shards_a_page = 100;
        }
        let mut faults = faults(&mut rng);
        if host.shards_a_page < 100 {
            // A later page that fails would swallow the true answer between two lies.
            (faults.throttle.describe, faults.server_error.describe) = (0.0, 0.0);
        }
        Self { seed, story, faults, limited, triggers, host, downs, steers, start_ms, host_starts_ms, end_ms }
    }
}

/// How many of something that is often not there at all.
fn some(rng: &mut Rng, max: u32) -> u32 {
    if rng.bool() { 0 } else { rng.u32(0..=max) }
}

fn shape(rng: &mut Rng) -> Shape {
    let span_ms = match rng.u8(..10) {
        0..=4 => rng.u64(20 * SECOND_MS..2 * MINUTE_MS),
        5..=6 => rng.u64(10 * MINUTE_MS..HOUR_MS),
        7..=8 => rng.u64(2 * HOUR_MS..10 * HOUR_MS),
        _ => rng.u64(26 * HOUR_MS..60 * HOUR_MS),
    };
    let lives = rng.u8(..8);
    Shape {
        span_ms,
        shards: rng.u32(1..=3),
        records: rng.u32(3..60),
        items: rng.u32(1..10),
        splits: some(rng, 3),
        rolls: some(rng, 5),
        switches: if matches!(lives, 0 | 1) { rng.u32(1..=3) } else { 0 },
        remakes: if matches!(lives, 1 | 2) { rng.u32(1..=2) } else { 0 },
        hasty: rng.bool(),
        pauses: if rng.u8(..3) == 0 { rng.u32(1..=2) } else { 0 },
        pause_ms_max: 60 * HOUR_MS,
        ..Shape::quiet()
    }
}

fn host(rng: &mut Rng, shape: &Shape) -> HostSpec {
    // Hours of idle polls every second would be all that a run does.
    let idle_max = Duration::from_millis((shape.span_ms / 100).clamp(SECOND_MS, 5 * MINUTE_MS));
    let aws = reader::Pace::aws();
    let pages = rng.bool();
    HostSpec {
        reader: reader::Pace { idle_max, ..aws },
        follower: follower::Pace { relaxed: Duration::from_secs(30).max(idle_max), ..follower::Pace::default() },
        // A change weighs some 700 bytes.
        window_bytes_max: match rng.u8(..5) {
            0..=1 => rng.usize(1..WINDOW_SMALL),
            2 => rng.usize(1..5_000),
            _ => 1024 * 1024,
        },
        budget_bytes: if rng.u8(..4) == 0 { rng.usize(1..8_000) } else { 64 * 1024 * 1024 },
        skew_ms: if rng.u8(..5) == 0 { rng.i64(-2_000_000..2_000_000) } else { 0 },
        clock_lag_ms: if rng.bool() { rng.u64(0..1_500) } else { 0 },
        latency_ms_max: if rng.bool() { rng.u64(1..20) } else { rng.u64(20..800) },
        commit_ms_max: if rng.bool() { rng.u64(1..10) } else { rng.u64(10..2_000) },
        commit_fails: if rng.u8(..3) == 0 { rng.f32() / 2.0 } else { 0.0 },
        shards_a_page: if pages { 100 } else { rng.u64(1..4) },
        records_a_page: if pages { 1000 } else { rng.u64(1..10) },
        sleeps: rng.bool(),
    }
}

fn trigger(rng: &mut Rng, host_starts_ms: u64, end_ms: u64) -> TriggerSpec {
    let start = match rng.u8(..6) {
        0..=2 => Start::TrimHorizon,
        3..=4 => Start::Latest,
        _ => Start::At(Timestamp::from_ms(host_starts_ms + rng.u64(0..HOUR_MS) - HOUR_MS / 2)),
    };
    let keeps_state = rng.bool();
    let attempts_max = if rng.u8(..4) == 0 { None } else { NonZeroU32::new(rng.u32(1..6)) };
    let policy = Policy {
        records_max: if rng.bool() { rng.usize(1..6) } else { 100 },
        bytes_max: if rng.u8(..4) == 0 { rng.usize(1..500) } else { 1024 * 1024 },
        window: Duration::from_millis(if rng.u8(..4) == 0 { rng.u64(1..10_000) } else { 0 }),
        parallelism: if rng.bool() { 1 } else { rng.usize(2..9) },
        attempts_max,
        age_max: Duration::from_secs(24 * 60 * 60),
        backoff: Backoff { first: Duration::from_millis(100), max: Duration::from_secs(30) },
        bisect: rng.bool(),
        then: [Then::DeadLetter, Then::DeadLetter, Then::Skip, Then::Block][rng.usize(..4)],
        delivers_ahead: !keeps_state,
    };
    let on_gap = if rng.u8(..3) == 0 { OnGap::Stop } else { OnGap::Continue };
    TriggerSpec { start, on_gap, policy, keeps_state, filter: None, manner: manner(rng, host_starts_ms, end_ms) }
}

fn manner(rng: &mut Rng, host_starts_ms: u64, end_ms: u64) -> Manner {
    let fails = rng.u8(..4) > 0;
    let share = |rng: &mut Rng| if fails && rng.bool() { rng.f32() * 0.4 } else { 0.0 };
    let stuck = (rng.u8(..4) == 0).then(|| {
        let from_ms = rng.u64(host_starts_ms..=end_ms.max(host_starts_ms));
        let until_ms = if rng.bool() { u64::MAX } else { from_ms + rng.u64(0..=(end_ms - host_starts_ms).max(1)) };
        // Who hangs beyond the story's end is healed then.
        (from_ms, if until_ms > end_ms { u64::MAX } else { until_ms })
    });
    Manner {
        took_ms_max: match rng.u8(..4) {
            0 => rng.u64(1_000..60_000),
            1 => rng.u64(100..2_000),
            _ => rng.u64(1..50),
        },
        stuck,
        poison_every: if fails && rng.bool() { rng.u32(2..20) } else { 0 },
        partial: share(rng),
        whole: share(rng),
        reject: share(rng) / 4.0,
        not_run: share(rng),
        lies: share(rng),
    }
}

fn steers(rng: &mut Rng, triggers: usize, from_ms: u64, end_ms: u64) -> Vec<Steer> {
    let mut steers: Vec<Steer> = (0..some(rng, 6))
        .map(|_| Steer {
            at_ms: from_ms + rng.u64(1..=(end_ms.saturating_sub(from_ms)).max(1)),
            trigger: rng.usize(..triggers),
            act: match rng.u8(..6) {
                0..=1 => Act::Pause(rng.u8(..3) < 2),
                2..=3 => Act::Parallel(rng.usize(1..9)),
                _ => Act::Hold { for_ms: rng.u64(1..30_000), items: rng.u32(1..4) },
            },
        })
        .collect();
    steers.sort_by_key(|steer| steer.at_ms);
    steers
}

fn downs(rng: &mut Rng, from_ms: u64, end_ms: u64) -> Vec<Down> {
    let mut downs: Vec<Down> = (0..some(rng, 5))
        .map(|_| Down {
            at_ms: from_ms + rng.u64(1..=(end_ms.saturating_sub(from_ms)).max(1)),
            for_ms: match rng.u8(..12) {
                0 => rng.u64(HOUR_MS..30 * HOUR_MS),
                1 => rng.u64(MINUTE_MS..HOUR_MS),
                _ => rng.u64(SECOND_MS..20 * SECOND_MS),
            },
            drains: rng.u8(..3) == 0,
        })
        .collect();
    downs.sort_by_key(|down| down.at_ms);
    downs
}

/// One trigger hangs over its first change, and the host starts again with the others ahead of it.
fn fall_behind(rng: &mut Rng, triggers: &mut [TriggerSpec], downs: &mut Vec<Down>, end_ms: u64) {
    // Who lags and who is ahead both need the changes.
    triggers.iter_mut().for_each(|trigger| trigger.filter = None);
    let Some(first) = triggers.first_mut() else { return };
    let at_ms = end_ms - rng.u64(0..=5 * SECOND_MS);
    first.policy.records_max = 1;
    first.manner.stuck = Some((at_ms - rng.u64(SECOND_MS..MINUTE_MS), u64::MAX));
    // Who is ahead is there only where others are well.
    triggers
        .iter_mut()
        .skip(1)
        .take(1)
        .for_each(|other| other.manner = Manner { took_ms_max: 20, stuck: None, poison_every: 0, ..other.manner.clone() });
    downs.retain(|down| down.at_ms + down.for_ms + 2 * SECOND_MS < at_ms);
    downs.push(Down { at_ms, for_ms: SECOND_MS, drains: false });
}

fn faults(rng: &mut Rng) -> Faults {
    let share = match rng.u8(..4) {
        0 => return Faults::default(),
        1 => 0.02,
        2 => 0.1,
        _ => 0.3,
    };
    let one_of_two = rng.bool();
    // Of each kind only in some seeds, so that one does not hide another.
    let mut one = |max: f32| if rng.bool() { share * max } else { 0.0 };
    let mut all = Faults {
        throttle: PerCall::all(one(1.0)),
        server_error: PerCall::all(one(1.0)),
        slow: one(0.5),
        cut_off: one(0.5),
        no_answer: one(0.5),
        html: one(0.5),
        empty_page: one(3.0),
        same_iterator: one(1.0),
        short_page: one(2.0),
        late_end: one(3.0),
        early_expiry: one(1.0),
        not_found: one(1.0),
        missing_parent: one(3.0),
        missing_child: one(2.0),
        missing_middle: one(3.0),
        no_parent_id: one(2.0),
        repeated_shard: one(2.0),
        open_parent: one(2.0),
        false_last: one(2.0),
        list_lag: one(3.0),
        ..Faults::default()
    };
    // A parent that is hidden and not named either cannot be known of.
    if one_of_two {
        (all.missing_parent, all.missing_middle) = (0.0, 0.0);
    } else {
        all.no_parent_id = 0.0;
    }
    // Core takes thirty in a row for the tip, since no answer says what is; two readers share the world's true ones.
    all.empty_pages_max = 8;
    all
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}: host {:?}", self.seed, self.host)?;
        writeln!(f, "limited: {}; {:?}", self.limited, self.faults)?;
        for (index, trigger) in self.triggers.iter().enumerate() {
            writeln!(f, "trigger {index}: {trigger:?}")?;
        }
        let since = |at_ms: u64| at_ms.saturating_sub(self.start_ms);
        for steer in &self.steers {
            writeln!(f, "trigger {} at +{} ms: {:?}", steer.trigger, since(steer.at_ms), steer.act)?;
        }
        writeln!(f, "the host starts at +{} ms; the story ends at +{} ms", since(self.host_starts_ms), since(self.end_ms))?;
        for down in &self.downs {
            writeln!(f, "down at +{} ms for {} ms{}", since(down.at_ms), down.for_ms, if down.drains { ", drained" } else { "" })?;
        }
        write!(f, "{}", Script(&self.story))
    }
}
