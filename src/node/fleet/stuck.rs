//! Notices when a cluster makes no progress: what it waits for or what is refused, and since when.
//!
//! Pure: the time is an argument. Must not know how anything is done.

use std::time::{Duration, Instant};

use super::topology::{Action, Members, View};

/// How long the nodes may fail to agree on one point, or refuse one thing, before people are told which.
const STUCK_AFTER: Duration = Duration::from_secs(90);

/// What holds a cluster up.
#[derive(Debug, Default)]
pub struct Stuck {
    /// What it waits for now, and since when.
    waiting: Option<(String, Instant)>,
    /// The first refusal since there was progress, and when it came.
    refusal: Option<(String, Instant)>,
    /// What was done last, and the views that it followed from.
    doing: Option<(Vec<Action>, Vec<Option<View>>)>,
    /// The refusals that the log has.
    logged: Vec<String>,
}

impl Stuck {
    /// It waits for this.
    pub fn waits(&mut self, reason: String, now: Instant) {
        if self.waiting.as_ref().is_none_or(|(known, _)| *known != reason) {
            self.waiting = Some((reason, now));
        }
    }

    /// It does this now; true if it did just that before, with the nodes as they are now.
    pub fn does(&mut self, actions: &[Action], members: &Members) -> bool {
        self.waiting = None;
        let views = members.values().map(|member| Some(member.said.as_ref()?.view.clone())).collect();
        let doing = Some((actions.to_vec(), views));
        let again = self.doing == doing;
        if !again {
            (self.doing, self.refusal) = (doing, None);
        }
        again
    }

    /// These were refused; answers with those that the log does not have yet.
    pub fn refused(&mut self, refusals: Vec<String>, now: Instant) -> Vec<String> {
        let Some(first) = refusals.first() else {
            return Vec::new();
        };
        self.refusal.get_or_insert_with(|| (first.clone(), now));
        let known = std::mem::replace(&mut self.logged, refusals.clone());
        refusals.into_iter().filter(|refusal| !known.contains(refusal)).collect()
    }

    /// Why there is little hope; the same words for as long as it is the same reason.
    pub fn reason(&self, now: Instant) -> Option<String> {
        let over = |since: &Instant| now.duration_since(*since) > STUCK_AFTER;
        match (&self.waiting, &self.refusal) {
            (Some((reason, since)), _) => over(since).then(|| format!("the nodes do not agree: {reason}")),
            (None, Some((refusal, since))) => over(since).then(|| format!("a node refuses what is asked: {refusal}")),
            (None, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::topology::{Member, Said};
    use super::*;

    fn members(text: &str) -> Members {
        let said = Some(Said { view: View::parse(text).unwrap(), ..Said::default() });
        let address = "127.0.0.1:1".parse().unwrap();
        Members::from([("a".to_owned(), Member { node_id: "a".to_owned(), address, bus_port: 2, said })])
    }

    fn failover(at: &str) -> Vec<Action> {
        vec![Action::Failover { at: at.to_owned() }]
    }

    const ALONE: &str = "a 127.0.0.1:1@2 myself,master - 0 0 1 connected 0-9\n";

    #[test]
    fn what_is_refused_for_long_is_told() {
        let (mut stuck, begun) = (Stuck::default(), Instant::now());
        for second in 0..=91 {
            stuck.does(&failover("a"), &members(ALONE));
            // The words of later refusals may differ.
            stuck.refused(vec![format!("no {second}")], begun + Duration::from_secs(second));
            let told = stuck.reason(begun + Duration::from_secs(second));
            assert_eq!(told.as_deref(), (second > 90).then_some("a node refuses what is asked: no 0"));
        }
    }

    #[test]
    fn progress_begins_anew() {
        let (mut stuck, begun) = (Stuck::default(), Instant::now());
        let late = begun + Duration::from_secs(100);
        assert!(!stuck.does(&failover("a"), &members(ALONE)));
        stuck.refused(vec!["no".to_owned()], begun);
        assert!(stuck.does(&failover("a"), &members(ALONE)));
        assert!(stuck.reason(late).is_some());
        assert!(!stuck.does(&failover("a"), &members(&ALONE.replace("0-9", "0-8"))));
        assert_eq!(stuck.reason(late), None);
        stuck.refused(vec!["no".to_owned()], begun);
        assert!(!stuck.does(&failover("b"), &members(&ALONE.replace("0-9", "0-8"))));
        assert_eq!(stuck.reason(late), None);
    }

    #[test]
    fn a_repeated_refusal_is_logged_once() {
        let (mut stuck, now) = (Stuck::default(), Instant::now());
        assert_eq!(stuck.refused(vec!["no".to_owned()], now), ["no"]);
        assert!(stuck.refused(vec!["no".to_owned()], now).is_empty());
        assert!(stuck.refused(Vec::new(), now).is_empty());
        assert_eq!(stuck.refused(vec!["no".to_owned(), "never".to_owned()], now), ["never"]);
    }

    #[test]
    fn what_is_waited_for_is_told_in_the_same_words_later() {
        let (mut stuck, begun) = (Stuck::default(), Instant::now());
        stuck.waits("a is late".to_owned(), begun);
        stuck.waits("a is late".to_owned(), begun + Duration::from_secs(80));
        assert_eq!(stuck.reason(begun + Duration::from_secs(89)), None);
        let told = stuck.reason(begun + Duration::from_secs(91));
        assert_eq!(told.as_deref(), Some("the nodes do not agree: a is late"));
        assert_eq!(stuck.reason(begun + Duration::from_secs(99)), told);
    }
}
