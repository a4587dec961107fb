//! Recorded changes as people keep them: JSON lines of Lambda's event form, whole events of several records, what `streams tail --json` prints.
//!
//! Invariant: what is read is legal: each change has a sequence number of its own, its table's keys, and items that a table can hold; every fault is said,
//! with its line and a remedy. A record that says everything keeps its bytes.
//! Reads no file: it is handed the text.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;
use tripline_core::change::Change;
use tripline_core::name::StreamArn;
use tripline_core::sequence::SequenceNumber;
use tripline_core::slice::{SliceError, slice_page};
use tripline_core::view::ViewType;

use super::fill::{self, Record};

/// Faults that are said; more are counted.
const FAULTS_SHOWN: usize = 10;
/// Of records that do not say theirs.
const STREAM: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/test/stream/2026-01-01T00:00:00.000";

#[derive(Debug)]
pub(crate) struct Events {
    /// In the file's order.
    changes: Vec<Arc<Change>>,
    stream: StreamArn,
    view: Option<ViewType>,
}

/// All that is wrong with a file.
#[derive(Debug)]
pub(crate) struct Faults {
    file: String,
    faults: Vec<Fault>,
}

#[derive(Debug)]
pub(super) struct Fault {
    /// Counted from 1; none: the whole file.
    pub(super) line: Option<usize>,
    pub(super) what: String,
    pub(super) remedy: &'static str,
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, Fault { line, what, remedy }) in self.faults.iter().take(FAULTS_SHOWN).enumerate() {
            let begin = if position == 0 { "" } else { "\n" };
            let line = line.map(|line| format!(":{line}")).unwrap_or_default();
            write!(f, "{begin}{}{line}: {what}: {remedy}", self.file)?;
        }
        match self.faults.len().saturating_sub(FAULTS_SHOWN) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for Faults {}

impl Events {
    /// What one page of a stream may be, many times over.
    pub(crate) const TEXT_BYTES_MAX: usize = 64 * 1024 * 1024;

    /// `file` is what faults call it.
    pub(crate) fn read(text: &str, file: &str) -> Result<Self, Faults> {
        read(text).map_err(|faults| Faults { file: file.to_owned(), faults })
    }

    pub(crate) fn changes(&self) -> &[Arc<Change>] {
        &self.changes
    }

    pub(crate) fn stream(&self) -> &StreamArn {
        &self.stream
    }

    pub(crate) fn len(&self) -> usize {
        self.changes.len()
    }

    /// That of the stream, where the records say it.
    pub(crate) fn view(&self) -> Option<ViewType> {
        self.view
    }
}

fn read(text: &str) -> Result<Events, Vec<Fault>> {
    let whole = |what: String, remedy| vec![Fault { line: None, what, remedy }];
    if text.len() > Events::TEXT_BYTES_MAX {
        return Err(whole(format!("it has more than {} bytes", Events::TEXT_BYTES_MAX), "leave out what shows nothing new"));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = Lines::of(text);
    let mut faults = Vec::new();
    let mut records = Vec::new();
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    while let Some(value) = values.next() {
        match value {
            Ok(value) => collect(value, &lines, &mut records, &mut faults),
            Err(error) if error.is_eof() => faults.push(cut_off(lines.at(values.byte_offset()))),
            Err(error) => faults.push(not_json(&error)),
        }
    }
    if records.is_empty() && faults.is_empty() {
        return Err(whole(
            "it holds no change".to_owned(),
            "write one change a line, as `tripline streams tail --json` prints them, or a Lambda event with Records",
        ));
    }
    fill::complete(&mut records, &mut faults);
    let mut changes = Vec::with_capacity(records.len());
    for record in &records {
        match slice(&record.json) {
            Ok(change) => changes.push((record.line, Arc::new(change))),
            Err(what) => faults.push(Fault {
                line: Some(record.line),
                what,
                remedy: "write a record as DynamoDB Streams has it: eventName, and dynamodb with Keys and images",
            }),
        }
    }
    faults.extend(twice(&changes));
    if !faults.is_empty() {
        faults.sort_by_key(|fault| fault.line);
        // One record, one word: what was filled in may be why more is wrong with it.
        faults.dedup_by_key(|fault| fault.line);
        return Err(faults);
    }
    let stream = records.iter().find_map(|record| record.stream.clone()).unwrap_or_else(|| STREAM.into());
    let view = records.iter().find_map(|record| record.view.as_deref().and_then(ViewType::from_aws));
    Ok(Events { changes: changes.into_iter().map(|(_, change)| change).collect(), stream, view })
}

fn not_json(error: &serde_json::Error) -> Fault {
    let said = error.to_string();
    let what = said.split(" at line ").next().unwrap_or_default();
    Fault {
        line: Some(error.line()),
        what: format!("column {}: not JSON: {what}", error.column()),
        remedy: "correct it; each change is one JSON object, with its quotes and brackets closed",
    }
}

fn cut_off(line: usize) -> Fault {
    Fault { line: Some(line), what: "the JSON that begins here has no end".to_owned(), remedy: "close its brackets and quotes" }
}

/// What holds several records.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "Records")]
    records: Option<Vec<&'a RawValue>>,
}

fn collect<'a>(value: &'a RawValue, lines: &Lines<'_>, records: &mut Vec<Record<'a>>, faults: &mut Vec<Fault>) {
    let line = lines.of_part(value.get());
    let fault = |what: &str| Fault {
        line: Some(line),
        what: what.to_owned(),
        remedy: "write a change, an event with a list of Records, or a list of changes",
    };
    match value.get().as_bytes().first() {
        Some(b'{') => match serde_json::from_str::<Envelope<'_>>(value.get()) {
            Ok(Envelope { records: Some(several) }) => several.into_iter().for_each(|one| collect_record(one, lines, records, faults)),
            Ok(Envelope { records: None }) => collect_record(value, lines, records, faults),
            Err(_) => faults.push(fault("its Records are no list")),
        },
        Some(b'[') => match serde_json::from_str::<Vec<&RawValue>>(value.get()) {
            Ok(several) => several.into_iter().for_each(|one| collect_record(one, lines, records, faults)),
            Err(error) => faults.push(not_json(&error)),
        },
        _ => faults.push(fault("neither a change nor a list of them")),
    }
}

fn collect_record<'a>(value: &'a RawValue, lines: &Lines<'_>, records: &mut Vec<Record<'a>>, faults: &mut Vec<Fault>) {
    match Record::parse(value.get(), lines) {
        Ok(record) => records.push(record),
        Err(fault) => faults.push(fault),
    }
}

fn slice(record: &str) -> Result<Change, String> {
    let page = slice_page(Arc::new(format!("{{\"Records\":[{record}]}}"))).map_err(|error| match error {
        SliceError::NotARecord { reason, .. } => reason,
        other => other.to_string(),
    })?;
    page.changes.into_iter().next().ok_or_else(|| "it is no record".to_owned())
}

fn twice(changes: &[(usize, Arc<Change>)]) -> Vec<Fault> {
    let mut first: BTreeMap<&SequenceNumber, usize> = BTreeMap::new();
    let mut faults = Vec::new();
    for (line, change) in changes {
        if let Some(before) = first.get(&change.sequence_number) {
            let what = format!("its SequenceNumber {} is that of line {before}", change.sequence_number.as_str());
            let remedy = "write another, or leave SequenceNumber out of all records: they are then numbered";
            faults.push(Fault { line: Some(*line), what, remedy });
        } else {
            first.insert(&change.sequence_number, *line);
        }
    }
    faults
}

/// Where lines begin.
pub(super) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let after = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(after).collect() }
    }

    /// The line, from 1, in which a part of the text begins.
    pub(super) fn of_part(&self, part: &str) -> usize {
        self.at(part.as_ptr().addr().saturating_sub(self.text.as_ptr().addr()))
    }

    /// That of a place, in bytes; spaces before a value are none of it.
    fn at(&self, at: usize) -> usize {
        let rest = &self.text[at..];
        let at = at + rest.len() - rest.trim_start().len();
        self.starts.partition_point(|start| *start <= at)
    }
}

#[cfg(test)]
mod tests;
