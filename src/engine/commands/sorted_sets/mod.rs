//! Sorted sets: ZADD, ZRANGE, BZPOPMIN and their kin.

mod add;
mod combine;
mod pop;
mod random;
mod range;
mod read;
#[cfg(test)]
mod tests;

use super::command::{Categories, Command, Execute, Flags};
use super::elements::bulk;
use crate::engine::data::listpack::Element;
use crate::engine::data::sorted_set::Limits;
use crate::engine::resp::Reply;
use crate::engine::state::Engine;

const READ: Flags = Flags::READONLY;
const FAST_READ: Flags = Flags::READONLY.and(Flags::FAST);
const REMOVE: Flags = Flags::WRITE.and(Flags::FAST);
const STORE: Flags = Flags::WRITE.and(Flags::DENYOOM);
const ADD: Flags = STORE.and(Flags::FAST);
const WAIT: Flags = REMOVE.and(Flags::NOSCRIPT).and(Flags::BLOCKING);

const fn row(
    name: &'static str,
    arity: i16,
    execute: Execute,
    flags: Flags,
    since: &'static str,
    summary: &'static str,
) -> Command {
    let command = Command::new(name, arity, execute).flags(flags).categories(Categories::SORTED_SET);
    command.about("sorted-set", since, summary)
}

/// The commands of this family.
pub const COMMANDS: &[Command] = &[
    row("zadd", -4, add::zadd, ADD, "1.2.0", "Adds members, or gives them other scores.").key("RW update"),
    row("zincrby", 4, add::zincrby, ADD, "1.2.0", "Adds to the score of a member.").key("RW access update"),
    row("zrem", -3, add::zrem, REMOVE, "1.2.0", "Removes members.").key("RW delete"),
    row("zcard", 2, read::zcard, FAST_READ, "1.2.0", "Tells how many members there are.").key("RO"),
    row("zscore", 3, read::zscore, FAST_READ, "1.2.0", "Tells the score of a member.").key("RO access"),
    row("zmscore", -3, read::zmscore, FAST_READ, "6.2.0", "Tells the scores of members.").key("RO access"),
    row("zrank", 3, read::zrank, FAST_READ, "2.0.0", "Tells how many members come before one.").key("RO access"),
    row("zrevrank", 3, read::zrevrank, FAST_READ, "2.0.0", "Tells how many members come after one.").key("RO access"),
    row("zcount", 4, read::zcount, FAST_READ, "2.0.0", "Counts members in a range of scores.").key("RO access"),
    row("zlexcount", 4, read::zlexcount, FAST_READ, "2.8.9", "Counts members in a range of members.").key("RO access"),
    row("zscan", -3, read::zscan, READ, "2.8.0", "Goes through members and scores step by step.").key("RO access"),
    row("zrange", -4, range::zrange, READ, "1.2.0", "Tells members in a range of ranks, scores or members.")
        .key("RO access"),
    row("zrevrange", -4, range::zrevrange, READ, "1.2.0", "Tells members in a range of ranks, the last first.")
        .key("RO access"),
    row("zrangebyscore", -4, range::zrangebyscore, READ, "1.0.5", "Tells members in a range of scores.")
        .key("RO access"),
    row(
        "zrevrangebyscore",
        -4,
        range::zrevrangebyscore,
        READ,
        "2.2.0",
        "Tells members in a range of scores, the last first.",
    )
    .key("RO access"),
    row("zrangebylex", -4, range::zrangebylex, READ, "2.8.9", "Tells members in a range of members.").key("RO access"),
    row(
        "zrevrangebylex",
        -4,
        range::zrevrangebylex,
        READ,
        "2.8.9",
        "Tells members in a range of members, the last first.",
    )
    .key("RO access"),
    row("zrangestore", -5, range::zrangestore, STORE, "6.2.0", "Stores members in a range as another sorted set.")
        .range(1, 2, 1, "OW update"),
    row("zremrangebyrank", 4, range::zremrangebyrank, Flags::WRITE, "2.0.0", "Removes members in a range of ranks.")
        .key("RW delete"),
    row("zremrangebyscore", 4, range::zremrangebyscore, Flags::WRITE, "1.2.0", "Removes members in a range of scores.")
        .key("RW delete"),
    row("zremrangebylex", 4, range::zremrangebylex, Flags::WRITE, "2.8.9", "Removes members in a range of members.")
        .key("RW delete"),
    row("zunionstore", -4, combine::zunionstore, STORE, "2.0.0", "Stores what is in any of several sorted sets.")
        .counted(2, 3, 1, "OW update"),
    row("zinterstore", -4, combine::zinterstore, STORE, "2.0.0", "Stores what is in all of several sorted sets.")
        .counted(2, 3, 1, "OW update"),
    row("zdiffstore", -4, combine::zdiffstore, STORE, "6.2.0", "Stores what is in the first sorted set alone.")
        .counted(2, 3, 1, "OW update"),
    row("zunion", -3, combine::zunion, READ, "6.2.0", "Tells what is in any of several sorted sets.").counted(
        1,
        2,
        0,
        "RO access",
    ),
    row("zinter", -3, combine::zinter, READ, "6.2.0", "Tells what is in all of several sorted sets.").counted(
        1,
        2,
        0,
        "RO access",
    ),
    row("zdiff", -3, combine::zdiff, READ, "6.2.0", "Tells what is in the first sorted set alone.").counted(
        1,
        2,
        0,
        "RO access",
    ),
    row("zintercard", -3, combine::zintercard, READ, "7.0.0", "Counts what is in all of several sorted sets.").counted(
        1,
        2,
        0,
        "RO access",
    ),
    row("zpopmin", -2, pop::zpopmin, REMOVE, "5.0.0", "Takes the members with the lowest scores.")
        .key("RW access delete"),
    row("zpopmax", -2, pop::zpopmax, REMOVE, "5.0.0", "Takes the members with the highest scores.")
        .key("RW access delete"),
    row("zmpop", -4, pop::zmpop, Flags::WRITE, "7.0.0", "Takes members from the first sorted set that has any.")
        .counted(1, 2, 0, "RW access delete"),
    row("bzpopmin", -3, pop::bzpopmin, WAIT, "5.0.0", "Takes the member with the lowest score, or waits for one.")
        .range(1, -2, 1, "RW access delete"),
    row("bzpopmax", -3, pop::bzpopmax, WAIT, "5.0.0", "Takes the member with the highest score, or waits for one.")
        .range(1, -2, 1, "RW access delete"),
    row(
        "bzmpop",
        -5,
        pop::bzmpop,
        Flags::WRITE.and(Flags::BLOCKING),
        "7.0.0",
        "Takes members from the first sorted set that has any, or waits.",
    )
    .counted(2, 3, 0, "RW access delete"),
    row("zrandmember", -2, random::zrandmember, READ, "6.2.0", "Tells members drawn at random.").key("RO access"),
];

fn limits(engine: &Engine) -> Limits {
    let collections = &engine.config.collections;
    Limits {
        max_listpack_entries: collections.zset_max_listpack_entries,
        max_listpack_value: collections.zset_max_listpack_value,
    }
}

/// Begins a list of so many members, each with its score if `with_scores`: RESP3 has a list of pairs, RESP2 a flat one.
fn begin_members(reply: &mut Reply, members: usize, with_scores: bool) {
    reply.array(if with_scores && !reply.is_resp3() { members.saturating_mul(2) } else { members });
}

/// A member of such a list.
fn member(reply: &mut Reply, (member, score): (Element<'_>, f64), with_scores: bool) {
    if with_scores && reply.is_resp3() {
        reply.array(2);
    }
    bulk(reply, member);
    if with_scores {
        reply.double(score);
    }
}
