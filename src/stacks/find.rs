//! From what an account lists to its stacks: `find(&Inventory) -> Vec<Stack>`.

use std::collections::{BTreeMap, BTreeSet};

use super::{Evidence, Inventory, ListedEc2, ListedGroup, ListedMember, Stack, State};
use crate::lifetime::{Expiry, Said, read_suffix};
use crate::resource::{Address, EXPIRES_TAG, Names, OWNER_TAG, Ownership, STACK_TAG, Tags, USER_DATA_TAG};

/// All stacks, by name.
pub fn find(inventory: &Inventory) -> Vec<Stack> {
    let mut finds = Finds { inventory, stacks: BTreeMap::new() };
    finds.ec2();
    finds.subnet_groups();
    finds.replication_groups();
    finds.parameter_groups();
    finds
        .stacks
        .into_iter()
        .filter(|(_, found)| !found.parts.is_empty())
        .map(|(name, found)| found.stack(name, inventory))
        .collect()
}

/// The ARNs, one a stack, whose tags have to be read for anything to be told of these stacks' time and owner: nothing
/// of theirs has a tag that a listing shows, nor a name that says it.
pub fn untold(stacks: &[Stack], inventory: &Inventory) -> Vec<String> {
    let says_nothing = |stack: &&Stack| stack.expires_s.is_none() && stack.owner.is_none();
    arns(stacks.iter().filter(says_nothing), inventory)
}

/// The ARNs, one a stack, whose tags have to be read before these stacks' time is taken for over: so far only a name
/// says so, and tags are newer.
pub fn undecided<'a>(stacks: impl Iterator<Item = &'a Stack>, inventory: &Inventory) -> Vec<String> {
    arns(stacks, inventory)
}

fn arns<'a>(stacks: impl Iterator<Item = &'a Stack>, inventory: &Inventory) -> Vec<String> {
    let arn = |stack: &Stack| {
        let has = |address: Address, name: &str| stack.parts.get(&address).is_some_and(|names| names.contains(name));
        let subnets = inventory.subnet_groups.iter().filter(|one| has(Address::SubnetGroup, &one.name));
        let parameters = inventory.parameter_groups.iter().filter(|one| has(Address::ParameterGroup, &one.name));
        let clusters = inventory.replication_groups.iter().filter(|one| has(Address::ReplicationGroup, &one.id));
        // Of a cluster they may not be readable at the moment; of the groups they always are.
        let all = subnets.map(|one| &one.arn).chain(parameters.map(|one| &one.arn)).chain(clusters.map(|one| &one.arn));
        all.flatten().find(|arn| !inventory.cache_tags.contains_key(*arn)).cloned()
    };
    stacks.filter(|stack| stack.tags.is_none()).filter_map(arn).collect()
}

/// What has been found so far.
struct Finds<'a> {
    inventory: &'a Inventory,
    stacks: BTreeMap<String, Found<'a>>,
}

/// One stack's finds.
#[derive(Default)]
struct Found<'a> {
    parts: BTreeMap<Address, BTreeSet<String>>,
    evidence: BTreeSet<Evidence>,
    tags: Vec<&'a Tags>,
    created_ms: Option<u64>,
    cluster: Option<&'a ListedGroup>,
    members: Vec<&'a ListedMember>,
    said: Vec<Said>,
}

impl<'a> Finds<'a> {
    /// What EC2 lists with a stack's tag, and under the name that shardform gives it: people tag other things too.
    fn ec2(&mut self) {
        let inventory = self.inventory;
        for group in &inventory.security_groups {
            self.named(group, |names| {
                let client = (names.client_group(), Address::ClientGroup);
                [client, (names.cluster_group(), Address::ClusterGroup)]
            });
        }
        for key in &inventory.key_pairs {
            self.named(key, |names| [(names.key_pair(), Address::KeyPair)]);
        }
        for host in &inventory.hosts {
            let Some(stack) = host.tags.get(STACK_TAG) else { continue };
            let own_group = self.stacks.get(stack).and_then(|found| found.parts.get(&Address::ClientGroup));
            let is_in_own = own_group.is_some_and(|ids| !ids.is_disjoint(&host.security_groups));
            if host.tags.contains_key(USER_DATA_TAG) || is_in_own {
                self.tagged(stack, Address::Instance, &host.id, &host.tags, host.created_ms);
            }
        }
    }

    fn named<const COUNT: usize>(&mut self, one: &'a ListedEc2, names: impl Fn(&Names) -> [(String, Address); COUNT]) {
        let Some(stack) = one.tags.get(STACK_TAG) else { return };
        let own = names(&Names::new(stack)).into_iter().find(|(name, _)| *name == one.name);
        if let Some((_, address)) = own {
            self.tagged(stack, address, &one.id, &one.tags, one.created_ms);
        }
    }

    fn tagged(&mut self, stack: &str, address: Address, id: &str, tags: &'a Tags, created_ms: Option<u64>) {
        let found = self.stacks.entry(stack.to_owned()).or_default();
        found.add(address, id, Evidence::Tag);
        found.tags.push(tags);
        found.made_at(created_ms);
    }

    /// Subnet groups whose name is a stack's, and whose description says so: of a name alone there are too many.
    fn subnet_groups(&mut self) {
        for group in &self.inventory.subnet_groups {
            // A stack's name may have the same words in it, so every place is tried.
            let places = group.name.match_indices("-cluster");
            let mut stacks = places.filter_map(|(at, _)| {
                let names = Names::new(&group.name[..at]);
                let said = names.subnet_group_suffix(&group.name).and_then(read_suffix)?;
                (group.description == names.subnet_group_description()).then_some((names.stack, said))
            });
            let Some((stack, said)) = stacks.next() else { continue };
            if let Some(found) = self.cache_group(&stack, Address::SubnetGroup, &group.name, group.arn.as_deref()) {
                found.said.push(said);
            }
        }
    }

    fn parameter_groups(&mut self) {
        for group in &self.inventory.parameter_groups {
            let end = format!("-{}", group.family.replace('.', "-"));
            let Some(stack) = group.name.strip_suffix(&end) else { continue };
            if group.description == Names::new(stack).parameter_group_description() {
                self.cache_group(stack, Address::ParameterGroup, &group.name, group.arn.as_deref());
            }
        }
    }

    /// Takes a group of ElastiCache for a stack's, unless its tags were read and say otherwise.
    fn cache_group(&mut self, stack: &str, address: Address, name: &str, arn: Option<&str>) -> Option<&mut Found<'a>> {
        let tags = self.read_tags(arn);
        let evidence = match Ownership::of(tags, stack) {
            Ownership::Ours => Evidence::Tag,
            Ownership::Unknown => Evidence::Name,
            Ownership::Foreign => return None,
        };
        let found = self.stacks.entry(stack.to_owned()).or_default();
        found.add(address, name, evidence);
        found.tags.extend(tags);
        Some(found)
    }

    fn read_tags(&self, arn: Option<&str>) -> Option<&'a Tags> {
        self.inventory.cache_tags.get(arn?)?.as_ref()
    }

    /// Replication groups of a stack's name, by the surest of what says so.
    fn replication_groups(&mut self) {
        let mut by_group: BTreeMap<&str, Vec<&ListedMember>> = BTreeMap::new();
        for member in &self.inventory.members {
            if let Some(group) = &member.group {
                by_group.entry(group).or_default().push(member);
            }
        }
        for group in &self.inventory.replication_groups {
            let members = by_group.remove(group.id.as_str()).unwrap_or_default();
            let Some(evidence) = self.evidence(group, &members) else { continue };
            let tags = self.read_tags(group.arn.as_deref());
            let found = self.stacks.entry(group.id.clone()).or_default();
            found.add(Address::ReplicationGroup, &group.id, evidence);
            found.tags.extend(tags);
            found.made_at(group.created_ms);
            members.iter().for_each(|member| found.made_at(member.created_ms));
            // Whatever its description says by now, the group that a stack's nodes are in is the stack's.
            let names = Names::new(&group.id);
            for name in members.iter().filter_map(|member| member.subnet_group.as_ref()) {
                if let Some(said) = names.subnet_group_suffix(name).and_then(read_suffix) {
                    found.add(Address::SubnetGroup, name, evidence);
                    found.said.push(said);
                }
            }
            found.cluster = Some(group);
            found.members = members;
        }
    }

    /// Why a replication group is a stack's; `None`: nothing says so.
    fn evidence(&self, group: &ListedGroup, members: &[&ListedMember]) -> Option<Evidence> {
        let names = Names::new(&group.id);
        match Ownership::of(self.read_tags(group.arn.as_deref()), &group.id) {
            Ownership::Ours => return Some(Evidence::Tag),
            Ownership::Foreign => return None,
            Ownership::Unknown => {}
        }
        let part = |address| self.stacks.get(&group.id).and_then(|found| found.parts.get(&address));
        let own_groups = part(Address::ClusterGroup);
        if own_groups.is_some_and(|own| members.iter().any(|member| !member.security_groups.is_disjoint(own))) {
            return Some(Evidence::SecurityGroup);
        }
        let is_in = |own: &BTreeSet<String>| {
            members.iter().any(|member| member.subnet_group.as_ref().is_some_and(|name| own.contains(name)))
        };
        if part(Address::SubnetGroup).is_some_and(is_in) {
            return Some(Evidence::SubnetGroup);
        }
        // A group that is just being made, or whose making has failed, may have no members that could tell.
        let is_described = group.description == names.replication_group_description();
        (members.is_empty() && (own_groups.is_some() || is_described)).then_some(Evidence::Name)
    }
}

impl Found<'_> {
    fn add(&mut self, address: Address, id: &str, evidence: Evidence) {
        self.parts.entry(address).or_default().insert(id.to_owned());
        self.evidence.insert(evidence);
    }

    fn made_at(&mut self, created_ms: Option<u64>) {
        self.created_ms = self.created_ms.into_iter().chain(created_ms).min();
    }

    fn stack(self, name: String, inventory: &Inventory) -> Stack {
        let expiries = self.tags.iter().filter_map(|tags| Expiry::parse(tags.get(EXPIRES_TAG)?));
        // The latest is the newest.
        let latest = expiries.max_by_key(|expiry| expiry.at_s);
        let in_tags = self.tags.iter().find_map(|tags| tags.get(OWNER_TAG).cloned());
        // Tags are newer than what a name was given, so it counts only where there are none.
        let (expires_s, owner) = if self.tags.is_empty() {
            let owner = self.said.iter().find_map(|said| said.owner.clone());
            (self.said.iter().filter_map(|said| said.expires_s).max(), owner)
        } else {
            (latest.map(|expiry| expiry.at_s), in_tags)
        };
        // Nobody tells when a security group was made; its stack is at least as old as its expiry is long.
        let by_expiry = || latest.map(|expiry| expiry.at_s.saturating_sub(expiry.length.seconds()));
        let tags = (!self.tags.is_empty()).then(|| self.tags.iter().flat_map(|tags| (*tags).clone()).collect());
        Stack {
            region: inventory.region.clone(),
            state: self.state(),
            created_s: self.created_ms.map(|created_ms| created_ms / 1000).or_else(by_expiry),
            owner,
            expires_s,
            available_nodes: self.members.iter().filter(|member| member.status == "available").count(),
            nodes: self.cluster.map_or(0, |cluster| cluster.member_ids.len().max(self.members.len())),
            endpoint: self.cluster.and_then(|cluster| cluster.endpoint.clone()),
            evidence: self.evidence,
            tags,
            parts: self.parts,
            name,
        }
    }

    fn state(&self) -> State {
        match self.cluster {
            Some(cluster) => State::Cluster(cluster.status.clone()),
            None if self.parts.contains_key(&Address::ClusterGroup) => State::HalfMade,
            None => State::HalfDeleted,
        }
    }
}
