//! Calls of EC2 beside a group's rules: key pair, security groups, client host.

use std::collections::BTreeSet;

use aws_sdk_ec2::primitives::Blob;
use aws_sdk_ec2::types as api;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::{LOOKS, before_look, gone_is_fine, lags_behind, not_ours, resolve};
use crate::aws::error::{failed, own};
use crate::aws::observe::ec2::{instances, is_client_host, key_pairs, own_key_pair, security_groups};
use crate::aws::{AwsCloud, ec2_tags, filter, text};
use crate::call::{GroupRef, Instance, KeyPair, KeySource, SecurityGroup};
use crate::cloud::{CloudError, ErrorKind, Ids};
use crate::keys;
use crate::resource::{Names, Ownership, Tags};

/// How many client tokens are tried before it is a failure: one is used up by each host that was launched with the
/// same arguments and is gone.
const TOKENS: u32 = 8;

fn tag_list(tags: &Tags) -> Vec<api::Tag> {
    tags.iter().map(|(key, value)| api::Tag::builder().key(key).value(value).build()).collect()
}

fn tagged(kind: api::ResourceType, tags: &Tags) -> api::TagSpecification {
    api::TagSpecification::builder().resource_type(kind).set_tags(Some(tag_list(tags))).build()
}

fn key_file_error(operation: &str, error: &keys::KeyError) -> CloudError {
    CloudError {
        hint: Some("name another file with `client.key_pair.private_key_file`, or move that one away".to_owned()),
        ..own(ErrorKind::Configuration, operation, error.to_string())
    }
}

pub(super) async fn import_key_pair(cloud: &AwsCloud, key: &KeyPair) -> Result<String, CloudError> {
    const OPERATION: &str = "ec2:ImportKeyPair";
    let public_key = match &key.source {
        KeySource::PublicKey(text) => text.trim().to_owned(),
        KeySource::Generate => {
            let (path, owner) = (cloud.private_key_file().await, cloud.key_owner().await);
            keys::ensure(&path, &owner).map_err(|error| key_file_error(OPERATION, &error))?
        }
    };
    let request = cloud
        .ec2
        .import_key_pair()
        .key_name(&key.name)
        .public_key_material(Blob::new(public_key.as_bytes()))
        .tag_specifications(tagged(api::ResourceType::KeyPair, &key.tags));
    match request.send().await.map_err(failed(OPERATION)) {
        Ok(answer) => Ok(answer.key_pair_id.unwrap_or_default()),
        Err(error) if error.code == "InvalidKeyPair.Duplicate" => {
            let found = key_pairs(cloud, &key.name, None).await?;
            let Some(found) = own_key_pair(&found, &key.name, &cloud.options.stack) else {
                return Err(error);
            };
            if found.ownership != Ownership::Ours {
                return Err(not_ours(OPERATION, "key pair", &key.name));
            }
            if found.public_key.is_some_and(|live| live != keys::without_comment(&public_key)) {
                return Err(CloudError {
                    hint: Some("run again once the other run is done".to_owned()),
                    message: format!("{}: another run has made it at the same time, with another key", error.message),
                    ..error
                });
            }
            Ok(found.id)
        }
        Err(error) => Err(error),
    }
}

pub(super) async fn delete_key_pair(cloud: &AwsCloud, id: &str, public_key: Option<&str>) -> Result<(), CloudError> {
    const OPERATION: &str = "ec2:DeleteKeyPair";
    let request = cloud.ec2.delete_key_pair().key_pair_id(id);
    gone_is_fine(request.send().await.map(drop).map_err(failed(OPERATION)))?;
    // An emulator says yes and deletes by name alone.
    let name = Names::new(&cloud.options.stack).key_pair();
    let left = key_pairs(cloud, &name, None).await?;
    if left.iter().any(|key| key.key_pair_id() == Some(id)) {
        let request = cloud.ec2.delete_key_pair().key_name(name);
        request.send().await.map_err(failed(OPERATION))?;
    }
    if let Some(public_key) = public_key {
        let (path, owner) = (cloud.private_key_file().await, cloud.key_owner().await);
        keys::remove_own(&path, public_key, &owner).map_err(|error| key_file_error(OPERATION, &error))?;
    }
    Ok(())
}

pub(super) async fn create_security_group(cloud: &AwsCloud, group: &SecurityGroup) -> Result<String, CloudError> {
    const OPERATION: &str = "ec2:CreateSecurityGroup";
    let request = cloud
        .ec2
        .create_security_group()
        .group_name(&group.name)
        .description(&group.description)
        .vpc_id(&group.vpc_id)
        .tag_specifications(tagged(api::ResourceType::SecurityGroup, &group.tags));
    match request.send().await.map_err(failed(OPERATION)) {
        Ok(answer) => Ok(answer.group_id.unwrap_or_default()),
        Err(error) if error.code == "InvalidGroup.Duplicate" => {
            let found = security_groups(cloud, &BTreeSet::from([group.name.clone()])).await?;
            let same = found.iter().find(|found| found.vpc_id() == Some(group.vpc_id.as_str()));
            let Some(same) = same else { return Err(error) };
            match Ownership::of(Some(&ec2_tags(same.tags())), &cloud.options.stack) {
                Ownership::Ours => Ok(same.group_id().unwrap_or_default().to_owned()),
                Ownership::Foreign | Ownership::Unknown => Err(not_ours(OPERATION, "security group", &group.name)),
            }
        }
        Err(error) => Err(error),
    }
}

pub(super) async fn delete_security_group(cloud: &AwsCloud, id: &str) -> Result<(), CloudError> {
    let request = cloud.ec2.delete_security_group().group_id(id);
    let answer = request.send().await.map(drop).map_err(failed("ec2:DeleteSecurityGroup"));
    match gone_is_fine(answer) {
        Err(error) if error.code == "DependencyViolation" => {
            let (mut holders, referring) = tokio::join!(holders(cloud, id), referring_groups(cloud, id));
            holders.extend(referring);
            let message = if holders.is_empty() {
                error.message
            } else {
                format!("{} (held by {})", error.message, holders.join(", "))
            };
            Err(CloudError { message, ..error })
        }
        other => other,
    }
}

/// The network interfaces that hold a group, with what they are for.
async fn holders(cloud: &AwsCloud, group: &str) -> Vec<String> {
    let request = cloud.ec2.describe_network_interfaces().filters(filter("group-id", [group]));
    let Ok(answer) = request.send().await else {
        return Vec::new();
    };
    let interfaces = answer.network_interfaces.unwrap_or_default();
    interfaces
        .iter()
        .map(|interface| {
            let id = interface.network_interface_id().unwrap_or_default();
            let instance = interface.attachment().and_then(|attachment| attachment.instance_id());
            let what = instance.or(interface.description()).filter(|what| !what.is_empty());
            what.map_or_else(|| id.to_owned(), |what| format!("{id}: {what}"))
        })
        .collect()
}

/// The other security groups that name a group in a rule.
async fn referring_groups(cloud: &AwsCloud, id: &str) -> Vec<String> {
    let read = |name: &'static str| async move {
        let answer = cloud.ec2.describe_security_groups().filters(filter(name, [id])).send().await.ok();
        answer.and_then(|answer| answer.security_groups).unwrap_or_default()
    };
    let (ingress, egress) = tokio::join!(read("ip-permission.group-id"), read("egress.ip-permission.group-id"));
    let others = ingress.iter().chain(&egress).filter_map(|group| {
        let other = group.group_id().filter(|other| *other != id)?;
        Some(format!("a rule of {other} ({})", group.group_name().unwrap_or_default()))
    });
    others.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Runs the client host, once: a host of the stack that is there already is adopted, and the same arguments make the
/// same client token, so that EC2 answers a repeated call with the same host.
pub(super) async fn run_instance(cloud: &AwsCloud, instance: &Instance, ids: &Ids) -> Result<String, CloudError> {
    const OPERATION: &str = "ec2:RunInstances";
    let group = resolve(OPERATION, &instance.group, ids)?;
    // Emulators ignore the token.
    let (found, root) = tokio::join!(client_host(cloud, &group), root_disk(cloud, instance));
    if let Some(found) = found? {
        return Ok(found);
    }
    // The root disk is no part of it: what tells of the image may not answer the next time.
    let token = client_token(&cloud.options.stack, &group, instance);
    let (mut generation, mut look) = (1, 0);
    loop {
        let token = if generation == 1 { token.clone() } else { format!("{token}-{generation}") };
        let answer = run_request(cloud, instance, &group, &root).client_token(token).send().await;
        match answer.map_err(failed(OPERATION)) {
            Ok(answer) => match launched(&answer.instances.unwrap_or_default()) {
                Some(id) => return Ok(id),
                None if generation < TOKENS => generation += 1,
                None => {
                    let message = "EC2 answers only with client hosts that are gone";
                    return Err(CloudError {
                        hint: Some("run again in some hours, or change something under `client`".to_owned()),
                        ..own(ErrorKind::Rejected, OPERATION, message)
                    });
                }
            },
            Err(error) if is_used_up(&error) && generation < TOKENS => {
                // It may be the token of this very host, launched a moment ago with another root disk.
                if let Some(found) = client_host(cloud, &group).await? {
                    return Ok(found);
                }
                generation += 1;
            }
            Err(error) if lags_behind(&error) && look < LOOKS => {
                before_look(look).await;
                look += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// The stack's client host, if there is one.
async fn client_host(cloud: &AwsCloud, group: &str) -> Result<Option<String>, CloudError> {
    let found = instances(cloud).await?.into_iter().find(|found| is_client_host(found, Some(group)));
    Ok(found.map(|found| found.id))
}

/// Whether a client token is that of another launch, or of a host that is gone.
fn is_used_up(error: &CloudError) -> bool {
    matches!(error.code.as_str(), "IdempotentParameterMismatch" | "IdempotentInstanceTerminated")
}

/// The host that was launched, unless it is one of an earlier launch that is gone by now.
fn launched(instances: &[api::Instance]) -> Option<String> {
    let instance = instances.first()?;
    let state = instance.state().and_then(|state| state.name());
    let gone = matches!(state, Some(api::InstanceStateName::ShuttingDown | api::InstanceStateName::Terminated));
    if gone { None } else { instance.instance_id().map(str::to_owned) }
}

/// The same for the same host, at most 64 ASCII characters with its generation: whether the group was made in the
/// same run is no difference.
fn client_token(stack: &str, group: &str, instance: &Instance) -> String {
    let instance = Instance { group: GroupRef::Known(group.to_owned()), ..instance.clone() };
    let mut digest = Sha256::new();
    digest.update(format!("{stack}\n{instance:?}"));
    let hex: String = digest.finalize().iter().take(20).map(|byte| format!("{byte:02x}")).collect();
    format!("shardform-{hex}")
}

/// The root disk of a host to run.
#[derive(Debug, PartialEq, Eq)]
struct RootDisk {
    device: String,
    gib: i32,
}

/// The root disk under the image's own name for it, and no smaller than its snapshot; as Amazon Linux has it where
/// the cloud doesn't tell.
async fn root_disk(cloud: &AwsCloud, instance: &Instance) -> RootDisk {
    let answer = cloud.ec2.describe_images().image_ids(&instance.image_id).send().await;
    let images = answer.ok().and_then(|answer| answer.images).unwrap_or_default();
    // Whatever else is listed, some answer to another question than the one that was asked.
    let image = images.iter().find(|image| image.image_id() == Some(instance.image_id.as_str()));
    let device = image.and_then(|image| text(image.root_device_name())).unwrap_or_else(|| "/dev/xvda".to_owned());
    let disks = image.map(api::Image::block_device_mappings).unwrap_or_default();
    let root = disks.iter().find(|disk| disk.device_name() == Some(device.as_str()));
    let snapshot_gib = root.and_then(|root| root.ebs()).and_then(|ebs| ebs.volume_size()).unwrap_or_default();
    RootDisk { device, gib: i32::try_from(instance.disk_gib).unwrap_or(i32::MAX).max(snapshot_gib) }
}

fn run_request(
    cloud: &AwsCloud,
    instance: &Instance,
    group: &str,
    root: &RootDisk,
) -> aws_sdk_ec2::operation::run_instances::builders::RunInstancesFluentBuilder {
    let disk = api::EbsBlockDevice::builder()
        .volume_size(root.gib)
        .volume_type(api::VolumeType::Gp3)
        .encrypted(true)
        .delete_on_termination(true)
        .build();
    let metadata = api::InstanceMetadataOptionsRequest::builder()
        .http_endpoint(api::InstanceMetadataEndpointState::Enabled)
        .http_tokens(api::HttpTokensState::Required)
        .http_put_response_hop_limit(1)
        .build();
    let request = cloud
        .ec2
        .run_instances()
        .min_count(1)
        .max_count(1)
        .image_id(&instance.image_id)
        .instance_type(api::InstanceType::from(instance.instance_type.as_str()))
        .key_name(&instance.key_name)
        .user_data(STANDARD.encode(&instance.user_data))
        .block_device_mappings(api::BlockDeviceMapping::builder().device_name(&root.device).ebs(disk).build())
        .metadata_options(metadata)
        .tag_specifications(tagged(api::ResourceType::Instance, &instance.tags))
        .tag_specifications(tagged(api::ResourceType::Volume, &instance.tags))
        .tag_specifications(tagged(api::ResourceType::NetworkInterface, &instance.tags));
    let Some(public) = instance.public_ip else {
        return request.subnet_id(&instance.subnet_id).security_group_ids(group);
    };
    // A public address can be chosen only together with the network interface.
    let interface = api::InstanceNetworkInterfaceSpecification::builder()
        .device_index(0)
        .associate_public_ip_address(public)
        .subnet_id(&instance.subnet_id)
        .groups(group)
        .delete_on_termination(true)
        .build();
    request.network_interfaces(interface)
}

pub(super) async fn require_imds_v2(cloud: &AwsCloud, id: &str) -> Result<(), CloudError> {
    let request = cloud
        .ec2
        .modify_instance_metadata_options()
        .instance_id(id)
        .http_endpoint(api::InstanceMetadataEndpointState::Enabled)
        .http_tokens(api::HttpTokensState::Required)
        .http_put_response_hop_limit(1);
    let answer = request.send().await;
    answer.map(drop).map_err(failed("ec2:ModifyInstanceMetadataOptions"))
}

pub(super) async fn terminate(cloud: &AwsCloud, ids: &[String]) -> Result<(), CloudError> {
    match send_terminate(cloud, ids.to_vec()).await {
        // Of several, one that is gone keeps the others from being terminated.
        Err(error) if error.code == "InvalidInstanceID.NotFound" => {
            for id in ids {
                gone_is_fine(send_terminate(cloud, vec![id.clone()]).await)?;
            }
            Ok(())
        }
        other => other,
    }
}

async fn send_terminate(cloud: &AwsCloud, ids: Vec<String>) -> Result<(), CloudError> {
    let request = cloud.ec2.terminate_instances().set_instance_ids(Some(ids));
    request.send().await.map(drop).map_err(failed("ec2:TerminateInstances"))
}

pub(super) async fn add_tags(cloud: &AwsCloud, id: &str, tags: &Tags) -> Result<(), CloudError> {
    let request = cloud.ec2.create_tags().resources(id).set_tags(Some(tag_list(tags)));
    request.send().await.map(drop).map_err(failed("ec2:CreateTags"))
}

pub(super) async fn remove_tags(cloud: &AwsCloud, id: &str, keys: &BTreeSet<String>) -> Result<(), CloudError> {
    let tags = keys.iter().map(|key| api::Tag::builder().key(key).build()).collect();
    let request = cloud.ec2.delete_tags().resources(id).set_tags(Some(tags));
    request.send().await.map(drop).map_err(failed("ec2:DeleteTags"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::answers::{cloud, ec2_refusal, response};
    use crate::resource::Address;

    fn instance() -> Instance {
        Instance {
            image_id: "ami-1".to_owned(),
            instance_type: "t2.micro".to_owned(),
            key_name: "day19-client".to_owned(),
            subnet_id: "subnet-1".to_owned(),
            group: GroupRef::Known("sg-1".to_owned()),
            public_ip: None,
            disk_gib: 8,
            user_data: "#!/bin/sh\n".to_owned(),
            tags: Tags::new(),
        }
    }

    #[test]
    fn a_client_token_is_the_same_for_the_same_host_alone() {
        let one = client_token("day19", "sg-1", &instance());
        assert_eq!(one, client_token("day19", "sg-1", &instance()));
        assert_ne!(one, client_token("day19", "sg-2", &instance()));
        assert_ne!(one, client_token("day20", "sg-1", &instance()));
        let other = Instance { disk_gib: 9, ..instance() };
        assert_ne!(one, client_token("day19", "sg-1", &other));
        let made_in_this_run = Instance { group: GroupRef::Of(Address::ClientGroup), ..instance() };
        assert_eq!(one, client_token("day19", "sg-1", &made_in_this_run));
        assert!(one.is_ascii() && format!("{one}-{TOKENS}").len() <= 64);
    }

    #[test]
    fn a_host_that_is_gone_is_not_adopted() {
        let host = |state: api::InstanceStateName| {
            let state = api::InstanceState::builder().name(state).build();
            [api::Instance::builder().instance_id("i-1").state(state).build()]
        };
        assert_eq!(launched(&host(api::InstanceStateName::Pending)), Some("i-1".to_owned()));
        assert_eq!(launched(&host(api::InstanceStateName::ShuttingDown)), None);
        assert_eq!(launched(&host(api::InstanceStateName::Terminated)), None);
    }

    #[tokio::test]
    async fn the_token_of_a_host_that_is_gone_is_followed_by_another() {
        let (cloud, asked) = cloud(|form| match form["Action"].as_str() {
            "RunInstances" if form["ClientToken"].ends_with("-3") => {
                response("RunInstances", "<instancesSet><item><instanceId>i-1</instanceId></item></instancesSet>")
            }
            "RunInstances" if form["ClientToken"].ends_with("-2") => {
                ec2_refusal("IdempotentParameterMismatch", "other")
            }
            "RunInstances" => ec2_refusal("IdempotentInstanceTerminated", "gone"),
            action => response(action, ""),
        });
        assert_eq!(run_instance(&cloud, &instance(), &Ids::new()).await, Ok("i-1".to_owned()));
        assert_eq!(asked.of("RunInstances").len(), 3);
    }

    #[tokio::test]
    async fn the_root_disk_is_the_images() {
        async fn disk(images: &'static str, gib: u32) -> (String, i32) {
            let (cloud, asked) = cloud(move |form| match form["Action"].as_str() {
                "DescribeImages" if images.is_empty() => ec2_refusal("UnauthorizedOperation", "no"),
                "DescribeImages" => response("DescribeImages", &format!("<imagesSet>{images}</imagesSet>")),
                "RunInstances" => {
                    response("RunInstances", "<instancesSet><item><instanceId>i-1</instanceId></item></instancesSet>")
                }
                action => response(action, ""),
            });
            run_instance(&cloud, &Instance { disk_gib: gib, ..instance() }, &Ids::new()).await.unwrap();
            let sent = asked.of("RunInstances").remove(0);
            let size = sent["BlockDeviceMapping.1.Ebs.VolumeSize"].parse().unwrap();
            (sent["BlockDeviceMapping.1.DeviceName"].clone(), size)
        }
        const UBUNTU: &str = "<item><imageId>ami-1</imageId><rootDeviceName>/dev/sda1</rootDeviceName>\
             <blockDeviceMapping><item><deviceName>/dev/sdb</deviceName><ebs><volumeSize>99</volumeSize></ebs></item>\
             <item><deviceName>/dev/sda1</deviceName><ebs><volumeSize>30</volumeSize></ebs></item>\
             </blockDeviceMapping></item>";
        assert_eq!(disk(UBUNTU, 8).await, ("/dev/sda1".to_owned(), 30));
        assert_eq!(disk(UBUNTU, 40).await, ("/dev/sda1".to_owned(), 40));
        assert_eq!(disk("", 8).await, ("/dev/xvda".to_owned(), 8));
        assert_eq!(disk("<item><imageId>ami-2</imageId></item>", 8).await, ("/dev/xvda".to_owned(), 8));
    }

    #[tokio::test]
    async fn who_holds_a_security_group_is_told() {
        let (cloud, _) = cloud(|form| match form["Action"].as_str() {
            "DeleteSecurityGroup" => ec2_refusal("DependencyViolation", "resource sg-1 has a dependent object"),
            "DescribeSecurityGroups" if form["Filter.1.Name"] == "ip-permission.group-id" => response(
                "DescribeSecurityGroups",
                "<securityGroupInfo><item><groupId>sg-1</groupId><groupName>day19-client</groupName></item>\
                 <item><groupId>sg-2</groupId><groupName>app</groupName></item></securityGroupInfo>",
            ),
            "DescribeNetworkInterfaces" => response(
                "DescribeNetworkInterfaces",
                "<networkInterfaceSet><item><networkInterfaceId>eni-1</networkInterfaceId>\
                 <description>a function</description></item></networkInterfaceSet>",
            ),
            action => response(action, ""),
        });
        let error = delete_security_group(&cloud, "sg-1").await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Busy);
        assert_eq!(
            error.message,
            "resource sg-1 has a dependent object (held by eni-1: a function, a rule of sg-2 (app))"
        );
    }

    #[tokio::test]
    async fn a_token_that_is_this_hosts_own_makes_no_second_host() {
        let looks = std::sync::atomic::AtomicU32::new(0);
        let (cloud, asked) = cloud(move |form| match form["Action"].as_str() {
            "DescribeInstances" if looks.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > 0 => response(
                "DescribeInstances",
                "<reservationSet><item><instancesSet><item><instanceId>i-1</instanceId>\
                 <groupSet><item><groupId>sg-1</groupId></item></groupSet></item></instancesSet></item>\
                 </reservationSet>",
            ),
            "RunInstances" => ec2_refusal("IdempotentParameterMismatch", "other"),
            action => response(action, ""),
        });
        assert_eq!(run_instance(&cloud, &instance(), &Ids::new()).await, Ok("i-1".to_owned()));
        assert_eq!(asked.of("RunInstances").len(), 1);
    }
}
