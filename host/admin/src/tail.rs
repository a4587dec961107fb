//! Changes as the host reads them, for who watches: `GET /api/v1/streams/NAME/tail`, one JSON line for each.
//!
//! Always holds: who reads a shard never waits for who watches. A watcher that is too slow loses changes and is told how many; at most
//! `PAGES_MAX` pages of a stream wait for it, at most `WATCHERS_MAX` watch at once. Nobody watches: nothing is copied.
//! Knows nothing of shards' order: changes come as they were read.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State as Shared};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::broadcast::{self, Receiver, Sender, error::RecvError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tripline_core::change::Change;
use tripline_core::event::event_json;
use tripline_core::name::{StreamArn, StreamName};
use tripline_core::view::ViewType;

use crate::api::{Kind, Problem};
use crate::http::Inner;

const PAGES_MAX: usize = 16;
const WATCHERS_MAX: usize = 8;
/// An empty line after so much silence: a connection from which nothing comes is closed.
const SILENCE_MAX: Duration = Duration::from_millis(if cfg!(test) { 20 } else { 15_000 });

/// Where one stream can be watched. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tap {
    sender: Sender<Published>,
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    /// What the stream holds; none: it is not found yet.
    view: Option<ViewType>,
    /// Changes that were published while somebody watched. Locked while a page is sent, so that the numbers follow one another.
    published: u64,
}

#[derive(Clone, Debug)]
struct Published {
    /// The number of its first change.
    first: u64,
    arn: StreamArn,
    changes: Arc<[Change]>,
}

impl Default for Tap {
    fn default() -> Self {
        Self { sender: broadcast::channel(PAGES_MAX).0, known: Arc::default() }
    }
}

impl Tap {
    /// The stream was found, and has this view.
    pub fn holds(&self, view: ViewType) {
        self.known().view = Some(view);
    }

    /// Shows a page of the stream to who watches. Never waits.
    pub fn publish(&self, arn: &StreamArn, changes: &[Change]) {
        if changes.is_empty() || self.sender.receiver_count() == 0 {
            return;
        }
        let mut known = self.known();
        // An error: the last watcher has just gone.
        let _ = self.sender.send(Published { first: known.published, arn: arn.clone(), changes: changes.into() });
        known.published += changes.len() as u64;
    }

    fn watch(&self, view: Option<ViewType>, permit: OwnedSemaphorePermit, closing: watch::Receiver<()>) -> Watcher {
        let known = self.known();
        Watcher { pages: self.sender.subscribe(), next: known.published, view, closing, _permit: permit, greeted: false }
    }

    /// Nothing that holds the lock can leave it half written.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The streams that the host reads.
#[derive(Clone, Debug)]
pub struct Taps {
    taps: Arc<BTreeMap<StreamName, Tap>>,
    seats: Arc<Semaphore>,
}

impl Taps {
    /// One for each name.
    pub fn new(streams: impl IntoIterator<Item = StreamName>) -> Self {
        let taps = streams.into_iter().map(|name| (name, Tap::default())).collect();
        Self { taps: Arc::new(taps), seats: Arc::new(Semaphore::new(WATCHERS_MAX)) }
    }

    /// Nobody can watch a stream that was not named.
    pub fn of(&self, stream: &StreamName) -> Tap {
        self.taps.get(stream).cloned().unwrap_or_default()
    }
}

struct Watcher {
    pages: Receiver<Published>,
    /// The number of the next change, if none is lost.
    next: u64,
    view: Option<ViewType>,
    closing: watch::Receiver<()>,
    greeted: bool,
    _permit: OwnedSemaphorePermit,
}

impl Watcher {
    /// The next lines; none: the host stops.
    async fn lines(&mut self) -> Option<String> {
        // At once, so that the client knows that from here on it misses nothing.
        if !std::mem::replace(&mut self.greeted, true) {
            return Some("\n".to_owned());
        }
        loop {
            let page = tokio::select! {
                page = self.pages.recv() => page,
                // Never changed, only dropped.
                _ = self.closing.changed() => return None,
                () = tokio::time::sleep(SILENCE_MAX) => return Some("\n".to_owned()),
            };
            match page {
                Ok(page) => return Some(self.render(&page)),
                // What was lost is the gap in the numbers, which the next page shows.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }

    fn render(&mut self, page: &Published) -> String {
        let mut lines = String::new();
        if page.first > self.next {
            lines += &format!("{}\n", json!({ "lost": page.first - self.next }));
        }
        self.next = page.first + page.changes.len() as u64;
        for change in page.changes.iter() {
            lines += &event_json(change, &page.arn, self.view);
            lines.push('\n');
        }
        lines
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    view: Option<String>,
}

pub(crate) async fn tail(
    Shared(shared): Shared<Arc<Inner>>,
    name: Result<Path<String>, PathRejection>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response {
    let taps = &shared.admin.taps;
    let (name, wanted) = match (name, wanted) {
        (Ok(Path(name)), Ok(Query(wanted))) => (name, wanted),
        (Err(error), _) => return refused(Kind::Invalid, &format!("the path: {}", error.body_text())),
        (_, Err(error)) => return refused(Kind::Invalid, &format!("the query: {}", error.body_text())),
    };
    let Some(tap) = taps.taps.get(&StreamName::from(name.as_str())) else {
        return refused(Kind::Missing, "this host does not read that stream: no trigger follows it");
    };
    let view = match wanted.view.as_deref().map(|view| ViewType::from_config(view).ok_or(view)) {
        Some(Err(view)) => return refused(Kind::Invalid, &format!("there is no view {view:?}")),
        wanted => wanted.and_then(Result::ok),
    };
    let held = tap.known().view;
    if let (Some(wanted), Some(held)) = (view, held)
        && !held.supplies(wanted)
    {
        return refused(Kind::Invalid, &format!("the stream holds {held}, which is less than {wanted}"));
    }
    let Ok(permit) = Arc::clone(&taps.seats).try_acquire_owned() else {
        return refused(Kind::Unavailable, &format!("{WATCHERS_MAX} watch already: stop one of them"));
    };
    let watcher = tap.watch(view, permit, shared.closing.clone());
    let lines = stream::unfold(watcher, async |mut watcher| {
        let lines = watcher.lines().await?;
        Some((Ok::<_, Infallible>(Bytes::from(lines)), watcher))
    });
    ([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response()
}

fn refused(kind: Kind, why: &str) -> Response {
    Problem::new(kind, why).into_response()
}

#[cfg(test)]
mod tests {
    use tripline_core::slice::slice_page;

    use super::*;

    fn page(numbers: std::ops::Range<u64>) -> Vec<Change> {
        let record = |n| format!(r#"{{"eventName":"INSERT","dynamodb":{{"SequenceNumber":"{n}","Keys":{{"k":{{"N":"{n}"}}}}}}}}"#);
        let records: Vec<_> = numbers.map(record).collect();
        slice_page(Arc::new(format!("{{\"Records\":[{}]}}", records.join(",")))).unwrap().changes
    }

    async fn watcher(tap: &Tap) -> (Watcher, watch::Sender<()>) {
        let (closes, closing) = watch::channel(());
        let permit = Arc::new(Semaphore::new(1)).acquire_owned().await.unwrap();
        let mut watcher = tap.watch(None, permit, closing);
        assert_eq!(watcher.lines().await.as_deref(), Some("\n"));
        (watcher, closes)
    }

    #[tokio::test]
    async fn a_slow_watcher_loses_a_said_number_of_changes_and_holds_nobody_up() {
        let tap = Tap::default();
        let arn = StreamArn::from("arn");
        tap.publish(&arn, &page(0..3));
        let (mut slow, _closes) = watcher(&tap).await;
        let pages = PAGES_MAX as u64 + 5;
        // Returns, though nobody takes anything.
        for n in 0..pages {
            tap.publish(&arn, &page(n * 10..n * 10 + 10));
        }
        let mut seen = 0;
        let first = slow.lines().await.unwrap();
        let (lost, rest) = first.split_once('\n').unwrap();
        assert_eq!(lost, r#"{"lost":50}"#);
        seen += rest.lines().count();
        assert!(rest.starts_with(r#"{"eventName":"INSERT","dynamodb":{"SequenceNumber":"50""#), "{rest}");
        for _ in 1..PAGES_MAX {
            let lines = slow.lines().await.unwrap();
            assert!(!lines.contains("lost"), "{lines}");
            seen += lines.lines().count();
        }
        assert_eq!(seen as u64 + 50, pages * 10);
    }

    #[tokio::test]
    async fn a_watcher_ends_when_the_host_stops() {
        let tap = Tap::default();
        let (mut watching, closes) = watcher(&tap).await;
        drop(closes);
        assert_eq!(watching.lines().await, None);
    }

    #[tokio::test]
    async fn a_silent_stream_shows_a_sign_of_life() {
        let tap = Tap::default();
        let (mut watching, _closes) = watcher(&tap).await;
        assert_eq!(watching.lines().await.as_deref(), Some("\n"));
    }
}
