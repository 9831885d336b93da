//! Whole databases at once: emptied, or swapped for one another.

use super::Keyspace;
use super::watch::{ClientId, Place};

/// What a change of its database is to a watched key.
#[derive(Clone, Copy, Debug)]
enum Turn {
    /// Who watches it is disturbed.
    Disturb,
    /// It had expired when it was first watched, and is gone now: nothing has changed.
    Forget,
    /// It comes, but has expired already: nothing has changed.
    Remember,
}

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
        for saw_it_expired in [false, true] {
            let watchers = if saw_it_expired { &self.watched_expired } else { &self.watched };
            let here = watchers.all().filter(|((place, _), _)| *place == number);
            let turned: Vec<_> = here
                .filter_map(|(place, clients)| {
                    let turn = self.turn_of(number, other, &place.1, saw_it_expired)?;
                    Some((place.clone(), clients.to_vec(), turn))
                })
                .collect();
            for (place, clients, turn) in turned {
                self.carry_out(turn, &place, &clients);
            }
        }
    }

    /// What the change of a whole database is to those who watch a key of it, if it is anything.
    fn turn_of(&self, number: usize, other: Option<usize>, key: &[u8], saw_it_expired: bool) -> Option<Turn> {
        let held = self.databases[number].find(key).is_some();
        let comes = other.is_some_and(|other| self.databases[other].find(key).is_some());
        let comes_expired = other.is_some_and(|other| self.has_expired_in(other, key));
        match (saw_it_expired, held, comes) {
            (_, false, false) => None,
            (true, _, false) => Some(Turn::Forget),
            (true, _, true) if comes_expired => None,
            (false, false, true) if comes_expired => Some(Turn::Remember),
            _ => Some(Turn::Disturb),
        }
    }

    fn carry_out(&mut self, turn: Turn, place: &Place, clients: &[ClientId]) {
        for client in clients {
            match turn {
                Turn::Disturb => self.disturbed.push(*client),
                Turn::Forget => self.watched_expired.hand_over(place.clone(), *client, &mut self.watched),
                Turn::Remember => self.watched.hand_over(place.clone(), *client, &mut self.watched_expired),
            }
        }
    }

    fn has_expired_in(&self, number: usize, key: &[u8]) -> bool {
        let database = &self.databases[number];
        database.find(key).and_then(|index| database.expires_at(index)).is_some_and(|at| at < self.now)
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
    fn expired_keys_that_go_or_come_change_nothing() {
        let mut keyspace = with_keys();
        keyspace.selected = 0;
        keyspace.set_expiry(b"a", Some(5));
        keyspace.now = 10;
        keyspace.watched_expired.add((0, b"a".to_vec()), 1);
        keyspace.watched.add((2, b"a".to_vec()), 2);
        keyspace.swap(0, 2);
        assert!(keyspace.disturbed.is_empty());
        assert_eq!(keyspace.watched.of(0, b"a"), [1]);
        assert_eq!(keyspace.watched_expired.of(2, b"a"), [2]);
        keyspace.flush(None);
        assert!(keyspace.disturbed.is_empty());
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
