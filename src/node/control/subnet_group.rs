//! Cache subnet groups: which subnets, and so which zones and which VPC, cache nodes may be in.

use serde::{Deserialize, Serialize};

use super::error::ApiError;
use super::events::SourceType;
use super::network::SubnetFact;
use super::validate::{Tags, add_tags, group_name};
use super::{Context, Region};

const MOST_SUBNETS: usize = 20;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SubnetGroup {
    pub name: String,
    pub description: String,
    pub vpc_id: String,
    pub subnets: Vec<SubnetFact>,
    pub tags: Tags,
}

impl SubnetGroup {
    /// Zones that it has a subnet in, each once, in the order of their names.
    pub fn zones(&self) -> Vec<String> {
        let mut zones: Vec<String> = self.subnets.iter().map(|subnet| subnet.zone.clone()).collect();
        zones.sort();
        zones.dedup();
        zones
    }
}

fn not_found(name: &str) -> ApiError {
    ApiError::new("CacheSubnetGroupNotFoundFault", format!("CacheSubnetGroup {name} not found."))
}

impl Region {
    /// A group by its name.
    pub fn subnet_group(&self, name: &str) -> Result<&SubnetGroup, ApiError> {
        self.subnet_groups.get(&name.to_ascii_lowercase()).ok_or_else(|| not_found(name))
    }

    /// All groups by name, or the one that is asked for.
    pub fn describe_subnet_groups(&self, name: Option<&str>) -> Result<Vec<&SubnetGroup>, ApiError> {
        match name {
            Some(name) => Ok(vec![self.subnet_group(name)?]),
            None => Ok(self.subnet_groups.values().collect()),
        }
    }

    /// The group that is used when none is named: the default VPC's subnets.
    pub fn default_subnet_group(&mut self, context: &Context<'_>) -> Result<SubnetGroup, ApiError> {
        if let Some(group) = self.subnet_groups.get("default") {
            return Ok(group.clone());
        }
        let subnets: Vec<_> =
            self.surroundings(context).subnets.into_iter().filter(|subnet| subnet.is_default).collect();
        let Some(first) = subnets.first() else {
            return Err(ApiError::new("InvalidVPCNetworkStateFault", "There is no default VPC to make the nodes in."));
        };
        let group = SubnetGroup {
            name: "default".to_owned(),
            description: "Default CacheSubnetGroup".to_owned(),
            vpc_id: first.vpc_id.clone(),
            subnets,
            tags: Tags::new(),
        };
        self.subnet_groups.insert(group.name.clone(), group.clone());
        Ok(group)
    }

    /// Makes a group.
    pub fn create_subnet_group(
        &mut self,
        context: &Context<'_>,
        name: &str,
        description: &str,
        subnet_ids: &[String],
        tags: &[(String, String)],
    ) -> Result<SubnetGroup, ApiError> {
        let name = group_name("CacheSubnetGroupName", name)?;
        if name == "default" {
            return Err(ApiError::value("The name default is reserved for the subnet group of the default VPC."));
        }
        if self.subnet_groups.contains_key(&name) {
            let message = format!("The Cache Subnet Group {name} already exists.");
            return Err(ApiError::new("CacheSubnetGroupAlreadyExists", message));
        }
        let subnets = self.find_subnets(context, subnet_ids)?;
        let group = SubnetGroup {
            description: super::validate::description("CacheSubnetGroupDescription", description)?,
            vpc_id: subnets.first().map(|subnet| subnet.vpc_id.clone()).unwrap_or_default(),
            tags: add_tags(&Tags::new(), tags)?,
            name: name.clone(),
            subnets,
        };
        self.subnet_groups.insert(name.clone(), group.clone());
        self.record(context.now_ms, SourceType::CacheSubnetGroup, &name, format!("Cache subnet group {name} created"));
        Ok(group)
    }

    /// Changes a group's description or subnets; subnets in use stay.
    pub fn modify_subnet_group(
        &mut self,
        context: &Context<'_>,
        name: &str,
        description: Option<&str>,
        subnet_ids: &[String],
    ) -> Result<SubnetGroup, ApiError> {
        let mut group = self.subnet_group(name)?.clone();
        if let Some(description) = description {
            group.description = super::validate::description("CacheSubnetGroupDescription", description)?;
        }
        if !subnet_ids.is_empty() {
            let subnets = self.find_subnets(context, subnet_ids)?;
            if subnets.iter().any(|subnet| subnet.vpc_id != group.vpc_id) {
                return Err(ApiError::new(
                    "InvalidSubnet",
                    "The new Subnets are not in the same Vpc as the existing subnet group",
                ));
            }
            self.check_subnets_unused(&group, &subnets)?;
            group.subnets = subnets;
        }
        self.subnet_groups.insert(group.name.clone(), group.clone());
        let message = format!("Cache subnet group {} modified", group.name);
        self.record(context.now_ms, SourceType::CacheSubnetGroup, &group.name, message);
        Ok(group)
    }

    fn check_subnets_unused(&self, group: &SubnetGroup, kept: &[SubnetFact]) -> Result<(), ApiError> {
        let users = self.groups.values().filter(|user| user.subnet_group == group.name);
        let mut in_use = users.flat_map(|user| user.members().map(|member| &member.interface.subnet_id));
        match in_use.find(|id| !kept.iter().any(|subnet| subnet.id == **id)) {
            Some(id) => Err(ApiError::new("SubnetInUse", format!("The subnet ID {id} is in use."))),
            None => Ok(()),
        }
    }

    /// Removes a group that no cluster uses.
    pub fn delete_subnet_group(&mut self, context: &Context<'_>, name: &str) -> Result<(), ApiError> {
        let name = self.subnet_group(name)?.name.clone();
        if let Some(user) = self.groups.values().find(|user| user.subnet_group == name) {
            let member = user.members().next().map_or(user.id.as_str(), |member| member.id.as_str());
            let message = format!("Cache subnet group {name} is currently in use by a cache cluster: {member}.");
            return Err(ApiError::new("CacheSubnetGroupInUse", message));
        }
        self.subnet_groups.remove(&name);
        self.record(context.now_ms, SourceType::CacheSubnetGroup, &name, format!("Cache subnet group {name} deleted"));
        Ok(())
    }

    fn find_subnets(&self, context: &Context<'_>, ids: &[String]) -> Result<Vec<SubnetFact>, ApiError> {
        if ids.is_empty() {
            return Err(ApiError::missing("SubnetIds"));
        }
        if ids.len() > MOST_SUBNETS {
            let message = format!("A cache subnet group takes at most {MOST_SUBNETS} subnets.");
            return Err(ApiError::new("CacheSubnetQuotaExceededFault", message));
        }
        let known = self.surroundings(context).subnets;
        let mut subnets: Vec<SubnetFact> = Vec::new();
        for id in ids {
            let found = known.iter().find(|subnet| subnet.id == *id);
            let missing =
                || ApiError::new("InvalidSubnet", format!("Some input subnets in :[{}] are invalid.", ids.join(", ")));
            let subnet = found.ok_or_else(missing)?;
            if subnets.iter().any(|other| other.vpc_id != subnet.vpc_id) {
                return Err(ApiError::new("InvalidSubnet", "The specified subnets are not all in the same VPC."));
            }
            if !subnets.contains(subnet) {
                subnets.push(subnet.clone());
            }
        }
        Ok(subnets)
    }
}
