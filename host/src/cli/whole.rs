//! Files that a command writes: whole or not at all, at the place that was named.
//!
//! Always holds: a link stays one, and what it leads to is written; a device or a pipe is written to, and never replaced.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

/// What there was to write to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    File,
    /// What is written there is not kept here, and may be stdout.
    Device,
}

/// Whoever watches the file never sees half of it. Errors do not name what was to take its place, which is another in each run.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<Target> {
    let place = match fs::metadata(path) {
        Ok(found) if !found.is_file() => {
            fs::OpenOptions::new().write(true).open(path)?.write_all(bytes)?;
            return Ok(Target::Device);
        }
        Ok(_) => path.canonicalize()?,
        // A link that leads nowhere yet.
        Err(_) if path.is_symlink() => {
            fs::write(path, bytes)?;
            return Ok(Target::File);
        }
        // What is wrong beyond that shows below.
        Err(_) => path.to_owned(),
    };
    replace(&place, bytes)?;
    Ok(Target::File)
}

fn replace(place: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(io::Error::new(io::ErrorKind::NotFound, format!("there is no folder {}", folder.display())));
    }
    let mut builder = tempfile::Builder::new();
    // As a compiler's output is, within what the user's umask lets pass.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let written = builder.tempfile_in(folder).and_then(|mut file| {
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(place).map(drop).map_err(|error| error.error)
    });
    written.map_err(|error| io::Error::from(error.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_stays_one() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("below")).unwrap();
        fs::write(at("below/there"), "before").unwrap();
        std::os::unix::fs::symlink("below/there", at("link")).unwrap();
        std::os::unix::fs::symlink("below/not yet", at("dangling")).unwrap();
        for (name, written) in [("link", "below/there"), ("dangling", "below/not yet"), ("dangling", "below/not yet"), ("new", "new")] {
            let text = format!("through {name}");
            assert_eq!(write(&at(name), text.as_bytes()).unwrap(), Target::File);
            assert_eq!(fs::read_to_string(at(written)).unwrap(), text);
        }
        assert!(at("link").is_symlink() && at("dangling").is_symlink());
        let mut left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["below", "dangling", "link", "new"]);
    }

    #[test]
    fn a_device_is_written_to() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("/dev/null", &link).unwrap();
        assert_eq!(write(&link, b"x").unwrap(), Target::Device);
        assert!(link.is_symlink());
        let error = write(dir.path(), b"x").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
        let error = write(&dir.path().join("nowhere/file"), b"x").unwrap_err().to_string();
        assert!(error.starts_with("there is no folder ") && error.ends_with("/nowhere"), "{error}");
    }
}
