//! The way to a stack's nodes: from what the plan file says and what is live to a [`Reach`].

use shardform::cluster::reach::Reach;
use shardform::observed::LiveReplicationGroup;

use crate::error::Error;
use crate::plan_file;
use crate::session::Session;

/// A way to the nodes, open as long as this value lives.
pub struct Way {
    /// How the nodes are reached.
    pub reach: Reach,
}

/// Opens the way to the nodes of a group.
///
/// # Errors
/// The cluster wants a token, and this user doesn't have it.
pub async fn open(session: &Session, group: &LiveReplicationGroup) -> Result<Way, Error> {
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
    Ok(Way { reach: Reach { tls, token, ..Reach::default() } })
}
