//! Replaces nodes: the old primary's after a failover that was asked for, and those that hang.
//!
//! Makes no choices; they are those of `failover` and `silence`. What is done is remembered before and after, so that
//! it is done once, however often the server is killed meanwhile.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::super::failover::{self, Failover, ShardFailovers, Stage, Step, Way};
use super::super::recovery::{Recovery, recovery};
use super::super::topology::Next;
use super::{Crew, END_GRACE, MOVING_NODE_TIMEOUT_MS, remove_folder};
use crate::node::wanted::{Happening, WantedCluster, WantedShard};

/// Since when members were asked to take over, and how often, by shard.
#[derive(Debug, Default)]
pub struct HandOvers {
    asked: BTreeMap<String, Asked>,
}

#[derive(Debug)]
struct Asked {
    member: String,
    since: Instant,
    /// The last attempt that was made.
    attempt: Option<u32>,
}

impl HandOvers {
    /// The way in which `member` is to be asked now; `None` if it was just asked.
    fn way(&mut self, shard: &str, member: &str) -> Option<Way> {
        let is_other = self.asked.get(shard).is_none_or(|asked| asked.member != member);
        if is_other {
            let asked = Asked { member: member.to_owned(), since: Instant::now(), attempt: None };
            self.asked.insert(shard.to_owned(), asked);
        }
        let asked = self.asked.get_mut(shard)?;
        let (way, attempt) = Way::after(asked.since.elapsed());
        (asked.attempt.replace(attempt) != Some(attempt)).then_some(way)
    }
}

impl Crew {
    /// Takes one step in each failover that is asked for. What the cluster needs next is `next`; while there is a
    /// failover to be made, that is never that all is reached.
    pub async fn fail_over(
        &mut self,
        wanted: &WantedCluster,
        next: Next,
        hand_overs: &mut HandOvers,
    ) -> Result<Next, String> {
        let is_whole = next == Next::Reached;
        let mut waits = None;
        for shard in &wanted.shards {
            let remembered = self.memory.failovers.get(&shard.id).cloned().unwrap_or_default();
            let step = failover::step(shard, &remembered, &self.members, is_whole);
            waits = self.take_step(shard, remembered, step, hand_overs).await?.or(waits);
        }
        Ok(waits.filter(|_| is_whole).map_or(next, Next::Wait))
    }

    /// What is waited for after it, in words for people.
    async fn take_step(
        &mut self,
        shard: &WantedShard,
        remembered: ShardFailovers,
        step: Step,
        hand_overs: &mut HandOvers,
    ) -> Result<Option<String>, String> {
        let ShardFailovers { done, under_way } = remembered;
        let asked = under_way.as_ref().map(|failover| failover.asked).or(shard.failover).unwrap_or_default();
        match step {
            Step::Nothing => return Ok(None),
            Step::Wait(reason) => return Ok(Some(reason)),
            Step::Choose { from, to } => {
                self.shared.log.line(format!("shard {}: {to} is to take over from {from}", shard.id));
                let failover = Failover { asked, from, to, stage: Stage::HandOver };
                self.note_failover(shard, ShardFailovers { done, under_way: Some(failover) }).await?;
            }
            Step::HandOver(to) => {
                if let Some(way) = hand_overs.way(&shard.id, &to) {
                    self.hand_over(&to, way).await;
                }
            }
            Step::Established(to) => {
                let failover = under_way.map(|failover| Failover { to, stage: Stage::Replace, ..failover });
                self.note_failover(shard, ShardFailovers { done, under_way: failover }).await?;
            }
            Step::Replace(node) => {
                self.replace(&node).await?;
                let failover = under_way.map(|failover| Failover { stage: Stage::Return, ..failover });
                self.note_failover(shard, ShardFailovers { done, under_way: failover }).await?;
            }
            Step::GiveUp | Step::Done => {
                hand_overs.asked.remove(&shard.id);
                self.note_failover(shard, ShardFailovers { done: asked, under_way: None }).await?;
                return Ok(None);
            }
        }
        Ok(Some(format!("shard {} is failing over", shard.id)))
    }

    async fn note_failover(&mut self, shard: &WantedShard, failovers: ShardFailovers) -> Result<(), String> {
        self.memory.failovers.insert(shard.id.clone(), failovers);
        self.remember().await
    }

    /// Asks the member to take over from its primary. A refusal is noted only: what came of it shows in the next look.
    async fn hand_over(&self, to: &str, way: Way) {
        let Some(running) = self.running.get(to).filter(|running| !running.process.has_ended()) else {
            return;
        };
        if let Err(error) = running.link.ask::<()>(way.command()).await {
            self.shared.log.line(format!("{to} does not take over ({way:?}): {error}"));
        }
    }

    /// Ends the node's process and removes all that it has; it starts anew at its address, as a node that nobody knows.
    async fn replace(&mut self, name: &str) -> Result<(), String> {
        if let Some(running) = self.running.remove(name) {
            let pid = running.process.pid();
            if !running.process.has_ended() && !running.process.end(END_GRACE).await {
                self.running.insert(name.to_owned(), running);
                return Err(format!("process {pid} of node {name} can't be ended"));
            }
            self.shared.log.line(format!("node {name} (process {pid}) is ended, and a new node takes its place"));
        }
        remove_folder(&self.node_folder(name))?;
        if let Some(node) = self.memory.nodes.get_mut(name) {
            node.node_id = None;
        }
        self.members.remove(name);
        self.memory.chronicle.begins_recovery(name);
        Ok(())
    }

    /// Ends the processes of nodes that hang; that they have ended is noticed as with any other.
    pub async fn end_hanging(&mut self, wanted: &WantedCluster) {
        let (now, node_timeout) = (Instant::now(), self.present_node_timeout());
        let hangs = |name: &str, running: &super::Running| {
            let can_be_spared = running.answered && failover::has_spare(&wanted.shards, name, &self.members);
            !running.process.has_ended() && running.silence.is_a_hang(now, node_timeout, can_be_spared)
        };
        for (name, running) in self.running.iter().filter(|(name, running)| hangs(name, running)) {
            let pid = running.process.pid();
            self.shared.log.line(format!("node {name} (process {pid}) hangs: it is ended"));
            running.process.kill(END_GRACE).await;
        }
    }

    /// Lets replicas take over from primaries that are silent. Their own cluster does it where a majority is left to
    /// vote; where none is, with one shard or two, it is done here, one node timeout later than for one that is dead:
    /// until then it may be a pause.
    pub async fn relieve_silent(&mut self) {
        let (now, node_timeout) = (Instant::now(), self.present_node_timeout());
        let heir = |name: &str, running: &super::Running| {
            let lost_for = running.silence.lost_for(now, node_timeout)?;
            let Recovery::TakeOver(heir) = recovery(name, &self.members, node_timeout, lost_for) else { return None };
            // What is silent has its data still, which what is dead has not: an heir without any is none.
            let has_data = self.members.get(&heir)?.said.as_ref().is_some_and(failover::has_data);
            (has_data && !running.process.has_ended()).then(|| (heir, name.to_owned()))
        };
        let takeovers: Vec<_> = self.running.iter().filter_map(|(name, running)| heir(name, running)).collect();
        for (heir, name) in takeovers {
            self.let_take_over(&heir, &name).await;
        }
    }

    fn present_node_timeout(&self) -> Duration {
        let calm = self.shared.node_timeout;
        if self.moving { calm.max(Duration::from_millis(MOVING_NODE_TIMEOUT_MS)) } else { calm }
    }

    /// Notes what has happened to the nodes since the last look. Not before they have once agreed.
    pub fn observe(&mut self, wanted: &WantedCluster) {
        if self.memory.formed {
            self.memory.chronicle.observe(&wanted.shards, &self.members);
        }
    }

    /// What has happened to the nodes, as far as it is written down: only that is known after the next start too.
    pub fn happenings(&self) -> Vec<Happening> {
        self.saved.as_ref().map(|saved| saved.chronicle.happenings().to_vec()).unwrap_or_default()
    }

    /// A node that is started is a loss when its end was seen, or when it is missing while others live.
    pub(super) fn is_loss(&self, name: &str) -> bool {
        let was_member = self.memory.nodes.get(name).is_some_and(|node| node.node_id.is_some());
        let ended = |running: &super::Running| running.dead_since.is_some();
        self.memory.formed && was_member && self.running.get(name).map_or(self.has_survivors, ended)
    }
}
