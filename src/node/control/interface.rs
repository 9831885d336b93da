//! Network interfaces: each instance and each cache node that is not gone holds one, and through it its groups.

use serde::{Deserialize, Serialize};

use super::{Context, Region};

/// The part of an interface that its holder keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Interface {
    pub id: String,
    pub attachment_id: String,
    pub subnet_id: String,
    pub vpc_id: String,
    pub zone: String,
    pub private_ip: String,
}

/// An interface with who holds it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HeldInterface<'a> {
    pub interface: &'a Interface,
    pub group_ids: &'a [String],
    pub description: String,
    /// The instance, if one holds it.
    pub instance_id: Option<&'a str>,
    /// When it was attached, in milliseconds since 1970.
    pub attached_ms: u64,
}

impl Interface {
    /// MAC address, made from the id.
    pub fn mac(&self) -> String {
        let [.., a, b, c, d, e] = super::stable_number(&self.id).to_be_bytes();
        format!("02:{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}")
    }
}

impl Region {
    /// A new interface in a subnet.
    pub fn new_interface(&mut self, context: &mut Context<'_>, subnet_id: &str, vpc_id: &str, zone: &str) -> Interface {
        Interface {
            id: context.source.id("eni"),
            attachment_id: context.source.id("eni-attach"),
            subnet_id: subnet_id.to_owned(),
            vpc_id: vpc_id.to_owned(),
            zone: zone.to_owned(),
            private_ip: self.network.next_address(subnet_id),
        }
    }

    /// Every interface that is held.
    pub fn interfaces(&self) -> Vec<HeldInterface<'_>> {
        let of_instances =
            self.instances.values().filter(|instance| !instance.is_terminated()).map(|instance| HeldInterface {
                interface: &instance.interface,
                group_ids: &instance.group_ids,
                description: String::new(),
                instance_id: Some(&instance.id),
                attached_ms: instance.launch_ms,
            });
        let of_groups = self.groups.values().flat_map(|group| {
            group.members().map(|member| HeldInterface {
                interface: &member.interface,
                group_ids: &group.security_groups,
                description: format!("ElastiCache {}", member.id),
                instance_id: None,
                attached_ms: member.created_ms,
            })
        });
        of_instances.chain(of_groups).collect()
    }
}
