//! A cloud that looks again before it deletes a cluster that it could not delete at once: while ElastiCache says "not
//! now", which can take an hour, somebody may renew the stack.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shardform::aws::AwsCloud;
use shardform::call::{Call, Wait};
use shardform::cloud::{Accepted, Cloud, CloudError, ErrorKind, Ids, Progress};
use shardform::observed::{Observed, Query};
use shardform::stacks::{Stack, Verdict, Why, recheck};
use tokio::time::Instant;

use super::query;
use crate::session::now_s;

/// For how long a look is believed.
const BELIEVED_FOR: Duration = Duration::from_secs(1);

/// One stack's cloud.
pub struct Guarded {
    cloud: Arc<AwsCloud>,
    stack: Stack,
    why: Why,
    looked: Mutex<Instant>,
}

impl Guarded {
    /// The cloud for a stack that was looked at right now.
    pub fn new(cloud: Arc<AwsCloud>, stack: Stack, why: Why) -> Self {
        Guarded { cloud, stack, why, looked: Mutex::new(Instant::now()) }
    }

    async fn look_again(&self, operation: &str) -> Result<(), CloudError> {
        let observed = self.cloud.observe(&query(&self.stack.name)).await?;
        let verdict = recheck(&self.stack, self.why, &observed.live, now_s());
        if let Some(message) = spared(&verdict) {
            let (operation, code) = (operation.to_owned(), String::new());
            return Err(CloudError { kind: ErrorKind::Rejected, operation, code, message, hint: None });
        }
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        Ok(())
    }

    fn is_stale(&self) -> bool {
        self.looked.lock().unwrap_or_else(PoisonError::into_inner).elapsed() > BELIEVED_FOR
    }
}

/// Why a stack is not deleted after all; `None`: it is.
pub fn spared(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Doomed => None,
        Verdict::Renewed(Some(at_s)) => Some(format!("it was renewed until {}", shardform::lifetime::instant(*at_s))),
        Verdict::Renewed(None) => Some("it doesn't expire any more".to_owned()),
        Verdict::Changed(more) => {
            let more: Vec<&str> = more.iter().map(|address| address.as_str()).collect();
            Some(format!("there is more of it now than was shown: {}", more.join(", ")))
        }
    }
}

impl Cloud for Guarded {
    fn observe(&self, query: &Query) -> impl Future<Output = Result<Observed, CloudError>> + Send {
        self.cloud.observe(query)
    }

    async fn start(&self, call: &Call, ids: &Ids) -> Result<Accepted, CloudError> {
        if matches!(call, Call::DeleteReplicationGroup { .. }) && self.is_stale() {
            self.look_again(call.operation()).await?;
        }
        self.cloud.start(call, ids).await
    }

    fn status(&self, wait: &Wait, ids: &Ids) -> impl Future<Output = Result<Progress, CloudError>> + Send {
        self.cloud.status(wait, ids)
    }
}
