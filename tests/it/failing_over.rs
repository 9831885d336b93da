//! A shard of a real cluster failed over through the API: its roles, its data, its events and its statuses.
//! Needs `redis-server` or `valkey-server` in the PATH.

use redis::Commands;
use redis::cluster::ClusterClient;

use crate::planning::QUICKSTART;
use crate::sandbox::{Sandbox, engine, until};

/// The texts of all elements of this name.
fn texts<'a>(answer: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    answer.split(open.as_str()).skip(1).filter_map(|rest| rest.split(close.as_str()).next()).collect()
}

fn describe(sandbox: &Sandbox) -> String {
    sandbox.call("elasticache", &[("Action", "DescribeReplicationGroups")])
}

fn fail_over(sandbox: &Sandbox, node_group: &str) -> String {
    let parameters = [("Action", "TestFailover"), ("ReplicationGroupId", "day19"), ("NodeGroupId", node_group)];
    sandbox.call("elasticache", &parameters)
}

#[test]
fn a_shard_is_failed_over_and_back_with_all_keys() {
    if !engine() {
        return;
    }
    let sandbox = Sandbox::with_node(&[]);
    let text =
        QUICKSTART.replace("port: 6379", "port: 17222").replace("replicas_per_shard: 2", "replicas_per_shard: 1");
    sandbox.file("day19.yaml", &text);
    sandbox.run_well(&["apply", "day19.yaml", "--yes"]);
    let status = sandbox.run_well(&["status", "day19.yaml", "--json"]).json();
    let client = ClusterClient::new(vec![format!("redis://{}", status["endpoint"].as_str().unwrap())]).unwrap();
    let mut connection = client.get_connection().unwrap();
    for key in 0..200 {
        let () = connection.set(format!("key-{key}"), key).unwrap();
    }
    let members = |answer: &str| texts(answer, "ClusterId").iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    let before = describe(&sandbox);

    for (from, to) in [("001", "002"), ("002", "001")] {
        let answer = fail_over(&sandbox, "0002");
        assert_eq!(texts(&answer, "Status"), ["modifying", "available", "modifying", "available"], "{answer}");
        assert_eq!(texts(&fail_over(&sandbox, "0001"), "Code"), ["InvalidReplicationGroupState"]);
        let arn = texts(&answer, "ARN")[0].to_owned();
        let tags = sandbox.call("elasticache", &[("Action", "ListTagsForResource"), ("ResourceName", &arn)]);
        assert_eq!(texts(&tags, "Code"), ["InvalidReplicationGroupState"]);
        until("the group is available again", || texts(&describe(&sandbox), "Status") == ["available"; 4]);

        let events = sandbox.call("elasticache", &[("Action", "DescribeEvents")]);
        let about: Vec<(&str, &str)> =
            texts(&events, "SourceIdentifier").into_iter().zip(texts(&events, "Message")).collect();
        let (old, new) = (format!("day19-0002-{from}"), format!("day19-0002-{to}"));
        let failover = format!("Failover from primary node {old} to replica node {new} completed");
        let expected = [
            ("day19", "Test Failover API called for node group 0002"),
            (old.as_str(), failover.as_str()),
            ("day19", failover.as_str()),
            (old.as_str(), "Recovering cache nodes 0001"),
            (old.as_str(), "Finished recovery for cache nodes 0001"),
        ];
        assert_eq!(about[about.len() - 5..], expected);

        assert_eq!(members(&describe(&sandbox)), members(&before));
        let zones = |answer: &str| texts(answer, "PreferredAvailabilityZone").join(" ");
        assert_eq!(zones(&describe(&sandbox)), zones(&before));
        let mut connection = client.get_connection().unwrap();
        for key in 0..200 {
            let value: i32 = connection.get(format!("key-{key}")).unwrap();
            assert_eq!(value, key);
        }
    }
    assert_eq!(sandbox.run(&["plan", "day19.yaml", "--detailed-exitcode"]).status, 0);
    sandbox.run_well(&["destroy", "day19.yaml", "--yes"]);
}
