//! What programs read: the plan's document, and the lines of `apply` and `destroy`.

use serde::Serialize;
use serde_json::Value;
use shardform::diff::{Action, Field, Refusal, Summary};
use shardform::event::Event;
use shardform::resource::Address;
use shardform::steps::StepGraph;

use super::outcome::Finished;
use crate::ending::Ending;
use crate::error::Error;
use crate::session::Picture;

/// The document of `plan --json`.
#[derive(Serialize)]
pub struct PlanDocument<'a> {
    stack: &'a str,
    region: &'a str,
    account: Option<&'a str>,
    changes: Vec<ChangeDocument<'a>>,
    steps: &'a StepGraph,
    summary: Summary,
    refusals: &'a [Refusal],
    notes: &'a [String],
    /// So that standard output has one document, and the error too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Value>,
}

#[derive(Serialize)]
struct ChangeDocument<'a> {
    address: Address,
    name: &'a str,
    action: Action,
    reason: &'a str,
    fields: &'a [Field],
}

impl<'a> PlanDocument<'a> {
    /// From what was observed.
    pub fn new(stack: &'a str, region: &'a str, picture: &'a Picture) -> Self {
        let set = &picture.changes;
        let changes = set.changes.iter().map(|change| ChangeDocument {
            address: change.address,
            name: &change.name,
            action: change.action,
            reason: &change.reason,
            fields: &change.fields,
        });
        PlanDocument {
            stack,
            region,
            account: picture.account.as_deref(),
            changes: changes.collect(),
            steps: &picture.steps,
            summary: set.summary(),
            refusals: &set.refusals,
            notes: &set.notes,
            error: None,
        }
    }
}

/// The first line of `apply --json`.
#[derive(Serialize)]
pub struct PlanEvent<'a> {
    event: &'static str,
    #[serde(flatten)]
    plan: PlanDocument<'a>,
}

impl<'a> PlanEvent<'a> {
    /// From what was observed.
    pub fn new(stack: &'a str, region: &'a str, picture: &'a Picture) -> Self {
        PlanEvent { event: "plan", plan: PlanDocument::new(stack, region, picture) }
    }
}

/// A line between the first and the last.
#[derive(Serialize)]
pub struct StepEvent<'a> {
    event: &'static str,
    at_ms: u64,
    step: usize,
    address: Address,
    action: Action,
    operation: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<Address>,
}

impl<'a> StepEvent<'a> {
    /// From the executor's event.
    pub fn new(event: &'a Event) -> Self {
        let (name, at) = match event {
            Event::Started { at, .. } => ("started", at),
            Event::Waiting { at, .. } => ("waiting", at),
            Event::Busy { at, .. } => ("busy", at),
            Event::Done { at, .. } => ("done", at),
            Event::Failed { at, .. } => ("failed", at),
            Event::Skipped { at, .. } => ("skipped", at),
            Event::Left { at, .. } => ("left", at),
        };
        let step = event.step();
        let mut line = StepEvent {
            event: name,
            at_ms: u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
            step: step.id,
            address: step.address,
            action: step.action,
            operation: step.call.operation(),
            status: None,
            message: None,
            id: None,
            because: None,
        };
        match event {
            Event::Started { .. } => {}
            Event::Waiting { status, .. } | Event::Left { status, .. } => line.status = Some(status),
            Event::Busy { message, .. } => line.message = Some(message),
            Event::Failed { error, .. } => line.message = Some(error),
            Event::Done { id, .. } => line.id = id.as_deref(),
            Event::Skipped { because, .. } => line.because = Some(*because),
        }
        line
    }
}

/// The last line of `apply --json` and `destroy --json`.
#[derive(Serialize)]
pub struct EndEvent<'a> {
    event: &'static str,
    result: &'static str,
    exit_code: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    took_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    done: Option<Vec<Address>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<Vec<Address>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_begun: Option<Vec<Address>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<Vec<LeftDocument>>,
    /// Where the data of what was destroyed is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot: Option<&'a str>,
    #[serde(flatten)]
    ending: Option<&'a Ending>,
    #[serde(skip_serializing_if = "Option::is_none")]
    again: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
}

#[derive(Serialize)]
struct LeftDocument {
    address: Address,
    status: String,
}

impl<'a> EndEvent<'a> {
    fn of(result: &'static str) -> Self {
        EndEvent {
            event: "end",
            result,
            exit_code: 0,
            took_ms: None,
            done: None,
            failed: None,
            not_begun: None,
            left: None,
            snapshot: None,
            ending: None,
            again: None,
            error: None,
        }
    }

    /// Nothing had to be done.
    pub fn unchanged(ending: Option<&'a Ending>) -> Self {
        EndEvent { ending, ..EndEvent::of("unchanged") }
    }

    /// The same, and something is wrong with what is there.
    pub fn failing(self, error: &Error) -> Self {
        EndEvent { exit_code: error.exit_code(), error: Some(error.to_json()), ..self }
    }

    /// Nothing was begun.
    pub fn not_begun(error: &Error) -> Self {
        EndEvent { exit_code: error.exit_code(), error: Some(error.to_json()), ..EndEvent::of("error") }
    }

    /// All is done.
    pub fn done(finished: &Finished<'a>, ending: Option<&'a Ending>) -> Self {
        EndEvent { ending, ..EndEvent::of("done").with(finished) }
    }

    /// With the snapshot that the data is kept in, if it is.
    pub fn keeping(self, snapshot: Option<&'a str>) -> Self {
        EndEvent { snapshot, ..self }
    }

    /// Something is not done.
    pub fn not_done(finished: &'a Finished<'a>, error: &Error) -> Self {
        EndEvent {
            exit_code: error.exit_code(),
            again: Some(&finished.again),
            error: Some(error.to_json()),
            ..EndEvent::of("not_done").with(finished)
        }
    }

    fn with(self, finished: &Finished) -> Self {
        let left =
            finished.left().into_iter().map(|(address, status)| LeftDocument { address, status: status.to_owned() });
        EndEvent {
            took_ms: Some(u64::try_from(finished.took.as_millis()).unwrap_or(u64::MAX)),
            done: Some(finished.done()),
            failed: Some(finished.failed().into_iter().collect()),
            not_begun: Some(finished.not_begun().into_iter().map(|(address, _)| address).collect()),
            left: Some(left.collect()),
            ..self
        }
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
