//! Fields that are right one by one and wrong together.

use expect_test::expect;

use super::{check, cluster, spec};

#[test]
fn fields_that_do_not_go_together() {
    check(
        &cluster(
            "  shards: 200
  replicas_per_shard: 5
  multi_az: true
  node_type: cache.r6gd.xlarge
  auth_token_env: TOKEN
  user_group_ids: [users]
  kms_key_id: alias/key
  snapshot_window: 04:30-05:30
  maintenance_window: sun:05:00-sun:06:00
  parameter_group: mine
  parameters: {maxmemory-policy: noeviction}
  restore_from: one
  snapshot_arns: [arn:aws:s3:::bucket/file]
  ip_discovery: ipv6
  log_delivery:
  - {log_type: slow-log, destination_type: cloudwatch-logs, destination: a}
  - {log_type: slow-log, destination_type: kinesis-firehose, destination: b}
",
        ),
        &expect![[r#"
            plan.yaml:3:11: 200 shards of 6 nodes are 1200 nodes
              |   shards: 200
              |           ^^^
              = at most 500 nodes: shards x (1 + replicas)
            plan.yaml:6:14: `cache.r6gd` nodes need data tiering
              |   node_type: cache.r6gd.xlarge
              |              ^^^^^^^^^^^^^^^^^
              = add `data_tiering: true`, or take another family such as `cache.r6g`
            plan.yaml:7:19: `auth_token_env` needs TLS on every connection
              |   auth_token_env: TOKEN
              |                   ^^^^^
              = add `transit_encryption: required`
            plan.yaml:8:19: `user_group_ids` needs TLS on every connection
              |   user_group_ids: [users]
              |                   ^
              = add `transit_encryption: required`
            plan.yaml:8:19: `user_group_ids` and `auth_token_env` exclude each other
              |   user_group_ids: [users]
              |                   ^
              = keep one of the two
            plan.yaml:9:15: `kms_key_id` needs encryption at rest
              |   kms_key_id: alias/key
              |               ^^^^^^^^^
              = add `at_rest_encryption: true`
            plan.yaml:10:20: the snapshot window `04:30-05:30` overlaps the maintenance window `sun:05:00-sun:06:00`
              |   snapshot_window: 04:30-05:30
              |                    ^^^^^^^^^^^
              = the two may not have a minute in common on any day
            plan.yaml:12:20: `parameter_group` and `parameters` exclude each other
              |   parameter_group: mine
              |                    ^^^^
              = parameters get a group of the stack's own; keep one of the two
            plan.yaml:15:18: `restore_from` and `snapshot_arns` exclude each other
              |   snapshot_arns: [arn:aws:s3:::bucket/file]
              |                  ^
              = a new cluster starts with the data of one of them
            plan.yaml:16:17: `ip_discovery: ipv6` needs nodes with such addresses
              |   ip_discovery: ipv6
              |                 ^^^^
              = `network_type: ipv6` or `dual_stack`
            plan.yaml:19:16: `slow-log` is delivered already
              |   - {log_type: slow-log, destination_type: kinesis-firehose, destination: b}
              |                ^^^^^^^^
              = at most one item for each log type
        "#]],
    );
    check(
        &cluster(
            "  replicas_per_shard: 0\n  multi_az: true\n  data_tiering: true\n  engine: valkey\n  engine_version: 7.1\n",
        ),
        &expect![[r#"
            plan.yaml:4:13: `multi_az: true` needs a replica in every shard, and there is none
              |   multi_az: true
              |             ^^^^
              = set `replicas_per_shard` to 1 or more, or `multi_az: false`
            plan.yaml:5:17: only `cache.r6gd` nodes have data tiering
              |   data_tiering: true
              |                 ^^^^
              = set `node_type` to one of `cache.r6gd`, or leave `data_tiering` out
            plan.yaml:7:19: `7.1` is not a version of valkey
              |   engine_version: 7.1
              |                   ^^^
              = valkey begins with 7.2; known: `9.1`, `9.0`, `8.2`, `8.1`, `8.0`, `7.2`
        "#]],
    );
    // Nothing is said about a field that was told about already.
    check(
        &cluster("  transit_encryption: requird\n  auth_token_env: TOKEN\n  multi_az: true\n  replicas_per_shrd: 0\n"),
        &expect![[r#"
            plan.yaml:3:23: `transit_encryption` can't be `requird`
              |   transit_encryption: requird
              |                       ^^^^^^^
              = `off`, `preferred` or `required`; did you mean `required`?
            plan.yaml:6:3: unknown field `replicas_per_shrd` in `cluster`
              |   replicas_per_shrd: 0
              |   ^^^^^^^^^^^^^^^^^
              = did you mean `replicas_per_shard`?
        "#]],
    );
}

#[test]
fn node_groups_of_every_kind() {
    let good = spec(
        "\
name: a
region: us-east-1
cluster:
  replicas_per_shard: 1
  node_groups:
  - {slots: 0-8191, primary_zone: us-east-1a, replica_zones: [us-east-1b]}
  - {id: \"0007\", slots: \"8192-16000,16001-16383\", replicas: 2, replica_zones: [us-east-1b, us-east-1b]}
",
    );
    assert_eq!(good.cluster.node_groups.len(), 2);
    check(
        "\
name: a
region: us-east-1
cluster:
  shards: 4
  replicas_per_shard: 1
  node_groups:
  - {slots: 0-100, primary_zone: us-east-1a, replica_zones: [us-east-1a]}
  - {id: 0001, slots: 50-200, primary_zone: eu-west-1a}
  - {slots: 300-200, replicas: 2, replica_zones: [us-east-1a]}
",
        &expect![[r#"
            plan.yaml:4:11: `node_groups` has 3 items, and `shards` is 4
              |   shards: 4
              |           ^
              = one item for each shard; without `shards`, the list gives their number
            plan.yaml:7:61: every node of this shard is in `us-east-1a`
              |   - {slots: 0-100, primary_zone: us-east-1a, replica_zones: [us-east-1a]}
              |                                                             ^
              = with `multi_az`, at least one replica is in another zone than its primary
            plan.yaml:8:10: two node groups have the id `0001`
              |   - {id: 0001, slots: 50-200, primary_zone: eu-west-1a}
              |          ^^^^
              = each id once; without `id`, an item's place in the list is its id
            plan.yaml:8:45: the zone `eu-west-1a` is not in the region `us-east-1`
              |   - {id: 0001, slots: 50-200, primary_zone: eu-west-1a}
              |                                             ^^^^^^^^^^
              = a zone such as `us-east-1a`
            plan.yaml:9:13: `300-200` are no slots
              |   - {slots: 300-200, replicas: 2, replica_zones: [us-east-1a]}
              |             ^^^^^^^
              = `first-last`, several joined by commas, from 0 to 16383
            plan.yaml:9:50: `replica_zones` has 1 zone, and the shard has 2 replicas
              |   - {slots: 300-200, replicas: 2, replica_zones: [us-east-1a]}
              |                                                  ^
              = one zone for each replica, in order
        "#]],
    );
    check(
        &cluster("  node_groups:\n  - {slots: 0-100}\n  - {slots: 100-200}\n"),
        &expect![[r#"
            plan.yaml:5:13: slot 100 belongs to two ranges
              |   - {slots: 100-200}
              |             ^^^^^^^
              = each slot once
        "#]],
    );
    check(
        &cluster("  node_groups:\n  - {slots: 0-100}\n  - {slots: 102-16000}\n"),
        &expect![[r#"
            plan.yaml:4:3: no node group has slots 101, 16001-16383
              |   - {slots: 0-100}
              |   ^
              = together the node groups have all slots, 0 to 16383
        "#]],
    );
    check(
        &cluster("  node_groups:\n  - {slots: 0-16383}\n  -\n"),
        &expect![[r#"
            plan.yaml:5:4: this node group has no `slots`, and another has
              |   -
              |    ^
              = give slots for all node groups or for none
        "#]],
    );
}
