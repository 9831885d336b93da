//! Keys that get another name or another database, or a double.
//!
//! What they hold goes along whole, with its time of expiry and, when it moves, with what eviction knows of it.

use super::value::Value;
use super::{Keyspace, watch::Place};

impl Keyspace {
    /// Moves what a key holds to another place, over whatever is there; tells whether the key was there. Tells those who
    /// wait for either, but notes no event but that of a new key.
    pub fn relocate(&mut self, key: &[u8], to: &Place) -> bool {
        let Some(clock) = self.peek(key).map(|entry| entry.clock()) else { return false };
        let Some((value, at)) = self.take(key) else { return false };
        self.signal(key);
        self.put(to, value, at, Some(clock));
        true
    }

    /// Copies what a key holds to another place, over whatever is there; tells whether the key was there. Tells those who
    /// wait for that place, but notes no event but that of a new key.
    pub fn duplicate(&mut self, key: &[u8], to: &Place) -> bool {
        let at = self.expires_at(key);
        let Some(value) = self.peek(key).map(|entry| entry.value.clone()) else { return false };
        self.put(to, value, at, None);
        true
    }

    /// Does something in another database.
    pub fn within<T>(&mut self, database: usize, act: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.selected, database);
        let result = act(self);
        self.selected = before;
        result
    }

    fn put(&mut self, (database, key): &Place, value: Value, at: Option<i64>, clock: Option<u32>) {
        self.within(*database, |keyspace| {
            keyspace.delete(key);
            let index = keyspace.add(key, value);
            keyspace.database_mut().set_expiry(index, at);
            if let Some(clock) = clock {
                keyspace.database_mut().at_mut(index).set_clock(clock);
            }
            keyspace.signal(key);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_moves_with_its_time_over_what_was_there() {
        let mut keyspace = Keyspace::new(2, true);
        keyspace.set(b"a", Value::Integer(1), false);
        keyspace.set_expiry(b"a", Some(100));
        keyspace.within(1, |keyspace| keyspace.set(b"b", Value::Integer(2), false));
        keyspace.watched.add((1, b"b".to_vec()), 7);
        keyspace.watched.add((0, b"a".to_vec()), 8);
        assert!(keyspace.duplicate(b"a", &(0, b"c".to_vec())));
        assert!(keyspace.relocate(b"a", &(1, b"b".to_vec())));
        assert!(!keyspace.relocate(b"a", &(1, b"b".to_vec())));
        assert_eq!(keyspace.disturbed, [8, 7]);
        assert_eq!(keyspace.expires_at(b"c"), Some(100));
        let moved = keyspace.within(1, |keyspace| keyspace.take(b"b"));
        assert!(matches!(moved, Some((Value::Integer(1), Some(100)))));
        assert_eq!((keyspace.selected, keyspace.database().len()), (0, 1));
    }
}
