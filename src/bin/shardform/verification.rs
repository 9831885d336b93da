//! Verifies a stack: has its nodes looked at, written to and read from, and judged.

use std::time::{SystemTime, UNIX_EPOCH};

use shardform::cluster::look::{Seen, look};
use shardform::cluster::placed::Placed;
use shardform::cluster::probe::{Probe, probe};
use shardform::cluster::verify::{Expected, Facts, Report, verify};
use shardform::observed::LiveReplicationGroup;

use crate::error::Error;
use crate::expected::expected;
use crate::interrupt::Interrupt;
use crate::reach::Way;
use crate::session::Picture;

/// What was found, and what it was found in.
pub struct Verified {
    /// What was found.
    pub report: Report,
    /// What the nodes say; an error: why they can't be asked at all.
    pub seen: Result<Seen, String>,
}

/// Verifies what one observation, made with the intent to apply, has found. Where no way to the nodes is open, `way`
/// says why, and the rest is judged all the same.
///
/// # Errors
/// The user has interrupted; what was written to the cluster is deleted by then.
pub async fn verification(
    picture: &Picture,
    way: Result<&Way, &Error>,
    interrupt: &Interrupt,
) -> Result<Verified, Error> {
    let expected = match &picture.desired {
        Some(desired) => expected(desired, &picture.live, &picture.changes),
        None => Expected::default(),
    };
    let (seen, probes) = match &picture.live.replication_group {
        Some(group) => ask(way, group, &expected, interrupt).await?,
        None => (Ok(Seen::default()), Vec::new()),
    };
    let facts = Facts {
        live: &picture.live,
        expected: &expected,
        seen: seen.as_ref().map_err(String::as_str),
        probes: &probes,
    };
    Ok(Verified { report: verify(&facts), seen })
}

async fn ask(
    way: Result<&Way, &Error>,
    group: &LiveReplicationGroup,
    expected: &Expected,
    interrupt: &Interrupt,
) -> Result<(Result<Seen, String>, Vec<Probe>), Error> {
    let way = match way {
        Ok(way) => way,
        Err(Error::Interrupted) => return Err(Error::Interrupted),
        Err(error) => return Ok((Err(error.to_string()), Vec::new())),
    };
    let names = expected.parameters.keys().cloned().collect();
    let seen = interrupt.leaving(async { Ok(look(&way.reach, group, &names).await) }).await?;
    let placed = Placed::new(Some(group), Some(&seen));
    let probes = probe(&way.reach, &placed, &mark(), interrupt.pressed()).await.ok_or(Error::Interrupted)?;
    Ok((Ok(seen), probes))
}

/// Tells this run's keys from those of another one at the same time.
fn mark() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}-{}", std::process::id(), now.as_millis())
}
