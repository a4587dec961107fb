//! The ways in which a plugin's file gets another content: how tools write, and how those who deploy do.
//!
//! Always holds: once `replace` has returned, the path leads to the new content, whole. What it leads to before, and meanwhile, is as
//! each tool leaves it: the old one, the new one, half of it, or nothing.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use fastrand::Rng;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Written beside it and renamed over it: a careful build, rsync.
    RenameOver,
    /// `cargo build` and most compilers, in one go.
    TruncateAndWrite,
    /// The same by a slow writer: a pipe, a download.
    InPieces,
    /// Opened and closed for each piece: a shell's `>>`.
    Appended,
    /// `cp new plugin.wasm`.
    Copy,
    /// The name is a symlink to a version's file.
    VersionLink,
    /// A Kubernetes volume: the name leads through `..data`, which is swapped.
    ConfigMap,
    /// Renamed away as a backup, written anew, the backup removed.
    Vim,
    /// Copied as a backup, truncated and written.
    Emacs,
    /// cargo's last step: the name is removed, and made a hard link to a file elsewhere.
    HardLink,
    /// And then it comes back.
    Deleted,
    /// Its directory is removed with all that is in it, and made again.
    DirectoryAgain,
    /// Its directory is a symlink to a release's, which is swapped.
    Release,
}

impl Way {
    pub(crate) const ALL: [Self; 13] = [
        Self::RenameOver,
        Self::TruncateAndWrite,
        Self::InPieces,
        Self::Appended,
        Self::Copy,
        Self::VersionLink,
        Self::ConfigMap,
        Self::Vim,
        Self::Emacs,
        Self::HardLink,
        Self::Deleted,
        Self::DirectoryAgain,
        Self::Release,
    ];
}

/// A plugin's file: `root/live/counter.wasm`.
pub(crate) struct Replaced {
    root: PathBuf,
    /// Makes names that were not there before.
    count: u32,
}

async fn pause(random: &mut Rng, ms_max: u64) {
    tokio::time::sleep(Duration::from_millis(random.u64(..ms_max))).await;
}

impl Replaced {
    pub(crate) fn new(root: PathBuf, bytes: &[u8]) -> Self {
        let replaced = Self { root, count: 0 };
        fs::create_dir_all(replaced.directory()).unwrap();
        fs::write(replaced.path(), bytes).unwrap();
        replaced
    }

    fn directory(&self) -> PathBuf {
        self.root.join("live")
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory().join("counter.wasm")
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.directory().join(name)
    }

    pub(crate) async fn replace(&mut self, way: Way, bytes: &[u8], random: &mut Rng) {
        self.count += 1;
        let path = self.path();
        match way {
            Way::RenameOver => {
                fs::write(self.beside(".counter.new"), bytes).unwrap();
                fs::rename(self.beside(".counter.new"), path).unwrap();
            }
            Way::TruncateAndWrite => fs::write(path, bytes).unwrap(),
            Way::InPieces => in_pieces(&path, bytes, random, false).await,
            Way::Appended => in_pieces(&path, bytes, random, true).await,
            Way::Copy => {
                let elsewhere = self.root.join("built.wasm");
                fs::write(&elsewhere, bytes).unwrap();
                assert!(Command::new("cp").arg(elsewhere).arg(path).status().unwrap().success());
            }
            Way::VersionLink => {
                let version = format!("counter-{}.wasm", self.count);
                fs::write(self.beside(&version), bytes).unwrap();
                link_over(&version, &path);
            }
            Way::ConfigMap => self.config_map(bytes, random).await,
            Way::Vim => {
                fs::rename(&path, self.beside("counter.wasm~")).unwrap();
                pause(random, 300).await;
                fs::write(&path, bytes).unwrap();
                fs::remove_file(self.beside("counter.wasm~")).unwrap();
            }
            Way::Emacs => {
                fs::copy(&path, self.beside("counter.wasm~")).unwrap();
                fs::write(self.beside("#counter.wasm#"), bytes).unwrap();
                in_pieces(&path, bytes, random, false).await;
                fs::remove_file(self.beside("#counter.wasm#")).unwrap();
            }
            Way::HardLink => {
                let built = self.root.join(format!("deps-counter-{}.wasm", self.count));
                fs::write(&built, bytes).unwrap();
                fs::remove_file(&path).unwrap();
                fs::hard_link(built, path).unwrap();
            }
            Way::Deleted => {
                fs::remove_file(&path).unwrap();
                pause(random, 1500).await;
                fs::write(path, bytes).unwrap();
            }
            Way::DirectoryAgain => {
                self.remove_directory();
                pause(random, 1500).await;
                fs::create_dir(self.directory()).unwrap();
                pause(random, 300).await;
                fs::write(path, bytes).unwrap();
            }
            Way::Release => self.release(bytes),
        }
    }

    async fn config_map(&self, bytes: &[u8], random: &mut Rng) {
        let (name, link) = (format!("..{}", self.count), "..data/counter.wasm");
        fs::create_dir(self.beside(&name)).unwrap();
        fs::write(self.beside(&name).join("counter.wasm"), bytes).unwrap();
        let old = fs::read_link(self.beside("..data")).ok();
        link_over(&name, &self.beside("..data"));
        if fs::read_link(self.path()).ok().is_none_or(|target| target != Path::new(link)) {
            link_over(link, &self.path());
        }
        pause(random, 100).await;
        if let Some(old) = old {
            fs::remove_dir_all(self.directory().join(old)).unwrap();
        }
    }

    fn release(&self, bytes: &[u8]) {
        let release = format!("release-{}", self.count);
        fs::create_dir(self.root.join(&release)).unwrap();
        fs::write(self.root.join(&release).join("counter.wasm"), bytes).unwrap();
        if !self.directory().is_symlink() {
            // The first deployment of this kind, by hand.
            fs::rename(self.directory(), self.root.join(format!("before-{release}"))).unwrap();
        }
        link_over(&release, &self.directory());
    }

    fn remove_directory(&self) {
        let directory = self.directory();
        if directory.is_symlink() {
            let target = self.root.join(fs::read_link(&directory).unwrap());
            fs::remove_file(directory).unwrap();
            fs::remove_dir_all(target).unwrap();
        } else {
            fs::remove_dir_all(directory).unwrap();
        }
    }
}

/// Makes `link` a symlink to `target`, whatever it was before.
fn link_over(target: &str, link: &Path) {
    let beside = link.parent().unwrap().join(".link");
    symlink(target, &beside).unwrap();
    fs::rename(beside, link).unwrap();
}

/// With pauses, some longer than any that a watch could take for quiet.
async fn in_pieces(path: &Path, bytes: &[u8], random: &mut Rng, reopened: bool) {
    let mut file = fs::File::create(path).unwrap();
    let mut rest = bytes;
    while !rest.is_empty() {
        // None so small that it ends where a component could, but for its last sections: what is closed there is a plugin.
        let most = rest.len().min(bytes.len() / 3 + 1);
        let least = most.min(bytes.len() / 12 + 1);
        let (piece, after) = rest.split_at(random.usize(least..=most));
        file.write_all(piece).unwrap();
        rest = after;
        if reopened {
            drop(file);
            pause(random, 700).await;
            file = fs::OpenOptions::new().append(true).open(path).unwrap();
        } else {
            pause(random, 700).await;
        }
    }
}
