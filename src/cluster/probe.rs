//! Writes one key to each shard and reads it from the primary and every replica. The keys are few, named as ours, live
//! for a minute at most, and are deleted at the end, also where the end comes early.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::look::words;
use super::placed::{Node, Placed};
use super::reach::Reach;
use super::slots::slot_of_key;
use crate::observed::Endpoint;

/// What every key begins with.
pub const PREFIX: &str = "shardform:verify:";
/// How long a key lives whose deletion never came.
const KEY_LIFE_S: u64 = 60;
/// Pause between two reads of a replica.
const READ_PAUSE: Duration = Duration::from_millis(10);
/// How long a replica may take to have what was written.
const REPLICA_PATIENCE: Duration = Duration::from_secs(2);

/// What writing to one shard and reading from it showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Node group id.
    pub shard: String,
    /// The primary: member cluster id, or endpoint.
    pub primary: String,
    /// What the primary refused, if it did; then no replica was read.
    pub trouble: Option<Trouble>,
    /// What each replica showed.
    pub reads: Vec<Read>,
}

/// What a primary refused; its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It was not written.
    Write(String),
    /// It was written, and is not read back.
    Read(String),
}

/// What a replica showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Member cluster id, or endpoint.
    pub replica: String,
    /// An error: why what was written can't be read there.
    pub outcome: Result<(), String>,
}

/// A shard to write to.
#[derive(Clone, Debug)]
struct Target {
    shard: String,
    primary: (String, Endpoint),
    replicas: Vec<(String, Endpoint)>,
    key: String,
}

/// Writes and reads, all shards side by side. `mark` tells this run's keys from another's. Once `stop` comes, no more
/// is begun, and what was written is deleted; `None`: it came.
pub async fn probe(
    reach: &Reach,
    placed: &Placed<'_>,
    mark: &str,
    stop: impl Future<Output = ()>,
) -> Option<Vec<Probe>> {
    let targets = targets(placed, mark);
    // A write that is left could arrive after its deletion, so those that are begun are waited for.
    let written = side_by_side(targets.clone(), |target| write(reach.clone(), target)).await;
    let reading = side_by_side(written, |(target, written)| read_shard(reach.clone(), target, written));
    let done = tokio::select! {
        biased;
        () = stop => None,
        mut probes = reading => {
            probes.sort_by(|one, other| one.shard.cmp(&other.shard));
            Some(probes)
        }
    };
    side_by_side(targets, |target| delete(reach.clone(), target)).await;
    done
}

/// Does the same with each; what is left with the future is not gone on with.
async fn side_by_side<T, D, F>(all: Vec<T>, work: impl Fn(T) -> F) -> Vec<D>
where
    D: Send + 'static,
    F: Future<Output = D> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for one in all {
        tasks.spawn(work(one));
    }
    tasks.join_all().await
}

/// The shards with one primary that answers. A replica that doesn't answer has been told of already.
fn targets(placed: &Placed, mark: &str) -> Vec<Target> {
    let place = |node: &Node| (node.label(), node.seen.endpoint.clone());
    let target = |primary: &Node| {
        let view = primary.view?;
        let is_replica = |node: &&Node| node.answer().is_some() && node.follows() == Some(view.id.as_str());
        let shard = primary.shard.map_or_else(|| primary.label(), |shard| shard.id.clone());
        // Tags of small numbers reach every slot long before this many.
        let mut keys = (0..200_000).map(|tag| format!("{PREFIX}{{{tag}}}:{mark}"));
        Some(Target {
            shard,
            primary: place(primary),
            replicas: placed.nodes.iter().filter(is_replica).map(place).collect(),
            key: keys.find(|key| view.slots.contains(slot_of_key(key)))?,
        })
    };
    placed.nodes.iter().filter(|node| node.is_primary()).filter_map(target).collect()
}

/// Writes, and reads it back.
async fn write(reach: Reach, target: Target) -> (Target, Result<(), Trouble>) {
    let written = write_to(&reach, &target).await;
    (target, written)
}

async fn write_to(reach: &Reach, target: &Target) -> Result<(), Trouble> {
    let connected = reach.connect(&target.primary.1).await;
    let mut connection = connected.map_err(|error| Trouble::Write(error.to_string()))?;
    let mut set = redis::cmd("SET");
    set.arg(&target.key).arg(VALUE).arg("EX").arg(KEY_LIFE_S);
    let set: Result<(), _> = set.query_async(&mut connection).await;
    set.map_err(|error| Trouble::Write(words(&error)))?;
    let value = get(&mut connection, &target.key).await.map_err(Trouble::Read)?;
    if value.as_deref() == Some(VALUE) { Ok(()) } else { Err(Trouble::Read("it is gone".to_owned())) }
}

/// Reads from all replicas what was written to their primary.
async fn read_shard(reach: Reach, target: Target, written: Result<(), Trouble>) -> Probe {
    let Target { shard, primary: (primary, _), replicas, key } = target;
    let replicas = if written.is_ok() { replicas } else { Vec::new() };
    let read_one = |(replica, endpoint)| {
        let (reach, key) = (reach.clone(), key.clone());
        async move { Read { replica, outcome: read(&reach, &endpoint, &key).await } }
    };
    let mut reads = side_by_side(replicas, read_one).await;
    reads.sort_by(|one, other| one.replica.cmp(&other.replica));
    Probe { shard, primary, trouble: written.err(), reads }
}

const VALUE: &str = "ok";

async fn get(connection: &mut MultiplexedConnection, key: &str) -> Result<Option<String>, String> {
    redis::cmd("GET").arg(key).query_async(connection).await.map_err(|error| words(&error))
}

/// Reads until it is there: replication is not waited for by writes.
async fn read(reach: &Reach, endpoint: &Endpoint, key: &str) -> Result<(), String> {
    let began = Instant::now();
    let mut connection = reach.connect(endpoint).await.map_err(|error| error.to_string())?;
    let readonly: Result<(), _> = redis::cmd("READONLY").query_async(&mut connection).await;
    readonly.map_err(|error| words(&error))?;
    while get(&mut connection, key).await?.as_deref() != Some(VALUE) {
        if began.elapsed() > REPLICA_PATIENCE {
            return Err(format!("it has not arrived within {} s", REPLICA_PATIENCE.as_secs()));
        }
        tokio::time::sleep(READ_PAUSE).await;
    }
    Ok(())
}

/// Deletes the key. Where that fails, it goes by itself within a minute.
async fn delete(reach: Reach, target: Target) {
    if let Ok(mut connection) = reach.connect(&target.primary.1).await {
        let _: Result<(), _> = redis::cmd("DEL").arg(&target.key).query_async(&mut connection).await;
    }
}
