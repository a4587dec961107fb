//! `[dev]`: what `tripline dev` builds, watches and plays. A host that runs reads it, and acts on none of it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::read::Value;
use super::schema::DEV;

/// Where a project says how it is built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DevConfig {
    /// For `sh -c`, in the folder of the file. None: nothing is built, and plugins are reloaded when their files change.
    pub build: Option<String>,
    /// Files and folders whose changes are saves.
    pub watch: Vec<PathBuf>,
    /// Recorded changes that are played with each save.
    pub events: Option<PathBuf>,
    /// Of tables that are made and that `events` says nothing of: attribute names, and their types.
    pub keys: BTreeMap<String, Vec<(String, KeyType)>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    String,
    Number,
    Binary,
}

pub(super) fn dev(value: &Value<'_>) -> DevConfig {
    let Some(section) = value.section(&DEV) else { return DevConfig::default() };
    let watch = section
        .get("watch")
        .map(|list| list.list().iter().filter_map(Value::path).collect())
        .unwrap_or_default();
    let build = section.get("build").and_then(|value| value.line()).map(str::to_owned);
    if build.is_some() {
        section.require("watch", "write the files and folders whose changes are to be built, as watch = [\"src\"]");
    }
    DevConfig {
        build,
        watch,
        events: section.get("events").and_then(|value| value.path()),
        keys: section.get("keys").map(|value| keys(&value)).unwrap_or_default(),
    }
}

fn keys(value: &Value<'_>) -> BTreeMap<String, Vec<(String, KeyType)>> {
    let Some(tables) = value.table() else { return BTreeMap::new() };
    let mut keys = BTreeMap::new();
    for (table, listed) in tables {
        let listed = value.child(table.get_ref(), table.span().start, listed.get_ref());
        let attributes = listed.list();
        if !(1..=2).contains(&attributes.len()) && listed.raw.is_array() {
            listed.fault("a table has one or two key attributes", "write [\"partition\"] or [\"partition\", \"sort:N\"]");
        }
        keys.insert(table.get_ref().to_string(), attributes.iter().filter_map(key).collect());
    }
    keys
}

/// `name`, or `name:S`, `name:N`, `name:B`.
fn key(value: &Value<'_>) -> Option<(String, KeyType)> {
    let text = value.line()?;
    let (name, kind) = match text.rsplit_once(':') {
        None => (text, KeyType::String),
        Some((name, "S")) => (name, KeyType::String),
        Some((name, "N")) => (name, KeyType::Number),
        Some((name, "B")) => (name, KeyType::Binary),
        Some(_) => {
            value.fault(format!("{text:?} names no type of a key"), "write \"name:S\", \"name:N\" or \"name:B\"");
            return None;
        }
    };
    Some((name.to_owned(), kind))
}
