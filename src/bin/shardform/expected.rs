//! From what should be live to what can be verified of it.

use std::collections::BTreeSet;

use shardform::call::{GroupRef, Rule, Source};
use shardform::cluster::verify::{Difference, Expected, ExpectedRule, ExpectedShard};
use shardform::desired::Desired;
use shardform::diff::{Action, ChangeSet, live_rule};
use shardform::observed::Live;
use shardform::resource::Address;

/// What is planned, with the ids of what is live, and what the plan says differs.
pub fn expected(desired: &Desired, live: &Live, changes: &ChangeSet) -> Expected {
    let group = &desired.replication_group;
    let (for_client, others): (Vec<&Rule>, Vec<&Rule>) = desired.cluster_group.ingress.iter().partition(is_for_client);
    let known = |rule: &&Rule| live_rule(rule, live);
    Expected {
        shards: shards(desired),
        engine: group.engine.clone(),
        engine_version: group.engine_version.clone(),
        multi_az: group.multi_az,
        parameter_group: group.parameter_group.clone(),
        parameters: desired.written.parameters.clone(),
        group_ids: group_ids(&group.groups, live),
        client_rule: for_client.first().map(|rule| known(rule).map_or(ExpectedRule::GroupMissing, ExpectedRule::Known)),
        other_rules: others.iter().filter_map(known).collect(),
        differences: differences(changes),
    }
}

fn is_for_client(rule: &&Rule) -> bool {
    rule.source == Source::Group(GroupRef::Of(Address::ClientGroup))
}

fn shards(desired: &Desired) -> Vec<ExpectedShard> {
    let by_hand = &desired.written.node_groups;
    let shards = desired.replication_group.shards.iter().enumerate();
    let shard = |(index, shard): (usize, &shardform::call::Shard)| ExpectedShard {
        id: shard.id.clone(),
        replicas: shard.replica_zones.len(),
        zones: std::iter::once(&shard.primary_zone).chain(&shard.replica_zones).cloned().collect(),
        zones_written: by_hand
            .get(index)
            .is_some_and(|group| group.primary_zone.is_some() || group.replica_zones.is_some()),
    };
    shards.map(shard).collect()
}

fn group_ids(groups: &[GroupRef], live: &Live) -> BTreeSet<String> {
    let id = |group: &GroupRef| match group {
        GroupRef::Known(id) => Some(id.clone()),
        GroupRef::Of(_) => live.cluster_group.as_ref().map(|group| group.id.clone()),
    };
    groups.iter().filter_map(id).collect()
}

fn differences(changes: &ChangeSet) -> Vec<Difference> {
    let changed = changes.changes.iter().filter(|change| change.action != Action::Wait);
    let changed = changed.map(|change| Difference { address: change.address, what: change.reason.clone() });
    let refused = changes.refusals.iter();
    let refused = refused.map(|refusal| Difference { address: refusal.address, what: refusal.message.clone() });
    changed.chain(refused).collect()
}
