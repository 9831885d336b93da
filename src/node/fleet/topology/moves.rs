//! The stages for a cluster that changes while it runs: failovers away from leaving primaries, moves of slots, and
//! the removal of what is left over.
//!
//! Pure, as the whole of this module. Reading and writing go on meanwhile, which is why a node is removed only when
//! no view shows it as the owner of anything.

use std::collections::BTreeMap;

use super::super::slot_set::{SLOT_COUNT, SlotSet};
use super::{Action, Member, OpenSlot, Situation, Stage};

/// A leaving primary whose shard stays hands over to a replica that stays.
pub(super) fn failovers(situation: &Situation) -> Stage {
    let (mut failovers, mut waiting) = (Vec::new(), None);
    for (shard, primary) in situation.wanted.iter().zip(&situation.primaries) {
        let Some(primary) = primary.filter(|name| !situation.staying.contains(name)) else {
            continue;
        };
        let mut heirs = shard.nodes.iter().filter(|node| {
            let said = situation.said(&node.id);
            let follows = said.and_then(|said| said.view.myself()?.replica_of.as_ref());
            said.is_some_and(|said| said.in_step) && follows == Some(&situation.members[primary].node_id)
        });
        match heirs.next() {
            Some(heir) => failovers.push(Action::Failover { at: heir.id.clone() }),
            None => waiting = Some(format!("no replica of {primary} is in step to take over from it")),
        }
    }
    match waiting {
        Some(reason) if failovers.is_empty() => Stage::Wait(reason),
        _ => Stage::of(failovers),
    }
}

/// Slots go to the primary of the shard that is to serve them. What was begun is finished first, in the direction in
/// which it was begun: half of a slot's keys may be at the other side already.
pub(super) fn moves(situation: &Situation) -> Stage {
    let mut targets: Vec<Option<&str>> = vec![None; usize::from(SLOT_COUNT)];
    for (shard, primary) in situation.wanted.iter().zip(&situation.primaries) {
        for slot in SlotSet::from_ranges(&shard.slots).iter() {
            targets[usize::from(slot)] = *primary;
        }
    }
    let mut settle = Vec::new();
    for (name, _, said) in situation.speakers() {
        for open in said.view.myself().map_or(&[][..], |me| me.open.as_slice()) {
            let Some(target) = targets.get_mut(usize::from(open.slot)) else {
                continue;
            };
            match open_target(situation, name, open) {
                OpenSlotIs::MovingTo(peer) => *target = Some(peer),
                OpenSlotIs::Stale => settle.push(Action::Settle { at: name.to_owned(), slot: open.slot }),
                OpenSlotIs::TheOtherHalf => {}
            }
        }
    }
    if !settle.is_empty() {
        return Stage::Do(settle);
    }
    let mut moves: BTreeMap<(&str, &str), SlotSet> = BTreeMap::new();
    for slot in 0..SLOT_COUNT {
        let at = usize::from(slot);
        let (Some(from), Some(to)) = (situation.owners[at], targets[at]) else {
            continue;
        };
        if from != to {
            moves.entry((from, to)).or_default().insert(slot);
        }
    }
    if let Some(reason) = moves.iter().find_map(|((from, to), slots)| not_acquainted(situation, from, to, slots)) {
        return Stage::Wait(reason);
    }
    let action = |((from, to), slots): ((&str, &str), SlotSet)| Action::MoveSlots {
        from: from.to_owned(),
        to: to.to_owned(),
        slots: slots.ranges(),
    };
    Stage::of(moves.into_iter().map(action).collect())
}

enum OpenSlotIs<'a> {
    MovingTo(&'a str),
    TheOtherHalf,
    Stale,
}

fn open_target<'a>(situation: &Situation<'a>, name: &str, open: &OpenSlot) -> OpenSlotIs<'a> {
    let owner = situation.owners[usize::from(open.slot)];
    let peer = situation.name_of(&open.peer);
    let peer_is_primary = |peer: &&str| situation.own_line(peer).is_some_and(|line| line.primary);
    match (open.leaving, peer) {
        (true, Some(peer)) if owner == Some(name) && peer_is_primary(&peer) => OpenSlotIs::MovingTo(peer),
        (true, _) => OpenSlotIs::Stale,
        // Coming in: sound as long as the owner is the one that it comes from, also in this node's view, which learns of
        // no other owner while the slot is open. Whether the owner has opened it too does not matter: the move, done
        // again, opens both.
        (false, Some(peer)) if owner == Some(peer) && shows(situation, name, peer, open.slot) => {
            OpenSlotIs::TheOtherHalf
        }
        (false, _) => OpenSlotIs::Stale,
    }
}

/// Whether `owner` serves the slot in the view of `at`.
fn shows(situation: &Situation, at: &str, owner: &str, slot: u16) -> bool {
    let seen = situation.said(at).and_then(|said| said.view.get(&situation.members[owner].node_id));
    seen.is_some_and(|seen| seen.slots.iter().any(|range| (range.first..=range.last).contains(&slot)))
}

/// Why slots can't move between these two yet. The taker must show them as the giver's: once they are open there, it
/// learns of no owner any more.
fn not_acquainted(situation: &Situation, from: &str, to: &str, slots: &SlotSet) -> Option<String> {
    let seen = |at: &str, whom: &str| {
        let id = &situation.members[whom].node_id;
        situation.said(at).and_then(|said| said.view.get(id)).filter(|seen| seen.primary && seen.linked)
    };
    let (Some(_), Some(giver)) = (seen(from, to), seen(to, from)) else {
        return Some(format!("nodes {from} and {to} do not know each other yet"));
    };
    let shown = SlotSet::from_ranges(&giver.slots).shared(slots) == slots.len();
    (!shown).then(|| format!("node {to} does not take {from} for the owner of the slots that are to move yet"))
}

/// Leaving nodes that serve nothing, in their own view and in everybody's.
pub(super) fn removals(situation: &Situation) -> Stage {
    let (mut removals, mut waiting) = (Vec::new(), None);
    let leaving = situation.members.iter().filter(|(name, _)| !situation.staying.contains(name.as_str()));
    for (name, member) in leaving {
        if situation.owns_any(name) || serves_in_any_view(situation, member) {
            waiting = Some(format!("node {name}, which is to go, still serves slots in some node's view"));
        } else {
            removals.push(Action::Remove { member: name.clone() });
        }
    }
    match waiting {
        Some(reason) if removals.is_empty() => Stage::Wait(reason),
        _ => Stage::of(removals),
    }
}

fn serves_in_any_view(situation: &Situation, member: &Member) -> bool {
    let staying = situation.speakers().filter(|(name, ..)| situation.staying.contains(name));
    staying.filter_map(|(_, _, said)| said.view.get(&member.node_id)).any(|seen| !seen.slots.is_empty())
}
