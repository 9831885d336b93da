//! Topologies without nodes: a small model of a cluster takes the actions, as real nodes would, and says what is next.

use std::collections::BTreeMap;

use super::*;
use crate::node::wanted::WantedNode;

/// Nodes as they would answer, for one cluster. All know each other's state at once, unless a test says otherwise.
#[derive(Clone, Default)]
struct Model {
    nodes: BTreeMap<String, ModelNode>,
}

#[derive(Clone, Default)]
struct ModelNode {
    /// Members that it knows, besides itself.
    knows: BTreeSet<String>,
    replica_of: Option<String>,
    slots: Vec<SlotRange>,
    epoch: u64,
    silent: bool,
    out_of_step: bool,
    failing: bool,
    /// Open slots in the form of CLUSTER NODES.
    open: String,
}

fn port_of(name: &str) -> u16 {
    name.bytes()
        .fold(1000, |sum, byte| (sum * 31 + u32::from(byte)) % 60_000) as u16
        + 1
}

fn address_of(name: &str) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port_of(name)))
}

fn id_of(name: &str) -> String {
    format!("id-{name}")
}

impl Model {
    /// Nodes that know nobody.
    fn fresh(names: &[&str]) -> Model {
        Model {
            nodes: names
                .iter()
                .map(|name| ((*name).to_owned(), ModelNode::default()))
                .collect(),
        }
    }

    /// A cluster that is as `wanted` says, the first node of each shard its primary.
    fn formed(wanted: &[WantedShard]) -> Model {
        let mut model = Model::default();
        for (n, shard) in wanted.iter().enumerate() {
            for node in &shard.nodes {
                let is_first = node.id == shard.nodes[0].id;
                let slots = if is_first { shard.slots.clone() } else { Vec::new() };
                let replica_of = (!is_first).then(|| shard.nodes[0].id.clone());
                let node_model = ModelNode {
                    replica_of,
                    slots,
                    epoch: n as u64 + 1,
                    ..ModelNode::default()
                };
                model.nodes.insert(node.id.clone(), node_model);
            }
        }
        model.introduce_all();
        model
    }

    fn introduce_all(&mut self) {
        let all: BTreeSet<String> = self.nodes.keys().cloned().collect();
        for (name, node) in &mut self.nodes {
            node.knows = all.iter().filter(|other| *other != name).cloned().collect();
        }
    }

    fn with(mut self, name: &str, change: impl FnOnce(&mut ModelNode)) -> Model {
        change(self.nodes.entry(name.to_owned()).or_default());
        self
    }

    fn line(&self, name: &str, viewer: &str) -> String {
        let Some(node) = self.nodes.get(name) else {
            // Known to somebody, but no member any more.
            return format!(
                "{} 127.0.0.1:9@10 slave,fail {} 0 0 0 disconnected\n",
                id_of(name),
                id_of("nobody")
            );
        };
        let myself = if name == viewer { "myself," } else { "" };
        let role = if node.replica_of.is_some() { "slave" } else { "master" };
        let failing = if node.failing && name != viewer { ",fail?" } else { "" };
        let primary = node.replica_of.as_deref().map_or("-".to_owned(), id_of);
        let slots: String = node
            .slots
            .iter()
            .map(|range| format!(" {}-{}", range.first, range.last))
            .collect();
        let open = if name == viewer { node.open.as_str() } else { "" };
        let (id, port) = (id_of(name), port_of(name));
        let epoch = node.epoch;
        format!("{id} 127.0.0.1:{port}@1 {myself}{role}{failing} {primary} 0 0 {epoch} connected{slots}{open}\n")
    }

    fn members(&self) -> Members {
        let mut members = Members::new();
        for (name, node) in &self.nodes {
            let mut text = self.line(name, name);
            text.extend(node.knows.iter().map(|other| self.line(other, name)));
            let said = Said {
                view: View::parse(&text).unwrap(),
                cluster_ok: true,
                in_step: !node.out_of_step,
                offset: 0,
            };
            let said = (!node.silent).then_some(said);
            let member = Member {
                node_id: id_of(name),
                address: address_of(name),
                bus_port: 1,
                said,
            };
            members.insert(name.clone(), member);
        }
        members
    }

    fn next(&self, wanted: &[WantedShard]) -> Next {
        next(wanted, &self.members())
    }

    /// Takes actions as real nodes would, until the topology says `Reached`; answers with all that it did.
    fn run(&mut self, wanted: &[WantedShard]) -> Vec<Action> {
        let mut done = Vec::new();
        for _ in 0..20 {
            match self.next(wanted) {
                Next::Reached => return done,
                Next::Wait(reason) => panic!("waits for {reason} after {done:?}"),
                Next::Do(actions) => {
                    assert!(!actions.is_empty());
                    actions.iter().for_each(|action| self.take(action));
                    done.extend(actions);
                }
            }
        }
        panic!("no end after {done:?}")
    }

    fn take(&mut self, action: &Action) {
        match action {
            Action::Forget { at, id } => {
                self.at(at).knows.retain(|other| id_of(other) != *id);
            }
            Action::Claim { at, epoch, slots } => {
                assert!(
                    epoch.is_none() || self.at(at).knows.is_empty(),
                    "only a node alone takes an epoch"
                );
                let node = self.at(at);
                node.epoch = epoch.unwrap_or(node.epoch);
                node.slots = SlotSet::from_ranges(&[node.slots.clone(), slots.clone()].concat()).ranges();
            }
            // Gossip does the rest.
            Action::Meet { at, address, .. } => {
                let met = self
                    .nodes
                    .keys()
                    .find(|name| address_of(name) == *address)
                    .unwrap()
                    .clone();
                let mut group: BTreeSet<String> =
                    self.nodes[at].knows.union(&self.nodes[&met].knows).cloned().collect();
                group.extend([at.clone(), met]);
                for name in &group {
                    let others = group.iter().filter(|other| *other != name).cloned();
                    self.nodes
                        .get_mut(name)
                        .into_iter()
                        .for_each(|node| node.knows.extend(others.clone()));
                }
            }
            Action::Replicate { at, of } => {
                assert!(self.nodes[at].slots.is_empty(), "{at} has slots");
                let primary = self.nodes[at]
                    .knows
                    .iter()
                    .find(|name| id_of(name) == *of)
                    .expect("known")
                    .clone();
                assert!(self.nodes[&primary].replica_of.is_none(), "{primary} is a replica");
                self.at(at).replica_of = Some(primary);
            }
            Action::Failover { at } => {
                let old = self.nodes[at].replica_of.clone().expect("a replica");
                let slots = std::mem::take(&mut self.at(&old).slots);
                let epoch = self.nodes.values().map(|node| node.epoch).max().unwrap() + 1;
                for node in self
                    .nodes
                    .values_mut()
                    .filter(|node| node.replica_of.as_ref() == Some(&old))
                {
                    node.replica_of = Some(at.clone());
                }
                self.at(&old).replica_of = Some(at.clone());
                let node = self.at(at);
                (node.replica_of, node.slots, node.epoch) = (None, slots, epoch);
            }
            Action::Settle { at, .. } => self.at(at).open.clear(),
            Action::MoveSlots { from, to, slots } => {
                assert!(self.nodes[to].replica_of.is_none());
                let moved = SlotSet::from_ranges(slots);
                let mut left = SlotSet::default();
                let old = SlotSet::from_ranges(&self.nodes[from].slots);
                assert_eq!(old.shared(&moved), moved.len(), "{from} has all that it gives");
                old.iter()
                    .filter(|slot| !moved.contains(*slot))
                    .for_each(|slot| left.insert(slot));
                self.at(from).slots = left.ranges();
                self.at(from).open.clear();
                let node = self.at(to);
                node.slots = SlotSet::from_ranges(&[node.slots.clone(), slots.clone()].concat()).ranges();
                node.open.clear();
            }
            Action::Remove { member } => {
                assert!(self.nodes[member].slots.is_empty(), "{member} serves slots");
                self.nodes.remove(member);
            }
        }
    }

    fn at(&mut self, name: &str) -> &mut ModelNode {
        self.nodes.get_mut(name).expect("a member")
    }
}

fn range(first: u16, last: u16) -> SlotRange {
    SlotRange { first, last }
}

/// Shards `a`, `b`, …, each with nodes `a0`, `a1`, …, and with an even share of the slots.
fn wanted(shards: u16, nodes: usize) -> Vec<WantedShard> {
    let share = |n: u16| (u32::from(n) * 16384 / u32::from(shards)) as u16;
    (0..shards)
        .map(|n| {
            let letter = char::from(b'a' + n as u8);
            let node = |m| WantedNode {
                id: format!("{letter}{m}"),
                zone: "us-east-1a".to_owned(),
            };
            let slots = vec![range(share(n), share(n + 1) - 1)];
            WantedShard {
                id: format!("{:04}", n + 1),
                slots,
                nodes: (0..nodes).map(node).collect(),
            }
        })
        .collect()
}

fn kinds(actions: &[Action]) -> Vec<String> {
    let mut kinds: Vec<String> = Vec::new();
    for action in actions {
        let kind = format!("{action:?}").split(' ').next().unwrap_or_default().to_owned();
        if kinds.last() != Some(&kind) {
            kinds.push(kind);
        }
    }
    kinds
}

#[test]
fn fresh_nodes_become_a_cluster() {
    let mut model = Model::fresh(&["a0", "a1", "b0", "b1", "c0", "c1"]);
    let done = model.run(&wanted(3, 2));
    assert_eq!(kinds(&done), ["Claim", "Meet", "Replicate"]);
    assert_eq!(done.len(), 3 + 5 + 3);
    assert_eq!(model.nodes["c1"].replica_of.as_deref(), Some("c0"));
    let epochs: BTreeSet<u64> = ["a0", "b0", "c0"].iter().map(|name| model.nodes[*name].epoch).collect();
    assert_eq!(epochs, BTreeSet::from([1, 2, 3]));
}

#[test]
fn one_node_alone_is_a_cluster() {
    let done = Model::fresh(&["a0"]).run(&wanted(1, 1));
    assert_eq!(
        done,
        [Action::Claim {
            at: "a0".to_owned(),
            epoch: Some(1),
            slots: vec![range(0, 16383)]
        }]
    );
}

#[test]
fn one_node_greets_all_others() {
    let mut model = Model::fresh(&["a0", "b0", "c0"]);
    let Next::Do(claims) = model.next(&wanted(3, 1)) else {
        panic!()
    };
    claims.iter().for_each(|action| model.take(action));
    let Next::Do(meetings) = model.next(&wanted(3, 1)) else {
        panic!()
    };
    let meet = |name: &str| Action::Meet {
        at: "a0".to_owned(),
        address: address_of(name),
        bus_port: 1,
    };
    assert_eq!(meetings, [meet("b0"), meet("c0")]);
}

#[test]
fn nothing_is_done_before_every_node_answers() {
    let model = Model::fresh(&["a0", "b0"]);
    assert_eq!(
        model.next(&wanted(3, 1)),
        Next::Wait("node c0 does not answer yet".to_owned())
    );
    let model = Model::formed(&wanted(3, 2)).with("b1", |node| node.silent = true);
    assert_eq!(
        model.next(&wanted(3, 2)),
        Next::Wait("node b1 does not answer yet".to_owned())
    );
}

#[test]
fn a_formed_cluster_needs_nothing() {
    assert_eq!(Model::formed(&wanted(3, 3)).next(&wanted(3, 3)), Next::Reached);
    assert_eq!(Model::formed(&wanted(1, 1)).next(&wanted(1, 1)), Next::Reached);
}

#[test]
fn forming_goes_on_wherever_it_was_cut_short() {
    let wanted = wanted(3, 2);
    let mut whole = Model::fresh(&["a0", "a1", "b0", "b1", "c0", "c1"]);
    let all = whole.clone().run(&wanted);
    for action in all {
        whole.take(&action);
        let mut cut = whole.clone();
        cut.run(&wanted);
        assert_eq!(cut.next(&wanted), Next::Reached, "cut after {action:?}");
    }
}

#[test]
fn after_a_failover_the_other_primary_is_as_good() {
    let mut model = Model::formed(&wanted(3, 2));
    model.take(&Action::Failover { at: "b1".to_owned() });
    assert_eq!(model.next(&wanted(3, 2)), Next::Reached);
}

#[test]
fn replicas_are_added() {
    let mut model = Model::formed(&wanted(2, 1)).with("a1", |_| {}).with("b1", |_| {});
    let done = model.run(&wanted(2, 2));
    assert_eq!(kinds(&done), ["Meet", "Replicate"]);
}

#[test]
fn a_new_replica_follows_whoever_is_primary_now() {
    let mut model = Model::formed(&wanted(2, 2));
    model.take(&Action::Failover { at: "a1".to_owned() });
    let mut model = model.with("a2", |_| {}).with("b2", |_| {});
    model.run(&wanted(2, 3));
    assert_eq!(model.nodes["a2"].replica_of.as_deref(), Some("a1"));
    assert_eq!(model.nodes["b2"].replica_of.as_deref(), Some("b0"));
}

#[test]
fn replicas_are_removed_and_forgotten() {
    let mut model = Model::formed(&wanted(3, 3));
    let done = model.run(&wanted(3, 1));
    assert_eq!(kinds(&done), ["Remove", "Forget"]);
    assert_eq!(done.len(), 6 + 3 * 6);
    assert!(model.nodes.values().all(|node| node.knows.len() == 2));
}

#[test]
fn a_primary_that_leaves_hands_over_to_one_that_stays() {
    let mut wanted = wanted(2, 3);
    let mut model = Model::formed(&wanted);
    wanted[0].nodes.drain(0..2);
    let done = model.run(&wanted);
    assert_eq!(done[0], Action::Failover { at: "a2".to_owned() });
    assert_eq!(kinds(&done), ["Failover", "Remove", "Forget"]);
    assert!(model.nodes["a2"].replica_of.is_none());
}

#[test]
fn a_handover_waits_for_a_replica_in_step() {
    let mut wanted = wanted(2, 2);
    let model = Model::formed(&wanted).with("a1", |node| node.out_of_step = true);
    wanted[0].nodes.remove(0);
    assert_eq!(
        model.next(&wanted),
        Next::Wait("no replica of a0 is in step to take over from it".to_owned())
    );
}

#[test]
fn a_primary_is_replaced_by_a_node_that_is_new() {
    let mut wanted = wanted(2, 1);
    let mut model = Model::formed(&wanted).with("a9", |_| {});
    wanted[0].nodes[0].id = "a9".to_owned();
    let done = model.run(&wanted);
    assert!(!model.nodes.contains_key("a0"), "{done:?}");
    assert_eq!(model.nodes["a9"].slots, [range(0, 8191)]);
}

#[test]
fn shards_are_added_with_their_share_of_the_slots() {
    let mut model = Model::formed(&wanted(2, 2)).with("c0", |_| {}).with("c1", |_| {});
    let done = model.run(&wanted(3, 2));
    assert_eq!(kinds(&done), ["Meet", "Replicate", "MoveSlots"]);
    assert_eq!(model.nodes["c0"].slots, wanted(3, 2)[2].slots);
    assert_eq!(model.nodes["c1"].replica_of.as_deref(), Some("c0"));
}

#[test]
fn shards_are_removed_after_their_slots_have_moved() {
    let mut model = Model::formed(&wanted(3, 2));
    let done = model.run(&wanted(2, 2));
    assert_eq!(kinds(&done), ["MoveSlots", "Remove", "Forget"]);
    assert_eq!(model.nodes.len(), 4);
}

#[test]
fn slots_are_rebalanced() {
    let mut uneven = wanted(2, 1);
    uneven[0].slots = vec![range(0, 99)];
    uneven[1].slots = vec![range(100, 16383)];
    let mut model = Model::formed(&uneven);
    let done = model.run(&wanted(2, 1));
    let moved = Action::MoveSlots {
        from: "b0".to_owned(),
        to: "a0".to_owned(),
        slots: vec![range(100, 8191)],
    };
    assert_eq!(done, [moved]);
}

#[test]
fn every_change_goes_on_wherever_it_was_cut_short() {
    let sizes = [(1, 1), (1, 2), (2, 2), (3, 1), (3, 2)];
    for (from, to) in sizes.iter().flat_map(|from| sizes.map(|to| (*from, to))) {
        let target = wanted(to.0, to.1);
        let mut model = Model::formed(&wanted(from.0, from.1));
        for node in target.iter().flat_map(|shard| &shard.nodes) {
            model.nodes.entry(node.id.clone()).or_default();
        }
        for action in model.clone().run(&target) {
            model.take(&action);
            let mut cut = model.clone();
            cut.run(&target);
            assert_eq!(
                cut.next(&target),
                Next::Reached,
                "{from:?} to {to:?} cut after {action:?}"
            );
        }
    }
}

#[test]
fn a_move_that_was_begun_is_finished_first() {
    let model = Model::formed(&wanted(3, 1))
        .with("a0", |node| node.open = " [5->-id-c0]".to_owned())
        .with("c0", |node| node.open = " [5-<-id-a0]".to_owned());
    let moved = |from: &str, to: &str| Action::MoveSlots {
        from: from.into(),
        to: to.into(),
        slots: vec![range(5, 5)],
    };
    assert_eq!(model.next(&wanted(3, 1)), Next::Do(vec![moved("a0", "c0")]));
    let done = model.clone().run(&wanted(3, 1));
    assert_eq!(done, [moved("a0", "c0"), moved("c0", "a0")]);
}

#[test]
fn an_open_slot_whose_other_side_is_gone_is_settled() {
    let settle = |at: &str| {
        Next::Do(vec![Action::Settle {
            at: at.to_owned(),
            slot: 5,
        }])
    };
    let model = Model::formed(&wanted(2, 1)).with("a0", |node| node.open = " [5->-id-gone]".to_owned());
    assert_eq!(model.next(&wanted(2, 1)), settle("a0"));
    // Moved already, but the giver has not closed it.
    let model = Model::formed(&wanted(2, 1)).with("b0", |node| node.open = " [5->-id-a0]".to_owned());
    assert_eq!(model.next(&wanted(2, 1)), settle("b0"));
    let model = Model::formed(&wanted(2, 1)).with("a0", |node| node.open = " [5-<-id-b0]".to_owned());
    assert_eq!(model.next(&wanted(2, 1)), settle("a0"));
}

#[test]
fn slots_do_not_move_between_nodes_that_have_not_met() {
    let model = Model::formed(&wanted(2, 1)).with("c0", |node| node.knows = BTreeSet::new());
    let Next::Do(actions) = model.next(&wanted(3, 1)) else {
        panic!()
    };
    assert_eq!(kinds(&actions), ["Meet"]);
}

#[test]
fn a_node_that_forgot_the_others_is_introduced_again() {
    let model = Model::formed(&wanted(3, 1)).with("b0", |node| node.knows.clear());
    let Next::Do(actions) = model.next(&wanted(3, 1)) else {
        panic!()
    };
    assert_eq!(
        actions,
        [Action::Meet {
            at: "b0".to_owned(),
            address: address_of("a0"),
            bus_port: 1
        }]
    );
}

#[test]
fn a_greeting_under_way_is_waited_for() {
    let mut members = Model::fresh(&["a0", "b0"]).members();
    let hub = members.get_mut("a0").unwrap().said.as_mut().unwrap();
    let slots = |first, last| format!("{first}-{last}");
    let text = format!(
        "id-a0 127.0.0.1:{}@1 myself,master - 0 0 1 connected {}\nxyz 127.0.0.1:{}@1 handshake - 0 0 0 connected\n",
        port_of("a0"),
        slots(0, 8191),
        port_of("b0")
    );
    hub.view = View::parse(&text).unwrap();
    let other = members.get_mut("b0").unwrap().said.as_mut().unwrap();
    let text = format!(
        "id-b0 127.0.0.1:{}@1 myself,master - 0 0 2 connected {}\n",
        port_of("b0"),
        slots(8192, 16383)
    );
    other.view = View::parse(&text).unwrap();
    assert_eq!(
        next(&wanted(2, 1), &members),
        Next::Wait("node b0 is being greeted".to_owned())
    );
}

#[test]
fn a_lost_node_that_comes_back_as_another_replaces_its_former_self() {
    // The old id of b1 is known to all, but b1 is a new node now.
    let mut model = Model::formed(&wanted(2, 2)).with("b1", |node| *node = ModelNode::default());
    for node in model.nodes.values_mut() {
        if node.knows.remove("b1") {
            node.knows.insert("former-b1".to_owned());
        }
    }
    let done = model.run(&wanted(2, 2));
    assert_eq!(kinds(&done), ["Forget", "Meet", "Replicate"]);
}

#[test]
fn a_replica_is_not_told_to_forget_its_own_primary() {
    let model = Model::formed(&wanted(2, 2)).with("b1", |node| {
        node.replica_of = Some("nobody".to_owned());
        node.knows.insert("nobody".to_owned());
    });
    let Next::Do(actions) = model.next(&wanted(2, 2)) else {
        panic!()
    };
    assert_eq!(
        actions,
        [Action::Replicate {
            at: "b1".to_owned(),
            of: id_of("b0")
        }]
    );
}

#[test]
fn slots_that_nobody_serves_are_claimed_without_an_epoch_in_a_cluster_that_runs() {
    let model = Model::formed(&wanted(2, 1)).with("a0", |node| node.slots = vec![range(0, 8000)]);
    let claim = Action::Claim {
        at: "a0".to_owned(),
        epoch: None,
        slots: vec![range(8001, 8191)],
    };
    assert_eq!(model.next(&wanted(2, 1)), Next::Do(vec![claim]));
}

#[test]
fn of_two_claims_the_higher_epoch_counts() {
    // A dead primary that came back, and has not heard yet that its replica took over.
    let model = Model::formed(&wanted(2, 2)).with("a1", |node| {
        (node.replica_of, node.slots, node.epoch) = (None, vec![range(0, 8191)], 9);
    });
    let Next::Do(actions) = model.next(&wanted(2, 2)) else {
        panic!()
    };
    assert_eq!(
        actions,
        [Action::Replicate {
            at: "a0".to_owned(),
            of: id_of("a1")
        }]
    );
}

#[test]
fn a_leaving_node_that_is_dead_and_serves_nothing_is_removed() {
    let model = Model::formed(&wanted(2, 2)).with("b1", |node| node.silent = true);
    let mut fewer = wanted(2, 2);
    fewer[1].nodes.truncate(1);
    assert_eq!(
        model.next(&fewer),
        Next::Do(vec![Action::Remove {
            member: "b1".to_owned()
        }])
    );
}

#[test]
fn a_leaving_node_that_is_dead_and_serves_slots_is_waited_for() {
    let model = Model::formed(&wanted(3, 1)).with("c0", |node| node.silent = true);
    assert_eq!(
        model.next(&wanted(2, 1)),
        Next::Wait("node c0 does not answer yet".to_owned())
    );
}

#[test]
fn a_failing_node_keeps_the_cluster_from_being_reached() {
    let model = Model::formed(&wanted(2, 2)).with("b1", |node| node.failing = true);
    assert_eq!(
        model.next(&wanted(2, 2)),
        Next::Wait("in the view of a0, b1 is failing".to_owned())
    );
}

#[test]
fn a_replica_out_of_step_keeps_the_cluster_from_being_reached() {
    let model = Model::formed(&wanted(2, 2)).with("b1", |node| node.out_of_step = true);
    assert_eq!(
        model.next(&wanted(2, 2)),
        Next::Wait("replica b1 is not in step with its primary yet".to_owned())
    );
}

#[test]
fn a_view_that_is_behind_is_waited_for() {
    let mut members = Model::formed(&wanted(3, 1)).members();
    let behind = &mut members.get_mut("c0").unwrap().said.as_mut().unwrap().view;
    behind.nodes.retain(|seen| seen.id != "id-b0");
    assert_eq!(
        next(&wanted(3, 1), &members),
        Next::Wait("in the view of c0, b0 is not known yet".to_owned())
    );
    let mut members = Model::formed(&wanted(3, 1)).members();
    members.get_mut("c0").unwrap().said.as_mut().unwrap().cluster_ok = false;
    assert_eq!(
        next(&wanted(3, 1), &members),
        Next::Wait("c0 does not take the cluster for working yet".to_owned())
    );
}
