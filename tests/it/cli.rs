//! The command line against the real `shardform-node` over HTTP: status and both outputs compared whole.
//!
//! Most of these run without cache nodes, so that they need nothing installed; `with_engine` has the others.
//! `UPDATE_EXPECT=1 cargo test cli` writes the golden files anew.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::planning::QUICKSTART;
use crate::sandbox::{self, Ran, Sandbox, send, until};

fn golden(name: &str, ran: &Ran) {
    sandbox::golden(name, ran.shown());
}

#[test]
fn a_stack_comes_is_looked_at_and_goes() {
    let sandbox = Sandbox::with_quickstart();
    golden("plan-from-nothing", &sandbox.run(&["plan", "day19.yaml"]));
    golden("apply", &sandbox.run(&["apply", "day19.yaml", "--yes"]).sorted());
    golden("apply-again", &sandbox.run(&["apply", "day19.yaml", "--yes"]));
    golden("plan-nothing", &sandbox.run(&["plan", "day19.yaml", "--detailed-exitcode"]));
    golden("status", &sandbox.run(&["status", "day19.yaml"]));
    sandbox.file("day19.yaml", &QUICKSTART.replace("shards: 3", "shards: 4"));
    golden("plan-shards", &sandbox.run(&["plan", "day19.yaml", "--detailed-exitcode"]));
    golden("plan-shards-verbose", &sandbox.run(&["plan", "day19.yaml", "--verbose"]));
    golden("apply-shards", &sandbox.run(&["apply", "day19.yaml", "--yes"]).sorted());
    sandbox.file("day19.yaml", &QUICKSTART.replace("port: 6379", "port: 6380"));
    golden("plan-refused", &sandbox.run(&["plan", "day19.yaml"]));
    golden("apply-refused", &sandbox.run(&["apply", "day19.yaml", "--yes"]));
    golden("destroy", &sandbox.run(&["destroy", "day19.yaml", "--yes"]).sorted());
    golden("destroy-again", &sandbox.run(&["destroy", "day19.yaml", "--yes"]));
    golden("status-nothing", &sandbox.run(&["status", "day19.yaml"]));
    assert!(sandbox.private_keys().is_empty(), "the private key goes with its key pair");
}

#[test]
fn a_report_that_cant_be_written_is_told_before_anything_is_failed_over() {
    let sandbox = Sandbox::with_quickstart();
    let failover = ["failover", "day19.yaml", "--shard", "0001", "--yes", "--report"];
    golden("failover-report", &sandbox.run(&[&failover[..], &["missing/drill.html"]].concat()));
    // And where nothing is failed over, no empty file is left.
    assert_eq!(sandbox.run(&[&failover[..], &["drill.html"]].concat()).status, 1);
    assert!(!sandbox.folder().join("drill.html").exists());
}

#[test]
fn the_private_key_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::with_quickstart();
    sandbox.run_well(&["apply", "day19.yaml", "--yes"]);
    let files = sandbox.private_keys();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let private = std::fs::read_to_string(&files[0]).unwrap();
    assert!(private.contains("OPENSSH"), "it is in the form that ssh takes");
}

#[test]
fn programs_read_one_document_a_plan_and_one_line_an_event() {
    let sandbox = Sandbox::with_quickstart();
    let plan = sandbox.run_well(&["plan", "day19.yaml", "--json"]).json();
    assert_eq!(plan["stack"], "day19");
    assert_eq!(plan["region"], "us-east-1");
    let expected = serde_json::json!({"create": 6, "update": 0, "replace": 0, "delete": 0});
    assert_eq!(plan["summary"], expected);
    let addresses: Vec<&str> =
        plan["changes"].as_array().unwrap().iter().map(|change| change["address"].as_str().unwrap()).collect();
    assert_eq!(
        addresses,
        [
            "key_pair.client",
            "security_group.client",
            "instance.client",
            "security_group.cluster",
            "subnet_group.cluster",
            "replication_group.cluster"
        ]
    );
    let field = &plan["changes"][5]["fields"][2];
    assert_eq!(*field, serde_json::json!({"path": "node_type", "before": null, "after": "cache.t2.micro"}));

    let ran = sandbox.run_well(&["apply", "day19.yaml", "--yes", "--json"]);
    let lines: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["event"], "plan");
    let last = lines.last().unwrap();
    assert_eq!((last["event"].as_str(), last["exit_code"].as_u64()), (Some("end"), Some(0)), "{last}");
    let started = lines.iter().filter(|line| line["event"] == "started").count();
    let done = lines.iter().filter(|line| line["event"] == "done").count();
    assert_eq!(started, lines[0]["steps"].as_array().unwrap().len());
    assert_eq!(started, done);
    assert_eq!(ran.stderr, "");

    let status = sandbox.run_well(&["status", "day19.yaml", "--json"]).json();
    assert_eq!(status["stack"], "day19");
}

#[test]
fn exit_codes_are_the_same_everywhere() {
    let sandbox = Sandbox::with_quickstart();
    assert_eq!(sandbox.run(&["plan", "day19.yaml"]).status, 0);
    assert_eq!(sandbox.run(&["plan", "day19.yaml", "--detailed-exitcode"]).status, 2);
    for wrong in [
        &["plan", "missing.yaml"][..],
        &["plan", "missing.yaml", "--detailed-exitcode"],
        &["paln"],
        &["plan", "day19.yaml", "--nonsense"],
        &["plan", "day19.yaml", "--set", "x"],
        &["apply", "day19.yaml"],
        &["destroy", "missing.yaml", "--yes"],
        &["init", "--template", "nonsense"],
    ] {
        assert_eq!(sandbox.run(wrong).status, 1, "{wrong:?}");
    }
    for asked in [&["--help"][..], &["--version"], &["plan", "--help"], &["init", "--list"]] {
        assert_eq!(sandbox.run(asked).status, 0, "{asked:?}");
    }
}

#[test]
fn without_a_terminal_and_without_yes_nothing_is_applied() {
    let sandbox = Sandbox::with_quickstart();
    golden("apply-unconfirmed", &sandbox.run(&["apply", "day19.yaml"]));
    assert_eq!(sandbox.run(&["plan", "day19.yaml", "--detailed-exitcode"]).status, 2);
}

#[test]
fn everything_wrong_with_a_plan_file_is_told_at_once() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "wrong.yaml",
        "name: day--19\nregion: us-east-1\nclient:\n  instance_typ: t2.micro\n  ssh_from: [10.0.0.1/8]\ncluster:\n  \
         shards: many\n  replicas_per_shard: 6\n  port: ${PORT}\n",
    );
    golden("validate-wrong", &sandbox.run(&["validate", "wrong.yaml"]));
    golden("validate-wrong-json", &sandbox.run(&["validate", "wrong.yaml", "--json"]));
    sandbox.file("right.yaml", QUICKSTART);
    golden("validate-right", &sandbox.run(&["validate", "right.yaml"]));
}

#[test]
fn every_template_is_written_once_and_is_valid() {
    let sandbox = Sandbox::new();
    golden("init-list", &sandbox.run(&["init", "--list"]));
    golden("init", &sandbox.run(&["init", "day19.yaml"]));
    golden("init-again", &sandbox.run(&["init", "day19.yaml"]));
    for template in ["quickstart", "production", "cluster-only", "ci", "full"] {
        let file = format!("{template}.yaml");
        sandbox.run_well(&["init", &file, "--template", template, "--name", "day20"]);
        sandbox.run_well(&["validate", &file]);
    }
}

#[test]
fn every_example_can_be_planned() {
    let sandbox = Sandbox::without_nodes();
    // The group that one of them lets in is somebody else's, and has to be there.
    let vpcs = sandbox.call("ec2", &[("Action", "DescribeVpcs"), ("Version", "2016-11-15")]);
    let vpc = vpcs.split("<vpcId>").nth(1).and_then(|rest| rest.split('<').next()).unwrap();
    let group = [
        ("Action", "CreateSecurityGroup"),
        ("Version", "2016-11-15"),
        ("GroupName", "web-servers"),
        ("GroupDescription", "theirs"),
        ("VpcId", vpc),
    ];
    sandbox.call("ec2", &group);
    for example in ["quickstart", "cluster-only", "ci"] {
        let path = format!("{}/examples/{example}.yaml", env!("CARGO_MANIFEST_DIR"));
        let plan = sandbox.run_well(&["plan", &path, "--json", "--region", "us-east-1"]).json();
        assert!(plan["summary"]["create"].as_u64() > Some(2), "{example}: {plan}");
    }
}

#[test]
fn what_is_not_ours_is_neither_adopted_nor_deleted() {
    let sandbox = Sandbox::with_quickstart();
    sandbox.run_well(&["apply", "day19.yaml", "--yes"]);
    // Another stack whose replication group would have the same id can't be: so the tag is taken away instead.
    let arn = "arn:aws:elasticache:us-east-1:000000000000:replicationgroup:day19";
    sandbox.call(
        "elasticache",
        &[("Action", "RemoveTagsFromResource"), ("ResourceName", arn), ("TagKeys.member.1", "shardform:stack")],
    );
    golden("plan-not-ours", &sandbox.run(&["plan", "day19.yaml"]));
    let ran = sandbox.run(&["destroy", "day19.yaml", "--yes", "--timeout", "3s"]);
    assert_eq!(ran.status, 1, "{}{}", ran.stdout, ran.stderr);
    let told = format!("{}{}", ran.stdout, ran.stderr);
    assert!(told.contains("replication_group.cluster `day19` is left: it has no tag shardform:stack"), "{told}");
    let status = sandbox.run_well(&["status", "day19.yaml", "--json"]).json();
    assert!(status.to_string().contains("available"), "{status}");
}

#[test]
fn two_applies_at_once_end_with_one_of_everything() {
    let sandbox = Sandbox::with_quickstart();
    let start = || {
        let mut command = sandbox.shardform(&["apply", "day19.yaml", "--yes", "--json"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let both = [start(), start(), start()];
    let ends: Vec<Ran> = both.into_iter().map(|child| sandbox.ran(child.wait_with_output().unwrap())).collect();
    assert!(ends.iter().any(|ran| ran.status == 0), "{}", ends[0].stdout);
    for ran in &ends {
        // The one that came too late is told so; nothing else may go wrong.
        assert!(ran.status == 0 || ran.stdout.contains("changed"), "{}\n{}", ran.stdout, ran.stderr);
    }
    assert_eq!(sandbox.run(&["apply", "day19.yaml", "--yes"]).status, 0);
    assert_eq!(sandbox.run(&["plan", "day19.yaml", "--detailed-exitcode"]).status, 0);
    let hosts = sandbox.call("ec2", &[("Action", "DescribeInstances"), ("Version", "2016-11-15")]);
    assert_eq!(hosts.matches("<instanceId>").count(), 1, "{hosts}");
}

#[test]
fn an_interrupted_apply_says_how_to_go_on_and_goes_on() {
    let sandbox = Sandbox::with_node(&["--engine", "none", "--latency", "300ms"]);
    sandbox.file("day19.yaml", QUICKSTART);
    let mut command = sandbox.shardform(&["apply", "day19.yaml", "--yes"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("the replication group is being made", || sandbox.called("elasticache:CreateReplicationGroup") > 0);
    send(child.id(), rustix::process::Signal::INT);
    let ran = sandbox.ran(child.wait_with_output().unwrap());
    assert_eq!(ran.status, 130, "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("shardform apply day19.yaml"), "{}", ran.stderr);
    let ran = sandbox.run_well(&["apply", "day19.yaml", "--yes"]);
    assert!(ran.stdout.contains("configuration endpoint"), "{}", ran.stdout);
    assert_eq!(sandbox.run(&["plan", "day19.yaml", "--detailed-exitcode"]).status, 0);
}

#[test]
fn a_killed_apply_is_gone_on_with() {
    let sandbox = Sandbox::with_node(&["--engine", "none", "--latency", "100ms"]);
    sandbox.file("day19.yaml", QUICKSTART);
    for call in ["ec2:CreateSecurityGroup", "ec2:RunInstances", "elasticache:CreateReplicationGroup"] {
        let mut command = sandbox.shardform(&["apply", "day19.yaml", "--yes"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        until(call, || sandbox.called(call) > 0 || child.try_wait().unwrap().is_some());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    sandbox.run_well(&["apply", "day19.yaml", "--yes"]);
    assert_eq!(sandbox.run(&["plan", "day19.yaml", "--detailed-exitcode"]).status, 0);
    let hosts = sandbox.call("ec2", &[("Action", "DescribeInstances"), ("Version", "2016-11-15")]);
    assert_eq!(hosts.matches("<instanceId>").count(), 1, "{hosts}");
    sandbox.run_well(&["destroy", "day19.yaml", "--yes"]);
    assert_eq!(sandbox.run(&["status", "day19.yaml"]).status, 0);
}

/// A cloud in which an apply was killed while the replication group was being made.
fn half_made() -> Sandbox {
    let sandbox = Sandbox::with_node(&["--engine", "none", "--latency", "100ms"]);
    sandbox.file("day19.yaml", QUICKSTART);
    let mut command = sandbox.shardform(&["apply", "day19.yaml", "--yes"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("the replication group is being made", || sandbox.called("elasticache:CreateReplicationGroup") > 0);
    child.kill().unwrap();
    child.wait().unwrap();
    sandbox
}

#[test]
fn destroy_takes_whatever_half_there_is() {
    let sandbox = half_made();
    // Tags of a group that is being made can't be read; it is waited for, and is ours.
    sandbox.run_well(&["destroy", "day19.yaml", "--yes"]);
    let ran = sandbox.run_well(&["destroy", "day19.yaml", "--yes"]);
    assert!(ran.stdout.contains("nothing to delete"), "{}", ran.stdout);
}

#[test]
fn a_plan_takes_two_round_trips_and_a_group_is_asked_for_after_five() {
    let second = Duration::from_secs(1);
    let sandbox = Sandbox::with_node(&["--engine", "none", "--latency", "1s"]);
    sandbox.file("day19.yaml", QUICKSTART);
    let time = |arguments: &[&str]| {
        let began = Instant::now();
        let ran = sandbox.run_well(arguments);
        (began.elapsed(), ran)
    };
    // Three round trips would take three seconds and more.
    let (took, _) = time(&["plan", "day19.yaml"]);
    assert!(took < 3 * second, "{took:?}");
    let (_, ran) = time(&["apply", "day19.yaml", "--yes", "--json"]);
    let create = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .find(|event| event["event"] == "started" && event["operation"] == "elasticache:CreateReplicationGroup");
    let at = Duration::from_millis(create.unwrap()["at_ms"].as_u64().unwrap());
    // Two round trips to look again, then two at most, then the call itself.
    assert!(at < 3 * second, "{at:?}");
    for arguments in [&["plan", "day19.yaml"], &["status", "day19.yaml"]] {
        let (took, _) = time(arguments);
        assert!(took < 3 * second, "{arguments:?}: {took:?}");
    }
}

#[test]
fn a_token_is_never_shown() {
    let sandbox = Sandbox::without_nodes();
    let text = QUICKSTART
        .replace("  port: 6379", "  port: 6379\n  transit_encryption: required\n  auth_token_env: REDIS_AUTH_TOKEN");
    sandbox.file("day19.yaml", &text);
    let missing = sandbox.run(&["plan", "day19.yaml"]);
    assert_eq!(missing.status, 1);
    assert!(missing.stderr.contains("REDIS_AUTH_TOKEN"), "{}", missing.stderr);
    let secret = "correct-horse-battery-staple";
    for arguments in
        [&["plan", "day19.yaml", "-v"][..], &["plan", "day19.yaml", "--json"], &["apply", "day19.yaml", "--yes"]]
    {
        let output = sandbox.shardform(arguments).env("REDIS_AUTH_TOKEN", secret).output().unwrap();
        let ran = sandbox.ran(output);
        assert!(!ran.stdout.contains(secret) && !ran.stderr.contains(secret), "{}{}", ran.stdout, ran.stderr);
    }
}

#[test]
fn a_private_key_that_is_named_by_mistake_is_neither_shown_nor_sent() {
    let sandbox = Sandbox::without_nodes();
    let secret = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU";
    let text = ["-----BEGIN OPENSSH", "PRIVATE KEY-----\n"].join(" ") + secret;
    sandbox.file("id", &text);
    let client = "instance_type: t2.micro\n  key_pair: {public_key_file: id}";
    sandbox.file("day19.yaml", &QUICKSTART.replace("instance_type: t2.micro", client));
    for arguments in [&["validate", "day19.yaml"][..], &["plan", "day19.yaml"], &["apply", "day19.yaml", "--yes"]] {
        let ran = sandbox.run(arguments);
        assert_eq!(ran.status, 1, "{arguments:?}");
        assert!(ran.stderr.contains("day19.yaml:5:"), "{}", ran.stderr);
        assert!(ran.stderr.contains("is a private key"), "{}", ran.stderr);
        assert!(!ran.stdout.contains(secret) && !ran.stderr.contains(secret), "{}{}", ran.stdout, ran.stderr);
    }
    assert_eq!(sandbox.called("ec2:ImportKeyPair"), 0);
}

#[test]
fn destroy_leaves_a_key_that_it_has_not_made() {
    let sandbox = Sandbox::without_nodes();
    // The user's own key, made by another stack.
    let with = |name: &str| {
        let client = "instance_type: t2.micro\n  key_pair: {private_key_file: mine.pem}";
        QUICKSTART.replace("instance_type: t2.micro", client).replace("name: day19", &format!("name: {name}"))
    };
    sandbox.file("one.yaml", &with("one"));
    sandbox.file("two.yaml", &with("two"));
    sandbox.run_well(&["apply", "one.yaml", "--yes"]);
    sandbox.run_well(&["apply", "two.yaml", "--yes"]);
    sandbox.run_well(&["destroy", "two.yaml", "--yes"]);
    assert!(sandbox.folder().join("mine.pem").is_file());
    sandbox.run_well(&["destroy", "one.yaml", "--yes"]);
    assert!(!sandbox.folder().join("mine.pem").exists());
}

#[test]
fn an_endpoint_that_is_no_url_is_told_in_plain_words() {
    let sandbox = Sandbox::with_quickstart();
    for wrong in ["", "127.0.0.1:4510"] {
        let output = sandbox.shardform(&["plan", "day19.yaml"]).env("AWS_ENDPOINT_URL", wrong).output().unwrap();
        let ran = sandbox.ran(output);
        assert_eq!(ran.status, 1);
        assert!(ran.stderr.contains("AWS_ENDPOINT_URL is set, and is no URL"), "{}", ran.stderr);
    }
    assert_eq!(sandbox.run(&["plan", "day19.yaml", "--endpoint-url", "127.0.0.1:4510"]).status, 1);
    assert_eq!(sandbox.run(&["plan", "day19.yaml", "--endpoint-url", ""]).status, 0);
}

/// The first text within this element of an answer.
fn element(answer: &str, name: &str) -> String {
    let rest = answer.split(&format!("<{name}>")).nth(1).unwrap_or_else(|| panic!("no {name}: {answer}"));
    rest.split('<').next().unwrap().to_owned()
}

#[test]
fn the_network_is_named_by_id_or_by_tag() {
    let sandbox = Sandbox::without_nodes();
    let ec2 = |action: &str, more: &[(&str, &str)]| {
        let parameters: Vec<_> =
            [("Action", action), ("Version", "2016-11-15")].into_iter().chain(more.iter().copied()).collect();
        sandbox.call("ec2", &parameters)
    };
    let subnets = ec2("DescribeSubnets", &[]);
    let vpc = element(&subnets, "vpcId");
    let ids: Vec<String> = subnets
        .split("<item>")
        .skip(1)
        .filter(|item| item.contains("<subnetId>"))
        .map(|item| element(item, "subnetId"))
        .collect();
    for id in ids.iter().take(2).chain([&vpc]) {
        ec2("CreateTags", &[("ResourceId.1", id), ("Tag.1.Key", "tier"), ("Tag.1.Value", "cache")]);
    }
    let by_id = format!("network:\n  vpc: {vpc}\n  subnets: [{}, {}]\n", ids[0], ids[1]);
    let by_tag = "network:\n  vpc: {tag: {tier: cache}}\n  subnets: {tag: {tier: cache}}\n";
    for network in [by_id.as_str(), by_tag] {
        sandbox.file("day19.yaml", &format!("{QUICKSTART}{network}"));
        let plan = sandbox.run_well(&["plan", "day19.yaml", "--json"]).json();
        let changes = plan["changes"].as_array().unwrap();
        let group = changes.iter().find(|change| change["address"] == "subnet_group.cluster").unwrap();
        let mut wanted = vec![ids[0].as_str(), ids[1].as_str()];
        wanted.sort_unstable();
        assert_eq!(group["fields"][1]["after"], serde_json::json!(wanted), "{network}");
    }
}

#[test]
fn a_key_pair_that_exists_is_used_and_stays() {
    let sandbox = Sandbox::with_quickstart();
    sandbox.run_well(&["apply", "day19.yaml", "--yes"]);
    let other = |name: &str| {
        let client = format!("instance_type: t2.micro\n  key_pair: {{name: {name}}}");
        QUICKSTART.replace("instance_type: t2.micro", &client).replace("name: day19 ", "name: other ")
    };
    sandbox.file("other.yaml", &other("nobodys"));
    let ran = sandbox.run(&["plan", "other.yaml"]);
    assert!(ran.status == 1 && ran.stderr.contains("there is no key pair `nobodys`"), "{}", ran.stderr);
    sandbox.file("other.yaml", &other("day19-client"));
    sandbox.run_well(&["apply", "other.yaml", "--yes"]);
    sandbox.run_well(&["destroy", "other.yaml", "--yes"]);
    assert_eq!(sandbox.run(&["plan", "day19.yaml", "--detailed-exitcode"]).status, 0, "the key pair is still there");
}

#[test]
fn a_subnet_that_is_not_there_is_told_of_at_its_line() {
    let sandbox = Sandbox::without_nodes();
    sandbox.file("day19.yaml", &format!("{QUICKSTART}network:\n  subnets: [subnet-0123456789abcdef0]\n"));
    let ran = sandbox.run(&["plan", "day19.yaml"]);
    assert_eq!(ran.status, 1);
    let place = "day19.yaml:15:3: ec2:DescribeSubnets: InvalidSubnetID.NotFound";
    assert!(ran.stderr.contains(place), "{}", ran.stderr);
}

#[test]
fn after_waiting_for_what_moves_the_rest_is_done() {
    let sandbox = half_made();
    sandbox.file("day19.yaml", &QUICKSTART.replace("shards: 3", "shards: 4"));
    sandbox.run_well(&["apply", "day19.yaml", "--yes"]);
    assert_eq!(sandbox.run(&["plan", "day19.yaml", "--detailed-exitcode"]).status, 0);
}

#[test]
fn nobody_there_is_told_in_plain_words() {
    let sandbox = Sandbox::new();
    sandbox.file("day19.yaml", QUICKSTART);
    let ran = sandbox.run(&["plan", "day19.yaml", "--endpoint-url", "http://127.0.0.1:9"]);
    assert_eq!(ran.status, 1);
    // Which of the calls side by side is told of first is open.
    assert!(ran.stderr.contains("http://127.0.0.1:9: Connection refused"), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: check that the endpoint runs and can be reached from here"), "{}", ran.stderr);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let sandbox = Sandbox::with_quickstart();
    let mut child = sandbox.shardform(&["plan", "day19.yaml", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
