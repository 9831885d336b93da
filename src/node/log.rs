//! The log file in the state folder: one line an event, each with its time in UTC.
//!
//! Knows files and the clock; must not know what the lines mean.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

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
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs();
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let millis = since.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// Year, month and day of a count of days since 1970-01-01, in the Gregorian calendar. Years are counted from March,
/// so that the leap day is the last of its year.
fn date(days_since_1970: u64) -> (u64, u64, u64) {
    let days = days_since_1970 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_are_written_in_utc() {
        let at = |seconds: u64| timestamp(UNIX_EPOCH + Duration::from_millis(seconds * 1000 + 7));
        assert_eq!(at(0), "1970-01-01T00:00:00.007Z");
        assert_eq!(at(951_782_399), "2000-02-28T23:59:59.007Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00.007Z");
        assert_eq!(at(1_795_305_600), "2026-11-22T00:00:00.007Z");
    }
}
