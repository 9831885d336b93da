//! More and fewer shards, more and fewer replicas: the online changes that the fleet carries out.

use super::checks::{check_multi_az, check_node_count, check_zone, replicas};
use super::error::ApiError;
use super::replication_group::{Member, NodeGroup, ReplicationGroup, Status};
use super::subnet_group::SubnetGroup;
use super::{Context, Region, slots};

const MOST_NODE_GROUPS: i64 = 500;

/// Input of [`Region::modify_shards`]; names as in the API.
#[derive(Clone, Debug, Default)]
pub(crate) struct ModifyShards {
    pub id: String,
    pub count: i64,
    pub apply_immediately: bool,
    pub resharding: Vec<NewShard>,
    pub to_remove: Vec<String>,
    pub to_retain: Vec<String>,
}

/// Wishes for one new shard.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewShard {
    pub id: Option<String>,
    pub zones: Vec<String>,
}

/// Input of [`Region::increase_replicas`] and [`Region::decrease_replicas`]; names as in the API.
#[derive(Clone, Debug, Default)]
pub(crate) struct ModifyReplicas {
    pub id: String,
    pub count: Option<i64>,
    pub apply_immediately: bool,
    pub shards: Vec<ShardReplicas>,
    pub to_remove: Vec<String>,
}

/// The replica count of one shard.
#[derive(Clone, Debug, Default)]
pub(crate) struct ShardReplicas {
    pub id: String,
    pub count: i64,
    pub zones: Vec<String>,
}

impl Region {
    /// A copy of the group that is about to be scaled; refused in the order in which ElastiCache does.
    fn to_scale(&self, id: &str, apply_immediately: bool) -> Result<ReplicationGroup, ApiError> {
        self.group(id)?;
        check_immediate(apply_immediately)?;
        Ok(self.changeable(id)?.clone())
    }

    /// Changes the number of shards; with the same number spreads the slots evenly.
    pub fn modify_shards(
        &mut self,
        context: &mut Context<'_>,
        input: &ModifyShards,
    ) -> Result<ReplicationGroup, ApiError> {
        let mut group = self.to_scale(&input.id, input.apply_immediately)?;
        if !(1..=MOST_NODE_GROUPS).contains(&input.count) {
            return Err(ApiError::value(format!("NodeGroupCount must be from 1 to {MOST_NODE_GROUPS}.")));
        }
        let wanted = usize::try_from(input.count).unwrap_or(1);
        let current = group.node_groups.len();
        if wanted >= current && !(input.to_remove.is_empty() && input.to_retain.is_empty()) {
            return Err(ApiError::combination(
                "NodeGroupsToRemove and NodeGroupsToRetain are only for a smaller NodeGroupCount.",
            ));
        }
        if wanted <= current && !input.resharding.is_empty() {
            return Err(ApiError::combination("ReshardingConfiguration is only for a larger NodeGroupCount."));
        }
        if wanted < current {
            mark_removed(&mut group, input, wanted)?;
        }
        let kept: Vec<_> = group.kept_node_groups().map(|node_group| node_group.slots.clone()).collect();
        let mut spread = slots::rebalance(&kept, wanted.saturating_sub(current)).into_iter();
        for node_group in group.node_groups.iter_mut() {
            node_group.next_slots = match node_group.status {
                Status::Deleting => Some(Vec::new()),
                _ => spread.next(),
            };
        }
        self.add_shards(context, &mut group, input, spread.collect())?;
        check_node_count(group.kept_node_groups().map(|one| one.kept_members().count()).sum(), &group.version()?)?;
        check_multi_az(&group)?;
        group.is_resharding = true;
        Ok(self.begin(context, group, true, "Resharding"))
    }

    fn add_shards(
        &mut self,
        context: &mut Context<'_>,
        group: &mut ReplicationGroup,
        input: &ModifyShards,
        slots: Vec<Vec<crate::node::wanted::SlotRange>>,
    ) -> Result<(), ApiError> {
        let subnet_group = self.subnet_group(&group.subnet_group)?.clone();
        let (zones, added) = (subnet_group.zones(), slots.len());
        // Callers give wishes for the new shards, or for all with the new ones last.
        let known: Vec<String> = group.node_groups.iter().map(|node_group| node_group.id.clone()).collect();
        let mut wishes: Vec<NewShard> = input.resharding.clone();
        wishes.retain(|wish| wish.id.as_ref().is_none_or(|id| !known.contains(&format!("{id:0>4}"))));
        if wishes.len() > added {
            wishes.drain(..wishes.len() - added);
        }
        if !wishes.is_empty() && wishes.len() != added {
            return Err(ApiError::combination("ReshardingConfiguration must have an entry for every new node group."));
        }
        let size = group.node_groups.first().map_or(1, |node_group| node_group.kept_members().count());
        for (index, slots) in slots.into_iter().enumerate() {
            let wish = wishes.get(index).cloned().unwrap_or_default();
            let id = wish.id.map_or_else(|| free_shard_id(group), |id| format!("{id:0>4}"));
            if id.len() != 4 || id.chars().any(|digit| !digit.is_ascii_digit()) {
                return Err(ApiError::value(format!("Invalid node group id: {id}")));
            }
            if !wish.zones.is_empty() && wish.zones.len() != size {
                return Err(ApiError::combination(format!(
                    "PreferredAvailabilityZones must name {size} zones: one for each node of a node group."
                )));
            }
            let mut members = Vec::with_capacity(size);
            for position in 0..size {
                let spread = zones.get((group.node_groups.len() + position) % zones.len().max(1));
                let zone = wish.zones.get(position).or(spread).cloned().unwrap_or_default();
                let zone = check_zone(&zone, &zones)?;
                let member_id = format!("{}-{id}-{:03}", group.id, position + 1);
                let member = self.new_member(context, member_id, &zone, &subnet_group, &group.tags);
                members.push(Member { is_primary: position == 0, ..member });
            }
            let (status, next_slots) = (Status::Creating, Some(slots));
            group.node_groups.push(NodeGroup { id, status, slots: Vec::new(), next_slots, members });
        }
        group.node_groups.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(())
    }

    /// Adds replicas.
    pub fn increase_replicas(
        &mut self,
        context: &mut Context<'_>,
        input: &ModifyReplicas,
    ) -> Result<ReplicationGroup, ApiError> {
        let mut group = self.to_scale(&input.id, input.apply_immediately)?;
        let subnet_group = self.subnet_group(&group.subnet_group)?.clone();
        let (group_id, tags) = (group.id.clone(), group.tags.clone());
        let mut changed = false;
        for (position, wish) in wishes(&group, input)? {
            let Some(node_group) = group.node_groups.get_mut(position) else {
                continue;
            };
            let wanted = replicas(Some(wish.count))? + 1;
            if wanted < node_group.members.len() {
                return Err(ApiError::combination(format!(
                    "The new replica count of node group {} is below the current one.",
                    node_group.id
                )));
            }
            let zones = new_zones(node_group, position, &wish, wanted, &subnet_group)?;
            for zone in zones {
                let id = free_member_id(&group_id, node_group);
                node_group.members.push(self.new_member(context, id, &zone, &subnet_group, &tags));
                changed = true;
            }
        }
        if !changed {
            return Err(no_operation());
        }
        check_node_count(group.members().count(), &group.version()?)?;
        Ok(self.begin(context, group, true, "Increase of the replica count"))
    }

    /// Removes replicas: the named ones, or the last of each shard; never a primary.
    pub fn decrease_replicas(
        &mut self,
        context: &mut Context<'_>,
        input: &ModifyReplicas,
    ) -> Result<ReplicationGroup, ApiError> {
        let mut group = self.to_scale(&input.id, input.apply_immediately)?;
        check_named_replicas(&group, &input.to_remove)?;
        let mut changed = false;
        for (position, wish) in decrease_wishes(&group, input)? {
            let Some(node_group) = group.node_groups.get_mut(position) else {
                continue;
            };
            let wanted = replicas(Some(wish.count))? + 1;
            let current = node_group.members.len();
            if wanted > current {
                return Err(ApiError::combination(format!(
                    "The new replica count of node group {} is above the current one.",
                    node_group.id
                )));
            }
            let goes = removable(node_group, &input.to_remove, current - wanted)?;
            changed |= !goes.is_empty();
            let leaving = node_group.members.iter_mut().filter(|member| goes.contains(&member.id));
            leaving.for_each(|member| member.status = Status::Deleting);
        }
        if !changed {
            return Err(no_operation());
        }
        check_multi_az(&group)?;
        Ok(self.begin(context, group, true, "Decrease of the replica count"))
    }
}

fn check_immediate(apply_immediately: bool) -> Result<(), ApiError> {
    match apply_immediately {
        true => Ok(()),
        false => {
            Err(ApiError::value("ApplyImmediately must be true: this change can't wait for the maintenance window."))
        }
    }
}

fn no_operation() -> ApiError {
    ApiError::new("NoOperationFault", "The operation was not performed because no changes were required.")
}

/// A node group that the group does not have.
pub(super) fn node_group_not_found(id: &str, group: &ReplicationGroup) -> ApiError {
    let message = format!("Node group {id} not found in replication group {}.", group.id);
    ApiError::new("NodeGroupNotFoundFault", message).with_status(404)
}

fn mark_removed(group: &mut ReplicationGroup, input: &ModifyShards, wanted: usize) -> Result<(), ApiError> {
    let (names, is_retained) = match (input.to_remove.is_empty(), input.to_retain.is_empty()) {
        (false, true) => (&input.to_remove, false),
        (true, false) => (&input.to_retain, true),
        _ => {
            let message = "Give either NodeGroupsToRemove or NodeGroupsToRetain for a smaller NodeGroupCount.";
            return Err(ApiError::combination(message));
        }
    };
    let names: Vec<String> = names.iter().map(|id| format!("{id:0>4}")).collect();
    for id in &names {
        if !group.node_groups.iter().any(|node_group| node_group.id == *id) {
            return Err(node_group_not_found(id, group));
        }
    }
    for node_group in &mut group.node_groups {
        if names.contains(&node_group.id) != is_retained {
            node_group.status = Status::Deleting;
            node_group.members.iter_mut().for_each(|member| member.status = Status::Deleting);
        }
    }
    match group.kept_node_groups().count() == wanted {
        true => Ok(()),
        false => Err(ApiError::combination("The node groups that are left must be as many as NodeGroupCount.")),
    }
}

fn free_shard_id(group: &ReplicationGroup) -> String {
    let is_free = |id: &String| !group.node_groups.iter().any(|node_group| node_group.id == *id);
    (1..10_000).map(|number| format!("{number:04}")).find(is_free).unwrap_or_default()
}

fn free_member_id(group_id: &str, node_group: &NodeGroup) -> String {
    let is_free = |id: &String| !node_group.members.iter().any(|member| member.id == *id);
    let ids = (1..1000).map(|number| format!("{group_id}-{}-{number:03}", node_group.id));
    ids.into_iter().find(is_free).unwrap_or_default()
}

/// The wished count of each shard, with the shard's position.
fn wishes(group: &ReplicationGroup, input: &ModifyReplicas) -> Result<Vec<(usize, ShardReplicas)>, ApiError> {
    match (input.count, input.shards.is_empty()) {
        (Some(count), true) => {
            let wish = |node_group: &NodeGroup| ShardReplicas { id: node_group.id.clone(), count, zones: Vec::new() };
            Ok(group.node_groups.iter().map(wish).enumerate().collect())
        }
        (None, false) => {
            let mut found = Vec::new();
            for wish in &input.shards {
                let id = format!("{:0>4}", wish.id);
                let position = group.node_groups.iter().position(|node_group| node_group.id == id);
                found.push((position.ok_or_else(|| node_group_not_found(&id, group))?, wish.clone()));
            }
            Ok(found)
        }
        _ => Err(ApiError::combination("Give either NewReplicaCount or ReplicaConfiguration.")),
    }
}

/// As [`wishes`]; named replicas alone also say how many stay.
fn decrease_wishes(group: &ReplicationGroup, input: &ModifyReplicas) -> Result<Vec<(usize, ShardReplicas)>, ApiError> {
    if input.to_remove.is_empty() || input.count.is_some() || !input.shards.is_empty() {
        return wishes(group, input);
    }
    let named = |node_group: &NodeGroup| {
        node_group.members.iter().filter(|member| input.to_remove.contains(&member.id)).count()
    };
    let wish = |node_group: &NodeGroup| ShardReplicas {
        id: node_group.id.clone(),
        count: node_group.members.len() as i64 - 1 - named(node_group) as i64,
        zones: Vec::new(),
    };
    Ok(group
        .node_groups
        .iter()
        .enumerate()
        .filter(|(_, one)| named(one) > 0)
        .map(|(at, one)| (at, wish(one)))
        .collect())
}

fn check_named_replicas(group: &ReplicationGroup, names: &[String]) -> Result<(), ApiError> {
    for name in names {
        match group.members().find(|member| member.id == *name) {
            None => {
                return Err(ApiError::value(format!("{name} is not a member of replication group {}.", group.id)));
            }
            Some(member) if member.is_primary => {
                return Err(ApiError::value(format!("{name} is a primary; only replicas can be removed.")));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Ids of the replicas that go.
fn removable(node_group: &NodeGroup, named: &[String], count: usize) -> Result<Vec<String>, ApiError> {
    let others = || node_group.members.iter().rev().filter(|member| !member.is_primary);
    let chosen: Vec<String> = others().filter(|one| named.contains(&one.id)).map(|one| one.id.clone()).collect();
    if chosen.is_empty() {
        return Ok(others().take(count).map(|member| member.id.clone()).collect());
    }
    match chosen.len() == count {
        true => Ok(chosen),
        false => Err(ApiError::combination(format!(
            "ReplicasToRemove names {} replicas of node group {}, but the new replica count removes {count}.",
            chosen.len(),
            node_group.id
        ))),
    }
}

/// Zones of the members that a shard gets in addition.
fn new_zones(
    node_group: &NodeGroup,
    position: usize,
    wish: &ShardReplicas,
    wanted: usize,
    subnet_group: &SubnetGroup,
) -> Result<Vec<String>, ApiError> {
    let zones = subnet_group.zones();
    let current = node_group.members.len();
    if wish.zones.is_empty() {
        let zone = |member: usize| zones.get((position + member) % zones.len().max(1)).cloned().unwrap_or_default();
        return Ok((current..wanted).map(zone).collect());
    }
    if wish.zones.len() != wanted {
        return Err(ApiError::combination(
            "The number of PreferredAvailabilityZones must be the new replica count plus 1 for the primary.",
        ));
    }
    // The list is for all nodes of the shard: what is left after those that are there is for the new ones.
    let mut left = wish.zones.clone();
    for member in &node_group.members {
        if let Some(at) = left.iter().position(|zone| *zone == member.zone) {
            left.remove(at);
        }
    }
    left.truncate(wanted - current);
    left.iter().map(|zone| check_zone(zone, &zones)).collect()
}
