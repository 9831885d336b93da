//! Moves slots with their keys from one primary to another, while clients read and write.
//!
//! Knows the standard way (SETSLOT IMPORTING and MIGRATING, MIGRATE, SETSLOT NODE) and its order; must not know why
//! slots move. It may stop at any point: an open slot is found open by the next look, and the move goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use redis::{ErrorKind, RedisError, RedisResult, Value, from_redis_value};

use super::resp::Link;
use super::slot_set::SlotSet;
use super::topology::NodeId;

/// How many slots are open at a time: enough that an empty cluster's round trips don't add up, few enough that clients
/// are sent to and fro for little.
const SLOTS_AT_ONCE: usize = 512;
/// How many names of keys are asked for a slot, and the most that move at once.
const KEYS_AT_ONCE: usize = 100;
/// How many keys move at once at first: nothing is known yet of their size.
const FIRST_KEYS: usize = 10;
/// MIGRATE blocks both nodes, for clients and for the other nodes: below this time the next portion is larger.
const SHORT_MIGRATE: Duration = Duration::from_millis(50);
/// Above this time the next portion is smaller.
const LONG_MIGRATE: Duration = Duration::from_millis(250);
/// Longest time that one MIGRATE may take.
const MIGRATE_TIMEOUT: Duration = Duration::from_secs(10);

/// How many keys move at once, by how long the earlier ones took. Clones share it.
#[derive(Clone, Debug)]
pub struct Portion(Arc<AtomicUsize>);

impl Default for Portion {
    fn default() -> Self {
        Portion(Arc::new(AtomicUsize::new(FIRST_KEYS)))
    }
}

impl Portion {
    /// How many keys go at once now.
    pub fn keys(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Few keys that were done soon say nothing of more of them.
    pub fn learn(&self, keys: usize, took: Duration) {
        let portion = self.keys();
        if took > LONG_MIGRATE {
            self.0.store((keys.min(portion) / 2).max(1), Ordering::Relaxed);
        } else if took < SHORT_MIGRATE && keys == portion {
            self.0.store((portion * 2).min(KEYS_AT_ONCE), Ordering::Relaxed);
        }
    }
}

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
    /// How many keys go at once.
    pub portion: Portion,
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
            let moved = self.migrate_all(patient, &with_keys, deadline).await?;
            // No key comes to an open slot: the giver sends clients that look for a new one to the taker.
            for (slot, keys) in &with_keys[..moved] {
                let list = if keys.len() == KEYS_AT_ONCE { &mut remaining } else { &mut emptied };
                list.push(*slot);
            }
            if moved < with_keys.len() {
                return Ok(emptied);
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

    /// Moves the keys of these slots, a portion after the other, each short enough that neither node is taken for dead
    /// meanwhile; answers with how many slots were done before the deadline.
    async fn migrate_all(
        &self,
        patient: &Link,
        slots: &[(u16, Vec<Vec<u8>>)],
        deadline: Instant,
    ) -> RedisResult<usize> {
        let (mut at, mut offset) = (0, 0);
        while at < slots.len() {
            let begun = Instant::now();
            if begun >= deadline {
                break;
            }
            let mut left = self.portion.keys();
            let mut parts: Vec<&[Vec<u8>]> = Vec::new();
            while let Some((_, keys)) = slots.get(at).filter(|_| left > 0) {
                let end = keys.len().min(offset + left);
                parts.push(&keys[offset..end]);
                left -= end - offset;
                (at, offset) = if end == keys.len() { (at + 1, 0) } else { (at, end) };
            }
            self.migrate(patient, &parts).await?;
            self.portion.learn(parts.iter().map(|part| part.len()).sum(), begun.elapsed());
        }
        Ok(at)
    }

    /// One MIGRATE a slot, as it takes no keys of several; the giver does what it is sent at once without a look at
    /// anything else.
    ///
    /// REPLACE: after a MIGRATE that was cut short both nodes may have a key, and the giver's, which clients were served
    /// from until now, is the one that counts.
    async fn migrate(&self, patient: &Link, parts: &[&[Vec<u8>]]) -> RedisResult<()> {
        let (ip, port) = (self.to.address().ip().to_string(), self.to.address().port());
        let timeout_ms = u64::try_from(MIGRATE_TIMEOUT.as_millis()).unwrap_or(u64::MAX);
        let mut pipeline = redis::pipe();
        for keys in parts {
            let command = pipeline.cmd("MIGRATE").arg(&ip).arg(port).arg("").arg(0).arg(timeout_ms);
            command.arg("REPLACE").arg("KEYS").arg(*keys);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portions_follow_the_time_that_they_take() {
        let portion = Portion::default();
        let (soon, late) = (Duration::from_millis(1), Duration::from_millis(300));
        assert_eq!(portion.keys(), 10);
        portion.learn(3, soon);
        assert_eq!(portion.keys(), 10);
        portion.learn(10, soon);
        portion.learn(20, Duration::from_millis(100));
        assert_eq!(portion.keys(), 20);
        (0..9).for_each(|_| portion.learn(portion.keys(), soon));
        assert_eq!(portion.keys(), KEYS_AT_ONCE);
        portion.learn(100, late);
        assert_eq!(portion.keys(), 50);
        portion.learn(4, late);
        portion.learn(2, late);
        portion.learn(1, late);
        assert_eq!(portion.keys(), 1);
    }
}
