//! Differences of what EC2 holds: key pair, security groups, client host.
//!
//! None of these holds cluster data, so they may be replaced; the security groups never need to be.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Action, Change, ChangeSet, Field, Planned, Refusal, left_alone, not_ours, tag_changes};
use crate::call::{Call, GroupRef, Instance, KeySource, Rule, SecurityGroup, Source, TagTarget, Wait};
use crate::desired::Desired;
use crate::observed::{Live, LiveInstance, LiveKeyPair, LiveRule, LiveSecurityGroup, LiveSource};
use crate::resource::{Address, Names, Ownership, Tags, USER_DATA_TAG};

pub(super) fn key_pair(desired: &Desired, live: &Live, set: &mut ChangeSet) {
    let address = Address::KeyPair;
    let name = desired.names.key_pair();
    match (&desired.key_pair, &live.key_pair) {
        (None, None) => {}
        (None, Some(found)) => delete_key_pair(found, &name, "the plan file has no key pair of the stack's own", set),
        (Some(wanted), None) => set.changes.push(Change {
            address,
            fields: vec![
                Field::added("name", name.as_str()),
                Field::added("public_key", public_key_field(&wanted.source)),
            ],
            name,
            action: Action::Create,
            reason: "not there yet".to_owned(),
            calls: vec![Planned::new(Call::ImportKeyPair(wanted.clone()), "only the public half is sent")],
        }),
        (Some(wanted), Some(found)) => {
            if let Some(refusal) = not_ours(address, &name, found.ownership) {
                set.refusals.push(refusal);
                return;
            }
            if let Some(before) = other_public_key(&wanted.source, found) {
                let calls = vec![
                    Planned::new(delete_call(found), "a key pair can't be changed"),
                    Planned::new(Call::ImportKeyPair(wanted.clone()), "only the public half is sent"),
                ];
                set.changes.push(Change {
                    address,
                    name,
                    action: Action::Replace,
                    reason: "the public key differs".to_owned(),
                    fields: vec![Field::new("public_key", before, public_key_field(&wanted.source))],
                    calls,
                });
                return;
            }
            let (fields, calls) = tag_calls(&wanted.tags, &found.tags, &found.id);
            push_update(set, address, name, fields, calls);
        }
    }
}

fn public_key_field(source: &KeySource) -> Value {
    match source {
        KeySource::Generate => Value::from("(generated)"),
        KeySource::PublicKey(key) => Value::from(without_comment(key)),
    }
}

/// Type and key of an OpenSSH public key, without its comment.
fn without_comment(key: &str) -> String {
    key.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

/// The live public key, where it is known and not the wanted one.
fn other_public_key(source: &KeySource, found: &LiveKeyPair) -> Option<String> {
    let KeySource::PublicKey(wanted) = source else {
        return None;
    };
    let live = without_comment(found.public_key.as_ref()?);
    (live != without_comment(wanted)).then_some(live)
}

fn delete_call(found: &LiveKeyPair) -> Call {
    Call::DeleteKeyPair { id: found.id.clone(), public_key: found.public_key.clone() }
}

fn delete_key_pair(found: &LiveKeyPair, name: &str, reason: &str, set: &mut ChangeSet) {
    if found.ownership == Ownership::Ours {
        let calls = vec![Planned::new(delete_call(found), reason)];
        push_delete(set, Address::KeyPair, name.to_owned(), reason, calls);
    }
}

pub(super) fn client_group(desired: &Desired, live: &Live, set: &mut ChangeSet) {
    match (&desired.client_group, &live.client_group) {
        (None, Some(found)) if found.ownership == Ownership::Ours => {
            let reason = "the plan file has no client host";
            let calls = vec![Planned::new(Call::DeleteSecurityGroup(found.id.clone()), reason)];
            push_delete(set, Address::ClientGroup, desired.names.client_group(), reason, calls);
        }
        (None, _) => {}
        (Some(wanted), found) => security_group(Address::ClientGroup, wanted, found.as_ref(), live, set),
    }
}

pub(super) fn cluster_group(desired: &Desired, live: &Live, set: &mut ChangeSet) {
    security_group(Address::ClusterGroup, &desired.cluster_group, live.cluster_group.as_ref(), live, set);
}

fn security_group(
    address: Address,
    wanted: &SecurityGroup,
    found: Option<&LiveSecurityGroup>,
    live: &Live,
    set: &mut ChangeSet,
) {
    note_of_nobody(address, wanted, set);
    let Some(found) = found else {
        create_security_group(address, wanted, live, set);
        return;
    };
    if let Some(refusal) = not_ours(address, &wanted.name, found.ownership) {
        set.refusals.push(refusal);
        return;
    }
    if found.vpc_id != wanted.vpc_id {
        set.refusals.push(Refusal {
            address,
            path: "network".to_owned(),
            message: format!("the stack is in {}, and the plan file asks for {}", found.vpc_id, wanted.vpc_id),
            hint: "a stack can't move to another VPC: destroy it and apply again, or use another `name`".to_owned(),
        });
        return;
    }
    let (mut fields, mut calls) = rule_changes(address, wanted, found, live);
    let (tag_fields, tag_calls) = tag_calls(&wanted.tags, &found.tags, &found.id);
    fields.extend(tag_fields);
    calls.extend(tag_calls);
    push_update(set, address, wanted.name.clone(), fields, calls);
}

/// A cluster that nobody may reach is most likely an oversight.
fn note_of_nobody(address: Address, wanted: &SecurityGroup, set: &mut ChangeSet) {
    if address == Address::ClusterGroup && wanted.ingress.is_empty() {
        set.notes.push(format!("{address} lets nobody in: `cluster.allow_from` names who may reach the cluster"));
    }
}

fn create_security_group(address: Address, wanted: &SecurityGroup, live: &Live, set: &mut ChangeSet) {
    let mut calls = vec![Planned::new(Call::CreateSecurityGroup(address, wanted.clone()), "not there yet")];
    if !wanted.ingress.is_empty() {
        let call = Call::AuthorizeIngress(GroupRef::Of(address), wanted.ingress.clone());
        calls.push(Planned::new(call, "a new group lets nobody in"));
    }
    let fields = vec![
        Field::added("name", wanted.name.as_str()),
        Field::added("vpc", wanted.vpc_id.as_str()),
        Field::added("ingress", rule_texts(&wanted.ingress, live)),
    ];
    let name = wanted.name.clone();
    set.changes.push(Change {
        address,
        name,
        action: Action::Create,
        reason: "not there yet".to_owned(),
        fields,
        calls,
    });
}

/// The group is the stack's own: what the plan file doesn't let in is let in no longer.
fn rule_changes(
    address: Address,
    wanted: &SecurityGroup,
    found: &LiveSecurityGroup,
    live: &Live,
) -> (Vec<Field>, Vec<Planned>) {
    let wanted_live: BTreeSet<LiveRule> = wanted.ingress.iter().filter_map(|rule| live_rule(rule, live)).collect();
    let missing: BTreeSet<Rule> = wanted
        .ingress
        .iter()
        .filter(|rule| live_rule(rule, live).is_none_or(|rule| !found.ingress.contains(&rule)))
        .cloned()
        .collect();
    let unwanted: BTreeSet<LiveRule> = found.ingress.difference(&wanted_live).cloned().collect();
    if missing.is_empty() && unwanted.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let before: Vec<String> = found.ingress.iter().map(ToString::to_string).collect();
    let fields = vec![Field::new("ingress", before, rule_texts(&wanted.ingress, live))];
    let mut calls = Vec::new();
    // First in, then out: a source that only changes its form is never shut out in between.
    if !missing.is_empty() {
        let call = Call::AuthorizeIngress(GroupRef::Known(found.id.clone()), missing);
        calls.push(Planned::new(call, format!("let in what the plan file lets into {address}")));
    }
    if !unwanted.is_empty() {
        let call = Call::RevokeIngress(found.id.clone(), unwanted);
        calls.push(Planned::new(call, "the plan file does not let this in"));
    }
    (fields, calls)
}

/// The rule as it would be live; `None` while the group that it names isn't there.
pub fn live_rule(rule: &Rule, live: &Live) -> Option<LiveRule> {
    let source = match &rule.source {
        Source::Cidr(cidr) => LiveSource::Cidr(cidr.clone()),
        Source::PrefixList(id) => LiveSource::PrefixList(id.clone()),
        Source::Group(GroupRef::Known(id)) => LiveSource::Group(id.clone()),
        Source::Group(GroupRef::Of(address)) => LiveSource::Group(live_group_id(*address, live)?.to_owned()),
    };
    let port = i32::from(rule.port);
    Some(LiveRule { protocol: "tcp".to_owned(), from_port: Some(port), to_port: Some(port), source })
}

/// The id of the stack's own group at an address, if it is live and ours.
pub(super) fn live_group_id(address: Address, live: &Live) -> Option<&str> {
    let group = match address {
        Address::ClientGroup => live.client_group.as_ref(),
        Address::ClusterGroup => live.cluster_group.as_ref(),
        _ => None,
    };
    group.filter(|group| group.ownership == Ownership::Ours).map(|group| group.id.as_str())
}

/// Rules as people read them; a group by its id once it is live.
fn rule_texts(rules: &BTreeSet<Rule>, live: &Live) -> Vec<String> {
    rules
        .iter()
        .map(|rule| {
            let source = match &rule.source {
                Source::Cidr(text) | Source::PrefixList(text) | Source::Group(GroupRef::Known(text)) => text,
                Source::Group(GroupRef::Of(address)) => live_group_id(*address, live).unwrap_or(address.as_str()),
            };
            format!("tcp {} from {source}", rule.port)
        })
        .collect()
}

pub(super) fn instance(desired: &Desired, live: &Live, set: &mut ChangeSet) {
    let address = Address::Instance;
    let name = desired.names.instance();
    let Some(wanted) = &desired.instance else {
        delete_instances(live, &name, "the plan file has no client host", set);
        return;
    };
    let found = match live.instances.as_slice() {
        [] => {
            set.changes.push(Change {
                address,
                name,
                action: Action::Create,
                reason: "not there yet".to_owned(),
                fields: instance_fields(wanted),
                calls: vec![run_call(wanted, "not there yet")],
            });
            return;
        }
        [found] => found,
        several => {
            let ids: Vec<&str> = several.iter().map(|instance| instance.id.as_str()).collect();
            set.refusals.push(Refusal {
                address,
                path: "client".to_owned(),
                message: format!("{} client hosts carry this stack's tag: {}", several.len(), ids.join(", ")),
                hint: "terminate all but one, then run again".to_owned(),
            });
            return;
        }
    };
    let replacing = instance_replacements(desired, wanted, found, live, set);
    if !replacing.is_empty() {
        let paths: Vec<&str> = replacing.iter().map(|field| field.path.as_str()).collect();
        let ids = vec![found.id.clone()];
        let terminate = Call::TerminateInstances(ids.clone());
        let gone = Wait::InstancesTerminated { ids };
        let reason = format!("{} can only be set at launch; the host holds no cluster data", paths.join(", "));
        set.changes.push(Change {
            address,
            name,
            action: Action::Replace,
            fields: replacing,
            calls: vec![Planned::waiting(terminate, gone, reason.as_str()), run_call(wanted, reason.as_str())],
            reason,
        });
        return;
    }
    update_instance(wanted, found, name, set);
}

fn update_instance(wanted: &Instance, found: &LiveInstance, name: String, set: &mut ChangeSet) {
    let address = Address::Instance;
    let (mut fields, mut calls) = tag_calls(&wanted.tags, &found.tags, &found.id);
    if found.imds_v2_only == Some(false) {
        fields.push(Field::new("imds_v2_only", false, true));
        calls.push(Planned::new(Call::RequireImdsV2(found.id.clone()), "IMDSv1 answers to anybody on the host"));
    }
    if !calls.is_empty() {
        push_update(set, address, name, fields, calls);
    } else if found.state == "pending" {
        let reason = format!("{} is pending", found.id);
        let calls = vec![Planned::waiting(Call::Await, Wait::InstanceRunning, reason.as_str())];
        set.changes.push(Change { address, name, action: Action::Wait, reason, fields: Vec::new(), calls });
    } else if found.state != "running" {
        set.notes.push(format!("{address} {} is {}; start it to use it", found.id, found.state));
    }
}

/// What differs and can only be set at launch.
fn instance_replacements(
    desired: &Desired,
    wanted: &Instance,
    found: &LiveInstance,
    live: &Live,
    set: &ChangeSet,
) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut compare = |path: &str, before: Option<&str>, after: &str| {
        if before.is_some_and(|before| before != after) {
            fields.push(Field::new(path, before.map_or(Value::Null, Value::from), after));
        }
    };
    compare("instance_type", Some(&found.instance_type), &wanted.instance_type);
    compare("key_pair", found.key_name.as_deref(), &wanted.key_name);
    // The newest image moves on by itself; that is no reason to replace a host.
    if desired.image_is_pinned {
        compare("ami", Some(&found.image_id), &wanted.image_id);
    }
    if desired.subnet_is_pinned {
        compare("subnet", found.subnet_id.as_deref(), &wanted.subnet_id);
    }
    let user_data = |tags: &crate::resource::Tags| tags.get(USER_DATA_TAG).cloned();
    if let (Some(before), Some(after)) = (user_data(&found.tags), user_data(&wanted.tags)) {
        compare("redis_client", Some(&before), &after);
    }
    let group = live_group_id(Address::ClientGroup, live);
    if let Some(group) = group.filter(|group| !found.group_ids.is_empty() && !found.group_ids.contains(*group)) {
        let before: Vec<&str> = found.group_ids.iter().map(String::as_str).collect();
        fields.push(Field::new("security_group", before.join(", "), group));
    }
    let new_key = set.change(Address::KeyPair).is_some_and(|change| change.action == Action::Replace);
    if new_key {
        fields.push(Field::new("public_key", "(the one before)", "(the new one)"));
    }
    fields
}

fn instance_fields(wanted: &Instance) -> Vec<Field> {
    let mut fields = vec![
        Field::added("instance_type", wanted.instance_type.as_str()),
        Field::added("ami", wanted.image_id.as_str()),
        Field::added("key_pair", wanted.key_name.as_str()),
        Field::added("subnet", wanted.subnet_id.as_str()),
        Field::added("security_group", Address::ClientGroup.as_str()),
        Field::added("redis_client", wanted.tags.get(USER_DATA_TAG).cloned()),
        Field::added("disk_gib", wanted.disk_gib),
        Field::added("disk_encrypted", true),
        Field::added("imds_v2_only", true),
    ];
    if let Some(public_ip) = wanted.public_ip {
        fields.push(Field::added("public_ip", public_ip));
    }
    fields
}

fn run_call(wanted: &Instance, reason: &str) -> Planned {
    Planned::waiting(Call::RunInstance(Box::new(wanted.clone())), Wait::InstanceRunning, reason)
}

fn delete_instances(live: &Live, name: &str, reason: &str, set: &mut ChangeSet) {
    if live.instances.is_empty() {
        return;
    }
    let ids: Vec<String> = live.instances.iter().map(|instance| instance.id.clone()).collect();
    let call = Call::TerminateInstances(ids.clone());
    let calls = vec![Planned::waiting(call, Wait::InstancesTerminated { ids }, reason)];
    push_delete(set, Address::Instance, name.to_owned(), reason, calls);
}

/// Deletes all that EC2 holds of the stack.
pub(super) fn teardown(live: &Live, names: &Names, set: &mut ChangeSet) {
    let reason = "the stack is destroyed";
    if let Some(found) = &live.key_pair {
        left_alone(set, Address::KeyPair, &names.key_pair(), found.ownership);
        delete_key_pair(found, &names.key_pair(), reason, set);
    }
    delete_instances(live, &names.instance(), reason, set);
    let client_id = live_group_id(Address::ClientGroup, live);
    for (address, name, group) in [
        (Address::ClientGroup, names.client_group(), &live.client_group),
        (Address::ClusterGroup, names.cluster_group(), &live.cluster_group),
    ] {
        let Some(group) = group else { continue };
        left_alone(set, address, &name, group.ownership);
        if group.ownership != Ownership::Ours {
            continue;
        }
        let mut calls = Vec::new();
        // A group that another group's rule names can't be deleted; without the rule, the client's side doesn't have
        // to wait for the cluster to be gone.
        let naming_client: BTreeSet<LiveRule> = group
            .ingress
            .iter()
            .filter(|rule| {
                address == Address::ClusterGroup
                    && client_id.is_some_and(|id| rule.source == LiveSource::Group(id.to_owned()))
            })
            .cloned()
            .collect();
        if !naming_client.is_empty() {
            let call = Call::RevokeIngress(group.id.clone(), naming_client);
            calls.push(Planned::new(call, "it names the client host's group, which could not be deleted"));
        }
        calls.push(Planned::new(Call::DeleteSecurityGroup(group.id.clone()), reason));
        push_delete(set, address, name, reason, calls);
    }
}

pub(super) fn push_delete(set: &mut ChangeSet, address: Address, name: String, reason: &str, calls: Vec<Planned>) {
    let reason = reason.to_owned();
    set.changes.push(Change { address, name, action: Action::Delete, reason, fields: Vec::new(), calls });
}

pub(super) fn push_update(
    set: &mut ChangeSet,
    address: Address,
    name: String,
    fields: Vec<Field>,
    calls: Vec<Planned>,
) {
    if calls.is_empty() {
        return;
    }
    let paths: Vec<&str> = fields.iter().map(|field| field.path.as_str()).collect();
    let reason = format!("changes in place: {}", paths.join(", "));
    set.changes.push(Change { address, name, action: Action::Update, reason, fields, calls });
}

/// The tags of an EC2 resource that differ, and the calls that put them right.
fn tag_calls(wanted: &Tags, live: &Tags, id: &str) -> (Vec<Field>, Vec<Planned>) {
    let mut changes = tag_changes(wanted, live);
    let fields = std::mem::take(&mut changes.fields);
    (fields, changes.calls(&TagTarget::Ec2(id.to_owned())))
}
