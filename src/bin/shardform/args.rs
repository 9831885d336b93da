//! The command line's grammar: clap alone. Knows no command's meaning.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use shardform::cluster::drill::admission::Wanted;
use shardform::lifetime::{LONGEST_S, Length, seconds};
use shardform::templates::ci::CiSystem;

use crate::environment::Environment;

const GLOBAL: &str = "Global options";
/// The plan file of who names none.
pub const DEFAULT_FILE: &str = "shardform.yaml";

const EXIT_CODES: &str = "\
Exit codes:
  0    done, or nothing to do
  1    an error, or something that is not done
  2    there are differences (only from `plan --detailed-exitcode`), or nothing worse than warnings (`verify`)
  130  interrupted";

const EXAMPLES: &str = "\
Examples:
  shardform init                     write a plan file to start from
  shardform apply --local            try it on this machine, without AWS
  shardform plan                     see what would change on AWS
  shardform apply                    make it so
  shardform destroy                  delete all of it";

macro_rules! help {
    ($($examples:expr),*) => { concat!("Examples:", $("\n  ", $examples),*) };
}

/// A Redis or Valkey cluster on AWS ElastiCache from one plan file
#[derive(Debug, Parser)]
#[command(name = "shardform", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub struct Args {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, clap::Args)]
pub struct Global {
    /// Use the local cloud on this machine; it is started if it isn't up
    #[arg(long, global = true, conflicts_with = "endpoint_url", help_heading = GLOBAL)]
    pub local: bool,
    /// Send AWS calls to this URL instead of AWS
    #[arg(long, global = true, value_name = "URL", value_parser = parse_url, help_heading = GLOBAL)]
    pub endpoint_url: Option<String>,
    /// AWS region, before the plan file's and the AWS configuration's
    #[arg(long, global = true, value_name = "REGION", value_parser = parse_region, help_heading = GLOBAL)]
    pub region: Option<String>,
    /// Profile of the AWS configuration
    #[arg(long, global = true, value_name = "NAME", help_heading = GLOBAL)]
    pub profile: Option<String>,
    /// Write JSON to standard output
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub json: bool,
    /// No colors (as with NO_COLOR set)
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub no_color: bool,
    /// Say only what is asked for
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = GLOBAL)]
    pub quiet: bool,
    /// Also say steps and reasons
    #[arg(short, long, global = true, help_heading = GLOBAL)]
    pub verbose: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a commented plan file to start from
    #[command(after_help = help!(
        "shardform init                                shardform.yaml, from the template for beginners",
        "shardform init --list                         all templates",
        "shardform init day19.yaml --template ci       another template; the stack is called day19",
        "shardform init day19.yaml --ci github         CI job files for that plan file"
    ))]
    Init(Init),
    /// Check a plan file, without asking any cloud
    #[command(after_help = help!(
        "shardform validate",
        "shardform validate day19.yaml --set shards=5"
    ))]
    Validate(PlanFileArgs),
    /// Show what would change
    #[command(after_help = help!(
        "shardform plan day19.yaml",
        "shardform plan day19.yaml --detailed-exitcode     0: no change, 2: changes, 1: error",
        "shardform plan day19.yaml --json | jq .summary"
    ))]
    Plan(Plan),
    /// Make it so: show the changes, ask, carry them out, and check
    #[command(after_help = help!(
        "shardform apply day19.yaml",
        "shardform apply day19.yaml --local --yes          on this machine, without asking",
        "shardform apply day19.yaml --timeout 20m          leave after 20 minutes; run it again to go on",
        "shardform apply day19.yaml --expires-in 2h        `cleanup` may delete it in two hours"
    ))]
    Apply(Apply),
    /// Delete all that the plan file's stack owns: show it, ask, and carry it out
    #[command(after_help = help!(
        "shardform destroy day19.yaml",
        "shardform destroy day19.yaml --yes --timeout 20s  begin it, and don't wait for its end",
        "shardform destroy day19.yaml --snapshot keep      keep the data: `cluster.restore_from: keep` brings it back"
    ))]
    Destroy(Destroy),
    /// Show what is live, at once
    #[command(after_help = help!(
        "shardform status day19.yaml",
        "shardform status day19.yaml --json | jq -r .endpoint"
    ))]
    Status(PlanFileArgs),
    /// Fail a shard over under watch, and report what writers and readers saw
    ///
    /// Writes to the shard, and reads from its primary, fail for some seconds. Exit code 1 if the shard doesn't come
    /// back to full strength, or if it was out for longer than --max-unavailable; acknowledged writes that are lost
    /// are told of, and no error.
    #[command(after_help = help!(
        "shardform failover day19.yaml --shard 0001",
        "shardform failover day19.yaml --shard all --yes   one after another",
        "shardform failover day19.yaml --shard 0001 --report drill.html",
        "shardform failover day19.yaml --shard random --yes --max-unavailable 30s    a gate of a CI job",
        "shardform failover day19.yaml --shard 1 --json | jq '.drills[].writes.outages'"
    ))]
    Failover(Failover),
    /// Open redis-cli on the client host, or where the cluster is reached directly, on this machine
    #[command(after_help = help!(
        "shardform connect day19.yaml                      redis-cli, at the configuration endpoint",
        "shardform connect day19.yaml -- GET greeting      one command, and its reply",
        "shardform connect day19.yaml --shell              a shell on the client host",
        "SHARDFORM_SSH='ssh -J jump.example' shardform connect    your ssh, with your options"
    ))]
    Connect(Connect),
    /// Keep a SOCKS proxy open through the client host, until Ctrl-C
    #[command(after_help = help!(
        "shardform tunnel day19.yaml",
        "shardform tunnel day19.yaml --listen 127.0.0.1:9050",
        "curl -x socks5h://127.0.0.1:1080 telnet://HOST:6379    a client that goes through it"
    ))]
    Tunnel(Tunnel),
    /// Check that the cluster works and is as planned: nodes, slots, replicas, zones, settings, data, access
    ///
    /// Exit code by the worst that is found: 0 nothing worse than a note, 2 only warnings, 1 an error.
    #[command(after_help = help!(
        "shardform verify day19.yaml",
        "shardform verify day19.yaml --quiet               only what is wrong",
        "shardform verify day19.yaml --json | jq '.checks[] | select(.result == \"failed\")'"
    ))]
    Verify(Verify),
    /// Show the cluster's nodes: shards by zones, roles, slots, memory, keys, lag
    #[command(after_help = help!(
        "shardform nodes day19.yaml",
        "shardform nodes day19.yaml --watch                redrawn every second, until Ctrl-C (exit code 0)",
        "shardform nodes day19.yaml --raw                  the engine's own CLUSTER NODES"
    ))]
    Nodes(Nodes),
    /// Show what AWS tells of the cluster and its nodes, oldest first, in local time
    #[command(after_help = help!(
        "shardform events day19.yaml",
        "shardform events day19.yaml --since 14d           all that AWS keeps",
        "shardform events day19.yaml --follow --json       a line for each event, until Ctrl-C"
    ))]
    Events(Events),
    /// Show all stacks of the account, without a plan file
    #[command(after_help = help!(
        "shardform list                                    age, owner, expiry, nodes and state",
        "shardform list --all-regions --json | jq -r '.stacks[] | select(.expired) | .stack'"
    ))]
    List(List),
    /// Delete the stacks that have expired: show them, ask, and carry it out
    #[command(after_help = help!(
        "shardform cleanup                                 without a terminal it only shows them",
        "shardform cleanup --yes --timeout 30m             in a nightly job",
        "shardform cleanup --older-than 7d --tag purpose=ci"
    ))]
    Cleanup(Cleanup),
    /// Look after the local cloud
    #[command(after_help = help!(
        "shardform local start",
        "shardform local status",
        "shardform local logs --follow",
        "SHARDFORM_LOCAL_LISTEN=127.0.0.1:4600 shardform apply --local   another address"
    ))]
    Local(LocalArgs),
    /// Run the local cloud's own program, `shardform-node`, in the foreground
    #[command(disable_help_flag = true)]
    Node {
        /// What `shardform-node` is given
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
        args: Vec<OsString>,
    },
}

/// Arguments of `init`.
#[derive(Debug, clap::Args)]
pub struct Init {
    /// Where to write it
    #[arg(default_value = DEFAULT_FILE)]
    pub file: PathBuf,
    /// Which template, see --list
    #[arg(long, value_name = "NAME")]
    pub template: Option<String>,
    /// What the stack is called [default: as the file is]
    #[arg(long, value_name = "STACK")]
    pub name: Option<String>,
    /// List the templates
    #[arg(long)]
    pub list: bool,
    /// Write CI job files for the plan file instead; to be run at the repository's root
    #[arg(long, value_name = "SYSTEM", conflicts_with_all = ["template", "name", "list"])]
    pub ci: Option<Ci>,
    /// Overwrite the file if there is one
    #[arg(long)]
    pub force: bool,
}

/// A CI system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Ci {
    /// GitHub Actions
    Github,
    /// GitLab CI/CD
    Gitlab,
}

impl From<Ci> for CiSystem {
    fn from(ci: Ci) -> Self {
        match ci {
            Ci::Github => CiSystem::Github,
            Ci::Gitlab => CiSystem::Gitlab,
        }
    }
}

/// The plan file.
#[derive(Debug, clap::Args)]
pub struct PlanFileArgs {
    /// Plan file
    #[arg(default_value = DEFAULT_FILE)]
    pub file: PathBuf,
    /// Value of ${NAME} in the plan file, before the environment's; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_set)]
    pub set: Vec<(String, String)>,
}

/// Arguments of `plan`.
#[derive(Debug, clap::Args)]
pub struct Plan {
    /// The plan file.
    #[command(flatten)]
    pub plan_file: PlanFileArgs,
    /// Exit with 2 if there are changes
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// Arguments of `apply` and `destroy`.
#[derive(Debug, clap::Args)]
pub struct Change {
    /// The plan file.
    #[command(flatten)]
    pub plan_file: PlanFileArgs,
    /// Don't ask
    #[arg(short, long)]
    pub yes: bool,
    /// Stop waiting after this long, such as 90s, 20m or 1h; what is begun goes on by itself
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub timeout: Option<Duration>,
}

/// Arguments of `failover`.
#[derive(Debug, clap::Args)]
pub struct Failover {
    /// The plan file.
    #[command(flatten)]
    pub plan_file: PlanFileArgs,
    /// Which shard: its number, such as 0001, or all, or random
    #[arg(long, value_name = "SHARD", value_parser = parse_shard)]
    pub shard: Wanted,
    /// Also write the report as one HTML page, with the timeline drawn
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    /// Fail if writes or reads were out for longer than this at a time, such as 5s
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub max_unavailable: Option<Duration>,
    /// Don't ask
    #[arg(short, long)]
    pub yes: bool,
    /// Stop watching a shard after this long from its failover's begin, such as 90s or 20m
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = parse_time)]
    pub timeout: Duration,
    /// Which way.
    #[command(flatten)]
    pub way: ViaArgs,
}

/// Arguments of `nodes`.
#[derive(Debug, clap::Args)]
pub struct Nodes {
    /// The plan file.
    #[command(flatten)]
    pub plan_file: PlanFileArgs,
    /// Look every second until Ctrl-C; redrawn in place on a terminal, else one block or JSON line after another
    #[arg(long)]
    pub watch: bool,
    /// The text of CLUSTER NODES as one node gives it, unchanged
    #[arg(long, conflicts_with = "watch")]
    pub raw: bool,
    /// Which way to the nodes.
    #[command(flatten)]
    pub way: ViaArgs,
}

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
pub struct Verify {
    /// The plan file.
    #[command(flatten)]
    pub plan_file: PlanFileArgs,
    /// Which way to the nodes.
    #[command(flatten)]
    pub way: ViaArgs,
}

/// Arguments of `events`.
#[derive(Debug, clap::Args)]
pub struct Events {
    /// The plan file.
    #[command(flatten)]
    pub plan_file: PlanFileArgs,
    /// Go on showing what happens, until Ctrl-C
    #[arg(short, long)]
    pub follow: bool,
    /// How far back, such as 30m, 2h or 3d; AWS keeps events for 14 days
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = parse_age)]
    pub since: Duration,
}

/// Arguments of `apply`.
#[derive(Debug, clap::Args)]
pub struct Apply {
    /// What `destroy` takes as well.
    #[command(flatten)]
    pub change: Change,
    /// Let the stack expire after this long from now, such as 2h or 7d, before the plan file's expires_in
    #[arg(long, value_name = "TIME", value_parser = parse_length)]
    pub expires_in: Option<Length>,
}

/// Arguments of `list`.
#[derive(Debug, clap::Args)]
pub struct List {
    /// In all regions that the account can use
    #[arg(long)]
    pub all_regions: bool,
}

/// Arguments of `cleanup`.
#[derive(Debug, clap::Args)]
pub struct Cleanup {
    /// Also delete what is older than this, such as 12h or 7d, whether it expires or not
    #[arg(long, value_name = "TIME", value_parser = parse_age)]
    pub older_than: Option<Duration>,
    /// Delete only what has this tag; may be repeated, and then all must be there
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_set)]
    pub tag: Vec<(String, String)>,
    /// In all regions that the account can use
    #[arg(long)]
    pub all_regions: bool,
    /// Don't ask
    #[arg(short, long)]
    pub yes: bool,
    /// Stop waiting after this long, such as 90s, 20m or 1h; what is begun goes on by itself
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub timeout: Option<Duration>,
}

/// Arguments of `destroy`.
#[derive(Debug, clap::Args)]
pub struct Destroy {
    /// What it shares with `apply`.
    #[command(flatten)]
    pub change: Change,
    /// Keep the cluster's data in a snapshot of this name; nothing is deleted unless that can be made
    #[arg(long, value_name = "NAME", value_parser = parse_snapshot)]
    pub snapshot: Option<String>,
}

/// Which way a command goes to the nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Via {
    /// Directly where the cluster answers within a second, else through the client host
    #[default]
    Auto,
    /// Directly
    Direct,
    /// Through the client host, by ssh
    Host,
}

/// Which way to the nodes.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct ViaArgs {
    /// Which way to the nodes
    #[arg(long, value_name = "WAY", value_enum, default_value_t)]
    pub via: Via,
}

/// Arguments of `connect`.
#[derive(Debug, clap::Args)]
pub struct Connect {
    /// The plan file.
    #[command(flatten)]
    pub plan_file: PlanFileArgs,
    /// A shell on the client host instead of redis-cli
    #[arg(long, conflicts_with_all = ["command", "json"])]
    pub shell: bool,
    /// Which way.
    #[command(flatten)]
    pub way: ViaArgs,
    /// A command for the cluster, and its arguments; its reply is printed
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// Arguments of `tunnel`.
#[derive(Debug, clap::Args)]
pub struct Tunnel {
    /// The plan file.
    #[command(flatten)]
    pub plan_file: PlanFileArgs,
    /// Where the proxy listens
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:1080")]
    pub listen: SocketAddr,
}

/// Arguments of `local`.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub struct LocalArgs {
    /// Where it answers [default: $SHARDFORM_LOCAL_LISTEN, or 127.0.0.1:4510]
    #[arg(long, global = true, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// What to do with it.
    #[command(subcommand)]
    pub command: Local,
}

/// What to do with the local cloud.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Local {
    /// Start it, unless it is up
    Start,
    /// Show whether it is up, and where (exit code 1 if it isn't)
    Status,
    /// End it; clusters and their data come back with the next start
    Stop,
    /// Show what it has logged
    Logs {
        /// Go on showing what is logged
        #[arg(short, long)]
        follow: bool,
        /// How many lines to begin with
        #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 100)]
        lines: usize,
    },
}

/// The end of a run that has no arguments to go on with: help, version, or wrong usage.
pub struct Early {
    error: clap::Error,
    json: bool,
}

impl Early {
    /// Prints it; 0 for what was asked for, otherwise 1 (clap's own 2 means differences here).
    pub fn print(&self) -> ExitCode {
        let asked_for = matches!(self.error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
        if self.json && !asked_for {
            crate::error::print_usage_json(&self.error.render().to_string());
        }
        // A closed pipe is nothing to complain about.
        let _ = self.error.print();
        ExitCode::from(u8::from(!asked_for))
    }
}

/// Reads the arguments.
pub fn parse(environment: &Environment) -> Result<Args, Early> {
    // Both matter for what is printed while the arguments can't be read.
    let has = |flag: &str| environment.args.iter().any(|arg| arg == flag);
    let color = if has("--no-color") { clap::ColorChoice::Never } else { clap::ColorChoice::Auto };
    let matches = Args::command().color(color).try_get_matches_from(&environment.args);
    matches.and_then(|matches| Args::from_arg_matches(&matches)).map_err(|error| Early { error, json: has("--json") })
}

fn parse_set(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}

/// Reads a URL of an endpoint. An empty one counts as not given, as an unset variable of a CI job leaves it.
pub fn parse_url(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let is_url = host.is_some_and(|host| !host.is_empty() && !host.contains(char::is_whitespace));
    if is_url || text.is_empty() {
        Ok(text.to_owned())
    } else {
        Err("a URL begins with http:// or https://".to_owned())
    }
}

fn parse_region(text: &str) -> Result<String, String> {
    let is_region = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if is_region { Ok(text.to_owned()) } else { Err("a region is written like us-east-1".to_owned()) }
}

fn parse_shard(text: &str) -> Result<Wanted, String> {
    match text {
        "all" => Ok(Wanted::All),
        "random" => Ok(Wanted::Random),
        _ if (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok(Wanted::One(format!("{text:0>4}")))
        }
        _ => Err("a shard is a number of up to four digits, such as 0001, or all, or random".to_owned()),
    }
}

fn parse_time(text: &str) -> Result<Duration, String> {
    let wrong = || "a time is a number with s, m or h, such as 20s".to_owned();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "s" => Some(number),
        "m" => number.checked_mul(60),
        "h" => number.checked_mul(3600),
        _ => return Err(wrong()),
    };
    // More than a year is a slip, and would overflow what clocks can add.
    let seconds = seconds.filter(|seconds| *seconds <= 366 * 24 * 3600);
    seconds.map(Duration::from_secs).ok_or_else(wrong)
}

/// The length of a stack's life.
fn parse_length(text: &str) -> Result<Length, String> {
    Length::parse(text).ok_or_else(|| "a time is a number with s, m, h or d, from 10m to 366d, such as 2h".to_owned())
}

/// An age: days too.
fn parse_age(text: &str) -> Result<Duration, String> {
    let seconds = seconds(text).filter(|seconds| *seconds <= LONGEST_S);
    seconds.map(Duration::from_secs).ok_or_else(|| "a time is a number with s, m, h or d, such as 12h".to_owned())
}

/// Longest name of a snapshot that ElastiCache takes.
const LONGEST_SNAPSHOT: usize = 255;

/// Reads a snapshot's name by ElastiCache's rules, into the lower case in which it stores it.
fn parse_snapshot(text: &str) -> Result<String, String> {
    let starts_well = text.starts_with(|first: char| first.is_ascii_alphabetic());
    let made_well = text.chars().all(|one| one.is_ascii_alphanumeric() || one == '-');
    if !starts_well || !made_well || text.contains("--") || text.ends_with('-') || text.len() > LONGEST_SNAPSHOT {
        let rule = "a snapshot's name begins with a letter and has letters, digits and single hyphens, \
                    not one at its end, 255 in all at most";
        return Err(rule.to_owned());
    }
    Ok(text.to_ascii_lowercase())
}

#[cfg(test)]
#[path = "args_docs_tests.rs"]
mod docs_tests;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn times_have_units() {
        assert_eq!(parse_time("20s"), Ok(Duration::from_secs(20)));
        assert_eq!(parse_time("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse_time("1h"), Ok(Duration::from_secs(3600)));
        for wrong in ["", "20", "s", "-1s", "1.5m", "20 s", "99999999999999999999s", "9999999h"] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn shards_are_numbers_or_words() {
        assert_eq!(parse_shard("all"), Ok(Wanted::All));
        assert_eq!(parse_shard("random"), Ok(Wanted::Random));
        assert_eq!(parse_shard("0012"), Ok(Wanted::One("0012".to_owned())));
        assert_eq!(parse_shard("2"), Ok(Wanted::One("0002".to_owned())));
        for wrong in ["", "00001", "-1", "1a", "ALL", "é"] {
            assert!(parse_shard(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_of_snapshots_are_those_that_elasticache_takes() {
        assert_eq!(parse_snapshot("Keep-1"), Ok("keep-1".to_owned()));
        assert!(parse_snapshot(&"a".repeat(255)).is_ok());
        for wrong in ["", "1a", "-a", "a-", "a--b", "a_b", "a.b", "ä", "a b", &"a".repeat(256)] {
            assert!(parse_snapshot(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn long_times_have_days_too() {
        assert_eq!(parse_age("14d"), Ok(Duration::from_secs(14 * 86_400)));
        assert_eq!(parse_age("30m"), Ok(Duration::from_secs(1800)));
        for wrong in ["d", "-1d", "999999d", "1w"] {
            assert!(parse_age(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn urls_and_regions_are_checked() {
        assert!(parse_url("http://127.0.0.1:4510").is_ok() && parse_url("").is_ok());
        assert!(parse_url("127.0.0.1:4510").is_err() && parse_url("http://a b").is_err());
        assert!(parse_region("us-gov-west-1").is_ok() && parse_region("us east").is_err());
    }

    #[test]
    fn a_value_may_have_equals_signs() {
        assert_eq!(parse_set("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(parse_set("a="), Ok(("a".to_owned(), String::new())));
        assert!(parse_set("a").is_err());
        assert!(parse_set("=b").is_err());
    }
}
