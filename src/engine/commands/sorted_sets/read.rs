//! Commands that ask for scores, ranks and counts.

use super::super::error::{Error, Outcome};
use super::super::scanning::{Scan, cursor};
use super::range::{BAD_MEMBER, BAD_SCORE};
use crate::engine::data::numbers::{append_float, append_score};
use crate::engine::data::sorted_set::{LexBound, LexRange, ScoreRange, SortedSet};
use crate::engine::resp::Reply;
use crate::engine::state::Engine;

pub(super) fn zcard(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let count = engine.keyspace.read_as::<SortedSet>(arguments[1])?.map_or(0, SortedSet::len);
    engine.reply.count(count);
    Ok(())
}

pub(super) fn zscore(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let set = engine.keyspace.read_as::<SortedSet>(arguments[1])?;
    match set.and_then(|set| set.score(arguments[2])) {
        Some(score) => engine.reply.double(score),
        None => engine.reply.null(),
    }
    Ok(())
}

pub(super) fn zmscore(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let set = engine.keyspace.read_as::<SortedSet>(arguments[1])?;
    engine.reply.array(arguments.len() - 2);
    for member in &arguments[2..] {
        match set.and_then(|set| set.score(member)) {
            Some(score) => engine.reply.double(score),
            None => engine.reply.null(),
        }
    }
    Ok(())
}

pub(super) fn zrank(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    rank(engine, arguments, |_, rank| rank)
}

pub(super) fn zrevrank(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    rank(engine, arguments, |set, rank| set.len() - 1 - rank)
}

fn rank(engine: &mut Engine, arguments: &[&[u8]], count: impl Fn(&SortedSet, usize) -> usize) -> Outcome {
    let set = engine.keyspace.read_as::<SortedSet>(arguments[1])?;
    match set.and_then(|set| set.rank(arguments[2]).map(|rank| count(set, rank))) {
        Some(rank) => engine.reply.count(rank),
        None => engine.reply.null(),
    }
    Ok(())
}

pub(super) fn zcount(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let range = ScoreRange::parse(arguments[2], arguments[3]).ok_or(Error::fixed(BAD_SCORE))?;
    let set = engine.keyspace.read_as::<SortedSet>(arguments[1])?;
    engine.reply.count(set.map_or(0, |set| set.ranks_by_score(&range).len()));
    Ok(())
}

pub(super) fn zlexcount(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let bound = |argument| LexBound::parse(argument).ok_or(Error::fixed(BAD_MEMBER));
    let range = LexRange { min: bound(arguments[2])?, max: bound(arguments[3])? };
    let set = engine.keyspace.read_as::<SortedSet>(arguments[1])?;
    engine.reply.count(set.map_or(0, |set| set.ranks_by_lex(&range).len()));
    Ok(())
}

pub(super) fn zscan(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let cursor = cursor(arguments[2])?;
    let Some(set) = engine.keyspace.read_as::<SortedSet>(arguments[1])? else {
        engine.reply.array(2);
        engine.reply.bulk(b"0");
        engine.reply.array(0);
        return Ok(());
    };
    let scan = Scan::parse(&arguments[3..], false)?;
    // A small set shows scores as it keeps them, which differs for whole numbers of more than 17 digits.
    let append = if set.listpack().is_some() { append_score } else { append_float };
    let (mut found, mut texts) = (0, Reply::default());
    let (mut buffer, mut text) = (itoa::Buffer::new(), Vec::new());
    let next = set.scan(cursor, scan.count, |member, score| {
        let member = member.to_text(&mut buffer);
        if scan.matches(member) {
            found += 1;
            texts.bulk(member);
            text.clear();
            append(&mut text, score);
            texts.bulk(&text);
        }
    });
    engine.reply.array(2);
    engine.reply.text(&next.to_string());
    engine.reply.array(found * 2);
    engine.reply.raw(texts.bytes());
    Ok(())
}
