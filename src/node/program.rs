//! The command line of `shardform-node`, as a function, so that another binary can have it too.
//!
//! Knows arguments, their defaults and exit codes. The environment and the two output streams are arguments; what
//! serving means is in `serve`.

use std::ffi::OsString;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use super::fleet::engine::{Engine, EngineChoice};
use super::serve;

/// What the program takes from its environment, read by the binary.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// PATH: where engines are looked for.
    pub path: OsString,
    /// HOME, if set.
    pub home: Option<PathBuf>,
    /// XDG_STATE_HOME, if set.
    pub xdg_state_home: Option<PathBuf>,
    /// The embedded engine, if the program has it.
    pub engine: Option<EmbeddedEngine>,
}

/// How the embedded engine is run: in this process, or as one of its own.
#[derive(Clone, Debug)]
pub struct EmbeddedEngine {
    /// Runs it in this process with the arguments after `engine`; answers with the exit code.
    pub run: fn(Vec<OsString>, &mut dyn Write, &mut dyn Write) -> u8,
    /// The command that runs it as a process of its own.
    pub command: Engine,
}

impl EmbeddedEngine {
    /// That of a program whose file is `program`, and which runs it when it is called with `leading` arguments.
    pub fn of(
        program: PathBuf,
        leading: &[&str],
        run: fn(Vec<OsString>, &mut dyn Write, &mut dyn Write) -> u8,
    ) -> Self {
        let leading_arguments = leading.iter().map(OsString::from).collect();
        EmbeddedEngine { run, command: Engine { program, leading_arguments } }
    }
}

/// `shardform-node`, the self-hostable local cloud.
#[derive(Debug, Parser)]
#[command(name = "shardform-node", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer the AWS API for ElastiCache on this machine, with real cluster nodes behind it
    Serve(ServeArgs),
    /// Run one cache node: the embedded engine, for local runs, tests and CI
    #[command(disable_help_flag = true, disable_version_flag = true)]
    Engine {
        /// A configuration file in redis.conf's syntax, and directives as --name value; --help tells more
        #[arg(value_name = "ARGUMENT", trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

/// The arguments of `serve`.
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    /// Address to answer at; there is no authentication, so anyone who reaches it can use it
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:4510")]
    pub listen: SocketAddr,
    /// Folder for state, logs and the nodes' files [default: a folder named by the port, in
    /// $XDG_STATE_HOME/shardform or ~/.local/state/shardform]
    #[arg(long, value_name = "FOLDER")]
    pub state_dir: Option<PathBuf>,
    /// Time added to every answer, such as 100ms or 2s
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = parse_time)]
    pub latency: Duration,
    /// Where the parts of EC2 that are not answered here are asked for
    #[arg(long, value_name = "URL")]
    pub ec2_endpoint: Option<String>,
    /// Program that runs as cache nodes: auto (what is installed of redis-server and valkey-server, or else the embedded
    /// engine), embedded, redis-server, valkey-server, none, or a path
    #[arg(long, value_name = "ENGINE", default_value = "auto")]
    pub engine: EngineChoice,
}

impl ServeArgs {
    /// The folder for everything that lasts. `port` is the one that is listened on, so that several servers run side by
    /// side without a flag. `None` if neither an argument nor the environment says where.
    pub fn state_folder(&self, environment: &Environment, port: u16) -> Option<PathBuf> {
        self.state_dir.clone().or_else(|| default_state_folder(environment, port))
    }
}

/// The state folder of a server at this port that was started without `--state-dir`.
pub fn default_state_folder(environment: &Environment, port: u16) -> Option<PathBuf> {
    // A relative XDG_STATE_HOME is to be ignored, as the XDG specification has it.
    let absolute = |path: &Option<PathBuf>| path.clone().filter(|path| path.is_absolute());
    let home = || absolute(&environment.home).map(|home| home.join(".local/state"));
    let base = absolute(&environment.xdg_state_home).or_else(home)?;
    Some(base.join("shardform").join(port.to_string()))
}

/// Runs the whole program: reads `args` (the first is the program's name), works until it is told to end by a signal,
/// and answers with the exit code: 0 if all went well, 1 if it could not work, 2 for arguments that it can't read.
pub fn main(
    args: impl IntoIterator<Item = OsString>,
    environment: Environment,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let text = error.render();
            let _ = if error.use_stderr() { write!(err, "{text}") } else { write!(out, "{text}") };
            // clap's own 2 would mean differences to who runs `shardform` beside it.
            return u8::from(error.use_stderr());
        }
    };
    match cli.command {
        Command::Serve(arguments) => serve(arguments, &environment, out, err),
        Command::Engine { arguments } => match environment.engine {
            Some(engine) => (engine.run)(arguments, out, err),
            None => {
                let _ = writeln!(err, "error: this program has no engine in it: run shardform-node engine");
                1
            }
        },
    }
}

/// `serve` with arguments that are read already.
pub fn serve(mut arguments: ServeArgs, environment: &Environment, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    if let Some(embedded) = &environment.engine {
        arguments.engine = arguments.engine.or_embedded(&embedded.command, &environment.path);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(serve::serve(arguments, environment, out, err)),
        Err(error) => Err(serve::ServeError::Runtime(error)),
    };
    let Err(error) = result else { return 0 };
    let _ = writeln!(err, "error: {error}");
    1
}

/// Reads a time: a number with ms, s or m; 0 needs no unit. At most an hour.
fn parse_time(text: &str) -> Result<Duration, String> {
    const LONGEST: Duration = Duration::from_secs(3600);
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let hint = || "a time is a number with ms, s or m, such as 100ms".to_owned();
    let number: u64 = number.parse().map_err(|_| hint())?;
    let millis = match unit {
        "ms" => Some(number),
        "s" => number.checked_mul(1000),
        "m" => number.checked_mul(60_000),
        "" if number == 0 => Some(0),
        _ => return Err(hint()),
    };
    let time = millis.map(Duration::from_millis).filter(|time| *time <= LONGEST);
    time.ok_or_else(|| "at most an hour".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(args: &[&str]) -> (u8, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let args = std::iter::once("shardform-node").chain(args.iter().copied()).map(OsString::from);
        let code = main(args, Environment::default(), &mut out, &mut err);
        (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn times_have_units() {
        assert_eq!(parse_time("100ms"), Ok(Duration::from_millis(100)));
        assert_eq!(parse_time("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(parse_time("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(parse_time("0"), Ok(Duration::ZERO));
        for wrong in ["", "5", "ms", "1h", "-1s", "1.5s", "2 s"] {
            assert_eq!(
                parse_time(wrong),
                Err("a time is a number with ms, s or m, such as 100ms".to_owned()),
                "{wrong}"
            );
        }
        assert_eq!(parse_time("61m"), Err("at most an hour".to_owned()));
        assert_eq!(parse_time("999999999999999999m"), Err("at most an hour".to_owned()));
    }

    #[test]
    fn the_state_folder_is_named_by_the_port() {
        let home = Environment { home: Some("/home/ann".into()), ..Environment::default() };
        assert_eq!(default_state_folder(&home, 4510), Some("/home/ann/.local/state/shardform/4510".into()));
        let both = Environment { xdg_state_home: Some("/state".into()), ..home.clone() };
        assert_eq!(default_state_folder(&both, 4511), Some("/state/shardform/4511".into()));
        let relative = Environment { xdg_state_home: Some("state".into()), ..home };
        assert_eq!(default_state_folder(&relative, 1), Some("/home/ann/.local/state/shardform/1".into()));
        assert_eq!(default_state_folder(&Environment::default(), 1), None);
    }

    #[test]
    fn help_and_version_go_to_the_output_stream() {
        let (code, out, err) = run(&["--version"]);
        assert_eq!((code, out.as_str(), err.as_str()), (0, "shardform-node 0.1.0\n", ""));
        let (code, out, err) = run(&["serve", "--help"]);
        assert!(out.contains("--state-dir <FOLDER>") && out.contains("[default: 127.0.0.1:4510]"), "{out}");
        assert_eq!((code, err.as_str()), (0, ""));
    }

    #[test]
    fn wrong_arguments_are_exit_code_1() {
        let (code, out, err) = run(&["serve", "--latency", "soon"]);
        assert_eq!((code, out.as_str()), (1, ""));
        assert!(err.contains("a time is a number with ms, s or m"), "{err}");
        assert_eq!(run(&["serve", "--listen", "nowhere"]).0, 1);
        assert_eq!(run(&[]).0, 1);
    }

    #[test]
    fn a_taken_port_is_told_with_the_next_step() {
        let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = held.local_addr().unwrap().to_string();
        let (code, out, err) = run(&["serve", "--listen", &address, "--engine", "none"]);
        assert_eq!((code, out.as_str()), (1, ""));
        let expected = format!("error: {address} is taken by another program (a shardform-node that runs already?)");
        assert!(err.starts_with(&expected) && err.contains("--listen"), "{err}");
    }

    #[test]
    fn without_a_home_the_folder_has_to_be_named() {
        let (code, out, err) = run(&["serve", "--listen", "127.0.0.1:0", "--engine", "none"]);
        assert_eq!((code, out.as_str()), (1, ""));
        assert_eq!(
            err,
            "error: neither HOME nor XDG_STATE_HOME says where state is kept: name a folder with --state-dir\n"
        );
    }

    #[test]
    fn an_unusable_folder_is_named() {
        let (code, _, err) =
            run(&["serve", "--listen", "127.0.0.1:0", "--engine", "none", "--state-dir", "/dev/null/x"]);
        assert_eq!(code, 1);
        assert!(err.starts_with("error: can't make the folder /dev/null/x: "), "{err}");
    }
}
