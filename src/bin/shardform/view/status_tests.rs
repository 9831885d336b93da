//! Statuses as people and programs see them.

use std::collections::BTreeMap;

use expect_test::expect;
use shardform::observed::{Endpoint, LiveInstance, LiveMember, LiveSecurityGroup};
use shardform::resource::Tags;
use shardform::spec::{ClientSpec, ClusterSpec, NetworkSpec};

use super::*;

const HEADING: Heading = Heading { stack: "day19", region: "us-east-1", account: None };

fn spec() -> Spec {
    Spec {
        name: "day19".to_owned(),
        region: None,
        tags: BTreeMap::new(),
        expires_in: None,
        owner: None,
        network: NetworkSpec::default(),
        client: Some(ClientSpec::default()),
        cluster: ClusterSpec::default(),
    }
}

fn member(id: &str, status: &str) -> LiveMember {
    LiveMember {
        id: id.to_owned(),
        status: status.to_owned(),
        engine_version: Some("7.1.0".to_owned()),
        ..LiveMember::default()
    }
}

fn shard(id: &str, slots: Option<&str>) -> LiveNodeGroup {
    let zones = [("001", "us-east-1a"), ("002", "us-east-1b")];
    let zones = zones.map(|(member, zone)| (format!("day19-{id}-{member}"), zone.to_owned()));
    LiveNodeGroup {
        id: id.to_owned(),
        status: "modifying".to_owned(),
        slots: slots.map(str::to_owned),
        zones: BTreeMap::from(zones),
    }
}

fn group() -> LiveReplicationGroup {
    LiveReplicationGroup {
        ownership: Ownership::Ours,
        status: "modifying".to_owned(),
        engine: Some("redis".to_owned()),
        node_type: Some("cache.t2.micro".to_owned()),
        cluster_enabled: Some(true),
        multi_az: Some(true),
        endpoint: Some(Endpoint { address: "127.0.0.1".to_owned(), port: 6379 }),
        node_groups: vec![shard("0001", Some("0-8191")), shard("0002", None)],
        member_ids: (0..4).map(|number| number.to_string()).collect(),
        members: vec![member("day19-0001-001", "available"), member("day19-0001-002", "creating")],
        pending: vec!["node_type = cache.t3.micro".to_owned()],
        ..LiveReplicationGroup::default()
    }
}

fn live() -> Live {
    Live {
        cluster_group: Some(LiveSecurityGroup {
            ownership: Ownership::Foreign,
            id: "sg-0abc".to_owned(),
            vpc_id: "vpc-1".to_owned(),
            ingress: BTreeSet::new(),
            tags: Tags::new(),
        }),
        instances: vec![LiveInstance {
            id: "i-0123456789".to_owned(),
            state: "running".to_owned(),
            instance_type: "t2.micro".to_owned(),
            image_id: "ami-1".to_owned(),
            key_name: None,
            subnet_id: None,
            group_ids: BTreeSet::new(),
            imds_v2_only: None,
            public_address: Some("ec2-1-2-3-4.example".to_owned()),
            tags: Tags::new(),
        }],
        replication_group: Some(group()),
        ..Live::default()
    }
}

fn text(live: &Live, width: usize) -> String {
    StatusDocument::new(&HEADING, &spec(), live).text(Paint { color: false, width })
}

#[test]
fn a_moving_cluster_is_shown_at_once() {
    expect![[r#"
        day19 in us-east-1

          key_pair.client            day19-client   not there
          security_group.client      day19-client   not there
          instance.client            i-0123456789   running    t2.micro, ec2-1-2-3-4.example
          security_group.cluster     sg-0abc        there      not this stack's, 0 rules
          subnet_group.cluster       day19-cluster  not there
          replication_group.cluster  day19          modifying
                                     redis 7.1.0, cache.t2.micro, 2 shards, 4 nodes

          0001  modifying  0-8191  day19-0001-001 us-east-1a   day19-0001-002 us-east-1b (creating)
          0002  modifying  -       day19-0002-001 us-east-1a   day19-0002-002 us-east-1b

          endpoint  127.0.0.1:6379
          pending   node_type = cache.t3.micro (until the window)"#]]
    .assert_eq(&text(&live(), 100));
}

#[test]
fn members_are_below_each_other_where_it_is_narrow() {
    expect![[r#"
        day19 in us-east-1

          key_pair.client            day19-client   not there
          security_group.client      day19-client   not there
          instance.client            i-0123456789   running
                                     t2.micro, ec2-1-2-3-4.example
          security_group.cluster     sg-0abc        there
                                     not this stack's, 0 rules
          subnet_group.cluster       day19-cluster  not there
          replication_group.cluster  day19          modifying
                                     redis 7.1.0, cache.t2.micro,
                                     2 shards, 4 nodes

          0001  modifying  0-8191
                day19-0001-001 us-east-1a
                day19-0001-002 us-east-1b (creating)
          0002  modifying  -
                day19-0002-001 us-east-1a
                day19-0002-002 us-east-1b

          endpoint  127.0.0.1:6379
          pending   node_type = cache.t3.micro (until the window)"#]]
    .assert_eq(&text(&live(), 60));
}

#[test]
fn a_common_terminal_has_room_for_all() {
    let mut live = live();
    live.instances[0].id = "i-069b82ebc92233300".to_owned();
    live.instances[0].public_address = Some("ec2-203-0-113-58.compute-1.amazonaws.com".to_owned());
    let group = live.replication_group.as_mut().unwrap();
    group.node_groups = vec![shard("0001", Some("0-5461")), shard("0002", Some("5462-10922"))];
    let text = text(&live, 80);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    expect![[r#"
        day19 in us-east-1

          key_pair.client            day19-client         not there
          security_group.client      day19-client         not there
          instance.client            i-069b82ebc92233300  running
                                     t2.micro, ec2-203-0-113-58.compute-1.amazonaws.com
          security_group.cluster     sg-0abc              there
                                     not this stack's, 0 rules
          subnet_group.cluster       day19-cluster        not there
          replication_group.cluster  day19                modifying
                                     redis 7.1.0, cache.t2.micro, 2 shards, 4 nodes

          0001  modifying  0-5461      day19-0001-001 us-east-1a
                                       day19-0001-002 us-east-1b (creating)
          0002  modifying  5462-10922  day19-0002-001 us-east-1a
                                       day19-0002-002 us-east-1b

          endpoint  127.0.0.1:6379
          pending   node_type = cache.t3.micro (until the window)"#]]
    .assert_eq(&text);
}

#[test]
fn many_ranges_of_slots_are_below_their_shard() {
    let slots: Vec<String> = (0..12).map(|number| format!("{}-{}", number * 1000, number * 1000 + 499)).collect();
    let mut live = live();
    live.replication_group.as_mut().unwrap().node_groups = vec![shard("0001", Some(&slots.join(",")))];
    let text = text(&live, 80);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let shard: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("  0001")).take(5).collect();
    assert_eq!(
        shard,
        [
            "  0001  modifying",
            "        0-499,1000-1499,2000-2499,3000-3499,4000-4499,5000-5499,6000-6499,",
            "        7000-7499,8000-8499,9000-9499,10000-10499,11000-11499",
            "        day19-0001-001 us-east-1a",
            "        day19-0001-002 us-east-1b (creating)",
        ]
    );
}

#[test]
fn details_are_filled_into_lines() {
    let items = ["ab", "cd", "ef"].map(str::to_owned);
    assert_eq!(filled(&items, ", ", 2, 80), ["  ab, cd, ef"]);
    assert_eq!(filled(&items, ", ", 2, 10), ["  ab, cd,", "  ef"]);
    assert_eq!(filled(&items, ", ", 2, 3), ["  ab,", "  cd,", "  ef"]);
    assert_eq!(filled(&[], ", ", 2, 3), [""; 0]);
}

#[test]
fn nothing_is_shown_as_not_there() {
    expect![[r#"
        day19 in us-east-1

          key_pair.client            day19-client   not there
          security_group.client      day19-client   not there
          instance.client            day19-client   not there
          security_group.cluster     day19-cluster  not there
          subnet_group.cluster       day19-cluster  not there
          replication_group.cluster  day19          not there"#]]
    .assert_eq(&text(&Live::default(), 80));
}

#[test]
fn programs_see_the_same() {
    let document = StatusDocument::new(&HEADING, &spec(), &live());
    let mut value = serde_json::to_value(&document).unwrap();
    // The rows are as in the text; one is enough here.
    value["resources"] = value["resources"][2].clone();
    expect![[r#"{"account":null,"endpoint":"127.0.0.1:6379","node_groups":[{"id":"0001","members":[{"endpoint":null,"id":"day19-0001-001","status":"available","zone":"us-east-1a"},{"endpoint":null,"id":"day19-0001-002","status":"creating","zone":"us-east-1b"}],"slots":"0-8191","status":"modifying"},{"id":"0002","members":[{"endpoint":null,"id":"day19-0002-001","status":null,"zone":"us-east-1a"},{"endpoint":null,"id":"day19-0002-002","status":null,"zone":"us-east-1b"}],"slots":null,"status":"modifying"}],"pending":["node_type = cache.t3.micro"],"region":"us-east-1","resources":{"address":"instance.client","details":["t2.micro","ec2-1-2-3-4.example"],"id":"i-0123456789","name":"day19-client","ownership":"ours","status":"running"},"settled":false,"stack":"day19"}"#]].assert_eq(&value.to_string());
}
