//! Latency spikes: for each kind of event, the worst of each second that had one.

use std::collections::BTreeMap;

/// How many seconds with spikes are remembered of each event.
const REMEMBERED: usize = 160;

/// The spikes of one event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spikes {
    /// The worst since the last reset, milliseconds.
    pub worst_ms: i64,
    samples: std::collections::VecDeque<Spike>,
}

/// The worst of one second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spike {
    /// When, seconds since the epoch.
    pub at_seconds: i64,
    /// How long, milliseconds.
    pub ms: i64,
}

/// The spikes of all events.
#[derive(Clone, Debug, Default)]
pub struct LatencyMonitor {
    events: BTreeMap<&'static str, Spikes>,
}

impl Spikes {
    /// The oldest first.
    pub fn samples(&self) -> impl ExactSizeIterator<Item = &Spike> {
        self.samples.iter()
    }

    /// The latest.
    pub fn latest(&self) -> Spike {
        self.samples.back().copied().unwrap_or_default()
    }
}

impl LatencyMonitor {
    /// Notes how long an event took at a time in seconds since the epoch.
    pub fn add(&mut self, event: &'static str, at_seconds: i64, ms: i64) {
        let spikes = self.events.entry(event).or_default();
        spikes.worst_ms = spikes.worst_ms.max(ms);
        match spikes.samples.back_mut() {
            Some(last) if last.at_seconds == at_seconds => last.ms = last.ms.max(ms),
            _ => spikes.samples.push_back(Spike { at_seconds, ms }),
        }
        if spikes.samples.len() > REMEMBERED {
            spikes.samples.pop_front();
        }
    }

    /// All events by name.
    pub fn events(&self) -> impl ExactSizeIterator<Item = (&'static str, &Spikes)> {
        self.events.iter().map(|(name, spikes)| (*name, spikes))
    }

    /// The spikes of an event.
    pub fn event(&self, name: &[u8]) -> Option<&Spikes> {
        self.events().find(|(known, _)| known.as_bytes() == name).map(|(_, spikes)| spikes)
    }

    /// Forgets an event, or all; tells how many went.
    pub fn reset(&mut self, name: Option<&[u8]>) -> usize {
        let before = self.events.len();
        self.events.retain(|known, _| name.is_some_and(|name| !known.as_bytes().eq_ignore_ascii_case(name)));
        before - self.events.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_keeps_its_worst() {
        let mut monitor = LatencyMonitor::default();
        for (at, ms) in [(1, 5), (1, 9), (1, 3), (2, 4)] {
            monitor.add("command", at, ms);
        }
        let spikes = monitor.event(b"command").unwrap();
        assert_eq!(spikes.worst_ms, 9);
        assert_eq!(spikes.latest(), Spike { at_seconds: 2, ms: 4 });
        assert_eq!(spikes.samples().map(|spike| spike.ms).collect::<Vec<_>>(), [9, 4]);
    }

    #[test]
    fn only_so_many_are_remembered() {
        let mut monitor = LatencyMonitor::default();
        for at in 0..200 {
            monitor.add("command", at, 1);
        }
        assert_eq!(monitor.event(b"command").unwrap().samples().len(), REMEMBERED);
        assert_eq!(monitor.reset(Some(b"fork")), 0);
        assert_eq!(monitor.reset(Some(b"COMMAND")), 1);
        assert_eq!(monitor.reset(None), 0);
    }
}
