//! What lasts: JSON files that are written whole or not at all, and the folder that one server has to itself.
//!
//! Knows files; must not know what is in them.

use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The control side's state in the state folder.
const STATE: &str = "state.json";
/// Who serves from the state folder now.
const SERVING: &str = "serve.json";
/// Held locked by whoever serves from the state folder.
const LOCK: &str = "lock";
/// How long who holds the folder and does not say that it serves may take: it is on its way out, or only looks.
const LETTING_GO: Duration = Duration::from_secs(2);

/// A file or folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refuses.
    #[error("can't {verb} {}: {error}", .path.display())]
    Io {
        /// What was tried, such as `write`.
        verb: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// A file is there, but is not what was written.
    #[error("{} can't be understood ({error}): move it away to start afresh, or put a sound copy in its place", .path.display())]
    Torn {
        /// Which file.
        path: PathBuf,
        /// What is wrong in it.
        error: serde_json::Error,
    },
    /// Another server works in the folder.
    #[error("another server{} works in {}: stop it, or choose another folder with --state-dir", .by.as_ref().map(|by| format!(" (process {}, at http://{})", by.pid, by.listen)).unwrap_or_default(), .folder.display())]
    Taken {
        /// Which folder.
        folder: PathBuf,
        /// Who, if it has said so yet.
        by: Option<Serving>,
    },
}

/// A server that is ready, as others find it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Serving {
    /// Its process id.
    pub pid: u32,
    /// Where its API answers.
    pub listen: SocketAddr,
    /// Since when, in UTC, such as `2026-01-31T23:59:59.123Z`.
    pub started_at: String,
}

/// The folder of one server, locked as long as this value lives.
#[derive(Debug)]
pub struct StateFolder {
    path: PathBuf,
    // The system unlocks it when the process ends, however it ends.
    _lock: File,
}

impl StateFolder {
    /// Makes the folder if need be, and locks it.
    pub fn open(path: &Path) -> Result<StateFolder, StoreError> {
        let failed = |verb| move |error| StoreError::Io { verb, path: path.to_owned(), error };
        std::fs::create_dir_all(path).map_err(failed("make the folder"))?;
        // One name for the folder, whatever links lead there: processes are known by their working directory.
        let path = path.canonicalize().map_err(failed("open the folder"))?;
        let lock = File::create(path.join(LOCK));
        let lock = lock.map_err(|error| StoreError::Io { verb: "write to", path: path.clone(), error })?;
        let began = Instant::now();
        let is_ending = || began.elapsed() < LETTING_GO && serving(&path).is_none();
        let mut locked = lock.try_lock();
        while matches!(locked, Err(TryLockError::WouldBlock)) && is_ending() {
            std::thread::sleep(Duration::from_millis(5));
            locked = lock.try_lock();
        }
        match locked {
            Ok(()) => Ok(StateFolder { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Taken { by: serving(&path), folder: path }),
            Err(TryLockError::Error(error)) => Err(StoreError::Io { verb: "lock", path: path.join(LOCK), error }),
        }
    }

    /// Where it is, as an absolute path without links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the state is saved.
    pub fn state_file(&self) -> PathBuf {
        self.path.join(STATE)
    }

    /// The state that was saved last; `None` if there is none yet.
    pub fn load_state<T: DeserializeOwned>(&self) -> Result<Option<T>, StoreError> {
        load(&self.state_file())
    }

    /// Saves the state.
    pub fn save_state<T: Serialize>(&self, state: &T) -> Result<(), StoreError> {
        save(&self.state_file(), state)
    }

    /// Lets others find this server.
    pub fn announce(&self, serving: &Serving) -> Result<(), StoreError> {
        save(&self.path.join(SERVING), serving)
    }

    /// Takes the announcement back.
    pub fn withdraw(&self) {
        let _ = std::fs::remove_file(self.path.join(SERVING));
    }
}

/// Who is said to serve from the folder at `path`; a server that was killed may still be named.
pub fn serving(path: &Path) -> Option<Serving> {
    load(&path.join(SERVING)).ok().flatten()
}

/// Whether a server works in the folder at `path` now.
pub fn is_locked(path: &Path) -> bool {
    let lock = File::open(path.join(LOCK));
    lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
}

/// Reads a value; `None` if there is no such file. A file that can't be understood is an error, never replaced.
pub fn load<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StoreError> {
    match std::fs::read(path) {
        Ok(bytes) => {
            let value = serde_json::from_slice(&bytes);
            value.map(Some).map_err(|error| StoreError::Torn { path: path.to_owned(), error })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::Io { verb: "read", path: path.to_owned(), error }),
    }
}

/// Writes a value so that whoever reads it, at whatever moment, finds the old one or the new one.
pub fn save<T: Serialize>(path: &Path, value: &T) -> Result<(), StoreError> {
    let write = || -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let new = path.with_extension("json.new");
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec_pretty(value)?)?;
        file.sync_all()?;
        std::fs::rename(&new, path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|error| StoreError::Io { verb: "write", path: path.to_owned(), error })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::test_folder::TestFolder;

    #[test]
    fn a_state_comes_back_as_it_was() {
        let test = TestFolder::new("store");
        let folder = StateFolder::open(test.path()).unwrap();
        assert_eq!(folder.load_state::<Vec<u8>>().unwrap(), None);
        folder.save_state(&vec![1, 2, 3]).unwrap();
        folder.save_state(&vec![4]).unwrap();
        assert_eq!(folder.load_state::<Vec<u8>>().unwrap(), Some(vec![4]));
        assert!(!test.path().join("state.json.new").exists());
    }

    #[test]
    fn a_torn_file_is_named_and_left_alone() {
        let test = TestFolder::new("torn");
        let folder = StateFolder::open(test.path()).unwrap();
        std::fs::write(test.path().join(STATE), "[1, 2").unwrap();
        let error = folder.load_state::<Vec<u8>>().unwrap_err().to_string();
        assert!(error.contains("state.json can't be understood"), "{error}");
        assert_eq!(std::fs::read_to_string(test.path().join(STATE)).unwrap(), "[1, 2");
    }

    #[test]
    fn half_written_news_do_not_count() {
        let test = TestFolder::new("half");
        let folder = StateFolder::open(test.path()).unwrap();
        folder.save_state(&7).unwrap();
        std::fs::write(test.path().join("state.json.new"), "8, but no").unwrap();
        assert_eq!(folder.load_state::<u8>().unwrap(), Some(7));
    }

    #[test]
    fn two_servers_never_share_a_folder() {
        let test = TestFolder::new("lock");
        let folder = StateFolder::open(test.path()).unwrap();
        assert!(is_locked(test.path()));
        let listen = SocketAddr::from(([127, 0, 0, 1], 4510));
        folder.announce(&Serving { pid: 42, listen, started_at: "now".to_owned() }).unwrap();
        let error = StateFolder::open(test.path()).unwrap_err().to_string();
        assert!(error.starts_with("another server (process 42, at http://127.0.0.1:4510) works in "), "{error}");
        folder.withdraw();
        assert_eq!(serving(test.path()), None);
        drop(folder);
        assert!(!is_locked(test.path()));
        StateFolder::open(test.path()).unwrap();
    }

    #[test]
    fn a_server_that_is_about_to_be_gone_is_waited_for() {
        let test = TestFolder::new("ending");
        let folder = StateFolder::open(test.path()).unwrap();
        let path = test.path().to_owned();
        let next = std::thread::spawn(move || StateFolder::open(&path).map(drop));
        std::thread::sleep(Duration::from_millis(20));
        drop(folder);
        next.join().unwrap().unwrap();
    }

    #[test]
    fn an_unusable_folder_is_named() {
        let test = TestFolder::new("unusable");
        let file = test.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = StateFolder::open(&file.join("below")).unwrap_err().to_string();
        assert!(error.starts_with("can't make the folder ") && error.contains("file/below"), "{error}");
    }
}
