//! The CLUSTER command: its subcommands as rows of a table, each a function over the state.

mod help;
mod slots;
mod topology;

use super::effects::{Effect, World};
use super::node::NodeIndex;
use super::node_id::NodeId;
use super::queries::Value;
use super::slots::{SLOTS, key_slot};
use super::state::Cluster;

/// A reply, or an error with its code and without the leading `-`.
pub(super) type Answer = Result<Value, String>;

type Run = fn(&mut Cluster, &[&[u8]], &mut World<'_>) -> Answer;

/// One subcommand: its name, how many arguments may follow it, and what it does with them.
struct Row(&'static str, usize, usize, Run);

const MANY: usize = usize::MAX;

const ROWS: &[Row] = &[
    Row("help", 0, 0, |_, _, _| Ok(help_value())),
    Row("meet", 2, 3, topology::meet),
    Row("nodes", 0, 0, |cluster, _, _| Ok(Value::Text(cluster.nodes_text()))),
    Row("myid", 0, 0, |cluster, _, _| Ok(Value::text(cluster.myself().id.as_str()))),
    Row("myshardid", 0, 0, topology::my_shard_id),
    Row("slots", 0, 0, |cluster, _, world| Ok(cluster.slots_value(world))),
    Row("shards", 0, 0, |cluster, _, world| Ok(cluster.shards_value(world))),
    Row("links", 0, 0, |cluster, _, _| Ok(cluster.links_value())),
    Row("info", 0, 0, |cluster, _, _| Ok(Value::Text(cluster.info_text()))),
    Row("addslots", 1, MANY, |cluster, args, _| slots::change_each(cluster, args, slots::Change::Add)),
    Row("delslots", 1, MANY, |cluster, args, _| slots::change_each(cluster, args, slots::Change::Remove)),
    Row("addslotsrange", 2, MANY, |cluster, args, _| slots::change_ranges(cluster, args, slots::Change::Add)),
    Row("delslotsrange", 2, MANY, |cluster, args, _| slots::change_ranges(cluster, args, slots::Change::Remove)),
    Row("flushslots", 0, 0, slots::flush),
    Row("setslot", 2, MANY, slots::set_slot),
    Row("bumpepoch", 0, 0, topology::bump_epoch),
    Row("set-config-epoch", 1, 1, topology::set_config_epoch),
    Row("saveconfig", 0, 0, topology::save_config),
    Row("keyslot", 1, 1, |_, args, _| Ok(Value::Integer(key_slot(args[0]).into()))),
    Row("countkeysinslot", 1, 1, slots::count_keys),
    Row("getkeysinslot", 2, 2, slots::get_keys),
    Row("forget", 1, 1, topology::forget),
    Row("replicate", 1, 1, topology::replicate),
    Row("replicas", 1, 1, topology::replicas),
    Row("slaves", 1, 1, topology::replicas),
    Row("count-failure-reports", 1, 1, topology::count_failure_reports),
    Row("failover", 0, 1, topology::failover),
    Row("reset", 0, 1, topology::reset),
];

impl Cluster {
    /// Runs one CLUSTER command: `args` begin with the subcommand's name. The effects are to be carried out before
    /// the reply is sent.
    pub fn command(&mut self, args: &[&[u8]], world: &mut World<'_>) -> (Value, Vec<Effect>) {
        let (name, rest) = args.split_first().map_or((&b""[..], args), |(name, rest)| (*name, rest));
        let row = ROWS.iter().find(|row| name.eq_ignore_ascii_case(row.0.as_bytes()));
        let answer = match row.filter(|row| (row.1..=row.2).contains(&rest.len())) {
            Some(row) => (row.3)(self, rest, world),
            None => Err(format!(
                "ERR unknown subcommand or wrong number of arguments for '{}'. Try CLUSTER HELP.",
                shown(&name[..name.len().min(128)])
            )),
        };
        (answer.unwrap_or_else(Value::Error), self.finish(world))
    }
}

fn help_value() -> Value {
    let head = "CLUSTER <subcommand> [<arg> [value] [opt] ...]. Subcommands are:";
    let lines = [head].into_iter().chain(help::LINES.iter().copied()).chain(["HELP", "    Prints this help."]);
    Value::Array(lines.map(|line| Value::Simple(line.to_owned())).collect())
}

/// An argument within an error: such a line must stay one line.
fn shown(argument: &[u8]) -> String {
    String::from_utf8_lossy(argument).replace(['\r', '\n'], " ")
}

/// A whole number as commands take it: no sign but `-`, no leading zeros, no spaces.
fn integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let plain = match digits {
        [b'0'] => text.len() == 1,
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    std::str::from_utf8(text).ok().filter(|_| plain)?.parse().ok()
}

fn integer_or_error(text: &[u8]) -> Result<i64, String> {
    integer(text).ok_or_else(|| "ERR value is not an integer or out of range".to_owned())
}

fn slot(text: &[u8]) -> Result<u16, String> {
    let slot = integer(text).and_then(|slot| u16::try_from(slot).ok()).filter(|slot| *slot < SLOTS);
    slot.ok_or_else(|| "ERR Invalid or out of range slot".to_owned())
}

/// The node that an argument names, or the error that begins with `unknown`.
fn node(cluster: &Cluster, name: &[u8], unknown: &str) -> Result<NodeIndex, String> {
    let found = NodeId::parse(name).and_then(|id| cluster.find(&id));
    found.ok_or_else(|| format!("ERR {unknown} {}", shown(name)))
}

fn is_word(argument: &[u8], word: &str) -> bool {
    argument.eq_ignore_ascii_case(word.as_bytes())
}

#[cfg(test)]
mod tests;
