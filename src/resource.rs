//! The nouns: what a stack is made of, what each part is called, and how we know that it is ours.
//!
//! Imports nothing of ours. Names and ownership are decided here and nowhere else, because there is no state file:
//! a resource is found by its name and is ours by its tag.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

/// The tag that says which stack a resource belongs to; its value is the stack's name.
pub const STACK_TAG: &str = "shardform:stack";

/// The tag of a client host that says how the redis client got onto it, so that a change of that is seen.
pub const USER_DATA_TAG: &str = "shardform:user-data";

/// The tag that says when a stack expires, and of what length that came: [`crate::lifetime::Expiry`] as text.
pub const EXPIRES_TAG: &str = "shardform:expires";

/// The tag that says whose a stack is, in the words of the plan file or the name of whoever made it.
pub const OWNER_TAG: &str = "shardform:owner";

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// One resource of a stack: `kind.name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// `key_pair.client`
    KeyPair,
    /// `security_group.client`
    ClientGroup,
    /// `instance.client`
    Instance,
    /// `security_group.cluster`
    ClusterGroup,
    /// `subnet_group.cluster`
    SubnetGroup,
    /// `parameter_group.cluster`
    ParameterGroup,
    /// `replication_group.cluster`
    ReplicationGroup,
}

impl Address {
    /// All addresses, in the order in which people read them.
    pub const ALL: [Address; 7] = [
        Address::KeyPair,
        Address::ClientGroup,
        Address::Instance,
        Address::ClusterGroup,
        Address::SubnetGroup,
        Address::ParameterGroup,
        Address::ReplicationGroup,
    ];

    /// The address as people write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Address::KeyPair => "key_pair.client",
            Address::ClientGroup => "security_group.client",
            Address::Instance => "instance.client",
            Address::ClusterGroup => "security_group.cluster",
            Address::SubnetGroup => "subnet_group.cluster",
            Address::ParameterGroup => "parameter_group.cluster",
            Address::ReplicationGroup => "replication_group.cluster",
        }
    }

    /// The part of the plan file that this resource comes from, as a path such as `client.key_pair`.
    pub fn plan_file_path(self) -> &'static str {
        match self {
            Address::KeyPair => "client.key_pair",
            Address::ClientGroup => "client.ssh_from",
            Address::Instance => "client",
            Address::ClusterGroup => "cluster.allow_from",
            Address::SubnetGroup => "network.subnets",
            Address::ParameterGroup => "cluster.parameters",
            Address::ReplicationGroup => "cluster",
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What the resources of a stack are called in AWS. Every name begins with the stack's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The stack's own name, 1 to 40 characters; also the replication group's id.
    pub stack: String,
}

impl Names {
    /// The names of the stack `stack`.
    pub fn new(stack: &str) -> Self {
        Names { stack: stack.to_owned() }
    }

    /// Key pair that the stack makes (not one that the plan file names).
    pub fn key_pair(&self) -> String {
        format!("{}-client", self.stack)
    }

    /// Security group of the client host.
    pub fn client_group(&self) -> String {
        format!("{}-client", self.stack)
    }

    /// `Name` tag of the client host.
    pub fn instance(&self) -> String {
        format!("{}-client", self.stack)
    }

    /// Security group of the cluster.
    pub fn cluster_group(&self) -> String {
        format!("{}-cluster", self.stack)
    }

    /// Cache subnet group. Its name also says expiry and owner (`suffix`, which [`crate::lifetime`] writes): a name can
    /// be read in every state of a cluster, and tags can't. It is given once and kept, so what it says may be old.
    pub fn subnet_group(&self, suffix: &str) -> String {
        format!("{}-cluster{suffix}", self.stack)
    }

    /// What a subnet group's name says behind the stack's part; `None`: it isn't one of this stack's. Whether it is
    /// one at all is for who can read the suffix.
    pub fn subnet_group_suffix<'a>(&self, name: &'a str) -> Option<&'a str> {
        name.strip_prefix(self.stack.as_str())?.strip_prefix("-cluster")
    }

    /// Cache parameter group of one family. The family is in the name because a group can't change its family: an
    /// engine upgrade attaches a group of a new name and then deletes the old one.
    pub fn parameter_group(&self, family: &str) -> String {
        format!("{}-{}", self.stack, family.replace('.', "-"))
    }

    /// Description of the subnet group: a listing shows it where it doesn't show tags.
    pub fn subnet_group_description(&self) -> String {
        format!("Subnets of the shardform stack {}", self.stack)
    }

    /// Description of the parameter group.
    pub fn parameter_group_description(&self) -> String {
        format!("Parameters of the shardform stack {}", self.stack)
    }

    /// Description of the replication group where the plan file gives none.
    pub fn replication_group_description(&self) -> String {
        format!("shardform stack {}", self.stack)
    }

    /// Replication group id.
    pub fn replication_group(&self) -> String {
        self.stack.clone()
    }
}

/// Whose a live resource is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ownership {
    /// It carries the stack's tag.
    Ours,
    /// It has the name, but not the tag: never touched.
    Foreign,
    /// Its tags can't be read at the moment (ElastiCache refuses that in some states). It may be waited for, but
    /// not changed.
    #[default]
    Unknown,
}

impl Ownership {
    /// Reads the owner from tags; `None` stands for tags that could not be read.
    pub fn of(tags: Option<&Tags>, stack: &str) -> Self {
        match tags {
            None => Ownership::Unknown,
            Some(tags) if tags.get(STACK_TAG).is_some_and(|value| value == stack) => Ownership::Ours,
            Some(_) => Ownership::Foreign,
        }
    }
}

/// The processor architecture of an EC2 instance type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// 64-bit x86.
    X86_64,
    /// 64-bit ARM (Graviton).
    Arm64,
}

impl Architecture {
    /// Reads the architecture from an instance type's name: Graviton families are `a1` and those with a `g` among
    /// the letters behind the generation's digits (`t4g`, `c7gn`, `im4gn`), as the EC2 naming convention has it.
    pub fn of_instance_type(instance_type: &str) -> Self {
        let family = instance_type.split('.').next().unwrap_or_default();
        let after_digits =
            family.trim_start_matches(|c: char| !c.is_ascii_digit()).trim_start_matches(|c: char| c.is_ascii_digit());
        if family == "a1" || after_digits.contains('g') { Architecture::Arm64 } else { Architecture::X86_64 }
    }

    /// AWS's public SSM parameter that holds the newest Amazon Linux 2023 image.
    pub fn image_parameter(self) -> &'static str {
        match self {
            Architecture::X86_64 => "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
            Architecture::Arm64 => "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graviton_families_are_arm() {
        for arm in ["t4g.micro", "c7gn.large", "im4gn.large", "a1.medium", "x2gd.large", "r8g.large"] {
            assert_eq!(Architecture::of_instance_type(arm), Architecture::Arm64, "{arm}");
        }
        for x86 in ["t2.micro", "t3.micro", "g4dn.xlarge", "m7i.large", "g5.xlarge", "c6a.large"] {
            assert_eq!(Architecture::of_instance_type(x86), Architecture::X86_64, "{x86}");
        }
    }

    #[test]
    fn ownership_is_by_the_tag_alone() {
        let tags = |value: &str| Tags::from([(STACK_TAG.to_owned(), value.to_owned())]);
        assert_eq!(Ownership::of(Some(&tags("day19")), "day19"), Ownership::Ours);
        assert_eq!(Ownership::of(Some(&tags("other")), "day19"), Ownership::Foreign);
        assert_eq!(Ownership::of(Some(&Tags::new()), "day19"), Ownership::Foreign);
        assert_eq!(Ownership::of(None, "day19"), Ownership::Unknown);
    }
}
