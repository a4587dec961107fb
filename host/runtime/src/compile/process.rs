//! The parent of a process that compiles: hands it the bytes, waits for so long, and says why it gave up.
//!
//! Always holds: no component keeps it waiting beyond the bound; a process that is not waited for any more is killed; the process inherits no
//! environment and no file but its three pipes. Whatever the component does to the compiler, it does not do it here.
//! Does not know what is written: `entry` and `trusted` look at it.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::cache::Output;
use super::entry::EngineKey;
use crate::load::LoadError;
use crate::text;

/// The hidden subcommand of the program that `compile_as_worker` stands behind.
const COMMAND: &str = "compile-worker";
/// Of what it says at its end.
const WORDS_BYTES_MAX: u64 = 16 * 1024;
const REASON_BYTES_MAX: usize = 1000;
/// Each thread has a heap of its own, and all of them count as memory.
const THREADS_MAX: usize = 8;
/// As low as a batch job's: what serves is not to feel it.
const BEHIND: i32 = 10;
/// Behind stdin, stdout and stderr.
const FIRST_OF_OTHERS: i32 = 3;
const SIGKILL: i32 = 9;
const SIGXCPU: i32 = 24;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompilerProcess {
    /// This program, whatever became of its file: `/proc/self/exe` on Linux.
    pub program: PathBuf,
    pub time_max: Duration,
    /// Of its address space.
    pub memory_bytes_max: u64,
}

/// Who comes first where processors are short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Priority {
    /// Nothing serves before it is compiled.
    Usual,
    /// Something serves meanwhile.
    Behind,
}

impl CompilerProcess {
    /// An entry of the component's code, in `output`.
    pub(super) async fn compile(&self, bytes: &[u8], key: &EngineKey, priority: Priority, output: Output) -> Result<Output, LoadError> {
        let started = output.handle().and_then(|file| self.start(key, priority, file));
        let child = started.map_err(|error| {
            LoadError::Compiler(format!(
                "the process that compiles plugins cannot be started ({} {COMMAND}): {error}: see whether this user may start another process",
                self.program.display()
            ))
        })?;
        let ended = tokio::time::timeout(self.time_max, talk(child, bytes)).await;
        let Ok(ended) = ended else {
            return Err(LoadError::TooSlow { took_max: self.time_max });
        };
        let (status, words) = ended.map_err(|error| LoadError::Compiler(format!("the process that compiles plugins is lost: {error}")))?;
        self.judge(status, &words)?;
        Ok(output)
    }

    fn start(&self, key: &EngineKey, priority: Priority, output: std::fs::File) -> std::io::Result<Child> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
        let nice = match priority {
            Priority::Usual => 0,
            Priority::Behind => BEHIND,
        };
        // What this program was started with may be open in it: ours never go along.
        close_fds::set_fds_cloexec(FIRST_OF_OTHERS, &[]);
        let mut command = Command::new(&self.program);
        command
            .arg0("tripline")
            .args([COMMAND, "--engine", &key.hex()])
            .args(["--seconds-max", &self.cpu_seconds_max(threads).to_string()])
            .args(["--bytes-max", &self.memory_bytes_max.to_string()])
            .args(["--nice", &nice.to_string()])
            // Credentials are in the environment.
            .env_clear()
            .envs(std::env::var_os("LD_LIBRARY_PATH").map(|path| ("LD_LIBRARY_PATH", path)))
            .env("RAYON_NUM_THREADS", threads.to_string())
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(Stdio::piped())
            // Ctrl-C in a terminal is for the host, which knows what to do.
            .process_group(0)
            .kill_on_drop(true);
        command.spawn()
    }

    /// Should this process be stopped meanwhile, the other ends by itself.
    fn cpu_seconds_max(&self, threads: usize) -> u64 {
        (self.time_max.as_secs() + 1).saturating_mul(threads as u64)
    }

    fn judge(&self, status: ExitStatus, words: &str) -> Result<(), LoadError> {
        let out_of_memory = ["memory allocation of", "os error 12", "out of memory"].iter().any(|sign| words.contains(sign));
        let has_no_room = ["os error 28)", "os error 122)"].iter().any(|sign| words.contains(sign));
        let said = text::one_line(words.trim(), REASON_BYTES_MAX);
        match (status.code(), status.signal()) {
            (Some(0), _) => Ok(()),
            (None, Some(SIGXCPU)) => Err(LoadError::TooSlow { took_max: self.time_max }),
            _ if out_of_memory => Err(LoadError::TooHungry { bytes_max: self.memory_bytes_max }),
            (Some(1), _) if has_no_room => Err(LoadError::NoRoom(said)),
            (Some(1), _) => Err(LoadError::Compile(said)),
            (None, Some(SIGKILL)) => Err(LoadError::Compiler(
                "the process that compiles plugins was killed: where the machine is short of memory, make room; touch the plugin's file, and it is tried again"
                    .to_owned(),
            )),
            _ => Err(LoadError::Compile(format!("the compiler ended with {status}: {said}"))),
        }
    }
}

/// Writes all that it is to compile, and reads what it says, until it ends.
async fn talk(mut child: Child, bytes: &[u8]) -> std::io::Result<(ExitStatus, String)> {
    let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
    let writing = async move {
        let mut stdin = stdin?;
        // One that ends before it has read all says why.
        let _ = stdin.write_all(&(bytes.len() as u64).to_le_bytes()).await;
        let _ = stdin.write_all(bytes).await;
        // Open until it has ended: closed, it says that nobody waits any more.
        Some(stdin)
    };
    let reading = async move {
        let mut words = Vec::new();
        if let Some(stderr) = stderr {
            // What is beyond is left in the pipe, and the process ended by its bounds should that be full.
            let _ = stderr.take(WORDS_BYTES_MAX).read_to_end(&mut words).await;
        }
        words
    };
    let (stdin, words) = tokio::join!(writing, reading);
    let status = child.wait().await;
    drop(stdin);
    Ok((status?, String::from_utf8_lossy(&words).into_owned()))
}
