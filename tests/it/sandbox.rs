//! The two programs as a user meets them: `shardform` run to its end against a `shardform-node` of the test's own,
//! each with a home of its own, and status and both outputs in one text.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use expect_test::expect_file;

use crate::planning::QUICKSTART;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A home for one test, removed at its end, with the node that runs in it.
pub struct Sandbox {
    folder: PathBuf,
    node: Option<Node>,
}

struct Node {
    child: Child,
    url: String,
}

/// What one run of `shardform` did.
pub struct Ran {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
    shown: String,
}

impl Ran {
    /// Status and both outputs, with what differs from run to run made the same.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The same with the lines of progress in the order of the alphabet, and without those of statuses on the way:
    /// what runs side by side comes in any order, and how often it is looked at depends on the machine.
    pub fn sorted(mut self) -> Self {
        let is_progress = |line: &&str| line.trim_start().starts_with("…s  ");
        let lines: Vec<&str> = self.shown.lines().collect();
        let mut progress: Vec<&str> = lines.iter().copied().filter(is_progress).collect();
        progress
            .retain(|line| ["created", "updated", "deleted", "replaced", "done"].iter().any(|end| line.contains(end)));
        progress.sort_unstable();
        let first = lines.iter().position(&is_progress).unwrap_or(lines.len());
        let before = &lines[..first];
        let after = lines[first..].iter().copied().filter(|line| !is_progress(line));
        let all: Vec<&str> = before.iter().copied().chain(progress).chain(after).collect();
        self.shown = format!("{}\n", all.join("\n"));
        self
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

/// Holds a text against the golden file of this name.
pub fn golden(name: &str, text: &str) {
    expect_file![format!("{}/tests/golden/cli/{name}.txt", env!("CARGO_MANIFEST_DIR"))].assert_eq(text);
}

/// Whether an engine is in the PATH. Where `SHARDFORM_REQUIRE_ENGINE` is set there has to be one.
pub fn engine() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .any(|folder| ["redis-server", "valkey-server"].iter().any(|name| folder.join(name).is_file()));
    let required = std::env::var_os("SHARDFORM_REQUIRE_ENGINE").is_some();
    assert!(found || !required, "neither redis-server nor valkey-server is in the PATH");
    if !found {
        println!("skipped: neither redis-server nor valkey-server is in the PATH");
    }
    found
}

/// Waits until something holds; a minute is more than anything here takes.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Sends a signal to a process of the test's own.
pub fn send(pid: u32, signal: rustix::process::Signal) {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

impl Sandbox {
    /// A home without a node.
    pub fn new() -> Self {
        let place = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("shardform-test-{}-{place}", std::process::id()));
        fs::create_dir_all(folder.join("home")).unwrap();
        Sandbox { folder, node: None }
    }

    /// A home with a node that makes no cache nodes: enough for all that doesn't talk to them, and fast.
    pub fn without_nodes() -> Self {
        Sandbox::with_node(&["--engine", "none"])
    }

    /// The same, with the plan file of the reference stack.
    pub fn with_quickstart() -> Self {
        let sandbox = Sandbox::without_nodes();
        sandbox.file("day19.yaml", QUICKSTART);
        sandbox
    }

    /// A home with a node that is given these arguments.
    pub fn with_node(arguments: &[&str]) -> Self {
        let mut sandbox = Sandbox::new();
        sandbox.start_node(arguments);
        sandbox
    }

    fn start_node(&mut self, arguments: &[&str]) {
        let mut child = self
            .command(env!("CARGO_BIN_EXE_shardform-node"))
            .args(["serve", "--listen", "127.0.0.1:0", "--state-dir"])
            .arg(self.folder.join("node"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.split_whitespace().find(|word| word.starts_with("http://"));
        let url = url.unwrap_or_else(|| panic!("the node says where it listens: {line:?}")).to_owned();
        self.node = Some(Node { child, url });
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn url(&self) -> &str {
        &self.node.as_ref().expect("this sandbox has a node").url
    }

    /// Makes an API call of the query protocol to the node; the answer's body.
    pub fn call(&self, service: &str, parameters: &[(&str, &str)]) -> String {
        let version = ("Version", "2015-02-02");
        let given = parameters.iter().any(|(name, _)| *name == "Version");
        let all = parameters.iter().copied().chain((!given).then_some(version));
        let form: Vec<String> = all.map(|(name, value)| format!("{name}={value}")).collect();
        let scope = format!("Credential=test/20260101/us-east-1/{service}/aws4_request");
        let head = format!(
            "POST / HTTP/1.1\r\nauthorization: AWS4-HMAC-SHA256 {scope}\r\n\
             content-type: application/x-www-form-urlencoded\r\n"
        );
        self.http(&head, &form.join("&"))
    }

    /// How often the node was asked for this operation, such as `ec2:RunInstances`.
    pub fn called(&self, operation: &str) -> u64 {
        let calls: serde_json::Value =
            serde_json::from_str(&self.http("GET /_shardform/calls HTTP/1.1\r\n", "")).unwrap();
        calls["calls"][operation].as_u64().unwrap_or(0)
    }

    /// A page of the node's own.
    pub fn get(&self, path: &str) -> String {
        self.http(&format!("GET {path} HTTP/1.1\r\n"), "")
    }

    /// Where the node listens, `host:port`.
    pub fn address(&self) -> &str {
        self.url().trim_start_matches("http://")
    }

    fn http(&self, head: &str, body: &str) -> String {
        let address = self.url().trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).unwrap();
        let length = body.len();
        write!(stream, "{head}host: {address}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    /// The generated private keys of this home.
    pub fn private_keys(&self) -> Vec<PathBuf> {
        let folders = fs::read_dir(self.folder.join("home/data/shardform/keys")).into_iter().flatten();
        let files = folders.flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap());
        files.map(|file| file.unwrap().path()).collect()
    }

    /// Writes a file into the working folder.
    pub fn file(&self, name: &str, text: &str) {
        fs::write(self.folder.join(name), text).unwrap();
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let home = self.folder.join("home");
        command
            .current_dir(&self.folder)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &home)
            .env("XDG_STATE_HOME", home.join("state"))
            .env("XDG_DATA_HOME", home.join("data"))
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            // Hosts of the local cloud are names of AWS's: nothing goes there.
            .env("SHARDFORM_SSH", "false");
        if let Some(node) = &self.node {
            command.env("AWS_ENDPOINT_URL", &node.url);
        }
        command
    }

    /// A script of bash's that ends with the first command that fails, ready to be run or changed.
    pub fn bash(&self, script: &str) -> Command {
        let mut command = self.command("bash");
        command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script]).stdin(Stdio::null());
        command
    }

    /// `shardform` with these arguments, ready to be run or changed.
    pub fn shardform(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_shardform"));
        command.args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs `shardform` to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.ran(self.shardform(arguments).output().unwrap())
    }

    /// The same, and it has to end well.
    pub fn run_well(&self, arguments: &[&str]) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.status, 0, "{}\n{}", ran.stdout, ran.stderr);
        ran
    }

    /// What a finished run did.
    pub fn ran(&self, output: Output) -> Ran {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        let status = output.status.code().unwrap_or(-1);
        let mut shown = format!("status: {status}\n");
        for (name, text) in [("stdout", &stdout), ("stderr", &stderr)] {
            let _ = writeln!(shown, "--- {name}");
            shown.push_str(&self.made_the_same(text));
        }
        Ran { status, stdout, stderr, shown }
    }

    /// Puts fixed words in the place of what differs from run to run: folders, ports, ids and times.
    fn made_the_same(&self, text: &str) -> String {
        let mut text = text.replace(self.folder.to_str().unwrap(), "SANDBOX");
        if let Some(node) = &self.node {
            text = text.replace(&node.url, "http://NODE");
            // As in the name of the folder of keys.
            text = text.replace(&node.url.trim_start_matches("http://").replace(':', "-"), "NODE");
        }
        // How a name that doesn't exist is told of is the system's business.
        if let Some((before, rest)) = text.split_once("failed to lookup address information: ") {
            let end = rest.find('\n').unwrap_or(rest.len());
            text = format!("{before}…{}", &rest[end..]);
        }
        let mut out = String::new();
        for line in text.split_inclusive('\n') {
            let words: Vec<String> = line.split(' ').map(same_word).collect();
            out.push_str(&words.join(" "));
        }
        out
    }
}

/// An id as `sg-…`, a duration as `…s`; anything else as it is.
fn same_word(word: &str) -> String {
    let core = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    for prefix in ["sg-", "i-", "key-", "subnet-", "vpc-", "ami-", "pl-", "eni-"] {
        let is_id = core
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.len() >= 8 && rest.chars().all(|c| c.is_ascii_hexdigit()));
        if is_id {
            return word.replace(core, &format!("{prefix}…"));
        }
    }
    // A host's address comes from its id, and that from the order in which calls came.
    if let Some(rest) = core.strip_prefix("ec2-203-0-113-") {
        let name = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        return word.replace(core, &format!("ec2-203-0-113-N{name}"));
    }
    let number = core.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = &core[number.len()..];
    if ["s", "ms", "µs", "us"].contains(&unit) && !number.is_empty() && number.parse::<f64>().is_ok() {
        return word.replace(core, "…s");
    }
    word.to_owned()
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Some(node) = &mut self.node {
            if matches!(node.child.try_wait(), Ok(None)) {
                send(node.child.id(), rustix::process::Signal::TERM);
            }
            // It ends its cache nodes first; if it doesn't end at all, it is ended.
            let deadline = Instant::now() + Duration::from_secs(20);
            while matches!(node.child.try_wait(), Ok(None)) {
                if Instant::now() > deadline {
                    let _ = node.child.kill();
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}
