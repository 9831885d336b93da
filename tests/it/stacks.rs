//! `list` and `cleanup`, and the expiry and owner that they go by, against the real `shardform-node`.

use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use expect_test::{Expect, expect};
use serde_json::Value;

use crate::planning::QUICKSTART;
use crate::proxy::{self, cache_error, ec2_error};
use crate::sandbox::{Ran, Sandbox, send, until};

/// Tags' values of a time that is over, and of one that isn't.
const PAST: &str = "2020-01-01T02:00:00Z/2h";
const AHEAD: &str = "2999-01-01T00:00:00Z/2h";
const KEY: &str =
    "c3NoLWVkMjU1MTkgQUFBQUMzTnphQzFsWkRJMU5URTVBQUFBSUxNK3J2TitvdDk4cWdFTjc5NmpUaVFmWmZHMUthVDBQdEZESi9YRlNxdGk=";

/// What a run showed, with ages and lengths of time since then the same on every day.
fn shown(ran: &Ran) -> String {
    let is_age = |word: &str| word.strip_suffix('d').is_some_and(|days| days.len() >= 4 && days.parse::<u32>().is_ok());
    let word = |word: &str| if is_age(word) { "…d".to_owned() } else { word.to_owned() };
    let lines = ran.shown().lines().map(|line| line.split(' ').map(word).collect::<Vec<_>>().join(" "));
    // What ends side by side does so in any order.
    let (mut ended, mut all) = (Vec::new(), Vec::new());
    for line in lines {
        if line.trim_start().starts_with("…s  ") { ended.push(line.trim_start().to_owned()) } else { all.push(line) }
    }
    ended.sort_unstable();
    let at = all.iter().position(|line| line.contains(" deleted in ")).unwrap_or(all.len()).saturating_sub(1);
    all.splice(at..at, ended);
    format!("{}\n", all.join("\n"))
}

fn expect_shown(ran: &Ran, expected: Expect) {
    expected.assert_eq(&shown(ran));
}

/// Puts together half and whole stacks by direct calls, as somebody else's program would.
struct Builder<'a> {
    sandbox: &'a Sandbox,
    vpc: String,
    subnet: String,
}

fn between(text: &str, start: &str, end: &str) -> String {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("no {start} in {text}"));
    rest.split_once(end).unwrap().0.to_owned()
}

/// The stack's tag, and further ones.
fn tags(prefix: &str, stack: &str, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = (!stack.is_empty()).then_some(("shardform:stack", stack));
    let all = own.into_iter().chain(more.iter().copied()).enumerate();
    all.flat_map(|(index, (key, value))| {
        let tag = format!("{prefix}.{}", index + 1);
        [(format!("{tag}.Key"), key.to_owned()), (format!("{tag}.Value"), value.to_owned())]
    })
    .collect()
}

impl<'a> Builder<'a> {
    fn new(sandbox: &'a Sandbox) -> Self {
        let subnets = sandbox.call("ec2", &[("Action", "DescribeSubnets"), ("Version", "2016-11-15")]);
        let vpc = between(&subnets, "<vpcId>", "<");
        Builder { sandbox, subnet: between(&subnets, "<subnetId>", "<"), vpc }
    }

    fn call(&self, service: &str, action: &str, fixed: &[(&str, &str)], tags: &[(String, String)]) -> String {
        let version = if service == "ec2" { "2016-11-15" } else { "2015-02-02" };
        let mut all = vec![("Action", action), ("Version", version)];
        all.extend(fixed);
        all.extend(tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        let answer = self.sandbox.call(service, &all);
        assert!(!answer.contains("<Error>"), "{action}: {answer}");
        answer
    }

    fn security_group(&self, name: &str, stack: &str, more: &[(&str, &str)]) -> String {
        let mut tags = tags("TagSpecification.1.Tag", stack, more);
        if !tags.is_empty() {
            tags.push(("TagSpecification.1.ResourceType".to_owned(), "security-group".to_owned()));
        }
        let fixed = [("GroupName", name), ("GroupDescription", "a+group"), ("VpcId", &self.vpc)];
        between(&self.call("ec2", "CreateSecurityGroup", &fixed, &tags), "<groupId>", "<")
    }

    fn key_pair(&self, name: &str, stack: &str, more: &[(&str, &str)]) {
        let mut tags = tags("TagSpecification.1.Tag", stack, more);
        tags.push(("TagSpecification.1.ResourceType".to_owned(), "key-pair".to_owned()));
        self.call("ec2", "ImportKeyPair", &[("KeyName", name), ("PublicKeyMaterial", KEY)], &tags);
    }

    /// A subnet group with the description that shardform gives it; of nobody's where `stack` is empty.
    fn subnet_group(&self, name: &str, stack: &str, more: &[(&str, &str)]) {
        let described = format!("Subnets+of+the+shardform+stack+{}", name.split("-cluster").next().unwrap());
        let description = if stack.is_empty() { "mine" } else { &described };
        let fixed = [
            ("CacheSubnetGroupName", name),
            ("CacheSubnetGroupDescription", description),
            ("SubnetIds.SubnetIdentifier.1", &self.subnet),
        ];
        self.call("elasticache", "CreateCacheSubnetGroup", &fixed, &tags("Tags.Tag", stack, more));
    }

    fn parameter_group(&self, stack: &str, tag: &str, more: &[(&str, &str)]) {
        let (name, description) = (format!("{stack}-redis7"), format!("Parameters+of+the+shardform+stack+{stack}"));
        let fixed = [
            ("CacheParameterGroupName", name.as_str()),
            ("CacheParameterGroupFamily", "redis7"),
            ("Description", &description),
        ];
        self.call("elasticache", "CreateCacheParameterGroup", &fixed, &tags("Tags.Tag", tag, more));
    }

    /// Two nodes.
    fn cluster(&self, id: &str, subnet_group: &str, group: &str, stack: &str, more: &[(&str, &str)]) {
        let described = format!("shardform+stack+{id}");
        let mut fixed = vec![
            ("ReplicationGroupId", id),
            ("ReplicationGroupDescription", described.as_str()),
            ("Engine", "redis"),
            ("CacheNodeType", "cache.t2.micro"),
            ("CacheParameterGroupName", "default.redis7.cluster.on"),
            ("NumNodeGroups", "1"),
            ("ReplicasPerNodeGroup", "1"),
            ("AutomaticFailoverEnabled", "true"),
            ("CacheSubnetGroupName", subnet_group),
        ];
        if !group.is_empty() {
            fixed.push(("SecurityGroupIds.SecurityGroupId.1", group));
        }
        self.call("elasticache", "CreateReplicationGroup", &fixed, &tags("Tags.Tag", stack, more));
    }

    fn whole(&self, stack: &str, more: &[(&str, &str)]) {
        self.security_group(&format!("{stack}-client"), stack, more);
        let group = self.security_group(&format!("{stack}-cluster"), stack, more);
        let subnets = format!("{stack}-cluster");
        self.subnet_group(&subnets, stack, more);
        self.cluster(stack, &subnets, &group, stack, more);
    }

    /// Everything that there is, by name, as the API lists it.
    fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (service, action, element) in [
            ("ec2", "DescribeSecurityGroups", "groupName"),
            ("ec2", "DescribeKeyPairs", "keyName"),
            ("elasticache", "DescribeReplicationGroups", "ReplicationGroupId"),
            ("elasticache", "DescribeCacheSubnetGroups", "CacheSubnetGroupName"),
            ("elasticache", "DescribeCacheParameterGroups", "CacheParameterGroupName"),
        ] {
            let mut marker = String::new();
            loop {
                let more = [("Marker", marker.as_str())];
                let answer = self.call(service, action, if marker.is_empty() { &[] } else { &more }, &[]);
                let (open, close) = (format!("<{element}>"), format!("</{element}>"));
                names.extend(answer.split(&open).skip(1).map(|rest| rest.split(&close).next().unwrap().to_owned()));
                if !answer.contains("<Marker>") {
                    break;
                }
                marker = between(&answer, "<Marker>", "</Marker>");
            }
        }
        names.retain(|name| !name.starts_with("default"));
        names.sort();
        names
    }
}

/// A command without a plan file: the region comes from the environment.
fn run(sandbox: &Sandbox, arguments: &[&str]) -> Ran {
    sandbox.ran(sandbox.shardform(arguments).env("AWS_REGION", "us-east-1").output().unwrap())
}

/// The same, and it has to end well.
fn run_well(sandbox: &Sandbox, arguments: &[&str]) -> Ran {
    let ran = run(sandbox, arguments);
    assert_eq!(ran.status, 0, "{}\n{}", ran.stdout, ran.stderr);
    ran
}

fn plan_file(more: &str) -> String {
    format!("{more}{QUICKSTART}")
}

/// The values of a tag of all resources in the change set of a plan from nothing, or live.
fn field<'a>(plan: &'a Value, address: &str, path: &str) -> Vec<&'a Value> {
    let changes = plan["changes"].as_array().unwrap().iter().filter(|change| change["address"] == address);
    let fields = changes.flat_map(|change| change["fields"].as_array().unwrap());
    fields.filter(|field| field["path"] == path).collect()
}

#[test]
fn expiry_and_owner_are_put_on_everything_and_a_second_look_changes_nothing() {
    let sandbox = Sandbox::without_nodes();
    sandbox.file("day19.yaml", &plan_file("expires_in: 2h\nowner: Ann.Lee@example.com\n"));
    let plan = sandbox.run_well(&["plan", "day19.yaml", "--json"]).json();
    let name = field(&plan, "subnet_group.cluster", "name")[0]["after"].as_str().unwrap().to_owned();
    assert!(name.starts_with("day19-cluster-until-2") && name.ends_with("z-by-ann-lee-example-com"), "{name}");
    sandbox.run_well(&["apply", "day19.yaml", "--yes"]);
    sandbox.run_well(&["plan", "day19.yaml", "--detailed-exitcode"]);
    let list = run_well(&sandbox, &["list", "--json"]).json();
    let stack = &list["stacks"][0];
    assert_eq!((stack["owner"].as_str(), stack["expired"].as_bool()), (Some("Ann.Lee@example.com"), Some(false)));
    assert_eq!((stack["state"].as_str(), stack["nodes"].as_u64()), (Some("available"), Some(9)));

    // Another length is a change of all six resources; the name stays.
    sandbox.file("day19.yaml", &plan_file("expires_in: 3h\nowner: Ann.Lee@example.com\n"));
    let plan = sandbox.run(&["plan", "day19.yaml", "--json", "--detailed-exitcode"]);
    assert_eq!((plan.status, plan.json()["summary"]["update"].as_u64()), (2, Some(6)));
    sandbox.run_well(&["apply", "day19.yaml", "--yes"]);
    sandbox.run_well(&["plan", "day19.yaml", "--detailed-exitcode"]);

    // The command line renews it, and the live owner stays where the file names none.
    sandbox.file("day19.yaml", &plan_file("expires_in: 3h\n"));
    sandbox.run_well(&["plan", "day19.yaml", "--detailed-exitcode"]);
    sandbox.run_well(&["apply", "day19.yaml", "--yes", "--expires-in", "5d"]);
    let tags = |sandbox: &Sandbox| {
        let groups = sandbox.call("ec2", &[("Action", "DescribeSecurityGroups"), ("Version", "2016-11-15")]);
        groups.matches("/5d</value>").count()
    };
    assert_eq!(tags(&sandbox), 2);

    // Without an expiry in the file there is no tag of it.
    sandbox.file("day19.yaml", QUICKSTART);
    sandbox.run_well(&["apply", "day19.yaml", "--yes"]);
    sandbox.run_well(&["plan", "day19.yaml", "--detailed-exitcode"]);
    let list = run_well(&sandbox, &["list", "--json"]).json();
    assert_eq!(list["stacks"][0]["expires"], Value::Null, "{list}");
    assert_eq!(sandbox.called("ec2:DeleteTags"), 4);
    assert_eq!(sandbox.called("elasticache:RemoveTagsFromResource"), 2);
    sandbox.run_well(&["destroy", "day19.yaml", "--yes"]);
    assert_eq!(Builder::new(&sandbox).names(), Vec::<String>::new());
}

#[test]
fn a_length_has_to_be_one() {
    let sandbox = Sandbox::without_nodes();
    sandbox.file("day19.yaml", &plan_file("expires_in: soon\nowner: \"<ann>\"\n"));
    expect_shown(
        &sandbox.run(&["validate", "day19.yaml"]),
        expect![[r#"
        status: 1
        --- stdout
        --- stderr
        day19.yaml:1:13: `soon` is not a time that a stack can live
          | expires_in: soon
          |             ^^^^
          = a number with s, m, h or d, from `10m` to `366d`; leave the field out for no end
        day19.yaml:2:8: `<ann>` has `<` in it
          | owner: "<ann>"
          |        ^^^^^^^
          = tags have letters, digits, spaces and `_ . : / = + - @`
    "#]],
    );
    expect_shown(
        &sandbox.run(&["apply", "day19.yaml", "--expires-in", "5m"]),
        expect![[r#"
        status: 1
        --- stdout
        --- stderr
        error: invalid value '5m' for '--expires-in <TIME>': a time is a number with s, m, h or d, from 10m to 366d, such as 2h

        For more information, try '--help'.
    "#]],
    );
}

#[test]
fn a_second_subnet_group_of_the_stacks_own_goes_with_the_next_apply() {
    let sandbox = Sandbox::without_nodes();
    sandbox.file("day19.yaml", QUICKSTART);
    sandbox.run_well(&["apply", "day19.yaml", "--yes"]);
    let builder = Builder::new(&sandbox);
    builder.subnet_group("day19-cluster-until-20200101t020000z", "day19", &[]);
    builder.subnet_group("day19-cluster-by-bob", "", &[]);
    let ran = sandbox.run(&["plan", "day19.yaml", "--detailed-exitcode"]);
    assert_eq!(ran.status, 2, "{}", ran.stdout);
    sandbox.run_well(&["apply", "day19.yaml", "--yes"]);
    sandbox.run_well(&["plan", "day19.yaml", "--detailed-exitcode"]);
    let left: Vec<String> = builder.names().into_iter().filter(|name| name.starts_with("day19-cluster-")).collect();
    assert_eq!(left, ["day19-cluster-by-bob"]);
    sandbox.run_well(&["destroy", "day19.yaml", "--yes"]);
    assert_eq!(builder.names(), ["day19-cluster-by-bob"]);
}

#[test]
fn an_account_without_stacks_has_nothing_to_list_or_to_delete() {
    let sandbox = Sandbox::without_nodes();
    expect_shown(
        &run(&sandbox, &["list"]),
        expect![[r#"
        status: 0
        --- stdout
        there are no stacks in us-east-1
        --- stderr
    "#]],
    );
    expect_shown(
        &run(&sandbox, &["list", "--all-regions"]),
        expect![[r#"
        status: 0
        --- stdout
        there are no stacks in 17 regions
        --- stderr
    "#]],
    );
    expect_shown(
        &run(&sandbox, &["cleanup", "--yes"]),
        expect![[r#"
        status: 0
        --- stdout
        there are no stacks in us-east-1
        --- stderr
    "#]],
    );
    expect_shown(
        &run(&sandbox, &["list", "--json"]),
        expect![[r#"
        status: 0
        --- stdout
        {
          "stacks": [],
          "refused_regions": []
        }
        --- stderr
    "#]],
    );
}

#[test]
fn all_that_has_expired_is_shown_and_goes_and_nothing_else() {
    let sandbox = Sandbox::without_nodes();
    let builder = Builder::new(&sandbox);
    let over = [("shardform:expires", PAST), ("shardform:owner", "ann"), ("purpose", "ci")];
    builder.whole("whole", &over);
    builder.security_group("made-cluster", "made", &over[..1]);
    builder.subnet_group("gone-cluster-until-20200101t020000z-by-bob", "gone", &over[..1]);
    builder.parameter_group("rest", "rest", &over[..1]);
    builder.key_pair("key-client", "key", &over[..1]);
    builder.whole("later", &[("shardform:expires", AHEAD)]);
    builder.security_group("forever-cluster", "forever", &[("shardform:owner", "ann")]);
    // The name is older than the tag.
    builder.subnet_group("renewed-cluster-until-20200101t020000z", "renewed", &[("shardform:expires", AHEAD)]);
    // Strangers: no tag, another stack's, another name, and a name that says that its time is over.
    builder.security_group("stranger-cluster", "", &over[..1]);
    builder.security_group("made-clusters", "made", &over[..1]);
    builder.security_group("made-client", "another", &over[..1]);
    builder.subnet_group("stranger-cluster-until-20200101t020000z", "", &over[..1]);
    builder.subnet_group("whole-cluster-until-20200101t020000z", "", &[]);
    builder.subnet_group("lookalike-cluster-until-20200101t020000z", "other", &over[..1]);
    builder.parameter_group("lookalike", "other", &over[..1]);
    builder.cluster("made", "stranger-cluster-until-20200101t020000z", "", "", &[]);
    let strangers = [
        "forever-cluster",
        "later",
        "later-client",
        "later-cluster",
        "later-cluster",
        "lookalike-cluster-until-20200101t020000z",
        "lookalike-redis7",
        "made",
        "made-client",
        "made-clusters",
        "renewed-cluster-until-20200101t020000z",
        "stranger-cluster",
        "stranger-cluster-until-20200101t020000z",
        "whole-cluster-until-20200101t020000z",
    ];
    until("the groups are made", || {
        !sandbox.call("elasticache", &[("Action", "DescribeReplicationGroups")]).contains(">creating<")
    });
    let all = builder.names();
    expect_shown(
        &run(&sandbox, &["list"]),
        expect![[r#"
        status: 0
        --- stdout
        STACK      AGE    OWNER  EXPIRES            NODES  STATE
        forever    -      ann    -                  -      half-made
        gone       -      bob    expired …d ago  -      half-deleted
        key        <1m    -      expired …d ago  -      half-deleted
        later      <1m    -      in …d         2/2    available
        lookalike  -      -      expired …d ago  -      half-deleted
        made       …d  -      expired …d ago  -      half-made
        renewed    -      -      expired …d ago  -      half-deleted
        rest       …d  -      expired …d ago  -      half-deleted
        whole      <1m    ann    expired …d ago  2/2    available
        --- stderr
    "#]],
    );
    expect_shown(
        &run(&sandbox, &["cleanup"]),
        expect![[r#"
            status: 0
            --- stdout
            To be deleted, with their data:

              - gone   expired …d ago, half-deleted
                  1 subnet group
              - key    expired …d ago, half-deleted
                  1 key pair
              - made   expired …d ago, half-made
                  1 security group
              - rest   expired …d ago, half-deleted
                  1 parameter group
              - whole  expired …d ago, ann's, available
                  2 security groups, 1 subnet group, 1 replication group with 2 nodes

            nothing was deleted; to delete them: shardform cleanup --yes
            --- stderr
        "#]],
    );
    assert_eq!(builder.names(), all, "without a terminal and without --yes it only shows");
    expect_shown(
        &run(&sandbox, &["cleanup", "--tag", "purpose=web"]),
        expect![[r#"
        status: 0
        --- stdout
        none of 9 stacks is to be deleted
        --- stderr
    "#]],
    );
    expect_shown(
        &run(&sandbox, &["cleanup", "--tag", "purpose=ci", "--older-than", "1h"]),
        expect![[r#"
            status: 0
            --- stdout
            To be deleted, with their data:

              - whole  expired …d ago, ann's, available
                  2 security groups, 1 subnet group, 1 replication group with 2 nodes

            nothing was deleted; to delete them: shardform cleanup --older-than 1h --tag purpose=ci --yes
            --- stderr
        "#]],
    );
    expect_shown(
        &run(&sandbox, &["cleanup", "--yes"]),
        expect![[r#"
            status: 0
            --- stdout
            To be deleted, with their data:

              - gone   expired …d ago, half-deleted
                  1 subnet group
              - key    expired …d ago, half-deleted
                  1 key pair
              - made   expired …d ago, half-made
                  1 security group
              - rest   expired …d ago, half-deleted
                  1 parameter group
              - whole  expired …d ago, ann's, available
                  2 security groups, 1 subnet group, 1 replication group with 2 nodes

            …s  gone  deleted: 1 resource
            …s  key  deleted: 1 resource
            …s  made  deleted: 1 resource
            …s  rest  deleted: 1 resource
            …s  whole  deleted: 4 resources

            5 stacks deleted in …s
            --- stderr
        "#]],
    );
    assert_eq!(builder.names(), strangers);
    expect_shown(
        &run(&sandbox, &["cleanup", "--yes"]),
        expect![[r#"
        status: 0
        --- stdout
        none of 4 stacks has expired
        --- stderr
    "#]],
    );
    assert_eq!(builder.names(), strangers);
}

#[test]
fn a_stacks_generated_private_key_goes_with_it() {
    let sandbox = Sandbox::without_nodes();
    sandbox.file("day19.yaml", &plan_file("expires_in: 10m\n"));
    sandbox.run_well(&["apply", "day19.yaml", "--yes"]);
    assert_eq!(sandbox.private_keys().len(), 1);
    let groups = sandbox.call("ec2", &[("Action", "DescribeSecurityGroups"), ("Version", "2016-11-15")]);
    assert!(groups.contains("/10m</value>"));
    // Its time is set back on everything, as if it had come.
    let builder = Builder::new(&sandbox);
    for (action, set, element) in [
        ("DescribeSecurityGroups", "securityGroupInfo", "groupId"),
        ("DescribeKeyPairs", "keySet", "keyPairId"),
        ("DescribeInstances", "reservationSet", "instanceId"),
    ] {
        let answer =
            builder.call("ec2", action, &[("Filter.1.Name", "tag-key"), ("Filter.1.Value.1", "shardform:stack")], &[]);
        let answer = between(&answer, &format!("<{set}>"), &format!("</{set}>"));
        for id in answer.split(&format!("<{element}>")).skip(1).map(|rest| rest.split('<').next().unwrap()) {
            let tag = [("ResourceId.1", id), ("Tag.1.Key", "shardform:expires"), ("Tag.1.Value", PAST)];
            builder.call("ec2", "CreateTags", &tag, &[]);
        }
    }
    let list = run_well(&sandbox, &["list", "--json"]).json();
    assert_eq!(list["stacks"][0]["expired"], true, "EC2's tags are what a listing shows: {list}");
    // Right before its end the tags of all of it are read, and some say that it was renewed.
    let ran = run_well(&sandbox, &["cleanup", "--yes"]);
    assert!(ran.stdout.contains("day19  kept: it was renewed until 2"), "{}", ran.stdout);
    for kind in ["subnetgroup:day19-cluster", "replicationgroup:day19"] {
        let list = builder.names().into_iter().find(|name| name.starts_with("day19-cluster-until-")).unwrap();
        let arn = format!("arn:aws:elasticache:us-east-1:000000000000:{}", kind.replace("day19-cluster", &list));
        let tag = [("ResourceName", arn.as_str()), ("Tags.Tag.1.Key", "shardform:expires"), ("Tags.Tag.1.Value", PAST)];
        builder.call("elasticache", "AddTagsToResource", &tag, &[]);
    }
    let ran = run_well(&sandbox, &["cleanup", "--yes", "--json"]);
    let last: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
    assert_eq!((&last["event"], &last["deleted"]), (&"end".into(), &serde_json::json!(["day19"])), "{}", ran.stdout);
    assert_eq!(builder.names(), Vec::<String>::new());
    assert!(sandbox.private_keys().is_empty());
}

#[test]
fn regions_are_asked_side_by_side_and_one_that_refuses_stops_nobody() {
    let sandbox = Sandbox::without_nodes();
    Builder::new(&sandbox).security_group("day19-cluster", "day19", &[("shardform:expires", PAST)]);
    let url = proxy::start(
        sandbox.url(),
        Box::new(|request| {
            let refuses = request.scope.contains("/eu-west-1/ec2/") && request.is("DescribeKeyPairs");
            refuses.then(|| {
                (403, ec2_error("UnauthorizedOperation", "You are not authorized, by a service control policy."))
            })
        }),
    );
    let run = |arguments: &[&str]| {
        let mut command = sandbox.shardform(arguments);
        sandbox.ran(command.env("AWS_REGION", "us-east-1").env("AWS_ENDPOINT_URL", &url).output().unwrap())
    };
    expect_shown(
        &run(&["list", "--all-regions"]),
        expect![[r#"
        status: 0
        --- stdout
        STACK  REGION     AGE    OWNER  EXPIRES            NODES  STATE
        day19  us-east-1  …d  -      expired …d ago  -      half-made
        --- stderr
        note: eu-west-1 was left out: ec2:DescribeKeyPairs: UnauthorizedOperation: You are not authorized, by a service control policy.
    "#]],
    );
    expect_shown(
        &run(&["list", "--region", "eu-west-1"]),
        expect![[r#"
        status: 1
        --- stdout
        --- stderr
        error: ec2:DescribeKeyPairs: UnauthorizedOperation: You are not authorized, by a service control policy.
          hint: these credentials need the permission ec2:DescribeKeyPairs
    "#]],
    );
    expect_shown(
        &run(&["cleanup", "--all-regions", "--yes"]),
        expect![[r#"
        status: 0
        --- stdout
        To be deleted, with their data:

          - day19 in us-east-1  expired …d ago, half-made
              1 security group

        …s  day19 in us-east-1  deleted: 1 resource

        1 stack deleted in …s
        --- stderr
        note: eu-west-1 was left out: ec2:DescribeKeyPairs: UnauthorizedOperation: You are not authorized, by a service control policy.
    "#]],
    );
    assert_eq!(sandbox.called("ec2:DescribeRegions"), 2);
    assert_eq!(sandbox.called("ec2:DeleteSecurityGroup"), 1);
}

#[test]
fn throttling_in_the_middle_breaks_nothing() {
    let sandbox = Sandbox::without_nodes();
    let builder = Builder::new(&sandbox);
    for stack in ["one", "two", "three"] {
        builder.whole(stack, &[("shardform:expires", PAST)]);
    }
    let asked = Arc::new(AtomicU32::new(0));
    let url = proxy::start(
        sandbox.url(),
        Box::new(move |request| {
            let throttles = asked.fetch_add(1, Ordering::Relaxed) % 4 == 1;
            let is_cache = request.scope.contains("/elasticache/");
            throttles.then(|| match is_cache {
                true => (400, cache_error("Throttling", "Rate exceeded")),
                false => (503, ec2_error("RequestLimitExceeded", "Request limit exceeded.")),
            })
        }),
    );
    let mut command = sandbox.shardform(&["cleanup", "--yes"]);
    let ran = sandbox.ran(command.env("AWS_REGION", "us-east-1").env("AWS_ENDPOINT_URL", &url).output().unwrap());
    assert_eq!(ran.status, 0, "{}\n{}", ran.stdout, ran.stderr);
    assert_eq!(builder.names(), Vec::<String>::new());
}

#[test]
fn one_stacks_failure_stops_no_other_and_is_told() {
    let sandbox = Sandbox::without_nodes();
    let builder = Builder::new(&sandbox);
    builder.security_group("one-cluster", "one", &[("shardform:expires", PAST)]);
    builder.subnet_group("two-cluster-until-20200101t020000z", "two", &[("shardform:expires", PAST)]);
    let url = proxy::start(
        sandbox.url(),
        Box::new(|request| {
            let refusal =
                || (403, ec2_error("UnauthorizedOperation", "You are not authorized to perform this operation."));
            request.is("DeleteSecurityGroup").then(refusal)
        }),
    );
    let run = |arguments: &[&str]| {
        let mut command = sandbox.shardform(arguments);
        sandbox.ran(command.env("AWS_REGION", "us-east-1").env("AWS_ENDPOINT_URL", &url).output().unwrap())
    };
    expect_shown(
        &run(&["cleanup", "--yes"]),
        expect![[r#"
        status: 1
        --- stdout
        To be deleted, with their data:

          - one  expired …d ago, half-made
              1 security group
          - two  expired …d ago, half-deleted
              1 subnet group

        …s  one  left: security_group.cluster: ec2:DeleteSecurityGroup: UnauthorizedOperation: You are not authorized to perform this operation.
        …s  two  deleted: 1 resource

        1 stack deleted in …s, 1 left
        --- stderr
        error: not all is deleted: one
          hint: to go on: shardform cleanup --yes
    "#]],
    );
    assert_eq!(builder.names(), ["one-cluster"]);
    let ran = run(&["cleanup", "--yes", "--json"]);
    let last: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
    assert_eq!((ran.status, last["exit_code"].as_u64(), &last["left"]), (1, Some(1), &serde_json::json!(["one"])));
    assert_eq!(last["error"]["kind"], "left_over");
}

#[test]
fn what_is_renewed_or_made_anew_meanwhile_is_left_alone() {
    let sandbox = Sandbox::without_nodes();
    let builder = Builder::new(&sandbox);
    let renewed = builder.security_group("renewed-cluster", "renewed", &[("shardform:expires", PAST)]);
    builder.security_group("grown-cluster", "grown", &[("shardform:expires", PAST)]);
    // Between the list and the second look somebody else applies.
    let node = Mutex::new(Some((sandbox.url().to_owned(), renewed)));
    let url = proxy::start(
        sandbox.url(),
        Box::new(move |request| {
            let is_second_look = request.is("DescribeSecurityGroups") && request.body.contains("renewed-cluster");
            if let Some((node, group)) = node.lock().unwrap().take_if(|_| is_second_look) {
                let send = |service: &str, form: String| post(&node, service, &form);
                send(
                    "ec2",
                    format!(
                        "Action=CreateTags&Version=2016-11-15&ResourceId.1={group}&Tag.1.Key=shardform:expires&Tag.1.Value={AHEAD}"
                    ),
                );
            }
            None
        }),
    );
    builder.subnet_group("grown-cluster-until-20200101t020000z", "", &[]);
    let mut command = sandbox.shardform(&["cleanup", "--yes"]);
    let ran = sandbox.ran(command.env("AWS_REGION", "us-east-1").env("AWS_ENDPOINT_URL", &url).output().unwrap());
    expect_shown(
        &ran,
        expect![[r#"
            status: 0
            --- stdout
            To be deleted, with their data:

              - grown    expired …d ago, half-made
                  1 security group
              - renewed  expired …d ago, half-made
                  1 security group

            …s  grown  deleted: 1 resource
            …s  renewed  kept: it was renewed until 2999-01-01T00:00:00Z

            1 stack deleted in …s, 1 kept
            --- stderr
        "#]],
    );
}

#[test]
fn a_cluster_is_left_alone_that_is_renewed_while_it_cannot_be_deleted() {
    let sandbox = Sandbox::without_nodes();
    let builder = Builder::new(&sandbox);
    builder.whole("whole", &[("shardform:expires", PAST)]);
    until("the group is made", || {
        !sandbox.call("elasticache", &[("Action", "DescribeReplicationGroups")]).contains(">creating<")
    });
    // ElastiCache says "not now" for two seconds; meanwhile somebody renews.
    let node = sandbox.url().to_owned();
    let first = Mutex::new(None);
    let url = proxy::start(
        sandbox.url(),
        Box::new(move |request| {
            let mut first = first.lock().unwrap();
            if !request.is("DeleteReplicationGroup") {
                return None;
            }
            let began = *first.get_or_insert_with(|| {
                let tag = format!("Tags.Tag.1.Key=shardform:expires&Tags.Tag.1.Value={AHEAD}");
                let arn = "arn:aws:elasticache:us-east-1:000000000000:subnetgroup:whole-cluster";
                post(&node, "elasticache", &format!("Action=AddTagsToResource&ResourceName={arn}&{tag}"));
                Instant::now()
            });
            let busy = || (400, cache_error("InvalidReplicationGroupState", "Replication group is snapshotting."));
            (began.elapsed() < Duration::from_secs(2)).then(busy)
        }),
    );
    let mut command = sandbox.shardform(&["cleanup", "--yes"]);
    let ran = sandbox.ran(command.env("AWS_REGION", "us-east-1").env("AWS_ENDPOINT_URL", &url).output().unwrap());
    let told = "left: replication_group.cluster: elasticache:DeleteReplicationGroup: it was renewed until 2999-";
    assert!(ran.status == 1 && ran.stdout.contains(told), "{}\n{}", ran.stdout, ran.stderr);
    assert_eq!(sandbox.called("elasticache:DeleteReplicationGroup"), 0);
    assert_eq!(builder.names(), ["whole", "whole-cluster", "whole-cluster"]);
}

/// A call of somebody else's.
fn post(node: &str, service: &str, form: &str) {
    use std::io::{Read, Write};
    let address = node.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let scope = format!("Credential=test/20260101/us-east-1/{service}/aws4_request");
    let length = form.len();
    write!(
        stream,
        "POST / HTTP/1.1\r\nauthorization: AWS4-HMAC-SHA256 {scope}\r\nhost: {address}\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n{form}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn the_waiting_can_be_left_and_picked_up_again() {
    let sandbox = Sandbox::without_nodes();
    let builder = Builder::new(&sandbox);
    builder.whole("whole", &[("shardform:expires", PAST)]);
    until("the group is made", || {
        !sandbox.call("elasticache", &[("Action", "DescribeReplicationGroups")]).contains(">creating<")
    });
    // A group that is never let go of, until it is.
    let held = Arc::new(AtomicU32::new(1));
    let holding = Arc::clone(&held);
    let url = proxy::start(
        sandbox.url(),
        Box::new(move |request| {
            let holds = request.is("DeleteReplicationGroup") && holding.load(Ordering::Relaxed) == 1;
            holds.then(|| (400, cache_error("InvalidReplicationGroupState", "Replication group is snapshotting.")))
        }),
    );
    let command = |arguments: &[&str]| {
        let mut command = sandbox.shardform(arguments);
        command.env("AWS_REGION", "us-east-1").env("AWS_ENDPOINT_URL", &url);
        command
    };
    let out_of_time = sandbox.ran(command(&["cleanup", "--yes", "--timeout", "2s"]).output().unwrap());
    expect_shown(
        &out_of_time,
        expect![[r#"
            status: 1
            --- stdout
            To be deleted, with their data:

              - whole  expired …d ago, available
                  2 security groups, 1 subnet group, 1 replication group with 2 nodes

            …s  whole  left: replication_group.cluster: Replication group is snapshotting.

            0 stacks deleted in …s, 1 left
            --- stderr
            error: out of time: what is begun goes on by itself
              hint: to go on: shardform cleanup --yes
        "#]],
    );
    let child =
        command(&["cleanup", "--yes", "--verbose"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let before = sandbox.called("elasticache:DescribeReplicationGroups");
    until("it is at it", || sandbox.called("elasticache:DescribeReplicationGroups") > before + 1);
    send(child.id(), rustix::process::Signal::INT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stdout));
    held.store(0, Ordering::Relaxed);
    let ran = sandbox.ran(command(&["cleanup", "--yes"]).output().unwrap());
    assert_eq!(ran.status, 0, "{}\n{}", ran.stdout, ran.stderr);
    assert_eq!(builder.names(), Vec::<String>::new());
}

/// How often each of these operations was called between two looks.
struct Calls(Vec<(&'static str, u64)>);

impl Calls {
    const ALL: [&'static str; 17] = [
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeInstances",
        "ec2:DescribeKeyPairs",
        "elasticache:DescribeReplicationGroups",
        "elasticache:DescribeCacheClusters",
        "elasticache:DescribeCacheSubnetGroups",
        "elasticache:DescribeCacheParameterGroups",
        "elasticache:ListTagsForResource",
        "elasticache:DeleteReplicationGroup",
        "elasticache:DeleteCacheSubnetGroup",
        "elasticache:DeleteCacheParameterGroup",
        "ec2:DeleteSecurityGroup",
        "ec2:DeleteKeyPair",
        "ec2:RevokeSecurityGroupIngress",
        "sts:GetCallerIdentity",
        "elasticache:DescribeEvents",
        "ec2:DescribeRegions",
    ];

    fn now(sandbox: &Sandbox) -> Self {
        Calls(Self::ALL.iter().map(|operation| (*operation, sandbox.called(operation))).collect())
    }

    fn since(&self, sandbox: &Sandbox, operation: &str) -> u64 {
        let before = self.0.iter().find(|(name, _)| *name == operation).unwrap().1;
        sandbox.called(operation) - before
    }
}

#[test]
fn two_hundred_stacks_in_every_state_take_calls_by_pages_and_deletions() {
    let sandbox = Sandbox::without_nodes();
    let builder = Builder::new(&sandbox);
    let over = [("shardform:expires", PAST), ("shardform:owner", "ci")];
    let ahead = [("shardform:expires", AHEAD)];
    // Ten of each state, and further ones whose time isn't over: to delete more of them would show nothing more.
    let states = (0..200).map(|number| if number < 80 { number % 8 } else { [4, 5, 7, 8][number % 4] });
    let all: Vec<(String, usize)> =
        states.enumerate().map(|(number, state)| (format!("s{number:03}"), state)).collect();
    let of = |wanted: usize| all.iter().filter(move |(_, state)| *state == wanted).map(|(stack, _)| stack.as_str());
    for (stack, state) in &all {
        match state {
            0 | 6 => builder.whole(stack, &over),
            1 => drop(builder.security_group(&format!("{stack}-cluster"), stack, &over)),
            2 => builder.subnet_group(&format!("{stack}-cluster-until-20200101t020000z"), stack, &over),
            3 => builder.parameter_group(stack, stack, &over),
            4 => builder.whole(stack, &ahead),
            5 => builder.whole(stack, &[]),
            8 => drop(builder.security_group(&format!("{stack}-cluster"), stack, &ahead)),
            // Strangers, whose names are as the stacks' are.
            _ => {
                builder.security_group(&format!("{stack}-cluster"), "", &[]);
                builder.subnet_group(&format!("{stack}-cluster"), "", &[]);
                builder.cluster(stack, &format!("{stack}-cluster"), "", "", &[]);
            }
        }
    }
    for stack in of(6) {
        let call = [("Action", "DeleteReplicationGroup"), ("ReplicationGroupId", stack)];
        until("it can be deleted", || !sandbox.call("elasticache", &call).contains("<Error>"));
    }
    let before = Calls::now(&sandbox);
    let list = run_well(&sandbox, &["list", "--json"]).json();
    let stacks = list["stacks"].as_array().unwrap();
    assert_eq!(stacks.len(), 160, "all but the strangers");
    let of_state = |state: &str| stacks.iter().filter(|stack| stack["state"] == state).count();
    // Of those whose deletion has begun the last ones may not be at its end.
    assert_eq!((of_state("half-made") + of_state("deleting"), of_state("half-deleted")), (50, 20));
    assert_eq!(stacks.iter().filter(|stack| stack["expired"] == true).count(), 50);
    // 130 replication groups with two nodes each, and at most 10 whose deletion isn't done; 150 subnet groups; 10
    // parameter groups beside AWS's own.
    for (operation, least, most) in [
        ("ec2:DescribeSecurityGroups", 1, 1),
        ("ec2:DescribeInstances", 1, 1),
        ("ec2:DescribeKeyPairs", 1, 1),
        ("elasticache:DescribeReplicationGroups", 2, 2),
        ("elasticache:DescribeCacheClusters", 3, 3),
        ("elasticache:DescribeCacheSubnetGroups", 2, 2),
        ("elasticache:DescribeCacheParameterGroups", 1, 1),
        // Of those alone of which nothing but a parameter group is left.
        ("elasticache:ListTagsForResource", 10, 10),
        ("sts:GetCallerIdentity", 0, 0),
    ] {
        let calls = before.since(&sandbox, operation);
        assert!((least..=most).contains(&calls), "{operation}: {calls}");
    }

    let before = Calls::now(&sandbox);
    let ran = run_well(&sandbox, &["cleanup", "--yes", "--json"]);
    let last: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(last["deleted"].as_array().unwrap().len(), 50, "{last}");
    // Each of what goes is deleted once.
    for (operation, calls) in [
        ("elasticache:DeleteReplicationGroup", 10),
        ("elasticache:DeleteCacheSubnetGroup", 30),
        ("elasticache:DeleteCacheParameterGroup", 10),
        ("ec2:DeleteSecurityGroup", 50),
        ("ec2:RevokeSecurityGroupIngress", 0),
        ("ec2:DeleteKeyPair", 0),
    ] {
        assert_eq!(before.since(&sandbox, operation), calls, "{operation}");
    }
    // 50 deletions, each with a look before and one after.
    let looks = 2 * 50;
    for (operation, most) in [
        ("ec2:DescribeSecurityGroups", 1 + looks),
        ("ec2:DescribeInstances", 1 + looks),
        ("ec2:DescribeKeyPairs", 1 + looks),
        ("elasticache:DescribeCacheParameterGroups", 1 + looks),
        // A page more for each, and nodes that are not on the first page are asked for by their ids.
        ("elasticache:DescribeCacheClusters", 3 + 2 * looks),
        ("elasticache:DescribeCacheSubnetGroups", 2 + 2 * looks),
        // Tags of what is deleted, read right before; of what a name alone says is over, and of what says nothing.
        ("elasticache:ListTagsForResource", 10 + 10 + 2 * 10 + 2 * 10 + 10 + 10),
    ] {
        let calls = before.since(&sandbox, operation);
        assert!(calls <= most, "{operation}: {calls}, and {most} at most");
    }
    let left = run_well(&sandbox, &["list", "--json"]).json();
    assert_eq!(left["stacks"].as_array().unwrap().len(), 110);
    // All strangers are still there.
    let names = builder.names();
    for id in of(7) {
        let group = format!("{id}-cluster");
        assert_eq!(names.iter().filter(|name| *name == id).count(), 1, "{id}");
        assert_eq!(names.iter().filter(|name| **name == group).count(), 2, "{group}");
    }
}
