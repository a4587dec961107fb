//! One build of a project: its command, as a group of processes.
//!
//! Invariant: a build that nobody waits for any more is killed, with all that it has started. What it says goes to stderr as it comes. When one is due,
//! and whether a save ends it, `due` decides.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use super::due::{self, Made};
use super::sources::{Print, Sources, names};
use super::{Desk, say};
use crate::cli::output::tame;
use crate::config::DevConfig;

/// How a build ended.
pub(super) enum Built {
    Good(Duration),
    Bad,
    /// By another save.
    Overtaken,
    Stopped,
}

impl Desk<'_> {
    /// What a build reads of what is watched: neither the config nor the recorded changes.
    fn built_of(&self, print: &Print, dev: &DevConfig) -> Print {
        let events = self.events(dev);
        let others: Vec<&Path> = [self.config_file()].into_iter().chain(events.as_deref()).collect();
        print.without(&others)
    }

    pub(super) fn is_due(&self, command: &str, print: &Print, dev: &DevConfig) -> bool {
        due::is_due(self.made.borrow().as_ref(), command, &self.built_of(print, dev))
    }

    /// How it ended, and what was there when it began.
    pub(super) async fn build(&self, command: &str, sources: &Sources, dev: &DevConfig) -> Result<(Built, Print)> {
        let unrest = self.unrest.get();
        if !unrest.pause().is_zero() {
            say(&format!("the next build waits for {} s: each one changes what is watched", unrest.pause().as_secs()))?;
            tokio::select! {
                () = sleep(unrest.pause()) => {}
                () = self.stop.cancelled() => return Ok((Built::Stopped, sources.print())),
            }
        }
        let print = sources.print();
        say(&format!("building: {}", tame(command)))?;
        self.made.replace(None);
        let begun = Instant::now();
        let dir = self.config_file().parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let built = tokio::select! {
            status = build(command, dir) => {
                let (status, took) = (status?, begun.elapsed());
                if status.success() {
                    self.made.replace(Some(Made { command: command.to_owned(), sources: self.built_of(&print, dev) }));
                    Built::Good(took)
                } else {
                    say(&format!("the build failed ({status}), in {:.2} s; what it says is above", took.as_secs_f64()))?;
                    Built::Bad
                }
            }
            saved = sources.changed(&print), if unrest.gives_up() && !self.options.once => {
                say(&format!("saved again ({}): this build is given up", names(&saved.files)))?;
                Built::Overtaken
            }
            () = self.stop.cancelled() => return Ok((Built::Stopped, print)),
        };
        let changed = self.built_of(&print, dev).differs(&self.built_of(&sources.print(), dev));
        self.unrest.set(unrest.after(!changed.is_empty()));
        if !changed.is_empty() && !unrest.gives_up() {
            say(&format!("{} changed while the build ran: if the build writes there, leave it out of `watch`", names(&changed)))?;
        }
        Ok((built, print))
    }
}

/// Killed when dropped.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // What has ended already is no error.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Runs `command` in `dir` to its end.
async fn build(command: &str, dir: &Path) -> Result<ExitStatus> {
    let mut child = Command::new("sh")
        .args(["-c", command])
        .current_dir(dir)
        // For SDKs whose tools call `tripline componentize`.
        .env("TRIPLINE", std::env::current_exe().unwrap_or_else(|_| "tripline".into()))
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        // A terminal's Ctrl-C is ours to hear: we end it.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start `sh -c` in {} for the build", dir.display()))?;
    let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let mut group = Group(group);
    let status = child.wait().await.context("the build cannot be waited for")?;
    // What it leaves running, such as a daemon of its tools, is its own matter; and the number may soon be another's.
    group.0 = None;
    Ok(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_build_runs_in_the_projects_folder_and_tells_how_it_ended() {
        let dir = tempfile::tempdir().unwrap();
        assert!(build("echo built > made && false | true", dir.path()).await.unwrap().success());
        assert_eq!(std::fs::read_to_string(dir.path().join("made")).unwrap(), "built\n");
        assert_eq!(build("exit 7", dir.path()).await.unwrap().code(), Some(7));
    }

    #[tokio::test]
    async fn who_stops_waiting_ends_all_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let grandchild = dir.path().join("grandchild");
        // Renamed when it is written: whoever sees the file sees the whole number.
        let script = format!("sleep 1000 & echo $! > {0}.new && mv {0}.new {0}; wait", grandchild.display());
        {
            let building = build(&script, dir.path());
            tokio::pin!(building);
            while !grandchild.exists() {
                assert!(tokio::time::timeout(std::time::Duration::from_millis(20), &mut building).await.is_err());
            }
        }
        let id = std::fs::read_to_string(&grandchild).unwrap();
        let is_gone = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", id.trim()));
            stat.map_or(true, |stat| stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')))
        };
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while !is_gone() {
            assert!(std::time::Instant::now() < deadline, "process {id} still runs");
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}
