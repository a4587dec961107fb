//! `--once`: what is played, and whether all of it was handled.
//!
//! Always holds: what the table's stream held before is done with first, and counts for nothing.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::sync::watch;
use tokio::time::timeout;

use super::live::changes;
use super::progress::Progress;
use super::ready::Playing;
use super::{Desk, Next, say};
use crate::cli::Quiet;

/// Given up when for so long nothing has come nearer.
const STALLED_AFTER: Duration = Duration::from_secs(60);

impl Desk<'_> {
    pub(super) async fn once(&self, playing: Option<&Playing>, progress: &watch::Sender<Progress>) -> Result<Next> {
        let Some(playing) = playing else {
            say("no changes are recorded: write `events` under [dev], or --events FILE")?;
            return Ok(Next::Done);
        };
        if !self.until_tip(playing, progress, "the table's stream held before").await? {
            return Ok(Next::Done);
        }
        let given_up_before = progress.borrow().given_up();
        let Some(played) = self.play(&playing.player).await? else { return Ok(Next::Done) };
        progress.send_modify(Progress::look_again);
        if !self.until_tip(playing, progress, "was played").await? {
            return Ok(Next::Done);
        }
        let given_up = progress.borrow().given_up() - given_up_before;
        say(&format!("{} handled; {given_up} given up", changes(played.recorded + played.prepared)))?;
        if given_up == 0 { Ok(Next::Done) } else { Err(Quiet.into()) }
    }

    /// False: it is to stop.
    async fn until_tip(&self, playing: &Playing, progress: &watch::Sender<Progress>, what: &str) -> Result<bool> {
        let Playing { stream, followers, .. } = playing;
        let mut news = progress.subscribe();
        while !news.borrow_and_update().is_at_tip(stream, followers) {
            tokio::select! {
                changed = timeout(STALLED_AFTER, news.changed()) => if changed.is_err() {
                    let now = progress.borrow();
                    let behind = now.behind(followers).join(", ");
                    let who = if behind.is_empty() { "its stream is not read to its end".to_owned() } else { format!("{behind} has not done with it") };
                    bail!("for {} s nothing came of what {what}: {who}", STALLED_AFTER.as_secs());
                },
                () = self.stop.cancelled() => return Ok(false),
            }
        }
        Ok(true)
    }
}
