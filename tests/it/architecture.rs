//! Reads the imports of every source file and holds them against the rules that `src/lib.rs` states: who may know
//! whom, and what the pure core must never do.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each module of the library, and the modules of ours that it may name.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("resource", &[]),
    ("lifetime", &[]),
    ("spec", &["lifetime", "resource"]),
    ("templates", &["spec"]),
    ("engine_version", &["spec"]),
    ("observed", &["resource", "spec"]),
    ("call", &["resource", "spec", "observed"]),
    ("desired", &["resource", "lifetime", "spec", "observed", "call", "engine_version"]),
    ("diff", &["resource", "spec", "observed", "call", "engine_version", "desired"]),
    ("steps", &["resource", "call", "diff"]),
    ("event", &["resource", "steps"]),
    ("cloud", &["resource", "observed", "call"]),
    ("execute", &["resource", "call", "steps", "event", "cloud"]),
    ("cluster", &["resource", "observed", "engine_version", "call", "cloud", "secret"]),
    ("keys", &[]),
    ("secret", &[]),
    ("stacks", &["resource", "lifetime", "observed"]),
    ("ssh", &["secret"]),
    ("aws", &["resource", "lifetime", "spec", "observed", "call", "diff", "stacks", "cloud", "keys", "secret"]),
    ("node", &[]),
    ("engine", &[]),
];

/// Modules that are values in, values out.
const PURE: &[&str] = &[
    "resource",
    "lifetime",
    "stacks",
    "spec",
    "templates",
    "engine_version",
    "observed",
    "call",
    "desired",
    "diff",
    "steps",
    "event",
    "cloud",
    "cluster/info.rs",
    "cluster/nodes.rs",
    "cluster/placed.rs",
    "cluster/slots.rs",
    "cluster/topology.rs",
    "cluster/drill/admission.rs",
    "cluster/drill/keys.rs",
    "cluster/drill/report.rs",
    "cluster/drill/roles.rs",
    "cluster/drill/sight.rs",
    "cluster/drill/traffic.rs",
    "cluster/verify",
    "ssh/command.rs",
    "engine/cluster",
    "engine/commands",
    "engine/data",
    "engine/keyspace",
    "engine/rdb",
    "engine/replication",
    "engine/resp",
    "engine/scripting",
    "engine/state",
    "node/control",
    "node/wanted.rs",
    "node/fleet/topology",
    "node/fleet/chronicle.rs",
    "node/fleet/failover.rs",
    "node/fleet/recovery.rs",
    "node/fleet/silence.rs",
];

/// What a pure module never names.
const IMPURE: &[&str] = &[
    "tokio",
    "std::fs",
    "std::env",
    "std::process",
    "std::io",
    "std::thread",
    "SystemTime",
    "Instant::now",
    "TcpStream",
    "aws_sdk_",
    "aws_smithy",
    "aws_config",
    "hyper::",
    "redis::",
    "println!",
    "eprintln!",
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every Rust file below `folder`: path relative to `src`, and its text without comments and tests. Files that are built
/// for tests alone are left out.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut all = all_files(folder);
    let tests = test_modules(&all);
    all.retain(|file, _| {
        let is_below = |test: &String| file.strip_suffix(".rs") == Some(test) || file.starts_with(&format!("{test}/"));
        !tests.iter().any(is_below)
    });
    all
}

fn all_files(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.append(&mut all_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            let code: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            let name = path.strip_prefix(source()).unwrap().to_str().unwrap().to_owned();
            if !name.contains("/tests") {
                found.insert(name, code.join("\n"));
            }
        }
    }
    found
}

/// Modules in files of their own that are built for tests alone, as paths without `.rs`.
fn test_modules(files: &BTreeMap<String, String>) -> Vec<String> {
    let mut found = Vec::new();
    for (file, text) in files {
        let folder = match file.strip_suffix("mod.rs") {
            Some(folder) => folder.to_owned(),
            None => format!("{}/", file.trim_end_matches(".rs")),
        };
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for pair in lines.windows(2).filter(|pair| pair[0] == "#[cfg(test)]") {
            let name = pair[1].trim_start_matches("pub ").strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';'));
            found.extend(name.map(|name| format!("{folder}{name}")));
        }
    }
    found
}

fn module(file: &str) -> &str {
    file.split('/').next().unwrap_or_default().trim_end_matches(".rs")
}

/// The modules of ours that a text names after `prefix`, such as `crate::`.
fn named<'a>(text: &'a str, prefix: &str) -> Vec<&'a str> {
    let word = |rest: &'a str| rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
    let mut names: Vec<&str> = text.match_indices(prefix).map(|(at, _)| word(&text[at + prefix.len()..])).collect();
    names.retain(|name| !name.is_empty());
    names
}

#[test]
fn modules_name_only_what_they_may() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_NAME.iter().copied().collect();
    let mut wrong = Vec::new();
    for (file, text) in files(&source()) {
        let own = module(&file);
        if file.starts_with("bin/") || own == "lib" {
            continue;
        }
        let Some(may) = allowed.get(own) else {
            wrong.push(format!("{file}: the module `{own}` has no row in MAY_NAME"));
            continue;
        };
        for name in named(&text, "crate::") {
            if name != own && !may.contains(&name) {
                wrong.push(format!("{file} names crate::{name}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_is_about_a_module_that_there_is() {
    let modules: Vec<String> = files(&source()).keys().map(|file| module(file).to_owned()).collect();
    for (name, may) in MAY_NAME {
        for name in std::iter::once(name).chain(*may) {
            assert!(modules.iter().any(|module| module == name), "there is no module `{name}`");
        }
    }
    for place in PURE {
        let path = source().join(place);
        assert!(path.exists() || path.with_extension("rs").exists(), "there is no {place}");
    }
}

#[test]
fn the_core_does_no_input_or_output() {
    let mut wrong = Vec::new();
    for (file, text) in files(&source()) {
        let pure = PURE
            .iter()
            .any(|place| file == *place || file == format!("{place}.rs") || file.starts_with(&format!("{place}/")));
        if pure {
            let impure = IMPURE.iter().filter(|word| text.contains(**word));
            wrong.extend(impure.map(|word| format!("{file} names {word}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_the_aws_edge_names_the_sdk() {
    for (file, text) in files(&source()) {
        let sdk = ["aws_sdk_", "aws_config", "aws_smithy"].iter().any(|word| text.contains(word));
        // The local cloud asks a peer's EC2 for subnets and security groups, in a file of its own.
        assert!(!sdk || file.starts_with("aws/") || file == "node/peer.rs", "{file} names the SDK");
    }
}

#[test]
fn the_two_sides_meet_only_on_the_wire() {
    for (file, text) in files(&source()) {
        let node_side = file.starts_with("node/") || file.starts_with("bin/shardform-node/");
        let names: Vec<&str> = named(&text, "crate::").into_iter().chain(named(&text, "shardform::")).collect();
        for name in names {
            if node_side {
                assert!(["node", "engine"].contains(&name) || file.starts_with("bin/"), "{file} names {name}");
            } else if name == "engine" && file.starts_with("engine/") {
            } else if name == "node" || name == "engine" {
                // The one executable can play both parts; that is where it is decided which.
                assert_eq!(file, "bin/shardform/commands/node.rs", "{file} names the local cloud's side");
            }
        }
    }
}

#[test]
fn the_environment_is_read_in_one_place_of_each_program() {
    for (file, text) in files(&source()) {
        let reads = ["env::var", "env::vars", "env::args", "env::home_dir"].iter().any(|word| text.contains(word));
        assert!(!reads || file.starts_with("bin/"), "{file} reads the environment");
    }
}
