//! The tables of a rehearsal: they record, and hold what was put into them.
//!
//! Always holds: what the host refuses of any table, whatever its key, is refused; what is put again is held once; all of them together hold at most
//! so many bytes, and what is beyond is refused, so that a read never finds less than was put.
//! They judge no condition and work out no update.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tripline_capability::tables;
use tripline_core::port::{
    BoxFuture, TableReadError, TableSpot, TableTarget, TableWrite, TransactAction, TransactError, Transaction, WriteError, WriteOperation,
};

use super::bound::ENTRY_BYTES;
use super::stage::{Inner, Stage};

/// Of all tables together.
const HELD_BYTES_MAX: usize = 256 * 1024 * 1024;

#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) target: Box<str>,
    pub(super) action: TransactAction,
    /// Which of the rehearsal's transactions it is a part of.
    pub(super) transaction: Option<usize>,
    /// Why no table takes it.
    pub(super) refused: Option<String>,
}

/// A key that was asked for.
#[derive(Clone, Debug)]
pub(super) struct Looked {
    pub(super) target: Box<str>,
    pub(super) key: String,
    pub(super) found: Option<String>,
    /// Why no table answers.
    pub(super) refused: Option<String>,
}

/// What the tables hold.
#[derive(Debug, Default)]
pub(super) struct Items {
    tables: BTreeMap<Box<str>, Held>,
    bytes: usize,
    /// Counts the puts.
    puts: u64,
}

/// A later put of one text takes the place of an earlier one: a plugin that is tried again does not make it grow.
#[derive(Debug, Default)]
struct Held {
    in_order: BTreeMap<u64, Arc<str>>,
    by_text: HashMap<Arc<str>, u64>,
}

impl Items {
    fn put(&mut self, target: &str, item: &str) {
        self.puts += 1;
        let held = self.tables.entry(target.into()).or_default();
        let text: Arc<str> = match held.by_text.get_key_value(item) {
            Some((text, put)) => {
                let text = text.clone();
                held.in_order.remove(put);
                text
            }
            None => {
                self.bytes += item.len() + ENTRY_BYTES;
                item.into()
            }
        };
        held.by_text.insert(text.clone(), self.puts);
        held.in_order.insert(self.puts, text);
    }

    fn delete(&mut self, target: &str, key: &str) {
        let Some(held) = self.tables.get_mut(target) else { return };
        let Held { in_order, by_text } = held;
        let bytes = &mut self.bytes;
        in_order.retain(|_, item| {
            let goes = tables::is_at(item, key);
            if goes {
                by_text.remove(item);
                *bytes -= item.len() + ENTRY_BYTES;
            }
            !goes
        });
    }

    fn find(&self, target: &str, key: &str) -> Option<String> {
        let held = self.tables.get(target)?;
        let found = held.in_order.values().rev().find(|item| tables::is_at(item, key))?;
        Some(found.to_string())
    }

    /// `Err`: these would be more than the tables hold.
    fn check_room<'a>(&self, puts: impl Iterator<Item = (&'a str, &'a TableWrite)>) -> Result<(), String> {
        let is_held = |target: &str, item: &str| self.tables.get(target).is_some_and(|held| held.by_text.contains_key(item));
        let bytes = puts.map(|(target, write)| match &write.operation {
            WriteOperation::Put(item) if !is_held(target, item) => item.len() + ENTRY_BYTES,
            _ => 0,
        });
        let new = bytes.sum::<usize>();
        if new == 0 || self.bytes + new <= HELD_BYTES_MAX {
            return Ok(());
        }
        Err(format!("the tables of a rehearsal hold {HELD_BYTES_MAX} bytes at most, and are full: try fewer changes at once"))
    }

    fn keep(&mut self, target: &str, write: &TableWrite) {
        match &write.operation {
            WriteOperation::Put(item) => self.put(target, item),
            WriteOperation::Delete(key) => self.delete(target, key),
            // What it makes of the item is not worked out.
            WriteOperation::Update { .. } => {}
        }
    }
}

impl Inner {
    /// As the host's tables: what is no write of any table is refused.
    fn write(&mut self, target: &str, write: TableWrite) -> Result<(), WriteError> {
        let checked = tables::check(&write).map_err(WriteError::Invalid);
        let room = || self.items.check_room([(target, &write)].into_iter()).map_err(WriteError::Unavailable);
        let checked = checked.and_then(|()| room());
        if checked.is_ok() {
            self.items.keep(target, &write);
        }
        let refused = checked.as_ref().err().map(ToString::to_string);
        self.wrote(Written { target: target.into(), action: TransactAction::Write(write), transaction: None, refused });
        checked
    }

    fn transact(&mut self, transaction: Transaction) -> Result<(), TransactError> {
        self.transactions += 1;
        let invalid = (0..).zip(&transaction.writes).find_map(|(index, write)| {
            let reason = tables::check_transact(&write.action).err()?;
            Some(TransactError::Invalid(format!("write {index}: {reason}")))
        });
        let writes = transaction.writes.iter().filter_map(|write| match &write.action {
            TransactAction::Write(action) => Some((&*write.spot.table, action)),
            TransactAction::Check { .. } => None,
        });
        let room = || self.items.check_room(writes.clone()).map_err(TransactError::Unavailable);
        let answer = invalid.map_or_else(room, Err);
        if answer.is_ok() {
            writes.for_each(|(target, write)| self.items.keep(target, write));
        }
        let refused = answer.as_ref().err().map(ToString::to_string);
        for write in transaction.writes {
            let (target, transaction) = (write.spot.table.clone(), Some(self.transactions));
            self.wrote(Written { target, action: write.action, transaction, refused: refused.clone() });
        }
        answer
    }

    fn wrote(&mut self, written: Written) {
        let bytes = bytes_of(&written.action) + written.refused.as_ref().map_or(0, String::len);
        match (self.room.takes(bytes), &written.action) {
            (true, _) => self.said.writes.push(written),
            (false, TransactAction::Write(_)) => self.said.untold.writes += 1,
            (false, TransactAction::Check { .. }) => self.said.untold.checks += 1,
        }
    }

    fn get(&mut self, target: &str, keys: Vec<String>) -> Result<Vec<Option<String>>, TableReadError> {
        let answer = self.find_all(target, &keys);
        let refused = answer.as_ref().err().map(ToString::to_string);
        for (at, key) in keys.into_iter().enumerate() {
            let found = answer.as_ref().ok().and_then(|found| found.get(at)).cloned().flatten();
            if self.room.takes(key.len() + found.as_ref().or(refused.as_ref()).map_or(0, String::len)) {
                self.said.reads.push(Looked { target: target.into(), key, found, refused: refused.clone() });
            } else {
                self.said.untold.reads += 1;
            }
        }
        answer
    }

    fn find_all(&self, target: &str, keys: &[String]) -> Result<Vec<Option<String>>, TableReadError> {
        for (index, key) in keys.iter().enumerate() {
            tables::check_key(key).map_err(|reason| TableReadError::Invalid(format!("key {index}: {reason}")))?;
        }
        let mut bytes = 0;
        let found = keys.iter().map(|key| {
            let found = self.items.find(target, key);
            bytes += found.as_ref().map_or(0, String::len);
            tables::within(bytes).map(|()| found)
        });
        found.collect()
    }
}

/// Of what a guest wrote.
fn bytes_of(action: &TransactAction) -> usize {
    let (text, expressions, placeholders) = match action {
        TransactAction::Check { key, condition, placeholders } => (key, condition.len(), placeholders),
        TransactAction::Write(TableWrite { operation, condition, placeholders }) => {
            let (text, update) = match operation {
                WriteOperation::Put(text) | WriteOperation::Delete(text) => (text, 0),
                WriteOperation::Update { key, expression } => (key, expression.len()),
            };
            (text, update + condition.as_ref().map_or(0, String::len), placeholders)
        }
    };
    let names: usize = placeholders.names.iter().map(|(placeholder, name)| placeholder.len() + name.len()).sum();
    text.len() + expressions + names + placeholders.values.as_ref().map_or(0, String::len)
}

/// One target.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: Box<str>,
    pub(super) stage: Arc<Stage>,
}

impl TableTarget for Table {
    fn spot(&self) -> Arc<TableSpot> {
        // All of one place, as far as a rehearsal knows.
        Arc::new(TableSpot { home: Box::default(), table: self.name.clone(), keys: Box::default() })
    }

    fn write(&self, writes: Vec<TableWrite>) -> BoxFuture<'_, Vec<Result<(), WriteError>>> {
        let mut inner = self.stage.inner();
        let answers = writes.into_iter().map(|write| inner.write(&self.name, write)).collect();
        Box::pin(async move { answers })
    }

    fn transact(&self, transaction: Transaction) -> BoxFuture<'_, Result<(), TransactError>> {
        let answer = self.stage.inner().transact(transaction);
        Box::pin(async move { answer })
    }

    fn get(&self, keys: Vec<String>, _: bool) -> BoxFuture<'_, Result<Vec<Option<String>>, TableReadError>> {
        let answer = self.stage.inner().get(&self.name, keys);
        Box::pin(async move { answer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(operation: WriteOperation) -> TableWrite {
        TableWrite { operation, condition: None, placeholders: Default::default() }
    }

    fn put(item: &str) -> TableWrite {
        write(WriteOperation::Put(item.to_owned()))
    }

    fn look(inner: &mut Inner, target: &str, key: &str) -> Option<String> {
        inner.get(target, vec![key.to_owned()]).unwrap().remove(0)
    }

    #[test]
    fn a_table_holds_what_was_put_and_not_deleted() {
        let mut inner = Inner::default();
        for item in [r#"{"id":{"S":"a"},"n":{"N":"1"}}"#, r#"{"id":{"S":"a"},"n":{"N":"2"}}"#, r#"{"id":{"N":"1.0"}}"#] {
            inner.write("t", put(item)).unwrap();
        }
        let a = r#"{"id":{"S":"a"}}"#;
        assert_eq!(look(&mut inner, "t", a).as_deref(), Some(r#"{"id":{"S":"a"},"n":{"N":"2"}}"#));
        // The same as at first, and the newest.
        inner.write("t", put(r#"{"id":{"S":"a"},"n":{"N":"1"}}"#)).unwrap();
        assert_eq!(look(&mut inner, "t", a).as_deref(), Some(r#"{"id":{"S":"a"},"n":{"N":"1"}}"#));
        assert_eq!(look(&mut inner, "t", r#"{"id":{"N":"1"}}"#).as_deref(), Some(r#"{"id":{"N":"1.0"}}"#));
        assert_eq!(look(&mut inner, "other", a), None);
        inner.write("t", write(WriteOperation::Delete(a.to_owned()))).unwrap();
        assert_eq!(look(&mut inner, "t", a), None);
        let spot = Arc::new(TableSpot { home: "".into(), table: "t".into(), keys: Box::default() });
        let transact = |write| tripline_core::port::Transact { spot: spot.clone(), action: TransactAction::Write(write) };
        let bad = Transaction { token: String::new(), writes: vec![transact(put(a)), transact(put("[]"))] };
        assert!(matches!(inner.transact(bad), Err(TransactError::Invalid(reason)) if reason.starts_with("write 1: ")));
        assert_eq!(look(&mut inner, "t", a), None);
        inner.transact(Transaction { token: String::new(), writes: vec![transact(put(a))] }).unwrap();
        assert_eq!(look(&mut inner, "t", a).as_deref(), Some(a));
        inner.write("t", write(WriteOperation::Delete(a.to_owned()))).unwrap();
        inner.write("t", write(WriteOperation::Delete(r#"{"id":{"N":"1"}}"#.to_owned()))).unwrap();
        assert_eq!((inner.items.bytes, inner.items.tables["t"].by_text.len()), (0, 0));
    }

    #[test]
    fn what_the_host_refuses_is_refused() {
        let mut inner = Inner::default();
        for (key, reason) in [("x", "key 1: the key is not JSON"), ("{}", "key 1: the key has no attribute")] {
            let keys = vec![r#"{"id":{"S":"a"}}"#.to_owned(), key.to_owned()];
            let refused = inner.get("t", keys).unwrap_err();
            assert!(matches!(&refused, TableReadError::Invalid(said) if said.starts_with(reason)), "{refused}");
        }
        assert!(inner.said.reads.iter().all(|looked| looked.refused.is_some()));
        let refused = inner.write("t", put(r#"{"id":{"S":1}}"#)).unwrap_err();
        assert!(matches!(&refused, WriteError::Invalid(said) if said.contains("`id`")), "{refused}");
    }

    #[test]
    fn what_is_put_without_end_is_told_at_first_and_refused_at_last() {
        let mut inner = Inner::default();
        let item = |n: usize, bytes: usize| format!(r#"{{"id":{{"S":"{n}"}},"long":{{"S":"{}"}}}}"#, "0".repeat(bytes));
        for n in 0..30 {
            inner.write("t", put(&item(n % 3, 300_000))).unwrap();
        }
        assert_eq!((inner.said.writes.len(), inner.said.untold.writes), (27, 3));
        assert_eq!(inner.items.tables["t"].in_order.len(), 3);
        (3..35).for_each(|n| inner.items.put("t", &item(n, 8 << 20)));
        let refused = inner.write("t", put(&item(35, 1))).unwrap_err();
        assert!(matches!(&refused, WriteError::Unavailable(said) if said.contains("at most, and are full")), "{refused}");
        // What is there can be put again, and found.
        inner.write("t", put(&item(1, 300_000))).unwrap();
        assert!(look(&mut inner, "t", r#"{"id":{"S":"1"}}"#).is_some());
    }
}
