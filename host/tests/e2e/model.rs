//! What a data directory must hold, given what the tables' streams hold.
//!
//! The law: each trigger's effects are those of the changes that its checkpoint covers, no more and no less. It holds after every kill, however far
//! the host had come, since effects commit with the checkpoint; so it can be held against a directory that nobody has finished with.
//! Knows the workload's triggers, `picky`, the fixture that fails what says so, and `choosy`, whose filter wants few changes. Knows nothing of how the host delivers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tripline_core::change::{Change, EventName};
use tripline_core::checkpoint::Checkpoint;
use tripline_core::decimal::Decimal;
use tripline_core::effect::CounterKey;
use tripline_core::sequence::SequenceNumber;
use tripline_store::{DeadLetterRow, SqliteReader};

/// Each trigger and the table that it follows.
pub(crate) const TRIGGERS: [(&str, &str); 5] =
    [("choosy", "orders"), ("picky", "orders"), ("replicate", "orders"), ("stats", "orders"), ("welcome", "users")];
/// What `picky`'s `retry.attempts_max` is, and its setting `heals_after`: what is flawed by `retry` passes when it is delivered again as a dead letter.
pub(crate) const PICKY_ATTEMPTS: u32 = 3;
/// What `choosy`'s `filters` holds: see `Record::is_chosen`.
pub(crate) const CHOOSY_FILTER: &str =
    r#"{"$or":[{"eventName":["REMOVE"]},{"dynamodb":{"NewImage":{"status":{"S":["paid"]},"total":{"N":[{"numeric":[">=",250]}]}}}}]}"#;
const HEALS: &str = "retry";
const ROWS_MAX: usize = 1_000_000;

/// One change, as the stream holds it.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) shard: String,
    pub(crate) number: SequenceNumber,
    event_id: String,
    event: EventName,
    old: Option<Value>,
    new: Option<Value>,
    whole: Value,
}

impl Record {
    pub(crate) fn new(shard: &str, change: &Change) -> Self {
        let json = |text: &str| serde_json::from_str(text).unwrap();
        Self {
            shard: shard.to_owned(),
            number: change.sequence_number.clone(),
            event_id: change.event_id.to_string(),
            event: change.event_name,
            old: change.old_image_json().map(json),
            new: change.new_image_json().map(json),
            whole: json(change.record_json()),
        }
    }

    /// How the order wants to be failed after this change.
    fn flaw(&self) -> Option<&str> {
        self.new.as_ref().and_then(|item| item["flaw"]["S"].as_str())
    }

    /// Whether `choosy` wants it.
    fn is_chosen(&self) -> bool {
        let is_dear = |order: &Value| order["total"]["N"].as_str().unwrap().parse::<f64>().unwrap() >= 250.0;
        self.new.as_ref().is_none_or(|order| order["status"]["S"] == "paid" && is_dear(order))
    }

    /// As the fixture adds up the item's keys.
    fn digits(&self) -> u64 {
        let keys = self.whole["dynamodb"]["Keys"].to_string();
        keys.bytes().filter(u8::is_ascii_alphanumeric).map(u64::from).sum()
    }

    /// The address that this change makes a mail to; none where it lacks something, or is no sign-up.
    fn mail_to(&self) -> Option<&str> {
        let user = self.new.as_ref().filter(|_| self.event == EventName::Insert)?;
        user["name"]["S"].as_str().and(user["email"]["S"].as_str())
    }
}

/// Every change so far, by table, in stream order.
pub(crate) type Log = BTreeMap<&'static str, Vec<Record>>;

/// What is durable.
#[derive(Clone, Debug, Default)]
pub(crate) struct Committed {
    /// By trigger and shard.
    checkpoints: BTreeMap<(String, String), Checkpoint>,
    /// By trigger; no zeros.
    counters: BTreeMap<(String, CounterKey), Decimal>,
    dead_letters: Vec<DeadLetterRow>,
    /// Message-IDs, whether sent or not.
    mails: BTreeSet<String>,
    /// What `picky` counts in its state.
    kept: BTreeMap<String, u64>,
    /// Event IDs of `picky`'s dead letters that were ever marked to be delivered again.
    marked: BTreeSet<String>,
}

impl Committed {
    /// All of one moment only while no host runs.
    pub(crate) fn read(reader: &SqliteReader) -> Self {
        let number = |text: &str| SequenceNumber::parse(text).unwrap();
        let stretch = |text: &String| {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            (number(first), number(last))
        };
        let checkpoint = |row: tripline_store::CheckpointRow| {
            let acknowledged = row.acknowledged.iter().map(stretch).collect();
            let checkpoint =
                Checkpoint { watermark: row.watermark.as_deref().map(number), acknowledged, finished: row.finished, complete_until: None };
            ((row.trigger, row.shard), checkpoint)
        };
        let counter = |row: tripline_store::CounterRow| {
            ((row.trigger, CounterKey::new(row.name, row.labels.0)), Decimal::parse_sum(&row.value).unwrap())
        };
        Self {
            checkpoints: reader.checkpoints().unwrap().into_iter().map(checkpoint).collect(),
            counters: without_zeros(reader.counters().unwrap().into_iter().map(counter).collect()),
            dead_letters: reader.dead_letters(None, ROWS_MAX).unwrap(),
            mails: reader.mails(ROWS_MAX).unwrap().into_iter().map(|mail| mail.message_id).collect(),
            kept: kept(reader),
            marked: BTreeSet::new(),
        }
    }

    pub(crate) fn with_marked(self, marked: &BTreeSet<String>) -> Self {
        Self { marked: marked.clone(), ..self }
    }

    pub(crate) fn are_marked(&self) -> bool {
        self.dead_letters.iter().any(|letter| letter.redrive_ms.is_some())
    }

    /// `picky`'s dead letters and the events that they are of.
    pub(crate) fn pickys(&self) -> BTreeMap<i64, String> {
        let pickys = self.dead_letters.iter().filter(|letter| letter.trigger == "picky");
        pickys.map(|letter| (letter.id, letter.event_id.clone())).collect()
    }

    fn covers(&self, trigger: &str, record: &Record) -> bool {
        let checkpoint = self.checkpoints.get(&(trigger.to_owned(), record.shard.clone()));
        checkpoint.is_some_and(|checkpoint| checkpoint.covers(&record.number))
    }

    /// How many changes of the log each trigger has still to do.
    pub(crate) fn behind(&self, log: &Log) -> BTreeMap<&'static str, usize> {
        let behind = |trigger, table| log[table].iter().filter(|record| !self.covers(trigger, record)).count();
        TRIGGERS.into_iter().map(|(trigger, table)| (trigger, behind(trigger, table))).collect()
    }

    pub(crate) fn dead_letters(&self) -> usize {
        self.dead_letters.len()
    }
}

/// What a directory with these checkpoints must hold.
#[derive(Debug, Default)]
pub(crate) struct Expected<'a> {
    counters: BTreeMap<(String, CounterKey), Decimal>,
    /// By trigger and event ID, with the deliveries that each takes.
    dead_letters: BTreeMap<(&'static str, &'a str), (&'a Record, u32)>,
    /// What `picky` counts in its state, in keys that items share.
    kept: BTreeMap<String, u64>,
    /// The recipients.
    mails: Vec<&'a str>,
}

impl<'a> Expected<'a> {
    /// Of what the directory's own checkpoints cover.
    pub(crate) fn so_far(log: &'a Log, committed: &Committed) -> Self {
        let pickys: BTreeSet<String> = committed.pickys().into_values().collect();
        // What was marked and is not there any more has left with its effect, and else it is missing.
        let healed = |record: &Record| committed.marked.contains(&record.event_id) && !pickys.contains(&record.event_id);
        Self::of(log, |trigger, record| committed.covers(trigger, record), healed)
    }

    /// Of everything; `marked` as in `Committed`.
    pub(crate) fn in_the_end(log: &'a Log, marked: &BTreeSet<String>) -> Self {
        Self::of(log, |_, _| true, |record| marked.contains(&record.event_id))
    }

    fn of(log: &'a Log, covers: impl Fn(&str, &Record) -> bool, healed: impl Fn(&Record) -> bool) -> Self {
        let mut expected = Self::default();
        for (trigger, table) in TRIGGERS {
            for record in log[table].iter().filter(|record| covers(trigger, record)) {
                expected.add(trigger, record, healed(record));
            }
        }
        expected.counters = without_zeros(expected.counters);
        expected
    }

    fn add(&mut self, trigger: &'static str, record: &'a Record, healed: bool) {
        match (trigger, record.flaw().filter(|flaw| *flaw != HEALS || !healed)) {
            ("stats", _) => {
                self.group(record.old.as_ref(), "-");
                self.group(record.new.as_ref(), "");
            }
            ("choosy", _) if record.is_chosen() => {
                let name = record.event.as_str().to_lowercase();
                self.count("choosy", CounterKey::new("seen", vec![("name".into(), name.into())]), "1");
            }
            ("picky", None) => {
                let name = record.event.as_str().to_lowercase();
                *self.kept.entry(format!("{name} {}", record.digits() % 16)).or_default() += 1;
                self.count("picky", CounterKey::new("seen", vec![("name".into(), name.into())]), "1");
            }
            ("picky", Some(flaw)) => {
                let attempts = if flaw == "reject" { 1 } else { PICKY_ATTEMPTS };
                self.dead_letters.insert((trigger, &record.event_id), (record, attempts));
            }
            ("welcome", _) if record.event == EventName::Insert => match record.mail_to() {
                Some(to) => self.mails.push(to),
                None => drop(self.dead_letters.insert((trigger, &record.event_id), (record, 1))),
            },
            _ => {}
        }
    }

    /// One more or, with a minus as `sign`, one less of this order.
    fn group(&mut self, order: Option<&Value>, sign: &str) {
        let Some(order) = order else { return };
        let (status, city) = (order["status"]["S"].as_str().unwrap(), order["address"]["M"]["city"]["S"].as_str().unwrap());
        let total = order["total"]["N"].as_str().unwrap();
        let label = |name: &str, value: &str| (name.into(), value.into());
        self.count("stats", CounterKey::new("orders", vec![label("status", status)]), &format!("{sign}1"));
        let revenue = CounterKey::new("revenue", vec![label("status", status), label("address_city", city)]);
        self.count("stats", revenue, &format!("{sign}{total}"));
    }

    fn count(&mut self, trigger: &str, counter: CounterKey, delta: &str) {
        *self.counters.entry((trigger.to_owned(), counter)).or_default() += &Decimal::parse(delta).unwrap();
    }

    pub(crate) fn dead_letters(&self) -> usize {
        self.dead_letters.len()
    }

    pub(crate) fn recipients(&self) -> &[&'a str] {
        &self.mails
    }

    /// Everything in which `committed` differs.
    pub(crate) fn faults(&self, committed: &Committed) -> Vec<String> {
        let mut faults = Vec::new();
        let counters: BTreeSet<_> = self.counters.keys().chain(committed.counters.keys()).collect();
        for counter in counters {
            let (expected, found) = (self.counters.get(counter), committed.counters.get(counter));
            if expected != found {
                let shown = |value: Option<&Decimal>| value.map_or("0".to_owned(), ToString::to_string);
                faults.push(format!("counter {} of {}: {}, expected {}", counter.1, counter.0, shown(found), shown(expected)));
            }
        }
        if committed.mails.len() != self.mails.len() {
            faults.push(format!("outbox: {} mails, expected {}", committed.mails.len(), self.mails.len()));
        }
        let keys: BTreeSet<_> = self.kept.keys().chain(committed.kept.keys()).collect();
        for key in keys {
            let (expected, found) = (self.kept.get(key), committed.kept.get(key));
            if expected != found {
                faults.push(format!("state `{key}` of picky: {found:?}, expected {expected:?}"));
            }
        }
        self.dead_letter_faults(committed, &mut faults);
        faults
    }

    fn dead_letter_faults(&self, committed: &Committed, faults: &mut Vec<String>) {
        let mut found = BTreeSet::new();
        for letter in &committed.dead_letters {
            let key = (letter.trigger.as_str(), letter.event_id.as_str());
            let mut fault = |what: &str| faults.push(format!("dead letter {} of {}, event {}: {what}", letter.id, key.0, key.1));
            if !found.insert(key) {
                fault("there twice");
            }
            let Some((record, attempts)) = self.dead_letters.get(&key) else {
                fault("nothing was wrong with this change, or it is not acknowledged");
                continue;
            };
            if serde_json::from_str::<Value>(&letter.record_json).ok().as_ref() != Some(&record.whole) {
                fault("not the whole record of the stream");
            }
            if letter.sequence_number != record.number.as_str() || letter.reason.is_empty() {
                fault("without its sequence number, or a reason");
            }
            // Each redrive that failed was one delivery more.
            let attempts = attempts + letter.redrives;
            if letter.attempts != attempts {
                fault(&format!("{} attempts, expected {attempts}", letter.attempts));
            }
            let was_marked = committed.marked.contains(key.1);
            if (letter.redrives > 0 || letter.redrive_ms.is_some()) && !was_marked {
                fault("delivered again, and nobody asked for it");
            }
        }
        for (trigger, event_id) in self.dead_letters.keys().filter(|key| !found.contains(*key)) {
            faults.push(format!("no dead letter of {trigger} for event {event_id}"));
        }
    }
}

fn kept(reader: &SqliteReader) -> BTreeMap<String, u64> {
    let rows = reader.state(Some(&"picky".into()), ROWS_MAX).unwrap();
    rows.into_iter()
        .map(|row| (row.key, String::from_utf8(row.value).unwrap().parse().unwrap()))
        .collect()
}

fn without_zeros(mut counters: BTreeMap<(String, CounterKey), Decimal>) -> BTreeMap<(String, CounterKey), Decimal> {
    counters.retain(|_, value| !value.is_zero());
    counters
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
