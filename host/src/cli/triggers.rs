//! `tripline triggers`: what they do, and pausing, resuming and rewinding them, with a running host or without.

use anyhow::Result;
use clap::{Args, Subcommand};
use tripline_admin::{PARALLELISM_MAX, Question, RewindWish};
use tripline_core::name::TriggerName;

use super::desk::{Answer, Desk};
use super::output;
use crate::operate::view::{PageView, PausedBy, RewindView, TriggerDetail, TriggerView};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the config's triggers: how far behind each is, what is paused, what failed.
    List(ListOptions),
    /// Deliver nothing to a trigger until it is resumed, also after a restart. It keeps its position.
    Pause(NameOptions),
    /// Let a paused trigger go on where it was.
    Resume(NameOptions),
    /// Let so many batches of each shard run at once, until the host ends: the next one does as the config says.
    Parallelism(ParallelismOptions),
    /// Set a trigger back, so that changes come to it again.
    Rewind(RewindOptions),
}

#[derive(Args, Debug)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    desk: Desk,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct NameOptions {
    /// A trigger of the config.
    name: String,
    #[command(flatten)]
    desk: Desk,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ParallelismOptions {
    /// A trigger of the config.
    name: String,
    /// From 1 to 64.
    #[arg(value_parser = clap::value_parser!(u16).range(1..=i64::from(PARALLELISM_MAX)))]
    batches: u16,
    #[command(flatten)]
    desk: Desk,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct RewindOptions {
    /// A trigger of the config.
    name: String,
    /// `trim-horizon` (the oldest change there is), a sequence number (SHARD:NUMBER where several shards may hold it), or a time as 2026-11-22T19:00:00Z.
    #[arg(long, value_name = "WHERE")]
    to: String,
    /// Only say what it would do.
    #[arg(long)]
    dry_run: bool,
    /// Remove the trigger's counters and its state too: else what is handled again is counted again.
    #[arg(long)]
    reset_state: bool,
    #[command(flatten)]
    desk: Desk,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(command: &Command) -> Result<()> {
    match command {
        Command::List(options) => list(options).await,
        Command::Pause(options) => pause(options, true).await,
        Command::Resume(options) => pause(options, false).await,
        Command::Parallelism(options) => run_at_once(options).await,
        Command::Rewind(options) => rewind(options).await,
    }
}

async fn list(options: &ListOptions) -> Result<()> {
    let Answer { value, by_host }: Answer<PageView<TriggerView, u64>> = options.desk.ask(Question::Triggers).await?;
    if options.json {
        return output::json(&value);
    }
    let header =
        ["TRIGGER", "STREAM", "PAUSED BY", "AGE", "FILTERED", "SHARDS", "LAGGING", "STOPPED", "DEAD LETTERS", "GAPS", "LAST FAILURE"];
    let row = |trigger: &TriggerView| {
        let failure: String = output::tame(trigger.last_failure.as_deref().unwrap_or_default()).chars().take(60).collect();
        let number = |number: usize| if by_host { number.to_string() } else { "-".to_owned() };
        vec![
            trigger.name.clone(),
            trigger.stream.clone(),
            paused(trigger).to_owned(),
            trigger.iterator_age_ms.map_or_else(|| "-".to_owned(), |ms| format!("{} s", ms / 1000)),
            filtered(trigger),
            trigger.shards_open.to_string(),
            number(trigger.shards_lagging),
            number(trigger.shards_stopped),
            trigger.dead_letters.to_string(),
            trigger.gaps.to_string(),
            failure,
        ]
    };
    output::table(&header, &value.items.iter().map(row).collect::<Vec<_>>())?;
    if by_host { Ok(()) } else { output::line("no host runs: this is what it left") }
}

/// Without filters, or a host that has counted: `-`.
fn filtered(trigger: &TriggerView) -> String {
    let counted = trigger.changes_filtered.filter(|_| trigger.filters > 0);
    counted.map_or_else(|| "-".to_owned(), |changes| changes.to_string())
}

fn paused(trigger: &TriggerView) -> &'static str {
    match trigger.paused_by {
        None => "-",
        Some(PausedBy::Config) => "config",
        Some(PausedBy::Operator) => "operator",
    }
}

async fn pause(options: &NameOptions, pauses: bool) -> Result<()> {
    let name = TriggerName::from(options.name.as_str());
    let question = if pauses { Question::Pause(name) } else { Question::Resume(name) };
    let Answer { value, by_host }: Answer<TriggerDetail> = options.desk.ask(question).await?;
    if options.json {
        return output::json(&value);
    }
    let name = &value.trigger.name;
    let when = if by_host { "" } else { " when a host runs" };
    if pauses {
        let also = if value.trigger.paused_by == Some(PausedBy::Config) { "; the config pauses it too" } else { "" };
        output::line(&format!(
            "trigger {name} is paused and keeps its position{also}. What is written meanwhile waits in the stream, which keeps it 24 hours"
        ))
    } else {
        output::line(&format!("trigger {name} goes on{when}"))
    }
}

async fn run_at_once(options: &ParallelismOptions) -> Result<()> {
    let question = Question::Parallel(TriggerName::from(options.name.as_str()), options.batches.into());
    let Answer { value, .. }: Answer<TriggerDetail> = options.desk.ask(question).await?;
    if options.json {
        return output::json(&value);
    }
    let (name, parallelism) = (&value.trigger.name, value.trigger.parallelism);
    output::line(&format!(
        "trigger {name} runs up to {parallelism} batches of a shard at once, until the host ends. To keep it, set `parallelism` in [triggers.{name}]"
    ))
}

async fn rewind(options: &RewindOptions) -> Result<()> {
    let wish = RewindWish { to: options.to.clone(), dry_run: options.dry_run, reset_state: options.reset_state };
    let question = Question::Rewind(TriggerName::from(options.name.as_str()), wish);
    let Answer { value, by_host }: Answer<RewindView> = options.desk.ask(question).await?;
    if options.json {
        return output::json(&value);
    }
    let begins = match (value.dry_run, by_host) {
        (true, _) => "would begin again",
        (false, true) => "begins again",
        (false, false) => "begins again, when a host runs,",
    };
    output::line(&format!("trigger {} {begins} with {}", value.trigger, value.to))?;
    match value.changes {
        Some(changes) => output::line(&format!("changes that come again: {changes}"))?,
        None => output::line(&format!("changes come again of {} shards; how many, nobody knows before they are read", value.shards.len()))?,
    }
    let label = |arn: &str| arn.rsplit('/').next().unwrap_or(arn).to_owned();
    value
        .shards
        .iter()
        .try_for_each(|again| output::line(&format!("  {} {}", label(&again.stream), again.shard)))?;
    value.notes.iter().try_for_each(|note| output::line(&format!("note: {note}")))
}
