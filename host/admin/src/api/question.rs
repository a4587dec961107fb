//! What can be asked of a host, as values: a request becomes one, and so does a command.

use axum::RequestExt as _;
use axum::extract::Path;
use axum::extract::{Request, rejection::PathRejection};
use axum::http::Method;
use serde::{Deserialize, Serialize};
use tripline_core::name::{StreamName, TriggerName};

use super::input;
use super::problem::{Kind, Problem};

const LIMIT_DEFAULT: u64 = 100;
const LIMIT_MAX: u64 = 1_000;
const IDS_MAX: usize = 1_000;
const ID_MAX: u64 = i64::MAX as u64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    Streams,
    Stream(StreamName),
    Triggers,
    Trigger(TriggerName),
    Pause(TriggerName),
    Resume(TriggerName),
    /// So many batches of a shard at once, from 1 to `PARALLELISM_MAX`.
    Parallel(TriggerName, usize),
    Rewind(TriggerName, RewindWish),
    Plugins,
    DeadLetters {
        trigger: Option<TriggerName>,
        pattern: Option<String>,
        page: Page<i64>,
    },
    DeadLetter(i64),
    Redrive(Letters),
    Drop(Letters),
    State {
        trigger: TriggerName,
        prefix: String,
        page: Page<String>,
    },
    Counters {
        trigger: Option<TriggerName>,
        page: Page<usize>,
    },
}

/// At most `limit` of those that come after `after`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    pub after: Option<T>,
    pub limit: usize,
}

/// Where to a trigger is set back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RewindWish {
    /// `trim-horizon`, a sequence number (perhaps `SHARD:NUMBER`), or a time of RFC 3339.
    pub to: String,
    /// Only say what it would do.
    #[serde(default)]
    pub dry_run: bool,
    /// The trigger's counters and state go too.
    #[serde(default)]
    pub reset_state: bool,
}

/// Which dead letters: these, or those of the trigger that the pattern fits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Letters {
    #[serde(default, deserialize_with = "input::integers", skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<i64>>,
    #[serde(default, deserialize_with = "input::present", skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    #[serde(default, deserialize_with = "input::present", skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// To say that all are meant.
    #[serde(default, deserialize_with = "input::present", skip_serializing_if = "Option::is_none")]
    pub all: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AtOnce {
    #[serde(deserialize_with = "input::integer")]
    parallelism: i64,
}

/// As in the config.
pub const PARALLELISM_MAX: u16 = 64;

impl AtOnce {
    fn check(self) -> Result<usize, Problem> {
        let fits = usize::try_from(self.parallelism)
            .ok()
            .filter(|parallelism| (1..=PARALLELISM_MAX.into()).contains(parallelism));
        fits.ok_or_else(|| Problem::invalid(format!("`parallelism`: a number from 1 to {PARALLELISM_MAX}")))
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    trigger: Option<String>,
    pattern: Option<String>,
    prefix: Option<String>,
    after: Option<String>,
    limit: Option<String>,
}

/// `path`: below `/api/v1`; one that a route has.
pub(super) async fn of(path: &str, mut request: Request) -> Result<Question, Problem> {
    let named: Result<Path<String>, PathRejection> = request.extract_parts().await;
    let name = named.map(|Path(name)| name);
    let named = || name.map_err(|error| Problem::invalid(format!("the path: {}", error.body_text())));
    let mut parts = path.split('/').skip(1);
    let (kind, second, third) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    if request.method() == Method::POST {
        input::no_query(request.uri())?;
        return match (kind, third.or(second)) {
            ("triggers", Some("pause")) => {
                let name = named()?;
                input::body::<Nothing>(request).await.map(|_| Question::Pause(name.into()))
            }
            ("triggers", Some("resume")) => {
                let name = named()?;
                input::body::<Nothing>(request).await.map(|_| Question::Resume(name.into()))
            }
            ("triggers", Some("parallelism")) => {
                let name = named()?;
                Ok(Question::Parallel(name.into(), input::body::<AtOnce>(request).await?.check()?))
            }
            ("triggers", Some("rewind")) => {
                let name = named()?;
                Ok(Question::Rewind(name.into(), input::body(request).await?))
            }
            ("dead-letters", Some("redrive")) => letters(request).await.map(Question::Redrive),
            _ => letters(request).await.map(Question::Drop),
        };
    }
    let uri = request.uri();
    match (kind, second) {
        ("dead-letters", None) => dead_letters(input::query(uri)?),
        ("state", _) => state(input::query(uri)?),
        ("counters", _) => counters(input::query(uri)?),
        (kind, second) => {
            input::no_query(uri)?;
            match (kind, second) {
                ("streams", None) => Ok(Question::Streams),
                ("streams", _) => Ok(Question::Stream(named()?.into())),
                ("triggers", None) => Ok(Question::Triggers),
                ("triggers", _) => Ok(Question::Trigger(named()?.into())),
                ("dead-letters", _) => Ok(Question::DeadLetter(id("the id", &named()?)?)),
                ("plugins", _) => Ok(Question::Plugins),
                _ => Err(Problem::new(Kind::NoSuchPath, "there is no such path")),
            }
        }
    }
}

async fn letters(request: Request) -> Result<Letters, Problem> {
    let letters: Letters = input::body(request).await?;
    letters.check().map_err(Problem::invalid)?;
    Ok(letters)
}

impl Letters {
    /// Why this names no letters.
    pub fn check(&self) -> Result<(), String> {
        let text = |text: &Option<String>| text.as_ref().is_none_or(|text| (1..=input::TEXT_CHARS_MAX).contains(&text.chars().count()));
        if self.all == Some(false) {
            return Err("`all` is true, or is left out".to_owned());
        }
        if self
            .ids
            .as_ref()
            .is_some_and(|ids| ids.is_empty() || ids.len() > IDS_MAX || ids.iter().any(|id| *id < 1))
        {
            return Err(format!("`ids` must be 1 to {IDS_MAX} numbers from 1 up"));
        }
        if !text(&self.trigger) || !text(&self.pattern) {
            return Err(format!("`trigger` and `pattern` must have 1 to {} characters", input::TEXT_CHARS_MAX));
        }
        if self.ids.is_some() && (self.trigger.is_some() || self.pattern.is_some() || self.all.is_some()) {
            return Err("`ids` stands alone: leave out the others, or the ids".to_owned());
        }
        if *self == Self::default() {
            return Err("say which: `ids`, `trigger`, `pattern`, or `all`: true".to_owned());
        }
        Ok(())
    }
}

fn id(name: &str, text: &str) -> Result<i64, Problem> {
    let number = input::number(name, text, 1..=ID_MAX)?;
    i64::try_from(number).map_err(|error| Problem::invalid(error.to_string()))
}

/// What this path does not take is refused as if it were unknown.
fn only(wanted: &Wanted, takes: [bool; 3]) -> Result<(), Problem> {
    let given = [wanted.trigger.is_some(), wanted.pattern.is_some(), wanted.prefix.is_some()];
    let names = ["trigger", "pattern", "prefix"];
    let odd = names.iter().zip(given).zip(takes).find(|((_, given), takes)| *given && !takes);
    odd.map_or(Ok(()), |((name, _), _)| Err(Problem::invalid(format!("the query: unknown field `{name}`"))))
}

fn limit(wanted: &Wanted) -> Result<usize, Problem> {
    let limit = wanted.limit.as_deref().map(|text| input::number("limit", text, 1..=LIMIT_MAX)).transpose()?;
    Ok(limit.unwrap_or(LIMIT_DEFAULT) as usize)
}

fn dead_letters(wanted: Wanted) -> Result<Question, Problem> {
    only(&wanted, [true, true, false])?;
    let limit = limit(&wanted)?;
    let after = wanted.after.as_deref().map(|text| id("after", text)).transpose()?;
    let trigger = input::text("trigger", wanted.trigger)?.map(TriggerName::from);
    Ok(Question::DeadLetters { trigger, pattern: input::text("pattern", wanted.pattern)?, page: Page { after, limit } })
}

fn state(wanted: Wanted) -> Result<Question, Problem> {
    only(&wanted, [true, false, true])?;
    let limit = limit(&wanted)?;
    let trigger = input::text("trigger", wanted.trigger)?;
    let trigger = trigger.ok_or_else(|| Problem::invalid("`trigger` is missing: name the trigger whose state is wanted"))?;
    let page = Page { after: wanted.after, limit };
    Ok(Question::State { trigger: trigger.into(), prefix: wanted.prefix.unwrap_or_default(), page })
}

fn counters(wanted: Wanted) -> Result<Question, Problem> {
    only(&wanted, [true, false, false])?;
    let limit = limit(&wanted)?;
    let after = wanted.after.as_deref().map(|text| input::number("after", text, 1..=1_000_000_000)).transpose()?;
    let trigger = input::text("trigger", wanted.trigger)?.map(TriggerName::from);
    Ok(Question::Counters { trigger, page: Page { after: after.map(|after| after as usize), limit } })
}
