//! Snapshots: taken, kept while their group goes, and started with.

use super::*;
use crate::node::control::snapshot::{CreateSnapshot, DescribeSnapshots, Snapshot};
use crate::node::wanted::{SnapshotKey, SnapshotReport, WantedData};

fn take(world: &mut World, name: &str) -> Result<Snapshot, ApiError> {
    let (name, group) = (name.to_owned(), Some("DAY19".to_owned()));
    let input = CreateSnapshot { name, group, ..CreateSnapshot::default() };
    world.on(|region, context| region.create_snapshot(context, &input))
}

fn end(world: &mut World, name: &str) -> Result<ReplicationGroup, ApiError> {
    world.on(|region, context| region.delete_replication_group(context, "day19", false, Some(name)))
}

/// The fleet has taken all that is wanted, or could not.
fn fleet_saves(world: &mut World, outcome: Result<u64, &str>) {
    for (key, wanted) in world.state.wanted().snapshots {
        let sizes = outcome.map(|bytes| wanted.shards.keys().map(|shard| (shard.clone(), bytes)).collect());
        let outcome = sizes.map_err(str::to_owned);
        world.report.snapshots.insert(key, SnapshotReport { created: wanted.created, outcome });
    }
    world.tick();
}

fn status(world: &mut World, name: &str) -> Result<String, ApiError> {
    world.on(|region, _| Ok(region.snapshot_status(region.snapshot(name)?).to_owned()))
}

fn from_snapshot(edit: impl FnOnce(&mut CreateReplicationGroup)) -> CreateReplicationGroup {
    let mut input = CreateReplicationGroup { id: "again".to_owned(), snapshot: Some("Keep".to_owned()), ..input() };
    edit(&mut input);
    input
}

#[test]
fn a_snapshot_is_taken_of_every_shard_and_the_group_goes_on() {
    let mut world = available();
    let snapshot = take(&mut world, "Keep").unwrap();
    assert_eq!((snapshot.name.as_str(), status(&mut world, "keep")), ("keep", Ok("creating".to_owned())));
    assert_eq!(world.group().status, Status::Snapshotting);
    let wanted = world.state.wanted();
    let key = SnapshotKey { region: REGION.to_owned(), name: "keep".to_owned() };
    assert_eq!(wanted.snapshots[&key].shards.keys().collect::<Vec<_>>(), ["0001", "0002", "0003"]);
    assert!(!wanted.clusters.is_empty(), "a cluster goes on serving while it is saved");
    // What another of the same name has become is not its.
    let other = SnapshotReport { created: 0, outcome: Err("old".to_owned()) };
    world.report.snapshots.insert(key, other);
    assert!(!world.tick());
    fleet_saves(&mut world, Ok(7));
    assert_eq!((world.group().status, status(&mut world, "KEEP")), (Status::Available, Ok("available".to_owned())));
    let told = world.messages();
    let message = "Snapshot succeeded for snapshot with ID 'keep' of replication group with ID 'day19'";
    assert_eq!(told.last().map(String::as_str), Some(message));
}

#[test]
fn a_group_goes_only_after_its_final_snapshot() {
    let mut world = available();
    assert_eq!(end(&mut world, "keep").unwrap().status, Status::Snapshotting);
    world.pass(60_000);
    assert_eq!(world.group().status, Status::Snapshotting);
    fleet_saves(&mut world, Ok(7));
    assert_eq!(world.group().status, Status::Deleting);
    world.fleet_works();
    assert!(world.state.regions[REGION].groups.is_empty());
    assert_eq!(status(&mut world, "keep"), Ok("available".to_owned()));
    assert_eq!(world.state.wanted().snapshots.len(), 1, "its files are kept");
    // All of it outlives the server.
    let saved = serde_json::to_value(&world.state).unwrap();
    assert_eq!(State::from_saved(saved).unwrap(), world.state);
}

#[test]
fn a_state_of_before_there_were_snapshots_is_taken() {
    let mut saved = serde_json::to_value(&available().state).unwrap();
    let region = &mut saved["regions"][REGION];
    assert!(region.as_object_mut().unwrap().remove("snapshots").is_some());
    assert!(region["groups"]["day19"].as_object_mut().unwrap().remove("data").is_some());
    assert_eq!(State::from_saved(saved).unwrap(), available().state);
}

#[test]
fn a_failed_snapshot_leaves_the_group_and_tells_why() {
    let mut world = available();
    end(&mut world, "keep").unwrap();
    fleet_saves(&mut world, Err("no space left"));
    assert_eq!(world.group().status, Status::Available);
    assert_eq!(status(&mut world, "keep").unwrap_err().code, "SnapshotNotFoundFault");
    let told = world.messages().pop().unwrap();
    let message = "Snapshot failed for snapshot with ID 'keep' of replication group with ID 'day19': no space left";
    assert_eq!(told, message);
    world.report.snapshots.clear();
    assert!(end(&mut world, "keep").is_ok(), "it can be tried again");
}

#[test]
fn snapshots_are_refused_in_the_codes_of_the_model() {
    let mut world = available();
    let code = |refused: Result<Snapshot, ApiError>| refused.unwrap_err().code;
    assert_eq!(code(take(&mut world, "a--b")), "InvalidParameterValue");
    take(&mut world, "keep").unwrap();
    assert_eq!(code(take(&mut world, "keep")), "SnapshotAlreadyExistsFault");
    assert_eq!(code(take(&mut world, "more")), "InvalidReplicationGroupState");
    let delete = |world: &mut World, name: &str| world.on(|region, _| region.delete_snapshot(name));
    assert_eq!(code(delete(&mut world, "keep")), "InvalidSnapshotState");
    assert_eq!(code(delete(&mut world, "none")), "SnapshotNotFoundFault");
    fleet_saves(&mut world, Ok(1));
    assert_eq!(end(&mut world, "keep").unwrap_err().code, "SnapshotAlreadyExistsFault");
    assert_eq!(world.group().status, Status::Available, "and nothing is deleted");
    assert_eq!(delete(&mut world, "Keep").unwrap().name, "keep");
    assert!(world.state.wanted().snapshots.is_empty());
    let of = |group: Option<&str>, cluster: Option<&str>| CreateSnapshot {
        name: "keep".to_owned(),
        group: group.map(str::to_owned),
        cluster: cluster.map(str::to_owned),
        tags: Vec::new(),
    };
    for (input, expected) in [
        (of(None, None), "InvalidParameterCombination"),
        (of(Some("day19"), Some("day19-0001-001")), "InvalidParameterCombination"),
        (of(None, Some("day19-0001-001")), "InvalidParameterCombination"),
        (of(None, Some("other")), "CacheClusterNotFound"),
        (of(Some("other"), None), "ReplicationGroupNotFoundFault"),
    ] {
        assert_eq!(code(world.on(|region, context| region.create_snapshot(context, &input))), expected);
    }
}

#[test]
fn a_copy_is_a_snapshot_of_its_own() {
    let mut world = available();
    take(&mut world, "keep").unwrap();
    let copy = |world: &mut World, name: &str, target: &str| {
        world.on(|region, context| region.copy_snapshot(context, name, target, &[]))
    };
    assert_eq!(copy(&mut world, "keep", "more").unwrap_err().code, "InvalidSnapshotState");
    fleet_saves(&mut world, Ok(1));
    assert_eq!(copy(&mut world, "none", "more").unwrap_err().code, "SnapshotNotFoundFault");
    assert_eq!(copy(&mut world, "keep", "keep").unwrap_err().code, "SnapshotAlreadyExistsFault");
    copy(&mut world, "Keep", "More").unwrap();
    assert_eq!(status(&mut world, "keep"), Ok("copying".to_owned()));
    let key = SnapshotKey { region: REGION.to_owned(), name: "more".to_owned() };
    assert!(world.state.wanted().snapshots[&key].copy_of.is_some());
    // The group that both are of goes its own way meanwhile.
    take(&mut world, "third").unwrap();
    let third = SnapshotKey { name: "third".to_owned(), ..key.clone() };
    let created = world.state.wanted().snapshots[&key].created;
    world.report.snapshots.insert(key, SnapshotReport { created, outcome: Ok(BTreeMap::new()) });
    world.tick();
    assert_eq!(world.group().status, Status::Snapshotting);
    assert_eq!(status(&mut world, "more"), Ok("available".to_owned()));
    assert!(!world.state.wanted().snapshots[&third].is_taken);
    world.on(|region, _| region.delete_snapshot("keep")).unwrap();
    assert_eq!(status(&mut world, "more"), Ok("available".to_owned()));
}

#[test]
fn snapshots_are_found_by_name_group_and_source() {
    let mut world = available();
    for name in ["one", "two"] {
        take(&mut world, name).unwrap();
        fleet_saves(&mut world, Ok(1));
    }
    let mut found = |edit: fn(&mut DescribeSnapshots)| {
        let mut input = DescribeSnapshots::default();
        edit(&mut input);
        world.on(|region, _| {
            let found = region.describe_snapshots(&input)?;
            Ok::<_, ApiError>(found.iter().map(|snapshot| snapshot.name.clone()).collect::<Vec<_>>())
        })
    };
    assert_eq!(found(|_| ()).unwrap(), ["one", "two"]);
    assert_eq!(found(|input| input.name = Some("TWO".to_owned())).unwrap(), ["two"]);
    assert_eq!(found(|input| input.group = Some("Day19".to_owned())).unwrap().len(), 2);
    assert_eq!(found(|input| input.group = Some("other".to_owned())).unwrap().len(), 0);
    assert_eq!(found(|input| input.source = Some("system".to_owned())).unwrap().len(), 0);
    assert_eq!(found(|input| input.name = Some("none".to_owned())).unwrap_err().code, "SnapshotNotFoundFault");
    assert_eq!(found(|input| input.source = Some("x".to_owned())).unwrap_err().code, "InvalidParameterValue");
}

#[test]
fn a_group_starts_with_a_snapshot_until_it_is_made() {
    let mut world = available();
    take(&mut world, "keep").unwrap();
    let too_early = world.create(&from_snapshot(|_| ())).unwrap_err();
    assert_eq!(too_early.code, "InvalidParameterValue");
    fleet_saves(&mut world, Ok(1));
    let shape = |input: &mut CreateReplicationGroup| {
        (input.node_group_count, input.engine, input.engine_version) = (None, None, None);
    };
    let group = world.create(&from_snapshot(shape)).unwrap();
    assert_eq!((group.node_groups.len(), group.engine_version.as_str()), (3, "7.1.0"));
    assert_eq!(status(&mut world, "keep"), Ok("restoring".to_owned()));
    let refused = world.on(|region, _| region.delete_snapshot("keep")).unwrap_err();
    assert_eq!(refused.code, "InvalidSnapshotState");
    let data = |world: &World| {
        let clusters = world.state.wanted().clusters;
        clusters.into_iter().find(|(key, _)| key.replication_group_id == "again").and_then(|(_, cluster)| cluster.data)
    };
    let generation = world.state.regions[REGION].snapshots["keep"].generation;
    assert_eq!(data(&world), Some(WantedData { snapshot: "keep".to_owned(), created: generation }));
    world.fleet_works();
    assert_eq!(data(&world), None, "a group that is made is never filled again");
    assert_eq!(status(&mut world, "keep"), Ok("available".to_owned()));
}

#[test]
fn data_goes_to_no_older_version_and_to_no_other_engine_but_valkey() {
    let mut world = available();
    take(&mut world, "keep").unwrap();
    fleet_saves(&mut world, Ok(1));
    let set = |input: &mut CreateReplicationGroup, engine: &str, version: &str, family: &str| {
        (input.engine, input.engine_version) = (Some(engine.to_owned()), Some(version.to_owned()));
        input.parameter_group = Some(format!("default.{family}.cluster.on"));
    };
    let older = world.create(&from_snapshot(|input| set(input, "redis", "7.0", "redis7"))).unwrap_err();
    assert_eq!(older.code, "InvalidParameterCombination");
    let tiered = world.create(&from_snapshot(|input| {
        input.node_type = Some("cache.r6gd.xlarge".to_owned());
        input.data_tiering = Some(true);
    }));
    assert_eq!(tiered.unwrap_err().code, "InvalidParameterCombination");
    let missing = world.create(&from_snapshot(|input| input.snapshot = Some("none".to_owned()))).unwrap_err();
    assert_eq!(missing.code, "InvalidParameterValue");
    assert!(world.create(&from_snapshot(|input| set(input, "valkey", "8.0", "valkey8"))).is_ok());
}

#[test]
fn without_nodes_snapshots_go_by_the_clock() {
    let mut world = World::without_nodes();
    world.create(&input()).unwrap();
    world.pass(1000);
    end(&mut world, "keep").unwrap();
    assert_eq!(world.state.next_due(), Some(world.now_ms + 300));
    world.pass(300);
    assert_eq!((world.group().status, status(&mut world, "keep")), (Status::Deleting, Ok("available".to_owned())));
    world.pass(500);
    assert!(world.state.regions[REGION].groups.is_empty());
    world.create(&from_snapshot(|input| input.id = "day19".to_owned())).unwrap();
    world.pass(1000);
    assert_eq!(world.group().status, Status::Available);
}
