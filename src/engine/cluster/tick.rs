//! What a node does by itself as time goes by.

use super::effects::{Effect, World};
use super::flags::Flags;
use super::message::Kind;
use super::node::{MYSELF, NodeIndex};
use super::state::Cluster;

/// How often `tick` is called at least, in milliseconds.
const TICK_MS: u64 = 100;

/// How often a node chosen at random is pinged, in milliseconds.
const RANDOM_PING_MS: u64 = 1000;

/// Of how many nodes chosen at random the one is pinged that answered longest ago.
const RANDOM_PING_CHOICES: usize = 5;

/// A cluster is small up to this many nodes: then every node pings every other one often.
const SMALL: usize = 20;

impl Cluster {
    /// Does what is due. To be called when [`Cluster::next_tick`] says so; more often does no harm.
    pub fn tick(&mut self, world: &mut World<'_>) -> Vec<Effect> {
        self.apply_settings();
        self.forgive_own_pause(world.now);
        self.forgotten.retain(|_, until| *until > world.now);
        for index in self.nodes.indices() {
            self.tend(index, world);
        }
        self.ping_somebody(world);
        self.tick_manual_failover(world);
        if self.is_replica() {
            self.step_manual_failover(world);
            self.step_failover(world);
            self.migrate_if_needed(world.now);
        }
        self.todo.update_health |= !self.is_ok();
        self.finish(world)
    }

    /// When `tick` should next be called, in milliseconds since the epoch: after every step this may be sooner.
    pub fn next_tick(&self, now: u64) -> u64 {
        let mut at = now + TICK_MS;
        if self.todo.announce {
            at = at.min(self.announce_due_at());
        }
        // Where it is due and was not begun, something else is in the way.
        at = at.min(self.election.due_at().filter(|due| *due > now).unwrap_or(at));
        for (index, node) in self.nodes.iter() {
            if index == MYSELF || node.flags.any(Flags::NO_ADDRESS) || node.ip.is_empty() {
                continue;
            }
            let due = match (node.link, node.ping_sent) {
                (None, _) => self.connect_due_at(index),
                _ if node.in_handshake() => node.created_at + self.handshake_timeout() + 1,
                (Some(_), 0) => node.pong_received + self.ping_interval() + 1,
                (Some(_), _) if !node.is_suspect() => self.fails_at(index),
                _ => at,
            };
            at = at.min(due);
        }
        at.max(now + 1)
    }

    /// Who was held up itself, by a slow command or a stopped process, has not been reading answers: nobody is
    /// blamed for that time.
    fn forgive_own_pause(&mut self, now: u64) {
        let held_up =
            self.pace.swept_at != 0 && now > self.pace.swept_at + (self.settings.node_timeout / 2).max(TICK_MS * 2);
        self.pace.swept_at = now;
        if held_up {
            for index in self.nodes.indices() {
                if self.nodes[index].ping_sent != 0 {
                    self.nodes[index].ping_sent = now;
                }
            }
        }
    }

    /// How long a node may take to tell its name.
    fn handshake_timeout(&self) -> u64 {
        self.settings.node_timeout.max(1000)
    }

    /// How long after an answer a node is pinged again.
    fn ping_interval(&self) -> u64 {
        let timeout = self.settings.node_timeout;
        (if self.nodes.len() <= SMALL { timeout / 5 } else { timeout / 2 }).max(10)
    }

    /// Connects to, pings or suspects one other node.
    fn tend(&mut self, index: NodeIndex, world: &mut World<'_>) {
        let now = world.now;
        let node = &self.nodes[index];
        if index == MYSELF {
            return;
        }
        if node.in_handshake() && now > node.created_at + self.handshake_timeout() {
            return self.delete_node(index);
        }
        self.connect_if_due(index, now);
        if self.nodes[index].flags.any(Flags::HANDSHAKE | Flags::NO_ADDRESS) {
            return;
        }
        self.replace_silent_link(index, now);
        let node = &self.nodes[index];
        if node.ping_sent == 0 {
            if let Some(link) = self.open_link(index).filter(|_| now > node.pong_received + self.ping_interval()) {
                self.send_ping(link, Kind::Ping, world);
            }
        } else if now >= self.fails_at(index) && !self.nodes[index].is_suspect() {
            self.suspect(index, world);
        }
    }

    /// The node may be well and only the connection broken, even if the other one that it opened works: after half the
    /// timeout without an answer, or without getting connected, another one is tried.
    fn replace_silent_link(&mut self, index: NodeIndex, now: u64) {
        let patience = (self.settings.node_timeout / 2).max(TICK_MS);
        let waiting_since = self.nodes[index].ping_sent;
        let Some((id, link)) = self.nodes[index].link.and_then(|id| Some((id, self.links.get(&id)?))) else {
            return;
        };
        let silent = now > link.heard_at.max(waiting_since) + patience;
        let old = now > link.created_at + patience;
        if old && (!link.open || (waiting_since != 0 && silent)) {
            self.close_link(id);
            self.connect_if_due(index, now);
        }
    }

    fn ping_somebody(&mut self, world: &mut World<'_>) {
        if world.now < self.pace.random_ping_at + RANDOM_PING_MS {
            return;
        }
        self.pace.random_ping_at = world.now;
        let idle = |(index, _): &(NodeIndex, _)| self.nodes[*index].ping_sent == 0;
        let audience: Vec<_> = self.audience().into_iter().filter(idle).collect();
        if audience.is_empty() {
            return;
        }
        let chosen = (0..RANDOM_PING_CHOICES).map(|_| audience[world.rng.usize(..audience.len())]);
        if let Some((_, link)) = chosen.min_by_key(|(index, _)| self.nodes[*index].pong_received) {
            self.send_ping(link, Kind::Ping, world);
        }
    }
}
