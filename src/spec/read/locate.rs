//! Where a node stands: line and column, asked of the YAML parser.
//!
//! The parser tells positions only in its errors. So one is raised: a walk goes to the wanted node and fails there, and
//! the parser adds the place. That is one parse for each problem shown, and none for a file that is right.
//! Knows paths through a document, and nothing of what the document says.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Located;

/// Which side of a mapping's entry is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The key.
    Key,
    /// The value.
    Value,
}

/// The position of the node at `path`, or of the nearest parent that the parser can tell.
pub(super) fn locate(text: &str, path: &[usize], side: Side) -> Located {
    let mut path = path;
    let mut side = side;
    loop {
        let walk = Walk { path, side };
        let answer = walk.deserialize(serde_yaml::Deserializer::from_str(text));
        if let Some(place) = answer.err().and_then(|error| error.location()) {
            return Located { line: place.line(), column: place.column() };
        }
        match path.split_last() {
            Some((_, parents)) => path = parents,
            None => return Located { line: 1, column: 1 },
        }
        side = Side::Key;
    }
}

/// The position of the second document of a file.
pub(super) fn second_document(text: &str) -> Option<Located> {
    let document = serde_yaml::Deserializer::from_str(text).nth(1)?;
    let place = document.deserialize_any_here().err()?.location()?;
    Some(Located { line: place.line(), column: place.column() })
}

/// A deserializer that is asked for nothing but its position.
trait Here {
    fn deserialize_any_here(self) -> Result<(), serde_yaml::Error>;
}

impl Here for serde_yaml::Deserializer<'_> {
    fn deserialize_any_here(self) -> Result<(), serde_yaml::Error> {
        Walk { path: &[], side: Side::Value }.deserialize(self)
    }
}

/// Goes down `path` and fails at its end.
struct Walk<'a> {
    path: &'a [usize],
    side: Side,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.path.is_empty() { deserializer.deserialize_any(Raise) } else { deserializer.deserialize_any(self) }
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a way down")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Some((index, rest)) = self.path.split_first() else {
            return Err(A::Error::custom("here"));
        };
        for _ in 0..*index {
            seq.next_element::<IgnoredAny>()?;
        }
        seq.next_element_seed(Walk { path: rest, side: self.side })?;
        Err(A::Error::custom("here"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((index, rest)) = self.path.split_first() else {
            return Err(A::Error::custom("here"));
        };
        for _ in 0..*index {
            map.next_entry::<IgnoredAny, IgnoredAny>()?;
        }
        if rest.is_empty() && self.side == Side::Key {
            map.next_key_seed(Walk { path: &[], side: Side::Value })?;
        } else if map.next_key::<IgnoredAny>()?.is_some() {
            map.next_value_seed(Walk { path: rest, side: self.side })?;
        }
        Err(A::Error::custom("here"))
    }
}

/// Fails whatever it is shown: each method's default is an error, and the parser adds the position of the event.
struct Raise;

impl Visitor<'_> for Raise {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a position")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, path: &[usize], side: Side) -> (usize, usize) {
        let place = locate(text, path, side);
        (place.line, place.column)
    }

    #[test]
    fn keys_and_values_of_every_shape_are_found() {
        let text = "a: 1\nb:\n  c: [x, {d: e}]\n  f: |\n    text\ng:\n- h\n-   i\n";
        assert_eq!(at(text, &[], Side::Value), (1, 1));
        assert_eq!(at(text, &[0], Side::Key), (1, 1));
        assert_eq!(at(text, &[0], Side::Value), (1, 4));
        assert_eq!(at(text, &[1], Side::Key), (2, 1));
        assert_eq!(at(text, &[1], Side::Value), (3, 3));
        assert_eq!(at(text, &[1, 0, 1, 0], Side::Key), (3, 11));
        assert_eq!(at(text, &[1, 0, 1, 0], Side::Value), (3, 14));
        assert_eq!(at(text, &[1, 1], Side::Value), (4, 6));
        assert_eq!(at(text, &[2, 1], Side::Value), (8, 5));
    }

    #[test]
    fn a_way_that_does_not_exist_ends_at_its_nearest_parent() {
        assert_eq!(at("a: {b: 1}\n", &[0, 5], Side::Key), (1, 4));
        assert_eq!(at("", &[3, 4], Side::Key), (1, 1));
    }

    #[test]
    fn an_alias_is_found_where_its_anchor_is() {
        let text = "a: &x {b: 1}\nc: *x\n";
        assert_eq!(at(text, &[1], Side::Key), (2, 1));
        assert_eq!(at(text, &[1, 0], Side::Key), (1, 8));
    }

    #[test]
    fn columns_are_counted_in_characters() {
        assert_eq!(at("é: {日本: x}\n", &[0, 0], Side::Value), (1, 9));
    }
}
