//! A host at an author's desk: saves, builds, reloads, and the recorded changes after each.
//!
//! Always holds: while a build or a new version fails, the one before serves. What the host says of a plugin's file is told, whoever has written that. How
//! long it took is counted from the first sign of the save.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tripline_runtime::PluginSource;

use super::build::Built;
use super::play::{Play, Played, Player};
use super::ready::{Playing, Ready};
use super::sources::{Print, Sources, is_same, names};
use super::versions::{Held, Reload, Standing, Versions};
use super::{Desk, Next, say};
use crate::cli::{complain, output};
use crate::config::DevConfig;

impl Desk<'_> {
    /// Runs the host until it is to begin anew, or to end. `print`: what was built.
    pub(super) async fn serve(&mut self, mut ready: Ready, (sources, print, built): (Sources, Print, Option<Duration>)) -> Result<Next> {
        let halt = self.stop.child_token();
        self.greet(&ready, built)?;
        let app = ready.app;
        let service = app.run(halt.clone());
        tokio::pin!(service);
        let mut loads =
            Loads { plugins: &ready.plugins, reloads: &mut ready.reloads, versions: Versions::default(), pending: None, to_play: false };
        loads.first();
        let player = ready.played.as_ref().map(|playing: &Playing| &playing.player);
        // A save during the build is one to be built.
        let mut live = Live { desk: self, sources, print, dev: &ready.config.dev, player, loads };
        let worked = tokio::select! {
            worked = async {
                if live.desk.options.once { live.desk.once(ready.played.as_ref(), &ready.progress).await } else { live.work().await }
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
            let is_ours = self.place.as_ref().is_some_and(|place| place.has(&stream.connection, &stream.table));
            let whose = if is_ours { ", for any AWS SDK, with any credentials" } else { ", as the config says" };
            say(&format!("table {} ({region}): {endpoint}{whose}", stream.table))?;
        }
        for trigger in ready.config.triggers.values() {
            say(&format!("trigger {} follows {}", trigger.name, ready.config.streams[&trigger.stream].table))?;
        }
        let built = built.map(|took| format!(", the build {:.2} s of it", took.as_secs_f64())).unwrap_or_default();
        let (begun, by) = self.begun;
        let (took, at) = (begun.elapsed().as_secs_f64(), ready.app.listens_on());
        say(&format!("serves {took:.2} s after {by}{built}; metrics: http://{at}/metrics"))
    }

    /// None: it is to stop.
    pub(super) async fn play(&self, player: &Player) -> Result<Option<Played>> {
        let play = tokio::select! {
            play = player.play() => play,
            () = self.stop.cancelled() => return Ok(None),
        };
        let Play::Played(played) = play? else {
            bail!("{}: its changes were given another key meanwhile: run it again", player.events.display());
        };
        say_played(player, played)?;
        Ok(Some(played))
    }
}

fn say_played(player: &Player, played: Played) -> Result<()> {
    let prepared = match played.prepared {
        0 => String::new(),
        more => format!(", after {more} that made it what it was then"),
    };
    say(&format!("played into {}: {} of {}{prepared}", player.table, changes(played.recorded), player.events.display()))
}

/// A running host, and its author.
struct Live<'l, 'o> {
    desk: &'l Desk<'o>,
    sources: Sources,
    /// What was built, or is not to be.
    print: Print,
    dev: &'l DevConfig,
    player: Option<&'l Player>,
    loads: Loads<'l>,
}

/// Versions that the host takes up, and what hangs on them.
struct Loads<'l> {
    plugins: &'l BTreeMap<String, PathBuf>,
    reloads: &'l mut mpsc::Receiver<Reload>,
    versions: Versions,
    /// A build whose plugin the host has not judged yet.
    pending: Option<Pending>,
    /// Something serves into which nothing was played yet.
    to_play: bool,
}

struct Pending {
    saved: Instant,
    built: Duration,
    loading: Instant,
}

impl Live<'_, '_> {
    async fn work(&mut self) -> Result<Next> {
        self.loads.to_play = true;
        // Files of builds that were given up: they are in the next one too; its time counts from the last save.
        let mut overtaken = BTreeSet::new();
        loop {
            if self.loads.to_play && !self.loads.is_pending().await {
                self.loads.to_play = false;
                if let Some(next) = self.play().await? {
                    return Ok(next);
                }
            }
            let mut saved = tokio::select! {
                saved = self.sources.changed(&self.print) => saved,
                reload = self.loads.reloads.recv() => {
                    let Some(reload) = reload else { bail!("the host ended by itself") };
                    self.loads.told(reload).await?;
                    continue;
                }
                () = self.desk.stop.cancelled() => return Ok(Next::Done),
            };
            self.print = saved.print;
            saved.files.append(&mut overtaken);
            if saved.files.contains(self.desk.config_file()) {
                say("the config was saved: the host begins anew")?;
                return Ok(Next::Again(saved.at));
            }
            let is_events = |file: &PathBuf| self.player.is_some_and(|player| is_same(&player.events, file));
            if saved.files.iter().all(is_events) {
                self.loads.to_play = true;
                continue;
            }
            say(&format!("saved: {}", names(&saved.files)))?;
            match self.rebuild(saved.at).await? {
                Rebuilt::Done => {}
                Rebuilt::Overtaken => overtaken = saved.files,
                Rebuilt::Stopped => return Ok(Next::Done),
            }
        }
    }

    async fn rebuild(&mut self, saved: Instant) -> Result<Rebuilt> {
        let Some(command) = self.dev.build.as_deref() else { return Ok(Rebuilt::Done) };
        let (built, print) = {
            let building = self.desk.build(command, &self.sources, self.dev);
            tokio::pin!(building);
            loop {
                tokio::select! {
                    built = &mut building => break built?,
                    // Of the build before. What the host says of this one's file can wait for its end.
                    Some(reload) = self.loads.reloads.recv(), if self.loads.pending.is_some() => drop(self.loads.told(reload).await?),
                }
            }
        };
        self.print = print;
        match built {
            Built::Good(built) => self.loads.built(saved, built).await?,
            Built::Bad => {
                self.loads.catch_up().await?;
                let is_open = self.loads.pending.is_none() && self.loads.standing().await == Standing::Open;
                say(if is_open {
                    "the plugin's file is another all the same: the host takes up what is there"
                } else {
                    "the version before goes on serving"
                })?;
            }
            Built::Overtaken => return Ok(Rebuilt::Overtaken),
            Built::Stopped => return Ok(Rebuilt::Stopped),
        }
        Ok(Rebuilt::Done)
    }

    /// What cannot be played is said, and nothing else comes of it. Some: the host is to begin anew.
    async fn play(&self) -> Result<Option<Next>> {
        let Some(player) = self.player else { return Ok(None) };
        let play = tokio::select! {
            play = player.play() => play,
            () = self.desk.stop.cancelled() => return Ok(None),
        };
        match play {
            Ok(Play::Played(played)) => say_played(player, played)?,
            Ok(Play::OtherKey) => {
                say(&format!("the recorded changes have another key than table {}: the host begins anew", player.table))?;
                return Ok(Some(Next::Again(Instant::now())));
            }
            Err(error) => complain(&error),
        }
        Ok(None)
    }
}

impl Loads<'_> {
    /// What serves from the start.
    fn first(&mut self) {
        while let Ok(reload) = self.reloads.try_recv() {
            self.versions.hear(&reload);
        }
    }

    /// Whether it was news.
    async fn told(&mut self, reload: Reload) -> Result<bool> {
        let (Reload::Serves { plugin, .. } | Reload::Refused { plugin, .. }) = &reload;
        if !self.plugins.contains_key(plugin) || !self.versions.hear(&reload) {
            return Ok(false);
        }
        match reload {
            Reload::Serves { plugin, version } => {
                say(&match &self.pending {
                    Some(Pending { saved, built, loading }) => {
                        let took = [saved.elapsed(), *built, loading.elapsed()];
                        let [all, built, loaded] = took.map(|took| format!("{:.2} s", took.as_secs_f64()));
                        format!("serves {} {all} after the save: built in {built}, loaded in {loaded}", version.short())
                    }
                    None => format!("serves {}: {} has changed", version.short(), output::tame(&plugin)),
                })?;
                self.to_play = true;
            }
            Reload::Refused { plugin, reason, .. } => {
                output::line(&format!("error: {}: {}", output::tame(&plugin), output::tame(&reason)))?;
            }
        }
        self.is_pending().await;
        Ok(true)
    }

    async fn catch_up(&mut self) -> Result<bool> {
        let mut news = false;
        while let Ok(reload) = self.reloads.try_recv() {
            news |= self.told(reload).await?;
        }
        Ok(news)
    }

    /// A build was a good one: what it has made serves, was refused, or the host will say so.
    async fn built(&mut self, saved: Instant, built: Duration) -> Result<()> {
        self.pending = Some(Pending { saved, built, loading: Instant::now() });
        let news = self.catch_up().await?;
        let known = match self.standing().await {
            Standing::Open | Standing::Gone => return Ok(()),
            Standing::Serves => "serves already",
            Standing::Refused => "was refused before",
        };
        self.pending = None;
        if !news {
            say(&format!("built in {:.2} s: the plugin is the one that {known}", built.as_secs_f64()))?;
            self.to_play |= known == "serves already";
        }
        Ok(())
    }

    /// A file that was put back while the host looked is one of which it says nothing.
    async fn is_pending(&mut self) -> bool {
        if self.pending.is_some() && matches!(self.standing().await, Standing::Serves | Standing::Refused) {
            self.pending = None;
        }
        self.pending.is_some()
    }

    async fn standing(&self) -> Standing {
        let mut held = Held::new();
        for (plugin, path) in self.plugins {
            held.insert(plugin.clone(), PluginSource::File(path.clone()).version().await);
        }
        self.versions.standing(&held)
    }
}

/// What came of a save.
enum Rebuilt {
    Done,
    Overtaken,
    Stopped,
}

pub(super) fn changes(count: u64) -> String {
    if count == 1 { "1 change".to_owned() } else { format!("{count} changes") }
}
