//! Walks a step graph: starts each step as soon as what it needs is done, waits, and emits events. Makes no choices:
//! what runs is what the plan showed.
//!
//! Knows `cloud` and `event`, never `aws`. Time is tokio's, so that a test runs a whole apply under a paused clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::call::Call;
use crate::cloud::{Cloud, CloudError, ErrorKind, Ids, Progress};
use crate::event::Event;
use crate::resource::Address;
use crate::steps::{Step, StepGraph};

/// The first pause between two polls.
const FIRST_POLL: Duration = Duration::from_millis(100);
/// The longest pause between two polls.
const LONGEST_POLL: Duration = Duration::from_secs(15);
/// How long a status may be unreadable, one poll after the other, before the step fails: a short outage of the API
/// is no reason to leave a cluster that is being made.
const UNREADABLE_FOR: Duration = Duration::from_secs(120);
/// How long a changed group's `available` is doubted while nobody has seen it move: what AWS tells lags behind what it
/// was asked for, and "available" right after a change is most likely the one from before.
const DOUBTED_FOR: Duration = Duration::from_secs(10);
/// How long a call may be refused as "not now" before the step fails.
const BUSY_FOR: Duration = Duration::from_secs(3600);

/// How all the steps ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Steps that are done, with the id that the cloud gave.
    pub done: Vec<(Step, Option<String>)>,
    /// Steps that failed, with the reason.
    pub failed: Vec<(Step, CloudError)>,
    /// Steps that were not begun because one that they need has failed or was left.
    pub skipped: Vec<(Step, Address)>,
    /// Steps whose waiting was left; the cloud goes on by itself.
    pub left: Vec<(Step, String)>,
}

impl Outcome {
    /// Whether every step is done.
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.skipped.is_empty() && self.left.is_empty()
    }
}

/// The pause before the next poll: short at first, an eighth of what has passed, 15 seconds at most. So waiting adds
/// at most an eighth to what the cloud takes.
pub fn poll_pause(waited: Duration) -> Duration {
    (waited / 8).clamp(FIRST_POLL, LONGEST_POLL)
}

/// Reads something, again while the cloud says "not now" (it is throttling, as a rule), for two minutes at most.
///
/// # Errors
/// What the read has last answered.
pub async fn patiently<T, F: Future<Output = Result<T, CloudError>>>(read: impl Fn() -> F) -> Result<T, CloudError> {
    let began = Instant::now();
    loop {
        match read().await {
            Err(error) if error.kind == ErrorKind::Busy && began.elapsed() < UNREADABLE_FOR => {
                sleep(poll_pause(began.elapsed())).await;
            }
            other => return other,
        }
    }
}

/// Carries out all steps, side by side where nothing orders them. `stop` turning true ends the waiting: calls under
/// way are awaited, nothing new is begun.
pub async fn execute<C: Cloud>(
    cloud: Arc<C>,
    graph: &StepGraph,
    ids: Ids,
    events: mpsc::UnboundedSender<Event>,
    stop: watch::Receiver<bool>,
) -> Outcome {
    let began = Instant::now();
    let mut walk = Walk { ids, outcome: Outcome::default(), waiting: BTreeSet::new(), ended: BTreeMap::new() };
    walk.waiting = graph.steps.iter().map(|step| step.id).collect();
    let mut running = JoinSet::new();
    loop {
        for step in walk.ready(graph, *stop.borrow(), &events, began) {
            let runner = Runner {
                cloud: Arc::clone(&cloud),
                step,
                ids: walk.ids.clone(),
                events: events.clone(),
                stop: stop.clone(),
                began,
            };
            running.spawn(runner.run());
        }
        match running.join_next().await {
            None => break,
            Some(Ok((step, end))) => walk.finish(step, end),
            // A step's task is never aborted and has no way to panic; what it would leave behind is told of below.
            Some(Err(_)) => {}
        }
    }
    walk.tell_of_the_rest(graph);
    walk.outcome
}

/// Whether a call changes a group that was `available` before, so that this word alone doesn't show that it is done.
fn is_doubtful(call: &Call) -> bool {
    matches!(
        call,
        Call::ModifyReplicationGroup(_)
            | Call::IncreaseReplicaCount(..)
            | Call::DecreaseReplicaCount(..)
            | Call::AddShards(..)
            | Call::RemoveShards(..)
    )
}

/// How one step ended.
enum End {
    Done(Option<String>),
    Failed(CloudError),
    Left(String),
}

struct Walk {
    ids: Ids,
    outcome: Outcome,
    /// Steps that are not begun.
    waiting: BTreeSet<usize>,
    /// Whether an ended step is done.
    ended: BTreeMap<usize, bool>,
}

impl Walk {
    /// The steps that can begin now; those that never can any more are told of as skipped or left.
    fn ready(
        &mut self,
        graph: &StepGraph,
        stopped: bool,
        events: &mpsc::UnboundedSender<Event>,
        began: Instant,
    ) -> Vec<Step> {
        let mut ready = Vec::new();
        for step in &graph.steps {
            if !self.waiting.contains(&step.id) {
                continue;
            }
            let at = began.elapsed();
            let failed = step.needs.iter().find(|need| self.ended.get(need) == Some(&false));
            if let Some(failed) = failed {
                let because = graph.steps[*failed].address;
                self.end(step.id, false);
                self.outcome.skipped.push((step.clone(), because));
                tell(events, Event::Skipped { step: step.clone(), because, at });
            } else if stopped {
                self.end(step.id, false);
                self.outcome.left.push((step.clone(), String::new()));
                tell(events, Event::Left { step: step.clone(), status: String::new(), at });
            } else if step.needs.iter().all(|need| self.ended.get(need) == Some(&true)) {
                self.waiting.remove(&step.id);
                ready.push(step.clone());
            }
        }
        ready
    }

    /// Steps that came to no end by themselves are not passed over in silence.
    fn tell_of_the_rest(&mut self, graph: &StepGraph) {
        for step in graph.steps.iter().filter(|step| !self.ended.contains_key(&step.id)) {
            self.outcome.left.push((step.clone(), String::new()));
        }
    }

    fn end(&mut self, id: usize, done: bool) {
        self.waiting.remove(&id);
        self.ended.insert(id, done);
    }

    fn finish(&mut self, step: Step, end: End) {
        self.end(step.id, matches!(end, End::Done(_)));
        match end {
            End::Done(id) => {
                if let Some(id) = &id {
                    self.ids.insert(step.address, id.clone());
                }
                self.outcome.done.push((step, id));
            }
            End::Failed(error) => self.outcome.failed.push((step, error)),
            End::Left(status) => self.outcome.left.push((step, status)),
        }
    }
}

/// A reporter that has gone away is no reason to stop.
fn tell(events: &mpsc::UnboundedSender<Event>, event: Event) {
    let _ = events.send(event);
}

struct Runner<C> {
    cloud: Arc<C>,
    step: Step,
    ids: Ids,
    events: mpsc::UnboundedSender<Event>,
    stop: watch::Receiver<bool>,
    began: Instant,
}

impl<C: Cloud> Runner<C> {
    async fn run(mut self) -> (Step, End) {
        self.tell(|step, at| Event::Started { step, at });
        let end = match self.start().await {
            Ok(Some(id)) => self.wait(id).await,
            Ok(None) => End::Left(String::new()),
            Err(error) => End::Failed(error),
        };
        match &end {
            End::Done(id) => self.tell(|step, at| Event::Done { step, id: id.clone(), at }),
            End::Failed(error) => self.tell(|step, at| Event::Failed { step, error: error.to_string(), at }),
            End::Left(status) => self.tell(|step, at| Event::Left { step, status: status.clone(), at }),
        }
        (self.step, end)
    }

    fn tell(&self, event: impl FnOnce(Step, Duration) -> Event) {
        tell(&self.events, event(self.step.clone(), self.began.elapsed()));
    }

    /// Sends the call, again while the cloud says "not now". `None`: stopped before it was accepted.
    async fn start(&mut self) -> Result<Option<Option<String>>, CloudError> {
        let began = Instant::now();
        let mut told = String::new();
        loop {
            match self.cloud.start(&self.step.call, &self.ids).await {
                Ok(accepted) => return Ok(Some(accepted.id)),
                Err(error) if error.kind == ErrorKind::Busy && began.elapsed() < BUSY_FOR => {
                    if told != error.message {
                        told.clone_from(&error.message);
                        self.tell(|step, at| Event::Busy { step, message: told.clone(), at });
                    }
                    if self.pause(poll_pause(began.elapsed())).await {
                        return Ok(None);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn wait(&mut self, id: Option<String>) -> End {
        let Some(wait) = self.step.wait.clone() else {
            return End::Done(id);
        };
        if let Some(id) = &id {
            self.ids.insert(self.step.address, id.clone());
        }
        let began = Instant::now();
        let mut last_read = Instant::now();
        let mut seen = String::new();
        let doubtful = is_doubtful(&self.step.call);
        loop {
            match self.cloud.status(&wait, &self.ids).await {
                Ok(Progress::Reached) if doubtful && seen.is_empty() && began.elapsed() < DOUBTED_FOR => {
                    last_read = Instant::now();
                }
                Ok(Progress::Reached) => return End::Done(id),
                Ok(Progress::Failed(reason)) => return End::Failed(self.failure(reason)),
                Ok(Progress::Pending(status)) => {
                    last_read = Instant::now();
                    if seen != status {
                        seen.clone_from(&status);
                        self.tell(|step, at| Event::Waiting { step, status, at });
                    }
                }
                // Throttled, or out of reach for a while: the cloud goes on all the same.
                Err(error) if error.kind == ErrorKind::Busy => {}
                Err(error) if error.kind == ErrorKind::Unreachable && last_read.elapsed() < UNREADABLE_FOR => {}
                Err(error) => return End::Failed(error),
            }
            if self.pause(poll_pause(began.elapsed())).await {
                return End::Left(seen);
            }
        }
    }

    fn failure(&self, message: String) -> CloudError {
        CloudError {
            kind: ErrorKind::Rejected,
            operation: self.step.call.operation().to_owned(),
            code: String::new(),
            message,
            hint: None,
        }
    }

    /// Pauses; true: stop.
    async fn pause(&mut self, pause: Duration) -> bool {
        let stopped = timeout(pause, self.stop.wait_for(|stop| *stop)).await.map(|stopped| stopped.is_ok());
        if stopped == Ok(false) {
            // The sender is gone and will never stop us: only the pause counts.
            sleep(pause).await;
        }
        stopped == Ok(true)
    }
}
