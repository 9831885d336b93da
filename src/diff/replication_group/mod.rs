//! Differences of the replication group: what changes in place, by which chain of calls, and what can't.
//!
//! Every change puts the group in `modifying`, where the next is refused; so its calls are a chain, and each waits
//! until the group is settled. Nothing here ever replaces or deletes a group that should be there.

mod fixed;
mod keep;
mod scale;
mod settings;

pub(super) use keep::teardown_keeping;

use std::collections::BTreeSet;

use serde_json::Value;

use super::ec2::push_delete;
use super::elasticache::add_tags;
use super::{Action, Change, ChangeSet, Field, Planned, Refusal, left_alone, not_ours};
use crate::call::{Call, ModifyReplicationGroup, ReplicationGroup, Wait};
use crate::desired::Desired;
use crate::observed::{Live, LiveReplicationGroup};
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
            format!("`{id}` is {}", found.status),
            "`destroy` it and apply again; where capacity ran out, another zone or node type helps",
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
    set.refusals.push(Refusal { address: ADDRESS, path: path.to_owned(), message, hint });
}

fn settled(id: &str) -> Wait {
    Wait::ReplicationGroupSettled { id: id.to_owned() }
}

/// A shard without replicas has nothing to fail over to.
fn note_of_no_replicas(wanted: &ReplicationGroup, set: &mut ChangeSet) {
    if wanted.shards.iter().any(|shard| shard.replica_zones.is_empty()) {
        set.notes.push(format!("{ADDRESS} has shards without replicas: when their primary fails, their data is lost"));
    }
}

fn create(wanted: &ReplicationGroup, set: &mut ChangeSet) {
    note_of_no_replicas(wanted, set);
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
    let by_shard = || wanted.shards.iter().map(|shard| shard.replica_zones.len()).collect::<Vec<_>>();
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
    written("auto_minor_version_upgrade", wanted.auto_minor_version_upgrade.map(Value::from));
    written("log_delivery", list(&log_texts(&wanted.log_delivery)));
    written("data_tiering", wanted.data_tiering.map(Value::from));
    written("network_type", wanted.network_type.map(Value::from));
    written("ip_discovery", wanted.ip_discovery.map(Value::from));
    written("restore_from", text(&wanted.snapshot_name));
    written("snapshot_arns", list(&wanted.snapshot_arns));
    written("serverless_snapshot", text(&wanted.serverless_snapshot));
    written("global_replication_group_id", text(&wanted.global_replication_group_id));
    for shard in &wanted.shards {
        let zones: Vec<&str> =
            std::iter::once(&shard.primary_zone).chain(&shard.replica_zones).map(String::as_str).collect();
        let slots = shard.slots.as_ref().map(|slots| format!(", slots {slots}")).unwrap_or_default();
        fields.push(Field::added(format!("node_groups.{}", shard.id), format!("{}{slots}", zones.join(" "))));
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
    access: ModifyReplicationGroup,
    upgrade: ModifyReplicationGroup,
    resize: ModifyReplicationGroup,
    multi_az_on: bool,
    scale: Vec<Planned>,
}

fn changes(desired: &Desired, found: &LiveReplicationGroup, live: &Live, set: &mut ChangeSet) {
    let wanted = &desired.replication_group;
    let modify = || ModifyReplicationGroup { id: wanted.id.clone(), ..ModifyReplicationGroup::default() };
    let mut edits = Edits {
        fields: Vec::new(),
        settings: modify(),
        access: modify(),
        upgrade: modify(),
        resize: modify(),
        multi_az_on: false,
        scale: Vec::new(),
    };
    fixed::fixed_at_creation(desired, found, set);
    settings::settings(desired, found, &mut edits);
    settings::security_groups(wanted, found, live, &mut edits);
    // Of a secondary of a global datastore the primary decides the rest.
    if wanted.global_replication_group_id.is_none() {
        settings::engine(desired, found, &mut edits, set);
        settings::node_type(wanted, found, &mut edits);
        settings::encryption(wanted, found, &mut edits, set);
        settings::parameter_group(desired, found, live, &mut edits);
        scale::replicas(desired, found, &mut edits, set);
        scale::shards(desired, found, &mut edits, set);
    }
    let mut calls = edits.chain(&modify());
    let mut fields = edits.fields;
    // Last, because tags can be put on only while the group is available.
    add_tags(&wanted.tags, found.tags.as_ref(), found.arn.as_deref(), &mut fields, &mut calls);
    if calls.is_empty() {
        return;
    }
    note_of_no_replicas(wanted, set);
    set.refusals.extend(not_ours(ADDRESS, &wanted.id, found.ownership));
    if !found.pending.is_empty() && calls.iter().any(|planned| matches!(planned.call, Call::ModifyReplicationGroup(_)))
    {
        // Changes are made at once, and AWS makes what waits for the maintenance window along with them.
        let pending = found.pending.join(", ");
        set.notes.push(format!("{ADDRESS} has changes that wait for its maintenance window, made now too: {pending}"));
    }
    super::ec2::push_update(set, ADDRESS, wanted.id.clone(), fields, calls);
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
        // AWS takes user groups only once TLS is required and settled.
        push(&self.access, "user groups", &mut calls);
        push(&self.upgrade, "engine upgrade, node by node, with brief failovers", &mut calls);
        push(&self.resize, "new node type, node by node, with brief failovers", &mut calls);
        calls.append(&mut self.scale);
        if self.multi_az_on {
            let on = ModifyReplicationGroup { multi_az: Some(true), ..untouched.clone() };
            push(&on, "Multi-AZ, now that every shard has its replicas", &mut calls);
        }
        calls
    }
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
        push_delete(set, ADDRESS, id, reason, vec![Planned::waiting(Call::Await, gone, reason)]);
    } else {
        // Where the tags can't be read (as while it is being made), they are read again before it is deleted.
        let verify_owner = found.ownership == Ownership::Unknown;
        let call = Call::DeleteReplicationGroup { id: id.clone(), verify_owner, final_snapshot: None };
        push_delete(set, ADDRESS, id, reason, vec![Planned::waiting(call, gone, reason)]);
    }
}
