//! What a message changes.

use super::effects::{Effect, Level, LinkId, World};
use super::flags::Flags;
use super::message::{Body, Extensions, Gossip, Header, Kind, Message, decode};
use super::node::{MYSELF, Node, NodeIndex};
use super::node_id::NodeId;
use super::slots::{BITMAP_BYTES, SlotSet};
use super::state::Cluster;

/// How long a node that another one forgets is kept out at most, in seconds.
const FORGET_AT_MOST_SECONDS: u64 = 600;

impl Cluster {
    /// Takes in one whole message (see [`super::message::Frames`]) that came on a link.
    pub fn receive(&mut self, link: LinkId, frame: &[u8], world: &mut World<'_>) -> Vec<Effect> {
        if let Some(used) = self.links.get_mut(&link) {
            used.heard_at = world.now;
            match decode(frame) {
                Ok(Message::Full(header, body)) => self.take_full(link, &header, body, world),
                Ok(Message::Light(kind, body)) => self.take_light(link, kind, &body, world.now),
                Err(malformed) => self.log(Level::Warning, format!("Received an invalid packet: {malformed}")),
            }
        }
        self.finish(world)
    }

    /// A light header names no sender: the link must have been used before.
    fn take_light(&mut self, link: LinkId, kind: Kind, body: &Body<'_>, now: u64) {
        self.statistics.received[kind as usize] += 1;
        let known = self.links.get(&link).and_then(|link| link.node);
        if let Some(sender) = known.filter(|node| !self.nodes[*node].in_handshake()) {
            self.nodes[sender].data_received = now;
            self.take_published(kind, body);
        }
    }

    fn take_full(&mut self, link: LinkId, header: &Header<'_>, body: Body<'_>, world: &mut World<'_>) {
        self.statistics.received[header.kind as usize] += 1;
        if header.sender == self.myself().id {
            return self.take_own(link, header.kind, world);
        }
        let sender = self.sender_of(link, header);
        if let Some(sender) = sender {
            self.todo.update_health |= self.health.waits_to_hear_from(&self.nodes[sender]);
            self.nodes[sender].data_received = world.now;
            if !self.nodes[sender].in_handshake() {
                self.take_header(sender, header);
            }
        }
        match (body, sender) {
            (Body::Ping { gossip, extensions }, _) => {
                self.take_ping(link, header, sender, &gossip, &extensions, world);
            }
            (_, None) => {}
            (body, Some(sender)) => self.take_from_known(link, header, sender, &body, world),
        }
    }

    fn take_from_known(
        &mut self,
        link: LinkId,
        header: &Header<'_>,
        sender: NodeIndex,
        body: &Body<'_>,
        world: &mut World<'_>,
    ) {
        match (header.kind, body) {
            (Kind::Fail, Body::Fail(Some(failed))) => self.take_fail(sender, failed, world.now),
            (Kind::Update, Body::Update { config_epoch, id: Some(id), slots }) => {
                self.take_update(id, *config_epoch, slots, world);
            }
            (Kind::VoteRequest, _) => self.take_vote_request(link, sender, header, world),
            (Kind::Vote, _) => self.take_vote(sender, header.current_epoch),
            (Kind::ManualFailover, _) => self.take_manual_failover(link, sender, world),
            (Kind::Publish | Kind::PublishShard, body) => self.take_published(header.kind, body),
            _ => {}
        }
    }

    fn take_published(&mut self, kind: Kind, body: &Body<'_>) {
        if let Body::Publish { channel, message } = body {
            self.effects.push(Effect::Publish {
                channel: channel.to_vec(),
                message: message.to_vec(),
                sharded: kind == Kind::PublishShard,
            });
        }
    }

    /// This node was told to meet itself: it answers, and forgets about it once the answer is there.
    fn take_own(&mut self, link: LinkId, kind: Kind, world: &mut World<'_>) {
        let Some(own) = self.links.get(&link).cloned() else {
            return;
        };
        if own.inbound {
            if matches!(kind, Kind::Ping | Kind::Meet) {
                self.learn_own_address(kind, &own.local_ip);
                self.send_ping(link, Kind::Pong, world);
            }
        } else if let Some(node) = own.node {
            self.mismatch(node, link);
        }
    }

    /// Who a message is from. A link that somebody else opened becomes that node's with its first message.
    fn sender_of(&mut self, link: LinkId, header: &Header<'_>) -> Option<NodeIndex> {
        let (bound, inbound) = self.links.get(&link).map(|link| (link.node, link.inbound))?;
        if let Some(node) = bound
            && self.nodes[node].id == header.sender
            && !self.nodes[node].in_handshake()
        {
            return Some(node);
        }
        let sender = self.nodes.find(&header.sender)?;
        if inbound {
            if let Some(before) = bound {
                self.nodes[before].inbound = None;
            }
            self.bind_inbound(link, sender);
        }
        Some(sender)
    }

    /// What the header of any message tells: epochs and the replication offset.
    fn take_header(&mut self, sender: NodeIndex, header: &Header<'_>) {
        self.current_epoch = self.current_epoch.max(header.current_epoch);
        if header.config_epoch > self.nodes[sender].config_epoch {
            self.nodes[sender].config_epoch = header.config_epoch;
            self.save_and_sync();
        }
        self.nodes[sender].replication_offset = header.offset;
        if header.paused && self.is_replica() && self.myself().replica_of == Some(sender) {
            self.take_paused_offset(header.offset);
        }
    }

    fn take_ping(
        &mut self,
        link: LinkId,
        header: &Header<'_>,
        sender: Option<NodeIndex>,
        gossip: &[Gossip],
        extensions: &Extensions,
        world: &mut World<'_>,
    ) {
        let Some(from) = self.links.get(&link).cloned() else {
            return;
        };
        if header.kind != Kind::Pong {
            self.learn_own_address(header.kind, &from.local_ip);
            if sender.is_none() && header.kind == Kind::Meet {
                self.take_meet(header, &from.peer_ip, world);
            }
            self.send_ping(link, Kind::Pong, world);
        }
        let sender = match from.node.filter(|_| !from.inbound) {
            Some(node) => match self.check_identity(node, link, header, sender, world) {
                Some(node) => Some(node),
                None => return,
            },
            None => sender,
        };
        let Some(sender) = sender else {
            return;
        };
        self.take_presence(link, sender, header, world.now);
        self.take_role(sender, header);
        self.take_slots(sender, header, world);
        self.resolve_collision(sender, header.config_epoch);
        self.take_gossip(sender, gossip, world);
        self.take_extensions(sender, header, extensions, world.now);
    }

    /// A node knows its address from how others reach it: from MEET, or from anything while it knows none.
    fn learn_own_address(&mut self, kind: Kind, local_ip: &str) {
        let wanted = kind == Kind::Meet || self.myself().ip.is_empty();
        if wanted && self.settings.announce_ip.is_none() && !local_ip.is_empty() && self.myself().ip != local_ip {
            local_ip.clone_into(&mut self.myself_mut().ip);
            self.log(Level::Warning, format!("IP address for this node updated to {local_ip}"));
            self.save();
        }
    }

    /// An unknown node wants to be taken in: who it really is shows when it answers.
    fn take_meet(&mut self, header: &Header<'_>, peer_ip: &str, world: &mut World<'_>) {
        let ip = if header.ip.is_empty() { peer_ip } else { &header.ip };
        self.start_handshake(ip, (header.port, header.plain_port, header.bus_port), Flags::HANDSHAKE, world);
        self.save();
    }

    /// Adds a node of which only the address is known, unless that is on its way already.
    pub(super) fn start_handshake(&mut self, ip: &str, ports: (u16, u16, u16), flags: Flags, world: &mut World<'_>) {
        let (port, plain_port, bus_port) = ports;
        if self.nodes.iter().any(|(_, node)| node.in_handshake() && node.is_at(ip, port, bus_port)) {
            return;
        }
        let mut node = Node::new(NodeId::random(world.rng), flags, world.now);
        ip.clone_into(&mut node.ip);
        (node.port, node.plain_port, node.bus_port) = (port, plain_port, bus_port);
        if let Some(index) = self.nodes.add(node) {
            self.connect_if_due(index, world.now);
        }
    }

    /// On a link that was opened from here the other side must be who it was opened to. Ends a handshake. `None`
    /// where there is nothing more to take from this message.
    fn check_identity(
        &mut self,
        node: NodeIndex,
        link: LinkId,
        header: &Header<'_>,
        sender: Option<NodeIndex>,
        world: &mut World<'_>,
    ) -> Option<NodeIndex> {
        if !self.nodes[node].in_handshake() {
            if self.nodes[node].id == header.sender {
                return Some(node);
            }
            self.mismatch(node, link);
            return None;
        }
        if let Some(known) = sender {
            self.log(Level::Verbose, format!("Handshake: we already know node {}.", header.sender));
            self.update_address(known, link, header);
            self.delete_node(node);
            return None;
        }
        if !self.nodes.rename(node, header.sender) {
            return None;
        }
        let flags = &mut self.nodes[node].flags;
        flags.clear(Flags::HANDSHAKE);
        flags.set(header.flags.only(Flags::PRIMARY | Flags::REPLICA));
        self.note_replicas_of(node);
        self.take_header(node, header);
        // What it said before its name was known was not taken in, and may be newer than this answer.
        self.send_ping(link, Kind::Ping, world);
        self.todo.announce = true;
        self.save_and_update();
        Some(node)
    }

    /// Somebody else answers at a node's address: the address is not known any more.
    fn mismatch(&mut self, node: NodeIndex, link: LinkId) {
        self.close_link(link);
        if self.nodes[node].in_handshake() {
            return self.delete_node(node);
        }
        let known = &mut self.nodes[node];
        known.flags.set(Flags::NO_ADDRESS);
        known.ip.clear();
        (known.port, known.plain_port, known.bus_port) = (0, 0, 0);
        self.save();
    }

    /// That a node is there, where it is, and whether it would take part in an election.
    fn take_presence(&mut self, link: LinkId, sender: NodeIndex, header: &Header<'_>, now: u64) {
        let node = &mut self.nodes[sender];
        node.flags.clear(Flags::NO_FAILOVER);
        node.flags.set(header.flags.only(Flags::NO_FAILOVER));
        if header.kind == Kind::Ping {
            self.update_address(sender, link, header);
        }
        if header.kind == Kind::Pong && self.nodes[sender].link == Some(link) {
            let node = &mut self.nodes[sender];
            node.pong_received = now;
            node.ping_sent = 0;
            self.clear_failure(sender, now);
        }
    }

    /// Takes over the address that a node is seen at, or announces. A link opened from here proves its address.
    fn update_address(&mut self, sender: NodeIndex, link: LinkId, header: &Header<'_>) {
        let Some(from) = self.links.get(&link).filter(|_| self.nodes[sender].link != Some(link)) else {
            return;
        };
        let ip = if header.ip.is_empty() { from.peer_ip.clone() } else { header.ip.clone() };
        let node = &self.nodes[sender];
        let same = node.is_at(&ip, header.port, header.bus_port) && node.plain_port == header.plain_port;
        if !same && !ip.is_empty() {
            self.move_node(sender, ip, (header.port, header.plain_port, header.bus_port));
        }
    }

    /// Whether the sender is a primary, or whose replica.
    fn take_role(&mut self, sender: NodeIndex, header: &Header<'_>) {
        self.nodes[sender].claims_primary = header.replica_of;
        let Some(primary) = header.replica_of else {
            return self.make_primary(sender);
        };
        if !self.nodes[sender].is_replica() {
            self.remove_all_slots_of(sender);
            let flags = &mut self.nodes[sender].flags;
            flags.clear(Flags::PRIMARY | Flags::MIGRATE_TO);
            flags.set(Flags::REPLICA);
            self.save_and_update();
        }
        if let Some(primary) = self.nodes.find(&primary) {
            self.note_primary(sender, primary);
        }
    }

    fn note_primary(&mut self, replica: NodeIndex, primary: NodeIndex) {
        if self.nodes[replica].replica_of != Some(primary) {
            if let Some(before) = self.nodes[replica].replica_of.replace(primary) {
                self.detach_replica(before, replica);
            }
            self.attach_replica(primary, replica);
            self.save();
        }
    }

    /// A node is known now: those that claimed before to be its replicas are.
    pub(super) fn note_replicas_of(&mut self, primary: NodeIndex) {
        let id = self.nodes[primary].id;
        for index in self.nodes.indices() {
            let node = &self.nodes[index];
            if index != MYSELF && node.is_replica() && node.replica_of.is_none() && node.claims_primary == Some(id) {
                self.note_primary(index, primary);
            }
        }
    }

    /// Compares the slots that a node claims, for itself or its primary, with what is known here: either this node
    /// learns, or the sender is told.
    fn take_slots(&mut self, sender: NodeIndex, header: &Header<'_>, world: &mut World<'_>) {
        let Some(claimant) = self.primary_of(sender) else {
            return;
        };
        if self.nodes[claimant].slots.bitmap() == header.slots {
            return;
        }
        if self.nodes[sender].is_primary() {
            self.adopt_slots(sender, header.config_epoch, header.slots, world);
        }
        self.correct_stale_claims(sender, header, world);
    }

    /// Tells a node that claims slots under an old epoch who has them by now: all of their owners.
    fn correct_stale_claims(&mut self, sender: NodeIndex, header: &Header<'_>, world: &mut World<'_>) {
        let Some(link) = self.open_link(sender) else {
            return;
        };
        let mut told: Vec<NodeIndex> = Vec::new();
        for slot in super::slots::bitmap_slots(header.slots) {
            if let Some(owner) = self.owner(slot)
                && owner != sender
                && !self.unclaimed.contains(slot)
                && self.nodes[owner].config_epoch > header.config_epoch
                && !told.contains(&owner)
            {
                told.push(owner);
            }
        }
        for owner in told {
            let claimed: SlotSet =
                self.nodes[owner].slots.iter().filter(|slot| !self.unclaimed.contains(*slot)).collect();
            let (config_epoch, id) = (self.nodes[owner].config_epoch, Some(self.nodes[owner].id));
            let body = Body::Update { config_epoch, id, slots: claimed.bitmap() };
            let bytes = self.message(Kind::Update, &body, world);
            self.log(Level::Verbose, format!("Node {} has old slots configuration", header.sender));
            self.send(link, Kind::Update, bytes.into());
        }
    }

    fn take_update(&mut self, id: &NodeId, epoch: u64, slots: &[u8; BITMAP_BYTES], world: &mut World<'_>) {
        let Some(node) = self.nodes.find(id).filter(|node| self.nodes[*node].config_epoch < epoch) else {
            return;
        };
        if node == MYSELF {
            return;
        }
        self.make_primary(node);
        self.nodes[node].config_epoch = epoch;
        self.save_and_sync();
        self.adopt_slots(node, epoch, slots, world);
    }

    fn take_extensions(&mut self, sender: NodeIndex, header: &Header<'_>, extensions: &Extensions, now: u64) {
        let node = &mut self.nodes[sender];
        node.takes_extensions |= header.takes_extensions;
        let hostname = extensions.hostname.clone().unwrap_or_default();
        let renamed = node.hostname != hostname;
        node.hostname = hostname;
        if header.takes_extensions {
            node.human_name = extensions.human_name.clone().unwrap_or_default();
            node.shard_id = extensions.shard_id.or(node.shard_id);
        }
        if renamed {
            self.save();
        }
        for (id, seconds) in &extensions.forgotten {
            if let Some(node) = self.nodes.find(id)
                && node != MYSELF
                && self.myself().replica_of != Some(node)
            {
                self.forgotten.insert(*id, now + (*seconds).min(FORGET_AT_MOST_SECONDS) * 1000);
                self.delete_node(node);
                self.save_and_update();
            }
        }
    }
}
