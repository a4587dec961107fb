//! Programs that tests run and the distribution has: taken from Debian packages into target/tools/debian where they are not installed.
//!
//! Always holds: needs no root and changes nothing outside the folder; the stamp of a package is written last, so one that is half there
//! is fetched again. The version is the distribution's own.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::command::{is_installed, program, run};

struct Package {
    name: &'static str,
    /// In its usr/bin.
    programs: &'static [&'static str],
}

const PACKAGES: &[Package] = &[Package { name: "prometheus", programs: &["prometheus", "promtool"] }];

/// Programs are then on PATH, or in `tools`/debian/usr/bin.
pub(crate) fn ensure(tools: &Path) -> Result<()> {
    let folder = tools.join("debian");
    PACKAGES.iter().try_for_each(|package| package.ensure(&folder))
}

impl Package {
    fn ensure(&self, folder: &Path) -> Result<()> {
        let stamp = folder.join(format!("{}.stamp", self.name));
        if self.programs.iter().all(|name| is_installed(name)) || stamp.exists() {
            return Ok(());
        }
        if !is_installed("apt-get") || !is_installed("dpkg-deb") {
            bail!("{}", self.by_hand("there is no apt-get and dpkg-deb to fetch them with"));
        }
        let Some(archive) = self.download(folder)? else {
            bail!("{}", self.by_hand("apt-get cannot fetch them; what it says is above"));
        };
        run("tools", program("dpkg-deb").arg("-x").arg(archive).arg(folder))?;
        if let Some(missing) = self.programs.iter().find(|name| !folder.join("usr/bin").join(name).is_file()) {
            bail!("{}", self.by_hand(&format!("the package has no {missing}")));
        }
        // As large as what came of it, and needed no more.
        let _ = fs::remove_dir_all(folder.join("download"));
        fs::write(&stamp, "").with_context(|| format!("cannot write {}", stamp.display()))
    }

    /// None: apt-get failed, and has said why.
    fn download(&self, folder: &Path) -> Result<Option<PathBuf>> {
        let downloads = folder.join("download");
        // An archive of another time would be taken for the new one.
        let _ = fs::remove_dir_all(&downloads);
        let lists = downloads.join("lists");
        let private = format!("Dir::State::Lists={}", lists.display());
        fs::create_dir_all(lists.join("partial")).with_context(|| format!("cannot make {}", lists.display()))?;
        let apt = |args: &[&str]| run("tools", program("apt-get").current_dir(&downloads).args(args)).is_ok();
        // A fresh image knows no packages: it gets lists of its own, since those of the system are root's.
        let done = apt(&["download", self.name]) || apt(&["update", "-o", &private]) && apt(&["download", "-o", &private, self.name]);
        if !done {
            return Ok(None);
        }
        let entries = fs::read_dir(&downloads).with_context(|| format!("cannot read {}", downloads.display()))?;
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        Ok(paths.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "deb")))
    }

    fn by_hand(&self, why: &str) -> String {
        format!(
            "tests need {} on PATH, and {why}. On Debian or Ubuntu: `sudo apt-get install {}`; elsewhere, from the distribution or \
             the project's releases; then repeat",
            self.programs.join(" and "),
            self.name
        )
    }
}
