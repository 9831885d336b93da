//! SORT: the elements of a list, set or sorted set in order, or what keys named after them hold.

use std::cmp::Ordering;
use std::ops::Range;

use super::arguments::{integer, is};
use super::command::{Categories, Command, Flags};
use super::error::{Error, Outcome};
use crate::engine::data::bytes::SmallBytes;
use crate::engine::data::list::{End, List, NodeLimit};
use crate::engine::data::listpack::Element;
use crate::engine::data::numbers::parse_float;
use crate::engine::keyspace::Keyspace;
use crate::engine::keyspace::events::Classes;
use crate::engine::keyspace::value::{Collection, Value};
use crate::engine::state::Engine;

const CATEGORIES: Categories =
    Categories::SET.and(Categories::SORTED_SET).and(Categories::LIST).and(Categories::DANGEROUS);

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("sort", -2, sort)
        .flags(Flags::WRITE.and(Flags::DENYOOM))
        .categories(CATEGORIES)
        .found(key_places, "RO access")
        .about("generic", "1.0.0", "Sorts a list, set or sorted set, and may store the result."),
    Command::new("sort_ro", -2, sort_read_only)
        .flags(Flags::READONLY)
        .categories(CATEGORIES)
        .found(|_| vec![1], "RO access")
        .about("generic", "7.0.0", "Sorts a list, set or sorted set."),
];

/// The key itself, and the last one that is said to be stored to.
fn key_places(arguments: &[&[u8]]) -> Vec<usize> {
    let mut store = None;
    let mut at = 2;
    while let Some(word) = arguments.get(at) {
        if is(word, "limit") {
            at += 2;
        } else if is(word, "get") || is(word, "by") {
            at += 1;
        } else if is(word, "store") && at + 1 < arguments.len() {
            store = Some(at + 1);
        }
        at += 1;
    }
    std::iter::once(1).chain(store).collect()
}

/// What is asked for.
#[derive(Debug, Default)]
struct Request<'a> {
    descending: bool,
    by_text: bool,
    /// How many to leave out, and how many to answer; a negative count: all.
    limit: Option<(i64, i64)>,
    by: Option<&'a [u8]>,
    get: Vec<&'a [u8]>,
    store: Option<&'a [u8]>,
    /// `BY` names nothing that depends on an element.
    unsorted: bool,
}

impl<'a> Request<'a> {
    fn parse(engine: &Engine, mut words: &[&'a [u8]], may_store: bool) -> Result<Self, Error> {
        let mut request = Request::default();
        loop {
            words = match words {
                [] => return Ok(request),
                [word, rest @ ..] if is(word, "asc") || is(word, "desc") => {
                    request.descending = is(word, "desc");
                    rest
                }
                [word, rest @ ..] if is(word, "alpha") => {
                    request.by_text = true;
                    rest
                }
                [word, start, count, rest @ ..] if is(word, "limit") => {
                    request.limit = Some((integer(start)?, integer(count)?));
                    rest
                }
                [word, key, rest @ ..] if may_store && is(word, "store") => {
                    request.store = Some(key);
                    rest
                }
                [word, pattern, rest @ ..] if is(word, "by") => {
                    request.by = Some(pattern);
                    if star(pattern).is_none() {
                        request.unsorted = true;
                    } else {
                        check_pattern(engine, "BY")?;
                    }
                    rest
                }
                [word, pattern, rest @ ..] if is(word, "get") => {
                    check_pattern(engine, "GET")?;
                    request.get.push(pattern);
                    rest
                }
                _ => return Err(Error::SYNTAX),
            };
        }
    }

    /// Which of so many elements are asked for.
    fn range(&self, length: usize) -> Range<usize> {
        let (start, count) = self.limit.unwrap_or((0, -1));
        let start = usize::try_from(start).unwrap_or(0).min(length);
        // A negative count is all.
        let count = usize::try_from(count).unwrap_or(length);
        start..start.saturating_add(count).min(length)
    }

    fn compare(&self, left: &Item, right: &Item) -> Ordering {
        let order = match (self.by_text, self.by) {
            (false, _) => {
                // None is NaN.
                let order = left.score.partial_cmp(&right.score).unwrap_or(Ordering::Equal);
                order.then_with(|| left.element.cmp(&right.element))
            }
            (true, None) => left.element.cmp(&right.element),
            (true, Some(_)) => left.weight.cmp(&right.weight),
        };
        if self.descending { order.reverse() } else { order }
    }
}

/// Whether keys that are named by patterns may be looked up.
fn check_pattern(engine: &Engine, option: &str) -> Outcome {
    if engine.config.cluster.enabled {
        return Err(Error::worded(format!("ERR {option} option of SORT denied in Cluster mode.")));
    }
    if engine.users.get(&engine.client.user).is_some_and(|user| !user.all_keys) {
        return Err(Error::worded(format!("ERR {option} option of SORT denied due to insufficient ACL permissions.")));
    }
    Ok(())
}

/// An element with what it is sorted by.
struct Item {
    element: SmallBytes,
    score: f64,
    weight: Option<Vec<u8>>,
}

fn sort(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    run(engine, arguments, true)
}

fn sort_read_only(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    run(engine, arguments, false)
}

fn run(engine: &mut Engine, arguments: &[&[u8]], may_store: bool) -> Outcome {
    let mut request = Request::parse(engine, &arguments[2..], may_store)?;
    let steady = request.store.is_some() || engine.script.is_some();
    let value = engine.keyspace.read(arguments[1]);
    if request.unsorted && steady && matches!(value, Some(Value::Set(_))) {
        // A set has no order of its own: what is stored, or a script sees, must be the same everywhere.
        request.unsorted = false;
        request.by_text = true;
        request.by = None;
    }
    let sorted = if request.unsorted {
        value.map_or(Ok(Vec::new()), |value| elements(value, &request))?
    } else {
        let all = value.map_or(Ok(Vec::new()), |value| elements(value, &Request::default()))?;
        in_order(&mut engine.keyspace, all, &request)?
    };
    match request.store {
        Some(key) => store(engine, key, &sorted, &request),
        None => answer(engine, &sorted, &request),
    }
    Ok(())
}

/// The elements in their own order, as many as the request asks for.
fn elements(value: &Value, request: &Request<'_>) -> Result<Vec<SmallBytes>, Error> {
    let ends = |length: usize| {
        let range = request.range(length);
        if request.descending { length - range.end..length - range.start } else { range }
    };
    let mut elements: Vec<SmallBytes> = match value {
        Value::List(list) => list.range(ends(list.len())).map(small).collect(),
        Value::SortedSet(set) => set.range(ends(set.len())).map(|(member, _)| small(member)).collect(),
        Value::Set(set) => {
            let range = request.range(set.len());
            set.iter().skip(range.start).take(range.len()).map(small).collect()
        }
        _ => return Err(Error::WRONG_TYPE),
    };
    if request.descending && !matches!(value, Value::Set(_)) {
        elements.reverse();
    }
    Ok(elements)
}

fn small(element: Element<'_>) -> SmallBytes {
    SmallBytes::from(element.to_text(&mut itoa::Buffer::new()))
}

/// The elements that are asked for in the order that is asked for.
fn in_order(
    keyspace: &mut Keyspace,
    elements: Vec<SmallBytes>,
    request: &Request<'_>,
) -> Result<Vec<SmallBytes>, Error> {
    let mut items = Vec::with_capacity(elements.len());
    for element in elements {
        items.push(weigh(keyspace, element, request)?);
    }
    items.sort_by(|left, right| request.compare(left, right));
    let range = request.range(items.len());
    Ok(items.drain(range).map(|item| item.element).collect())
}

/// An element with what it is to be sorted by.
fn weigh(keyspace: &mut Keyspace, element: SmallBytes, request: &Request<'_>) -> Result<Item, Error> {
    let weight = match request.by {
        Some(pattern) => look_up(keyspace, pattern, element.as_slice()),
        None => None,
    };
    let score = match (request.by_text, request.by, &weight) {
        (true, ..) | (_, Some(_), None) => Some(0.0),
        (false, Some(_), Some(weight)) => number(weight),
        (false, None, _) => number(element.as_slice()),
    };
    let score = score.ok_or(Error::fixed("ERR One or more scores can't be converted into double"))?;
    Ok(Item { element, score, weight: weight.filter(|_| request.by_text) })
}

/// A number as C's `strtod` finds it in a string that ends at its first zero byte: nothing is 0, and space may be before it.
fn number(text: &[u8]) -> Option<f64> {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    if text.is_empty() {
        return Some(0.0);
    }
    let start = text.iter().position(|byte| !matches!(byte, b' ' | b'\t'..=b'\r'))?;
    parse_float(&text[start..])
}

/// Where the element's text goes in a pattern.
fn star(pattern: &[u8]) -> Option<usize> {
    let end = memchr::memchr(0, pattern).unwrap_or(pattern.len());
    memchr::memchr(b'*', &pattern[..end])
}

/// What a pattern stands for with an element: the element itself (`#`), the string of a key, or a field of a hash (`->`).
fn look_up(keyspace: &mut Keyspace, pattern: &[u8], element: &[u8]) -> Option<Vec<u8>> {
    if pattern == b"#" {
        return Some(element.to_vec());
    }
    let star = star(pattern)?;
    let (prefix, rest) = (&pattern[..star], &pattern[star + 1..]);
    // An arrow with nothing behind it is part of the key.
    let arrow = memchr::memmem::find(rest, b"->").filter(|arrow| arrow + 2 < rest.len());
    let (postfix, field) = arrow.map_or((rest, None), |arrow| (&rest[..arrow], Some(&rest[arrow + 2..])));
    let value = keyspace.read(&[prefix, element, postfix].concat())?;
    match (value, field) {
        (Value::Hash(hash), Some(field)) => {
            let mut text = Vec::new();
            hash.get(field)?.append_to(&mut text);
            Some(text)
        }
        (value, None) => value.as_bytes().map(std::borrow::Cow::into_owned),
        _ => None,
    }
}

fn answer(engine: &mut Engine, sorted: &[SmallBytes], request: &Request<'_>) {
    if request.get.is_empty() {
        engine.reply.bulks(sorted);
        return;
    }
    engine.reply.array(sorted.len() * request.get.len());
    for element in sorted {
        for pattern in &request.get {
            let value = look_up(&mut engine.keyspace, pattern, element.as_slice());
            engine.reply.bulk_or_null(value.as_deref());
        }
    }
}

fn store(engine: &mut Engine, key: &[u8], sorted: &[SmallBytes], request: &Request<'_>) {
    let limit = NodeLimit::from_setting(engine.config.collections.list_max_listpack_size);
    let mut list = List::new();
    for element in sorted {
        if request.get.is_empty() {
            list.push(End::Tail, element.as_slice(), limit);
        }
        for pattern in &request.get {
            let value = look_up(&mut engine.keyspace, pattern, element.as_slice()).unwrap_or_default();
            list.push(End::Tail, &value, limit);
        }
    }
    let length = list.len();
    if length > 0 {
        engine.keyspace.set(key, list.into_value(), false);
        engine.keyspace.changed(Classes::LIST, "sortstore", key);
        engine.keyspace.dirty += length as u64 - 1;
    } else if engine.keyspace.delete(key) {
        engine.keyspace.changed(Classes::GENERIC, "del", key);
    }
    engine.reply.count(length);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::commands::testing::Desk;
    use crate::engine::data::{hash, set};

    #[test]
    fn numbers_and_texts_have_orders_of_their_own() {
        let mut desk = Desk::new();
        desk.expect("rpush l 10 9 2.5 -1", ":4");
        desk.expect("sort l", "*4 $2 -1 $3 2.5 $1 9 $2 10");
        desk.expect("sort l alpha desc limit 1 2", "*2 $3 2.5 $2 10");
        desk.expect("sort l limit 3 -1", "*1 $2 10");
        desk.expect("sort l limit 9 2", "*0");
        desk.expect("sort l by nosort", "*4 $2 10 $1 9 $3 2.5 $2 -1");
        desk.expect("sort l by nosort desc limit 0 2", "*2 $2 -1 $3 2.5");
        desk.expect("rpush l x", ":5");
        desk.expect("sort l", "-ERR One or more scores can't be converted into double");
        desk.expect("sort nothing", "*0");
        desk.expect("set s 1", "+OK");
        assert!(desk.ask("sort s").starts_with("-WRONGTYPE"));
        desk.expect("sort l limit 1", "-ERR syntax error");
    }

    #[test]
    fn other_keys_weigh_and_are_answered() {
        let mut desk = Desk::new();
        desk.expect("zadd z 1 a 2 b 3 c", ":3");
        desk.expect("mset w_a 3 w_b 1", "+OK");
        let mut hash = hash::Hash::new();
        hash.set(b"f", b"one", &hash::Limits { max_listpack_entries: 9, max_listpack_value: 9 });
        desk.engine.keyspace.set(b"h_a", hash.into_value(), false);
        desk.expect("sort z by w_*", "*3 $1 c $1 b $1 a");
        desk.expect("sort z by nosort desc get # get h_*->f", "*6 $1 c $-1 $1 b $-1 $1 a $3 one");
        desk.expect("sort z by w_* get w_* store out", ":3");
        desk.expect("lrange out 0 -1", "*3 $0  $1 1 $1 3");
        desk.expect("sort_ro z by w_* limit 0 1", "*1 $1 c");
        desk.expect("sort_ro z store out", "-ERR syntax error");
        desk.expect("sort nothing store out", ":0");
        desk.expect("exists out", ":0");
    }

    #[test]
    fn a_set_is_stored_in_one_order() {
        let mut desk = Desk::new();
        let limits = set::Limits { max_intset_entries: 1 };
        let mut set = set::Set::new();
        for member in [b"c", b"a", b"b"] {
            set.insert(member, &limits);
        }
        desk.engine.keyspace.set(b"s", set.into_value(), false);
        desk.expect("sort s by nosort store out", ":3");
        desk.expect("lrange out 0 -1", "*3 $1 a $1 b $1 c");
    }

    #[test]
    fn a_cluster_looks_up_no_other_keys() {
        let desk = Desk::with(|config| config.cluster.enabled = true);
        let words = |text: &'static str| text.split(' ').map(str::as_bytes).collect::<Vec<_>>();
        let parsed = |text| Request::parse(&desk.engine, &words(text), true).err();
        assert_eq!(parsed("by w_*"), Some(Error::fixed("ERR BY option of SORT denied in Cluster mode.")));
        assert_eq!(parsed("get #"), Some(Error::fixed("ERR GET option of SORT denied in Cluster mode.")));
        assert_eq!(parsed("by w"), None);
    }

    #[test]
    fn the_last_store_counts() {
        let places = |text: &'static str| key_places(&text.split(' ').map(str::as_bytes).collect::<Vec<_>>());
        assert_eq!(places("sort a by store get store limit store store store b store c"), [1, 12]);
        assert_eq!(places("sort a store"), [1]);
    }
}
