//! The state machine, driven by hand-made reports of the fleet and by a hand-moved clock.

mod failover;
mod snapshots;

use std::net::SocketAddr;

use super::create::{CreateReplicationGroup, NodeGroupInput};
use super::error::ApiError;
use super::events::DescribeEvents;
use super::instance::{InstanceState, RunInstances};
use super::modify::ModifyReplicationGroup;
use super::replication_group::{ReplicationGroup, Status};
use super::scaling::{ModifyReplicas, ModifyShards, NewShard};
use super::security_group::CreateSecurityGroup;
use super::*;
use crate::node::wanted::{ClusterReport, EngineKind, NodeReport};

const REGION: &str = "eu-west-1";
const START_MS: u64 = 1_000_000;

/// A cloud, its clock and the last report of a fleet that does at once what is wanted.
struct World {
    state: State,
    now_ms: u64,
    report: FleetReport,
    timing: Timing,
}

impl World {
    fn new() -> Self {
        Self { state: State::new(1), now_ms: START_MS, report: FleetReport::default(), timing: Timing::default() }
    }

    fn without_nodes() -> Self {
        Self { timing: Timing { without_nodes: true, ..Timing::default() }, ..Self::new() }
    }

    fn on<Output>(&mut self, operation: impl FnOnce(&mut Region, &mut Context<'_>) -> Output) -> Output {
        let (region, mut context) = self.state.enter(REGION, self.now_ms, self.timing, None);
        operation(region, &mut context)
    }

    fn tick(&mut self) -> bool {
        self.state.tick(self.now_ms, self.timing, &self.report)
    }

    fn pass(&mut self, time_ms: u64) -> bool {
        self.now_ms += time_ms;
        self.tick()
    }

    /// The fleet carries out all that is wanted.
    fn fleet_works(&mut self) {
        let address = |port: u16| SocketAddr::from(([127, 19, 0, 1], port));
        self.report.clusters.clear();
        for (key, cluster) in self.state.wanted().clusters {
            let mut report = ClusterReport {
                reached: cluster.generation,
                endpoint: Some(address(cluster.port)),
                ..Default::default()
            };
            for shard in &cluster.shards {
                for (index, node) in shard.nodes.iter().enumerate() {
                    let node_report = NodeReport { address: address(cluster.port), ready: true, primary: index == 0 };
                    report.nodes.insert(node.id.clone(), node_report);
                }
            }
            self.report.clusters.insert(key, report);
        }
        self.tick();
    }

    fn fleet_fails(&mut self, reason: &str) {
        for key in self.state.wanted().clusters.into_keys() {
            self.report.clusters.entry(key).or_default().failure = Some(reason.to_owned());
        }
        self.tick();
    }

    fn create(&mut self, input: &CreateReplicationGroup) -> Result<ReplicationGroup, ApiError> {
        self.on(|region, context| region.create_replication_group(context, input))
    }

    fn modify(&mut self, input: &ModifyReplicationGroup) -> Result<ReplicationGroup, ApiError> {
        self.on(|region, context| region.modify_replication_group(context, input))
    }

    fn delete(&mut self, id: &str) -> Result<ReplicationGroup, ApiError> {
        self.on(|region, context| region.delete_replication_group(context, id, false, None))
    }

    fn group(&self) -> ReplicationGroup {
        self.state.regions[REGION].groups["day19"].clone()
    }

    fn wanted(&self) -> crate::node::wanted::WantedCluster {
        self.state.wanted().clusters.into_values().next().unwrap()
    }

    fn messages(&mut self) -> Vec<String> {
        let now_ms = self.now_ms;
        let events = self.on(|region, _| {
            region
                .describe_events(now_ms, &DescribeEvents::default())
                .map(|events| events.into_iter().cloned().collect::<Vec<_>>())
        });
        events.unwrap().into_iter().map(|event| event.message).collect()
    }
}

fn input() -> CreateReplicationGroup {
    CreateReplicationGroup {
        id: "Day19".to_owned(),
        description: "a cluster".to_owned(),
        engine: Some("redis".to_owned()),
        engine_version: Some("7.1".to_owned()),
        node_type: Some("cache.t4g.micro".to_owned()),
        node_group_count: Some(3),
        replicas: Some(1),
        parameter_group: Some("default.redis7.cluster.on".to_owned()),
        multi_az: Some(true),
        ..CreateReplicationGroup::default()
    }
}

fn change(edit: impl FnOnce(&mut ModifyReplicationGroup)) -> ModifyReplicationGroup {
    let mut change = ModifyReplicationGroup { id: "day19".to_owned(), apply_immediately: true, ..Default::default() };
    edit(&mut change);
    change
}

fn available() -> World {
    let mut world = World::new();
    world.create(&input()).unwrap();
    world.fleet_works();
    assert_eq!(world.group().status, Status::Available);
    world
}

fn shards(count: i64) -> ModifyShards {
    ModifyShards { id: "day19".to_owned(), count, apply_immediately: true, ..ModifyShards::default() }
}

fn replica_count(count: i64) -> ModifyReplicas {
    ModifyReplicas { id: "day19".to_owned(), count: Some(count), apply_immediately: true, ..ModifyReplicas::default() }
}

#[test]
fn a_group_is_available_when_the_fleet_has_reached_it() {
    let mut world = World::new();
    let group = world.create(&input()).unwrap();
    assert_eq!((group.id.as_str(), group.status), ("day19", Status::Creating));
    assert!(!world.pass(60_000), "nothing happens without the fleet");
    let wanted = world.wanted();
    assert_eq!(wanted.engine, EngineKind::Redis);
    assert_eq!(wanted.parameters["maxmemory-policy"], "volatile-lru");
    let ids: Vec<_> = wanted.shards[0].nodes.iter().map(|node| node.id.as_str()).collect();
    assert_eq!(ids, ["day19-0001-001", "day19-0001-002"]);
    let zones: Vec<_> = wanted.shards.iter().map(|shard| shard.nodes[0].zone.as_str()).collect();
    assert_eq!(zones, ["eu-west-1a", "eu-west-1b", "eu-west-1c"]);
    world.fleet_works();
    let group = world.group();
    assert_eq!(group.status, Status::Available);
    assert!(group.members().all(|member| member.status == Status::Available && member.endpoint.is_some()));
    assert_eq!(group.endpoint.unwrap().address, "127.19.0.1");
    assert_eq!(world.messages().last().unwrap(), "Replication group day19 created");
}

#[test]
fn after_a_start_a_deleted_group_is_gone_only_when_the_fleet_has_had_time_to_look() {
    let mut world = available();
    let found = world.report.clone();
    world.delete("day19").unwrap();
    world.report = FleetReport::default();
    world.state.resume(world.now_ms, world.timing);
    assert!(!world.pass(1999));
    assert_eq!(world.state.next_due(), Some(world.now_ms + 1));
    let mut unfound = World { state: world.state.clone(), ..World::new() };
    unfound.now_ms = world.now_ms + 1;
    assert!(unfound.tick() && unfound.state.regions[REGION].groups.is_empty());
    world.report = found;
    world.pass(60_000);
    assert_eq!((world.group().status, world.state.next_due()), (Status::Deleting, None));
    world.fleet_works();
    assert!(world.state.regions[REGION].groups.is_empty());
}

#[test]
fn what_began_with_nodes_ends_without_them() {
    let mut world = World::new();
    world.create(&input()).unwrap();
    world.timing.without_nodes = true;
    world.state.resume(world.now_ms, world.timing);
    world.pass(1000);
    assert_eq!(world.group().status, Status::Available);
    world.timing.without_nodes = false;
    world.on(|region, context| region.modify_shards(context, &shards(4))).unwrap();
    world.timing.without_nodes = true;
    world.state.resume(world.now_ms, world.timing);
    world.pass(300);
    assert_eq!((world.group().status, world.group().node_groups.len()), (Status::Available, 4));
}

#[test]
fn a_group_that_the_fleet_can_not_make_is_failed_and_can_be_deleted() {
    let mut world = World::new();
    world.create(&input()).unwrap();
    world.fleet_fails("no such program: redis-server");
    assert_eq!(world.group().status, Status::CreateFailed);
    assert!(world.messages().last().unwrap().contains("no such program"));
    assert!(world.state.wanted().clusters.is_empty());
    world.delete("day19").unwrap();
    world.fleet_works();
    assert!(world.state.regions[REGION].groups.is_empty());
}

#[test]
fn a_deleted_group_stays_until_the_fleet_has_ended_it() {
    let mut world = available();
    assert_eq!(world.delete("DAY19").unwrap().status, Status::Deleting);
    world.pass(60_000);
    assert_eq!(world.group().status, Status::Deleting);
    assert_eq!(world.delete("day19").unwrap_err().code, "InvalidReplicationGroupState");
    world.fleet_works();
    assert!(world.state.regions[REGION].groups.is_empty());
    let again = world.create(&input()).unwrap();
    assert!(again.generation > 1, "a new group is never taken for the old one");
    let created = world.wanted().created;
    assert_eq!(created, again.generation);
    world.fleet_works();
    world.on(|region, context| region.increase_replicas(context, &replica_count(2))).unwrap();
    assert!(world.wanted().generation > created && world.wanted().created == created);
}

#[test]
fn without_nodes_the_clock_moves_everything() {
    let mut world = World::without_nodes();
    world.create(&input()).unwrap();
    assert_eq!(world.state.next_due(), Some(START_MS + 1000));
    assert!(!world.pass(999));
    assert!(world.pass(1));
    assert_eq!(world.group().endpoint.unwrap().address, "day19.local.clustercfg.eu-west-1.cache.invalid");
    world.delete("day19").unwrap();
    world.pass(500);
    assert!(world.state.regions[REGION].groups.is_empty());
    assert_eq!(world.state.next_due(), None);
}

#[test]
fn every_refused_creation_says_why() {
    type Edit = fn(&mut CreateReplicationGroup);
    let refusals: &[(&str, Edit)] = &[
        ("InvalidParameterValue", |input| input.id = "1".to_owned()),
        ("InvalidParameterValue", |input| input.description = " ".to_owned()),
        ("MissingParameter", |input| input.node_type = None),
        ("InvalidParameterValue", |input| input.node_type = Some("cache.none".to_owned())),
        ("InvalidParameterValue", |input| input.engine = Some("memcached".to_owned())),
        ("InvalidParameterValue", |input| input.engine_version = Some("7.9".to_owned())),
        ("InvalidParameterCombination", |input| input.engine_version = Some("6.2".to_owned())),
        ("CacheParameterGroupNotFound", |input| input.parameter_group = Some("none".to_owned())),
        ("InvalidParameterCombination", |input| input.parameter_group = Some("default.redis7".to_owned())),
        ("InvalidParameterCombination", |input| input.cluster_mode = Some("disabled".to_owned())),
        ("CacheSubnetGroupNotFoundFault", |input| input.subnet_group = Some("none".to_owned())),
        ("InvalidParameterValue", |input| input.security_groups = vec!["sg-1".to_owned()]),
        ("InvalidParameterCombination", |input| input.transit_encryption = Some(true)),
        ("InvalidParameterCombination", |input| input.auth_token = true),
        ("InvalidParameterCombination", |input| input.automatic_failover = Some(false)),
        ("InvalidParameterCombination", |input| input.replicas = Some(0)),
        ("InvalidParameterValue", |input| input.replicas = Some(6)),
        ("InvalidParameterValue", |input| input.node_group_count = Some(0)),
        ("NodeQuotaForClusterExceeded", |input| (input.node_group_count, input.replicas) = (Some(100), Some(5))),
        ("InvalidParameterValue", |input| input.port = Some(80)),
        ("InvalidParameterValue", |input| input.snapshot_retention = Some(36)),
        ("InvalidParameterValue", |input| input.network_type = Some("ipx".to_owned())),
        ("InvalidParameterCombination", |input| input.data_tiering = Some(true)),
        ("InvalidParameterCombination", |input| input.node_groups = vec![NodeGroupInput::default()]),
        ("InvalidParameterCombination", |input| input.unsupported = vec!["SnapshotArns"]),
    ];
    for (number, (code, edit)) in refusals.iter().enumerate() {
        let mut world = World::new();
        let mut input = input();
        edit(&mut input);
        let refusal = world.create(&input).unwrap_err();
        assert_eq!(refusal.code, *code, "row {number}: {}", refusal.message);
        assert!(world.state.regions[REGION].groups.is_empty(), "row {number}");
    }
    let mut world = available();
    assert_eq!(world.create(&input()).unwrap_err().code, "ReplicationGroupAlreadyExists");
}

#[test]
fn a_change_of_settings_ends_by_the_clock_and_wants_nothing_new() {
    let mut world = available();
    let wanted = world.state.wanted();
    world.modify(&change(|change| change.maintenance_window = Some("SUN:01:00-SUN:02:00".to_owned()))).unwrap();
    assert_eq!(world.group().status, Status::Modifying);
    assert_eq!(world.state.wanted(), wanted);
    let refusal = world.modify(&change(|change| change.description = Some("x".to_owned()))).unwrap_err();
    assert_eq!(refusal.code, "InvalidReplicationGroupState");
    world.pass(300);
    assert_eq!(world.group().status, Status::Available);
    assert_eq!(world.group().settings.maintenance_window, "sun:01:00-sun:02:00");
}

#[test]
fn a_modification_that_changes_nothing_is_refused() {
    let mut world = available();
    for change in [change(|_| {}), change(|change| change.description = Some("a cluster".to_owned()))] {
        let refusal = world.modify(&change).unwrap_err();
        assert_eq!(
            (refusal.code, refusal.message.as_str()),
            ("InvalidParameterCombination", "No modifications were requested")
        );
    }
}

#[test]
fn an_upgrade_moves_a_default_parameter_group_along() {
    let mut world = available();
    let before = world.wanted().generation;
    let to_valkey = |change: &mut ModifyReplicationGroup| {
        (change.engine, change.engine_version) = (Some("valkey".to_owned()), Some("8.0".to_owned()));
    };
    world.modify(&change(to_valkey)).unwrap();
    let wanted = world.wanted();
    assert_eq!(wanted.engine, EngineKind::Valkey);
    assert!(wanted.generation > before);
    world.tick();
    assert_eq!(world.group().status, Status::Modifying);
    world.fleet_works();
    assert_eq!(world.group().status, Status::Available);
    assert_eq!(world.group().parameter_group, "default.valkey8.cluster.on");
    let down = world.modify(&change(|change| change.engine_version = Some("7.2".to_owned())));
    assert_eq!(down.unwrap_err().code, "InvalidParameterCombination");
}

#[test]
fn what_is_not_wanted_at_once_stays_pending() {
    let mut world = available();
    let deferred = change(|change| {
        change.apply_immediately = false;
        change.node_type = Some("cache.t4g.small".to_owned());
    });
    assert_eq!(world.modify(&deferred).unwrap().status, Status::Available);
    assert_eq!(world.group().pending.node_type.as_deref(), Some("cache.t4g.small"));
    assert_eq!(world.group().settings.node_type, "cache.t4g.micro");
}

#[test]
fn a_version_that_waits_leaves_the_parameter_group_as_it_is() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    for named in [None, Some("own".to_owned())] {
        let mut world = World::new();
        let old = CreateReplicationGroup {
            engine_version: Some("6.2".to_owned()),
            parameter_group: Some("default.redis6.x.cluster.on".to_owned()),
            ..input()
        };
        world.create(&old).unwrap();
        world.fleet_works();
        world.on(|region, context| {
            region.create_parameter_group(context, "own", "redis7", "words", &[]).unwrap();
            region.modify_parameter_group(context, "own", &[pair("cluster-enabled", "yes")]).unwrap();
        });
        let upgrade = |is_immediate: bool, named: Option<String>| {
            change(|change| {
                change.apply_immediately = is_immediate;
                change.engine_version = Some("7.1".to_owned());
                change.parameter_group = named;
            })
        };
        let wanted = world.state.wanted();
        let group = world.modify(&upgrade(false, named.clone())).unwrap();
        assert_eq!((group.status, group.parameter_group.as_str()), (Status::Available, "default.redis6.x.cluster.on"));
        assert_eq!(group.pending.engine_version.as_deref(), Some("7.1.0"));
        assert_eq!(world.state.wanted(), wanted);
        let group = world.modify(&upgrade(true, None)).unwrap();
        let expected = named.unwrap_or_else(|| "default.redis7.cluster.on".to_owned());
        assert_eq!((group.engine_version.as_str(), group.parameter_group), ("7.1.0", expected));
        assert_eq!(group.pending, super::replication_group::Pending::default());
    }
}

#[test]
fn values_of_a_parameter_group_reach_the_nodes_of_its_clusters() {
    let mut world = World::new();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    world.on(|region, context| {
        region.create_parameter_group(context, "own", "redis7", "words", &[]).unwrap();
        region.modify_parameter_group(context, "own", &[pair("cluster-enabled", "yes")]).unwrap();
    });
    let created = CreateReplicationGroup { parameter_group: Some("own".to_owned()), ..input() };
    world.create(&created).unwrap();
    world.fleet_works();
    let before = world.wanted().generation;
    world.on(|region, context| region.modify_parameter_group(context, "own", &[pair("timeout", "30")])).unwrap();
    assert_eq!(world.wanted().parameters["timeout"], "30");
    assert!(world.wanted().generation > before && world.group().reached < world.wanted().generation);
    assert_eq!(world.group().status, Status::Available);
    world.fleet_works();
    assert_eq!(world.group().reached, world.wanted().generation);
    let codes = world.on(|region, context| {
        [
            region.modify_parameter_group(context, "own", &[pair("cluster-enabled", "no")]).unwrap_err().code,
            region.delete_parameter_group(context, "own").unwrap_err().code,
            region.modify_parameter_group(context, "default.redis7", &[pair("timeout", "30")]).unwrap_err().code,
        ]
    });
    assert_eq!(codes, ["InvalidCacheParameterGroupState"; 3]);
}

#[test]
fn scaling_out_shows_the_new_shard_as_creating_and_moves_its_slots_at_the_end() {
    let mut world = available();
    let zones = vec!["eu-west-1c".to_owned(), "eu-west-1a".to_owned()];
    let out = ModifyShards { resharding: vec![NewShard { id: None, zones }], ..shards(4) };
    let group = world.on(|region, context| region.modify_shards(context, &out)).unwrap();
    assert_eq!(group.node_groups[3].status, Status::Creating);
    assert_eq!(slots::text(&group.node_groups[0].slots), "0-5461");
    let wanted = world.wanted();
    assert_eq!(wanted.shards[3].nodes[0].zone, "eu-west-1c");
    let all: Vec<_> = wanted.shards.iter().map(|shard| shard.slots.clone()).collect();
    assert!(slots::are_complete(&all));
    world.fleet_works();
    let group = world.group();
    assert_eq!(slots::text(&group.node_groups[0].slots), "0-4095");
    assert!(!group.is_resharding && group.node_groups[3].status == Status::Available);
}

#[test]
fn scaling_in_keeps_the_named_shards() {
    let mut world = available();
    let refusals = world.on(|region, context| {
        let unnamed = region.modify_shards(context, &shards(2)).unwrap_err();
        let missing = ModifyShards { to_remove: vec!["0009".to_owned()], ..shards(2) };
        let missing = region.modify_shards(context, &missing).unwrap_err();
        let later = ModifyShards { apply_immediately: false, ..shards(2) };
        [unnamed, missing, region.modify_shards(context, &later).unwrap_err()]
    });
    let codes = refusals.map(|refusal| (refusal.code, refusal.status));
    assert_eq!(
        codes,
        [("InvalidParameterCombination", 400), ("NodeGroupNotFoundFault", 404), ("InvalidParameterValue", 400)]
    );
    let keep = ModifyShards { to_retain: vec!["0001".to_owned(), "0003".to_owned()], ..shards(2) };
    world.on(|region, context| region.modify_shards(context, &keep)).unwrap();
    assert_eq!(world.wanted().shards.len(), 2);
    assert_eq!(world.group().node_groups[1].status, Status::Deleting);
    world.fleet_works();
    let ids: Vec<_> = world.group().node_groups.into_iter().map(|node_group| node_group.id).collect();
    assert_eq!(ids, ["0001", "0003"]);
    assert!(world.messages().contains(&"Removed cache node 0001".to_owned()));
}

#[test]
fn replicas_come_and_go_but_never_the_primary() {
    let mut world = available();
    world.on(|region, context| region.increase_replicas(context, &replica_count(2))).unwrap();
    world.fleet_works();
    assert_eq!(world.group().members().count(), 9);
    let same = world.on(|region, context| region.increase_replicas(context, &replica_count(2)));
    assert_eq!(same.unwrap_err().code, "NoOperationFault");
    // A failover: the second node of the first shard is the primary now.
    for report in world.report.clusters.values_mut() {
        for (id, node) in &mut report.nodes {
            node.primary = if id.starts_with("day19-0001") { id.ends_with("-002") } else { id.ends_with("-001") };
        }
    }
    world.tick();
    world.on(|region, context| region.decrease_replicas(context, &replica_count(1))).unwrap();
    let left: Vec<_> = world.wanted().shards[0].nodes.iter().map(|node| node.id.clone()).collect();
    assert_eq!(left, ["day19-0001-001", "day19-0001-002"]);
    world.fleet_works();
    let below = world.on(|region, context| region.decrease_replicas(context, &replica_count(0)));
    assert_eq!(below.unwrap_err().code, "InvalidParameterCombination", "Multi-AZ needs a replica");
}

#[test]
fn a_change_that_fails_is_told_and_an_old_failure_does_not_end_the_next() {
    let mut world = available();
    world.on(|region, context| region.increase_replicas(context, &replica_count(2))).unwrap();
    world.fleet_fails("out of memory");
    assert_eq!(world.group().status, Status::Available);
    assert!(world.messages().last().unwrap().ends_with("could not be modified: out of memory"));
    world.on(|region, context| region.decrease_replicas(context, &replica_count(1))).unwrap();
    world.tick();
    assert_eq!(world.group().status, Status::Modifying);
    world.fleet_works();
    assert_eq!(world.group().status, Status::Available);
}

#[test]
fn tags_are_refused_while_a_group_is_made_or_ended() {
    let mut world = World::new();
    let arn = "arn:aws:elasticache:eu-west-1:000000000000:replicationgroup:day19";
    world.create(&input()).unwrap();
    let refusal = world.on(|region, _| region.cache_tags(arn)).unwrap_err();
    assert_eq!(refusal.code, "InvalidReplicationGroupState");
    world.fleet_works();
    let tags = [("a".to_owned(), "b".to_owned())];
    assert_eq!(world.on(|region, _| region.add_cache_tags(arn, &tags)).unwrap().len(), 1);
    world.modify(&change(|change| change.snapshot_retention = Some(1))).unwrap();
    let refusal = world.on(|region, _| region.cache_tags(arn)).unwrap_err();
    assert_eq!(refusal.code, "InvalidReplicationGroupState");
    world.pass(300);
    assert_eq!(world.on(|region, _| region.cache_tags(arn)).unwrap().len(), 1);
    let missing = world.on(|region, _| region.remove_cache_tags(arn, &["x".to_owned()])).unwrap_err();
    assert_eq!((missing.code, missing.status), ("TagNotFound", 404));
    assert_eq!(world.on(|region, _| region.cache_tags("arn")).unwrap_err().code, "InvalidARN");
}

#[test]
fn what_a_group_uses_can_not_be_deleted() {
    let mut world = World::new();
    let group_id = world.on(|region, context| {
        let subnet_ids: Vec<_> = region.network.subnets.iter().map(|subnet| subnet.id.clone()).collect();
        region.create_subnet_group(context, "Subnets", "words", &subnet_ids, &[]).unwrap();
        let wish =
            CreateSecurityGroup { name: "cache".to_owned(), description: "words".to_owned(), ..Default::default() };
        region.create_security_group(context, wish).unwrap().id
    });
    let created = CreateReplicationGroup {
        subnet_group: Some("subnets".to_owned()),
        security_groups: vec![group_id.clone()],
        ..input()
    };
    world.create(&created).unwrap();
    let delete = |region: &mut Region, context: &mut Context<'_>| {
        (region.delete_subnet_group(context, "subnets"), region.delete_security_group(&group_id))
    };
    let (subnets, security) = world.on(delete);
    assert_eq!(subnets.unwrap_err().code, "CacheSubnetGroupInUse");
    assert_eq!(security.unwrap_err().code, "DependencyViolation");
    world.fleet_works();
    world.delete("day19").unwrap();
    world.fleet_works();
    assert_eq!(world.on(delete), (Ok(()), Ok(())));
}

#[test]
fn instances_live_by_the_clock_and_client_tokens_start_them_once() {
    let mut world = World::new();
    let image_id = world.on(|region, _| region.images()[1].id.clone());
    let input = RunInstances {
        image_id,
        instance_type: Some("t4g.micro".to_owned()),
        client_token: Some("once".to_owned()),
        least: 1,
        most: 1,
        ..RunInstances::default()
    };
    let run = |world: &mut World, input: &RunInstances| {
        world.on(|region, context| region.run_instances(context, input.clone()))
    };
    let id = run(&mut world, &input).unwrap()[0].id.clone();
    assert_eq!(run(&mut world, &input).unwrap()[0].id, id);
    let other = RunInstances { instance_type: Some("t4g.small".to_owned()), ..input.clone() };
    assert_eq!(run(&mut world, &other).unwrap_err().code, "IdempotentParameterMismatch");
    let state = |world: &World| world.state.regions[REGION].instances.get(&id).map(|instance| instance.state);
    assert_eq!(state(&world), Some(InstanceState::Pending));
    world.pass(1000);
    assert_eq!(state(&world), Some(InstanceState::Running));
    world.on(|region, context| region.terminate_instances(context, std::slice::from_ref(&id))).unwrap();
    assert_eq!(state(&world), Some(InstanceState::ShuttingDown));
    world.pass(1000);
    assert_eq!(state(&world), Some(InstanceState::Terminated));
    world.pass(3_599_999);
    assert_eq!(state(&world), Some(InstanceState::Terminated));
    world.pass(1);
    assert_eq!(state(&world), None);
}

#[test]
fn a_clock_that_is_put_back_holds_nothing_up() {
    let mut world = World::without_nodes();
    world.create(&input()).unwrap();
    let image_id = world.on(|region, _| region.images()[0].id.clone());
    let wish = RunInstances { image_id, least: 1, most: 1, ..RunInstances::default() };
    world.on(|region, context| region.run_instances(context, wish)).unwrap();
    assert!(!world.tick());
    world.now_ms -= 1;
    assert!(world.tick());
    assert_eq!(world.group().status, Status::Available);
    let state = |world: &World| world.state.regions[REGION].instances.values().next().map(|instance| instance.state);
    assert_eq!(state(&world), Some(InstanceState::Running));
    let ids: Vec<_> = world.state.regions[REGION].instances.keys().cloned().collect();
    world.on(|region, context| region.terminate_instances(context, &ids)).unwrap();
    world.pass(1000);
    world.now_ms -= 10_000;
    world.tick();
    assert_eq!(state(&world), Some(InstanceState::Terminated));
}

#[test]
fn the_state_is_the_same_after_saving_and_for_the_same_calls() {
    let world = available();
    let saved = serde_json::to_string(&world.state).unwrap();
    assert_eq!(serde_json::from_str::<State>(&saved).unwrap(), world.state);
    assert_eq!(available().state, world.state);
}

#[test]
fn a_saved_state_of_another_form_is_refused() {
    let read = |text: &str| State::from_saved(serde_json::from_str(text).unwrap()).map_err(|error| error.to_string());
    let mut saved = serde_json::to_value(&available().state).unwrap();
    assert_eq!(State::from_saved(saved.clone()).unwrap(), available().state);
    assert_eq!(
        read(r#"{"version":9,"accounts":{}}"#),
        Err("it is of version 9, and this program reads version 1".into())
    );
    assert!(read(r#"{"accounts":{}}"#).unwrap_err().starts_with("it names no version"));
    assert!(read("[]").unwrap_err().starts_with("it names no version"));
    assert!(read(r#"{"version":1}"#).unwrap_err().contains("missing field `regions`"));
    saved["regions"][REGION].as_object_mut().unwrap().remove("groups");
    assert!(State::from_saved(saved).unwrap_err().to_string().contains("missing field `groups`"));
}

#[test]
fn events_are_forgotten_after_two_weeks_and_filtered_by_source() {
    let mut world = available();
    let all = DescribeEvents { duration_min: Some(14 * 24 * 60), ..DescribeEvents::default() };
    let ask = |world: &mut World, input: &DescribeEvents| {
        let now_ms = world.now_ms;
        world.on(|region, _| region.describe_events(now_ms, input).map(|events| events.len()))
    };
    assert_eq!(ask(&mut world, &all), Ok(13));
    let of_group = DescribeEvents {
        source_type: Some("replication-group".to_owned()),
        source_id: Some("Day19".to_owned()),
        ..all.clone()
    };
    assert_eq!(ask(&mut world, &of_group), Ok(1));
    let untyped = DescribeEvents { source_type: None, ..of_group };
    assert_eq!(ask(&mut world, &untyped).unwrap_err().code, "InvalidParameterCombination");
    world.pass(15 * 24 * 3_600_000);
    let now_ms = world.now_ms;
    world.on(|region, _| region.record_group(now_ms, "other", "words"));
    assert_eq!(world.state.regions[REGION].events.len(), 1);
}
