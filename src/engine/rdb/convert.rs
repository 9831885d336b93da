//! Between the format's values and those that keys hold.
//!
//! Knows the types that a key can hold and their limits; must not know keys or databases.

use super::value::{ListPart, RdbValue};
use super::writer::{Part, ValueRef};
use crate::engine::config::settings::Collections;
use crate::engine::data::hash::{self, Hash};
use crate::engine::data::list::{End, List, NodeLimit, NodeView};
use crate::engine::data::listpack::{Element, Listpack};
use crate::engine::data::numbers::INTEGER_TEXT_LENGTH;
use crate::engine::data::set::{self, Set};
use crate::engine::data::sorted_set::{self, AddOptions, Added, SortedSet};
use crate::engine::keyspace::value::{Collection, Value};

/// Up to where collections stay in their compact encodings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of a list's node.
    pub list: NodeLimit,
    /// Of a set.
    pub set: set::Limits,
    /// Of a hash.
    pub hash: hash::Limits,
    /// Of a sorted set.
    pub sorted_set: sorted_set::Limits,
}

impl Limits {
    /// As they are set.
    #[must_use]
    pub fn new(set: &Collections) -> Self {
        Self {
            list: NodeLimit::from_setting(set.list_max_listpack_size),
            set: set::Limits { max_intset_entries: set.set_max_intset_entries },
            hash: hash::Limits {
                max_listpack_entries: set.hash_max_listpack_entries,
                max_listpack_value: set.hash_max_listpack_value,
            },
            sorted_set: sorted_set::Limits {
                max_listpack_entries: set.zset_max_listpack_entries,
                max_listpack_value: set.zset_max_listpack_value,
            },
        }
    }
}

/// The value for a key; nothing if it holds something twice, or a score that is none.
#[must_use]
pub fn take(value: RdbValue, limits: &Limits) -> Option<Value> {
    match value {
        RdbValue::Text(text) if text.len() <= INTEGER_TEXT_LENGTH => Some(Value::string(&text)),
        RdbValue::Text(text) => Some(Value::Text(text.into())),
        RdbValue::List(parts) => Some(list(parts, limits.list).into_value()),
        RdbValue::Set(members) => set(&members, &limits.set).map(Set::into_value),
        RdbValue::SetIntset(numbers) => Some(Set::from_intset(numbers, &limits.set).into_value()),
        RdbValue::SetListpack(pack) => {
            let members: Vec<Vec<u8>> = pack.iter().map(Element::to_vec).collect();
            set(&members, &limits.set).map(Set::into_value)
        }
        RdbValue::Hash(pairs) => hash(&pairs, &limits.hash).map(Hash::into_value),
        RdbValue::HashListpack(pack) if !fields_differ(&pack) => None,
        RdbValue::HashListpack(pack) => Hash::from_listpack(pack, &limits.hash).map(Hash::into_value),
        RdbValue::SortedSet(pairs) => sorted_set(&pairs, limits.sorted_set).map(SortedSet::into_value),
        RdbValue::SortedSetListpack(pack) => {
            SortedSet::from_listpack(pack, limits.sorted_set).map(SortedSet::into_value)
        }
    }
}

fn list(parts: Vec<ListPart>, limit: NodeLimit) -> List {
    let mut list = List::new();
    for part in parts {
        match part {
            ListPart::Listpack(pack) => list.push_listpack(pack, limit),
            ListPart::Element(element) => list.push(End::Tail, &element, limit),
        }
    }
    list
}

fn set(members: &[Vec<u8>], limits: &set::Limits) -> Option<Set> {
    let large = members.len() > limits.max_intset_entries;
    let mut set = if large { Set::with_capacity(members.len()) } else { Set::new() };
    members.iter().all(|member| set.insert(member, limits)).then_some(set)
}

fn hash(pairs: &[(Vec<u8>, Vec<u8>)], limits: &hash::Limits) -> Option<Hash> {
    let large = pairs.len() > limits.max_listpack_entries;
    let mut hash = if large { Hash::with_capacity(pairs.len()) } else { Hash::new() };
    pairs.iter().all(|(field, value)| hash.set(field, value, limits)).then_some(hash)
}

fn sorted_set(pairs: &[(Vec<u8>, f64)], limits: sorted_set::Limits) -> Option<SortedSet> {
    let mut set =
        SortedSet::expecting(pairs.len(), pairs.iter().map(|(member, _)| member.len()).max().unwrap_or(0), limits);
    let mut add = |member: &[u8], score| set.add(member, score, AddOptions::default(), limits);
    pairs.iter().all(|(member, score)| matches!(add(member, *score), Added::New(_))).then_some(set)
}

/// Whether no field is there twice. Text that is an integer may be packed either way, so texts are compared.
fn fields_differ(pack: &Listpack) -> bool {
    let mut fields: Vec<_> = pack.pairs().map(|(field, _)| field.to_small_bytes()).collect();
    fields.sort_unstable();
    fields.is_sorted_by(|one, next| one < next)
}

/// Lends a key's value to `with` as it is to be written.
pub fn lend<T>(value: &Value, with: impl FnOnce(ValueRef<'_, '_>) -> T) -> T {
    match value {
        Value::Integer(number) => with(ValueRef::Text(Element::Integer(*number))),
        Value::Text(text) => with(ValueRef::Text(Element::Bytes(text.as_slice()))),
        Value::Raw(bytes) => with(ValueRef::Text(Element::Bytes(bytes))),
        Value::List(list) => with(ValueRef::List(list.nodes().len(), &mut list.nodes().map(part))),
        Value::Set(set) => match set.as_intset() {
            Some(numbers) => with(ValueRef::SetIntset(numbers)),
            None => with(ValueRef::Set(set.len(), &mut set.iter())),
        },
        Value::Hash(hash) => match hash.as_listpack() {
            Some(pack) => with(ValueRef::HashListpack(pack)),
            None => with(ValueRef::Hash(hash.len(), &mut hash.iter())),
        },
        Value::SortedSet(set) => match set.listpack() {
            Some(pack) => with(ValueRef::SortedSetListpack(pack)),
            // From the highest score down, each is the first when it is put back.
            None => with(ValueRef::SortedSet(set.len(), &mut set.iter().rev())),
        },
    }
}

fn part(node: NodeView<'_>) -> Part<'_> {
    match node {
        NodeView::Packed(pack) => Part::Listpack(pack),
        NodeView::Plain(element) => Part::Element(element),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Limits, lend, take};
    use crate::engine::data::list::NodeLimit;
    use crate::engine::data::listpack::Listpack;
    use crate::engine::data::{hash, set, sorted_set};
    use crate::engine::rdb::{RdbValue, dump, restore};

    /// Those of a server that nothing was set for.
    pub fn default_limits() -> Limits {
        Limits {
            list: NodeLimit::from_setting(-2),
            set: set::Limits { max_intset_entries: 512 },
            hash: hash::Limits { max_listpack_entries: 128, max_listpack_value: 64 },
            sorted_set: sorted_set::Limits { max_listpack_entries: 128, max_listpack_value: 64 },
        }
    }

    fn pack(texts: &[&str]) -> Listpack {
        let mut pack = Listpack::new();
        texts.iter().for_each(|text| pack.push_back(text.as_bytes()));
        pack
    }

    fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
        texts.iter().map(|text| text.as_bytes().to_vec()).collect()
    }

    #[test]
    fn what_is_there_twice_is_refused() {
        let pair = |text: &str| (text.as_bytes().to_vec(), b"v".to_vec());
        for bad in [
            RdbValue::Set(texts(&["a", "b", "a"])),
            RdbValue::Set(texts(&["1", "2", "1"])),
            RdbValue::SetListpack(pack(&["a", "a"])),
            RdbValue::Hash(vec![pair("f"), pair("f")]),
            RdbValue::HashListpack(pack(&["f", "1", "g", "2", "f", "3"])),
            RdbValue::SortedSet(vec![(b"m".to_vec(), 1.0), (b"m".to_vec(), 2.0)]),
            RdbValue::SortedSetListpack(pack(&["m", "1", "m", "2"])),
            RdbValue::SortedSetListpack(pack(&["m", "high"])),
        ] {
            assert!(take(bad.clone(), &default_limits()).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn members_out_of_order_are_put_in_order() {
        let value = take(RdbValue::SortedSetListpack(pack(&["b", "2", "a", "1.5"])), &default_limits()).unwrap();
        let payload = lend(&value, |value| dump(value, true));
        assert_eq!(restore(&payload), Ok(RdbValue::SortedSetListpack(pack(&["a", "1.5", "b", "2"]))));
    }

    #[test]
    fn encodings_follow_the_limits_here() {
        let many: Vec<Vec<u8>> = (0..600).map(|number: i32| number.to_string().into_bytes()).collect();
        let pairs: Vec<_> = many.iter().map(|text| (text.clone(), text.clone())).collect();
        let scored: Vec<_> = many.iter().map(|text| (text.clone(), 1.5)).collect();
        for (value, few, encoding) in [
            (RdbValue::Set(many.clone()), RdbValue::Set(many[..9].to_vec()), ["hashtable", "intset"]),
            (RdbValue::Hash(pairs.clone()), RdbValue::Hash(pairs[..9].to_vec()), ["hashtable", "listpack"]),
            (RdbValue::SortedSet(scored.clone()), RdbValue::SortedSet(scored[..9].to_vec()), ["skiplist", "listpack"]),
        ] {
            let values = [value, few].map(|value| take(value, &default_limits()).unwrap());
            assert_eq!(values.each_ref().map(|value| value.encoding()), encoding);
            for value in values {
                let again =
                    take(restore(&lend(&value, |value| dump(value, false))).unwrap(), &default_limits()).unwrap();
                assert_eq!((again.encoding(), again.elements()), (value.encoding(), value.elements()));
            }
        }
    }
}
