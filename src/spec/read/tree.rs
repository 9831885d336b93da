//! The plan file as a tree: scalars with their own text, and entries in their order, duplicates included.
//!
//! Knows YAML's shapes and nothing of a plan file's fields. The text of a scalar is kept because a type would lose it:
//! `7.10` is a version to us and 7.1 to YAML. Must not know positions; a node's path is what `locate` finds it by.

use std::fmt;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, IgnoredAny, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::problems::Problems;

/// Where a node hangs: the number of each entry or item on the way down.
pub(super) type Path = Vec<usize>;

/// One value of the plan file.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// The way to it from the root.
    pub(super) path: Path,
    /// What it is.
    pub(super) kind: Kind,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Nothing, `~` or `null`.
    Null,
    /// One value, as it is written (without quotes).
    Scalar {
        /// Its text.
        text: String,
        /// What YAML takes it for.
        form: Form,
    },
    /// A list.
    List(Vec<Node>),
    /// A mapping.
    Map(Vec<Entry>),
    /// Something with a `!tag`.
    Tagged(String),
    /// Something that a problem was already told about.
    Broken,
}

/// What YAML takes a scalar for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `true` or `false`.
    Bool(bool),
    /// A number without quotes.
    Number,
    /// Text.
    Text,
    /// Text that came out of `${…}`: it may stand for a number or a boolean as well.
    Replaced,
}

/// One entry of a mapping.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its key, which has the same path as its value.
    pub(super) key: Node,
    /// Its value.
    pub(super) value: Node,
}

impl Entry {
    /// The key's text; `None` where the key is not one.
    pub(super) fn name(&self) -> Option<&str> {
        match &self.key.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }
}

impl Node {
    /// Reads the tree from a YAML document.
    pub(super) fn from_yaml(text: &str) -> Result<Node, serde_yaml::Error> {
        let mut root = Build { path: Vec::new() }.deserialize(serde_yaml::Deserializer::from_str(text))?;
        // The second walk asks for each scalar's text, which the typed answers of the first don't have.
        Fill { node: &mut root }.deserialize(serde_yaml::Deserializer::from_str(text))?;
        Ok(root)
    }

    /// The value of the entry `name`, where this is a mapping that has it.
    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find(|entry| entry.name() == Some(name)).map(|entry| &entry.value),
            _ => None,
        }
    }

    /// The path of `dotted`, such as `cluster.node_groups[0].slots`, or of the nearest parent that exists; and whether
    /// it is the whole way.
    pub(super) fn find(&self, dotted: &str) -> (Path, bool) {
        let mut node = self;
        for part in dotted.split(['.', '[']) {
            let part = part.trim_end_matches(']');
            let next = match (&node.kind, part.parse::<usize>()) {
                (Kind::List(items), Ok(index)) => items.get(index),
                _ => node.get(part),
            };
            match next {
                Some(next) => node = next,
                None => return (node.path.clone(), false),
            }
        }
        (node.path.clone(), true)
    }
}

/// Replaces `<<: *base` by the entries of the base (an entry beside it wins), and tells of keys that stand twice.
pub(super) fn merged(node: Node, problems: &mut Problems) -> Node {
    let Node { path, kind } = node;
    let kind = match kind {
        Kind::List(items) => Kind::List(items.into_iter().map(|item| merged(item, problems)).collect()),
        Kind::Map(entries) => Kind::Map(merged_entries(entries, problems)),
        other => other,
    };
    Node { path, kind }
}

fn merged_entries(entries: Vec<Entry>, problems: &mut Problems) -> Vec<Entry> {
    let mut own: Vec<Entry> = Vec::new();
    let mut inherited = Vec::new();
    for Entry { key, value } in entries {
        let value = merged(value, problems);
        let entry = Entry { key, value };
        let Some(name) = entry.name() else {
            problems.at_key(&entry.key, "a key must be a plain word", Some("lists and mappings can't be keys"));
            continue;
        };
        if name == "<<" {
            match entry.value.kind {
                Kind::Map(entries) => inherited.extend(entries),
                Kind::List(items) if items.iter().all(|item| matches!(item.kind, Kind::Map(_))) => {
                    for item in items {
                        if let Kind::Map(entries) = item.kind {
                            inherited.extend(entries);
                        }
                    }
                }
                _ => problems.at_key(
                    &entry.key,
                    "`<<` takes the entries of another mapping",
                    Some("give it an alias such as `<<: *base`, where `&base` marks a mapping"),
                ),
            }
        } else if own.iter().any(|earlier| earlier.name() == Some(name)) {
            let message = format!("`{name}` stands here a second time");
            problems.at_key(&entry.key, &message, Some("keep one of the two"));
        } else {
            own.push(entry);
        }
    }
    for entry in inherited {
        if !own.iter().any(|earlier| earlier.name() == entry.name()) {
            own.push(entry);
        }
    }
    own
}

/// Builds a node; the text of its scalars is filled in later.
struct Build {
    path: Path,
}

impl Build {
    fn child(&self, index: usize) -> Build {
        let mut path = self.path.clone();
        path.push(index);
        Build { path }
    }

    fn node(self, kind: Kind) -> Node {
        Node { path: self.path, kind }
    }

    fn scalar(self, form: Form) -> Node {
        self.node(Kind::Scalar { text: String::new(), form })
    }
}

impl<'de> DeserializeSeed<'de> for Build {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Build {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(self.scalar(Form::Bool(value)))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(self.scalar(Form::Number))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(self.scalar(Form::Number))
    }

    fn visit_u128<E>(self, _: u128) -> Result<Node, E> {
        Ok(self.scalar(Form::Number))
    }

    fn visit_i128<E>(self, _: i128) -> Result<Node, E> {
        Ok(self.scalar(Form::Number))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(self.scalar(Form::Number))
    }

    fn visit_str<E>(self, _: &str) -> Result<Node, E> {
        Ok(self.scalar(Form::Text))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(self.node(Kind::Null))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(self.node(Kind::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self.child(items.len()))? {
            items.push(item);
        }
        Ok(self.node(Kind::List(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key_seed(self.child(entries.len()))? {
            let value = map.next_value_seed(self.child(entries.len()))?;
            entries.push(Entry { key, value });
        }
        Ok(self.node(Kind::Map(entries)))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Node, A::Error> {
        let (tag, content) = data.variant::<String>()?;
        content.newtype_variant::<IgnoredAny>()?;
        Ok(self.node(Kind::Tagged(tag)))
    }
}

/// Walks a tree that was built from the same document, and fills in the scalars' text.
struct Fill<'a> {
    node: &'a mut Node,
}

impl<'de> DeserializeSeed<'de> for Fill<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match &mut self.node.kind {
            Kind::Scalar { text, .. } => *text = String::deserialize(deserializer)?,
            Kind::List(_) | Kind::Map(_) => deserializer.deserialize_any(self)?,
            Kind::Null | Kind::Tagged(_) | Kind::Broken => {
                IgnoredAny::deserialize(deserializer)?;
            }
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for Fill<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the same value as before")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        if let Kind::List(items) = &mut self.node.kind {
            for node in items {
                seq.next_element_seed(Fill { node })?;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if let Kind::Map(entries) = &mut self.node.kind {
            for entry in entries {
                map.next_key_seed(Fill { node: &mut entry.key })?;
                map.next_value_seed(Fill { node: &mut entry.value })?;
            }
        }
        Ok(())
    }
}
