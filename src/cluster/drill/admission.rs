//! Which shards are failed over, and why a drill isn't begun. Pure.

use crate::cloud::{CloudError, CloudEvent, ErrorKind};
use crate::observed::{LiveNodeGroup, LiveReplicationGroup};
use crate::resource::Ownership;

/// ElastiCache's rule: so many node groups of one account in any 24 hours.
pub const MOST_A_DAY: usize = 15;
/// What the limit counts over, in milliseconds.
pub const DAY_MS: u64 = 24 * 3_600_000;
/// How ElastiCache's event begins that tells of a call.
const CALLED: &str = "Test Failover API called";

/// Which shards the user wants to be failed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// This one: a node group's id.
    One(String),
    /// One after another.
    All,
    /// Any one.
    Random,
}

/// Why a drill isn't begun.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The group carries the stack's name, and not its tag.
    #[error("`{group}` is not this stack's: it has the name, and not the tag")]
    Foreign {
        /// The replication group.
        group: String,
    },
    /// There is no such shard.
    #[error("`{group}` has no shard {asked}: it has {}", known.join(", "))]
    NoSuchShard {
        /// The replication group.
        group: String,
        /// What was asked for.
        asked: String,
        /// The shards that there are.
        known: Vec<String>,
    },
    /// There is nobody to fail over to.
    #[error("shard {shard} has no replica that could take over")]
    NoReplica {
        /// Which.
        shard: String,
    },
    /// Something of the group moves.
    #[error("`{group}` can't be failed over now: {reason}")]
    NotSettled {
        /// The replication group.
        group: String,
        /// What moves.
        reason: String,
    },
    /// No node answers.
    #[error("no node of `{group}` answers: {reason}")]
    Unreachable {
        /// The replication group.
        group: String,
        /// What the first of them met.
        reason: String,
    },
    /// The shard's nodes aren't what they should be.
    #[error("shard {shard} is not whole: {reason}")]
    NotWhole {
        /// Which.
        shard: String,
        /// What is wrong.
        reason: String,
    },
    /// More than ElastiCache lets an account fail over in a day.
    #[error(
        "at most {MOST_A_DAY} shards of an account are failed over in 24 hours: {known} of `{group}` were, and \
         {wanted} more are asked for"
    )]
    TooMany {
        /// The replication group.
        group: String,
        /// How many calls its events tell of.
        known: usize,
        /// How many are asked for.
        wanted: usize,
    },
}

impl Refusal {
    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Refusal::Foreign { .. } => "give the stack another name",
            Refusal::NoSuchShard { .. } => "name one of them, or `all` or `random`",
            Refusal::NoReplica { .. } => "set `cluster.replicas_per_shard` to 1 or more, and apply",
            Refusal::NotSettled { .. } => "wait until it is available: `shardform status` shows it",
            Refusal::Unreachable { .. } => {
                "a cluster on AWS answers only in its VPC: run this there, or through the client host"
            }
            Refusal::NotWhole { .. } => "wait until its nodes are primary and linked replicas again, then try again",
            Refusal::TooMany { .. } => "ask for fewer shards, or wait: each call counts for 24 hours",
        }
    }
}

/// The shards that are wanted, in their order; `seed` is any number, and decides which is the random one.
///
/// # Errors
/// No such shard, one without a replica, or a group that moves.
pub fn shards(id: &str, group: &LiveReplicationGroup, wanted: &Wanted, seed: u64) -> Result<Vec<String>, Refusal> {
    if group.ownership == Ownership::Foreign {
        return Err(Refusal::Foreign { group: id.to_owned() });
    }
    let known = || group.node_groups.iter().map(|shard| shard.id.clone()).collect::<Vec<_>>();
    let chosen: Vec<&LiveNodeGroup> = match wanted {
        Wanted::All => group.node_groups.iter().collect(),
        Wanted::One(asked) => group.node_groups.iter().filter(|shard| shard.id == *asked).collect(),
        Wanted::Random => {
            let able: Vec<&LiveNodeGroup> = group.node_groups.iter().filter(|shard| shard.zones.len() > 1).collect();
            let from = if able.is_empty() { group.node_groups.iter().collect() } else { able };
            let place = seed % (from.len().max(1) as u64);
            from.into_iter().skip(usize::try_from(place).unwrap_or(0)).take(1).collect()
        }
    };
    if let (Wanted::One(asked), []) = (wanted, chosen.as_slice()) {
        return Err(Refusal::NoSuchShard { group: id.to_owned(), asked: asked.clone(), known: known() });
    }
    if let Some(reason) = moving(group) {
        return Err(Refusal::NotSettled { group: id.to_owned(), reason });
    }
    if let Some(alone) = chosen.iter().find(|shard| shard.zones.len() < 2) {
        return Err(Refusal::NoReplica { shard: alone.id.clone() });
    }
    Ok(chosen.into_iter().map(|shard| shard.id.clone()).collect())
}

/// What moves of a group, if anything does.
fn moving(group: &LiveReplicationGroup) -> Option<String> {
    if group.status != "available" {
        return Some(format!("it is {}", group.status));
    }
    if let Some(shard) = group.node_groups.iter().find(|shard| shard.status != "available") {
        return Some(format!("its shard {} is {}", shard.id, shard.status));
    }
    if group.node_groups.is_empty() {
        return Some("it has no shards".to_owned());
    }
    (!group.is_settled()).then(|| "nodes are being added or removed".to_owned())
}

/// How many failovers a group's events tell of since a moment (milliseconds since 1970).
pub fn calls_since(events: &[CloudEvent], since_ms: u64) -> usize {
    events.iter().filter(|event| event.at_ms >= since_ms && event.message.starts_with(CALLED)).count()
}

/// Holds what is known of the last 24 hours against ElastiCache's limit. Other groups of the account count too, and
/// are not known here: ElastiCache itself has the last word.
///
/// # Errors
/// The limit would be passed.
pub fn within_limit(id: &str, known: usize, wanted: usize) -> Result<(), Refusal> {
    if known + wanted <= MOST_A_DAY {
        return Ok(());
    }
    Err(Refusal::TooMany { group: id.to_owned(), known, wanted })
}

/// Whether a refused TestFailover may be accepted a little later: calls that came too fast and a group that still
/// moves are; the limit of a day isn't. ElastiCache has one code for both, so the words and what is `known` of the last
/// 24 hours decide.
pub(super) fn is_worth_another_try(error: &CloudError, known: usize) -> bool {
    let is_rate = error.code.starts_with("APICallRateForCustomerExceeded");
    let message = error.message.to_lowercase();
    let is_daily = ["24 hour", "24-hour", "per day", "node group"].iter().any(|words| message.contains(words));
    error.kind == ErrorKind::Busy && !(is_rate && (is_daily || known >= MOST_A_DAY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::drill::tests::samples::{cloud_error, event, group};

    fn one(shard: &str) -> Wanted {
        Wanted::One(shard.to_owned())
    }

    #[test]
    fn shards_are_chosen() {
        let group = group(3, 1);
        let chosen = |wanted: &Wanted, seed| shards("day19", &group, wanted, seed).unwrap();
        assert_eq!(chosen(&one("0002"), 0), ["0002"]);
        assert_eq!(chosen(&Wanted::All, 0), ["0001", "0002", "0003"]);
        assert_eq!([0, 1, 2, 3].map(|seed| chosen(&Wanted::Random, seed).concat()), ["0001", "0002", "0003", "0001"]);
    }

    #[test]
    fn an_unknown_shard_is_told_with_those_that_there_are() {
        let refusal = shards("day19", &group(2, 1), &one("0007"), 0).unwrap_err();
        assert_eq!(refusal.to_string(), "`day19` has no shard 0007: it has 0001, 0002");
    }

    #[test]
    fn a_shard_without_a_replica_has_nobody_to_fail_over_to() {
        for wanted in [one("0001"), Wanted::All, Wanted::Random] {
            let refusal = shards("day19", &group(1, 0), &wanted, 3).unwrap_err();
            assert_eq!(refusal, Refusal::NoReplica { shard: "0001".to_owned() });
        }
    }

    #[test]
    fn a_random_shard_is_one_that_can_be_failed_over() {
        let mut group = group(3, 1);
        let mut alone = group.node_groups[0].zones.keys().next_back().cloned().into_iter();
        group.node_groups[0].zones.remove(&alone.next().unwrap());
        group.member_ids.pop();
        assert_eq!(shards("day19", &group, &Wanted::Random, 0).unwrap(), ["0002"]);
    }

    #[test]
    fn what_is_not_the_stacks_is_left_alone() {
        let foreign = LiveReplicationGroup { ownership: Ownership::Foreign, ..group(2, 1) };
        let refusal = shards("day19", &foreign, &Wanted::All, 0).unwrap_err();
        assert_eq!(refusal.to_string(), "`day19` is not this stack's: it has the name, and not the tag");
    }

    #[test]
    fn a_group_that_moves_is_left_alone() {
        let mut moving = group(2, 1);
        moving.status = "snapshotting".to_owned();
        let told = |group: &LiveReplicationGroup| shards("day19", group, &one("0001"), 0).unwrap_err().to_string();
        assert_eq!(told(&moving), "`day19` can't be failed over now: it is snapshotting");
        let mut moving = group(2, 1);
        moving.node_groups[1].status = "modifying".to_owned();
        assert_eq!(told(&moving), "`day19` can't be failed over now: its shard 0002 is modifying");
        let mut moving = group(2, 1);
        moving.member_ids.push("day19-0002-003".to_owned());
        assert_eq!(told(&moving), "`day19` can't be failed over now: nodes are being added or removed");
    }

    #[test]
    fn the_limit_of_a_day_counts_calls() {
        let events = [
            event(10, "day19", "Test Failover API called for node group 0001"),
            event(2000, "day19", "Test Failover API called for node group 0001"),
            event(2100, "day19", "Failover from primary node a to replica node b completed"),
            event(3000, "day19", "Test Failover API called for node group 0002"),
        ];
        assert_eq!(calls_since(&events, 1000), 2);
        assert_eq!(within_limit("day19", 14, 1), Ok(()));
        let refusal = within_limit("day19", 13, 3).unwrap_err().to_string();
        let expected = "at most 15 shards of an account are failed over in 24 hours: 13 of `day19` were, and 3 more \
                        are asked for";
        assert_eq!(refusal, expected);
    }

    #[test]
    fn the_limit_of_a_day_is_not_tried_again() {
        let throttled = cloud_error(ErrorKind::Busy, "Throttling", "Rate exceeded");
        let rate = "APICallRateForCustomerExceeded";
        let too_fast = cloud_error(ErrorKind::Busy, rate, "The customer has exceeded the allowed rate of API calls.");
        let daily = cloud_error(ErrorKind::Busy, rate, "At most 15 node groups in any 24 hours.");
        assert!(is_worth_another_try(&throttled, 20));
        assert!(is_worth_another_try(&too_fast, 3) && !is_worth_another_try(&too_fast, 15));
        assert!(!is_worth_another_try(&daily, 0));
        let rejected = cloud_error(ErrorKind::Rejected, "TestFailoverNotAvailable", "not available");
        assert!(!is_worth_another_try(&rejected, 0));
    }
}
