//! The command line of the engine: reads the configuration, says what is wrong with it, and hands it to the server.
//! Knows nothing of sockets and commands.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use crate::engine::config::arguments::{Request, parse};
use crate::engine::config::files::RealFiles;
use crate::engine::config::load::{LoadError, Loaded, Sources, load};
use crate::engine::config::{Config, REDIS_VERSION};
use crate::engine::log::{Log, LogLevel};
use crate::engine::state::users::Users;

const HELP: &str = "\
One Redis-compatible node for local runs, tests and CI: clients and tools of Redis 7 take it for redis-server.

Usage: shardform-node engine [FILE] [--DIRECTIVE VALUE...]... [-]

  FILE                   a configuration in redis.conf's syntax
  --DIRECTIVE VALUE...   any line of redis.conf; what comes later counts
  -                      reads configuration from standard input (first or last argument)
  -v, --version          prints the version of Redis that it behaves as
  -h, --help             prints this

Examples:
  shardform-node engine
  shardform-node engine --port 7000 --cluster-enabled yes --cluster-config-file nodes-7000.conf
  shardform-node engine /etc/redis.conf --loglevel verbose
  echo 'maxmemory 128mb' | shardform-node engine -

It has strings, bits, hashes, lists, sets, sorted sets, expiry, transactions, pub/sub, Lua scripts, snapshots (RDB),
replication and cluster mode. It has no streams, HyperLogLogs, geo commands, functions, modules, TLS, append-only file
or sentinel mode, and of users' rules only passwords and all or nothing. A directive that it cannot honour is an error
that names it, or a warning where ignoring it does no harm. It is not made to keep data that you cannot afford to lose.
";

/// What the command line needs of the rest of the engine.
pub struct Parts<'a> {
    /// Whether there is a command of this name, in lower case.
    pub is_command: &'a dyn Fn(&[u8]) -> bool,
    /// Serves until it is told to stop, and gives the status to exit with.
    pub serve: &'a mut dyn FnMut(Config, Log) -> u8,
}

/// Runs the engine with the arguments after `engine`, and gives the status to exit with.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    parts: &mut Parts<'_>,
    output: &mut dyn Write,
    errors: &mut dyn Write,
) -> u8 {
    let arguments: Vec<Vec<u8>> = arguments.into_iter().map(OsString::into_vec).collect();
    match parse(&arguments) {
        Request::Version => print(output, &format!("{}\n", version())),
        Request::Help => print(output, HELP),
        Request::Unsupported(argument) => {
            print(errors, &format!("{argument} is not supported: it is for redis-server alone\n"));
            1
        }
        Request::Serve(sources) => start(sources, arguments.is_empty(), parts, errors),
    }
}

/// In redis-server's form, where tools look for ` v=`.
fn version() -> String {
    format!(
        "Redis server v={REDIS_VERSION} sha=00000000:0 malloc=libc bits={} build=0 (shardform-node engine {})",
        usize::BITS,
        env!("CARGO_PKG_VERSION"),
    )
}

/// What cannot be printed is lost, as with any program whose reader is gone.
fn print(to: &mut dyn Write, text: &str) -> u8 {
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
    0
}

fn start(mut sources: Sources, bare: bool, parts: &mut Parts<'_>, errors: &mut dyn Write) -> u8 {
    // Until there is a configuration, the log is where redis-server has it by default.
    let early_log = Log::new(LogLevel::Notice, "");
    if sources.standard_input {
        early_log.warning("Reading config from stdin");
    }
    sources.file = sources.file.map(absolute);
    match load(&sources, &mut RealFiles, parts.is_command) {
        Ok(loaded) => match Users::configured(&loaded.config.access) {
            Ok(_) => serve(loaded, bare, parts),
            Err(error) => {
                let error = LoadError::Whole {
                    reason: format!("Error in user declaration '{}': {}", error.rule, error.reason),
                };
                print(errors, &format!("{error}\n"));
                1
            }
        },
        Err(error @ LoadError::CannotOpen { .. }) => {
            early_log.warning(error);
            1
        }
        Err(error) => {
            print(errors, &format!("{error}\n"));
            1
        }
    }
}

/// The folder may change before the file is written again.
fn absolute(path: String) -> String {
    std::path::absolute(&path).map_or(path, |absolute| absolute.to_string_lossy().into_owned())
}

fn serve(Loaded { config, warnings }: Loaded, bare: bool, parts: &mut Parts<'_>) -> u8 {
    let log = Log::new(config.general.loglevel, &config.general.logfile);
    log.warning("oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo");
    log.warning(format_args!(
        "Redis version={REDIS_VERSION}, bits={}, commit=00000000, modified=0, pid={}, just started",
        usize::BITS,
        std::process::id()
    ));
    match bare {
        true => log.warning("Warning: no config file specified, using the default config"),
        false => log.warning("Configuration loaded"),
    }
    for warning in warnings {
        log.warning(warning);
    }
    (parts.serve)(config, log)
}

/// Writes what tools wait for once the node listens: the start banner, or one line where nobody would look at a banner.
/// `terminal` says whether standard output is one.
pub fn announce(config: &Config, log: &Log, terminal: bool) {
    let mode = if config.cluster.enabled { "cluster" } else { "standalone" };
    let (port, pid) = (config.network.port, std::process::id());
    if config.general.always_show_logo || (terminal && config.general.logfile.is_empty()) {
        log.raw(LogLevel::Notice, &banner(mode, port, pid));
    } else {
        log.notice(format_args!("Running mode={mode}, port={port}."));
    }
}

fn banner(mode: &str, port: u16, pid: u32) -> String {
    format!(
        "
     _________
    /  /  /  /|     shardform-node engine {}
   /__/__/__/ |     as Redis {REDIS_VERSION}, {} bit
   |  |  |  | |
   |  |  |  | |     Running in {mode} mode
   |  |  |  | /     Port: {port}
   |__|__|__|/      PID: {pid}

",
        env!("CARGO_PKG_VERSION"),
        usize::BITS
    )
}

/// The file that holds the process id for as long as this value lives. What cannot be written is not there.
#[derive(Debug)]
pub struct PidFile(Option<PathBuf>);

impl PidFile {
    /// Writes it, if a name is configured.
    pub fn create(config: &Config) -> Self {
        let path = Some(&config.general.pidfile).filter(|path| !path.is_empty()).map(PathBuf::from);
        Self(path.filter(|path| fs::write(path, format!("{}\n", std::process::id())).is_ok()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Status, output, errors, and the port that would have been served.
    fn run_with(arguments: &[&str]) -> (u8, String, String, Option<u16>) {
        let (mut output, mut errors, mut port) = (Vec::new(), Vec::new(), None);
        let mut serve = |config: Config, _| {
            port = Some(config.network.port);
            0
        };
        let mut parts = Parts { is_command: &|_| false, serve: &mut serve };
        let status = run(arguments.iter().map(OsString::from), &mut parts, &mut output, &mut errors);
        (status, String::from_utf8(output).unwrap(), String::from_utf8(errors).unwrap(), port)
    }

    #[test]
    fn the_version_is_where_tools_look_for_it() {
        let (status, output, errors, port) = run_with(&["-v"]);
        assert!(output.starts_with("Redis server v=7.0.15 sha=00000000:0 malloc=libc bits=64 build="), "{output}");
        assert_eq!((status, errors.as_str(), port), (0, "", None));
    }

    #[test]
    fn help_says_what_it_is_for_and_what_it_is_not() {
        let (status, output, errors, port) = run_with(&["--help"]);
        assert!(output.contains("for local runs, tests and CI") && output.contains("It has no streams"), "{output}");
        assert_eq!((status, errors.as_str(), port), (0, "", None));
    }

    #[test]
    fn a_configuration_is_served() {
        assert_eq!(
            run_with(&["--port", "7001", "--logfile", "/dev/null"]),
            (0, String::new(), String::new(), Some(7001))
        );
    }

    #[test]
    fn what_is_wrong_is_told_and_not_served() {
        let (status, output, errors, port) = run_with(&["--port", "x"]);
        assert_eq!((status, output.as_str(), port), (1, "", None));
        assert_eq!(
            errors,
            "\n*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\nReading the configuration file, at line 2\n\
             >>> 'port \"x\"'\nargument couldn't be parsed into an integer\n"
        );
        let (status, _, errors, _) = run_with(&["--test-memory", "1"]);
        assert_eq!((status, errors.as_str()), (1, "--test-memory is not supported: it is for redis-server alone\n"));
    }

    #[test]
    fn the_banner_has_what_tools_wait_for() {
        let banner = banner("cluster", 7000, 42);
        assert!(banner.contains(" PID: 42\n") && banner.contains("Port: 7000\n"));
    }

    #[test]
    fn the_file_with_the_process_id_goes_when_the_process_does() {
        let path = std::env::temp_dir().join(format!("shardform-pid-{}", std::process::id()));
        let mut config = Config::new();
        config.general.pidfile = path.to_string_lossy().into_owned();
        let file = PidFile::create(&config);
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        drop(file);
        assert!(!path.exists());
    }
}
