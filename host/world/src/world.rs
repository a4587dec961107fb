//! The world: what happens to tables, items and shards. What it answers about them is in `api`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use fastrand::Rng;

use crate::error::ApiError;
use crate::fault::{Dice, Faults, TransportFault};
use crate::item::{Item, Key};
use crate::meter::{Operation, Tally};
use crate::number::Number;
use crate::record::{Draft, Event, Record};
use crate::stream::{DescribeLie, Shard, ShardRef, Stream};
use crate::table::{Table, TableInfo, TableSpec, View};

const REGION: &str = "eu-west-1";
const ACCOUNT: &str = "123456789012";
/// So that dice and topology do not walk in step.
const DICE_SALT: u64 = 0x5eed_d1ce;

/// An account in a region. Every call names the time; a time before an earlier call's counts as that call's.
#[derive(Clone, Debug)]
pub struct World {
    pub(crate) now_ms: u64,
    pub(crate) rng: Rng,
    pub(crate) dice: Dice,
    pub(crate) tables: BTreeMap<Arc<str>, Table>,
    /// All there ever were, oldest first.
    pub(crate) streams: Vec<Stream>,
    pub(crate) by_arn: HashMap<Arc<str>, usize>,
    /// Every record in the order in which it was written.
    pub(crate) written: Vec<(ShardRef, u32)>,
    pub(crate) calls: [Tally; 4],
    /// Calls above AWS's limits are throttled.
    pub(crate) limited: bool,
    /// By which calls are counted, where that is not the world's own time.
    pub(crate) call_clock_ms: Option<u64>,
    pub(crate) iterators: u64,
}

impl World {
    pub fn new(seed: u64) -> Self {
        Self {
            now_ms: 0,
            rng: Rng::with_seed(seed),
            dice: Dice::new(seed ^ DICE_SALT),
            tables: BTreeMap::new(),
            streams: Vec::new(),
            by_arn: HashMap::new(),
            written: Vec::new(),
            calls: Default::default(),
            limited: false,
            call_clock_ms: None,
            iterators: 0,
        }
    }

    pub fn region(&self) -> &'static str {
        REGION
    }

    // ---- What goes wrong, and what is counted ----

    pub fn set_faults(&mut self, faults: Faults) {
        self.dice.faults = faults;
    }

    pub fn faults(&self) -> &Faults {
        &self.dice.faults
    }

    /// Whether calls above AWS's limits are throttled; off at first.
    pub fn limit_calls(&mut self, limited: bool) {
        self.limited = limited;
    }

    /// Counts calls by this time from now on: for a driver whose world runs faster than its callers.
    pub fn count_calls_at(&mut self, now_ms: u64) {
        self.call_clock_ms = Some(now_ms);
    }

    /// What the way does to the next call; asked once before each, whatever the call is.
    pub fn transport_fault(&mut self) -> Option<TransportFault> {
        self.dice.transport()
    }

    /// Calls of the account.
    pub fn calls(&self, operation: Operation) -> &Tally {
        &self.calls[operation as usize]
    }

    /// GetRecords calls of one shard.
    pub fn reads(&self, shard: ShardRef) -> Option<&Tally> {
        self.shard(shard).map(|shard| &shard.reads)
    }

    /// The most readers that a shard had at once. A chain of iterators is a reader.
    pub fn readers_peak(&self, shard: ShardRef) -> usize {
        self.shard(shard).map_or(0, |shard| shard.readers.peak())
    }

    // ---- Tables ----

    pub fn create_table(&mut self, spec: TableSpec, now_ms: u64) -> Result<(), ApiError> {
        let now_ms = self.tick(now_ms);
        if self.tables.contains_key(&*spec.name) {
            return Err(ApiError::new("ResourceInUseException", format!("Table already exists: {}", spec.name)));
        }
        let name: Arc<str> = spec.name.into();
        let table = Table {
            name: Arc::clone(&name),
            schema: Arc::new(spec.schema),
            created_ms: now_ms,
            shards: spec.shards.max(1),
            items: BTreeMap::new(),
            enabled: None,
            latest: None,
        };
        self.tables.insert(Arc::clone(&name), table);
        match spec.view {
            Some(view) => self.enable_stream(&name, view, now_ms).map(drop),
            None => Ok(()),
        }
    }

    /// Its stream stays readable for a day.
    pub fn delete_table(&mut self, name: &str, now_ms: u64) -> Result<(), ApiError> {
        let now_ms = self.tick(now_ms);
        let table = self.tables.remove(name).ok_or_else(|| ApiError::no_table(name))?;
        if let Some(stream) = table.enabled {
            self.streams[stream].disable(now_ms);
        }
        Ok(())
    }

    /// The new stream's ARN.
    pub fn enable_stream(&mut self, name: &str, view: View, now_ms: u64) -> Result<Arc<str>, ApiError> {
        let now_ms = self.tick(now_ms);
        let table = self.tables.get(name).ok_or_else(|| ApiError::no_table(name))?;
        if table.enabled.is_some() {
            return Err(ApiError::validation(format!("Table already has an enabled stream: TableName: {name}")));
        }
        let (table_name, schema, shards) = (Arc::clone(&table.name), Arc::clone(&table.schema), table.shards);
        let floor = table.latest.map_or(Number(0), |latest| self.streams[latest].number_max());
        let (label, arn) = self.new_arn(name, now_ms);
        let listed_from_ms = self.listed_from(name, now_ms);
        let mut stream = Stream {
            arn: Arc::clone(&arn),
            label,
            table: table_name,
            schema,
            view,
            created_ms: now_ms,
            listed_from_ms,
            disabled_ms: None,
            shards: Vec::new(),
            by_id: HashMap::new(),
            open: Vec::new(),
            lie: DescribeLie::default(),
            child_lie: DescribeLie::default(),
        };
        stream.add_roots(shards, floor, &mut self.rng);
        let index = self.streams.len();
        self.by_arn.insert(Arc::clone(&arn), index);
        self.streams.push(stream);
        if let Some(table) = self.tables.get_mut(name) {
            (table.enabled, table.latest) = (Some(index), Some(index));
        }
        Ok(arn)
    }

    pub fn disable_stream(&mut self, name: &str, now_ms: u64) -> Result<(), ApiError> {
        let now_ms = self.tick(now_ms);
        let table = self.tables.get_mut(name).ok_or_else(|| ApiError::no_table(name))?;
        let Some(stream) = table.enabled.take() else {
            return Err(ApiError::validation(format!("Table does not have a stream to disable: TableName: {name}")));
        };
        self.streams[stream].disable(now_ms);
        Ok(())
    }

    pub fn table_names(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(|name| &**name)
    }

    pub fn describe_table(&self, name: &str) -> Result<TableInfo, ApiError> {
        let table = self.table(name)?;
        let latest = table.latest.map(|latest| &self.streams[latest]);
        Ok(TableInfo {
            arn: format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"),
            schema: (*table.schema).clone(),
            created_ms: table.created_ms,
            items: table.items.len(),
            view: table.enabled.map(|enabled| self.streams[enabled].view),
            latest_stream: latest.map(|latest| (Arc::clone(&latest.arn), Arc::clone(&latest.label))),
        })
    }

    // ---- Items ----

    /// What it replaced.
    pub fn put(&mut self, table: &str, item: Item, now_ms: u64) -> Result<Option<Item>, ApiError> {
        let now_ms = self.tick(now_ms);
        let found = self.tables.get_mut(table).ok_or_else(|| ApiError::no_table(table))?;
        let old = found.items.insert(Arc::clone(&item.key.json), item.clone());
        if old.as_ref().is_none_or(|old| old.json != item.json)
            && let Some(stream) = found.enabled
        {
            self.record(stream, Some(&item), old.as_ref(), (now_ms, false));
        }
        Ok(old)
    }

    pub fn delete(&mut self, table: &str, key: &Key, now_ms: u64) -> Result<Option<Item>, ApiError> {
        self.remove(table, key, (now_ms, false))
    }

    /// As `delete`, by the time to live.
    pub fn expire(&mut self, table: &str, key: &Key, now_ms: u64) -> Result<Option<Item>, ApiError> {
        self.remove(table, key, (now_ms, true))
    }

    pub fn get(&self, table: &str, key: &Key) -> Result<Option<&Item>, ApiError> {
        Ok(self.table(table)?.items.get(&key.json))
    }

    /// Items in the order of their keys' JSON, those behind `after`.
    pub fn items<'a>(&'a self, table: &str, after: Option<&Key>) -> Result<impl Iterator<Item = &'a Item>, ApiError> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, |key| Excluded(&*key.json));
        Ok(self.table(table)?.items.range::<str, _>((from, Unbounded)).map(|(_, item)| item))
    }

    fn remove(&mut self, table: &str, key: &Key, (now_ms, by_ttl): (u64, bool)) -> Result<Option<Item>, ApiError> {
        let now_ms = self.tick(now_ms);
        let found = self.tables.get_mut(table).ok_or_else(|| ApiError::no_table(table))?;
        let old = found.items.remove(&key.json);
        if let (Some(old), Some(stream)) = (&old, found.enabled) {
            self.record(stream, None, Some(old), (now_ms, by_ttl));
        }
        Ok(old)
    }

    /// One change, in the shard that holds the item's hash now.
    fn record(&mut self, index: usize, new: Option<&Item>, old: Option<&Item>, (created_ms, by_ttl): (u64, bool)) {
        let event = match (new, old) {
            (Some(_), None) => Event::Insert,
            (Some(_), Some(_)) => Event::Modify,
            (None, _) => Event::Remove,
        };
        let stream = &mut self.streams[index];
        let Some((key, shard)) = new.or(old).and_then(|item| Some((&item.key, stream.shard_of(item.key.hash)?))) else {
            return;
        };
        let (view, shard_index) = (stream.view, shard);
        let shard = &mut stream.shards[shard as usize];
        let number = shard.take_number(&mut self.rng);
        let event_id = self.rng.u128(..);
        let sizes = [key.size_bytes, new.map_or(0, |item| item.size_bytes), old.map_or(0, |item| item.size_bytes)];
        let (new, old) = (new.map(|item| &*item.json), old.map(|item| &*item.json));
        let draft = Draft { region: REGION, view, event, key: &key.json, new, old, sizes, by_ttl };
        let json = draft.json(number, event_id, created_ms);
        self.written
            .push((ShardRef { stream: index as u32, shard: shard_index }, shard.records.len() as u32));
        shard.records.push(Record { number, created_ms, event, key: Arc::clone(&key.json), event_id, json });
    }

    // ---- Topology ----

    /// The open shards of a table's stream, in the order of the hashes that they hold; none where it has no stream.
    pub fn shards_open(&self, table: &str) -> impl ExactSizeIterator<Item = ShardRef> {
        let stream = self.tables.get(table).and_then(|table| table.enabled);
        let open = stream.map_or(&[][..], |stream| &self.streams[stream].open);
        let stream = stream.unwrap_or_default() as u32;
        open.iter().map(move |&shard| ShardRef { stream, shard })
    }

    /// Closes a shard; its two children share its hashes.
    pub fn split(&mut self, shard: ShardRef, now_ms: u64) -> Result<[ShardRef; 2], ApiError> {
        let (first, last) = self.succeed(shard, 2, now_ms)?;
        Ok([first, last])
    }

    /// Closes a shard, as AWS does after about four hours; its one child goes on.
    pub fn roll(&mut self, shard: ShardRef, now_ms: u64) -> Result<ShardRef, ApiError> {
        self.succeed(shard, 1, now_ms).map(|(child, _)| child)
    }

    fn succeed(&mut self, ShardRef { stream, shard }: ShardRef, parts: u64, now_ms: u64) -> Result<(ShardRef, ShardRef), ApiError> {
        let now_ms = self.tick(now_ms);
        let found = self.streams.get_mut(stream as usize);
        let children = found.and_then(|found| found.succeed(shard, parts, now_ms, &mut self.rng));
        let (first, last) = children.ok_or_else(|| ApiError::validation("the shard is closed, or too narrow to be split"))?;
        Ok((ShardRef { stream, shard: first }, ShardRef { stream, shard: last }))
    }

    // ---- Shared ----

    /// Time never runs backward.
    pub(crate) fn tick(&mut self, now_ms: u64) -> u64 {
        self.now_ms = self.now_ms.max(now_ms);
        self.now_ms
    }

    pub(crate) fn table(&self, name: &str) -> Result<&Table, ApiError> {
        self.tables.get(name).ok_or_else(|| ApiError::no_table(name))
    }

    pub(crate) fn shard(&self, shard: ShardRef) -> Option<&Shard> {
        self.streams.get(shard.stream as usize)?.shards.get(shard.shard as usize)
    }

    /// When ListStreams begins to know a table's new stream: now, or later; never before the table's older ones, since whoever sees the
    /// newer one alone could not know of another.
    fn listed_from(&mut self, table: &str, now_ms: u64) -> u64 {
        let (late, lag_ms_max) = (self.dice.roll(self.dice.faults.list_lag), self.dice.faults.list_lag_ms_max);
        let lag_ms = if late { u64::from(self.dice.up_to(lag_ms_max)) } else { 0 };
        let older = self.streams.iter().rev().find(|stream| &*stream.table == table);
        older.map_or(0, |older| older.listed_from_ms).max(now_ms + lag_ms)
    }

    /// Label and ARN. Two streams of one millisecond are a millisecond apart.
    fn new_arn(&self, table: &str, now_ms: u64) -> (Arc<str>, Arc<str>) {
        let mut at_ms = now_ms;
        loop {
            let label = iso(at_ms);
            let arn = format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}/stream/{label}");
            if !self.by_arn.contains_key(&*arn) {
                return (label.into(), arn.into());
            }
            at_ms += 1;
        }
    }
}

/// `2026-11-22T18:52:42.123` (days to dates after Howard Hinnant, `civil_from_days`).
pub(crate) fn iso(at_ms: u64) -> String {
    let (days, ms) = (at_ms / 86_400_000, at_ms % 86_400_000);
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (seconds, ms) = (ms / 1000, ms % 1000);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{ms:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
