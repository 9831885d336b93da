//! `local`: looks after the local cloud.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Context, block_on};
use crate::args::{Local, LocalArgs};
use crate::error::{EXIT_ERROR, Error};
use crate::interrupt::Interrupt;
use crate::local::{Health, LISTEN_VARIABLE, LocalCloud, LocalError, Report, health, tail};
use crate::terminal::Terminal;
use crate::view::count;

/// How often a followed log is looked at.
const FOLLOW_EVERY: Duration = Duration::from_millis(200);

pub(super) fn run(args: &LocalArgs, context: &Context) -> Result<u8, Error> {
    let cloud = LocalCloud::find(args.listen, context.environment)?;
    let terminal = context.terminal;
    block_on(async |interrupt: Interrupt| {
        let work = async {
            match args.command {
                Local::Start => start(&cloud, context).await,
                Local::Status => status(&cloud, terminal).await,
                Local::Stop => stop(&cloud, terminal).await,
                Local::Logs { follow, lines } => logs(&cloud, follow, lines, terminal).await,
            }
        };
        interrupt.leaving(work).await
    })
}

async fn start(cloud: &LocalCloud, context: &Context<'_>) -> Result<u8, Error> {
    let terminal = context.terminal;
    let (report, warnings) = cloud.start(context.environment).await?;
    warnings.iter().for_each(|warning| terminal.tell(warning));
    show(cloud, &report, terminal)?;
    if !cloud.is_at_default() && context.environment.filled(LISTEN_VARIABLE).is_none() {
        terminal.mention(&format!("for `--local` to find it: export {LISTEN_VARIABLE}={}", cloud.listen));
    }
    Ok(0)
}

async fn status(cloud: &LocalCloud, terminal: &Terminal) -> Result<u8, Error> {
    match health(cloud.listen).await {
        Health::Up(report) => {
            show(cloud, &report, terminal)?;
            Ok(0)
        }
        Health::Silent => {
            if terminal.json {
                terminal.print_document(&json!({ "running": false, "listen": cloud.listen }))?;
            } else {
                terminal.print(&format!("not running at {}", cloud.listen))?;
            }
            Ok(EXIT_ERROR)
        }
        Health::Other(what) => Err(LocalError::Taken(cloud.listen, what).into()),
    }
}

async fn stop(cloud: &LocalCloud, terminal: &Terminal) -> Result<u8, Error> {
    let was_running = cloud.stop().await?;
    if terminal.json {
        let document = json!({ "running": false, "listen": cloud.listen, "was_running": was_running });
        terminal.print_document(&document)?;
    } else if was_running {
        terminal.say(&format!("stopped; its clusters come back with `shardform local start` ({})", cloud.listen))?;
    } else {
        terminal.say(&format!("not running at {}", cloud.listen))?;
    }
    Ok(0)
}

fn show(cloud: &LocalCloud, report: &Report, terminal: &Terminal) -> Result<(), Error> {
    let log = cloud.log_file().display().to_string();
    if terminal.json {
        let document = json!({
            "running": true,
            "listen": cloud.listen,
            "url": cloud.url(),
            "pid": report.pid,
            "version": report.version,
            "started_at": report.started_at,
            "engine": report.engine,
            "clusters": report.clusters,
            "log": log,
        });
        return terminal.print_document(&document);
    }
    let clusters = report.clusters.as_ref().map(clusters_text);
    let pid = report.pid.to_string();
    let url = cloud.url();
    let rows = [
        ("running", Some(url.as_str())),
        ("process", Some(pid.as_str())),
        ("since", report.started_at.as_deref()),
        ("engine", report.engine.as_deref()),
        ("clusters", clusters.as_deref()),
        ("log", Some(log.as_str())),
    ];
    for (label, value) in rows {
        if let Some(value) = value {
            terminal.say(&format!("{}  {value}", terminal.paint.dim(&format!("{label:<8}"))))?;
        }
    }
    Ok(())
}

/// Names where they are told, otherwise how many there are.
fn clusters_text(clusters: &Value) -> String {
    let name = |cluster: &Value| cluster.as_str().or_else(|| cluster.get("id")?.as_str()).map(str::to_owned);
    match clusters {
        Value::Array(all) if all.is_empty() => "none".to_owned(),
        Value::Array(all) => {
            let names: Vec<String> = all.iter().filter_map(name).collect();
            if names.len() == all.len() { names.join(", ") } else { count(all.len(), "cluster") }
        }
        other => other.to_string(),
    }
}

async fn logs(cloud: &LocalCloud, follow: bool, lines: usize, terminal: &Terminal) -> Result<u8, Error> {
    let path = cloud.log_file();
    let (last, mut read_to) = tail(&path, lines).map_err(|error| LocalError::NoLog(path.clone(), error))?;
    // For programs each line is a JSON string.
    let show = |line: &str| if terminal.json { terminal.print_json(&line) } else { terminal.print(line) };
    for line in last {
        show(&line)?;
    }
    while follow && !terminal.is_closed() {
        tokio::time::sleep(FOLLOW_EVERY).await;
        let (text, end) = news(&path, read_to).unwrap_or((String::new(), read_to));
        read_to = end;
        for line in text.lines() {
            show(line)?;
        }
    }
    Ok(0)
}

/// Whole lines that were added since; a file that has become shorter is read from its beginning.
fn news(path: &Path, read_to: u64) -> std::io::Result<(String, u64)> {
    let mut file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    let from = if length < read_to { 0 } else { read_to };
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    bytes.truncate(whole);
    Ok((String::from_utf8_lossy(&bytes).into_owned(), from + bytes.len() as u64))
}
