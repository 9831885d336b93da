//! Plan file + what is live -> change set -> steps, held against golden files; and that every plan converges: once it
//! is applied, the same plan file says that nothing changes.
//!
//! `UPDATE_EXPECT=1 cargo test planning` writes the golden files anew.

use std::fmt::Write;
use std::sync::Arc;

use expect_test::expect_file;
use shardform::cloud::Ids;
use shardform::desired::{Inputs, desired};
use shardform::diff::{ChangeSet, diff, teardown};
use shardform::execute::execute;
use shardform::observed::{Live, LiveRule, LiveSource, Observed};
use shardform::resource::{Names, Ownership};
use shardform::spec::{ReadOptions, Spec, read};
use shardform::steps::{StepGraph, steps};
use tokio::sync::{mpsc, watch};

use crate::fake_cloud::FakeCloud;

pub const QUICKSTART: &str = include_str!("../../examples/quickstart.yaml");

pub fn spec(text: &str) -> Spec {
    match read("plan.yaml", text, &ReadOptions { variable: &|_| None }) {
        Ok(file) => file.spec,
        Err(problems) => panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}

pub fn plan(text: &str, cloud: &FakeCloud) -> ChangeSet {
    plan_with(text, cloud, &Inputs::default())
}

/// The same with what the command line and the clock say.
pub fn plan_with(text: &str, cloud: &FakeCloud, inputs: &Inputs) -> ChangeSet {
    let observed = cloud.observed();
    let inputs = Inputs { public_key: Some("ssh-ed25519 AAAA me@here".to_owned()), ..inputs.clone() };
    let wanted = desired(&spec(text), &inputs, &observed).expect("it is possible");
    diff(&wanted, &observed.live)
}

/// Carries out a change set to its end.
pub async fn carry_out(set: &ChangeSet, cloud: &Arc<FakeCloud>) {
    let (events, _told) = mpsc::unbounded_channel();
    let (_stop, stopped) = watch::channel(false);
    let graph = steps(set);
    let calls: usize = set.changes.iter().map(|change| change.calls.len()).sum();
    assert_eq!(graph.steps.len(), calls, "no step is lost to a circle");
    let outcome = execute(Arc::clone(cloud), &graph, Ids::new(), events, stopped).await;
    assert!(outcome.is_complete(), "{outcome:#?}");
}

/// A cloud in which this plan file is live.
pub async fn live(text: &str) -> Arc<FakeCloud> {
    let cloud = Arc::new(FakeCloud::new("day19"));
    carry_out(&plan(text, &cloud), &cloud).await;
    cloud
}

/// 2026-11-22T21:00:00Z
const NOW_S: u64 = 1_795_381_200;

/// The value that a tag of the cluster's security group is to have; empty: it is to go.
fn tag_after(set: &ChangeSet, tag: &str) -> Option<String> {
    let change = set.change(shardform::resource::Address::ClusterGroup)?;
    let field = change.fields.iter().find(|field| field.path == format!("tags.{tag}"))?;
    Some(field.after.as_str().unwrap_or_default().to_owned())
}

#[tokio::test(start_paused = true)]
async fn an_expiry_is_kept_until_it_comes_and_renewed_on_demand() {
    let text = format!("expires_in: 2h\n{QUICKSTART}");
    let at = |now_s: u64| Inputs { now_s, ..Inputs::default() };
    let cloud = Arc::new(FakeCloud::new("day19"));
    carry_out(&plan_with(&text, &cloud, &at(NOW_S)), &cloud).await;
    let name = cloud.observed().live.subnet_group.unwrap().name;
    assert_eq!(name, "day19-cluster-until-20261122t230000z");
    assert!(plan_with(&text, &cloud, &at(NOW_S + 7199)).is_empty());
    let expires = |set: &ChangeSet| tag_after(set, "shardform:expires");
    let renewed = plan_with(&text, &cloud, &at(NOW_S + 7200));
    assert_eq!(expires(&renewed).as_deref(), Some("2026-11-23T01:00:00Z/2h"));
    let asked = Inputs { expires_in: shardform::lifetime::Length::parse("1d"), ..at(NOW_S + 60) };
    assert_eq!(expires(&plan_with(&text, &cloud, &asked)).as_deref(), Some("2026-11-23T21:01:00Z/24h"));
    let other = text.replace("2h", "3h");
    assert_eq!(expires(&plan_with(&other, &cloud, &at(NOW_S))).as_deref(), Some("2026-11-23T00:00:00Z/3h"));
    let none = plan_with(QUICKSTART, &cloud, &at(NOW_S));
    assert_eq!((expires(&none).as_deref(), none.summary().update), (Some(""), 6));
    carry_out(&none, &cloud).await;
    assert!(plan_with(QUICKSTART, &cloud, &at(NOW_S)).is_empty(), "the name stays as it was given");
}

#[tokio::test(start_paused = true)]
async fn a_new_stack_is_its_makers_and_a_live_one_stays_whose_it_is() {
    let cloud = Arc::new(FakeCloud::new("day19"));
    cloud.change(|observed| observed.surroundings.caller = Some("ann".to_owned()));
    carry_out(&plan(QUICKSTART, &cloud), &cloud).await;
    assert_eq!(cloud.observed().live.subnet_group.unwrap().name, "day19-cluster-by-ann");
    cloud.change(|observed| observed.surroundings.caller = Some("bob".to_owned()));
    assert!(plan(QUICKSTART, &cloud).is_empty());
    let given = plan(&format!("owner: bob\n{QUICKSTART}"), &cloud);
    assert_eq!(tag_after(&given, "shardform:owner").as_deref(), Some("bob"));
    // One that was made when nobody was named stays nobody's.
    let nobodys = live(QUICKSTART).await;
    nobodys.change(|observed| observed.surroundings.caller = Some("bob".to_owned()));
    assert!(plan(QUICKSTART, &nobodys).is_empty());
    assert_eq!(nobodys.observed().live.subnet_group.unwrap().name, "day19-cluster");
    // An owner and an expiry that come later are tags, and nothing else.
    let later = plan(&format!("owner: bob\nexpires_in: 2h\n{QUICKSTART}"), &nobodys);
    assert_eq!((later.changes.len(), later.summary().update), (6, 6));
    for change in &later.changes {
        let paths: Vec<&str> = change.fields.iter().map(|field| field.path.as_str()).collect();
        assert_eq!(paths, ["tags.shardform:expires", "tags.shardform:owner"], "{}", change.address);
        assert!(change.calls.iter().all(|planned| planned.call.operation().ends_with("Tags")
            || planned.call.operation().ends_with("TagsToResource")));
    }
    carry_out(&later, &nobodys).await;
    assert!(plan(QUICKSTART.replace("name: day19", "name: day19\nexpires_in: 2h").as_str(), &nobodys).is_empty());
}

pub fn describe(set: &ChangeSet, graph: &StepGraph) -> String {
    let mut out = String::new();
    for change in &set.changes {
        let _ = writeln!(out, "{:?} {} {}: {}", change.action, change.address, change.name, change.reason);
        for field in &change.fields {
            let _ = writeln!(out, "    {}: {} -> {}", field.path, field.before, field.after);
        }
    }
    for refusal in &set.refusals {
        let _ =
            writeln!(out, "REFUSED {} {}: {}\n    {}", refusal.address, refusal.path, refusal.message, refusal.hint);
    }
    for note in &set.notes {
        let _ = writeln!(out, "note: {note}");
    }
    for step in &graph.steps {
        let needs: Vec<String> = step.needs.iter().map(ToString::to_string).collect();
        let operation = if step.call.operation().is_empty() { "(wait)" } else { step.call.operation() };
        let _ =
            writeln!(out, "{:>2} {operation} {} after [{}]: {}", step.id, step.address, needs.join(" "), step.reason);
        if let Some(wait) = &step.wait {
            let _ = writeln!(out, "     until {wait:?}");
        }
    }
    out
}

fn with_calls(set: &ChangeSet) -> String {
    let graph = steps(set);
    let mut out = describe(set, &graph);
    for step in &graph.steps {
        let _ = writeln!(out, "\n{} = {:#?}", step.id, step.call);
    }
    out
}

#[test]
fn quickstart_from_nothing() {
    let cloud = FakeCloud::new("day19");
    expect_file!["../golden/quickstart-from-nothing.txt"].assert_eq(&with_calls(&plan(QUICKSTART, &cloud)));
}

/// Applies the quickstart with `before` in it, and then with `after` instead: the plan is held against its golden
/// file, and carried out until nothing differs.
async fn update(name: &str, before: &[(&str, &str)], after: &[(&str, &str)]) {
    let edit = |edits: &[(&str, &str)]| {
        edits.iter().fold(QUICKSTART.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "{from:?} is not in the plan file");
            text.replace(from, to)
        })
    };
    let cloud = live(&edit(before)).await;
    assert!(plan(&edit(before), &cloud).changes.is_empty(), "applied, nothing differs");
    let set = plan(&edit(after), &cloud);
    expect_file![format!("{}/tests/golden/{name}.txt", env!("CARGO_MANIFEST_DIR"))]
        .assert_eq(&describe(&set, &steps(&set)));
    if set.refusals.is_empty() {
        carry_out(&set, &cloud).await;
        let left = plan(&edit(after), &cloud);
        assert!(left.changes.is_empty(), "once applied, nothing differs: {left:#?}");
    }
}

const SNAPSHOTS: &str = "  snapshot_retention_days: 0\n";

#[tokio::test(start_paused = true)]
async fn nothing_changes_without_a_change() {
    update("no-change", &[], &[]).await;
}

#[tokio::test(start_paused = true)]
async fn scaling_out() {
    update("scale-out", &[], &[("shards: 3", "shards: 5"), ("replicas_per_shard: 2", "replicas_per_shard: 3")]).await;
}

#[tokio::test(start_paused = true)]
async fn scaling_in() {
    update("scale-in", &[], &[("shards: 3", "shards: 2"), ("replicas_per_shard: 2", "replicas_per_shard: 1")]).await;
}

#[tokio::test(start_paused = true)]
async fn replicas_to_none_and_multi_az_off() {
    let none = [("replicas_per_shard: 2", "replicas_per_shard: 0"), ("multi_az: true", "multi_az: false")];
    update("replicas-to-none", &[], &none).await;
    update("replicas-from-none", &none, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn settings_in_place() {
    let after = "  snapshot_retention_days: 7\n  snapshot_window: 03:00-04:00\n  \
                 maintenance_window: sun:06:00-sun:07:00\n  description: Sessions\n  \
                 notification_topic_arn: arn:aws:sns:us-east-1:000000000000:cache\n  auto_minor_version_upgrade: false\n";
    update(
        "settings",
        &[],
        &[(SNAPSHOTS, after), ("region: us-east-1\n", "region: us-east-1\ntags:\n  team: cache\n")],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn parameters_come_change_and_go() {
    let some = [(
        SNAPSHOTS,
        "  snapshot_retention_days: 0\n  parameters:\n    maxmemory-policy: allkeys-lru\n    timeout: 60\n",
    )];
    let other = [(SNAPSHOTS, "  snapshot_retention_days: 0\n  parameters:\n    maxmemory-policy: noeviction\n")];
    update("parameters-come", &[], &some).await;
    update("parameters-change", &some, &other).await;
    update("parameters-go", &some, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn upgrading_the_engine_takes_the_parameter_group_along() {
    let parameters = "  snapshot_retention_days: 0\n  parameters:\n    timeout: 60\n";
    let old = [(SNAPSHOTS, parameters), ("engine_version: \"7.1\"", "engine_version: \"6.2\"")];
    let new = [(SNAPSHOTS, parameters)];
    update("upgrade-with-parameters", &old, &new).await;
    update("upgrade", &[("engine_version: \"7.1\"", "engine_version: \"7.0\"")], &[]).await;
    let valkey = [("engine: redis", "engine: valkey"), ("engine_version: \"7.1\"", "engine_version: \"8.0\"")];
    update("redis-to-valkey", &[], &valkey).await;
    update("valkey-to-redis", &valkey, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn downgrading_is_refused() {
    update("downgrade", &[], &[("engine_version: \"7.1\"", "engine_version: \"7.0\"")]).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_fixed_at_creation_is_refused() {
    update("port", &[], &[("port: 6379", "port: 6380")]).await;
}

#[tokio::test(start_paused = true)]
async fn the_client_host_may_be_replaced() {
    update("instance-type", &[], &[("instance_type: t2.micro", "instance_type: t3.small")]).await;
    let key = [("instance_type: t2.micro", "instance_type: t2.micro\n  key_pair: {public_key_file: id.pub}")];
    update("key-pair", &[], &key).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_host_that_is_left_out_goes() {
    let client = "client:                        # the EC2 host that redis-cli runs on\n  instance_type: t2.micro\n";
    update(
        "client-goes",
        &[],
        &[(client, ""), (SNAPSHOTS, "  snapshot_retention_days: 0\n  allow_from: [10.0.0.0/8]\n")],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_may_reach_it_changes_in_place() {
    let after = [("instance_type: t2.micro", "instance_type: t2.micro\n  ssh_from: [198.51.100.0/24]")];
    update("ssh-from", &[], &after).await;
}

#[tokio::test(start_paused = true)]
async fn rules_that_others_have_added_are_taken_away() {
    let cloud = live(QUICKSTART).await;
    let world = LiveRule {
        protocol: "tcp".to_owned(),
        from_port: Some(6379),
        to_port: Some(6379),
        source: LiveSource::Cidr("0.0.0.0/0".to_owned()),
    };
    cloud.change(|observed| {
        observed.live.cluster_group.as_mut().unwrap().ingress.insert(world);
    });
    let set = plan(QUICKSTART, &cloud);
    expect_file!["../golden/foreign-rule.txt"].assert_eq(&describe(&set, &steps(&set)));
    carry_out(&set, &cloud).await;
    assert!(plan(QUICKSTART, &cloud).changes.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_drift_of_a_single_node_is_seen() {
    let cloud = live(QUICKSTART).await;
    cloud.change(|observed| {
        let group = observed.live.replication_group.as_mut().unwrap();
        group.members[7].group_ids = std::collections::BTreeSet::from(["sg-other".to_owned()]);
    });
    let set = plan(QUICKSTART, &cloud);
    assert_eq!(set.changes.len(), 1);
    assert_eq!(set.changes[0].fields[0].path, "security_groups");
}

#[tokio::test(start_paused = true)]
async fn what_the_cloud_does_not_tell_is_no_difference() {
    let cloud = live(QUICKSTART).await;
    cloud.change(|observed| {
        let group = observed.live.replication_group.as_mut().unwrap();
        group.members.clear();
        group.description = None;
        group.multi_az = None;
        group.tags = None;
        group.ownership = Ownership::Unknown;
    });
    assert!(plan(QUICKSTART, &cloud).is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_on_its_way_is_waited_for_and_not_compared() {
    for status in ["creating", "modifying", "snapshotting"] {
        let cloud = live(QUICKSTART).await;
        cloud.change(|observed| observed.live.replication_group.as_mut().unwrap().status = status.to_owned());
        let set = plan(&QUICKSTART.replace("shards: 3", "shards: 4"), &cloud);
        assert!(set.is_empty() && set.changes.len() == 1, "{set:#?}");
        assert!(set.changes[0].reason.contains(status), "{set:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_failed_or_is_going_is_refused() {
    for status in ["create-failed", "deleting"] {
        let cloud = live(QUICKSTART).await;
        cloud.change(|observed| observed.live.replication_group.as_mut().unwrap().status = status.to_owned());
        let set = plan(QUICKSTART, &cloud);
        assert!(set.changes.is_empty() && set.refusals.len() == 1, "{set:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_ours_is_never_touched() {
    let cloud = live(QUICKSTART).await;
    cloud.change(|observed| {
        let live = &mut observed.live;
        live.key_pair.as_mut().unwrap().ownership = Ownership::Foreign;
        live.client_group.as_mut().unwrap().ownership = Ownership::Foreign;
        live.cluster_group.as_mut().unwrap().ownership = Ownership::Foreign;
        live.subnet_group.as_mut().unwrap().ownership = Ownership::Foreign;
        live.replication_group.as_mut().unwrap().ownership = Ownership::Foreign;
    });
    let set = plan(QUICKSTART, &cloud);
    assert_eq!(set.refusals.len(), 5, "{set:#?}");
    let mut going = cloud.observed().live;
    going.instances.clear();
    let set = teardown(&Names::new("day19"), &going);
    assert!(set.changes.is_empty(), "{set:#?}");
    assert_eq!(set.notes.len(), 5, "{set:#?}");
}

/// Quickstart with more lines in its cluster.
fn with(lines: &str) -> String {
    QUICKSTART.replace(SNAPSHOTS, &format!("{SNAPSHOTS}{lines}"))
}

/// Changes what the cloud tells of the replication group.
fn retell(cloud: &FakeCloud, change: impl FnOnce(&mut shardform::observed::LiveReplicationGroup)) {
    cloud.change(|observed| change(observed.live.replication_group.as_mut().unwrap()));
}

#[tokio::test(start_paused = true)]
async fn a_key_is_the_same_by_id_and_by_arn_and_an_alias_is_not_compared() {
    for key in ["1234abcd-12ab-34cd-56ef-1234567890ab", "alias/my-key"] {
        let text = with(&format!("  at_rest_encryption: true\n  kms_key_id: {key}\n"));
        let cloud = live(&text).await;
        let arn = "arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        retell(&cloud, |group| group.kms_key_id = Some(arn.to_owned()));
        let set = plan(&text, &cloud);
        assert!(set.changes.is_empty() && set.refusals.is_empty(), "{key}: {set:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn user_groups_that_the_cloud_leaves_out_are_none() {
    let before = with("  transit_encryption: required\n");
    let cloud = live(&before).await;
    retell(&cloud, |group| group.user_group_ids = None);
    let set = plan(&format!("{before}  user_group_ids: [readers]\n"), &cloud);
    assert_eq!(set.changes.len(), 1, "{set:#?}");
    assert_eq!(set.changes[0].fields[0].path, "user_group_ids");
    carry_out(&set, &cloud).await;
}

#[tokio::test(start_paused = true)]
async fn tls_is_settled_before_user_groups_come() {
    let cloud = live(&with("  transit_encryption: preferred\n")).await;
    let set = plan(&with("  transit_encryption: required\n  user_group_ids: [readers]\n"), &cloud);
    let calls: Vec<&str> = set.changes[0].calls.iter().map(|planned| planned.reason.as_str()).collect();
    assert_eq!(calls, ["settings that change in place", "user groups"]);
    carry_out(&set, &cloud).await;
}

#[tokio::test(start_paused = true)]
async fn a_parameter_group_that_stays_attached_is_not_deleted() {
    let cloud = live(&with("  parameters:\n    timeout: 60\n")).await;
    retell(&cloud, |group| group.status = "snapshotting".to_owned());
    let set = plan(QUICKSTART, &cloud);
    let addresses: Vec<&str> = set.changes.iter().map(|change| change.address.as_str()).collect();
    assert_eq!(addresses, ["replication_group.cluster"], "only the wait is left: {set:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_left_out_is_the_live_one() {
    let old = QUICKSTART.replace("\"7.1\"", "\"6.2\"");
    let cloud = live(&old.replace(SNAPSHOTS, &format!("{SNAPSHOTS}  parameters:\n    timeout: 60\n"))).await;
    let text = QUICKSTART.replace("  engine_version: \"7.1\"\n", "");
    let set = plan(&text.replace(SNAPSHOTS, &format!("{SNAPSHOTS}  parameters:\n    timeout: 60\n")), &cloud);
    assert!(set.changes.is_empty(), "{set:#?}");
}

#[tokio::test(start_paused = true)]
async fn slots_are_compared_by_what_they_mean() {
    let text = QUICKSTART
        .replace("  shards: 3\n", "  node_groups:\n    - slots: 0-99,200-8191\n    - slots: 100-199,8192-16383\n");
    let cloud = live(&text).await;
    retell(&cloud, |group| {
        group.node_groups[0].slots = Some("200-8191, 0-99".to_owned());
        group.node_groups[1].slots = Some("100-199,8192-16383".to_owned());
    });
    assert!(plan(&text, &cloud).is_empty());
    retell(&cloud, |group| group.node_groups[0].slots = Some("0-8191".to_owned()));
    assert_eq!(plan(&text, &cloud).refusals.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_the_window_is_told_of_before_a_change_brings_it_along() {
    let cloud = live(QUICKSTART).await;
    retell(&cloud, |group| group.pending = vec!["node_type = cache.r7g.large".to_owned()]);
    let set = plan(&with("  description: Sessions\n"), &cloud);
    assert!(set.notes.iter().any(|note| note.contains("cache.r7g.large")), "{set:#?}");
}

#[tokio::test(start_paused = true)]
async fn teardown_of_the_whole_stack() {
    let cloud = live(&QUICKSTART.replace(SNAPSHOTS, "  parameters:\n    timeout: 60\n")).await;
    let set = teardown(&Names::new("day19"), &cloud.observed().live);
    expect_file!["../golden/teardown.txt"].assert_eq(&describe(&set, &steps(&set)));
    carry_out(&set, &cloud).await;
    assert_eq!(cloud.observed().live, shardform::observed::Live::default());
}

/// Whatever half of a stack there is: it can be completed, and it can be torn down.
#[tokio::test(start_paused = true)]
async fn every_half_of_a_stack_converges() {
    let text = QUICKSTART.replace(SNAPSHOTS, "  parameters:\n    timeout: 60\n");
    for half in 0u32..128 {
        for tear_down in [false, true] {
            let cloud = live(&text).await;
            cloud.change(|observed| {
                let live = &mut observed.live;
                let gone = |bit: u32| half & (1 << bit) != 0;
                if gone(0) {
                    live.replication_group = None;
                }
                if gone(1) {
                    live.instances.clear();
                }
                if gone(2) {
                    live.key_pair = None;
                }
                // What is in use can't be gone.
                if gone(3) && live.replication_group.is_none() {
                    live.cluster_group = None;
                }
                if gone(4) && live.instances.is_empty() && live.cluster_group.is_none() {
                    live.client_group = None;
                }
                if gone(5) && live.replication_group.is_none() {
                    live.subnet_group = None;
                }
                if gone(6) && live.replication_group.is_none() {
                    live.parameter_groups.clear();
                }
            });
            if tear_down {
                carry_out(&teardown(&Names::new("day19"), &cloud.observed().live), &cloud).await;
                assert_eq!(cloud.observed().live, shardform::observed::Live::default(), "half {half:b}");
            } else {
                carry_out(&plan(&text, &cloud), &cloud).await;
                assert!(plan(&text, &cloud).changes.is_empty(), "half {half:b}");
            }
        }
    }
}

#[test]
fn what_the_surroundings_lack_is_said_before_any_call() {
    let mut around = crate::fake_cloud::surroundings();
    around.subnets.truncate(1);
    around.ec2_instance_connect = None;
    around.image_id = None;
    around.engine_versions.as_mut().unwrap().retain(|version| version.family != "redis7");
    let observed = Observed { surroundings: around, live: Live::default() };
    let problems = desired(&spec(QUICKSTART), &Inputs::default(), &observed).unwrap_err();
    let told: Vec<String> = problems.iter().map(|problem| format!("{}: {problem}", problem.path)).collect();
    expect_test::expect![[r#"
        cluster.engine_version: redis 7.1 is not offered in this region
        client.ssh_from: this region has no managed prefix list of EC2 Instance Connect
        client.ami: the newest Amazon Linux image for t2.micro could not be found
        cluster.multi_az: Multi-AZ needs subnets in two zones or more; all of these are in us-east-1a"#]]
    .assert_eq(&told.join("\n"));
}
