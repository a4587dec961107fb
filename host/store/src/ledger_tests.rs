//! What survives when a commit is refused, and when SQLite itself fails.

use tripline_core::effect::DeadLetter;
use tripline_core::sequence::SequenceNumber;

use super::*;

struct Fixture {
    ledger: Ledger,
    dir: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let lock = crate::directory::acquire(dir.path()).unwrap();
        let ledger = Ledger::new(crate::schema::open_writer(dir.path()).unwrap()).unwrap();
        drop(lock);
        Self { ledger, dir }
    }

    /// One transaction of these commits: what became of each, or why none of them was made.
    fn group(&mut self, commits: Vec<Commit>) -> Result<Vec<bool>, String> {
        let mut results = Vec::new();
        let transaction = self.ledger.transaction(|ledger| {
            for commit in commits {
                match ledger.apply(Write::Commit(commit)) {
                    Ok(_) => results.push(true),
                    Err(WriteError::Sqlite(error)) => return Err(error),
                    Err(_) => results.push(false),
                }
            }
            Ok(())
        });
        transaction.map(|_| results).map_err(|error| error.to_string())
    }

    /// `counter=value … | watermark | state … | dead letters`, as another connection sees it.
    fn seen(&self) -> String {
        let reader = crate::SqliteReader::open(self.dir.path()).unwrap();
        let counters: Vec<_> = reader.counters().unwrap().into_iter().map(|row| format!("{}={}", row.name, row.value)).collect();
        let marks: Vec<_> = reader.checkpoints().unwrap().into_iter().map(|row| row.watermark.unwrap_or_default()).collect();
        let state: Vec<_> = reader.state(None, 100).unwrap().into_iter().map(|row| row.key).collect();
        let letters = reader.dead_letters(None, 100).unwrap().len();
        format!("{} | {} | {} | {letters}", counters.join(" "), marks.join(" "), state.join(" "))
    }
}

/// Adds `delta` to `n`, sets a state key named after the watermark, and keeps one dead letter with this reason.
fn commit(watermark: u32, delta: &str, reason: &str) -> Commit {
    let counter = CounterKey::new("n", vec![]);
    let letter = DeadLetter {
        event_id: "e".into(),
        sequence_number: "1".into(),
        record_json: "{}".into(),
        reason: reason.into(),
        backtrace: None,
        attempts: 1,
        plugin_version: "v".into(),
        first_attempt_ms: 1,
        last_attempt_ms: 1,
    };
    Commit {
        trigger: "t".into(),
        stream: "arn".into(),
        shard: "s".into(),
        checkpoint: Checkpoint { watermark: SequenceNumber::parse(&watermark.to_string()).ok(), ..Checkpoint::default() },
        mutations: vec![
            Mutation::AddCounter { counter, delta: Decimal::parse(delta).unwrap() },
            Mutation::SetState { key: format!("k{watermark}").into(), value: vec![1], expires_ms: None },
        ],
        dead_letters: vec![letter],
        gaps: vec![],
        seen: vec![],
        now: Timestamp::from_ms(1),
    }
}

/// Makes the insertion of a dead letter with reason `boom` fail in this way.
fn inject(fixture: &Fixture, how: &str) {
    let sql =
        format!("CREATE TRIGGER boom BEFORE INSERT ON dead_letters WHEN new.reason = 'boom' BEGIN SELECT RAISE({how}, 'injected'); END");
    fixture.ledger.connection.execute_batch(&sql).unwrap();
}

#[test]
fn a_refused_commit_leaves_no_trace_and_its_neighbours_pass() {
    let mut fixture = Fixture::new();
    inject(&fixture, "ABORT");
    let commits = vec![commit(1, "0.1", "fine"), commit(2, "100", "boom"), commit(3, "0.2", "fine")];
    assert_eq!(fixture.group(commits).unwrap(), [true, false, true]);
    assert_eq!(fixture.seen(), "n=0.3 | 3 | k1 k3 | 2");
}

#[test]
fn the_widest_sum_can_be_read_back_and_added_to() {
    let mut fixture = Fixture::new();
    let commits = vec![commit(1, "1e-168", "fine"), commit(2, "1e168", "fine")];
    assert_eq!(fixture.group(commits).unwrap(), [true, true]);
    assert_eq!(fixture.group(vec![commit(3, "-1E-168", "fine")]).unwrap(), [true]);
    assert_eq!(fixture.seen(), format!("n=1{} | 3 | k1 k2 k3 | 3", "0".repeat(168)));
}

#[test]
fn a_row_that_somebody_broke_harms_its_own_trigger_alone() {
    let mut fixture = Fixture::new();
    fixture
        .ledger
        .connection
        .execute_batch("INSERT INTO counters VALUES ('t', 'n', '{}', 'many')")
        .unwrap();
    let other = Commit { trigger: "u".into(), ..commit(2, "1", "fine") };
    assert_eq!(fixture.group(vec![commit(1, "1", "fine"), other]).unwrap(), [false, true]);
    assert_eq!(fixture.seen(), "n=many n=1 | 2 | k2 | 1");
}

#[test]
fn a_failed_transaction_leaves_nothing_and_the_next_starts_from_the_disk() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.group(vec![commit(1, "5", "fine")]).unwrap(), [true]);
    inject(&fixture, "ROLLBACK");
    let error = fixture
        .group(vec![commit(2, "10", "fine"), commit(3, "100", "boom"), commit(4, "1000", "fine")])
        .unwrap_err();
    assert!(error.contains("injected"), "{error}");
    assert_eq!(fixture.seen(), "n=5 | 1 | k1 | 1");
    assert_eq!(fixture.group(vec![commit(2, "10", "fine"), commit(4, "1000", "fine")]).unwrap(), [true, true]);
    assert_eq!(fixture.seen(), "n=1015 | 4 | k1 k2 k4 | 3");
}

#[test]
fn a_full_disk_fails_the_whole_group_and_passes_once_there_is_room() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.group(vec![commit(1, "5", "fine")]).unwrap(), [true]);
    let pages: i64 = fixture.ledger.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    let limit = |fixture: &Fixture, pages: i64| {
        fixture
            .ledger
            .connection
            .pragma_update_and_check(None, "max_page_count", pages, |row| row.get::<_, i64>(0))
            .unwrap();
    };
    let large = || {
        let mut large = commit(3, "100", "fine");
        large
            .mutations
            .push(Mutation::SetState { key: "large".into(), value: vec![0; 200_000], expires_ms: None });
        vec![commit(2, "10", "fine"), large]
    };
    limit(&fixture, pages);
    let error = fixture.group(large()).unwrap_err();
    assert!(error.contains("full"), "{error}");
    assert_eq!(fixture.seen(), "n=5 | 1 | k1 | 1");
    limit(&fixture, 1_000_000);
    assert_eq!(fixture.group(large()).unwrap(), [true, true]);
    assert_eq!(fixture.seen(), "n=115 | 3 | k1 k2 k3 large | 3");
}

#[test]
fn a_checkpoint_never_goes_back() {
    let number = |n: u32| SequenceNumber::parse(&n.to_string()).unwrap();
    let checkpoint = |watermark: u32, acknowledged: &[u32], finished: bool| Checkpoint {
        watermark: Some(number(watermark)),
        acknowledged: acknowledged.iter().copied().map(number).collect(),
        finished,
        complete_until: None,
    };
    let steps = [
        (checkpoint(9, &[11, 13], false), true),
        (checkpoint(8, &[11, 13], false), false),
        (Checkpoint { watermark: None, ..checkpoint(9, &[11, 13], false) }, false),
        (checkpoint(9, &[11], false), false),
        (checkpoint(10, &[11, 13, 15], false), true),
        (checkpoint(13, &[15], false), true),
        (checkpoint(15, &[], true), true),
        (checkpoint(15, &[], false), false),
    ];
    for reopened in [false, true] {
        let mut fixture = Fixture::new();
        let mut last = Checkpoint::default();
        for (checkpoint, passes) in &steps {
            if reopened {
                fixture.ledger = Ledger::new(crate::schema::open_writer(fixture.dir.path()).unwrap()).unwrap();
            }
            let commit = Commit { checkpoint: checkpoint.clone(), ..commit(1, "1", "fine") };
            assert_eq!(fixture.group(vec![commit]).unwrap(), [*passes], "{checkpoint:?}");
            if *passes {
                last = checkpoint.clone();
            }
            let stored = checkpoint::of_trigger(&fixture.ledger.connection, &"t".into()).unwrap();
            assert_eq!(stored[0].checkpoint, last);
        }
        assert_eq!(fixture.seen().split('|').next(), Some("n=4 "));
    }
}

#[test]
fn expired_state_and_mails_sent_long_ago_are_purged() {
    let mut fixture = Fixture::new();
    let day = 24 * 60 * 60 * 1000;
    let mail = |id: &str| tripline_core::effect::Mail {
        mailer: "m".into(),
        message_id: id.into(),
        to: vec!["a@b.example".into()],
        reply_to: None,
        subject: "s".into(),
        text: Some("t".into()),
        html: None,
    };
    let state = |key: &str, expires_ms| Mutation::SetState { key: key.into(), value: vec![], expires_ms };
    let first = Commit {
        mutations: vec![
            state("stays", None),
            state("later", Some(40 * day)),
            state("goes", Some(2 * day)),
            Mutation::SendMail(mail("sent")),
            Mutation::SendMail(mail("pending")),
        ],
        ..commit(1, "1", "fine")
    };
    assert_eq!(fixture.group(vec![first]).unwrap(), [true]);
    let sent = Write::Settle { message_id: "sent".into(), outcome: MailOutcome::Sent { at: Timestamp::from_ms(day) } };
    fixture
        .ledger
        .transaction(|ledger| ledger.apply(sent).map(drop).map_err(|_| rusqlite::Error::InvalidQuery))
        .unwrap();

    let mut check = |now: u64, expected: (&str, &str)| {
        assert_eq!(
            fixture
                .group(vec![Commit { mutations: vec![], now: Timestamp::from_ms(now), ..commit(1, "1", "fine") }])
                .unwrap(),
            [true]
        );
        fixture.ledger.purge().unwrap();
        let reader = crate::SqliteReader::open(fixture.dir.path()).unwrap();
        let keys: Vec<_> = reader.state(None, 10).unwrap().into_iter().map(|row| row.key).collect();
        let mails: Vec<_> = reader.mails(10).unwrap().into_iter().map(|row| row.message_id).collect();
        assert_eq!((&*keys.join(" "), &*mails.join(" ")), expected, "at {now}");
    };
    check(2 * day, ("goes later stays", "pending sent"));
    check(2 * day + 1, ("goes later stays", "pending sent")); // Within a minute of the last look.
    check(31 * day, ("later stays", "pending sent"));
    check(31 * day + 60_000, ("later stays", "pending"));
}

/// Rows `trigger shard finished updated_day`: which a look in ten days leaves, and that nothing is known by heart that is gone.
#[track_caller]
fn check_prune(rows: &[(&str, &str, bool, u64)], left: &str) {
    let mut fixture = Fixture::new();
    let day = 24 * 60 * 60 * 1000;
    let checkpoint =
        |finished| Checkpoint { acknowledged: [SequenceNumber::parse("9").unwrap()].into(), finished, ..Checkpoint::default() };
    let row = |&(trigger, shard, finished, updated): &(&str, &str, bool, u64)| Commit {
        trigger: trigger.into(),
        shard: shard.into(),
        checkpoint: checkpoint(finished),
        dead_letters: vec![],
        now: Timestamp::from_ms(updated * day),
        ..commit(1, "1", "fine")
    };
    let commits: Vec<_> = rows.iter().map(row).collect();
    assert!(fixture.group(commits.clone()).unwrap().into_iter().all(|made| made));
    fixture.ledger.saw(Timestamp::from_ms(10 * day));
    fixture.ledger.purge().unwrap();
    let shown = |fixture: &Fixture| {
        let rows = crate::SqliteReader::open(fixture.dir.path()).unwrap().checkpoints().unwrap();
        assert!(rows.iter().all(|row| row.acknowledged == ["9"]), "{rows:?}");
        rows.iter().map(|row| format!("{}/{}", row.trigger, row.shard)).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(shown(&fixture), left);
    // Whatever was removed is begun anew.
    assert!(fixture.group(commits).unwrap().into_iter().all(|made| made));
    shown(&fixture);
}

#[test]
fn checkpoints_of_shards_that_ended_long_ago_are_pruned() {
    check_prune(&[("t", "a", true, 1), ("t", "b", false, 10)], "t/b");
    check_prune(&[("t", "a", true, 8), ("t", "b", false, 10)], "t/a t/b");
    // Nobody has gone on, or not since then, or only another trigger has.
    check_prune(&[("t", "a", true, 1), ("t", "b", true, 2)], "t/a t/b");
    check_prune(&[("t", "a", true, 2), ("t", "b", false, 1)], "t/a t/b");
    check_prune(&[("t", "a", true, 1), ("u", "b", false, 10)], "t/a u/b");
    // What is not finished stays for ever.
    check_prune(&[("t", "a", false, 1), ("t", "b", false, 10)], "t/a t/b");
}

#[test]
fn what_is_complete_never_falls() {
    let mut fixture = Fixture::new();
    for reopened in [false, true] {
        for (n, (given, kept)) in [(None, None), (Some(5), Some(5)), (Some(4), Some(5)), (None, Some(5)), (Some(6), Some(6))]
            .into_iter()
            .enumerate()
        {
            if reopened {
                fixture.ledger = Ledger::new(crate::schema::open_writer(fixture.dir.path()).unwrap()).unwrap();
            }
            let complete_until = given.map(Timestamp::from_ms);
            let shard = format!("s{reopened}").as_str().into();
            let commit = Commit { checkpoint: Checkpoint { complete_until, ..Checkpoint::default() }, shard, ..commit(1, "1", "fine") };
            assert_eq!(fixture.group(vec![commit]).unwrap(), [true]);
            let rows = crate::SqliteReader::open(fixture.dir.path()).unwrap().checkpoints().unwrap();
            assert_eq!(rows.last().unwrap().complete_until_ms, kept, "step {n}, reopened {reopened}");
        }
    }
}
