//! Programs that tests run, and libraries, that the distribution has: taken from Debian packages into target/tools/debian where they are not installed.
//!
//! Always holds: needs no root and changes nothing outside the folder; the stamp of a package is written last, so one that is half there
//! is fetched again. The version is the distribution's own.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::command::{is_installed, program, run};

struct Package {
    name: &'static str,
    provides: Provides,
}

#[derive(Clone, Copy)]
enum Provides {
    /// In its usr/bin; what is on PATH will do.
    Programs(&'static [&'static str]),
    /// Somewhere below its usr/lib. Where, stands in a file `NAME.path` beside the stamps.
    Library(&'static str),
}

const PACKAGES: &[Package] = &[
    Package { name: "prometheus", provides: Provides::Programs(&["prometheus", "promtool"]) },
    Package { name: "libfaketime", provides: Provides::Library("libfaketime.so.1") },
];

/// Programs are then on PATH, or in `tools`/debian/usr/bin.
pub(crate) fn ensure(tools: &Path) -> Result<()> {
    let folder = tools.join("debian");
    PACKAGES.iter().try_for_each(|package| package.ensure(&folder))
}

impl Package {
    fn ensure(&self, folder: &Path) -> Result<()> {
        let stamp = folder.join(format!("{}.stamp", self.name));
        if self.is_there() || stamp.exists() {
            return Ok(());
        }
        if !is_installed("apt-get") || !is_installed("dpkg-deb") {
            bail!("{}", self.by_hand("there is no apt-get and dpkg-deb to fetch it with"));
        }
        let Some(archive) = self.download(folder)? else {
            bail!("{}", self.by_hand("apt-get cannot fetch it; what it says is above"));
        };
        run("tools", program("dpkg-deb").arg("-x").arg(archive).arg(folder))?;
        self.find(folder)?;
        // As large as what came of it, and needed no more.
        let _ = fs::remove_dir_all(folder.join("download"));
        fs::write(&stamp, "").with_context(|| format!("cannot write {}", stamp.display()))
    }

    fn is_there(&self) -> bool {
        match self.provides {
            Provides::Programs(names) => names.iter().all(|name| is_installed(name)),
            Provides::Library(_) => false,
        }
    }

    /// What was unpacked holds what is wanted of it.
    fn find(&self, folder: &Path) -> Result<()> {
        let missing = |name: &str| self.by_hand(&format!("the package has no {name}"));
        match self.provides {
            Provides::Programs(names) => match names.iter().find(|name| !folder.join("usr/bin").join(name).is_file()) {
                Some(name) => bail!("{}", missing(name)),
                None => Ok(()),
            },
            Provides::Library(name) => {
                let Some(library) = below(&folder.join("usr/lib"), name) else { bail!("{}", missing(name)) };
                let path = folder.join(format!("{name}.path"));
                fs::write(&path, library.to_string_lossy().as_bytes()).with_context(|| format!("cannot write {}", path.display()))
            }
        }
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
        let wanted = match self.provides {
            Provides::Programs(names) => format!("{} on PATH", names.join(" and ")),
            Provides::Library(name) => format!("{name} in {}", self.name),
        };
        format!(
            "tests need {wanted}, and {why}. On Debian or Ubuntu: `sudo apt-get install {}`; elsewhere, from the distribution or \
             the project's releases; then repeat",
            self.name
        )
    }
}

/// The file of this name, however deep.
fn below(folder: &Path, name: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.filter_map(Result::ok);
    let (folders, files): (Vec<_>, Vec<_>) = entries.map(|entry| entry.path()).partition(|path| path.is_dir());
    let found = files.into_iter().find(|file| file.file_name().is_some_and(|found| found == name));
    found.or_else(|| folders.iter().find_map(|folder| below(folder, name)))
}
