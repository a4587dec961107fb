//! When dead letters near their bounds are warned of, and when those beyond are dropped.
//!
//! Invariant: nothing is dropped before the warning has stood for `GRACE`, or a tenth of the age where that is less: a host that was down until
//! its letters were too old says so first, and so does one whose letters come faster than anybody looks. Until then more is kept than the bounds say.
//! Knows neither the clock nor the store: it is told what is kept, every few seconds.

use std::time::Duration;

use crate::letter::{Bounds, Kept};
use crate::time::Timestamp;

/// How long whoever scrapes has to see the warning.
const GRACE: Duration = Duration::from_secs(60);

/// What to do after a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// To be told: the inner none takes back what was told.
    pub tell: Option<Option<String>>,
    /// Whether what is beyond the bounds goes now.
    pub drops: bool,
}

#[derive(Debug)]
pub struct Keeper {
    bounds: Bounds,
    /// Since when the warning stands.
    warned: Option<Timestamp>,
}

impl Keeper {
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, warned: None }
    }

    pub fn look(&mut self, now: Timestamp, kept: &Kept) -> Look {
        let warning = self.warning(now, kept);
        let Some(text) = warning else {
            let tell = self.warned.take().map(|_| None);
            return Look { tell, drops: false };
        };
        match self.warned {
            Some(since) => Look { tell: None, drops: now.since(since) >= GRACE.min(self.bounds.age_max / 10) },
            None => {
                self.warned = Some(now);
                Look { tell: Some(Some(text)), drops: false }
            }
        }
    }

    /// At four fifths of the bytes, or when the oldest has a tenth of its time left.
    fn warning(&self, now: Timestamp, kept: &Kept) -> Option<String> {
        let Bounds { age_max, bytes_max } = self.bounds;
        let by_bytes = (kept.bytes > bytes_max / 5 * 4).then(|| format!("take {} of {bytes_max} bytes", kept.bytes));
        let oldest = kept.oldest.map(|oldest| now.since(oldest)).filter(|age| *age > age_max / 10 * 9);
        let by_age = oldest.map(|age| format!("are up to {} of {} seconds old", age.as_secs(), age_max.as_secs()));
        let what: Vec<String> = by_bytes.into_iter().chain(by_age).collect();
        (!what.is_empty()).then(|| {
            format!(
                "the dead letters {}: beyond that the oldest are dropped. See `tripline dlq list`, redrive or drop them, or raise `dead_letters` in [host]",
                what.join(", and ")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `at` seconds, so many bytes, the oldest written at so many seconds.
    #[track_caller]
    fn check(looks: &[(u64, u64, Option<u64>, &str)]) {
        let mut keeper = Keeper::new(Bounds { age_max: Duration::from_secs(1000), bytes_max: 100 });
        for (at, bytes, oldest, expected) in looks {
            let oldest = oldest.map(|oldest| Timestamp::from_ms(oldest * 1000));
            let look = keeper.look(Timestamp::from_ms(at * 1000), &Kept { letters: Vec::new(), bytes: *bytes, oldest });
            let told = match &look.tell {
                Some(Some(text)) => text.split(": beyond").next().unwrap(),
                Some(None) => "well",
                None => "",
            };
            assert_eq!(format!("{told}{}", if look.drops { " drops" } else { "" }), *expected, "at {at}");
        }
    }

    #[test]
    fn nothing_is_said_of_what_is_well_within_the_bounds() {
        check(&[(0, 0, None, ""), (5, 80, Some(0), ""), (900, 80, Some(0), "")]);
    }

    #[test]
    fn a_warning_is_told_once_and_stands_a_while_before_anything_goes() {
        let bytes = "the dead letters take 81 of 100 bytes";
        check(&[
            (0, 81, Some(0), bytes),
            (5, 500, Some(0), ""),
            (59, 500, Some(0), ""),
            (60, 500, Some(0), " drops"),
            (65, 100, Some(0), " drops"),
        ]);
        check(&[
            (901, 1, Some(0), "the dead letters are up to 901 of 1000 seconds old"),
            (960, 1, Some(0), ""),
            (961, 1, Some(0), " drops"),
        ]);
        let both = "the dead letters take 500 of 100 bytes, and are up to 5000 of 1000 seconds old";
        check(&[(5000, 500, Some(0), both)]);
    }

    #[test]
    fn what_is_well_again_is_taken_back_and_the_grace_begins_anew() {
        let bytes = "the dead letters take 90 of 100 bytes";
        check(&[
            (0, 90, Some(0), bytes),
            (70, 10, Some(70), "well"),
            (75, 10, Some(70), ""),
            (80, 90, Some(70), bytes),
            (85, 90, Some(70), ""),
        ]);
    }
}
