//! Security groups on the wire: flat rules inside, rules gathered by protocol and ports outside.

use super::super::Call;
use super::super::query::Parameters;
use super::super::xml::Xml;
use super::filter::{keep, one};
use super::{page, succeed, tag_specification, write_tags};
use crate::node::control::error::ApiError;
use crate::node::control::security_group::{CreateSecurityGroup, Direction, Rule, RulePeer, SecurityGroup, not_found};
use crate::node::control::{ACCOUNT_ID, Region};

pub(super) fn create(call: &mut Call<'_>) -> Result<(), ApiError> {
    let parameters = call.parameters;
    let input = CreateSecurityGroup {
        name: parameters.required("GroupName")?.to_owned(),
        description: parameters.required("GroupDescription")?.to_owned(),
        vpc_id: parameters.string("VpcId"),
        tags: tag_specification(parameters, "security-group"),
    };
    let group = call.region.create_security_group(&mut call.context, input)?;
    call.xml.leaf("return", true);
    call.xml.leaf("groupId", &group.id);
    write_tags(&mut call.xml, &group.tags);
    call.xml.leaf("securityGroupArn", arn(call.region, &group.id));
    Ok(())
}

pub(super) fn delete(call: &mut Call<'_>) -> Result<(), ApiError> {
    let id = named_group(call)?;
    call.region.delete_security_group(&id)?;
    succeed(call);
    call.xml.leaf("groupId", id);
    Ok(())
}

pub(super) fn describe(call: &mut Call<'_>) -> Result<(), ApiError> {
    let (ids, names) = (call.parameters.strings("GroupId"), call.parameters.strings("GroupName"));
    let all: Vec<SecurityGroup> = call.region.security_groups.values().cloned().collect();
    if let Some(id) = ids.iter().find(|id| !all.iter().any(|group| group.id == **id)) {
        return Err(not_found(id));
    }
    if let Some(name) = names.iter().find(|name| !all.iter().any(|group| group.name == **name)) {
        return Err(not_found(name));
    }
    let is_asked = |group: &SecurityGroup| {
        (ids.is_empty() && names.is_empty()) || ids.contains(&group.id) || names.contains(&group.name)
    };
    let asked = all.into_iter().filter(is_asked).collect();
    let shown = keep(call.parameters, asked, |group| Some(&group.tags), field)?;
    let shown = page(call, shown, |one| one.id.clone())?;
    let region = &*call.region;
    call.xml.list("securityGroupInfo", "item", shown, |xml, group| {
        xml.leaf("ownerId", ACCOUNT_ID);
        xml.leaf("groupId", &group.id);
        xml.leaf("groupName", &group.name);
        xml.leaf("groupDescription", &group.description);
        xml.leaf("vpcId", &group.vpc_id);
        xml.leaf("securityGroupArn", arn(region, &group.id));
        write_permissions(xml, "ipPermissions", region, &group.ingress);
        write_permissions(xml, "ipPermissionsEgress", region, &group.egress);
        write_tags(xml, &group.tags);
    });
    Ok(())
}

fn field(group: &SecurityGroup, name: &str) -> Option<Vec<String>> {
    let peers = |rules: &[Rule], kind: &str| -> Vec<String> {
        let peer = |rule: &Rule| match (&rule.peer, kind) {
            (RulePeer::SecurityGroup(peer), "group-id")
            | (RulePeer::Ipv4(peer), "cidr")
            | (RulePeer::Ipv6(peer), "ipv6-cidr")
            | (RulePeer::PrefixList(peer), "prefix-list-id") => Some(peer.clone()),
            _ => None,
        };
        rules.iter().filter_map(peer).collect()
    };
    if let Some(rest) = name.strip_prefix("egress.") {
        return rest.strip_prefix("ip-permission.").map(|kind| peers(&group.egress, kind));
    }
    if let Some(kind) = name.strip_prefix("ip-permission.") {
        return match kind {
            "protocol" => Some(group.ingress.iter().map(|rule| rule.protocol.clone()).collect()),
            "from-port" => Some(group.ingress.iter().filter_map(|rule| Some(rule.from_port?.to_string())).collect()),
            "to-port" => Some(group.ingress.iter().filter_map(|rule| Some(rule.to_port?.to_string())).collect()),
            _ => Some(peers(&group.ingress, kind)),
        };
    }
    match name {
        "group-id" => one(&group.id),
        "group-name" => one(&group.name),
        "vpc-id" => one(&group.vpc_id),
        "description" => one(&group.description),
        "owner-id" => one(ACCOUNT_ID),
        _ => None,
    }
}

pub(super) fn authorize_ingress(call: &mut Call<'_>) -> Result<(), ApiError> {
    authorize(call, Direction::Ingress)
}

pub(super) fn authorize_egress(call: &mut Call<'_>) -> Result<(), ApiError> {
    authorize(call, Direction::Egress)
}

pub(super) fn revoke_ingress(call: &mut Call<'_>) -> Result<(), ApiError> {
    revoke(call, Direction::Ingress)
}

pub(super) fn revoke_egress(call: &mut Call<'_>) -> Result<(), ApiError> {
    revoke(call, Direction::Egress)
}

fn authorize(call: &mut Call<'_>, direction: Direction) -> Result<(), ApiError> {
    let id = named_group(call)?;
    let rules = rules(call)?;
    if rules.is_empty() {
        return Err(ApiError::missing("ipPermissions"));
    }
    let added = call.region.authorize(&mut call.context, &id, direction, rules)?;
    succeed(call);
    let region = &*call.region;
    call.xml.list("securityGroupRuleSet", "item", &added, |xml, rule| {
        write_rule(xml, &id, direction, rule);
        xml.leaf("groupOwnerId", ACCOUNT_ID);
        if let RulePeer::SecurityGroup(other) = &rule.peer {
            xml.group("referencedGroupInfo", |xml| {
                xml.leaf("groupId", other);
                xml.leaf("userId", ACCOUNT_ID);
            });
        }
        xml.group("tagSet", |_| {});
        let arn = format!("arn:aws:ec2:{}:{ACCOUNT_ID}:security-group-rule/{}", region.name, rule.id);
        xml.leaf("securityGroupRuleArn", arn);
    });
    Ok(())
}

fn revoke(call: &mut Call<'_>, direction: Direction) -> Result<(), ApiError> {
    let id = named_group(call)?;
    let (ids, rules) = (call.parameters.strings("SecurityGroupRuleId"), rules(call)?);
    let gone = match ids.is_empty() {
        false => call.region.revoke_ids(&id, direction, &ids)?,
        true if rules.is_empty() => return Err(ApiError::missing("ipPermissions")),
        true => call.region.revoke(&id, direction, &rules)?,
    };
    succeed(call);
    call.xml.group("unknownIpPermissionSet", |_| {});
    call.xml.list("revokedSecurityGroupRuleSet", "item", &gone, |xml, rule| {
        write_rule(xml, &id, direction, rule);
        if let RulePeer::SecurityGroup(other) = &rule.peer {
            xml.leaf("referencedGroupId", other);
        }
    });
    Ok(())
}

fn named_group(call: &Call<'_>) -> Result<String, ApiError> {
    call.region.security_group_id(call.parameters.text("GroupId"), call.parameters.text("GroupName"))
}

/// Rules of `IpPermissions`, or of the older form that writes one rule straight into the call.
fn rules(call: &Call<'_>) -> Result<Vec<Rule>, ApiError> {
    let mut rules = Vec::new();
    for permission in call.parameters.list("IpPermissions") {
        read_permission(call.region, permission, &mut rules)?;
    }
    let parameters = call.parameters;
    if parameters.has("IpProtocol") || parameters.has("CidrIp") {
        let template = template(parameters)?;
        let cidr = parameters.required("CidrIp")?.to_owned();
        rules.push(Rule { peer: RulePeer::Ipv4(cidr), ..template });
    }
    Ok(rules)
}

fn template(permission: &Parameters) -> Result<Rule, ApiError> {
    let port = |name: &str| -> Result<Option<i32>, ApiError> {
        let port = permission.integer(name)?.map(i32::try_from).transpose();
        port.map_err(|_| ApiError::value(format!("Invalid value for portRange: {name}")))
    };
    let protocol = match permission.required("IpProtocol")?.to_ascii_lowercase().as_str() {
        "6" => "tcp".to_owned(),
        "17" => "udp".to_owned(),
        "1" => "icmp".to_owned(),
        "58" => "icmpv6".to_owned(),
        "all" => "-1".to_owned(),
        other => other.to_owned(),
    };
    // Ports have no meaning for all protocols, and EC2 leaves them out then.
    let has_ports = protocol != "-1";
    Ok(Rule {
        id: String::new(),
        from_port: port("FromPort")?.filter(|_| has_ports),
        to_port: port("ToPort")?.filter(|_| has_ports),
        protocol,
        peer: RulePeer::Ipv4(String::new()),
        description: None,
    })
}

fn read_permission(region: &Region, permission: &Parameters, rules: &mut Vec<Rule>) -> Result<(), ApiError> {
    let template = template(permission)?;
    let before = rules.len();
    let mut push = |peer: RulePeer, element: &Parameters| {
        rules.push(Rule { peer, description: element.string("Description"), ..template.clone() });
    };
    for element in permission.list("IpRanges") {
        push(RulePeer::Ipv4(element.required("CidrIp")?.to_owned()), element);
    }
    for element in permission.list("Ipv6Ranges") {
        push(RulePeer::Ipv6(element.required("CidrIpv6")?.to_owned()), element);
    }
    for element in permission.list("PrefixListIds") {
        push(RulePeer::PrefixList(element.required("PrefixListId")?.to_owned()), element);
    }
    for element in permission.list("Groups") {
        let id = match element.text("GroupId") {
            Some(id) => id.to_owned(),
            None => region.security_group_id(None, element.text("GroupName"))?,
        };
        push(RulePeer::SecurityGroup(id), element);
    }
    if rules.len() == before {
        return Err(ApiError::missing("source or destination of an IpPermission"));
    }
    Ok(())
}

fn arn(region: &Region, id: &str) -> String {
    format!("arn:aws:ec2:{}:{ACCOUNT_ID}:security-group/{id}", region.name)
}

fn write_rule(xml: &mut Xml, group_id: &str, direction: Direction, rule: &Rule) {
    xml.leaf("securityGroupRuleId", &rule.id);
    xml.leaf("groupId", group_id);
    xml.leaf("isEgress", direction == Direction::Egress);
    xml.leaf("ipProtocol", &rule.protocol);
    // EC2 says -1 here where a permission leaves the ports out.
    xml.leaf("fromPort", rule.from_port.unwrap_or(-1));
    xml.leaf("toPort", rule.to_port.unwrap_or(-1));
    match &rule.peer {
        RulePeer::Ipv4(cidr) => xml.leaf("cidrIpv4", cidr),
        RulePeer::Ipv6(cidr) => xml.leaf("cidrIpv6", cidr),
        RulePeer::PrefixList(id) => xml.leaf("prefixListId", id),
        RulePeer::SecurityGroup(_) => {}
    }
    xml.optional("description", rule.description.as_ref());
}

fn write_permissions(xml: &mut Xml, name: &str, region: &Region, rules: &[Rule]) {
    let ports = |rule: &Rule| (rule.protocol.clone(), rule.from_port, rule.to_port);
    let mut kinds: Vec<_> = rules.iter().map(ports).collect();
    kinds.sort();
    kinds.dedup();
    xml.list(name, "item", kinds, |xml, kind| {
        let of_kind: Vec<&Rule> = rules.iter().filter(|rule| ports(rule) == kind).collect();
        let (protocol, from_port, to_port) = kind;
        xml.leaf("ipProtocol", protocol);
        xml.optional("fromPort", from_port);
        xml.optional("toPort", to_port);
        write_peers(xml, region, &of_kind);
    });
}

fn write_peers(xml: &mut Xml, region: &Region, rules: &[&Rule]) {
    let mut list = |name: &str, pick: &dyn Fn(&RulePeer) -> Option<(&'static str, String)>| {
        let picked = rules.iter().filter_map(|rule| Some((pick(&rule.peer)?, &rule.description)));
        xml.list(name, "item", picked, |xml, ((element, value), description)| {
            if element == "groupId" {
                xml.leaf("userId", ACCOUNT_ID);
                let is_elsewhere = !region.security_groups.contains_key(&value);
                xml.optional("peeringStatus", is_elsewhere.then_some("deleted"));
            }
            xml.leaf(element, value);
            xml.optional("description", description.as_ref());
        });
    };
    list("groups", &|peer| match peer {
        RulePeer::SecurityGroup(id) => Some(("groupId", id.clone())),
        _ => None,
    });
    list("ipRanges", &|peer| match peer {
        RulePeer::Ipv4(cidr) => Some(("cidrIp", cidr.clone())),
        _ => None,
    });
    list("ipv6Ranges", &|peer| match peer {
        RulePeer::Ipv6(cidr) => Some(("cidrIpv6", cidr.clone())),
        _ => None,
    });
    list("prefixListIds", &|peer| match peer {
        RulePeer::PrefixList(id) => Some(("prefixListId", id.clone())),
        _ => None,
    });
}
