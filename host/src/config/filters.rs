//! `filters` of `[triggers.NAME]`: patterns of the changes that the trigger gets, in the file or in files of their own.

use tripline_core::filter::{Pattern, PatternError};

use super::read::Value;

/// As many as Lambda has for an event source.
const FILTERS_MAX: usize = 10;
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
    let (text, of) = match value.raw.as_table() {
        Some(table) => {
            let file = table.get_key_value("file").filter(|_| table.len() == 1);
            let Some((key, file)) = file else {
                value.fault("a pattern is needed, or { file = \"PATH\" }", "write the pattern in quotes, or name a file that holds it");
                return None;
            };
            let file = value.child("file", key.span().start, file.get_ref());
            (file.file_text(FILE_BYTES_MAX)?, format!(" of {}", file.path()?.display()))
        }
        None => (value.text()?.to_owned(), " of the pattern".to_owned()),
    };
    match Pattern::parse(&text) {
        Ok(pattern) => Some(pattern),
        Err(PatternError { place, what, remedy }) => {
            value.fault(format!("{place}{of}: {what}"), remedy);
            None
        }
    }
}
