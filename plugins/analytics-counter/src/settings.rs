//! The setting `counters`: what is counted and summed, and by which attributes.
//!
//! Invariant: what leaves here the host will take: names are legal and unique, labels few. Every fault is reported, each with its entry.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::extract::Wanted;
use crate::text::LABEL_BYTES_MAX;
use tripline_sdk::path::Path;

const LABELS_MAX: usize = 8;
const NAME_BYTES_MAX: usize = 64;

/// All counters, and the attributes that they read.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) counters: Vec<Counter>,
    pub(crate) wanted: Wanted,
}

#[derive(Debug)]
pub(crate) struct Counter {
    pub(crate) name: String,
    pub(crate) labels: Vec<Label>,
    /// The slot of the number to sum; none: items are counted.
    pub(crate) sum: Option<usize>,
    /// The label of items that lack the attribute.
    pub(crate) missing: String,
}

#[derive(Debug)]
pub(crate) struct Label {
    pub(crate) name: String,
    pub(crate) slot: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry<'a> {
    name: String,
    #[serde(default, borrow)]
    by: Vec<&'a RawValue>,
    sum: Option<String>,
    #[serde(default)]
    missing: String,
}

/// `"address.city"`, or `{ path = "address.city", label = "city" }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct By {
    path: String,
    label: Option<String>,
}

impl Settings {
    /// `json`: the setting's text. The error is every fault.
    pub(crate) fn parse(json: &str) -> Result<Self, Vec<String>> {
        let entries: Vec<&RawValue> = serde_json::from_str(json)
            .map_err(|_| vec!["setting `counters` is no list of tables such as { name = \"orders\", by = [\"status\"] }".to_owned()])?;
        if entries.is_empty() {
            return Err(vec!["setting `counters` is empty: there is nothing to count".into()]);
        }
        let mut settings = Self { counters: Vec::new(), wanted: Wanted::default() };
        let mut faults = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            let place = place(at, entry);
            match settings.counter(entry, &mut |fault| faults.push(format!("{place}: {fault}"))) {
                Some(counter) if settings.counters.iter().any(|known| known.name == counter.name) => {
                    faults.push(format!("{place}: the name is used by an entry before it; names are unique"));
                }
                Some(counter) => settings.counters.push(counter),
                None => {}
            }
        }
        if faults.is_empty() { Ok(settings) } else { Err(faults) }
    }

    /// None where the entry cannot be read at all. A counter with a fault is never used: the fault refuses all settings.
    fn counter(&mut self, json: &RawValue, fault: &mut dyn FnMut(String)) -> Option<Counter> {
        let entry: Entry<'_> = match serde_json::from_str(json.get()) {
            Ok(entry) => entry,
            Err(error) => {
                fault(without_position(&error));
                return None;
            }
        };
        if !is_legal(&entry.name) {
            fault(format!("`name` is {:?}; {LEGAL}", entry.name));
        }
        if entry.by.len() > LABELS_MAX {
            fault(format!("`by` has {} attributes, the most is {LABELS_MAX}", entry.by.len()));
        }
        if entry.missing.len() > LABEL_BYTES_MAX {
            fault(format!("`missing` is longer than {LABEL_BYTES_MAX} bytes"));
        }
        let mut labels: Vec<Label> = Vec::new();
        for by in &entry.by {
            match self.label(by) {
                Ok(label) if labels.iter().any(|known| known.name == label.name) => {
                    fault(format!("two attributes of `by` have the label `{}`; set one as {{ path = …, label = \"…\" }}", label.name))
                }
                Ok(label) => labels.push(label),
                Err(why) => fault(format!("`by`: {why}")),
            }
        }
        let mut sum = None;
        if let Some(path) = &entry.sum {
            match Path::parse(path) {
                Ok(path) => sum = Some(self.wanted.slot(&path)),
                Err(why) => fault(format!("`sum`: {why}")),
            }
        }
        Some(Counter { name: entry.name, labels, sum, missing: entry.missing })
    }

    fn label(&mut self, json: &RawValue) -> Result<Label, String> {
        let by = if json.get().starts_with('"') {
            serde_json::from_str(json.get()).map(|path| By { path, label: None })
        } else {
            serde_json::from_str(json.get())
        };
        let by = by.map_err(|error| format!("{}; an attribute is \"path\" or {{ path = …, label = … }}", without_position(&error)))?;
        let path = Path::parse(&by.path)?;
        let name = match by.label {
            Some(label) if is_legal(&label) => label,
            Some(label) => return Err(format!("`label` is {label:?}; {LEGAL}")),
            None => {
                derive_label(&by.path).ok_or_else(|| format!("no label can be made of `{}`: set {{ path = …, label = \"…\" }}", by.path))?
            }
        };
        Ok(Label { name, slot: self.wanted.slot(&path) })
    }
}

const LEGAL: &str = "it must begin with a lower-case letter and hold only lower-case letters, digits and `_`, at most 64";

/// The host's rule for names of counters and labels.
fn is_legal(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// `address.City[0]` becomes `address_city_0`.
fn derive_label(path: &str) -> Option<String> {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let label = words.collect::<Vec<_>>().join("_").to_ascii_lowercase();
    is_legal(&label).then_some(label)
}

/// Which entry a fault is in: its number, from 1, and its name where it has one.
fn place(at: usize, entry: &RawValue) -> String {
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    let number = at + 1;
    match serde_json::from_str::<Named>(entry.get()) {
        Ok(named) => format!("setting `counters`, entry {number} ({:?})", named.name),
        Err(_) => format!("setting `counters`, entry {number}"),
    }
}

/// Line and column are those of the JSON that the host made of the TOML: they would mislead.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].into(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_refused(json: &str, faults: &[&str]) {
        let found = Settings::parse(json).unwrap_err();
        assert_eq!(found.len(), faults.len(), "{found:?}");
        for (found, fault) in found.iter().zip(faults) {
            assert!(found.contains(fault), "{found}");
        }
    }

    #[test]
    fn labels_are_named_after_their_paths() {
        let settings = Settings::parse(
            r#"[{"name":"revenue","by":["status","address.City","items[0].sku",{"path":"été","label":"summer"}],"sum":"total"}]"#,
        )
        .unwrap();
        let labels: Vec<_> = settings.counters[0].labels.iter().map(|label| &*label.name).collect();
        assert_eq!(labels, ["status", "address_city", "items_0_sku", "summer"]);
        assert!(settings.counters[0].sum.is_some());
    }

    #[test]
    fn counters_share_what_they_read() {
        let settings = Settings::parse(r#"[{"name":"a","by":["x","y"]},{"name":"b","by":["\"y\""],"sum":"x"},{"name":"c"}]"#).unwrap();
        assert_eq!(settings.counters[0].labels[1].slot, settings.counters[1].labels[0].slot);
        assert_eq!(settings.counters[1].sum, Some(settings.counters[0].labels[0].slot));
        assert!(settings.counters[2].labels.is_empty());
    }

    #[test]
    fn refusals_name_setting_and_entry() {
        check_refused("status", &["setting `counters` is no list of tables"]);
        check_refused(r#"{"name":"a"}"#, &["setting `counters` is no list of tables"]);
        check_refused("[]", &["setting `counters` is empty"]);
        check_refused(r#"[{"by":["a"]}]"#, &["entry 1: missing field `name`"]);
        check_refused(r#"[{"name":"ok"},{"name":"a","bye":["a"]}]"#, &[r#"entry 2 ("a"): unknown field `bye`"#]);
        check_refused(r#"[{"name":"a"},{"name":"a"}]"#, &[r#"entry 2 ("a"): the name is used"#]);
        check_refused(
            r#"[{"name":"Orders","by":["a..b"],"sum":"x["},{"name":"n","by":[3,{"path":"p","label":"P"}]}]"#,
            &[
                r#"entry 1 ("Orders"): `name` is "Orders""#,
                "`by`: `a..b` is no attribute path",
                "`sum`: `x[` is no attribute path",
                r#"entry 2 ("n"): `by`: invalid type: integer `3`"#,
                r#"`label` is "P""#,
            ],
        );
    }

    #[test]
    fn labels_are_few_legal_and_unique() {
        check_refused(r#"[{"name":"a","by":["x.y","x_y"]}]"#, &["two attributes of `by` have the label `x_y`"]);
        check_refused(r#"[{"name":"a","by":["2fa"]}]"#, &["no label can be made of `2fa`"]);
        check_refused(r#"[{"name":"a","by":["a","b","c","d","e","f","g","h","i"]}]"#, &["`by` has 9 attributes"]);
        let long = "x".repeat(65);
        check_refused(&format!(r#"[{{"name":"{long}"}}]"#), &["it must begin with"]);
        let missing = "x".repeat(1025);
        check_refused(&format!(r#"[{{"name":"a","missing":"{missing}"}}]"#), &["`missing` is longer than 1024"]);
    }
}
