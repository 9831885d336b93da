//! How to use the stack once it is there: its endpoint, whether it answers, its client host, and what to run next.

use std::time::Duration;

use serde::Serialize;
use shardform::observed::{Endpoint, Live, LiveInstance};
use shardform::spec::SshSource;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::session::{Session, quoted};
use crate::terminal::Paint;

/// How long a cluster may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// The user of Amazon Linux images.
const USER: &str = "ec2-user";

/// How to use the stack.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Ending {
    /// Configuration endpoint, `host:port`.
    pub endpoint: Option<String>,
    /// What the cluster answers to PING; `None`: it was not asked, or doesn't answer here.
    pub ping: Option<String>,
    /// Why there is no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ping_failure: Option<String>,
    /// Client host.
    pub client_host: Option<ClientHost>,
    /// What to run next.
    pub next: Vec<String>,
}

/// The client host.
#[derive(Clone, Debug, Serialize)]
pub struct ClientHost {
    /// Its public address.
    pub address: String,
    /// How to get onto it, where the plan file lets anybody but AWS's own service in.
    pub ssh: Option<String>,
}

impl Ending {
    /// From what is live, without asking the cluster.
    pub async fn unchecked(session: &Session, live: &Live) -> Self {
        let group = live.replication_group.as_ref();
        let endpoint = group.and_then(|group| group.endpoint.as_ref());
        let client_host = match live.instances.first() {
            Some(host) => client_host(session, host).await,
            None => None,
        };
        let mut next = vec![session.again.command("status")];
        next.extend(
            client_host
                .as_ref()
                .and_then(|host| host.ssh.clone())
                .filter(|_| !session.local),
        );
        next.extend(endpoint.map(|endpoint| redis_cli(session, endpoint)));
        next.push(session.again.command("destroy"));
        Ending {
            endpoint: endpoint.map(ToString::to_string),
            ping: None,
            ping_failure: None,
            client_host,
            next,
        }
    }

    /// The same, and asks the cluster.
    pub async fn checked(session: &Session, live: &Live) -> Self {
        let mut ending = Ending::unchecked(session, live).await;
        let group = live.replication_group.as_ref();
        if let Some(endpoint) = group.and_then(|group| group.endpoint.as_ref()) {
            match check(endpoint).await {
                Ok(answer) => ending.ping = Some(answer),
                Err(reason) => ending.ping_failure = Some(reason),
            }
        }
        ending
    }

    /// For people.
    pub fn text(&self, paint: Paint) -> String {
        let mut lines = Vec::new();
        let mut row =
            |label: &str, value: &str| lines.push(format!("  {}  {value}", paint.dim(&format!("{label:<22}"))));
        if let Some(endpoint) = &self.endpoint {
            row("configuration endpoint", endpoint);
        }
        match (&self.ping, &self.ping_failure) {
            (Some(answer), _) => row("PING", &paint.green(answer)),
            (None, Some(reason)) => row("PING", reason),
            (None, None) => {}
        }
        if let Some(host) = &self.client_host {
            row("client host", &host.address);
            match &host.ssh {
                Some(ssh) => row("", ssh),
                None => row("", "open to EC2 Instance Connect alone: connect from the EC2 console"),
            }
        }
        lines.push(format!("\n{}", paint.bold("Next:")));
        lines.extend(self.next.iter().map(|command| format!("  {command}")));
        format!("\n{}", lines.join("\n"))
    }
}

/// The place of the cluster check: today one PING on the configuration endpoint, in plain text.
async fn check(endpoint: &Endpoint) -> Result<String, String> {
    let outside = "no answer here; a cluster on AWS answers only within its VPC";
    match timeout(ANSWER_WITHIN, ping(endpoint)).await {
        Ok(Ok(answer)) if !answer.is_empty() => Ok(answer),
        Ok(Ok(_)) => Err("it closes the connection: it may want TLS".to_owned()),
        Ok(Err(error)) => Err(format!("{outside} ({error})")),
        Err(_) => Err(outside.to_owned()),
    }
}

async fn ping(endpoint: &Endpoint) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((endpoint.address.as_str(), endpoint.port)).await?;
    stream.write_all(b"*1\r\n$4\r\nPING\r\n").await?;
    let mut answer = [0; 128];
    let length = stream.read(&mut answer).await?;
    let text = String::from_utf8_lossy(answer.get(..length).unwrap_or_default());
    let line = text.lines().next().unwrap_or_default();
    Ok(line.trim_start_matches(['+', '-']).to_owned())
}

async fn client_host(session: &Session, host: &LiveInstance) -> Option<ClientHost> {
    let address = host.public_address.clone()?;
    let sources = session.plan_file.spec.client.as_ref()?.ssh_from.as_ref();
    let is_open = sources.is_some_and(|sources| sources.iter().any(|source| matches!(source, SshSource::Cidr(_))));
    if !is_open {
        return Some(ClientHost { address, ssh: None });
    }
    let key = session.private_key().await;
    let key = key.map(|path| format!("-i {} ", quoted(&path.display().to_string())));
    let ssh = Some(format!("ssh {}{USER}@{address}", key.unwrap_or_default()));
    Some(ClientHost { address, ssh })
}

fn redis_cli(session: &Session, endpoint: &Endpoint) -> String {
    let cluster = &session.plan_file.spec.cluster;
    let token = cluster.auth_token_env.as_ref();
    let token = token
        .map(|name| format!("REDISCLI_AUTH=\"${name}\" "))
        .unwrap_or_default();
    let tls = cluster
        .transit_encryption
        .is_some_and(|mode| mode.as_str() == "required");
    let tls = if tls { " --tls" } else { "" };
    format!("{token}redis-cli -c{tls} -h {} -p {}", endpoint.address, endpoint.port)
}
