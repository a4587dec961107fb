//! A seeded schedule of what happens to tables, items and shards, and how the world does it.
//!
//! Invariants: the same seed and shape give the same story; times never fall; an operation that the state of its table forbids is not in it.

use std::fmt;
use std::sync::Arc;

use fastrand::Rng;

use crate::error::ApiError;
use crate::item::{Item, Key};
use crate::table::{TableSpec, View};
use crate::world::World;
use crate::{HOUR_MS, SECOND_MS};

const MINUTE_MS: u64 = 60 * SECOND_MS;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    MakeTable {
        table: Arc<str>,
        view: View,
        shards: u32,
    },
    DropTable {
        table: Arc<str>,
    },
    Enable {
        table: Arc<str>,
        view: View,
    },
    Disable {
        table: Arc<str>,
    },
    /// The item `item-N` gets this version; a version again changes nothing.
    Put {
        table: Arc<str>,
        item: u32,
        version: u64,
    },
    Delete {
        table: Arc<str>,
        item: u32,
    },
    /// As `Delete`, by the time to live.
    Expire {
        table: Arc<str>,
        item: u32,
    },
    /// Of the open shards the one with this number, counted round.
    Split {
        table: Arc<str>,
        pick: u32,
    },
    Roll {
        table: Arc<str>,
        pick: u32,
    },
    /// Nothing happens, for readers too: whoever drives lets none run. What follows comes so much later already.
    JumpClock {
        ms: u64,
    },
}

impl Op {
    /// None: it concerns all.
    pub fn table(&self) -> Option<&Arc<str>> {
        match self {
            Self::MakeTable { table, .. }
            | Self::DropTable { table }
            | Self::Enable { table, .. }
            | Self::Disable { table }
            | Self::Put { table, .. }
            | Self::Delete { table, .. }
            | Self::Expire { table, .. }
            | Self::Split { table, .. }
            | Self::Roll { table, .. } => Some(table),
            Self::JumpClock { .. } => None,
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MakeTable { table, view, shards } => write!(f, "make {table} {} shards={shards}", view.as_str()),
            Self::DropTable { table } => write!(f, "drop {table}"),
            Self::Enable { table, view } => write!(f, "enable {table} {}", view.as_str()),
            Self::Disable { table } => write!(f, "disable {table}"),
            Self::Put { table, item, version } => write!(f, "put {table} item-{item} #{version}"),
            Self::Delete { table, item } => write!(f, "delete {table} item-{item}"),
            Self::Expire { table, item } => write!(f, "expire {table} item-{item}"),
            Self::Split { table, pick } => write!(f, "split {table} {pick}"),
            Self::Roll { table, pick } => write!(f, "roll {table} {pick}"),
            Self::JumpClock { ms } => write!(f, "jump {ms}ms"),
        }
    }
}

/// How large a story is and what is in it. Counts are for each table.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    pub start_ms: u64,
    pub span_ms: u64,
    pub tables: u32,
    pub view: View,
    /// With how many shards a stream begins.
    pub shards: u32,
    pub records: u32,
    pub items: u32,
    pub splits: u32,
    pub rolls: u32,
    /// Disabled and enabled again.
    pub switches: u32,
    /// Deleted and made again.
    pub remakes: u32,
    /// Switches and remakes all within minutes, so that streams in between are easily missed.
    pub hasty: bool,
    /// Times of nothing at all, and their length at most.
    pub pauses: u32,
    pub pause_ms_max: u64,
}

impl Shape {
    pub fn quiet() -> Self {
        Self {
            start_ms: 1_750_000_000_000,
            span_ms: HOUR_MS,
            tables: 1,
            view: View::NewAndOldImages,
            shards: 1,
            records: 20,
            items: 5,
            splits: 0,
            rolls: 1,
            switches: 0,
            remakes: 0,
            hasty: false,
            pauses: 0,
            pause_ms_max: 30 * HOUR_MS,
        }
    }

    pub fn busy() -> Self {
        Self { span_ms: 10 * MINUTE_MS, shards: 4, records: 400, items: 30, splits: 1, ..Self::quiet() }
    }

    pub fn topology_heavy() -> Self {
        Self { span_ms: 8 * HOUR_MS, shards: 3, records: 150, items: 25, splits: 8, rolls: 12, ..Self::quiet() }
    }

    /// The stream in between is in no DescribeTable that a slow reader sees.
    pub fn enabled_twice() -> Self {
        Self { span_ms: 2 * HOUR_MS, shards: 2, records: 80, items: 12, splits: 1, switches: 2, hasty: true, ..Self::quiet() }
    }

    pub fn made_again() -> Self {
        Self { span_ms: 2 * HOUR_MS, shards: 2, records: 80, items: 12, splits: 1, remakes: 1, ..Self::quiet() }
    }

    /// Pauses of up to 30 hours: things are trimmed.
    pub fn long_pauses() -> Self {
        Self { span_ms: 6 * HOUR_MS, shards: 2, records: 80, items: 12, splits: 2, rolls: 4, pauses: 2, ..Self::quiet() }
    }

    /// All presets by their names.
    pub fn presets() -> [(&'static str, Self); 6] {
        [
            ("quiet", Self::quiet()),
            ("busy", Self::busy()),
            ("topology-heavy", Self::topology_heavy()),
            ("enabled-twice", Self::enabled_twice()),
            ("made-again", Self::made_again()),
            ("long-pauses", Self::long_pauses()),
        ]
    }

    pub fn preset(name: &str) -> Option<Self> {
        Self::presets().into_iter().find_map(|(found, shape)| (found == name).then_some(shape))
    }

    fn table(&self, index: u32) -> Arc<str> {
        if self.tables == 1 { "orders".into() } else { format!("orders-{index}").into() }
    }
}

/// The maker of stories.
#[derive(Debug)]
pub struct Story<'a> {
    shape: &'a Shape,
    rng: Rng,
    steps: Vec<(u64, Op)>,
}

impl<'a> Story<'a> {
    /// Operations by their times. Tables are `orders`, or `orders-0`, `orders-1`, … where there are several.
    pub fn generate(seed: u64, shape: &'a Shape) -> Vec<(u64, Op)> {
        let mut story = Self { shape, rng: Rng::with_seed(seed), steps: Vec::with_capacity(shape.records as usize + 32) };
        for index in 0..shape.tables.max(1) {
            let table = shape.table(index);
            let made = Op::MakeTable { table: Arc::clone(&table), view: shape.view, shards: shape.shards };
            story.steps.push((shape.start_ms, made));
            story.lives(&table);
            story.topology(&table);
            story.writes(&table);
        }
        for _ in 0..shape.pauses {
            let at_ms = story.moment();
            let ms = story.rng.u64(1..=shape.pause_ms_max.max(1));
            story.steps.push((at_ms, Op::JumpClock { ms }));
        }
        // Stable: what is of one moment stays in the order above, so that a table is made before all else.
        story.steps.sort_by_key(|(at_ms, _)| *at_ms);
        story.possible()
    }

    fn moment(&mut self) -> u64 {
        self.shape.start_ms + self.rng.u64(0..=self.shape.span_ms)
    }

    /// Switches and remakes, one after the other.
    fn lives(&mut self, table: &Arc<str>) {
        let (switches, remakes) = (self.shape.switches, self.shape.remakes);
        let lives = u64::from(switches + remakes);
        let hasty_ms = (lives * MINUTE_MS).min(self.shape.span_ms / 2);
        let span_ms = if self.shape.hasty { hasty_ms } else { self.shape.span_ms };
        let begin_ms = self.shape.start_ms + self.rng.u64(0..=self.shape.span_ms - span_ms);
        let mut kinds: Vec<bool> = (0..lives).map(|index| index < u64::from(switches)).collect();
        self.rng.shuffle(&mut kinds);
        let slot_ms = (span_ms / lives.max(1)).max(4);
        for (index, is_switch) in kinds.into_iter().enumerate() {
            let off_ms = begin_ms + slot_ms * index as u64 + self.rng.u64(1..=slot_ms / 2);
            let gap_ms = if self.rng.bool() { slot_ms / 2 } else { (2 * SECOND_MS).min(slot_ms / 2) };
            let on_ms = off_ms + self.rng.u64(0..gap_ms);
            let (table, view, shards) = (Arc::clone(table), self.shape.view, self.shape.shards);
            let (off, on) = match is_switch {
                true => (Op::Disable { table: Arc::clone(&table) }, Op::Enable { table, view }),
                false => (Op::DropTable { table: Arc::clone(&table) }, Op::MakeTable { table, view, shards }),
            };
            self.steps.extend([(off_ms, off), (on_ms, on)]);
        }
    }

    fn topology(&mut self, table: &Arc<str>) {
        for index in 0..self.shape.splits + self.shape.rolls {
            let (at_ms, pick, table) = (self.moment(), self.rng.u32(..1000), Arc::clone(table));
            let op = if index < self.shape.splits { Op::Split { table, pick } } else { Op::Roll { table, pick } };
            self.steps.push((at_ms, op));
        }
    }

    /// Half of them in bursts, a third of them to one item. Versions are told once the order is known.
    fn writes(&mut self, table: &Arc<str>) {
        let bursts: Vec<u64> = (0..4).map(|_| self.moment()).collect();
        for _ in 0..self.shape.records {
            let at_ms = match self.rng.bool() {
                true => self.moment(),
                false => bursts[self.rng.usize(..bursts.len())] + self.rng.u64(0..2 * SECOND_MS),
            };
            let item = if self.rng.u8(..3) == 0 { 0 } else { self.rng.u32(..self.shape.items.max(1)) };
            let table = Arc::clone(table);
            let op = match self.rng.u8(..20) {
                0..=1 => Op::Delete { table, item },
                2 => Op::Expire { table, item },
                3 => Op::Put { table, item, version: AGAIN },
                _ => Op::Put { table, item, version: 0 },
            };
            self.steps.push((at_ms, op));
        }
    }

    /// Without what the table's state forbids, and with pauses put before what follows them.
    fn possible(self) -> Vec<(u64, Op)> {
        let mut lives: Vec<Life> = (0..self.shape.tables.max(1)).map(|index| Life::new(self.shape.table(index), self.shape)).collect();
        let (mut steps, mut pause_ms) = (self.steps, 0);
        steps.retain_mut(|(at_ms, op)| {
            *at_ms += pause_ms;
            if let Op::JumpClock { ms } = op {
                pause_ms += *ms;
                return true;
            }
            lives.iter_mut().any(|life| life.allows(op))
        });
        steps
    }
}

/// In place of a version: the item's last one.
const AGAIN: u64 = u64::MAX;

/// A table while its story is told.
struct Life {
    table: Arc<str>,
    there: bool,
    stream: bool,
    /// The last of each item.
    versions: Vec<u64>,
    version: u64,
}

impl Life {
    fn new(table: Arc<str>, shape: &Shape) -> Self {
        Self { table, there: false, stream: false, versions: vec![0; shape.items.max(1) as usize], version: 0 }
    }

    /// Whether this can be done to this table; takes note of it.
    fn allows(&mut self, op: &mut Op) -> bool {
        if op.table() != Some(&self.table) {
            return false;
        }
        let (there, stream) = (self.there, self.stream);
        match op {
            Op::MakeTable { .. } => (self.there, self.stream) = (true, true),
            Op::DropTable { .. } => (self.there, self.stream) = (false, false),
            Op::Enable { .. } => self.stream = there,
            Op::Disable { .. } => self.stream = false,
            Op::Put { item, version, .. } if there => {
                let last = &mut self.versions[*item as usize];
                if *version != AGAIN || *last == 0 {
                    self.version += 1;
                    *last = self.version;
                }
                *version = *last;
            }
            _ => {}
        }
        match op {
            Op::MakeTable { .. } => !there,
            Op::Enable { .. } => there && !stream,
            Op::Disable { .. } | Op::Split { .. } | Op::Roll { .. } => stream,
            _ => there,
        }
    }
}

/// A story to print, a line for each operation: `+00:12:03.250 put orders item-7 #12`.
#[derive(Clone, Copy, Debug)]
pub struct Script<'a>(pub &'a [(u64, Op)]);

impl fmt::Display for Script<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start_ms = self.0.first().map_or(0, |(at_ms, _)| *at_ms);
        for (at_ms, op) in self.0 {
            let ms = at_ms - start_ms;
            let (hours, minutes, seconds) = (ms / HOUR_MS, ms / MINUTE_MS % 60, ms / SECOND_MS % 60);
            writeln!(f, "+{hours:02}:{minutes:02}:{seconds:02}.{:03} {op}", ms % SECOND_MS)?;
        }
        Ok(())
    }
}

impl World {
    /// Whether it changed anything: a version again, an item that is not there, or a shard too narrow to be split, changes nothing.
    pub fn apply(&mut self, op: &Op, now_ms: u64) -> Result<bool, ApiError> {
        let name = |item: u32| format!("item-{item}");
        match op {
            Op::MakeTable { table, view, shards } => {
                let spec = TableSpec { view: Some(*view), shards: *shards, ..TableSpec::new(&**table) };
                self.create_table(spec, now_ms).map(|()| true)
            }
            Op::DropTable { table } => self.delete_table(table, now_ms).map(|()| true),
            Op::Enable { table, view } => self.enable_stream(table, *view, now_ms).map(|_| true),
            Op::Disable { table } => self.disable_stream(table, now_ms).map(|()| true),
            Op::Put { table, item, version } => {
                let item = Item::numbered(&name(*item), *version);
                let json = Arc::clone(&item.json);
                Ok(self.put(table, item, now_ms)?.is_none_or(|old| old.json != json))
            }
            Op::Delete { table, item } => Ok(self.delete(table, &Key::of(&name(*item)), now_ms)?.is_some()),
            Op::Expire { table, item } => Ok(self.expire(table, &Key::of(&name(*item)), now_ms)?.is_some()),
            Op::Split { table, pick } => Ok(self.picked(table, *pick).is_some_and(|shard| self.split(shard, now_ms).is_ok())),
            Op::Roll { table, pick } => Ok(self.picked(table, *pick).is_some_and(|shard| self.roll(shard, now_ms).is_ok())),
            Op::JumpClock { .. } => Ok(false),
        }
    }

    fn picked(&self, table: &str, pick: u32) -> Option<crate::ShardRef> {
        let mut open = self.shards_open(table);
        let count = open.len();
        (count > 0).then(|| pick as usize % count).and_then(|place| open.nth(place))
    }
}
