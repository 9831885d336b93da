//! The replication group's end with its data kept: when a final snapshot can be taken, when one is on its way already,
//! and when nothing may be deleted because there would be none.
//!
//! Whose a snapshot is, and so whether an earlier run has begun it, is told by the group that it is of.

use super::{ADDRESS, refuse};
use crate::call::{Call, Wait};
use crate::diff::ec2::push_delete;
use crate::diff::{ChangeSet, Keep, Planned, not_ours};
use crate::observed::{Live, LiveReplicationGroup, Snapshot};
use crate::resource::{Names, Ownership};

/// What `--snapshot` is called where a refusal names what asks for it.
const PATH: &str = "cluster";
const WITHOUT: &str = "`destroy` without --snapshot deletes it without its data";

/// Deletes the replication group once its data is in a snapshot.
pub(in crate::diff) fn teardown_keeping(live: &Live, names: &Names, keep: &Keep, set: &mut ChangeSet) {
    let id = names.replication_group();
    let named = keep.snapshots.and_then(|snapshots| snapshots.named.as_ref());
    let own = named.filter(|snapshot| snapshot.is_of(&id));
    let Some(found) = &live.replication_group else {
        return gone(&id, keep, own, set);
    };
    if found.ownership == Ownership::Foreign {
        set.refusals.extend(not_ours(ADDRESS, &id, found.ownership));
        return;
    }
    match (found.status.as_str(), own) {
        ("deleting", None) => refuse(
            set,
            PATH,
            format!("`{id}` is being deleted already, and there is no snapshot `{}` of it", keep.name),
            "`destroy` without --snapshot deletes the rest",
        ),
        ("deleting", Some(_)) => await_end(&id, keep, set),
        ("snapshotting", Some(own)) if own.status == "creating" => await_end(&id, keep, set),
        _ if named.is_some() => exists(&id, keep, own, set),
        (status, _) => delete(&id, found, status, keep, set),
    }
}

/// There is no group any more: an earlier run has kept it, or there is nothing to keep.
fn gone(id: &str, keep: &Keep, own: Option<&Snapshot>, set: &mut ChangeSet) {
    if own.is_none() {
        refuse(
            set,
            PATH,
            format!("there is no replication group `{id}`, and no snapshot `{}` of it", keep.name),
            "`destroy` without --snapshot deletes what is left of the stack",
        );
    }
}

fn exists(id: &str, keep: &Keep, own: Option<&Snapshot>, set: &mut ChangeSet) {
    let of = if own.is_some() { format!(", of an earlier `{id}` or an earlier moment") } else { String::new() };
    refuse(
        set,
        PATH,
        format!("there is a snapshot `{}` already{of}", keep.name),
        format!(
            "choose another name, or delete it with `aws elasticache delete-snapshot --snapshot-name {}`",
            keep.name
        ),
    );
}

fn await_end(id: &str, keep: &Keep, set: &mut ChangeSet) {
    let reason = format!("it is being deleted already; its data is kept in the snapshot `{}`", keep.name);
    push(id, keep, Call::Await, &reason, set);
}

fn delete(id: &str, found: &LiveReplicationGroup, status: &str, keep: &Keep, set: &mut ChangeSet) {
    if matches!(status, "creating" | "create-failed" | "restore-failed") {
        let hint = match status {
            "creating" => format!("run again when it is available; {WITHOUT}"),
            _ => WITHOUT.to_owned(),
        };
        refuse(set, PATH, format!("`{id}` is {status}, and a snapshot can't be taken of it"), hint);
        return;
    }
    // A cloud that has no snapshots may delete all the same.
    if keep.snapshots.is_none() {
        let message = format!("this cloud tells of no snapshots, so the data of `{id}` can't be kept in one");
        refuse(set, PATH, message, WITHOUT);
        return;
    }
    // The one family that ElastiCache backs up none of.
    if let Some(node_type) = found.node_type.as_deref().filter(|node_type| node_type.starts_with("cache.t1.")) {
        refuse(set, "cluster.node_type", format!("of {node_type} nodes a snapshot can't be taken"), WITHOUT);
        return;
    }
    let verify_owner = found.ownership == Ownership::Unknown;
    let call =
        Call::DeleteReplicationGroup { id: id.to_owned(), verify_owner, final_snapshot: Some(keep.name.to_owned()) };
    let reason = format!("the stack is destroyed; its data is kept in the snapshot `{}`", keep.name);
    push(id, keep, call, &reason, set);
}

fn push(id: &str, keep: &Keep, call: Call, reason: &str, set: &mut ChangeSet) {
    let kept = Wait::ReplicationGroupKept { id: id.to_owned(), snapshot: keep.name.to_owned() };
    push_delete(set, ADDRESS, id.to_owned(), reason, vec![Planned::waiting(call, kept, reason)]);
    set.notes.push(format!("the data of {ADDRESS} is kept in the snapshot `{}`", keep.name));
}
