//! What is fixed at creation: a plan file that asks for something else is refused, because only a replacement could do
//! it, and that would lose the data.

use super::refuse;
use crate::desired::Desired;
use crate::diff::ChangeSet;
use crate::observed::LiveReplicationGroup;

pub(super) fn fixed_at_creation(desired: &Desired, found: &LiveReplicationGroup, set: &mut ChangeSet) {
    let wanted = &desired.replication_group;
    let written = &desired.written;
    let mut fixed = |path: &str, live: Option<String>, asked: Option<String>| {
        if let (Some(live), Some(asked)) = (live, asked)
            && live != asked
        {
            refuse(
                set,
                &format!("cluster.{path}"),
                format!("{path} is fixed at creation: it is {live}, and the plan file asks for {asked}"),
                "set it back; or, if the data may be lost, `destroy` and apply again",
            );
        }
    };
    let port = found.endpoint.as_ref().map(|endpoint| endpoint.port.to_string());
    fixed("port", port, Some(wanted.port.to_string()));
    let text = |value: Option<bool>| value.map(|value| value.to_string());
    fixed("at_rest_encryption", text(found.at_rest_encryption), text(written.at_rest_encryption));
    // AWS tells the key's ARN, whatever it was given. An alias can't be told from its name alone, so it is not compared.
    let key = |id: &String| id.rsplit("key/").next().unwrap_or(id).to_owned();
    let asked_key = written.kms_key_id.as_ref().filter(|id| !id.contains("alias/"));
    fixed("kms_key_id", found.kms_key_id.as_ref().map(key), asked_key.map(key));
    fixed("data_tiering", text(found.data_tiering), text(written.data_tiering));
    let network = written.network_type.map(|network| network.as_str().to_owned());
    fixed("network_type", found.network_type.clone(), network);
    let subnet_group = found.members.iter().find_map(|member| member.subnet_group.clone());
    fixed("subnet group", subnet_group, Some(wanted.subnet_group.clone()));
    if found.cluster_enabled == Some(false) {
        refuse(
            set,
            "cluster",
            format!("`{}` has cluster mode off, and shardform makes clusters with cluster mode on", wanted.id),
            "change it to `compatible` and then to `enabled` on AWS, or use another `name`",
        );
    }
    if found.auth_token_enabled == Some(false) && wanted.auth_token {
        refuse(
            set,
            "cluster.auth_token_env",
            "an AUTH token can be added to a live cluster only in two steps (ROTATE, then SET)",
            "add it on AWS in these two steps; the plan file then agrees",
        );
    }
    zones_by_hand(desired, found, set);
}

/// Zones and slots that the plan file chooses by hand are fixed as well; those that were spread may be anywhere.
fn zones_by_hand(desired: &Desired, found: &LiveReplicationGroup, set: &mut ChangeSet) {
    for (group, shard) in desired.written.node_groups.iter().zip(&desired.replication_group.shards) {
        let Some(live) = found.node_groups.iter().find(|live| live.id == shard.id) else {
            continue;
        };
        let mut live_zones: Vec<&str> = live.zones.values().map(String::as_str).collect();
        let mut asked: Vec<&str> =
            std::iter::once(&shard.primary_zone).chain(&shard.replica_zones).map(String::as_str).collect();
        live_zones.sort_unstable();
        asked.sort_unstable();
        let by_hand = group.primary_zone.is_some() && (group.replica_zones.is_some() || asked.len() == 1);
        if by_hand && live_zones.len() == asked.len() && live_zones != asked && !live_zones.contains(&"") {
            refuse(
                set,
                "cluster.node_groups",
                format!(
                    "shard {} is in {}, and the plan file asks for {}",
                    live.id,
                    live_zones.join(" "),
                    asked.join(" ")
                ),
                "nodes can't move to another zone: set it back, or remove replicas and add them again",
            );
        }
        if let (Some(asked), Some(live_slots)) = (&shard.slots, &live.slots)
            && ranges(asked) != ranges(live_slots)
        {
            refuse(
                set,
                "cluster.node_groups",
                format!("shard {} serves the slots {live_slots}, and the plan file asks for {asked}", live.id),
                "slots by hand are fixed at creation: set them back, or leave `slots` out",
            );
        }
    }
}

/// Slots such as `0-99, 200` as ranges in their order, so that only what they mean is compared.
fn ranges(slots: &str) -> Vec<(u32, u32)> {
    let number = |text: &str| text.trim().parse::<u32>().unwrap_or(u32::MAX);
    let range = |text: &str| match text.split_once('-') {
        Some((first, last)) => (number(first), number(last)),
        None => (number(text), number(text)),
    };
    let mut ranges: Vec<(u32, u32)> = slots.split(',').map(range).collect();
    ranges.sort_unstable();
    ranges
}
