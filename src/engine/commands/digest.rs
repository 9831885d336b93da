//! DEBUG DIGEST: a fingerprint of keys and values that is the same on every node that holds the same, a redis-server
//! included. What has no order in a collection has none in its fingerprint.

use sha1::{Digest as _, Sha1};

use crate::engine::data::dict::Keyed;
use crate::engine::data::listpack::Element;
use crate::engine::data::numbers::append_float;
use crate::engine::keyspace::Keyspace;
use crate::engine::keyspace::database::Database;
use crate::engine::keyspace::value::Value;

/// A fingerprint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint([u8; 20]);

impl Fingerprint {
    /// In hexadecimal.
    pub fn text(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Adds something in no order: twice the same is as if it never was.
    fn add(&mut self, bytes: &[u8]) {
        for (own, other) in self.0.iter_mut().zip(Sha1::digest(bytes)) {
            *own ^= other;
        }
    }

    /// Adds something behind what was added before.
    fn append(&mut self, bytes: &[u8]) {
        self.add(bytes);
        self.0 = Sha1::digest(self.0).into();
    }

    fn append_element(&mut self, element: Element<'_>) {
        self.append(element.to_text(&mut itoa::Buffer::new()));
    }

    fn append_score(&mut self, score: f64) {
        let mut text = Vec::new();
        append_float(&mut text, score);
        self.append(&text);
    }
}

/// The fingerprint of all databases.
pub fn of_all(keyspace: &Keyspace) -> Fingerprint {
    let mut all = Fingerprint::default();
    for (number, database) in keyspace.databases().iter().enumerate().filter(|(_, database)| !database.is_empty()) {
        all.append(&u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes());
        for entry in database.entries().iter() {
            let mut one = Fingerprint::default();
            one.append(entry.key());
            append_value(&mut one, &entry.value, entry.has_expiry());
            all.add(&one.0);
        }
    }
    all
}

/// The fingerprint of a key's value; of nothing where the key is not there.
pub fn of_key(database: &Database, key: &[u8]) -> Fingerprint {
    let mut one = Fingerprint::default();
    if let Some(index) = database.find(key) {
        let entry = database.at(index);
        append_value(&mut one, &entry.value, entry.has_expiry());
    }
    one
}

fn append_value(to: &mut Fingerprint, value: &Value, expires: bool) {
    // The numbers that Redis gives the types.
    let kind: u32 = match value {
        Value::Integer(_) | Value::Text(_) | Value::Raw(_) => 0,
        Value::List(_) => 1,
        Value::Set(_) => 2,
        Value::SortedSet(_) => 3,
        Value::Hash(_) => 4,
    };
    to.append(&kind.to_be_bytes());
    match value {
        Value::List(list) => list.iter().for_each(|element| to.append_element(element)),
        Value::Set(set) => set.iter().for_each(|member| to.add(member.to_text(&mut itoa::Buffer::new()))),
        Value::SortedSet(set) => {
            for (member, score) in set.iter() {
                let mut pair = Fingerprint::default();
                pair.append_element(member);
                pair.append_score(score);
                to.add(&pair.0);
            }
        }
        Value::Hash(hash) => {
            for (field, value) in hash.iter() {
                let mut pair = Fingerprint::default();
                pair.append_element(field);
                pair.append_element(value);
                to.add(&pair.0);
            }
        }
        string => to.append(&string.as_bytes().unwrap_or_default()),
    }
    if expires {
        to.add(b"!!expire!!");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_has_the_fingerprint_that_redis_server_gives_it() {
        let mut keyspace = Keyspace::new(1, false);
        assert_eq!(of_all(&keyspace).text(), "0".repeat(40));
        keyspace.set(b"foo", Value::string(b"bar"), false);
        let one = of_key(keyspace.database(), b"foo");
        assert_eq!(one.text(), FOO_BAR_VALUE);
        assert_eq!(of_all(&keyspace).text(), FOO_BAR_ALL);
        keyspace.set_expiry(b"foo", Some(i64::MAX));
        assert_ne!(of_key(keyspace.database(), b"foo"), one);
        assert_eq!(of_key(keyspace.database(), b"nothing"), Fingerprint::default());
    }

    const FOO_BAR_VALUE: &str = "68467c70ae30376e7ce005bcc8827f5ba7fd67dc";
    const FOO_BAR_ALL: &str = "d2ab4820c1be0580ea28efbfe8bfa1dc05bb802a";
}
