//! A SOCKS proxy through the client host: a process of `ssh` that ends with its owner.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use super::SshError;
use super::command::{Host, READY, Ssh};

/// How long a proxy may take to open, all in all: longer than `ssh` itself tries to connect, as a jump host may be
/// on the way.
pub const OPENING: Duration = Duration::from_secs(30);
/// How much of a process's words is kept, in bytes.
const MOST_WORDS: u64 = 16 * 1024;
/// How often another port is tried: between finding a free one and listening there, somebody may take it.
const ATTEMPTS: usize = 3;

/// An open SOCKS5 proxy. It is gone when this value is dropped, and when this process ends, however that happens.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    words: JoinHandle<String>,
    // It ends when this is closed.
    _input: Option<ChildStdin>,
    // Kept so that the host never writes to nobody.
    _output: BufReader<ChildStdout>,
}

impl Proxy {
    /// Opens one at an address of this machine; port 0 is any that is free.
    ///
    /// # Errors
    /// `ssh` can't be started, ends, or says nothing for [`OPENING`]; also if somebody else listens there.
    pub async fn open(ssh: &Ssh, host: &Host, listen: SocketAddr) -> Result<Self, SshError> {
        if listen.port() != 0 {
            return Proxy::open_at(ssh, host, listen).await;
        }
        let mut attempt = 1;
        loop {
            match Proxy::open_at(ssh, host, free_port(listen.ip()).await?).await {
                Err(SshError::Ended { words }) if attempt < ATTEMPTS && is_taken(&words) => attempt += 1,
                done => return done,
            }
        }
    }

    async fn open_at(ssh: &Ssh, host: &Host, address: SocketAddr) -> Result<Self, SshError> {
        let mut child = start(&ssh.proxy(host, address))?;
        let input = child.stdin.take();
        let words = tokio::spawn(collect(child.stderr.take()));
        let Some(output) = child.stdout.take() else { return Err(ended(words).await) };
        let mut output = BufReader::new(output);
        match tokio::time::timeout(OPENING, is_ready(&mut output)).await {
            Ok(true) => Ok(Proxy { address, child, words, _input: input, _output: output }),
            Ok(false) => Err(ended(words).await),
            Err(_) => Err(SshError::Silent { seconds: OPENING.as_secs() }),
        }
    }

    /// Comes back when the proxy has ended by itself, with the words of `ssh`.
    pub async fn ended(&mut self) -> SshError {
        // Whatever the status is, it has ended.
        let _ = self.child.wait().await;
        let words = (&mut self.words).await.unwrap_or_default();
        SshError::Ended { words }
    }
}

/// Starts `ssh` in a group of its own: a Ctrl-C is meant for its owner, who may need it to tidy up.
pub(super) fn start(line: &[OsString]) -> Result<Child, SshError> {
    let (program, arguments) = line.split_first().map_or((OsString::from("ssh"), line), |(p, rest)| (p.clone(), rest));
    let started = Command::new(&program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn();
    started.map_err(|source| SshError::Start { program: program.to_string_lossy().into_owned(), source })
}

/// Whether the host says that the way is open. It may say something else before: what its shell greets with.
async fn is_ready(output: &mut BufReader<ChildStdout>) -> bool {
    let mut line = Vec::new();
    loop {
        line.clear();
        match output.take(MOST_WORDS).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return false,
            Ok(_) if line.trim_ascii() == READY.as_bytes() => return true,
            Ok(_) => {}
        }
    }
}

pub(super) async fn ended(words: JoinHandle<String>) -> SshError {
    SshError::Ended { words: words.await.unwrap_or_default() }
}

/// All that a process says, as far as anybody will read it.
pub(super) async fn collect(stream: Option<impl AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        // What can't be read any more has ended.
        let _ = (&mut stream).take(MOST_WORDS).read_to_end(&mut bytes).await;
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether `ssh` ended because somebody else listens there.
fn is_taken(words: &str) -> bool {
    words.contains("Address already in use") || words.contains("cannot listen to port")
}

async fn free_port(address: IpAddr) -> Result<SocketAddr, SshError> {
    let found = async { TcpListener::bind((address, 0)).await?.local_addr() };
    found.await.map_err(|source| SshError::Start { program: format!("a listener at {address}"), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

    /// A program in the place of `ssh`: a shell with this script.
    fn instead(script: &str) -> Ssh {
        Ssh::new(Some(&format!("sh -c '{script}' sh")), "/nowhere".into()).unwrap()
    }

    fn host() -> Host {
        Host { id: "i-1".to_owned(), address: "203.0.113.7".to_owned(), key: "/nowhere".into() }
    }

    #[tokio::test]
    async fn words_of_a_failure_are_kept() {
        let ssh = instead("echo Warning >&2; echo me@203.0.113.7: Permission denied >&2; exit 255");
        let error = Proxy::open(&ssh, &host(), ANY).await.unwrap_err();
        assert_eq!(error.to_string(), "me@203.0.113.7: Permission denied");
    }

    #[tokio::test]
    async fn who_is_not_there_cant_be_started() {
        let ssh = Ssh::new(Some("/nowhere/ssh"), "/nowhere".into()).unwrap();
        let error = Proxy::open(&ssh, &host(), ANY).await.unwrap_err();
        assert!(error.to_string().starts_with("can't start /nowhere/ssh: "), "{error}");
    }

    #[tokio::test]
    async fn it_ends_with_its_owner_and_tells_of_its_own_end() {
        let ssh = instead(&format!("echo hello; echo \"{READY}\"; echo gone >&2; cat"));
        let mut proxy = Proxy::open(&ssh, &host(), ANY).await.unwrap();
        let id = proxy.child.id().unwrap();
        assert!(std::path::Path::new(&format!("/proc/{id}")).exists() || !cfg!(target_os = "linux"));
        // Its input is closed, as by the end of this process.
        proxy._input = None;
        assert_eq!(proxy.ended().await.to_string(), "gone");
    }

    #[tokio::test]
    async fn another_port_is_tried_where_one_is_taken() {
        let folder = std::env::temp_dir().join(format!("shardform-proxy-{}", std::process::id()));
        let marker = folder.display();
        let script = format!(
            "if mkdir {marker} 2>/dev/null; then echo bind: Address already in use >&2; exit 255; \
             else echo \"{READY}\"; cat; fi"
        );
        let opened = Proxy::open(&instead(&script), &host(), ANY).await;
        let _ = std::fs::remove_dir(&folder);
        assert!(opened.is_ok(), "{opened:?}");
    }
}
