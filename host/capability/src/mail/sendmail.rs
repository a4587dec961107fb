//! A local program that takes mail as sendmail does: `-i -f FROM -- TO…`, the mail on its standard input.
//!
//! Invariant: what its exit code means is said by sysexits.h, and a code that says nothing fails no mail for good at once.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures_util::future::join3;
use lettre::address::Envelope;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tripline_core::mail::TryError;

/// Beyond it, a program that hangs is killed.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Of what it complains about, so much is kept.
const STDERR_BYTES_MAX: u64 = 4096;

/// sysexits.h: the mail itself is at fault.
const REFUSED: [i32; 2] = [65, 67];
/// sysexits.h: usage, a missing system file, no permission, a wrong configuration; and what shells say of what cannot be run.
const BARRED: [i32; 6] = [64, 72, 77, 78, 126, 127];

pub(super) async fn send(command: &Path, envelope: &Envelope, mail: &[u8]) -> Result<(), TryError> {
    let shown = command.display();
    match tokio::time::timeout(TIMEOUT, run(command, envelope, mail)).await {
        Ok(Ok((status, said))) => judge(status, &format!("{shown}: {status}{}", if said.is_empty() { said } else { format!(": {said}") })),
        Ok(Err(error)) => Err(TryError::Barred(format!("{shown}: cannot be run: {error}: check `url`"))),
        // Dropped, and so killed.
        Err(_) => Err(TryError::Later(format!("{shown}: no end within {TIMEOUT:?}"))),
    }
}

async fn run(command: &Path, envelope: &Envelope, mail: &[u8]) -> std::io::Result<(ExitStatus, String)> {
    let mut child = Command::new(command);
    child.arg("-i");
    if let Some(from) = envelope.from() {
        child.arg("-f").arg::<&str>(from.as_ref());
    }
    // Whatever an address looks like, it is no option.
    child.arg("--").args(envelope.to().iter().map(AsRef::<str>::as_ref));
    let mut child = child
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
    let write = async move {
        if let Some(mut stdin) = stdin {
            // A program that ends without reading says why with its exit code.
            let _ = stdin.write_all(mail).await;
            let _ = stdin.shutdown().await;
        }
    };
    let ((), said, status) = join3(write, complaint(stderr), child.wait()).await;
    Ok((status?, said))
}

async fn complaint(stderr: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut stderr) = stderr else { return String::new() };
    let mut said = Vec::new();
    // What cannot be read is not said.
    let _ = (&mut stderr).take(STDERR_BYTES_MAX).read_to_end(&mut said).await;
    // The rest too, so that a program which complains at length does not hang.
    let _ = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&said).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn judge(status: ExitStatus, text: &str) -> Result<(), TryError> {
    let text = text.to_owned();
    match status.code() {
        Some(0) => Ok(()),
        Some(code) if REFUSED.contains(&code) => Err(TryError::Refused(text)),
        Some(code) if BARRED.contains(&code) => Err(TryError::Barred(text)),
        // 75 asks for it; 1 is what some programs end with whatever happened; a signal says nothing of the mail.
        Some(_) | None => Err(TryError::Later(text)),
    }
}
