//! The same questions where no host runs: `data_dir` is opened, and written to under the lock that a host would hold.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tripline_admin::{Failure, Question, RewindWish};
use tripline_core::letter::Letters as _;
use tripline_core::name::TriggerName;
use tripline_core::port::{Store as _, StoredWay, StreamSource as _};
use tripline_core::signal::Silence;
use tripline_store::{OpenError, SqliteReader, SqliteStore};
use tripline_stream::Source;

use super::control::{choice, letters};
use super::known::{Known, Lives, json, unavailable};
use super::steer::{self, Rewinding};
use crate::aws::Aws;
use crate::clock;
use crate::config::Config;
use crate::sources;

/// `config`: none where only dead letters are asked for.
#[derive(Clone, Copy)]
pub(crate) struct Offline<'a> {
    pub(crate) config: Option<&'a Config>,
    pub(crate) data_dir: &'a Path,
}

impl Offline<'_> {
    pub(crate) async fn ask(self, question: Question) -> Result<Value, Failure> {
        match question {
            Question::Pause(name) => self.pause(name, true).await,
            Question::Resume(name) => self.pause(name, false).await,
            Question::Parallel(name, _) => {
                let known = self.known();
                known.trigger(&name)?;
                Err(Failure::Refused(format!("no host runs: set `parallelism` in [triggers.{name}], which the next start reads")))
            }
            Question::Rewind(name, wish) => self.rewind(name, wish).await,
            Question::Redrive(chosen) => {
                let store = self.open()?;
                let marked = letters(store.0.mark(choice(chosen), clock::now()).await);
                close(store).await?;
                marked
            }
            Question::Drop(chosen) => {
                let store = self.open()?;
                let dropped = letters(store.0.drop(choice(chosen)).await);
                close(store).await?;
                dropped
            }
            question => self.read(&question),
        }
    }

    fn known(self) -> Known {
        self.config.map(Known::of).unwrap_or_default()
    }

    fn read(self, question: &Question) -> Result<Value, Failure> {
        let reader = SqliteReader::open(self.data_dir).map_err(cannot_open)?;
        let nobody = || Err(Failure::Unavailable("only a running host knows that".to_owned()));
        self.known().answer(question, &reader, &Lives::new()).unwrap_or_else(nobody)
    }

    async fn pause(self, name: TriggerName, paused: bool) -> Result<Value, Failure> {
        let known = self.known();
        let trigger = known.trigger(&name)?;
        if !paused {
            steer::refuse_resume(&name, trigger)?;
        }
        let store = self.open()?;
        let written = store.0.pause(name.clone(), paused.then(clock::now)).await.map_err(unavailable);
        close(store).await?;
        written?;
        self.read(&Question::Trigger(name))
    }

    async fn rewind(self, name: TriggerName, wish: RewindWish) -> Result<Value, Failure> {
        if wish.dry_run {
            let reader = SqliteReader::open(self.data_dir).map_err(cannot_open)?;
            let ways = reader.ways(std::slice::from_ref(&name)).map_err(unavailable)?;
            return json(self.rewinding(&name, ways, &wish).await?.view);
        }
        // Before anything is looked at: no host can start meanwhile.
        let store = self.open()?;
        let written = async {
            let ways = store.0.ways(std::slice::from_ref(&name)).await.map_err(unavailable)?;
            let rewinding = self.rewinding(&name, ways, &wish).await?;
            store.0.rewind(rewinding.rewind).await.map_err(unavailable)?;
            json(rewinding.view)
        };
        let written = written.await;
        close(store).await?;
        written
    }

    async fn rewinding(self, name: &TriggerName, ways: Vec<StoredWay>, wish: &RewindWish) -> Result<Rewinding, Failure> {
        let known = self.known();
        let source = self.source(&known, name).await?;
        let way = ways
            .into_iter()
            .next()
            .ok_or_else(|| Failure::Unavailable("the store knows nothing of the trigger".to_owned()))?;
        let table = match &way.pin {
            Some(pin) => pin.stream.clone(),
            None => source.latest().await.map_err(|error| Failure::Unavailable(error.to_string()))?.arn,
        };
        steer::rewinding((&known, &source), way, &table, wish).await
    }

    async fn source(self, known: &Known, name: &TriggerName) -> Result<Source, Failure> {
        let stream = &known.trigger(name)?.stream;
        let config = self.config.and_then(|config| config.streams.get(stream));
        let config = config.ok_or_else(|| Failure::Missing(format!("the config has no stream {stream}")))?;
        let source = sources::source(&Aws::new(), config).await;
        source.ok_or_else(|| Failure::Unavailable(sources::no_region(&format!("streams.{stream}"))))
    }

    /// Takes the lock.
    fn open(self) -> Result<Opened, Failure> {
        if !self.data_dir.join("tripline.db").exists() {
            return Err(cannot_open(OpenError::NoDatabase { dir: self.data_dir.to_owned() }));
        }
        SqliteStore::open(self.data_dir, Arc::new(Silence)).map_err(cannot_open)
    }
}

type Opened = (SqliteStore, tripline_store::StoreThreads);

async fn close((store, threads): Opened) -> Result<(), Failure> {
    drop(store);
    threads.run().await.map_err(|error| Failure::Unavailable(error.to_string()))
}

fn cannot_open(error: OpenError) -> Failure {
    Failure::Unavailable(error.to_string())
}
