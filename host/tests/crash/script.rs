//! What a seed makes of a round: how much is written at what pace, when the host starts, what happens to a plugin's file, and how the host ends.
//!
//! Always holds: the same seed makes the same script, whatever the rounds before it came to.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

const BURSTS: Range<usize> = 4..14;
const BURST_CHANGES: Range<u64> = 2..30;
/// The last is held back until the host has lived: there is something under way when it ends, also where it had caught up.
const LAST_BURST_CHANGES: Range<u64> = 10..80;
const BURST_PAUSE_MS: Range<u64> = 0..250;
/// Mostly short, since a kill is about what is under way; long enough now and then to catch up.
const LIVES_MS: [Range<u64>; 4] = [0..1, 0..200, 0..1500, 1000..4000];

#[derive(Clone, Debug)]
pub(crate) struct Round {
    /// So many changes, then a pause.
    pub(crate) bursts: Vec<(u64, Duration)>,
    /// And so many once the host has lived.
    pub(crate) last_burst: u64,
    /// The host starts once so many changes of the round are written; the last burst is not among them.
    pub(crate) start_at: u64,
    /// How long the host runs before its end is waited for.
    pub(crate) lives: Duration,
    /// So long after it runs.
    pub(crate) swap: Option<(Duration, Swap)>,
    pub(crate) end: End,
    /// Once the host is gone, dead letters of `picky` are marked: the next one delivers them again.
    pub(crate) redrive: bool,
}

/// What becomes of a plugin's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Swap {
    /// A new version is renamed over it.
    Rename,
    /// A new version is written into it.
    Write,
    /// No component.
    Garbage,
    /// A component whose probe fails.
    Unfit,
}

/// How the host ends, after it has run for a while. Changes are counted from the round's beginning, mails from that of the wait; each time is from
/// the moment that is named before it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    /// SIGKILL while it may not run yet.
    KillStarting {
        after: Duration,
    },
    KillRunning {
        after: Duration,
    },
    KillAtChange {
        changes: u64,
        after: Duration,
    },
    /// When the mail server has taken so many, and has not answered the last of them.
    KillAtMail {
        mails: usize,
        after: Duration,
    },
    /// SIGTERM, then SIGKILL while it drains.
    KillDraining {
        changes: u64,
        after: Duration,
    },
    /// SIGTERM, then SIGINT.
    SecondSignal {
        changes: u64,
        after: Duration,
    },
    /// SIGTERM, and all the time that it wants.
    Stop {
        changes: u64,
    },
}

impl End {
    /// What is counted in the summary.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::KillStarting { .. } => "kill_starting",
            Self::KillRunning { .. } => "kill_running",
            Self::KillAtChange { .. } => "kill_at_change",
            Self::KillAtMail { .. } => "kill_at_mail",
            Self::KillDraining { .. } => "kill_draining",
            Self::SecondSignal { .. } => "second_signal",
            Self::Stop { .. } => "stop",
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KillStarting { after } => write!(f, "killed {after:?} after it was started"),
            Self::KillRunning { after } => write!(f, "killed {after:?} later"),
            Self::KillAtChange { changes, after } => write!(f, "killed {after:?} after change {changes}"),
            Self::KillAtMail { mails, after } => write!(f, "killed {after:?} after mail {mails}"),
            Self::KillDraining { changes, after } => write!(f, "SIGTERM at change {changes}, killed {after:?} later"),
            Self::SecondSignal { changes, after } => write!(f, "SIGTERM at change {changes}, SIGINT {after:?} later"),
            Self::Stop { changes } => write!(f, "SIGTERM at change {changes}"),
        }
    }
}

impl Round {
    pub(crate) fn changes(&self) -> u64 {
        self.bursts.iter().map(|(changes, _)| changes).sum::<u64>() + self.last_burst
    }
}

/// One round after the other, without end.
pub(crate) struct Script(fastrand::Rng);

impl Script {
    pub(crate) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    fn ms(&mut self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.0.u64(range))
    }

    /// Somewhere in the last burst, which begins after `before`.
    fn end(&mut self, before: u64, last_burst: u64) -> End {
        let at = before + self.0.u64(1..=last_burst);
        match self.0.u8(..100) {
            0..14 => End::KillStarting { after: self.ms(0..600) },
            14..30 => End::KillRunning { after: self.ms(0..150) },
            30..50 => End::KillAtChange { changes: at, after: self.ms(0..40) },
            50..72 => End::KillAtMail { mails: self.0.usize(1..8), after: self.ms(0..4) },
            72..86 => End::KillDraining { changes: at, after: self.ms(0..30) },
            86..91 => End::SecondSignal { changes: at, after: self.ms(0..20) },
            _ => End::Stop { changes: at },
        }
    }
}

impl Iterator for Script {
    type Item = Round;

    fn next(&mut self) -> Option<Round> {
        let bursts: Vec<_> = (0..self.0.usize(BURSTS)).map(|_| (self.0.u64(BURST_CHANGES), self.ms(BURST_PAUSE_MS))).collect();
        let changes = bursts.iter().map(|(changes, _)| changes).sum();
        let start_at = if self.0.bool() { 0 } else { self.0.u64(..changes) };
        let swaps = [Swap::Rename, Swap::Write, Swap::Garbage, Swap::Unfit];
        let swap = (self.0.u8(..3) == 0).then(|| (self.ms(0..150), swaps[self.0.usize(..swaps.len())]));
        let last_burst = self.0.u64(LAST_BURST_CHANGES);
        let lives = LIVES_MS[self.0.usize(..LIVES_MS.len())].clone();
        let (lives, end) = (self.ms(lives), self.end(changes, last_burst));
        // It may not live to see one.
        let swap = swap.filter(|_| !matches!(end, End::KillStarting { .. }));
        let redrive = self.0.bool();
        Some(Round { bursts, last_burst, start_at, lives, swap, end, redrive })
    }
}
