//! Deletes several stacks side by side: each is looked at again with its tags read, and what is still to go goes by the
//! steps that `destroy` takes. One stack's failure doesn't stop the others.

mod guard;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use shardform::aws::AwsCloud;
use shardform::cloud::{Cloud, CloudError, Ids};
use shardform::diff::{ChangeSet, teardown};
use shardform::event::Event;
use shardform::execute::{Outcome, execute, patiently};
use shardform::observed::{Live, Query};
use shardform::resource::{Names, Ownership};
use shardform::stacks::{Stack, Verdict, Why, recheck};
use shardform::steps::steps;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::guard::{Guarded, spared};
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::session::now_s;
use crate::terminal::Terminal;
use crate::view::{count, duration, printable};

/// How many stacks are deleted at a time: an account's API takes so many calls a second.
const AT_A_TIME: usize = 8;

/// A stack that is to be deleted, and why.
pub struct Doomed {
    /// The cloud, for this stack.
    pub cloud: AwsCloud,
    /// The stack as it was shown.
    pub stack: Stack,
    /// Why.
    pub why: Why,
}

/// How the user wants it.
pub struct Cleaning {
    /// How long is waited.
    pub timeout: Option<Duration>,
    /// Whether regions are to be named.
    pub several_regions: bool,
    /// The command that goes on.
    pub again: String,
}

/// How one stack has ended.
enum End {
    /// All of it is gone; so many resources were deleted.
    Deleted(usize),
    /// It is left alone, and rightly; why.
    Kept(String),
    /// Something of it is left; what and why.
    Left(Vec<String>),
}

/// Why the waiting was left.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    Interrupted,
    TimedOut,
}

/// How all stacks have ended.
#[derive(Default)]
struct Tally {
    deleted: Vec<String>,
    kept: Vec<String>,
    left: Vec<String>,
}

impl Cleaning {
    /// Deletes them all; answers with the exit code.
    ///
    /// # Errors
    /// Something is left.
    pub async fn carry_out(self, all: Vec<Doomed>, interrupt: &Interrupt, terminal: &Terminal) -> Result<u8, Error> {
        terminal.say("")?;
        let began = Instant::now();
        let mut waiting = VecDeque::from(all);
        let (stop_sender, stopped) = watch::channel(false);
        let (sender, mut events) = mpsc::unbounded_channel();
        let mut running = JoinSet::new();
        let mut tally = Tally::default();
        let mut stop = None;
        let time_is_up = async {
            match self.timeout {
                Some(timeout) => tokio::time::sleep(timeout).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(time_is_up);
        loop {
            while stop.is_none()
                && running.len() < AT_A_TIME
                && let Some(next) = waiting.pop_front()
            {
                let name = self.name(&next.stack);
                let work = delete(next, name.clone(), sender.clone(), stopped.clone());
                running.spawn(async move { (name, work.await) });
            }
            let reason = tokio::select! {
                ended = running.join_next() => match ended {
                    None => break,
                    Some(Ok((name, end))) => {
                        self.tell(&name, &end, began.elapsed(), terminal)?;
                        tally.add(name, &end);
                        continue;
                    }
                    // A stack's task is never aborted and has no way to panic.
                    Some(Err(_)) => continue,
                },
                Some((name, status)) = events.recv() => {
                    self.tell_status(&name, &status, began.elapsed(), terminal)?;
                    continue;
                }
                () = interrupt.pressed(), if stop.is_none() => Stop::Interrupted,
                () = &mut time_is_up, if stop.is_none() => Stop::TimedOut,
            };
            if reason == Stop::Interrupted {
                terminal.mention("leaving; calls under way are finished first (Ctrl-C again ends at once)");
            }
            stop = Some(reason);
            stop_sender.send_replace(true);
        }
        tally.left.extend(waiting.iter().map(|doomed| self.name(&doomed.stack)));
        self.conclude(&tally, stop, began.elapsed(), terminal)
    }

    fn name(&self, stack: &Stack) -> String {
        match self.several_regions {
            true => format!("{} in {}", printable(&stack.name), stack.region),
            false => printable(&stack.name),
        }
    }

    fn tell(&self, name: &str, end: &End, at: Duration, terminal: &Terminal) -> Result<(), Error> {
        let (word, texts) = match end {
            End::Deleted(resources) => ("deleted", vec![count(*resources, "resource")]),
            End::Kept(why) => ("kept", vec![why.clone()]),
            End::Left(why) => ("left", why.clone()),
        };
        if terminal.json {
            let at = at.as_secs_f64();
            return terminal.print_json(&json!({ "event": word, "stack": name, "at_s": at, "details": texts }));
        }
        let colored = match end {
            End::Deleted(_) => terminal.paint.green(word),
            End::Kept(_) => terminal.paint.yellow(word),
            End::Left(_) => terminal.paint.red(word),
        };
        terminal.say(&format!("{:>8}  {name}  {colored}: {}", duration(at), printable(&texts.join("; "))))
    }

    /// What is waited for; of interest to who asks for much, and to programs.
    fn tell_status(&self, name: &str, status: &str, at: Duration, terminal: &Terminal) -> Result<(), Error> {
        if terminal.json {
            let at = at.as_secs_f64();
            return terminal.print_json(&json!({ "event": "waiting", "stack": name, "at_s": at, "status": status }));
        }
        if terminal.is_verbose() {
            return terminal.say(&format!("{:>8}  {name}  {}", duration(at), printable(status)));
        }
        Ok(())
    }

    fn conclude(&self, tally: &Tally, stop: Option<Stop>, took: Duration, terminal: &Terminal) -> Result<u8, Error> {
        let kept = match tally.kept.len() {
            0 => String::new(),
            kept => format!(", {kept} kept"),
        };
        let left = match tally.left.len() {
            0 => String::new(),
            left => format!(", {left} left"),
        };
        let sentence = format!("{} deleted in {}{kept}{left}", count(tally.deleted.len(), "stack"), duration(took));
        terminal.say(&format!("\n{}", terminal.paint.bold(&sentence)))?;
        let again = self.again.clone();
        let error = match stop {
            _ if tally.left.is_empty() => None,
            Some(Stop::Interrupted) => Some(Error::Stopped { again }),
            Some(Stop::TimedOut) => Some(Error::TimedOut { again }),
            None => Some(Error::LeftOver { stacks: tally.left.clone(), again }),
        };
        if terminal.json {
            let code = error.as_ref().map_or(0, Error::exit_code);
            let mut end = json!({
                "event": "end", "exit_code": code, "took_s": took.as_secs_f64(),
                "deleted": tally.deleted, "kept": tally.kept, "left": tally.left,
            });
            if let Some(error) = &error {
                end["error"] = error.to_json();
            }
            terminal.print_json(&end)?;
        }
        match error {
            None => Ok(0),
            Some(error) if terminal.json => Err(error.told()),
            Some(error) => Err(error),
        }
    }
}

impl Tally {
    fn add(&mut self, name: String, end: &End) {
        let list = match end {
            End::Deleted(_) => &mut self.deleted,
            End::Kept(_) => &mut self.kept,
            End::Left(_) => &mut self.left,
        };
        list.push(name);
    }
}

/// Deletes one stack, if it still is to be.
async fn delete(
    doomed: Doomed,
    name: String,
    told: mpsc::UnboundedSender<(String, String)>,
    mut stopped: watch::Receiver<bool>,
) -> End {
    let Doomed { cloud, stack, why } = doomed;
    let cloud = Arc::new(cloud);
    let looked = tokio::select! {
        looked = look(&cloud, &stack.name) => looked,
        Ok(_) = stopped.wait_for(|stop| *stop) => return End::Left(vec!["not begun".to_owned()]),
    };
    let (live, changes) = match looked {
        Ok(looked) => looked,
        Err(error) => return End::Left(vec![error.to_string()]),
    };
    let verdict = recheck(&stack, why, &live, now_s());
    match (spared(&verdict), verdict) {
        (None, _) => {}
        (Some(told), Verdict::Changed(_)) => return End::Left(vec![told]),
        (Some(told), _) => return End::Kept(told),
    }
    let stack_name = stack.name.clone();
    let guarded = Arc::new(Guarded::new(Arc::clone(&cloud), stack, why));
    let graph = steps(&changes);
    let (sender, mut events) = mpsc::unbounded_channel();
    let forward = async {
        let mut last = None;
        while let Some(event) = events.recv().await {
            if let Some(status) = status(&event) {
                last = Some(status.clone());
                // A reporter that has gone away is no reason to stop.
                let _ = told.send((name.clone(), status));
            }
        }
        last
    };
    let (outcome, last) = tokio::join!(execute(guarded, &graph, Ids::new(), sender, stopped), forward);
    if !outcome.is_complete() {
        return End::Left(unfinished(&outcome, last));
    }
    // What the cloud has not done in truth is told, and not called a success.
    match look(&cloud, &stack_name).await {
        Ok((live, now)) => ended(&changes, &live, &now),
        Err(error) => End::Left(vec![error.to_string()]),
    }
}

/// What is live of a stack, with its tags read, and what its end takes.
async fn look(cloud: &AwsCloud, stack: &str) -> Result<(Live, ChangeSet), CloudError> {
    let query = query(stack);
    let observed = patiently(|| cloud.observe(&query)).await?;
    let changes = teardown(&query.names, &observed.live);
    Ok((observed.live, changes))
}

/// The question of what there is of a stack.
fn query(stack: &str) -> Query {
    Query { names: Names::new(stack), surroundings: None, snapshot: None }
}

fn status(event: &Event) -> Option<String> {
    let address = event.step().address;
    match event {
        Event::Waiting { status, .. } => Some(format!("{address}: {status}")),
        Event::Busy { message, .. } => Some(format!("{address}: {message}")),
        _ => None,
    }
}

/// What is left of steps that are not all done, failures first; where only calls were not taken, the last word on them.
fn unfinished(outcome: &Outcome, last: Option<String>) -> Vec<String> {
    let failed = outcome.failed.iter().map(|(step, error)| format!("{}: {error}", step.address));
    let left = outcome.left.iter().filter(|(_, status)| !status.is_empty());
    let left = left.map(|(step, status)| format!("{}: {status}", step.address));
    let mut texts: Vec<String> = failed.chain(left).collect();
    if texts.is_empty() {
        texts.push(last.unwrap_or_else(|| "begun, not finished".to_owned()));
    }
    texts
}

fn ended(done: &ChangeSet, live: &Live, now: &ChangeSet) -> End {
    if !now.changes.is_empty() {
        let still = now.changes.iter().map(|change| format!("{} is still there", change.address));
        return End::Left(still.collect());
    }
    if is_unreadable(live) {
        return End::Left(now.notes.clone());
    }
    match (done.changes.len(), now.notes.is_empty()) {
        (0, true) => End::Kept("it is gone already".to_owned()),
        (0, false) => End::Kept(now.notes.join("; ")),
        (resources, _) => End::Deleted(resources),
    }
}

/// Whether something is there whose tags nobody can read: it may be the stack's, so the work isn't done.
fn is_unreadable(live: &Live) -> bool {
    let subnets = live.subnet_group.iter().chain(&live.spare_subnet_groups).map(|group| group.ownership);
    let parameters = live.parameter_groups.iter().map(|group| group.ownership);
    let cluster = live.replication_group.iter().map(|group| group.ownership);
    subnets.chain(parameters).chain(cluster).any(|ownership| ownership == Ownership::Unknown)
}
