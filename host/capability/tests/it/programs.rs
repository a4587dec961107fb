//! Mail by a local program: what it is given, and what its exit code comes to.

use std::path::PathBuf;

use tempfile::TempDir;
use tripline_capability::mail::Transport;
use tripline_core::port::MailDraft;

use crate::outbox::{Memory, accepted, draft, mailer};

/// A program that keeps its arguments and its input, and then does as `end` says.
fn program(end: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let command = dir.path().join("sendmail");
    let script = format!("#!/bin/sh\ncd \"$(dirname \"$0\")\" || exit 1\nprintf '%s\\n' \"$@\" > arguments\ncat > mail\n{end}\n");
    let text = dir.path().join("text");
    std::fs::write(&text, script).unwrap();
    // By another process: one that a test starts meanwhile would hold the file open for writing, and so it could not be run ("text file busy").
    let installed = std::process::Command::new("install").arg(&text).arg(&command).status();
    assert!(installed.unwrap().success());
    (dir, command)
}

#[tokio::test]
async fn it_gets_the_mail_and_no_address_is_an_option() {
    let (dir, command) = program("exit 0");
    let local = mailer("local", Transport::Sendmail { command });
    let memory = Memory::new();
    let to = vec!["-oQ/tmp@b.example".to_owned(), "Ann <ann@b.example>".to_owned()];
    memory.accept(accepted(&local, MailDraft { to, ..draft("") }, "k"));
    memory.send(vec![local], memory.settled(1)).await;
    assert_eq!(memory.heard(), "sent=1");
    let arguments = std::fs::read_to_string(dir.path().join("arguments")).unwrap();
    assert_eq!(arguments, "-i\n-f\nshop@example.com\n--\n-oQ/tmp@b.example\nann@b.example\n");
    assert!(std::fs::read_to_string(dir.path().join("mail")).unwrap().contains("Subject: Hi\r\n"));
}

/// A program that ends so: what becomes of the mail, and why.
async fn check(end: &str, outcome: &str, reason: &str) {
    let (_dir, command) = program(end);
    let local = mailer("local", Transport::Sendmail { command });
    let memory = Memory::new();
    memory.accept(accepted(&local, draft("a@b.example"), "k"));
    memory.send(vec![local], memory.settled(1)).await;
    assert_eq!(memory.shown(), format!("a:{outcome}"), "{end}");
    assert!(memory.reason().contains(reason), "{end}: {}", memory.reason());
}

#[tokio::test]
async fn its_exit_code_says_whose_fault_it_is() {
    check("echo 'queue is\nfull' >&2; exit 75", "later", "exit status: 75: queue is full").await;
    check("exit 69", "later", "exit status: 69").await;
    check("exit 1", "later", "exit status: 1").await;
    check("kill -9 $$", "later", "signal: 9").await;
    check("exit 67", "failed", "exit status: 67").await;
    check("exit 65", "failed", "exit status: 65").await;
    check("exit 64", "waits", "exit status: 64").await;
    check("exit 77", "waits", "exit status: 77").await;
    check("exit 78", "waits", "exit status: 78").await;
    check("no-such-command", "waits", "not found").await;
    // More than a pipe holds, of which the beginning is kept.
    check("head -c 300000 /dev/zero | tr '\\0' x >&2; exit 75", "later", "exit status: 75: xxx").await;
}

#[tokio::test]
async fn a_program_that_reads_nothing_or_is_not_there_takes_nobody_down() {
    let large = MailDraft { text: Some("x".repeat(1_000_000)), ..draft("a@b.example") };
    let (dir, command) = program("");
    std::fs::write(&command, "#!/bin/sh\nexit 75\n").unwrap();
    let local = || mailer("local", Transport::Sendmail { command: command.clone() });
    let memory = Memory::new();
    memory.accept(accepted(&local(), large.clone(), "k"));
    memory.send(vec![local()], memory.settled(1)).await;
    assert_eq!(memory.shown(), "a:later");
    drop(dir);
    let memory = Memory::new();
    memory.accept(accepted(&local(), large, "k"));
    memory.send(vec![local()], memory.settled(1)).await;
    assert_eq!((memory.shown(), memory.heard()), ("a:waits".to_owned(), "barred=1".to_owned()));
    assert!(memory.reason().contains("cannot be run") && memory.reason().contains("check `url`"), "{}", memory.reason());
}
