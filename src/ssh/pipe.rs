//! A secret on its way to the client host: given to whoever first reads a named pipe there.
//!
//! For a program at a terminal, whose standard input is the user's. Nothing of it is in a command line, in a file or in
//! the environment of anything but its reader.

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Child;

use super::SshError;
use super::command::{Host, Ssh, pipe_script};
use super::proxy::{OPENING, collect, ended, start};
use crate::secret::Secret;

/// An open pipe; it goes with this value, and with its reader.
#[derive(Debug)]
pub struct SecretPipe {
    /// Its path on the host.
    pub path: String,
    // Ended when it is dropped.
    _child: Child,
}

impl SecretPipe {
    /// Opens one.
    ///
    /// # Errors
    /// `ssh` can't be started, ends, or says nothing.
    pub async fn open(ssh: &Ssh, host: &Host, secret: &Secret) -> Result<Self, SshError> {
        let mut child = start(&ssh.batch(host, pipe_script().as_ref()))?;
        let words = tokio::spawn(collect(child.stderr.take()));
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(ended(words).await);
        };
        let opening = async {
            let mut lines = BufReader::new(output).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                // A shell may greet first.
                if line.starts_with('/') && line.ends_with("/pipe") {
                    return Some(line);
                }
            }
            None
        };
        match tokio::time::timeout(OPENING, opening).await {
            Ok(Some(path)) => {
                let line = format!("{}\n", secret.expose());
                let written = input.write_all(line.as_bytes()).await;
                drop(input);
                if written.is_err() {
                    return Err(ended(words).await);
                }
                Ok(SecretPipe { path, _child: child })
            }
            Ok(None) => Err(ended(words).await),
            Err(_) => Err(SshError::Silent { seconds: OPENING.as_secs() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_secret_is_given_to_one_reader_and_nothing_stays() {
        // A shell in the place of ssh and of the host: it runs the last argument, which is the script.
        let here = "sh -c 'for last; do :; done; echo welcome; exec sh -c \"$last\"' sh";
        let ssh = Ssh::new(Some(here), "/nowhere".into()).unwrap();
        let host = Host { id: "i-1".to_owned(), address: "203.0.113.7".to_owned(), key: "/nowhere".into() };
        let mut pipe = SecretPipe::open(&ssh, &host, &Secret::new("correct-horse-battery")).await.unwrap();
        assert_eq!(tokio::fs::read_to_string(&pipe.path).await.unwrap(), "correct-horse-battery\n");
        assert!(pipe._child.wait().await.unwrap().success());
        assert!(!std::path::Path::new(&pipe.path).parent().unwrap().exists());
    }
}
