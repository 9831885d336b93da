//! Differences of the cache subnet group and the cache parameter group.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::ec2::{push_delete, push_update};
use super::{Action, Change, ChangeSet, Field, Planned, Refusal, left_alone, not_ours, tag_changes};
use crate::call::{Call, ParameterGroup, SubnetGroup, TagTarget};
use crate::desired::Desired;
use crate::observed::{Live, LiveParameterGroup, LiveSubnetGroup};
use crate::resource::{Address, Ownership, Tags};

/// ModifyCacheParameterGroup takes at most so many parameters a call.
const PARAMETERS_A_CALL: usize = 20;

pub(super) fn subnet_group(desired: &Desired, live: &Live, set: &mut ChangeSet) {
    let address = Address::SubnetGroup;
    let wanted = &desired.subnet_group;
    // What has another name is a stranger's, and in nobody's way.
    let Some(found) = live.subnet_group.as_ref().filter(|found| found.name == wanted.name) else {
        set.changes.push(Change {
            address,
            name: wanted.name.clone(),
            action: Action::Create,
            reason: "not there yet".to_owned(),
            fields: vec![
                Field::added("name", wanted.name.as_str()),
                Field::added("subnets", wanted.subnet_ids.iter().cloned().collect::<Vec<_>>()),
            ],
            calls: vec![Planned::new(Call::CreateSubnetGroup(wanted.clone()), "not there yet")],
        });
        return;
    };
    if let Some(refusal) = not_ours(address, &wanted.name, found.ownership) {
        set.refusals.push(refusal);
        return;
    }
    if found.vpc_id != desired.cluster_group.vpc_id {
        set.refusals.push(Refusal {
            address,
            path: "network".to_owned(),
            message: format!(
                "the stack is in {}, and the plan file asks for {}",
                found.vpc_id, desired.cluster_group.vpc_id
            ),
            hint: "a stack can't move to another VPC: destroy it and apply again, or use another `name`".to_owned(),
        });
        return;
    }
    let (mut fields, mut calls) = subnet_changes(wanted, found);
    spare_groups(live, &mut fields, &mut calls);
    push_update(set, address, wanted.name.clone(), fields, calls);
}

fn subnet_changes(wanted: &SubnetGroup, found: &LiveSubnetGroup) -> (Vec<Field>, Vec<Planned>) {
    let mut fields = Vec::new();
    let mut calls = Vec::new();
    if found.subnet_ids != wanted.subnet_ids {
        let list = |ids: &BTreeSet<String>| ids.iter().cloned().collect::<Vec<_>>();
        fields.push(Field::new("subnets", list(&found.subnet_ids), list(&wanted.subnet_ids)));
        let call = Call::ModifySubnetGroup(wanted.name.clone(), wanted.subnet_ids.clone());
        calls.push(Planned::new(call, "the plan file's subnets"));
    }
    add_tags(&wanted.tags, found.tags.as_ref(), found.arn.as_deref(), &mut fields, &mut calls);
    (fields, calls)
}

/// Deletes further subnet groups of the stack's own, once its nodes show which one they are in: until then another run
/// may be about to use one of them.
fn spare_groups(live: &Live, fields: &mut Vec<Field>, calls: &mut Vec<Planned>) {
    let members = live.replication_group.iter().flat_map(|group| &group.members);
    let used: BTreeSet<&str> = members.filter_map(|member| member.subnet_group.as_deref()).collect();
    if used.is_empty() {
        return;
    }
    let is_spare = |group: &&LiveSubnetGroup| group.ownership == Ownership::Ours && !used.contains(group.name.as_str());
    for group in live.spare_subnet_groups.iter().filter(is_spare) {
        fields.push(Field::new("spare", group.name.as_str(), Value::Null));
        let call = Call::DeleteSubnetGroup(group.name.clone());
        calls.push(Planned::new(call, "two runs at once have made one each, and no node is in this one"));
    }
}

/// Tags that differ, where both the live ones and the ARN are known.
pub(super) fn add_tags(
    wanted: &Tags,
    live: Option<&Tags>,
    arn: Option<&str>,
    fields: &mut Vec<Field>,
    calls: &mut Vec<Planned>,
) {
    let (Some(live), Some(arn)) = (live, arn) else { return };
    let mut changes = tag_changes(wanted, live);
    fields.append(&mut changes.fields);
    calls.extend(changes.calls(&TagTarget::ElastiCache(arn.to_owned())));
}

pub(super) fn parameter_group(desired: &Desired, live: &Live, set: &mut ChangeSet) {
    let address = Address::ParameterGroup;
    let ours = live.parameter_groups.iter().filter(|group| group.ownership == Ownership::Ours);
    let Some(wanted) = &desired.parameter_group else {
        let reason = "the plan file sets no parameters";
        let unused: Vec<&LiveParameterGroup> = ours.collect();
        delete_parameter_groups(&unused, reason, set);
        return;
    };
    let old: Vec<&LiveParameterGroup> = ours.filter(|group| group.name != wanted.name).collect();
    let deletions = old.iter().map(|group| delete_call(group, "it was another engine version's"));
    let found = live.parameter_groups.iter().find(|group| group.name == wanted.name);
    let Some(found) = found else {
        let mut calls = vec![Planned::new(Call::CreateParameterGroup(wanted.clone()), "not there yet")];
        calls.extend(parameter_calls(&wanted.name, &wanted.parameters));
        calls.extend(deletions);
        let reason = match old.first() {
            Some(old) => format!("{} is of the family {}; a group can't change its family", old.name, old.family),
            None => "not there yet".to_owned(),
        };
        set.changes.push(Change {
            address,
            name: wanted.name.clone(),
            action: if old.is_empty() { Action::Create } else { Action::Replace },
            reason,
            fields: new_group_fields(wanted, old.first().copied()),
            calls,
        });
        return;
    };
    if let Some(refusal) = not_ours(address, &wanted.name, found.ownership) {
        set.refusals.push(refusal);
        return;
    }
    let (fields, mut calls) = parameter_changes(wanted, found);
    calls.extend(deletions);
    push_update(set, address, wanted.name.clone(), fields, calls);
}

fn new_group_fields(wanted: &ParameterGroup, old: Option<&LiveParameterGroup>) -> Vec<Field> {
    let before = |value: Option<&String>| value.map_or(Value::Null, |value| Value::from(value.as_str()));
    let mut fields = vec![
        Field::new("name", before(old.map(|old| &old.name)), wanted.name.as_str()),
        Field::new("family", before(old.map(|old| &old.family)), wanted.family.as_str()),
    ];
    fields.extend(wanted.parameters.iter().map(|(name, value)| {
        let live = old.and_then(|old| old.parameters.as_ref()).and_then(|parameters| parameters.get(name));
        Field::new(format!("parameters.{name}"), before(live), value.as_str())
    }));
    fields.retain(|field| field.before != field.after);
    fields
}

fn parameter_changes(wanted: &ParameterGroup, found: &LiveParameterGroup) -> (Vec<Field>, Vec<Planned>) {
    let mut fields = Vec::new();
    let mut calls = Vec::new();
    if let Some(live) = &found.parameters {
        let changed: BTreeMap<String, String> = wanted
            .parameters
            .iter()
            .filter(|(name, value)| live.get(*name) != Some(value))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let gone: BTreeSet<String> =
            live.keys().filter(|name| !wanted.parameters.contains_key(*name)).cloned().collect();
        for (name, value) in &changed {
            let before = live.get(name).map_or(Value::Null, |value| Value::from(value.as_str()));
            fields.push(Field::new(format!("parameters.{name}"), before, value.as_str()));
        }
        for name in &gone {
            let before = live.get(name).map_or(Value::Null, |value| Value::from(value.as_str()));
            fields.push(Field::new(format!("parameters.{name}"), before, Value::Null));
        }
        calls.extend(parameter_calls(&wanted.name, &changed));
        if !gone.is_empty() {
            let call = Call::ResetParameters(wanted.name.clone(), gone);
            calls.push(Planned::new(call, "the plan file doesn't set these"));
        }
    }
    add_tags(&wanted.tags, found.tags.as_ref(), found.arn.as_deref(), &mut fields, &mut calls);
    (fields, calls)
}

fn parameter_calls(name: &str, parameters: &BTreeMap<String, String>) -> Vec<Planned> {
    let all: Vec<(&String, &String)> = parameters.iter().collect();
    all.chunks(PARAMETERS_A_CALL)
        .map(|chunk| {
            let some = chunk.iter().map(|(name, value)| ((*name).clone(), (*value).clone())).collect();
            Planned::new(Call::ModifyParameterGroup(name.to_owned(), some), "the plan file's parameters")
        })
        .collect()
}

/// Takes back the deletion of parameter groups that stay attached, as while the replication group can't be changed at
/// the moment: a later plan deletes them.
pub(super) fn keep_attached(live: &Live, set: &mut ChangeSet) {
    let attaches = |planned: &Planned| match &planned.call {
        Call::ModifyReplicationGroup(modify) => modify.parameter_group.is_some(),
        _ => false,
    };
    let group = set.change(Address::ReplicationGroup);
    if group.is_some_and(|change| change.calls.iter().any(attaches)) {
        return;
    }
    let members = live.replication_group.iter().flat_map(|group| &group.members);
    let attached: BTreeSet<&str> = members.filter_map(|member| member.parameter_group.as_deref()).collect();
    let stays = |planned: &Planned| match &planned.call {
        Call::DeleteParameterGroup(name) => attached.contains(name.as_str()),
        _ => false,
    };
    for change in &mut set.changes {
        change.calls.retain(|planned| !stays(planned));
    }
    set.changes.retain(|change| !change.calls.is_empty());
}

fn delete_call(group: &LiveParameterGroup, reason: &str) -> Planned {
    Planned::new(Call::DeleteParameterGroup(group.name.clone()), reason)
}

fn delete_parameter_groups(groups: &[&LiveParameterGroup], reason: &str, set: &mut ChangeSet) {
    if groups.is_empty() {
        return;
    }
    let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
    let calls = groups.iter().map(|group| delete_call(group, reason)).collect();
    push_delete(set, Address::ParameterGroup, names.join(", "), reason, calls);
}

fn delete_subnet_groups(live: &Live, reason: &str, set: &mut ChangeSet) {
    let (ours, others): (Vec<_>, Vec<_>) = live
        .subnet_group
        .iter()
        .chain(&live.spare_subnet_groups)
        .partition(|group: &&LiveSubnetGroup| group.ownership == Ownership::Ours);
    for group in others {
        left_alone(set, Address::SubnetGroup, &group.name, group.ownership);
    }
    if ours.is_empty() {
        return;
    }
    let names: Vec<&str> = ours.iter().map(|group| group.name.as_str()).collect();
    let deletion = |name: &&str| Planned::new(Call::DeleteSubnetGroup((*name).to_owned()), reason);
    push_delete(set, Address::SubnetGroup, names.join(", "), reason, names.iter().map(deletion).collect());
}

/// Deletes the subnet groups and the parameter groups.
pub(super) fn teardown(live: &Live, set: &mut ChangeSet) {
    let reason = "the stack is destroyed";
    delete_subnet_groups(live, reason, set);
    let (ours, others): (Vec<_>, Vec<_>) =
        live.parameter_groups.iter().partition(|group| group.ownership == Ownership::Ours);
    for group in others {
        left_alone(set, Address::ParameterGroup, &group.name, group.ownership);
    }
    delete_parameter_groups(&ours, reason, set);
}
