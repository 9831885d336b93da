//! Reads the one snapshot that a query names, and only then.

use aws_sdk_elasticache::types as api;

use super::elasticache::is_not_found;
use crate::aws::error::failed;
use crate::aws::{AwsCloud, text};
use crate::cloud::{CloudError, ErrorKind};
use crate::observed::{Query, Snapshot, Snapshots};

const OPERATION: &str = "elasticache:DescribeSnapshots";

/// The snapshot that is asked for; where there is none of its name, those that the stack has, which is a second round
/// trip. `None`: none is asked for, or the cloud has no snapshots.
pub(super) async fn snapshots(cloud: &AwsCloud, query: &Query) -> Result<Option<Snapshots>, CloudError> {
    let Some(name) = &query.snapshot else { return Ok(None) };
    let found = match named(cloud, name).await {
        Ok(found) => found,
        Err(error) if error.kind == ErrorKind::Unsupported => return Ok(None),
        Err(error) => return Err(error),
    };
    let is_to_start_from = query.surroundings.is_some();
    let available = match &found {
        // Only names to choose from: where they can't be read, there are none to tell.
        None if is_to_start_from => available(cloud, &query.names.replication_group()).await.unwrap_or_default(),
        _ => Vec::new(),
    };
    Ok(Some(Snapshots { named: found, available }))
}

/// A snapshot by its name; `None`: there is none.
pub(in crate::aws) async fn named(cloud: &AwsCloud, name: &str) -> Result<Option<Snapshot>, CloudError> {
    let request = cloud.elasticache.describe_snapshots().snapshot_name(name);
    match request.send().await.map_err(failed(OPERATION)) {
        Ok(answer) => Ok(answer.snapshots.unwrap_or_default().iter().filter_map(snapshot).next()),
        Err(error) if is_not_found(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Names of a group's snapshots that are `available`.
async fn available(cloud: &AwsCloud, group: &str) -> Result<Vec<String>, CloudError> {
    let request = cloud.elasticache.describe_snapshots().replication_group_id(group);
    let answer = request.send().await.map_err(failed(OPERATION))?;
    let all = answer.snapshots.unwrap_or_default();
    let mut names: Vec<String> =
        all.iter().filter_map(snapshot).filter(|one| one.status == "available").map(|one| one.name).collect();
    names.sort();
    Ok(names)
}

fn snapshot(snapshot: &api::Snapshot) -> Option<Snapshot> {
    Some(Snapshot {
        name: text(snapshot.snapshot_name())?,
        status: snapshot.snapshot_status().unwrap_or_default().to_owned(),
        group: text(snapshot.replication_group_id()),
        engine: text(snapshot.engine()),
        engine_version: text(snapshot.engine_version()),
        data_tiering: snapshot.data_tiering().map(|tiering| *tiering == api::DataTieringStatus::Enabled),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::answers::{cloud, refusal, result};
    use crate::observed::SurroundingsQuery;
    use crate::resource::Names;
    use crate::spec::{Engine, NetworkSpec};

    fn query(to_start_from: bool) -> Query {
        let around = SurroundingsQuery {
            network: NetworkSpec::default(),
            image: None,
            ec2_instance_connect: false,
            group_names: Default::default(),
            key_name: None,
            engine: Engine::Redis,
            engine_version: "7.1".to_owned(),
            parameter_group: None,
        };
        let surroundings = to_start_from.then_some(around);
        Query { names: Names::new("day19"), surroundings, snapshot: Some("keep".to_owned()) }
    }

    #[tokio::test]
    async fn only_where_the_snapshot_is_missing_are_others_listed() {
        let listed = |name: &str, status: &str| {
            format!("<Snapshot><SnapshotName>{name}</SnapshotName><SnapshotStatus>{status}</SnapshotStatus></Snapshot>")
        };
        let (cloud, asked) = cloud(move |form| match form.get("SnapshotName") {
            Some(_) => refusal("SnapshotNotFoundFault", "no"),
            None => {
                let all = [listed("b", "available"), listed("c", "creating"), listed("a", "available")].concat();
                result("DescribeSnapshots", &format!("<Snapshots>{all}</Snapshots>"))
            }
        });
        let found = snapshots(&cloud, &query(true)).await.unwrap().unwrap();
        assert_eq!((found.named, found.available), (None, vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(asked.of("DescribeSnapshots").len(), 2);
        let found = snapshots(&cloud, &query(false)).await.unwrap().unwrap();
        assert_eq!((found.named, found.available.len()), (None, 0));
        assert_eq!(asked.of("DescribeSnapshots").len(), 3);
    }

    #[tokio::test]
    async fn a_cloud_without_snapshots_is_no_reason_to_fail() {
        let (cloud, _) = cloud(|_| refusal("InvalidAction", "what?"));
        assert_eq!(snapshots(&cloud, &query(true)).await, Ok(None));
    }
}
