//! Private keys of client hosts: generated once, written to a file that only the owner can read, never sent anywhere.
//!
//! An edge: it touches files. It knows nothing of clouds; it hands out the public half alone. A generated key says in
//! its comment whose it is, and only such a key is ever removed: a file that a user has brought is only read.

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

/// The comment of a stack's generated private key, by which its file is known as the stack's own.
pub fn owner(account: &str, region: &str, stack: &str) -> String {
    format!("shardform {account}/{region}/{stack}")
}

/// The public key (OpenSSH's format, without a comment) of the private key in a file; the key is generated, with
/// `owner` for its comment, if there is no such file.
///
/// # Errors
/// The file can't be read, written or understood.
pub fn ensure(path: &Path, owner: &str) -> Result<String, KeyError> {
    match public_key(path) {
        Err(KeyError::File { source, .. }) if source.kind() == ErrorKind::NotFound => {}
        other => return other,
    }
    if let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
        made.map_err(|source| at(directory, source))?;
    }
    let mut key = PrivateKey::random(&mut OsRng, Algorithm::Ed25519).map_err(KeyError::Generate)?;
    key.set_comment(owner);
    let text = key.to_openssh(LineEnding::LF).map_err(KeyError::Generate)?;
    publish(path, text.as_bytes())?;
    // Whoever came first, this is what is in the file.
    public_key(path)
}

/// Removes the private key's file if it was generated for this owner and holds the private half of this public key.
/// Whether it did.
///
/// # Errors
/// The file is there and can't be removed.
pub fn remove_own(path: &Path, public_key_text: &str, owner: &str) -> Result<bool, KeyError> {
    let Ok(key) = read(path) else { return Ok(false) };
    let is_own = key.comment() == owner;
    if !is_own || without_comment(&public_half(path, &key)?) != without_comment(public_key_text) {
        return Ok(false);
    }
    match fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(at(path, source)),
        _ => Ok(true),
    }
}

/// A private key for one use, in a file that only the owner can read, and that goes with this value.
#[derive(Debug)]
pub struct Temporary {
    /// The file of the private half.
    pub path: PathBuf,
    /// The public half in OpenSSH's format, without a comment.
    pub public_key: String,
}

impl Temporary {
    /// Generates one into a new file of a folder, which is made if it isn't there.
    ///
    /// # Errors
    /// No key could be generated, or the file can't be written.
    pub fn generate(folder: &Path) -> Result<Self, KeyError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|source| at(folder, source))?;
        let key = PrivateKey::random(&mut OsRng, Algorithm::Ed25519).map_err(KeyError::Generate)?;
        let text = key.to_openssh(LineEnding::LF).map_err(KeyError::Generate)?;
        let path = folder.join(format!("key-{:016x}", OsRng.next_u64()));
        let public_key = public_half(&path, &key)?;
        write_new(&path, text.as_bytes()).map_err(|source| at(&path, source))?;
        Ok(Temporary { path, public_key })
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // If it can't be removed, a key stays that nobody accepts any more after a minute.
        let _ = fs::remove_file(&self.path);
    }
}

/// The public half of the private key in a file.
fn public_key(path: &Path) -> Result<String, KeyError> {
    public_half(path, &read(path)?)
}

fn read(path: &Path) -> Result<PrivateKey, KeyError> {
    let text = fs::read(path).map_err(|source| at(path, source))?;
    PrivateKey::from_openssh(text).map_err(|source| KeyError::Format { path: path.to_owned(), source })
}

fn public_half(path: &Path, key: &PrivateKey) -> Result<String, KeyError> {
    let mut key = key.public_key().clone();
    key.set_comment("");
    key.to_openssh().map_err(|source| KeyError::Format { path: path.to_owned(), source })
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

    const OWNER: &str = "shardform 123456789012/us-east-1/day19";

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
        let first = ensure(&path, OWNER).unwrap();
        assert!(first.starts_with("ssh-ed25519 AAAA"), "{first}");
        assert_eq!(ensure(&path, OWNER).unwrap(), first);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_temporary_key_goes_with_its_owner() {
        let scratch = Scratch::new();
        let key = Temporary::generate(&scratch.0).unwrap();
        assert!(key.public_key.starts_with("ssh-ed25519 AAAA"), "{}", key.public_key);
        assert_eq!(public_key(&key.path).unwrap(), key.public_key);
        assert_eq!(fs::metadata(&key.path).unwrap().permissions().mode() & 0o777, 0o600);
        let path = key.path.clone();
        drop(key);
        assert!(!path.exists());
    }

    #[test]
    fn many_at_once_end_up_with_one_key() {
        let scratch = Scratch::new();
        let path = scratch.0.join("key.pem");
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let path = path.clone();
                std::thread::spawn(move || ensure(&path, OWNER).unwrap())
            })
            .collect();
        let keys: std::collections::BTreeSet<String> = threads.into_iter().map(|one| one.join().unwrap()).collect();
        assert_eq!(keys.len(), 1);
        assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1);
    }

    #[test]
    fn only_the_matching_key_of_the_same_stack_is_removed() {
        let scratch = Scratch::new();
        let path = scratch.0.join("key.pem");
        let public = ensure(&path, &owner("123456789012", "us-east-1", "day19")).unwrap();
        let other = ensure(&scratch.0.join("other.pem"), OWNER).unwrap();
        assert!(!remove_own(&path, &other, OWNER).unwrap());
        assert!(!remove_own(&path, &public, "shardform 123456789012/us-east-1/day20").unwrap());
        assert!(path.exists());
        assert!(remove_own(&path, &format!("{public} me@home\n"), OWNER).unwrap());
        assert!(!path.exists());
        assert!(!remove_own(&path, &public, OWNER).unwrap());
    }

    #[test]
    fn a_users_own_key_is_used_and_neither_changed_nor_removed() {
        let scratch = Scratch::new();
        fs::create_dir_all(&scratch.0).unwrap();
        for comment in ["", "me@home", "shardform 123456789012/us-east-1/day1"] {
            let path = scratch.0.join("id_ed25519");
            let mut key = PrivateKey::random(&mut OsRng, Algorithm::Ed25519).unwrap();
            key.set_comment(comment);
            let text = key.to_openssh(LineEnding::LF).unwrap();
            fs::write(&path, text.as_bytes()).unwrap();
            let public = ensure(&path, OWNER).unwrap();
            assert_eq!(without_comment(&key.public_key().to_openssh().unwrap()), without_comment(&public));
            assert!(!remove_own(&path, &public, OWNER).unwrap());
            assert_eq!(fs::read_to_string(&path).unwrap(), text.as_str());
        }
    }

    #[test]
    fn what_is_no_key_is_told_of_and_kept() {
        let scratch = Scratch::new();
        let path = scratch.0.join("key.pem");
        fs::create_dir_all(&scratch.0).unwrap();
        fs::write(&path, "my notes").unwrap();
        assert!(matches!(ensure(&path, OWNER), Err(KeyError::Format { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "my notes");
    }
}
