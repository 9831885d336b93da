//! What can go wrong, worded once; and the one place that prints errors and picks the exit code.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use shardform::cloud::{CloudError, ErrorKind};
use shardform::cluster::drill::admission::Refusal;
use shardform::cluster::reach::ReachError;
use shardform::observed::Endpoint;
use shardform::resource::Address;
use shardform::spec::Problem;

use crate::host::HostError;
use crate::local::LocalError;
use crate::terminal::{Paint, Terminal};
use crate::view::duration;

/// An error, or something that is not done.
pub const EXIT_ERROR: u8 = 1;
/// There are differences, or only warnings.
pub const EXIT_DIFFERENT: u8 = 2;
/// The user has interrupted.
pub const EXIT_INTERRUPTED: u8 = 130;

/// A place in the plan file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file as the user names it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One thing that is wrong with one resource or one part of the plan file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The resource, where it is one's.
    pub address: Option<Address>,
    /// Where the plan file asks for it.
    pub at: Place,
    /// The cloud's operation, where one was refused.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub operation: String,
    /// The cloud's error code.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub code: String,
    /// What is wrong; a cloud's words are word for word.
    pub message: String,
    /// What to do next.
    pub hint: String,
}

impl Finding {
    /// One that is about the plan file alone.
    pub fn in_plan_file(at: Place, message: String, hint: &str) -> Self {
        let (operation, code) = (String::new(), String::new());
        Finding { address: None, at, operation, code, message, hint: hint.to_owned() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.at)?;
        if let Some(address) = self.address {
            write!(f, "{address}: ")?;
        }
        for part in [&self.operation, &self.code] {
            if !part.is_empty() {
                write!(f, "{part}: ")?;
            }
        }
        f.write_str(&self.message)
    }
}

/// Why a run ends without being done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The plan file is wrong.
    #[error("{}", lines(.0))]
    PlanFile(Vec<Problem>),
    /// What the plan file asks for can't be in these surroundings.
    #[error("{}", lines(.0))]
    Impossible(Vec<Finding>),
    /// What the plan file asks for can't be done in place.
    #[error("{}", lines(.0))]
    Refused(Vec<Finding>),
    /// Steps have failed.
    #[error("{}", lines(.0))]
    Failed(Vec<Finding>),
    /// The cloud can't be read, or not be reached.
    #[error("{0}")]
    Cloud(CloudError),
    /// There is no plan file.
    #[error("there is no plan file {}", .0.display())]
    NoPlanFile(PathBuf),
    /// A file can't be used.
    #[error("can't {verb} {}: {source}", .path.display())]
    File {
        /// `read`, `write`.
        verb: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The variable of the AUTH token is not set.
    #[error("{at}: the environment variable {variable} is not set, and the plan file takes the AUTH token from it")]
    NoToken {
        /// Its name.
        variable: String,
        /// Where the plan file names it.
        at: Place,
    },
    /// A variable that names an endpoint holds no URL.
    #[error("the environment variable {0} is set, and is no URL")]
    BadEndpoint(&'static str),
    /// Nobody says where the user's files are.
    #[error("neither HOME nor {0} says where files are kept")]
    NoHome(&'static str),
    /// There is nobody to ask.
    #[error("there is no terminal to ask on, so nothing was changed")]
    Unconfirmed,
    /// The answer was no.
    #[error("nothing was changed")]
    Declined,
    /// What is live has changed since the changes were shown.
    #[error("what is live has changed meanwhile ({}), so nothing was changed", joined(.0))]
    Moved(Vec<Address>),
    /// The waiting was left.
    #[error("out of time: what is begun goes on by itself")]
    TimedOut {
        /// What goes on with it.
        again: String,
    },
    /// The user has interrupted the steps.
    #[error("interrupted: what is begun goes on by itself, and nothing is lost")]
    Stopped {
        /// What goes on with it.
        again: String,
    },
    /// The user has interrupted before anything was begun.
    #[error("interrupted")]
    Interrupted,
    /// All steps are done, and there still are differences.
    #[error("all is carried out, and still there are differences: {}", joined(.0))]
    StillDiffers(Vec<Address>),
    /// All steps are done, and something is still there.
    #[error("all is carried out, and still there is: {}", joined(.0))]
    StillThere(Vec<Address>),
    /// Not all stacks that were to be deleted are gone.
    #[error("not all is deleted: {}", stacks.join(", "))]
    LeftOver {
        /// Those that are left, with their regions where there are several.
        stacks: Vec<String>,
        /// What goes on with it.
        again: String,
    },
    /// The cluster is there, and isn't whole.
    #[error("all is carried out, but the cluster is not well: {0}")]
    Unhealthy(String),
    /// There is no cluster to talk to.
    #[error("the stack {stack} has no cluster")]
    NoCluster {
        /// Its name.
        stack: String,
        /// What makes one.
        apply: String,
    },
    /// A failover drill isn't begun.
    #[error("{0}")]
    Drill(#[from] Refusal),
    /// A shard that was failed over is not as it should be.
    #[error("shard {shard} {what}")]
    NotRestored {
        /// Which.
        shard: String,
        /// What is wrong.
        what: &'static str,
    },
    /// A shard was out for longer than it may be.
    #[error("shard {shard}: {what} failed for {} at a time, and {} is the most that is allowed", duration(*.out), duration(*.most))]
    OutForTooLong {
        /// Which.
        shard: String,
        /// `writes` or `reads`.
        what: &'static str,
        /// For how long.
        out: Duration,
        /// What the user allows.
        most: Duration,
    },
    /// No node can be talked to.
    #[error("the cluster can't be reached from this machine: {0}")]
    Unreachable(String),
    /// The cluster can't be talked to yet.
    #[error("the cluster has no endpoint yet: it is {status}")]
    NoEndpoint {
        /// As the cloud names it.
        status: String,
    },
    /// The client host.
    #[error("{0}")]
    Host(#[from] HostError),
    /// Neither the direct way nor the one through the client host is open.
    #[error("{endpoint} does not answer directly ({reason}), nor is there a way through the client host: {host}")]
    NoWay {
        /// The configuration endpoint.
        endpoint: String,
        /// Why not directly.
        reason: String,
        /// Why not through the host.
        host: Box<Error>,
    },
    /// A node that is talked to.
    #[error("{0}")]
    Node(#[from] ReachError),
    /// A program that was started, such as redis-cli.
    #[error("can't start {program}: {source}")]
    Start {
        /// Its name.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The terminal can't be used.
    #[error("the terminal can't be used: {0}")]
    Terminal(String),
    /// The options of a command don't go together.
    #[error("{0}")]
    Usage(&'static str),
    /// The local cloud.
    #[error("{0}")]
    Local(#[from] LocalError),
    /// `init` doesn't overwrite.
    #[error("{} exists", .0.display())]
    Exists(PathBuf),
    /// `init --ci` doesn't overwrite.
    #[error("{} exists", .0.display())]
    JobFileExists(PathBuf),
    /// A plan file's path that would mean something else in a job file.
    #[error("a CI job can't name the plan file {}", .0.display())]
    BadJobPath(PathBuf),
    /// No such template.
    #[error("there is no template `{0}`")]
    NoTemplate(String),
    /// Not a stack's name.
    #[error("`{0}` can't be a stack's name")]
    BadName(String),
    /// The system gives no event loop.
    #[error("the system gives no event loop: {0}")]
    Runtime(io::Error),
    /// Standard output can't be written.
    #[error("can't write to standard output: {0}")]
    Output(io::Error),
    /// An error that standard output already tells programs of.
    #[error("{0}")]
    Told(Box<Error>),
}

fn lines(items: &[impl fmt::Display]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn joined(addresses: &[Address]) -> String {
    addresses.iter().map(|address| address.as_str()).collect::<Vec<_>>().join(", ")
}

impl Error {
    /// The same, for people alone from now on.
    pub fn told(self) -> Self {
        match self {
            Error::Told(_) => self,
            other => Error::Told(Box::new(other)),
        }
    }

    /// Neither way to a cluster is open.
    pub fn no_way(endpoint: &Endpoint, reason: String, host: Error) -> Self {
        match host {
            // The user has left, or can't be helped with a way.
            Error::Interrupted => host,
            host => Error::NoWay { endpoint: endpoint.to_string(), reason, host: Box::new(host) },
        }
    }

    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Stopped { .. } | Error::Interrupted => EXIT_INTERRUPTED,
            Error::Told(error) => error.exit_code(),
            _ => EXIT_ERROR,
        }
    }

    /// What programs tell errors apart by.
    fn kind(&self) -> &'static str {
        match self {
            Error::PlanFile(_) | Error::NoPlanFile(_) => "plan_file",
            Error::Impossible(_) => "impossible",
            Error::Refused(_) => "refused",
            Error::Failed(_) => "failed",
            Error::Cloud(_) => "cloud",
            Error::File { .. } | Error::Exists(_) | Error::JobFileExists(_) => "file",
            Error::NoToken { .. } | Error::NoHome(_) | Error::BadEndpoint(_) => "environment",
            Error::Unconfirmed | Error::Declined => "unconfirmed",
            Error::Moved(_) => "moved",
            Error::TimedOut { .. } => "timed_out",
            Error::Stopped { .. } | Error::Interrupted => "interrupted",
            Error::StillDiffers(_) | Error::StillThere(_) => "still_differs",
            Error::LeftOver { .. } => "left_over",
            Error::Unhealthy(_) => "unhealthy",
            Error::Drill(_) => "refused",
            Error::NotRestored { .. } => "not_restored",
            Error::OutForTooLong { .. } => "unavailable",
            Error::Unreachable(_) => "unreachable",
            Error::Local(_) => "local",
            Error::NoCluster { .. } | Error::NoEndpoint { .. } => "no_cluster",
            Error::Host(_) | Error::NoWay { .. } => "host",
            Error::Node(_) => "node",
            Error::Start { .. } | Error::Terminal(_) => "system",
            Error::Usage(_) => "usage",
            Error::NoTemplate(_) | Error::BadName(_) | Error::BadJobPath(_) => "usage",
            Error::Runtime(_) | Error::Output(_) => "system",
            Error::Told(error) => error.kind(),
        }
    }

    /// What to do next, where the error's own lines don't say it.
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Error::Cloud(error) => return cloud_hint(error),
            Error::Local(error) => return error.hint(),
            Error::Host(error) => return error.hint(),
            Error::NoWay { host, .. } => return host.hint(),
            Error::NoCluster { apply, .. } => return Some(format!("`{apply}` makes one")),
            Error::NoEndpoint { .. } => "`shardform status` shows how far it is",
            Error::Unreachable(_) => {
                "a cluster on AWS answers only in its VPC: `--via host` goes through the client host"
            }
            Error::Told(error) => return error.hint(),
            Error::NoPlanFile(_) => "`shardform init` writes one, or name yours",
            Error::NoToken { .. } => "set it; its value is never shown or kept",
            Error::NoHome(_) => "set one of them to an absolute path",
            Error::BadEndpoint(_) => "unset it, or set it to a URL that begins with http:// or https://",
            Error::Unconfirmed => "`--yes` goes on without asking",
            Error::Moved(_) => "run it again to see the changes as they are now",
            Error::Exists(_) => "name another file, or overwrite it with `--force`",
            Error::JobFileExists(_) => "overwrite it with `--force`",
            Error::BadJobPath(_) => "a path from the repository's root, of letters, digits and the characters . _ - /",
            Error::NoTemplate(_) => "`shardform init --list` shows them",
            Error::BadName(_) => "1 to 40 letters, digits and single hyphens, a letter first, no hyphen at the end",
            Error::StillDiffers(_) => {
                "`shardform plan` shows them; the cloud may have undone a change, or still be at it"
            }
            Error::Drill(refusal) => refusal.hint(),
            Error::NotRestored { .. } => "`shardform status` shows its nodes, and the cloud may still be at it",
            Error::Unhealthy(_) => "it may need a moment more; `shardform verify` looks again, and says what to do",
            Error::StillThere(_) => "`shardform status` shows it; run it again to go on",
            Error::TimedOut { again } | Error::Stopped { again } | Error::LeftOver { again, .. } => {
                return Some(format!("to go on: {again}"));
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }

    /// The error for programs.
    pub fn to_json(&self) -> Value {
        let mut value = json!({ "kind": self.kind(), "message": self.to_string() });
        let mut set = |key: &str, more: Value| value[key] = more;
        match self {
            Error::Told(error) => return error.to_json(),
            Error::PlanFile(problems) => set("problems", problems.iter().map(problem_json).collect()),
            Error::Impossible(findings) | Error::Refused(findings) | Error::Failed(findings) => {
                set("problems", json!(findings));
            }
            Error::NoToken { at, .. } => set("at", json!(at)),
            Error::Moved(addresses) | Error::StillDiffers(addresses) | Error::StillThere(addresses) => {
                set("addresses", json!(addresses));
            }
            Error::Cloud(error) => {
                set("operation", error.operation.as_str().into());
                set("code", error.code.as_str().into());
            }
            _ => {}
        }
        if let Some(hint) = self.hint() {
            value["hint"] = hint.into();
        }
        value
    }

    /// The error for people: a line for each finding, and what to do next below it.
    pub fn to_text(&self, paint: Paint) -> String {
        let label = paint.red("error:");
        let with_hint = |text: String, hint: Option<String>| match hint {
            Some(hint) => format!("{label} {text}\n  {} {hint}", paint.bold("hint:")),
            None => format!("{label} {text}"),
        };
        match self {
            Error::Told(error) => error.to_text(paint),
            Error::Impossible(findings) | Error::Refused(findings) | Error::Failed(findings) => {
                let texts = findings.iter().map(|finding| {
                    let hint = (!finding.hint.is_empty()).then(|| finding.hint.clone());
                    with_hint(finding.to_string(), hint)
                });
                texts.collect::<Vec<_>>().join("\n")
            }
            // A problem of a plan file begins with its place, as editors look for it, and brings its line and hint.
            Error::PlanFile(problems) => problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
            _ => with_hint(self.to_string(), self.hint()),
        }
    }
}

fn problem_json(problem: &Problem) -> Value {
    json!({
        "at": { "file": problem.file, "line": problem.at.line, "column": problem.at.column },
        "message": problem.message,
        "hint": problem.hint,
    })
}

/// What to do about a cloud's error: its own hint, or what its kind suggests.
pub fn cloud_hint(error: &CloudError) -> Option<String> {
    let by_kind = || match error.kind {
        ErrorKind::Rejected => None,
        ErrorKind::Busy => Some("try again in a while"),
        ErrorKind::Unsupported => Some("this endpoint doesn't have the call; `--local` has all that a plan file needs"),
        ErrorKind::Unreachable => Some("check the network, the region and `--endpoint-url`"),
        ErrorKind::Configuration => {
            Some("set up credentials and a region (`aws configure`, `--profile`, `--region`), or try `--local`")
        }
    };
    error.hint.clone().or_else(|| by_kind().map(str::to_owned))
}

/// Tells people and, where it is asked for, programs; answers with the exit code.
pub fn report(error: &Error, terminal: &Terminal) -> u8 {
    if terminal.json && !matches!(error, Error::Told(_)) {
        // Whether this can be written or not, the error is told below as well.
        let _ = terminal.print_json(&json!({ "error": error.to_json() }));
    }
    terminal.tell(&error.to_text(terminal.error_paint));
    error.exit_code()
}

/// Tells programs of wrong usage, which is found before there is a [`Terminal`].
pub fn print_usage_json(message: &str) {
    use std::io::Write;
    let value = json!({ "error": { "kind": "usage", "message": message.trim_end() } });
    let _ = writeln!(io::stdout().lock(), "{value}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    const PLAIN: Paint = Paint { color: false, width: 100 };

    fn rejected() -> Finding {
        Finding {
            address: Some(Address::ReplicationGroup),
            at: Place { file: "day19.yaml".to_owned(), line: 14, column: 1 },
            operation: "elasticache:CreateReplicationGroup".to_owned(),
            code: "InsufficientCacheClusterCapacity".to_owned(),
            message: "We currently do not have sufficient capacity.".to_owned(),
            hint: "try another zone or node type".to_owned(),
        }
    }

    #[test]
    fn a_clouds_words_come_with_resource_and_line_and_next_step() {
        let error = Error::Failed(vec![rejected()]);
        expect![[r#"
            error: day19.yaml:14:1: replication_group.cluster: elasticache:CreateReplicationGroup: InsufficientCacheClusterCapacity: We currently do not have sufficient capacity.
              hint: try another zone or node type"#]]
        .assert_eq(&error.to_text(PLAIN));
        expect![[r#"{"kind":"failed","message":"day19.yaml:14:1: replication_group.cluster: elasticache:CreateReplicationGroup: InsufficientCacheClusterCapacity: We currently do not have sufficient capacity.","problems":[{"address":"replication_group.cluster","at":{"column":1,"file":"day19.yaml","line":14},"code":"InsufficientCacheClusterCapacity","hint":"try another zone or node type","message":"We currently do not have sufficient capacity.","operation":"elasticache:CreateReplicationGroup"}]}"#]]
        .assert_eq(&error.to_json().to_string());
    }

    #[test]
    fn interruption_has_its_own_exit_code() {
        let again = "shardform apply".to_owned();
        assert_eq!(Error::Stopped { again: again.clone() }.told().exit_code(), 130);
        assert_eq!(Error::Interrupted.exit_code(), 130);
        assert_eq!(Error::TimedOut { again }.exit_code(), 1);
        assert_eq!(Error::Declined.exit_code(), 1);
    }
}
