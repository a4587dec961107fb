//! Where a demo lives: a directory with two embedded regions, the config, the templates and the mails.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tripline_local::{Region, RegionConfig};

use crate::workload::{self, DATA_DIR, MAIL_DIR};

/// The regions stop when this is dropped; a temporary directory goes with it, unless it is kept.
#[derive(Debug)]
pub(super) struct Place {
    dir: PathBuf,
    home: Region,
    away: Region,
    temporary: RefCell<Option<TempDir>>,
}

impl Place {
    pub(super) fn prepare(dir: Option<PathBuf>, listen: &str) -> Result<Self> {
        let (dir, temporary) = match dir {
            Some(dir) => (claim(dir)?, None),
            None => {
                let temporary = tempfile::Builder::new()
                    .prefix("tripline-demo-")
                    .tempdir()
                    .context("cannot make a temporary directory")?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        let region = |name: &str| Region::start(RegionConfig::new(name, dir.join("regions")));
        let (home, away) = (region("eu-west-1")?, region("us-east-1")?);
        for (name, text) in workload::config_files(listen, &home.endpoint(), &away.endpoint()) {
            std::fs::write(dir.join(name), text).with_context(|| format!("cannot write {name} into {}", dir.display()))?;
        }
        Ok(Self { dir, home, away, temporary: RefCell::new(temporary) })
    }

    /// The directory stays when the demo ends.
    pub(super) fn keep(&self) {
        if let Some(temporary) = self.temporary.borrow_mut().take() {
            // The path is known already.
            let _ = temporary.keep();
        }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn config_file(&self) -> PathBuf {
        self.dir.join("tripline.toml")
    }

    pub(super) fn data_dir(&self) -> PathBuf {
        self.dir.join(DATA_DIR)
    }

    pub(super) fn mail_dir(&self) -> PathBuf {
        self.dir.join(MAIL_DIR)
    }

    /// What to look at while the live demo runs.
    pub(super) fn guide(&self, address: SocketAddr) -> String {
        let dir = self.dir.display();
        // `cargo xtask demo` puts no `tripline` on the path.
        let tripline = std::env::current_exe().map_or_else(|_| "tripline".to_owned(), |program| program.display().to_string());
        format!(
            "Tripline runs in {dir}\n\
             \n\
             People sign up, orders are placed, paid, shipped and deleted in eu-west-1 ({home}); three plugins follow:\n\
             \n\
             replicate  writes every order to us-east-1 ({away})\n\
             stats      counts orders by status and sums their totals by city\n\
             welcome    mails everybody who signs up\n\
             \n\
             Look at\n\
             \n\
             the config      {dir}/tripline.toml\n\
             metrics         curl http://{address}/metrics\n\
             the counters    {tripline} state dump --data-dir {dir}/data\n\
             the mails       ls {dir}/mail\n\
             the replica     aws dynamodb scan --table-name orders --region us-east-1 --endpoint-url {away}\n\
             \n\
             Ctrl-C stops it.\n",
            home = self.home.endpoint(),
            away = self.away.endpoint(),
        )
    }
}

/// A directory of one's own: what lies in another is not ours to write over.
fn claim(dir: PathBuf) -> Result<PathBuf> {
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let mut entries = std::fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))?;
    if entries.next().is_some() {
        bail!("{} is not empty: name a new directory with --dir, or leave --dir out", dir.display());
    }
    dir.canonicalize().with_context(|| format!("cannot resolve {}", dir.display()))
}
