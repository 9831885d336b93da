//! Whether a node that runs but does not answer hangs, as against one that is only busy or paused for a moment.
//!
//! Pure: the time is an argument. A node that answers with an error, such as while it loads, does not hang. Several
//! questions have to go unanswered, so that a server that was itself held up takes nobody for hanging.

use std::time::{Duration, Instant};

/// Longer than a node's cluster takes it for dead by so much, and it is replaced. A failover comes first, then; and a
/// pause that ends within it (a debugger, a copy of a large memory) costs no replacement.
const BEYOND_NODE_TIMEOUT: Duration = Duration::from_secs(8);
/// Questions in a row that go unanswered at the least.
const LEAST_UNANSWERED: u32 = 3;
/// The same before others take over from a primary, which costs no node.
const LEAST_UNANSWERED_OF_PRIMARY: u32 = 2;
/// How many times longer a node is waited for that alone has its data, or that has never answered.
const SPARELESS_FACTOR: u32 = 6;
/// Longest part of the silence, in node timeouts, that counts as time for the cluster's own failover.
const MOST_COUNTED_NODE_TIMEOUTS: u32 = 4;

/// How long a node has not answered.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silence {
    since: Option<Instant>,
    unanswered: u32,
}

impl Silence {
    /// It has answered.
    pub fn broken(&mut self) {
        *self = Silence::default();
    }

    /// A question that was put at `asked` has gone unanswered.
    pub fn goes_on(&mut self, asked: Instant) {
        self.since.get_or_insert(asked);
        self.unanswered = self.unanswered.saturating_add(1);
    }

    /// Whether a process that has been silent so long is to be ended. `can_be_spared` says whether it has once
    /// answered, and another has its data.
    pub fn is_a_hang(&self, now: Instant, node_timeout: Duration, can_be_spared: bool) -> bool {
        let patience = node_timeout + BEYOND_NODE_TIMEOUT;
        let patience = if can_be_spared { patience } else { patience * SPARELESS_FACTOR };
        self.unanswered >= LEAST_UNANSWERED && self.lasted(now) > patience
    }

    /// Since when a process that has now ended counts as dead: the cluster has missed it for as long as it was silent.
    pub fn dead_since(&self, now: Instant, node_timeout: Duration) -> Instant {
        let counted = self.lasted(now).min(node_timeout * MOST_COUNTED_NODE_TIMEOUTS);
        now.checked_sub(counted).unwrap_or(now)
    }

    /// How long a primary has been as good as dead to its shard, for others to take over from it: from one node timeout
    /// on, as what is shorter may be a pause. `None` before that.
    pub fn lost_for(&self, now: Instant, node_timeout: Duration) -> Option<Duration> {
        let lasted = self.lasted(now).checked_sub(node_timeout)?;
        (self.unanswered >= LEAST_UNANSWERED_OF_PRIMARY).then_some(lasted)
    }

    fn lasted(&self, now: Instant) -> Duration {
        self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(2);

    fn silent(questions: u32, begun: Instant) -> Silence {
        let mut silence = Silence::default();
        (0..questions).for_each(|n| silence.goes_on(begun + Duration::from_secs(2) * n));
        silence
    }

    #[test]
    fn a_node_hangs_when_it_is_silent_for_longer_than_a_pause() {
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        assert!(!silent(5, begun).is_a_hang(after(9), TIMEOUT, true));
        assert!(silent(5, begun).is_a_hang(after(11), TIMEOUT, true));
        assert!(!silent(2, begun).is_a_hang(after(1000), TIMEOUT, true), "the server was held up itself");
    }

    #[test]
    fn an_answer_ends_the_silence() {
        let begun = Instant::now();
        let mut silence = silent(5, begun);
        silence.broken();
        silence.goes_on(begun + Duration::from_secs(20));
        assert!(!silence.is_a_hang(begun + Duration::from_secs(21), TIMEOUT, true));
    }

    #[test]
    fn the_only_holder_of_data_is_waited_for_much_longer() {
        let begun = Instant::now();
        assert!(!silent(9, begun).is_a_hang(begun + Duration::from_secs(59), TIMEOUT, false));
        assert!(silent(9, begun).is_a_hang(begun + Duration::from_secs(61), TIMEOUT, false));
    }

    #[test]
    fn a_primary_is_lost_one_node_timeout_after_it_fell_silent() {
        let begun = Instant::now();
        let lost_for =
            |questions, seconds| silent(questions, begun).lost_for(begun + Duration::from_secs(seconds), TIMEOUT);
        assert_eq!(lost_for(2, 1), None);
        assert_eq!(lost_for(1, 100), None, "the server was held up itself");
        assert_eq!(lost_for(2, 5), Some(Duration::from_secs(3)));
    }

    #[test]
    fn silence_counts_as_death_but_not_without_bounds() {
        let begun = Instant::now();
        let now = begun + Duration::from_secs(60);
        assert_eq!(Silence::default().dead_since(now, TIMEOUT), now);
        assert_eq!(silent(1, begun).dead_since(now, TIMEOUT), now - Duration::from_secs(8));
    }
}
