//! The script that runs at the moment, and how others are served while it does.

use std::fmt;
use std::rc::Rc;

use super::{Engine, Task};
use crate::engine::scripting::ScriptFlags;

/// Serves the other clients once, without waiting for anything.
#[derive(Clone)]
pub struct Pump(pub Rc<dyn Fn(&mut Engine)>);

impl fmt::Debug for Pump {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Pump")
    }
}

/// A running script.
#[derive(Clone, Debug)]
pub struct Running {
    /// Its SHA-1 in hexadecimal.
    pub name: [u8; 40],
    /// What it declares.
    pub flags: ScriptFlags,
    /// It may not write: it says so, or was asked to be run that way.
    pub read_only: bool,
    /// When it began, microseconds since the epoch.
    pub since: i64,
    /// The slot of its keys, in a cluster.
    pub slot: Option<u16>,
    /// Memory was short when it began.
    pub short_of_memory: bool,
    /// It has written, or tried to.
    pub wrote: bool,
    /// It has run for longer than others can be let wait.
    pub slow: bool,
    /// It is to end.
    pub killed: bool,
    /// What came for its client out of turn.
    pub pushed: Vec<u8>,
}

impl Engine {
    /// Serves the other clients while a command of the client at hand goes on.
    pub fn serve_others(&mut self) {
        let Some(Pump(pump)) = self.pump.clone() else { return };
        let client = std::mem::take(&mut self.client);
        let reply = std::mem::take(&mut self.reply);
        let (now, selected, current) = (self.keyspace.now, self.keyspace.selected, self.current);
        let may_not_block = std::mem::replace(&mut self.may_not_block, false);
        let retrying = std::mem::replace(&mut self.retrying, false);
        let instead = self.propagation.instead.take();
        pump(self);
        self.propagation.instead = instead;
        (self.may_not_block, self.retrying) = (may_not_block, retrying);
        // For the script, time stands still.
        (self.keyspace.now, self.keyspace.selected, self.current) = (now, selected, current);
        self.reply = reply;
        self.client = client;
        let ends = self.tasks.iter().any(|task| matches!(task, Task::Shutdown { .. }));
        if let Some(script) = &mut self.script {
            script.killed |= ends;
        }
    }
}
