//! The seam between the pure core and a cloud: observe, start a call, ask for a status. Never names the SDK.

use std::collections::BTreeMap;
use std::fmt;

use crate::call::{Call, Wait};
use crate::observed::{Observed, Query};
use crate::resource::Address;

/// Ids that calls have answered with, by the resource they belong to.
pub type Ids = BTreeMap<Address, String>;

/// What an accepted call answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// The new resource's id (`sg-…`, `i-…`), where there is one.
    pub id: Option<String>,
}

/// How far a wait has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It has come about.
    Reached,
    /// Not yet; the status as the cloud tells it.
    Pending(String),
    /// It never will; the reason, with what the cloud's events say of it.
    Failed(String),
}

/// What kind of error it is: decides only whether the call is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The cloud says no.
    Rejected,
    /// The cloud says not now: something is in use, or on its way.
    Busy,
    /// The cloud doesn't have this call.
    Unsupported,
    /// No answer, or none that can be read.
    Unreachable,
    /// Nobody to sign as, or nowhere to send to.
    Configuration,
}

/// An error of the cloud, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudError {
    /// What kind.
    pub kind: ErrorKind,
    /// The call, such as `elasticache:CreateReplicationGroup`.
    pub operation: String,
    /// The error code, such as `InvalidParameterValue`; empty where there is none.
    pub code: String,
    /// The message, word for word.
    pub message: String,
    /// What to do next, where we know it.
    pub hint: Option<String>,
}

impl fmt::Display for CloudError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.operation)?;
        if !self.code.is_empty() {
            write!(f, "{}: ", self.code)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for CloudError {}

/// Something that a cloud tells of its resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudEvent {
    /// When, in milliseconds since 1970 (UTC).
    pub at_ms: u64,
    /// `replication-group` or `cache-cluster`.
    pub source_type: String,
    /// Which one.
    pub source: String,
    /// The words.
    pub message: String,
}

/// What looking after a live cluster needs of a cloud, beside what making it does.
pub trait Operations: Send + Sync + 'static {
    /// What the cloud tells of a replication group and its nodes since a moment (milliseconds since 1970; clouds keep
    /// events for 14 days), oldest first. `members` are the group's member clusters; others of the group's form, such
    /// as nodes that could not be made, are told of too.
    fn events(
        &self,
        group: &str,
        members: &[String],
        since_ms: u64,
    ) -> impl Future<Output = Result<Vec<CloudEvent>, CloudError>> + Send;

    /// Has the cloud fail a node group over (TestFailover). It is answered before anything has happened.
    fn test_failover(&self, group: &str, node_group: &str) -> impl Future<Output = Result<(), CloudError>> + Send;
}

/// A cloud that a stack can live in.
pub trait Cloud: Send + Sync + 'static {
    /// Reads everything that the query asks for, side by side: at most two sequential round trips. Never waits for
    /// anything to become ready.
    fn observe(&self, query: &Query) -> impl Future<Output = Result<Observed, CloudError>> + Send;

    /// Makes one call. Where its answer may have been lost, the same call again adopts what carries the stack's tags.
    fn start(&self, call: &Call, ids: &Ids) -> impl Future<Output = Result<Accepted, CloudError>> + Send;

    /// Asks once how far a wait has come.
    fn status(&self, wait: &Wait, ids: &Ids) -> impl Future<Output = Result<Progress, CloudError>> + Send;
}
