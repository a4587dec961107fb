//! One measurement: a server and a contestant, each a process, and what the contestant says.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::case::Case;
use crate::measure::Used;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Contestant {
    Tripline,
    /// A Rust consumer on the SDK's typed output.
    Native,
    /// A node consumer on the AWS SDK v3.
    Node,
    /// Loopback GET, RawValue slicing, a bare wasmtime call.
    Floor,
}

pub(crate) fn measure(contestant: Contestant, case: &Case) -> Result<Used> {
    let server = Server::start(case)?;
    let mut command = this(&["contest"])?;
    command.arg(format!("{contestant:?}")).arg(serde_json::to_string(case)?).arg(&server.endpoint);
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        bail!("{contestant:?} failed with {}; what it says is above", output.status);
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("{contestant:?} printed no result"))
}

pub(crate) fn this(args: &[&str]) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(args);
    Ok(command)
}

struct Server {
    child: Child,
    endpoint: String,
}

impl Server {
    fn start(case: &Case) -> Result<Self> {
        let mut command = this(&["serve"])?;
        command.arg(serde_json::to_string(case)?).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("the server has no output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        Ok(Self { child, endpoint: line.trim().to_owned() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
