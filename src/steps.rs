//! The calls of a change set in order: `steps(&ChangeSet) -> StepGraph`.
//!
//! Pure. Which calls there are is decided in `diff`; here is only what each of them has to wait for, so that
//! everything else runs side by side. A step carries the address and the action of the change that caused it.

use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::call::{Call, Wait};
use crate::diff::{Action, ChangeSet};
use crate::resource::Address;

/// One AWS call, the status that it waits for, and what has to be done before it.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its place in [`StepGraph::steps`].
    pub id: usize,
    /// The resource whose change it belongs to.
    pub address: Address,
    /// What happens to that resource.
    pub action: Action,
    /// The call.
    pub call: Call,
    /// What is waited for afterwards.
    pub wait: Option<Wait>,
    /// Why, for people.
    pub reason: String,
    /// Steps that have to be done before, by their ids, ascending.
    pub needs: Vec<usize>,
}

/// All steps; `needs` never forms a circle.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct StepGraph {
    /// The steps, in an order in which one after the other would do as well.
    pub steps: Vec<Step>,
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Step", 6)?;
        object.serialize_field("id", &self.id)?;
        object.serialize_field("address", &self.address)?;
        object.serialize_field("operation", self.call.operation())?;
        object.serialize_field("reason", &self.reason)?;
        object.serialize_field("needs", &self.needs)?;
        object.serialize_field("wait", &self.wait)?;
        object.end()
    }
}

/// Orders the calls of a change set.
pub fn steps(set: &ChangeSet) -> StepGraph {
    let mut steps: Vec<Step> = Vec::new();
    for change in &set.changes {
        for (place, planned) in change.calls.iter().enumerate() {
            let id = steps.len();
            steps.push(Step {
                id,
                address: change.address,
                action: change.action,
                call: planned.call.clone(),
                wait: planned.wait.clone(),
                reason: planned.reason.clone(),
                // The calls of one resource follow each other.
                needs: if place == 0 { Vec::new() } else { vec![id - 1] },
            });
        }
    }
    let across: Vec<Vec<usize>> = steps.iter().map(|step| needs_across(step, &steps)).collect();
    for (step, more) in steps.iter_mut().zip(across) {
        step.needs.extend(more);
        step.needs.sort_unstable();
        step.needs.dedup();
    }
    in_order(steps)
}

/// What a step needs of other resources.
fn needs_across(step: &Step, steps: &[Step]) -> Vec<usize> {
    let refs = step.call.group_refs();
    steps
        .iter()
        .filter(|other| other.address != step.address)
        .filter(|other| provides_group(other, &refs) || must_come_first(&step.call, step.address, other))
        .map(|other| other.id)
        .collect()
}

fn provides_group(other: &Step, refs: &[Address]) -> bool {
    matches!(&other.call, Call::CreateSecurityGroup(address, _) if refs.contains(address))
}

fn must_come_first(call: &Call, address: Address, other: &Step) -> bool {
    match call {
        Call::RunInstance(_) => matches!(other.call, Call::ImportKeyPair(_)),
        Call::CreateReplicationGroup(_)
        | Call::ModifyReplicationGroup(_)
        | Call::AddShards(..)
        | Call::IncreaseReplicaCount(..) => makes_ready(&other.call),
        // What is in use can't be deleted: the host and every rule that names its group go first, and the
        // replication group goes, or lets go of it, before the rest.
        Call::DeleteSecurityGroup(_) if address == Address::ClientGroup => {
            matches!(other.call, Call::TerminateInstances(_) | Call::RevokeIngress(..))
        }
        Call::DeleteSecurityGroup(_) | Call::DeleteSubnetGroup(_) | Call::DeleteParameterGroup(_) => {
            other.address == Address::ReplicationGroup
        }
        _ => false,
    }
}

/// Whether the call makes a group ready that a replication group is about to use.
fn makes_ready(call: &Call) -> bool {
    matches!(
        call,
        Call::CreateSubnetGroup(_)
            | Call::ModifySubnetGroup(..)
            | Call::CreateParameterGroup(_)
            | Call::ModifyParameterGroup(..)
            | Call::ResetParameters(..)
    )
}

/// Sorts the steps so that each comes after what it needs, and gives them their ids anew.
fn in_order(steps: Vec<Step>) -> StepGraph {
    let mut place: Vec<Option<usize>> = vec![None; steps.len()];
    let mut ordered: Vec<usize> = Vec::with_capacity(steps.len());
    while ordered.len() < steps.len() {
        let is_ready = |step: &&Step| place[step.id].is_none() && step.needs.iter().all(|need| place[*need].is_some());
        // A circle can't come about (a test tries all kinds of change sets); if one did, its steps would be left out
        // and told of as not done, which is better than to go round for ever.
        let Some(next) = steps.iter().find(is_ready) else { break };
        place[next.id] = Some(ordered.len());
        ordered.push(next.id);
    }
    let renumbered = ordered.iter().enumerate().map(|(id, old)| {
        let step = steps[*old].clone();
        let mut needs: Vec<usize> = step.needs.iter().filter_map(|need| place[*need]).collect();
        needs.sort_unstable();
        Step { id, needs, ..step }
    });
    StepGraph { steps: renumbered.collect() }
}
