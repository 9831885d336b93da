//! Failovers that are asked for, and nodes that are lost.

use super::super::events::SourceType;
use super::*;
use crate::node::wanted::{Happened, Happening};

const DAY_MS: u64 = 24 * 3_600_000;

impl World {
    fn fail_over(&mut self, node_group: &str) -> Result<ReplicationGroup, ApiError> {
        self.on(|region, context| region.test_failover(context, "Day19", node_group))
    }

    /// The fleet says that these have happened, and no more of what it had said before than the last `kept`.
    fn happens(&mut self, what: impl IntoIterator<Item = Happened>) {
        let report = self.report.clusters.values_mut().next().unwrap();
        for what in what {
            let number = report.happenings.last().map_or(0, |last| last.number) + 1;
            report.happenings.push(Happening { number, what });
        }
        self.tick();
    }

    /// The fleet reaches what is wanted; what has happened stays known.
    fn fleet_reaches(&mut self) {
        let happenings: Vec<_> = self.report.clusters.values().map(|report| report.happenings.clone()).collect();
        self.fleet_works_with(happenings.into_iter().next().unwrap_or_default());
    }

    fn fleet_works_with(&mut self, happenings: Vec<Happening>) {
        for (key, cluster) in self.state.wanted().clusters {
            let report = self.report.clusters.get_mut(&key).unwrap();
            (report.reached, report.happenings) = (cluster.generation, happenings.clone());
        }
        self.tick();
    }

    /// Source type, source and words of all events since the last `Replication group day19 created`.
    fn told(&mut self) -> Vec<String> {
        let now_ms = self.now_ms;
        let events = self.on(|region, _| {
            let asked = DescribeEvents { duration_min: Some(20_000), ..DescribeEvents::default() };
            region.describe_events(now_ms, &asked).map(|events| events.into_iter().cloned().collect::<Vec<_>>())
        });
        let events = events.unwrap();
        let created = events.iter().rposition(|event| event.message.ends_with("created")).map_or(0, |at| at + 1);
        let words = |event: &crate::node::control::events::Event| {
            let kind = if event.source == SourceType::CacheCluster { "cluster" } else { "group" };
            format!("{kind} {}: {}", event.source_id, event.message)
        };
        events[created..].iter().map(words).collect()
    }

    fn statuses(&self) -> (Status, Vec<Status>, Vec<String>) {
        let group = self.group();
        let busy = group.members().filter(|member| member.status != Status::Available).map(|member| member.id.clone());
        let node_groups = group.node_groups.iter().map(|node_group| node_group.status).collect();
        (group.status, node_groups, busy.collect())
    }
}

fn failed_over() -> Happened {
    Happened::FailedOver { from: "day19-0002-001".to_owned(), to: "day19-0002-002".to_owned() }
}

fn begins(node: &str) -> Happened {
    Happened::RecoveryBegan { node: node.to_owned() }
}

fn ends(node: &str) -> Happened {
    Happened::RecoveryEnded { node: node.to_owned() }
}

const IN_ORDER: [&str; 5] = [
    "group day19: Test Failover API called for node group 0002",
    "cluster day19-0002-001: Failover from primary node day19-0002-001 to replica node day19-0002-002 completed",
    "group day19: Failover from primary node day19-0002-001 to replica node day19-0002-002 completed",
    "cluster day19-0002-001: Recovering cache nodes 0001",
    "cluster day19-0002-001: Finished recovery for cache nodes 0001",
];

const WHOLE: (Status, [Status; 3]) = (Status::Available, [Status::Available; 3]);

#[test]
fn a_failover_is_asked_of_the_fleet_and_told_in_elasticaches_order() {
    let mut world = available();
    let before = world.wanted();
    assert!(before.shards.iter().all(|shard| shard.failover.is_none()));
    let group = world.fail_over("0002").unwrap();
    let busy = [Status::Available, Status::Modifying, Status::Available];
    assert_eq!(
        (group.status, group.node_groups.iter().map(|one| one.status).collect()),
        (Status::Modifying, busy.to_vec())
    );
    let wanted = world.wanted();
    assert!(wanted.generation > before.generation);
    let asked: Vec<_> = wanted.shards.iter().map(|shard| shard.failover).collect();
    assert_eq!(asked, [None, Some(wanted.generation), None]);
    assert_eq!(world.told(), IN_ORDER[..1]);
    world.happens([failed_over()]);
    assert_eq!(world.told(), IN_ORDER[..3]);
    world.happens([begins("day19-0002-001")]);
    assert_eq!(world.statuses(), (Status::Modifying, busy.to_vec(), vec!["day19-0002-001".to_owned()]));
    world.happens([ends("day19-0002-001")]);
    assert_eq!(world.statuses(), (Status::Modifying, busy.to_vec(), Vec::new()));
    world.fleet_reaches();
    assert_eq!(world.statuses(), (WHOLE.0, WHOLE.1.to_vec(), Vec::new()));
    assert_eq!(world.told(), IN_ORDER);
    assert!(world.wanted().shards.iter().all(|shard| shard.failover.is_none()));
    assert!(!world.tick());
}

#[test]
fn every_refused_failover_says_why() {
    let mut world = available();
    let mut refusal = |id: &str, node_group: &str| {
        let refusal = world.on(|region, context| region.test_failover(context, id, node_group)).unwrap_err();
        (refusal.code, refusal.status, refusal.message)
    };
    assert_eq!(refusal("day20", "0001").0, "ReplicationGroupNotFoundFault");
    assert_eq!(refusal("day20", "0001").1, 404);
    assert_eq!((refusal("day19", "0004").0, refusal("day19", "0004").1), ("NodeGroupNotFoundFault", 404));
    for (id, node_group) in [("day19", ""), ("day19", "00001"), ("day19", "one"), ("-day19", "0001"), ("", "0001")] {
        assert_eq!((refusal(id, node_group).0, refusal(id, node_group).1), ("InvalidParameterValue", 400));
    }
    assert_eq!(refusal("day19", "x").2, "Invalid NodeGroupId: x. It must have 1 to 4 digits.");
    world.fail_over("1").unwrap();
    let busy = world.fail_over("0002").unwrap_err();
    assert_eq!((busy.code, busy.status), ("InvalidReplicationGroupState", 400));
    assert_eq!(busy.message, "Replication group day19 has status modifying which is not valid for this operation.");
    let modified = world.modify(&change(|change| change.snapshot_retention = Some(1))).unwrap_err();
    assert_eq!(modified.code, "InvalidReplicationGroupState");
    assert_eq!(world.delete("day19").unwrap_err().code, "InvalidReplicationGroupState");
}

#[test]
fn a_shard_without_a_replica_is_not_failed_over() {
    let mut world = World::without_nodes();
    world.create(&CreateReplicationGroup { replicas: Some(0), multi_az: None, ..input() }).unwrap();
    world.pass(1000);
    let refusal = world.fail_over("0001").unwrap_err();
    assert_eq!((refusal.code, refusal.status), ("TestFailoverNotAvailableFault", 400));
    assert_eq!(refusal.message, "Test failover is not available: node group 0001 of day19 has no replica.");
}

#[test]
fn fifteen_node_groups_a_day_over_all_regions_and_saved() {
    let mut world = World::without_nodes();
    let fail_over = |world: &mut World, region: &str| {
        let (region, mut context) = world.state.enter(region, world.now_ms, world.timing, None);
        region.test_failover(&mut context, "day19", "0001")
    };
    for region in [REGION, "us-west-2"] {
        let (region, mut context) = world.state.enter(region, world.now_ms, world.timing, None);
        region.create_replication_group(&mut context, &input()).unwrap();
    }
    world.pass(1000);
    for call in 0..15 {
        let region = if call % 2 == 0 { REGION } else { "us-west-2" };
        fail_over(&mut world, region).unwrap();
        // One that is refused does not count.
        assert_eq!(fail_over(&mut world, region).unwrap_err().code, "InvalidReplicationGroupState");
        (0..3).for_each(|_| {
            world.pass(1000);
        });
    }
    let refusal = fail_over(&mut world, "us-west-2").unwrap_err();
    assert_eq!((refusal.code, refusal.status), ("APICallRateForCustomerExceeded", 400));
    assert_eq!(
        refusal.message,
        "The customer has exceeded the allowed rate of API calls: TestFailover may be used on up to 15 node groups in \
         any rolling 24-hour period."
    );
    world.state = State::from_saved(serde_json::to_value(&world.state).unwrap()).unwrap();
    assert_eq!(fail_over(&mut world, REGION).unwrap_err().code, "APICallRateForCustomerExceeded");
    world.pass(DAY_MS - 50_000);
    assert_eq!(fail_over(&mut world, REGION).unwrap_err().code, "APICallRateForCustomerExceeded");
    world.pass(50_000);
    fail_over(&mut world, REGION).unwrap();
}

#[test]
fn without_nodes_the_clock_exchanges_the_roles() {
    let mut world = World::without_nodes();
    world.create(&input()).unwrap();
    world.pass(1000);
    let primaries = |world: &World| -> Vec<String> {
        world.group().members().filter(|member| member.is_primary).map(|member| member.id.clone()).collect()
    };
    world.fail_over("0002").unwrap();
    world.pass(149);
    assert_eq!(world.told(), IN_ORDER[..1]);
    world.pass(1);
    assert_eq!(world.told(), IN_ORDER[..4]);
    assert_eq!(primaries(&world), ["day19-0001-001", "day19-0002-002", "day19-0003-001"]);
    let (status, node_groups, busy) = world.statuses();
    assert_eq!(
        (status, node_groups[1], busy),
        (Status::Modifying, Status::Modifying, vec!["day19-0002-001".to_owned()])
    );
    assert_eq!(world.state.next_due(), Some(world.now_ms + 150));
    world.pass(150);
    assert_eq!(world.told(), IN_ORDER);
    assert_eq!(world.statuses(), (WHOLE.0, WHOLE.1.to_vec(), Vec::new()));
    world.fail_over("0002").unwrap();
    world.pass(150);
    world.pass(150);
    assert_eq!(primaries(&world), ["day19-0001-001", "day19-0002-001", "day19-0003-001"]);
}

#[test]
fn a_primary_that_dies_is_told_while_the_group_stays_available() {
    let mut world = available();
    world.happens([failed_over(), begins("day19-0002-001")]);
    assert_eq!(world.told(), IN_ORDER[1..4]);
    let busy = [Status::Available, Status::Modifying, Status::Available];
    assert_eq!(world.statuses(), (Status::Available, busy.to_vec(), vec!["day19-0002-001".to_owned()]));
    let refusal = world.fail_over("0001").unwrap_err();
    assert_eq!(refusal.code, "InvalidReplicationGroupState");
    assert!(refusal.message.starts_with("Node group 0002 of replication group day19 has status modifying"));
    world.happens([ends("day19-0002-001")]);
    assert_eq!(world.told(), IN_ORDER[1..]);
    assert_eq!(world.statuses(), (WHOLE.0, WHOLE.1.to_vec(), Vec::new()));
}

#[test]
fn a_recovery_outlasts_a_change_that_the_clock_ends() {
    let mut world = available();
    world.happens([begins("day19-0001-002")]);
    world.modify(&change(|change| change.snapshot_retention = Some(1))).unwrap();
    world.pass(300);
    let (status, node_groups, busy) = world.statuses();
    assert_eq!(
        (status, node_groups[0], busy),
        (Status::Available, Status::Modifying, vec!["day19-0001-002".to_owned()])
    );
    world.happens([ends("day19-0001-002")]);
    assert_eq!(world.statuses(), (WHOLE.0, WHOLE.1.to_vec(), Vec::new()));
}

#[test]
fn nothing_is_told_twice_also_after_a_start() {
    let mut world = available();
    world.happens([failed_over(), begins("day19-0002-001")]);
    world.state = State::from_saved(serde_json::to_value(&world.state).unwrap()).unwrap();
    world.state.resume(world.now_ms, world.timing);
    // As at a start: the fleet knows nothing at first, and then all that it has kept.
    let report = std::mem::take(&mut world.report);
    world.tick();
    world.report = report;
    world.happens([ends("day19-0002-001")]);
    assert_eq!(world.told(), IN_ORDER[1..]);
}

#[test]
fn a_failover_that_does_not_come_about_is_told_and_not_asked_for_any_more() {
    let mut world = available();
    world.fail_over("0001").unwrap();
    world.fleet_fails("the nodes do not agree: no replica of a is in step to take over from it");
    assert_eq!(world.group().status, Status::Available);
    assert!(world.told()[1].starts_with("group day19: Replication group day19 could not be modified: the nodes"));
    assert!(world.wanted().shards.iter().all(|shard| shard.failover.is_none()));
    world.report.clusters.values_mut().for_each(|report| report.failure = None);
    world.fail_over("0001").unwrap();
}

#[test]
fn a_failover_that_began_with_nodes_ends_without_them() {
    let mut world = available();
    world.fail_over("0002").unwrap();
    world.happens([failed_over(), begins("day19-0002-001")]);
    (world.timing, world.report) = (Timing { without_nodes: true, ..world.timing }, FleetReport::default());
    world.state.resume(world.now_ms, world.timing);
    world.pass(300);
    world.pass(300);
    assert_eq!(world.statuses(), (WHOLE.0, WHOLE.1.to_vec(), Vec::new()));
}
