//! Security groups and their rules, with EC2's refusals: duplicates, missing rules, groups in use.

use serde::{Deserialize, Serialize};

use super::error::ApiError;
use super::validate::{Tags, add_tags};
use super::{Context, Region, stable_id};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SecurityGroup {
    pub id: String,
    pub name: String,
    pub description: String,
    pub vpc_id: String,
    pub ingress: Vec<Rule>,
    pub egress: Vec<Rule>,
    pub tags: Tags,
}

/// One rule: one protocol, one port range, one other side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rule {
    pub id: String,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a protocol number, or `-1` for all.
    pub protocol: String,
    /// First port (for ICMP the type); none for all protocols.
    pub from_port: Option<i32>,
    /// Last port (for ICMP the code); none for all protocols.
    pub to_port: Option<i32>,
    pub peer: RulePeer,
    pub description: Option<String>,
}

/// The other side of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RulePeer {
    Ipv4(String),
    Ipv6(String),
    SecurityGroup(String),
    PrefixList(String),
}

/// Which way a rule lets traffic pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Ingress,
    Egress,
}

impl Rule {
    fn is_same(&self, other: &Self) -> bool {
        let ports = |rule: &Self| (rule.protocol.clone(), rule.from_port, rule.to_port);
        ports(self) == ports(other) && self.peer == other.peer
    }

    fn check(&self) -> Result<(), ApiError> {
        if !["tcp", "udp", "icmp", "icmpv6", "-1"].contains(&self.protocol.as_str())
            && self.protocol.parse::<u8>().is_err()
        {
            let message = format!("Invalid value '{}' for IP protocol. Unknown protocol.", self.protocol);
            return Err(ApiError::value(message));
        }
        if ["tcp", "udp"].contains(&self.protocol.as_str()) {
            let (Some(from), Some(to)) = (self.from_port, self.to_port) else {
                return Err(ApiError::new("MissingParameter", "Must specify both from and to ports with TCP/UDP."));
            };
            if !(0..=65535).contains(&from) || !(0..=65535).contains(&to) || from > to {
                return Err(ApiError::value(format!("Invalid TCP/UDP port range ({from}:{to})")));
            }
        }
        match &self.peer {
            RulePeer::Ipv4(cidr) => check_cidr::<std::net::Ipv4Addr>(cidr, 32),
            RulePeer::Ipv6(cidr) => check_cidr::<std::net::Ipv6Addr>(cidr, 128),
            RulePeer::SecurityGroup(_) | RulePeer::PrefixList(_) => Ok(()),
        }
    }
}

fn check_cidr<Address: std::str::FromStr>(cidr: &str, longest: u8) -> Result<(), ApiError> {
    let parts = cidr.split_once('/');
    let parsed = parts.and_then(|(base, bits)| Some((base.parse::<Address>().ok()?, bits.parse::<u8>().ok()?)));
    match parsed {
        Some((_, bits)) if bits <= longest => Ok(()),
        _ => Err(ApiError::value(format!("CIDR block {cidr} is malformed"))),
    }
}

impl SecurityGroup {
    /// The group that every VPC has.
    pub fn default_of(vpc_id: &str) -> Self {
        let id = stable_id("sg", &format!("{vpc_id}/default"));
        let inside = Rule {
            id: stable_id("sgr", &format!("{id}/ingress")),
            protocol: "-1".to_owned(),
            from_port: None,
            to_port: None,
            peer: RulePeer::SecurityGroup(id.clone()),
            description: None,
        };
        Self {
            egress: vec![allow_all(stable_id("sgr", &format!("{id}/egress")))],
            id,
            name: "default".to_owned(),
            description: "default VPC security group".to_owned(),
            vpc_id: vpc_id.to_owned(),
            ingress: vec![inside],
            tags: Tags::new(),
        }
    }

    /// Rules of one direction.
    pub fn rules(&self, direction: Direction) -> &Vec<Rule> {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }

    fn rules_mut(&mut self, direction: Direction) -> &mut Vec<Rule> {
        match direction {
            Direction::Ingress => &mut self.ingress,
            Direction::Egress => &mut self.egress,
        }
    }

    fn names(&self, other_id: &str) -> bool {
        let named = |rule: &Rule| rule.peer == RulePeer::SecurityGroup(other_id.to_owned());
        self.ingress.iter().chain(&self.egress).any(named)
    }
}

fn allow_all(id: String) -> Rule {
    let peer = RulePeer::Ipv4("0.0.0.0/0".to_owned());
    Rule { id, protocol: "-1".to_owned(), from_port: None, to_port: None, peer, description: None }
}

/// A group that does not exist.
pub(crate) fn not_found(id: &str) -> ApiError {
    ApiError::new("InvalidGroup.NotFound", format!("The security group '{id}' does not exist"))
}

/// Input of [`Region::create_security_group`].
#[derive(Clone, Debug, Default)]
pub(crate) struct CreateSecurityGroup {
    pub name: String,
    pub description: String,
    pub vpc_id: Option<String>,
    pub tags: Vec<(String, String)>,
}

impl Region {
    /// Makes a group that lets nothing in and everything out.
    pub fn create_security_group(
        &mut self,
        context: &mut Context<'_>,
        input: CreateSecurityGroup,
    ) -> Result<SecurityGroup, ApiError> {
        let vpc_id = input.vpc_id.unwrap_or_else(|| self.network.default_vpc_id().to_owned());
        if !self.network.vpcs.iter().any(|vpc| vpc.id == vpc_id) {
            return Err(ApiError::new("InvalidVpcID.NotFound", format!("The vpc ID '{vpc_id}' does not exist")));
        }
        check_text("groupName", &input.name)?;
        check_text("groupDescription", &input.description)?;
        if input.name.to_ascii_lowercase().starts_with("sg-") {
            return Err(ApiError::value(format!(
                "Value ({}) for parameter groupName is invalid. Group names may not be in the format sg-*.",
                input.name
            )));
        }
        if input.name == "default" {
            return Err(ApiError::new("InvalidGroup.Reserved", "Cannot use reserved security group name: default"));
        }
        if self.security_groups.values().any(|group| group.vpc_id == vpc_id && group.name == input.name) {
            let message = format!("The security group '{}' already exists for VPC '{vpc_id}'", input.name);
            return Err(ApiError::new("InvalidGroup.Duplicate", message));
        }
        let group = SecurityGroup {
            tags: add_tags(&Tags::new(), &input.tags)?,
            id: context.source.id("sg"),
            egress: vec![allow_all(context.source.id("sgr"))],
            name: input.name,
            description: input.description,
            vpc_id,
            ingress: Vec::new(),
        };
        self.security_groups.insert(group.id.clone(), group.clone());
        Ok(group)
    }

    /// A group by its id, or by its name in the default VPC.
    pub fn security_group_id(&self, id: Option<&str>, name: Option<&str>) -> Result<String, ApiError> {
        if let Some(id) = id {
            return match self.security_groups.get(id) {
                Some(group) => Ok(group.id.clone()),
                None => Err(not_found(id)),
            };
        }
        let Some(name) = name else {
            return Err(ApiError::missing("groupId"));
        };
        let vpc_id = self.network.default_vpc_id();
        let found = self.security_groups.values().find(|group| group.vpc_id == vpc_id && group.name == name);
        found.map(|group| group.id.clone()).ok_or_else(|| not_found(name))
    }

    /// Removes a group that nothing uses.
    pub fn delete_security_group(&mut self, id: &str) -> Result<(), ApiError> {
        let group = self.security_groups.get(id).ok_or_else(|| not_found(id))?;
        if group.name == "default" {
            let message = format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user");
            return Err(ApiError::new("CannotDelete", message));
        }
        let is_named = self.security_groups.values().any(|other| other.id != id && other.names(id));
        let is_held = self.interfaces().iter().any(|interface| interface.group_ids.iter().any(|held| held == id));
        if is_named || is_held {
            let message = format!("resource {id} has a dependent object");
            return Err(ApiError::new("DependencyViolation", message));
        }
        self.security_groups.remove(id);
        Ok(())
    }

    /// Adds rules to a group: all of them or none.
    pub fn authorize(
        &mut self,
        context: &mut Context<'_>,
        id: &str,
        direction: Direction,
        rules: Vec<Rule>,
    ) -> Result<Vec<Rule>, ApiError> {
        let group = self.security_groups.get(id).ok_or_else(|| not_found(id))?;
        let mut all = group.rules(direction).clone();
        let before = all.len();
        for mut rule in rules {
            rule.check()?;
            self.check_peer(&rule.peer, &group.vpc_id)?;
            if all.iter().any(|other| other.is_same(&rule)) {
                return Err(ApiError::new("InvalidPermission.Duplicate", duplicate(&rule)));
            }
            rule.id = context.source.id("sgr");
            all.push(rule);
        }
        let added = all.iter().skip(before).cloned().collect();
        if let Some(group) = self.security_groups.get_mut(id) {
            *group.rules_mut(direction) = all;
        }
        Ok(added)
    }

    fn check_peer(&self, peer: &RulePeer, vpc_id: &str) -> Result<(), ApiError> {
        match peer {
            RulePeer::SecurityGroup(other) => match self.security_groups.get(other) {
                Some(group) if group.vpc_id == vpc_id => Ok(()),
                Some(_) => Err(not_found(other)),
                None if other.starts_with("sg-") => Err(not_found(other)),
                None => Err(ApiError::new(
                    "InvalidGroupId.Malformed",
                    format!("Invalid id: \"{other}\" (expecting \"sg-...\")"),
                )),
            },
            RulePeer::PrefixList(list) => match self.network.prefix_lists.iter().any(|one| one.id == *list) {
                true => Ok(()),
                false => {
                    let message = format!("The prefix list ID '{list}' does not exist");
                    Err(ApiError::new("InvalidPrefixListID.NotFound", message))
                }
            },
            RulePeer::Ipv4(_) | RulePeer::Ipv6(_) => Ok(()),
        }
    }

    /// Removes the rules that are the same as these; all of them have to be there.
    pub fn revoke(&mut self, id: &str, direction: Direction, rules: &[Rule]) -> Result<Vec<Rule>, ApiError> {
        self.revoke_where(id, direction, rules.len(), |own, index| {
            rules.get(index).is_some_and(|rule| own.is_same(rule))
        })
    }

    /// Removes rules by their ids; all of them have to be there.
    pub fn revoke_ids(&mut self, id: &str, direction: Direction, ids: &[String]) -> Result<Vec<Rule>, ApiError> {
        self.revoke_where(id, direction, ids.len(), |own, index| ids.get(index).is_some_and(|id| own.id == *id))
    }

    fn revoke_where(
        &mut self,
        id: &str,
        direction: Direction,
        count: usize,
        is_meant: impl Fn(&Rule, usize) -> bool,
    ) -> Result<Vec<Rule>, ApiError> {
        let group = self.security_groups.get_mut(id).ok_or_else(|| not_found(id))?;
        let mut left = group.rules(direction).clone();
        let mut gone = Vec::new();
        for index in 0..count {
            let Some(at) = left.iter().position(|own| is_meant(own, index)) else {
                let message = "The specified rule does not exist in this security group.";
                return Err(ApiError::new("InvalidPermission.NotFound", message));
            };
            gone.push(left.remove(at));
        }
        *group.rules_mut(direction) = left;
        Ok(gone)
    }
}

fn check_text(parameter: &str, text: &str) -> Result<(), ApiError> {
    if text.is_empty() {
        return Err(ApiError::missing(parameter));
    }
    let allowed = |one: char| one.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(one);
    if text.len() <= 255 && text.chars().all(allowed) {
        return Ok(());
    }
    Err(ApiError::value(format!(
        "Value ({text}) for parameter {} is invalid. Character sets beyond ASCII are not supported, nor are more than \
         255 characters.",
        if parameter == "groupName" { "GroupName" } else { "GroupDescription" }
    )))
}

fn duplicate(rule: &Rule) -> String {
    let peer = match &rule.peer {
        RulePeer::Ipv4(peer) | RulePeer::Ipv6(peer) | RulePeer::SecurityGroup(peer) | RulePeer::PrefixList(peer) => {
            peer
        }
    };
    let protocol = if rule.protocol == "-1" { "ALL".to_owned() } else { rule.protocol.to_ascii_uppercase() };
    let ports = match (rule.from_port, rule.to_port) {
        (Some(from), Some(to)) => format!(", from port: {from}, to port: {to}"),
        _ => String::new(),
    };
    format!("the specified rule \"peer: {peer}, {protocol}{ports}, ALLOW\" already exists")
}
