//! Snapshots: what they are, how they are taken, found and deleted, and how a group starts with one.
//!
//! A snapshot keeps its source group as it was, so that it can tell of it when the group is gone. Its data is the
//! fleet's; here is only whether that is whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::create::CreateReplicationGroup;
use super::engine_versions::{engine_name, engine_named, numbers, version_named};
use super::error::ApiError;
use super::events::SourceType;
use super::replication_group::{Data, ReplicationGroup, Status, wrong_state};
use super::validate::{self, Tags};
use super::{Context, Region, Timing, node_types};
use crate::node::wanted::{ClusterKey, EngineKind, FleetReport, SnapshotKey, WantedData, WantedSnapshot};

/// One snapshot of a replication group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    /// In lower case.
    pub name: String,
    /// No other snapshot has or had it.
    pub generation: u64,
    /// The group as it was.
    pub source: ReplicationGroup,
    /// VPC of its subnet group.
    pub vpc_id: String,
    /// Whether the group is deleted once it is whole.
    pub is_final: bool,
    /// The snapshot that it is a copy of, if it is one.
    #[serde(default)]
    pub copy_of: Option<Data>,
    /// Bytes of each node group's data; none while it is being taken.
    pub sizes: Option<BTreeMap<String, u64>>,
    pub tags: Tags,
    /// Milliseconds since 1970.
    pub created_ms: u64,
    /// When the clock makes it whole; none where the fleet does.
    pub due_ms: Option<u64>,
}

/// Input of [`Region::create_snapshot`].
#[derive(Clone, Debug, Default)]
pub(crate) struct CreateSnapshot {
    pub name: String,
    pub group: Option<String>,
    pub cluster: Option<String>,
    pub tags: Vec<(String, String)>,
}

/// What [`Region::describe_snapshots`] is asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct DescribeSnapshots {
    pub name: Option<String>,
    pub group: Option<String>,
    pub cluster: Option<String>,
    /// `system` or `user`.
    pub source: Option<String>,
}

/// What becomes of a snapshot that is being taken.
enum Outcome {
    Whole(BTreeMap<String, u64>),
    Failed(String),
}

impl Snapshot {
    /// Whether its data is there.
    pub fn is_whole(&self) -> bool {
        self.sizes.is_some()
    }
}

impl Data {
    fn wanted(&self) -> WantedData {
        WantedData { snapshot: self.snapshot.clone(), created: self.generation }
    }
}

impl ReplicationGroup {
    /// What the fleet is to fill it with: only before it is made, so that nothing that was written later is lost.
    pub fn wanted_data(&self) -> Option<WantedData> {
        let data = self.data.as_ref().filter(|_| self.status == Status::Creating)?;
        Some(data.wanted())
    }
}

impl Region {
    /// A snapshot by its name.
    pub fn snapshot(&self, name: &str) -> Result<&Snapshot, ApiError> {
        let missing = || ApiError::new("SnapshotNotFoundFault", format!("Snapshot {name} not found.")).with_status(404);
        self.snapshots.get(&name.to_ascii_lowercase()).ok_or_else(missing)
    }

    /// Its status on the wire.
    pub fn snapshot_status(&self, snapshot: &Snapshot) -> &'static str {
        match snapshot.is_whole() {
            false => "creating",
            true if self.is_being_restored(&snapshot.name) => "restoring",
            true if self.is_being_copied(&snapshot.name) => "copying",
            true => "available",
        }
    }

    fn is_being_copied(&self, name: &str) -> bool {
        let mut copies = self.snapshots.values().filter(|snapshot| !snapshot.is_whole());
        copies.any(|copy| copy.copy_of.as_ref().is_some_and(|of| of.snapshot == name))
    }

    fn is_being_restored(&self, name: &str) -> bool {
        let mut wanted = self.groups.values().filter_map(ReplicationGroup::wanted_data);
        wanted.any(|data| data.snapshot == name)
    }

    /// Begins a snapshot of a group that is `available`.
    pub fn create_snapshot(&mut self, context: &mut Context<'_>, input: &CreateSnapshot) -> Result<Snapshot, ApiError> {
        match (&input.group, &input.cluster) {
            (Some(_), Some(_)) | (None, None) => Err(ApiError::combination(
                "Exactly one of ReplicationGroupId and CacheClusterId must be given to create a snapshot.",
            )),
            (None, Some(cluster)) => {
                let is_member = self.groups.values().any(|group| group.members().any(|member| member.id == *cluster));
                Err(match is_member {
                    true => ApiError::combination(format!(
                        "The cluster {cluster} is part of a replication group with cluster mode on: give its \
                         ReplicationGroupId.",
                    )),
                    false => super::tags::cluster_not_found(cluster),
                })
            }
            (Some(group), None) => {
                let id = self.group(group)?.id.clone();
                self.take_snapshot(context, &id, &input.name, &input.tags, false)
            }
        }
    }

    /// The same, and `is_final`: the group is deleted once it is whole.
    pub(super) fn take_snapshot(
        &mut self,
        context: &mut Context<'_>,
        id: &str,
        name: &str,
        tags: &[(String, String)],
        is_final: bool,
    ) -> Result<Snapshot, ApiError> {
        let name = validate::snapshot_name("SnapshotName", name)?;
        let tags = validate::add_tags(&Tags::new(), tags)?;
        let source = self.group(id)?.clone();
        if self.snapshots.contains_key(&name) {
            return Err(already_there(&name));
        }
        if source.status != Status::Available {
            return Err(wrong_state(&source));
        }
        if source.settings.node_type.starts_with("cache.t1.") {
            let message = format!("Snapshots are not supported for the node type {}.", source.settings.node_type);
            return Err(ApiError::new("SnapshotFeatureNotSupportedFault", message));
        }
        let timing = context.timing;
        let snapshot = Snapshot {
            name: name.clone(),
            generation: context.source.generation(),
            vpc_id: self.subnet_group(&source.subnet_group).map(|group| group.vpc_id.clone()).unwrap_or_default(),
            source,
            is_final,
            copy_of: None,
            sizes: None,
            tags,
            created_ms: context.now_ms,
            due_ms: timing.without_nodes.then_some(context.now_ms + timing.modify_ms),
        };
        if let Some(group) = self.groups.get_mut(id) {
            group.status = Status::Snapshotting;
        }
        self.snapshots.insert(name, snapshot.clone());
        Ok(snapshot)
    }

    /// Snapshots by their names, those that are asked for.
    pub fn describe_snapshots(&self, input: &DescribeSnapshots) -> Result<Vec<&Snapshot>, ApiError> {
        let is_by_user = match input.source.as_deref() {
            None | Some("user" | "") => true,
            Some("system") => false,
            Some(other) => return Err(ApiError::value(format!("Invalid SnapshotSource: {other}"))),
        };
        let named = input.name.as_deref().map(|name| self.snapshot(name)).transpose()?;
        let group = input.group.as_deref().map(str::to_ascii_lowercase);
        // Those of a single cluster would be of a group without cluster mode, and there are none.
        let asked = |snapshot: &&Snapshot| {
            is_by_user && input.cluster.is_none() && group.as_deref().is_none_or(|group| snapshot.source.id == group)
        };
        Ok(match named {
            Some(snapshot) => Some(snapshot).into_iter().filter(asked).collect(),
            None => self.snapshots.values().filter(asked).collect(),
        })
    }

    /// Deletes a snapshot that nothing is being done with.
    pub fn delete_snapshot(&mut self, name: &str) -> Result<Snapshot, ApiError> {
        let snapshot = self.idle_snapshot(name)?.clone();
        self.snapshots.remove(&snapshot.name);
        Ok(snapshot)
    }

    fn idle_snapshot(&self, name: &str) -> Result<&Snapshot, ApiError> {
        let snapshot = self.snapshot(name)?;
        match self.snapshot_status(snapshot) {
            "available" => Ok(snapshot),
            status => {
                let name = &snapshot.name;
                let message = format!("Snapshot {name} has status {status} which is not valid for this operation.");
                Err(ApiError::new("InvalidSnapshotState", message))
            }
        }
    }

    /// Begins a copy of a snapshot.
    pub fn copy_snapshot(
        &mut self,
        context: &mut Context<'_>,
        name: &str,
        target: &str,
        tags: &[(String, String)],
    ) -> Result<Snapshot, ApiError> {
        let target = validate::snapshot_name("TargetSnapshotName", target)?;
        let tags = validate::add_tags(&Tags::new(), tags)?;
        let source = self.idle_snapshot(name)?;
        if self.snapshots.contains_key(&target) {
            return Err(already_there(&target));
        }
        let timing = context.timing;
        let copy = Snapshot {
            name: target.clone(),
            generation: context.source.generation(),
            is_final: false,
            copy_of: Some(Data { snapshot: source.name.clone(), generation: source.generation }),
            sizes: None,
            tags,
            due_ms: timing.without_nodes.then_some(context.now_ms + timing.modify_ms),
            ..source.clone()
        };
        self.snapshots.insert(target, copy.clone());
        Ok(copy)
    }

    /// What the fleet is to take or to keep for a snapshot.
    pub fn wanted_snapshot(&self, snapshot: &Snapshot) -> WantedSnapshot {
        let source = &snapshot.source;
        let members = |members: &[super::replication_group::Member]| members.iter().map(|one| one.id.clone()).collect();
        let shards = source.node_groups.iter().map(|shard| (shard.id.clone(), members(&shard.members)));
        WantedSnapshot {
            created: snapshot.generation,
            is_taken: snapshot.is_whole(),
            copy_of: snapshot.copy_of.as_ref().map(Data::wanted),
            cluster: ClusterKey { region: self.name.clone(), replication_group_id: source.id.clone() },
            shards: shards.collect(),
        }
    }

    /// Without nodes lets the clock end what an earlier run with nodes left under way.
    pub fn resume_snapshots(&mut self, now_ms: u64, timing: Timing) {
        let under_way = self.snapshots.values_mut().filter(|snapshot| !snapshot.is_whole());
        for snapshot in under_way.filter(|_| timing.without_nodes) {
            snapshot.due_ms = snapshot.due_ms.or(Some(now_ms + timing.modify_ms));
        }
    }

    /// Moves snapshots and their groups on by the fleet's report and by the clock; says whether anything changed.
    pub fn settle_snapshots(&mut self, now_ms: u64, timing: Timing, report: &FleetReport) -> bool {
        let under_way = self.snapshots.values().filter(|snapshot| !snapshot.is_whole());
        let ended: Vec<(String, Outcome)> = under_way
            .filter_map(|snapshot| Some((snapshot.name.clone(), self.outcome(snapshot, now_ms, timing, report)?)))
            .collect();
        let changed = !ended.is_empty();
        for (name, outcome) in ended {
            self.end_snapshot(now_ms, timing, &name, outcome);
        }
        changed
    }

    fn outcome(&self, snapshot: &Snapshot, now_ms: u64, timing: Timing, report: &FleetReport) -> Option<Outcome> {
        if let Some(due_ms) = snapshot.due_ms {
            return timing.is_due(due_ms, now_ms).then(|| Outcome::Whole(BTreeMap::new()));
        }
        let key = SnapshotKey { region: self.name.clone(), name: snapshot.name.clone() };
        let found = report.snapshots.get(&key).filter(|found| found.created == snapshot.generation)?;
        Some(match &found.outcome {
            Ok(sizes) => Outcome::Whole(sizes.clone()),
            Err(reason) => Outcome::Failed(reason.clone()),
        })
    }

    /// Its group goes on, or goes: but never without its data.
    fn end_snapshot(&mut self, now_ms: u64, timing: Timing, name: &str, outcome: Outcome) {
        let Some(snapshot) = self.snapshots.get_mut(name) else { return };
        let is_copy = snapshot.copy_of.is_some();
        let (id, is_final, of) = (snapshot.source.id.clone(), snapshot.is_final, snapshot.source.created_generation);
        // ElastiCache tells of it as of the node that it was taken at.
        let primaries = snapshot.source.members().filter(|member| member.is_primary);
        let at = primaries.map(|member| member.id.clone()).next().unwrap_or_else(|| id.clone());
        let which = format!("snapshot with ID '{name}' of replication group with ID '{id}'");
        let (message, is_whole) = match outcome {
            Outcome::Whole(sizes) => {
                (snapshot.sizes, snapshot.due_ms) = (Some(sizes), None);
                (format!("Snapshot succeeded for {which}"), true)
            }
            Outcome::Failed(reason) => {
                self.snapshots.remove(name);
                (format!("Snapshot failed for {which}: {reason}"), false)
            }
        };
        self.record(now_ms, SourceType::CacheCluster, &at, message.clone());
        let is_its = |group: &&mut ReplicationGroup| {
            !is_copy && group.status == Status::Snapshotting && group.created_generation == of
        };
        if let Some(group) = self.groups.get_mut(&id).filter(is_its) {
            match is_whole && is_final {
                true => group.begin_deletion(now_ms, timing),
                false => group.status = Status::Available,
            }
        }
        if !is_whole {
            self.record_group(now_ms, &id, message);
        }
    }

    /// What a group that starts with a snapshot takes from it where the caller says nothing.
    pub(super) fn with_snapshot(
        &self,
        input: &CreateReplicationGroup,
    ) -> Result<(CreateReplicationGroup, Option<Data>), ApiError> {
        let mut input = input.clone();
        let Some(name) = input.snapshot.clone().filter(|name| !name.is_empty()) else {
            return Ok((input, None));
        };
        let Some(snapshot) = self.snapshots.get(&name.to_ascii_lowercase()) else {
            return Err(ApiError::value(format!("The snapshot {name} was not found.")));
        };
        if !snapshot.is_whole() {
            return Err(ApiError::value(format!("The snapshot {name} has status creating: it must be available.")));
        }
        let source = &snapshot.source;
        let engine = input.engine.get_or_insert_with(|| engine_name(source.engine).to_owned()).clone();
        check_engine(source, engine_named(&engine)?, &mut input.engine_version)?;
        let tiered = input.data_tiering.unwrap_or(false);
        let node_type = input.node_type.get_or_insert_with(|| source.settings.node_type.clone());
        if (tiered || node_types::has_data_tiering(node_type)) != source.data_tiering {
            return Err(ApiError::combination(
                "A snapshot of nodes with data tiering can be restored to such nodes only, and no other to those.",
            ));
        }
        if input.node_group_count.is_none() && input.node_groups.is_empty() {
            input.node_group_count = i64::try_from(source.node_groups.len()).ok();
        }
        let data = Data { snapshot: snapshot.name.clone(), generation: snapshot.generation };
        Ok((input, Some(data)))
    }
}

fn already_there(name: &str) -> ApiError {
    ApiError::new("SnapshotAlreadyExistsFault", format!("Snapshot with specified name already exists: {name}"))
}

/// Data goes to the same or a newer version, and from Redis to Valkey, but never back.
fn check_engine(source: &ReplicationGroup, engine: EngineKind, version: &mut Option<String>) -> Result<(), ApiError> {
    let of = format!("{} {}", engine_name(source.engine), source.engine_version);
    if source.engine != engine {
        return match engine {
            EngineKind::Valkey => Ok(()),
            EngineKind::Redis => {
                Err(ApiError::combination(format!("A snapshot of {of} can't be restored to {}.", engine_name(engine))))
            }
        };
    }
    let own = source.version().map(|own| own.version.to_owned());
    let asked = match version {
        Some(asked) => version_named(engine, asked)?,
        None => version_named(engine, version.insert(own?))?,
    };
    if asked.numbers() < numbers(&source.engine_version) {
        return Err(ApiError::combination(format!(
            "A snapshot of {of} can't be restored to the older version {}.",
            asked.version
        )));
    }
    Ok(())
}
