//! The command line: what there is to say, and which function does it.

mod all_faults;
mod check;
mod compile_worker;
mod componentize;
mod data;
mod desk;
mod dlq;
mod filter;
pub(crate) mod host_api;
mod inspect;
mod mails;
mod new;
pub(crate) mod output;
mod run;
mod streams;
pub(crate) mod test;
mod triggers;
mod whole;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};
use tracing_subscriber::EnvFilter;

pub(crate) use run::StopSignals;

use crate::config::Config;
use crate::{demo, dev};
use all_faults::AllFaults;

const LOG: &str = "info,dynoxide=error";
/// `dev` says itself what plugins do.
const LOG_OF_DEV: &str = "warn,dynoxide=error,tripline::guest=off,tripline::trigger=off,tripline::plugin=off";
/// How long the process waits at its end for threads of its own that nobody waits for any more.
const ABANDON_MAX: Duration = Duration::from_millis(500);

/// WebAssembly triggers for DynamoDB Streams that you run yourself.
#[derive(Debug, Parser)]
#[command(name = "tripline", version, max_term_width = 100)]
pub struct Cli {
    /// What is logged to stderr, as in `info` or `tripline=debug,warn`.
    #[arg(long, global = true, env = "TRIPLINE_LOG", default_value = LOG, value_name = "FILTER")]
    log: String,
    /// How it is logged.
    #[arg(long, global = true, env = "TRIPLINE_LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service until SIGTERM or Ctrl-C.
    Run(ConfigFile),
    /// Verify the config and every plugin; say all faults in one go.
    Check(check::Options),
    /// See all of it work on this machine: two embedded DynamoDB regions, three plugins, live traffic.
    Demo(demo::Options),
    /// Make a plugin's project: a handler with its test, the SDK, a config, recorded changes.
    New(new::Options),
    /// Work on a plugin: a table, a build with every save, and what the plugin does, as it does it.
    Dev(dev::Options),
    /// Say what a plugin is: contract version, imports, size, which grants it asks for.
    Inspect(inspect::Options),
    /// Try a plugin on recorded changes: results, logs, state, mails and writes that it would make. Reaches no network.
    Test(test::Options),
    /// Say which recorded changes match a pattern and, of those that do not, why.
    Filter(filter::Options),
    /// Make a plugin of a core WebAssembly module: embed the contract, adapt WASI preview 1.
    Componentize(componentize::Options),
    /// Compiles one component from stdin to stdout, for a host, in bounds.
    #[command(hide = true)]
    CompileWorker(compile_worker::Options),
    /// What plugins have committed.
    #[command(subcommand)]
    State(StateCommand),
    /// Dead letters: changes that a trigger gave up on, kept whole.
    #[command(subcommand)]
    Dlq(dlq::Command),
    /// What the triggers do: list, pause, resume, rewind.
    #[command(subcommand)]
    Triggers(triggers::Command),
    /// Mail that plugins have asked for: what waits and why, what was sent, what was given up on.
    #[command(subcommand)]
    Mails(MailsCommand),
    /// Streams and their shards: list, describe, watch, turn on and off.
    #[command(subcommand)]
    Streams(streams::Command),
}

#[derive(Debug, Subcommand)]
enum StateCommand {
    /// Print counters, key-value state, outbox and checkpoints.
    Dump(data::DumpOptions),
}

#[derive(Debug, Subcommand)]
enum MailsCommand {
    /// List mails, newest first, without recipients and texts.
    List(mails::ListOptions),
    /// Print one mail with its recipients and texts.
    Show(mails::ShowOptions),
    /// Let mails that failed be tried again, as new. The host must not run.
    Retry(mails::RetryOptions),
}

#[derive(Args, Clone, Debug)]
pub(crate) struct ConfigFile {
    /// The config file.
    #[arg(short, long, default_value = "tripline.toml", value_name = "FILE")]
    pub(crate) config: PathBuf,
}

impl ConfigFile {
    pub(crate) fn load(&self) -> Result<Config> {
        let env = |name: &str| std::env::var(name).ok();
        Ok(Config::load(&self.config, &env)?)
    }

    /// For who loads the plugins too: where the config has faults, those of its plugins are told with them.
    pub(crate) async fn load_with_plugins(&self) -> Result<Config> {
        let env = |name: &str| std::env::var(name).ok();
        match Config::load_far(&self.config, &env) {
            Ok(config) => Ok(config),
            Err((faults, None)) => Err(faults.into()),
            Err((faults, Some(config))) => Err(AllFaults::of(faults, &config).await.into()),
        }
    }
}

/// The command failed, and has said why.
#[derive(Debug)]
pub struct Quiet;

impl fmt::Display for Quiet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the command failed")
    }
}

impl std::error::Error for Quiet {}

impl Cli {
    pub fn run(self) -> Result<()> {
        // Before anything is started: its bounds hold for the whole process.
        if let Command::CompileWorker(options) = &self.command {
            return compile_worker::run(options);
        }
        let is_dev = matches!(self.command, Command::Dev(_));
        let filter = if is_dev && self.log == LOG { LOG_OF_DEV } else { &self.log };
        start_logging(filter, self.log_format)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("cannot start the async runtime")?;
        let done = runtime.block_on(async {
            match self.command {
                Command::Run(options) => run::run(&options).await,
                Command::Check(options) => check::run(&options).await,
                Command::Demo(options) => demo::run(options).await,
                Command::New(options) => new::run(&options),
                Command::Dev(options) => dev::run(&options).await,
                Command::Filter(options) => filter::run(&options),
                Command::Inspect(options) => inspect::run(&options).await,
                Command::Test(options) => test::run(&options).await,
                Command::Componentize(options) => componentize::run(&options),
                Command::CompileWorker(options) => compile_worker::run(&options),
                Command::State(StateCommand::Dump(options)) => data::dump(&options),
                Command::Dlq(command) => dlq::run(&command).await,
                Command::Triggers(command) => triggers::run(&command).await,
                Command::Mails(MailsCommand::List(options)) => mails::list(&options),
                Command::Mails(MailsCommand::Show(options)) => mails::show(&options),
                Command::Mails(MailsCommand::Retry(options)) => mails::retry(&options).await,
                Command::Streams(command) => streams::run(&command).await,
            }
        });
        // What was abandoned may be in the midst of a compilation or a look-up of a name, which cannot be interrupted.
        runtime.shutdown_timeout(ABANDON_MAX);
        done
    }
}

/// Says on stderr why a command failed, with all causes.
#[allow(clippy::print_stderr, reason = "the command's last word, where logging may be off")]
pub fn complain(error: &anyhow::Error) {
    // A path or an answer may hold anything; lines are ours.
    let text: Vec<String> = format!("{error:#}").split('\n').map(output::tame).collect();
    eprintln!("error: {}", text.join("\n"));
}

/// Logs go to stderr: stdout is for what was asked.
fn start_logging(filter: &str, format: LogFormat) -> Result<()> {
    let filter =
        EnvFilter::try_new(filter).with_context(|| format!("--log: `{filter}` is no filter such as `info` or `tripline=debug,warn`"))?;
    // It warns of each request that is none, as many as a plugin makes.
    let filter = filter.add_directive("wasmtime_wasi_http=off".parse()?);
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Json => logs.json().flatten_event(true).init(),
        LogFormat::Text => logs.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init(),
    }
    Ok(())
}
