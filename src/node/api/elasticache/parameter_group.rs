//! Cache parameter groups and their parameters on the wire.

use super::super::Call;
use super::super::query::tags;
use super::super::xml::Xml;
use super::{name_values, page};
use crate::node::control::Region;
use crate::node::control::error::ApiError;
use crate::node::control::parameter_group::{ParameterGroup, ParameterValue};
use crate::node::control::parameters::Change;

pub(super) fn create(call: &mut Call<'_>) -> Result<(), ApiError> {
    let parameters = call.parameters;
    let (name, family) =
        (parameters.required("CacheParameterGroupName")?, parameters.required("CacheParameterGroupFamily")?);
    let (words, tags) = (parameters.required("Description")?, tags(&parameters.list("Tags")));
    let group = call.region.create_parameter_group(&call.context, name, family, words, &tags)?;
    let region = &*call.region;
    call.xml.group("CacheParameterGroup", |xml| write(xml, region, &group));
    Ok(())
}

pub(super) fn modify(call: &mut Call<'_>) -> Result<(), ApiError> {
    let name = call.parameters.required("CacheParameterGroupName")?;
    let name = call.region.modify_parameter_group(&mut call.context, name, &name_values(call.parameters))?;
    call.xml.leaf("CacheParameterGroupName", name);
    Ok(())
}

pub(super) fn reset(call: &mut Call<'_>) -> Result<(), ApiError> {
    let name = call.parameters.required("CacheParameterGroupName")?;
    let is_all = call.parameters.boolean("ResetAllParameters")?.unwrap_or(false);
    let names: Vec<String> = name_values(call.parameters).into_iter().map(|(name, _)| name).collect();
    let name = call.region.reset_parameter_group(&mut call.context, name, is_all, &names)?;
    call.xml.leaf("CacheParameterGroupName", name);
    Ok(())
}

pub(super) fn delete(call: &mut Call<'_>) -> Result<(), ApiError> {
    call.region.delete_parameter_group(&call.context, call.parameters.required("CacheParameterGroupName")?)
}

pub(super) fn describe(call: &mut Call<'_>) -> Result<(), ApiError> {
    let groups = call.region.describe_parameter_groups(call.parameters.text("CacheParameterGroupName"))?;
    let shown = page(call, &groups, |group| group.name.clone())?;
    let region = &*call.region;
    call.xml.list("CacheParameterGroups", "CacheParameterGroup", shown, |xml, group| write(xml, region, group));
    Ok(())
}

pub(super) fn describe_parameters(call: &mut Call<'_>) -> Result<(), ApiError> {
    let group = call.region.parameter_group(call.parameters.required("CacheParameterGroupName")?)?;
    let source = call.parameters.text("Source");
    if let Some(source) = source.filter(|source| !["user", "system", "engine-default"].contains(source)) {
        return Err(ApiError::value(format!("Invalid Source: {source}. Valid values: user | system | engine-default")));
    }
    let asked = |parameter: &ParameterValue| source.is_none_or(|asked| (asked == "user") == parameter.is_user);
    let parameters: Vec<_> = group.parameters().into_iter().filter(asked).collect();
    let shown = page(call, &parameters, |parameter| parameter.row.name.to_owned())?;
    call.xml.list("Parameters", "Parameter", shown, |xml, parameter| write_parameter(xml, &group, parameter));
    call.xml.group("CacheNodeTypeSpecificParameters", |_| {});
    Ok(())
}

fn write(xml: &mut Xml, region: &Region, group: &ParameterGroup) {
    xml.leaf("CacheParameterGroupName", &group.name);
    xml.leaf("CacheParameterGroupFamily", &group.family);
    xml.leaf("Description", &group.description);
    xml.leaf("IsGlobal", false);
    xml.leaf("ARN", region.cache_arn("parametergroup", &group.name));
}

fn write_parameter(xml: &mut Xml, group: &ParameterGroup, parameter: &ParameterValue) {
    let row = parameter.row;
    xml.leaf("ParameterName", row.name);
    if !parameter.value.is_empty() || parameter.is_user {
        xml.leaf("ParameterValue", &parameter.value);
    }
    xml.leaf("Description", row.description);
    xml.leaf("Source", if parameter.is_user { "user" } else { "system" });
    xml.leaf("DataType", row.kind);
    if !row.allowed.is_empty() {
        xml.leaf("AllowedValues", row.allowed);
    }
    xml.leaf("IsModifiable", !group.is_default() && row.change != Change::Never);
    xml.leaf("MinimumEngineVersion", row.since);
    xml.leaf("ChangeType", if row.change == Change::Reboot { "requires-reboot" } else { "immediate" });
}
