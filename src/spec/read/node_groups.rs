//! The rules of `cluster.node_groups`: a list that describes every shard by hand.
//!
//! Knows slots, ids, zones and their counts. Like all rules, silent about what is already told.

use super::rules::{DEFAULT_REPLICAS, Rules};
use crate::spec::NodeGroupSpec;

/// Slots of a cluster.
const SLOTS: u32 = 16384;

/// Checks the list.
pub(super) fn check(rules: &mut Rules<'_>) {
    let groups = &rules.cluster.node_groups;
    if groups.is_empty() {
        return;
    }
    count(rules, groups);
    ids(rules, groups);
    slots(rules, groups);
    for (at, group) in groups.iter().enumerate() {
        zones(rules, at, group);
    }
}

fn count(rules: &mut Rules<'_>, groups: &[NodeGroupSpec]) {
    let Some(shards) = rules.cluster.shards else {
        return;
    };
    if usize::try_from(shards) != Ok(groups.len()) {
        let message = format!("`node_groups` has {}, and `shards` is {shards}", counted(groups.len(), "item"));
        let hint = "one item for each shard; without `shards`, the list gives their number";
        rules.say("cluster.shards", &["cluster.node_groups"], &message, hint);
    }
}

fn ids(rules: &mut Rules<'_>, groups: &[NodeGroupSpec]) {
    let ids: Vec<String> = groups
        .iter()
        .enumerate()
        .map(|(at, group)| group.id.clone().unwrap_or_else(|| format!("{:04}", at + 1)))
        .collect();
    for (at, id) in ids.iter().enumerate() {
        if ids.iter().take(at).any(|earlier| earlier == id) {
            let hint = "each id once; without `id`, an item's place in the list is its id";
            let message = format!("two node groups have the id `{id}`");
            rules.say(&format!("cluster.node_groups[{at}].id"), &["cluster.node_groups"], &message, hint);
        }
    }
}

/// Slots are given for all shards or for none; together they are all slots, and none of them twice.
fn slots(rules: &mut Rules<'_>, groups: &[NodeGroupSpec]) {
    const ALLOWED: &str = "`first-last`, several joined by commas, from 0 to 16383";
    if groups.iter().all(|group| group.slots.is_none()) {
        return;
    }
    let mut owners: Vec<(u32, u32, usize)> = Vec::new();
    let mut complete = true;
    for (at, group) in groups.iter().enumerate() {
        let field = format!("cluster.node_groups[{at}].slots");
        match group.slots.as_deref().map(ranges) {
            Some(Some(ranges)) => owners.extend(ranges.into_iter().map(|(first, last)| (first, last, at))),
            Some(None) => {
                let slots = group.slots.as_deref().unwrap_or_default();
                let message = format!("`{}` are no slots", super::decode::shortened(slots));
                rules.say(&field, &[], &message, ALLOWED);
                complete = false;
            }
            None => {
                if !rules.doubts(&field) {
                    let message = "this node group has no `slots`, and another has";
                    rules.say(&field, &[], message, "give slots for all node groups or for none");
                }
                complete = false;
            }
        }
    }
    if complete {
        apart_and_complete(rules, owners);
    }
}

fn apart_and_complete(rules: &mut Rules<'_>, mut owners: Vec<(u32, u32, usize)>) {
    owners.sort_unstable();
    let mut next = 0;
    let mut missing = Vec::new();
    for (first, last, at) in owners {
        if first < next {
            let message = format!("slot {first} belongs to two ranges");
            let field = format!("cluster.node_groups[{at}].slots");
            rules.say(&field, &["cluster.node_groups"], &message, "each slot once");
            return;
        }
        if first > next {
            missing.push(range(next, first - 1));
        }
        next = last + 1;
    }
    if next < SLOTS {
        missing.push(range(next, SLOTS - 1));
    }
    if !missing.is_empty() {
        let message = format!("no node group has slots {}", super::decode::shortened(&missing.join(", ")));
        rules.say("cluster.node_groups", &[], &message, "together the node groups have all slots, 0 to 16383");
    }
}

fn range(first: u32, last: u32) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

fn ranges(text: &str) -> Option<Vec<(u32, u32)>> {
    let slot = |text: &str| {
        let text = text.trim();
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u32>().ok().filter(|slot| digits && *slot < SLOTS)
    };
    text.split(',')
        .map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (slot(first)?, slot(last)?);
            (first <= last).then_some((first, last))
        })
        .collect()
}

fn zones(rules: &mut Rules<'_>, at: usize, group: &NodeGroupSpec) {
    let field = |name: &str| format!("cluster.node_groups[{at}].{name}");
    let region = rules.spec.region.as_deref();
    let named = group.replica_zones.iter().flatten().enumerate();
    let named = named.map(|(index, zone)| (field(&format!("replica_zones[{index}]")), zone));
    let primary = group.primary_zone.iter().map(|zone| (field("primary_zone"), zone));
    if let Some(region) = region {
        for (field, zone) in primary.chain(named) {
            if !zone.starts_with(region) {
                let message = format!("the zone `{zone}` is not in the region `{region}`");
                rules.say(&field, &["region"], &message, &format!("a zone such as `{region}a`"));
            }
        }
    }
    let Some(replica_zones) = &group.replica_zones else {
        return;
    };
    let replicas = group.replicas.or(rules.cluster.replicas_per_shard).unwrap_or(DEFAULT_REPLICAS);
    let zones = field("replica_zones");
    if usize::try_from(replicas) != Ok(replica_zones.len()) {
        let given = counted(replica_zones.len(), "zone");
        let wanted = counted(usize::try_from(replicas).unwrap_or_default(), "replica");
        let by_default = match (group.replicas, rules.cluster.replicas_per_shard) {
            (None, None) => " by default",
            _ => "",
        };
        let message = format!("`replica_zones` has {given}, and the shard has {wanted}{by_default}");
        let fields = [field("replicas"), "cluster.replicas_per_shard".to_owned()];
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        rules.say(&zones, &fields, &message, "one zone for each replica, in order");
        return;
    }
    let Some(primary_zone) = &group.primary_zone else {
        return;
    };
    let all_in_one = !replica_zones.is_empty() && replica_zones.iter().all(|zone| zone == primary_zone);
    if all_in_one && rules.cluster.multi_az != Some(false) {
        let message = format!("every node of this shard is in `{primary_zone}`");
        let hint = "with `multi_az`, at least one replica is in another zone than its primary";
        rules.say(&zones, &["cluster.multi_az", &field("primary_zone")], &message, hint);
    }
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_ranges_joined_by_commas() {
        assert_eq!(ranges("0-5460"), Some(vec![(0, 5460)]));
        assert_eq!(ranges("0-1, 5,16383"), Some(vec![(0, 1), (5, 5), (16383, 16383)]));
        for bad in ["", "0-", "5-1", "0-16384", "a-b", "1,,2", "-1"] {
            assert_eq!(ranges(bad), None, "{bad}");
        }
    }
}
