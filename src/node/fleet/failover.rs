//! A failover that was asked for: which replica takes over, and when the old primary's node may be replaced.
//!
//! Pure: what to do next follows from what is remembered of the failover and from what the nodes say, so that a server
//! that is killed at any moment goes on where it was. The old primary's data goes only when another member serves its
//! slots and every node of the shard that answers follows that one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::topology::{Members, Said, Seen};
use crate::node::wanted::WantedShard;

/// How long each way of handing over is given before the next one is tried. The engine itself gives up a failover in
/// agreement after 5 s.
const WAY_TIME: Duration = Duration::from_secs(5);

/// What is remembered of one shard's failovers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardFailovers {
    /// The last one that was carried out or given up, by the generation at which it was asked for; 0 for none.
    pub done: u64,
    /// The one that is being carried out.
    pub under_way: Option<Failover>,
}

/// A failover that is being carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failover {
    /// The generation at which it was asked for.
    pub asked: u64,
    /// The primary when it began.
    pub from: String,
    /// The replica that is to take over, and later the one that did.
    pub to: String,
    /// How far it is.
    pub stage: Stage,
}

/// How far a failover is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The replica is to take over.
    HandOver,
    /// It has; the old primary's node is to be replaced.
    Replace,
    /// That is done; the new node is to come into step.
    Return,
}

/// What to do about a shard's failover now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing, or nothing yet.
    Nothing,
    /// Wait for this, in words for people.
    Wait(String),
    /// Remember that `to` is to take over from `from`.
    Choose {
        /// The primary.
        from: String,
        /// Its best replica.
        to: String,
    },
    /// Ask this member to take over.
    HandOver(String),
    /// Remember that this member has taken over: the old primary's node is to be replaced.
    Established(String),
    /// Replace the node of this member.
    Replace(String),
    /// Remember that it is not wanted any more.
    GiveUp,
    /// Remember that it is carried out.
    Done,
}

/// Ways to ask a replica to take over, from the gentlest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// In agreement with the primary: nothing that was acknowledged is lost.
    Agreed,
    /// By the vote of the other primaries.
    Force,
    /// Without a vote.
    TakeOver,
}

impl Way {
    /// The way for a replica that was chosen so long ago, and the number of the attempt.
    pub fn after(waited: Duration) -> (Way, u32) {
        let attempt = u32::try_from(waited.as_millis() / WAY_TIME.as_millis()).unwrap_or(u32::MAX);
        let way = match attempt {
            0 => Way::Agreed,
            1 => Way::Force,
            _ => Way::TakeOver,
        };
        (way, attempt)
    }

    /// The engine's command.
    pub fn command(self) -> &'static [&'static str] {
        match self {
            Way::Agreed => &["CLUSTER", "FAILOVER"],
            Way::Force => &["CLUSTER", "FAILOVER", "FORCE"],
            Way::TakeOver => &["CLUSTER", "FAILOVER", "TAKEOVER"],
        }
    }
}

/// What to do next about the failover of `shard`. `is_whole` says whether the cluster is as it is wanted, apart from
/// the failover: one begins only then, and ends only then.
pub fn step(shard: &WantedShard, memory: &ShardFailovers, members: &Members, is_whole: bool) -> Step {
    let asked = shard.failover.filter(|asked| *asked > memory.done);
    match (&memory.under_way, asked) {
        (None, Some(_)) if is_whole => begin(shard, members),
        (None, _) => Step::Nothing,
        (Some(failover), asked) => match failover.stage {
            Stage::HandOver if asked.is_none() => Step::GiveUp,
            Stage::HandOver => hand_over(shard, failover, members),
            Stage::Replace => replace(shard, failover, members),
            Stage::Return if is_whole => Step::Done,
            Stage::Return => Step::Nothing,
        },
    }
}

fn begin(shard: &WantedShard, members: &Members) -> Step {
    match established(shard, members) {
        Some(from) => choose(shard, from, members, true),
        None => Step::Wait(format!("shard {} has no primary to hand over from", shard.id)),
    }
}

fn hand_over(shard: &WantedShard, failover: &Failover, members: &Members) -> Step {
    let from_answers = said(members, &failover.from).is_some();
    match established(shard, members) {
        Some(primary) if primary != failover.from => match follows_all(shard, primary, members) {
            true => Step::Established(primary.to_owned()),
            false => Step::Wait(format!("the nodes of shard {} do not all follow {primary} yet", shard.id)),
        },
        // Both claim the slots, or neither does: it shows in a moment who has them.
        None if from_answers => Step::Wait(format!("shard {} is between two primaries", shard.id)),
        _ => {
            let is_heir = |id: &str| heirs(shard, &failover.from, members, from_answers).any(|(heir, _)| heir == id);
            if is_heir(&failover.to) {
                Step::HandOver(failover.to.clone())
            } else {
                choose(shard, &failover.from, members, from_answers)
            }
        }
    }
}

/// What held when the failover was established may not hold any more: the new primary may have died since, also while
/// no server ran, and the old one may be all that is left of the data, or the primary again.
fn replace(shard: &WantedShard, failover: &Failover, members: &Members) -> Step {
    match established(shard, members) {
        Some(primary) if primary == failover.from => Step::GiveUp,
        Some(_) => Step::Replace(failover.from.clone()),
        None => Step::Wait(format!("shard {} has no primary; the data of {} is kept", shard.id, failover.from)),
    }
}

fn choose(shard: &WantedShard, from: &str, members: &Members, from_answers: bool) -> Step {
    // Of those that have as much the first.
    let best = heirs(shard, from, members, from_answers).fold(None, |best: Option<(&str, &Said)>, heir| match best {
        Some(best) if best.1.offset >= heir.1.offset => Some(best),
        _ => Some(heir),
    });
    match best {
        Some((to, _)) => Step::Choose { from: from.to_owned(), to: to.to_owned() },
        None => Step::Wait(format!("no replica of {from} is in step to take over from it")),
    }
}

/// Replicas of `from`; in step with it as long as it answers (without it none can be). One that has nothing of the
/// replication stream has no data, and its takeover would lose all there is.
fn heirs<'a>(
    shard: &'a WantedShard,
    from: &str,
    members: &'a Members,
    from_answers: bool,
) -> impl Iterator<Item = (&'a str, &'a Said)> {
    let from_id = members.get(from).map(|member| member.node_id.as_str());
    speakers(shard, members).filter(move |(_, said)| {
        let follows = myself(said).and_then(|me| me.replica_of.as_deref());
        follows.is_some() && follows == from_id && (said.in_step || (!from_answers && has_data(said)))
    })
}

/// The member that alone, of those of the shard that answer, takes itself for a primary with slots.
pub fn established<'a>(shard: &'a WantedShard, members: &Members) -> Option<&'a str> {
    let claims = |id: &str| said(members, id).and_then(myself).is_some_and(|me| me.primary && !me.slots.is_empty());
    let mut primaries = shard.nodes.iter().map(|node| node.id.as_str()).filter(|id| claims(id));
    let primary = primaries.next()?;
    primaries.next().is_none().then_some(primary)
}

/// Whether the node is back in its shard, and the shard serves: as its primary, or as a replica that is in step, also in
/// its primary's view.
pub fn is_back(shard: &WantedShard, node: &str, members: &Members) -> bool {
    let (Some(own), Some(primary)) = (said(members, node), established(shard, members)) else {
        return false;
    };
    if primary == node {
        return own.cluster_ok;
    }
    let (Some(member), Some(primary_member)) = (members.get(node), members.get(primary)) else {
        return false;
    };
    let seen = primary_member.said.as_ref().and_then(|said| said.view.get(&member.node_id));
    let follows = myself(own).and_then(|me| me.replica_of.as_ref()) == Some(&primary_member.node_id);
    let serves = own.cluster_ok && primary_member.said.as_ref().is_some_and(|said| said.cluster_ok);
    own.in_step && follows && serves && seen.is_some_and(|seen| !seen.failing && seen.linked)
}

/// Whether a replica has ever been in step with its primary.
pub fn has_data(said: &Said) -> bool {
    said.offset > 0
}

/// Whether somebody who answers has the data of this member: its shard's primary, or a replica that follows it.
pub fn has_spare(shards: &[WantedShard], node: &str, members: &Members) -> bool {
    let Some(shard) = shards.iter().find(|shard| shard.nodes.iter().any(|other| other.id == node)) else {
        return true;
    };
    let id = members.get(node).map(|member| member.node_id.as_str());
    let follows =
        |said: &Said| id.is_some() && myself(said).and_then(|me| me.replica_of.as_deref()) == id && has_data(said);
    let others = || speakers(shard, members).filter(|(name, _)| *name != node);
    established(shard, members).is_some_and(|primary| primary != node) || others().any(|(_, said)| follows(said))
}

fn follows_all(shard: &WantedShard, primary: &str, members: &Members) -> bool {
    let id = members.get(primary).map(|member| member.node_id.as_str());
    let mut others = speakers(shard, members).filter(|(name, _)| *name != primary);
    id.is_some() && others.all(|(_, said)| myself(said).and_then(|me| me.replica_of.as_deref()) == id)
}

fn speakers<'a>(shard: &'a WantedShard, members: &'a Members) -> impl Iterator<Item = (&'a str, &'a Said)> {
    shard.nodes.iter().filter_map(|node| Some((node.id.as_str(), said(members, &node.id)?)))
}

fn said<'a>(members: &'a Members, id: &str) -> Option<&'a Said> {
    members.get(id)?.said.as_ref()
}

fn myself(said: &Said) -> Option<&Seen> {
    said.view.myself()
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::topology::{Member, View};
    use super::*;
    use crate::node::wanted::{SlotRange, WantedNode};

    /// A shard of `a`, `b` and `c`, for which a failover was asked for at generation 7.
    pub fn shard() -> WantedShard {
        let node = |id: &str| WantedNode { id: id.to_owned(), zone: "us-east-1a".to_owned() };
        let slots = vec![SlotRange { first: 0, last: 9 }];
        WantedShard { id: "0001".to_owned(), slots, nodes: ["a", "b", "c"].map(node).to_vec(), failover: Some(7) }
    }

    /// Who says what: `a a` is a primary of that name, `b a 5` a replica of `a` with 5 bytes, `b a` one that is not in
    /// step, `b` a silent one.
    pub fn members(words: &[&str]) -> Members {
        let parsed = |word: &&str| -> (String, Option<String>, Option<u64>) {
            let mut parts = word.split(' ').map(str::to_owned);
            (parts.next().unwrap(), parts.next(), parts.next().map(|offset| offset.parse().unwrap()))
        };
        let nodes: Vec<_> = words.iter().map(parsed).collect();
        let line = |viewer: &str, (name, of, _): &(String, Option<String>, Option<u64>)| {
            let me = if viewer == name { "myself," } else { "" };
            match of {
                Some(of) if of == name => format!("{name} 127.0.0.1:1@2 {me}master - 0 0 1 connected 0-9\n"),
                Some(of) => format!("{name} 127.0.0.1:1@2 {me}slave {of} 0 0 1 connected\n"),
                None => format!("{name} 127.0.0.1:1@2 slave,fail ? 0 0 1 disconnected\n"),
            }
        };
        let member = |(name, of, offset): &(String, Option<String>, Option<u64>)| {
            let text: String = nodes.iter().map(|node| line(name, node)).collect();
            let said = of.is_some().then(|| Said {
                view: View::parse(&text).unwrap(),
                cluster_ok: true,
                in_step: offset.is_some(),
                offset: offset.unwrap_or_default(),
            });
            let address = "127.0.0.1:1".parse().unwrap();
            (name.clone(), Member { node_id: name.clone(), address, bus_port: 2, said })
        };
        nodes.iter().map(member).collect()
    }

    fn under_way(stage: Stage) -> ShardFailovers {
        let failover = Failover { asked: 7, from: "a".to_owned(), to: "b".to_owned(), stage };
        ShardFailovers { done: 0, under_way: Some(failover) }
    }

    fn next(memory: &ShardFailovers, words: &[&str]) -> Step {
        step(&shard(), memory, &members(words), false)
    }

    #[test]
    fn the_replica_in_step_that_has_most_is_chosen() {
        let begin = |words: &[&str]| step(&shard(), &ShardFailovers::default(), &members(words), true);
        let chosen = |to: &str| Step::Choose { from: "a".to_owned(), to: to.to_owned() };
        assert_eq!(begin(&["a a", "b a 4", "c a 5"]), chosen("c"));
        assert_eq!(begin(&["a a", "b a 5", "c a 5"]), chosen("b"));
        assert_eq!(begin(&["a a", "b a", "c a 1"]), chosen("c"));
        assert_eq!(
            begin(&["a a", "b a", "c"]),
            Step::Wait("no replica of a is in step to take over from it".to_owned())
        );
    }

    #[test]
    fn it_begins_once_for_each_request_and_only_in_a_whole_cluster() {
        let all = members(&["a a", "b a 1", "c a 1"]);
        assert_eq!(step(&shard(), &ShardFailovers::default(), &all, false), Step::Nothing);
        let done = ShardFailovers { done: 7, under_way: None };
        assert_eq!(step(&shard(), &done, &all, true), Step::Nothing);
        let unasked = WantedShard { failover: None, ..shard() };
        assert_eq!(step(&unasked, &ShardFailovers::default(), &all, true), Step::Nothing);
    }

    #[test]
    fn the_chosen_one_is_asked_until_all_follow_it() {
        let memory = under_way(Stage::HandOver);
        assert_eq!(next(&memory, &["a a", "b a 1", "c a 1"]), Step::HandOver("b".to_owned()));
        assert!(matches!(next(&memory, &["a a", "b b", "c a 1"]), Step::Wait(_)), "two primaries");
        assert!(matches!(next(&memory, &["a b 1", "b b", "c a 1"]), Step::Wait(_)), "c has not learned of it yet");
        assert_eq!(next(&memory, &["a b 1", "b b", "c b"]), Step::Established("b".to_owned()));
    }

    #[test]
    fn an_old_primary_that_died_is_replaced_all_the_same() {
        let memory = under_way(Stage::HandOver);
        assert_eq!(next(&memory, &["a", "b a 5", "c a 1"]), Step::HandOver("b".to_owned()));
        assert!(matches!(next(&memory, &["a", "b a", "c a"]), Step::Wait(_)), "who has no data is no heir");
        assert_eq!(next(&memory, &["a", "b b", "c b 1"]), Step::Established("b".to_owned()));
        assert_eq!(next(&memory, &["a", "b c 1", "c c"]), Step::Established("c".to_owned()), "whoever took over");
        assert_eq!(next(&under_way(Stage::Replace), &["a", "b b", "c b 1"]), Step::Replace("a".to_owned()));
    }

    #[test]
    fn an_heir_that_is_lost_gives_way_to_another() {
        let memory = under_way(Stage::HandOver);
        let other = Step::Choose { from: "a".to_owned(), to: "c".to_owned() };
        assert_eq!(next(&memory, &["a a", "b", "c a 1"]), other);
        assert_eq!(next(&memory, &["a a", "b a", "c a 1"]), other);
        assert!(matches!(next(&memory, &["a a", "b", "c"]), Step::Wait(_)), "the data of a is all there is");
    }

    #[test]
    fn it_is_done_when_the_cluster_is_whole_again() {
        let (memory, all) = (under_way(Stage::Return), members(&["a b 1", "b b", "c b 1"]));
        assert_eq!(step(&shard(), &memory, &all, false), Step::Nothing);
        assert_eq!(step(&shard(), &memory, &all, true), Step::Done);
    }

    #[test]
    fn what_is_not_asked_for_any_more_is_given_up_unless_a_node_is_gone() {
        let unasked = WantedShard { failover: None, ..shard() };
        let next = |stage: Stage, words: &[&str]| step(&unasked, &under_way(stage), &members(words), false);
        assert_eq!(next(Stage::HandOver, &["a a", "b a 1", "c a 1"]), Step::GiveUp);
        assert_eq!(next(Stage::Replace, &["a b 1", "b b", "c b 1"]), Step::Replace("a".to_owned()));
    }

    #[test]
    fn an_old_primary_keeps_its_data_where_the_new_one_is_lost_before_it_is_replaced() {
        let memory = under_way(Stage::Replace);
        let waits = |words: &[&str]| matches!(next(&memory, words), Step::Wait(_));
        assert!(waits(&["a b 1", "b", "c b 1"]), "b has died, and a may be its heir");
        assert!(waits(&["a b 1", "b", "c"]) && waits(&["a", "b", "c"]), "nobody serves");
        assert!(waits(&["a a", "b b", "c b 1"]), "both claim the slots");
        assert_eq!(next(&memory, &["a a", "b", "c a 1"]), Step::GiveUp, "it is the primary again");
        assert_eq!(next(&memory, &["a", "b", "c c"]), Step::Replace("a".to_owned()), "another has taken over since");
    }

    #[test]
    fn the_ways_grow_rougher() {
        let way = |seconds: u64| Way::after(Duration::from_secs(seconds));
        assert_eq!((way(0), way(4)), ((Way::Agreed, 0), (Way::Agreed, 0)));
        assert_eq!((way(5), way(10), way(16)), ((Way::Force, 1), (Way::TakeOver, 2), (Way::TakeOver, 3)));
    }

    #[test]
    fn a_node_is_back_when_it_is_in_step_with_the_primary() {
        let back = |words: &[&str]| is_back(&shard(), "a", &members(words));
        assert!(back(&["a b 1", "b b", "c b 1"]) && back(&["a a", "b a 1", "c a 1"]));
        assert!(!back(&["a b", "b b", "c b 1"]) && !back(&["a", "b b", "c b 1"]) && !back(&["a a", "b b", "c b 1"]));
    }

    #[test]
    fn the_only_holder_of_data_has_no_spare() {
        let spare = |words: &[&str]| has_spare(&[shard()], "a", &members(words));
        assert!(spare(&["a", "b a 1", "c"]) && spare(&["a", "b b", "c"]));
        assert!(!spare(&["a", "b", "c"]) && !spare(&["a", "b a", "c"]), "a copy that has not begun is none");
        assert!(has_spare(&[], "a", &members(&["a"])), "a node that is to go");
    }
}
