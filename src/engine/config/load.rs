//! From the text of redis.conf and of the command line to a [`Config`]: line by line, as Redis does, with the line
//! and the reason where it fails. Reads files only through [`Files`].

use thiserror::Error;

use super::REDIS_VERSION;
use super::directive::{Directive, Support};
use super::files::{Files, words_of};
use super::settings::Config;
use super::table::{DIRECTIVES, find};
use super::words::split_arguments;

/// How deep files may include files.
const DEEPEST_INCLUDE: usize = 16;
/// Old directives that are passed over, with one argument each.
const DEPRECATED: [&[u8]; 3] = [b"list-max-ziplist-entries", b"list-max-ziplist-value", b"lua-replicate-commands"];

/// What a configuration is read from, in this order: the last word counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// A file.
    pub file: Option<String>,
    /// Standard input.
    pub standard_input: bool,
    /// Lines that the command line stands for.
    pub options: Vec<u8>,
}

/// A configuration, and what the user should know about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// What was read, over the defaults.
    pub config: Config,
    /// Directives that were set and have no effect.
    pub warnings: Vec<String>,
}

/// Why there is no configuration, worded as redis-server words it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LoadError {
    /// A line is wrong.
    #[error(
        "\n*** FATAL CONFIG FILE ERROR (Redis {REDIS_VERSION}) ***\n\
         Reading the configuration file, at line {number}\n>>> '{line}'\n{reason}"
    )]
    Line {
        /// Counted from one, in the file with what the command line adds to it.
        number: usize,
        /// The line.
        line: String,
        /// What is wrong.
        reason: String,
    },
    /// The lines are right, and do not go together.
    #[error("\n*** FATAL CONFIG FILE ERROR (Redis {REDIS_VERSION}) ***\n{reason}")]
    Whole {
        /// What is wrong.
        reason: String,
    },
    /// A file cannot be read. redis-server writes this to its log.
    #[error("Fatal error, can't open config file '{path}': {reason}")]
    CannotOpen {
        /// The file.
        path: String,
        /// In the system's words.
        reason: String,
    },
}

/// Reads a configuration. `is_command` says whether there is a command of a name in lower case, for `rename-command`.
pub fn load(sources: &Sources, files: &mut dyn Files, is_command: &dyn Fn(&[u8]) -> bool) -> Result<Loaded, LoadError> {
    let mut loader = Loader { config: Config::new(), files, is_command, save_seen: false };
    loader.config.general.file = sources.file.clone();
    loader.config.general.dir = loader.files.enter(".").unwrap_or_default();
    let mut text = match &sources.file {
        Some(path) => loader.read(path)?,
        None => Vec::new(),
    };
    if sources.standard_input {
        text.extend(loader.files.standard_input().map_err(|error| cannot_open("standard input", &error))?);
    }
    text.push(b'\n');
    text.extend_from_slice(&sources.options);
    loader.take_text(&text, 0)?;
    let warnings = warnings(&loader.config);
    Ok(Loaded { config: loader.config, warnings })
}

/// What the user should know: each directive that was set and has no effect.
fn warnings(config: &Config) -> Vec<String> {
    let warning = |directive: &Directive| match directive.support {
        Support::Ignored(why) if !directive.is_default(config) => {
            Some(format!("WARNING: The directive '{}' has no effect: {why}.", directive.name))
        }
        _ => None,
    };
    DIRECTIVES.iter().filter_map(warning).collect()
}

fn cannot_open(path: &str, error: &std::io::Error) -> LoadError {
    LoadError::CannotOpen { path: path.to_owned(), reason: words_of(error) }
}

/// Why a line is not taken: for a reason of its own, or for what a file that it includes has to say.
enum Trouble {
    Reason(String),
    Included(LoadError),
}

impl From<String> for Trouble {
    fn from(reason: String) -> Self {
        Self::Reason(reason)
    }
}

impl From<&str> for Trouble {
    fn from(reason: &str) -> Self {
        Self::Reason(reason.to_owned())
    }
}

struct Loader<'a> {
    config: Config,
    files: &'a mut dyn Files,
    is_command: &'a dyn Fn(&[u8]) -> bool,
    /// The first line `save` takes the place of the default, the next ones add to it.
    save_seen: bool,
}

impl Loader<'_> {
    fn read(&mut self, path: &str) -> Result<Vec<u8>, LoadError> {
        self.files.read(path).map_err(|error| cannot_open(path, &error))
    }

    fn take_text(&mut self, text: &[u8], depth: usize) -> Result<(), LoadError> {
        for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let line = trim(line);
            self.take_line(line, depth).map_err(|trouble| match trouble {
                Trouble::Included(error) => error,
                Trouble::Reason(reason) => {
                    LoadError::Line { number: index + 1, line: String::from_utf8_lossy(line).into_owned(), reason }
                }
            })?;
        }
        self.check_whole().map_err(|reason| LoadError::Whole { reason })
    }

    fn check_whole(&mut self) -> Result<(), String> {
        let logfile = &self.config.general.logfile;
        if !logfile.is_empty() {
            let tried = self.files.try_append(logfile);
            tried.map_err(|error| format!("Can't open the log file: {}", words_of(&error)))?;
        }
        if self.config.cluster.enabled && self.config.replication.primary.is_some() {
            return Err("replicaof directive not allowed in cluster mode".into());
        }
        Ok(())
    }

    fn take_line(&mut self, line: &[u8], depth: usize) -> Result<(), Trouble> {
        if line.is_empty() || line.starts_with(b"#") {
            return Ok(());
        }
        let words = split_arguments(line).ok_or("Unbalanced quotes in configuration line")?;
        let Some((name, arguments)) = words.split_first() else { return Ok(()) };
        match find(name) {
            Some(directive) => Ok(self.set(directive, arguments)?),
            None => self.take_other(&name.to_ascii_lowercase(), arguments, depth),
        }
    }

    fn set(&mut self, directive: &Directive, arguments: &[Vec<u8>]) -> Result<(), String> {
        if !directive.several && arguments.len() != 1 {
            return Err("wrong number of arguments".into());
        }
        // One argument may hold several, as in `save "900 1"`.
        let split = match arguments {
            [only] if directive.several && !only.is_empty() => {
                Some(split_arguments(only).ok_or("Unbalanced quotes in configuration line")?)
            }
            _ => None,
        };
        let arguments = split.as_deref().unwrap_or(arguments);
        let earlier = (directive.name == "save").then(|| self.config.snapshot.save.clone());
        directive.set(&mut self.config, arguments, self.files)?;
        if let Some(earlier) = earlier {
            self.gather_save(earlier, arguments);
        }
        Ok(())
    }

    /// Lines `save` add up, except that an empty one forgets those before it.
    fn gather_save(&mut self, mut earlier: Vec<super::settings::SavePoint>, arguments: &[Vec<u8>]) {
        let forgets = matches!(arguments, [only] if only.is_empty());
        if self.save_seen && !forgets {
            earlier.append(&mut self.config.snapshot.save);
            self.config.snapshot.save = earlier;
        }
        self.save_seen = true;
    }

    /// Directives that are not in the table, since they cannot be asked for or set at run time.
    fn take_other(&mut self, name: &[u8], arguments: &[Vec<u8>], depth: usize) -> Result<(), Trouble> {
        match (name, arguments) {
            (name, [_]) if DEPRECATED.contains(&name) => Ok(()),
            (b"include", [path]) => self.include(&String::from_utf8_lossy(path), depth),
            (b"rename-command", [from, to]) => Ok(self.rename_command(from, to)?),
            (b"user", [_, ..]) => {
                self.config.access.users.push(arguments.to_vec());
                Ok(())
            }
            (b"loadmodule", [_, ..]) => Err("loadmodule is not supported: this engine has no modules".into()),
            (b"sentinel", _) => Err("sentinel is not supported: this engine is no sentinel".into()),
            (name, _) if name.contains(&b'.') => {
                Err("module configuration is not supported: this engine has no modules".into())
            }
            _ => Err("Bad directive or wrong number of arguments".into()),
        }
    }

    /// A plain name must be there; a pattern may match nothing.
    fn include(&mut self, path: &str, depth: usize) -> Result<(), Trouble> {
        if depth >= DEEPEST_INCLUDE {
            return Err("too many files include one another".into());
        }
        let text = match path.contains(['*', '?', '[']) {
            true => self.read_matching(path),
            false => self.read(path),
        };
        let text = text.map_err(Trouble::Included)?;
        self.take_text(&text, depth + 1).map_err(Trouble::Included)
    }

    /// All files whose last name the pattern matches, one after the other.
    fn read_matching(&mut self, path: &str) -> Result<Vec<u8>, LoadError> {
        let split = path.rfind('/').map_or(0, |slash| slash + 1);
        let (folder, pattern) = path.split_at(split);
        let mut text = Vec::new();
        for file in self.files.matching(folder, pattern) {
            text.extend(self.read(&file)?);
        }
        Ok(text)
    }

    fn rename_command(&mut self, from: &[u8], to: &[u8]) -> Result<(), String> {
        let (from, to) = (from.to_ascii_lowercase(), to.to_ascii_lowercase());
        if !self.has_command(&from) {
            return Err("No such command in rename-command".into());
        }
        if !to.is_empty() && to != from && self.has_command(&to) {
            return Err("Target command name already exists".into());
        }
        self.config.general.renamed_commands.push((from, to));
        Ok(())
    }

    /// Whether a command goes by this name after what was renamed so far: the last line that names it says so.
    fn has_command(&self, name: &[u8]) -> bool {
        let renamed = self.config.general.renamed_commands.iter().rev();
        let mut naming = renamed.filter(|(from, to)| from == name || to == name);
        naming.next().map_or_else(|| (self.is_command)(name), |(_, to)| to == name)
    }
}

/// Without blanks at both ends.
pub(super) fn trim(line: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let start = line.iter().position(|byte| !blank(byte)).unwrap_or(line.len());
    let end = line.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    line.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io;

    use super::*;
    use crate::engine::config::settings::SavePoint;

    #[derive(Default)]
    struct FakeFiles(BTreeMap<&'static str, &'static str>);

    impl Files for FakeFiles {
        fn read(&mut self, path: &str) -> io::Result<Vec<u8>> {
            let content = self.0.get(path).ok_or(io::Error::from_raw_os_error(2))?;
            Ok(content.as_bytes().to_vec())
        }
        fn matching(&mut self, folder: &str, _: &str) -> Vec<String> {
            self.0.keys().filter(|path| path.starts_with(folder)).map(|path| (*path).to_owned()).collect()
        }
        fn standard_input(&mut self) -> io::Result<Vec<u8>> {
            self.read("-")
        }
        fn enter(&mut self, folder: &str) -> io::Result<String> {
            if folder == "/none" { Err(io::Error::from_raw_os_error(2)) } else { Ok(folder.to_owned()) }
        }
        fn try_append(&mut self, path: &str) -> io::Result<()> {
            if path == "/none" { Err(io::Error::from_raw_os_error(13)) } else { Ok(()) }
        }
    }

    fn load_files(files: &[(&'static str, &'static str)], options: &str) -> Result<Loaded, LoadError> {
        let mut fake = FakeFiles(files.iter().copied().collect());
        let file = files.first().map(|(path, _)| (*path).to_owned());
        let sources = Sources { file, standard_input: false, options: options.into() };
        load(&sources, &mut fake, &|name| matches!(name, b"get" | b"set"))
    }

    fn options(options: &str) -> Result<Loaded, LoadError> {
        load_files(&[], options)
    }

    fn error(text: &str) -> String {
        options(text).unwrap_err().to_string()
    }

    #[test]
    fn a_file_is_read_line_by_line_and_options_come_last() {
        let file = "# a comment\n\n  PORT 7000  \r\nsave 900 1\nsave 300 10\nhash-max-ziplist-entries 9\nbind 127.0.0.1 -::1\n";
        let loaded = load_files(&[("/etc/redis.conf", file)], "port 7001\nmaxmemory 1gb").unwrap();
        let config = loaded.config;
        assert_eq!(config.network.port, 7001);
        assert_eq!(config.memory.maxmemory, 1 << 30);
        assert_eq!(config.collections.hash_max_listpack_entries, 9);
        assert_eq!(config.network.bind, ["127.0.0.1", "-::1"]);
        let points = [SavePoint { seconds: 900, changes: 1 }, SavePoint { seconds: 300, changes: 10 }];
        assert_eq!(config.snapshot.save, points);
        assert_eq!(config.general.file.as_deref(), Some("/etc/redis.conf"));
        assert_eq!(loaded.warnings, Vec::<String>::new());
    }

    #[test]
    fn an_empty_save_forgets_the_others() {
        assert_eq!(options("save 900 1\nsave \"\"").unwrap().config.snapshot.save, []);
        assert_eq!(options("save \"\"").unwrap().config.snapshot.save, []);
        assert_eq!(options("save \"60 5 30 2\"").unwrap().config.snapshot.save.len(), 2);
        assert_eq!(options("port 1").unwrap().config.snapshot.save.len(), 3);
    }

    #[test]
    fn errors_name_the_line_and_the_reason() {
        assert_eq!(
            error("port 99999"),
            "\n*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\nReading the configuration file, at line 2\n\
             >>> 'port 99999'\nargument must be between 0 and 65535 inclusive"
        );
        for (line, reason) in [
            ("foo \"a", "Unbalanced quotes in configuration line"),
            ("foo \"bar\"", "Bad directive or wrong number of arguments"),
            ("port", "wrong number of arguments"),
            ("port 1 2", "wrong number of arguments"),
            ("shutdown-on-sigint", "argument(s) must be one of the following: default, save, nosave, now, force"),
            ("replicaof a b", "Invalid master port"),
            ("save 1", "Invalid save parameters"),
            ("dir /none", "No such file or directory"),
            ("rename-command nothing x", "No such command in rename-command"),
            ("rename-command get set", "Target command name already exists"),
            ("loadmodule x.so", "loadmodule is not supported: this engine has no modules"),
            ("appendonly yes", "only 'no' is supported: this engine keeps no append-only file"),
            ("tls-port 7000", "only '0' is supported: this engine speaks no TLS"),
        ] {
            assert_eq!(error(line).lines().last(), Some(reason), "{line}");
        }
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        let head = "\n*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\n";
        assert_eq!(
            error("cluster-enabled yes\nreplicaof localhost 1"),
            format!("{head}replicaof directive not allowed in cluster mode")
        );
        assert_eq!(error("logfile /none"), format!("{head}Can't open the log file: Permission denied"));
    }

    #[test]
    fn files_include_files() {
        let loaded =
            load_files(&[("/a", "include /b\ninclude /conf.d/*.conf\ninclude /empty/*"), ("/b", "port 1")], "")
                .unwrap();
        assert_eq!(loaded.config.network.port, 1);
        let missing = load_files(&[("/a", "include /c")], "").unwrap_err().to_string();
        assert_eq!(missing, "Fatal error, can't open config file '/c': No such file or directory");
        let loops = load_files(&[("/a", "include /a")], "").unwrap_err().to_string();
        assert!(loops.ends_with(">>> 'include /a'\ntoo many files include one another"), "{loops}");
    }

    #[test]
    fn commands_are_renamed_once() {
        let config = options("rename-command GET fetch\nrename-command set \"\"").unwrap().config;
        let renamed = [(b"get".to_vec(), b"fetch".to_vec()), (b"set".to_vec(), Vec::new())];
        assert_eq!(config.general.renamed_commands, renamed);
        assert!(error("rename-command get a\nrename-command get b").ends_with("No such command in rename-command"));
        assert!(options("rename-command get a\nrename-command a b").is_ok());
        assert!(options("rename-command get a\nrename-command set get").is_ok());
    }

    #[test]
    fn directives_without_effect_are_told() {
        let loaded = options("io-threads 4\nappendfsync everysec\nio-threads-do-reads no").unwrap();
        assert_eq!(
            loaded.warnings,
            ["WARNING: The directive 'io-threads' has no effect: this engine runs in one thread."]
        );
    }

    #[test]
    fn users_are_kept_as_they_are_written() {
        let users = options("user alice on >secret ~* +@all").unwrap().config.access.users;
        assert_eq!(users, [["alice", "on", ">secret", "~*", "+@all"].map(|word| word.as_bytes().to_vec()).to_vec()]);
    }
}
