//! Plans as people see them.

use expect_test::{Expect, expect};
use serde_json::json;
use shardform::call::{Call, Wait};
use shardform::diff::{ChangeSet, Planned, Refusal};
use shardform::observed::Live;
use shardform::resource::Address;
use shardform::steps::steps;

use super::*;

const HEADING: Heading = Heading { stack: "day19", region: "us-east-1", account: Some("000000000000") };

pub(crate) fn change(address: Address, action: Action, name: &str, fields: Vec<Field>) -> Change {
    let wait = Wait::ReplicationGroupSettled { id: name.to_owned() };
    Change {
        address,
        name: name.to_owned(),
        action,
        reason: "a reason".to_owned(),
        fields,
        calls: vec![Planned {
            call: Call::DeleteSecurityGroup("sg-1".to_owned()),
            wait: Some(wait),
            reason: "a call's reason".to_owned(),
        }],
    }
}

pub(crate) fn field(path: &str, before: Value, after: Value) -> Field {
    Field { path: path.to_owned(), before, after }
}

pub(crate) fn picture(changes: ChangeSet) -> Picture {
    let account = HEADING.account.map(str::to_owned);
    Picture { account, live: Live::default(), desired: None, steps: steps(&changes), changes }
}

fn shows(set: ChangeSet, verbose: bool, paint: Paint, expected: Expect) {
    let text = text(&HEADING, &picture(set), verbose, paint);
    expected.assert_eq(&text.replace('\u{1b}', "ESC"));
}

fn paint(color: bool, width: usize) -> Paint {
    Paint { color, width }
}

fn creation() -> ChangeSet {
    let shard = |id: u32| field(&format!("node_groups.{id:04}"), Value::Null, json!("us-east-1a us-east-1b"));
    let mut fields = vec![
        field("engine", Value::Null, json!("redis")),
        field("engine_version", Value::Null, json!("7.1")),
        field("multi_az", Value::Null, json!(true)),
        field("subnets", Value::Null, json!(["subnet-1", "subnet-2"])),
    ];
    fields.extend((1..=7).map(shard));
    let key =
        vec![field("name", Value::Null, json!("day19-client")), field("public_key", Value::Null, json!("(generated)"))];
    ChangeSet {
        changes: vec![
            change(Address::KeyPair, Action::Create, "day19-client", key),
            change(Address::ReplicationGroup, Action::Create, "day19", fields),
        ],
        ..ChangeSet::default()
    }
}

#[test]
fn a_creation_shows_what_matters() {
    shows(
        creation(),
        false,
        paint(false, 100),
        expect![[r#"
            day19 in us-east-1 (account 000000000000)

                + key_pair.client            day19-client
                    public_key  (generated)
                + replication_group.cluster  day19
                    engine            redis 7.1
                    multi_az          true
                    subnets           subnet-1, subnet-2
                    node_groups.0001  us-east-1a us-east-1b
                    node_groups.0002  us-east-1a us-east-1b
                    node_groups.0003  us-east-1a us-east-1b
                    node_groups.0004  us-east-1a us-east-1b
                    node_groups.0005  us-east-1a us-east-1b
                    … and 2 more shards (-v shows them)

            2 to create, 0 to update, 0 to replace, 0 to delete"#]],
    );
}

#[test]
fn all_kinds_of_changes_have_their_sign() {
    let set = ChangeSet {
        changes: vec![
            change(Address::KeyPair, Action::Delete, "day19-client", Vec::new()),
            change(
                Address::Instance,
                Action::Replace,
                "day19-client",
                vec![field("instance_type", json!("t2.micro"), json!("t3.micro"))],
            ),
            change(
                Address::ClusterGroup,
                Action::Update,
                "day19-cluster",
                vec![
                    field("ingress", json!([]), json!(["tcp 6379 from sg-1", "tcp 6379 from 10.0.0.0/8"])),
                    field("tags.owner", Value::Null, json!("ann\u{1b}[31m")),
                ],
            ),
            change(Address::ReplicationGroup, Action::Wait, "day19", Vec::new()),
        ],
        notes: vec!["security_group.client `x` is left: it has no tag".to_owned()],
        refusals: Vec::new(),
    };
    shows(
        set.clone(),
        false,
        paint(false, 100),
        expect![[r#"
        day19 in us-east-1 (account 000000000000)

            - key_pair.client            day19-client
          -/+ instance.client            day19-client
                a reason
                instance_type  t2.micro -> t3.micro
            ~ security_group.cluster     day19-cluster
                ingress     (none) -> tcp 6379 from sg-1, tcp 6379 from 10.0.0.0/8
                tags.owner  (none) -> ann\u{1b}[31m
            … replication_group.cluster  day19
                a reason

          note: security_group.client `x` is left: it has no tag

        0 to create, 1 to update, 1 to replace, 1 to delete"#]],
    );
    shows(
        set,
        true,
        paint(false, 40),
        expect![[r#"
            day19 in us-east-1 (account 000000000000)

                - key_pair.client            day19-client
                    a reason
                    2. ec2:DeleteSecurityGroup (a call's reason, after 1)
              -/+ instance.client            day19-client
                    a reason
                    instance_type  t2.micro
                                   -> t3.micro
                    3. ec2:DeleteSecurityGroup (a call's reason, after 1)
                ~ security_group.cluster     day19-cluster
                    a reason
                    ingress     (none)
                                -> tcp 6379 from sg-1, tcp 6379 from 10.0.0.0/8
                    tags.owner  (none)
                                -> ann\u{1b}[31m
                    4. ec2:DeleteSecurityGroup (a call's reason, after 1)
                … replication_group.cluster  day19
                    a reason
                    1. ec2:DeleteSecurityGroup (a call's reason)

              note: security_group.client `x` is left: it has no tag

            0 to create, 1 to update, 1 to replace, 1 to delete"#]],
    );
}

#[test]
fn long_values_are_cut_to_the_width() {
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPlonglonglonglonglonglonglonglonglonglonglong";
    let set = ChangeSet {
        changes: vec![change(
            Address::KeyPair,
            Action::Create,
            "day19-client",
            vec![field("public_key", Value::Null, json!(key))],
        )],
        ..ChangeSet::default()
    };
    shows(
        set,
        false,
        paint(false, 60),
        expect![[r#"
        day19 in us-east-1 (account 000000000000)

            + key_pair.client  day19-client
                public_key  ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPl…

        1 to create, 0 to update, 0 to replace, 0 to delete"#]],
    );
}

#[test]
fn colors_only_accompany() {
    let set = ChangeSet {
        changes: vec![change(Address::KeyPair, Action::Create, "day19-client", Vec::new())],
        ..ChangeSet::default()
    };
    shows(
        set,
        false,
        paint(true, 60),
        expect![[r#"
            ESC[1mday19ESC[0m in us-east-1 (account 000000000000)

              ESC[32m  +ESC[0m ESC[1mkey_pair.clientESC[0m  day19-client

            1 to create, 0 to update, 0 to replace, 0 to delete"#]],
    );
}

#[test]
fn what_cant_be_done_is_announced() {
    let set = ChangeSet {
        refusals: vec![Refusal {
            address: Address::ReplicationGroup,
            path: "cluster.port".to_owned(),
            message: "port is fixed".to_owned(),
            hint: "set it back".to_owned(),
        }],
        ..ChangeSet::default()
    };
    shows(
        set,
        false,
        paint(false, 60),
        expect![[r#"
            day19 in us-east-1 (account 000000000000)

              1 thing can't be done, see below

            0 to create, 0 to update, 0 to replace, 0 to delete"#]],
    );
}

#[test]
fn no_change_is_said() {
    shows(
        ChangeSet::default(),
        false,
        paint(false, 60),
        expect![[r#"
            day19 in us-east-1 (account 000000000000)

              nothing to change

            0 to create, 0 to update, 0 to replace, 0 to delete"#]],
    );
}
