//! The operator's token: 256 random bits in a file that only its owner reads.
//!
//! Always holds: the token is never shown, and comparing with it takes the same time wherever the difference lies.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use subtle::ConstantTimeEq;

const RANDOM_BYTES: usize = 32;
/// Shorter ones can be guessed.
const CHARS_MIN: usize = 32;
const CHARS_MAX: usize = 4096;

#[derive(Clone)]
pub struct Token(Box<str>);

/// Each message ends with what to do.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("cannot read the token in {path}: {source}; make it readable for this user, or delete it to have a new one made")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write a token to {path}: {source}; make its folder writable for this user, with room on its disk")]
    Write { path: PathBuf, source: io::Error },
    #[error("{path} can be read by others (mode {mode:03o}); run `chmod 600 {path}`, or delete it to have a new token made")]
    Exposed { path: PathBuf, mode: u32 },
    #[error("{path} holds no token: 32 to 4096 printable ASCII characters without spaces; delete it to have a new one made")]
    Malformed { path: PathBuf },
    #[error("the system gives no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

impl Token {
    /// The token in `path`, or a new one written there with mode 0600.
    pub fn load_or_create(path: &Path) -> Result<Self, TokenError> {
        match File::open(path) {
            Ok(file) => Self::read(path, file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::create(path),
            Err(source) => Err(TokenError::Read { path: path.into(), source }),
        }
    }

    pub(crate) fn is(&self, offered: &str) -> bool {
        self.0.as_bytes().ct_eq(offered.as_bytes()).into()
    }

    fn read(path: &Path, file: File) -> Result<Self, TokenError> {
        let failed = |source| TokenError::Read { path: path.into(), source };
        let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(TokenError::Exposed { path: path.into(), mode });
        }
        let mut text = String::new();
        file.take(CHARS_MAX as u64 + 2).read_to_string(&mut text).map_err(failed)?;
        let token = text.trim_end();
        let fits = (CHARS_MIN..=CHARS_MAX).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_graphic());
        if fits { Ok(Self(token.into())) } else { Err(TokenError::Malformed { path: path.into() }) }
    }

    /// Written beside and linked into place, so that nobody ever reads half a token, nor loses the one that another process made meanwhile.
    fn create(path: &Path) -> Result<Self, TokenError> {
        let mut random = [0; RANDOM_BYTES];
        getrandom::fill(&mut random)?;
        let token: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let beside = path.with_extension(format!("{}.new", &token[..8]));
        let written = write_private(&beside, &token).and_then(|()| fs::hard_link(&beside, path));
        let _ = fs::remove_file(&beside);
        match written {
            Ok(()) => Ok(Self(token.into())),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let file = File::open(path).map_err(|source| TokenError::Read { path: path.into(), source })?;
                Self::read(path, file)
            }
            Err(source) => Err(TokenError::Write { path: path.into(), source }),
        }
    }
}

fn write_private(path: &Path, token: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{token}")?;
    file.sync_all()
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_made_once_and_for_the_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let made = Token::load_or_create(&path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.trim_end().len(), 64);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(Token::load_or_create(&path).unwrap().is(&made.0));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside the token");
        let other = Token::load_or_create(&folder.path().join("other")).unwrap();
        assert!(!other.is(&made.0));
        assert!(!format!("{made:?}").contains(&*made.0));
    }

    #[track_caller]
    fn check_refused(content: &str, mode: u32, message: &str) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = Token::load_or_create(&path).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
        assert!(content.len() < 9 || !error.contains(content), "{error}");
    }

    #[test]
    fn what_others_read_or_can_guess_is_refused() {
        check_refused(&"x".repeat(64), 0o644, "can be read by others (mode 644); run `chmod 600");
        check_refused("hunter2hunter2", 0o600, "holds no token");
        check_refused("", 0o600, "holds no token");
        check_refused(&format!("{} {}", "x".repeat(32), "y"), 0o600, "holds no token");
        check_refused(&"x".repeat(5000), 0o600, "holds no token");
    }

    #[test]
    fn a_token_of_the_operators_own_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let own = "correct-horse-battery-staple-0123456789";
        write_private(&path, own).unwrap();
        let token = Token::load_or_create(&path).unwrap();
        assert!(token.is(own));
        for wrong in ["", "correct", &own[1..], &format!("{own}x"), &own.to_uppercase()] {
            assert!(!token.is(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = Token::load_or_create(Path::new("/nonexistent/tripline/token")).unwrap_err().to_string();
        assert!(error.contains("/nonexistent/tripline/token"), "{error}");
    }
}
