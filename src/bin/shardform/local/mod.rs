//! The local cloud as a process: where it is, whether it answers, starting and ending it.
//!
//! The address is `--listen`, else `SHARDFORM_LOCAL_LISTEN`, else 127.0.0.1:4510; each port has a state folder of its
//! own. Meets the local cloud only over HTTP and signals; never imports it.

mod error;
mod health;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

pub use error::LocalError;
pub use health::{Health, Report, health};

use crate::environment::Environment;
use crate::error::Error;
use crate::terminal::Terminal;

/// The variable that names another address.
pub const LISTEN_VARIABLE: &str = "SHARDFORM_LOCAL_LISTEN";
/// The address where none is named.
const DEFAULT_LISTEN: &str = "127.0.0.1:4510";
/// How long it may take to answer.
const UP_WITHIN: Duration = Duration::from_secs(20);
/// How long another's start is waited for when ours has ended: two may be started at the same moment.
const OTHER_WITHIN: Duration = Duration::from_millis(700);
/// How long it may take to end; it gives its nodes 40 seconds to save their data.
const GONE_WITHIN: Duration = Duration::from_secs(50);
const POLL: Duration = Duration::from_millis(40);
/// Lines of its output that an error shows.
const LAST_LINES: usize = 12;
/// As much of a log's end is looked at.
const TAIL_BYTES: u64 = 1 << 20;

/// The local cloud at one address.
#[derive(Clone, Debug)]
pub struct LocalCloud {
    /// Where it answers.
    pub listen: SocketAddr,
    folder: PathBuf,
}

/// `serve.json`: who serves from a state folder. Written by the local cloud itself.
#[derive(Debug, Deserialize)]
struct Serving {
    pid: u32,
}

/// Starts the local cloud unless it is up; answers with its URL.
pub async fn ensure(environment: &Environment, terminal: &Terminal) -> Result<String, Error> {
    let cloud = LocalCloud::find(None, environment)?;
    if matches!(health(cloud.listen).await, Health::Silent) {
        terminal.mention(&format!("starting the local cloud at {}", cloud.listen));
    }
    let (report, warnings) = cloud.start(environment).await?;
    // Without cache nodes nothing could be applied: better told before the plan than after half of it.
    if let Some(missing) = report.engine_missing {
        return Err(LocalError::NoEngine(missing).into());
    }
    warnings.iter().for_each(|warning| terminal.tell(warning));
    Ok(cloud.url())
}

impl LocalCloud {
    /// The local cloud at the address that is asked for.
    pub fn find(listen: Option<SocketAddr>, environment: &Environment) -> Result<Self, Error> {
        let listen = match (listen, environment.filled(LISTEN_VARIABLE)) {
            (Some(listen), _) => listen,
            (None, named) => {
                let text = named.unwrap_or(DEFAULT_LISTEN);
                text.parse().map_err(|_| LocalError::BadAddress(text.to_owned()))?
            }
        };
        if listen.port() == 0 {
            return Err(LocalError::BadAddress(listen.to_string()).into());
        }
        let folder = environment.state_folder().ok_or(Error::NoHome("XDG_STATE_HOME"))?;
        Ok(LocalCloud { listen, folder: folder.join(listen.port().to_string()) })
    }

    /// Where the AWS calls go.
    pub fn url(&self) -> String {
        format!("http://{}", health::reachable(self.listen))
    }

    /// Whether it is where everybody looks for it.
    pub fn is_at_default(&self) -> bool {
        DEFAULT_LISTEN.parse() == Ok(self.listen)
    }

    /// Its log; before it has one, its output.
    pub fn log_file(&self) -> PathBuf {
        let log = self.folder.join("serve.log");
        if log.is_file() { log } else { self.output_file() }
    }

    /// What it writes to standard output and error: how its start went.
    fn output_file(&self) -> PathBuf {
        self.folder.join("output.log")
    }

    /// Starts it unless it is up; answers with its report, and the warnings of a new one.
    pub async fn start(&self, environment: &Environment) -> Result<(Report, Vec<String>), LocalError> {
        match health(self.listen).await {
            Health::Up(report) => return Ok((report, Vec::new())),
            Health::Other(what) => return Err(LocalError::Taken(self.listen, what)),
            Health::Silent => {}
        }
        let executable = environment.executable.as_ref().ok_or(LocalError::NoExecutable)?;
        let mut child = self.spawn(executable)?;
        let began = Instant::now();
        while began.elapsed() < UP_WITHIN {
            if let Health::Up(report) = health(self.listen).await {
                return Ok((report, self.warnings()));
            }
            if child.try_wait().is_ok_and(|status| status.is_some()) {
                return self.of_another().await;
            }
            sleep(POLL).await;
        }
        end(child.id());
        Err(LocalError::NotUp {
            listen: self.listen,
            waited: UP_WITHIN,
            log: self.output_file(),
            lines: self.last_output(),
        })
    }

    /// Ours has ended. That may be because another one was started at the same moment, which is as good.
    async fn of_another(&self) -> Result<(Report, Vec<String>), LocalError> {
        let began = Instant::now();
        while began.elapsed() < OTHER_WITHIN {
            if let Health::Up(report) = health(self.listen).await {
                return Ok((report, Vec::new()));
            }
            sleep(POLL).await;
        }
        Err(LocalError::Ended { log: self.output_file(), lines: self.last_output() })
    }

    /// Detached: it outlives this program, and a Ctrl-C here is none of its business.
    fn spawn(&self, executable: &Path) -> Result<Child, LocalError> {
        let unusable = |source| LocalError::Folder(self.folder.clone(), source);
        std::fs::create_dir_all(&self.folder).map_err(unusable)?;
        let output = File::create(self.output_file()).map_err(unusable)?;
        let errors = output.try_clone().map_err(unusable)?;
        Command::new(executable)
            .args(["node", "serve", "--listen", &self.listen.to_string(), "--state-dir"])
            .arg(&self.folder)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(|source| LocalError::Spawn(executable.to_owned(), source))
    }

    /// Ends it; false: it was not up.
    pub async fn stop(&self) -> Result<bool, LocalError> {
        let report = match health(self.listen).await {
            Health::Up(report) => report,
            Health::Silent => return Ok(false),
            Health::Other(what) => return Err(LocalError::Taken(self.listen, what)),
        };
        let Some(pid) = self.serving().filter(|pid| *pid == report.pid) else {
            return Err(LocalError::NotOurs(self.listen, report.pid));
        };
        end(pid);
        let began = Instant::now();
        while began.elapsed() < GONE_WITHIN {
            // A process that nobody reaps still counts as there, so its own word that it ends is as good.
            let is_gone = !is_alive(pid) || self.serving() != Some(pid);
            if is_gone && matches!(health(self.listen).await, Health::Silent) {
                return Ok(true);
            }
            sleep(POLL).await;
        }
        Err(LocalError::NotGone(pid, GONE_WITHIN))
    }

    fn serving(&self) -> Option<u32> {
        let text = std::fs::read(self.folder.join("serve.json")).ok()?;
        let serving: Serving = serde_json::from_slice(&text).ok()?;
        Some(serving.pid)
    }

    fn last_output(&self) -> Vec<String> {
        tail(&self.output_file(), LAST_LINES).unwrap_or_default().0
    }

    fn warnings(&self) -> Vec<String> {
        let lines = self.last_output();
        lines.into_iter().filter(|line| line.starts_with("warning:")).collect()
    }
}

/// The last lines of a file, and its length.
pub fn tail(path: &Path, count: usize) -> std::io::Result<(Vec<String>, u64)> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(count);
    Ok((lines.iter().skip(from).map(|line| (*line).to_owned()).collect(), length))
}

fn pid(pid: u32) -> Option<Pid> {
    // 0 and negative numbers would mean groups of processes.
    i32::try_from(pid).ok().filter(|pid| *pid > 0).and_then(Pid::from_raw)
}

/// One that is gone already needs no ending.
fn end(process: u32) {
    if let Some(pid) = pid(process) {
        let _ = kill_process(pid, Signal::TERM);
    }
}

fn is_alive(process: u32) -> bool {
    pid(process).is_some_and(|pid| test_kill_process(pid).is_ok())
}
