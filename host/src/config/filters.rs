//! `filters` of `[triggers.NAME]`: patterns of the changes that the trigger gets, in the file or in files of their own.

use tripline_core::filter::{Pattern, PatternError, Warning};
use tripline_core::view::ViewType;

use super::TriggerConfig;
use super::read::Value;

/// As many as Lambda has for an event source.
const FILTERS_MAX: usize = 10;
/// What messages call one that stands in the config.
const THE_PATTERN: &str = "the pattern";
const FILE_BYTES_MAX: u64 = 1024 * 1024;

pub(super) fn filters(value: &Value<'_>) -> Vec<Pattern> {
    let elements = value.list();
    if value.raw.as_array().is_some_and(|list| list.is_empty()) {
        value.fault("is empty: no change would match", "remove the key, and the trigger gets every change; or write a pattern");
    }
    if elements.len() > FILTERS_MAX {
        value.fault(
            format!("has {} patterns, and {FILTERS_MAX} is the most", elements.len()),
            "put more values into one list, as {\"plan\":{\"S\":[\"pro\",\"team\"]}}, or more patterns into one \"$or\"",
        );
    }
    let patterns = elements.into_iter().enumerate().map(|(index, element)| {
        let key = format!("{}[{index}]", value.key);
        pattern(&Value { key, ..element })
    });
    patterns.flatten().collect()
}

/// None after a fault.
fn pattern(value: &Value<'_>) -> Option<Pattern> {
    let (text, name) = match value.raw.as_table() {
        Some(table) => {
            let file = table.get_key_value("file").filter(|_| table.len() == 1);
            let Some((key, file)) = file else {
                value.fault("a pattern is needed, or { file = \"PATH\" }", "write the pattern in quotes, or name a file that holds it");
                return None;
            };
            let file = value.child("file", key.span().start, file.get_ref());
            (file.file_text(FILE_BYTES_MAX)?, file.path()?.display().to_string())
        }
        None => (value.text()?.to_owned(), THE_PATTERN.to_owned()),
    };
    match Pattern::parse(&text) {
        Ok(pattern) => {
            pattern.warnings(None).iter().for_each(|warning| value.warn(&said(warning, &name)));
            Some(pattern)
        }
        Err(PatternError { place, what, remedy }) => {
            value.fault(format!("{place} of {name}: {what}"), remedy);
            None
        }
    }
}

/// `name`: what the pattern is called.
fn said(warning: &Warning, name: &str) -> String {
    let Warning { place, what, remedy, whole } = warning;
    match whole {
        true => format!("no change can match {name}: {place}: {what}; {remedy}"),
        false => format!("{place} of {name}: {what}; {remedy}"),
    }
}

impl TriggerConfig {
    /// What is probably not meant of the filters on a stream of this view, each with its key: beyond what the config's own warnings say.
    pub fn filter_warnings(&self, view: ViewType) -> Vec<String> {
        let mut warnings = Vec::new();
        for (index, pattern) in self.filters.iter().enumerate() {
            let of_itself = pattern.warnings(None);
            let is_new = |found: &Warning| !of_itself.iter().any(|known| (known.place, &known.what) == (found.place, &found.what));
            let found = pattern.warnings(Some(view)).into_iter().filter(is_new);
            warnings.extend(found.map(|warning| format!("triggers.{}.filters[{index}]: {}", self.name, said(&warning, THE_PATTERN))));
        }
        warnings
    }

    /// Whether what its filters let through depends on what the stream holds.
    pub fn filters_depend_on_view(&self) -> bool {
        ViewType::ALL.into_iter().any(|view| !self.filter_warnings(view).is_empty())
    }
}
