//! The store's threads: their ends are somebody's decision.

use std::thread::{self, JoinHandle};

use tokio::sync::mpsc;

/// A bug in this crate: nothing more is committed. What was acknowledged is durable; restart the host.
#[derive(Debug, thiserror::Error)]
#[error("the store's thread `{0}` panicked: nothing more can be committed; restart the host, and please report this")]
pub struct ThreadPanicked(pub String);

/// Ends when every `SqliteStore` handle is gone and all that they sent is written; then the directory is free again.
#[derive(Debug)]
pub struct StoreThreads {
    threads: Vec<JoinHandle<()>>,
    ends: mpsc::Receiver<Result<(), ThreadPanicked>>,
    /// Cloned into each thread; dropped before waiting.
    end: mpsc::Sender<Result<(), ThreadPanicked>>,
}

const THREADS_MAX: usize = 8;

/// Says how its thread ended.
struct End {
    name: String,
    end: mpsc::Sender<Result<(), ThreadPanicked>>,
}

impl Drop for End {
    fn drop(&mut self) {
        let result = if thread::panicking() { Err(ThreadPanicked(self.name.clone())) } else { Ok(()) };
        // Room for every thread; nobody listening is fine.
        let _ = self.end.try_send(result);
    }
}

impl StoreThreads {
    pub(crate) fn new() -> Self {
        let (end, ends) = mpsc::channel(THREADS_MAX);
        Self { threads: Vec::new(), ends, end }
    }

    pub(crate) fn start(&mut self, name: &str, body: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        let end = End { name: name.to_owned(), end: self.end.clone() };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _end = end;
            body();
        })?;
        self.threads.push(thread);
        Ok(())
    }

    /// Resolves when all threads have ended, or as soon as one has panicked.
    pub async fn run(self) -> Result<(), ThreadPanicked> {
        let Self { threads, mut ends, end } = self;
        drop(end);
        while let Some(result) = ends.recv().await {
            result?;
        }
        join(threads)
    }

    /// `run` for callers without a runtime.
    pub fn join(self) -> Result<(), ThreadPanicked> {
        join(self.threads)
    }
}

fn join(threads: Vec<JoinHandle<()>>) -> Result<(), ThreadPanicked> {
    for thread in threads {
        let name = thread.thread().name().unwrap_or("store").to_owned();
        thread.join().map_err(|_| ThreadPanicked(name))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_told_while_others_still_run() {
        let mut threads = StoreThreads::new();
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        threads.start("steady", move || assert!(stopped.recv().is_err())).unwrap();
        threads.start("shaky", || panic!("on purpose")).unwrap();
        assert_eq!(threads.run().await.unwrap_err().0, "shaky");
        drop(stop);
    }

    #[tokio::test]
    async fn all_ends_are_awaited() {
        let mut threads = StoreThreads::new();
        for name in ["a", "b"] {
            threads.start(name, || {}).unwrap();
        }
        threads.run().await.unwrap();
    }
}
