//! One look at how far a wait has come. What went wrong is told in the words of the cloud's own events.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_ec2::types::{Instance, InstanceStateName};
use aws_sdk_elasticache::types::{Event, ReplicationGroup, SourceType};
use tokio::time::Instant;

use super::error::failed;
use super::observe::elasticache::{available_members, describe_group, live_group};
use super::{AwsCloud, filter};
use crate::call::Wait;
use crate::cloud::{CloudError, Ids, Progress};
use crate::observed::LiveReplicationGroup;
use crate::resource::{Address, STACK_TAG};

/// How far back events are read, in minutes.
const EVENT_MINUTES: i32 = 60;
/// How many events are told of at most.
const EVENTS: usize = 8;
/// How long something may not be listed, from the first look on, before it counts as gone: what a call has made a
/// moment ago may take a while to be seen by another.
const LISTED_AFTER: Duration = Duration::from_secs(60);

pub(super) async fn status(cloud: &AwsCloud, wait: &Wait, ids: &Ids) -> Result<Progress, CloudError> {
    cloud.looks.since(wait, ids);
    let not_listed = |gone| cloud.looks.not_listed(wait, ids, gone);
    match wait {
        Wait::ReplicationGroupSettled { id } => settled(cloud, id, not_listed).await,
        Wait::ReplicationGroupGone { id } => {
            let group = describe_group(cloud, id).await?;
            Ok(group
                .map_or(Progress::Reached, |group| Progress::Pending(group.status().unwrap_or_default().to_owned())))
        }
        Wait::ReplicationGroupKept { id, snapshot } => kept(cloud, wait, ids, id, snapshot).await,
        Wait::InstanceRunning => running(cloud, ids, not_listed).await,
        Wait::InstancesTerminated { ids } => terminated(cloud, ids).await,
    }
}

/// How far a group's end is that goes only after its final snapshot. Where that fails the group is `available` again,
/// as it also may seem to be for a while after the call.
async fn kept(cloud: &AwsCloud, wait: &Wait, ids: &Ids, id: &str, snapshot: &str) -> Result<Progress, CloudError> {
    let Some(group) = describe_group(cloud, id).await? else {
        return Ok(Progress::Reached);
    };
    let status = group.status().unwrap_or_default();
    if status != "available" {
        cloud.looks.moves(wait, ids);
        return Ok(Progress::Pending(status.to_owned()));
    }
    if !cloud.looks.has_moved(wait, ids) && cloud.looks.since(wait, ids).elapsed() < LISTED_AFTER {
        return Ok(Progress::Pending(status.to_owned()));
    }
    let told = events(cloud, id, &[]).await;
    let why: Vec<String> = told.into_iter().filter(|event| event.contains(snapshot)).collect();
    let why = if why.is_empty() { "its events give no cause".to_owned() } else { why.join("; ") };
    Ok(Progress::Failed(format!("`{id}` is available again, and not deleted: {why}")))
}

/// Since when each wait is looked at.
#[derive(Debug, Default)]
pub(super) struct Looks {
    began: Mutex<Vec<(Wait, Ids, Instant)>>,
    /// Waits whose subject was seen on its way.
    moving: Mutex<Vec<(Wait, Ids)>>,
}

impl Looks {
    /// How far a wait has come whose subject isn't listed.
    fn not_listed(&self, wait: &Wait, ids: &Ids, gone: String) -> Progress {
        if self.since(wait, ids).elapsed() < LISTED_AFTER {
            Progress::Pending("not listed yet".to_owned())
        } else {
            Progress::Failed(gone)
        }
    }

    /// Notes that a wait's subject is on its way.
    fn moves(&self, wait: &Wait, ids: &Ids) {
        let mut moving = self.moving.lock().unwrap_or_else(PoisonError::into_inner);
        if !moving.iter().any(|(other, with)| other == wait && with == ids) {
            moving.push((wait.clone(), ids.clone()));
        }
    }

    fn has_moved(&self, wait: &Wait, ids: &Ids) -> bool {
        let moving = self.moving.lock().unwrap_or_else(PoisonError::into_inner);
        moving.iter().any(|(other, with)| other == wait && with == ids)
    }

    fn since(&self, wait: &Wait, ids: &Ids) -> Instant {
        let mut looks = self.began.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((.., since)) = looks.iter().find(|(other, with, _)| other == wait && with == ids) {
            return *since;
        }
        let now = Instant::now();
        looks.push((wait.clone(), ids.clone(), now));
        now
    }
}

async fn settled(cloud: &AwsCloud, id: &str, not_listed: impl Fn(String) -> Progress) -> Result<Progress, CloudError> {
    let Some(group) = describe_group(cloud, id).await? else {
        return Ok(not_listed(format!("`{id}` is not there any more")));
    };
    let live = live_group(&group, &[], None, &cloud.options.stack);
    Ok(match live.status.as_str() {
        "create-failed" | "restore-failed" => Progress::Failed(failure(cloud, id, &live).await),
        "deleting" => Progress::Failed(format!("`{id}` is being deleted")),
        _ if live.is_settled() => Progress::Reached,
        _ => Progress::Pending(moving(cloud, &group).await),
    })
}

/// The status of a group on its way, such as `creating, 3 of 9 nodes`.
async fn moving(cloud: &AwsCloud, group: &ReplicationGroup) -> String {
    let status = match group.status() {
        Some("available") | None => "waiting for its nodes",
        Some(status) => status,
    };
    let all = group.member_clusters().len();
    match available_members(cloud, group).await {
        Some(available) if available < all => format!("{status}, {available} of {all} nodes"),
        _ => status.to_owned(),
    }
}

async fn failure(cloud: &AwsCloud, id: &str, live: &LiveReplicationGroup) -> String {
    let (status, events) = (&live.status, events(cloud, id, &live.member_ids).await);
    if events.is_empty() {
        format!("`{id}` is {status}; its events give no cause")
    } else {
        format!("`{id}` is {status}: {}", events.join("; "))
    }
}

/// What the events of the last hour say of a group and its nodes, oldest first; empty where they can't be read.
async fn events(cloud: &AwsCloud, id: &str, members: &[String]) -> Vec<String> {
    let read = |kind: SourceType, source: Option<String>| async move {
        let request =
            cloud.elasticache.describe_events().source_type(kind).set_source_identifier(source).duration(EVENT_MINUTES);
        let answer = request.send().await.ok();
        answer.and_then(|answer| answer.events).unwrap_or_default()
    };
    // Cache clusters can't be asked for by prefix.
    let (of_group, of_nodes) =
        tokio::join!(read(SourceType::ReplicationGroup, Some(id.to_owned())), read(SourceType::CacheCluster, None),);
    let of_nodes =
        of_nodes.into_iter().filter(|event| event.source_identifier().is_some_and(|it| is_node(it, id, members)));
    telling(of_group.into_iter().chain(of_nodes).collect())
}

/// Whether a cache cluster is one of a group: a member, or one of its form (`day19-0001-001`), since those that could
/// not be made are no members. The beginning alone may be that of another group.
pub(super) fn is_node(cluster: &str, group: &str, members: &[String]) -> bool {
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let rest = cluster.strip_prefix(group).and_then(|rest| rest.strip_prefix('-'));
    members.iter().any(|member| member == cluster)
        || rest.and_then(|rest| rest.split_once('-')).is_some_and(|(shard, node)| digits(shard, 4) && digits(node, 3))
}

/// The messages that tell of something wrong, or all where none does; the latest, oldest first, each once.
fn telling(mut events: Vec<Event>) -> Vec<String> {
    events.sort_by_key(|event| event.date().map(|date| (date.secs(), date.subsec_nanos())));
    let mut messages: Vec<String> = Vec::new();
    for message in events.iter().filter_map(Event::message) {
        if !messages.iter().any(|told| told == message) {
            messages.push(message.to_owned());
        }
    }
    if messages.iter().any(|message| is_wrong(message)) {
        messages.retain(|message| is_wrong(message));
    }
    messages.split_off(messages.len().saturating_sub(EVENTS))
}

fn is_wrong(message: &str) -> bool {
    let message = message.to_lowercase();
    let signs = ["fail", "error", "insufficient", "unable", "cannot", "could not", "not enough", "exceed", "capacity"];
    signs.iter().any(|sign| message.contains(sign))
}

async fn running(cloud: &AwsCloud, ids: &Ids, not_listed: impl Fn(String) -> Progress) -> Result<Progress, CloudError> {
    let Some(instance) = instance(cloud, ids.get(&Address::Instance)).await? else {
        return Ok(not_listed("the client host is not there any more".to_owned()));
    };
    let state = instance.state().and_then(|state| state.name());
    let id = instance.instance_id().unwrap_or_default();
    Ok(match state {
        Some(InstanceStateName::Running) => Progress::Reached,
        Some(InstanceStateName::Pending) | None => Progress::Pending("pending".to_owned()),
        Some(state) => {
            let reason = instance.state_reason().and_then(|reason| reason.message()).unwrap_or_default();
            let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            Progress::Failed(format!("{id} is {}{reason}", state.as_str()))
        }
    })
}

/// The client host, by its id or else by the stack's tag.
async fn instance(cloud: &AwsCloud, id: Option<&String>) -> Result<Option<Instance>, CloudError> {
    let Some(id) = id else {
        let found = describe(cloud, filter(format!("tag:{STACK_TAG}"), [cloud.options.stack.as_str()])).await?;
        return Ok(found.into_iter().find(|instance| !is_terminated(instance)));
    };
    Ok(describe(cloud, filter("instance-id", [id])).await?.into_iter().next())
}

async fn describe(cloud: &AwsCloud, by: aws_sdk_ec2::types::Filter) -> Result<Vec<Instance>, CloudError> {
    let request = cloud.ec2.describe_instances().filters(by);
    let reservations: Result<Vec<_>, _> = request.into_paginator().items().send().collect().await;
    let reservations = reservations.map_err(failed("ec2:DescribeInstances"))?;
    Ok(reservations.into_iter().flat_map(|one| one.instances.unwrap_or_default()).collect())
}

fn is_terminated(instance: &Instance) -> bool {
    instance.state().and_then(|state| state.name()) == Some(&InstanceStateName::Terminated)
}

async fn terminated(cloud: &AwsCloud, ids: &[String]) -> Result<Progress, CloudError> {
    let found = describe(cloud, filter("instance-id", ids)).await?;
    let left: Vec<String> = found
        .iter()
        .filter(|instance| !is_terminated(instance))
        .map(|instance| {
            let state = instance.state().and_then(|state| state.name());
            let state = state.map_or("on its way", |state| state.as_str());
            format!("{} {state}", instance.instance_id().unwrap_or_default())
        })
        .collect();
    Ok(if left.is_empty() { Progress::Reached } else { Progress::Pending(left.join(", ")) })
}

#[cfg(test)]
mod tests {
    use aws_sdk_elasticache::primitives::DateTime;

    use super::*;
    use crate::aws::answers::{cloud, response, result};

    #[tokio::test(start_paused = true)]
    async fn what_is_not_listed_yet_is_waited_for_a_minute() {
        let (cloud, _) = cloud(|form| match form["Action"].as_str() {
            "DescribeInstances" => response("DescribeInstances", "<reservationSet/>"),
            action => result(action, "<ReplicationGroups/>"),
        });
        let ids = Ids::from([(Address::Instance, "i-1".to_owned())]);
        let group = Wait::ReplicationGroupSettled { id: "day19".to_owned() };
        for wait in [group, Wait::InstanceRunning] {
            let pending = Progress::Pending("not listed yet".to_owned());
            assert_eq!(status(&cloud, &wait, &ids).await, Ok(pending.clone()));
            tokio::time::advance(Duration::from_secs(59)).await;
            assert_eq!(status(&cloud, &wait, &ids).await, Ok(pending));
            tokio::time::advance(Duration::from_secs(2)).await;
            assert!(matches!(status(&cloud, &wait, &ids).await, Ok(Progress::Failed(_))));
        }
    }

    /// A group whose statuses come one after another, and an event of its snapshot.
    fn kept(statuses: &'static [&'static str]) -> AwsCloud {
        let looks = std::sync::atomic::AtomicUsize::new(0);
        let (cloud, _) = cloud(move |form| match form["Action"].as_str() {
            "DescribeReplicationGroups" => {
                let look = looks.fetch_add(1, std::sync::atomic::Ordering::Relaxed).min(statuses.len() - 1);
                let group = format!("<ReplicationGroup><Status>{}</Status></ReplicationGroup>", statuses[look]);
                let group = if statuses[look].is_empty() { String::new() } else { group };
                result("DescribeReplicationGroups", &format!("<ReplicationGroups>{group}</ReplicationGroups>"))
            }
            action => {
                let event = "<Event><Message>Snapshot failed for snapshot with ID 'keep': full</Message></Event>";
                let other = "<Event><Message>Failed at something else</Message></Event>";
                result(action, &format!("<Events>{event}{other}</Events>"))
            }
        });
        cloud
    }

    #[tokio::test(start_paused = true)]
    async fn a_group_that_is_back_was_not_kept() {
        let wait = Wait::ReplicationGroupKept { id: "day19".to_owned(), snapshot: "keep".to_owned() };
        let ids = Ids::new();
        let pending = |status: &str| Ok(Progress::Pending(status.to_owned()));
        let why = "`day19` is available again, and not deleted: Snapshot failed for snapshot with ID 'keep': full";
        let failed = || Ok(Progress::Failed(why.to_owned()));
        let back = kept(&["available", "snapshotting", "available"]);
        assert_eq!(status(&back, &wait, &ids).await, pending("available"));
        assert_eq!(status(&back, &wait, &ids).await, pending("snapshotting"));
        assert_eq!(status(&back, &wait, &ids).await, failed());
        let never = kept(&["available"]);
        assert_eq!(status(&never, &wait, &ids).await, pending("available"));
        tokio::time::advance(Duration::from_secs(61)).await;
        assert_eq!(status(&never, &wait, &ids).await, failed());
        let gone = kept(&["deleting", ""]);
        assert_eq!(status(&gone, &wait, &ids).await, pending("deleting"));
        assert_eq!(status(&gone, &wait, &ids).await, Ok(Progress::Reached));
    }

    fn event(at: i64, message: &str) -> Event {
        Event::builder().date(DateTime::from_secs(at)).message(message).build()
    }

    #[test]
    fn events_that_tell_of_something_wrong_come_alone_and_in_order() {
        let told = telling(vec![
            event(3, "Cache cluster create failed due to insufficient capacity in us-east-1a"),
            event(1, "Replication group created"),
            event(2, "Failed to create cache node 0001"),
            event(4, "Failed to create cache node 0001"),
        ]);
        assert_eq!(
            told,
            [
                "Failed to create cache node 0001",
                "Cache cluster create failed due to insufficient capacity in us-east-1a"
            ]
        );
        assert_eq!(telling(vec![event(1, "Replication group created")]), ["Replication group created"]);
    }

    #[test]
    fn nodes_of_a_group_whose_name_begins_alike_are_not_its_own() {
        let members = ["seeded".to_owned()];
        for own in ["day-0001-001", "day-0012-006", "seeded"] {
            assert!(is_node(own, "day", &members), "{own}");
        }
        for other in ["day-two-0001-001", "day-0001", "day-0001-0001", "days-0001-001", "day-2-0001-001", "day"] {
            assert!(!is_node(other, "day", &members), "{other}");
        }
    }
}
