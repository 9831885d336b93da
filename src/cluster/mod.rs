//! Talks to a live cluster, as a client does: over the Redis protocol and nothing else.
//!
//! Knows `observed` for the endpoint; never the AWS edge. [`reach`] makes every connection; [`check`] proves that a
//! cluster answers.

pub mod drill;
pub mod reach;
pub mod topology;

use std::time::Duration;

use crate::observed::Endpoint;
use reach::{Reach, ReachError};
use topology::View;

/// What a cluster's answers prove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// What PING was answered with: `PONG`.
    pub ping: String,
    /// How long the answer to PING took.
    pub ping_took: Duration,
    /// Primaries that serve slots.
    pub primaries: usize,
    /// Replicas whose link is up.
    pub replicas: usize,
    /// Hash slots that are served, of 16384.
    pub slots: usize,
    /// What is wrong, in words for people; empty where all is well.
    pub faults: Vec<String>,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The cluster answers.
    Answers(Health),
    /// It can't be reached from this machine: no proof, and no fault either. The reason.
    Unreachable(String),
}

/// Connects through the configuration endpoint, and holds what the cluster says of itself against the `shards` and
/// the `replicas` (all shards' together) that it should have.
pub async fn check(reach: &Reach, endpoint: &Endpoint, shards: usize, replicas: usize) -> Finding {
    let patience = reach.patience * 2;
    match tokio::time::timeout(patience, ask(reach, endpoint)).await {
        Err(_) => Finding::Unreachable(format!("{endpoint} does not answer within {} s", patience.as_secs())),
        Ok(Err(error)) => Finding::Unreachable(error.to_string()),
        Ok(Ok(answers)) => Finding::Answers(health(&answers, shards, replicas)),
    }
}

/// The raw answers.
struct Answers {
    ping: String,
    ping_took: Duration,
    info: String,
    nodes: String,
}

async fn ask(reach: &Reach, endpoint: &Endpoint) -> Result<Answers, ReachError> {
    let failed =
        |error: redis::RedisError| ReachError::Unreachable { endpoint: endpoint.clone(), reason: error.to_string() };
    let mut connection = reach.connect(endpoint).await?;
    let began = tokio::time::Instant::now();
    let ping = redis::cmd("PING").query_async(&mut connection).await.map_err(failed)?;
    let ping_took = began.elapsed();
    let info = redis::cmd("CLUSTER").arg("INFO").query_async(&mut connection).await.map_err(failed)?;
    let nodes = redis::cmd("CLUSTER").arg("NODES").query_async(&mut connection).await.map_err(failed)?;
    Ok(Answers { ping, ping_took, info, nodes })
}

fn health(answers: &Answers, shards: usize, replicas: usize) -> Health {
    let topology::Counts { primaries, replicas: live_replicas, slots, failing } = View::parse(&answers.nodes).counts();
    let mut faults = Vec::new();
    if answers.ping != "PONG" {
        faults.push(format!("PING was answered with {}", answers.ping));
    }
    if !answers.info.lines().any(|line| line.trim_end() == "cluster_state:ok") {
        faults.push("cluster_state is not ok".to_owned());
    }
    if slots != topology::SLOTS {
        faults.push(format!("{slots} of {} slots are served", topology::SLOTS));
    }
    if primaries != shards {
        faults.push(format!("{primaries} primaries serve slots, of {shards}"));
    }
    if live_replicas != replicas {
        faults.push(format!("{live_replicas} replicas are linked, of {replicas}"));
    }
    if failing > 0 {
        faults.push(format!("{failing} nodes are failing"));
    }
    let (ping, ping_took) = (answers.ping.clone(), answers.ping_took);
    Health { ping, ping_took, primaries, replicas: live_replicas, slots, faults }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(info: &str, nodes: &str) -> Answers {
        Answers { ping: "PONG".to_owned(), ping_took: Duration::ZERO, info: info.to_owned(), nodes: nodes.to_owned() }
    }

    const NODES: &str = "\
aaa 127.0.0.1:6379@16379 myself,master - 0 0 1 connected 0-8191\n\
bbb 127.0.0.2:6379@16379 master - 0 0 2 connected 8192-16383\n\
ccc 127.0.0.3:6379@16379 slave aaa 0 0 1 connected\n";

    #[test]
    fn a_whole_cluster_has_no_fault() {
        let health = health(&answers("cluster_enabled:1\r\ncluster_state:ok\r\n", NODES), 2, 1);
        assert_eq!(health.faults, Vec::<String>::new());
        assert_eq!((health.primaries, health.replicas, health.slots), (2, 1, 16384));
    }

    #[test]
    fn every_fault_is_told() {
        let nodes = "aaa 127.0.0.1:6379@16379 myself,master - 0 0 1 connected 0-8191\n\
                     bbb 127.0.0.2:6379@16379 master,fail - 0 0 2 disconnected\n";
        let health = health(&answers("cluster_state:fail\r\n", nodes), 2, 1);
        assert_eq!(
            health.faults,
            [
                "cluster_state is not ok",
                "8192 of 16384 slots are served",
                "1 primaries serve slots, of 2",
                "0 replicas are linked, of 1",
                "1 nodes are failing",
            ]
        );
    }

    #[tokio::test]
    async fn a_closed_port_is_unreachable_and_no_fault() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let endpoint = Endpoint { address: "127.0.0.1".to_owned(), port };
        assert!(matches!(check(&Reach::default(), &endpoint, 1, 0).await, Finding::Unreachable(_)));
    }
}
