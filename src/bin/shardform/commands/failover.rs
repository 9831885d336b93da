//! `failover`: fails shards over under watch, and tells what writers and readers saw.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use shardform::cloud::Operations;
use shardform::cluster::drill::admission::{DAY_MS, calls_since, shards, within_limit};
use shardform::cluster::drill::report::{DrillReport, Outcome};
use shardform::cluster::drill::{Drill, Failure, Manner, ShardNodes, Told, survey};
use shardform::cluster::reach::Route;
use shardform::observed::LiveReplicationGroup;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::{Context, block_on};
use crate::args::Failover;
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::reach::{self, Way};
use crate::report_file::ReportFile;
use crate::session::{Intent, Session};
use crate::terminal::Terminal;
use crate::view::drill as view;
use crate::view::drill_page::page;
use crate::view::duration;
use crate::view::plan::Heading;

/// How long a client waits for an answer that comes through the client host.
const THROUGH_HOST: Duration = Duration::from_secs(3);

pub(super) fn run(args: &Failover, context: &Context) -> Result<u8, Error> {
    block_on(async |interrupt: Interrupt| {
        let file = args.report.as_deref().map(ReportFile::open).transpose()?;
        let ready = interrupt.leaving(prepare(args, context)).await?;
        let ended = watched(&ready, args, &interrupt, context.terminal).await;
        conclude(&ended, args, file, context.terminal)
    })
}

/// How a drill ended.
struct Ended {
    report: DrillReport,
    failure: Option<Failure>,
    /// Whether the user has left it.
    left: bool,
}

/// All that a drill needs.
struct Ready {
    session: Session,
    group: LiveReplicationGroup,
    way: Way,
    /// Ids of the shards, in the order in which they are failed over.
    shards: Vec<String>,
}

/// Looks at the cluster, says what is about to be done, and asks.
async fn prepare(args: &Failover, context: &Context<'_>) -> Result<Ready, Error> {
    let (terminal, environment) = (context.terminal, context.environment);
    let session = Session::open(&args.plan_file, Intent::Look, context.global, environment, terminal).await?;
    let picture = session.picture(Intent::Look).await?;
    let live = picture.live;
    let group = live
        .replication_group
        .clone()
        .ok_or_else(|| Error::NoCluster { stack: session.stack().to_owned(), apply: session.again.command("apply") })?;
    let id = group_id(&session);
    let now_ms = now_ms();
    let shards = shards(&id, &group, &args.shard, now_ms)?;
    let known = match session.cloud.events(&id, &group.member_ids, now_ms.saturating_sub(DAY_MS)).await {
        Ok(events) => Some(calls_since(&events, now_ms.saturating_sub(DAY_MS))),
        Err(error) => {
            terminal.mention(&format!("events can't be read: {error}"));
            None
        }
    };
    within_limit(&id, known.unwrap_or(0), shards.len())?;
    let way = reach::open_via(args.way.via, &session, &live, environment, terminal).await?;
    let found = survey(&way.reach, &id, &group, &shards).await?;
    let watched: Vec<&ShardNodes> = shards.iter().filter_map(|id| found.shard(id)).collect();
    let heading = Heading { stack: session.stack(), region: &session.region, account: picture.account.as_deref() };
    terminal.say(&view::before(&heading, &watched, known, terminal.paint))?;
    confirm(&watched, args, terminal).await?;
    Ok(Ready { session, group, way, shards })
}

async fn confirm(shards: &[&ShardNodes], args: &Failover, terminal: &Terminal) -> Result<(), Error> {
    if args.yes {
        return Ok(());
    }
    if !terminal.can_ask() {
        return Err(Error::Unconfirmed);
    }
    let question = match shards {
        [one] => format!("\nFail shard {} over? [y/N]", one.id),
        several => format!("\nFail these {} shards over? [y/N]", several.len()),
    };
    if terminal.ask(&question).await { Ok(()) } else { Err(Error::Declined) }
}

/// Runs the drill, saying how it goes; Ctrl-C ends it in order.
async fn watched(ready: &Ready, args: &Failover, interrupt: &Interrupt, terminal: &Terminal) -> Ended {
    let (told, mut telling) = mpsc::unbounded_channel();
    let (leave, stop) = watch::channel(false);
    let session = &ready.session;
    let drill = Drill {
        cloud: session.cloud.clone(),
        reach: ready.way.reach.clone(),
        stack: session.stack().to_owned(),
        region: session.region.clone(),
        id: group_id(session),
        group: ready.group.clone(),
        began_ms: now_ms(),
        manner: manner(ready, args.timeout),
        told,
        stop,
    };
    let began = Instant::now();
    let say = |told: &Told| {
        terminal.mention(&format!("  {:>6}  {}", duration(began.elapsed()), view::progress(told)));
    };
    let running = drill.run(&ready.shards);
    tokio::pin!(running);
    let mut left = false;
    let (report, failure) = loop {
        tokio::select! {
            biased;
            Some(told) = telling.recv() => say(&told),
            ended = &mut running => break ended,
            () = interrupt.pressed(), if !left => {
                left = true;
                leave.send_replace(true);
                terminal.tell("leaving; what the drill has written is deleted first (Ctrl-C again ends at once)");
            }
        }
    };
    while let Ok(told) = telling.try_recv() {
        say(&told);
    }
    Ended { report, failure, left }
}

/// What is near can be asked more often.
fn manner(ready: &Ready, timeout: Duration) -> Manner {
    let endpoint = ready.group.endpoint.as_ref();
    let address = endpoint.and_then(|endpoint| endpoint.address.parse::<IpAddr>().ok());
    if ready.session.local || address.is_some_and(|address| address.is_loopback()) {
        return Manner::local(timeout);
    }
    let manner = Manner::remote(timeout);
    match ready.way.reach.route {
        Route::Direct => manner,
        Route::Socks(_) => Manner { patience: THROUGH_HOST, ..manner },
    }
}

/// Shows what it showed; an error where it is not as it should be.
fn conclude(ended: &Ended, args: &Failover, file: Option<ReportFile>, terminal: &Terminal) -> Result<u8, Error> {
    let report = &ended.report;
    let is_begun = !report.drills.is_empty();
    if terminal.json && is_begun {
        terminal.print_document(report)?;
    } else if is_begun {
        terminal.print(&view::text(report, terminal.paint))?;
    }
    let written = file.filter(|_| is_begun).map(|file| file.write(&page(report))).transpose();
    if let Ok(Some(name)) = &written {
        terminal.mention(&format!("report: {name}"));
    }
    // Programs have one document, and the exit code.
    let error = |error: Error| if is_begun { error.told() } else { error };
    match (verdict(ended, args.max_unavailable), written) {
        (None, written) => written.map(|_| 0).map_err(error),
        (Some(verdict), written) => {
            if let Err(unwritten) = written {
                terminal.tell(&unwritten.to_text(terminal.error_paint));
            }
            Err(error(verdict))
        }
    }
}

/// What is wrong, if anything is: the worst first.
fn verdict(ended: &Ended, most: Option<Duration>) -> Option<Error> {
    let report = &ended.report;
    if ended.left {
        return Some(Error::Interrupted);
    }
    match &ended.failure {
        Some(Failure::Cloud(error)) => return Some(Error::Cloud(error.clone())),
        Some(Failure::Refused(refusal)) => return Some(Error::Drill(refusal.clone())),
        None => {}
    }
    let unwell = report.drills.iter().find(|drill| drill.outcome != Outcome::Restored);
    if let Some(drill) = unwell {
        return Some(Error::NotRestored { shard: drill.shard.clone(), what: view::ended(drill.outcome) });
    }
    let most = most?;
    let streams = report.drills.iter().flat_map(|drill| {
        [(drill, "writes", drill.writes.longest_outage_ms()), (drill, "reads", drill.reads.longest_outage_ms())]
    });
    let (drill, what, out_ms) = streams.max_by_key(|(_, _, out_ms)| *out_ms)?;
    let (shard, out) = (drill.shard.clone(), Duration::from_millis(out_ms));
    (out > most).then_some(Error::OutForTooLong { shard, what, out, most })
}

/// The replication group's id.
fn group_id(session: &Session) -> String {
    shardform::resource::Names::new(session.stack()).replication_group()
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use shardform::cluster::drill::admission::Refusal;
    use shardform::cluster::drill::report::{Outage, ShardDrill, Traffic};

    use super::*;

    fn ended(outcome: Outcome, writes_ms: u64, reads_ms: u64) -> Ended {
        let out = |to_ms| Traffic { outages: vec![Outage { from_ms: 0, to_ms }], ..Traffic::default() };
        let (writes, reads) = (out(writes_ms), out(reads_ms));
        let drill = ShardDrill { shard: "0001".to_owned(), outcome, writes, reads, ..ShardDrill::default() };
        let report = DrillReport { drills: vec![drill], ..DrillReport::default() };
        Ended { report, failure: None, left: false }
    }

    fn told(ended: &Ended, most_s: Option<u64>) -> Option<(String, u8)> {
        let error = verdict(ended, most_s.map(Duration::from_secs))?;
        Some((error.to_string(), error.exit_code()))
    }

    fn error(words: &str, code: u8) -> Option<(String, u8)> {
        Some((words.to_owned(), code))
    }

    #[test]
    fn the_gate_is_about_writes_and_reads() {
        let most = "5.0s is the most that is allowed";
        assert_eq!(told(&ended(Outcome::Restored, 4999, 5000), Some(5)), None);
        let writes = format!("shard 0001: writes failed for 5.1s at a time, and {most}");
        assert_eq!(told(&ended(Outcome::Restored, 5100, 10), Some(5)), error(&writes, 1));
        let reads = format!("shard 0001: reads failed for 1m 02s at a time, and {most}");
        assert_eq!(told(&ended(Outcome::Restored, 5100, 62_000), Some(5)), error(&reads, 1));
        assert_eq!(told(&ended(Outcome::Restored, 5100, 62_000), None), None);
    }

    #[test]
    fn who_is_not_restored_is_always_an_error() {
        let not_back = error("shard 0001 is not back at full strength", 1);
        assert_eq!(told(&ended(Outcome::NotRestored, 0, 0), None), not_back);
        let not_failed_over = error("shard 0001 was not failed over", 1);
        assert_eq!(told(&ended(Outcome::NotFailedOver, 0, 0), Some(5)), not_failed_over);
    }

    #[test]
    fn leaving_is_an_interruption_and_a_refusal_is_told() {
        let failure = Some(Failure::Refused(Refusal::NoReplica { shard: "0002".to_owned() }));
        let refused = Ended { failure, ..ended(Outcome::Restored, 0, 0) };
        assert_eq!(told(&refused, None), error("shard 0002 has no replica that could take over", 1));
        // Also where the shard that was under way has come to its end.
        assert_eq!(told(&Ended { left: true, ..refused }, None), error("interrupted", 130));
    }
}
