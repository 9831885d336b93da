//! `failover` as a user meets it: what it refuses, and whole drills with real cache nodes.

use expect_test::expect_file;

use crate::planning::QUICKSTART;
use crate::sandbox::{Ran, Sandbox, engine};

/// Holds what a run showed against the golden file of this name.
fn golden(name: &str, ran: &Ran) {
    expect_file![format!("{}/tests/golden/cli/failover-{name}.txt", env!("CARGO_MANIFEST_DIR"))].assert_eq(ran.shown());
}

/// Quickstart with fewer nodes, on a port of the test's own.
fn plan_file(port: u16, replicas: u32) -> String {
    let text = QUICKSTART.replace("port: 6379", &format!("port: {port}"));
    let text = text.replace("replicas_per_shard: 2", &format!("replicas_per_shard: {replicas}"));
    text.replace("multi_az: true", &format!("multi_az: {}", replicas > 0))
}

#[test]
fn what_cant_be_failed_over_is_refused_with_a_reason() {
    let sandbox = Sandbox::without_nodes();
    sandbox.file("day19.yaml", &plan_file(17450, 0));
    golden("no-cluster", &sandbox.run(&["failover", "day19.yaml", "--shard", "1"]));
    sandbox.run_well(&["apply", "day19.yaml", "--yes"]);
    golden("no-replica", &sandbox.run(&["failover", "day19.yaml", "--shard", "random"]));
    golden("no-such-shard", &sandbox.run(&["failover", "day19.yaml", "--shard", "7"]));
    golden("no-such-shard-json", &sandbox.run(&["failover", "day19.yaml", "--shard", "7", "--json"]));
    golden("no-shard-at-all", &sandbox.run(&["failover", "day19.yaml", "--shard", "one"]));
    golden("none-named", &sandbox.run(&["failover", "day19.yaml"]));
}

#[test]
fn nobody_is_failed_over_without_being_asked_for() {
    if !engine() {
        return;
    }
    let sandbox = Sandbox::with_node(&[]);
    sandbox.file("day19.yaml", &plan_file(17451, 1));
    sandbox.run_well(&["apply", "day19.yaml", "--yes"]);
    golden("unconfirmed", &sandbox.run(&["failover", "day19.yaml", "--shard", "all"]));
    golden("unconfirmed-quiet", &sandbox.run(&["failover", "day19.yaml", "--shard", "0002", "--quiet"]));
    assert_eq!(sandbox.called("elasticache:TestFailover"), 0);
}
