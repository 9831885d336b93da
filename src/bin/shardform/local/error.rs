//! What can go wrong with the local cloud.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Why the local cloud can't be started or ended.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// Not an address.
    #[error("`{0}` is not an address and a port, such as 127.0.0.1:4510")]
    BadAddress(String),
    /// Somebody else is at the address.
    #[error("{0} is taken by something that isn't the local cloud ({1})")]
    Taken(SocketAddr, String),
    /// The local cloud there was started in another way.
    #[error("the local cloud at {0} (process {1}) was not started from this user's state folder")]
    NotOurs(SocketAddr, u32),
    /// This program doesn't know its own file.
    #[error("the system doesn't tell this program's own file, which the local cloud is started from")]
    NoExecutable,
    /// The state folder can't be used.
    #[error("can't use the folder {}: {}", .0.display(), .1)]
    Folder(PathBuf, io::Error),
    /// The process can't be started.
    #[error("can't start {}: {}", .0.display(), .1)]
    Spawn(PathBuf, io::Error),
    /// It has ended by itself.
    #[error("the local cloud has ended at once{}", shown(.lines))]
    Ended {
        /// Its output.
        log: PathBuf,
        /// The last lines of it.
        lines: Vec<String>,
    },
    /// It doesn't answer.
    #[error("the local cloud doesn't answer at {listen} after {waited:?}{}", shown(.lines))]
    NotUp {
        /// Where.
        listen: SocketAddr,
        /// For how long.
        waited: Duration,
        /// Its output.
        log: PathBuf,
        /// The last lines of it.
        lines: Vec<String>,
    },
    /// It has nothing to start as cache nodes.
    #[error("the local cloud has nothing to run as cache nodes: {0}")]
    NoEngine(String),
    /// It doesn't end.
    #[error("the local cloud (process {0}) is still there after {1:?}")]
    NotGone(u32, Duration),
    /// There is no log.
    #[error("the local cloud has no log at {}: {}", .0.display(), .1)]
    NoLog(PathBuf, io::Error),
}

/// What the local cloud says itself, each line marked as its words.
fn shown(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n  | {line}")).collect()
}

impl LocalError {
    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            LocalError::BadAddress(_) => "`--listen` and SHARDFORM_LOCAL_LISTEN take a port other than 0",
            LocalError::Taken(..) => "choose another address with SHARDFORM_LOCAL_LISTEN, such as 127.0.0.1:4610",
            LocalError::NotOurs(..) => "end it where it was started",
            LocalError::NoExecutable => "start it by hand with `shardform node serve`",
            LocalError::Folder(..) => "XDG_STATE_HOME names another place for it",
            LocalError::Spawn(..) => "was the program replaced while it ran? Run it again",
            LocalError::Ended { log, .. } | LocalError::NotUp { log, .. } => {
                return Some(format!("all of its output is in {}", log.display()));
            }
            LocalError::NoEngine(_) => "then run this again",
            LocalError::NotGone(..) => "`shardform local logs` shows what it waits for",
            LocalError::NoLog(..) => "`shardform local start` starts it",
        };
        Some(hint.to_owned())
    }
}
