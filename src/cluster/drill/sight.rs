//! All that is seen of one shard's failover, and when it is over: roles from the nodes, events and status from the
//! cloud. Pure: what is seen comes in as values with their moments.

use super::report::{DrillEvent, Outcome};
use super::roles::Roles;
use crate::cloud::CloudEvent;

/// How ElastiCache's events begin that tell of the old primary's node being made anew.
const RECOVERING: &str = "Recovering cache nodes";
const RECOVERED: &str = "Finished recovery";
/// How much longer than usual is waited for the end of a recovery that was told of: its last event may get lost.
const RECOVERY_FACTOR: u64 = 4;

/// What is seen of one shard's failover.
#[derive(Debug)]
pub(super) struct Sight {
    /// What the nodes are.
    pub(super) roles: Roles,
    /// The shard's members.
    members: Vec<String>,
    /// This machine's clock at the begin, in milliseconds since 1970.
    began_ms: u64,
    /// When TestFailover was answered.
    called_ms: Option<u64>,
    /// Events that are known already.
    known: Vec<CloudEvent>,
    /// Events since.
    events: Vec<DrillEvent>,
    /// Since when the cloud says that nothing of the group moves.
    settled_since_ms: Option<u64>,
    /// What the cloud says of the group.
    status: Option<String>,
    notes: Vec<String>,
}

impl Sight {
    pub(super) fn new(roles: Roles, members: Vec<String>, began_ms: u64) -> Self {
        Sight {
            roles,
            members,
            began_ms,
            called_ms: None,
            known: Vec::new(),
            events: Vec::new(),
            settled_since_ms: None,
            status: None,
            notes: Vec::new(),
        }
    }

    /// What there was to be told before the call is no part of the drill.
    pub(super) fn knows(&mut self, events: Vec<CloudEvent>) {
        self.known = events;
    }

    pub(super) fn called(&mut self, at_ms: u64) {
        self.called_ms = Some(at_ms);
    }

    pub(super) fn called_ms(&self) -> Option<u64> {
        self.called_ms
    }

    /// Says once what there is to know.
    pub(super) fn remark(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Takes in what the cloud tells; answers with what is new.
    pub(super) fn told(&mut self, events: Vec<CloudEvent>) -> Vec<DrillEvent> {
        let mut new = Vec::new();
        for event in events {
            if self.known.contains(&event) {
                continue;
            }
            new.push(DrillEvent {
                at_ms: signed(event.at_ms).saturating_sub(signed(self.began_ms)),
                source_type: event.source_type.clone(),
                source: event.source.clone(),
                message: event.message.clone(),
            });
            self.known.push(event);
        }
        self.events.extend(new.iter().cloned());
        // Stable: what has the same time stays in the order in which it was told.
        self.events.sort_by_key(|event| event.at_ms);
        new
    }

    /// Takes in the group's status: `None` once nothing moves any more. What it says before anybody was promoted is the
    /// status from before.
    pub(super) fn group_is(&mut self, at_ms: u64, moving: Option<String>) {
        let is_after = self.roles.promoted_ms.is_some_and(|promoted| promoted <= at_ms);
        self.settled_since_ms = if is_after && moving.is_none() { self.settled_since_ms.or(Some(at_ms)) } else { None };
        self.status = Some(moving.unwrap_or_else(|| "available".to_owned()));
    }

    /// Whether the shard is at full strength, and nothing more is to come. Where the cloud doesn't tell that recovery
    /// has ended, all has to stay well for `quiet_ms`.
    pub(super) fn is_over(&self, now_ms: u64, quiet_ms: u64) -> bool {
        let Some(whole_ms) = self.roles.whole_since_ms else { return false };
        let settled_ms = match (&self.status, self.settled_since_ms) {
            // The cloud could not be asked: the nodes alone say it.
            (None, _) => whole_ms,
            (Some(_), Some(settled_ms)) => settled_ms,
            (Some(_), None) => return false,
        };
        if self.has_told(RECOVERED) {
            return true;
        }
        let wait_ms = if self.has_told(RECOVERING) { quiet_ms.saturating_mul(RECOVERY_FACTOR) } else { quiet_ms };
        now_ms.saturating_sub(whole_ms.max(settled_ms)) >= wait_ms
    }

    fn has_told(&self, words: &str) -> bool {
        self.events.iter().any(|event| self.members.contains(&event.source) && event.message.starts_with(words))
    }

    /// How it ended; `left` by the user, or out of time.
    pub(super) fn outcome(&self, is_over: bool, left: bool) -> Outcome {
        match (self.roles.promoted_ms, is_over, left) {
            (_, true, _) => Outcome::Restored,
            (_, false, true) => Outcome::Left,
            (Some(_), false, false) => Outcome::NotRestored,
            (None, false, false) => Outcome::NotFailedOver,
        }
    }

    /// What is missing of a shard that is not at full strength.
    pub(super) fn remark_what_is_missing(&mut self) {
        if self.called_ms.is_none() {
            return;
        }
        if self.roles.promoted_ms.is_none() {
            self.remark("nobody else was seen as the primary".to_owned());
        } else if self.roles.whole_since_ms.is_none() {
            let missing = self.roles.missing();
            self.remark(format!("not at full strength: {}", missing.join(", ")));
        } else if let Some(status) = self.status.clone() {
            self.remark(format!("the nodes are primary and linked replicas again; the cloud says: {status}"));
        }
    }

    pub(super) fn into_parts(self) -> (Roles, Vec<DrillEvent>, Vec<String>) {
        (self.roles, self.events, self.notes)
    }
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::report::{Node, SeenRole};
    use super::super::roles::Look;
    use super::*;
    use crate::cluster::drill::tests::samples::event;

    const QUIET_MS: u64 = 1000;

    fn look(at_ms: u64, role: SeenRole) -> Look {
        Look { at_ms, role, epoch: at_ms, followers: 1 }
    }

    /// Called at 100, promoted at 200.
    fn sight() -> Sight {
        let node = |name: &str| Node { member: name.to_owned(), ..Node::default() };
        let mut roles = Roles::new(vec![node("day19-0001-001"), node("day19-0001-002")], 0);
        roles.note(0, look(1, SeenRole::Primary));
        roles.note(1, look(1, SeenRole::Replica));
        let members = ["day19-0001-001", "day19-0001-002"].map(str::to_owned).to_vec();
        let mut sight = Sight::new(roles, members, 1_000_000);
        sight.called(100);
        sight.roles.note(1, look(200, SeenRole::Primary));
        sight
    }

    fn whole() -> Sight {
        let mut sight = sight();
        sight.roles.note(0, look(300, SeenRole::Replica));
        sight.group_is(400, None);
        sight
    }

    #[test]
    fn the_end_of_recovery_is_the_end() {
        let mut sight = whole();
        assert!(!sight.is_over(500, QUIET_MS));
        sight.told(vec![event(1_000_450, "day19-0001-001", "Finished recovery for cache nodes 0001")]);
        assert!(sight.is_over(500, QUIET_MS));
        assert_eq!(sight.outcome(true, false), Outcome::Restored);
    }

    #[test]
    fn another_shards_recovery_is_not_this_ones() {
        let mut sight = whole();
        sight.told(vec![event(1_000_450, "day19-0002-001", "Finished recovery for cache nodes 0001")]);
        assert!(!sight.is_over(500, QUIET_MS));
    }

    #[test]
    fn without_events_all_has_to_stay_well_for_a_while() {
        let mut sight = whole();
        assert!(!sight.is_over(1399, QUIET_MS));
        assert!(sight.is_over(1400, QUIET_MS));
        // A recovery that has begun is given longer.
        sight.told(vec![event(1_000_450, "day19-0001-001", "Recovering cache nodes 0001")]);
        assert!(!sight.is_over(1400, QUIET_MS));
        assert!(sight.is_over(4400, QUIET_MS));
    }

    #[test]
    fn a_group_that_moves_is_not_settled() {
        let mut sight = sight();
        sight.roles.note(0, look(300, SeenRole::Replica));
        sight.group_is(400, Some("modifying".to_owned()));
        assert!(!sight.is_over(9000, QUIET_MS));
        sight.group_is(9000, None);
        assert!(!sight.is_over(9999, QUIET_MS));
        assert!(sight.is_over(10_000, QUIET_MS));
    }

    #[test]
    fn what_the_group_was_before_does_not_count() {
        let node = |name: &str| Node { member: name.to_owned(), ..Node::default() };
        let roles = Roles::new(vec![node("a"), node("b")], 0);
        let mut sight = Sight::new(roles, Vec::new(), 0);
        sight.group_is(100, None);
        sight.roles.note(1, look(200, SeenRole::Primary));
        sight.roles.note(0, look(300, SeenRole::Replica));
        assert!(!sight.is_over(9000, QUIET_MS));
    }

    #[test]
    fn a_cloud_that_cant_be_asked_does_not_hold_it_up() {
        let mut sight = sight();
        sight.roles.note(0, look(300, SeenRole::Replica));
        assert!(!sight.is_over(1299, QUIET_MS));
        assert!(sight.is_over(1300, QUIET_MS));
    }

    #[test]
    fn events_are_told_once_by_the_clouds_clock() {
        let mut sight = sight();
        sight.knows(vec![event(999_000, "day19", "Test Failover API called for node group 0001")]);
        let all = vec![
            event(999_000, "day19", "Test Failover API called for node group 0001"),
            event(1_000_090, "day19", "Test Failover API called for node group 0001"),
        ];
        let new = sight.told(all.clone());
        assert_eq!(new.iter().map(|event| event.at_ms).collect::<Vec<_>>(), [90]);
        assert_eq!(sight.told(all), []);
        // A clock that is behind ours.
        assert_eq!(sight.told(vec![event(999_900, "day19", "x")])[0].at_ms, -100);
        let (_, events, _) = sight.into_parts();
        assert_eq!(events.iter().map(|event| event.at_ms).collect::<Vec<_>>(), [-100, 90]);
    }

    #[test]
    fn what_is_missing_is_said() {
        let mut sight = sight();
        sight.roles.note(0, look(300, SeenRole::Down));
        sight.remark_what_is_missing();
        sight.remark_what_is_missing();
        assert_eq!(sight.outcome(false, false), Outcome::NotRestored);
        assert_eq!(sight.outcome(false, true), Outcome::Left);
        assert_eq!(sight.into_parts().2, ["not at full strength: day19-0001-001 is down"]);
    }
}
