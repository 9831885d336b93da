//! Lists: LPUSH, LRANGE, BLPOP and their kin.

mod blocking;
mod ends;
mod middle;
#[cfg(test)]
mod tests;

use super::arguments::is;
use super::command::{Categories, Command, Execute, Flags};
use super::error::Error;
use crate::engine::data::list::{End, NodeLimit};
use crate::engine::state::Engine;

const FAST_PUSH: Flags = Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST);
const PUSH: Flags = Flags::WRITE.and(Flags::DENYOOM);
const POP: Flags = Flags::WRITE.and(Flags::FAST);
const WAIT: Flags = Flags::WRITE.and(Flags::NOSCRIPT).and(Flags::BLOCKING);

const fn row(
    name: &'static str,
    arity: i16,
    execute: Execute,
    flags: Flags,
    since: &'static str,
    summary: &'static str,
) -> Command {
    Command::new(name, arity, execute).flags(flags).categories(Categories::LIST).about("list", since, summary)
}

/// The commands of this family.
pub const COMMANDS: &[Command] =
    &[
        row("lpush", -3, ends::lpush, FAST_PUSH, "1.0.0", "Puts elements at the head of a list.").key("RW insert"),
        row("rpush", -3, ends::rpush, FAST_PUSH, "1.0.0", "Puts elements at the tail of a list.").key("RW insert"),
        row("lpushx", -3, ends::lpushx, FAST_PUSH, "2.2.0", "Puts elements at the head of a list that exists.")
            .key("RW insert"),
        row("rpushx", -3, ends::rpushx, FAST_PUSH, "2.2.0", "Puts elements at the tail of a list that exists.")
            .key("RW insert"),
        row("lpop", -2, ends::lpop, POP, "1.0.0", "Takes elements from the head of a list.").key("RW access delete"),
        row("rpop", -2, ends::rpop, POP, "1.0.0", "Takes elements from the tail of a list.").key("RW access delete"),
        row("lmpop", -4, ends::lmpop, Flags::WRITE, "7.0.0", "Takes elements from the first list that has any.")
            .counted(1, 2, 0, "RW access delete"),
        row("lmove", 5, ends::lmove, PUSH, "6.2.0", "Moves an element from an end of a list to an end of another.")
            .range(1, 2, 1, "RW access delete insert"),
        row("rpoplpush", 3, ends::rpoplpush, PUSH, "1.2.0", "Moves the tail of a list to the head of another.").range(
            1,
            2,
            1,
            "RW access delete insert",
        ),
        row("llen", 2, middle::llen, Flags::READONLY.and(Flags::FAST), "1.0.0", "Tells how long a list is.").key("RO"),
        row("lindex", 3, middle::lindex, Flags::READONLY, "1.0.0", "Tells the element at an index of a list.")
            .key("RO access"),
        row("lrange", 4, middle::lrange, Flags::READONLY, "1.0.0", "Tells a range of elements of a list.")
            .key("RO access"),
        row("lpos", -3, middle::lpos, Flags::READONLY, "6.0.6", "Finds where elements are in a list.").key("RO access"),
        row("lset", 4, middle::lset, PUSH, "1.0.0", "Puts an element in the place of another.").key("RW update"),
        row("linsert", 5, middle::linsert, PUSH, "2.2.0", "Puts an element before or after another.").key("RW insert"),
        row("lrem", 4, middle::lrem, Flags::WRITE, "1.0.0", "Removes elements that are equal to one.").key("RW delete"),
        row("ltrim", 4, middle::ltrim, Flags::WRITE, "1.0.0", "Keeps only a range of a list.").key("RW delete"),
        row("blpop", -3, blocking::blpop, WAIT, "2.0.0", "Takes the head of a list, or waits until there is one.")
            .range(1, -2, 1, "RW access delete"),
        row("brpop", -3, blocking::brpop, WAIT, "2.0.0", "Takes the tail of a list, or waits until there is one.")
            .range(1, -2, 1, "RW access delete"),
        row(
            "blmpop",
            -5,
            blocking::blmpop,
            Flags::WRITE.and(Flags::BLOCKING),
            "7.0.0",
            "Takes elements from the first list that has any, or waits.",
        )
        .counted(2, 3, 0, "RW access delete"),
        row(
            "blmove",
            6,
            blocking::blmove,
            WAIT.and(Flags::DENYOOM),
            "6.2.0",
            "Moves an element from a list to another, or waits until there is one.",
        )
        .range(1, 2, 1, "RW access delete insert"),
        row(
            "brpoplpush",
            4,
            blocking::brpoplpush,
            WAIT.and(Flags::DENYOOM),
            "2.2.0",
            "Moves the tail of a list to the head of another, or waits until there is one.",
        )
        .range(1, 2, 1, "RW access delete insert"),
    ];

fn limit(engine: &Engine) -> NodeLimit {
    NodeLimit::from_setting(engine.config.collections.list_max_listpack_size)
}

/// `LEFT` or `RIGHT`.
fn end(argument: &[u8]) -> Result<End, Error> {
    if is(argument, "left") {
        Ok(End::Head)
    } else if is(argument, "right") {
        Ok(End::Tail)
    } else {
        Err(Error::SYNTAX)
    }
}

/// The event of a push there.
fn push_event(end: End) -> &'static str {
    if end == End::Head { "lpush" } else { "rpush" }
}

/// The event of a pop there, which is also the command that pops there.
fn pop_event(end: End) -> &'static str {
    if end == End::Head { "lpop" } else { "rpop" }
}
