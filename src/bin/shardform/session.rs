//! One plan file and the cloud that it is for: connects, observes, and compares. Prints nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use shardform::aws::{AwsCloud, AwsOptions};
use shardform::cloud::{Cloud, CloudError, ErrorKind, Ids};
use shardform::desired::{self, Desired, Inputs};
use shardform::diff::{Action, ChangeSet, Keep, Refusal, diff, teardown, teardown_keeping};
use shardform::lifetime::Length;
use shardform::observed::{Live, Query};
use shardform::resource::{Address, Names};
use shardform::secret::Secret;
use shardform::spec::PlanFile;
use shardform::steps::{StepGraph, steps};

use crate::account::{self, Account};
use crate::args::{Global, PlanFileArgs};
use crate::environment::Environment;
use crate::error::{Error, Finding, cloud_hint};
use crate::plan_file;
use crate::terminal::Terminal;

/// What is to become of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// It is to be as the plan file says.
    Apply,
    /// It is to be gone.
    Destroy,
    /// It is only looked at.
    Look,
}

/// A plan file with its cloud.
pub struct Session {
    /// The cloud.
    pub cloud: Arc<AwsCloud>,
    /// Its region.
    pub region: String,
    /// Whether it is the local cloud.
    pub local: bool,
    /// The plan file.
    pub plan_file: PlanFile,
    /// What it refers to.
    pub inputs: Inputs,
    /// The AUTH token, where the plan file names a variable and it holds one.
    pub token: Option<Secret>,
    /// The snapshot that a destroyed stack's data is kept in, if it is.
    pub snapshot: Option<String>,
    /// How to run a command for this stack again.
    pub again: Again,
}

/// What one observation makes of a session's intent.
#[derive(Clone, Debug)]
pub struct Picture {
    /// AWS account, where it is told.
    pub account: Option<String>,
    /// What is live.
    pub live: Live,
    /// What should be live; `None`: that was not asked.
    pub desired: Option<Desired>,
    /// What differs.
    pub changes: ChangeSet,
    /// What is to be done about it.
    pub steps: StepGraph,
}

impl Session {
    /// Reads the plan file, starts the local cloud if it is asked for, and connects.
    pub async fn open(
        args: &PlanFileArgs,
        intent: Intent,
        global: &Global,
        environment: &Environment,
        terminal: &Terminal,
    ) -> Result<Self, Error> {
        let plan_file = plan_file::load(args, environment)?;
        // Only who makes something needs keys and secrets: what is live can be shown and deleted without them.
        let (inputs, auth_token) = match intent {
            Intent::Apply => (plan_file::inputs(&plan_file)?, plan_file::auth_token(&plan_file, environment)?),
            Intent::Destroy | Intent::Look => {
                (Inputs::default(), plan_file::auth_token(&plan_file, environment).ok().flatten())
            }
        };
        let private_key_file = plan_file::private_key_file(&plan_file);
        let account = Account::named(global, environment, terminal).await?;
        // Without a home only who generates a key can't go on.
        let needs_home = intent == Intent::Apply && plan_file::generates_key_at_default(&plan_file);
        if needs_home && account.key_dir.is_none() {
            return Err(Error::NoHome("XDG_DATA_HOME"));
        }
        let spec = &plan_file.spec;
        let options = AwsOptions {
            auth_token: auth_token.clone(),
            private_key_file,
            ..account.options(spec.region.as_deref(), &spec.name)
        };
        let cloud = AwsCloud::connect(options).await.map_err(Error::Cloud)?;
        let region = cloud.region().to_owned();
        Ok(Session {
            cloud: Arc::new(cloud),
            region,
            local: global.local,
            inputs: Inputs { now_s: now_s(), ..inputs },
            token: auth_token,
            snapshot: None,
            again: Again::new(args, global),
            plan_file,
        })
    }

    /// Takes what the command line says of the stack's life, before the plan file's word.
    pub fn expiring_in(mut self, length: Option<Length>) -> Self {
        self.inputs.expires_in = length;
        self.again.expires_in = length;
        self
    }

    /// Where the client host's private key is, if this user has it.
    pub async fn private_key(&self) -> Option<PathBuf> {
        let path = match plan_file::imported_private_key(&self.plan_file) {
            Some(path) => path,
            None => self.cloud.private_key_file().await,
        };
        path.is_file().then_some(path)
    }

    /// Has the data kept in this snapshot when the stack is destroyed.
    pub fn keeping_data(mut self, snapshot: Option<&str>) -> Self {
        self.snapshot = snapshot.map(str::to_owned);
        self.again.snapshot.clone_from(&self.snapshot);
        self
    }

    /// The stack's name.
    pub fn stack(&self) -> &str {
        &self.plan_file.spec.name
    }

    /// Observes once, and compares with what is intended.
    pub async fn picture(&self, intent: Intent) -> Result<Picture, Error> {
        let spec = &self.plan_file.spec;
        let query = match intent {
            Intent::Apply => desired::query(spec),
            Intent::Destroy | Intent::Look => {
                Query { names: Names::new(&spec.name), surroundings: None, snapshot: self.snapshot.clone() }
            }
        };
        let observed = self.cloud.observe(&query).await.map_err(|error| self.unreadable(error))?;
        let desired = match intent {
            Intent::Apply => {
                let desired = desired::desired(spec, &self.inputs, &observed);
                Some(desired.map_err(|reasons| self.impossible(&reasons))?)
            }
            Intent::Destroy | Intent::Look => None,
        };
        let changes = match (intent, &desired) {
            (_, Some(desired)) => diff(desired, &observed.live),
            (Intent::Destroy, None) => match &self.snapshot {
                None => teardown(&query.names, &observed.live),
                Some(name) => {
                    let keep = Keep { name, snapshots: observed.surroundings.snapshots.as_ref() };
                    teardown_keeping(&query.names, &observed.live, &keep)
                }
            },
            (Intent::Apply | Intent::Look, None) => ChangeSet::default(),
        };
        let (account, live) = (observed.surroundings.account, observed.live);
        Ok(Picture { account, live, desired, steps: steps(&changes), changes })
    }

    /// What the cloud says of ids that the plan file names belongs to their place in it.
    fn unreadable(&self, error: CloudError) -> Error {
        let path = match error.operation.as_str() {
            "ec2:DescribeSubnets" => "network.subnets",
            "ec2:DescribeVpcs" => "network.vpc",
            _ => return Error::Cloud(error),
        };
        if error.kind != ErrorKind::Rejected {
            return Error::Cloud(error);
        }
        let hint = cloud_hint(&error).unwrap_or_else(|| "check the id, and the region".to_owned());
        let (operation, code, message) = (error.operation, error.code, error.message);
        let at = plan_file::place(&self.plan_file, path);
        Error::Impossible(vec![Finding { address: None, at, operation, code, message, hint }])
    }

    fn impossible(&self, reasons: &[desired::Impossible]) -> Error {
        let findings = reasons.iter().map(|reason| Finding {
            address: None,
            at: plan_file::place(&self.plan_file, reason.path),
            operation: String::new(),
            code: String::new(),
            message: reason.message.clone(),
            hint: reason.hint.clone(),
        });
        Error::Impossible(findings.collect())
    }

    /// Refusals with their places in the plan file.
    pub fn refused(&self, refusals: &[Refusal]) -> Error {
        let findings = refusals.iter().map(|refusal| Finding {
            address: Some(refusal.address),
            at: plan_file::place(&self.plan_file, &refusal.path),
            operation: String::new(),
            code: String::new(),
            message: refusal.message.clone(),
            hint: refusal.hint.clone(),
        });
        Error::Refused(findings.collect())
    }
}

impl Picture {
    /// Whether something moves that is to be waited for, whatever else is to be done.
    pub fn is_waiting(&self) -> bool {
        self.changes.changes.iter().any(|change| change.action == Action::Wait)
    }

    /// Whether nothing is to be changed, and something moves that is to be waited for.
    pub fn is_only_waiting(&self) -> bool {
        let mut changes = self.changes.changes.iter();
        !self.steps.steps.is_empty() && changes.all(|change| change.action == Action::Wait)
    }

    /// The ids of what is live, for steps that wait for it or refer to it.
    pub fn ids(&self) -> Ids {
        let live = &self.live;
        let key_pair = live.key_pair.as_ref().map(|key| (Address::KeyPair, key.id.clone()));
        let client_group = live.client_group.as_ref();
        let cluster_group = live.cluster_group.as_ref();
        let groups = client_group.map(|group| (Address::ClientGroup, group.id.clone()));
        let groups = groups.into_iter().chain(cluster_group.map(|group| (Address::ClusterGroup, group.id.clone())));
        let instance = live.instances.first().map(|host| (Address::Instance, host.id.clone()));
        key_pair.into_iter().chain(groups).chain(instance).collect()
    }

    /// Resources whose change is another one than in `shown`.
    pub fn moved_since(&self, shown: &Picture) -> Vec<Address> {
        let moved = |address: &Address| {
            let refusals = |picture: &Picture| {
                let mine = picture.changes.refusals.iter().filter(|refusal| refusal.address == *address);
                mine.cloned().collect::<Vec<_>>()
            };
            self.changes.change(*address) != shown.changes.change(*address) || refusals(self) != refusals(shown)
        };
        Address::ALL.into_iter().filter(moved).collect()
    }
}

/// The clock, in seconds since 1970.
pub fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs())
}

/// How to run a command for the same stack in the same cloud again.
pub struct Again {
    arguments: String,
    /// The snapshot that `destroy` keeps the data in.
    snapshot: Option<String>,
    /// What an `apply` was told beside the plan file.
    expires_in: Option<Length>,
}

impl Again {
    /// Keeps what says which stack and which cloud.
    pub fn new(args: &PlanFileArgs, global: &Global) -> Self {
        let mut words = vec![args.file.display().to_string()];
        words.extend(account::words(global));
        for (name, value) in &args.set {
            words.extend(["--set".to_owned(), format!("{name}={value}")]);
        }
        let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        Again { arguments: words.join(" "), snapshot: None, expires_in: None }
    }

    /// The command as a shell takes it.
    pub fn command(&self, name: &str) -> String {
        let of = |command: &str, option: Option<String>| option.filter(|_| name == command).unwrap_or_default();
        let snapshot = self.snapshot.as_ref().map(|snapshot| format!(" --snapshot {}", quoted(snapshot)));
        let expires_in = self.expires_in.map(|length| format!(" --expires-in {length}"));
        format!("shardform {name} {}{}{}", self.arguments, of("destroy", snapshot), of("apply", expires_in))
    }
}

/// A word as a POSIX shell reads it.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_the_shell() {
        assert_eq!(quoted("day19.yaml"), "day19.yaml");
        assert_eq!(quoted("my plan.yaml"), "'my plan.yaml'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("a=$HOME"), "'a=$HOME'");
    }
}
