//! Whether a new cluster can start with the data of the snapshot that the plan file names.
//!
//! A cluster that is there has its data already: of it nothing is asked, and the snapshot may be gone long since. Any
//! number of shards is possible: ElastiCache spreads a snapshot's keys anew.

use super::{Impossible, engine_version, impossible};
use crate::engine_version::is_downgrade;
use crate::observed::{Observed, Snapshot, Snapshots};
use crate::spec::{ClusterSpec, Engine, Spec};

const PATH: &str = "cluster.restore_from";

/// The snapshot's name as ElastiCache stores it.
pub(super) fn name(cluster: &ClusterSpec) -> Option<String> {
    cluster.restore_from.as_ref().map(|name| name.to_ascii_lowercase())
}

pub(super) fn check(spec: &Spec, observed: &Observed, problems: &mut Vec<Impossible>) {
    let (Some(name), None) = (name(&spec.cluster), &observed.live.replication_group) else { return };
    let Some(snapshots) = &observed.surroundings.snapshots else { return };
    let Some(snapshot) = &snapshots.named else {
        problems.push(missing(spec, &name, snapshots));
        return;
    };
    if snapshot.status != "available" {
        let hint = match snapshot.status.as_str() {
            "deleting" => "name another snapshot",
            _ => "run again when it is available",
        };
        problems.push(impossible(PATH, format!("the snapshot `{name}` is {}", snapshot.status), hint));
    }
    problems.extend(wrong_engine(spec, snapshot));
    problems.extend(wrong_tiering(spec, snapshot));
}

fn missing(spec: &Spec, name: &str, snapshots: &Snapshots) -> Impossible {
    let hint = match snapshots.available.as_slice() {
        [] => format!(
            "`{}` has no snapshot that is available; `aws elasticache describe-snapshots` lists those of others",
            spec.name
        ),
        names => format!("snapshots of `{}` that are available: {}", spec.name, names.join(", ")),
    };
    impossible(PATH, format!("there is no snapshot `{name}` in this region"), hint)
}

/// Data goes to the same or a newer version, and from Redis to Valkey, but never back.
fn wrong_engine(spec: &Spec, snapshot: &Snapshot) -> Option<Impossible> {
    let wanted = spec.cluster.engine.unwrap_or(Engine::Redis);
    let asked = engine_version(&spec.cluster, wanted);
    let (engine, version) = (snapshot.engine.as_deref()?, snapshot.engine_version.as_deref().unwrap_or_default());
    let told = |hint: String| {
        let name = &snapshot.name;
        let message =
            format!("the snapshot `{name}` is of {engine} {version}, which {} {asked} can't read", wanted.as_str());
        Some(impossible(PATH, message, hint))
    };
    match (engine, wanted) {
        ("valkey", Engine::Redis) => told("write `engine: valkey` and its version in the plan file".to_owned()),
        ("redis", Engine::Redis) | ("valkey", Engine::Valkey) if is_downgrade(version, asked) => {
            told(format!("write `engine_version` as {version} or newer"))
        }
        _ => None,
    }
}

/// Only nodes with data tiering take the data of such, and no others'.
fn wrong_tiering(spec: &Spec, snapshot: &Snapshot) -> Option<Impossible> {
    let (tiered, wanted) = (snapshot.data_tiering?, spec.cluster.data_tiering.unwrap_or(false));
    if tiered == wanted {
        return None;
    }
    let name = &snapshot.name;
    Some(match tiered {
        true => impossible(
            PATH,
            format!("the snapshot `{name}` is of nodes with data tiering, and only such can take it"),
            "choose a cache.r6gd node type and `data_tiering: true`",
        ),
        false => impossible(
            PATH,
            format!("the snapshot `{name}` is of nodes without data tiering, and only such can take it"),
            "choose another node type, and leave `data_tiering` out",
        ),
    })
}
