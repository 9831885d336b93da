//! How to use the stack once it is there: its endpoint, whether the cluster answers, its client host, what to run next.

use std::time::Duration;

use serde::Serialize;
use shardform::cluster::look::Seen;
use shardform::cluster::placed::Placed;
use shardform::cluster::topology::View;
use shardform::cluster::verify::{Finding, Report, Severity};
use shardform::observed::{Endpoint, Live, LiveInstance, LiveReplicationGroup};
use shardform::spec::SshSource;
use tokio::time::Instant;

use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::plan_file;
use crate::reach;
use crate::session::{Picture, Session, quoted};
use crate::terminal::Paint;
use crate::verification::{Verified, verification};
use crate::view::{printable, verify::colored};

/// How long errors may last right after a change.
const SETTLING: Duration = Duration::from_secs(5);
/// Pause before they are looked for again.
const SETTLING_PAUSE: Duration = Duration::from_millis(200);
/// The user of Amazon Linux images.
const USER: &str = "ec2-user";

/// How to use the stack.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Ending {
    /// Configuration endpoint, `host:port`.
    pub endpoint: Option<String>,
    /// What the cluster proves of itself.
    pub check: Check,
    /// Client host.
    pub client_host: Option<ClientHost>,
    /// What to run next.
    pub next: Vec<String>,
}

/// What the cluster proves of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Check {
    /// It was not asked.
    #[default]
    NotAsked,
    /// It answers.
    Answers {
        /// What PING is answered with.
        ping: String,
        /// How long that took.
        ping_us: u64,
        /// Primaries that serve slots.
        primaries: usize,
        /// Replicas whose link is up.
        replicas: usize,
        /// Hash slots that are served, of 16384.
        slots: usize,
        /// What is wrong: the errors among the findings.
        faults: Vec<String>,
        /// What was found, as `verify` tells it.
        findings: Vec<Finding>,
    },
    /// It can't be asked from this machine.
    Unreachable {
        /// Why.
        reason: String,
        /// Whether that is a fault: a cluster of the local cloud answers on this machine or nowhere.
        is_fault: bool,
        /// What was found without asking it.
        findings: Vec<Finding>,
    },
}

/// The client host.
#[derive(Clone, Debug, Serialize)]
pub struct ClientHost {
    /// Its public address.
    pub address: String,
    /// How to get onto it, where the plan file lets anybody but AWS's own service in.
    pub ssh: Option<String>,
    /// Where the private key is that the stack has generated, or that it is not on this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_key: Option<String>,
    /// What else there is to know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<&'static str>,
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
        next.extend(endpoint.map(|_| session.again.command("connect")));
        next.extend(client_host.as_ref().and_then(|host| host.ssh.clone()));
        next.extend(endpoint.map(|endpoint| redis_cli(session, endpoint)));
        next.push(session.again.command("destroy"));
        Ending { endpoint: endpoint.map(ToString::to_string), check: Check::NotAsked, client_host, next }
    }

    /// The same, and verifies the cluster.
    ///
    /// # Errors
    /// The user has interrupted.
    pub async fn checked(session: &Session, picture: &Picture, interrupt: &Interrupt) -> Result<Self, Error> {
        let mut ending = interrupt.leaving(async { Ok(Ending::unchecked(session, &picture.live).await) }).await?;
        if let Some(group) = picture.live.replication_group.as_ref().filter(|group| group.endpoint.is_some()) {
            ending.check = checked(session, picture, group, interrupt).await?;
        }
        Ok(ending)
    }

    /// What is wrong with the cluster, if anything is.
    pub fn fault(&self) -> Option<String> {
        match &self.check {
            Check::Answers { faults, .. } if !faults.is_empty() => Some(faults.join("; ")),
            Check::Unreachable { reason, is_fault: true, .. } => Some(reason.clone()),
            Check::Unreachable { findings, .. } => {
                let faults = faults(findings);
                (!faults.is_empty()).then(|| faults.join("; "))
            }
            Check::Answers { .. } | Check::NotAsked => None,
        }
    }

    /// For people.
    pub fn text(&self, paint: Paint) -> String {
        let mut lines = Vec::new();
        let mut row = |label: &str, value: &str| {
            let label = paint.dim(&format!("{label:<22}"));
            lines.push(format!("  {label}  {value}"));
        };
        if let Some(endpoint) = &self.endpoint {
            row("configuration endpoint", endpoint);
        }
        for (label, value) in self.check.rows(paint) {
            row(label, &value);
        }
        if let Some(host) = &self.client_host {
            row("client host", &printable(&host.address));
            for more in host.ssh.as_deref().into_iter().chain(host.note) {
                row("", more);
            }
            if let Some(key) = &host.private_key {
                row("private key", &printable(key));
            }
        }
        lines.push(format!("\n{}", paint.bold("Next:")));
        lines.extend(self.next.iter().map(|command| format!("  {command}")));
        format!("\n{}", lines.join("\n"))
    }
}

/// Verifies, and again for a while where there are errors: right after a change a replica may still be copying.
async fn checked(
    session: &Session,
    picture: &Picture,
    group: &LiveReplicationGroup,
    interrupt: &Interrupt,
) -> Result<Check, Error> {
    let began = Instant::now();
    // Nobody expects an `apply` to log on to a host.
    let way = reach::open(session, group);
    loop {
        let verified = verification(picture, way.as_ref(), interrupt).await?;
        let check = Check::new(&verified, group, session.local);
        let is_unwell = matches!(&check, Check::Answers { faults, .. } if !faults.is_empty());
        if !is_unwell || began.elapsed() > SETTLING {
            return Ok(check);
        }
        interrupt
            .leaving(async {
                tokio::time::sleep(SETTLING_PAUSE).await;
                Ok(())
            })
            .await?;
    }
}

impl Check {
    fn new(verified: &Verified, group: &LiveReplicationGroup, is_local: bool) -> Self {
        let report = &verified.report;
        let silence = match &verified.seen {
            Err(reason) => Some(reason.clone()),
            Ok(seen) if seen.reached_any() => None,
            Ok(seen) => seen.first_silence().map(|(endpoint, silence)| format!("{endpoint}: {}", silence.reason)),
        };
        match (&verified.seen, silence) {
            (_, Some(reason)) => {
                Check::Unreachable { reason, is_fault: is_local, findings: findings_but_silence(report) }
            }
            (Ok(seen), None) => Check::answers(seen, group, report),
            (Err(reason), None) => {
                Check::Unreachable { reason: reason.clone(), is_fault: is_local, findings: Vec::new() }
            }
        }
    }

    fn answers(seen: &Seen, group: &LiveReplicationGroup, report: &Report) -> Self {
        let placed = Placed::new(Some(group), Some(seen));
        let entry = seen.entry.as_ref().and_then(|entry| entry.answer.as_ref().ok());
        let by_entry = entry.map(|answer| (answer.ping.clone(), answer.ping_took));
        let by_node = || placed.answering().next().map(|(_, answer)| (answer.ping.clone(), answer.ping_took));
        let (ping, ping_took) = by_entry.or_else(by_node).unwrap_or_default();
        let findings: Vec<Finding> = report.findings().cloned().collect();
        Check::Answers {
            ping,
            ping_us: u64::try_from(ping_took.as_micros()).unwrap_or(u64::MAX),
            primaries: placed.nodes.iter().filter(|node| node.is_primary()).count(),
            replicas: placed.nodes.iter().filter(|node| node.is_linked_replica()).count(),
            slots: placed.view.map_or(0, View::served_slots),
            faults: faults(&findings),
            findings,
        }
    }

    fn rows(&self, paint: Paint) -> Vec<(&'static str, String)> {
        let (mut rows, findings) = match self {
            Check::NotAsked => return Vec::new(),
            Check::Unreachable { reason, findings, .. } => {
                (vec![("PING", format!("not from here: {}", printable(reason)))], findings)
            }
            Check::Answers { ping, ping_us, primaries, replicas, slots, findings, .. } => {
                let took = format!("{}.{} ms", ping_us / 1000, ping_us % 1000 / 100);
                let nodes = format!("primaries {primaries}, replicas {replicas}, slots {slots} of 16384");
                let ping = format!("{} ({took})", paint.green(&printable(ping)));
                (vec![("PING", ping), ("cluster", nodes)], findings)
            }
        };
        for finding in findings.iter().filter(|finding| finding.severity > Severity::Note) {
            let text = format!("{}: {}", finding.severity, told(finding));
            rows.push(("", colored(finding.severity, &printable(&text), paint)));
        }
        rows
    }
}

/// `shard.0001: 1 of 2 replicas linked`
fn told(finding: &Finding) -> String {
    format!("{}: {}", finding.address, finding.seen)
}

fn faults(findings: &[Finding]) -> Vec<String> {
    findings.iter().filter(|finding| finding.severity == Severity::Error).map(told).collect()
}

/// What was found by other means than asking the nodes: that they can't be asked from here may be no fault.
fn findings_but_silence(report: &Report) -> Vec<Finding> {
    let others = report.checks.iter().filter(|checked| checked.check != "ping");
    others.flat_map(|checked| checked.verdict.findings()).cloned().collect()
}

async fn client_host(session: &Session, host: &LiveInstance) -> Option<ClientHost> {
    let address = host.public_address.clone()?;
    let sources = session.plan_file.spec.client.as_ref()?.ssh_from.as_ref();
    let is_open = sources.is_some_and(|sources| sources.iter().any(|source| matches!(source, SshSource::Cidr(_))));
    let note = match (session.local, is_open) {
        (true, _) => Some("an entry alone: the local cloud runs no hosts"),
        (false, false) => Some("open to EC2 Instance Connect alone, unless `client.ssh_from` says more"),
        (false, true) => None,
    };
    let key = session.private_key().await.map(|path| path.display().to_string());
    let lost = "not on this machine: it was generated elsewhere, or its file is gone";
    let private_key =
        plan_file::generates_key(&session.plan_file).then(|| key.clone().unwrap_or_else(|| lost.to_owned()));
    let identity = key.map(|path| format!("-i {} ", quoted(&path))).unwrap_or_default();
    let ssh = note.is_none().then(|| format!("ssh {identity}{USER}@{address}"));
    Some(ClientHost { address, ssh, private_key, note })
}

fn redis_cli(session: &Session, endpoint: &Endpoint) -> String {
    let cluster = &session.plan_file.spec.cluster;
    let token = cluster.auth_token_env.as_ref();
    let token = token.map(|name| format!("REDISCLI_AUTH=\"${name}\" "));
    let has_tls = cluster.transit_encryption.is_some_and(|mode| mode.as_str() == "required");
    let tls = if has_tls { " --tls" } else { "" };
    let (host, port) = (&endpoint.address, endpoint.port);
    format!("{}redis-cli -c{tls} -h {host} -p {port}", token.unwrap_or_default())
}
