//! What to do about a node whose process has died: start it again, or wait until a replica has taken over from it.
//!
//! Pure: how long it has been dead is an argument. Nodes keep nothing on disk while they run, so a primary that is
//! started again is empty, and its replicas, when they find it again, would copy that emptiness. The data lives on in
//! the replicas only: one of them must be the primary before the dead one comes back.

use std::time::Duration;

use super::topology::{Members, Said, Seen};

/// What to do about a dead node now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Start it again.
    Restart,
    /// Leave it alone for now: the cluster's own failover is under way.
    Wait,
    /// Make this member the shard's primary without a vote.
    TakeOver(String),
}

/// Longest time, in node timeouts, that the cluster's own failover is given: one to suspect the dead node, one for the
/// vote, and one more for a vote that has to be repeated.
const FAILOVER_NODE_TIMEOUTS: u32 = 3;
/// After so many node timeouts a takeover has failed time and again, and a cluster without the shard helps nobody.
const GIVE_UP_NODE_TIMEOUTS: u32 = 15;

/// What to do about the member `dead`, whose process ended `dead_for` ago.
pub fn recovery(dead: &str, members: &Members, node_timeout: Duration, dead_for: Duration) -> Recovery {
    let Some(dead_id) = members.get(dead).map(|member| member.node_id.as_str()) else {
        return Recovery::Restart;
    };
    let said = || members.iter().filter(|(name, _)| *name != dead).filter_map(|(n, m)| Some((n, m.said.as_ref()?)));
    let serves = |said: &Said| said.view.get(dead_id).is_some_and(|seen| !seen.slots.is_empty());
    let follows = |said: &Said| said.view.myself().is_some_and(|me| me.replica_of.as_deref() == Some(dead_id));
    let heirs = said().filter(|(_, said)| follows(said) && serves(said));
    let Some((heir, heir_said)) = heirs.max_by_key(|(_, said)| said.offset) else {
        return Recovery::Restart;
    };
    if dead_for > node_timeout * GIVE_UP_NODE_TIMEOUTS {
        return Recovery::Restart;
    }
    // The dead count, but can't vote: with one or two shards there is never a majority, and ElastiCache, which does not
    // leave it to the nodes alone, fails over all the same.
    let serves_some = |seen: &&Seen| seen.primary && !seen.slots.is_empty();
    let votes = said().filter(|(_, said)| said.view.myself().as_ref().is_some_and(serves_some)).count();
    let primaries = heir_said.view.nodes.iter().filter(serves_some).count();
    let has_majority = votes > primaries / 2;
    let patience = if has_majority { node_timeout * FAILOVER_NODE_TIMEOUTS } else { node_timeout };
    if dead_for > patience { Recovery::TakeOver(heir.clone()) } else { Recovery::Wait }
}

#[cfg(test)]
mod tests {
    use super::super::topology::{Member, View};
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(2);

    /// Lines of CLUSTER NODES for `shards` primaries p0, p1, …, each with a replica r0, r1, …; `me` is who speaks.
    fn view(shards: usize, me: &str) -> View {
        let mut text = String::new();
        for n in 0..shards {
            let myself = |name: &str| if name == me { "myself," } else { "" };
            let (p, r) = (format!("p{n}"), format!("r{n}"));
            text += &format!("{p} 127.0.0.1:{}@1 {}master - 0 0 {n} connected {n}\n", n + 1, myself(&p));
            text += &format!("{r} 127.0.0.1:{}@1 {}slave {p} 0 0 {n} connected\n", n + 100, myself(&r));
        }
        View::parse(&text).unwrap()
    }

    fn members(shards: usize, silent: &[&str]) -> Members {
        let names = (0..shards).flat_map(|n| [format!("p{n}"), format!("r{n}")]);
        let member = |name: &String| Member {
            node_id: name.clone(),
            address: "127.0.0.1:1".parse().unwrap(),
            bus_port: 1,
            said: (!silent.contains(&name.as_str())).then(|| Said { view: view(shards, name), ..Said::default() }),
        };
        names.map(|name| (name.clone(), member(&name))).collect()
    }

    fn after(seconds: u64, shards: usize, silent: &[&str]) -> Recovery {
        recovery(silent[0], &members(shards, silent), TIMEOUT, Duration::from_secs(seconds))
    }

    #[test]
    fn a_replica_is_started_again_at_once() {
        assert_eq!(after(0, 3, &["r1"]), Recovery::Restart);
    }

    #[test]
    fn a_primary_with_a_replica_waits_for_the_failover() {
        assert_eq!(after(0, 3, &["p0"]), Recovery::Wait);
        assert_eq!(after(5, 3, &["p0"]), Recovery::Wait);
    }

    #[test]
    fn a_failover_that_does_not_come_is_made() {
        assert_eq!(after(7, 3, &["p0"]), Recovery::TakeOver("r0".to_owned()));
    }

    #[test]
    fn without_a_majority_of_primaries_the_takeover_comes_after_one_node_timeout() {
        assert_eq!(after(1, 1, &["p0"]), Recovery::Wait);
        assert_eq!(after(3, 1, &["p0"]), Recovery::TakeOver("r0".to_owned()));
        assert_eq!(after(3, 2, &["p0"]), Recovery::TakeOver("r0".to_owned()));
    }

    #[test]
    fn a_primary_whose_replicas_are_dead_too_is_started_again_at_once() {
        assert_eq!(after(0, 3, &["p0", "r0"]), Recovery::Restart);
    }

    #[test]
    fn a_takeover_that_never_succeeds_is_given_up() {
        assert_eq!(after(31, 1, &["p0"]), Recovery::Restart);
    }

    #[test]
    fn a_node_that_nobody_knows_is_started() {
        assert_eq!(recovery("new", &members(3, &[]), TIMEOUT, Duration::ZERO), Recovery::Restart);
    }
}
