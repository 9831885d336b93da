//! Looks at every node of a cluster, side by side: what each says of itself and of the others. Changes nothing.
//!
//! Each node has its own patience, so that a dead one hides nothing of the others. Judges nothing: that is for
//! [`super::verify`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::info::Info;
use super::reach::{Reach, ReachError};
use super::topology::View;
use crate::observed::{Endpoint, LiveReplicationGroup};

/// All that a look has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The configuration endpoint; `None`: it was not asked.
    pub entry: Option<Entry>,
    /// The nodes, in the order of their member ids or endpoints.
    pub nodes: Vec<NodeSeen>,
}

/// What was seen through the configuration endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it is.
    pub endpoint: Endpoint,
    /// What it answers, or why it doesn't.
    pub answer: Result<EntryAnswer, Silence>,
}

/// What the node behind the configuration endpoint answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryAnswer {
    /// What PING was answered with.
    pub ping: String,
    /// How long that took.
    pub ping_took: Duration,
    /// CLUSTER NODES, word for word.
    pub cluster_nodes: String,
}

/// What was seen of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSeen {
    /// Its member cluster id, where the cloud says which member answers here.
    pub member: Option<String>,
    /// Where it answers.
    pub endpoint: Endpoint,
    /// What it answers, or why it doesn't.
    pub answer: Result<NodeAnswer, Silence>,
}

/// What a node answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeAnswer {
    /// What PING was answered with.
    pub ping: String,
    /// How long that took.
    pub ping_took: Duration,
    /// CLUSTER INFO.
    pub cluster_info: Info,
    /// CLUSTER NODES, word for word.
    pub cluster_nodes: String,
    /// The same as values.
    pub view: View,
    /// INFO.
    pub info: Info,
    /// The settings that were asked for.
    pub settings: Settings,
}

/// What CONFIG GET answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settings {
    /// Values by name; a name that the engine doesn't know is missing.
    Told(BTreeMap<String, String>),
    /// It may not be asked, as on ElastiCache; its words.
    Forbidden(String),
}

impl Default for Settings {
    fn default() -> Self {
        Settings::Told(BTreeMap::new())
    }
}

/// Why a node said nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// The reason, without the node's name.
    pub reason: String,
    /// Whether it answered, and refused.
    pub refused: bool,
}

impl From<ReachError> for Silence {
    fn from(error: ReachError) -> Self {
        match error {
            ReachError::Unreachable { reason, .. } => Silence { reason, refused: false },
            ReachError::Refused { reason, .. } => Silence { reason, refused: true },
        }
    }
}

impl From<redis::RedisError> for Silence {
    fn from(error: redis::RedisError) -> Self {
        let refused = !(error.is_io_error() || error.is_timeout() || error.is_connection_dropped());
        Silence { reason: words(&error), refused }
    }
}

/// What a node refuses with, in its own words: `NOPERM this user has no permissions…`.
pub(super) fn words(error: &redis::RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => error.to_string(),
    }
}

impl Seen {
    /// Whether the configuration endpoint or any node has answered or refused.
    pub fn reached_any(&self) -> bool {
        let entry = self.entry.as_ref().map(|entry| heard(&entry.answer));
        entry.unwrap_or(false) || self.nodes.iter().any(|node| heard(&node.answer))
    }

    /// The first reason for silence: the configuration endpoint's, else a node's.
    pub fn first_silence(&self) -> Option<(&Endpoint, &Silence)> {
        let entry = self.entry.iter().filter_map(|entry| Some((&entry.endpoint, entry.answer.as_ref().err()?)));
        let nodes = self.nodes.iter().filter_map(|node| Some((&node.endpoint, node.answer.as_ref().err()?)));
        entry.chain(nodes).next()
    }
}

fn heard<T>(answer: &Result<T, Silence>) -> bool {
    answer.as_ref().err().is_none_or(|silence| silence.refused)
}

/// Looks at a group: through its configuration endpoint, and at every node where the cloud says it answers, else where
/// CLUSTER NODES says so. `settings` are the names that CONFIG GET is asked for. Takes no longer than four times the
/// patience.
pub async fn look(reach: &Reach, group: &LiveReplicationGroup, settings: &BTreeSet<String>) -> Seen {
    let known: Vec<(Option<String>, Endpoint)> =
        group.members.iter().filter_map(|member| Some((Some(member.id.clone()), member.endpoint.clone()?))).collect();
    if known.is_empty() {
        let entry = look_in(reach, group.endpoint.as_ref()).await;
        let told = entry.as_ref().and_then(|entry| entry.answer.as_ref().ok());
        let view = told.map(|answer| View::parse(&answer.cluster_nodes)).unwrap_or_default();
        let targets = view.nodes.into_iter().filter_map(|node| Some((None, node.endpoint?))).collect();
        return Seen { entry, nodes: look_at_all(reach, targets, settings).await };
    }
    let (entry, nodes) = tokio::join!(look_in(reach, group.endpoint.as_ref()), look_at_all(reach, known, settings));
    Seen { entry, nodes }
}

/// Looks through the configuration endpoint alone.
pub async fn look_in(reach: &Reach, endpoint: Option<&Endpoint>) -> Option<Entry> {
    let endpoint = endpoint?;
    let asking = async {
        let mut connection = reach.connect(endpoint).await?;
        let (ping, ping_took) = ping(&mut connection).await?;
        let cluster_nodes = redis::cmd("CLUSTER").arg("NODES").query_async(&mut connection).await?;
        Ok(EntryAnswer { ping, ping_took, cluster_nodes })
    };
    Some(Entry { endpoint: endpoint.clone(), answer: in_time(reach, asking).await })
}

async fn look_at_all(
    reach: &Reach,
    targets: Vec<(Option<String>, Endpoint)>,
    settings: &BTreeSet<String>,
) -> Vec<NodeSeen> {
    let mut looks = JoinSet::new();
    for (member, endpoint) in targets {
        let (reach, settings) = (reach.clone(), settings.clone());
        looks.spawn(async move {
            let answer = in_time(&reach, ask(&reach, &endpoint, &settings)).await;
            NodeSeen { member, endpoint, answer }
        });
    }
    let mut nodes = looks.join_all().await;
    nodes.sort_by_key(|node| (node.member.clone(), node.endpoint.to_string()));
    nodes
}

async fn in_time<T>(reach: &Reach, asking: impl Future<Output = Result<T, Silence>>) -> Result<T, Silence> {
    let patience = reach.patience * 2;
    let late = || Silence { reason: format!("no answer within {} s", patience.as_secs_f32()), refused: false };
    tokio::time::timeout(patience, asking).await.unwrap_or_else(|_| Err(late()))
}

async fn ping(connection: &mut MultiplexedConnection) -> Result<(String, Duration), redis::RedisError> {
    let began = Instant::now();
    let answer = redis::cmd("PING").query_async(connection).await?;
    Ok((answer, began.elapsed()))
}

async fn ask(reach: &Reach, endpoint: &Endpoint, settings: &BTreeSet<String>) -> Result<NodeAnswer, Silence> {
    let mut connection = reach.connect(endpoint).await?;
    let (ping, ping_took) = ping(&mut connection).await?;
    let mut pipe = redis::pipe();
    pipe.cmd("INFO").cmd("CLUSTER").arg("INFO").cmd("CLUSTER").arg("NODES");
    let (info, cluster_info, cluster_nodes): (String, String, String) = pipe.query_async(&mut connection).await?;
    Ok(NodeAnswer {
        ping,
        ping_took,
        cluster_info: Info::parse(&cluster_info),
        view: View::parse(&cluster_nodes),
        cluster_nodes,
        info: Info::parse(&info),
        settings: ask_settings(&mut connection, settings).await?,
    })
}

/// Asks for these settings alone: others may be secrets.
async fn ask_settings(
    connection: &mut MultiplexedConnection,
    names: &BTreeSet<String>,
) -> Result<Settings, redis::RedisError> {
    if names.is_empty() {
        return Ok(Settings::default());
    }
    let mut pipe = redis::pipe();
    for name in names {
        pipe.cmd("CONFIG").arg("GET").arg(name);
    }
    let told: Result<Vec<BTreeMap<String, String>>, _> = pipe.query_async(connection).await;
    match told {
        Ok(told) => Ok(Settings::Told(told.into_iter().flatten().collect())),
        Err(error) if Silence::from(error.clone()).refused => Ok(Settings::Forbidden(words(&error))),
        Err(error) => Err(error),
    }
}
