//! What `apply` and `destroy` share: show, ask, look again, carry out, look again, and tell.
//!
//! Makes no choice about the stack: what runs is the step graph that was shown.

use std::time::Duration;

use shardform::diff::Change;
use shardform::event::Event;
use shardform::execute::{Outcome, execute};
use shardform::resource::{Address, Ownership};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::ending::Ending;
use crate::error::{Error, Finding, cloud_hint};
use crate::interrupt::Interrupt;
use crate::plan_file::place_of;
use crate::progress::Reporter;
use crate::session::{Intent, Picture, Session};
use crate::terminal::{Terminal, Volume};
use crate::view::json::{EndEvent, PlanEvent};
use crate::view::outcome::{self, Finished};
use crate::view::plan;

/// How often what moves by itself is waited for before something is changed: others may go on changing it.
const MOST_WAITS: u32 = 3;

/// How the user wants it.
pub struct Manner {
    /// What is intended: apply or destroy.
    pub intent: Intent,
    /// Without asking.
    pub yes: bool,
    /// How long is waited.
    pub timeout: Option<Duration>,
}

impl Manner {
    fn command(&self) -> &'static str {
        match self.intent {
            Intent::Apply | Intent::Look => "apply",
            Intent::Destroy => "destroy",
        }
    }
}

/// Why the waiting was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Interrupted,
    TimedOut,
}

/// Carries it all out.
pub async fn carry_out(
    session: &Session,
    manner: &Manner,
    interrupt: &Interrupt,
    terminal: &Terminal,
) -> Result<u8, Error> {
    let mut waited = 0;
    loop {
        let shown = interrupt.leaving(session.picture(manner.intent)).await?;
        show(session, &shown, terminal)?;
        if !shown.changes.refusals.is_empty() {
            return Err(session.refused(&shown.changes.refusals));
        }
        if shown.steps.steps.is_empty() {
            return nothing_to_do(session, manner, &shown, interrupt, terminal).await;
        }
        let confirmed = interrupt.leaving(confirm(session, manner, &shown, terminal)).await?;
        if confirmed.steps.steps.is_empty() {
            return nothing_to_do(session, manner, &confirmed, interrupt, terminal).await;
        }
        terminal.say("")?;
        let began = Instant::now();
        let (outcome, stop) = run(session, manner, &confirmed, interrupt, terminal).await;
        let look_again = confirmed.is_waiting() && manner.intent == Intent::Apply && waited < MOST_WAITS;
        if !look_again || !outcome.is_complete() {
            return conclude(session, manner, &outcome, stop, began.elapsed(), interrupt, terminal).await;
        }
        // What differs of what was on its way can be told only now that it has settled.
        waited += 1;
        terminal.say("")?;
    }
}

/// Tells how it ended; where all is done, looks at it once more.
async fn conclude(
    session: &Session,
    manner: &Manner,
    outcome: &Outcome,
    stop: Option<Stop>,
    took: Duration,
    interrupt: &Interrupt,
    terminal: &Terminal,
) -> Result<u8, Error> {
    let again = session.again.command(manner.command());
    let finished = Finished { outcome, intent: manner.intent, took, again };
    if terminal.animated {
        // The last drawn line doesn't end by itself.
        terminal.say("")?;
    }
    terminal.say(&outcome::text(&finished, terminal.paint))?;
    let result = match ended(session, manner, &finished, stop) {
        None => look_back(session, manner, interrupt, terminal).await,
        Some(error) => Err(error),
    };
    end(&finished, result, session.snapshot.as_deref(), terminal)
}

fn show(session: &Session, picture: &Picture, terminal: &Terminal) -> Result<(), Error> {
    let (stack, region) = (session.stack(), session.region.as_str());
    if terminal.json {
        return terminal.print_json(&PlanEvent::new(stack, region, picture));
    }
    if picture.steps.steps.is_empty() {
        return Ok(());
    }
    if terminal.volume == Volume::Quiet {
        return terminal.print(&plan::summary(&picture.changes.summary()));
    }
    let heading = plan::Heading { stack, region, account: picture.account.as_deref() };
    terminal.print(&plan::text(&heading, picture, terminal.is_verbose(), terminal.paint))
}

/// Says at once that nothing changes, and what there is.
async fn nothing_to_do(
    session: &Session,
    manner: &Manner,
    picture: &Picture,
    interrupt: &Interrupt,
    terminal: &Terminal,
) -> Result<u8, Error> {
    let (stack, region) = (session.stack(), &session.region);
    let ending = match manner.intent {
        Intent::Apply | Intent::Look => Some(Ending::checked(session, picture, interrupt).await?),
        Intent::Destroy => None,
    };
    let fault = ending.as_ref().and_then(Ending::fault).map(Error::Unhealthy);
    if terminal.json {
        let end = EndEvent::unchanged(ending.as_ref()).keeping(session.snapshot.as_deref());
        return match fault {
            None => terminal.print_json(&end).map(|()| 0),
            Some(error) => {
                terminal.print_json(&end.failing(&error))?;
                Err(error.told())
            }
        };
    }
    let sentence = match manner.intent {
        Intent::Destroy => format!("{stack} in {region}: there is nothing to delete"),
        Intent::Apply | Intent::Look => format!("{stack} in {region}: nothing to change"),
    };
    terminal.print(&sentence)?;
    for note in &picture.changes.notes {
        terminal.say(&format!("  note: {note}"))?;
    }
    if let Some(name) = &session.snapshot {
        terminal.say(&outcome::kept(name, terminal.paint))?;
    }
    match ending {
        Some(ending) => terminal.say(&ending.text(terminal.paint)),
        None => Ok(()),
    }?;
    fault.map_or(Ok(0), Err)
}

/// Asks, and looks again right before the first change: what was confirmed is what runs. What has come about by itself
/// meanwhile is left out; anything new stops it.
async fn confirm(session: &Session, manner: &Manner, shown: &Picture, terminal: &Terminal) -> Result<Picture, Error> {
    // To wait changes nothing, so there is nothing to confirm.
    if shown.is_only_waiting() {
        return Ok(shown.clone());
    }
    if !manner.yes {
        if !terminal.can_ask() {
            return Err(Error::Unconfirmed);
        }
        let question = match manner.intent {
            Intent::Destroy => match &session.snapshot {
                None => format!("\nDelete all of {}, with its data? [y/N]", session.stack()),
                Some(name) => {
                    format!("\nDelete all of {}, and keep its data in the snapshot {name}? [y/N]", session.stack())
                }
            },
            Intent::Apply | Intent::Look => "\nMake these changes? [y/N]".to_owned(),
        };
        if !terminal.ask(&question).await {
            return Err(Error::Declined);
        }
    }
    let now = session.picture(manner.intent).await?;
    let confirmed = |change: &Change| shown.changes.changes.contains(change);
    if !now.changes.refusals.is_empty() || !now.changes.changes.iter().all(confirmed) {
        return Err(Error::Moved(now.moved_since(shown)));
    }
    Ok(now)
}

/// Walks the steps, reporting meanwhile; time and Ctrl-C end the waiting.
async fn run(
    session: &Session,
    manner: &Manner,
    shown: &Picture,
    interrupt: &Interrupt,
    terminal: &Terminal,
) -> (Outcome, Option<Stop>) {
    let mut reporter = Reporter::new(&shown.steps, terminal);
    let (stop_sender, stop_receiver) = watch::channel(false);
    let (event_sender, mut events) = mpsc::unbounded_channel::<Event>();
    let running = execute(session.cloud.clone(), &shown.steps, shown.ids(), event_sender, stop_receiver);
    tokio::pin!(running);
    let time_is_up = async {
        match manner.timeout {
            Some(timeout) => tokio::time::sleep(timeout).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(time_is_up);
    let mut stop = None;
    let outcome = loop {
        let reason = tokio::select! {
            Some(event) = events.recv() => {
                reporter.on(&event);
                continue;
            }
            outcome = &mut running => break outcome,
            () = interrupt.pressed(), if stop.is_none() => Stop::Interrupted,
            () = &mut time_is_up, if stop.is_none() => Stop::TimedOut,
        };
        stop = Some(reason);
        stop_sender.send_replace(true);
        if reason == Stop::Interrupted {
            reporter.remark("leaving; calls under way are finished first (Ctrl-C again ends at once)");
        }
    };
    while let Ok(event) = events.try_recv() {
        reporter.on(&event);
    }
    reporter.finish();
    (outcome, stop)
}

/// The error of steps that are not all done.
fn ended(session: &Session, manner: &Manner, finished: &Finished, stop: Option<Stop>) -> Option<Error> {
    let outcome = finished.outcome;
    if !outcome.failed.is_empty() {
        let next = format!(
            "mend the cause, then `{}`: what is done is not done again",
            session.again.command(manner.command())
        );
        let findings = outcome.failed.iter().map(|(step, error)| Finding {
            address: Some(step.address),
            at: place_of(&session.plan_file, step.address),
            operation: error.operation.clone(),
            code: error.code.clone(),
            message: error.message.clone(),
            hint: cloud_hint(error).unwrap_or_else(|| next.clone()),
        });
        return Some(Error::Failed(findings.collect()));
    }
    if outcome.is_complete() {
        return None;
    }
    let again = finished.again.clone();
    Some(match stop {
        Some(Stop::TimedOut) => Error::TimedOut { again },
        Some(Stop::Interrupted) | None => Error::Stopped { again },
    })
}

/// Reads again after the last step: what the cloud has not done in truth is told, and not called a success.
async fn look_back(
    session: &Session,
    manner: &Manner,
    interrupt: &Interrupt,
    terminal: &Terminal,
) -> Result<Option<Ending>, Error> {
    let now = interrupt.leaving(session.picture(manner.intent)).await?;
    let differing: Vec<Address> = now.changes.changes.iter().map(|change| change.address).collect();
    if manner.intent == Intent::Destroy {
        for note in &now.changes.notes {
            terminal.say(&format!("  note: {note}"))?;
        }
        let still_there = if differing.is_empty() { unreadable(&now) } else { differing };
        if !still_there.is_empty() {
            return Err(Error::StillThere(still_there));
        }
        // Such as that the snapshot is not there after all.
        if !now.changes.refusals.is_empty() {
            return Err(session.refused(&now.changes.refusals));
        }
        if let Some(name) = &session.snapshot {
            terminal.say(&outcome::kept(name, terminal.paint))?;
        }
        return Ok(None);
    }
    if !now.changes.refusals.is_empty() {
        return Err(session.refused(&now.changes.refusals));
    }
    if !differing.is_empty() {
        return Err(Error::StillDiffers(differing));
    }
    let ending = Ending::checked(session, &now, interrupt).await?;
    terminal.say(&ending.text(terminal.paint))?;
    match ending.fault() {
        Some(fault) => Err(Error::Unhealthy(fault)),
        None => Ok(Some(ending)),
    }
}

/// What was left because its tags could not be read: it may be the stack's, so the work isn't done.
fn unreadable(picture: &Picture) -> Vec<Address> {
    let live = &picture.live;
    let owners = [
        (Address::SubnetGroup, live.subnet_group.as_ref().map(|group| group.ownership)),
        (Address::ReplicationGroup, live.replication_group.as_ref().map(|group| group.ownership)),
    ];
    let groups = live.parameter_groups.iter().map(|group| (Address::ParameterGroup, Some(group.ownership)));
    let all = owners.into_iter().chain(groups);
    let mut addresses: Vec<Address> =
        all.filter(|(_, owner)| *owner == Some(Ownership::Unknown)).map(|(address, _)| address).collect();
    addresses.dedup();
    addresses
}

/// The last line for programs; people have it all by now, apart from the error.
fn end(
    finished: &Finished,
    result: Result<Option<Ending>, Error>,
    snapshot: Option<&str>,
    terminal: &Terminal,
) -> Result<u8, Error> {
    if !terminal.json {
        return result.map(|_| 0);
    }
    match result {
        Ok(ending) => {
            terminal.print_json(&EndEvent::done(finished, ending.as_ref()).keeping(snapshot))?;
            Ok(0)
        }
        Err(error) => {
            terminal.print_json(&EndEvent::not_done(finished, &error))?;
            Err(error.told())
        }
    }
}
