//! More and fewer replicas and shards: always in place, with zones chosen here and shown in the plan.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Edits, refuse, settled};
use crate::call::{Call, ReplicaCount, ShardZones};
use crate::desired::{Desired, spread};
use crate::diff::{ChangeSet, Planned};
use crate::observed::{LiveNodeGroup, LiveReplicationGroup};

/// Replicas of the shards that stay: `(shard id, replicas now, replicas from now on)`.
fn replica_counts<'a>(desired: &Desired, found: &'a LiveReplicationGroup) -> Vec<(&'a LiveNodeGroup, usize, usize)> {
    let shards = &desired.replication_group.shards;
    let by_hand = !desired.written.node_groups.is_empty();
    found
        .node_groups
        .iter()
        .enumerate()
        .filter_map(|(index, group)| {
            let same_id = shards.iter().find(|shard| shard.id == group.id);
            let shard = same_id.or_else(|| if by_hand { None } else { shards.get(index).or(shards.first()) })?;
            Some((group, group.zones.len().saturating_sub(1), shard.replica_zones.len()))
        })
        .collect()
}

pub(super) fn replicas(desired: &Desired, found: &LiveReplicationGroup, edits: &mut Edits, set: &mut ChangeSet) {
    let counts = replica_counts(desired, found);
    let changed: Vec<_> = counts.iter().filter(|(_, now, then)| now != then).collect();
    if changed.is_empty() {
        return;
    }
    let before: BTreeSet<usize> = counts.iter().map(|(_, now, _)| *now).collect();
    let after: BTreeSet<usize> = counts.iter().map(|(_, _, then)| *then).collect();
    match (before.first(), after.first()) {
        (Some(now), Some(then)) if before.len() == 1 && after.len() == 1 => {
            edits.field("replicas_per_shard", *now, *then);
        }
        _ => {
            for (group, now, then) in &changed {
                edits.field(&format!("node_groups.{}.replicas", group.id), *now, *then);
            }
        }
    }
    let id = desired.replication_group.id.clone();
    let count = |group: &LiveNodeGroup, then: usize, zones| ReplicaCount {
        node_group_id: group.id.clone(),
        replicas: u32::try_from(then).unwrap_or(u32::MAX),
        zones,
    };
    let (more, fewer): (Vec<_>, Vec<_>) = changed.into_iter().partition(|(_, now, then)| then > now);
    if !more.is_empty() {
        let zones = live_zones(desired, found);
        let counts =
            more.iter().map(|(group, _, then)| count(group, *then, grown_zones(group, *then, &zones))).collect();
        let call = Call::IncreaseReplicaCount(id.clone(), counts);
        edits.scale.push(Planned::waiting(call, settled(&id), "more replicas"));
    }
    if !fewer.is_empty() {
        if found.node_groups.is_empty() {
            refuse(set, "cluster.replicas_per_shard", "the live shards can't be read", "run again later");
        }
        let counts = fewer.iter().map(|(group, _, then)| count(group, *then, Vec::new())).collect();
        let call = Call::DecreaseReplicaCount(id.clone(), counts);
        edits.scale.push(Planned::waiting(call, settled(&id), "fewer replicas"));
    }
}

/// The zones to choose from: those of the plan file's shards, which are zones with subnets, and those in use.
fn live_zones(desired: &Desired, found: &LiveReplicationGroup) -> Vec<String> {
    let planned = desired
        .replication_group
        .shards
        .iter()
        .flat_map(|shard| std::iter::once(&shard.primary_zone).chain(&shard.replica_zones));
    let live = found.node_groups.iter().flat_map(|group| group.zones.values());
    let all: BTreeSet<&String> = planned.chain(live).filter(|zone| !zone.is_empty()).collect();
    all.into_iter().cloned().collect()
}

/// The zones of a shard with more replicas: those it has, and for each new node the zone that it is in least.
fn grown_zones(group: &LiveNodeGroup, replicas: usize, zones: &[String]) -> Vec<String> {
    let mut all: Vec<String> = group.zones.values().cloned().collect();
    while all.len() < replicas + 1 {
        let used = |zone: &&String| all.iter().filter(|other| other == zone).count();
        let Some(zone) = zones.iter().min_by_key(used) else {
            return Vec::new();
        };
        all.push(zone.clone());
    }
    all
}

pub(super) fn shards(desired: &Desired, found: &LiveReplicationGroup, edits: &mut Edits, set: &mut ChangeSet) {
    let wanted = &desired.replication_group;
    let (now, then) = (found.node_groups.len(), wanted.shards.len());
    if now == then || now == 0 {
        return;
    }
    if wanted.shards.iter().any(|shard| shard.slots.is_some()) {
        refuse(
            set,
            "cluster.node_groups",
            format!("there are {now} shards, and the plan file asks for {then} with slots by hand"),
            "AWS moves slots evenly when shards come or go: leave `slots` out",
        );
        return;
    }
    edits.field("shards", now, then);
    let id = wanted.id.clone();
    if then > now {
        let shards = shards_out(desired, found);
        for shard in shards.iter().skip(now) {
            edits.field(&format!("node_groups.{}", shard.node_group_id), Value::Null, shard.zones.join(" "));
        }
        let call = Call::AddShards(id.clone(), shards);
        edits.scale.push(Planned::waiting(call, settled(&id), "more shards; slots move to them online"));
        return;
    }
    // Who goes is taken from what is live: by hand, those that the plan file lists no longer; else the last ones.
    let listed: BTreeSet<&str> = wanted.shards.iter().map(|shard| shard.id.as_str()).collect();
    let by_hand = !desired.written.node_groups.is_empty();
    let mut candidates: Vec<&LiveNodeGroup> = found.node_groups.iter().collect();
    candidates.sort_by_key(|group| (by_hand && !listed.contains(group.id.as_str()), group.id.clone()));
    let mut gone = Vec::new();
    for group in candidates.split_off(then) {
        let zones: Vec<&str> = group.zones.values().map(String::as_str).collect();
        edits.field(&format!("node_groups.{}", group.id), zones.join(" "), Value::Null);
        gone.push(group.id.clone());
    }
    let reason = "fewer shards; their slots move to the others online";
    let count = u32::try_from(then).unwrap_or(u32::MAX);
    edits.scale.push(Planned::waiting(Call::RemoveShards(id.clone(), count, gone), settled(&id), reason));
}

/// Zones of all shards after scaling out: those that are there as they are, the new ones as planned or spread on.
fn shards_out(desired: &Desired, found: &LiveReplicationGroup) -> Vec<ShardZones> {
    let wanted = &desired.replication_group;
    let live: BTreeMap<&str, &LiveNodeGroup> =
        found.node_groups.iter().map(|group| (group.id.as_str(), group)).collect();
    let zones = live_zones(desired, found);
    // Their replicas have come or gone by then, because that is done first.
    let counts = replica_counts(desired, found);
    let mut out: Vec<ShardZones> = found
        .node_groups
        .iter()
        .map(|group| {
            let replicas = counts.iter().find(|(other, ..)| other.id == group.id).map(|(_, _, then)| *then);
            let mut all = grown_zones(group, replicas.unwrap_or_default(), &zones);
            all.truncate(replicas.map_or(all.len(), |replicas| replicas + 1));
            ShardZones { node_group_id: group.id.clone(), zones: all }
        })
        .collect();
    let mut fresh = wanted.shards.iter().filter(|shard| !live.contains_key(shard.id.as_str()));
    while out.len() < wanted.shards.len() {
        let index = out.len();
        let Some(shard) = fresh.next() else { break };
        let planned: Vec<String> = std::iter::once(&shard.primary_zone).chain(&shard.replica_zones).cloned().collect();
        let spread_on = || (0..planned.len()).filter_map(|node| spread(&zones, planned.len(), index, node)).collect();
        let by_hand = !desired.written.node_groups.is_empty();
        let zones = if by_hand { planned.clone() } else { spread_on() };
        out.push(ShardZones { node_group_id: shard.id.clone(), zones });
    }
    out
}
