//! The way to a file: the directories that its name and its symlinks lead through.
//!
//! Always holds: what lies in these directories decides what the file is; where one is missing, the nearest that stands is in its
//! stead, so that its coming is seen.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// As many as Linux follows.
const LINKS_MAX: usize = 40;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Way {
    /// Absolute, and without symlinks in them.
    pub(super) directories: BTreeSet<PathBuf>,
    /// What the file is called: by the path, and by the symlinks at its end.
    pub(super) names: BTreeSet<OsString>,
}

impl Way {
    pub(super) fn to(file: &Path) -> Self {
        let mut way = Self::default();
        // Where the working directory is gone, so is every relative path.
        let Ok(absolute) = std::path::absolute(file) else { return way };
        let mut ahead = steps(&absolute);
        let mut at = PathBuf::new();
        let mut links = 0;
        while let Some(step) = ahead.pop() {
            let place = if step == ".." { at.parent().unwrap_or(&at).to_owned() } else { at.join(&step) };
            if ahead.is_empty() {
                way.names.insert(step);
                way.directories.extend(standing(&at));
            }
            match std::fs::read_link(&place) {
                Ok(target) if links < LINKS_MAX => {
                    links += 1;
                    // Where a link lies, another may take its place.
                    way.directories.extend(standing(&at));
                    if target.is_absolute() {
                        at = PathBuf::new();
                    }
                    ahead.extend(steps(&target));
                }
                _ => at = place,
            }
        }
        way
    }
}

/// Last step first.
fn steps(path: &Path) -> Vec<OsString> {
    let steps = path.components().filter(|step| *step != Component::CurDir);
    steps.rev().map(|step| step.as_os_str().to_owned()).collect()
}

fn standing(directory: &Path) -> Option<PathBuf> {
    directory.ancestors().find(|directory| directory.is_dir()).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// `tree`: directories, and symlinks as `link -> target`. The way to `file`, both relative to the root of the tree.
    #[track_caller]
    fn check(tree: &[&str], file: &str, directories: &[&str], names: &[&str]) {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        for entry in tree {
            match entry.split_once(" -> ") {
                Some((link, target)) => symlink(target.replace("ROOT", root.to_str().unwrap()), root.join(link)).unwrap(),
                None => fs::create_dir_all(root.join(entry)).unwrap(),
            }
        }
        let expected = Way {
            directories: directories
                .iter()
                .map(|directory| if directory.is_empty() { root.clone() } else { root.join(directory) })
                .collect(),
            names: names.iter().map(OsString::from).collect(),
        };
        assert_eq!(Way::to(&root.join(file)), expected);
    }

    #[test]
    fn a_plain_path_leads_through_its_directory() {
        check(&["plugins"], "plugins/a.wasm", &["plugins"], &["a.wasm"]);
        check(&["plugins", "other"], "other/../plugins/./a.wasm", &["plugins"], &["a.wasm"]);
    }

    #[test]
    fn what_is_missing_is_awaited_in_the_nearest_that_stands() {
        check(&[], "plugins/deep/a.wasm", &[""], &["a.wasm"]);
        check(&["plugins", "current -> plugins/v1"], "current/a.wasm", &["", "plugins"], &["a.wasm"]);
    }

    #[test]
    fn symlinks_lead_on() {
        // A version's file.
        check(&["versions", "a.wasm -> versions/a-1.wasm"], "a.wasm", &["", "versions"], &["a.wasm", "a-1.wasm"]);
        // A Kubernetes volume.
        check(&["v1", "..data -> v1", "a.wasm -> ..data/a.wasm"], "a.wasm", &["", "v1"], &["a.wasm"]);
        // Directories, one after the other, and an absolute one.
        check(
            &["releases/v1", "plugins -> ROOT/releases/current", "releases/current -> v1"],
            "plugins/a.wasm",
            &["", "releases", "releases/v1"],
            &["a.wasm"],
        );
        check(&["a", "b/c", "a/up -> ../b/c"], "a/up/../x.wasm", &["a", "b"], &["x.wasm"]);
    }

    #[test]
    fn a_circle_ends() {
        check(&["x.wasm -> y.wasm", "y.wasm -> x.wasm"], "x.wasm", &[""], &["x.wasm", "y.wasm"]);
    }
}
