//! How the nodes of a cluster are reached: directly or through a SOCKS proxy, in plain text or with TLS, with a token
//! or without. Every connection that this crate makes to a cache node is made here.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_socks::tcp::Socks5Stream;

use crate::observed::Endpoint;
use crate::secret::Secret;

/// How long a connection or an answer may take, unless told otherwise.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// How the nodes of one cluster are reached.
#[derive(Clone, Debug)]
pub struct Reach {
    /// Which way packets go.
    pub route: Route,
    /// Whether the nodes speak TLS.
    pub tls: bool,
    /// The AUTH token, where the cluster has one.
    pub token: Option<Secret>,
    /// How long a connection or an answer may take.
    pub patience: Duration,
}

/// Which way packets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Straight to the node.
    Direct,
    /// Through a SOCKS5 proxy that also looks names up, such as `ssh -D` opens on loopback.
    Socks(SocketAddr),
}

/// Why a node can't be talked to.
#[derive(Debug, thiserror::Error)]
pub enum ReachError {
    /// Nobody answers there, or nobody who can be understood; the reason.
    #[error("{endpoint}: {reason}")]
    Unreachable {
        /// Which node.
        endpoint: Endpoint,
        /// Why.
        reason: String,
    },
    /// It answers, and refuses: a wrong or missing token, most likely. Its words.
    #[error("{endpoint}: {reason}")]
    Refused {
        /// Which node.
        endpoint: Endpoint,
        /// Its words.
        reason: String,
    },
}

impl Default for Reach {
    fn default() -> Self {
        Reach { route: Route::Direct, tls: false, token: None, patience: PATIENCE }
    }
}

/// What a connection runs over.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl Reach {
    /// The same with another patience.
    #[must_use]
    pub fn with_patience(&self, patience: Duration) -> Self {
        Reach { patience, ..self.clone() }
    }

    /// A connection to one node (not to the cluster: redirections come back as errors). It may be cloned and shared,
    /// and breaks with the TCP connection: who wants another connects again. Answers that take longer than the
    /// patience are errors.
    ///
    /// # Errors
    /// When nobody answers in time, or who answers refuses the token.
    pub async fn connect(&self, endpoint: &Endpoint) -> Result<MultiplexedConnection, ReachError> {
        let unreachable = |reason: String| ReachError::Unreachable { endpoint: endpoint.clone(), reason };
        let opening = async {
            let stream = self.open(endpoint).await.map_err(|error| unreachable(error.to_string()))?;
            let mut info = RedisConnectionInfo::default().set_skip_set_lib_name();
            if let Some(token) = &self.token {
                info = info.set_password(token.expose());
            }
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(self.patience))
                .set_response_timeout(Some(self.patience));
            let made = MultiplexedConnection::new_with_config(&info, stream, config).await;
            let (connection, driver) = made.map_err(|error| {
                let reason = error.to_string();
                if error.is_io_error() || error.is_timeout() {
                    unreachable(reason)
                } else {
                    ReachError::Refused { endpoint: endpoint.clone(), reason }
                }
            })?;
            tokio::spawn(driver);
            Ok(connection)
        };
        match tokio::time::timeout(self.patience, opening).await {
            Ok(opened) => opened,
            Err(_) => Err(unreachable(format!("no answer within {} s", self.patience.as_secs_f32()))),
        }
    }

    async fn open(&self, endpoint: &Endpoint) -> Result<Box<dyn Stream>, Box<dyn std::error::Error + Send + Sync>> {
        let target = (endpoint.address.as_str(), endpoint.port);
        let stream: Box<dyn Stream> = match self.route {
            Route::Direct => {
                let stream = TcpStream::connect(target).await?;
                // Commands are small and waited for.
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
            Route::Socks(proxy) => Box::new(Socks5Stream::connect(proxy, target).await?),
        };
        if !self.tls {
            return Ok(stream);
        }
        let name = ServerName::try_from(endpoint.address.clone())?;
        Ok(Box::new(TlsConnector::from(tls_config()?).connect(name, stream).await?))
    }
}

/// TLS as this machine trusts it.
fn tls_config() -> Result<Arc<ClientConfig>, Box<dyn std::error::Error + Send + Sync>> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err("this machine has no certificates to trust: install its ca-certificates package".into());
    }
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Route::Direct => f.write_str("directly"),
            Route::Socks(proxy) => write!(f, "through the proxy {proxy}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Answers every request on one connection with these bytes, and tells what it was sent first.
    async fn answering(answer: &'static [u8]) -> (Endpoint, tokio::task::JoinHandle<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut first = vec![0; 4096];
            let length = stream.read(&mut first).await.unwrap();
            first.truncate(length);
            stream.write_all(answer).await.unwrap();
            let mut rest = [0; 1024];
            while stream.read(&mut rest).await.is_ok_and(|length| length > 0) {
                stream.write_all(answer).await.unwrap();
            }
            first
        });
        (Endpoint { address: "127.0.0.1".to_owned(), port }, task)
    }

    #[tokio::test]
    async fn a_plain_connection_asks_at_once() {
        let (endpoint, task) = answering(b"+PONG\r\n").await;
        let mut connection = Reach::default().connect(&endpoint).await.unwrap();
        let pong: String = redis::cmd("PING").query_async(&mut connection).await.unwrap();
        assert_eq!(pong, "PONG");
        drop(connection);
        assert_eq!(task.await.unwrap(), b"*1\r\n$4\r\nPING\r\n");
    }

    #[tokio::test]
    async fn a_token_that_is_refused_is_no_silence() {
        let (endpoint, _task) = answering(b"-WRONGPASS invalid username-password pair\r\n").await;
        let reach = Reach { token: Some(Secret::new("wrong-token-of-16-chars")), ..Reach::default() };
        let error = reach.connect(&endpoint).await.unwrap_err();
        assert!(matches!(&error, ReachError::Refused { reason, .. } if !reason.contains("wrong-token")), "{error}");
    }

    #[tokio::test]
    async fn who_says_nothing_is_left_after_a_while() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Endpoint { address: "127.0.0.1".to_owned(), port: listener.local_addr().unwrap().port() };
        let reach = Reach { token: Some(Secret::new("x")), patience: Duration::from_millis(50), ..Reach::default() };
        let error = reach.connect(&endpoint).await.unwrap_err();
        assert!(matches!(error, ReachError::Unreachable { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_proxy_is_told_the_name_to_look_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut greeting = [0; 3];
            stream.read_exact(&mut greeting).await.unwrap();
            stream.write_all(&[5, 0]).await.unwrap();
            let mut head = [0; 5];
            stream.read_exact(&mut head).await.unwrap();
            let mut name = vec![0; usize::from(head[4]) + 2];
            stream.read_exact(&mut name).await.unwrap();
            stream.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 1]).await.unwrap();
            let mut request = [0; 64];
            let _ = stream.read(&mut request).await.unwrap();
            stream.write_all(b"+PONG\r\n").await.unwrap();
            name
        });
        let reach = Reach { route: Route::Socks(proxy), ..Reach::default() };
        let endpoint = Endpoint { address: "node.example".to_owned(), port: 6379 };
        let mut connection = reach.connect(&endpoint).await.unwrap();
        let pong: String = redis::cmd("PING").query_async(&mut connection).await.unwrap();
        assert_eq!(pong, "PONG");
        assert_eq!(task.await.unwrap(), b"node.example\x18\xeb");
    }
}
