//! Tables: the grant of each table, what a transaction may be, and the guest's records as core's.

use std::sync::Arc;

use tripline_core::limits::{TABLE_KEYS_MAX, TRANSACTION_WRITES_MAX};
use tripline_core::port::{
    Placeholders, TableReadError, TableTarget, TableWrite, Transact, TransactAction, TransactError, Transaction, WriteError, WriteOperation,
};

use super::super::bindings::tripline::trigger::tables as wit;
use super::SHOWN_BYTES_MAX;
use crate::guest::{Guest, Purpose};
use crate::text;
use crate::transactions::{Origin, in_one_form};

const PROBED: &str = "this is the probe of a new version: an empty batch writes nothing";

impl wit::Host for Guest {
    async fn write(&mut self, table: String, writes: Vec<wit::TableWrite>) -> Result<Vec<Result<(), wit::WriteError>>, wit::TableError> {
        let target = self.table_to_write(&table).map_err(wit::TableError::AccessDenied)?;
        // A probe learns so whether it is granted the table.
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        if self.purpose == Purpose::Probe {
            return Err(wit::TableError::AccessDenied(PROBED.into()));
        }
        self.waits_in = Some("tables.write");
        let results = target.write(writes.into_iter().map(lift_write).collect()).await;
        self.waits_in = None;
        Ok(results.into_iter().map(|result| result.map_err(lower_write_error)).collect())
    }

    async fn transact(&mut self, change: u32, writes: Vec<wit::TransactWrite>) -> Result<(), wit::TransactError> {
        let mut targets = Vec::with_capacity(writes.len());
        for write in &writes {
            targets.push(self.table_to_write(&write.table).map_err(wit::TransactError::AccessDenied)?);
        }
        if self.purpose == Purpose::Probe {
            return Err(wit::TransactError::AccessDenied(PROBED.into()));
        }
        let invalid = wit::TransactError::Invalid;
        self.effects.check_change(change).map_err(invalid)?;
        if writes.len() > TRANSACTION_WRITES_MAX {
            return Err(invalid(format!("{} writes in one transaction; at most {TRANSACTION_WRITES_MAX}", writes.len())));
        }
        let Some(target) = targets.first().cloned() else { return Ok(()) };
        let lifted = targets.iter().zip(writes).map(|(target, write)| lift_transact(&**target, write));
        let transacts: Vec<Transact> = lifted.map(in_one_form).collect();
        of_one_home(&transacts).map_err(invalid)?;
        let event_id = &self.changes[change as usize].event_id;
        let origin = Origin { trigger: self.context.trigger.as_str(), stream: self.stream.as_str(), event_id };
        let made = self.transactions.next(&origin, &transacts);
        self.waits_in = Some("tables.transact");
        let answer = target.transact(Transaction { token: made.token(), writes: transacts }).await;
        self.waits_in = None;
        if answer.is_ok() {
            self.transactions.made(made);
        }
        answer.map_err(lower_transact_error)
    }

    async fn get(&mut self, table: String, keys: Vec<String>, consistent: bool) -> Result<Vec<Option<String>>, wit::ReadError> {
        let Some(target) = self.context.grants.reads.get(table.as_str()).cloned() else {
            let shown = text::one_line(&table, SHOWN_BYTES_MAX);
            let reason = self.denied(&format!("to read the table `{shown}`"), &format!("reads = [\"{shown}\"]"));
            return Err(wit::ReadError::AccessDenied(reason));
        };
        if keys.len() > TABLE_KEYS_MAX {
            return Err(wit::ReadError::Invalid(format!("{} keys in one read; at most {TABLE_KEYS_MAX}", keys.len())));
        }
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.waits_in = Some("tables.get");
        let answer = target.get(keys, consistent).await;
        self.waits_in = None;
        answer.map_err(|error| match error {
            TableReadError::Invalid(reason) => wit::ReadError::Invalid(reason),
            TableReadError::Unavailable(reason) => wit::ReadError::Unavailable(reason),
        })
    }
}

impl Guest {
    fn table_to_write(&self, table: &str) -> Result<Arc<dyn TableTarget>, String> {
        self.context.grants.tables.get(table).cloned().ok_or_else(|| {
            let shown = text::one_line(table, SHOWN_BYTES_MAX);
            self.denied(&format!("the table `{shown}`"), &format!("tables = [\"{shown}\"]"))
        })
    }
}

fn of_one_home(writes: &[Transact]) -> Result<(), String> {
    let mut spots = writes.iter().map(|write| &write.spot);
    let Some(first) = spots.next() else { return Ok(()) };
    match spots.find(|spot| spot.home != first.home) {
        None => Ok(()),
        Some(other) => Err(format!(
            "the tables `{}` and `{}` are not of one region, account and endpoint: DynamoDB makes no transaction over both",
            first.table, other.table
        )),
    }
}

fn lift_write(write: wit::TableWrite) -> TableWrite {
    match write {
        wit::TableWrite::Put(put) => lift_put(put),
        wit::TableWrite::Update(update) => lift_update(update),
        wit::TableWrite::Delete(delete) => lift_delete(delete),
    }
}

fn lift_transact(target: &dyn TableTarget, write: wit::TransactWrite) -> Transact {
    let action = match write.action {
        wit::TransactAction::Put(put) => TransactAction::Write(lift_put(put)),
        wit::TransactAction::Update(update) => TransactAction::Write(lift_update(update)),
        wit::TransactAction::Delete(delete) => TransactAction::Write(lift_delete(delete)),
        wit::TransactAction::Check(wit::Check { key, condition }) => {
            let placeholders = Placeholders { names: condition.names, values: condition.values };
            TransactAction::Check { key, condition: condition.expression, placeholders }
        }
    };
    Transact { spot: target.spot(), action }
}

fn lift_put(put: wit::Put) -> TableWrite {
    conditional(WriteOperation::Put(put.item), put.condition)
}

fn lift_delete(delete: wit::Delete) -> TableWrite {
    conditional(WriteOperation::Delete(delete.key), delete.condition)
}

fn lift_update(update: wit::Update) -> TableWrite {
    let wit::Update { key, expression, condition, names, values } = update;
    TableWrite { operation: WriteOperation::Update { key, expression }, condition, placeholders: Placeholders { names, values } }
}

fn conditional(operation: WriteOperation, condition: Option<wit::Condition>) -> TableWrite {
    match condition {
        None => TableWrite { operation, condition: None, placeholders: Placeholders::default() },
        Some(wit::Condition { expression, names, values }) => {
            TableWrite { operation, condition: Some(expression), placeholders: Placeholders { names, values } }
        }
    }
}

fn lower_write_error(error: WriteError) -> wit::WriteError {
    match error {
        WriteError::ConditionFailed => wit::WriteError::ConditionFailed,
        WriteError::Invalid(reason) => wit::WriteError::Invalid(reason),
        WriteError::Unavailable(reason) => wit::WriteError::Unavailable(reason),
    }
}

fn lower_transact_error(error: TransactError) -> wit::TransactError {
    match error {
        TransactError::Cancelled(reasons) => {
            wit::TransactError::Cancelled(reasons.into_iter().map(|reason| reason.map(lower_write_error)).collect())
        }
        TransactError::Invalid(reason) => wit::TransactError::Invalid(reason),
        TransactError::Unavailable(reason) => wit::TransactError::Unavailable(reason),
    }
}
