//! Finds the engine: the program that runs as a cache node.
//!
//! Knows the names of programs and how they are installed; the search path is an argument. Must not know what a
//! cluster is.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::str::FromStr;

use crate::node::wanted::EngineKind;

/// Which program is to run as cache nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EngineChoice {
    /// The engine within the program that serves, for all clusters.
    Embedded,
    /// What each cluster asks for; where only the other one of redis-server and valkey-server is there, that one; and
    /// where neither is, the embedded one.
    #[default]
    Auto,
    /// `redis-server` for all clusters.
    RedisServer,
    /// `valkey-server` for all clusters.
    ValkeyServer,
    /// No cache nodes at all.
    None,
    /// This program for all clusters; it must take the options of redis-server.
    Program(PathBuf),
    /// This command with arguments before those of redis-server.
    Command(Engine),
}

impl EngineChoice {
    /// With the embedded engine's command in place of its name, also where nothing else is in the search path.
    pub fn or_embedded(self, embedded: &Engine, search_path: &OsStr) -> Self {
        let nothing_else = self == EngineChoice::Auto && find(&self, EngineKind::Redis, search_path).is_err();
        if nothing_else || self == EngineChoice::Embedded { EngineChoice::Command(embedded.clone()) } else { self }
    }
}

impl FromStr for EngineChoice {
    type Err = std::convert::Infallible;

    /// `embedded`, `auto`, `redis-server`, `valkey-server`, `none`, or the path of a program.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "embedded" => EngineChoice::Embedded,
            "auto" => EngineChoice::Auto,
            "redis-server" => EngineChoice::RedisServer,
            "valkey-server" => EngineChoice::ValkeyServer,
            "none" => EngineChoice::None,
            path => EngineChoice::Program(PathBuf::from(path)),
        })
    }
}

/// A program that runs as a cache node: `program leading_arguments… redis.conf`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    /// Its file.
    pub program: PathBuf,
    /// Arguments that come before the configuration file's name.
    pub leading_arguments: Vec<OsString>,
}

/// No program can run as a cache node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineMissing {
    /// None of these is in the search path.
    #[error(
        "no {} in PATH: install one (`apt-get install redis-server`, `dnf install valkey`, `brew install redis`), \
         or name it with --engine PATH",
        .0.join(" and no ")
    )]
    NotInPath(Vec<&'static str>),
    /// The program that was named is not there.
    #[error("the engine {} is not there, or is not a program", .0.display())]
    NotAProgram(PathBuf),
    /// The program that serves has no engine in it.
    #[error("this program has no engine in it: name one with --engine PATH")]
    NotEmbedded,
    /// Cache nodes are switched off.
    #[error("cache nodes are switched off by --engine none")]
    SwitchedOff,
}

/// The program for clusters of this kind. `search_path` has the form of the PATH variable.
pub fn find(choice: &EngineChoice, kind: EngineKind, search_path: &OsStr) -> Result<Engine, EngineMissing> {
    let names = match (choice, kind) {
        (EngineChoice::None, _) => return Err(EngineMissing::SwitchedOff),
        // Who serves has made a command of it, if there is one.
        (EngineChoice::Embedded, _) => return Err(EngineMissing::NotEmbedded),
        (EngineChoice::Command(engine), _) => return Ok(engine.clone()),
        (EngineChoice::Program(path), _) => {
            let missing = || EngineMissing::NotAProgram(path.clone());
            let program = if is_program(path) { Some(path.clone()) } else { in_path(path, search_path) };
            return program.map(engine).ok_or_else(missing);
        }
        (EngineChoice::RedisServer, _) => vec!["redis-server"],
        (EngineChoice::ValkeyServer, _) => vec!["valkey-server"],
        (EngineChoice::Auto, EngineKind::Redis) => vec!["redis-server", "valkey-server"],
        (EngineChoice::Auto, EngineKind::Valkey) => vec!["valkey-server", "redis-server"],
    };
    let found = names.iter().find_map(|name| in_path(Path::new(name), search_path));
    found.map(engine).ok_or(EngineMissing::NotInPath(names))
}

impl Engine {
    /// The program's name without its folder, such as `redis-server`; `embedded` for the one within this program.
    pub fn name(&self) -> String {
        if self.leading_arguments.last().is_some_and(|last| last == "engine") {
            return "embedded".to_owned();
        }
        self.program.file_name().unwrap_or(self.program.as_os_str()).to_string_lossy().into_owned()
    }

    /// Name and version, such as `redis-server 7.0.15`, by running it with `--version`; only the name if it has none.
    pub fn described(&self) -> String {
        let mut command = std::process::Command::new(&self.program);
        let output = command.args(&self.leading_arguments).arg("--version").stdin(Stdio::null()).output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        match text.split_whitespace().find_map(|word| word.strip_prefix("v=")) {
            Some(version) => format!("{} {version}", self.name()),
            None => self.name(),
        }
    }

    /// Whether this is the other one of redis-server and valkey-server than the cluster asks for.
    pub fn stands_in_for(&self, kind: EngineKind) -> bool {
        match kind {
            EngineKind::Redis => self.name().starts_with("valkey"),
            EngineKind::Valkey => self.name().starts_with("redis"),
        }
    }
}

fn engine(program: PathBuf) -> Engine {
    // Nodes run in folders of their own, where a relative path would lead elsewhere.
    let program = std::path::absolute(&program).unwrap_or(program);
    Engine { program, leading_arguments: Vec::new() }
}

fn in_path(name: &Path, search_path: &OsStr) -> Option<PathBuf> {
    if name.components().count() != 1 {
        return None;
    }
    std::env::split_paths(search_path).map(|folder| folder.join(name)).find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::test_folder::TestFolder;

    fn folder_with(names: &[&str]) -> TestFolder {
        use std::os::unix::fs::PermissionsExt;
        let folder = TestFolder::new("engine");
        for name in names {
            let path = folder.path().join(name);
            std::fs::write(&path, "#!/bin/sh\necho 'Valkey server v=8.1.2 sha=0'\n").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    }

    fn found(choice: &str, kind: EngineKind, folder: &TestFolder) -> Result<String, EngineMissing> {
        let choice = choice.parse().unwrap();
        find(&choice, kind, folder.path().as_os_str()).map(|engine| engine.name())
    }

    #[test]
    fn each_kind_has_its_own_program() {
        let folder = folder_with(&["redis-server", "valkey-server"]);
        assert_eq!(found("auto", EngineKind::Redis, &folder).unwrap(), "redis-server");
        assert_eq!(found("auto", EngineKind::Valkey, &folder).unwrap(), "valkey-server");
        assert_eq!(found("valkey-server", EngineKind::Redis, &folder).unwrap(), "valkey-server");
    }

    #[test]
    fn either_stands_in_for_the_other() {
        let folder = folder_with(&["valkey-server"]);
        assert_eq!(found("auto", EngineKind::Redis, &folder).unwrap(), "valkey-server");
        let engine = find(&EngineChoice::Auto, EngineKind::Redis, folder.path().as_os_str()).unwrap();
        assert!(engine.stands_in_for(EngineKind::Redis));
        assert!(!engine.stands_in_for(EngineKind::Valkey));
        assert_eq!(engine.described(), "valkey-server 8.1.2");
    }

    #[test]
    fn a_missing_engine_says_how_to_get_one() {
        let error = found("auto", EngineKind::Redis, &folder_with(&[])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no redis-server and no valkey-server in PATH: install one (`apt-get install redis-server`, \
             `dnf install valkey`, `brew install redis`), or name it with --engine PATH"
        );
        assert!(found("redis-server", EngineKind::Redis, &folder_with(&["valkey-server"])).is_err());
    }

    #[test]
    fn a_path_is_taken_as_it_is() {
        let folder = folder_with(&["mine"]);
        let path = folder.path().join("mine");
        assert_eq!(found(path.to_str().unwrap(), EngineKind::Redis, &folder).unwrap(), "mine");
        let error = found("/nowhere/mine", EngineKind::Redis, &folder).unwrap_err();
        assert_eq!(error.to_string(), "the engine /nowhere/mine is not there, or is not a program");
    }

    #[test]
    fn the_embedded_one_runs_where_nothing_else_is() {
        let embedded = Engine { program: "/x/shardform-node".into(), leading_arguments: vec!["engine".into()] };
        let (empty, full) = (folder_with(&[]), folder_with(&["redis-server"]));
        let chosen =
            |choice: EngineChoice, folder: &TestFolder| choice.or_embedded(&embedded, folder.path().as_os_str());
        let command = EngineChoice::Command(embedded.clone());
        assert_eq!(chosen(EngineChoice::Auto, &empty), command);
        assert_eq!(chosen(EngineChoice::Auto, &full), EngineChoice::Auto);
        assert_eq!(chosen(EngineChoice::Embedded, &full), command);
        assert_eq!(chosen(EngineChoice::None, &empty), EngineChoice::None);
        assert_eq!(embedded.name(), "embedded");
    }

    #[test]
    fn none_is_switched_off() {
        assert_eq!(found("none", EngineKind::Redis, &folder_with(&[])), Err(EngineMissing::SwitchedOff));
    }
}
