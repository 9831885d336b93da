//! One client of a cluster: asks the node that it is at, and goes where that sends it, as `redis-cli -c` does.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, Value};
use shardform::cluster::reach::{Reach, ReachError};
use shardform::observed::Endpoint;

/// How long a reply may take: some commands wait on purpose, and Ctrl-C leaves them.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// How often a command is sent on before that is an error: nodes that disagree would send it round for ever.
const MOST_REDIRECTIONS: usize = 16;

/// A client at a node.
pub struct Client {
    reach: Reach,
    at: Endpoint,
    connection: Option<MultiplexedConnection>,
}

/// Where a node sends a command.
#[derive(Debug, PartialEq, Eq)]
struct Redirection {
    slot: String,
    to: Endpoint,
    is_ask: bool,
}

impl Client {
    /// Connects to a node.
    pub async fn connect(reach: &Reach, endpoint: &Endpoint) -> Result<Self, ReachError> {
        let mut client = Client { reach: reach.clone(), at: endpoint.clone(), connection: None };
        client.connection().await?;
        Ok(client)
    }

    /// The node that it is at.
    pub fn at(&self) -> &Endpoint {
        &self.at
    }

    /// Leaves the connection, with all that is still to be answered on it.
    pub fn forget(&mut self) {
        self.connection = None;
    }

    /// Asks a command, wherever it is sent on to; tells of each redirection in redis-cli's words.
    pub async fn ask(&mut self, command: &[Vec<u8>], note: &mut impl FnMut(String)) -> Result<Value, ReachError> {
        let mut is_ask = false;
        for _ in 0..MOST_REDIRECTIONS {
            let value = self.send(command, is_ask).await?;
            let Some(redirection) = redirection(&value, &self.at) else { return Ok(value) };
            note(format!("-> Redirected to slot [{}] located at {}", redirection.slot, redirection.to));
            is_ask = redirection.is_ask;
            if redirection.to != self.at {
                self.at = redirection.to;
                self.connection = None;
            }
        }
        let reason = format!("the command was sent on {MOST_REDIRECTIONS} times: the nodes do not agree");
        Err(ReachError::Unreachable { endpoint: self.at.clone(), reason })
    }

    async fn send(&mut self, command: &[Vec<u8>], is_ask: bool) -> Result<Value, ReachError> {
        let mut connection = self.connection().await?;
        let mut cmd = Cmd::new();
        for word in command {
            cmd.arg(word.as_slice());
        }
        let sending = async {
            if is_ask {
                connection.send_packed_command(&redis::cmd("ASKING")).await?;
            }
            connection.send_packed_command(&cmd).await
        };
        match sending.await {
            Ok(value) => Ok(value),
            Err(error) => {
                self.connection = None;
                Err(ReachError::Unreachable { endpoint: self.at.clone(), reason: error.to_string() })
            }
        }
    }

    /// The connection to the node that it is at, made anew where it is lost.
    async fn connection(&mut self) -> Result<MultiplexedConnection, ReachError> {
        if let Some(connection) = &self.connection {
            return Ok(connection.clone());
        }
        let patience = self.reach.patience;
        let reach = self.reach.with_patience(LONGEST);
        let connected = tokio::time::timeout(patience, reach.connect(&self.at)).await;
        let connection = connected.unwrap_or_else(|_| {
            let reason = format!("no answer within {} s", patience.as_secs_f32());
            Err(ReachError::Unreachable { endpoint: self.at.clone(), reason })
        })?;
        self.connection = Some(connection.clone());
        Ok(connection)
    }
}

/// Where a reply sends its command, if it does.
fn redirection(value: &Value, at: &Endpoint) -> Option<Redirection> {
    let Value::ServerError(error) = value else { return None };
    let is_ask = match error.code() {
        "MOVED" => false,
        "ASK" => true,
        _ => return None,
    };
    let mut words = error.details()?.split_whitespace();
    let (slot, target) = (words.next()?.to_owned(), words.next()?);
    let (address, port) = target.rsplit_once(':')?;
    // A node that doesn't know its own name leaves it out: it is the one that was asked.
    let address = if address.is_empty() { at.address.clone() } else { address.to_owned() };
    Some(Redirection { slot, to: Endpoint { address, port: port.parse().ok()? }, is_ask })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(text: &str) -> Value {
        redis::parse_redis_value(text.as_bytes()).unwrap()
    }

    #[test]
    fn redirections_are_read() {
        let at = Endpoint { address: "here".to_owned(), port: 1 };
        let to = |address: &str, port| Endpoint { address: address.to_owned(), port };
        let read = |text: &str| redirection(&reply(text), &at).map(|found| (found.slot, found.to, found.is_ask));
        assert_eq!(read("-MOVED 866 127.0.0.2:6379\r\n"), Some(("866".to_owned(), to("127.0.0.2", 6379), false)));
        assert_eq!(read("-ASK 866 fd00::1:6379\r\n"), Some(("866".to_owned(), to("fd00::1", 6379), true)));
        assert_eq!(read("-MOVED 866 :6380\r\n"), Some(("866".to_owned(), to("here", 6380), false)));
        assert_eq!(read("-ERR no\r\n"), None);
        assert_eq!(read("-MOVED\r\n"), None);
        assert_eq!(read("+OK\r\n"), None);
    }
}
