//! Who was what, and when: from looks at a shard's nodes to changes of roles, and whether the shard is whole again.
//! Pure.

use super::report::{Node, RoleChange, SeenRole};

/// What one look at one node showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    /// When, in milliseconds since the drill began.
    pub(super) at_ms: u64,
    /// What it was.
    pub(super) role: SeenRole,
    /// Its configuration epoch: of two that think they are primary, the higher one is.
    pub(super) epoch: u64,
    /// How many replicas it sees linked, if it is a primary.
    pub(super) followers: usize,
}

/// A shard's nodes as they were seen.
#[derive(Clone, Debug)]
pub(super) struct Roles {
    nodes: Vec<Node>,
    before: usize,
    last: Vec<Option<Look>>,
    /// Every change, in the order in which it was seen.
    pub(super) changes: Vec<RoleChange>,
    /// Another than the one before, when it was first seen as the primary.
    pub(super) promoted_ms: Option<u64>,
    /// Since when the shard is whole, without a break.
    pub(super) whole_since_ms: Option<u64>,
}

impl Roles {
    /// `before` is the place of the primary among the nodes.
    pub(super) fn new(nodes: Vec<Node>, before: usize) -> Self {
        let last = vec![None; nodes.len()];
        Roles { nodes, before, last, changes: Vec::new(), promoted_ms: None, whole_since_ms: None }
    }

    /// Takes in a look at the node with this place; answers with the change, if it is one.
    pub(super) fn note(&mut self, place: usize, look: Look) -> Option<RoleChange> {
        let node = self.nodes.get(place)?.clone();
        let known = self.last.get_mut(place)?.replace(look);
        if place != self.before && look.role == SeenRole::Primary && self.promoted_ms.is_none() {
            self.promoted_ms = Some(look.at_ms);
        }
        self.whole_since_ms = if self.is_whole() { self.whole_since_ms.or(Some(look.at_ms)) } else { None };
        if known.is_some_and(|known| known.role == look.role) {
            return None;
        }
        let change = RoleChange { at_ms: look.at_ms, node, role: look.role };
        self.changes.push(change.clone());
        Some(change)
    }

    /// Who is primary: of several, the one of the highest epoch; the one before, as long as it was not looked at.
    pub(super) fn primary(&self) -> Option<&Node> {
        let is_unseen = self.last.get(self.before).is_some_and(Option::is_none);
        let place = self.primary_place().or(is_unseen.then_some(self.before))?;
        self.nodes.get(place)
    }

    /// What keeps the shard from being whole, such as `day19-0001-001 is down`.
    pub(super) fn missing(&self) -> Vec<String> {
        let primary = self.primary_place();
        let mut missing = Vec::new();
        for (place, node) in self.nodes.iter().enumerate() {
            let role = self.last.get(place).copied().flatten().map_or(SeenRole::Down, |look| look.role);
            if primary != Some(place) && role != SeenRole::Replica {
                missing.push(format!("{} is {}", node.name(), role.text()));
            }
        }
        if missing.is_empty() {
            missing.push("the primary does not see all replicas linked".to_owned());
        }
        missing
    }

    fn primary_place(&self) -> Option<usize> {
        let looks = self.last.iter().enumerate().filter_map(|(place, look)| Some((place, (*look)?)));
        let primaries = looks.filter(|(_, look)| look.role == SeenRole::Primary);
        primaries.max_by_key(|(_, look)| look.epoch).map(|(place, _)| place)
    }

    /// Whether another node has become primary, and now everybody follows one that sees them do so. That may be the old
    /// one again: what is failed over twice comes back.
    fn is_whole(&self) -> bool {
        let of = |role: SeenRole| self.last.iter().flatten().filter(|look| look.role == role).count();
        let expected = self.nodes.len().saturating_sub(1);
        let primary = self.primary_place().filter(|_| self.promoted_ms.is_some());
        let followers = primary.and_then(|place| self.last[place]).map_or(0, |look| look.followers);
        primary.is_some() && of(SeenRole::Primary) == 1 && of(SeenRole::Replica) == expected && followers >= expected
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SeenRole::{Down, Primary, Replica, Syncing};

    fn node(name: &str) -> Node {
        Node { member: name.to_owned(), ..Node::default() }
    }

    fn roles() -> Roles {
        let mut roles = Roles::new(vec![node("a"), node("b"), node("c")], 0);
        see(&mut roles, 0, &[(0, Primary), (1, Replica), (2, Replica)]);
        roles
    }

    fn see(roles: &mut Roles, at_ms: u64, looks: &[(usize, SeenRole)]) {
        for (place, role) in looks {
            // Who has become primary later has the higher epoch, and sees both others.
            let epoch = 1 + *place as u64;
            roles.note(*place, Look { at_ms, role: *role, epoch, followers: 2 });
        }
    }

    #[test]
    fn a_shard_that_was_never_failed_over_is_not_whole_again() {
        let roles = roles();
        assert_eq!(roles.primary(), Some(&node("a")));
        assert_eq!((roles.promoted_ms, roles.whole_since_ms), (None, None));
    }

    #[test]
    fn only_changes_are_kept() {
        let mut roles = roles();
        see(&mut roles, 10, &[(0, Primary), (1, Replica), (2, Replica)]);
        see(&mut roles, 20, &[(0, Down), (1, Primary)]);
        let changes: Vec<(u64, &str, SeenRole)> =
            roles.changes.iter().map(|change| (change.at_ms, change.node.member.as_str(), change.role)).collect();
        let expected = [(0, "a", Primary), (0, "b", Replica), (0, "c", Replica), (20, "a", Down), (20, "b", Primary)];
        assert_eq!(changes, expected);
    }

    #[test]
    fn it_is_whole_once_the_old_primary_follows_the_new_one() {
        let mut roles = roles();
        see(&mut roles, 100, &[(1, Primary)]);
        assert_eq!((roles.promoted_ms, roles.whole_since_ms), (Some(100), None));
        see(&mut roles, 200, &[(0, Down)]);
        see(&mut roles, 300, &[(0, Syncing)]);
        assert_eq!(roles.whole_since_ms, None);
        see(&mut roles, 400, &[(0, Replica)]);
        see(&mut roles, 500, &[(0, Replica), (1, Primary), (2, Replica)]);
        assert_eq!(roles.whole_since_ms, Some(400));
        // What breaks again is whole later.
        see(&mut roles, 600, &[(2, Down)]);
        assert_eq!(roles.whole_since_ms, None);
        see(&mut roles, 700, &[(2, Replica)]);
        assert_eq!((roles.promoted_ms, roles.whole_since_ms), (Some(100), Some(700)));
    }

    #[test]
    fn what_is_failed_over_twice_is_whole_with_the_old_primary() {
        let mut roles = roles();
        see(&mut roles, 100, &[(0, Down), (1, Primary)]);
        see(&mut roles, 200, &[(0, Primary), (1, Syncing)]);
        assert_eq!(roles.whole_since_ms, None);
        see(&mut roles, 300, &[(1, Replica)]);
        assert_eq!((roles.primary(), roles.whole_since_ms), (Some(&node("a")), Some(300)));
    }

    #[test]
    fn of_two_primaries_the_later_one_counts() {
        let mut roles = roles();
        // The old one hasn't heard of it yet.
        see(&mut roles, 100, &[(1, Primary), (0, Primary), (2, Replica)]);
        assert_eq!(roles.primary(), Some(&node("b")));
        assert_eq!(roles.whole_since_ms, None);
    }

    #[test]
    fn replicas_that_the_primary_does_not_see_do_not_count() {
        let mut roles = roles();
        roles.note(1, Look { at_ms: 10, role: Primary, epoch: 2, followers: 1 });
        see(&mut roles, 20, &[(0, Replica), (2, Replica)]);
        assert_eq!(roles.whole_since_ms, None);
        roles.note(1, Look { at_ms: 30, role: Primary, epoch: 2, followers: 2 });
        assert_eq!(roles.whole_since_ms, Some(30));
    }

    #[test]
    fn who_was_not_looked_at_yet_is_still_the_primary() {
        let mut roles = Roles::new(vec![node("a"), node("b")], 0);
        roles.note(1, Look { at_ms: 1, role: Replica, epoch: 1, followers: 0 });
        assert_eq!(roles.primary().map(Node::name), Some("a"));
        roles.note(0, Look { at_ms: 2, role: Down, epoch: 0, followers: 0 });
        assert_eq!(roles.primary().map(Node::name), None);
    }

    #[test]
    fn nobody_is_primary_when_all_are_down() {
        let mut roles = roles();
        see(&mut roles, 10, &[(0, Down), (1, Down), (2, Down)]);
        assert_eq!(roles.primary(), None);
    }
}
