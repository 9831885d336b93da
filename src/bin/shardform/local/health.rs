//! Asks the local cloud how it is: one HTTP/1.0 request, by hand, so that it costs no client.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const WITHIN: Duration = Duration::from_secs(3);
const LONGEST_ANSWER: u64 = 1 << 20;

/// Who answers at an address.
#[derive(Debug)]
pub enum Health {
    /// The local cloud.
    Up(Report),
    /// Nobody.
    Silent,
    /// Somebody else; what it does.
    Other(String),
}

/// What the local cloud says of itself.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Report {
    /// Its process id.
    pub pid: u32,
    /// Its version.
    #[serde(default)]
    pub version: Option<String>,
    /// Since when it is up.
    #[serde(default)]
    pub started_at: Option<String>,
    /// What it starts as cache nodes.
    #[serde(default)]
    pub engine: Option<String>,
    /// Why it has no program to start as cache nodes, although it was not told to do without.
    #[serde(default)]
    pub engine_missing: Option<String>,
    /// Its clusters, as it tells them.
    #[serde(default)]
    pub clusters: Option<Value>,
}

/// Asks.
pub async fn health(listen: SocketAddr) -> Health {
    let answer = match timeout(WITHIN, ask(reachable(listen))).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => return Health::Silent,
        Ok(Err(error)) => return Health::Other(error.to_string()),
        Err(_) => return Health::Other("it takes the connection and doesn't answer".to_owned()),
    };
    match report(&answer) {
        Some(report) => Health::Up(report),
        None => Health::Other("its answer is not the local cloud's".to_owned()),
    }
}

/// Where a listener on all addresses is reached.
pub fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

async fn ask(address: SocketAddr) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /_shardform/health HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut answer).await?;
    Ok(answer)
}

fn report(answer: &[u8]) -> Option<Report> {
    let text = std::str::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let is_ok = head.lines().next()?.split(' ').nth(1) == Some("200");
    is_ok.then(|| serde_json::from_str(body).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_local_clouds_own_answer_counts() {
        let good = b"HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n{\"status\":\"ready\",\"pid\":7,\"engine\":\"none\"}";
        let report_of = |answer: &[u8]| report(answer).map(|report| (report.pid, report.engine));
        assert_eq!(report_of(good), Some((7, Some("none".to_owned()))));
        assert_eq!(report_of(b"HTTP/1.0 404 Not Found\r\n\r\n{\"pid\":7}"), None);
        assert_eq!(report_of(b"HTTP/1.0 200 OK\r\n\r\n{\"pid\":-7}"), None);
        assert_eq!(report_of(b"HTTP/1.0 200 OK\r\n\r\nhello"), None);
        assert_eq!(report_of(b"-ERR unknown command\r\n"), None);
        assert_eq!(report_of(b""), None);
    }

    #[test]
    fn a_listener_on_all_addresses_is_asked_on_loopback() {
        assert_eq!(reachable(([0, 0, 0, 0], 4510).into()), ([127, 0, 0, 1], 4510).into());
        assert_eq!(reachable(([127, 0, 0, 2], 4510).into()), ([127, 0, 0, 2], 4510).into());
    }
}
