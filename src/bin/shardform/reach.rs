//! The way to a stack's nodes: from what the plan file says and what is live to a [`Reach`], directly or through the
//! client host.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use shardform::cluster::reach::{Reach, Route};
use shardform::observed::{Endpoint, Live, LiveReplicationGroup};
use shardform::ssh::proxy::Proxy;
use tokio::net::TcpStream;

use crate::args::Via;
use crate::environment::Environment;
use crate::error::Error;
use crate::host;
use crate::plan_file;
use crate::session::Session;
use crate::terminal::Terminal;

/// How long a direct connection may take before the client host is tried.
const DIRECT_PATIENCE: Duration = Duration::from_secs(1);
/// How long connections and answers through the host may take: each is a channel of `ssh`'s, and the host may be far.
const HOST_PATIENCE: Duration = Duration::from_secs(10);

/// A way to the nodes, open as long as this value lives.
pub struct Way {
    /// How the nodes are reached.
    pub reach: Reach,
    /// The proxy that it goes through.
    _proxy: Option<Proxy>,
}

/// The direct way to the nodes of a group, whether it is open or not.
///
/// # Errors
/// The cluster wants a token, and this user doesn't have it.
pub fn open(session: &Session, group: &LiveReplicationGroup) -> Result<Way, Error> {
    Ok(Way { reach: direct(session, group)?, _proxy: None })
}

/// Opens a way to the nodes of a live group, and says so if it is not the direct one.
///
/// # Errors
/// There is no cluster that answers yet; it wants a token, and this user doesn't have it; or no way is open.
pub async fn open_via(
    via: Via,
    session: &Session,
    live: &Live,
    environment: &Environment,
    terminal: &Terminal,
) -> Result<Way, Error> {
    let (group, endpoint) = cluster(session, live)?;
    let reach = direct(session, group)?;
    match find(via, session, endpoint).await {
        Found::Direct => Ok(Way { reach, _proxy: None }),
        Found::Host => through_host(reach, session, live, environment, terminal).await,
        Found::Closed(reason) => {
            let way = through_host(reach, session, live, environment, terminal).await;
            way.map_err(|error| Error::no_way(endpoint, reason, error))
        }
    }
}

/// The group and its configuration endpoint.
pub fn cluster<'a>(session: &Session, live: &'a Live) -> Result<(&'a LiveReplicationGroup, &'a Endpoint), Error> {
    let Some(group) = &live.replication_group else {
        return Err(Error::NoCluster { stack: session.stack().to_owned(), apply: session.again.command("apply") });
    };
    match &group.endpoint {
        Some(endpoint) => Ok((group, endpoint)),
        None => Err(Error::NoEndpoint { status: group.status.clone() }),
    }
}

/// Which way there is.
pub enum Found {
    /// The direct one.
    Direct,
    /// Through the host, as it was asked for.
    Host,
    /// Through the host if at all: the direct one is closed. Why.
    Closed(String),
}

/// Finds out which way to go.
pub async fn find(via: Via, session: &Session, endpoint: &Endpoint) -> Found {
    match via {
        Via::Direct => Found::Direct,
        Via::Host => Found::Host,
        // Its nodes are on this machine or nowhere.
        Via::Auto if session.local => Found::Direct,
        Via::Auto => match tokio::time::timeout(DIRECT_PATIENCE, is_open(endpoint)).await {
            Ok(Ok(())) => Found::Direct,
            Ok(Err(error)) => Found::Closed(error.to_string()),
            Err(_) => Found::Closed(format!("no answer within {} s", DIRECT_PATIENCE.as_secs())),
        },
    }
}

async fn is_open(endpoint: &Endpoint) -> std::io::Result<()> {
    TcpStream::connect((endpoint.address.as_str(), endpoint.port)).await.map(drop)
}

async fn through_host(
    reach: Reach,
    session: &Session,
    live: &Live,
    environment: &Environment,
    terminal: &Terminal,
) -> Result<Way, Error> {
    let door = host::open(session, live, environment).await?;
    let proxy = door.proxy(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    terminal.mention(&format!("through {}{}", door.who(), door.key_note()));
    let reach = Reach { route: Route::Socks(proxy.address), patience: HOST_PATIENCE, ..reach };
    Ok(Way { reach, _proxy: Some(proxy) })
}

/// TLS and token, as the group has them.
pub fn direct(session: &Session, group: &LiveReplicationGroup) -> Result<Reach, Error> {
    let tls = matches!(group.transit_encryption.as_deref(), Some("preferred" | "required"));
    let token = match (group.auth_token_enabled, &session.token) {
        (Some(true), None) => {
            let variable = session.plan_file.spec.cluster.auth_token_env.clone().unwrap_or_default();
            return Err(Error::NoToken {
                variable,
                at: plan_file::place(&session.plan_file, "cluster.auth_token_env"),
            });
        }
        (Some(true), token) => token.clone(),
        (Some(false) | None, _) => None,
    };
    Ok(Reach { tls, token, ..Reach::default() })
}
