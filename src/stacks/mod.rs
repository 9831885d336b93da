//! All stacks of an account: which there are, in what state, and which have outlived their time.
//!
//! Pure: an [`Inventory`] in, [`Stack`]s out; the clock is an argument. A stack is known by what its state leaves to be
//! read: by the tags that EC2 lists, else by what a cluster is attached to, else by the name and the description of a
//! subnet or parameter group. That is enough to show it. It is never enough to delete anything: whoever does reads the
//! tags first ([`recheck`] says what has become of a stack by then).

mod choose;
mod find;
mod inventory;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use choose::{Choice, Verdict, Why, choose, recheck};
pub use find::{find, undecided, untold};
pub use inventory::{
    Inventory, ListedEc2, ListedGroup, ListedHost, ListedMember, ListedParameterGroup, ListedSubnetGroup,
};

use crate::observed::Endpoint;
use crate::resource::{Address, Tags};

/// One stack, as far as it is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Stack {
    /// Its name.
    pub name: String,
    /// Region.
    pub region: String,
    /// How it is.
    pub state: State,
    /// The earliest creation that is known of it, in seconds since 1970.
    pub created_s: Option<u64>,
    /// Whose it is.
    pub owner: Option<String>,
    /// When it expires, in seconds since 1970.
    pub expires_s: Option<u64>,
    /// Nodes of its cluster that are `available`.
    pub available_nodes: usize,
    /// All nodes of its cluster.
    pub nodes: usize,
    /// Configuration endpoint.
    pub endpoint: Option<Endpoint>,
    /// What says that it is a stack.
    pub evidence: BTreeSet<Evidence>,
    /// Its tags, where some can be read.
    pub tags: Option<Tags>,
    /// What there is of it: ids of EC2's resources, names of the others.
    pub parts: BTreeMap<Address, BTreeSet<String>>,
}

impl Stack {
    /// Whether its time is over.
    pub fn has_expired(&self, now_s: u64) -> bool {
        self.expires_s.is_some_and(|at_s| at_s <= now_s)
    }
}

/// How a stack is, in one word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// There is a cluster; its own word, such as `available` or `create-failed`.
    Cluster(String),
    /// There is no cluster, and what one is made with is there.
    HalfMade,
    /// There is no cluster, and no security group that one could be made with.
    HalfDeleted,
}

impl State {
    /// The word.
    pub fn as_str(&self) -> &str {
        match self {
            State::Cluster(status) => status,
            State::HalfMade => "half-made",
            State::HalfDeleted => "half-deleted",
        }
    }
}

/// What says that something is a stack, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Evidence {
    /// The stack's tag.
    Tag,
    /// The stack's tagged security group is attached to the cluster's nodes.
    SecurityGroup,
    /// The nodes are in a subnet group of the stack's name, and its description is shardform's.
    SubnetGroup,
    /// Names and descriptions alone.
    Name,
}

impl Evidence {
    /// The word for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Evidence::Tag => "tag",
            Evidence::SecurityGroup => "security_group",
            Evidence::SubnetGroup => "subnet_group",
            Evidence::Name => "name",
        }
    }
}
