//! Which events are new: each is told once, whatever is asked for again, and none is lost that comes late or has the
//! time of another. Pure.

use std::collections::BTreeMap;

use shardform::cloud::CloudEvent;

/// How far behind the latest event is asked again: clouds tell some events later than others of a later time.
const OVERLAP_MS: u64 = 10 * 60_000;

/// What makes events the same one.
type Key = (u64, String, String, String);

/// What has been told.
pub struct Tail {
    since_ms: u64,
    latest_ms: u64,
    told: BTreeMap<Key, usize>,
}

impl Tail {
    /// Nothing yet; events from this moment on.
    pub fn new(since_ms: u64) -> Self {
        Tail { since_ms, latest_ms: since_ms, told: BTreeMap::new() }
    }

    /// From which moment on to ask.
    pub fn ask_since_ms(&self) -> u64 {
        self.latest_ms.saturating_sub(OVERLAP_MS).max(self.since_ms)
    }

    /// What of an answer is new, in its order. Two that are alike in everything are two.
    pub fn news(&mut self, events: Vec<CloudEvent>) -> Vec<CloudEvent> {
        let mut answered: BTreeMap<Key, usize> = BTreeMap::new();
        let mut news = Vec::new();
        for event in events {
            let count = answered.entry(key(&event)).or_default();
            *count += 1;
            let told = self.told.entry(key(&event)).or_default();
            if *count > *told {
                *told = *count;
                self.latest_ms = self.latest_ms.max(event.at_ms);
                news.push(event);
            }
        }
        // What is no longer asked for can't come again.
        let from_ms = self.ask_since_ms();
        self.told.retain(|(at_ms, ..), _| *at_ms >= from_ms);
        news
    }
}

fn key(event: &CloudEvent) -> Key {
    (event.at_ms, event.source_type.clone(), event.source.clone(), event.message.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(at_ms: u64, message: &str) -> CloudEvent {
        CloudEvent {
            at_ms,
            source_type: "cache-cluster".to_owned(),
            source: "day19-0001-001".to_owned(),
            message: message.to_owned(),
        }
    }

    #[test]
    fn nothing_comes_twice() {
        let mut tail = Tail::new(1_000);
        let all = vec![event(1_000, "a"), event(2_000, "b")];
        assert_eq!(tail.news(all.clone()), all);
        assert_eq!(tail.news(all), []);
    }

    #[test]
    fn nothing_is_lost_that_has_the_time_of_another_or_comes_late() {
        let mut tail = Tail::new(0);
        tail.news(vec![event(2_000, "a")]);
        let late = vec![event(1_000, "late"), event(2_000, "a"), event(2_000, "b"), event(2_000, "b")];
        assert_eq!(tail.news(late), [event(1_000, "late"), event(2_000, "b"), event(2_000, "b")]);
        let again = vec![event(2_000, "b"), event(2_000, "b"), event(2_000, "b")];
        assert_eq!(tail.news(again), [event(2_000, "b")]);
    }

    #[test]
    fn what_is_asked_again_is_bounded_and_never_before_the_beginning() {
        let mut tail = Tail::new(5_000_000);
        assert_eq!(tail.ask_since_ms(), 5_000_000);
        tail.news(vec![event(5_000_001, "a")]);
        assert_eq!(tail.ask_since_ms(), 5_000_000);
        tail.news(vec![event(9_000_000, "b")]);
        assert_eq!(tail.ask_since_ms(), 9_000_000 - OVERLAP_MS);
        assert_eq!(tail.told.len(), 1);
    }
}
