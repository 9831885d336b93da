//! `serve`: joins the listener, the state folder, the control side and the fleet, and ends them in order.
//!
//! Knows signals and the order of things; makes no choice that either side could make.

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::control::{SavedStateError, State};
use super::fleet::engine::{self, EngineChoice};
use super::fleet::{self, FleetOptions, NODE_TIMEOUT};
use super::log::{Log, timestamp};
use super::program::{Environment, ServeArgs};
use super::server::{self, ServerOptions};
use super::store::{Serving, StateFolder, StoreError};
use super::wanted::{EngineKind, FleetReport, Wanted};

/// How long requests that are under way may take when the server ends.
const SERVER_GRACE: Duration = Duration::from_secs(5);
/// How long nodes may take to save their data and end; each step of theirs has a bound of its own below this.
const FLEET_GRACE: Duration = Duration::from_secs(40);

/// Why the server could not work, in words for people, with what to do next.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// No runtime.
    #[error("the system gives no event loop: {0}")]
    Runtime(io::Error),
    /// Another listens at the address.
    #[error(
        "{0} is taken by another program (a shardform-node that runs already?): stop it, or choose another address, such as --listen {1}"
    )]
    AddressTaken(SocketAddr, SocketAddr),
    /// The address can't be listened on for another reason.
    #[error("can't listen on {0}: {1}; choose another address with --listen")]
    Address(SocketAddr, io::Error),
    /// No folder is named.
    #[error("neither HOME nor XDG_STATE_HOME says where state is kept: name a folder with --state-dir")]
    NoFolder,
    /// The folder or a file in it can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The saved state is not one of this program's.
    #[error("{} can't be taken ({error}): use the program that wrote it, or move it away to start afresh", .path.display())]
    State {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        error: SavedStateError,
    },
    /// The server itself failed.
    #[error("the server failed: {0}")]
    Server(io::Error),
}

/// Serves until SIGTERM, SIGINT or SIGHUP, and then ends within bounded time; a second SIGTERM or SIGINT leaves the
/// nodes to the next start.
pub async fn serve(
    arguments: ServeArgs,
    environment: &Environment,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), ServeError> {
    // First of all, so that a signal during the start ends it in order too.
    let mut signals = Signals::new().map_err(ServeError::Runtime)?;
    let (listener, listen) = bind(arguments.listen).await?;
    let folder = arguments.state_folder(environment, listen.port()).ok_or(ServeError::NoFolder)?;
    let folder = Arc::new(StateFolder::open(&folder)?);
    let state = load_state(&folder)?;
    let log_path = folder.path().join("serve.log");
    let log = Log::open(&log_path).map_err(|error| StoreError::Io { verb: "write", path: log_path, error })?;
    let engine = describe_engine(&arguments.engine, environment, err);
    if !listen.ip().is_loopback() {
        let warning = format!("warning: {listen} is reachable from elsewhere, and there is no authentication");
        let _ = writeln!(err, "{warning}");
    }

    let (saver, states) = watch::channel(Arc::new(state.clone()));
    let saving = tokio::spawn(save_changes(folder.clone(), states, log.clone()));
    let (stop, stopped) = watch::channel(false);
    let (wanted, wanted_received) = watch::channel(Wanted::default());
    let (report, report_received) = watch::channel(FleetReport::default());
    let without_nodes = arguments.engine == EngineChoice::None;
    let (fleet_stop, fleet_stopped) = watch::channel(false);
    let fleet = (!without_nodes).then(|| {
        let options = FleetOptions {
            state_dir: folder.path().to_owned(),
            engine: arguments.engine.clone(),
            search_path: environment.path.clone(),
            node_timeout: NODE_TIMEOUT,
            one_address: false,
            log: log.clone(),
        };
        tokio::spawn(fleet::run(options, wanted_received, report, true_at_last(fleet_stopped)))
    });
    let serving = Serving { pid: std::process::id(), listen, started_at: timestamp(SystemTime::now()) };
    folder.announce(&serving)?;
    let health = health(&serving, &folder, arguments.engine.clone(), environment.path.clone());
    let options = ServerOptions {
        latency: arguments.latency,
        ec2_endpoint: arguments.ec2_endpoint,
        without_nodes,
        ..ServerOptions::default()
    };
    let server = server::run(listener, options, state, wanted, report_received, saver, health, true_at_last(stopped));
    let _ = writeln!(out, "{}", ready_line(listen, &engine, &folder)).and_then(|()| out.flush());
    log.line(ready_line(listen, &engine, &folder));

    let served = until_told(server, &stop, &mut signals, &log).await;
    fleet_stop.send_replace(true);
    let have_ended = match fleet {
        None => true,
        Some(fleet) => tokio::select! {
            ended = tokio::time::timeout(FLEET_GRACE, fleet) => ended.is_ok(),
            () = signals.again() => false,
        },
    };
    if !have_ended {
        let _ = writeln!(err, "warning: some nodes did not end in time; the next start takes them on");
    }
    // The server is gone, and with it the states' sender: what is left is saved, and the task ends.
    let saved = tokio::time::timeout(SERVER_GRACE, saving).await;
    let saved = saved.unwrap_or(Ok(Ok(()))).unwrap_or(Ok(()));
    folder.withdraw();
    log.line("ended");
    served.map_err(ServeError::Server).and(saved.map_err(ServeError::Store))
}

/// The saved state; an empty one only if there is no file.
fn load_state(folder: &StateFolder) -> Result<State, ServeError> {
    let Some(saved) = folder.load_state()? else {
        return Ok(State::default());
    };
    State::from_saved(saved).map_err(|error| ServeError::State { path: folder.state_file(), error })
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let listener = TcpListener::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            let next = address.port().checked_add(1).unwrap_or(4510);
            ServeError::AddressTaken(address, SocketAddr::new(address.ip(), next))
        }
        _ => ServeError::Address(address, error),
    })?;
    let listen = listener.local_addr().map_err(|error| ServeError::Address(address, error))?;
    Ok((listener, listen))
}

/// A missing engine is no reason not to answer: it can be installed while the server runs.
fn describe_engine(choice: &EngineChoice, environment: &Environment, err: &mut dyn Write) -> String {
    match engine::find(choice, EngineKind::Redis, &environment.path) {
        Ok(engine) => engine.described(),
        Err(engine::EngineMissing::SwitchedOff) => "none".to_owned(),
        Err(missing) => {
            let _ = writeln!(err, "warning: {missing}; until then clusters have no nodes");
            "none".to_owned()
        }
    }
}

fn ready_line(listen: SocketAddr, engine: &str, folder: &StateFolder) -> String {
    let (version, path) = (env!("CARGO_PKG_VERSION"), folder.path().display());
    format!("shardform-node {version} listening on http://{listen} (engine {engine}, state {path})")
}

/// What the health page tells of the program. An engine that is missing is looked for again each time: it can be
/// installed while the server runs.
fn health(
    serving: &Serving,
    folder: &StateFolder,
    choice: EngineChoice,
    search_path: OsString,
) -> Arc<dyn Fn() -> serde_json::Value + Send + Sync> {
    let value = serde_json::json!({
        "version": env!("CARGO_PKG_VERSION"),
        "pid": serving.pid,
        "started_at": serving.started_at,
        "state_dir": folder.path(),
    });
    // Asking a program for its version starts it, so that is done once.
    let described = OnceLock::new();
    Arc::new(move || {
        let mut value = value.clone();
        value["engine"] = "none".into();
        match engine::find(&choice, EngineKind::Redis, &search_path) {
            Ok(engine) => value["engine"] = described.get_or_init(|| engine.described()).as_str().into(),
            Err(engine::EngineMissing::SwitchedOff) => {}
            Err(missing) => value["engine_missing"] = missing.to_string().into(),
        }
        value
    })
}

async fn true_at_last(mut flag: watch::Receiver<bool>) {
    // A sender that is gone means the end as well.
    let _ = flag.wait_for(|set| *set).await;
}

/// Runs the server until it ends by itself or by a signal. It is dropped at the end, with all that it holds.
async fn until_told(
    server: impl Future<Output = io::Result<()>>,
    stop: &watch::Sender<bool>,
    signals: &mut Signals,
    log: &Log,
) -> io::Result<()> {
    tokio::pin!(server);
    let name = tokio::select! {
        served = &mut server => return served,
        name = signals.first() => name,
    };
    log.line(format!("ending after {name}"));
    stop.send_replace(true);
    tokio::select! {
        served = tokio::time::timeout(SERVER_GRACE, &mut server) => served.unwrap_or(Ok(())),
        () = signals.again() => Ok(()),
    }
}

/// The signals that end the program: the first in order, a second one at once.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    is_hurried: bool,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            is_hurried: false,
        })
    }

    /// Waits for the first and names it.
    async fn first(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.hangup.recv() => "SIGHUP",
        }
    }

    /// Waits for a second one; is ready ever after. A terminal that closes may send SIGHUP twice: it is no second one.
    async fn again(&mut self) {
        if !self.is_hurried {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
            }
            self.is_hurried = true;
        }
    }
}

/// Saves every state that is sent, the last one for sure; those in between may be passed over. Ends when the sender is
/// gone; answers with the last failure, if the last state could not be saved.
async fn save_changes(
    folder: Arc<StateFolder>,
    mut states: watch::Receiver<Arc<State>>,
    log: Log,
) -> Result<(), StoreError> {
    let mut last = Ok(());
    while states.changed().await.is_ok() {
        let state = states.borrow_and_update().clone();
        let folder = folder.clone();
        let saved = tokio::task::spawn_blocking(move || folder.save_state(&*state)).await;
        last = saved.unwrap_or(Ok(()));
        if let Err(error) = &last {
            log.line(error.to_string());
        }
    }
    last
}
