//! A plugin on recorded changes: the machines of core that the host runs, with a clock that jumps, and recorders for everything outside.
//!
//! Always holds: what becomes of a change is decided by `Window` and `Lane`, the plugin is called by the runtime, and a mail is accepted by the
//! capability, as in a host; the same input gives the same answer, byte for byte; nothing is reached, and nothing is written.
//! Knows nothing of files and of the terminal, and prints nothing.

mod answers;
mod bound;
mod events;
mod expect;
mod fill;
mod keys;
mod members;
mod play;
mod reach;
mod show;
mod stage;
mod tables;
mod told;
mod value;
mod web;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tripline_capability::mail::{Mailer, MailerConfig, Transport};
use tripline_core::delivery::{Origin, Policy};
use tripline_core::effect::Mutation;
use tripline_core::name::StreamArn;
use tripline_core::port::{Grants, HttpClient, Mailbox, MetricSink, StateReader, TableTarget};
use tripline_runtime::{EngineConfig, Plugin, TriggerContext};

pub(crate) use answers::Answers;
pub(crate) use events::Events;
pub(crate) use expect::{Form, difference};
pub(crate) use told::Told;

use crate::config::TriggerConfig;
use crate::plugins;
use play::Play;
use stage::{Clock, Stage};
use tables::Table;
use web::Web;

/// Deliveries of a change, at most: a policy that allows more is cut here, and the change told as given up by the rehearsal.
const ATTEMPTS_MAX: u32 = 25;
/// Any would do; another one would change what every plugin that asks for randomness has been seen to do.
const SEED: u64 = 1;

/// An effect as it stands below its change, a line or more.
pub(crate) fn shown(mutation: Mutation) -> String {
    told::EffectTold::of(mutation, |_| false).to_string()
}

/// What is rehearsed.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) trigger: TriggerConfig,
    /// From of each mailer.
    pub(crate) senders: BTreeMap<Box<str>, String>,
    /// The followed table and its region; what is none, the recorded changes tell.
    pub(crate) table: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) answers: Arc<Answers>,
    /// Take machine code from the user's cache, and keep it there.
    pub(crate) cache: bool,
}

/// What becomes of each change, in the file's order.
pub(crate) async fn run(setup: &Setup, events: &Events) -> Result<Told> {
    let plugin = load(setup).await?;
    let (stage, clock) = (Arc::new(Stage::default()), Clock::default());
    let context = TriggerContext {
        clock: clock.shared(),
        seed: Some(SEED),
        ..plugins::context(&setup.trigger, grants(setup, &stage)?, stage.clone())
    };
    let origin = origin(setup, events.stream());
    plugins::probe(&setup.trigger, &plugin, &origin, &context).await.map_err(anyhow::Error::msg)?;
    // What it says to its probe it says to the host alone.
    drop(stage.take());
    let policy = policy(&setup.trigger.policy);
    let play = Play::new(&plugin, context, (stage, clock), (origin, policy), (events, &setup.trigger.filters));
    play.run(&setup.trigger.policy).await
}

/// Says what the plugin can ask for and is not granted.
async fn load(setup: &Setup) -> Result<Plugin> {
    let trigger = &setup.trigger;
    let engine = plugins::engine_of_command(EngineConfig { instances_max: 1 }, setup.cache)?;
    let loaded = match plugins::source(&trigger.plugin) {
        Ok(source) => source.load(&engine).await.map_err(|error| error.to_string()),
        Err(reason) => Err(reason),
    };
    let plugin = loaded.and_then(|plugin| plugins::check_pin(trigger, plugin));
    let plugin = plugin.map_err(|reason| anyhow::Error::msg(plugins::fault(trigger, &reason)))?;
    for (capability, granted) in plugins::asked_and_granted(&plugin, &trigger.grants) {
        if !granted {
            tracing::info!(grant = capability.as_grant(), "the plugin can ask for what it is not granted: such calls are denied");
        }
    }
    Ok(plugin)
}

fn grants(setup: &Setup, stage: &Arc<Stage>) -> Result<Grants> {
    let wanted = &setup.trigger.grants;
    let table = |name: &str| (name.into(), Arc::new(Table { name: name.into(), stage: stage.clone() }) as Arc<dyn TableTarget>);
    let mailer = |name: &str| -> Result<(Box<str>, Arc<dyn Mailbox>)> {
        let from = setup.senders.get(name).with_context(|| format!("mailer `{name}` has no sender"))?.clone();
        // A transport that is built without a look at the machine: nothing is sent.
        let transport = Transport::Sendmail { command: "/nothing/is/sent".into() };
        let mailer = Mailer::build(MailerConfig { name: name.to_string(), transport, from, rate_max: None })?;
        Ok((name.into(), Arc::new(mailer)))
    };
    let web = || Web {
        places: wanted.http.iter().map(|allowed| allowed.place.clone()).collect(),
        answers: setup.answers.clone(),
        stage: stage.clone(),
    };
    Ok(Grants {
        counters: wanted.counters,
        state: wanted.state.then(|| stage.clone() as Arc<dyn StateReader>),
        tables: wanted.tables.iter().map(|name| table(name)).collect(),
        reads: wanted.reads.iter().map(|name| table(name)).collect(),
        metrics: wanted.metrics.then(|| stage.clone() as Arc<dyn MetricSink>),
        mailers: wanted.mailers.iter().map(|name| mailer(name)).collect::<Result<_>>()?,
        http: (!wanted.http.is_empty()).then(|| Arc::new(web()) as Arc<dyn HttpClient>),
    })
}

/// `arn:aws:dynamodb:REGION:ACCOUNT:table/TABLE/stream/LABEL`.
fn origin(setup: &Setup, stream: &StreamArn) -> Arc<Origin> {
    let arn = stream.as_str();
    let region = arn.split(':').nth(3).filter(|region| !region.is_empty()).unwrap_or("us-east-1");
    let table = arn.split('/').nth(1).unwrap_or("test");
    Arc::new(Origin {
        trigger: setup.trigger.name.clone(),
        table: setup.table.as_deref().unwrap_or(table).into(),
        region: setup.region.as_deref().unwrap_or(region).into(),
        stream: stream.clone(),
        view: setup.trigger.view.clone(),
    })
}

/// The trigger's, but that recorded changes are as old as they are, and that a rehearsal ends.
fn policy(policy: &Policy) -> Policy {
    let attempts_max = policy.attempts_max.map_or(ATTEMPTS_MAX, |max| max.get().min(ATTEMPTS_MAX));
    Policy { attempts_max: std::num::NonZeroU32::new(attempts_max), age_max: Duration::MAX, ..policy.clone() }
}
