//! VPCs, subnets, zones, prefix lists and interfaces on the wire.

use super::super::Call;
use super::super::xml::Xml;
use super::filter::{keep, one};
use super::{page, write_groups, write_tags};
use crate::node::control::error::ApiError;
use crate::node::control::interface::HeldInterface;
use crate::node::control::network::{PrefixList, Subnet, Vpc, regions, zone_id, zones};
use crate::node::control::time::iso8601;
use crate::node::control::{ACCOUNT_ID, Region};

/// The regions that an account can use; whether all are asked for makes no difference, as none has to be enabled here.
pub(super) fn describe_regions(call: &mut Call<'_>) -> Result<(), ApiError> {
    let names = call.parameters.strings("RegionName");
    let all = regions(&call.region.name);
    if let Some(name) = names.iter().find(|name| !all.contains(name)) {
        return Err(ApiError::value(format!("Invalid region: [{name}]")));
    }
    let asked = all.into_iter().filter(|name| names.is_empty() || names.contains(name)).collect();
    let endpoint = |name: &String| format!("ec2.{name}.amazonaws.com");
    let field = |name: &String, filter: &str| match filter {
        "region-name" => one(name),
        "endpoint" => one(endpoint(name)),
        "opt-in-status" => one("opt-in-not-required"),
        _ => None,
    };
    let shown = keep(call.parameters, asked, |_| None, field)?;
    call.xml.list("regionInfo", "item", shown, |xml, name| {
        xml.leaf("regionEndpoint", endpoint(&name));
        xml.leaf("optInStatus", "opt-in-not-required");
        xml.leaf("regionName", name);
    });
    Ok(())
}

pub(super) fn describe_zones(call: &mut Call<'_>) -> Result<(), ApiError> {
    let (names, ids) = (call.parameters.strings("ZoneName"), call.parameters.strings("ZoneId"));
    let region = call.region.name.clone();
    let all = zones(&region);
    if let Some(name) = names.iter().find(|name| !all.contains(name)) {
        return Err(ApiError::value(format!("Invalid availability zone: [{name}]")));
    }
    let is_asked =
        |zone: &String| (names.is_empty() || names.contains(zone)) && (ids.is_empty() || ids.contains(&zone_id(zone)));
    let asked = all.into_iter().filter(is_asked).collect();
    let field = |zone: &String, name: &str| match name {
        "zone-name" => one(zone),
        "zone-id" => one(zone_id(zone)),
        "region-name" | "group-name" => one(&region),
        "state" => one("available"),
        "zone-type" => one("availability-zone"),
        "opt-in-status" => one("opt-in-not-required"),
        _ => None,
    };
    let shown = keep(call.parameters, asked, |_| None, field)?;
    call.xml.list("availabilityZoneInfo", "item", shown, |xml, zone| {
        xml.leaf("optInStatus", "opt-in-not-required");
        xml.group("messageSet", |_| {});
        xml.leaf("regionName", &region);
        xml.leaf("zoneName", &zone);
        xml.leaf("zoneId", zone_id(&zone));
        xml.leaf("groupName", &region);
        xml.leaf("networkBorderGroup", &region);
        xml.leaf("zoneType", "availability-zone");
        xml.leaf("zoneState", "available");
    });
    Ok(())
}

pub(super) fn describe_vpcs(call: &mut Call<'_>) -> Result<(), ApiError> {
    let ids = call.parameters.strings("VpcId");
    let all = call.region.network.vpcs.clone();
    if let Some(id) = ids.iter().find(|id| !all.iter().any(|vpc| vpc.id == **id)) {
        return Err(ApiError::new("InvalidVpcID.NotFound", format!("The vpc ID '{id}' does not exist")));
    }
    let asked = all.into_iter().filter(|vpc| ids.is_empty() || ids.contains(&vpc.id)).collect();
    let field = |vpc: &Vpc, name: &str| match name {
        "vpc-id" => one(&vpc.id),
        "cidr" | "cidr-block" | "cidr-block-association.cidr-block" => one(&vpc.cidr),
        "is-default" | "isDefault" => one(vpc.is_default),
        "state" => one("available"),
        "owner-id" => one(ACCOUNT_ID),
        _ => None,
    };
    let shown = keep(call.parameters, asked, |vpc| Some(&vpc.tags), field)?;
    let shown = page(call, shown, |one| one.id.clone())?;
    call.xml.list("vpcSet", "item", shown, |xml, vpc| {
        xml.leaf("vpcId", &vpc.id);
        xml.leaf("ownerId", ACCOUNT_ID);
        xml.leaf("state", "available");
        xml.leaf("cidrBlock", &vpc.cidr);
        xml.list("cidrBlockAssociationSet", "item", [&vpc], |xml, vpc| {
            xml.leaf("associationId", vpc.id.replacen("vpc-", "vpc-cidr-assoc-", 1));
            xml.leaf("cidrBlock", &vpc.cidr);
            xml.group("cidrBlockState", |xml| xml.leaf("state", "associated"));
        });
        xml.leaf("dhcpOptionsId", "default");
        xml.leaf("instanceTenancy", "default");
        xml.leaf("isDefault", vpc.is_default);
        write_tags(xml, &vpc.tags);
    });
    Ok(())
}

pub(super) fn describe_subnets(call: &mut Call<'_>) -> Result<(), ApiError> {
    let ids = call.parameters.strings("SubnetId");
    for id in &ids {
        call.region.network.subnet(id)?;
    }
    let all = call.region.network.subnets.clone();
    let asked = all.into_iter().filter(|subnet| ids.is_empty() || ids.contains(&subnet.id)).collect();
    let field = |subnet: &Subnet, name: &str| match name {
        "subnet-id" => one(&subnet.id),
        "vpc-id" => one(&subnet.vpc_id),
        "availability-zone" | "availabilityZone" => one(&subnet.zone),
        "availability-zone-id" => one(zone_id(&subnet.zone)),
        "cidr" | "cidr-block" => one(&subnet.cidr),
        "default-for-az" | "defaultForAz" => one(subnet.is_default),
        "map-public-ip-on-launch" => one(subnet.is_default),
        "state" => one("available"),
        "owner-id" => one(ACCOUNT_ID),
        _ => None,
    };
    let shown = keep(call.parameters, asked, |subnet| Some(&subnet.tags), field)?;
    let shown = page(call, shown, |one| one.id.clone())?;
    let region = &*call.region;
    call.xml.list("subnetSet", "item", shown, |xml, subnet| {
        xml.leaf("subnetId", &subnet.id);
        xml.leaf("subnetArn", format!("arn:aws:ec2:{}:{ACCOUNT_ID}:subnet/{}", region.name, subnet.id));
        xml.leaf("state", "available");
        xml.leaf("ownerId", ACCOUNT_ID);
        xml.leaf("vpcId", &subnet.vpc_id);
        xml.leaf("cidrBlock", &subnet.cidr);
        xml.group("ipv6CidrBlockAssociationSet", |_| {});
        let held = region.interfaces().iter().filter(|held| held.interface.subnet_id == subnet.id).count();
        xml.leaf("availableIpAddressCount", 4091_usize.saturating_sub(held));
        xml.leaf("availabilityZone", &subnet.zone);
        xml.leaf("availabilityZoneId", zone_id(&subnet.zone));
        xml.leaf("defaultForAz", subnet.is_default);
        xml.leaf("mapPublicIpOnLaunch", subnet.is_default);
        xml.leaf("assignIpv6AddressOnCreation", false);
        write_tags(xml, &subnet.tags);
    });
    Ok(())
}

fn asked_prefix_lists(call: &mut Call<'_>) -> Result<Vec<PrefixList>, ApiError> {
    let ids = call.parameters.strings("PrefixListId");
    let all = call.region.network.prefix_lists.clone();
    if let Some(id) = ids.iter().find(|id| !all.iter().any(|list| list.id == **id)) {
        let message = format!("The prefix list ID '{id}' does not exist");
        return Err(ApiError::new("InvalidPrefixListID.NotFound", message));
    }
    let asked = all.into_iter().filter(|list| ids.is_empty() || ids.contains(&list.id)).collect();
    let field = |list: &PrefixList, name: &str| match name {
        "prefix-list-id" => one(&list.id),
        "prefix-list-name" => one(&list.name),
        "owner-id" => one("AWS"),
        _ => None,
    };
    let shown = keep(call.parameters, asked, |_| None, field)?;
    page(call, shown, |one| one.id.clone())
}

pub(super) fn describe_managed_prefix_lists(call: &mut Call<'_>) -> Result<(), ApiError> {
    let shown = asked_prefix_lists(call)?;
    let region = call.region.name.clone();
    call.xml.list("prefixListSet", "item", shown, |xml, list| {
        xml.leaf("prefixListId", &list.id);
        xml.leaf("addressFamily", if list.is_ipv6 { "IPv6" } else { "IPv4" });
        xml.leaf("prefixListArn", format!("arn:aws:ec2:{region}:aws:prefix-list/{}", list.id));
        xml.leaf("prefixListName", &list.name);
        xml.leaf("ownerId", "AWS");
        xml.group("tagSet", |_| {});
    });
    Ok(())
}

pub(super) fn describe_prefix_lists(call: &mut Call<'_>) -> Result<(), ApiError> {
    let shown = asked_prefix_lists(call)?;
    call.xml.list("prefixListSet", "item", shown, |xml, list| {
        xml.texts("cidrSet", "item", &list.cidrs);
        xml.leaf("prefixListId", &list.id);
        xml.leaf("prefixListName", &list.name);
    });
    Ok(())
}

pub(super) fn describe_interfaces(call: &mut Call<'_>) -> Result<(), ApiError> {
    let ids = call.parameters.strings("NetworkInterfaceId");
    let mut inside = Xml::default();
    let region = &*call.region;
    let all = region.interfaces();
    if let Some(id) = ids.iter().find(|id| !all.iter().any(|held| held.interface.id == **id)) {
        let message = format!("The networkInterface ID '{id}' does not exist");
        return Err(ApiError::new("InvalidNetworkInterfaceID.NotFound", message));
    }
    let asked = all.into_iter().filter(|held| ids.is_empty() || ids.contains(&held.interface.id)).collect();
    let shown = keep(call.parameters, asked, |_| None, |held, name| interface_field(region, held, name))?;
    inside.list("networkInterfaceSet", "item", shown, |xml, held| write_interface(xml, region, &held));
    call.xml.append(inside);
    Ok(())
}

fn interface_field(region: &Region, held: &HeldInterface<'_>, name: &str) -> Option<Vec<String>> {
    let interface = held.interface;
    match name {
        "network-interface-id" => one(&interface.id),
        "group-id" => Some(held.group_ids.to_vec()),
        "group-name" => {
            let groups = held.group_ids.iter().filter_map(|id| region.security_groups.get(id));
            Some(groups.map(|group| group.name.clone()).collect())
        }
        "subnet-id" => one(&interface.subnet_id),
        "vpc-id" => one(&interface.vpc_id),
        "availability-zone" => one(&interface.zone),
        "private-ip-address" | "addresses.private-ip-address" => one(&interface.private_ip),
        "description" => one(&held.description),
        "status" => one("in-use"),
        "attachment.instance-id" => Some(held.instance_id.map(str::to_owned).into_iter().collect()),
        "requester-managed" => one(held.instance_id.is_none()),
        _ => None,
    }
}

fn write_interface(xml: &mut Xml, region: &Region, held: &HeldInterface<'_>) {
    let interface = held.interface;
    xml.leaf("networkInterfaceId", &interface.id);
    xml.leaf("subnetId", &interface.subnet_id);
    xml.leaf("vpcId", &interface.vpc_id);
    xml.leaf("availabilityZone", &interface.zone);
    xml.leaf("description", &held.description);
    xml.leaf("ownerId", ACCOUNT_ID);
    xml.leaf("requesterId", if held.instance_id.is_some() { ACCOUNT_ID } else { "amazon-elasticache" });
    xml.leaf("requesterManaged", held.instance_id.is_none());
    xml.leaf("status", "in-use");
    xml.leaf("interfaceType", "interface");
    xml.leaf("macAddress", interface.mac());
    xml.leaf("privateIpAddress", &interface.private_ip);
    xml.leaf("sourceDestCheck", true);
    write_groups(xml, region, held.group_ids);
    xml.group("attachment", |xml| {
        xml.leaf("attachmentId", &interface.attachment_id);
        xml.optional("instanceId", held.instance_id);
        xml.leaf("instanceOwnerId", if held.instance_id.is_some() { ACCOUNT_ID } else { "amazon-elasticache" });
        xml.leaf("deviceIndex", u8::from(held.instance_id.is_none()));
        xml.leaf("status", "attached");
        xml.leaf("attachTime", iso8601(held.attached_ms));
        xml.leaf("deleteOnTermination", held.instance_id.is_some());
    });
    xml.list("privateIpAddressesSet", "item", [interface], |xml, interface| {
        xml.leaf("privateIpAddress", &interface.private_ip);
        xml.leaf("primary", true);
    });
    xml.group("tagSet", |_| {});
}
