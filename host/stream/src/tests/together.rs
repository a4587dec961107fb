//! What calls have in common: the time that their answers tell, and how many bodies are under way at once.

use std::sync::{Arc, Condvar, Mutex};

use tripline_core::port::StreamSource;
use tripline_core::time::Timestamp;

use super::server::{Answer, Server};
use super::source;
use crate::limits::BODIES_MAX;

#[tokio::test]
async fn the_streams_clock_is_what_its_last_answer_said() {
    // The host's clock stands at one second.
    let server = Server::start(|asked| match asked.operation.as_str() {
        "describestream" => Answer::json(r#"{"StreamDescription":{"Shards":[]}}"#).header("Date", "Thu, 01 Jan 1970 00:01:00 GMT"),
        "getsharditerator" => Answer::json(r#"{"ShardIterator":"i"}"#),
        "getrecords" if asked.input["ShardIterator"] == "fails" => Answer::new(500, "").header("date", "Thu, 01 Jan 1970 00:05:00 GMT"),
        "getrecords" => Answer::json(r#"{"Records":[]}"#).header("date", "Thu, 01 Jan 1970 00:00:30 GMT"),
        other => panic!("{other}"),
    });
    let source = source(&server.endpoint());
    let seen = || source.clock(Timestamp::from_ms(2_500)).as_ms();
    assert_eq!(seen(), 2_500);
    source.shards(&"arn".into()).await.unwrap();
    assert_eq!(seen(), 61_500);
    source.tip(&"arn".into(), &"shard".into()).await.unwrap();
    assert_eq!(seen(), 61_500);
    source.page("fails").await.unwrap_err();
    assert_eq!(seen(), 61_500);
    source.page("i").await.unwrap();
    assert_eq!(seen(), 31_500);
}

#[tokio::test]
async fn so_many_bodies_are_under_way_and_no_more() {
    // Answers wait until as many have asked as may, so that they are surely under way together.
    let state = Arc::new((Mutex::new((0_usize, 0_usize, false)), Condvar::new()));
    let inside = state.clone();
    let server = Server::start(move |_| {
        let (counts, full) = &*inside;
        let mut counts_now = counts.lock().unwrap();
        counts_now.0 += 1;
        counts_now.1 = counts_now.1.max(counts_now.0);
        counts_now.2 |= counts_now.0 >= BODIES_MAX;
        full.notify_all();
        counts_now = full.wait_while(counts_now, |counts| !counts.2).unwrap();
        counts_now.0 -= 1;
        Answer::json(r#"{"Records":[]}"#)
    });
    // Two sources: it is the place that counts.
    let sources = [source(&server.endpoint()), source(&server.endpoint())];
    let mut set = tokio::task::JoinSet::new();
    for n in 0..3 * BODIES_MAX {
        let source = sources[n % 2].clone();
        set.spawn(async move { source.page("i").await.map(|page| page.changes.len()) });
    }
    while let Some(result) = set.join_next().await {
        assert_eq!(result.unwrap().unwrap(), 0);
    }
    assert_eq!(state.0.lock().unwrap().1, BODIES_MAX);
    assert_eq!(server.asked().len(), 3 * BODIES_MAX);
}
