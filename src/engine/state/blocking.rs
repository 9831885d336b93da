//! What a client is blocked on, and what it gets when it has waited long enough.

use super::transaction::Kept;
use crate::engine::commands::table::CommandId;
use crate::engine::keyspace::watch::Place;

/// What a client gets when its time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnTimeout {
    /// No value.
    Null,
    /// No list.
    NullArray,
    /// How many replicas have it by now: WAIT.
    Replicas,
}

/// What ends the waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Something comes to one of these keys.
    Keys(Vec<Place>),
    /// So many replicas have this offset.
    Replicas {
        /// How many.
        count: usize,
        /// The offset.
        offset: i64,
    },
    /// A pause of all clients ends.
    Pause,
}

/// A client that waits.
#[derive(Clone, Debug)]
pub struct Blocked {
    /// What ends the waiting.
    pub cause: Cause,
    /// When it is over in any case, milliseconds since the epoch.
    pub deadline: Option<i64>,
    /// What it gets then.
    pub on_timeout: OnTimeout,
    /// The command, which is asked again when there is something for it.
    pub command: CommandId,
    /// Its arguments.
    pub request: Kept,
}
