//! Which stacks `cleanup` deletes, why, and whether that still holds right before.

use std::collections::BTreeSet;

use super::Stack;
use crate::lifetime::{Expiry, read_suffix};
use crate::observed::Live;
use crate::resource::{Address, EXPIRES_TAG, Names, Ownership, Tags};

/// What is to be deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The clock, in seconds since 1970.
    pub now_s: u64,
    /// Also what is older than so many seconds, whether it expires or not.
    pub older_than_s: Option<u64>,
    /// Only what has all of these tags.
    pub tags: Tags,
}

/// Why a stack is to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It has expired.
    Expired {
        /// When, in seconds since 1970.
        at_s: u64,
    },
    /// It is older than was asked for.
    Old {
        /// Since when it is there, in seconds since 1970.
        since_s: u64,
    },
}

/// The stacks that are to be deleted. One whose age nobody tells is not taken for an old one.
pub fn choose<'a>(stacks: &'a [Stack], choice: &Choice) -> Vec<(&'a Stack, Why)> {
    let why = |stack: &Stack| {
        let expired = stack.expires_s.filter(|_| stack.has_expired(choice.now_s)).map(|at_s| Why::Expired { at_s });
        let is_old =
            |since_s: &u64| choice.older_than_s.is_some_and(|older_s| choice.now_s.saturating_sub(*since_s) > older_s);
        expired.or_else(|| stack.created_s.filter(is_old).map(|since_s| Why::Old { since_s }))
    };
    let chosen = stacks.iter().filter(|stack| has_tags(stack, &choice.tags));
    chosen.filter_map(|stack| Some((stack, why(stack)?))).collect()
}

/// Where no tags were read, it is not known to have any.
fn has_tags(stack: &Stack, wanted: &Tags) -> bool {
    let has = |tags: &Tags| wanted.iter().all(|(key, value)| tags.get(key) == Some(value));
    wanted.is_empty() || stack.tags.as_ref().is_some_and(has)
}

/// What has become of a stack between the list and its deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is still to be deleted.
    Doomed,
    /// It has been renewed, or doesn't expire any more (`None`): it is left alone.
    Renewed(Option<u64>),
    /// There is more of it than was shown (another cluster, host, key or security group): it is left alone.
    Changed(BTreeSet<Address>),
}

/// Looks at what is live of a stack, with the tags read, right before it is deleted.
pub fn recheck(stack: &Stack, why: Why, live: &Live, now_s: u64) -> Verdict {
    let expires_s = expires_s(&stack.name, live);
    let is_renewed = match why {
        Why::Expired { .. } => expires_s.is_none_or(|at_s| at_s > now_s),
        Why::Old { .. } => expires_s != stack.expires_s && expires_s.is_some_and(|at_s| at_s > now_s),
    };
    if is_renewed && is_anything(live) {
        return Verdict::Renewed(expires_s);
    }
    let is_new = |(address, id): &(Address, &str)| !stack.parts.get(address).is_some_and(|parts| parts.contains(*id));
    let new: BTreeSet<Address> =
        parts(&stack.name, live).into_iter().filter(is_new).map(|(address, _)| address).collect();
    if new.is_empty() { Verdict::Doomed } else { Verdict::Changed(new) }
}

fn is_anything(live: &Live) -> bool {
    live.own_tags().next().is_some() || live.replication_group.is_some() || live.subnet_group.is_some()
}

/// When a live stack expires: as its tags say, else as the name of its subnet group does.
fn expires_s(stack: &str, live: &Live) -> Option<u64> {
    if live.own_tags().next().is_some() {
        return live.own_tags().filter_map(|tags| Some(Expiry::parse(tags.get(EXPIRES_TAG)?)?.at_s)).max();
    }
    let names = Names::new(stack);
    let groups = live.subnet_group.iter().chain(&live.spare_subnet_groups);
    groups.filter_map(|group| read_suffix(names.subnet_group_suffix(&group.name)?)?.expires_s).max()
}

/// What is live of a stack and not somebody else's, in the form of [`Stack::parts`]. Subnet and parameter groups don't
/// count: they hold nothing, and one whose description was changed isn't listed while its tag is the stack's all the
/// same.
fn parts<'a>(stack: &'a str, live: &'a Live) -> Vec<(Address, &'a str)> {
    let is_own = |ownership: Ownership| ownership != Ownership::Foreign;
    let key = live.key_pair.iter().filter(|key| is_own(key.ownership)).map(|key| (Address::KeyPair, key.id.as_str()));
    let groups = [(Address::ClientGroup, &live.client_group), (Address::ClusterGroup, &live.cluster_group)];
    let groups = groups.into_iter().filter_map(|(address, group)| Some((address, group.as_ref()?)));
    let groups =
        groups.filter(|(_, group)| is_own(group.ownership)).map(|(address, group)| (address, group.id.as_str()));
    let hosts = live.instances.iter().map(|host| (Address::Instance, host.id.as_str()));
    let cluster = live.replication_group.iter().filter(|group| is_own(group.ownership));
    let cluster = cluster.map(|_| (Address::ReplicationGroup, stack));
    key.chain(groups).chain(hosts).chain(cluster).collect()
}
