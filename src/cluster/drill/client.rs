//! A client of one shard, as a good cluster client is: it follows MOVED, makes a fresh connection after an error, and
//! asks other nodes who serves its slots when its own node fails it. Repeats no request by itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, FromRedisValue, RedisError};

use super::traffic::Trouble;
use crate::cluster::reach::{Reach, ReachError};
use crate::cluster::topology::View;
use crate::observed::Endpoint;

/// How nodes that speak of each other are reached from here: they may know each other by other addresses.
#[derive(Clone, Debug, Default)]
pub(super) struct Directory {
    /// By `address:port`, as MOVED and CLUSTER NODES tell it.
    pub(super) by_address: BTreeMap<String, Endpoint>,
    /// By node id.
    pub(super) by_id: BTreeMap<String, Endpoint>,
}

impl Directory {
    fn at(&self, address: &str) -> Option<Endpoint> {
        self.by_address.get(address).cloned().or_else(|| endpoint(address))
    }

    /// Every node once.
    fn seeds(&self) -> Vec<Endpoint> {
        let by_text: BTreeMap<String, Endpoint> =
            self.by_id.values().map(|endpoint| (endpoint.to_string(), endpoint.clone())).collect();
        by_text.into_values().collect()
    }
}

fn endpoint(text: &str) -> Option<Endpoint> {
    let (address, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    (!address.is_empty()).then(|| Endpoint { address: address.to_owned(), port })
}

/// A client of the shard that serves one slot.
pub(super) struct ShardClient {
    reach: Reach,
    directory: Arc<Directory>,
    slot: u16,
    /// Who serves the slot, as far as is known.
    target: Endpoint,
    connection: Option<MultiplexedConnection>,
    /// Whether who serves the slot is in doubt.
    doubtful: bool,
    /// Nodes to ask, the next one first.
    seeds: Vec<Endpoint>,
    /// The connection to the seed that answered last.
    asked: Option<(Endpoint, MultiplexedConnection)>,
}

impl ShardClient {
    pub(super) fn new(reach: Reach, directory: Arc<Directory>, slot: u16, target: Endpoint) -> Self {
        let seeds = directory.seeds();
        ShardClient { reach, directory, slot, target, connection: None, doubtful: false, seeds, asked: None }
    }

    /// Makes ready for a request: where the last one failed, finds out whom to ask now.
    pub(super) async fn make_ready(&mut self) {
        if std::mem::take(&mut self.doubtful) {
            self.refresh().await;
        }
    }

    /// Sends one request to who is thought to serve the slot.
    pub(super) async fn request<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, Trouble> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => match self.reach.connect(&self.target).await {
                Ok(connection) => connection,
                Err(error) => {
                    self.doubtful = true;
                    return Err(unreached(&error));
                }
            },
        };
        match command.query_async(&mut connection).await {
            Ok(answer) => {
                self.connection = Some(connection);
                Ok(answer)
            }
            Err(error) => {
                self.doubtful = !self.is_redirected(&error);
                Err(trouble(&error))
            }
        }
    }

    /// Takes the new owner from a MOVED.
    fn is_redirected(&mut self, error: &RedisError) -> bool {
        if error.code() != Some("MOVED") {
            return false;
        }
        let target = error.redirect_node().and_then(|(address, _)| self.directory.at(address));
        if let Some(target) = target {
            self.target = target;
            return true;
        }
        false
    }

    /// Asks one node, another one each time, who serves the slot. The node that has just failed is asked last.
    async fn refresh(&mut self) {
        let (asked, seed) = match self.asked.take() {
            Some((seed, connection)) if seed != self.target => (Some(connection), seed),
            _ => {
                let Some(seed) = self.next_seed() else { return };
                (self.reach.connect(&seed).await.ok(), seed)
            }
        };
        let Some(mut connection) = asked else { return };
        let nodes: Result<String, RedisError> = redis::cmd("CLUSTER").arg("NODES").query_async(&mut connection).await;
        let Ok(nodes) = nodes else { return };
        let view = View::parse(&nodes);
        if let Some(owner) = view.owner(self.slot) {
            let known = self.directory.by_id.get(&owner.id).cloned();
            if let Some(target) = known.or_else(|| owner.endpoint.clone()) {
                self.target = target;
            }
        }
        self.asked = Some((seed, connection));
    }

    fn next_seed(&mut self) -> Option<Endpoint> {
        let place = self.seeds.iter().position(|seed| *seed != self.target).unwrap_or(0);
        if place >= self.seeds.len() {
            return None;
        }
        let seed = self.seeds.remove(place);
        self.seeds.push(seed.clone());
        Some(seed)
    }
}

fn trouble(error: &RedisError) -> Trouble {
    if let Some(code) = error.code() {
        Trouble::Code(code.to_owned())
    } else if error.is_timeout() {
        Trouble::NoAnswer
    } else if error.is_connection_refusal() {
        Trouble::Refused
    } else if error.is_io_error() {
        Trouble::Cut
    } else {
        Trouble::Code(error.category().to_owned())
    }
}

fn unreached(error: &ReachError) -> Trouble {
    match error {
        // Its first word is the code: `WRONGPASS`, `LOADING`.
        ReachError::Refused { reason, .. } => {
            let code = reason.split(|c: char| !c.is_ascii_alphabetic()).find(|word| word.len() > 2);
            Trouble::Code(code.unwrap_or("refused").to_owned())
        }
        ReachError::Unreachable { reason, .. } if reason.to_lowercase().contains("refused") => Trouble::Refused,
        ReachError::Unreachable { reason, .. }
            if reason.contains("no answer within") || reason.contains("timed out") =>
        {
            Trouble::NoAnswer
        }
        ReachError::Unreachable { .. } => Trouble::Cut,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> Endpoint {
        Endpoint { address: "127.0.0.1".to_owned(), port }
    }

    #[test]
    fn addresses_are_looked_up_and_otherwise_taken_as_they_are() {
        let mut directory = Directory::default();
        let member = Endpoint { address: "day19-0001-001.cache".to_owned(), port: 6379 };
        directory.by_address.insert("10.0.0.1:6379".to_owned(), member.clone());
        assert_eq!(directory.at("10.0.0.1:6379"), Some(member));
        assert_eq!(directory.at("10.0.0.9:6379").map(|at| at.to_string()).as_deref(), Some("10.0.0.9:6379"));
        assert_eq!(directory.at(":6379"), None);
        assert_eq!(directory.at("nonsense"), None);
    }

    #[test]
    fn every_seed_is_asked_in_turn_and_the_failing_one_is_not() {
        let mut directory = Directory::default();
        for port in [1, 2, 3] {
            directory.by_id.insert(format!("{port}"), at(port));
        }
        let mut client = ShardClient::new(Reach::default(), Arc::new(directory), 0, at(2));
        let asked: Vec<u16> = (0..4).map(|_| client.next_seed().unwrap().port).collect();
        assert_eq!(asked, [1, 3, 1, 3]);
    }

    #[tokio::test]
    async fn who_does_not_listen_refuses() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let mut client = ShardClient::new(Reach::default(), Arc::default(), 0, at(port));
        let answer: Result<String, Trouble> = client.request(&redis::cmd("PING")).await;
        assert_eq!(answer, Err(Trouble::Refused));
    }

    #[tokio::test]
    async fn who_hangs_gives_no_answer() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let reach = Reach { patience: std::time::Duration::from_millis(50), ..Reach::default() };
        let mut client = ShardClient::new(reach, Arc::default(), 0, at(port));
        let answer: Result<String, Trouble> = client.request(&redis::cmd("PING")).await;
        assert_eq!(answer, Err(Trouble::NoAnswer));
    }
}
