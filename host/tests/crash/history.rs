//! The tables' streams, read beside the host: what every trigger is to be held against.

use std::collections::BTreeMap;

use tripline::aws::Aws;
use tripline::config::Config;
use tripline_core::name::ShardId;
use tripline_core::port::{Position, StreamInfo, StreamSource};
use tripline_core::sequence::SequenceNumber;
use tripline_stream::{Source, SourceConfig};

use crate::harness::Place;
use crate::model::{Log, Record};

pub(crate) struct History {
    tables: Vec<(&'static str, Source, StreamInfo)>,
    log: Log,
}

impl History {
    pub(crate) async fn open(place: &Place) -> Self {
        let config = Config::load(&place.config_file(), &|_| None).unwrap();
        let aws = Aws::new();
        let mut tables = Vec::new();
        for table in ["users", "orders"] {
            let connection = &config.streams[&table.into()].connection;
            let sdk = aws.config(connection).await;
            let region = sdk.region().unwrap().to_string();
            let endpoint = connection.endpoint.clone();
            let source = Source::new(
                &sdk,
                SourceConfig { table: table.to_owned(), region, endpoint, streams_endpoint: None },
                tripline::clock::shared(),
            );
            let info = source.latest().await.unwrap();
            tables.push((table, source, info));
        }
        Self { tables, log: Log::from([("users", Vec::new()), ("orders", Vec::new())]) }
    }

    /// Up to now: every change that was written before this is called.
    pub(crate) async fn catch_up(&mut self) -> &Log {
        for (table, source, info) in &self.tables {
            let records = self.log.get_mut(table).unwrap();
            for shard in source.shards(&info.arn).await.unwrap() {
                read_on(source, info, &shard.id, records).await;
            }
        }
        &self.log
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    pub(crate) fn changes(&self) -> u64 {
        self.log.values().map(|records| records.len() as u64).sum()
    }
}

async fn read_on(source: &Source, info: &StreamInfo, shard: &ShardId, records: &mut Vec<Record>) {
    let last: Option<&SequenceNumber> = records.iter().rev().find(|record| record.shard == shard.as_str()).map(|record| &record.number);
    let from = last.map_or(Position::TrimHorizon, |number| Position::After(number.clone()));
    let mut iterator = Some(source.iterator(&info.arn, shard, &from).await.unwrap());
    while let Some(current) = iterator {
        let page = source.page(&current).await.unwrap();
        // An embedded region answers with what there is: nothing more is the tip.
        if page.changes.is_empty() {
            return;
        }
        records.extend(page.changes.iter().map(|change| Record::new(shard.as_str(), change)));
        iterator = page.next_iterator;
    }
}

/// `3 of picky, 1 of welcome`; zeros left out.
pub(crate) fn shown(behind: &BTreeMap<&'static str, usize>) -> String {
    let some: Vec<String> = behind.iter().filter(|(_, n)| **n > 0).map(|(trigger, n)| format!("{n} of {trigger}")).collect();
    if some.is_empty() { "none".to_owned() } else { some.join(", ") }
}
