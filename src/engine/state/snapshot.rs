//! All databases as a snapshot, and a snapshot as databases.

use super::{Engine, Task};
use crate::engine::data::dict::Keyed;
use crate::engine::keyspace::Authority;
use crate::engine::rdb::{self, Entry, Item, Limits, Meta, Options, RdbError, Reader, Writer};

/// How much is handed on at once, bytes.
const PIECE: usize = 1024 * 1024;

/// Remarks in a snapshot: names and values.
pub type Remarks = Vec<(Vec<u8>, Vec<u8>)>;

/// What is remembered of snapshots on disk.
#[derive(Clone, Debug)]
pub struct Snapshots {
    /// When the last one was written, seconds since the epoch.
    pub last_save: i64,
    /// How many changes there were by then.
    pub dirty_then: u64,
    /// Changes that the one in progress has.
    pub dirty_at_begin: u64,
    /// One is being written in the background.
    pub in_progress: bool,
    /// Another one is to follow at once.
    pub scheduled: bool,
    /// The last one in the background was written well.
    pub last_was_good: bool,
    /// When the last one was tried, seconds since the epoch.
    pub last_try: i64,
    /// When the one in progress began, seconds since the epoch.
    pub begun: i64,
    /// How long the last one took, seconds; -1: none yet.
    pub last_duration: i64,
    /// How many were written.
    pub written: u64,
}

impl Default for Snapshots {
    fn default() -> Self {
        Snapshots {
            last_save: 0,
            dirty_then: 0,
            dirty_at_begin: 0,
            in_progress: false,
            scheduled: false,
            last_was_good: true,
            last_try: 0,
            begun: 0,
            last_duration: -1,
            written: 0,
        }
    }
}

impl Engine {
    /// Changes since the last snapshot on disk.
    pub fn changes_since_save(&self) -> u64 {
        self.keyspace.dirty.saturating_sub(self.snapshots.dirty_then)
    }

    /// Hands a snapshot of everything to `sink` piece by piece; `extra` are remarks such as the replication's id.
    ///
    /// # Errors
    /// What the sink says.
    pub fn write_snapshot<E>(
        &self,
        extra: &[(&str, String)],
        mut sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let set = &self.config.snapshot;
        let mut writer = Writer::new(Options { compress: set.compression, checksum: set.checksum });
        writer.start();
        writer.auxiliary(b"redis-ver", crate::engine::config::REDIS_VERSION.as_bytes());
        writer.auxiliary(b"redis-bits", b"64");
        writer.auxiliary(b"ctime", (self.now() / 1000).to_string().as_bytes());
        writer.auxiliary(b"used-mem", (self.outside.memory)().to_string().as_bytes());
        for (name, value) in extra {
            writer.auxiliary(name.as_bytes(), value.as_bytes());
        }
        writer.auxiliary(b"aof-base", b"0");
        for (number, database) in self.keyspace.databases().iter().enumerate() {
            if database.is_empty() {
                continue;
            }
            writer.database(number as u64, database.len() as u64, database.expires().len() as u64);
            for index in 0..u32::try_from(database.len()).unwrap_or(u32::MAX) {
                let entry = database.at(index);
                let meta = self.meta(entry.clock(), database.expires_at(index));
                rdb::lend(&entry.value, |value| writer.entry(entry.key(), meta, value));
                if writer.pending().len() >= PIECE {
                    sink(writer.pending())?;
                    writer.clear();
                }
            }
        }
        writer.end();
        sink(writer.pending())
    }

    fn meta(&self, mark: u32, expire_at_ms: Option<i64>) -> Meta {
        let (policy, clock) = (self.config.memory.policy, &self.keyspace.clock);
        Meta {
            expire_at_ms,
            idle_seconds: policy.is_least_recently_used().then(|| u64::from(clock.idle_seconds(mark))),
            frequency: policy.counts_uses().then(|| u8::try_from(clock.counter(mark)).unwrap_or(u8::MAX)),
        }
    }

    /// A snapshot of everything, whole.
    pub fn snapshot_bytes(&self, extra: &[(&str, String)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let written = self.write_snapshot(extra, |piece| {
            bytes.extend_from_slice(piece);
            Ok::<(), std::convert::Infallible>(())
        });
        let Ok(()) = written;
        bytes
    }

    /// Adds what a snapshot holds to the databases. Answers the remarks in it.
    ///
    /// # Errors
    /// It is no snapshot, or damaged; what came before the damage is there by then.
    pub fn load_snapshot(&mut self, mut pieces: impl FnMut() -> Vec<u8>) -> Result<Remarks, RdbError> {
        let mut reader = Reader::new(self.config.snapshot.checksum);
        let mut remarks = Vec::new();
        let authority = std::mem::replace(&mut self.keyspace.authority, Authority::Obeying);
        let selected = self.keyspace.selected;
        let loaded = loop {
            match reader.next() {
                Ok(Some(Item::Entry(entry))) => self.load_entry(entry, authority == Authority::Own),
                Ok(Some(Item::Auxiliary { name, value })) => remarks.push((name, value)),
                Ok(Some(Item::Resize { .. })) => {}
                Ok(Some(Item::End)) => break Ok(()),
                Ok(None) => {
                    let piece = pieces();
                    if piece.is_empty() {
                        break reader.finish();
                    }
                    reader.feed(&piece);
                }
                Err(error) => break Err(error),
            }
        };
        self.keyspace.authority = authority;
        self.keyspace.selected = selected;
        self.keyspace.events.clear();
        self.keyspace.deletions.clear();
        loaded.map(|()| remarks)
    }

    /// Takes one key of a snapshot over; an expired one only where somebody else decides when it goes.
    pub fn load_entry(&mut self, entry: Entry, drop_expired: bool) {
        if drop_expired && entry.expire_at_ms.is_some_and(|at| at < self.now()) {
            return;
        }
        let Some(number) = usize::try_from(entry.database).ok().filter(|it| *it < self.keyspace.databases().len())
        else {
            return;
        };
        let limits = Limits::new(&self.config.collections);
        let Some(value) = rdb::take(entry.value, &limits) else { return };
        self.keyspace.selected = number;
        self.keyspace.set(&entry.key, value, false);
        if entry.expire_at_ms.is_some() {
            self.keyspace.set_expiry(&entry.key, entry.expire_at_ms);
        }
        self.set_mark(&entry.key, entry.idle_seconds, entry.frequency);
    }

    /// Sets how long a key was not used, or how often it is.
    pub fn set_mark(&mut self, key: &[u8], idle_seconds: Option<u64>, frequency: Option<u8>) {
        let clock = &self.keyspace.clock;
        let mark = match (idle_seconds, frequency) {
            (_, Some(counter)) if clock.is_lfu() => clock.mark_of_counter(counter),
            (Some(idle), _) if !clock.is_lfu() => clock.mark_of_idle(u32::try_from(idle).unwrap_or(u32::MAX)),
            _ => return,
        };
        if let Some(index) = self.keyspace.database().find(key) {
            self.keyspace.database_mut().at_mut(index).set_clock(mark);
        }
    }

    /// Writes a snapshot to the disk at once.
    ///
    /// # Errors
    /// What the system says.
    pub fn save(&mut self) -> Result<(), String> {
        let path = self.config.snapshot.dbfilename.clone();
        self.snapshots.last_try = self.now() / 1000;
        let begun = (self.outside.now)();
        let mut file = (self.outside.create)(&path)?;
        self.write_snapshot(&self.snapshot_remarks(), |piece| file.write(piece))?;
        file.finish()?;
        self.snapshots.dirty_at_begin = self.keyspace.dirty;
        self.note_saved(((self.outside.now)() - begun) / 1_000_000);
        Ok(())
    }

    /// Begins to write a snapshot: it is made at once, and written by the edge meanwhile.
    pub fn save_in_background(&mut self) {
        self.snapshots.in_progress = true;
        self.snapshots.scheduled = false;
        self.snapshots.last_try = self.now() / 1000;
        self.snapshots.begun = self.now() / 1000;
        self.snapshots.dirty_at_begin = self.keyspace.dirty;
        let bytes = self.snapshot_bytes(&self.snapshot_remarks());
        self.tasks.push(Task::Save { file: self.config.snapshot.dbfilename.clone(), bytes });
    }

    /// A snapshot in the background has ended.
    pub fn saved_in_background(&mut self, outcome: &Result<(), String>) {
        self.look_at_clock();
        self.snapshots.in_progress = false;
        self.snapshots.last_was_good = outcome.is_ok();
        if outcome.is_ok() {
            self.note_saved(self.now() / 1000 - self.snapshots.begun);
        }
        if std::mem::take(&mut self.snapshots.scheduled) {
            self.save_in_background();
        }
    }

    fn note_saved(&mut self, seconds: i64) {
        let snapshots = &mut self.snapshots;
        snapshots.last_save = self.keyspace.now / 1000;
        snapshots.dirty_then = snapshots.dirty_at_begin;
        snapshots.last_duration = seconds;
        snapshots.last_was_good = true;
        snapshots.written += 1;
    }

    /// Begins a snapshot where so many changes have come in so much time that one is due.
    pub fn save_if_due(&mut self) {
        // A failed one is tried again, but not at once. Redis: CONFIG_BGSAVE_RETRY_DELAY.
        const RETRY_SECONDS: i64 = 5;
        if self.snapshots.in_progress || self.config.snapshot.save.is_empty() {
            return;
        }
        let (seconds, changes) = (self.now() / 1000, self.changes_since_save());
        let waited = seconds - self.snapshots.last_save;
        let rested = self.snapshots.last_was_good || seconds - self.snapshots.last_try > RETRY_SECONDS;
        let due = self.config.snapshot.save.iter().any(|point| {
            i64::try_from(changes).is_ok_and(|changes| changes >= point.changes)
                && changes > 0
                && waited > point.seconds
        });
        if due && rested {
            self.save_in_background();
        }
    }
}
