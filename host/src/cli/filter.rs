//! `tripline filter`: which recorded changes match patterns and, of those that do not, why.
//!
//! Always holds: what is said to match is what a host lets pass, by the same compiled filters. It succeeds where the patterns and the events could be
//! read, whatever matches.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use clap::Args;
use serde::Serialize;
use serde_json::value::RawValue;
use tripline_core::change::Change;
use tripline_core::filter::{Document, Explainer, FilterSet, Pattern, PatternError, Scratch, Warning};
use tripline_core::name::TriggerName;

use super::{output, test};
use crate::config::Config;
use crate::rehearsal::Events;

/// Of a refused pattern's line, on each side of the fault.
const CONTEXT_CHARS: usize = 60;

#[derive(Args, Debug)]
pub(crate) struct Options {
    /// A pattern as in a trigger's `filters`, or @FILE that holds it. Of several, one must match, as in a trigger.
    #[arg(required_unless_present = "trigger", conflicts_with = "trigger", value_name = "PATTERN")]
    patterns: Vec<String>,
    /// The filters of a trigger of the config.
    #[arg(long, value_name = "NAME")]
    trigger: Option<String>,
    /// The config file of --trigger.
    #[arg(short, long, default_value = "tripline.toml", value_name = "FILE", requires = "trigger")]
    config: PathBuf,
    /// The changes: JSON lines as `streams tail --json` prints them, Lambda events, or a list; `-`: standard input.
    #[arg(long, value_name = "FILE")]
    events: PathBuf,
    /// Print one line of JSON for each change, and one for all.
    #[arg(long)]
    json: bool,
}

/// A pattern that was read.
struct Wanted {
    /// `pattern 2`, or nothing where there is one.
    name: String,
    pattern: Pattern,
    explainer: Explainer,
}

#[derive(Serialize)]
struct Verdict<'a> {
    /// From 1, in the file's order.
    record: usize,
    event_name: &'static str,
    event_id: &'a str,
    keys: &'a RawValue,
    matches: bool,
    /// The number of the first pattern that matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed: Vec<Condition>,
}

/// One that does not hold.
#[derive(Serialize)]
struct Condition {
    /// From 1.
    pattern: usize,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    choice: Option<String>,
    wants: String,
    found: String,
}

#[derive(Serialize)]
struct Total {
    records: usize,
    matched: usize,
    warnings: Vec<Warned>,
}

#[derive(Serialize)]
struct Warned {
    pattern: usize,
    line: usize,
    column: usize,
    what: String,
    remedy: String,
    /// The whole pattern never matches because of it.
    never_matches: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let wanted = match &options.trigger {
        Some(name) => of_trigger(&options.config, name)?,
        None => read_patterns(&options.patterns)?,
    };
    let (text, file) = test::read_events(&options.events)?;
    let events = Events::read(&text, &file)?;
    let warnings: Vec<(usize, Warning)> = (1..)
        .zip(&wanted)
        .flat_map(|(number, wanted)| wanted.pattern.warnings(events.view()).into_iter().map(move |warning| (number, warning)))
        .collect();
    if !options.json {
        warnings.iter().try_for_each(|(number, warning)| print_warning(&wanted[number - 1], warning))?;
    }
    let set = FilterSet::new(wanted.iter().map(|wanted| std::slice::from_ref(&wanted.pattern)));
    let (mut scratch, mut matched) = (Scratch::default(), 0);
    for (record, change) in (1..).zip(events.changes()) {
        let passes = set.passes(change, events.stream(), &mut scratch);
        let pattern = (0..wanted.len()).find(|index| passes.has(*index)).map(|index| index + 1);
        matched += usize::from(pattern.is_some());
        let verdict = judge(record, change, pattern, &wanted, &events)?;
        if options.json { output::line(&serde_json::to_string(&verdict)?)? } else { print(&verdict, &wanted)? }
    }
    let records = events.changes().len();
    if options.json {
        let warnings = warnings.into_iter().map(warned).collect();
        return output::line(&serde_json::to_string(&Total { records, matched, warnings })?);
    }
    output::line(&format!("{matched} of {records} {}", if records == 1 { "record matches" } else { "records match" }))
}

fn read_patterns(texts: &[String]) -> Result<Vec<Wanted>> {
    let mut patterns = Vec::with_capacity(texts.len());
    for (number, text) in (1..).zip(texts) {
        let (place, text) = match text.strip_prefix('@') {
            Some(file) => (file.to_owned(), read(Path::new(file))?),
            None if texts.len() == 1 => ("pattern".to_owned(), text.clone()),
            None => (format!("pattern {number}"), text.clone()),
        };
        patterns.push(Pattern::parse(&text).map_err(|error| anyhow!("{place}, {}", refusal(&error, &text)))?);
    }
    Ok(wanted(patterns))
}

fn of_trigger(file: &Path, name: &str) -> Result<Vec<Wanted>> {
    let mut config = Config::load_without_secrets(file)?;
    let names: Vec<String> = config.triggers.keys().map(ToString::to_string).collect();
    let trigger = config
        .triggers
        .remove(&TriggerName::from(name))
        .with_context(|| format!("{} has no trigger `{name}`: it has {}", file.display(), names.join(", ")))?;
    ensure!(!trigger.filters.is_empty(), "trigger `{name}` has no filters: it gets every change");
    Ok(wanted(trigger.filters.to_vec()))
}

fn wanted(patterns: Vec<Pattern>) -> Vec<Wanted> {
    let is_one = patterns.len() == 1;
    let name = |number: usize| if is_one { String::new() } else { format!("pattern {number}") };
    let patterns = (1..).zip(patterns);
    patterns
        .map(|(number, pattern)| Wanted { name: name(number), explainer: Explainer::new(&pattern), pattern })
        .collect()
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{} cannot be read: name a file that holds a pattern", path.display()))
}

/// What is wrong, and a caret below the place.
fn refusal(error: &PatternError, text: &str) -> String {
    let line: Vec<char> = text.lines().nth(error.place.line - 1).unwrap_or_default().chars().collect();
    let at = error.place.column - 1;
    let first = at.saturating_sub(CONTEXT_CHARS);
    let last = line.len().min(at + CONTEXT_CHARS);
    let shown: String = line[first.min(last)..last].iter().map(|char| if char.is_control() { ' ' } else { *char }).collect();
    let (before, after) = (if first > 0 { "…" } else { "" }, if last < line.len() { "…" } else { "" });
    format!("{error}\n  {before}{shown}{after}\n  {}^", " ".repeat(before.chars().count() + at - first))
}

fn judge<'a>(record: usize, change: &'a Change, pattern: Option<usize>, wanted: &[Wanted], events: &Events) -> Result<Verdict<'a>> {
    let mut verdict = Verdict {
        record,
        event_name: change.event_name.as_str(),
        event_id: &change.event_id,
        keys: serde_json::from_str(change.keys_json())?,
        matches: pattern.is_some(),
        pattern,
        unreadable: None,
        failed: Vec::new(),
    };
    match Document::of(change, events.stream()) {
        Err(error) => verdict.unreadable = Some(error.to_string()),
        Ok(_) if verdict.matches => {}
        Ok(document) => {
            for (pattern, wanted) in (1..).zip(wanted) {
                let failed = wanted.explainer.failed(&document).into_iter();
                verdict.failed.extend(failed.map(|failed| Condition {
                    pattern,
                    path: failed.path,
                    choice: failed.choice,
                    wants: failed.wants,
                    found: failed.found,
                }));
            }
        }
    }
    Ok(verdict)
}

fn print(verdict: &Verdict<'_>, wanted: &[Wanted]) -> Result<()> {
    let matches = match verdict.pattern.map(|number| &wanted[number - 1].name) {
        None => "no match".to_owned(),
        Some(name) if name.is_empty() => "matches".to_owned(),
        Some(name) => format!("matches {name}"),
    };
    output::line(&format!("{}  {}  {}  {matches}", verdict.record, verdict.event_name, output::tame(verdict.keys.get())))?;
    if let Some(unreadable) = &verdict.unreadable {
        output::line(&format!("     {unreadable}; where a pattern looks at that, the change passes, for its plugin to refuse"))?;
    }
    for condition in &verdict.failed {
        let name = &wanted[condition.pattern - 1].name;
        let place = [Some(name).filter(|name| !name.is_empty()), condition.choice.as_ref()];
        let place: String = place.into_iter().flatten().map(|place| format!("{place}: ")).collect();
        let line = format!("     {place}{} must be {}, and is {}", condition.path, condition.wants, condition.found);
        output::line(&output::tame(&line))?;
    }
    Ok(())
}

fn print_warning(wanted: &Wanted, warning: &Warning) -> Result<()> {
    let comma = if wanted.name.is_empty() { "" } else { ", " };
    let never = if warning.whole { ": it never matches" } else { "" };
    output::line(&format!("warning: {}{comma}{}: {}{never}; {}", wanted.name, warning.place, warning.what, warning.remedy))
}

fn warned((pattern, warning): (usize, Warning)) -> Warned {
    let Warning { place, what, remedy, whole } = warning;
    Warned { pattern, line: place.line, column: place.column, what, remedy, never_matches: whole }
}
