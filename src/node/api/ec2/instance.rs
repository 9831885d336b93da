//! Instances and images on the wire.

use super::super::Call;
use super::super::query::Parameters;
use super::super::xml::Xml;
use super::filter::{keep, one};
use super::{page, tag_specification, write_groups, write_tags};
use crate::node::control::error::ApiError;
use crate::node::control::image::{CREATION_DATE, Image};
use crate::node::control::instance::{
    Instance, InstanceState, MetadataChange, MetadataOptions, RunInstances, not_found,
};
use crate::node::control::network::zone_id;
use crate::node::control::time::iso8601;
use crate::node::control::{ACCOUNT_ID, Region};

/// Account that owns Amazon's own images.
const AMAZON: &str = "137112412989";

pub(super) fn run(call: &mut Call<'_>) -> Result<(), ApiError> {
    let input = run_input(call.parameters)?;
    let started = call.region.run_instances(&mut call.context, input)?;
    let region = &*call.region;
    write_reservation(&mut call.xml, region, &started);
    Ok(())
}

fn run_input(parameters: &Parameters) -> Result<RunInstances, ApiError> {
    if parameters.has("LaunchTemplate") {
        return Err(ApiError::new("UnsupportedOperation", "This local cloud has no launch templates."));
    }
    let interfaces = parameters.list("NetworkInterface");
    let interface = interfaces.first().copied();
    let top_level = ["SubnetId", "SecurityGroupId", "SecurityGroup"];
    if interface.is_some() && top_level.iter().any(|name| parameters.has(name)) {
        return Err(ApiError::combination(
            "Network interfaces and an instance-level subnet ID or security groups may not be specified on the same request",
        ));
    }
    if interfaces.len() > 1 || interface.is_some_and(|interface| interface.has("NetworkInterfaceId")) {
        return Err(ApiError::new(
            "UnsupportedOperation",
            "This local cloud gives an instance one new network interface.",
        ));
    }
    let place = interface.unwrap_or(parameters);
    let public_address = interface.map(|interface| interface.boolean("AssociatePublicIpAddress")).transpose()?;
    let devices = parameters.list("BlockDeviceMapping");
    let disk = devices.first().map(|device| device.structure("Ebs"));
    let count = |name: &str| parameters.integer(name)?.ok_or_else(|| ApiError::missing(name));
    let profile = parameters.structure("IamInstanceProfile");
    Ok(RunInstances {
        image_id: parameters.required("ImageId")?.to_owned(),
        instance_type: parameters.string("InstanceType"),
        key_name: parameters.string("KeyName"),
        group_ids: place.strings("SecurityGroupId"),
        group_names: parameters.strings("SecurityGroup"),
        subnet_id: place.string("SubnetId"),
        zone: parameters.structure("Placement").string("AvailabilityZone"),
        client_token: parameters.string("ClientToken"),
        user_data: parameters.string("UserData"),
        metadata: metadata_change(parameters.structure("MetadataOptions"))?,
        public_address: public_address.flatten(),
        delete_volume: disk.map(|disk| disk.boolean("DeleteOnTermination")).transpose()?.flatten(),
        device_name: devices.first().and_then(|device| device.string("DeviceName")),
        termination_protected: parameters.boolean("DisableApiTermination")?.unwrap_or(false),
        profile: profile.string("Arn").or_else(|| profile.string("Name")),
        tags: tag_specification(parameters, "instance"),
        volume_tags: tag_specification(parameters, "volume"),
        least: count("MinCount")?,
        most: count("MaxCount")?,
    })
}

fn metadata_change(parameters: &Parameters) -> Result<MetadataChange, ApiError> {
    Ok(MetadataChange {
        http_tokens: parameters.string("HttpTokens"),
        hop_limit: parameters.integer("HttpPutResponseHopLimit")?,
        http_endpoint: parameters.string("HttpEndpoint"),
        http_protocol_ipv6: parameters.string("HttpProtocolIpv6"),
        instance_tags: parameters.string("InstanceMetadataTags"),
    })
}

pub(super) fn describe(call: &mut Call<'_>) -> Result<(), ApiError> {
    let ids = call.parameters.strings("InstanceId");
    if let Some(id) = ids.iter().find(|id| !call.region.instances.contains_key(*id)) {
        return Err(not_found(id));
    }
    let is_asked = |instance: &&Instance| ids.is_empty() || ids.contains(&instance.id);
    let asked: Vec<Instance> = call.region.instances.values().filter(is_asked).cloned().collect();
    let region = call.region.name.clone();
    let shown =
        keep(call.parameters, asked, |instance| Some(&instance.tags), |instance, name| field(&region, instance, name))?;
    let mut shown = page(call, shown, |one| one.id.clone())?;
    shown.sort_by(|one, other| {
        let key = |instance: &Instance| (instance.launch_ms, instance.reservation_id.clone(), instance.launch_index);
        key(one).cmp(&key(other))
    });
    let region = &*call.region;
    let reservations = shown.chunk_by(|one, other| one.reservation_id == other.reservation_id);
    call.xml.list("reservationSet", "item", reservations, |xml, instances| write_reservation(xml, region, instances));
    Ok(())
}

fn field(region: &str, instance: &Instance, name: &str) -> Option<Vec<String>> {
    let (code, state) = instance.state.code_and_name();
    let interface = &instance.interface;
    match name {
        "instance-id" => one(&instance.id),
        "instance-state-name" => one(state),
        "instance-state-code" => one(code),
        "instance.group-id" | "group-id" | "network-interface.group-id" => Some(instance.group_ids.clone()),
        "client-token" => one(instance.client_token.as_deref().unwrap_or_default()),
        "vpc-id" => one(&interface.vpc_id),
        "subnet-id" => one(&interface.subnet_id),
        "availability-zone" => one(&interface.zone),
        "image-id" => one(&instance.image_id),
        "instance-type" => one(&instance.instance_type),
        "key-name" => one(instance.key_name.as_deref().unwrap_or_default()),
        "private-ip-address" => one(&interface.private_ip),
        "private-dns-name" => one(instance.private_name(region)),
        "ip-address" => Some(instance.public_ip().into_iter().collect()),
        "reservation-id" => one(&instance.reservation_id),
        "architecture" => one(&instance.architecture),
        "owner-id" => one(ACCOUNT_ID),
        _ => None,
    }
}

pub(super) fn terminate(call: &mut Call<'_>) -> Result<(), ApiError> {
    let ids = call.parameters.strings("InstanceId");
    if ids.is_empty() {
        return Err(ApiError::missing("InstanceId"));
    }
    let changes = call.region.terminate_instances(&call.context, &ids)?;
    call.xml.list("instancesSet", "item", changes, |xml, (id, before, after)| {
        xml.leaf("instanceId", id);
        write_state(xml, "currentState", after);
        write_state(xml, "previousState", before);
    });
    Ok(())
}

fn write_state(xml: &mut Xml, name: &str, state: InstanceState) {
    let (code, state) = state.code_and_name();
    xml.group(name, |xml| {
        xml.leaf("code", code);
        xml.leaf("name", state);
    });
}

pub(super) fn modify_metadata(call: &mut Call<'_>) -> Result<(), ApiError> {
    let id = call.parameters.required("InstanceId")?;
    let options = call.region.modify_metadata(id, &metadata_change(call.parameters)?)?;
    call.xml.leaf("instanceId", id);
    call.xml.group("instanceMetadataOptions", |xml| write_metadata(xml, &options));
    Ok(())
}

fn write_metadata(xml: &mut Xml, options: &MetadataOptions) {
    xml.leaf("state", "applied");
    xml.leaf("httpTokens", &options.http_tokens);
    xml.leaf("httpPutResponseHopLimit", options.hop_limit);
    xml.leaf("httpEndpoint", &options.http_endpoint);
    xml.leaf("httpProtocolIpv6", &options.http_protocol_ipv6);
    xml.leaf("instanceMetadataTags", &options.instance_tags);
}

pub(super) fn describe_attribute(call: &mut Call<'_>) -> Result<(), ApiError> {
    let id = call.parameters.required("InstanceId")?;
    let instance = call.region.instances.get(id).ok_or_else(|| not_found(id))?.clone();
    let region = &*call.region;
    let xml = &mut call.xml;
    xml.leaf("instanceId", id);
    let mut value = |name: &str, value: &str| xml.group(name, |xml| xml.leaf("value", value));
    let truth = |is: bool| if is { "true" } else { "false" };
    match call.parameters.required("Attribute")? {
        "userData" => match &instance.user_data {
            Some(data) => value("userData", data),
            None => xml.group("userData", |_| {}),
        },
        "instanceType" => value("instanceType", &instance.instance_type),
        "disableApiTermination" => value("disableApiTermination", truth(instance.termination_protected)),
        "disableApiStop" => value("disableApiStop", "false"),
        "instanceInitiatedShutdownBehavior" => value("instanceInitiatedShutdownBehavior", "stop"),
        "rootDeviceName" => value("rootDeviceName", &instance.device_name),
        "sourceDestCheck" => value("sourceDestCheck", "true"),
        "ebsOptimized" => value("ebsOptimized", "false"),
        "enaSupport" => value("enaSupport", "true"),
        "groupSet" => write_groups(xml, region, &instance.group_ids),
        "blockDeviceMapping" => write_devices(xml, &instance),
        "kernel" | "ramdisk" | "productCodes" | "sriovNetSupport" | "enclaveOptions" => {}
        other => {
            return Err(ApiError::value(format!(
                "Value ({other}) for parameter attribute is invalid. Unknown attribute."
            )));
        }
    }
    Ok(())
}

fn write_reservation(xml: &mut Xml, region: &Region, instances: &[Instance]) {
    let reservation = instances.first().map(|instance| &instance.reservation_id);
    xml.optional("reservationId", reservation);
    xml.leaf("ownerId", ACCOUNT_ID);
    xml.group("groupSet", |_| {});
    xml.list("instancesSet", "item", instances, |xml, instance| write(xml, region, instance));
}

fn write(xml: &mut Xml, region: &Region, instance: &Instance) {
    let is_gone = instance.is_terminated();
    xml.leaf("instanceId", &instance.id);
    xml.leaf("imageId", &instance.image_id);
    write_state(xml, "instanceState", instance.state);
    xml.leaf("amiLaunchIndex", instance.launch_index);
    xml.leaf("instanceType", &instance.instance_type);
    xml.optional("keyName", instance.key_name.as_ref());
    xml.leaf("launchTime", iso8601(instance.launch_ms));
    xml.optional("clientToken", instance.client_token.as_ref());
    xml.group("placement", |xml| {
        xml.leaf("availabilityZone", &instance.interface.zone);
        xml.leaf("availabilityZoneId", zone_id(&instance.interface.zone));
        xml.leaf("groupName", "");
        xml.leaf("tenancy", "default");
    });
    xml.group("monitoring", |xml| xml.leaf("state", "disabled"));
    xml.leaf("architecture", &instance.architecture);
    xml.leaf("hypervisor", "xen");
    xml.leaf("virtualizationType", "hvm");
    xml.leaf("rootDeviceType", "ebs");
    xml.leaf("rootDeviceName", &instance.device_name);
    xml.leaf("enaSupport", true);
    xml.leaf("ebsOptimized", false);
    xml.leaf("platformDetails", "Linux/UNIX");
    if matches!(instance.state, InstanceState::ShuttingDown | InstanceState::Terminated) {
        xml.leaf("reason", "User initiated");
        xml.group("stateReason", |xml| {
            xml.leaf("code", "Client.UserInitiatedShutdown");
            xml.leaf("message", "Client.UserInitiatedShutdown: User initiated shutdown");
        });
    }
    if let Some(profile) = &instance.profile {
        let is_arn = profile.starts_with("arn:");
        let made = format!("arn:aws:iam::{ACCOUNT_ID}:instance-profile/{profile}");
        xml.group("iamInstanceProfile", |xml| xml.leaf("arn", if is_arn { profile } else { &made }));
    }
    xml.group("metadataOptions", |xml| write_metadata(xml, &instance.metadata));
    write_tags(xml, &instance.tags);
    xml.group("productCodes", |_| {});
    if is_gone {
        // A terminated instance has lost its network and its disk.
        for list in ["groupSet", "networkInterfaceSet", "blockDeviceMapping"] {
            xml.group(list, |_| {});
        }
        return;
    }
    write_network(xml, region, instance);
    write_devices(xml, instance);
}

fn write_network(xml: &mut Xml, region: &Region, instance: &Instance) {
    let interface = &instance.interface;
    let public_ip = instance.public_ip();
    let public_name = public_ip.as_ref().map(|ip| format!("ec2-{}.compute-1.amazonaws.com", ip.replace('.', "-")));
    xml.leaf("subnetId", &interface.subnet_id);
    xml.leaf("vpcId", &interface.vpc_id);
    xml.leaf("privateIpAddress", &interface.private_ip);
    xml.leaf("privateDnsName", instance.private_name(&region.name));
    xml.leaf("dnsName", public_name.as_deref().unwrap_or_default());
    xml.optional("ipAddress", public_ip.as_ref());
    xml.leaf("sourceDestCheck", true);
    write_groups(xml, region, &instance.group_ids);
    xml.list("networkInterfaceSet", "item", [interface], |xml, interface| {
        xml.leaf("networkInterfaceId", &interface.id);
        xml.leaf("subnetId", &interface.subnet_id);
        xml.leaf("vpcId", &interface.vpc_id);
        xml.leaf("ownerId", ACCOUNT_ID);
        xml.leaf("status", "in-use");
        xml.leaf("macAddress", interface.mac());
        xml.leaf("privateIpAddress", &interface.private_ip);
        xml.leaf("sourceDestCheck", true);
        xml.leaf("interfaceType", "interface");
        write_groups(xml, region, &instance.group_ids);
        xml.group("attachment", |xml| {
            xml.leaf("attachmentId", &interface.attachment_id);
            xml.leaf("deviceIndex", 0);
            xml.leaf("status", "attached");
            xml.leaf("attachTime", iso8601(instance.launch_ms));
            xml.leaf("deleteOnTermination", true);
        });
        if let Some(ip) = &public_ip {
            xml.group("association", |xml| {
                xml.leaf("publicIp", ip);
                xml.leaf("publicDnsName", public_name.as_deref().unwrap_or_default());
                xml.leaf("ipOwnerId", "amazon");
            });
        }
        xml.list("privateIpAddressesSet", "item", [interface], |xml, interface| {
            xml.leaf("privateIpAddress", &interface.private_ip);
            xml.leaf("primary", true);
        });
    });
}

fn write_devices(xml: &mut Xml, instance: &Instance) {
    xml.list("blockDeviceMapping", "item", [instance], |xml, instance| {
        xml.leaf("deviceName", &instance.device_name);
        xml.group("ebs", |xml| {
            xml.leaf("volumeId", &instance.volume_id);
            xml.leaf("status", "attached");
            xml.leaf("attachTime", iso8601(instance.launch_ms));
            xml.leaf("deleteOnTermination", instance.delete_volume);
        });
    });
}

pub(super) fn describe_images(call: &mut Call<'_>) -> Result<(), ApiError> {
    let (ids, owners) = (call.parameters.strings("ImageId"), call.parameters.strings("Owner"));
    let all = call.region.images();
    if let Some(id) = ids.iter().find(|id| !all.iter().any(|image| image.id == **id)) {
        return Err(ApiError::new("InvalidAMIID.NotFound", format!("The image id '[{id}]' does not exist")));
    }
    let is_owner_asked = owners.is_empty() || owners.iter().any(|owner| owner == "amazon" || owner == AMAZON);
    let is_asked = |image: &Image| is_owner_asked && (ids.is_empty() || ids.contains(&image.id));
    let asked = all.into_iter().filter(is_asked).collect();
    let field = |image: &Image, name: &str| match name {
        "image-id" => one(&image.id),
        "name" => one(&image.name),
        "description" => one(&image.description),
        "architecture" => one(image.architecture),
        "owner-alias" => one("amazon"),
        "owner-id" => one(AMAZON),
        "state" => one("available"),
        "is-public" => one("true"),
        "image-type" => one("machine"),
        "root-device-type" => one("ebs"),
        "root-device-name" => one("/dev/xvda"),
        "virtualization-type" => one("hvm"),
        "ena-support" => one("true"),
        _ => None,
    };
    let shown = keep(call.parameters, asked, |_| None, field)?;
    let shown = page(call, shown, |one| one.id.clone())?;
    call.xml.list("imagesSet", "item", shown, |xml, image| write_image(xml, &image));
    Ok(())
}

fn write_image(xml: &mut Xml, image: &Image) {
    xml.leaf("imageId", &image.id);
    xml.leaf("imageLocation", format!("amazon/{}", image.name));
    xml.leaf("imageState", "available");
    xml.leaf("imageOwnerId", AMAZON);
    xml.leaf("imageOwnerAlias", "amazon");
    xml.leaf("creationDate", CREATION_DATE);
    xml.leaf("isPublic", true);
    xml.leaf("architecture", image.architecture);
    xml.leaf("imageType", "machine");
    xml.leaf("name", &image.name);
    xml.leaf("description", &image.description);
    xml.leaf("rootDeviceType", "ebs");
    xml.leaf("rootDeviceName", "/dev/xvda");
    xml.leaf("virtualizationType", "hvm");
    xml.leaf("hypervisor", "xen");
    xml.leaf("enaSupport", true);
    xml.leaf("imdsSupport", "v2.0");
    xml.leaf("platformDetails", "Linux/UNIX");
    xml.leaf("usageOperation", "RunInstances");
    xml.list("blockDeviceMapping", "item", ["/dev/xvda"], |xml, device| {
        xml.leaf("deviceName", device);
        xml.group("ebs", |xml| {
            xml.leaf("deleteOnTermination", true);
            xml.leaf("snapshotId", &image.snapshot_id);
            xml.leaf("volumeSize", 8);
            xml.leaf("volumeType", "gp3");
            xml.leaf("encrypted", false);
        });
    });
    xml.group("tagSet", |_| {});
}
