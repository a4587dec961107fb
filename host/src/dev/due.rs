//! What has to be built, and when.
//!
//! Always holds: what differs from the last good build is built, whenever it was saved: while the config was broken, or while a host drained. A build
//! that writes into what is watched comes to its end, and not again at once.
//! Decides; runs nothing.

use std::time::Duration;

use super::sources::Print;

/// So often in a row a save ends the build that is under way; then builds come to their ends.
const GIVEN_UP_MAX: u32 = 2;
const PAUSE_FIRST: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// The last good build: its command, and the sources that it had.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) command: String,
    pub(super) sources: Print,
}

pub(super) fn is_due(made: Option<&Made>, command: &str, sources: &Print) -> bool {
    made.is_none_or(|made| made.command != command || made.sources != *sources)
}

/// In how many builds in a row sources have changed under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Unrest(u32);

impl Unrest {
    /// A save ends the next build.
    pub(super) fn gives_up(self) -> bool {
        self.0 < GIVEN_UP_MAX
    }

    /// How long the next build waits.
    pub(super) fn pause(self) -> Duration {
        match self.0.checked_sub(GIVEN_UP_MAX) {
            Some(more) if more > 0 => PAUSE_FIRST.saturating_mul(1 << (more - 1).min(10)).min(PAUSE_MAX),
            _ => Duration::ZERO,
        }
    }

    pub(super) fn after(self, changed: bool) -> Self {
        if changed { Self(self.0.saturating_add(1)) } else { Self(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After builds, of which `+` had its sources changed under way.
    #[track_caller]
    fn check(builds: &str, gives_up: bool, pause_s: u64) {
        let unrest = builds.chars().fold(Unrest::default(), |unrest, build| unrest.after(build == '+'));
        assert_eq!((unrest.gives_up(), unrest.pause()), (gives_up, Duration::from_secs(pause_s)), "{builds}");
    }

    #[test]
    fn a_build_that_disturbs_itself_comes_to_its_end_and_ever_less_often() {
        check("", true, 0);
        check("+", true, 0);
        check("++", false, 0);
        check("+++", false, 1);
        check("++++", false, 2);
        check("+++++++++++++++++++++++", false, 30);
        check("++++-", true, 0);
        check("++++-+", true, 0);
    }

    #[test]
    fn what_differs_from_the_last_good_build_is_due() {
        let print = |text: &str| Print::of(&[("src/a", text)]);
        let made = Made { command: "make".into(), sources: print("1") };
        for (made, command, sources, due) in [
            (None, "make", "1", true),
            (Some(&made), "make", "1", false),
            (Some(&made), "make", "2", true),
            (Some(&made), "make all", "1", true),
        ] {
            assert_eq!(is_due(made, command, &print(sources)), due, "{command} {sources}");
        }
    }
}
