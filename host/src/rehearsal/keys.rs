//! The keys of recorded changes: one or two attributes of an item, which every image of it has.
//!
//! Always holds: records of one table have keys of the same names and types.
//! Knows records no further than by what they say of one item; which lines and faults there are, `fill` knows.

use std::collections::BTreeMap;

use tripline_core::name::StreamArn;

use super::fill::{Item, Record};
use super::value::Scalar;

/// As `Fault` has it.
type Wrong = (String, &'static str);

const EMPTY: &str = "write the item's one or two key attributes, \"Keys\":{\"id\":{\"S\":\"a\"}}, or leave Keys out";

/// Names and types, in the names' order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Schema(Vec<(String, &'static str)>);

impl Schema {
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

impl std::fmt::Display for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown: Vec<String> = self.0.iter().map(|(name, kind)| format!("`{name}` ({kind})")).collect();
        f.write_str(&shown.join(" and "))
    }
}

/// Of each table, by its stream: the line that said it first.
#[derive(Debug, Default)]
pub(super) struct Tables {
    schemas: BTreeMap<Option<StreamArn>, (usize, Schema)>,
    first: Option<Schema>,
}

impl Tables {
    /// Of what the records say themselves. `unsaid` is the table of those that name none.
    pub(super) fn of(records: &[Record<'_>], unsaid: Option<&StreamArn>) -> Self {
        let mut tables = Self::default();
        for record in records {
            let Some(Ok(schema)) = record.keys.as_ref().map(schema) else { continue };
            tables.first.get_or_insert_with(|| schema.clone());
            tables.schemas.entry(table(record, unsaid)).or_insert((record.line, schema));
        }
        tables
    }

    /// By which the record's item is known, where it does not say so.
    pub(super) fn schema(&self, record: &Record<'_>, unsaid: Option<&StreamArn>) -> Option<&Schema> {
        let own = self.schemas.get(&table(record, unsaid)).map(|(_, schema)| schema);
        own.or(self.first.as_ref())
    }

    /// `keys` are the record's, said or filled in.
    pub(super) fn check(&self, record: &Record<'_>, keys: &Item<'_>, unsaid: Option<&StreamArn>) -> Result<(), Wrong> {
        let found = schema(keys)?;
        let images = [("NewImage", &record.new_image), ("OldImage", &record.old_image)];
        for (of, image) in images.into_iter().filter_map(|(of, image)| Some((of, image.as_ref()?))) {
            check_image(of, image, keys)?;
        }
        match self.schemas.get(&table(record, unsaid)) {
            Some((line, schema)) if *schema != found => Err((
                format!("Keys: its key is {found}, and that of line {line}, in the same table, is {schema}"),
                "write the table's key; a change of another table has another eventSourceARN",
            )),
            _ => Ok(()),
        }
    }
}

fn table(record: &Record<'_>, unsaid: Option<&StreamArn>) -> Option<StreamArn> {
    record.stream.as_ref().or(unsaid).cloned()
}

fn schema(keys: &Item<'_>) -> Result<Schema, Wrong> {
    if keys.is_empty() {
        return Err(("Keys are empty".to_owned(), EMPTY));
    }
    if keys.len() > 2 {
        return Err((format!("Keys have {} attributes, and an item's key has one or two", keys.len()), EMPTY));
    }
    let mut schema = Vec::with_capacity(keys.len());
    for (name, raw) in keys {
        match Scalar::of(raw) {
            None => return Err((format!("Keys.{name} has a type that no key has"), "write an S, N or B")),
            Some(key) if key.text.is_empty() => return Err((format!("Keys.{name} is empty, as no key is"), "write the item's key")),
            Some(key) => schema.push((name.to_string(), key.kind)),
        }
    }
    Ok(Schema(schema))
}

/// What an item is known by stands in it.
fn check_image(of: &str, image: &Item<'_>, keys: &Item<'_>) -> Result<(), Wrong> {
    for (name, key) in keys {
        let Some(found) = image.get(name) else {
            return Err((format!("{of} has no `{name}`, which is its key"), "write the key into the image too: an item has it"));
        };
        if Scalar::of(found) != Scalar::of(key) {
            let what = format!("{of}.{name} is {}, and Keys.{name} is {}", found.get(), key.get());
            return Err((what, "write one of them: a change is of one item"));
        }
    }
    Ok(())
}
