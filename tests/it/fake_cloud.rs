//! A cloud in memory for tests of the core: it takes every [`Call`] and shows the result in what it observes.
//!
//! Time is tokio's, so under a paused clock whole applies run in no time. It is deliberately simple where
//! `shardform-node` is faithful: it exists to test the planner's and executor's own logic.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use shardform::call::{Call, GroupRef, ModifyReplicationGroup, ReplicationGroup, Rule, Source, TagTarget, Wait};
use shardform::cloud::{Accepted, Cloud, CloudError, ErrorKind, Ids, Progress};
use shardform::observed::{
    Endpoint, EngineVersion, Live, LiveInstance, LiveKeyPair, LiveMember, LiveNodeGroup, LiveParameterGroup,
    LiveReplicationGroup, LiveRule, LiveSecurityGroup, LiveSource, LiveSubnetGroup, Observed, Query, Snapshot,
    Snapshots, Subnet, Surroundings,
};
use shardform::resource::{Address, Names, Ownership, Tags};
use tokio::time::Instant;

/// How long a replication group takes for each change.
pub const GROUP_TAKES: Duration = Duration::from_secs(600);
/// How long a client host takes to run.
pub const INSTANCE_TAKES: Duration = Duration::from_secs(30);

pub struct FakeCloud {
    state: Mutex<State>,
}

struct State {
    observed: Observed,
    names: Names,
    settled_at: Option<Instant>,
    instance_at: Option<Instant>,
    /// Operations and when they came in, since the first.
    log: Vec<(Duration, &'static str)>,
    began: Option<Instant>,
    fail: BTreeMap<&'static str, CloudError>,
    busy: BTreeMap<&'static str, u32>,
    counter: u32,
    /// So many polls more tell the status from before the last change.
    stale_polls: u32,
}

pub fn surroundings() -> Surroundings {
    let subnet = |zone: &str| Subnet {
        zone: format!("us-east-1{zone}"),
        id: format!("subnet-{zone}"),
        vpc_id: "vpc-1".to_owned(),
    };
    Surroundings {
        account: Some("000000000000".to_owned()),
        caller: None,
        subnets: ["a", "b", "c", "d"].map(subnet).to_vec(),
        image_id: Some("ami-1".to_owned()),
        ec2_instance_connect: Some("pl-1".to_owned()),
        named_groups: Vec::new(),
        key_exists: None,
        engine_versions: Some(
            [("7.1.0", "redis7"), ("7.0.7", "redis7"), ("6.2.6", "redis6.x"), ("8.0.1", "valkey8")]
                .map(|(version, family)| EngineVersion { version: version.to_owned(), family: family.to_owned() })
                .to_vec(),
        ),
        snapshots: None,
    }
}

impl FakeCloud {
    pub fn new(stack: &str) -> Self {
        let observed = Observed { surroundings: surroundings(), live: Live::default() };
        FakeCloud {
            state: Mutex::new(State {
                observed,
                names: Names::new(stack),
                settled_at: None,
                instance_at: None,
                log: Vec::new(),
                began: None,
                fail: BTreeMap::new(),
                busy: BTreeMap::new(),
                counter: 0,
                stale_polls: 0,
            }),
        }
    }

    pub fn observed(&self) -> Observed {
        let mut state = self.state.lock().unwrap();
        state.settle();
        state.observed.clone()
    }

    pub fn change(&self, change: impl FnOnce(&mut Observed)) {
        change(&mut self.state.lock().unwrap().observed);
    }

    /// Lets every call of this operation fail.
    pub fn fail(&self, operation: &'static str) {
        let error = CloudError {
            kind: ErrorKind::Rejected,
            operation: operation.to_owned(),
            code: "Refused".to_owned(),
            message: "the test said so".to_owned(),
            hint: None,
        };
        self.state.lock().unwrap().fail.insert(operation, error);
    }

    /// Lets the next `times` calls of this operation be answered with "not now".
    pub fn busy(&self, operation: &'static str, times: u32) {
        self.state.lock().unwrap().busy.insert(operation, times);
    }

    /// Lets the next polls tell of a settled group, whatever it is.
    pub fn lag(&self, polls: u32) {
        self.state.lock().unwrap().stale_polls = polls;
    }

    /// The operations so far, with the second in which each came in.
    pub fn log(&self) -> Vec<(u64, &'static str)> {
        self.state.lock().unwrap().log.iter().map(|(at, operation)| (at.as_secs(), *operation)).collect()
    }
}

impl Cloud for FakeCloud {
    async fn observe(&self, _query: &Query) -> Result<Observed, CloudError> {
        Ok(self.observed())
    }

    async fn start(&self, call: &Call, ids: &Ids) -> Result<Accepted, CloudError> {
        let mut state = self.state.lock().unwrap();
        state.settle();
        let began = *state.began.get_or_insert_with(Instant::now);
        let operation = call.operation();
        if !operation.is_empty() {
            state.log.push((began.elapsed(), operation));
        }
        if let Some(error) = state.fail.get(operation) {
            return Err(error.clone());
        }
        if let Some(left) = state.busy.get_mut(operation).filter(|left| **left > 0) {
            *left -= 1;
            let message = "in use".to_owned();
            let operation = operation.to_owned();
            return Err(CloudError { kind: ErrorKind::Busy, operation, code: "InUse".to_owned(), message, hint: None });
        }
        let id = state.apply(call, ids);
        Ok(Accepted { id })
    }

    async fn status(&self, wait: &Wait, _ids: &Ids) -> Result<Progress, CloudError> {
        let mut state = self.state.lock().unwrap();
        state.settle();
        if state.stale_polls > 0 && matches!(wait, Wait::ReplicationGroupSettled { .. }) {
            state.stale_polls -= 1;
            return Ok(Progress::Reached);
        }
        let live = &state.observed.live;
        Ok(match wait {
            Wait::InstanceRunning => match live.instances.first() {
                Some(instance) if instance.state == "running" => Progress::Reached,
                Some(instance) => Progress::Pending(instance.state.clone()),
                None => Progress::Failed("it is gone".to_owned()),
            },
            Wait::InstancesTerminated { .. } => match live.instances.first() {
                None => Progress::Reached,
                Some(instance) => Progress::Pending(instance.state.clone()),
            },
            Wait::ReplicationGroupSettled { .. } => match &live.replication_group {
                Some(group) if group.is_settled() => Progress::Reached,
                Some(group) => Progress::Pending(group.status.clone()),
                None => Progress::Failed("it is gone".to_owned()),
            },
            Wait::ReplicationGroupGone { .. } | Wait::ReplicationGroupKept { .. } => match &live.replication_group {
                None => Progress::Reached,
                Some(group) => Progress::Pending(group.status.clone()),
            },
        })
    }
}

fn resolve(group: &GroupRef, ids: &Ids) -> String {
    match group {
        GroupRef::Known(id) => id.clone(),
        GroupRef::Of(address) => ids.get(address).cloned().unwrap_or_else(|| panic!("{address} is not known yet")),
    }
}

fn live_rule(rule: &Rule, ids: &Ids) -> LiveRule {
    let source = match &rule.source {
        Source::Cidr(cidr) => LiveSource::Cidr(cidr.clone()),
        Source::PrefixList(id) => LiveSource::PrefixList(id.clone()),
        Source::Group(group) => LiveSource::Group(resolve(group, ids)),
    };
    let port = Some(i32::from(rule.port));
    LiveRule { protocol: "tcp".to_owned(), from_port: port, to_port: port, source }
}

impl State {
    fn settle(&mut self) {
        let now = Instant::now();
        let live = &mut self.observed.live;
        if self.instance_at.is_some_and(|at| at <= now) {
            self.instance_at = None;
            live.instances.retain(|instance| instance.state != "shutting-down");
            for instance in &mut live.instances {
                instance.state = "running".to_owned();
            }
        }
        if self.settled_at.is_some_and(|at| at <= now) {
            self.settled_at = None;
            if live.replication_group.as_ref().is_some_and(|group| group.status == "deleting") {
                live.replication_group = None;
            } else if let Some(group) = &mut live.replication_group {
                group.status = "available".to_owned();
                for node_group in &mut group.node_groups {
                    node_group.status = "available".to_owned();
                }
            }
        }
    }

    fn group(&mut self) -> &mut LiveReplicationGroup {
        self.settled_at = Some(Instant::now() + GROUP_TAKES);
        let group = self.observed.live.replication_group.as_mut().expect("the replication group is there");
        assert!(group.is_settled(), "a change while the group is {}", group.status);
        group.status = "modifying".to_owned();
        group
    }

    fn security_group(&mut self, id: &str) -> &mut LiveSecurityGroup {
        let live = &mut self.observed.live;
        [&mut live.client_group, &mut live.cluster_group]
            .into_iter()
            .flatten()
            .find(|group| group.id == id)
            .expect("the security group is there")
    }

    fn apply(&mut self, call: &Call, ids: &Ids) -> Option<String> {
        self.counter += 1;
        let fresh = self.counter;
        match call {
            Call::ImportKeyPair(key) => {
                let public_key = match &key.source {
                    shardform::call::KeySource::Generate => "ssh-ed25519 generated".to_owned(),
                    shardform::call::KeySource::PublicKey(text) => text.clone(),
                };
                let id = format!("key-{fresh}");
                let ownership = Ownership::Ours;
                let tags = key.tags.clone();
                self.observed.live.key_pair =
                    Some(LiveKeyPair { ownership, id: id.clone(), public_key: Some(public_key), tags });
                return Some(id);
            }
            Call::DeleteKeyPair { .. } => self.observed.live.key_pair = None,
            Call::CreateSecurityGroup(address, group) => {
                let id = format!("sg-{fresh}");
                let live = Some(LiveSecurityGroup {
                    ownership: Ownership::Ours,
                    id: id.clone(),
                    vpc_id: group.vpc_id.clone(),
                    ingress: BTreeSet::new(),
                    tags: group.tags.clone(),
                });
                match address {
                    Address::ClientGroup => self.observed.live.client_group = live,
                    _ => self.observed.live.cluster_group = live,
                }
                return Some(id);
            }
            Call::AuthorizeIngress(group, rules) => {
                let rules: Vec<LiveRule> = rules.iter().map(|rule| live_rule(rule, ids)).collect();
                let id = resolve(group, ids);
                self.security_group(&id).ingress.extend(rules);
            }
            Call::RevokeIngress(id, rules) => self.security_group(id).ingress.retain(|rule| !rules.contains(rule)),
            Call::DeleteSecurityGroup(id) => self.delete_security_group(id),
            Call::RunInstance(instance) => {
                assert!(self.observed.live.instances.is_empty(), "a second client host");
                self.instance_at = Some(Instant::now() + INSTANCE_TAKES);
                let id = format!("i-{fresh}");
                self.observed.live.instances.push(LiveInstance {
                    id: id.clone(),
                    state: "pending".to_owned(),
                    instance_type: instance.instance_type.clone(),
                    image_id: instance.image_id.clone(),
                    key_name: Some(instance.key_name.clone()),
                    subnet_id: Some(instance.subnet_id.clone()),
                    group_ids: BTreeSet::from([resolve(&instance.group, ids)]),
                    imds_v2_only: Some(true),
                    public_address: Some("203.0.113.7".to_owned()),
                    tags: instance.tags.clone(),
                });
                return Some(id);
            }
            Call::RequireImdsV2(_) => self.observed.live.instances[0].imds_v2_only = Some(true),
            Call::TerminateInstances(_) => {
                self.instance_at = Some(Instant::now() + INSTANCE_TAKES);
                for instance in &mut self.observed.live.instances {
                    instance.state = "shutting-down".to_owned();
                }
            }
            Call::AddTags(target, tags) => self.change_tags(target, |live| live.extend(tags.clone())),
            Call::RemoveTags(target, keys) => {
                self.change_tags(target, |live| live.retain(|key, _| !keys.contains(key)));
            }
            Call::CreateSubnetGroup(group) => {
                self.observed.live.subnet_group = Some(LiveSubnetGroup {
                    ownership: Ownership::Ours,
                    name: group.name.clone(),
                    arn: Some(format!("arn:subnetgroup:{}", group.name)),
                    vpc_id: "vpc-1".to_owned(),
                    subnet_ids: group.subnet_ids.clone(),
                    tags: Some(group.tags.clone()),
                });
            }
            Call::ModifySubnetGroup(_, ids) => {
                self.observed.live.subnet_group.as_mut().expect("it is there").subnet_ids = ids.clone();
            }
            Call::DeleteSubnetGroup(name)
                if self.observed.live.subnet_group.as_ref().is_some_and(|own| own.name != *name) =>
            {
                self.observed.live.spare_subnet_groups.retain(|group| group.name != *name);
            }
            Call::DeleteSubnetGroup(_) => {
                assert!(self.observed.live.replication_group.is_none(), "the subnet group is in use");
                self.observed.live.subnet_group = None;
            }
            Call::CreateParameterGroup(group) => self.observed.live.parameter_groups.push(LiveParameterGroup {
                ownership: Ownership::Ours,
                name: group.name.clone(),
                arn: Some(format!("arn:parametergroup:{}", group.name)),
                family: group.family.clone(),
                parameters: Some(BTreeMap::new()),
                tags: Some(group.tags.clone()),
            }),
            Call::ModifyParameterGroup(name, parameters) => {
                assert!(parameters.len() <= 20, "AWS takes 20 parameters a call");
                self.parameters(name).extend(parameters.clone());
            }
            Call::ResetParameters(name, reset) => self.parameters(name).retain(|key, _| !reset.contains(key)),
            Call::DeleteParameterGroup(name) => {
                let group = self.observed.live.replication_group.as_ref();
                let used = group.is_some_and(|group| {
                    group.members.iter().any(|member| member.parameter_group.as_ref() == Some(name))
                });
                assert!(!used, "the parameter group {name} is in use");
                self.observed.live.parameter_groups.retain(|group| group.name != *name);
            }
            Call::CreateReplicationGroup(group) => self.create_group(group, ids),
            Call::ModifyReplicationGroup(modify) => self.modify_group(modify, ids),
            Call::IncreaseReplicaCount(_, counts) | Call::DecreaseReplicaCount(_, counts) => {
                let group = self.group();
                for count in counts {
                    let found = group.node_groups.iter_mut().find(|found| found.id == count.node_group_id);
                    let found = found.expect("the shard is there");
                    let zones = if count.zones.is_empty() {
                        found.zones.values().take(count.replicas as usize + 1).cloned().collect()
                    } else {
                        assert_eq!(count.zones.len(), count.replicas as usize + 1, "a zone for every node");
                        count.zones.clone()
                    };
                    found.zones = member_zones(&zones, &found.id);
                }
                remember_members(group);
            }
            Call::AddShards(_, shards) => {
                let group = self.group();
                for shard in shards {
                    if group.node_groups.iter().any(|found| found.id == shard.node_group_id) {
                        continue;
                    }
                    group.node_groups.push(node_group(&shard.node_group_id, &shard.zones));
                }
                remember_members(group);
            }
            Call::RemoveShards(_, count, gone) => {
                let group = self.group();
                group.node_groups.retain(|found| !gone.contains(&found.id));
                assert_eq!(group.node_groups.len(), *count as usize);
                remember_members(group);
            }
            Call::DeleteReplicationGroup { final_snapshot, .. } => {
                let group = self.group();
                group.status = "deleting".to_owned();
                let (engine, engine_version) = (group.engine.clone(), Some("7.1.0".to_owned()));
                if let Some(name) = final_snapshot {
                    let (status, of) = ("available".to_owned(), Some(self.names.replication_group()));
                    let data_tiering = Some(false);
                    let snapshot =
                        Snapshot { name: name.clone(), status, group: of, engine, engine_version, data_tiering };
                    let found = Snapshots { named: Some(snapshot), available: Vec::new() };
                    self.observed.surroundings.snapshots = Some(found);
                }
            }
            Call::Await => {}
        }
        None
    }

    fn parameters(&mut self, name: &str) -> &mut BTreeMap<String, String> {
        let groups = &mut self.observed.live.parameter_groups;
        let group = groups.iter_mut().find(|group| group.name == name).expect("the parameter group is there");
        group.parameters.get_or_insert_default()
    }

    fn delete_security_group(&mut self, id: &str) {
        let live = &mut self.observed.live;
        let named = |group: &Option<LiveSecurityGroup>| {
            let group = group.as_ref().filter(|group| group.id != id);
            group.is_some_and(|group| group.ingress.iter().any(|rule| rule.source == LiveSource::Group(id.to_owned())))
        };
        assert!(!named(&live.client_group) && !named(&live.cluster_group), "{id} is named by a rule");
        assert!(live.instances.iter().all(|instance| !instance.group_ids.contains(id)), "{id} is a host's");
        let nodes = live.replication_group.iter().flat_map(|group| &group.members);
        assert!(nodes.into_iter().all(|member| !member.group_ids.contains(id)), "{id} is the nodes'");
        for group in [&mut live.client_group, &mut live.cluster_group] {
            if group.as_ref().is_some_and(|group| group.id == id) {
                *group = None;
            }
        }
    }

    fn change_tags(&mut self, target: &TagTarget, change: impl Fn(&mut Tags)) {
        let live = &mut self.observed.live;
        match target {
            TagTarget::Ec2(id) => {
                for group in [&mut live.client_group, &mut live.cluster_group].into_iter().flatten() {
                    if group.id == *id {
                        change(&mut group.tags);
                    }
                }
                for instance in live.instances.iter_mut().filter(|instance| instance.id == *id) {
                    change(&mut instance.tags);
                }
                if let Some(key) = live.key_pair.as_mut().filter(|key| key.id == *id) {
                    change(&mut key.tags);
                }
            }
            TagTarget::ElastiCache(arn) => {
                let subnet = live.subnet_group.as_mut().map(|group| (&group.arn, &mut group.tags));
                let parameters = live.parameter_groups.iter_mut().map(|group| (&group.arn, &mut group.tags));
                let group = live.replication_group.as_mut().map(|group| (&group.arn, &mut group.tags));
                for (own, live_tags) in subnet.into_iter().chain(parameters).chain(group) {
                    if own.as_ref() == Some(arn) {
                        change(live_tags.get_or_insert_default());
                    }
                }
            }
        }
    }

    fn create_group(&mut self, group: &ReplicationGroup, ids: &Ids) {
        assert!(self.observed.live.subnet_group.is_some(), "the subnet group is there first");
        assert!(self.names.subnet_group_suffix(&group.subnet_group).is_some(), "it begins with the stack's name");
        let made = self.observed.live.subnet_group.as_ref().map(|group| group.name.as_str());
        assert_eq!(Some(group.subnet_group.as_str()), made);
        if group.own_parameter_group {
            let made = &self.observed.live.parameter_groups;
            let found = made.iter().find(|made| made.name == group.parameter_group).expect("made first");
            assert!(!found.parameters.as_ref().unwrap().is_empty(), "with its parameters");
        }
        self.settled_at = Some(Instant::now() + GROUP_TAKES);
        let zones = |shard: &shardform::call::Shard| {
            let mut zones = vec![shard.primary_zone.clone()];
            zones.extend(shard.replica_zones.clone());
            zones
        };
        let mut live = LiveReplicationGroup {
            ownership: Ownership::Ours,
            arn: Some(format!("arn:replicationgroup:{}", group.id)),
            status: "creating".to_owned(),
            description: Some(group.description.clone()),
            engine: Some(group.engine.clone()),
            node_type: Some(group.node_type.clone()),
            cluster_enabled: Some(true),
            multi_az: Some(group.multi_az),
            endpoint: Some(Endpoint { address: "clustercfg.example".to_owned(), port: group.port }),
            node_groups: group.shards.iter().map(|shard| node_group(&shard.id, &zones(shard))).collect(),
            member_ids: Vec::new(),
            members: Vec::new(),
            snapshot_retention_days: Some(group.snapshot_retention_days),
            snapshot_window: group.snapshot_window.clone().or(Some("05:00-06:00".to_owned())),
            auth_token_enabled: Some(group.auth_token),
            transit_encryption: Some(group.transit_encryption.unwrap_or("off").to_owned()),
            at_rest_encryption: Some(group.at_rest_encryption.unwrap_or(false)),
            kms_key_id: group.kms_key_id.clone(),
            user_group_ids: Some(group.user_group_ids.iter().cloned().collect()),
            log_delivery: Some(group.log_delivery.iter().map(shardform::diff::log_text).collect()),
            data_tiering: Some(group.data_tiering.unwrap_or(false)),
            auto_minor_version_upgrade: Some(group.auto_minor_version_upgrade.unwrap_or(true)),
            network_type: Some(group.network_type.unwrap_or("ipv4").to_owned()),
            ip_discovery: Some(group.ip_discovery.unwrap_or("ipv4").to_owned()),
            pending: Vec::new(),
            tags: Some(group.tags.clone()),
        };
        let member = LiveMember {
            id: String::new(),
            status: "available".to_owned(),
            engine_version: Some(format!("{}.0", group.engine_version)),
            group_ids: group.groups.iter().map(|group| resolve(group, ids)).collect(),
            subnet_group: Some(group.subnet_group.clone()),
            parameter_group: Some(group.parameter_group.clone()),
            parameter_status: Some("in-sync".to_owned()),
            maintenance_window: group.maintenance_window.clone().or(Some("sun:05:00-sun:06:00".to_owned())),
            notification_topic_arn: group.notification_topic_arn.clone(),
            endpoint: None,
        };
        live.members.push(member);
        remember_members(&mut live);
        self.observed.live.replication_group = Some(live);
    }

    fn modify_group(&mut self, modify: &ModifyReplicationGroup, ids: &Ids) {
        let group = self.group();
        let replicas = group.node_groups.iter().all(|found| found.zones.len() > 1);
        assert!(modify.multi_az != Some(true) || replicas, "Multi-AZ needs replicas");
        macro_rules! set {
            ($($field:ident),*) => { $(if modify.$field.is_some() { group.$field = modify.$field.clone(); })* };
        }
        set!(description, multi_az, snapshot_retention_days, snapshot_window, engine, node_type);
        set!(auto_minor_version_upgrade);
        if let Some(mode) = modify.transit_encryption {
            group.transit_encryption = Some(mode.to_owned());
        }
        if let Some(discovery) = modify.ip_discovery {
            group.ip_discovery = Some(discovery.to_owned());
        }
        for member in &mut group.members {
            if let Some(version) = &modify.engine_version {
                member.engine_version = Some(format!("{version}.0"));
            }
            if let Some(groups) = &modify.groups {
                member.group_ids = groups.iter().map(|group| resolve(group, ids)).collect();
            }
            for (field, value) in [
                (&mut member.parameter_group, &modify.parameter_group),
                (&mut member.maintenance_window, &modify.maintenance_window),
                (&mut member.notification_topic_arn, &modify.notification_topic_arn),
            ] {
                if value.is_some() {
                    field.clone_from(value);
                }
            }
        }
        let user_groups = group.user_group_ids.get_or_insert_default();
        user_groups.extend(modify.user_groups_to_add.clone());
        user_groups.retain(|id| !modify.user_groups_to_remove.contains(id));
        let logs = group.log_delivery.get_or_insert_default();
        for change in &modify.log_delivery {
            match change {
                shardform::call::LogDeliveryChange::Set(log) => {
                    logs.retain(|text| !text.starts_with(log.log_type.as_str()));
                    logs.insert(shardform::diff::log_text(log));
                }
                shardform::call::LogDeliveryChange::Stop(kind) => logs.retain(|text| !text.starts_with(kind.as_str())),
            }
        }
    }
}

fn node_group(id: &str, zones: &[String]) -> LiveNodeGroup {
    LiveNodeGroup { id: id.to_owned(), status: "creating".to_owned(), slots: None, zones: member_zones(zones, id) }
}

fn member_zones(zones: &[String], shard: &str) -> BTreeMap<String, String> {
    zones.iter().enumerate().map(|(node, zone)| (format!("day19-{shard}-{:03}", node + 1), zone.clone())).collect()
}

/// One member for each node, all like the first.
fn remember_members(group: &mut LiveReplicationGroup) {
    group.member_ids = group.node_groups.iter().flat_map(|found| found.zones.keys().cloned()).collect();
    let first = group.members[0].clone();
    group.members = group.member_ids.iter().map(|id| LiveMember { id: id.clone(), ..first.clone() }).collect();
}
