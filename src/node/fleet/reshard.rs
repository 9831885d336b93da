//! Moves slots with their keys from one primary to another, while clients read and write.
//!
//! Knows the standard way (SETSLOT IMPORTING and MIGRATING, MIGRATE, SETSLOT NODE) and its order; must not know why
//! slots move. It may stop at any point: an open slot is found open by the next look, and the move goes on.

use std::time::{Duration, Instant};

use redis::{ErrorKind, RedisError, RedisResult, Value, from_redis_value};

use super::resp::Link;
use super::slot_set::SlotSet;
use super::topology::NodeId;

/// How many slots are open at a time: enough that an empty cluster's round trips don't add up, few enough that clients
/// are sent to and fro for little.
const SLOTS_AT_ONCE: usize = 512;
/// How many keys one MIGRATE takes along; it blocks both nodes.
const KEYS_AT_ONCE: usize = 100;
/// How many MIGRATE are sent before the first is answered.
const MIGRATES_AT_ONCE: usize = 32;
/// Longest time that one MIGRATE may take.
const MIGRATE_TIMEOUT: Duration = Duration::from_secs(10);

/// One primary that gives and one that takes.
#[derive(Clone, Debug)]
pub struct Mover {
    /// Who gives.
    pub from: Link,
    /// Who takes.
    pub to: Link,
    /// The giver's id.
    pub from_id: NodeId,
    /// The taker's id.
    pub to_id: NodeId,
    /// The other primaries, who are told at once, so that they send no client the wrong way.
    pub others: Vec<Link>,
}

impl Mover {
    /// Moves `slots` until all are moved or `deadline` has passed.
    pub async fn run(&self, slots: &SlotSet, deadline: Instant) -> RedisResult<()> {
        let slots: Vec<u16> = slots.iter().collect();
        let patient = self.from.patient(MIGRATE_TIMEOUT + Duration::from_secs(2));
        for batch in slots.chunks(SLOTS_AT_ONCE) {
            self.open(batch).await?;
            let emptied = self.empty(&patient, batch, deadline).await?;
            self.close(&emptied).await?;
            if Instant::now() >= deadline {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The taker first: the giver sends clients there from the moment that it knows.
    async fn open(&self, slots: &[u16]) -> RedisResult<()> {
        all_taken(set_slots(&self.to, slots, "IMPORTING", &self.from_id).await?)?;
        all_taken(set_slots(&self.from, slots, "MIGRATING", &self.to_id).await?)
    }

    /// Moves the keys of open slots; answers with the slots that are empty then.
    async fn empty(&self, patient: &Link, slots: &[u16], deadline: Instant) -> RedisResult<Vec<u16>> {
        let (mut emptied, mut remaining) = (Vec::new(), slots.to_vec());
        loop {
            let keys = self.keys(&remaining).await?;
            let (with_keys, without): (Vec<_>, Vec<_>) =
                remaining.into_iter().zip(keys).partition(|(_, keys)| !keys.is_empty());
            emptied.extend(without.into_iter().map(|(slot, _)| slot));
            remaining = Vec::new();
            for group in with_keys.chunks(MIGRATES_AT_ONCE) {
                if Instant::now() >= deadline {
                    return Ok(emptied);
                }
                self.migrate(patient, group).await?;
                // No key comes to an open slot: the giver sends clients that look for a new one to the taker.
                let (more, done): (Vec<_>, Vec<_>) = group.iter().partition(|(_, keys)| keys.len() == KEYS_AT_ONCE);
                remaining.extend(more.into_iter().map(|(slot, _)| *slot));
                emptied.extend(done.into_iter().map(|(slot, _)| *slot));
            }
            if remaining.is_empty() {
                return Ok(emptied);
            }
        }
    }

    /// Some keys of each slot, in the order of the slots.
    async fn keys(&self, slots: &[u16]) -> RedisResult<Vec<Vec<Vec<u8>>>> {
        let mut pipeline = redis::pipe();
        for slot in slots {
            pipeline.cmd("CLUSTER").arg("GETKEYSINSLOT").arg(*slot).arg(KEYS_AT_ONCE);
        }
        let keys = self.from.ask_all(&mut pipeline).await?;
        keys.into_iter().map(|keys| Ok(from_redis_value(keys?)?)).collect()
    }

    /// REPLACE: after a MIGRATE that was cut short both nodes may have a key, and the giver's, which clients were served
    /// from until now, is the one that counts.
    async fn migrate(&self, patient: &Link, slots: &[(u16, Vec<Vec<u8>>)]) -> RedisResult<()> {
        let (ip, port) = (self.to.address().ip().to_string(), self.to.address().port());
        let timeout_ms = u64::try_from(MIGRATE_TIMEOUT.as_millis()).unwrap_or(u64::MAX);
        let mut pipeline = redis::pipe();
        for (_, keys) in slots {
            pipeline
                .cmd("MIGRATE")
                .arg(&ip)
                .arg(port)
                .arg("")
                .arg(0)
                .arg(timeout_ms)
                .arg("REPLACE")
                .arg("KEYS")
                .arg(keys);
        }
        all_taken(patient.ask_all(&mut pipeline).await?)
    }

    /// The taker first, again: were the giver told first and the taker lost, nobody would serve the slot. A slot that
    /// got a key meanwhile is refused by the giver, and stays open for the next look.
    async fn close(&self, slots: &[u16]) -> RedisResult<()> {
        all_taken(set_slots(&self.to, slots, "NODE", &self.to_id).await?)?;
        all_taken(set_slots(&self.from, slots, "NODE", &self.to_id).await?)?;
        for other in &self.others {
            // They would learn it from the taker anyway.
            let _ = set_slots(other, slots, "NODE", &self.to_id).await;
        }
        Ok(())
    }
}

async fn set_slots(link: &Link, slots: &[u16], state: &str, node: &str) -> RedisResult<Vec<RedisResult<Value>>> {
    if slots.is_empty() {
        return Ok(Vec::new());
    }
    let mut pipeline = redis::pipe();
    for slot in slots {
        pipeline.cmd("CLUSTER").arg("SETSLOT").arg(*slot).arg(state).arg(node);
    }
    link.ask_all(&mut pipeline).await
}

fn all_taken(answers: Vec<RedisResult<Value>>) -> RedisResult<()> {
    let refused = |error: RedisError| RedisError::from((ErrorKind::Client, "a slot can't move", error.to_string()));
    answers.into_iter().find_map(Result::err).map_or(Ok(()), |error| Err(refused(error)))
}
