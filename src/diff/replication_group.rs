//! Differences of the replication group: what changes in place, by which chain of calls, and what can't.
//!
//! Every change puts the group in `modifying`, where the next is refused; so its calls are a chain, and each waits
//! until the group is settled. Nothing here ever replaces or deletes a group that should be there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::ec2::{live_group_id, push_delete};
use super::elasticache::add_tags;
use super::{Action, Change, ChangeSet, Field, Planned, Refusal, left_alone, not_ours};
use crate::call::{Call, GroupRef, LogDeliveryChange, ModifyReplicationGroup, ReplicaCount, ReplicationGroup};
use crate::call::{ShardZones, Wait};
use crate::desired::{Desired, spread};
use crate::engine_version::{is_downgrade, satisfies};
use crate::observed::{Live, LiveNodeGroup, LiveReplicationGroup};
use crate::resource::{Address, Names, Ownership};
use crate::spec::LogDelivery;

const ADDRESS: Address = Address::ReplicationGroup;

pub(super) fn diff(desired: &Desired, live: &Live, set: &mut ChangeSet) {
    let wanted = &desired.replication_group;
    let Some(found) = &live.replication_group else {
        create(wanted, set);
        return;
    };
    let id = wanted.id.as_str();
    if found.ownership == Ownership::Foreign {
        set.refusals.extend(not_ours(ADDRESS, id, found.ownership));
        return;
    }
    match found.status.as_str() {
        "create-failed" | "restore-failed" => refuse(
            set,
            "cluster",
            format!("`{id}` is {}: AWS could not make it", found.status),
            "see its events with `status`, then `destroy` and apply again; where capacity ran out, another zone or node type helps",
        ),
        "deleting" => refuse(
            set,
            "cluster",
            format!("`{id}` is being deleted"),
            "run again when it is gone; `status` shows it until then",
        ),
        _ if found.is_settled() => changes(desired, found, live, set),
        _ => wait(id, found, set),
    }
}

fn refuse(set: &mut ChangeSet, path: &str, message: impl Into<String>, hint: impl Into<String>) {
    let (message, hint) = (message.into(), hint.into());
    set.refusals.push(Refusal {
        address: ADDRESS,
        path: path.to_owned(),
        message,
        hint,
    });
}

fn settled(id: &str) -> Wait {
    Wait::ReplicationGroupSettled { id: id.to_owned() }
}

fn create(wanted: &ReplicationGroup, set: &mut ChangeSet) {
    let call = Call::CreateReplicationGroup(Box::new(wanted.clone()));
    set.changes.push(Change {
        address: ADDRESS,
        name: wanted.id.clone(),
        action: Action::Create,
        reason: "not there yet".to_owned(),
        fields: create_fields(wanted),
        calls: vec![Planned::waiting(call, settled(&wanted.id), "not there yet")],
    });
}

fn create_fields(wanted: &ReplicationGroup) -> Vec<Field> {
    let mut fields = vec![
        Field::added("engine", wanted.engine.as_str()),
        Field::added("engine_version", wanted.engine_version.as_str()),
        Field::added("node_type", wanted.node_type.as_str()),
        Field::added("shards", wanted.shards.len()),
    ];
    let replicas: BTreeSet<usize> = wanted.shards.iter().map(|shard| shard.replica_zones.len()).collect();
    let by_shard = || {
        wanted
            .shards
            .iter()
            .map(|shard| shard.replica_zones.len())
            .collect::<Vec<_>>()
    };
    fields.push(match replicas.iter().next() {
        Some(count) if replicas.len() == 1 => Field::added("replicas_per_shard", *count),
        _ => Field::added("replicas_per_shard", by_shard()),
    });
    fields.extend([
        Field::added("multi_az", wanted.multi_az),
        Field::added("port", wanted.port),
        Field::added("parameter_group", wanted.parameter_group.as_str()),
        Field::added("snapshot_retention_days", wanted.snapshot_retention_days),
    ]);
    let mut written = |path: &str, value: Option<Value>| {
        fields.extend(value.map(|value| Field::added(path, value)));
    };
    let text = |value: &Option<String>| value.clone().map(Value::from);
    written("snapshot_window", text(&wanted.snapshot_window));
    written("maintenance_window", text(&wanted.maintenance_window));
    written("transit_encryption", wanted.transit_encryption.map(Value::from));
    written("at_rest_encryption", wanted.at_rest_encryption.map(Value::from));
    written("kms_key_id", text(&wanted.kms_key_id));
    written("auth_token_env", wanted.auth_token.then(|| Value::from("(secret)")));
    written("user_group_ids", list(&wanted.user_group_ids));
    written("notification_topic_arn", text(&wanted.notification_topic_arn));
    written(
        "auto_minor_version_upgrade",
        wanted.auto_minor_version_upgrade.map(Value::from),
    );
    written("log_delivery", list(&log_texts(&wanted.log_delivery)));
    written("data_tiering", wanted.data_tiering.map(Value::from));
    written("network_type", wanted.network_type.map(Value::from));
    written("ip_discovery", wanted.ip_discovery.map(Value::from));
    written("restore_from", text(&wanted.snapshot_name));
    written("snapshot_arns", list(&wanted.snapshot_arns));
    written("serverless_snapshot", text(&wanted.serverless_snapshot));
    written("global_replication_group_id", text(&wanted.global_replication_group_id));
    for shard in &wanted.shards {
        let zones: Vec<&str> = std::iter::once(&shard.primary_zone)
            .chain(&shard.replica_zones)
            .map(String::as_str)
            .collect();
        let slots = shard
            .slots
            .as_ref()
            .map(|slots| format!(", slots {slots}"))
            .unwrap_or_default();
        fields.push(Field::added(
            format!("node_groups.{}", shard.id),
            format!("{}{slots}", zones.join(" ")),
        ));
    }
    fields
}

fn list(values: &[String]) -> Option<Value> {
    (!values.is_empty()).then(|| Value::from(values.to_vec()))
}

/// Log delivery as `log-type destination-type destination format`, the form in which it is compared.
pub fn log_text(log: &LogDelivery) -> String {
    let (kind, destination) = (log.log_type.as_str(), log.destination_type.as_str());
    format!("{kind} {destination} {} {}", log.destination, log.format.as_str())
}

fn log_texts(logs: &[LogDelivery]) -> Vec<String> {
    logs.iter().map(log_text).collect()
}

fn wait(id: &str, found: &LiveReplicationGroup, set: &mut ChangeSet) {
    let reason = match found.status.as_str() {
        "available" => "some of its nodes are still on their way".to_owned(),
        status => format!("it is {status}; what differs can be told when it is available"),
    };
    set.changes.push(Change {
        address: ADDRESS,
        name: id.to_owned(),
        action: Action::Wait,
        fields: Vec::new(),
        calls: vec![Planned::waiting(Call::Await, settled(id), reason.as_str())],
        reason,
    });
}

/// Collects what differs and the chain of calls.
struct Edits {
    fields: Vec<Field>,
    settings: ModifyReplicationGroup,
    upgrade: ModifyReplicationGroup,
    resize: ModifyReplicationGroup,
    multi_az_on: bool,
    scale: Vec<Planned>,
}

fn changes(desired: &Desired, found: &LiveReplicationGroup, live: &Live, set: &mut ChangeSet) {
    let wanted = &desired.replication_group;
    let modify = || ModifyReplicationGroup {
        id: wanted.id.clone(),
        ..ModifyReplicationGroup::default()
    };
    let mut edits = Edits {
        fields: Vec::new(),
        settings: modify(),
        upgrade: modify(),
        resize: modify(),
        multi_az_on: false,
        scale: Vec::new(),
    };
    let refusals_before = set.refusals.len();
    fixed_at_creation(desired, found, set);
    engine(desired, found, &mut edits, set);
    settings(desired, found, &mut edits);
    encryption(wanted, found, &mut edits, set);
    security_groups(wanted, found, live, &mut edits);
    parameter_group(desired, found, live, &mut edits);
    replicas(desired, found, &mut edits, set);
    shards(desired, found, &mut edits, set);
    let mut calls = edits.chain(&modify());
    let mut fields = edits.fields;
    // Last, because tags can be put on only while the group is available.
    add_tags(
        &wanted.tags,
        found.tags.as_ref(),
        found.arn.as_deref(),
        &mut fields,
        &mut calls,
    );
    if calls.is_empty() {
        return;
    }
    set.refusals.extend(not_ours(ADDRESS, &wanted.id, found.ownership));
    // The refused field is told of; the others aren't applied without it.
    if set.refusals.len() == refusals_before {
        super::ec2::push_update(set, ADDRESS, wanted.id.clone(), fields, calls);
    }
}

impl Edits {
    fn field(&mut self, path: &str, before: impl Into<Value>, after: impl Into<Value>) {
        self.fields.push(Field::new(path, before, after));
    }

    /// The calls in the order that AWS allows: Multi-AZ goes off (among the settings) before replicas go, and on
    /// after they have come; engine and node type each have a call of their own, because each rolls through all
    /// nodes.
    fn chain(&mut self, untouched: &ModifyReplicationGroup) -> Vec<Planned> {
        let mut calls = Vec::new();
        let push = |modify: &ModifyReplicationGroup, reason: &str, calls: &mut Vec<Planned>| {
            if modify != untouched {
                let call = Call::ModifyReplicationGroup(Box::new(modify.clone()));
                calls.push(Planned::waiting(call, settled(&modify.id), reason));
            }
        };
        push(&self.settings, "settings that change in place", &mut calls);
        push(
            &self.upgrade,
            "engine upgrade, node by node, with brief failovers",
            &mut calls,
        );
        push(
            &self.resize,
            "new node type, node by node, with brief failovers",
            &mut calls,
        );
        calls.append(&mut self.scale);
        if self.multi_az_on {
            let on = ModifyReplicationGroup {
                multi_az: Some(true),
                ..untouched.clone()
            };
            push(&on, "Multi-AZ, now that every shard has its replicas", &mut calls);
        }
        calls
    }
}

fn fixed_at_creation(desired: &Desired, found: &LiveReplicationGroup, set: &mut ChangeSet) {
    let wanted = &desired.replication_group;
    let written = &desired.written;
    let mut fixed = |path: &str, live: Option<String>, asked: Option<String>| {
        if let (Some(live), Some(asked)) = (live, asked)
            && live != asked
        {
            refuse(
                set,
                &format!("cluster.{path}"),
                format!("{path} is fixed at creation: it is {live}, and the plan file asks for {asked}"),
                "set it back; or, if the data may be lost, `destroy` and apply again",
            );
        }
    };
    let port = found.endpoint.as_ref().map(|endpoint| endpoint.port.to_string());
    fixed("port", port, Some(wanted.port.to_string()));
    let text = |value: Option<bool>| value.map(|value| value.to_string());
    fixed(
        "at_rest_encryption",
        text(found.at_rest_encryption),
        text(written.at_rest_encryption),
    );
    fixed("kms_key_id", found.kms_key_id.clone(), written.kms_key_id.clone());
    fixed("data_tiering", text(found.data_tiering), text(written.data_tiering));
    let network = written.network_type.map(|network| network.as_str().to_owned());
    fixed("network_type", found.network_type.clone(), network);
    let subnet_group = found.members.iter().find_map(|member| member.subnet_group.clone());
    fixed("subnet group", subnet_group, Some(wanted.subnet_group.clone()));
    if found.cluster_enabled == Some(false) {
        refuse(
            set,
            "cluster",
            format!(
                "`{}` has cluster mode off, and shardform makes clusters with cluster mode on",
                wanted.id
            ),
            "change it to `compatible` and then to `enabled` on AWS, or use another `name`",
        );
    }
    if found.auth_token_enabled == Some(false) && wanted.auth_token {
        refuse(
            set,
            "cluster.auth_token_env",
            "an AUTH token can be added to a live cluster only in two steps (ROTATE, then SET)",
            "add it on AWS in these two steps; the plan file then agrees",
        );
    }
    zones_by_hand(desired, found, set);
}

/// Zones and slots that the plan file chooses by hand are fixed as well; those that were spread may be anywhere.
fn zones_by_hand(desired: &Desired, found: &LiveReplicationGroup, set: &mut ChangeSet) {
    for (group, shard) in desired
        .written
        .node_groups
        .iter()
        .zip(&desired.replication_group.shards)
    {
        let Some(live) = found.node_groups.iter().find(|live| live.id == shard.id) else {
            continue;
        };
        let mut live_zones: Vec<&str> = live.zones.values().map(String::as_str).collect();
        let mut asked: Vec<&str> = std::iter::once(&shard.primary_zone)
            .chain(&shard.replica_zones)
            .map(String::as_str)
            .collect();
        live_zones.sort_unstable();
        asked.sort_unstable();
        let by_hand = group.primary_zone.is_some() && (group.replica_zones.is_some() || asked.len() == 1);
        if by_hand && live_zones.len() == asked.len() && live_zones != asked && !live_zones.contains(&"") {
            refuse(
                set,
                "cluster.node_groups",
                format!(
                    "shard {} is in {}, and the plan file asks for {}",
                    live.id,
                    live_zones.join(" "),
                    asked.join(" ")
                ),
                "nodes can't move to another zone: set it back, or remove replicas and add them again",
            );
        }
        if let (Some(asked), Some(live_slots)) = (&shard.slots, &live.slots)
            && asked != live_slots
        {
            refuse(
                set,
                "cluster.node_groups",
                format!(
                    "shard {} serves the slots {live_slots}, and the plan file asks for {asked}",
                    live.id
                ),
                "slots by hand are fixed at creation: set them back, or leave `slots` out",
            );
        }
    }
}

fn engine(desired: &Desired, found: &LiveReplicationGroup, edits: &mut Edits, set: &mut ChangeSet) {
    let wanted = &desired.replication_group;
    let other_engine = found.engine.as_ref().filter(|engine| **engine != wanted.engine);
    if let Some(live) = other_engine {
        if live == "valkey" {
            refuse(
                set,
                "cluster.engine",
                "valkey can't be changed back to redis in place",
                "set `engine: valkey`; or, if the data may be lost, `destroy` and apply again",
            );
            return;
        }
        edits.field("engine", live.as_str(), wanted.engine.as_str());
        edits.upgrade.engine = Some(wanted.engine.clone());
        edits.upgrade.engine_version = Some(wanted.engine_version.clone());
    }
    let versions: BTreeSet<&str> = found
        .members
        .iter()
        .filter_map(|member| member.engine_version.as_deref())
        .collect();
    if desired.written.engine_version.is_none() && other_engine.is_none() {
        return;
    }
    let others: Vec<&str> = versions
        .into_iter()
        .filter(|live| !satisfies(live, &wanted.engine_version))
        .collect();
    if others.is_empty() && other_engine.is_none() {
        return;
    }
    if other_engine.is_none() && others.iter().any(|live| is_downgrade(live, &wanted.engine_version)) {
        refuse(
            set,
            "cluster.engine_version",
            format!(
                "{} can't be downgraded to {} in place",
                others.join(", "),
                wanted.engine_version
            ),
            format!(
                "set `engine_version: \"{}\"`",
                others.last().copied().unwrap_or_default()
            ),
        );
        return;
    }
    edits.field("engine_version", others.join(", "), wanted.engine_version.as_str());
    edits.upgrade.engine_version = Some(wanted.engine_version.clone());
}

fn settings(desired: &Desired, found: &LiveReplicationGroup, edits: &mut Edits) {
    let wanted = &desired.replication_group;
    if let Some(live) = found.description.as_ref().filter(|live| **live != wanted.description) {
        edits.field("description", live.as_str(), wanted.description.as_str());
        edits.settings.description = Some(wanted.description.clone());
    }
    if let Some(live) = found
        .snapshot_retention_days
        .filter(|live| *live != wanted.snapshot_retention_days)
    {
        edits.field("snapshot_retention_days", live, wanted.snapshot_retention_days);
        edits.settings.snapshot_retention_days = Some(wanted.snapshot_retention_days);
    }
    if let Some(live) = found.node_type.as_ref().filter(|live| **live != wanted.node_type) {
        edits.field("node_type", live.as_str(), wanted.node_type.as_str());
        edits.resize.node_type = Some(wanted.node_type.clone());
    }
    if let Some(live) = found.multi_az.filter(|live| *live != wanted.multi_az) {
        edits.field("multi_az", live, wanted.multi_az);
        if wanted.multi_az {
            edits.multi_az_on = true;
        } else {
            edits.settings.multi_az = Some(false);
        }
    }
    written_settings(wanted, found, edits);
}

/// Settings that are managed only where the plan file writes them.
fn written_settings(wanted: &ReplicationGroup, found: &LiveReplicationGroup, edits: &mut Edits) {
    let other = |live: Option<&String>, asked: &Option<String>| match (live, asked) {
        (Some(live), Some(asked)) if !live.eq_ignore_ascii_case(asked) => Some((live.clone(), asked.clone())),
        _ => None,
    };
    if let Some((live, asked)) = other(found.snapshot_window.as_ref(), &wanted.snapshot_window) {
        edits.field("snapshot_window", live, asked.as_str());
        edits.settings.snapshot_window = Some(asked);
    }
    let window = found
        .members
        .iter()
        .find_map(|member| other(member.maintenance_window.as_ref(), &wanted.maintenance_window));
    if let Some((live, asked)) = window {
        edits.field("maintenance_window", live, asked.as_str());
        edits.settings.maintenance_window = Some(asked);
    }
    if let Some(asked) = &wanted.notification_topic_arn {
        let differs = found
            .members
            .iter()
            .find(|member| member.notification_topic_arn.as_ref() != Some(asked));
        if let Some(member) = differs {
            edits.field(
                "notification_topic_arn",
                member.notification_topic_arn.clone(),
                asked.as_str(),
            );
            edits.settings.notification_topic_arn = Some(asked.clone());
        }
    }
    if let (Some(live), Some(asked)) = (found.auto_minor_version_upgrade, wanted.auto_minor_version_upgrade)
        && live != asked
    {
        edits.field("auto_minor_version_upgrade", live, asked);
        edits.settings.auto_minor_version_upgrade = Some(asked);
    }
    if let (Some(live), Some(asked)) = (&found.ip_discovery, wanted.ip_discovery)
        && live != asked
    {
        edits.field("ip_discovery", live.as_str(), asked);
        edits.settings.ip_discovery = Some(asked);
    }
    user_groups(wanted, found, edits);
    log_delivery(wanted, found, edits);
}

fn user_groups(wanted: &ReplicationGroup, found: &LiveReplicationGroup, edits: &mut Edits) {
    let asked: BTreeSet<String> = wanted.user_group_ids.iter().cloned().collect();
    let Some(live) = found
        .user_group_ids
        .as_ref()
        .filter(|live| !asked.is_empty() && **live != asked)
    else {
        return;
    };
    edits.field(
        "user_group_ids",
        live.iter().cloned().collect::<Vec<_>>(),
        wanted.user_group_ids.clone(),
    );
    edits.settings.user_groups_to_add = asked.difference(live).cloned().collect();
    edits.settings.user_groups_to_remove = live.difference(&asked).cloned().collect();
}

fn log_delivery(wanted: &ReplicationGroup, found: &LiveReplicationGroup, edits: &mut Edits) {
    let asked: BTreeSet<String> = log_texts(&wanted.log_delivery).into_iter().collect();
    let Some(live) = found
        .log_delivery
        .as_ref()
        .filter(|live| !asked.is_empty() && **live != asked)
    else {
        return;
    };
    edits.field(
        "log_delivery",
        live.iter().cloned().collect::<Vec<_>>(),
        log_texts(&wanted.log_delivery),
    );
    let log_type = |text: &String| text.split(' ').next().unwrap_or_default().to_owned();
    let kept: BTreeSet<String> = asked.iter().map(log_type).collect();
    let stopped: BTreeSet<String> = live.iter().map(log_type).filter(|kind| !kept.contains(kind)).collect();
    let changed = wanted.log_delivery.iter().filter(|log| !live.contains(&log_text(log)));
    edits.settings.log_delivery = changed
        .cloned()
        .map(LogDeliveryChange::Set)
        .chain(stopped.into_iter().map(LogDeliveryChange::Stop))
        .collect();
}

fn encryption(wanted: &ReplicationGroup, found: &LiveReplicationGroup, edits: &mut Edits, set: &mut ChangeSet) {
    let (Some(live), Some(asked)) = (found.transit_encryption.as_deref(), wanted.transit_encryption) else {
        return;
    };
    match (live, asked) {
        _ if live == asked => {}
        ("off", "required") | ("required", "off") => refuse(
            set,
            "cluster.transit_encryption",
            format!("transit encryption can't go from {live} to {asked} at once"),
            "set `transit_encryption: preferred`, apply, move the clients over, and then change it again",
        ),
        _ => {
            edits.field("transit_encryption", live, asked);
            edits.settings.transit_encryption = Some(asked);
        }
    }
}

fn security_groups(wanted: &ReplicationGroup, found: &LiveReplicationGroup, live: &Live, edits: &mut Edits) {
    let asked: Option<BTreeSet<String>> = wanted
        .groups
        .iter()
        .map(|group| match group {
            GroupRef::Known(id) => Some(id.clone()),
            GroupRef::Of(address) => live_group_id(*address, live).map(str::to_owned),
        })
        .collect();
    // Every member is looked at: drift of a single node is otherwise unseen. A member without groups is one whose
    // groups the cloud doesn't tell.
    let told = found.members.iter().filter(|member| !member.group_ids.is_empty());
    let other = told
        .map(|member| &member.group_ids)
        .find(|groups| Some(*groups) != asked.as_ref());
    let Some(before) = other else { return };
    let after = asked.map_or_else(
        || vec![Address::ClusterGroup.to_string()],
        |ids| ids.into_iter().collect(),
    );
    edits.field("security_groups", before.iter().cloned().collect::<Vec<_>>(), after);
    edits.settings.groups = Some(wanted.groups.clone());
}

/// Another parameter group is attached with the engine's upgrade where there is one (its family changes with it),
/// else among the settings. A group that neither the plan file nor this stack has put there is left alone.
fn parameter_group(desired: &Desired, found: &LiveReplicationGroup, live: &Live, edits: &mut Edits) {
    let wanted = &desired.replication_group.parameter_group;
    let attached: BTreeSet<&String> = found
        .members
        .iter()
        .filter_map(|member| member.parameter_group.as_ref())
        .collect();
    let written = desired.replication_group.own_parameter_group || desired.written.parameter_group.is_some();
    let ours = |name: &str| {
        live.parameter_groups
            .iter()
            .any(|group| group.name == name && group.ownership == Ownership::Ours)
    };
    let upgrade = edits.upgrade.engine_version.is_some();
    let managed = |name: &&&String| written || ours(name) || (upgrade && name.starts_with("default."));
    let Some(other) = attached.iter().filter(|name| **name != wanted).find(managed) else {
        return;
    };
    edits.field("parameter_group", other.as_str(), wanted.as_str());
    let call = if upgrade {
        &mut edits.upgrade
    } else {
        &mut edits.settings
    };
    call.parameter_group = Some(wanted.clone());
}

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
            let shard = same_id.or_else(|| {
                if by_hand {
                    None
                } else {
                    shards.get(index).or(shards.first())
                }
            })?;
            Some((group, group.zones.len().saturating_sub(1), shard.replica_zones.len()))
        })
        .collect()
}

fn replicas(desired: &Desired, found: &LiveReplicationGroup, edits: &mut Edits, set: &mut ChangeSet) {
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
        let counts = more
            .iter()
            .map(|(group, _, then)| count(group, *then, grown_zones(group, *then, &zones)))
            .collect();
        let call = Call::IncreaseReplicaCount(id.clone(), counts);
        edits.scale.push(Planned::waiting(call, settled(&id), "more replicas"));
    }
    if !fewer.is_empty() {
        if found.node_groups.is_empty() {
            refuse(
                set,
                "cluster.replicas_per_shard",
                "the live shards can't be read",
                "run again later",
            );
        }
        let counts = fewer
            .iter()
            .map(|(group, _, then)| count(group, *then, Vec::new()))
            .collect();
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

fn shards(desired: &Desired, found: &LiveReplicationGroup, edits: &mut Edits, set: &mut ChangeSet) {
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
        let call = Call::AddShards(id.clone(), shards_out(desired, found));
        edits
            .scale
            .push(Planned::waiting(call, settled(&id), "more shards; slots move online"));
        return;
    }
    // Who goes is taken from what is live: by hand, those that the plan file lists no longer; else the last ones.
    let listed: BTreeSet<&str> = wanted.shards.iter().map(|shard| shard.id.as_str()).collect();
    let by_hand = !desired.written.node_groups.is_empty();
    let mut candidates: Vec<&LiveNodeGroup> = found.node_groups.iter().collect();
    candidates.sort_by_key(|group| (by_hand && !listed.contains(group.id.as_str()), group.id.clone()));
    let gone: Vec<String> = candidates
        .split_off(then)
        .into_iter()
        .map(|group| group.id.clone())
        .collect();
    let reason = format!(
        "fewer shards: {} go, and their slots move online to the others",
        gone.join(", ")
    );
    let count = u32::try_from(then).unwrap_or(u32::MAX);
    edits.scale.push(Planned::waiting(
        Call::RemoveShards(id.clone(), count, gone),
        settled(&id),
        reason,
    ));
}

/// Zones of all shards after scaling out: those that are there as they are, the new ones as planned or spread on.
fn shards_out(desired: &Desired, found: &LiveReplicationGroup) -> Vec<ShardZones> {
    let wanted = &desired.replication_group;
    let live: BTreeMap<&str, &LiveNodeGroup> = found
        .node_groups
        .iter()
        .map(|group| (group.id.as_str(), group))
        .collect();
    let zones = live_zones(desired, found);
    let mut out: Vec<ShardZones> = found
        .node_groups
        .iter()
        .map(|group| ShardZones {
            node_group_id: group.id.clone(),
            zones: group.zones.values().cloned().collect(),
        })
        .collect();
    let mut fresh = wanted
        .shards
        .iter()
        .filter(|shard| !live.contains_key(shard.id.as_str()));
    while out.len() < wanted.shards.len() {
        let index = out.len();
        let Some(shard) = fresh.next() else { break };
        let planned: Vec<String> = std::iter::once(&shard.primary_zone)
            .chain(&shard.replica_zones)
            .cloned()
            .collect();
        let spread_on = || {
            (0..planned.len())
                .filter_map(|node| spread(&zones, planned.len(), index, node))
                .collect()
        };
        let by_hand = !desired.written.node_groups.is_empty();
        let zones = if by_hand { planned.clone() } else { spread_on() };
        out.push(ShardZones {
            node_group_id: shard.id.clone(),
            zones,
        });
    }
    out
}

/// Deletes the replication group.
pub(super) fn teardown(live: &Live, names: &Names, set: &mut ChangeSet) {
    let Some(found) = &live.replication_group else { return };
    let id = names.replication_group();
    let reason = "the stack is destroyed";
    let gone = Wait::ReplicationGroupGone { id: id.clone() };
    if found.ownership == Ownership::Foreign {
        left_alone(set, ADDRESS, &id, found.ownership);
    } else if found.status == "deleting" {
        // It goes by itself; what it holds in use has to wait for it.
        let reason = "it is being deleted already";
        push_delete(
            set,
            ADDRESS,
            id,
            reason,
            vec![Planned::waiting(Call::Await, gone, reason)],
        );
    } else {
        // Where the tags can't be read (as while it is being made), they are read again before it is deleted.
        let verify_owner = found.ownership == Ownership::Unknown;
        let call = Call::DeleteReplicationGroup {
            id: id.clone(),
            verify_owner,
        };
        push_delete(set, ADDRESS, id, reason, vec![Planned::waiting(call, gone, reason)]);
    }
}
