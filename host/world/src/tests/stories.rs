//! Stories: told twice they are the same, what they say can be done, and a patient reader finds all of it, whatever the faults.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use expect_test::expect;

use crate::*;

#[test]
fn a_story_reads_well() {
    let shape = Shape { records: 4, items: 2, splits: 1, rolls: 0, switches: 1, pauses: 1, ..Shape::quiet() };
    expect![[r#"
        +00:00:00.000 make orders NEW_AND_OLD_IMAGES shards=1
        +00:06:45.345 disable orders
        +00:14:40.468 enable orders NEW_AND_OLD_IMAGES
        +00:37:12.531 jump 76268076ms
        +21:57:44.244 put orders item-1 #1
        +22:00:27.864 put orders item-0 #2
        +22:00:41.922 split orders 789
        +22:02:29.520 put orders item-1 #3
        +22:08:55.380 delete orders item-1
    "#]]
    .assert_eq(&Script(&Story::generate(5, &shape)).to_string());
}

#[test]
fn told_twice_it_is_the_same_and_all_of_it_can_be_done() {
    for (name, shape) in Shape::presets() {
        let mut kinds = BTreeSet::new();
        for seed in 0..100 {
            let story = Story::generate(seed, &shape);
            assert_eq!(story, Story::generate(seed, &shape), "{name}, seed {seed}");
            assert!(story.is_sorted_by_key(|(at_ms, _)| *at_ms), "{name}, seed {seed}");
            let mut world = World::new(seed);
            for (at_ms, op) in &story {
                world.apply(op, *at_ms).unwrap_or_else(|error| panic!("{name}, seed {seed}: {op}: {error}"));
                kinds.insert(op.to_string().split(' ').next().unwrap().to_owned());
            }
            assert!(world.written().len() > shape.records as usize / 5, "{name}, seed {seed}");
        }
        let wanted =
            [("split", shape.splits), ("roll", shape.rolls), ("enable", shape.switches), ("drop", shape.remakes), ("jump", shape.pauses)];
        for (kind, count) in wanted {
            assert_eq!(kinds.contains(kind), count > 0, "{name}: {kind} in {kinds:?}");
        }
    }
}

/// Reads every shard of every stream of the world to its end, as slowly as faults make it, and says which changes it saw by item.
fn read_all(world: &mut World, mut now_ms: u64) -> BTreeMap<String, Vec<String>> {
    let shards: Vec<(Arc<str>, Arc<str>)> = world
        .streams()
        .flat_map(|stream| stream.shards().map(move |shard| (Arc::clone(stream.arn), shard)))
        .map(|(arn, shard)| (arn, Arc::clone(world.shard_id(shard).unwrap())))
        .collect();
    let mut seen = BTreeMap::<String, Vec<String>>::new();
    for (arn, shard) in shards {
        let (mut iterator, mut last, mut idle) = (None, None::<String>, 0);
        for _ in 0..10_000 {
            now_ms += 1;
            let Some(current) = &iterator else {
                let kind = last.as_deref().map_or(IteratorKind::TrimHorizon, IteratorKind::After);
                iterator = world.get_shard_iterator(&arn, &shard, kind, now_ms).ok();
                continue;
            };
            match world.get_records(&GetRecords { iterator: current, limit: None }, now_ms) {
                Err(error) if error.code == "ExpiredIteratorException" => iterator = None,
                Err(_) => {}
                Ok(page) => {
                    let body: serde_json::Value = serde_json::from_str(&page.body).unwrap();
                    for record in body["Records"].as_array().unwrap() {
                        let data = &record["dynamodb"];
                        last = data["SequenceNumber"].as_str().map(str::to_owned);
                        seen.entry(data["Keys"].to_string())
                            .or_default()
                            .push(record["eventID"].as_str().unwrap().to_owned());
                    }
                    // An open shard never ends: it is read once a row of empty pages is longer than lies are.
                    idle = if page.records == 0 { idle + 1 } else { 0 };
                    iterator = page.next;
                    if iterator.is_none() || idle > 20 {
                        break;
                    }
                }
            }
        }
    }
    seen
}

#[test]
fn a_patient_reader_finds_all_that_was_written() {
    for (name, shape) in Shape::presets() {
        if shape.pauses > 0 {
            // What is trimmed nobody finds.
            continue;
        }
        for seed in 0..20 {
            let mut world = World::new(seed);
            world.set_faults(Faults::all(0.2));
            let mut now_ms = 0;
            for (at_ms, op) in Story::generate(seed, &shape) {
                world.apply(&op, at_ms).unwrap();
                now_ms = at_ms;
            }
            let mut truth = BTreeMap::<String, Vec<String>>::new();
            for written in world.written() {
                truth.entry(written.key.to_string()).or_default().push(written.event_id());
            }
            // Shards are read in the order of making: parents first, so that items come in the order of writing.
            assert_eq!(read_all(&mut world, now_ms), truth, "{name}, seed {seed}");
        }
    }
}

#[test]
fn the_same_calls_get_the_same_answers() {
    let run = |seed: u64| {
        let mut world = World::new(seed);
        world.set_faults(Faults::all(0.1));
        let story = Story::generate(seed, &Shape::topology_heavy());
        let mut answers = String::new();
        for (at_ms, op) in &story {
            world.apply(op, *at_ms).unwrap();
            let arn = Arc::clone(world.streams().next().unwrap().arn);
            answers += &format!("{:?}", world.describe_stream(&StreamPage { arn: &arn, ..StreamPage::default() }, *at_ms));
            answers += &format!("{:?}", world.transport_fault());
        }
        answers + &format!("{:?}", world.written().map(|written| Arc::clone(written.json)).collect::<Vec<_>>())
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}
