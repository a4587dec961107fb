//! Dead letters in the store: marked, dropped, redriven and bounded.

use crate::common::{add, commit, heard, set};
use tripline_core::effect::DeadLetter;
use tripline_core::letter::{Bounds, DropCause, LetterChoice, LetterError, Letters, RedriveCommit, RedriveError, Swept};
use tripline_core::port::{Commit, CounterSource, StateReader, Store};
use tripline_core::time::Timestamp;
use tripline_store::{SqliteStore, StoreThreads};

fn letter(event_id: &str, key: &str, reason: &str) -> DeadLetter {
    DeadLetter {
        event_id: event_id.into(),
        sequence_number: "7".into(),
        record_json: format!(
            r#"{{ "dynamodb": {{ "Keys": {{ "pk": {{ "S": "{key}" }} }}, "NewImage": {{ "x": {{ "S": "image" }} }} }} }}"#
        )
        .into(),
        reason: reason.into(),
        backtrace: None,
        attempts: 5,
        plugin_version: "v1".into(),
        first_attempt_ms: 1,
        last_attempt_ms: 2,
    }
}

/// Letters 1 and 3 are `t`'s, letter 2 is `u`'s; written at 1000, 2000 and 3000 ms.
async fn open(dir: &std::path::Path) -> (SqliteStore, StoreThreads) {
    let (store, threads) = SqliteStore::open(dir, heard()).unwrap();
    for (n, trigger, letter) in [
        (1, "t", letter("e1", "order#1", "no such plan")),
        (2, "u", letter("e2", "order#2", "trap: unreachable")),
        (3, "t", letter("e3", "order#30", "no such customer")),
    ] {
        let commit = Commit { dead_letters: vec![letter], now: Timestamp::from_ms(n * 1000), ..commit(trigger, n) };
        store.commit(commit).await.unwrap();
    }
    (store, threads)
}

fn matching(trigger: Option<&str>, pattern: Option<&str>) -> LetterChoice {
    LetterChoice::Matching { trigger: trigger.map(Into::into), pattern: pattern.map(Into::into) }
}

/// `id trigger reason/attempts/redrives`, with a `*` where it is marked.
async fn shown(store: &SqliteStore) -> Vec<String> {
    let rows = store.read(|reader| reader.dead_letters(None, 100)).await.unwrap();
    let show = |row: &tripline_store::DeadLetterRow| {
        let mark = if row.redrive_ms.is_some() { "*" } else { "" };
        format!("{}{mark} {} {}/{}/{}", row.id, row.trigger, row.reason, row.attempts, row.redrives)
    };
    rows.iter().map(show).collect()
}

#[tokio::test]
async fn letters_are_chosen_by_id_by_trigger_and_by_part_of_a_text() {
    let at = Timestamp::from_ms(9);
    let rows: [(LetterChoice, &str); 11] = [
        (LetterChoice::Ids(vec![3, 1]), "1 3"),
        (LetterChoice::Ids(vec![2, 2]), "2"),
        (matching(None, None), "1 2 3"),
        (matching(Some("t"), None), "1 3"),
        (matching(Some("nobody"), None), ""),
        (matching(None, Some("no such")), "1 3"),
        (matching(None, Some("No such")), ""),
        (matching(Some("t"), Some("customer")), "3"),
        (matching(None, Some("e2")), "2"),
        (matching(None, Some(r#"{"S":"order#3"#)), "3"),
        // Of the record, only its keys.
        (matching(None, Some("image")), ""),
    ];
    for (choice, expected) in rows {
        let dir = tempfile::tempdir().unwrap();
        let (store, threads) = open(dir.path()).await;
        let count = expected.split_whitespace().count() as u64;
        if let LetterChoice::Matching { trigger, pattern } = &choice {
            let listed = async |after, rows_max| {
                let (trigger, pattern) = (trigger.clone(), pattern.clone());
                let page = move |reader: &tripline_store::SqliteReader| {
                    reader.dead_letters_page((trigger.as_ref(), pattern.as_deref()), after, rows_max)
                };
                let rows = store.read(page).await.unwrap();
                rows.iter().map(|row| row.id.to_string()).collect::<Vec<_>>().join(" ")
            };
            assert_eq!(listed(None, 9).await, expected, "{choice:?}");
            let first = listed(None, 1).await;
            let rest = listed(first.parse().ok(), 9).await;
            let pages = if first.is_empty() { String::new() } else { [first, rest].join(" ") };
            assert_eq!(pages.trim(), expected, "{choice:?}: by pages");
        }
        assert_eq!(store.mark(choice.clone(), at).await.unwrap(), count, "{choice:?}");
        assert_eq!(store.mark(choice.clone(), at).await.unwrap(), 0, "{choice:?}: marked twice");
        let marked: Vec<_> = shown(&store).await.iter().filter_map(|line| Some(line.split_once('*')?.0.to_owned())).collect();
        assert_eq!(marked.join(" "), expected, "{choice:?}");
        assert_eq!(Letters::drop(&store, choice.clone()).await.unwrap(), count, "{choice:?}");
        assert_eq!(shown(&store).await.len() as u64, 3 - count);
        drop(store);
        threads.join().unwrap();
    }
}

#[tokio::test]
async fn ids_that_are_not_there_are_named_and_nothing_happens() {
    let dir = tempfile::tempdir().unwrap();
    let (store, threads) = open(dir.path()).await;
    let before = shown(&store).await;
    let choice = LetterChoice::Ids(vec![1, 4, 2, -1]);
    for refused in [store.mark(choice.clone(), Timestamp::from_ms(9)).await, Letters::drop(&store, choice).await] {
        let error = refused.unwrap_err();
        assert!(matches!(&error, LetterError::Unknown(ids) if *ids == [4, -1]), "{error:?}");
        assert_eq!(error.to_string(), "no dead letter 4, -1: see `tripline dlq list`");
    }
    assert_eq!(shown(&store).await, before);
    drop(store);
    threads.join().unwrap();
}

#[tokio::test]
async fn a_redrive_takes_letters_with_what_they_leave_behind() {
    let dir = tempfile::tempdir().unwrap();
    let (store, threads) = open(dir.path()).await;
    let mut marks = store.letters_marked();
    store.mark(matching(None, None), Timestamp::from_ms(9)).await.unwrap();
    assert!(marks.has_changed().unwrap());
    marks.mark_unchanged();
    let marked = store.marked(&"t".into(), 10, usize::MAX).await.unwrap();
    assert_eq!(marked.iter().map(|letter| letter.id).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(marked[0].letter, letter("e1", "order#1", "no such plan"));
    for bounded in [store.marked(&"t".into(), 1, usize::MAX).await, store.marked(&"t".into(), 10, 1).await] {
        assert_eq!(bounded.unwrap().len(), 1);
    }

    let again = DeadLetter { attempts: 6, plugin_version: "v2".into(), last_attempt_ms: 8, ..letter("e3", "order#30", "still not") };
    let whole = RedriveCommit {
        trigger: "t".into(),
        done: vec![1],
        failed: vec![(3, again)],
        mutations: vec![set("k", b"v", None), add("n", &[], "1")],
        seen: vec![],
        now: Timestamp::from_ms(10),
    };
    // Another trigger's letter, one that is not there, and state that has changed: nothing happens.
    let foreign = RedriveCommit { done: vec![1, 2, 77], ..whole.clone() };
    assert!(matches!(store.redriven(foreign).await, Err(RedriveError::Gone(ids)) if ids == [2, 77]));
    let seen = vec![tripline_core::delivery::Seen { key: "k".into(), version: Some(1), at: Timestamp::from_ms(1) }];
    let stale = RedriveCommit { seen, ..whole.clone() };
    assert!(matches!(store.redriven(stale).await, Err(RedriveError::Conflict(keys)) if *keys[0] == *"k"));
    assert_eq!(shown(&store).await.len(), 3);

    store.redriven(whole.clone()).await.unwrap();
    assert_eq!(shown(&store).await, ["2* u trap: unreachable/5/0", "3 t still not/6/1"]);
    assert!(store.get(&"t".into(), vec!["k".into()], Timestamp::from_ms(1)).await.unwrap()[0].is_some());
    // Once more would be twice.
    assert!(matches!(store.redriven(whole).await, Err(RedriveError::Gone(ids)) if ids == [1, 3]));
    assert_eq!(CounterSource::counters(&store).await.unwrap()[0].value.to_string(), "1");
    let row = store.read(|reader| reader.dead_letter(3)).await.unwrap().unwrap();
    assert_eq!((row.first_attempt_ms, row.last_attempt_ms, row.created_ms, &*row.plugin_version), (1, 8, 3000, "v2"));
    assert!(!marks.has_changed().unwrap());
    drop(store);
    threads.join().unwrap();
}

#[tokio::test]
async fn bounds_drop_the_oldest_and_say_of_whom() {
    let (day, hour) = (std::time::Duration::from_secs(86_400), std::time::Duration::from_secs(3600));
    let wide = Bounds { age_max: day, bytes_max: u64::MAX };
    // Of each letter 256 bytes, its record, its reason.
    let size = |letter: DeadLetter| (256 + letter.record_json.len() + letter.reason.len()) as u64;
    let sizes = [
        size(letter("e1", "order#1", "no such plan")),
        size(letter("e2", "order#2", "trap: unreachable")),
        size(letter("e3", "order#30", "no such customer")),
    ];
    let total: u64 = sizes.iter().sum();
    let rows: [(Bounds, u64, &str, &str); 7] = [
        (wide, 5_000, "", "1 2 3"),
        (Bounds { bytes_max: total, ..wide }, 5_000, "", "1 2 3"),
        (Bounds { bytes_max: total - 1, ..wide }, 5_000, "t/bytes/1", "2 3"),
        (Bounds { bytes_max: sizes[2], ..wide }, 5_000, "t/bytes/1 u/bytes/1", "3"),
        // The last one stays, however small the bound.
        (Bounds { bytes_max: 0, ..wide }, 5_000, "t/bytes/1 u/bytes/1", "3"),
        (Bounds { age_max: hour, ..wide }, 3_602_001, "t/age/1 u/age/1", "3"),
        (Bounds { age_max: hour, bytes_max: 0 }, 3_601_500, "t/age/1 u/bytes/1", "3"),
    ];
    for (bounds, now, expected, left) in rows {
        let dir = tempfile::tempdir().unwrap();
        let (store, threads) = open(dir.path()).await;
        let now = Timestamp::from_ms(now);
        let looked = store.sweep(None, now).await.unwrap();
        assert_eq!((looked.kept.bytes, looked.kept.oldest), (total, Some(Timestamp::from_ms(1000))));
        assert_eq!(looked.kept.letters, [("t".into(), 2), ("u".into(), 1)]);
        let Swept { kept, dropped, more } = store.sweep(Some(bounds), now).await.unwrap();
        let dropped: Vec<_> = dropped
            .iter()
            .map(|(trigger, cause, letters)| format!("{trigger}/{}/{letters}", cause.as_str()))
            .collect();
        assert_eq!(dropped.join(" "), expected, "{bounds:?}");
        let ids: Vec<_> = shown(&store).await.iter().map(|line| line.split_once(' ').unwrap().0.to_owned()).collect();
        assert_eq!(ids.join(" "), left, "{bounds:?}");
        let left: u64 = ids.iter().map(|id| sizes[id.parse::<usize>().unwrap() - 1]).sum();
        assert_eq!((kept.bytes, more), (left, false), "{bounds:?}");
        drop(store);
        threads.join().unwrap();
    }
    assert_eq!(DropCause::ALL.map(DropCause::as_str), ["age", "bytes"]);
}
