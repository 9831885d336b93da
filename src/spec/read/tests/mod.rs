//! The reader from outside: broken files with everything that is said about them, and files that are right.

mod broken;
mod together;
mod values;

use expect_test::{Expect, expect};

use super::*;

fn variables(name: &str) -> Option<String> {
    match name {
        "SHARDS" => Some("4".to_owned()),
        "WORD" => Some("many".to_owned()),
        "TOKEN" => Some("not-a-name-but-a-token".to_owned()),
        "YES" => Some("true".to_owned()),
        "EMPTY" => Some(String::new()),
        "STRUCTURE" => Some("{tag: {a: b}}".to_owned()),
        _ => None,
    }
}

fn read_text(text: &str) -> Result<PlanFile, Vec<Problem>> {
    read("plan.yaml", text, &ReadOptions { variable: &variables })
}

fn told(text: &str) -> String {
    match read_text(text) {
        Ok(_) => "no problem".to_owned(),
        Err(problems) => {
            let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
            told.join("\n") + "\n"
        }
    }
}

#[track_caller]
fn spec(text: &str) -> Spec {
    match read_text(text) {
        Ok(file) => file.spec,
        Err(_) => panic!("{}", told(text)),
    }
}

fn cluster(fields: &str) -> String {
    format!("name: a\ncluster:\n{fields}")
}

fn check(text: &str, expected: &Expect) {
    expected.assert_eq(&told(text));
}

const QUICKSTART: &str = include_str!("../../../../examples/quickstart.yaml");

#[test]
fn the_quickstart_says_what_it_says() {
    let file = read_text(QUICKSTART).unwrap();
    expect![[r#"
        Spec {
            name: "day19",
            region: Some(
                "us-east-1",
            ),
            tags: {},
            expires_in: None,
            owner: None,
            network: NetworkSpec {
                vpc: None,
                subnets: None,
            },
            client: Some(
                ClientSpec {
                    instance_type: Some(
                        "t2.micro",
                    ),
                    ami: None,
                    ssh_from: None,
                    key_pair: None,
                    redis_client: None,
                    subnet: None,
                    public_ip: None,
                    disk_gib: None,
                },
            ),
            cluster: ClusterSpec {
                engine: Some(
                    Redis,
                ),
                engine_version: Some(
                    "7.1",
                ),
                node_type: Some(
                    "cache.t2.micro",
                ),
                shards: Some(
                    3,
                ),
                replicas_per_shard: Some(
                    2,
                ),
                multi_az: Some(
                    true,
                ),
                port: Some(
                    6379,
                ),
                snapshot_retention_days: Some(
                    0,
                ),
                snapshot_window: None,
                maintenance_window: None,
                description: None,
                parameters: {},
                parameter_group: None,
                allow_from: [],
                security_group_ids: [],
                transit_encryption: None,
                at_rest_encryption: None,
                kms_key_id: None,
                auth_token_env: None,
                user_group_ids: [],
                notification_topic_arn: None,
                auto_minor_version_upgrade: None,
                log_delivery: [],
                data_tiering: None,
                network_type: None,
                ip_discovery: None,
                node_groups: [],
                restore_from: None,
                snapshot_arns: [],
                serverless_snapshot: None,
                global_replication_group_id: None,
            },
        }
    "#]]
    .assert_debug_eq(&file.spec);
}

#[test]
fn every_example_is_right() {
    for (name, text) in [
        ("quickstart", QUICKSTART),
        ("production", include_str!("../../../../examples/production.yaml")),
        ("cluster-only", include_str!("../../../../examples/cluster-only.yaml")),
        ("ci", include_str!("../../../../examples/ci.yaml")),
    ] {
        assert_eq!(told(text), "no problem", "{name}");
    }
}

#[test]
fn fields_are_located() {
    let file = read_text(QUICKSTART).unwrap();
    for (path, line, column) in [
        ("name", 1, 1),
        ("cluster", 5, 1),
        ("cluster.shards", 9, 3),
        ("cluster.parameters", 5, 1),
        ("client.key_pair", 3, 1),
        ("network.subnets", 1, 1),
        ("", 1, 1),
        ("cluster.node_groups[3].slots", 5, 1),
    ] {
        assert_eq!(file.locate(path), Located { line, column }, "{path}");
    }
}

#[test]
fn names_are_stored_in_lower_case() {
    assert_eq!(spec("name: Day19\ncluster: {}\n").name, "day19");
    assert_eq!(spec("\u{feff}name: a\r\ncluster:\r\n  port: 1\r\n").cluster.port, Some(1));
}
