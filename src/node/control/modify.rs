//! `ModifyReplicationGroup`: settings, parameter group, engine version and node type of a settled group.

use super::checks::{LogDeliveryInput, check_family, check_multi_az, ip_discovery, log_deliveries, topic};
use super::engine_versions::{EngineVersion, engine_named, version_named};
use super::error::ApiError;
use super::parameter_group::ParameterGroup;
use super::replication_group::{Pending, ReplicationGroup, Settings, Status, not_found, wrong_state};
use super::settle::OLD_FAILURE_MS;
use super::{Context, Region, node_types, validate};

/// Input of [`Region::modify_replication_group`]; names as in the API.
#[derive(Clone, Debug, Default)]
pub(crate) struct ModifyReplicationGroup {
    pub id: String,
    pub apply_immediately: bool,
    pub description: Option<String>,
    pub automatic_failover: Option<bool>,
    pub multi_az: Option<bool>,
    pub security_groups: Vec<String>,
    pub maintenance_window: Option<String>,
    pub snapshot_window: Option<String>,
    pub snapshot_retention: Option<i64>,
    pub topic_arn: Option<String>,
    pub topic_status: Option<String>,
    pub parameter_group: Option<String>,
    pub engine: Option<String>,
    pub engine_version: Option<String>,
    pub node_type: Option<String>,
    pub auto_minor_version_upgrade: Option<bool>,
    pub ip_discovery: Option<String>,
    pub log_delivery: Vec<LogDeliveryInput>,
    pub transit_encryption: Option<bool>,
    pub transit_encryption_mode: Option<String>,
    pub cluster_mode: Option<String>,
    pub auth_token: bool,
    pub user_groups: bool,
    /// Names of given parameters that have no meaning in cluster mode, such as `PrimaryClusterId`.
    pub unsupported: Vec<&'static str>,
}

impl Region {
    /// A group that may be changed now.
    pub(super) fn changeable(&self, id: &str) -> Result<&ReplicationGroup, ApiError> {
        let group = self.group(id)?;
        match group.status {
            Status::Available => Ok(group),
            _ => Err(wrong_state(group)),
        }
    }

    /// Puts a changed group in the status `modifying`. `needs_nodes` says whether the fleet has something to do;
    /// otherwise the clock ends the change.
    pub(super) fn begin(
        &mut self,
        context: &mut Context<'_>,
        mut group: ReplicationGroup,
        needs_nodes: bool,
        under_way: &str,
    ) -> ReplicationGroup {
        group.status = Status::Modifying;
        group.under_way = Some(under_way.to_owned());
        if needs_nodes {
            group.generation = context.source.generation();
        }
        let is_timed = !needs_nodes || context.timing.without_nodes;
        group.due_ms = is_timed.then_some(context.now_ms + context.timing.modify_ms);
        // The fleet may still report the failure of an earlier change until it has seen this one.
        group.old_failure = group.old_failure.take().map(|(words, _)| (words, context.now_ms + OLD_FAILURE_MS));
        for node_group in &mut group.node_groups {
            if node_group.status == Status::Available {
                node_group.status = Status::Modifying;
            }
            for member in &mut node_group.members {
                if member.status == Status::Available {
                    member.status = Status::Modifying;
                }
            }
        }
        self.groups.insert(group.id.clone(), group.clone());
        group
    }

    /// Changes a group.
    pub fn modify_replication_group(
        &mut self,
        context: &mut Context<'_>,
        input: &ModifyReplicationGroup,
    ) -> Result<ReplicationGroup, ApiError> {
        let old = self.group(&input.id)?;
        refuse(input)?;
        let old = self.changeable(&old.id)?.clone();
        let mut group = old.clone();
        group.settings = changed_settings(&old.settings, input)?;
        if !input.security_groups.is_empty() {
            let vpc_id = self.subnet_group(&group.subnet_group)?.vpc_id.clone();
            group.security_groups = self.checked_security_groups(context, &input.security_groups, &vpc_id)?;
        }
        let version = requested_version(&old, input)?;
        let parameter_group = self.requested_parameter_group(&old, input, &version)?;
        apply_or_defer(&mut group, &version, input)?;
        if parameter_group.family == group.version()?.family {
            group.parameter_group = parameter_group.name;
        } else if input.parameter_group.is_some() {
            // Of the family of a version that waits: it waits along.
            group.pending.parameter_group = Some(parameter_group.name);
        }
        check_multi_az(&group)?;
        if group == old {
            return Err(ApiError::combination("No modifications were requested"));
        }
        let only_pending = ReplicationGroup { pending: old.pending.clone(), ..group.clone() } == old;
        if only_pending {
            self.groups.insert(group.id.clone(), group.clone());
            return Ok(group);
        }
        let needs_nodes = group.parameter_group != old.parameter_group || group.engine != old.engine;
        Ok(self.begin(context, group, needs_nodes, "Modification"))
    }

    fn requested_parameter_group(
        &self,
        old: &ReplicationGroup,
        input: &ModifyReplicationGroup,
        version: &EngineVersion,
    ) -> Result<ParameterGroup, ApiError> {
        // What was named along with a version that waits.
        let pending = old.pending.parameter_group.as_ref().and_then(|name| self.parameter_group(name).ok());
        let pending = pending.filter(|group| group.family == version.family);
        let group = match (&input.parameter_group, pending) {
            (None, Some(pending)) => pending,
            (Some(name), _) => self.parameter_group(name)?,
            // A default group follows the version to its family; a caller's own has to be named anew.
            (None, None) if old.parameter_group.starts_with("default.") => {
                self.parameter_group(&format!("default.{}.cluster.on", version.family))?
            }
            (None, None) => self.parameter_group(&old.parameter_group)?,
        };
        if !group.is_cluster_enabled() {
            return Err(ApiError::combination(format!(
                "The parameter group {} has cluster-enabled no; a group with cluster mode on can't leave it.",
                group.name
            )));
        }
        check_family(&group.family, version)?;
        Ok(group)
    }

    /// Node types that a group or a cluster may be scaled up and down to.
    pub fn allowed_node_types(
        &self,
        group_id: Option<&str>,
        cluster_id: Option<&str>,
    ) -> Result<(Vec<&'static str>, Vec<&'static str>), ApiError> {
        let group = match (group_id, cluster_id) {
            (Some(id), None) => self.group(id)?,
            (None, Some(id)) => self.group_of_member(id)?,
            _ => {
                return Err(ApiError::combination("Give either ReplicationGroupId or CacheClusterId."));
            }
        };
        Ok(node_types::allowed_modifications(&group.settings.node_type))
    }

    /// The group that has this cluster.
    pub fn group_of_member(&self, id: &str) -> Result<&ReplicationGroup, ApiError> {
        let id = id.to_ascii_lowercase();
        let has = |group: &&ReplicationGroup| group.members().any(|member| member.id == id);
        self.groups.values().find(has).ok_or_else(|| super::tags::cluster_not_found(&id))
    }
}

fn refuse(input: &ModifyReplicationGroup) -> Result<(), ApiError> {
    if input.id.is_empty() {
        return Err(not_found(&input.id));
    }
    if input.transit_encryption == Some(true) || input.transit_encryption_mode.is_some() {
        let message = "The nodes of this local cloud don't do TLS yet: TransitEncryptionEnabled can't be turned on.";
        return Err(ApiError::combination(message));
    }
    if input.auth_token || input.user_groups {
        return Err(ApiError::combination(
            "Auth tokens and user groups need in-transit encryption, and the nodes of this local cloud don't do TLS yet.",
        ));
    }
    if input.automatic_failover == Some(false) {
        return Err(ApiError::combination(
            "Automatic failover cannot be turned off for a replication group with cluster mode enabled.",
        ));
    }
    if input.cluster_mode.as_deref().is_some_and(|mode| mode != "enabled") {
        return Err(ApiError::combination("Cluster mode can't be changed from enabled to another mode."));
    }
    if let Some(name) = input.unsupported.first() {
        return Err(ApiError::combination(format!("{name} is not allowed for a group with cluster mode on.")));
    }
    if !input.log_delivery.is_empty() && !input.apply_immediately {
        return Err(ApiError::combination("Log delivery configurations can be changed only with ApplyImmediately."));
    }
    Ok(())
}

fn changed_settings(old: &Settings, input: &ModifyReplicationGroup) -> Result<Settings, ApiError> {
    let mut settings = old.clone();
    if let Some(text) = &input.description {
        settings.description = validate::description("ReplicationGroupDescription", text)?;
    }
    if let Some(window) = &input.maintenance_window {
        settings.maintenance_window = validate::maintenance_window(window)?;
    }
    if let Some(window) = &input.snapshot_window {
        settings.snapshot_window = validate::snapshot_window(window)?;
    }
    if let Some(days) = input.snapshot_retention {
        settings.snapshot_retention = validate::retention(days)?;
    }
    if let Some(arn) = &input.topic_arn {
        settings.topic_arn = Some(topic(arn)?);
        settings.topic_active = true;
    }
    match input.topic_status.as_deref() {
        None => {}
        Some(status @ ("active" | "inactive")) => settings.topic_active = status == "active",
        Some(other) => return Err(ApiError::value(format!("Invalid NotificationTopicStatus: {other}"))),
    }
    if let Some(value) = &input.ip_discovery {
        settings.ip_discovery = ip_discovery(Some(value))?;
    }
    settings.multi_az = input.multi_az.unwrap_or(settings.multi_az);
    settings.auto_minor_version_upgrade =
        input.auto_minor_version_upgrade.unwrap_or(settings.auto_minor_version_upgrade);
    settings.log_delivery = log_deliveries(&settings.log_delivery, &input.log_delivery)?;
    Ok(settings)
}

fn requested_version(old: &ReplicationGroup, input: &ModifyReplicationGroup) -> Result<EngineVersion, ApiError> {
    let engine = input.engine.as_deref().map_or(Ok(old.engine), engine_named)?;
    if engine != old.engine {
        if engine == crate::node::wanted::EngineKind::Redis {
            return Err(ApiError::combination("The engine can't be changed from valkey to redis in place."));
        }
        let Some(version) = &input.engine_version else {
            return Err(ApiError::combination("EngineVersion must be given when the engine is changed."));
        };
        return version_named(engine, version);
    }
    let current = old.version()?;
    let Some(version) = &input.engine_version else {
        return Ok(current);
    };
    let version = version_named(engine, version)?;
    if version.numbers() < current.numbers() {
        return Err(ApiError::combination(format!(
            "Downgrading from {} to {} is not supported.",
            current.version, version.version
        )));
    }
    Ok(version)
}

fn apply_or_defer(
    group: &mut ReplicationGroup,
    version: &EngineVersion,
    input: &ModifyReplicationGroup,
) -> Result<(), ApiError> {
    let node_type = input.node_type.clone().filter(|node_type| *node_type != group.settings.node_type);
    if let Some(node_type) = &node_type {
        node_types::check(node_type)?;
        if node_types::has_data_tiering(node_type) != group.data_tiering {
            return Err(ApiError::combination(
                "Data tiering is fixed when a group is made; this node type changes it.",
            ));
        }
    }
    let is_other_engine = version.engine != group.engine;
    if input.apply_immediately || is_other_engine {
        group.engine = version.engine;
        version.full.clone_into(&mut group.engine_version);
        if let Some(node_type) = node_type {
            group.settings.node_type = node_type;
        }
        let names_version = input.engine_version.is_some();
        let names_type = input.node_type.is_some();
        group.pending = Pending {
            engine_version: group.pending.engine_version.take().filter(|_| !names_version),
            node_type: group.pending.node_type.take().filter(|_| !names_type),
            parameter_group: group.pending.parameter_group.take().filter(|_| !names_version),
        };
    } else {
        if version.full != group.engine_version {
            group.pending.engine_version = Some(version.full.to_owned());
        }
        group.pending.node_type = node_type.or(group.pending.node_type.take());
    }
    Ok(())
}
