//! A stand-in for the control side, with the interface of its server and nothing behind it.
//!
//! To be removed when the control side is there: only `serve.rs` names it, in its one `use`.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::wanted::{FleetReport, Wanted};

#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct State {}

pub struct ServerOptions {
    pub latency: Duration,
    pub ec2_endpoint: Option<String>,
    pub without_nodes: bool,
}

#[expect(clippy::too_many_arguments, reason = "the interface that it stands in for")]
pub async fn run(
    _listener: TcpListener,
    options: ServerOptions,
    initial: State,
    wanted: watch::Sender<Wanted>,
    _report: watch::Receiver<FleetReport>,
    saver: watch::Sender<Arc<State>>,
    health: Arc<dyn Fn() -> serde_json::Value + Send + Sync>,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let _ = (options.latency, options.ec2_endpoint, options.without_nodes, health());
    wanted.send_replace(Wanted::default());
    saver.send_replace(Arc::new(initial));
    shutdown.await;
    Ok(())
}
