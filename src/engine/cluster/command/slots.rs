//! The subcommands about slots and what is in them.

use super::super::effects::World;
use super::super::node::{MYSELF, NodeIndex};
use super::super::queries::Value;
use super::super::slots::{SLOTS, SlotSet};
use super::super::state::Cluster;
use super::{Answer, integer_or_error, is_word, node, slot};

/// What becomes of slots that are named.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// This node serves them.
    Add,
    /// Nobody does.
    Remove,
}

/// ADDSLOTS and DELSLOTS.
pub(super) fn change_each(cluster: &mut Cluster, args: &[&[u8]], change: Change) -> Answer {
    let ranges: Result<Vec<_>, _> = args.iter().map(|arg| slot(arg).map(|slot| (slot, slot))).collect();
    change_slots(cluster, &ranges?, change)
}

/// ADDSLOTSRANGE and DELSLOTSRANGE.
pub(super) fn change_ranges(cluster: &mut Cluster, args: &[&[u8]], change: Change) -> Answer {
    if args.len() % 2 == 1 {
        let name = if change == Change::Add { "addslotsrange" } else { "delslotsrange" };
        return Err(format!("ERR wrong number of arguments for 'cluster|{name}' command"));
    }
    let mut named = SlotSet::default();
    let mut ranges = Vec::new();
    for pair in args.chunks_exact(2) {
        let (start, end) = (slot(pair[0])?, slot(pair[1])?);
        if start > end {
            return Err(format!("ERR start slot number {start} is greater than end slot number {end}"));
        }
        check(cluster, (start, end), change, &mut named)?;
        ranges.push((start, end));
    }
    apply(cluster, &named, change);
    Ok(Value::ok())
}

fn change_slots(cluster: &mut Cluster, ranges: &[(u16, u16)], change: Change) -> Answer {
    let mut named = SlotSet::default();
    for range in ranges {
        check(cluster, *range, change, &mut named)?;
    }
    apply(cluster, &named, change);
    Ok(Value::ok())
}

fn check(cluster: &Cluster, (start, end): (u16, u16), change: Change, named: &mut SlotSet) -> Result<(), String> {
    for slot in start..=end {
        match (change, cluster.owner(slot)) {
            (Change::Remove, None) => return Err(format!("ERR Slot {slot} is already unassigned")),
            (Change::Add, Some(_)) => return Err(format!("ERR Slot {slot} is already busy")),
            _ if !named.insert(slot) => return Err(format!("ERR Slot {slot} specified multiple times")),
            _ => {}
        }
    }
    Ok(())
}

fn apply(cluster: &mut Cluster, named: &SlotSet, change: Change) {
    for slot in named.iter() {
        cluster.importing.remove(&slot);
        match change {
            Change::Add => cluster.add_slot(slot, MYSELF),
            Change::Remove => cluster.remove_slot(slot),
        };
        cluster.unclaimed.remove(slot);
    }
    cluster.todo.announce = true;
    cluster.save_and_update();
}

pub(super) fn flush(cluster: &mut Cluster, _: &[&[u8]], world: &mut World<'_>) -> Answer {
    if world.keys.total() != 0 {
        return Err("ERR DB must be empty to perform CLUSTER FLUSHSLOTS.".to_owned());
    }
    cluster.remove_all_slots_of(MYSELF);
    cluster.todo.announce = true;
    cluster.save_and_update();
    Ok(Value::ok())
}

pub(super) fn set_slot(cluster: &mut Cluster, args: &[&[u8]], world: &mut World<'_>) -> Answer {
    if cluster.is_replica() {
        return Err("ERR Please use SETSLOT only with masters.".to_owned());
    }
    let slot = slot(args[0])?;
    match args[1..] {
        [action, id] if is_word(action, "migrating") => {
            if !cluster.owns(slot) {
                return Err(format!("ERR I'm not the owner of hash slot {slot}"));
            }
            let target = primary(cluster, id, "I don't know about node")?;
            cluster.migrating.insert(slot, target);
        }
        [action, id] if is_word(action, "importing") => {
            if cluster.owns(slot) {
                return Err(format!("ERR I'm already the owner of hash slot {slot}"));
            }
            let source = primary(cluster, id, "I don't know about node")?;
            cluster.importing.insert(slot, source);
        }
        [action] if is_word(action, "stable") => {
            cluster.importing.remove(&slot);
            cluster.migrating.remove(&slot);
        }
        [action, id] if is_word(action, "node") => {
            let target = primary(cluster, id, "Unknown node")?;
            give(cluster, slot, target, world)?;
        }
        _ => {
            let error = "ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP";
            return Err(error.to_owned());
        }
    }
    cluster.save_and_update();
    Ok(Value::ok())
}

fn primary(cluster: &Cluster, id: &[u8], unknown: &str) -> Result<NodeIndex, String> {
    let found = node(cluster, id, unknown)?;
    if cluster.node(found).is_replica() {
        return Err("ERR Target node is not a master".to_owned());
    }
    Ok(found)
}

/// SETSLOT NODE.
fn give(cluster: &mut Cluster, slot: u16, target: NodeIndex, world: &World<'_>) -> Result<(), String> {
    let was_own = cluster.owns(slot);
    let empty = world.keys.count(slot) == 0;
    if was_own && target != MYSELF && !empty {
        return Err(format!(
            "ERR Can't assign hashslot {slot} to a different node while I still hold keys for this hash slot."
        ));
    }
    if empty {
        cluster.migrating.remove(&slot);
    }
    cluster.remove_slot(slot);
    cluster.add_slot(slot, target);
    cluster.unclaimed.remove(slot);
    cluster.todo.announce = true;
    let lost_all = was_own && target != MYSELF && cluster.myself().slots.is_empty();
    if lost_all && cluster.settings.allow_replica_migration {
        let line =
            format!("Configuration change detected. Reconfiguring myself as a replica of {}", cluster.node(target).id);
        cluster.log(super::super::effects::Level::Warning, line);
        cluster.set_primary(target);
        cluster.save_and_sync();
    }
    if target == MYSELF && cluster.importing.remove(&slot).is_some() {
        // The slot moved here without a vote: a new epoch makes the others believe it.
        cluster.bump_epoch();
        cluster.announce_now();
    }
    Ok(())
}

pub(super) fn count_keys(_: &mut Cluster, args: &[&[u8]], world: &mut World<'_>) -> Answer {
    let slot = integer_or_error(args[0])?;
    match u16::try_from(slot).ok().filter(|slot| *slot < SLOTS) {
        Some(slot) => Ok(Value::Integer(world.keys.count(slot) as i64)),
        None => Err("ERR Invalid slot".to_owned()),
    }
}

pub(super) fn get_keys(_: &mut Cluster, args: &[&[u8]], world: &mut World<'_>) -> Answer {
    let (slot, most) = (integer_or_error(args[0])?, integer_or_error(args[1])?);
    let slot = u16::try_from(slot).ok().filter(|slot| *slot < SLOTS);
    match (slot, usize::try_from(most)) {
        (Some(slot), Ok(most)) => {
            let names = world.keys.names(slot, most).into_iter().take(most);
            Ok(Value::Array(names.map(Value::Bulk).collect()))
        }
        _ => Err("ERR Invalid slot or number of keys".to_owned()),
    }
}
