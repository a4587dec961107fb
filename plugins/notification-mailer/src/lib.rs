//! notification-mailer: a mail for each change, made of templates, into a durable outbox of the host's.
//!
//! Invariant: a change makes all of its mails or none; a mail that lacks something is a failure, never an empty place in it.
//! Holds nothing between batches.

mod recipients;
mod settings;
mod template;
#[cfg(test)]
mod tests;
mod value;
mod view;

use std::collections::BTreeMap;

use minijinja::value::Value;
use recipients::{RECIPIENTS_MAX, Recipient};
use settings::Settings;
use template::Templates;
use tripline_sdk::mailer::{self, Message};
use tripline_sdk::{Batch, Change, EventName, Failure, Failures, Probe};

#[tripline_sdk::handler(batch, probe = probe)]
fn on_batch(batch: Batch) -> Result<Failures, Failure> {
    // Settings that are wrong are nothing that a change could be rejected for: the batch waits until they are mended.
    let settings = read_settings()?;
    let environment = template::compile(&settings).map_err(|faults| Failure::retry(faults.join("; ")))?;
    let templates = Templates::new(&settings, &environment).map_err(Failure::retry)?;
    let mut failures = Failures::none();
    for change in &batch {
        if let Err(failure) = mail(&settings, &templates, change) {
            failures.fail(change, failure);
        }
    }
    Ok(failures)
}

fn probe(probe: &Probe) -> Result<(), Failure> {
    let settings = read_settings()?;
    let environment = template::compile(&settings).map_err(|faults| Failure::reject(faults.join("; ")))?;
    let templates = Templates::new(&settings, &environment).map_err(Failure::reject)?;
    let reads = templates.reads().map_err(Failure::reject)?;
    view::check(&settings, &reads, probe.view()).map_err(Failure::reject)
}

fn read_settings() -> Result<Settings, Failure> {
    let mut texts = BTreeMap::new();
    for key in settings::KEYS {
        if let Some(text) = tripline_sdk::settings::get_text(key)? {
            texts.insert(key, text);
        }
    }
    Settings::parse(texts).map_err(|faults| Failure::retry(faults.join("; ")))
}

fn mail(settings: &Settings, templates: &Templates<'_, '_>, change: &Change) -> Result<(), Failure> {
    let wanted = match change.event_name() {
        EventName::Insert => settings.on.insert,
        EventName::Modify => settings.on.modify,
        EventName::Remove => settings.on.remove,
    };
    if !wanted {
        return Ok(());
    }
    let (new, old) = (image("new", change.new_image_json())?, image("old", change.old_image_json())?);
    let item = if change.event_name() == EventName::Remove { old.clone() } else { new.clone() };
    let scope = scope(change, new, old)?;
    if !templates.wants(&scope).map_err(Failure::reject)? {
        return Ok(());
    }
    let recipients = recipients_of(settings, &item)?;
    if recipients.is_empty() && settings.skip_without_recipient {
        return Ok(());
    }
    let mail = templates.render(&scope).map_err(Failure::reject)?;
    if let Some(reply_to) = &mail.reply_to {
        Recipient::parse(reply_to).map_err(|why| Failure::reject(format!("`reply_to`: {why}")))?;
    }
    for recipient in recipients {
        let message = Message {
            to: vec![recipient.address],
            reply_to: mail.reply_to.clone(),
            subject: mail.subject.clone(),
            text: mail.text.clone(),
            html: mail.html.clone(),
        };
        mailer::send(change, settings.mailer.as_deref(), message, &recipient.key)?;
    }
    Ok(())
}

/// None where the view has no such image or there was no item.
fn image(what: &str, json: Option<&str>) -> Result<Value, Failure> {
    match json {
        Some(json) => value::item(json).map_err(|error| Failure::reject(format!("the {what} image is no DynamoDB item: {error}"))),
        None => Ok(Value::from(())),
    }
}

/// What templates may name: [`template::SCOPE`].
fn scope(change: &Change, new: Value, old: Value) -> Result<Value, Failure> {
    let keys = image("keys", Some(change.keys_json()))?;
    Ok(Value::from_pairs([
        ("new", new),
        ("old", old),
        ("keys", keys),
        ("event_name", change.event_name().as_str().into()),
        ("event_id", change.event_id().into()),
        ("created_ms", change.created_ms().into()),
        ("table", change.table().into()),
        ("region", change.region().into()),
        ("trigger", change.trigger().into()),
    ]))
}

/// Nobody only where the settings allow for it.
fn recipients_of(settings: &Settings, item: &Value) -> Result<Vec<Recipient>, Failure> {
    let mut found = Vec::new();
    if let Some((path, spelled)) = &settings.to {
        let refuse = |why| Failure::reject(format!("no recipient: attribute `{spelled}`: {why}"));
        found = recipients::of_item(item, path).map_err(refuse)?;
    }
    let recipients = recipients::unique(settings.to_fixed.iter().cloned().chain(found));
    if let (true, Some((_, spelled)), false) = (recipients.is_empty(), &settings.to, settings.skip_without_recipient) {
        return Err(Failure::reject(format!("no recipient: attribute `{spelled}` is missing, NULL or empty")));
    }
    if recipients.len() > RECIPIENTS_MAX {
        return Err(Failure::reject(format!("{} recipients, the most is {RECIPIENTS_MAX}", recipients.len())));
    }
    Ok(recipients)
}
