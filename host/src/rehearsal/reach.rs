//! What is told of what a call reached for outside: reads, writes and transactions of tables, samples of metrics.
//!
//! All of it happens at once, whatever becomes of the change. As JSON, what is empty is left out.

use std::fmt;

use tripline_core::effect::CounterKey;
use tripline_core::port::{MetricSample, Placeholders, TransactAction, WriteOperation};

use super::tables::{Looked, Written};
use super::told::{Call, Json, as_map};
use crate::cli::output::tame;

#[derive(Debug, serde::Serialize)]
pub(super) struct Read {
    table: Box<str>,
    key: Json,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    #[serde(flatten)]
    call: Call,
}

#[derive(Debug, serde::Serialize)]
pub(super) struct Write {
    table: Box<str>,
    #[serde(flatten)]
    operation: Operation,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Expression>,
    /// Which of the rehearsal's transactions it is a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    #[serde(flatten)]
    call: Call,
}

#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
enum Operation {
    Put(Json),
    Update {
        key: Json,
        /// With the placeholders that its condition shares.
        #[serde(flatten)]
        update: Expression,
    },
    Delete(Json),
    /// Writes nothing: its condition must hold.
    Check(Json),
}

#[derive(Debug, serde::Serialize)]
struct Expression {
    expression: String,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_map")]
    names: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<Json>,
}

#[derive(Debug, serde::Serialize)]
pub(super) struct Measured {
    name: Box<str>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_map")]
    labels: Vec<(Box<str>, Box<str>)>,
    #[serde(flatten)]
    sample: Sample,
    #[serde(flatten)]
    call: Call,
    /// As Prometheus writes it.
    #[serde(skip)]
    shown: String,
}

#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
enum Sample {
    Count(u64),
    Gauge(f64),
    Observe(f64),
}

impl Read {
    pub(super) fn of(looked: Looked, call: &Call) -> Self {
        let Looked { target, key, found, refused } = looked;
        Self { table: target, key: Json::of(&key), found: found.as_deref().map(Json::of), refused, call: call.clone() }
    }
}

impl Write {
    pub(super) fn of(written: Written, call: &Call) -> Self {
        let Written { target, action, transaction, refused } = written;
        let (operation, condition) = told(action);
        Self { table: target, operation, condition, transaction, refused, call: call.clone() }
    }

    /// A check does not.
    pub(super) fn writes(&self) -> bool {
        !matches!(self.operation, Operation::Check(_))
    }
}

fn told(action: TransactAction) -> (Operation, Option<Expression>) {
    let write = match action {
        TransactAction::Check { key, condition, placeholders } => {
            return (Operation::Check(Json::of(&key)), Some(Expression::of(condition, placeholders)));
        }
        TransactAction::Write(write) => write,
    };
    let operation = match write.operation {
        WriteOperation::Put(item) => Operation::Put(Json::of(&item)),
        WriteOperation::Delete(key) => Operation::Delete(Json::of(&key)),
        WriteOperation::Update { key, expression } => {
            let update = Expression::of(expression, write.placeholders);
            let condition = write.condition.map(|condition| Expression::of(condition, Placeholders::default()));
            return (Operation::Update { key: Json::of(&key), update }, condition);
        }
    };
    (operation, write.condition.map(|condition| Expression::of(condition, write.placeholders)))
}

impl Expression {
    fn of(expression: String, Placeholders { names, values }: Placeholders) -> Self {
        Self { expression, names, values: values.as_deref().map(Json::of) }
    }
}

impl Measured {
    pub(super) fn of(metric: &CounterKey, sample: MetricSample, call: &Call) -> Self {
        let sample = match sample {
            MetricSample::Count(delta) => Sample::Count(delta),
            MetricSample::Gauge(value) => Sample::Gauge(value),
            MetricSample::Observe(value) => Sample::Observe(value),
        };
        Self { name: metric.name.clone(), labels: metric.labels().to_vec(), sample, call: call.clone(), shown: metric.to_string() }
    }
}

impl fmt::Display for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = match (&self.found, &self.refused) {
            (Some(found), _) => tame(found.as_str()),
            (None, Some(reason)) => format!("refused: {}", tame(reason)),
            (None, None) => "nothing".to_owned(),
        };
        writeln!(f, "  read{} {} {}: {found}", self.call, tame(&self.table), tame(self.key.as_str()))
    }
}

impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, json) = match &self.operation {
            Operation::Put(item) => ("put", item),
            Operation::Update { key, .. } => ("update", key),
            Operation::Delete(key) => ("delete", key),
            Operation::Check(key) => ("check", key),
        };
        let of = self.transaction.map(|number| format!(" in transaction {number}")).unwrap_or_default();
        writeln!(f, "  {verb}{}{of} {} {}", self.call, tame(&self.table), tame(json.as_str()))?;
        if let Operation::Update { update, .. } = &self.operation {
            writeln!(f, "    {update}")?;
        }
        if let Some(condition) = &self.condition {
            writeln!(f, "    if {condition}")?;
        }
        match &self.refused {
            Some(reason) => writeln!(f, "    refused: {}", tame(reason)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", tame(&self.expression))?;
        let names = self.names.iter().map(|(placeholder, name)| format!("{} = {}", tame(placeholder), tame(name)));
        let names: Vec<String> = names.collect();
        if !names.is_empty() {
            write!(f, ", {}", names.join(", "))?;
        }
        match &self.values {
            Some(values) => write!(f, ", {}", tame(values.as_str())),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.sample {
            Sample::Count(delta) => format!("count +{delta}"),
            Sample::Gauge(value) => format!("gauge = {value}"),
            Sample::Observe(value) => format!("observed {value}"),
        };
        writeln!(f, "  metric{} {} {what}", self.call, tame(&self.shown))
    }
}
