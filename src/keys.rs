//! Private keys of client hosts: generated once, written to a file that only the owner can read, never sent anywhere.
//!
//! An edge: it touches files. It knows nothing of clouds; it hands out the public half alone.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ssh_key::rand_core::{OsRng, RngCore};
use ssh_key::{Algorithm, LineEnding, PrivateKey};

/// Why a key can't be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file or its directory can't be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is there and holds no private key in OpenSSH's format.
    #[error("{}: not a private key in OpenSSH's format: {source}", path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: ssh_key::Error,
    },
    /// No key could be generated.
    #[error("no key could be generated: {0}")]
    Generate(#[source] ssh_key::Error),
}

/// Where a generated private key is kept unless the plan file says otherwise: one file for each account, region and
/// stack, so that stacks of the same name don't share a key.
pub fn default_path(key_dir: &Path, account: &str, region: &str, stack: &str) -> PathBuf {
    key_dir.join(format!("{account}-{region}-{stack}.pem"))
}

/// The public key (OpenSSH's format, without a comment) of the private key in a file; the key is generated if there
/// is no such file.
///
/// # Errors
/// The file can't be read, written or understood.
pub fn ensure(path: &Path) -> Result<String, KeyError> {
    match public_key(path) {
        Err(KeyError::File { source, .. }) if source.kind() == ErrorKind::NotFound => {}
        other => return other,
    }
    if let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
        made.map_err(|source| at(directory, source))?;
    }
    let key = PrivateKey::random(&mut OsRng, Algorithm::Ed25519).map_err(KeyError::Generate)?;
    let text = key.to_openssh(LineEnding::LF).map_err(KeyError::Generate)?;
    publish(path, text.as_bytes())?;
    // Whoever came first, this is what is in the file.
    public_key(path)
}

/// Removes the private key's file if it holds the private half of this public key. Whether it did.
///
/// # Errors
/// The file is there and can't be removed.
pub fn remove_if_matches(path: &Path, public_key_text: &str) -> Result<bool, KeyError> {
    let Ok(own) = public_key(path) else { return Ok(false) };
    if without_comment(&own) != without_comment(public_key_text) {
        return Ok(false);
    }
    match fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(at(path, source)),
        _ => Ok(true),
    }
}

/// The public half of the private key in a file.
fn public_key(path: &Path) -> Result<String, KeyError> {
    let format = |source| KeyError::Format { path: path.to_owned(), source };
    let text = fs::read(path).map_err(|source| at(path, source))?;
    let mut key = PrivateKey::from_openssh(text).map_err(format)?.public_key().clone();
    key.set_comment("");
    key.to_openssh().map_err(format)
}

fn at(path: &Path, source: io::Error) -> KeyError {
    KeyError::File { path: path.to_owned(), source }
}

/// Type and key of an OpenSSH public key, without its comment.
pub(crate) fn without_comment(key: &str) -> String {
    key.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

/// Puts a complete file at `path`, unless there is one: of two processes at once, both end up with the same file.
fn publish(path: &Path, content: &[u8]) -> Result<(), KeyError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{:016x}", OsRng.next_u64()));
    let temporary = path.with_file_name(name);
    let written = write_new(&temporary, content).map_err(|source| at(&temporary, source));
    // A hard link is the one way to give a file its name that never overwrites; some file systems have none.
    let linked = written.and_then(|()| match fs::hard_link(&temporary, path) {
        Err(source) if source.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(_) => write_new(path, content).map_err(|source| at(path, source)),
        Ok(()) => Ok(()),
    });
    // If it can't be removed, a file that only the owner can read stays behind; the key itself is in place.
    let _ = fs::remove_file(&temporary);
    linked
}

fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A directory of the test's own that goes with it.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new() -> Self {
            Scratch(std::env::temp_dir().join(format!("shardform-keys-{:016x}", OsRng.next_u64())))
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_key_is_made_once_and_only_its_owner_reads_it() {
        let scratch = Scratch::new();
        let path = default_path(&scratch.0.join("keys"), "123456789012", "us-east-1", "day19");
        let first = ensure(&path).unwrap();
        assert!(first.starts_with("ssh-ed25519 AAAA"), "{first}");
        assert_eq!(ensure(&path).unwrap(), first);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn many_at_once_end_up_with_one_key() {
        let scratch = Scratch::new();
        let path = scratch.0.join("key.pem");
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let path = path.clone();
                std::thread::spawn(move || ensure(&path).unwrap())
            })
            .collect();
        let keys: std::collections::BTreeSet<String> = threads.into_iter().map(|one| one.join().unwrap()).collect();
        assert_eq!(keys.len(), 1);
        assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1);
    }

    #[test]
    fn only_the_matching_key_is_removed() {
        let scratch = Scratch::new();
        let path = scratch.0.join("key.pem");
        let public = ensure(&path).unwrap();
        let other = ensure(&scratch.0.join("other.pem")).unwrap();
        assert!(!remove_if_matches(&path, &other).unwrap());
        assert!(path.exists());
        assert!(remove_if_matches(&path, &format!("{public} me@home\n")).unwrap());
        assert!(!path.exists());
        assert!(!remove_if_matches(&path, &public).unwrap());
    }

    #[test]
    fn what_is_no_key_is_told_of_and_kept() {
        let scratch = Scratch::new();
        let path = scratch.0.join("key.pem");
        fs::create_dir_all(&scratch.0).unwrap();
        fs::write(&path, "my notes").unwrap();
        assert!(matches!(ensure(&path), Err(KeyError::Format { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "my notes");
    }
}
