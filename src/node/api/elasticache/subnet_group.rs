//! Cache subnet groups on the wire.

use super::super::Call;
use super::super::query::tags;
use super::super::xml::Xml;
use super::page;
use crate::node::control::Region;
use crate::node::control::error::ApiError;
use crate::node::control::subnet_group::SubnetGroup;

pub(super) fn create(call: &mut Call<'_>) -> Result<(), ApiError> {
    let name = call.parameters.required("CacheSubnetGroupName")?;
    let description = call.parameters.required("CacheSubnetGroupDescription")?;
    let (subnet_ids, tags) = (call.parameters.strings("SubnetIds"), tags(&call.parameters.list("Tags")));
    let group = call.region.create_subnet_group(&call.context, name, description, &subnet_ids, &tags)?;
    answer(call, &group);
    Ok(())
}

pub(super) fn modify(call: &mut Call<'_>) -> Result<(), ApiError> {
    let name = call.parameters.required("CacheSubnetGroupName")?;
    let description = call.parameters.text("CacheSubnetGroupDescription");
    let subnet_ids = call.parameters.strings("SubnetIds");
    let group = call.region.modify_subnet_group(&call.context, name, description, &subnet_ids)?;
    answer(call, &group);
    Ok(())
}

pub(super) fn delete(call: &mut Call<'_>) -> Result<(), ApiError> {
    call.region.delete_subnet_group(&call.context, call.parameters.required("CacheSubnetGroupName")?)
}

pub(super) fn describe(call: &mut Call<'_>) -> Result<(), ApiError> {
    let groups = call.region.describe_subnet_groups(call.parameters.text("CacheSubnetGroupName"))?;
    let groups: Vec<SubnetGroup> = groups.into_iter().cloned().collect();
    let shown = page(call, &groups, |group| group.name.clone())?;
    let region = &*call.region;
    call.xml.list("CacheSubnetGroups", "CacheSubnetGroup", shown, |xml, group| write(xml, region, group));
    Ok(())
}

fn answer(call: &mut Call<'_>, group: &SubnetGroup) {
    let region = &*call.region;
    call.xml.group("CacheSubnetGroup", |xml| write(xml, region, group));
}

fn write(xml: &mut Xml, region: &Region, group: &SubnetGroup) {
    xml.leaf("CacheSubnetGroupName", &group.name);
    xml.leaf("CacheSubnetGroupDescription", &group.description);
    xml.leaf("VpcId", &group.vpc_id);
    xml.list("Subnets", "Subnet", &group.subnets, |xml, subnet| {
        xml.leaf("SubnetIdentifier", &subnet.id);
        xml.group("SubnetAvailabilityZone", |xml| xml.leaf("Name", &subnet.zone));
        xml.texts("SupportedNetworkTypes", "member", ["ipv4"]);
    });
    xml.leaf("ARN", region.cache_arn("subnetgroup", &group.name));
    xml.texts("SupportedNetworkTypes", "member", ["ipv4"]);
}
