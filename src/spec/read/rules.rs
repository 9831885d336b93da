//! What holds between the fields of a plan file: ElastiCache's rules that can be known before any call.
//!
//! Each rule is silent where a field that it looks at is already told about. Knows the defaults only as far as a rule
//! can't do without; `desired` is where they are decided. Where the account's live answer may differ, there is no rule.

use super::decode::quoted;
use super::locate::Side;
use super::node_groups;
use super::problems::Problems;
use super::tree::Node;
use super::windows;
use crate::spec::{ClusterSpec, Engine, IpDiscovery, NetworkType, Spec, TransitEncryption};

/// Defaults that rules look through, as the plan file's documentation gives them.
pub(super) const DEFAULT_SHARDS: u32 = 3;
pub(super) const DEFAULT_REPLICAS: u32 = 2;

/// Checks all rules.
pub(super) fn check(spec: &Spec, root: &Node, problems: &mut Problems) {
    let mut rules = Rules { spec, cluster: &spec.cluster, root, problems };
    rules.versions();
    rules.size();
    rules.zones();
    rules.node_type();
    rules.encryption();
    rules.windows();
    rules.exclusions();
    rules.log_types();
    rules.addresses();
    node_groups::check(&mut rules);
}

/// What a rule has at hand.
pub(super) struct Rules<'a> {
    pub(super) spec: &'a Spec,
    pub(super) cluster: &'a ClusterSpec,
    root: &'a Node,
    problems: &'a mut Problems,
}

impl Rules<'_> {
    /// Adds a problem at the value of `field`, or of its nearest parent, unless one of `fields` is in doubt.
    pub(super) fn say(&mut self, field: &str, fields: &[&str], message: &str, hint: &str) {
        if !self.doubts(field) && !fields.iter().any(|field| self.doubts(field)) {
            let (path, whole) = self.root.find(field);
            // A field that the file doesn't have is told about at the key of its section.
            let side = if whole { Side::Value } else { Side::Key };
            self.problems.at_path(path, side, message, hint);
        }
    }

    /// Whether `field` is already told about.
    pub(super) fn doubts(&self, field: &str) -> bool {
        self.problems.doubts(field)
    }

    fn versions(&mut self) {
        let Some(version) = self.cluster.engine_version.as_deref() else {
            return;
        };
        let engine = self.cluster.engine.unwrap_or(Engine::Redis);
        if let Some((message, hint)) = version_fault(engine, version) {
            self.say("cluster.engine_version", &["cluster.engine"], &message, &hint);
        }
    }

    /// Shards and replicas together.
    fn size(&mut self) {
        let listed = self.cluster.node_groups.len();
        let shards = match self.cluster.shards {
            Some(shards) => shards,
            None if listed > 0 => u32::try_from(listed).unwrap_or(u32::MAX),
            None => DEFAULT_SHARDS,
        };
        let replicas = self.cluster.replicas_per_shard.unwrap_or(DEFAULT_REPLICAS);
        let nodes: u32 = if listed == 0 {
            shards.saturating_mul(1 + replicas)
        } else {
            let groups = self.cluster.node_groups.iter();
            groups.map(|group| 1 + group.replicas.unwrap_or(replicas)).sum()
        };
        let most = super::cluster::MOST_NODES;
        if nodes > most {
            let message = match listed {
                0 => format!("{shards} shards of {} nodes are {nodes} nodes", 1 + replicas),
                _ => format!("the node groups have {nodes} nodes"),
            };
            let hint = format!("at most {most} nodes: shards x (1 + replicas)");
            let field = if self.cluster.shards.is_some() { "cluster.shards" } else { "cluster.node_groups" };
            self.say(field, &["cluster.shards", "cluster.replicas_per_shard", "cluster.node_groups"], &message, &hint);
        }
    }

    fn zones(&mut self) {
        let own = self.cluster.node_groups.iter().any(|group| group.replicas == Some(0));
        let all_have_own = !self.cluster.node_groups.is_empty()
            && self.cluster.node_groups.iter().all(|group| group.replicas.is_some());
        let none = self.cluster.replicas_per_shard == Some(0) && !all_have_own;
        if self.cluster.multi_az == Some(true) && (none || own) {
            self.say(
                "cluster.multi_az",
                &["cluster.replicas_per_shard", "cluster.node_groups"],
                "`multi_az: true` needs a replica in every shard, and there is none",
                "set `replicas_per_shard` to 1 or more, or `multi_az: false`",
            );
        }
    }

    fn node_type(&mut self) {
        let tiered = self.cluster.data_tiering == Some(true);
        let node_type = self.cluster.node_type.as_deref();
        let takes_tiering = node_type.is_some_and(|node_type| node_type.starts_with("cache.r6gd."));
        if takes_tiering && !tiered {
            self.say(
                "cluster.node_type",
                &["cluster.data_tiering"],
                "`cache.r6gd` nodes need data tiering",
                "add `data_tiering: true`, or take another family such as `cache.r6g`",
            );
        }
        if tiered && !takes_tiering {
            self.say(
                "cluster.data_tiering",
                &["cluster.node_type"],
                "only `cache.r6gd` nodes have data tiering",
                "set `node_type` to one of `cache.r6gd`, or leave `data_tiering` out",
            );
        }
    }

    fn encryption(&mut self) {
        let required = self.cluster.transit_encryption == Some(TransitEncryption::Required);
        let token = self.cluster.auth_token_env.is_some();
        let users = !self.cluster.user_group_ids.is_empty();
        for (given, field) in [(token, "auth_token_env"), (users, "user_group_ids")] {
            if given && !required {
                self.say(
                    &format!("cluster.{field}"),
                    &["cluster.transit_encryption"],
                    &format!("`{field}` needs TLS on every connection"),
                    "add `transit_encryption: required`",
                );
            }
        }
        if token && users {
            self.say(
                "cluster.user_group_ids",
                &["cluster.auth_token_env"],
                "`user_group_ids` and `auth_token_env` exclude each other",
                "keep one of the two",
            );
        }
        if self.cluster.kms_key_id.is_some() && self.cluster.at_rest_encryption != Some(true) {
            self.say(
                "cluster.kms_key_id",
                &["cluster.at_rest_encryption"],
                "`kms_key_id` needs encryption at rest",
                "add `at_rest_encryption: true`",
            );
        }
    }

    fn windows(&mut self) {
        let (Some(day), Some(week)) = (&self.cluster.snapshot_window, &self.cluster.maintenance_window) else {
            return;
        };
        if windows::overlap(day, week) {
            let message = format!("the snapshot window `{day}` overlaps the maintenance window `{week}`");
            self.say(
                "cluster.snapshot_window",
                &["cluster.maintenance_window"],
                &message,
                "the two may not have a minute in common on any day",
            );
        }
    }

    fn exclusions(&mut self) {
        if self.cluster.parameter_group.is_some() && !self.cluster.parameters.is_empty() {
            self.say(
                "cluster.parameter_group",
                &["cluster.parameters"],
                "`parameter_group` and `parameters` exclude each other",
                "parameters get a group of the stack's own; keep one of the two",
            );
        }
        let seeds = [
            (self.cluster.restore_from.is_some(), "restore_from"),
            (!self.cluster.snapshot_arns.is_empty(), "snapshot_arns"),
            (self.cluster.serverless_snapshot.is_some(), "serverless_snapshot"),
        ];
        let given: Vec<&str> = seeds.iter().filter(|(given, _)| *given).map(|(_, name)| *name).collect();
        if let [_, second, ..] = given.as_slice() {
            let message = format!("{} exclude each other", quoted(&given, " and "));
            self.say(&format!("cluster.{second}"), &[], &message, "a new cluster starts with the data of one of them");
        }
    }

    fn log_types(&mut self) {
        let logs = &self.cluster.log_delivery;
        for (at, log) in logs.iter().enumerate() {
            if logs.iter().take(at).any(|earlier| earlier.log_type == log.log_type) {
                let message = format!("`{}` is delivered already", log.log_type.as_str());
                // Items that can't be read are missing in the list, and the others' places with them.
                let field = format!("cluster.log_delivery[{at}].log_type");
                self.say(&field, &["cluster.log_delivery"], &message, "at most one item for each log type");
            }
        }
    }

    fn addresses(&mut self) {
        let fault = match (self.cluster.network_type.unwrap_or(NetworkType::Ipv4), self.cluster.ip_discovery) {
            (NetworkType::Ipv4, Some(IpDiscovery::Ipv6)) => Some(("ipv6", "`network_type: ipv6` or `dual_stack`")),
            (NetworkType::Ipv6, Some(IpDiscovery::Ipv4)) => Some(("ipv4", "`network_type: ipv4` or `dual_stack`")),
            _ => None,
        };
        if let Some((discovery, needed)) = fault {
            let message = format!("`ip_discovery: {discovery}` needs nodes with such addresses");
            self.say("cluster.ip_discovery", &["cluster.network_type"], &message, needed);
        }
    }
}

/// What is wrong with the form of a version. One that is well formed but not known here may well exist by now: AWS
/// knows.
fn version_fault(engine: Engine, version: &str) -> Option<(String, String)> {
    let name = engine.as_str();
    let known = match engine {
        Engine::Redis => "`7.1`, `7.0`, `6.2`, `6.0`, `6.x`, `5.0.6`, `4.0.10`",
        Engine::Valkey => "`9.1`, `9.0`, `8.2`, `8.1`, `8.0`, `7.2`",
    };
    let malformed = |hint: String| Some((format!("`{version}` is not a version of {name}"), hint));
    let parts: Vec<&str> = version.split('.').collect();
    let is_number = |part: &&str| part.len() <= 4 && !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let major: Option<u32> = parts.first().filter(|part| is_number(part)).and_then(|part| part.parse().ok());
    let Some(major) = major else {
        return malformed(format!("such as {known}"));
    };
    if engine == Engine::Redis && version == "6.x" {
        return None;
    }
    if !parts.iter().all(is_number) {
        return malformed(format!("such as {known}"));
    }
    let numbers: Vec<u32> = parts.iter().filter_map(|part| part.parse().ok()).collect();
    let old = engine == Engine::Redis && major < 6;
    match (old, numbers.as_slice()) {
        (true, numbers @ [_, _, _]) if *numbers < [3, 2, 4][..] => {
            Some((format!("redis `{version}` has no cluster mode"), "redis 3.2.4 or newer".to_owned()))
        }
        (true, [_, _, _]) => None,
        (true, _) => malformed(format!("three numbers before redis 6, such as `5.0.6`; known: {known}")),
        (false, numbers @ [_, _]) if engine == Engine::Valkey && *numbers < [7, 2][..] => {
            malformed(format!("valkey begins with 7.2; known: {known}"))
        }
        (false, [_, _]) => None,
        (false, [major, minor, ..]) => malformed(format!("`{major}.{minor}`: AWS chooses the patch level itself")),
        (false, _) => malformed(format!("two numbers; known: {known}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_the_form_of_their_engine() {
        for version in ["3.2.4", "3.2.10", "4.0.10", "5.0.0", "5.0.6", "6.x", "6.0", "6.2", "7.0", "7.1", "8.4"] {
            assert_eq!(version_fault(Engine::Redis, version), None, "{version}");
        }
        for version in ["7.2", "8.0", "8.1", "8.2", "9.0", "9.1", "10.0"] {
            assert_eq!(version_fault(Engine::Valkey, version), None, "{version}");
        }
        for (engine, version, part) in [
            (Engine::Redis, "7.1.0", "`7.1`:"),
            (Engine::Redis, "6.2.6", "`6.2`:"),
            (Engine::Redis, "7", "two numbers"),
            (Engine::Redis, "7.x", "such as"),
            (Engine::Redis, "5.0", "three numbers"),
            (Engine::Redis, "2.8.24", "3.2.4 or newer"),
            (Engine::Redis, "latest", "such as"),
            (Engine::Redis, "7.", "such as"),
            (Engine::Redis, "", "such as"),
            (Engine::Valkey, "8.1.0", "`8.1`:"),
            (Engine::Valkey, "7.1", "begins with 7.2"),
            (Engine::Valkey, "6.x", "such as"),
        ] {
            let told = version_fault(engine, version).map(|(_, hint)| hint).unwrap_or_default();
            assert!(told.contains(part), "{version}: {told}");
        }
    }
}
