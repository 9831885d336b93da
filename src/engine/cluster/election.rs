//! How a replica replaces its failed primary: it waits its turn, asks for votes, and takes over with a majority.

use super::effects::{Level, LinkId, PrimaryLink, World};
use super::flags::Flags;
use super::message::{Body, Header, Kind};
use super::node::{MYSELF, NodeIndex};
use super::slots::bitmap_slots;
use super::state::Cluster;

/// The least time for which votes are waited for, in milliseconds; otherwise twice the node timeout.
const LEAST_WAIT_MS: u64 = 2000;

/// After how long a replica says again why it does not take over, in milliseconds.
const LOG_AGAIN_MS: u64 = 300_000;

/// This replica's last or next attempt.
#[derive(Debug, Default)]
pub(super) struct Election {
    /// When votes are asked for; 0 if that never was so.
    pub(super) at: u64,
    /// Who gave its vote.
    pub(super) votes: Vec<NodeIndex>,
    /// Whether votes were asked for.
    asked: bool,
    /// How many replicas of the same primary go first.
    rank: usize,
    /// The epoch that the votes are for.
    epoch: u64,
    obstacle: Option<Obstacle>,
    logged_at: u64,
}

/// Why a replica of a failed primary has not taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Obstacle {
    OldData,
    Delay,
    Votes,
}

impl Obstacle {
    fn words(self) -> &'static str {
        match self {
            Self::OldData => {
                "Disconnected from master for longer than allowed. Please check the \
                 'cluster-replica-validity-factor' configuration option."
            }
            Self::Delay => "Waiting the delay before I can start a new failover.",
            Self::Votes => "Waiting for votes, but majority still not reached.",
        }
    }
}

impl Election {
    /// When a step of the election is due, while one runs.
    pub(super) fn due_at(&self) -> Option<u64> {
        (self.at != 0 && !self.asked).then_some(self.at)
    }

    /// Starts anew: what came of earlier attempts does not matter any more.
    pub(super) fn restart(&mut self) {
        *self = Self { obstacle: self.obstacle, logged_at: self.logged_at, ..Self::default() };
    }
}

impl Cluster {
    /// Takes over from this replica's primary as far as that is possible now.
    pub(super) fn step_failover(&mut self, world: &mut World<'_>) {
        let manual = self.manual.may_take_over();
        if !self.has_reason_to_fail_over(manual) {
            self.election.obstacle = None;
            if !self.election.asked {
                self.election.restart();
            }
            return;
        }
        if !manual && self.data_is_too_old(world) {
            return self.note_obstacle(Obstacle::OldData, world.now);
        }
        let wait = (self.settings.node_timeout * 2).max(LEAST_WAIT_MS);
        let expired = world.now > self.election.at + wait;
        let retry_manual = manual && self.election.asked && world.now > self.election.at + self.manual_retry_ms();
        if self.election.at == 0 || expired || retry_manual {
            self.schedule_election(world);
        }
        self.yield_to_better_replicas(world);
        if world.now < self.election.at {
            return self.note_obstacle(Obstacle::Delay, world.now);
        }
        if !self.election.asked {
            return self.ask_for_votes(world);
        }
        self.take_over_if_elected(world.now);
    }

    fn take_over_if_elected(&mut self, now: u64) {
        if self.election.votes.len() < self.majority() {
            return self.note_obstacle(Obstacle::Votes, now);
        }
        self.log(Level::Warning, "Failover election won: I'm the new master.".to_owned());
        if self.myself().config_epoch < self.election.epoch {
            let epoch = self.election.epoch;
            self.myself_mut().config_epoch = epoch;
            self.log(Level::Warning, format!("configEpoch set to {epoch} after successful failover"));
        }
        self.election.restart();
        self.replace_primary();
    }

    fn has_reason_to_fail_over(&self, manual: bool) -> bool {
        let Some(primary) = self.my_primary().filter(|_| self.is_replica()) else {
            return false;
        };
        !primary.slots.is_empty() && (manual || (primary.has_failed() && !self.settings.replica_no_failover))
    }

    /// Whether this replica was without its primary for longer than it took to find out that the primary failed,
    /// and some.
    fn data_is_too_old(&self, world: &World<'_>) -> bool {
        let settings = &self.settings;
        let last_heard = match world.primary_link {
            PrimaryLink::Up { last_heard } => last_heard,
            PrimaryLink::Down { since } => since,
        };
        let age = world.now.saturating_sub(last_heard);
        let age = if age > settings.node_timeout { age - settings.node_timeout } else { age };
        let allowed =
            settings.repl_ping_replica_period * 1000 + settings.node_timeout * settings.replica_validity_factor;
        settings.replica_validity_factor != 0 && age > allowed
    }

    fn schedule_election(&mut self, world: &mut World<'_>) {
        self.election.restart();
        self.election.at = world.now;
        if !self.manual.is_running() {
            self.election.rank = self.rank(world);
            let delay = self.fixed_delay_ms() + world.rng.u64(0..=self.fixed_delay_ms());
            self.election.at += delay + self.election.rank as u64 * self.rank_delay_ms();
        }
        let line = format!(
            "Start of election delayed for {} milliseconds (rank #{}, offset {}).",
            self.election.at - world.now,
            self.election.rank,
            world.replication_offset
        );
        self.log(Level::Warning, line);
        self.announce_to_shard(world);
    }

    /// For replicas of the same primary to hear of each other's data. That the primary failed need not have
    /// reached the voters: it is told to them once more, right before they are asked.
    fn fixed_delay_ms(&self) -> u64 {
        (self.settings.node_timeout / 50).clamp(5, 500)
    }

    /// Long enough for a replica with more data to be elected and to say so.
    fn rank_delay_ms(&self) -> u64 {
        (self.settings.node_timeout / 5).clamp(100, 1000)
    }

    fn manual_retry_ms(&self) -> u64 {
        (self.settings.node_timeout / 2).clamp(200, 1000)
    }

    /// How many other replicas of this node's primary go first: those with more data, and of those with as much, the
    /// ones with a smaller name, so that no two ask for votes at the same time.
    fn rank(&self, world: &World<'_>) -> usize {
        let Some(primary) = self.my_primary() else {
            return 0;
        };
        let others = primary.replicas.iter().filter(|replica| **replica != MYSELF);
        let own = (std::cmp::Reverse(world.replication_offset), self.myself().id);
        others
            .map(|replica| &self.nodes[*replica])
            .filter(|other| !other.flags.any(Flags::NO_FAILOVER) && !other.is_suspect())
            .filter(|other| (std::cmp::Reverse(other.replication_offset), other.id) < own)
            .count()
    }

    fn yield_to_better_replicas(&mut self, world: &World<'_>) {
        if self.election.asked || self.manual.is_running() {
            return;
        }
        let rank = self.rank(world);
        if rank > self.election.rank {
            let delay = (rank - self.election.rank) as u64 * self.rank_delay_ms();
            self.election.at += delay;
            self.election.rank = rank;
            self.log(Level::Warning, format!("Replica rank updated to #{rank}, added {delay} milliseconds of delay."));
        }
    }

    fn ask_for_votes(&mut self, world: &mut World<'_>) {
        if let Some(primary) = self.my_primary().filter(|primary| primary.has_failed()) {
            self.tell_failed(primary.id, world);
        }
        self.current_epoch += 1;
        self.election.epoch = self.current_epoch;
        self.election.asked = true;
        self.log(Level::Warning, format!("Starting a failover election for epoch {}.", self.current_epoch));
        let bytes = self.message(Kind::VoteRequest, &Body::Nothing, world);
        self.send_to_all(Kind::VoteRequest, bytes);
        // Need not be on the disk before: an epoch that is asked for again after a crash gets no vote twice, as the
        // voters keep theirs.
        self.save();
        self.todo.update_health = true;
    }

    /// A vote counts only if it was given for this attempt.
    pub(super) fn take_vote(&mut self, voter: NodeIndex, epoch: u64) {
        let counts = self.nodes[voter].votes() && self.election.asked && epoch >= self.election.epoch;
        if counts && !self.election.votes.contains(&voter) {
            self.election.votes.push(voter);
            self.todo.failover = true;
        }
    }

    /// Gives this primary's vote, once an epoch. It is on disk before it is sent.
    pub(super) fn take_vote_request(
        &mut self,
        link: LinkId,
        candidate: NodeIndex,
        request: &Header<'_>,
        world: &mut World<'_>,
    ) {
        if !self.myself().votes() {
            return;
        }
        if let Err(reason) = self.may_vote(candidate, request, world.now) {
            let line = format!("Failover auth denied to {}: {reason}", request.sender);
            return self.log(Level::Warning, line);
        }
        self.last_vote_epoch = self.current_epoch;
        if let Some(primary) = self.nodes[candidate].replica_of {
            self.nodes[primary].voted_at = world.now;
        }
        self.save_and_sync();
        let bytes = self.message(Kind::Vote, &Body::Nothing, world);
        let link = self.open_link(candidate).unwrap_or(link);
        self.send(link, Kind::Vote, bytes.into());
        let line = format!("Failover auth granted to {} for epoch {}", request.sender, self.current_epoch);
        self.log(Level::Warning, line);
    }

    fn may_vote(&self, candidate: NodeIndex, request: &Header<'_>, now: u64) -> Result<(), String> {
        if request.current_epoch < self.current_epoch {
            return Err(format!("reqEpoch ({}) < curEpoch({})", request.current_epoch, self.current_epoch));
        }
        if self.last_vote_epoch >= self.current_epoch {
            return Err(format!("already voted for epoch {}", self.current_epoch));
        }
        if !self.nodes[candidate].is_replica() {
            return Err("it is a master node".to_owned());
        }
        let Some(primary) = self.nodes[candidate].replica_of else {
            return Err("I don't know its master".to_owned());
        };
        let primary = &self.nodes[primary];
        if !primary.has_failed() && !request.force_vote {
            return Err("its master is up".to_owned());
        }
        // Only keeps replicas from competing; when people ask for a failover there is nobody to compete with.
        let again_at = primary.voted_at + self.settings.node_timeout * 2;
        if now < again_at && !request.force_vote {
            return Err(format!("can't vote about this master before {} milliseconds", again_at - now));
        }
        self.check_claims(request)
    }

    /// The candidate must not know less of who serves these slots than this node.
    fn check_claims(&self, request: &Header<'_>) -> Result<(), String> {
        for slot in bitmap_slots(request.slots) {
            if let Some(owner) = self.owner(slot)
                && !self.unclaimed.contains(slot)
                && self.nodes[owner].config_epoch > request.config_epoch
            {
                let (known, asked) = (self.nodes[owner].config_epoch, request.config_epoch);
                return Err(format!("slot {slot} epoch ({known}) > reqEpoch ({asked})"));
            }
        }
        Ok(())
    }

    /// Says why this replica does not take over, once for each reason, and not while that is normal.
    fn note_obstacle(&mut self, obstacle: Obstacle, now: u64) {
        let again = now.saturating_sub(self.election.logged_at) >= LOG_AGAIN_MS;
        if self.election.obstacle == Some(obstacle) && !again {
            return;
        }
        self.election.obstacle = Some(obstacle);
        let quiet_ms = self.settings.node_timeout + 5000;
        let recent = |failed_at| now.saturating_sub(failed_at) < quiet_ms;
        if self.my_primary().is_some_and(|primary| primary.has_failed() && recent(primary.failed_at)) {
            return;
        }
        self.election.logged_at = now;
        self.log(Level::Warning, format!("Currently unable to failover: {}", obstacle.words()));
    }
}
