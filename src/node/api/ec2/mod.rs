//! EC2, API version 2016-11-15: the table of operations, and what all of them share.

mod filter;
mod instance;
mod key_pair;
mod network;
mod security_group;

use super::query::{Parameters, tags};
use super::xml::Xml;
use super::{Call, Operation, place_after, reads, writes};
use crate::node::control::Region;
use crate::node::control::error::ApiError;
use crate::node::control::validate::Tags;

/// Operations of the service.
pub(crate) const OPERATIONS: &[Operation] = &[
    reads("DescribeRegions", network::describe_regions),
    reads("DescribeAvailabilityZones", network::describe_zones),
    reads("DescribeVpcs", network::describe_vpcs),
    reads("DescribeSubnets", network::describe_subnets),
    reads("DescribeManagedPrefixLists", network::describe_managed_prefix_lists),
    reads("DescribePrefixLists", network::describe_prefix_lists),
    reads("DescribeNetworkInterfaces", network::describe_interfaces),
    reads("DescribeSecurityGroups", security_group::describe),
    writes("CreateSecurityGroup", security_group::create),
    writes("DeleteSecurityGroup", security_group::delete),
    writes("AuthorizeSecurityGroupIngress", security_group::authorize_ingress),
    writes("AuthorizeSecurityGroupEgress", security_group::authorize_egress),
    writes("RevokeSecurityGroupIngress", security_group::revoke_ingress),
    writes("RevokeSecurityGroupEgress", security_group::revoke_egress),
    reads("DescribeKeyPairs", key_pair::describe),
    writes("ImportKeyPair", key_pair::import),
    writes("DeleteKeyPair", key_pair::delete),
    reads("DescribeImages", instance::describe_images),
    writes("RunInstances", instance::run),
    reads("DescribeInstances", instance::describe),
    writes("TerminateInstances", instance::terminate),
    writes("ModifyInstanceMetadataOptions", instance::modify_metadata),
    reads("DescribeInstanceAttribute", instance::describe_attribute),
    writes("CreateTags", create_tags),
    writes("DeleteTags", delete_tags),
];

fn create_tags(call: &mut Call<'_>) -> Result<(), ApiError> {
    let (ids, new) = (call.parameters.strings("ResourceId"), tags(&call.parameters.list("Tag")));
    if ids.is_empty() || new.is_empty() {
        return Err(ApiError::missing(if ids.is_empty() { "resourceIdSet" } else { "tagSet" }));
    }
    call.region.create_tags(&ids, &new)?;
    succeed(call);
    Ok(())
}

fn delete_tags(call: &mut Call<'_>) -> Result<(), ApiError> {
    let ids = call.parameters.strings("ResourceId");
    if ids.is_empty() {
        return Err(ApiError::missing("resourceIdSet"));
    }
    let tag = |element: &Parameters| (element.string("Key").unwrap_or_default(), element.string("Value"));
    let tags: Vec<_> = call.parameters.list("Tag").into_iter().map(tag).collect();
    call.region.delete_tags(&ids, &tags)?;
    succeed(call);
    Ok(())
}

/// The answer of operations that have nothing to say.
fn succeed(call: &mut Call<'_>) {
    call.xml.leaf("return", true);
}

/// Tags that the call gives to resources of a type.
fn tag_specification(parameters: &Parameters, resource_type: &str) -> Vec<(String, String)> {
    let specifications = parameters.list("TagSpecification").into_iter();
    let of_type = specifications.filter(|element| element.text("ResourceType") == Some(resource_type));
    of_type.flat_map(|element| tags(&element.list("Tag"))).collect()
}

fn write_tags(xml: &mut Xml, tags: &Tags) {
    xml.list("tagSet", "item", tags, |xml, (key, value)| {
        xml.leaf("key", key);
        xml.leaf("value", value);
    });
}

/// Security groups with their names, as a list of the given name.
fn write_groups(xml: &mut Xml, region: &Region, ids: &[String]) {
    xml.list("groupSet", "item", ids, |xml, id| {
        xml.leaf("groupId", id);
        xml.optional("groupName", region.security_groups.get(id).map(|group| &group.name));
    });
}

/// The part of `items` that the caller's `NextToken` and `MaxResults` select; writes the next token.
fn page<Item>(call: &mut Call<'_>, mut items: Vec<Item>, id: impl Fn(&Item) -> String) -> Result<Vec<Item>, ApiError> {
    let most = match call.parameters.integer("MaxResults")?.map(usize::try_from) {
        None => usize::MAX,
        Some(Ok(most)) if most >= 1 => most,
        Some(_) => return Err(ApiError::value("MaxResults must be at least 1")),
    };
    let start = match call.parameters.text("NextToken").filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => place_after(&items, token, &id),
    };
    items.drain(..start);
    if let Some(last) = items.get(most - 1).filter(|_| most < items.len()) {
        call.xml.leaf("nextToken", id(last));
    }
    items.truncate(most);
    Ok(items)
}
