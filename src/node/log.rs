//! The log file in the state folder: one line an event, each with its time in UTC.
//!
//! Knows files and the clock; must not know what the lines mean.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use jiff::Timestamp;

/// Size in bytes at which the log is put aside when the program starts; one old file is kept.
const LARGEST_BYTES: u64 = 10 * 1024 * 1024;

/// A log that many can write to. Clones share the file.
#[derive(Clone, Debug, Default)]
pub struct Log {
    file: Option<Arc<Mutex<File>>>,
}

impl Log {
    /// Goes on at the end of the file at `path`.
    pub fn open(path: &Path) -> io::Result<Log> {
        if path.metadata().is_ok_and(|meta| meta.len() > LARGEST_BYTES) {
            std::fs::rename(path, path.with_extension("log.old"))?;
        }
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Log { file: Some(Arc::new(Mutex::new(file))) })
    }

    /// A log that keeps nothing.
    pub fn nowhere() -> Log {
        Log::default()
    }

    /// Writes one line. A log that can't be written must not stop what it tells of.
    pub fn line(&self, text: impl AsRef<str>) {
        let Some(file) = &self.file else { return };
        let line = format!("{} {}\n", timestamp(SystemTime::now()), text.as_ref());
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = file.write_all(line.as_bytes());
    }
}

/// Date and time in UTC with milliseconds, such as `2026-01-31T23:59:59.123Z`.
pub fn timestamp(time: SystemTime) -> String {
    // A clock that is set past what the calendar can write is no reason not to log.
    format!("{:.3}", Timestamp::try_from(time).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn times_are_written_in_utc() {
        let at = |seconds: u64| timestamp(UNIX_EPOCH + Duration::from_millis(seconds * 1000 + 7));
        assert_eq!(at(0), "1970-01-01T00:00:00.007Z");
        assert_eq!(at(951_782_399), "2000-02-28T23:59:59.007Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00.007Z");
        assert_eq!(at(1_795_305_600), "2026-11-22T00:00:00.007Z");
    }
}
