//! What is next in one situation or another.

use super::*;

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
    assert_eq!(done, [Action::Claim { at: "a0".to_owned(), epoch: Some(1), slots: vec![range(0, 16383)] }]);
}

#[test]
fn one_node_greets_all_others() {
    let mut model = Model::fresh(&["a0", "b0", "c0"]);
    let Next::Do(claims) = model.next(&wanted(3, 1)) else { panic!() };
    claims.iter().for_each(|action| model.take(action));
    let Next::Do(meetings) = model.next(&wanted(3, 1)) else { panic!() };
    let meet = |name: &str| Action::Meet { at: "a0".to_owned(), address: address_of(name), bus_port: 1 };
    assert_eq!(meetings, [meet("b0"), meet("c0")]);
}

#[test]
fn nothing_is_done_before_every_node_answers() {
    let model = Model::fresh(&["a0", "b0"]);
    assert_eq!(model.next(&wanted(3, 1)), Next::Wait("node c0 does not answer yet".to_owned()));
    let model = Model::formed(&wanted(3, 2)).with("b1", |node| node.silent = true);
    assert_eq!(model.next(&wanted(3, 2)), Next::Wait("node b1 does not answer yet".to_owned()));
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
    assert_eq!(model.next(&wanted), Next::Wait("no replica of a0 is in step to take over from it".to_owned()));
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
    let moved = Action::MoveSlots { from: "b0".to_owned(), to: "a0".to_owned(), slots: vec![range(100, 8191)] };
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
            assert_eq!(cut.next(&target), Next::Reached, "{from:?} to {to:?} cut after {action:?}");
        }
    }
}

#[test]
fn a_move_that_was_begun_is_finished_first() {
    let model = Model::formed(&wanted(3, 1))
        .with("a0", |node| node.open = " [5->-id-c0]".to_owned())
        .with("c0", |node| node.open = " [5-<-id-a0]".to_owned());
    let moved = |from: &str, to: &str| Action::MoveSlots { from: from.into(), to: to.into(), slots: vec![range(5, 5)] };
    assert_eq!(model.next(&wanted(3, 1)), Next::Do(vec![moved("a0", "c0")]));
    let done = model.clone().run(&wanted(3, 1));
    assert_eq!(done, [moved("a0", "c0"), moved("c0", "a0")]);
}

#[test]
fn an_open_slot_whose_other_side_is_gone_is_settled() {
    let settle = |at: &str| Next::Do(vec![Action::Settle { at: at.to_owned(), slot: 5 }]);
    let model = Model::formed(&wanted(2, 1)).with("a0", |node| node.open = " [5->-id-gone]".to_owned());
    assert_eq!(model.next(&wanted(2, 1)), settle("a0"));
    // Moved already, but the giver has not closed it.
    let model = Model::formed(&wanted(2, 1)).with("b0", |node| node.open = " [5->-id-a0]".to_owned());
    assert_eq!(model.next(&wanted(2, 1)), settle("b0"));
    let model = Model::formed(&wanted(2, 1)).with("a0", |node| node.open = " [5-<-id-b0]".to_owned());
    assert_eq!(model.next(&wanted(2, 1)), settle("a0"));
}

#[test]
fn slots_do_not_move_to_a_node_that_takes_another_for_their_owner() {
    // The replica a1 has taken over, and b0 has not heard of it.
    let mut model = Model::formed(&wanted(2, 2)).with("c0", |_| {}).with("c1", |_| {});
    model.introduce_all();
    let before = model.members();
    model.take(&Action::Failover { at: "a1".to_owned() });
    model.take(&Action::Replicate { at: "c1".to_owned(), of: id_of("c0") });
    let behind = |model: &Model| {
        let mut members = model.members();
        let view = |members: &Members| members["b0"].said.as_ref().unwrap().view.clone();
        let (mut now, old) = (view(&members), view(&before));
        for seen in now.nodes.iter_mut().filter(|seen| !seen.myself) {
            seen.slots = old.get(&seen.id).unwrap().slots.clone();
            seen.primary |= seen.id == "id-a1";
        }
        members.get_mut("b0").unwrap().said.as_mut().unwrap().view = now;
        members
    };
    let unknown = "node b0 does not take a1 for the owner of the slots that are to move yet";
    assert_eq!(next(&wanted(3, 2), &behind(&model)), Next::Wait(unknown.to_owned()));
    // It could not hear of it while the slot is open.
    let open = model.clone().with("b0", |node| node.open = " [6000-<-id-a1]".to_owned());
    let settle = Action::Settle { at: "b0".to_owned(), slot: 6000 };
    assert_eq!(next(&wanted(3, 2), &behind(&open)), Next::Do(vec![settle]));
    let Next::Do(actions) = open.next(&wanted(3, 2)) else { panic!() };
    assert_eq!(kinds(&actions), ["MoveSlots"]);
}

#[test]
fn slots_do_not_move_between_nodes_that_have_not_met() {
    let model = Model::formed(&wanted(2, 1)).with("c0", |node| node.knows = BTreeSet::new());
    let Next::Do(actions) = model.next(&wanted(3, 1)) else { panic!() };
    assert_eq!(kinds(&actions), ["Meet"]);
}

#[test]
fn a_node_that_forgot_the_others_is_introduced_again() {
    let model = Model::formed(&wanted(3, 1)).with("b0", |node| node.knows.clear());
    let Next::Do(actions) = model.next(&wanted(3, 1)) else { panic!() };
    assert_eq!(actions, [Action::Meet { at: "b0".to_owned(), address: address_of("a0"), bus_port: 1 }]);
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
    let text = format!("id-b0 127.0.0.1:{}@1 myself,master - 0 0 2 connected {}\n", port_of("b0"), slots(8192, 16383));
    other.view = View::parse(&text).unwrap();
    assert_eq!(next(&wanted(2, 1), &members), Next::Wait("node b0 is being greeted".to_owned()));
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
    let Next::Do(actions) = model.next(&wanted(2, 2)) else { panic!() };
    assert_eq!(actions, [Action::Replicate { at: "b1".to_owned(), of: id_of("b0") }]);
}

#[test]
fn slots_that_nobody_serves_are_claimed_without_an_epoch_in_a_cluster_that_runs() {
    let model = Model::formed(&wanted(2, 1)).with("a0", |node| node.slots = vec![range(0, 8000)]);
    let claim = Action::Claim { at: "a0".to_owned(), epoch: None, slots: vec![range(8001, 8191)] };
    assert_eq!(model.next(&wanted(2, 1)), Next::Do(vec![claim]));
}

#[test]
fn of_two_claims_the_higher_epoch_counts() {
    // A dead primary that came back, and has not heard yet that its replica took over.
    let model = Model::formed(&wanted(2, 2)).with("a1", |node| {
        (node.replica_of, node.slots, node.epoch) = (None, vec![range(0, 8191)], 9);
    });
    let Next::Do(actions) = model.next(&wanted(2, 2)) else { panic!() };
    assert_eq!(actions, [Action::Replicate { at: "a0".to_owned(), of: id_of("a1") }]);
}

#[test]
fn a_leaving_node_that_is_dead_and_serves_nothing_is_removed() {
    let model = Model::formed(&wanted(2, 2)).with("b1", |node| node.silent = true);
    let mut fewer = wanted(2, 2);
    fewer[1].nodes.truncate(1);
    assert_eq!(model.next(&fewer), Next::Do(vec![Action::Remove { member: "b1".to_owned() }]));
}

#[test]
fn a_leaving_node_that_is_dead_and_serves_slots_is_waited_for() {
    let model = Model::formed(&wanted(3, 1)).with("c0", |node| node.silent = true);
    assert_eq!(model.next(&wanted(2, 1)), Next::Wait("node c0 does not answer yet".to_owned()));
}

#[test]
fn a_failing_node_keeps_the_cluster_from_being_reached() {
    let model = Model::formed(&wanted(2, 2)).with("b1", |node| node.failing = true);
    assert_eq!(model.next(&wanted(2, 2)), Next::Wait("in the view of a0, b1 is failing".to_owned()));
}

#[test]
fn a_replica_out_of_step_keeps_the_cluster_from_being_reached() {
    let model = Model::formed(&wanted(2, 2)).with("b1", |node| node.out_of_step = true);
    assert_eq!(model.next(&wanted(2, 2)), Next::Wait("replica b1 is not in step with its primary yet".to_owned()));
}

#[test]
fn a_view_that_is_behind_is_waited_for() {
    let mut members = Model::formed(&wanted(3, 1)).members();
    let behind = &mut members.get_mut("c0").unwrap().said.as_mut().unwrap().view;
    behind.nodes.retain(|seen| seen.id != "id-b0");
    assert_eq!(next(&wanted(3, 1), &members), Next::Wait("in the view of c0, b0 is not known yet".to_owned()));
    let mut members = Model::formed(&wanted(3, 1)).members();
    members.get_mut("c0").unwrap().said.as_mut().unwrap().cluster_ok = false;
    assert_eq!(next(&wanted(3, 1), &members), Next::Wait("c0 does not take the cluster for working yet".to_owned()));
}
