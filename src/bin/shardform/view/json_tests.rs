//! Documents and lines as programs see them.

use std::time::Duration;

use expect_test::expect;
use serde_json::json;
use shardform::diff::ChangeSet;
use shardform::execute::Outcome;

use super::*;
use crate::ending::Check;
use crate::session::Intent;
use crate::view::plan::tests::{change, field, picture};

fn line(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap()
}

fn update() -> ChangeSet {
    let fields = vec![field("ingress", Value::Null, json!(["tcp 22 from 10.0.0.0/8"]))];
    ChangeSet {
        changes: vec![change(Address::ClientGroup, Action::Update, "day19-client", fields)],
        ..ChangeSet::default()
    }
}

#[test]
fn a_plan_is_one_document() {
    let picture = picture(update());
    expect![[r#"{"stack":"day19","region":"us-east-1","account":"000000000000","changes":[{"address":"security_group.client","name":"day19-client","action":"update","reason":"a reason","fields":[{"path":"ingress","before":null,"after":["tcp 22 from 10.0.0.0/8"]}]}],"steps":[{"id":0,"address":"security_group.client","operation":"ec2:DeleteSecurityGroup","reason":"a call's reason","needs":[],"wait":{"until":"replication_group_settled","id":"day19-client"}}],"summary":{"create":0,"update":1,"replace":0,"delete":0},"refusals":[],"notes":[]}"#]].assert_eq(&line(&PlanDocument::new("day19", "us-east-1", &picture)));
}

#[test]
fn each_event_is_a_line() {
    let step = picture(update()).steps.steps.remove(0);
    let at = Duration::from_millis(1500);
    let waiting = Event::Waiting { step: step.clone(), status: "creating".to_owned(), at };
    expect![[r#"{"event":"waiting","at_ms":1500,"step":0,"address":"security_group.client","action":"update","operation":"ec2:DeleteSecurityGroup","status":"creating"}"#]].assert_eq(&line(&StepEvent::new(&waiting)));
    let skipped = Event::Skipped { step, because: Address::KeyPair, at };
    expect![[r#"{"event":"skipped","at_ms":1500,"step":0,"address":"security_group.client","action":"update","operation":"ec2:DeleteSecurityGroup","because":"key_pair.client"}"#]].assert_eq(&line(&StepEvent::new(&skipped)));
}

#[test]
fn the_last_line_says_how_it_ended() {
    let step = picture(update()).steps.steps.remove(0);
    let outcome = Outcome { left: vec![(step, "modifying".to_owned())], ..Outcome::default() };
    let finished = Finished {
        outcome: &outcome,
        intent: Intent::Apply,
        took: Duration::from_secs(20),
        again: "shardform apply day19.yaml".to_owned(),
    };
    let error = Error::TimedOut { again: finished.again.clone() };
    expect![[r#"{"event":"end","result":"not_done","exit_code":1,"took_ms":20000,"done":[],"failed":[],"not_begun":[],"left":[{"address":"security_group.client","status":"modifying"}],"again":"shardform apply day19.yaml","error":{"hint":"to go on: shardform apply day19.yaml","kind":"timed_out","message":"out of time: what is begun goes on by itself"}}"#]].assert_eq(&line(&EndEvent::not_done(&finished, &error)));
    let ending = Ending {
        endpoint: Some("127.0.0.1:6379".to_owned()),
        check: Check::Unreachable { reason: "it takes TLS alone".to_owned(), is_fault: false, findings: Vec::new() },
        ..Ending::default()
    };
    expect![[r#"{"event":"end","result":"unchanged","exit_code":0,"endpoint":"127.0.0.1:6379","check":{"result":"unreachable","reason":"it takes TLS alone","is_fault":false,"findings":[]},"client_host":null,"next":[]}"#]].assert_eq(&line(&EndEvent::unchanged(Some(&ending))));
    expect![[r#"{"event":"end","result":"error","exit_code":1,"error":{"hint":"`--yes` goes on without asking","kind":"unconfirmed","message":"there is no terminal to ask on, so nothing was changed"}}"#]].assert_eq(&line(&EndEvent::not_begun(&Error::Unconfirmed)));
}
