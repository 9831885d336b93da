//! Fills a new cluster with a snapshot's data: each file is loaded by an engine of its own that is no part of any
//! cluster, and its keys are copied to the primaries that own their slots.
//!
//! Any number of files goes to any number of shards. What is copied twice is the same as what is copied once, so that
//! it may be cut short anywhere and be done again from the beginning. Must not know when a cluster is to be filled.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::{RedisResult, Value, from_redis_value};
use tokio::process::{Child, Command};

use super::engine::Engine;
use super::process::{self, Process};
use super::reshard::Portion;
use super::resp::{Link, field};
use super::slot_set::SLOT_COUNT;
use super::snapshot::{Note, file_of};
use crate::node::wanted::{SlotRange, WantedData};

/// How the folders of these engines begin; they are in the cluster's folder.
const FOLDERS: &str = "restore-";
/// How many keys are asked for at a time.
const SCAN_COUNT: usize = 1000;
/// Longest time that one MIGRATE may take.
const MIGRATE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an engine may be silent that has just been started.
const SILENT_FOR: Duration = Duration::from_secs(20);
/// Between two looks at an engine that loads.
const LOADING_PAUSE: Duration = Duration::from_millis(20);
/// How long an engine that was left over may take to end before it is killed.
const END_GRACE: Duration = Duration::from_secs(1);
/// What FUNCTION DUMP gives where there are none: a version and a checksum.
const NO_FUNCTIONS: usize = 10;

/// Why a cluster is not filled, in words for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It may be better the next time.
    Passing(String),
    /// It will be the same each time.
    Lasting(String),
}

/// What a cluster is to be filled with, and how.
#[derive(Debug)]
pub struct Filling<'a> {
    /// Which data.
    pub data: &'a WantedData,
    /// The snapshot's folder.
    pub snapshot: PathBuf,
    /// The cluster's folder.
    pub cluster: &'a Path,
    /// The program that loads a file.
    pub engine: &'a Engine,
    /// Where it may listen.
    pub address: std::net::SocketAddr,
    /// The primaries with the slots that they own.
    pub owners: Vec<(Vec<SlotRange>, Link)>,
}

impl Filling<'_> {
    /// Copies all keys; answers with how many.
    pub async fn run(&self) -> Result<usize, Trouble> {
        let name = &self.data.snapshot;
        let note = Note::load(&self.snapshot).filter(|note| note.created == self.data.created);
        let note = note.ok_or_else(|| Trouble::Lasting(format!("the data of the snapshot {name} is not there")))?;
        end_left_over(self.cluster).await;
        let mut keys = 0;
        for shard in note.sizes.keys() {
            let folder = self.cluster.join(format!("{FOLDERS}{shard}"));
            let file = file_of(&self.snapshot, shard);
            let mut loader = self.load(&folder, &file).await?;
            let copied = self.copy(&Link::new(self.address)).await;
            let _ = loader.kill().await;
            remove(&folder);
            keys += copied.map_err(|error| Trouble::Passing(format!("the keys of {name} ({shard}): {error}")))?;
        }
        Ok(keys)
    }

    /// An engine that has loaded the file. It ends with the value that is answered.
    async fn load(&self, folder: &Path, file: &Path) -> Result<Child, Trouble> {
        remove(folder);
        let mut loader = self.start(folder, file).map_err(|error| {
            Trouble::Lasting(format!("an engine that loads {} can't be started: {error}", file.display()))
        })?;
        let link = Link::new(self.address);
        let mut heard = Instant::now();
        loop {
            if let Ok(info) = link.ask::<String>(&["INFO"]).await
                && is_of(&info, loader.id())
            {
                if field(&info, "loading") == Some("0") {
                    return Ok(loader);
                }
                heard = Instant::now();
            }
            let last = || process::last_lines(folder, 4);
            if loader.try_wait().ok().flatten().is_some() {
                let (words, name) = (last(), self.engine.name());
                let is_taken = words.contains("already in use") || words.contains("listening socket");
                let told = format!("{name} can't load {}:\n{words}", file.display());
                return Err(if is_taken { Trouble::Passing(told) } else { Trouble::Lasting(told) });
            }
            if heard.elapsed() > SILENT_FOR {
                return Err(Trouble::Passing(format!("{} is silent: {}", self.engine.name(), last())));
            }
            tokio::time::sleep(LOADING_PAUSE).await;
        }
    }

    fn start(&self, folder: &Path, file: &Path) -> io::Result<Child> {
        std::fs::create_dir_all(folder)?;
        let data = folder.join(process::DATA);
        // The engine only reads it: it is told to save nothing.
        std::fs::hard_link(file, &data).or_else(|_| std::fs::copy(file, &data).map(drop))?;
        let (ip, port) = (self.address.ip(), self.address.port());
        let configuration = format!(
            "bind {ip}\nport {port}\nprotected-mode yes\ndaemonize no\nlogfile {}\ndbfilename {}\nsave \"\"\n\
             appendonly no\ncluster-enabled no\n",
            process::ENGINE_LOG,
            process::DATA,
        );
        std::fs::write(folder.join(process::CONFIGURATION), configuration)?;
        let output = std::fs::File::create(folder.join(process::ENGINE_OUTPUT))?;
        let child = Command::new(&self.engine.program)
            .args(&self.engine.leading_arguments)
            .arg(process::CONFIGURATION)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        process::note_pid(folder, child.id().unwrap_or_default())?;
        Ok(child)
    }

    /// Copies all keys of an engine to their owners, with their times to live.
    async fn copy(&self, from: &Link) -> RedisResult<usize> {
        let patient = from.patient(MIGRATE_TIMEOUT + Duration::from_secs(2));
        let owner_of = self.owner_of();
        let portion = Portion::default();
        let (mut cursor, mut count) = ("0".to_owned(), 0);
        loop {
            let words = ["SCAN", &cursor, "COUNT", &SCAN_COUNT.to_string()];
            let (next, keys): (String, Vec<Vec<u8>>) = patient.ask(&words).await?;
            count += keys.len();
            let mut by_owner: Vec<Vec<Vec<u8>>> = vec![Vec::new(); self.owners.len()];
            for key in keys {
                let owner = owner_of.get(usize::from(slot_of(&key))).copied().flatten();
                let Some(keys) = owner.and_then(|owner| by_owner.get_mut(owner)) else {
                    return Err(trouble("a slot is served by nobody"));
                };
                keys.push(key);
            }
            self.migrate(&patient, by_owner, &portion).await?;
            if next == "0" {
                break;
            }
            cursor = next;
        }
        self.copy_functions(&patient).await?;
        Ok(count)
    }

    /// The owner of each slot, as its place in `owners`.
    fn owner_of(&self) -> Vec<Option<usize>> {
        let mut owner_of = vec![None; usize::from(SLOT_COUNT)];
        for (owner, (slots, _)) in self.owners.iter().enumerate() {
            for slot in slots.iter().flat_map(|range| range.first..=range.last) {
                owner_of[usize::from(slot)] = Some(owner);
            }
        }
        owner_of
    }

    /// REPLACE: an earlier try may have copied a key already.
    async fn migrate(&self, from: &Link, mut by_owner: Vec<Vec<Vec<u8>>>, portion: &Portion) -> RedisResult<()> {
        let timeout_ms = u64::try_from(MIGRATE_TIMEOUT.as_millis()).unwrap_or(u64::MAX);
        while by_owner.iter().any(|keys| !keys.is_empty()) {
            let (began, most) = (Instant::now(), portion.keys());
            let mut largest = 0;
            for (keys, (_, to)) in by_owner.iter_mut().zip(&self.owners).filter(|(keys, _)| !keys.is_empty()) {
                let rest = keys.split_off(keys.len().min(most));
                let some = std::mem::replace(keys, rest);
                largest = largest.max(some.len());
                let mut pipeline = redis::pipe();
                let (ip, port) = (to.address().ip().to_string(), to.address().port());
                let command = pipeline.cmd("MIGRATE").arg(ip).arg(port).arg("").arg(0).arg(timeout_ms);
                command.arg("COPY").arg("REPLACE").arg("KEYS").arg(&some[..]);
                all_taken(from.ask_all(&mut pipeline).await?)?;
            }
            let owners = u32::try_from(self.owners.len().max(1)).unwrap_or(1);
            portion.learn(largest, began.elapsed() / owners);
        }
        Ok(())
    }

    /// Functions are no keys: every primary has all of them. Engines before Redis 7 have none.
    async fn copy_functions(&self, from: &Link) -> RedisResult<()> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("FUNCTION").arg("DUMP");
        let dumped = from.ask_all(&mut pipeline).await?.into_iter().next();
        let dumped = dumped.and_then(Result::ok).and_then(|value| from_redis_value::<Vec<u8>>(value).ok());
        let Some(dumped) = dumped.filter(|dumped| dumped.len() > NO_FUNCTIONS) else {
            return Ok(());
        };
        for (_, to) in &self.owners {
            let mut pipeline = redis::pipe();
            pipeline.cmd("FUNCTION").arg("RESTORE").arg(&dumped[..]).arg("REPLACE");
            all_taken(to.ask_all(&mut pipeline).await?)?;
        }
        Ok(())
    }
}

/// Whether it is this process that answers: another program may have been faster at the address.
fn is_of(info: &str, pid: Option<u32>) -> bool {
    let told = field(info, "process_id").and_then(|text| text.parse().ok());
    told.is_none() || told == pid
}

/// Ends engines that a server has left behind that was killed while it filled the cluster in this folder.
async fn end_left_over(cluster: &Path) {
    for name in super::folders_in(cluster).into_iter().filter(|name| name.starts_with(FOLDERS)) {
        let folder = cluster.join(name);
        let pid = process::noted_pid(&folder).filter(|_| process::can_tell_folders());
        if let Some(pid) = pid.filter(|pid| process::is_ours(*pid, &folder)) {
            Process::adopt(pid, &folder, Arc::default()).end(END_GRACE).await;
        }
        remove(&folder);
    }
}

/// What is left in such a folder is in nobody's way, and goes with the cluster's.
fn remove(folder: &Path) {
    let _ = std::fs::remove_dir_all(folder);
}

fn trouble(words: &'static str) -> redis::RedisError {
    redis::RedisError::from((redis::ErrorKind::Client, words))
}

fn all_taken(answers: Vec<RedisResult<Value>>) -> RedisResult<()> {
    answers.into_iter().find_map(Result::err).map_or(Ok(()), Err)
}

/// The hash slot of a key: of what is between its first `{` and the next `}`, if anything is, else of all of it.
fn slot_of(key: &[u8]) -> u16 {
    let place = |bytes: &[u8], wanted: u8| bytes.iter().position(|byte| *byte == wanted);
    let tag = place(key, b'{').and_then(|open| {
        let rest = &key[open + 1..];
        let end = place(rest, b'}').filter(|end| *end > 0)?;
        Some(&rest[..end])
    });
    crc16(tag.unwrap_or(key)) % SLOT_COUNT
}

/// CRC16 as Redis Cluster has it (XMODEM: polynomial 0x1021, from 0).
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(
            crc ^ (u16::from(*byte) << 8),
            |crc, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
            },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_at_the_address_is_not_taken_for_the_engine() {
        let info = "# Server\r\nprocess_id:42\r\nloading:0\r\n";
        assert!(is_of(info, Some(42)) && is_of("loading:0", Some(42)));
        assert!(!is_of(info, Some(43)) && !is_of(info, None));
    }

    #[test]
    fn slots_are_those_of_redis_cluster() {
        // The check value that the specification gives.
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(slot_of(b"foo"), 12182);
        assert_eq!(slot_of(b"{user1000}.following"), slot_of(b"{user1000}.followers"));
        assert_eq!(slot_of(b"foo{}{bar}"), crc16(b"foo{}{bar}") % SLOT_COUNT);
        assert_eq!(slot_of(b"foo{{bar}}zap"), slot_of(b"{bar"));
        assert_eq!(slot_of(b"foo{bar}{zap}"), slot_of(b"bar"));
    }
}
