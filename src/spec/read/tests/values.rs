//! Single fields: unknown, missing, of a wrong type or value, and with variables.

use expect_test::expect;

use super::{check, cluster, spec, told};

#[test]
fn all_problems_are_told_at_once() {
    check(
        "\
name: day_19
regoin: us-east-1
client:
  instance_type: cache.t2.micro
  disk_gib: 4
cluster:
  shard: 3
  engine: memcached
  engine_version: 7.1.0
  replicas_per_shard: six
  multi_az: yes
  port: 70000
  shards: [3]
  snapshot_retention_days: 36
  node_type: t2.micro
colour: blue
shards: 3
",
        &expect![[r#"
            plan.yaml:1:7: the name `day_19` has `_` in it
              | name: day_19
              |       ^^^^^^
              = 1 to 40 letters, digits and hyphens; a letter first, no `--`, no `-` at the end
            plan.yaml:2:1: unknown field `regoin` in the plan file
              | regoin: us-east-1
              | ^^^^^^
              = did you mean `region`? Allowed: `name`, `region`, `tags`, `expires_in`, `owner`, `network`, `client`,
                `cluster`
            plan.yaml:4:18: `cache.t2.micro` is a type of cache nodes
              |   instance_type: cache.t2.micro
              |                  ^^^^^^^^^^^^^^
              = an EC2 instance type, such as `t2.micro`
            plan.yaml:5:13: `disk_gib` is out of range: 4
              |   disk_gib: 4
              |             ^
              = a whole number from 8 to 16384
            plan.yaml:7:3: unknown field `shard` in `cluster`
              |   shard: 3
              |   ^^^^^
              = did you mean `shards`?
            plan.yaml:8:11: `engine` can't be `memcached`
              |   engine: memcached
              |           ^^^^^^^^^
              = `redis` or `valkey`
            plan.yaml:10:23: `replicas_per_shard` can't be the text `six`
              |   replicas_per_shard: six
              |                       ^^^
              = a whole number from 0 to 5
            plan.yaml:11:13: `multi_az` can't be the text `yes`
              |   multi_az: yes
              |             ^^^
              = `true` or `false`; did you mean `true`?
            plan.yaml:12:9: `port` is out of range: 70000
              |   port: 70000
              |         ^^^^^
              = a whole number from 1 to 65535
            plan.yaml:13:11: `shards` can't be a list
              |   shards: [3]
              |           ^
              = a whole number from 1 to 500
            plan.yaml:14:28: `snapshot_retention_days` is out of range: 36
              |   snapshot_retention_days: 36
              |                            ^^
              = a whole number from 0 to 35
            plan.yaml:15:14: `t2.micro` is not a node type
              |   node_type: t2.micro
              |              ^^^^^^^^
              = `cache.family.size`, such as `cache.t2.micro`; did you mean `cache.t2.micro`?
            plan.yaml:16:1: unknown field `colour` in the plan file
              | colour: blue
              | ^^^^^^
              = allowed: `name`, `region`, `tags`, `expires_in`, `owner`, `network`, `client`, `cluster`
            plan.yaml:17:1: unknown field `shards` in the plan file
              | shards: 3
              | ^^^^^^
              = `shards` belongs in `cluster`
        "#]],
    );
}

#[test]
fn what_is_missing() {
    check(
        "region: us-east-1\n",
        &expect![[r#"
            plan.yaml:1:1: field `name` is missing
              | region: us-east-1
              | ^^^^^^
              = add `name: …`: the stack's name, the prefix of every resource
            plan.yaml:1:1: field `cluster` is missing
              | region: us-east-1
              | ^^^^^^
              = add `cluster:`; every field in it has a default
        "#]],
    );
    check(
        "name: a\ncluster:\n  log_delivery:\n    - format: json\n  allow_from:\n    - {}\n",
        &expect![[r#"
            plan.yaml:4:7: field `log_type` is missing
              |     - format: json
              |       ^^^^^^
              = `slow-log` or `engine-log`
            plan.yaml:4:7: field `destination_type` is missing
              |     - format: json
              |       ^^^^^^
              = `cloudwatch-logs` or `kinesis-firehose`
            plan.yaml:4:7: field `destination` is missing
              |     - format: json
              |       ^^^^^^
              = the log group's or the delivery stream's name
            plan.yaml:6:7: field `group` is missing
              |     - {}
              |       ^
              = write `{group: name}`: a security group of the same VPC
        "#]],
    );
    // One cause, one problem.
    check(
        "nmae: a\nclusters: {}\n",
        &expect![[r#"
            plan.yaml:1:1: unknown field `nmae` in the plan file
              | nmae: a
              | ^^^^
              = did you mean `name`? Allowed: `name`, `region`, `tags`, `expires_in`, `owner`, `network`, `client`, `cluster`
            plan.yaml:2:1: unknown field `clusters` in the plan file
              | clusters: {}
              | ^^^^^^^^
              = did you mean `cluster`? Allowed: `name`, `region`, `tags`, `expires_in`, `owner`, `network`, `client`,
                `cluster`
        "#]],
    );
}

#[test]
fn variables_become_what_the_field_wants() {
    let spec = spec(&cluster(
        "  shards: ${SHARDS}\n  multi_az: ${YES}\n  engine_version: \"${NONE:-7.10}\"\n  replicas_per_shard: ${NONE:-1}\n  \
         description: \"$${SHARDS}\"\n",
    ));
    assert_eq!(spec.cluster.shards, Some(4));
    assert_eq!(spec.cluster.multi_az, Some(true));
    assert_eq!(spec.cluster.engine_version.as_deref(), Some("7.10"));
    assert_eq!(spec.cluster.description.as_deref(), Some("${SHARDS}"));
    check(
        "\
name: a-${CI_JOB_ID}
region: ${CI_JOB_ID}
network:
  vpc: ${STRUCTURE}
cluster:
  shards: ${WORD}
  replicas_per_shard: ${EMPTY}
  description: before ${1X} after
  port: ${PORT
  node_type: cache.${NODE:-}
",
        &expect![[r#"
            plan.yaml:1:9: variable `CI_JOB_ID` is not set
              | name: a-${CI_JOB_ID}
              |         ^^^^^^^^^^^^
              = give `--set CI_JOB_ID=…`, set it in the environment, or write `${CI_JOB_ID:-default}`
            plan.yaml:4:8: `{tag: {a: b}}` is not a VPC id
              |   vpc: ${STRUCTURE}
              |        ^^^^^^^^^^^^
              = `vpc-` and digits 0-9a-f, or `{tag: {key: value}}`
            plan.yaml:6:11: `shards` must be a whole number, not `many`
              |   shards: ${WORD}
              |           ^^^^^^^
              = a whole number from 1 to 500
            plan.yaml:7:23: `replicas_per_shard` is empty
              |   replicas_per_shard: ${EMPTY}
              |                       ^^^^^^^^
              = a whole number from 0 to 5
            plan.yaml:8:23: `${1X}` is not a variable
              |   description: before ${1X} after
              |                       ^^^^^
              = write `${NAME}` or `${NAME:-default}`: letters, digits and `_`; `$${` stands for `${` itself
            plan.yaml:9:9: `${` without its `}`
              |   port: ${PORT
              |         ^^^^^^
              = write `${NAME}` or `${NAME:-default}`; `$${` stands for `${` itself
            plan.yaml:10:14: `cache.` is not a node type
              |   node_type: cache.${NODE:-}
              |              ^^^^^^^^^^^^^^
              = `cache.family.size`, such as `cache.t2.micro`
        "#]],
    );
}

#[test]
fn text_is_what_was_written() {
    let spec = spec(&cluster(
        "  engine_version: 7.10\n  transit_encryption: off\n  parameters: {a: 1.50, b: yes, c: true, d: \"\", e: 0x10}\n",
    ));
    assert_eq!(spec.cluster.engine_version.as_deref(), Some("7.10"));
    assert_eq!(spec.cluster.transit_encryption, Some(crate::spec::TransitEncryption::Off));
    let parameters: Vec<&str> = spec.cluster.parameters.values().map(String::as_str).collect();
    assert_eq!(parameters, ["1.50", "yes", "true", "", "0x10"]);
}

#[test]
fn tokens_are_never_shown() {
    for value in [
        "hunter2-hunter2-hunter2",
        "\n    hunter2-hunter2-x",
        "[hunter2]",
        "\"hunter2 x\"",
        "{hunter2: 1}",
        "!h hunter2",
    ] {
        let text = told(&cluster(&format!("  auth_token_env: {value}\n  transit_encryption: required\n")));
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains("name of an environment variable"), "{text}");
    }
    check(
        &cluster("  transit_encryption: required\n  auth_token_env: ${TOKEN}\n  auth_token: hunter2hunter2\n"),
        &expect![[r#"
            plan.yaml:4:3: `auth_token_env` must be the name of an environment variable, and not the token
              |   auth_token_env: …
              |   ^^^^^^^^^^^^^^
              = put the token into an environment variable and write its name, such as `REDIS_AUTH_TOKEN`
            plan.yaml:5:3: unknown field `auth_token` in `cluster`
              |   auth_token: …
              |   ^^^^^^^^^^
              = did you mean `auth_token_env`?
        "#]],
    );
}

#[test]
fn lists_and_forms() {
    check(
        "\
name: a
tags: {aws:x: 1, ShardForm:x: 2, a*: 3, b: [], c: {}, d: ~}
network:
  vpc: vpc-xyz
  subnets: [subnet-1, subnet-2, subnet-1]
client:
  ssh_from: [10.0.0.5/8, 10.0.0.5, ec2-instance-connect, ec2-instance-conect, ec2-instance-connect]
  key_pair: {public_key_file: a, name: b}
  redis_client: sources
cluster:
  allow_from: [sg-1, {group: a}, {grup: b}, sg-x, 10.0.0.0/8, 10.0.0.0/8, {group: a}, \"::1\"]
  security_group_ids: sg-1
  parameters: {cluster-enabled: yes, x: [1]}
  notification_topic_arn: topic
  snapshot_arns: [s3://bucket/file]
  user_group_ids: 3
",
        &expect![[r#"
            plan.yaml:2:8: the tag `aws:x` begins with `aws:`
              | tags: {aws:x: 1, ShardForm:x: 2, a*: 3, b: [], c: {}, d: ~}
              |        ^^^^^
              = tags with this prefix are AWS's own
            plan.yaml:2:18: the tag `ShardForm:x` begins with `shardform:`
              | tags: {aws:x: 1, ShardForm:x: 2, a*: 3, b: [], c: {}, d: ~}
              |                  ^^^^^^^^^^^
              = tags with this prefix are shardform's own
            plan.yaml:2:34: `a*` has `*` in it
              | tags: {aws:x: 1, ShardForm:x: 2, a*: 3, b: [], c: {}, d: ~}
              |                                  ^^
              = tags have letters, digits, spaces and `_ . : / = + - @`
            plan.yaml:2:44: `b` can't be a list
              | tags: {aws:x: 1, ShardForm:x: 2, a*: 3, b: [], c: {}, d: ~}
              |                                            ^
              = text; `""` for an empty value
            plan.yaml:2:51: `c` can't be a mapping
              | tags: {aws:x: 1, ShardForm:x: 2, a*: 3, b: [], c: {}, d: ~}
              |                                                   ^
              = text; `""` for an empty value
            plan.yaml:2:55: `d` has no value
              | tags: {aws:x: 1, ShardForm:x: 2, a*: 3, b: [], c: {}, d: ~}
              |                                                       ^
              = text; `""` for an empty value
            plan.yaml:4:8: `vpc-xyz` is not a VPC id
              |   vpc: vpc-xyz
              |        ^^^^^^^
              = `vpc-` and digits 0-9a-f, or `{tag: {key: value}}`
            plan.yaml:5:33: `subnet-1` stands in the list a second time
              |   subnets: [subnet-1, subnet-2, subnet-1]
              |                                 ^^^^^^^^
              = keep one of the two
            plan.yaml:7:14: `10.0.0.5/8` is an address with a prefix length, and not a network
              |   ssh_from: [10.0.0.5/8, 10.0.0.5, ec2-instance-connect, ec2-instance-conect, ec2-instance-connect]
              |              ^^^^^^^^^^
              = the network is `10.0.0.0/8`; the address alone is `10.0.0.5/32`
            plan.yaml:7:26: `10.0.0.5` has no prefix length
              |   ssh_from: [10.0.0.5/8, 10.0.0.5, ec2-instance-connect, ec2-instance-conect, ec2-instance-connect]
              |                          ^^^^^^^^
              = this address alone is `10.0.0.5/32`
            plan.yaml:7:58: `ec2-instance-conect` is not a source
              |   ssh_from: [10.0.0.5/8, 10.0.0.5, ec2-instance-connect, ec2-instance-conect, ec2-instance-connect]
              |                                                          ^^^^^^^^^^^^^^^^^^^
              = `ec2-instance-connect` or a network such as `203.0.113.7/32`
            plan.yaml:7:79: `ec2-instance-connect` stands in the list a second time
              |   ssh_from: [10.0.0.5/8, 10.0.0.5, ec2-instance-connect, ec2-instance-conect, ec2-instance-connect]
              |                                                                               ^^^^^^^^^^^^^^^^^^^^
              = keep one of the two
            plan.yaml:8:13: `key_pair` must say one way to get the key
              |   key_pair: {public_key_file: a, name: b}
              |             ^
              = `generate`, `{private_key_file: path}`, `{public_key_file: path}` or `{name: an-existing-key}`
            plan.yaml:9:17: `redis_client` can't be `sources`
              |   redis_client: sources
              |                 ^^^^^^^
              = `package` or `source`; did you mean `source`?
            plan.yaml:11:35: unknown field `grup` in an item of `allow_from`
              |   allow_from: [sg-1, {group: a}, {grup: b}, sg-x, 10.0.0.0/8, 10.0.0.0/8, {group: a}, "::1"]
              |                                   ^^^^
              = did you mean `group`?
            plan.yaml:11:45: `sg-x` is not a security group id
              |   allow_from: [sg-1, {group: a}, {grup: b}, sg-x, 10.0.0.0/8, 10.0.0.0/8, {group: a}, "::1"]
              |                                             ^^^^
              = `sg-` and digits 0-9a-f
            plan.yaml:11:63: `10.0.0.0/8` stands in the list a second time
              |   allow_from: [sg-1, {group: a}, {grup: b}, sg-x, 10.0.0.0/8, 10.0.0.0/8, {group: a}, "::1"]
              |                                                               ^^^^^^^^^^
              = keep one of the two
            plan.yaml:11:75: this stands in the list a second time
              |   allow_from: [sg-1, {group: a}, {grup: b}, sg-x, 10.0.0.0/8, 10.0.0.0/8, {group: a}, "::1"]
              |                                                                           ^
              = keep one of the two
            plan.yaml:11:87: `::1` has no prefix length
              |   allow_from: [sg-1, {group: a}, {grup: b}, sg-x, 10.0.0.0/8, 10.0.0.0/8, {group: a}, "::1"]
              |                                                                                       ^^^^^
              = this address alone is `::1/128`
            plan.yaml:12:23: `security_group_ids` can't be the text `sg-1`
              |   security_group_ids: sg-1
              |                       ^^^^
              = a list of ids `[sg-…, sg-…]`
            plan.yaml:13:16: `cluster-enabled` can't be set here
              |   parameters: {cluster-enabled: yes, x: [1]}
              |                ^^^^^^^^^^^^^^^
              = the stack sets it: a cluster of shards can't be without
            plan.yaml:13:41: `x` can't be a list
              |   parameters: {cluster-enabled: yes, x: [1]}
              |                                         ^
              = text, a number, `true` or `false`
            plan.yaml:14:27: `topic` is not an SNS topic's ARN
              |   notification_topic_arn: topic
              |                           ^^^^^
              = `arn:aws:sns:region:account:topic`
            plan.yaml:15:19: `s3://bucket/file` is not an S3 object's ARN
              |   snapshot_arns: [s3://bucket/file]
              |                   ^^^^^^^^^^^^^^^^
              = `arn:aws:s3:::bucket/file.rdb`, no commas
            plan.yaml:16:19: `user_group_ids` can't be the number `3`
              |   user_group_ids: 3
              |                   ^
              = a list of user group ids
        "#]],
    );
}

#[test]
fn clients_of_every_form() {
    use crate::spec::{ClientSpec, KeyPairSpec, SshSource};
    let client = |text: &str| spec(&format!("name: a\ncluster:\n{text}")).client;
    assert_eq!(client(""), None);
    assert_eq!(client("client:\n"), Some(ClientSpec::default()));
    assert_eq!(client("client: {}\n"), Some(ClientSpec::default()));
    let ssh = |text: &str| client(&format!("client: {{ssh_from: {text}}}\n")).and_then(|client| client.ssh_from);
    assert_eq!(ssh("[]"), Some(vec![]));
    assert_eq!(ssh("ec2-instance-connect"), Some(vec![SshSource::Ec2InstanceConnect]));
    assert_eq!(ssh("0.0.0.0/0"), Some(vec![SshSource::Cidr("0.0.0.0/0".into())]));
    let key = |text: &str| client(&format!("client: {{key_pair: {text}}}\n")).and_then(|client| client.key_pair);
    let generate = |file: Option<&str>| Some(KeyPairSpec::Generate { private_key_file: file.map(str::to_owned) });
    assert_eq!(key("generate"), generate(None));
    assert_eq!(key("{generate: true}"), generate(None));
    assert_eq!(key("{private_key_file: a}"), generate(Some("a")));
    assert_eq!(key("{public_key_file: a}"), Some(KeyPairSpec::PublicKeyFile("a".into())));
    assert_eq!(key("{name: a}"), Some(KeyPairSpec::Existing("a".into())));
    check(
        "name: a\ncluster:\nclient: false\n",
        &expect![[r#"
        plan.yaml:3:9: `client` can't be the boolean `false`
          | client: false
          |         ^^^^^
          = leave `client` out for no client host; `client: {}` is one with all defaults
    "#]],
    );
    check(
        "name: a\ncluster:\nclient:\n  ssh_from:\n  key_pair: {}\n",
        &expect![[r#"
            plan.yaml:4:3: `ssh_from` has no value
              |   ssh_from:
              |   ^^^^^^^^
              = `ec2-instance-connect`, a network such as `203.0.113.7/32`, a list of these, or `[]` for nobody
            plan.yaml:5:13: `key_pair` must say one way to get the key
              |   key_pair: {}
              |             ^
              = `generate`, `{private_key_file: path}`, `{public_key_file: path}` or `{name: an-existing-key}`
        "#]],
    );
}
