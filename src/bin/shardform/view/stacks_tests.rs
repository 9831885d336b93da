use expect_test::expect;
use shardform::observed::Endpoint;
use shardform::stacks::{Evidence, State};

use super::*;

const NOW_S: u64 = 1_795_388_400;
const PLAIN: Paint = Paint { color: false, width: 100 };

fn stack(name: &str, state: State) -> Stack {
    Stack {
        name: name.to_owned(),
        region: "us-east-1".to_owned(),
        state,
        created_s: None,
        owner: None,
        expires_s: None,
        available_nodes: 0,
        nodes: 0,
        endpoint: None,
        evidence: [Evidence::Name].into(),
        tags: None,
        parts: BTreeMap::new(),
    }
}

fn parts(of: &[(Address, &[&str])]) -> BTreeMap<Address, std::collections::BTreeSet<String>> {
    of.iter().map(|(address, ids)| (*address, ids.iter().map(|id| (*id).to_owned()).collect())).collect()
}

fn some() -> Vec<Stack> {
    let whole = Stack {
        created_s: Some(NOW_S - 7500),
        owner: Some("ann".to_owned()),
        expires_s: Some(NOW_S + 3700),
        available_nodes: 8,
        nodes: 9,
        endpoint: Some(Endpoint { address: "127.0.0.1".to_owned(), port: 6379 }),
        evidence: [Evidence::Tag, Evidence::SecurityGroup].into(),
        parts: parts(&[
            (Address::ClientGroup, &["sg-1"]),
            (Address::ClusterGroup, &["sg-2"]),
            (Address::SubnetGroup, &["day19-cluster"]),
            (Address::ReplicationGroup, &["day19"]),
        ]),
        ..stack("day19", State::Cluster("modifying".to_owned()))
    };
    let over = Stack {
        created_s: Some(NOW_S - 3 * 86_400),
        expires_s: Some(NOW_S - 200),
        region: "eu-west-1".to_owned(),
        parts: parts(&[(Address::ClusterGroup, &["sg-3"])]),
        ..stack("ci-job-4711", State::HalfMade)
    };
    let unknown = stack("left\u{1b}[31m", State::HalfDeleted);
    vec![whole, over, unknown]
}

#[test]
fn a_table_has_a_line_a_stack() {
    let stacks = some();
    let all: Vec<&Stack> = stacks.iter().collect();
    expect![[r#"
        STACK           AGE  OWNER  EXPIRES         NODES  STATE
        day19           2h   ann    in 1h           8/9    modifying
        ci-job-4711     3d   -      expired 3m ago  -      half-made
        left\u{1b}[31m  -    -      -               -      half-deleted"#]]
    .assert_eq(&table(&all, false, NOW_S, PLAIN));
    let with_regions = table(&all[..2], true, NOW_S, PLAIN);
    expect![[r#"
        STACK        REGION     AGE  OWNER  EXPIRES         NODES  STATE
        day19        us-east-1  2h   ann    in 1h           8/9    modifying
        ci-job-4711  eu-west-1  3d   -      expired 3m ago  -      half-made"#]]
    .assert_eq(&with_regions);
}

#[test]
fn what_is_to_go_comes_with_why_and_what_there_is_of_it() {
    let stacks = some();
    let rows = [(&stacks[0], Why::Old { since_s: NOW_S - 7500 }), (&stacks[1], Why::Expired { at_s: NOW_S - 200 })];
    expect![[r#"
        To be deleted:
          - day19        2h old, ann's, modifying
              2 security groups, 1 subnet group, 1 replication group with 9 nodes
          - ci-job-4711  expired 3m ago, half-made
              1 security group"#]]
    .assert_eq(&format!("To be deleted:\n{}", doomed(&rows, false, NOW_S, PLAIN)));
}

#[test]
fn programs_read_moments_and_not_ages() {
    let stacks = some();
    let document = ListDocument::new(stacks[..1].iter(), &[], NOW_S);
    expect![[r#"{"stacks":[{"stack":"day19","region":"us-east-1","state":"modifying","created":"2026-11-22T20:55:00Z","owner":"ann","expires":"2026-11-23T00:01:40Z","expired":false,"nodes":9,"available_nodes":8,"endpoint":"127.0.0.1:6379","evidence":["tag","security_group"],"resources":{"security_group.client":["sg-1"],"security_group.cluster":["sg-2"],"subnet_group.cluster":["day19-cluster"],"replication_group.cluster":["day19"]}}],"refused_regions":[]}"#]]
    .assert_eq(&serde_json::to_string(&document).unwrap());
}
