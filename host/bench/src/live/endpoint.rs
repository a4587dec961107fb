//! The endpoint's process from outside: started, ordered about, ended.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use anyhow::{Context as _, Result, bail};

use super::Pace;
use super::server::{Counts, Order, Setup};
use crate::process::this;

#[derive(Debug)]
pub(super) struct Endpoint {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    pub(super) url: String,
}

impl Endpoint {
    pub(super) fn start(setup: Setup) -> Result<Self> {
        let mut command = this(&["live"])?;
        let mut child = command.arg(serde_json::to_string(&setup)?).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let orders = child.stdin.take().context("the endpoint has no input")?;
        let answers = BufReader::new(child.stdout.take().context("the endpoint has no output")?);
        let mut endpoint = Self { child, orders, answers, url: String::new() };
        endpoint.url = endpoint.line()?;
        Ok(endpoint)
    }

    /// As the host is to be told it: 0.0.0.0 reaches this machine too, and is not known for it.
    pub(super) fn url_for(&self, pace: Pace) -> String {
        match pace {
            Pace::Local => self.url.clone(),
            Pace::Aws => self.url.replace("127.0.0.1", "0.0.0.0"),
        }
    }

    /// What is counted when the order is done.
    pub(super) fn order(&mut self, order: Order) -> Result<Counts> {
        writeln!(self.orders, "{}", serde_json::to_string(&order)?)?;
        self.orders.flush()?;
        let line = self.line()?;
        serde_json::from_str(&line).with_context(|| format!("the endpoint answered `{line}`"))
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            bail!("the endpoint ended; what it says is above");
        }
        Ok(line.trim().to_owned())
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
