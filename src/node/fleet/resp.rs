//! A connection to one cache node: asks, and takes the answer apart.
//!
//! Knows the standard commands through the `redis` crate, and nothing else, so that one code path serves every engine.
//! Must not know what is wanted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, FromRedisValue, Pipeline, RedisError, RedisResult, Value};
use tokio::sync::Mutex;

use super::topology::{NodeId, Said, View};

/// Longest wait for one answer. All that is asked is answered from memory; more means that the node hangs.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// A lasting connection to one node, opened when first needed and again after it broke. Clones share it.
#[derive(Clone, Debug)]
pub struct Link {
    address: SocketAddr,
    answer_timeout: Duration,
    connection: Arc<Mutex<Option<MultiplexedConnection>>>,
}

/// What a node says of itself and of its cluster.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its id in the cluster.
    pub node_id: NodeId,
    /// Its process id, as it sees it.
    pub pid: Option<u32>,
    /// The rest.
    pub said: Said,
}

impl Link {
    /// A connection to `address`; nothing is opened yet.
    pub fn new(address: SocketAddr) -> Self {
        Link { address, answer_timeout: ANSWER_TIMEOUT, connection: Arc::default() }
    }

    /// One of its own to the same node, for commands that may take up to `answer_timeout`.
    pub fn patient(&self, answer_timeout: Duration) -> Self {
        Link { address: self.address, answer_timeout, connection: Arc::default() }
    }

    /// Where the node answers.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends one command, given as words.
    pub async fn ask<T: FromRedisValue>(&self, words: &[&str]) -> RedisResult<T> {
        let mut command = redis::Cmd::new();
        words.iter().for_each(|word| {
            command.arg(*word);
        });
        let mut connection = self.connection().await?;
        let answer = command.query_async(&mut connection).await;
        self.keep_if_sound(answer).await
    }

    /// Sends several commands at once; each has its own answer.
    pub async fn ask_all(&self, pipeline: &mut Pipeline) -> RedisResult<Vec<RedisResult<Value>>> {
        let mut connection = self.connection().await?;
        let answers = pipeline.ignore_errors().query_async(&mut connection).await;
        self.keep_if_sound(answers).await
    }

    /// Asks the node for all that the fleet wants to know of it.
    pub async fn said(&self) -> RedisResult<Answer> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("CLUSTER").arg("MYID").cmd("CLUSTER").arg("NODES").cmd("CLUSTER").arg("INFO");
        pipeline.cmd("INFO").arg("replication").cmd("INFO").arg("server");
        let mut connection = self.connection().await?;
        let answers = pipeline.query_async::<(String, String, String, String, String)>(&mut connection).await;
        let (node_id, nodes, cluster, replication, server) = self.keep_if_sound(answers).await?;
        let view = View::parse(&nodes).map_err(|error| {
            RedisError::from((redis::ErrorKind::UnexpectedReturnType, "unreadable answer", error.to_string()))
        })?;
        let said = Said {
            view,
            cluster_ok: field(&cluster, "cluster_state") == Some("ok"),
            in_step: field(&replication, "master_link_status") == Some("up"),
            offset: field(&replication, "slave_repl_offset").and_then(|text| text.parse().ok()).unwrap_or(0),
        };
        let pid = field(&server, "process_id").and_then(|text| text.parse().ok());
        Ok(Answer { node_id: node_id.trim().to_owned(), pid, said })
    }

    async fn connection(&self) -> RedisResult<MultiplexedConnection> {
        let mut kept = self.connection.lock().await;
        if let Some(connection) = &*kept {
            return Ok(connection.clone());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(Duration::from_secs(1)))
            .set_response_timeout(Some(self.answer_timeout));
        let client = redis::Client::open(format!("redis://{}/", self.address))?;
        let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        *kept = Some(connection.clone());
        Ok(connection)
    }

    /// A connection that broke, or whose answers are late and would be taken for those of the next question, is
    /// dropped, and the next question opens another.
    async fn keep_if_sound<T>(&self, answer: RedisResult<T>) -> RedisResult<T> {
        let broken = |error: &RedisError| error.is_io_error() || error.is_unrecoverable_error() || error.is_timeout();
        if answer.as_ref().err().is_some_and(broken) {
            *self.connection.lock().await = None;
        }
        answer
    }
}

/// Whether the node said nothing, as against something that is an error, such as that it is loading.
pub fn is_silence(error: &RedisError) -> bool {
    error.is_io_error() || error.is_timeout() || error.is_connection_dropped()
}

/// The value of `name` in a text of `name:value` lines.
pub fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'))
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "# Replication\r\nmaster_link_status_x:no\r\nmaster_link_status:up\r\n";
        assert_eq!(field(text, "master_link_status"), Some("up"));
        assert_eq!(field(text, "master_link"), None);
    }
}
