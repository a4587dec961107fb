//! `tripline mails`: the outbox, read without disturbing a host that runs; and changed where none does.

use std::sync::Arc;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use tripline_core::signal::Silence;
use tripline_store::{MailContent, MailFilter, MailRow, MailStatus, SqliteReader, SqliteStore};

use super::data::Place;
use super::output;
use crate::clock;

/// So much of a Message-ID, which is a hash, tells mails apart.
const ID_SHOWN: usize = 12;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Status {
    Pending,
    Sent,
    Failed,
}

impl From<Status> for MailStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Pending => Self::Pending,
            Status::Sent => Self::Sent,
            Status::Failed => Self::Failed,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    place: Place,
    /// Of this mailer alone.
    #[arg(long)]
    mailer: Option<String>,
    /// In this state alone.
    #[arg(long)]
    status: Option<Status>,
    /// At most so many.
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// Print one JSON list.
    #[arg(long)]
    json: bool,
}

pub(crate) fn list(options: &ListOptions) -> Result<()> {
    let filter = MailFilter { mailer: options.mailer.clone(), status: options.status.map(MailStatus::from) };
    let mails = options.place.open()?.mails_where(&filter, options.limit)?;
    if options.json {
        return output::json(&mails);
    }
    if mails.is_empty() {
        return output::line("no mails");
    }
    let row = |mail: &MailRow| {
        let reason: String = output::tame(mail.last_error.as_deref().unwrap_or_default()).chars().take(80).collect();
        let id: String = mail.message_id.chars().take(ID_SHOWN).collect();
        vec![id, mail.trigger.clone(), mail.mailer.clone(), mail.status.as_str().to_owned(), mail.attempts.to_string(), reason]
    };
    output::table(&["ID", "TRIGGER", "MAILER", "STATUS", "ATTEMPTS", "LAST REASON"], &mails.iter().map(row).collect::<Vec<_>>())
}

#[derive(Args, Debug)]
pub(crate) struct ShowOptions {
    /// A Message-ID, or the beginning of one, as `mails list` prints it.
    id: String,
    #[command(flatten)]
    place: Place,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn show(options: &ShowOptions) -> Result<()> {
    let mail = find(&options.place.open()?, &options.id)?;
    if options.json { output::json(&mail) } else { print(&mail) }
}

fn find(reader: &SqliteReader, id: &str) -> Result<MailContent> {
    let mut found = reader.find_mails(id, 2)?;
    match (found.pop(), found.is_empty()) {
        (Some(mail), true) => Ok(mail),
        (None, _) => bail!("there is no mail {id}: `tripline mails list` shows those there are"),
        (Some(_), false) => bail!("more than one mail begins with {id}: name more of its Message-ID"),
    }
}

fn print(mail: &MailContent) -> Result<()> {
    let row = &mail.row;
    let rows = [
        ("message id", Some(row.message_id.clone())),
        ("trigger", Some(row.trigger.clone())),
        ("mailer", Some(row.mailer.clone())),
        ("status", Some(row.status.as_str().to_owned())),
        ("attempts", Some(row.attempts.to_string())),
        ("accepted ms", Some(row.accepted_ms.to_string())),
        ("not before ms", (row.status == MailStatus::Pending).then(|| row.not_before_ms.to_string())),
        ("settled ms", row.settled_ms.map(|ms| ms.to_string())),
        ("last reason", row.last_error.clone()),
        ("to", Some(mail.to.join(", "))),
        ("reply to", mail.reply_to.clone()),
        ("subject", Some(mail.subject.clone())),
    ];
    for (name, value) in rows.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        output::line(&format!("{name:14} {}", output::tame(&value)))?;
    }
    for (name, body) in [("text", &mail.text), ("html", &mail.html)] {
        if let Some(body) = body {
            output::line(name)?;
            body.lines().try_for_each(|line| output::line(&format!("  {}", output::tame(line))))?;
        }
    }
    Ok(())
}

#[derive(Args, Debug)]
pub(crate) struct RetryOptions {
    /// Message-IDs, or the beginnings of them, as `mails list` prints them.
    #[arg(required_unless_present = "failed", conflicts_with = "failed")]
    ids: Vec<String>,
    /// All that failed.
    #[arg(long)]
    failed: bool,
    /// With --failed: of this mailer alone.
    #[arg(long, requires = "failed")]
    mailer: Option<String>,
    #[command(flatten)]
    place: Place,
}

pub(crate) async fn retry(options: &RetryOptions) -> Result<()> {
    let reader = options.place.open()?;
    let ids: Vec<Box<str>> = if options.failed {
        let filter = MailFilter { mailer: options.mailer.clone(), status: Some(MailStatus::Failed) };
        reader.mails_where(&filter, usize::MAX)?.into_iter().map(|mail| mail.message_id.into()).collect()
    } else {
        options.ids.iter().map(|id| Ok(find(&reader, id)?.row.message_id.into())).collect::<Result<_>>()?
    };
    let count = ids.len();
    // The host holds the directory while it runs, and nobody else writes there.
    let (store, threads) = SqliteStore::open(&options.place.data_dir()?, Arc::new(Silence))?;
    store.retry_mails(ids, clock::now()).await?;
    drop(store);
    threads.run().await?;
    output::line(&format!("{count} mails are tried again when the host runs"))
}
