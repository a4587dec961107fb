//! `tripline dlq`: dead letters, listed, shown, delivered again and dropped, with a running host or without.

use std::io::{IsTerminal, Write};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use tripline_admin::{Letters, Page, Question};
use tripline_core::name::TriggerName;

use super::desk::{Answer, Desk};
use super::output;
use crate::operate::view::{LettersView, PageView};

/// So many at once.
const PAGE: usize = 1_000;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List dead letters, oldest first.
    List(ListOptions),
    /// Print one dead letter with its whole record.
    Show(ShowOptions),
    /// Deliver dead letters again: what is handled leaves, what fails again stays with its new reason.
    Redrive(RedriveOptions),
    /// Remove dead letters, undelivered. They are gone then.
    Drop(DropOptions),
}

pub(crate) async fn run(command: &Command) -> Result<()> {
    match command {
        Command::List(options) => list(options).await,
        Command::Show(options) => show(options).await,
        Command::Redrive(options) => redrive(options).await,
        Command::Drop(options) => drop_letters(options).await,
    }
}

/// As the API and the store tell it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Letter {
    id: i64,
    trigger: String,
    stream: String,
    shard: String,
    event_id: String,
    sequence_number: String,
    record_json: String,
    reason: String,
    backtrace: Option<String>,
    attempts: u32,
    plugin_version: String,
    first_attempt_ms: u64,
    last_attempt_ms: u64,
    created_ms: u64,
    size_bytes: u64,
    redrive_ms: Option<u64>,
    redrives: u32,
}

#[derive(Args, Debug)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    desk: Desk,
    /// Of this trigger alone.
    #[arg(long)]
    trigger: Option<String>,
    /// Only those with this text in the reason, the event ID or the keys.
    #[arg(long = "match", value_name = "PATTERN")]
    pattern: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// Print one JSON list, records included.
    #[arg(long)]
    json: bool,
}

async fn list(options: &ListOptions) -> Result<()> {
    let letters = fetch(options).await?;
    if options.json {
        return output::json(&letters);
    }
    if letters.is_empty() {
        return output::line("no dead letters");
    }
    let row = |letter: &Letter| {
        let reason: String = output::tame(&letter.reason).chars().take(80).collect();
        let redrive = if letter.redrive_ms.is_some() { "marked" } else { "" };
        let (id, attempts) = (letter.id.to_string(), letter.attempts.to_string());
        vec![id, letter.trigger.clone(), output::tame(&letter.event_id), attempts, redrive.to_owned(), reason]
    };
    output::table(&["ID", "TRIGGER", "EVENT", "ATTEMPTS", "REDRIVE", "REASON"], &letters.iter().map(row).collect::<Vec<_>>())
}

async fn fetch(options: &ListOptions) -> Result<Vec<Letter>> {
    let mut letters = Vec::new();
    let mut after = None;
    while letters.len() < options.limit {
        let trigger = options.trigger.as_deref().map(TriggerName::from);
        let page = Page { after, limit: PAGE.min(options.limit - letters.len()) };
        let question = Question::DeadLetters { trigger, pattern: options.pattern.clone(), page };
        let Answer { value, .. }: Answer<PageView<Letter, i64>> = options.desk.ask(question).await?;
        letters.extend(value.items);
        after = value.next;
        if after.is_none() {
            break;
        }
    }
    Ok(letters)
}

#[derive(Args, Debug)]
pub(crate) struct ShowOptions {
    /// As `dlq list` prints it.
    id: i64,
    #[command(flatten)]
    desk: Desk,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

async fn show(options: &ShowOptions) -> Result<()> {
    let Answer { value: letter, .. }: Answer<Letter> = options.desk.ask(Question::DeadLetter(options.id)).await?;
    if options.json {
        return output::json(&letter);
    }
    let rows = [
        ("trigger", letter.trigger.clone()),
        ("shard", letter.shard.clone()),
        ("event", letter.event_id.clone()),
        ("sequence number", letter.sequence_number.clone()),
        ("attempts", letter.attempts.to_string()),
        ("redrives", letter.redrives.to_string()),
        ("first attempt ms", letter.first_attempt_ms.to_string()),
        ("last attempt ms", letter.last_attempt_ms.to_string()),
        ("plugin version", letter.plugin_version.clone()),
        ("reason", letter.reason.clone()),
    ];
    for (name, value) in rows {
        output::line(&format!("{name:17} {}", output::tame(&value)))?;
    }
    if let Some(backtrace) = &letter.backtrace {
        output::line("backtrace")?;
        backtrace.lines().try_for_each(|line| output::line(&format!("  {}", output::tame(line))))?;
    }
    let record: serde_json::Value = serde_json::from_str(&letter.record_json).context("the stored record is no JSON")?;
    output::line("record")?;
    output::json(&record)
}

/// Which of them.
#[derive(Args, Debug)]
struct Chosen {
    /// As `dlq list` prints them.
    #[arg(required_unless_present_any = ["all", "trigger", "pattern"], conflicts_with_all = ["all", "trigger", "pattern"])]
    ids: Vec<i64>,
    /// All there are.
    #[arg(long, conflicts_with_all = ["trigger", "pattern"])]
    all: bool,
    /// Of this trigger.
    #[arg(long)]
    trigger: Option<String>,
    /// With this text in the reason, the event ID or the keys.
    #[arg(long = "match", value_name = "PATTERN")]
    pattern: Option<String>,
}

impl Chosen {
    fn letters(&self) -> Result<Letters> {
        let letters = Letters {
            ids: (!self.ids.is_empty()).then(|| self.ids.clone()),
            trigger: self.trigger.clone(),
            pattern: self.pattern.clone(),
            all: self.all.then_some(true),
        };
        letters.check().map_err(|reason| anyhow::anyhow!(reason))?;
        Ok(letters)
    }

    fn is_one(&self) -> bool {
        self.ids.len() == 1
    }
}

#[derive(Args, Debug)]
pub(crate) struct RedriveOptions {
    #[command(flatten)]
    chosen: Chosen,
    #[command(flatten)]
    desk: Desk,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

async fn redrive(options: &RedriveOptions) -> Result<()> {
    let question = Question::Redrive(options.chosen.letters()?);
    let Answer { value, by_host }: Answer<LettersView> = options.desk.ask(question).await?;
    if options.json {
        return output::json(&value);
    }
    let when = if by_host { "now" } else { "when a host runs: none does now" };
    output::line(&format!("{} dead letters are delivered again {when}", value.letters))
}

#[derive(Args, Debug)]
pub(crate) struct DropOptions {
    #[command(flatten)]
    chosen: Chosen,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    desk: Desk,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

async fn drop_letters(options: &DropOptions) -> Result<()> {
    let letters = options.chosen.letters()?;
    if !options.chosen.is_one() && !options.yes && !confirmed()? {
        bail!("nothing was dropped: dropped dead letters are gone for good; add --yes if that is meant");
    }
    let Answer { value, .. }: Answer<LettersView> = options.desk.ask(Question::Drop(letters)).await?;
    if options.json {
        return output::json(&value);
    }
    output::line(&format!("{} dead letters are dropped", value.letters))
}

/// Only a person at a terminal confirms.
fn confirmed() -> Result<bool> {
    let mut terminal = std::io::stderr();
    if !terminal.is_terminal() || !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    write!(terminal, "drop these dead letters for good? [y/N] ").context("cannot ask")?;
    terminal.flush().context("cannot ask")?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).context("cannot read the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
