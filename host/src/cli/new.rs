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
    let (shown, source) = (output::tame(&dir.display().to_string()), options.lang.source);
    let mut guide = format!("{shown} is there. Begin with {source}; README.md has every command:\n\n  cd {}", quoted(&shown));
    let test = format!("tripline test --trigger {} --events events.jsonl", options.name);
    for command in options.lang.commands.iter().copied().chain([&*test, "tripline dev"]) {
        guide.push_str("\n  ");
        guide.push_str(command);
    }
    if options.lang.name == "rust"
        && let Some((workspace, member)) = workspace_above(&dir)
    {
        let member = toml::Value::from(member.display().to_string());
        guide.push_str(&format!(
            "\n\n{} is a workspace. The project is none of it: where its `members` take it in, write exclude = [{member}] below [workspace] there",
            workspace.display()
        ));
    }
    output::line(&guide)
}

/// For a shell.
fn quoted(path: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+,:@%".contains(c);
    let path = if path.starts_with('-') { format!("./{path}") } else { path.to_owned() };
    if path.chars().all(is_plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

/// The manifest of cargo's workspace in which the folder lies, and the folder, from there.
fn workspace_above(dir: &Path) -> Option<(PathBuf, PathBuf)> {
    let dir = dir.canonicalize().ok()?;
    let is_workspace = |manifest: &PathBuf| {
        let text = std::fs::read_to_string(manifest).unwrap_or_default();
        text.parse::<toml::Table>().is_ok_and(|manifest| manifest.contains_key("workspace"))
    };
    let manifest = dir.ancestors().skip(1).map(|above| above.join("Cargo.toml")).find(is_workspace)?;
    let member = dir.strip_prefix(manifest.parent()?).ok()?.to_owned();
    Some((manifest, member))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_written_as_a_shell_reads_it() {
        for (path, expected) in
            [("order-counter", "order-counter"), ("sp ace", "'sp ace'"), ("it's", r"'it'\''s'"), ("-x", "./-x"), ("/tmp/a.b", "/tmp/a.b")]
        {
            assert_eq!(quoted(path), expected);
        }
    }

    #[test]
    fn a_workspace_above_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let project = root.join("crates/order-counter");
        std::fs::create_dir_all(&project).unwrap();
        let write = |path: &str, text: &str| std::fs::write(root.join(path), text).unwrap();
        write("crates/Cargo.toml", "[package]\nname = 'x'");
        write("crates/order-counter/Cargo.toml", "[workspace]");
        assert_eq!(workspace_above(&project), None);
        write("Cargo.toml", "[workspace]\nmembers = ['crates/*']");
        assert_eq!(workspace_above(&project), Some((root.join("Cargo.toml"), PathBuf::from("crates/order-counter"))));
    }
}
