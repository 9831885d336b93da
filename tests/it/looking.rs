//! `verify`, `nodes` and `events` as a user meets them: status and both outputs compared whole.
//!
//! `UPDATE_EXPECT=1 cargo test looking` writes the golden files anew.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use crate::planning::QUICKSTART;
use crate::sandbox::{self, Ran, Sandbox, engine, send, until};

/// A stack of two shards with two replicas each, at a port of the test's own, with a parameter.
fn plan_file(port: u16) -> String {
    QUICKSTART
        .replace("port: 6379", &format!("port: {port}\n  parameters: {{timeout: 60, maxmemory-policy: volatile-lru}}"))
        .replace("shards: 3", "shards: 2")
}

/// What differs from run to run, and from machine to machine, beside what the sandbox makes the same.
fn same_line(line: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in line.split(' ') {
        let core = word.trim_matches(|c: char| "\",;".contains(c));
        let is_hex = core.len() == 40 && core.chars().all(|c| c.is_ascii_hexdigit());
        let is_digits = |text: &str, length: usize| text.len() == length && text.bytes().all(|b| b.is_ascii_digit());
        let parts = |separator: char| core.split(separator).collect::<Vec<_>>();
        let is_date = matches!(parts('-')[..], [y, m, d] if is_digits(y, 4) && is_digits(m, 2) && is_digits(d, 2));
        let is_time = matches!(parts(':')[..], [h, m, s] if is_digits(h, 2) && is_digits(m, 2) && is_digits(s, 2));
        let is_version = parts('.').len() == 3 && core.split('.').all(|part| part.parse::<u32>().is_ok());
        let is_millis = is_digits(core, 13);
        let is_timestamp = core.len() > 20 && core.contains('T') && core.chars().filter(|c| *c == ':').count() >= 2;
        let after_bytes = words.last().map(String::as_str) == Some("most") || words.last().is_some_and(|w| w == "last");
        let place = match () {
            () if is_hex => "ID",
            () if is_date => "DATE",
            () if is_time => "TIME",
            () if is_version && core != "7.1.0" => "VERSION",
            () if is_millis || is_timestamp => "MOMENT",
            () if after_bytes && core.parse::<u64>().is_ok() => "N",
            () => core,
        };
        words.push(word.replace(core, place));
    }
    words.join(" ")
}

fn same(text: &str) -> String {
    let lines = text.lines().map(|line| format!("{}\n", same_line(line)));
    lines.collect()
}

fn golden(name: &str, shown: &str) {
    sandbox::golden(name, &same(shown));
}

/// The members' endpoints.
fn endpoint(sandbox: &Sandbox, member: &str) -> String {
    let nodes = sandbox.run_well(&["nodes", "day19.yaml", "--json"]).json();
    let nodes =
        nodes["shards"].as_array().unwrap().iter().flat_map(|shard| shard["nodes"].as_array().unwrap()).cloned();
    let node = nodes.into_iter().find(|node| node["member"] == member).unwrap();
    node["endpoint"].as_str().unwrap().to_owned()
}

/// Tells a node something as somebody would by hand.
fn by_hand(endpoint: &str, words: &[&str]) -> redis::Value {
    let mut connection = redis::Client::open(format!("redis://{endpoint}")).unwrap().get_connection().unwrap();
    let mut command = redis::Cmd::new();
    words.iter().for_each(|word| {
        command.arg(*word);
    });
    command.query(&mut connection).unwrap()
}

fn ec2(sandbox: &Sandbox, parameters: &[(&str, &str)]) {
    let all: Vec<(&str, &str)> = parameters.iter().copied().chain([("Version", "2016-11-15")]).collect();
    let answer = sandbox.call("ec2", &all);
    assert!(!answer.contains("<Errors>"), "{answer}");
}

/// The findings of `verify --json` that are no notes: `severity address: seen`.
fn findings(ran: &Ran) -> Vec<String> {
    let report = ran.json();
    assert_eq!(report["exit_code"], ran.status, "{report}");
    let checks = report["checks"].as_array().unwrap().iter();
    let all = checks.flat_map(|check| check["findings"].as_array().into_iter().flatten());
    let line = |finding: &Value| {
        let text = |field: &str| finding[field].as_str().unwrap();
        format!("{} {}: {}", text("severity"), text("address"), text("seen"))
    };
    all.filter(|finding| finding["severity"] != "note").map(line).collect()
}

#[test]
fn a_cluster_is_verified_and_its_nodes_are_shown() {
    if !engine() {
        return;
    }
    let sandbox = Sandbox::with_node(&[]);
    sandbox.file("day19.yaml", &plan_file(17351));
    golden("verify-nothing", sandbox.run(&["verify", "day19.yaml"]).shown());
    golden("nodes-nothing", sandbox.run(&["nodes", "day19.yaml"]).shown());
    let applied = sandbox.run_well(&["apply", "day19.yaml", "--yes", "--json"]);
    let end: Value = serde_json::from_str(applied.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(end["check"]["findings"], serde_json::json!([]), "{end}");
    golden("verify", sandbox.run(&["verify", "day19.yaml"]).shown());
    golden("verify-quiet", sandbox.run(&["verify", "day19.yaml", "--quiet"]).shown());
    golden("verify-json", sandbox.run(&["verify", "day19.yaml", "--json"]).shown());
    nodes(&sandbox);
    planted(&sandbox);
}

fn nodes(sandbox: &Sandbox) {
    // How much memory an engine takes is its own business.
    let memory = |word: &str| {
        let number = word.trim_end_matches(['B', 'K', 'M']);
        word != number && number.parse::<f64>().is_ok()
    };
    let shown = sandbox.run(&["nodes", "day19.yaml"]).shown().replace("    2M", "  2.0M");
    let words = |line: &str| {
        let words = line.split(' ').map(|word| if memory(word) { "MEM" } else { word }).collect::<Vec<_>>();
        format!("{}\n", words.join(" "))
    };
    golden("nodes", &shown.lines().map(words).collect::<String>());
    let document = sandbox.run_well(&["nodes", "day19.yaml", "--json"]).json();
    let shard = &document["shards"][0];
    assert_eq!((shard["id"].as_str(), shard["slots"].as_str()), (Some("0001"), Some("0-8191")), "{document}");
    let roles: Vec<&str> =
        shard["nodes"].as_array().unwrap().iter().map(|node| node["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["primary", "replica", "replica"]);
    // Unchanged: as the node behind the configuration endpoint gives it, apart from the moments in it.
    let raw = sandbox.run_well(&["nodes", "day19.yaml", "--raw"]);
    let at = document["endpoint"].as_str().unwrap();
    let own: String = redis::from_redis_value(by_hand(at, &["CLUSTER", "NODES"])).unwrap();
    let without_moments = |text: &str| -> Vec<Vec<String>> {
        let fields = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let fields = |line: &str| {
            fields(line)
                .into_iter()
                .enumerate()
                .filter(|(at, _)| ![4, 5].contains(at))
                .map(|(_, field)| field)
                .collect()
        };
        text.lines().map(fields).collect()
    };
    assert_eq!(without_moments(&raw.stdout), without_moments(&own));
    let raw = sandbox.run_well(&["nodes", "day19.yaml", "--raw", "--json"]).json();
    assert_eq!(raw["endpoint"], at);
    assert_eq!(without_moments(raw["cluster_nodes"].as_str().unwrap()), without_moments(&own));
    // A block a second where nothing can be drawn anew; Ctrl-C is its end.
    let (mut child, mut lines) = spawned(sandbox.shardform(&["nodes", "day19.yaml", "--watch"]));
    let headings = lines.by_ref().filter(|line| line.as_ref().unwrap().starts_with("day19 in us-east-1: available"));
    assert_eq!(headings.take(2).count(), 2);
    send(child.id(), Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// What nobody heals in the local cloud either, each by itself.
fn planted(sandbox: &Sandbox) {
    let verify = || sandbox.run(&["verify", "day19.yaml", "--json"]);
    let (primary, replica) = (endpoint(sandbox, "day19-0002-001"), endpoint(sandbox, "day19-0001-003"));

    by_hand(&replica, &["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    by_hand(&replica, &["CONFIG", "SET", "timeout", "0"]);
    let ran = verify();
    assert_eq!(
        (ran.status, findings(&ran)),
        (
            1,
            vec![
                "error node.day19-0001-003: timeout is 0 in the engine; planned: 60".to_owned(),
                "error node.day19-0001-003: its eviction policy is allkeys-lru; planned: volatile-lru".to_owned(),
            ]
        )
    );
    // Nothing is to be changed for it, and all the same it isn't well.
    let ran = sandbox.run(&["apply", "day19.yaml", "--yes", "--json"]);
    let last: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
    assert_eq!((ran.status, &last["result"]), (1, &"unchanged".into()), "{last}");
    assert!(last["error"]["message"].as_str().is_some_and(|told| told.contains("allkeys-lru")), "{last}");
    by_hand(&replica, &["CONFIG", "SET", "maxmemory-policy", "volatile-lru"]);
    by_hand(&replica, &["CONFIG", "SET", "timeout", "60"]);

    by_hand(&primary, &["CONFIG", "SET", "maxmemory", "1000"]);
    let ran = verify();
    assert_eq!(ran.status, 1);
    let found = findings(&ran);
    assert!(found[0].starts_with("error node.day19-0002-001: ") && found[0].contains("% of its memory is used"));
    assert!(found[1].starts_with("error node.day19-0002-001: it does not take a write (SET): OOM"), "{found:?}");
    by_hand(&primary, &["CONFIG", "SET", "maxmemory", "0"]);

    // A door that the plan file doesn't open; the nodes' zones otherwise than it says now.
    let status = sandbox.run_well(&["status", "day19.yaml", "--json"]).json();
    let rows = status["resources"].as_array().unwrap();
    let group = rows.iter().find(|row| row["address"] == "security_group.cluster").unwrap()["id"].as_str().unwrap();
    let rule = |action: &'static str, range: &'static str| {
        let parameters = [
            ("Action", action),
            ("GroupId", group),
            ("IpPermissions.1.IpProtocol", "tcp"),
            ("IpPermissions.1.FromPort", "17351"),
            ("IpPermissions.1.ToPort", "17351"),
            ("IpPermissions.1.IpRanges.1.CidrIp", range),
        ];
        ec2(sandbox, &parameters);
    };
    rule("AuthorizeSecurityGroupIngress", "10.1.0.0/16");
    golden("verify-warnings", sandbox.run(&["verify", "day19.yaml"]).shown());
    rule("AuthorizeSecurityGroupIngress", "0.0.0.0/0");
    golden("verify-errors", sandbox.run(&["verify", "day19.yaml", "--quiet"]).shown());
    rule("RevokeSecurityGroupIngress", "10.1.0.0/16");
    rule("RevokeSecurityGroupIngress", "0.0.0.0/0");
    assert_eq!(findings(&verify()), Vec::<String>::new());

    let zones = "  node_groups:\n    - {primary_zone: us-east-1d, replica_zones: [us-east-1b, us-east-1c]}\n    - {}\n";
    sandbox.file("day19.yaml", &format!("{}{zones}", plan_file(17351)));
    let ran = verify();
    let found = findings(&ran);
    let elsewhere = "warning shard.0001: its nodes are in us-east-1a, us-east-1b, us-east-1c; planned: us-east-1b, \
                     us-east-1c, us-east-1d";
    assert_eq!((ran.status, found[0].as_str()), (2, elsewhere));
    assert!(found[1].starts_with("warning replication_group.cluster: differs from the plan file: "), "{found:?}");
    assert_eq!(found.len(), 2);
}

#[test]
fn two_nodes_of_a_shard_in_one_zone_are_found() {
    let sandbox = Sandbox::without_nodes();
    let zones = |shard: &str| {
        format!(
            "{}  node_groups:\n    - {{primary_zone: us-east-1a, replica_zones: [{shard}]}}\n    - {{}}\n",
            plan_file(17352)
        )
    };
    sandbox.file("day19.yaml", &zones("us-east-1b, us-east-1b"));
    sandbox.run_well(&["apply", "day19.yaml", "--yes"]);
    sandbox.file("day19.yaml", &zones("us-east-1b, us-east-1c"));
    // There are no nodes to ask, which is an error too.
    golden("verify-unreachable", sandbox.run(&["verify", "day19.yaml", "--via", "direct"]).shown());
    golden("nodes-unreachable", sandbox.run(&["nodes", "day19.yaml", "--via", "direct"]).shown());
}

fn spawned(mut command: Command) -> (Child, std::io::Lines<BufReader<std::process::ChildStdout>>) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines)
}

#[test]
fn events_are_told_in_local_time_also_of_what_is_gone() {
    let sandbox = Sandbox::without_nodes();
    let small =
        plan_file(17353).replace("shards: 2", "shards: 1").replace("replicas_per_shard: 2", "replicas_per_shard: 1");
    sandbox.file("day19.yaml", &small);
    let events = |arguments: &[&str]| {
        let all: Vec<&str> = ["events", "day19.yaml"].iter().chain(arguments).copied().collect();
        let mut command = sandbox.shardform(&all);
        command.env("TZ", "EST5");
        command
    };
    let run = |arguments: &[&str]| sandbox.ran(events(arguments).output().unwrap());
    golden("events-none", run(&[]).shown());
    sandbox.run_well(&["apply", "day19.yaml", "--yes"]);
    golden("events", run(&[]).shown());
    golden("events-json", run(&["--json", "--since", "1d"]).shown());

    // Followed: what there is, then what comes, each once.
    let (mut child, mut lines) = spawned(events(&["--follow", "--json"]));
    let first = run(&["--json"]).json().as_array().unwrap().len();
    let before: Vec<Value> =
        lines.by_ref().take(first).map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    sandbox.run_well(&["destroy", "day19.yaml", "--yes"]);
    let whole = run(&["--json"]).json();
    let whole = whole.as_array().unwrap();
    assert!(whole.len() > first, "{whole:?}");
    let after: Vec<Value> =
        lines.take(whole.len() - first).map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    assert_eq!([before, after].concat(), *whole);
    send(child.id(), Signal::INT);
    until("it has ended", || child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    golden("events-gone", run(&["--since", "1d"]).shown());
    assert_eq!(run(&["--since", "1w"]).status, 1);
}
