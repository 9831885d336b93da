//! The main job with real cache nodes: from a plan file to a cluster that serves, changes while it serves, and goes.
//! Needs `redis-server` or `valkey-server` in the PATH.

use std::net::TcpStream;

use redis::Commands;
use redis::cluster::ClusterClient;
use serde_json::Value;

use crate::planning::QUICKSTART;
use crate::sandbox::{Sandbox, engine, until};

/// Quickstart on a port of the test's own.
fn plan_file(port: u16) -> String {
    QUICKSTART.replace("port: 6379", &format!("port: {port}"))
}

fn end(stdout: &str) -> Value {
    serde_json::from_str(stdout.lines().last().unwrap()).unwrap()
}

fn endpoint(sandbox: &Sandbox) -> String {
    let status = sandbox.run_well(&["status", "day19.yaml", "--json"]).json();
    status["endpoint"].as_str().unwrap_or_else(|| panic!("{status}")).to_owned()
}

#[test]
fn a_plan_file_becomes_a_cluster_that_serves_and_goes_again() {
    if !engine() {
        return;
    }
    let sandbox = Sandbox::with_node(&[]);
    sandbox.file("day19.yaml", &plan_file(17101));
    let ran = sandbox.run_well(&["apply", "day19.yaml", "--yes", "--json"]);
    let last = end(&ran.stdout);
    assert_eq!(last["check"]["ping"], "PONG", "{last}");
    assert_eq!(last["check"]["slots"], 16384, "{last}");
    assert_eq!(sandbox.run(&["plan", "day19.yaml", "--detailed-exitcode"]).status, 0);

    // A client that we did not write, through the configuration endpoint.
    let client = ClusterClient::new(vec![format!("redis://{}", endpoint(&sandbox))]).unwrap();
    let mut connection = client.get_connection().unwrap();
    for key in 0..300 {
        let () = connection.set(format!("key-{key}"), key).unwrap();
    }

    // More, other and fewer shards and replicas, each in place, with every key.
    for (shards, replicas) in [(4, 1), (2, 2), (3, 0)] {
        let text = plan_file(17101)
            .replace("shards: 3", &format!("shards: {shards}"))
            .replace("replicas_per_shard: 2", &format!("replicas_per_shard: {replicas}"))
            .replace("multi_az: true", &format!("multi_az: {}", replicas > 0));
        sandbox.file("day19.yaml", &text);
        let ran = sandbox.run_well(&["apply", "day19.yaml", "--yes", "--json"]);
        let health = &end(&ran.stdout)["check"];
        let counts = (health["primaries"].as_u64(), health["replicas"].as_u64());
        assert_eq!(counts, (Some(shards), Some(shards * replicas)), "{health}");
        assert_eq!(health["faults"], serde_json::json!([]), "{health}");
        let mut connection = client.get_connection().unwrap();
        for key in 0..300 {
            let value: i32 = connection.get(format!("key-{key}")).unwrap();
            assert_eq!(value, key);
        }
    }
    sandbox.run_well(&["destroy", "day19.yaml", "--yes"]);
    let ran = sandbox.run_well(&["destroy", "day19.yaml", "--yes"]);
    assert!(ran.stdout.contains("nothing to delete"), "{}", ran.stdout);
}

#[test]
fn the_local_cloud_starts_by_itself_and_stops() {
    if !engine() {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.file("day19.yaml", &plan_file(17102).replace("shards: 3", "shards: 1").replace("shard: 2", "shard: 1"));
    let listen = "127.0.0.1:17103";
    let run = |arguments: &[&str]| {
        sandbox.ran(sandbox.shardform(arguments).env("SHARDFORM_LOCAL_LISTEN", listen).output().unwrap())
    };
    assert_eq!(run(&["local", "status"]).status, 1, "it is not up yet");
    let ran = run(&["apply", "day19.yaml", "--local", "--yes"]);
    assert_eq!(ran.status, 0, "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("PONG"), "{}", ran.stdout);
    assert_eq!(run(&["local", "status"]).status, 0);
    assert!(run(&["local", "logs"]).stdout.contains("listening on"));
    assert_eq!(run(&["local", "stop"]).status, 0);
    assert_eq!(run(&["local", "status"]).status, 1);
    let closed = || TcpStream::connect(listen).is_err();
    until("nobody listens any more", closed);
    // What was there comes back, and goes.
    let ran = run(&["plan", "day19.yaml", "--local", "--detailed-exitcode"]);
    assert_eq!(ran.status, 0, "{}\n{}", ran.stdout, ran.stderr);
    assert_eq!(run(&["destroy", "day19.yaml", "--local", "--yes"]).status, 0);
    assert_eq!(run(&["local", "stop"]).status, 0);
}

#[test]
fn without_an_engine_installed_the_embedded_one_runs() {
    let sandbox = Sandbox::new();
    sandbox.file("day19.yaml", &plan_file(17104));
    let run = |arguments: &[&str]| {
        let mut command = sandbox.shardform(arguments);
        command.env("SHARDFORM_LOCAL_LISTEN", "127.0.0.1:17105").env("PATH", sandbox.folder());
        sandbox.ran(command.output().unwrap())
    };
    let ran = run(&["apply", "day19.yaml", "--local", "--yes"]);
    assert_eq!(ran.status, 0, "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("PONG"), "{}", ran.stdout);
    let ran = run(&["local", "logs"]);
    assert!(ran.stdout.contains("(engine embedded"), "{}\n{}", ran.stdout, ran.stderr);
    let ran = run(&["verify", "day19.yaml", "--local"]);
    assert_eq!(ran.status, 0, "{}\n{}", ran.stdout, ran.stderr);
    assert_eq!(run(&["destroy", "day19.yaml", "--local", "--yes"]).status, 0);
    assert_eq!(run(&["local", "stop"]).status, 0);
}
