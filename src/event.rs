//! All that an executor may tell a reporter. The progress display, the plain lines and the JSON lines all consume
//! this one stream.

use std::time::Duration;

use crate::resource::Address;
use crate::steps::Step;

/// Something that happened while steps were carried out. Times are since the start of the whole.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A step's call is about to be sent.
    Started {
        /// Which step.
        step: Step,
        /// When.
        at: Duration,
    },
    /// The call is answered, and the status is waited for; or the status has changed.
    Waiting {
        /// Which step.
        step: Step,
        /// The status as the cloud tells it, such as `creating`.
        status: String,
        /// When.
        at: Duration,
    },
    /// The cloud can't do the call yet, because something is in use or on its way; it is tried again.
    Busy {
        /// Which step.
        step: Step,
        /// The cloud's words.
        message: String,
        /// When.
        at: Duration,
    },
    /// A step is done.
    Done {
        /// Which step.
        step: Step,
        /// Id that the cloud gave, such as `sg-…`.
        id: Option<String>,
        /// When.
        at: Duration,
    },
    /// A step has failed.
    Failed {
        /// Which step.
        step: Step,
        /// Why.
        error: String,
        /// When.
        at: Duration,
    },
    /// A step is not begun, because one that it needs has failed or was left.
    Skipped {
        /// Which step.
        step: Step,
        /// The resource whose step it needs.
        because: Address,
        /// When.
        at: Duration,
    },
    /// A step's waiting was left: interrupted, or out of time. The cloud goes on by itself.
    Left {
        /// Which step.
        step: Step,
        /// The status seen last; empty where the call itself was not begun.
        status: String,
        /// When.
        at: Duration,
    },
}

impl Event {
    /// The step that the event is about.
    pub fn step(&self) -> &Step {
        match self {
            Event::Started { step, .. }
            | Event::Waiting { step, .. }
            | Event::Busy { step, .. }
            | Event::Done { step, .. }
            | Event::Failed { step, .. }
            | Event::Skipped { step, .. }
            | Event::Left { step, .. } => step,
        }
    }
}
