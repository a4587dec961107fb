//! Connections that wait for another request of the same client.
//!
//! Invariants: a connection is here or with one request, never both. Each is watched: it goes when its time is over, when the server ends it, when
//! anything comes on it, and with the client. Which one serves which request, and for how long it waits, core decides.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, timeout_at};
use tripline_core::http::{Asked, IDLE_CONNECTIONS_MAX, Link};

use super::line::Line;

#[derive(Default)]
pub(super) struct Kept(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    /// The newest last.
    lines: VecDeque<Idle>,
    watches: JoinSet<()>,
}

struct Idle {
    link: Link,
    until: Instant,
    place: Arc<Place>,
    watch: AbortHandle,
}

/// Empty once the connection was taken, or has ended.
type Place = Mutex<Option<Line>>;

impl Kept {
    /// The newest that serves the request.
    pub(super) fn take(&self, entry: usize, asked: &Asked, judged: &[IpAddr]) -> Option<Line> {
        let mut waiting = lock(&self.0);
        while let Some(found) = waiting.lines.iter().rposition(|idle| idle.link.serves(entry, asked, judged)) {
            let idle = waiting.lines.remove(found)?;
            let is_in_time = Instant::now() < idle.until;
            let line = idle.leave().filter(|line| is_in_time && line.is_quiet());
            if line.is_some() {
                return line;
            }
        }
        None
    }

    pub(super) fn keep(&self, line: Line, idle_max: Duration) {
        let mut waiting = lock(&self.0);
        waiting.lines.retain(|idle| lock(&idle.place).is_some());
        while waiting.watches.try_join_next().is_some() {}
        while waiting.lines.len() >= IDLE_CONNECTIONS_MAX {
            waiting.lines.pop_front().map(Idle::leave);
        }
        let until = Instant::now() + idle_max;
        let link = line.link().clone();
        let place = Arc::new(Mutex::new(Some(line)));
        let watch = waiting.watches.spawn(watch(place.clone(), until));
        waiting.lines.push_back(Idle { link, until, place, watch });
    }
}

impl Drop for Kept {
    /// At once: an aborted watch may be dropped later.
    fn drop(&mut self) {
        lock(&self.0).lines.drain(..).for_each(|idle| drop(idle.leave()));
    }
}

impl Idle {
    fn leave(self) -> Option<Line> {
        self.watch.abort();
        lock(&self.place).take()
    }
}

async fn watch(place: Arc<Place>, until: Instant) {
    let ended = poll_fn(|cx| match &mut *lock(&place) {
        Some(line) => line.poll_end(cx),
        None => Poll::Ready(()),
    });
    let is_over = timeout_at(until, ended).await.is_err();
    let line = lock(&place).take();
    if let Some(line) = line
        && is_over
    {
        line.end().await;
    }
}

/// What is in there is whole at any time.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
