//! A host at an author's desk: saves, builds, reloads, and the recorded changes after each.
//!
//! Always holds: while a build or a new version fails, the one before serves. How long it took is counted from the first sign of the save.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, timeout};

use super::play::{Played, Player};
use super::sources::hash;
use super::{Built, Desk, Done, Next, Print, Ready, Reload, Saved, Sources, say};
use crate::cli::{Quiet, complain, output};

/// `--once` gives up when for so long nothing has come nearer.
const STALLED_AFTER: Duration = Duration::from_secs(60);

/// A plugin's files, by how the host calls them: what they hold.
type Held = BTreeMap<String, Option<u64>>;

impl Desk<'_> {
    /// Runs the host until it is to begin anew, or to end.
    pub(super) async fn serve(&mut self, mut ready: Ready, (print, built): (Print, Option<Duration>)) -> Result<Next> {
        let halt = self.stop.child_token();
        let sources = self.sources(&ready.config.dev, Some(&ready.data_dir));
        self.greet(&ready, built)?;
        let app = ready.app;
        let service = app.run(halt.clone());
        tokio::pin!(service);
        let mut live = Live {
            desk: self,
            // A save during the build is one to be built.
            print: sources.but_the_hosts(print),
            sources,
            command: ready.config.dev.build.as_deref(),
            plugins: &ready.plugins,
            serving: held(&ready.plugins),
            player: ready.player.as_ref(),
            reloads: &mut ready.reloads,
        };
        let worked = tokio::select! {
            worked = async {
                let played = live.play().await?;
                if live.desk.options.once { live.desk.until_done(&mut ready.done, (&ready.followers, played)).await } else { live.work().await }
            } => worked,
            ended = &mut service => {
                ended?;
                if self.stop.is_cancelled() {
                    return Ok(Next::Done);
                }
                bail!("the host ended by itself");
            }
        };
        halt.cancel();
        service.await?;
        worked
    }

    fn greet(&self, ready: &Ready, built: Option<Duration>) -> Result<()> {
        for stream in ready.config.streams.values() {
            let region = stream.connection.region.as_deref().unwrap_or_default();
            let endpoint = stream.connection.endpoint.as_deref().unwrap_or_default();
            say(&format!("table {} ({region}): {endpoint}, for any AWS SDK, with any credentials", stream.table))?;
        }
        for trigger in ready.config.triggers.values() {
            say(&format!("trigger {} follows {}", trigger.name, ready.config.streams[&trigger.stream].table))?;
        }
        let built = built.map(|took| format!(", the build {:.2} s of it", took.as_secs_f64())).unwrap_or_default();
        say(&format!(
            "serves {:.2} s after the start{built}; metrics: http://{}/metrics",
            self.begun.elapsed().as_secs_f64(),
            ready.app.listens_on()
        ))
    }

    /// Until the triggers have done with what was played.
    async fn until_done(
        &self,
        done: &mut tokio::sync::watch::Receiver<Done>,
        (followers, played): (&[tripline_core::name::TriggerName], Played),
    ) -> Result<Next> {
        let expected = played.recorded + played.prepared;
        loop {
            let now = done.borrow_and_update().clone();
            let behind: Vec<&str> = followers
                .iter()
                .filter(|trigger| now.settled.get(*trigger).copied().unwrap_or_default() < expected)
                .map(|trigger| trigger.as_str())
                .collect();
            if behind.is_empty() {
                say(&format!("{} handled; {} given up", changes(expected), now.given_up))?;
                return if now.given_up == 0 { Ok(Next::Done) } else { Err(Quiet.into()) };
            }
            tokio::select! {
                changed = timeout(STALLED_AFTER, done.changed()) => if changed.is_err() {
                    bail!("for {} s nothing came of what was played: {} has not done with it", STALLED_AFTER.as_secs(), behind.join(", "));
                },
                () = self.stop.cancelled() => return Ok(Next::Done),
            }
        }
    }
}

/// A running host, and its author.
struct Live<'l, 'o> {
    desk: &'l Desk<'o>,
    sources: Sources,
    print: Print,
    command: Option<&'l str>,
    plugins: &'l BTreeMap<String, PathBuf>,
    /// What the versions that serve were, as files.
    serving: Held,
    player: Option<&'l Player>,
    reloads: &'l mut tokio::sync::mpsc::Receiver<Reload>,
}

impl Live<'_, '_> {
    async fn work(&mut self) -> Result<Next> {
        let mut overtaken: Option<Saved> = None;
        loop {
            let mut saved = tokio::select! {
                saved = self.sources.changed(&self.print) => saved,
                () = self.desk.stop.cancelled() => return Ok(Next::Done),
            };
            self.print = self.sources.print();
            // What the build that was given up was for is in the next one too; its time counts from the last save.
            saved.files.extend(overtaken.take().map(|before| before.files).unwrap_or_default());
            if saved.files.contains(self.desk.config_file()) {
                say("the config was saved: the host begins anew")?;
                return Ok(Next::Again { build: !self.desk.is_config_alone(&saved) });
            }
            let is_events = |file: &PathBuf| self.player.is_some_and(|player| player.events == *file);
            if saved.files.iter().all(is_events) {
                self.play().await?;
                continue;
            }
            say(&format!("saved: {}", names(&saved.files)))?;
            match self.rebuild(&saved).await? {
                Rebuilt::New => drop(self.play().await?),
                Rebuilt::Not => {}
                Rebuilt::Overtaken => overtaken = Some(saved),
                Rebuilt::Stopped => return Ok(Next::Done),
            }
        }
    }

    async fn rebuild(&mut self, saved: &Saved) -> Result<Rebuilt> {
        let Some(command) = self.command else { return Ok(Rebuilt::Not) };
        let before = self.held();
        // Words on earlier files.
        while self.reloads.try_recv().is_ok() {}
        let built = match self.desk.build(command, &self.sources, &self.print).await? {
            Built::Good(took) => took,
            Built::Bad => {
                say("the version before goes on serving")?;
                return Ok(Rebuilt::Not);
            }
            Built::Overtaken => return Ok(Rebuilt::Overtaken),
            Built::Stopped => return Ok(Rebuilt::Stopped),
        };
        let now = self.held();
        let is_other = |plugin: &String| now[plugin] != before[plugin] && now[plugin] != self.serving[plugin];
        let mut changed: BTreeSet<&String> = now.keys().filter(|plugin| is_other(plugin)).collect();
        if changed.is_empty() {
            let is_served = now == self.serving;
            let which = if is_served { "serves already" } else { "was refused before" };
            say(&format!("built in {:.2} s: the plugin is the one that {which}", built.as_secs_f64()))?;
            return Ok(if is_served { Rebuilt::New } else { Rebuilt::Not });
        }
        let (loading, mut refused) = (Instant::now(), false);
        while !changed.is_empty() {
            let reload = tokio::select! {
                reload = self.reloads.recv() => reload,
                _ = self.sources.changed(&self.print) => return Ok(Rebuilt::Overtaken),
                () = self.desk.stop.cancelled() => return Ok(Rebuilt::Stopped),
            };
            match reload {
                Some(Reload::Serves { plugin, version }) if changed.remove(&plugin) => {
                    self.serving.insert(plugin.clone(), now[&plugin]);
                    let (all, built, loaded) = (saved.at.elapsed(), built, loading.elapsed());
                    let [all, built, loaded] = [all, built, loaded].map(|took| format!("{:.2} s", took.as_secs_f64()));
                    say(&format!("serves {} {all} after the save: built in {built}, loaded in {loaded}", version.short()))?;
                }
                Some(Reload::Refused { plugin, reason }) if changed.remove(&plugin) => {
                    refused = true;
                    output::line(&format!("error: {}: {}", output::tame(&plugin), output::tame(&reason)))?;
                }
                Some(_) => {}
                None => bail!("the host ended by itself"),
            }
        }
        Ok(if refused { Rebuilt::Not } else { Rebuilt::New })
    }

    fn held(&self) -> Held {
        held(self.plugins)
    }

    /// What cannot be played is said, and nothing else comes of it, but with --once.
    async fn play(&self) -> Result<Played> {
        let Some(player) = self.player else { return Ok(Played::default()) };
        let played = tokio::select! {
            played = player.play() => played,
            () = self.desk.stop.cancelled() => return Ok(Played::default()),
        };
        match played {
            Ok(played) => {
                let prepared = match played.prepared {
                    0 => String::new(),
                    more => format!(", after {more} that made it what it was then"),
                };
                say(&format!("played into {}: {} of {}{prepared}", player.table, changes(played.recorded), player.events.display()))?;
                Ok(played)
            }
            Err(error) if self.desk.options.once => Err(error),
            Err(error) => {
                complain(&error);
                Ok(Played::default())
            }
        }
    }
}

fn held(plugins: &BTreeMap<String, PathBuf>) -> Held {
    plugins.iter().map(|(plugin, path)| (plugin.clone(), hash(path, u64::MAX))).collect()
}

/// What came of a save.
enum Rebuilt {
    New,
    Not,
    Overtaken,
    Stopped,
}

fn changes(count: u64) -> String {
    if count == 1 { "1 change".to_owned() } else { format!("{count} changes") }
}

fn names(files: &BTreeSet<PathBuf>) -> String {
    const SHOWN: usize = 3;
    let mut names: Vec<String> = files.iter().take(SHOWN).map(|file| output::tame(&shown(file))).collect();
    if files.len() > SHOWN {
        names.push(format!("{} more", files.len() - SHOWN));
    }
    names.join(", ")
}

fn shown(file: &Path) -> String {
    file.display().to_string()
}
