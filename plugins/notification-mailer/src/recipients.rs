//! To whom: addresses out of an attribute and out of the settings.
//!
//! Invariant: an address that leaves here holds no control character, so that no value of an item becomes a header of its own;
//! and nobody is in the list twice. Whether a mailbox exists is for others to find out.

use minijinja::value::{Value, ValueKind};

use tripline_sdk::path::{Path, Step};

/// More would be a mailing list.
pub(crate) const RECIPIENTS_MAX: usize = 100;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recipient {
    /// `a@b.example` or `Name <a@b.example>`.
    pub(crate) address: String,
    /// The address alone, in lower case: what tells recipients apart.
    pub(crate) key: String,
}

impl Recipient {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let refuse = |why: &str| Err(format!("{text:?} is no mail address: {why}"));
        if text.chars().any(char::is_control) {
            return refuse("it holds a line break or another control character");
        }
        let address = text.trim();
        let bare = match address.strip_suffix('>') {
            Some(rest) => rest.rsplit_once('<').map(|(_, bare)| bare),
            None => Some(address),
        };
        let Some(bare) = bare else { return refuse("`>` without `<`") };
        match bare.rsplit_once('@') {
            Some((name, domain)) if !name.is_empty() && !domain.is_empty() => {}
            _ => return refuse("write `ann@example.com` or `Ann <ann@example.com>`"),
        }
        if bare.contains(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | ',' | ';')) {
            return refuse("there is one address to a recipient; separate them with commas");
        }
        Ok(Self { address: address.into(), key: bare.to_lowercase() })
    }

    /// All addresses of a text, separated by commas.
    pub(crate) fn parse_all(text: &str) -> Result<Vec<Self>, String> {
        split(text).into_iter().filter(|part| !part.trim_matches(' ').is_empty()).map(Self::parse).collect()
    }
}

/// The recipients in the attribute at `path`; none where it is missing, NULL or empty.
pub(crate) fn of_item(item: &Value, path: &Path) -> Result<Vec<Recipient>, String> {
    let value = at(item, path);
    let mut recipients = Vec::new();
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => {}
        ValueKind::String => recipients = Recipient::parse_all(value.as_str().unwrap_or_default())?,
        ValueKind::Seq => {
            for value in value.try_iter().into_iter().flatten() {
                let text = value.as_str().ok_or_else(|| format!("holds a {}, not only addresses", value.kind()))?;
                recipients.extend(Recipient::parse_all(text)?);
            }
        }
        kind => return Err(format!("is a {kind}: recipients are a string, a string set or a list of strings")),
    }
    Ok(recipients)
}

/// Each recipient once, in order.
pub(crate) fn unique(recipients: impl IntoIterator<Item = Recipient>) -> Vec<Recipient> {
    let mut known = std::collections::HashSet::new();
    recipients.into_iter().filter(|recipient| known.insert(recipient.key.clone())).collect()
}

fn at(item: &Value, path: &Path) -> Value {
    path.steps().iter().fold(item.clone(), |value, step| {
        let child = match (step, value.kind()) {
            (Step::Name(name), ValueKind::Map) => value.get_attr(name).ok(),
            (Step::Index(index), ValueKind::Seq) => value.get_item_by_index(*index).ok(),
            _ => None,
        };
        child.unwrap_or(Value::UNDEFINED)
    })
}

/// At commas, but not at those in quotes or angle brackets.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut quoted, mut escaped, mut bracketed) = (0, false, false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => bracketed = true,
            '>' if !quoted => bracketed = false,
            ',' if !quoted && !bracketed => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value;

    /// `attribute`: the value of the attribute `to`. `expected`: the keys.
    #[track_caller]
    fn check(attribute: &str, expected: &[&str]) {
        let item = value::item(&format!(r#"{{"to":{attribute}}}"#)).unwrap();
        let recipients = unique(of_item(&item, &Path::parse("to").unwrap()).unwrap());
        assert_eq!(recipients.iter().map(|recipient| &*recipient.key).collect::<Vec<_>>(), expected);
    }

    #[track_caller]
    fn check_refused(attribute: &str, why: &str) {
        let item = value::item(&format!(r#"{{"to":{attribute}}}"#)).unwrap();
        let refusal = of_item(&item, &Path::parse("to").unwrap()).unwrap_err();
        assert!(refusal.contains(why), "{refusal}");
    }

    #[test]
    fn one_address_or_many() {
        check(r#"{"S":"ann@example.com"}"#, &["ann@example.com"]);
        check(r#"{"S":" Ann@Example.com , Bob <bob@example.com>,"}"#, &["ann@example.com", "bob@example.com"]);
        check(r#"{"SS":["b@x.de","a@x.de"]}"#, &["a@x.de", "b@x.de"]);
        check(r#"{"L":[{"S":"b@x.de"},{"S":"a@x.de"}]}"#, &["b@x.de", "a@x.de"]);
        check(r#"{"S":"\"Doe, \\\"Jo\\\" Ann\" <ann@x.de>, bob@x.de"}"#, &["ann@x.de", "bob@x.de"]);
    }

    #[test]
    fn nobody_twice() {
        check(r#"{"S":"ann@x.de, Ann <ANN@x.de>"}"#, &["ann@x.de"]);
    }

    #[test]
    fn missing_null_and_empty_are_nobody() {
        for nobody in [r#"{"NULL":true}"#, r#"{"S":""}"#, r#"{"S":" , "}"#, r#"{"L":[]}"#] {
            check(nobody, &[]);
        }
        let item = value::item("{}").unwrap();
        assert_eq!(of_item(&item, &Path::parse("a.b[0]").unwrap()), Ok(vec![]));
    }

    #[test]
    fn addresses_lie_at_any_depth() {
        let item = value::item(r#"{"contact":{"M":{"mails":{"L":[{"S":"x@y.z"}]}}}}"#).unwrap();
        let found = of_item(&item, &Path::parse("contact.mails[0]").unwrap()).unwrap();
        assert_eq!(found[0].address, "x@y.z");
    }

    #[test]
    fn headers_cannot_be_injected() {
        for injection in [r"ann@x.de\r\nBcc: all@x.de", r"ann@x.de\n", r"\tann@x.de", r"Ann\r <ann@x.de>", r"a\u0000@x.de", r"a@x.de\u0085"]
        {
            check_refused(&format!(r#"{{"S":"{injection}"}}"#), "a line break or another control character");
            check_refused(&format!(r#"{{"L":[{{"S":"{injection}"}}]}}"#), "a line break or another control character");
        }
    }

    #[test]
    fn refusals_say_why() {
        check_refused(r#"{"S":"ann"}"#, "\"ann\" is no mail address");
        check_refused(r#"{"S":"@x.de"}"#, "is no mail address");
        check_refused(r#"{"S":"ann@"}"#, "is no mail address");
        check_refused(r#"{"S":"a@x.de b@x.de"}"#, "separate them with commas");
        check_refused(r#"{"S":"a@x.de;b@x.de"}"#, "separate them with commas");
        check_refused(r#"{"S":"a@x.de>"}"#, "`>` without `<`");
        check_refused(r#"{"N":"7"}"#, "is a number");
        check_refused(r#"{"L":[{"N":"7"}]}"#, "holds a number");
    }
}
