//! What events mean for resources: events are about steps, and people read of resources. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use shardform::diff::Action;
use shardform::event::Event;
use shardform::resource::Address;
use shardform::steps::{Step, StepGraph};

use crate::view::{duration, padded, printable};

/// Columns of an address.
pub(super) const ADDRESS_WIDTH: usize = 25;

/// How a resource stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Moving,
    Done,
    Failed,
    NotDone,
}

/// What there is to say of a resource.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct News {
    pub(super) address: Address,
    pub(super) state: State,
    pub(super) text: String,
    pub(super) at: Duration,
    /// Time since the resource's first step was begun.
    pub(super) since: Duration,
}

impl News {
    /// The news as a line of its own.
    pub(super) fn plain_line(&self) -> String {
        format!("{:>8}  {}  {}", duration(self.at), padded(self.address.as_str(), ADDRESS_WIDTH), self.text)
    }
}

/// What is known of each resource's steps: events are about steps, and people read of resources.
pub struct Board {
    resources: BTreeMap<Address, Resource>,
    verbose: bool,
}

struct Resource {
    action: Action,
    /// Steps that have not ended.
    open: usize,
    began: Option<Duration>,
    id: Option<String>,
    ended: bool,
    /// What was told last.
    told: Option<String>,
}

impl Board {
    /// All resources that have steps.
    pub fn new(graph: &StepGraph, verbose: bool) -> Self {
        let mut resources: BTreeMap<Address, Resource> = BTreeMap::new();
        for step in &graph.steps {
            let resource = resources.entry(step.address).or_insert(Resource {
                action: step.action,
                open: 0,
                began: None,
                id: None,
                ended: false,
                told: None,
            });
            resource.open += 1;
        }
        Board { resources, verbose }
    }

    /// The resources and what happens to them, in the order in which people read them.
    pub(super) fn resources(&self) -> impl Iterator<Item = (Address, Action)> {
        self.resources.iter().map(|(address, resource)| (*address, resource.action))
    }

    /// What the event means for its resource; `None`: nothing that is worth a line.
    pub(super) fn news(&mut self, event: &Event) -> Option<News> {
        let verbose = self.verbose;
        let step = event.step();
        let resource = self.resources.get_mut(&step.address)?;
        let (state, text, at) = match event {
            Event::Started { at, .. } => (State::Moving, resource.started(step, *at, verbose)?, at),
            Event::Waiting { status, at, .. } => (State::Moving, status.clone(), at),
            Event::Busy { message, at, .. } => (State::Moving, format!("not yet: {message}"), at),
            Event::Done { id, at, .. } => (State::Done, resource.done(id.as_deref())?, at),
            Event::Failed { error, at, .. } => (State::Failed, resource.ended(format!("failed: {error}"))?, at),
            Event::Skipped { because, .. } if *because == step.address => {
                resource.ended = true;
                return None;
            }
            Event::Skipped { because, at, .. } => {
                (State::NotDone, resource.ended(format!("not begun: it needs {because}"))?, at)
            }
            Event::Left { status, at, .. } if status.is_empty() => {
                (State::NotDone, resource.ended("not begun".to_owned())?, at)
            }
            Event::Left { status, at, .. } => (State::NotDone, resource.ended(format!("still {status}"))?, at),
        };
        let text = printable(&text);
        // The cloud's first status is often the word that was told already.
        if resource.told.as_ref() == Some(&text) {
            return None;
        }
        resource.told = Some(text.clone());
        Some(News {
            address: step.address,
            state,
            text,
            at: *at,
            since: at.saturating_sub(resource.began.unwrap_or(*at)),
        })
    }
}

impl Resource {
    fn started(&mut self, step: &Step, at: Duration, verbose: bool) -> Option<String> {
        let is_first = self.began.is_none();
        self.began.get_or_insert(at);
        let operation = step.call.operation();
        if verbose && !operation.is_empty() {
            return Some(format!("{} ({})", operation, step.reason));
        }
        let doing = match self.action {
            Action::Create => "creating",
            Action::Update => "updating",
            Action::Replace => "replacing",
            Action::Delete => "deleting",
            Action::Wait => "waiting",
        };
        is_first.then(|| doing.to_owned())
    }

    /// A resource is done with the last of its steps.
    fn done(&mut self, id: Option<&str>) -> Option<String> {
        self.open = self.open.saturating_sub(1);
        self.id = id.map(str::to_owned).or(self.id.take());
        if self.open > 0 {
            return None;
        }
        self.ended = true;
        let done = match self.action {
            Action::Create => "created",
            Action::Update => "updated",
            Action::Replace => "replaced",
            Action::Delete => "deleted",
            Action::Wait => "ready",
        };
        let id = self.id.as_ref().filter(|_| self.action != Action::Delete);
        Some(id.map_or(done.to_owned(), |id| format!("{done}  {id}")))
    }

    /// The first end of a resource is the one that is told.
    fn ended(&mut self, text: String) -> Option<String> {
        let is_first = !self.ended;
        self.ended = true;
        is_first.then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use shardform::call::Call;

    fn step(id: usize, address: Address, needs: Vec<usize>) -> Step {
        Step {
            id,
            address,
            action: Action::Create,
            call: Call::DeleteSecurityGroup(String::new()),
            wait: None,
            reason: "why".to_owned(),
            needs,
        }
    }

    /// A group of two steps, a cluster that takes a while, and a host that needs what failed.
    fn told(verbose: bool) -> String {
        let steps = vec![
            step(0, Address::ClusterGroup, vec![]),
            step(1, Address::ClusterGroup, vec![0]),
            step(2, Address::KeyPair, vec![]),
            step(3, Address::Instance, vec![2]),
            step(4, Address::ReplicationGroup, vec![]),
        ];
        let mut board = Board::new(&StepGraph { steps: steps.clone() }, verbose);
        let at = Duration::from_millis;
        let events = [
            Event::Started { step: steps[0].clone(), at: at(0) },
            Event::Done { step: steps[0].clone(), id: Some("sg-1".to_owned()), at: at(300) },
            Event::Started { step: steps[1].clone(), at: at(300) },
            Event::Started { step: steps[2].clone(), at: at(310) },
            Event::Failed { step: steps[2].clone(), error: "ec2:ImportKeyPair: no".to_owned(), at: at(400) },
            Event::Skipped { step: steps[3].clone(), because: Address::KeyPair, at: at(400) },
            Event::Done { step: steps[1].clone(), id: None, at: at(500) },
            Event::Started { step: steps[4].clone(), at: at(500) },
            Event::Waiting { step: steps[4].clone(), status: "creating".to_owned(), at: at(65_000) },
            Event::Left { step: steps[4].clone(), status: "creating".to_owned(), at: at(4_000_000) },
        ];
        let lines: Vec<String> =
            events.iter().filter_map(|event| board.news(event)).map(|news| format!("|{}", news.plain_line())).collect();
        lines.join("\n")
    }

    #[test]
    fn plain_lines_are_about_resources() {
        expect![[r#"
            |    0.0s  security_group.cluster     creating
            |    0.3s  key_pair.client            creating
            |    0.4s  key_pair.client            failed: ec2:ImportKeyPair: no
            |    0.4s  instance.client            not begun: it needs key_pair.client
            |    0.5s  security_group.cluster     created  sg-1
            |    0.5s  replication_group.cluster  creating
            |  1h 06m  replication_group.cluster  still creating"#]]
        .assert_eq(&told(false));
    }

    #[test]
    fn verbose_lines_are_about_steps() {
        expect![[r#"
            |    0.0s  security_group.cluster     ec2:DeleteSecurityGroup (why)
            |    0.3s  key_pair.client            ec2:DeleteSecurityGroup (why)
            |    0.4s  key_pair.client            failed: ec2:ImportKeyPair: no
            |    0.4s  instance.client            not begun: it needs key_pair.client
            |    0.5s  security_group.cluster     created  sg-1
            |    0.5s  replication_group.cluster  ec2:DeleteSecurityGroup (why)
            |  1m 05s  replication_group.cluster  creating
            |  1h 06m  replication_group.cluster  still creating"#]]
        .assert_eq(&told(true));
    }
}
