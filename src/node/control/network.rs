//! VPCs, subnets, zones and prefix lists of a region, all there from the start and the same after every start.
//!
//! [`Surroundings`] is what ElastiCache needs to know of a network: from here, or from another EC2 that was asked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::ApiError;
use super::validate::Tags;
use super::{Context, Region, stable_id};

/// Regions that need no opt-in, in order.
const REGIONS: [&str; 17] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// A region's network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Network {
    pub vpcs: Vec<Vpc>,
    pub subnets: Vec<Subnet>,
    pub prefix_lists: Vec<PrefixList>,
    /// How many addresses were handed out, by subnet id.
    addresses: BTreeMap<String, u32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Vpc {
    pub id: String,
    pub cidr: String,
    pub is_default: bool,
    pub tags: Tags,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Subnet {
    pub id: String,
    pub vpc_id: String,
    pub zone: String,
    pub cidr: String,
    pub is_default: bool,
    pub tags: Tags,
}

/// An AWS-managed prefix list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PrefixList {
    pub id: String,
    pub name: String,
    pub is_ipv6: bool,
    pub cidrs: Vec<String>,
}

/// Subnets and security groups as ElastiCache sees them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Surroundings {
    pub subnets: Vec<SubnetFact>,
    pub security_groups: Vec<SecurityGroupFact>,
}

/// What ElastiCache needs to know of a subnet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SubnetFact {
    pub id: String,
    pub vpc_id: String,
    pub zone: String,
    /// Whether it is its zone's default subnet.
    pub is_default: bool,
}

/// What ElastiCache needs to know of a security group.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SecurityGroupFact {
    pub id: String,
    pub vpc_id: String,
    /// Whether it is its VPC's default group.
    pub is_default: bool,
}

/// Regions that every AWS account can use without asking for them, and the caller's own, in order.
pub(crate) fn regions(own: &str) -> Vec<String> {
    let mut names: Vec<String> = REGIONS.iter().map(|name| (*name).to_owned()).collect();
    if !names.iter().any(|name| name == own) {
        names.push(own.to_owned());
        names.sort();
    }
    names
}

/// Zones of a region, such as `us-east-1a`.
pub(crate) fn zones(region: &str) -> Vec<String> {
    let letters = if region == "us-east-1" { "abcdef" } else { "abc" };
    letters.chars().map(|letter| format!("{region}{letter}")).collect()
}

/// Zone id as EC2 gives it beside the name, such as `use1-az1`.
pub(crate) fn zone_id(zone: &str) -> String {
    let mut parts = zone.split('-');
    let (area, direction) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let number = parts.next().unwrap_or("");
    let letter = number.chars().last().unwrap_or('a');
    let number: String = number.chars().filter(char::is_ascii_digit).collect();
    let index = u32::from(letter).saturating_sub(u32::from('a')) + 1;
    let short: String = match direction {
        "northeast" => "ne".to_owned(),
        "southeast" => "se".to_owned(),
        "northwest" => "nw".to_owned(),
        "southwest" => "sw".to_owned(),
        other => other.chars().take(1).collect(),
    };
    format!("{area}{short}{number}-az{index}")
}

impl Network {
    /// The network that every account has in a region: a default VPC with one default subnet a zone.
    pub fn for_region(region: &str) -> Self {
        let vpc_id = stable_id("vpc", &format!("{region}/default"));
        let subnet = |(index, zone): (usize, String)| Subnet {
            id: stable_id("subnet", &format!("{zone}/default")),
            vpc_id: vpc_id.clone(),
            cidr: format!("172.31.{}.0/20", index * 16),
            zone,
            is_default: true,
            tags: Tags::new(),
        };
        let subnets = zones(region).into_iter().enumerate().map(subnet).collect();
        let vpc = Vpc { id: vpc_id.clone(), cidr: "172.31.0.0/16".to_owned(), is_default: true, tags: Tags::new() };
        Self { vpcs: vec![vpc], subnets, prefix_lists: prefix_lists(region), addresses: BTreeMap::new() }
    }

    /// Id of the default VPC.
    pub fn default_vpc_id(&self) -> &str {
        self.vpcs.iter().find(|vpc| vpc.is_default).map_or("", |vpc| vpc.id.as_str())
    }

    /// A subnet by its id.
    pub fn subnet(&self, id: &str) -> Result<&Subnet, ApiError> {
        let missing = || ApiError::new("InvalidSubnetID.NotFound", format!("The subnet ID '{id}' does not exist"));
        self.subnets.iter().find(|subnet| subnet.id == id).ok_or_else(missing)
    }

    /// The default subnet of a zone, or of the first zone.
    pub fn default_subnet(&self, zone: Option<&str>) -> Result<&Subnet, ApiError> {
        let fits = |subnet: &&Subnet| subnet.is_default && zone.is_none_or(|zone| zone == subnet.zone);
        let missing = || ApiError::value(format!("Invalid availability zone: [{}]", zone.unwrap_or_default()));
        self.subnets.iter().find(fits).ok_or_else(missing)
    }

    /// A free private address of a subnet; the first four of each are AWS's own.
    pub fn next_address(&mut self, subnet_id: &str) -> String {
        let count = self.addresses.entry(subnet_id.to_owned()).or_insert(3);
        *count += 1;
        let host = *count;
        let cidr = self.subnets.iter().find(|subnet| subnet.id == subnet_id).map(|subnet| subnet.cidr.as_str());
        let base = cidr.and_then(|cidr| cidr.split('/').next()?.parse::<std::net::Ipv4Addr>().ok());
        // A subnet of another EC2: its range is unknown here, any private address will do.
        let base = base.unwrap_or(std::net::Ipv4Addr::new(10, 200, 0, 0));
        std::net::Ipv4Addr::from(u32::from(base).wrapping_add(host % 4096)).to_string()
    }
}

fn prefix_lists(region: &str) -> Vec<PrefixList> {
    let list = |service: &str, cidr: &str| {
        let name = format!("com.amazonaws.{region}.{service}");
        PrefixList { id: stable_id("pl", &name), is_ipv6: cidr.contains(':'), name, cidrs: vec![cidr.to_owned()] }
    };
    // The ranges are those reserved for documentation: nothing real is behind them.
    let ipv6 = |service: &str| {
        let mut ipv6 = list(service, "2001:db8:ec2::/48");
        ipv6.name = format!("com.amazonaws.{region}.ipv6.{service}");
        ipv6.id = stable_id("pl", &ipv6.name);
        ipv6
    };
    vec![
        list("dynamodb", "198.51.100.0/26"),
        list("ec2-instance-connect", "203.0.113.0/29"),
        ipv6("ec2-instance-connect"),
        list("s3", "198.51.100.128/25"),
    ]
}

impl Region {
    /// What ElastiCache sees: the other EC2's answer if one was asked, otherwise this region's own network.
    pub fn surroundings(&self, context: &Context<'_>) -> Surroundings {
        if let Some(peer) = context.peer {
            return peer.clone();
        }
        let subnet = |subnet: &Subnet| SubnetFact {
            id: subnet.id.clone(),
            vpc_id: subnet.vpc_id.clone(),
            zone: subnet.zone.clone(),
            is_default: subnet.is_default,
        };
        let security_group = |group: &super::security_group::SecurityGroup| SecurityGroupFact {
            id: group.id.clone(),
            vpc_id: group.vpc_id.clone(),
            is_default: group.name == "default",
        };
        Surroundings {
            subnets: self.network.subnets.iter().map(subnet).collect(),
            security_groups: self.security_groups.values().map(security_group).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_has_the_same_network_every_time() {
        let network = Network::for_region("eu-west-1");
        assert_eq!(network, Network::for_region("eu-west-1"));
        assert_eq!(network.subnets.len(), 3);
        assert_eq!(Network::for_region("us-east-1").subnets.len(), 6);
        assert_eq!(zone_id("ap-northeast-1c"), "apne1-az3");
        assert_eq!(zone_id("us-east-1a"), "use1-az1");
    }
}
