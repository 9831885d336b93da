//! What ModifyReplicationGroup changes in place: settings, engine, node type, encryption, groups.
//!
//! A field that the plan file leaves out, and for which no default is documented, is not managed.

use std::collections::BTreeSet;

use super::{Edits, log_texts, refuse};
use crate::call::{GroupRef, LogDeliveryChange, ReplicationGroup};
use crate::desired::Desired;
use crate::diff::ChangeSet;
use crate::diff::ec2::live_group_id;
use crate::engine_version::{as_written, is_downgrade, satisfies};
use crate::observed::{Live, LiveReplicationGroup};
use crate::resource::{Address, Ownership};

use super::log_text;

pub(super) fn engine(desired: &Desired, found: &LiveReplicationGroup, edits: &mut Edits, set: &mut ChangeSet) {
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
    let versions: BTreeSet<&str> = found.members.iter().filter_map(|member| member.engine_version.as_deref()).collect();
    if desired.written.engine_version.is_none() && other_engine.is_none() {
        return;
    }
    let others: Vec<&str> = versions.into_iter().filter(|live| !satisfies(live, &wanted.engine_version)).collect();
    if others.is_empty() && other_engine.is_none() {
        return;
    }
    if other_engine.is_none() && others.iter().any(|live| is_downgrade(live, &wanted.engine_version)) {
        refuse(
            set,
            "cluster.engine_version",
            format!("{} can't be downgraded to {} in place", others.join(", "), wanted.engine_version),
            format!("set `engine_version: \"{}\"`", as_written(others.last().copied().unwrap_or_default())),
        );
        return;
    }
    edits.field("engine_version", others.join(", "), wanted.engine_version.as_str());
    edits.upgrade.engine_version = Some(wanted.engine_version.clone());
}

pub(super) fn settings(desired: &Desired, found: &LiveReplicationGroup, edits: &mut Edits) {
    let wanted = &desired.replication_group;
    if let Some(live) = found.description.as_ref().filter(|live| **live != wanted.description) {
        edits.field("description", live.as_str(), wanted.description.as_str());
        edits.settings.description = Some(wanted.description.clone());
    }
    if let Some(live) = found.snapshot_retention_days.filter(|live| *live != wanted.snapshot_retention_days) {
        edits.field("snapshot_retention_days", live, wanted.snapshot_retention_days);
        edits.settings.snapshot_retention_days = Some(wanted.snapshot_retention_days);
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

pub(super) fn node_type(wanted: &ReplicationGroup, found: &LiveReplicationGroup, edits: &mut Edits) {
    if let Some(live) = found.node_type.as_ref().filter(|live| **live != wanted.node_type) {
        edits.field("node_type", live.as_str(), wanted.node_type.as_str());
        edits.resize.node_type = Some(wanted.node_type.clone());
    }
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
    let window =
        found.members.iter().find_map(|member| other(member.maintenance_window.as_ref(), &wanted.maintenance_window));
    if let Some((live, asked)) = window {
        edits.field("maintenance_window", live, asked.as_str());
        edits.settings.maintenance_window = Some(asked);
    }
    if let Some(asked) = &wanted.notification_topic_arn {
        let differs = found.members.iter().find(|member| member.notification_topic_arn.as_ref() != Some(asked));
        if let Some(member) = differs {
            edits.field("notification_topic_arn", member.notification_topic_arn.clone(), asked.as_str());
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

/// A set that the cloud leaves out where it is empty: left out, it is empty if the cloud tells of its members at all, and
/// unknown (`None`) if it doesn't.
fn told_set(found: &LiveReplicationGroup, live: Option<&BTreeSet<String>>) -> Option<BTreeSet<String>> {
    live.cloned().or_else(|| (!found.members.is_empty()).then(BTreeSet::new))
}

fn user_groups(wanted: &ReplicationGroup, found: &LiveReplicationGroup, edits: &mut Edits) {
    let asked: BTreeSet<String> = wanted.user_group_ids.iter().cloned().collect();
    let Some(live) = told_set(found, found.user_group_ids.as_ref()) else { return };
    if asked.is_empty() || live == asked {
        return;
    }
    edits.field("user_group_ids", live.iter().cloned().collect::<Vec<_>>(), wanted.user_group_ids.clone());
    edits.access.user_groups_to_add = asked.difference(&live).cloned().collect();
    edits.access.user_groups_to_remove = live.difference(&asked).cloned().collect();
}

fn log_delivery(wanted: &ReplicationGroup, found: &LiveReplicationGroup, edits: &mut Edits) {
    let asked: BTreeSet<String> = log_texts(&wanted.log_delivery).into_iter().collect();
    let Some(live) = told_set(found, found.log_delivery.as_ref()) else { return };
    if asked.is_empty() || live == asked {
        return;
    }
    edits.field("log_delivery", live.iter().cloned().collect::<Vec<_>>(), log_texts(&wanted.log_delivery));
    let log_type = |text: &String| text.split(' ').next().unwrap_or_default().to_owned();
    let kept: BTreeSet<String> = asked.iter().map(log_type).collect();
    let stopped: BTreeSet<String> = live.iter().map(log_type).filter(|kind| !kept.contains(kind)).collect();
    let changed = wanted.log_delivery.iter().filter(|log| !live.contains(&log_text(log)));
    edits.settings.log_delivery =
        changed.cloned().map(LogDeliveryChange::Set).chain(stopped.into_iter().map(LogDeliveryChange::Stop)).collect();
}

pub(super) fn encryption(
    wanted: &ReplicationGroup,
    found: &LiveReplicationGroup,
    edits: &mut Edits,
    set: &mut ChangeSet,
) {
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

pub(super) fn security_groups(wanted: &ReplicationGroup, found: &LiveReplicationGroup, live: &Live, edits: &mut Edits) {
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
    let other = told.map(|member| &member.group_ids).find(|groups| Some(*groups) != asked.as_ref());
    let Some(before) = other else { return };
    let after = asked.map_or_else(|| vec![Address::ClusterGroup.to_string()], |ids| ids.into_iter().collect());
    edits.field("security_groups", before.iter().cloned().collect::<Vec<_>>(), after);
    edits.settings.groups = Some(wanted.groups.clone());
}

/// Another parameter group is attached with the engine's upgrade where there is one (its family changes with it),
/// else among the settings. A group that neither the plan file nor this stack has put there is left alone.
pub(super) fn parameter_group(desired: &Desired, found: &LiveReplicationGroup, live: &Live, edits: &mut Edits) {
    let wanted = &desired.replication_group.parameter_group;
    let attached: BTreeSet<&String> =
        found.members.iter().filter_map(|member| member.parameter_group.as_ref()).collect();
    let written = desired.replication_group.own_parameter_group || desired.written.parameter_group.is_some();
    let ours =
        |name: &str| live.parameter_groups.iter().any(|group| group.name == name && group.ownership == Ownership::Ours);
    let upgrade = edits.upgrade.engine_version.is_some();
    let managed = |name: &&&String| written || ours(name) || (upgrade && name.starts_with("default."));
    let Some(other) = attached.iter().filter(|name| **name != wanted).find(managed) else {
        return;
    };
    edits.field("parameter_group", other.as_str(), wanted.as_str());
    let call = if upgrade { &mut edits.upgrade } else { &mut edits.settings };
    call.parameter_group = Some(wanted.clone());
}
