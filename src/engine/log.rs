//! The log: lines as redis-server writes them, since tools look for them. Knows nothing of what it is told.
//!
//! Times are in UTC, whatever the system's time zone is: what reads these lines on a build machine finds nothing else.

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

pub use crate::engine::config::choices::LogLevel;

/// Where a process stands when it writes a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It has not begun to serve, or it is a child that saves.
    Child,
    /// A primary.
    Primary,
    /// A replica.
    Replica,
}

impl Role {
    const ALL: [Self; 3] = [Self::Child, Self::Primary, Self::Replica];

    fn letter(self) -> char {
        match self {
            Self::Child => 'C',
            Self::Primary => 'M',
            Self::Replica => 'S',
        }
    }
}

/// A handle to the log; its clones write to the same one. Level and role can change while the engine runs.
#[derive(Clone, Debug)]
pub struct Log(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    level: AtomicU8,
    role: AtomicU8,
    /// The file to append to; `None` for standard output.
    file: Option<PathBuf>,
}

impl Log {
    /// A log to a file, or to standard output where its name is empty.
    pub fn new(level: LogLevel, file: &str) -> Self {
        let file = (!file.is_empty()).then(|| PathBuf::from(file));
        Self(Arc::new(Shared { level: AtomicU8::new(level as u8), role: AtomicU8::new(Role::Child as u8), file }))
    }

    /// Writes nothing below this level from now on.
    pub fn set_level(&self, level: LogLevel) {
        self.0.level.store(level as u8, Ordering::Relaxed);
    }

    /// Lines say this role from now on.
    pub fn set_role(&self, role: Role) {
        self.0.role.store(role as u8, Ordering::Relaxed);
    }

    /// Whether lines of this level are written: ask before a message that is dear to make.
    pub fn writes(&self, level: LogLevel) -> bool {
        level as u8 >= self.0.level.load(Ordering::Relaxed)
    }

    /// What only developers want to see.
    pub fn debug(&self, message: impl Display) {
        self.write(LogLevel::Debug, message);
    }

    /// What is rarely of use.
    pub fn verbose(&self, message: impl Display) {
        self.write(LogLevel::Verbose, message);
    }

    /// What happens in a day.
    pub fn notice(&self, message: impl Display) {
        self.write(LogLevel::Notice, message);
    }

    /// What must be seen.
    pub fn warning(&self, message: impl Display) {
        self.write(LogLevel::Warning, message);
    }

    /// Writes one line, if its level is high enough. A line that cannot be written is lost.
    pub fn write(&self, level: LogLevel, message: impl Display) {
        if self.writes(level) {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
            let role = Role::ALL[usize::from(self.0.role.load(Ordering::Relaxed)) % Role::ALL.len()];
            self.append(line(std::process::id(), role, now, level, &message.to_string()).as_bytes());
        }
    }

    /// Writes text as it is, if its level is high enough.
    pub fn raw(&self, level: LogLevel, text: &str) {
        if self.writes(level) {
            self.append(text.as_bytes());
        }
    }

    /// Opens the file for each line, as redis-server does, so that it can be moved away at any time.
    fn append(&self, text: &[u8]) {
        let _ = match &self.0.file {
            None => write_whole(io::stdout().lock(), text),
            Some(path) => {
                OpenOptions::new().append(true).create(true).open(path).and_then(|file| write_whole(file, text))
            }
        };
    }
}

fn write_whole(mut to: impl io::Write, text: &[u8]) -> io::Result<()> {
    to.write_all(text)?;
    to.flush()
}

/// `PID:ROLE DD Mon YYYY HH:MM:SS.mmm LEVEL message`, with its end of line. `now_ms` is since the epoch.
fn line(pid: u32, role: Role, now_ms: u64, level: LogLevel, message: &str) -> String {
    let sign = match level {
        LogLevel::Debug => '.',
        LogLevel::Verbose => '-',
        LogLevel::Notice => '*',
        LogLevel::Warning => '#',
    };
    format!("{pid}:{} {} {sign} {message}\n", role.letter(), time(now_ms))
}

fn time(now_ms: u64) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (year, month, day) = civil_date(now_ms / 86_400_000);
    let (seconds, ms) = (now_ms / 1000, now_ms % 1000);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let month = MONTHS[(month as usize - 1) % 12];
    format!("{day:02} {month} {year} {hour:02}:{minute:02}:{second:02}.{ms:03}")
}

/// Year, month and day of a day counted from 1 January 1970. Years begin in March here, so that the leap day is last.
fn civil_date(day: u64) -> (u64, u64, u64) {
    let day = day + 719_468;
    let (era, day_of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_redis_server_writes_them() {
        assert_eq!(
            line(12416, Role::Primary, 1_795_393_081_942, LogLevel::Warning, "Server initialized"),
            "12416:M 23 Nov 2026 00:18:01.942 # Server initialized\n"
        );
        assert_eq!(line(1, Role::Child, 0, LogLevel::Notice, "x"), "1:C 01 Jan 1970 00:00:00.000 * x\n");
    }

    #[test]
    fn leap_days_are_counted() {
        assert_eq!(civil_date(11_016), (2000, 2, 29));
        assert_eq!(civil_date(19_782), (2024, 2, 29));
        assert_eq!(civil_date(19_783), (2024, 3, 1));
        assert_eq!(civil_date(20_453), (2025, 12, 31));
    }

    #[test]
    fn a_log_to_a_file_keeps_its_level_and_role() {
        let path = std::env::temp_dir().join(format!("shardform-log-{}-{}", std::process::id(), line!()));
        let log = Log::new(LogLevel::Notice, path.to_str().unwrap());
        log.verbose("not this");
        log.notice("one");
        log.set_level(LogLevel::Warning);
        log.notice("nor this");
        log.set_role(Role::Replica);
        log.clone().warning("two");
        let written = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let ends: Vec<&str> = written.lines().map(|line| line.split_once(':').unwrap().1).collect();
        assert!(ends[0].starts_with("C ") && ends[0].ends_with(" * one"), "{ends:?}");
        assert!(ends[1].starts_with("S ") && ends[1].ends_with(" # two"), "{ends:?}");
        assert_eq!(ends.len(), 2);
    }

    #[test]
    fn levels_are_in_order() {
        let levels = [LogLevel::Debug, LogLevel::Verbose, LogLevel::Notice, LogLevel::Warning];
        assert!(levels.windows(2).all(|pair| (pair[0] as u8) < pair[1] as u8));
    }
}
