//! A program that gets the user's terminal: its keys, its output and its exit code pass through, as if it had been
//! started by itself.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};

use shardform::secret::Secret;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use crate::error::{EXIT_INTERRUPTED, Error};
use crate::interrupt::Interrupt;

/// How much of a program's words is kept, in bytes; the last ones.
const MOST_WORDS: usize = 16 * 1024;

/// A program to be run.
#[derive(Default)]
pub struct Program {
    /// The program and its arguments.
    pub line: Vec<OsString>,
    /// A line that is all it reads.
    pub secret_line: Option<Secret>,
}

/// How it has ended.
pub struct Ended {
    /// Its exit code; 128 and the signal's number where a signal ended it.
    pub code: u8,
    /// What it wrote to its standard error; the user has seen all of it but what ends `ssh`.
    pub words: String,
    /// Whether Ctrl-C was pressed.
    pub interrupted: bool,
}

/// Runs a program to its end. Ctrl-C is for the program; SIGTERM ends it and this one.
///
/// # Errors
/// It can't be started.
pub async fn run(program: Program, interrupt: &Interrupt) -> Result<Ended, Error> {
    let Some((name, arguments)) = program.line.split_first() else {
        return Err(Error::Usage("there is nothing to run"));
    };
    let input = if program.secret_line.is_some() { Stdio::piped() } else { Stdio::inherit() };
    let mut command = Command::new(name);
    command.args(arguments).stdin(input).stderr(Stdio::piped()).kill_on_drop(true);
    interrupt.hand_over();
    let started = command.spawn();
    let mut child = started.map_err(|source| Error::Start { program: name.to_string_lossy().into_owned(), source })?;
    if let (Some(mut input), Some(secret)) = (child.stdin.take(), &program.secret_line) {
        // Who doesn't read it says why.
        let _ = input.write_all(format!("{}\n", secret.expose()).as_bytes()).await;
    }
    let words = tokio::spawn(pass_on(child.stderr.take()));
    let status = tokio::select! {
        status = child.wait() => status,
        () = interrupt.pressed() => {
            end(&mut child).await;
            return Err(Error::Interrupted);
        }
    };
    // The key that has ended it is no news of an error.
    let interrupted = interrupt.keys().await > 0;
    let status = status.map_err(|source| Error::Start { program: name.to_string_lossy().into_owned(), source })?;
    Ok(Ended { code: code(status), words: words.await.unwrap_or_default(), interrupted })
}

/// Asks it to end, so that it can give the terminal back as it was.
async fn end(child: &mut tokio::process::Child) {
    let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(id) = id {
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        let _ = tokio::time::timeout(std::time::Duration::from_secs(2), child.wait()).await;
    }
}

fn code(status: ExitStatus) -> u8 {
    let number = status.code().or_else(|| Some(128 + status.signal()?));
    number.and_then(|number| u8::try_from(number).ok()).unwrap_or(EXIT_INTERRUPTED)
}

/// Passes on what comes as it comes, and keeps the end of it. What ends `ssh` is held back for the error's own line.
async fn pass_on(stream: Option<impl AsyncRead + Unpin>) -> String {
    let mut kept = Vec::new();
    let Some(mut stream) = stream else { return String::new() };
    let mut part = vec![0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut part).await {
        let shown: Vec<u8> = part[..length]
            .split_inclusive(|byte| *byte == b'\n')
            .filter(|line| !ends_ssh(line))
            .flatten()
            .copied()
            .collect();
        let _ = std::io::stderr().lock().write_all(&shown);
        kept.extend_from_slice(&part[..length]);
        if kept.len() > 2 * MOST_WORDS {
            kept.drain(..kept.len() - MOST_WORDS);
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// Whether a line is what `ssh` says when it gives up: it writes such a line at once, and ends.
fn ends_ssh(line: &[u8]) -> bool {
    let text = String::from_utf8_lossy(line);
    text.starts_with("ssh: ") || text.contains(": Permission denied (")
}
