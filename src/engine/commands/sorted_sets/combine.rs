//! Commands that put several sorted sets together: unions, intersections, differences. Sets are sorted sets in which every
//! score is 1.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::super::arguments::{integer, is};
use super::super::elements::count_or;
use super::super::error::{Error, Outcome};
use super::range::store;
use super::{begin_members, limits, member};
use crate::engine::data::bytes::SmallBytes;
use crate::engine::data::listpack::Element;
use crate::engine::data::numbers::parse_float;
use crate::engine::data::set::Set;
use crate::engine::data::sorted_set::{AddOptions, SortedSet};
use crate::engine::keyspace::Keyspace;
use crate::engine::keyspace::value::Value;
use crate::engine::state::Engine;

/// How several are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

/// What becomes of the scores of a member that is in several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aggregate {
    Sum,
    Least,
    Greatest,
}

impl Aggregate {
    fn of(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Sum => zero_if_nan(left + right),
            Self::Least if right < left => right,
            Self::Greatest if right > left => right,
            _ => left,
        }
    }
}

/// Opposite infinities, or none of an infinity, are 0.
fn zero_if_nan(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// What a command asks for.
struct Request<'a, 'b> {
    keys: &'b [&'a [u8]],
    weights: Vec<f64>,
    aggregate: Aggregate,
    with_scores: bool,
    /// How many members are counted at most; 0: all.
    limit: usize,
}

/// What the options of a command may be.
#[derive(Clone, Copy)]
struct Allowed {
    weights: bool,
    scores: bool,
    limit: bool,
}

/// Keys, and the options behind them.
type KeysAndOptions<'a, 'b> = (&'b [&'a [u8]], &'b [&'a [u8]]);

/// The keys, whose number is at `place`, and what comes after them.
fn keys<'a, 'b>(arguments: &'b [&'a [u8]], place: usize, command: &str) -> Result<KeysAndOptions<'a, 'b>, Error> {
    let number = integer(arguments[place])?;
    let number = usize::try_from(number).ok().filter(|number| *number > 0);
    let number =
        number.ok_or_else(|| Error::worded(format!("ERR at least 1 input key is needed for '{command}' command")))?;
    arguments[place + 1..].split_at_checked(number).ok_or(Error::SYNTAX)
}

impl<'a, 'b> Request<'a, 'b> {
    fn parse(keys: &'b [&'a [u8]], options: &[&[u8]], allowed: Allowed) -> Result<Self, Error> {
        let mut request =
            Self { keys, weights: vec![1.0; keys.len()], aggregate: Aggregate::Sum, with_scores: false, limit: 0 };
        let mut rest = options;
        while let [word, more @ ..] = rest {
            rest = if is(word, "weights") && allowed.weights && more.len() >= keys.len() {
                let (weights, more) = more.split_at(keys.len());
                request.weights = weights.iter().map(|weight| parse_weight(weight)).collect::<Result<_, _>>()?;
                more
            } else if is(word, "withscores") && allowed.scores {
                request.with_scores = true;
                more
            } else if is(word, "aggregate") && allowed.weights && !more.is_empty() {
                request.aggregate = parse_aggregate(more[0])?;
                &more[1..]
            } else if is(word, "limit") && allowed.limit && !more.is_empty() {
                request.limit = count_or(more[0], 0, "ERR LIMIT can't be negative")?;
                &more[1..]
            } else {
                return Err(Error::SYNTAX);
            };
        }
        Ok(request)
    }
}

fn parse_weight(weight: &[u8]) -> Result<f64, Error> {
    parse_float(weight).ok_or(Error::fixed("ERR weight value is not a float"))
}

fn parse_aggregate(word: &[u8]) -> Result<Aggregate, Error> {
    if is(word, "sum") {
        Ok(Aggregate::Sum)
    } else if is(word, "min") {
        Ok(Aggregate::Least)
    } else if is(word, "max") {
        Ok(Aggregate::Greatest)
    } else {
        Err(Error::SYNTAX)
    }
}

/// One of those that are put together.
#[derive(Clone, Copy)]
enum Source<'a> {
    Nothing,
    Set(&'a Set),
    SortedSet(&'a SortedSet),
}

impl<'a> Source<'a> {
    /// What a key holds that was looked at before, without any mark left.
    fn of(keyspace: &'a Keyspace, key: &[u8]) -> Self {
        let database = keyspace.database();
        match database.find(key).map(|index| &database.at(index).value) {
            Some(Value::Set(set)) => Self::Set(set),
            Some(Value::SortedSet(set)) => Self::SortedSet(set),
            _ => Self::Nothing,
        }
    }

    fn len(self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Set(set) => set.len(),
            Self::SortedSet(set) => set.len(),
        }
    }

    fn score(self, member: &[u8]) -> Option<f64> {
        match self {
            Self::Nothing => None,
            Self::Set(set) => set.contains(member).then_some(1.0),
            Self::SortedSet(set) => set.score(member),
        }
    }

    fn for_each(self, mut visit: impl FnMut(Element<'a>, f64)) {
        match self {
            Self::Nothing => {}
            Self::Set(set) => set.iter().for_each(|member| visit(member, 1.0)),
            Self::SortedSet(set) => set.iter().for_each(|(member, score)| visit(member, score)),
        }
    }

    /// The members while `visit` answers true.
    fn each_while(self, mut visit: impl FnMut(Element<'a>, f64) -> bool) {
        match self {
            Self::Nothing => {}
            Self::Set(set) => _ = set.iter().all(|member| visit(member, 1.0)),
            Self::SortedSet(set) => _ = set.iter().all(|(member, score)| visit(member, score)),
        }
    }
}

/// Reads the keys: they count as read, and must hold sets or sorted sets. Whether each is there.
fn look_at(engine: &mut Engine, keys: &[&[u8]]) -> Result<Vec<bool>, Error> {
    let look = |key: &&[u8]| match engine.keyspace.read(key) {
        None => Ok(false),
        Some(Value::Set(_) | Value::SortedSet(_)) => Ok(true),
        Some(_) => Err(Error::WRONG_TYPE),
    };
    keys.iter().map(look).collect()
}

/// The sources with their weights, in the order of the keys.
fn sources<'a>(keyspace: &'a Keyspace, request: &Request<'_, '_>, there: &[bool]) -> Vec<(Source<'a>, f64)> {
    let source = |key: &&[u8], there| if there { Source::of(keyspace, key) } else { Source::Nothing };
    let sources = request.keys.iter().zip(there).map(|(key, there)| source(key, *there));
    sources.zip(request.weights.iter().copied()).collect()
}

/// Members with their scores, in no order.
type Members = Vec<(f64, SmallBytes)>;

fn combine(operation: Operation, mut sources: Vec<(Source<'_>, f64)>, aggregate: Aggregate) -> Members {
    if operation != Operation::Difference {
        // From the smallest on: the order counts where scores are added, as sums of floating-point numbers are rounded.
        sources.sort_by_key(|(source, _)| source.len());
    }
    match operation {
        Operation::Union => union(&sources, aggregate),
        Operation::Intersection => {
            let mut members = Members::new();
            intersect(&sources, aggregate, |member, score| {
                members.push((score, member.to_small_bytes()));
                true
            });
            members
        }
        Operation::Difference => difference(&sources),
    }
}

fn union(sources: &[(Source<'_>, f64)], aggregate: Aggregate) -> Members {
    let largest = sources.last().map_or(0, |(source, _)| source.len());
    let mut scores: HashMap<SmallBytes, f64, FixedState> =
        HashMap::with_capacity_and_hasher(largest, FixedState::default());
    for (source, weight) in sources {
        source.for_each(|member, score| {
            let score = zero_if_nan(weight * score);
            scores
                .entry(member.to_small_bytes())
                .and_modify(|there| *there = aggregate.of(*there, score))
                .or_insert(score);
        });
    }
    scores.into_iter().map(|(member, score)| (score, member)).collect()
}

/// Visits what is in all sources, of which the first is the smallest, while `visit` answers true.
fn intersect<'a>(sources: &[(Source<'a>, f64)], aggregate: Aggregate, mut visit: impl FnMut(Element<'a>, f64) -> bool) {
    let Some(((smallest, weight), others)) = sources.split_first() else { return };
    let mut buffer = itoa::Buffer::new();
    smallest.each_while(|member, score| {
        let text = member.to_text(&mut buffer);
        let first = zero_if_nan(weight * score);
        let all = others
            .iter()
            .try_fold(first, |sum, (source, weight)| Some(aggregate.of(sum, source.score(text)? * weight)));
        all.is_none_or(|score| visit(member, score))
    });
}

fn difference(sources: &[(Source<'_>, f64)]) -> Members {
    let Some(((first, _), others)) = sources.split_first() else { return Members::new() };
    let (mut members, mut buffer) = (Members::new(), itoa::Buffer::new());
    first.for_each(|member, score| {
        let text = member.to_text(&mut buffer);
        if others.iter().all(|(source, _)| source.score(text).is_none()) {
            members.push((score, SmallBytes::from(text)));
        }
    });
    members
}

pub(super) fn zunion(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    tell(engine, arguments, Operation::Union, "zunion")
}

pub(super) fn zinter(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    tell(engine, arguments, Operation::Intersection, "zinter")
}

pub(super) fn zdiff(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    tell(engine, arguments, Operation::Difference, "zdiff")
}

fn tell(engine: &mut Engine, arguments: &[&[u8]], operation: Operation, command: &str) -> Outcome {
    let (keys, options) = keys(arguments, 1, command)?;
    let there = look_at(engine, keys)?;
    let allowed = Allowed { weights: operation != Operation::Difference, scores: true, limit: false };
    let request = Request::parse(keys, options, allowed)?;
    let mut members = combine(operation, sources(&engine.keyspace, &request, &there), request.aggregate);
    members.sort_unstable_by(compare);
    begin_members(&mut engine.reply, members.len(), request.with_scores);
    for (score, bytes) in &members {
        member(&mut engine.reply, (Element::Bytes(bytes), *score), request.with_scores);
    }
    Ok(())
}

fn compare(left: &(f64, SmallBytes), right: &(f64, SmallBytes)) -> std::cmp::Ordering {
    // No score is NaN.
    left.0.partial_cmp(&right.0).unwrap_or(std::cmp::Ordering::Equal).then_with(|| left.1.cmp(&right.1))
}

pub(super) fn zunionstore(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    keep(engine, arguments, Operation::Union, "zunionstore")
}

pub(super) fn zinterstore(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    keep(engine, arguments, Operation::Intersection, "zinterstore")
}

pub(super) fn zdiffstore(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    keep(engine, arguments, Operation::Difference, "zdiffstore")
}

fn keep(engine: &mut Engine, arguments: &[&[u8]], operation: Operation, event: &'static str) -> Outcome {
    let (keys, options) = keys(arguments, 2, event)?;
    let there = look_at(engine, keys)?;
    let allowed = Allowed { weights: operation != Operation::Difference, scores: false, limit: false };
    let request = Request::parse(keys, options, allowed)?;
    let limits = limits(engine);
    let members = combine(operation, sources(&engine.keyspace, &request, &there), request.aggregate);
    let longest = members.iter().map(|(_, bytes)| bytes.len()).max().unwrap_or(0);
    let mut result = SortedSet::expecting(members.len(), longest, limits);
    for (score, bytes) in &members {
        result.add(bytes, *score, AddOptions::default(), limits);
    }
    store(engine, arguments[1], result, event);
    Ok(())
}

pub(super) fn zintercard(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let (keys, options) = keys(arguments, 1, "zintercard")?;
    let there = look_at(engine, keys)?;
    let request = Request::parse(keys, options, Allowed { weights: false, scores: false, limit: true })?;
    let mut sources = sources(&engine.keyspace, &request, &there);
    sources.sort_by_key(|(source, _)| source.len());
    let mut count = 0;
    intersect(&sources, Aggregate::Sum, |_, _| {
        count += 1;
        count != request.limit
    });
    engine.reply.count(count);
    Ok(())
}
