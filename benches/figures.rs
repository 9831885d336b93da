//! The figures that shardform promises, measured on the built programs and printed as a table: `cargo bench`.
//!
//! Each row is the median of several runs. Round trips are counted by what 100 ms more an answer cost. The last rows
//! need `redis-server` or `valkey-server` in the PATH.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "it prints its table, ends at the first thing that goes wrong, and hands the programs their PATH"
)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const RUNS: usize = 11;
const LATENCY: Duration = Duration::from_millis(100);
const PLAN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/quickstart.yaml");

fn main() {
    let home = Home::new();
    println!("{:<58} {:>10}  {:>10}  {:>6}", "", "median", "bound", "calls");
    let help = median(RUNS, || home.time(&["--help"], None));
    row("start: --help", help, Some(Duration::from_millis(10)), None);

    let near = Node::start(&home, "near", &["--engine", "none"]);
    let far = Node::start(&home, "far", &["--engine", "none", "--latency", "100ms"]);
    let plan_near = median(RUNS, || home.time(&["plan", PLAN], Some(&near)));
    row(
        "plan from nothing",
        plan_near,
        Some(Duration::from_millis(30)),
        Some(near.calls(|| home.run(&["plan", PLAN], &near))),
    );
    let plan_far = median(RUNS, || home.time(&["plan", PLAN], Some(&far)));
    row("plan from nothing, 100 ms an answer", plan_far, Some(Duration::from_millis(300)), None);
    count("  sequential round trips", round_trips(plan_far, plan_near), Some(2));

    let until_create = home.apply_until_create(&far);
    // Looking again takes as many as a plan; then what the steps take before it, and the call itself.
    let trips = round_trips(plan_far, plan_near) + round_trips(until_create, Duration::ZERO) + 1;
    count("confirmation to CreateReplicationGroup, round trips", trips, Some(5));
    home.run(&["apply", PLAN, "--yes"], &near);
    let plan_near = median(RUNS, || home.time(&["plan", PLAN], Some(&near)));
    row(
        "plan of a live stack",
        plan_near,
        Some(Duration::from_millis(30)),
        Some(near.calls(|| home.run(&["plan", PLAN], &near))),
    );
    let plan_far = median(RUNS, || home.time(&["plan", PLAN], Some(&far)));
    row("plan of a live stack, 100 ms an answer", plan_far, Some(Duration::from_millis(300)), None);
    count("  sequential round trips", round_trips(plan_far, plan_near), Some(2));
    let status_near = median(RUNS, || home.time(&["status", PLAN], Some(&near)));
    row(
        "status",
        status_near,
        Some(Duration::from_millis(30)),
        Some(near.calls(|| home.run(&["status", PLAN], &near))),
    );
    let status_far = median(RUNS, || home.time(&["status", PLAN], Some(&far)));
    row("status, 100 ms an answer", status_far, Some(Duration::from_millis(300)), None);
    count("  sequential round trips", round_trips(status_far, status_near), Some(2));
    let again = median(RUNS, || home.time(&["apply", PLAN, "--yes"], Some(&near)));
    row("apply that changes nothing", again, None, Some(near.calls(|| home.run(&["apply", PLAN, "--yes"], &near))));
    drop((near, far));

    if engine_is_there() {
        let whole = median(5, || home.whole_from_nothing());
        row("from nothing to a proven 9-node cluster", whole, Some(Duration::from_secs(5)), None);
    } else {
        println!("from nothing to a proven 9-node cluster: no redis-server or valkey-server in the PATH");
    }
}

fn row(name: &str, measured: Duration, bound: Option<Duration>, calls: Option<u64>) {
    let text = |time: Duration| match time.as_secs_f64() {
        seconds if seconds < 1.0 => format!("{:.1} ms", seconds * 1000.0),
        seconds => format!("{seconds:.2} s"),
    };
    let bound = bound.map_or_else(String::new, |bound| format!("< {}", text(bound)));
    let calls = calls.map_or_else(String::new, |calls| calls.to_string());
    println!("{name:<58} {:>10}  {bound:>10}  {calls:>6}", text(measured));
}

fn count(name: &str, counted: u64, bound: Option<u64>) {
    let bound = bound.map_or_else(String::new, |bound| format!("<= {bound}"));
    println!("{name:<58} {counted:>10}  {bound:>10}");
}

fn median(runs: usize, mut run: impl FnMut() -> Duration) -> Duration {
    let mut times: Vec<Duration> = (0..runs).map(|_| run()).collect();
    times.sort_unstable();
    times[runs / 2]
}

/// How many answers one after the other the difference is worth.
fn round_trips(slow: Duration, fast: Duration) -> u64 {
    (slow.saturating_sub(fast).as_secs_f64() / LATENCY.as_secs_f64()).round() as u64
}

fn engine_is_there() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .any(|folder| ["redis-server", "valkey-server"].iter().any(|name| folder.join(name).is_file()))
}

/// A home of our own, removed at the end.
struct Home(PathBuf);

impl Home {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("shardform-figures-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Home(folder)
    }

    fn command(&self, program: &str, home: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .stdin(Stdio::null());
        command
    }

    fn shardform(&self, arguments: &[&str], node: Option<&Node>) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_shardform"), &self.0);
        command.args(arguments);
        if let Some(node) = node {
            command.env("AWS_ENDPOINT_URL", &node.url);
        }
        command
    }

    fn time(&self, arguments: &[&str], node: Option<&Node>) -> Duration {
        let mut command = self.shardform(arguments, node);
        let began = Instant::now();
        let output = command.output().unwrap();
        let took = began.elapsed();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        took
    }

    fn run(&self, arguments: &[&str], node: &Node) {
        self.time(arguments, Some(node));
    }

    /// Applies the plan, and says how long after the first step CreateReplicationGroup was sent.
    fn apply_until_create(&self, node: &Node) -> Duration {
        let output = self.shardform(&["apply", PLAN, "--yes", "--json"], Some(node)).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let mut events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let create = events
            .find(|event| event["event"] == "started" && event["operation"] == "elasticache:CreateReplicationGroup");
        Duration::from_millis(create.unwrap()["at_ms"].as_u64().unwrap())
    }

    /// The README's command in a home without anything: it starts the local cloud too. Destroyed afterwards.
    fn whole_from_nothing(&self) -> Duration {
        let home = self.0.join("fresh");
        let run = |arguments: &[&str]| {
            let mut command = self.command(env!("CARGO_BIN_EXE_shardform"), &home);
            command.args(arguments).env("SHARDFORM_LOCAL_LISTEN", "127.0.0.1:4599");
            let began = Instant::now();
            let output = command.output().unwrap();
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            (began.elapsed(), String::from_utf8(output.stdout).unwrap())
        };
        let (took, told) = run(&["apply", PLAN, "--local", "--yes", "--json"]);
        let last: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
        assert_eq!(last["check"]["slots"], 16384, "{last}");
        run(&["destroy", PLAN, "--local", "--yes"]);
        run(&["local", "stop"]);
        fs::remove_dir_all(&home).unwrap();
        took
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct Node {
    child: Child,
    url: String,
}

impl Node {
    fn start(home: &Home, name: &str, arguments: &[&str]) -> Self {
        let mut child = home
            .command(env!("CARGO_BIN_EXE_shardform-node"), &home.0)
            .args(["serve", "--listen", "127.0.0.1:0", "--state-dir"])
            .arg(home.0.join(name))
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
        Node { child, url }
    }

    /// The API calls that a run makes.
    fn calls(&self, run: impl FnOnce()) -> u64 {
        let before = self.counted();
        run();
        self.counted() - before
    }

    fn counted(&self) -> u64 {
        use std::io::{Read, Write};
        let address = self.url.trim_start_matches("http://");
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        write!(stream, "GET /_shardform/calls HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let body = answer.split("\r\n\r\n").nth(1).unwrap();
        let calls: Value = serde_json::from_str(body).unwrap();
        calls["calls"].as_object().unwrap().values().filter_map(Value::as_u64).sum()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
