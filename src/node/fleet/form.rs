//! Does what the topology says: one cluster command a node for each action.
//!
//! Makes no choices, but for how often to ask again; what an action led to shows in what the nodes say next. A refusal
//! is therefore no failure: it is noted, and the next look decides anew.

use std::collections::BTreeMap;
use std::mem::discriminant;
use std::time::{Duration, Instant};

use redis::RedisResult;
use tokio::task::JoinSet;

use super::reshard::{Mover, Portion};
use super::resp::Link;
use super::slot_set::SlotSet;
use super::topology::{Action, Members};

/// Connections by member cluster id.
pub type Links = BTreeMap<String, Link>;

/// How long one look's share of a move may take, before the nodes are looked at again.
const MOVE_TIME: Duration = Duration::from_millis(700);

/// Keeps an action from being repeated before it can have had its effect, and moves from blocking nodes for long.
#[derive(Debug, Default)]
pub struct Pace {
    done: Vec<(Action, Instant)>,
    /// How many keys go at once; a cluster's keys are often alike in size.
    portion: Portion,
}

impl Pace {
    /// Whether the action is due, and if so notes it as done now.
    fn is_due(&mut self, action: &Action, now: Instant) -> bool {
        // A failover that is asked for again begins anew, and one soon after another is refused by the voters.
        let pause = match action {
            Action::Failover { .. } => Duration::from_secs(5),
            Action::Meet { .. } => Duration::from_secs(1),
            Action::Forget { .. } => Duration::from_millis(500),
            _ => return true,
        };
        self.done.retain(|(_, at)| now.duration_since(*at) < Duration::from_secs(10));
        match self.done.iter_mut().find(|(done, _)| done == action) {
            Some((_, at)) if now.duration_since(*at) < pause => return false,
            Some((_, at)) => *at = now,
            None => self.done.push((action.clone(), now)),
        }
        true
    }
}

/// Does the actions: those of one kind side by side, but moves of slots one after another, as each may raise its
/// node's epoch without asking the others. Answers with what was refused, in words for the log. `Remove` is left to
/// the caller, who has the processes.
pub async fn perform(actions: Vec<Action>, members: &Members, links: &Links, pace: &mut Pace) -> Vec<String> {
    let now = Instant::now();
    let mut refusals = Vec::new();
    let due: Vec<Action> = actions.into_iter().filter(|action| pace.is_due(action, now)).collect();
    for group in due.chunk_by(|a, b| discriminant(a) == discriminant(b)) {
        let is_move = matches!(group.first(), Some(Action::MoveSlots { .. }));
        let group = if is_move { &group[..1] } else { group };
        let mut running = JoinSet::new();
        for action in group.iter().filter(|action| !matches!(action, Action::Remove { .. })) {
            let Some(work) = Work::new(action, members, links, &pace.portion) else {
                continue;
            };
            let action = action.clone();
            running.spawn(async move { work.run(&action).await.map_err(|error| format!("{action:?}: {error}")) });
        }
        let results = running.join_all().await;
        refusals.extend(results.into_iter().filter_map(Result::err));
    }
    refusals
}

/// Makes the replica at this link the primary of its shard without a vote.
pub async fn take_over(link: &Link) -> RedisResult<()> {
    link.ask(&["CLUSTER", "FAILOVER", "TAKEOVER"]).await
}

/// What an action needs: the node that it is for, and for moves the other one and all primaries.
enum Work {
    At(Link),
    Move(Box<Mover>),
}

impl Work {
    fn new(action: &Action, members: &Members, links: &Links, portion: &Portion) -> Option<Work> {
        let at = match action {
            Action::Forget { at, .. }
            | Action::Claim { at, .. }
            | Action::Meet { at, .. }
            | Action::Replicate { at, .. }
            | Action::Failover { at }
            | Action::Settle { at, .. } => at,
            Action::Remove { member } => member,
            Action::MoveSlots { from, to, .. } => return mover(from, to, members, links, portion),
        };
        links.get(at).cloned().map(Work::At)
    }

    async fn run(&self, action: &Action) -> RedisResult<()> {
        match (self, action) {
            (Work::Move(mover), Action::MoveSlots { slots, .. }) => {
                mover.run(&SlotSet::from_ranges(slots), Instant::now() + MOVE_TIME).await
            }
            (Work::At(link), action) => run_at(link, action).await,
            (Work::Move(_), _) => Ok(()),
        }
    }
}

fn mover(from: &str, to: &str, members: &Members, links: &Links, portion: &Portion) -> Option<Work> {
    let is_primary = |name: &&String| {
        let said = members.get(*name).and_then(|member| member.said.as_ref());
        said.and_then(|said| said.view.myself()).is_some_and(|me| me.primary)
    };
    let others = members.keys().filter(is_primary).filter(|name| *name != from && *name != to);
    Some(Work::Move(Box::new(Mover {
        from: links.get(from)?.clone(),
        to: links.get(to)?.clone(),
        from_id: members.get(from)?.node_id.clone(),
        to_id: members.get(to)?.node_id.clone(),
        others: others.filter_map(|name| links.get(name).cloned()).collect(),
        portion: portion.clone(),
    })))
}

async fn run_at(link: &Link, action: &Action) -> RedisResult<()> {
    match action {
        Action::Forget { id, .. } => link.ask(&["CLUSTER", "FORGET", id]).await,
        Action::Claim { epoch, slots, .. } => {
            if let Some(epoch) = epoch {
                // Refused where the node has got one meanwhile, which is as good.
                let _ = link.ask::<()>(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch.to_string()]).await;
            }
            claim(link, slots).await
        }
        Action::Meet { address, bus_port, .. } => {
            let (ip, port) = (address.ip().to_string(), address.port().to_string());
            link.ask(&["CLUSTER", "MEET", &ip, &port, &bus_port.to_string()]).await
        }
        Action::Replicate { of, .. } => replicate(link, of).await,
        Action::Failover { .. } => link.ask(&["CLUSTER", "FAILOVER"]).await,
        Action::Settle { slot, .. } => link.ask(&["CLUSTER", "SETSLOT", &slot.to_string(), "STABLE"]).await,
        Action::MoveSlots { .. } | Action::Remove { .. } => Ok(()),
    }
}

/// Redis before 7 takes single slots only.
async fn claim(link: &Link, slots: &[crate::node::wanted::SlotRange]) -> RedisResult<()> {
    let ends: Vec<String> = slots.iter().flat_map(|range| [range.first.to_string(), range.last.to_string()]).collect();
    let words = |command: &'static str, rest: &[String]| -> Vec<String> {
        ["CLUSTER", command].map(str::to_owned).into_iter().chain(rest.iter().cloned()).collect()
    };
    let command = words("ADDSLOTSRANGE", &ends);
    let answer = link.ask::<()>(&command.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let Err(error) = &answer else { return answer };
    if !error.to_string().to_lowercase().contains("unknown") {
        return answer;
    }
    let singles: Vec<String> = SlotSet::from_ranges(slots).iter().map(|slot| slot.to_string()).collect();
    let command = words("ADDSLOTS", &singles);
    link.ask(&command.iter().map(String::as_str).collect::<Vec<_>>()).await
}

/// A primary whose slots are all taken over, but that still holds keys, refuses to follow; its keys are the copies of
/// before, which the new owner has.
async fn replicate(link: &Link, of: &str) -> RedisResult<()> {
    let answer = link.ask::<()>(&["CLUSTER", "REPLICATE", of]).await;
    let Err(error) = &answer else { return answer };
    let refused_for_keys = error.to_string().contains("must be empty");
    let own_slots = link.said().await.ok().and_then(|answer| Some(!answer.said.view.myself()?.slots.is_empty()));
    if !refused_for_keys || own_slots != Some(false) {
        return answer;
    }
    link.ask::<()>(&["FLUSHALL"]).await?;
    link.ask(&["CLUSTER", "REPLICATE", of]).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failover_is_not_asked_for_again_at_once() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        let failover = Action::Failover { at: "a".to_owned() };
        assert!(pace.is_due(&failover, now));
        assert!(!pace.is_due(&failover, now + Duration::from_secs(2)));
        assert!(pace.is_due(&failover, now + Duration::from_secs(6)));
    }

    #[test]
    fn replicate_is_asked_again_until_it_is_taken() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        let replicate = Action::Replicate { at: "a".to_owned(), of: "b".to_owned() };
        assert!(pace.is_due(&replicate, now) && pace.is_due(&replicate, now));
    }
}
