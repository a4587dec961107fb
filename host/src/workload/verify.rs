//! Whether what the plugins did is what they should have done, by reading both tables, the counters, the outbox and the mails.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tripline_core::decimal::Decimal;
use tripline_core::effect::CounterKey;
use tripline_store::{MailStatus, SqliteReader};

use super::tables::{Item, Tables};

/// What the cross-region writer adds to every item of a replica.
const VERSION_ATTRIBUTE: &str = "tripline_version";
/// The trigger whose counters are compared.
const STATS: &str = "stats";
const LIST_MAX: usize = 20_000_000;

#[derive(Debug)]
pub struct Verifier<'a> {
    pub tables: &'a Tables,
    pub data_dir: &'a Path,
    /// Where the `file:` mailer writes; none: mail goes elsewhere, and the outbox's word counts.
    pub mail_dir: Option<&'a Path>,
    /// How many changes must be dead letters.
    pub dead_letters_expected: usize,
}

/// What differs. All of it empty, and every mail sent: the demo has worked.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Keys of orders that are not the same in both regions.
    pub replica: BTreeSet<String>,
    /// Counters that are not what a group-by of the orders gives, as `name{labels}`.
    pub counters: BTreeSet<String>,
    pub mails_expected: usize,
    /// Sent by the outbox's word, with its file there.
    pub mails_sent: usize,
    /// Mail files that nobody asked for.
    pub mails_too_many: usize,
    pub dead_letters: usize,
    pub dead_letters_expected: usize,
}

impl Findings {
    pub fn are_clean(&self) -> bool {
        let mails = self.mails_sent == self.mails_expected && self.mails_too_many == 0;
        self.replica.is_empty() && self.counters.is_empty() && mails && self.dead_letters == self.dead_letters_expected
    }
}

impl Verifier<'_> {
    /// Looks until nothing differs, or until for `stalled_after` nothing has changed; then says what it found last.
    pub async fn wait(&self, stalled_after: Duration) -> Result<Findings> {
        let mut last = Findings::default();
        let mut moved = Instant::now();
        let mut pause = Duration::from_millis(50);
        loop {
            let findings = self.look().await?;
            if findings.are_clean() {
                return Ok(findings);
            }
            if findings != last {
                moved = Instant::now();
                last = findings;
            } else if moved.elapsed() > stalled_after {
                return Ok(last);
            }
            // Reading tables takes time from those who fill them.
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    async fn look(&self) -> Result<Findings> {
        let orders = self.tables.orders().await?;
        let replica = self.tables.replica().await?;
        let users = self.tables.users().await?;
        let reader = SqliteReader::open(self.data_dir)?;
        let (sent, too_many) = mails(&reader, self.mail_dir)?;
        Ok(Findings {
            replica: replica_differences(&orders, &replica),
            counters: counter_differences(&group(&orders)?, &counters(&reader)?),
            mails_expected: users.values().filter(|user| user.contains_key("email") && user.contains_key("name")).count(),
            mails_sent: sent,
            mails_too_many: too_many,
            dead_letters: reader.dead_letters(None, LIST_MAX)?.len(),
            dead_letters_expected: self.dead_letters_expected,
        })
    }
}

/// One line on what has been done so far.
pub fn glance(data_dir: &Path, written: u64) -> Result<String> {
    let reader = SqliteReader::open(data_dir)?;
    let zero = Decimal::default();
    let orders: Vec<_> = counters(&reader)?
        .into_iter()
        .filter(|(counter, value)| &*counter.name == "orders" && *value != zero)
        .collect();
    let by_status: Vec<_> = orders
        .iter()
        .map(|(counter, value)| format!("{value} {}", counter.labels().iter().map(|label| &*label.1).collect::<String>()))
        .collect();
    let sent: u64 = reader.outbox_summary()?.iter().map(|mailer| mailer.sent).sum();
    let dead = reader.dead_letters(None, LIST_MAX)?.len();
    Ok(format!("{written} changes; orders: {}; {sent} mails sent; {dead} dead letters", by_status.join(", ")))
}

fn replica_differences(orders: &BTreeMap<String, Item>, replica: &BTreeMap<String, Item>) -> BTreeSet<String> {
    let unmarked = |item: &Item| {
        let mut item = item.clone();
        item.remove(VERSION_ATTRIBUTE);
        item
    };
    let keys: BTreeSet<&String> = orders.keys().chain(replica.keys()).collect();
    let differs = |key: &&String| orders.get(*key) != replica.get(*key).map(unmarked).as_ref();
    keys.into_iter().filter(differs).cloned().collect()
}

/// What the demo's counters must say of these orders.
fn group(orders: &BTreeMap<String, Item>) -> Result<BTreeMap<CounterKey, Decimal>> {
    let mut groups: BTreeMap<CounterKey, Decimal> = BTreeMap::new();
    let one = Decimal::parse("1")?;
    for order in orders.values() {
        let status = order.get("status").and_then(|status| status.as_s().ok()).context("an order without status")?;
        let address = order.get("address").and_then(|address| address.as_m().ok()).context("an order without address")?;
        let city = address.get("city").and_then(|city| city.as_s().ok()).context("an order without city")?;
        let total = order.get("total").and_then(|total| total.as_n().ok()).context("an order without total")?;
        let label = |name: &str, value: &str| (name.into(), value.into());
        *groups.entry(CounterKey::new("orders", vec![label("status", status)])).or_default() += &one;
        let revenue = CounterKey::new("revenue", vec![label("status", status), label("address_city", city)]);
        *groups.entry(revenue).or_default() += &Decimal::parse(total)?;
    }
    Ok(groups)
}

fn counters(reader: &SqliteReader) -> Result<BTreeMap<CounterKey, Decimal>> {
    let rows = reader.counters()?.into_iter().filter(|row| row.trigger == STATS);
    rows.map(|row| Ok((CounterKey::new(row.name, row.labels.0), Decimal::parse_sum(&row.value)?)))
        .collect()
}

/// A group that is empty may have a counter of zero, or none.
fn counter_differences(expected: &BTreeMap<CounterKey, Decimal>, found: &BTreeMap<CounterKey, Decimal>) -> BTreeSet<String> {
    let zero = Decimal::default();
    let keys: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    let differs = |key: &&CounterKey| expected.get(key).unwrap_or(&zero) != found.get(key).unwrap_or(&zero);
    keys.into_iter().filter(differs).map(ToString::to_string).collect()
}

/// Mails that are sent, by the outbox's word and, where they are files, with the file there; and files beyond those.
fn mails(reader: &SqliteReader, mail_dir: Option<&Path>) -> Result<(usize, usize)> {
    let mails = reader.mails(LIST_MAX)?;
    let sent = mails.iter().filter(|mail| mail.status == MailStatus::Sent);
    let Some(mail_dir) = mail_dir else { return Ok((sent.count(), 0)) };
    let files = mail_files(mail_dir)?;
    let name = |message_id: &str| format!("{}.eml", message_id.split('@').next().unwrap_or(message_id));
    let sent = sent.filter(|mail| files.contains(&name(&mail.message_id))).count();
    Ok((sent, files.len().saturating_sub(sent)))
}

fn mail_files(mail_dir: &Path) -> Result<BTreeSet<String>> {
    let entries = match std::fs::read_dir(mail_dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(error).context("cannot list the mails"),
    };
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let names: Result<Vec<String>> = names.collect();
    Ok(names?.into_iter().filter(|name| name.ends_with(".eml")).collect())
}
