//! How the steps ended, for people: what is done, what is not, and why. Failures themselves are errors (`error`).

use std::collections::BTreeSet;
use std::time::Duration;

use shardform::diff::Action;
use shardform::execute::Outcome;
use shardform::resource::Address;

use super::{count, duration, padded, printable};
use crate::session::Intent;
use crate::terminal::Paint;

/// Steps that have ended, one way or another.
pub struct Finished<'a> {
    /// How each of them ended.
    pub outcome: &'a Outcome,
    /// What was intended.
    pub intent: Intent,
    /// How long all of it took.
    pub took: Duration,
    /// The command that goes on.
    pub again: String,
}

impl Finished<'_> {
    /// Resources of which every step is done.
    pub fn done(&self) -> Vec<Address> {
        let outcome = self.outcome;
        let failed = outcome.failed.iter().map(|(step, _)| step.address);
        let skipped = outcome.skipped.iter().map(|(step, _)| step.address);
        let left = outcome.left.iter().map(|(step, _)| step.address);
        let not_done: BTreeSet<Address> = failed.chain(skipped).chain(left).collect();
        let done: BTreeSet<Address> = outcome.done.iter().map(|(step, _)| step.address).collect();
        done.difference(&not_done).copied().collect()
    }

    /// Resources of which a step has failed.
    pub fn failed(&self) -> BTreeSet<Address> {
        self.outcome.failed.iter().map(|(step, _)| step.address).collect()
    }

    /// Resources that are on their way, with the status seen last.
    pub fn left(&self) -> Vec<(Address, &str)> {
        let begun = self.outcome.left.iter().filter(|(_, status)| !status.is_empty());
        begun.map(|(step, status)| (step.address, status.as_str())).collect()
    }

    /// Whether some step of this resource is done.
    fn is_begun(&self, address: Address) -> bool {
        self.outcome.done.iter().any(|(step, _)| step.address == address)
    }

    /// Resources whose next step was not begun, with the resource that they wait for, if that is why.
    pub fn not_begun(&self) -> Vec<(Address, Option<Address>)> {
        let outcome = self.outcome;
        let told: BTreeSet<Address> = self.left().iter().map(|(address, _)| *address).collect();
        let skipped = outcome.skipped.iter().map(|(step, because)| (step.address, Some(*because)));
        let stopped = outcome.left.iter().filter(|(_, status)| status.is_empty());
        let stopped = stopped.map(|(step, _)| (step.address, None));
        let mut seen: BTreeSet<Address> = self.failed().into_iter().chain(told).collect();
        let mut all: Vec<_> = skipped.chain(stopped).filter(|(address, _)| seen.insert(*address)).collect();
        all.sort_by_key(|(address, _)| *address);
        all
    }
}

/// One line where all is done; otherwise what is done, what is on its way and what was not begun.
pub fn text(finished: &Finished, paint: Paint) -> String {
    let took = duration(finished.took);
    let done = finished.done();
    if finished.outcome.is_complete() {
        let sentence = format!("{} in {took}: {}", verb(finished.intent), tally(finished, &done));
        return format!("\n{}", paint.bold(&sentence));
    }
    let (failed, left, not_begun) = (finished.failed(), finished.left(), finished.not_begun());
    let has_failed = !failed.is_empty();
    let mut lines = vec![String::new(), paint.bold(&format!("Not all is done, after {took}:"))];
    let mut row = |label: String, address: Address, why: &str| {
        let address = padded(address.as_str(), 25);
        let line = format!("  {label}  {address}  {}", printable(why));
        lines.push(line.trim_end().to_owned());
    };
    // Of a stack that is to be gone, all that isn't done is left.
    let labels = match finished.intent {
        Intent::Apply | Intent::Look => ["done", "on its way", "failed", "not done"],
        Intent::Destroy => ["gone", "left", "left", "left"],
    };
    let [done_label, left_label, failed_label, not_begun_label] = labels.map(|label| format!("{label:<10}"));
    for address in done {
        row(paint.green(&done_label), address, "");
    }
    for (address, status) in left {
        let why = format!("{status}; the cloud goes on with it by itself");
        row(paint.yellow(&left_label), address, &why);
    }
    for address in failed {
        row(paint.red(&failed_label), address, "failed, see below");
    }
    for (address, because) in not_begun {
        let why = because.filter(|because| *because != address);
        let begun = if finished.is_begun(address) { "begun, not finished" } else { "not begun" };
        let why = why.map_or(begun.to_owned(), |because| format!("{begun}: it needs {because}"));
        row(paint.dim(&not_begun_label), address, &why);
    }
    // Where nothing has failed, the error says it.
    if has_failed {
        lines.push(format!("\nTo go on: {}", finished.again));
    }
    lines.join("\n")
}

/// Where the data of what was destroyed is, and how it comes back.
pub fn kept(snapshot: &str, paint: Paint) -> String {
    let name = paint.bold(snapshot);
    format!(
        "\nThe data is in the snapshot {name}. To get it back, write `restore_from: {snapshot}` under `cluster`\n\
             in the plan file, and apply."
    )
}

fn verb(intent: Intent) -> &'static str {
    match intent {
        Intent::Apply | Intent::Look => "Applied",
        Intent::Destroy => "Destroyed",
    }
}

/// `6 resources created, 1 updated`
fn tally(finished: &Finished, done: &[Address]) -> String {
    let of = |action: Action| {
        let steps = finished.outcome.done.iter().filter(|(step, _)| step.action == action);
        let addresses: BTreeSet<Address> = steps.map(|(step, _)| step.address).collect();
        addresses.len()
    };
    let counts = [
        (of(Action::Create), "created"),
        (of(Action::Update), "updated"),
        (of(Action::Replace), "replaced"),
        (of(Action::Delete), "deleted"),
        (of(Action::Wait), "ready"),
    ];
    let parts: Vec<String> =
        counts.iter().filter(|(number, _)| *number > 0).map(|(number, word)| format!("{number} {word}")).collect();
    match parts.as_slice() {
        [] => count(done.len(), "resource"),
        parts => parts.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use shardform::call::Call;
    use shardform::cloud::{CloudError, ErrorKind};
    use shardform::steps::Step;

    const PLAIN: Paint = Paint { color: false, width: 100 };

    fn step(address: Address, action: Action) -> Step {
        Step { id: 0, address, action, call: Call::Await, wait: None, reason: String::new(), needs: Vec::new() }
    }

    fn finished(outcome: &Outcome) -> Finished<'_> {
        Finished {
            outcome,
            intent: Intent::Apply,
            took: Duration::from_secs(75),
            again: "shardform apply day19.yaml".to_owned(),
        }
    }

    #[test]
    fn a_success_is_one_line() {
        let done = |address, action| (step(address, action), None);
        let outcome = Outcome {
            done: vec![
                done(Address::ClusterGroup, Action::Create),
                done(Address::ClusterGroup, Action::Create),
                done(Address::SubnetGroup, Action::Create),
                done(Address::ReplicationGroup, Action::Update),
            ],
            ..Outcome::default()
        };
        expect![[r#"

            Applied in 1m 15s: 2 created, 1 updated"#]]
        .assert_eq(&text(&finished(&outcome), PLAIN));
    }

    #[test]
    fn what_is_not_done_is_told_with_its_reason() {
        let error = CloudError {
            kind: ErrorKind::Rejected,
            operation: "ec2:RunInstances".to_owned(),
            code: String::new(),
            message: "no".to_owned(),
            hint: None,
        };
        let create = |address| step(address, Action::Create);
        let outcome = Outcome {
            done: vec![(create(Address::ClusterGroup), None), (create(Address::KeyPair), None)],
            failed: vec![(create(Address::KeyPair), error)],
            skipped: vec![
                (create(Address::KeyPair), Address::KeyPair),
                (create(Address::Instance), Address::KeyPair),
                (create(Address::Instance), Address::Instance),
            ],
            left: vec![
                (create(Address::ReplicationGroup), "creating".to_owned()),
                (create(Address::SubnetGroup), String::new()),
            ],
        };
        expect![[r#"

            Not all is done, after 1m 15s:
              done        security_group.cluster
              on its way  replication_group.cluster  creating; the cloud goes on with it by itself
              failed      key_pair.client            failed, see below
              not done    instance.client            not begun: it needs key_pair.client
              not done    subnet_group.cluster       not begun

            To go on: shardform apply day19.yaml"#]]
        .assert_eq(&text(&finished(&outcome), PLAIN));
    }
}
