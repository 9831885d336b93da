//! Inventories of every state, judged.

use super::*;
use crate::observed::{Live, LiveSecurityGroup, LiveSubnetGroup};
use crate::resource::{EXPIRES_TAG, OWNER_TAG, Ownership, STACK_TAG, USER_DATA_TAG};

/// 2026-11-22T23:00:00Z
const NOW_S: u64 = 1_795_388_400;
const PAST: &str = "2026-11-22T22:00:00Z/2h";
const AHEAD: &str = "2026-11-23T01:00:00Z/3h";

fn tags(stack: &str, more: &[(&str, &str)]) -> Tags {
    let own = [(STACK_TAG, stack)];
    own.iter().chain(more).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn ec2(id: &str, name: &str, tags: Tags) -> ListedEc2 {
    ListedEc2 { id: id.to_owned(), name: name.to_owned(), created_ms: None, tags }
}

fn group(id: &str, status: &str, members: usize) -> ListedGroup {
    ListedGroup {
        id: id.to_owned(),
        arn: Some(format!("arn:replicationgroup:{id}")),
        status: status.to_owned(),
        description: format!("shardform stack {id}"),
        member_ids: (0..members).map(|number| format!("{id}-0001-00{number}")).collect(),
        ..ListedGroup::default()
    }
}

fn member(group: &str, number: usize, security_group: &str, subnet_group: &str) -> ListedMember {
    ListedMember {
        id: format!("{group}-0001-00{number}"),
        group: Some(group.to_owned()),
        status: "available".to_owned(),
        created_ms: Some(1_000_000),
        subnet_group: Some(subnet_group.to_owned()),
        security_groups: [security_group.to_owned()].into(),
    }
}

fn subnets(name: &str, description: &str) -> ListedSubnetGroup {
    let (name, arn) = (name.to_owned(), Some(format!("arn:subnetgroup:{name}")));
    ListedSubnetGroup { name, arn, description: description.to_owned() }
}

fn parameters(name: &str, family: &str, description: &str) -> ListedParameterGroup {
    let (name, arn) = (name.to_owned(), Some(format!("arn:parametergroup:{name}")));
    ListedParameterGroup { name, arn, description: description.to_owned(), family: family.to_owned() }
}

/// `name state nodes expiry owner evidence`, a line a stack.
fn told(inventory: &Inventory) -> Vec<String> {
    let line = |stack: &Stack| {
        let evidence: Vec<&str> = stack.evidence.iter().map(|evidence| evidence.as_str()).collect();
        let expires = stack.expires_s.map_or("-".to_owned(), |at_s| format!("{}", at_s as i64 - NOW_S as i64));
        let owner = stack.owner.as_deref().unwrap_or("-");
        let (state, nodes) = (stack.state.as_str(), stack.nodes);
        format!("{} {state} {nodes} {expires} {owner} {}", stack.name, evidence.join("+"))
    };
    find(inventory).iter().map(line).collect()
}

#[test]
fn a_whole_stack_is_known_by_tags_and_by_what_its_nodes_are_in() {
    let inventory = Inventory {
        security_groups: vec![
            ec2("sg-1", "day19-client", tags("day19", &[(EXPIRES_TAG, PAST), (OWNER_TAG, "Ann Lee")])),
            // Renewed, and killed before it came to the other.
            ec2("sg-2", "day19-cluster", tags("day19", &[(EXPIRES_TAG, AHEAD), (OWNER_TAG, "Ann Lee")])),
        ],
        subnet_groups: vec![subnets("day19-cluster-until-20261122t220000z-by-bob", "changed by hand")],
        replication_groups: vec![group("day19", "available", 2)],
        members: vec![member("day19", 0, "sg-2", "x"), member("day19", 1, "sg-2", "x")],
        ..Inventory::default()
    };
    assert_eq!(told(&inventory), ["day19 available 2 7200 Ann Lee tag+security_group"]);
    let stack = &find(&inventory)[0];
    assert_eq!((stack.created_s, stack.available_nodes), (Some(1000), 2));
    assert!(untold(std::slice::from_ref(stack), &inventory).is_empty(), "EC2's tags tell all");
}

#[test]
fn a_group_whose_tags_nobody_can_read_is_known_in_every_state() {
    for status in ["creating", "deleting", "create-failed", "modifying", "snapshotting"] {
        let inventory = Inventory {
            security_groups: vec![ec2("sg-2", "day19-cluster", tags("day19", &[(EXPIRES_TAG, PAST)]))],
            replication_groups: vec![group("day19", status, 0)],
            ..Inventory::default()
        };
        assert_eq!(told(&inventory), [format!("day19 {status} 0 -3600 - tag+name")]);
    }
    // Without anything of EC2's it is known by the subnet group that it is in.
    let name = "day19-cluster-until-20261122t220000z-by-ann";
    let inventory = Inventory {
        subnet_groups: vec![subnets(name, "Subnets of the shardform stack day19")],
        replication_groups: vec![group("day19", "create-failed", 1)],
        members: vec![member("day19", 0, "sg-9", name)],
        ..Inventory::default()
    };
    assert_eq!(told(&inventory), ["day19 create-failed 1 -3600 ann subnet_group+name"]);
}

#[test]
fn halves_are_told_apart() {
    let half_made = Inventory {
        security_groups: vec![ec2("sg-2", "made-cluster", tags("made", &[(EXPIRES_TAG, PAST)]))],
        key_pairs: vec![ec2("key-1", "key-client", tags("key", &[(OWNER_TAG, "ann")]))],
        subnet_groups: vec![
            subnets("gone-cluster-until-20261122t220000z", "Subnets of the shardform stack gone"),
            subnets("plain-cluster", "Subnets of the shardform stack plain"),
        ],
        parameter_groups: vec![parameters("rest-redis7", "redis7", "Parameters of the shardform stack rest")],
        ..Inventory::default()
    };
    assert_eq!(
        told(&half_made),
        [
            "gone half-deleted 0 -3600 - name",
            "key half-deleted 0 - ann tag",
            "made half-made 0 -3600 - tag",
            "plain half-deleted 0 - - name",
            "rest half-deleted 0 - - name",
        ]
    );
    let stacks = find(&half_made);
    assert_eq!(stacks.iter().find(|stack| stack.name == "made").unwrap().created_s, Some(NOW_S - 3 * 3600));
    let unread = untold(&stacks, &half_made);
    assert_eq!(unread, ["arn:subnetgroup:plain-cluster", "arn:parametergroup:rest-redis7"]);
}

#[test]
fn strangers_with_similar_names_are_none() {
    let inventory = Inventory {
        security_groups: vec![
            ec2("sg-1", "somebody-cluster", Tags::new()),
            // People tag what they want to find again.
            ec2("sg-2", "monitoring-of-day19", tags("day19", &[])),
            ec2("sg-3", "day19-cluster", tags("day20", &[])),
        ],
        hosts: vec![ListedHost { id: "i-1".to_owned(), tags: tags("day19", &[]), ..ListedHost::default() }],
        subnet_groups: vec![subnets("day19-cluster", "mine"), subnets("day19-cluster-until-x", "mine")],
        parameter_groups: vec![parameters("day19-redis7", "redis7", "mine")],
        replication_groups: vec![group("day19", "available", 1), group("other", "creating", 1)],
        members: vec![member("day19", 0, "sg-9", "day19-cluster"), member("other", 0, "sg-9", "default")],
        ..Inventory::default()
    };
    assert_eq!(told(&inventory), Vec::<String>::new());
}

#[test]
fn a_strangers_cluster_is_not_taken_for_the_one_of_a_half_made_stack() {
    let inventory = Inventory {
        security_groups: vec![ec2("sg-2", "day19-cluster", tags("day19", &[]))],
        hosts: vec![ListedHost {
            id: "i-1".to_owned(),
            created_ms: Some(5000),
            tags: tags("day19", &[(USER_DATA_TAG, "package")]),
            ..ListedHost::default()
        }],
        replication_groups: vec![group("day19", "available", 1)],
        members: vec![member("day19", 0, "sg-9", "default")],
        ..Inventory::default()
    };
    assert_eq!(told(&inventory), ["day19 half-made 0 - - tag"]);
}

#[test]
fn tags_that_were_read_are_believed_before_names() {
    let name = "gone-cluster-until-20261122t220000z-by-ann";
    let mut inventory =
        Inventory { subnet_groups: vec![subnets(name, "Subnets of the shardform stack gone")], ..Inventory::default() };
    let arn = "arn:subnetgroup:gone-cluster-until-20261122t220000z-by-ann".to_owned();
    assert_eq!(undecided(find(&inventory).iter(), &inventory), std::slice::from_ref(&arn));
    inventory.cache_tags.insert(arn.clone(), Some(tags("gone", &[(EXPIRES_TAG, AHEAD)])));
    assert_eq!(told(&inventory), ["gone half-deleted 0 7200 - tag"]);
    inventory.cache_tags.insert(arn.clone(), Some(tags("another", &[])));
    assert_eq!(told(&inventory), Vec::<String>::new());
    inventory.cache_tags.insert(arn, None);
    assert_eq!(told(&inventory), ["gone half-deleted 0 -3600 ann name"]);
    assert!(undecided(find(&inventory).iter(), &inventory).is_empty(), "nobody asks twice");
}

#[test]
fn a_name_within_a_name_is_decided_by_the_description() {
    // Of the stack `x`, owned by `a-cluster`; and of the stack `x-cluster-by-a`.
    let name = "x-cluster-by-a-cluster";
    for (stack, owner) in [("x", "a-cluster"), ("x-cluster-by-a", "-")] {
        let inventory = Inventory {
            subnet_groups: vec![subnets(name, &format!("Subnets of the shardform stack {stack}"))],
            ..Inventory::default()
        };
        assert_eq!(told(&inventory), [format!("{stack} half-deleted 0 - {owner} name")]);
    }
}

fn doomed(stack: &str, expiry: Option<&str>) -> Inventory {
    let more: Vec<(&str, &str)> =
        expiry.map(|expiry| (EXPIRES_TAG, expiry)).into_iter().chain([("purpose", "ci")]).collect();
    Inventory {
        security_groups: vec![ec2("sg-2", &format!("{stack}-cluster"), tags(stack, &more))],
        ..Inventory::default()
    }
}

#[test]
fn only_what_has_expired_goes_and_what_is_old_if_asked_for() {
    let whys = |inventory: &Inventory, choice: &Choice| {
        choose(&find(inventory), choice).into_iter().map(|(_, why)| why).collect::<Vec<_>>()
    };
    let now = Choice { now_s: NOW_S, ..Choice::default() };
    assert_eq!(whys(&doomed("a", Some(PAST)), &now), [Why::Expired { at_s: NOW_S - 3600 }]);
    assert!(whys(&doomed("a", Some(AHEAD)), &now).is_empty());
    assert!(whys(&doomed("a", None), &now).is_empty());
    let old = Choice { older_than_s: Some(1800), ..now.clone() };
    assert_eq!(whys(&doomed("a", Some(AHEAD)), &old), [Why::Old { since_s: NOW_S - 3600 }]);
    assert!(whys(&doomed("a", None), &old).is_empty(), "nobody knows its age");
    assert!(whys(&doomed("a", Some(AHEAD)), &Choice { older_than_s: Some(3600), ..now.clone() }).is_empty());
    for (value, chosen) in [("ci", 1), ("web", 0)] {
        let tags = Tags::from([("purpose".to_owned(), value.to_owned())]);
        assert_eq!(whys(&doomed("a", Some(PAST)), &Choice { tags, ..now.clone() }).len(), chosen);
    }
}

fn live(expiry: Option<&str>) -> Live {
    let more: Vec<(&str, &str)> = expiry.map(|expiry| (EXPIRES_TAG, expiry)).into_iter().collect();
    Live {
        cluster_group: Some(LiveSecurityGroup {
            ownership: Ownership::Ours,
            id: "sg-2".to_owned(),
            vpc_id: "vpc-1".to_owned(),
            ingress: BTreeSet::new(),
            tags: tags("a", &more),
        }),
        ..Live::default()
    }
}

#[test]
fn a_stack_is_judged_anew_right_before_its_end() {
    let stack = &find(&doomed("a", Some(PAST)))[0];
    let why = Why::Expired { at_s: NOW_S - 3600 };
    let judged = |live: &Live| recheck(stack, why, live, NOW_S);
    assert_eq!(judged(&live(Some(PAST))), Verdict::Doomed);
    assert_eq!(judged(&Live::default()), Verdict::Doomed, "there is nothing left to be spared");
    assert_eq!(judged(&live(Some(AHEAD))), Verdict::Renewed(Some(NOW_S + 7200)));
    assert_eq!(judged(&live(None)), Verdict::Renewed(None));
    let mut made_again = live(Some(PAST));
    made_again.cluster_group.as_mut().unwrap().id = "sg-3".to_owned();
    assert_eq!(judged(&made_again), Verdict::Changed([Address::ClusterGroup].into()));
    // An old one goes whatever its expiry, unless that has been renewed since.
    let old = Why::Old { since_s: NOW_S - 9000 };
    assert_eq!(recheck(stack, old, &live(Some(PAST)), NOW_S), Verdict::Doomed);
    assert_eq!(recheck(stack, old, &live(Some(AHEAD)), NOW_S), Verdict::Renewed(Some(NOW_S + 7200)));
}

#[test]
fn what_carries_a_strangers_tag_is_no_part_of_what_goes() {
    let stack = &find(&doomed("a", Some(PAST)))[0];
    let mut live = live(Some(PAST));
    live.subnet_group = Some(LiveSubnetGroup {
        ownership: Ownership::Foreign,
        name: "a-cluster".to_owned(),
        arn: None,
        vpc_id: "vpc-1".to_owned(),
        subnet_ids: BTreeSet::new(),
        tags: Some(Tags::new()),
    });
    assert_eq!(recheck(stack, Why::Expired { at_s: 0 }, &live, NOW_S), Verdict::Doomed);
}
