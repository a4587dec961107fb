//! Who answers a command: the host that runs on the data directory, over its API; with none running, the directory itself.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tripline_admin::{Letters, Page, Question};

use super::ConfigFile;
use super::host_api::HostApi;
use crate::config::Config;
use crate::operate::offline::Offline;

#[derive(Args, Debug)]
pub(crate) struct Desk {
    #[command(flatten)]
    file: ConfigFile,
    /// The host's data directory; without it, the config file says where it is.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// What was answered, and by whom.
pub(crate) struct Answer<T> {
    pub(crate) value: T,
    /// A host that runs, not the directory alone.
    pub(crate) by_host: bool,
}

impl Desk {
    pub(crate) async fn ask<T: DeserializeOwned>(&self, question: Question) -> Result<Answer<T>> {
        let config = match &self.data_dir {
            // Who names the directory may have no config; who has one is asked of what is in it.
            Some(_) if !self.file.config.exists() => None,
            _ => Some(self.file.load().context("to find `data_dir` (or name it with --data-dir)")?),
        };
        let (value, by_host) = self.answer(config.as_ref(), question).await?;
        let value = serde_json::from_value(value).context("the answer is of another version of tripline: use the host's own")?;
        Ok(Answer { value, by_host })
    }

    async fn answer(&self, config: Option<&Config>, question: Question) -> Result<(Value, bool)> {
        let configured = config.map(|config| config.host.data_dir.clone());
        let data_dir = self
            .data_dir
            .clone()
            .or(configured)
            .context("there is no data directory: name it with --data-dir")?;
        if let Some(host) = HostApi::of(&data_dir).await? {
            return Ok((ask_host(host, &question).await?, true));
        }
        let needs_config =
            !matches!(question, Question::DeadLetters { .. } | Question::DeadLetter(_) | Question::Redrive(_) | Question::Drop(_));
        if config.is_none() && needs_config {
            bail!("no host runs on {}: name the config with -c, which says what triggers there are", data_dir.display());
        }
        let offline = Offline { config, data_dir: &data_dir };
        Ok((offline.ask(question).await.map_err(|failure| anyhow!(failure))?, false))
    }
}

async fn ask_host(host: HostApi, question: &Question) -> Result<Value> {
    let address = host.address;
    let (method, path, body) = request(question)?;
    let reply = host.send(method, &path, body.map(|body| body.to_string())).await?;
    let (status, text) = (reply.status, reply.text().await?);
    if status == StatusCode::OK {
        return serde_json::from_str(&text).with_context(|| format!("the host at {address} answered what is no JSON"));
    }
    #[derive(Deserialize)]
    struct Problem {
        detail: String,
    }
    match serde_json::from_str::<Problem>(&text) {
        Ok(problem) => Err(anyhow!(problem.detail)),
        Err(_) => bail!("the host at {address} answered {status}: {text}"),
    }
}

type Request = (Method, String, Option<Value>);

fn request(question: &Question) -> Result<Request> {
    let get = |path: String| Ok((Method::GET, format!("/api/v1{path}"), None));
    let post = |path: String, body: Value| Ok((Method::POST, format!("/api/v1{path}"), Some(body)));
    let letters = |path: &str, letters: &Letters| {
        letters.check().map_err(|reason| anyhow!(reason))?;
        post(path.to_owned(), serde_json::to_value(letters)?)
    };
    match question {
        Question::Triggers => get("/triggers".to_owned()),
        Question::Trigger(name) => get(format!("/triggers/{}", encoded(name.as_str()))),
        Question::Pause(name) => post(format!("/triggers/{}/pause", encoded(name.as_str())), json!({})),
        Question::Resume(name) => post(format!("/triggers/{}/resume", encoded(name.as_str())), json!({})),
        Question::Parallel(name, parallelism) => {
            post(format!("/triggers/{}/parallelism", encoded(name.as_str())), json!({ "parallelism": parallelism }))
        }
        Question::Rewind(name, wish) => post(format!("/triggers/{}/rewind", encoded(name.as_str())), serde_json::to_value(wish)?),
        Question::DeadLetter(id) => get(format!("/dead-letters/{id}")),
        Question::DeadLetters { trigger, pattern, page: Page { after, limit } } => {
            let mut path = format!("/dead-letters?limit={limit}");
            let texts = [("trigger", trigger.as_ref().map(|name| name.as_str())), ("pattern", pattern.as_deref())];
            for (name, text) in texts.into_iter().filter_map(|(name, text)| Some((name, text?))) {
                write!(path, "&{name}={}", encoded(text))?;
            }
            if let Some(after) = after {
                write!(path, "&after={after}")?;
            }
            get(path)
        }
        Question::Redrive(chosen) => letters("/dead-letters/redrive", chosen),
        Question::Drop(chosen) => letters("/dead-letters/drop", chosen),
        other => bail!("no command asks {other:?}"),
    }
}

/// For one segment of a path, or one value of a query.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
