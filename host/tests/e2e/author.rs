//! `tripline dev` as a child process, and what it says, on stdout and stderr, line by line.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;

use crate::harness::{client_of, tripline};

/// A first build of a Rust project, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(300);

/// Killed when dropped.
pub(crate) struct Author {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

/// The command, in a project's folder.
pub(crate) fn dev(dir: &Path) -> Command {
    let mut command = tripline();
    command.arg("dev").current_dir(dir).env_remove("TRIPLINE_LOG").stdin(Stdio::null());
    command
}

impl Author {
    pub(crate) fn start(mut command: Command) -> Self {
        // One pipe, so that what is said on either comes in the order in which it was said.
        let (reader, writer) = std::io::pipe().unwrap();
        let child = command.stdout(writer.try_clone().unwrap()).stderr(writer).spawn().unwrap();
        // The command holds this process's ends of the pipe.
        drop(command);
        let (sender, lines) = sync_channel(10_000);
        std::thread::spawn(move || {
            for line in BufReader::new(reader).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines, seen: Vec::new() }
    }

    /// The next line with this text.
    #[track_caller]
    pub(crate) fn until(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let Ok(line) = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) else {
                panic!("`tripline dev` never said `{text}`; it said:\n{}", self.seen.join("\n"));
            };
            self.seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// All that was said so far.
    pub(crate) fn said(&self) -> String {
        self.seen.join("\n")
    }

    /// Where its table is.
    pub(crate) fn endpoint(&mut self) -> String {
        let line = self.until("-- table ");
        let url = line.split(' ').find(|word| word.starts_with("http://")).unwrap();
        url.trim_end_matches(',').to_owned()
    }

    /// Ctrl-C; how it ended.
    pub(crate) fn interrupt(mut self) -> (ExitStatus, String) {
        let sent = Command::new("kill").args(["-s", "INT", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let status = self.child.wait().unwrap();
        let rest: Vec<String> = self.lines.iter().collect();
        self.seen.extend(rest);
        (status, self.said())
    }
}

impl Drop for Author {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An order that somebody writes.
pub(crate) async fn put_order(endpoint: &str, id: &str, status: &str) {
    let put = client_of(endpoint).put_item().table_name("orders").item("id", AttributeValue::S(id.to_owned()));
    let put = put
        .item("status", AttributeValue::S(status.to_owned()))
        .item("total", AttributeValue::N("7".to_owned()));
    put.send().await.unwrap();
}
