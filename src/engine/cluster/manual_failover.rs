//! A failover that people ask for: the primary holds back writes, the replica takes in what is left, is elected, and
//! takes over; nothing that was acknowledged is lost.

use super::effects::{Effect, Level, LinkId, World};
use super::message::{Body, Kind};
use super::node::{MYSELF, NodeIndex};
use super::state::Cluster;

/// How long one may take, in milliseconds.
const TIMEOUT_MS: u64 = 5000;

/// How long the primary holds back writes if nobody ends it, in milliseconds.
const PAUSE_MS: u64 = TIMEOUT_MS * 2;

/// The manual failover that this node takes part in, on either side.
#[derive(Debug, Default)]
pub(super) struct ManualFailover {
    /// When it is given up; 0 where there is none.
    end: u64,
    /// On the primary: the replica that asked.
    replica: Option<NodeIndex>,
    /// On the primary: whether writes are held back.
    paused: bool,
    /// On the replica: how much there is to take in.
    primary_offset: Option<u64>,
    /// On the replica: whether votes may be asked for.
    can_start: bool,
}

/// Which checks a manual failover leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Haste {
    /// None: the primary is asked to hold back writes.
    Orderly,
    /// The primary is not asked.
    Force,
    /// Nobody is asked.
    Takeover,
}

impl ManualFailover {
    pub(super) fn is_running(&self) -> bool {
        self.end != 0
    }

    pub(super) fn may_take_over(&self) -> bool {
        self.end != 0 && self.can_start
    }

    /// A node is deleted.
    pub(super) fn forget(&mut self, node: NodeIndex) {
        if self.replica == Some(node) {
            self.replica = None;
        }
    }
}

impl Cluster {
    pub(super) fn reset_manual_failover(&mut self) {
        if self.manual.paused {
            self.effects.push(Effect::Unpause);
        }
        self.manual = ManualFailover::default();
    }

    /// On the replica: begins.
    pub(super) fn start_manual_failover(&mut self, haste: Haste, world: &mut World<'_>) {
        self.reset_manual_failover();
        self.election.restart();
        self.manual.end = world.now + TIMEOUT_MS;
        match haste {
            Haste::Takeover => {
                self.log(Level::Warning, "Taking over the master (user request).".to_owned());
                self.bump_epoch();
                self.replace_primary();
            }
            Haste::Force => {
                self.log(Level::Warning, "Forced failover user request accepted.".to_owned());
                self.manual.can_start = true;
                self.todo.failover = true;
            }
            Haste::Orderly => {
                self.log(Level::Warning, "Manual failover user request accepted.".to_owned());
                let link = self.myself().replica_of.and_then(|primary| self.open_link(primary));
                if let Some(link) = link {
                    let bytes = self.message(Kind::ManualFailover, &Body::Nothing, world);
                    self.send(link, Kind::ManualFailover, bytes.into());
                }
            }
        }
    }

    /// On the primary: one of its replicas wants to take over. Writes are held back before the offset is told.
    pub(super) fn take_manual_failover(&mut self, link: LinkId, sender: NodeIndex, world: &mut World<'_>) {
        if self.nodes[sender].replica_of != Some(MYSELF) || !self.myself().is_primary() {
            return;
        }
        self.reset_manual_failover();
        self.manual.end = world.now + TIMEOUT_MS;
        self.manual.replica = Some(sender);
        self.manual.paused = true;
        self.effects.push(Effect::PauseWrites { until: world.now + PAUSE_MS });
        let line = format!("Manual failover requested by replica {}.", self.nodes[sender].id);
        self.log(Level::Warning, line);
        self.send_ping(link, Kind::Ping, world);
    }

    /// On the replica: the primary holds back writes, and this is how much it wrote.
    pub(super) fn take_paused_offset(&mut self, offset: u64) {
        if self.manual.is_running() && self.manual.primary_offset.is_none() {
            self.manual.primary_offset = Some(offset);
            self.todo.failover = true;
            let line = format!("Received replication offset for paused master manual failover: {offset}");
            self.log(Level::Warning, line);
        }
    }

    /// On the replica: goes on once everything is taken in.
    pub(super) fn step_manual_failover(&mut self, world: &World<'_>) {
        let complete = self.manual.primary_offset == Some(world.replication_offset);
        if self.manual.is_running() && !self.manual.can_start && complete {
            self.manual.can_start = true;
            let line = "All master replication stream processed, manual failover can start.".to_owned();
            self.log(Level::Warning, line);
        }
    }

    /// Whether this node waits for its replication stream to reach the paused primary's offset: then
    /// `replication_advanced` should be called whenever some of the stream was applied.
    pub fn waits_for_replication(&self) -> bool {
        self.manual.is_running() && !self.manual.can_start && self.manual.primary_offset.is_some()
    }

    /// More of the primary's stream was applied.
    pub fn replication_advanced(&mut self, world: &mut World<'_>) -> Vec<Effect> {
        self.todo.failover |= self.waits_for_replication();
        self.finish(world)
    }

    /// Gives up where it took too long; on the primary, reminds the replica of the offset.
    pub(super) fn tick_manual_failover(&mut self, world: &mut World<'_>) {
        if self.manual.is_running() && self.manual.end < world.now {
            self.log(Level::Warning, "Manual failover timed out.".to_owned());
            self.reset_manual_failover();
        }
        let waiting = self.manual.replica.filter(|_| self.myself().is_primary());
        if let Some(link) = waiting.and_then(|replica| self.open_link(replica)) {
            self.send_ping(link, Kind::Ping, world);
        }
    }
}
