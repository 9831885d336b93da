//! Whole databases at once: emptied, or swapped for one another.

use super::Keyspace;

impl Keyspace {
    /// Takes all keys out of a database, or of all; tells those who watch them, and answers how many there were.
    pub fn flush(&mut self, only: Option<usize>) -> u64 {
        let mut gone = 0;
        for number in (0..self.databases.len()).filter(|number| only.is_none_or(|only| only == *number)) {
            self.disturb_watchers(number, None);
            gone += self.databases[number].clear() as u64;
        }
        gone
    }

    /// Swaps two databases; tells those who watch keys of either, or are blocked on one that is there now.
    pub fn swap(&mut self, first: usize, second: usize) {
        self.disturb_watchers(first, Some(second));
        self.disturb_watchers(second, Some(first));
        self.databases.swap(first, second);
        let there = |place: &&(usize, Vec<u8>)| {
            (place.0 == first || place.0 == second) && self.databases[place.0].find(&place.1).is_some()
        };
        let ready: Vec<_> = self.awaited.all().map(|(place, _)| place).filter(there).cloned().collect();
        self.ready.extend(ready);
    }

    /// Tells those who watch keys of a database that is about to lose its keys, or to get those of another one. A key
    /// that is in neither does not change.
    fn disturb_watchers(&mut self, number: usize, other: Option<usize>) {
        if self.watched.is_empty() {
            return;
        }
        let held = |number: usize, key: &[u8]| self.databases[number].find(key).is_some();
        let changes = |place: usize, key: &[u8]| {
            place == number && (held(number, key) || other.is_some_and(|other| held(other, key)))
        };
        let touched = self.watched.all().filter(|((place, key), _)| changes(*place, key));
        let clients: Vec<_> = touched.flat_map(|(_, clients)| clients.iter().copied()).collect();
        self.disturbed.extend(clients);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::keyspace::value::Value;

    fn with_keys() -> Keyspace {
        let mut keyspace = Keyspace::new(3, false);
        for (database, key) in [(0, b"a"), (0, b"b"), (1, b"c")] {
            keyspace.selected = database;
            keyspace.set(key, Value::Integer(1), false);
        }
        keyspace
    }

    #[test]
    fn flushing_disturbs_those_who_watch_what_goes() {
        let mut keyspace = with_keys();
        keyspace.watched.add((0, b"a".to_vec()), 1);
        keyspace.watched.add((0, b"nothing".to_vec()), 2);
        keyspace.watched.add((1, b"c".to_vec()), 3);
        assert_eq!(keyspace.flush(Some(0)), 2);
        assert_eq!(keyspace.disturbed, [1]);
        assert_eq!(keyspace.flush(None), 1);
        assert_eq!(keyspace.disturbed, [1, 3]);
    }

    #[test]
    fn swapping_brings_keys_that_were_awaited() {
        let mut keyspace = with_keys();
        keyspace.awaited.add((2, b"c".to_vec()), 1);
        keyspace.watched.add((2, b"c".to_vec()), 2);
        keyspace.swap(1, 2);
        assert_eq!(keyspace.ready, [(2, b"c".to_vec())]);
        assert_eq!(keyspace.disturbed, [2]);
        assert_eq!(keyspace.databases()[2].len(), 1);
    }
}
