//! Looks at nodes: what ROLE and CLUSTER NODES say of each, again and again.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{RedisError, Value};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::report::SeenRole;
use super::roles::Look;
use super::survey::Known;
use crate::cluster::reach::Reach;
use crate::cluster::topology::{NodeHealth, View};
use crate::observed::Endpoint;

/// Looks at all nodes of a shard side by side until the returned set is dropped; each look comes with its node's place.
pub(super) fn watch(
    reach: &Reach,
    nodes: &[Known],
    began: Instant,
    every: Duration,
    looks: &mpsc::UnboundedSender<(usize, Look)>,
) -> JoinSet<()> {
    let mut watchers = JoinSet::new();
    for (place, node) in nodes.iter().enumerate() {
        let (reach, at, looks) = (reach.clone(), node.at.clone(), looks.clone());
        watchers.spawn(async move {
            let mut connection = None;
            loop {
                let look = look(&reach, &at, &mut connection, began).await;
                if looks.send((place, look)).is_err() {
                    return;
                }
                sleep(every).await;
            }
        });
    }
    watchers
}

/// One look; makes a connection where there is none, and gives up one that fails.
pub(super) async fn look(
    reach: &Reach,
    at: &Endpoint,
    connection: &mut Option<MultiplexedConnection>,
    began: Instant,
) -> Look {
    let seen = |role, epoch, followers| {
        let at_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Look { at_ms, role, epoch, followers }
    };
    let mut open = match connection.take() {
        Some(open) => open,
        None => match reach.connect(at).await {
            Ok(open) => open,
            Err(_) => return seen(SeenRole::Down, 0, 0),
        },
    };
    match ask(&mut open).await {
        Ok((role, view)) => {
            *connection = Some(open);
            let (epoch, followers) = standing(&view);
            seen(role_of(&role, &view), epoch, followers)
        }
        // It answers, and can't say more yet: LOADING, most likely.
        Err(error) if error.code().is_some() => seen(SeenRole::Syncing, 0, 0),
        Err(_) => seen(SeenRole::Down, 0, 0),
    }
}

async fn ask(connection: &mut MultiplexedConnection) -> Result<(Vec<Value>, View), RedisError> {
    let role = redis::cmd("ROLE").query_async(connection).await?;
    let nodes: String = redis::cmd("CLUSTER").arg("NODES").query_async(connection).await?;
    Ok((role, View::parse(&nodes)))
}

fn role_of(role: &[Value], view: &View) -> SeenRole {
    let word = |place: usize| role.get(place).and_then(|value| redis::from_redis_value_ref::<String>(value).ok());
    let serves = view.myself().is_some_and(|node| !node.slots.is_empty());
    match word(0).as_deref() {
        Some("master") if serves => SeenRole::Primary,
        Some("slave") if word(3).as_deref() == Some("connected") => SeenRole::Replica,
        _ => SeenRole::Syncing,
    }
}

/// Its epoch, and how many replicas it sees that are well.
fn standing(view: &View) -> (u64, usize) {
    let Some(myself) = view.myself() else { return (0, 0) };
    let is_well = |node: &&crate::cluster::topology::NodeView| node.health == NodeHealth::Fine && node.linked;
    (myself.epoch, view.replicas_of(&myself.id).filter(is_well).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<Value> {
        words.iter().map(|word| Value::BulkString(word.as_bytes().to_vec())).collect()
    }

    #[test]
    fn roles_are_read_with_their_links() {
        let serving = View::parse("a 127.0.0.1:1@2 myself,master - 0 0 7 connected 0-99\n");
        let empty = View::parse("a 127.0.0.1:1@2 myself,master - 0 0 0 connected\n");
        assert_eq!(role_of(&words(&["master", "0"]), &serving), SeenRole::Primary);
        assert_eq!(role_of(&words(&["master", "0"]), &empty), SeenRole::Syncing);
        assert_eq!(role_of(&words(&["slave", "127.0.0.1", "1", "connected", "9"]), &empty), SeenRole::Replica);
        assert_eq!(role_of(&words(&["slave", "127.0.0.1", "1", "sync", "-1"]), &empty), SeenRole::Syncing);
        assert_eq!(role_of(&[], &serving), SeenRole::Syncing);
    }

    #[test]
    fn only_replicas_that_are_well_are_followers() {
        let view = View::parse(
            "a 127.0.0.1:1@2 myself,master - 0 0 7 connected 0-99\n\
             b 127.0.0.1:3@4 slave a 0 0 7 connected\n\
             c 127.0.0.1:5@6 slave,fail a 0 0 7 disconnected\n\
             d 127.0.0.1:7@8 slave x 0 0 7 connected\n",
        );
        assert_eq!(standing(&view), (7, 1));
    }
}
