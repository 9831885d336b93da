//! Nodes as people see them.

use expect_test::expect;

use super::*;

const PLAIN: Paint = Paint { color: false, width: 80 };

fn node(member: &str, zone: &str, role: &'static str) -> NodeRow {
    NodeRow {
        member: Some(member.to_owned()),
        zone: Some(zone.to_owned()),
        endpoint: Some(format!("{member}.day19.abc123.0001.use1.cache.amazonaws.com:6379")),
        role: Some(role),
        state: State::Ok,
        used_memory: Some(12_345_678),
        max_memory: Some(536_870_912),
        keys: Some(1_234_567),
        lag_bytes: (role == "replica").then_some(2048),
        ..NodeRow::default()
    }
}

fn document() -> NodesDocument {
    let slots = |id: &str, slots: &str, nodes: Vec<NodeRow>| ShardRow {
        id: Some(id.to_owned()),
        status: Some("available".to_owned()),
        slot_count: 8192,
        slots: slots.to_owned(),
        nodes,
    };
    let dead = NodeRow {
        state: State::NoAnswer,
        used_memory: None,
        keys: None,
        role: None,
        ..node("day19-0002-002", "us-east-1c", "replica")
    };
    NodesDocument {
        stack: "day19".to_owned(),
        region: "us-east-1".to_owned(),
        status: "modifying".to_owned(),
        engine: Some("redis 7.1.0".to_owned()),
        endpoint: None,
        shards: vec![
            slots(
                "0001",
                "0-8191",
                vec![node("day19-0001-001", "us-east-1a", "primary"), node("day19-0001-002", "us-east-1b", "replica")],
            ),
            slots("0002", "8192-16383", vec![node("day19-0002-001", "us-east-1b", "primary"), dead]),
        ],
    }
}

#[test]
fn long_endpoints_are_told_once_below() {
    let text = document().text(PLAIN);
    expect![[r#"
        day19 in us-east-1: modifying, redis 7.1.0, 2 shards, 4 nodes

        0001  available  8192 slots: 0-8191
          primary  day19-0001-001  us-east-1a  11M/512M  1234567 keys
          replica  day19-0001-002  us-east-1b  11M/512M  1234567 keys  -2K

        0002  available  8192 slots: 8192-16383
          primary  day19-0002-001  us-east-1b  11M/512M  1234567 keys
          ?        day19-0002-002  us-east-1c         -             -  no answer

          endpoints  NODE.day19.abc123.0001.use1.cache.amazonaws.com:6379"#]]
    .assert_eq(&text);
    assert!(text.lines().all(|line| line.chars().count() <= 80));
}

#[test]
fn nodes_without_a_member_go_by_their_endpoints() {
    let mut document = document();
    document.shards.truncate(1);
    for (number, node) in document.shards[0].nodes.iter_mut().enumerate() {
        (node.member, node.endpoint) = (None, Some(format!("10.0.0.{number}:6379")));
    }
    document.shards[0].id = None;
    expect![[r#"
        day19 in us-east-1: modifying, redis 7.1.0, 0 shards, 2 nodes

        in no shard  available
          primary  10.0.0.0:6379  us-east-1a  11M/512M  1234567 keys
          replica  10.0.0.1:6379  us-east-1b  11M/512M  1234567 keys  -2K"#]]
    .assert_eq(&document.text(PLAIN));
}

#[test]
fn memory_is_short() {
    assert_eq!(
        [0, 1023, 1024, 1_990_000, 10_485_760, 13 << 30].map(bytes),
        ["0B", "1023B", "1K", "1.8M", "10M", "13G"]
    );
}
