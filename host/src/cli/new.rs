//! `tripline new`: a plugin's project, whole, in a folder of its own.
//!
//! Always holds: an existing folder is not touched, and a project is there as a whole or not at all: it is made beside its place, and moved there.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use tripline_core::word::did_you_mean;
use tripline_starter::{LANGUAGES, Language};

use super::output;

#[derive(Args, Debug)]
pub(crate) struct Options {
    /// What it is called: the project, its trigger and, without --dir, its folder.
    name: String,
    /// rust, typescript, python or go.
    #[arg(long, value_name = "LANGUAGE", value_parser = language)]
    lang: &'static Language,
    /// The folder to make; NAME in the current one, unless it is said.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

fn language(text: &str) -> Result<&'static Language, String> {
    tripline_starter::language(text).ok_or_else(|| {
        let names = LANGUAGES.iter().map(|language| language.name);
        let known = LANGUAGES.iter().flat_map(|language| [language.name].into_iter().chain(language.aliases.iter().copied()));
        match did_you_mean(text, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!(
                "there is a project for {}; for any other language, write a component of the world that `tripline inspect` knows, as docs/plugins.md says",
                names.collect::<Vec<_>>().join(", ")
            ),
        }
    })
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let files = tripline_starter::project(options.lang, &options.name)?;
    let dir = options.dir.clone().unwrap_or_else(|| PathBuf::from(&options.name));
    place(&files, &dir)?;
    let mut guide =
        format!("{} is there. Begin with {}; README.md has every command:\n\n  cd {}", dir.display(), options.lang.source, dir.display());
    let test = format!("tripline test --trigger {} --events events.jsonl", options.name);
    for command in options.lang.commands.iter().copied().chain([&*test, "tripline dev"]) {
        guide.push_str("\n  ");
        guide.push_str(command);
    }
    output::line(&guide)
}

fn place(files: &[(String, String)], dir: &Path) -> Result<()> {
    // A dangling link is something too.
    if dir.symlink_metadata().is_ok() {
        bail!("{} is there already: choose another name, or another folder with --dir", dir.display());
    }
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let cannot = || format!("cannot make a folder in {}: make that folder first, and writable", parent.display());
    // Removed when dropped: what fails below leaves nothing behind.
    let made = tempfile::Builder::new().prefix(".tripline-new-").tempdir_in(parent).with_context(cannot)?;
    for (path, text) in files {
        let path = made.path().join(path);
        let write = || -> std::io::Result<()> {
            std::fs::create_dir_all(path.parent().unwrap_or(made.path()))?;
            std::fs::write(&path, text)
        };
        write().with_context(|| format!("cannot write {}", path.display()))?;
    }
    open_to_others(made.path())?;
    // Not over what somebody has put there meanwhile: a folder that is not empty refuses it.
    std::fs::rename(made.path(), dir).map_err(|error| anyhow!("cannot make {}: {error}", dir.display()))?;
    // It has moved: nothing is left to remove.
    let _ = made.keep();
    Ok(())
}

/// A temporary folder is its owner's alone; a project is as readable as any folder that is made.
#[cfg(unix)]
fn open_to_others(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    // What the process's mask leaves of a new folder, seen at one of ours.
    let like = std::fs::metadata(folder.join("tripline-sdk"))?.permissions().mode();
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(like)).with_context(|| format!("cannot open {}", folder.display()))
}

#[cfg(not(unix))]
fn open_to_others(_: &Path) -> Result<()> {
    Ok(())
}
