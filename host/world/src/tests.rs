//! Scripts of a few words, and what the world says to them. A shard is a letter, in the order of making: `a`, `b`, …; an item's version
//! is a record's sign: `x1` is item `x` in version 1, `x-` its removal.

mod facts;
mod lies;
mod stories;

use std::sync::Arc;

use serde_json::Value;

use crate::*;

pub(crate) const START_MS: u64 = 1_750_000_000_123;

pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) now_ms: u64,
    /// Of the stream that calls name: an index into `World::streams`.
    stream: usize,
    iterator: Option<String>,
    /// The last answer of GetRecords.
    pub(crate) body: String,
}

impl Stage {
    pub(crate) fn new(seed: u64) -> Self {
        Self { world: World::new(seed), now_ms: START_MS, stream: 0, iterator: None, body: String::new() }
    }

    pub(crate) fn arn(&self) -> Arc<str> {
        Arc::clone(self.world.streams().nth(self.stream).unwrap().arn)
    }

    /// Runs commands, which `;` parts; what each says is parted by `, `.
    pub(crate) fn run(&mut self, script: &str) -> String {
        let said: Vec<String> = script.split(';').map(|line| self.command(line.trim())).filter(|said| !said.is_empty()).collect();
        said.join(", ")
    }

    fn command(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        let now_ms = self.now_ms;
        let quiet = |done: Result<(), ApiError>| done.map_or_else(|error| error.code.to_owned(), |()| String::new());
        match *words.as_slice() {
            ["make"] => quiet(self.world.create_table(TableSpec::new("t"), now_ms)),
            ["make", view, shards] => {
                let (view, shards) = (View::parse(view), shards.parse().unwrap());
                quiet(self.world.create_table(TableSpec { view, shards, ..TableSpec::new("t") }, now_ms))
            }
            ["drop"] => quiet(self.world.delete_table("t", now_ms)),
            ["enable"] => quiet(self.world.enable_stream("t", View::NewAndOldImages, now_ms).map(drop)),
            ["disable"] => quiet(self.world.disable_stream("t", now_ms)),
            ["put", item, version] => quiet(self.world.put("t", Item::numbered(item, version.parse().unwrap()), now_ms).map(drop)),
            ["delete", item] => quiet(self.world.delete("t", &Key::of(item), now_ms).map(drop)),
            ["expire", item] => quiet(self.world.expire("t", &Key::of(item), now_ms).map(drop)),
            ["split", shard] => quiet(self.world.split(self.shard(shard), now_ms).map(drop)),
            ["roll", shard] => quiet(self.world.roll(self.shard(shard), now_ms).map(drop)),
            ["stream", index] => {
                self.stream = index.parse().unwrap();
                String::new()
            }
            ["wait", time] => {
                self.now_ms += parse_time(time);
                String::new()
            }
            ["list"] => self.list(None),
            ["list", limit] => self.list(limit.parse().ok()),
            ["describe"] => self.describe(None, None),
            ["describe", limit] => self.describe(limit.parse().ok(), None),
            ["children", shard] => self.describe(None, Some(shard)),
            ["iterator", shard, kind] => self.open(shard, kind),
            ["get"] => self.get(None),
            ["get", limit] => self.get(limit.parse().ok()),
            _ => panic!("no such command: {line}"),
        }
    }

    pub(crate) fn shard(&self, letter: &str) -> ShardRef {
        ShardRef { stream: self.stream as u32, shard: u32::from(letter.as_bytes()[0] - b'a') }
    }

    pub(crate) fn letter(&self, id: &str) -> char {
        char::from(b'a' + self.world.find_shard(&self.arn(), id).unwrap().shard as u8)
    }

    fn list(&mut self, limit: Option<u64>) -> String {
        let (mut pages, mut after) = (Vec::new(), None::<Arc<str>>);
        loop {
            let request = ListStreams { table: Some("t"), limit, after: after.as_deref() };
            match self.world.list_streams(&request, self.now_ms) {
                Err(error) => return error.code.to_owned(),
                Ok(listed) => {
                    let indexes = listed.streams.iter().map(|stream| self.world.by_arn[&stream.arn].to_string());
                    pages.push(indexes.collect::<Vec<_>>().join(" "));
                    match listed.last {
                        Some(last) => after = Some(last),
                        None => return format!("[{}]", pages.join("|")),
                    }
                }
            }
        }
    }

    /// All pages: `ab+|b<a` is open, `b.` closed; `?` for a parent that is in no answer.
    pub(crate) fn describe(&mut self, limit: Option<u64>, children_of: Option<&str>) -> String {
        let arn = self.arn();
        let children_of = children_of.map(|letter| Arc::clone(self.world.shard_id(self.shard(letter)).unwrap()));
        let (mut pages, mut after) = (Vec::new(), None::<Arc<str>>);
        for _ in 0..50 {
            let request = StreamPage { arn: &arn, limit, after: after.as_deref(), children_of: children_of.as_deref() };
            match self.world.describe_stream(&request, self.now_ms) {
                Err(error) => return error.code.to_owned(),
                Ok(page) => {
                    let shown = page.shards.iter().map(|shard| {
                        let parent = shard.parent.as_ref().map_or(String::new(), |parent| format!("<{}", self.letter(parent)));
                        format!("{}{parent}{}", self.letter(&shard.id), if shard.ending.is_some() { "." } else { "" })
                    });
                    pages.push(shown.collect::<Vec<_>>().join(" "));
                    let status = if page.status == StreamStatus::Disabled { " off" } else { "" };
                    after = page.last;
                    if after.is_none() {
                        return format!("[{}]{status}", pages.join("|"));
                    }
                }
            }
        }
        panic!("the pages of DescribeStream go round: {pages:?}");
    }

    fn open(&mut self, shard: &str, kind: &str) -> String {
        let (arn, at) = (self.arn(), self.shard(shard));
        let id = Arc::clone(self.world.shard_id(at).unwrap());
        let number = |index: &str| self.world.written_to(at).nth(index.parse().unwrap()).unwrap().number.to_string();
        let text;
        let kind = match kind.split_once(':') {
            None if kind == "latest" => IteratorKind::Latest,
            None => IteratorKind::TrimHorizon,
            Some(("at", index)) => {
                text = number(index);
                IteratorKind::At(&text)
            }
            Some(("after", index)) => {
                text = number(index);
                IteratorKind::After(&text)
            }
            Some((_, raw)) => IteratorKind::After(raw),
        };
        match self.world.get_shard_iterator(&arn, &id, kind, self.now_ms) {
            Ok(iterator) => {
                self.iterator = Some(iterator);
                String::new()
            }
            Err(error) => error.code.to_owned(),
        }
    }

    /// The page's records, and `>` where more may come or `end`.
    pub(crate) fn get(&mut self, limit: Option<u64>) -> String {
        let Some(iterator) = self.iterator.clone() else {
            return "nothing to read".to_owned();
        };
        match self.world.get_records(&GetRecords { iterator: &iterator, limit }, self.now_ms) {
            Err(error) => error.code.to_owned(),
            Ok(page) => {
                let body: Value = serde_json::from_str(&page.body).unwrap();
                assert_eq!(body["NextShardIterator"].as_str(), page.next.as_deref(), "the body and the answer say different things");
                let mut signs: Vec<String> = body["Records"].as_array().unwrap().iter().map(sign).collect();
                assert_eq!(signs.len(), page.records);
                signs.push(if page.next.is_some() { ">" } else { "end" }.to_owned());
                (self.iterator, self.body) = (page.next, page.body);
                signs.join(" ")
            }
        }
    }
}

fn sign(record: &Value) -> String {
    let data = &record["dynamodb"];
    let item = data["Keys"]["pk"]["S"].as_str().unwrap();
    format!("{item}{}", data["NewImage"]["n"]["N"].as_str().unwrap_or("-"))
}

/// `15m`, `24h`, `10s`, `1ms`.
fn parse_time(text: &str) -> u64 {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit_ms = match &text[digits.len()..] {
        "ms" => 1,
        "s" => SECOND_MS,
        "m" => 60 * SECOND_MS,
        "h" => HOUR_MS,
        unit => panic!("no such unit: {unit}"),
    };
    digits.parse::<u64>().unwrap() * unit_ms
}
