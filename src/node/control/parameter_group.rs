//! Parameter groups: the `default.*` ones that are always there, and the callers' own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::engine_versions::families;
use super::error::ApiError;
use super::events::SourceType;
use super::parameters::{self, ParameterRow};
use super::replication_group::Status;
use super::validate::{Tags, add_tags, description, group_name};
use super::{Context, Region};

const MOST_CHANGES: usize = 20;
const CLUSTER_ENABLED: &str = "cluster-enabled";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ParameterGroup {
    pub name: String,
    pub family: String,
    pub description: String,
    /// Values that differ from the family's defaults.
    pub values: BTreeMap<String, String>,
    pub tags: Tags,
}

/// A parameter with its value in a group.
#[derive(Clone, Debug)]
pub(crate) struct ParameterValue {
    pub row: &'static ParameterRow,
    pub value: String,
    /// Whether the caller set it.
    pub is_user: bool,
}

impl ParameterGroup {
    /// Whether nobody made it.
    pub fn is_default(&self) -> bool {
        self.name.starts_with("default.")
    }

    /// Whether clusters with this group run in cluster mode.
    pub fn is_cluster_enabled(&self) -> bool {
        self.values.get(CLUSTER_ENABLED).is_some_and(|value| value == "yes")
    }

    /// All parameters of the group.
    pub fn parameters(&self) -> Vec<ParameterValue> {
        let value = |row: &'static ParameterRow| ParameterValue {
            row,
            value: self.values.get(row.name).cloned().unwrap_or_else(|| row.default.to_owned()),
            is_user: !self.is_default() && self.values.contains_key(row.name),
        };
        parameters::of_family(&self.family).map(value).collect()
    }

    /// What the nodes get: ElastiCache's own defaults, and above them what the caller set.
    pub fn directives(&self) -> BTreeMap<String, String> {
        let mut directives: BTreeMap<_, _> = parameters::node_defaults(&self.family).collect();
        let set = self.values.iter().filter(|(name, _)| *name != CLUSTER_ENABLED);
        directives.extend(set.map(|(name, value)| (name.clone(), value.clone())));
        directives
    }
}

/// The default groups of all families, with cluster mode off and, where the family has it, on.
pub(crate) fn default_groups() -> impl Iterator<Item = ParameterGroup> {
    families().flat_map(|family| {
        let group = |is_clustered: bool| ParameterGroup {
            name: format!("default.{family}{}", if is_clustered { ".cluster.on" } else { "" }),
            family: family.to_owned(),
            description: match is_clustered {
                true => format!("Customized default parameter group for {family} with cluster mode on"),
                false => format!("Default parameter group for {family}"),
            },
            values: is_clustered.then(|| (CLUSTER_ENABLED.to_owned(), "yes".to_owned())).into_iter().collect(),
            tags: Tags::new(),
        };
        let has_cluster_mode = !family.starts_with("redis2");
        std::iter::once(group(false)).chain(has_cluster_mode.then(|| group(true)))
    })
}

fn not_found(name: &str) -> ApiError {
    ApiError::new("CacheParameterGroupNotFound", format!("CacheParameterGroup {name} not found.")).with_status(404)
}

impl Region {
    /// A group by its name.
    pub fn parameter_group(&self, name: &str) -> Result<ParameterGroup, ApiError> {
        let name = name.to_ascii_lowercase();
        let own = self.parameter_groups.get(&name).cloned();
        own.or_else(|| default_groups().find(|group| group.name == name)).ok_or_else(|| not_found(&name))
    }

    /// All groups by name, or the one that is asked for.
    pub fn describe_parameter_groups(&self, name: Option<&str>) -> Result<Vec<ParameterGroup>, ApiError> {
        if let Some(name) = name {
            return Ok(vec![self.parameter_group(name)?]);
        }
        let mut groups: Vec<_> = default_groups().chain(self.parameter_groups.values().cloned()).collect();
        groups.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(groups)
    }

    /// Makes a group with its family's defaults.
    pub fn create_parameter_group(
        &mut self,
        context: &Context<'_>,
        name: &str,
        family: &str,
        words: &str,
        tags: &[(String, String)],
    ) -> Result<ParameterGroup, ApiError> {
        let name = group_name("CacheParameterGroupName", name)?;
        if !families().any(|known| known == family) {
            return Err(ApiError::value(format!(
                "CacheParameterGroupFamily {family} is not a valid parameter group family."
            )));
        }
        if self.parameter_group(&name).is_ok() {
            let message = format!("A parameter group with the name {name} already exists.");
            return Err(ApiError::new("CacheParameterGroupAlreadyExists", message));
        }
        let group = ParameterGroup {
            description: description("Description", words)?,
            tags: add_tags(&Tags::new(), tags)?,
            name: name.clone(),
            family: family.to_owned(),
            values: BTreeMap::new(),
        };
        self.parameter_groups.insert(name.clone(), group.clone());
        self.record(
            context.now_ms,
            SourceType::CacheParameterGroup,
            &name,
            format!("Cache parameter group {name} created"),
        );
        Ok(group)
    }

    /// Sets values: all of them or none.
    pub fn modify_parameter_group(
        &mut self,
        context: &mut Context<'_>,
        name: &str,
        values: &[(String, String)],
    ) -> Result<String, ApiError> {
        let mut group = self.changeable_group(name)?;
        if values.is_empty() || values.len() > MOST_CHANGES {
            return Err(ApiError::value(format!("ParameterNameValues takes 1 to {MOST_CHANGES} parameters.")));
        }
        for (parameter, value) in values {
            let row = parameters::settable(&group.family, parameter)?;
            row.check(value)?;
            self.check_mode_change(&group, parameter, value)?;
            group.values.insert(parameter.clone(), value.clone());
        }
        Ok(self.replace_parameter_group(context, group))
    }

    /// Sets values back to the family's defaults.
    pub fn reset_parameter_group(
        &mut self,
        context: &mut Context<'_>,
        name: &str,
        is_all: bool,
        parameters: &[String],
    ) -> Result<String, ApiError> {
        let mut group = self.changeable_group(name)?;
        if is_all != parameters.is_empty() {
            return Err(ApiError::combination("Give either ResetAllParameters or ParameterNameValues."));
        }
        for parameter in parameters {
            parameters::settable(&group.family, parameter)?;
        }
        if is_all || parameters.iter().any(|parameter| parameter == CLUSTER_ENABLED) {
            self.check_mode_change(&group, CLUSTER_ENABLED, "no")?;
        }
        group.values.retain(|parameter, _| !is_all && !parameters.contains(parameter));
        Ok(self.replace_parameter_group(context, group))
    }

    fn changeable_group(&self, name: &str) -> Result<ParameterGroup, ApiError> {
        let group = self.parameter_group(name)?;
        if group.is_default() {
            let message = format!("The default parameter group {} cannot be modified.", group.name);
            return Err(ApiError::new("InvalidCacheParameterGroupState", message));
        }
        Ok(group)
    }

    fn check_mode_change(&self, group: &ParameterGroup, parameter: &str, value: &str) -> Result<(), ApiError> {
        let is_change = parameter == CLUSTER_ENABLED && (value == "yes") != group.is_cluster_enabled();
        if is_change && self.groups.values().any(|user| user.parameter_group == group.name) {
            let message = "The parameter cluster-enabled cannot be modified while the parameter group is in use.";
            return Err(ApiError::new("InvalidCacheParameterGroupState", message));
        }
        Ok(())
    }

    fn replace_parameter_group(&mut self, context: &mut Context<'_>, group: ParameterGroup) -> String {
        let name = group.name.clone();
        let is_change = self.parameter_groups.insert(name.clone(), group.clone()).as_ref() != Some(&group);
        if is_change {
            // Clusters stay available while their nodes take the values over.
            for user in self.groups.values_mut().filter(|user| user.parameter_group == name) {
                user.generation = context.source.generation();
                if context.timing.without_nodes {
                    user.reached = user.generation;
                }
            }
            let message = format!("Updated parameter group {name}");
            self.record(context.now_ms, SourceType::CacheParameterGroup, &name, message);
        }
        name
    }

    /// Removes a group that nothing uses.
    pub fn delete_parameter_group(&mut self, context: &Context<'_>, name: &str) -> Result<(), ApiError> {
        let group = self.changeable_group(name)?;
        let uses = |user: &super::replication_group::ReplicationGroup| {
            user.parameter_group == group.name && user.status != Status::Deleting
        };
        if let Some(user) = self.groups.values().find(|user| uses(user)) {
            let message = format!(
                "One or more cache clusters are still members of this parameter group {}: {}, so the group cannot be deleted.",
                group.name,
                user.members().next().map_or(user.id.as_str(), |member| member.id.as_str())
            );
            return Err(ApiError::new("InvalidCacheParameterGroupState", message));
        }
        self.parameter_groups.remove(&group.name);
        let message = format!("Cache parameter group {} deleted", group.name);
        self.record(context.now_ms, SourceType::CacheParameterGroup, &group.name, message);
        Ok(())
    }
}
