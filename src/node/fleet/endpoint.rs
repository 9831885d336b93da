//! A cluster's configuration endpoint: passes each connection on to a node that lives.
//!
//! Knows addresses in order of preference, and bytes; must not know what they mean. A cluster client asks here for the
//! slots only, and goes to the nodes by itself then.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// How long a node may take to accept a connection before the next one is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// Pause after the system could not accept a connection (such as for want of file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A listening endpoint; it ends, with its connections, when this value goes.
#[derive(Debug)]
pub struct Endpoint {
    address: SocketAddr,
    nodes: watch::Sender<Vec<SocketAddr>>,
    task: JoinHandle<()>,
}

impl Endpoint {
    /// Listens at `address`.
    pub async fn open(address: SocketAddr) -> io::Result<Endpoint> {
        let listener = TcpListener::bind(address).await?;
        let (nodes, nodes_received) = watch::channel(Vec::new());
        let task = tokio::spawn(accept(listener, nodes_received));
        Ok(Endpoint { address, nodes, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sets the nodes to pass new connections to, the best first.
    pub fn set_nodes(&self, nodes: Vec<SocketAddr>) {
        self.nodes.send_if_modified(|old| {
            let differs = *old != nodes;
            *old = nodes;
            differs
        });
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, nodes: watch::Receiver<Vec<SocketAddr>>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => {
                    let nodes = nodes.borrow().clone();
                    connections.spawn(pass_on(client, nodes));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Where no node accepts, the client's connection is closed, as a dead node's would be.
async fn pass_on(mut client: TcpStream, nodes: Vec<SocketAddr>) {
    for node in nodes {
        if let Ok(Ok(mut node)) = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(node)).await {
            let _ = client.set_nodelay(true);
            let _ = node.set_nodelay(true);
            let _ = tokio::io::copy_bidirectional(&mut client, &mut node).await;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn a_dead_node_is_passed_over() {
        let dead = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let live = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let endpoint = Endpoint::open(free).await.unwrap();
        endpoint.set_nodes(vec![dead, live.local_addr().unwrap()]);
        let mut client = TcpStream::connect(endpoint.address()).await.unwrap();
        client.write_all(b"ping").await.unwrap();
        let (mut node, _) = live.accept().await.unwrap();
        let mut bytes = [0; 4];
        node.read_exact(&mut bytes).await.unwrap();
        node.write_all(b"pong").await.unwrap();
        client.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"pong");
    }

    #[tokio::test]
    async fn without_a_node_the_connection_closes() {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let endpoint = Endpoint::open(free).await.unwrap();
        let mut client = TcpStream::connect(endpoint.address()).await.unwrap();
        assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
    }
}
