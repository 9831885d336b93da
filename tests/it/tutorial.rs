//! docs/tutorial.md, walked from its beginning to its end: the commands that it marks for this machine are run in their
//! order, in one home, against a local cloud with real nodes, and say what the page says that they say.
//! Needs `redis-server` or `valkey-server` in the PATH.
//!
//! Marks of a block: `sh local` is run here; `sh aws`, `sh terminal` and `sh install` are for people alone; `text output`
//! is what the block before it prints, where a line `...` stands for any lines; with `measured` all numbers may differ,
//! and with `loose` all that follows a line's label.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::sandbox::{Sandbox, engine};

const LISTEN: &str = "127.0.0.1:17510";
/// The cluster's port in the page, and the test's own.
const PORTS: (&str, &str) = ("6379", "17511");

/// Units of time.
const UNITS: [&str; 5] = ["s", "ms", "µs", "us", "ns"];

/// A fenced block of the page.
#[derive(Debug)]
struct Block {
    /// Line of its first line, from 1.
    line: usize,
    marks: Vec<String>,
    text: String,
}

impl Block {
    fn is(&self, marks: &[&str]) -> bool {
        marks.iter().zip(&self.marks).all(|(wanted, mark)| wanted == mark) && self.marks.len() >= marks.len()
    }
}

fn blocks(page: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut open = false;
    for (at, line) in page.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(marks) => {
                open = true;
                let marks = marks.split_whitespace().map(str::to_owned).collect();
                found.push(Block { line: at + 2, marks, text: String::new() });
            }
            None if open => {
                let block = found.last_mut().unwrap();
                let _ = writeln!(block.text, "{line}");
            }
            None => {}
        }
    }
    assert!(!open, "a block has no end");
    found
}

/// Runs a block as people paste it, in bash; both outputs in the order in which they come.
fn run(sandbox: &Sandbox, block: &Block) -> String {
    let programs = Path::new(env!("CARGO_BIN_EXE_shardform")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let script = format!("exec 2>&1\n{}", block.text.replace(PORTS.0, PORTS.1));
    let mut bash = sandbox.bash(&script);
    bash.env("SHARDFORM_LOCAL_LISTEN", LISTEN).env("PATH", format!("{}:{path}", programs.display()));
    let output = bash.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap().replace(PORTS.1, PORTS.0);
    assert!(output.status.success(), "docs/tutorial.md:{}: {}{text}", block.line, block.text);
    // What `init` has written is the user's file; only its port is the test's.
    for entry in fs::read_dir(sandbox.folder()).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_some_and(|extension| extension == "yaml") {
            let text = fs::read_to_string(&file).unwrap();
            fs::write(&file, text.replace(&format!("port: {}", PORTS.0), &format!("port: {}", PORTS.1))).unwrap();
        }
    }
    text
}

/// A line with what differs from run to run made the same: ids, addresses, times, and how wide the columns are.
fn same(line: &str, measured: bool) -> String {
    let all: Vec<&str> = line.split_whitespace().collect();
    let unit = |word: &&str| UNITS.contains(&word.trim_matches(|c: char| !c.is_ascii_alphanumeric()));
    let words = all.iter().enumerate().map(|(at, word)| {
        // A number may stand apart from its unit.
        let counts = all.get(at + 1).is_some_and(unit) && word.contains(|c: char| c.is_ascii_digit());
        same_word(word, measured || counts)
    });
    words.collect::<Vec<_>>().join(" ")
}

/// What a line begins with, up to the first wide gap.
fn label(line: &str) -> &str {
    line.trim_start().split("  ").next().unwrap_or_default()
}

fn same_word(word: &str, measured: bool) -> String {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).count();
    let core = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let is_id = ["sg-", "i-", "key-", "subnet-", "vpc-", "ami-", "pl-", "ec2-"]
        .iter()
        .any(|prefix| core.strip_prefix(prefix).is_some_and(|rest| rest.len() >= 8 && digits(rest) > 0));
    let is_address = core.starts_with("127.") && core.split('.').count() == 4;
    let unit = core.trim_start_matches(|c: char| c.is_ascii_digit() || ".:".contains(c));
    let is_time = digits(core) > 0 && UNITS.contains(&unit)
        || (core.contains(':') && core.split(':').all(|part| digits(part) > 0 && part.len() == digits(part)))
        || (core.len() == 10 && core.split('-').count() == 3 && digits(core) == 8);
    let is_age = digits(core) > 0 && digits(core) + 1 == core.len() && core.ends_with(['m', 'h', 'd']);
    if is_age {
        return word.trim_start_matches('<').replace(core, "…");
    }
    let is_hash = core.len() == 40 && core.chars().all(|c| c.is_ascii_hexdigit());
    if is_id || is_address || is_time || is_hash {
        return word.replace(core, "…");
    }
    // A folder of this machine, in the page and here.
    if word.starts_with('/') {
        return "/…".to_owned();
    }
    if !measured {
        return word.to_owned();
    }
    let mut out = String::new();
    for c in word.chars() {
        match c {
            '0'..='9' if out.ends_with('N') => {}
            '0'..='9' => out.push('N'),
            '.' if out.ends_with('N') => {}
            c => out.push(c),
        }
    }
    out
}

/// Whether the lines are as expected; a `...` stands for any lines. The first line that isn't, otherwise.
fn difference(expected: &[String], found: &[String]) -> Option<String> {
    match expected.split_first() {
        None => found.first().map(|line| format!("not in the page: {line}")),
        Some((line, rest)) if line == "..." => {
            let tried = (0..=found.len()).map(|at| difference(rest, &found[at..]));
            let nowhere = tried.collect::<Option<Vec<String>>>()?;
            // Of all tries the one that begins right tells most.
            let begun = found.iter().position(|line| rest.first() == Some(line)).unwrap_or(found.len());
            nowhere.into_iter().nth(begun)
        }
        Some((line, rest)) => match found.split_first() {
            Some((first, others)) if first == line => difference(rest, others),
            other => Some(format!("in the page: {line}\nfound:       {}", other.map_or("nothing", |(first, _)| first))),
        },
    }
}

/// Stops the local cloud that the page's commands have started, also when a test fails in between.
struct Stops<'a>(&'a Sandbox);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        let _ = self.0.shardform(&["local", "stop"]).env("SHARDFORM_LOCAL_LISTEN", LISTEN).output();
    }
}

fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/tutorial.md")).unwrap()
}

#[test]
fn the_tutorial_does_what_it_says() {
    if !engine() {
        return;
    }
    let sandbox = Sandbox::new();
    let _stops = Stops(&sandbox);
    let all = blocks(&page());
    let mut wrong = String::new();
    let mut ran = 0;
    for (block, next) in all.iter().zip(all.iter().skip(1).map(Some).chain([None])) {
        if !block.is(&["sh", "local"]) {
            continue;
        }
        let text = run(&sandbox, block);
        ran += 1;
        let Some(expected) = next.filter(|next| next.is(&["text", "output"])) else {
            continue;
        };
        let loose = expected.is(&["text", "output", "loose"]);
        let measured = loose || expected.is(&["text", "output", "measured"]);
        let part = |line: &str| if loose { label(line).to_owned() } else { line.to_owned() };
        let lines = |text: &str| text.trim_end().lines().map(|line| same(&part(line), measured)).collect::<Vec<_>>();
        if let Some(difference) = difference(&lines(&expected.text), &lines(&text)) {
            let _ = writeln!(wrong, "docs/tutorial.md:{}\n{difference}\n--- it printed\n{text}---\n", expected.line);
        }
    }
    assert!(ran > 15, "only {ran} blocks were run");
    assert!(wrong.is_empty(), "{wrong}");
}

/// A block without a mark would never be run, and nobody would notice.
#[test]
fn every_block_of_the_tutorial_is_marked() {
    const KNOWN: &[&[&str]] = &[
        &["sh", "local"],
        &["sh", "aws"],
        &["sh", "terminal"],
        &["sh", "install"],
        &["text", "output"],
        &["text", "aws"],
        &["yaml"],
    ];
    for block in blocks(&page()) {
        assert!(KNOWN.iter().any(|marks| block.is(marks)), "docs/tutorial.md:{}: {:?}", block.line, block.marks);
    }
}

#[test]
fn lines_are_compared_by_what_stays_the_same() {
    assert_eq!(same("  0.3s  instance.client   created  i-0123456789abcdef0", false), "… instance.client created …");
    assert_eq!(same("endpoint 127.64.0.1:6379", false), "endpoint …");
    assert_eq!(same("day19  <1m  -  in 4h  12/12", false), "day19 … - in … 12/12");
    assert_eq!(same("writes 1,204 failed for 412 ms, 3 lost", true), "writes N,N failed for N ms, N lost");
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(difference(&lines("a\n...\nd"), &lines("a\nb\nc\nd")), None);
    assert_eq!(difference(&lines("...\na"), &lines("a")), None);
    assert!(difference(&lines("a\n...\ne"), &lines("a\nb\nc\nd")).is_some());
    assert!(difference(&lines("a"), &lines("a\nb")).is_some());
    assert!(difference(&lines("a\nb"), &lines("a")).is_some());
}
