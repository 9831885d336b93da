//! Data that outlives its cluster: `destroy --snapshot` and `restore_from`, from the planner's values to real nodes.
//!
//! `UPDATE_EXPECT=1 cargo test --test it keeping` writes the golden files anew.

use std::collections::BTreeMap;
use std::time::Instant;

use expect_test::{expect, expect_file};
use redis::cluster::{ClusterClient, ClusterConnection};
use serde_json::Value;
use shardform::desired::{Inputs, desired, query};
use shardform::diff::{ChangeSet, Keep, teardown_keeping};
use shardform::observed::{Live, Observed, Snapshot, Snapshots};
use shardform::resource::{Names, Ownership};
use shardform::steps::steps;

use crate::fake_cloud::{FakeCloud, surroundings};
use crate::planning::{QUICKSTART, carry_out, describe, live, plan, spec};
use crate::sandbox::{self, Ran, Sandbox, engine};

const RESTORE: &str = "  shards: 3\n  restore_from: Keep\n";

fn snapshot(group: &str, status: &str) -> Snapshot {
    Snapshot {
        name: "keep".to_owned(),
        status: status.to_owned(),
        group: Some(group.to_owned()),
        engine: Some("redis".to_owned()),
        engine_version: Some("7.1.0".to_owned()),
        data_tiering: Some(false),
    }
}

fn known(named: Option<Snapshot>) -> Snapshots {
    Snapshots { named, available: Vec::new() }
}

fn keeping(live: &Live, snapshots: Option<&Snapshots>) -> ChangeSet {
    teardown_keeping(&Names::new("day19"), live, &Keep { name: "keep", snapshots })
}

#[tokio::test(start_paused = true)]
async fn a_stack_goes_after_its_snapshot() {
    let cloud = live(QUICKSTART).await;
    let set = keeping(&cloud.observed().live, Some(&known(None)));
    expect_file!["../golden/teardown-keeping.txt"].assert_eq(&describe(&set, &steps(&set)));
    carry_out(&set, &cloud).await;
    let observed = cloud.observed();
    assert_eq!(observed.live, Live::default());
    let left = keeping(&observed.live, observed.surroundings.snapshots.as_ref());
    assert_eq!(left, ChangeSet::default(), "once more is nothing to do, and no error");
}

/// What is planned for a group in this status when this is known of the snapshot.
async fn planned(status: Option<&str>, ownership: Ownership, snapshots: Option<Snapshots>) -> String {
    let cloud = live(QUICKSTART).await;
    cloud.change(|observed| {
        let group = &mut observed.live.replication_group;
        match status {
            Some(status) => group.iter_mut().for_each(|group| {
                (group.status, group.ownership) = (status.to_owned(), ownership);
            }),
            None => *group = None,
        }
    });
    let set = keeping(&cloud.observed().live, snapshots.as_ref());
    let refusals = set.refusals.iter().map(|refusal| format!("refused: {}", refusal.message));
    let group = steps(&set).steps.into_iter().filter(|step| step.address.as_str() == "replication_group.cluster");
    let calls = group.map(|step| format!("{} {:?}", step.call.operation(), step.reason));
    refusals.chain(calls).collect::<Vec<_>>().join("; ")
}

#[tokio::test(start_paused = true)]
async fn every_state_of_group_and_snapshot_has_its_plan() {
    let own = |status: &str| Some(known(Some(snapshot("DAY19", status))));
    let other = || Some(known(Some(snapshot("other", "available"))));
    let none = || Some(known(None));
    let mut told = String::new();
    for (status, snapshots) in [
        (Some("available"), none()),
        (Some("modifying"), none()),
        (Some("snapshotting"), none()),
        (Some("available"), None),
        (Some("available"), own("available")),
        (Some("available"), other()),
        (Some("snapshotting"), own("creating")),
        (Some("snapshotting"), own("available")),
        (Some("deleting"), own("available")),
        (Some("deleting"), none()),
        (Some("creating"), none()),
        (Some("create-failed"), none()),
        (None, own("available")),
        (None, other()),
        (None, none()),
    ] {
        let known = snapshots.as_ref().map(|all| all.named.as_ref().map(|one| (one.group.clone(), one.status.clone())));
        let known = match known {
            None => "can't be told".to_owned(),
            Some(None) => "none".to_owned(),
            Some(Some((group, status))) => format!("{} of {}", status, group.unwrap_or_default()),
        };
        let plan = planned(status, Ownership::Ours, snapshots).await;
        told += &format!("group {}, snapshot {known}:\n    {plan}\n", status.unwrap_or("gone"));
    }
    expect_file!["../golden/keeping-states.txt"].assert_eq(&told);
    let foreign = planned(Some("available"), Ownership::Foreign, none()).await;
    assert!(foreign.starts_with("refused: `day19` exists and is not this stack's"), "{foreign}");
}

#[tokio::test(start_paused = true)]
async fn nodes_that_cannot_be_backed_up_are_refused_before_anything_is_deleted() {
    let cloud = live(QUICKSTART).await;
    cloud.change(|observed| {
        let group = observed.live.replication_group.as_mut().unwrap();
        group.node_type = Some("cache.t1.micro".to_owned());
    });
    let set = keeping(&cloud.observed().live, Some(&known(None)));
    assert_eq!(set.refusals.len(), 1);
    assert_eq!(set.refusals[0].path, "cluster.node_type");
}

fn impossible(text: &str, snapshots: Snapshots) -> String {
    let around = shardform::observed::Surroundings { snapshots: Some(snapshots), ..surroundings() };
    let observed = Observed { surroundings: around, live: Live::default() };
    match desired(&spec(text), &Inputs::default(), &observed) {
        Ok(_) => "possible\n".to_owned(),
        Err(problems) => {
            problems.iter().map(|problem| format!("{}: {problem}\n    {}\n", problem.path, problem.hint)).collect()
        }
    }
}

#[test]
fn what_a_snapshot_can_not_become_is_said_before_any_call() {
    let text = QUICKSTART.replace("  shards: 3\n", RESTORE);
    assert_eq!(query(&spec(&text)).snapshot.as_deref(), Some("keep"));
    let of = |edit: fn(&mut Snapshot)| {
        let mut one = snapshot("day19", "available");
        edit(&mut one);
        known(Some(one))
    };
    let tiered = text
        .replace("cache.t2.micro", "cache.r6gd.xlarge")
        .replace("  shards: 3\n", "  shards: 3\n  data_tiering: true\n");
    let cases = [
        impossible(&text, of(|_| ())),
        impossible(&text, of(|one| one.engine_version = Some("6.2.6".to_owned()))),
        impossible(&text.replace("engine: redis", "engine: valkey").replace("\"7.1\"", "\"8.0\""), of(|_| ())),
        impossible(&text, known(None)),
        impossible(&text, Snapshots { named: None, available: vec!["a".to_owned(), "b".to_owned()] }),
        impossible(&text, of(|one| one.status = "creating".to_owned())),
        impossible(&text, of(|one| one.status = "deleting".to_owned())),
        impossible(&text.replace("\"7.1\"", "\"7.0\""), of(|_| ())),
        impossible(&text, of(|one| (one.engine, one.engine_version) = (Some("valkey".into()), Some("8.0.1".into())))),
        impossible(&text, of(|one| one.data_tiering = Some(true))),
        impossible(&tiered, of(|_| ())),
    ];
    expect_file!["../golden/restore-impossible.txt"].assert_eq(&cases.concat());
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_is_there_is_asked_nothing_of_its_snapshot() {
    let text = QUICKSTART.replace("  shards: 3\n", RESTORE);
    let cloud = FakeCloud::new("day19");
    cloud.change(|observed| observed.surroundings.snapshots = Some(known(Some(snapshot("day19", "available")))));
    let set = plan(&text, &cloud);
    let group = set.changes.last().unwrap();
    let field = group.fields.iter().find(|field| field.path == "restore_from").unwrap();
    assert_eq!(field.after, "keep");
    let cloud = std::sync::Arc::new(cloud);
    carry_out(&set, &cloud).await;
    cloud.change(|observed| observed.surroundings.snapshots = Some(known(None)));
    assert_eq!(plan(&text, &cloud), ChangeSet::default());
}

fn golden(name: &str, ran: &Ran) {
    sandbox::golden(name, ran.shown());
}

fn last_line(ran: &Ran) -> Value {
    serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap()
}

#[test]
fn a_stack_is_destroyed_and_its_data_comes_back() {
    let sandbox = Sandbox::with_quickstart();
    golden("destroy-keep-nothing", &sandbox.run(&["destroy", "day19.yaml", "--snapshot", "keep", "--yes"]));
    sandbox.run_well(&["apply", "day19.yaml", "--yes"]);
    golden("destroy-keep-name", &sandbox.run(&["destroy", "day19.yaml", "--snapshot", "a--b", "--yes"]));
    golden("destroy-keep-unconfirmed", &sandbox.run(&["destroy", "day19.yaml", "--snapshot", "Keep"]));
    golden("destroy-keep", &sandbox.run(&["destroy", "day19.yaml", "--snapshot", "Keep", "--yes"]).sorted());
    golden("destroy-keep-again", &sandbox.run(&["destroy", "day19.yaml", "--snapshot", "Keep", "--yes"]));
    sandbox.file("day19.yaml", &QUICKSTART.replace("  shards: 3\n", "  shards: 3\n  restore_from: kept\n"));
    golden("restore-missing", &sandbox.run(&["apply", "day19.yaml", "--yes"]));
    sandbox.file("day19.yaml", &QUICKSTART.replace("  shards: 3\n", RESTORE));
    let ran = sandbox.run_well(&["plan", "day19.yaml"]);
    assert!(ran.stdout.contains("restore_from             keep\n"), "{}", ran.stdout);
    sandbox.run_well(&["apply", "day19.yaml", "--yes"]);
    golden("destroy-keep-exists", &sandbox.run(&["destroy", "day19.yaml", "--snapshot", "keep", "--yes"]));
    // The snapshot may be gone as soon as the cluster is there.
    sandbox.call("elasticache", &[("Action", "DeleteSnapshot"), ("SnapshotName", "keep")]);
    assert_eq!(sandbox.run(&["plan", "day19.yaml", "--detailed-exitcode"]).status, 0);
    let ran = sandbox.run_well(&["destroy", "day19.yaml", "--snapshot", "keep-2", "--yes", "--json"]);
    assert_eq!(last_line(&ran)["snapshot"], "keep-2", "{}", ran.stdout);
}

#[test]
fn a_destroy_that_was_left_goes_on_with_its_snapshot() {
    let sandbox = Sandbox::with_quickstart();
    sandbox.run_well(&["apply", "day19.yaml", "--yes"]);
    let arguments = ["destroy", "day19.yaml", "--snapshot", "keep", "--yes"];
    let ran = sandbox.run(&[&arguments[..], &["--timeout", "0s"]].concat());
    assert_eq!(ran.status, 1, "{}", ran.stdout);
    // However far it was left: as soon as the call was made it is never made again.
    let ran = sandbox.run_well(&arguments);
    assert!(ran.stdout.contains("restore_from: keep"), "{}", ran.stdout);
    assert_eq!(sandbox.called("elasticache:DeleteReplicationGroup"), 1);
    sandbox.run_well(&arguments);
    assert_eq!(sandbox.called("elasticache:DeleteReplicationGroup"), 1);
}

#[test]
fn snapshots_answer_on_the_wire() {
    let sandbox = Sandbox::with_quickstart();
    sandbox.run_well(&["apply", "day19.yaml", "--yes"]);
    let call =
        |action: &str, more: &[(&str, &str)]| sandbox.call("elasticache", &[&[("Action", action)], more].concat());
    let status = || {
        let answer = call("DescribeSnapshots", &[("SnapshotName", "s-10")]);
        answer.split("<SnapshotStatus>").nth(1).unwrap().split('<').next().unwrap().to_owned()
    };
    for n in 10..35 {
        let name = format!("s-{n}");
        let answer = call("CreateSnapshot", &[("SnapshotName", &name), ("ReplicationGroupId", "day19")]);
        assert!(answer.contains("<SnapshotStatus>creating</SnapshotStatus>"), "{answer}");
        crate::sandbox::until("the group is available", || {
            call("DescribeReplicationGroups", &[]).contains("</Description><Status>available</Status>")
        });
    }
    assert_eq!(status(), "available");
    let shown = call("DescribeSnapshots", &[("SnapshotName", "s-10"), ("ShowNodeGroupConfig", "true")]);
    for part in [
        "<ReplicationGroupId>day19</ReplicationGroupId>",
        "<NumNodeGroups>3</NumNodeGroups>",
        "<Slots>0-5461</Slots><ReplicaCount>2</ReplicaCount>",
        "<EngineVersion>7.1.0</EngineVersion>",
        "<ARN>arn:aws:elasticache:us-east-1:000000000000:snapshot:s-10</ARN>",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!call("DescribeSnapshots", &[("SnapshotName", "s-10")]).contains("NodeGroupConfiguration"));
    let names = |answer: &str| answer.matches("<SnapshotName>").count();
    let first = call("DescribeSnapshots", &[("MaxRecords", "20")]);
    assert_eq!(names(&first), 20);
    let marker = first.split("<Marker>").nth(1).unwrap().split('<').next().unwrap().to_owned();
    assert_eq!(names(&call("DescribeSnapshots", &[("MaxRecords", "20"), ("Marker", &marker)])), 5);
    assert!(call("DescribeSnapshots", &[("MaxRecords", "51")]).contains("InvalidParameterValue"));
    assert!(call("DeleteSnapshot", &[("SnapshotName", "S-10")]).contains("<SnapshotStatus>deleting<"));
    assert!(call("DeleteSnapshot", &[("SnapshotName", "s-10")]).contains("<Code>SnapshotNotFoundFault</Code>"));
    let events = call("DescribeEvents", &[("SourceType", "cache-cluster")]);
    let message = "Snapshot succeeded for snapshot with ID &#39;s-34&#39; of replication group with ID &#39;day19&#39;";
    assert!(events.replace('\'', "&#39;").contains(message), "{events}");
}

/// Writes 500 keys of every type, of which some have a time to live; answers with what reads back.
fn write_keys(connection: &mut ClusterConnection) {
    for n in 0..100 {
        let mut ask = |words: &[String]| {
            let mut command = redis::cmd(&words[0]);
            words[1..].iter().for_each(|word| {
                command.arg(word);
            });
            let answer: redis::RedisResult<redis::Value> = command.query(connection);
            answer.unwrap_or_else(|error| panic!("{words:?}: {error}"));
        };
        let words = |text: String| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        ask(&words(format!("SET string:{n} value-{n}")));
        ask(&words(format!("RPUSH list:{n} a b {n}")));
        ask(&words(format!("SADD set:{n} x y {n}")));
        ask(&words(format!("HSET hash:{n} f {n} g {}", n * 2)));
        match n % 2 {
            0 => ask(&words(format!("ZADD sorted:{n} 1 one {n}.5 n"))),
            _ => ask(&words(format!("XADD sorted:{n} 1-{n} field {n}"))),
        }
        if n % 5 == 0 {
            ask(&words(format!("PEXPIRE hash:{n} 3600000")));
        }
    }
}

/// Every key with its value and whether it has a time to live of about an hour.
fn read_keys(connection: &mut ClusterConnection) -> BTreeMap<String, (String, bool)> {
    let mut found = BTreeMap::new();
    for n in 0..100 {
        for (kind, words) in [
            ("string", vec!["GET"]),
            ("list", vec!["LRANGE", "0", "-1"]),
            ("set", vec!["SMEMBERS"]),
            ("hash", vec!["HGETALL"]),
            ("sorted", if n % 2 == 0 { vec!["ZRANGE", "0", "-1", "WITHSCORES"] } else { vec!["XRANGE", "-", "+"] }),
        ] {
            let key = format!("{kind}:{n}");
            let mut command = redis::cmd(words[0]);
            command.arg(&key);
            words[1..].iter().for_each(|word| {
                command.arg(*word);
            });
            let value: redis::Value = command.query(connection).unwrap();
            let mut shown = format!("{value:?}");
            if kind == "set" {
                let members: std::collections::BTreeSet<String> = redis::from_redis_value(value).unwrap();
                shown = format!("{members:?}");
            }
            let left: i64 = redis::cmd("PTTL").arg(&key).query(connection).unwrap();
            found.insert(key, (shown, (3_000_000..=3_600_000).contains(&left)));
        }
    }
    found
}

#[test]
fn keys_of_every_type_come_back_on_any_number_of_shards() {
    if !engine() {
        return;
    }
    let text = |shards: u32, more: &str| {
        let text = QUICKSTART.replace("port: 6379", "port: 17280").replace("shard: 2", "shard: 1");
        text.replace("  shards: 3\n", &format!("  shards: {shards}\n{more}"))
    };
    let sandbox = Sandbox::with_node(&[]);
    let connect = || {
        let status = sandbox.run_well(&["status", "day19.yaml", "--json"]).json();
        let endpoint = status["endpoint"].as_str().unwrap().to_owned();
        ClusterClient::new(vec![format!("redis://{endpoint}")]).unwrap().get_connection().unwrap()
    };
    sandbox.file("day19.yaml", &text(3, ""));
    sandbox.run_well(&["apply", "day19.yaml", "--yes"]);
    write_keys(&mut connect());
    let before = read_keys(&mut connect());
    assert_eq!(before.len(), 500);
    assert_eq!(before.values().filter(|(_, is_mortal)| *is_mortal).count(), 20);
    sandbox.run_well(&["destroy", "day19.yaml", "--snapshot", "keep", "--yes"]);
    for shards in [3, 2] {
        sandbox.file("day19.yaml", &text(shards, "  restore_from: keep\n"));
        let began = Instant::now();
        sandbox.run_well(&["apply", "day19.yaml", "--yes"]);
        println!("applied with the snapshot's data on {shards} shards in {:?}", began.elapsed());
        assert_eq!(read_keys(&mut connect()), before, "{shards} shards");
        sandbox.run_well(&["destroy", "day19.yaml", "--yes"]);
    }
}

#[test]
fn the_flag_is_in_the_help() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run(&["destroy", "--help"]);
    let line = ran.stdout.lines().find(|line| line.contains("--snapshot keep")).unwrap_or_default();
    expect!["  shardform destroy day19.yaml --snapshot keep      keep the data: `cluster.restore_from: keep`"]
        .assert_eq(line);
}
