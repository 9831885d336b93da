//! The writer and the reader of a shard: paced, one request in flight each. Writes are numbered, and each can be told
//! apart from the others afterwards.

use std::collections::BTreeSet;
use std::time::Duration;

use redis::FromRedisValue;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::client::ShardClient;
use super::keys::{Ledger, key_of};
use super::traffic::{Sample, Trouble};

/// How a stream of requests goes.
#[derive(Clone, Debug)]
pub(super) struct Beat {
    /// When the drill began.
    pub(super) began: Instant,
    /// The pause from one request's begin to the next one's, at least.
    pub(super) pace: Duration,
    /// After how long keys go by themselves.
    pub(super) expiry: Duration,
    /// Turns true when it is time to end.
    pub(super) stop: watch::Receiver<bool>,
}

/// What a stream of requests does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Each request appends its number to a key.
    Write,
    /// Each request reads the last number of a key.
    Read,
}

/// A stream of requests, and what it has met.
pub(super) struct Stream {
    kind: Kind,
    keys: Vec<String>,
    beat: Beat,
    number: u64,
    /// Keys that have an expiry; after an error nobody knows.
    guarded: BTreeSet<String>,
    /// Every request.
    pub(super) samples: Vec<Sample>,
    /// Acknowledged writes.
    pub(super) ledger: Ledger,
    pub(super) client: ShardClient,
}

impl Stream {
    pub(super) fn new(kind: Kind, client: ShardClient, keys: Vec<String>, beat: Beat) -> Self {
        let (samples, ledger) = (Vec::new(), Ledger::default());
        Stream { kind, keys, beat, number: 0, guarded: BTreeSet::new(), samples, ledger, client }
    }

    /// Repeats a request at its pace until it is to stop. After one that was sent elsewhere the next goes at once, as a
    /// client repeats it.
    pub(super) fn spawn(mut self) -> JoinHandle<Stream> {
        tokio::spawn(async move {
            let mut stop = self.beat.stop.clone();
            let mut ticks = interval(self.beat.pace.max(Duration::from_millis(1)));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    biased;
                    _ = stop.wait_for(|stop| *stop) => return self,
                    _ = ticks.tick() => {}
                }
                self.client.make_ready().await;
                self.next().await;
                if self.is_redirected() {
                    self.next().await;
                }
            }
        })
    }

    async fn next(&mut self) {
        self.number += 1;
        match self.kind {
            Kind::Write => self.write().await,
            Kind::Read => {
                let mut last = redis::cmd("LINDEX");
                last.arg(key_of(&self.keys, self.number)).arg(-1);
                self.ask::<Option<String>>(&last).await;
            }
        }
    }

    async fn write(&mut self) {
        let key = key_of(&self.keys, self.number).to_owned();
        let mut push = redis::cmd("RPUSH");
        push.arg(&key).arg(self.number);
        let Some(at_us) = self.ask::<u64>(&push).await else {
            self.guarded.clear();
            return;
        };
        self.ledger.note(self.number, at_us / 1000);
        if !self.guarded.contains(&key) {
            let mut expire = redis::cmd("EXPIRE");
            expire.arg(&key).arg(self.beat.expiry.as_secs().max(1));
            // Where this fails the next write fails too, and is noted.
            if self.client.request::<i64>(&expire).await.is_ok() {
                self.guarded.insert(key);
            }
        }
    }

    /// Makes one request, and notes it; when it was answered, if it was.
    async fn ask<T: FromRedisValue>(&mut self, command: &redis::Cmd) -> Option<u64> {
        let began_us = self.now_us();
        let trouble = self.client.request::<T>(command).await.err();
        let ended_us = self.now_us();
        let is_answered = trouble.is_none();
        self.samples.push(Sample { began_us, ended_us, trouble });
        is_answered.then_some(ended_us)
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.beat.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn is_redirected(&self) -> bool {
        let last = self.samples.last().and_then(|sample| sample.trouble.as_ref());
        last.is_some_and(|trouble| *trouble == Trouble::Code("MOVED".to_owned()))
    }
}

/// The numbers that are in the keys. `None`: they can't be read within `patience`.
pub(super) async fn read_back(client: &mut ShardClient, keys: &[String], patience: Duration) -> Option<BTreeSet<u64>> {
    let mut numbers = BTreeSet::new();
    for key in keys {
        let mut range = redis::cmd("LRANGE");
        range.arg(key).arg(0).arg(-1);
        numbers.extend(insist::<Vec<u64>>(client, &range, patience).await?);
    }
    Some(numbers)
}

/// Deletes the keys; those that are not known to be gone within `patience`.
pub(super) async fn clean_up(client: &mut ShardClient, keys: &[String], patience: Duration) -> Vec<String> {
    let deadline = Instant::now() + patience;
    let mut left = Vec::new();
    for key in keys {
        let remaining = deadline.saturating_duration_since(Instant::now());
        let mut delete = redis::cmd("DEL");
        delete.arg(key);
        if insist::<u64>(client, &delete, remaining).await.is_none() {
            left.push(key.clone());
        }
    }
    left
}

/// Repeats a request that may be repeated, until it is answered or time is up; tries it once in any case.
async fn insist<T: FromRedisValue>(client: &mut ShardClient, command: &redis::Cmd, patience: Duration) -> Option<T> {
    let began = Instant::now();
    loop {
        client.make_ready().await;
        match client.request(command).await {
            Ok(answer) => return Some(answer),
            Err(_) if began.elapsed() < patience => sleep(Duration::from_millis(50)).await,
            Err(_) => return None,
        }
    }
}
