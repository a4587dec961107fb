//! What a guest says, as signals tagged with its trigger.
//!
//! Always holds: a call makes at most `LOG_LINES_PER_BATCH_MAX` lines of at most `LOG_LINE_BYTES_MAX`; the rest is counted.
//! Does not know who reads them.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tripline_core::limits::{LOG_LINE_BYTES_MAX, LOG_LINES_PER_BATCH_MAX};
use tripline_core::name::{PluginVersion, TriggerName};
use tripline_core::signal::{LogLevel, Signal, Signals};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::text;

/// Bytes that one write to stdout or stderr may hold.
const WRITE_BYTES_MAX: usize = 64 * 1024;
const CONTEXT_BYTES_MAX: usize = 128;
/// Lines of stderr that go into the reason for a trap: a panic's place and message.
const LAST_WORDS_LINES: usize = 4;
const LAST_WORDS_BYTES_MAX: usize = 512;

#[derive(Debug)]
pub(crate) struct GuestLogs {
    trigger: TriggerName,
    version: PluginVersion,
    signals: Arc<dyn Signals>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    lines: u32,
    dropped: u32,
    stdout: PartialLine,
    stderr: PartialLine,
    last_words: VecDeque<String>,
}

/// The bytes since the last line break, as many as a line may have.
#[derive(Debug, Default)]
struct PartialLine(Vec<u8>);

impl PartialLine {
    fn push(&mut self, bytes: &[u8]) {
        // One more than a line may have, so that the cut leaves its mark.
        let room = (LOG_LINE_BYTES_MAX + 1).saturating_sub(self.0.len());
        self.0.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn take(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.0)).trim_end().to_owned()
    }
}

#[derive(Clone, Copy, Debug)]
enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    fn level(self) -> LogLevel {
        match self {
            Self::Stdout => LogLevel::Info,
            Self::Stderr => LogLevel::Warn,
        }
    }

    fn context(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

impl GuestLogs {
    pub(crate) fn new(trigger: TriggerName, version: PluginVersion, signals: Arc<dyn Signals>) -> Arc<Self> {
        Arc::new(Self { trigger, version, signals, state: Mutex::default() })
    }

    pub(crate) fn log(&self, level: LogLevel, context: &str, message: &str) {
        {
            let mut state = self.state();
            if state.lines >= LOG_LINES_PER_BATCH_MAX {
                state.dropped = state.dropped.saturating_add(1);
                return;
            }
            state.lines += 1;
        }
        let context = text::one_line(context, CONTEXT_BYTES_MAX);
        let message = text::one_line(message, LOG_LINE_BYTES_MAX);
        self.emit(Signal::GuestLog { trigger: &self.trigger, version: &self.version, level, context: &context, message: &message });
    }

    pub(crate) fn stdout(self: &Arc<Self>) -> Stdio {
        Stdio { logs: self.clone(), stream: Stream::Stdout }
    }

    pub(crate) fn stderr(self: &Arc<Self>) -> Stdio {
        Stdio { logs: self.clone(), stream: Stream::Stderr }
    }

    /// The last lines of stderr: why the guest panicked, where it says so.
    pub(crate) fn last_words(&self) -> Option<String> {
        let state = self.state();
        let words: Vec<&str> = state.last_words.iter().map(String::as_str).collect();
        (!words.is_empty()).then(|| words.join(" | "))
    }

    /// For another call of the same instance: it may say as much as the first.
    pub(crate) fn again(&self) {
        *self.state() = State::default();
    }

    /// The call has ended: what has no line break yet is a line as well, and what was dropped is told.
    pub(crate) fn finish(&self) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            self.end_line(stream);
        }
        let lines = std::mem::take(&mut self.state().dropped);
        if lines > 0 {
            self.emit(Signal::GuestLogsDropped { trigger: &self.trigger, lines });
        }
    }

    fn write(&self, stream: Stream, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|b| *b == b'\n') {
            self.partial(stream, &bytes[..end]);
            self.end_line(stream);
            bytes = &bytes[end + 1..];
        }
        self.partial(stream, bytes);
    }

    fn partial(&self, stream: Stream, bytes: &[u8]) {
        self.state().line(stream).push(bytes);
    }

    fn end_line(&self, stream: Stream) {
        let line = {
            let mut state = self.state();
            let line = state.line(stream).take();
            if line.is_empty() {
                return;
            }
            if matches!(stream, Stream::Stderr) {
                state.remember(&line);
            }
            line
        };
        self.log(stream.level(), stream.context(), &line);
    }

    fn emit(&self, signal: Signal<'_>) {
        self.signals.emit(signal);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics halfway through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn line(&mut self, stream: Stream) -> &mut PartialLine {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }

    fn remember(&mut self, line: &str) {
        // Rust's advice to set an environment variable helps nobody here.
        if line.starts_with("note: run with `RUST_BACKTRACE") {
            return;
        }
        if self.last_words.len() == LAST_WORDS_LINES {
            self.last_words.pop_front();
        }
        self.last_words.push_back(text::one_line(line, LAST_WORDS_BYTES_MAX));
    }
}

/// A guest's stdout or stderr. Never blocks.
#[derive(Clone, Debug)]
pub(crate) struct Stdio {
    logs: Arc<GuestLogs>,
    stream: Stream,
}

impl IsTerminal for Stdio {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stdio {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    /// Not the default, which hands writes to a task of its own: a panic's message must be here when the trap is.
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for Stdio {
    async fn ready(&mut self) {}
}

impl OutputStream for Stdio {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.logs.write(self.stream, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES_MAX)
    }
}

impl tokio::io::AsyncWrite for Stdio {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.logs.write(self.stream, bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
