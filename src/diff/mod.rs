//! What differs between what should be live and what is: `diff(desired, live) -> ChangeSet`.
//!
//! Pure. Every choice is made here: which resource changes, why, field by field, and by which calls. `steps` only
//! orders the calls. What can't be done in place is a [`Refusal`], said before the first call. Nothing that holds data
//! is ever replaced or deleted by an update.

mod ec2;
mod elasticache;
mod replication_group;

pub use ec2::live_rule;
pub use replication_group::log_text;

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use crate::call::{Call, TagTarget, Wait};
use crate::desired::Desired;
use crate::observed::{Live, Snapshots};
use crate::resource::{Address, EXPIRES_TAG, Names, Ownership, Tags};

/// What happens to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// `+`
    Create,
    /// `~`
    Update,
    /// `-/+`
    Replace,
    /// `-`
    Delete,
    /// Nothing is changed; it is only waited for, because it is on its way already.
    Wait,
}

/// One field that differs. `Null` stands for absent, or for unknown until it is made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Field {
    /// Its name in the plan file, such as `replicas_per_shard`.
    pub path: String,
    /// What is live.
    pub before: Value,
    /// What should be.
    pub after: Value,
}

/// A call that a change consists of, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// The call.
    pub call: Call,
    /// What is waited for afterwards.
    pub wait: Option<Wait>,
    /// Why, for people.
    pub reason: String,
}

/// What happens to one resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Which resource.
    pub address: Address,
    /// Its name in AWS.
    pub name: String,
    /// What happens.
    pub action: Action,
    /// Why, for people.
    pub reason: String,
    /// What differs.
    pub fields: Vec<Field>,
    /// The calls, in order.
    pub calls: Vec<Planned>,
}

/// Something that the plan file asks for and that can't be done in place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Which resource.
    pub address: Address,
    /// The part of the plan file that asks for it, such as `cluster.port`.
    pub path: String,
    /// What and why.
    pub message: String,
    /// What to do next.
    pub hint: String,
}

/// The whole difference.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChangeSet {
    /// Changes, in the order of [`Address::ALL`].
    pub changes: Vec<Change>,
    /// What can't be done. Nothing is applied while there is one.
    pub refusals: Vec<Refusal>,
    /// What people should know and nothing has to be done about.
    pub notes: Vec<String>,
}

/// How many resources change how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// New ones.
    pub create: usize,
    /// Changed in place.
    pub update: usize,
    /// Deleted and made again.
    pub replace: usize,
    /// Deleted.
    pub delete: usize,
}

impl ChangeSet {
    /// Whether nothing differs (something may still be waited for).
    pub fn is_empty(&self) -> bool {
        self.refusals.is_empty() && self.changes.iter().all(|change| change.action == Action::Wait)
    }

    /// Counts the changes.
    pub fn summary(&self) -> Summary {
        let count = |action| self.changes.iter().filter(|change| change.action == action).count();
        Summary {
            create: count(Action::Create),
            update: count(Action::Update),
            replace: count(Action::Replace),
            delete: count(Action::Delete),
        }
    }

    /// The change of one resource, if it has one.
    pub fn change(&self, address: Address) -> Option<&Change> {
        self.changes.iter().find(|change| change.address == address)
    }
}

/// What differs between the plan file and what is live.
pub fn diff(desired: &Desired, live: &Live) -> ChangeSet {
    let mut set = ChangeSet::default();
    ec2::key_pair(desired, live, &mut set);
    ec2::client_group(desired, live, &mut set);
    ec2::instance(desired, live, &mut set);
    ec2::cluster_group(desired, live, &mut set);
    elasticache::subnet_group(desired, live, &mut set);
    elasticache::parameter_group(desired, live, &mut set);
    replication_group::diff(desired, live, &mut set);
    elasticache::keep_attached(live, &mut set);
    // A security group is never replaced, so the id of a live one is the one that the calls will meet.
    for planned in set.changes.iter_mut().flat_map(|change| &mut change.calls) {
        planned.call.resolve_groups(|address| ec2::live_group_id(address, live).map(str::to_owned));
    }
    set
}

/// What has to go for nothing of the stack to be left: whatever half of it exists. What isn't ours is left, with a
/// note.
pub fn teardown(names: &Names, live: &Live) -> ChangeSet {
    torn_down(names, live, None)
}

/// The same with the data kept: the replication group goes only after a snapshot of it is made. Where that can't be,
/// it is a refusal, and nothing is to be deleted.
pub fn teardown_keeping(names: &Names, live: &Live, keep: &Keep) -> ChangeSet {
    torn_down(names, live, Some(keep))
}

/// Where a stack's data is kept when the stack goes.
#[derive(Clone, Copy, Debug)]
pub struct Keep<'a> {
    /// Name of the snapshot, in lower case.
    pub name: &'a str,
    /// What is known of it; `None` where the cloud can't say.
    pub snapshots: Option<&'a Snapshots>,
}

fn torn_down(names: &Names, live: &Live, keep: Option<&Keep>) -> ChangeSet {
    let mut set = ChangeSet::default();
    ec2::teardown(live, names, &mut set);
    elasticache::teardown(live, &mut set);
    match keep {
        None => replication_group::teardown(live, names, &mut set),
        Some(keep) => replication_group::teardown_keeping(live, names, keep, &mut set),
    }
    set.changes.sort_by_key(|change| change.address);
    set
}

impl Planned {
    fn new(call: Call, reason: impl Into<String>) -> Self {
        Planned { call, wait: None, reason: reason.into() }
    }

    fn waiting(call: Call, wait: Wait, reason: impl Into<String>) -> Self {
        Planned { call, wait: Some(wait), reason: reason.into() }
    }
}

impl Field {
    fn new(path: impl Into<String>, before: impl Into<Value>, after: impl Into<Value>) -> Self {
        Field { path: path.into(), before: before.into(), after: after.into() }
    }

    /// A field of a resource that isn't there yet.
    fn added(path: impl Into<String>, after: impl Into<Value>) -> Self {
        Field::new(path, Value::Null, after)
    }
}

/// Tags that differ.
#[derive(Default)]
struct TagChanges {
    /// What differs, for people.
    fields: Vec<Field>,
    /// What is to be put on.
    missing: Tags,
    /// Keys to be taken off.
    gone: BTreeSet<String>,
}

impl TagChanges {
    /// The calls that put it right.
    fn calls(self, target: &TagTarget) -> Vec<Planned> {
        let missing = (!self.missing.is_empty())
            .then(|| Planned::new(Call::AddTags(target.clone(), self.missing), "tags of the plan file"));
        let gone = (!self.gone.is_empty())
            .then(|| Planned::new(Call::RemoveTags(target.clone(), self.gone), "the stack doesn't expire any more"));
        missing.into_iter().chain(gone).collect()
    }
}

/// The tags that are missing or differ. Tags that others have put on are none of our business and stay; of ours the
/// one goes that a stack without an expiry doesn't have.
fn tag_changes(desired: &Tags, live: &Tags) -> TagChanges {
    let TagChanges { mut fields, mut missing, mut gone } = TagChanges::default();
    for (key, value) in desired {
        if live.get(key) != Some(value) {
            let before = live.get(key).map_or(Value::Null, |value| Value::from(value.as_str()));
            fields.push(Field::new(format!("tags.{key}"), before, value.as_str()));
            missing.insert(key.clone(), value.clone());
        }
    }
    if let Some(before) = live.get(EXPIRES_TAG).filter(|_| !desired.contains_key(EXPIRES_TAG)) {
        fields.push(Field::new(format!("tags.{EXPIRES_TAG}"), before.as_str(), Value::Null));
        gone.insert(EXPIRES_TAG.to_owned());
    }
    TagChanges { fields, missing, gone }
}

/// A resource that has our name and isn't ours, or whose tags can't be read.
fn not_ours(address: Address, name: &str, ownership: Ownership) -> Option<Refusal> {
    let (message, hint) = match ownership {
        Ownership::Ours => return None,
        Ownership::Foreign => (
            format!("`{name}` exists and is not this stack's: it has no tag {}", crate::resource::STACK_TAG),
            "choose another `name` for the stack, or remove what has this name",
        ),
        Ownership::Unknown => (
            format!("the tags of `{name}` can't be read at the moment, so it is not known to be this stack's"),
            "run again later; reading tags needs elasticache:ListTagsForResource",
        ),
    };
    Some(Refusal { address, path: "name".to_owned(), message, hint: hint.to_owned() })
}

/// A note that something is left because it isn't ours.
fn left_alone(set: &mut ChangeSet, address: Address, name: &str, ownership: Ownership) {
    let why = match ownership {
        Ownership::Ours => return,
        Ownership::Foreign => format!("it has no tag {}", crate::resource::STACK_TAG),
        Ownership::Unknown => "its tags can't be read at the moment".to_owned(),
    };
    set.notes.push(format!("{address} `{name}` is left: {why}"));
}
