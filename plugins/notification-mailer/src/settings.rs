//! The trigger's settings: which changes become mail, what is in it, and to whom it goes.
//!
//! Invariant: what leaves here is legal but for the templates' own syntax. Every fault is reported, each with its setting.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use crate::recipients::{self, RECIPIENTS_MAX, Recipient};
use tripline_sdk::path::Path;

/// All that this plugin reads.
pub(crate) const KEYS: [&str; 11] =
    ["subject", "text", "html", "template", "to", "to_fixed", "reply_to", "mailer", "on", "when", "skip_without_recipient"];

#[derive(Debug)]
pub(crate) struct Settings {
    /// None: the title of the HTML.
    pub(crate) subject: Option<Template>,
    pub(crate) text: Option<Template>,
    pub(crate) html: Option<Template>,
    pub(crate) reply_to: Option<Template>,
    /// An expression: mail only where it is true.
    pub(crate) when: Option<String>,
    /// The attribute with the recipients, and how the settings spell it.
    pub(crate) to: Option<(Path, String)>,
    pub(crate) to_fixed: Vec<Recipient>,
    pub(crate) mailer: Option<String>,
    pub(crate) on: On,
    pub(crate) skip_without_recipient: bool,
}

#[derive(Debug)]
pub(crate) struct Template {
    /// The setting it stands in.
    pub(crate) name: &'static str,
    pub(crate) source: String,
}

/// The kinds of change that become mail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct On {
    pub(crate) insert: bool,
    pub(crate) modify: bool,
    pub(crate) remove: bool,
}

impl Settings {
    /// `texts`: the settings as the host hands them over: a TOML string as it is, anything else as JSON.
    pub(crate) fn parse(mut texts: BTreeMap<&'static str, String>) -> Result<Self, Vec<String>> {
        let mut faults = Vec::new();
        let mut take = |key: &'static str| texts.remove(key).map(|text| (key, text));
        let template = |(name, source)| Template { name, source };
        let html = match (take("html"), take("template")) {
            (Some(_), Some(_)) => {
                faults.push("settings `html` and `template` are the same: set one of them".into());
                None
            }
            (html, alias) => html.or(alias).map(template),
        };
        let mut settings = Self {
            subject: take("subject").map(template),
            text: take("text").map(template),
            html,
            reply_to: take("reply_to").map(template),
            when: take("when").map(|(_, source)| source),
            to: None,
            to_fixed: Vec::new(),
            mailer: take("mailer").map(|(_, name)| name),
            on: On { insert: true, ..On::default() },
            skip_without_recipient: false,
        };
        let mut fault = |key: &str, why: String| faults.push(format!("setting `{key}`: {why}"));
        if let Some((key, path)) = take("to") {
            match Path::parse(&path) {
                Ok(parsed) => settings.to = Some((parsed, path)),
                Err(why) => fault(key, why),
            }
        }
        if let Some((key, text)) = take("to_fixed") {
            settings.to_fixed = parse_fixed(&text).unwrap_or_else(|why| {
                fault(key, why);
                Vec::new()
            });
        }
        if let Some((key, text)) = take("on") {
            settings.on = On::parse(&text).unwrap_or_else(|why| {
                fault(key, why);
                settings.on
            });
        }
        if let Some((key, text)) = take("skip_without_recipient") {
            match text.parse() {
                Ok(skip) => settings.skip_without_recipient = skip,
                Err(_) => fault(key, format!("{text:?} is neither true nor false")),
            }
        }
        settings.check_whole(&mut faults);
        if faults.is_empty() { Ok(settings) } else { Err(faults) }
    }

    /// What no setting shows by itself.
    fn check_whole(&self, faults: &mut Vec<String>) {
        let named_fault = |name: &str| faults.iter().any(|fault| fault.contains(&format!("`{name}`")));
        let no_body = self.text.is_none() && self.html.is_none() && !named_fault("html");
        let no_recipient = self.to.is_none() && self.to_fixed.is_empty() && !named_fault("to") && !named_fault("to_fixed");
        if no_body {
            faults.push("the mail has no body: set `text`, `html` or both".into());
        }
        if no_recipient {
            faults.push("the mail has no recipient: set `to` to an attribute, or `to_fixed` to addresses".into());
        }
        let has_title = |html: &Template| html.source.to_ascii_lowercase().contains("<title");
        if self.subject.is_none() && !no_body && !self.html.as_ref().is_some_and(has_title) {
            faults.push("the mail has no subject: set `subject`, or give the HTML a <title>".into());
        }
    }

    /// Every template, in the order in which they are rendered.
    pub(crate) fn templates(&self) -> impl Iterator<Item = &Template> {
        [&self.subject, &self.text, &self.html, &self.reply_to].into_iter().flatten()
    }
}

impl On {
    fn parse(text: &str) -> Result<Self, String> {
        let mut on = Self::default();
        for name in list(text)? {
            match &*name {
                "insert" => on.insert = true,
                "modify" => on.modify = true,
                "remove" => on.remove = true,
                _ => return Err(format!("{name:?} is none of \"insert\", \"modify\", \"remove\"")),
            }
        }
        if on == Self::default() {
            return Err("it is empty: no change would become mail".into());
        }
        Ok(on)
    }

    /// Whether such changes leave an item, or take one from what was before.
    pub(crate) fn has_new(self) -> bool {
        self.insert || self.modify
    }

    pub(crate) fn has_old(self) -> bool {
        self.modify || self.remove
    }
}

fn parse_fixed(text: &str) -> Result<Vec<Recipient>, String> {
    let mut recipients = Vec::new();
    for text in list(text)? {
        recipients.extend(Recipient::parse_all(&text)?);
    }
    if recipients.is_empty() {
        return Err("it holds no address".into());
    }
    if recipients.len() > RECIPIENTS_MAX {
        return Err(format!("it holds {} addresses, the most is {RECIPIENTS_MAX}", recipients.len()));
    }
    Ok(recipients::unique(recipients))
}

/// A list of strings, or one string alone.
fn list(text: &str) -> Result<Vec<String>, String> {
    if text.trim_start().starts_with(['[', '{']) {
        return from_json(text).ok_or_else(|| "it is no list of strings".into());
    }
    Ok(vec![text.into()])
}

fn from_json<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(texts: &[(&'static str, &str)]) -> Result<Settings, Vec<String>> {
        Settings::parse(texts.iter().map(|(key, text)| (*key, (*text).to_owned())).collect())
    }

    #[track_caller]
    fn check_refused(texts: &[(&'static str, &str)], faults: &[&str]) {
        let found = parse(texts).unwrap_err();
        assert_eq!(found.len(), faults.len(), "{found:?}");
        for (found, fault) in found.iter().zip(faults) {
            assert!(found.contains(fault), "{found}");
        }
    }

    #[test]
    fn the_least_is_a_template_with_a_title_and_a_recipient() {
        let settings = parse(&[("template", "<TITLE>Hi</TITLE>"), ("to", "email")]).unwrap();
        assert_eq!(settings.html.unwrap().name, "template");
        assert_eq!(settings.on, On { insert: true, modify: false, remove: false });
        assert!(settings.subject.is_none() && !settings.skip_without_recipient);
    }

    #[test]
    fn lists_may_be_one_string() {
        let settings = parse(&[("subject", "s"), ("text", "t"), ("to_fixed", "a@x.de, b@x.de"), ("on", "remove")]).unwrap();
        assert_eq!(settings.to_fixed.len(), 2);
        assert_eq!(settings.on, On { insert: false, modify: false, remove: true });
        let settings = parse(&[
            ("subject", "s"),
            ("text", "t"),
            ("to_fixed", r#"["A <a@x.de>","a@x.de"]"#),
            ("on", r#"["insert","modify"]"#),
            ("skip_without_recipient", "true"),
        ])
        .unwrap();
        assert_eq!(settings.to_fixed.len(), 1);
        assert_eq!(settings.on, On { insert: true, modify: true, remove: false });
        assert!(settings.skip_without_recipient);
    }

    #[test]
    fn all_faults_come_in_one_go() {
        check_refused(&[], &["no body", "no recipient"]);
        check_refused(&[("text", "t"), ("to", "email")], &["no subject"]);
        check_refused(&[("html", "<p>"), ("to", "email")], &["no subject: set `subject`, or give the HTML a <title>"]);
        check_refused(
            &[("subject", "s"), ("html", "a"), ("template", "b"), ("to", "a..b"), ("on", "insert,modify")],
            &["`html` and `template` are the same", "setting `to`: `a..b` is no attribute path", "setting `on`: \"insert,modify\""],
        );
        check_refused(
            &[("subject", "s"), ("text", "t"), ("to_fixed", r#"["ann"]"#), ("on", "[]"), ("skip_without_recipient", "yes")],
            &["setting `to_fixed`: \"ann\" is no mail address", "setting `on`: it is empty", "neither true nor false"],
        );
        check_refused(&[("subject", "s"), ("text", "t"), ("to_fixed", "[1]")], &["setting `to_fixed`: it is no list of strings"]);
        check_refused(&[("subject", "s"), ("text", "t"), ("to_fixed", "[]")], &["setting `to_fixed`: it holds no address"]);
    }
}
