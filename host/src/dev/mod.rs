//! `tripline dev`: an author's loop. A table, a build with every save, and what the plugin does, as it does it.
//!
//! Always holds: it runs the service that `tripline run` runs, which reloads plugins by itself. What is wrong, in a build, a config or a plugin, is said
//! and waits for a save; what served before goes on. What it starts ends with it.

mod build;
mod due;
mod items;
mod live;
mod once;
mod onlooker;
mod place;
mod play;
mod progress;
mod ready;
mod sources;
mod versions;

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::cli::{ConfigFile, Quiet, StopSignals, complain, output};
use crate::config::{Config, DevConfig};

use build::Built;
use due::{Made, Unrest};
use place::Place;
use sources::{Print, Sources};

#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// Recorded changes to play with each save, in place of those that `[dev]` names.
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Changes in a batch, at most, so that each change's logs are its own.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    batch: u16,
    /// Build, play the recorded changes, and exit: with 0 where all of them were handled.
    #[arg(long)]
    once: bool,
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    if options.events.as_deref() == Some(Path::new("-")) {
        bail!("--events -: recorded changes are played again with each save, and standard input is read once: name a file");
    }
    let mut signals = StopSignals::listen()?;
    let stop = CancellationToken::new();
    let working = work(options, stop.clone());
    tokio::pin!(working);
    tokio::select! {
        ended = &mut working => return ended,
        () = signals.next() => {}
    }
    stop.cancel();
    say("stopping: what is under way ends first; a second Ctrl-C ends at once")?;
    tokio::select! {
        ended = working => ended,
        () = signals.next() => bail!("stopped at the second signal, before what was under way had finished"),
    }
}

/// What comes after a session.
enum Next {
    /// Since something was saved then.
    Again(Instant),
    Done,
}

struct Desk<'o> {
    options: &'o Options,
    stop: CancellationToken,
    /// Made at the first need; its tables outlive a config.
    place: Option<Place>,
    /// The last build, where that was a good one.
    made: RefCell<Option<Made>>,
    unrest: Cell<Unrest>,
    /// When this session was asked for, and by what.
    begun: (Instant, &'static str),
}

/// What is said by this command, and not by a plugin or a build.
fn say(text: &str) -> Result<()> {
    output::line(&format!("-- {text}"))
}

async fn work(options: &Options, stop: CancellationToken) -> Result<()> {
    let begun = (Instant::now(), "the start");
    let mut desk = Desk { options, stop, place: None, made: RefCell::default(), unrest: Cell::default(), begun };
    while let Next::Again(saved) = desk.session().await? {
        desk.begun = (saved, "the save");
    }
    Ok(())
}

impl Desk<'_> {
    fn config_file(&self) -> &Path {
        &self.options.file.config
    }

    /// From a config, as it is now, until another is saved.
    async fn session(&mut self) -> Result<Next> {
        let (dev, data_dir) = match Config::load_dev(self.config_file()) {
            Ok(read) => read,
            Err(faults) => {
                let sources = Sources::new(vec![self.config_file().to_owned()], None);
                let print = sources.print();
                return self.until_saved(&faults.into(), &sources, &print).await;
            }
        };
        let sources = self.sources(&dev, &data_dir);
        let mut print = sources.print();
        // Before anything is built: another one may be at work on it.
        if self.place.is_none() {
            match Place::claim(&data_dir) {
                Ok(place) => self.place = Some(place),
                Err(error) => return self.until_saved(&error, &sources, &print).await,
            }
        }
        let mut took = None;
        if let Some(command) = dev.build.as_deref().filter(|command| self.is_due(command, &print, &dev)) {
            let (built, at) = self.build(command, &sources, &dev).await?;
            print = at;
            match built {
                Built::Good(built) => took = Some(built),
                Built::Bad => return self.until_saved(&anyhow::Error::msg("nothing serves yet"), &sources, &print).await,
                Built::Overtaken => return Ok(Next::Again(Instant::now())),
                Built::Stopped => return Ok(Next::Done),
            }
        }
        let stop = self.stop.clone();
        let ready = tokio::select! {
            ready = self.prepare(&dev) => ready,
            () = stop.cancelled() => return Ok(Next::Done),
        };
        match ready {
            Ok(ready) => self.serve(ready, (sources, print, took)).await,
            Err(error) => self.until_saved(&error, &sources, &print).await,
        }
    }

    fn sources(&self, dev: &DevConfig, data_dir: &Path) -> Sources {
        let paths = dev.watch.iter().cloned().chain([self.config_file().to_owned()]).chain(self.events(dev));
        Sources::new(paths.collect(), Some(data_dir))
    }

    fn events(&self, dev: &DevConfig) -> Option<PathBuf> {
        self.options.events.clone().or_else(|| dev.events.clone())
    }

    /// Says what is wrong, and waits for somebody to do something about it.
    async fn until_saved(&self, error: &anyhow::Error, sources: &Sources, print: &Print) -> Result<Next> {
        if !error.is::<Quiet>() {
            complain(error);
        }
        if self.options.once {
            return Err(Quiet.into());
        }
        say("waiting for a save")?;
        tokio::select! {
            saved = sources.changed(print) => Ok(Next::Again(saved.at)),
            () = self.stop.cancelled() => Ok(Next::Done),
        }
    }
}
