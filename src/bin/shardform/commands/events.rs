//! `events`: what the cloud tells of the cluster and its nodes, also of those that are gone.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::tz::TimeZone;
use shardform::cloud::{CloudError, CloudEvent, ErrorKind, Operations};
use shardform::resource::Names;

use super::{Context, block_on};
use crate::args::Events;
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::session::{Intent, Session};
use crate::tail::Tail;
use crate::terminal::Terminal;
use crate::view::events::{EventDocument, line, moment};

/// The first pause between two looks; it grows while nothing happens, because accounts have a limit of calls.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

pub(super) fn run(args: &Events, context: &Context) -> Result<u8, Error> {
    let (terminal, environment) = (context.terminal, context.environment);
    let since_ms = now_ms().saturating_sub(u64::try_from(args.since.as_millis()).unwrap_or(u64::MAX));
    let zone = TimeZone::system();
    block_on(async |interrupt: Interrupt| {
        let work = async {
            let session = Session::open(&args.plan_file, Intent::Look, context.global, environment, terminal).await?;
            if args.follow {
                return follow(&session, since_ms, &zone, terminal).await;
            }
            let events = read(&session, since_ms).await.map_err(Error::Cloud)?;
            show_all(&session, &events, since_ms, &zone, terminal)
        };
        interrupt.leaving(work).await
    })?;
    Ok(0)
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// Asks by the group's name alone: what is gone has no members to name, and its events are told all the same.
async fn read(session: &Session, since_ms: u64) -> Result<Vec<CloudEvent>, CloudError> {
    let group = Names::new(session.stack()).replication_group();
    session.cloud.events(&group, &[], since_ms).await
}

fn show_all(
    session: &Session,
    events: &[CloudEvent],
    since_ms: u64,
    zone: &TimeZone,
    terminal: &Terminal,
) -> Result<(), Error> {
    if terminal.json {
        let documents: Vec<EventDocument> = events.iter().map(|event| EventDocument::new(event, zone)).collect();
        return terminal.print_document(&documents);
    }
    if events.is_empty() {
        let (stack, region) = (session.stack(), &session.region);
        return terminal.say(&format!("{stack} in {region}: no events since {}", moment(since_ms, zone)));
    }
    events.iter().try_for_each(|event| show(event, zone, terminal))
}

fn show(event: &CloudEvent, zone: &TimeZone, terminal: &Terminal) -> Result<(), Error> {
    if terminal.json {
        terminal.print_json(&EventDocument::new(event, zone))
    } else {
        terminal.print(&line(event, zone, terminal.paint))
    }
}

/// Shows what is new, for ever; a cloud that doesn't answer for a while is asked again.
async fn follow(session: &Session, since_ms: u64, zone: &TimeZone, terminal: &Terminal) -> Result<(), Error> {
    let mut tail = Tail::new(since_ms);
    let mut pause = SHORTEST_PAUSE;
    let mut is_first = true;
    while !terminal.is_closed() {
        let news = match read(session, tail.ask_since_ms()).await {
            Ok(events) => tail.news(events),
            Err(error) if !is_first && matches!(error.kind, ErrorKind::Busy | ErrorKind::Unreachable) => {
                terminal.mention(&format!("asking again in {}s: {error}", LONGEST_PAUSE.as_secs()));
                pause = LONGEST_PAUSE;
                Vec::new()
            }
            Err(error) => return Err(Error::Cloud(error)),
        };
        is_first = false;
        news.iter().try_for_each(|event| show(event, zone, terminal))?;
        pause = if news.is_empty() { pause.mul_f64(1.5).min(LONGEST_PAUSE) } else { SHORTEST_PAUSE };
        tokio::time::sleep(pause).await;
    }
    Ok(())
}
