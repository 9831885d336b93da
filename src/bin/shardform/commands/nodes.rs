//! `nodes`: CLUSTER NODES for people.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use shardform::cluster::look::{Seen, look, look_in};
use shardform::cluster::reach::Reach;
use shardform::observed::{Live, LiveReplicationGroup};
use tokio::time::Instant;

use super::{Context, block_on};
use crate::args::Nodes;
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::reach;
use crate::session::{Intent, Session};
use crate::terminal::Terminal;
use crate::view::nodes::NodesDocument;
use crate::view::plan::Heading;

/// From one look to the next.
const EVERY: Duration = Duration::from_secs(1);
/// Looks at the nodes between two at what the cloud tells of them, which costs calls.
const LOOKS_A_PICTURE: u32 = 10;

pub(super) fn run(args: &Nodes, context: &Context) -> Result<u8, Error> {
    let (terminal, environment) = (context.terminal, context.environment);
    block_on(async |interrupt: Interrupt| {
        let work = async {
            let session = Session::open(&args.plan_file, Intent::Look, context.global, environment, terminal).await?;
            let live = session.picture(Intent::Look).await?.live;
            let way = reach::open_via(args.way.via, &session, &live, environment, terminal).await?;
            let group = live_group(&session, live)?;
            match (args.raw, args.watch) {
                (true, _) => raw(&way.reach, &group, terminal).await?,
                (false, true) => return Ok(Some((session, group, way))),
                (false, false) => show(&document(&session, &group, &way.reach).await?, terminal)?,
            }
            Ok(None)
        };
        let Some((session, group, way)) = interrupt.leaving(work).await? else { return Ok(0) };
        // To be left is how watching ends, and no failure.
        match interrupt.leaving(watch(&session, group, &way.reach, terminal)).await {
            Ok(()) | Err(Error::Interrupted) => Ok(0),
            Err(error) => Err(error),
        }
    })
}

fn live_group(session: &Session, live: Live) -> Result<LiveReplicationGroup, Error> {
    live.replication_group
        .ok_or_else(|| Error::NoCluster { stack: session.stack().to_owned(), apply: session.again.command("apply") })
}

async fn document(session: &Session, group: &LiveReplicationGroup, reach: &Reach) -> Result<NodesDocument, Error> {
    let seen = look(reach, group, &BTreeSet::new()).await;
    if !seen.reached_any() {
        return Err(unreachable(&seen));
    }
    Ok(NodesDocument::new(&heading(session), group, &seen))
}

fn heading(session: &Session) -> Heading<'_> {
    Heading { stack: session.stack(), region: &session.region, account: None }
}

fn unreachable(seen: &Seen) -> Error {
    Error::Unreachable(match seen.first_silence() {
        Some((endpoint, silence)) => format!("{endpoint}: {}", silence.reason),
        None => "the cloud tells no endpoint yet".to_owned(),
    })
}

fn show(document: &NodesDocument, terminal: &Terminal) -> Result<(), Error> {
    if terminal.json { terminal.print_document(document) } else { terminal.print(&document.text(terminal.paint)) }
}

/// What one node says, word for word: the one behind the configuration endpoint, else the first that answers.
async fn raw(reach: &Reach, group: &LiveReplicationGroup, terminal: &Terminal) -> Result<(), Error> {
    let entry = look_in(reach, group.endpoint.as_ref()).await;
    let told = entry.as_ref().and_then(|entry| Some((&entry.endpoint, &entry.answer.as_ref().ok()?.cluster_nodes)));
    let seen;
    let (endpoint, nodes) = match told {
        Some(told) => told,
        None => {
            seen = Seen { entry: None, ..look(reach, group, &BTreeSet::new()).await };
            let answering = seen.nodes.iter().find_map(|node| Some((&node.endpoint, node.answer.as_ref().ok()?)));
            let (endpoint, answer) =
                answering.ok_or_else(|| unreachable(&Seen { entry: entry.clone(), ..seen.clone() }))?;
            (endpoint, &answer.cluster_nodes)
        }
    };
    if terminal.json {
        return terminal.print_document(&json!({ "endpoint": endpoint.to_string(), "cluster_nodes": nodes }));
    }
    terminal.print(nodes.trim_end_matches('\n'))
}

/// Looks again and again. A look that fails is told in the place of the nodes; the next may not.
async fn watch(
    session: &Session,
    mut group: LiveReplicationGroup,
    reach: &Reach,
    terminal: &Terminal,
) -> Result<(), Error> {
    let mut looks = 0;
    while !terminal.is_closed() {
        let began = Instant::now();
        if looks == LOOKS_A_PICTURE {
            looks = 0;
            // What the cloud told last does while it doesn't answer.
            let live = session.picture(Intent::Look).await.map(|picture| picture.live);
            if let Ok(now) = live.and_then(|live| live_group(session, live)) {
                group = now;
            }
        }
        looks += 1;
        let looked = document(session, &group, reach).await;
        match looked {
            Ok(document) if terminal.json => terminal.print_json(&document)?,
            Ok(document) => terminal.redraw(&document.text(terminal.paint))?,
            Err(error) if terminal.json => terminal.print_json(&json!({ "error": error.to_json() }))?,
            Err(error) => terminal.redraw(&error.to_text(terminal.paint))?,
        }
        tokio::time::sleep_until(began + EVERY).await;
    }
    Ok(())
}
