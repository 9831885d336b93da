//! `failover` as a user meets it: what it refuses, and whole drills with real cache nodes.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use expect_test::expect_file;
use redis::cluster::ClusterClient;
use rustix::process::Signal;
use serde_json::Value;

use crate::planning::QUICKSTART;
use crate::sandbox::{self, Ran, Sandbox, engine, send};

/// Holds what a run showed against the golden file of this name.
fn golden(name: &str, ran: &Ran) {
    sandbox::golden(&format!("failover-{name}"), ran.shown());
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
    golden("no-replica", &sandbox.run(&["failover", "day19.yaml", "--shard", "all"]));
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

/// What a drill has shown, with numbers that differ from run to run made the same. Of the roles on the way only the new
/// primary is told: how many of the others are seen depends on the machine.
fn same(ran: &Ran) -> String {
    // A shard's number begins with a zero, and stays.
    let is_count =
        |word: &str| !word.is_empty() && !word.starts_with('0') && word.bytes().all(|byte| byte.is_ascii_digit());
    let mut text = String::new();
    for line in ran.shown().lines() {
        let is_role = [" is down", " is not in sync yet", " is a linked replica"].iter().any(|end| line.ends_with(end));
        let is_progress = line.trim_start().starts_with("…s  ");
        if is_progress && (is_role || line.contains("event: ")) {
            continue;
        }
        let label = line.split_whitespace().next().unwrap_or_default();
        let line = match label {
            "writes" | "reads" if line.starts_with("  ") => format!("  {label} …"),
            "a" => "  a client saw …".to_owned(),
            "lost" | "bystander" => {
                line.split(' ').map(|word| if is_count(word) { "…" } else { word }).collect::<Vec<_>>().join(" ")
            }
            _ => line.replace("-…s  ", "+…s  "),
        };
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// How many keys there are in the cluster.
fn key_count(sandbox: &Sandbox) -> u64 {
    let status = sandbox.run_well(&["status", "day19.yaml", "--json"]).json();
    let endpoint = status["endpoint"].as_str().unwrap().to_owned();
    let mut connection = ClusterClient::new(vec![format!("redis://{endpoint}")]).unwrap().get_connection().unwrap();
    redis::cmd("DBSIZE").query(&mut connection).unwrap()
}

#[test]
fn a_shard_is_failed_over_and_all_of_it_is_told() {
    if !engine() {
        return;
    }
    let sandbox = Sandbox::with_node(&[]);
    sandbox.file("day19.yaml", &plan_file(17452, 1));
    sandbox.run_well(&["apply", "day19.yaml", "--yes"]);
    let golden_file = format!("{}/tests/golden/cli/failover.txt", env!("CARGO_MANIFEST_DIR"));
    let ran = sandbox.run(&["failover", "day19.yaml", "--shard", "0001", "--yes", "--report", "drill.html"]);
    expect_file![golden_file].assert_eq(&same(&ran));
    assert_eq!(key_count(&sandbox), 0);
    let page = std::fs::read_to_string(sandbox.folder().join("drill.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") || page.starts_with("<!DOCTYPE html>"), "{page:.60}");
    assert!(page.contains("day19-0001-002"), "the page names the new primary");

    // For programs, and as a gate that nothing passes: a drill is always out for longer than nothing.
    let ran =
        sandbox.run(&["failover", "day19.yaml", "--shard", "random", "--yes", "--json", "--max-unavailable", "0s"]);
    assert_eq!(ran.status, 1, "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("is the most that is allowed"), "{}", ran.stderr);
    let report: Value = ran.json();
    assert_eq!(report["drills"][0]["outcome"], "restored", "{report}");
    assert_eq!(report["drills"][0]["lost"], serde_json::json!([]), "{report}");
    assert_eq!((&report["shards"], &report["replicas_per_shard"]), (&3.into(), &1.into()));
    assert_eq!(key_count(&sandbox), 0);

    // A place that can't be written to is told before anything is done.
    let before = sandbox.called("elasticache:TestFailover");
    golden("no-place", &sandbox.run(&["failover", "day19.yaml", "--shard", "1", "--yes", "--report", "no/where.html"]));
    assert_eq!(sandbox.called("elasticache:TestFailover"), before);
}

#[test]
fn a_drill_that_is_left_cleans_up_and_is_reported() {
    if !engine() {
        return;
    }
    let sandbox = Sandbox::with_node(&[]);
    sandbox.file("day19.yaml", &plan_file(17453, 1));
    sandbox.run_well(&["apply", "day19.yaml", "--yes"]);
    let mut child = sandbox
        .shardform(&["failover", "day19.yaml", "--shard", "all", "--yes", "--json", "--report", "left.html"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let called = lines.find(|line| line.as_ref().unwrap().contains("failover asked for"));
    assert!(called.is_some(), "the failover is asked for");
    send(child.id(), Signal::INT);
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    let mut document = String::new();
    child.stdout.take().unwrap().read_to_string(&mut document).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:?}");
    assert_eq!(rest.last().map(String::as_str), Some("error: interrupted"));
    let report: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(report["drills"].as_array().unwrap().len(), 1, "the next shard is not begun: {report}");
    assert_eq!(report["drills"][0]["outcome"], "left", "{report}");
    assert_eq!(key_count(&sandbox), 0);
    assert!(sandbox.folder().join("left.html").is_file());
}
