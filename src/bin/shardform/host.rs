//! The stack's client host as a way in: which one it is, with which key it opens, and what a closed door means.
//!
//! Knows the plan file for its lines and what is live; starts nothing itself (`shardform::ssh` and `child` do).

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::net::SocketAddr;

use shardform::cloud::{CloudError, ErrorKind};
use shardform::keys::{KeyError, Temporary};
use shardform::observed::{Live, LiveInstance};
use shardform::secret::Secret;
use shardform::spec::SshSource;
use shardform::ssh::command::{Host, Ssh};
use shardform::ssh::pipe::SecretPipe;
use shardform::ssh::proxy::Proxy;
use shardform::ssh::{self, SshError, last_line};

use crate::environment::Environment;
use crate::error::{Error, Place, cloud_hint};
use crate::plan_file;
use crate::session::Session;

/// The variable that replaces `ssh`.
pub const SSH_VARIABLE: &str = "SHARDFORM_SSH";

/// A client host, with a key that opens it. A key that was made for this use goes with this value.
pub struct Door<'a> {
    session: &'a Session,
    ssh: Ssh,
    host: Host,
    temporary: Option<Temporary>,
}

/// Why there is no way in.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The variable can't be split into words.
    #[error("the environment variable {SSH_VARIABLE} is set, and is no command")]
    BadSsh,
    /// The local cloud has none.
    #[error("the local cloud runs no client host")]
    Local,
    /// None is planned, or none is live.
    #[error("{0}: this stack has no client host")]
    None(Place),
    /// It is not running.
    #[error("the client host {id} is {state}")]
    NotRunning {
        /// `i-…`
        id: String,
        /// As the cloud names it.
        state: String,
    },
    /// Nobody can reach it from outside.
    #[error("{at}: the client host {id} has no public address")]
    NoAddress {
        /// `i-…`
        id: String,
        /// Where the plan file says so, or could.
        at: Place,
    },
    /// A key for one use can't be had.
    #[error("no key for the client host: {0}")]
    Key(#[from] KeyError),
    /// The plan's key is not on this machine, and the cloud lends no other.
    #[error("the private key of the client host is not on this machine, and EC2 Instance Connect doesn't help: {0}")]
    NotLent(CloudError),
    /// `ssh` does not get in.
    #[error("{0}")]
    Closed(Box<Closed>),
    /// There is no redis-cli on it.
    #[error("there is no redis-cli on the client host {id}")]
    NoRedisCli {
        /// `i-…`
        id: String,
        /// The command that opens a shell there.
        shell: String,
    },
}

/// A door that `ssh` doesn't get through.
#[derive(Debug)]
pub struct Closed {
    /// The host, in words.
    who: String,
    /// Where the plan file lets nobody in, if that may be the cause.
    at: Option<Place>,
    /// What happened.
    error: SshError,
    /// What to do.
    hint: Option<String>,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = &self.at {
            write!(f, "{at}: ")?;
        }
        write!(f, "{}: {}", self.who, self.error)
    }
}

impl HostError {
    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            HostError::BadSsh => "set it to a command with arguments, such as `ssh -F my-config`, or unset it",
            HostError::Local => "its nodes answer on this machine: leave out `--via host` and `--shell`",
            HostError::None(_) => {
                "write `client: {}` into the plan file and apply it, or reach the cluster from its VPC"
            }
            HostError::NotRunning { state, .. } if state == "pending" => "it takes a minute: run the command again",
            HostError::NotRunning { .. } => "start it in the EC2 console, or run `shardform apply` for a new one",
            HostError::NoAddress { .. } => {
                "set `client.public_ip: true` (a new host comes in its place), or choose a public `client.subnet`"
            }
            HostError::Key(_) => return None,
            HostError::NotLent(error) => return cloud_hint(error),
            HostError::Closed(closed) => return closed.hint.clone(),
            HostError::NoRedisCli { shell, .. } => {
                return Some(format!(
                    "it is installed when the host first starts, which takes a minute or more: run the command again, or \
                     see /var/log/shardform-client.log there: {shell}"
                ));
            }
        };
        Some(hint.to_owned())
    }
}

/// The user's `ssh`, and where the keys of hosts are kept.
pub fn ssh(environment: &Environment) -> Result<Ssh, Error> {
    let folder = environment.state_folder().ok_or(Error::NoHome("XDG_STATE_HOME"))?;
    let made = std::fs::create_dir_all(&folder);
    made.map_err(|source| Error::File { verb: "make", path: folder.clone(), source })?;
    let ssh = Ssh::new(environment.filled(SSH_VARIABLE), folder.join("known_hosts"));
    ssh.ok_or_else(|| HostError::BadSsh.into())
}

/// Finds the client host, and a key that opens it: the plan's, or one for this use that EC2 Instance Connect makes it
/// accept.
///
/// # Errors
/// There is no host that can be reached, or no key for it.
pub async fn open<'a>(session: &'a Session, live: &Live, environment: &Environment) -> Result<Door<'a>, Error> {
    let ssh = ssh(environment)?;
    if session.local && environment.filled(SSH_VARIABLE).is_none() {
        return Err(HostError::Local.into());
    }
    let (instance, address) = find(session, live)?;
    let (key, temporary) = match session.private_key().await {
        Some(path) => (path, None),
        None => {
            let key = lend(session, instance, environment).await?;
            (key.path.clone(), Some(key))
        }
    };
    let key = std::path::absolute(&key).unwrap_or(key);
    let host = Host { id: instance.id.clone(), address, key };
    Ok(Door { session, ssh, host, temporary })
}

fn find<'a>(session: &Session, live: &'a Live) -> Result<(&'a LiveInstance, String), HostError> {
    let place = |path: &str| plan_file::place(&session.plan_file, path);
    let Some(instance) = live.instances.first() else {
        return Err(HostError::None(place("client")));
    };
    if instance.state != "running" {
        return Err(HostError::NotRunning { id: instance.id.clone(), state: instance.state.clone() });
    }
    match instance.public_address.clone().filter(|address| !address.is_empty()) {
        Some(address) => Ok((instance, address)),
        None => Err(HostError::NoAddress { id: instance.id.clone(), at: place("client.public_ip") }),
    }
}

/// A new key that the host accepts for a minute.
async fn lend(session: &Session, instance: &LiveInstance, environment: &Environment) -> Result<Temporary, Error> {
    let folder = environment.state_folder().ok_or(Error::NoHome("XDG_STATE_HOME"))?;
    let key = Temporary::generate(&folder.join("lent")).map_err(HostError::Key)?;
    let pushed = session.cloud.push_public_key(&instance.id, ssh::USER, &key.public_key).await;
    pushed.map_err(|error| match error.kind {
        ErrorKind::Configuration | ErrorKind::Unreachable => Error::Cloud(error),
        ErrorKind::Rejected | ErrorKind::Busy | ErrorKind::Unsupported => HostError::NotLent(error).into(),
    })?;
    Ok(key)
}

impl Door<'_> {
    /// The host in words.
    pub fn who(&self) -> String {
        format!("the client host {} ({})", self.host.id, self.host.address)
    }

    /// What there is to be said of the key, where it isn't the plan's.
    pub fn key_note(&self) -> &'static str {
        if self.temporary.is_some() { ", with a key from EC2 Instance Connect" } else { "" }
    }

    /// The command line of a script on the host.
    pub fn script(&self, terminal: bool, script: &OsStr) -> Vec<OsString> {
        self.ssh.run(&self.host, terminal, script)
    }

    /// The command line of a shell on the host.
    pub fn shell(&self, terminal: bool) -> Vec<OsString> {
        self.ssh.shell(&self.host, terminal)
    }

    /// Opens a SOCKS proxy through the host, at an address of this machine; port 0 is any that is free.
    pub async fn proxy(&self, listen: SocketAddr) -> Result<Proxy, HostError> {
        Proxy::open(&self.ssh, &self.host, listen).await.map_err(|error| self.closed(error))
    }

    /// Brings a secret onto the host, for whoever reads the pipe.
    pub async fn secret(&self, secret: &Secret) -> Result<SecretPipe, HostError> {
        SecretPipe::open(&self.ssh, &self.host, secret).await.map_err(|error| self.closed(error))
    }

    /// An error of `ssh` with what to do about it.
    pub fn closed(&self, error: SshError) -> HostError {
        let (at, hint) = match &error {
            SshError::Start { .. } => {
                (None, Some(format!("install OpenSSH's client, or name yours in {SSH_VARIABLE}")))
            }
            SshError::Ended { words } => self.cause(words),
            SshError::Silent { .. } => self.not_let_in(),
        };
        HostError::Closed(Box::new(Closed { who: self.who(), at, error, hint }))
    }

    /// redis-cli is not there.
    pub fn no_redis_cli(&self) -> HostError {
        let shell = format!("{} --shell", self.session.again.command("connect"));
        HostError::NoRedisCli { id: self.host.id.clone(), shell }
    }

    /// What the words of `ssh` mean: the line of the plan file that is the cause, and what to do.
    fn cause(&self, words: &str) -> (Option<Place>, Option<String>) {
        let last = last_line(words);
        let is_silent = ["timed out", "No route to host", "Network is unreachable"].iter().any(|w| last.contains(w));
        if is_silent {
            return self.not_let_in();
        }
        let hint = if last.contains("Connection refused") || last.contains("Connection reset") {
            "its ssh server doesn't answer yet: a new host takes a minute to start".to_owned()
        } else if words.contains("Host key verification failed") {
            let file = "known_hosts in shardform's state folder";
            format!(
                "its host key is not the one that it had: if that is right, remove the line {} from {file}",
                self.host.id
            )
        } else if last.contains("Permission denied") {
            self.not_accepted()
        } else if last.contains("Address already in use") || words.contains("cannot listen to port") {
            "somebody listens there already: choose another port with `--listen`".to_owned()
        } else {
            return (None, None);
        };
        (None, Some(hint))
    }

    /// Nobody answers: most likely its security group keeps this machine out.
    fn not_let_in(&self) -> (Option<Place>, Option<String>) {
        let spec = &self.session.plan_file.spec;
        let sources = spec.client.as_ref().and_then(|client| client.ssh_from.clone()).unwrap_or_default();
        let has_range = sources.iter().any(|source| matches!(source, SshSource::Cidr(_)));
        let at = plan_file::place(&self.session.plan_file, "client.ssh_from");
        let say = "write `ssh_from: [ec2-instance-connect, YOUR-ADDRESS/32]` below `client` (https://checkip.amazonaws.com \
                   tells your address), and run";
        let why = if has_range {
            "the host lets in only the addresses of `client.ssh_from`: yours may be another by now;"
        } else {
            "the host lets in only AWS's own service EC2 Instance Connect, not this machine:"
        };
        (Some(at), Some(format!("{why} {say} `{}`", self.session.again.command("apply"))))
    }

    fn not_accepted(&self) -> String {
        let key = self.host.key.display();
        if self.temporary.is_some() {
            return "the host doesn't take keys from EC2 Instance Connect: its image may lack it".to_owned();
        }
        format!(
            "the host doesn't take the key {key}, or the key has a passphrase that nobody was asked for: `ssh-add {key}` \
             keeps it open; if it is not this host's key, move it away, and EC2 Instance Connect is used"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_small_enough_to_be_handed_on() {
        assert!(size_of::<HostError>() <= 120 && size_of::<Error>() < 128, "{}", size_of::<Error>());
    }
}
